/*
 * chemistry-fuzz - any text as SMILES, SMARTS and reaction SMILES: a molecule has all its figures, or there is a sentence.  RDKit and
 * libinchi themselves are not instrumented.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <corax/plugin.h>

#include "plugins/chemistry/inchi.h"
#include "plugins/chemistry/rdkit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ATOMS 60 /* of what is computed further: RDKit's time grows fast with the size */

static void require(bool good)
{
    if (!good)
        abort();
}

static void check(int rc, const struct rdkit_err *err)
{
    require(rc == CORAX_OK || (err->status == rc && err->msg[0] && strlen(err->msg) < sizeof err->msg));
}

static void look_for(const char *text, size_t len, const struct rdkit_mol *mol)
{
    struct rdkit_err err = { 0 };
    struct rdkit_query *query = rdkit_query_read(text, len, &err);
    struct rdkit_matches m;
    int rc;

    if (query == NULL) {
        require(err.status != CORAX_OK && err.msg[0]);
        return;
    }
    rc = rdkit_match(mol, query, 10, &m, &err);
    check(rc, &err);
    for (unsigned i = 0; rc == CORAX_OK && i < m.n * m.n_atoms; i++)
        require(m.atoms[i] < rdkit_atoms(mol));
    rdkit_matches_finish(&m);
    rdkit_query_free(query);
}

static void describe(const struct rdkit_mol *mol)
{
    static char text[RDKIT_TEXT_SIZE], again[RDKIT_TEXT_SIZE], inchi[INCHI_TEXT_SIZE];
    char key[INCHI_KEY_SIZE];
    struct rdkit_descriptors d;
    struct rdkit_bits bits;
    struct rdkit_mol *copy;
    struct rdkit_err err = { 0 };
    double average, mono;
    int rc;

    check(rdkit_masses(mol, &average, &mono, &err), &err);
    check(rdkit_formula(mol, text, &err), &err);
    check(rdkit_describe(mol, &d, &err), &err);
    check(rdkit_fingerprint(mol, &bits, &err), &err);
    check(inchi_of(mol, inchi, sizeof inchi, key, &err), &err);
    rc = rdkit_canonical(mol, text, &err);
    check(rc, &err);
    copy = rc == CORAX_OK && strlen(text) <= RDKIT_MAX_SMILES ? rdkit_read(text, strlen(text), &err) : NULL;
    if (copy) /* what was written is the same molecule */
        require(rdkit_formula(copy, again, &err) == CORAX_OK && rdkit_formula(mol, text, &err) == CORAX_OK &&
                strcmp(text, again) == 0);
    rdkit_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char target[] = "CC(=O)Oc1ccccc1C(=O)N[C@@H](C)C(=O)O";
    static struct rdkit_mol *known;
    const struct rdkit_drawing how = { .width = 300, .height = 200 };
    const char *text = (const char *)data;
    struct rdkit_sides sides;
    struct rdkit_err err = { 0 };
    struct rdkit_mol *mol;
    char *svg;

    if (known == NULL)
        known = rdkit_read(target, strlen(target), &err);
    if (size > 200)
        return 0;
    mol = rdkit_read(text, size, &err);
    require(mol || (err.status != CORAX_OK && err.msg[0]));
    if (mol && rdkit_atoms(mol) <= ATOMS)
        describe(mol);
    rdkit_free(mol);
    look_for(text, size, known);
    if (memchr(text, '>', size)) {
        check(rdkit_draw_reaction(text, size, &how, &svg, &sides, &err), &err);
        free(svg);
    }
    return 0;
}
