/*
 * plugins/chemistry/rdkit.h - what the chemistry tools ask of RDKit, as C functions.
 *
 * RDKit is C++ and throws; nothing does here.  A function that can fail returns an enum corax_status, or NULL, and fills err
 * with a status and a sentence.  SMILES are limited, since canonical numbering of long chains takes seconds (C x 1000: 1.1 s)
 * and a chain that is a few times longer never ends.  Several threads may work side by side, each on molecules of its own.
 *
 * rdkit.cc and rdkit_*.cc implement this over rdkit_molecule.hh; rdkit_none.c does in a build without RDKit, where no molecule
 * can be read.
 */
#ifndef PLUGINS_CHEMISTRY_RDKIT_H
#define PLUGINS_CHEMISTRY_RDKIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RDKIT_MAX_SMILES      1000 /* characters */
#define RDKIT_MAX_HEAVY_ATOMS 300
#define RDKIT_TEXT_SIZE       4096 /* holds the canonical form of anything within the limits */
#define RDKIT_BITS            2048 /* of a fingerprint */

#ifdef __cplusplus
extern "C" {
#endif

struct rdkit_err {
    int status; /* enum corax_status */
    char msg[200];
};

struct rdkit_mol; /* sanitized, with implicit hydrogens */

/* The molecule of a SMILES, blanks around it left out.  CORAX_E_ARGS: it is none; the sentence names the atom, counted from 1.
 * Why it is none is known to one thread at a time: where others work, err is NULL; read once more, alone, what failed. */
struct rdkit_mol *rdkit_read(const char *smiles, size_t len, struct rdkit_err *);
void rdkit_free(struct rdkit_mol *); /* NULL is fine */

/* g/mol with the natural mix of isotopes, and Da of the commonest ones. */
int rdkit_masses(const struct rdkit_mol *, double *average, double *monoisotopic, struct rdkit_err *);
/* In Hill order, with the charge: "C2H3O2-". */
int rdkit_formula(const struct rdkit_mol *, char out[RDKIT_TEXT_SIZE], struct rdkit_err *);
int rdkit_charge(const struct rdkit_mol *);
/* RDKit's canonical isomeric SMILES. */
int rdkit_canonical(const struct rdkit_mol *, char out[RDKIT_TEXT_SIZE], struct rdkit_err *);

struct rdkit_descriptors {
    double logp;        /* Wildman & Crippen 1999 */
    double tpsa;        /* A^2; Ertl, Rohde & Selzer 2000, N and O alone */
    unsigned hbd, hba;  /* calcNumHBD, calcNumHBA */
    unsigned rotatable; /* Strict */
    unsigned rings;     /* of the smallest set */
    double refractivity; /* Wildman & Crippen 1999 */
    double csp3;         /* part of the carbon atoms that have four neighbours */
    unsigned aromatic_rings, heavy_atoms;
};

int rdkit_describe(const struct rdkit_mol *, struct rdkit_descriptors *, struct rdkit_err *);

struct rdkit_bits {
    uint64_t word[RDKIT_BITS / 64];
};

/* Morgan, radius 2 (ECFP4-like): Rogers & Hahn 2010. */
int rdkit_fingerprint(const struct rdkit_mol *, struct rdkit_bits *, struct rdkit_err *);

/* --- the structure, as libinchi takes it (rdkit_structure.cc) --- */

struct rdkit_atom {
    char symbol[4];
    int isotope; /* 0: the natural mix */
    int charge;
    int n_hydrogens; /* that are not atoms */
    int n_radicals;  /* unpaired electrons */
};

struct rdkit_bond {
    unsigned from, to; /* atoms, from 0 */
    unsigned order;    /* 1, 2, 3; aromatic rings are drawn with 1 and 2 */
};

/*
 * Of a tetrahedral centre: neighbours 1 to 3 are clockwise, seen from neighbour 0; where there are three neighbours, neighbour 0 is the
 * centre itself, in place of its hydrogen or lone pair.  Of a double bond: 0-1=2-3, and clockwise stands for trans.
 */
struct rdkit_stereo {
    int centre; /* -1: a double bond */
    unsigned neighbour[4];
    bool clockwise;
};

struct rdkit_structure {
    struct rdkit_atom *atoms;
    struct rdkit_bond *bonds;
    struct rdkit_stereo *stereo; /* what is known of it, and no more */
    unsigned n_atoms, n_bonds, n_stereo;
};

/* CORAX_E_ARGS: a bond is of no order, or an atom of no element. */
int rdkit_structure_of(const struct rdkit_mol *, struct rdkit_structure *, struct rdkit_err *);
void rdkit_structure_finish(struct rdkit_structure *);

/* --- patterns (rdkit_query.cc) --- */

struct rdkit_query; /* of a SMARTS; never changes, so that threads may share it */

/* As rdkit_read, of a SMARTS: at most RDKIT_MAX_SMILES characters and RDKIT_MAX_QUERY_ATOMS atoms. */
#define RDKIT_MAX_QUERY_ATOMS 100
struct rdkit_query *rdkit_query_read(const char *smarts, size_t len, struct rdkit_err *);
void rdkit_query_free(struct rdkit_query *); /* NULL is fine */
unsigned rdkit_query_atoms(const struct rdkit_query *);

#define RDKIT_MAX_MATCHES 1000

struct rdkit_matches {
    unsigned n, n_atoms; /* n matches of n_atoms atoms each */
    unsigned *atoms;     /* [n][n_atoms] indices from 0, in the pattern's order */
    bool more;           /* there are more than were asked for */
};

/*
 * Up to max (RDKIT_MAX_MATCHES at most) unique matches: no two have the same set of atoms.  Stereo marks of the pattern count.
 * Without out: CORAX_OK when there is one, CORAX_E_NOTFOUND when there is none.
 */
int rdkit_match(const struct rdkit_mol *, const struct rdkit_query *, unsigned max, struct rdkit_matches *out,
                struct rdkit_err *);
void rdkit_matches_finish(struct rdkit_matches *);

/* --- whether two are the same (rdkit_identity.cc) --- */

enum rdkit_difference { /* bits */
    RDKIT_STEREO = 1,
    RDKIT_ISOTOPES = 2,
    RDKIT_SALT = 4, /* charge, counter-ions, solvent; what is left out of a molecule without carbon is charge alone */
    RDKIT_TAUTOMER = 8,
    RDKIT_DIFFERENT = -1
};

/*
 * The smallest set of differences without which the two are one molecule, and that molecule: 0 when they are one, RDKIT_DIFFERENT and ""
 * when there is no such set.  Tautomers take some ms, of large molecules 100 ms and more.
 */
int rdkit_difference(const struct rdkit_mol *, const struct rdkit_mol *, int *out, char common[RDKIT_TEXT_SIZE],
                     struct rdkit_err *);

enum rdkit_relation {
    RDKIT_ENANTIOMERS,
    RDKIT_DIASTEREOMERS,
    RDKIT_FIRST_STATES_MORE, /* of its stereo than the other */
    RDKIT_SECOND_STATES_MORE
};

/* Of two that differ by RDKIT_STEREO alone. */
int rdkit_stereo_relation(const struct rdkit_mol *, const struct rdkit_mol *, enum rdkit_relation *, struct rdkit_err *);

/* --- plain forms (rdkit_standard.cc) ------------------------------------------------------------------------------- */

/* What a part's plain form left out. */
enum rdkit_was {
    RDKIT_WAS_MIXED = 1 << 0,    /* it is one of several */
    RDKIT_WAS_BONDED = 1 << 1,   /* a salt was drawn with bonds to its metal */
    RDKIT_WAS_ISOTOPE = 1 << 2,  /* somewhere in the whole, as the next two */
    RDKIT_WAS_STEREO = 1 << 3,
    RDKIT_WAS_RADICAL = 1 << 4,  /* hydrogens were missing */
    RDKIT_WAS_CHARGED = 1 << 5,  /* protons were moved */
    RDKIT_WAS_TAUTOMER = 1 << 6, /* P(=S)OH became P(=O)SH */
};

/* One of the pieces a molecule consists of, in its plain form: bonds of salts cut, no isotopes, no stereo, uncharged as far as
 * moving protons does it.  All pieces are kept. */
struct rdkit_part {
    const struct rdkit_mol *mol;
    const unsigned *atom; /* of each atom, which one it was of the molecule given, counted from 0 */
    unsigned atoms, carbons;
    int charge;           /* before protons were moved */
    int protons;          /* hydrogens less charge: what moving protons leaves as it is */
    uint64_t composition; /* equal where the other atoms are */
    unsigned was;         /* enum rdkit_was bits */
};

struct rdkit_parts;
/* NULL on failure; CORAX_E_ARGS: an atom is a wildcard, so it is no molecule. */
struct rdkit_parts *rdkit_parts_of(const struct rdkit_mol *, struct rdkit_err *);
size_t rdkit_parts_count(const struct rdkit_parts *);
const struct rdkit_part *rdkit_parts_at(const struct rdkit_parts *, size_t i);
void rdkit_parts_free(struct rdkit_parts *); /* NULL is fine */

/* UNDECIDED: the atoms hang together alike, and whether the bonds are a tautomer's was not found within the limits. */
enum rdkit_sameness { RDKIT_OTHER, RDKIT_EQUAL, RDKIT_BY_TAUTOMER, RDKIT_UNDECIDED };
/* Whether two parts are one compound. */
int rdkit_same_compound(const struct rdkit_part *, const struct rdkit_part *, enum rdkit_sameness *,
                        struct rdkit_err *);

/* Of a molecule with all its pieces. */
struct rdkit_counts {
    unsigned carbon, hydrogen, oxygen, metal;
    double mass; /* g/mol, average */
};
int rdkit_count(const struct rdkit_mol *, struct rdkit_counts *, struct rdkit_err *);
bool rdkit_is_carbon(const struct rdkit_mol *, unsigned atom);

/* --- families (rdkit_standard.cc) ---------------------------------------------------------------------------------- */

#define RDKIT_MAX_SITES    6 /* numbered atoms of a pattern */
#define RDKIT_MAX_BRANCHES 6
#define RDKIT_MAX_MATCHED  64   /* atoms of a pattern */

/* What hangs on a matched atom and is not matched itself. */
struct rdkit_branch {
    unsigned atoms;        /* hydrogens left out */
    unsigned char element; /* its first atom's atomic number */
    bool alkyl;            /* carbon and single bonds only, and leading nowhere else into the pattern */
    bool ring;             /* has one of its own */
};

/* An atom that the pattern numbers: [P:1]. */
struct rdkit_site {
    int number, charge;
    unsigned hydrogens, branches;
    struct rdkit_branch branch[RDKIT_MAX_BRANCHES];
};

struct rdkit_member {
    unsigned atoms, sites;
    unsigned atom[RDKIT_MAX_MATCHED]; /* counted from 0 */
    struct rdkit_site site[RDKIT_MAX_SITES]; /* by number */
};

/* A SMARTS with numbered atoms, since SMARTS cannot count what hangs on them; several threads may use one. */
struct rdkit_family;
struct rdkit_family *rdkit_family_new(const char *smarts, struct rdkit_err *);
void rdkit_family_free(struct rdkit_family *); /* NULL is fine */
/* Shows each match, RDKIT_MAX_MATCHES at most, until one is accepted. */
typedef bool rdkit_family_accept(const struct rdkit_member *, void *ctx);
int rdkit_family_find(const struct rdkit_family *, const struct rdkit_mol *, rdkit_family_accept *, void *ctx,
                      bool *found, struct rdkit_err *);
/* --- druglikeness (rdkit_druglikeness.cc) --- */

/* The eight properties of QED (Bickerton et al. 2012), as RDKit counts them. */
struct rdkit_qed {
    double mass, logp, tpsa; /* g/mol, Crippen, A^2 */
    unsigned hba, hbd, rotatable, aromatic_rings, alerts;
};

/* CORAX_E_UNAVAIL: its patterns were missing at build time. */
int rdkit_qed_of(const struct rdkit_mol *, struct rdkit_qed *, struct rdkit_err *);

struct rdkit_fragment {
    uint32_t id; /* Morgan, radius 2, not folded */
    unsigned count;
};

/* What the synthetic accessibility score (Ertl & Schuffenhauer 2009) is computed from. */
struct rdkit_complexity {
    unsigned atoms;                                       /* heavy ones, and hydrogens that are atoms */
    unsigned centres, spiro, bridgeheads, macrocycles;    /* centres: stated or not; rings of more than 8 atoms */
    struct rdkit_fragment *fragments;
    unsigned n_fragments;
};

int rdkit_complexity_of(const struct rdkit_mol *, struct rdkit_complexity *, struct rdkit_err *);
void rdkit_complexity_finish(struct rdkit_complexity *);

#define RDKIT_ALERT_ATOMS 32

struct rdkit_alert {
    char set[16]; /* PAINS_A, PAINS_B, PAINS_C (Baell & Holloway 2010), Brenk (Brenk et al. 2008) */
    char name[100];
    unsigned n_atoms, atoms[RDKIT_ALERT_ATOMS]; /* from 0 */
};

/* One for each match of each alert; the caller frees *out. */
int rdkit_alerts(const struct rdkit_mol *, struct rdkit_alert **out, unsigned *n, struct rdkit_err *);

struct rdkit_lipinski {
    double mass, logp;
    unsigned donors, acceptors; /* hydrogens on N and O; N and O */
};

int rdkit_lipinski_of(const struct rdkit_mol *, struct rdkit_lipinski *, struct rdkit_err *);
/* Crippen's logP, and TPSA with sulfur and phosphorus. */
int rdkit_permeation(const struct rdkit_mol *, double *logp, double *tpsa, struct rdkit_err *);

/* --- pictures (rdkit_draw.cc) --- */

struct rdkit_drawing {
    unsigned width, height; /* pixels */
    const unsigned *atoms;  /* highlighted, from 0; not of reactions */
    unsigned n_atoms;
};

struct rdkit_sides {
    unsigned reactants, agents, products;
};

/* An SVG that the caller frees.  CORAX_E_ARGS: there is no such atom. */
int rdkit_draw(const struct rdkit_mol *, const struct rdkit_drawing *, char **svg, struct rdkit_err *);
/* The same of a reaction SMILES, reactants>agents>products, and how many molecules are on each side. */
int rdkit_draw_reaction(const char *smiles, size_t len, const struct rdkit_drawing *, char **svg, struct rdkit_sides *,
                        struct rdkit_err *);
unsigned rdkit_atoms(const struct rdkit_mol *); /* hydrogens only where they are atoms */
/* --- reactions (rdkit_reaction.cc, outcomes.c) --- */

#define RDKIT_MAX_REACTION  4000 /* characters of a reaction SMARTS */
#define RDKIT_MAX_TEMPLATES 3    /* reactants in one */
#define RDKIT_MAX_OUTCOMES  100  /* in a list */

/* What may come out: canonical SMILES, each once; several products of one reaction are sorted and joined by ".". */
struct rdkit_outcomes {
    char **smiles;
    size_t n;
    bool more; /* there are more than are listed */
    /* Is the time over?  NULL: there is all the time.  rdkit_reaction_run() asks between two products: CORAX_E_TIMEOUT. */
    bool (*stop)(void *ctx);
    void *ctx;
};

/* Takes a copy unless it is there already or the list is full.  CORAX_E_LIMIT: out of memory. */
int rdkit_outcomes_add(struct rdkit_outcomes *, const char *smiles);
bool rdkit_outcomes_has(const struct rdkit_outcomes *, const char *smiles);
void rdkit_outcomes_finish(struct rdkit_outcomes *);

struct rdkit_reaction; /* of a reaction SMARTS; never changes */

struct rdkit_reaction *rdkit_reaction_read(const char *smarts, size_t len, struct rdkit_err *);
void rdkit_reaction_free(struct rdkit_reaction *); /* NULL is fine */
unsigned rdkit_reaction_templates(const struct rdkit_reaction *);
/* Does the i-th reactant's pattern occur in the molecule? */
bool rdkit_reaction_matches(const struct rdkit_reaction *, unsigned i, const struct rdkit_mol *);
/* Adds what comes of one reactant for each pattern, in the pattern's order; each way to match reacts once. */
int rdkit_reaction_run(const struct rdkit_reaction *, const struct rdkit_mol *const *reactants, struct rdkit_outcomes *,
                       struct rdkit_err *);
/* The molecules that the SMILES joined by ".": their canonical SMILES, without numbers of an atom mapping. */
int rdkit_split(const struct rdkit_mol *, bool stereo, struct rdkit_outcomes *, struct rdkit_err *);
unsigned rdkit_heavy_atoms(const struct rdkit_mol *);

/* --- stereo by its descriptors (rdkit_stereo.cc) --- */

struct rdkit_stereo_label {
    char kind; /* R S of a centre, E Z of a double bond by the CIP rules; c t: cis, trans of one with a single group on either end */
    int a, b;  /* the centre and -1, or the bond's atoms; a -1: the only place there is */
};

/* The canonical SMILES of the molecule with that stereo.  CORAX_E_NOTFOUND: there is no such stereoisomer; err goes on "it ...". */
int rdkit_with_stereo(const struct rdkit_mol *, const struct rdkit_stereo_label *, size_t n, char out[RDKIT_TEXT_SIZE],
                      struct rdkit_err *);

#ifdef __cplusplus
}
#endif
#endif
