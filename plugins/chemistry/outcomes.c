/* outcomes.c - lists of what may come out of a reaction (rdkit.h). */
#include "rdkit.h"

#include <stdlib.h>
#include <string.h>

#include <corax/plugin.h>

bool rdkit_outcomes_has(const struct rdkit_outcomes *o, const char *smiles)
{
    for (size_t i = 0; i < o->n; i++)
        if (strcmp(o->smiles[i], smiles) == 0)
            return true;
    return false;
}

int rdkit_outcomes_add(struct rdkit_outcomes *o, const char *smiles)
{
    char *copy;

    if (rdkit_outcomes_has(o, smiles))
        return CORAX_OK;
    if (o->n == RDKIT_MAX_OUTCOMES) {
        o->more = true;
        return CORAX_OK;
    }
    if (o->smiles == NULL)
        o->smiles = calloc(RDKIT_MAX_OUTCOMES, sizeof *o->smiles);
    copy = o->smiles ? strdup(smiles) : NULL;
    if (copy == NULL)
        return CORAX_E_LIMIT;
    o->smiles[o->n++] = copy;
    return CORAX_OK;
}

void rdkit_outcomes_finish(struct rdkit_outcomes *o)
{
    for (size_t i = 0; i < o->n; i++)
        free(o->smiles[i]);
    free(o->smiles);
    *o = (struct rdkit_outcomes){ 0 };
}
