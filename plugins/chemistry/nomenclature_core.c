/*
 * nomenclature_core.c - words of names, and cores: a parent with what makes it unsaturated and its ending.
 *
 * Of all ways to read a core the one that ends last is taken, since no word of it begins what may follow.
 */
#include "nomenclature_reader.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* --- words ----------------------------------------------------------------------------------------------------------- */

bool name_starts(const struct reader *r, int at, int to, const char *word)
{
    int n = (int)strlen(word);

    return n <= to - at && memcmp(r->text + at, word, (size_t)n) == 0;
}

bool name_take(const struct reader *r, int *at, int to, const char *word)
{
    if (!name_starts(r, *at, to, word))
        return false;
    *at += (int)strlen(word);
    return true;
}

bool name_step(struct reader *r)
{
    return ++r->steps <= MAX_STEPS;
}

/* Behind the bracket that closes the one at `at`; 0: none does. */
int name_behind_bracket(const struct reader *r, int at, int to)
{
    char stack[32];
    int depth = 0;

    for (; at < to; at++) {
        const char *open = "([{", *close = ")]}", *k;
        char c = r->text[at];

        if ((k = strchr(open, c))) {
            if (depth == 32)
                return 0;
            stack[depth++] = close[k - open];
        } else if (strchr(close, c)) {
            if (depth == 0 || stack[--depth] != c)
                return 0;
            if (depth == 0)
                return at + 1;
        }
    }
    return 0;
}

static bool take_number(const struct reader *r, int *at, int to, int *out)
{
    int n = 0, p = *at;

    while (p < to && isdigit((unsigned char)r->text[p]) && n < 100)
        n = n * 10 + (r->text[p++] - '0');
    if (p == *at || n == 0 || n >= 100)
        return false;
    *at = p;
    *out = n;
    return true;
}

/* One locant: 4, 4a, 4', n, n', n1, o, alpha. */
static bool take_locant(const struct reader *r, int *at, int to, int *out)
{
    int p = *at, n = 0, letter = 0, primes = 0, element = NUMBER;

    if (name_take(r, &p, to, "alpha")) {
        *at = p;
        *out = ALPHA;
        return true;
    }
    if (name_take(r, &p, to, "beta")) {
        *at = p;
        *out = BETA;
        return true;
    }
    if (p < to && (r->text[p] == 'n' || r->text[p] == 'o')) {
        element = r->text[p++] == 'n' ? NITROGEN : OXYGEN;
        take_number(r, &p, to, &n);
    } else if (!take_number(r, &p, to, &n)) {
        return false;
    } else if (p < to && r->text[p] >= 'a' && r->text[p] <= 'd' && (p + 1 == to || strchr(",-'(", r->text[p + 1]))) {
        letter = r->text[p++] - 'a' + 1;
    }
    while (p < to && r->text[p] == '\'' && primes < 3)
        primes++, p++;
    *at = p;
    *out = LOCANT(n, letter, primes, element);
    return true;
}

/* Locants, separated by commas, and a hyphen behind; with added, "2,4(1h,3h)-". */
bool name_take_locants(const struct reader *r, int *at, int to, struct locants *out, struct locants *added)
{
    int p = *at;

    out->n = 0;
    do {
        if (out->n == MAX_LOCANTS || !take_locant(r, &p, to, &out->at[out->n]))
            return false;
        out->n++;
    } while (name_take(r, &p, to, ","));
    if (added && p < to && r->text[p] == '(') {
        added->n = 0;
        p++;
        do {
            if (added->n == MAX_LOCANTS || !take_locant(r, &p, to, &added->at[added->n]) || !name_take(r, &p, to, "h"))
                return false;
            added->n++;
        } while (name_take(r, &p, to, ","));
        if (!name_take(r, &p, to, ")"))
            return false;
    }
    if (!name_take(r, &p, to, "-"))
        return false;
    *at = p;
    return true;
}

/* "1h-", "1h,3h-" */
static bool take_hydrogen(const struct reader *r, int *at, int to, struct locants *out)
{
    int p = *at;

    out->n = 0;
    do {
        if (out->n == MAX_LOCANTS || !take_locant(r, &p, to, &out->at[out->n]) || !name_take(r, &p, to, "h"))
            return false;
        out->n++;
    } while (name_take(r, &p, to, ","));
    if (!name_take(r, &p, to, "-"))
        return false;
    *at = p;
    return true;
}

/* "(2r,3s)-", "(e)-", "cis-" */
bool name_take_stereo(const struct reader *r, int *at, int to, struct level *l)
{
    int p = *at;

    l->n_labels = 0;
    if (name_take(r, &p, to, "cis-") || name_take(r, &p, to, "trans-")) {
        l->labels[l->n_labels++] = (struct label){ .kind = r->text[*at] };
        *at = p;
        return true;
    }
    if (!name_take(r, &p, to, "("))
        return false;
    do {
        struct label *k = &l->labels[l->n_labels];

        if (l->n_labels == MAX_LOCANTS)
            return false;
        k->locant = 0;
        take_locant(r, &p, to, &k->locant);
        if (p == to || !strchr("rsez", r->text[p]))
            return false;
        k->kind = (char)toupper((unsigned char)r->text[p++]);
        l->n_labels++;
    } while (name_take(r, &p, to, ","));
    if (!name_take(r, &p, to, ")-"))
        return false;
    *at = p;
    return true;
}

/* --- cores ------------------------------------------------------------------------------------------------------------ */

static bool ends_well(const struct search *f, const struct core *c, int at)
{
    return (c->form & f->forms) && (!f->whole || at == f->to);
}

/* Endings that are tried in order: the one that ends last is right, since none is a part of what may follow. */
static bool take_ending(struct reader *r, int *at, const struct search *f, struct core *c, bool needs_e)
{
    struct core best;
    int end = -1, p = *at, behind_e, q;

    behind_e = p + name_starts(r, p, f->to, "e");
    if ((!needs_e || behind_e > p) && (needs_e || behind_e == p)) {
        struct core plain = *c;

        plain.form = COMPOUND;
        plain.ending = NULL;
        if (ends_well(f, &plain, behind_e)) {
            best = plain;
            end = behind_e;
        }
    }
    for (int with_e = 0; with_e < 2; with_e++) {
        struct locants where = { 0 }, added = { 0 };

        q = with_e ? behind_e : p;
        if (with_e && behind_e == p)
            break;
        if (q < f->to && r->text[q] == '-') {
            q++;
            if (!name_take_locants(r, &q, f->to, &where, &added))
                continue;
        }
        for (size_t m = 0; m <= N_MULTIPLIERS; m++) {
            int u = q, n = 1;

            if (m < N_MULTIPLIERS) {
                if (!name_take(r, &u, f->to, multipliers[m].text))
                    continue;
                n = multipliers[m].n;
            }
            for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
                struct core k = *c;
                int v = u;

                if (!name_take(r, &v, f->to, endings[i].text))
                    continue;
                k.ending = &endings[i];
                k.n_endings = n;
                k.ending_at = where;
                k.added = added;
                k.form = endings[i].form;
                if (ends_well(f, &k, v) && v > end) {
                    best = k;
                    end = v;
                }
            }
        }
    }
    if (end < 0)
        return false;
    *c = best;
    *at = end;
    return true;
}

bool name_take_stem(const struct reader *r, int *at, int to, int *n)
{
    int best = 0;

    for (int i = 1; i < N_STEMS; i++)
        if (name_starts(r, *at, to, stems[i]) && (best == 0 || strlen(stems[i]) > strlen(stems[best])))
            best = i;
    if (best == 0 && name_starts(r, *at, to, "eicos"))
        best = 20, ++*at;
    if (best == 0)
        return false;
    *at += (int)strlen(stems[best]);
    *n = best;
    return true;
}

/* "an", "en", "a-1,3-dien", "-1-en-4-yn", or nothing before "yl" and "oxy". */
static bool take_chain_rest(struct reader *r, int *at, const struct search *f, struct core *c)
{
    struct core start = *c;
    int p = *at;

    if (name_take(r, &p, f->to, "an") && take_ending(r, &p, f, c, true)) {
        *at = p;
        return true;
    }
    *c = start;
    p = *at;
    if (!name_starts(r, p, f->to, "an") && take_ending(r, &p, f, c, false) && c->ending &&
        (c->ending->group == GROUP_YL || c->ending->group == GROUP_YLIDENE || c->ending->group == GROUP_OXY ||
         strcmp(c->ending->text, "ylamine") == 0)) {
        *at = p;
        return true;
    }
    *c = start;
    p = *at;
    name_take(r, &p, f->to, "a");
    while (c->n_unsaturated < 2) {
        struct locants where = { 0 };
        int q = p, n = 1, order = 0;

        if (q < f->to && r->text[q] == '-') {
            q++;
            if (!name_take_locants(r, &q, f->to, &where, NULL))
                break;
        } else if (c->n_unsaturated) { /* "pent-2-enenitrile" has one */
            break;
        }
        for (size_t m = 0; m <= N_MULTIPLIERS && order == 0; m++) {
            int u = q;

            n = 1;
            if (m > 0) {
                if (!name_take(r, &u, f->to, multipliers[m - 1].text))
                    continue;
                n = multipliers[m - 1].n;
            }
            order = name_take(r, &u, f->to, "en") ? 2 : name_take(r, &u, f->to, "yn") ? 3 : 0;
            if (order)
                q = u;
        }
        if (order == 0)
            break;
        c->unsaturated[c->n_unsaturated].order = order;
        c->unsaturated[c->n_unsaturated].n = n;
        c->unsaturated[c->n_unsaturated++].at = where;
        p = q;
    }
    if (c->n_unsaturated > 0 && take_ending(r, &p, f, c, true)) {
        *at = p;
        return true;
    }
    *c = start;
    return false;
}

/* "bicyclo[2.2.1]hept", "spiro[4.5]dec" */
static bool take_bridges(struct reader *r, int *at, int to, int n, int bridge[3])
{
    int p = *at;

    for (int i = 0; i < n; i++) {
        if (i && !name_take(r, &p, to, "."))
            return false;
        if (p < to && r->text[p] == '0') {
            bridge[i] = 0;
            p++;
        } else if (!take_number(r, &p, to, &bridge[i])) {
            return false;
        }
    }
    if (!name_take(r, &p, to, "]"))
        return false;
    *at = p;
    return true;
}

static bool take_skeleton(struct reader *r, int *at, const struct search *f, struct core *c)
{
    int p = *at, q;

    while (c->n_replaced < 3) {
        struct locants where = { 0 };
        int n = 1;
        char element = 0;

        q = p;
        if (c->n_replaced && q < f->to && r->text[q] == '-')
            q++;
        if (!name_take_locants(r, &q, f->to, &where, NULL))
            break;
        for (size_t m = 0; m <= N_MULTIPLIERS && !element; m++) {
            int u = q;

            n = 1;
            if (m > 0) {
                if (!name_take(r, &u, f->to, multipliers[m - 1].text))
                    continue;
                n = multipliers[m - 1].n;
            }
            element = name_take(r, &u, f->to, "oxa")    ? 'O'
                      : name_take(r, &u, f->to, "thia") ? 'S'
                      : name_take(r, &u, f->to, "aza")  ? 'N'
                                                        : 0;
            if (element)
                q = u;
        }
        if (!element || n != where.n)
            break;
        c->replaced[c->n_replaced].element = element;
        c->replaced[c->n_replaced++].at = where;
        p = q;
    }
    if (name_take(r, &p, f->to, "cyclo"))
        c->kind = CYCLE;
    else if (name_take(r, &p, f->to, "bicyclo["))
        c->kind = BICYCLE_RING;
    else if (name_take(r, &p, f->to, "spiro["))
        c->kind = SPIRO;
    else
        c->kind = CHAIN;
    if (c->kind == BICYCLE_RING && !take_bridges(r, &p, f->to, 3, c->bridge))
        return false;
    if (c->kind == SPIRO && !take_bridges(r, &p, f->to, 2, c->bridge))
        return false;
    if (!name_take_stem(r, &p, f->to, &c->n) || !take_chain_rest(r, &p, f, c))
        return false;
    *at = p;
    return true;
}

/* Of all parts that begin here, the one with which the core ends last. */
static bool take_part(struct reader *r, int *at, const struct search *f, struct core *c)
{
    struct core best;
    int end = -1;

    for (size_t i = 0; i < N_PARTS; i++) {
        struct core k = *c;
        int p = *at;

        if (!name_take(r, &p, f->to, parts[i].name))
            continue;
        k.kind = parts[i].form == STEM ? ACID_STEM : PART;
        k.n = (int)i;
        if (parts[i].form == RING) {
            size_t n = strlen(parts[i].name);
            bool e = !(n > 5 && strcmp(parts[i].name + n - 5, "furan") == 0) && strcmp(parts[i].name, "pyran") != 0 &&
                     strcmp(parts[i].name, "thiopyran") != 0 && strcmp(parts[i].name, "furan") != 0 &&
                     strcmp(parts[i].name, "1-benzopyran") != 0 && strcmp(parts[i].name, "tetrahydropyran") != 0 &&
                     strcmp(parts[i].name, "chroman") != 0 && strcmp(parts[i].name, "indan") != 0 &&
                     strstr(parts[i].name, "biphenyl") == NULL && strcmp(parts[i].name, "oxepin") != 0;

            if (!take_ending(r, &p, f, &k, e))
                continue;
        } else if (parts[i].form == STEM) {
            int q = p;
            bool found = false;

            for (size_t j = 0; j < sizeof stem_endings / sizeof *stem_endings && !found; j++) {
                q = p;
                k.form = stem_endings[j].form;
                k.ending = &stem_endings[j];
                found = name_take(r, &q, f->to, stem_endings[j].text) && ends_well(f, &k, q) &&
                        !(strcmp(parts[i].name, "benz") == 0 && strcmp(stem_endings[j].text, "yl") == 0);
            }
            if (!found)
                continue;
            p = q;
        } else {
            k.form = parts[i].form;
            if (!ends_well(f, &k, p))
                continue;
        }
        if (p > end) {
            best = k;
            end = p;
        }
    }
    if (end < 0)
        return false;
    *c = best;
    *at = end;
    return true;
}

bool name_take_core(struct reader *r, int *at, const struct search *f, int variant, struct core *c)
{
    int p = *at;

    if (!name_step(r))
        return false;
    memset(c, 0, sizeof(*c));
    if (variant >= 2 && (f->after_locants || !name_take_locants(r, &p, f->to, &c->front, NULL)))
        return false;
    take_hydrogen(r, &p, f->to, &c->hydrogen);
    if (variant % 2 ? take_skeleton(r, &p, f, c) : take_part(r, &p, f, c)) {
        *at = p;
        return true;
    }
    return false;
}
