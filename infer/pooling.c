#include "infer/pooling.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define RANK 4

const char *pooling_name(enum pooling pooling)
{
    static const char *const names[] = { [POOLING_MEAN] = "mean", [POOLING_FIRST] = "cls", [POOLING_LAST] = "last" };

    return names[pooling];
}

int pooling_read(const struct gguf *g, const char *arch, enum pooling *out, struct err *err)
{
    uint64_t type = POOLING_MEAN;
    char key[80];

    snprintf(key, sizeof key, "%.60s.pooling_type", arch);
    if (gguf_get_uint(g, key, &type, err) < 0)
        return -1;
    if (type == 0)
        return fail(err, CORAX_E_UNAVAIL, "%s is 0, none: the model was made for a vector of each token, not of a text", key);
    if (type == RANK)
        return fail(err, CORAX_E_UNAVAIL, "%s is 4, rank: the model judges a text by another and gives no vectors", key);
    if (type > RANK)
        return fail(err, CORAX_E_ARGS, "%s is %" PRIu64 ", known are 0 (none), 1 (mean), 2 (cls), 3 (last) and 4 (rank)", key, type);
    *out = (enum pooling)type;
    return 0;
}

size_t pooling_wants(enum pooling pooling, size_t first, size_t n, size_t n_all)
{
    switch (pooling) {
    case POOLING_MEAN:
        return n;
    case POOLING_FIRST:
        return first == 0 ? n : 0;
    case POOLING_LAST:
        return first + n == n_all ? 1 : 0;
    }
    return 0;
}

void pooling_add(enum pooling pooling, double *sum, const float *hidden, size_t n_embd, size_t n)
{
    const size_t n_taken = pooling == POOLING_MEAN ? n : n > 0;

    for (size_t t = 0; t < n_taken; t++)
        for (size_t i = 0; i < n_embd; i++)
            sum[i] += (double)hidden[t * n_embd + i];
}

void pooling_add_whole(enum pooling pooling, double *sum, const float *hidden, size_t n_embd, size_t n)
{
    const size_t wanted = pooling_wants(pooling, 0, n, n);

    pooling_add(pooling, sum, hidden + (n - wanted) * n_embd, n_embd, wanted);
}

int pooling_end(const double *sum, size_t n_embd, float *out, struct err *err)
{
    double square = 0;

    for (size_t i = 0; i < n_embd; i++)
        square += sum[i] * sum[i];
    if (!(square > 0) || !isfinite(square))
        return fail(err, CORAX_E_INTERNAL, "the model's hidden states are %s", square == 0 ? "all zero" : "no numbers");
    for (size_t i = 0; i < n_embd; i++)
        out[i] = (float)(sum[i] / sqrt(square));
    return 0;
}
