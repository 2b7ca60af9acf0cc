/*
 * NEON: products in whole numbers (infer/kernels_neon_whole.h) for processors without the instructions for them, such as
 * Cortex-A53 and A72.  Bytes are multiplied into 16 bits, in which two products of Q8_0 fit since activations are 127 at most.
 */
#include "infer/kernels.h"

#ifdef __aarch64__

#include <arm_neon.h>

#define TARGET

static inline int32x4_t dot(int32x4_t sum, int8x16_t w, int8x16_t x)
{
    const int16x8_t low = vmull_s8(vget_low_s8(w), vget_low_s8(x)), high = vmull_high_s8(w, x);

    return vpadalq_s16(sum, vpaddq_s16(low, high));
}

#define DOT_LANE(sum, w, x, lane) dot(sum, w, vreinterpretq_s8_s32(vdupq_laneq_s32(vreinterpretq_s32_s8(x), lane)))

#include "infer/kernels_neon_whole.h"

void kernels_neon_q8_0(const void *w, size_t k, size_t n_rows, const int8_t *q, const float *d, size_t n_cols, float *y, size_t y_stride)
{
    multiply_q8_0(w, k, n_rows, q, d, n_cols, y, y_stride);
}

void kernels_neon_multiply(enum quant_type type, const unsigned char *panel, size_t k, const struct pack_input *x, size_t n, size_t n_rows,
                           float *y, size_t y_stride)
{
    multiplies[type](panel, k / PACK_STEP, x, n, n_rows, y, y_stride);
}

#endif
