/* controlled.c - the tool controlled_check: which lists of controlled chemicals a molecule is on. */
#include "tools.h"

#include <stdio.h>

#include "safety.h"
#include "tool.h"

static cJSON *atoms_of(const struct safety_hit *hit)
{
    cJSON *atoms = cJSON_CreateArray();

    for (unsigned i = 0; i < hit->atoms; i++)
        cJSON_AddItemToArray(atoms, cJSON_CreateNumber(hit->atom[i] + 1));
    return atoms;
}

static void add_hit(struct answer *a, cJSON *entries, const struct safety_hit *hit)
{
    cJSON *entry = cJSON_CreateObject();
    char form[200];

    safety_form(hit, form, sizeof form);
    answer_addf(a, "%s%s, entry %s: %s%s%s%s", a->len ? "; " : "", hit->list->title, hit->entry, hit->name,
                form[0] ? " (drawn as " : "", form, form[0] ? ")" : "");
    cJSON_AddStringToObject(entry, "list", hit->list->word);
    cJSON_AddStringToObject(entry, "title", hit->list->title);
    cJSON_AddStringToObject(entry, "entry", hit->entry);
    cJSON_AddStringToObject(entry, "name", hit->name);
    cJSON_AddStringToObject(entry, "by", hit->family ? "family" : "compound");
    cJSON_AddStringToObject(entry, "form", form[0] ? form : "as listed");
    cJSON_AddItemToObject(entry, "atoms", atoms_of(hit));
    cJSON_AddStringToObject(entry, "source", hit->list->source);
    cJSON_AddStringToObject(entry, "date", hit->list->date);
    cJSON_AddItemToArray(entries, entry);
}

static void add_lists(struct answer *a)
{
    cJSON *lists = cJSON_CreateArray();
    const struct safety_list *list;

    answer_add(a, "not listed in");
    for (size_t i = 0; (list = safety_lists(i)); i++) {
        answer_addf(a, "%s %s (%s)", i ? "," : "", list->title, list->date);
        cJSON_AddItemToArray(lists, cJSON_CreateString(list->word));
    }
    answer_add(a, "; other lists were not looked through");
    answer_item(a, "not_in", lists);
}

static int controlled_check(const struct rdkit_mol *mol, struct answer *a, struct rdkit_err *err)
{
    struct safety_verdict v;
    cJSON *entries;
    int rc = safety_check(mol, &v, err);

    if (rc != CORAX_OK)
        return rc;
    entries = cJSON_CreateArray();
    for (unsigned i = 0; i < v.hits; i++)
        add_hit(a, entries, &v.hit[i]);
    if (v.hits == 0)
        add_lists(a);
    answer_item(a, "findings", safety_words(&v));
    answer_item(a, "entries", entries);
    answer_define(a, "findings", "controlled: on any list but DEA List II; then each list's word");
    answer_define(a, "atoms", "of the SMILES, counted from 1");
    return CORAX_OK;
}

static int controlled_check_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_each(h, c, controlled_check);
}

const struct corax_tool controlled_check_tool = {
    .size = sizeof controlled_check_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "controlled_check",
    .summary =
        "Which lists of controlled chemicals a molecule is on (Chemical Weapons Convention, Australia Group, DEA List "
        "I "
        "and II), whatever salt, isotope, stereoisomer or tautomer its SMILES shows; ask before making or planning it.",
    .args_schema = SMILES_OR_LIST_SCHEMA,
    .result_schema = ANSWER_SCHEMA,
    .call = controlled_check_call,
};
