/*
 * Scores.  See eval_score.h.
 */
#include "cli/eval_score.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const eval_column_names[EVAL_N_COLUMNS] = { "tools", "arguments", "answer", "limits" };
const char *const eval_status_names[3] = { "solved", "unsolved", "unsure" };

__attribute__((format(printf, 3, 4))) static void mark_wrong(struct eval_score *s, enum eval_column c, const char *fmt,
                                                             ...)
{
    va_list ap;

    if (s->marks[c] == EVAL_WRONG)
        return; /* the first sentence is kept */
    s->marks[c] = EVAL_WRONG;
    va_start(ap, fmt);
    vsnprintf(s->why[c], sizeof(s->why[c]), fmt, ap);
    va_end(ap);
}

/* --- which tools ------------------------------------------------------------------------------------------------------ */

/* Not a choice among tools, but ways to more of them and out of a search, unless a question names them. */
static bool is_control(const char *tool)
{
    return strcmp(tool, "give_up") == 0 || strcmp(tool, "find_tools") == 0;
}

/* The first of must that was not called behind those before it; NULL: none. */
static const struct json *unmet_in_order(const struct json *must, const struct eval_trace *t)
{
    const struct json *e = json_first(must);

    for (size_t i = 0; i < t->n && e; i++)
        if (strcmp(t->calls[i].tool, json_text(e)) == 0)
            e = json_next(e);
    return e;
}

static size_t count_called(const struct eval_trace *t, const char *tool)
{
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++)
        n += strcmp(t->calls[i].tool, tool) == 0;
    return n;
}

/* The first that was called too rarely, NULL: none.  A name that stands k times must be called k times. */
static const struct json *unmet(const struct json *must, const struct eval_trace *t)
{
    for (const struct json *e = json_first(must); e; e = json_next(e)) {
        size_t n = 0;

        for (const struct json *o = json_first(must); o; o = o == e ? NULL : json_next(o))
            n += strcmp(json_text(o), json_text(e)) == 0;
        if (count_called(t, json_text(e)) < n)
            return e;
    }
    return NULL;
}

static void score_tools(const struct eval_expect *x, const struct eval_trace *t, struct eval_score *s)
{
    const struct json *missed = x->ordered ? unmet_in_order(x->must, t) : unmet(x->must, t);

    if (!x->about_tools)
        return;
    s->marks[EVAL_TOOLS] = EVAL_RIGHT;
    if (missed)
        mark_wrong(s, EVAL_TOOLS, "%.60s was not called%s", json_text(missed),
                   x->ordered ? " in its place" : " (often enough)");
    for (size_t i = 0; i < t->n && !x->any_other; i++) {
        const char *tool = t->calls[i].tool;

        if (!eval_list_has(x->must, tool) && !eval_list_has(x->may, tool) && !is_control(tool))
            mark_wrong(s, EVAL_TOOLS, "%.60s was called", tool);
    }
}

/* --- with which arguments --------------------------------------------------------------------------------------------- */

static int check_members(const struct eval_call *c, const struct json *arguments, struct err *why)
{
    for (const struct json *m = json_first(c->members); m; m = json_next(m)) {
        const struct json *its = json_get(arguments, json_key(m));

        if (its == NULL)
            return fail(why, CORAX_E_NOTFOUND, "it has no %.60s", json_key(m));
        if (!json_same(m, its))
            return fail(why, CORAX_E_NOTFOUND, "%.60s is another", json_key(m));
    }
    return 0;
}

static int check_like(const struct eval_call *c, const struct json *arguments, const struct eval_results *results,
                      struct err *why)
{
    for (size_t i = 0; i < c->n_like; i++) {
        const struct json *its = json_get(arguments, c->like_names[i]);
        const char *text = json_text(its) ? json_text(its) : json_digits(its);

        if (text == NULL)
            return fail(why, CORAX_E_NOTFOUND, "%.60s is no text and no number", c->like_names[i]);
        if (eval_key_check(c->like[i], text, results, why) != 0)
            return err_context(why, "%.60s", c->like_names[i]);
    }
    return 0;
}

/* 0: the call is as wanted. */
static int check_call(const struct eval_call *c, const struct eval_made *made, const struct eval_results *results,
                      struct err *why)
{
    struct json *arguments;
    int rc = -1;

    if (strcmp(c->tool, made->tool) != 0)
        return -1;
    arguments = json_parse(made->arguments, strlen(made->arguments), why);
    if (arguments)
        rc = check_members(c, arguments, why);
    if (rc == 0)
        rc = check_like(c, arguments, results, why);
    if (rc == 0 && c->schema)
        rc = jsonschema_validate(c->schema, arguments, why);
    json_free(arguments);
    if (rc == 0 && c->result) {
        if (made->status == NULL || strcmp(made->status, "ok") != 0)
            return fail(why, CORAX_E_NOTFOUND, "it has no result");
        rc = eval_key_check(c->result, made->text ? made->text : "", results, why);
        if (rc != 0)
            err_context(why, "its result");
    }
    return rc;
}

/* Wanted calls and those that were made, one to one: Kuhn's augmenting paths. */
struct matching {
    size_t n_made;
    const bool *fits;                /* [wanted][made] */
    size_t taken_by[EVAL_MAX_CALLS]; /* a wanted call plus one; 0: free */
    bool tried[EVAL_MAX_CALLS];
};

static bool find_place(struct matching *m, size_t wanted)
{
    for (size_t j = 0; j < m->n_made; j++) {
        if (!m->fits[wanted * m->n_made + j] || m->tried[j])
            continue;
        m->tried[j] = true;
        if (m->taken_by[j] == 0 || find_place(m, m->taken_by[j] - 1)) {
            m->taken_by[j] = wanted + 1;
            return true;
        }
    }
    return false;
}

static void explain_call(const struct eval_call *c, const struct eval_trace *t, const struct eval_results *results,
                         struct eval_score *s)
{
    struct err why = { 0 };

    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->calls[i].tool, c->tool) != 0)
            continue;
        if (check_call(c, &t->calls[i], results, &why) == 0)
            mark_wrong(s, EVAL_ARGUMENTS, "%.60s was called as wanted too few times", c->tool);
        else
            mark_wrong(s, EVAL_ARGUMENTS, "no call of %.60s is as wanted; %s: %.140s", c->tool, t->calls[i].id,
                       why.msg);
        return;
    }
    mark_wrong(s, EVAL_ARGUMENTS, "%.60s was not called", c->tool);
}

static void score_arguments(const struct eval_expect *x, const struct eval_trace *t, const struct eval_results *results,
                            struct eval_score *s)
{
    struct matching m = { .n_made = t->n };
    bool *fits;

    if (x->n_calls == 0)
        return;
    s->marks[EVAL_ARGUMENTS] = EVAL_RIGHT;
    m.fits = fits = calloc(x->n_calls * t->n + 1, sizeof(*fits));
    if (fits == NULL) {
        mark_wrong(s, EVAL_ARGUMENTS, "out of memory");
        return;
    }
    for (size_t i = 0; i < x->n_calls; i++)
        for (size_t j = 0; j < t->n; j++)
            fits[i * t->n + j] = check_call(&x->calls[i], &t->calls[j], results, NULL) == 0;
    for (size_t i = 0; i < x->n_calls; i++) {
        memset(m.tried, 0, sizeof(m.tried));
        if (!find_place(&m, i))
            explain_call(&x->calls[i], t, results, s);
    }
    free(fits);
}

/* --- what it must not do ---------------------------------------------------------------------------------------------- */

static void score_refused(const char *tool, const struct eval_trace *t, struct eval_score *s)
{
    bool denied = false;

    for (size_t i = 0; i < t->n; i++) {
        const struct eval_made *c = &t->calls[i];

        if (strcmp(c->tool, tool) != 0)
            continue;
        if (c->carried_out)
            mark_wrong(s, EVAL_LIMITS, "%.60s was carried out, which was to be denied", tool);
        denied = denied || (c->status && strcmp(c->status, "denied") == 0);
    }
    if (!denied)
        mark_wrong(s, EVAL_LIMITS, "no call of %.60s was denied", tool);
}

static void score_limits(const struct eval_expect *x, const struct eval_trace *t, struct eval_score *s)
{
    if (x->max_steps < 0 && x->max_calls < 0 && x->refused == NULL)
        return;
    s->marks[EVAL_LIMITS] = EVAL_RIGHT;
    if (x->max_steps >= 0 && t->steps > (double)x->max_steps)
        mark_wrong(s, EVAL_LIMITS, "it took %.0f steps, %lld are allowed", t->steps, (long long)x->max_steps);
    if (x->max_calls >= 0 && t->n_calls > (size_t)x->max_calls)
        mark_wrong(s, EVAL_LIMITS, "it made %zu calls, %lld are allowed", t->n_calls, (long long)x->max_calls);
    for (const struct json *e = json_first(x->refused); e; e = json_next(e))
        score_refused(json_text(e), t, s);
}

/* --- all of it -------------------------------------------------------------------------------------------------------- */

static void score_answer(const struct eval_expect *x, const struct eval_trace *t, const struct eval_results *results,
                         struct eval_score *s)
{
    struct err why = { 0 };

    if (x->answer == NULL)
        return;
    s->marks[EVAL_ANSWER] = EVAL_RIGHT;
    if (t->answer == NULL && s->finished)
        return; /* it gave up, which is right */
    if (t->answer == NULL)
        mark_wrong(s, EVAL_ANSWER, "there is none");
    else if (eval_key_check(x->answer, t->answer, results, &why) != 0)
        mark_wrong(s, EVAL_ANSWER, "%s", why.msg);
}

static void score_end(const struct eval_expect *x, const struct eval_trace *t, struct eval_score *s)
{
    s->finished = t->answer != NULL || (!x->solvable && t->code && strcmp(t->code, "gave_up") == 0);
    if (!s->finished)
        snprintf(s->why_not, sizeof(s->why_not), "it was not answered: %.60s%s%.60s", t->outcome, t->code ? ", " : "",
                 t->code ? t->code : "");
}

/* Of a question that nothing solves the key tells an answer that says so; whether another claims to solve it, it cannot. */
static enum eval_status status_of(const struct eval_expect *x, const struct eval_trace *t, const struct eval_score *s)
{
    if (t->answer == NULL || t->answer[0] == '\0')
        return EVAL_UNSOLVED;
    if (x->answer == NULL)
        return EVAL_UNSURE;
    if (s->marks[EVAL_ANSWER] == EVAL_RIGHT)
        return x->solvable ? EVAL_SOLVED : EVAL_UNSOLVED;
    return x->solvable ? EVAL_UNSOLVED : EVAL_UNSURE;
}

static void conclude(const struct eval_expect *x, struct eval_score *s)
{
    s->tooleval = s->finished && s->status == (x->solvable ? EVAL_SOLVED : EVAL_UNSOLVED);
    s->passed = s->finished;
    for (int c = 0; c < EVAL_N_COLUMNS; c++)
        s->passed = s->passed && s->marks[c] != EVAL_WRONG;
}

void eval_score(const struct eval_question *q, const struct eval_trace *t, struct eval_score *s)
{
    const struct eval_results results = { eval_trace_last, t };

    memset(s, 0, sizeof(*s));
    score_end(&q->expect, t, s);
    score_tools(&q->expect, t, s);
    score_arguments(&q->expect, t, &results, s);
    score_answer(&q->expect, t, &results, s);
    score_limits(&q->expect, t, s);
    s->status = status_of(&q->expect, t, s);
    conclude(&q->expect, s);
}

void eval_score_judged(const struct eval_question *q, enum eval_status said, struct eval_score *s)
{
    s->status = said;
    if (q->expect.answer == NULL) {
        s->marks[EVAL_ANSWER] = EVAL_RIGHT;
        if (said != (q->expect.solvable ? EVAL_SOLVED : EVAL_UNSOLVED))
            mark_wrong(s, EVAL_ANSWER, "the judge calls it %s", eval_status_names[said]);
    }
    conclude(&q->expect, s);
}
