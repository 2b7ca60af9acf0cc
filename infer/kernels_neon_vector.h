/*
 * infer/kernels_neon_vector.h - the vectors that infer/kernels_attend.h, infer/functions_vector.h and
 * infer/recurrences_vector.h want, of NEON, which every aarch64 processor has: two registers of four side by side, since one
 * alone would wait for itself in long sums.
 */
#include <arm_neon.h>
#include <math.h>
#include <string.h>

#define UNROLL _Pragma("GCC unroll 8")
#define INLINE TARGET __attribute__((always_inline)) static inline

#define LANES        8
#define MOST_ROWS    4
#define VECTORS_OF_4 2

typedef struct { float32x4_t a, b; } vec;

INLINE vec v_load(const float *p) { return (vec){ vld1q_f32(p), vld1q_f32(p + 4) }; }
INLINE void v_store(float *p, vec v) { vst1q_f32(p, v.a), vst1q_f32(p + 4, v.b); }
INLINE vec v_set(float x) { return (vec){ vdupq_n_f32(x), vdupq_n_f32(x) }; }

INLINE vec v_half(const uint16_t *p)
{
    const float16x8_t halves = vreinterpretq_f16_u16(vld1q_u16(p));

    return (vec){ vcvt_f32_f16(vget_low_f16(halves)), vcvt_high_f32_f16(halves) };
}

INLINE vec v_half_all(uint16_t x)
{
    const float32x4_t all = vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(x)));

    return (vec){ all, all };
}

INLINE vec v_int8(const int8_t *p)
{
    const int16x8_t whole = vmovl_s8(vld1_s8(p));

    return (vec){ vcvtq_f32_s32(vmovl_s16(vget_low_s16(whole))), vcvtq_f32_s32(vmovl_high_s16(whole)) };
}

INLINE vec v_add(vec a, vec b) { return (vec){ vaddq_f32(a.a, b.a), vaddq_f32(a.b, b.b) }; }
INLINE vec v_sub(vec a, vec b) { return (vec){ vsubq_f32(a.a, b.a), vsubq_f32(a.b, b.b) }; }
INLINE vec v_mul(vec a, vec b) { return (vec){ vmulq_f32(a.a, b.a), vmulq_f32(a.b, b.b) }; }
INLINE vec v_div(vec a, vec b) { return (vec){ vdivq_f32(a.a, b.a), vdivq_f32(a.b, b.b) }; }
INLINE vec v_max(vec a, vec b) { return (vec){ vmaxq_f32(a.a, b.a), vmaxq_f32(a.b, b.b) }; }
INLINE vec v_min(vec a, vec b) { return (vec){ vminq_f32(a.a, b.a), vminq_f32(a.b, b.b) }; }
INLINE vec v_fma(vec a, vec b, vec c) { return (vec){ vfmaq_f32(c.a, a.a, b.a), vfmaq_f32(c.b, a.b, b.b) }; }
INLINE float v_sum(vec v) { return vaddvq_f32(vaddq_f32(v.a, v.b)); }
INLINE float v_top(vec v) { return vmaxvq_f32(vmaxq_f32(v.a, v.b)); }

INLINE vec v_with_sign(vec size, vec of)
{
    const uint32x4_t sign = vdupq_n_u32(0x80000000);

    return (vec){ vbslq_f32(sign, of.a, size.a), vbslq_f32(sign, of.b, size.b) };
}

INLINE vec v_where_less(vec a, vec b, vec x, vec y)
{
    return (vec){ vbslq_f32(vcltq_f32(a.a, b.a), x.a, y.a), vbslq_f32(vcltq_f32(a.b, b.b), x.b, y.b) };
}

INLINE vec v_nearest(vec x) { return (vec){ vrndnq_f32(x.a), vrndnq_f32(x.b) }; }

INLINE float32x4_t scale_four(float32x4_t p, float32x4_t n)
{
    const float32x4_t inside = vmaxq_f32(vminq_f32(n, vdupq_n_f32(127)), vdupq_n_f32(-127));
    const int32x4_t exponent = vaddq_s32(vcvtnq_s32_f32(inside), vdupq_n_s32(127));

    return vmulq_f32(p, vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23)));
}

INLINE vec v_scale(vec p, vec n) { return (vec){ scale_four(p.a, n.a), scale_four(p.b, n.b) }; }

/* The first n < LANES values, 0 in the other lanes. */
INLINE vec v_load_first(const float *p, size_t n)
{
    float room[LANES] = { 0 };

    memcpy(room, p, n * sizeof *p);
    return v_load(room);
}

INLINE void v_store_first(float *p, vec v, size_t n)
{
    float room[LANES];

    v_store(room, v);
    memcpy(p, room, n * sizeof *p);
}

/* v where `first` <= at + lane < end, elsewhere `other`. */
INLINE vec where_inside(vec v, size_t at, size_t first, size_t end, float other)
{
    static const uint32_t lanes[LANES] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    const uint32x4_t from = vdupq_n_u32((uint32_t)first), to = vdupq_n_u32((uint32_t)end), begin = vdupq_n_u32((uint32_t)at);
    const uint32x4_t a = vaddq_u32(vld1q_u32(lanes), begin), b = vaddq_u32(vld1q_u32(lanes + 4), begin);
    const float32x4_t outside = vdupq_n_f32(other);

    return (vec){ vbslq_f32(vandq_u32(vcgeq_u32(a, from), vcltq_u32(a, to)), v.a, outside),
                  vbslq_f32(vandq_u32(vcgeq_u32(b, from), vcltq_u32(b, to)), v.b, outside) };
}

INLINE vec v_first(vec v, size_t n) { return where_inside(v, 0, 0, n, 0); }
INLINE vec v_inside(vec v, size_t at, size_t first, size_t end) { return where_inside(v, at, first, end, -INFINITY); }

typedef struct { uint32x4_t a, b; } words;

INLINE words v_words(const uint32_t *p) { return (words){ vld1q_u32(p), vld1q_u32(p + 4) }; }

INLINE vec v_even(words w)
{
    return (vec){ vreinterpretq_f32_u32(vshlq_n_u32(w.a, 16)), vreinterpretq_f32_u32(vshlq_n_u32(w.b, 16)) };
}

INLINE vec v_odd(words w)
{
    const uint32x4_t upper = vdupq_n_u32(0xffff0000);

    return (vec){ vreinterpretq_f32_u32(vandq_u32(w.a, upper)), vreinterpretq_f32_u32(vandq_u32(w.b, upper)) };
}

#include "infer/vector_math.h"
