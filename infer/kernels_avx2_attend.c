/* AVX2, FMA and F16C: attention, as infer/kernels_attend.h has it. */
#include "infer/kernels.h"

#ifdef __x86_64__

#include <immintrin.h>
#include <math.h>

#include "infer/quant.h"

#define TARGET __attribute__((target("avx2,fma,f16c")))
#define UNROLL _Pragma("GCC unroll 8")
#define INLINE TARGET __attribute__((always_inline)) static inline

#define LANES        8
#define MOST_ROWS    4
#define VECTORS_OF_4 2

typedef __m256 vec;

INLINE vec v_load(const float *p) { return _mm256_loadu_ps(p); }
INLINE void v_store(float *p, vec v) { _mm256_storeu_ps(p, v); }
INLINE vec v_set(float x) { return _mm256_set1_ps(x); }
INLINE vec v_half(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
INLINE vec v_half_all(uint16_t x) { return _mm256_cvtph_ps(_mm_set1_epi16((short)x)); }
INLINE vec v_int8(const int8_t *p) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p))); }
INLINE vec v_add(vec a, vec b) { return _mm256_add_ps(a, b); }
INLINE vec v_sub(vec a, vec b) { return _mm256_sub_ps(a, b); }
INLINE vec v_mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
INLINE vec v_div(vec a, vec b) { return _mm256_div_ps(a, b); }
INLINE vec v_max(vec a, vec b) { return _mm256_max_ps(a, b); }
INLINE vec v_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
INLINE vec v_with_sign(vec size, vec of) { return _mm256_or_ps(size, _mm256_and_ps(of, _mm256_set1_ps(-0.0f))); }

typedef __m256i words;

INLINE words v_words(const uint32_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
INLINE vec v_even(words w) { return _mm256_castsi256_ps(_mm256_slli_epi32(w, 16)); }
INLINE vec v_odd(words w) { return _mm256_castsi256_ps(_mm256_and_si256(w, _mm256_set1_epi32((int)0xffff0000))); }

INLINE float v_sum(vec v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

INLINE float v_top(vec v)
{
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

/* Taylor's series of 2^r for |r| <= 1/2 to r^7 is off by 5e-9, relatively, at most; below 2^-126 all is 0. */
INLINE vec v_exp2(vec x)
{
    const vec small = _mm256_cmp_ps(x, _mm256_set1_ps(-126.0f), _CMP_LT_OQ);
    vec n, r, p;
    __m256i scale;

    x = _mm256_max_ps(x, _mm256_set1_ps(-126.0f));
    n = _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    r = _mm256_sub_ps(x, n);
    p = _mm256_set1_ps(1.5252734e-5f);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.5403530e-4f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.3333558e-3f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(9.6181291e-3f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(5.5504109e-2f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(2.4022651e-1f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(6.9314718e-1f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    scale = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_andnot_ps(small, _mm256_mul_ps(p, _mm256_castsi256_ps(scale)));
}

INLINE vec v_inside(vec v, size_t at, size_t first, size_t end)
{
    const __m256i p = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32((int)at));
    const __m256i seen = _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32((int)first), p),
                                             _mm256_cmpgt_epi32(_mm256_set1_epi32((int)end), p));

    return _mm256_blendv_ps(_mm256_set1_ps(-INFINITY), v, _mm256_castsi256_ps(seen));
}

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
