/* explosive.c - known explosives, energetic groups, the rule of explosive.h, and the tool explosive_check. */
#include "explosive.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <corax/plugin.h>

#include "tool.h"
#include "tools.h"

static const struct {
    const char *name, *class, *smarts;
} rows[] = {
#define ROW(name, class, smarts) { name, class, smarts },
#include "explosive_groups_table.h"
#undef ROW
};

#define N_ROWS (sizeof rows / sizeof *rows)

static struct rdkit_family *patterns[N_ROWS];
static struct rdkit_err load_err;
static pthread_once_t loaded = PTHREAD_ONCE_INIT;

static void load(void)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if ((patterns[i] = rdkit_family_new(rows[i].smarts, &load_err)) == NULL)
            return;
}

/* What a piece has. */
struct counts {
    unsigned energetic, aromatic_nitro, aliphatic_nitro, always, oxidizer, with_oxygen;
};

struct search {
    struct explosive_verdict *out;
    const struct rdkit_part *part;
    size_t row;
    bool taken[RDKIT_MAX_SMILES]; /* atoms of the part that belong to a group */
    struct counts counts;
};

static struct explosive_group *group_of(struct explosive_verdict *v, const char *name)
{
    for (unsigned i = 0; i < v->groups; i++)
        if (strcmp(v->group[i].name, name) == 0)
            return &v->group[i];
    if (v->groups == EXPLOSIVE_MAX_GROUPS)
        return NULL;
    v->group[v->groups] = (struct explosive_group){ .name = name };
    return &v->group[v->groups++];
}

static void count(struct counts *c, const char *class)
{
    c->energetic += strcmp(class, "energetic") == 0;
    c->aromatic_nitro += strcmp(class, "nitro-aromatic") == 0;
    c->aliphatic_nitro += strcmp(class, "nitro-aliphatic") == 0;
    c->always += strcmp(class, "always") == 0;
    c->oxidizer += strcmp(class, "oxidizer") == 0;
}

/* Atoms beside those that make the group may be in two: the carbon between two azides.  Nitrogen and oxygen may not. */
static bool take(const struct rdkit_member *m, void *ctx)
{
    struct search *s = ctx;
    struct explosive_group *g;

    for (unsigned i = 0; i < m->atoms; i++)
        if (s->taken[m->atom[i]])
            return false;
    g = group_of(s->out, rows[s->row].name);
    if (g == NULL)
        return true;
    g->n++;
    for (unsigned i = 0; i < m->atoms; i++) {
        if (!rdkit_is_carbon(s->part->mol, m->atom[i]))
            s->taken[m->atom[i]] = true;
        if (g->atoms < SAFETY_MAX_ATOMS)
            g->atom[g->atoms++] = s->part->atom[m->atom[i]];
    }
    count(&s->counts, rows[s->row].class);
    return false;
}

static double oxygen_balance(const struct rdkit_counts *c)
{
    return -1600 / c->mass * (2.0 * c->carbon + c->hydrogen / 2.0 + c->metal - c->oxygen);
}

/* The rule for a piece. */
static bool is_explosive(const struct counts *c, const struct rdkit_counts *atoms, unsigned *counted)
{
    const unsigned nitro = c->aromatic_nitro + c->aliphatic_nitro;

    *counted = c->energetic + nitro + c->always;
    if (c->always)
        return true;
    if (atoms->oxygen && oxygen_balance(atoms) < -200)
        return false;
    if (c->energetic)
        return atoms->carbon <= 3 * *counted;
    if (c->aromatic_nitro)
        return nitro >= 3 && atoms->carbon <= 4 * nitro;
    return nitro >= 2 && atoms->carbon <= 3 * nitro;
}

static int check_piece(const struct rdkit_part *part, struct explosive_verdict *out, struct counts *counts,
                       struct rdkit_err *err)
{
    struct search s = { .out = out, .part = part };
    struct rdkit_counts atoms;
    unsigned counted;
    bool found;
    int rc = rdkit_count(part->mol, &atoms, err);

    for (s.row = 0; s.row < N_ROWS && rc == CORAX_OK; s.row++)
        rc = rdkit_family_find(patterns[s.row], part->mol, take, &s, &found, err);
    if (rc == CORAX_OK && is_explosive(&s.counts, &atoms, &counted) && !out->by_rule) {
        out->by_rule = true;
        out->carbons = atoms.carbon;
        out->counted = counted;
    }
    *counts = s.counts;
    return rc;
}

/* Piece by piece, and a perchlorate with a small organic cation. */
static int check_pieces(const struct rdkit_parts *parts, struct explosive_verdict *out, struct rdkit_err *err)
{
    unsigned oxidizers = 0, small = 0;
    int rc = CORAX_OK;

    for (size_t i = 0; i < rdkit_parts_count(parts) && rc == CORAX_OK; i++) {
        const struct rdkit_part *part = rdkit_parts_at(parts, i);
        struct counts counts;

        rc = check_piece(part, out, &counts, err);
        oxidizers += counts.oxidizer;
        if (part->charge > 0 && part->carbons > 0 && (small == 0 || part->carbons < small))
            small = part->carbons;
    }
    if (oxidizers && small > 0 && small <= 3 && !out->by_rule) {
        out->by_rule = true;
        out->carbons = small;
        out->counted = 1;
    }
    return rc;
}

int explosive_check(const struct rdkit_mol *mol, struct explosive_verdict *out, struct rdkit_err *err)
{
    struct rdkit_parts *parts;
    struct rdkit_counts atoms;
    int rc;

    *out = (struct explosive_verdict){ .known.hits = 0 };
    pthread_once(&loaded, load);
    if (load_err.status != CORAX_OK) {
        *err = load_err;
        return err->status;
    }
    rc = safety_known_explosive(mol, &out->known, err);
    if (rc == CORAX_OK)
        rc = rdkit_count(mol, &atoms, err);
    if (rc != CORAX_OK)
        return rc;
    out->oxygen_balance = oxygen_balance(&atoms);
    parts = rdkit_parts_of(mol, err);
    if (parts == NULL)
        return err->status;
    rc = check_pieces(parts, out, err);
    rdkit_parts_free(parts);
    out->explosive = out->known.hits || out->by_rule;
    return rc;
}

/* --- the tool ---------------------------------------------------------------------------------------------------- */

#define BALANCE "%, -1600 / MW * (2 C + H/2 + metal - O): what is missing to CO2, H2O and MO"
#define RULE                                                                                                     \
    "a known explosive; or at most 3 carbons for each energetic group (nitrate ester, nitramine, azide, diazo, " \
    "tetrazole, peroxide ...); or 3 nitro groups with at most 4 carbons each, 2 if none is aromatic, with 3; "   \
    "unless the oxygen balance is below -200 %"

static cJSON *numbers(const unsigned *atom, unsigned n)
{
    cJSON *list = cJSON_CreateArray();

    for (unsigned i = 0; i < n; i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber(atom[i] + 1));
    return list;
}

static void add_known(struct answer *a, const struct safety_verdict *known)
{
    cJSON *list = cJSON_CreateArray();

    for (unsigned i = 0; i < known->hits; i++) {
        const struct safety_hit *hit = &known->hit[i];
        cJSON *item = cJSON_CreateObject();
        char form[200];

        safety_form(hit, form, sizeof form);
        answer_addf(a, "%s%s%s%s%s%s%s", i ? ", " : "explosive: ", hit->name, strcmp(hit->entry, "-") ? " " : "",
                    strcmp(hit->entry, "-") ? hit->entry : "", form[0] ? " (drawn as " : "", form, form[0] ? ")" : "");
        cJSON_AddStringToObject(item, "name", hit->name);
        cJSON_AddStringToObject(item, "entry", hit->entry);
        cJSON_AddStringToObject(item, "form", form[0] ? form : "as listed");
        cJSON_AddItemToObject(item, "atoms", numbers(hit->atom, hit->atoms));
        cJSON_AddStringToObject(item, "source", hit->list->source);
        cJSON_AddStringToObject(item, "date", hit->list->date);
        cJSON_AddItemToArray(list, item);
    }
    answer_item(a, "known", list);
}

static void add_groups(struct answer *a, const struct explosive_verdict *v)
{
    cJSON *list = cJSON_CreateArray();

    for (unsigned i = 0; i < v->groups; i++) {
        const struct explosive_group *g = &v->group[i];
        cJSON *item = cJSON_CreateObject();

        answer_addf(a, "%s%u %s",
                    i              ? ", "
                    : v->explosive ? "; groups: "
                                   : "alert, but no finding by the rule: ",
                    g->n, g->name);
        cJSON_AddStringToObject(item, "group", g->name);
        cJSON_AddNumberToObject(item, "count", g->n);
        cJSON_AddItemToObject(item, "atoms", numbers(g->atom, g->atoms));
        cJSON_AddItemToArray(list, item);
    }
    answer_item(a, "groups", list);
}

static int explosive_of(const struct rdkit_mol *mol, struct answer *a, struct rdkit_err *err)
{
    struct explosive_verdict v;
    cJSON *findings;
    int rc = explosive_check(mol, &v, err);

    if (rc != CORAX_OK)
        return rc;
    add_known(a, &v.known);
    if (v.by_rule && v.known.hits == 0)
        answer_addf(a, "explosive by the rule: %u energetic group%s and %u carbon%s", v.counted,
                    v.counted == 1 ? "" : "s", v.carbons, v.carbons == 1 ? "" : "s");
    add_groups(a, &v);
    if (a->len == 0)
        answer_add(a, "no known explosive and none of the groups looked for");
    answer_addf(a, "; oxygen balance %.1f %%", rounded(v.oxygen_balance, 1));
    findings = cJSON_CreateArray();
    if (v.explosive)
        cJSON_AddItemToArray(findings, cJSON_CreateString("explosive"));
    answer_item(a, "findings", findings);
    answer_number(a, "oxygen_balance", v.oxygen_balance, 1);
    answer_bool(a, "by_rule", v.by_rule);
    answer_define(a, "findings", RULE);
    answer_define(a, "oxygen_balance", BALANCE);
    answer_define(a, "atoms", "of the SMILES, counted from 1");
    return CORAX_OK;
}

static int explosive_check_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_each(h, c, explosive_of);
}

const struct corax_tool explosive_check_tool = {
    .size = sizeof explosive_check_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "explosive_check",
    .summary =
        "Whether a molecule given as SMILES is a known explosive or has energetic groups (nitro, azide, peroxide "
        "...), with its oxygen balance.",
    .args_schema = SMILES_OR_LIST_SCHEMA,
    .result_schema = ANSWER_SCHEMA,
    .call = explosive_check_call,
};
