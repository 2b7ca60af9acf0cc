#include "infer/token_trie.h"

#include <stdlib.h>
#include <string.h>

#include "infer/utf8.h"

struct text {
    const char *bytes;
    size_t len;
    int32_t token;
};

static int compare_texts(const void *a, const void *b)
{
    const struct text *x = a, *y = b;
    size_t n = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->bytes, y->bytes, n);

    if (order != 0)
        return order;
    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return x->token < y->token ? -1 : x->token > y->token;
}

/* How many bytes of a text the one before it shares. */
static size_t shared(const struct text *before, const struct text *text)
{
    size_t n = 0;

    while (n < before->len && n < text->len && before->bytes[n] == text->bytes[n])
        n++;
    return n;
}

static size_t count_nodes(const struct text *texts, size_t n)
{
    size_t n_nodes = 1;

    for (size_t i = 0; i < n; i++)
        n_nodes += texts[i].len - (i ? shared(&texts[i - 1], &texts[i]) : 0);
    return n_nodes;
}

/* open[d] is the node at depth d on the way to the last text; it ends where a text leaves that way. */
static void add_text(struct token_trie *t, uint32_t *open, size_t *depth, size_t keep, const struct text *text)
{
    for (; *depth > keep; --*depth)
        t->nodes[open[*depth]].end = (uint32_t)t->n_nodes;
    for (; *depth < text->len; ++*depth) {
        open[*depth + 1] = (uint32_t)t->n_nodes;
        t->nodes[t->n_nodes++] = (struct trie_node){
            .first = (uint32_t)t->n_listed, .depth = (uint16_t)(*depth + 1), .byte = (uint8_t)text->bytes[*depth]
        };
    }
    t->tokens[t->n_listed++] = text->token;
    t->max_depth = *depth > t->max_depth ? *depth : t->max_depth;
}

static void add_texts(struct token_trie *t, const struct text *texts, size_t n)
{
    uint32_t open[TOKENIZER_MAX_TOKEN + 1] = { 0 };
    size_t depth = 0;

    t->n_nodes = 1;
    for (size_t i = 0; i < n; i++)
        add_text(t, open, &depth, i ? shared(&texts[i - 1], &texts[i]) : 0, &texts[i]);
    for (;; depth--) {
        t->nodes[open[depth]].end = (uint32_t)t->n_nodes;
        if (depth == 0)
            break;
    }
    t->nodes[t->n_nodes].first = (uint32_t)n;
}

/* --- what nodes have in common ------------------------------------------------------------------------------------ */

static void count_chars(struct token_trie *t)
{
    uint16_t chars[TOKENIZER_MAX_TOKEN + 1] = { 0 }; /* by depth */

    for (uint32_t i = 1; i < t->n_nodes; i++) {
        const struct trie_node *n = &t->nodes[i];
        const bool starts = !byte_continues(n->byte);

        chars[n->depth] = (uint16_t)(chars[n->depth - 1] + starts);
        t->chars[i] = chars[n->depth];
        t->starts[i / 64] |= (uint64_t)starts << i % 64;
        for (uint32_t k = n->first; k < n[1].first; k++)
            t->token_chars[k] = chars[n->depth];
    }
}

static void sort_by_byte(struct token_trie *t)
{
    uint32_t at[256];

    for (uint32_t i = 1; i < t->n_nodes; i++)
        t->by_byte_at[t->nodes[i].byte + 1] += t->nodes[i].depth > 1;
    for (int byte = 0; byte < 256; byte++) {
        t->by_byte_at[byte + 1] += t->by_byte_at[byte];
        at[byte] = t->by_byte_at[byte];
    }
    for (uint32_t i = 1; i < t->n_nodes; i++)
        if (t->nodes[i].depth > 1)
            t->by_byte[at[t->nodes[i].byte]++] = i;
}

/* On the way from the root to the node that is looked at. */
struct step {
    uint32_t node;
    struct utf8 utf8;     /* behind its byte */
    struct byte_set set;  /* of what has been seen of its subtree */
    bool bad;             /* there are bytes in it that are no character, if one begins behind the node */
};

/* The subtree is over: what it has is its parent's too. */
static void leave(struct token_trie *t, struct step *path, size_t depth, size_t *n_sets)
{
    const struct step *s = &path[depth];
    const struct trie_node *n = &t->nodes[s->node];

    for (int i = 0; i < 4; i++)
        path[depth - 1].set.bits[i] |= s->set.bits[i];
    path[depth - 1].bad |= s->bad;
    if (n->end - s->node <= TRIE_FEW || s->bad || s->utf8.n_left > 0)
        return;
    if (t->sets)
        t->sets[*n_sets] = s->set;
    t->following[s->node] = (uint32_t)++*n_sets;
}

/* Bytes that are no character end one at the node before: who stands there between two of them cannot read on. */
static void enter(struct step *path, uint32_t node, size_t depth, uint8_t byte)
{
    const struct step *parent = &path[depth - 1];
    const bool begins = parent->utf8.n_left == 0;

    path[depth] = (struct step){ .node = node, .utf8 = parent->utf8 };
    if (!utf8_next(&path[depth].utf8, byte)) {
        path[depth].utf8 = (struct utf8){ 0 };
        path[depth - 1].bad = true;
    } else if (begins)
        byte_set_add(&path[depth - 1].set, byte);
}

/* How many sets there are; they are written where there is room for them. */
static size_t find_sets(struct token_trie *t, struct step *path)
{
    size_t depth = 0, n_sets = 0;

    path[0] = (struct step){ 0 };
    for (uint32_t i = 1; i < t->n_nodes; i++) {
        for (; depth >= t->nodes[i].depth; depth--)
            leave(t, path, depth, &n_sets);
        enter(path, i, ++depth, t->nodes[i].byte);
    }
    for (; depth > 0; depth--)
        leave(t, path, depth, &n_sets);
    return n_sets;
}

static int find_following(struct token_trie *t)
{
    struct step *path = malloc((t->max_depth + 1) * sizeof *path);
    const size_t n = path ? find_sets(t, path) : 0;

    t->sets = path ? malloc((n + 1) * sizeof *t->sets) : NULL;
    if (t->sets)
        find_sets(t, path);
    free(path);
    return t->sets ? 0 : -1;
}

static int build(struct token_trie *t, const struct text *texts, size_t n)
{
    const size_t n_nodes = count_nodes(texts, n);

    t->nodes = calloc(n_nodes + 1, sizeof *t->nodes);
    t->tokens = malloc((n + 1) * sizeof *t->tokens);
    t->token_chars = malloc((n + 1) * sizeof *t->token_chars);
    t->chars = calloc(n_nodes, sizeof *t->chars);
    t->starts = calloc(n_nodes / 64 + 1, sizeof *t->starts);
    t->by_byte = malloc(n_nodes * sizeof *t->by_byte);
    t->following = calloc(n_nodes, sizeof *t->following);
    if (!t->nodes || !t->tokens || !t->token_chars || !t->chars || !t->starts || !t->by_byte || !t->following)
        return -1;
    add_texts(t, texts, n);
    for (uint32_t i = 1; i < t->n_nodes; i = t->nodes[i].end)
        t->first[t->nodes[i].byte] = i;
    count_chars(t);
    sort_by_byte(t);
    return find_following(t);
}

struct token_trie *token_trie_create(const struct tokenizer *tokenizer, struct err *err)
{
    const size_t n_tokens = tokenizer_n_tokens(tokenizer);
    struct token_trie *t = calloc(1, sizeof *t);
    struct text *texts = calloc(n_tokens + 1, sizeof *texts);
    size_t n = 0;

    for (size_t i = 0; texts && i < n_tokens; i++) {
        texts[n].bytes = tokenizer_bytes(tokenizer, (int32_t)i, &texts[n].len);
        texts[n].token = (int32_t)i;
        n += texts[n].len > 0 && texts[n].len <= TOKENIZER_MAX_TOKEN;
    }
    if (texts)
        qsort(texts, n, sizeof *texts, compare_texts);
    if (!t || !texts || build(t, texts, n) < 0) {
        fail(err, CORAX_E_LIMIT, "out of memory for a vocabulary of %zu tokens", n_tokens);
        token_trie_destroy(t);
        t = NULL;
    }
    free(texts);
    return t;
}

void token_trie_destroy(struct token_trie *t)
{
    if (!t)
        return;
    free(t->nodes);
    free(t->tokens);
    free(t->token_chars);
    free(t->chars);
    free(t->starts);
    free(t->by_byte);
    free(t->following);
    free(t->sets);
    free(t);
}
