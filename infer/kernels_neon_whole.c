/*
 * NEON: products in whole numbers (infer/kernels_neon_whole.h) for processors without the instructions for them, such as
 * Cortex-A53 and A72.  Bytes are multiplied into 16 bits, which have room for two products of bytes, since activations are 127 at
 * most, and for more of fewer bits.
 */
#include "infer/kernels.h"

#ifdef __aarch64__

#include <arm_neon.h>
#include <stdbool.h>

#define TARGET
#define INLINE __attribute__((always_inline)) static inline

INLINE int32x4_t dot(int32x4_t sum, int8x16_t w, int8x16_t x)
{
    const int16x8_t low = vmull_s8(vget_low_s8(w), vget_low_s8(x)), high = vmull_high_s8(w, x);

    return vpadalq_s16(sum, vpaddq_s16(low, high));
}

INLINE int32x4_t dots(const int most, int32x4_t sum, const int8x16_t w[4], int8x16_t x)
{
    int16x8_t low = vdupq_n_s16(0), high = low;

    _Pragma("GCC unroll 4")
    for (int i = 0; i < 4; i++) {
        const int8x16_t four = vreinterpretq_s8_s32(vdupq_n_s32(vreinterpretq_s32_s8(x)[i]));
        const bool begins = i % most == 0;

        low = begins ? vmull_s8(vget_low_s8(w[i]), vget_low_s8(four)) : vmlal_s8(low, vget_low_s8(w[i]), vget_low_s8(four));
        high = begins ? vmull_high_s8(w[i], four) : vmlal_high_s8(high, w[i], four);
        if (i % most == most - 1)
            sum = vpadalq_s16(sum, vpaddq_s16(low, high));
    }
    __asm__ volatile(""); /* gcc would begin with all columns at once, and keep most of that in memory */
    return sum;
}

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
