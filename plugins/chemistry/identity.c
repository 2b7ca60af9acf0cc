/* identity.c - which molecule it is. */
#include "tools.h"

#include "inchi.h"
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

static int inchi(const struct rdkit_mol *mol, struct answer *a, struct rdkit_err *err)
{
    char text[INCHI_TEXT_SIZE], key[INCHI_KEY_SIZE];
    int rc = inchi_of(mol, text, sizeof text, key, err);

    if (rc != CORAX_OK)
        return rc;
    answer_add(a, text);
    answer_string(a, "inchi", text);
    answer_string(a, "inchikey", key);
    answer_define(a, "inchi", "standard InChI, libinchi 1.03");
    return CORAX_OK;
}

static int inchi_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_each(h, c, inchi);
}

const struct corax_tool inchi_tool = {
    .size = sizeof inchi_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "inchi",
    .summary = "The standard InChI of a molecule given as SMILES.",
    .args_schema = SMILES_OR_LIST_SCHEMA,
    .result_schema = ANSWER_SCHEMA,
    .call = inchi_call,
};

static int inchikey(const struct rdkit_mol *mol, struct answer *a, struct rdkit_err *err)
{
    char key[INCHI_KEY_SIZE];
    int rc = inchi_of(mol, NULL, 0, key, err);

    if (rc != CORAX_OK)
        return rc;
    answer_add(a, key);
    answer_string(a, "inchikey", key);
    answer_define(a, "inchikey", "of the standard InChI, libinchi 1.03");
    return CORAX_OK;
}

static int inchikey_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_each(h, c, inchikey);
}

const struct corax_tool inchikey_tool = {
    .size = sizeof inchikey_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "inchikey",
    .summary = "The InChIKey of a molecule given as SMILES: 27 characters by which databases know it.",
    .args_schema = SMILES_OR_LIST_SCHEMA,
    .result_schema = ANSWER_SCHEMA,
    .call = inchikey_call,
};
