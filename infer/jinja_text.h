/*
 * infer/jinja_text.h - texts that know where their bytes came from, and how they are put together.
 *
 * A builder gathers pieces with their origin and makes one text of them; it grows in the render's arena.  Failures
 * stick: pieces may be added without a look at each, builder_finish tells at the end.
 */
#ifndef INFER_JINJA_TEXT_H
#define INFER_JINJA_TEXT_H

#include "infer/jinja_value.h"

struct builder {
    struct render *r;
    char *s;
    size_t len, cap, n_chars;
    struct jinja_span *spans;
    size_t n_spans, cap_spans;
    bool failed;
};

void builder_init(struct builder *, struct render *);
void builder_reserve(struct builder *, size_t len); /* room for exactly so much to begin with */
void builder_add(struct builder *, const char *s, size_t len, bool data);
void builder_literal(struct builder *, const char *s, bool data);
void builder_char(struct builder *, uint32_t c, bool data);
void builder_repeat(struct builder *, const struct text *, size_t n);
void builder_text(struct builder *, const struct text *);
void builder_slice(struct builder *, const struct text *, size_t from, size_t to); /* bytes */
/* HTML-escapes what it adds, unless the text is safe already. */
void builder_escaped(struct builder *, const struct text *);
int builder_finish(struct builder *, const struct text **out);
int builder_value(struct builder *, bool safe, struct value *out);

bool text_is_data(const struct text *, size_t at); /* that byte */
/* The text from byte `from` to `to`; shares its bytes. */
int text_slice(struct render *, const struct text *, size_t from, size_t to, const struct text **out);
int text_slice_value(struct render *, const struct text *, size_t from, size_t to, struct value *out);
int text_copy(struct render *, const char *s, size_t len, bool data, const struct text **out);
int text_safe(struct render *, const struct text *, bool safe, struct value *out); /* with that mark */
int text_escape(struct render *, const struct text *, const struct text **out);
bool text_equal(const struct text *, const struct text *);
int text_order(const struct text *, const struct text *); /* <0, 0, >0 by code points */
bool text_is(const struct text *, const char *s);

#define NOT_FOUND ((size_t)-1)
/* The first byte offset >= from where needle begins and ends by `to`. */
size_t text_find(const struct text *, const struct text *needle, size_t from, size_t to);
size_t text_rfind(const struct text *, const struct text *needle, size_t from, size_t to);
size_t text_offset(const struct text *, size_t n_chars); /* of a character: its byte; the length past the end */
size_t text_chars(const struct text *, size_t offset);   /* characters before a byte */

/* What str.strip leaves: bytes [*from, *to).  chars NULL: white space.  side: -1 left, 1 right, 0 both. */
void text_strip(const struct text *, const struct text *chars, int side, size_t *from, size_t *to);

#endif
