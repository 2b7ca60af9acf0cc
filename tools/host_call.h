/*
 * tools/host_call.h - one tool call inside corax-host: the host table's functions and what they gather.
 */
#ifndef TOOLS_HOST_CALL_H
#define TOOLS_HOST_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <corax/plugin.h>

#include "tools/loader.h"
#include "util/arena.h"
#include "util/buf.h"
#include "util/json.h"

#define HOST_MAX_RESULT_PARTS 256
#define HOST_CLIENT_MS        600000 /* for a person to answer */
#define HOST_NOTE_INTERVAL_MS 40 /* progress notes that come faster are dropped */

struct host_io;

struct host_part {
    const char *mime; /* one of the known ones, constant; of a resource: in the strings */
    const char *uri;  /* of a resource, in the strings; NULL: it is none */
    size_t at, len;   /* in bytes */
};

/* One is made at the start and serves all calls.  What a caller sets for a call: */
struct corax_call {
    struct host_io *io;
    const struct loaded_tool *tool;
    const char *args; /* checked JSON, an object */
    size_t args_len;
    const char *id; /* of the request, JSON text */
    size_t id_len;
    const char *progress_token; /* JSON text; NULL: no notes */
    size_t progress_token_len;
    int64_t deadline_ms;
    const struct json *services; /* names of what the caller serves, an array; NULL: nothing */

    /* and what the host functions gather: */
    struct buf bytes;      /* of all parts */
    struct arena *strings; /* decoded arguments */
    char *reply;           /* to the last request(): the whole answer, a line; NULL: none */
    const char *reply_json; /* what of it the plugin got */
    size_t reply_json_len;
    unsigned n_requests;   /* of this host's life: an id is never used again */
    size_t n_parts;
    struct host_part parts[HOST_MAX_RESULT_PARTS];
    int status; /* of fail(), or of what the plugin did wrong; CORAX_OK: none */
    char why[CORAX_FAIL_MAX + 1];
    size_t why_len;
    bool canceled;
    int64_t looked_ms, noted_ms;
    unsigned n_notes, n_logged;
};

extern const struct corax_host host_table;

int host_call_init(struct corax_call *, struct host_io *, struct err *);
void host_call_finish(struct corax_call *);
/* Runs the tool.  Afterwards status and why, or the parts, are the outcome. */
void host_call_run(struct corax_call *);
/* The members of a tools/call result, into an open object; meta_open says that the caller's _meta follows. */
void host_call_write(const struct corax_call *, struct jsonw *);

#endif
