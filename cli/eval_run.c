#include "cli/eval_run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/eval_judge.h"
#include "util/buf.h"

#define MAX_BODY (1u << 20)
#define POLL_S   1 /* how long one request waits: Ctrl-C is looked for in between */

/* --- Ctrl-C ------------------------------------------------------------------------------------------------------- */

static void hold_interrupts(sigset_t *old)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, old);
}

static bool was_interrupted(void)
{
    const struct timespec now = { 0 };
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    return sigtimedwait(&set, NULL, &now) == SIGINT;
}

/* --- one task ----------------------------------------------------------------------------------------------------- */

static void write_task(struct buf *body, const struct eval_suite *s, const struct eval_options *o,
                       const struct eval_run *r)
{
    const struct eval_question *q = r->question;
    const struct json *tools = q->tools ? q->tools : s->tools, *budget = q->budget ? q->budget : s->budget;
    const char *agent = o->agent ? o->agent : s->agent, *planner = o->planner ? o->planner : s->planner,
               *model = o->model ? o->model : s->model;
    struct jsonw w = jsonw_start(body);

    jsonw_object(&w, NULL);
    jsonw_text(&w, "input", q->input);
    jsonw_bool(&w, "attended", false);
    if (agent)
        jsonw_text(&w, "agent", agent);
    if (planner)
        jsonw_text(&w, "planner", planner);
    if (model)
        jsonw_text(&w, "model", model);
    if (tools)
        jsonw_value(&w, "tools", tools);
    if (budget)
        jsonw_value(&w, "budget", budget);
    jsonw_object(&w, "sampling");
    jsonw_int(&w, "seed", r->seed);
    if (o->temperature >= 0)
        jsonw_number(&w, "temperature", o->temperature);
    jsonw_end(&w);
    jsonw_end(&w);
}

static int submit(struct cli *cli, const struct buf *body, char id[ID_LEN + 1], struct err *err)
{
    struct reply reply;
    struct json *root = NULL;
    const char *its;
    int rc = cli_send(cli, "POST", "/v1/tasks", body, 0, &reply, &root, err);

    its = json_get_text(root, "id", "");
    if (rc == 0 && !id_is_valid(its, strlen(its)))
        rc = fail(err, CORAX_E_IO, "coraxd accepted the task but gave no id");
    if (rc == 0)
        memcpy(id, its, ID_LEN + 1);
    json_free(root);
    reply_finish(&reply);
    return rc;
}

/* 1: it has ended; 0: not yet. */
static int wait_for(struct cli *cli, const char *id, struct err *err)
{
    struct reply reply;
    struct json *root = NULL;
    char path[100];
    int rc;

    snprintf(path, sizeof(path), "/v1/tasks/%s?wait=%d", id, POLL_S);
    rc = cli_get(cli, path, POLL_S, &reply, &root, err);
    if (rc == 0)
        rc = strcmp(json_get_text(root, "state", ""), "finished") == 0;
    json_free(root);
    reply_finish(&reply);
    return rc;
}

/* The whole trace; the caller frees it. */
static struct json *read_trace(struct cli *cli, const char *id, struct err *err)
{
    struct reply reply;
    struct json *root = NULL;
    char path[100];

    snprintf(path, sizeof(path), "/v1/tasks/%s/trace", id);
    if (cli_get(cli, path, 0, &reply, &root, err) != 0) {
        json_free(root);
        root = NULL;
    }
    reply_finish(&reply);
    return root;
}

static void end_task(struct cli *cli, const char *id, const char *method, const char *what)
{
    struct reply reply;
    struct json *root = NULL;
    struct err err = { 0 };
    char path[100];

    snprintf(path, sizeof(path), "/v1/tasks/%s%s", id, what);
    cli_send(cli, method, path, NULL, 0, &reply, &root, &err);
    json_free(root);
    reply_finish(&reply);
}

int eval_ask(struct cli *cli, const char *agent, const char *text, int seed, bool keeps, char **answer, struct err *err)
{
    char id[ID_LEN + 1];
    struct json *trace = NULL;
    struct buf body;
    struct jsonw w;
    int rc;

    *answer = NULL;
    buf_init(&body, MAX_BODY);
    w = jsonw_start(&body);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "input", text);
    jsonw_bool(&w, "attended", false);
    if (agent)
        jsonw_text(&w, "agent", agent);
    jsonw_object(&w, "sampling");
    jsonw_int(&w, "seed", seed);
    jsonw_end(&w);
    jsonw_end(&w);
    rc = submit(cli, &body, id, err);
    buf_finish(&body);
    if (rc != 0)
        return -1;
    while ((rc = wait_for(cli, id, err)) == 0)
        ;
    if (rc == 1 && (trace = read_trace(cli, id, err)) != NULL && eval_answer(trace))
        *answer = strdup(eval_answer(trace));
    if (rc == 1 && !keeps)
        end_task(cli, id, "DELETE", "");
    rc = rc == 1 && trace ? 0 : -1;
    json_free(trace);
    return rc;
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

static int plan(const struct eval_suite *s, const struct eval_options *o, struct eval_runs *runs, struct err *err)
{
    runs->at = calloc(s->n * (size_t)o->n_seeds, sizeof(*runs->at));
    if (runs->at == NULL)
        return fail(err, CORAX_E_INTERNAL, "out of memory");
    for (size_t i = 0; i < s->n; i++)
        for (int seed = 1; seed <= o->n_seeds; seed++)
            if (o->only == NULL || strcmp(o->only, s->questions[i].id) == 0)
                runs->at[runs->n++] = (struct eval_run){ .question = &s->questions[i], .seed = seed };
    return runs->n > 0 ? 0 : fail(err, CORAX_E_ARGS, "the suite %s has no question \"%.64s\"", s->id, o->only);
}

static int begin(struct cli *cli, const struct eval_suite *s, const struct eval_options *o, struct eval_run *r,
                 struct err *err)
{
    struct buf body;
    int rc;

    buf_init(&body, MAX_BODY);
    write_task(&body, s, o, r);
    rc = body.failed ? fail(err, CORAX_E_LIMIT, "question %s is too long", r->question->id)
                     : submit(cli, &body, r->id, err);
    buf_finish(&body);
    return rc == 0 ? 0 : err_context(err, "question %s", r->question->id);
}

static int take_end(struct cli *cli, const struct eval_options *o, struct eval_run *r, struct err *err)
{
    struct json *trace = read_trace(cli, r->id, err);
    const char *answer;

    if (trace == NULL || eval_score(r->question, trace, &r->score, err) != 0) {
        json_free(trace);
        return err_context(err, "question %s", r->question->id);
    }
    answer = eval_answer(trace);
    r->answer = answer ? strdup(answer) : NULL;
    r->ended = true;
    json_free(trace);
    r->passed = r->score.passed;
    r->status = r->score.passed ? SOLVED : UNSOLVED;
    if (o->judge && eval_judge_run(cli, o, r, err) != 0)
        return err_context(err, "question %s: the judge", r->question->id);
    if (!o->keeps && r->passed)
        end_task(cli, r->id, "DELETE", "");
    return 0;
}

/* Tasks first to last, n_jobs of them begun. */
static int work(struct cli *cli, const struct eval_suite *s, const struct eval_options *o, struct eval_runs *runs,
                struct err *err)
{
    size_t begun = 0, ended = 0;

    while (ended < runs->n) {
        int rc;

        while (begun < runs->n && begun - ended < (size_t)o->n_jobs)
            if (begin(cli, s, o, &runs->at[begun++], err) != 0)
                return -1;
        rc = wait_for(cli, runs->at[ended].id, err);
        if (rc < 0 || (rc == 1 && take_end(cli, o, &runs->at[ended++], err) != 0))
            return -1;
        if (was_interrupted()) {
            runs->interrupted = true;
            return 0;
        }
    }
    return 0;
}

int eval_run_all(struct cli *cli, const struct eval_suite *s, const struct eval_options *o, struct eval_runs *runs,
                 struct err *err)
{
    sigset_t old;
    int rc;

    memset(runs, 0, sizeof(*runs));
    if (plan(s, o, runs, err) != 0)
        return -1;
    hold_interrupts(&old);
    rc = work(cli, s, o, runs, err);
    for (size_t i = 0; i < runs->n; i++)
        if (!runs->at[i].ended && runs->at[i].id[0])
            end_task(cli, runs->at[i].id, "POST", "/cancel");
    sigprocmask(SIG_SETMASK, &old, NULL);
    return rc;
}

void eval_runs_finish(struct eval_runs *runs)
{
    for (size_t i = 0; i < runs->n; i++)
        free(runs->at[i].answer);
    free(runs->at);
    memset(runs, 0, sizeof(*runs));
}
