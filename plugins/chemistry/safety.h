/*
 * plugins/chemistry/safety.h - whether a molecule, in whatever form it is drawn, is on a list of controlled chemicals.
 *
 * The lists are data/NAME.tsv: compounds and families with the list, the entry and the date.  A molecule is looked up piece by
 * piece (salts and mixtures), without isotopes and stereo, uncharged, and as any of its tautomers.  What is not on a list is
 * "not listed", on the lists named and of their dates; nothing here ever says that something is safe.
 */
#ifndef PLUGINS_CHEMISTRY_SAFETY_H
#define PLUGINS_CHEMISTRY_SAFETY_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "rdkit.h"

#define SAFETY_MAX_HITS  24
#define SAFETY_MAX_ATOMS 64 /* named of a hit */

struct safety_list {
    const char *word;   /* "cwc-1", "australia-group", "explosive", ... */
    const char *title;  /* "CWC Schedule 1" */
    const char *source; /* the treaty or law */
    const char *date;   /* of the text that the list was made from */
};

struct safety_hit {
    const struct safety_list *list;
    const char *entry; /* "1.A.1" */
    const char *name;  /* what is listed: "O-alkyl alkylphosphonofluoridate (sarin family)" */
    bool family;       /* by a rule, and not this very compound */
    bool undecided;    /* the same atoms joined alike; whether the bonds fit was not found out, so it counts */
    unsigned was;      /* enum rdkit_was bits of the piece, RDKIT_WAS_TAUTOMER also where a tautomer is listed */
    unsigned atoms; /* in `atom`; the molecule's own, counted from 0, in the order of the list's drawing or ascending */
    unsigned atom[SAFETY_MAX_ATOMS];
};

struct safety_verdict {
    unsigned hits; /* at most SAFETY_MAX_HITS: a later one changes no verdict */
    struct safety_hit hit[SAFETY_MAX_HITS];
};

/* On which lists of controlled chemicals it is.  CORAX_E_ARGS: it is no molecule (a wildcard atom).  Several threads may ask. */
int safety_check(const struct rdkit_mol *, struct safety_verdict *, struct rdkit_err *);
/* The same for known explosives: explosive.h asks more. */
int safety_known_explosive(const struct rdkit_mol *, struct safety_verdict *, struct rdkit_err *);
/* The lists that were looked through, i from 0; NULL past the last. */
const struct safety_list *safety_lists(size_t i);
/* Whether a verdict means that it must not be made: any list but DEA List II, which everyday solvents are on. */
bool safety_is_controlled(const struct safety_verdict *);
/* The words of a verdict: "controlled", then each list's. */
cJSON *safety_words(const struct safety_verdict *);
/* How it was drawn, where that was not as the list has it: "a part of a mixture or salt, with isotopes"; "" otherwise. */
void safety_form(const struct safety_hit *, char *out, size_t size);

#endif
