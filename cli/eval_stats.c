/*
 * Intervals.  See eval_stats.h.
 */
#include "cli/eval_stats.h"

#include <math.h>
#include <stdlib.h>

#define Z_975       1.959963984540054 /* quantile of the normal distribution */
#define N_RESAMPLES 4000              /* the percentiles then move by some thousandths of the width from seed to seed */

struct interval eval_rate(double sum, size_t n)
{
    const double p = sum / (double)n, zz = Z_975 * Z_975 / (double)n;
    double centre, half;

    if (n == 0)
        return (struct interval){ NAN, NAN, NAN };
    centre = (p + zz / 2) / (1 + zz);
    half = Z_975 / (1 + zz) * sqrt(p * (1 - p) / (double)n + zz / (double)(4 * n));
    /* At the ends the formula gives 0 and 1 but for rounding. */
    return (struct interval){ p, p <= 0 ? 0 : fmax(centre - half, 0), p >= 1 ? 1 : fmin(centre + half, 1) };
}

/* Quantile 0.975 of Student's t: tables for few degrees of freedom, the Cornish-Fisher expansion for others (to 1e-3). */
static double t_975(size_t df)
{
    static const double few[] = { INFINITY, 12.7062, 4.3027, 3.1824, 2.7764 };
    const double z = Z_975, z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z, n = (double)df;

    if (df < sizeof(few) / sizeof(*few))
        return few[df];
    return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n) +
           (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n);
}

/* SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static double resample(const double *x, size_t n, uint64_t *state)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += x[(next_random(state) >> 32) * n >> 32];
    return sum / (double)n;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* Quantile q of sorted values, between two of them where it falls there. */
static double quantile(const double *sorted, size_t n, double q)
{
    const double at = q * (double)(n - 1);
    const size_t i = (size_t)at;

    return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

struct interval eval_mean(const double *x, size_t n, uint64_t seed)
{
    struct interval out = { NAN, NAN, NAN };
    double *means, sum = 0, tail;

    for (size_t i = 0; i < n; i++)
        sum += x[i];
    if (n > 0)
        out.value = sum / (double)n;
    if (n < 2 || n > UINT32_MAX || (means = malloc(N_RESAMPLES * sizeof(*means))) == NULL)
        return out;
    for (size_t i = 0; i < N_RESAMPLES; i++)
        means[i] = resample(x, n, &seed);
    qsort(means, N_RESAMPLES, sizeof(*means), compare);
    tail = 0.5 * erfc(sqrt((double)n / (double)(n - 1)) * t_975(n - 1) / sqrt(2));
    out.low = quantile(means, N_RESAMPLES, tail);
    out.high = quantile(means, N_RESAMPLES, 1 - tail);
    free(means);
    return out;
}
