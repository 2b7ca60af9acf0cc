/*
 * cli/eval_key.h - a key: what a text must be to count as right.
 *
 * Written in a suite as one of
 *
 *     { "exact": "56.25" }                                    this text, white space around it left out
 *     { "contains": "56.25" } or { "contains": ["a", "b"] }   has it; has all of them
 *     { "regex": "^It is .* Celsius" }                        matches (ECMA-262, as "pattern" of JSON Schema)
 *     { "number": 56.25, "tolerance": 0.01, "relative": 0 }   a number of the text is that near (exactly, without the two)
 *     { "result_of": "now", "from": 0, "to": 4 }              has these bytes of what that tool gave last (all, without the two)
 *     { "any_of": [KEY...] }   { "all_of": [KEY...] }
 *
 * What it is held against is written by models and tools: any bytes are taken, in a time that the text's length bounds.
 */
#ifndef CLI_EVAL_KEY_H
#define CLI_EVAL_KEY_H

#include <stddef.h>

#include "util/err.h"
#include "util/json.h"

#define EVAL_MAX_ALTERNATIVES 64 /* of any_of, all_of, contains */

struct eval_key;

/* Borrows from the JSON.  NULL with CORAX_E_ARGS and a sentence that names what is wrong. */
struct eval_key *eval_key_read(const struct json *, struct err *) __attribute__((warn_unused_result));
void eval_key_destroy(struct eval_key *);

/* For result_of: the text of the tool's last result that is no error, or NULL. */
struct eval_results {
    const char *(*last)(const void *of, const char *tool);
    const void *of;
};

/* 0: right; -1: not, and why, in a sentence.  results NULL: none. */
int eval_key_check(const struct eval_key *, const char *text, const struct eval_results *, struct err *why);

/*
 * The next number in a text that a person or a model wrote, from byte *at on, as a JSON number into out; *at is then behind
 * it.  Known are signs (also U+2212), 1,234,567.5, 1.5e-3 and 1.5 × 10^-3 (x, *, ·, **, superscripts).  Digits that
 * follow a letter, as in C9H8O4, are part of a word, and a hyphen between two numbers is no sign.  false: there is none.
 */
#define EVAL_NUMBER_SIZE 420
bool eval_number_next(const char *text, size_t *at, char out[EVAL_NUMBER_SIZE]);

#endif
