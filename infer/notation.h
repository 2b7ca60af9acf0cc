/*
 * infer/notation.h - the arguments of a tool call as models write them: JSON, or one of two other ways.
 *
 * TAGS (Qwen3-Coder, GLM-4.6, DeepSeek V3.2): members one behind the other, each KEY_OPEN name KEY_CLOSE value VALUE_CLOSE.  A string
 * stands raw, without quotes and escapes; any other value is JSON.
 *
 *     <parameter=path>\n/tmp/a "b"\n</parameter>\n<parameter=lines>\n[1,20]\n</parameter>\n
 *
 * MARKED (Gemma 4, FunctionGemma): {key:value,key:value} with bare keys at all depths, strings raw between two marks, everything else as
 * in JSON, no white space.
 *
 *     {path:<escape>/tmp/a "b"<escape>,lines:[1,20]}
 *
 * For each there are the rules that let only arguments through which a schema allows, and the way back to one JSON object.  The two fit:
 * what the rules let through is read as a value that the schema allows.
 *
 * A raw text that is JSON, too, is ambiguous in TAGS where the notation does not say which it is.  It is read as JSON if the member may
 * have a value of that kind; so the rules leave out strings that look like another value which the member may have ("12" beside a
 * number, "{..." beside an object).
 *
 * Narrower than the schema: members come in the order of the schema, in MARKED sorted by name; others than those it lists only in MARKED (see notation_add());
 * JSON inside of TAGS is held as the machine's style says; MARKED nests NOTATION_MAX_LEVELS deep, and its arrays have at most
 * NOTATION_MAX_ELEMENTS where their number is bounded at all.
 */
#ifndef INFER_NOTATION_H
#define INFER_NOTATION_H

#include <stddef.h>

#include "infer/program.h"
#include "util/buf.h"
#include "util/jsonschema.h"

#define NOTATION_MAX_LEVELS   16    /* of MARKED objects and arrays in each other that may be written */
#define NOTATION_MAX_ELEMENTS 256   /* of a MARKED array that are counted: minItems, maxItems, prefixItems, contains */
#define NOTATION_MAX_UNIQUE   10    /* values that a MARKED array with uniqueItems may choose from */
#define NOTATION_MAX_STATES   65536 /* what may have been written of one object or array: members by dependencies by counts */
#define NOTATION_MAX_RULES    20000 /* for one object or array */
#define NOTATION_MAX_TEXT     (4u << 20) /* bytes of a text that is read: a reply is shorter */
#define NOTATION_MAX_MEMBERS  4096  /* of one object that is read: each is held against the others */

enum notation_kind { NOTATION_JSON, NOTATION_TAGS, NOTATION_MARKED };

/* A marker: its text, and how the machine reads it: bytes, or control tokens where the vocabulary has (part of) it as one. */
#define NOTATION_MARK_SYMBOLS 8
struct notation_mark {
    const char   *text; /* what the readers look for, and what a raw string does not have in it */
    size_t        len;
    struct symbol symbols[NOTATION_MARK_SYMBOLS]; /* SYMBOL_REGEX of the program's languages, SYMBOL_TOKEN */
    size_t        n;    /* 0: the bytes of its text */
};

struct notation {
    enum notation_kind   kind;
    struct notation_mark key_open, key_close, value_close; /* TAGS */
    struct notation_mark text_close; /* TAGS: instead of key_close before a string; text NULL: as key_close */
    struct notation_mark quote;      /* MARKED */
};

/*
 * Puts rules into the builder for the arguments that c, which must be objects, allows.  *out is for JSON SYMBOL_JSON c, for TAGS the
 * members (perhaps none), for MARKED the text from { to }.
 *
 * Members come in the order of the schema, in MARKED sorted by name without regard to case, as the models have it; those that are not required may be left out.  Others than the schema lists come in MARKED
 * where the schema has a rule for their values, or where an object inside of others lists no names at all; in TAGS, and without such a
 * rule, only one where minProperties asks for it.  Their names are [A-Za-z_][A-Za-z0-9_]*.
 *
 * -1 with CORAX_E_ARGS: what cannot be held and in which property ("options: tags: uniqueItems of strings without end cannot be held in
 * this notation"), a name that the notation cannot carry; CORAX_E_LIMIT.  The notation is borrowed until it returns.
 */
int notation_add(struct program_builder *, struct shapes *, const struct notation *, conj c, struct symbol *out, struct err *);

/*
 * MARKED text, from { to }, to one JSON object, added to json; white space between the parts does no harm.  Of a key that is there
 * twice the last counts.  -1 with CORAX_E_ARGS ("arguments: byte 17: a value is expected"), then json is as before; CORAX_E_LIMIT.
 */
int notation_read_marked(const struct notation *, const char *text, size_t len, struct buf *json, struct err *);

/*
 * The text of a TAGS value to JSON, added to json: what it is as JSON if that is no string and the member's schema allows it, otherwise
 * the text as a string if it allows that, otherwise what it is.  string: 1 or 0 where the notation said that it is one or is none,
 * otherwise -1.  parameters NULL: anything is allowed.  -1 with CORAX_E_ARGS ("arguments: x: is no JSON"), then json is as before;
 * CORAX_E_LIMIT.
 */
int notation_read_value(const struct schema *parameters, const char *name, const char *text, size_t len, int string, struct buf *json,
                        struct err *);

#endif
