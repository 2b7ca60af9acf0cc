/* identity.c - which molecule it is. */
#include "tools.h"

#include "tool.h"

static int canonical_smiles(const struct rdkit_mol *mol, struct answer *a, struct rdkit_err *err)
{
    char text[RDKIT_TEXT_SIZE];
    int rc = rdkit_canonical(mol, text, err);

    if (rc != CORAX_OK)
        return rc;
    answer_add(a, text);
    answer_string(a, "canonical_smiles", text);
    answer_define(a, "canonical_smiles", "RDKit's, isomeric");
    return CORAX_OK;
}

static int canonical_smiles_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_each(h, c, canonical_smiles);
}

const struct corax_tool canonical_smiles_tool = {
    .size = sizeof canonical_smiles_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "canonical_smiles",
    .summary = "RDKit's canonical SMILES: two SMILES mean the same molecule when theirs are equal.",
    .args_schema = SMILES_OR_LIST_SCHEMA,
    .result_schema = ANSWER_SCHEMA,
    .call = canonical_smiles_call,
};
