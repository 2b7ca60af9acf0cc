/*
 * AVX2: products of matrices in F32, F16 and BF16, and of rows that became F32.
 *
 * As infer/kernels_avx512.c, with tiles of four rows and three columns, whose 12 sums stay in registers.  A row is cut into parts of
 * PART_K values; of each the lanes are added up in the same order, then the parts, from the first one on: what goes together never
 * shows in a result.
 *
 * Of many columns, BLOCK_ROWS rows meet a part of them before the next one.  That part is copied and the sums are kept apart from y, since places a
 * power of two apart share cache sets: both stay in the second-level cache, some 320 KB of a thread's stack.  The part of a few rows becomes
 * f32 once and stays in the first-level cache.
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
#define MANY       12         /* columns that are worth taking rows apart for ahead of them */
#define MOST       128        /* columns whose parts stay in the second-level cache */
#define PART_K     512
#define PART_STEPS (PART_K / LANES)
#define PART_ROWS  (2 * ROWS) /* that many columns meet together */
#define BLOCK_ROWS 128        /* that meet a part of the columns before the next part: their sums stay in the caches */

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

/* The sums of a tile of C columns, to y: the first part of them, or one more.  Fewer than ROWS rows are rare, and stores with a mask slow. */
INLINE void finish_tile(const int C, __m256 acc[COLS][ROWS], bool is_first, size_t n_rows, float *y, size_t y_stride)
{
    UNROLL
    for (int c = 0; c < C; c++, y += y_stride) {
        const __m128 sums = add_lanes(acc[c]);

        if (n_rows == ROWS) {
            _mm_storeu_ps(y, is_first ? sums : _mm_add_ps(_mm_loadu_ps(y), sums));
        } else {
            float each[ROWS];

            _mm_storeu_ps(each, sums);
            for (size_t r = 0; r < n_rows; r++)
                y[r] = is_first ? each[r] : y[r] + each[r];
        }
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

INLINE void part_step(const int C, __m256 (*part)[PART_STEPS], size_t i, size_t n, const float *x, __m256 acc[COLS][ROWS])
{
    __m256 column[COLS];

    UNROLL
    for (int c = 0; c < C; c++)
        column[c] = column_values(x + (size_t)c * PART_K + i * LANES, n);
    UNROLL
    for (int r = 0; r < ROWS; r++) {
        UNROLL
        for (int c = 0; c < C; c++)
            acc[c][r] = _mm256_fmadd_ps(part[r][i], column[c], acc[c][r]);
    }
}

/* n values of ROWS rows of a part times C columns, to sums [C][BLOCK_ROWS] of the first n_rows. */
INLINE void part_tile(const int C, __m256 (*part)[PART_STEPS], size_t n, const float *x, bool is_first, size_t n_rows, float *sums)
{
    __m256 acc[COLS][ROWS];

    start_tile(C, acc);
    for (size_t i = 0; i < n / LANES; i++)
        part_step(C, part, i, LANES, x, acc);
    if (n % LANES)
        part_step(C, part, n / LANES, n % LANES, x, acc);
    finish_tile(C, acc, is_first, n_rows, sums, BLOCK_ROWS);
}

/* Asks for lines first ... first + n - 1 of PART_ROWS rows, row_bytes apart. */
INLINE void prefetch_part(const unsigned char *at, size_t row_bytes, size_t first, size_t n)
{
    for (size_t i = first; i < first + n; i++)
        _mm_prefetch((const char *)at + i % PART_ROWS * row_bytes + i / PART_ROWS * 64, _MM_HINT_T1);
}

/*
 * A part of n_rows <= PART_ROWS rows times n columns [n][PART_K], to sums [n][BLOCK_ROWS].  Meanwhile the next part is asked for, which begins
 * at `next`: n_lines lines of 64 bytes of each row.
 */
INLINE void part_columns(part_rows part, size_t n_rows, size_t n_values, const float *x, size_t n, const unsigned char *next,
                         size_t row_bytes, size_t n_lines, bool is_first, float *sums)
{
    const size_t at_once = n_lines * PART_ROWS * COLS / n + 1;

    for (size_t line = 0, some; n > 0; n -= some, x += some * PART_K, sums += some * BLOCK_ROWS, line += at_once) {
        some = n >= COLS && n != 4 ? COLS : n >= 2 ? 2 : 1;
        if (line < n_lines * PART_ROWS)
            prefetch_part(next, row_bytes, line, at_once);
        for (size_t r = 0; r < n_rows; r += ROWS) {
            const size_t rows = n_rows - r < ROWS ? n_rows - r : ROWS;

            if (some == COLS)
                part_tile(COLS, part + r, n_values, x, is_first, rows, sums + r);
            else if (some == 2)
                part_tile(2, part + r, n_values, x, is_first, rows, sums + r);
            else
                part_tile(1, part + r, n_values, x, is_first, rows, sums + r);
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
            if (C == 1) /* a single column waits for memory: the rows of the next tile */                                      \
                _mm_prefetch((const char *)row + (R * k + i) * sizeof(ELEMENT), _MM_HINT_T0);                                  \
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
    /* n_rows <= BLOCK_ROWS rows times n_cols <= MOST columns. */                                                              \
    TARGET static void many_##TYPE(const unsigned char *w, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y,   \
                                   size_t y_stride)                                                                            \
    {                                                                                                                          \
        float sums[MOST][BLOCK_ROWS], columns[MOST][PART_K] __attribute__((aligned(64)));                                      \
        part_rows part;                                                                                                        \
                                                                                                                               \
        for (size_t i = 0; i < k; i += PART_K) {                                                                               \
            const size_t n_values = k - i < PART_K ? k - i : PART_K;                                                           \
                                                                                                                               \
            for (size_t c = 0; c < n_cols; c++)                                                                                \
                memcpy(columns[c], x + c * k + i, n_values * sizeof(float));                                                   \
            for (size_t r = 0; r < n_rows; r += PART_ROWS) {                                                                   \
                const size_t some = n_rows - r < PART_ROWS ? n_rows - r : PART_ROWS;                                           \
                const size_t next = r + some < n_rows ? (r + some) * k + i : i + PART_K < k ? i + PART_K : n_rows * k;         \
                                                                                                                               \
                take_part_##TYPE(part, w + r * k * sizeof(ELEMENT), k, i, some, n_values);                                     \
                part_columns(part, some, n_values, columns[0], n_cols, w + next * sizeof(ELEMENT), k * sizeof(ELEMENT),        \
                             PART_K * sizeof(ELEMENT) / 64, i == 0, sums[0] + r);                                              \
            }                                                                                                                  \
        }                                                                                                                      \
        for (size_t c = 0; c < n_cols; c++)                                                                                    \
            memcpy(y + c * y_stride, sums[c], n_rows * sizeof(float));                                                         \
    }                                                                                                                          \
                                                                                                                               \
    TARGET void kernels_avx2_##TYPE(const void *weights, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y,     \
                                    size_t y_stride)                                                                           \
    {                                                                                                                          \
        const unsigned char *w = weights;                                                                                      \
                                                                                                                               \
        for (size_t some; n_cols >= MANY; n_cols -= some, x += some * k, y += some * y_stride) {                               \
            some = n_cols < MOST ? n_cols : MOST;                                                                              \
            for (size_t r = 0; r < n_rows; r += BLOCK_ROWS)                                                                    \
                many_##TYPE(w + r * k * sizeof(ELEMENT), k, n_rows - r < BLOCK_ROWS ? n_rows - r : BLOCK_ROWS, x, some, y + r, y_stride); \
        }                                                                                                                      \
        if (n_cols == 0)                                                                                                       \
            return;                                                                                                            \
        for (; n_rows >= ROWS; n_rows -= ROWS, w += ROWS * k * sizeof(ELEMENT), y += ROWS)                                     \
            rows_##TYPE(ROWS, w, k, x, n_cols, y, y_stride);                                                                   \
        for (; n_rows >= 1; n_rows--, w += k * sizeof(ELEMENT), y++)                                                           \
            rows_##TYPE(1, w, k, x, n_cols, y, y_stride);                                                                      \
    }

DEFINE_MULTIPLY(f32, float)
DEFINE_MULTIPLY(f16, uint16_t)
DEFINE_MULTIPLY(bf16, uint16_t)

#endif
