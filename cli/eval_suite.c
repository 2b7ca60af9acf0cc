/*
 * Reading suites.  See eval_suite.h.
 */
#include "cli/eval_suite.h"

#include <stdlib.h>
#include <string.h>

#include "util/file.h"

bool eval_is_name(const char *text)
{
    const size_t len = text ? strlen(text) : 0;

    return len > 0 && len <= EVAL_MAX_NAME &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == len;
}

bool eval_list_has(const struct json *list, const char *text)
{
    for (const struct json *e = json_first(list); e; e = json_next(e))
        if (strcmp(json_text(e), text) == 0)
            return true;
    return false;
}

/* --- members ---------------------------------------------------------------------------------------------------------- */

static int read_text(const struct json *object, const char *key, const char **out, struct err *err)
{
    *out = json_get_text(object, key, NULL);
    if (*out == NULL || **out == '\0')
        return fail(err, CORAX_E_ARGS, "%s %s", key,
                    json_get(object, key) ? "must be a text that is not empty" : "is missing");
    return 0;
}

static int read_flag(const struct json *object, const char *key, bool *out, struct err *err)
{
    const struct json *v = json_get(object, key);

    if (v && json_kind(v) != JSON_BOOL)
        return fail(err, CORAX_E_ARGS, "%s must be true or false", key);
    *out = json_bool(v, *out);
    return 0;
}

/* At least min; left alone where it is not there. */
static int read_count(const struct json *object, const char *key, int64_t min, int64_t max, int64_t *out,
                      struct err *err)
{
    const struct json *v = json_get(object, key);
    int64_t n;

    if (v == NULL)
        return 0;
    if (json_int(v, key, &n, err) != 0)
        return -1;
    if (n < min || n > max)
        return fail(err, CORAX_E_ARGS, "%s must be from %lld to %lld", key, (long long)min, (long long)max);
    *out = n;
    return 0;
}

/* A list of 1 to EVAL_MAX_LIST texts; *out stays NULL where it is not there. */
static int read_list(const struct json *object, const char *key, const struct json **out, struct err *err)
{
    const struct json *v = json_get(object, key);
    bool good = json_kind(v) == JSON_ARRAY && json_count(v) > 0 && json_count(v) <= EVAL_MAX_LIST;

    for (const struct json *e = good ? json_first(v) : NULL; e && good; e = json_next(e))
        good = json_text(e) && *json_text(e);
    if (v && !good)
        return fail(err, CORAX_E_ARGS, "%s must be a list of 1 to %d texts", key, EVAL_MAX_LIST);
    *out = v;
    return 0;
}

/* What of POST /v1/tasks a suite may say; the daemon reads the values.  Seeds are counted, and nobody attends. */
static int read_task(const struct json *v, const struct json **out, struct err *err)
{
    static const char *const known[] = { "agent",  "model",    "planner", "tools", "budget",
                                         "policy", "sampling", "memory",  "label", NULL };

    if (v && json_check_members(v, "task", known, err) != 0)
        return -1;
    if (json_get(json_get(v, "sampling"), "seed"))
        return fail(err, CORAX_E_ARGS, "task: sampling has a seed: give the number of seeds in \"seeds\"");
    *out = v;
    return 0;
}

/* --- expectations ----------------------------------------------------------------------------------------------------- */

static int read_tools(struct eval_expect *x, const struct json *v, struct err *err)
{
    static const char *const known[] = { "must", "may", "ordered", NULL };
    const struct json *may = json_get(v, "may");

    if (v == NULL)
        return 0;
    x->about_tools = true;
    if (json_text(v) && strcmp(json_text(v), "none") == 0)
        return 0;
    if (json_kind(v) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "tools must be \"none\" or an object with must, may and ordered");
    if (json_check_members(v, "tools", known, err) != 0 || read_list(v, "must", &x->must, err) != 0 ||
        read_flag(v, "ordered", &x->ordered, err) != 0)
        return -1;
    x->any_other = json_text(may) && strcmp(json_text(may), "any") == 0;
    if (may && !x->any_other && json_text(may))
        return fail(err, CORAX_E_ARGS, "tools: may must be \"any\" or a list of names");
    if (!x->any_other && read_list(v, "may", &x->may, err) != 0)
        return -1;
    if (x->must == NULL && x->may == NULL)
        return fail(err, CORAX_E_ARGS, "tools must name a tool in must or may, or be \"none\"");
    return x->ordered && x->must == NULL ? fail(err, CORAX_E_ARGS, "tools: ordered says nothing without must") : 0;
}

static int read_like(struct eval_call *c, const struct json *v, struct err *err)
{
    const size_t n = json_count(v);

    if (v == NULL)
        return 0;
    if (json_kind(v) != JSON_OBJECT || n == 0 || n > EVAL_MAX_LIST)
        return fail(err, CORAX_E_ARGS, "like must be an object of 1 to %d keys by argument", EVAL_MAX_LIST);
    c->like_names = calloc(n, sizeof(*c->like_names));
    c->like = calloc(n, sizeof(*c->like));
    if (c->like_names == NULL || c->like == NULL)
        return fail(err, CORAX_E_INTERNAL, "out of memory");
    for (const struct json *m = json_first(v); m; m = json_next(m)) {
        c->like_names[c->n_like] = json_key(m);
        if ((c->like[c->n_like] = eval_key_read(m, err)) == NULL)
            return err_context(err, "like.%.60s", json_key(m));
        c->n_like++;
    }
    return 0;
}

static int read_schema(struct eval_call *c, const struct json *v, struct err *err)
{
    const struct jsonschema_options options = { .strict = true };
    const char *raw;
    size_t len = 0;

    if (v == NULL)
        return 0;
    raw = json_raw(v, &len);
    c->schema = jsonschema_compile(raw, len, &options, err);
    return c->schema ? 0 : -1;
}

static int read_call(struct eval_call *c, const struct json *v, struct err *err)
{
    static const char *const known[] = { "tool", "members", "like", "schema", "result", NULL };
    const struct json *result = json_get(v, "result");

    if (json_check_members(v, "a call", known, err) != 0 || read_text(v, "tool", &c->tool, err) != 0)
        return -1;
    c->members = json_get(v, "members");
    if (c->members && (json_kind(c->members) != JSON_OBJECT || json_count(c->members) == 0))
        return fail(err, CORAX_E_ARGS, "members must be an object with an argument");
    if (read_like(c, json_get(v, "like"), err) != 0 || read_schema(c, json_get(v, "schema"), err) != 0)
        return -1;
    if (result && (c->result = eval_key_read(result, err)) == NULL)
        return err_context(err, "result");
    if (!c->members && !c->n_like && !c->schema && !c->result)
        return fail(err, CORAX_E_ARGS, "give members, like, schema or result: what must the call be?");
    return 0;
}

static int read_calls(struct eval_expect *x, const struct json *v, struct err *err)
{
    const size_t n = json_count(v);

    if (v == NULL)
        return 0;
    if (json_kind(v) != JSON_ARRAY || n == 0 || n > EVAL_MAX_LIST)
        return fail(err, CORAX_E_ARGS, "arguments must be a list of 1 to %d calls", EVAL_MAX_LIST);
    if ((x->calls = calloc(n, sizeof(*x->calls))) == NULL)
        return fail(err, CORAX_E_INTERNAL, "out of memory");
    for (const struct json *e = json_first(v); e; e = json_next(e))
        if (read_call(&x->calls[x->n_calls++], e, err) != 0)
            return err_context(err, "arguments, call %zu", x->n_calls);
    return 0;
}

/* A call that must be made with these arguments must also be one that may be made. */
static int check_calls(const struct eval_expect *x, struct err *err)
{
    for (size_t i = 0; i < x->n_calls && x->about_tools && !x->any_other; i++)
        if (!eval_list_has(x->must, x->calls[i].tool) && !eval_list_has(x->may, x->calls[i].tool))
            return fail(err, CORAX_E_ARGS, "arguments ask for a call of \"%.60s\", which tools does not allow",
                        x->calls[i].tool);
    return 0;
}

static int read_expect(struct eval_expect *x, const struct json *v, struct err *err)
{
    static const char *const known[] = { "tools",     "arguments", "answer",   "refused",
                                         "max_steps", "max_calls", "solvable", NULL };
    const struct json *answer = json_get(v, "answer");

    *x = (struct eval_expect){ .max_steps = -1, .max_calls = -1, .solvable = true };
    if (v == NULL)
        return fail(err, CORAX_E_ARGS, "is missing: give at least {}, and have a judge say what is right");
    if (json_check_members(v, "", known, err) != 0 || read_tools(x, json_get(v, "tools"), err) != 0 ||
        read_calls(x, json_get(v, "arguments"), err) != 0 || check_calls(x, err) != 0 ||
        read_list(v, "refused", &x->refused, err) != 0 ||
        read_count(v, "max_steps", 1, 1000000, &x->max_steps, err) != 0 ||
        read_count(v, "max_calls", 0, 1000000, &x->max_calls, err) != 0 ||
        read_flag(v, "solvable", &x->solvable, err) != 0)
        return -1;
    if (answer && (x->answer = eval_key_read(answer, err)) == NULL)
        return err_context(err, "answer");
    return 0;
}

static int check_solution(const struct json *v, struct err *err)
{
    static const char *const known[] = { "calls", "answer", NULL }, *const call[] = { "tool", "arguments", NULL };
    const struct json *calls = json_get(v, "calls");
    const char *text;

    if (v == NULL)
        return 0;
    if (json_check_members(v, "", known, err) != 0 ||
        (json_get(v, "answer") && read_text(v, "answer", &text, err) != 0))
        return -1;
    if (json_get(v, "answer") == NULL && json_count(calls) == 0)
        return fail(err, CORAX_E_ARGS, "give calls, the last of which gives the answer, or the answer");
    if (json_kind(calls) != JSON_ARRAY || json_count(calls) > EVAL_MAX_LIST)
        return fail(err, CORAX_E_ARGS, "calls must be a list of at most %d", EVAL_MAX_LIST);
    for (const struct json *e = json_first(calls); e; e = json_next(e)) {
        if (json_check_members(e, "a call", call, err) != 0 || read_text(e, "tool", &text, err) != 0)
            return -1;
        if (json_kind(json_get(e, "arguments")) != JSON_OBJECT)
            return fail(err, CORAX_E_ARGS, "arguments must be an object");
    }
    return 0;
}

/* What is to be remembered when the question is asked. */
static int read_before(struct eval_question *q, const struct json *v, struct err *err)
{
    static const char *const known[] = { "facts", "tasks", NULL };

    if (v == NULL)
        return 0;
    q->remembers = true;
    if (json_check_members(v, "", known, err) != 0 || read_list(v, "facts", &q->facts, err) != 0 ||
        read_list(v, "tasks", &q->earlier, err) != 0)
        return -1;
    if (q->facts == NULL && q->earlier == NULL)
        return fail(err, CORAX_E_ARGS, "give facts or tasks: what is to be remembered?");
    if (json_get(q->task, "memory"))
        return fail(err, CORAX_E_ARGS, "the question has a space of memories of its own: leave memory out of task");
    return 0;
}

/* --- questions -------------------------------------------------------------------------------------------------------- */

static int read_question(struct eval_question *q, const struct json *v, struct err *err)
{
    static const char *const known[] = { "id", "input", "tags", "task", "before", "expect", "solution", NULL };

    if (json_check_members(v, "", known, err) != 0 || read_text(v, "input", &q->input, err) != 0 ||
        read_list(v, "tags", &q->tags, err) != 0 || read_task(json_get(v, "task"), &q->task, err) != 0)
        return -1;
    for (const struct json *e = json_first(q->tags); e; e = json_next(e))
        if (!eval_is_name(json_text(e)))
            return fail(err, CORAX_E_ARGS, "a tag has 1 to %d letters, digits, . _ -", EVAL_MAX_NAME);
    if (read_before(q, json_get(v, "before"), err) != 0)
        return err_context(err, "before");
    if (read_expect(&q->expect, json_get(v, "expect"), err) != 0)
        return err_context(err, "expect");
    q->solution = json_get(v, "solution");
    return check_solution(q->solution, err) != 0 ? err_context(err, "solution") : 0;
}

static int read_questions(struct eval_suite *s, const struct json *list, struct err *err)
{
    const size_t n = json_count(list);

    if (json_kind(list) != JSON_ARRAY || n == 0 || n > EVAL_MAX_QUESTIONS)
        return fail(err, CORAX_E_ARGS, "questions must be a list of 1 to %d", EVAL_MAX_QUESTIONS);
    if ((s->questions = calloc(n, sizeof(*s->questions))) == NULL)
        return fail(err, CORAX_E_INTERNAL, "out of memory");
    for (const struct json *e = json_first(list); e; e = json_next(e)) {
        struct eval_question *q = &s->questions[s->n++];

        q->id = json_get_text(e, "id", NULL);
        if (!eval_is_name(q->id))
            return fail(err, CORAX_E_ARGS, "question %zu needs an id of 1 to %d letters, digits, . _ -", s->n,
                        EVAL_MAX_NAME);
        for (size_t i = 0; i + 1 < s->n; i++)
            if (strcmp(s->questions[i].id, q->id) == 0)
                return fail(err, CORAX_E_ARGS, "two questions have the id \"%s\"", q->id);
        if (read_question(q, e, err) != 0)
            return err_context(err, "question \"%s\"", q->id);
    }
    return 0;
}

static int read_suite(struct eval_suite *s, struct err *err)
{
    static const char *const known[] = { "eval", "id", "description", "requires", "seeds", "task", "questions", NULL };
    int64_t version = 0, seeds = 1;

    if (json_check_members(s->root, "a suite", known, err) != 0)
        return -1;
    if (json_int(json_get(s->root, "eval"), "eval", &version, NULL) != 0 || version != 1)
        return fail(err, CORAX_E_ARGS, "\"eval\" must be 1, the version of this format");
    s->id = json_get_text(s->root, "id", NULL);
    if (!eval_is_name(s->id))
        return fail(err, CORAX_E_ARGS, "a suite needs an id of 1 to %d letters, digits, . _ -", EVAL_MAX_NAME);
    if (read_text(s->root, "description", &s->description, err) != 0 ||
        read_list(s->root, "requires", &s->requires, err) != 0 ||
        read_count(s->root, "seeds", 1, EVAL_MAX_SEEDS, &seeds, err) != 0 ||
        read_task(json_get(s->root, "task"), &s->task, err) != 0)
        return -1;
    s->seeds = (int)seeds;
    return read_questions(s, json_get(s->root, "questions"), err);
}

struct eval_suite *eval_suite_read(const char *text, size_t len, struct err *err)
{
    struct eval_suite *s = calloc(1, sizeof(*s));
    unsigned char hash[HASH_LEN];

    if (s == NULL) {
        fail(err, CORAX_E_INTERNAL, "out of memory");
        return NULL;
    }
    hash_bytes(text, len, hash);
    hash_format(hash, s->hash);
    s->root = json_parse(text, len, err);
    if (s->root == NULL || read_suite(s, err) != 0) {
        eval_suite_destroy(s);
        return NULL;
    }
    return s;
}

struct eval_suite *eval_suite_load(const char *path, struct err *err)
{
    struct eval_suite *s = NULL;
    struct buf text;

    buf_init(&text, EVAL_MAX_BYTES);
    if (file_read(path, &text, err) == 0 && (s = eval_suite_read(text.data, text.len, err)) == NULL)
        err_context(err, "%s", path);
    buf_finish(&text);
    return s;
}

static void finish_call(struct eval_call *c)
{
    for (size_t i = 0; i < c->n_like; i++)
        eval_key_destroy(c->like[i]);
    free(c->like);
    free(c->like_names);
    jsonschema_destroy(c->schema);
    eval_key_destroy(c->result);
}

void eval_suite_destroy(struct eval_suite *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n; i++) {
        struct eval_expect *x = &s->questions[i].expect;

        for (size_t k = 0; k < x->n_calls; k++)
            finish_call(&x->calls[k]);
        free(x->calls);
        eval_key_destroy(x->answer);
    }
    free(s->questions);
    json_free(s->root);
    free(s);
}
