/*
 * A piece starts as a linked list of single-byte tokens.  A heap holds every neighbouring pair that has a merge,
 * ordered by the merge's rank and then by position; a pair that is popped is applied if both its tokens are still
 * what they were.
 */
#include "infer/tokenizer_bpe.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SHORT_PIECE 64 /* nodes on the stack: a word or a number */

struct merge {
    int32_t left, right, joined; /* left -1: an empty slot */
    uint32_t rank;
};

struct bpe {
    int32_t byte_id[256];
    struct merge *merges; /* open addressing */
    size_t mask;          /* slots - 1, a power of two less one */
};

struct node {
    int32_t id, prev, next; /* positions in the list, -1: none; id -1: merged away */
};

struct candidate {
    uint32_t rank;
    int32_t at, left, right; /* node, and the two tokens when it was found */
    int32_t joined;
};

static size_t slot_of(const struct bpe *b, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;

    key = (key ^ key >> 31) * 0x9e3779b97f4a7c15u;
    return (size_t)(key >> 29) & b->mask;
}

static const struct merge *find_merge(const struct bpe *b, int32_t left, int32_t right)
{
    size_t i = slot_of(b, left, right);

    while (b->merges[i].left >= 0) {
        if (b->merges[i].left == left && b->merges[i].right == right)
            return &b->merges[i];
        i = (i + 1) & b->mask;
    }
    return NULL;
}

static int add_merge(struct bpe *b, struct gguf_string s, uint32_t rank, bpe_find_fn *find, const void *arg,
                     struct err *err)
{
    char joined[TOKENIZER_MAX_TOKEN * 2];
    const char *space = s.len > 1 ? memchr(s.s + 1, ' ', s.len - 1) : NULL;
    struct merge m = { .rank = rank };
    size_t left, right, i;

    if (!space || space == s.s + s.len - 1 || s.len > sizeof joined)
        return fail(err, CORAX_E_ARGS, "tokenizer: merge %" PRIu32 " is not two tokens with a space between", rank);
    left = (size_t)(space - s.s);
    right = s.len - left - 1;
    memcpy(joined, s.s, left);
    memcpy(joined + left, space + 1, right);
    m.left = find(arg, s.s, left);
    m.right = find(arg, space + 1, right);
    m.joined = find(arg, joined, left + right);
    if (m.left < 0 || m.right < 0 || m.joined < 0)
        return fail(err, CORAX_E_ARGS, "tokenizer: merge %" PRIu32 " needs a token that the vocabulary lacks", rank);
    for (i = slot_of(b, m.left, m.right); b->merges[i].left >= 0; i = (i + 1) & b->mask)
        if (b->merges[i].left == m.left && b->merges[i].right == m.right)
            return fail(err, CORAX_E_ARGS, "tokenizer: merge %" PRIu32 " is the same as merge %" PRIu32, rank,
                        b->merges[i].rank);
    b->merges[i] = m;
    return 0;
}

struct bpe *bpe_create(const struct gguf_kv *merges, bpe_find_fn *find, const void *arg, const int32_t byte_id[256],
                       struct err *err)
{
    struct bpe *b = calloc(1, sizeof *b);
    const unsigned char *at = merges->data;
    size_t n_slots = 16;

    while (n_slots < 2 * merges->n) /* at most half full; n is below the size of the file */
        n_slots *= 2;
    if (!b || !(b->merges = calloc(n_slots, sizeof *b->merges))) {
        fail(err, CORAX_E_LIMIT, "out of memory for %" PRIu64 " merges", merges->n);
        free(b);
        return NULL;
    }
    b->mask = n_slots - 1;
    for (size_t i = 0; i < n_slots; i++)
        b->merges[i].left = -1;
    memcpy(b->byte_id, byte_id, sizeof b->byte_id);
    for (uint64_t i = 0; i < merges->n; i++)
        if (add_merge(b, gguf_next_string(&at), (uint32_t)i, find, arg, err) < 0) {
            bpe_destroy(b);
            return NULL;
        }
    return b;
}

void bpe_destroy(struct bpe *b)
{
    if (!b)
        return;
    free(b->merges);
    free(b);
}

/* --- the heap ----------------------------------------------------------------------------------------------------- */

static bool before(const struct candidate *a, const struct candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void push(struct candidate *heap, size_t *n, struct candidate c)
{
    size_t i = (*n)++;

    while (i > 0 && before(&c, &heap[(i - 1) / 2])) {
        heap[i] = heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap[i] = c;
}

static struct candidate pop(struct candidate *heap, size_t *n)
{
    struct candidate top = heap[0], last = heap[--*n];
    size_t i = 0, child;

    while ((child = 2 * i + 1) < *n) {
        if (child + 1 < *n && before(&heap[child + 1], &heap[child]))
            child++;
        if (!before(&heap[child], &last))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = last;
    return top;
}

static void push_pair(const struct bpe *b, const struct node *nodes, int32_t at, struct candidate *heap, size_t *n)
{
    int32_t right = at < 0 ? -1 : nodes[at].next;
    const struct merge *m = right < 0 ? NULL : find_merge(b, nodes[at].id, nodes[right].id);

    if (m)
        push(heap, n, (struct candidate){ m->rank, at, m->left, m->right, m->joined });
}

/* nodes [len]; heap has room for 3 * len: one for each first pair, and two for each of the fewer than len merges. */
static void merge_all(const struct bpe *b, struct node *nodes, size_t len, struct candidate *heap)
{
    size_t n = 0;

    for (size_t i = 0; i + 1 < len; i++)
        push_pair(b, nodes, (int32_t)i, heap, &n);
    while (n) {
        struct candidate c = pop(heap, &n);
        struct node *left = &nodes[c.at];
        int32_t next;

        if (left->id != c.left || left->next < 0 || nodes[left->next].id != c.right)
            continue;
        next = nodes[left->next].next;
        nodes[left->next].id = -1;
        left->id = c.joined;
        left->next = next;
        if (next >= 0)
            nodes[next].prev = c.at;
        push_pair(b, nodes, left->prev, heap, &n);
        push_pair(b, nodes, c.at, heap, &n);
    }
}

static int encode(const struct bpe *b, const unsigned char *piece, size_t len, struct node *nodes,
                  struct candidate *heap, struct tokens *out, struct err *err)
{
    for (size_t i = 0; i < len; i++) {
        nodes[i] = (struct node){ b->byte_id[piece[i]], (int32_t)i - 1, i + 1 < len ? (int32_t)i + 1 : -1 };
        if (nodes[i].id < 0)
            return fail(err, CORAX_E_ARGS, "the vocabulary has no token for the byte 0x%02x", piece[i]);
    }
    merge_all(b, nodes, len, heap);
    for (int32_t i = 0; i >= 0; i = nodes[i].next)
        if (tokens_add(out, nodes[i].id, err) < 0)
            return -1;
    return 0;
}

int bpe_encode(const struct bpe *b, const char *piece, size_t len, struct tokens *out, struct err *err)
{
    struct node few_nodes[SHORT_PIECE], *nodes = few_nodes;
    struct candidate few[3 * SHORT_PIECE], *heap = few;
    int result = -1;

    if (len == 0)
        return 0;
    if (len > TOKENIZER_MAX_TEXT)
        return fail(err, CORAX_E_LIMIT, "%zu bytes of text, at most %d", len, TOKENIZER_MAX_TEXT);
    if (len > SHORT_PIECE) {
        nodes = malloc(len * sizeof *nodes);
        heap = malloc(3 * len * sizeof *heap);
    }
    if (nodes && heap)
        result = encode(b, (const unsigned char *)piece, len, nodes, heap, out, err);
    else
        fail(err, CORAX_E_LIMIT, "out of memory for %zu bytes of text", len);
    if (nodes != few_nodes)
        free(nodes);
    if (heap != few)
        free(heap);
    return result;
}
