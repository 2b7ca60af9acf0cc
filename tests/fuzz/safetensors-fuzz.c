/* Any bytes as a safetensors file.  What is accepted is read to its last value. */
#include "infer/safetensors.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static volatile float sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct err err;
    struct safetensors *s = safetensors_parse(data, len, &err);

    for (size_t i = 0; s && i < safetensors_count(s); i++) {
        const struct safetensor *t = safetensors_at(s, i);

        if (safetensors_find(s, t->name) != t)
            abort();
        for (uint64_t j = 0; t->type != SAFETENSOR_OTHER && j < t->n; j++) {
            float x;

            safetensor_read(t, j, 1, &x);
            sink += x;
        }
    }
    safetensors_close(s);
    return 0;
}
