#include "config.h"
#include "infer/scheduler.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "infer/draft.h"
#include "infer/engine.h"
#include "infer/fingerprint.h"
#include "infer/prefix_cache.h"
#include "util/clock.h"
#include "util/log.h"

#define BATCH_SECONDS 0.5  /* that a batch may take: a cancel waits for its end */
#define MIXED_SECONDS 0.15 /* where some wait for their next token: prompts are read on the side */
#define FIRST_BATCH   32   /* tokens, before anything is known of the speed */
#define LEAST_BATCH   16   /* tokens, however slow */
#define MAX_LOGITS    48   /* tokens of a batch whose logits are wanted */
#define SHARED_AHEAD  64   /* tokens of another's prompt that are worth waiting for */
#define MEMORY_SHARE  8    /* an eighth of the machine's */

struct generation {
    struct generation *next;
    struct scheduler *scheduler;
    struct generation_spec spec;
    struct sampler sampler;
    struct state state;
    struct draft draft;
    int32_t *tokens;   /* [n_ctx]: those known, of which the first n have been evaluated */
    size_t n, n_known, n_prompt, n_cached, n_tokens;
    size_t n_guessed, n_right;
    size_t checkpoint; /* where a checkpoint is wanted; 0: nowhere */
    bool running, cancelled;
};

struct scheduler {
    struct engine *engine;
    struct prefix_cache *cache;
    struct prefix_store *store; /* NULL: none */
    struct generation *first; /* those that run and those that wait, in the order they came */
    size_t n_running;
    bool is_scarce; /* one gave its pages back: nobody begins beside others until one has ended */
    struct scheduler_options options;
    struct draft_costs costs;
    float *logits;            /* [MAX_LOGITS][n_vocab] */
    /* The batch. */
    int32_t tokens[OPS_BATCH];
    struct span spans[SCHEDULER_MAX_RUNNING];
    struct generation *of[SCHEDULER_MAX_RUNNING]; /* whose span */
    size_t n_drafted[SCHEDULER_MAX_RUNNING];      /* of a span's tokens, the last ones */
    size_t n, n_spans, n_logits;
    double speed; /* tokens of a prompt a second; 0: not known */
};

/* Never less than one whole context takes. */
static size_t cache_limit(const struct engine *e, size_t bytes)
{
    const size_t one = (e->n_ctx / STATE_BLOCK + 2) * pages_layout(e->pages)->page_bytes;

    if (bytes == 0)
        bytes = (size_t)sysconf(_SC_PHYS_PAGES) / MEMORY_SHARE * (size_t)sysconf(_SC_PAGESIZE);
    return bytes > one ? bytes : one;
}

/* Without its folder it works, too: the log says why. */
static void open_store(struct scheduler *s, const char *dir, uint64_t max_bytes)
{
    const struct kv_layout *l = pages_layout(s->engine->pages);
    struct {
        unsigned char model[HASH_LEN];
        char kernels[32], version[32];
        uint64_t layout[6];
    } same = { .layout = { l->type, l->n_layer, l->n_kv_head, l->head_dim, s->engine->shape.n_layer, s->engine->shape.n_recurrent } };
    unsigned char hash[HASH_LEN];
    char name[2 * HASH_LEN + 1];
    struct err err;

    if (!fingerprint_model(s->engine->gguf, s->engine->path, same.model)) {
        log_warn("what prompts have in common is not kept: the model is in several files");
        return;
    }
    snprintf(same.kernels, sizeof same.kernels, "%s", s->engine->info.kernels);
    snprintf(same.version, sizeof same.version, "%s", PACKAGE_VERSION);
    hash_bytes(&same, sizeof same, hash);
    hash_format(hash, name);
    name[32] = 0;
    s->store = prefix_store_open(dir, name, prefix_cache_node_bytes(s->cache), max_bytes, &err);
    if (s->store)
        prefix_cache_use(s->cache, s->store);
    else
        log_warn("what prompts have in common is not kept: %s", err.msg);
}

struct scheduler *scheduler_create(struct engine *e, const struct scheduler_options *options, struct err *err)
{
    struct scheduler *s;
    const size_t limit = cache_limit(e, options->cache_bytes);

    if (family_check_writes(e->family, err) < 0)
        return NULL;
    s = calloc(1, sizeof *s);
    if (s) {
        s->engine = e;
        s->options = *options;
        s->logits = calloc(MAX_LOGITS, e->shape.n_vocab * sizeof *s->logits);
        s->cache = prefix_cache_create(&e->shape, e->pages, limit, err);
    }
    if (!s || !s->logits || !s->cache) {
        fail(err, CORAX_E_LIMIT, "out of memory for %d replies at a time", SCHEDULER_MAX_RUNNING);
        scheduler_destroy(s);
        return NULL;
    }
    pages_limit(e->pages, limit);
    if (options->prefixes)
        open_store(s, options->prefixes, limit);
    return s;
}

static void free_generation(struct generation *g)
{
    state_finish(&g->state);
    draft_finish(&g->draft);
    sampler_finish(&g->sampler);
    free(g->tokens);
    free(g);
}

void scheduler_destroy(struct scheduler *s)
{
    if (!s)
        return;
    while (s->first) {
        struct generation *g = s->first;

        s->first = g->next;
        free_generation(g);
    }
    prefix_cache_destroy(s->cache);
    prefix_store_close(s->store);
    free(s->logits);
    free(s);
}

/* --- coming and going --------------------------------------------------------------------------------------------- */

static int check(const struct engine *e, const struct generation_spec *spec, struct err *err)
{
    if (spec->n_prompt == 0)
        return fail(err, CORAX_E_ARGS, "a transcript without tokens");
    if (spec->n_prompt > e->n_ctx)
        return fail(err, CORAX_E_LIMIT, "a transcript of %zu tokens, the context holds %zu", spec->n_prompt, e->n_ctx);
    for (size_t i = 0; i < spec->n_prompt; i++)
        if (spec->prompt[i] < 0 || (size_t)spec->prompt[i] >= e->shape.n_vocab)
            return fail(err, CORAX_E_ARGS, "token %" PRId32 " at %zu, the model has %zu", spec->prompt[i], i, e->shape.n_vocab);
    return 0;
}

struct generation *scheduler_add(struct scheduler *s, const struct generation_spec *spec, struct err *err)
{
    struct engine *e = s->engine;
    struct generation *g, **last = &s->first;

    if (check(e, spec, err) < 0)
        return NULL;
    g = calloc(1, sizeof *g);
    if (!g || !(g->tokens = calloc(e->n_ctx, sizeof *g->tokens))) {
        fail(err, CORAX_E_LIMIT, "out of memory for a transcript of %zu tokens", e->n_ctx);
        free(g);
        return NULL;
    }
    if (sampler_init(&g->sampler, e->shape.n_vocab, err) < 0 || sampler_set(&g->sampler, &spec->sampling, err) < 0 ||
        state_init(&g->state, &e->shape, e->pages, e->n_ctx, err) < 0 || draft_init(&g->draft, e->n_ctx, err) < 0) {
        free_generation(g);
        return NULL;
    }
    g->scheduler = s;
    g->spec = *spec;
    g->n_known = g->n_prompt = spec->n_prompt;
    memcpy(g->tokens, spec->prompt, spec->n_prompt * sizeof *g->tokens);
    while (*last)
        last = &(*last)->next;
    *last = g;
    return g;
}

void generation_cancel(struct generation *g)
{
    g->cancelled = true;
}

/* What it has read stays known; tells its owner. */
static void end(struct generation *g, enum decode_finish finish, const struct err *err)
{
    struct scheduler *s = g->scheduler;
    const struct generation_end how = { finish, err, g->n_cached, g->n_tokens, g->n_guessed, g->n_right };
    struct generation **at = &s->first;

    while (*at != g)
        at = &(*at)->next;
    *at = g->next;
    s->n_running -= g->running;
    s->is_scarce = false;
    if (g->running && (g->state.n_recurrent == 0 || g->n >= g->n_prompt))
        prefix_cache_add(s->cache, g->tokens, g->n, &g->state);
    g->spec.on_end(g->spec.arg, &how);
    free_generation(g);
}

/* One that reads a prompt which begins as this one does will soon have more of it than is known now. */
static bool is_ahead(const struct scheduler *s, const struct generation *g, size_t n_found)
{
    for (const struct generation *other = s->first; other; other = other->next) {
        size_t i = 0;

        if (!other->running || other->n >= other->n_prompt)
            continue;
        while (i < g->n_known && i < other->n_prompt && g->tokens[i] == other->tokens[i])
            i++;
        if (i > n_found + SHARED_AHEAD)
            return true;
    }
    return false;
}

/* The last token is always evaluated: its logits are wanted. */
static void admit(struct scheduler *s, struct generation *g)
{
    g->n = prefix_cache_find(s->cache, g->tokens, g->n_known - 1, &g->state, &g->checkpoint);
    if (is_ahead(s, g, g->n)) {
        state_trim(&g->state, 0);
        state_reset(&g->state);
        g->n = 0;
        return;
    }
    if (g->n_tokens == 0)
        g->n_cached = g->n;
    g->running = true;
    s->n_running++;
}

static void admit_waiting(struct scheduler *s)
{
    for (struct generation *g = s->first; g && s->n_running < SCHEDULER_MAX_RUNNING; g = g->next)
        if (!g->running && !(s->is_scarce && s->n_running > 0))
            admit(s, g);
}

static void end_cancelled(struct scheduler *s)
{
    struct generation *next;

    for (struct generation *g = s->first; g; g = next) {
        next = g->next;
        if (g->cancelled)
            end(g, DECODE_STOPPED, NULL);
    }
}

/* --- a batch ------------------------------------------------------------------------------------------------------ */

static bool is_writing(const struct generation *g)
{
    return g->n >= g->n_prompt;
}

/* A recurrent model stops where a checkpoint is made: at the last token of the prompt, and where one was missed. */
static size_t next_cut(const struct generation *g)
{
    size_t cut = g->n_known;

    if (g->state.n_recurrent == 0)
        return cut;
    if (g->n < g->n_prompt - 1)
        cut = g->n_prompt - 1;
    if (g->n < g->checkpoint && g->checkpoint < cut)
        cut = g->checkpoint;
    return cut;
}

/* Pages for n tokens more, for which the cache gives way. */
static bool reserve(struct scheduler *s, struct generation *g, size_t n, struct err *err)
{
    while (state_reserve(&g->state, g->n, g->n + n, err) < 0)
        if (!prefix_cache_shrink(s->cache))
            return false;
    return true;
}

/* n tokens that are known, and behind them n_drafted that are guessed. */
static void put(struct scheduler *s, struct generation *g, size_t n, const int32_t *draft, size_t n_drafted)
{
    const size_t n_logits = g->n + n == g->n_known ? 1 + n_drafted : 0;

    memcpy(s->tokens + s->n, g->tokens + g->n, n * sizeof *g->tokens);
    if (n_drafted > 0)
        memcpy(s->tokens + s->n + n, draft, n_drafted * sizeof *draft);
    s->spans[s->n_spans] = (struct span){ &g->state, g->n, n + n_drafted, n_logits };
    s->n_drafted[s->n_spans] = n_drafted;
    s->of[s->n_spans++] = g;
    s->n += n + n_drafted;
    s->n_logits += n_logits;
}

/*
 * Without pages it gives back those it has and waits until another has ended: two that went on beside each other could take
 * pages from each other without end.  Alone it never will have any.
 */
static void do_without(struct scheduler *s, struct generation *g, const struct err *err)
{
    if (s->n_running == 1) {
        end(g, DECODE_STOPPED, err);
        return;
    }
    state_trim(&g->state, 0);
    state_reset(&g->state);
    g->n = 0;
    g->running = false;
    s->n_running--;
    s->is_scarce = true;
}

/* What the constraint leaves, as tokens. */
static size_t guess_by_constraint(struct generation *g, int32_t *out, size_t max)
{
    const struct tokenizer *t = g->scheduler->engine->tokenizer;
    char bytes[8 * DRAFT_MAX];
    size_t n_bytes = g->spec.constraint ? constraint_guess(g->spec.constraint, bytes, sizeof bytes) : 0, n = 0, used;

    for (size_t at = 0; at < n_bytes && n < max; at += used, n++) {
        out[n] = tokenizer_longest(t, bytes + at, n_bytes - at, &used);
        if (out[n] < 0)
            break;
    }
    return n;
}

/* Tokens to evaluate with the last one that is known.  A recurrent model cannot take back what was wrong. */
static size_t guess(struct scheduler *s, struct generation *g, size_t n_writing, int32_t *out)
{
    const size_t n_ctx = s->engine->n_ctx, room = n_ctx - g->n_known, wanted = g->spec.max_tokens - g->n_tokens - 1;
    size_t max = DRAFT_MAX, n;

    max = room < max ? room : max;
    max = wanted < max ? wanted : max;
    if (s->options.draft == SCHEDULER_DRAFT_OFF || g->state.n_recurrent > 0 || g->n + 1 != g->n_known || s->n_logits + max + n_writing > MAX_LOGITS)
        return 0;
    n = guess_by_constraint(g, out, max);
    if (n == 0)
        n = draft_find(&g->draft, g->tokens, g->n_known, out, max);
    return s->options.draft == SCHEDULER_DRAFT_ALWAYS ? n : draft_length(&g->draft, &s->costs, s->n + n_writing, n);
}

static void add_writing(struct scheduler *s)
{
    size_t n_writing = 0;
    struct generation *next;
    struct err err;

    for (struct generation *g = s->first; g; g = g->next)
        n_writing += g->running && is_writing(g);
    for (struct generation *g = s->first; g; g = next) {
        int32_t draft[DRAFT_MAX];
        size_t n;

        next = g->next;
        if (!g->running || !is_writing(g))
            continue;
        n = guess(s, g, n_writing--, draft);
        if (reserve(s, g, 1 + n, &err))
            put(s, g, 1, draft, n);
        else
            do_without(s, g, &err);
    }
}

/* In whole tiles of columns, or nearly. */
static size_t batch_limit(const struct scheduler *s)
{
    const double n = s->speed > 0 ? s->speed * (s->n_spans ? MIXED_SECONDS : BATCH_SECONDS) : FIRST_BATCH;

    return n < LEAST_BATCH ? LEAST_BATCH : n < OPS_BATCH ? (size_t)n / PACK_COLS * PACK_COLS : OPS_BATCH;
}

static void add_prompts(struct scheduler *s)
{
    const size_t limit = batch_limit(s);
    size_t n_left = 0;
    struct generation *next;
    struct err err;

    for (struct generation *g = s->first; g; g = g->next)
        n_left += g->running && !is_writing(g);
    for (struct generation *g = s->first; g && s->n < limit; g = next) {
        size_t share, n;

        next = g->next;
        if (!g->running || is_writing(g))
            continue;
        share = (limit - s->n + n_left - 1) / n_left;
        n_left--;
        n = next_cut(g) - g->n;
        n = n < share ? n : share;
        if (reserve(s, g, n, &err))
            put(s, g, n, NULL, 0);
        else
            do_without(s, g, &err);
    }
}

/* --- what comes of it --------------------------------------------------------------------------------------------- */

static bool is_end(const struct generation *g, int32_t token)
{
    const struct constraint *c = g->spec.constraint;

    if (g->spec.replay)
        return false;
    return c ? constraint_is_done(c) : token == tokenizer_eos(g->scheduler->engine->tokenizer);
}

/* The next token, of its logits; -1: there is none, the generation is over. */
static int32_t write_token(struct generation *g, const float *logits)
{
    struct constraint *c = g->spec.constraint;
    const int32_t picked = sampler_pick(&g->sampler, logits, c), token = g->spec.replay ? g->spec.replay[g->n_tokens] : picked;
    struct err err;

    if (token < 0) {
        fail(&err, CORAX_E_INTERNAL,
             "no token may come next after %zu: the model's logits are not numbers, or its vocabulary lacks a byte that is needed", g->n);
        end(g, DECODE_STOPPED, &err);
        return -1;
    }
    if (c)
        constraint_accept(c, token);
    g->n_tokens++;
    g->spec.on_token(g->spec.arg, token);
    if (is_end(g, token)) {
        end(g, DECODE_DONE, NULL);
        return -1;
    }
    if (g->n_known == g->scheduler->engine->n_ctx || g->n_tokens == g->spec.max_tokens) {
        end(g, DECODE_LENGTH, NULL);
        return -1;
    }
    g->tokens[g->n_known++] = token;
    return token;
}

/* Tokens after the last known one, as long as each is what was guessed: then its logits are there. */
static void write_tokens(struct generation *g, const int32_t *draft, size_t n_drafted, const float *logits)
{
    const size_t n_vocab = g->scheduler->engine->shape.n_vocab;
    size_t n_right = 0;
    int32_t token;

    g->n_guessed += n_drafted;
    while ((token = write_token(g, logits)) >= 0 && n_right < n_drafted && token == draft[n_right]) {
        n_right++;
        g->n_right++;
        g->n++;
        logits += n_vocab;
    }
    if (token >= 0 && n_drafted > 0)
        draft_learn(&g->draft, n_drafted, n_right);
}

/* tokens: those of the span. */
static void advance(struct scheduler *s, size_t i, const int32_t *tokens, const float *logits)
{
    struct generation *g = s->of[i];
    const struct span *span = &s->spans[i];
    const size_t n = span->n - s->n_drafted[i];
    const bool read = !is_writing(g);

    g->n += n;
    if (g->state.n_recurrent > 0 && (g->n == g->checkpoint || g->n == g->n_prompt - 1))
        prefix_cache_add(s->cache, g->tokens, g->n, &g->state);
    if (read && is_writing(g)) {
        if (g->state.n_recurrent == 0)
            prefix_cache_add(s->cache, g->tokens, g->n, &g->state);
        if (g->n_tokens == 0 && g->spec.on_prompt)
            g->spec.on_prompt(g->spec.arg);
    }
    if (span->n_logits)
        write_tokens(g, tokens + n, s->n_drafted[i], logits);
}

bool scheduler_save(struct scheduler *s)
{
    return prefix_cache_save(s->cache);
}

bool scheduler_make_room(struct scheduler *s)
{
    return prefix_cache_shrink(s->cache);
}

bool scheduler_step(struct scheduler *s)
{
    struct engine *e = s->engine;
    const int32_t *tokens = s->tokens;
    const float *logits = s->logits;
    double seconds;
    int64_t start;

    end_cancelled(s);
    admit_waiting(s);
    s->n = s->n_spans = s->n_logits = 0;
    add_writing(s);
    add_prompts(s);
    if (s->n == 0)
        return s->first != NULL;
    start = clock_mono_ns();
    e->family->eval(e->model, &e->ops,
                    &(struct batch){ .tokens = s->tokens, .n = s->n, .spans = s->spans, .n_spans = s->n_spans, .logits = s->logits,
                                     .n_logits = s->n_logits });
    seconds = (double)(clock_mono_ns() - start + 1) / 1e9;
    if (s->n_logits == s->n)
        draft_measure(&s->costs, s->n, seconds);
    else if (s->n >= LEAST_BATCH)
        s->speed = (double)s->n / seconds;
    for (size_t i = 0; i < s->n_spans; i++) {
        advance(s, i, tokens, logits);
        tokens += s->spans[i].n;
        logits += s->spans[i].n_logits * e->shape.n_vocab;
    }
    return true;
}
