/*
 * AVX-512 with BF16: products of BF16 matrices with activations rounded to BF16, too.
 *
 * As in infer/kernels_avx512.c a tile is four rows and six columns, with lanes along the row; an instruction takes 32 values.
 */
#include "infer/kernels.h"

#ifdef __x86_64__

#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c")))
#define UNROLL _Pragma("GCC unroll 8")
#define INLINE TARGET __attribute__((always_inline)) static inline

#define ROWS  4
#define COLS  6
#define LANES 32

INLINE __m512bh load(const uint16_t *row, size_t i, __mmask32 lanes)
{
    return (__m512bh)_mm512_maskz_loadu_epi16(lanes, row + i);
}

INLINE void step(const int R, const int C, const uint16_t *w, size_t k, const uint16_t *x, size_t i, __mmask32 lanes, __m512 acc[ROWS][COLS])
{
    __m512bh row[ROWS];

    UNROLL
    for (int r = 0; r < R; r++) {
        row[r] = load(w + (size_t)r * k, i, lanes);
        if (C == 1) /* a single column waits for memory: the rows of the next tile */
            __builtin_prefetch(w + (size_t)(R + r) * k + i);
    }
    UNROLL
    for (int c = 0; c < C; c++) {
        const __m512bh v = load(x + (size_t)c * k, i, lanes);

        UNROLL
        for (int r = 0; r < R; r++)
            acc[r][c] = _mm512_dpbf16_ps(acc[r][c], row[r], v);
    }
}

INLINE void tile(const int R, const int C, const uint16_t *w, size_t k, const uint16_t *x, float *y, size_t y_stride)
{
    __m512 acc[ROWS][COLS];
    size_t i = 0;

    UNROLL
    for (int r = 0; r < R; r++)
        UNROLL
        for (int c = 0; c < C; c++)
            acc[r][c] = _mm512_setzero_ps();
    for (; i + LANES <= k; i += LANES)
        step(R, C, w, k, x, i, 0xffffffff, acc);
    if (i < k)
        step(R, C, w, k, x, i, (__mmask32)((1u << (k - i)) - 1), acc);
    UNROLL
    for (int r = 0; r < R; r++)
        UNROLL
        for (int c = 0; c < C; c++)
            y[(size_t)c * y_stride + (size_t)r] = _mm512_reduce_add_ps(acc[r][c]);
}

INLINE void columns(const int R, const uint16_t *w, size_t k, const uint16_t *x, size_t n_cols, float *y, size_t y_stride)
{
    for (; n_cols >= COLS; n_cols -= COLS, x += COLS * k, y += COLS * y_stride)
        tile(R, COLS, w, k, x, y, y_stride);
    for (; n_cols >= 2; n_cols -= 2, x += 2 * k, y += 2 * y_stride)
        tile(R, 2, w, k, x, y, y_stride);
    if (n_cols)
        tile(R, 1, w, k, x, y, y_stride);
}

TARGET void kernels_avx512bf16_mul(const void *weights, size_t k, size_t n_rows, const uint16_t *x, size_t n_cols, float *y, size_t y_stride)
{
    const uint16_t *w = weights;

    for (; n_rows >= ROWS; n_rows -= ROWS, w += ROWS * k, y += ROWS)
        columns(ROWS, w, k, x, n_cols, y, y_stride);
    for (; n_rows > 0; n_rows--, w += k, y++)
        columns(1, w, k, x, n_cols, y, y_stride);
}

TARGET void kernels_avx512bf16_round(const float *x, size_t n, uint16_t *out)
{
    size_t i = 0;

    for (; i + 16 <= n; i += 16)
        _mm256_storeu_si256((__m256i *)(out + i), (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(x + i)));
    kernels_plain.to_bf16(x + i, n - i, out + i);
}

#endif
