#include "infer/trie.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    const struct trie_entry *x = a, *y = b;
    int order = memcmp(x->s, y->s, x->len < y->len ? x->len : y->len);

    if (order)
        return order;
    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

void trie_init(struct trie *t, struct trie_entry *entries, size_t n)
{
    uint32_t kept = 0, byte = 0;

    memset(t, 0, sizeof *t);
    if (n > 1)
        qsort(entries, n, sizeof *entries, compare);
    for (size_t i = 0; i < n; i++) {
        const struct trie_entry *last = kept ? &entries[kept - 1] : NULL;

        if (entries[i].len == 0 ||
            (last && last->len == entries[i].len && memcmp(last->s, entries[i].s, last->len) == 0))
            continue;
        entries[kept++] = entries[i];
    }
    for (uint32_t i = 0; i < kept; i++)
        while (byte <= (unsigned char)entries[i].s[0])
            t->first[byte++] = i;
    while (byte <= 256)
        t->first[byte++] = kept;
    t->entries = entries;
    t->n = kept;
}

void trie_finish(struct trie *t)
{
    free(t->entries);
    memset(t, 0, sizeof *t);
}

/* The first entry in [low, high) whose byte at depth is at least byte; an entry that has ended counts as less. */
static uint32_t search(const struct trie *t, uint32_t low, uint32_t high, uint32_t depth, unsigned byte)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct trie_entry *e = &t->entries[middle];

        if (e->len <= depth || (unsigned char)e->s[depth] < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool trie_step(const struct trie *t, struct trie_node *node, unsigned char byte)
{
    if (node->depth == 0) {
        node->low = t->first[byte];
        node->high = t->first[byte + 1];
    } else {
        node->low = search(t, node->low, node->high, node->depth, byte);
        node->high = search(t, node->low, node->high, node->depth, byte + 1u);
    }
    node->depth++;
    return node->low < node->high;
}

int32_t trie_id(const struct trie *t, const struct trie_node *node)
{
    return node->low < node->high && t->entries[node->low].len == node->depth ? t->entries[node->low].id : -1;
}

int32_t trie_longest(const struct trie *t, const char *text, size_t len, size_t *match_len)
{
    struct trie_node node = trie_root(t);
    int32_t best = -1;

    for (size_t i = 0; i < len && trie_step(t, &node, (unsigned char)text[i]); i++)
        if (trie_id(t, &node) >= 0) {
            best = trie_id(t, &node);
            *match_len = i + 1;
        }
    return best;
}
