/*
 * plugins/chemistry/rdkit.h - what the chemistry tools ask of RDKit, as C functions.
 *
 * RDKit is C++ and throws; nothing does here.  Each function returns an enum corax_status and on failure fills err with a
 * sentence.  SMILES are limited, since canonical numbering of long chains takes seconds (C x 1000: 1.1 s) and a chain that
 * is a few times longer never ends.  rdkit.cc implements this; rdkit_none.c does in a build without RDKit.
 */
#ifndef PLUGINS_CHEMISTRY_RDKIT_H
#define PLUGINS_CHEMISTRY_RDKIT_H

#include <stddef.h>

#define RDKIT_MAX_SMILES      1000 /* characters */
#define RDKIT_MAX_HEAVY_ATOMS 300
#define RDKIT_TEXT_SIZE       4096 /* holds the canonical form of anything within the limits */

#ifdef __cplusplus
extern "C" {
#endif

struct rdkit_err {
    char msg[200];
};

struct rdkit_descriptors {
    double logp;       /* Crippen */
    double tpsa;       /* A^2 */
    unsigned hbd, hba; /* Lipinski, as calcNumHBD and calcNumHBA */
    unsigned rotatable;
    unsigned rings;
};

int rdkit_masses(const char *smiles, size_t len, double *average, double *monoisotopic, struct rdkit_err *);
int rdkit_formula(const char *smiles, size_t len, char out[RDKIT_TEXT_SIZE], struct rdkit_err *);
int rdkit_canonical(const char *smiles, size_t len, char out[RDKIT_TEXT_SIZE], struct rdkit_err *);
int rdkit_describe(const char *smiles, size_t len, struct rdkit_descriptors *, struct rdkit_err *);
/* Tanimoto of the Morgan fingerprints (radius 2, 2048 bits).  An error says which of the two it is about: "a: ...". */
int rdkit_similarity(const char *a, size_t a_len, const char *b, size_t b_len, double *tanimoto, struct rdkit_err *);

#ifdef __cplusplus
}
#endif
#endif
