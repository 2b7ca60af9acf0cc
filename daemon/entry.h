/*
 * daemon/entry.h - one event of a task, as JSON, on its way into the journal and to its listeners.
 *
 * An entry is written once, as the whole object that clients see (docs/api.md, "Events"):
 *
 *     {"seq":3,"at_ms":...,"active_ms":...,"kind":"model_replied","step":1,"text":"..."}
 *
 * While it is written, members longer than ENTRY_INLINE bytes are remembered by their place.  The journal keeps the
 * small ones in the event's row and each large one as a blob named by its hash, so a prompt or a result that comes
 * back in the next step is stored once.
 */
#ifndef DAEMON_ENTRY_H
#define DAEMON_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/json.h"

enum entry_kind {
    ENTRY_TASK_SUBMITTED,
    ENTRY_MODEL_REPLIED,
    ENTRY_MODEL_FAILED,
    ENTRY_POLICY_DECIDED,
    ENTRY_APPROVAL_ASKED,
    ENTRY_APPROVAL_GIVEN,
    ENTRY_TOOL_INTENT,
    ENTRY_TOOL_RESULT,
    ENTRY_QUESTION_ASKED,
    ENTRY_HUMAN_SAID,
    ENTRY_EFFECT_UNVERIFIED,
    ENTRY_TASK_RESUMED,
    ENTRY_TASK_FINISHED,
    ENTRY_NOTE_ADDED,
    ENTRY_OBSERVATION_CUT,
    ENTRY_WENT_BACK,
    ENTRY_TASK_DUE,
    ENTRY_PAUSE_ASKED,
    ENTRY_TASK_PAUSED,
    ENTRY_TASK_RESUMED_BY,
    ENTRY_MEMORY_WRITTEN,
    ENTRY_COMPACTED,
    ENTRY_TOOLS_OFFERED,
    ENTRY_LESSON_WRITTEN,
    ENTRY_CLIENT_ASKED,
    ENTRY_CLIENT_ANSWERED,
    ENTRY_N_KINDS
};

#define ENTRY_INLINE    256 /* bytes of a member that stay in the row: below that a blob's own row costs more */
#define ENTRY_MAX_LARGE 8   /* no kind has more members that may be large */
#define ENTRY_LIMIT     (16u << 20)

struct entry_member {
    char key[16];
    size_t at;       /* of the comma before the key, in json */
    size_t value_at; /* of the value */
    size_t end;
};

struct entry {
    struct entry *next;
    enum entry_kind kind;
    int64_t seq, at_ms, active_ms;
    struct buf json;
    size_t body_at; /* where the members after "kind" begin */
    size_t n_large;
    struct entry_member large[ENTRY_MAX_LARGE];
    struct jsonw w;
};

const char *entry_kind_name(enum entry_kind);
enum entry_kind entry_kind_find(const char *name); /* ENTRY_N_KINDS: none */

struct entry *entry_create(enum entry_kind, int64_t seq, int64_t at_ms, int64_t active_ms); /* NULL: no memory */
void entry_destroy(struct entry *);

/* One member; NULL text writes null. */
void entry_string(struct entry *, const char *key, const char *s, size_t len);
void entry_text(struct entry *, const char *key, const char *s);
void entry_int(struct entry *, const char *key, int64_t);
void entry_bool(struct entry *, const char *key, bool);
void entry_raw(struct entry *, const char *key, const char *json, size_t len);
/* A member of any shape: at = entry_mark(e), write it with &e->w, entry_seal(e, key, at). */
size_t entry_mark(const struct entry *);
void entry_seal(struct entry *, const char *key, size_t at);
/* Closes the object.  false: no memory, or over ENTRY_LIMIT. */
bool entry_end(struct entry *);

/* The members that stay in the row, as an object, into out. */
void entry_body(const struct entry *, struct buf *out);
/* The head of an event read back from the journal: everything up to its own members, without the closing brace. */
void entry_head(struct buf *out, int64_t seq, int64_t at_ms, int64_t active_ms, const char *kind);

#endif
