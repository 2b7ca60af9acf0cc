#include "infer/prefix_cache.h"

#include <stdlib.h>
#include <string.h>

#include "util/log.h"

#define WORTH_TOKENS 32 /* that a checkpoint must save */

struct node {
    struct node *parent, *child, *sibling; /* child: the first of its own */
    int32_t *tokens;                       /* [n], behind those of its parent */
    size_t n;
    struct page *page; /* either this */
    float *values;     /* or this, the recurrent values after its tokens; neither: in a file, or only where two paths part */
    uint64_t used, hash; /* hash: of all tokens up to its own last one */
    bool stored, pinned; /* there is a file; it is in use just now */
};

struct prefix_cache {
    struct pages *pages;
    struct node root;
    size_t n_values, n_bytes, max_bytes, n_nodes;
    uint64_t clock;
    struct prefix_store *store; /* NULL: none */
    unsigned char *copy;        /* of a page that is not full, for its file */
    bool cannot_save;
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
    node->hash = prefix_hash(parent->hash, tokens, n);
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

/* A leaf. */
static void free_node(struct prefix_cache *c, struct node *node)
{
    struct node **at = &node->parent->child;

    while (*at != node)
        at = &(*at)->sibling;
    *at = node->sibling;
    drop_data(c, node);
    free(node->tokens);
    free(node);
    c->n_nodes--;
}

/* A leaf without data goes, and its parent when that makes it one; not one that is about to have some. */
static void prune(struct prefix_cache *c, struct node *node)
{
    while (node->parent && !node->pinned && !node->child && !node->page && !node->values && !node->stored) {
        struct node *parent = node->parent;

        free_node(c, node);
        node = parent;
    }
}

/* All below a node. */
static void free_below(struct prefix_cache *c, struct node *node)
{
    while (node->child) {
        free_below(c, node->child);
        free_node(c, node->child);
    }
}

void prefix_cache_clear(struct prefix_cache *c)
{
    free_below(c, &c->root);
}

void prefix_cache_destroy(struct prefix_cache *c)
{
    if (!c)
        return;
    prefix_cache_clear(c);
    free(c->copy);
    free(c);
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

static bool has_page_below(const struct node *node)
{
    for (const struct node *child = node->child; child; child = child->sibling)
        if (child->page)
            return true;
    return false;
}

/* What may go first: the longest unused of pages that no other stands on, and of checkpoints. */
static struct node *least_used(struct node *node, struct node *best)
{
    for (struct node *child = node->child; child; child = child->sibling) {
        if (!child->pinned && (child->values || (child->page && !has_page_below(child))) && (!best || child->used < best->used))
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

/* --- files -------------------------------------------------------------------------------------------------------- */

size_t prefix_cache_node_bytes(const struct prefix_cache *c)
{
    return c->n_values ? c->n_values * sizeof(float) : pages_layout(c->pages)->page_bytes;
}

static void forget_below(struct prefix_cache *c, struct node *node)
{
    while (node->child) {
        forget_below(c, node->child);
        if (node->child->stored)
            prefix_store_remove(c->store, node->child->hash);
        free_node(c, node->child);
    }
}

/* Its file is of no use.  Pages that stand on it are not either; checkpoints are whole by themselves. */
static void forget(struct prefix_cache *c, struct node *node)
{
    if (node->page)
        forget_below(c, node);
    drop_data(c, node);
    node->stored = false;
    prune(c, node);
}

/* The data of a node is in memory.  false: it cannot be, and the node may be gone. */
static bool make_present(struct prefix_cache *c, struct node *node)
{
    bool good;

    if (node->page || node->values)
        return true;
    if (!node->stored)
        return false;
    node->pinned = true;
    if (c->n_values) {
        while (c->n_bytes + prefix_cache_node_bytes(c) > c->max_bytes && prefix_cache_shrink(c))
            ;
        node->values = malloc(prefix_cache_node_bytes(c));
        c->n_bytes += node->values ? prefix_cache_node_bytes(c) : 0;
    } else {
        while (!(node->page = pages_take(c->pages)) && prefix_cache_shrink(c))
            ;
    }
    node->pinned = false;
    if (!node->page && !node->values)
        return false;
    good = prefix_store_read(c->store, node->hash, node->page ? (void *)node->page->data : node->values);
    if (!good)
        forget(c, node);
    return good;
}

/* Tokens from the first one of all to the node's last one, which the caller frees.  NULL: no memory. */
static int32_t *path_of(const struct node *node, size_t *n)
{
    int32_t *tokens;
    size_t at;

    *n = 0;
    for (const struct node *p = node; p; p = p->parent)
        *n += p->n;
    tokens = malloc(*n * sizeof *tokens + 1);
    at = *n;
    for (const struct node *p = node; tokens && p->n; p = p->parent) {
        at -= p->n;
        memcpy(tokens + at, p->tokens, p->n * sizeof *tokens);
    }
    return tokens;
}

/* Pages stand on those before; a checkpoint has its whole path, since of those before not all have a file. */
static bool write_node(struct prefix_cache *c, struct node *node)
{
    struct prefix_record r = { node->parent->hash, node->hash, node->tokens, node->n };
    const void *data = node->values;
    int32_t *path = NULL;

    if (c->n_values) {
        r.parent = 0;
        r.tokens = path = path_of(node, &r.n_tokens);
        if (!path) {
            log_warn("what prompts have in common is not kept on disk: out of memory");
            return false;
        }
    } else {
        data = node->page->data;
        if (node->n < STATE_BLOCK) { /* what is behind may be of another transcript */
            memcpy(c->copy, data, prefix_cache_node_bytes(c));
            kv_clear(pages_layout(c->pages), c->copy, node->n);
            data = c->copy;
        }
    }
    node->stored = prefix_store_write(c->store, &r, data);
    free(path);
    return node->stored;
}

/* Those before come first. */
static struct node *find_unsaved(struct node *node)
{
    for (struct node *child = node->child; child; child = child->sibling) {
        struct node *found;

        if (!child->stored && (child->page || child->values))
            return child;
        found = child->stored || !child->page ? find_unsaved(child) : NULL;
        if (found)
            return found;
    }
    return NULL;
}

bool prefix_cache_save(struct prefix_cache *c)
{
    struct node *node = c->store && !c->cannot_save ? find_unsaved(&c->root) : NULL;

    if (!node)
        return false;
    c->cannot_save = !write_node(c, node);
    return !c->cannot_save;
}

static struct node *find_hash(struct node *node, uint64_t hash)
{
    struct node *found = node->hash == hash ? node : NULL;

    for (struct node *child = node->child; child && !found; child = child->sibling)
        found = find_hash(child, hash);
    return found;
}

static struct node *add_path(struct prefix_cache *c, const int32_t *tokens, size_t n);

/* One of the files; those that stand on one that is yet to come wait for the next time through. */
static void know(void *arg, const struct prefix_record *r)
{
    struct prefix_cache *c = arg;
    struct node *node = find_hash(&c->root, r->hash), *parent;

    if (node) {
        node->stored = true;
        return;
    }
    if (c->n_values) {
        node = r->parent == 0 ? add_path(c, r->tokens, r->n_tokens) : NULL;
    } else {
        parent = find_hash(&c->root, r->parent);
        if (!parent || (parent->parent && parent->n < STATE_BLOCK) || r->n_tokens > STATE_BLOCK)
            return;
        node = add_node(c, parent, r->tokens, r->n_tokens);
    }
    if (node)
        node->stored = true;
}

void prefix_cache_use(struct prefix_cache *c, struct prefix_store *store)
{
    size_t before;

    c->copy = malloc(prefix_cache_node_bytes(c) + 1);
    if (!c->copy) {
        log_warn("what prompts have in common is not kept on disk: out of memory");
        return;
    }
    c->store = store;
    do {
        before = c->n_nodes;
        prefix_store_list(store, know, c);
    } while (c->n_nodes > before && !c->n_values);
}

/* --- pages -------------------------------------------------------------------------------------------------------- */

static size_t find_pages(struct prefix_cache *c, const int32_t *tokens, size_t n, struct state *state)
{
    struct node *node = &c->root;
    size_t found = 0;

    while (found < n) {
        size_t left = n - found < STATE_BLOCK ? n - found : STATE_BLOCK, m;
        struct node *child = find_child(node, tokens + found, left, &m);

        if (!child || !make_present(c, child))
            break;
        touch(c, child);
        pages_hold(child->page);
        state->table[state->n_pages++] = child->page;
        found += m;
        node = child;
        if (m < STATE_BLOCK)
            break;
    }
    return found;
}

/* The page of a node is this one now, with `n` tokens. */
static bool replace_page(struct prefix_cache *c, struct node *node, const int32_t *tokens, size_t n, struct page *page)
{
    int32_t *longer;

    if (n > node->n) {
        longer = realloc(node->tokens, n * sizeof *longer);
        if (!longer)
            return false;
        memcpy(longer, tokens, n * sizeof *longer);
        if (node->stored)
            prefix_store_remove(c->store, node->hash);
        node->stored = false;
        node->tokens = longer;
        node->n = n;
        node->hash = prefix_hash(node->parent->hash, tokens, n);
    }
    pages_hold(page);
    pages_drop(c->pages, node->page);
    node->page = page;
    return true;
}

static void add_pages(struct prefix_cache *c, const int32_t *tokens, size_t n, const struct state *state)
{
    struct node *node = &c->root;

    for (size_t at = 0; at < n; at += STATE_BLOCK) {
        size_t left = n - at < STATE_BLOCK ? n - at : STATE_BLOCK, m;
        struct page *page = state->table[at / STATE_BLOCK];
        struct node *child = find_child(node, tokens + at, left, &m);

        if (child && m == left && (child->page || child->n > left)) { /* it is there */
            node = child;
            continue;
        }
        /* The same tokens, whose page is in a file alone, or their beginning: this page has more. */
        if (!child || m < child->n)
            child = add_node(c, node, tokens + at, left);
        if (!child || !replace_page(c, child, tokens + at, left, page))
            break;
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
        if (node->values || node->stored) {
            best = node;
            found = at;
        }
    }
    if (best && !make_present(c, best)) {
        *worth = 0;
        return 0;
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

/* The node that these tokens lead to.  NULL: no memory. */
static struct node *add_path(struct prefix_cache *c, const int32_t *tokens, size_t n)
{
    struct node *node = &c->root;
    size_t at = 0, m;

    while (at < n) {
        struct node *child = find_child(node, tokens + at, n - at, &m);

        if (!child)
            child = add_node(c, node, tokens + at, m = n - at);
        else if (m < child->n)
            child = split(c, child, m);
        if (!child)
            return NULL;
        at += m;
        node = child;
    }
    return node;
}

static void add_values(struct prefix_cache *c, const int32_t *tokens, size_t n, const struct state *state)
{
    const size_t bytes = c->n_values * sizeof(float);
    struct node *node = add_path(c, tokens, n);

    if (!node)
        return;
    node->used = ++c->clock;
    node->pinned = true;
    while (!node->values && c->n_bytes + bytes > c->max_bytes)
        if (!prefix_cache_shrink(c))
            break;
    node->pinned = false;
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
