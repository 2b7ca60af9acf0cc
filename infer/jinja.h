/*
 * infer/jinja.h - templates in the language Jinja, as models publish them for their conversations.
 *
 * The language and its results are those of Jinja2 3.1 with the settings under which chat templates are written: an
 * immutable sandbox, trim_blocks, lstrip_blocks, loop controls, `{% generation %}`, tojson as Python's json.dumps, and
 * the functions raise_exception and strftime_now.  Where Python raises an error, so does this; other errors than those
 * of raise_exception may be worded differently.  Differences, all of them errors here: integers have 64 bits;
 * extends, include, import, block and autoescape are refused; random, pprint, urlize and lipsum are, too; str's encode,
 * maketrans, translate and format_map do not exist; numbers have no attributes and ranges no methods; names are ASCII;
 * what can have no slice is no undefined even where it is a constant (`none[1:]`).
 *
 * A template reaches nothing but the values it is given.  What it may use is bounded (struct jinja_options), since both
 * template and conversation come from outside.
 *
 * Provenance: a conversation may spell special tokens ("<|im_start|>"), and only those that the template wrote may be
 * taken for such.  So every byte of the result is known as the template's own or as data: what came out of the globals
 * that are not named as trusted.  Roles, which some templates make names of tokens with ('<|' ~ message.role ~ '|>'), can
 * be trusted alone: "messages[].role" is the member role of each element of messages.  Provenance holds through every
 * operation on text: what is cut, joined, replaced, changed in case, formatted or printed keeps its origin byte by byte;
 * a number or list printed is what its value is.
 *
 * A compiled template never changes: threads may render it at the same time.
 */
#ifndef INFER_JINJA_H
#define INFER_JINJA_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "util/err.h"
#include "util/json.h"

#define JINJA_MAX_TEXT    ((size_t)1 << 20) /* bytes of a template; published ones have up to 17 thousand */
#define JINJA_MAX_NESTING 120               /* tags and expressions within each other, as deep as Python's parser goes */

#define JINJA_MAX_STEPS  ((size_t)50 * 1000 * 1000)  /* nodes visited and bytes handled by 64s: seconds at most */
#define JINJA_MAX_OUTPUT ((size_t)64 << 20)          /* bytes: longer than any context */
#define JINJA_MAX_BYTES  ((size_t)512 << 20)         /* of all values together */
#define JINJA_MAX_DEPTH  1500                        /* of calls and expressions within each other: some 500 bytes of stack each */

struct jinja;

struct jinja_span {
    size_t from, to; /* bytes [from, to) */
};

/* Zero in a limit stands for the one above. */
struct jinja_options {
    const struct tm *now;          /* for strftime_now; NULL: it is an error to call that */
    const char *const *trusted;    /* what is not data: names of globals ("bos_token"), or "GLOBAL[].MEMBER" */
    size_t n_trusted;
    size_t max_steps, max_output, max_bytes;
    unsigned max_depth;
};

struct jinja_text {
    char *s; /* UTF-8, NUL-terminated */
    size_t len;
    struct jinja_span *data; /* what is data, in order, none empty, never adjacent */
    size_t n_data;
    struct jinja_span *generated; /* `{% generation %}` blocks, in order; those inside macros and set blocks are not told */
    size_t n_generated;
    bool raised; /* rendering ended in raise_exception: the error's message is the template's own */
};

/*
 * NULL with CORAX_E_ARGS for a template with an error in it ("template: line 3: ..."), CORAX_E_LIMIT for one that is too
 * long or when memory is short.  Borrows nothing.
 */
struct jinja *jinja_compile(const char *text, size_t len, struct err *) __attribute__((warn_unused_result));
void jinja_destroy(struct jinja *);
bool jinja_has_generation(const struct jinja *); /* it has a `{% generation %}` block */

/*
 * globals is an object: messages, tools, add_generation_prompt, bos_token and whatever else the template asks for.
 * options may be NULL.  0, and out is to be freed with jinja_text_finish.  -1 with CORAX_E_ARGS for an error in the
 * template's doing, CORAX_E_LIMIT for a limit or memory; then out has nothing but `raised`.
 */
int jinja_render(const struct jinja *, const struct json *globals, const struct jinja_options *options,
                 struct jinja_text *out, struct err *) __attribute__((warn_unused_result));
void jinja_text_finish(struct jinja_text *);

#endif
