/*
 * AVX-512 with VNNI: packed matrices (infer/pack.h).
 *
 * One instruction multiplies 64 codes, four of each of 16 rows, with four activations of a column and adds them up by row, in
 * whole numbers.  A step of 32 values is eight of them; then its sums become f32, are multiplied with the scales and added
 * to those of the steps before, as pack_multiply() does it: the same bits.  What codes are larger than values by, times
 * the sum of the activations, is where the whole numbers begin.  Of Q2_K and Q3_K codes are multiplied with the scales of their
 * groups when they are taken apart, which bytes have room for.
 *
 * A tile is one panel and up to PACK_COLS columns: codes are taken apart once for all of them.
 */
#include "infer/kernels.h"

#if defined CORAX_SANITIZE && defined __GNUC__ && !defined __clang__
#pragma GCC optimize("O1") /* unrolled and checked at each step, this file alone takes gcc many minutes otherwise */
#endif

#ifdef __x86_64__

KERNELS_UNROLLED_ALL

#include <immintrin.h>
#include <stdbool.h>

#include "infer/pack_layout.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")))
#define AHEAD  8192 /* bytes to prefetch ahead of the first tile, which waits for memory: to the second-level cache */
#define SOON   2048 /* and from there to the first */
#define UNROLL _Pragma("GCC unroll 8")
#define INLINE TARGET __attribute__((always_inline)) static inline

/* What a type has in a block and in a step; all but the pointers is known when this is compiled. */
struct step {
    __m512i q[8];              /* codes */
    __m512  scale[2], min[2];  /* of both halves, where they differ */
};

INLINE __m512 halves(const unsigned char *at)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)at));
}

INLINE __m512 unsigned_bytes(const unsigned char *at)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)at)));
}

INLINE __m512 signed_bytes(const unsigned char *at)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)at)));
}

/* Four bits each: vectors j and j + 4 of 64 bytes. */
INLINE void take_four_bits(const unsigned char *at, __m512i q[8])
{
    const __m512i mask = _mm512_set1_epi8(15);

    UNROLL
    for (int j = 0; j < 4; j++) {
        const __m512i v = _mm512_loadu_si512(at + 64 * j);

        q[j] = _mm512_and_si512(v, mask);
        q[j + 4] = _mm512_and_si512(_mm512_srli_epi16(v, 4), mask);
    }
}

INLINE void take_two_bits(const unsigned char *at, __m512i q[8])
{
    const __m512i mask = _mm512_set1_epi8(3);

    UNROLL
    for (int j = 0; j < 2; j++) {
        const __m512i v = _mm512_loadu_si512(at + 64 * j);

        q[j] = _mm512_and_si512(v, mask);
        q[j + 2] = _mm512_and_si512(_mm512_srli_epi16(v, 2), mask);
        q[j + 4] = _mm512_and_si512(_mm512_srli_epi16(v, 4), mask);
        q[j + 6] = _mm512_and_si512(_mm512_srli_epi16(v, 6), mask);
    }
}

/* Adds `what` where vectors first ... first + n - 1 have bits. */
INLINE void add_bits(const unsigned char *at, const int first, const int n, __m512i what, __m512i q[8])
{
    const __m512i v = _mm512_loadu_si512(at);

    UNROLL
    for (int g = first; g < first + n; g++)
        q[g] = _mm512_mask_add_epi8(q[g], _mm512_test_epi8_mask(v, _mm512_set1_epi8((char)(1 << g))), q[g], what);
}

INLINE void add_high_bits(const unsigned char *at, __m512i q[8])
{
    const __m512i mask = _mm512_set1_epi8(0x30);

    UNROLL
    for (int j = 0; j < 2; j++) {
        const __m512i v = _mm512_loadu_si512(at + 64 * j);

        q[4 * j] = _mm512_or_si512(q[4 * j], _mm512_and_si512(_mm512_slli_epi16(v, 4), mask));
        q[4 * j + 1] = _mm512_or_si512(q[4 * j + 1], _mm512_and_si512(_mm512_slli_epi16(v, 2), mask));
        q[4 * j + 2] = _mm512_or_si512(q[4 * j + 2], _mm512_and_si512(v, mask));
        q[4 * j + 3] = _mm512_or_si512(q[4 * j + 3], _mm512_and_si512(_mm512_srli_epi16(v, 2), mask));
    }
}

/* Codes become values and pack_offset(), which are bytes without a sign, too. */
INLINE void look_up(const enum quant_type type, __m512i q[8])
{
    const int8_t *values = type == QUANT_MXFP4 ? quant_e2m1 : quant_nonlinear;
    const __m512i table = _mm512_add_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)values)),
                                          _mm512_set1_epi8((char)pack_offset(type)));

    UNROLL
    for (int g = 0; g < 8; g++)
        q[g] = _mm512_shuffle_epi8(table, q[g]);
}

/* quant_half_power() */
INLINE __m512 half_powers(const unsigned char *at)
{
    const __m512i e = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)at)), two = _mm512_set1_epi32(2);
    const __m512i power = _mm512_slli_epi32(_mm512_sub_epi32(e, _mm512_set1_epi32(1)), 23);

    return _mm512_castsi512_ps(_mm512_mask_sllv_epi32(power, _mm512_cmplt_epi32_mask(e, two), _mm512_set1_epi32(0x200000), e));
}

/*
 * Codes of two bits become entries of tables: four for each row, of what is looked up with vectors g = 0 ... 3 and with the others.  A
 * row's entries are where the row has its four codes.
 */
INLINE void look_up_two_bits(const unsigned char *at, const __m512i table[2], __m512i q[8])
{
    const __m512i mask = _mm512_set1_epi8(3), row = _mm512_set4_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0);

    UNROLL
    for (int g = 0; g < 8; g++) {
        const __m512i v = _mm512_srli_epi16(_mm512_loadu_si512(at + g % 2 * 64), (unsigned)(g / 2 * 2));

        q[g] = _mm512_shuffle_epi8(table[g / 4], _mm512_ternarylogic_epi32(v, mask, row, 0xea)); /* (v & mask) | row */
    }
}

INLINE void load_q2_k(const unsigned char *at, __m512 m, struct step *s)
{
    const __m512i low = _mm512_set1_epi32(15), codes = _mm512_set1_epi32(0x03020100);
    __m512i table[2];

    UNROLL
    for (int half = 0; half < 2; half++) {
        const __m512i both = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(at + 16 * half)));

        table[half] = _mm512_mullo_epi32(_mm512_and_si512(both, low), codes);
        s->min[half] = _mm512_mul_ps(m, _mm512_cvtepi32_ps(_mm512_srli_epi32(both, 4)));
    }
    look_up_two_bits(at + 32, table, s->q);
}

/* scale * (code - 4) is -124 to 128: what is looked up, with the low bits, is 124 above that, and the third bit adds 4 * scale. */
#define Q3_K_OFFSET 124

INLINE void load_q3_k(const unsigned char *at, struct step *s)
{
    /* With scales 32 above their values no byte of a product goes over into the next one; what that was too much is taken off. */
    const __m512i codes = _mm512_set1_epi32(0x03020100), four = _mm512_set1_epi32(0x04040404), above = _mm512_set1_epi32(32);
    const __m512i begin = _mm512_set1_epi32((int)0x9cbcdcfc); /* 124 + 32 * (4 - code) */
    __m512i table[2], more[2];

    UNROLL
    for (int half = 0; half < 2; half++) {
        const __m512i scale = _mm512_add_epi32(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(at + 16 * half))), above);

        more[half] = _mm512_mullo_epi32(scale, four);
        table[half] = _mm512_add_epi8(_mm512_sub_epi8(_mm512_mullo_epi32(scale, codes), more[half]), begin);
        more[half] = _mm512_xor_si512(more[half], _mm512_set1_epi8((char)128)); /* 4 * 32 less */
    }
    look_up_two_bits(at + 32, table, s->q);
    add_bits(at + pack_high_at(QUANT_Q3_K), 0, 4, more[0], s->q);
    add_bits(at + pack_high_at(QUANT_Q3_K), 4, 4, more[1], s->q);
}

/* What bytes of a step are larger than values by. */
INLINE int offset_of(const enum quant_type type)
{
    return type == QUANT_Q3_K ? Q3_K_OFFSET : pack_offset(type);
}

/* scale and min are those of the block where the step has none, and the second ones only of types that have two. */
INLINE void load_step(const enum quant_type type, const unsigned char *at, const __m512 d, const __m512 m, struct step *s)
{
    const unsigned char *low = at + pack_low_at(type), *high = at + pack_high_at(type);

    s->scale[0] = d;
    s->min[0] = m;
    switch (type) {
    case QUANT_Q8_0:
        UNROLL
        for (int g = 0; g < 8; g++)
            s->q[g] = _mm512_loadu_si512(low + 64 * g);
        break;
    case QUANT_TQ2_0:
    case QUANT_I2_S:
        take_two_bits(low, s->q);
        return;
    case QUANT_Q2_K:
        load_q2_k(at, m, s);
        return;
    case QUANT_Q3_K:
        load_q3_k(at, s);
        return;
    default:
        take_four_bits(low, s->q);
        break;
    }
    switch (type) {
    case QUANT_Q4_K:
    case QUANT_Q5_K:
        s->scale[0] = _mm512_mul_ps(d, unsigned_bytes(at));
        s->min[0] = _mm512_mul_ps(m, unsigned_bytes(at + 16));
        break;
    case QUANT_Q6_K:
        s->scale[0] = _mm512_mul_ps(d, signed_bytes(at));
        s->scale[1] = _mm512_mul_ps(d, signed_bytes(at + 16));
        add_high_bits(high, s->q);
        break;
    case QUANT_IQ4_XS:
        s->scale[0] = _mm512_mul_ps(d, signed_bytes(at));
        break;
    case QUANT_MXFP4:
        s->scale[0] = half_powers(at);
        break;
    default:
        s->scale[0] = halves(at);
        if (pack_has_minima(type))
            s->min[0] = halves(at + 32);
        break;
    }
    if (type == QUANT_Q5_0 || type == QUANT_Q5_1 || type == QUANT_Q5_K)
        add_bits(high, 0, 8, _mm512_set1_epi8(16), s->q);
    if (type == QUANT_IQ4_NL || type == QUANT_IQ4_XS || type == QUANT_MXFP4)
        look_up(type, s->q);
}

/* Vectors first ... first + n - 1 of a step times a column's activations, added to whole numbers. */
INLINE __m512i add_whole(__m512i sum, const struct step *s, const int first, const int n, const int8_t *q)
{

    UNROLL
    for (int g = first; g < first + n; g++) {
        int32_t four;

        __builtin_memcpy(&four, q + 4 * g, sizeof four);
        sum = _mm512_dpbusd_epi32(sum, s->q[g], _mm512_set1_epi32(four));
    }
    return sum;
}

INLINE __m512 whole_sums(const struct step *s, const int first, const int n, const int8_t *q, int32_t begin)
{
    return _mm512_cvtepi32_ps(add_whole(_mm512_set1_epi32(begin), s, first, n, q));
}

/* Where the whole numbers begin.  Of a column that is not there the sum may be anything, and wraps around. */
INLINE int32_t begin_at(int offset, int32_t sum)
{
    return (int32_t)(0u - (uint32_t)offset * (uint32_t)sum);
}

/* block: where types that have groups add up whole numbers times d; acc: whole numbers, too, of types that round columns whole. */
INLINE __m512 add_column(const enum quant_type type, const struct step *s, const int8_t *q, float d, const int32_t *sums, __m512 acc,
                         __m512 *block)
{
    const __m512 dx = _mm512_set1_ps(d);
    const int offset = offset_of(type);
    const int32_t both = (int32_t)((uint32_t)sums[0] + (uint32_t)sums[1]);

    if (pack_rounds_columns(type))
        return _mm512_castsi512_ps(
            add_whole(_mm512_add_epi32(_mm512_castps_si512(acc), _mm512_set1_epi32(begin_at(offset, both))), s, 0, 8, q));
    if (type == QUANT_Q6_K) {
        acc = _mm512_fmadd_ps(whole_sums(s, 0, 4, q, begin_at(offset, sums[0])), _mm512_mul_ps(s->scale[0], dx), acc);
        return _mm512_fmadd_ps(whole_sums(s, 4, 4, q, begin_at(offset, sums[1])), _mm512_mul_ps(s->scale[1], dx), acc);
    }
    if (pack_has_groups(type)) {
        *block = _mm512_fmadd_ps(whole_sums(s, 0, 8, q, begin_at(offset, both)), dx, *block);
    } else {
        acc = _mm512_fmadd_ps(whole_sums(s, 0, 8, q, begin_at(offset, both)), _mm512_mul_ps(s->scale[0], dx), acc);
    }
    if (type == QUANT_Q2_K) {
        acc = _mm512_fnmadd_ps(s->min[0], _mm512_set1_ps(d * (float)sums[0]), acc);
        return _mm512_fnmadd_ps(s->min[1], _mm512_set1_ps(d * (float)sums[1]), acc);
    }
    return pack_has_minima(type) ? _mm512_fnmadd_ps(s->min[0], _mm512_set1_ps(d * (float)both), acc) : acc;
}

/* What a column with scale d came to. */
INLINE __m512 finish(const enum quant_type type, __m512 acc, float d)
{
    return pack_rounds_columns(type) ? _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_castps_si512(acc)), _mm512_set1_ps(d)) : acc;
}

INLINE void prefetch(const unsigned char *at, const size_t n)
{
    for (size_t i = 0; i < n; i += 64) {
        _mm_prefetch((const char *)at + AHEAD + i, _MM_HINT_T1);
        _mm_prefetch((const char *)at + SOON + i, _MM_HINT_T0);
    }
}

/* A panel and N columns of a tile, whose activations begin at q, d and sums; n of them are wanted.  The first tile reads the panel from memory. */
INLINE void multiply_tile(const enum quant_type type, const int N, size_t n, bool is_first, const unsigned char *at, size_t n_steps, const int8_t *q, const float *d,
                          const int32_t *sums, float *y, size_t y_stride, __mmask16 rows)
{
    const size_t head = pack_head_bytes(type);
    __m512 acc[PACK_COLS], block[PACK_COLS], scale = _mm512_setzero_ps(), min = _mm512_setzero_ps();

    UNROLL
    for (int c = 0; c < N; c++)
        acc[c] = block[c] = _mm512_setzero_ps();
    for (size_t i = 0; i < n_steps; i++, at += pack_step_bytes(type)) {
        struct step s;

        if (head && i % PACK_BLOCK_STEPS == 0) {
            scale = halves(at);
            if (head == 64)
                min = halves(at + 32);
            at += head;
        }
        if (is_first)
            prefetch(at, pack_step_bytes(type));
        load_step(type, at, scale, min, &s);
        UNROLL
        for (int c = 0; c < N; c++)
            acc[c] = add_column(type, &s, q + c * PACK_STEP, d[c], sums + 2 * c, acc[c], &block[c]);
        if (pack_has_groups(type) && i % PACK_BLOCK_STEPS == PACK_BLOCK_STEPS - 1) {
            UNROLL
            for (int c = 0; c < N; c++) {
                acc[c] = _mm512_fmadd_ps(scale, block[c], acc[c]);
                block[c] = _mm512_setzero_ps();
            }
        }
        q += PACK_COLS * PACK_STEP;
        d += PACK_COLS;
        sums += 2 * PACK_COLS;
    }
    UNROLL
    for (int c = 0; c < N; c++)
        if ((size_t)c < n)
            _mm512_mask_storeu_ps(y + (size_t)c * y_stride, rows, finish(type, acc[c], d[c - PACK_COLS]));
}

/* --- many columns ------------------------------------------------------------------------------------------------- */

/* Columns that go through two panels together: for each of them there are 8 steps of both in the first-level cache, taken apart once. */
#define PAIR       2
#define MANY       128
#define HALF       (PACK_COLS / 2)
#define PART_STEPS 8 /* of a panel at a time */

/* What a tile's columns begin with in each step. */
struct beginnings {
    int32_t whole[PART_STEPS][PACK_COLS][2]; /* of each half of a step's values where it has two scales, otherwise in the first of them */
    float mean[PART_STEPS][2 * PACK_COLS];   /* what minima are times: of each half of Q2_K, otherwise of both in the first PACK_COLS */
};

INLINE void begin_tile(const enum quant_type type, const int32_t *sums, const float *d, size_t n_steps, struct beginnings *b)
{
    const __m512i offset = _mm512_set1_epi32(-offset_of(type)), twice = _mm512_set_epi32(7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0);

    for (size_t i = 0; i < n_steps; i++, sums += 2 * PACK_COLS, d += PACK_COLS) {
        const __m512i each = _mm512_loadu_si512(sums), both = _mm512_add_epi32(each, _mm512_srli_epi64(each, 32));

        if (offset_of(type))
            _mm512_storeu_si512(b->whole[i], _mm512_mullo_epi32(type == QUANT_Q6_K ? each : both, offset));
        if (type == QUANT_Q2_K)
            _mm512_storeu_ps(b->mean[i], _mm512_mul_ps(_mm512_permutexvar_ps(twice, _mm512_castps256_ps512(_mm256_loadu_ps(d))), _mm512_cvtepi32_ps(each)));
        else if (pack_has_minima(type))
            _mm256_storeu_ps(b->mean[i], _mm256_mul_ps(_mm256_loadu_ps(d), _mm256_cvtepi32_ps(_mm512_cvtepi64_epi32(both))));
    }
}

/*
 * Vectors first ... first + n - 1 of a step of P panels times the activations of N columns, added to sums [P][apart].  There are P * N sums
 * in whole numbers at a time, so that none waits for its last addition.
 */
INLINE void add_part(const enum quant_type type, const int P, const int N, const struct step *s, const int first, const int n, const int half,
                     const int8_t *q, const int32_t *begin, const float *d, const float *mean, __m512 *sums, const size_t apart)
{
    const bool is_scaled = !pack_has_groups(type), has_minima = !pack_has_groups(type) && pack_has_minima(type);
    __m512i whole[PAIR * PACK_COLS];

    UNROLL
    for (int c = 0; c < N; c++) {
        whole[c] = begin ? _mm512_set1_epi32(begin[2 * c]) : _mm512_setzero_si512();
        if (P == 2)
            whole[N + c] = whole[c];
    }
    UNROLL
    for (int g = first; g < first + n; g++) {
        UNROLL
        for (int c = 0; c < N; c++) {
            __m512i four;
            int32_t word;

            __builtin_memcpy(&word, q + c * PACK_STEP + 4 * g, sizeof word);
            four = _mm512_set1_epi32(word);
            whole[c] = _mm512_dpbusd_epi32(whole[c], s[0].q[g], four);
            if (P == 2)
                whole[N + c] = _mm512_dpbusd_epi32(whole[N + c], s[1].q[g], four);
        }
    }
    UNROLL
    for (int c = 0; c < N; c++) {
        const __m512 dx = _mm512_set1_ps(d[c]);

        UNROLL
        for (int p = 0; p < P; p++) {
            __m512 *to = sums + (size_t)p * apart + c, sum = *to;

            if (pack_rounds_columns(type)) {
                *to = _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(sum), whole[p * N + c]));
                continue;
            }
            sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole[p * N + c]), is_scaled ? _mm512_mul_ps(s[p].scale[half], dx) : dx, sum);
            *to = has_minima ? _mm512_fnmadd_ps(s[p].min[0], _mm512_set1_ps(mean[c]), sum) : sum;
        }
    }
}

/* What the steps of a block of a type that has groups come to: minima are taken off first, then comes block times d. */
INLINE void add_block(const enum quant_type type, const int P, const int N, const struct step *s, size_t n_steps, const struct beginnings *b,
                      const __m512 *block, __m512 *sums)
{
    __m512 to[PAIR * PACK_COLS];

    UNROLL
    for (int p = 0; p < P; p++) {
        UNROLL
        for (int c = 0; c < N; c++)
            to[p * N + c] = sums[p * MANY + c];
    }
    for (size_t i = 0; i < n_steps && pack_has_minima(type); i++) {
        UNROLL
        for (int half = 0; half < 2; half++) {
            UNROLL
            for (int c = 0; c < N; c++) {
                const __m512 mean = _mm512_set1_ps(b->mean[i][2 * c + half]);

                UNROLL
                for (int p = 0; p < P; p++)
                    to[p * N + c] = _mm512_fnmadd_ps(s[i * PAIR + (size_t)p].min[half], mean, to[p * N + c]);
            }
        }
    }
    UNROLL
    for (int p = 0; p < P; p++) {
        UNROLL
        for (int c = 0; c < N; c++)
            sums[p * MANY + c] = _mm512_fmadd_ps(s[p].scale[0], block[p * N + c], to[p * N + c]);
    }
}

/* N columns of a tile, from its first one on: n_steps steps of P panels, all of a block where there are blocks, added to sums [P][MANY]. */
INLINE void add_columns(const enum quant_type type, const int P, const int N, const struct step *steps, size_t n_steps, const struct beginnings *b,
                        const int8_t *q, const float *d, __m512 *sums)
{
    const struct step *first = steps;
    __m512 block[PAIR * PACK_COLS];

    UNROLL
    for (int c = 0; c < P * N; c++)
        block[c] = _mm512_setzero_ps();
    for (size_t i = 0; i < n_steps; i++, steps += PAIR, q += PACK_COLS * PACK_STEP, d += PACK_COLS) {
        const int32_t *begin = offset_of(type) ? b->whole[i][0] : NULL;

        if (pack_has_groups(type)) {
            add_part(type, P, N, steps, 0, 8, 0, q, begin, d, NULL, block, (size_t)N);
        } else if (type == QUANT_Q6_K) {
            add_part(type, P, N, steps, 0, 4, 0, q, begin, d, NULL, sums, MANY);
            add_part(type, P, N, steps, 4, 4, 1, q, begin + 1, d, NULL, sums, MANY);
        } else {
            add_part(type, P, N, steps, 0, 8, 0, q, begin, d, b->mean[i], sums, MANY);
        }
    }
    if (pack_has_groups(type))
        add_block(type, P, N, first, n_steps, b, block, sums);
}

/* Takes n_steps steps of a panel apart, PAIR between two of them; where the next ones are. */
INLINE const unsigned char *take_steps(const enum quant_type type, const unsigned char *at, size_t n_steps, struct step *steps)
{
    const size_t head = pack_head_bytes(type);
    __m512 scale = _mm512_setzero_ps(), min = _mm512_setzero_ps();

    if (head) {
        scale = halves(at);
        if (head == 64)
            min = halves(at + 32);
        at += head;
    }
    for (size_t i = 0; i < n_steps; i++, at += pack_step_bytes(type))
        load_step(type, at, scale, min, &steps[i * PAIR]);
    return at;
}

/* P panels, the second one n_steps steps behind the first, and n <= MANY columns. */
INLINE void multiply_panels(const enum quant_type type, const int P, const unsigned char *panel, size_t n_steps, const int8_t *q, const float *d,
                            const int32_t *sums, size_t n, size_t n_rows, float *y, size_t y_stride)
{
    const size_t panel_bytes = n_steps * pack_step_bytes(type) + n_steps / PACK_BLOCK_STEPS * pack_head_bytes(type);
    const unsigned char *at[PAIR] = { panel, panel + panel_bytes };
    const size_t part_bytes = PART_STEPS * pack_step_bytes(type) + pack_head_bytes(type), next = (part_bytes * PACK_COLS / n + 63) / 64 * 64;
    struct step steps[PART_STEPS * PAIR];
    __m512 so_far[PAIR * MANY];
    struct beginnings b;

    for (size_t i = 0; i < PAIR * MANY; i++)
        so_far[i] = _mm512_setzero_ps();
    for (size_t s = 0; s < n_steps; s += PART_STEPS) {
        const size_t part = n_steps - s < PART_STEPS ? n_steps - s : PART_STEPS;

        UNROLL
        for (int p = 0; p < P; p++)
            at[p] = take_steps(type, at[p], part, steps + p);
        for (size_t c = 0; c < n; c += PACK_COLS) {
            const size_t place = (c / PACK_COLS * n_steps + s) * PACK_COLS;

            /* What the next part reads, a little at a time: all at once would fill the processor's queue of misses. */
            for (size_t i = 0; i < next; i += 64)
                for (int p = 0; p < P; p++)
                    _mm_prefetch((const char *)at[p] + c / PACK_COLS * next + i, _MM_HINT_T0);
            if (s + part == n_steps)
                for (size_t i = c; i < c + PACK_COLS && i < n; i++)
                    for (int p = 0; p < P; p++)
                        __builtin_prefetch(y + i * y_stride + p * PACK_ROWS, 1);
            begin_tile(type, sums + 2 * place, d + place, part, &b);
            if (n - c > HALF)
                add_columns(type, P, PACK_COLS, steps, part, &b, q + place * PACK_STEP, d + place, so_far + c);
            else
                add_columns(type, P, HALF, steps, part, &b, q + place * PACK_STEP, d + place, so_far + c);
        }
    }
    for (size_t p = 0; p < (size_t)P; p++) {
        const size_t rest = n_rows - p * PACK_ROWS;
        const __mmask16 rows = (__mmask16)(rest < PACK_ROWS ? (1u << rest) - 1 : 0xffff);

        for (size_t c = 0; c < n; c++)
            _mm512_mask_storeu_ps(y + c * y_stride + p * PACK_ROWS, rows,
                                  finish(type, so_far[p * MANY + c], d[c / PACK_COLS * n_steps * PACK_COLS + c % PACK_COLS]));
    }
}

/* Of one type, n_rows rows in panels one after the other. */
#define DEFINE_MANY(TYPE)                                                                                                                     \
    TARGET static void many_##TYPE(const unsigned char *panel, size_t n_steps, const struct pack_input *x, size_t n, size_t n_rows, float *y, \
                            size_t y_stride)                                                                                                  \
    {                                                                                                                                         \
        for (size_t r = 0; r < n_rows; r += PAIR * PACK_ROWS, panel += PAIR * pack_panel_bytes(TYPE, n_steps * PACK_STEP))                    \
            for (size_t c = 0; c < n; c += MANY) {                                                                                            \
                const size_t some = n - c < MANY ? n - c : MANY, at = c * n_steps;                                                            \
                                                                                                                                              \
                if (n_rows - r > PACK_ROWS)                                                                                                   \
                    multiply_panels(TYPE, 2, panel, n_steps, x->q + at * PACK_STEP, x->d + at, x->sums + 2 * at, some, n_rows - r,            \
                                    y + c * y_stride + r, y_stride);                                                                          \
                else                                                                                                                          \
                    multiply_panels(TYPE, 1, panel, n_steps, x->q + at * PACK_STEP, x->d + at, x->sums + 2 * at, some, n_rows - r,            \
                                    y + c * y_stride + r, y_stride);                                                                          \
            }                                                                                                                                 \
    }

/* Of one type, all columns; what is left of them goes in one tile of 1, 2, 4 or 8, of which the last may not be there. */
#define DEFINE_MULTIPLY(TYPE)                                                                                                      \
    TARGET static void multiply_##TYPE(const unsigned char *panel, size_t n_steps, const struct pack_input *x, size_t n, float *y, \
                            size_t y_stride, __mmask16 rows)                                                                       \
    {                                                                                                                              \
        const int8_t *q = x->q;                                                                                                    \
        const float *d = x->d;                                                                                                     \
        const int32_t *sums = x->sums;                                                                                             \
                                                                                                                                   \
        for (; n >= PACK_COLS; n -= PACK_COLS) {                                                                                   \
            multiply_tile(TYPE, PACK_COLS, PACK_COLS, q == x->q, panel, n_steps, q, d, sums, y, y_stride, rows);                   \
            q += n_steps * PACK_COLS * PACK_STEP;                                                                                  \
            d += n_steps * PACK_COLS;                                                                                              \
            sums += n_steps * PACK_COLS * 2;                                                                                       \
            y += PACK_COLS * y_stride;                                                                                             \
        }                                                                                                                          \
        if (n > 4)                                                                                                                 \
            multiply_tile(TYPE, PACK_COLS, n, q == x->q, panel, n_steps, q, d, sums, y, y_stride, rows);                           \
        else if (n > 2)                                                                                                            \
            multiply_tile(TYPE, 4, n, q == x->q, panel, n_steps, q, d, sums, y, y_stride, rows);                                   \
        else if (n == 2)                                                                                                           \
            multiply_tile(TYPE, 2, n, q == x->q, panel, n_steps, q, d, sums, y, y_stride, rows);                                   \
        else if (n == 1)                                                                                                           \
            multiply_tile(TYPE, 1, n, q == x->q, panel, n_steps, q, d, sums, y, y_stride, rows);                                   \
    }

PACK_EACH(DEFINE_MANY)
PACK_EACH(DEFINE_MULTIPLY)

#define MULTIPLY(TYPE) [TYPE] = multiply_##TYPE,
#define MANY_COLUMNS(TYPE) [TYPE] = many_##TYPE,

static void (*const multiplies[QUANT_MAX_ID])(const unsigned char *panel, size_t n_steps, const struct pack_input *x, size_t n, float *y,
                                              size_t y_stride, __mmask16 rows) = { PACK_EACH(MULTIPLY)[QUANT_TQ1_0] = multiply_QUANT_TQ2_0 };
static void (*const manies[QUANT_MAX_ID])(const unsigned char *panel, size_t n_steps, const struct pack_input *x, size_t n, size_t n_rows,
                                          float *y, size_t y_stride) = { PACK_EACH(MANY_COLUMNS)[QUANT_TQ1_0] = many_QUANT_TQ2_0 };

void kernels_vnni_multiply(enum quant_type type, const unsigned char *panel, size_t k, const struct pack_input *x, size_t n, size_t n_rows,
                           float *y, size_t y_stride)
{
    multiplies[type](panel, k / PACK_STEP, x, n, y, y_stride, (__mmask16)((1u << n_rows) - 1));
}

void kernels_vnni_multiply_many(enum quant_type type, const unsigned char *panels, size_t k, const struct pack_input *x, size_t n,
                                size_t n_rows, float *y, size_t y_stride)
{
    manies[type](panels, k / PACK_STEP, x, n, n_rows, y, y_stride);
}

KERNELS_UNROLLED_END

#endif
