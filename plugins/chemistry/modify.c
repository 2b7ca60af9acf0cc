/* modify.c - analogues of a molecule: every single edit of data/edits.tsv, at every place. */
#include "tools.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flask.h"
#include "listed.h"
#include "tool.h"

#define DEFAULT_ANALOGUES 20

static const struct edit {
    const char *name, *smarts, *use;
} edits[] = {
#define ROW(...) { __VA_ARGS__ },
#include "edits_table.h"
#undef ROW
};

#define N_EDITS (sizeof edits / sizeof *edits)

static struct rdkit_reaction *compiled[N_EDITS];
static struct rdkit_err not_ready;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void compile(void)
{
    for (size_t i = 0; i < N_EDITS; i++) {
        compiled[i] = rdkit_reaction_read(edits[i].smarts, strlen(edits[i].smarts), &not_ready);
        if (compiled[i] == NULL)
            return;
    }
}

/* What was found, each molecule once, by the first edit that gives it. */
struct analogues {
    struct rdkit_outcomes all;
    size_t edit[RDKIT_MAX_OUTCOMES];
    size_t n_listed;
    bool more;
};

static int add_analogue(const struct tool *t, struct reaction_clock *clock, struct analogues *found, size_t edit,
                        const char *smiles)
{
    struct rdkit_err err;
    struct rdkit_mol *mol;
    bool listed;

    if (rdkit_outcomes_has(&found->all, smiles))
        return CORAX_OK;
    if (found->all.n == RDKIT_MAX_OUTCOMES) {
        found->more = true;
        return CORAX_OK;
    }
    if (reaction_clock_over(clock))
        return tool_refuse(t, CORAX_E_TIMEOUT, "there was no time for all edits: give a smaller molecule");
    mol = rdkit_read(smiles, strlen(smiles), &err);
    listed = mol == NULL || listed_is(mol);
    rdkit_free(mol);
    if (listed) {
        found->n_listed++;
        return CORAX_OK;
    }
    found->edit[found->all.n] = edit;
    return rdkit_outcomes_add(&found->all, smiles) == CORAX_OK ? CORAX_OK
                                                               : tool_refuse(t, CORAX_E_LIMIT, "out of memory");
}

static int run_edits(const struct tool *t, const struct rdkit_mol *mol, const char *smiles, struct analogues *found)
{
    struct reaction_clock clock;
    int rc = CORAX_OK;

    reaction_clock_start(&clock, t);
    for (size_t i = 0; i < N_EDITS && rc == CORAX_OK; i++) {
        struct rdkit_outcomes outcomes = { 0 };
        struct rdkit_err err;

        if (reaction_clock_over(&clock))
            return tool_refuse(t, CORAX_E_TIMEOUT, "there was no time for all edits: give a smaller molecule");
        if (rdkit_reaction_matches(compiled[i], 0, mol) &&
            rdkit_reaction_run(compiled[i], &mol, &outcomes, &err) != CORAX_OK)
            rc = tool_refuse_err(t, NULL, &err);
        found->more = found->more || outcomes.more;
        for (size_t k = 0; k < outcomes.n && rc == CORAX_OK; k++)
            if (strcmp(outcomes.smiles[k], smiles) != 0 && !strchr(outcomes.smiles[k], '.'))
                rc = add_analogue(t, &clock, found, i, outcomes.smiles[k]);
        rdkit_outcomes_finish(&outcomes);
    }
    return rc;
}

static void show(const struct tool *t, struct answer *a, const struct analogues *found)
{
    cJSON *list = cJSON_CreateArray();
    const char *text;
    size_t len, limit = tool_arg(t, "limit", &text, &len) ? (size_t)atoi(text) : DEFAULT_ANALOGUES;

    answer_item(a, "analogues", list);
    answer_number(a, "found", (double)found->all.n, 0);
    answer_number(a, "left_out_as_listed", (double)found->n_listed, 0);
    answer_define(a, "analogues",
                  "single edits of a fixed table, at every place; nothing is said about their activity or synthesis");
    for (size_t i = 0; i < found->all.n && i < limit; i++) {
        cJSON *item = cJSON_CreateObject();

        answer_addf(a, "%s%s: %s", i ? "\n" : "", found->all.smiles[i], edits[found->edit[i]].name);
        if (item == NULL || !cJSON_AddItemToArray(list, item)) {
            cJSON_Delete(item);
            a->failed = true;
            return;
        }
        cJSON_AddStringToObject(item, "smiles", found->all.smiles[i]);
        cJSON_AddStringToObject(item, "edit", edits[found->edit[i]].name);
        cJSON_AddStringToObject(item, "use", edits[found->edit[i]].use);
    }
    if (found->all.n > limit || found->more)
        answer_addf(a, "\n%s%zu more", found->more ? "at least " : "", found->all.n > limit ? found->all.n - limit : 1);
    if (found->n_listed > 0)
        answer_addf(a, "\n%zu left out: on a list of controlled or explosive substances", found->n_listed);
    if (found->all.n == 0) {
        answer_string(a, "status", "unknown");
        answer_addf(a, "%sno edit of the table fits this molecule", a->len ? "\n" : "");
    }
}

static int modify_molecule(const struct tool *t, struct answer *a, const struct rdkit_mol *mol)
{
    struct analogues *found;
    char smiles[RDKIT_TEXT_SIZE];
    struct rdkit_err err;
    int rc = listed_refuse(t, "the molecule", mol);

    if (rc != CORAX_OK)
        return rc;
    if (rdkit_canonical(mol, smiles, &err) != CORAX_OK)
        return tool_refuse_err(t, NULL, &err);
    if (strchr(smiles, '.'))
        return tool_refuse(t, CORAX_E_ARGS, "smiles: give one molecule, without salts");
    found = calloc(1, sizeof *found);
    if (found == NULL)
        return tool_refuse(t, CORAX_E_LIMIT, "out of memory");
    rc = run_edits(t, mol, smiles, found);
    if (rc == CORAX_OK)
        show(t, a, found);
    rdkit_outcomes_finish(&found->all);
    free(found);
    return rc;
}

static int modify(const struct tool *t, struct answer *a)
{
    struct rdkit_mol *mol;
    int rc;

    pthread_once(&once, compile);
    if (not_ready.status != CORAX_OK)
        return tool_refuse_err(t, NULL, &not_ready);
    mol = tool_molecule(t, "smiles", &rc);
    if (mol == NULL)
        return rc;
    rc = modify_molecule(t, a, mol);
    rdkit_free(mol);
    return rc;
}

static int modify_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_run(h, c, modify);
}

const struct corax_tool modify_mol_tool = {
    .size = sizeof modify_mol_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "modify_mol",
    .summary = "Analogues of a molecule given as SMILES, by single edits that are named: halogens swapped, groups "
               "added or removed, "
               "bioisosteres.",
    .args_schema = "{\"type\":\"object\",\"properties\":{\"smiles\":" SMILES_PROPERTY
                   ",\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":100,\"description\":\"how many to show, "
                   "20 if absent\"}},"
                   "\"required\":[\"smiles\"],\"additionalProperties\":false}",
    .result_schema = ANSWER_SCHEMA,
    .call = modify_call,
};
