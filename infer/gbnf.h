/*
 * infer/gbnf.h - grammars as text: an EBNF in the syntax that llama.cpp's grammar files have (GBNF).
 *
 *     root  ::= "yes" | "no" | list          rules; the text is what `root` says
 *     list  ::= "[" (item ("," item)*)? "]"  groups, * + ? {2} {2,} {2,5}
 *     item  ::= [a-z0-9_]+ | [^"\\\x00-\x1f] | .   characters, \n \r \t \\ \" \[ \] \xHH \uHHHH \UHHHHHHHH
 *     # a comment
 *
 * A rule goes on over line ends inside of parentheses, behind ::= and |, and where the next line begins with |.
 * Whatever of a grammar is regular becomes one regular language, which is what makes it fast to walk.
 */
#ifndef INFER_GBNF_H
#define INFER_GBNF_H

#include <stddef.h>

#include "infer/program.h"
#include "util/err.h"

#define GBNF_MAX_TEXT    (1u << 20)
#define GBNF_MAX_DEPTH   200   /* of parentheses */
#define GBNF_MAX_SYMBOLS 100000 /* after repetitions are written out */

/*
 * Adds the grammar's rules; *rule is the one that says root.  0, or -1 with CORAX_E_ARGS ("grammar: line 3: rule item is not defined",
 * "... item calls itself before it has read anything") or CORAX_E_LIMIT.
 */
int gbnf_add(struct program_builder *, const char *text, size_t len, uint32_t *rule, struct err *);

#endif
