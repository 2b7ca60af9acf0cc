/*
 * AVX-512: products of matrices in F32, F16 and BF16, and of rows that became F32.
 *
 * Lanes are values of a row; a tile is four rows and six columns, whose 24 sums stay in registers, so that each load serves four
 * or six of them.  A row is cut into parts of 512 values; of each the 16 lanes are added up in the same order, then the parts, from the
 * first one on: what goes together never shows in a result.
 *
 * Of many columns, all rows meet a part of them before the next one, so that these columns stay in the second-level cache; the part of a few
 * rows becomes f32 once and stays in the first-level cache.
 */
#include "infer/kernels.h"

#ifdef __x86_64__

#include <immintrin.h>
#include <stdbool.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))
#define UNROLL _Pragma("GCC unroll 8")
#define INLINE TARGET __attribute__((always_inline)) static inline

#define ROWS       4
#define COLS       6
#define MANY       12            /* columns that are worth taking rows apart for ahead of them */
#define PART_K     512
#define PART_STEPS (PART_K / 16)
#define PART_ROWS  (2 * ROWS)    /* that many columns meet together */

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

/* Lanes of eight vectors added up: 8 lanes apart, then 4, 2 and 1. */
INLINE __m256 add_lanes(const __m512 v[2 * ROWS])
{
    __m512 half[4], quarter[2], t;

    UNROLL
    for (int i = 0; i < 4; i++)
        half[i] = _mm512_add_ps(_mm512_shuffle_f32x4(v[2 * i], v[2 * i + 1], 0x44), _mm512_shuffle_f32x4(v[2 * i], v[2 * i + 1], 0xee));
    UNROLL
    for (int i = 0; i < 2; i++)
        quarter[i] = _mm512_add_ps(_mm512_shuffle_f32x4(half[2 * i], half[2 * i + 1], 0x88), _mm512_shuffle_f32x4(half[2 * i], half[2 * i + 1], 0xdd));
    t = _mm512_add_ps(_mm512_shuffle_ps(quarter[0], quarter[1], 0x44), _mm512_shuffle_ps(quarter[0], quarter[1], 0xee));
    t = _mm512_add_ps(t, _mm512_shuffle_ps(t, t, 0xb1));
    return _mm512_castps512_ps256(_mm512_permutexvar_ps(_mm512_setr_epi32(0, 4, 8, 12, 2, 6, 10, 14, 0, 0, 0, 0, 0, 0, 0, 0), t));
}

/* To y, whose rows are those of the mask: the first part of a sum, or one more. */
INLINE void add_to(float *y, __m128 sums, bool is_first, __mmask8 rows)
{
    if (!is_first)
        sums = _mm_add_ps(_mm_maskz_loadu_ps(rows, y), sums);
    _mm_mask_storeu_ps(y, rows, sums);
}

/* The sums of a tile of ROWS rows and C columns. */
INLINE void finish_tile(const int C, __m512 acc[COLS][ROWS], bool is_first, __mmask8 rows, float *y, size_t y_stride)
{
    UNROLL
    for (int c = 0; c < C; c += 2) {
        __m512 v[2 * ROWS];
        __m256 sums;

        UNROLL
        for (int r = 0; r < ROWS; r++) {
            v[r] = acc[c][r];
            v[ROWS + r] = c + 1 < C ? acc[c + 1][r] : acc[c][r];
        }
        sums = add_lanes(v);
        add_to(y + (size_t)c * y_stride, _mm256_castps256_ps128(sums), is_first, rows);
        if (c + 1 < C)
            add_to(y + (size_t)(c + 1) * y_stride, _mm256_extractf128_ps(sums, 1), is_first, rows);
    }
}

/* A part of some rows, as f32; behind the row's end and in rows that are not there, 0. */
typedef __m512 part_rows[PART_ROWS][PART_STEPS];

INLINE void part_step(const int C, __m512 (*part)[PART_STEPS], size_t i, __mmask16 lanes, const float *x, size_t k, __m512 acc[COLS][ROWS])
{
    UNROLL
    for (int c = 0; c < C; c++) {
        const __m512 v = _mm512_maskz_loadu_ps(lanes, x + (size_t)c * k + i * 16);

        UNROLL
        for (int r = 0; r < ROWS; r++)
            acc[c][r] = _mm512_fmadd_ps(part[r][i], v, acc[c][r]);
    }
}

/* n values of ROWS rows of a part times C columns. */
INLINE void part_tile(const int C, __m512 (*part)[PART_STEPS], size_t n, const float *x, size_t k, bool is_first, __mmask8 rows, float *y, size_t y_stride)
{
    __m512 acc[COLS][ROWS];

    UNROLL
    for (int c = 0; c < C; c++) {
        UNROLL
        for (int r = 0; r < ROWS; r++)
            acc[c][r] = _mm512_setzero_ps();
    }
    for (size_t i = 0; i < n / 16; i++)
        part_step(C, part, i, 0xffff, x, k, acc);
    if (n % 16)
        part_step(C, part, n / 16, (__mmask16)((1u << n % 16) - 1), x, k, acc);
    finish_tile(C, acc, is_first, rows, y, y_stride);
}

/* A part of n_rows <= PART_ROWS rows times all columns. */
INLINE void part_columns(part_rows part, size_t n_rows, size_t n_values, const float *x, size_t k, size_t n, bool is_first, float *y,
                         size_t y_stride)
{
    for (size_t some; n > 0; n -= some, x += some * k, y += some * y_stride) {
        some = n >= COLS && n != 8 ? COLS : n >= 4 ? 4 : n >= 2 ? 2 : 1;
        for (size_t r = 0; r < n_rows; r += ROWS) {
            const __mmask8 rows = (__mmask8)(n_rows - r < ROWS ? (1u << (n_rows - r)) - 1 : 15);

            if (some == COLS)
                part_tile(COLS, part + r, n_values, x, k, is_first, rows, y + r, y_stride);
            else if (some == 4)
                part_tile(4, part + r, n_values, x, k, is_first, rows, y + r, y_stride);
            else if (some == 2)
                part_tile(2, part + r, n_values, x, k, is_first, rows, y + r, y_stride);
            else
                part_tile(1, part + r, n_values, x, k, is_first, rows, y + r, y_stride);
        }
    }
}

#define DEFINE_MULTIPLY(TYPE, SIZE)                                                                                            \
    INLINE void step_##TYPE(const int R, const int C, const unsigned char *w, size_t k, const float *x, size_t i,             \
                            __mmask16 lanes, __m512 acc[COLS][ROWS])                                                           \
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
                acc[c][r] = _mm512_fmadd_ps(row[r], v, acc[c][r]);                                                             \
        }                                                                                                                      \
    }                                                                                                                          \
                                                                                                                               \
    INLINE void tile_##TYPE(const int R, const int C, const unsigned char *w, size_t k, const float *x, float *y,              \
                            size_t y_stride)                                                                                   \
    {                                                                                                                          \
        for (size_t i = 0, first = 0; first < k; first += PART_K) {                                                            \
            const size_t end = k - first < PART_K ? k : first + PART_K;                                                        \
            __m512 acc[COLS][ROWS];                                                                                            \
                                                                                                                               \
            UNROLL                                                                                                             \
            for (int c = 0; c < C; c++) {                                                                                      \
                UNROLL                                                                                                         \
                for (int r = 0; r < ROWS; r++)                                                                                 \
                    acc[c][r] = _mm512_setzero_ps();                                                                           \
            }                                                                                                                  \
            for (; i + 16 <= end; i += 16)                                                                                     \
                step_##TYPE(R, C, w, k, x, i, 0xffff, acc);                                                                    \
            if (i < end)                                                                                                       \
                step_##TYPE(R, C, w, k, x, i, (__mmask16)((1u << (end - i)) - 1), acc);                                        \
            finish_tile(C, acc, first == 0, (__mmask8)((1u << R) - 1), y, y_stride);                                           \
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
    /* Steps of n_rows rows from value `first` on; those up to the next multiple of ROWS are 0. */                             \
    INLINE void take_part_##TYPE(part_rows part, const unsigned char *w, size_t k, size_t first, size_t n_rows, size_t n_steps, \
                                 __mmask16 lanes)                                                                              \
    {                                                                                                                          \
        for (size_t r = 0; r < (n_rows + ROWS - 1) / ROWS * ROWS; r++)                                                         \
            for (size_t i = 0; i < n_steps; i++)                                                                               \
                part[r][i] = r < n_rows ? load_##TYPE(w + r * k * SIZE, first + 16 * i, i + 1 < n_steps ? 0xffff : lanes)      \
                                        : _mm512_setzero_ps();                                                                 \
    }                                                                                                                          \
                                                                                                                               \
    TARGET static void many_##TYPE(const unsigned char *w, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y,   \
                                   size_t y_stride)                                                                            \
    {                                                                                                                          \
        part_rows part;                                                                                                        \
                                                                                                                               \
        for (size_t i = 0; i < k; i += PART_K) {                                                                               \
            const size_t n_values = k - i < PART_K ? k - i : PART_K, n_steps = (n_values + 15) / 16;                           \
            const __mmask16 lanes = (__mmask16)(n_values % 16 ? (1u << n_values % 16) - 1 : 0xffff);                           \
                                                                                                                               \
            for (size_t r = 0; r < n_rows; r += PART_ROWS) {                                                                   \
                const size_t some = n_rows - r < PART_ROWS ? n_rows - r : PART_ROWS;                                           \
                                                                                                                               \
                take_part_##TYPE(part, w + r * k * SIZE, k, i, some, n_steps, lanes);                                          \
                part_columns(part, some, n_values, x + i, k, n_cols, i == 0, y + r, y_stride);                                 \
            }                                                                                                                  \
        }                                                                                                                      \
    }                                                                                                                          \
                                                                                                                               \
    TARGET void kernels_avx512_##TYPE(const void *weights, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y,   \
                                      size_t y_stride)                                                                         \
    {                                                                                                                          \
        const unsigned char *w = weights;                                                                                      \
                                                                                                                               \
        if (n_cols >= MANY) {                                                                                                  \
            many_##TYPE(w, k, n_rows, x, n_cols, y, y_stride);                                                                 \
            return;                                                                                                            \
        }                                                                                                                      \
        for (; n_rows >= ROWS; n_rows -= ROWS, w += ROWS * k * SIZE, y += ROWS)                                                \
            rows_##TYPE(ROWS, w, k, x, n_cols, y, y_stride);                                                                   \
        for (; n_rows >= 1; n_rows--, w += k * SIZE, y++)                                                                      \
            rows_##TYPE(1, w, k, x, n_cols, y, y_stride);                                                                      \
    }

DEFINE_MULTIPLY(f32, sizeof(float))
DEFINE_MULTIPLY(f16, sizeof(uint16_t))
DEFINE_MULTIPLY(bf16, sizeof(uint16_t))

#endif
