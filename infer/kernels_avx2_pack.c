/*
 * AVX2: packed matrices (infer/pack.h), for processors without VNNI.
 *
 * As infer/kernels_vnni.c, in halves: rows 0 to 7 and 8 to 15 of a panel are in the first and the last 32 bytes of each vector.
 * One instruction multiplies bytes without a sign with bytes that have one and adds up pairs in 16 bits, which it may not
 * leave: so many codes of each width can be added up there before they become 32 bits.  Codes of eight bits are made
 * values first, and take the sign of the activation, whose magnitude they are multiplied with.
 */
#include "infer/kernels.h"

#ifdef __x86_64__

#include <immintrin.h>

#include "infer/pack_layout.h"

#define TARGET __attribute__((target("avx2,fma,f16c")))
#define UNROLL _Pragma("GCC unroll 8")
#define INLINE TARGET __attribute__((always_inline)) static inline

#define COLS 4 /* of a tile: as many as there are registers for */

struct step {
    __m256i q[8];
    __m256  scale[2], min;
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

INLINE void add_fifth_bits(const unsigned char *at, __m256i q[8])
{
    const __m256i v = load(at), sixteen = _mm256_set1_epi8(16);

    UNROLL
    for (int g = 0; g < 8; g++) {
        const __m256i bit = _mm256_set1_epi8((char)(1 << g));

        q[g] = _mm256_or_si256(q[g], _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_and_si256(v, bit), bit), sixteen));
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

INLINE void look_up(__m256i q[8])
{
    const __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)quant_nonlinear));

    UNROLL
    for (int g = 0; g < 8; g++)
        q[g] = _mm256_shuffle_epi8(table, q[g]);
}

/* Whether q are values, with a sign, and not codes. */
INLINE int has_values(const enum quant_type type)
{
    return type == QUANT_Q8_0 || type == QUANT_IQ4_NL || type == QUANT_IQ4_XS;
}

/* Of one half, whose bytes of each vector begin at `at`; scales [8] of it. */
INLINE struct step load_step(const enum quant_type type, const int half, const unsigned char *at, const __m256 d, const __m256 m)
{
    const unsigned char *low = at + pack_low_at(type) + 32 * half;
    struct step s = { .scale = { d, d }, .min = m };

    switch (type) {
    case QUANT_Q8_0:
        UNROLL
        for (int g = 0; g < 8; g++)
            s.q[g] = _mm256_xor_si256(load(low + 64 * g), _mm256_set1_epi8((char)128));
        break;
    case QUANT_TQ2_0:
        take_two_bits(low, s.q);
        break;
    default:
        take_four_bits(low, s.q);
        break;
    }
    switch (type) {
    case QUANT_Q4_K:
    case QUANT_Q5_K:
        s.scale[0] = _mm256_mul_ps(d, unsigned_bytes(at + 8 * half));
        s.min = _mm256_mul_ps(m, unsigned_bytes(at + 16 + 8 * half));
        if (type == QUANT_Q5_K)
            add_fifth_bits(at + PACK_HIGH_AT + 32 * half, s.q);
        break;
    case QUANT_Q6_K:
        s.scale[0] = _mm256_mul_ps(d, signed_bytes(at + 8 * half));
        s.scale[1] = _mm256_mul_ps(d, signed_bytes(at + 16 + 8 * half));
        add_high_bits(at + PACK_HIGH_AT + 32 * half, s.q);
        break;
    case QUANT_IQ4_XS:
        s.scale[0] = _mm256_mul_ps(d, signed_bytes(at + 8 * half));
        look_up(s.q);
        break;
    case QUANT_TQ2_0:
        break;
    default:
        s.scale[0] = halves(at + 16 * half);
        if (type == QUANT_IQ4_NL)
            look_up(s.q);
        break;
    }
    return s;
}

/* How many vectors can be added up in 16 bits: 2 * 127 * the largest code each. */
INLINE int most_in_16_bits(const enum quant_type type)
{
    return has_values(type) ? 1 : type == QUANT_Q6_K ? 2 : type == QUANT_Q5_K ? 4 : 8;
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

INLINE __m256 add_column(const enum quant_type type, const struct step *s, const int8_t *q, float d, const int32_t *sums, __m256 acc)
{
    const __m256 dx = _mm256_set1_ps(d);
    const int offset = has_values(type) ? 0 : pack_offset(type);

    if (type == QUANT_Q6_K) {
        acc = _mm256_fmadd_ps(whole_sums(type, s, 0, 4, q, -offset * sums[0]), _mm256_mul_ps(s->scale[0], dx), acc);
        return _mm256_fmadd_ps(whole_sums(type, s, 4, 4, q, -offset * sums[1]), _mm256_mul_ps(s->scale[1], dx), acc);
    }
    acc = _mm256_fmadd_ps(whole_sums(type, s, 0, 8, q, -offset * (sums[0] + sums[1])), _mm256_mul_ps(s->scale[0], dx), acc);
    if (type == QUANT_Q4_K || type == QUANT_Q5_K)
        acc = _mm256_fnmadd_ps(s->min, _mm256_set1_ps(d * (float)(sums[0] + sums[1])), acc);
    return acc;
}

/* One half of a panel and N columns of a tile, whose activations begin at q, d and sums; of y only the first n_rows. */
INLINE void multiply_half(const enum quant_type type, const int N, const int half, const unsigned char *at, size_t n_steps,
                          const int8_t *q, const float *d, const int32_t *sums, size_t n_rows, float *y, size_t y_stride)
{
    const size_t head = pack_head_bytes(type);
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    __m256 acc[COLS], scale = _mm256_setzero_ps(), min = _mm256_setzero_ps();

    UNROLL
    for (int c = 0; c < N; c++)
        acc[c] = _mm256_setzero_ps();
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
            acc[c] = add_column(type, &s, q + c * PACK_STEP, d[c], sums + 2 * c, acc[c]);
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
DEFINE_MULTIPLY(multiply_q8_0, QUANT_Q8_0)
DEFINE_MULTIPLY(multiply_q4_k, QUANT_Q4_K)
DEFINE_MULTIPLY(multiply_q5_k, QUANT_Q5_K)
DEFINE_MULTIPLY(multiply_q6_k, QUANT_Q6_K)
DEFINE_MULTIPLY(multiply_iq4_xs, QUANT_IQ4_XS)
DEFINE_MULTIPLY(multiply_tq2_0, QUANT_TQ2_0)

TARGET void kernels_avx2_multiply(enum quant_type type, const unsigned char *panel, size_t k, const struct pack_input *x, size_t n,
                                  size_t n_rows, float *y, size_t y_stride)
{
    const size_t n_steps = k / PACK_STEP;

    switch (type) {
    case QUANT_Q4_0:
        multiply_q4_0(panel, n_steps, x, n, n_rows, y, y_stride);
        break;
    case QUANT_IQ4_NL:
        multiply_iq4_nl(panel, n_steps, x, n, n_rows, y, y_stride);
        break;
    case QUANT_Q8_0:
        multiply_q8_0(panel, n_steps, x, n, n_rows, y, y_stride);
        break;
    case QUANT_Q4_K:
        multiply_q4_k(panel, n_steps, x, n, n_rows, y, y_stride);
        break;
    case QUANT_Q5_K:
        multiply_q5_k(panel, n_steps, x, n, n_rows, y, y_stride);
        break;
    case QUANT_Q6_K:
        multiply_q6_k(panel, n_steps, x, n, n_rows, y, y_stride);
        break;
    case QUANT_IQ4_XS:
        multiply_iq4_xs(panel, n_steps, x, n, n_rows, y, y_stride);
        break;
    default:
        multiply_tq2_0(panel, n_steps, x, n, n_rows, y, y_stride);
        break;
    }
}

#endif
