/*
 * retro.c - from what a target can be made in one step.
 *
 * A rule turned round says what precursors might be; only those are shown that the same rule, run forward, makes the target of.
 */
#include "tools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flask.h"
#include "listed.h"
#include "tool.h"

#define MAX_STEPS     200 /* looked at */
#define DEFAULT_STEPS 10

struct step {
    char *precursors; /* canonical SMILES, joined by "." */
    size_t rule;
    size_t n_others;  /* other outcomes of the same reactants by that rule */
    unsigned largest; /* heavy atoms of the largest precursor */
};

struct search {
    const struct tool *tool;
    struct reaction_clock clock;
    const struct rdkit_mol *target;
    char smiles[RDKIT_TEXT_SIZE]; /* of the target, canonical */
    struct step step[MAX_STEPS];
    size_t n;
    size_t n_listed; /* steps left out, since a precursor is on a list */
};

/* The simpler the largest precursor, the fewer other products, the better. */
static int compare_steps(const void *a, const void *b)
{
    const struct step *x = a, *y = b;

    if (x->largest != y->largest)
        return x->largest < y->largest ? -1 : 1;
    if (x->n_others != y->n_others)
        return x->n_others < y->n_others ? -1 : 1;
    if (x->rule != y->rule)
        return x->rule < y->rule ? -1 : 1;
    return strcmp(x->precursors, y->precursors);
}

/* Is the target one of the molecules of an outcome? */
static bool is_part(const char *target, const char *outcome)
{
    size_t len = strlen(target);

    for (const char *at = outcome; *at;) {
        size_t n = strcspn(at, ".");

        if (n == len && memcmp(at, target, n) == 0)
            return true;
        at += n + (at[n] == '.');
    }
    return false;
}

/* The number of outcomes when the rule makes the target of these; 0: it does not. */
static int run_forward(const struct search *s, size_t rule, const struct reactants *from, size_t *n,
                       struct rdkit_err *err)
{
    struct rdkit_outcomes outcomes = { 0 };
    int rc;

    *n = 0;
    err->status = CORAX_OK;
    rc = rule_run(rule, from, &outcomes, err);
    for (size_t i = 0; i < outcomes.n && rc == CORAX_OK && *n == 0; i++)
        if (is_part(s->smiles, outcomes.smiles[i]))
            *n = outcomes.n;
    rdkit_outcomes_finish(&outcomes);
    return rc;
}

static bool any_listed(const struct reactants *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (listed_is(r->mol[i]))
            return true;
    return false;
}

static int keep(struct search *s, size_t rule, const char *precursors, const struct reactants *r, size_t n)
{
    struct step *step = &s->step[s->n];

    for (size_t i = 0; i < s->n; i++)
        if (s->step[i].rule == rule && strcmp(s->step[i].precursors, precursors) == 0)
            return CORAX_OK;
    if (s->n == MAX_STEPS)
        return CORAX_OK;
    if (any_listed(r)) {
        s->n_listed++;
        return CORAX_OK;
    }
    *step = (struct step){ .precursors = strdup(precursors), .rule = rule, .n_others = n - 1 };
    if (step->precursors == NULL)
        return tool_refuse(s->tool, CORAX_E_LIMIT, "out of memory");
    for (size_t i = 0; i < r->n; i++) {
        unsigned heavy = rdkit_heavy_atoms(r->mol[i]);

        if (heavy > step->largest)
            step->largest = heavy;
    }
    s->n++;
    return CORAX_OK;
}

static int try_precursors(struct search *s, size_t rule, const char *precursors)
{
    struct reactants r = { .stop = reaction_clock_over, .ctx = &s->clock };
    struct rdkit_err err;
    size_t n = 0;
    int rc = CORAX_OK;

    if (is_part(s->smiles, precursors))
        return CORAX_OK;
    if (reactants_add_smiles(&r, precursors, &err) == CORAX_OK) {
        r.n_given = r.n;
        if (run_forward(s, rule, &r, &n, &err) == CORAX_E_LIMIT)
            n = 0; /* too many places react */
        else if (err.status != CORAX_OK)
            rc = tool_refuse_err(s->tool, NULL, &err);
        if (rc == CORAX_OK && n > 0)
            rc = keep(s, rule, precursors, &r, n);
    }
    reactants_finish(&r);
    return rc;
}

static int search_rules(struct search *s)
{
    int rc = CORAX_OK;

    for (size_t i = 0; i < rules_count() && rc == CORAX_OK; i++) {
        struct rdkit_outcomes sets = { 0 };
        struct rdkit_err err;

        if (rule_turn_round(i, s->target, &sets, &err) != CORAX_OK)
            rc = tool_refuse_err(s->tool, NULL, &err);
        for (size_t k = 0; k < sets.n && rc == CORAX_OK; k++) {
            if (reaction_clock_over(&s->clock))
                rc = tool_refuse(s->tool, CORAX_E_TIMEOUT, "there was no time for all rules: give a smaller target");
            else
                rc = try_precursors(s, i, sets.smiles[k]);
        }
        rdkit_outcomes_finish(&sets);
    }
    return rc;
}

static void add_step(struct answer *a, cJSON *list, const struct step *step)
{
    const struct rule *r = rules_at(step->rule);
    cJSON *item = cJSON_CreateObject();
    char needs[300];

    flask_needs_text(r, needs, sizeof needs);
    answer_addf(a, "%s%s by %s%s%s%s", a->len ? "\n" : "", step->precursors, r->name, *needs ? " (" : "", needs,
                *needs ? ")" : "");
    if (step->n_others > 0)
        answer_addf(a, "; beside %zu other product%s", step->n_others, step->n_others > 1 ? "s" : "");
    if (item == NULL || !cJSON_AddItemToArray(list, item)) {
        cJSON_Delete(item);
        a->failed = true;
        return;
    }
    cJSON_AddStringToObject(item, "precursors", step->precursors);
    cJSON_AddStringToObject(item, "rule", r->id);
    cJSON_AddStringToObject(item, "name", r->name);
    cJSON_AddStringToObject(item, "needs", r->needs);
    cJSON_AddNumberToObject(item, "other_products", (double)step->n_others);
    cJSON_AddStringToObject(item, "source", r->source);
}

static int limit_of(const struct tool *t)
{
    const char *text;
    size_t len;

    return tool_arg(t, "limit", &text, &len) ? atoi(text) : DEFAULT_STEPS;
}

static int show(const struct search *s, struct answer *a)
{
    cJSON *list = cJSON_CreateArray();
    size_t limit = (size_t)limit_of(s->tool);

    answer_item(a, "steps", list);
    answer_number(a, "found", (double)s->n, 0);
    answer_number(a, "left_out_as_listed", (double)s->n_listed, 0);
    answer_define(a, "steps", "textbook rules turned round, each run forward to the target; no yields");
    for (size_t i = 0; i < s->n && i < limit; i++)
        add_step(a, list, &s->step[i]);
    if (s->n > limit)
        answer_addf(a, "\n%zu more steps", s->n - limit);
    if (s->n == 0 && s->n_listed > 0)
        return tool_refuse(s->tool, CORAX_E_DENIED,
                           "refused: every step has a precursor on a list of controlled or explosive substances");
    if (s->n_listed > 0)
        answer_addf(a, "\n%zu step%s left out: a precursor is on a list of controlled or explosive substances",
                    s->n_listed, s->n_listed > 1 ? "s" : "");
    if (s->n == 0) {
        answer_string(a, "status", "unknown");
        answer_add(a, "no rule gives this target");
    }
    return CORAX_OK;
}

static int retro_of(struct search *s, struct answer *a)
{
    struct rdkit_err err;
    int rc = listed_refuse(s->tool, "the target", s->target);

    if (rc == CORAX_OK && rdkit_canonical(s->target, s->smiles, &err) != CORAX_OK)
        rc = tool_refuse_err(s->tool, NULL, &err);
    if (rc == CORAX_OK && strchr(s->smiles, '.'))
        rc = tool_refuse(s->tool, CORAX_E_ARGS, "smiles: give one molecule, without salts");
    if (rc == CORAX_OK)
        rc = search_rules(s);
    qsort(s->step, s->n, sizeof *s->step, compare_steps);
    return rc == CORAX_OK ? show(s, a) : rc;
}

static int retro(const struct tool *t, struct answer *a)
{
    struct search *s;
    struct rdkit_mol *target;
    struct rdkit_err err;
    int rc;

    if (rules_ready(&err) != CORAX_OK)
        return tool_refuse_err(t, NULL, &err);
    target = tool_molecule(t, "smiles", &rc);
    if (target == NULL)
        return rc;
    s = calloc(1, sizeof *s);
    if (s) {
        s->tool = t;
        s->target = target;
        reaction_clock_start(&s->clock, t);
        rc = retro_of(s, a);
        for (size_t i = 0; i < s->n; i++)
            free(s->step[i].precursors);
        free(s);
    } else {
        rc = tool_refuse(t, CORAX_E_LIMIT, "out of memory");
    }
    rdkit_free(target);
    return rc;
}

static int retro_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_run(h, c, retro);
}

const struct corax_tool retro_step_tool = {
    .size = sizeof retro_step_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "retro_step",
    .summary =
        "Precursors from which a target molecule, given as SMILES, can be made in one step by a textbook reaction.",
    .args_schema = "{\"type\":\"object\",\"properties\":{\"smiles\":" SMILES_PROPERTY
                   ",\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":50,\"description\":\"steps to show, 10 "
                   "if absent\"}},"
                   "\"required\":[\"smiles\"],\"additionalProperties\":false}",
    .result_schema = ANSWER_SCHEMA,
    .call = retro_call,
};
