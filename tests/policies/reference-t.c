/*
 * Covers: on random sets of layers and random requests, that the engine says what the reference evaluator says (decision, rule, duties,
 * what is redacted, label of the result); that the order of entries, sections and files changes none of it; and that the first reason
 * of policy_explain is the verdict's.
 * Does not cover: URLs and paths beyond those of tests/policies/random_policy.h; loading.
 *
 * CORAX_PROOFS is the number of requests; 250,000 without it.
 */
#include "policies/policy.h"
#include "tests/policies/random_policy.h"
#include "tests/policies/reference.h"
#include "tests/tap.h"

#define PER_SET 500

struct loaded {
    size_t n;
    const struct policy *layers[POLICY_MAX_LAYERS], *shuffled[POLICY_MAX_LAYERS];
    struct reference_layer reference[POLICY_MAX_LAYERS];
};

struct tally {
    unsigned long requests, sets, by_decision[3], none, built_in, with_duties, layers, differs, order, explained, screened, by_screened;
};

static void parse_layer(const struct random_layer *l, struct reference_layer *out)
{
    struct buf text;

    buf_init(&text, 1u << 20);
    out->n = l->n_files;
    for (unsigned f = 0; f < l->n_files; f++) {
        buf_reset(&text);
        write_random_file(&l->files[f], false, &text);
        out->roots[f] = json_parse(text.data, text.len - 1, NULL);
    }
    buf_finish(&text);
}

static bool load_all(const struct random_set *s, struct loaded *l)
{
    bool good = true;

    l->n = s->n_layers;
    for (size_t i = 0; i < l->n; i++) {
        l->layers[i] = load_random_layer(&s->layers[i], false, NULL);
        l->shuffled[i] = load_random_layer(&s->layers[i], true, NULL);
        parse_layer(&s->layers[i], &l->reference[i]);
        good &= l->layers[i] && l->shuffled[i];
    }
    return good;
}

static void free_all(struct loaded *l)
{
    for (size_t i = 0; i < l->n; i++) {
        policy_destroy((struct policy *)l->layers[i]);
        policy_destroy((struct policy *)l->shuffled[i]);
        for (size_t f = 0; f < l->reference[i].n; f++)
            json_free(l->reference[i].roots[f]);
    }
}

static const char probe[] = "q0 q1 q2 q3 q4 q5 q6 q7";

/* Which of the words of probe the duties take out. */
static unsigned redacted(const struct policy *const *layers, size_t n, const struct policy_duties *must)
{
    struct buf out;
    unsigned which = 0;

    if (!policy_redacts(must))
        return 0;
    buf_init(&out, 1000);
    policy_redact(layers, n, must, probe, sizeof(probe) - 1, &out);
    buf_addc(&out, '\0');
    for (unsigned i = 0; i < N_REDACTIONS; i++) {
        const char word[] = { 'q', (char)('0' + i), '\0' };

        which |= strstr(out.data, word) ? 0 : 1u << i;
    }
    buf_finish(&out);
    return which;
}

static bool is_same_doubt(const struct policy_duties *must, const char *doubt, const char *rule)
{
    return strcmp(must->in_doubt ? policy_doubt_name(must->in_doubt) : "", doubt ? doubt : "") == 0 &&
           strcmp(must->in_doubt_rule ? must->in_doubt_rule : "", doubt ? rule : "") == 0;
}

static bool is_as_said(const struct loaded *l, const struct policy_verdict *v, const struct reference_answer *a)
{
    return v->decision == a->decision && strcmp(v->rule, a->rule) == 0 && v->must.timeout_ms == a->timeout_ms &&
           v->must.approve_ms == a->approve_ms && v->must.result_bytes == a->result_bytes && v->must.fresh_host == a->fresh_host &&
           v->result.integrity == a->result.integrity && v->result.confidentiality == a->result.confidentiality &&
           is_same_doubt(&v->must, a->in_doubt, a->in_doubt_rule) && redacted(l->layers, l->n, &v->must) == a->redact;
}

static bool is_alike(const struct loaded *l, const struct policy_verdict *v, const struct policy_verdict *w)
{
    return v->decision == w->decision && strcmp(v->rule, w->rule) == 0 && strcmp(v->why, w->why) == 0 &&
           v->must.timeout_ms == w->must.timeout_ms && v->must.approve_ms == w->must.approve_ms &&
           v->must.result_bytes == w->must.result_bytes && v->must.fresh_host == w->must.fresh_host &&
           v->result.integrity == w->result.integrity && v->result.confidentiality == w->result.confidentiality &&
           is_same_doubt(&v->must, policy_doubt_name(w->must.in_doubt), w->must.in_doubt_rule) &&
           redacted(l->layers, l->n, &v->must) == redacted(l->shuffled, l->n, &w->must);
}

/* The first is the verdict's, whether all fit or one. */
static bool is_explained(const struct loaded *l, const struct policy_request *r, const struct policy_verdict *v)
{
    static struct policy_reason all[400];
    struct policy_reason one;
    const size_t n = policy_explain(l->layers, l->n, r, all, COUNT(all));
    bool good = n > 0 && n <= COUNT(all) && all[0].decision == v->decision && strcmp(all[0].name, v->rule) == 0 &&
                strcmp(all[0].why, v->why) == 0;

    for (size_t i = 1; i < n && i < COUNT(all) && all[i].part <= POLICY_LIMIT; i++)
        good &= all[i].decision <= all[i - 1].decision && all[i - 1].part <= POLICY_LIMIT;
    return good && policy_explain(l->layers, l->n, r, &one, 1) == n && strcmp(one.name, v->rule) == 0;
}

static void report(const struct random_set *s, const struct random_request *r, const struct policy_verdict *v,
                   const struct reference_answer *a)
{
    struct buf text;

    buf_init(&text, 1u << 20);
    for (unsigned i = 0; i < s->n_layers; i++)
        for (unsigned f = 0; f < s->layers[i].n_files; f++) {
            buf_reset(&text);
            write_random_file(&s->layers[i].files[f], false, &text);
            diag("layer %u: %s", i, text.data);
        }
    buf_reset(&text);
    json_canonical(r->request.args, &text);
    buf_addc(&text, '\0');
    diag("%s.%s effects %x traits %x context %d %d past %zu args %s", r->request.provider, r->request.tool, r->request.effects,
         r->request.traits, r->request.context.integrity, r->request.context.confidentiality, r->request.n_past, text.data);
    diag("engine: %s by %s, result %d %d; reference: %s by %s, result %d %d", policy_decision_name(v->decision), v->rule,
         v->result.integrity, v->result.confidentiality, policy_decision_name(a->decision), a->rule, a->result.integrity,
         a->result.confidentiality);
    buf_finish(&text);
}

/* Were nothing known, it would be another rule's, or another decision. */
static bool depends_on_screens(const struct loaded *l, const struct policy_request *r, const struct policy_verdict *v)
{
    struct policy_request unknown = *r;
    struct policy_verdict w;

    unknown.n_screened = 0;
    w = policy_decide_layers(l->layers, l->n, &unknown);
    return w.decision != v->decision || strcmp(w.rule, v->rule) != 0;
}

static void compare(const struct random_set *s, const struct loaded *l, struct tally *t)
{
    for (unsigned i = 0; i < PER_SET; i++) {
        struct random_request r;
        struct reference_answer a;
        struct policy_verdict v, w;

        random_request(&r);
        v = policy_decide_layers(l->layers, l->n, &r.request);
        w = policy_decide_layers(l->shuffled, l->n, &r.request);
        reference_decide(l->reference, l->n, &r.request, &a);
        t->requests++;
        t->by_decision[v.decision]++;
        t->none += strcmp(v.rule, "none") == 0;
        t->built_in += strncmp(v.rule, "built-in/", 9) == 0;
        t->screened += policy_screens(l->layers, l->n, &r.request, NULL, 0) > 0;
        t->by_screened += depends_on_screens(l, &r.request, &v);
        t->with_duties += v.must.timeout_ms || v.must.approve_ms || v.must.fresh_host || v.must.result_bytes || policy_redacts(&v.must);
        if (!is_as_said(l, &v, &a) && t->differs++ < 3)
            report(s, &r, &v, &a);
        t->order += !is_alike(l, &v, &w);
        t->explained += is_explained(l, &r.request, &v);
        json_free(r.args);
    }
}

int main(void)
{
    static struct random_set set;
    const unsigned long wanted = count_of("CORAX_PROOFS", 250000);
    struct tally t = { 0 };

    plan_later();
    while (t.requests < wanted) {
        static struct loaded l;

        fill_random_set(&set);
        if (!load_all(&set, &l)) {
            ok(false, "a set of files that load alone loads");
            break;
        }
        t.sets++;
        t.layers += l.n;
        compare(&set, &l, &t);
        free_all(&l);
    }
    diag("%lu requests to %lu sets of %lu layers: %lu allow, %lu ask, %lu deny; no rule %lu, built in %lu, with duties %lu; screened %lu, decided "
         "by what that found %lu",
         t.requests,
         t.sets, t.layers, t.by_decision[0], t.by_decision[1], t.by_decision[2], t.none, t.built_in, t.with_duties, t.screened, t.by_screened);
    ok(t.by_screened > t.requests / 200, "what screens found decides on some");
    ok(t.requests >= wanted, "%lu requests were made", wanted);
    for (int d = 0; d < 3; d++)
        ok(t.by_decision[d] > t.requests / 50, "a good part is %s", policy_decision_name((enum policy_decision)d));
    ok(t.none > 0 && t.none < t.requests / 2 && t.built_in > 0 && t.with_duties > 0, "rules, duties and what is built in have their say");
    is_int((long long)t.differs, 0, "the reference evaluator says the same");
    is_int((long long)t.order, 0, "the order of entries, sections and files changes nothing");
    is_int((long long)(t.requests - t.explained), 0, "the first reason is the verdict's");
    done();
    return tap_status();
}
