#include "cli/eval_suite.h"

#include <stdlib.h>
#include <string.h>

static int read_text(const struct json *object, const char *key, bool needed, const char **out, struct err *err)
{
    const struct json *v = json_get(object, key);

    *out = json_text(v);
    if ((v && (!*out || !**out)) || (!v && needed))
        return fail(err, CORAX_E_ARGS, "%s must be a text that is not empty", key);
    return 0;
}

static bool is_id(const char *s)
{
    const size_t n = s ? strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_.") : 0;

    return n > 0 && n <= 64 && s[n] == '\0';
}

/* A list of texts; NULL is none. */
static int check_texts(const struct json *list, const char *key, size_t max, struct err *err)
{
    if (list && (json_kind(list) != JSON_ARRAY || json_count(list) > max))
        return fail(err, CORAX_E_ARGS, "%s must be a list of at most %zu texts", key, max);
    for (const struct json *e = json_first(list); e; e = json_next(e))
        if (!json_text(e) || !*json_text(e))
            return fail(err, CORAX_E_ARGS, "%s must be a list of texts", key);
    return 0;
}

static int read_flag(const struct json *object, const char *key, bool *out, struct err *err)
{
    const struct json *v = json_get(object, key);

    if (v && json_kind(v) != JSON_BOOL)
        return fail(err, CORAX_E_ARGS, "%s must be true or false", key);
    *out = json_bool(v, false);
    return 0;
}

static int read_calls(struct eval_question *q, const struct json *list, struct err *err)
{
    if (check_texts(list, "calls", EVAL_MAX_CALLS, err) != 0)
        return -1;
    q->expects_calls = list != NULL;
    for (const struct json *e = json_first(list); e; e = json_next(e))
        q->calls[q->n_calls++] = json_text(e);
    return 0;
}

static int read_argument(struct eval_question *q, const char *tool, const struct json *v, struct err *err)
{
    struct eval_argument *a = &q->arguments[q->n_arguments];

    if (q->n_arguments == EVAL_MAX_ARGUMENTS)
        return fail(err, CORAX_E_ARGS, "arguments: at most %d are looked at", EVAL_MAX_ARGUMENTS);
    *a = (struct eval_argument){ .tool = tool, .name = json_key(v) };
    if (json_kind(v) != JSON_OBJECT) {
        a->value = v;
    } else if (json_count(v) == 1 && json_get(v, "equals")) {
        a->value = json_get(v, "equals");
    } else if ((a->key = eval_key_read(v, err)) == NULL) {
        return err_context(err, "arguments.%.60s.%.60s", tool, json_key(v));
    }
    q->n_arguments++;
    return 0;
}

static int read_arguments(struct eval_question *q, const struct json *object, struct err *err)
{
    if (object && json_kind(object) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "arguments must be an object of objects, by tool and argument");
    for (const struct json *tool = json_first(object); tool; tool = json_next(tool)) {
        if (json_kind(tool) != JSON_OBJECT || json_count(tool) == 0)
            return fail(err, CORAX_E_ARGS, "arguments.%.60s must be an object with an argument", json_key(tool));
        for (const struct json *v = json_first(tool); v; v = json_next(v))
            if (read_argument(q, json_key(tool), v, err) != 0)
                return -1;
    }
    return 0;
}

static int read_expect(struct eval_question *q, const struct json *expect, struct err *err)
{
    static const char *const known[] = { "calls",  "in_order",  "only",       "arguments", "answer",
                                         "denied", "max_steps", "unsolvable", NULL };
    const struct json *answer = json_get(expect, "answer"), *steps = json_get(expect, "max_steps");

    if (eval_check_members(expect, "expect", known, err) != 0 || read_calls(q, json_get(expect, "calls"), err) != 0 ||
        read_flag(expect, "in_order", &q->in_order, err) != 0 || read_flag(expect, "only", &q->only, err) != 0 ||
        read_arguments(q, json_get(expect, "arguments"), err) != 0 ||
        read_flag(expect, "denied", &q->denied, err) != 0 || read_flag(expect, "unsolvable", &q->unsolvable, err) != 0)
        return -1;
    if (answer && (q->answer = eval_key_read(answer, err)) == NULL)
        return err_context(err, "answer");
    if (steps && (json_int(steps, "max_steps", &q->max_steps, err) != 0 || q->max_steps < 1))
        return fail(err, CORAX_E_ARGS, "max_steps must be a number from 1 on");
    if (!q->expects_calls && !q->n_arguments && !q->answer && !q->denied && !q->unsolvable)
        return fail(err, CORAX_E_ARGS,
                    "expect says nothing that could be wrong: calls, arguments, answer, denied or unsolvable");
    return 0;
}

/* What would be right: for whoever checks the suite, which takes no notice of it otherwise. */
static int check_solution(const struct json *list, struct err *err)
{
    static const char *const known[] = { "tool", "arguments", NULL };
    const char *tool;

    if (list && json_kind(list) != JSON_ARRAY)
        return fail(err, CORAX_E_ARGS, "solution must be a list of calls");
    for (const struct json *c = json_first(list); c; c = json_next(c))
        if (eval_check_members(c, "solution", known, err) != 0 || read_text(c, "tool", true, &tool, err) != 0)
            return -1;
    return 0;
}

static int read_question(struct eval_question *q, const struct json *j, struct err *err)
{
    static const char *const known[] = { "id", "tags", "input", "tools", "budget", "expect", "solution", NULL };

    if (eval_check_members(j, "a question", known, err) != 0 || read_text(j, "input", true, &q->input, err) != 0)
        return -1;
    q->tags = json_get(j, "tags");
    q->tools = json_get(j, "tools");
    q->budget = json_get(j, "budget");
    if (check_texts(q->tags, "tags", 16, err) != 0 || check_texts(q->tools, "tools", 1000, err) != 0)
        return -1;
    if (q->budget && json_kind(q->budget) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "budget must be an object");
    if (check_solution(json_get(j, "solution"), err) != 0)
        return -1;
    return read_expect(q, json_get(j, "expect"), err);
}

static int read_questions(struct eval_suite *s, const struct json *list, struct err *err)
{
    if (json_kind(list) != JSON_ARRAY || json_count(list) == 0 || json_count(list) > EVAL_MAX_QUESTIONS)
        return fail(err, CORAX_E_ARGS, "questions must be a list of 1 to %d", EVAL_MAX_QUESTIONS);
    s->questions = calloc(json_count(list), sizeof(*s->questions));
    if (!s->questions)
        return fail(err, CORAX_E_INTERNAL, "out of memory");
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        struct eval_question *q = &s->questions[s->n++];

        q->id = json_get_text(j, "id", NULL);
        if (!is_id(q->id))
            return fail(err, CORAX_E_ARGS, "question %zu: id must have 1 to 64 of a-z 0-9 - _ .", s->n);
        for (size_t i = 0; i + 1 < s->n; i++)
            if (strcmp(s->questions[i].id, q->id) == 0)
                return fail(err, CORAX_E_ARGS, "question %s is there twice", q->id);
        if (read_question(q, j, err) != 0)
            return err_context(err, "question %s", q->id);
    }
    return 0;
}

int eval_suite_parse(struct eval_suite *s, const char *text, size_t len, struct err *err)
{
    static const char *const known[] = { "eval",  "id",    "about",  "agent",     "planner",
                                         "model", "tools", "budget", "questions", NULL };
    int64_t version = 0;

    memset(s, 0, sizeof(*s));
    if ((s->root = json_parse(text, len, err)) == NULL || eval_check_members(s->root, "a suite", known, err) != 0)
        return -1;
    if (json_int(json_get(s->root, "eval"), "eval", &version, NULL) != 0 || version != 1)
        return fail(err, CORAX_E_ARGS, "\"eval\" must be 1, the version of this format");
    s->id = json_get_text(s->root, "id", NULL);
    if (!is_id(s->id))
        return fail(err, CORAX_E_ARGS, "id must have 1 to 64 of a-z 0-9 - _ .");
    s->tools = json_get(s->root, "tools");
    s->budget = json_get(s->root, "budget");
    if (read_text(s->root, "about", false, &s->about, err) != 0 ||
        read_text(s->root, "agent", false, &s->agent, err) != 0 ||
        read_text(s->root, "planner", false, &s->planner, err) != 0 ||
        read_text(s->root, "model", false, &s->model, err) != 0 || check_texts(s->tools, "tools", 1000, err) != 0)
        return -1;
    if (s->budget && json_kind(s->budget) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "budget must be an object");
    return read_questions(s, json_get(s->root, "questions"), err);
}

void eval_suite_finish(struct eval_suite *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct eval_question *q = &s->questions[i];

        for (size_t k = 0; k < q->n_arguments; k++)
            eval_key_destroy(q->arguments[k].key);
        eval_key_destroy(q->answer);
    }
    free(s->questions);
    json_free(s->root);
    memset(s, 0, sizeof(*s));
}
