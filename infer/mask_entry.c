/*
 * Working out an entry: the vocabulary is walked with the states of the text's language alone.  Tokens that stay inside are
 * kept as bits, or, where most of it is as in another entry, as what differs from that one.
 */
#include "infer/mask_entry.h"

#include <stdlib.h>
#include <string.h>

#include "infer/machine_json.h"

/* --- exits -------------------------------------------------------------------------------------------------------- */

void leavings_add(struct leavings *l, const char *rest, size_t len, int32_t token, uint16_t chars)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 256;
        struct leaving *list = realloc(l->list, cap * sizeof *list);

        if (!list) {
            l->failed = true;
            return;
        }
        l->list = list;
        l->cap = cap;
    }
    if (l->n_bytes + len > l->bytes_cap) {
        size_t cap = 2 * (l->bytes_cap + len) + 4096;
        char *bytes = realloc(l->bytes, cap);

        if (!bytes) {
            l->failed = true;
            return;
        }
        l->bytes = bytes;
        l->bytes_cap = cap;
    }
    if (len)
        memcpy(l->bytes + l->n_bytes, rest, len);
    l->list[l->n++] = (struct leaving){ (const char *)(uintptr_t)l->n_bytes, len, token, chars }; /* made a pointer at the end */
    l->n_bytes += len;
}

/* All tokens of a subtree, each with what it has behind the node. */
static void leave_subtree(struct leavings *l, const struct token_trie *t, uint32_t node, char *path, uint16_t chars)
{
    const uint32_t end = t->nodes[node].end;
    const unsigned depth = t->nodes[node].depth;

    for (uint32_t i = node; i < end; i++) {
        const struct trie_node *n = &t->nodes[i];

        if (i > node)
            path[n->depth - depth - 1] = (char)n->byte;
        for (uint32_t k = n->first; k < n[1].first; k++)
            leavings_add(l, path, n->depth - depth, t->tokens[k], chars);
    }
}

static int compare_leaving(const void *a, const void *b)
{
    const struct leaving *x = a, *y = b;
    size_t n = x->len < y->len ? x->len : y->len;
    int order = n ? memcmp(x->rest, y->rest, n) : 0;

    if (order != 0)
        return order;
    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return x->token < y->token ? -1 : x->token > y->token;
}

static size_t shared(const struct leaving *a, const struct leaving *b)
{
    size_t n = 0;

    while (n < a->len && n < b->len && a->rest[n] == b->rest[n])
        n++;
    return n;
}

int exits_build(struct exits *x, struct leavings *l)
{
    uint32_t open[TOKENIZER_MAX_TOKEN + 1] = { 0 };
    size_t n_nodes = 1, depth = 0;

    for (size_t i = 0; i < l->n; i++)
        l->list[i].rest = l->bytes + (uintptr_t)l->list[i].rest;
    if (l->n)
        qsort(l->list, l->n, sizeof *l->list, compare_leaving);
    for (size_t i = 0; i < l->n; i++)
        n_nodes += l->list[i].len - (i ? shared(&l->list[i - 1], &l->list[i]) : 0);
    x->nodes = calloc(n_nodes + 1, sizeof *x->nodes);
    x->tokens = malloc((l->n + 1) * sizeof *x->tokens);
    x->chars = malloc((l->n + 1) * sizeof *x->chars);
    if (!x->nodes || !x->tokens || !x->chars || l->failed)
        return -1;
    x->n_nodes = 1;
    for (size_t i = 0; i < l->n; i++) {
        const struct leaving *e = &l->list[i];
        const size_t keep = i ? shared(&l->list[i - 1], e) : 0;

        for (; depth > keep; depth--)
            x->nodes[open[depth]].end = (uint32_t)x->n_nodes;
        for (; depth < e->len; depth++) {
            open[depth + 1] = (uint32_t)x->n_nodes;
            x->nodes[x->n_nodes++] = (struct trie_node){
                .first = (uint32_t)i, .depth = (uint16_t)(depth + 1), .byte = (uint8_t)e->rest[depth]
            };
        }
        x->tokens[i] = e->token;
        x->chars[i] = e->chars;
    }
    for (;; depth--) {
        x->nodes[open[depth]].end = (uint32_t)x->n_nodes;
        if (depth == 0)
            break;
    }
    x->nodes[x->n_nodes].first = (uint32_t)l->n;
    x->n_tokens = l->n;
    return 0;
}

void exits_finish(struct exits *x)
{
    free(x->nodes);
    free(x->tokens);
    free(x->chars);
}

/* --- inside of a text --------------------------------------------------------------------------------------------- */

struct scan {
    struct machine *machine;
    const struct mask_vocabulary *vocabulary;
    struct mask_entry *entry;
    struct text_state *states; /* [max_depth + 1] */
    struct leavings leavings;  /* of STRING and KEY */
    enum counting counting;
    uint16_t *chars;           /* [n_tokens] what tokens are to be sorted by */
    bool lost;                 /* what some need is not known */
    char path[TOKENIZER_MAX_TOKEN];
    struct loops *loops;
};

static void add_tokens(struct scan *s, int32_t **list, size_t *n, size_t *cap, uint32_t from, uint32_t to)
{
    if (*n + (to - from) > *cap) {
        size_t more = 2 * (*n + (to - from)) + 64;
        int32_t *p = realloc(*list, more * sizeof *p);

        if (!p) {
            s->leavings.failed = true;
            return;
        }
        *list = p;
        *cap = more;
    }
    if (to > from)
        memcpy(*list + *n, s->vocabulary->trie->tokens + from, (to - from) * sizeof **list);
    *n += to - from;
}

/* Characters that the text needs yet.  Of one kind of character any number will do. */
static uint32_t to_end(struct scan *s, regex r)
{
    bool longer;
    int32_t n;

    if (s->counting != COUNT_CHARS || s->lost)
        return 0;
    n = regex_to_end(s->machine->regexes, r, &longer);
    s->entry->longer &= longer;
    s->lost = n < 0;
    return n < 0 ? 0 : (uint32_t)n;
}

/* Behind a backslash: may a character come that leads back to where the text could end before it? */
static bool escape_loops(struct scan *s, const struct text_state *x)
{
    struct regexes *r = s->machine->regexes;

    return x->escape == ESCAPE && regex_accepts(r, x->regex) &&
           (regex_next(r, x->regex, '"') == x->regex || regex_next(r, x->regex, '\\') == x->regex || regex_next(r, x->regex, '\n') == x->regex);
}

/* A node whose bytes the text reads. */
static void stays(struct scan *s, const struct trie_node *node, const struct text_state *x)
{
    const struct token_trie *t = s->vocabulary->trie;
    struct mask_entry *e = s->entry;

    if (e->base) {
        add_tokens(s, &e->own, &e->n_own, &e->own_cap, node->first, node[1].first);
        return;
    }
    if (s->counting == COUNT_CHARS && x->escape != PLAIN && !escape_loops(s, x)) {
        add_tokens(s, &e->unsure, &e->n_unsure, &e->unsure_cap, node->first, node[1].first);
        return;
    }
    set_tokens(t, e->bits, node->first, node[1].first);
    for (uint32_t i = node->first; s->chars && i < node[1].first; i++)
        s->chars[t->tokens[i]] = (uint16_t)(x->chars + to_end(s, x->regex));
}

/* A node whose whole subtree the text reads, in the state that it has there. */
static void all_stay(struct scan *s, uint32_t node, const struct text_state *x)
{
    const struct token_trie *t = s->vocabulary->trie;
    const uint32_t end = t->nodes[node].end, to = t->nodes[end].first;
    struct mask_entry *e = s->entry;
    uint32_t chars;

    if (e->base) /* as the base has it: see loops_on() */
        return;
    set_tokens(t, e->bits, t->nodes[node].first, to);
    chars = x->chars + to_end(s, x->regex) - t->chars[node];
    for (uint32_t i = t->nodes[node].first; s->chars && i < to; i++)
        s->chars[t->tokens[i]] = (uint16_t)(chars + t->token_chars[i]);
    if (!e->ends || !regex_accepts(s->machine->regexes, x->regex))
        return;
    for (uint32_t i = node + 1; i < end;) { /* it may end between any two characters */
        const unsigned n = 64 - i % 64 < end - i ? 64 - i % 64 : end - i;

        e->ends[i / 64] |= t->starts[i / 64] & (n == 64 ? ~(uint64_t)0 : (((uint64_t)1 << n) - 1) << i % 64);
        i += n;
    }
}

/* No token of this subtree is one of the base's. */
static void strike(struct scan *s, uint32_t node)
{
    const struct trie_node *nodes = s->vocabulary->trie->nodes;
    struct mask_entry *e = s->entry;

    if (e->base)
        add_tokens(s, &e->struck, &e->n_struck, &e->struck_cap, nodes[node].first, nodes[nodes[node].end].first);
}

/* JSON's own bytes in a string do not stand for themselves. */
static bool is_plain(const struct scan *s, uint8_t byte)
{
    return is_bare(s->entry->kind) || (byte >= 0x20 && byte != '"' && byte != '\\');
}

/* Does the text read whatever a node's subtree has?  With a base only where that has any text, and so all of it, too. */
static inline bool loops_on(struct scan *s, uint32_t node, const struct text_state *x)
{
    const struct token_trie *t = s->vocabulary->trie;

    return t->following[node] && x->escape == 0 && (!s->entry->base || x->base == REGEX_ANY) &&
           loops_cover(s->loops, x->regex, is_bare(s->entry->kind) ? LOOPS_BYTES : LOOPS_JSON, s->counting == COUNT_CHARS,
                       &t->sets[t->following[node] - 1]);
}

/* The state behind a byte; false: it does not stay inside. */
bool text_state_step(struct machine *m, uint32_t kind, bool has_base, struct text_state *x, uint8_t byte)
{
    struct frame f = { .kind = kind, .regex = x->regex, .escape = x->escape, .code = x->code };

    x->chars += f.escape == PLAIN && !byte_continues(byte);
    if (is_bare(f.kind) || (f.escape == 0 && byte >= 0x20 && byte != '\\')) {
        x->regex = regex_next(m->regexes, x->regex, byte);
        if (has_base)
            x->base = x->escape == 0 ? regex_next(m->regexes, x->base, byte) : REGEX_NONE;
        return x->regex != REGEX_NONE;
    }
    if (!value_text_step(m, &f, byte))
        return false;
    *x = (struct text_state){ f.regex, REGEX_NONE, f.escape, f.code, x->chars, NULL }; /* an escape: the base is not followed */
    return true;
}

/* Where the same may follow as in the base, the rest of the subtree is as the base has it. */
static bool is_base(const struct scan *s, const struct text_state *x)
{
    return s->entry->base && x->regex == x->base && x->escape == 0;
}

/* A byte that stands for itself, without a base: by the rows alone.  This is what most of a walk is. */
static inline bool step_row(struct scan *s, const struct text_state *from, uint8_t byte, struct text_state *to)
{
    regex next = from->row[byte];

    if (next == REGEX_UNSEEN)
        next = regex_next(s->machine->regexes, from->regex, byte);
    if (next == REGEX_NONE)
        return false;
    to->regex = next; /* field by field: what is written as one piece is not read as several without waiting */
    to->escape = to->code = 0;
    to->chars = from->chars + !byte_continues(byte);
    to->row = next == from->regex ? from->row : regex_row(s->machine->regexes, next);
    return to->row != NULL;
}

/* The text has read a node's byte.  The next node to look at. */
static inline uint32_t went_on(struct scan *s, uint32_t node)
{
    const struct trie_node *n = &s->vocabulary->trie->nodes[node];
    const struct text_state *x = &s->states[n->depth];

    if (loops_on(s, node, x)) {
        all_stay(s, node, x);
        return n->end;
    }
    stays(s, n, x);
    return node + 1;
}

static void scan_text(struct scan *s)
{
    const struct token_trie *t = s->vocabulary->trie;
    const bool quoted = !is_bare(s->entry->kind);

    for (uint32_t i = 1; i < t->n_nodes;) {
        const struct trie_node *node = &t->nodes[i];
        const struct text_state *from = &s->states[node->depth - 1];
        struct text_state x;

        if (!quoted && node->depth > 1 && regex_accepts(s->machine->regexes, from->regex))
            s->entry->ends[i / 64] |= (uint64_t)1 << i % 64;
        if (from->row && is_plain(s, node->byte)) {
            i = step_row(s, from, node->byte, &s->states[node->depth]) ? went_on(s, i) : node->end;
            continue;
        }
        x = *from;
        if (quoted && node->byte == '"' && x.escape == 0) {
            strike(s, i);
            if (regex_accepts(s->machine->regexes, x.regex))
                leave_subtree(&s->leavings, t, i, s->path, (uint16_t)x.chars);
            i = node->end;
        } else if (!text_state_step(s->machine, s->entry->kind, s->entry->base, &x, node->byte)) {
            strike(s, i);
            i = node->end;
        } else if (is_base(s, &x)) {
            i = node->end;
        } else {
            x.row = !s->entry->base && x.escape == 0 ? regex_row(s->machine->regexes, x.regex) : NULL;
            s->states[node->depth] = x;
            i = went_on(s, i);
        }
    }
}

/* Do most tokens begin with a byte behind which as much may follow as in the base? */
static bool is_mostly(struct scan *s, regex r, regex base)
{
    const struct token_trie *t = s->vocabulary->trie;
    size_t n = 0;

    for (uint32_t i = 1; i < t->n_nodes; i = t->nodes[i].end) {
        const regex next = regex_next(s->machine->regexes, r, t->nodes[i].byte);

        if (next != REGEX_NONE && next == regex_next(s->machine->regexes, base, t->nodes[i].byte))
            n += t->nodes[i].end - i;
    }
    return n > t->n_nodes / 4;
}

void entry_destroy(struct mask_entry *e)
{
    if (!e)
        return;
    free(e->bits);
    free(e->struck);
    free(e->own);
    free(e->ends);
    for (int byte = 0; byte < 256; byte++)
        free(e->ends_with[byte]);
    exits_finish(&e->exits);
    free(e->by_chars);
    free(e->chars_at);
    free(e->unsure);
    for (int i = 0; i <= FEW_CHARS; i++)
        free(e->up_to[i]);
    free(e);
}

static bool may_end(const struct mask_entry *e, uint32_t node)
{
    return e->ends[node / 64] >> node % 64 & 1;
}

const struct end_nodes *entry_ends(struct mask_entry *e, const struct token_trie *t, uint8_t byte)
{
    const uint32_t from = t->by_byte_at[byte], to = t->by_byte_at[byte + 1];
    struct end_nodes *list;
    size_t n = 0;

    if (e->ends_with[byte])
        return e->ends_with[byte];
    for (uint32_t i = from; i < to; i++)
        n += may_end(e, t->by_byte[i]);
    list = malloc(sizeof *list + n * sizeof *list->nodes);
    if (!list)
        return NULL;
    list->n = 0;
    for (uint32_t i = from; i < to; i++)
        if (may_end(e, t->by_byte[i]))
            list->nodes[list->n++] = t->by_byte[i];
    return e->ends_with[byte] = list;
}

/* The tokens that stay, by the characters that they need. */
static int sort_chars(struct scan *s)
{
    struct mask_entry *e = s->entry;
    const size_t n = s->vocabulary->n_tokens;

    if (!s->chars || s->lost)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (e->bits[i / 32] >> i % 32 & 1 && s->chars[i] > e->most_chars)
            e->most_chars = s->chars[i];
    e->by_chars = malloc((n + 1) * sizeof *e->by_chars);
    e->chars_at = calloc(e->most_chars + 3, sizeof *e->chars_at);
    if (!e->by_chars || !e->chars_at)
        return -1;
    for (size_t i = 0; i < n; i++) /* counted two places further, so that they move to where they belong while they are used */
        if (e->bits[i / 32] >> i % 32 & 1)
            e->chars_at[s->chars[i] + 2]++;
    for (uint32_t c = 2; c <= e->most_chars + 1; c++)
        e->chars_at[c + 1] += e->chars_at[c];
    for (size_t i = 0; i < n; i++)
        if (e->bits[i / 32] >> i % 32 & 1)
            e->by_chars[e->chars_at[s->chars[i] + 1]++] = (int32_t)i;
    return 0;
}

/* Where a text cannot end, nobody needs to look at what is behind it. */
static void drop_ends(struct mask_entry *e, const struct token_trie *t)
{
    for (size_t i = 0; e->ends && i < t->n_nodes / 64 + 1; i++)
        if (e->ends[i])
            return;
    free(e->ends);
    e->ends = NULL;
}

struct mask_entry *entry_create(struct machine *m, const struct mask_vocabulary *v, struct loops *loops, struct mask_entry *base,
                                const struct frame *f, enum counting counting)
{
    struct scan s = { .machine = m, .vocabulary = v, .loops = loops, .counting = counting };
    struct mask_entry *e = calloc(1, sizeof *e);
    bool good = false;

    s.entry = e;
    s.states = malloc((v->trie->max_depth + 1) * sizeof *s.states);
    if (!e || !s.states)
        goto out;
    *e = (struct mask_entry){ .kind = f->kind, .regex = f->regex, .escape = f->escape, .escapes = m->style.escapes,
                              .counted = counting != COUNT_NOTHING, .longer = true };
    if (base && !is_bare(f->kind) && f->escape == 0 && f->regex != base->regex && is_mostly(&s, f->regex, base->regex))
        e->base = base;
    else if (!(e->bits = calloc(v->n_words, sizeof *e->bits)))
        goto out;
    if (is_bare(f->kind) && !(e->ends = calloc(v->trie->n_nodes / 64 + 1, sizeof *e->ends)))
        goto out;
    s.states[0] = (struct text_state){ .regex = f->regex, .base = base ? base->regex : REGEX_NONE, .escape = f->escape, .code = f->code };
    if (!e->base && f->escape == 0)
        s.states[0].row = regex_row(m->regexes, f->regex);
    if (e->counted && !(s.chars = malloc((v->n_tokens + 1) * sizeof *s.chars)))
        goto out;
    scan_text(&s);
    drop_ends(e, v->trie);
    good = !s.leavings.failed && exits_build(&e->exits, &s.leavings) == 0 && sort_chars(&s) == 0;
out:
    free(s.states);
    free(s.chars);
    free(s.leavings.list);
    free(s.leavings.bytes);
    if (good)
        return e;
    entry_destroy(e);
    return NULL;
}
