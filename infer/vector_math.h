/*
 * infer/vector_math.h - exponentials and what follows from them, for a vector type that the file which includes it
 * gives: infer/kernels_*_vector.h, whose last line includes this.
 *
 *     v_nearest(x)              to a whole number
 *     v_scale(p, n)             p 2^n, 0 where that is below 2^-127
 *     v_where_less(a, b, x, y)  x where a < b, else y
 *
 * A NaN stays one: bounds are the first operand of v_min and v_max, which then give the second.
 *
 * Polynomials are minimax fits over the interval named; errors given are those of the polynomial with its coefficients
 * in single precision, relative, to which rounding adds about as much again.
 */

/* 2^r, |r| <= 1/2: 1.6e-8. */
INLINE vec v_power(vec r)
{
    vec p = v_set(0.000153533619f);

    p = v_fma(p, r, v_set(0.00133988744f));
    p = v_fma(p, r, v_set(0.00961843736f));
    p = v_fma(p, r, v_set(0.0555033247f));
    p = v_fma(p, r, v_set(0.240226479f));
    p = v_fma(p, r, v_set(0.693147203f));
    return v_fma(p, r, v_set(1));
}

/* 2^x for any finite x. */
INLINE vec v_exp2_finite(vec x)
{
    const vec n = v_nearest(x);

    return v_scale(v_power(v_sub(x, n)), n);
}

/* 2^x for x <= 0, -infinity included. */
INLINE vec v_exp2(vec x)
{
    return v_exp2_finite(v_max(v_set(-200), x));
}

/* e^x, 1.7e38 at most.  x log2(e) in two parts, so that large x lose nothing. */
INLINE vec v_exp(vec x)
{
    vec n, r;

    x = v_max(v_set(-104), v_min(v_set(88), x));
    n = v_nearest(v_mul(x, v_set(1.44269504f)));
    r = v_fma(x, v_set(1.44269502f), v_sub(v_set(0), n));
    r = v_fma(x, v_set(1.92596299e-8f), r);
    return v_scale(v_power(r), n);
}

INLINE vec v_size(vec x)
{
    return v_max(v_sub(v_set(0), x), x);
}

/* log(1 + u), 0 <= u <= 1, as 2 artanh(u / (2 + u)): 4.5e-9. */
INLINE vec v_log1p(vec u)
{
    const vec s = v_div(u, v_add(v_set(2), u)), q = v_mul(s, s);
    vec p = v_set(0.140059933f);

    p = v_fma(p, q, v_set(0.140009027f));
    p = v_fma(p, q, v_set(0.200107636f));
    p = v_fma(p, q, v_set(0.333332081f));
    return v_fma(v_mul(v_add(s, s), q), p, v_add(s, s));
}

INLINE vec v_softplus(vec x)
{
    return v_add(v_max(v_set(0), x), v_log1p(v_exp(v_sub(v_set(0), v_size(x)))));
}

INLINE vec v_sigmoid(vec x)
{
    return v_div(v_set(1), v_add(v_set(1), v_exp(v_sub(v_set(0), x))));
}

INLINE vec v_silu(vec x)
{
    return v_div(x, v_add(v_set(1), v_exp(v_sub(v_set(0), x))));
}

INLINE vec v_exp_neg_exp(vec x)
{
    return v_exp(v_sub(v_set(0), v_exp(x)));
}

/* |x| <= 5/8 by a polynomial in its square, 4.4e-9, since small results want a small error; else from e^2x. */
INLINE vec v_tanh(vec x)
{
    const vec size = v_size(x), q = v_mul(x, x), e = v_exp(v_add(size, size));
    const vec large = v_sub(v_set(1), v_div(v_set(2), v_add(e, v_set(1))));
    vec p = v_set(-0.00570498713f);

    p = v_fma(p, q, v_set(0.0206390874f));
    p = v_fma(p, q, v_set(-0.0537397151f));
    p = v_fma(p, q, v_set(0.133314422f));
    p = v_fma(p, q, v_set(-0.333332819f));
    return v_where_less(size, v_set(0.625f), v_fma(v_mul(x, q), p, x), v_with_sign(large, x));
}

/* The tanh of gelu's approximation is 2 sigmoid(2 y) - 1. */
INLINE vec v_gelu_tanh(vec x)
{
    const vec cube = v_mul(v_mul(x, x), x), y = v_fma(v_set(0.044715f), cube, x);

    return v_div(x, v_add(v_set(1), v_exp(v_mul(v_set(-(float)(M_2_SQRTPI * M_SQRT2)), y))));
}

/* x Phi(x).  erfc(z) = e^(-z^2) times a polynomial in 1 / (1 + 0.42 z), 0 <= z <= 9.5: 5.5e-8 of e^(-z^2). */
INLINE vec v_gelu_erf(vec x)
{
    const vec z = v_mul(v_size(x), v_set((float)M_SQRT1_2)), t = v_div(v_set(1), v_fma(v_set(0.42f), z, v_set(1)));
    const vec e = v_exp(v_sub(v_set(0), v_mul(z, z)));
    vec p = v_set(0.0734343304f), tail;

    p = v_fma(p, t, v_set(-0.33345854f));
    p = v_fma(p, t, v_set(0.463131055f));
    p = v_fma(p, t, v_set(-0.150884966f));
    p = v_fma(p, t, v_set(0.279319641f));
    p = v_fma(p, t, v_set(0.191589526f));
    p = v_fma(p, t, v_set(0.240075714f));
    p = v_fma(p, t, v_set(0.236793219f));
    tail = v_mul(v_mul(v_mul(p, t), e), v_set(0.5f)); /* Phi(-|x|) */
    return v_mul(x, v_where_less(x, v_set(0), tail, v_sub(v_set(1), tail)));
}
