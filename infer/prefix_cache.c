#include "infer/prefix_cache.h"

#include <stdlib.h>
#include <string.h>

#define WORTH_TOKENS 32 /* that a checkpoint must save */

struct node {
    struct node *parent, *child, *sibling; /* child: the first of its own */
    int32_t *tokens;                       /* [n], behind those of its parent */
    size_t n;
    struct page *page; /* either this */
    float *values;     /* or this, the recurrent values after its tokens; NULL: only where two paths part */
    uint64_t used;
};

struct prefix_cache {
    struct pages *pages;
    struct node root;
    size_t n_values, n_bytes, max_bytes, n_nodes;
    uint64_t clock;
};

struct prefix_cache *prefix_cache_create(const struct shape *shape, struct pages *pages, size_t max_bytes, struct err *err)
{
    struct prefix_cache *c = calloc(1, sizeof *c);

    if (!c) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    c->pages = pages;
    c->n_values = shape->n_layer * shape->n_recurrent;
    c->max_bytes = max_bytes;
    return c;
}

void prefix_cache_destroy(struct prefix_cache *c)
{
    if (!c)
        return;
    prefix_cache_clear(c);
    free(c);
}

void prefix_cache_clear(struct prefix_cache *c)
{
    while (prefix_cache_shrink(c))
        ;
}

size_t prefix_cache_n_nodes(const struct prefix_cache *c)
{
    return c->n_nodes;
}

/* --- the tree ----------------------------------------------------------------------------------------------------- */

/* With a copy of the tokens.  NULL: no memory. */
static struct node *add_node(struct prefix_cache *c, struct node *parent, const int32_t *tokens, size_t n)
{
    struct node *node = calloc(1, sizeof *node);

    if (node)
        node->tokens = malloc(n * sizeof *tokens);
    if (!node || !node->tokens) {
        free(node);
        return NULL;
    }
    memcpy(node->tokens, tokens, n * sizeof *tokens);
    node->n = n;
    node->parent = parent;
    node->sibling = parent->child;
    parent->child = node;
    c->n_nodes++;
    return node;
}

static void drop_data(struct prefix_cache *c, struct node *node)
{
    pages_drop(c->pages, node->page);
    node->page = NULL;
    if (node->values)
        c->n_bytes -= c->n_values * sizeof(float);
    free(node->values);
    node->values = NULL;
}

/* A leaf without data goes, and its parent when that makes it one. */
static void prune(struct prefix_cache *c, struct node *node)
{
    while (node->parent && !node->child && !node->page && !node->values) {
        struct node *parent = node->parent, **at = &parent->child;

        while (*at != node)
            at = &(*at)->sibling;
        *at = node->sibling;
        free(node->tokens);
        free(node);
        c->n_nodes--;
        node = parent;
    }
}

static size_t common(const struct node *node, const int32_t *tokens, size_t n)
{
    size_t i = 0;

    while (i < n && i < node->n && tokens[i] == node->tokens[i])
        i++;
    return i;
}

/* The child with the most of these tokens at its beginning; NULL: none has any. */
static struct node *find_child(struct node *parent, const int32_t *tokens, size_t n, size_t *n_common)
{
    struct node *best = NULL;

    *n_common = 0;
    for (struct node *child = parent->child; child; child = child->sibling) {
        size_t m = common(child, tokens, n);

        if (m > *n_common) {
            *n_common = m;
            best = child;
        }
    }
    return best;
}

static void touch(struct prefix_cache *c, struct node *node)
{
    const uint64_t now = ++c->clock;

    for (; node; node = node->parent)
        node->used = now;
}

/* What may go first: the longest unused of pages that nothing stands on, and of checkpoints. */
static struct node *least_used(struct node *node, struct node *best)
{
    for (struct node *child = node->child; child; child = child->sibling) {
        if ((child->values || (child->page && !child->child)) && (!best || child->used < best->used))
            best = child;
        best = least_used(child, best);
    }
    return best;
}

bool prefix_cache_shrink(struct prefix_cache *c)
{
    struct node *node = least_used(&c->root, NULL);

    if (!node)
        return false;
    drop_data(c, node);
    prune(c, node);
    return true;
}

/* --- pages -------------------------------------------------------------------------------------------------------- */

static size_t find_pages(struct prefix_cache *c, const int32_t *tokens, size_t n, struct state *state)
{
    struct node *node = &c->root;
    size_t found = 0;

    while (found < n) {
        size_t left = n - found < STATE_BLOCK ? n - found : STATE_BLOCK, m;
        struct node *child = find_child(node, tokens + found, left, &m);

        if (!child)
            break;
        pages_hold(child->page);
        state->table[state->n_pages++] = child->page;
        found += m;
        node = child;
        if (m < STATE_BLOCK)
            break;
    }
    touch(c, node);
    return found;
}

static void add_pages(struct prefix_cache *c, const int32_t *tokens, size_t n, const struct state *state)
{
    struct node *node = &c->root;

    for (size_t at = 0; at < n; at += STATE_BLOCK) {
        size_t left = n - at < STATE_BLOCK ? n - at : STATE_BLOCK, m;
        struct page *page = state->table[at / STATE_BLOCK];
        struct node *child = find_child(node, tokens + at, left, &m);
        int32_t *longer;

        if (child && m == left) { /* it is there */
            node = child;
            continue;
        }
        if (child && m == child->n) { /* the same page, or one like it, with more behind it */
            longer = realloc(child->tokens, left * sizeof *longer);
            if (!longer)
                break;
            memcpy(longer, tokens + at, left * sizeof *longer);
            child->tokens = longer;
            child->n = left;
            pages_hold(page);
            pages_drop(c->pages, child->page);
            child->page = page;
            node = child;
            continue;
        }
        child = add_node(c, node, tokens + at, left);
        if (!child)
            break;
        pages_hold(page);
        child->page = page;
        node = child;
    }
    touch(c, node);
}

/* --- checkpoints -------------------------------------------------------------------------------------------------- */

static size_t find_values(struct prefix_cache *c, const int32_t *tokens, size_t n, struct state *state, size_t *worth)
{
    struct node *node = &c->root, *best = NULL;
    size_t found = 0, at = 0, m;

    while (at < n) {
        struct node *child = find_child(node, tokens + at, n - at, &m);

        if (!child)
            break;
        at += m;
        if (m < child->n)
            break;
        node = child;
        if (node->values) {
            best = node;
            found = at;
        }
    }
    if (best) {
        memcpy(state->recurrent, best->values, c->n_values * sizeof *best->values);
        best->used = ++c->clock;
    }
    *worth = at >= found + WORTH_TOKENS ? at : 0;
    return found;
}

/* Cuts a node in two, of which the first is new and has its first m tokens.  NULL: no memory. */
static struct node *split(struct prefix_cache *c, struct node *node, size_t m)
{
    struct node *parent = node->parent, *first, **at = &parent->child;

    first = add_node(c, parent, node->tokens, m);
    if (!first)
        return NULL;
    while (*at != node)
        at = &(*at)->sibling;
    *at = node->sibling;
    node->parent = first;
    node->sibling = NULL;
    first->child = node;
    first->used = node->used;
    node->n -= m;
    memmove(node->tokens, node->tokens + m, node->n * sizeof *node->tokens);
    return first;
}

static void add_values(struct prefix_cache *c, const int32_t *tokens, size_t n, const struct state *state)
{
    const size_t bytes = c->n_values * sizeof(float);
    struct node *node = &c->root;
    size_t at = 0, m;

    while (at < n) {
        struct node *child = find_child(node, tokens + at, n - at, &m);

        if (!child)
            child = add_node(c, node, tokens + at, m = n - at);
        else if (m < child->n)
            child = split(c, child, m);
        if (!child)
            return;
        at += m;
        node = child;
    }
    node->used = ++c->clock;
    while (!node->values && c->n_bytes + bytes > c->max_bytes)
        if (!prefix_cache_shrink(c))
            break;
    if (!node->values && c->n_bytes + bytes <= c->max_bytes && (node->values = malloc(bytes))) {
        memcpy(node->values, state->recurrent, bytes);
        c->n_bytes += bytes;
    }
    prune(c, node);
}

/* --- both ------------------------------------------------------------------------------------------------------------ */

size_t prefix_cache_find(struct prefix_cache *c, const int32_t *tokens, size_t n, struct state *state, size_t *worth)
{
    *worth = 0;
    return c->n_values ? find_values(c, tokens, n, state, worth) : find_pages(c, tokens, n, state);
}

void prefix_cache_add(struct prefix_cache *c, const int32_t *tokens, size_t n, const struct state *state)
{
    if (n == 0)
        return;
    if (c->n_values)
        add_values(c, tokens, n, state);
    else
        add_pages(c, tokens, n, state);
}
