/*
 * JSON values, objects and arrays as frames.
 *
 * VALUE   a value is to begin: a: conj, b: list of values that it must not be; in SPACE behind a blank
 * STRING  inside of one: regex is what may follow, in characters, not in how they are written
 * OBJECT  between members: seen says which there are; in COLON a is the conj of the value that comes
 * NAME    inside of the name of a member that the schema lists: a: the first of the names it may be, b: bytes so far
 * KEY     inside of another name: a: its class, b: where on the tape it began
 * ARRAY   between elements: a: how many there are (no further than that matters), b: those that `contains` counted;
 *         in ELEMENT one is being read, code is where it began if they must all differ
 */
#include <string.h>

#include "infer/machine_json.h"

bool json_is_blank(unsigned char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

const void *frame_shape(const struct frame *f)
{
    return (const void *)(uintptr_t)(f->shape[0] | (uint64_t)f->shape[1] << 32);
}

void frame_set_shape(struct frame *f, const void *shape)
{
    const uint64_t pointer = (uint64_t)(uintptr_t)shape;

    f->shape[0] = (uint32_t)pointer;
    f->shape[1] = (uint32_t)(pointer >> 32);
}

/* White space, as much as the style has. */
bool frame_take_blank(struct machine *m, const struct frame *f)
{
    struct frame next = *f;

    if (f->blanks >= m->style.blanks)
        return false;
    next.blanks = m->style.blanks == UINT32_MAX ? 0 : f->blanks + 1;
    work_add(m, &next);
    return true;
}

void first_set(uint64_t bytes[4], unsigned char byte)
{
    bytes[byte / 64] |= (uint64_t)1 << byte % 64;
}

void first_set_blanks(const struct machine *m, const struct frame *f, uint64_t bytes[4])
{
    if (f->blanks < m->style.blanks)
        for (const char *c = " \t\n\r"; *c; c++)
            first_set(bytes, (unsigned char)*c);
}

static void start_object(struct machine *m, const struct frame *f, const struct object_shape *o)
{
    struct frame object = { .kind = FRAME_OBJECT, .phase = OPEN, .depth = f->depth + 1, .parents = f->parents };

    frame_set_shape(&object, o);
    object.seen = object_seen_none(m, o);
    if (object_may_close(m, o, object.seen) || object_has_more(m, o, object.seen, object.depth))
        work_add(m, &object);
}

static void start_array(struct machine *m, const struct frame *f, const struct array_shape *a)
{
    struct frame array = { .kind = FRAME_ARRAY, .phase = OPEN, .depth = f->depth + 1, .parents = f->parents };

    frame_set_shape(&array, a);
    if (array_may_close(&array))
        work_add(m, &array);
    (void)array_next(m, &array, true);
}

static void start_scalar(struct machine *m, const struct frame *f, regex r, unsigned char byte)
{
    work_regex(m, regex_next(m->regexes, r, byte), f->parents);
}

static void step_value(struct machine *m, const struct frame *f, unsigned char byte)
{
    const struct value_shape *v;
    struct frame behind = *f;

    if (f->phase == SPACE) {
        behind.phase = OPEN;
        if (byte == ' ')
            work_add(m, &behind);
        return;
    }
    if (json_is_blank(byte)) {
        if (f->depth > 0)
            (void)frame_take_blank(m, f);
        return;
    }
    v = shapes_expand(m->shapes, f->a);
    if (!v) {
        m->failed = true;
        return;
    }
    if (byte == '"') {
        const regex strings = list_without(m, v->strings, f->b, true, true);

        if (regex_alive(m->regexes, strings, NULL))
            work_add(m, &(struct frame){ .kind = FRAME_STRING, .regex = strings, .parents = f->parents });
    } else if (byte == '{') {
        for (size_t i = 0; i < v->n_objects && f->depth < MACHINE_MAX_DEPTH; i++)
            start_object(m, f, v->objects[i]);
    } else if (byte == '[') {
        for (size_t i = 0; i < v->n_arrays && f->depth < MACHINE_MAX_DEPTH; i++)
            start_array(m, f, v->arrays[i]);
    } else {
        start_scalar(m, f, list_without(m, v->scalars, f->b, true, false), byte);
    }
}

void value_begin(struct machine *m, const struct push *p, uint32_t parents)
{
    work_add(m, &(struct frame){ .kind = FRAME_VALUE, .phase = p->spaced ? SPACE : OPEN, .a = p->value, .b = p->list, .depth = p->depth,
                                 .parents = parents });
}

static void step_string(struct machine *m, const struct frame *f, unsigned char byte)
{
    struct reader r = { .m = m, .regex = f->regex };
    struct frame next = *f;

    if (byte == '"' && f->escape == PLAIN) {
        if (regex_accepts(m->regexes, f->regex))
            work_resume(m, f->parents);
        return;
    }
    if (!reader_step(&r, &next, byte))
        return;
    next.regex = r.regex;
    work_add(m, &next);
}

void value_step(struct machine *m, const struct frame *f, unsigned char byte)
{
    switch ((enum frame_kind)f->kind) {
    case FRAME_VALUE:
        step_value(m, f, byte);
        break;
    case FRAME_STRING:
        step_string(m, f, byte);
        break;
    case FRAME_NAME:
        object_step_name(m, f, byte);
        break;
    case FRAME_KEY:
        object_step_key(m, f, byte);
        break;
    case FRAME_OBJECT:
        object_step(m, f, byte);
        break;
    case FRAME_ARRAY:
        array_step(m, f, byte);
        break;
    default:
        break;
    }
}

static void first_of_value(struct machine *m, const struct frame *f, uint64_t bytes[4])
{
    const struct value_shape *v = shapes_expand(m->shapes, f->a);

    if (f->phase == SPACE)
        first_set(bytes, ' ');
    if (!v || f->phase == SPACE)
        return;
    work_first(m, v->scalars, bytes);
    if (v->strings != REGEX_NONE)
        first_set(bytes, '"');
    if (v->n_objects)
        first_set(bytes, '{');
    if (v->n_arrays)
        first_set(bytes, '[');
    if (f->depth > 0)
        first_set_blanks(m, f, bytes);
}

static void first_of_name(const struct machine *m, const struct frame *f, uint64_t bytes[4])
{
    const struct object_shape *o = frame_shape(f);

    for (size_t i = f->a; i < o->n_names; i++) {
        const struct shape_name *n = &o->names[i];

        if (n->len < f->b || memcmp(n->text, o->names[f->a].text, f->b) != 0)
            break;
        if (object_name_is_open(m, o, f->seen, i))
            first_set(bytes, n->len > f->b ? (unsigned char)n->text[f->b] : '"');
    }
    first_set(bytes, '\\');
}

static void first_of_text(struct machine *m, const struct frame *f, uint64_t bytes[4])
{
    if (f->escape != PLAIN) {
        memset(bytes, 0xff, 4 * sizeof *bytes);
        return;
    }
    if (f->kind == FRAME_NAME) {
        first_of_name(m, f, bytes);
        return;
    }
    work_first(m, f->regex, bytes);
    first_set(bytes, '"');
    first_set(bytes, '\\');
}

void value_first(struct machine *m, const struct frame *f, uint64_t bytes[4])
{
    switch ((enum frame_kind)f->kind) {
    case FRAME_VALUE:
        first_of_value(m, f, bytes);
        break;
    case FRAME_OBJECT:
        first_set(bytes, f->phase == COLON ? ':' : f->phase == AFTER ? ',' : '"');
        first_set(bytes, f->phase == COLON || f->phase == COMMA ? ':' : '}');
        if (m->style.spaced)
            first_set(bytes, ' ');
        first_set_blanks(m, f, bytes);
        break;
    case FRAME_ARRAY:
        first_set(bytes, ']');
        first_set(bytes, ',');
        first_set_blanks(m, f, bytes);
        break;
    default:
        first_of_text(m, f, bytes);
        break;
    }
}
