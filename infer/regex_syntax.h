/*
 * infer/regex_syntax.h - the tree of a pattern in the syntax of ECMA-262 (2025, section 22.2.1 and annex B.1.2).
 *
 * Characters are code points, as with flag u; what that flag forbids stands for itself, as without.  Nodes refer to each
 * other by index.  The operands of a sequence are chained from the last to the first, as they are translated.
 */
#ifndef INFER_REGEX_SYNTAX_H
#define INFER_REGEX_SYNTAX_H

#include "infer/regex.h"

enum syntax_kind {
    SYNTAX_SET, /* one character of ranges[first, first + n) */
    SYNTAX_CAT, /* nothing when it has no operands */
    SYNTAX_ALT,
    SYNTAX_REPEAT, /* of first, from min to max times (REGEX_MANY) */
    SYNTAX_BEGIN,
    SYNTAX_END,
    SYNTAX_WORD_EDGE,
    SYNTAX_NO_WORD_EDGE,
    SYNTAX_AHEAD, /* first, of which nothing is consumed */
    SYNTAX_NOT_AHEAD,
    SYNTAX_BEHIND,
    SYNTAX_NOT_BEHIND,
};

#define NO_NODE UINT32_MAX

struct syntax_node {
    uint8_t kind;
    bool plain; /* there is no assertion in it */
    bool width; /* it may consume something */
    uint32_t first, n;
    uint32_t next; /* operand of the same parent, before this one */
    int64_t min, max;
    size_t offset; /* in the pattern, bytes */
};

struct syntax {
    const char *pattern;
    size_t len;
    struct syntax_node *nodes;
    size_t n_nodes, nodes_cap;
    struct regex_range *ranges;
    size_t n_ranges, ranges_cap;
    uint32_t root;
};

/* -1 with CORAX_E_ARGS, CORAX_E_LIMIT; syntax_finish() in any case. */
int syntax_parse(struct syntax *, const char *pattern, size_t len, struct err *) __attribute__((warn_unused_result));
void syntax_finish(struct syntax *);
/* "pattern "...": what at offset n cannot be held", or the like, as CORAX_E_ARGS. */
int syntax_fail(const struct syntax *, size_t offset, const char *what, const char *why, struct err *);

/* The general category of a character: "Lu", "Mn", ...; at most 0x10ffff. */
const char *unicode_category(uint32_t c);
/* The ranges of a class of \p{name} are handed out one by one; false when the name is not known. */
bool unicode_class(const char *name, size_t len, bool (*add)(void *arg, uint32_t from, uint32_t to), void *arg);

#endif
