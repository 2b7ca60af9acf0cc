/* rdkit_none.c - rdkit.h for a build without RDKit: every tool says so. */
#include "rdkit.h"

#include <stdio.h>

#include <corax/plugin.h>

static int unavailable(struct rdkit_err *err)
{
    snprintf(err->msg, sizeof err->msg, "unavailable: corax was built without RDKit");
    return CORAX_E_UNAVAIL;
}

int rdkit_masses(const char *smiles, size_t len, double *average, double *monoisotopic, struct rdkit_err *err)
{
    return unavailable(err);
}

int rdkit_formula(const char *smiles, size_t len, char out[RDKIT_TEXT_SIZE], struct rdkit_err *err)
{
    return unavailable(err);
}

int rdkit_canonical(const char *smiles, size_t len, char out[RDKIT_TEXT_SIZE], struct rdkit_err *err)
{
    return unavailable(err);
}

int rdkit_describe(const char *smiles, size_t len, struct rdkit_descriptors *out, struct rdkit_err *err)
{
    return unavailable(err);
}

int rdkit_similarity(const char *a, size_t a_len, const char *b, size_t b_len, double *tanimoto, struct rdkit_err *err)
{
    return unavailable(err);
}
