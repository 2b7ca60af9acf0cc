/*
 * plugins/chemistry/inchi.h - the standard InChI of a molecule, made by libinchi.
 *
 * libinchi works for one caller at a time; inchi_of waits for its turn, so threads may call it.
 */
#ifndef PLUGINS_CHEMISTRY_INCHI_H
#define PLUGINS_CHEMISTRY_INCHI_H

#include "rdkit.h"

#define INCHI_TEXT_SIZE 8192 /* holds the InChI of anything within the limits of rdkit.h */
#define INCHI_KEY_SIZE  28   /* AAAAAAAAAAAAAA-BBBBBBBBSA-N and a NUL */

/*
 * The standard InChI into inchi[size] and its key; either may be NULL.  CORAX_E_ARGS: InChI knows no such structure (an atom `*`, a bond
 * of no whole order); CORAX_E_LIMIT: it does not fit, or took longer than two seconds; CORAX_E_UNAVAIL: corax was built without libinchi.
 */
int inchi_of(const struct rdkit_mol *, char *inchi, size_t size, char key[INCHI_KEY_SIZE], struct rdkit_err *);

#endif
