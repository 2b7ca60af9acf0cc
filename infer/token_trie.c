#include "infer/token_trie.h"

#include <stdlib.h>
#include <string.h>

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
    struct trie_node *last;

    for (; *depth > keep; --*depth)
        t->nodes[open[*depth]].end = (uint32_t)t->n_nodes;
    while (*depth < text->len) {
        open[*depth + 1] = (uint32_t)t->n_nodes;
        t->nodes[t->n_nodes++] = (struct trie_node){
            .token = -1, .depth = (uint16_t)(*depth + 1), .byte = (uint8_t)text->bytes[*depth]
        };
        ++*depth;
    }
    last = &t->nodes[open[*depth]];
    if (last->token >= 0) {
        t->same[text->token] = last->token; /* the list goes backwards; its order means nothing */
    }
    last->token = text->token;
    t->max_depth = *depth > t->max_depth ? *depth : t->max_depth;
}

static int build(struct token_trie *t, const struct text *texts, size_t n, struct err *err)
{
    uint32_t open[TOKENIZER_MAX_TOKEN + 1] = { 0 };
    size_t depth = 0;

    t->nodes = calloc(count_nodes(texts, n), sizeof *t->nodes);
    if (!t->nodes)
        return fail(err, CORAX_E_LIMIT, "out of memory for a vocabulary of %zu tokens", t->n_tokens);
    t->nodes[0].token = -1;
    t->n_nodes = 1;
    for (size_t i = 0; i < n; i++)
        add_text(t, open, &depth, i ? shared(&texts[i - 1], &texts[i]) : 0, &texts[i]);
    for (;; depth--) {
        t->nodes[open[depth]].end = (uint32_t)t->n_nodes;
        if (depth == 0)
            return 0;
    }
}

struct token_trie *token_trie_create(const struct tokenizer *tokenizer, struct err *err)
{
    const size_t n_tokens = tokenizer_n_tokens(tokenizer);
    struct token_trie *t = calloc(1, sizeof *t);
    struct text *texts = calloc(n_tokens + 1, sizeof *texts);
    size_t n = 0;
    int result = -1;

    if (t)
        t->same = malloc((n_tokens + 1) * sizeof *t->same);
    if (!t || !texts || !t->same) {
        fail(err, CORAX_E_LIMIT, "out of memory for a vocabulary of %zu tokens", n_tokens);
        goto out;
    }
    t->n_tokens = n_tokens;
    for (size_t i = 0; i < n_tokens; i++) {
        texts[n].bytes = tokenizer_bytes(tokenizer, (int32_t)i, &texts[n].len);
        texts[n].token = (int32_t)i;
        t->same[i] = -1;
        n += texts[n].len > 0 && texts[n].len <= TOKENIZER_MAX_TOKEN;
    }
    qsort(texts, n, sizeof *texts, compare_texts);
    result = build(t, texts, n, err);
    for (uint32_t i = 1; result == 0 && i < t->n_nodes; i = t->nodes[i].end)
        t->first[t->nodes[i].byte] = i;
out:
    free(texts);
    if (result == 0)
        return t;
    token_trie_destroy(t);
    return NULL;
}

void token_trie_destroy(struct token_trie *t)
{
    if (!t)
        return;
    free(t->nodes);
    free(t->same);
    free(t);
}
