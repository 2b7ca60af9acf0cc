/*
 * infer/notation_rules.h - inside of notation: rules while they are made.
 */
#ifndef INFER_NOTATION_RULES_H
#define INFER_NOTATION_RULES_H

#include "infer/intern.h"
#include "infer/notation.h"

struct rules {
    struct program_builder *program;
    struct shapes          *shapes;
    const struct notation  *notation;
    struct err             *err;
    struct intern           known;    /* values that have a rule, as conj and level (MARKED) or kinds (TAGS) */
    uint32_t               *numbers;  /* [known.n]: the rules */
    size_t                  numbers_cap;
    regex                   raw;      /* what a raw string may be, so that its mark ends it */
};

/* The symbols of one alternative before they are put; what is written as it is becomes one. */
#define RUN_MAX (4 * NOTATION_MARK_SYMBOLS + 8)
struct run {
    struct symbol list[RUN_MAX];
    size_t        n;
    bool          literal; /* the last one is */
};

void run_add(struct run *, enum symbol_kind, uint32_t value);
void run_text(struct rules *, struct run *, const char *text, size_t len);
void run_mark(struct rules *, struct run *, const struct notation_mark *);
void run_put(struct rules *, const struct run *, uint32_t rule, uint32_t alternative);
void run_put_dead(struct rules *, uint32_t rule, uint32_t alternative); /* an alternative that is never taken */

int rules_refuse(struct rules *, const char *what); /* -1 with "WHAT cannot be held in this notation" */

/* A state of what was written of one object or array; its rule is what may follow. */
struct states {
    uint32_t *rules;  /* [total]; PROGRAM_NO_RULE: not come to */
    uint32_t *queue;  /* [total]: those come to */
    size_t    total, n;
};

int  states_init(struct rules *, struct states *, size_t total); /* -1: too many, or no memory */
void states_finish(struct states *);
/* The rule of a state; a new one gets so many alternatives and a place in the queue. */
uint32_t states_rule(struct rules *, struct states *, size_t state, uint32_t n_alternatives);
bool states_are_many(const struct states *);

/* The rule of a value, from KEY_CLOSE to VALUE_CLOSE in TAGS.  kinds: what else the member may be; level: containers around it. */
int rules_tagged(struct rules *, conj, unsigned kinds, uint32_t *rule);
int rules_marked(struct rules *, conj, unsigned level, uint32_t *rule);
/* Of the value v's object or array; the text of a MARKED one from { to }. */
int rules_object(struct rules *, const struct value_shape *v, const struct object_shape *, unsigned level, uint32_t *rule);
int rules_array(struct rules *, const struct array_shape *, unsigned level, uint32_t *rule);

/* SCHEMA_* bits of values that are no strings, and SCHEMA_STRING.  INTEGER is never set, NUMBER is for both. */
unsigned notation_kinds(struct shapes *, struct regexes *, conj);
/*
 * The kinds of what the member may be in any of the objects of v: where they list it, or else where other members may be.  name NULL:
 * any name.
 */
unsigned notation_member_kinds(struct shapes *, struct regexes *, const struct value_shape *v, const char *name, size_t len);

#endif
