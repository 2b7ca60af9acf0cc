/* AVX2, FMA and F16C: attention, as infer/kernels_attend.h has it. */
#include "infer/kernels.h"

#ifdef __x86_64__

KERNELS_UNROLLED

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

/* To nearest, ties to even: half of the last place is added, and of what is no number a bit stays. */
TARGET void kernels_avx2_to_bf16(const float *x, size_t n, uint16_t *out)
{
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        const __m256 v = _mm256_loadu_ps(x + i);
        const __m256i bits = _mm256_castps_si256(v), odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
        const __m256i near = _mm256_srli_epi32(_mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff))), 16);
        const __m256i none = _mm256_or_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(0x40));
        const __m256i rounded = _mm256_blendv_epi8(near, none, _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q)));

        _mm_storeu_si128((__m128i *)(out + i), _mm_packus_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1)));
    }
    kernels_plain.to_bf16(x + i, n - i, out + i);
}

KERNELS_UNROLLED_END

#endif
