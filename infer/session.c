#include "infer/infer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "infer/engine.h"

struct session {
    struct engine *engine;
    int32_t *tokens; /* [n_ctx], those evaluated */
    size_t n;
    struct kv_layer *kv; /* [n_layer] */
    float *memory;       /* what kv points into; pages come into being when first written */
    float *logits;       /* [n_vocab], after token n - 1 */
    bool has_logits;
};

struct session *session_create(struct engine *e, struct err *err)
{
    const struct shape *shape = &e->shape;
    struct session *s = calloc(1, sizeof *s);
    size_t side, all;

    if (__builtin_mul_overflow(shape->n_kv_head * shape->head_dim, e->n_ctx, &side) ||
        __builtin_mul_overflow(side, 2 * shape->n_layer, &all)) {
        fail(err, CORAX_E_LIMIT, "the cache for %zu tokens is more than memory", e->n_ctx);
        free(s);
        return NULL;
    }
    if (s) {
        s->engine = e;
        s->tokens = calloc(e->n_ctx, sizeof *s->tokens);
        s->kv = calloc(shape->n_layer, sizeof *s->kv);
        s->memory = calloc(all, sizeof *s->memory);
        s->logits = calloc(shape->n_vocab, sizeof *s->logits);
    }
    if (!s || !s->tokens || !s->kv || !s->memory || !s->logits) {
        fail(err, CORAX_E_LIMIT, "out of memory for a session of %zu tokens", e->n_ctx);
        session_destroy(s);
        return NULL;
    }
    for (size_t i = 0; i < shape->n_layer; i++)
        s->kv[i] = (struct kv_layer){ s->memory + 2 * i * side, s->memory + (2 * i + 1) * side };
    return s;
}

void session_destroy(struct session *s)
{
    if (!s)
        return;
    free(s->tokens);
    free(s->kv);
    free(s->memory);
    free(s->logits);
    free(s);
}

size_t session_common(const struct session *s, const int32_t *tokens, size_t n)
{
    size_t i = 0;

    while (i < n && i < s->n && s->tokens[i] == tokens[i])
        i++;
    return i;
}

size_t session_n_tokens(const struct session *s)
{
    return s->n;
}

const float *session_logits(const struct session *s)
{
    return s->has_logits ? s->logits : NULL;
}

/* The next n tokens, at most OPS_BATCH and as many as fit. */
static void eval(struct session *s, const int32_t *tokens, size_t n, bool logits)
{
    struct engine *e = s->engine;

    e->family->eval(e->model, &e->ops, s->kv, tokens, n, s->n, logits ? s->logits : NULL);
    memcpy(s->tokens + s->n, tokens, n * sizeof *tokens);
    s->n += n;
    s->has_logits = logits;
}

int session_sync(struct session *s, const int32_t *tokens, size_t n, session_stop_fn *stop, void *arg, size_t *n_kept,
                 struct err *err)
{
    const struct engine *e = s->engine;
    size_t keep;

    if (n == 0)
        return fail(err, CORAX_E_ARGS, "a transcript without tokens");
    if (n > e->n_ctx)
        return fail(err, CORAX_E_LIMIT, "a transcript of %zu tokens, the context holds %zu", n, e->n_ctx);
    for (size_t i = 0; i < n; i++)
        if (tokens[i] < 0 || (size_t)tokens[i] >= e->shape.n_vocab)
            return fail(err, CORAX_E_ARGS, "token %" PRId32 " at %zu, the model has %zu", tokens[i], i,
                        e->shape.n_vocab);

    keep = session_common(s, tokens, n);
    if (keep == n && (s->n > n || !s->has_logits))
        keep = n - 1; /* the logits of the last token are gone: evaluate it again */
    if (keep < s->n) {
        s->n = keep;
        s->has_logits = false;
    }
    while (s->n < n) {
        size_t batch = n - s->n < OPS_BATCH ? n - s->n : OPS_BATCH;

        if (stop && stop(arg))
            return fail(err, CORAX_E_CANCELED, "cancelled after %zu of %zu tokens of the prompt", s->n, n);
        eval(s, tokens + s->n, batch, s->n + batch == n);
    }
    if (n_kept)
        *n_kept = keep;
    return 0;
}

void session_copy(struct session *to, const struct session *from, size_t n)
{
    const struct shape *shape = &to->engine->shape;
    const size_t head = to->engine->n_ctx * shape->head_dim, used = n * shape->head_dim * sizeof(float);

    for (size_t i = 0; i < shape->n_layer; i++)
        for (size_t h = 0; h < shape->n_kv_head; h++) {
            memcpy(to->kv[i].k + h * head, from->kv[i].k + h * head, used);
            memcpy(to->kv[i].v + h * head, from->kv[i].v + h * head, used);
        }
    memcpy(to->tokens, from->tokens, n * sizeof *to->tokens);
    to->n = n;
    to->has_logits = false;
}

static bool is_end(const struct session *s, const struct decode *d, int32_t token)
{
    return d->constraint ? constraint_phase(d->constraint) == PHASE_DONE : token == tokenizer_eos(s->engine->tokenizer);
}

int session_decode(struct session *s, const struct decode *d, size_t *n_tokens, enum decode_finish *finish,
                   struct err *err)
{
    struct engine *e = s->engine;
    size_t n = 0;

    if (!s->has_logits)
        return fail(err, CORAX_E_ARGS, "decode before the session has a transcript");
    if (sampler_set(&e->sampler, &d->sampling, err) < 0)
        return -1;
    for (*finish = DECODE_LENGTH; n < d->max_tokens;) {
        enum constraint_phase phase = d->constraint ? constraint_phase(d->constraint) : PHASE_ANSWER;
        int32_t token;

        if (d->stop && d->stop(d->arg)) {
            *finish = DECODE_STOPPED;
            break;
        }
        token = sampler_pick(&e->sampler, s->logits, d->constraint);
        if (token < 0)
            return fail(err, CORAX_E_INTERNAL,
                        "no token may come next after %zu: the model's logits are not numbers, or its "
                        "vocabulary lacks a byte that is needed",
                        s->n);
        if (d->constraint)
            constraint_accept(d->constraint, token);
        n++;
        d->on_token(d->arg, token, phase);
        if (is_end(s, d, token)) {
            *finish = DECODE_DONE;
            break;
        }
        if (s->n == e->n_ctx || n == d->max_tokens)
            break;
        eval(s, &token, 1, true);
    }
    *n_tokens = n;
    return 0;
}
