/*
 * infer/ops_wkv.c against the same equations in double: token shift, the three recurrences, the norms of heads.  And
 * the same bits for any cut of the tokens and any number of threads.
 */
#include "infer/ops_wkv.h"

#include <math.h>

#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"

#define N_TOKENS 23
/* Sums of up to 64 products of numbers near 1 in single precision, over as many tokens: 4e-7 was seen. */
#define TOLERANCE 2e-6

static uint64_t seed = 11;
static struct ops ops, ops_3; /* on one thread and on three */

static float *numbers(size_t n, float scale)
{
    float *x = malloc(n * sizeof *x);

    for (size_t i = 0; i < n; i++)
        x[i] = tiny_normal(&seed) * scale;
    return x;
}

static float *decays(size_t n)
{
    float *x = numbers(n, 2);

    ops_exp_neg_exp(x, n);
    return x;
}

/* Relative to the largest of what is wanted. */
static double worst(const float *got, const double *want, size_t n)
{
    double off = 0, largest = 0;

    for (size_t i = 0; i < n; i++) {
        off = fmax(off, fabs((double)got[i] - want[i]));
        largest = fmax(largest, fabs(want[i]));
    }
    return off / largest;
}

/* --- element by element ------------------------------------------------------------------------------------------- */

static void test_shift(void)
{
    enum { WIDTH = 37 };
    float *x = numbers(N_TOKENS * WIDTH, 1), *weight = numbers(WIDTH, 1), *more = numbers(N_TOKENS * WIDTH, 1);
    float *before = numbers(WIDTH, 1), last[WIDTH], delta[N_TOKENS * WIDTH], out[N_TOKENS * WIDTH];
    double off = 0, off_more = 0;

    memcpy(last, before, sizeof last);
    ops_shift(x, last, N_TOKENS, WIDTH, delta);
    ok(memcmp(last, x + (N_TOKENS - 1) * WIDTH, sizeof last) == 0, "the last token is remembered");
    ops_lerp(x, delta, weight, NULL, N_TOKENS, WIDTH, out);
    for (int i = 0; i < N_TOKENS * WIDTH; i++) {
        double old = (double)(i < WIDTH ? before[i] : x[i - WIDTH]), share = (double)weight[i % WIDTH];

        off = fmax(off, fabs((double)x[i] * (1 - share) + old * share - (double)out[i]));
    }
    ok(off < 1e-5, "between a token and the one before: off by %.1e", off);
    ops_lerp(x, delta, weight, more, N_TOKENS, WIDTH, out);
    for (int i = 0; i < N_TOKENS * WIDTH; i++) {
        double old = (double)(i < WIDTH ? before[i] : x[i - WIDTH]),
               share = (double)weight[i % WIDTH] + (double)more[i];

        off_more = fmax(off_more, fabs((double)x[i] * (1 - share) + old * share - (double)out[i]));
    }
    ok(off_more < 1e-5, "with a share of each token's own: off by %.1e", off_more);
    free(x), free(weight), free(more), free(before);
}

static double of_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double of_exp_neg_exp(double x)
{
    return exp(-exp(x));
}

static void test_functions(void)
{
    enum { N = 20000 }; /* several chunks */
    const struct {
        ops_map_fn *fn;
        double (*want)(double);
        const char *name;
    } functions[] = { { ops_sigmoid, of_sigmoid, "sigmoid" },
                      { ops_tanh, tanh, "tanh" },
                      { ops_exp_neg_exp, of_exp_neg_exp, "exp(-exp)" } };

    for (size_t f = 0; f < 3; f++) {
        float *x = numbers(N, 3), *y = malloc(N * sizeof *y), *z = malloc(N * sizeof *z);
        double off = 0;

        memcpy(y, x, N * sizeof *y);
        memcpy(z, x, N * sizeof *z);
        ops_map(&ops, functions[f].fn, y, N);
        ops_map(&ops_3, functions[f].fn, z, N);
        for (int i = 0; i < N; i++)
            off = fmax(off, fabs((double)y[i] - functions[f].want((double)x[i])));
        ok(off < 1e-6 && memcmp(y, z, N * sizeof *y) == 0, "%s: off by %.1e, three threads give the same bits",
           functions[f].name, off);
        free(x), free(y), free(z);
    }
}

static void test_norms(void)
{
    enum { HEADS = 3, SIZE = 13, WIDTH = HEADS * SIZE };
    float *x = numbers(N_TOKENS * WIDTH, 3), *weight = numbers(WIDTH, 1), *bias = numbers(WIDTH, 1);
    float out[N_TOKENS * WIDTH], zero[SIZE] = { 0 };
    double want[N_TOKENS * WIDTH], length = 0;

    for (int head = 0; head < N_TOKENS * HEADS; head++) {
        const float *h = x + head * SIZE;
        double mean = 0, square = 0;

        for (int i = 0; i < SIZE; i++)
            mean += (double)h[i] / SIZE;
        for (int i = 0; i < SIZE; i++)
            square += pow((double)h[i] - mean, 2) / SIZE;
        for (int i = 0; i < SIZE; i++) {
            int channel = head % HEADS * SIZE + i;

            want[head * SIZE + i] =
                ((double)h[i] - mean) / sqrt(square + 0.1) * (double)weight[channel] + (double)bias[channel];
        }
    }
    ops_group_norm(&ops, x, weight, bias, 0.1f, N_TOKENS, HEADS, SIZE, out);
    ok(worst(out, want, N_TOKENS * WIDTH) < 1e-6, "norm by head: off by %.1e", worst(out, want, N_TOKENS * WIDTH));
    ops_unit(x, 1e-12f, N_TOKENS * HEADS, SIZE);
    for (int head = 0; head < N_TOKENS * HEADS; head++) {
        double sum = 0;

        for (int i = 0; i < SIZE; i++)
            sum += pow((double)x[head * SIZE + i], 2);
        length = fmax(length, fabs(sqrt(sum) - 1));
    }
    ok(length < 1e-6, "scaled to length 1: off by %.1e", length);
    ops_unit(zero, 1e-12f, 1, SIZE);
    ok(zero[0] == 0 && zero[SIZE - 1] == 0, "a key of zeros stays one");
    free(x), free(weight), free(bias);
}

/* --- recurrences -------------------------------------------------------------------------------------------------- */

/* What one wkv is called with; every array is long enough for all. */
struct inputs {
    int version;
    size_t n_head, size;
    float *r, *w, *k, *v, *a, *b, *u, *state; /* [N_TOKENS][width] or [width]; state as at the start */
    size_t n_state;
    bool w_each;
};

static struct inputs make(int version, size_t n_head, size_t size)
{
    const size_t width = n_head * size, n = N_TOKENS * width;
    struct inputs in = { version,
                         n_head,
                         size,
                         numbers(n, 1),
                         decays(n),
                         numbers(n, 1),
                         numbers(n, 1),
                         numbers(n, 0.3f),
                         numbers(n, 0.3f),
                         numbers(width, 1),
                         NULL,
                         0,
                         true };

    in.n_state = version == 4 ? 3 * width : width * size;
    in.state = version == 4 ? calloc(in.n_state, sizeof *in.state) : numbers(in.n_state, 1);
    if (version == 4) {
        ops_wkv4_start(in.state, width);
        for (size_t i = 0; i < width; i++)
            in.w[i] = logf(in.w[i] + 1e-6f);
    }
    return in;
}

static void finish(struct inputs *in)
{
    free(in->r), free(in->w), free(in->k), free(in->v), free(in->a), free(in->b), free(in->u), free(in->state);
}

/* Tokens [from, from + n). */
static void run(struct ops *o, const struct inputs *in, size_t from, size_t n, float *state, float *out)
{
    const size_t at = from * in->n_head * in->size;

    if (in->version == 4)
        ops_wkv4(o, in->k + at, in->v + at, in->w, in->u, n, in->n_head * in->size, state, out + at);
    else if (in->version == 6)
        ops_wkv6(o, in->r + at, in->k + at, in->v + at, in->w + (in->w_each ? at : 0), in->w_each, in->u, n, in->n_head,
                 in->size, state, out + at);
    else
        ops_wkv7(o, in->r + at, in->w + at, in->k + at, in->v + at, in->a + at, in->b + at, n, in->n_head, in->size,
                 state, out + at);
}

/* Version 4 without the trick of exponents: keys here are small enough. */
static void reference_4(const struct inputs *in, double *out)
{
    const size_t width = in->n_head * in->size;

    for (size_t i = 0; i < width; i++) {
        double a = 0, b = 0;

        for (size_t t = 0; t < N_TOKENS; t++) {
            double key = (double)in->k[t * width + i], v = (double)in->v[t * width + i],
                   now = exp((double)in->u[i] + key);

            out[t * width + i] = (a + now * v) / (b + now);
            a = a * exp((double)in->w[i]) + exp(key) * v;
            b = b * exp((double)in->w[i]) + exp(key);
        }
    }
}

/* One head of version 6 or 7 at one token, S [key][value]. */
static void reference_head(const struct inputs *in, size_t t, size_t head, double *s, double *out)
{
    const size_t size = in->size, width = in->n_head * size, at = t * width + head * size;
    const float *r = in->r + at, *w = in->w + (in->w_each ? at : head * size), *k = in->k + at, *v = in->v + at;

    for (size_t i = 0; i < size; i++) {
        double held = 0;

        out[at + i] = 0;
        for (size_t j = 0; j < size; j++)
            held += (double)in->a[at + j] * s[j * size + i];
        for (size_t j = 0; j < size; j++) {
            double kv = (double)k[j] * (double)v[i], *x = &s[j * size + i];

            if (in->version == 6) {
                out[at + i] += (double)r[j] * ((double)in->u[head * size + j] * kv + *x);
                *x = (double)w[j] * *x + kv;
            } else {
                *x = (double)w[j] * *x + (double)in->b[at + j] * held + kv;
                out[at + i] += (double)r[j] * *x;
            }
        }
    }
}

static void reference(const struct inputs *in, double *out)
{
    double *s = calloc(in->n_state, sizeof *s);

    if (in->version == 4) {
        reference_4(in, out);
    } else {
        for (size_t i = 0; i < in->n_state; i++)
            s[i] = (double)in->state[i];
        for (size_t t = 0; t < N_TOKENS; t++)
            for (size_t head = 0; head < in->n_head; head++)
                reference_head(in, t, head, s + head * in->size * in->size, out);
    }
    free(s);
}

static void test_wkv(int version, size_t n_head, size_t size, bool w_each)
{
    struct inputs in = make(version, n_head, size);
    const size_t n = N_TOKENS * n_head * size, state_bytes = in.n_state * sizeof(float);
    float *out = calloc(n, sizeof *out), *again = calloc(n, sizeof *again), *s = malloc(state_bytes),
          *s2 = malloc(state_bytes);
    double *want = calloc(n, sizeof *want);

    in.w_each = w_each;
    reference(&in, want);
    memcpy(s, in.state, state_bytes);
    run(&ops, &in, 0, N_TOKENS, s, out);
    ok(worst(out, want, n) < TOLERANCE, "wkv of version %d, %zu heads of %zu: off by %.1e", version, n_head, size,
       worst(out, want, n));
    memcpy(s2, in.state, state_bytes);
    for (size_t t = 0, step = 1; t < N_TOKENS; t += step, step = step % 3 + 1)
        run(&ops_3, &in, t, step < N_TOKENS - t ? step : N_TOKENS - t, s2, again);
    ok(memcmp(out, again, n * sizeof *out) == 0 && memcmp(s, s2, state_bytes) == 0,
       "in pieces and on three threads the same bits");
    free(out), free(again), free(s), free(s2), free(want);
    finish(&in);
}

/* Keys whose exponentials no float holds. */
static void test_wkv4_range(void)
{
    const float k[] = { 300, -300, 500, 20 }, v[] = { 1, 2, 3, 4 }, w = -0.5f, u = 10;
    float state[3], out[4];

    ops_wkv4_start(state, 1);
    ops_wkv4(&ops, k, v, &w, &u, 4, 1, state, out);
    ok(out[0] == 1 && out[1] == 1 && out[2] == 3 && out[3] == 3, "version 4 with keys up to 500: %g %g %g %g",
       (double)out[0], (double)out[1], (double)out[2], (double)out[3]);
}

int main(void)
{
    const struct shape shape = { .max_k = 64 };
    struct pool *one = pool_create(1, NULL), *three = pool_create(3, NULL);

    plan_later();
    ok(ops_init(&ops, kernels_find(NULL), one, &shape, 8, NULL) == 0 &&
           ops_init(&ops_3, kernels_find(NULL), three, &shape, 8, NULL) == 0,
       "operations for one thread and for three");
    test_shift();
    test_functions();
    test_norms();
    test_wkv(4, 45, 1, true);
    test_wkv4_range();
    test_wkv(6, 3, 16, true);
    test_wkv(6, 5, 7, true);
    test_wkv(6, 2, 64, false);
    test_wkv(6, 1, 40, false);
    test_wkv(7, 3, 16, true);
    test_wkv(7, 5, 7, true);
    test_wkv(7, 2, 64, true);
    test_wkv(7, 1, 40, true);
    ops_finish(&ops);
    ops_finish(&ops_3);
    pool_destroy(one);
    pool_destroy(three);
    done();
    return tap_status();
}
