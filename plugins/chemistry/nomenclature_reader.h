/*
 * nomenclature_reader.h - what the files of nomenclature.h share: a name that is being read, and what has been understood of it.
 *
 * nomenclature.c has names and levels, nomenclature_core.c reads parents with their endings, nomenclature_build.c builds what was read.
 */
#ifndef PLUGINS_CHEMISTRY_NOMENCLATURE_READER_H
#define PLUGINS_CHEMISTRY_NOMENCLATURE_READER_H

#include <stdbool.h>

#include "nomenclature.h"
#include "nomenclature_parts.h"
#include "structure.h"

#define MAX_DEPTH    6
#define MAX_STEPS    4000
#define MAX_BUILDS   200
#define MAX_LOCANTS  20
#define MAX_PREFIXES 16
#define MAX_SITES    8

/*
 * A locant: number, letter of a fusion atom (1: a), primes, and the element whose locant it is (0: carbon's numbers).  Special ones are
 * negative: alpha, beta.
 */
#define LOCANT(n, letter, primes, element) ((((n)*8 + (letter)) * 4 + (primes)) * 4 + (element))
#define ALPHA                              (-1)
#define BETA                               (-2)
enum { NUMBER, NITROGEN, OXYGEN };

struct locants {
    int n, at[MAX_LOCANTS];
};

struct label {  /* of stereo */
    char kind;  /* R S E Z, c t (cis, trans) */
    int locant; /* 0: not given */
};

enum core_kind { CHAIN, CYCLE, BICYCLE_RING, SPIRO, PART, ACID_STEM };

struct core {
    enum core_kind kind;
    int n; /* carbons, or index of parts */
    int bridge[3];
    struct {
        struct locants at;
        char element; /* O N S */
    } replaced[3];
    int n_replaced;
    struct locants hydrogen; /* "1H" */
    struct locants added;    /* "(1H)" behind the ending's locants */
    struct {
        int order, n; /* how many double or triple bonds */
        struct locants at;
    } unsaturated[2];
    int n_unsaturated;
    struct locants front;        /* "2-butanol" */
    const struct ending *ending; /* NULL: none */
    int n_endings;
    struct locants ending_at;
    int form;
};

struct prefix {
    enum { UNIT, GROUP, HYDRO } kind;
    struct locants at;
    int n; /* how many, 1 without a multiplier */
    bool multiplied;
    char ortho;       /* 2, 3, 4: o-, m-, p-; 0 */
    struct core core; /* UNIT */
    int from, to;     /* GROUP: between the brackets */
    bool glued;       /* nothing between it and the next */
};

struct level {
    struct prefix prefixes[MAX_PREFIXES];
    int n_prefixes;
    struct core core;
    struct label labels[MAX_LOCANTS];
    int n_labels;
};

/* What has been built of a level. */
struct built {
    int n_at, at[STRUCTURE_MAX_ATOMS];
    int locant[STRUCTURE_MAX_ATOMS]; /* of at[i] */
    int from, to;                    /* atoms of the core */
    int form;
    int n_sites, sites[MAX_SITES]; /* free valences: of YL one atom, of ACYL carbons, of ATE oxygens */
    int n_prefixes;
};

struct wish {
    char kind;
    int a, b; /* atoms; b -1 for a centre; a -1: the only one there is */
};

struct reader {
    char text[NOMENCLATURE_MAX_NAME * 2 + 1];
    int len, steps, builds, depth;
    struct structure s;
    struct wish wishes[NOMENCLATURE_MAX_STEREO];
    int n_wishes;
    bool isomers; /* a reading was refused since the name leaves open which isomer is meant */
};

/* A state to which building goes back. */
struct mark {
    struct structure s;
    int n_wishes;
};

struct search { /* of a core: where it may end, and for what */
    int to;
    int forms;
    bool whole;         /* it ends at `to` */
    bool after_locants; /* a unit behind the locants of a prefix */
};

/* variant 0: a part, 1: chains and rings of carbon, 2 and 3: the same behind locants that belong to the ending ("2-butanol"). */
#define CORE_VARIANTS 4

/* --- nomenclature_core.c --- */

/* All of these look at text[at, to) alone; those that take move *at behind what was taken, or leave it. */
bool name_starts(const struct reader *r, int at, int to, const char *word);
bool name_take(const struct reader *r, int *at, int to, const char *word);
/* Counts a step; false: there have been too many. */
bool name_step(struct reader *r);
/* Behind the bracket that closes the one at `at`; 0: none does. */
int name_behind_bracket(const struct reader *r, int at, int to);
/* Locants, separated by commas, and a hyphen behind; where added is not NULL, "2,4(1h,3h)-", too. */
bool name_take_locants(const struct reader *r, int *at, int to, struct locants *out, struct locants *added);
/* "(2r,3s)-", "(e)-", "cis-" */
bool name_take_stereo(const struct reader *r, int *at, int to, struct level *l);
/* "hex": the number of carbons into *n. */
bool name_take_stem(const struct reader *r, int *at, int to, int *n);
bool name_take_core(struct reader *r, int *at, const struct search *f, int variant, struct core *c);

/* --- nomenclature_build.c --- */

/* Whether these atoms cannot be told apart. */
bool name_alike(const struct structure *s, const int *atoms, int n);
/* Adds the structure of a level to r->s; false: it cannot be, and r->s is spoiled. */
bool name_build_level(struct reader *r, const struct level *l, struct built *b);

/* --- nomenclature.c --- */

/* Reads and builds text[from, to) as one of the forms; false: r->s is as it was. */
bool name_read_level(struct reader *r, int from, int to, int forms, struct built *out);

#endif
