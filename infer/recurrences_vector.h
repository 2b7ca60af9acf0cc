/*
 * infer/recurrences_vector.h - the recurrences of infer/recurrences.h for a vector type that the file which includes it
 * gives (infer/kernels_*_vector.h), with how much of a state fits into registers:
 *
 *     MOST_STATES   rows of a state of LANES channels that stay in registers over all tokens of a call
 *     MOST_VECTORS  vectors of a row that go together where one number meets them all
 *
 * A tile goes through all tokens before the next one begins; between tiles only the outputs go through memory.  Sums
 * are over the rows of a state in order, so tiles of any size give the same bits, and so do channels in lanes of which
 * some are empty.
 */
#define LOG2_E 1.44269504f

INLINE vec load_lanes(const bool full, const float *p, size_t n)
{
    return full ? v_load(p) : v_load_first(p, n);
}

INLINE void store_lanes(const bool full, float *p, vec v, size_t n)
{
    if (full)
        v_store(p, v);
    else
        v_store_first(p, v, n);
}

/* --- Mamba -------------------------------------------------------------------------------------------------------- */

INLINE void conv_lanes(const bool full, const float *const *x, size_t n_taps, const float *weight, size_t stride,
                       const float *bias, size_t i, size_t n, float *out)
{
    vec sum = bias ? load_lanes(full, bias + i, n) : v_set(0);

    for (size_t j = 0; j < n_taps; j++)
        sum = v_fma(load_lanes(full, weight + j * stride + i, n), load_lanes(full, x[j] + i, n), sum);
    store_lanes(full, out + i, v_silu(sum), n);
}

TARGET static void conv(const float *const *x, size_t n_taps, const float *weight, size_t stride, const float *bias,
                        size_t n, float *out)
{
    size_t i = 0;

    for (; i + LANES <= n; i += LANES)
        conv_lanes(true, x, n_taps, weight, stride, bias, i, LANES, out);
    if (i < n)
        conv_lanes(false, x, n_taps, weight, stride, bias, i, n - i, out);
}

/* Rows first ... first + S - 1 of the state of channels i ... i + n - 1, n <= LANES. */
INLINE void selective_tile(const int S, const bool full, const struct selective_block *s, size_t i, size_t n,
                           size_t first)
{
    float *state = s->h + first * s->state_stride + i;
    const float *a = s->a + first * s->state_stride + i, *b = s->b + first, *c = s->c + first;
    const vec d = load_lanes(full, s->d + i, n);
    vec h[MOST_STATES];

    UNROLL
    for (int j = 0; j < S; j++)
        h[j] = load_lanes(full, state + (size_t)j * s->state_stride, n);
    for (size_t t = 0, at = i; t < s->n; t++, at += s->stride, b += s->n_state, c += s->n_state) {
        const vec delta = load_lanes(full, s->delta + at, n), x = load_lanes(full, s->x + at, n), in = v_mul(delta, x);
        const vec step = v_mul(delta, v_set(LOG2_E));
        vec y = first == 0 ? v_mul(d, x) : load_lanes(full, s->y + at, n);

        UNROLL
        for (int j = 0; j < S; j++) {
            const vec decay = v_exp2_finite(v_mul(step, load_lanes(full, a + (size_t)j * s->state_stride, n)));

            h[j] = v_fma(decay, h[j], v_mul(in, v_set(b[j])));
            y = v_fma(h[j], v_set(c[j]), y);
        }
        store_lanes(full, s->y + at, y, n);
    }
    UNROLL
    for (int j = 0; j < S; j++)
        store_lanes(full, state + (size_t)j * s->state_stride, h[j], n);
}

INLINE void selective_lanes(const bool full, const struct selective_block *s, size_t i, size_t n)
{
    size_t first = 0;

    for (; first + MOST_STATES <= s->n_state; first += MOST_STATES)
        selective_tile(MOST_STATES, full, s, i, n, first);
    for (; first < s->n_state; first++)
        selective_tile(1, full, s, i, n, first);
}

TARGET static void selective_scan(const struct selective_block *s)
{
    size_t i = 0;

    for (; i + LANES <= s->width; i += LANES)
        selective_lanes(true, s, i, LANES);
    if (i < s->width)
        selective_lanes(false, s, i, s->width - i);
}

/* Rows first ... first + S - 1 of the state, N vectors from channel i on; a single one may be of n < LANES channels. */
INLINE void head_tile(const int S, const int N, const bool full, const struct head_block *s, size_t i, size_t n,
                      size_t first)
{
    const float *x = s->x + i, *b = s->b + first, *c = s->c + first;
    float *state = s->h + first * s->state_stride + i, *out = s->y + i;
    vec h[4][MOST_VECTORS];

    UNROLL
    for (int j = 0; j < S; j++)
        UNROLL
        for (int m = 0; m < N; m++)
            h[j][m] = load_lanes(full, state + (size_t)j * s->state_stride + m * LANES, n);
    for (size_t t = 0; t < s->n; t++, x += s->stride, out += s->stride, b += s->bc_stride, c += s->bc_stride) {
        const vec decay = v_set(s->decay[t]), delta = v_set(s->delta[t]);
        vec in[MOST_VECTORS], y[MOST_VECTORS];

        UNROLL
        for (int m = 0; m < N; m++) {
            const vec v = load_lanes(full, x + m * LANES, n);

            in[m] = v_mul(delta, v);
            y[m] = first == 0 ? v_mul(v_set(s->d), v) : load_lanes(full, out + m * LANES, n);
        }
        UNROLL
        for (int j = 0; j < S; j++) {
            const vec into = v_set(b[j]), from = v_set(c[j]);

            UNROLL
            for (int m = 0; m < N; m++) {
                h[j][m] = v_fma(decay, h[j][m], v_mul(in[m], into));
                y[m] = v_fma(h[j][m], from, y[m]);
            }
        }
        UNROLL
        for (int m = 0; m < N; m++)
            store_lanes(full, out + m * LANES, y[m], n);
    }
    UNROLL
    for (int j = 0; j < S; j++)
        UNROLL
        for (int m = 0; m < N; m++)
            store_lanes(full, state + (size_t)j * s->state_stride + m * LANES, h[j][m], n);
}

INLINE void head_lanes(const int N, const bool full, const struct head_block *s, size_t i, size_t n)
{
    size_t first = 0;

    for (; first + 4 <= s->n_state; first += 4)
        head_tile(4, N, full, s, i, n, first);
    for (; first < s->n_state; first++)
        head_tile(1, N, full, s, i, n, first);
}

TARGET static void head_scan(const struct head_block *s)
{
    size_t i = 0;

    for (; i + MOST_VECTORS * LANES <= s->width; i += MOST_VECTORS * LANES)
        head_lanes(MOST_VECTORS, true, s, i, LANES);
    for (; i + LANES <= s->width; i += LANES)
        head_lanes(1, true, s, i, LANES);
    if (i < s->width)
        head_lanes(1, false, s, i, s->width - i);
}

/* --- RWKV --------------------------------------------------------------------------------------------------------- */

/* Both sums relative to the larger of the two exponents: one of the two exponentials is 1. */
INLINE void wkv4_lanes(const bool full, const float *key, const float *value, const float *w, const float *u, size_t n,
                       float *a, float *b, float *p, float *out)
{
    const vec k = load_lanes(full, key, n), v = load_lanes(full, value, n), old_a = load_lanes(full, a, n),
              old_b = load_lanes(full, b, n);
    const vec max = load_lanes(full, p, n);
    vec now = v_add(load_lanes(full, u, n), k), top = v_max(max, now), old = v_exp(v_sub(max, top)),
        new = v_exp(v_sub(now, top));

    store_lanes(full, out, v_div(v_fma(old, old_a, v_mul(new, v)), v_fma(old, old_b, new)), n);
    now = v_add(max, load_lanes(full, w, n));
    top = v_max(now, k);
    old = v_exp(v_sub(now, top));
    new = v_exp(v_sub(k, top));
    store_lanes(full, a, v_fma(old, old_a, v_mul(new, v)), n);
    store_lanes(full, b, v_fma(old, old_b, new), n);
    store_lanes(full, p, top, n);
}

TARGET static void wkv4(const float *k, const float *v, const float *w, const float *u, size_t n, float *a, float *b,
                        float *p, float *out)
{
    size_t i = 0;

    for (; i + LANES <= n; i += LANES)
        wkv4_lanes(true, k + i, v + i, w + i, u + i, LANES, a + i, b + i, p + i, out + i);
    if (i < n)
        wkv4_lanes(false, k + i, v + i, w + i, u + i, n - i, a + i, b + i, p + i, out + i);
}

/* The sum of r u k over the keys: what the current token's value counts. */
INLINE float bonus(const float *r, const float *u, const float *k, size_t size)
{
    vec sum = v_set(0);

    for (size_t j = 0; j < size; j += LANES) {
        const bool full = j + LANES <= size;
        const vec ru = v_mul(load_lanes(full, r + j, size - j), load_lanes(full, u + j, size - j));

        sum = v_fma(ru, load_lanes(full, k + j, size - j), sum);
    }
    return v_sum(sum);
}

/* All tokens of N vectors of columns from i on; only a single one may be one of n < LANES columns. */
INLINE void wkv6_columns(const int N, const bool full, const struct wkv_block *s, size_t i, size_t n)
{
    for (size_t t = 0; t < s->n; t++) {
        const float *r = s->r + t * s->stride, *k = s->k + t * s->stride, *w = s->w + t * s->w_stride;
        const vec now = v_set(bonus(r, s->u, k, s->size));
        vec v[MOST_VECTORS], sum[MOST_VECTORS];
        float *state = s->state + i;

        UNROLL
        for (int m = 0; m < N; m++) {
            v[m] = load_lanes(full, s->v + t * s->stride + i + m * LANES, n);
            sum[m] = v_mul(now, v[m]);
        }
        for (size_t j = 0; j < s->size; j++, state += s->size) {
            const vec key = v_set(k[j]), from = v_set(r[j]), keep = v_set(w[j]);

            UNROLL
            for (int m = 0; m < N; m++) {
                const vec h = load_lanes(full, state + m * LANES, n);

                sum[m] = v_fma(from, h, sum[m]);
                store_lanes(full, state + m * LANES, v_fma(keep, h, v_mul(key, v[m])), n);
            }
        }
        UNROLL
        for (int m = 0; m < N; m++)
            store_lanes(full, s->out + t * s->stride + i + m * LANES, sum[m], n);
    }
}

TARGET static void wkv6(const struct wkv_block *s)
{
    size_t i = 0;

    for (; i + MOST_VECTORS * LANES <= s->size; i += MOST_VECTORS * LANES)
        wkv6_columns(MOST_VECTORS, true, s, i, LANES);
    for (; i + LANES <= s->size; i += LANES)
        wkv6_columns(1, true, s, i, LANES);
    if (i < s->size)
        wkv6_columns(1, false, s, i, s->size - i);
}

/* The sums over the keys of a times the state. */
INLINE void find_held(const int N, const bool full, const float *a, const float *state, size_t size, size_t n,
                      vec held[MOST_VECTORS])
{
    UNROLL
    for (int m = 0; m < N; m++)
        held[m] = v_set(0);
    for (size_t j = 0; j < size; j++, state += size)
        UNROLL
    for (int m = 0; m < N; m++)
        held[m] = v_fma(v_set(a[j]), load_lanes(full, state + m * LANES, n), held[m]);
}

/* As wkv6_columns().  What the next token's a holds is summed up while this one changes the state: one pass a token. */
INLINE void wkv7_columns(const int N, const bool full, const struct wkv_block *s, size_t i, size_t n)
{
    vec held[MOST_VECTORS];

    find_held(N, full, s->a, s->state + i, s->size, n, held);
    for (size_t t = 0; t < s->n; t++) {
        const size_t at = t * s->stride;
        const float *r = s->r + at, *k = s->k + at, *b = s->b + at, *w = s->w + t * s->w_stride;
        const float *next_a = s->a + (t + 1 < s->n ? at + s->stride : at);
        vec v[MOST_VECTORS], sum[MOST_VECTORS], next[MOST_VECTORS];
        float *state = s->state + i;

        UNROLL
        for (int m = 0; m < N; m++) {
            v[m] = load_lanes(full, s->v + at + i + m * LANES, n);
            sum[m] = next[m] = v_set(0);
        }
        for (size_t j = 0; j < s->size; j++, state += s->size) {
            const vec key = v_set(k[j]), from = v_set(r[j]), keep = v_set(w[j]), remove = v_set(b[j]),
                      holds = v_set(next_a[j]);

            UNROLL
            for (int m = 0; m < N; m++) {
                vec h = v_mul(keep, load_lanes(full, state + m * LANES, n));

                h = v_fma(key, v[m], v_fma(remove, held[m], h));
                store_lanes(full, state + m * LANES, h, n);
                sum[m] = v_fma(from, h, sum[m]);
                next[m] = v_fma(holds, h, next[m]);
            }
        }
        UNROLL
        for (int m = 0; m < N; m++) {
            store_lanes(full, s->out + at + i + m * LANES, sum[m], n);
            held[m] = next[m];
        }
    }
}

TARGET static void wkv7(const struct wkv_block *s)
{
    size_t i = 0;

    for (; i + MOST_VECTORS * LANES <= s->size; i += MOST_VECTORS * LANES)
        wkv7_columns(MOST_VECTORS, true, s, i, LANES);
    for (; i + LANES <= s->size; i += LANES)
        wkv7_columns(1, true, s, i, LANES);
    if (i < s->size)
        wkv7_columns(1, false, s, i, s->size - i);
}

TARGET static void wkv7_keys(float *k, float *a, const float *k_k, const float *k_a, size_t n, float *kk)
{
    vec square = v_set(0), scale;

    for (size_t i = 0; i < n; i += LANES) {
        const bool full = i + LANES <= n;
        const vec key = load_lanes(full, k + i, n - i), removal = v_mul(key, load_lanes(full, k_k + i, n - i));
        const vec less = v_sub(load_lanes(full, a + i, n - i), v_set(1));

        square = v_fma(removal, removal, square);
        store_lanes(full, kk + i, removal, n - i);
        store_lanes(full, k + i, v_fma(v_mul(key, less), load_lanes(full, k_a + i, n - i), key), n - i);
    }
    scale = v_set(1 / fmaxf(sqrtf(v_sum(square)), WKV7_KEY_EPS));
    for (size_t i = 0; i < n; i += LANES) {
        const bool full = i + LANES <= n;
        const vec removal = v_mul(load_lanes(full, kk + i, n - i), scale);

        store_lanes(full, a + i, v_mul(load_lanes(full, a + i, n - i), removal), n - i);
        store_lanes(full, kk + i, v_sub(v_set(0), removal), n - i);
    }
}

TARGET static void wkv7_bonus(float *y, const float *r, const float *k, const float *v, const float *r_k,
                              const float *gate, size_t n)
{
    const vec sum = v_set(bonus(r, r_k, k, n));

    for (size_t i = 0; i < n; i += LANES) {
        const bool full = i + LANES <= n;
        const vec all = v_fma(sum, load_lanes(full, v + i, n - i), load_lanes(full, y + i, n - i));

        store_lanes(full, y + i, v_mul(all, load_lanes(full, gate + i, n - i)), n - i);
    }
}

#define RECURRENCES                                                                                                    \
    {                                                                                                                  \
        .conv = conv, .selective_scan = selective_scan, .head_scan = head_scan, .wkv4 = wkv4, .wkv6 = wkv6,            \
        .wkv7 = wkv7, .wkv7_keys = wkv7_keys, .wkv7_bonus = wkv7_bonus                                                 \
    }
