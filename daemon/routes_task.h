/*
 * daemon/routes_task.h - the paths of one task, and what they share with the others.  For routes*.c alone.
 */
#ifndef DAEMON_ROUTES_TASK_H
#define DAEMON_ROUTES_TASK_H

#include "daemon/coraxd.h"
#include "daemon/http.h"
#include "daemon/journal.h"
#include "daemon/submission.h"
#include "daemon/task.h"

#define ROUTES_ANSWER_LIMIT (512u << 20) /* of one answer in memory: a trace with its payloads */

typedef void task_route(struct coraxd *, struct evhttp_request *, const struct http_peer *, const char *id);

/* A request that waits for something. */
struct pending {
    struct task_listener listener;
    struct coraxd *d;
    struct evhttp_request *req;
    struct http_peer peer;
    struct task *task;     /* being listened to; NULL: not */
    struct event *timeout; /* NULL: none */
    task_route *again;     /* what makes the request once more when the task has been recovered */
    bool waits;            /* the client would rather wait for a task that is still being recovered */
    char id[ID_LEN + 1];
    int64_t wait_seq; /* of the entry whose commit is awaited */
    int status;       /* of the reply */
    const struct planner_kind *planner; /* of a replay; NULL: the recorded one */
    const struct model_file *model;     /* of a replay that asks it; NULL: it is not asked */
    struct remodel *remodel;            /* that it asks for us; NULL: not, or not any more */
    struct policy *policy;              /* of a replay: the base that it is judged by; NULL: it is not judged */
    int list_state;   /* of GET /v1/tasks: an enum task_state, -1: any */
    int list_limit;
};

void routes_bad(struct evhttp_request *, const char *code, const char *param, const char *message);
void routes_bad_method(struct evhttp_request *, const char *allow);
void routes_journal_trouble(struct evhttp_request *, const struct err *);
/* The Idempotency-Key of a request, or NULL.  false: it is none, and the request answered. */
bool routes_key(struct evhttp_request *, const char **key);
/* NULL: fine, or not yet known what tools there will be. */
const char *routes_unknown_tool(const struct coraxd *, const struct submission *);
/* Why a submission was refused that was well-formed. */
void routes_refused(struct evhttp_request *, const char *code, const struct err *);
/* 503: the daemon is ending. */
void routes_ending(struct evhttp_request *, const char *message);
/* An integer query parameter; *out stays as it is when absent.  false: it was refused, and the request answered. */
bool routes_query_int(struct evhttp_request *, const char *name, int64_t min, int64_t max, int64_t *out);
bool routes_may_see(const struct http_peer *, uint32_t uid); /* what is that user's: its own, an administrator all */
void *routes_need(void *); /* ends the daemon when there is no memory (daemon/task.c says why) */
struct pending *pending_create(struct coraxd *, struct evhttp_request *, const struct http_peer *, const char *id);
void pending_destroy(struct pending *);
/* Reads the task's events (or their first and last) from the journal, up to 256 MiB; the op's arg is the pending. */
void pending_read(struct pending *, void (*done)(struct journal_op *), bool ends_only);
/* The task was read, and this client may see it.  false: the request is answered with why not. */
bool pending_is_there(const struct pending *, const struct journal_read *);

task_route routes_get_task, routes_get_trace, routes_get_replay, routes_post_replay, routes_get_events, routes_delete_task, routes_post_cancel,
    routes_post_input, routes_post_pause, routes_post_resume;

#endif
