#include "rules.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <corax/plugin.h>

#define MAX_PATTERNS     12
#define MAX_ALTERNATIVES 12
#define MAX_ROUNDS       12 /* of a rule that repeats */
#define MAX_STATES       4  /* of one round: mostly all ways come to the same end */

static const struct rule rules[] = {
#define RULE(i, n, s, r, nd, w, f, nt, src) \
    { .id = (i),                            \
      .name = (n),                          \
      .smarts = (s),                        \
      .retro = (r),                         \
      .needs = (nd),                        \
      .without = (w),                       \
      .flags = (f),                         \
      .note = (nt),                         \
      .source = (src) },
#include "reactions_table.h"
#undef RULE
};

#define N_RULES (sizeof rules / sizeof *rules)

static struct compiled {
    struct rdkit_reaction *forward[MAX_PATTERNS], *backward[MAX_PATTERNS];
    int tier[MAX_PATTERNS];
    int n_forward, n_backward;
    struct conditions needs[MAX_ALTERNATIVES], without;
    int n_needs;
} compiled[N_RULES];

static struct rdkit_err not_ready;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* --- compiling ---------------------------------------------------------------------------------------------------- */

static int broken(const struct rule *r, const char *why)
{
    snprintf(not_ready.msg, sizeof not_ready.msg, "rule %.30s: %.150s", r->id, why);
    return not_ready.status = CORAX_E_INTERNAL;
}

/* A build without RDKit says so as it is. */
static int unread(const struct rule *r, const struct rdkit_err *err)
{
    if (err->status != CORAX_E_UNAVAIL)
        return broken(r, err->msg);
    not_ready = *err;
    return err->status;
}

/* "A>>B" as "B>>A" */
static struct rdkit_reaction *turned_round(const char *smarts, size_t len, struct rdkit_err *err)
{
    char text[RDKIT_MAX_REACTION + 1];
    const char *arrow = memchr(smarts, '>', len);
    size_t left = arrow ? (size_t)(arrow - smarts) : len;

    if (arrow == NULL || len > RDKIT_MAX_REACTION) {
        *err = (struct rdkit_err){ CORAX_E_INTERNAL, "it cannot be turned round" };
        return NULL;
    }
    snprintf(text, sizeof text, "%.*s>>%.*s", (int)(len - left - 2), arrow + 2, (int)left, smarts);
    return rdkit_reaction_read(text, strlen(text), err);
}

static int compile_patterns(const struct rule *r, struct compiled *c)
{
    int tier = 0;
    struct rdkit_err err;

    for (const char *line = r->smarts; *line;) {
        size_t len = strcspn(line, "\n");

        if (len == 4 && memcmp(line, "else", 4) == 0) {
            tier++;
        } else if (c->n_forward == MAX_PATTERNS) {
            return broken(r, "too many patterns");
        } else {
            c->forward[c->n_forward] = rdkit_reaction_read(line, len, &err);
            if (c->forward[c->n_forward] == NULL)
                return unread(r, &err);
            c->tier[c->n_forward++] = tier;
        }
        line += len + (line[len] == '\n');
    }
    return CORAX_OK;
}

static int compile_retro(const struct rule *r, struct compiled *c)
{
    struct rdkit_err err;

    if (strcmp(r->retro, "-") == 0)
        return CORAX_OK;
    if (*r->retro == '\0') {
        c->backward[0] = turned_round(r->smarts, strcspn(r->smarts, "\n"), &err);
        if (c->backward[0] == NULL)
            return unread(r, &err);
        c->n_backward = 1;
        return CORAX_OK;
    }
    for (const char *line = r->retro; *line;) {
        size_t len = strcspn(line, "\n");

        if (c->n_backward == MAX_PATTERNS)
            return broken(r, "too many patterns");
        c->backward[c->n_backward] = rdkit_reaction_read(line, len, &err);
        if (c->backward[c->n_backward++] == NULL)
            return unread(r, &err);
        line += len + (line[len] == '\n');
    }
    return CORAX_OK;
}

/* "H2+Pd" into one set; what stands between is one of `separators`. */
static int read_conditions(const struct rule *r, const char *text, size_t len, struct conditions *out)
{
    for (size_t at = 0; at < len;) {
        size_t n = 0;
        int kind;

        while (at + n < len && text[at + n] != '+' && text[at + n] != ' ')
            n++;
        kind = conditions_index(text + at, n);
        if (kind < 0)
            return broken(r, "needs or excludes an unknown condition");
        conditions_set(out, kind);
        at += n + 1;
    }
    return CORAX_OK;
}

static int compile_needs(const struct rule *r, struct compiled *c)
{
    for (const char *at = r->needs; *at;) {
        size_t len = strcspn(at, "|");

        if (c->n_needs == MAX_ALTERNATIVES)
            return broken(r, "too many alternatives");
        if (read_conditions(r, at, len, &c->needs[c->n_needs++]) != CORAX_OK)
            return not_ready.status;
        at += len + (at[len] == '|');
    }
    return read_conditions(r, r->without, strlen(r->without), &c->without);
}

static void compile(void)
{
    for (size_t i = 0; i < N_RULES; i++)
        if (compile_patterns(&rules[i], &compiled[i]) != CORAX_OK ||
            compile_retro(&rules[i], &compiled[i]) != CORAX_OK || compile_needs(&rules[i], &compiled[i]) != CORAX_OK)
            return;
}

int rules_ready(struct rdkit_err *err)
{
    pthread_once(&once, compile);
    *err = not_ready;
    return err->status;
}

size_t rules_count(void)
{
    return N_RULES;
}

const struct rule *rules_at(size_t i)
{
    return &rules[i];
}

/* --- what a rule needs -------------------------------------------------------------------------------------------- */

bool rule_prevented(size_t i, const struct conditions *have)
{
    return conditions_any(have, &compiled[i].without);
}

bool rule_near(size_t i, const struct conditions *have)
{
    for (int k = 0; k < compiled[i].n_needs; k++)
        if (conditions_any(have, &compiled[i].needs[k]))
            return true;
    return false;
}

bool rule_fulfilled(size_t i, const struct conditions *have)
{
    const struct compiled *c = &compiled[i];

    if (rule_prevented(i, have))
        return false;
    for (int k = 0; k < c->n_needs; k++)
        if (conditions_all(have, &c->needs[k]))
            return true;
    return c->n_needs == 0;
}

/* --- running ------------------------------------------------------------------------------------------------------ */

typedef int assigned_work(const struct rdkit_reaction *, const struct rdkit_mol *const *mols, void *arg);

struct assignment {
    const struct rdkit_reaction *pattern;
    const struct reactants *from;
    bool self;  /* the only one may take part twice */
    bool twice; /* the last two are the same */
    const struct rdkit_mol *mol[RDKIT_MAX_TEMPLATES];
    size_t index[RDKIT_MAX_TEMPLATES];
    assigned_work *work;
    void *arg;
};

static bool may_take(const struct assignment *a, unsigned k, size_t i)
{
    if (a->twice && k > 0 && k + 1 == rdkit_reaction_templates(a->pattern))
        return i == a->index[k - 1];
    if (!a->self)
        for (unsigned j = 0; j < k; j++)
            if (a->index[j] == i)
                return false;
    return rdkit_reaction_matches(a->pattern, k, a->from->mol[i]);
}

/* Calls work() for every assignment, until one returns something else than CORAX_OK. */
static int assign(struct assignment *a, unsigned k, bool has_given)
{
    unsigned n = rdkit_reaction_templates(a->pattern);

    if (k == n)
        return has_given ? a->work(a->pattern, a->mol, a->arg) : CORAX_OK;
    for (size_t i = 0; i < a->from->n; i++) {
        int rc;

        if (!may_take(a, k, i))
            continue;
        a->mol[k] = a->from->mol[i];
        a->index[k] = i;
        rc = assign(a, k + 1, has_given || i < a->from->n_given);
        if (rc != CORAX_OK)
            return rc;
    }
    return CORAX_OK;
}

static int assign_all(size_t i, int pattern, const struct reactants *from, assigned_work *work, void *arg)
{
    struct assignment a = { .pattern = compiled[i].forward[pattern],
                            .from = from,
                            .self = (rules[i].flags & RULE_SELF) != 0 && from->n_given == 1,
                            .twice = (rules[i].flags & RULE_TWICE) != 0,
                            .work = work,
                            .arg = arg };

    return assign(&a, 0, false);
}

static int found_one(const struct rdkit_reaction *pattern, const struct rdkit_mol *const *mols, void *arg)
{
    return CORAX_E_DENIED; /* any status that ends the search */
}

bool rule_matches(size_t i, const struct reactants *from)
{
    for (int p = 0; p < compiled[i].n_forward; p++)
        if (assign_all(i, p, from, found_one, NULL) != CORAX_OK)
            return true;
    return false;
}

struct run {
    const struct reactants *from;
    struct rdkit_outcomes *out;
    struct rdkit_err *err;
};

static int run_one(const struct rdkit_reaction *pattern, const struct rdkit_mol *const *mols, void *arg)
{
    const struct run *run = arg;

    run->out->stop = run->from->stop;
    run->out->ctx = run->from->ctx;
    return rdkit_reaction_run(pattern, mols, run->out, run->err);
}

/* The first tier whose patterns give anything. */
static int run_once(size_t i, const struct reactants *from, struct rdkit_outcomes *out, struct rdkit_err *err)
{
    const struct compiled *c = &compiled[i];
    struct run run = { from, out, err };

    for (int p = 0; p < c->n_forward; p++) {
        if (p > 0 && c->tier[p] != c->tier[p - 1] && out->n > 0)
            break;
        if (assign_all(i, p, from, run_one, &run) != CORAX_OK)
            return err->status;
    }
    return CORAX_OK;
}

/* Is each of these molecules one of those that went in? */
static bool nothing_new(const char *outcome, const struct reactants *from)
{
    for (const char *at = outcome; *at;) {
        size_t len = strcspn(at, ".");
        bool known = false;

        for (size_t i = 0; i < from->n && !known; i++)
            known = strlen(from->smiles[i]) == len && memcmp(from->smiles[i], at, len) == 0;
        if (!known)
            return false;
        at += len + (at[len] == '.');
    }
    return true;
}

static int compare_parts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The molecules of r, all but one, and the outcome of that one, joined and sorted; NULL: out of memory or too many. */
static char *replaced(const struct reactants *r, size_t but, const char *outcome)
{
    char *parts[RULE_MAX_REACTANTS * 4], *copy = strdup(outcome), *rest = copy, *part, *all = NULL;
    size_t n = 0, size = strlen(outcome) + 2;

    for (size_t i = 0; i < r->n; i++) {
        size += strlen(r->smiles[i]) + 1;
        if (i != but)
            parts[n++] = r->smiles[i];
    }
    while (copy && n < sizeof parts / sizeof *parts && (part = strsep(&rest, ".")) != NULL)
        parts[n++] = part;
    if (copy)
        all = calloc(1, size);
    if (all) {
        qsort(parts, n, sizeof *parts, compare_parts);
        for (size_t i = 0; i < n; i++)
            sprintf(all + strlen(all), "%s%s", i ? "." : "", parts[i]);
    }
    free(copy);
    return all;
}

/* One more round of a rule that repeats: what the first molecule that still reacts becomes.  *done: none does. */
static int react_further(size_t i, const struct reactants *from, const char *state, struct rdkit_outcomes *out,
                         bool *done, struct rdkit_err *err)
{
    struct reactants all = { 0 };
    int rc = reactants_add_smiles(&all, state, err);

    *done = true;
    for (size_t k = 0; k < all.n && rc == CORAX_OK && *done; k++) {
        const struct reactants one = { .stop = from->stop,
                                       .ctx = from->ctx,
                                       .mol = { all.mol[k] },
                                       .smiles = { all.smiles[k] },
                                       .n = 1,
                                       .n_given = 1 };
        struct rdkit_outcomes next = { 0 };

        rc = run_once(i, &one, &next, err);
        for (size_t o = 0; o < next.n && rc == CORAX_OK; o++) {
            char *text;

            if (nothing_new(next.smiles[o], &one))
                continue;
            *done = false;
            text = replaced(&all, k, next.smiles[o]);
            if (text == NULL || rdkit_outcomes_add(out, text) != CORAX_OK)
                rc = err->status = CORAX_E_LIMIT;
            free(text);
        }
        rdkit_outcomes_finish(&next);
    }
    reactants_finish(&all);
    return rc;
}

/* Takes the outcomes of one round to their end. */
static int exhaust(size_t i, const struct reactants *from, struct rdkit_outcomes *states, struct rdkit_outcomes *out,
                   struct rdkit_err *err)
{
    int rc = CORAX_OK;

    for (int round = 0; round < MAX_ROUNDS && states->n > 0 && rc == CORAX_OK; round++) {
        struct rdkit_outcomes next = { 0 };

        for (size_t s = 0; s < states->n && s < MAX_STATES && rc == CORAX_OK; s++) {
            bool done;

            rc = react_further(i, from, states->smiles[s], &next, &done, err);
            if (rc == CORAX_OK && done && rdkit_outcomes_add(out, states->smiles[s]) != CORAX_OK)
                rc = err->status = CORAX_E_LIMIT;
        }
        rdkit_outcomes_finish(states);
        *states = next;
    }
    if (states->n == 0 || rc != CORAX_OK)
        return rc;
    snprintf(err->msg, sizeof err->msg, "%s: more than %d places react: give a smaller molecule", rules[i].name,
             MAX_ROUNDS);
    return err->status = CORAX_E_LIMIT;
}

int rule_run(size_t i, const struct reactants *from, struct rdkit_outcomes *out, struct rdkit_err *err)
{
    struct rdkit_outcomes first = { 0 }, fresh = { 0 };
    int rc = run_once(i, from, &first, err);

    for (size_t k = 0; k < first.n && rc == CORAX_OK; k++)
        if (!nothing_new(first.smiles[k], from) && rdkit_outcomes_add(&fresh, first.smiles[k]) != CORAX_OK)
            rc = err->status = CORAX_E_LIMIT;
    out->more = out->more || first.more;
    rdkit_outcomes_finish(&first);
    if (rc == CORAX_OK && rules[i].flags & RULE_REPEATS) {
        rc = exhaust(i, from, &fresh, out, err);
    } else {
        for (size_t k = 0; k < fresh.n && rc == CORAX_OK; k++)
            if (rdkit_outcomes_add(out, fresh.smiles[k]) != CORAX_OK)
                rc = err->status = CORAX_E_LIMIT;
    }
    rdkit_outcomes_finish(&fresh);
    return rc;
}

int rule_turn_round(size_t i, const struct rdkit_mol *target, struct rdkit_outcomes *out, struct rdkit_err *err)
{
    for (int p = 0; p < compiled[i].n_backward; p++) {
        const struct rdkit_reaction *back = compiled[i].backward[p];

        if (rdkit_reaction_templates(back) == 1 && rdkit_reaction_matches(back, 0, target) &&
            rdkit_reaction_run(back, &target, out, err) != CORAX_OK)
            return err->status;
    }
    return CORAX_OK;
}

/* --- reactants ---------------------------------------------------------------------------------------------------- */

int reactants_add_smiles(struct reactants *r, const char *smiles, struct rdkit_err *err)
{
    for (const char *at = smiles; *at;) {
        size_t len = strcspn(at, ".");
        struct rdkit_mol *mol;

        if (r->n == RULE_MAX_REACTANTS) {
            snprintf(err->msg, sizeof err->msg, "more than %d molecules at once", RULE_MAX_REACTANTS);
            return err->status = CORAX_E_LIMIT;
        }
        mol = rdkit_read(at, len, err);
        if (mol == NULL)
            return err->status;
        r->mol[r->n] = mol;
        r->smiles[r->n] = strndup(at, len);
        if (r->smiles[r->n++] == NULL)
            return err->status = CORAX_E_LIMIT;
        at += len + (at[len] == '.');
    }
    return CORAX_OK;
}

int reactants_add(struct reactants *r, const struct rdkit_mol *mol, struct rdkit_err *err)
{
    struct rdkit_outcomes parts = { 0 };
    int rc = rdkit_split(mol, true, &parts, err);

    for (size_t i = 0; i < parts.n && rc == CORAX_OK; i++)
        rc = reactants_add_smiles(r, parts.smiles[i], err);
    rdkit_outcomes_finish(&parts);
    return rc;
}

void reactants_finish(struct reactants *r)
{
    for (size_t i = 0; i < r->n; i++) {
        rdkit_free((struct rdkit_mol *)r->mol[i]);
        free(r->smiles[i]);
    }
    *r = (struct reactants){ 0 };
}
