/*
 * infer/kernels_avx2_vector.h - the vectors that infer/kernels_attend.h, infer/functions_vector.h and
 * infer/recurrences_vector.h want, of AVX2; who includes it has defined TARGET, as the instructions of its functions.
 */
#include <immintrin.h>
#include <math.h>

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
INLINE vec v_int8(const int8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}

INLINE vec v_add(vec a, vec b) { return _mm256_add_ps(a, b); }
INLINE vec v_sub(vec a, vec b) { return _mm256_sub_ps(a, b); }
INLINE vec v_mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
INLINE vec v_div(vec a, vec b) { return _mm256_div_ps(a, b); }
INLINE vec v_max(vec a, vec b) { return _mm256_max_ps(a, b); }
INLINE vec v_min(vec a, vec b) { return _mm256_min_ps(a, b); }
INLINE vec v_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
INLINE vec v_with_sign(vec size, vec of) { return _mm256_or_ps(size, _mm256_and_ps(of, _mm256_set1_ps(-0.0f))); }

INLINE vec v_where_less(vec a, vec b, vec x, vec y) { return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ)); }
INLINE vec v_nearest(vec x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

INLINE vec v_scale(vec p, vec n)
{
    const __m256 inside = _mm256_max_ps(_mm256_min_ps(n, _mm256_set1_ps(127)), _mm256_set1_ps(-127));
    const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(inside), _mm256_set1_epi32(127));

    return _mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
}

INLINE __m256i first_lanes(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* The first n < LANES values, 0 in the other lanes. */
INLINE vec v_load_first(const float *p, size_t n) { return _mm256_maskload_ps(p, first_lanes(n)); }
INLINE void v_store_first(float *p, vec v, size_t n) { _mm256_maskstore_ps(p, first_lanes(n), v); }
INLINE vec v_first(vec v, size_t n) { return _mm256_and_ps(v, _mm256_castsi256_ps(first_lanes(n))); }

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

INLINE vec v_inside(vec v, size_t at, size_t first, size_t end)
{
    const __m256i p = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32((int)at));
    const __m256i seen = _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32((int)first), p),
                                             _mm256_cmpgt_epi32(_mm256_set1_epi32((int)end), p));

    return _mm256_blendv_ps(_mm256_set1_ps(-INFINITY), v, _mm256_castsi256_ps(seen));
}

#include "infer/vector_math.h"
