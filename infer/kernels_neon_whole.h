/*
 * infer/kernels_neon_whole.h - products in whole numbers, of Q8_0 and of packed matrices (infer/pack.h), for what multiplies bytes with a
 * sign in the file that includes it:
 *
 *     TARGET, INLINE        as an attribute, empty for what every aarch64 processor has; a function that has it
 *     dot(sum, w, x)        each lane of sum and the products of its four bytes of w and x
 *     dots(most, sum, w, x) the same for w[0] with the first four bytes of x in all lanes, w[1] with the next ones, and so on to w[3]; so many
 *                           of these can be added up in 16 bits
 *     HAS_DOTS              instead of these two: there are instructions for them
 *     pair(sum, w, x)       with HAS_PAIRS: [2][2] sums and the products of two rows of eight bytes of w with two of x
 *
 * A vector of a panel is four of NEON's registers: rows 0 to 3, 4 to 7 and so on, a group each.  Codes of fewer than eight bits are
 * bytes with a sign, too, and what they are larger than values by, times the sum of the activations, is where the whole
 * numbers begin, as in infer/kernels_vnni.c; those of eight bits are made values first.  A step's sums become f32, are
 * multiplied with the scales and added to those of the steps before, as pack_multiply() does it: the same bits.
 *
 * A tile is one or more groups of a panel and up to PACK_COLS columns: codes are taken apart once for all of them, and one
 * column alone takes the whole panel, which it reads in order.
 */
#include <arm_neon.h>
#include <stdbool.h>
#include <string.h>

#include "infer/pack_layout.h"

#define UNROLL _Pragma("GCC unroll 8")

#define N_GROUPS   (PACK_ROWS / 4)
#define GROUP_CODE 16 /* bytes of a vector */

#ifdef HAS_DOTS
INLINE int32x4_t dot(int32x4_t sum, int8x16_t w, int8x16_t x)
{
    return vdotq_s32(sum, w, x);
}

INLINE int32x4_t dots(const int most, int32x4_t sum, const int8x16_t w[4], int8x16_t x)
{
    (void)most;
    sum = vdotq_laneq_s32(sum, w[0], x, 0);
    sum = vdotq_laneq_s32(sum, w[1], x, 1);
    sum = vdotq_laneq_s32(sum, w[2], x, 2);
    return vdotq_laneq_s32(sum, w[3], x, 3);
}
#endif

/* --- Q8_0 ----------------------------------------------------------------------------------------------------------- */

INLINE float block_scale(const unsigned char *block)
{
    float16_t half;

    memcpy(&half, block, sizeof half);
    return (float)half;
}

/* R rows and C columns. */
INLINE void q8_0_tile(const int R, const int C, const unsigned char *w, size_t k, const int8_t *q, const float *d, float *y, size_t y_stride)
{
    const size_t n_blocks = k / QUANT_Q8_0_BLOCK, row_bytes = n_blocks * QUANT_Q8_0_BYTES;
    float32x4_t acc[4][4];

    UNROLL
    for (int r = 0; r < R; r++)
        UNROLL
        for (int c = 0; c < C; c++)
            acc[r][c] = vdupq_n_f32(0);
    for (size_t b = 0; b < n_blocks; b++, w += QUANT_Q8_0_BYTES, q += QUANT_Q8_0_BLOCK) {
        int8x16_t x[4][2];

        UNROLL
        for (int c = 0; c < C; c++) {
            x[c][0] = vld1q_s8(q + (size_t)c * k);
            x[c][1] = vld1q_s8(q + (size_t)c * k + 16);
        }
        UNROLL
        for (int r = 0; r < R; r++) {
            const unsigned char *block = w + (size_t)r * row_bytes;
            const int8x16_t first = vreinterpretq_s8_u8(vld1q_u8(block + 2)), last = vreinterpretq_s8_u8(vld1q_u8(block + 18));
            const float scale = block_scale(block);

            UNROLL
            for (int c = 0; c < C; c++) {
                const int32x4_t sum = dot(dot(vdupq_n_s32(0), first, x[c][0]), last, x[c][1]);

                acc[r][c] = vfmaq_n_f32(acc[r][c], vcvtq_f32_s32(sum), scale * d[(size_t)c * n_blocks + b]);
            }
        }
    }
    UNROLL
    for (int r = 0; r < R; r++)
        UNROLL
        for (int c = 0; c < C; c++)
            y[(size_t)c * y_stride + (size_t)r] = vaddvq_f32(acc[r][c]);
}

INLINE void multiply_q8_0(const unsigned char *w, size_t k, size_t n_rows, const int8_t *q, const float *d, size_t n_cols, float *y,
                          size_t y_stride)
{
    const size_t n_blocks = k / QUANT_Q8_0_BLOCK, row_bytes = n_blocks * QUANT_Q8_0_BYTES;

    for (size_t r = 0, n; r < n_rows; r += n, w += n * row_bytes) {
        size_t c = 0;

        n = n_rows - r >= 4 ? 4 : 1;
        for (; c + 4 <= n_cols; c += 4)
            if (n == 4)
                q8_0_tile(4, 4, w, k, q + c * k, d + c * n_blocks, y + c * y_stride + r, y_stride);
            else
                q8_0_tile(1, 4, w, k, q + c * k, d + c * n_blocks, y + c * y_stride + r, y_stride);
        for (; c < n_cols; c++)
            if (n == 4)
                q8_0_tile(4, 1, w, k, q + c * k, d + c * n_blocks, y + c * y_stride + r, y_stride);
            else
                q8_0_tile(1, 1, w, k, q + c * k, d + c * n_blocks, y + c * y_stride + r, y_stride);
    }
}

/* --- codes of one group in one step, from `at` on --------------------------------------------------------------------- */

INLINE void take_eight_bits(const unsigned char *at, uint8x16_t q[8])
{
    UNROLL
    for (int g = 0; g < 8; g++)
        q[g] = veorq_u8(vld1q_u8(at + 64 * g), vdupq_n_u8(128));
}

INLINE void take_four_bits(const unsigned char *at, uint8x16_t q[8])
{
    UNROLL
    for (int j = 0; j < 4; j++) {
        const uint8x16_t v = vld1q_u8(at + 64 * j);

        q[j] = vandq_u8(v, vdupq_n_u8(15));
        q[j + 4] = vshrq_n_u8(v, 4);
    }
}

INLINE void take_two_bits(const unsigned char *at, uint8x16_t q[8])
{
    const uint8x16_t mask = vdupq_n_u8(3);

    UNROLL
    for (int j = 0; j < 2; j++) {
        const uint8x16_t v = vld1q_u8(at + 64 * j);

        q[j] = vandq_u8(v, mask);
        q[j + 2] = vandq_u8(vshrq_n_u8(v, 2), mask);
        q[j + 4] = vandq_u8(vshrq_n_u8(v, 4), mask);
        q[j + 6] = vshrq_n_u8(v, 6);
    }
}

/* Adds `what` where there are bits, to codes that have none there. */
INLINE void add_bits(const unsigned char *at, const uint8_t what, uint8x16_t q[8])
{
    const uint8x16_t v = vld1q_u8(at);

    UNROLL
    for (int g = 0; g < 8; g++)
        q[g] = vorrq_u8(q[g], vandq_u8(vtstq_u8(v, vdupq_n_u8((uint8_t)(1 << g))), vdupq_n_u8(what)));
}

INLINE void add_high_bits(const unsigned char *at, uint8x16_t q[8])
{
    const uint8x16_t mask = vdupq_n_u8(0x30);

    UNROLL
    for (int j = 0; j < 2; j++) {
        const uint8x16_t v = vld1q_u8(at + 64 * j);

        q[4 * j] = vorrq_u8(q[4 * j], vandq_u8(vshlq_n_u8(v, 4), mask));
        q[4 * j + 1] = vorrq_u8(q[4 * j + 1], vandq_u8(vshlq_n_u8(v, 2), mask));
        q[4 * j + 2] = vorrq_u8(q[4 * j + 2], vandq_u8(v, mask));
        q[4 * j + 3] = vorrq_u8(q[4 * j + 3], vandq_u8(vshrq_n_u8(v, 2), mask));
    }
}

INLINE bool has_table(const enum quant_type type)
{
    return type == QUANT_IQ4_NL || type == QUANT_IQ4_XS || type == QUANT_MXFP4;
}

INLINE void look_up(const enum quant_type type, uint8x16_t q[8])
{
    const uint8x16_t table = vreinterpretq_u8_s8(vld1q_s8(type == QUANT_MXFP4 ? quant_e2m1 : quant_nonlinear));

    UNROLL
    for (int g = 0; g < 8; g++)
        q[g] = vqtbl1q_u8(table, q[g]);
}

/* What bytes of a step are larger than values by. */
INLINE int offset_of(const enum quant_type type)
{
    return type == QUANT_Q8_0 || has_table(type) ? 0 : pack_offset(type);
}

INLINE float32x4_t halves(const unsigned char *at)
{
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(at)));
}

INLINE uint8x8_t four_bytes(const unsigned char *at)
{
    uint32_t four;

    memcpy(&four, at, sizeof four);
    return vcreate_u8(four);
}

INLINE uint32x4_t unsigned_bytes(const unsigned char *at)
{
    return vmovl_u16(vget_low_u16(vmovl_u8(four_bytes(at))));
}

INLINE int32x4_t signed_bytes(const unsigned char *at)
{
    return vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u8(four_bytes(at)))));
}

/* quant_half_power() */
INLINE float32x4_t half_powers(const unsigned char *at)
{
    const uint32x4_t e = unsigned_bytes(at), power = vshlq_n_u32(vsubq_u32(e, vdupq_n_u32(1)), 23);
    const uint32x4_t subnormal = vshlq_u32(vdupq_n_u32(0x200000), vreinterpretq_s32_u32(e));

    return vreinterpretq_f32_u32(vbslq_u32(vcltq_u32(e, vdupq_n_u32(2)), subnormal, power));
}

/* What a group of rows has in a step, of both halves of the values where they differ. */
struct step {
    int8x16_t   q[8];
    float32x4_t scale[2], min[2];
    int32x4_t   whole[2]; /* scales of types that pack_has_groups() */
};

INLINE void take_codes(const enum quant_type type, const unsigned char *low, const unsigned char *high, uint8x16_t q[8])
{
    switch (type) {
    case QUANT_Q8_0:
        take_eight_bits(low, q);
        break;
    case QUANT_Q2_K:
    case QUANT_TQ2_0:
    case QUANT_I2_S:
        take_two_bits(low, q);
        break;
    case QUANT_Q3_K:
        take_two_bits(low, q);
        add_bits(high, 4, q);
        break;
    case QUANT_Q5_0:
    case QUANT_Q5_1:
    case QUANT_Q5_K:
        take_four_bits(low, q);
        add_bits(high, 16, q);
        break;
    case QUANT_Q6_K:
        take_four_bits(low, q);
        add_high_bits(high, q);
        break;
    default:
        take_four_bits(low, q);
        if (has_table(type))
            look_up(type, q);
        break;
    }
}

/* d and m: what the group has in a block. */
INLINE void take_scales(const enum quant_type type, size_t group, const unsigned char *at, float32x4_t d, float32x4_t m, struct step *s)
{
    const unsigned char *first = at + 4 * group, *second = first + PACK_ROWS;

    switch (type) {
    case QUANT_Q2_K:
        s->whole[0] = vreinterpretq_s32_u32(vandq_u32(unsigned_bytes(first), vdupq_n_u32(15)));
        s->whole[1] = vreinterpretq_s32_u32(vandq_u32(unsigned_bytes(second), vdupq_n_u32(15)));
        s->min[0] = vmulq_f32(m, vcvtq_f32_u32(vshrq_n_u32(unsigned_bytes(first), 4)));
        s->min[1] = vmulq_f32(m, vcvtq_f32_u32(vshrq_n_u32(unsigned_bytes(second), 4)));
        break;
    case QUANT_Q3_K:
        s->whole[0] = signed_bytes(first);
        s->whole[1] = signed_bytes(second);
        break;
    case QUANT_Q4_K:
    case QUANT_Q5_K:
        s->scale[0] = vmulq_f32(d, vcvtq_f32_u32(unsigned_bytes(first)));
        s->min[0] = vmulq_f32(m, vcvtq_f32_u32(unsigned_bytes(second)));
        break;
    case QUANT_Q6_K:
        s->scale[0] = vmulq_f32(d, vcvtq_f32_s32(signed_bytes(first)));
        s->scale[1] = vmulq_f32(d, vcvtq_f32_s32(signed_bytes(second)));
        break;
    case QUANT_IQ4_XS:
        s->scale[0] = vmulq_f32(d, vcvtq_f32_s32(signed_bytes(first)));
        break;
    case QUANT_MXFP4:
        s->scale[0] = half_powers(first);
        break;
    case QUANT_TQ2_0:
    case QUANT_I2_S:
        break;
    default:
        s->scale[0] = halves(at + 8 * group);
        if (pack_has_minima(type))
            s->min[0] = halves(at + 32 + 8 * group);
        break;
    }
}

INLINE struct step load_step(const enum quant_type type, size_t group, const unsigned char *at, float32x4_t d, float32x4_t m)
{
    struct step s = { .scale = { d, d }, .min = { m, m } };
    uint8x16_t q[8];

    take_codes(type, at + pack_low_at(type) + GROUP_CODE * group, at + pack_high_at(type) + GROUP_CODE * group, q);
    take_scales(type, group, at, d, m, &s);
    UNROLL
    for (int g = 0; g < 8; g++)
        s.q[g] = vreinterpretq_s8_u8(q[g]);
    return s;
}

/* --- packed products -------------------------------------------------------------------------------------------------- */

/* How often two products of a code with an activation can be added up in 16 bits. */
INLINE int most_in_16_bits(const enum quant_type type)
{
    return type == QUANT_Q8_0 || type == QUANT_IQ4_NL || type == QUANT_IQ4_XS ? 1 : type == QUANT_Q6_K ? 2 : 4;
}

/* Whether a step's halves differ in what they are multiplied with. */
INLINE bool has_halves(const enum quant_type type)
{
    return type == QUANT_Q6_K || pack_has_groups(type);
}

/*
 * Of four columns in one step, of the halves or, where those do not differ, of both together: where the whole numbers begin, and
 * what minima are multiplied with.  Of a column that is not there these may be anything, and wrap around.
 */
struct four {
    float32x4_t d, less[2];
    int32x4_t   begin[2];
};

INLINE struct four load_columns(const enum quant_type type, const float *d, const int32_t *sums)
{
    const int32x4x2_t half = vld2q_s32(sums);
    const int32x4_t sum[2] = { has_halves(type) ? half.val[0] : vaddq_s32(half.val[0], half.val[1]), half.val[1] };
    struct four f = { .d = vld1q_f32(d) };

    UNROLL
    for (int i = 0; i < 2; i++) {
        f.begin[i] = vmulq_n_s32(sum[i], -offset_of(type));
        f.less[i] = vmulq_f32(vcvtq_f32_s32(sum[i]), f.d);
    }
    return f;
}

/* A column's whole numbers in one step, by row: of each half where they differ, otherwise all in the first. */
struct whole {
    int32x4_t half[2];
};

/* Column c of four, whose activations begin at q. */
INLINE struct whole column_sums(const enum quant_type type, const struct step *s, const int8_t *q, const struct four *f, const int c)
{
    const int8x16_t first = vld1q_s8(q), last = vld1q_s8(q + 16);
    const int most = most_in_16_bits(type);
    struct whole w = { { dots(most, vdupq_n_s32(f->begin[0][c]), s->q, first) } };

    if (has_halves(type))
        w.half[1] = dots(most, vdupq_n_s32(f->begin[1][c]), s->q + 4, last);
    else
        w.half[0] = dots(most, w.half[0], s->q + 4, last);
    return w;
}

#ifdef HAS_PAIRS
/* Codes of rows 0 and 1, and of rows 2 and 3, eight of each, take the place of four of four rows. */
INLINE void pair_rows(struct step *s)
{
    UNROLL
    for (int g = 0; g < 8; g += 2) {
        const int32x4_t a = vreinterpretq_s32_s8(s->q[g]), b = vreinterpretq_s32_s8(s->q[g + 1]);

        s->q[g] = vreinterpretq_s8_s32(vzip1q_s32(a, b));
        s->q[g + 1] = vreinterpretq_s8_s32(vzip2q_s32(a, b));
    }
}

/* Columns c and c + 1 of four; of the step pair_rows(). */
INLINE void pair_sums(const enum quant_type type, const struct step *s, const int8_t *q, const struct four *f, const int c, struct whole w[2])
{
    const int n = has_halves(type) ? 2 : 1;

    UNROLL
    for (int half = 0; half < n; half++) {
        int32x4_t low = vdupq_n_s32(0), high = low;

        UNROLL
        for (int g = 8 / n * half; g < 8 / n * (half + 1); g += 2) {
            const int8x16_t x = vcombine_s8(vld1_s8(q + 4 * g), vld1_s8(q + PACK_STEP + 4 * g));

            low = pair(low, s->q[g], x);
            high = pair(high, s->q[g + 1], x);
        }
        w[0].half[half] = vaddq_s32(vdupq_n_s32(f->begin[half][c]), vuzp1q_s32(low, high));
        w[1].half[half] = vaddq_s32(vdupq_n_s32(f->begin[half][c + 1]), vuzp2q_s32(low, high));
    }
}
#endif

/*
 * A step's whole numbers of column c of four, added to acc; block: where types that have groups add up whole numbers times d.  Of types that
 * round columns whole acc is whole numbers, too.
 */
INLINE float32x4_t add_sums(const enum quant_type type, const struct step *s, const struct whole *w, const struct four *f, const int c,
                            float32x4_t acc, float32x4_t *block)
{
    if (pack_rounds_columns(type))
        return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(acc), w->half[0]));
    if (pack_has_groups(type)) {
        *block = vfmaq_n_f32(*block, vcvtq_f32_s32(vmlaq_s32(vmulq_s32(w->half[0], s->whole[0]), w->half[1], s->whole[1])), f->d[c]);
    } else {
        acc = vfmaq_f32(acc, vcvtq_f32_s32(w->half[0]), vmulq_n_f32(s->scale[0], f->d[c]));
        if (type == QUANT_Q6_K)
            acc = vfmaq_f32(acc, vcvtq_f32_s32(w->half[1]), vmulq_n_f32(s->scale[1], f->d[c]));
    }
    if (pack_has_minima(type))
        acc = vfmsq_n_f32(acc, s->min[0], f->less[0][c]);
    return type == QUANT_Q2_K ? vfmsq_n_f32(acc, s->min[1], f->less[1][c]) : acc;
}

/* One step of a group of rows and N columns, whose activations begin at q; acc and block [N]. */
INLINE void add_columns(const enum quant_type type, const int N, struct step *s, const int8_t *q, const struct four *columns, float32x4_t *acc,
                        float32x4_t *block)
{
    struct whole w[2];

#ifdef HAS_PAIRS
    if (N > 1) {
        pair_rows(s);
        UNROLL
        for (int c = 0; c < N; c += 2) {
            pair_sums(type, s, q + c * PACK_STEP, &columns[c / 4], c % 4, w);
            acc[c] = add_sums(type, s, &w[0], &columns[c / 4], c % 4, acc[c], &block[c]);
            acc[c + 1] = add_sums(type, s, &w[1], &columns[c / 4], c % 4 + 1, acc[c + 1], &block[c + 1]);
        }
        return;
    }
#endif
    UNROLL
    for (int c = 0; c < N; c++) {
        w[0] = column_sums(type, s, q + c * PACK_STEP, &columns[c / 4], c % 4);
        acc[c] = add_sums(type, s, &w[0], &columns[c / 4], c % 4, acc[c], &block[c]);
    }
}

/* What a column with scale d came to. */
INLINE float32x4_t finish(const enum quant_type type, float32x4_t acc, float d)
{
    return pack_rounds_columns(type) ? vmulq_n_f32(vcvtq_f32_s32(vreinterpretq_s32_f32(acc)), d) : acc;
}

/* The first n of four; n > 0. */
INLINE void store_rows(float *y, float32x4_t rows, size_t n)
{
    float room[4];

    if (n >= 4) {
        vst1q_f32(y, rows);
        return;
    }
    vst1q_f32(room, rows);
    memcpy(y, room, n * sizeof *y);
}

/* Columns whose activations begin at q, d and sums. */
struct columns {
    const int8_t  *q;
    const float   *d;
    const int32_t *sums;
};

/* Groups first ... first + G - 1 of a panel and N columns of a tile, of which n are wanted; rows of the panel past n_rows are not. */
INLINE void multiply_groups(const enum quant_type type, size_t first, const int G, const int N, const unsigned char *at, size_t n_steps,
                            struct columns x, size_t n, size_t n_rows, float *y, size_t y_stride)
{
    const size_t head = pack_head_bytes(type);
    float32x4_t acc[N_GROUPS][PACK_COLS], block[N_GROUPS][PACK_COLS], d[N_GROUPS], m[N_GROUPS];
    struct four columns[PACK_COLS / 4];

    UNROLL
    for (int g = 0; g < G; g++) {
        d[g] = m[g] = vdupq_n_f32(0);
        UNROLL
        for (int c = 0; c < N; c++)
            acc[g][c] = block[g][c] = vdupq_n_f32(0);
    }
    for (size_t i = 0; i < n_steps; i++, at += pack_step_bytes(type)) {
        if (head && i % PACK_BLOCK_STEPS == 0) {
            UNROLL
            for (int g = 0; g < G; g++) {
                d[g] = halves(at + 8 * (first + (size_t)g));
                if (head == 64)
                    m[g] = halves(at + 32 + 8 * (first + (size_t)g));
            }
            at += head;
        }
        UNROLL
        for (int c = 0; c < N; c += 4)
            columns[c / 4] = load_columns(type, x.d + c, x.sums + 2 * c);
        UNROLL
        for (int g = 0; g < G; g++) {
            struct step s = load_step(type, first + (size_t)g, at, d[g], m[g]);

            add_columns(type, N, &s, x.q, columns, acc[g], block[g]);
        }
        if (pack_has_groups(type) && i % PACK_BLOCK_STEPS == PACK_BLOCK_STEPS - 1) {
            UNROLL
            for (int g = 0; g < G; g++)
                UNROLL
                for (int c = 0; c < N; c++) {
                    acc[g][c] = vfmaq_f32(acc[g][c], d[g], block[g][c]);
                    block[g][c] = vdupq_n_f32(0);
                }
        }
        x.q += PACK_COLS * PACK_STEP;
        x.d += PACK_COLS;
        x.sums += 2 * PACK_COLS;
    }
    UNROLL
    for (int g = 0; g < G; g++)
        UNROLL
        for (int c = 0; c < N; c++)
            if ((size_t)c < n && 4 * (first + (size_t)g) < n_rows)
                store_rows(y + (size_t)c * y_stride + 4 * (first + (size_t)g), finish(type, acc[g][c], x.d[c - PACK_COLS]), n_rows - 4 * (first + (size_t)g));
}

/* Of one type, all columns: tiles of 8, of 4 or of one, for as many groups at a time as leave registers for the codes of one. */
#define DEFINE_MULTIPLY(TYPE)                                                                                                                      \
    TARGET static void multiply_##TYPE(const unsigned char *panel, size_t n_steps, const struct pack_input *in, size_t n, size_t n_rows, float *y, \
                            size_t y_stride)                                                                                                       \
    {                                                                                                                                              \
        struct columns x = { in->q, in->d, in->sums };                                                                                             \
                                                                                                                                                   \
        for (; n > 4; n -= n < PACK_COLS ? n : PACK_COLS) {                                                                                        \
            for (size_t g = 0; 4 * g < n_rows; g++)                                                                                                \
                multiply_groups(TYPE, g, 1, PACK_COLS, panel, n_steps, x, n, n_rows, y, y_stride);                                                 \
            x.q += n_steps * PACK_COLS * PACK_STEP;                                                                                                \
            x.d += n_steps * PACK_COLS;                                                                                                            \
            x.sums += n_steps * PACK_COLS * 2;                                                                                                     \
            y += PACK_COLS * y_stride;                                                                                                             \
        }                                                                                                                                          \
        if (n > 1)                                                                                                                                 \
            for (size_t g = 0; 4 * g < n_rows; g += 2)                                                                                             \
                multiply_groups(TYPE, g, 2, 4, panel, n_steps, x, n, n_rows, y, y_stride);                                                         \
        else if (n == 1)                                                                                                                           \
            multiply_groups(TYPE, 0, N_GROUPS, 1, panel, n_steps, x, n, n_rows, y, y_stride);                                                      \
    }

PACK_EACH(DEFINE_MULTIPLY)

#define MULTIPLY(TYPE) [TYPE] = multiply_##TYPE,

static void (*const multiplies[QUANT_MAX_ID])(const unsigned char *panel, size_t n_steps, const struct pack_input *in, size_t n, size_t n_rows,
                                              float *y, size_t y_stride) = { PACK_EACH(MULTIPLY)[QUANT_TQ1_0] = multiply_QUANT_TQ2_0 };
