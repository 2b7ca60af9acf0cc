/*
 * infer/ops_scan.c and the recurrences of every table under it against the formulas in double, over shapes that leave
 * rests in every loop; and the same bits cut after any token, and with channels or heads shared out in any way.
 * Whether the formulas are those of the models is golden-t's.
 */
#include "infer/ops_scan.h"

#include <math.h>

#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"

#define N     75 /* tokens: more than go together */
#define N_CUT 11 /* of those, cut in every way that tests have time for */

static uint64_t seed = 21;

static float *numbers(size_t n, float scale, float shift)
{
    float *x = calloc(n, sizeof *x);

    for (size_t i = 0; i < n; i++)
        x[i] = tiny_normal(&seed) * scale + shift;
    return x;
}

static double softplus(double x)
{
    return log1p(exp(x));
}

/* The largest difference, relative to 1 or to what is wanted. */
static double off_by(const float *got, const double *want, size_t n)
{
    double worst = 0;

    for (size_t i = 0; i < n; i++) {
        double off = fabs((double)got[i] - want[i]) / (1 + fabs(want[i]));

        if (isnan(off))
            return off;
        worst = fmax(worst, off);
    }
    return worst;
}

/* --- the operations, in one go or in pieces ----------------------------------------------------------------------- */

/* Tokens at ... at + n - 1 of units (channels or heads) first ... end - 1. */
typedef void call_fn(const void *arg, const struct kernels *, size_t first, size_t end, float *state, size_t at,
                     size_t n, float *out);

struct pieces {
    size_t cut;   /* a first piece of so many tokens, 0: none, and then ... */
    size_t batch; /* ... so many at once */
    size_t units; /* shared out in pieces of so many */
};

static void run_pieces(const struct kernels *kernels, call_fn *call, const void *arg, size_t n_units, struct pieces p,
                       float *state, float *out)
{
    for (size_t first = 0; first < n_units; first += p.units)
        for (size_t at = 0, n; at < N; at += n) {
            n = at == 0 && p.cut ? p.cut : N - at < p.batch ? N - at : p.batch;
            call(arg, kernels, first, first + p.units < n_units ? first + p.units : n_units, state, at, n, out);
        }
}

/* All at once, then in pieces; counts results with other bits. */
static size_t run_all(const struct kernels *kernels, call_fn *call, const void *arg, size_t n_units, const float *state,
                      size_t n_state, size_t n_out, float *out, float *state_out)
{
    struct pieces ways[N_CUT + 4] = { { 0, N, 16 }, { 0, 1, n_units }, { 0, 4, 48 }, { 0, 37, 1 } };
    float *s = malloc((n_state + 1) * sizeof *s), *y = malloc(n_out * sizeof *y);
    size_t differ = 0;

    for (size_t i = 0; i < N_CUT; i++)
        ways[4 + i] = (struct pieces){ i + 1, N, n_units };
    memcpy(state_out, state, n_state * sizeof *state);
    run_pieces(kernels, call, arg, n_units, (struct pieces){ 0, N, n_units }, state_out, out);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        memcpy(s, state, n_state * sizeof *s);
        run_pieces(kernels, call, arg, n_units, ways[i], s, y);
        differ += memcmp(out, y, n_out * sizeof *y) != 0;
        differ += memcmp(state_out, s, n_state * sizeof *s) != 0;
    }
    free(s);
    free(y);
    return differ;
}

/* x sigmoid(x) */
static double silu(double x)
{
    return x / (1 + exp(-x));
}

/* --- convolution -------------------------------------------------------------------------------------------------- */

struct conv_case {
    struct conv conv;
    const float *x;
};

static void call_conv(const void *arg, const struct kernels *k, size_t first, size_t end, float *state, size_t at,
                      size_t n, float *out)
{
    const struct conv_case *c = arg;

    ops_causal_conv(k, &c->conv, first, end, c->x + at * c->conv.width, state, n, out + at * c->conv.width);
}

/* all: the inputs before the batch, then the batch */
static void reference_conv(const struct conv *c, const float *all, double *want)
{
    for (size_t t = 0; t < N; t++)
        for (size_t i = 0; i < c->width; i++) {
            double sum = c->bias ? (double)c->bias[i] : 0;

            for (size_t j = 0; j < c->n_taps; j++)
                sum += (double)c->weight[j * c->width + i] * (double)all[(t + j) * c->width + i];
            want[t * c->width + i] = silu(sum);
        }
}

static void test_conv(const struct kernels *kernels, size_t n_taps, size_t width, bool bias)
{
    const size_t n_last = (n_taps - 1) * width, n = N * width;
    float *weight = numbers(n_taps * width, 1, 0), *b = numbers(width, 1, 0), *all = numbers(n_last + n, 1, 0);
    float *out = calloc(n, sizeof *out), *last = calloc(n_last + 1, sizeof *last);
    double *want = calloc(n, sizeof *want);
    const struct conv_case c = { { n_taps, width, weight, bias ? b : NULL }, all + n_last };
    size_t differ = run_all(kernels, call_conv, &c, width, all, n_last, n, out, last);

    reference_conv(&c.conv, all, want);
    /* A sum of 17 numbers up to 10: each addition is off by 2^-24 of it at most. */
    ok(off_by(out, want, n) < 2e-6, "%s: convolution of %zu channels, %zu taps: off by %.1e", kernels->name, width,
       n_taps, off_by(out, want, n));
    ok(differ == 0 && memcmp(last, all + n, n_last * sizeof *last) == 0,
       "the same bits any way, and the last inputs are kept");
    free(weight), free(b), free(all), free(out), free(last), free(want);
}

/* --- the scan of Mamba-1 ------------------------------------------------------------------------------------------ */

struct selective_case {
    struct selective_scan scan;
    const float *dt, *x, *b, *c, *z;
};

/* z of some channels to where it becomes y. */
static void copy_gate(const float *z, size_t width, size_t first, size_t end, size_t n, float *out)
{
    for (size_t t = 0; t < n; t++)
        memcpy(out + t * width + first, z + t * width + first, (end - first) * sizeof *out);
}

static void call_selective(const void *arg, const struct kernels *k, size_t first, size_t end, float *state, size_t t,
                           size_t n, float *out)
{
    const struct selective_case *s = arg;
    const size_t at = t * s->scan.width;

    copy_gate(s->z + at, s->scan.width, first, end, n, out + at);
    ops_selective_scan(k, &s->scan, first, end, s->dt + at, s->x + at, s->b + t * s->scan.n_state,
                       s->c + t * s->scan.n_state, state, n, out + at);
}

static void reference_selective(const struct selective_case *s, const float *state, double *h, double *want)
{
    const size_t width = s->scan.width, n_state = s->scan.n_state;

    for (size_t i = 0; i < n_state * width; i++)
        h[i] = (double)state[i];
    for (size_t t = 0; t < N; t++)
        for (size_t i = 0; i < width; i++) {
            double delta = softplus((double)s->dt[t * width + i]), x = (double)s->x[t * width + i];
            double *y = &want[t * width + i];

            *y = (double)s->scan.d[i] * x;
            for (size_t j = 0; j < n_state; j++) {
                double *at = &h[j * width + i];

                *at = exp(delta * (double)s->scan.a[j * width + i]) * *at + delta * x * (double)s->b[t * n_state + j];
                *y += *at * (double)s->c[t * n_state + j];
            }
            *y *= silu((double)s->z[t * width + i]);
        }
}

static void test_selective(const struct kernels *kernels, size_t width, size_t n_state)
{
    const size_t n = N * width, n_h = width * n_state;
    float *a = numbers(n_h, 0.5f, -2), *d = numbers(width, 1, 0), *dt = numbers(n, 2, 0), *x = numbers(n, 1, 0);
    float *z = numbers(n, 2, 0), *b = numbers(N * n_state, 1, 0), *c = numbers(N * n_state, 1, 0),
          *state = numbers(n_h, 1, 0);
    float *out = calloc(n, sizeof *out), *h = calloc(n_h, sizeof *h);
    double *want = calloc(n, sizeof *want), *want_h = calloc(n_h, sizeof *want_h);
    const struct selective_case s = { { width, n_state, a, d }, dt, x, b, c, z };
    size_t differ;

    a[0] = -200; /* a decay that is 0 */
    dt[0] = 30;  /* steps past where softplus is computed at all */
    dt[1] = -30;
    differ = run_all(kernels, call_selective, &s, width, state, n_h, n, out, h);
    reference_selective(&s, state, want_h, want);
    /* Decays are off by 3e-7 in the avx2 kernels, sums of 64 terms by 64 * 6e-8 of the largest partial sum. */
    ok(off_by(out, want, n) < 2e-5 && off_by(h, want_h, n_h) < 2e-6,
       "%s: selective scan of %zu channels, %zu numbers each: off by %.1e, the state by %.1e", kernels->name, width,
       n_state, off_by(out, want, n), off_by(h, want_h, n_h));
    is_int((long long)differ, 0, "the same bits any way");
    free(a), free(d), free(dt), free(x), free(z), free(b), free(c), free(state), free(out), free(h), free(want),
        free(want_h);
}

/* --- the scan of Mamba-2 ------------------------------------------------------------------------------------------ */

struct head_case {
    struct head_scan scan;
    const float *dt, *xbc, *z;
};

static void call_head(const void *arg, const struct kernels *k, size_t first, size_t end, float *state, size_t t,
                      size_t n, float *out)
{
    const struct head_case *s = arg;
    const size_t dim = s->scan.head_dim, width = s->scan.n_head * dim,
                 row = width + 2 * s->scan.n_group * s->scan.n_state;

    copy_gate(s->z + t * width, width, first * dim, end * dim, n, out + t * width);
    ops_head_scan(k, &s->scan, first, end, s->dt + t * s->scan.n_head, s->xbc + t * row, state, n, out + t * width);
}

static void reference_head(const struct head_case *s, const float *state, double *h, double *want)
{
    const struct head_scan *k = &s->scan;
    const size_t width = k->n_head * k->head_dim, row = width + 2 * k->n_group * k->n_state;

    for (size_t i = 0; i < width * k->n_state; i++)
        h[i] = (double)state[i];
    for (size_t t = 0; t < N; t++)
        for (size_t i = 0; i < width; i++) {
            const size_t head = i / k->head_dim, group = head * k->n_group / k->n_head;
            const float *x = s->xbc + t * row, *b = x + width + group * k->n_state, *c = b + k->n_group * k->n_state;
            double delta = softplus((double)s->dt[t * k->n_head + head] + (double)k->dt_bias[head]);
            double *y = &want[t * width + i];

            *y = (double)k->d[head] * (double)x[i];
            for (size_t j = 0; j < k->n_state; j++) {
                double *at = &h[(head * k->n_state + j) * k->head_dim + i % k->head_dim];

                *at = exp(delta * (double)k->a[head]) * *at + delta * (double)x[i] * (double)b[j];
                *y += *at * (double)c[j];
            }
            *y *= silu((double)s->z[t * width + i]);
        }
}

static void test_head(const struct kernels *kernels, size_t n_head, size_t head_dim, size_t n_group, size_t n_state)
{
    const size_t width = n_head * head_dim, row = width + 2 * n_group * n_state, n = N * width, n_h = width * n_state;
    float *a = numbers(n_head, 0.3f, -1), *d = numbers(n_head, 1, 0), *bias = numbers(n_head, 1, 0);
    float *dt = numbers(N * n_head, 1, 0), *xbc = numbers(N * row, 1, 0), *state = numbers(n_h, 1, 0);
    float *z = numbers(n, 2, 0), *out = calloc(n, sizeof *out), *h = calloc(n_h, sizeof *h);
    double *want = calloc(n, sizeof *want), *want_h = calloc(n_h, sizeof *want_h);
    const struct head_case s = { { n_head, head_dim, n_group, n_state, a, d, bias }, dt, xbc, z };
    size_t differ = run_all(kernels, call_head, &s, n_head, state, n_h, n, out, h);

    reference_head(&s, state, want_h, want);
    ok(off_by(out, want, n) < 2e-5 && off_by(h, want_h, n_h) < 2e-6,
       "%s: scan of %zu heads of %zu in %zu groups, %zu numbers each: off by %.1e, the state by %.1e", kernels->name,
       n_head, head_dim, n_group, n_state, off_by(out, want, n), off_by(h, want_h, n_h));
    is_int((long long)differ, 0, "the same bits any way");
    free(a), free(d), free(bias), free(dt), free(xbc), free(z), free(state), free(out), free(h), free(want),
        free(want_h);
}

/* --- norm --------------------------------------------------------------------------------------------------------- */

static void test_norm(const struct kernels *kernels, size_t width, size_t n_group)
{
    const size_t part = width / n_group;
    float *x = numbers(N * width, 3, 0), *weight = numbers(width, 1, 0), *out = calloc(N * width, sizeof *out);
    double *want = calloc(N * width, sizeof *want);
    struct pool *pool = pool_create(3, NULL);
    struct ops ops;

    ops_init(&ops, kernels, pool, &(struct shape){ .max_k = 64 }, 64, NULL);
    ops_group_rms_norm(&ops, x, weight, 1e-5f, N, width, n_group, out);
    for (size_t i = 0; i < N * width; i++) {
        const float *from = x + i / part * part;
        double mean = 0;

        for (size_t j = 0; j < part; j++)
            mean += (double)from[j] * (double)from[j] / (double)part;
        want[i] = (double)x[i] / sqrt(mean + 1e-5) * (double)weight[i % width];
    }
    ok(off_by(out, want, N * width) < 1e-6, "%s: norm of %zu groups of %zu: off by %.1e", kernels->name, n_group, part,
       off_by(out, want, N * width));
    ops_finish(&ops);
    pool_destroy(pool);
    free(x), free(weight), free(out), free(want);
}

static void test_table(const struct kernels *kernels)
{
    test_conv(kernels, 4, 200, true);
    test_conv(kernels, 3, 61, false);
    test_conv(kernels, 16, 70, true); /* more taps than tokens in a piece */
    test_conv(kernels, 1, 9, true);
    test_selective(kernels, 200, 16);
    test_selective(kernels, 61, 3);
    test_selective(kernels, 333, 64);
    test_head(kernels, 6, 64, 2, 128);
    test_head(kernels, 9, 7, 3, 5);
    test_head(kernels, 4, 40, 4, 16);
    test_head(kernels, 2, 150, 1, 6);
    test_head(kernels, 1, 8, 1, 1);
    test_norm(kernels, 96, 1);
    test_norm(kernels, 63, 3);
}

int main(void)
{
    plan_later();
    for (size_t i = 0; kernels_at(i); i++)
        test_table(kernels_at(i));
    done();
    return tap_status();
}
