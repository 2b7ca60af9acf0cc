/*
 * The token loop allocates nothing: between one token of a reply and the next there is no malloc(), calloc(), realloc() or
 * aligned_alloc(), in a session and in the scheduler, greedy, sampled and under a constraint, with attention and with recurrence.
 * What there may be is a page of keys and values each STATE_BLOCK positions, which is an allocation of the page and one of its data; one
 * that was given back is taken again without any.
 *
 * Not counted: the states of a constraint, which are made as a reply comes to them, within its limits; asked again it has them.
 * Not covered: what libraries allocate for themselves; the text of a reply, which grows by doubling in infer/chat.c.  What happens before
 * the first token and behind the last one may allocate: a generation, nodes of the prefix cache.
 */
#include "infer/dialect.h"
#include "infer/scheduler.h"

#include <stdatomic.h>

#include "tests/infer/engines.h"
#include "tests/tap.h"

#define N_TOKENS 200 /* that are looked at, in as many replies as it takes */
#define PROMPT   200 /* so that a reply goes past the end of a page */

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__real_aligned_alloc(size_t, size_t);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);
void *__wrap_aligned_alloc(size_t, size_t);

static _Atomic long n_allocated, n_aligned;

bool __real_constraint_allows(struct constraint *, int32_t);
bool __real_constraint_prepare(struct constraint *);
void __real_constraint_accept(struct constraint *, int32_t);
size_t __real_constraint_guess(struct constraint *, char *, size_t);
bool __wrap_constraint_allows(struct constraint *, int32_t);
bool __wrap_constraint_prepare(struct constraint *);
void __wrap_constraint_accept(struct constraint *, int32_t);
size_t __wrap_constraint_guess(struct constraint *, char *, size_t);

bool __wrap_constraint_allows(struct constraint *c, int32_t token)
{
    const long before = n_allocated;
    const bool result = __real_constraint_allows(c, token);

    n_allocated = before;
    return result;
}

bool __wrap_constraint_prepare(struct constraint *c)
{
    const long before = n_allocated;
    const bool result = __real_constraint_prepare(c);

    n_allocated = before;
    return result;
}

void __wrap_constraint_accept(struct constraint *c, int32_t token)
{
    const long before = n_allocated;

    __real_constraint_accept(c, token);
    n_allocated = before;
}

size_t __wrap_constraint_guess(struct constraint *c, char *out, size_t max)
{
    const long before = n_allocated;
    const size_t n = __real_constraint_guess(c, out, max);

    n_allocated = before;
    return n;
}

void *__wrap_malloc(size_t size)
{
    n_allocated++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    n_allocated++;
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    n_allocated++;
    return __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    n_aligned++;
    return __real_aligned_alloc(alignment, size);
}

/* --- what is counted ---------------------------------------------------------------------------------------------- */

struct count {
    size_t n_replies, n_tokens; /* looked at */
    long   n_pages, n_wrong;    /* pages that were made, and other allocations */
    long   n_allocated, n_aligned; /* up to the last look */
};

static void look_away(struct count *c)
{
    c->n_allocated = n_allocated;
    c->n_aligned = n_aligned;
}

/* A page is one allocation of each kind. */
static void look(struct count *c)
{
    const long n_pages = n_aligned - c->n_aligned;

    c->n_pages += n_pages;
    c->n_wrong += labs(n_allocated - c->n_allocated - n_pages);
    look_away(c);
}

static void fill(int32_t *tokens, const struct engine *e, uint64_t seed)
{
    for (size_t i = 0; i < PROMPT; i++)
        tokens[i] = (int32_t)(tiny_random(&seed) % e->shape.n_vocab);
}

static struct jsonschema *schema; /* of a tool, as long as there are constraints */

static struct constraint *make_constraint(struct engine *e, size_t round)
{
    static const char text[] = "{\"type\":\"object\",\"properties\":{\"q\":{\"type\":\"string\"},\"n\":{\"type\":\"array\",\"items\":{\"type\":"
                               "\"number\"}}},\"required\":[\"q\",\"n\"]}";
    struct tool tools[] = { { "look", NULL }, { "look_up", NULL } };
    const struct dialect_request q = { .tools = tools, .n_tools = 2, .choice = round % 2 ? CHOICE_AUTO : CHOICE_REQUIRED };
    static const struct json_style style = { .ordered = true, .closed = true };
    static struct script script;
    struct script_grammar grammar = { &script, tools, 2, NULL, 0 };
    struct constraint_spec spec = { .build = script_build, .arg = &grammar, .style = &style, .max_thought = 20 };

    if (!schema)
        schema = jsonschema_compile(text, strlen(text), NULL, NULL);
    tools[0].parameters = jsonschema_root(schema);
    script_init(&script, engine_tokenizer(e));
    if (dialect_corax_script(&script, &q, spec.max_thought) < 0)
        abort();
    memcpy(spec.after_thought, script.after_thought, sizeof spec.after_thought);
    return constraint_create(engine_vocabulary(e), &spec, NULL);
}

enum way { GREEDY, SAMPLED, CONSTRAINED, N_WAYS };
static const char *const ways[] = { "greedy", "sampled", "under a constraint" };

static struct sampling sampling_of(enum way way, size_t round)
{
    return way == GREEDY ? SAMPLING_GREEDY : (struct sampling){ 1.0f, round % 2 ? 40 : 0, 0.95f, 0.01f, round };
}

static size_t room(const struct engine *e)
{
    return e->n_ctx - PROMPT < N_TOKENS ? e->n_ctx - PROMPT : N_TOKENS;
}

/* --- in a session ------------------------------------------------------------------------------------------------- */

/* What is done before the first token and behind the last one is not looked at. */
static void look_at_token(void *arg, int32_t token)
{
    struct count *c = arg;

    (void)token;
    look(c);
    c->n_tokens++;
}

static void write_session(struct engine *e, enum way way, struct count *c)
{
    for (size_t round = 1; c->n_tokens < N_TOKENS && round < 400; round++) {
        struct session *s = session_create(e, NULL);
        struct decode d = { .sampling = sampling_of(way, round), .max_tokens = room(e), .on_token = look_at_token, .arg = c };
        int32_t prompt[PROMPT];
        enum decode_finish finish;
        size_t n;

        fill(prompt, e, round);
        d.constraint = way == CONSTRAINED ? make_constraint(e, round) : NULL;
        if (!s || session_sync(s, prompt, PROMPT, NULL, NULL, NULL, NULL) < 0)
            abort();
        look_away(c);
        if (session_decode(s, &d, &n, &finish, NULL) < 0)
            abort();
        c->n_replies++;
        constraint_destroy(d.constraint);
        session_destroy(s);
    }
}

/* --- in the scheduler --------------------------------------------------------------------------------------------- */

struct writing {
    size_t n_tokens;
    bool over;
};

static void on_token(void *arg, int32_t token)
{
    struct writing *r = arg;

    (void)token;
    r->n_tokens++;
}

static void on_end(void *arg, const struct generation_end *end)
{
    struct writing *r = arg;

    r->over = true;
    if (end->err)
        diag("%s", end->err->msg);
}

static void begin(struct scheduler *s, const struct engine *e, enum way way, size_t round, struct constraint *constraint, struct writing *r)
{
    int32_t prompt[PROMPT];
    const struct generation_spec spec = { .prompt = prompt, .n_prompt = PROMPT, .sampling = sampling_of(way, round), .constraint = constraint,
                                          .max_tokens = room(e), .on_token = on_token, .on_end = on_end, .arg = r };

    fill(prompt, e, round);
    if (!scheduler_add(s, &spec, NULL))
        abort();
}

/* Steps in which both write and none ends. */
static void look_at_steps(struct scheduler *s, struct count *c, const struct writing *r)
{
    while (!r[0].over && !r[1].over) {
        const size_t before = r[0].n_tokens + r[1].n_tokens;

        look_away(c);
        (void)scheduler_step(s);
        if (r[0].over || r[1].over || before == 0 || r[0].n_tokens < 2 || r[1].n_tokens < 2)
            continue;
        look(c);
        c->n_tokens += r[0].n_tokens + r[1].n_tokens - before;
    }
}

static void write_scheduled(struct engine *e, enum way way, int draft, struct count *c)
{
    const struct scheduler_options options = { .cache_bytes = (size_t)64 << 20, .draft = draft };
    struct scheduler *s = scheduler_create(e, &options, NULL);

    for (size_t round = 1; c->n_tokens < N_TOKENS && round < 400; round++) {
        struct writing replies[2] = { { 0 }, { 0 } };
        struct constraint *constraints[2];

        for (size_t i = 0; i < 2; i++) {
            constraints[i] = way == CONSTRAINED ? make_constraint(e, round) : NULL;
            begin(s, e, way, 2 * round + i, constraints[i], &replies[i]);
        }
        look_at_steps(s, c, replies);
        while (scheduler_step(s))
            ;
        c->n_replies += 2;
        constraint_destroy(constraints[0]);
        constraint_destroy(constraints[1]);
    }
    scheduler_destroy(s);
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

static void check(const struct count *c, const struct engine *e, const char *where, enum way way)
{
    /* One page ends in each reply, and one may be copied: that in which the prompt ends, which the prefix cache has, too. */
    const long most = e->shape.n_recurrent ? 0 : 2 * (long)c->n_replies;

    ok(c->n_tokens >= N_TOKENS && c->n_wrong == 0 && c->n_pages <= most, "%s, %s: %zu tokens of %zu replies, %ld pages, %ld other allocations",
       where, ways[way], c->n_tokens, c->n_replies, c->n_pages, c->n_wrong);
}

static void test_engine(struct engine *e)
{
    const bool has_vocabulary = e->shape.n_vocab >= tokenizer_n_tokens(e->tokenizer);

    for (enum way way = GREEDY; way < N_WAYS; way++) {
        struct count session = { 0 }, scheduled = { 0 }, drafted = { 0 };

        if (way == CONSTRAINED && !has_vocabulary)
            continue;
        write_session(e, way, &session);
        check(&session, e, "a session", way);
        write_scheduled(e, way, SCHEDULER_DRAFT_PAYS, &scheduled);
        check(&scheduled, e, "the scheduler", way);
        if (e->shape.n_recurrent)
            continue;
        write_scheduled(e, way, SCHEDULER_DRAFT_ALWAYS, &drafted);
        check(&drafted, e, "the scheduler, with guesses", way);
    }
}

static void test_llama(enum engine_cache cache, const char *name)
{
    struct engine *e = llama_engine_open(cache);

    if (ok(e != NULL, "a llama, whose keys and values are %s", name))
        test_engine(e);
    llama_engine_close(e);
}

int main(void)
{
    const char *const golden[] = { "mamba-tied.gguf", "mamba2-groups.gguf", "rwkv4-odd.gguf", "rwkv5-2.gguf", "rwkv6.gguf", "rwkv7.gguf" };

    plan_later();
    test_llama(ENGINE_CACHE_F16, "F16");
    test_llama(ENGINE_CACHE_BF16, "BF16");
    test_llama(ENGINE_CACHE_Q8_0, "Q8_0");
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        struct golden_engine g;

        if (ok(golden_engine_open(&g, golden[i]), "%s", golden[i]))
            test_engine(g.e);
        golden_engine_close(&g);
    }
    jsonschema_destroy(schema);
    done();
    return tap_status();
}
