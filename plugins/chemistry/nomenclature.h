/*
 * plugins/chemistry/nomenclature.h - systematic names: a grammar of organic nomenclature, from the name to the structure.
 *
 * Substitutive names (prefixes, parent, suffix), functional class names (esters, ethers, ketones, halides, alcohols, anhydrides) and salts,
 * with the retained parents that are in everyday use.  A name that leaves open which of several isomers is meant (butanol, xylene) is not
 * read, nor is anything that the grammar does not know: no part of a name is skipped.
 *
 * Pure C without state: any number of threads.  Work is bounded by a count of steps, nesting by a depth, structures by a count of atoms.
 */
#ifndef PLUGINS_CHEMISTRY_NOMENCLATURE_H
#define PLUGINS_CHEMISTRY_NOMENCLATURE_H

#include <stdbool.h>
#include <stddef.h>

#include "rdkit.h"

#define NOMENCLATURE_MAX_NAME   500 /* bytes */
#define NOMENCLATURE_MAX_STEREO 32

struct nomenclature_result {
    char smiles[RDKIT_MAX_SMILES + 1]; /* without stereo; valences are right for all that names state */
    struct rdkit_stereo_label
        stereo[NOMENCLATURE_MAX_STEREO]; /* what the name says of it: atoms in the order of smiles */
    size_t n_stereo;
    const char *why; /* when it is not read: "..." in "it is not in the table, and ..." */
};

bool nomenclature_read(const char *name, size_t len, struct nomenclature_result *);

#endif
