/* similarity.c - how much alike molecules are. */
#include "tools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
                   "\"a\":{\"type\":\"string\"," MOLECULE_ROLE ",\"description\":\"SMILES\"},"
                   "\"b\":{\"type\":\"string\"," MOLECULE_ROLE ",\"description\":\"SMILES\"}},"
                   "\"required\":[\"a\",\"b\"],\"additionalProperties\":false}",
    .result_schema = ANSWER_SCHEMA,
    .call = similarity_call,
};

/* --- a list, most similar first ---------------------------------------------------------------------------------- */

#define DEFAULT_TOP 10

struct ranked {
    const char *smiles; /* the call's */
    size_t len;
    int place; /* in the list, from 0 */
    double value;
};

static int by_value(const void *x, const void *y)
{
    const struct ranked *a = x, *b = y;

    return a->value != b->value ? (a->value < b->value ? 1 : -1) : a->place - b->place;
}

static void skip(struct answer *a, cJSON *skipped, const struct ranked *r, const char *why)
{
    cJSON *object = cJSON_CreateObject();
    char *smiles = strndup(r->smiles, r->len);

    if (smiles == NULL || cJSON_AddStringToObject(object, "smiles", smiles) == NULL ||
        cJSON_AddStringToObject(object, "message", why) == NULL || !cJSON_AddItemToArray(skipped, object))
        a->failed = true;
    free(smiles);
}

/* Compares with one of the list; false: it is no molecule, and stands in skipped. */
static bool compare(const struct rdkit_bits *query, struct ranked *r, struct answer *a, cJSON *skipped)
{
    struct rdkit_err err;
    struct rdkit_mol *mol = rdkit_read(r->smiles, r->len, &err);
    struct rdkit_bits bits;
    bool good = mol && rdkit_fingerprint(mol, &bits, &err) == CORAX_OK;

    rdkit_free(mol);
    if (good)
        r->value = tanimoto(query, &bits);
    else
        skip(a, skipped, r, err.msg);
    return good;
}

static void say_ranked(struct answer *a, const struct ranked *r, int n)
{
    cJSON *list = cJSON_CreateArray();

    for (int i = 0; i < n; i++) {
        cJSON *object = cJSON_CreateObject();
        char *smiles = strndup(r[i].smiles, r[i].len);

        answer_addf(a, "%s%.3f %s", i ? "\n" : "", r[i].value, smiles ? smiles : "");
        if (smiles == NULL || cJSON_AddStringToObject(object, "smiles", smiles) == NULL ||
            cJSON_AddNumberToObject(object, "tanimoto", rounded(r[i].value, 3)) == NULL ||
            cJSON_AddNumberToObject(object, "place", r[i].place + 1) == NULL || !cJSON_AddItemToArray(list, object))
            a->failed = true;
        free(smiles);
    }
    answer_item(a, "ranked", list);
    answer_define(a, "tanimoto", DEFINITION);
    answer_define(a, "place", "in the list, from 1");
}

static int rank_list(const struct tool *t, struct answer *a, const struct rdkit_bits *query, struct ranked *list,
                     int top)
{
    cJSON *skipped = cJSON_CreateArray();
    int n = 0, n_skipped;

    answer_item(a, "skipped", skipped);
    for (int i = 0; i < TOOL_MAX_LIST; i++) {
        char name[32];

        snprintf(name, sizeof name, "smiles/%d", i);
        list[n].place = i;
        if (!tool_arg(t, name, &list[n].smiles, &list[n].len))
            break;
        if (t->host->remaining_ms(t->call) <= 0)
            return tool_refuse(t, CORAX_E_TIMEOUT, "there was no time for all molecules");
        n += compare(query, &list[n], a, skipped);
    }
    n_skipped = cJSON_GetArraySize(skipped);
    if (n == 0)
        return tool_refuse(t, CORAX_E_ARGS, "none of the list is a molecule: %s",
                           cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(skipped, 0), "message")));
    qsort(list, (size_t)n, sizeof(*list), by_value);
    say_ranked(a, list, n < top ? n : top);
    if (n_skipped)
        answer_addf(a, "\n%d of the list %s left out: no molecule%s", n_skipped, n_skipped == 1 ? "was" : "were",
                    n_skipped == 1 ? "" : "s");
    return CORAX_OK;
}

static int rank_similarity(const struct tool *t, struct answer *a)
{
    struct rdkit_bits query;
    struct ranked *list;
    const char *text;
    size_t len;
    int rc = fingerprint(t, "query", &query);

    if (rc != CORAX_OK)
        return rc;
    list = calloc(TOOL_MAX_LIST, sizeof(*list));
    if (list == NULL)
        return tool_refuse(t, CORAX_E_LIMIT, "out of memory");
    rc = rank_list(t, a, &query, list, tool_arg(t, "top", &text, &len) ? atoi(text) : DEFAULT_TOP);
    free(list);
    return rc;
}

static int rank_similarity_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_run(h, c, rank_similarity);
}

const struct corax_tool rank_similarity_tool = {
    .size = sizeof rank_similarity_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "rank_similarity",
    .summary = "The molecules of a list that are most similar to a query molecule, all given as SMILES, best first.",
    .args_schema =
        "{\"type\":\"object\",\"properties\":{"
        "\"query\":" SMILES_PROPERTY ","
        "\"smiles\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":1000,"
        "\"items\":{\"type\":\"string\"," MOLECULE_ROLE "},\"description\":\"a list of SMILES\"},"
        "\"top\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"description\":\"how many, 10 if left out\"}},"
        "\"required\":[\"query\",\"smiles\"],\"additionalProperties\":false}",
    .result_schema = ANSWER_SCHEMA,
    .call = rank_similarity_call,
};
