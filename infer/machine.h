/*
 * infer/machine.h - what may come next: a pushdown automaton that is walked byte by byte.
 *
 * A *program* is a context-free grammar whose symbols are regular languages, JSON values that a conjunction of schemas
 * allows (infer/shape.h), single tokens (special ones), and rules.  The machine is at several places at once where the
 * grammar leaves that open: a state is a set of *frames*, each one place and the set of frames that it returns to.  Frames
 * and sets are known by numbers, equal ones by the same, so that places which have come together go on as one.
 *
 * Every state that is reached can be completed.  Rules must not call themselves before they have read something; whoever
 * builds a program refuses that (grammar files) or never does it.
 *
 * The graph of frames: Tomita, Efficient Parsing for Natural Language, 1986.  JSON: RFC 8259.
 */
#ifndef INFER_MACHINE_H
#define INFER_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infer/intern.h"
#include "infer/regex.h"
#include "infer/shape.h"
#include "util/buf.h"

enum symbol_kind { SYMBOL_END, SYMBOL_REGEX, SYMBOL_JSON, SYMBOL_TOKEN, SYMBOL_RULE, SYMBOL_LIMITED };

struct symbol {
    enum symbol_kind kind;
    uint32_t         value; /* a regex, a conj, a token, a rule, a place in the limits */
};

struct rule {
    uint32_t  rank;         /* above that of every rule it may call before it has read something */
    uint32_t  n;            /* alternatives */
    uint32_t *starts;       /* [n]: where each begins in the program's symbols; it goes on until SYMBOL_END */
};

/*
 * A text of so many characters.  Its language must hold a text of any number of characters behind whatever it has begun with, so that only
 * counting says when there are enough; masks are then those of the language, looked at by count.
 */
struct text_limit {
    regex    text;
    uint32_t min, max; /* max UINT32_MAX: any number */
};

struct program {
    const struct symbol *symbols;
    const struct rule   *rules;
    const struct text_limit *limits;
    uint32_t             start; /* a rule */
};

struct json_style {
    unsigned blanks;        /* bytes of white space at most where JSON allows some; UINT_MAX: any number */
    bool     spaced;        /* one blank behind each comma and colon and none elsewhere, as Python writes JSON; blanks is 0 then */
    bool     ordered;       /* members in the order of the schema, others behind them */
    bool     closed;        /* no members that a schema says nothing of, unless minProperties asks for them */
    bool     free;          /* closed, but for objects inside of others that list no names at all */
    bool     escapes;       /* any escape that JSON has; otherwise only those that are needed */
};

#define MACHINE_MAX_DEPTH 48         /* of JSON values in each other; util/json.h reads 64 */
#define MACHINE_MAX_WORDS (8u << 20) /* of frames, of sets, of names: a text that needs more cannot go on */
#define MACHINE_TOKEN     0x10000u   /* + a token: the symbol it is */
#define MACHINE_DEAD      UINT32_MAX

struct machine {
    const struct program *program;
    struct regexes       *regexes;
    struct shapes        *shapes; /* may be NULL without SYMBOL_JSON */
    struct json_style     style;
    struct intern         frames, sets, texts, lists, seen;
    struct buf            tape;    /* the bytes that were read, for names and elements that must not come twice */
    bool                  gap;     /* the tape lacks some of them: a name that ends now is not known */
    bool                  tape_used; /* the last step depends on the tape, or on where it stands */
    bool                  gap_hit; /* something was refused for that reason alone */
    bool                  failed;  /* a limit: every state is MACHINE_DEAD then */
    struct machine_work  *work;
};

int  machine_init(struct machine *, const struct program *, struct regexes *, struct shapes *, const struct json_style *,
                  struct err *);
void machine_finish(struct machine *);

/* Numbers of states hold until machine_finish(). */
uint32_t machine_start(struct machine *);
/* The state behind a byte or a token (MACHINE_TOKEN + id); MACHINE_DEAD if it may not come.  The tape must hold the byte already. */
uint32_t machine_step(struct machine *, uint32_t state, uint32_t symbol);
bool machine_is_done(const struct machine *, uint32_t state); /* the text may end here */
/* The bytes that may come, and perhaps some that may not. */
void machine_first(struct machine *, uint32_t state, uint64_t bytes[4]);

/* --- for masks: the frames themselves ----------------------------------------------------------------------------- */

enum frame_kind { FRAME_DONE, FRAME_PLACE, FRAME_REGEX, FRAME_LIMITED, FRAME_STRING, FRAME_KEY, FRAME_NAME, FRAME_VALUE, FRAME_OBJECT, FRAME_ARRAY };

struct frame {
    uint32_t kind, phase;
    uint32_t regex;          /* REGEX, LIMITED, STRING, KEY: what may still come of its text */
    uint32_t escape, code;   /* inside of an escape; the code so far */
    uint32_t seen;           /* OBJECT, KEY, NAME: members; ARRAY: elements (for unique ones) */
    uint32_t a, b;           /* LIMITED: characters that must and may still begin; others: see the kinds in machine_value.c */
    uint32_t blanks, depth;
    uint32_t shape[2];       /* a pointer */
    uint32_t parents;        /* a set: where to go on */
};

const struct frame *machine_frame(const struct machine *, uint32_t frame);
const uint32_t *machine_set(const struct machine *, uint32_t state, size_t *n); /* its frames */
uint32_t machine_one(struct machine *, const struct frame *);                   /* the state of one frame alone */
/* The state behind what returns to these frames (a frame's parents): as if its text had ended. */
uint32_t machine_behind(struct machine *, uint32_t parents);
uint32_t machine_add_set(struct machine *, uint32_t *frames, size_t n);         /* sorts */

#endif
