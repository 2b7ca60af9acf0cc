/*
 * infer/program.h - builds the program of a machine (infer/machine.h): rules, their alternatives, and their ranks.
 *
 *     struct program_builder b;
 *     program_init(&b, regexes, arena);
 *     rule = program_rule(&b, 2);                       two alternatives
 *     program_put(&b, rule, 0, (struct symbol[]){ { SYMBOL_REGEX, digits }, { SYMBOL_RULE, rule } }, 2);
 *     program_put(&b, rule, 1, NULL, 0);                nothing
 *     if (program_finish(&b, rule, &program, &err) < 0) ...
 *
 * A call that runs out of room makes every later one do nothing, and program_finish() says so.
 */
#ifndef INFER_PROGRAM_H
#define INFER_PROGRAM_H

#include "infer/machine.h"
#include "util/arena.h"

#define PROGRAM_MAX_SYMBOLS 4000000
#define PROGRAM_NO_RULE     UINT32_MAX

struct program_builder {
    struct regexes *regexes;
    struct arena   *arena;   /* holds the program */
    struct symbol  *symbols;
    struct rule    *rules;
    struct text_limit *limits;
    size_t          n_symbols, symbols_cap, n_rules, rules_cap, n_limits, limits_cap;
    uint32_t        loop;    /* a rule that calls itself before it has read anything */
    bool            failed;
};

void program_init(struct program_builder *, struct regexes *, struct arena *);
uint32_t program_rule(struct program_builder *, uint32_t n_alternatives); /* PROGRAM_NO_RULE: no room */
/* Each alternative of each rule once.  A SYMBOL_REGEX of REGEX_EMPTY is left out. */
void program_put(struct program_builder *, uint32_t rule, uint32_t alternative, const struct symbol *, size_t n);
/* The value of a SYMBOL_LIMITED. */
uint32_t program_limit(struct program_builder *, const struct text_limit *);
/*
 * Ranks the rules that there are, each of which has all its alternatives by then.  0, or -1 with CORAX_E_LIMIT, or with CORAX_E_ARGS when
 * a rule calls itself before it has read anything; *loop is that rule then.
 */
int program_rank(struct program_builder *, uint32_t *loop, struct err *);
/* Ranks them, and start is the rule that the whole text is.  Errors as program_rank(). */
int program_finish(struct program_builder *, uint32_t start, struct program *, struct err *);

#endif
