/*
 * infer/regex.h - regular languages over bytes: hash-consed expressions and their derivatives.
 *
 * An expression is a number in its store; equal numbers are equal expressions.  Beside the usual operators there are
 * intersection and complement, so that several rules on one text become one expression.  The derivative of an expression
 * by a byte is what may follow that byte: expressions are the states of an automaton that is built as it is walked.
 *
 *     Brzozowski, Derivatives of Regular Expressions, JACM 11(4), 1964
 *     Owens, Reppy, Turon, Regular-expression derivatives re-examined, JFP 19(2), 2009
 *
 * Expressions that a text's characters are written with hold whole UTF-8 characters; only the derivatives stand
 * inside of one.  A store belongs to one thread.  When it has outgrown its limit everything that it would have to make
 * is REGEX_NONE, and regex_failed() is true: check it before trusting a REGEX_NONE.
 */
#ifndef INFER_REGEX_H
#define INFER_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

typedef uint32_t regex;

#define REGEX_NONE  ((regex)0) /* no text at all */
#define REGEX_EMPTY ((regex)1) /* the empty text */
#define REGEX_ANY   ((regex)2) /* every text of whole UTF-8 characters; U+0000 too, surrogates not */
#define REGEX_MANY  (-1)       /* as an upper bound: none */

struct regexes;

struct regex_range { /* of code points, both ends included */
    uint32_t from, to;
};

/* limit: bytes that the store may grow to.  NULL with CORAX_E_LIMIT. */
struct regexes *regexes_create(size_t limit, struct err *) __attribute__((warn_unused_result));
void regexes_destroy(struct regexes *);
bool regex_failed(const struct regexes *);

/* --- making ------------------------------------------------------------------------------------------------------- */

regex regex_literal(struct regexes *, const char *bytes, size_t len);
/* One of these texts; any order, duplicates do no harm.  Made as a trie, so that a derivative looks at one branch. */
regex regex_literals(struct regexes *, const char *const *texts, const size_t *lens, size_t n);
regex regex_bytes(struct regexes *, const uint64_t set[4]); /* one byte; bit b of set[b / 64] is byte b */
/* One character of these ranges (any order, may overlap), or one of all others. */
regex regex_chars(struct regexes *, const struct regex_range *, size_t n, bool others);
regex regex_concat(struct regexes *, regex, regex);
regex regex_or(struct regexes *, regex, regex);
regex regex_or_all(struct regexes *, const regex *, size_t n); /* of many at once, which is cheaper than one by one */
regex regex_and(struct regexes *, regex, regex);
regex regex_not(struct regexes *, regex); /* every text of bytes that is not in it; meet it with REGEX_ANY for texts */
regex regex_minus(struct regexes *, regex, regex);
regex regex_repeat(struct regexes *, regex, int64_t min, int64_t max);

/*
 * A pattern in the syntax of ECMA-262 (flag u, but forgiving as with flag v off: an identity escape stands for itself),
 * searched for as JSON Schema does: what is not anchored may stand anywhere in the text.  \d, \w are ASCII, \s the
 * standard's white space, . every character but line ends.  (?i) regards the case of no ASCII letter.  Not held: back
 * references, look-behinds but at the beginning, and under a quantifier without a small bound most look-arounds and \b.
 * -1 with CORAX_E_ARGS: 'pattern "(a)\\1": a back reference at offset 3 cannot be held'; CORAX_E_LIMIT.
 */
int regex_pattern(struct regexes *, const char *pattern, size_t len, regex *out, struct err *);
/* The same, but the whole text must match: what `^(?:pattern)$` says. */
int regex_pattern_whole(struct regexes *, const char *pattern, size_t len, regex *out, struct err *);

/*
 * A format of JSON Schema, of a text.  false: a name that is not known, which asserts nothing.  Some hold less than their
 * standards say, and names of hosts hold more: see regex_format.c.
 */
bool regex_format(struct regexes *, const char *name, regex *out);

/*
 * JSON numbers, as they are written.  Bounds are decimal texts as JSON writes them ("-1.5e3") or NULL; they are exact.
 * integer: no fraction and no exponent ("-0" is not written).  Otherwise any JSON number when there is no bound, and
 * without an exponent when there is one.  multiple: as a decimal text above zero, or NULL; then without an exponent too.
 * -1 with CORAX_E_ARGS when it is beyond what can be held (digits beyond reason).
 */
struct regex_number {
    bool integer;
    const char *min, *max;
    bool exclusive_min, exclusive_max;
    const char *multiple;
};
int regex_number(struct regexes *, const struct regex_number *, regex *out, struct err *);

/* --- walking ------------------------------------------------------------------------------------------------------ */

/*
 * What may follow the byte; REGEX_NONE exactly if nothing may, so every other state leads to the end of some text (but
 * for one that regex_alive is not sure of).
 */
regex regex_next(struct regexes *, regex, unsigned char byte);
bool regex_accepts(const struct regexes *, regex); /* is the empty text in it: may the text end here? */
/*
 * Is there a text in it?  Exact, except that when the search for one takes more than a bound the answer is true and
 * *sure (may be NULL) is false.
 */
bool regex_alive(struct regexes *, regex, bool *sure);
/*
 * The same as regex_next for all bytes: row[byte] is the state, or REGEX_UNSEEN, which regex_next() then fills in.  Valid
 * until the store is destroyed.  NULL when the store has failed.
 */
#define REGEX_UNSEEN UINT32_MAX
const regex *regex_row(struct regexes *, regex);
/* The bytes that may come first. */
void regex_first(struct regexes *, regex, uint64_t set[4]);
/* If the language has at most max texts of at most 4 KiB in all, how many; otherwise -1.  For counting what is distinct. */
int64_t regex_count(struct regexes *, regex, int64_t max);
/* Is it from min to max (REGEX_MANY: any number) times one character of some kind?  Then *unit is that character's language. */
bool regex_units(struct regexes *, regex, regex *unit, int64_t *min, int64_t *max);
/*
 * Is it a language *all and from min to max characters?  For masks, which need not be worked out anew for each number.
 * *units: *all is any number of one kind of character; only then max may be REGEX_MANY.
 */
bool regex_counted(struct regexes *, regex, regex *all, int64_t *min, int64_t *max, bool *units);
/*
 * The characters of its shortest text; what a derivative stands inside of is not counted.  *longer: it is known to have a text of
 * any greater number, too.  -1: the search for it takes more than a bound.
 */
int32_t regex_to_end(struct regexes *, regex, bool *longer);
uint64_t regex_work(const struct regexes *); /* steps of all derivatives that were made, each some 0.1 us: for who may give up */
size_t regex_n_states(const struct regexes *); /* expressions in the store: numbers below it are in use */

#endif
