/*
 * molecule_list-fuzz - any bytes as a list of molecules: refused with a reason, or asked for keys without reading outside.
 */
#include <stdint.h>
#include <stdlib.h>

#include "plugins/chemistry/molecule_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[] = { "LFQSCWFLJHTTHZ-UHFFFAOYSA-N", "AAAAAAAAAAAAAA-AAAAAAAASA-N",
                                        "ZZZZZZZZZZZZZZ-ZZZZZZZZSA-N" };
    struct molecule_list list;
    double rate;

    if (molecule_list_open(&list, data, size) != NULL)
        return 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (molecule_list_find(&list, keys[i]) == MOLECULE_DAMAGED && list.bloom)
            abort();
    rate = molecule_list_false_hits(&list);
    if (!(rate >= 0 && rate <= 1))
        abort();
    return 0;
}
