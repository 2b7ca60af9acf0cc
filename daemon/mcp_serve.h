/*
 * daemon/mcp_serve.h - what the parts of the MCP server share.  For mcp*.c alone.
 */
#ifndef DAEMON_MCP_SERVE_H
#define DAEMON_MCP_SERVE_H

#include <event2/event.h>
#include <sys/queue.h>

#include "daemon/mcp.h"
#include "daemon/mcp_answer.h"
#include "daemon/mcp_request.h"
#include "daemon/mcp_seal.h"
#include "daemon/task.h"

#define MCP_MAX_SESSIONS  64
#define MCP_SESSION_MS    1800000 /* without a request */
#define MCP_MAX_LISTENERS 64
#define MCP_MAX_URIS      32 /* that one of them, or a session, watches */
#define MCP_MAX_URI       1024
#define MCP_MAX_EARLY     64 /* requests that came before the tools were known */
#define MCP_MAX_CALLS     256
#define MCP_MAX_ASKS      16     /* requests to the client that are open at a time */
#define MCP_ASK_MS        600000 /* for the client to bring the answers; a corax-host waits as long */
#define MCP_SLOW_MS       1000   /* a call that takes longer is a task, for a client that takes those */
#define MCP_PAGE          100
#define MCP_TTL_MS        5000 /* of what a client may keep */
#define MCP_ANSWER_LIMIT  (64u << 20)
#define MCP_RUN_TASK      "run_task"
#define MCP_SESSION_LEN   32

struct mcp_session {
    TAILQ_ENTRY(mcp_session) link;
    char id[MCP_SESSION_LEN + 1];
    uint32_t uid;
    struct mcp_client client;
    int log_level;
    int64_t used_ms;
    size_t n_uris;
    char *uris[MCP_MAX_URIS];
};

/* A stream of changes: subscriptions/listen, or GET of a session. */
struct mcp_listener {
    TAILQ_ENTRY(mcp_listener) link;
    struct mcp *mcp;
    struct mcp_answer *answer;
    struct mcp_session *session; /* legacy */
    char id[MCP_MAX_ID + 1];     /* modern: JSON */
    uint32_t uid;
    bool tools, prompts, resources;
    size_t n_uris;
    char *uris[MCP_MAX_URIS];
};

struct mcp_call;

struct mcp {
    struct coraxd *d;
    struct mcp_offer *offer;
    unsigned char key[SEAL_KEY_LEN];
    size_t n_sessions, n_listeners, n_calls;
    TAILQ_HEAD(mcp_sessions, mcp_session) sessions; /* the one used last is the last */
    TAILQ_HEAD(mcp_listeners, mcp_listener) listeners;
    TAILQ_HEAD(mcp_calls, mcp_call) calls;
    struct event *sweep;
    uint64_t generation; /* of the registry, as clients were told */
    bool settled;        /* the tools are known: until then requests wait */
    size_t n_early;
    struct mcp_early {
        struct evhttp_request *req;
        struct http_peer peer;
    } early[MCP_MAX_EARLY];
};

/* A request with what is known of who sent it. */
struct mcp_exchange {
    struct mcp *mcp;
    struct evhttp_request *req;
    const struct http_peer *peer;
    const struct mcp_request *r;
    struct mcp_session *session; /* legacy; NULL: none */
};

/* --- answers: each sends the one reply ---------------------------------------------------------------------------- */

/* Opens the message and its result; type is the modern resultType. */
struct jsonw mcp_result_start(struct buf *, enum mcp_era, const char *id, size_t id_len, const char *type);
void mcp_result_end(struct jsonw *, enum mcp_era);
void mcp_write_fault(struct buf *, const char *id, size_t id_len, const struct mcp_fault *);
/* The same for a request that has no answer yet.  buf's memory is taken. */
struct jsonw mcp_start(const struct mcp_exchange *, struct buf *);
void mcp_reply(const struct mcp_exchange *, struct jsonw *);
void mcp_acknowledge(struct mcp_exchange *); /* a result without members */
void mcp_reply_fault(const struct mcp_exchange *, const struct mcp_fault *);
void mcp_refuse(const struct mcp_exchange *, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* A copy of a small JSON text, such as an id; out is "" where it is too long. */
void mcp_copy(char *out, size_t size, const char *json, size_t len);

/* --- mcp_session.c ------------------------------------------------------------------------------------------------ */

struct mcp_session *mcp_session_create(struct mcp *, uint32_t uid, const struct mcp_client *);
struct mcp_session *mcp_session_find(struct mcp *, const char *id, uint32_t uid); /* and marks it as used; NULL: none */
void mcp_session_destroy(struct mcp *, struct mcp_session *);
void mcp_sessions_expire(struct mcp *);
void mcp_do_listen(struct mcp_exchange *);
void mcp_listen_session(struct mcp *, struct mcp_session *, struct evhttp_request *); /* GET */
void mcp_do_subscribe(struct mcp_exchange *);
void mcp_do_unsubscribe(struct mcp_exchange *);
enum mcp_change { MCP_TOOLS_CHANGED, MCP_PROMPTS_CHANGED, MCP_RESOURCES_CHANGED };
void mcp_tell_changed(struct mcp *, enum mcp_change);
void mcp_tell_updated(struct mcp *, const char *uri,
                      uint32_t uid); /* a task's, of this user; NULL: all others that are watched */
void mcp_listeners_end(struct mcp *);
bool mcp_is_uri_of_task(const char *uri, char id[ID_LEN + 1]);

/* --- mcp_call.c, mcp_ask.c ---------------------------------------------------------------------------------------- */

enum mcp_wait { WAIT_NOTHING, WAIT_TOOL, WAIT_APPROVAL, WAIT_QUESTION };

struct mcp_ask {
    char key[80];
    char *method, *params, *response; /* params, response: JSON; response NULL: not yet */
};

/* A call under way, from the request to the answer; while a task waits for its person, nobody may wait for it. */
struct mcp_call {
    struct task_listener listener;
    TAILQ_ENTRY(mcp_call) link;
    struct mcp *mcp;
    struct mcp_answer *answer; /* NULL: no client waits now */
    enum mcp_era era;
    char id[MCP_MAX_ID + 1], token[MCP_MAX_ID + 1]; /* of the request that is to be answered; token "": none */
    int log_level;
    struct mcp_client client;
    char session[MCP_SESSION_LEN + 1];
    uint32_t uid;
    bool is_run; /* of run_task */
    unsigned char subject[HASH_LEN];
    struct task *task; /* NULL: not there yet, or not any more */
    char task_id[ID_LEN + 1];
    char *given_text; /* what the client brought with the request */
    struct json *given;
    char *kept_text; /* answers of earlier rounds, that came back in the state */
    struct json *kept;
    bool given_for_round; /* with a state that names this round of the task */
    enum mcp_wait wait;
    int round;
    size_t n_asks;
    struct mcp_ask asks[MCP_MAX_ASKS];
    bool is_bad;                 /* the client brought an answer that makes no sense */
    const char *lacks;           /* the capability that a tool needed and the client has not; NULL: none */
    struct buf result;           /* the tool_result event */
    struct event *expiry, *slow; /* slow NULL: its client takes no tasks */
};

void mcp_do_call(struct mcp_exchange *);
void mcp_do_cancelled(struct mcp_exchange *); /* a notification */
/* The answer to something that the server asked in a legacy session. */
void mcp_take_answer(struct mcp_exchange *);
struct mcp_call *mcp_call_find(struct mcp *, const char *task_id);
void mcp_call_destroy(struct mcp_call *);
/* Answers with an error, and is gone. */
void mcp_call_fault(struct mcp_call *, const struct mcp_fault *);
/* Answers with a tool's failure in words, and is gone; its task is not touched. */
void mcp_call_fail(struct mcp_call *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The members of a tools/call result, for the events of a task: tool_result (NULL: of run_task, or there is none) and
 * task_finished. */
void mcp_write_outcome(struct jsonw *, enum mcp_era, const char *task_id, const struct json *result,
                       const struct json *finished, bool is_run);

/* listener.asked */
int mcp_ask_client(struct task_listener *, const struct json *requests, struct err *);
/* Its task may wait for a person now. */
void mcp_ask_person(struct mcp_call *);
/* The call is over, and its tool could not do without answers that it has not: asks the client for them, and the call
 * is gone. */
void mcp_ask_again(struct mcp_call *);
bool mcp_ask_is_open(const struct mcp_call *);
/* Goes on with the open asks: delivers what is complete, asks for the rest.  The call may be gone then. */
void mcp_ask_go_on(struct mcp_call *);
void mcp_ask_over(struct mcp_call *); /* nobody brought the answers in time */
/* The request for the person whom a task waits for; false: it waits for nobody, or for what no client can do. */
bool mcp_ask_of(const struct task *, enum mcp_wait *, struct mcp_ask *);
void mcp_write_asks(struct jsonw *, const struct mcp_ask *, size_t n); /* the member inputRequests */
void mcp_asks_finish(struct mcp_ask *, size_t n);
/* Says to the task what the person answered.  false: it waits for something else now. */
bool mcp_tell_task(struct task *, uint32_t uid, enum mcp_wait, const struct mcp_ask *);
/* Whether a response fits its request. */
bool mcp_is_response(const char *method, const struct json *);

/* --- mcp_task.c --------------------------------------------------------------------------------------------------- */

void mcp_write_task(struct jsonw *, const struct task_row *, enum task_state);
void mcp_do_task_get(struct mcp_exchange *);
void mcp_do_task_update(struct mcp_exchange *);
void mcp_do_task_cancel(struct mcp_exchange *);
void mcp_read_task(struct mcp_exchange *, const char *uri, const char *id); /* resources/read */

#endif
