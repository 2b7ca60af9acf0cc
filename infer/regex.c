/*
 * The store: nodes that are equal are made once, and are brought into a normal form while they are made, so that the
 * derivatives of an expression stay few.  The forms are those that keep the language and are cheap to see:
 *
 *   - OR and AND are flat, sorted and without repetition; sets of bytes in them are one set, also before the same tail;
 *     counts of the same base before the same tail are one count where they touch
 *   - all NOTs of an AND are one NOT of an OR
 *   - CONCAT leans to the right
 *   - what is known to be within one of REGEX_ANY's derivatives vanishes beside it in an OR, and it beside that in an AND
 */
#include "infer/regex_store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Recursion goes as deep as expressions nest; a pattern that a person writes stays under a hundred. */
#define MAX_DEPTH 1000
#define MAX_COUNT (UINT32_MAX - 1)
/* Beyond so many operands nothing is looked for that takes the square of their number. */
#define FEW 32

/* --- memory ------------------------------------------------------------------------------------------------------- */

static regex failed(struct regexes *s)
{
    s->failed = true;
    return REGEX_NONE;
}

bool regex_room(struct regexes *s, void *array, size_t *cap, size_t n, size_t item_bytes)
{
    if (n < *cap)
        return true;
    size_t wanted = *cap ? 2 * *cap : 64, more = (wanted - *cap) * item_bytes;
    void *old, *grown;
    memcpy(&old, array, sizeof old);
    if (s->failed || more > s->limit - s->used || (grown = realloc(old, wanted * item_bytes)) == NULL)
        return s->failed = true, false;
    memcpy(array, &grown, sizeof grown);
    s->used += more;
    *cap = wanted;
    return true;
}

bool regex_push(struct regexes *s, regex r)
{
    if (!regex_room(s, &s->scratch, &s->scratch_cap, s->n_scratch, sizeof *s->scratch))
        return false;
    s->scratch[s->n_scratch++] = r;
    return true;
}

static uint32_t mix(uint32_t h, uint32_t x)
{
    h = (h ^ x) * 0x9e3779b1u;
    return h ^ h >> 15;
}

static bool rehash(struct regexes *s)
{
    size_t cap = s->table_cap ? 2 * s->table_cap : 512;
    size_t more = (cap - s->table_cap) * sizeof *s->table;
    uint32_t *table;
    if (s->failed || more > s->limit - s->used || (table = calloc(cap, sizeof *table)) == NULL)
        return s->failed = true, false;
    for (size_t i = 0; i < s->n_nodes; i++) { /* REGEX_NONE is never looked for: its 0 says "free" */
        size_t at = s->nodes[i].hash & (cap - 1);
        while (i != REGEX_NONE && table[at] != 0)
            at = (at + 1) & (cap - 1);
        table[at] = (uint32_t)i;
    }
    free(s->table);
    s->table = table;
    s->table_cap = cap;
    s->used += more;
    return true;
}

/* --- what is known of a node -------------------------------------------------------------------------------------- */

/* Bytes of UTF-8 that every derivative of REGEX_ANY treats alike. */
enum { CLASS_ASCII, CLASS_80, CLASS_90, CLASS_A0, CLASS_C2, CLASS_E0, CLASS_E1, CLASS_ED, CLASS_F0, CLASS_F1, CLASS_F4, CLASS_BAD, N_CLASSES };

static const uint8_t steps[N_WITHIN][N_CLASSES] = {
    [WITHIN_ANY] = { [CLASS_ASCII] = WITHIN_ANY, [CLASS_C2] = WITHIN_1, [CLASS_E0] = WITHIN_E0, [CLASS_E1] = WITHIN_2,
                     [CLASS_ED] = WITHIN_ED, [CLASS_F0] = WITHIN_F0, [CLASS_F1] = WITHIN_3, [CLASS_F4] = WITHIN_F4 },
    [WITHIN_1] = { [CLASS_80] = WITHIN_ANY, [CLASS_90] = WITHIN_ANY, [CLASS_A0] = WITHIN_ANY },
    [WITHIN_2] = { [CLASS_80] = WITHIN_1, [CLASS_90] = WITHIN_1, [CLASS_A0] = WITHIN_1 },
    [WITHIN_3] = { [CLASS_80] = WITHIN_2, [CLASS_90] = WITHIN_2, [CLASS_A0] = WITHIN_2 },
    [WITHIN_E0] = { [CLASS_A0] = WITHIN_1 },
    [WITHIN_ED] = { [CLASS_80] = WITHIN_1, [CLASS_90] = WITHIN_1 },
    [WITHIN_F0] = { [CLASS_90] = WITHIN_2, [CLASS_A0] = WITHIN_2 },
    [WITHIN_F4] = { [CLASS_80] = WITHIN_2 },
};

static int class_of(unsigned b)
{
    static const struct {
        uint8_t to, class;
    } ends[] = {
        { 0x7f, CLASS_ASCII }, { 0x8f, CLASS_80 }, { 0x9f, CLASS_90 }, { 0xbf, CLASS_A0 }, { 0xc1, CLASS_BAD },
        { 0xdf, CLASS_C2 },    { 0xe0, CLASS_E0 }, { 0xec, CLASS_E1 }, { 0xed, CLASS_ED }, { 0xef, CLASS_E1 },
        { 0xf0, CLASS_F0 },    { 0xf3, CLASS_F1 }, { 0xf4, CLASS_F4 }, { 0xff, CLASS_BAD },
    };
    size_t i = 0;
    while (b > ends[i].to)
        i++;
    return ends[i].class;
}

static uint32_t classes_of(const struct regex_set *set)
{
    uint32_t classes = set->bits[0] | set->bits[1] ? 1u << CLASS_ASCII : 0;
    for (unsigned word = 2; word < 4; word++) {
        for (uint64_t left = set->bits[word]; left != 0; left &= left - 1)
            classes |= 1u << class_of(word * 64 + (unsigned)__builtin_ctzll(left));
    }
    return classes;
}

static int upper(int within)
{
    return within == WITHIN_E0 || within == WITHIN_ED ? WITHIN_2
           : within == WITHIN_F0 || within == WITHIN_F4 ? WITHIN_3
                                                        : within;
}

bool regex_within_is(int x, int y)
{
    return x != WITHIN_UNKNOWN && (x == y || upper(x) == y);
}

/* Can no text be in both?  EMPTY is within ANY only, and the narrow ones of one width have no second byte in common. */
static bool apart(int x, int y)
{
    if (x == WITHIN_UNKNOWN || y == WITHIN_UNKNOWN || x == y)
        return false;
    return upper(x) != upper(y) || (x != upper(x) && y != upper(y));
}

static int joined(int x, int y)
{
    return x == y ? x : regex_within_is(upper(x), upper(y)) ? upper(x) : WITHIN_UNKNOWN;
}

/* What a byte of these classes and then something within `then` is within. */
static int within_before(uint32_t classes, int then)
{
    static const uint8_t order[] = { WITHIN_ANY, WITHIN_E0, WITHIN_ED, WITHIN_F0, WITHIN_F4, WITHIN_1, WITHIN_2, WITHIN_3 };
    for (size_t i = 0; then != WITHIN_UNKNOWN && i < sizeof order; i++) {
        uint32_t left = classes;
        while (left != 0 && regex_within_is(then, steps[order[i]][__builtin_ctz(left)]))
            left &= left - 1;
        if (left == 0)
            return order[i];
    }
    return WITHIN_UNKNOWN;
}

static uint32_t sum(uint32_t x, uint32_t y)
{
    return x == FOREVER || y >= FOREVER - x ? FOREVER : x + y;
}

static uint32_t product(uint32_t x, uint32_t y)
{
    uint64_t xy = (uint64_t)x * y;
    return x == 0 || y == 0 ? 0 : x == FOREVER || y == FOREVER || xy >= FOREVER ? FOREVER : (uint32_t)xy;
}

static void describe_concat(const struct regexes *s, struct regex_node *n)
{
    const struct regex_node *a = &s->nodes[n->a], *b = &s->nodes[n->b];
    n->nullable = a->nullable && b->nullable;
    n->boolean = a->boolean || b->boolean;
    n->shortest = sum(a->shortest, b->shortest);
    n->longest = sum(a->longest, b->longest);
    n->depth = (uint16_t)(1 + (a->nullable && b->depth > a->depth ? b->depth : a->depth));
    n->within = (uint8_t)(a->op == OP_BYTES         ? within_before(a->b, b->within)
                          : b->within == WITHIN_ANY ? a->within
                                                    : WITHIN_UNKNOWN);
    n->life = a->life == LIFE_ALIVE && b->life == LIFE_ALIVE ? LIFE_ALIVE : LIFE_UNKNOWN;
}

static void describe_or(const struct regexes *s, struct regex_node *n)
{
    const struct regex_node *first = &s->nodes[s->lists[n->a]];
    n->within = first->within;
    n->shortest = FOREVER;
    for (uint32_t i = 0; i < n->b; i++) {
        const struct regex_node *x = &s->nodes[s->lists[n->a + i]];
        n->nullable |= x->nullable;
        n->boolean |= x->boolean;
        n->shortest = x->shortest < n->shortest ? x->shortest : n->shortest;
        n->longest = x->longest > n->longest ? x->longest : n->longest;
        n->depth = x->depth + 1 > n->depth ? (uint16_t)(x->depth + 1) : n->depth;
        n->within = (uint8_t)joined(n->within, x->within);
        n->life = x->life == LIFE_ALIVE ? LIFE_ALIVE : n->life;
    }
}

static void describe_and(const struct regexes *s, struct regex_node *n)
{
    n->nullable = n->boolean = true;
    n->longest = FOREVER;
    for (uint32_t i = 0; i < n->b; i++) {
        const struct regex_node *x = &s->nodes[s->lists[n->a + i]];
        n->nullable &= x->nullable;
        n->shortest = x->shortest > n->shortest ? x->shortest : n->shortest;
        n->longest = x->longest < n->longest ? x->longest : n->longest;
        n->depth = x->depth + 1 > n->depth ? (uint16_t)(x->depth + 1) : n->depth;
        if (n->within == WITHIN_UNKNOWN || regex_within_is(x->within, n->within))
            n->within = x->within;
    }
}

static void describe_repeat(const struct regexes *s, struct regex_node *n)
{
    const struct regex_node *x = &s->nodes[n->a];
    n->nullable = n->b == 0 || x->nullable;
    n->boolean = x->boolean;
    n->shortest = product(x->shortest, n->b);
    n->longest = product(x->longest, n->c);
    n->depth = (uint16_t)(x->depth + 1);
    n->within = x->within == WITHIN_ANY ? WITHIN_ANY : WITHIN_UNKNOWN;
    n->life = x->life;
}

static void describe(const struct regexes *s, struct regex_node *n)
{
    n->depth = 1;
    switch (n->op) {
    case OP_EMPTY:
        n->nullable = true;
        n->within = WITHIN_ANY;
        break;
    case OP_BYTES:
        n->b = classes_of(&s->sets[n->a]);
        n->shortest = n->longest = 1;
        n->within = (uint8_t)within_before(n->b, WITHIN_ANY);
        break;
    case OP_CONCAT:
        describe_concat(s, n);
        break;
    case OP_OR:
        describe_or(s, n);
        break;
    case OP_AND:
        describe_and(s, n);
        break;
    case OP_NOT:
        n->nullable = !s->nodes[n->a].nullable;
        n->boolean = true;
        n->depth = (uint16_t)(s->nodes[n->a].depth + 1);
        n->longest = FOREVER;
        break;
    case OP_REPEAT:
        describe_repeat(s, n);
        break;
    case OP_REMAINDER:
        n->nullable = regex_remainder_accepts(&s->remainders[n->a]);
        n->longest = FOREVER;
        n->within = WITHIN_ANY;
        break;
    default:
        break;
    }
    if (n->op != OP_NONE && (!n->boolean || n->nullable))
        n->life = LIFE_ALIVE;
}

/* --- making each of equal nodes once ------------------------------------------------------------------------------ */

static uint32_t hash_words(uint32_t h, const void *words, size_t n)
{
    const unsigned char *at = words;
    for (size_t i = 0; i < n; i++) {
        uint32_t word;
        memcpy(&word, at + 4 * i, 4);
        h = mix(h, word);
    }
    return h;
}

/* Compares n, whose list, set or remainder is the last of its array, with a node. */
static bool equal(const struct regexes *s, const struct regex_node *n, const struct regex_node *x)
{
    if (n->hash != x->hash || n->op != x->op)
        return false;
    switch (n->op) {
    case OP_BYTES:
        return memcmp(&s->sets[n->a], &s->sets[x->a], sizeof *s->sets) == 0;
    case OP_OR:
    case OP_AND:
        return n->b == x->b && memcmp(&s->lists[n->a], &s->lists[x->a], n->b * sizeof *s->lists) == 0;
    case OP_REMAINDER: {
        const struct regex_remainder *p = &s->remainders[n->a], *q = &s->remainders[x->a];
        return p->modulus == q->modulus && p->rest == q->rest && p->part == q->part && p->needs == q->needs;
    }
    default:
        return n->a == x->a && n->b == x->b && n->c == x->c;
    }
}

static void hash_node(const struct regexes *s, struct regex_node *n)
{
    uint32_t h = mix(n->op, 17);
    if (n->op == OP_BYTES) {
        h = hash_words(h, &s->sets[n->a], 8);
    } else if (n->op == OP_OR || n->op == OP_AND) {
        h = hash_words(h, &s->lists[n->a], n->b);
    } else if (n->op == OP_REMAINDER) {
        const struct regex_remainder *r = &s->remainders[n->a];
        h = hash_words(h, &r->modulus, 4); /* and rest, which follows it */
        h = mix(h, (uint32_t)r->part << 8 | r->needs);
    } else {
        h = mix(mix(mix(h, n->a), n->b), n->c);
    }
    n->hash = h;
}

/* The node's number, new or old; an array's last entry that turns out to be known is for the caller to take back. */
static regex intern(struct regexes *s, struct regex_node n, bool *known)
{
    *known = true;
    if (s->failed || (2 * s->n_nodes >= s->table_cap && !rehash(s)))
        return REGEX_NONE;
    hash_node(s, &n);
    size_t at = n.hash & (s->table_cap - 1);
    for (; s->table[at] != 0; at = (at + 1) & (s->table_cap - 1)) {
        const struct regex_node *x = &s->nodes[s->table[at]];
        if (equal(s, &n, x))
            return x->life == LIFE_DEAD ? REGEX_NONE : s->table[at];
    }
    if (!regex_room(s, &s->nodes, &s->nodes_cap, s->n_nodes, sizeof *s->nodes))
        return REGEX_NONE;
    describe(s, &n);
    if (n.depth > MAX_DEPTH)
        return failed(s);
    *known = false;
    s->nodes[s->n_nodes] = n;
    s->table[at] = (uint32_t)s->n_nodes;
    return (regex)s->n_nodes++;
}

static regex intern_list(struct regexes *s, enum regex_op op, const regex *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!regex_room(s, &s->lists, &s->lists_cap, s->n_lists + i, sizeof *s->lists))
            return REGEX_NONE;
        s->lists[s->n_lists + i] = list[i];
    }
    bool known;
    regex r = intern(s, (struct regex_node){ .op = (uint8_t)op, .a = (uint32_t)s->n_lists, .b = (uint32_t)n }, &known);
    s->n_lists += known ? 0 : n;
    return r;
}

static regex intern_plain(struct regexes *s, enum regex_op op, uint32_t a, uint32_t b, uint32_t c)
{
    bool known;
    return intern(s, (struct regex_node){ .op = (uint8_t)op, .a = a, .b = b, .c = c }, &known);
}

regex regex_bytes(struct regexes *s, const uint64_t set[4])
{
    if ((set[0] | set[1] | set[2] | set[3]) == 0)
        return REGEX_NONE;
    if (!regex_room(s, &s->sets, &s->sets_cap, s->n_sets, sizeof *s->sets))
        return REGEX_NONE;
    memcpy(s->sets[s->n_sets].bits, set, sizeof s->sets->bits);
    bool known;
    regex r = intern(s, (struct regex_node){ .op = OP_BYTES, .a = (uint32_t)s->n_sets }, &known);
    s->n_sets += known ? 0 : 1;
    return r;
}

regex regex_remainder(struct regexes *s, struct regex_remainder remainder)
{
    if (!regex_room(s, &s->remainders, &s->remainders_cap, s->n_remainders, sizeof *s->remainders))
        return REGEX_NONE;
    s->remainders[s->n_remainders] = remainder;
    bool known;
    regex r = intern(s, (struct regex_node){ .op = OP_REMAINDER, .a = (uint32_t)s->n_remainders }, &known);
    s->n_remainders += known ? 0 : 1;
    return r;
}

/* --- operators ---------------------------------------------------------------------------------------------------- */

static regex repeat(struct regexes *s, regex x, uint32_t min, uint32_t max)
{
    if (max == 0 || x == REGEX_EMPTY || (x == REGEX_NONE && min == 0))
        return REGEX_EMPTY;
    if (x == REGEX_NONE || (min == 1 && max == 1))
        return x;
    const struct regex_node *n = &s->nodes[x];
    if (n->nullable)
        min = 0;
    if (n->op == OP_OR && s->lists[n->a] == REGEX_EMPTY) { /* the lowest number there can be in a list */
        size_t base = s->n_scratch;
        for (uint32_t i = 1, a = n->a, count = n->b; i < count; i++)
            regex_push(s, s->lists[a + i]);
        return repeat(s, regex_or_pushed(s, base), min, max);
    }
    /* Powers from k to k m for each k, or from 0 on, leave no gaps. */
    if (n->op == OP_REPEAT && n->b <= 1) {
        uint32_t bound = product(max, n->c);
        if (bound < FOREVER || n->c == FOREVER || max == FOREVER)
            return repeat(s, n->a, n->b == 0 ? 0 : min, bound);
    }
    return intern_plain(s, OP_REPEAT, x, min, max);
}

regex regex_repeat(struct regexes *s, regex x, int64_t min, int64_t max)
{
    if (min < 0)
        min = 0;
    if (max >= 0 && min > max)
        return REGEX_NONE;
    if (min > MAX_COUNT || max > MAX_COUNT)
        return failed(s);
    return repeat(s, x, (uint32_t)min, max < 0 ? FOREVER : (uint32_t)max);
}

/* Is it nullable and of whole characters, so that REGEX_ANY beside it says all that it could say? */
static bool idle(const struct regexes *s, regex r)
{
    return s->nodes[r].nullable && s->nodes[r].within == WITHIN_ANY;
}

/* x is no CONCAT. */
static regex concat_one(struct regexes *s, regex x, regex y)
{
    if (x == REGEX_NONE || y == REGEX_NONE)
        return REGEX_NONE;
    if (x == REGEX_EMPTY || y == REGEX_EMPTY)
        return x == REGEX_EMPTY ? y : x;
    const struct regex_node *n = &s->nodes[x], *m = &s->nodes[y];
    regex head = m->op == OP_CONCAT ? m->a : y, rest = m->op == OP_CONCAT ? m->b : REGEX_EMPTY;
    if (head == REGEX_ANY && idle(s, x))
        return y;
    if (x == REGEX_ANY && idle(s, head))
        return concat_one(s, x, rest);
    const struct regex_node *h = &s->nodes[head];
    if (h->op == OP_REPEAT && (n->op == OP_REPEAT ? n->a == h->a : x == h->a)) {
        uint32_t min = n->op == OP_REPEAT ? n->b : 1, max = n->op == OP_REPEAT ? n->c : 1;
        uint32_t more = sum(min, h->b), most = sum(max, h->c);
        if (more < FOREVER && (most < FOREVER || max == FOREVER || h->c == FOREVER))
            return concat_one(s, repeat(s, h->a, more, most), rest);
    }
    return intern_plain(s, OP_CONCAT, x, y, 0);
}

regex regex_concat(struct regexes *s, regex x, regex y)
{
    if (x == REGEX_NONE || y == REGEX_NONE)
        return REGEX_NONE;
    size_t base = s->n_scratch;
    for (; s->nodes[x].op == OP_CONCAT; x = s->nodes[x].b) {
        if (!regex_push(s, s->nodes[x].a))
            return s->n_scratch = base, REGEX_NONE;
    }
    y = concat_one(s, x, y);
    while (s->n_scratch > base)
        y = concat_one(s, s->scratch[--s->n_scratch], y);
    return y;
}

static regex complement(struct regexes *s, regex x)
{
    if (s->nodes[x].op == OP_NOT)
        return s->nodes[x].a;
    return intern_plain(s, OP_NOT, x, 0, 0);
}

regex regex_not(struct regexes *s, regex x)
{
    return s->failed ? REGEX_NONE : complement(s, x);
}

/* --- OR ----------------------------------------------------------------------------------------------------------- */

static int compare_items(const void *x, const void *y)
{
    const struct regex_item *a = x, *b = y;
    if (a->tail != b->tail)
        return a->tail < b->tail ? -1 : 1;
    if (a->base != b->base)
        return a->base < b->base ? -1 : 1;
    return a->min < b->min ? -1 : a->min > b->min;
}

static int compare_ids(const void *x, const void *y)
{
    const regex *a = x, *b = y;
    return *a < *b ? -1 : *a > *b;
}

static void sort_items(struct regex_item *items, size_t n)
{
    if (n > FEW) {
        qsort(items, n, sizeof *items, compare_items);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        struct regex_item item = items[i];
        size_t k = i;
        for (; k > 0 && compare_items(&items[k - 1], &item) > 0; k--)
            items[k] = items[k - 1];
        items[k] = item;
    }
}

static size_t sort_ids(regex *ids, size_t n)
{
    if (n > FEW) {
        qsort(ids, n, sizeof *ids, compare_ids);
    } else {
        for (size_t i = 1; i < n; i++) {
            regex id = ids[i];
            size_t k = i;
            for (; k > 0 && ids[k - 1] > id; k--)
                ids[k] = ids[k - 1];
            ids[k] = id;
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || ids[kept - 1] != ids[i])
            ids[kept++] = ids[i];
    }
    return kept;
}

static struct regex_item as_item(const struct regexes *s, regex id)
{
    const struct regex_node *n = &s->nodes[id];
    struct regex_item item = { .id = id, .base = id, .tail = REGEX_EMPTY, .min = 1, .max = 1 };
    if (id == REGEX_EMPTY)
        item.min = item.max = 0;
    if (n->op == OP_CONCAT) {
        item.base = n->a;
        item.tail = n->b;
        n = &s->nodes[n->a];
    }
    if (n->op == OP_REPEAT) {
        item.base = n->a;
        item.min = n->b;
        item.max = n->c;
    }
    return item;
}

/* Operands of other ORs in their place, and no REGEX_NONE. */
static void flatten(struct regexes *s, size_t base, enum regex_op op)
{
    size_t n = s->n_scratch, kept = base;
    for (size_t i = base; i < n; i++) {
        const struct regex_node *x = &s->nodes[s->scratch[i]];
        for (uint32_t k = 0; x->op == op && k < x->b; k++)
            regex_push(s, s->lists[x->a + k]);
    }
    for (size_t i = base; i < s->n_scratch; i++) {
        if (s->nodes[s->scratch[i]].op != op && !(op == OP_OR && s->scratch[i] == REGEX_NONE))
            s->scratch[kept++] = s->scratch[i];
    }
    s->n_scratch = kept;
}

/* Counts of the same base that touch are one. */
static size_t merge_counts(struct regex_item *items, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        struct regex_item *last = kept > 0 ? &items[kept - 1] : NULL;
        if (last != NULL && last->tail == items[i].tail && last->base == items[i].base &&
            (last->max == FOREVER || items[i].min <= last->max + 1)) {
            if (items[i].max > last->max) {
                last->max = items[i].max;
                last->id = REGEX_NONE;
            }
        } else {
            items[kept++] = items[i];
        }
    }
    return kept;
}

/* Sets of bytes before the same tail are one. */
static size_t merge_sets(struct regexes *s, struct regex_item *items, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n;) {
        size_t end = i, n_sets = 0;
        struct regex_set all = { { 0 } };
        struct regex_item one = items[i];
        for (; end < n && items[end].tail == one.tail; end++) {
            const struct regex_node *x = &s->nodes[items[end].base];
            if (x->op != OP_BYTES || items[end].min != 1 || items[end].max != 1)
                continue;
            n_sets++;
            for (int k = 0; k < 4; k++)
                all.bits[k] |= s->sets[x->a].bits[k];
        }
        for (; i < end; i++) {
            bool set = s->nodes[items[i].base].op == OP_BYTES && items[i].min == 1 && items[i].max == 1;
            if (!set || n_sets < 2)
                items[kept++] = items[i];
        }
        if (n_sets > 1) {
            one.base = regex_bytes(s, all.bits);
            one.id = REGEX_NONE;
            one.min = one.max = 1;
            items[kept++] = one;
        }
    }
    return kept;
}

/* t | x{1,m} t is x{0,m} t. */
static size_t absorb_tails(struct regex_item *items, size_t n)
{
    for (size_t i = 0; i < n && n <= FEW; i++) {
        if (items[i].min != 1 || items[i].max == 1)
            continue;
        size_t k = 0;
        while (k < n && items[k].id != items[i].tail)
            k++;
        if (k == n || k == i)
            continue;
        items[i].min = 0;
        items[i].id = REGEX_NONE;
        memmove(&items[k], &items[k + 1], (n - k - 1) * sizeof *items);
        n--;
        i -= k < i ? 1 : 0;
    }
    return n;
}

/* The stack's operands, merged where heads and tails allow it. */
static void merge_operands(struct regexes *s, size_t base)
{
    size_t n = s->n_scratch - base;
    while (s->items_cap < n) {
        if (!regex_room(s, &s->items, &s->items_cap, s->items_cap, sizeof *s->items))
            return;
    }
    struct regex_item *items = s->items;
    for (size_t i = 0; i < n; i++)
        items[i] = as_item(s, s->scratch[base + i]);
    sort_items(items, n);
    n = merge_counts(items, n);
    n = merge_sets(s, items, n);
    n = absorb_tails(items, n);
    s->n_scratch = base;
    for (size_t i = 0; i < n; i++) { /* fewer than there were: the stack has room for them */
        if (items[i].id == REGEX_NONE) { /* makes no other OR, which would use the same room: no base has an empty text */
            items[i].id = concat_one(s, repeat(s, items[i].base, items[i].min, items[i].max), items[i].tail);
        }
        s->scratch[base + i] = items[i].id;
    }
    s->n_scratch = base + n;
}

/* Drops what another operand holds already. */
static size_t drop_held(struct regexes *s, regex *ids, size_t n)
{
    size_t kept = 0;
    bool nullable = false;
    unsigned present = 0; /* bit i: utf8[i] is there */
    for (size_t i = 0; i < n; i++) {
        const struct regex_node *x = &s->nodes[ids[i]];
        nullable |= ids[i] != REGEX_EMPTY && x->nullable;
        if (x->within != WITHIN_UNKNOWN && ids[i] == s->utf8[x->within])
            present |= 1u << x->within;
    }
    for (size_t i = 0; i < n; i++) {
        int within = s->nodes[ids[i]].within;
        bool held = ids[i] == REGEX_NONE || (ids[i] == REGEX_EMPTY && nullable);
        for (int k = 1; k < N_WITHIN && present != 0; k++)
            held |= (present >> k & 1) && ids[i] != s->utf8[k] && regex_within_is(within, k);
        if (!held)
            ids[kept++] = ids[i];
    }
    return kept;
}

/* x | ~x, and ~x | ~y as ~(x & y); true when it is everything. */
static bool merge_complements(struct regexes *s, size_t base)
{
    size_t n_not = 0, end = s->n_scratch;
    for (size_t i = base; i < end; i++)
        n_not += s->nodes[s->scratch[i]].op == OP_NOT;
    if (n_not == 0)
        return false;
    size_t kept = base;
    for (size_t i = base; i < end; i++) {
        if (s->nodes[s->scratch[i]].op == OP_NOT)
            regex_push(s, s->nodes[s->scratch[i]].a);
    }
    regex inner = regex_and_pushed(s, end);
    for (size_t i = base; i < end; i++) {
        if (s->scratch[i] == inner)
            return true;
        if (s->nodes[s->scratch[i]].op != OP_NOT)
            s->scratch[kept++] = s->scratch[i];
    }
    s->n_scratch = kept;
    regex not = complement(s, inner);
    return regex_push(s, not) && not == s->all;
}

regex regex_or_pushed(struct regexes *s, size_t base)
{
    flatten(s, base, OP_OR);
    if (!s->failed && s->n_scratch - base > 1 && merge_complements(s, base))
        return s->n_scratch = base, s->all;
    if (!s->failed && s->n_scratch - base > 1)
        merge_operands(s, base);
    if (s->failed)
        return s->n_scratch = base, REGEX_NONE;
    size_t n = sort_ids(s->scratch + base, s->n_scratch - base);
    n = drop_held(s, s->scratch + base, n);
    s->n_scratch = base;
    if (n < 2)
        return n == 0 ? REGEX_NONE : s->scratch[base];
    return intern_list(s, OP_OR, s->scratch + base, n);
}

regex regex_or(struct regexes *s, regex x, regex y)
{
    if (x == y || y == REGEX_NONE)
        return x;
    if (x == REGEX_NONE)
        return y;
    size_t base = s->n_scratch;
    regex_push(s, x);
    regex_push(s, y);
    return regex_or_pushed(s, base);
}

regex regex_or_all(struct regexes *s, const regex *list, size_t n)
{
    size_t base = s->n_scratch;
    for (size_t i = 0; i < n; i++)
        regex_push(s, list[i]);
    return regex_or_pushed(s, base);
}

/* --- AND ---------------------------------------------------------------------------------------------------------- */

/* All NOTs as one, whose operand is the answer (REGEX_NONE: there is no NOT). */
static regex collect_complements(struct regexes *s, size_t base)
{
    size_t end = s->n_scratch, kept = base;
    for (size_t i = base; i < end; i++) {
        if (s->nodes[s->scratch[i]].op == OP_NOT)
            regex_push(s, s->nodes[s->scratch[i]].a);
    }
    regex inner = regex_or_pushed(s, end);
    for (size_t i = base; i < end; i++) {
        if (s->nodes[s->scratch[i]].op != OP_NOT)
            s->scratch[kept++] = s->scratch[i];
    }
    s->n_scratch = kept;
    return inner;
}

static bool list_has(const struct regexes *s, regex list, regex x)
{
    const struct regex_node *n = &s->nodes[list];
    if (list == x)
        return true;
    for (uint32_t i = 0; n->op == OP_OR && i < n->b; i++) {
        if (s->lists[n->a + i] == x)
            return true;
    }
    return false;
}

/* x & y where it is as simple as they are; false when it is not. */
static bool meet(struct regexes *s, regex x, regex y, regex *out)
{
    const struct regex_node *n = &s->nodes[x], *m = &s->nodes[y];
    if (x == REGEX_NONE || y == REGEX_NONE || n->shortest > m->longest || m->shortest > n->longest ||
        apart(n->within, m->within))
        return *out = REGEX_NONE, true;
    if (x == REGEX_EMPTY || y == REGEX_EMPTY)
        return *out = n->nullable && m->nullable ? REGEX_EMPTY : REGEX_NONE, true;
    for (int k = 1; k < N_WITHIN; k++) {
        if (x == s->utf8[k] && regex_within_is(m->within, k))
            return *out = y, true;
        if (y == s->utf8[k] && regex_within_is(n->within, k))
            return *out = x, true;
    }
    if (n->op == OP_BYTES && m->op == OP_BYTES) {
        struct regex_set both;
        for (int k = 0; k < 4; k++)
            both.bits[k] = s->sets[n->a].bits[k] & s->sets[m->a].bits[k];
        return *out = regex_bytes(s, both.bits), true;
    }
    if (n->op == OP_REPEAT && m->op == OP_REPEAT && n->a == m->a && n->a == s->chr) { /* characters are a prefix code */
        uint32_t min = n->b > m->b ? n->b : m->b, max = n->c < m->c ? n->c : m->c;
        return *out = min > max ? REGEX_NONE : repeat(s, n->a, min, max), true;
    }
    return false;
}

/* Meets operands two by two where that makes them fewer; false when nothing is left to be in all. */
static bool meet_operands(struct regexes *s, size_t base)
{
    for (size_t i = base; i < s->n_scratch && s->n_scratch - base <= FEW; i++) {
        for (size_t k = i + 1; k < s->n_scratch; k++) {
            regex both;
            if (!meet(s, s->scratch[i], s->scratch[k], &both))
                continue;
            if (both == REGEX_NONE)
                return false;
            s->scratch[i] = both;
            s->scratch[k--] = s->scratch[--s->n_scratch];
        }
    }
    return true;
}

/* Meets the operands with NOT inner; false when nothing is left. */
static bool meet_complement(struct regexes *s, size_t base, regex inner)
{
    const struct regex_node *n = &s->nodes[inner];
    if (inner == s->all)
        return false;
    for (size_t i = base; i < s->n_scratch; i++) {
        regex x = s->scratch[i];
        int within = s->nodes[x].within;
        if (list_has(s, inner, x) || (n->within != WITHIN_UNKNOWN && inner == s->utf8[n->within] && regex_within_is(within, n->within)))
            return false;
        if (apart(within, n->within))
            return true; /* it takes nothing away */
    }
    return regex_push(s, complement(s, inner));
}

regex regex_and_pushed(struct regexes *s, size_t base)
{
    flatten(s, base, OP_AND);
    regex inner = collect_complements(s, base);
    bool any = !s->failed && meet_operands(s, base) && (inner == REGEX_NONE || meet_complement(s, base, inner));
    if (!any || s->failed)
        return s->n_scratch = base, REGEX_NONE;
    size_t n = sort_ids(s->scratch + base, s->n_scratch - base);
    s->n_scratch = base;
    if (n == 0)
        return s->all;
    if (s->scratch[base] == REGEX_NONE)
        return REGEX_NONE;
    return n == 1 ? s->scratch[base] : intern_list(s, OP_AND, s->scratch + base, n);
}

regex regex_and(struct regexes *s, regex x, regex y)
{
    if (x == y || x == REGEX_NONE || y == REGEX_NONE)
        return x == y ? x : REGEX_NONE;
    size_t base = s->n_scratch;
    regex_push(s, x);
    regex_push(s, y);
    return regex_and_pushed(s, base);
}

regex regex_minus(struct regexes *s, regex x, regex y)
{
    return y == REGEX_NONE ? x : regex_and(s, x, regex_not(s, y));
}

/* --- texts -------------------------------------------------------------------------------------------------------- */

static regex byte(struct regexes *s, unsigned char b)
{
    struct regex_set set = { { 0 } };
    regex_set_add(&set, b, b);
    return regex_bytes(s, set.bits);
}

static regex literal_before(struct regexes *s, const char *text, size_t len, regex then)
{
    while (len > 0 && !s->failed)
        then = concat_one(s, byte(s, (unsigned char)text[--len]), then);
    return s->failed ? REGEX_NONE : then;
}

regex regex_literal(struct regexes *s, const char *bytes, size_t len)
{
    return literal_before(s, bytes, len, REGEX_EMPTY);
}

struct text {
    const char *bytes;
    size_t      len;
};

static int compare_texts(const void *x, const void *y)
{
    const struct text *a = x, *b = y;
    size_t least = a->len < b->len ? a->len : b->len;
    int order = least > 0 ? memcmp(a->bytes, b->bytes, least) : 0;
    return order != 0 ? order : a->len < b->len ? -1 : a->len > b->len;
}

/* Sorted texts that agree before `at`. */
static regex trie(struct regexes *s, const struct text *texts, size_t n, size_t at)
{
    size_t same = at, base = s->n_scratch;
    const struct text *last = &texts[n - 1];
    while (same < texts[0].len && same < last->len && texts[0].bytes[same] == last->bytes[same])
        same++;
    size_t i = 0;
    for (; i < n && texts[i].len == same; i++) {
        if (i == 0)
            regex_push(s, REGEX_EMPTY);
    }
    while (i < n && !s->failed) {
        size_t end = i + 1;
        while (end < n && texts[end].bytes[same] == texts[i].bytes[same])
            end++;
        unsigned char b = (unsigned char)texts[i].bytes[same];
        regex below = trie(s, texts + i, end - i, same + 1);
        regex_push(s, concat_one(s, byte(s, b), below));
        i = end;
    }
    return literal_before(s, texts[0].bytes + at, same - at, regex_or_pushed(s, base));
}

regex regex_literals(struct regexes *s, const char *const *texts, const size_t *lens, size_t n)
{
    struct text *sorted = n > 0 ? calloc(n, sizeof *sorted) : NULL;
    if (sorted == NULL)
        return n == 0 ? REGEX_NONE : failed(s);
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct text){ texts[i], lens[i] };
    qsort(sorted, n, sizeof *sorted, compare_texts);
    regex r = trie(s, sorted, n, 0);
    free(sorted);
    return r;
}

/* --- the store ---------------------------------------------------------------------------------------------------- */

bool regex_failed(const struct regexes *s)
{
    return s->failed;
}

size_t regex_n_states(const struct regexes *s)
{
    return s->n_nodes;
}

/* NONE, EMPTY, the place of REGEX_ANY, and everything. */
static bool begin(struct regexes *s)
{
    regex_room(s, &s->nodes, &s->nodes_cap, 0, sizeof *s->nodes);
    if (s->failed || !rehash(s))
        return false;
    s->nodes[REGEX_NONE] = (struct regex_node){ .op = OP_NONE, .depth = 1, .shortest = FOREVER, .life = LIFE_DEAD };
    s->nodes[REGEX_EMPTY] = (struct regex_node){ .op = OP_EMPTY };
    describe(s, &s->nodes[REGEX_EMPTY]);
    s->nodes[REGEX_ANY] = (struct regex_node){ .op = OP_EMPTY };
    s->n_nodes = 3;
    s->all = complement(s, REGEX_NONE);
    return regex_chars_init(s);
}

/* Gives REGEX_ANY its meaning once there is a character to repeat. */
static bool begin_any(struct regexes *s)
{
    struct regex_node any = { .op = OP_REPEAT, .a = s->chr, .b = 0, .c = FOREVER };
    hash_node(s, &any);
    describe(s, &any);
    s->nodes[REGEX_ANY] = any;
    size_t at = any.hash & (s->table_cap - 1);
    while (s->table[at] != 0)
        at = (at + 1) & (s->table_cap - 1);
    s->table[at] = REGEX_ANY;

    s->utf8[WITHIN_ANY] = REGEX_ANY;
    s->utf8[WITHIN_1] = regex_concat(s, s->tail, REGEX_ANY);
    s->utf8[WITHIN_2] = regex_concat(s, s->tail, s->utf8[WITHIN_1]);
    s->utf8[WITHIN_3] = regex_concat(s, s->tail, s->utf8[WITHIN_2]);
    static const struct {
        uint8_t which, from, to, then;
    } narrow[] = { { WITHIN_E0, 0xa0, 0xbf, WITHIN_1 },
                   { WITHIN_ED, 0x80, 0x9f, WITHIN_1 },
                   { WITHIN_F0, 0x90, 0xbf, WITHIN_2 },
                   { WITHIN_F4, 0x80, 0x8f, WITHIN_2 } };
    for (size_t i = 0; i < sizeof narrow / sizeof narrow[0]; i++) {
        struct regex_set set = { { 0 } };
        regex_set_add(&set, narrow[i].from, narrow[i].to);
        s->utf8[narrow[i].which] = regex_concat(s, regex_bytes(s, set.bits), s->utf8[narrow[i].then]);
    }
    return !s->failed;
}

struct regexes *regexes_create(size_t limit, struct err *err)
{
    struct regexes *s = calloc(1, sizeof *s);
    if (s == NULL) {
        fail(err, CORAX_E_LIMIT, "expressions: out of memory");
        return NULL;
    }
    s->limit = limit;
    if (!begin(s) || !begin_any(s)) {
        fail(err, CORAX_E_LIMIT, "expressions: %zu bytes are not enough", limit);
        regexes_destroy(s);
        return NULL;
    }
    return s;
}
