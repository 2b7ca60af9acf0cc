/*
 * plugins/chemistry/listed.h - the reaction tools refuse what is on a list of controlled or explosive substances (safety.h).
 */
#ifndef PLUGINS_CHEMISTRY_LISTED_H
#define PLUGINS_CHEMISTRY_LISTED_H

#include "rdkit.h"
#include "tool.h"

/* CORAX_OK, or the call has failed with CORAX_E_DENIED and the list and entry; `what` is "a reactant". */
int listed_refuse(const struct tool *, const char *what, const struct rdkit_mol *);
int listed_refuse_smiles(const struct tool *, const char *what, const char *smiles);
/* The same as a question; what cannot be checked counts as listed. */
bool listed_is(const struct rdkit_mol *);

#endif
