/*
 * plugins/chemistry/explosive.h - whether a molecule is an explosive: one of those known, or by its groups and a rule of thumb.
 *
 * The rule, applied to each piece of a molecule by itself (explosive_groups.tsv has the groups):
 * - one energetic group or more and at most three carbons for each, nitro groups beside them counted with them; or
 * - nitro groups alone: three or more of which one is on an aromatic ring and at most four carbons for each, or two or more,
 *   none on an aromatic ring, and at most three carbons for each; or
 * - a fulminate or a heavy metal's acetylide; or
 * - a perchlorate or chlorate of a cation with one to three carbons;
 * and, where the groups have oxygen, an oxygen balance of -200 % or more (UN Manual of Tests and Criteria, Appendix 6).
 * So one nitro group never makes an explosive (nitrobenzene, nitromethane, nifedipine), nor do azo compounds (AIBN).
 */
#ifndef PLUGINS_CHEMISTRY_EXPLOSIVE_H
#define PLUGINS_CHEMISTRY_EXPLOSIVE_H

#include "safety.h"

#define EXPLOSIVE_MAX_GROUPS 24

struct explosive_group {
    const char *name;
    unsigned n; /* of them in the molecule */
    unsigned atoms;
    unsigned atom[SAFETY_MAX_ATOMS]; /* the molecule's own, counted from 0 */
};

struct explosive_verdict {
    bool explosive;
    struct safety_verdict known; /* explosives by structure */
    bool by_rule;
    unsigned carbons, counted; /* of the piece that the rule found: carbons and energetic groups */
    double
        oxygen_balance; /* %, of the whole: -1600 / MW * (2 C + H/2 + metal - O) */
    unsigned groups;
    struct explosive_group group[EXPLOSIVE_MAX_GROUPS];
};

/* CORAX_E_ARGS: it is no molecule.  Several threads may ask. */
int explosive_check(const struct rdkit_mol *, struct explosive_verdict *, struct rdkit_err *);

#endif
