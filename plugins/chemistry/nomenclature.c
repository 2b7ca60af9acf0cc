/*
 * nomenclature.c - reads a name from left to right with backtracking, and builds the structure when a whole reading has been found.
 *
 * A level is a name, or what stands between brackets: prefixes, then a core (parent and ending).  All readings of a level are tried until
 * one can be built: a prefix for which no atom has the locant, or more than one atom is possible, is no reading.  Where two readings are in
 * use among chemists ("chloromethylbenzene"), both are refused.
 */
#include "nomenclature.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "nomenclature_reader.h"

/* --- levels ---------------------------------------------------------------------------------------------------------------- */

static bool has_hydrogen(const struct core *c)
{
    static const char *const bare[] = { "fluoro",      "chloro",          "bromo",
                                        "iodo",        "nitro",           "nitroso",
                                        "cyano",       "azido",           "isocyano",
                                        "isocyanato",  "isothiocyanato",  "cyanato",
                                        "thiocyanato", "trifluoromethyl", "trifluoromethoxy",
                                        "oxo",         "thioxo",          "hydroxy" };

    if (c->kind != PART)
        return true;
    for (size_t i = 0; i < sizeof bare / sizeof *bare; i++)
        if (strcmp(parts[c->n].name, bare[i]) == 0)
            return false;
    return true;
}

static bool is_alkyl(const struct prefix *p)
{
    static const char *const words[] = { "isopropyl", "isobutyl", "sec-butyl", "tert-butyl", "neopentyl", "isopentyl" };

    if (p->kind != UNIT)
        return false;
    if (p->core.kind == CHAIN)
        return p->core.ending && p->core.ending->group == GROUP_YL && p->core.n_unsaturated == 0;
    for (size_t i = 0; p->core.kind == PART && i < sizeof words / sizeof *words; i++)
        if (strcmp(parts[p->core.n].name, words[i]) == 0)
            return true;
    return false;
}

/*
 * "chloromethylbenzene", "2-chlorophenylacetic acid", "phenylethylamine": a prefix, and right behind it one without locants, multiplier and
 * brackets that the first could stand on.  Chemists read these both ways.  Alkyl groups on one nitrogen ("ethylmethylamine") are plain.
 */
static bool is_ambiguous(const struct level *l)
{
    for (int i = 0; i + 1 < l->n_prefixes; i++) {
        const struct prefix *a = &l->prefixes[i], *b = &l->prefixes[i + 1];

        if (a->kind == HYDRO || b->kind != UNIT || b->at.n || b->ortho || b->multiplied || !a->glued ||
            !has_hydrogen(&b->core))
            continue;
        if (is_alkyl(a) && is_alkyl(b) && l->core.kind == PART && l->core.ending == NULL && a->at.n == 0)
            continue;
        return true;
    }
    return false;
}

static bool finish_level(struct reader *r, struct level *l, int at, int to, int forms, struct built *out)
{
    for (int variant = 0; variant < CORE_VARIANTS; variant++) {
        struct search f = { .to = to, .forms = forms, .whole = true };
        struct mark *mark;
        int p = at;
        bool built;

        if (!name_take_core(r, &p, &f, variant, &l->core))
            continue;
        if (is_ambiguous(l)) {
            r->isomers = true;
            continue;
        }
        mark = malloc(sizeof(*mark));
        if (mark == NULL)
            return false;
        mark->s = r->s;
        mark->n_wishes = r->n_wishes;
        built = name_build_level(r, l, out);
        if (!built) {
            r->s = mark->s;
            r->n_wishes = mark->n_wishes;
        }
        free(mark);
        if (built)
            return true;
    }
    return false;
}

static bool take_prefix_body(struct reader *r, int *at, int to, struct prefix *p, int way)
{
    struct search f = { .to = to, .forms = YL | YLIDENE | ACYL, .after_locants = true };
    int q = *at;

    if (way == 0 && q < to && strchr("([{", r->text[q]) && name_starts(r, q, to, "[1,1'-biphenyl]") == false) {
        int end = name_behind_bracket(r, q, to);

        if (end == 0)
            return false;
        p->kind = GROUP;
        p->from = q + 1;
        p->to = end - 1;
        *at = end;
        return true;
    }
    if (way == 1 && name_take(r, &q, to, "hydro")) {
        p->kind = HYDRO;
        *at = q;
        return p->multiplied;
    }
    if (way >= 2 && name_take_core(r, &q, &f, way - 2, &p->core)) {
        p->kind = UNIT;
        *at = q;
        return true;
    }
    return false;
}

/* "tridecyl" has thirteen carbons: "tri" ends at `behind`, but a stem that begins there ends later. */
static bool is_longer_stem(const struct reader *r, int at, int behind, int to)
{
    int n;

    return name_take_stem(r, &at, to, &n) && at > behind;
}

#define PREFIX_WAYS 4

static bool read_prefixes(struct reader *r, struct level *l, int at, int to, int forms, struct built *out)
{
    struct prefix *p;

    if (!name_step(r) || at >= to)
        return false;
    if (finish_level(r, l, at, to, forms, out))
        return true;
    if (l->n_prefixes == MAX_PREFIXES)
        return false;
    for (int with = 0; with < 2; with++) { /* locants, o- m- p- */
        struct locants where = { 0 };
        int begin = at;
        char ortho = 0;

        if (with == 0) {
            if (name_starts(r, at, to, "o-") || name_starts(r, at, to, "ortho-"))
                ortho = 2;
            else if (name_starts(r, at, to, "m-") || name_starts(r, at, to, "meta-"))
                ortho = 3;
            else if (name_starts(r, at, to, "p-") || name_starts(r, at, to, "para-"))
                ortho = 4;
            if (ortho)
                begin = (int)(strchr(r->text + at, '-') - r->text) + 1;
            else if (!name_take_locants(r, &begin, to, &where, NULL))
                continue;
        }
        for (int m = -1; m < (int)N_MULTIPLIERS; m++)
            for (int way = 0; way < PREFIX_WAYS; way++) {
                int q = begin;

                p = &l->prefixes[l->n_prefixes];
                memset(p, 0, sizeof(*p));
                p->at = where;
                p->ortho = ortho;
                p->n = 1;
                if (m >= 0) {
                    if (!name_take(r, &q, to, multipliers[m].text))
                        break;
                    p->n = multipliers[m].n;
                    p->multiplied = true;
                    if (where.n != p->n && is_longer_stem(r, begin, q, to))
                        break;
                }
                if (!take_prefix_body(r, &q, to, p, way))
                    continue;
                if (where.n && p->n != where.n)
                    continue;
                p->glued = !(q < to && r->text[q] == '-');
                if (!p->glued)
                    q++;
                l->n_prefixes++;
                if (read_prefixes(r, l, q, to, forms, out))
                    return true;
                l->n_prefixes--;
            }
    }
    return false;
}

bool name_read_level(struct reader *r, int from, int to, int forms, struct built *out)
{
    struct level *l;
    bool good;

    if (r->depth == MAX_DEPTH || from >= to)
        return false;
    l = calloc(1, sizeof(*l));
    if (l == NULL)
        return false;
    r->depth++;
    name_take_stereo(r, &from, to, l);
    good = read_prefixes(r, l, from, to, forms, out);
    r->depth--;
    free(l);
    return good;
}

/* --- names of more than one word ------------------------------------------------------------------------------------------- */

#define MAX_WORDS 6

struct words {
    int n, from[MAX_WORDS], to[MAX_WORDS];
};

static bool split(const struct reader *r, struct words *w)
{
    int depth = 0, from = 0;

    w->n = 0;
    for (int i = 0; i <= r->len; i++) {
        char c = i < r->len ? r->text[i] : ' ';

        depth += c == '(' || c == '[' || c == '{';
        depth -= c == ')' || c == ']' || c == '}';
        if (c != ' ' || (depth != 0 && i < r->len))
            continue;
        if (w->n == MAX_WORDS)
            return false;
        w->from[w->n] = from;
        w->to[w->n++] = i;
        from = i + 1;
    }
    return depth == 0;
}

static bool is_word(const struct reader *r, const struct words *w, int i, const char *text)
{
    return w->to[i] - w->from[i] == (int)strlen(text) && name_starts(r, w->from[i], w->to[i], text);
}

/* A word that may begin with "di" or "bis(": how many of it. */
static int without_multiplier(const struct reader *r, int *from, int *to, bool *brackets)
{
    static const struct {
        const char *text;
        int n;
    } m[] = { { "di", 2 },        { "tri", 3 },  { "tetra", 4 }, { "bis(", 2 }, { "tris(", 3 },
              { "tetrakis(", 4 }, { "bis[", 2 }, { "tris[", 3 }, { "di(", 2 },  { "tri(", 3 } };

    for (size_t i = sizeof m / sizeof *m; i-- > 0;)
        if (name_starts(r, *from, *to, m[i].text)) {
            size_t n = strlen(m[i].text);
            bool bracket = strchr("([", m[i].text[n - 1]) != NULL;

            if (bracket ? name_behind_bracket(r, *from + (int)n - 1, *to) != *to
                        : is_longer_stem(r, *from, *from + (int)n, *to))
                continue;
            *brackets = bracket;
            *from += (int)n;
            *to -= bracket;
            return m[i].n;
        }
    return 1;
}

/* The sites of n groups named by one word; with its multiplier, or without if that is part of the name ("dichloromethyl"). */
static int read_groups(struct reader *r, int from, int to, int forms, int max, int *sites, bool *acyl)
{
    bool brackets = true;
    int f = from, t = to, n = without_multiplier(r, &f, &t, &brackets), steps = r->steps;
    struct built b;
    struct mark *mark = malloc(sizeof(*mark));

    if (mark == NULL)
        return 0;
    mark->s = r->s;
    mark->n_wishes = r->n_wishes;
    for (int i = 0; n <= max && i < n; i++) {
        if (!name_read_level(r, f, t, forms, &b) || b.n_sites != 1 ||
            (!brackets && b.n_prefixes)) { /* "diphenylmethyl" */
            n = 0;
            break;
        }
        *acyl = *acyl || b.form == ACYL;
        sites[i] = b.sites[0];
    }
    if ((n == 0 || n > max) && f != from) {
        r->s = mark->s;
        r->n_wishes = mark->n_wishes;
        r->steps = steps;
        n = name_read_level(r, from, to, forms, &b) && b.n_sites == 1;
        sites[0] = b.sites[0];
        *acyl = n && b.form == ACYL;
    }
    free(mark);
    return n <= max ? n : 0;
}

static bool bond_open(struct reader *r, int site, int to)
{
    r->s.atoms[site].open--;
    return structure_bond(&r->s, site, to, 1);
}

/* "ethyl methyl ether", "diphenyl ketone" */
static bool read_between(struct reader *r, const struct words *w)
{
    static const struct {
        const char *name, *part;
    } classes[] = {
        { "ether", "O" },      { "sulfide", "S" },     { "thioether", "S" },
        { "ketone", "C=O" },   { "sulfoxide", "S=O" }, { "sulfone", "S(=O)=O" },
        { "disulfide", "SS" }, { "peroxide", "OO" },   { "selenide", "[Se]" },
    };
    int sites[MAX_SITES], n = 0, atom, last;
    bool acyl = false;

    for (size_t k = 0; k < sizeof classes / sizeof *classes; k++) {
        if (!is_word(r, w, w->n - 1, classes[k].name))
            continue;
        for (int i = 0; i + 1 < w->n; i++) {
            int got = read_groups(r, w->from[i], w->to[i], YL | ACYL, 2 - n, sites + n, &acyl);

            if (got == 0)
                return false;
            n += got;
        }
        if (n != 2 || (acyl && strcmp(classes[k].name, "peroxide") != 0))
            return false;
        atom = structure_add(&r->s, classes[k].part);
        last = atom >= 0 && (classes[k].part[1] == 'S' || classes[k].part[1] == 'O') ? atom + 1 : atom;
        return atom >= 0 && bond_open(r, sites[0], atom) && bond_open(r, sites[1], last);
    }
    return false;
}

/* "methyl iodide", "benzyl alcohol", "acetyl chloride", "oxalyl dichloride" */
static bool read_halide(struct reader *r, const struct words *w)
{
    static const struct {
        const char *name, *part;
        bool acyl; /* may stand on an acyl group */
    } classes[] = {
        { "fluoride", "F", true },
        { "chloride", "Cl", true },
        { "bromide", "Br", true },
        { "iodide", "I", true },
        { "cyanide", "C#N", false },
        { "azide", "N=[N+]=[N-]", true },
        { "isocyanate", "N=C=O", false },
        { "alcohol", "O", false },
        { "isothiocyanate", "N=C=S", false },
        { "thiocyanate", "SC#N", false },
        { "mercaptan", "S", false },
        { "hydroperoxide", "OO", false },
        { "isocyanide", "[N+]#[C-]", false },
    };
    struct built b;
    int from = w->from[1], to = w->to[1], n = 1;

    if (w->n != 2)
        return false;
    if (name_starts(r, from, to, "di"))
        n = 2, from += 2;
    for (size_t k = 0; k < sizeof classes / sizeof *classes; k++) {
        if (to - from != (int)strlen(classes[k].name) || !name_starts(r, from, to, classes[k].name))
            continue;
        if (!name_read_level(r, w->from[0], w->to[0], YL | ACYL, &b))
            return false;
        if (b.form == ACYL ? !classes[k].acyl || (n != b.n_sites && n == 2) : n != 1 || b.n_sites != 1)
            return false;
        if (b.form == YL && r->s.atoms[b.sites[0]].element[0] != 'C' && r->s.atoms[b.sites[0]].element[0] != 'S')
            return false;
        for (int i = 0; i < b.n_sites; i++) {
            int atom = structure_add(&r->s, classes[k].part);

            if (atom < 0 || !bond_open(r, b.sites[i], atom))
                return false;
        }
        return true;
    }
    return false;
}

/* "acetic anhydride", "acetic propanoic anhydride" */
static bool read_anhydride(struct reader *r, const struct words *w)
{
    int n = w->n - 1, middle = -1;

    if (!is_word(r, w, w->n - 1, "anhydride") || n < 1 || n > 2)
        return false;
    middle = structure_atom(&r->s, "O", 0);
    for (int i = 0; i < 2; i++) {
        int k = n == 1 ? 0 : i, from = w->from[k], to = w->to[k];
        char saved[8];
        struct built b;
        bool good;

        /* The acid's name with "yl" for "ic" is the acyl group's; "yl" and the blank behind are as long as "ic" and that blank. */
        if (to - from < 4 || !name_starts(r, to - 2, to, "ic"))
            return false;
        memcpy(saved, r->text + to - 2, 2);
        memcpy(r->text + to - 2, "yl", 2);
        good = name_read_level(r, from, to, ACYL, &b);
        memcpy(r->text + to - 2, saved, 2);
        if (!good || b.form != ACYL || b.n_sites != 1 || !bond_open(r, b.sites[0], middle))
            return false;
    }
    return true;
}

/* A cation's word, "disodium": how many are said, 0 if no number; -1: it is none. */
static int read_cation(const struct reader *r, int from, int to, int *said)
{
    static const struct {
        const char *text;
        int n;
    } m[] = { { "", 0 }, { "mono", 1 }, { "di", 2 }, { "tri", 3 }, { "tetra", 4 } };

    for (size_t i = 0; i < sizeof m / sizeof *m; i++)
        for (size_t k = 0; k < sizeof cations / sizeof *cations; k++) {
            int p = from;

            if (name_take(r, &p, to, m[i].text) && to - p == (int)strlen(cations[k].name) &&
                name_starts(r, p, to, cations[k].name)) {
                *said = m[i].n;
                return (int)k;
            }
        }
    return -1;
}

static int divisor(int a, int b)
{
    while (b) {
        int t = a % b;

        a = b;
        b = t;
    }
    return a;
}

static bool add_ions(struct reader *r, const char *part, int n)
{
    for (int i = 0; i < n; i++)
        if (structure_add(&r->s, part) < 0)
            return false;
    return true;
}

/* "sodium chloride", "calcium hydroxide", "tetrabutylammonium bromide" */
static bool read_inorganic_salt(struct reader *r, const struct words *w)
{
    int from = w->from[1], said, k = read_cation(r, w->from[0], w->to[0], &said), n_cations, n_anions, c;

    for (size_t i = 0; i < sizeof anions / sizeof *anions; i++) {
        int p = from, said_anions = 0;

        for (int m = 0;
             m < 4 && !(r->len - p == (int)strlen(anions[i].name) && name_starts(r, p, r->len, anions[i].name)); m++) {
            static const char *const text[] = { "di", "tri", "tetra", "mono" };

            p = from;
            said_anions = name_take(r, &p, r->len, text[m]) ? (m == 3 ? 1 : m + 2) : 0;
        }
        if (r->len - p != (int)strlen(anions[i].name) || !name_starts(r, p, r->len, anions[i].name))
            continue;
        if (k < 0) {
            struct built b;
            int charge = 0;

            if (said_anions > 1 || !name_read_level(r, w->from[0], w->to[0], COMPOUND, &b))
                return false;
            for (int a = 0; a < r->s.n_atoms; a++)
                charge += r->s.atoms[a].charge;
            return charge == 1 && anions[i].charge == 1 && add_ions(r, anions[i].part, 1);
        }
        if (strcmp(anions[i].name, "cyanide") == 0 &&
            (strchr(cations[k].name, '(') || strcmp(cations[k].name, "silver") == 0))
            return false; /* its metal and carbon share a bond */
        c = divisor(cations[k].charge, anions[i].charge);
        n_cations = anions[i].charge / c;
        n_anions = cations[k].charge / c;
        if ((said && said != n_cations) || (said_anions && said_anions != n_anions))
            return false;
        return add_ions(r, cations[k].part, n_cations) && add_ions(r, anions[i].part, n_anions);
    }
    return false;
}

/* The last word is an acid's "ate" (or an alcohol's): with groups it is an ester, with cations a salt. */
static bool read_ester_or_salt(struct reader *r, const struct words *w)
{
    int last = w->n - 1, from = w->from[last], to = w->to[last], sites[MAX_SITES], n = 0, hydrogens = 0, said = 0,
        cation = -1;
    bool acyl = false, all_same = true;
    struct built b;

    for (int i = 0; i < last; i++) {
        int k, s;

        if (is_word(r, w, i, "hydrogen")) {
            hydrogens++;
        } else if ((k = read_cation(r, w->from[i], w->to[i], &s)) >= 0) {
            if (cation >= 0 || n)
                return false;
            cation = k;
            said = s;
        } else {
            int got;

            if (cation >= 0)
                return false;
            got = read_groups(r, w->from[i], w->to[i], YL, MAX_SITES - n, sites + n, &acyl);
            if (got == 0)
                return false;
            all_same = all_same && n == 0;
            n += got;
        }
    }
    if (cation >= 0) {
        int copies = 1, charge = cations[cation].charge, done;

        if (hydrogens)
            return false;
        /* "calcium acetate", "calcium diacetate" */
        for (done = 0; done < copies; done++) {
            if (!name_read_level(r, from, to, ATE, &b))
                return false;
            for (int i = 0; i < b.n_sites; i++) {
                r->s.atoms[b.sites[i]].open = 0;
                r->s.atoms[b.sites[i]].charge = -1;
            }
            if (b.n_sites > 1 && b.n_sites != (said ? said : 1) * charge)
                return false;
            if (b.n_sites == 1 && said > 1)
                return false;
            if (b.n_sites == 1)
                copies = charge;
        }
        return done > 0 && add_ions(r, cations[cation].part, b.n_sites == 1 ? 1 : said ? said : 1);
    }
    if (n == 0 || !name_read_level(r, from, to, ATE, &b) || n + hydrogens != b.n_sites)
        return false;
    for (int i = 0; i < n; i++) /* a group that is no carbon's, and an alcoholate's "ester" */
        if (r->s.atoms[sites[i]].element[0] != 'C')
            return false;
    for (int i = 0; i < b.n_sites; i++)
        for (int k = 0; k < r->s.n_bonds; k++) {
            const struct structure_bond *d = &r->s.bonds[k];
            int other = d->a == b.sites[i] ? d->b : d->b == b.sites[i] ? d->a : -1;
            bool oxo = false;

            for (int j = 0; other >= 0 && j < r->s.n_bonds; j++)
                oxo = oxo || ((r->s.bonds[j].a == other || r->s.bonds[j].b == other) && r->s.bonds[j].order == 2);
            if (other >= 0 && !oxo && r->s.atoms[other].element[0] == 'C' && b.n_sites < 3)
                return false;
        }
    if ((!all_same || n < b.n_sites) && !name_alike(&r->s, b.sites, b.n_sites)) {
        r->isomers = true;
        return false;
    }
    for (int i = 0; i < b.n_sites; i++) {
        r->s.atoms[b.sites[i]].open = 0;
        if (i < n && !bond_open(r, sites[i], b.sites[i]))
            return false;
    }
    return true;
}

/* "piperidine hydrochloride" */
static bool read_hydrohalide(struct reader *r, const struct words *w)
{
    static const struct {
        const char *name, *part;
        int n;
    } classes[] = { { "hydrochloride", "Cl", 1 },
                    { "hydrobromide", "Br", 1 },
                    { "hydroiodide", "I", 1 },
                    { "dihydrochloride", "Cl", 2 } };
    struct built b;

    for (size_t k = 0; k < sizeof classes / sizeof *classes; k++)
        if (is_word(r, w, w->n - 1, classes[k].name)) {
            bool nitrogen = false;

            if (w->n != 2 || !name_read_level(r, w->from[0], w->to[0], COMPOUND, &b))
                return false;
            for (int i = 0; i < r->s.n_atoms; i++)
                nitrogen = nitrogen || (r->s.atoms[i].element[0] == 'N' && r->s.atoms[i].charge == 0);
            return nitrogen && add_ions(r, classes[k].part, classes[k].n);
        }
    return false;
}

/* Methoxide and its like, which are no regular "olate". */
static bool read_oxide(struct reader *r, const struct words *w)
{
    int said, k = w->n == 2 ? read_cation(r, w->from[0], w->to[0], &said) : -1, from = w->from[w->n - 1],
              to = w->to[w->n - 1];
    struct built b;
    char saved[4];
    bool good;

    if (k < 0 || said > 1 || cations[k].charge != 1 || to - from < 7 || !name_starts(r, to - 5, to, "oxide"))
        return false;
    /* "methoxide" is "methoxy" with a charge. */
    memcpy(saved, r->text + to - 3, 3);
    r->text[to - 3] = 'y';
    good = name_read_level(r, from, to - 2, YL, &b);
    memcpy(r->text + to - 3, saved, 3);
    if (!good || b.n_sites != 1 || strcmp(r->s.atoms[b.sites[0]].element, "O") != 0)
        return false;
    r->s.atoms[b.sites[0]].open = 0;
    r->s.atoms[b.sites[0]].charge = -1;
    return add_ions(r, cations[k].part, 1);
}

static bool read_words(struct reader *r)
{
    typedef bool reading(struct reader *, const struct words *);
    static reading *const readings[] = { read_between, read_halide,         read_anhydride,    read_hydrohalide,
                                         read_oxide,   read_inorganic_salt, read_ester_or_salt };
    struct words w;
    struct built b;

    if (!split(r, &w))
        return false;
    if (w.n == 1 || is_word(r, &w, w.n - 1, "acid"))
        return w.n <= 2 && name_read_level(r, 0, r->len, COMPOUND, &b);
    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
        r->s.n_atoms = r->s.n_bonds = r->n_wishes = 0;
        r->steps = r->builds = 0;
        if (readings[i](r, &w))
            return true;
    }
    return false;
}

/* --- the whole ------------------------------------------------------------------------------------------------------------- */

/* Lower case, single blanks, plain hyphens and primes. */
static bool prepare(struct reader *r, const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];

        if (len - i >= 2 && c == 0xce && (name[i + 1] == '\xb1' || name[i + 1] == '\xb2')) {
            const char *word = name[++i] == '\xb1' ? "alpha" : "beta";

            memcpy(r->text + r->len, word, strlen(word));
            r->len += (int)strlen(word);
            continue;
        }
        if (len - i >= 3 && c == 0xe2 && name[i + 1] == '\x80') {
            char k = name[i + 2];

            if (k != '\x90' && k != '\x91' && k != '\x93' && k != '\xb2' && k != '\x99')
                return false;
            c = k == '\xb2' || k == '\x99' ? '\'' : '-';
            i += 2;
        }
        if (c == '\t' || c == '\n' || c == '\r')
            c = ' ';
        if (c < ' ' || c > '~')
            return false;
        if (c == ' ' && (r->len == 0 || r->text[r->len - 1] == ' '))
            continue;
        r->text[r->len++] = (char)tolower(c);
    }
    while (r->len && r->text[r->len - 1] == ' ')
        r->len--;
    r->text[r->len] = '\0';
    return r->len > 0;
}

bool nomenclature_read(const char *name, size_t len, struct nomenclature_result *out)
{
    int order[STRUCTURE_MAX_ATOMS];
    struct reader *r = calloc(1, sizeof(*r));
    bool good = false;

    memset(out, 0, sizeof(*out));
    out->why = "it is not understood as a systematic name";
    if (r == NULL)
        return false;
    if (len <= NOMENCLATURE_MAX_NAME && prepare(r, name, len) && read_words(r)) {
        good = structure_settle(&r->s) && structure_write(&r->s, out->smiles, sizeof out->smiles, order);
        for (int i = 0; good && i < r->s.n_atoms; i++)
            good = r->s.atoms[i].open == 0;
        for (int i = 0; good && i < r->n_wishes; i++) {
            const struct wish *w = &r->wishes[i];

            out->stereo[i] = (struct rdkit_stereo_label){ .kind = w->kind,
                                                          .a = w->a < 0 ? -1 : order[w->a],
                                                          .b = w->b < 0 ? -1 : order[w->b] };
        }
        out->n_stereo = good ? (size_t)r->n_wishes : 0;
    }
    if (!good && r->isomers)
        out->why = "read as a systematic name it leaves open which isomer is meant";
    free(r);
    return good;
}
