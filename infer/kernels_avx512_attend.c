/* AVX-512: attention, as infer/kernels_attend.h has it. */
#include "infer/kernels.h"

#ifdef __x86_64__

KERNELS_UNROLLED

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))

#include "infer/kernels_avx512_vector.h"

#include "infer/kernels_attend.h"

TARGET void kernels_avx512_attend(const struct attend_block *b)
{
    attend_any(b);
}

TARGET void kernels_avx512_attend_merge(size_t n_rows, size_t width, struct attend_sums so_far, struct attend_sums more)
{
    merge_rows(n_rows, width, so_far, more);
}

KERNELS_UNROLLED_END

#endif
