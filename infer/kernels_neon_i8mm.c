/*
 * NEON with products of matrices of bytes, ARMv8.6 and later: packed products of several columns, as infer/kernels_neon_whole.h has them, with
 * two columns and two rows in one instruction.
 */
#include "infer/kernels.h"

#ifdef KERNELS_NEON_DOTPROD

#include <arm_neon.h>

#define TARGET __attribute__((target("arch=armv8.2-a+dotprod+i8mm")))
#define INLINE TARGET __attribute__((always_inline)) static inline
#define HAS_DOTS
#define HAS_PAIRS

INLINE int32x4_t pair(int32x4_t sum, int8x16_t w, int8x16_t x)
{
    return vmmlaq_s32(sum, w, x);
}

#include "infer/kernels_neon_whole.h"

void kernels_neon_i8mm_multiply(enum quant_type type, const unsigned char *panel, size_t k, const struct pack_input *x, size_t n, size_t n_rows,
                                float *y, size_t y_stride)
{
    multiplies[type](panel, k / PACK_STEP, x, n, n_rows, y, y_stride);
}

#endif
