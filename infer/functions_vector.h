/*
 * infer/functions_vector.h - the functions of infer/functions.h for a vector type that the file which includes it gives
 * (infer/kernels_*_vector.h).  What is left of a row goes through the same
 * instructions, in lanes of which some are empty.
 */
#define DEFINE_FUNCTION(NAME)                                                                                          \
    TARGET static void map_##NAME(float *x, size_t n)                                                                  \
    {                                                                                                                  \
        size_t i = 0;                                                                                                  \
                                                                                                                       \
        for (; i + LANES <= n; i += LANES)                                                                             \
            v_store(x + i, v_##NAME(v_load(x + i)));                                                                   \
        if (i < n)                                                                                                     \
            v_store_first(x + i, v_##NAME(v_load_first(x + i, n - i)), n - i);                                         \
    }

#define DEFINE_GATE_FUNCTION(NAME)                                                                                     \
    TARGET static void gate_##NAME(float *x, const float *up, size_t n)                                                \
    {                                                                                                                  \
        const vec one = v_set(1);                                                                                      \
        size_t i = 0;                                                                                                  \
                                                                                                                       \
        for (; i + LANES <= n; i += LANES)                                                                             \
            v_store(x + i, v_mul(v_##NAME(v_load(x + i)), up ? v_load(up + i) : one));                                 \
        if (i < n)                                                                                                     \
            v_store_first(x + i, v_mul(v_##NAME(v_load_first(x + i, n - i)), up ? v_load_first(up + i, n - i) : one),  \
                          n - i);                                                                                      \
    }

INLINE vec v_relu_squared(vec x)
{
    const vec positive = v_max(v_set(0), x);

    return v_mul(positive, positive);
}

DEFINE_FUNCTION(exp)
DEFINE_FUNCTION(softplus)
DEFINE_FUNCTION(sigmoid)
DEFINE_FUNCTION(tanh)
DEFINE_FUNCTION(exp_neg_exp)
DEFINE_GATE_FUNCTION(silu)
DEFINE_GATE_FUNCTION(gelu_erf)
DEFINE_GATE_FUNCTION(gelu_tanh)
DEFINE_GATE_FUNCTION(relu_squared)

INLINE vec load_some(const float *p, size_t n)
{
    return n < LANES ? v_load_first(p, n) : v_load(p);
}

INLINE void store_some(float *p, vec v, size_t n)
{
    if (n < LANES)
        v_store_first(p, v, n);
    else
        v_store(p, v);
}

TARGET static void layer_norm(const float *x, const float *weight, const float *bias, size_t n, float eps, float *out)
{
    vec sum = v_set(0), squares = v_set(0), mean, scale;

    for (size_t i = 0; i < n; i += LANES)
        sum = v_add(sum, load_some(x + i, n - i));
    mean = v_set(v_sum(sum) / (float)n);
    for (size_t i = 0; i < n; i += LANES) {
        vec off = v_sub(load_some(x + i, n - i), mean);

        if (n - i < LANES)
            off = v_first(off, n - i);
        squares = v_fma(off, off, squares);
    }
    scale = v_set(1 / sqrtf(v_sum(squares) / (float)n + eps));
    for (size_t i = 0; i < n; i += LANES) {
        const vec by = v_mul(scale, load_some(weight + i, n - i)), plus = bias ? load_some(bias + i, n - i) : v_set(0);

        store_some(out + i, v_fma(v_sub(load_some(x + i, n - i), mean), by, plus), n - i);
    }
}

TARGET static void lerp(const float *x, const float *before, const float *weight, const float *more, size_t n,
                        float *out)
{
    for (size_t i = 0; i < n; i += LANES) {
        const vec now = load_some(x + i, n - i), delta = v_sub(load_some(before + i, n - i), now);
        vec by = load_some(weight + i, n - i);

        if (more)
            by = v_add(by, load_some(more + i, n - i));
        store_some(out + i, v_fma(delta, by, now), n - i);
    }
}

#define FUNCTIONS                                                                                                      \
    {                                                                                                                  \
        .exp = map_exp, .softplus = map_softplus, .sigmoid = map_sigmoid, .tanh = map_tanh,                            \
        .exp_neg_exp = map_exp_neg_exp,                                                                               \
        .silu = gate_silu, .gelu_erf = gate_gelu_erf, .gelu_tanh = gate_gelu_tanh, .relu_squared = gate_relu_squared,  \
        .layer_norm = layer_norm, .lerp = lerp                                                                         \
    }
