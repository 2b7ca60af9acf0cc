/* The reference: one loop for one formula. */
#include "infer/kernels.h"

#include <math.h>
#include <string.h>

#include "infer/quant.h"

/* n values with one scale, which comes back. */
static float quantize_together(const float *x, size_t n, int8_t *q)
{
    float max = 0, d, inverse;

    for (size_t i = 0; i < n; i++)
        max = fabsf(x[i]) > max ? fabsf(x[i]) : max;
    d = max / 127;
    inverse = max > 0 && isfinite(max) ? 127 / max : 0;
    for (size_t i = 0; i < n; i++) {
        float scaled = x[i] * inverse;

        if (!isfinite(scaled))
            d = NAN;
        q[i] = (int8_t)lrintf(fminf(fmaxf(scaled, -127), 127)); /* rounding may take the largest past 127 */
    }
    return d;
}

static void quantize(const float *x, size_t k, int8_t *q, float *d)
{
    for (size_t b = 0; b < k / 32; b++)
        d[b] = quantize_together(x + 32 * b, 32, q + 32 * b);
}

static void quantize_row(const float *x, size_t k, int8_t *q, float *d)
{
    const float all = quantize_together(x, k, q);

    for (size_t b = 0; b < k / 32; b++)
        d[b] = all;
}

static void mul_f32(const void *w, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y, size_t y_stride)
{
    for (size_t r = 0; r < n_rows; r++) {
        const float *row = (const float *)w + r * k;

        for (size_t c = 0; c < n_cols; c++) {
            float sum = 0;

            for (size_t i = 0; i < k; i++)
                sum += row[i] * x[c * k + i];
            y[c * y_stride + r] = sum;
        }
    }
}

static void mul_f16(const void *w, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y, size_t y_stride)
{
    for (size_t r = 0; r < n_rows; r++) {
        const uint16_t *row = (const uint16_t *)w + r * k;

        for (size_t c = 0; c < n_cols; c++) {
            float sum = 0;

            for (size_t i = 0; i < k; i++)
                sum += quant_half_to_float(row[i]) * x[c * k + i];
            y[c * y_stride + r] = sum;
        }
    }
}

static void mul_bf16(const void *w, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y, size_t y_stride)
{
    for (size_t r = 0; r < n_rows; r++) {
        const uint16_t *row = (const uint16_t *)w + r * k;

        for (size_t c = 0; c < n_cols; c++) {
            float sum = 0;

            for (size_t i = 0; i < k; i++)
                sum += quant_bf16_to_float(row[i]) * x[c * k + i];
            y[c * y_stride + r] = sum;
        }
    }
}

static void mul_q8_0(const void *w, size_t k, size_t n_rows, const int8_t *q, const float *d, size_t n_cols, float *y,
                     size_t y_stride)
{
    const unsigned char *row = w;

    for (size_t r = 0; r < n_rows; r++, row += k / 32 * QUANT_Q8_0_BYTES) {
        for (size_t c = 0; c < n_cols; c++) {
            float sum = 0;

            for (size_t b = 0; b < k / 32; b++) {
                const unsigned char *block = row + b * QUANT_Q8_0_BYTES;
                uint16_t half;
                int dot = 0;

                memcpy(&half, block, sizeof half);
                for (size_t i = 0; i < 32; i++)
                    dot += (int8_t)block[2 + i] * q[c * k + b * 32 + i];
                sum += (float)dot * (quant_half_to_float(half) * d[c * (k / 32) + b]);
            }
            y[c * y_stride + r] = sum;
        }
    }
}

/* Value i of a run of keys or values; scale i is in the run of scales behind all STATE_BLOCK * width values. */
static float cached(const struct attend_block *b, const void *run, size_t i, size_t scale)
{
    const uint16_t *scales = (const uint16_t *)((const int8_t *)run + STATE_BLOCK * b->width);

    switch (b->type) {
    case QUANT_F16:
        return quant_half_to_float(((const uint16_t *)run)[i]);
    case QUANT_BF16:
        return quant_bf16_to_float(((const uint16_t *)run)[i]);
    case QUANT_Q8_0:
        return (float)((const int8_t *)run)[i] * quant_half_to_float(scales[scale]);
    default:
        return ((const float *)run)[i];
    }
}

static float key_at(const struct attend_block *b, size_t p, size_t i)
{
    const size_t panel = p / STATE_PANEL, lane = p % STATE_PANEL, steps = b->width / STATE_STEP;

    if (b->type == QUANT_BF16)
        return cached(b, b->k, ((panel * b->width / 2 + i / 2) * STATE_PANEL + lane) * 2 + i % 2, 0);
    return cached(b, b->k, (panel * b->width + i) * STATE_PANEL + lane, (panel * steps + i / STATE_STEP) * STATE_PANEL + lane);
}

static float value_at(const struct attend_block *b, size_t p, size_t i)
{
    if (b->type == QUANT_BF16)
        return cached(b, b->v, (p / 2 * b->width + i) * 2 + p % 2, 0);
    return cached(b, b->v, p * b->width + i, p * (b->width / STATE_STEP) + i / STATE_STEP);
}

static float score(const struct attend_block *b, size_t r, size_t p)
{
    const float *q = b->q + r / ATTEND_SIDE * ATTEND_SIDE * b->width + r % ATTEND_SIDE;
    float dot = 0;

    for (size_t i = 0; i < b->width; i++)
        dot += q[i * ATTEND_SIDE] * key_at(b, p, i);
    if (b->softcap > 0)
        dot = b->softcap * tanhf(dot / b->softcap);
    return dot * (float)M_LOG2E;
}

static void attend(const struct attend_block *b)
{
    for (size_t r = 0; r < b->n_rows; r++) {
        float max = -INFINITY, sum = 0, *scores = b->scores + r * STATE_BLOCK, *out = b->to.out + r * b->width;

        for (size_t p = b->first[r]; p < b->end[r]; p++) {
            scores[p] = score(b, r, p);
            max = scores[p] > max ? scores[p] : max;
        }
        memset(out, 0, b->width * sizeof *out);
        for (size_t p = b->first[r]; p < b->end[r]; p++) {
            const float weight = exp2f(scores[p] - max);

            sum += weight;
            for (size_t i = 0; i < b->width; i++)
                out[i] += weight * value_at(b, p, i);
        }
        b->to.max[r] = max;
        b->to.sum[r] = sum;
    }
}

static void attend_merge(size_t n_rows, size_t width, struct attend_sums so_far, struct attend_sums more)
{
    for (size_t r = 0; r < n_rows; r++, so_far.out += width, more.out += width) {
        const float max = more.max[r] > so_far.max[r] ? more.max[r] : so_far.max[r];
        float old, new;

        if (more.sum[r] == 0)
            continue;
        old = so_far.sum[r] == 0 ? 0 : exp2f(so_far.max[r] - max);
        new = exp2f(more.max[r] - max);
        so_far.max[r] = max;
        so_far.sum[r] = so_far.sum[r] * old + more.sum[r] * new;
        for (size_t i = 0; i < width; i++)
            so_far.out[i] = so_far.out[i] * old + more.out[i] * new;
    }
}

static void to_bf16(const float *x, size_t n, uint16_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = quant_float_to_bf16(x[i]);
}

static void to_half(const float *x, size_t n, uint16_t *out)
{
    for (size_t i = 0; i < n; i++) {
        const float limited = x[i] > QUANT_HALF_MAX ? QUANT_HALF_MAX : x[i] < -QUANT_HALF_MAX ? -QUANT_HALF_MAX : x[i];

        out[i] = quant_float_to_half(limited);
    }
}

static void rms_norm(const float *x, const float *weight, size_t n, float eps, float *out)
{
    double sum = 0;
    float scale;

    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    scale = (float)(1 / sqrt(sum / (double)n + (double)eps));
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] * scale * weight[i];
}

const struct kernels kernels_plain = {
    .name = "plain",
    .quantize = quantize,
    .quantize_row = quantize_row,
    .mul_f32 = mul_f32,
    .mul_f16 = mul_f16,
    .mul_bf16 = mul_bf16,
    .mul_q8_0 = mul_q8_0,
    .attend = attend,
    .attend_merge = attend_merge,
    .to_half = to_half,
    .to_bf16 = to_bf16,
    .rms_norm = rms_norm,
    .functions = &functions_plain,
    .recurrences = &recurrences_plain,
};
