/*
 * plugins/chemistry/rdkit.h - what the chemistry tools ask of RDKit, as C functions.
 *
 * RDKit is C++ and throws; nothing does here.  A function that can fail returns an enum corax_status, or NULL, and fills err
 * with a status and a sentence.  SMILES are limited, since canonical numbering of long chains takes seconds (C x 1000: 1.1 s)
 * and a chain that is a few times longer never ends.  Several threads may work side by side, each on molecules of its own.
 *
 * rdkit.cc and rdkit_*.cc implement this over rdkit_molecule.hh; rdkit_none.c does in a build without RDKit, where no molecule
 * can be read.
 */
#ifndef PLUGINS_CHEMISTRY_RDKIT_H
#define PLUGINS_CHEMISTRY_RDKIT_H

#include <stddef.h>
#include <stdint.h>

#define RDKIT_MAX_SMILES      1000 /* characters */
#define RDKIT_MAX_HEAVY_ATOMS 300
#define RDKIT_TEXT_SIZE       4096 /* holds the canonical form of anything within the limits */
#define RDKIT_BITS            2048 /* of a fingerprint */

#ifdef __cplusplus
extern "C" {
#endif

struct rdkit_err {
    int status; /* enum corax_status */
    char msg[200];
};

struct rdkit_mol; /* sanitized, with implicit hydrogens */

/* The molecule of a SMILES, blanks around it left out.  CORAX_E_ARGS: it is none; the sentence names the atom, counted from 1.
 * Why it is none is known to one thread at a time: where others work, err is NULL; read once more, alone, what failed. */
struct rdkit_mol *rdkit_read(const char *smiles, size_t len, struct rdkit_err *);
void rdkit_free(struct rdkit_mol *); /* NULL is fine */

/* g/mol with the natural mix of isotopes, and Da of the commonest ones. */
int rdkit_masses(const struct rdkit_mol *, double *average, double *monoisotopic, struct rdkit_err *);
/* In Hill order, with the charge: "C2H3O2-". */
int rdkit_formula(const struct rdkit_mol *, char out[RDKIT_TEXT_SIZE], struct rdkit_err *);
int rdkit_charge(const struct rdkit_mol *);
/* RDKit's canonical isomeric SMILES. */
int rdkit_canonical(const struct rdkit_mol *, char out[RDKIT_TEXT_SIZE], struct rdkit_err *);

struct rdkit_descriptors {
    double logp;        /* Wildman & Crippen 1999 */
    double tpsa;        /* A^2; Ertl, Rohde & Selzer 2000, N and O alone */
    unsigned hbd, hba;  /* calcNumHBD, calcNumHBA */
    unsigned rotatable; /* Strict */
    unsigned rings;     /* of the smallest set */
};

int rdkit_describe(const struct rdkit_mol *, struct rdkit_descriptors *, struct rdkit_err *);

struct rdkit_bits {
    uint64_t word[RDKIT_BITS / 64];
};

/* Morgan, radius 2 (ECFP4-like): Rogers & Hahn 2010. */
int rdkit_fingerprint(const struct rdkit_mol *, struct rdkit_bits *, struct rdkit_err *);

#ifdef __cplusplus
}
#endif
#endif
