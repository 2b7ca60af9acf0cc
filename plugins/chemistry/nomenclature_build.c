/*
 * nomenclature_build.c - from what was read to the structure: cores, then the prefixes of a level.
 *
 * A place that is not named must be the only one: nomenclature is ambiguous where two places are not alike, and then nothing is built.
 */
#include "nomenclature_reader.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* --- building: cores ---------------------------------------------------------------------------------------------------- */

static void add_locant(struct built *b, int locant, int atom)
{
    if (b->n_at < STRUCTURE_MAX_ATOMS) {
        b->at[b->n_at] = atom;
        b->locant[b->n_at++] = locant;
    }
}

static int atom_of(const struct built *b, int locant)
{
    for (int i = 0; i < b->n_at; i++)
        if (b->locant[i] == locant)
            return b->at[i];
    return -1;
}

static int number(int n)
{
    return LOCANT(n, 0, 0, NUMBER);
}

static int carbon(struct structure *s)
{
    return structure_atom(s, "C", 0);
}

static bool build_skeleton(struct structure *s, const struct core *c, struct built *b)
{
    int x = c->bridge[0], y = c->bridge[1], z = c->bridge[2], first = s->n_atoms, n = c->n;

    if ((c->kind == CYCLE && n < 3) || (c->kind == BICYCLE_RING && (x + y + z + 2 != n || x < y || y < z || y < 1)) ||
        (c->kind == SPIRO && (x + y + 1 != n || x > y || x < 2)))
        return false;
    for (int i = 0; i < n; i++) {
        int atom = carbon(s);
        bool linked = c->kind != BICYCLE_RING ? true : i < x + y + 2;

        if (atom < 0 || (i && linked && !structure_bond(s, atom - 1, atom, 1)))
            return false;
        add_locant(b, number(i + 1), atom);
    }
    if (c->kind == CYCLE)
        return structure_bond(s, first, first + n - 1, 1);
    if (c->kind == SPIRO)
        return structure_bond(s, first, first + x, 1) && structure_bond(s, first + x, first + n - 1, 1);
    if (c->kind == BICYCLE_RING) {
        int last = first; /* the main bridge leads from atom 1 to atom x + 2 */

        if (!structure_bond(s, first, first + x + y + 1, 1))
            return false;
        for (int i = 0; i < z; i++) {
            if (!structure_bond(s, last, first + x + y + 2 + i, 1))
                return false;
            last = first + x + y + 2 + i;
        }
        return structure_bond(s, last, first + x + 1, 1);
    }
    return true;
}

static bool build_part(struct structure *s, const struct part *part, struct built *b, int *default_h)
{
    int atom = structure_add(s, part->structure);
    const char *p = part->locants;

    if (atom < 0)
        return false;
    for (; *p; atom++) {
        int n = (int)strtol(p, (char **)&p, 10), letter = 0, primes = 0;

        if (n == 0 && *p == 'N') {
            p++;
            while (*p == '\'')
                p++, primes++;
            add_locant(b, LOCANT(0, 0, primes, NITROGEN), atom);
        } else if (n == 0 && *p == 'O') {
            p++;
            add_locant(b, LOCANT(0, 0, 0, OXYGEN), atom);
        } else if (n == 0 && (*p == 'a' || *p == 'b')) {
            add_locant(b, *p++ == 'a' ? ALPHA : BETA, atom);
        } else if (n == 0) {
            p += *p == '-';
        } else {
            if (*p >= 'a' && *p <= 'd')
                letter = *p++ - 'a' + 1;
            while (*p == '\'')
                p++, primes++;
            add_locant(b, LOCANT(n, letter, primes, NUMBER), atom);
        }
        if (*p == 'H')
            *default_h = atom;
        if ((*p == '*' || *p == '!') && b->n_sites < MAX_SITES) {
            b->sites[b->n_sites++] = atom;
            s->atoms[atom].open += *p == '*' ? part->form == YLIDENE ? 2 : 1 : part->form == ATE;
        }
        p += *p && *p != ',';
        p += *p == ',';
    }
    return true;
}

/* Whether all of these atoms are alike before anything else is added. */
bool name_alike(const struct structure *s, const int *atoms, int n)
{
    unsigned classes[STRUCTURE_MAX_ATOMS];

    structure_classes(s, classes);
    for (int i = 1; i < n; i++)
        if (classes[atoms[i]] != classes[atoms[0]])
            return false;
    return n > 0;
}

/* Where an ending without locants goes: the first carbon, if all carbons that have enough hydrogens are alike. */
static int only_carbon(struct reader *r, const struct built *b, int hydrogens, bool inner)
{
    int fit[STRUCTURE_MAX_ATOMS], n = 0;

    for (int i = 0; i < b->n_at; i++) {
        int atom = b->at[i], h = structure_free(&r->s, atom) + r->s.atoms[atom].mancude;

        if (strcmp(r->s.atoms[atom].element, "C") == 0 && b->locant[i] >= 0 && h >= hydrogens && (!inner || h < 3))
            fit[n++] = atom;
    }
    if (n > 0 && name_alike(&r->s, fit, n))
        return fit[0];
    r->isomers = true;
    return -1;
}

/* The nitrogens that an ending adds have the locants N, N', or N with the number of their carbon. */
static bool add_nitrogen(struct reader *r, struct built *b, int carbon_atom, int order, int place, int locant)
{
    int atom = structure_atom(&r->s, "N", 0);

    if (!structure_bond(&r->s, carbon_atom, atom, order))
        return false;
    add_locant(b, LOCANT(0, 0, place, NITROGEN), atom);
    if (locant > 0 && locant % 16 == 0)
        add_locant(b, LOCANT(locant / 128, 0, 0, NITROGEN), atom);
    return true;
}

static bool add_element(struct reader *r, int to, const char *element, int order)
{
    int atom = structure_atom(&r->s, element, 0);

    return structure_bond(&r->s, to, atom, order);
}

/* The group of an acid on a carbon (sulfur: an S(=O)(=O)). */
static bool build_acid(struct reader *r, struct built *b, int atom, enum acid acid, bool sulfur, int place, int locant)
{
    struct structure *s = &r->s;

    if (acid == ACID_NITRILE)
        return !sulfur && add_element(r, atom, "N", 3);
    if (!add_element(r, atom, "O", 2) || (sulfur && !add_element(r, atom, "O", 2)))
        return false;
    switch (acid) {
    case ACID_ACID:
        return add_element(r, atom, "O", 1);
    case ACID_ATE:
    case ACID_ACYLOXY:
        if (b->n_sites == MAX_SITES || !add_element(r, atom, "O", 1))
            return false;
        s->atoms[s->n_atoms - 1].open = 1;
        b->sites[b->n_sites++] = s->n_atoms - 1;
        return true;
    case ACID_ACYL:
        if (b->n_sites == MAX_SITES || (!sulfur && structure_free(s, atom) < 1))
            return false;
        s->atoms[atom].open++;
        b->sites[b->n_sites++] = atom;
        return true;
    case ACID_AMIDE:
        return add_nitrogen(r, b, atom, 1, place, locant);
    case ACID_HYDRAZIDE:
        return add_nitrogen(r, b, atom, 1, place, 0) && add_element(r, s->n_atoms - 1, "N", 1);
    case ACID_AMIDO:
        if (b->n_sites == MAX_SITES || !add_nitrogen(r, b, atom, 1, place, 0))
            return false;
        s->atoms[s->n_atoms - 1].open = 1;
        b->sites[b->n_sites++] = s->n_atoms - 1;
        return true;
    case ACID_ANILIDE: {
        int n, ring;

        if (!add_nitrogen(r, b, atom, 1, place, 0))
            return false;
        n = s->n_atoms - 1;
        ring = structure_add(s, "c1ccccc1");
        for (int i = 0; ring >= 0 && i < 6; i++)
            add_locant(b, LOCANT(i + 1, 0, 1, NUMBER), ring + i);
        return ring >= 0 && structure_bond(s, n, ring, 1);
    }
    case ACID_ALDEHYDE:
        return !sulfur && structure_free(s, atom) >= 1;
    default:
        return false;
    }
}

/* Hydrogen that is where the most double bonds would leave none. */
static bool add_hydrogens(struct reader *r, const struct built *b, const struct locants *where)
{
    for (int i = 0; i < where->n; i++) {
        int atom = atom_of(b, where->at[i]);

        if (atom < 0 || strchr("CN", r->s.atoms[atom].element[0]) == NULL)
            return false;
        r->s.atoms[atom].mancude = false;
    }
    return true;
}

static bool one_ending(struct reader *r, struct built *b, const struct core *c, int atom, int locant, int place)
{
    struct structure *s = &r->s;

    switch (c->ending->group) {
    case GROUP_OL:
        return add_element(r, atom, "O", 1);
    case GROUP_THIOL:
        return add_element(r, atom, "S", 1);
    case GROUP_AMINE:
        return add_nitrogen(r, b, atom, 1, place, locant);
    case GROUP_IMINE:
        return add_nitrogen(r, b, atom, 2, place, locant);
    case GROUP_ONE:
    case GROUP_THIONE:
        s->atoms[atom].mancude = false;
        return structure_free(s, atom) >= 2 && add_element(r, atom, c->ending->group == GROUP_ONE ? "O" : "S", 2);
    case GROUP_OLATE:
        if (b->n_sites == MAX_SITES || !add_element(r, atom, "O", 1))
            return false;
        s->atoms[s->n_atoms - 1].open = 1;
        b->sites[b->n_sites++] = s->n_atoms - 1;
        return true;
    case GROUP_YL:
    case GROUP_YLIDENE:
        if (b->n_sites || structure_free(s, atom) < 1)
            return false;
        if (c->ending->group == GROUP_YLIDENE) {
            s->atoms[atom].mancude = false;
            if (structure_free(s, atom) < 2)
                return false;
        }
        s->atoms[atom].open += c->ending->group == GROUP_YL ? 1 : 2;
        b->sites[b->n_sites++] = atom;
        return true;
    case GROUP_OXY:
        if (b->n_sites || !add_element(r, atom, "O", 1))
            return false;
        s->atoms[s->n_atoms - 1].open = 1;
        b->sites[b->n_sites++] = s->n_atoms - 1;
        return true;
    case GROUP_CHAIN_ACID:
        return build_acid(r, b, atom, c->ending->acid, false, place, locant);
    case GROUP_CARBON_ACID: {
        int k = carbon(s);

        return structure_bond(s, atom, k, 1) && build_acid(r, b, k, c->ending->acid, false, place, locant);
    }
    case GROUP_SULFONIC: {
        int k = structure_atom(s, "S", 0);

        return structure_bond(s, atom, k, 1) && build_acid(r, b, k, c->ending->acid, true, place, locant);
    }
    default:
        return false;
    }
}

/* Endings of chains whose place is the first atom when no other is named. */
static bool is_first(const struct core *c)
{
    enum group g = c->ending->group;

    return (g == GROUP_YL || g == GROUP_YLIDENE || g == GROUP_OXY || strcmp(c->ending->text, "ylamine") == 0) &&
           (c->kind == CHAIN || c->kind == CYCLE);
}

static bool build_ending(struct reader *r, struct built *b, const struct core *c, const struct locants *where)
{
    int n = c->n_endings;

    if (!add_hydrogens(r, b, &c->added))
        return false;
    if (c->ending->group == GROUP_CHAIN_ACID) {
        if (c->kind != CHAIN || n > 2 || (n == 2 && c->n < 2) || where->n)
            return false;
        return one_ending(r, b, c, atom_of(b, number(1)), 0, 0) &&
               (n == 1 || one_ending(r, b, c, atom_of(b, number(c->n)), 0, 1));
    }
    if (where->n == 0) {
        int need = c->ending->group == GROUP_ONE || c->ending->group == GROUP_IMINE || c->ending->group == GROUP_THIONE
                       ? 2
                       : 1;
        int atom = n > 1 ? -1 : is_first(c) ? b->at[0] : only_carbon(r, b, need, need == 2);

        if (n > 1)
            r->isomers = true;
        return atom >= 0 && one_ending(r, b, c, atom, 0, 0);
    }
    if (where->n != n)
        return false;
    for (int i = 0; i < n; i++) {
        int atom = atom_of(b, where->at[i]);

        if (atom < 0 || !one_ending(r, b, c, atom, where->at[i], i))
            return false;
    }
    return true;
}

/* Double and triple bonds of a chain or ring of carbon. */
static bool build_unsaturated(struct reader *r, struct built *b, const struct core *c, int i,
                              const struct locants *where)
{
    int order = c->unsaturated[i].order - 1, n = c->unsaturated[i].n, size = c->n;

    if (where->n == 0) {
        int at = -1, last = c->kind == CYCLE ? size : size - 1, n_fit = 0;

        /* Each bond stands for its two atoms: if all that can take it are alike, one is as good as the other. */
        if (n > 1 || c->kind == BICYCLE_RING || c->kind == SPIRO)
            return false;
        for (int k = 0; k < last; k++) {
            int x = b->at[k], y = b->at[(k + 1) % size];

            if (structure_free(&r->s, x) >= order && structure_free(&r->s, y) >= order) {
                n_fit++;
                at = at < 0 ? k : at;
            }
        }
        if (n_fit == 2 && size == 3 && c->kind == CHAIN && name_alike(&r->s, (int[]){ b->at[0], b->at[2] }, 2))
            n_fit = 1;
        if (n_fit > 1 && c->kind == CYCLE && name_alike(&r->s, b->at, size))
            n_fit = 1;
        if (n_fit != 1)
            r->isomers = true;
        return n_fit == 1 && structure_raise(&r->s, b->at[at], b->at[(at + 1) % size], order);
    }
    if (where->n != n)
        return false;
    for (int k = 0; k < n; k++) {
        int x = atom_of(b, where->at[k]), y = atom_of(b, where->at[k] < 0 ? 0 : where->at[k] + number(1));

        if (x >= 0 && (y < 0 || structure_order(&r->s, x, y) == 0) && c->kind == CYCLE)
            y = b->at[0];
        if (x < 0 || y < 0 || structure_order(&r->s, x, y) != 1 || !structure_raise(&r->s, x, y, order))
            return false;
    }
    return true;
}

static bool build_core(struct reader *r, const struct core *c, struct built *b)
{
    struct structure *s = &r->s;
    struct locants none = { 0 };
    const struct locants *ending_at = &c->ending_at, *bond_at[2] = { &c->unsaturated[0].at, &c->unsaturated[1].at };
    int h = -1, n = 0;

    memset(b, 0, sizeof(*b));
    b->from = s->n_atoms;
    b->form = c->form;
    /* Locants in front are those of the double bond where there is one without, and of the ending otherwise. */
    if (c->front.n) {
        if (c->kind == ACID_STEM || (c->kind == PART && parts[c->n].form != RING))
            return false;
        if (c->n_unsaturated && c->unsaturated[0].at.n == 0)
            bond_at[0] = &c->front;
        else if (c->ending && c->ending_at.n == 0 && c->ending->group != GROUP_CHAIN_ACID)
            ending_at = &c->front;
        else
            return false;
    }
    switch (c->kind) {
    case CHAIN:
    case CYCLE:
    case BICYCLE_RING:
    case SPIRO:
        if (c->hydrogen.n || !build_skeleton(s, c, b))
            return false;
        break;
    case PART:
        if (!build_part(s, &parts[c->n], b, &h))
            return false;
        if (parts[c->n].form != RING && (c->hydrogen.n || parts[c->n].form != c->form))
            return false;
        if (strcmp(parts[c->n].name, "urea") == 0 || strcmp(parts[c->n].name, "thiourea") == 0 ||
            strcmp(parts[c->n].name, "hydrazine") == 0) { /* both ways are in use */
            add_locant(b, LOCANT(0, 0, 0, NITROGEN), b->from);
            add_locant(b, LOCANT(0, 0, 1, NITROGEN), s->n_atoms - 1);
        }
        if (c->hydrogen.n ? !add_hydrogens(r, b, &c->hydrogen) : h >= 0 && (s->atoms[h].mancude = false))
            return false;
        break;
    case ACID_STEM: {
        int sites[MAX_SITES], locant = 0;

        if (c->hydrogen.n || !build_part(s, &parts[c->n], b, &h))
            return false;
        n = b->n_sites;
        memcpy(sites, b->sites, sizeof sites);
        b->n_sites = 0;
        for (int i = 0; i < n; i++) {
            for (int k = 0; k < b->n_at; k++)
                if (b->at[k] == sites[i])
                    locant = b->locant[k];
            if (!build_acid(r, b, sites[i], c->ending->acid, false, i, locant))
                return false;
        }
        b->to = s->n_atoms;
        return b->form == YL || b->form == YLIDENE ? b->n_sites == 1 : true;
    }
    }
    for (int i = 0; i < c->n_replaced; i++)
        for (int k = 0; k < c->replaced[i].at.n; k++) {
            int atom = atom_of(b, c->replaced[i].at.at[k]);

            if (atom < 0 || s->atoms[atom].element[0] != 'C')
                return false;
            s->atoms[atom].element[0] = c->replaced[i].element;
            if (structure_free(s, atom) + s->atoms[atom].bonds > (c->replaced[i].element == 'N' ? 3 : 2) ||
                s->atoms[atom].bonds > (c->replaced[i].element == 'N' ? 3 : 2))
                return false;
        }
    if (c->ending && !build_ending(r, b, c, ending_at))
        return false;
    for (int i = 0; i < c->n_unsaturated; i++)
        if (!build_unsaturated(r, b, c, i, bond_at[i] ? bond_at[i] : &none))
            return false;
    b->to = s->n_atoms;
    return true;
}

/* --- building: prefixes ------------------------------------------------------------------------------------------------- */

bool name_build_level(struct reader *r, const struct level *l, struct built *b);

static bool is_complete(const struct reader *r, const struct level *l, const struct built *b);

/* One substituent, new each time it is needed. */
static bool build_substituent(struct reader *r, const struct prefix *p, struct built *out)
{
    if (p->kind == UNIT) {
        const struct level alone = { .core = p->core };

        return build_core(r, &p->core, out) && is_complete(r, &alone, out);
    }
    return name_read_level(r, p->from, p->to, YL | YLIDENE | ACYL, out);
}

static bool attach(struct reader *r, const struct prefix *p, int atom)
{
    struct built sub;
    int order;

    if (!build_substituent(r, p, &sub) || sub.n_sites != 1)
        return false;
    order = sub.form == YLIDENE ? 2 : 1;
    if (order == 2)
        r->s.atoms[atom].mancude = false;
    if (structure_free(&r->s, atom) < order &&
        !(r->s.atoms[atom].element[0] == 'S' || r->s.atoms[atom].element[0] == 'P'))
        return false;
    r->s.atoms[sub.sites[0]].open -= (unsigned char)order;
    return structure_bond(&r->s, atom, sub.sites[0], order);
}

/* Parents of a single atom other than carbon take all that comes: "amine", "oxy", "silane". */
static bool is_hub(const struct structure *s, const struct built *b, const struct core *c, int atom)
{
    return c->kind == PART && parts[c->n].form != RING && atom == b->from &&
           (s->atoms[atom].element[0] != 'O' || strcmp(parts[c->n].name, "oxy") == 0 ||
            strcmp(parts[c->n].name, "ether") == 0) &&
           s->atoms[atom].element[0] != 'C';
}

/* Prefixes without locants: there must be one place only, or all are taken. */
static bool attach_anywhere(struct reader *r, const struct prefix *p, const struct built *b, const struct core *c)
{
    struct structure *s = &r->s;
    int fit[STRUCTURE_MAX_ATOMS], n = 0, places = 0;

    for (int i = b->from; i < b->to; i++) {
        bool numbered = false,
             open = s->atoms[i].open && (s->atoms[i].element[0] == 'S' || s->atoms[i].element[0] == 'P');
        int h = structure_free(s, i);

        for (int k = 0; k < b->n_at; k++)
            numbered = numbered || b->at[k] == i;
        if (!numbered && !is_hub(s, b, c, i) &&
            !(c->kind == PART && parts[c->n].form != RING && s->atoms[i].element[0] == 'C'))
            continue;
        if (h == 0 && open && is_hub(s, b, c, i))
            h = 1;
        if (h == 0 && is_hub(s, b, c, i) && s->atoms[i].element[0] == 'S' && s->atoms[i].bonds < 6)
            h = 1;
        if (h > 0 && (strchr("CNPB", s->atoms[i].element[0]) || is_hub(s, b, c, i))) {
            fit[n++] = i;
            places += h;
        }
    }
    if (n == 0 || !name_alike(s, fit, n) || (n > 1 && p->n > 1 && p->n != places && p->n != places - 1)) {
        r->isomers = r->isomers || n > 0;
        return false;
    }
    for (int i = 0, k = 0; i < p->n; i++) {
        while (k < n && structure_free(s, fit[k]) == 0 &&
               !(is_hub(s, b, c, fit[k]) && s->atoms[fit[k]].element[0] == 'S'))
            k++;
        if (k == n || !attach(r, p, fit[k]))
            return false;
    }
    return true;
}

static bool is_benzene(const struct core *c)
{
    return c->kind == PART && strcmp(parts[c->n].name, "benzen") == 0 && c->ending == NULL;
}

static bool attach_prefix(struct reader *r, const struct prefix *p, const struct built *b, const struct level *l)
{
    if (p->ortho) {
        int first = atom_of(b, number(1)), other = atom_of(b, number(p->ortho));

        if (other < 0 || atom_of(b, number(6)) < 0 || p->at.n)
            return false;
        if (is_benzene(&l->core))
            return p->n == 2 && l->n_prefixes == 1 && attach(r, p, first) && attach(r, p, other);
        return p->n == 1 && structure_free(&r->s, first) == 0 && attach(r, p, other);
    }
    if (p->at.n == 0)
        return attach_anywhere(r, p, b, &l->core);
    if (p->at.n != p->n)
        return false;
    for (int i = 0; i < p->n; i++) {
        int atom = atom_of(b, p->at.at[i]);

        if (atom < 0 || !attach(r, p, atom))
            return false;
    }
    return true;
}

static bool add_hydro(struct reader *r, const struct prefix *p, const struct built *b)
{
    int n = 0;

    if (p->at.n) {
        if (p->at.n != p->n)
            return false;
        for (int i = 0; i < p->n; i++) {
            int atom = atom_of(b, p->at.at[i]);

            if (atom < 0 || !r->s.atoms[atom].mancude)
                return false;
            r->s.atoms[atom].mancude = false;
        }
        return true;
    }
    for (int i = b->from; i < b->to; i++)
        n += r->s.atoms[i].mancude;
    if (n != p->n)
        return false;
    for (int i = b->from; i < b->to; i++)
        r->s.atoms[i].mancude = false;
    return true;
}

/* A wish for stereo, on the atoms of this level. */
static bool add_label(struct reader *r, const struct label *k, const struct built *b)
{
    struct wish *w = &r->wishes[r->n_wishes];
    int atom = k->locant ? atom_of(b, k->locant) : -1, other = -1, n = 0;

    if (r->n_wishes == NOMENCLATURE_MAX_STEREO || (k->locant && atom < 0))
        return false;
    *w = (struct wish){ .kind = k->kind, .a = atom, .b = -1 };
    if (strchr("RS", k->kind)) {
        r->n_wishes++;
        return true;
    }
    for (int i = 0; i < r->s.n_bonds; i++) {
        const struct structure_bond *d = &r->s.bonds[i];
        bool mine = k->locant ? d->a == atom || d->b == atom
                              : d->a >= b->from && d->a < b->to && d->b >= b->from && d->b < b->to;

        if (!mine || d->order != 2 || r->s.atoms[d->a].element[0] == 'O' || r->s.atoms[d->b].element[0] == 'O')
            continue;
        n++;
        w->a = d->a;
        w->b = other = d->b;
    }
    if (n != 1 || other < 0)
        return false;
    r->n_wishes++;
    return true;
}

/* Words that are no compound or group by themselves: an ether has two groups, "oxy" one. */
static bool is_complete(const struct reader *r, const struct level *l, const struct built *b)
{
    static const char *const words[] = {
        "ether", "sulfide", "ketone", "oxy", "thio", "sulfonyl", "sulfinyl", "carbonyl"
    };
    const char *name = l->core.kind == PART ? parts[l->core.n].name : "";

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(name, words[i]) == 0) {
            const struct structure_atom *a = &r->s.atoms[b->from];
            int more = a->element[0] == 'S' && i != 1 && i != 4 ? (i == 5 ? 6 : 4) : a->element[0] == 'C' ? 4 : 2;

            return l->n_prefixes > 0 && a->bonds + a->open == more;
        }
    return strcmp(name, "amine") != 0 || l->n_prefixes > 0;
}

bool name_build_level(struct reader *r, const struct level *l, struct built *b)
{
    if (++r->builds > MAX_BUILDS || !build_core(r, &l->core, b))
        return false;
    b->n_prefixes = l->n_prefixes;
    for (int i = 0; i < l->n_prefixes; i++)
        if (l->prefixes[i].kind == HYDRO && !add_hydro(r, &l->prefixes[i], b))
            return false;
    /* Those with locants first: they say what is left for the others. */
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < l->n_prefixes; i++) {
            const struct prefix *p = &l->prefixes[i];

            if (p->kind != HYDRO && (p->at.n == 0 && p->ortho == 0) == pass && !attach_prefix(r, p, b, l))
                return false;
        }
    if (!is_complete(r, l, b))
        return false;
    for (int i = 0; i < l->n_labels; i++)
        if (!add_label(r, &l->labels[i], b))
            return false;
    return true;
}
