/*
 * AVX2: packed matrices (infer/pack.h), for processors without VNNI.
 *
 * As infer/kernels_vnni.c, in halves: rows 0 to 7 and 8 to 15 of a panel are in the first and the last 32 bytes of each vector.
 * One instruction multiplies bytes without a sign with bytes that have one and adds up pairs in 16 bits, which it may not
 * leave: so many codes of each width can be added up there before they become 32 bits.  Codes of eight bits are made
 * values first, and take the sign of the activation, whose magnitude they are multiplied with.  Scales of groups are multiplied with
 * when 16 bits become 32.
 */
#include "infer/kernels.h"

#ifdef __x86_64__

KERNELS_UNROLLED

#include <immintrin.h>

#include "infer/pack_layout.h"

#define TARGET __attribute__((target("avx2,fma,f16c")))
#define UNROLL _Pragma("GCC unroll 8")
#define INLINE TARGET __attribute__((always_inline)) static inline

#define COLS 4 /* of a tile: as many as there are registers for */

struct step {
    __m256i q[8];
    __m256  scale[2], min[2];
    __m256i group[2]; /* scales of types that have groups, twice in 16 bits for each row */
};

INLINE __m256 halves(const unsigned char *at)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)at));
}

INLINE __m256 unsigned_bytes(const unsigned char *at)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)at)));
}

INLINE __m256 signed_bytes(const unsigned char *at)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)at)));
}

INLINE __m256i load(const unsigned char *at)
{
    return _mm256_loadu_si256((const __m256i *)at);
}

INLINE void take_four_bits(const unsigned char *at, __m256i q[8])
{
    const __m256i mask = _mm256_set1_epi8(15);

    UNROLL
    for (int j = 0; j < 4; j++) {
        const __m256i v = load(at + 64 * j);

        q[j] = _mm256_and_si256(v, mask);
        q[j + 4] = _mm256_and_si256(_mm256_srli_epi16(v, 4), mask);
    }
}

INLINE void take_two_bits(const unsigned char *at, __m256i q[8])
{
    const __m256i mask = _mm256_set1_epi8(3);

    UNROLL
    for (int j = 0; j < 2; j++) {
        const __m256i v = load(at + 64 * j);

        q[j] = _mm256_and_si256(v, mask);
        q[j + 2] = _mm256_and_si256(_mm256_srli_epi16(v, 2), mask);
        q[j + 4] = _mm256_and_si256(_mm256_srli_epi16(v, 4), mask);
        q[j + 6] = _mm256_and_si256(_mm256_srli_epi16(v, 6), mask);
    }
}

/* Adds `what` where there are bits, to codes that have none there. */
INLINE void add_bits(const unsigned char *at, const int what, __m256i q[8])
{
    const __m256i v = load(at), more = _mm256_set1_epi8((char)what);

    UNROLL
    for (int g = 0; g < 8; g++) {
        const __m256i bit = _mm256_set1_epi8((char)(1 << g));

        q[g] = _mm256_or_si256(q[g], _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_and_si256(v, bit), bit), more));
    }
}

INLINE void add_high_bits(const unsigned char *at, __m256i q[8])
{
    const __m256i mask = _mm256_set1_epi8(0x30);

    UNROLL
    for (int j = 0; j < 2; j++) {
        const __m256i v = load(at + 64 * j);

        q[4 * j] = _mm256_or_si256(q[4 * j], _mm256_and_si256(_mm256_slli_epi16(v, 4), mask));
        q[4 * j + 1] = _mm256_or_si256(q[4 * j + 1], _mm256_and_si256(_mm256_slli_epi16(v, 2), mask));
        q[4 * j + 2] = _mm256_or_si256(q[4 * j + 2], _mm256_and_si256(v, mask));
        q[4 * j + 3] = _mm256_or_si256(q[4 * j + 3], _mm256_and_si256(_mm256_srli_epi16(v, 2), mask));
    }
}

/* Whether q are values, with a sign, and not codes. */
INLINE int has_values(const enum quant_type type)
{
    return type == QUANT_Q8_0 || type == QUANT_IQ4_NL || type == QUANT_IQ4_XS;
}

/* Codes become values; MXFP4's and pack_offset(), which are small enough for bytes without a sign. */
INLINE void look_up(const enum quant_type type, __m256i q[8])
{
    const int8_t *values = type == QUANT_MXFP4 ? quant_e2m1 : quant_nonlinear;
    const __m256i table = _mm256_add_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)values)),
                                          _mm256_set1_epi8((char)(has_values(type) ? 0 : pack_offset(type))));

    UNROLL
    for (int g = 0; g < 8; g++)
        q[g] = _mm256_shuffle_epi8(table, q[g]);
}

/* quant_half_power() */
INLINE __m256 half_powers(const unsigned char *at)
{
    const __m256i e = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)at));
    const __m256i power = _mm256_slli_epi32(_mm256_sub_epi32(e, _mm256_set1_epi32(1)), 23);
    const __m256i subnormal = _mm256_sllv_epi32(_mm256_set1_epi32(0x200000), e);

    return _mm256_castsi256_ps(_mm256_blendv_epi8(power, subnormal, _mm256_cmpgt_epi32(_mm256_set1_epi32(2), e)));
}

INLINE __m256i twice(__m256i x)
{
    return _mm256_or_si256(_mm256_slli_epi32(x, 16), _mm256_and_si256(x, _mm256_set1_epi32(0xffff)));
}

/* Scales of groups, of which each half of a step's values has one; minima of Q2_K. */
INLINE void take_groups(const enum quant_type type, const unsigned char *at, __m256 m, struct step *s)
{
    UNROLL
    for (int i = 0; i < 2; i++) {
        const __m128i bytes = _mm_loadl_epi64((const __m128i *)(at + 16 * i));
        const __m256i both = _mm256_cvtepu8_epi32(bytes);

        if (type == QUANT_Q3_K) {
            s->group[i] = twice(_mm256_cvtepi8_epi32(bytes));
            continue;
        }
        s->group[i] = twice(_mm256_and_si256(both, _mm256_set1_epi32(15)));
        s->min[i] = _mm256_mul_ps(m, _mm256_cvtepi32_ps(_mm256_srli_epi32(both, 4)));
    }
}

/* Of one half, whose bytes of each vector begin at `at`; scales [8] of it. */
INLINE struct step load_step(const enum quant_type type, const int half, const unsigned char *at, const __m256 d, const __m256 m)
{
    const unsigned char *low = at + pack_low_at(type) + 32 * half, *high = at + pack_high_at(type) + 32 * half;
    struct step s = { .scale = { d, d }, .min = { m, m } };

    switch (type) {
    case QUANT_Q8_0:
        UNROLL
        for (int g = 0; g < 8; g++)
            s.q[g] = _mm256_xor_si256(load(low + 64 * g), _mm256_set1_epi8((char)128));
        break;
    case QUANT_TQ2_0:
    case QUANT_I2_S:
        take_two_bits(low, s.q);
        return s;
    case QUANT_Q2_K:
    case QUANT_Q3_K:
        take_two_bits(low, s.q);
        if (type == QUANT_Q3_K)
            add_bits(high, 4, s.q);
        take_groups(type, at + 8 * half, m, &s);
        return s;
    default:
        take_four_bits(low, s.q);
        break;
    }
    switch (type) {
    case QUANT_Q4_K:
    case QUANT_Q5_K:
        s.scale[0] = _mm256_mul_ps(d, unsigned_bytes(at + 8 * half));
        s.min[0] = _mm256_mul_ps(m, unsigned_bytes(at + 16 + 8 * half));
        break;
    case QUANT_Q6_K:
        s.scale[0] = _mm256_mul_ps(d, signed_bytes(at + 8 * half));
        s.scale[1] = _mm256_mul_ps(d, signed_bytes(at + 16 + 8 * half));
        add_high_bits(high, s.q);
        break;
    case QUANT_IQ4_XS:
        s.scale[0] = _mm256_mul_ps(d, signed_bytes(at + 8 * half));
        break;
    case QUANT_MXFP4:
        s.scale[0] = half_powers(at + 8 * half);
        break;
    default:
        s.scale[0] = halves(at + 16 * half);
        if (pack_has_minima(type))
            s.min[0] = halves(at + 32 + 16 * half);
        break;
    }
    if (type == QUANT_Q5_0 || type == QUANT_Q5_1 || type == QUANT_Q5_K)
        add_bits(high, 16, s.q);
    if (type == QUANT_IQ4_NL || type == QUANT_IQ4_XS || type == QUANT_MXFP4)
        look_up(type, s.q);
    return s;
}

/* How many vectors can be added up in 16 bits: 2 * 127 * the largest code each. */
INLINE int most_in_16_bits(const enum quant_type type)
{
    switch (type) {
    case QUANT_Q8_0:
    case QUANT_IQ4_NL:
    case QUANT_IQ4_XS:
        return 1;
    case QUANT_Q6_K:
        return 2;
    case QUANT_Q5_0:
    case QUANT_Q5_1:
    case QUANT_Q5_K:
    case QUANT_MXFP4:
        return 4;
    default:
        return 8;
    }
}

/* Vectors first ... first + n - 1 of a step times a column's activations, in whole numbers. */
INLINE __m256 whole_sums(const enum quant_type type, const struct step *s, const int first, const int n, const int8_t *q, int32_t begin)
{
    const int most = most_in_16_bits(type);
    __m256i sum = _mm256_set1_epi32(begin), part = _mm256_setzero_si256();

    UNROLL
    for (int g = first; g < first + n; g++) {
        __m256i x, product;
        int32_t four;

        __builtin_memcpy(&four, q + 4 * g, sizeof four);
        x = _mm256_set1_epi32(four);
        product = has_values(type) ? _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(s->q[g], x)) :
                                     _mm256_maddubs_epi16(s->q[g], x);
        part = (g - first) % most == 0 ? product : _mm256_add_epi16(part, product);
        if ((g - first) % most == most - 1 || g == first + n - 1)
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(part, _mm256_set1_epi16(1)));
    }
    return _mm256_cvtepi32_ps(sum);
}

/* All of a step of a type that has groups, where 16 bits have room for all codes of a group and what they are too large by. */
INLINE __m256 whole_groups(const enum quant_type type, const struct step *s, const int8_t *q, const int32_t *sums)
{
    __m256i sum = _mm256_setzero_si256();

    UNROLL
    for (int i = 0; i < 2; i++) {
        __m256i part = _mm256_set1_epi32(-pack_offset(type) * sums[i] & 0xffff);

        UNROLL
        for (int g = 4 * i; g < 4 * i + 4; g++) {
            int32_t four;

            __builtin_memcpy(&four, q + 4 * g, sizeof four);
            part = _mm256_add_epi16(part, _mm256_maddubs_epi16(s->q[g], _mm256_set1_epi32(four)));
        }
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(part, s->group[i]));
    }
    return _mm256_cvtepi32_ps(sum);
}

/* block: where types that have groups add up whole numbers times d. */
INLINE __m256 add_column(const enum quant_type type, const struct step *s, const int8_t *q, float d, const int32_t *sums, __m256 acc,
                         __m256 *block)
{
    const __m256 dx = _mm256_set1_ps(d);
    const int offset = has_values(type) ? 0 : pack_offset(type);

    if (type == QUANT_Q6_K) {
        acc = _mm256_fmadd_ps(whole_sums(type, s, 0, 4, q, -offset * sums[0]), _mm256_mul_ps(s->scale[0], dx), acc);
        return _mm256_fmadd_ps(whole_sums(type, s, 4, 4, q, -offset * sums[1]), _mm256_mul_ps(s->scale[1], dx), acc);
    }
    if (pack_has_groups(type)) {
        *block = _mm256_fmadd_ps(whole_groups(type, s, q, sums), dx, *block);
    } else {
        const __m256 factor = type == QUANT_I2_S ? dx : _mm256_mul_ps(s->scale[0], dx);

        acc = _mm256_fmadd_ps(whole_sums(type, s, 0, 8, q, -offset * (sums[0] + sums[1])), factor, acc);
    }
    if (type == QUANT_Q2_K) {
        acc = _mm256_fnmadd_ps(s->min[0], _mm256_set1_ps(d * (float)sums[0]), acc);
        return _mm256_fnmadd_ps(s->min[1], _mm256_set1_ps(d * (float)sums[1]), acc);
    }
    return pack_has_minima(type) ? _mm256_fnmadd_ps(s->min[0], _mm256_set1_ps(d * (float)(sums[0] + sums[1])), acc) : acc;
}

/* One half of a panel and N columns of a tile, whose activations begin at q, d and sums; of y only the first n_rows. */
INLINE void multiply_half(const enum quant_type type, const int N, const int half, const unsigned char *at, size_t n_steps,
                          const int8_t *q, const float *d, const int32_t *sums, size_t n_rows, float *y, size_t y_stride)
{
    const size_t head = pack_head_bytes(type);
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    __m256 acc[COLS], block[COLS], scale = _mm256_setzero_ps(), min = _mm256_setzero_ps();

    UNROLL
    for (int c = 0; c < N; c++)
        acc[c] = block[c] = _mm256_setzero_ps();
    for (size_t i = 0; i < n_steps; i++, at += pack_step_bytes(type)) {
        struct step s;

        if (head && i % PACK_BLOCK_STEPS == 0) {
            scale = halves(at + 16 * half);
            if (head == 64)
                min = halves(at + 32 + 16 * half);
            at += head;
        }
        s = load_step(type, half, at, scale, min);
        UNROLL
        for (int c = 0; c < N; c++)
            acc[c] = add_column(type, &s, q + c * PACK_STEP, d[c], sums + 2 * c, acc[c], &block[c]);
        if (pack_has_groups(type) && i % PACK_BLOCK_STEPS == PACK_BLOCK_STEPS - 1) {
            UNROLL
            for (int c = 0; c < N; c++) {
                acc[c] = _mm256_fmadd_ps(scale, block[c], acc[c]);
                block[c] = _mm256_setzero_ps();
            }
        }
        q += PACK_COLS * PACK_STEP;
        d += PACK_COLS;
        sums += 2 * PACK_COLS;
    }
    UNROLL
    for (int c = 0; c < N; c++)
        _mm256_maskstore_ps(y + (size_t)c * y_stride, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n_rows), lanes), acc[c]);
}

INLINE void multiply_tile(const enum quant_type type, const int N, const unsigned char *at, size_t n_steps, const int8_t *q,
                          const float *d, const int32_t *sums, size_t n_rows, float *y, size_t y_stride)
{
    multiply_half(type, N, 0, at, n_steps, q, d, sums, n_rows, y, y_stride);
    if (n_rows > 8)
        multiply_half(type, N, 1, at, n_steps, q, d, sums, n_rows - 8, y + 8, y_stride);
}

/* Of one type, all columns, which stand in tiles of PACK_COLS. */
#define DEFINE_MULTIPLY(NAME, TYPE)                                                                                            \
    TARGET static void NAME(const unsigned char *panel, size_t n_steps, const struct pack_input *x, size_t n, size_t n_rows,   \
                            float *y, size_t y_stride)                                                                         \
    {                                                                                                                          \
        for (size_t c = 0, next; c < n; c = next) {                                                                            \
            const size_t at = c / PACK_COLS * n_steps * PACK_COLS + c % PACK_COLS;                                             \
                                                                                                                               \
            next = c % COLS == 0 && n - c >= COLS ? c + COLS : c + 1;                                                          \
            if (next == c + COLS)                                                                                              \
                multiply_tile(TYPE, COLS, panel, n_steps, x->q + at * PACK_STEP, x->d + at, x->sums + 2 * at, n_rows,          \
                              y + c * y_stride, y_stride);                                                                     \
            else                                                                                                               \
                multiply_tile(TYPE, 1, panel, n_steps, x->q + at * PACK_STEP, x->d + at, x->sums + 2 * at, n_rows,             \
                              y + c * y_stride, y_stride);                                                                     \
        }                                                                                                                      \
    }

DEFINE_MULTIPLY(multiply_q4_0, QUANT_Q4_0)
DEFINE_MULTIPLY(multiply_iq4_nl, QUANT_IQ4_NL)
DEFINE_MULTIPLY(multiply_q4_1, QUANT_Q4_1)
DEFINE_MULTIPLY(multiply_q5_0, QUANT_Q5_0)
DEFINE_MULTIPLY(multiply_q5_1, QUANT_Q5_1)
DEFINE_MULTIPLY(multiply_q8_0, QUANT_Q8_0)
DEFINE_MULTIPLY(multiply_q2_k, QUANT_Q2_K)
DEFINE_MULTIPLY(multiply_q3_k, QUANT_Q3_K)
DEFINE_MULTIPLY(multiply_q4_k, QUANT_Q4_K)
DEFINE_MULTIPLY(multiply_q5_k, QUANT_Q5_K)
DEFINE_MULTIPLY(multiply_q6_k, QUANT_Q6_K)
DEFINE_MULTIPLY(multiply_iq4_xs, QUANT_IQ4_XS)
DEFINE_MULTIPLY(multiply_mxfp4, QUANT_MXFP4)
DEFINE_MULTIPLY(multiply_tq2_0, QUANT_TQ2_0)
DEFINE_MULTIPLY(multiply_i2_s, QUANT_I2_S)

/* By type: TQ1_0 is packed as TQ2_0 is. */
static void (*const multiplies[QUANT_MAX_ID])(const unsigned char *panel, size_t n_steps, const struct pack_input *x, size_t n, size_t n_rows,
                                              float *y, size_t y_stride) = {
    [QUANT_Q4_0] = multiply_q4_0,
    [QUANT_IQ4_NL] = multiply_iq4_nl,
    [QUANT_Q4_1] = multiply_q4_1,
    [QUANT_Q5_0] = multiply_q5_0,
    [QUANT_Q5_1] = multiply_q5_1,
    [QUANT_Q8_0] = multiply_q8_0,
    [QUANT_Q2_K] = multiply_q2_k,
    [QUANT_Q3_K] = multiply_q3_k,
    [QUANT_Q4_K] = multiply_q4_k,
    [QUANT_Q5_K] = multiply_q5_k,
    [QUANT_Q6_K] = multiply_q6_k,
    [QUANT_IQ4_XS] = multiply_iq4_xs,
    [QUANT_MXFP4] = multiply_mxfp4,
    [QUANT_TQ2_0] = multiply_tq2_0,
    [QUANT_I2_S] = multiply_i2_s,
    [QUANT_TQ1_0] = multiply_tq2_0,
};

void kernels_avx2_multiply(enum quant_type type, const unsigned char *panel, size_t k, const struct pack_input *x, size_t n, size_t n_rows,
                           float *y, size_t y_stride)
{
    multiplies[type](panel, k / PACK_STEP, x, n, n_rows, y, y_stride);
}

KERNELS_UNROLLED_END

#endif
