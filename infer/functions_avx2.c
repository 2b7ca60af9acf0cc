/* AVX2, FMA and F16C: infer/functions_vector.h. */
#include "infer/functions.h"

#ifdef __x86_64__

#include <stdint.h>

#define TARGET __attribute__((target("avx2,fma,f16c")))

#include "infer/kernels_avx2_vector.h"

#include "infer/functions_vector.h"

const struct functions functions_avx2 = FUNCTIONS;

#endif
