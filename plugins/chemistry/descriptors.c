/* descriptors.c - figures that describe a molecule. */
#include "tools.h"

#include "tool.h"

static int descriptors(const struct rdkit_mol *mol, struct answer *a, struct rdkit_err *err)
{
    struct rdkit_descriptors d;
    int rc = rdkit_describe(mol, &d, err);

    if (rc != CORAX_OK)
        return rc;
    answer_addf(a, "logP %.2f, TPSA %.2f, HBD %u, HBA %u, rotatable bonds %u, rings %u", rounded(d.logp, 2), d.tpsa,
                d.hbd, d.hba, d.rotatable, d.rings);
    answer_number(a, "logp", d.logp, 2);
    answer_number(a, "tpsa", d.tpsa, 2);
    answer_number(a, "hbd", d.hbd, 0);
    answer_number(a, "hba", d.hba, 0);
    answer_number(a, "rotatable_bonds", d.rotatable, 0);
    answer_number(a, "rings", d.rings, 0);
    answer_number(a, "aromatic_rings", d.aromatic_rings, 0);
    answer_number(a, "heavy_atoms", d.heavy_atoms, 0);
    answer_number(a, "fraction_csp3", d.csp3, 3);
    answer_number(a, "molar_refractivity", d.refractivity, 2);
    answer_define(a, "logp", "Wildman and Crippen 1999");
    answer_define(a, "tpsa", "square angstrom, Ertl, Rohde and Selzer 2000, nitrogen and oxygen");
    answer_define(a, "hbd", "hydrogens on nitrogen and oxygen: groups that donate");
    answer_define(a, "hba", "acceptors as RDKit counts them");
    answer_define(a, "rotatable_bonds", "single bonds outside rings and between heavy atoms, amides left out");
    answer_define(a, "rings", "smallest set of smallest rings");
    answer_define(a, "aromatic_rings", "of the smallest set");
    answer_define(a, "fraction_csp3", "carbon atoms with four neighbours, of all carbon atoms");
    answer_define(a, "molar_refractivity", "Wildman and Crippen 1999");
    return CORAX_OK;
}

static int descriptors_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_each(h, c, descriptors);
}

const struct corax_tool descriptors_tool = {
    .size = sizeof descriptors_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "descriptors",
    .summary =
        "logP, TPSA, hydrogen bond donors and acceptors, rotatable bonds and rings of a molecule given as SMILES.",
    .args_schema = SMILES_OR_LIST_SCHEMA,
    .result_schema = ANSWER_SCHEMA,
    .call = descriptors_call,
};
