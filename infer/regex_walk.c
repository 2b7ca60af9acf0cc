/*
 * Walking: derivatives, the rows that remember them, and the search for a text in a language.
 *
 * A derivative is made together with the set of all bytes that would have given the same one: each set of bytes that was
 * looked at keeps those that are on the byte's side of it.  So a row of 256 is filled a class at a time.
 *
 * What has an AND or a NOT in it may have become empty.  Whether it has is searched for among its derivatives, first
 * those that promise to be done soonest.  On the way to one all are alive, and if there is none all that were met are
 * dead: both is kept, so that the next search ends at once.
 */
#include <stdlib.h>
#include <string.h>

#include "infer/regex_store.h"

#define ROWS_A_CHUNK 8 /* 8 KiB: rows never move */
#define MEMO         256
#define MEMO_DEPTH   4 /* what is flatter is made again sooner than looked up */
/* Of one derivative: patterns take tens, and sharing could make it exponential where the memory of them is too short. */
#define MAX_STEPS 1000000
/* Of one search for a text, in steps of derivatives: 20 ms or so. */
#define MAX_SEARCH 200000
/* Of all searches in a store: past 1 s or so of them, each may take a hundredth of that. */
#define MAX_SEARCHED 10000000
/* Of regex_count: no text, and not all together, is longer. */
#define MAX_COUNTED 4096

struct regex_visit {
    regex state;
    uint32_t from; /* index of the visit before */
};

/* --- derivatives -------------------------------------------------------------------------------------------------- */

static regex derive(struct regexes *s, regex r, unsigned char byte, struct regex_set *same);

static void keep(struct regex_set *same, const struct regex_set *set, bool inside)
{
    for (int i = 0; i < 4; i++)
        same->bits[i] &= inside ? set->bits[i] : ~set->bits[i];
}

static uint32_t one_less(uint32_t count)
{
    return count == 0 || count == FOREVER ? count : count - 1;
}

static regex derive_repeat(struct regexes *s, struct regex_node n, unsigned char byte, struct regex_set *same)
{
    regex first = derive(s, n.a, byte, same);
    if (first == REGEX_NONE)
        return REGEX_NONE;
    int64_t most = n.c == FOREVER ? REGEX_MANY : (int64_t)n.c - 1;
    return regex_concat(s, first, regex_repeat(s, n.a, one_less(n.b), most));
}

static regex derive_list(struct regexes *s, struct regex_node n, unsigned char byte, struct regex_set *same)
{
    size_t base = s->n_scratch;
    for (uint32_t i = 0; i < n.b; i++) {
        regex x = derive(s, s->lists[n.a + i], byte, same);
        if (x == REGEX_NONE && n.op == OP_AND)
            return s->n_scratch = base, REGEX_NONE;
        if (x != REGEX_NONE)
            regex_push(s, x);
    }
    return n.op == OP_OR ? regex_or_pushed(s, base) : regex_and_pushed(s, base);
}

static regex derive_concat(struct regexes *s, struct regex_node n, unsigned char byte, struct regex_set *same)
{
    regex x = regex_concat(s, derive(s, n.a, byte, same), n.b);
    return s->nodes[n.a].nullable ? regex_or(s, x, derive(s, n.b, byte, same)) : x;
}

static regex derive_node(struct regexes *s, struct regex_node n, unsigned char byte, struct regex_set *same)
{
    switch (n.op) {
    case OP_BYTES: {
        bool inside = regex_set_has(&s->sets[n.a], byte);
        keep(same, &s->sets[n.a], inside);
        return inside ? REGEX_EMPTY : REGEX_NONE;
    }
    case OP_CONCAT:
        return derive_concat(s, n, byte, same);
    case OP_OR:
    case OP_AND:
        return derive_list(s, n, byte, same);
    case OP_NOT:
        return regex_not(s, derive(s, n.a, byte, same));
    case OP_REPEAT:
        return derive_repeat(s, n, byte, same);
    case OP_REMAINDER:
        return regex_remainder_next(s, n.a, byte, same);
    default:
        return REGEX_NONE;
    }
}

static struct regex_derivative *remembered(struct regexes *s, regex r, unsigned char byte)
{
    if (s->memo == NULL) {
        size_t bytes = MEMO * sizeof *s->memo;
        if (bytes > s->limit - s->used || (s->memo = calloc(1, bytes)) == NULL)
            return NULL;
        s->used += bytes;
    }
    return &s->memo[(r * 31 + byte) % MEMO];
}

static regex derive(struct regexes *s, regex r, unsigned char byte, struct regex_set *same)
{
    struct regex_node n = s->nodes[r];
    if (s->failed || s->steps++ > MAX_STEPS)
        return s->failed = true, REGEX_NONE;
    struct regex_derivative *memo = n.depth < MEMO_DEPTH ? NULL : remembered(s, r, byte);
    if (memo == NULL)
        return derive_node(s, n, byte, same);
    if (memo->of != r || memo->byte != byte) {
        struct regex_derivative made = { .of = r,
                                         .byte = byte,
                                         .same = { { ~(uint64_t)0, ~(uint64_t)0, ~(uint64_t)0, ~(uint64_t)0 } } };
        made.is = derive_node(s, n, byte, &made.same);
        *memo = made;
    }
    keep(same, &memo->same, true);
    return memo->is;
}

/* From outside: same gets the whole class of the byte. */
static regex derivative(struct regexes *s, regex r, unsigned char byte, struct regex_set *same)
{
    memset(same, 0xff, sizeof *same);
    s->steps = 0;
    regex x = derive(s, r, byte, same);
    s->work += s->steps;
    return s->failed ? REGEX_NONE : x;
}

/* --- is there a text? --------------------------------------------------------------------------------------------- */

/* What is known without a search. */
static enum regex_life life(struct regexes *s, regex r)
{
    struct regex_node *n = &s->nodes[r];
    while (n->life == LIFE_UNKNOWN && n->op == OP_CONCAT && s->nodes[n->a].life == LIFE_ALIVE)
        n = &s->nodes[n->b]; /* as good as its tail */
    if (n->life == LIFE_UNKNOWN && n->op == OP_CONCAT && s->nodes[n->a].life == LIFE_DEAD)
        return LIFE_DEAD;
    return n->life;
}

/* A heap of visits, by the effort to come to the end of a text; ties in the order of their coming. */
static bool before(const struct regexes *s, uint32_t x, uint32_t y)
{
    uint32_t a = s->nodes[s->visits[x].state].effort, b = s->nodes[s->visits[y].state].effort;
    return a != b ? a < b : x < y;
}

static bool heap_push(struct regexes *s, size_t *n, uint32_t visit)
{
    if (!regex_room(s, &s->heap, &s->heap_cap, *n, sizeof *s->heap))
        return false;
    size_t i = (*n)++;
    for (; i > 0 && before(s, visit, s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = visit;
    return true;
}

static uint32_t heap_pop(struct regexes *s, size_t *n)
{
    uint32_t top = s->heap[0], last = s->heap[--*n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < *n; i = child) {
        if (child + 1 < *n && before(s, s->heap[child + 1], s->heap[child]))
            child++;
        if (!before(s, s->heap[child], last))
            break;
        s->heap[i] = s->heap[child];
    }
    s->heap[i] = last;
    return top;
}

static bool visit(struct regexes *s, regex state, uint32_t from, size_t *n_visits, size_t *n_heap)
{
    if (!regex_room(s, &s->visits, &s->visits_cap, *n_visits, sizeof *s->visits))
        return false;
    s->nodes[state].mark = s->search;
    s->visits[*n_visits] = (struct regex_visit){ state, from };
    return heap_push(s, n_heap, (uint32_t)(*n_visits)++);
}

static void all_alive(struct regexes *s, uint32_t at, enum regex_life life)
{
    for (;; at = s->visits[at].from) {
        s->nodes[s->visits[at].state].life = (uint8_t)life;
        if (at == 0)
            return;
    }
}

/* Looks at what follows a state; true when one of them is alive, as is then all before it. */
static bool expand(struct regexes *s, uint32_t at, size_t *n_visits, size_t *n_heap, int *fuel)
{
    regex state = s->visits[at].state;
    struct regex_set left, same;
    memset(&left, 0xff, sizeof left);
    for (unsigned byte = 0; byte < 256 && !s->failed; byte++) {
        if (!regex_set_has(&left, (unsigned char)byte))
            continue;
        regex next = derivative(s, state, (unsigned char)byte, &same);
        keep(&left, &same, false);
        *fuel -= (int)s->steps;
        s->searched += s->steps;
        enum regex_life known = life(s, next);
        if (known == LIFE_ALIVE || known == LIFE_UNSURE) {
            all_alive(s, at, known);
            return true;
        }
        if (known == LIFE_UNKNOWN && s->nodes[next].mark != s->search)
            visit(s, next, at, n_visits, n_heap);
    }
    return false;
}

static void search(struct regexes *s, regex r)
{
    size_t n_visits = 0, n_heap = 0;
    int fuel = s->searched < MAX_SEARCHED ? MAX_SEARCH : MAX_SEARCH / 100;
    s->search++;
    visit(s, r, 0, &n_visits, &n_heap);
    while (n_heap > 0 && fuel > 0 && !s->failed) {
        if (expand(s, heap_pop(s, &n_heap), &n_visits, &n_heap, &fuel))
            return;
    }
    if (s->failed)
        return;
    if (n_heap > 0) {
        s->nodes[r].life = LIFE_UNSURE;
        return;
    }
    for (size_t i = 0; i < n_visits; i++)
        s->nodes[s->visits[i].state].life = LIFE_DEAD;
}

bool regex_alive(struct regexes *s, regex r, bool *sure)
{
    enum regex_life known = life(s, r);
    if (known == LIFE_UNKNOWN && !s->failed) {
        search(s, r);
        known = life(s, r);
    }
    if (sure != NULL)
        *sure = known == LIFE_ALIVE || known == LIFE_DEAD;
    return known != LIFE_DEAD && r != REGEX_NONE;
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

static regex *new_row(struct regexes *s, regex r)
{
    if (s->n_rows % ROWS_A_CHUNK == 0) {
        size_t bytes = ROWS_A_CHUNK * 256 * sizeof(regex), i = s->n_rows / ROWS_A_CHUNK;
        if (!regex_room(s, &s->chunks, &s->chunks_cap, i, sizeof *s->chunks))
            return NULL;
        if (bytes > s->limit - s->used || (s->chunks[i] = malloc(bytes)) == NULL)
            return s->failed = true, NULL;
        s->used += bytes;
    }
    s->nodes[r].row = (uint32_t)++s->n_rows;
    regex *row = s->chunks[(s->n_rows - 1) / ROWS_A_CHUNK] + (s->n_rows - 1) % ROWS_A_CHUNK * 256;
    memset(row, 0xff, 256 * sizeof *row); /* REGEX_UNSEEN */
    return row;
}

static regex *row_of(struct regexes *s, regex r)
{
    uint32_t row = s->nodes[r].row;
    if (row == 0)
        return s->failed ? NULL : new_row(s, r);
    return s->chunks[(row - 1) / ROWS_A_CHUNK] + (row - 1) % ROWS_A_CHUNK * 256;
}

const regex *regex_row(struct regexes *s, regex r)
{
    return s->failed ? NULL : row_of(s, r);
}

regex regex_next(struct regexes *s, regex r, unsigned char byte)
{
    regex *row = row_of(s, r);
    if (row == NULL)
        return REGEX_NONE;
    if (row[byte] != REGEX_UNSEEN)
        return row[byte];
    struct regex_set same;
    regex next = derivative(s, r, byte, &same);
    if (next != REGEX_NONE && !regex_alive(s, next, NULL))
        next = REGEX_NONE;
    if (s->failed)
        return REGEX_NONE;
    for (unsigned word = 0; word < 4; word++) {
        for (uint64_t left = same.bits[word]; left != 0; left &= left - 1)
            row[word * 64 + (unsigned)__builtin_ctzll(left)] = next;
    }
    return next;
}

uint64_t regex_work(const struct regexes *s)
{
    return s->work;
}

bool regex_accepts(const struct regexes *s, regex r)
{
    return s->nodes[r].nullable;
}

void regex_first(struct regexes *s, regex r, uint64_t set[4])
{
    memset(set, 0, 4 * sizeof *set);
    for (unsigned byte = 0; byte < 256; byte++) {
        if (regex_next(s, r, (unsigned char)byte) != REGEX_NONE)
            set[byte / 64] |= (uint64_t)1 << (byte % 64);
    }
}

/* --- counting ----------------------------------------------------------------------------------------------------- */

/* How many more there may be.  Each prefix has a text, so they are no more than bytes; but where a search gave up they may be. */
struct counting {
    int64_t texts, bytes, prefixes;
};

enum count { COUNTED, COUNT_TOO_MANY, COUNT_CYCLE };

static enum count count(struct regexes *s, regex r, int64_t depth, struct counting *left);

/* Of the texts that go on with a byte. */
static enum count count_next(struct regexes *s, regex r, int64_t depth, struct counting *left)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        const regex next = regex_next(s, r, (unsigned char)byte);
        const enum count result = next == REGEX_NONE ? COUNTED : count(s, next, depth + 1, left);

        if (result != COUNTED)
            return result;
    }
    return s->failed ? COUNT_TOO_MANY : COUNTED;
}

/* A state that comes again on the way to a text has no end of them. */
static enum count count(struct regexes *s, regex r, int64_t depth, struct counting *left)
{
    enum count result;

    if (s->nodes[r].counting != COUNT_UNKNOWN)
        return COUNT_CYCLE;
    if (regex_accepts(s, r)) {
        left->bytes -= depth;
        left->texts--;
    }
    if (left->texts < 0 || left->bytes < 0 || depth > MAX_COUNTED || --left->prefixes < 0)
        return COUNT_TOO_MANY;
    s->nodes[r].counting = COUNT_ON_PATH;
    result = count_next(s, r, depth, left);
    s->nodes[r].counting = result == COUNT_CYCLE ? COUNT_ENDLESS : COUNT_UNKNOWN;
    return result;
}

int64_t regex_count(struct regexes *s, regex r, int64_t max)
{
    struct counting left = { .texts = max, .bytes = MAX_COUNTED, .prefixes = MAX_COUNTED + 1 };

    if (max < 0 || !regex_alive(s, r, NULL))
        return s->failed || max < 0 ? -1 : 0;
    if (s->nodes[r].longest == FOREVER && !s->nodes[r].boolean)
        return -1;
    return count(s, r, 0, &left) == COUNTED ? max - left.texts : -1;
}

static bool is_unit(struct regexes *s, regex r)
{
    if (r == s->chr)
        return true;
    if (s->nodes[r].longest > 4 || s->nodes[r].within != WITHIN_ANY || s->nodes[r].nullable)
        return false;
    return !regex_alive(s, regex_minus(s, r, s->chr), NULL);
}

bool regex_units(struct regexes *s, regex r, regex *unit, int64_t *min, int64_t *max)
{
    const struct regex_node n = s->nodes[r];

    if (r == REGEX_ANY) { /* as it would be written */
        *unit = s->chr;
        *min = 0;
        *max = REGEX_MANY;
        return true;
    }
    *unit = n.op == OP_REPEAT ? n.a : r;
    *min = n.op == OP_REPEAT ? (int64_t)n.b : 1;
    *max = n.op == OP_REPEAT ? n.c == FOREVER ? REGEX_MANY : (int64_t)n.c : 1;
    return is_unit(s, *unit);
}

/* An AND with any number of what one of its operands has so many of at most; REGEX_NONE: none has. */
static regex without_count(struct regexes *s, struct regex_node n, int64_t *min, int64_t *max)
{
    const size_t base = s->n_scratch;
    bool found = false;

    for (uint32_t i = 0; i < n.b; i++) {
        const regex r = s->lists[n.a + i];
        regex unit;

        if (!found && regex_units(s, r, &unit, min, max) && *max != REGEX_MANY) {
            regex_push(s, regex_repeat(s, unit, 0, REGEX_MANY));
            found = true;
        } else
            regex_push(s, r);
    }
    if (found)
        return regex_and_pushed(s, base);
    s->n_scratch = base;
    return REGEX_NONE;
}

bool regex_counted(struct regexes *s, regex r, regex *all, int64_t *min, int64_t *max, bool *units)
{
    regex unit;

    *units = regex_units(s, r, &unit, min, max);
    if (*units)
        *all = regex_repeat(s, unit, 0, REGEX_MANY);
    else
        *all = s->nodes[r].op == OP_AND ? without_count(s, s->nodes[r], min, max) : REGEX_NONE;
    return *all != REGEX_NONE;
}

/* --- the shortest text -------------------------------------------------------------------------------------------- */

#define MAX_WAYS 64 /* states that are met on the way to it */

/* A state, and the fewest characters that lead to it. */
struct way {
    regex state;
    uint16_t chars;
    bool loops; /* on the way there is one that a character leads back to */
    bool gone;  /* further */
};

struct ways {
    struct way list[MAX_WAYS];
    size_t n;
};

static bool add_way(struct ways *w, struct way way)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->list[i].state == way.state) {
            if (way.chars < w->list[i].chars) /* not gone on from yet: others are gone on from sooner */
                w->list[i] = way;
            else if (way.chars == w->list[i].chars)
                w->list[i].loops |= way.loops;
            return true;
        }
    if (w->n == MAX_WAYS)
        return false;
    w->list[w->n++] = way;
    return true;
}

static struct way *nearest(struct ways *w)
{
    struct way *best = NULL;

    for (size_t i = 0; i < w->n; i++)
        if (!w->list[i].gone && (!best || w->list[i].chars < best->chars))
            best = &w->list[i];
    return best;
}

static bool go_on(struct regexes *s, struct ways *w, const struct way *way)
{
    regex last = REGEX_NONE;

    for (unsigned byte = 0; byte < 256; byte++) {
        const regex next = regex_next(s, way->state, (unsigned char)byte);
        const bool starts = (byte & 0xc0) != 0x80;

        if (next != REGEX_NONE && (next != last || byte == 0x80 || byte == 0xc0) &&
            !add_way(w, (struct way){ .state = next, .chars = (uint16_t)(way->chars + starts), .loops = way->loops }))
            return false;
        last = next;
    }
    return true;
}

static bool has_loop(struct regexes *s, regex r)
{
    for (unsigned byte = 0; byte < 0x80; byte++)
        if (regex_next(s, r, (unsigned char)byte) == r)
            return true;
    return false;
}

int32_t regex_to_end(struct regexes *s, regex r, bool *longer)
{
    if (s->nodes[r].to_end == 0) {
        struct ways w = { .list = { { .state = r } }, .n = 1 };
        struct way *way;
        bool good = true;

        while (good && (way = nearest(&w)) != NULL) {
            way->gone = true;
            way->loops |= has_loop(s, way->state);
            if (regex_accepts(s, way->state)) {
                s->nodes[r].to_end = (uint16_t)(way->chars + 1);
                s->nodes[r].longer = way->loops;
                break;
            }
            good = go_on(s, &w, way) && !s->failed;
        }
        if (s->nodes[r].to_end == 0)
            s->nodes[r].to_end = NO_END;
    }
    *longer = s->nodes[r].longer;
    return s->nodes[r].to_end == NO_END ? -1 : s->nodes[r].to_end - 1;
}

void regexes_destroy(struct regexes *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i * ROWS_A_CHUNK < s->n_rows; i++)
        free(s->chunks[i]);
    free(s->chunks);
    free(s->nodes);
    free(s->table);
    free(s->sets);
    free(s->lists);
    free(s->scratch);
    free(s->items);
    free(s->remainders);
    free(s->memo);
    free(s->visits);
    free(s->heap);
    free(s);
}
