/* AVX2, FMA and F16C: attention, as infer/kernels_attend.h has it. */
#include "infer/kernels.h"

#ifdef __x86_64__

#include "infer/quant.h"

#define TARGET __attribute__((target("avx2,fma,f16c")))

#include "infer/kernels_avx2_vector.h"

#include "infer/kernels_attend.h"

TARGET void kernels_avx2_attend(const struct attend_block *b)
{
    attend_any(b);
}

TARGET void kernels_avx2_attend_merge(size_t n_rows, size_t width, struct attend_sums so_far, struct attend_sums more)
{
    merge_rows(n_rows, width, so_far, more);
}

TARGET void kernels_avx2_to_half(const float *x, size_t n, uint16_t *out)
{
    const vec largest = _mm256_set1_ps(QUANT_HALF_MAX);
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        const vec v = _mm256_max_ps(_mm256_min_ps(largest, _mm256_loadu_ps(x + i)), _mm256_sub_ps(_mm256_setzero_ps(), largest));

        _mm_storeu_si128((__m128i *)(out + i), _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
    }
    kernels_plain.to_half(x + i, n - i, out + i);
}

#endif
