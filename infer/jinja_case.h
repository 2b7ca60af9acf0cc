/*
 * infer/jinja_case.h - texts in upper and lower case, their classes; and other operations that methods and filters share.
 *
 * Case is Unicode's, as Python has it.  A character that becomes several keeps its origin in each.
 */
#ifndef INFER_JINJA_CASE_H
#define INFER_JINJA_CASE_H

#include "infer/jinja_text.h"

enum change { CHANGE_UPPER, CHANGE_LOWER, CHANGE_TITLE, CHANGE_CAPITALIZE, CHANGE_SWAP };

int text_change_case(struct render *, const struct text *, enum change, struct value *out);
bool text_all(const struct text *, unsigned classes); /* every character is of one of them, and there is one */
bool text_is_lower(const struct text *);
bool text_is_upper(const struct text *);
bool text_is_title(const struct text *);

int text_lines(struct render *, const struct text *, bool keep_ends, struct value *out); /* str.splitlines */
int text_replace(struct render *, const struct text *, const struct text *old, const struct text *new, int64_t max,
                 struct value *out); /* max < 0: all */
int text_pad(struct render *, const struct text *, const struct text *fill, int64_t left, int64_t right, struct value *out);

#endif
