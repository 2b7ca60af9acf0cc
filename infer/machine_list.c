/* Lists of texts that must not come again: names of members, and elements of arrays that must all differ. */
#include <stdlib.h>
#include <string.h>

#include "infer/machine_json.h"

#include "util/json.h"

uint32_t list_text(struct machine *m, const char *text, size_t len)
{
    uint32_t words[64], number;
    struct buf padded;

    if (len <= sizeof words - 8) {
        memset(words, 0, sizeof words);
        words[0] = (uint32_t)len;
        memcpy(words + 1, text, len);
        number = intern_add(&m->texts, words, 1 + (len + 3) / 4);
    } else {
        const uint32_t n = (uint32_t)len;

        buf_init(&padded, MAX_DECODED * 4);
        buf_add(&padded, &n, sizeof n);
        buf_add(&padded, text, len);
        buf_add(&padded, "\0\0\0", 3);
        number = padded.failed ? INTERN_NONE : intern_add(&m->texts, (const uint32_t *)(const void *)padded.data, 1 + (len + 3) / 4);
        buf_finish(&padded);
    }
    m->failed |= number == INTERN_NONE;
    return number;
}

static const char *text_of(const struct machine *m, uint32_t number, size_t *len)
{
    size_t n;
    const uint32_t *words = intern_get(&m->texts, number, &n);

    *len = words[0];
    return (const char *)(words + 1);
}

bool list_has(const struct machine *m, uint32_t list, uint32_t text)
{
    size_t n;
    const uint32_t *texts = intern_get(&m->lists, list, &n);

    for (size_t i = 0; i < n; i++)
        if (texts[i] == text)
            return true;
    return false;
}

uint32_t list_add(struct machine *m, uint32_t list, uint32_t text)
{
    size_t n;
    const uint32_t *texts = intern_get(&m->lists, list, &n);
    uint32_t *more = work_scratch(m, n + 1), number;

    if (!more)
        return 0;
    if (n)
        memcpy(more, texts, n * sizeof *more);
    more[n] = text;
    number = intern_add(&m->lists, more, n + 1);
    m->failed |= number == INTERN_NONE;
    return m->failed ? 0 : number;
}

const char *list_item(const struct machine *m, uint32_t list, size_t i, size_t *len)
{
    size_t n;
    const uint32_t *texts = intern_get(&m->lists, list, &n);

    *len = 0;
    return i < n && texts[i] != UNKNOWN_TEXT ? text_of(m, texts[i], len) : NULL;
}

/* --- without them ------------------------------------------------------------------------------------------------- */

/* The texts of strings to be taken out, decoded, one behind the other. */
struct texts {
    struct buf   bytes;
    const char **starts;
    size_t      *lens, n;
};

static bool is_number(const char *text)
{
    return *text == '-' || (*text >= '0' && *text <= '9');
}

/* Every way of writing a number. */
static regex same_number(struct machine *m, const char *text, size_t len)
{
    char digits[64];
    const struct regex_number same = { .min = digits, .max = digits };
    regex r = REGEX_NONE;

    if (len >= sizeof digits)
        return REGEX_NONE;
    memcpy(digits, text, len);
    digits[len] = '\0';
    return regex_number(m->regexes, &same, &r, NULL) == 0 ? r : REGEX_NONE;
}

static void add_decoded(struct machine *m, struct texts *t, const char *text, size_t len, bool quoted)
{
    const size_t before = t->bytes.len;

    if (!quoted)
        buf_add(&t->bytes, text, len);
    else if (!json_unquote(text, len, &t->bytes))
        return;
    m->failed |= t->bytes.failed;
    t->lens[t->n++] = t->bytes.len - before;
}

static regex without_texts(struct machine *m, regex r, struct texts *t)
{
    size_t at = 0;

    for (size_t i = 0; i < t->n; at += t->lens[i++])
        t->starts[i] = t->bytes.data ? t->bytes.data + at : "";
    return t->n && !m->failed ? regex_minus(m->regexes, r, regex_literals(m->regexes, t->starts, t->lens, t->n)) : r;
}

static regex work_out(struct machine *m, regex r, uint32_t list, bool values, bool strings)
{
    struct texts t = { 0 };
    size_t n, len;

    (void)intern_get(&m->lists, list, &n);
    t.starts = malloc((n + 1) * sizeof *t.starts);
    t.lens = malloc((n + 1) * sizeof *t.lens);
    buf_init(&t.bytes, (size_t)16 << 20);
    m->failed |= !t.starts || !t.lens;
    for (size_t i = 0; i < n && !m->failed; i++) {
        const char *text = list_item(m, list, i, &len);

        if (!text || (values && strings != (*text == '"')))
            continue;
        if (values && is_number(text))
            r = regex_minus(m->regexes, r, same_number(m, text, len));
        else
            add_decoded(m, &t, text, len, values && strings);
    }
    r = without_texts(m, r, &t);
    buf_finish(&t.bytes);
    free(t.starts);
    free(t.lens);
    return r;
}

regex list_without(struct machine *m, regex r, uint32_t list, bool values, bool strings)
{
    struct without *w = &m->work->without[(r * 31 + list * 7 + values * 2 + strings) % (sizeof m->work->without / sizeof *w)];

    if (r == REGEX_NONE || list == 0)
        return r;
    if (list_has(m, list, UNKNOWN_TEXT)) { /* what it may not be is not known */
        m->gap_hit = m->tape_used = true;
        return REGEX_NONE;
    }
    if (w->of != r || w->list != list || w->values != values || w->strings != strings)
        *w = (struct without){ r, list, work_out(m, r, list, values, strings), values, strings };
    return m->failed ? REGEX_NONE : w->is;
}
