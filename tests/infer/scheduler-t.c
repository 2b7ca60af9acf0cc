/*
 * infer/scheduler.c and infer/prefix_cache.c: replies that are written side by side, from prompts with common beginnings, with little
 * memory, cancelled and begun at any time, have the tokens that each has alone.
 */
#include "infer/scheduler.h"

#include "infer/draft.h"
#include "infer/prefix_cache.h"
#include "tests/infer/engines.h"
#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"
#include "util/log.h"

#define N_JOBS     24
#define MAX_PROMPT 560
#define MAX_REPLY  40

struct job {
    int32_t prompt[MAX_PROMPT], want[MAX_REPLY], got[MAX_REPLY];
    size_t n_prompt, max_tokens, n_want, n_got, n_cached, n_guessed, n_right;
    struct sampling sampling;
    struct generation *generation; /* NULL: not begun, or over */
    bool over, cancelled, failed;
};

static struct job jobs[N_JOBS];

/* --- jobs --------------------------------------------------------------------------------------------------------- */

/* Prompts of three families with common beginnings, some the same, some short. */
static void invent(struct engine *e, uint64_t *random)
{
    const size_t longest = e->n_ctx - MAX_REPLY < MAX_PROMPT ? e->n_ctx - MAX_REPLY : MAX_PROMPT;

    for (size_t i = 0; i < N_JOBS; i++) {
        struct job *j = &jobs[i];
        size_t shared;

        memset(j, 0, sizeof *j);
        j->n_prompt = 1 + tiny_random(random) % longest;
        shared = i >= 3 ? tiny_random(random) % (longest + 100) : 0;
        for (size_t t = 0; t < j->n_prompt; t++)
            j->prompt[t] = t < shared && i >= 3 && t < jobs[i % 3].n_prompt ? jobs[i % 3].prompt[t]
                                                                             : (int32_t)(tiny_random(random) % e->shape.n_vocab);
        if (i < 3)
            j->n_prompt = longest;
        if (i < 3)
            for (size_t t = 0; t < longest; t++)
                j->prompt[t] = (int32_t)(tiny_random(random) % e->shape.n_vocab);
        j->max_tokens = 1 + tiny_random(random) % MAX_REPLY;
        j->sampling = i % 2 ? (struct sampling){ 1.1f, 40, 0.95f, 0.01f, i } : SAMPLING_GREEDY;
    }
}

static void want_token(void *arg, int32_t token)
{
    struct job *j = arg;

    j->want[j->n_want++] = token;
}

static void get_token(void *arg, int32_t token)
{
    struct job *j = arg;

    if (j->n_got < MAX_REPLY)
        j->got[j->n_got] = token;
    j->n_got++;
}

static void get_end(void *arg, const struct generation_end *end)
{
    struct job *j = arg;

    j->over = true;
    j->failed = end->err != NULL;
    j->n_cached = end->n_cached;
    j->n_guessed = end->n_guessed;
    j->n_right = end->n_right;
    j->generation = NULL;
}

static void write_alone(struct engine *e)
{
    for (size_t i = 0; i < N_JOBS; i++) {
        struct job *j = &jobs[i];
        struct decode d = { .sampling = j->sampling, .max_tokens = j->max_tokens, .on_token = want_token, .arg = j };
        struct session *s = session_create(e, NULL);
        enum decode_finish finish;
        size_t n;

        if (!s || session_sync(s, j->prompt, j->n_prompt, NULL, NULL, NULL, NULL) < 0 || session_decode(s, &d, &n, &finish, NULL) < 0)
            abort();
        session_destroy(s);
    }
}

static void begin(struct scheduler *s, struct job *j)
{
    const struct generation_spec spec = { .prompt = j->prompt, .n_prompt = j->n_prompt, .sampling = j->sampling, .max_tokens = j->max_tokens,
                                          .on_token = get_token, .on_end = get_end, .arg = j };

    j->n_got = 0;
    j->over = j->cancelled = j->failed = false;
    j->generation = scheduler_add(s, &spec, NULL);
    if (!j->generation)
        abort();
}

static bool same(const struct job *j)
{
    return j->over && !j->failed && j->n_got == j->n_want && memcmp(j->got, j->want, j->n_got * sizeof *j->got) == 0;
}

/* All of them in some order, some at the same time; one in eight is cancelled when cancel is set.  How many go wrong. */
static size_t write_together(struct scheduler *s, uint64_t *random, bool cancel)
{
    size_t begun = 0, wrong = 0, first = tiny_random(random) % N_JOBS;
    bool more = true;

    while (begun < N_JOBS || more) {
        while (begun < N_JOBS && tiny_random(random) % 4)
            begin(s, &jobs[(first + begun++) % N_JOBS]);
        for (size_t i = 0; cancel && i < N_JOBS; i++)
            if (jobs[i].generation && i % 8 == 0 && tiny_random(random) % 16 == 0) {
                jobs[i].cancelled = true;
                generation_cancel(jobs[i].generation);
            }
        more = scheduler_step(s);
    }
    for (size_t i = 0; i < N_JOBS; i++)
        wrong += jobs[i].cancelled ? !jobs[i].over || memcmp(jobs[i].got, jobs[i].want, jobs[i].n_got * sizeof(int32_t)) != 0 : !same(&jobs[i]);
    return wrong;
}

static void test_engine(struct engine *e, const char *name)
{
    struct scheduler *s;
    uint64_t random = 7;
    size_t wrong, n_cached = 0, n_guessed = 0, n_right = 0, too_many = 0;

    invent(e, &random);
    write_alone(e);
    s = scheduler_create(e, &(struct scheduler_options){ .cache_bytes = (size_t)64 << 20 }, NULL);
    wrong = 0;
    for (int i = 0; i < 3; i++)
        wrong += write_together(s, &random, false);
    is_int((long long)wrong, 0, name);
    for (size_t i = 0; i < N_JOBS; i++)
        n_cached += jobs[i].n_cached == jobs[i].n_prompt - 1;
    ok(n_cached == N_JOBS, "what was read before is known: of %zu prompts of %d all but the last token", n_cached, N_JOBS);
    is_int((long long)write_together(s, &random, true), 0, "with some cancelled");
    scheduler_destroy(s);
    is_int((long long)pages_n_used(e->pages), 0, "all pages came back");

    s = scheduler_create(e, &(struct scheduler_options){ .cache_bytes = 1, .draft = SCHEDULER_DRAFT_ALWAYS }, NULL); /* the least that one context needs: they take turns */
    is_int((long long)write_together(s, &random, false), 0, "with little memory");
    for (size_t i = 0; i < N_JOBS; i++) {
        n_guessed += jobs[i].n_guessed;
        n_right += jobs[i].n_right;
        too_many += jobs[i].n_right > jobs[i].n_guessed || jobs[i].n_right >= jobs[i].n_want + 1;
    }
    ok(e->shape.n_recurrent ? n_guessed == 0 : n_guessed > n_right && n_right > 0 && too_many == 0, "of %zu guessed tokens %zu were right", n_guessed,
       n_right);
    begin(s, &jobs[0]);
    scheduler_step(s);
    scheduler_destroy(s);
    ok(!jobs[0].over && pages_n_used(e->pages) == 0, "what runs at the end goes without a word");
}

/* --- files -------------------------------------------------------------------------------------------------------- */

/* Changes a byte of every third file, or all but the first bytes of it; how many there are. */
static size_t damage(const char *dir)
{
    char command[600];
    FILE *f;
    int n = 0;

    snprintf(command, sizeof command,
             "i=0; for f in %s/*/*; do i=$((i + 1)); [ -f \"$f\" ] || continue; case $((i %% 3)) in 0) printf x | dd of=\"$f\" bs=1 seek=$((i * 97)) "
             "conv=notrunc 2>/dev/null ;; 1) [ $((i %% 2)) = 0 ] || truncate -s $((i * 10)) \"$f\" ;; esac; done; echo $i",
             dir);
    f = popen(command, "r");
    if (!f || fscanf(f, "%d", &n) != 1)
        n = 0;
    if (f)
        pclose(f);
    return (size_t)n;
}

static void test_files(struct engine *e)
{
    char dir[] = "/tmp/corax-prefixes.XXXXXX", command[64];
    const struct scheduler_options options = { .cache_bytes = (size_t)64 << 20, .prefixes = dir };
    size_t n_cached = 0, wrong, n_saved = 0;
    uint64_t random = 11;
    struct scheduler *s;

    if (!mkdtemp(dir))
        abort();
    log_open("scheduler-t", LOG_LEVEL_ERROR);
    s = scheduler_create(e, &options, NULL);
    wrong = write_together(s, &random, false);
    while (scheduler_save(s))
        n_saved++;
    scheduler_destroy(s);
    ok(wrong == 0 && n_saved > 0, "what was read is written to %zu files", n_saved);
    s = scheduler_create(e, &options, NULL);
    is_int((long long)write_together(s, &random, false), 0, "another scheduler has the same replies");
    for (size_t i = 0; i < N_JOBS; i++)
        n_cached += jobs[i].n_cached + 1 == jobs[i].n_prompt;
    ok(n_cached == N_JOBS, "and read only the last token of %zu prompts of %d", n_cached, N_JOBS);
    while (scheduler_save(s))
        ;
    scheduler_destroy(s);
    n_saved = damage(dir);
    s = scheduler_create(e, &options, NULL);
    is_int((long long)write_together(s, &random, false), 0, "of damaged files none changes a reply");
    scheduler_destroy(s);
    is_int((long long)pages_n_used(e->pages), 0, "all pages came back");
    snprintf(command, sizeof command, "rm -r %s", dir);
    ok(n_saved > 0 && system(command) == 0, "of %zu files", n_saved);
    s = scheduler_create(e, &(struct scheduler_options){ .prefixes = "/proc/no/such/folder" }, NULL);
    ok(s != NULL, "without a folder it works, too");
    scheduler_destroy(s);
}

/* --- the cache alone -------------------------------------------------------------------------------------------------- */

/* A state that holds n pages' worth of tokens, with its own number in each page. */
static void fill_state(struct state *state, const struct shape *shape, struct pages *pages, size_t n, unsigned char number)
{
    if (state_init(state, shape, pages, 2048, NULL) < 0 || state_reserve(state, 0, n, NULL) < 0)
        abort();
    for (size_t i = 0; i < state->n_pages; i++)
        state->table[i]->data[0] = number;
}

static size_t found(struct prefix_cache *c, const struct shape *shape, struct pages *pages, const int32_t *tokens, size_t n, int *number)
{
    struct state state;
    size_t worth, result;

    if (state_init(&state, shape, pages, 2048, NULL) < 0)
        abort();
    result = prefix_cache_find(c, tokens, n, &state, &worth);
    *number = state.n_pages ? state.table[state.n_pages - 1]->data[0] : -1;
    state_finish(&state);
    return result;
}

static void test_pages(void)
{
    const struct shape shape = { .n_layer = 1, .n_kv_head = 1, .head_dim = 32 };
    int32_t a[1000], b[1000];
    struct prefix_cache *c;
    struct kv_layout layout;
    struct state state;
    struct pages *pages;
    int number;

    kv_layout_init(&layout, QUANT_F16, 1, 1, 32, NULL);
    pages = pages_create(&layout, 0, NULL);
    c = prefix_cache_create(&shape, pages, 1 << 20, NULL);
    for (int i = 0; i < 1000; i++) {
        a[i] = i;
        b[i] = i < 700 ? i : -i;
    }
    ok(found(c, &shape, pages, a, 1000, &number) == 0 && number < 0, "an empty cache knows nothing");
    fill_state(&state, &shape, pages, 600, 1);
    prefix_cache_add(c, a, 600, &state);
    state_finish(&state);
    ok(found(c, &shape, pages, a, 1000, &number) == 600 && number == 1, "what was added is found");
    ok(found(c, &shape, pages, a, 300, &number) == 300 && number == 1, "and a part of it");
    fill_state(&state, &shape, pages, 1000, 2);
    prefix_cache_add(c, a, 1000, &state);
    state_finish(&state);
    ok(found(c, &shape, pages, a, 1000, &number) == 1000 && number == 2, "more of it takes the place of the last page");
    ok(found(c, &shape, pages, a, 300, &number) == 300 && number == 1, "full ones stay");
    ok(found(c, &shape, pages, b, 1000, &number) == 700 && number == 2, "of another the common tokens");
    fill_state(&state, &shape, pages, 1000, 3);
    prefix_cache_add(c, b, 1000, &state);
    state_finish(&state);
    ok(found(c, &shape, pages, b, 1000, &number) == 1000 && number == 3 && found(c, &shape, pages, a, 1000, &number) == 1000 && number == 2,
       "both are known");
    is_int((long long)prefix_cache_n_nodes(c), 6, "and share what they have in common");
    is_int((long long)pages_n_used(pages), 6, "one page a node");
    found(c, &shape, pages, a, 1000, &number);
    prefix_cache_shrink(c);
    ok(found(c, &shape, pages, b, 1000, &number) == 768 && found(c, &shape, pages, a, 1000, &number) == 1000,
       "what was used last is given up last, the end of a path first");
    prefix_cache_destroy(c);
    is_int((long long)pages_n_used(pages), 0, "all pages came back");
    pages_destroy(pages);
}

static size_t found_value(struct prefix_cache *c, const struct shape *shape, struct pages *pages, const int32_t *tokens, size_t n, float *value,
                          size_t *worth)
{
    struct state state;
    size_t result;

    if (state_init(&state, shape, pages, 2048, NULL) < 0)
        abort();
    result = prefix_cache_find(c, tokens, n, &state, worth);
    *value = state.recurrent[0];
    state_finish(&state);
    return result;
}

static void add_value(struct prefix_cache *c, const struct shape *shape, struct pages *pages, const int32_t *tokens, size_t n, float value)
{
    struct state state;

    if (state_init(&state, shape, pages, 2048, NULL) < 0)
        abort();
    state.recurrent[0] = value;
    prefix_cache_add(c, tokens, n, &state);
    state_finish(&state);
}

static void test_checkpoints(void)
{
    const struct shape shape = { .n_layer = 1, .n_recurrent = 10 };
    struct pages *pages = pages_create(&(struct kv_layout){ .n_layer = 1 }, 0, NULL);
    struct prefix_cache *c = prefix_cache_create(&shape, pages, 4 * 10 * sizeof(float), NULL);
    int32_t a[1000], b[1000];
    size_t worth;
    float value;

    for (int i = 0; i < 1000; i++) {
        a[i] = i;
        b[i] = i < 700 ? i : -i;
    }
    add_value(c, &shape, pages, a, 500, 5);
    add_value(c, &shape, pages, a, 900, 9);
    ok(found_value(c, &shape, pages, a, 1000, &value, &worth) == 900 && value == 9 && worth == 0, "the deepest checkpoint is found");
    ok(found_value(c, &shape, pages, a, 899, &value, &worth) == 500 && value == 5 && worth == 899, "never one past what is asked for");
    ok(found_value(c, &shape, pages, b, 1000, &value, &worth) == 500 && value == 5 && worth == 700, "of another, and where one is missing");
    add_value(c, &shape, pages, b, 700, 7);
    ok(found_value(c, &shape, pages, b, 1000, &value, &worth) == 700 && value == 7 && worth == 0 &&
           found_value(c, &shape, pages, a, 1000, &value, &worth) == 900 && value == 9,
       "which cuts a path in two");
    add_value(c, &shape, pages, b, 1000, 10);
    add_value(c, &shape, pages, b, 20, 2);
    ok(found_value(c, &shape, pages, a, 600, &value, &worth) == 20 && value == 2, "the one that was not used for longest makes room");
    ok(found_value(c, &shape, pages, b, 1000, &value, &worth) == 1000 && value == 10, "others stay");
    prefix_cache_clear(c);
    is_int((long long)prefix_cache_n_nodes(c), 0, "nothing is left of an empty tree");
    prefix_cache_destroy(c);
    c = prefix_cache_create(&shape, pages, 10 * sizeof(float), NULL);
    add_value(c, &shape, pages, a, 900, 9);
    add_value(c, &shape, pages, a, 500, 5);
    ok(found_value(c, &shape, pages, a, 1000, &value, &worth) == 500 && value == 5 && prefix_cache_n_nodes(c) == 1,
       "the only one that there is room for takes the place of one on its own path");
    prefix_cache_destroy(c);
    pages_destroy(pages);
}

/* --- guesses alone -------------------------------------------------------------------------------------------------- */

static void test_draft(void)
{
    int32_t tokens[300], out[DRAFT_MAX];
    struct draft_costs costs = { { 0 } };
    struct draft d;

    draft_init(&d, 300, NULL);
    for (int i = 0; i < 300; i++)
        tokens[i] = i % 100;
    is_int((long long)draft_find(&d, tokens, 3, out, 8), 0, "three tokens have no past");
    is_int((long long)draft_find(&d, tokens, 100, out, 8), 0, "what was never there has no successor");
    ok(draft_find(&d, tokens, 105, out, 8) == 8 && out[0] == 5 && out[7] == 12, "what followed the last time is guessed");
    ok(draft_find(&d, tokens, 204, out, 3) == 3 && out[0] == 4 && out[2] == 6, "no more than is wanted");
    tokens[205] = 7;
    ok(draft_find(&d, tokens, 206, out, 8) == 0, "only when three tokens are the same");
    for (size_t n = 1; n <= DRAFT_ROWS; n++)
        draft_measure(&costs, n, 1 + 0.05 * (double)n);
    for (int i = 0; i < 40; i++)
        draft_learn(&d, 4, 4);
    is_int((long long)draft_length(&d, &costs, 1, 8), 8, "all are worth it when they are always right and cost little");
    for (int i = 0; i < 40; i++)
        draft_learn(&d, 4, 0);
    is_int((long long)draft_length(&d, &costs, 1, 8), 0, "none when they never are");
    for (int i = 0; i < 40; i++)
        draft_learn(&d, 4, 3);
    for (int i = 0; i < 40; i++)
        for (size_t n = 1; n <= DRAFT_ROWS; n++)
            draft_measure(&costs, n, (double)n);
    is_int((long long)draft_length(&d, &costs, 1, 8), 0, "none when each costs as much as it brings");
    draft_finish(&d);
}

int main(void)
{
    const enum engine_cache caches[] = { ENGINE_CACHE_F32, ENGINE_CACHE_BF16, ENGINE_CACHE_Q8_0 };
    const char *const golden[] = { "mamba-tied.gguf", "mamba2-groups.gguf", "rwkv4-odd.gguf", "rwkv5-2.gguf", "rwkv6.gguf", "rwkv7.gguf" };

    plan_later();
    test_pages();
    test_checkpoints();
    test_draft();
    for (size_t i = 0; i < 3; i++) {
        struct engine *e = llama_engine_open(caches[i]);

        test_engine(e, "24 replies side by side, three times: the tokens of each alone");
        test_files(e);
        llama_engine_close(e);
    }
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        struct golden_engine g;

        if (ok(golden_engine_open(&g, golden[i]), "%s", golden[i])) {
            test_engine(g.e, "its replies side by side");
            test_files(g.e);
        }
        golden_engine_close(&g);
    }
    done();
    return tap_status();
}
