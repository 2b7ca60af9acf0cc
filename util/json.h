/*
 * util/json.h - JSON from the outside in, and from us out.
 *
 * JSON is a trust boundary.  While the tree is built, our own scanner holds the text to RFC 8259 and to limits: UTF-8, at
 * most JSON_MAX_DEPTH levels and JSON_MAX_VALUES values, no duplicate keys in one object, no NUL (neither a byte nor
 * \u0000), no lone surrogates, nothing after the value.  Each error says where: "line 3, column 14: duplicate key ...".
 *
 * Text that must stay as it is, tool arguments above all, is never reprinted: json_raw() gives its bytes in the
 * original.  Where a tree is written out, its numbers keep their digits.
 *
 * `struct json` is a value inside a parsed document; the root owns all.  Lookups are case-sensitive; a lookup in NULL or
 * in a value of another kind gives NULL, so that chains need one check at the end.  Texts are valid as long as the root.
 */
#ifndef UTIL_JSON_H
#define UTIL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/err.h"

#define JSON_MAX_DEPTH  64
#define JSON_MAX_VALUES 100000

enum json_kind { JSON_NONE, JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json;

/* Checks without building anything.  0, or -1 with CORAX_E_ARGS (or CORAX_E_LIMIT). */
int json_check(const char *text, size_t len, struct err *);
/* The root, freed by json_free(); NULL with the errors of json_check. */
struct json *json_parse(const char *text, size_t len, struct err *) __attribute__((warn_unused_result));
/* The same with another limit than JSON_MAX_VALUES, for files that a person chose; a value takes about 100 bytes. */
struct json *json_parse_large(const char *text, size_t len, size_t max_values, struct err *)
    __attribute__((warn_unused_result));
/* The same for files that people write: // and slash-star comments and a comma after the last member are allowed. */
struct json *json_parse_config(const char *text, size_t len, struct err *) __attribute__((warn_unused_result));
void json_free(struct json *);

enum json_kind json_kind(const struct json *);              /* JSON_NONE for NULL */
const struct json *json_get(const struct json *object, const char *key);
const struct json *json_first(const struct json *container); /* members or elements, in order */
const struct json *json_next(const struct json *);
const char *json_key(const struct json *member);            /* NULL for an element of an array */
size_t json_count(const struct json *container);
bool json_has_text(const struct json *list, const char *text); /* one of its elements is this string */

const char *json_text(const struct json *);                 /* a string's UTF-8, NUL-terminated; NULL for others */
bool json_bool(const struct json *, bool otherwise);
double json_number(const struct json *, double otherwise);  /* otherwise also when it is too large for a double */
const char *json_digits(const struct json *);               /* a number as it was written; NULL for others */
bool json_is_integer(const struct json *);                  /* exactly: 1.0 and 1e400 are, 1.00000000000000000001 is not */
/*
 * An integer of less than 2^53 in magnitude (2^53 itself is also what 2^53 + 1 reads as); 1.0 counts.  -1 with
 * CORAX_E_ARGS otherwise: "max_tokens: 1.5 is not an integer".
 */
int json_int(const struct json *, const char *what, int64_t *out, struct err *);

/*
 * An object of these members (known ends with NULL)?  -1 with CORAX_E_ARGS: 'task: unknown key "tool"', or, where what is
 * "", 'unknown key "tool"'.
 */
int json_check_members(const struct json *, const char *what, const char *const known[], struct err *err);

/* Member shortcuts: the string of object's member, or `otherwise` when it is absent or of another kind. */
const char *json_get_text(const struct json *object, const char *key, const char *otherwise);
/*
 * The value's first byte in the text that was parsed, as written, as long as the caller keeps that text.  NULL for NULL.
 */
const char *json_raw(const struct json *, size_t *len);

/*
 * Where the value at an RFC 6901 pointer ("/params/arguments", "" for the root) stands in a text that json_check
 * accepted: its first byte and length, as written.  false if there is none.
 */
bool json_find(const char *text, size_t len, const char *pointer, const char **value, size_t *value_len);
/* Decodes a string literal (quotes included), for instance one that json_find gave, into out.  false if it is none. */
bool json_unquote(const char *literal, size_t len, struct buf *out);

/*
 * Writing.  Text goes straight into a buffer; commas are placed by the writer.
 *
 *     struct jsonw w = jsonw_start(&buf);
 *     jsonw_object(&w, NULL);
 *     jsonw_string(&w, "name", name, strlen(name));
 *     jsonw_raw(&w, "arguments", args, args_len);
 *     jsonw_end(&w);
 *
 * key is NULL at the root and inside an array.  Strings that are not UTF-8 get U+FFFD for each bad byte.  A failed buf
 * is the only error.  There is no white space and no newline in what is written (raw text is the caller's care).
 */
struct jsonw {
    struct buf *out;
    uint64_t    is_array; /* one bit a level: closes with ] rather than } */
    uint64_t    has_member;
    int         depth;
    size_t      start; /* out->len when it began */
};
struct jsonw jsonw_start(struct buf *);
void jsonw_object(struct jsonw *, const char *key);
void jsonw_array(struct jsonw *, const char *key);
void jsonw_end(struct jsonw *);
void jsonw_string(struct jsonw *, const char *key, const char *s, size_t len);
void jsonw_text(struct jsonw *, const char *key, const char *s); /* NUL-terminated; NULL writes null */
void jsonw_int(struct jsonw *, const char *key, int64_t);
void jsonw_number(struct jsonw *, const char *key, double); /* shortest text that reads back the same; null if not finite */
void jsonw_bool(struct jsonw *, const char *key, bool);
void jsonw_null(struct jsonw *, const char *key);
void jsonw_raw(struct jsonw *, const char *key, const char *json, size_t len);
void jsonw_value(struct jsonw *, const char *key, const struct json *); /* copies a parsed value; numbers as written */

/*
 * One text for all texts of equal value: members sorted by key, no white space, 1, 1.0 and 10e-1 the same.  Two values
 * are equal as JSON Schema defines it exactly if these texts are; so a hash of it finds a repeated call.
 */
void json_canonical(const struct json *, struct buf *out);
bool json_same(const struct json *, const struct json *); /* equal as above; false also where they are too long to be compared */

#endif
