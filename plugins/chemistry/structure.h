/*
 * plugins/chemistry/structure.h - a structure that is built from parts, for nomenclature.c.
 *
 * Atoms of rings with the most double bonds that they can have are marked mancude: each has one, and which bonds these are is settled at the
 * end, when it is known which atoms have more hydrogen or another double bond.
 */
#ifndef PLUGINS_CHEMISTRY_STRUCTURE_H
#define PLUGINS_CHEMISTRY_STRUCTURE_H

#include <stdbool.h>
#include <stddef.h>

#define STRUCTURE_MAX_ATOMS 300
#define STRUCTURE_MAX_BONDS 340

struct structure {
    int n_atoms, n_bonds;
    struct structure_atom {
        char element[3];
        signed char charge;
        bool mancude;
        unsigned char open;  /* bonds that are promised to what comes */
        unsigned char bonds; /* sum of the orders */
    } atoms[STRUCTURE_MAX_ATOMS];
    struct structure_bond {
        short a, b;
        unsigned char order;
        bool ring; /* may be one of the double bonds of mancude atoms */
    } bonds[STRUCTURE_MAX_BONDS];
};

/* Hydrogens that can be replaced. */
int structure_free(const struct structure *, int atom);
/* -1: too many. */
int structure_atom(struct structure *, const char *element, int charge);
/* false: too many, or a valence is exceeded. */
bool structure_bond(struct structure *, int a, int b, int order);
/* Adds order to a bond that is there. */
bool structure_raise(struct structure *, int a, int b, int order);
/* The order of the bond, 0: there is none. */
int structure_order(const struct structure *, int a, int b);

/*
 * Adds a part that is written in a small SMILES: atoms B C N O F P S Cl Br I c n (mancude), others and charges in brackets; bonds - = #;
 * branches; ring closures of one digit.  Returns the first of its atoms, which have the numbers of their order, or -1.
 */
int structure_add(struct structure *, const char *part);

/* Settles the double bonds of mancude atoms; false: it cannot be. */
bool structure_settle(struct structure *);
/* Marks which atoms cannot be told apart by their surroundings: such have the same class. */
void structure_classes(const struct structure *, unsigned classes[STRUCTURE_MAX_ATOMS]);
/* SMILES; order[atom] is its place among the atoms written.  false: it does not fit. */
bool structure_write(const struct structure *, char *out, size_t size, int order[STRUCTURE_MAX_ATOMS]);

#endif
