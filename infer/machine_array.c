/* Elements of arrays: how many, which of them count for `contains`, and that they differ where they must. */
#include <string.h>

#include "infer/machine_json.h"

#include "util/json.h"

static uint32_t counted(uint32_t counts, size_t i)
{
    return counts >> 16 * i & 0xffff;
}

/* Elements that `contains` still needs. */
static int64_t still_needed(const struct array_shape *a, uint32_t counts)
{
    int64_t most = 0;

    /* The second bound is for compilers that do not see that the first is never larger. */
    for (size_t i = 0; i < a->n_contains && i < SHAPE_MAX_CONTAINS; i++) {
        int64_t n = a->contains[i].min - (int64_t)counted(counts, i);

        most = n > most ? n : most;
    }
    return most;
}

static bool value_is_possible(struct machine *m, conj c, uint32_t list)
{
    const struct value_shape *v;

    if (!shapes_satisfiable(m->shapes, c))
        return false;
    if (list == 0)
        return true;
    v = shapes_expand(m->shapes, c);
    return v && (v->n_objects || v->n_arrays || regex_alive(m->regexes, list_without(m, v->strings, list, true, true), NULL) ||
                 regex_alive(m->regexes, list_without(m, v->scalars, list, true, false), NULL));
}

/* How many of the elements from an index on can count for a `contains`. */
static int64_t places_left(const struct array_shape *a, size_t i, size_t index)
{
    const struct shape_contains *x = &a->contains[i];
    int64_t n = 0, behind = (int64_t)(index > a->n_prefix ? index : a->n_prefix);

    for (size_t j = index; j < a->n_prefix && j < 64; j++)
        n += x->at >> j & 1;
    if (!x->in_items)
        return n;
    return a->max < 0 ? INT64_MAX : a->max > behind ? n + a->max - behind : n;
}

/* Pushes the next element in each way of counting it; with push false only says whether there is one. */
bool array_next(struct machine *m, const struct frame *f, bool push)
{
    const struct array_shape *a = frame_shape(f);
    const conj base = f->a < a->n_prefix ? a->prefix[f->a] : a->items;
    const uint32_t index = a->max >= 0 || f->a < a->n_prefix || f->a < a->min ? f->a + 1 : f->a;
    bool found = false;

    if (a->max >= 0 && (int64_t)f->a >= a->max)
        return false;
    for (unsigned way = 0; way < 1u << a->n_contains; way++) {
        struct frame next = *f;
        conj c = base;
        bool good = true;

        for (size_t i = 0; i < a->n_contains && i < SHAPE_MAX_CONTAINS; i++) {
            const struct shape_contains *x = &a->contains[i];
            const uint32_t n = counted(f->b, i);
            const bool counts = way >> i & 1;

            if (counts && (x->max < 0 ? (int64_t)n >= x->min : (int64_t)n >= x->max))
                good = false; /* no more need be counted, or may be */
            c = shapes_both(m->shapes, c, counts ? x->value : x->other);
            next.b += counts ? (uint32_t)1 << 16 * i : 0;
        }
        for (size_t i = 0; i < a->n_contains && i < SHAPE_MAX_CONTAINS; i++)
            good &= places_left(a, i, f->a + (size_t)1) >= a->contains[i].min - (int64_t)counted(next.b, i);
        if (!good || !value_is_possible(m, c, a->unique ? f->seen : 0))
            continue;
        found = true;
        if (!push)
            break;
        next.phase = ELEMENT;
        next.blanks = 0;
        next.a = index;
        next.code = a->unique ? (uint32_t)m->tape.len : 0;
        m->tape_used |= a->unique;
        work_push(m, &(struct push){ .kind = SYMBOL_JSON, .value = c, .list = a->unique ? f->seen : 0, .depth = f->depth,
                                     .spaced = m->style.spaced && f->phase == AFTER,
                                     .parent = machine_intern(m, &next) });
    }
    return found;
}

bool array_may_close(const struct frame *f)
{
    const struct array_shape *a = frame_shape(f);

    return (int64_t)f->a >= a->min && still_needed(a, f->b) == 0;
}

void array_step(struct machine *m, const struct frame *f, unsigned char byte)
{
    if (json_is_blank(byte))
        (void)frame_take_blank(m, f);
    else if (byte == ']' && array_may_close(f))
        work_resume(m, f->parents);
    else if (byte == ',' && f->phase == AFTER)
        (void)array_next(m, f, true);
}

bool value_element_ends(struct machine *m, struct frame *f)
{
    const struct array_shape *a = frame_shape(f);
    struct json *value;
    struct buf text;
    uint32_t number = UNKNOWN_TEXT, start = f->code;

    if (f->phase != ELEMENT)
        return true;
    f->phase = AFTER;
    f->code = 0;
    if (!a->unique)
        return true;
    m->tape_used = true;
    /* Strings and numbers were read as none of those that were there; of objects and arrays only the text tells. */
    if (m->gap && m->tape.len && strchr("}]", m->tape.data[m->tape.len - 1])) {
        m->gap_hit = true;
        return false;
    }
    if (!m->gap && start < m->tape.len) {
        value = json_parse(m->tape.data + start, m->tape.len - start, NULL);
        buf_init(&text, MAX_DECODED);
        if (value)
            json_canonical(value, &text);
        if (value && !text.failed)
            number = list_text(m, text.data, text.len);
        buf_finish(&text);
        json_free(value);
    }
    if (number != UNKNOWN_TEXT && list_has(m, f->seen, number))
        return false;
    f->seen = list_add(m, f->seen, number);
    return true;
}

