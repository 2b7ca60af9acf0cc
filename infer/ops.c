#include "infer/ops.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MIN   16    /* a multiple of what a kernel takes at once, and of the rows of a panel */
#define ROWS_F32   4     /* that become f32 together: what a kernel takes at once, few enough for the cache */
#define CHUNK_WORK 16384 /* multiplications that are worth handing to another thread: about 1 us */

int ops_init(struct ops *o, const struct kernels *kernels, struct pool *pool, const struct shape *shape, size_t n_ctx,
             struct err *err)
{
    const size_t max_k = shape->max_k;

    memset(o, 0, sizeof *o);
    o->kernels = kernels;
    o->pool = pool;
    o->max_k = max_k;
    o->q = calloc(max_k, OPS_BATCH);
    o->d = calloc(max_k / QUANT_Q8_0_BLOCK + 1, OPS_BATCH * sizeof *o->d);
    o->rows = calloc(max_k, pool_n_threads(pool) * ROWS_F32 * sizeof *o->rows);
    o->input = kernels->mul_packed ? calloc(1, pack_input_bytes(OPS_BATCH, max_k + PACK_STEP)) : NULL;
    o->attend = attend_rooms_create(shape, pool_n_threads(pool), n_ctx);
    if (!o->q || !o->d || !o->attend || !o->rows || (kernels->mul_packed && !o->input)) {
        ops_finish(o);
        return fail(err, CORAX_E_LIMIT, "out of memory for activations");
    }
    return 0;
}

void ops_finish(struct ops *o)
{
    free(o->q);
    free(o->d);
    attend_rooms_destroy(o->attend);
    free(o->rows);
    free(o->input);
    memset(o, 0, sizeof *o);
}

/* --- products ----------------------------------------------------------------------------------------------------- */

struct multiply_job {
    struct ops *o;
    const struct product *products;
    size_t n_products, n, rows_per_chunk;
    const float *x;
    bool use_packed;
    struct pack_input input;
};

static bool is_packed(const struct multiply_job *j, const struct matrix *w)
{
    return j->use_packed && w->packed && *w->packed && w->first_row % PACK_ROWS == 0;
}

/* first is a multiple of PACK_ROWS. */
static void multiply_packed(const struct multiply_job *j, const struct matrix *w, size_t first, size_t n_rows, float *y)
{
    const size_t panel_bytes = pack_panel_bytes(w->type, w->k);
    const unsigned char *panel = *w->packed + (w->first_row + first) / PACK_ROWS * panel_bytes;

    for (size_t r = 0; r < n_rows; r += PACK_ROWS, panel += panel_bytes)
        j->o->kernels->mul_packed(w->type, panel, w->k, &j->input, j->n, n_rows - r < PACK_ROWS ? n_rows - r : PACK_ROWS, y + r,
                                  w->n_rows);
}

/*
 * Formats without a kernel of their own: rows become f32, which all columns then share.  What a column comes to does not
 * depend on the others, nor on which rows go together, since mul_f32 has it so.
 */
static void multiply_as_f32(const struct multiply_job *j, const struct matrix *w, const unsigned char *rows, size_t n_rows,
                            unsigned thread, float *y)
{
    float *values = j->o->rows + thread * ROWS_F32 * j->o->max_k;

    for (size_t r = 0; r < n_rows; r += ROWS_F32) {
        size_t n = n_rows - r < ROWS_F32 ? n_rows - r : ROWS_F32;

        for (size_t i = 0; i < n; i++)
            quant_dequantize(w->type, rows + (r + i) * w->row_bytes, w->k, values + i * w->k);
        j->o->kernels->mul_f32(values, w->k, n, j->x, j->n, y + r, w->n_rows);
    }
}

static void multiply_rows(const struct multiply_job *j, const struct product *p, size_t first, size_t n_rows,
                          unsigned thread)
{
    const struct kernels *kernels = j->o->kernels;
    const struct matrix *w = p->w;
    const unsigned char *rows = (const unsigned char *)w->data + first * w->row_bytes;

    switch (is_packed(j, w) ? QUANT_MAX_ID : w->type) {
    case QUANT_MAX_ID:
        multiply_packed(j, w, first, n_rows, p->y + first);
        break;
    case QUANT_F32:
        kernels->mul_f32(rows, w->k, n_rows, j->x, j->n, p->y + first, w->n_rows);
        break;
    case QUANT_F16:
        kernels->mul_f16(rows, w->k, n_rows, j->x, j->n, p->y + first, w->n_rows);
        break;
    case QUANT_BF16:
        kernels->mul_bf16(rows, w->k, n_rows, j->x, j->n, p->y + first, w->n_rows);
        break;
    case QUANT_Q8_0:
        kernels->mul_q8_0(rows, w->k, n_rows, j->o->q, j->o->d, j->n, p->y + first, w->n_rows);
        break;
    default:
        multiply_as_f32(j, w, rows, n_rows, thread, p->y + first);
        break;
    }
    if (w->scale == 1 && !w->bias)
        return;
    for (size_t c = 0; c < j->n; c++)
        for (size_t r = first; r < first + n_rows; r++)
            p->y[c * w->n_rows + r] = p->y[c * w->n_rows + r] * w->scale + (w->bias ? w->bias[r] : 0);
}

/* Chunk numbers run through the products in order, each cut into pieces of rows_per_chunk rows. */
static void multiply_chunk(void *arg, unsigned chunk, unsigned thread)
{
    const struct multiply_job *j = arg;
    size_t piece = chunk;

    for (size_t i = 0; i < j->n_products; i++) {
        size_t n_rows = j->products[i].w->n_rows, n_pieces = (n_rows + j->rows_per_chunk - 1) / j->rows_per_chunk;

        if (piece < n_pieces) {
            size_t first = piece * j->rows_per_chunk, rest = n_rows - first;

            multiply_rows(j, &j->products[i], first, rest < j->rows_per_chunk ? rest : j->rows_per_chunk, thread);
            return;
        }
        piece -= n_pieces;
    }
}

/* A chunk is a tile of columns; blocks of 32 never cross one, since k is a multiple of 32. */
static void round_chunk(void *arg, unsigned chunk, unsigned thread)
{
    const struct multiply_job *j = arg;
    const size_t k = j->products[0].w->k, first = chunk * PACK_COLS, end = first + PACK_COLS < j->n ? first + PACK_COLS : j->n;

    (void)thread;
    for (size_t c = first; c < end; c++) {
        int8_t *q = j->o->q + c * k;
        float *d = j->o->d + c * (k / PACK_STEP);

        j->o->kernels->quantize(j->x + c * k, k, q, d);
        if (j->input.q)
            pack_column(&j->input, c, k, q, d);
    }
}

/* What the matrices need of the activations, beside themselves. */
static void round_input(struct multiply_job *j)
{
    const size_t k = j->products[0].w->k;
    bool packed = false, rounded = false;

    for (size_t i = 0; i < j->n_products; i++) {
        packed |= is_packed(j, j->products[i].w);
        rounded |= j->products[i].w->type == QUANT_Q8_0;
    }
    if (packed)
        j->input = pack_input_at(j->o->input, j->n, k);
    if (packed || rounded)
        pool_run(j->o->pool, round_chunk, j, (unsigned)((j->n + PACK_COLS - 1) / PACK_COLS));
}

static void multiply(struct multiply_job job)
{
    struct ops *o = job.o;
    const struct product *products = job.products;
    const size_t n_products = job.n_products, n = job.n, k = products[0].w->k;
    size_t n_rows = 0, n_chunks = 0;

    for (size_t i = 0; i < n_products; i++)
        n_rows += products[i].w->n_rows;
    round_input(&job);

    /* About four chunks a thread, so that a thread that comes late or is taken away leaves little to wait for. */
    job.rows_per_chunk = n_rows / (4 * pool_n_threads(o->pool)) + 1;
    if (job.rows_per_chunk * k * n < CHUNK_WORK)
        job.rows_per_chunk = CHUNK_WORK / (k * n) + 1;
    job.rows_per_chunk = (job.rows_per_chunk + ROWS_MIN - 1) / ROWS_MIN * ROWS_MIN;
    for (size_t i = 0; i < n_products; i++)
        n_chunks += (products[i].w->n_rows + job.rows_per_chunk - 1) / job.rows_per_chunk;
    pool_run(o->pool, multiply_chunk, &job, (unsigned)n_chunks);
}

void ops_multiply(struct ops *o, const struct product *products, size_t n_products, const float *x, size_t n)
{
    multiply((struct multiply_job){ .o = o, .products = products, .n_products = n_products, .n = n, .x = x,
                                    .use_packed = o->kernels->mul_packed });
}

void ops_multiply_unpacked(struct ops *o, const struct product *products, size_t n_products, const float *x, size_t n)
{
    multiply((struct multiply_job){ .o = o, .products = products, .n_products = n_products, .n = n, .x = x });
}

void ops_row(const struct matrix *w, size_t row, float *out)
{
    quant_dequantize(w->type, (const unsigned char *)w->data + row * w->row_bytes, w->k, out);
    if (w->scale != 1)
        ops_scale(out, w->scale, w->k);
}

/* --- element by element ------------------------------------------------------------------------------------------- */

void ops_rms_norm(struct ops *o, const float *x, const float *weight, float eps, size_t n, size_t width, float *out)
{
    for (size_t i = 0; i < n; i++)
        o->kernels->rms_norm(x + i * width, weight, width, eps, out + i * width);
}

void ops_add(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] += y[i];
}

void ops_layer_norm(struct ops *o, const float *x, const float *weight, const float *bias, float eps, size_t n,
                    size_t width, float *out)
{
    (void)o;
    for (size_t i = 0; i < n; i++, x += width, out += width) {
        double sum = 0, squares = 0, mean;
        float scale;

        for (size_t j = 0; j < width; j++)
            sum += (double)x[j];
        mean = sum / (double)width;
        for (size_t j = 0; j < width; j++)
            squares += ((double)x[j] - mean) * ((double)x[j] - mean);
        scale = (float)(1 / sqrt(squares / (double)width + (double)eps));
        for (size_t j = 0; j < width; j++)
            out[j] = (x[j] - (float)mean) * scale * weight[j] + (bias ? bias[j] : 0);
    }
}

void ops_scale(float *x, float factor, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= factor;
}

void ops_softcap(float *x, float cap, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = cap * tanhf(x[i] / cap);
}

static float activation(enum ops_activation kind, float x)
{
    switch (kind) {
    case OPS_SILU:
        return x / (1 + expf(-x));
    case OPS_GELU_ERF:
        return 0.5f * x * (1 + erff(x * (float)M_SQRT1_2));
    case OPS_GELU_TANH:
        return 0.5f * x * (1 + tanhf(0.5f * (float)(M_2_SQRTPI * M_SQRT2) * (x + 0.044715f * x * x * x)));
    case OPS_RELU_SQUARED:
        return x > 0 ? x * x : 0;
    }
    return x;
}

void ops_activate(struct ops *o, enum ops_activation kind, float *x, const float *up, size_t n, size_t width)
{
    if (kind == OPS_SILU) {
        for (size_t i = 0; i < n; i++)
            o->kernels->silu_mul(x + i * width, up ? up + i * width : NULL, width);
        return;
    }
    for (size_t i = 0; i < n * width; i++)
        x[i] = activation(kind, x[i]) * (up ? up[i] : 1);
}

void ops_round_to_int8(float *x, size_t n, size_t width)
{
    for (size_t i = 0; i < n; i++, x += width) {
        float top = 1e-5f; /* the least that training divided by */

        for (size_t j = 0; j < width; j++)
            top = fabsf(x[j]) > top ? fabsf(x[j]) : top;
        for (size_t j = 0; j < width; j++)
            x[j] = rintf(x[j] * (127 / top)) * (top / 127);
    }
}

/* --- probabilities ------------------------------------------------------------------------------------------------ */

void ops_log_softmax(float *logits, size_t n)
{
    double max = -INFINITY, sum = 0;

    for (size_t i = 0; i < n; i++)
        max = (double)logits[i] > max ? (double)logits[i] : max;
    for (size_t i = 0; i < n; i++)
        sum += exp((double)logits[i] - max);
    for (size_t i = 0; i < n; i++)
        logits[i] = (float)((double)logits[i] - max - log(sum));
}
