#include "infer/embedder.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "infer/batch.h"
#include "infer/engine.h"
#include "util/base64.h"
#include "util/clock.h"
#include "util/rpc.h"

#define LANES        8    /* texts of a batch: short ones, for a long one fills it alone */
#define FIRST_BATCH  32   /* tokens, before anything is known of the speed */
#define LEAST_BATCH  16   /* tokens, however slow */
#define REST_OF_LINE 4096 /* bytes of a result besides vectors and numbers of tokens */
#define NUMBER_BYTES 12   /* of a number of tokens, and of the place of a text that was cut, with their commas, together at most twice that */

/* A text that is being read. */
struct lane {
    struct embed_request *of; /* NULL: it is free */
    size_t text, n_done;      /* which of its texts; tokens that have been evaluated */
    struct state state;
    double *sum; /* [n_embd] */
};

struct embedder {
    struct engine *engine;
    struct embedder_hooks hooks;
    struct embed_request *first; /* in the order they came */
    size_t n_embd;
    struct lane lanes[LANES];
    double speed; /* tokens a second; 0: not known */
    /* The batch. */
    int32_t tokens[OPS_BATCH];
    struct span spans[LANES];
    struct lane *of[LANES]; /* whose span */
    size_t n, n_spans, n_hidden;
};

struct embed_request {
    struct embedder *embedder;
    struct embed_request *next;
    embed_done_fn *done;
    void *arg;
    bool background, cancelled;
    size_t n_texts, n_begun, n_ended;
    struct err failed;    /* of one of them; status 0: of none */
    struct tokens tokens; /* of all texts, one behind the other */
    size_t *ends;         /* [n_texts] in tokens */
    bool *cut;            /* [n_texts]: it had more */
    float *vectors;       /* [n_texts][n_embd] */
};

struct embedder *embedder_create(struct engine *e, const struct embedder_hooks *hooks, struct err *err)
{
    struct embedder *m;

    if (e->no_pooling.status != 0) {
        *err = e->no_pooling;
        return NULL;
    }
    m = calloc(1, sizeof *m);
    if (!m) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    m->engine = e;
    m->hooks = *hooks;
    (void)e->family->hidden(e->model, &m->n_embd);
    for (size_t i = 0; i < LANES; i++)
        if (!(m->lanes[i].sum = calloc(m->n_embd, sizeof *m->lanes[i].sum)) ||
            state_init(&m->lanes[i].state, &e->shape, e->pages, e->n_ctx, err) < 0) {
            fail(err, CORAX_E_LIMIT, "out of memory for vectors of texts");
            embedder_destroy(m);
            return NULL;
        }
    return m;
}

static void free_request(struct embed_request *r)
{
    tokens_finish(&r->tokens);
    free(r->ends);
    free(r->cut);
    free(r->vectors);
    free(r);
}

void embedder_destroy(struct embedder *m)
{
    if (!m)
        return;
    while (m->first) {
        struct embed_request *r = m->first;

        m->first = r->next;
        free_request(r);
    }
    for (size_t i = 0; i < LANES; i++) {
        state_finish(&m->lanes[i].state);
        free(m->lanes[i].sum);
    }
    free(m);
}

size_t embedder_dimensions(const struct embedder *m)
{
    return m->n_embd;
}

const char *embedder_pooling(const struct embedder *m)
{
    return pooling_name(m->engine->pooling);
}

size_t embedder_max_texts(const struct embedder *m)
{
    const size_t bytes = (m->n_embd * sizeof(float) + 2) / 3 * 4 + 3 + 2 * NUMBER_BYTES, n = (RPC_MAX_LINE - REST_OF_LINE) / bytes;

    return n < EMBEDDER_MAX_TEXTS ? n : EMBEDDER_MAX_TEXTS;
}

/* --- the request -------------------------------------------------------------------------------------------------- */

/* What does not fit the context is cut off; an end token stays behind the rest. */
static void cut(struct embed_request *r, size_t start, size_t i)
{
    const struct engine *e = r->embedder->engine;
    int32_t *ids = r->tokens.ids + start;
    const size_t n = r->tokens.n - start;

    r->cut[i] = n > e->n_ctx;
    if (!r->cut[i])
        return;
    if (ids[n - 1] == tokenizer_eos(e->tokenizer))
        ids[e->n_ctx - 1] = ids[n - 1];
    r->tokens.n = start + e->n_ctx;
}

static int read_texts(struct embed_request *r, const struct json *list, struct err *err)
{
    const struct engine *e = r->embedder->engine;
    size_t i = 0;

    for (const struct json *j = json_first(list); j; j = json_next(j), i++) {
        const char *text = json_text(j);
        const size_t start = r->tokens.n;

        if (!text)
            return fail(err, CORAX_E_ARGS, "texts[%zu]: not a string", i);
        if (tokenizer_encode_with(e->tokenizer, TOKENIZER_BEGIN | TOKENIZER_END, text, strlen(text), &r->tokens, err) < 0)
            return err_context(err, "texts[%zu]", i);
        if (r->tokens.n == start)
            return fail(err, CORAX_E_ARGS, "texts[%zu]: a text without tokens", i);
        for (size_t t = start; t < r->tokens.n; t++)
            if (r->tokens.ids[t] < 0 || (size_t)r->tokens.ids[t] >= e->shape.n_vocab)
                return fail(err, CORAX_E_ARGS, "texts[%zu]: token %" PRId32 ", the model has %zu", i, r->tokens.ids[t], e->shape.n_vocab);
        cut(r, start, i);
        r->ends[i] = r->tokens.n;
    }
    return 0;
}

static int read_request(struct embed_request *r, const struct json *params, struct err *err)
{
    const struct json *list = json_get(params, "texts"), *background = json_get(params, "background");
    const size_t n = json_count(list), max = embedder_max_texts(r->embedder);

    if (json_kind(list) != JSON_ARRAY || n == 0)
        return fail(err, CORAX_E_ARGS, "texts: not a list of texts");
    if (background && json_kind(background) != JSON_BOOL)
        return fail(err, CORAX_E_ARGS, "background: not true or false");
    if (n > max)
        return fail(err, CORAX_E_ARGS, "texts: %zu of them, at most %zu vectors of %zu numbers are given at once", n, max, r->embedder->n_embd);
    r->background = json_bool(background, false);
    r->n_texts = n;
    r->ends = calloc(n, sizeof *r->ends);
    r->cut = calloc(n, sizeof *r->cut);
    r->vectors = calloc(n, r->embedder->n_embd * sizeof *r->vectors);
    if (!r->ends || !r->cut || !r->vectors)
        return fail(err, CORAX_E_LIMIT, "out of memory for %zu vectors", n);
    return read_texts(r, list, err);
}

struct embed_request *embedder_add(struct embedder *m, const struct json *params, embed_done_fn *done, void *arg, struct err *err)
{
    struct embed_request *r = calloc(1, sizeof *r), **last = &m->first;

    if (!r) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    r->embedder = m;
    r->done = done;
    r->arg = arg;
    if (read_request(r, params, err) < 0) {
        free_request(r);
        return NULL;
    }
    while (*last)
        last = &(*last)->next;
    *last = r;
    return r;
}

void embed_cancel(struct embed_request *r)
{
    r->cancelled = true;
}

void embed_write_result(const struct embed_request *r, struct jsonw *w)
{
    const size_t n_embd = r->embedder->n_embd;

    jsonw_int(w, "dimensions", (int64_t)n_embd);
    jsonw_array(w, "vectors");
    for (size_t i = 0; i < r->n_texts; i++)
        base64_write(w, NULL, r->vectors + i * n_embd, n_embd * sizeof(float));
    jsonw_end(w);
    jsonw_array(w, "tokens");
    for (size_t i = 0; i < r->n_texts; i++)
        jsonw_int(w, NULL, (int64_t)(r->ends[i] - (i ? r->ends[i - 1] : 0)));
    jsonw_end(w);
    jsonw_array(w, "cut");
    for (size_t i = 0; i < r->n_texts; i++)
        if (r->cut[i])
            jsonw_int(w, NULL, (int64_t)i);
    jsonw_end(w);
}

/* --- its end ------------------------------------------------------------------------------------------------------ */

static void free_lane(struct lane *l)
{
    state_trim(&l->state, 0);
    state_reset(&l->state);
    l->of = NULL;
}

/* Tells its owner; err NULL: all vectors are there. */
static void end(struct embed_request *r, const struct err *err)
{
    struct embedder *m = r->embedder;
    struct embed_request **at = &m->first;

    for (size_t i = 0; i < LANES; i++)
        if (m->lanes[i].of == r)
            free_lane(&m->lanes[i]);
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    r->done(r->arg, r, err);
    free_request(r);
}

static void end_cancelled(struct embedder *m)
{
    struct embed_request *next;
    struct err err;

    fail(&err, CORAX_E_CANCELED, "cancelled");
    for (struct embed_request *r = m->first; r; r = next) {
        next = r->next;
        if (r->cancelled)
            end(r, &err);
    }
}

/* --- a batch ------------------------------------------------------------------------------------------------------ */

static size_t text_start(const struct embed_request *r, size_t text)
{
    return text ? r->ends[text - 1] : 0;
}

static size_t batch_limit(const struct embedder *m, double seconds)
{
    const double n = m->speed > 0 ? m->speed * seconds : FIRST_BATCH;

    return n < LEAST_BATCH ? LEAST_BATCH : n < OPS_BATCH ? (size_t)n : OPS_BATCH;
}

/* Puts the next tokens of a text into the batch.  false: there is no memory for them. */
static bool put(struct embedder *m, struct lane *l, size_t limit, struct err *err)
{
    const struct embed_request *r = l->of;
    const size_t start = text_start(r, l->text), n_all = r->ends[l->text] - start, room = limit - m->n;
    const size_t left = n_all - l->n_done, n = left < room ? left : room, wanted = pooling_wants(m->engine->pooling, l->n_done, n, n_all);

    while (state_reserve(&l->state, l->n_done, l->n_done + n, err) < 0)
        if (!m->hooks.make_room || !m->hooks.make_room(m->hooks.arg))
            return false;
    memcpy(m->tokens + m->n, r->tokens.ids + start + l->n_done, n * sizeof *m->tokens);
    m->spans[m->n_spans] = (struct span){ &l->state, l->n_done, n, wanted };
    m->of[m->n_spans++] = l;
    m->n += n;
    m->n_hidden += wanted;
    return true;
}

static struct lane *find_free_lane(struct embedder *m)
{
    for (size_t i = 0; i < LANES; i++)
        if (!m->lanes[i].of)
            return &m->lanes[i];
    return NULL;
}

static bool begin_text(struct embedder *m, struct embed_request *r)
{
    struct lane *l = find_free_lane(m);

    if (!l || r->n_begun == r->n_texts)
        return false;
    l->of = r;
    l->text = r->n_begun++;
    l->n_done = 0;
    memset(l->sum, 0, m->n_embd * sizeof *l->sum);
    return true;
}

static bool is_in_batch(const struct embedder *m, const struct lane *l)
{
    for (size_t i = 0; i < m->n_spans; i++)
        if (m->of[i] == l)
            return true;
    return false;
}

/* Texts that were begun, then others.  false: memory has run out. */
static bool add_request(struct embedder *m, struct embed_request *r, size_t limit, struct err *err)
{
    do {
        for (size_t i = 0; i < LANES && m->n < limit; i++)
            if (m->lanes[i].of == r && !is_in_batch(m, &m->lanes[i]) && !put(m, &m->lanes[i], limit, err))
                return false;
    } while (m->n < limit && begin_text(m, r));
    return true;
}

static void take(struct embedder *m)
{
    const float *hidden = m->engine->family->hidden(m->engine->model, &m->n_embd);

    for (size_t i = 0; i < m->n_spans; i++) {
        struct lane *l = m->of[i];
        struct embed_request *r = l->of;
        const size_t text = l->text, n_all = r->ends[text] - text_start(r, text);

        pooling_add(m->engine->pooling, l->sum, hidden, m->n_embd, m->spans[i].n_logits);
        hidden += m->spans[i].n_logits * m->n_embd;
        l->n_done += m->spans[i].n;
        if (l->n_done < n_all)
            continue;
        (void)pooling_end(l->sum, m->n_embd, r->vectors + text * m->n_embd, &r->failed);
        free_lane(l);
        r->n_ended++;
    }
}

static void end_done(struct embedder *m)
{
    struct embed_request *next;

    for (struct embed_request *r = m->first; r; r = next) {
        next = r->next;
        if (r->failed.status != 0)
            end(r, &r->failed);
        else if (r->n_ended == r->n_texts)
            end(r, NULL);
    }
}

/* An encoder: the next text, as a whole.  false: there is none; starved is whose it is where memory has run out. */
static bool read_whole(struct embedder *m, struct embed_request **starved, struct err *err)
{
    struct engine *e = m->engine;
    struct embed_request *r = m->first;
    struct lane *l = &m->lanes[0];
    size_t start, n;

    while (r && r->background)
        r = r->next;
    r = r ? r : m->first;
    if (!r)
        return false;
    start = text_start(r, r->n_ended);
    n = r->ends[r->n_ended] - start;
    while (state_reserve(&l->state, 0, n, err) < 0)
        if (!m->hooks.make_room || !m->hooks.make_room(m->hooks.arg)) {
            *starved = r;
            return true;
        }
    e->family->encode(e->model, &e->ops, &l->state, r->tokens.ids + start, n);
    memset(l->sum, 0, m->n_embd * sizeof *l->sum);
    pooling_add_whole(e->pooling, l->sum, e->family->hidden(e->model, &m->n_embd), m->n_embd, n);
    (void)pooling_end(l->sum, m->n_embd, r->vectors + r->n_ended++ * m->n_embd, &r->failed);
    free_lane(l);
    return true;
}

static bool step_whole(struct embedder *m)
{
    struct embed_request *starved = NULL;
    struct err err = { 0 };
    const bool did = read_whole(m, &starved, &err);

    if (starved)
        end(starved, &err);
    end_done(m);
    return did;
}

bool embedder_step(struct embedder *m, double seconds, bool waits)
{
    struct engine *e = m->engine;
    const size_t limit = batch_limit(m, seconds);
    struct embed_request *starved = NULL;
    struct err err = { 0 };
    int64_t start;

    end_cancelled(m);
    if (e->family->encode)
        return step_whole(m);
    m->n = m->n_spans = m->n_hidden = 0;
    for (int background = 0; background < 2; background++)
        for (struct embed_request *r = m->first; r && !starved && m->n < limit; r = r->next)
            if (r->background == (background == 1) && !add_request(m, r, limit, &err))
                starved = r;
    if (starved && m->n == 0 && !waits)
        end(starved, &err);
    if (m->n == 0)
        return m->first != NULL;
    start = clock_mono_ns();
    e->family->eval(e->model, &e->ops,
                    &(struct batch){ .tokens = m->tokens, .n = m->n, .spans = m->spans, .n_spans = m->n_spans, .n_logits = m->n_hidden });
    if (m->n >= LEAST_BATCH)
        m->speed = (double)m->n * 1e9 / (double)(clock_mono_ns() - start + 1);
    take(m);
    end_done(m);
    return true;
}
