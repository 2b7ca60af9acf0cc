#include "infer/loops.h"

#include <stdlib.h>
#include <string.h>

#include "infer/utf8.h"

#define N_SLOTS    8192 /* for states that are remembered, at most half of them in use: 80 bytes each */
#define MAX_AROUND 512  /* states that are as good as each other: counts of characters go to some hundreds */
#define MAX_WORK   5000 /* steps of derivatives for it: half a millisecond */

struct loop {
    regex of; /* REGEX_NONE: none */
    enum loops_kind kind;
    bool knows_back, knows_around;
    struct byte_set back, around;
};

struct loops {
    struct regexes *regexes;
    struct loop list[N_SLOTS]; /* by state and kind, open addressing */
    size_t n;
    /* While it is found out what leads around: */
    enum loops_kind kind;
    regex closed[MAX_AROUND];
    uint16_t slots[2 * MAX_AROUND]; /* where in closed a state is, plus one, by its number; open addressing */
    size_t n_closed;
    uint64_t end; /* of the work for it */
    bool open;    /* there would be more */
};

struct loops *loops_create(struct regexes *r)
{
    struct loops *l = calloc(1, sizeof *l);

    if (l)
        l->regexes = r;
    return l;
}

void loops_destroy(struct loops *l)
{
    free(l);
}

/* --- where characters lead ---------------------------------------------------------------------------------------- */

/* To one state; or to what is closed, which may grow. */
static bool leads_to(struct loops *l, regex next, regex only)
{
    size_t at;

    if (only != REGEX_NONE || next == REGEX_NONE)
        return next != REGEX_NONE && next == only;
    for (at = next % (2 * MAX_AROUND); l->slots[at]; at = (at + 1) % (2 * MAX_AROUND))
        if (l->closed[l->slots[at] - 1] == next)
            return true;
    if (l->n_closed > 0 && l->kind == LOOPS_BYTES && regex_accepts(l->regexes, next) != regex_accepts(l->regexes, l->closed[0]))
        return false;
    if (l->n_closed == MAX_AROUND || regex_work(l->regexes) > l->end) {
        l->open = true;
        return false;
    }
    l->closed[l->n_closed++] = next;
    l->slots[at] = (uint16_t)l->n_closed;
    return true;
}

/* Do all characters that go on so, behind a first byte, lead there? */
static bool rests_lead_to(struct loops *l, regex from, struct utf8 utf8, regex only)
{
    regex last = REGEX_NONE;

    if (from == REGEX_NONE)
        return false;
    for (unsigned byte = utf8.low; byte <= utf8.high; byte++) {
        const regex next = regex_next(l->regexes, from, (unsigned char)byte);
        struct utf8 now = utf8;

        if (next == last && next != REGEX_NONE)
            continue;
        utf8_next(&now, (unsigned char)byte);
        if (now.n_left ? !rests_lead_to(l, next, now, only) : !leads_to(l, next, only))
            return false;
        last = next;
    }
    return true;
}

/* Of a set those that lead from a state to where they may. */
static struct byte_set leading(struct loops *l, struct byte_set set, regex from, regex only)
{
    struct byte_set result = { { 0 } };
    struct utf8 last_utf8 = { 0 };
    regex last = REGEX_NONE;
    bool good = false;

    for (unsigned word = 0; word < 4; word++)
        for (uint64_t left = set.bits[word]; left && !l->open; left &= left - 1) {
            const unsigned byte = 64 * word + (unsigned)__builtin_ctzll(left);
            const regex next = regex_next(l->regexes, from, (unsigned char)byte);
            struct utf8 utf8 = { 0 };

            utf8_next(&utf8, (unsigned char)byte);
            if (next != last || memcmp(&utf8, &last_utf8, sizeof utf8) != 0)
                good = utf8.n_left ? rests_lead_to(l, next, utf8, only) : leads_to(l, next, only);
            if (good)
                byte_set_add(&result, (uint8_t)byte);
            last = next;
            last_utf8 = utf8;
        }
    return result;
}

/* --- sets --------------------------------------------------------------------------------------------------------- */

static struct byte_set ascii_of(const struct byte_set *s)
{
    return (struct byte_set){ { s->bits[0], s->bits[1] } };
}

static struct byte_set leads_of(const struct byte_set *s)
{
    return (struct byte_set){ { 0, 0, s->bits[2], s->bits[3] } };
}

/* All bytes that begin a character which stands for itself. */
static struct byte_set plain(enum loops_kind kind)
{
    struct byte_set s = { { 0 } };

    for (unsigned byte = 0; byte <= 0xf4; byte++)
        if (kind == LOOPS_BYTES ? byte < 0x80 || byte >= 0xc2
                                : (byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\') || byte >= 0xc2)
            byte_set_add(&s, (uint8_t)byte);
    return s;
}

static struct byte_set find_back(struct loops *l, regex r, enum loops_kind kind)
{
    const struct byte_set all = plain(kind);
    struct byte_set back = leading(l, ascii_of(&all), r, r);

    if (back.bits[0] | back.bits[1]) { /* what is beyond ASCII is more to look at */
        const struct byte_set more = leading(l, leads_of(&all), r, r);

        memcpy(back.bits + 2, more.bits + 2, sizeof back.bits / 2);
    }
    return back;
}

/* Valid until the next one is asked for. */
static struct loop *loop_of(struct loops *l, regex r, enum loops_kind kind)
{
    size_t at = ((r * 0x9e3779b1u >> 8) + kind) % N_SLOTS;

    if (l->n == N_SLOTS / 2) {
        memset(l->list, 0, sizeof l->list);
        l->n = 0;
    }
    while (l->list[at].of != REGEX_NONE && (l->list[at].of != r || l->list[at].kind != kind))
        at = (at + 1) % N_SLOTS;
    l->n += l->list[at].of == REGEX_NONE;
    l->list[at].of = r;
    l->list[at].kind = kind;
    return &l->list[at];
}

/*
 * What leads around among a number of states; characters that one of them refuses are of no use in any.  It holds for each of them, so
 * it is kept for all.  That they are too many is kept for those that were looked at, too: most of them would find the same.
 */
static void find_around(struct loops *l, regex r, enum loops_kind kind)
{
    struct byte_set around = plain(kind);

    l->kind = kind;
    l->n_closed = 0;
    l->open = false;
    l->end = regex_work(l->regexes) + MAX_WORK;
    memset(l->slots, 0, sizeof l->slots);
    leads_to(l, r, REGEX_NONE);
    for (size_t i = 0; i < l->n_closed && !l->open; i++) { /* first without what is beyond ASCII */
        const struct byte_set ascii = leading(l, ascii_of(&around), l->closed[i], REGEX_NONE);

        memcpy(around.bits, ascii.bits, sizeof around.bits / 2);
    }
    for (size_t i = 0; i < l->n_closed && !l->open; i++)
        around = leading(l, around, l->closed[i], REGEX_NONE);
    if (l->open)
        around = (struct byte_set){ { 0 } };
    for (size_t i = 0; i < l->n_closed; i++) {
        struct loop *x = loop_of(l, l->closed[i], kind);

        x->around = around;
        x->knows_around = true;
    }
}

bool loops_cover(struct loops *l, regex r, enum loops_kind kind, bool back, const struct byte_set *set)
{
    struct loop *x = loop_of(l, r, kind);

    if (!x->knows_back) {
        l->open = false;
        x->back = find_back(l, r, kind);
        x->knows_back = true;
    }
    if (byte_set_covers(&x->back, set) || back)
        return byte_set_covers(&x->back, set);
    if (!x->knows_around)
        find_around(l, r, kind);
    return byte_set_covers(&loop_of(l, r, kind)->around, set);
}
