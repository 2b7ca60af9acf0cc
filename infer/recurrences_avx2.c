/* AVX2, FMA and F16C: infer/recurrences_vector.h. */
#include "infer/recurrences.h"

#ifdef __x86_64__

#include <stdbool.h>
#include <stdint.h>

#define TARGET __attribute__((target("avx2,fma,f16c")))

#include "infer/kernels_avx2_vector.h"

#define MOST_STATES  4
#define MOST_VECTORS 2

#include "infer/recurrences_vector.h"

const struct recurrences recurrences_avx2 = RECURRENCES;

#endif
