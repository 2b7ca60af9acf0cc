/*
 * agent/transcript.h - what was said in a task, as typed parts.
 *
 * A message has a role and a list of parts (text and JSON; later image, audio, file); an assistant message also has a
 * thought and calls; a tool message answers one call.  A call's arguments are JSON text and keep their bytes.
 * The transcript owns everything it holds, in one arena; it only grows, unless it is cut back or compacted, and what it holds never moves.  Its JSON form is
 * the MESSAGE of docs/protocol.md, and grows at its end too: what a model has read of a task it need not read again.
 */
#ifndef AGENT_TRANSCRIPT_H
#define AGENT_TRANSCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#include "util/arena.h"
#include "util/err.h"
#include "util/json.h"

enum role { ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL };

struct part {
    const char *mime; /* "text/plain" or "application/json"; of a tool also "image/svg+xml" ..., see planner.h */
    const char *data; /* UTF-8, NUL-terminated */
    size_t len;
};

struct call {
    const char *id; /* "c1", "c2" ... unique in the task, given by the planner */
    const char *name;
    const char *args; /* one JSON object, as the model wrote it */
    size_t args_len;
};

struct message {
    enum role role;
    const char *reasoning; /* assistant; may be NULL */
    size_t n_parts;
    struct part *parts;
    size_t n_calls; /* assistant */
    struct call *calls;
    const char *call_id; /* tool: which call this answers */
    const char *name;    /* tool: of which tool */
    bool error;          /* tool: the call failed, the text says why (without "error: ", which the dialect writes) */
};

struct transcript;

struct transcript *transcript_create(void); /* NULL: no memory */
void transcript_destroy(struct transcript *);
size_t transcript_count(const struct transcript *);
const struct message *transcript_at(const struct transcript *, size_t i); /* NULL past the end */

/*
 * Each copies what it is given.  -1, nothing added, with CORAX_E_LIMIT (over TRANSCRIPT_MAX_BYTES), CORAX_E_ARGS (a part
 * that is neither text nor JSON) or CORAX_E_INTERNAL (no memory).
 */
#define TRANSCRIPT_MAX_BYTES (8u << 20) /* far beyond any context; bounds a task that runs away */
int transcript_add(struct transcript *, const struct message *, struct err *);
int transcript_add_text(struct transcript *, enum role, const char *text, size_t len, struct err *);
/*
 * Adds a part to the newest message, which must be a user's or a tool's (else CORAX_E_ARGS).  Errors as above.  The JSON
 * changes from that message's closing bracket on, so add to it before it is sent.
 */
int transcript_add_part(struct transcript *, const struct part *, struct err *);

/*
 * Forgets all messages behind the first n, as if they had not been added; what they were stays where it is, and counts towards
 * TRANSCRIPT_MAX_BYTES.  For planners that go back: the JSON of what is left is what it was when that was sent.
 */
void transcript_truncate(struct transcript *, size_t n);

/*
 * Forgets messages [from, to), behind a message whose first n_parts parts stay and get `part` behind them; 0 < from <= to <= count.  What they
 * were stays where it is, and counts towards TRANSCRIPT_MAX_BYTES.  Errors as transcript_add's, with nothing changed.
 */
int transcript_compact(struct transcript *, size_t from, size_t to, size_t n_parts, const struct part *, struct err *);
/* How often it has been compacted, those times left out that were undone. */
size_t transcript_compactions(const struct transcript *);
/*
 * For planners that go back behind a summary: the messages that the last compaction took, and the one before them, are there again as they
 * were, and nothing is behind them.  There must be one.  -1 with CORAX_E_INTERNAL (no memory): destroy it then.
 */
int transcript_undo_compaction(struct transcript *, struct err *);
/* Bytes of the messages as they are sent. */
size_t transcript_bytes(const struct transcript *);

/* Writes all messages as an array under key. */
void transcript_write(const struct transcript *, struct jsonw *, const char *key);

/*
 * A PART in JSON: {"type":"text","text":"..."}, {"type":"json","text":"{...}"} (JSON as a string, so that its bytes stay
 * as they are), or MCP's {"type":"image","mimeType":"image/png","data":"<base64>"} and the same with "audio", whose data
 * stays base64; other keys are ignored.  parts_read takes a list of them (a task's input, a tool's result) and allocates
 * from the arena, which may be that of the step: transcript_add copies.  -1 with CORAX_E_ARGS naming the part and what is
 * wrong, or CORAX_E_LIMIT when the arena is full.
 */
int parts_read(struct arena *, const struct json *list, struct part **parts, size_t *n, struct err *);
void part_write(const struct part *, struct jsonw *);

#endif
