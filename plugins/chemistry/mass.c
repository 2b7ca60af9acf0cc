/* mass.c - masses and formula.  Both masses are given and named, since "molecular weight" alone is taken for either. */
#include "tools.h"

#include "tool.h"

static int mol_weight(const struct rdkit_mol *mol, struct answer *a, struct rdkit_err *err)
{
    double average, mono;
    int rc = rdkit_masses(mol, &average, &mono, err);

    if (rc != CORAX_OK)
        return rc;
    answer_addf(a, "average %.3f g/mol, monoisotopic %.5f Da", average, mono);
    answer_number(a, "average", average, 3);
    answer_number(a, "monoisotopic", mono, 5);
    answer_define(a, "average", "g/mol, standard atomic weights (natural isotopes)");
    answer_define(a, "monoisotopic", "Da, the most abundant isotope of each element");
    return CORAX_OK;
}

static int mol_weight_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_each(h, c, mol_weight);
}

static int formula(const struct rdkit_mol *mol, struct answer *a, struct rdkit_err *err)
{
    char text[RDKIT_TEXT_SIZE];
    int rc = rdkit_formula(mol, text, err);

    if (rc != CORAX_OK)
        return rc;
    answer_add(a, text);
    answer_string(a, "formula", text);
    answer_number(a, "charge", rdkit_charge(mol), 0);
    answer_define(a, "formula", "Hill order, charge at the end");
    return CORAX_OK;
}

static int formula_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_each(h, c, formula);
}

const struct corax_tool mol_weight_tool = {
    .size = sizeof mol_weight_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "mol_weight",
    .summary = "Average molecular weight and monoisotopic mass of a molecule given as SMILES.",
    .args_schema = SMILES_OR_LIST_SCHEMA,
    .result_schema = ANSWER_SCHEMA,
    .call = mol_weight_call,
};

const struct corax_tool formula_tool = {
    .size = sizeof formula_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "formula",
    .summary = "Molecular formula, in Hill order and with its charge, of a molecule given as SMILES.",
    .args_schema = SMILES_OR_LIST_SCHEMA,
    .result_schema = ANSWER_SCHEMA,
    .call = formula_call,
};
