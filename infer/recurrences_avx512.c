/* AVX-512: infer/recurrences_vector.h. */
#include "infer/recurrences.h"

#ifdef __x86_64__

#include <stdbool.h>
#include <stdint.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))

#include "infer/kernels_avx512_vector.h"

#define MOST_STATES  16
#define MOST_VECTORS 4

#include "infer/recurrences_vector.h"

const struct recurrences recurrences_avx512 = RECURRENCES;

#endif
