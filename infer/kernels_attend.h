/*
 * infer/kernels_attend.h - attention over one page, for a vector type that the file which includes it gives:
 *
 *     LANES, vec                          8 or 16 floats
 *     MOST_ROWS, VECTORS_OF_4             queries that go together at most, 4 or 8; vectors that go with 4 of them
 *     INLINE, UNROLL                      a function in the instruction set at hand; a loop that is unrolled whole
 *     v_load(p), v_store(p, v), v_set(x)
 *     v_half(p), v_int8(p)                LANES values in half precision, or int8, as floats
 *     v_half_all(x)                       one value in half precision in all lanes
 *     v_with_sign(size, of)               size >= 0 with the sign of `of`
 *     v_add, v_sub, v_mul, v_div, v_max, v_fma(a, b, c) = a b + c
 *     v_exp2(x)                           2^x for x <= 0, 0 from -150 down
 *     words, v_words(p)                   LANES pairs of BF16
 *     v_even(w), v_odd(w)                 the first of each pair, or the second, as floats
 *     v_sum(v), v_top(v)                  over the lanes, in an order that is always the same
 *     v_inside(v, at, first, end)         v where first <= at + lane < end, elsewhere -infinity
 *
 * and, with DOTS_BF16, where pairs are multiplied and added in one instruction, queries and weights rounded to BF16, too:
 *
 *     v_dot(acc, w, pair)                 acc + the products of the pairs of w with one pair
 *     v_pairs(even, odd, p)               ATTEND_SIDE pairs of floats as pairs of BF16
 *     v_round(v, p)                       LANES floats as BF16, and what they became
 *
 * Queries go R = 1, 2, 4 or 8 at a time against N vectors, so that each key and each value that was read meets R of them in
 * registers.  What a row comes to does not depend on R: its scores are sums over the dimensions in their order, its values
 * sums over the positions in theirs, and a position that it does not see adds 0.
 */
#define LANES_PER_PANEL (STATE_PANEL / LANES)
#define FEW_ROWS        16 /* with no more, pages are waited for: they are prefetched */

/* Vector i of a run of keys or values; scale is used in Q8_0 alone. */
INLINE vec cached(const enum quant_type type, const void *run, size_t i, vec scale)
{
    if (type == QUANT_F16)
        return v_half((const uint16_t *)run + i);
    if (type == QUANT_Q8_0)
        return v_mul(v_int8((const int8_t *)run + i), scale);
    return v_load((const float *)run + i);
}

/* Of R queries with LANES * N positions from vector `at` of the page on; q [width][ATTEND_SIDE]. */
INLINE void score_tile(const enum quant_type type, const int R, const int N, const struct attend_block *b, size_t at, const float *q,
                       float *scores)
{
    const uint16_t *scales = (const uint16_t *)((const int8_t *)b->k + STATE_BLOCK * b->width);
    size_t start[4];
    vec sums[8][4], scale[4];

    UNROLL
    for (int n = 0; n < N; n++) {
        start[n] = (at + (size_t)n) / LANES_PER_PANEL * STATE_PANEL * b->width + (at + (size_t)n) % LANES_PER_PANEL * LANES;
        scale[n] = v_set(0);
        UNROLL
        for (int r = 0; r < R; r++)
            sums[r][n] = v_set(0);
    }
    for (size_t step = 0; step < b->width; step += STATE_STEP) {
        if (type == QUANT_Q8_0) {
            UNROLL
            for (int n = 0; n < N; n++)
                scale[n] = v_half(scales + (start[n] / STATE_PANEL / b->width * (b->width / STATE_STEP) + step / STATE_STEP) * STATE_PANEL +
                                  start[n] % STATE_PANEL);
        }
        for (size_t i = step; i < step + STATE_STEP; i++) {
            vec key[4];

            UNROLL
            for (int n = 0; n < N; n++)
                key[n] = cached(type, b->k, start[n] + i * STATE_PANEL, scale[n]);
            UNROLL
            for (int r = 0; r < R; r++) {
                const vec query = v_set(q[i * ATTEND_SIDE + (size_t)r]);

                UNROLL
                for (int n = 0; n < N; n++)
                    sums[r][n] = v_fma(query, key[n], sums[r][n]);
            }
        }
    }
    UNROLL
    for (int r = 0; r < R; r++)
        UNROLL
        for (int n = 0; n < N; n++)
            v_store(scores + (size_t)r * STATE_BLOCK + (at + (size_t)n) * LANES, sums[r][n]);
}

/* The same for BF16; q as struct attend_block has it, or with DOTS_BF16 its pairs [width / 2][ATTEND_SIDE]. */
INLINE void score_tile_bf16(const int R, const int N, const struct attend_block *b, size_t at, const void *q, float *scores)
{
    const char *values = (const char *)b->v + at * LANES * b->width * sizeof(uint16_t);
    const uint32_t *keys = b->k;
    size_t start[4];
    vec sums[8][4];

    UNROLL
    for (int n = 0; n < N; n++) {
        start[n] = (at + (size_t)n) / LANES_PER_PANEL * STATE_PANEL * (b->width / 2) + (at + (size_t)n) % LANES_PER_PANEL * LANES;
        UNROLL
        for (int r = 0; r < R; r++)
            sums[r][n] = v_set(0);
    }
    for (size_t i = 0; i < b->width / 2; i++) {
        words key[4];

        if (b->n_rows <= FEW_ROWS) {
            UNROLL
            for (int n = 0; n < N; n++)
                __builtin_prefetch(values + (i * (size_t)N + (size_t)n) * LANES * 2 * sizeof(uint16_t));
        }
        UNROLL
        for (int n = 0; n < N; n++)
            key[n] = v_words(keys + start[n] + i * STATE_PANEL);
        UNROLL
        for (int r = 0; r < R; r++) {
#ifdef DOTS_BF16
            const uint32_t query = ((const uint32_t *)q)[i * ATTEND_SIDE + (size_t)r];

            UNROLL
            for (int n = 0; n < N; n++)
                sums[r][n] = v_dot(sums[r][n], key[n], query);
#else
            const float *query = (const float *)q + 2 * i * ATTEND_SIDE + (size_t)r;
            const vec even = v_set(query[0]), odd = v_set(query[ATTEND_SIDE]);

            UNROLL
            for (int n = 0; n < N; n++)
                sums[r][n] = v_fma(odd, v_odd(key[n]), v_fma(even, v_even(key[n]), sums[r][n]));
#endif
        }
    }
    UNROLL
    for (int r = 0; r < R; r++)
        UNROLL
        for (int n = 0; n < N; n++)
            v_store(scores + (size_t)r * STATE_BLOCK + (at + (size_t)n) * LANES, sums[r][n]);
}

/* out of R rows: LANES * N dimensions from `from` on of the values at positions first ... end - 1, by their weights. */
INLINE void value_tile(const enum quant_type type, const int R, const int N, const struct attend_block *b, size_t first, size_t end,
                       const float *weights, size_t from, float *out)
{
    const uint16_t *scales = (const uint16_t *)((const int8_t *)b->v + STATE_BLOCK * b->width);
    vec sums[8][4];

    UNROLL
    for (int r = 0; r < R; r++)
        UNROLL
        for (int n = 0; n < N; n++)
            sums[r][n] = v_set(0);
    for (size_t p = first; p < end; p++) {
        vec value[4];

        UNROLL
        for (int n = 0; n < N; n++) {
            const size_t i = from + (size_t)n * LANES;
            const vec scale = type == QUANT_Q8_0 ? v_half_all(scales[p * (b->width / STATE_STEP) + i / STATE_STEP]) : v_set(0);

            value[n] = cached(type, b->v, p * b->width + i, scale);
        }
        UNROLL
        for (int r = 0; r < R; r++) {
            const vec weight = v_set(weights[(size_t)r * STATE_BLOCK + p]);

            UNROLL
            for (int n = 0; n < N; n++)
                sums[r][n] = v_fma(weight, value[n], sums[r][n]);
        }
    }
    UNROLL
    for (int r = 0; r < R; r++)
        UNROLL
        for (int n = 0; n < N; n++)
            v_store(out + (size_t)r * b->width + from + (size_t)n * LANES, sums[r][n]);
}

/* The same for BF16, in whole pairs of positions; with DOTS_BF16 weights are BF16, in rows of 2 * STATE_BLOCK of them. */
INLINE void value_tile_bf16(const int R, const int N, const struct attend_block *b, size_t first, size_t end, const float *weights, size_t from,
                            float *out)
{
    const uint32_t *values = (const uint32_t *)b->v + from;
    const char *next = b->n_rows <= FEW_ROWS ? b->next : NULL;
    vec sums[8][4];

    UNROLL
    for (int r = 0; r < R; r++)
        UNROLL
        for (int n = 0; n < N; n++)
            sums[r][n] = v_set(0);
    for (size_t p = first / 2; p < (end + 1) / 2; p++) {
        words value[4];

        if (next && from == 0)
            for (size_t i = 0; i < b->width * 2 * sizeof(uint16_t); i += 64)
                __builtin_prefetch(next + p * b->width * 2 * sizeof(uint16_t) + i);
        UNROLL
        for (int n = 0; n < N; n++)
            value[n] = v_words(values + p * b->width + (size_t)n * LANES);
        UNROLL
        for (int r = 0; r < R; r++) {
#ifdef DOTS_BF16
            const uint32_t weight = ((const uint32_t *)weights)[(size_t)r * STATE_BLOCK + p];

            UNROLL
            for (int n = 0; n < N; n++)
                sums[r][n] = v_dot(sums[r][n], value[n], weight);
#else
            const vec even = v_set(weights[(size_t)r * STATE_BLOCK + 2 * p]), odd = v_set(weights[(size_t)r * STATE_BLOCK + 2 * p + 1]);

            UNROLL
            for (int n = 0; n < N; n++)
                sums[r][n] = v_fma(odd, v_odd(value[n]), v_fma(even, v_even(value[n]), sums[r][n]));
#endif
        }
    }
    UNROLL
    for (int r = 0; r < R; r++)
        UNROLL
        for (int n = 0; n < N; n++)
            v_store(out + (size_t)r * b->width + from + (size_t)n * LANES, sums[r][n]);
}

/* softcap * tanh(x / softcap), by way of 2^-|x|: off by 1e-7 softcap at most. */
INLINE vec cap(vec x, float softcap)
{
    const vec size = v_mul(v_max(x, v_sub(v_set(0), x)), v_set(-2 * (float)M_LOG2E / softcap)), e = v_exp2(size);
    const vec tanh = v_div(v_sub(v_set(1), e), v_add(v_set(1), e));

    return v_with_sign(v_mul(tanh, v_set(softcap)), x);
}

/* Scores of vectors from ... to - 1 become weights; what a row does not see weighs 0. */
INLINE void weigh_row(const enum quant_type type, const struct attend_block *b, size_t r, size_t from, size_t to, float *scores)
{
    vec top = v_set(-INFINITY), sum = v_set(0);
    float max;

    for (size_t i = from; i < to; i++) {
        vec s = v_load(scores + i * LANES);

        if (b->softcap > 0)
            s = cap(s, b->softcap);
        s = v_inside(v_mul(s, v_set((float)M_LOG2E)), i * LANES, b->first[r], b->end[r]);
        v_store(scores + i * LANES, s);
        top = v_max(s, top);
    }
    max = v_top(top);
    for (size_t i = from; i < to; i++) {
        vec weight = b->first[r] < b->end[r] ? v_exp2(v_sub(v_load(scores + i * LANES), v_set(max))) : v_set(0);

#ifdef DOTS_BF16
        if (type == QUANT_BF16)
            weight = v_round(weight, (uint16_t *)scores + i * LANES);
        else
#endif
            v_store(scores + i * LANES, weight);
        sum = v_add(sum, weight);
    }
    b->to.max[r] = max;
    b->to.sum[r] = v_sum(sum);
}

/* q [width][ATTEND_SIDE] as the score of BF16 wants it; pairs: where that goes. */
INLINE const void *round_queries(const struct attend_block *b, const float *q, uint32_t *pairs)
{
#ifdef DOTS_BF16
    for (size_t i = 0; i < b->width / 2; i++)
        v_pairs(q + 2 * i * ATTEND_SIDE, q + (2 * i + 1) * ATTEND_SIDE, pairs + i * ATTEND_SIDE);
    return pairs;
#else
    (void)b, (void)pairs;
    return q;
#endif
}

/* Rows row ... row + R - 1, of which those past n_rows are of no interest. */
INLINE void attend_rows(const enum quant_type type, const int R, const int N, const struct attend_block *b, size_t row)
{
    const size_t rows_end = row + (size_t)R < b->n_rows ? row + (size_t)R : b->n_rows, n_vectors = b->width / LANES;
    const float *q = b->q + row / ATTEND_SIDE * ATTEND_SIDE * b->width + row % ATTEND_SIDE;
    float *scores = b->scores + row * STATE_BLOCK, *out = b->to.out + row * b->width;
    size_t first = STATE_BLOCK, end = 0, at, stop, i = 0;

    for (size_t r = row; r < rows_end; r++)
        if (b->first[r] < b->end[r]) {
            first = b->first[r] < first ? b->first[r] : first;
            end = b->end[r] > end ? b->end[r] : end;
        }
    at = first / LANES;
    stop = first < end ? (end + LANES - 1) / LANES : at;
    if (type == QUANT_BF16) {
        const void *pairs = round_queries(b, q, b->pairs + row / ATTEND_SIDE * ATTEND_SIDE * (b->width / 2) + row % ATTEND_SIDE);

        for (i = at; i + (size_t)N <= stop; i += (size_t)N)
            score_tile_bf16(R, N, b, i, pairs, scores);
        for (; i < stop; i++)
            score_tile_bf16(R, 1, b, i, pairs, scores);
    } else {
        for (i = at; i + (size_t)N <= stop; i += (size_t)N)
            score_tile(type, R, N, b, i, q, scores);
        for (; i < stop; i++)
            score_tile(type, R, 1, b, i, q, scores);
    }
    for (size_t r = row; r < rows_end; r++)
        weigh_row(type, b, r, at, stop, scores + (r - row) * STATE_BLOCK);
    if (type == QUANT_BF16) {
        for (i = 0; i + (size_t)N <= n_vectors; i += (size_t)N)
            value_tile_bf16(R, N, b, first, end, scores, i * LANES, out);
        for (; i < n_vectors; i += 2)
            value_tile_bf16(R, 2, b, first, end, scores, i * LANES, out);
    } else {
        for (i = 0; i + (size_t)N <= n_vectors; i += (size_t)N)
            value_tile(type, R, N, b, first, end, scores, i * LANES, out);
        for (; i < n_vectors; i += 2)
            value_tile(type, R, 2, b, first, end, scores, i * LANES, out);
    }
}

INLINE void attend_type(const enum quant_type type, const struct attend_block *b)
{
    for (size_t row = 0; row < b->n_rows; row += MOST_ROWS) {
        const size_t n = b->n_rows - row;

        if (n > 4 && MOST_ROWS == 8)
            attend_rows(type, MOST_ROWS, 2, b, row);
        else if (n > 2)
            attend_rows(type, 4, VECTORS_OF_4, b, row);
        else if (n > 1)
            attend_rows(type, 2, 4, b, row);
        else
            attend_rows(type, 1, 4, b, row);
    }
}

INLINE void attend_any(const struct attend_block *b)
{
    switch (b->type) {
    case QUANT_F16:
        attend_type(QUANT_F16, b);
        break;
    case QUANT_BF16:
        attend_type(QUANT_BF16, b);
        break;
    case QUANT_Q8_0:
        attend_type(QUANT_Q8_0, b);
        break;
    default:
        attend_type(QUANT_F32, b);
        break;
    }
}

INLINE void merge_rows(size_t n_rows, size_t width, struct attend_sums so_far, struct attend_sums more)
{
    for (size_t r = 0; r < n_rows; r++, so_far.out += width, more.out += width) {
        const float max = more.max[r] > so_far.max[r] ? more.max[r] : so_far.max[r];
        float old, new;

        if (more.sum[r] == 0)
            continue;
        old = so_far.sum[r] == 0 ? 0 : exp2f(so_far.max[r] - max);
        new = exp2f(more.max[r] - max);
        so_far.max[r] = max;
        so_far.sum[r] = so_far.sum[r] * old + more.sum[r] * new;
        for (size_t i = 0; i < width; i += LANES)
            v_store(so_far.out + i, v_fma(v_load(so_far.out + i), v_set(old), v_mul(v_load(more.out + i), v_set(new))));
    }
}
