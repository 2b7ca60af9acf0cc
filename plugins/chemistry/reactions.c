/* reactions.c - what comes of reactants, and what a reaction is called: the rules of data/reactions.rules. */
#include "tools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flask.h"
#include "listed.h"
#include "tool.h"

#define MAX_HINTS 8 /* in a text; the JSON has all */

#define STRING_OR_LIST(role, about)                                                     \
    "{\"anyOf\":[{\"type\":\"string\"" role ",\"maxLength\":1000,\"description\":\"" about \
    "\"},{\"type\":\"array\",\"minItems\":0,\"maxItems\":16,\"items\":{\"type\":\"string\",\"maxLength\":1000}}]}"

static int timed_out(const struct tool *t, const struct flask *f)
{
    struct reaction_clock clock = f->clock;

    return reaction_clock_over(&clock)
               ? tool_refuse(t, CORAX_E_TIMEOUT, "there was no time for all rules: give smaller molecules")
               : CORAX_OK;
}

static void add_members(cJSON *to, const struct rule *r)
{
    cJSON_AddStringToObject(to, "rule", r->id);
    cJSON_AddStringToObject(to, "name", r->name);
    cJSON_AddStringToObject(to, "needs", r->needs);
    cJSON_AddStringToObject(to, "source", r->source);
    if (*r->note)
        cJSON_AddStringToObject(to, "note", r->note);
}

static cJSON *add_object(struct answer *a, cJSON *list, const struct rule *r)
{
    cJSON *item = cJSON_CreateObject();

    if (item == NULL || !cJSON_AddItemToArray(list, item)) {
        cJSON_Delete(item);
        a->failed = true;
        return NULL;
    }
    add_members(item, r);
    return item;
}

static cJSON *add_list(struct answer *a, const char *name)
{
    cJSON *list = cJSON_CreateArray();

    answer_item(a, name, list);
    return list;
}

/* What was not understood of the conditions. */
static void add_ignored(struct answer *a, struct flask *f)
{
    const cJSON *word;
    bool first = true;

    if (f->not_understood == NULL)
        return;
    cJSON_ArrayForEach(word, f->not_understood)
    {
        answer_addf(a, "%s%s", first ? "\nnot understood: " : ", ", word->valuestring);
        first = false;
    }
    answer_item(a, "not_understood", f->not_understood);
    f->not_understood = NULL;
}

/* --- reaction_predict --------------------------------------------------------------------------------------------- */

static void add_products(struct answer *a, cJSON *list, const struct rule *r, const struct rdkit_outcomes *o)
{
    char needs[300];

    flask_needs_text(r, needs, sizeof needs);
    answer_addf(a, "%s%s%s%s%s: ", a->len ? "\n" : "", r->name, *needs ? " (" : "", needs, *needs ? ")" : "");
    for (size_t i = 0; i < o->n; i++) {
        cJSON *item = add_object(a, list, r);

        answer_addf(a, "%s%s", i ? " or " : "", o->smiles[i]);
        if (item)
            cJSON_AddStringToObject(item, "smiles", o->smiles[i]);
    }
    if (o->more)
        answer_add(a, " or others");
    if (*r->note)
        answer_addf(a, "; %s", r->note);
}

static int run_rules(const struct tool *t, struct answer *a, const struct flask *f, cJSON *list)
{
    struct rdkit_err err;
    int rc = CORAX_OK;

    for (size_t i = 0; i < rules_count() && rc == CORAX_OK; i++) {
        struct rdkit_outcomes outcomes = { 0 };

        if (!rule_fulfilled(i, &f->have))
            continue;
        rc = timed_out(t, f);
        if (rc == CORAX_OK && rule_run(i, &f->reactants, &outcomes, &err) != CORAX_OK)
            rc = tool_refuse_err(t, NULL, &err);
        for (size_t k = 0; k < outcomes.n && rc == CORAX_OK; k++) {
            rc = timed_out(t, f);
            if (rc == CORAX_OK)
                rc = listed_refuse_smiles(t, "a product", outcomes.smiles[k]);
        }
        if (rc == CORAX_OK && outcomes.n > 0)
            add_products(a, list, rules_at(i), &outcomes);
        rdkit_outcomes_finish(&outcomes);
    }
    return rc;
}

/* Rules that the reactants fit, without their reagents. */
static int hint_at_some(const struct tool *t, struct answer *a, const struct flask *f, cJSON *missing, bool near,
                        int *n)
{
    for (size_t i = 0; i < rules_count(); i++) {
        const struct rule *r = rules_at(i);
        char needs[300];
        int rc;

        if (rule_near(i, &f->have) != near || rule_fulfilled(i, &f->have) || rule_prevented(i, &f->have) ||
            !rule_matches(i, &f->reactants))
            continue;
        rc = timed_out(t, f);
        if (rc != CORAX_OK)
            return rc;
        flask_needs_text(r, needs, sizeof needs);
        if (++*n <= MAX_HINTS)
            answer_addf(a, "\n%s would need %s", r->name, needs);
        add_object(a, missing, r);
    }
    return CORAX_OK;
}

/* Those first of whose needs a part is there. */
static int hint_at_rules(const struct tool *t, struct answer *a, const struct flask *f)
{
    cJSON *missing = add_list(a, "missing");
    int n = 0, rc = hint_at_some(t, a, f, missing, true, &n);

    if (rc == CORAX_OK)
        rc = hint_at_some(t, a, f, missing, false, &n);
    if (n > MAX_HINTS)
        answer_addf(a, "\n%d more rules would need other reagents", n - MAX_HINTS);
    return rc;
}

static int predict_in(const struct tool *t, struct answer *a, struct flask *f)
{
    cJSON *products = add_list(a, "products");
    int rc = CORAX_OK;

    if (f->reactants.n_given == 0)
        return tool_refuse(t, CORAX_E_ARGS, "reactants: give at least one organic molecule as SMILES");
    for (size_t i = 0; i < f->reactants.n && rc == CORAX_OK; i++)
        rc = listed_refuse(t, i < f->reactants.n_given ? "a reactant" : "a reagent", f->reactants.mol[i]);
    if (rc == CORAX_OK)
        rc = run_rules(t, a, f, products);
    if (rc != CORAX_OK)
        return rc;
    if (cJSON_GetArraySize(products) == 0) {
        answer_string(a, "status", "unknown");
        answer_add(a, "no rule matches these reactants under these conditions");
        rc = hint_at_rules(t, a, f);
    }
    add_ignored(a, f);
    answer_define(a, "products", "textbook rules, all regioisomers, one reaction; no yields");
    return rc;
}

static int predict(const struct tool *t, struct answer *a)
{
    struct rdkit_err err;
    struct flask f;
    int rc;

    if (rules_ready(&err) != CORAX_OK)
        return tool_refuse_err(t, NULL, &err);
    flask_init(&f, t);
    rc = flask_read(t, &f);
    if (rc == CORAX_OK)
        rc = predict_in(t, a, &f);
    flask_finish(&f);
    return rc;
}

static int predict_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_run(h, c, predict);
}

/* --- reaction_name ------------------------------------------------------------------------------------------------ */

/* The products that were given: with and without their stereo. */
struct wanted {
    struct rdkit_outcomes exact, flat;
};

static int read_parts(const char *smiles, size_t len, bool stereo, struct rdkit_outcomes *out, struct rdkit_err *err)
{
    struct rdkit_mol *mol = rdkit_read(smiles, len, err);
    int rc = mol ? rdkit_split(mol, stereo, out, err) : err->status;

    rdkit_free(mol);
    return rc;
}

/* Products without carbon are left aside: water, HCl, salts. */
static bool has_carbon(const char *smiles)
{
    for (const char *p = smiles; *p; p++)
        if (*p == 'c' || (*p == 'C' && p[1] != 'l'))
            return true;
    return false;
}

/* Is each product among the parts of what came out?  Where one side says nothing of stereo, it counts for neither. */
static bool contains(const struct wanted *w, const struct reactants *from, const char *outcome)
{
    struct rdkit_outcomes exact = { 0 }, flat = { 0 };
    struct rdkit_err err;
    bool all = read_parts(outcome, strlen(outcome), true, &exact, &err) == CORAX_OK &&
               read_parts(outcome, strlen(outcome), false, &flat, &err) == CORAX_OK;
    size_t n = 0;

    for (size_t i = 0; i < w->exact.n && all; i++) {
        bool stereo = !rdkit_outcomes_has(&w->flat, w->exact.smiles[i]), found = false;
        bool left_over = false;

        for (size_t k = 0; k < from->n && !left_over; k++)
            left_over = strcmp(from->smiles[k], w->exact.smiles[i]) == 0;
        if (left_over || !has_carbon(w->exact.smiles[i]))
            continue;
        n++;
        found = rdkit_outcomes_has(&exact, w->exact.smiles[i]);
        if (!found && !stereo)
            found = rdkit_outcomes_has(&flat, w->exact.smiles[i]);
        for (size_t k = 0; k < w->flat.n && !found && stereo; k++)
            found = rdkit_outcomes_has(&exact, w->flat.smiles[k]) && w->exact.n == 1;
        all = found;
    }
    rdkit_outcomes_finish(&exact);
    rdkit_outcomes_finish(&flat);
    return all && n > 0;
}

/* A reaction SMILES: reactants>agents>products. */
struct reaction_text {
    const char *part[3];
    size_t len[3];
};

static int split_reaction(const struct tool *t, struct reaction_text *out)
{
    const char *text, *end;
    size_t len;
    int n = 0;

    if (!tool_arg(t, "reaction", &text, &len))
        return tool_refuse(t, CORAX_E_ARGS,
                           "reaction is missing: give a reaction SMILES such as CCO.CC(=O)O>>CCOC(C)=O");
    end = text + len;
    for (const char *p = text; p <= end; p++) {
        if (p < end && *p != '>')
            continue;
        if (n == 3)
            return tool_refuse(t, CORAX_E_ARGS, "invalid reaction SMILES: more than two \">\"");
        out->part[n] = text;
        out->len[n++] = (size_t)(p - text);
        text = p + 1;
    }
    if (n != 3)
        return tool_refuse(t, CORAX_E_ARGS, "invalid reaction SMILES: it needs two \">\": reactants>agents>products");
    if (out->len[0] == 0 || out->len[2] == 0)
        return tool_refuse(t, CORAX_E_ARGS, "invalid reaction SMILES: %s missing",
                           out->len[0] == 0 ? "the reactants are" : "the product is");
    return CORAX_OK;
}

static int read_reaction(const struct tool *t, struct flask *f, struct wanted *w)
{
    struct reaction_text text;
    struct rdkit_err err;
    int rc = split_reaction(t, &text);

    if (rc != CORAX_OK)
        return rc;
    if (flask_add_smiles(f, text.part[0], text.len[0], true, &err) != CORAX_OK)
        return tool_refuse_err(t, "reactants", &err);
    if (text.len[1] > 0 && flask_add_smiles(f, text.part[1], text.len[1], false, &err) != CORAX_OK)
        return tool_refuse_err(t, "agents", &err);
    if (read_parts(text.part[2], text.len[2], true, &w->exact, &err) != CORAX_OK ||
        read_parts(text.part[2], text.len[2], false, &w->flat, &err) != CORAX_OK)
        return tool_refuse_err(t, "products", &err);
    return CORAX_OK;
}

static void add_name(struct answer *a, cJSON *list, size_t i, bool fulfilled)
{
    const struct rule *r = rules_at(i);
    cJSON *item = add_object(a, list, r);
    char needs[300];

    flask_needs_text(r, needs, sizeof needs);
    answer_addf(a, "%s%s", a->len ? "\n" : "", r->name);
    if (!fulfilled)
        answer_addf(a, ", with %s, which the reaction does not name", needs);
    answer_addf(a, " [%s]", r->source);
    if (item)
        cJSON_AddBoolToObject(item, "fulfilled", fulfilled);
}

/* Names the rules of one kind: those whose conditions are there, or the others. */
static int name_by_rules(const struct tool *t, struct answer *a, const struct flask *f, const struct wanted *w,
                         cJSON *list, bool fulfilled)
{
    for (size_t i = 0; i < rules_count(); i++) {
        struct rdkit_outcomes outcomes = { 0 };
        struct rdkit_err err;
        bool found = false;
        int rc;

        if (rule_fulfilled(i, &f->have) != fulfilled || rule_prevented(i, &f->have))
            continue;
        rc = timed_out(t, f);
        if (rc == CORAX_OK && rule_run(i, &f->reactants, &outcomes, &err) != CORAX_OK)
            rc = tool_refuse_err(t, NULL, &err);
        for (size_t k = 0; k < outcomes.n && rc == CORAX_OK && !found; k++) {
            rc = timed_out(t, f);
            found = contains(w, &f->reactants, outcomes.smiles[k]);
        }
        rdkit_outcomes_finish(&outcomes);
        if (rc != CORAX_OK)
            return rc;
        if (found)
            add_name(a, list, i, fulfilled);
    }
    return CORAX_OK;
}

static int name_it(const struct tool *t, struct answer *a, struct flask *f, struct wanted *w)
{
    cJSON *names = add_list(a, "names");
    int rc = read_reaction(t, f, w);

    for (size_t i = 0; i < f->reactants.n && rc == CORAX_OK; i++)
        rc = listed_refuse(t, "a reactant", f->reactants.mol[i]);
    for (size_t i = 0; i < w->exact.n && rc == CORAX_OK; i++)
        rc = listed_refuse_smiles(t, "a product", w->exact.smiles[i]);
    if (rc == CORAX_OK)
        rc = name_by_rules(t, a, f, w, names, true);
    if (rc == CORAX_OK && cJSON_GetArraySize(names) == 0)
        rc = name_by_rules(t, a, f, w, names, false);
    if (rc == CORAX_OK && cJSON_GetArraySize(names) == 0) {
        answer_string(a, "status", "unknown");
        answer_add(a, "unclassified: no rule gives this product from these reactants");
    }
    answer_define(a, "names", "the textbook rules whose products contain the given ones");
    return rc;
}

static int name(const struct tool *t, struct answer *a)
{
    struct flask f;
    struct wanted w = { 0 };
    struct rdkit_err err;
    int rc;

    if (rules_ready(&err) != CORAX_OK)
        return tool_refuse_err(t, NULL, &err);
    flask_init(&f, t);
    rc = name_it(t, a, &f, &w);
    rdkit_outcomes_finish(&w.exact);
    rdkit_outcomes_finish(&w.flat);
    flask_finish(&f);
    return rc;
}

static int name_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_run(h, c, name);
}

const struct corax_tool reaction_predict_tool = {
    .size = sizeof reaction_predict_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "reaction_predict",
    .summary = "Products of a reaction by textbook rules: give the reactants as SMILES and the reagents and conditions "
               "by name "
               "or SMILES; without the reagent that a rule needs there is no product.",
    .args_schema =
        "{\"type\":\"object\",\"properties\":{"
        "\"reactants\":" STRING_OR_LIST("," MOLECULE_ROLE, "SMILES, for example CC(=O)O.CCO") ","
        "\"conditions\":" STRING_OR_LIST("", "reagents and conditions, for example H2SO4, heat") "},"
        "\"required\":[\"reactants\"],\"additionalProperties\":false}",
    .result_schema = ANSWER_SCHEMA,
    .call = predict_call,
};

const struct corax_tool reaction_name_tool = {
    .size = sizeof reaction_name_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "reaction_name",
    .summary = "The textbook name of a reaction given as reaction SMILES, reactants>agents>products.",
    .args_schema = "{\"type\":\"object\",\"properties\":{\"reaction\":{\"type\":\"string\"," MOLECULE_ROLE ",\"maxLength\":3000,"
                   "\"description\":\"reaction SMILES, for example CCO.CC(=O)O>>CCOC(C)=O\"}},"
                   "\"required\":[\"reaction\"],\"additionalProperties\":false}",
    .result_schema = ANSWER_SCHEMA,
    .call = name_call,
};
