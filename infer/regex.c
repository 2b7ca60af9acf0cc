/*
 * The store: nodes that are equal are made once, and are brought into a normal form while they are made, so that the
 * derivatives of an expression stay few.  The forms are those that keep the language and are cheap to see: CONCAT leans
 * to the right, counts of the same base add up, nothing is repeated that says the same once.  regex_merge.c has OR and AND.
 */
#include "infer/regex_store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Recursion goes as deep as expressions nest; a pattern that a person writes stays under a hundred. */
#define MAX_DEPTH 1000
#define MAX_COUNT (UINT32_MAX - 1)

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
enum {
    CLASS_ASCII,
    CLASS_80,
    CLASS_90,
    CLASS_A0,
    CLASS_C2,
    CLASS_E0,
    CLASS_E1,
    CLASS_ED,
    CLASS_F0,
    CLASS_F1,
    CLASS_F4,
    CLASS_BAD,
    N_CLASSES
};

static const uint8_t steps[N_WITHIN][N_CLASSES] = {
    [WITHIN_ANY] = { [CLASS_ASCII] = WITHIN_ANY,
                     [CLASS_C2] = WITHIN_1,
                     [CLASS_E0] = WITHIN_E0,
                     [CLASS_E1] = WITHIN_2,
                     [CLASS_ED] = WITHIN_ED,
                     [CLASS_F0] = WITHIN_F0,
                     [CLASS_F1] = WITHIN_3,
                     [CLASS_F4] = WITHIN_F4 },
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
        { 0x7f, CLASS_ASCII }, { 0x8f, CLASS_80 }, { 0x9f, CLASS_90 }, { 0xbf, CLASS_A0 },  { 0xc1, CLASS_BAD },
        { 0xdf, CLASS_C2 },    { 0xe0, CLASS_E0 }, { 0xec, CLASS_E1 }, { 0xed, CLASS_ED },  { 0xef, CLASS_E1 },
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
    return within == WITHIN_E0 || within == WITHIN_ED   ? WITHIN_2
           : within == WITHIN_F0 || within == WITHIN_F4 ? WITHIN_3
                                                        : within;
}

bool regex_within_is(int x, int y)
{
    return x != WITHIN_UNKNOWN && (x == y || upper(x) == y);
}

bool regex_within_apart(int x, int y)
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
    static const uint8_t order[] = { WITHIN_ANY, WITHIN_E0, WITHIN_ED, WITHIN_F0,
                                     WITHIN_F4,  WITHIN_1,  WITHIN_2,  WITHIN_3 };
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
    n->effort = sum(a->effort, b->effort);
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
    n->shortest = n->effort = FOREVER;
    for (uint32_t i = 0; i < n->b; i++) {
        const struct regex_node *x = &s->nodes[s->lists[n->a + i]];
        n->nullable |= x->nullable;
        n->boolean |= x->boolean;
        n->shortest = x->shortest < n->shortest ? x->shortest : n->shortest;
        n->effort = x->effort < n->effort ? x->effort : n->effort;
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
        n->effort = sum(n->effort, x->effort);
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
    n->effort = product(x->effort, n->b);
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
        n->shortest = n->longest = n->effort = 1;
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

regex regex_intern_list(struct regexes *s, enum regex_op op, const regex *list, size_t n)
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

regex regex_not(struct regexes *s, regex x)
{
    if (s->nodes[x].op == OP_NOT)
        return s->nodes[x].a;
    return intern_plain(s, OP_NOT, x, 0, 0);
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
    size_t len;
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
    s->all = regex_not(s, REGEX_NONE);
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
