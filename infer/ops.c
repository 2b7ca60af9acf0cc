#include "infer/ops.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "infer/aligned.h"

#define ROWS_F32   8     /* that become f32 together: what a kernel takes at once, few enough for the cache */
#define SMALL_WORK 4     /* what a value costs in a norm or a function, in multiplications of a product */

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
    o->input = kernels->mul_packed ? aligned_zeros(1, pack_input_bytes(OPS_BATCH, max_k + PACK_STEP)) : NULL;
    o->halves = kernels->mul_bf16_rounded ? calloc(max_k, OPS_BATCH * sizeof *o->halves) : NULL;
    o->attend = attend_rooms_create(shape, pool_n_threads(pool), n_ctx);
    if (!o->q || !o->d || !o->attend || !o->rows || (kernels->mul_packed && !o->input) || (kernels->mul_bf16_rounded && !o->halves)) {
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
    free(o->halves);
    memset(o, 0, sizeof *o);
}

/* --- sharing out -------------------------------------------------------------------------------------------------- */

struct range_job {
    ops_range_fn *fn;
    void *arg;
    size_t n, per_chunk;
};

static void range_chunk(void *arg, unsigned chunk, unsigned thread)
{
    const struct range_job *j = arg;
    const size_t first = chunk * j->per_chunk, rest = j->n - first;

    (void)thread;
    j->fn(j->arg, first, first + (rest < j->per_chunk ? rest : j->per_chunk));
}

void ops_share(struct ops *o, size_t n, size_t work, ops_range_fn *fn, void *arg)
{
    struct range_job job = { fn, arg, n, n / (4 * pool_n_threads(o->pool)) + 1 };

    if (job.per_chunk * work < OPS_CHUNK_WORK)
        job.per_chunk = OPS_CHUNK_WORK / (work + 1) + 1;
    pool_run(o->pool, range_chunk, &job, (unsigned)((n + job.per_chunk - 1) / job.per_chunk));
}

/* --- products ----------------------------------------------------------------------------------------------------- */

/* An x that products share, and what becomes of it. */
struct input {
    const float *x;
    size_t k;
    int8_t *q; /* rounded; NULL: nobody wants it */
    float *d;
    bool whole_columns;       /* rounded with one scale for a column */
    uint16_t *halves;         /* rounded to BF16; NULL: nobody wants it */
    struct pack_input packed; /* q NULL: nobody wants it */
};

struct multiply_job {
    struct ops *o;
    const struct product *products;
    size_t n_products, n, chunk_work;
    const float *x;
    bool use_packed;
    struct input inputs[OPS_INPUTS];
    size_t n_inputs;
    size_t rounded[OPS_INPUTS], n_rounded; /* which of them */
};

static bool is_packed(const struct multiply_job *j, const struct matrix *w)
{
    return j->use_packed && w->packed && *w->packed && w->first_row % PACK_ROWS == 0;
}

static const struct input *input_of(const struct multiply_job *j, const struct product *p)
{
    const struct input *in = j->inputs;

    while (in->x != (p->x ? p->x : j->x))
        in++;
    return in;
}

/* first is a multiple of PACK_ROWS. */
static void multiply_packed(const struct multiply_job *j, const struct matrix *w, const struct input *in, size_t first,
                            size_t n_rows, float *y)
{
    const size_t panel_bytes = pack_panel_bytes(w->type, w->k);
    const unsigned char *panel = *w->packed + (w->first_row + first) / PACK_ROWS * panel_bytes;

    if (j->n >= PACK_MANY && j->o->kernels->mul_panels) {
        j->o->kernels->mul_panels(w->type, panel, w->k, &in->packed, j->n, n_rows, y, w->n_rows);
        return;
    }
    for (size_t r = 0; r < n_rows; r += PACK_ROWS, panel += panel_bytes) {
        const size_t n = n_rows - r < PACK_ROWS ? n_rows - r : PACK_ROWS;

        j->o->kernels->mul_packed(w->type, panel, w->k, &in->packed, j->n, n, y + r, w->n_rows);
    }
}

/*
 * Formats without a kernel of their own: rows become f32, which all columns then share.  What a column comes to does
 * not depend on the others, nor on which rows go together, since mul_f32 has it so.
 */
static void multiply_as_f32(const struct multiply_job *j, const struct matrix *w, const struct input *in,
                            const unsigned char *rows, size_t n_rows, unsigned thread, float *y)
{
    float *values = j->o->rows + thread * ROWS_F32 * j->o->max_k;

    for (size_t r = 0; r < n_rows; r += ROWS_F32) {
        size_t n = n_rows - r < ROWS_F32 ? n_rows - r : ROWS_F32;

        for (size_t i = 0; i < n; i++)
            quant_dequantize(w->type, rows + (r + i) * w->row_bytes, w->k, values + i * w->k);
        j->o->kernels->mul_f32(values, w->k, n, in->x, j->n, y + r, w->n_rows);
    }
}

static void multiply_rows(const struct multiply_job *j, const struct product *p, size_t first, size_t n_rows,
                          unsigned thread)
{
    const struct kernels *kernels = j->o->kernels;
    const struct matrix *w = p->w;
    const struct input *in = input_of(j, p);
    const unsigned char *rows = (const unsigned char *)w->data + first * w->row_bytes;

    switch (is_packed(j, w) ? QUANT_MAX_ID : w->type) {
    case QUANT_MAX_ID:
        multiply_packed(j, w, in, first, n_rows, p->y + first);
        break;
    case QUANT_F32:
        kernels->mul_f32(rows, w->k, n_rows, in->x, j->n, p->y + first, w->n_rows);
        break;
    case QUANT_F16:
        kernels->mul_f16(rows, w->k, n_rows, in->x, j->n, p->y + first, w->n_rows);
        break;
    case QUANT_BF16:
        if (in->halves)
            kernels->mul_bf16_rounded(rows, w->k, n_rows, in->halves, j->n, p->y + first, w->n_rows);
        else
            kernels->mul_bf16(rows, w->k, n_rows, in->x, j->n, p->y + first, w->n_rows);
        break;
    case QUANT_Q8_0:
        kernels->mul_q8_0(rows, w->k, n_rows, in->q, in->d, j->n, p->y + first, w->n_rows);
        break;
    default:
        multiply_as_f32(j, w, in, rows, n_rows, thread, p->y + first);
        break;
    }
    if (w->scale == 1 && !w->bias)
        return;
    for (size_t c = 0; c < j->n; c++)
        for (size_t r = first; r < first + n_rows; r++)
            p->y[c * w->n_rows + r] = p->y[c * w->n_rows + r] * w->scale + (w->bias ? w->bias[r] : 0);
}

/* Of one product that a chunk takes. */
static size_t rows_per_chunk(const struct multiply_job *j, const struct matrix *w)
{
    size_t n = j->chunk_work / w->k + 1;

    if (n * w->k * j->n < OPS_CHUNK_WORK)
        n = OPS_CHUNK_WORK / (w->k * j->n) + 1;
    return (n + OPS_ROWS - 1) / OPS_ROWS * OPS_ROWS;
}

static size_t n_pieces(const struct multiply_job *j, const struct matrix *w)
{
    const size_t n = rows_per_chunk(j, w);

    return (w->n_rows + n - 1) / n;
}

/* Chunk numbers run through the products in order, each cut into pieces of rows. */
static void multiply_chunk(void *arg, unsigned chunk, unsigned thread)
{
    const struct multiply_job *j = arg;
    const struct product *p = j->products;
    size_t first, n;

    for (; chunk >= n_pieces(j, p->w); p++)
        chunk -= (unsigned)n_pieces(j, p->w);
    n = rows_per_chunk(j, p->w);
    first = chunk * n;
    n = p->w->n_rows - first < n ? p->w->n_rows - first : n;
    multiply_rows(j, p, first, n, thread);
    if (p->then)
        p->then(p->arg, first, n);
}

/* A chunk is a tile of columns of one input; blocks of 32 never cross one, since k is a multiple of 32. */
static void round_chunk(void *arg, unsigned chunk, unsigned thread)
{
    const struct multiply_job *j = arg;
    const struct input *in = &j->inputs[j->rounded[chunk % j->n_rounded]];
    const size_t k = in->k, first = chunk / j->n_rounded * PACK_COLS;
    const size_t end = first + PACK_COLS < j->n ? first + PACK_COLS : j->n;

    (void)thread;
    for (size_t c = first; c < end && in->halves; c++)
        j->o->kernels->to_bf16(in->x + c * k, k, in->halves + c * k);
    for (size_t c = first; c < end && in->q; c++) {
        int8_t *q = in->q + c * k;
        float *d = in->d + c * (k / PACK_STEP);

        (in->whole_columns ? j->o->kernels->quantize_row : j->o->kernels->quantize)(in->x + c * k, k, q, d);
        if (in->packed.q)
            pack_column(&in->packed, c, k, q, d);
    }
    if (in->packed.q)
        pack_pad(&in->packed, end, k);
}

/* The input of a product, once. */
static struct input *add_input(struct multiply_job *j, const struct product *p)
{
    const float *x = p->x ? p->x : j->x;
    struct input *in = j->inputs;

    for (; in < j->inputs + j->n_inputs; in++)
        if (in->x == x)
            return in;
    assert(j->n_inputs < OPS_INPUTS);
    j->n_inputs++;
    *in = (struct input){ .x = x, .k = p->w->k };
    return in;
}

/* Behind what the inputs before this one take of the room for packed ones. */
static void *room_behind(const struct multiply_job *j, const struct input *in)
{
    const size_t values_before = (size_t)(in->q - j->o->q) / j->n;

    return (char *)j->o->input + pack_input_bytes(j->n, values_before);
}

static void note_rounded(struct multiply_job *j, const struct input *in)
{
    if (!in->q && !in->halves)
        j->rounded[j->n_rounded++] = (size_t)(in - j->inputs);
}

/* What the matrices need of the activations, beside themselves; used: of the room for them, in values a column. */
static void round_inputs(struct multiply_job *j)
{
    size_t used = 0, used_halves = 0;

    for (size_t i = 0; i < j->n_products; i++) {
        const struct matrix *w = j->products[i].w;
        struct input *in = add_input(j, &j->products[i]);
        const bool packed = is_packed(j, w);

        in->whole_columns |= packed && pack_rounds_columns(w->type);
        if (!in->q && (packed || w->type == QUANT_Q8_0)) {
            assert(used + in->k <= j->o->max_k);
            note_rounded(j, in);
            in->q = j->o->q + used * j->n;
            in->d = j->o->d + used / PACK_STEP * j->n;
            used += in->k;
        }
        if (!in->halves && w->type == QUANT_BF16 && j->use_packed && j->o->kernels->mul_bf16_rounded) {
            assert(used_halves + in->k <= j->o->max_k);
            note_rounded(j, in);
            in->halves = j->o->halves + used_halves * j->n;
            used_halves += in->k;
        }
        if (!in->packed.q && packed)
            in->packed = pack_input_at(room_behind(j, in), j->n, in->k);
    }
    if (j->n_rounded > 0)
        pool_run(j->o->pool, round_chunk, j, (unsigned)((j->n + PACK_COLS - 1) / PACK_COLS * j->n_rounded));
}

static void multiply(struct multiply_job job)
{
    size_t work = 0, n_chunks = 0;

    round_inputs(&job);
    /* About four chunks a thread, so that a thread that comes late or is taken away leaves little to wait for. */
    for (size_t i = 0; i < job.n_products; i++)
        work += job.products[i].w->n_rows * job.products[i].w->k;
    job.chunk_work = work / (4 * pool_n_threads(job.o->pool));
    for (size_t i = 0; i < job.n_products; i++)
        n_chunks += n_pieces(&job, job.products[i].w);
    pool_run(job.o->pool, multiply_chunk, &job, (unsigned)n_chunks);
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

void ops_after(void *arg, size_t first, size_t n_rows)
{
    const struct ops_after *a = arg;

    for (size_t i = first; i < a->n * a->width; i += a->width) {
        if (a->map)
            a->map(a->y + i, n_rows);
        if (a->gate)
            a->gate(a->y + i, NULL, n_rows);
        if (a->sum)
            ops_add(a->sum + i, a->y + i, n_rows);
    }
}

void ops_row(const struct matrix *w, size_t row, float *out)
{
    quant_dequantize(w->type, (const unsigned char *)w->data + row * w->row_bytes, w->k, out);
    if (w->scale != 1)
        ops_scale(out, w->scale, w->k);
}

/* --- element by element ------------------------------------------------------------------------------------------- */

struct norm_job {
    const struct kernels *kernels;
    const float *x, *weight, *bias;
    float eps, *out;
    size_t width;
};

static void rms_norm_rows(void *arg, size_t first, size_t end)
{
    const struct norm_job *j = arg;

    for (size_t i = first * j->width; i < end * j->width; i += j->width)
        j->kernels->rms_norm(j->x + i, j->weight, j->width, j->eps, j->out + i);
}

void ops_rms_norm(struct ops *o, const float *x, const float *weight, float eps, size_t n, size_t width, float *out)
{
    struct norm_job job = { o->kernels, x, weight, NULL, eps, out, width };

    ops_share(o, n, width * SMALL_WORK, rms_norm_rows, &job);
}

static void layer_norm_rows(void *arg, size_t first, size_t end)
{
    const struct norm_job *j = arg;

    for (size_t i = first * j->width; i < end * j->width; i += j->width)
        j->kernels->functions->layer_norm(j->x + i, j->weight, j->bias, j->width, j->eps, j->out + i);
}

void ops_layer_norm(struct ops *o, const float *x, const float *weight, const float *bias, float eps, size_t n,
                    size_t width, float *out)
{
    struct norm_job job = { o->kernels, x, weight, bias, eps, out, width };

    ops_share(o, n, width * SMALL_WORK, layer_norm_rows, &job);
}

void ops_add(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] += y[i];
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

struct activate_job {
    gate_function *fn;
    float *x;
    const float *up;
    size_t n;
};

/* In units of 64 values: whole vectors. */
static void activate_values(void *arg, size_t first, size_t end)
{
    const struct activate_job *j = arg;
    const size_t from = first * 64, to = end * 64 < j->n ? end * 64 : j->n;

    j->fn(j->x + from, j->up ? j->up + from : NULL, to - from);
}

void ops_activate(struct ops *o, enum ops_activation kind, float *x, const float *up, size_t n, size_t width)
{
    const struct functions *f = o->kernels->functions;
    gate_function *const functions[] = {
        [OPS_SILU] = f->silu,
        [OPS_GELU_ERF] = f->gelu_erf,
        [OPS_GELU_TANH] = f->gelu_tanh,
        [OPS_RELU_SQUARED] = f->relu_squared,
    };
    struct activate_job job = { functions[kind], x, up, n * width };

    ops_share(o, (n * width + 63) / 64, 64 * SMALL_WORK, activate_values, &job);
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
