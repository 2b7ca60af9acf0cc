/*
 * plugins/chemistry/conditions.h - what is in the flask besides the reactants: reagents, catalysts, heat, light.
 *
 * data/conditions.tsv says by which names and SMILES each is known, and which conditions it fulfils: H2SO4 is "H2SO4" and "acid".
 * Those conditions are what a rule of data/reactions.rules needs.
 */
#ifndef PLUGINS_CHEMISTRY_CONDITIONS_H
#define PLUGINS_CHEMISTRY_CONDITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONDITIONS_MAX 256 /* kinds */

struct conditions {
    uint64_t bits[CONDITIONS_MAX / 64];
};

/* An entry of the table. */
struct reagent {
    const char *names;  /* separated by ";", the first one for people */
    const char *smiles; /* canonical, separated by blanks; or "" */
    struct conditions fulfils;
    bool reacts; /* may be a reactant, too: ethanol, a Grignard reagent */
};

/* Reads the table, once; the condition of a name that no entry fulfils is none: -1. */
int conditions_index(const char *name, size_t len);
/* The entry of a name ("conc. H2SO4", "h2so4") or of a canonical SMILES; NULL: none. */
const struct reagent *reagent_named(const char *name, size_t len);
const struct reagent *reagent_of_smiles(const char *canonical);

void conditions_set(struct conditions *, int index);
void conditions_join(struct conditions *, const struct conditions *);
bool conditions_all(const struct conditions *have, const struct conditions *needed);
bool conditions_any(const struct conditions *have, const struct conditions *unwanted);

#endif
