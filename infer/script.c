#include "infer/script.h"

#include <string.h>

void script_init(struct script *s, const struct tokenizer *t)
{
    memset(s, 0, sizeof *s);
    s->tokenizer = t;
    s->after_thought[0] = s->after_thought[1] = -1;
}

int script_state(struct script *s, enum script_part part)
{
    if (s->n_states == SCRIPT_MAX_STATES) {
        s->failed = true;
        return 0;
    }
    s->states[s->n_states] = (struct script_state){ .part = part, .otherwise = -1 };
    return (int)s->n_states++;
}

size_t script_units(const struct script *s, const char *text, size_t len, uint32_t *units, size_t max)
{
    size_t n = 0, used;

    for (size_t at = 0; at < len && n < max; at += used) {
        const int32_t token = tokenizer_special_at(s->tokenizer, text + at, len - at, &used);

        used = token < 0 ? 1 : used;
        units[n++] = token < 0 ? (unsigned char)text[at] : MACHINE_TOKEN + (uint32_t)token;
    }
    return n;
}

static struct script_mark add_mark(struct script *s, const char *text, size_t len)
{
    uint32_t units[SCRIPT_MAX_MARK + 1];
    const size_t n = script_units(s, text, len, units, SCRIPT_MAX_MARK + 1);
    const struct script_mark mark = { .first = (uint16_t)s->n_units, .n = (uint16_t)n };

    if (n > SCRIPT_MAX_MARK || s->n_units + n > SCRIPT_MAX_UNITS) {
        s->failed = true;
        return (struct script_mark){ 0 };
    }
    memcpy(s->units + s->n_units, units, n * sizeof *units);
    s->n_units += n;
    return mark;
}

static void add_exit(struct script *s, int from, struct script_exit e)
{
    struct script_state *state = &s->states[from];

    if (state->n_exits == SCRIPT_MAX_EXITS)
        s->failed = true;
    else
        state->exits[state->n_exits++] = e;
}

void script_exit(struct script *s, int from, const char *mark, int to)
{
    const size_t len = strcspn(mark, "\1\2");
    struct script_exit e = { .mark = add_mark(s, mark, len), .next = (uint8_t)to };

    if (mark[len]) {
        const int id = script_state(s, mark[len] == '\1' ? SCRIPT_DIGITS : SCRIPT_NINE);

        script_exit(s, id, mark + len + 1, to);
        e.next = (uint8_t)id;
    }
    add_exit(s, from, e);
}

void script_exit_before(struct script *s, int from, const char *mark, int to)
{
    add_exit(s, from, (struct script_exit){ .mark = add_mark(s, mark, strlen(mark)), .next = (uint8_t)to, .stays = true });
}

void script_ban(struct script *s, const char *text)
{
    if (s->n_bans == SCRIPT_MAX_BANS)
        s->failed = true;
    else
        s->bans[s->n_bans++] = add_mark(s, text, strlen(text));
}

void script_end_token(struct script *s, int32_t token)
{
    for (size_t i = 0; i < s->n_ends; i++)
        if (s->ends[i] == token)
            return;
    if (token < 0)
        return;
    if (s->n_ends == SCRIPT_MAX_ENDS)
        s->failed = true;
    else
        s->ends[s->n_ends++] = token;
}

/* --- equality ----------------------------------------------------------------------------------------------------- */

static bool same_mark(const struct script *a, struct script_mark x, const struct script *b, struct script_mark y)
{
    return x.n == y.n && memcmp(a->units + x.first, b->units + y.first, x.n * sizeof *a->units) == 0;
}

static bool same_state(const struct script *a, const struct script_state *x, const struct script *b, const struct script_state *y)
{
    if (x->part != y->part || x->n_exits != y->n_exits || x->otherwise != y->otherwise || x->blanks != y->blanks || x->ends != y->ends ||
        x->done != y->done)
        return false;
    for (unsigned i = 0; i < x->n_exits; i++)
        if (!same_mark(a, x->exits[i].mark, b, y->exits[i].mark) || x->exits[i].next != y->exits[i].next || x->exits[i].stays != y->exits[i].stays)
            return false;
    return true;
}

static bool same_notation(const struct notation *a, const struct notation *b)
{
    return a->kind == b->kind && a->key_open.text == b->key_open.text && a->key_close.text == b->key_close.text &&
           a->text_close.text == b->text_close.text && a->value_close.text == b->value_close.text && a->quote.text == b->quote.text;
}

bool script_equal(const struct script *a, const struct script *b)
{
    if (a->tokenizer != b->tokenizer || a->n_states != b->n_states || a->n_ends != b->n_ends || a->n_bans != b->n_bans || a->start != b->start ||
        a->trims != b->trims || a->failed != b->failed || a->max_thought != b->max_thought || a->after_thought[0] != b->after_thought[0] ||
        a->after_thought[1] != b->after_thought[1] || !same_notation(&a->notation, &b->notation) ||
        memcmp(a->ends, b->ends, a->n_ends * sizeof *a->ends) != 0)
        return false;
    for (size_t i = 0; i < a->n_bans; i++)
        if (!same_mark(a, a->bans[i], b, b->bans[i]))
            return false;
    for (size_t i = 0; i < a->n_states; i++)
        if (!same_state(a, &a->states[i], b, &b->states[i]))
            return false;
    return true;
}
