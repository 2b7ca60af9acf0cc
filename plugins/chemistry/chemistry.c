/*
 * chemistry.c - properties of a molecule given as SMILES.
 *
 * The chemistry is RDKit's (rdkit.h); here are the tools, their words and their rounding.  The monoisotopic mass and the
 * average are both given and named, since "molecular weight" alone is taken for either.
 */
#include <stdio.h>
#include <string.h>

#include <corax/plugin.h>

#include "rdkit.h"

static int refuse(const struct corax_host *h, struct corax_call *c, int status, const char *text)
{
    h->fail(c, status, text, strlen(text));
    return status;
}

static int answer(const struct corax_host *h, struct corax_call *c, const char *text)
{
    return h->result(c, "text/plain", text, strlen(text));
}

static int mol_weight_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    const char *smiles;
    size_t smiles_len;
    double average, mono;
    char out[96];
    struct rdkit_err err;
    int rc = h->arg(c, "/smiles", &smiles, &smiles_len);

    if (rc != CORAX_OK)
        return refuse(h, c, CORAX_E_ARGS, "smiles is missing: give a string");
    rc = rdkit_masses(smiles, smiles_len, &average, &mono, &err);
    if (rc != CORAX_OK)
        return refuse(h, c, rc, err.msg);
    snprintf(out, sizeof out, "average %.3f g/mol, monoisotopic %.5f Da", average, mono);
    return answer(h, c, out);
}

/* formula and canonical_smiles differ in the function alone. */
static int text_call(const struct corax_host *h, struct corax_call *c,
                     int (*compute)(const char *, size_t, char *, struct rdkit_err *))
{
    const char *smiles;
    size_t smiles_len;
    char out[RDKIT_TEXT_SIZE];
    struct rdkit_err err;
    int rc = h->arg(c, "/smiles", &smiles, &smiles_len);

    if (rc != CORAX_OK)
        return refuse(h, c, CORAX_E_ARGS, "smiles is missing: give a string");
    rc = compute(smiles, smiles_len, out, &err);
    return rc == CORAX_OK ? answer(h, c, out) : refuse(h, c, rc, err.msg);
}

static int formula_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return text_call(h, c, rdkit_formula);
}

static int canonical_smiles_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return text_call(h, c, rdkit_canonical);
}

/* What rounds to zero is written without a sign: "-0.00" reads as a mistake. */
static double unsigned_zero(double x)
{
    return x > -0.005 && x < 0.005 ? 0 : x;
}

static int descriptors_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    const char *smiles;
    size_t smiles_len;
    char out[160];
    struct rdkit_err err;
    struct rdkit_descriptors d;
    int rc = h->arg(c, "/smiles", &smiles, &smiles_len);

    if (rc != CORAX_OK)
        return refuse(h, c, CORAX_E_ARGS, "smiles is missing: give a string");
    rc = rdkit_describe(smiles, smiles_len, &d, &err);
    if (rc != CORAX_OK)
        return refuse(h, c, rc, err.msg);
    snprintf(out, sizeof out, "logP %.2f, TPSA %.2f, HBD %u, HBA %u, rotatable bonds %u, rings %u",
             unsigned_zero(d.logp), d.tpsa, d.hbd, d.hba, d.rotatable, d.rings);
    return answer(h, c, out);
}

static int similarity_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    const char *a, *b;
    size_t a_len, b_len;
    double tanimoto;
    char out[80];
    struct rdkit_err err;
    int rc;

    if (h->arg(c, "/a", &a, &a_len) != CORAX_OK || h->arg(c, "/b", &b, &b_len) != CORAX_OK)
        return refuse(h, c, CORAX_E_ARGS, "give a and b: two SMILES strings");
    rc = rdkit_similarity(a, a_len, b, b_len, &tanimoto, &err);
    if (rc != CORAX_OK)
        return refuse(h, c, rc, err.msg);
    snprintf(out, sizeof out, "Tanimoto %.3f (Morgan radius 2, 2048 bits)", tanimoto);
    return answer(h, c, out);
}

#define SMILES_SCHEMA                                                                \
    "{\"type\":\"object\",\"properties\":{"                                          \
    "\"smiles\":{\"type\":\"string\",\"description\":\"SMILES, for example CCO\"}}," \
    "\"required\":[\"smiles\"],\"additionalProperties\":false}"

static const struct corax_tool mol_weight_tool = {
    .size = sizeof mol_weight_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "mol_weight",
    .summary = "Average molecular weight and monoisotopic mass of a molecule given as SMILES.",
    .args_schema = SMILES_SCHEMA,
    .call = mol_weight_call,
};

static const struct corax_tool formula_tool = {
    .size = sizeof formula_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "formula",
    .summary = "Molecular formula, in Hill order and with its charge, of a molecule given as SMILES.",
    .args_schema = SMILES_SCHEMA,
    .call = formula_call,
};

static const struct corax_tool canonical_smiles_tool = {
    .size = sizeof canonical_smiles_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "canonical_smiles",
    .summary = "RDKit's canonical SMILES: two SMILES mean the same molecule when theirs are equal.",
    .args_schema = SMILES_SCHEMA,
    .call = canonical_smiles_call,
};

static const struct corax_tool descriptors_tool = {
    .size = sizeof descriptors_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "descriptors",
    .summary =
        "logP, TPSA, hydrogen bond donors and acceptors, rotatable bonds and rings of a molecule given as SMILES.",
    .args_schema = SMILES_SCHEMA,
    .call = descriptors_call,
};

static const struct corax_tool similarity_tool = {
    .size = sizeof similarity_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "similarity",
    .summary = "Tanimoto similarity of two molecules given as SMILES: 1 is the same fingerprint, 0 nothing in common.",
    .args_schema = "{\"type\":\"object\",\"properties\":{"
                   "\"a\":{\"type\":\"string\",\"description\":\"SMILES\"},"
                   "\"b\":{\"type\":\"string\",\"description\":\"SMILES\"}},"
                   "\"required\":[\"a\",\"b\"],\"additionalProperties\":false}",
    .call = similarity_call,
};

static const struct corax_tool *const tools[] = {
    &mol_weight_tool, &formula_tool, &canonical_smiles_tool, &descriptors_tool, &similarity_tool, NULL,
};

static const struct corax_plugin plugin = {
    CORAX_PLUGIN_HEADER, .name = "chemistry", .version = "1", .license = "Apache-2.0", .tools = tools,
};

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
