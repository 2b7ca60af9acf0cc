/*
 * Running a suite.  See eval_run.h.
 */
#include "cli/eval_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/eval_memory.h"
#include "util/clock.h"
#include "util/utf8.h"

#define MAX_TEXT  1000 /* bytes of arguments and results that are kept for the judge and the report */
#define MAX_CALLS 20   /* of one run that are kept, for the same */
#define MAX_KEPT  (4u << 20)
#define RETRY_MS  100

const char *const eval_cost_names[EVAL_N_COSTS] = { "steps",     "tool_calls", "prompt_tokens", "completion_tokens",
                                                    "active_ms", "wall_ms" };

/* --- what there is to do ---------------------------------------------------------------------------------------------- */

/* Is id among the words of a list with commas? */
static bool is_named(const char *list, const char *id)
{
    const size_t len = strlen(id);

    for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (strncmp(p, id, len) == 0 && (p[len] == ',' || p[len] == '\0'))
            return true;
    return false;
}

/* Each word names a question. */
static int check_only(const struct eval_suite *s, const char *only, struct err *err)
{
    for (const char *p = only; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        const size_t len = strcspn(p, ",");
        bool found = false;

        for (size_t i = 0; i < s->n && !found; i++)
            found = strlen(s->questions[i].id) == len && strncmp(s->questions[i].id, p, len) == 0;
        if (!found)
            return fail(err, CORAX_E_ARGS, "the suite %s has no question \"%.*s\"", s->id, (int)(len > 64 ? 64 : len),
                        p);
    }
    return 0;
}

int eval_create(struct eval *e, const struct eval_suite *s, const struct eval_options *o, struct err *err)
{
    memset(e, 0, sizeof(*e));
    e->suite = s;
    e->options = o;
    id_create(e->id);
    e->seeds = o->seeds > 0 ? o->seeds : s->seeds;
    if (check_only(s, o->only, err) != 0)
        return -1;
    if (s->n * (size_t)e->seeds > EVAL_MAX_RUNS)
        return fail(err, CORAX_E_LIMIT, "%zu questions with %d seeds are more than %d runs", s->n, e->seeds,
                    EVAL_MAX_RUNS);
    if ((e->runs = calloc(s->n * (size_t)e->seeds, sizeof(*e->runs))) == NULL)
        return fail(err, CORAX_E_INTERNAL, "out of memory");
    for (size_t i = 0; i < s->n; i++)
        for (int seed = 1; seed <= e->seeds && (o->only == NULL || is_named(o->only, s->questions[i].id)); seed++)
            e->runs[e->n++] = (struct eval_run){ .question = &s->questions[i], .seed = seed };
    return 0;
}

void eval_finish(struct eval *e)
{
    for (size_t i = 0; i < e->n; i++) {
        free(e->runs[i].outcome);
        free(e->runs[i].answer);
        free(e->runs[i].calls);
        free(e->runs[i].earlier);
    }
    free(e->runs);
    free(e->answered_by);
    memset(e, 0, sizeof(*e));
}

void eval_progress(const struct eval_options *o, const char *what, size_t n, size_t of)
{
    if (!o->progress)
        return;
    if (what)
        fprintf(stderr, "\r%zu of %zu %s ", n, of, what);
    else
        fputs("\r                              \r", stderr);
    fflush(stderr);
}

/* --- does it fit the daemon? ------------------------------------------------------------------------------------------ */

static const struct json *find_named(const struct json *list, const char *name)
{
    for (const struct json *e = json_first(list); e; e = json_next(e))
        if (strcmp(json_get_text(e, "name", ""), name) == 0)
            return e;
    return NULL;
}

/* The first that is required and not there, or is disabled; NULL: none.  *disabled says why, or is NULL. */
static const struct json *find_missing(const struct json *root, const struct json *requires, const char **disabled)
{
    for (const struct json *e = json_first(requires); e; e = json_next(e)) {
        const struct json *tool = find_named(json_get(root, "tools"), json_text(e));

        *disabled = json_get_text(tool, "disabled", NULL);
        if (tool == NULL || *disabled)
            return e;
    }
    return NULL;
}

/* A daemon that has just started is still asking its plugins what they have. */
static bool is_starting(struct cli *cli)
{
    struct err err = { 0 };
    struct reply reply;
    struct json *root;
    bool starting = false;

    if (cli_get(cli, "/healthz", 0, &reply, &root, &err) == 0)
        for (const struct json *h = json_first(json_get(root, "hosts")); h; h = json_next(h))
            starting = starting || strcmp(json_get_text(h, "state", ""), "starting") == 0;
    json_free(root);
    reply_finish(&reply);
    return starting;
}

/* 1: a tool is missing, and the daemon is still starting. */
static int look_for_tools(struct cli *cli, const struct eval_suite *s, struct err *err)
{
    struct reply reply;
    struct json *root;
    const char *disabled = NULL;
    const struct json *missing = NULL;
    const bool starting = is_starting(cli); /* before: what has started by then is among the tools */
    int rc = cli_get(cli, "/v1/tools", 0, &reply, &root, err);

    if (rc == 0 && (missing = find_missing(root, s->requires, &disabled)) != NULL && disabled)
        rc = fail(err, CORAX_E_UNAVAIL, "the suite %s needs the tool %.60s, which is disabled: %.200s", s->id,
                  json_text(missing), disabled);
    else if (missing && starting)
        rc = 1;
    else if (missing)
        rc = fail(err, CORAX_E_NOTFOUND, "the suite %s needs the tool %.60s, which this coraxd does not have", s->id,
                  json_text(missing));
    json_free(root);
    reply_finish(&reply);
    return rc;
}

static int check_tools(struct cli *cli, const struct eval_suite *s, struct err *err)
{
    const int64_t begun = clock_mono_ms();
    int rc;

    while ((rc = look_for_tools(cli, s, err)) == 1) {
        if (clock_mono_ms() - begun > EVAL_PATIENCE_S * 1000)
            return fail(err, CORAX_E_UNAVAIL, "coraxd is still starting its plugins: `corax health` shows which");
        nanosleep(&(struct timespec){ .tv_nsec = RETRY_MS * 1000000L }, NULL);
    }
    return rc;
}

static int check_judge(struct cli *cli, const char *judge, struct err *err)
{
    struct reply reply;
    struct json *root;
    int rc = cli_get(cli, "/v1/agents", 0, &reply, &root, err);

    if (rc == 0 && find_named(json_get(root, "agents"), judge) == NULL)
        rc = fail(err, CORAX_E_NOTFOUND, "there is no agent \"%.64s\" to judge: `corax agents` lists them", judge);
    json_free(root);
    reply_finish(&reply);
    return rc;
}

int eval_check_daemon(struct cli *cli, const struct eval_suite *s, const struct eval_options *o, struct err *err)
{
    if (s->requires && check_tools(cli, s, err) != 0)
        return -1;
    return o->judge ? check_judge(cli, o->judge, err) : 0;
}

/* --- tasks ------------------------------------------------------------------------------------------------------------ */

/* What a question says goes before what its suite does. */
static const struct json *member(const struct eval_run *r, const struct eval_suite *s, const char *key)
{
    const struct json *own = json_get(r->question->task, key);

    return own ? own : json_get(s->task, key);
}

static void write_sampling(struct jsonw *w, const struct eval_run *r, const struct eval *e)
{
    const double temperature = e->options->temperature;

    jsonw_object(w, "sampling");
    for (const struct json *m = json_first(member(r, e->suite, "sampling")); m; m = json_next(m))
        if (temperature < 0 || strcmp(json_key(m), "temperature") != 0)
            jsonw_value(w, json_key(m), m);
    if (temperature >= 0)
        jsonw_number(w, "temperature", temperature);
    jsonw_int(w, "seed", r->seed);
    jsonw_end(w);
}

/* The text of the nth task of a run: the question's own is the last. */
static const char *input_of(const struct eval_question *q, size_t n)
{
    const struct json *e = json_first(q->earlier);

    for (; e && n > 0; n--)
        e = json_next(e);
    return e ? json_text(e) : q->input;
}

static void write_task(void *arg, size_t i, size_t n, struct buf *body)
{
    static const char *const keys[] = { "agent", "planner", "model", "tools", "budget", "policy", "label", "memory" };
    const struct eval *e = arg;
    const struct eval_run *r = &e->runs[i];
    const char *before[] = { e->options->agent, e->options->planner, e->options->model };
    struct jsonw w = jsonw_start(body);
    char space[EVAL_SPACE_SIZE];

    eval_memory_space(e->id, i, space);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "input", input_of(r->question, n));
    for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++) {
        const struct json *v = member(r, e->suite, keys[k]);

        if (k < sizeof(before) / sizeof(*before) && before[k])
            jsonw_text(&w, keys[k], before[k]);
        else if (strcmp(keys[k], "memory") == 0 && r->question->remembers)
            jsonw_text(&w, "memory", space);
        else if (v)
            jsonw_value(&w, keys[k], v);
        else if (strcmp(keys[k], "memory") == 0) /* one question would be told what another one left behind */
            jsonw_null(&w, "memory");
    }
    write_sampling(&w, r, e);
    jsonw_bool(&w, "attended", false);
    jsonw_text(&w, "priority", "low"); /* whoever waits for an answer of their own goes first */
    jsonw_end(&w);
}

static int prepare(void *arg, size_t i, struct err *err)
{
    struct eval *e = arg;
    struct eval_run *r = &e->runs[i];
    const size_t n = json_count(r->question->earlier);
    char space[EVAL_SPACE_SIZE];

    if (!r->question->remembers || r->remembering)
        return 0;
    r->remembering = true;
    if (n > 0 && (r->earlier = calloc(n, sizeof(*r->earlier))) == NULL)
        return fail(err, CORAX_E_INTERNAL, "out of memory");
    eval_memory_space(e->id, i, space);
    return eval_memory_remember(e->cli, space, r->question->facts, err);
}

static void forget(struct eval *e, size_t i)
{
    char space[EVAL_SPACE_SIZE];

    if (!e->runs[i].remembering)
        return;
    e->runs[i].remembering = false;
    eval_memory_space(e->id, i, space);
    eval_memory_forget(e->cli, space);
}

static size_t n_earlier(void *arg, size_t i)
{
    const struct eval *e = arg;

    return json_count(e->runs[i].question->earlier);
}

static void begun(void *arg, size_t i, size_t n, const char *id)
{
    struct eval *e = arg;

    if (n < n_earlier(e, i))
        memcpy(e->runs[i].earlier[n], id, ID_LEN + 1);
}

void eval_write_cut(struct jsonw *w, const char *key, const char *text, size_t max)
{
    const size_t len = text ? strlen(text) : 0;

    if (text)
        jsonw_string(w, key, text, utf8_within(text, len, max));
    else
        jsonw_null(w, key);
}

static char *write_calls(const struct eval_trace *t)
{
    struct buf out;
    struct jsonw w;
    size_t len;

    buf_init(&out, MAX_KEPT);
    w = jsonw_start(&out);
    jsonw_array(&w, NULL);
    for (size_t i = 0; i < t->n && i < MAX_CALLS; i++) {
        jsonw_object(&w, NULL);
        jsonw_text(&w, "tool", t->calls[i].tool);
        eval_write_cut(&w, "arguments", t->calls[i].arguments, MAX_TEXT);
        jsonw_text(&w, "status", t->calls[i].status);
        eval_write_cut(&w, "text", t->calls[i].text, MAX_TEXT);
        jsonw_end(&w);
    }
    jsonw_end(&w);
    return buf_take(&out, &len);
}

/* Takes the run's outcome, answer, calls and costs from a trace, and scores it by the keys. */
static int take_run(struct eval_run *r, const struct eval_trace *t, struct err *err)
{
    r->outcome = strdup(t->outcome);
    r->answer = t->answer ? strdup(t->answer) : NULL;
    r->calls = write_calls(t);
    if (r->outcome == NULL || (t->answer && r->answer == NULL) || r->calls == NULL)
        return fail(err, CORAX_E_INTERNAL, "out of memory");
    r->costs[EVAL_STEPS] = t->steps;
    r->costs[EVAL_TOOL_CALLS] = (double)t->n_calls;
    r->costs[EVAL_PROMPT_TOKENS] = t->prompt_tokens;
    r->costs[EVAL_COMPLETION_TOKENS] = t->completion_tokens;
    r->costs[EVAL_ACTIVE_MS] = t->active_ms;
    r->costs[EVAL_WALL_MS] = t->wall_ms;
    eval_score(r->question, t, &r->score);
    r->done = true;
    return 0;
}

static int take_trace(void *arg, size_t i, const char *id, const struct reply *trace, struct err *err)
{
    struct eval *e = arg;
    struct eval_trace t;
    int rc = eval_trace_read(&t, trace->body.data, trace->body.len, err);

    memcpy(e->runs[i].task, id, ID_LEN + 1);
    forget(e, i);
    if (rc == 0)
        rc = take_run(&e->runs[i], &t, err);
    if (rc == 0 && e->answered_by == NULL && t.model)
        e->answered_by = strdup(t.model);
    eval_trace_finish(&t);
    e->n_done += rc == 0;
    eval_progress(e->options, "runs", e->n_done, e->n);
    return rc == 0 ? 0 : err_context(err, "task %s", id);
}

int eval_run_jobs(struct cli *cli, struct eval *e, struct eval_jobs *jobs, struct err *err)
{
    int rc;

    jobs->n_side_by_side = e->options->n_side_by_side;
    rc = eval_jobs_run(cli, jobs, err);
    eval_progress(e->options, NULL, 0, 0);
    e->partial = e->partial || rc == 1;
    return rc;
}

int eval_run_all(struct cli *cli, struct eval *e, struct err *err)
{
    struct eval_jobs jobs = { .n = e->n,
                              .arg = e,
                              .prepare = prepare,
                              .n_earlier = n_earlier,
                              .begun = begun,
                              .write_body = write_task,
                              .take_trace = take_trace };
    int rc;

    e->cli = cli;
    rc = eval_run_jobs(cli, e, &jobs, err);
    for (size_t i = 0; i < e->n; i++) /* of those that were interrupted */
        forget(e, i);
    return rc;
}

void eval_tidy(struct cli *cli, struct eval *e)
{
    for (size_t i = 0; i < e->n && !e->options->keeps; i++) {
        struct eval_run *r = &e->runs[i];

        if (r->done && r->score.passed) {
            eval_tell_task(cli, r->task, "DELETE", "");
            for (size_t k = 0; r->earlier && k < json_count(r->question->earlier); k++)
                eval_tell_task(cli, r->earlier[k], "DELETE", "");
            r->deleted = true;
        }
    }
}
