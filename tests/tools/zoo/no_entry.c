/* no_entry.c - a shared object without corax_plugin_entry(). */
#include "tests/tools/zoo/zoo.h"

CORAX_EXPORT int zoo_something_else(void);

int zoo_something_else(void)
{
    return 0;
}
