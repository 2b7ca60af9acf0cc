#include "infer/kernels.h"

#include <stdbool.h>
#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#ifdef __x86_64__
/* __builtin_cpu_supports() also asks whether the system saves the wide registers; not every compiler's knows F16C. */
static bool has_avx2(void)
{
    unsigned a, b, c = 0, d;

    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __get_cpuid(1, &a, &b, &c, &d) &&
           (c & bit_F16C);
}
#endif

const struct kernels *kernels_find(const char *name)
{
#ifdef __x86_64__
    if ((!name || strcmp(name, "avx2") == 0) && has_avx2())
        return &kernels_avx2;
#endif
    return !name || strcmp(name, "plain") == 0 ? &kernels_plain : NULL;
}
