/*
 * plugins/chemistry/flask.h - what a reaction tool was told is together: reactants, and the conditions that they and the others fulfil.
 */
#ifndef PLUGINS_CHEMISTRY_FLASK_H
#define PLUGINS_CHEMISTRY_FLASK_H

#include "conditions.h"
#include "rules.h"
#include "tool.h"

/* The time of a call, less a fifth for what is under way when it is over. */
struct reaction_clock {
    const struct tool *tool;
    int64_t reserve_ms;
};

void reaction_clock_start(struct reaction_clock *, const struct tool *);
/* A rules_stop. */
bool reaction_clock_over(void *clock);

struct flask {
    struct reaction_clock clock;
    struct reactants reactants;
    struct conditions have;
    cJSON *not_understood; /* strings; what of the conditions is neither a name nor a SMILES */
};

/* Empty, and its time begins. */
void flask_init(struct flask *, const struct tool *);
/* The arguments "reactants" and "conditions", each a string or a list of strings.  Not CORAX_OK: the call has failed. */
int flask_read(const struct tool *, struct flask *);
/* What a SMILES with dots holds; given: reactants, otherwise reagents, which may react as well. */
int flask_add_smiles(struct flask *, const char *smiles, size_t len, bool given, struct rdkit_err *);
/* A name, several with commas between, or a SMILES. */
int flask_add_condition(struct flask *, const char *text, size_t len, struct rdkit_err *);
void flask_finish(struct flask *);

/* "H2 and Pd, or H2 and Pt" of a rule's needs; *out ends with a NUL. */
void flask_needs_text(const struct rule *, char *out, size_t size);

#endif
