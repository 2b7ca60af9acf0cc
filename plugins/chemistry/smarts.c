/* smarts.c - where a pattern matches. */
#include "tools.h"

#include "tool.h"

#define MAX_MATCHES 1000
#define MAX_SHOWN   20 /* in the text; the JSON has all */

static void show_match(struct answer *a, cJSON *list, const struct rdkit_matches *m, unsigned i)
{
    cJSON *atoms = cJSON_CreateArray();

    if (atoms == NULL || !cJSON_AddItemToArray(list, atoms)) {
        cJSON_Delete(atoms);
        a->failed = true;
        return;
    }
    if (i < MAX_SHOWN)
        answer_add(a, "\natoms");
    for (unsigned j = 0; j < m->n_atoms; j++) {
        cJSON *number = cJSON_CreateNumber(m->atoms[i * m->n_atoms + j] + 1);

        if (number == NULL || !cJSON_AddItemToArray(atoms, number))
            a->failed = true;
        if (i < MAX_SHOWN)
            answer_addf(a, " %u", m->atoms[i * m->n_atoms + j] + 1);
    }
}

static void show(struct answer *a, const struct rdkit_matches *m)
{
    cJSON *list = cJSON_CreateArray();

    answer_addf(a, "%s%u match%s", m->more ? "more than " : "", m->n, m->n == 1 ? "" : "es");
    for (unsigned i = 0; list && i < m->n; i++)
        show_match(a, list, m, i);
    if (m->n > MAX_SHOWN)
        answer_addf(a, "\nand %u more", m->n - MAX_SHOWN);
    answer_number(a, "count", m->n, 0);
    answer_bool(a, "more", m->more);
    answer_item(a, "matches", list);
    answer_define(a, "count", "matches with different sets of atoms, RDKit's SMARTS, stereo marks count");
    answer_define(a, "matches", "atoms of the SMILES counted from 1, in the order of the SMARTS");
}

static int smarts_count(const struct tool *t, struct answer *a)
{
    const char *smarts;
    struct rdkit_mol *mol;
    struct rdkit_query *query = NULL;
    struct rdkit_matches matches;
    struct rdkit_err err;
    size_t len;
    int rc;

    if (!tool_arg(t, "smarts", &smarts, &len))
        return tool_refuse(t, CORAX_E_ARGS, "smarts is missing: give a string");
    mol = tool_molecule(t, "smiles", &rc);
    if (mol == NULL)
        return rc;
    query = rdkit_query_read(smarts, len, &err);
    rc = query ? rdkit_match(mol, query, MAX_MATCHES, &matches, &err) : err.status;
    rdkit_free(mol);
    rdkit_query_free(query);
    if (rc != CORAX_OK)
        return tool_refuse_err(t, NULL, &err);
    show(a, &matches);
    rdkit_matches_finish(&matches);
    return CORAX_OK;
}

static int smarts_count_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_run(h, c, smarts_count);
}

const struct corax_tool smarts_count_tool = {
    .size = sizeof smarts_count_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "smarts_count",
    .summary = "How often, and at which atoms, a SMARTS pattern matches a molecule given as SMILES.",
    .args_schema = "{\"type\":\"object\",\"properties\":{"
                   "\"smarts\":{\"type\":\"string\",\"description\":\"SMARTS, for example [CX3](=O)[OX2H1]\"},"
                   "\"smiles\":" SMILES_PROPERTY "},"
                   "\"required\":[\"smarts\",\"smiles\"],\"additionalProperties\":false}",
    .result_schema = ANSWER_SCHEMA,
    .call = smarts_count_call,
};
