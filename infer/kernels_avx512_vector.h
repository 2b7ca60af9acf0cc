/*
 * infer/kernels_avx512_vector.h - the vectors that infer/kernels_attend.h, infer/functions_vector.h and
 * infer/recurrences_vector.h want, of AVX-512; who includes it has defined TARGET, as the instructions of its
 * functions.
 */
#include <immintrin.h>
#include <math.h>

#define UNROLL _Pragma("GCC unroll 16")
#define INLINE TARGET __attribute__((always_inline)) static inline

#define LANES        16
#define MOST_ROWS    8
#define VECTORS_OF_4 4

typedef __m512 vec;

INLINE vec v_load(const float *p) { return _mm512_loadu_ps(p); }
INLINE void v_store(float *p, vec v) { _mm512_storeu_ps(p, v); }
INLINE vec v_set(float x) { return _mm512_set1_ps(x); }
INLINE vec v_half(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
INLINE vec v_half_all(uint16_t x) { return _mm512_cvtph_ps(_mm256_set1_epi16((short)x)); }
INLINE vec v_int8(const int8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
}

INLINE vec v_add(vec a, vec b) { return _mm512_add_ps(a, b); }
INLINE vec v_sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
INLINE vec v_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
INLINE vec v_div(vec a, vec b) { return _mm512_div_ps(a, b); }
INLINE vec v_max(vec a, vec b) { return _mm512_max_ps(a, b); }
INLINE vec v_min(vec a, vec b) { return _mm512_min_ps(a, b); }
INLINE vec v_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
INLINE float v_sum(vec v) { return _mm512_reduce_add_ps(v); }
INLINE float v_top(vec v) { return _mm512_reduce_max_ps(v); }
INLINE vec v_with_sign(vec size, vec of) { return _mm512_or_ps(size, _mm512_and_ps(of, _mm512_set1_ps(-0.0f))); }


INLINE vec v_where_less(vec a, vec b, vec x, vec y)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}

INLINE vec v_nearest(vec x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
INLINE vec v_scale(vec p, vec n) { return _mm512_scalef_ps(p, n); }

/* The first n < LANES values, 0 in the other lanes. */
INLINE vec v_load_first(const float *p, size_t n) { return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p); }
INLINE void v_store_first(float *p, vec v, size_t n) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), v); }
INLINE vec v_first(vec v, size_t n) { return _mm512_maskz_mov_ps((__mmask16)((1u << n) - 1), v); }

typedef __m512i words;

INLINE words v_words(const uint32_t *p) { return _mm512_loadu_si512(p); }
INLINE vec v_even(words w) { return _mm512_castsi512_ps(_mm512_slli_epi32(w, 16)); }
INLINE vec v_odd(words w) { return _mm512_castsi512_ps(_mm512_and_si512(w, _mm512_set1_epi32((int)0xffff0000))); }

INLINE vec v_inside(vec v, size_t at, size_t first, size_t end)
{
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i p = _mm512_add_epi32(lane, _mm512_set1_epi32((int)at));
    const __mmask16 seen = _mm512_cmplt_epi32_mask(p, _mm512_set1_epi32((int)end)) &
                           _mm512_cmpge_epi32_mask(p, _mm512_set1_epi32((int)first));

    return _mm512_mask_blend_ps(seen, _mm512_set1_ps(-INFINITY), v);
}

#include "infer/vector_math.h"
