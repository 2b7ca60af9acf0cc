/*
 * Covers: that what makes a task worse, or a policy narrower, never makes a decision more lenient.  On random sets of layers and random
 * requests one thing is changed, and both are decided on:
 *  - a context that is worse in one part or both, calls made before, more bytes, more findings of screens, one that is not known any more
 *  - an ask or deny rule, a limit, or a sink in any layer; a label in a layer that narrows; a whole layer that narrows
 *  - an allow rule in the base, which may only change what "none" decided
 * What a policy has more of may also weaken no duty, and a result's label may not get better.
 * Where "none" decided, an ask rule of the base may turn the denial into a question; that is what it is for.  A base's sink may say that
 * fewer see what a call is given, and a base's label that a result is better than its effects say: neither is held to anything.
 *
 * CORAX_PROOFS is the number of cases; 1,000,000 without it.
 */
#include <limits.h>

#include "policies/policy.h"
#include "tests/policies/random_policy.h"
#include "tests/tap.h"

#define PER_CHANGE 180 /* requests to each changed set */

enum change {
    CONTEXT, PAST, BYTES, FINDINGS, UNKNOWN, ASK_RULE, DENY_RULE, NARROW_RULE, LIMIT, NARROW_LABEL, NARROW_SINK, LAYER, ALLOW_RULE, N_CHANGES
};

static const char *const change_names[N_CHANGES] = {
    "a worse context", "calls made before", "more bytes", "more findings", "a screen without an answer", "an ask rule in the base", "a deny rule in the base",
    "a rule in a layer that narrows", "a limit", "a label in a layer that narrows", "a sink in a layer that narrows",
    "a layer that narrows", "an allow rule in the base",
};

struct tally {
    unsigned long cases, changed[N_CHANGES], per[N_CHANGES], lenient[N_CHANGES], weaker[N_CHANGES];
};

struct layers {
    size_t n;
    struct policy *at[POLICY_MAX_LAYERS];
};

static bool load_layers(const struct random_set *s, struct layers *l)
{
    bool good = true;

    l->n = s->n_layers;
    for (size_t i = 0; i < l->n; i++)
        good &= (l->at[i] = load_random_layer(&s->layers[i], false, NULL)) != NULL;
    return good;
}

static void free_layers(struct layers *l)
{
    for (size_t i = 0; i < l->n; i++)
        policy_destroy(l->at[i]);
    l->n = 0;
}

/* Adds a file with one entry to a layer; false: it has no room, or the entry does not load. */
static bool add_entry(struct random_layer *l, enum section section, const char *decision)
{
    static struct random_layer alone;
    struct random_file *f = &alone.files[0];
    struct policy *p;

    if (l->n_files == MAX_SET_FILES)
        return false;
    alone.kind = l->kind;
    alone.n_files = 1;
    memset(f, 0, sizeof(*f));
    snprintf(f->id, sizeof(f->id), "%cmore", 'a' + (char)below(20));
    f->n[section] = 1;
    random_entry(f->entries[section][0], section, 0, l->kind, decision);
    if (!(p = load_random_layer(&alone, false, NULL)))
        return false;
    policy_destroy(p);
    l->files[l->n_files++] = *f;
    return true;
}

static bool change_set(struct random_set *s, enum change change)
{
    struct random_layer *base = &s->layers[0], *any = &s->layers[below(s->n_layers)], *last = &s->layers[s->n_layers - 1];
    const bool narrows = last->kind == POLICY_NARROWS;

    switch (change) {
    case ASK_RULE:
        return add_entry(base, RULES, "ask");
    case DENY_RULE:
        return add_entry(base, RULES, "deny");
    case ALLOW_RULE:
        return add_entry(base, RULES, "allow");
    case NARROW_RULE:
        return narrows && add_entry(last, RULES, NULL);
    case LIMIT:
        return add_entry(any, LIMITS, NULL);
    case NARROW_LABEL:
        return narrows && add_entry(last, LABELS, NULL);
    case NARROW_SINK:
        return narrows && add_entry(last, SINKS, NULL);
    case LAYER:
        fill_random_layer(&s->layers[s->n_layers++], POLICY_NARROWS);
        return true;
    case CONTEXT:
    case PAST:
    case BYTES:
    case FINDINGS:
    case UNKNOWN:
    case N_CHANGES:
        break;
    }
    return true;
}

/* One that is known finds more, or is not known any more; those behind the first n_screened are not known before. */
static void change_answer(struct random_request *r, struct policy_request *changed, bool unknown, struct screen_answer answers[N_RANDOM_ANSWERS],
                          const char *found[COUNT(findings)])
{
    struct screen_answer *a = &answers[below(N_RANDOM_ANSWERS)];
    const char *more = PICK(findings);

    memcpy(answers, r->answers, N_RANDOM_ANSWERS * sizeof(*answers));
    changed->screened = answers;
    if (unknown)
        a->known = false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->findings[i], more) == 0)
            return;
    if (unknown || a->n == COUNT(findings))
        return;
    if (a->n > 0)
        memcpy(found, a->findings, a->n * sizeof(*found));
    found[a->n++] = more;
    a->findings = found;
}

static void change_request(struct policy_request *r, enum change change)
{
    static const size_t bytes[] = { 1, 10, 100, SIZE_MAX / 2 };
    const struct label with = random_label();
    const size_t more = PICK(bytes);

    if (change == CONTEXT)
        r->context = label_join(r->context, with);
    else if (change == PAST)
        r->n_past += 1 + below(MAX_RANDOM_PAST - 1);
    else if (change == BYTES)
        r->bytes += more;
}

static bool is_weaker(int64_t before, int64_t after)
{
    return before != 0 && (after == 0 || after > before);
}

static bool has_weaker_duties(const struct policy_verdict *v, const struct policy_verdict *w)
{
    return is_weaker(v->must.timeout_ms, w->must.timeout_ms) || is_weaker(v->must.approve_ms, w->must.approve_ms) ||
           is_weaker(v->must.result_bytes, w->must.result_bytes) || w->must.fresh_host < v->must.fresh_host ||
           w->must.in_doubt < v->must.in_doubt ||
           (policy_redacts(&v->must) && !policy_redacts(&w->must)) || !label_is_within(v->result, w->result);
}

static void hold(const struct layers *before, const struct layers *after, enum change change, struct tally *t)
{
    for (unsigned i = 0; i < PER_CHANGE; i++) {
        struct random_request r;
        struct policy_request other;
        struct policy_verdict v, w;
        struct screen_answer answers[N_RANDOM_ANSWERS];
        const char *found[COUNT(findings)];
        bool exempt;

        random_request(&r);
        other = r.request;
        change_request(&other, change);
        if (change == FINDINGS || change == UNKNOWN)
            change_answer(&r, &other, change == UNKNOWN, answers, found);
        v = policy_decide_layers((const struct policy *const *)before->at, before->n, &r.request);
        w = policy_decide_layers((const struct policy *const *)after->at, after->n, &other);
        exempt = (change == ALLOW_RULE || change == ASK_RULE) && strcmp(v.rule, "none") == 0;
        t->cases++;
        t->per[change]++;
        t->changed[change] += v.decision != w.decision;
        t->lenient[change] += w.decision < v.decision && !exempt;
        t->weaker[change] += change > UNKNOWN && has_weaker_duties(&v, &w);
        json_free(r.args);
    }
}

static void try_changes(const struct random_set *set, struct tally *t)
{
    static struct random_set other;
    struct layers before, after;

    if (!load_layers(set, &before)) {
        ok(false, "a set of files that load alone loads");
        t->cases = ULONG_MAX / 2;
        return;
    }
    for (int change = 0; change < N_CHANGES; change++) {
        other = *set;
        if (!change_set(&other, (enum change)change))
            continue;
        if (load_layers(&other, &after))
            hold(&before, &after, (enum change)change, t);
        free_layers(&after);
    }
    free_layers(&before);
}

int main(void)
{
    static struct random_set set;
    const unsigned long wanted = count_of("CORAX_PROOFS", 1000000);
    struct tally t = { 0 };

    plan_later();
    while (t.cases < wanted) {
        fill_random_set(&set);
        try_changes(&set, &t);
    }
    diag("%lu cases", t.cases);
    for (int c = 0; c < N_CHANGES; c++) {
        /* A label changes no decision at once. */
        ok(t.lenient[c] == 0 && t.weaker[c] == 0 && t.per[c] > 0 && (t.changed[c] > 0 || c == NARROW_LABEL),
           "%s makes nothing more lenient: %lu cases, %lu other decisions", change_names[c], t.per[c], t.changed[c]);
        if (t.lenient[c] || t.weaker[c])
            diag("%lu more lenient, %lu with weaker duties or labels", t.lenient[c], t.weaker[c]);
    }
    done();
    return tap_status();
}
