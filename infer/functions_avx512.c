/* AVX-512: infer/functions_vector.h. */
#include "infer/functions.h"

#ifdef __x86_64__

#include <stdint.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))

#include "infer/kernels_avx512_vector.h"

#include "infer/functions_vector.h"

const struct functions functions_avx512 = FUNCTIONS;

#endif
