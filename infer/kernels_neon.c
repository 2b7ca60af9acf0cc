/*
 * NEON, which every aarch64 processor has, and the tables of those that have more.
 *
 * Products go in tiles of rows and columns, so that what is read of each meets several of the other in registers.  Each
 * row and column has an accumulator of its own, whose lanes are added up in the same order whatever the tile: grouping
 * never shows in a result.
 */
#include "infer/kernels.h"

#ifdef __aarch64__

#include <arm_neon.h>
#include <math.h>

#include "infer/quant.h"

#define UNROLL _Pragma("GCC unroll 8")
#define INLINE __attribute__((always_inline)) static inline

/* n values, a multiple of 32, with one scale, which comes back. */
static float quantize_together(const float *x, size_t n, int8_t *q)
{
    float32x4_t most = vdupq_n_f32(0);
    float max, inverse;

    for (size_t i = 0; i < n; i += 4)
        most = vmaxq_f32(most, vabsq_f32(vld1q_f32(x + i)));
    max = vmaxvq_f32(most); /* of what has a NaN it is one */
    inverse = max > 0 && isfinite(max) ? 127 / max : 0;
    for (size_t b = 0; b < n; b += 32) {
        int16x4_t whole[8];

        UNROLL
        for (int i = 0; i < 8; i++)
            whole[i] = vqmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + b + 4 * i), inverse)));
        UNROLL
        for (int i = 0; i < 8; i += 2)
            vst1_s8(q + b + 4 * i, vqmovn_s16(vcombine_s16(whole[i], whole[i + 1])));
    }
    return max / 127;
}

static void quantize(const float *x, size_t k, int8_t *q, float *d)
{
    for (size_t b = 0; b < k / 32; b++)
        d[b] = quantize_together(x + 32 * b, 32, q + 32 * b);
}

static void quantize_row(const float *x, size_t k, int8_t *q, float *d)
{
    const float all = quantize_together(x, k, q);

    for (size_t b = 0; b < k / 32; b++)
        d[b] = all;
}

/* --- f32, f16 and bf16 weights ------------------------------------------------------------------------------------------ */

INLINE float32x4_t load_four(const enum quant_type type, const unsigned char *row, size_t i)
{
    if (type == QUANT_F16)
        return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16((const uint16_t *)(const void *)row + i)));
    if (type == QUANT_BF16)
        return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16((const uint16_t *)(const void *)row + i), 16));
    return vld1q_f32((const float *)(const void *)row + i);
}

INLINE float load_one(const enum quant_type type, const unsigned char *row, size_t i)
{
    if (type == QUANT_F16)
        return quant_half_to_float(((const uint16_t *)(const void *)row)[i]);
    if (type == QUANT_BF16)
        return quant_bf16_to_float(((const uint16_t *)(const void *)row)[i]);
    return ((const float *)(const void *)row)[i];
}

/* R rows and C columns. */
INLINE void multiply_tile(const enum quant_type type, const int R, const int C, const unsigned char *w, size_t row_bytes, size_t k,
                          const float *x, float *y, size_t y_stride)
{
    float32x4_t acc[8][4];
    size_t i = 0;

    UNROLL
    for (int r = 0; r < R; r++)
        UNROLL
        for (int c = 0; c < C; c++)
            acc[r][c] = vdupq_n_f32(0);
    for (; i + 4 <= k; i += 4) {
        float32x4_t v[4];

        UNROLL
        for (int c = 0; c < C; c++)
            v[c] = vld1q_f32(x + (size_t)c * k + i);
        UNROLL
        for (int r = 0; r < R; r++) {
            const float32x4_t row = load_four(type, w + (size_t)r * row_bytes, i);

            UNROLL
            for (int c = 0; c < C; c++)
                acc[r][c] = vfmaq_f32(acc[r][c], row, v[c]);
        }
    }
    UNROLL
    for (int r = 0; r < R; r++)
        UNROLL
        for (int c = 0; c < C; c++) {
            float sum = vaddvq_f32(acc[r][c]);

            for (size_t j = i; j < k; j++)
                sum = fmaf(load_one(type, w + (size_t)r * row_bytes, j), x[(size_t)c * k + j], sum);
            y[(size_t)c * y_stride + (size_t)r] = sum;
        }
}

INLINE void multiply(const enum quant_type type, const unsigned char *w, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y,
                     size_t y_stride)
{
    const size_t row_bytes = k * (type == QUANT_F32 ? 4 : 2);
    size_t r = 0;

    if (n_cols == 1)
        for (; r + 8 <= n_rows; r += 8)
            multiply_tile(type, 8, 1, w + r * row_bytes, row_bytes, k, x, y + r, y_stride);
    for (; r + 4 <= n_rows; r += 4) {
        size_t c = 0;

        for (; c + 4 <= n_cols; c += 4)
            multiply_tile(type, 4, 4, w + r * row_bytes, row_bytes, k, x + c * k, y + c * y_stride + r, y_stride);
        for (; c < n_cols; c++)
            multiply_tile(type, 4, 1, w + r * row_bytes, row_bytes, k, x + c * k, y + c * y_stride + r, y_stride);
    }
    for (; r < n_rows; r++) {
        size_t c = 0;

        for (; c + 4 <= n_cols; c += 4)
            multiply_tile(type, 1, 4, w + r * row_bytes, row_bytes, k, x + c * k, y + c * y_stride + r, y_stride);
        for (; c < n_cols; c++)
            multiply_tile(type, 1, 1, w + r * row_bytes, row_bytes, k, x + c * k, y + c * y_stride + r, y_stride);
    }
}

static void mul_f32(const void *w, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y, size_t y_stride)
{
    multiply(QUANT_F32, w, k, n_rows, x, n_cols, y, y_stride);
}

static void mul_f16(const void *w, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y, size_t y_stride)
{
    multiply(QUANT_F16, w, k, n_rows, x, n_cols, y, y_stride);
}

static void mul_bf16(const void *w, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y, size_t y_stride)
{
    multiply(QUANT_BF16, w, k, n_rows, x, n_cols, y, y_stride);
}

/* --- the rest ------------------------------------------------------------------------------------------------------ */

static void rms_norm(const float *x, const float *weight, size_t n, float eps, float *out)
{
    float32x4_t sum = vdupq_n_f32(0), more = vdupq_n_f32(0);
    float total, scale;
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        const float32x4_t a = vld1q_f32(x + i), b = vld1q_f32(x + i + 4);

        sum = vfmaq_f32(sum, a, a);
        more = vfmaq_f32(more, b, b);
    }
    total = vaddvq_f32(vaddq_f32(sum, more));
    for (; i < n; i++)
        total = fmaf(x[i], x[i], total);
    scale = 1 / sqrtf(total / (float)n + eps);
    for (i = 0; i + 4 <= n; i += 4)
        vst1q_f32(out + i, vmulq_f32(vmulq_n_f32(vld1q_f32(x + i), scale), vld1q_f32(weight + i)));
    for (; i < n; i++)
        out[i] = x[i] * scale * weight[i];
}

#define NEON                                                                                                                       \
    .quantize = quantize, .quantize_row = quantize_row, .mul_f32 = mul_f32, .mul_f16 = mul_f16, .mul_bf16 = mul_bf16, .attend = kernels_neon_attend,             \
    .attend_merge = kernels_neon_attend_merge, .to_half = kernels_neon_to_half, .to_bf16 = kernels_neon_to_bf16,                   \
    .rms_norm = rms_norm, .packs = PACK_ALL, .functions = &functions_neon, .recurrences = &recurrences_neon

const struct kernels kernels_neon = { .name = "neon", NEON, .mul_q8_0 = kernels_neon_q8_0, .mul_packed = kernels_neon_multiply };
#ifdef KERNELS_NEON_DOTPROD
const struct kernels kernels_neon_dotprod = { .name = "neon_dotprod", NEON, .mul_q8_0 = kernels_neon_dotprod_q8_0,
                                              .mul_packed = kernels_neon_dotprod_multiply };
const struct kernels kernels_neon_i8mm = { .name = "neon_i8mm", NEON, .mul_q8_0 = kernels_neon_dotprod_q8_0,
                                           .mul_packed = kernels_neon_i8mm_multiply };
#endif

#endif
