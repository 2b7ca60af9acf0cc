/*
 * plugins/chemistry/compound.h - the compounds whose names are known: data/names.tsv.
 *
 * Names are compared without regard to case, blanks and hyphens; Greek letters are the same as their names.
 */
#ifndef PLUGINS_CHEMISTRY_COMPOUND_H
#define PLUGINS_CHEMISTRY_COMPOUND_H

#include <stdbool.h>
#include <stddef.h>

struct compound {
    const char *name;
    const char *synonyms; /* separated by ";", may be "" */
    const char *smiles;
    const char *cas; /* may be "" */
    const char *inchikey;
};

#define COMPOUND_NAME_SIZE 512 /* in the spelling of comparison, with its NUL; longer names are nobody's */

/* NULL: no compound has it. */
const struct compound *compound_by_name(const char *name, size_t len);
const struct compound *compound_by_cas(const char *cas);
const struct compound *compound_by_inchikey(const char *key);

/* Compounds with the names that are spelled most nearly like this one, within three slips; returns how many. */
#define COMPOUND_MAX_NEAR 3
size_t compound_near(const char *name, size_t len, const struct compound *near[COMPOUND_MAX_NEAR]);

enum cas_form {
    CAS_NONE,      /* not of the form 2 to 7 digits - 2 digits - digit */
    CAS_BAD_DIGIT, /* the last digit is wrong */
    CAS_VALID
};

#define CAS_SIZE 13

/* out: the number without blanks and leading zeros; *right, if not NULL: what the last digit ought to be. */
enum cas_form cas_read(const char *text, size_t len, char out[CAS_SIZE], int *right);

#endif
