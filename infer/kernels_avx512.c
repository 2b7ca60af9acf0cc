/*
 * AVX-512: products of matrices in F32, F16 and BF16, and of rows that became F32.
 *
 * Lanes are values of a row; a tile is four rows and six columns, whose 24 sums stay in registers, so that each load serves four
 * or six of them.  A sum's order is that of its row alone: 16 lanes, then the same tree for all, so what goes together never
 * shows in a result.
 */
#include "infer/kernels.h"

#ifdef __x86_64__

#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))
#define UNROLL _Pragma("GCC unroll 8")
#define INLINE TARGET __attribute__((always_inline)) static inline

#define ROWS 4
#define COLS 6

/* Values i ... i + 15 of a row of which `lanes` are there; the others are 0. */
INLINE __m512 load_f32(const void *row, size_t i, __mmask16 lanes)
{
    return _mm512_maskz_loadu_ps(lanes, (const float *)row + i);
}

INLINE __m512 load_f16(const void *row, size_t i, __mmask16 lanes)
{
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lanes, (const uint16_t *)row + i));
}

INLINE __m512 load_bf16(const void *row, size_t i, __mmask16 lanes)
{
    const __m256i upper = _mm256_maskz_loadu_epi16(lanes, (const uint16_t *)row + i);

    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(upper), 16));
}

#define DEFINE_MULTIPLY(TYPE, SIZE)                                                                                            \
    INLINE void step_##TYPE(const int R, const int C, const unsigned char *w, size_t k, const float *x, size_t i,             \
                            __mmask16 lanes, __m512 acc[ROWS][COLS])                                                           \
    {                                                                                                                          \
        __m512 row[ROWS];                                                                                                      \
                                                                                                                               \
        UNROLL                                                                                                                 \
        for (int r = 0; r < R; r++) {                                                                                          \
            row[r] = load_##TYPE(w + (size_t)r * k * SIZE, i, lanes);                                                          \
            if (C == 1) /* a single column waits for memory: the rows of the next tile */                                      \
                __builtin_prefetch(w + ((size_t)(R + r) * k + i) * SIZE);                                                      \
        }                                                                                                                      \
        UNROLL                                                                                                                 \
        for (int c = 0; c < C; c++) {                                                                                          \
            const __m512 v = _mm512_maskz_loadu_ps(lanes, x + (size_t)c * k + i);                                              \
                                                                                                                               \
            UNROLL                                                                                                             \
            for (int r = 0; r < R; r++)                                                                                        \
                acc[r][c] = _mm512_fmadd_ps(row[r], v, acc[r][c]);                                                             \
        }                                                                                                                      \
    }                                                                                                                          \
                                                                                                                               \
    INLINE void tile_##TYPE(const int R, const int C, const unsigned char *w, size_t k, const float *x, float *y,              \
                            size_t y_stride)                                                                                   \
    {                                                                                                                          \
        __m512 acc[ROWS][COLS];                                                                                                \
        size_t i;                                                                                                              \
                                                                                                                               \
        UNROLL                                                                                                                 \
        for (int r = 0; r < R; r++) {                                                                                          \
            UNROLL                                                                                                             \
            for (int c = 0; c < C; c++)                                                                                        \
                acc[r][c] = _mm512_setzero_ps();                                                                               \
        }                                                                                                                      \
        for (i = 0; i + 16 <= k; i += 16)                                                                                      \
            step_##TYPE(R, C, w, k, x, i, 0xffff, acc);                                                                        \
        if (i < k)                                                                                                             \
            step_##TYPE(R, C, w, k, x, i, (__mmask16)((1u << (k - i)) - 1), acc);                                              \
        UNROLL                                                                                                                 \
        for (int c = 0; c < C; c++) {                                                                                          \
            UNROLL                                                                                                             \
            for (int r = 0; r < R; r++)                                                                                        \
                y[(size_t)c * y_stride + (size_t)r] = _mm512_reduce_add_ps(acc[r][c]);                                         \
        }                                                                                                                      \
    }                                                                                                                          \
                                                                                                                               \
    INLINE void rows_##TYPE(const int R, const unsigned char *w, size_t k, const float *x, size_t n, float *y, size_t y_stride) \
    {                                                                                                                          \
        for (; n >= COLS; n -= COLS, x += COLS * k, y += COLS * y_stride)                                                      \
            tile_##TYPE(R, COLS, w, k, x, y, y_stride);                                                                        \
        for (; n >= 2; n -= 2, x += 2 * k, y += 2 * y_stride)                                                                  \
            tile_##TYPE(R, 2, w, k, x, y, y_stride);                                                                           \
        for (; n >= 1; n--, x += k, y += y_stride)                                                                             \
            tile_##TYPE(R, 1, w, k, x, y, y_stride);                                                                           \
    }                                                                                                                          \
                                                                                                                               \
    TARGET void kernels_avx512_##TYPE(const void *weights, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y,   \
                                      size_t y_stride)                                                                         \
    {                                                                                                                          \
        const unsigned char *w = weights;                                                                                      \
                                                                                                                               \
        for (; n_rows >= ROWS; n_rows -= ROWS, w += ROWS * k * SIZE, y += ROWS)                                                \
            rows_##TYPE(ROWS, w, k, x, n_cols, y, y_stride);                                                                   \
        for (; n_rows >= 1; n_rows--, w += k * SIZE, y++)                                                                      \
            rows_##TYPE(1, w, k, x, n_cols, y, y_stride);                                                                      \
    }

DEFINE_MULTIPLY(f32, sizeof(float))
DEFINE_MULTIPLY(f16, sizeof(uint16_t))
DEFINE_MULTIPLY(bf16, sizeof(uint16_t))

#endif
