#include "infer/kernels.h"

#include <string.h>

const struct kernels *kernels_find(const char *name)
{
#ifdef __x86_64__
    if ((!name || strcmp(name, "avx2") == 0) && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("f16c"))
        return &kernels_avx2;
#endif
    return !name || strcmp(name, "plain") == 0 ? &kernels_plain : NULL;
}
