/*
 * calc-fuzz - any text as an expression: it ends in a value that can be written, or in a sentence.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/math/calc.h"
#include "plugins/math/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char err[160] = "", out[NUMBER_TEXT_SIZE];
    mpq_t value;

    mpq_init(value);
    if (!calc_evaluate(value, (const char *)data, size, err, sizeof err)) {
        if (err[0] == '\0')
            abort();
    } else if (number_format(value, 40, 15, out) && strlen(out) > 2 * NUMBER_MAX_DIGITS + 3) {
        abort();
    }
    mpq_clear(value);
    return 0;
}
