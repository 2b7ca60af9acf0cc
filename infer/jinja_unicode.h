/*
 * infer/jinja_unicode.h - what Python's str says about a character, for templates.
 *
 * Classes, case and white space are those of the Unicode version that jinja_table.h names, special cases included
 * (several characters for one, the sigma at the end of a word).  Texts are valid UTF-8.
 */
#ifndef INFER_JINJA_UNICODE_H
#define INFER_JINJA_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum char_class {
    CHAR_ALPHA = 1,
    CHAR_DIGIT = 2,
    CHAR_DECIMAL = 4,
    CHAR_NUMERIC = 8,
    CHAR_PRINTABLE = 16,
    CHAR_SPACE = 32,
    CHAR_ALNUM = CHAR_ALPHA | CHAR_DIGIT | CHAR_DECIMAL | CHAR_NUMERIC /* any of these */
};

enum char_case { CASE_UPPER, CASE_LOWER, CASE_TITLE };

unsigned char_classes(uint32_t c);                 /* CHAR_... of c */
bool char_is_upper(uint32_t c);
bool char_is_lower(uint32_t c);
bool char_is_title(uint32_t c);                    /* such as U+01C5: neither upper nor lower */
int char_change(uint32_t c, enum char_case, uint32_t out[3]); /* how many characters; c itself where it has no case */
bool char_ends_line(uint32_t c);                   /* where str.splitlines cuts */
bool char_is_cased(uint32_t c);

uint32_t char_at(const char *s);                   /* of valid UTF-8 */
size_t char_len(const char *s);                    /* bytes of the character at s, from its first byte */
const char *char_before(const char *s);            /* where the character before s begins */
/* s + n characters, at most end. */
const char *char_skip(const char *s, const char *end, size_t n);

#endif
