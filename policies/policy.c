/*
 * Rules sorted from strict to lenient, then by name: the first that matches is the layer's verdict, so the order in which files
 * and rules were given cannot matter.  Verdicts of layers, limits and what is built in are joined: the strictest stands.
 */
#include "policies/policy.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <corax/plugin.h>

#include "policies/policy_parts.h"
#include "util/id.h"

#define ARENA_LIMIT (64u << 20) /* POLICY_MAX_FILES * POLICY_MAX_RULES names and arguments fit */
#define NOT_ASKED   "none"
#define CHANGES     (CORAX_FX_WRITE | CORAX_FX_EXEC)

static const char *const decision_names[] = { "allow", "ask", "deny" };
static const char *const doubt_names[] = { NULL, "ask", "fail" };
static const char *const part_names[] = { "rule", "built-in", "limit", "label", "sink", "contained" };

const char *policy_decision_name(enum policy_decision decision)
{
    return decision_names[decision];
}

const char *policy_doubt_name(enum policy_doubt doubt)
{
    return doubt_names[doubt];
}

enum policy_doubt policy_doubt_find(const char *name)
{
    for (int d = POLICY_DOUBT_ASK; name && d <= POLICY_DOUBT_FAIL; d++)
        if (strcmp(name, doubt_names[d]) == 0)
            return (enum policy_doubt)d;
    return POLICY_DOUBT_UNSAID;
}

const char *policy_part_name(enum policy_part part)
{
    return part_names[part];
}

const char *policy_hash(const struct policy *p)
{
    return p->hash;
}

size_t policy_count(const struct policy *p)
{
    return p->n_files;
}

struct policy_summary policy_summary(const struct policy *p, size_t i)
{
    const struct file *f = &p->files[i];

    return (struct policy_summary){
        .id = f->id, .root = f->root, .n_rules = f->n_rules, .n_tests = json_count(json_get(f->root, "tests"))
    };
}

/* --- what has a say ---------------------------------------------------------------------------------------------- */

/* Gathers the strictest max reasons in their order. */
struct reasons {
    struct policy_reason *out;
    size_t n, max;
};

static bool decides(const struct policy_reason *r)
{
    return r->part <= POLICY_LIMIT;
}

/* As verdicts are joined: the strictest first, of equals the one whose name comes first, "none" last. */
static bool comes_before(const struct policy_reason *x, const struct policy_reason *y)
{
    const bool x_none = strcmp(x->name, NOT_ASKED) == 0, y_none = strcmp(y->name, NOT_ASKED) == 0;
    int by_name;

    if (decides(x) != decides(y))
        return decides(x);
    if (x->decision != y->decision)
        return x->decision > y->decision;
    if (x->part != y->part && !decides(x))
        return x->part < y->part;
    if (x_none != y_none)
        return y_none;
    by_name = strcmp(x->name, y->name);
    return by_name ? by_name < 0 : x->layer < y->layer;
}

static void add_reason(struct reasons *r, enum policy_part part, size_t layer, enum policy_decision decision, const char *name,
                       const char *why)
{
    const struct policy_reason reason = { part, layer, decision, name, why };
    size_t at;

    if (!r)
        return;
    at = r->n < r->max ? r->n : r->max;
    r->n++;
    while (at > 0 && comes_before(&reason, &r->out[at - 1])) {
        if (at < r->max)
            r->out[at] = r->out[at - 1];
        at--;
    }
    if (at < r->max)
        r->out[at] = reason;
}

/* The stricter of two; of equals the one whose name comes first, "none" last. */
static void join_verdict(struct policy_verdict *v, enum policy_decision decision, const char *name, const char *why)
{
    const bool was_none = strcmp(v->rule, NOT_ASKED) == 0;

    if (decision < v->decision || (decision == v->decision && !was_none && strcmp(name, v->rule) >= 0))
        return;
    v->decision = decision;
    v->rule = name;
    v->why = why;
}

static int64_t strictest(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static void join_duties(struct policy_duties *must, const struct policy_duties *other, size_t layer)
{
    must->timeout_ms = strictest(must->timeout_ms, other->timeout_ms);
    must->approve_ms = strictest(must->approve_ms, other->approve_ms);
    must->result_bytes = strictest(must->result_bytes, other->result_bytes);
    must->fresh_host |= other->fresh_host;
    if (other->in_doubt > must->in_doubt ||
        (other->in_doubt && other->in_doubt == must->in_doubt && strcmp(other->in_doubt_rule, must->in_doubt_rule) < 0)) {
        must->in_doubt = other->in_doubt;
        must->in_doubt_rule = other->in_doubt_rule;
    }
    must->redact[layer] |= other->redact[0];
}

/* --- screens ----------------------------------------------------------------------------------------------------- */

static bool screen_is_about(const struct screen_rule *s, const struct policy_request *request)
{
    for (size_t i = 0; i < s->n_of; i++)
        if (match_is_about(&s->of[i], request))
            return true;
    return false;
}

size_t policy_screens(const struct policy *const *layers, size_t n, const struct policy_request *request, struct screen *out, size_t max)
{
    size_t found = 0;

    for (size_t l = 0; l < n; l++)
        for (size_t i = 0; layers[l] && i < layers[l]->n_screens; i++) {
            if (!screen_is_about(&layers[l]->screens[i], request))
                continue;
            if (found < max)
                out[found] = layers[l]->screens[i].asks;
            found++;
        }
    return found;
}

void policy_screen(const struct policy *p, const struct policy_request *request, struct match_memo *memo)
{
    memo->about = memo->answered = 0;
    for (size_t i = 0; i < p->n_screens; i++) {
        const struct screen_answer *a = NULL;

        if (!screen_is_about(&p->screens[i], request))
            continue;
        memo->about |= UINT64_C(1) << i;
        for (size_t k = 0; k < request->n_screened && !a; k++)
            if (screen_asks(&p->screens[i].asks, &request->screened[k]))
                a = &request->screened[k];
        if (!a || !a->known)
            continue;
        memo->answered |= UINT64_C(1) << i;
        memo->answers[i] = a;
    }
}

/* --- rules and limits -------------------------------------------------------------------------------------------- */

/* Duties that are there already need no look at whether their rule matches. */
static bool adds_duties(const struct policy_duties *must, const struct rule *r, size_t layer)
{
    struct policy_duties joined = *must;

    if (!r->has_duties)
        return false;
    join_duties(&joined, &r->must, layer);
    return joined.timeout_ms != must->timeout_ms || joined.approve_ms != must->approve_ms ||
           joined.result_bytes != must->result_bytes || joined.fresh_host != must->fresh_host ||
           joined.in_doubt_rule != must->in_doubt_rule || joined.redact[layer] != must->redact[layer];
}

static void decide_rules(const struct policy *p, size_t layer, const struct policy_request *request,
                         struct match_memo *memo, struct policy_verdict *v, struct reasons *reasons)
{
    bool decided = false, lifted = p->layer == POLICY_NARROWS; /* the denial that holds where nothing matches */
    struct policy_set may;

    match_memo_for(memo, p);
    policy_screen(p, request, memo);
    policy_index_find(p, request, memo, &may);
    for (size_t w = 0; w < may.n_words; w++)
        while (may.words[w]) {
            const struct rule *r = &p->rules[64 * w + (size_t)__builtin_ctzll(may.words[w])];
            const bool lifts = policy_rule_lifts(r), is_news = !decided || (lifts && !lifted);

            may.words[w] &= may.words[w] - 1;
            /* Behind the one that decides, only duties count, reasons, and whether a rule lifts the denial. */
            if (decided && !reasons && !(lifts && !lifted) && !adds_duties(&v->must, r, layer))
                continue;
            if (!match_holds(&r->is.match, request, memo, r->decision != POLICY_ALLOW))
                continue;
            if (!decided)
                join_verdict(v, r->decision, r->is.name, r->is.why);
            if (r->has_duties)
                join_duties(&v->must, &r->must, layer);
            add_reason(reasons, POLICY_RULE, layer, r->decision, r->is.name, r->is.why);
            /* A rule that asks because of what the task has seen is no reason to allow more than before that. */
            lifted |= lifts;
            decided = true;
            if (!reasons && is_news)
                policy_index_narrow(p, !lifted, &may);
        }
    if (!lifted) {
        if (v->decision < POLICY_DENY)
            *v = (struct policy_verdict){ POLICY_DENY, NOT_ASKED, "no policy rule allows this call", v->must, v->result };
        add_reason(reasons, POLICY_RULE, layer, POLICY_DENY, NOT_ASKED, "no policy rule allows this call");
    }
}

static bool is_about(const struct statement *s, const struct policy_past *past)
{
    const struct policy_request as_request = {
        .provider = past->provider, .tool = past->tool, .effects = past->effects, .traits = past->traits
    };

    return match_holds(&s->match, &as_request, NULL, true);
}

/* What the calls made and this one come to. */
static bool is_used_up(const struct limit_rule *l, const struct policy_request *request)
{
    int64_t calls = 1;
    uint64_t bytes = request->bytes;

    for (size_t i = 0; i < request->n_past; i++)
        if (is_about(&l->is, &request->past[i])) {
            calls++;
            if (__builtin_add_overflow(bytes, request->past[i].bytes, &bytes))
                bytes = UINT64_MAX;
        }
    return (l->calls >= 0 && calls > l->calls) || (l->bytes >= 0 && bytes > (uint64_t)l->bytes);
}

static void decide_limits(const struct policy *p, size_t layer, const struct policy_request *request, struct policy_verdict *v,
                          struct reasons *reasons)
{
    for (size_t i = 0; i < p->n_limits; i++) {
        const struct limit_rule *l = &p->limits[i];

        if (!match_holds(&l->is.match, request, NULL, true) || !is_used_up(l, request))
            continue;
        join_verdict(v, POLICY_DENY, l->is.name, l->is.why);
        add_reason(reasons, POLICY_LIMIT, layer, POLICY_DENY, l->is.name, l->is.why);
    }
}

/* --- labels, sinks, and what is built in ------------------------------------------------------------------------- */

static bool is_contained(const struct policy *base, const struct policy_request *request, struct match_memo *memo,
                         struct reasons *reasons)
{
    bool found = false;

    match_memo_for(memo, base);
    for (size_t i = 0; base && i < base->n_contained && (!found || reasons); i++) {
        const struct statement *s = &base->contained[i].is;

        if (!match_holds(&s->match, request, memo, false))
            continue;
        add_reason(reasons, POLICY_CONTAINED, 0, POLICY_ALLOW, s->name, s->why);
        found = true;
    }
    return found;
}

/* The worst that the layer says, on top of *label; which parts it says anything of. */
static void join_labels(const struct policy *p, size_t layer, const struct policy_request *request, struct match_memo *memo,
                        struct label *label, bool *integrity, bool *confidentiality, struct reasons *reasons)
{
    match_memo_for(memo, p);
    for (size_t i = 0; i < p->n_labels; i++) {
        const struct label_rule *l = &p->labels[i];

        if (!match_holds(&l->is.match, request, memo, true))
            continue;
        *label = label_join(*label, l->label); /* a part that it has not is the best one */
        /* What may be meant makes it worse, but only what is meant replaces what else would hold. */
        if (match_holds(&l->is.match, request, memo, false)) {
            *integrity |= l->has_integrity;
            *confidentiality |= l->has_confidentiality;
        }
        add_reason(reasons, POLICY_LABEL, layer, POLICY_ALLOW, l->is.name, l->is.why);
    }
}

static struct label label_result(const struct policy *const *layers, size_t n, const struct policy_request *request,
                                 struct match_memo *memo, struct reasons *reasons)
{
    bool integrity = false, confidentiality = false, ignored = false;
    struct label label = { TRUSTED, PUBLIC };

    if (n > 0 && layers[0])
        join_labels(layers[0], 0, request, memo, &label, &integrity, &confidentiality, reasons);
    if (!integrity && (request->effects & CORAX_FX_NET))
        label = label_join(label, (struct label){ .integrity = UNTRUSTED });
    if (!confidentiality && (request->effects & CORAX_FX_READ))
        label = label_join(label, (struct label){ .confidentiality = INTERNAL });
    for (size_t i = 1; i < n; i++)
        if (layers[i])
            join_labels(layers[i], i, request, memo, &label, &ignored, &ignored, reasons);
    return label;
}

/* Who sees what the call is given.  false: nobody. */
static bool find_sink(const struct policy *const *layers, size_t n, const struct policy_request *request, struct match_memo *memo,
                      bool contained, enum confidentiality *sink, struct reasons *reasons)
{
    bool found = false, base_says = false;

    for (size_t k = 0; k < n; k++) {
        match_memo_for(memo, layers[k]);
        for (size_t i = 0; layers[k] && i < layers[k]->n_sinks; i++) {
            const struct sink_rule *s = &layers[k]->sinks[i];

            if (!match_holds(&s->is.match, request, memo, true))
                continue;
            *sink = found && *sink < s->confidentiality ? *sink : s->confidentiality;
            found = true;
            base_says |= k == 0 && match_holds(&s->is.match, request, memo, false);
            add_reason(reasons, POLICY_SINK, k, POLICY_ALLOW, s->is.name, s->is.why);
        }
    }
    if (!base_says && !contained && (request->effects & (CORAX_FX_NET | CHANGES))) {
        const enum confidentiality given = request->effects & CORAX_FX_NET ? PUBLIC : INTERNAL;

        *sink = found && *sink < given ? *sink : given;
        found = true;
    }
    return found;
}

static const struct {
    const char *name, *why;
} flow = { "built-in/flow", "what the task has seen is not for everybody whom this call would tell" },
  trusted_context = { "built-in/trusted-context",
                      "the task has read something that nobody vouches for, and this call changes something" },
  rule_of_two = { "built-in/rule-of-two",
                  "the task has read something that nobody vouches for, has seen what is not public, and this call acts outside" };

static void decide_built_in(const struct policy *const *layers, size_t n, const struct policy_request *request,
                            struct match_memo *memo, struct policy_verdict *v, struct reasons *reasons)
{
    const struct label *seen = &request->context;
    const bool contained = is_contained(n > 0 ? layers[0] : NULL, request, memo, reasons);
    const bool changes = !contained && ((request->effects & CHANGES) || (request->traits & CORAX_TRAIT_DESTRUCTIVE));
    const bool outside = changes || (!contained && (request->effects & CORAX_FX_NET));
    enum confidentiality sink = PUBLIC;

    if (find_sink(layers, n, request, memo, contained, &sink, reasons) && seen->confidentiality > sink) {
        const enum policy_decision d = seen->confidentiality == SECRET ? POLICY_DENY : POLICY_ASK;

        join_verdict(v, d, flow.name, flow.why);
        add_reason(reasons, POLICY_BUILT_IN, 0, d, flow.name, flow.why);
    }
    if (seen->integrity == UNTRUSTED && changes) {
        join_verdict(v, POLICY_ASK, trusted_context.name, trusted_context.why);
        add_reason(reasons, POLICY_BUILT_IN, 0, POLICY_ASK, trusted_context.name, trusted_context.why);
    }
    if (seen->integrity == UNTRUSTED && seen->confidentiality > PUBLIC && outside) {
        join_verdict(v, POLICY_ASK, rule_of_two.name, rule_of_two.why);
        add_reason(reasons, POLICY_BUILT_IN, 0, POLICY_ASK, rule_of_two.name, rule_of_two.why);
    }
}

/* --- deciding --------------------------------------------------------------------------------------------------- */

static struct policy_verdict decide(const struct policy *const *layers, size_t n, const struct policy_request *request,
                                    struct reasons *reasons)
{
    static const struct policy nothing = { .layer = POLICY_BASE };
    struct policy_verdict v = { .decision = POLICY_ALLOW, .rule = NOT_ASKED, .why = "nothing is against it" };
    struct match_memo memo;

    match_memo_init(&memo);
    assert(n <= POLICY_MAX_LAYERS);
    /* Without a base nothing is allowed, however that came about. */
    if (n == 0 || !layers[0])
        decide_rules(&nothing, 0, request, &memo, &v, reasons);
    for (size_t i = 0; i < n; i++) {
        if (!layers[i])
            continue;
        decide_rules(layers[i], i, request, &memo, &v, reasons);
        decide_limits(layers[i], i, request, &v, reasons);
    }
    decide_built_in(layers, n, request, &memo, &v, reasons);
    v.result = label_result(layers, n, request, &memo, reasons);
    return v;
}

struct policy_verdict policy_decide_layers(const struct policy *const *layers, size_t n,
                                           const struct policy_request *request)
{
    return decide(layers, n, request, NULL);
}

struct policy_verdict policy_decide(const struct policy *base, const struct policy_request *request)
{
    return decide(&base, 1, request, NULL);
}

size_t policy_explain(const struct policy *const *layers, size_t n, const struct policy_request *request,
                      struct policy_reason *out, size_t max)
{
    struct reasons reasons = { .out = out, .max = max };

    decide(layers, n, request, &reasons);
    return reasons.n;
}

/* --- redaction --------------------------------------------------------------------------------------------------- */

bool policy_redacts(const struct policy_duties *must)
{
    for (size_t i = 0; i < POLICY_MAX_LAYERS; i++)
        if (must->redact[i])
            return true;
    return false;
}

/* Marks the bytes of the text that a layer's patterns match. */
static bool mark_layer(const struct policy *p, uint64_t which, const char *text, size_t len, unsigned char *marks)
{
    for (size_t i = 0; p && i < p->n_redactions; i++)
        if ((which >> i & 1) && !redaction_mark(p->redactions[i], text, len, marks))
            return false;
    return true;
}

static void add_unmarked(const char *text, size_t len, const unsigned char *marks, struct buf *out)
{
    for (size_t from = 0, to; from < len; from = to) {
        for (to = from + 1; to < len && marks[to] == marks[from]; to++)
            ;
        if (marks[from])
            buf_adds(out, "[redacted]");
        else
            buf_add(out, text + from, to - from);
    }
}

/* Each pattern sees the text as it came: what one takes out must not hide from another what belongs to it. */
void policy_redact(const struct policy *const *layers, size_t n, const struct policy_duties *must, const char *text, size_t len,
                   struct buf *out)
{
    unsigned char *marks = calloc(len + 1, 1);
    bool good = marks != NULL;
    struct buf made;

    buf_init(&made, out->limit);
    for (size_t i = 0; i < n && good; i++)
        good = mark_layer(layers[i], must->redact[i], text, len, marks);
    if (good)
        add_unmarked(text, len, marks, &made);
    if (good && !made.failed)
        buf_add(out, made.data, made.len);
    else
        buf_adds(out, "[withheld: a policy has parts of this text taken out, and that could not be done]");
    buf_finish(&made);
    free(marks);
}

/* --- loading ----------------------------------------------------------------------------------------------------- */

static int no_memory(struct err *err)
{
    return fail(err, CORAX_E_INTERNAL, "no memory");
}

static int check_head(const struct policy *p, const struct json *root, const char **id, struct err *err)
{
    static const char *const known[] = { "policy", "id", "about", "rules", "labels", "sinks", "limits", "contained", "screens", "tests" };
    const size_t n_known = sizeof(known) / sizeof(*known);
    int64_t version;

    if (json_kind(root) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "not an object");
    for (const struct json *m = json_first(root); m; m = json_next(m)) {
        size_t i = 0;

        while (i < n_known && strcmp(json_key(m), known[i]) != 0)
            i++;
        if (i == n_known)
            return fail(err, CORAX_E_ARGS,
                        "key \"%.60s\" is unknown: policy, id, about, rules, labels, sinks, limits, contained, screens, tests are known",
                        json_key(m));
    }
    if (json_int(json_get(root, "policy"), "policy", &version, NULL) < 0 || version != 1)
        return fail(err, CORAX_E_ARGS, "policy is not 1, the only version there is");
    *id = json_get_text(root, "id", NULL);
    if (!policy_is_id(*id) || strcmp(*id, "built-in") == 0)
        return fail(err, CORAX_E_ARGS, "id is not 1 to %d of a-z 0-9 - _, or is \"built-in\"", POLICY_ID_MAX);
    for (size_t i = 0; i < p->n_files; i++)
        if (strcmp(p->files[i].id, *id) == 0)
            return fail(err, CORAX_E_ARGS, "another file has the id %s too", *id);
    return 0;
}

static void free_entries(struct policy *p)
{
    free(p->rules);
    free(p->keys);
    policy_index_destroy(p->index);
    free(p->labels);
    free(p->sinks);
    free(p->limits);
    free(p->contained);
    free(p->screens);
}

static bool append(void *array, size_t *n, const void *more, size_t n_more, size_t size)
{
    void **at = array;
    char *grown;

    if (n_more == 0)
        return true;
    if (!(grown = realloc(*at, (*n + n_more) * size)))
        return false;
    memcpy(grown + *n * size, more, n_more * size);
    *at = grown;
    *n += n_more;
    return true;
}

/* Moves the entries of one file into the set.  Its redactions are the set's in any case. */
static int take_entries(struct policy *p, struct policy *one, struct err *err)
{
    const size_t shift = p->n_redactions;

    if (shift + one->n_redactions > POLICY_MAX_REDACTIONS)
        return fail(err, CORAX_E_LIMIT, "more than %d patterns to redact in all files", POLICY_MAX_REDACTIONS);
    memcpy(&p->redactions[shift], one->redactions, one->n_redactions * sizeof(*one->redactions));
    p->n_redactions += one->n_redactions;
    one->n_redactions = 0;
    if (p->n_screens + one->n_screens > POLICY_MAX_SCREENS)
        return fail(err, CORAX_E_LIMIT, "more than %d screens in all files", POLICY_MAX_SCREENS);
    for (size_t i = 0; i < one->n_rules && shift > 0; i++)
        if (one->rules[i].must.redact[0])
            one->rules[i].must.redact[0] <<= shift;
    if (append(&p->rules, &p->n_rules, one->rules, one->n_rules, sizeof(*one->rules)) &&
        append(&p->labels, &p->n_labels, one->labels, one->n_labels, sizeof(*one->labels)) &&
        append(&p->sinks, &p->n_sinks, one->sinks, one->n_sinks, sizeof(*one->sinks)) &&
        append(&p->limits, &p->n_limits, one->limits, one->n_limits, sizeof(*one->limits)) &&
        append(&p->contained, &p->n_contained, one->contained, one->n_contained, sizeof(*one->contained)) &&
        append(&p->screens, &p->n_screens, one->screens, one->n_screens, sizeof(*one->screens)))
        return 0;
    return no_memory(err);
}

static int load_file(struct policy *p, const struct policy_file *given, struct err *err)
{
    struct policy one = { .layer = p->layer, .arena = p->arena };
    struct json *root;
    struct file *file;
    const char *id = NULL;
    int result;

    if (given->len > POLICY_MAX_FILE_BYTES)
        return fail(err, CORAX_E_LIMIT, "%zu bytes: a policy file has at most %u", given->len, POLICY_MAX_FILE_BYTES);
    root = json_parse(given->text, given->len, err);
    if (!root)
        return -1;
    if (check_head(p, root, &id, err) < 0) {
        json_free(root);
        return -1;
    }
    file = &p->files[p->n_files++];
    *file = (struct file){ .id = id, .root = root, .text = given->text, .len = given->len };
    result = policy_read_file(&one, id, root, err);
    if (result == 0)
        result = policy_sort(&one, err);
    if (result == 0)
        result = policy_run_tests(&one, json_get(root, "tests"), err);
    file->n_rules = one.n_rules;
    if (result == 0)
        result = take_entries(p, &one, err);
    for (size_t i = 0; i < one.n_redactions; i++)
        redaction_destroy(one.redactions[i]);
    free_entries(&one);
    return result;
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->id, ((const struct file *)b)->id);
}

/* An id ends with a NUL and a text holds none, so the bytes have one reading only. */
static int hash_files(struct policy *p, struct err *err)
{
    unsigned char hash[HASH_LEN];
    struct buf all;
    int result = 0;

    buf_init(&all, (size_t)POLICY_MAX_FILES * (POLICY_MAX_FILE_BYTES + POLICY_ID_MAX + 2));
    for (size_t i = 0; i < p->n_files; i++) {
        buf_add(&all, p->files[i].id, strlen(p->files[i].id) + 1);
        buf_add(&all, p->files[i].text, p->files[i].len);
        buf_addc(&all, '\0');
        p->files[i].text = NULL;
    }
    if (all.failed) {
        result = no_memory(err);
    } else {
        hash_bytes(all.data, all.len, hash);
        hash_format(hash, p->hash);
    }
    buf_finish(&all);
    return result;
}

struct policy *policy_load(const struct policy_file *files, size_t n, enum policy_layer layer, struct err *err)
{
    struct policy *p = calloc(1, sizeof(*p));

    if (!p || !(p->arena = arena_create(ARENA_LIMIT)) || !(p->files = calloc(n + 1, sizeof(*p->files)))) {
        no_memory(err);
        goto bad;
    }
    p->layer = layer;
    if (n > POLICY_MAX_FILES) {
        fail(err, CORAX_E_LIMIT, "%zu policy files: at most %d are read", n, POLICY_MAX_FILES);
        goto bad;
    }
    for (size_t i = 0; i < n; i++)
        if (load_file(p, &files[i], err) < 0) {
            err_context(err, "%.80s", files[i].name);
            goto bad;
        }
    if (policy_sort(p, err) < 0)
        goto bad;
    qsort(p->files, p->n_files, sizeof(*p->files), compare_files);
    if (hash_files(p, err) == 0)
        return p;
bad:
    policy_destroy(p);
    return NULL;
}

void policy_destroy(struct policy *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_files; i++)
        json_free(p->files[i].root);
    for (size_t i = 0; i < p->n_redactions; i++)
        redaction_destroy(p->redactions[i]);
    free(p->files);
    free_entries(p);
    arena_destroy(p->arena);
    free(p);
}
