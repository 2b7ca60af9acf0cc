/* infer/free_text.h - any text, up to where one of some marks comes for the first time. */
#ifndef INFER_FREE_TEXT_H
#define INFER_FREE_TEXT_H

#include "infer/regex.h"

struct free_text {
    regex any;     /* whole characters without U+0000 */
    regex without; /* those in which no mark has come */
    regex early;   /* those in which one has, and that go on */
};

/* marks: texts; begins: what a text does not begin with.  REGEX_NONE: none. */
void free_text_make(struct regexes *, regex marks, regex begins, struct free_text *);
/* The texts that end with a mark, which is one of the marks, and in which none has come before. */
regex free_text_until(struct regexes *, const struct free_text *, regex mark);

#endif
