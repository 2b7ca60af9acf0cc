/* NEON with dot products of bytes, ARMv8.2 and later: products in whole numbers, as infer/kernels_neon_whole.h has them. */
#include "infer/kernels.h"

#ifdef KERNELS_NEON_DOTPROD

#include <arm_neon.h>

#define TARGET __attribute__((target("arch=armv8.2-a+dotprod")))
#define INLINE TARGET __attribute__((always_inline)) static inline
#define HAS_DOTS

#include "infer/kernels_neon_whole.h"

TARGET void kernels_neon_dotprod_q8_0(const void *w, size_t k, size_t n_rows, const int8_t *q, const float *d, size_t n_cols, float *y,
                                      size_t y_stride)
{
    multiply_q8_0(w, k, n_rows, q, d, n_cols, y, y_stride);
}

void kernels_neon_dotprod_multiply(enum quant_type type, const unsigned char *panel, size_t k, const struct pack_input *x, size_t n, size_t n_rows,
                              float *y, size_t y_stride)
{
    multiplies[type](panel, k / PACK_STEP, x, n, n_rows, y, y_stride);
}

#endif
