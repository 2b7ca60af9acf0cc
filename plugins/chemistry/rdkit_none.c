/* rdkit_none.c - rdkit.h for a build without RDKit: no molecule can be read, which is all that the tools find out. */
#include "rdkit.h"

#include <stdio.h>

#include <corax/plugin.h>

struct rdkit_mol *rdkit_read(const char *smiles, size_t len, struct rdkit_err *err)
{
    if (err) {
        err->status = CORAX_E_UNAVAIL;
        snprintf(err->msg, sizeof err->msg, "unavailable: corax was built without RDKit");
    }
    return NULL;
}

/* What follows needs a molecule. */

void rdkit_free(struct rdkit_mol *mol)
{
}

int rdkit_masses(const struct rdkit_mol *mol, double *average, double *monoisotopic, struct rdkit_err *err)
{
    return CORAX_E_UNAVAIL;
}

int rdkit_formula(const struct rdkit_mol *mol, char out[RDKIT_TEXT_SIZE], struct rdkit_err *err)
{
    return CORAX_E_UNAVAIL;
}

int rdkit_charge(const struct rdkit_mol *mol)
{
    return 0;
}

int rdkit_canonical(const struct rdkit_mol *mol, char out[RDKIT_TEXT_SIZE], struct rdkit_err *err)
{
    return CORAX_E_UNAVAIL;
}

int rdkit_describe(const struct rdkit_mol *mol, struct rdkit_descriptors *out, struct rdkit_err *err)
{
    return CORAX_E_UNAVAIL;
}

int rdkit_fingerprint(const struct rdkit_mol *mol, struct rdkit_bits *out, struct rdkit_err *err)
{
    return CORAX_E_UNAVAIL;
}

int rdkit_structure_of(const struct rdkit_mol *mol, struct rdkit_structure *out, struct rdkit_err *err)
{
    return CORAX_E_UNAVAIL;
}

void rdkit_structure_finish(struct rdkit_structure *structure)
{
}

struct rdkit_query *rdkit_query_read(const char *smarts, size_t len, struct rdkit_err *err)
{
    rdkit_read(smarts, len, err);
    return NULL;
}

void rdkit_query_free(struct rdkit_query *query)
{
}

unsigned rdkit_query_atoms(const struct rdkit_query *query)
{
    return 0;
}

int rdkit_match(const struct rdkit_mol *mol, const struct rdkit_query *query, unsigned max, struct rdkit_matches *out,
                struct rdkit_err *err)
{
    return CORAX_E_UNAVAIL;
}

void rdkit_matches_finish(struct rdkit_matches *matches)
{
}

int rdkit_difference(const struct rdkit_mol *a, const struct rdkit_mol *b, int *out, char common[RDKIT_TEXT_SIZE],
                     struct rdkit_err *err)
{
    return CORAX_E_UNAVAIL;
}

int rdkit_stereo_relation(const struct rdkit_mol *a, const struct rdkit_mol *b, enum rdkit_relation *out,
                          struct rdkit_err *err)
{
    return CORAX_E_UNAVAIL;
}

struct rdkit_parts *rdkit_parts_of(const struct rdkit_mol *mol, struct rdkit_err *err)
{
    return NULL;
}

size_t rdkit_parts_count(const struct rdkit_parts *parts)
{
    return 0;
}

const struct rdkit_part *rdkit_parts_at(const struct rdkit_parts *parts, size_t i)
{
    return NULL;
}

void rdkit_parts_free(struct rdkit_parts *parts)
{
}

int rdkit_same_compound(const struct rdkit_part *a, const struct rdkit_part *b, enum rdkit_sameness *out,
                        struct rdkit_err *err)
{
    return CORAX_E_UNAVAIL;
}

int rdkit_count(const struct rdkit_mol *mol, struct rdkit_counts *out, struct rdkit_err *err)
{
    return CORAX_E_UNAVAIL;
}

bool rdkit_is_carbon(const struct rdkit_mol *mol, unsigned atom)
{
    return false;
}

struct rdkit_family *rdkit_family_new(const char *smarts, struct rdkit_err *err)
{
    return NULL;
}

void rdkit_family_free(struct rdkit_family *family)
{
}

int rdkit_family_find(const struct rdkit_family *family, const struct rdkit_mol *mol, rdkit_family_accept *accept,
                      void *ctx, bool *found, struct rdkit_err *err)
{
    return CORAX_E_UNAVAIL;
}

int rdkit_qed_of(const struct rdkit_mol *mol, struct rdkit_qed *out, struct rdkit_err *err)
{
    return CORAX_E_UNAVAIL;
}

int rdkit_complexity_of(const struct rdkit_mol *mol, struct rdkit_complexity *out, struct rdkit_err *err)
{
    return CORAX_E_UNAVAIL;
}

void rdkit_complexity_finish(struct rdkit_complexity *complexity)
{
}

int rdkit_alerts(const struct rdkit_mol *mol, struct rdkit_alert **out, unsigned *n, struct rdkit_err *err)
{
    return CORAX_E_UNAVAIL;
}

int rdkit_lipinski_of(const struct rdkit_mol *mol, struct rdkit_lipinski *out, struct rdkit_err *err)
{
    return CORAX_E_UNAVAIL;
}

int rdkit_permeation(const struct rdkit_mol *mol, double *logp, double *tpsa, struct rdkit_err *err)
{
    return CORAX_E_UNAVAIL;
}

int rdkit_draw(const struct rdkit_mol *mol, const struct rdkit_drawing *how, char **svg, struct rdkit_err *err)
{
    return CORAX_E_UNAVAIL;
}

int rdkit_draw_reaction(const char *smiles, size_t len, const struct rdkit_drawing *how, char **svg,
                        struct rdkit_sides *count, struct rdkit_err *err)
{
    rdkit_read(smiles, len, err);
    return err->status;
}

unsigned rdkit_atoms(const struct rdkit_mol *mol)
{
    return 0;
}

struct rdkit_reaction *rdkit_reaction_read(const char *smarts, size_t len, struct rdkit_err *err)
{
    err->status = CORAX_E_UNAVAIL;
    snprintf(err->msg, sizeof err->msg, "unavailable: corax was built without RDKit");
    return NULL;
}

void rdkit_reaction_free(struct rdkit_reaction *reaction)
{
}

unsigned rdkit_reaction_templates(const struct rdkit_reaction *reaction)
{
    return 0;
}

bool rdkit_reaction_matches(const struct rdkit_reaction *reaction, unsigned i, const struct rdkit_mol *mol)
{
    return false;
}

int rdkit_reaction_run(const struct rdkit_reaction *reaction, const struct rdkit_mol *const *reactants,
                       struct rdkit_outcomes *out, struct rdkit_err *err)
{
    return CORAX_E_UNAVAIL;
}

int rdkit_split(const struct rdkit_mol *mol, bool stereo, struct rdkit_outcomes *out, struct rdkit_err *err)
{
    return CORAX_E_UNAVAIL;
}

unsigned rdkit_heavy_atoms(const struct rdkit_mol *mol)
{
    return 0;
}

int rdkit_with_stereo(const struct rdkit_mol *mol, const struct rdkit_stereo_label *labels, size_t n,
                      char out[RDKIT_TEXT_SIZE], struct rdkit_err *err)
{
    return CORAX_E_UNAVAIL;
}
