#include "infer/nfc.h"

#include <stdint.h>
#include <stdlib.h>

#include "infer/nfc_table.h"
#include "util/utf8.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Hangul syllables are arithmetic (section 16 of the annex). */
enum {
    HANGUL = 0xac00,
    LEAD = 0x1100,
    VOWEL = 0x1161,
    TAIL = 0x11a7,
    N_LEAD = 19,
    N_VOWEL = 21,
    N_TAIL = 28,
    N_HANGUL = N_LEAD * N_VOWEL * N_TAIL
};

#define RAW_BYTE 0x80000000u /* a byte that is no UTF-8 */

struct run {
    uint32_t *characters;
    unsigned char *classes;
    size_t n;
};

bool nfc_is_plain(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] >= 0xcc) /* U+0300, the first that combines or decomposes into more than it was */
            return false;
    return true;
}

static int compare(const void *key, const void *entry)
{
    const uint32_t *k = key;
    const struct nfc_entry *e = entry;

    if (k[0] != e->a)
        return k[0] < e->a ? -1 : 1;
    return (k[1] > e->b) - (k[1] < e->b);
}

static int compare_first(const void *key, const void *entry)
{
    const uint32_t c = *(const uint32_t *)key;
    const struct nfc_entry *e = entry;

    return (c > e->a) - (c < e->a);
}

static int compare_range(const void *key, const void *entry)
{
    const uint32_t c = *(const uint32_t *)key;
    const struct nfc_entry *e = entry;

    return c < e->a ? -1 : c > e->b;
}

static unsigned char class_of(uint32_t c)
{
    const struct nfc_entry *e = c < nfc_classes[0].a ? NULL
                                                     : bsearch(&c, nfc_classes, COUNT(nfc_classes), sizeof *nfc_classes,
                                                               compare_range);

    return e ? (unsigned char)e->c : 0;
}

static void add(struct run *r, uint32_t c)
{
    r->classes[r->n] = class_of(c);
    r->characters[r->n++] = c;
}

/* At most four characters come of one. */
static void decompose(struct run *r, uint32_t c)
{
    const struct nfc_entry *e;

    if (c < 0xc0) {
        add(r, c);
    } else if (c >= HANGUL && c < HANGUL + N_HANGUL) {
        uint32_t index = c - HANGUL;

        add(r, LEAD + index / (N_VOWEL * N_TAIL));
        add(r, VOWEL + index % (N_VOWEL * N_TAIL) / N_TAIL);
        if (index % N_TAIL)
            add(r, TAIL + index % N_TAIL);
    } else {
        e = bsearch(&c, nfc_decompositions, COUNT(nfc_decompositions), sizeof *nfc_decompositions, compare_first);
        if (!e) {
            add(r, c);
            return;
        }
        decompose(r, e->b);
        if (e->c)
            decompose(r, e->c);
    }
}

size_t nfd_of(uint32_t c, uint32_t out[4])
{
    unsigned char classes[4];
    struct run r = { out, classes, 0 };

    decompose(&r, c);
    return r.n;
}

struct mark {
    size_t at;
    uint32_t c;
    unsigned char class;
};

static int compare_marks(const void *a, const void *b)
{
    const struct mark *x = a, *y = b;

    if (x->class != y->class)
        return x->class < y->class ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* Marks in a row are put in the order of their classes, those of one class staying as they were. */
static bool order(struct run *r)
{
    for (size_t from = 0, to; from < r->n; from = to) {
        bool sorted = true;
        struct mark *marks;

        for (to = from + 1; to < r->n && r->classes[to]; to++)
            sorted = sorted && r->classes[to - 1] <= r->classes[to];
        if (sorted)
            continue;
        from += r->classes[from] == 0;
        marks = malloc((to - from) * sizeof *marks);
        if (!marks)
            return false;
        for (size_t i = from; i < to; i++)
            marks[i - from] = (struct mark){ i, r->characters[i], r->classes[i] };
        qsort(marks, to - from, sizeof *marks, compare_marks);
        for (size_t i = from; i < to; i++) {
            r->characters[i] = marks[i - from].c;
            r->classes[i] = marks[i - from].class;
        }
        free(marks);
    }
    return true;
}

/* What a and b become together, or 0. */
static uint32_t pair(uint32_t a, uint32_t b)
{
    const uint32_t key[2] = { a, b };
    const struct nfc_entry *e;

    if (a >= LEAD && a < LEAD + N_LEAD && b >= VOWEL && b < VOWEL + N_VOWEL)
        return HANGUL + ((a - LEAD) * N_VOWEL + (b - VOWEL)) * N_TAIL;
    if (a >= HANGUL && a < HANGUL + N_HANGUL && (a - HANGUL) % N_TAIL == 0 && b > TAIL && b < TAIL + N_TAIL)
        return a + (b - TAIL);
    e = bsearch(key, nfc_compositions, COUNT(nfc_compositions), sizeof *nfc_compositions, compare);
    return e ? e->c : 0;
}

static void compose(struct run *r)
{
    size_t starter = SIZE_MAX, n = 0;
    int last = -1; /* class of what stands between the starter and here; -1: nothing */

    for (size_t i = 0; i < r->n; i++) {
        uint32_t c = r->characters[i], joined;
        int class = r->classes[i];

        joined = starter != SIZE_MAX && last < class ? pair(r->characters[starter], c) : 0;
        if (joined) {
            r->characters[starter] = joined;
            continue;
        }
        if (class == 0) {
            starter = n;
            last = -1;
        } else {
            last = class;
        }
        r->characters[n++] = c;
    }
    r->n = n;
}

static uint32_t code_point(const char *s, size_t len)
{
    uint32_t c = (unsigned char)s[0] & (len == 1 ? 0x7fu : 0xffu >> (len + 1));

    for (size_t i = 1; i < len; i++)
        c = c << 6 | ((unsigned char)s[i] & 0x3fu);
    return c;
}

bool nfc_normalize(const char *text, size_t len, struct buf *out)
{
    /* A character of two bytes or more becomes at most four, one of one byte stays. */
    struct run r = { malloc((2 * len + 4) * sizeof *r.characters), malloc(2 * len + 4), 0 };
    bool good = r.characters && r.classes;

    for (size_t i = 0, n; good && i < len; i += n) {
        n = utf8_char_len(text + i, len - i);
        if (n == 0) {
            r.classes[r.n] = 0;
            r.characters[r.n++] = RAW_BYTE | (unsigned char)text[i];
            n = 1;
        } else {
            decompose(&r, code_point(text + i, n));
        }
    }
    good = good && order(&r);
    if (good)
        compose(&r);
    for (size_t i = 0; good && i < r.n; i++) {
        char bytes[4];

        if (r.characters[i] & RAW_BYTE)
            buf_addc(out, (char)(r.characters[i] & 0xff));
        else
            buf_add(out, bytes, utf8_encode(r.characters[i], bytes));
    }
    free(r.characters);
    free(r.classes);
    return good && !out->failed;
}
