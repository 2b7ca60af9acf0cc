/* The reference: one loop for one formula. */
#include "infer/functions.h"

#include <math.h>

static void map_exp(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = expf(x[i] > 87 ? 87 : x[i]);
}

static void map_softplus(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] > 20 ? x[i] : log1pf(expf(x[i])); /* above 20 the two are the same number */
}

static void map_sigmoid(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = 1 / (1 + expf(-x[i]));
}

static void map_tanh(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = tanhf(x[i]);
}

static void map_exp_neg_exp(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = expf(-expf(x[i]));
}

static void silu(float *x, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] / (1 + expf(-x[i])) * (up ? up[i] : 1);
}

static void gelu_erf(float *x, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = 0.5f * x[i] * (1 + erff(x[i] * (float)M_SQRT1_2)) * (up ? up[i] : 1);
}

static void gelu_tanh(float *x, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float inner = 0.5f * (float)(M_2_SQRTPI * M_SQRT2) * (x[i] + 0.044715f * x[i] * x[i] * x[i]);

        x[i] = 0.5f * x[i] * (1 + tanhf(inner)) * (up ? up[i] : 1);
    }
}

static void relu_squared(float *x, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (x[i] < 0 ? 0 : x[i] * x[i]) * (up ? up[i] : 1); /* a NaN stays one */
}

static void layer_norm(const float *x, const float *weight, const float *bias, size_t n, float eps, float *out)
{
    double sum = 0, squares = 0, mean;
    float scale;

    for (size_t i = 0; i < n; i++)
        sum += (double)x[i];
    mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    scale = (float)(1 / sqrt(squares / (double)n + (double)eps));
    for (size_t i = 0; i < n; i++)
        out[i] = (x[i] - (float)mean) * scale * weight[i] + (bias ? bias[i] : 0);
}

static void lerp(const float *x, const float *before, const float *weight, const float *more, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] + (before[i] - x[i]) * (weight[i] + (more ? more[i] : 0));
}

const struct functions functions_plain = {
    .exp = map_exp,
    .softplus = map_softplus,
    .sigmoid = map_sigmoid,
    .tanh = map_tanh,
    .exp_neg_exp = map_exp_neg_exp,
    .silu = silu,
    .gelu_erf = gelu_erf,
    .gelu_tanh = gelu_tanh,
    .relu_squared = relu_squared,
    .layer_norm = layer_norm,
    .lerp = lerp,
};
