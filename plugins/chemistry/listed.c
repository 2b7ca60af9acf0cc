#include "listed.h"

#include <stdio.h>
#include <string.h>

#include "explosive.h"
#include "safety.h"

/* The hit that a refusal names: the first of a list other than DEA List II. */
static const struct safety_hit *named_hit(const struct safety_verdict *v)
{
    for (unsigned i = 0; i < v->hits; i++)
        if (strcmp(v->hit[i].list->word, "dea-2") != 0)
            return &v->hit[i];
    return &v->hit[0];
}

/* CORAX_E_DENIED when it is on a list, and why; else CORAX_OK, or why that was not found out. */
static int look_up(const struct rdkit_mol *mol, struct rdkit_err *err)
{
    struct explosive_verdict x;
    struct safety_verdict v;
    const struct safety_hit *hit;

    if (safety_check(mol, &v, err) != CORAX_OK || explosive_check(mol, &x, err) != CORAX_OK)
        return err->status;
    if (safety_is_controlled(&v)) {
        hit = named_hit(&v);
        snprintf(err->msg, sizeof err->msg, "controlled: %.40s, entry %.20s: %.100s", hit->list->title, hit->entry,
                 hit->name);
    } else if (x.explosive && x.known.hits > 0) {
        hit = &x.known.hit[0];
        snprintf(err->msg, sizeof err->msg, "explosive: %.40s, entry %.20s: %.100s", hit->list->title, hit->entry,
                 hit->name);
    } else if (x.explosive) {
        snprintf(err->msg, sizeof err->msg, "explosive by the rule of energetic groups: %.60s, oxygen balance %.0f %%",
                 x.groups > 0 ? x.group[0].name : "its groups", x.oxygen_balance);
    } else {
        return err->status = CORAX_OK;
    }
    return err->status = CORAX_E_DENIED;
}

int listed_refuse(const struct tool *t, const char *what, const struct rdkit_mol *mol)
{
    struct rdkit_err err;
    int rc = look_up(mol, &err);

    if (rc == CORAX_OK)
        return rc;
    return rc == CORAX_E_DENIED ? tool_refuse(t, rc, "refused: %s is %s", what, err.msg)
                                : tool_refuse_err(t, what, &err);
}

int listed_refuse_smiles(const struct tool *t, const char *what, const char *smiles)
{
    struct rdkit_err err;
    struct rdkit_mol *mol = rdkit_read(smiles, strlen(smiles), &err);
    int rc = mol ? listed_refuse(t, what, mol) : tool_refuse_err(t, what, &err);

    rdkit_free(mol);
    return rc;
}

bool listed_is(const struct rdkit_mol *mol)
{
    struct rdkit_err err;

    return look_up(mol, &err) != CORAX_OK;
}
