/*
 * Working out an entry: the vocabulary is walked with the states of the text's language alone.  Tokens that stay inside are
 * kept as bits, or, where most of it is as in another entry, as what differs from that one.
 */
#include "infer/mask_entry.h"

#include <stdlib.h>
#include <string.h>

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
        for (int32_t token = n->token; token >= 0; token = t->same[token])
            leavings_add(l, path, n->depth - depth, token, chars);
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
    x->nodes = calloc(n_nodes, sizeof *x->nodes);
    x->firsts = calloc(n_nodes + 1, sizeof *x->firsts);
    x->tokens = malloc((l->n + 1) * sizeof *x->tokens);
    x->chars = malloc((l->n + 1) * sizeof *x->chars);
    if (!x->nodes || !x->firsts || !x->tokens || !x->chars || l->failed)
        return -1;
    x->n_nodes = 1;
    for (size_t i = 0; i < l->n; i++) {
        const struct leaving *e = &l->list[i];
        const size_t keep = i ? shared(&l->list[i - 1], e) : 0;

        for (; depth > keep; depth--)
            x->nodes[open[depth]].end = (uint32_t)x->n_nodes;
        for (; depth < e->len; depth++) {
            open[depth + 1] = (uint32_t)x->n_nodes;
            x->firsts[x->n_nodes] = (uint32_t)i;
            x->nodes[x->n_nodes++] = (struct trie_node){ .token = -1, .depth = (uint16_t)(depth + 1), .byte = (uint8_t)e->rest[depth] };
        }
        x->tokens[i] = e->token;
        x->chars[i] = e->chars;
    }
    for (;; depth--) {
        x->nodes[open[depth]].end = (uint32_t)x->n_nodes;
        if (depth == 0)
            break;
    }
    x->firsts[x->n_nodes] = (uint32_t)l->n;
    x->n_tokens = l->n;
    return 0;
}

void exits_finish(struct exits *x)
{
    free(x->nodes);
    free(x->firsts);
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
    int32_t *ends;             /* of REGEX, LIMITED: nodes where it may end */
    int32_t *ends_chars;       /* characters up to there */
    size_t n_ends, ends_cap, n_ends_chars, ends_chars_cap;
    uint16_t *chars;           /* [n_tokens], if they are to be sorted by it */
    char path[TOKENIZER_MAX_TOKEN];
};

static bool add_token(struct scan *s, int32_t **list, size_t *n, size_t *cap, int32_t token)
{
    if (*n == *cap) {
        size_t more = *cap ? 2 * *cap : 64;
        int32_t *p = realloc(*list, more * sizeof *p);

        if (!p)
            return !(s->leavings.failed = true);
        *list = p;
        *cap = more;
    }
    (*list)[(*n)++] = token;
    return true;
}

/* A node whose bytes the text reads. */
static void stays(struct scan *s, const struct trie_node *node, uint32_t chars)
{
    struct mask_entry *e = s->entry;

    if (node->token < 0)
        return;
    if (!e->base) {
        set_tokens(s->vocabulary->trie, e->bits, node->token);
        for (int32_t t = s->chars ? node->token : -1; t >= 0; t = s->vocabulary->trie->same[t])
            s->chars[t] = (uint16_t)chars;
    } else
        for (int32_t t = node->token; t >= 0; t = s->vocabulary->trie->same[t])
            add_token(s, &e->own, &e->n_own, &e->own_cap, t);
}

/* No token of this subtree is one of the base's. */
static void strike(struct scan *s, uint32_t node)
{
    const struct token_trie *t = s->vocabulary->trie;
    struct mask_entry *e = s->entry;

    for (uint32_t i = node; e->base && i < t->nodes[node].end; i++)
        for (int32_t token = t->nodes[i].token; token >= 0; token = t->same[token])
            add_token(s, &e->struck, &e->n_struck, &e->struck_cap, token);
}

/* The state behind a byte; false: it does not stay inside. */
bool text_state_step(struct machine *m, uint32_t kind, bool has_base, struct text_state *x, uint8_t byte)
{
    struct frame f = { .kind = kind, .regex = x->regex, .escape = x->escape, .code = x->code };

    x->chars += f.escape == 0 && (byte & 0xc0) != 0x80;
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

/* The text may end at a node. */
static void ends_at(struct scan *s, uint32_t node, uint32_t chars)
{
    add_token(s, &s->ends, &s->n_ends, &s->ends_cap, (int32_t)node);
    if (s->entry->kind == FRAME_LIMITED)
        add_token(s, &s->ends_chars, &s->n_ends_chars, &s->ends_chars_cap, (int32_t)chars);
}

/* A byte that stands for itself, without a base: by the rows alone.  This is what most of a walk is. */
static inline bool step_row(struct scan *s, const struct text_state *from, uint8_t byte, struct text_state *to)
{
    regex next = from->row[byte];

    if (next == REGEX_UNSEEN)
        next = regex_next(s->machine->regexes, from->regex, byte);
    if (next == REGEX_NONE)
        return false;
    *to = *from;
    to->chars += (byte & 0xc0) != 0x80;
    if (next != from->regex) {
        to->regex = next;
        to->row = regex_row(s->machine->regexes, next);
    }
    return to->row != NULL;
}

static void scan_text(struct scan *s)
{
    const struct token_trie *t = s->vocabulary->trie;
    const bool quoted = !is_bare(s->entry->kind);

    for (uint32_t i = 1; i < t->n_nodes;) {
        const struct trie_node *node = &t->nodes[i];
        struct text_state x;

        if (s->states[node->depth - 1].row && (!quoted || (node->byte >= 0x20 && node->byte != '"' && node->byte != '\\'))) {
            if (!step_row(s, &s->states[node->depth - 1], node->byte, &s->states[node->depth])) {
                i = node->end;
                continue;
            }
            if (node->token >= 0)
                stays(s, node, s->states[node->depth].chars);
            if (!quoted && node->end > i + 1 && regex_accepts(s->machine->regexes, s->states[node->depth].regex))
                ends_at(s, i, s->states[node->depth].chars);
            i++;
            continue;
        }
        x = s->states[node->depth - 1];
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
            stays(s, node, x.chars);
            x.row = !s->entry->base && x.escape == 0 ? regex_row(s->machine->regexes, x.regex) : NULL;
            s->states[node->depth] = x;
            i++;
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
    free(e->ends_chars);
    exits_finish(&e->exits);
    free(e->by_chars);
    for (int i = 0; i <= FEW_CHARS; i++)
        free(e->up_to[i]);
    free(e);
}

/* The children of the nodes where a text may end, sorted by their bytes. */
static int sort_ends(struct scan *s)
{
    const struct trie_node *nodes = s->vocabulary->trie->nodes;
    struct mask_entry *e = s->entry;
    uint32_t at[256];

    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < s->n_ends; i++)
            for (uint32_t c = (uint32_t)s->ends[i] + 1; c < nodes[s->ends[i]].end; c = nodes[c].end)
                if (pass) {
                    if (e->ends_chars)
                        e->ends_chars[at[nodes[c].byte]] = (uint16_t)s->ends_chars[i];
                    e->ends[at[nodes[c].byte]++] = c;
                } else
                    e->ends_at[nodes[c].byte + 1]++;
        if (pass)
            break;
        for (int byte = 0; byte < 256; byte++) {
            e->ends_at[byte + 1] += e->ends_at[byte];
            at[byte] = e->ends_at[byte];
        }
        e->ends = malloc((e->ends_at[256] + 1) * sizeof *e->ends);
        if (e->kind == FRAME_LIMITED)
            e->ends_chars = malloc((e->ends_at[256] + 1) * sizeof *e->ends_chars);
        if (!e->ends || (e->kind == FRAME_LIMITED && !e->ends_chars))
            return -1;
    }
    return 0;
}

/* The tokens that stay, by their characters. */
static int sort_chars(struct scan *s)
{
    struct mask_entry *e = s->entry;
    const size_t n = s->vocabulary->n_tokens;
    uint32_t at[MAX_CHARS + 2];

    if (!s->chars)
        return 0;
    e->by_chars = malloc((n + 1) * sizeof *e->by_chars);
    if (!e->by_chars)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (e->bits[i / 32] >> i % 32 & 1)
            e->chars_at[(s->chars[i] < MAX_CHARS ? s->chars[i] : MAX_CHARS) + 1]++;
    for (int i = 0; i <= MAX_CHARS; i++) {
        at[i] = e->chars_at[i];
        e->chars_at[i + 1] += e->chars_at[i];
    }
    for (size_t i = 0; i < n; i++)
        if (e->bits[i / 32] >> i % 32 & 1)
            e->by_chars[at[s->chars[i] < MAX_CHARS ? s->chars[i] : MAX_CHARS]++] = (int32_t)i;
    return 0;
}

/*
 * counts: tokens are to be sorted by their characters, for texts of the same language of which only so many may come.  base may
 * be NULL.  NULL: out of memory.
 */
struct mask_entry *entry_create(struct machine *m, const struct mask_vocabulary *v, const struct mask_entry *base,
                                       const struct frame *f, bool counts)
{
    struct scan s = { .machine = m, .vocabulary = v };
    struct mask_entry *e = calloc(1, sizeof *e);
    bool good = false;

    s.entry = e;
    s.states = malloc((v->trie->max_depth + 1) * sizeof *s.states);
    if (!e || !s.states)
        goto out;
    *e = (struct mask_entry){ .kind = f->kind, .regex = f->regex, .escape = f->escape, .escapes = m->style.escapes };
    if (base && !is_bare(f->kind) && f->escape == 0 && f->regex != base->regex && is_mostly(&s, f->regex, base->regex))
        e->base = base;
    else if (!(e->bits = calloc(v->n_words, sizeof *e->bits)))
        goto out;
    s.states[0] = (struct text_state){ .regex = f->regex, .base = base ? base->regex : REGEX_NONE, .escape = f->escape, .code = f->code };
    if (!e->base && f->escape == 0)
        s.states[0].row = regex_row(m->regexes, f->regex);
    if (counts && !(s.chars = malloc((v->n_tokens + 1) * sizeof *s.chars)))
        goto out;
    scan_text(&s);
    good = !s.leavings.failed && exits_build(&e->exits, &s.leavings) == 0 && sort_ends(&s) == 0 && sort_chars(&s) == 0;
out:
    free(s.states);
    free(s.ends);
    free(s.ends_chars);
    free(s.chars);
    free(s.leavings.list);
    free(s.leavings.bytes);
    if (good)
        return e;
    entry_destroy(e);
    return NULL;
}
