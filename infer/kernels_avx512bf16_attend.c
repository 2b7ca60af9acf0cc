/* AVX-512 with BF16: attention, as infer/kernels_attend.h has it. */
#include "infer/kernels.h"

#ifdef __x86_64__

KERNELS_UNROLLED

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c")))
#define DOTS_BF16

#include "infer/kernels_avx512_vector.h"

INLINE vec v_dot(vec acc, words w, uint32_t pair)
{
    return _mm512_dpbf16_ps(acc, (__m512bh)w, (__m512bh)_mm512_set1_epi32((int)pair));
}

INLINE void v_pairs(const float *even, const float *odd, uint32_t *p)
{
    const __m128i e = (__m128i)_mm256_cvtneps_pbh(_mm256_loadu_ps(even)), o = (__m128i)_mm256_cvtneps_pbh(_mm256_loadu_ps(odd));

    _mm_storeu_si128((__m128i *)p, _mm_unpacklo_epi16(e, o));
    _mm_storeu_si128((__m128i *)(p + 4), _mm_unpackhi_epi16(e, o));
}

INLINE vec v_round(vec v, uint16_t *p)
{
    const __m256i rounded = (__m256i)_mm512_cvtneps_pbh(v);

    _mm256_storeu_si256((__m256i *)p, rounded);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(rounded), 16));
}

#include "infer/kernels_attend.h"

TARGET void kernels_avx512bf16_attend(const struct attend_block *b)
{
    attend_any(b);
}

KERNELS_UNROLLED_END

#endif
