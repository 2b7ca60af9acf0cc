/*
 * infer/tags.h - structural tags: free text until a trigger, then what one of some structures says, then free text again.
 *
 *     {"triggers":["<function="],
 *      "structures":[{"begin":"<function=look>","schema":{...},"end":"</function>"},
 *                    {"begin":"<function=sum>","pattern":"[0-9]+","end":"</function>"}],
 *      "at_least_one":false,"stop_after_first":false}
 *
 * A structure has one of schema (JSON Schema), grammar (GBNF) and pattern; it begins with one of the triggers.  Where the vocabulary
 * has a trigger, or a part of a begin or an end, as a control token it is that token.
 */
#ifndef INFER_TAGS_H
#define INFER_TAGS_H

#include <stddef.h>

#include "infer/program.h"
#include "infer/shape.h"
#include "infer/tokenizer.h"
#include "util/err.h"

#define TAGS_MAX      4096 /* structures */
#define TAGS_MAX_MARK 200  /* bytes of a trigger, a begin or an end */

struct tags;

/* The tokenizer is borrowed.  NULL with CORAX_E_ARGS and the place ("structures[2].begin: ..."), CORAX_E_LIMIT. */
struct tags *tags_parse(const char *text, size_t len, const struct tokenizer *, struct err *) __attribute__((warn_unused_result));
void tags_destroy(struct tags *); /* after what was built of it */
/* Puts their rules into the builder.  Errors as shapes_expand_all(), gbnf_add(), regex_pattern(), with the place. */
int tags_add(const struct tags *, struct program_builder *, struct shapes *, struct symbol *out, struct err *);

#endif
