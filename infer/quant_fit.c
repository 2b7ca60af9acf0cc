#include "infer/quant_fit.h"

#include <math.h>
#include <stdlib.h>

#include "infer/quant_formats.h"

#define HALF_MAX 65504.0f

float quant_round_to_half(float v)
{
    if (!(v < HALF_MAX))
        return v > 0 ? HALF_MAX : 0;
    return quant_half_to_float(quant_float_to_half(v > -HALF_MAX ? v : -HALF_MAX));
}

int quant_nearest_in(const int8_t table[16], float v)
{
    int at = 0;

    /* Past the middle between two entries the upper one is nearer. */
    for (int step = 8; step > 0; step /= 2)
        if (2 * v > (float)(table[at + step - 1] + table[at + step]))
            at += step;
    return at;
}

static inline float level(const struct quant_levels *l, float v)
{
    return (float)(l->table ? l->table[quant_nearest_in(l->table, v)] : quant_nearest(v, l->lo, l->hi));
}

/* --- scales alone ------------------------------------------------------------------------------------------------- */

/* Sum of w (x - d * level)^2 with the nearest levels. */
static float scale_error(const float *x, const float *w, size_t n, const struct quant_levels *l, float d)
{
    float inverse = quant_inverse(d), error = 0;

    for (size_t i = 0; i < n; i++) {
        float rest = x[i] - d * level(l, x[i] * inverse);

        error += w[i] * rest * rest;
    }
    return error;
}

struct scale {
    float d, gain; /* gain: by how much the scale lowers the sum of w x^2 */
};

/* The best scale for the levels nearest to x * inverse. */
static void try_scale(const float *x, const float *w, size_t n, const struct quant_levels *l, float inverse,
                      struct scale *best)
{
    float xl = 0, ll = 0;

    for (size_t i = 0; i < n; i++) {
        float v = level(l, x[i] * inverse);

        xl += w[i] * x[i] * v;
        ll += w[i] * v * v;
    }
    if (ll > 0 && xl * xl > best->gain * ll) {
        best->d = xl / ll;
        best->gain = xl * xl / ll;
    }
}

/* The value of largest magnitude. */
static float largest(const float *x, size_t n)
{
    float top = 0;

    for (size_t i = 0; i < n; i++)
        top = fabsf(x[i]) > fabsf(top) ? x[i] : top;
    return top;
}

float quant_fit_scale(const float *x, const float *w, size_t n, const struct quant_levels *l)
{
    enum { STEPS = 5 };
    const float top = largest(x, n), step = (float)(l->hi - l->lo) / 64;
    const int ends[] = { l->lo, l->hi };
    struct scale best = { 0, 0 };

    if (top == 0 || !isfinite(top))
        return 0;
    for (int e = 0; e < 2; e++)
        for (int i = -STEPS; i <= STEPS; i++)
            try_scale(x, w, n, l, ((float)ends[e] + (float)i * step) / top, &best);
    try_scale(x, w, n, l, quant_inverse(best.d), &best);
    return best.d;
}

float quant_fit_groups(const float *x, const float *w, size_t n_groups, size_t n, const struct quant_levels *l, int lo,
                       int hi, int8_t *scales)
{
    float wanted[16], d, inverse, xl = 0, ll = 0;

    for (size_t g = 0; g < n_groups; g++)
        wanted[g] = quant_fit_scale(x + g * n, w + g * n, n, l);
    d = quant_round_to_half(largest(wanted, n_groups) / (float)lo);
    inverse = quant_inverse(d);
    for (size_t g = 0; g < n_groups; g++) {
        const int nearest = quant_nearest(wanted[g] * inverse, lo, hi);
        float least = INFINITY;

        scales[g] = (int8_t)nearest;
        for (int s = nearest > lo ? nearest - 1 : lo; s <= nearest + 1 && s <= hi; s++) {
            float error = scale_error(x + g * n, w + g * n, n, l, d * (float)s);

            if (error < least) {
                least = error;
                scales[g] = (int8_t)s;
            }
        }
    }
    /* And the best d for these scales and their codes. */
    for (size_t g = 0; g < n_groups; g++) {
        inverse = quant_inverse(d * (float)scales[g]);
        for (size_t i = g * n; i < g * n + n; i++) {
            float v = (float)scales[g] * level(l, x[i] * inverse);

            xl += w[i] * x[i] * v;
            ll += w[i] * v * v;
        }
    }
    return ll > 0 ? quant_round_to_half(xl / ll) : 0;
}

/* --- scales and offsets ------------------------------------------------------------------------------------------- */

static float offset_error(const float *x, const float *w, size_t n, int hi, float d, float offset)
{
    float inverse = quant_inverse(d), error = 0;

    for (size_t i = 0; i < n; i++) {
        float rest = x[i] - d * (float)quant_nearest((x[i] - offset) * inverse, 0, hi) - offset;

        error += w[i] * rest * rest;
    }
    return error;
}

struct offset_scale {
    float d, offset, error;
};

/* The best scale and offset for the codes nearest to (x - offset) * inverse. */
static void try_offset(const float *x, const float *w, size_t n, int hi, bool at_most_0, float inverse, float offset,
                       struct offset_scale *best)
{
    float sw = 0, sx = 0, sq = 0, sxq = 0, sqq = 0, determinant, d, error;

    for (size_t i = 0; i < n; i++) {
        float q = (float)quant_nearest((x[i] - offset) * inverse, 0, hi);

        sw += w[i];
        sx += w[i] * x[i];
        sq += w[i] * q;
        sxq += w[i] * x[i] * q;
        sqq += w[i] * q * q;
    }
    determinant = sw * sqq - sq * sq;
    if (!(determinant > 0))
        return;
    d = (sw * sxq - sx * sq) / determinant;
    offset = (sqq * sx - sq * sxq) / determinant;
    if (at_most_0 && offset > 0) {
        offset = 0;
        d = sxq / sqq;
    }
    if (!(d > 0))
        return;
    error = offset_error(x, w, n, hi, d, offset);
    if (error < best->error)
        *best = (struct offset_scale){ d, offset, error };
}

void quant_fit_offset(const float *x, const float *w, size_t n, int hi, bool at_most_0, float *d, float *offset)
{
    enum { STEPS = 8 };
    float min = x[0], max = x[0];
    struct offset_scale best;

    for (size_t i = 1; i < n; i++) {
        min = x[i] < min ? x[i] : min;
        max = x[i] > max ? x[i] : max;
    }
    if (at_most_0 && min > 0)
        min = 0;
    best = (struct offset_scale){ 0, min, INFINITY };
    if (max > min && isfinite(max - min)) {
        best.d = (max - min) / (float)hi;
        best.error = offset_error(x, w, n, hi, best.d, min);
        for (int i = -STEPS; i <= STEPS; i++)
            try_offset(x, w, n, hi, at_most_0, ((float)hi + (float)(i * hi) / 60) / (max - min), min, &best);
        try_offset(x, w, n, hi, at_most_0, quant_inverse(best.d), best.offset, &best);
    }
    *d = best.d;
    *offset = isfinite(best.offset) ? best.offset : 0;
}

/* The scale and minimum next to the wanted ones that are best once multiplied with d and m. */
static void choose_integers(const float *x, const float *w, size_t n, int hi, float d, float m, uint8_t *scale,
                            uint8_t *min)
{
    const int s0 = *scale, m0 = *min;
    float least = INFINITY;

    for (int s = s0 > 0 ? s0 - 1 : 0; s <= s0 + 1 && s <= 63; s++)
        for (int k = m0 > 0 ? m0 - 1 : 0; k <= m0 + 1 && k <= 63; k++) {
            float error = offset_error(x, w, n, hi, d * (float)s, -m * (float)k);

            if (error < least) {
                least = error;
                *scale = (uint8_t)s;
                *min = (uint8_t)k;
            }
        }
}

/* The best d and m for the scales and minima, and the codes that go with them; unchanged where that is not better. */
static void refit(const float *x, const float *w, size_t n_groups, size_t n, int hi, const uint8_t *scales,
                  const uint8_t *mins, float *d, float *m)
{
    double saa = 0, sab = 0, sbb = 0, sxa = 0, sxb = 0, determinant;
    float was = 0, is = 0, new_d, new_m;

    for (size_t g = 0; g < n_groups; g++) {
        const float inverse = quant_inverse(*d * (float)scales[g]), offset = -*m * (float)mins[g], b = -(float)mins[g];

        for (size_t i = g * n; i < g * n + n; i++) {
            float a = (float)scales[g] * (float)quant_nearest((x[i] - offset) * inverse, 0, hi);

            saa += (double)(w[i] * a * a);
            sab += (double)(w[i] * a * b);
            sbb += (double)(w[i] * b * b);
            sxa += (double)(w[i] * x[i] * a);
            sxb += (double)(w[i] * x[i] * b);
        }
    }
    determinant = saa * sbb - sab * sab;
    if (!(determinant > 0))
        return;
    new_d = quant_round_to_half((float)((sxa * sbb - sxb * sab) / determinant));
    new_m = quant_round_to_half((float)((sxb * saa - sxa * sab) / determinant));
    if (!(new_d > 0) || !(new_m >= 0))
        return;
    for (size_t g = 0; g < n_groups; g++) {
        was += offset_error(x + g * n, w + g * n, n, hi, *d * (float)scales[g], -*m * (float)mins[g]);
        is += offset_error(x + g * n, w + g * n, n, hi, new_d * (float)scales[g], -new_m * (float)mins[g]);
    }
    if (is < was) {
        *d = new_d;
        *m = new_m;
    }
}

void quant_fit_offset_groups(const float *x, const float *w, size_t n_groups, size_t n, int hi, float *d, float *m,
                             uint8_t *scales, uint8_t *mins)
{
    float wanted[16], offsets[16];

    for (size_t g = 0; g < n_groups; g++)
        quant_fit_offset(x + g * n, w + g * n, n, hi, true, &wanted[g], &offsets[g]);
    *d = quant_round_to_half(fabsf(largest(wanted, n_groups)) / 63);
    *m = quant_round_to_half(fabsf(largest(offsets, n_groups)) / 63);
    for (size_t g = 0; g < n_groups; g++) {
        scales[g] = (uint8_t)quant_nearest(wanted[g] * quant_inverse(*d), 0, 63);
        mins[g] = (uint8_t)quant_nearest(-offsets[g] * quant_inverse(*m), 0, 63);
        choose_integers(x + g * n, w + g * n, n, hi, *d, *m, &scales[g], &mins[g]);
    }
    refit(x, w, n_groups, n, hi, scales, mins, d, m);
}

/* --- -1, 0 and 1 -------------------------------------------------------------------------------------------------- */

struct magnitude {
    float size, weight;
};

static int compare_sizes(const void *a, const void *b)
{
    const struct magnitude *x = a, *y = b;

    return x->size > y->size ? -1 : x->size < y->size;
}

/*
 * Whatever the scale, the values that are not 0 are the largest ones: of n sets, the one that takes most away from the sum
 * of w x^2.
 */
float quant_fit_ternary(const float *x, const float *w, size_t n)
{
    struct magnitude list[QUANT_MAX_BLOCK] = { { 0, 0 } };
    float sum = 0, weight = 0, gain = 0, d = 0;

    for (size_t i = 0; i < n; i++)
        list[i] = (struct magnitude){ isfinite(x[i]) ? fabsf(x[i]) : 0, w[i] };
    qsort(list, n, sizeof *list, compare_sizes);
    for (size_t i = 0; i < n; i++) {
        sum += list[i].weight * list[i].size;
        weight += list[i].weight;
        if (weight > 0 && sum * sum > gain * weight) {
            gain = sum * sum / weight;
            d = sum / weight;
        }
    }
    return d;
}
