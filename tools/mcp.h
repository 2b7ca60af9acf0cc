/*
 * tools/mcp.h - the client's side of MCP: the messages to a tool provider, and reading its answers.
 *
 * No I/O: the caller owns the connection, the ids and the clock.  Two revisions are spoken.  In MCP_MODERN (2026-07-28)
 * each request names its version and nothing is agreed on first; MCP_LEGACY (2025-11-25) begins with initialize.  To
 * find out, send mcp_write_discover(): an answer that mcp_read_discover() accepts means modern; an error, or none in time,
 * means send mcp_write_initialize(), read its answer, and then send mcp_write_initialized().  corax-host speaks both.
 */
#ifndef TOOLS_MCP_H
#define TOOLS_MCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/json.h"
#include "util/rpc.h"

#define MCP_VERSION_MODERN "2026-07-28"
#define MCP_VERSION_LEGACY "2025-11-25"

#define MCP_META_VERSION      "io.modelcontextprotocol/protocolVersion"
#define MCP_META_CAPABILITIES "io.modelcontextprotocol/clientCapabilities"
#define MCP_META_CLIENT       "io.modelcontextprotocol/clientInfo"
#define MCP_META_SERVER       "io.modelcontextprotocol/serverInfo"
#define MCP_META_DEADLINE     "corax/deadline_ms"
#define MCP_META_SERVICES     "corax/services"
#define MCP_META_STATUS       "corax/status"
#define MCP_META_EFFECTS      "corax/effects"
#define MCP_META_TRAITS       "corax/traits"

#define MCP_UNSUPPORTED_VERSION (-32022) /* error code, with data.supported and data.requested */

#define MCP_MAX_PARTS 256
#define MCP_MAX_NAME  128  /* bytes of a tool's name */
#define MCP_MAX_NOTE  1000 /* bytes of a progress note that are kept */

/* MCP_MODERN_FORMS is MCP_MODERN where each request says that forms are filled in (elicitation). */
enum mcp_era { MCP_MODERN, MCP_LEGACY, MCP_MODERN_FORMS };

/* What a provider says of itself; texts are cut to fit. */
struct mcp_server {
    enum mcp_era era;
    char name[64], version[32];
};

enum mcp_part_kind { MCP_TEXT, MCP_IMAGE, MCP_AUDIO, MCP_LINK, MCP_BLOB };

struct mcp_part {
    enum mcp_part_kind kind;
    const char *mime; /* "text/plain" for text and links */
    const char *data; /* UTF-8, or the decoded bytes of an image or a sound; a link's URI.  NUL-terminated */
    size_t len;
    const char *uri; /* of an embedded resource, which is a text (MCP_TEXT, with its own mime) or bytes (MCP_BLOB); else NULL */
};

struct tool_result {
    bool error;
    enum corax_status status; /* CORAX_OK, or why it failed; CORAX_E_INTERNAL when a foreign server does not say */
    size_t n_parts;
    const struct mcp_part *parts;
    const char *structured; /* structuredContent as it was sent; NULL: none */
    size_t structured_len;
};

/* --- requests: each appends one line to out (failed when it is over the limit of a line) ------------------------- */

void mcp_write_discover(struct buf *out, int64_t id);
void mcp_write_initialize(struct buf *out, int64_t id, bool forms); /* forms: they are filled in (elicitation) */
void mcp_write_initialized(struct buf *out);
void mcp_write_ping(struct buf *out, enum mcp_era, int64_t id);                     /* of the modern era: a discover */
void mcp_write_list(struct buf *out, enum mcp_era, int64_t id, const char *cursor); /* cursor NULL: from the start */
/*
 * args is one JSON object; it is embedded byte by byte, but newlines between its tokens become blanks.  deadline_ms
 * <= 0 leaves it to the provider.  The id is also the token of progress notes.  services: what the caller serves to a
 * corax-host during this call ("exec"), NULL-terminated; NULL: nothing.
 */
void mcp_write_call(struct buf *out, enum mcp_era, int64_t id, const char *name, const char *args, size_t args_len,
                    int64_t deadline_ms, const char *const services[]);
/* The same call again with what mcp_read_input() made, as JSON texts; state NULL: there is none. */
struct mcp_again {
    const char *responses, *state;
    size_t responses_len, state_len;
};
void mcp_write_call_again(struct buf *out, enum mcp_era, int64_t id, const char *name, const char *args, size_t args_len,
                          int64_t deadline_ms, const struct mcp_again *);
/* Asks to be told when the list of tools changes; of the modern era, where nothing else tells. */
void mcp_write_listen(struct buf *out, enum mcp_era, int64_t id);
/* reason is for the other side's log; may be NULL. */
void mcp_write_cancel(struct buf *out, int64_t id, const char *reason);

/* --- answers ----------------------------------------------------------------------------------------------------- */

/* -1: it does not speak the modern revision; try initialize. */
int mcp_read_discover(const struct rpc_msg *, struct mcp_server *, struct err *);
int mcp_read_initialize(const struct rpc_msg *, struct mcp_server *, struct err *);
/* *next is the cursor of the next page, NULL after the last; it lives as long as the message.  The tools themselves are
 * read by registry_add_list(). */
int mcp_read_list(const struct rpc_msg *, const char **next, struct err *);
/*
 * The answer to a call.  Everything in *out lives in the arena.  -1 when it is not a tool's result: an error reply
 * (err has its message, and its corax status if it has one), a reply that asks for input, or one that breaks the limits.
 */
int mcp_read_result(const struct rpc_msg *, struct arena *, struct tool_result *out, struct err *);

/*
 * Whether the answer to a call asks for input first (resultType input_required), of the modern era.  1: it does, and responses has
 * one JSON object for mcp_again; *state points into the message.  0: it does not.  -1: what it asks for is not given; err says so.
 */
int mcp_read_input(const struct rpc_msg *, bool forms, struct buf *responses, const char **state, size_t *state_len, struct err *);
/*
 * Answers a form (the params of elicitation/create) with the defaults it came with: appends the answer, an object.  What has no
 * default is left out; where it is required, or with forms false, the answer is "decline".
 */
void mcp_answer_form(const struct json *params, bool forms, struct buf *out);

struct mcp_note {
    int64_t id;         /* of the call; -1 unknown */
    double done, total; /* total < 0: not said */
    char text[MCP_MAX_NOTE + 1];
};
/* false when the message is no progress note. */
bool mcp_read_progress(const struct rpc_msg *, struct mcp_note *);

/* --- small change ------------------------------------------------------------------------------------------------ */

/* "args", "denied", ... as they travel in MCP_META_STATUS; "ok" for CORAX_OK. */
const char *mcp_status_name(int status);
int mcp_status_of(const char *name); /* CORAX_E_INTERNAL for one that is not known */
int mcp_status_of_error(const struct rpc_msg *); /* of an RPC_ERROR: its data.status, or what its code means */
/* Whether bytes of that type can be given as text: they say so, and have no NUL. */
bool mcp_is_text(const char *mime, const char *data, size_t len);

#endif
