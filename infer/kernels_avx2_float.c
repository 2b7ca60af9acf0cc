/*
 * AVX2: products of matrices in F32, F16 and BF16, and of rows that became F32.
 *
 * As infer/kernels_avx512.c, with tiles of four rows and three columns, whose 12 sums stay in registers.  A row is cut into parts of
 * PART_K values; of each the lanes are added up in the same order, then the parts, from the first one on: what goes together never
 * shows in a result.
 *
 * Of many columns, all rows meet a part of them before the next one, so that these columns stay in the second-level cache; the part of a few
 * rows becomes f32 once and stays in the first-level cache.
 */
#include "infer/kernels.h"

#ifdef __x86_64__

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#define TARGET __attribute__((target("avx2,fma,f16c")))
#define UNROLL _Pragma("GCC unroll 8")
#define INLINE TARGET __attribute__((always_inline)) static inline

#define LANES      8
#define ROWS       4
#define COLS       3
#define MANY       12 /* columns that are worth taking rows apart for ahead of them */
#define MOST       64 /* columns whose parts stay in the second-level cache */
#define PART_K     512
#define PART_STEPS (PART_K / LANES)
#define PART_ROWS  (2 * ROWS) /* that many columns meet together */
#define AHEAD      2048       /* bytes to prefetch ahead of a single column, which waits for memory */

INLINE __m256 load_f32(const void *row, size_t i)
{
    return _mm256_loadu_ps((const float *)row + i);
}

INLINE __m256 load_f16(const void *row, size_t i)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)((const uint16_t *)row + i)));
}

INLINE __m256 load_bf16(const void *row, size_t i)
{
    const __m128i upper = _mm_loadu_si128((const __m128i *)((const uint16_t *)row + i));

    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(upper), 16));
}

/* Lanes of four vectors added up: ((0+1)+(2+3)) + ((4+5)+(6+7)). */
INLINE __m128 add_lanes(const __m256 v[ROWS])
{
    const __m256 s = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));

    return _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
}

/* The sums of a tile of R rows and C columns, to y: the first part of them, or one more. */
INLINE void finish_tile(const int C, __m256 acc[COLS][ROWS], bool is_first, size_t n_rows, float *y, size_t y_stride)
{
    const __m128i rows = _mm_cmpgt_epi32(_mm_set1_epi32((int)n_rows), _mm_setr_epi32(0, 1, 2, 3));

    UNROLL
    for (int c = 0; c < C; c++, y += y_stride) {
        __m128 sums = add_lanes(acc[c]);

        if (!is_first)
            sums = _mm_add_ps(_mm_maskload_ps(y, rows), sums);
        _mm_maskstore_ps(y, rows, sums);
    }
}

INLINE void start_tile(const int C, __m256 acc[COLS][ROWS])
{
    UNROLL
    for (int c = 0; c < C; c++) {
        UNROLL
        for (int r = 0; r < ROWS; r++)
            acc[c][r] = _mm256_setzero_ps();
    }
}

/* A part of some rows, as f32; behind the row's end and in rows that are not there, 0. */
typedef __m256 part_rows[PART_ROWS][PART_STEPS];

/* The columns' values there, of which the first n are: n == LANES, or the others are 0. */
INLINE __m256 column_values(const float *x, size_t n)
{
    if (n == LANES)
        return _mm256_loadu_ps(x);
    return _mm256_maskload_ps(x, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)));
}

INLINE void part_step(const int C, __m256 (*part)[PART_STEPS], size_t i, size_t n, const float *x, size_t k, __m256 acc[COLS][ROWS])
{
    __m256 column[COLS];

    UNROLL
    for (int c = 0; c < C; c++)
        column[c] = column_values(x + (size_t)c * k + i * LANES, n);
    UNROLL
    for (int r = 0; r < ROWS; r++) {
        UNROLL
        for (int c = 0; c < C; c++)
            acc[c][r] = _mm256_fmadd_ps(part[r][i], column[c], acc[c][r]);
    }
}

/* n values of ROWS rows of a part times C columns. */
INLINE void part_tile(const int C, __m256 (*part)[PART_STEPS], size_t n, const float *x, size_t k, bool is_first, size_t n_rows, float *y, size_t y_stride)
{
    __m256 acc[COLS][ROWS];

    start_tile(C, acc);
    for (size_t i = 0; i < n / LANES; i++)
        part_step(C, part, i, LANES, x, k, acc);
    if (n % LANES)
        part_step(C, part, n / LANES, n % LANES, x, k, acc);
    finish_tile(C, acc, is_first, n_rows, y, y_stride);
}

/* A part of n_rows <= PART_ROWS rows times all columns. */
INLINE void part_columns(part_rows part, size_t n_rows, size_t n_values, const float *x, size_t k, size_t n, bool is_first, float *y,
                         size_t y_stride)
{
    for (size_t some; n > 0; n -= some, x += some * k, y += some * y_stride) {
        some = n >= COLS && n != 4 ? COLS : n >= 2 ? 2 : 1;
        for (size_t r = 0; r < n_rows; r += ROWS) {
            const size_t rows = n_rows - r < ROWS ? n_rows - r : ROWS;

            if (some == COLS)
                part_tile(COLS, part + r, n_values, x, k, is_first, rows, y + r, y_stride);
            else if (some == 2)
                part_tile(2, part + r, n_values, x, k, is_first, rows, y + r, y_stride);
            else
                part_tile(1, part + r, n_values, x, k, is_first, rows, y + r, y_stride);
        }
    }
}

#define DEFINE_MULTIPLY(TYPE, ELEMENT)                                                                                         \
    /* The first n < LANES values from value i on; the others are 0. */                                                        \
    INLINE __m256 first_##TYPE(const void *row, size_t i, size_t n)                                                            \
    {                                                                                                                          \
        ELEMENT some[LANES] = { 0 };                                                                                           \
                                                                                                                               \
        memcpy(some, (const ELEMENT *)row + i, n * sizeof(ELEMENT));                                                           \
        return load_##TYPE(some, 0);                                                                                           \
    }                                                                                                                          \
                                                                                                                               \
    INLINE void step_##TYPE(const int R, const int C, const unsigned char *w, size_t k, const float *x, size_t i, size_t n,    \
                            __m256 acc[COLS][ROWS])                                                                            \
    {                                                                                                                          \
        __m256 column[COLS];                                                                                                   \
                                                                                                                               \
        UNROLL                                                                                                                 \
        for (int c = 0; c < C; c++)                                                                                            \
            column[c] = column_values(x + (size_t)c * k + i, n);                                                               \
        UNROLL                                                                                                                 \
        for (int r = 0; r < R; r++) {                                                                                          \
            const unsigned char *row = w + (size_t)r * k * sizeof(ELEMENT);                                                    \
            const __m256 v = n == LANES ? load_##TYPE(row, i) : first_##TYPE(row, i, n);                                       \
                                                                                                                               \
            if (C == 1)                                                                                                        \
                _mm_prefetch((const char *)row + i * sizeof(ELEMENT) + AHEAD, _MM_HINT_T0);                                    \
            UNROLL                                                                                                             \
            for (int c = 0; c < C; c++)                                                                                        \
                acc[c][r] = _mm256_fmadd_ps(v, column[c], acc[c][r]);                                                          \
        }                                                                                                                      \
    }                                                                                                                          \
                                                                                                                               \
    INLINE void tile_##TYPE(const int R, const int C, const unsigned char *w, size_t k, const float *x, float *y,              \
                            size_t y_stride)                                                                                   \
    {                                                                                                                          \
        for (size_t i = 0, first = 0; first < k; first += PART_K) {                                                            \
            const size_t end = k - first < PART_K ? k : first + PART_K;                                                        \
            __m256 acc[COLS][ROWS];                                                                                            \
                                                                                                                               \
            start_tile(C, acc);                                                                                                \
            for (; i + LANES <= end; i += LANES)                                                                               \
                step_##TYPE(R, C, w, k, x, i, LANES, acc);                                                                     \
            if (i < end)                                                                                                       \
                step_##TYPE(R, C, w, k, x, i, end - i, acc);                                                                   \
            finish_tile(C, acc, first == 0, (size_t)R, y, y_stride);                                                           \
        }                                                                                                                      \
    }                                                                                                                          \
                                                                                                                               \
    INLINE void rows_##TYPE(const int R, const unsigned char *w, size_t k, const float *x, size_t n, float *y, size_t y_stride) \
    {                                                                                                                          \
        for (; n >= COLS; n -= COLS, x += COLS * k, y += COLS * y_stride)                                                      \
            tile_##TYPE(R, COLS, w, k, x, y, y_stride);                                                                        \
        if (n == 2)                                                                                                            \
            tile_##TYPE(R, 2, w, k, x, y, y_stride);                                                                           \
        else if (n == 1)                                                                                                       \
            tile_##TYPE(R, 1, w, k, x, y, y_stride);                                                                           \
    }                                                                                                                          \
                                                                                                                               \
    /* n_values of n_rows rows from value `first` on; rows up to the next multiple of ROWS are 0. */                           \
    INLINE void take_part_##TYPE(part_rows part, const unsigned char *w, size_t k, size_t first, size_t n_rows, size_t n_values) \
    {                                                                                                                          \
        for (size_t r = 0; r < (n_rows + ROWS - 1) / ROWS * ROWS; r++, w += k * sizeof(ELEMENT)) {                             \
            for (size_t i = 0; i < n_values / LANES; i++)                                                                      \
                part[r][i] = r < n_rows ? load_##TYPE(w, first + LANES * i) : _mm256_setzero_ps();                             \
            if (n_values % LANES)                                                                                              \
                part[r][n_values / LANES] = r < n_rows ? first_##TYPE(w, first + n_values / LANES * LANES, n_values % LANES)   \
                                                       : _mm256_setzero_ps();                                                  \
        }                                                                                                                      \
    }                                                                                                                          \
                                                                                                                               \
    TARGET static void many_##TYPE(const unsigned char *w, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y,   \
                                   size_t y_stride)                                                                            \
    {                                                                                                                          \
        part_rows part;                                                                                                        \
                                                                                                                               \
        for (size_t i = 0; i < k; i += PART_K) {                                                                               \
            const size_t n_values = k - i < PART_K ? k - i : PART_K;                                                           \
                                                                                                                               \
            for (size_t r = 0; r < n_rows; r += PART_ROWS) {                                                                   \
                const size_t some = n_rows - r < PART_ROWS ? n_rows - r : PART_ROWS;                                           \
                                                                                                                               \
                take_part_##TYPE(part, w + r * k * sizeof(ELEMENT), k, i, some, n_values);                                     \
                part_columns(part, some, n_values, x + i, k, n_cols, i == 0, y + r, y_stride);                                 \
            }                                                                                                                  \
        }                                                                                                                      \
    }                                                                                                                          \
                                                                                                                               \
    TARGET void kernels_avx2_##TYPE(const void *weights, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y,     \
                                    size_t y_stride)                                                                           \
    {                                                                                                                          \
        const unsigned char *w = weights;                                                                                      \
                                                                                                                               \
        for (size_t some; n_cols >= MANY; n_cols -= some, x += some * k, y += some * y_stride) {                               \
            some = n_cols < MOST ? n_cols : MOST;                                                                              \
            many_##TYPE(w, k, n_rows, x, some, y, y_stride);                                                                   \
        }                                                                                                                      \
        for (; n_rows >= ROWS; n_rows -= ROWS, w += ROWS * k * sizeof(ELEMENT), y += ROWS)                                     \
            rows_##TYPE(ROWS, w, k, x, n_cols, y, y_stride);                                                                   \
        for (; n_rows >= 1; n_rows--, w += k * sizeof(ELEMENT), y++)                                                           \
            rows_##TYPE(1, w, k, x, n_cols, y, y_stride);                                                                      \
    }

DEFINE_MULTIPLY(f32, float)
DEFINE_MULTIPLY(f16, uint16_t)
DEFINE_MULTIPLY(bf16, uint16_t)

#endif
