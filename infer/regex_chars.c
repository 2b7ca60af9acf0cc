/*
 * Sets of characters as bytes of UTF-8.
 *
 * The code points behind one lead byte are a block, which falls into 64 equal parts, one for each byte that may come
 * next, and so on down to single characters.  Parts that hold the same are one set of bytes before one expression.
 */
#include <stdlib.h>
#include <string.h>

#include "infer/regex_store.h"

#define LAST_CHAR  0x10ffffu
#define SURROGATES 0xd800u, 0xdfffu
/* Patterns have at most a few hundred ranges; the largest class of Unicode has about 700. */
#define MAX_RANGES 20000

struct ranges { /* sorted, apart from each other, without surrogates */
    struct regex_range *list;
    size_t n;
};

static int compare_ranges(const void *x, const void *y)
{
    const struct regex_range *a = x, *b = y;
    return a->from < b->from ? -1 : a->from > b->from;
}

/* Adds what [from, to] has beside the surrogates. */
static void add(struct ranges *r, uint32_t from, uint32_t to)
{
    static const uint32_t gap[] = { SURROGATES };
    if (to > LAST_CHAR)
        to = LAST_CHAR;
    if (from < gap[0] && from <= to)
        r->list[r->n++] = (struct regex_range){ from, to < gap[0] ? to : gap[0] - 1 };
    if (to > gap[1] && from <= to)
        r->list[r->n++] = (struct regex_range){ from > gap[1] ? from : gap[1] + 1, to };
}

static void merge(struct ranges *r)
{
    size_t kept = 0;
    qsort(r->list, r->n, sizeof *r->list, compare_ranges);
    for (size_t i = 0; i < r->n; i++) {
        if (kept > 0 && r->list[i].from <= r->list[kept - 1].to + 1) {
            if (r->list[i].to > r->list[kept - 1].to)
                r->list[kept - 1].to = r->list[i].to;
        } else {
            r->list[kept++] = r->list[i];
        }
    }
    r->n = kept;
}

/* Into r, which has room, what is not in x. */
static void invert(struct ranges *r, const struct ranges *x)
{
    uint32_t next = 0;
    for (size_t i = 0; i < x->n; i++) {
        if (x->list[i].from > next)
            add(r, next, x->list[i].from - 1);
        next = x->list[i].to + 1;
    }
    if (next <= LAST_CHAR)
        add(r, next, LAST_CHAR);
}

static const struct regex_range *first_from(const struct ranges *r, uint32_t from)
{
    size_t low = 0, high = r->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (r->list[mid].to < from)
            low = mid + 1;
        else
            high = mid;
    }
    return low < r->n ? &r->list[low] : NULL;
}

static regex full(const struct regexes *s, uint32_t size)
{
    return size == 1 ? REGEX_EMPTY : size == 64 ? s->tail : size == 64 * 64 ? s->tails[0] : s->tails[1];
}

#define MAX_PARTS 64 /* of a block; and of all lead bytes: ASCII is one, and there are 53 others */

struct parts { /* sets of bytes by what follows them */
    struct {
        regex then;
        struct regex_set set;
    } list[MAX_PARTS];
    size_t n;
};

static void add_part(struct parts *p, uint32_t byte, regex then)
{
    size_t i = p->n;
    if (then == REGEX_NONE)
        return;
    while (i > 0 && p->list[i - 1].then != then) /* the last one is most often the one */
        i--;
    if (i == 0) {
        memset(&p->list[p->n].set, 0, sizeof p->list[p->n].set);
        p->list[p->n++].then = then;
        i = p->n;
    }
    regex_set_add(&p->list[i - 1].set, byte, byte);
}

static regex join(struct regexes *s, const struct parts *p)
{
    size_t base = s->n_scratch;
    for (size_t i = 0; i < p->n; i++)
        regex_push(s, regex_concat(s, regex_bytes(s, p->list[i].set.bits), p->list[i].then));
    return regex_or_pushed(s, base);
}

/* The last bytes of those of the 64 characters from `from` on that are in ranges, of which `range` is the first. */
static regex last_bytes(struct regexes *s, const struct ranges *r, const struct regex_range *range, uint32_t from)
{
    struct regex_set set = { { 0 } };
    for (; range < r->list + r->n && range->from < from + 64; range++) {
        uint32_t low = range->from > from ? range->from - from : 0;
        uint32_t high = range->to < from + 63 ? range->to - from : 63;
        regex_set_add(&set, 0x80 + low, 0x80 + high);
    }
    return regex_bytes(s, set.bits);
}

/* The bytes after the first ones of the characters in [from, from + size), of which those below `least` do not count. */
static regex block(struct regexes *s, const struct ranges *r, uint32_t from, uint32_t size, uint32_t least)
{
    const struct regex_range *range = first_from(r, from > least ? from : least);
    if (range == NULL || range->from >= from + size || from + size <= least)
        return REGEX_NONE;
    if (range->from <= from && range->to >= from + size - 1 && from >= least)
        return full(s, size);
    if (size == 64)
        return last_bytes(s, r, range, from);
    struct parts parts;
    parts.n = 0;
    for (uint32_t k = 0; k < 64; k++)
        add_part(&parts, 0x80 + k, block(s, r, from + k * (size / 64), size / 64, least));
    return join(s, &parts);
}

/* Characters of one length in bytes. */
static const struct length {
    uint32_t lead_from, lead_to; /* first bytes */
    uint32_t size;               /* characters of each */
    uint32_t from;               /* the first character */
} lengths[] = {
    { 0x00, 0x7f, 1, 0 },
    { 0xc0, 0xdf, 64, 0x80 },
    { 0xe0, 0xef, 64 * 64, 0x800 },
    { 0xf0, 0xf4, 64 * 64 * 64, 0x10000 },
};

static regex of_ranges(struct regexes *s, const struct ranges *r)
{
    struct parts parts;
    parts.n = 0;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        const struct length *l = &lengths[i];
        for (uint32_t lead = l->lead_from; lead <= l->lead_to; lead++)
            add_part(&parts, lead, block(s, r, (lead - l->lead_from) * l->size, l->size, l->from));
    }
    return join(s, &parts);
}

regex regex_chars(struct regexes *s, const struct regex_range *list, size_t n, bool others)
{
    if (n > MAX_RANGES || s->failed)
        return s->failed = true, REGEX_NONE;
    struct regex_range *room = calloc(4 * n + 4, sizeof *room); /* each twice, and the gaps */
    if (room == NULL)
        return s->failed = true, REGEX_NONE;
    struct ranges r = { room, 0 }, rest = { room + 2 * n, 0 };
    for (size_t i = 0; i < n; i++)
        add(&r, list[i].from, list[i].to);
    merge(&r);
    if (others)
        invert(&rest, &r);
    regex made = of_ranges(s, others ? &rest : &r);
    free(room);
    return made;
}

bool regex_chars_init(struct regexes *s)
{
    struct regex_set tail = { { 0 } };
    regex_set_add(&tail, 0x80, 0xbf);
    s->tail = regex_bytes(s, tail.bits);
    s->tails[0] = regex_concat(s, s->tail, s->tail);
    s->tails[1] = regex_concat(s, s->tail, s->tails[0]);
    s->chr = regex_chars(s, NULL, 0, true);
    return !s->failed;
}
