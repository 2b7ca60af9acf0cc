#include "infer/bench_replay.h"

#include <inttypes.h>
#include <stdlib.h>

#include "infer/scheduler.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/json.h"

#define MAX_FILE  ((size_t)8 << 20)
#define MAX_PARTS 256

struct transcript {
    int32_t *tokens; /* of all parts */
    size_t n, n_parts, ends[MAX_PARTS];
};

/* --- the file ----------------------------------------------------------------------------------------------------- */

static int add_part(struct transcript *t, const struct json *part, size_t n_vocab, size_t n_ctx, struct err *err)
{
    if (json_kind(part) != JSON_ARRAY || json_count(part) == 0)
        return fail(err, CORAX_E_ARGS, "part %zu is not an array of token ids", t->n_parts + 1);
    if (t->n_parts == MAX_PARTS)
        return fail(err, CORAX_E_LIMIT, "more than %d parts", MAX_PARTS);
    for (const struct json *id = json_first(part); id; id = json_next(id)) {
        int64_t token;

        if (json_int(id, "token", &token, err) < 0)
            return -1;
        if (token < 0 || (uint64_t)token >= n_vocab)
            return fail(err, CORAX_E_ARGS, "token %" PRId64 " in part %zu, the model has 0 to %zu", token, t->n_parts + 1, n_vocab - 1);
        if (t->n == n_ctx)
            return fail(err, CORAX_E_ARGS, "more tokens than the context's %zu (--ctx)", n_ctx);
        t->tokens[t->n++] = (int32_t)token;
    }
    t->ends[t->n_parts++] = t->n;
    return 0;
}

static int take(struct transcript *t, const struct json *root, const struct engine *e, struct err *err)
{
    if (json_kind(root) != JSON_ARRAY || json_count(root) < 2)
        return fail(err, CORAX_E_ARGS, "not an array of two or more arrays of token ids");
    for (const struct json *part = json_first(root); part; part = json_next(part))
        if (add_part(t, part, e->shape.n_vocab, e->n_ctx, err) < 0)
            return -1;
    return 0;
}

static int read_transcript(struct transcript *t, const char *path, const struct engine *e, struct err *err)
{
    struct json *root = NULL;
    struct buf text;
    int rc = -1;

    t->tokens = calloc(e->n_ctx, sizeof *t->tokens);
    if (!t->tokens)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    buf_init(&text, MAX_FILE);
    if (file_read(path, &text, err) == 0) {
        root = json_parse(text.data, text.len, err);
        rc = root ? take(t, root, e, err) : -1;
        if (rc < 0)
            err_context(err, "%s", path);
    }
    json_free(root);
    buf_finish(&text);
    return rc;
}

/* --- writing it again --------------------------------------------------------------------------------------------- */

struct part_clock {
    int64_t start;
    double seconds;
    size_t n_guessed, n_right;
};

static void on_prompt(void *arg)
{
    struct part_clock *c = arg;

    c->start = clock_mono_ns();
}

static void on_token(void *arg, int32_t token)
{
    (void)arg, (void)token;
}

static void on_end(void *arg, const struct generation_end *end)
{
    struct part_clock *c = arg;

    c->seconds += (double)(clock_mono_ns() - c->start) / 1e9;
    c->n_guessed += end->n_guessed;
    c->n_right += end->n_right;
}

/* Each second part behind all that are before it. */
static int write_all(struct engine *e, const struct transcript *t, int draft, struct part_clock *c, struct err *err)
{
    const struct scheduler_options options = { .draft = draft };
    struct scheduler *s = scheduler_create(e, &options, err);
    int rc = s ? 0 : -1;

    *c = (struct part_clock){ 0 };
    for (size_t p = 1; p < t->n_parts && rc == 0; p += 2) {
        const size_t n_prompt = t->ends[p - 1];
        const struct generation_spec spec = { .prompt = t->tokens, .n_prompt = n_prompt, .sampling = SAMPLING_GREEDY,
                                              .max_tokens = t->ends[p] - n_prompt, .replay = t->tokens + n_prompt,
                                              .on_prompt = on_prompt, .on_token = on_token, .on_end = on_end, .arg = c };

        rc = scheduler_add(s, &spec, err) ? 0 : -1;
        while (rc == 0 && scheduler_step(s))
            ;
    }
    scheduler_destroy(s);
    return rc;
}

static int run_all(struct engine *e, const struct transcript *t, size_t n_runs, struct bench_replay *r, struct err *err)
{
    struct part_clock c = { 0 };

    for (size_t i = 0; i < n_runs; i++) {
        if (write_all(e, t, SCHEDULER_DRAFT_OFF, &c, err) < 0)
            return -1;
        r->alone[i] = c.seconds;
        if (write_all(e, t, SCHEDULER_DRAFT_PAYS, &c, err) < 0)
            return -1;
        r->guessed[i] = c.seconds;
    }
    for (size_t p = 1; p < t->n_parts; p += 2)
        r->n_written += t->ends[p] - t->ends[p - 1];
    r->n_guessed = c.n_guessed;
    r->n_right = c.n_right;
    return 0;
}

int bench_replay(struct engine *e, const char *path, size_t n_runs, struct bench_replay *r, struct err *err)
{
    struct transcript t = { 0 };
    int rc;

    r->n_written = 0;
    rc = read_transcript(&t, path, e, err);
    if (rc == 0)
        rc = run_all(e, &t, n_runs, r, err);
    free(t.tokens);
    return rc;
}
