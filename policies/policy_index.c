/*
 * Which of many rules may match a call.  A rule that does not match should cost nothing, and one that is looked at costs about
 * 100 ns, most of it for fetching it: so a thousand rules about one URL must not be looked at one by one.
 *
 * Sets of rules are bits, 64 to a word, in the order of the rules.  For each value of effects, traits and context there is the set of
 * the rules that accept it; the names' keys (policies/match.h) are compared one by one, eight bytes at a time.  For the rules that are
 * left, a feature is what a value shows to one kind of condition on one argument.  Each rule has one part of one of its conditions
 * looked up in a feature, that whose keys (policies/arg_keys.h) the fewest rules share, and one condition's bounds in another.  What
 * the index leaves is then looked at by match_holds, which alone says what matches.
 *
 * Nothing is remembered from call to call: how long it takes depends on the rules and on the length of the call alone.
 */
#include <stdlib.h>
#include <string.h>

#include "policies/arg_keys.h"
#include "policies/policy_parts.h"

#define N_EFFECTS    32 /* values of enum corax_effect's bits; rules may name no others */
#define N_TRAITS     4
#define N_INTEGRITY  2
#define N_CONFIDENTS 3
#define WORTH_IT     8 /* so many rules are looked at sooner than a value is taken apart */

/* Of the rules that want a key, those of one word. */
struct entry {
    uint32_t word;
    uint64_t bits;
};

struct slot {
    uint64_t key;      /* with n 0: none */
    uint32_t first, n; /* of entries */
};

struct bounds {
    uint32_t rule;
    enum arg_measure measure;
    double low, high;
};

struct feature {
    const struct arg_condition *sample; /* its name and kind */
    bool by_bounds;
    unsigned measures; /* of bounds */
    size_t first_bounds, n_bounds;
    uint64_t *rules;     /* those that are looked up in it */
    uint64_t *in_doubt;  /* those that hold for what cannot be told */
    uint64_t *respelled; /* those that hold for a URL with an odd path */
};

/* A rule that names a finding of a screen. */
struct finding {
    uint32_t screen, rule;
    uint64_t word; /* its hash */
};

struct policy_index {
    size_t n_words;
    uint64_t *by_effects[N_EFFECTS], *by_traits[N_TRAITS], *by_context[N_INTEGRITY][N_CONFIDENTS];
    uint64_t *with_duties, *lifting;
    uint64_t **by_screen, **within; /* by screen: the rules about it, and those of them that allow */
    size_t n_findings;
    struct finding *findings;              /* by screen, then word */
    size_t n_features, n_slots, n_entries; /* n_slots: a power of two */
    struct feature *features;
    struct slot *slots;
    struct entry *entries;
    struct bounds *bounds; /* by feature */
    uint64_t *words;       /* all the sets */
};

bool policy_rule_lifts(const struct rule *r)
{
    if (r->decision == POLICY_ASK && r->is.match.n_screened > 0)
        return false;
    return r->decision == POLICY_DENY || label_is_within(r->is.match.from, (struct label){ TRUSTED, PUBLIC });
}

/* --- making it: what rules want --------------------------------------------------------------------------------- */

/* A part of a rule that can be looked up. */
struct choice {
    uint32_t rule;
    const struct arg_condition *condition;
    uint64_t cost; /* how many wants there are with its keys */
};

struct want {
    uint64_t key;
    uint32_t choice;
};

struct gathering {
    struct choice *choices;
    struct want *wants;
    size_t n_choices, n_wants, cap_choices, cap_wants;
    bool failed;
};

static bool grow(void *array, size_t *cap, size_t n, size_t size)
{
    void **at = array, *grown;

    if (n < *cap)
        return true;
    if (!(grown = realloc(*at, (2 * *cap + 64) * size)))
        return false;
    *at = grown;
    *cap = 2 * *cap + 64;
    return true;
}

static void add_want(void *arg, uint64_t key)
{
    struct gathering *g = arg;

    if (g->failed || !grow(&g->wants, &g->cap_wants, g->n_wants, sizeof(*g->wants))) {
        g->failed = true;
        return;
    }
    g->wants[g->n_wants++] = (struct want){ .key = key, .choice = (uint32_t)g->n_choices };
}

static bool is_against(const struct rule *r)
{
    return r->decision != POLICY_ALLOW;
}

static void gather_rule(struct gathering *g, const struct rule *r, uint32_t number)
{
    for (size_t i = 0; i < r->is.match.n_args; i++) {
        const struct arg_condition *c = &r->is.match.args[i];

        for (int way = 0; way < N_ARG_WAYS && c->slot >= 0 && !g->failed; way++) {
            if (!grow(&g->choices, &g->cap_choices, g->n_choices, sizeof(*g->choices))) {
                g->failed = true;
                return;
            }
            if (arg_want_keys(c, is_against(r), (enum arg_way)way, add_want, g))
                g->choices[g->n_choices++] = (struct choice){ .rule = number, .condition = c };
        }
    }
}

/* A key is of its feature. */
static uint64_t mix(uint64_t key, size_t feature)
{
    key = (key ^ (feature + 1) * UINT64_C(0x9E3779B97F4A7C15)) * UINT64_C(0xBF58476D1CE4E5B9);
    return key ^ key >> 29;
}

static size_t find_feature(const struct policy_index *x, const struct arg_condition *c, bool by_bounds)
{
    for (size_t i = 0; i < x->n_features; i++) {
        const struct feature *f = &x->features[i];

        if (f->sample->slot == c->slot && f->sample->kind == c->kind && f->by_bounds == by_bounds)
            return i;
    }
    return x->n_features;
}

static int compare_wants(const void *a, const void *b)
{
    const struct want *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->choice > y->choice) - (x->choice < y->choice);
}

/* What shares a key with many is dear.  One value may show several keys, so the wants are added up. */
static void weigh(struct gathering *g)
{
    if (g->n_wants == 0)
        return;
    qsort(g->wants, g->n_wants, sizeof(*g->wants), compare_wants);
    for (size_t from = 0, to; from < g->n_wants; from = to) {
        for (to = from + 1; to < g->n_wants && g->wants[to].key == g->wants[from].key; to++)
            ;
        for (size_t i = from; i < to; i++) {
            struct choice *c = &g->choices[g->wants[i].choice];

            c->cost = c->cost > to - from ? c->cost : to - from;
        }
    }
}

/* --- making it: sets --------------------------------------------------------------------------------------------- */

static void put(uint64_t *set, size_t rule)
{
    set[rule / 64] |= UINT64_C(1) << rule % 64;
}

static bool has(const uint64_t *set, size_t rule)
{
    return set[rule / 64] >> rule % 64 & 1;
}

static uint64_t *take_set(struct policy_index *x, size_t *n)
{
    return x->words + (*n)++ * x->n_words;
}

static void fill_sets(struct policy_index *x, const struct policy *p)
{
    for (size_t i = 0; i < p->n_rules; i++) {
        const struct match *m = &p->rules[i].is.match;

        for (unsigned e = 0; e < N_EFFECTS; e++)
            if (bits_hold(&m->effects, e))
                put(x->by_effects[e], i);
        for (unsigned t = 0; t < N_TRAITS; t++)
            if (bits_hold(&m->traits, t))
                put(x->by_traits[t], i);
        for (int a = 0; a < N_INTEGRITY; a++)
            for (int b = 0; b < N_CONFIDENTS; b++) {
                const struct label seen = { (enum integrity)a, (enum confidentiality)b };

                if (label_is_within(seen, m->to) && label_is_within(m->from, seen))
                    put(x->by_context[a][b], i);
            }
        if (p->rules[i].has_duties)
            put(x->with_duties, i);
        if (policy_rule_lifts(&p->rules[i]))
            put(x->lifting, i);
    }
}

static uint64_t hash_word(const char *s)
{
    uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
    return h;
}

static int compare_findings(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;

    if (x->screen != y->screen)
        return x->screen < y->screen ? -1 : 1;
    if (x->word != y->word)
        return x->word < y->word ? -1 : 1;
    return (x->rule > y->rule) - (x->rule < y->rule);
}

static void index_condition(struct policy_index *x, const struct rule *r, size_t rule, const struct screen_condition *c)
{
    put(x->by_screen[c->screen], rule);
    if (!is_against(r))
        put(x->within[c->screen], rule);
    for (size_t i = 0; i < c->words.n; i++)
        x->findings[x->n_findings++] = (struct finding){ .screen = (uint32_t)c->screen,
                                                         .rule = (uint32_t)rule,
                                                         .word = hash_word(c->words.at[i]) };
}

static bool make_findings(struct policy_index *x, const struct policy *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_rules; i++)
        for (size_t k = 0; k < p->rules[i].is.match.n_screened; k++)
            n += p->rules[i].is.match.screened[k].words.n;
    if (!(x->findings = calloc(n + 1, sizeof(*x->findings))))
        return false;
    for (size_t i = 0; i < p->n_rules; i++)
        for (size_t k = 0; k < p->rules[i].is.match.n_screened; k++)
            index_condition(x, &p->rules[i], i, &p->rules[i].is.match.screened[k]);
    if (x->n_findings > 0)
        qsort(x->findings, x->n_findings, sizeof(*x->findings), compare_findings);
    return true;
}

static bool make_sets(struct policy_index *x, const struct policy *p)
{
    size_t n = 0;

    x->by_screen = calloc(2 * p->n_screens + 1, sizeof(*x->by_screen));
    x->within = x->by_screen + p->n_screens;

    x->n_words = (p->n_rules + 63) / 64;
    x->words = calloc(x->n_words * (N_EFFECTS + N_TRAITS + (size_t)N_INTEGRITY * N_CONFIDENTS + 2 + 3 * x->n_features +
                                    2 * p->n_screens) +
                          1,
                      sizeof(*x->words));
    if (!x->words || !x->by_screen)
        return false;
    for (int e = 0; e < N_EFFECTS; e++)
        x->by_effects[e] = take_set(x, &n);
    for (int t = 0; t < N_TRAITS; t++)
        x->by_traits[t] = take_set(x, &n);
    for (int a = 0; a < N_INTEGRITY; a++)
        for (int b = 0; b < N_CONFIDENTS; b++)
            x->by_context[a][b] = take_set(x, &n);
    x->with_duties = take_set(x, &n);
    x->lifting = take_set(x, &n);
    for (size_t f = 0; f < x->n_features; f++) {
        x->features[f].rules = take_set(x, &n);
        x->features[f].in_doubt = take_set(x, &n);
        x->features[f].respelled = take_set(x, &n);
    }
    for (size_t i = 0; i < 2 * p->n_screens; i++)
        x->by_screen[i] = take_set(x, &n);
    fill_sets(x, p);
    return make_findings(x, p);
}

static bool add_feature(struct policy_index *x, size_t *cap, const struct arg_condition *c, bool by_bounds)
{
    if (c->slot < 0 || find_feature(x, c, by_bounds) < x->n_features)
        return true;
    if (!grow(&x->features, cap, x->n_features, sizeof(*x->features)))
        return false;
    x->features[x->n_features++] = (struct feature){ .sample = c, .by_bounds = by_bounds };
    return true;
}

static bool make_features(struct policy_index *x, const struct policy *p)
{
    size_t cap = 0;

    for (size_t i = 0; i < p->n_rules; i++)
        for (size_t k = 0; k < p->rules[i].is.match.n_args; k++) {
            const struct arg_condition *c = &p->rules[i].is.match.args[k];
            enum arg_measure measure;
            double low, high;

            if (!add_feature(x, &cap, c, false) ||
                (arg_bounds(c, &measure, &low, &high) && !add_feature(x, &cap, c, true)))
                return false;
        }
    return true;
}

/* --- making it: what is looked up -------------------------------------------------------------------------------- */

static void join_feature(struct policy_index *x, const struct rule *r, size_t rule, const struct arg_condition *c,
                         bool by_bounds)
{
    struct feature *f = &x->features[find_feature(x, c, by_bounds)];

    put(f->rules, rule);
    if (arg_holds_in_doubt(c, is_against(r)))
        put(f->in_doubt, rule);
    if (arg_holds_respelled(c, is_against(r)))
        put(f->respelled, rule);
}

static const struct choice *best_choice(const struct gathering *g, size_t *at, uint32_t rule)
{
    const struct choice *best = NULL;

    for (; *at < g->n_choices && g->choices[*at].rule == rule; ++*at)
        if (!best || g->choices[*at].cost < best->cost)
            best = &g->choices[*at];
    return best;
}

static bool find_bounds(const struct rule *r, const struct arg_condition **c, struct bounds *b)
{
    for (size_t i = 0; i < r->is.match.n_args; i++) {
        *c = &r->is.match.args[i];
        if ((*c)->slot >= 0 && arg_bounds(*c, &b->measure, &b->low, &b->high))
            return true;
    }
    return false;
}

/* Bounds, with the feature's number for the time being: they are sorted by it. */
struct bounds_of {
    struct bounds is;
    size_t feature;
};

static int compare_bounds(const void *a, const void *b)
{
    const struct bounds_of *x = a, *y = b;

    if (x->feature != y->feature)
        return x->feature < y->feature ? -1 : 1;
    return (x->is.rule > y->is.rule) - (x->is.rule < y->is.rule);
}

static bool keep_bounds(struct policy_index *x, struct bounds_of *all, size_t n)
{
    if (!(x->bounds = calloc(n + 1, sizeof(*x->bounds))))
        return false;
    qsort(all, n, sizeof(*all), compare_bounds);
    for (size_t i = 0; i < n; i++) {
        struct feature *f = &x->features[all[i].feature];

        if (f->n_bounds++ == 0)
            f->first_bounds = i;
        f->measures |= 1u << all[i].is.measure;
        x->bounds[i] = all[i].is;
    }
    return true;
}

/* For each rule what it is looked up by; chosen has a bit for each choice that is taken. */
static bool choose(struct policy_index *x, const struct policy *p, const struct gathering *g, uint64_t *chosen)
{
    struct bounds_of *all = calloc(p->n_rules + 1, sizeof(*all));
    size_t at = 0, n = 0;
    bool good;

    if (!all)
        return false;
    for (uint32_t i = 0; i < p->n_rules; i++) {
        const struct choice *best = best_choice(g, &at, i);
        const struct arg_condition *c = NULL;
        struct bounds b = { .rule = i };

        if (best) {
            put(chosen, (size_t)(best - g->choices));
            join_feature(x, &p->rules[i], i, best->condition, false);
        }
        if (find_bounds(&p->rules[i], &c, &b)) {
            all[n++] = (struct bounds_of){ b, find_feature(x, c, true) };
            join_feature(x, &p->rules[i], i, c, true);
        }
    }
    good = keep_bounds(x, all, n);
    free(all);
    return good;
}

static struct slot *find_slot(const struct policy_index *x, uint64_t key)
{
    size_t i = key & (x->n_slots - 1);

    while (x->slots[i].n > 0 && x->slots[i].key != key)
        i = (i + 1) & (x->n_slots - 1);
    return &x->slots[i];
}

/* Wants are in the order of their keys, and of the rules. */
static bool fill_slots(struct policy_index *x, const struct gathering *g, const uint64_t *chosen)
{
    size_t n_slots = 16;

    while (n_slots < 2 * g->n_wants)
        n_slots *= 2;
    x->n_slots = n_slots;
    if (!(x->slots = calloc(n_slots, sizeof(*x->slots))) || !(x->entries = calloc(g->n_wants + 1, sizeof(*x->entries))))
        return false;
    for (size_t i = 0; i < g->n_wants; i++) {
        const struct want *w = &g->wants[i];
        const uint32_t rule = g->choices[w->choice].rule;
        struct slot *s;

        if (!has(chosen, w->choice))
            continue;
        s = find_slot(x, w->key);
        if (s->n == 0)
            *s = (struct slot){ .key = w->key, .first = (uint32_t)x->n_entries };
        if (s->n == 0 || x->entries[x->n_entries - 1].word != rule / 64) {
            x->entries[x->n_entries++] = (struct entry){ .word = rule / 64 };
            s->n++;
        }
        x->entries[x->n_entries - 1].bits |= UINT64_C(1) << rule % 64;
    }
    return true;
}

static bool make_index(struct policy_index *x, const struct policy *p, struct gathering *g)
{
    uint64_t *chosen;
    bool good;

    for (uint32_t i = 0; i < p->n_rules; i++)
        gather_rule(g, &p->rules[i], i);
    if (g->failed || !make_features(x, p) || !make_sets(x, p) ||
        !(chosen = calloc(g->n_choices / 64 + 1, sizeof(*chosen))))
        return false;
    for (size_t i = 0; i < g->n_wants; i++)
        g->wants[i].key = mix(g->wants[i].key, find_feature(x, g->choices[g->wants[i].choice].condition, false));
    weigh(g);
    good = choose(x, p, g, chosen) && fill_slots(x, g, chosen);
    free(chosen);
    return good;
}

int policy_index_create(struct policy *p, struct err *err)
{
    struct policy_index *x = calloc(1, sizeof(*x));
    struct gathering g = { 0 };
    const bool good = x && make_index(x, p, &g);

    free(g.choices);
    free(g.wants);
    policy_index_destroy(p->index);
    p->index = x;
    return good ? 0 : fail(err, CORAX_E_INTERNAL, "no memory");
}

void policy_index_destroy(struct policy_index *x)
{
    if (!x)
        return;
    free(x->features);
    free(x->slots);
    free(x->entries);
    free(x->bounds);
    free(x->words);
    free(x->by_screen);
    free(x->findings);
    free(x);
}

/* --- asking it --------------------------------------------------------------------------------------------------- */

static void keep(struct policy_set *s, const uint64_t *set)
{
    for (size_t i = 0; i < s->n_words; i++)
        s->words[i] &= set[i];
}

/* What has bits that no rule may name is left to be looked at. */
static void keep_declared(const struct policy_index *x, const struct policy_request *r, struct policy_set *s)
{
    if (r->effects < N_EFFECTS)
        keep(s, x->by_effects[r->effects]);
    if (r->traits < N_TRAITS)
        keep(s, x->by_traits[r->traits]);
    if ((unsigned)r->context.integrity < N_INTEGRITY && (unsigned)r->context.confidentiality < N_CONFIDENTS)
        keep(s, x->by_context[r->context.integrity][r->context.confidentiality]);
}

static void keep_names(const struct policy *p, const struct policy_request *r, struct policy_set *s)
{
    const struct tool_key key = match_key_of(r->provider, r->tool);

    for (size_t w = 0; w < s->n_words; w++)
        for (uint64_t left = s->words[w]; left; left &= left - 1) {
            const size_t i = 64 * w + (size_t)__builtin_ctzll(left);

            if (!match_key_fits(&p->keys[i], &key, r->effects, r->traits))
                s->words[w] &= ~(left & -left);
        }
}

static size_t first_of(const struct policy_index *x, uint32_t screen, uint64_t word)
{
    const struct finding wanted = { .screen = screen, .word = word };
    size_t low = 0, high = x->n_findings;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (compare_findings(&x->findings[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Those that name the word; one that allows must name each word, so of these the first finding's will do. */
static void join_named(const struct policy_index *x, uint32_t screen, const char *finding, bool is_first,
                       struct policy_set *s)
{
    const uint64_t word = hash_word(finding);

    for (size_t i = first_of(x, screen, word);
         i < x->n_findings && x->findings[i].screen == screen && x->findings[i].word == word; i++)
        if (is_first || !has(x->within[screen], x->findings[i].rule))
            put(s->words, x->findings[i].rule);
}

static void keep_found(const struct policy_index *x, uint32_t screen, const struct screen_answer *a,
                       struct policy_set *s)
{
    struct policy_set may;

    memset(may.words, 0, s->n_words * sizeof(*may.words));
    for (size_t i = 0; i < a->n; i++)
        join_named(x, screen, a->findings[i], i == 0, &may);
    for (size_t i = 0; i < s->n_words; i++)
        s->words[i] &= may.words[i] | (a->n == 0 ? x->within[screen][i] : 0) | ~x->by_screen[screen][i];
}

/* Rules about what was screened: none for a call that was not to be, no allowing one where it is not known. */
static void keep_screened(const struct policy *p, const struct match_memo *memo, struct policy_set *s)
{
    const struct policy_index *x = p->index;

    for (uint32_t i = 0; i < p->n_screens; i++) {
        if (memo->answered >> i & 1) {
            keep_found(x, i, memo->answers[i], s);
            continue;
        }
        for (size_t w = 0; w < s->n_words; w++)
            s->words[w] &= ~(memo->about >> i & 1 ? x->within[i][w] : x->by_screen[i][w]);
    }
}

struct asking {
    const struct policy_index *index;
    size_t feature;
    struct policy_set *shown; /* the rules of which a key was shown */
};

static void take_key(void *arg, uint64_t key)
{
    const struct asking *a = arg;
    const struct slot *s = find_slot(a->index, mix(key, a->feature));

    for (uint32_t i = s->first; i < s->first + s->n; i++)
        a->shown->words[a->index->entries[i].word] |= a->index->entries[i].bits;
}

static void join(struct policy_set *s, const uint64_t *set)
{
    for (size_t i = 0; i < s->n_words; i++)
        s->words[i] |= set[i];
}

/* Of several values each is between low and high: what none of them can meet is left out. */
static void join_bounds(const struct policy_index *x, const struct feature *f, const struct arg_shown *shown,
                        struct policy_set *s)
{
    for (size_t i = f->first_bounds; i < f->first_bounds + f->n_bounds; i++) {
        const struct bounds *b = &x->bounds[i];

        if (b->low <= shown->high[b->measure] && b->high >= shown->low[b->measure])
            put(s->words, b->rule);
    }
}

static void keep_shown(const struct policy_index *x, size_t feature, const struct policy_request *r,
                       struct match_memo *memo, struct policy_set *s)
{
    const struct feature *f = &x->features[feature];
    const struct arg_context context = { .resolve = r->resolve, .resolve_arg = r->resolve_arg, .memo = &memo->args };
    struct policy_set may;
    struct asking asking = { x, feature, &may };
    struct arg_shown shown;

    may.n_words = s->n_words;
    memset(may.words, 0, s->n_words * sizeof(*may.words));
    arg_show_keys(f->sample->kind, match_find_value(f->sample, r->args, memo), &context, f->measures,
                  f->by_bounds ? NULL : take_key, &asking, &shown);
    join_bounds(x, f, &shown, &may);
    if (shown.in_doubt)
        join(&may, f->in_doubt);
    if (shown.respelled)
        join(&may, f->respelled);
    for (size_t i = 0; i < s->n_words; i++)
        s->words[i] &= may.words[i] | ~f->rules[i];
}

static bool is_worth_it(const struct policy_set *s, const struct feature *f)
{
    int n = 0;

    for (size_t i = 0; i < s->n_words && n < WORTH_IT; i++)
        n += __builtin_popcountll(s->words[i] & (f ? f->rules[i] : UINT64_MAX));
    return n >= WORTH_IT;
}

void policy_index_find(const struct policy *p, const struct policy_request *r, struct match_memo *memo,
                       struct policy_set *s)
{
    const struct policy_index *x = p->index;

    s->n_words = x ? x->n_words : 0;
    if (s->n_words == 0)
        return;
    memset(s->words, 0xFF, s->n_words * sizeof(*s->words));
    if (p->n_rules % 64)
        s->words[s->n_words - 1] = (UINT64_C(1) << p->n_rules % 64) - 1;
    keep_declared(x, r, s);
    keep_screened(p, memo, s);
    keep_names(p, r, s);
    for (size_t f = 0; f < x->n_features && is_worth_it(s, NULL); f++)
        if (is_worth_it(s, &x->features[f]))
            keep_shown(x, f, r, memo, s);
}

void policy_index_narrow(const struct policy *p, bool lifting, struct policy_set *s)
{
    const struct policy_index *x = p->index;

    for (size_t i = 0; i < s->n_words; i++)
        s->words[i] &= x->with_duties[i] | (lifting ? x->lifting[i] : 0);
}
