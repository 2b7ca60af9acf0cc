/*
 * AVX2: packed matrices (infer/pack.h), for processors without VNNI.
 *
 * As infer/kernels_vnni.c, in halves: rows 0 to 7 and 8 to 15 of a panel are in the first and the last 32 bytes of each vector.
 * One instruction multiplies bytes without a sign with bytes that have one and adds up pairs in 16 bits, which it may not
 * leave: so many codes of each width can be added up there before they become 32 bits.  Codes of eight bits are made
 * values first, and one of a value and its activation takes the other's sign.  Scales of groups are multiplied with when 16 bits become 32.
 */
#include "infer/kernels.h"

#ifdef __x86_64__

KERNELS_UNROLLED

#include <immintrin.h>

#include "infer/pack_layout.h"

#define TARGET __attribute__((target("avx2,fma,f16c")))
#define UNROLL _Pragma("GCC unroll 8")
#define INLINE TARGET __attribute__((always_inline)) static inline

#define COLS   4    /* of a tile: as many as there are registers for */
#define FEW    2    /* that a panel is not taken apart for ahead of them */
#define HALVES 2    /* of a panel */
#define AHEAD  8192 /* bytes to prefetch ahead of few columns, which wait for memory: to the second-level cache */
#define SOON   2048 /* and from there to the first */

struct step {
    __m256i q[8];
    __m256i size[8]; /* of values, which have a sign; only of many columns */
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
INLINE void load_step(const enum quant_type type, const int half, const unsigned char *at, const __m256 d, const __m256 m, struct step *s)
{
    const unsigned char *low = at + pack_low_at(type) + 32 * half, *high = at + pack_high_at(type) + 32 * half;

    s->scale[0] = s->scale[1] = d;
    s->min[0] = s->min[1] = m;
    switch (type) {
    case QUANT_Q8_0:
        UNROLL
        for (int g = 0; g < 8; g++)
            s->q[g] = _mm256_xor_si256(load(low + 64 * g), _mm256_set1_epi8((char)128));
        break;
    case QUANT_TQ2_0:
    case QUANT_I2_S:
        take_two_bits(low, s->q);
        return;
    case QUANT_Q2_K:
    case QUANT_Q3_K:
        take_two_bits(low, s->q);
        if (type == QUANT_Q3_K)
            add_bits(high, 4, s->q);
        take_groups(type, at + 8 * half, m, s);
        return;
    default:
        take_four_bits(low, s->q);
        break;
    }
    switch (type) {
    case QUANT_Q4_K:
    case QUANT_Q5_K:
        s->scale[0] = _mm256_mul_ps(d, unsigned_bytes(at + 8 * half));
        s->min[0] = _mm256_mul_ps(m, unsigned_bytes(at + 16 + 8 * half));
        break;
    case QUANT_Q6_K:
        s->scale[0] = _mm256_mul_ps(d, signed_bytes(at + 8 * half));
        s->scale[1] = _mm256_mul_ps(d, signed_bytes(at + 16 + 8 * half));
        add_high_bits(high, s->q);
        break;
    case QUANT_IQ4_XS:
        s->scale[0] = _mm256_mul_ps(d, signed_bytes(at + 8 * half));
        break;
    case QUANT_MXFP4:
        s->scale[0] = half_powers(at + 8 * half);
        break;
    default:
        s->scale[0] = halves(at + 16 * half);
        if (pack_has_minima(type))
            s->min[0] = halves(at + 32 + 16 * half);
        break;
    }
    if (type == QUANT_Q5_0 || type == QUANT_Q5_1 || type == QUANT_Q5_K)
        add_bits(high, 16, s->q);
    if (type == QUANT_IQ4_NL || type == QUANT_IQ4_XS || type == QUANT_MXFP4)
        look_up(type, s->q);
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

/* Vectors first ... first + n - 1 of a step times a column's activations, added to whole numbers. */
INLINE __m256i add_whole(const enum quant_type type, __m256i sum, const struct step *s, const int first, const int n, const int8_t *q)
{
    const int most = most_in_16_bits(type);
    __m256i part = _mm256_setzero_si256();

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
    return sum;
}

INLINE __m256 whole_sums(const enum quant_type type, const struct step *s, const int first, const int n, const int8_t *q, int32_t begin)
{
    return _mm256_cvtepi32_ps(add_whole(type, _mm256_set1_epi32(begin), s, first, n, q));
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

/* block: where types that have groups add up whole numbers times d; acc: whole numbers, too, of types that round columns whole. */
INLINE __m256 add_column(const enum quant_type type, const struct step *s, const int8_t *q, float d, const int32_t *sums, __m256 acc,
                         __m256 *block)
{
    const __m256 dx = _mm256_set1_ps(d);
    const int offset = has_values(type) ? 0 : pack_offset(type);

    if (pack_rounds_columns(type)) {
        const __m256i begin = _mm256_set1_epi32(-offset * (sums[0] + sums[1]));

        return _mm256_castsi256_ps(add_whole(type, _mm256_add_epi32(_mm256_castps_si256(acc), begin), s, 0, 8, q));
    }
    if (type == QUANT_Q6_K) {
        acc = _mm256_fmadd_ps(whole_sums(type, s, 0, 4, q, -offset * sums[0]), _mm256_mul_ps(s->scale[0], dx), acc);
        return _mm256_fmadd_ps(whole_sums(type, s, 4, 4, q, -offset * sums[1]), _mm256_mul_ps(s->scale[1], dx), acc);
    }
    if (pack_has_groups(type)) {
        *block = _mm256_fmadd_ps(whole_groups(type, s, q, sums), dx, *block);
    } else {
        acc = _mm256_fmadd_ps(whole_sums(type, s, 0, 8, q, -offset * (sums[0] + sums[1])), _mm256_mul_ps(s->scale[0], dx), acc);
    }
    if (type == QUANT_Q2_K) {
        acc = _mm256_fnmadd_ps(s->min[0], _mm256_set1_ps(d * (float)sums[0]), acc);
        return _mm256_fnmadd_ps(s->min[1], _mm256_set1_ps(d * (float)sums[1]), acc);
    }
    return pack_has_minima(type) ? _mm256_fnmadd_ps(s->min[0], _mm256_set1_ps(d * (float)(sums[0] + sums[1])), acc) : acc;
}

/* What a column with scale d came to. */
INLINE __m256 finish(const enum quant_type type, __m256 acc, float d)
{
    return pack_rounds_columns(type) ? _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_castps_si256(acc)), _mm256_set1_ps(d)) : acc;
}

INLINE void prefetch(const unsigned char *at, const size_t n)
{
    for (size_t i = 0; i < n; i += 64) {
        _mm_prefetch((const char *)at + AHEAD + i, _MM_HINT_T1);
        _mm_prefetch((const char *)at + SOON + i, _MM_HINT_T0);
    }
}

/* The first n_rows rows of a column, of both halves.  Stores with a mask are slow, and seldom wanted. */
INLINE void store_rows(size_t n_rows, __m256 low, __m256 high, float *y)
{
    float each[PACK_ROWS];

    if (n_rows == PACK_ROWS) {
        _mm256_storeu_ps(y, low);
        _mm256_storeu_ps(y + 8, high);
        return;
    }
    _mm256_storeu_ps(each, low);
    _mm256_storeu_ps(each + 8, high);
    __builtin_memcpy(y, each, n_rows * sizeof *y);
}

/* A panel, which comes from memory, and N columns of a tile, whose activations begin at q, d and sums; of y only the first n_rows. */
INLINE void multiply_tile(const enum quant_type type, const int N, const unsigned char *at, size_t n_steps, const int8_t *q,
                          const float *d, const int32_t *sums, size_t n_rows, float *y, size_t y_stride)
{
    const size_t head = pack_head_bytes(type);
    __m256 acc[HALVES][FEW], block[HALVES][FEW], scale[HALVES] = { _mm256_setzero_ps() }, min[HALVES] = { _mm256_setzero_ps() };

    UNROLL
    for (int c = 0; c < N; c++)
        acc[0][c] = acc[1][c] = block[0][c] = block[1][c] = _mm256_setzero_ps();
    for (size_t i = 0; i < n_steps; i++, at += pack_step_bytes(type)) {
        if (head && i % PACK_BLOCK_STEPS == 0) {
            UNROLL
            for (int h = 0; h < HALVES; h++) {
                scale[h] = halves(at + 16 * h);
                if (head == 64)
                    min[h] = halves(at + 32 + 16 * h);
            }
            at += head;
        }
        prefetch(at, pack_step_bytes(type));
        UNROLL
        for (int h = 0; h < HALVES; h++) {
            struct step s;

            load_step(type, h, at, scale[h], min[h], &s);
            UNROLL
            for (int c = 0; c < N; c++)
                acc[h][c] = add_column(type, &s, q + c * PACK_STEP, d[c], sums + 2 * c, acc[h][c], &block[h][c]);
        }
        if (pack_has_groups(type) && i % PACK_BLOCK_STEPS == PACK_BLOCK_STEPS - 1) {
            UNROLL
            for (int c = 0; c < N; c++) {
                acc[0][c] = _mm256_fmadd_ps(scale[0], block[0][c], acc[0][c]);
                acc[1][c] = _mm256_fmadd_ps(scale[1], block[1][c], acc[1][c]);
                block[0][c] = block[1][c] = _mm256_setzero_ps();
            }
        }
        q += PACK_COLS * PACK_STEP;
        d += PACK_COLS;
        sums += 2 * PACK_COLS;
    }
    UNROLL
    for (int c = 0; c < N; c++)
        store_rows(n_rows, finish(type, acc[0][c], d[c - PACK_COLS]), finish(type, acc[1][c], d[c - PACK_COLS]), y + (size_t)c * y_stride);
}

/* --- many columns ------------------------------------------------------------------------------------------------- */

/* Columns that go through a panel together: for each of them there are 8 steps of it in the first-level cache, taken apart once. */
#define MANY       128
#define PART_STEPS 8 /* of a panel at a time */

/* What a tile's columns begin with in each step. */
struct beginnings {
    int32_t whole[PART_STEPS][PACK_COLS][2]; /* of each half of a step's values where they are not added up together; of types that round columns
                                                whole, of all steps in the first */
    float mean[PART_STEPS][2 * PACK_COLS];   /* what minima are times: of each half of Q2_K, otherwise of both in the first PACK_COLS */
};

/* How many vectors of a step, of n that have a scale, are added up in 16 bits. */
INLINE int together(const enum quant_type type, const int n)
{
    const int most = pack_has_groups(type) ? 4 : most_in_16_bits(type);

    return most < n ? most : n;
}

/*
 * Whether sums begin, with what codes are too large by, in 16 bits.  Q6_K's offset times a half's activations does not fit.  Of types that round
 * columns whole all steps of a part are added up there: 8 times 32 activations times 1.
 */
INLINE int begins_in_16_bits(const enum quant_type type)
{
    return pack_offset(type) && !has_values(type) && type != QUANT_Q6_K;
}

INLINE void begin_tile(const enum quant_type type, const int32_t *sums, const float *d, size_t n_steps, struct beginnings *b)
{
    const __m256i offset = _mm256_set1_epi32(-pack_offset(type)), low = _mm256_set1_epi32(0xffff);
    __m256i part[2] = { _mm256_setzero_si256(), _mm256_setzero_si256() };

    for (size_t i = 0; i < n_steps; i++, sums += 2 * PACK_COLS, d += PACK_COLS) {
        UNROLL
        for (int h = 0; h < 2; h++) {
            const __m256i each = load((const unsigned char *)(sums + h * PACK_COLS)), both = _mm256_add_epi32(each, _mm256_srli_epi64(each, 32));
            const __m256i whole = _mm256_mullo_epi32(together(type, 8) == 8 ? both : each, offset);
            const __m128 dx = _mm_loadu_ps(d + h * PACK_COLS / 2);

            part[h] = _mm256_add_epi32(part[h], whole);
            if (pack_rounds_columns(type))
                _mm256_storeu_si256((__m256i *)b->whole[0][h * PACK_COLS / 2], _mm256_and_si256(part[h], low));
            else if (begins_in_16_bits(type))
                _mm256_storeu_si256((__m256i *)b->whole[i][h * PACK_COLS / 2], _mm256_and_si256(whole, low));
            else if (type == QUANT_Q6_K)
                _mm256_storeu_si256((__m256i *)b->whole[i][h * PACK_COLS / 2], whole);
            if (type == QUANT_Q2_K)
                _mm256_storeu_ps(b->mean[i] + h * PACK_COLS,
                                 _mm256_mul_ps(_mm256_permutevar8x32_ps(_mm256_castps128_ps256(dx), _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3)),
                                               _mm256_cvtepi32_ps(each)));
            else if (pack_has_minima(type))
                _mm_storeu_ps(b->mean[i] + h * PACK_COLS / 2,
                              _mm_mul_ps(dx, _mm_cvtepi32_ps(_mm256_castsi256_si128(
                                                 _mm256_permutevar8x32_epi32(both, _mm256_setr_epi32(0, 2, 4, 6, 0, 0, 0, 0))))));
        }
    }
}

/*
 * One product of codes, added up in 16 bits, and one of values, in 32.  They are written out since gcc would add up many of them in a tree,
 * which there are no registers for, or copy sums about.
 */
INLINE void add_codes(__m256i *sum, __m256i w, __m256i x)
{
    __m256i product;

    __asm__("vpmaddubsw %3, %2, %0\n\tvpaddw %0, %1, %1" : "=&x"(product), "+x"(*sum) : "x"(w), "x"(x));
}

INLINE void add_values(__m256i *sum, __m256i w, __m256i size, __m256i x, __m256i ones)
{
    __m256i product;

    __asm__("vpsignb %2, %4, %0\n\tvpmaddubsw %0, %3, %0\n\tvpmaddwd %5, %0, %0\n\tvpaddd %0, %1, %1"
            : "=&x"(product), "+x"(*sum) : "x"(w), "x"(size), "x"(x), "x"(ones));
}

/* Vectors first ... first + n - 1 of a step of both halves times the activations of COLS columns, added to sums [HALVES][COLS] in 16 or 32 bits. */
INLINE void add_products(const enum quant_type type, const struct step *s, const int first, const int n, const int8_t *q, __m256i *sums)
{
    const __m256i ones = _mm256_set1_epi16(1);

    UNROLL
    for (int g = first; g < first + n; g++) {
        __m256i w[HALVES] = { s[0].q[g], s[1].q[g] }, size[HALVES];

        __asm__("" : "+x"(w[0]), "+x"(w[1])); /* not loaded again for each column */
        if (has_values(type)) {
            size[0] = s[0].size[g];
            size[1] = s[1].size[g];
            __asm__("" : "+x"(size[0]), "+x"(size[1]));
        }
        UNROLL
        for (int c = 0; c < COLS; c++) {
            __m256i x;
            int32_t four;

            __builtin_memcpy(&four, q + c * PACK_STEP + 4 * g, sizeof four);
            x = _mm256_set1_epi32(four);
            UNROLL
            for (int h = 0; h < HALVES; h++) {
                if (has_values(type))
                    add_values(&sums[h * COLS + c], w[h], size[h], x, ones);
                else
                    add_codes(&sums[h * COLS + c], w[h], x);
            }
        }
    }
}

/* The same of codes, from what is taken off them on: what 16 bits have room for becomes 32 bits at once. */
INLINE void add_coded(const enum quant_type type, const struct step *s, const int first, const int n, const int8_t *q, const int32_t *begin,
                      __m256i *whole)
{
    const int most = together(type, n);

    UNROLL
    for (int g = first; g < first + n; g += most) {
        __m256i part[HALVES * COLS];

        UNROLL
        for (int c = 0; c < COLS; c++)
            part[c] = part[COLS + c] = begins_in_16_bits(type) ? _mm256_set1_epi32(begin[2 * c + (most == 8 ? 0 : g / 4)]) : _mm256_setzero_si256();
        add_products(type, s, g, most, q, part);
        UNROLL
        for (int c = 0; c < HALVES * COLS; c++) {
            const __m256i more = _mm256_madd_epi16(part[c], pack_has_groups(type) ? s[c / COLS].group[g / 4] : _mm256_set1_epi16(1));

            whole[c] = g == first ? more : _mm256_add_epi32(whole[c], more);
        }
    }
    UNROLL
    for (int c = 0; c < HALVES * COLS && type == QUANT_Q6_K; c++)
        whole[c] = _mm256_add_epi32(whole[c], _mm256_set1_epi32(begin[2 * (c % COLS)]));
}

/* Vectors first ... first + n - 1 of a step of both halves of a panel times the activations of COLS columns, added to sums [HALVES][COLS]. */
INLINE void add_part(const enum quant_type type, const struct step *s, const int first, const int n, const int half, const int8_t *q,
                     const int32_t *begin, const float *d, const float *mean, __m256 *sums)
{
    const int is_scaled = !pack_has_groups(type), has_minima = !pack_has_groups(type) && pack_has_minima(type);
    __m256i whole[HALVES * COLS];

    if (has_values(type)) {
        UNROLL
        for (int c = 0; c < HALVES * COLS; c++)
            whole[c] = _mm256_setzero_si256();
        add_products(type, s, first, n, q, whole);
    } else {
        add_coded(type, s, first, n, q, begin, whole);
    }
    UNROLL
    for (int c = 0; c < COLS; c++) {
        const __m256 dx = _mm256_set1_ps(d[c]);

        UNROLL
        for (int h = 0; h < HALVES; h++) {
            __m256 *to = sums + h * COLS + c, sum = *to;

            sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole[h * COLS + c]), is_scaled ? _mm256_mul_ps(s[h].scale[half], dx) : dx, sum);
            *to = has_minima ? _mm256_fnmadd_ps(s[h].min[0], _mm256_set1_ps(mean[c]), sum) : sum;
        }
    }
}

/* What the steps of a block of a type that has groups come to: minima are taken off first, then comes block times d. */
INLINE void add_block(const enum quant_type type, const struct step *s, size_t n_steps, const struct beginnings *b, const size_t first,
                      const __m256 *block, __m256 *sums)
{
    UNROLL
    for (int h = 0; h < HALVES; h++) {
        __m256 to[COLS];

        UNROLL
        for (int c = 0; c < COLS; c++)
            to[c] = sums[h * COLS + c];
        for (size_t i = 0; i < n_steps && pack_has_minima(type); i++) {
            UNROLL
            for (int half = 0; half < 2; half++) {
                UNROLL
                for (int c = 0; c < COLS; c++)
                    to[c] = _mm256_fnmadd_ps(s[i * HALVES + (size_t)h].min[half], _mm256_set1_ps(b->mean[i][2 * (first + (size_t)c) + (size_t)half]), to[c]);
            }
        }
        UNROLL
        for (int c = 0; c < COLS; c++)
            sums[h * COLS + c] = _mm256_fmadd_ps(s[h].scale[0], block[h * COLS + c], to[c]);
    }
}

/* Sums of 16 bits, added to those of 32. */
INLINE __m256 add_sixteen(__m256 sum, __m256i more)
{
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(sum), _mm256_madd_epi16(more, _mm256_set1_epi16(1))));
}

/* COLS columns of a tile, from column `first` on: n_steps steps of a panel, all of a block where there are blocks, added to sums [HALVES][COLS]. */
INLINE void add_columns(const enum quant_type type, const struct step *steps, size_t n_steps, const struct beginnings *b, const size_t first,
                        const int8_t *q, const float *d, size_t tile_bytes, __m256 *sums)
{
    const int8_t *next = q + tile_bytes + first / COLS * 64; /* activations of the next tile: half of the lines for each half of the columns */
    __m256i sixteen[HALVES * COLS];
    __m256 block[HALVES * COLS];
    __m256 so_far[HALVES * COLS]; /* gcc would store sums both here and there in each step */

    UNROLL
    for (int c = 0; c < HALVES * COLS; c++) {
        block[c] = _mm256_setzero_ps();
        so_far[c] = sums[c];
        sixteen[c] = _mm256_set1_epi32(pack_rounds_columns(type) ? b->whole[0][first + (size_t)(c % COLS)][0] : 0);
    }
    q += first * PACK_STEP;
    d += first;
    for (size_t i = 0; i < n_steps; i++, q += PACK_COLS * PACK_STEP, next += PACK_COLS * PACK_STEP, d += PACK_COLS) {
        const struct step *s = steps + i * HALVES;
        const int32_t *begin = b->whole[i][first];

        for (size_t line = 0; line < PACK_COLS * PACK_STEP; line += 128)
            _mm_prefetch((const char *)next + line, _MM_HINT_T0);
        if (pack_rounds_columns(type)) {
            add_products(type, s, 0, 8, q, sixteen);
        } else if (pack_has_groups(type)) {
            add_part(type, s, 0, 8, 0, q, begin, d, NULL, block);
        } else if (type == QUANT_Q6_K) {
            add_part(type, s, 0, 4, 0, q, begin, d, NULL, so_far);
            add_part(type, s, 4, 4, 1, q, begin + 1, d, NULL, so_far);
        } else {
            add_part(type, s, 0, 8, 0, q, begin, d, b->mean[i] + first, so_far);
        }
    }
    if (pack_has_groups(type))
        add_block(type, steps, n_steps, b, first, block, so_far);
    UNROLL
    for (int c = 0; c < HALVES * COLS; c++)
        sums[c] = pack_rounds_columns(type) ? add_sixteen(so_far[c], sixteen[c]) : so_far[c];
}

/* Takes n_steps steps of both halves of a panel apart; where the next ones are. */
INLINE const unsigned char *take_steps(const enum quant_type type, const unsigned char *at, size_t n_steps, struct step *steps)
{
    const size_t head = pack_head_bytes(type);
    const unsigned char *block = at;

    at += head;
    for (size_t i = 0; i < n_steps; i++, at += pack_step_bytes(type)) {
        UNROLL
        for (int h = 0; h < HALVES; h++) {
            struct step *s = &steps[i * HALVES + (size_t)h];

            load_step(type, h, at, head ? halves(block + 16 * h) : _mm256_setzero_ps(), head == 64 ? halves(block + 32 + 16 * h) : _mm256_setzero_ps(), s);
            if (has_values(type)) {
                UNROLL
                for (int g = 0; g < 8; g++)
                    s->size[g] = _mm256_abs_epi8(s->q[g]);
            }
        }
    }
    return at;
}

/* One panel and n <= MANY columns. */
INLINE void multiply_panel(const enum quant_type type, const unsigned char *at, size_t n_steps, const int8_t *q, const float *d,
                           const int32_t *sums, size_t n, size_t n_rows, float *y, size_t y_stride)
{
    const size_t part_bytes = PART_STEPS * pack_step_bytes(type) + pack_head_bytes(type), next = (part_bytes * PACK_COLS / n + 63) / 64 * 64;
    struct step steps[PART_STEPS * HALVES];
    __m256 so_far[HALVES * MANY]; /* [MANY / COLS][HALVES][COLS] */
    struct beginnings b;

    for (size_t i = 0; i < HALVES * MANY; i++)
        so_far[i] = _mm256_setzero_ps();
    for (size_t s = 0; s < n_steps; s += PART_STEPS) {
        const size_t part = n_steps - s < PART_STEPS ? n_steps - s : PART_STEPS;

        at = take_steps(type, at, part, steps);
        for (size_t c = 0; c < n; c += PACK_COLS) {
            const size_t place = (c / PACK_COLS * n_steps + s) * PACK_COLS;

            for (size_t i = 0; i < next; i += 64)
                _mm_prefetch((const char *)at + c / PACK_COLS * next + i, _MM_HINT_T0);
            begin_tile(type, sums + 2 * place, d + place, part, &b);
            for (size_t first = 0; first < PACK_COLS && c + first < n; first += COLS)
                add_columns(type, steps, part, &b, first, q + place * PACK_STEP, d + place, n_steps * PACK_COLS * PACK_STEP,
                            so_far + HALVES * (c + first));
        }
    }
    for (size_t c = 0; c < n; c++) {
        const __m256 *of_column = so_far + c / COLS * HALVES * COLS + c % COLS;
        const float scale = d[c / PACK_COLS * n_steps * PACK_COLS + c % PACK_COLS];

        store_rows(n_rows, finish(type, of_column[0], scale), finish(type, of_column[COLS], scale), y + c * y_stride);
    }
}

/* Of one type, n_rows rows in panels one after the other. */
#define DEFINE_MANY(TYPE)                                                                                                                     \
    TARGET static void many_##TYPE(const unsigned char *panel, size_t n_steps, const struct pack_input *x, size_t n, size_t n_rows, float *y, \
                            size_t y_stride)                                                                                                  \
    {                                                                                                                                         \
        for (size_t r = 0; r < n_rows; r += PACK_ROWS, panel += pack_panel_bytes(TYPE, n_steps * PACK_STEP))                                  \
            for (size_t c = 0; c < n; c += MANY) {                                                                                            \
                const size_t some = n - c < MANY ? n - c : MANY, rows = n_rows - r < PACK_ROWS ? n_rows - r : PACK_ROWS, at = c * n_steps;    \
                                                                                                                                              \
                multiply_panel(TYPE, panel, n_steps, x->q + at * PACK_STEP, x->d + at, x->sums + 2 * at, some, rows,                          \
                               y + c * y_stride + r, y_stride);                                                                               \
            }                                                                                                                                 \
    }

/* Of one type, one panel. */
#define DEFINE_MULTIPLY(TYPE)                                                                                                           \
    TARGET static void multiply_##TYPE(const unsigned char *panel, size_t n_steps, const struct pack_input *x, size_t n, size_t n_rows, \
                            float *y, size_t y_stride)                                                                                  \
    {                                                                                                                                   \
        if (n == 1)                                                                                                                     \
            multiply_tile(TYPE, 1, panel, n_steps, x->q, x->d, x->sums, n_rows, y, y_stride);                                           \
        else if (n == FEW)                                                                                                              \
            multiply_tile(TYPE, FEW, panel, n_steps, x->q, x->d, x->sums, n_rows, y, y_stride);                                         \
        else                                                                                                                            \
            many_##TYPE(panel, n_steps, x, n, n_rows, y, y_stride);                                                                     \
    }

PACK_EACH(DEFINE_MANY)
PACK_EACH(DEFINE_MULTIPLY)

#define MULTIPLY(TYPE) [TYPE] = multiply_##TYPE,
#define MANY_COLUMNS(TYPE) [TYPE] = many_##TYPE,

static void (*const multiplies[QUANT_MAX_ID])(const unsigned char *panel, size_t n_steps, const struct pack_input *x, size_t n, size_t n_rows,
                                              float *y, size_t y_stride) = { PACK_EACH(MULTIPLY)[QUANT_TQ1_0] = multiply_QUANT_TQ2_0 };
static void (*const manies[QUANT_MAX_ID])(const unsigned char *panel, size_t n_steps, const struct pack_input *x, size_t n, size_t n_rows,
                                          float *y, size_t y_stride) = { PACK_EACH(MANY_COLUMNS)[QUANT_TQ1_0] = many_QUANT_TQ2_0 };

void kernels_avx2_multiply(enum quant_type type, const unsigned char *panel, size_t k, const struct pack_input *x, size_t n, size_t n_rows,
                           float *y, size_t y_stride)
{
    multiplies[type](panel, k / PACK_STEP, x, n, n_rows, y, y_stride);
}

void kernels_avx2_multiply_many(enum quant_type type, const unsigned char *panels, size_t k, const struct pack_input *x, size_t n,
                                size_t n_rows, float *y, size_t y_stride)
{
    manies[type](panels, k / PACK_STEP, x, n, n_rows, y, y_stride);
}

KERNELS_UNROLLED_END

#endif
