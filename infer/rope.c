#include "infer/rope.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/family.h"

static bool is(const struct gguf_string *s, const char *what)
{
    return s->len == strlen(what) && memcmp(s->s, what, s->len) == 0;
}

int rope_init_plain(struct rope *r, enum rope_pairs pairs, size_t n_rot, double base, struct err *err)
{
    memset(r, 0, sizeof *r);
    r->pairs = pairs;
    r->n_rot = n_rot;
    r->magnitude = 1;
    if (n_rot % 2)
        return fail(err, CORAX_E_ARGS, "%zu rotated numbers a head do not form pairs", n_rot);
    r->frequency = calloc(n_rot / 2 + 1, sizeof *r->frequency);
    if (!r->frequency)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    for (size_t i = 0; i < n_rot / 2; i++)
        r->frequency[i] = pow(base, -2.0 * (double)i / (double)n_rot);
    return 0;
}

void rope_finish(struct rope *r)
{
    free(r->frequency);
    free(r->far_frequency);
    memset(r, 0, sizeof *r);
}

static void stretch(struct rope *r, double factor)
{
    for (size_t i = 0; i < r->n_rot / 2; i++)
        r->frequency[i] /= factor;
}

/* frequency /= the file's factor for each pair. */
static int divide(double *frequency, size_t n, const struct gguf *g, const char *name, struct err *err)
{
    const float *factors;

    if (family_vector(g, name, n, &factors, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (!(factors[i] > 0) || !isfinite(factors[i]))
            return fail(err, CORAX_E_ARGS, "tensor %s: value %zu is not above 0", name, i);
        frequency[i] /= (double)factors[i];
    }
    return 0;
}

/* The pair, as a real number, that turns `turns` times within the original context. */
static double pair_of(const struct rope *r, double base, double turns)
{
    return (double)r->n_rot * log((double)r->original_ctx / (turns * 2 * M_PI)) / (2 * log(base));
}

/*
 * Pairs that turn often within the original context stay as they are, those that turn less than once are stretched, and
 * between them is a ramp.
 */
static int yarn(struct rope *r, const struct gguf *g, const char *arch, double base, double factor, struct err *err)
{
    double fast = 32, slow = 1, magnitude = 1, first, last;

    if (family_get_float(g, arch, "rope.scaling.yarn_beta_fast", 1e-3, 1e6, &fast, err) < 0 ||
        family_get_float(g, arch, "rope.scaling.yarn_beta_slow", 1e-3, 1e6, &slow, err) < 0 ||
        family_get_float(g, arch, "rope.scaling.attn_factor", 1e-3, 1e3, &magnitude, err) < 0)
        return -1;
    first = fmax(0, floor(pair_of(r, base, fast)));
    last = fmin((double)r->n_rot - 1, ceil(pair_of(r, base, slow)));
    for (size_t i = 0; i < r->n_rot / 2; i++) {
        double ramp = ((double)i - first) / fmax(0.001, last - first);

        ramp = fmin(1, fmax(0, ramp));
        r->frequency[i] = r->frequency[i] / factor * ramp + r->frequency[i] * (1 - ramp);
    }
    r->magnitude = magnitude * (factor > 1 ? 1 + 0.1 * log(factor) : 1);
    return 0;
}

static int longrope(struct rope *r, const struct gguf *g, const char *arch, struct err *err)
{
    const size_t n = r->n_rot / 2;

    if (family_get_float(g, arch, "rope.scaling.attn_factor", 1e-3, 1e3, &r->magnitude, err) < 0)
        return -1;
    r->far_frequency = malloc((n + 1) * sizeof *r->far_frequency);
    if (!r->far_frequency)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    memcpy(r->far_frequency, r->frequency, n * sizeof *r->frequency);
    if (divide(r->frequency, n, g, "rope_factors_short.weight", err) < 0)
        return -1;
    return divide(r->far_frequency, n, g, "rope_factors_long.weight", err);
}

static int scale(struct rope *r, const struct gguf *g, const char *arch, double base, struct err *err)
{
    struct gguf_string type = { "none", 4 };
    char key[GGUF_MAX_KEY + 1];
    double factor = 1;

    snprintf(key, sizeof key, "%s.rope.scaling.type", arch);
    if (gguf_get_string(g, key, &type, err) < 0 ||
        family_get_float(g, arch, "rope.scaling.factor", 1e-3, 1e6, &factor, err) < 0 ||
        family_get_size(g, arch, "rope.scaling.original_context_length", 1, FAMILY_MAX_CONTEXT, &r->original_ctx, err) < 0)
        return -1;
    if (gguf_find_tensor(g, "rope_factors_long.weight"))
        return longrope(r, g, arch, err);
    if (gguf_find_tensor(g, "rope_freqs.weight") &&
        divide(r->frequency, r->n_rot / 2, g, "rope_freqs.weight", err) < 0)
        return -1;
    if (is(&type, "linear"))
        stretch(r, factor);
    else if (is(&type, "yarn"))
        return yarn(r, g, arch, base, factor, err);
    else if (!is(&type, "none") && !is(&type, "longrope"))
        return fail(err, CORAX_E_ARGS,
                    "rope scaling \"%.*s\" is not one that this program knows (none, linear, yarn, longrope)",
                    (int)(type.len < 32 ? type.len : 32), type.s);
    return 0;
}

int rope_init(struct rope *r, const struct gguf *g, const char *arch, enum rope_pairs pairs, size_t n_rot, double base,
              size_t n_ctx, struct err *err)
{
    memset(r, 0, sizeof *r);
    if (family_get_float(g, arch, "rope.freq_base", 1, 1e12, &base, err) < 0 ||
        rope_init_plain(r, pairs, n_rot, base, err) < 0)
        return -1;
    r->original_ctx = n_ctx;
    if (scale(r, g, arch, base, err) == 0)
        return 0;
    rope_finish(r);
    return -1;
}

void rope_choose(struct rope *r, size_t n_ctx)
{
    double *near = r->frequency;

    if (!r->far_frequency || n_ctx <= r->original_ctx)
        return;
    r->frequency = r->far_frequency;
    r->far_frequency = NULL;
    free(near);
}

void rope_table(const struct rope *r, size_t pos, float *table)
{
    for (size_t i = 0; i < r->n_rot / 2; i++) {
        double angle = (double)pos * r->frequency[i];

        table[2 * i] = (float)(cos(angle) * r->magnitude);
        table[2 * i + 1] = (float)(sin(angle) * r->magnitude);
    }
}

void rope_apply(const struct rope *r, const float *table, float *x, size_t n_head, size_t head_dim)
{
    const size_t n = r->n_rot / 2, step = r->pairs == ROPE_NEIGHBOURS ? 2 : 1, other = step == 2 ? 1 : n;

    for (size_t h = 0; h < n_head; h++, x += head_dim)
        for (size_t i = 0; i < n; i++) {
            float *a = x + i * step, *b = a + other, was = *a, cosine = table[2 * i], sine = table[2 * i + 1];

            *a = was * cosine - *b * sine;
            *b = *b * cosine + was * sine;
        }
}
