#include "infer/kernels.h"

#include <stdbool.h>
#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif
#ifdef __aarch64__
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

static bool always(void)
{
    return true;
}

#ifdef __x86_64__
/* __builtin_cpu_supports() also asks whether the system saves the wide registers; not every compiler's knows F16C. */
static bool has_avx2(void)
{
    unsigned a, b, c = 0, d;

    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __get_cpuid(1, &a, &b, &c, &d) &&
           (c & bit_F16C);
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}

static bool has_avx512bf16(void)
{
    unsigned a = 0, b, c, d;

    return has_avx512() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & 1U << 5);
}

/* Intel's cores multiply pairs of BF16 every other cycle, at half the speed of f32 (corax-infer bench shows both); AMD's do at twice. */
static bool has_fast_bf16(void)
{
    return has_avx512bf16() && !__builtin_cpu_is("intel");
}
#endif

#ifdef KERNELS_NEON_DOTPROD
static bool has_dotprod(void)
{
    return getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
}

static bool has_i8mm(void)
{
    return has_dotprod() && getauxval(AT_HWCAP2) & HWCAP2_I8MM;
}
#endif

/* From the slowest to the fastest. */
static const struct {
    const struct kernels *kernels;
    bool (*runs)(void);
    bool (*pays)(void); /* whether it is faster than those before it */
} tables[] = {
    { &kernels_plain, always, always },
#ifdef __x86_64__
    { &kernels_avx2, has_avx2, always },
    { &kernels_avx512, has_avx512, always },
    { &kernels_avx512bf16, has_avx512bf16, has_fast_bf16 },
#endif
#ifdef __aarch64__
    { &kernels_neon, always, always },
#endif
#ifdef KERNELS_NEON_DOTPROD
    { &kernels_neon_dotprod, has_dotprod, always },
    { &kernels_neon_i8mm, has_i8mm, always },
#endif
};
#define N_TABLES (sizeof tables / sizeof tables[0])

const struct kernels *kernels_at(size_t i)
{
    for (size_t t = 0; t < N_TABLES; t++)
        if (tables[t].runs() && i-- == 0)
            return tables[t].kernels;
    return NULL;
}

const struct kernels *kernels_find(const char *name)
{
    const struct kernels *found = NULL;

    for (size_t t = 0; t < N_TABLES; t++)
        if (tables[t].runs() && (name ? strcmp(tables[t].kernels->name, name) == 0 : tables[t].pays()))
            found = tables[t].kernels;
    return found;
}
