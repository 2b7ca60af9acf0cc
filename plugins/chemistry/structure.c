#include "structure.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *element;
    int valence[3]; /* the possible ones, ascending; 0: no more */
    bool plain;     /* may stand without brackets in SMILES */
} elements[] = {
    { "C", { 4 }, true },    { "N", { 3 }, true },   { "O", { 2 }, true },      { "S", { 2, 4, 6 }, true },
    { "P", { 3, 5 }, true }, { "F", { 1 }, true },   { "Cl", { 1 }, true },     { "Br", { 1 }, true },
    { "I", { 1 }, true },    { "B", { 3 }, true },   { "Si", { 4 }, false },    { "Ge", { 4 }, false },
    { "Sn", { 4 }, false },  { "Pb", { 4 }, false }, { "As", { 3, 5 }, false }, { "Se", { 2, 4, 6 }, false },
};

/* Of an atom with that many bonds; cations of N and P have one more, anions one less; -1: it cannot have so many. */
static int valence(const struct structure_atom *a, int bonds)
{
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++) {
        if (strcmp(elements[i].element, a->element) != 0)
            continue;
        for (int k = 0; k < 3 && elements[i].valence[k]; k++) {
            int v = elements[i].valence[k];

            if (a->charge)
                v += strchr("NPOS", a->element[0]) ? a->charge : -abs(a->charge);
            if (bonds <= v)
                return v;
        }
        return -1;
    }
    return bonds == 0 ? 0 : -1; /* a metal's ion */
}

int structure_free(const struct structure *s, int atom)
{
    const struct structure_atom *a = &s->atoms[atom];
    int used = a->bonds + a->mancude + a->open, v = valence(a, used);

    return v < 0 ? 0 : v - used;
}

int structure_atom(struct structure *s, const char *element, int charge)
{
    struct structure_atom *a = &s->atoms[s->n_atoms];

    if (s->n_atoms == STRUCTURE_MAX_ATOMS)
        return -1;
    *a = (struct structure_atom){ .charge = (signed char)charge };
    snprintf(a->element, sizeof a->element, "%.2s", element);
    return s->n_atoms++;
}

static bool fits(const struct structure *s, int atom, int more)
{
    const struct structure_atom *a = &s->atoms[atom];

    return valence(a, a->bonds + a->mancude + a->open + more) >= 0;
}

bool structure_bond(struct structure *s, int a, int b, int order)
{
    if (a < 0 || b < 0 || a == b || s->n_bonds == STRUCTURE_MAX_BONDS || structure_order(s, a, b) > 0 ||
        !fits(s, a, order) || !fits(s, b, order))
        return false;
    s->bonds[s->n_bonds++] = (struct structure_bond){ .a = (short)a, .b = (short)b, .order = (unsigned char)order };
    s->atoms[a].bonds += (unsigned char)order;
    s->atoms[b].bonds += (unsigned char)order;
    return true;
}

static struct structure_bond *find(const struct structure *s, int a, int b)
{
    for (int i = 0; i < s->n_bonds; i++)
        if ((s->bonds[i].a == a && s->bonds[i].b == b) || (s->bonds[i].a == b && s->bonds[i].b == a))
            return (struct structure_bond *)&s->bonds[i];
    return NULL;
}

bool structure_raise(struct structure *s, int a, int b, int order)
{
    struct structure_bond *bond = find(s, a, b);

    if (bond == NULL || !fits(s, a, order) || !fits(s, b, order))
        return false;
    bond->order += (unsigned char)order;
    s->atoms[a].bonds += (unsigned char)order;
    s->atoms[b].bonds += (unsigned char)order;
    return true;
}

int structure_order(const struct structure *s, int a, int b)
{
    const struct structure_bond *bond = find(s, a, b);

    return bond ? bond->order : 0;
}

/* --- parts ---------------------------------------------------------------------------------------------------------- */

/* An atom at *p, which moves on. */
static int read_atom(struct structure *s, const char **p)
{
    char element[3] = "";
    bool bracket = **p == '[', mancude;
    int charge = 0, atom;

    *p += bracket;
    mancude = islower((unsigned char)**p);
    element[0] = (char)toupper((unsigned char)*(*p)++);
    if (bracket ? islower((unsigned char)**p)
                : (element[0] == 'C' && **p == 'l' && !mancude) || (element[0] == 'B' && **p == 'r'))
        element[1] = *(*p)++;
    if (bracket) {
        if (**p == '+' || **p == '-')
            charge = *(*p)++ == '+' ? 1 : -1;
        if (isdigit((unsigned char)**p))
            charge *= *(*p)++ - '0';
        if (*(*p)++ != ']')
            return -1;
    }
    atom = structure_atom(s, element, charge);
    if (atom >= 0)
        s->atoms[atom].mancude = mancude;
    return atom;
}

static bool join(struct structure *s, int a, int b, int order)
{
    /* 0: not written; between two mancude atoms it may become double */
    if (!structure_bond(s, a, b, order ? order : 1))
        return false;
    s->bonds[s->n_bonds - 1].ring = order == 0 && s->atoms[a].mancude && s->atoms[b].mancude;
    return true;
}

int structure_add(struct structure *s, const char *part)
{
    int first = s->n_atoms, last = -1, order = 0, depth = 0, stack[16], ring[10];
    const char *p = part;

    for (int i = 0; i < 10; i++)
        ring[i] = -1;
    while (*p) {
        if (*p == '(') {
            if (depth == 16)
                return -1;
            stack[depth++] = last;
            p++;
        } else if (*p == ')') {
            if (depth == 0)
                return -1;
            last = stack[--depth];
            p++;
        } else if (strchr("-=#", *p)) {
            order = *p == '-' ? 1 : *p == '=' ? 2 : 3;
            p++;
        } else if (isdigit((unsigned char)*p)) {
            int k = *p++ - '0';

            if (ring[k] < 0) {
                ring[k] = last;
            } else {
                if (!join(s, ring[k], last, order))
                    return -1;
                ring[k] = -1;
            }
            order = 0;
        } else {
            int atom = read_atom(s, &p);

            if (atom < 0 || (last >= 0 && !join(s, last, atom, order)))
                return -1;
            last = atom;
            order = 0;
        }
    }
    return first;
}

/* --- double bonds of mancude atoms ------------------------------------------------------------------------------------ */

#define MAX_TRIES 20000

struct matching {
    const struct structure *s;
    short partner[STRUCTURE_MAX_ATOMS]; /* -1: none yet */
    int tries;
};

/* The atom with the fewest possible partners goes first, so that dead ends are found at once. */
static bool match(struct matching *m, int n_left)
{
    const struct structure *s = m->s;
    int best = -1, fewest = 99;

    if (n_left == 0)
        return true;
    if (++m->tries > MAX_TRIES)
        return false;
    for (int i = 0; i < s->n_atoms; i++) {
        int n = 0;

        if (!s->atoms[i].mancude || m->partner[i] >= 0)
            continue;
        for (int k = 0; k < s->n_bonds; k++) {
            const struct structure_bond *b = &s->bonds[k];
            int other = b->a == i ? b->b : b->b == i ? b->a : -1;

            n += b->ring && other >= 0 && s->atoms[other].mancude && m->partner[other] < 0;
        }
        if (n < fewest) {
            best = i;
            fewest = n;
        }
    }
    for (int k = 0; k < s->n_bonds && fewest > 0; k++) {
        const struct structure_bond *b = &s->bonds[k];
        int other = b->a == best ? b->b : b->b == best ? b->a : -1;

        if (!b->ring || other < 0 || !s->atoms[other].mancude || m->partner[other] >= 0)
            continue;
        m->partner[best] = (short)other;
        m->partner[other] = (short)best;
        if (match(m, n_left - 2))
            return true;
        m->partner[best] = m->partner[other] = -1;
    }
    return false;
}

bool structure_settle(struct structure *s)
{
    struct matching m = { .s = s };
    int n = 0;

    for (int i = 0; i < s->n_atoms; i++) {
        m.partner[i] = -1;
        n += s->atoms[i].mancude;
    }
    if (n % 2 || !match(&m, n))
        return false;
    for (int i = 0; i < s->n_atoms; i++)
        s->atoms[i].mancude = false;
    for (int i = 0; i < s->n_atoms; i++)
        if (m.partner[i] > i && !structure_raise(s, i, m.partner[i], 1))
            return false;
    return true;
}

/* --- classes ----------------------------------------------------------------------------------------------------------- */

static unsigned mix(unsigned h, unsigned x)
{
    h = (h ^ x) * 0x9e3779b1u;
    return h ^ h >> 15;
}

void structure_classes(const struct structure *s, unsigned classes[STRUCTURE_MAX_ATOMS])
{
    unsigned next[STRUCTURE_MAX_ATOMS];
    int rounds = s->n_atoms < 24 ? s->n_atoms : 24;

    for (int i = 0; i < s->n_atoms; i++) {
        const struct structure_atom *a = &s->atoms[i];

        classes[i] = mix(mix(mix((unsigned)a->element[0] * 256 + (unsigned)a->element[1], (unsigned)(a->charge + 8)),
                             a->mancude * 16u + a->open),
                         (unsigned)structure_free(s, i));
    }
    while (rounds-- > 0) {
        /* A sum does not depend on the order of the neighbours. */
        for (int i = 0; i < s->n_atoms; i++)
            next[i] = classes[i] * 3;
        for (int k = 0; k < s->n_bonds; k++) {
            const struct structure_bond *b = &s->bonds[k];

            next[b->a] += mix(classes[b->b], b->order);
            next[b->b] += mix(classes[b->a], b->order);
        }
        for (int i = 0; i < s->n_atoms; i++)
            classes[i] = mix(next[i], 7);
    }
}

/* --- SMILES ------------------------------------------------------------------------------------------------------------ */

struct writer {
    const struct structure *s;
    char *out;
    size_t size, len;
    int *order, n;
    bool seen[STRUCTURE_MAX_ATOMS], on_path[STRUCTURE_MAX_ATOMS];
    bool closing[STRUCTURE_MAX_BONDS];         /* bonds that become ring closures */
    bool open_ring[100];                       /* numbers in use */
    unsigned char number[STRUCTURE_MAX_BONDS]; /* of a closure that is open; 0: none */
    bool failed;
};

static void put(struct writer *w, const char *text)
{
    size_t n = strlen(text);

    if (w->len + n >= w->size) {
        w->failed = true;
        return;
    }
    memcpy(w->out + w->len, text, n + 1);
    w->len += n;
}

static void put_atom(struct writer *w, int i)
{
    const struct structure_atom *a = &w->s->atoms[i];
    int h = structure_free(w->s, i);
    char text[24], hydrogens[8] = "", charge[8] = "";

    for (size_t k = 0; k < sizeof elements / sizeof *elements; k++)
        if (a->charge == 0 && elements[k].plain && strcmp(elements[k].element, a->element) == 0) {
            put(w, a->element);
            return;
        }
    if (h > 0)
        snprintf(hydrogens, sizeof hydrogens, h > 1 ? "H%d" : "H", h);
    if (a->charge)
        snprintf(charge, sizeof charge, abs(a->charge) > 1 ? "%c%d" : "%c", a->charge > 0 ? '+' : '-', abs(a->charge));
    snprintf(text, sizeof text, "[%s%s%s]", a->element, hydrogens, charge);
    put(w, text);
}

static const char *order_text(int order)
{
    return order == 2 ? "=" : order == 3 ? "#" : "";
}

/* Which bonds close rings: those that lead back in the walk that write_from makes. */
static void find_closures(struct writer *w, int atom, int by)
{
    w->seen[atom] = w->on_path[atom] = true;
    for (int k = 0; k < w->s->n_bonds; k++) {
        const struct structure_bond *b = &w->s->bonds[k];
        int other = b->a == atom ? b->b : b->b == atom ? b->a : -1;

        if (other < 0 || k == by || w->closing[k])
            continue;
        if (w->on_path[other])
            w->closing[k] = true;
        else if (!w->seen[other])
            find_closures(w, other, k);
    }
    w->on_path[atom] = false;
}

static void put_closure(struct writer *w, int bond)
{
    char text[16];
    int n = w->number[bond];

    if (n == 0) {
        for (n = 1; n < 100 && w->open_ring[n]; n++)
            ;
        if (n == 100) {
            w->failed = true;
            return;
        }
        w->number[bond] = (unsigned char)n;
        w->open_ring[n] = true;
        snprintf(text, sizeof text, n > 9 ? "%s%%%d" : "%s%d", order_text(w->s->bonds[bond].order), n);
    } else {
        w->open_ring[n] = false;
        snprintf(text, sizeof text, n > 9 ? "%%%d" : "%d", n);
    }
    put(w, text);
}

/* Recursion is as deep as there are atoms at most. */
static void write_from(struct writer *w, int atom, int by)
{
    int branches[8], n = 0;

    w->seen[atom] = true;
    w->order[atom] = w->n++;
    put_atom(w, atom);
    for (int k = 0; k < w->s->n_bonds; k++) {
        const struct structure_bond *b = &w->s->bonds[k];

        if ((b->a != atom && b->b != atom) || k == by)
            continue;
        if (w->closing[k])
            put_closure(w, k);
        else if (n < 8)
            branches[n++] = k;
    }
    for (int i = 0; i < n; i++) {
        const struct structure_bond *b = &w->s->bonds[branches[i]];

        if (i + 1 < n)
            put(w, "(");
        put(w, order_text(b->order));
        write_from(w, b->a == atom ? b->b : b->a, branches[i]);
        if (i + 1 < n)
            put(w, ")");
    }
}

bool structure_write(const struct structure *s, char *out, size_t size, int order[STRUCTURE_MAX_ATOMS])
{
    struct writer w = { .s = s, .out = out, .size = size, .order = order };

    for (int i = 0; i < s->n_atoms; i++)
        if (!w.seen[i])
            find_closures(&w, i, -1);
    memset(w.seen, 0, sizeof w.seen);
    for (int i = 0; i < s->n_atoms && !w.failed; i++) {
        if (w.seen[i])
            continue;
        if (w.len)
            put(&w, ".");
        write_from(&w, i, -1);
    }
    return !w.failed && w.len > 0;
}
