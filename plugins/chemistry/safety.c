/* safety.c - the lists of data/, and what of a molecule is on them. */
#include "safety.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <corax/plugin.h>

enum kind { KIND_IS, KIND_NEUTRAL, KIND_SALT, KIND_FAMILY, KIND_EXCEPT, KIND_NONE };

#define MAX_RULES 4

/* What has to hang on a numbered atom of a family. */
struct rule {
    int site;
    const char *word;
};

struct entry {
    const struct safety_list *list;
    const char *number, *name;
    enum kind kind;
    struct rdkit_mol *mol;
    struct rdkit_parts *parts;
    struct rdkit_family *family;
    struct rule rule[MAX_RULES];
    const char *after; /* the word of a list: what is on it is not meant */
};

static const struct {
    const char *entry, *kind, *name, *pattern, *rule;
    struct safety_list list; /* of a row that begins one */
} rows[] = {
#define LIST(...)                            { NULL, NULL, NULL, NULL, NULL, { __VA_ARGS__ } },
#define ROW(entry, kind, name, smarts, rule) { entry, kind, name, smarts, rule, { NULL, NULL, NULL, NULL } },
#include "cwc_table.h"
#include "australia_group_table.h"
#include "dea_table.h"
#include "explosives_table.h"
#undef LIST
#undef ROW
};

static struct entry entries[sizeof rows / sizeof *rows];
static size_t n_entries;
static struct rdkit_err load_err;
static pthread_once_t loaded = PTHREAD_ONCE_INIT;

static enum kind kind_of(const char *name)
{
    static const char *const names[] = { "is", "neutral", "salt", "family", "except", "none" };
    size_t i = 0;

    while (strcmp(names[i], name) != 0)
        i++;
    return (enum kind)i;
}

/* "1 small; 2 alkyl10h; after cwc-1" */
static void read_rule(struct entry *e, const char *text)
{
    static char words[8192]; /* of all rules */
    static size_t used;
    char *save = NULL, *item;
    size_t n = 0, len = strlen(text) + 1;

    if (used + len > sizeof words) {
        load_err = (struct rdkit_err){ CORAX_E_INTERNAL, "the rules of the lists are too long" };
        return;
    }
    item = memcpy(words + used, text, len);
    used += len;
    for (item = strtok_r(item, ";", &save); item; item = strtok_r(NULL, ";", &save)) {
        item += strspn(item, " ");
        if (strncmp(item, "after ", 6) == 0)
            e->after = item + 6;
        else if (n < MAX_RULES)
            e->rule[n++] = (struct rule){ .site = atoi(item), .word = strchr(item, ' ') + 1 };
    }
}

static int load_entry(struct entry *e, const char *pattern)
{
    if (e->kind == KIND_NONE)
        return CORAX_OK;
    if (e->kind == KIND_FAMILY) {
        e->family = rdkit_family_new(pattern, &load_err);
        return e->family ? CORAX_OK : load_err.status;
    }
    e->mol = rdkit_read(pattern, strlen(pattern), &load_err);
    if (e->mol == NULL)
        return load_err.status;
    e->parts = rdkit_parts_of(e->mol, &load_err);
    return e->parts ? CORAX_OK : load_err.status;
}

/* An entry that cannot be read makes every check an error: a list with holes would let through. */
static void load(void)
{
    const struct safety_list *list = NULL;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct entry *e = &entries[n_entries];

        if (rows[i].list.word) {
            list = &rows[i].list;
            continue;
        }
        *e = (struct entry){
            .list = list, .number = rows[i].entry, .name = rows[i].name, .kind = kind_of(rows[i].kind)
        };
        read_rule(e, rows[i].rule);
        if (load_entry(e, rows[i].pattern) != CORAX_OK)
            return;
        n_entries++;
    }
}

static bool is_of_explosives(const struct safety_list *list)
{
    return strcmp(list->word, "explosive") == 0;
}

const struct safety_list *safety_lists(size_t i)
{
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
        if (rows[row].list.word && !is_of_explosives(&rows[row].list) && i-- == 0)
            return &rows[row].list;
    return NULL;
}

/* --- families ---------------------------------------------------------------------------------------------------- */

/* Methyl, ethyl, n-propyl or isopropyl. */
static bool is_small(const struct rdkit_branch *b)
{
    return b->alkyl && !b->ring && b->atoms <= 3;
}

/* Up to ten carbons, cycloalkyl too. */
static bool is_alkyl10(const struct rdkit_branch *b)
{
    return b->alkyl && b->atoms <= 10;
}

/* Two alkyl groups; `salts`: and, in an alkylated salt, anything else that begins with a carbon. */
static bool is_dialkyl(const struct rdkit_site *s, bool (*fits)(const struct rdkit_branch *), bool salts)
{
    unsigned n = 0;

    for (unsigned i = 0; i < s->branches; i++) {
        if (s->branch[i].element != 6)
            return false;
        n += fits(&s->branch[i]);
    }
    if (s->branches == 2)
        return n == 2;
    return salts && s->branches == 3 && s->charge > 0 && n >= 2;
}

/* Of all that hangs on it, one group begins with a carbon, and that is small. */
static bool is_carbon_small(const struct rdkit_site *s)
{
    unsigned carbons = 0, small = 0;

    for (unsigned i = 0; i < s->branches; i++)
        if (s->branch[i].element == 6) {
            carbons++;
            small += is_small(&s->branch[i]);
        }
    return carbons == 1 && small == 1;
}

/* The far end of a double bond, which with what hangs on it is an alkyl group of at most ten carbons in the other tautomer. */
static bool is_alkylidene10(const struct rdkit_site *s)
{
    unsigned atoms = 1;

    for (unsigned i = 0; i < s->branches; i++) {
        if (!s->branch[i].alkyl)
            return false;
        atoms += s->branch[i].atoms;
    }
    return atoms <= 10;
}

static bool site_fits(const struct rdkit_site *s, const char *word)
{
    const struct rdkit_branch *b = s->branch;

    if (strcmp(word, "small") == 0)
        return s->branches == 1 && is_small(b);
    if (strcmp(word, "alkyl10") == 0)
        return s->branches == 1 && is_alkyl10(b);
    if (strcmp(word, "alkyl10h") == 0)
        return s->branches == 0 || (s->branches == 1 && is_alkyl10(b));
    if (strcmp(word, "dismall") == 0)
        return is_dialkyl(s, is_small, false);
    if (strcmp(word, "dismall+") == 0)
        return is_dialkyl(s, is_small, true);
    if (strcmp(word, "dialkyl10+") == 0)
        return is_dialkyl(s, is_alkyl10, true);
    if (strcmp(word, "alkylidene10") == 0)
        return is_alkylidene10(s);
    return strcmp(word, "carbon-small") == 0 && is_carbon_small(s);
}

struct search {
    const struct entry *entry;
    struct rdkit_member match; /* the one accepted */
};

static bool accept_match(const struct rdkit_member *m, void *ctx)
{
    struct search *s = ctx;

    for (const struct rule *r = s->entry->rule; r < s->entry->rule + MAX_RULES && r->word; r++)
        for (unsigned i = 0; i < m->sites; i++)
            if (m->site[i].number == r->site && !site_fits(&m->site[i], r->word))
                return false;
    s->match = *m;
    return true;
}

/* --- the check --------------------------------------------------------------------------------------------------- */

struct check {
    const struct rdkit_parts *parts;
    struct safety_verdict *out;
    struct rdkit_err *err;
};

static bool has_word(const struct safety_verdict *v, const char *word)
{
    for (unsigned i = 0; i < v->hits; i++)
        if (strcmp(v->hit[i].list->word, word) == 0)
            return true;
    return false;
}

/* An entry is reported once for a molecule. */
static bool has_entry(const struct safety_verdict *v, const struct entry *e)
{
    for (unsigned i = 0; i < v->hits; i++)
        if (v->hit[i].list == e->list && v->hit[i].entry == e->number && v->hit[i].name == e->name)
            return true;
    return false;
}

static struct safety_hit *add_hit(const struct check *c, const struct entry *e, unsigned was)
{
    struct safety_verdict *v = c->out;
    struct safety_hit *hit;

    if (v->hits == SAFETY_MAX_HITS)
        return NULL;
    hit = &v->hit[v->hits++];
    *hit = (struct safety_hit){
        .list = e->list, .entry = e->number, .name = e->name, .family = e->family != NULL, .was = was
    };
    return hit;
}

static void add_atom(struct safety_hit *hit, unsigned atom)
{
    if (hit->atoms < SAFETY_MAX_ATOMS)
        hit->atom[hit->atoms++] = atom;
}

static int compare_part(const struct check *c, const struct rdkit_part *listed, const struct rdkit_part *part,
                        enum rdkit_sameness *same)
{
    *same = RDKIT_OTHER;
    if (listed->composition != part->composition || listed->protons != part->protons)
        return CORAX_OK;
    return rdkit_same_compound(listed, part, same, c->err);
}

static int check_compound(const struct check *c, const struct entry *e, const struct rdkit_part *part)
{
    const struct rdkit_part *listed = rdkit_parts_at(e->parts, 0);
    enum rdkit_sameness same;
    struct safety_hit *hit;
    int rc;

    if (e->kind == KIND_NEUTRAL && part->charge != listed->charge)
        return CORAX_OK;
    rc = compare_part(c, listed, part, &same);
    if (rc != CORAX_OK || same == RDKIT_OTHER)
        return rc;
    hit = add_hit(c, e, (part->was & ~listed->was) | (same == RDKIT_BY_TAUTOMER ? RDKIT_WAS_TAUTOMER : 0u));
    if (hit == NULL)
        return CORAX_OK;
    hit->undecided = same == RDKIT_UNDECIDED;
    for (unsigned i = 0; i < part->atoms; i++)
        add_atom(hit, part->atom[i]);
    return CORAX_OK;
}

/* Ammonia that a metal binds, which comes off it as an anion, is no ammonium. */
static bool is_opposite(const struct rdkit_part *a, const struct rdkit_part *b)
{
    return (a->charge < 0 && b->charge > 0) || (a->charge > 0 && b->charge < 0);
}

/* Whether the molecule has each part of the entry, as often as that has it. */
static int check_salt(const struct check *c, const struct entry *e)
{
    size_t n = rdkit_parts_count(c->parts), needed = rdkit_parts_count(e->parts), found = 0;
    bool taken[RDKIT_MAX_SMILES] = { false };
    struct safety_hit *hit;
    unsigned was;

    for (size_t k = 0; k < needed; k++) {
        enum rdkit_sameness same = RDKIT_OTHER;

        for (size_t i = 0; i < n && same == RDKIT_OTHER; i++) {
            const struct rdkit_part *listed = rdkit_parts_at(e->parts, k), *part = rdkit_parts_at(c->parts, i);
            int rc = taken[i] || is_opposite(listed, part) ? CORAX_OK : compare_part(c, listed, part, &same);

            if (rc != CORAX_OK)
                return rc;
            if (same != RDKIT_OTHER) {
                taken[i] = true;
                found++;
            }
        }
    }
    was = rdkit_parts_at(c->parts, 0)->was & ~rdkit_parts_at(e->parts, 0)->was & ~(unsigned)RDKIT_WAS_MIXED;
    if (found < needed || (hit = add_hit(c, e, was)) == NULL)
        return CORAX_OK;
    for (size_t i = 0; i < n; i++)
        for (unsigned k = 0; taken[i] && k < rdkit_parts_at(c->parts, i)->atoms; k++)
            add_atom(hit, rdkit_parts_at(c->parts, i)->atom[k]);
    return CORAX_OK;
}

static int is_excepted(const struct check *c, const struct entry *family, const struct rdkit_part *part, bool *out)
{
    *out = false;
    for (const struct entry *e = entries; e < entries + n_entries && !*out; e++) {
        enum rdkit_sameness same = RDKIT_OTHER;

        if (e->kind == KIND_EXCEPT && e->list == family->list && strcmp(e->number, family->number) == 0) {
            int rc = compare_part(c, rdkit_parts_at(e->parts, 0), part, &same);

            if (rc != CORAX_OK)
                return rc;
        }
        *out = same == RDKIT_EQUAL || same == RDKIT_BY_TAUTOMER;
    }
    return CORAX_OK;
}

static int check_family(const struct check *c, const struct entry *e, const struct rdkit_part *part)
{
    struct search search = { .entry = e };
    struct safety_hit *hit;
    bool found, excepted;
    int rc;

    if (e->after && has_word(c->out, e->after))
        return CORAX_OK;
    rc = rdkit_family_find(e->family, part->mol, accept_match, &search, &found, c->err);
    if (rc != CORAX_OK || !found)
        return rc;
    rc = is_excepted(c, e, part, &excepted);
    if (rc != CORAX_OK || excepted || (hit = add_hit(c, e, part->was)) == NULL)
        return rc;
    for (unsigned i = 0; i < search.match.atoms; i++)
        add_atom(hit, part->atom[search.match.atom[i]]);
    return CORAX_OK;
}

static int check_entry(const struct check *c, const struct entry *e)
{
    int rc = CORAX_OK;

    if (e->kind == KIND_SALT)
        return check_salt(c, e);
    if (e->kind == KIND_EXCEPT || e->kind == KIND_NONE)
        return CORAX_OK;
    for (size_t i = 0; i < rdkit_parts_count(c->parts) && rc == CORAX_OK && !has_entry(c->out, e); i++) {
        const struct rdkit_part *part = rdkit_parts_at(c->parts, i);

        rc = e->family ? check_family(c, e, part) : check_compound(c, e, part);
    }
    return rc;
}

static int check_lists(const struct rdkit_mol *mol, bool of_explosives, struct safety_verdict *out,
                       struct rdkit_err *err)
{
    struct rdkit_parts *parts;
    int rc = CORAX_OK;

    out->hits = 0;
    pthread_once(&loaded, load);
    if (load_err.status != CORAX_OK) {
        *err = load_err;
        return err->status;
    }
    parts = rdkit_parts_of(mol, err);
    if (parts == NULL)
        return err->status;
    for (const struct entry *e = entries; e < entries + n_entries && rc == CORAX_OK; e++)
        if (is_of_explosives(e->list) == of_explosives)
            rc = check_entry(&(struct check){ .parts = parts, .out = out, .err = err }, e);
    rdkit_parts_free(parts);
    return rc;
}

int safety_check(const struct rdkit_mol *mol, struct safety_verdict *out, struct rdkit_err *err)
{
    return check_lists(mol, false, out, err);
}

int safety_known_explosive(const struct rdkit_mol *mol, struct safety_verdict *out, struct rdkit_err *err)
{
    return check_lists(mol, true, out, err);
}

/* --- a verdict's words ------------------------------------------------------------------------------------------- */

bool safety_is_controlled(const struct safety_verdict *v)
{
    for (unsigned i = 0; i < v->hits; i++)
        if (strcmp(v->hit[i].list->word, "dea-2") != 0)
            return true;
    return false;
}

cJSON *safety_words(const struct safety_verdict *v)
{
    cJSON *words = cJSON_CreateArray();
    const struct safety_list *list = NULL;

    if (safety_is_controlled(v))
        cJSON_AddItemToArray(words, cJSON_CreateString("controlled"));
    for (unsigned i = 0; i < v->hits; i++) { /* in the order of the lists */
        if (v->hit[i].list != list)
            cJSON_AddItemToArray(words, cJSON_CreateString(v->hit[i].list->word));
        list = v->hit[i].list;
    }
    return words;
}

void safety_form(const struct safety_hit *hit, char *out, size_t size)
{
    static const struct {
        unsigned bit;
        const char *text;
    } forms[] = {
        { RDKIT_WAS_MIXED, "one of several pieces" },
        { RDKIT_WAS_BONDED, "a salt drawn with bonds" },
        { RDKIT_WAS_ISOTOPE, "with isotopes" },
        { RDKIT_WAS_STEREO, "with stereo" },
        { RDKIT_WAS_RADICAL, "with hydrogens missing" },
        { RDKIT_WAS_CHARGED, "charged" },
        { RDKIT_WAS_TAUTOMER, "a tautomer" },
    };
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (hit->was & forms[i].bit && n < size)
            n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "", forms[i].text);
    if (hit->undecided && n < size)
        snprintf(out + n, size - n, "%sthe same atoms joined alike, bonds not decided", n ? ", " : "");
}
