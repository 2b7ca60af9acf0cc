/* identity.c - which molecule it is. */
#include "tools.h"

#include <string.h>

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

static const struct {
    int bit; /* enum rdkit_difference */
    const char *name, *words;
} differences[] = {
    { RDKIT_STEREO, "stereo", "stereo" },
    { RDKIT_ISOTOPES, "isotopes", "isotopes" },
    { RDKIT_SALT, "salt_form", "charge or salt form" },
    { RDKIT_TAUTOMER, "tautomer", "tautomer" },
};

static const struct {
    const char *name, *words;
} relations[] = {
    [RDKIT_ENANTIOMERS] = { "enantiomers", "they are enantiomers" },
    [RDKIT_DIASTEREOMERS] = { "diastereomers", "they are diastereomers" },
    [RDKIT_FIRST_STATES_MORE] = { "a_states_more", "b leaves open what a states" },
    [RDKIT_SECOND_STATES_MORE] = { "b_states_more", "a leaves open what b states" },
};

/* "same but for stereo and salt form" */
static void say_difference(struct answer *a, int difference)
{
    cJSON *list = cJSON_CreateArray();
    int n = 0, n_left = 0;

    for (size_t i = 0; i < sizeof differences / sizeof *differences; i++)
        n_left += (difference & differences[i].bit) != 0;
    answer_add(a, "same but for ");
    for (size_t i = 0; i < sizeof differences / sizeof *differences; i++) {
        cJSON *name;

        if (!(difference & differences[i].bit))
            continue;
        n_left--;
        answer_addf(a, "%s%s", n++ == 0 ? "" : n_left ? ", " : " and ", differences[i].words);
        name = cJSON_CreateString(differences[i].name);
        if (list == NULL || !cJSON_AddItemToArray(list, name))
            a->failed = true;
    }
    answer_item(a, "differences", list);
}

static int say_relation(struct answer *a, const struct rdkit_mol *one, const struct rdkit_mol *other,
                        struct rdkit_err *err)
{
    enum rdkit_relation relation;
    int rc = rdkit_stereo_relation(one, other, &relation, err);

    if (rc == CORAX_OK) {
        answer_addf(a, ": %s", relations[relation].words);
        answer_string(a, "relation", relations[relation].name);
    }
    return rc;
}

static int say_different(struct answer *a, const struct rdkit_mol *one, const struct rdkit_mol *other,
                         struct rdkit_err *err)
{
    char x[RDKIT_TEXT_SIZE], y[RDKIT_TEXT_SIZE];
    int rc = rdkit_formula(one, x, err);

    if (rc == CORAX_OK)
        rc = rdkit_formula(other, y, err);
    if (rc != CORAX_OK)
        return rc;
    if (strcmp(x, y) == 0)
        answer_addf(a, "different: isomers, both %s", x);
    else
        answer_addf(a, "different: %s and %s", x, y);
    answer_string(a, "formula_a", x);
    answer_string(a, "formula_b", y);
    return CORAX_OK;
}

static int compare(struct answer *a, const struct rdkit_mol *one, const struct rdkit_mol *other, struct rdkit_err *err)
{
    char common[RDKIT_TEXT_SIZE];
    int difference, rc = rdkit_difference(one, other, &difference, common, err);

    if (rc != CORAX_OK)
        return rc;
    answer_string(a, "verdict",
                  difference == 0                 ? "same"
                  : difference == RDKIT_DIFFERENT ? "different"
                                                  : "same_but_for");
    answer_define(a, "verdict",
                  "RDKit's canonical isomeric SMILES; tautomers by its rules; salt form: the largest part with carbon, "
                  "uncharged");
    if (difference == 0) {
        answer_add(a, "same");
        return CORAX_OK;
    }
    if (difference == RDKIT_DIFFERENT)
        return say_different(a, one, other, err);
    say_difference(a, difference);
    rc = difference == RDKIT_STEREO ? say_relation(a, one, other, err) : CORAX_OK;
    answer_addf(a, "; both are %s", common);
    answer_string(a, "common", common);
    return rc;
}

static int same_molecule(const struct tool *t, struct answer *a)
{
    struct rdkit_mol *one, *other = NULL;
    struct rdkit_err err;
    int rc;

    one = tool_molecule(t, "a", &rc);
    if (one)
        other = tool_molecule(t, "b", &rc);
    if (other) {
        rc = compare(a, one, other, &err);
        if (rc != CORAX_OK)
            tool_refuse_err(t, NULL, &err);
    }
    rdkit_free(one);
    rdkit_free(other);
    return rc;
}

static int same_molecule_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_run(h, c, same_molecule);
}

const struct corax_tool same_molecule_tool = {
    .size = sizeof same_molecule_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "same_molecule",
    .summary =
        "Whether two SMILES mean the same molecule, and if not, whether only stereo, isotopes, charge or salt form, or "
        "tautomer differ.",
    .args_schema = "{\"type\":\"object\",\"properties\":{"
                   "\"a\":{\"type\":\"string\"," MOLECULE_ROLE ",\"description\":\"SMILES\"},"
                   "\"b\":{\"type\":\"string\"," MOLECULE_ROLE ",\"description\":\"SMILES\"}},"
                   "\"required\":[\"a\",\"b\"],\"additionalProperties\":false}",
    .result_schema = ANSWER_SCHEMA,
    .call = same_molecule_call,
};
