/*
 * plugins/chemistry/rules.h - the rules of data/reactions.rules: what each makes of molecules, and what it needs for that.
 *
 * A rule's patterns are compiled by the first call that asks for rules, which is once for all threads.
 */
#ifndef PLUGINS_CHEMISTRY_RULES_H
#define PLUGINS_CHEMISTRY_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "conditions.h"
#include "rdkit.h"

enum rule_flag {
    RULE_REPEATS = 1, /* goes on until nothing is left that reacts: hydrogenation takes all double bonds */
    RULE_SELF = 2,    /* a molecule reacts with another of its kind where it is alone */
    RULE_TWICE = 4    /* the last two reactants are two of the same molecule */
};

struct rule {
    const char *id, *name;
    const char *smarts; /* a line each; after "else", those that count only where none before did */
    const char *retro;  /* a line each; "": the first pattern turned round; "-": none */
    const char *needs;  /* conditions: "H2+Pd|H2+Pt"; "": the reactants are all */
    const char *without;
    unsigned flags; /* enum rule_flag */
    const char *note, *source;
};

#define RULE_MAX_REACTANTS 8

/* What can react, and until when (CORAX_E_TIMEOUT): the first n_given of n must take part, the others, of the conditions, may. */
typedef bool rules_stop(void *ctx); /* is the time over? */

struct reactants {
    rules_stop *stop; /* NULL: there is all the time */
    void *ctx;
    const struct rdkit_mol *mol[RULE_MAX_REACTANTS];
    char *smiles[RULE_MAX_REACTANTS]; /* canonical */
    size_t n, n_given;
};

/* CORAX_OK once all patterns are compiled; else why the plugin has no rules. */
int rules_ready(struct rdkit_err *);
size_t rules_count(void);
const struct rule *rules_at(size_t i);

/* Has the i-th rule what it needs, and nothing that it must be without? */
bool rule_fulfilled(size_t i, const struct conditions *);
/* What must not be there alone. */
bool rule_prevented(size_t i, const struct conditions *);
/* Is a part of what it needs there? */
bool rule_near(size_t i, const struct conditions *);
/* Is there an assignment of the reactants to a pattern of it? */
bool rule_matches(size_t i, const struct reactants *);
/* Adds what comes of the reactants by the i-th rule, conditions left aside. */
int rule_run(size_t i, const struct reactants *, struct rdkit_outcomes *, struct rdkit_err *);
/* Adds sets of precursors of a molecule by the i-th rule turned round, not run forward yet. */
int rule_turn_round(size_t i, const struct rdkit_mol *, struct rdkit_outcomes *, struct rdkit_err *);

/* Molecules of a SMILES with dots; false: too many or unreadable.  reactants_finish() frees all of them. */
int reactants_add(struct reactants *, const struct rdkit_mol *, struct rdkit_err *);
int reactants_add_smiles(struct reactants *, const char *smiles, struct rdkit_err *);
void reactants_finish(struct reactants *);

#endif
