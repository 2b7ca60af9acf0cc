/*
 * AVX2, FMA and F16C: what is not in the files of its products (infer/kernels_avx2_float.c, infer/kernels_avx2_pack.c) and of attention.
 *
 * Products with Q8_0 as the file has it go one row against up to eight columns, so a row of weights is read once for all of them and each column
 * has an accumulator of its own; for a single column four rows go together instead, to keep several sums in flight.
 * Lanes are always added up in the same order (sum8 and sum8x4 agree), so grouping never shows in a result.
 *
 * The functions carry their target as an attribute: the file needs no compiler flags of its own, and only code behind
 * kernels_find() ever reaches them.  Loops over columns are unrolled by a pragma: at -O2 gcc would keep the
 * accumulators in memory, at half the speed.
 */
#include "infer/kernels.h"

#ifdef __x86_64__

#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "infer/quant.h"

#define TARGET __attribute__((target("avx2,fma,f16c")))
#define UNROLL _Pragma("GCC unroll 8")
#define INLINE TARGET __attribute__((always_inline)) static inline

/* ((0+1)+(2+3)) + ((4+5)+(6+7)) of four vectors, side by side. */
INLINE __m128 sum8x4(__m256 a, __m256 b, __m256 c, __m256 d)
{
    __m256 s = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));

    return _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
}

/* The same for one. */
INLINE float sum8(__m256 a)
{
    __m256 s = _mm256_hadd_ps(a, a);

    s = _mm256_hadd_ps(s, s);
    return _mm_cvtss_f32(_mm_add_ss(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1)));
}

INLINE float max8(__m256 a)
{
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));

    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

/* 32 values: the largest magnitudes by lane, and sums.  max drops a NaN in its first operand: 0 times a sum keeps what is not finite. */
INLINE __m256 largest(const float *x, __m256 *sum)
{
    const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
    __m256 v[4];

    UNROLL
    for (int i = 0; i < 4; i++)
        v[i] = _mm256_loadu_ps(x + 8 * i);
    *sum = _mm256_add_ps(_mm256_add_ps(v[0], v[1]), _mm256_add_ps(v[2], v[3]));
    return _mm256_max_ps(_mm256_max_ps(_mm256_and_ps(v[0], magnitude), _mm256_and_ps(v[1], magnitude)),
                         _mm256_max_ps(_mm256_and_ps(v[2], magnitude), _mm256_and_ps(v[3], magnitude)));
}

INLINE float inverse_of(float max)
{
    return max > 0 && isfinite(max) ? 127 / max : 0;
}

/* 32 values times `inverse` as int8. */
INLINE void round_block(const float *x, __m256 inverse, int8_t *q)
{
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i v[4];

    UNROLL
    for (int i = 0; i < 4; i++)
        v[i] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), inverse));
    v[0] = _mm256_packs_epi16(_mm256_packs_epi32(v[0], v[1]), _mm256_packs_epi32(v[2], v[3]));
    _mm256_storeu_si256((__m256i *)q, _mm256_permutevar8x32_epi32(v[0], order));
}

TARGET static void quantize(const float *x, size_t k, int8_t *q, float *d)
{
    for (size_t b = 0; b < k / 32; b++, x += 32, q += 32) {
        __m256 sum;
        const float max = max8(largest(x, &sum));

        d[b] = max / 127 + 0 * sum8(sum);
        round_block(x, _mm256_set1_ps(inverse_of(max)), q);
    }
}

TARGET static void quantize_row(const float *x, size_t k, int8_t *q, float *d)
{
    __m256 max = _mm256_setzero_ps(), lost = _mm256_setzero_ps(), inverse, sum;
    float all;

    for (size_t b = 0; b < k / 32; b++) {
        max = _mm256_max_ps(max, largest(x + 32 * b, &sum));
        lost = _mm256_fmadd_ps(sum, _mm256_setzero_ps(), lost);
    }
    inverse = _mm256_set1_ps(inverse_of(max8(max)));
    all = max8(max) / 127 + sum8(lost);
    for (size_t b = 0; b < k / 32; b++) {
        d[b] = all;
        round_block(x + 32 * b, inverse, q + 32 * b);
    }
}

/* --- Q8_0 weights ------------------------------------------------------------------------------------------------- */

INLINE float block_scale(const unsigned char *block)
{
    uint16_t half;

    memcpy(&half, block, sizeof half);
    return _cvtsh_ss(half);
}

/*
 * Sums of products of 32 int8 pairs, four to a lane.  maddubs wants one side unsigned: |w| against x with w's sign.
 * The pair sums fit 16 bits even for w = -128, since quantize() keeps |x| <= 127.
 */
INLINE __m256 dot32(__m256i w, __m256i w_abs, __m256i x)
{
    __m256i pairs = _mm256_maddubs_epi16(w_abs, _mm256_sign_epi8(x, w));

    return _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

INLINE void mul_q8_0_row(const unsigned char *row, size_t k, const int8_t *q, const float *d, const int N, float *y,
                         size_t y_stride)
{
    const size_t n_blocks = k / 32;
    __m256 acc[8];

    UNROLL

    for (int c = 0; c < N; c++)
        acc[c] = _mm256_setzero_ps();
    for (size_t b = 0; b < n_blocks; b++, row += QUANT_Q8_0_BYTES) {
        __m256i w = _mm256_loadu_si256((const __m256i *)(row + 2)), w_abs = _mm256_abs_epi8(w);
        float scale = block_scale(row);

        UNROLL

        for (int c = 0; c < N; c++) {
            __m256i x = _mm256_loadu_si256((const __m256i *)(q + (size_t)c * k + b * 32));

            acc[c] = _mm256_fmadd_ps(dot32(w, w_abs, x), _mm256_set1_ps(scale * d[(size_t)c * n_blocks + b]), acc[c]);
        }
    }
    UNROLL
    for (int c = 0; c < N; c++)
        y[(size_t)c * y_stride] = sum8(acc[c]);
}

INLINE void mul_q8_0_rows(const unsigned char *w, size_t k, const int8_t *q, const float *d, float *y)
{
    const size_t row_bytes = k / 32 * QUANT_Q8_0_BYTES;
    __m256 acc[4];

    UNROLL

    for (int r = 0; r < 4; r++)
        acc[r] = _mm256_setzero_ps();
    for (size_t b = 0; b < k / 32; b++) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(q + b * 32));

        UNROLL

        for (size_t r = 0; r < 4; r++) {
            const unsigned char *block = w + r * row_bytes + b * QUANT_Q8_0_BYTES;
            __m256i v = _mm256_loadu_si256((const __m256i *)(block + 2));

            acc[r] =
                _mm256_fmadd_ps(dot32(v, _mm256_abs_epi8(v), x), _mm256_set1_ps(block_scale(block) * d[b]), acc[r]);
        }
    }
    _mm_storeu_ps(y, sum8x4(acc[0], acc[1], acc[2], acc[3]));
}

TARGET static void mul_q8_0(const void *weights, size_t k, size_t n_rows, const int8_t *q, const float *d,
                            size_t n_cols, float *y, size_t y_stride)
{
    const size_t row_bytes = k / 32 * QUANT_Q8_0_BYTES, n_blocks = k / 32;
    const unsigned char *w = weights;
    size_t r = 0;

    if (n_cols == 1)
        for (; r + 4 <= n_rows; r += 4)
            mul_q8_0_rows(w + r * row_bytes, k, q, d, y + r);
    for (; r < n_rows; r++) {
        const unsigned char *row = w + r * row_bytes;
        size_t c = 0;

        for (; c + 8 <= n_cols; c += 8)
            mul_q8_0_row(row, k, q + c * k, d + c * n_blocks, 8, y + c * y_stride + r, y_stride);
        if (c + 4 <= n_cols) {
            mul_q8_0_row(row, k, q + c * k, d + c * n_blocks, 4, y + c * y_stride + r, y_stride);
            c += 4;
        }
        for (; c < n_cols; c++)
            mul_q8_0_row(row, k, q + c * k, d + c * n_blocks, 1, y + c * y_stride + r, y_stride);
    }
}

/* --- the rest ------------------------------------------------------------------------------------------------------ */

TARGET static void rms_norm(const float *x, const float *weight, size_t n, float eps, float *out)
{
    __m256 sum = _mm256_setzero_ps(), scale;
    float total, s;
    size_t i = 0;

    for (; i + 8 <= n; i += 8)
        sum = _mm256_fmadd_ps(_mm256_loadu_ps(x + i), _mm256_loadu_ps(x + i), sum);
    total = sum8(sum);
    for (; i < n; i++)
        total = fmaf(x[i], x[i], total);
    s = 1 / sqrtf(total / (float)n + eps);
    scale = _mm256_set1_ps(s);
    for (i = 0; i + 8 <= n; i += 8)
        _mm256_storeu_ps(out + i,
                         _mm256_mul_ps(_mm256_mul_ps(_mm256_loadu_ps(x + i), scale), _mm256_loadu_ps(weight + i)));
    for (; i < n; i++)
        out[i] = x[i] * s * weight[i];
}

/* What AVX-512 has nothing better for. */
#define AVX2 .quantize = quantize, .quantize_row = quantize_row, .mul_q8_0 = mul_q8_0, .to_half = kernels_avx2_to_half, .rms_norm = rms_norm

#define AVX512                                                                                                                \
    AVX2, .mul_f32 = kernels_avx512_f32, .mul_f16 = kernels_avx512_f16, .mul_bf16 = kernels_avx512_bf16,                       \
    .packs = PACK_ALL, .mul_packed = kernels_vnni_multiply, .mul_panels = kernels_vnni_multiply_many,                          \
    .attend_merge = kernels_avx512_attend_merge,                                                                              \
    .functions = &functions_avx512, .recurrences = &recurrences_avx512

const struct kernels kernels_avx2 = { .name = "avx2", AVX2, .to_bf16 = kernels_avx2_to_bf16, .mul_f32 = kernels_avx2_f32, .mul_f16 = kernels_avx2_f16,
                                      .mul_bf16 = kernels_avx2_bf16, .packs = PACK_ALL, .mul_packed = kernels_avx2_multiply,
                                      .mul_panels = kernels_avx2_multiply_many,
                                      .attend = kernels_avx2_attend, .attend_merge = kernels_avx2_attend_merge,
                                      .functions = &functions_avx2, .recurrences = &recurrences_avx2 };
const struct kernels kernels_avx512 = { .name = "avx512", AVX512, .to_bf16 = kernels_avx2_to_bf16, .attend = kernels_avx512_attend };
const struct kernels kernels_avx512bf16 = { .name = "avx512bf16", AVX512, .to_bf16 = kernels_avx512bf16_round,
                                            .mul_bf16_rounded = kernels_avx512bf16_mul, .attend = kernels_avx512bf16_attend };

#endif
