/*
 * AVX-512 with VNNI: packed matrices (infer/pack.h).
 *
 * One instruction multiplies 64 codes, four of each of 16 rows, with four activations of a column and adds them up by row, in
 * whole numbers.  A step of 32 values is eight of them; then its sums become f32, are multiplied with the scales and added
 * to those of the steps before, as pack_multiply() does it: the same bits.  What codes are larger than values by, times
 * the sum of the activations, is where the whole numbers begin.
 *
 * A tile is one panel and up to PACK_COLS columns: codes are taken apart once for all of them.
 */
#include "infer/kernels.h"

#ifdef __x86_64__

#include <immintrin.h>
#include <stdbool.h>

#include "infer/pack_layout.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")))
#define AHEAD  4096 /* bytes to prefetch ahead of the first tile, which waits for memory */
#define UNROLL _Pragma("GCC unroll 8")
#define INLINE TARGET __attribute__((always_inline)) static inline

/* What a type has in a block and in a step; all but the pointers is known when this is compiled. */
struct step {
    __m512i q[8];              /* codes */
    __m512  scale[2], min;     /* scale: of both halves, where they differ */
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

INLINE void add_fifth_bits(const unsigned char *at, __m512i q[8])
{
    const __m512i v = _mm512_loadu_si512(at), sixteen = _mm512_set1_epi8(16);

    UNROLL
    for (int g = 0; g < 8; g++)
        q[g] = _mm512_mask_add_epi8(q[g], _mm512_test_epi8_mask(v, _mm512_set1_epi8((char)(1 << g))), q[g], sixteen);
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

/* Codes become values and 128, which are bytes without a sign, too. */
INLINE void look_up(__m512i q[8])
{
    const __m512i table = _mm512_xor_si512(_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)quant_nonlinear)),
                                           _mm512_set1_epi8((char)128));

    UNROLL
    for (int g = 0; g < 8; g++)
        q[g] = _mm512_shuffle_epi8(table, q[g]);
}

INLINE struct step load_step(const enum quant_type type, const unsigned char *at, const __m512 d, const __m512 m)
{
    struct step s = { .scale = { d, d }, .min = m };

    switch (type) {
    case QUANT_Q8_0:
        s.scale[0] = halves(at);
        UNROLL
        for (int g = 0; g < 8; g++)
            s.q[g] = _mm512_loadu_si512(at + 32 + 64 * g);
        break;
    case QUANT_Q4_K:
    case QUANT_Q5_K:
        s.scale[0] = _mm512_mul_ps(d, unsigned_bytes(at));
        s.min = _mm512_mul_ps(m, unsigned_bytes(at + 16));
        take_four_bits(at + 32, s.q);
        if (type == QUANT_Q5_K)
            add_fifth_bits(at + 288, s.q);
        break;
    case QUANT_Q6_K:
        s.scale[0] = _mm512_mul_ps(d, signed_bytes(at));
        s.scale[1] = _mm512_mul_ps(d, signed_bytes(at + 16));
        take_four_bits(at + 32, s.q);
        add_high_bits(at + 288, s.q);
        break;
    case QUANT_IQ4_XS:
        s.scale[0] = _mm512_mul_ps(d, signed_bytes(at));
        take_four_bits(at + 16, s.q);
        look_up(s.q);
        break;
    case QUANT_TQ2_0:
        take_two_bits(at, s.q);
        break;
    default:
        s.scale[0] = halves(at);
        take_four_bits(at + 32, s.q);
        if (type == QUANT_IQ4_NL)
            look_up(s.q);
        break;
    }
    return s;
}

/* Vectors first ... first + n - 1 of a step times a column's activations, in whole numbers. */
INLINE __m512 whole_sums(const struct step *s, const int first, const int n, const int8_t *q, int32_t begin)
{
    __m512i sum = _mm512_set1_epi32(begin);

    UNROLL
    for (int g = first; g < first + n; g++) {
        int32_t four;

        __builtin_memcpy(&four, q + 4 * g, sizeof four);
        sum = _mm512_dpbusd_epi32(sum, s->q[g], _mm512_set1_epi32(four));
    }
    return _mm512_cvtepi32_ps(sum);
}

/* Where the whole numbers begin.  Of a column that is not there the sum may be anything, and wraps around. */
INLINE int32_t begin_at(int offset, int32_t sum)
{
    return (int32_t)(0u - (uint32_t)offset * (uint32_t)sum);
}

INLINE __m512 add_column(const enum quant_type type, const struct step *s, const int8_t *q, float d, const int32_t *sums, __m512 acc)
{
    const __m512 dx = _mm512_set1_ps(d);
    const int offset = pack_offset(type);
    const int32_t both = (int32_t)((uint32_t)sums[0] + (uint32_t)sums[1]);

    if (type == QUANT_Q6_K) {
        acc = _mm512_fmadd_ps(whole_sums(s, 0, 4, q, begin_at(offset, sums[0])), _mm512_mul_ps(s->scale[0], dx), acc);
        return _mm512_fmadd_ps(whole_sums(s, 4, 4, q, begin_at(offset, sums[1])), _mm512_mul_ps(s->scale[1], dx), acc);
    }
    acc = _mm512_fmadd_ps(whole_sums(s, 0, 8, q, begin_at(offset, both)), _mm512_mul_ps(s->scale[0], dx), acc);
    if (type == QUANT_Q4_K || type == QUANT_Q5_K)
        acc = _mm512_fnmadd_ps(s->min, _mm512_set1_ps(d * (float)both), acc);
    return acc;
}

INLINE void prefetch(const unsigned char *at, const size_t n)
{
    for (size_t i = 0; i < n; i += 64)
        _mm_prefetch((const char *)at + i, _MM_HINT_T0);
}

/* A panel and N columns of a tile, whose activations begin at q, d and sums; n of them are wanted.  The first tile reads the panel from memory. */
INLINE void multiply_tile(const enum quant_type type, const int N, size_t n, bool is_first, const unsigned char *at, size_t n_steps, const int8_t *q, const float *d,
                          const int32_t *sums, float *y, size_t y_stride, __mmask16 rows)
{
    const size_t head = pack_head_bytes(type);
    __m512 acc[PACK_COLS], scale = _mm512_setzero_ps(), min = _mm512_setzero_ps();

    UNROLL
    for (int c = 0; c < N; c++)
        acc[c] = _mm512_setzero_ps();
    for (size_t i = 0; i < n_steps; i++, at += pack_step_bytes(type)) {
        struct step s;

        if (head && i % 8 == 0) {
            scale = halves(at);
            if (head == 64)
                min = halves(at + 32);
            at += head;
        }
        if (is_first)
            prefetch(at + AHEAD, pack_step_bytes(type));
        s = load_step(type, at, scale, min);
        UNROLL
        for (int c = 0; c < N; c++)
            acc[c] = add_column(type, &s, q + c * PACK_STEP, d[c], sums + 2 * c, acc[c]);
        q += PACK_COLS * PACK_STEP;
        d += PACK_COLS;
        sums += 2 * PACK_COLS;
    }
    UNROLL
    for (int c = 0; c < N; c++)
        if ((size_t)c < n)
            _mm512_mask_storeu_ps(y + (size_t)c * y_stride, rows, acc[c]);
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
    float mean[PART_STEPS][PACK_COLS];       /* what minima are times */
};

INLINE void begin_tile(const enum quant_type type, const int32_t *sums, const float *d, size_t n_steps, struct beginnings *b)
{
    const __m512i offset = _mm512_set1_epi32(-pack_offset(type));

    for (size_t i = 0; i < n_steps; i++, sums += 2 * PACK_COLS, d += PACK_COLS) {
        const __m512i each = _mm512_loadu_si512(sums), both = _mm512_add_epi32(each, _mm512_srli_epi64(each, 32));

        if (pack_offset(type))
            _mm512_storeu_si512(b->whole[i], _mm512_mullo_epi32(type == QUANT_Q6_K ? each : both, offset));
        if (pack_head_bytes(type) == 64)
            _mm256_storeu_ps(b->mean[i], _mm256_mul_ps(_mm256_loadu_ps(d), _mm256_cvtepi32_ps(_mm512_cvtepi64_epi32(both))));
    }
}

/*
 * Vectors first ... first + n - 1 of a step of P panels times the activations of N columns, added to sums [P][MANY].  There are P * N sums
 * in whole numbers at a time, so that none waits for its last addition.
 */
INLINE void add_part(const int P, const int N, const struct step *s, const int first, const int n, const int half, const int8_t *q,
                     const int32_t *begin, const float *d, __m512 *sums)
{
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

        sums[c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole[c]), _mm512_mul_ps(s[0].scale[half], dx), sums[c]);
        if (P == 2)
            sums[MANY + c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole[N + c]), _mm512_mul_ps(s[1].scale[half], dx), sums[MANY + c]);
    }
}

/* N columns of a tile, from its first one on: n_steps steps of P panels, added to sums [P][MANY]. */
INLINE void add_columns(const enum quant_type type, const int P, const int N, const struct step *steps, size_t n_steps, const struct beginnings *b,
                        const int8_t *q, const float *d, __m512 *sums)
{
    for (size_t i = 0; i < n_steps; i++, steps += PAIR, q += PACK_COLS * PACK_STEP, d += PACK_COLS) {
        const int32_t *begin = pack_offset(type) ? b->whole[i][0] : NULL;

        if (type == QUANT_Q6_K) {
            add_part(P, N, steps, 0, 4, 0, q, begin, d, sums);
            add_part(P, N, steps, 4, 4, 1, q, begin + 1, d, sums);
            continue;
        }
        add_part(P, N, steps, 0, 8, 0, q, begin, d, sums);
        if (pack_head_bytes(type) != 64)
            continue;
        UNROLL
        for (int c = 0; c < N; c++) {
            const __m512 mean = _mm512_set1_ps(b->mean[i][c]);

            sums[c] = _mm512_fnmadd_ps(steps[0].min, mean, sums[c]);
            if (P == 2)
                sums[MANY + c] = _mm512_fnmadd_ps(steps[1].min, mean, sums[MANY + c]);
        }
    }
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
    for (size_t i = 0; i < n_steps; i++, at += pack_step_bytes(type)) {
        steps[i * PAIR] = load_step(type, at, scale, min);
    }
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
            _mm512_mask_storeu_ps(y + c * y_stride + p * PACK_ROWS, rows, so_far[p * MANY + c]);
    }
}

/* Of one type, n_rows rows in panels one after the other. */
#define DEFINE_MANY(NAME, TYPE)                                                                                                              \
    TARGET static void NAME(const unsigned char *panel, size_t n_steps, const struct pack_input *x, size_t n, size_t n_rows, float *y,     \
                            size_t y_stride)                                                                                                \
    {                                                                                                                                        \
        for (size_t r = 0; r < n_rows; r += PAIR * PACK_ROWS, panel += PAIR * pack_panel_bytes(TYPE, n_steps * PACK_STEP))                  \
            for (size_t c = 0; c < n; c += MANY) {                                                                                           \
                const size_t some = n - c < MANY ? n - c : MANY, at = c * n_steps;                                                           \
                                                                                                                                             \
                if (n_rows - r > PACK_ROWS)                                                                                                  \
                    multiply_panels(TYPE, 2, panel, n_steps, x->q + at * PACK_STEP, x->d + at, x->sums + 2 * at, some, n_rows - r,          \
                                    y + c * y_stride + r, y_stride);                                                                        \
                else                                                                                                                         \
                    multiply_panels(TYPE, 1, panel, n_steps, x->q + at * PACK_STEP, x->d + at, x->sums + 2 * at, some, n_rows - r,          \
                                    y + c * y_stride + r, y_stride);                                                                        \
            }                                                                                                                                \
    }

/* Of one type, all columns; what is left of them goes in one tile of 1, 2, 4 or 8, of which the last may not be there. */
#define DEFINE_MULTIPLY(NAME, TYPE)                                                                                           \
    TARGET static void NAME(const unsigned char *panel, size_t n_steps, const struct pack_input *x, size_t n, float *y,       \
                            size_t y_stride, __mmask16 rows)                                                                  \
    {                                                                                                                         \
        const int8_t *q = x->q;                                                                                               \
        const float *d = x->d;                                                                                                \
        const int32_t *sums = x->sums;                                                                                        \
                                                                                                                              \
        for (; n >= PACK_COLS; n -= PACK_COLS) {                                                                              \
            multiply_tile(TYPE, PACK_COLS, PACK_COLS, q == x->q, panel, n_steps, q, d, sums, y, y_stride, rows);                         \
            q += n_steps * PACK_COLS * PACK_STEP;                                                                             \
            d += n_steps * PACK_COLS;                                                                                         \
            sums += n_steps * PACK_COLS * 2;                                                                                  \
            y += PACK_COLS * y_stride;                                                                                        \
        }                                                                                                                     \
        if (n > 4)                                                                                                            \
            multiply_tile(TYPE, PACK_COLS, n, q == x->q, panel, n_steps, q, d, sums, y, y_stride, rows);                                 \
        else if (n > 2)                                                                                                       \
            multiply_tile(TYPE, 4, n, q == x->q, panel, n_steps, q, d, sums, y, y_stride, rows);                                         \
        else if (n == 2)                                                                                                      \
            multiply_tile(TYPE, 2, n, q == x->q, panel, n_steps, q, d, sums, y, y_stride, rows);                                         \
        else if (n == 1)                                                                                                      \
            multiply_tile(TYPE, 1, n, q == x->q, panel, n_steps, q, d, sums, y, y_stride, rows);                                         \
    }

DEFINE_MANY(many_q4_0, QUANT_Q4_0)
DEFINE_MANY(many_iq4_nl, QUANT_IQ4_NL)
DEFINE_MANY(many_q8_0, QUANT_Q8_0)
DEFINE_MANY(many_q4_k, QUANT_Q4_K)
DEFINE_MANY(many_q5_k, QUANT_Q5_K)
DEFINE_MANY(many_q6_k, QUANT_Q6_K)
DEFINE_MANY(many_iq4_xs, QUANT_IQ4_XS)
DEFINE_MANY(many_tq2_0, QUANT_TQ2_0)

DEFINE_MULTIPLY(multiply_q4_0, QUANT_Q4_0)
DEFINE_MULTIPLY(multiply_iq4_nl, QUANT_IQ4_NL)
DEFINE_MULTIPLY(multiply_q8_0, QUANT_Q8_0)
DEFINE_MULTIPLY(multiply_q4_k, QUANT_Q4_K)
DEFINE_MULTIPLY(multiply_q5_k, QUANT_Q5_K)
DEFINE_MULTIPLY(multiply_q6_k, QUANT_Q6_K)
DEFINE_MULTIPLY(multiply_iq4_xs, QUANT_IQ4_XS)
DEFINE_MULTIPLY(multiply_tq2_0, QUANT_TQ2_0)

TARGET void kernels_vnni_multiply(enum quant_type type, const unsigned char *panel, size_t k, const struct pack_input *x, size_t n,
                                  size_t n_rows, float *y, size_t y_stride)
{
    const __mmask16 rows = (__mmask16)((1u << n_rows) - 1);
    const size_t n_steps = k / PACK_STEP;

    switch (type) {
    case QUANT_Q4_0:
        multiply_q4_0(panel, n_steps, x, n, y, y_stride, rows);
        break;
    case QUANT_IQ4_NL:
        multiply_iq4_nl(panel, n_steps, x, n, y, y_stride, rows);
        break;
    case QUANT_Q8_0:
        multiply_q8_0(panel, n_steps, x, n, y, y_stride, rows);
        break;
    case QUANT_Q4_K:
        multiply_q4_k(panel, n_steps, x, n, y, y_stride, rows);
        break;
    case QUANT_Q5_K:
        multiply_q5_k(panel, n_steps, x, n, y, y_stride, rows);
        break;
    case QUANT_Q6_K:
        multiply_q6_k(panel, n_steps, x, n, y, y_stride, rows);
        break;
    case QUANT_IQ4_XS:
        multiply_iq4_xs(panel, n_steps, x, n, y, y_stride, rows);
        break;
    default:
        multiply_tq2_0(panel, n_steps, x, n, y, y_stride, rows);
        break;
    }
}

TARGET void kernels_vnni_multiply_many(enum quant_type type, const unsigned char *panels, size_t k, const struct pack_input *x, size_t n,
                                       size_t n_rows, float *y, size_t y_stride)
{
    const size_t n_steps = k / PACK_STEP;

    switch (type) {
    case QUANT_Q4_0:
        many_q4_0(panels, n_steps, x, n, n_rows, y, y_stride);
        break;
    case QUANT_IQ4_NL:
        many_iq4_nl(panels, n_steps, x, n, n_rows, y, y_stride);
        break;
    case QUANT_Q8_0:
        many_q8_0(panels, n_steps, x, n, n_rows, y, y_stride);
        break;
    case QUANT_Q4_K:
        many_q4_k(panels, n_steps, x, n, n_rows, y, y_stride);
        break;
    case QUANT_Q5_K:
        many_q5_k(panels, n_steps, x, n, n_rows, y, y_stride);
        break;
    case QUANT_Q6_K:
        many_q6_k(panels, n_steps, x, n, n_rows, y, y_stride);
        break;
    case QUANT_IQ4_XS:
        many_iq4_xs(panels, n_steps, x, n, n_rows, y, y_stride);
        break;
    default:
        many_tq2_0(panels, n_steps, x, n, n_rows, y, y_stride);
        break;
    }
}

#endif
