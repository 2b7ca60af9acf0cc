/*
 * Patterns become expressions from their ends to their beginnings: what a node and all behind it match is made from the
 * node and what all behind it matches.  So a look-ahead is an intersection with what comes, and `$` is what comes being
 * empty.  What stands before a place matters to ^ and \b only, in three ways: nothing, a character of a word, another
 * one.  All that comes is therefore kept three times, and is the same three times nearly always.
 */
#include <string.h>

#include "infer/regex_store.h"
#include "infer/regex_syntax.h"

/*
 * Repeating what has assertions in it copies it, in nested groups over and over: so many steps beyond the
 * two that each node takes anyway.
 */
#define MAX_UNROLLED 32
#define MAX_STEPS    20000

enum { AT_BEGIN, AFTER_WORD, AFTER_OTHER, N_PLACES };

#define KEPT_SETS 8 /* the dots and \\d of one pattern are made once */

struct kept_set {
    const struct regex_range *ranges;
    size_t n;
    regex is;
};

struct rest { /* what comes, by what stands before it */
    regex at[N_PLACES];
};

struct translation {
    struct regexes *store;
    const struct syntax *tree;
    struct err *err;
    regex word, word_first; /* a character of a word; any text that begins with one */
    regex other;
    struct kept_set sets[KEPT_SETS];
    size_t n_sets;
    size_t steps;
    int status;
};

static const struct rest nothing; /* REGEX_NONE thrice */

static struct rest everywhere(regex r)
{
    return (struct rest){ { r, r, r } };
}

static struct rest refuse(struct translation *t, const struct syntax_node *n, const char *what)
{
    if (t->status == 0)
        t->status = syntax_fail(t->tree, n->offset, what, "cannot be held", t->err);
    return nothing;
}

static bool tired(struct translation *t)
{
    if (t->status == 0 && (++t->steps > MAX_STEPS + 2 * t->tree->n_nodes || regex_failed(t->store)))
        t->status = fail(t->err, CORAX_E_LIMIT, "pattern of %zu bytes: too large", t->tree->len);
    return t->status < 0;
}

static struct rest either(struct translation *t, struct rest x, struct rest y)
{
    for (int i = 0; i < N_PLACES; i++)
        x.at[i] = i > 0 && x.at[i] == x.at[i - 1] && y.at[i] == y.at[i - 1] ? x.at[i - 1]
                                                                            : regex_or(t->store, x.at[i], y.at[i]);
    return x;
}

/* --- what has no assertion in it ---------------------------------------------------------------------------------- */

static regex plain(struct translation *t, uint32_t node);

static regex plain_set(struct translation *t, const struct syntax_node *n)
{
    if (n->n == 0)
        return REGEX_NONE;
    const struct regex_range *r = t->tree->ranges + n->first;
    if (n->n == 1 && r->from == r->to && r->from < 0x80) {
        char c = (char)r->from;
        return regex_literal(t->store, &c, 1);
    }
    for (size_t i = 0; i < KEPT_SETS; i++) {
        const struct kept_set *kept = &t->sets[i];
        if (kept->n == n->n && memcmp(kept->ranges, r, n->n * sizeof *r) == 0)
            return kept->is;
    }
    struct kept_set made = { r, n->n, regex_chars(t->store, r, n->n, false) };
    t->sets[t->n_sets++ % KEPT_SETS] = made;
    return made.is;
}

static regex plain_alternatives(struct translation *t, const struct syntax_node *n)
{
    size_t base = t->store->n_scratch;
    for (uint32_t x = n->first; x != NO_NODE; x = t->tree->nodes[x].next)
        regex_push(t->store, plain(t, x));
    return regex_or_pushed(t->store, base);
}

/* In a repetition ^ and $ are what cannot be. */
static regex plain(struct translation *t, uint32_t node)
{
    const struct syntax_node *n = &t->tree->nodes[node];
    regex r = REGEX_EMPTY;
    if (tired(t))
        return REGEX_NONE;
    switch (n->kind) {
    case SYNTAX_SET:
        return plain_set(t, n);
    case SYNTAX_CAT:
        for (uint32_t x = n->first; x != NO_NODE; x = t->tree->nodes[x].next)
            r = regex_concat(t->store, plain(t, x), r);
        return r;
    case SYNTAX_ALT:
        return plain_alternatives(t, n);
    case SYNTAX_REPEAT:
        return regex_repeat(t->store, plain(t, n->first), n->min, n->max);
    default:
        return REGEX_NONE;
    }
}

static regex not_empty(struct translation *t, regex r)
{
    const struct regex_node *n = &t->store->nodes[r];
    if (!n->nullable)
        return r;
    if (n->op == OP_REPEAT && !t->store->nodes[n->a].nullable)
        return regex_repeat(t->store, n->a, 1, n->c == FOREVER ? REGEX_MANY : (int64_t)n->c);
    return regex_minus(t->store, r, REGEX_EMPTY);
}

/* The texts of r, and then what comes after such a one. */
static struct rest before(struct translation *t, regex r, struct rest rest)
{
    struct regexes *s = t->store;
    struct rest made;
    if (rest.at[AT_BEGIN] == rest.at[AFTER_WORD] && rest.at[AFTER_WORD] == rest.at[AFTER_OTHER])
        return everywhere(regex_concat(s, r, rest.at[AT_BEGIN]));
    bool nullable = regex_accepts(s, r);
    r = not_empty(t, r);
    regex behind = regex_concat(s, r, rest.at[AFTER_WORD]);
    if (rest.at[AFTER_WORD] != rest.at[AFTER_OTHER]) {
        regex word = regex_and(s, r, regex_concat(s, REGEX_ANY, t->word));
        regex other = regex_and(s, r, regex_concat(s, REGEX_ANY, t->other));
        behind = regex_or(s, regex_concat(s, word, rest.at[AFTER_WORD]), regex_concat(s, other, rest.at[AFTER_OTHER]));
    }
    for (int i = 0; i < N_PLACES; i++)
        made.at[i] = nullable ? regex_or(s, rest.at[i], behind) : behind;
    return made;
}

/* --- all else ----------------------------------------------------------------------------------------------------- */

static struct rest translate(struct translation *t, uint32_t node, struct rest rest);

static struct rest translate_all(struct translation *t, uint32_t last, struct rest rest)
{
    for (uint32_t x = last; x != NO_NODE && t->status == 0; x = t->tree->nodes[x].next)
        rest = translate(t, x, rest);
    return rest;
}

static struct rest translate_either(struct translation *t, const struct syntax_node *n, struct rest rest)
{
    struct rest made = nothing;
    for (uint32_t x = n->first; x != NO_NODE && t->status == 0; x = t->tree->nodes[x].next)
        made = either(t, made, translate(t, x, rest));
    return made;
}

static struct rest look_ahead(struct translation *t, const struct syntax_node *n, struct rest rest)
{
    struct rest seen = translate(t, n->first, everywhere(REGEX_ANY));
    for (int i = 0; i < N_PLACES; i++) {
        regex x = rest.at[i], y = seen.at[i];
        rest.at[i] = n->kind == SYNTAX_AHEAD ? regex_and(t->store, x, y) : regex_minus(t->store, x, y);
    }
    return rest;
}

static struct rest word_edge(struct translation *t, bool edge, struct rest rest)
{
    for (int i = 0; i < N_PLACES; i++) {
        bool word = (i == AFTER_WORD) != edge; /* must one of a word come? */
        rest.at[i] =
            word ? regex_and(t->store, rest.at[i], t->word_first) : regex_minus(t->store, rest.at[i], t->word_first);
    }
    return rest;
}

/* What comes when nothing comes. */
static struct rest at_end(struct translation *t, struct rest rest)
{
    for (int i = 0; i < N_PLACES; i++)
        rest.at[i] = regex_accepts(t->store, rest.at[i]) ? REGEX_EMPTY : REGEX_NONE;
    return rest;
}

/* Are ^ and $ all that keeps it from being plain? */
static bool only_ends(const struct syntax *tree, uint32_t node)
{
    const struct syntax_node *n = &tree->nodes[node];
    if (n->plain || n->kind == SYNTAX_BEGIN || n->kind == SYNTAX_END)
        return true;
    if (n->kind == SYNTAX_REPEAT)
        return only_ends(tree, n->first);
    for (uint32_t x = n->first; x != NO_NODE && (n->kind == SYNTAX_CAT || n->kind == SYNTAX_ALT);
         x = tree->nodes[x].next) {
        if (!only_ends(tree, x))
            return false;
    }
    return n->kind == SYNTAX_CAT || n->kind == SYNTAX_ALT;
}

/*
 * A look-ahead and then one character, over and over until the text ends, as ((?!a).)*$: no place may have behind it what
 * must not come there.  false when it is something else.
 */
static bool guarded(struct translation *t, uint32_t node, struct rest *rest)
{
    struct regexes *s = t->store;
    const struct syntax_node *n = &t->tree->nodes[node];
    while (n->kind == SYNTAX_CAT && n->n == 1)
        n = &t->tree->nodes[n->first];
    if (n->kind != SYNTAX_CAT || n->n < 2 || rest->at[AT_BEGIN] != REGEX_EMPTY || rest->at[AFTER_WORD] != REGEX_EMPTY ||
        rest->at[AFTER_OTHER] != REGEX_EMPTY)
        return false;
    const struct syntax_node *last = &t->tree->nodes[n->first];
    regex bad = REGEX_NONE;
    if (last->kind != SYNTAX_SET)
        return false;
    for (uint32_t x = last->next; x != NO_NODE; x = t->tree->nodes[x].next) {
        const struct syntax_node *look = &t->tree->nodes[x];
        if (look->kind != SYNTAX_AHEAD && look->kind != SYNTAX_NOT_AHEAD)
            return false;
        struct rest seen = translate(t, look->first, everywhere(REGEX_ANY));
        if (seen.at[0] != seen.at[1] || seen.at[1] != seen.at[2])
            return false;
        bad = regex_or(s, bad, look->kind == SYNTAX_AHEAD ? regex_minus(s, REGEX_ANY, seen.at[0]) : seen.at[0]);
    }
    bad = regex_and(s, bad, regex_repeat(s, s->chr, 1, REGEX_MANY)); /* nothing is asked where the text ends */
    regex all = regex_repeat(s, plain_set(t, last), 0, REGEX_MANY);
    *rest = everywhere(regex_minus(s, all, regex_concat(s, REGEX_ANY, bad)));
    return true;
}

/*
 * Any number of what has assertions in it.  ^ holds only in the first round, and after a round in which $ has held all is
 * empty; what is between has neither.
 */
static struct rest any_number(struct translation *t, const struct syntax_node *n, struct rest rest)
{
    if (rest.at[0] == REGEX_ANY && rest.at[1] == REGEX_ANY && rest.at[2] == REGEX_ANY)
        return rest;
    if (!only_ends(t->tree, n->first)) {
        if (!guarded(t, n->first, &rest))
            return refuse(t, n, "an assertion in a repetition");
        return rest;
    }
    struct rest last = translate(t, n->first, at_end(t, rest)), begin = rest;
    struct rest later = before(t, regex_repeat(t->store, plain(t, n->first), 0, REGEX_MANY), either(t, rest, last));
    struct rest first = later;
    first.at[AT_BEGIN] = REGEX_NONE;
    first = either(t, translate(t, n->first, first), either(t, begin, last));
    later.at[AT_BEGIN] = first.at[AT_BEGIN];
    return later;
}

static struct rest repeat(struct translation *t, const struct syntax_node *n, struct rest rest)
{
    int64_t min = n->min, max = n->max;
    struct rest made = rest;
    if (!t->tree->nodes[n->first].width) { /* twice says no more than once */
        max = max == 0 ? 0 : 1;
        min = min == 0 ? 0 : 1;
    }
    if (min > MAX_UNROLLED || (max >= 0 && max > MAX_UNROLLED))
        return refuse(t, n, "an assertion in a repetition");
    if (max < 0)
        made = any_number(t, n, rest);
    for (int64_t i = min; i < max && t->status == 0; i++)
        made = either(t, rest, translate(t, n->first, made));
    for (int64_t i = 0; i < min && t->status == 0; i++)
        made = translate(t, n->first, made);
    return made;
}

static struct rest translate(struct translation *t, uint32_t node, struct rest rest)
{
    const struct syntax_node *n = &t->tree->nodes[node];
    if (tired(t))
        return nothing;
    if (n->plain && n->kind != SYNTAX_CAT)
        return before(t, plain(t, node), rest);
    switch (n->kind) {
    case SYNTAX_CAT:
        return translate_all(t, n->first, rest);
    case SYNTAX_ALT:
        return translate_either(t, n, rest);
    case SYNTAX_REPEAT:
        return repeat(t, n, rest);
    case SYNTAX_BEGIN:
        return (struct rest){ { rest.at[AT_BEGIN], REGEX_NONE, REGEX_NONE } };
    case SYNTAX_END:
        return at_end(t, rest);
    case SYNTAX_WORD_EDGE:
    case SYNTAX_NO_WORD_EDGE:
        return word_edge(t, n->kind == SYNTAX_WORD_EDGE, rest);
    case SYNTAX_AHEAD:
    case SYNTAX_NOT_AHEAD:
        return look_ahead(t, n, rest);
    default:
        return refuse(t, n, "a look-behind that is not at the beginning");
    }
}

/* --- searching ---------------------------------------------------------------------------------------------------- */

static bool is_behind(const struct syntax_node *n)
{
    return n->kind == SYNTAX_BEHIND || n->kind == SYNTAX_NOT_BEHIND;
}

/* What may stand before the pattern, by its first look-behinds; x is the last of them, all before it must be such, too. */
static regex allowed_before(struct translation *t, uint32_t x)
{
    regex allowed = REGEX_ANY;
    uint32_t last = x;
    for (; x != NO_NODE; x = t->tree->nodes[x].next) {
        const struct syntax_node *n = &t->tree->nodes[x];
        if (!is_behind(n) || !t->tree->nodes[n->first].plain) {
            refuse(t, &t->tree->nodes[last], "a look-behind that is not at the beginning");
            return REGEX_NONE;
        }
        regex ends = regex_concat(t->store, REGEX_ANY, plain(t, n->first));
        allowed = n->kind == SYNTAX_BEHIND ? regex_and(t->store, allowed, ends) : regex_minus(t->store, allowed, ends);
    }
    return allowed;
}

/* Searched for from the beginning on: the texts that have it somewhere. */
static regex somewhere(struct translation *t, regex allowed, struct rest found)
{
    struct regexes *s = t->store;
    if (found.at[AFTER_WORD] == found.at[AFTER_OTHER] && found.at[AFTER_WORD] == found.at[AT_BEGIN])
        return regex_concat(s, allowed, found.at[AT_BEGIN]);
    if (!regex_accepts(s, allowed))
        found.at[AT_BEGIN] = REGEX_NONE;
    if (found.at[AFTER_WORD] == REGEX_NONE && found.at[AFTER_OTHER] == REGEX_NONE)
        return found.at[AT_BEGIN];
    struct rest all = before(t, not_empty(t, allowed), found);
    return regex_or(s, found.at[AT_BEGIN], all.at[AT_BEGIN]);
}

static regex search(struct translation *t, uint32_t node, regex rest)
{
    const struct syntax_node *n = &t->tree->nodes[node];
    struct rest found = everywhere(rest);
    size_t base = t->store->n_scratch;
    if (n->kind == SYNTAX_ALT) {
        for (uint32_t x = n->first; x != NO_NODE && t->status == 0; x = t->tree->nodes[x].next)
            regex_push(t->store, search(t, x, rest));
        return regex_or_pushed(t->store, base);
    }
    if (n->kind != SYNTAX_CAT)
        return somewhere(t, REGEX_ANY, translate(t, node, found));
    uint32_t x = n->first;
    for (; x != NO_NODE && !is_behind(&t->tree->nodes[x]); x = t->tree->nodes[x].next)
        found = translate(t, x, found);
    return somewhere(t, allowed_before(t, x), found);
}

static void prepare(struct translation *t)
{
    static const struct regex_range word[] = { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } };
    t->word = regex_chars(t->store, word, 4, false);
    t->other = regex_chars(t->store, word, 4, true);
    t->word_first = regex_concat(t->store, t->word, REGEX_ANY);
}

static int pattern(struct regexes *s, const char *text, size_t len, bool whole, regex *out, struct err *err)
{
    struct syntax tree;
    struct translation t = { .store = s, .tree = &tree, .err = err };
    int status = syntax_parse(&tree, text, len, err);
    regex r = REGEX_NONE;
    if (status == 0) {
        if (!tree.nodes[tree.root].plain)
            prepare(&t);
        r = whole ? translate(&t, tree.root, everywhere(REGEX_EMPTY)).at[AT_BEGIN] : search(&t, tree.root, REGEX_ANY);
        tired(&t);
        status = t.status;
    }
    syntax_finish(&tree);
    if (status == 0)
        *out = r;
    return status;
}

int regex_pattern(struct regexes *s, const char *text, size_t len, regex *out, struct err *err)
{
    return pattern(s, text, len, false, out, err);
}

int regex_pattern_whole(struct regexes *s, const char *text, size_t len, regex *out, struct err *err)
{
    return pattern(s, text, len, true, out, err);
}
