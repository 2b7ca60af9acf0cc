/*
 * infer/functions.h - functions of one value over rows of them, and norms, in one table per kind of processor
 * (infer/kernels.h).
 *
 * functions_plain.c is the reference.  The others are off by 1e-6 of 1 or of the result at most
 * (tests/infer/functions-t.c).  What a value becomes does not depend on where in a row it stands, nor on how long the
 * row is, except in norms.
 */
#ifndef INFER_FUNCTIONS_H
#define INFER_FUNCTIONS_H

#include <stddef.h>

/* In place over n values. */
typedef void function(float *x, size_t n);
/* x[i] = f(x[i]) * up[i]; up NULL: f(x[i]) */
typedef void gate_function(float *x, const float *up, size_t n);

struct functions {
    function *exp;         /* at most 1e38 */
    function *softplus;    /* log(1 + exp(x)) */
    function *sigmoid;     /* 1 / (1 + exp(-x)) */
    function *tanh;
    function *exp_neg_exp; /* exp(-exp(x)): a decay between 0 and 1 from any number */

    gate_function *silu;         /* x sigmoid(x) */
    gate_function *gelu_erf;     /* x Phi(x), by the error function or by its tanh approximation: */
    gate_function *gelu_tanh;    /* Hendrycks, Gimpel, arXiv:1606.08415 */
    gate_function *relu_squared; /* max(x, 0)^2 */

    /* out[i] = (x[i] - mean) / sqrt(variance + eps) * weight[i] + bias[i]; bias NULL: none; out may be x */
    void (*layer_norm)(const float *x, const float *weight, const float *bias, size_t n, float eps, float *out);
    /* out[i] = x[i] + (before[i] - x[i]) * (weight[i] + more[i]); more NULL: none; out may be x */
    void (*lerp)(const float *x, const float *before, const float *weight, const float *more, size_t n, float *out);
};

extern const struct functions functions_plain;
extern const struct functions functions_avx2;   /* x86-64 only, as are these */
extern const struct functions functions_avx512;
extern const struct functions functions_neon;   /* aarch64 only */

#endif
