/*
 * infer/jinja_lexer.h - a template's text as tokens: what stands between tags, and the words within them.
 *
 * White space control happens here: lstrip_blocks, trim_blocks, the signs - and + at tags, comments, raw blocks.  Line
 * ends become \n, and one at the end of the template is dropped.  Brackets are balanced within each tag.
 */
#ifndef INFER_JINJA_LEXER_H
#define INFER_JINJA_LEXER_H

#include "infer/jinja_text.h"

enum token_kind {
    T_END, /* of the template */
    T_DATA,
    T_PRINT_BEGIN, /* {{ */
    T_PRINT_END,
    T_BLOCK_BEGIN, /* {% */
    T_BLOCK_END,
    T_NAME,
    T_STRING,
    T_INTEGER,
    T_FLOAT,
    T_OPERATOR
};

/* Two bytes of an operator as one number: OP('/', '/'), OP('+', 0). */
#define OP(a, b) ((unsigned)(a) | (unsigned)(b) << 8)

struct token {
    uint8_t kind;
    uint16_t op;   /* T_OPERATOR */
    uint32_t line; /* from 1 */
    union {
        const struct text *text; /* T_DATA, T_NAME, T_STRING */
        int64_t integer;
        double real;
    };
};

struct tokens_of {
    const struct token *list; /* ends with T_END */
    size_t n;
};

/* r has the arena and the error; its line is where an error is. */
int jinja_tokenize(struct render *r, const char *text, size_t len, struct tokens_of *out);

#endif
