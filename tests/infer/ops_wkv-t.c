/*
 * infer/ops_wkv.c and the recurrences of every table under it against the same equations in double: the three wkv, what
 * version 7 makes of keys and of the current token, the norm of heads.  And the same bits cut after any token, with
 * heads shared out in any way.
 */
#include "infer/ops_wkv.h"

#include <math.h>

#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"

#define N_TOKENS 23
/* Sums of up to 64 products of numbers near 1 in single precision, over as many tokens: 4e-7 was seen. */
#define TOLERANCE 2e-6

static uint64_t seed = 11;
static const struct kernels *kernels; /* that are tested */

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

    functions_plain.exp_neg_exp(x, n);
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

/* --- heads -------------------------------------------------------------------------------------------------------- */

static void test_norms(void)
{
    enum { HEADS = 3, SIZE = 13, WIDTH = HEADS * SIZE };
    float *x = numbers(N_TOKENS * WIDTH, 3), *weight = numbers(WIDTH, 1), *bias = numbers(WIDTH, 1);
    double want[N_TOKENS * WIDTH];

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
    ops_head_norm(kernels, 2, 3, weight, bias, 0.1f, N_TOKENS, HEADS, SIZE, x);
    ops_head_norm(kernels, 0, 2, weight, bias, 0.1f, N_TOKENS, HEADS, SIZE, x);
    ok(worst(x, want, N_TOKENS * WIDTH) < 1e-6, "%s: norm by head: off by %.1e", kernels->name,
       worst(x, want, N_TOKENS * WIDTH));
    free(x), free(weight), free(bias);
}

/* k, a and kk of one head of `size` as kernels make them: the largest difference. */
static double keys_off(size_t size, float scale)
{
    float *k = numbers(size, scale), *a = numbers(size, 1), *k_k = numbers(size, 1), *k_a = numbers(size, 1), kk[64];
    double want[3][64], length = 0, off;

    for (size_t i = 0; i < size; i++)
        length += pow((double)k[i] * (double)k_k[i], 2);
    length = fmax(sqrt(length), (double)WKV7_KEY_EPS);
    for (size_t i = 0; i < size; i++) {
        want[0][i] = (double)k[i] * (1 + ((double)a[i] - 1) * (double)k_a[i]);
        want[1][i] = (double)a[i] * (double)k[i] * (double)k_k[i] / length;
        want[2][i] = -(double)k[i] * (double)k_k[i] / length;
    }
    kernels->recurrences->wkv7_keys(k, a, k_k, k_a, size, kk);
    off = scale == 0 ? fabs((double)k[0]) + fabs((double)a[0]) + fabs((double)kk[size - 1])
                     : fmax(worst(k, want[0], size), fmax(worst(a, want[1], size), worst(kk, want[2], size)));
    free(k), free(a), free(k_k), free(k_a);
    return off;
}

static double bonus_off(size_t size)
{
    float *y = numbers(size, 1), *r = numbers(size, 1), *k = numbers(size, 1), *v = numbers(size, 1);
    float *r_k = numbers(size, 1), *gate = numbers(size, 1);
    double want[64], sum = 0, off;

    for (size_t i = 0; i < size; i++)
        sum += (double)r[i] * (double)k[i] * (double)r_k[i];
    for (size_t i = 0; i < size; i++)
        want[i] = ((double)y[i] + sum * (double)v[i]) * (double)gate[i];
    kernels->recurrences->wkv7_bonus(y, r, k, v, r_k, gate, size);
    off = worst(y, want, size);
    free(y), free(r), free(k), free(v), free(r_k), free(gate);
    return off;
}

static void test_keys(void)
{
    double keys = 0, bonus = 0;

    for (size_t size = 8; size <= 64; size += 7) { /* of a single key little may be left, and errors show */
        keys = fmax(keys, keys_off(size, 1));
        bonus = fmax(bonus, bonus_off(size));
    }
    ok(keys < 1e-6, "%s: keys of version 7 off by %.1e", kernels->name, keys);
    ok(keys_off(40, 0) == 0, "a key of zeros stays one");
    ok(bonus < 2e-6, "%s: the bonus of version 7 off by %.1e", kernels->name, bonus);
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

/* Tokens [from, from + n) of heads (version 4: channels) first ... end - 1. */
static void run(const struct inputs *in, size_t first, size_t end, size_t from, size_t n, float *state, float *out)
{
    const size_t at = from * in->n_head * in->size;
    const struct wkv wkv = { .n_head = in->n_head, .size = in->size, .r = in->r + at, .k = in->k + at, .v = in->v + at,
                             .w = in->w + (in->w_each ? at : 0), .w_each = in->w_each, .u = in->u, .a = in->a + at,
                             .b = in->b + at };

    if (in->version == 4)
        ops_wkv4(kernels, first, end, in->k + at, in->v + at, in->w, in->u, n, in->n_head * in->size, state, out + at);
    else if (in->version == 6)
        ops_wkv6(kernels, &wkv, first, end, n, state, out + at);
    else
        ops_wkv7(kernels, &wkv, first, end, n, state, out + at);
}

/* Heads one by one where each is true; `cut` tokens, then pieces of `step`. */
static void run_pieces(const struct inputs *in, bool each, size_t cut, size_t step, float *state, float *out)
{
    const size_t units = each ? 1 : in->n_head;

    for (size_t head = 0; head < in->n_head; head += units)
        for (size_t t = 0, n = cut; t < N_TOKENS; t += n, n = step < N_TOKENS - t ? step : N_TOKENS - t)
            run(in, head, head + units, t, n, state, out);
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
    size_t differ = 0;

    in.w_each = w_each;
    reference(&in, want);
    memcpy(s, in.state, state_bytes);
    run(&in, 0, n_head, 0, N_TOKENS, s, out);
    ok(worst(out, want, n) < TOLERANCE, "%s: wkv of version %d, %zu heads of %zu: off by %.1e", kernels->name, version,
       n_head, size, worst(out, want, n));
    for (size_t i = 0; i < 2 * N_TOKENS; i++) {
        memcpy(s2, in.state, state_bytes);
        run_pieces(&in, i % 2, i / 2 + 1, i % 3 ? N_TOKENS : i % 5 + 1, s2, again);
        differ += memcmp(out, again, n * sizeof *out) != 0 || memcmp(s, s2, state_bytes) != 0;
    }
    is_int((long long)differ, 0, "cut after any token, and head by head: the same bits");
    free(out), free(again), free(s), free(s2), free(want);
    finish(&in);
}

/* Keys whose exponentials no float holds. */
static void test_wkv4_range(void)
{
    const float k[] = { 300, -300, 500, 20 }, v[] = { 1, 2, 3, 4 }, w = -0.5f, u = 10;
    float state[3], out[4];

    ops_wkv4_start(state, 1);
    ops_wkv4(kernels, 0, 1, k, v, &w, &u, 4, 1, state, out);
    ok(out[0] == 1 && out[1] == 1 && out[2] == 3 && out[3] == 3, "%s: version 4 with keys up to 500: %g %g %g %g",
       kernels->name, (double)out[0], (double)out[1], (double)out[2], (double)out[3]);
}

int main(void)
{
    plan_later();
    for (size_t i = 0; (kernels = kernels_at(i)); i++) {
        test_norms();
        test_keys();
        test_wkv(4, 45, 1, true);
        test_wkv4_range();
        test_wkv(6, 3, 16, true);
        test_wkv(6, 5, 7, true);
        test_wkv(6, 2, 64, false);
        test_wkv(6, 1, 40, false);
        test_wkv(6, 2, 150, true);
        test_wkv(7, 3, 16, true);
        test_wkv(7, 5, 7, true);
        test_wkv(7, 2, 64, true);
        test_wkv(7, 1, 40, true);
    }
    done();
    return tap_status();
}
