/*
 * functional_groups.c - which functional groups a molecule has.
 *
 * The groups and their order are data/functional_groups.tsv.  The most specific wins: a match all of whose atoms belong to a match of a
 * group further up is left out, so that an ester is no ether and no ketone.
 */
#include "tools.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

static const struct {
    const char *name, *smarts;
} groups[] = {
#include "functional_groups_table.h"
};

#define N_GROUPS (sizeof groups / sizeof *groups)

static struct rdkit_query *queries[N_GROUPS];
static struct rdkit_err unread; /* status is not CORAX_OK when one cannot be read, or there is no memory */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void read_queries(void)
{
    for (size_t i = 0; i < N_GROUPS; i++) {
        queries[i] = rdkit_query_read(groups[i].smarts, strlen(groups[i].smarts), &unread);
        if (queries[i] == NULL)
            return;
    }
}

struct claims {
    struct rdkit_matches matches[N_GROUPS]; /* so far, without those left out */
};

static bool holds(const struct rdkit_matches *m, unsigned match, unsigned atom)
{
    for (unsigned i = 0; i < m->n_atoms; i++)
        if (m->atoms[match * m->n_atoms + i] == atom)
            return true;
    return false;
}

static bool inside(const struct rdkit_matches *small, unsigned which, const struct rdkit_matches *large)
{
    for (unsigned match = 0; match < large->n; match++) {
        bool all = true;

        for (unsigned i = 0; all && i < small->n_atoms; i++)
            all = holds(large, match, small->atoms[which * small->n_atoms + i]);
        if (all)
            return true;
    }
    return false;
}

/* Leaves out what a group above holds. */
static void prefer_specific(struct claims *c, size_t group)
{
    struct rdkit_matches *m = &c->matches[group];
    unsigned kept = 0;

    for (unsigned match = 0; match < m->n; match++) {
        bool taken = false;

        for (size_t above = 0; !taken && above < group; above++)
            taken = inside(m, match, &c->matches[above]);
        if (!taken)
            memmove(m->atoms + kept++ * m->n_atoms, m->atoms + match * m->n_atoms, m->n_atoms * sizeof(*m->atoms));
    }
    m->n = kept;
}

static cJSON *atoms_of(const struct rdkit_matches *m, unsigned match)
{
    cJSON *list = cJSON_CreateArray();

    for (unsigned i = 0; list && i < m->n_atoms; i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber(m->atoms[match * m->n_atoms + i] + 1));
    return list;
}

static void say_group(struct answer *a, cJSON *list, size_t group, const struct rdkit_matches *m)
{
    cJSON *object = cJSON_CreateObject(), *matches = cJSON_CreateArray();

    answer_addf(a, "%s%s (", a->len ? ", " : "", groups[group].name);
    for (unsigned match = 0; match < m->n; match++) {
        answer_add(a, match ? "; " : "");
        for (unsigned i = 0; i < m->n_atoms; i++)
            answer_addf(a, "%s%u", i ? " " : "", m->atoms[match * m->n_atoms + i] + 1);
        cJSON_AddItemToArray(matches, atoms_of(m, match));
    }
    answer_add(a, ")");
    if (cJSON_AddStringToObject(object, "group", groups[group].name) == NULL ||
        !cJSON_AddItemToObject(object, "matches", matches) || !cJSON_AddItemToArray(list, object))
        a->failed = true;
}

static int find(const struct rdkit_mol *mol, struct claims *c, struct answer *a, struct rdkit_err *err)
{
    cJSON *list = cJSON_CreateArray();

    answer_item(a, "groups", list);
    for (size_t i = 0; list && i < N_GROUPS; i++) {
        int rc = rdkit_match(mol, queries[i], RDKIT_MAX_MATCHES, &c->matches[i], err);

        if (rc != CORAX_OK)
            return rc;
        prefer_specific(c, i);
        if (c->matches[i].n)
            say_group(a, list, i, &c->matches[i]);
    }
    return CORAX_OK;
}

static int functional_groups(const struct rdkit_mol *mol, struct answer *a, struct rdkit_err *err)
{
    struct claims *c;
    int rc;

    pthread_once(&once, read_queries);
    if (unread.status != CORAX_OK) {
        *err = unread;
        return err->status;
    }
    c = calloc(1, sizeof(*c));
    if (c == NULL) {
        a->failed = true;
        return CORAX_OK;
    }
    rc = find(mol, c, a, err);
    for (size_t i = 0; i < N_GROUPS; i++)
        rdkit_matches_finish(&c->matches[i]);
    free(c);
    if (rc != CORAX_OK)
        return rc;
    if (a->len == 0)
        answer_addf(a, "none of the %zu groups", N_GROUPS);
    answer_number(a, "groups_known", N_GROUPS, 0);
    answer_define(a, "groups", "SMARTS of corax, the most specific wins; atoms of the SMILES counted from 1");
    return CORAX_OK;
}

static int functional_groups_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_each(h, c, functional_groups);
}

const struct corax_tool functional_groups_tool = {
    .size = sizeof functional_groups_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "functional_groups",
    .summary = "The functional groups of a molecule given as SMILES, and at which atoms: acid, ester, amide, ketone, "
               "nitro, epoxide ...",
    .args_schema = SMILES_OR_LIST_SCHEMA,
    .result_schema = ANSWER_SCHEMA,
    .call = functional_groups_call,
};
