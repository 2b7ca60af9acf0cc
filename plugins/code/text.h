/*
 * text.h - a growing text, and the two notations that a box speaks: JSON strings and base64.
 */
#ifndef CODE_TEXT_H
#define CODE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
    char *data; /* NULL while empty; no NUL at the end */
    size_t len, cap;
    bool failed; /* out of memory: what is added later is dropped */
};

void text_finish(struct text *);
void text_add(struct text *, const char *s, size_t len);
void text_adds(struct text *, const char *s); /* NUL-terminated */
void text_addf(struct text *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_add_json(struct text *, const char *s, size_t len); /* a string literal of UTF-8, with its quotes */
/* false when it is no base64, with what was decoded so far in out. */
bool text_add_base64(struct text *, const char *s, size_t len);

#endif
