#include "infer/infer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "infer/aligned.h"
#include "infer/engine.h"

struct session *session_create(struct engine *e, struct err *err)
{
    const struct shape *shape = &e->shape;
    struct session *s = calloc(1, sizeof *s);

    if (s && state_init(&s->state, shape, e->pages, e->n_ctx, err) < 0) {
        free(s);
        return NULL;
    }
    if (s) {
        s->engine = e;
        s->tokens = calloc(e->n_ctx, sizeof *s->tokens);
        s->logits = aligned_zeros(shape->n_vocab, sizeof *s->logits);
        s->mark = state_n_recurrent(&s->state) ? calloc(state_n_recurrent(&s->state), sizeof *s->mark) : NULL;
    }
    if (!s || !s->tokens || !s->logits || (state_n_recurrent(&s->state) && !s->mark)) {
        fail(err, CORAX_E_LIMIT, "out of memory for a session of %zu tokens", e->n_ctx);
        session_destroy(s);
        return NULL;
    }
    return s;
}

void session_destroy(struct session *s)
{
    if (!s)
        return;
    state_finish(&s->state);
    free(s->tokens);
    free(s->logits);
    free(s->mark);
    free(s->each);
    free(s);
}

size_t session_n_tokens(const struct session *s)
{
    return s->n;
}

const float *session_logits(const struct session *s)
{
    return s->has_logits ? s->logits : NULL;
}

/* The next n tokens, at most OPS_BATCH and as many as fit; logits [n_logits][n_vocab], or NULL where only hidden() is asked for. */
static int eval(struct session *s, const int32_t *tokens, size_t n, float *logits, size_t n_logits, struct err *err)
{
    struct engine *e = s->engine;
    const struct span span = { &s->state, s->n, n, n_logits };

    if (family_check_writes(e->family, err) < 0 || state_reserve(&s->state, s->n, s->n + n, err) < 0)
        return -1;
    e->family->eval(e->model, &e->ops,
                    &(struct batch){ .tokens = tokens, .n = n, .spans = &span, .n_spans = 1, .logits = logits, .n_logits = n_logits });
    memcpy(s->tokens + s->n, tokens, n * sizeof *tokens);
    s->n += n;
    s->has_logits = logits && logits == s->logits && n_logits > 0;
    return 0;
}

static int check_tokens(const struct session *s, const int32_t *tokens, size_t n, size_t n_before, struct err *err)
{
    const struct engine *e = s->engine;

    if (n > e->n_ctx - n_before)
        return fail(err, CORAX_E_LIMIT, "a transcript of %zu tokens, the context holds %zu", n_before + n, e->n_ctx);
    for (size_t i = 0; i < n; i++)
        if (tokens[i] < 0 || (size_t)tokens[i] >= e->shape.n_vocab)
            return fail(err, CORAX_E_ARGS, "token %" PRId32 " at %zu, the model has %zu", tokens[i], n_before + i,
                        e->shape.n_vocab);
    return 0;
}

/* Forgets what comes behind the first n tokens, and those too when no state is left of them. */
static void rewind_to(struct session *s, size_t n)
{
    if (n >= s->n)
        return;
    s->has_logits = false;
    s->n = n;
    state_trim(&s->state, n);
    if (!s->mark)
        return;
    if (s->n_mark > 0 && s->n_mark <= n) {
        memcpy(s->state.recurrent, s->mark, state_n_recurrent(&s->state) * sizeof *s->mark);
        s->n = s->n_mark;
    } else {
        state_reset(&s->state);
        s->n = s->n_mark = 0;
    }
}

/* Length of the common prefix. */
static size_t common(const struct session *s, const int32_t *tokens, size_t n)
{
    size_t i = 0;

    while (i < n && i < s->n && s->tokens[i] == tokens[i])
        i++;
    return i;
}

int session_sync(struct session *s, const int32_t *tokens, size_t n, session_stop_fn *stop, void *arg, size_t *n_kept,
                 struct err *err)
{
    size_t keep;

    if (n == 0)
        return fail(err, CORAX_E_ARGS, "a transcript without tokens");
    if (check_tokens(s, tokens, n, 0, err) < 0)
        return -1;
    keep = common(s, tokens, n);
    if (keep == n && (s->n > n || !s->has_logits))
        keep = n - 1; /* the logits of the last token are gone: evaluate it again */
    rewind_to(s, keep);
    keep = s->n;
    while (s->n < n) {
        size_t left = n - s->n, batch = left < OPS_BATCH ? left : OPS_BATCH;

        if (stop && stop(arg))
            return fail(err, CORAX_E_CANCELED, "cancelled after %zu of %zu tokens of the prompt", s->n, n);
        if (s->mark && left > 1 && batch == left)
            batch--;
        if (s->mark && left == 1) {
            memcpy(s->mark, s->state.recurrent, state_n_recurrent(&s->state) * sizeof *s->mark);
            s->n_mark = s->n;
        }
        if (eval(s, tokens + s->n, batch, s->logits, batch == left, err) < 0)
            return -1;
    }
    if (n_kept)
        *n_kept = keep;
    return 0;
}

int session_append(struct session *s, const int32_t *tokens, size_t n, session_logits_fn *each, void *arg,
                   struct err *err)
{
    const size_t n_vocab = s->engine->shape.n_vocab;

    if (check_tokens(s, tokens, n, s->n, err) < 0)
        return -1;
    if (!s->each && !(s->each = calloc(OPS_BATCH, n_vocab * sizeof *s->each)))
        return fail(err, CORAX_E_LIMIT, "out of memory for the logits of %d tokens", OPS_BATCH);
    for (size_t done = 0; done < n;) {
        size_t batch = n - done < OPS_BATCH ? n - done : OPS_BATCH;

        if (eval(s, tokens + done, batch, s->each, batch, err) < 0)
            return -1;
        memcpy(s->logits, s->each + (batch - 1) * n_vocab, n_vocab * sizeof *s->logits);
        s->has_logits = true;
        for (size_t i = 0; i < batch; i++)
            each(arg, done + i, s->each + i * n_vocab);
        done += batch;
    }
    return 0;
}

static int encode(struct session *s, const int32_t *tokens, size_t n, struct err *err)
{
    struct engine *e = s->engine;

    if (state_reserve(&s->state, 0, n, err) < 0)
        return -1;
    e->family->encode(e->model, &e->ops, &s->state, tokens, n);
    session_clear(s);
    return 0;
}

int session_embed(struct session *s, const int32_t *tokens, size_t n, float **out, size_t *n_out, struct err *err)
{
    const struct engine *e = s->engine;
    size_t n_embd;
    double *sum;
    float *vector;
    int rc = 0;

    session_clear(s);
    if (e->no_pooling.status != 0)
        return *err = e->no_pooling, -1;
    if (n == 0)
        return fail(err, CORAX_E_ARGS, "a text without tokens");
    if (check_tokens(s, tokens, n, 0, err) < 0)
        return -1;
    (void)e->family->hidden(e->model, &n_embd);
    sum = calloc(n_embd, sizeof *sum);
    vector = calloc(n_embd, sizeof *vector);
    if (!sum || !vector)
        rc = fail(err, CORAX_E_LIMIT, "out of memory");
    if (rc == 0 && e->family->encode) {
        rc = encode(s, tokens, n, err);
        if (rc == 0)
            pooling_add_whole(e->pooling, sum, e->family->hidden(e->model, &n_embd), n_embd, n);
    }
    for (size_t done = 0, batch; rc == 0 && !e->family->encode && done < n; done += batch) {
        size_t wanted;

        batch = n - done < OPS_BATCH ? n - done : OPS_BATCH;
        wanted = pooling_wants(e->pooling, done, batch, n);
        rc = eval(s, tokens + done, batch, NULL, wanted, err);
        if (rc == 0 && wanted)
            pooling_add(e->pooling, sum, e->family->hidden(e->model, &n_embd), n_embd, wanted);
    }
    if (rc == 0)
        rc = pooling_end(sum, n_embd, vector, err);
    free(sum);
    if (rc < 0) {
        free(vector);
        return -1;
    }
    *out = vector;
    *n_out = n_embd;
    return 0;
}

void session_clear(struct session *s)
{
    s->n = s->n_mark = 0;
    s->has_logits = false;
    state_trim(&s->state, 0);
    state_reset(&s->state);
}

static bool is_end(const struct session *s, const struct decode *d, int32_t token)
{
    return d->constraint ? constraint_is_done(d->constraint) : token == tokenizer_eos(s->engine->tokenizer);
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
        d->on_token(d->arg, token);
        if (is_end(s, d, token)) {
            *finish = DECODE_DONE;
            break;
        }
        if (s->n == e->n_ctx || n == d->max_tokens)
            break;
        if (eval(s, &token, 1, s->logits, 1, err) < 0)
            return -1;
    }
    *n_tokens = n;
    return 0;
}
