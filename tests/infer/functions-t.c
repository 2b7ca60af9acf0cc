/*
 * infer/functions.h of every table against the formulas in double, from where a function is flat to where it is not,
 * with rests of every length; a value comes to the same bits wherever in a row it stands; and a NaN stays one.
 */
#include "infer/functions.h"

#include <math.h>

#include "infer/kernels.h"
#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"

#define N 4000

static uint64_t seed = 17;

/* --- functions of one value --------------------------------------------------------------------------------------- */

static double of_softplus(double x)
{
    return x > 40 ? x : log1p(exp(x));
}

static double of_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double of_exp_neg_exp(double x)
{
    return exp(-exp(x));
}

static double of_silu(double x)
{
    return x / (1 + exp(-x));
}

static double of_gelu_erf(double x)
{
    return 0.5 * x * erfc(-x * M_SQRT1_2);
}

static double of_gelu_tanh(double x)
{
    return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

static double of_relu_squared(double x)
{
    return x > 0 ? x * x : 0;
}

/* From -span to span, most of them near 0, and the ends; NaN last. */
static void fill(float *x, size_t n, float span)
{
    for (size_t i = 0; i < n; i++) {
        const float part = (float)i / (float)(n - 1) * 2 - 1;

        x[i] = part * part * part * span;
    }
    x[n - 1] = NAN;
}

/* Relative to 1, or to the result where that is more; INFINITY where a NaN became something else. */
static double off_by(const float *got, const float *x, const float *up, double (*want)(double), size_t n)
{
    double worst = 0;

    for (size_t i = 0; i < n; i++) {
        const double right = want((double)x[i]) * (up ? (double)up[i] : 1),
                     off = fabs((double)got[i] - right) / fmax(1, fabs(right));

        if (isnan(x[i]) != isnan(got[i]))
            return INFINITY;
        worst = isnan(x[i]) ? worst : fmax(worst, off);
    }
    return worst;
}

/* How many of rows of 1 to 40 values, from any place of x, have a value with other bits than in all. */
static size_t rows_that_differ(function *map, gate_function *gate, const float *x, const float *up, const float *all)
{
    size_t differ = 0;
    float row[40];

    for (size_t i = 0, n = 1; i + n <= N; i += n, n = n % 40 + 1) {
        memcpy(row, x + i, n * sizeof *row);
        if (map)
            map(row, n);
        else
            gate(row, up ? up + i : NULL, n);
        for (size_t j = 0; j < n; j++)
            differ += memcmp(row + j, all + i + j, sizeof *row) != 0 && !isnan(row[j]);
    }
    return differ;
}

static void test_map(const char *table, const char *name, function *fn, double (*want)(double), float span)
{
    static float x[N], y[N];
    double off;
    size_t differ;

    fill(x, N, span);
    memcpy(y, x, sizeof y);
    fn(y, N);
    off = off_by(y, x, NULL, want, N);
    differ = rows_that_differ(fn, NULL, x, NULL, y);
    ok(off < 1e-6 && differ == 0, "%s %s: off by %.1e, %zu rows differ", table, name, off, differ);
}

static void test_gate(const char *table, const char *name, gate_function *fn, double (*want)(double))
{
    static float x[N], y[N], up[N];
    double off, off_up;
    size_t differ;

    fill(x, N, 200);
    for (size_t i = 0; i < N; i++)
        up[i] = tiny_normal(&seed);
    memcpy(y, x, sizeof y);
    fn(y, NULL, N);
    off = off_by(y, x, NULL, want, N);
    differ = rows_that_differ(NULL, fn, x, NULL, y);
    memcpy(y, x, sizeof y);
    fn(y, up, N);
    off_up = off_by(y, x, up, want, N);
    differ += rows_that_differ(NULL, fn, x, up, y);
    ok(off < 1e-6 && off_up < 1e-6 && differ == 0, "%s %s: off by %.1e, %.1e with a factor, %zu rows differ", table,
       name, off, off_up, differ);
}

/* Small results want a small error of their own: a low-rank matrix may make much of them. */
static void test_small(const char *table, const struct functions *f)
{
    double worst_tanh = 0, worst_exp = 0, worst_softplus = 0;

    for (float v = 1e-6f; v < 1; v *= 1.37f) {
        float x = v, small = -87 * v, y = -85 * v;

        f->tanh(&x, 1);
        worst_tanh = fmax(worst_tanh, fabs((double)x / tanh((double)v) - 1));
        f->exp(&small, 1);
        worst_exp = fmax(worst_exp, fabs((double)small / exp((double)(-87 * v)) - 1));
        f->softplus(&y, 1);
        worst_softplus = fmax(worst_softplus, fabs((double)y / of_softplus((double)(-85 * v)) - 1));
    }
    ok(worst_tanh < 5e-7 && worst_exp < 5e-7 && worst_softplus < 5e-7,
       "%s: small results of tanh, exp and softplus off by %.1e, %.1e, %.1e of them", table, worst_tanh, worst_exp,
       worst_softplus);
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

static void test_layer_norm(const char *table, const struct functions *f)
{
    double worst = 0;

    for (size_t n = 1; n <= 200; n += 13)
        for (int with_bias = 0; with_bias < 2; with_bias++) {
            float x[200], weight[200], bias[200], out[200];
            double mean = 0, square = 0;

            for (size_t i = 0; i < n; i++) {
                x[i] = tiny_normal(&seed) * 3 + 1;
                weight[i] = tiny_normal(&seed);
                bias[i] = tiny_normal(&seed);
                mean += (double)x[i] / (double)n;
            }
            for (size_t i = 0; i < n; i++)
                square += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)n;
            f->layer_norm(x, weight, with_bias ? bias : NULL, n, 0.1f, out);
            for (size_t i = 0; i < n; i++) {
                const double want =
                    ((double)x[i] - mean) / sqrt(square + 0.1) * (double)weight[i] + (with_bias ? (double)bias[i] : 0);

                worst = fmax(worst, fabs(want - (double)out[i]));
            }
            f->layer_norm(x, weight, with_bias ? bias : NULL, n, 0.1f, x);
            if (memcmp(x, out, n * sizeof *x) != 0)
                worst = INFINITY;
        }
    ok(worst < 2e-6, "%s: layer norm off by %.1e, the same in place", table, worst);
}

static void test_lerp(const char *table, const struct functions *f)
{
    enum { WIDTH = 77 };
    float x[WIDTH], before[WIDTH], weight[WIDTH], more[WIDTH], out[WIDTH];
    double worst = 0;

    for (int with_more = 0; with_more < 2; with_more++) {
        for (size_t i = 0; i < WIDTH; i++) {
            x[i] = tiny_normal(&seed);
            before[i] = tiny_normal(&seed);
            weight[i] = tiny_normal(&seed);
            more[i] = tiny_normal(&seed);
        }
        f->lerp(x, before, weight, with_more ? more : NULL, WIDTH, out);
        for (size_t i = 0; i < WIDTH; i++) {
            const double share = (double)weight[i] + (with_more ? (double)more[i] : 0);

            worst = fmax(worst, fabs((double)x[i] * (1 - share) + (double)before[i] * share - (double)out[i]));
        }
    }
    ok(worst < 5e-6, "%s: between a token and the one before, off by %.1e", table, worst);
}

static void test_table(const char *table, const struct functions *f)
{
    test_map(table, "exp", f->exp, exp, 87);
    test_map(table, "softplus", f->softplus, of_softplus, 200);
    test_map(table, "sigmoid", f->sigmoid, of_sigmoid, 200);
    test_map(table, "tanh", f->tanh, tanh, 200);
    test_map(table, "exp(-exp)", f->exp_neg_exp, of_exp_neg_exp, 200);
    test_gate(table, "silu", f->silu, of_silu);
    test_gate(table, "gelu", f->gelu_erf, of_gelu_erf);
    test_gate(table, "gelu by tanh", f->gelu_tanh, of_gelu_tanh);
    test_gate(table, "relu squared", f->relu_squared, of_relu_squared);
    test_small(table, f);
    test_layer_norm(table, f);
    test_lerp(table, f);
}

int main(void)
{
    const struct kernels *k;

    plan_later();
    for (size_t i = 0; (k = kernels_at(i)); i++)
        if (i == 0 || k->functions != kernels_at(i - 1)->functions)
            test_table(k->name, k->functions);
    done();
    return tap_status();
}
