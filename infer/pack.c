#include "infer/pack_layout.h"

#include <math.h>
#include <string.h>

#include "infer/quant_formats.h"

#define BLOCK  (PACK_BLOCK_STEPS * PACK_STEP)
#define INLINE __attribute__((always_inline)) static inline
#define UNROLL _Pragma("GCC unroll 8")

#define MOST_WHOLE ((size_t)1 << 22) /* values of a row whose products are added up in whole numbers of 32 bits */

/* --- what the formats are ----------------------------------------------------------------------------------------- */

/* Bits of codes, in vectors of their own. */
static const struct layout {
    enum quant_type type;
    uint32_t low_bits, high_bits;
} layouts[] = {
    { QUANT_Q4_0, 4, 0 }, { QUANT_IQ4_NL, 4, 0 }, { QUANT_Q8_0, 8, 0 },  { QUANT_Q4_K, 4, 0 },  { QUANT_Q5_K, 4, 1 },
    { QUANT_Q6_K, 4, 2 }, { QUANT_IQ4_XS, 4, 0 }, { QUANT_TQ1_0, 2, 0 }, { QUANT_TQ2_0, 2, 0 }, { QUANT_Q4_1, 4, 0 },
    { QUANT_Q5_0, 4, 1 }, { QUANT_Q5_1, 4, 1 },   { QUANT_MXFP4, 4, 0 }, { QUANT_Q2_K, 2, 0 },  { QUANT_Q3_K, 2, 1 },
    { QUANT_I2_S, 2, 0 },
};

static const struct layout *layout_of(enum quant_type type)
{
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++)
        if (layouts[i].type == type)
            return &layouts[i];
    return NULL;
}

bool pack_can(enum quant_type type, size_t k)
{
    if (pack_rounds_columns(type) && k > MOST_WHOLE)
        return false;
    return layout_of(type) && k > 0 && k % quant_find(type)->block == 0;
}

size_t pack_panel_bytes(enum quant_type type, size_t k)
{
    return k / PACK_STEP * pack_step_bytes(type) + k / BLOCK * pack_head_bytes(type);
}

/* --- packing ------------------------------------------------------------------------------------------------------ */

/*
 * Four codes at a time, of vectors g = 0 ... 7 of one row: word g of codes.  Opening a model waits for this, so it is compiled for each
 * number of bits.
 */
INLINE void put_bits(const uint32_t low_bits, const uint32_t high_bits, unsigned char *at, unsigned char *high_at, const uint8_t codes[PACK_STEP])
{
    uint32_t w[8], low[8] = { 0 }, high[2] = { 0 };

    memcpy(w, codes, sizeof w);
    UNROLL
    for (size_t g = 0; g < 8; g++) {
        if (low_bits == 8)
            low[g] = w[g];
        else if (low_bits == 4)
            low[g % 4] |= (w[g] & 0x0f0f0f0f) << g / 4 * 4;
        else
            low[g % 2] |= (w[g] & 0x03030303) << g / 2 * 2;
        if (high_bits == 1)
            high[0] |= (w[g] >> low_bits & 0x01010101) << g;
        else if (high_bits == 2)
            high[g / 4] |= (w[g] >> low_bits & 0x03030303) << g % 4 * 2;
    }
    UNROLL
    for (size_t v = 0; v < low_bits; v++)
        memcpy(at + v * 64, &low[v], 4);
    UNROLL
    for (size_t v = 0; v < high_bits; v++)
        memcpy(high_at + v * 64, &high[v], 4);
}

static void put_codes(const struct layout *l, unsigned char *step, size_t r, const uint8_t codes[PACK_STEP])
{
    unsigned char *at = step + pack_low_at(l->type) + 4 * r, *high_at = step + pack_high_at(l->type) + 4 * r;

    if (l->low_bits == 8)
        put_bits(8, 0, at, high_at, codes);
    else if (l->low_bits == 2 && l->high_bits == 0)
        put_bits(2, 0, at, high_at, codes);
    else if (l->low_bits == 2)
        put_bits(2, 1, at, high_at, codes);
    else if (l->high_bits == 0)
        put_bits(4, 0, at, high_at, codes);
    else if (l->high_bits == 1)
        put_bits(4, 1, at, high_at, codes);
    else
        put_bits(4, 2, at, high_at, codes);
}

static void put_half(unsigned char *at, size_t r, uint16_t half)
{
    memcpy(at + 2 * r, &half, sizeof half);
}

/* Scales and minima of one step, which begin it. */
static void put_scales(enum quant_type type, unsigned char *at, size_t r, size_t s, const struct quant_codes *c)
{
    switch (type) {
    case QUANT_Q4_1:
    case QUANT_Q5_1:
        put_half(at, r, c->d);
        put_half(at + 32, r, (uint16_t)(c->m ^ 0x8000));
        break;
    case QUANT_Q4_K:
    case QUANT_Q5_K:
        at[r] = c->scales[s];
        at[PACK_ROWS + r] = c->minima[s];
        break;
    case QUANT_Q2_K:
        at[r] = (unsigned char)(c->scales[2 * s] | c->minima[2 * s] << 4);
        at[PACK_ROWS + r] = (unsigned char)(c->scales[2 * s + 1] | c->minima[2 * s + 1] << 4);
        break;
    case QUANT_Q3_K:
    case QUANT_Q6_K:
        at[r] = c->scales[2 * s];
        at[PACK_ROWS + r] = c->scales[2 * s + 1];
        break;
    case QUANT_IQ4_XS:
    case QUANT_MXFP4:
        at[r] = c->scales[s];
        break;
    case QUANT_TQ1_0:
    case QUANT_TQ2_0:
    case QUANT_I2_S:
        break;
    default:
        put_half(at, r, c->d);
        break;
    }
}

void pack_panel(enum quant_type type, const void *rows, size_t row_bytes, size_t n_rows, size_t k, unsigned char *out)
{
    const struct layout *l = layout_of(type);
    const struct quant_format *f = quant_find(type);
    const size_t head = pack_head_bytes(type), steps = f->block / PACK_STEP, block_bytes = head + steps * pack_step_bytes(type);

    if (n_rows < PACK_ROWS)
        memset(out, 0, pack_panel_bytes(type, k));
    for (size_t b = 0; b < k / f->block; b++, out += block_bytes)
        for (size_t r = 0; r < n_rows; r++) {
            struct quant_codes c;

            f->take_apart((const unsigned char *)rows + r * row_bytes + b * f->bytes, &c);
            if (head)
                put_half(out, r, c.d);
            if (head == 64)
                put_half(out + 32, r, c.m);
            for (size_t s = 0; s < steps; s++) {
                unsigned char *step = out + head + s * pack_step_bytes(type);

                put_scales(type, step, r, s, &c);
                put_codes(l, step, r, c.codes + s * PACK_STEP);
            }
        }
}

/* --- activations -------------------------------------------------------------------------------------------------- */

static size_t n_tiles(size_t n)
{
    return (n + PACK_COLS - 1) / PACK_COLS;
}

size_t pack_input_bytes(size_t n, size_t k)
{
    return n_tiles(n) * PACK_COLS * (k + k / PACK_STEP * (sizeof(float) + 2 * sizeof(int32_t)));
}

struct pack_input pack_input_at(void *memory, size_t n, size_t k)
{
    const size_t n_steps = n_tiles(n) * PACK_COLS * (k / PACK_STEP);
    unsigned char *sums = memory, *d = sums + 2 * n_steps * sizeof(int32_t), *q = d + n_steps * sizeof(float);

    return (struct pack_input){ .sums = (void *)sums, .d = (void *)d, .q = (void *)q };
}

static size_t place(size_t c, size_t step, size_t k)
{
    return (c / PACK_COLS * (k / PACK_STEP) + step) * PACK_COLS + c % PACK_COLS;
}

/* Of 16 values: as bytes without a sign, four sums in 16 bits each. */
static int32_t sum_of_half(const int8_t *q)
{
    const uint64_t even = 0x00ff00ff00ff00ff;
    uint64_t w[2], sums = 0;

    memcpy(w, q, sizeof w);
    for (size_t i = 0; i < 2; i++) {
        w[i] ^= 0x8080808080808080;
        sums += (w[i] & even) + (w[i] >> 8 & even);
    }
    return (int32_t)(sums * 0x0001000100010001 >> 48) - 16 * 128;
}

void pack_column(const struct pack_input *x, size_t c, size_t k, const int8_t *q, const float *d)
{
    for (size_t s = 0; s < k / PACK_STEP; s++, q += PACK_STEP) {
        const size_t at = place(c, s, k);

        memcpy(x->q + at * PACK_STEP, q, PACK_STEP);
        x->d[at] = d[s];
        for (size_t half = 0; half < 2; half++)
            x->sums[2 * at + half] = sum_of_half(q + half * PACK_STEP / 2);
    }
}

void pack_pad(const struct pack_input *x, size_t n, size_t k)
{
    for (size_t c = n; c % PACK_COLS != 0; c++)
        for (size_t s = 0; s < k / PACK_STEP; s++) {
            const size_t at = place(c, s, k);

            x->d[at] = 0;
            x->sums[2 * at] = x->sums[2 * at + 1] = 0;
        }
}

/* --- the reference ------------------------------------------------------------------------------------------------ */

static unsigned code_at(const struct layout *l, const unsigned char *step, size_t r, size_t i)
{
    const size_t g = i / 4, byte = 4 * r + i % 4;
    unsigned code;

    if (l->low_bits == 8)
        code = step[pack_low_at(l->type) + g * 64 + byte];
    else if (l->low_bits == 4)
        code = step[pack_low_at(l->type) + g % 4 * 64 + byte] >> g / 4 * 4 & 15;
    else
        code = step[pack_low_at(l->type) + g % 2 * 64 + byte] >> g / 2 * 2 & 3;
    if (l->high_bits == 1)
        code |= (step[pack_high_at(l->type) + byte] >> g & 1u) << l->low_bits;
    else if (l->high_bits == 2)
        code |= (step[pack_high_at(l->type) + g / 4 * 64 + byte] >> g % 4 * 2 & 3u) << l->low_bits;
    return code;
}

static int value_of(const struct layout *l, unsigned code)
{
    switch (l->type) {
    case QUANT_IQ4_NL:
    case QUANT_IQ4_XS:
        return quant_nonlinear[code];
    case QUANT_MXFP4:
        return quant_e2m1[code];
    default:
        return (int)code - pack_offset(l->type);
    }
}

/* Of each half of a row's values in a step. */
struct factors {
    float scale[2]; /* of values; not of types that have groups */
    float min[2];   /* what is taken off for each activation's value; of a step where it has one */
    int group[2];   /* scales of types that have groups */
};

static struct factors factors_of(enum quant_type type, const unsigned char *block, const unsigned char *at, size_t r)
{
    const unsigned first = at[r], second = at[PACK_ROWS + r];
    float d = quant_load_half((pack_head_bytes(type) ? block : at) + 2 * r), m = 0;

    switch (type) {
    case QUANT_Q4_1:
    case QUANT_Q5_1:
        m = quant_load_half(at + 32 + 2 * r);
        break;
    case QUANT_Q4_K:
    case QUANT_Q5_K:
        d *= (float)first;
        m = quant_load_half(block + 32 + 2 * r) * (float)second;
        break;
    case QUANT_Q2_K:
        m = quant_load_half(block + 32 + 2 * r);
        return (struct factors){ .min = { m * (float)(first >> 4), m * (float)(second >> 4) }, .group = { first & 15, second & 15 } };
    case QUANT_Q3_K:
        return (struct factors){ .group = { (int8_t)first, (int8_t)second } };
    case QUANT_Q6_K:
        return (struct factors){ .scale = { d * (float)(int8_t)first, d * (float)(int8_t)second } };
    case QUANT_IQ4_XS:
        d *= (float)(int8_t)first;
        break;
    case QUANT_MXFP4:
        d = quant_half_power(first);
        break;
    default:
        break;
    }
    return (struct factors){ .scale = { d, d }, .min = { m } };
}

/* What a row comes to, and of types that have groups its part of this block, without d. */
struct sums {
    float all, block;
    int32_t whole; /* of types that round columns whole */
};

/* The part of one step: that of its values, in whole numbers for each half, then that of minima. */
static void add_step(const struct layout *l, const unsigned char *block, const unsigned char *step, size_t r,
                     const struct pack_input *x, size_t at, struct sums *to)
{
    struct factors f;
    const int8_t *q = x->q + at * PACK_STEP;
    const int32_t *sums = x->sums + 2 * at;
    const float d = x->d[at];
    int part[2] = { 0, 0 };

    for (size_t i = 0; i < PACK_STEP; i++)
        part[i / 16] += value_of(l, code_at(l, step, r, i)) * q[i];
    if (pack_rounds_columns(l->type)) {
        to->whole += part[0] + part[1];
        return;
    }
    f = factors_of(l->type, block, step, r);
    if (pack_has_groups(l->type)) {
        to->block = fmaf((float)(f.group[0] * part[0] + f.group[1] * part[1]), d, to->block);
    } else if (l->type == QUANT_Q6_K) {
        to->all = fmaf((float)part[0], f.scale[0] * d, to->all);
        to->all = fmaf((float)part[1], f.scale[1] * d, to->all);
    } else {
        to->all = fmaf((float)(part[0] + part[1]), f.scale[0] * d, to->all);
    }
    if (l->type == QUANT_Q2_K) {
        to->all = fmaf(-f.min[0], d * (float)sums[0], to->all);
        to->all = fmaf(-f.min[1], d * (float)sums[1], to->all);
    } else if (pack_has_minima(l->type)) {
        to->all = fmaf(-f.min[0], d * (float)(sums[0] + sums[1]), to->all);
    }
}

void pack_multiply(enum quant_type type, const unsigned char *panel, size_t k, const struct pack_input *x, size_t first, size_t n, float *y,
                   size_t y_stride)
{
    const struct layout *l = layout_of(type);
    const size_t head = pack_head_bytes(type), step = pack_step_bytes(type), per_block = head ? PACK_BLOCK_STEPS : 1;
    const size_t block_bytes = head + per_block * step;

    for (size_t c = first; c < first + n; c++)
        for (size_t r = 0; r < PACK_ROWS; r++) {
            struct sums to = { 0 };

            for (size_t s = 0; s < k / PACK_STEP; s++) {
                const unsigned char *block = panel + s / per_block * block_bytes;

                add_step(l, block, block + head + s % per_block * step, r, x, place(c, s, k), &to);
                if (pack_has_groups(type) && s % per_block == per_block - 1) {
                    to.all = fmaf(quant_load_half(block + 2 * r), to.block, to.all);
                    to.block = 0;
                }
            }
            y[c * y_stride + r] = pack_rounds_columns(type) ? (float)to.whole * x->d[place(c, 0, k)] : to.all;
        }
}
