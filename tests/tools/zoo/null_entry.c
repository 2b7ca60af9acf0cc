/* null_entry.c - the entry returns NULL. */
#include "tests/tools/zoo/zoo.h"

const struct corax_plugin *corax_plugin_entry(void)
{
    return NULL;
}
