/* similarity.c - how much alike molecules are. */
#include "tools.h"

#include "tool.h"

#define DEFINITION "Morgan radius 2, 2048 bits"

static double tanimoto(const struct rdkit_bits *a, const struct rdkit_bits *b)
{
    int both = 0, either = 0;

    for (size_t i = 0; i < sizeof a->word / sizeof *a->word; i++) {
        both += __builtin_popcountll(a->word[i] & b->word[i]);
        either += __builtin_popcountll(a->word[i] | b->word[i]);
    }
    return either ? (double)both / either : 0;
}

static int fingerprint(const struct tool *t, const char *name, struct rdkit_bits *out)
{
    struct rdkit_err err;
    struct rdkit_mol *mol;
    int rc;

    mol = tool_molecule(t, name, &rc);
    if (mol == NULL)
        return rc;
    rc = rdkit_fingerprint(mol, out, &err);
    rdkit_free(mol);
    return rc == CORAX_OK ? rc : tool_refuse_err(t, name, &err);
}

static int similarity(const struct tool *t, struct answer *out)
{
    struct rdkit_bits a, b;
    double value;
    int rc = fingerprint(t, "a", &a);

    if (rc == CORAX_OK)
        rc = fingerprint(t, "b", &b);
    if (rc != CORAX_OK)
        return rc;
    value = tanimoto(&a, &b);
    answer_addf(out, "Tanimoto %.3f (" DEFINITION ")", value);
    answer_number(out, "tanimoto", value, 3);
    answer_define(out, "tanimoto", DEFINITION);
    return CORAX_OK;
}

static int similarity_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_run(h, c, similarity);
}

const struct corax_tool similarity_tool = {
    .size = sizeof similarity_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "similarity",
    .summary = "Tanimoto similarity of two molecules given as SMILES: 1 is the same fingerprint, 0 nothing in common.",
    .args_schema = "{\"type\":\"object\",\"properties\":{"
                   "\"a\":{\"type\":\"string\",\"description\":\"SMILES\"},"
                   "\"b\":{\"type\":\"string\",\"description\":\"SMILES\"}},"
                   "\"required\":[\"a\",\"b\"],\"additionalProperties\":false}",
    .result_schema = ANSWER_SCHEMA,
    .call = similarity_call,
};
