/*
 * Tasks side by side.  See eval_jobs.h.
 *
 * Requests go one after the other over one connection.  The oldest task is waited for, WAIT_S at a time, so that an
 * interrupt is seen soon; whatever else has ended meanwhile is taken then.
 */
#include "cli/eval_jobs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/clock.h"

#define WAIT_S   1
#define RETRY_MS 250

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
    (void)signal;
    interrupted = 1;
}

void eval_watch_signals(void)
{
    /* Reset: the second one ends the program, whatever it waits for. */
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool eval_interrupted(void)
{
    return interrupted != 0;
}

static void rest(void)
{
    struct timespec ts = { .tv_nsec = RETRY_MS * 1000000L };

    nanosleep(&ts, NULL);
}

struct job {
    size_t index, n; /* n: tasks before the one under way */
    char id[ID_LEN + 1];
};

struct work {
    struct cli *cli;
    const struct eval_jobs *jobs;
    struct job *open; /* those under way, the oldest first */
    size_t n_open, next;
    int64_t heard_ms; /* when the daemon last answered */
};

/* A request that failed: is it worth another one?  After a rest, if so. */
static bool is_passing(struct work *w, struct err *err)
{
    const bool lost = err->status == CORAX_E_UNAVAIL || err->status == CORAX_E_IO;

    if (!lost || eval_interrupted() || clock_mono_ms() - w->heard_ms > EVAL_PATIENCE_S * 1000)
        return false;
    rest();
    *err = (struct err){ 0 };
    return true;
}

/* GET of a task, again until the daemon answers. */
static int get_task(struct work *w, const char *id, const char *what, int wait_s, struct reply *reply, struct err *err)
{
    char path[128];

    snprintf(path, sizeof(path), "/v1/tasks/%s%s", id, what);
    for (;;) {
        if (client_request(w->cli->client, "GET", path, NULL, NULL, wait_s, reply, err) == 0) {
            w->heard_ms = clock_mono_ms();
            return 0;
        }
        if (!is_passing(w, err))
            return -1;
        reply_finish(reply);
    }
}

void eval_tell(struct cli *cli, const char *method, const char *path)
{
    struct reply reply;
    struct json *root;
    struct err err = { 0 };

    cli_send(cli, method, path, NULL, 0, &reply, &root, &err);
    json_free(root);
    reply_finish(&reply);
}

void eval_tell_task(struct cli *cli, const char *id, const char *method, const char *what)
{
    char path[128];

    snprintf(path, sizeof(path), "/v1/tasks/%s%s", id, what);
    eval_tell(cli, method, path);
}

/* Submits the job's nth task.  1: begun; 0: the daemon has no room now, or does not answer yet. */
static int begin(struct work *w, struct job *job, size_t n, struct err *err)
{
    char id[ID_LEN + 1];
    struct reply reply;
    struct buf body;
    int rc;

    buf_init(&body, CLI_MAX_BODY);
    w->jobs->write_body(w->jobs->arg, job->index, n, &body);
    rc = body.failed
             ? fail(err, CORAX_E_LIMIT, "a question and what goes with it are longer than %u bytes", CLI_MAX_BODY)
             : cli_submit(w->cli, "/v1/tasks", &body, &reply, id, err);
    if (!body.failed)
        reply_finish(&reply);
    buf_finish(&body);
    if (rc == 0) {
        w->heard_ms = clock_mono_ms();
        memcpy(job->id, id, sizeof(id));
        job->n = n;
        if (w->jobs->begun)
            w->jobs->begun(w->jobs->arg, job->index, n, job->id);
        return 1;
    }
    if (err->status == CORAX_E_LIMIT && w->n_open > 0) { /* the queue is full: when one of ours has ended, say */
        *err = (struct err){ 0 };
        return 0;
    }
    return is_passing(w, err) ? 0 : -1;
}

static int begin_next(struct work *w, struct err *err)
{
    struct job *job = &w->open[w->n_open];
    int rc;

    *job = (struct job){ .index = w->next };
    if (w->jobs->prepare && w->jobs->prepare(w->jobs->arg, w->next, err) != 0)
        return -1;
    rc = begin(w, job, 0, err);
    w->next += rc > 0;
    w->n_open += rc > 0;
    return rc;
}

/* 1: it has ended.  One that waits for somebody is cancelled, since nobody is there. */
static int look(struct work *w, const char *id, int wait_s, struct err *err)
{
    struct reply reply;
    struct json *root;
    const char *state;
    char query[24];
    int ended;

    snprintf(query, sizeof(query), "?wait=%d", wait_s);
    if (get_task(w, id, query, wait_s, &reply, err) != 0) {
        reply_finish(&reply);
        return -1;
    }
    root = json_parse(reply.body.data, reply.body.len, err);
    state = json_get_text(root, "state", "");
    ended = root == NULL ? -1 : strcmp(state, "finished") == 0;
    if (strcmp(state, "waiting") == 0)
        eval_tell_task(w->cli, id, "POST", "/cancel");
    if (strcmp(state, "paused") == 0 && wait_s > 0) /* by a person, who will have a reason; such a wait ends at once */
        rest();
    json_free(root);
    reply_finish(&reply);
    return ended;
}

/* A task of a job has ended: the job's next one begins, or it is over. */
static int take(struct work *w, size_t i, struct err *err)
{
    struct job job = w->open[i];
    struct reply reply;
    int rc;

    if (w->jobs->n_earlier && job.n < w->jobs->n_earlier(w->jobs->arg, job.index)) {
        rc = begin(w, &w->open[i], job.n + 1, err);
        if (rc == 0) /* it is looked at again, and has ended */
            rest();
        return rc < 0 ? -1 : 0;
    }
    rc = get_task(w, job.id, "/trace", 0, &reply, err);
    if (rc == 0)
        rc = w->jobs->take_trace(w->jobs->arg, job.index, job.id, &reply, err);
    reply_finish(&reply);
    memmove(&w->open[i], &w->open[i + 1], (--w->n_open - i) * sizeof(*w->open));
    return rc;
}

static int step(struct work *w, struct err *err)
{
    int rc = 1;

    while (rc > 0 && w->next < w->jobs->n && w->n_open < (size_t)w->jobs->n_side_by_side && !eval_interrupted())
        rc = begin_next(w, err);
    for (size_t i = 0; i < w->n_open && rc >= 0 && !eval_interrupted();) {
        rc = look(w, w->open[i].id, i == 0 ? WAIT_S : 0, err);
        if (rc > 0)
            rc = take(w, i, err);
        else
            i++;
    }
    return rc < 0 ? -1 : 0;
}

int eval_jobs_run(struct cli *cli, const struct eval_jobs *jobs, struct err *err)
{
    struct work w = { .cli = cli, .jobs = jobs, .heard_ms = clock_mono_ms() };
    int rc = 0;

    if (!cli_client(cli, err))
        return -1;
    if ((w.open = calloc((size_t)jobs->n_side_by_side, sizeof(*w.open))) == NULL)
        return fail(err, CORAX_E_INTERNAL, "out of memory");
    while (rc == 0 && !eval_interrupted() && (w.next < jobs->n || w.n_open > 0))
        rc = step(&w, err);
    for (size_t i = 0; i < w.n_open; i++)
        eval_tell_task(cli, w.open[i].id, "POST", "/cancel");
    if (eval_interrupted() && (w.next < jobs->n || w.n_open > 0))
        rc = 1;
    free(w.open);
    return rc;
}
