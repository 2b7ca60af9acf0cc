#include "infer/ops_attend.h"

#include <stdlib.h>
#include <string.h>

#include "infer/ops.h"

#define PART_ROWS  16    /* rows of a unit whose pages are shared out to threads, at most */
#define PART_UNITS 2     /* such units a thread, at most; with more each thread has its own */

/* Of one thread. */
struct room {
    float *q, *scores; /* as struct attend_block has them */
    uint32_t *pairs;
    uint16_t first[ATTEND_ROWS], end[ATTEND_ROWS];
    struct attend_sums page, so_far;
};

struct attend_rooms {
    size_t width, n_pages; /* n_pages: of the longest sequence */
    unsigned n_threads;
    float *memory, *parts; /* parts [PART_UNITS * n_threads][n_pages], each max and sum [PART_ROWS], out [PART_ROWS][width] */
    struct room rooms[];
};

static size_t room_size(size_t width)
{
    return ATTEND_ROWS * (STATE_BLOCK + 3 * width + width / 2 + 4);
}

static float *place_sums(struct attend_sums *sums, float *at, size_t n_rows, size_t width)
{
    *sums = (struct attend_sums){ at, at + n_rows, at + 2 * n_rows };
    return at + n_rows * (width + 2);
}

struct attend_rooms *attend_rooms_create(const struct shape *shape, unsigned n_threads, size_t n_ctx)
{
    const size_t width = (shape->head_dim + STATE_STEP - 1) / STATE_STEP * STATE_STEP;
    struct attend_rooms *a = calloc(1, sizeof *a + n_threads * sizeof a->rooms[0]);
    float *at;

    if (!a)
        return NULL;
    a->width = width;
    a->n_threads = n_threads;
    a->n_pages = (n_ctx + STATE_BLOCK - 1) / STATE_BLOCK;
    a->memory = calloc(n_threads, room_size(width) * sizeof *a->memory);
    a->parts = calloc(PART_UNITS * n_threads * a->n_pages, PART_ROWS * (width + 2) * sizeof *a->parts);
    if (!a->memory || !a->parts) {
        attend_rooms_destroy(a);
        return NULL;
    }
    at = a->memory;
    for (unsigned i = 0; i < n_threads; i++) {
        struct room *r = &a->rooms[i];

        r->q = at;
        r->scores = r->q + ATTEND_ROWS * width;
        r->pairs = (uint32_t *)(r->scores + ATTEND_ROWS * STATE_BLOCK);
        at = place_sums(&r->page, (float *)(r->pairs + ATTEND_ROWS * width / 2), ATTEND_ROWS, width);
        at = place_sums(&r->so_far, at, ATTEND_ROWS, width);
    }
    return a;
}

void attend_rooms_destroy(struct attend_rooms *a)
{
    if (!a)
        return;
    free(a->memory);
    free(a->parts);
    free(a);
}

/* --- what is remembered ------------------------------------------------------------------------------------------- */

/* Keys and values of one head in one page. */
static unsigned char *side_of(const struct kv_layout *l, const struct state *s, size_t layer, size_t head, size_t pos)
{
    return s->table[pos / STATE_BLOCK]->data + kv_offset(l, layer, head);
}

/* A row of head_dim values in the type of the cache: values to `out`, in Q8_0 one scale for each step to `scales`. */
static void convert(const struct ops *o, const struct kv_layout *l, const float *x, void *out, uint16_t *scales)
{
    float padded[STATE_STEP], d;
    int8_t *q = out;

    if (l->type == QUANT_F16) {
        o->kernels->to_half(x, l->head_dim, out);
        return;
    }
    if (l->type == QUANT_BF16) {
        o->kernels->to_bf16(x, l->head_dim, out);
        return;
    }
    for (size_t i = 0; i < l->head_dim; i += STATE_STEP, q += STATE_STEP) {
        const size_t n = l->head_dim - i < STATE_STEP ? l->head_dim - i : STATE_STEP;

        memset(padded, 0, sizeof padded);
        memcpy(padded, x + i, n * sizeof *x);
        o->kernels->quantize(padded, STATE_STEP, q, &d);
        o->kernels->to_half(&d, 1, scales++);
    }
}

static void store_key(const struct kv_layout *l, unsigned char *keys, size_t p, const void *row, const uint16_t *scales)
{
    const size_t panel = p / STATE_PANEL, lane = p % STATE_PANEL, steps = l->width / STATE_STEP;
    const size_t at = panel * l->width * STATE_PANEL + lane;

    if (l->type == QUANT_F32) {
        for (size_t i = 0; i < l->head_dim; i++)
            ((float *)keys)[at + i * STATE_PANEL] = ((const float *)row)[i];
    } else if (l->type == QUANT_F16) {
        for (size_t i = 0; i < l->head_dim; i++)
            ((uint16_t *)keys)[at + i * STATE_PANEL] = ((const uint16_t *)row)[i];
    } else if (l->type == QUANT_BF16) {
        for (size_t i = 0; i < l->head_dim; i++)
            ((uint16_t *)keys)[at + i / 2 * 2 * STATE_PANEL + lane + i % 2] = ((const uint16_t *)row)[i];
    } else {
        uint16_t *to = (uint16_t *)(keys + STATE_BLOCK * l->width) + panel * steps * STATE_PANEL + lane;

        for (size_t i = 0; i < l->width; i++)
            ((int8_t *)keys)[at + i * STATE_PANEL] = ((const int8_t *)row)[i];
        for (size_t i = 0; i < steps; i++)
            to[i * STATE_PANEL] = scales[i];
    }
}

/* Of a pair the second is to come, and is 0 until then: its weight will be, and 0 times what was there may not be 0. */
static void store_pairs(const struct kv_layout *l, uint16_t *pairs, size_t p, const uint16_t *row)
{
    pairs += p / 2 * 2 * l->width;
    for (size_t i = 0; i < l->head_dim; i++)
        if (p % 2)
            pairs[2 * i + 1] = row[i];
        else
            memcpy(pairs + 2 * i, (const uint16_t[]){ row[i], 0 }, 2 * sizeof *row);
}

static void store_value(const struct kv_layout *l, unsigned char *values, size_t p, const void *row, const uint16_t *scales)
{
    const size_t size = l->type == QUANT_F32 ? sizeof(float) : l->type == QUANT_F16 ? sizeof(uint16_t) : 1, steps = l->width / STATE_STEP;

    if (l->type == QUANT_BF16) {
        store_pairs(l, (uint16_t *)values, p, row);
        return;
    }
    memcpy(values + p * l->width * size, row, (l->type == QUANT_Q8_0 ? l->width : l->head_dim) * size);
    if (l->type == QUANT_Q8_0)
        memcpy(values + STATE_BLOCK * l->width + p * steps * sizeof *scales, scales, steps * sizeof *scales);
}

void ops_store(struct ops *o, const struct batch *b, size_t layer, const float *k, const float *v)
{
    const struct kv_layout *l = pages_layout(b->spans[0].state->pages);
    const size_t steps = l->width / STATE_STEP;
    struct room *room = &o->attend->rooms[0];
    uint16_t *scales = (uint16_t *)room->q + 2 * l->width; /* behind the longest row */

    for (const struct span *s = b->spans; s < b->spans + b->n_spans; s++)
        for (size_t i = 0; i < s->n * l->n_kv_head; i++, k += l->head_dim, v += l->head_dim) {
            const size_t pos = s->pos + i / l->n_kv_head;
            unsigned char *keys = side_of(l, s->state, layer, i % l->n_kv_head, pos);
            const float *const x[2] = { k, v };

            for (size_t j = 0; j < 2; j++) {
                const void *row = x[j];

                if (l->type != QUANT_F32) {
                    row = room->q;
                    memset(scales, 0, steps * sizeof *scales);
                    convert(o, l, x[j], room->q, scales);
                }
                if (j == 0)
                    store_key(l, keys, pos % STATE_BLOCK, row, scales);
                else
                    store_value(l, keys + l->side_bytes, pos % STATE_BLOCK, row, scales);
            }
        }
}

/* --- what is seen of it ------------------------------------------------------------------------------------------- */

struct attend_job {
    struct ops *o;
    const struct attention *a;
    const struct batch *batch;
    const struct kv_layout *layout;
    size_t layer, group, n_units, per_chunk, n_pages;
    const float *q;
    float *out;
};

/* What goes together: rows row ... row + n_rows - 1 of one sequence and key head; row t * group + g is query g of token t. */
struct unit {
    const struct span *span;
    size_t head, row, n_rows;
    size_t token; /* the span's first one in the batch */
};

static size_t units_of(const struct attend_job *j, const struct span *s)
{
    return (s->n * j->group + ATTEND_ROWS - 1) / ATTEND_ROWS * j->a->n_kv_head;
}

static struct unit unit_at(const struct attend_job *j, size_t number)
{
    const struct span *s = j->batch->spans;
    struct unit u = { .token = 0 };
    size_t rows;

    for (; number >= units_of(j, s); s++) {
        number -= units_of(j, s);
        u.token += s->n;
    }
    rows = s->n * j->group;
    u.span = s;
    u.head = number % j->a->n_kv_head;
    u.row = number / j->a->n_kv_head * ATTEND_ROWS;
    u.n_rows = rows - u.row < ATTEND_ROWS ? rows - u.row : ATTEND_ROWS;
    return u;
}

/* The positions [*first, *end) that a row of the unit sees. */
static void seen_by(const struct attend_job *j, const struct unit *u, size_t row, size_t *first, size_t *end)
{
    *end = j->a->sees ? j->a->sees : u->span->pos + (u->row + row) / j->group + 1;
    *first = j->a->window && *end > j->a->window ? *end - j->a->window : 0;
}

static size_t first_page(const struct attend_job *j, const struct unit *u)
{
    size_t first, end;

    seen_by(j, u, 0, &first, &end);
    return first / STATE_BLOCK;
}

static size_t last_page(const struct attend_job *j, const struct unit *u)
{
    size_t first, end;

    seen_by(j, u, u->n_rows - 1, &first, &end);
    return (end - 1) / STATE_BLOCK;
}

/* Where the query of a row begins, and its output. */
static size_t place_of(const struct attend_job *j, const struct unit *u, size_t row)
{
    const size_t at = u->row + row;

    return ((u->token + at / j->group) * j->a->n_head + u->head * j->group + at % j->group) * j->a->head_dim;
}

static void lay_out_queries(const struct attend_job *j, const struct unit *u, struct room *room)
{
    const size_t width = j->layout->width, padded = (u->n_rows + ATTEND_SIDE - 1) / ATTEND_SIDE * ATTEND_SIDE;

    if (u->n_rows < padded || j->a->head_dim < width)
        memset(room->q, 0, padded * width * sizeof *room->q);
    for (size_t r = 0; r < u->n_rows; r++) {
        const float *q = j->q + place_of(j, u, r);
        float *to = room->q + r / ATTEND_SIDE * ATTEND_SIDE * width + r % ATTEND_SIDE;

        for (size_t i = 0; i < j->a->head_dim; i++)
            to[i * ATTEND_SIDE] = q[i] * j->a->scale;
    }
}

static uint16_t within(size_t pos, size_t start)
{
    return (uint16_t)(pos < start ? 0 : pos - start < STATE_BLOCK ? pos - start : STATE_BLOCK);
}

static void attend_page(const struct attend_job *j, const struct unit *u, size_t page, struct room *room, struct attend_sums to)
{
    const struct state *state = u->span->state;
    const unsigned char *keys = side_of(j->layout, state, j->layer, u->head, page * STATE_BLOCK);
    const unsigned char *next = page < last_page(j, u) ? side_of(j->layout, state, j->layer, u->head, (page + 1) * STATE_BLOCK) : NULL;

    for (size_t r = 0; r < u->n_rows; r++) {
        size_t first, end;

        seen_by(j, u, r, &first, &end);
        room->first[r] = within(first, page * STATE_BLOCK);
        room->end[r] = within(end, page * STATE_BLOCK);
    }
    j->o->kernels->attend(&(struct attend_block){ .type = j->layout->type, .width = j->layout->width, .n_rows = u->n_rows, .k = keys,
                                                  .v = keys + j->layout->side_bytes, .next = next, .q = room->q, .first = room->first, .end = room->end,
                                                  .softcap = j->a->softcap, .scores = room->scores, .pairs = room->pairs, .to = to });
}

static void finish_rows(const struct attend_job *j, const struct unit *u, struct attend_sums sums)
{
    for (size_t r = 0; r < u->n_rows; r++) {
        const float inverse = 1 / sums.sum[r], *from = sums.out + r * j->layout->width;
        float *out = j->out + place_of(j, u, r);

        for (size_t i = 0; i < j->a->head_dim; i++)
            out[i] = from[i] * inverse;
    }
}

static void attend_units(void *arg, unsigned chunk, unsigned thread)
{
    const struct attend_job *j = arg;
    struct room *room = &j->o->attend->rooms[thread];
    const size_t first = chunk * j->per_chunk, end = first + j->per_chunk < j->n_units ? first + j->per_chunk : j->n_units;

    for (size_t i = first; i < end; i++) {
        const struct unit u = unit_at(j, i);
        const size_t from = first_page(j, &u), last = last_page(j, &u);

        lay_out_queries(j, &u, room);
        for (size_t page = from; page <= last; page++) {
            attend_page(j, &u, page, room, page == from ? room->so_far : room->page);
            if (page > from)
                j->o->kernels->attend_merge(u.n_rows, j->layout->width, room->so_far, room->page);
        }
        finish_rows(j, &u, room->so_far);
    }
}

/* --- a few tokens that see much: pages are shared out, too ------------------------------------------------------------ */

static struct attend_sums part_at(const struct attend_job *j, size_t unit, size_t page)
{
    const struct attend_rooms *rooms = j->o->attend;
    struct attend_sums sums;

    (void)place_sums(&sums, rooms->parts + (unit * rooms->n_pages + page) * PART_ROWS * (rooms->width + 2), PART_ROWS, rooms->width);
    return sums;
}

static void attend_part(void *arg, unsigned chunk, unsigned thread)
{
    const struct attend_job *j = arg;
    const struct unit u = unit_at(j, chunk % j->n_units);
    struct room *room = &j->o->attend->rooms[thread];

    lay_out_queries(j, &u, room);
    for (size_t page = chunk / j->n_units * j->per_chunk, i = 0; i < j->per_chunk; i++, page++)
        if (page >= first_page(j, &u) && page <= last_page(j, &u))
            attend_page(j, &u, page, room, part_at(j, chunk % j->n_units, page));
}

static void join_parts(void *arg, unsigned chunk, unsigned thread)
{
    const struct attend_job *j = arg;
    const struct unit u = unit_at(j, chunk);
    const size_t from = first_page(j, &u);

    (void)thread;
    for (size_t page = from + 1; page <= last_page(j, &u); page++)
        j->o->kernels->attend_merge(u.n_rows, j->layout->width, part_at(j, chunk, from), part_at(j, chunk, page));
    finish_rows(j, &u, part_at(j, chunk, from));
}

static bool can_part(const struct attend_job *j, unsigned n_threads)
{
    if (n_threads == 1 || j->n_pages < 2 || j->n_units > PART_UNITS * n_threads)
        return false;
    for (size_t i = 0; i < j->n_units; i++)
        if (unit_at(j, i).n_rows > PART_ROWS)
            return false;
    return true;
}

void ops_attend(struct ops *o, const struct attention *a, const struct batch *b, size_t layer, const float *q, float *out)
{
    struct attend_job job = { .o = o, .a = a, .batch = b, .layout = pages_layout(b->spans[0].state->pages), .layer = layer,
                              .group = a->n_head / a->n_kv_head, .q = q, .out = out };
    const unsigned n_threads = pool_n_threads(o->pool);
    size_t work = 0;

    for (size_t i = 0; i < b->n_spans; i++) {
        const size_t end = a->sees ? a->sees : b->spans[i].pos + b->spans[i].n, seen = a->window && a->window < end ? a->window : end;

        job.n_units += units_of(&job, &b->spans[i]);
        job.n_pages = (end - 1) / STATE_BLOCK + 1 > job.n_pages ? (end - 1) / STATE_BLOCK + 1 : job.n_pages;
        work += b->spans[i].n * a->n_head * a->head_dim * 2 * seen;
    }
    if (can_part(&job, n_threads)) {
        const size_t n_parts = job.n_pages * job.n_units < 4 * n_threads ? job.n_pages : (4 * n_threads + job.n_units - 1) / job.n_units;

        job.per_chunk = (job.n_pages + n_parts - 1) / n_parts;
        pool_run(o->pool, attend_part, &job, (unsigned)((job.n_pages + job.per_chunk - 1) / job.per_chunk * job.n_units));
        pool_run(o->pool, join_parts, &job, (unsigned)job.n_units);
        return;
    }
    job.per_chunk = job.n_units / (8 * n_threads) + 1;
    if (job.per_chunk * (work / job.n_units + 1) < OPS_CHUNK_WORK)
        job.per_chunk = OPS_CHUNK_WORK / (work / job.n_units + 1) + 1;
    pool_run(o->pool, attend_units, &job, (unsigned)((job.n_units + job.per_chunk - 1) / job.per_chunk));
}
