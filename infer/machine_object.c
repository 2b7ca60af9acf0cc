/* Members of objects: which names may come, which have been, and when it may close. */
#include <string.h>

#include "infer/machine_json.h"

#include "util/json.h"

/* Words.  REQUIRED: those that are still to come; NEEDS: bits of the needs that a member has fulfilled. */
enum { SEEN_N, SEEN_LAST, SEEN_EXTRAS, SEEN_REQUIRED, SEEN_NEEDS, SEEN_BITS };

static const uint32_t *seen_words(const struct machine *m, uint32_t seen)
{
    size_t n;

    return intern_get(&m->seen, seen, &n);
}

uint32_t object_seen_none(struct machine *m, const struct object_shape *o)
{
    const size_t n = SEEN_BITS + (o->n_names + 31) / 32;
    uint32_t *words = work_scratch(m, n), number;

    if (!words)
        return 0;
    memset(words, 0, n * sizeof *words);
    words[SEEN_REQUIRED] = (uint32_t)o->n_required;
    number = intern_add(&m->seen, words, n);
    m->failed |= number == INTERN_NONE;
    return m->failed ? 0 : number;
}

static bool is_seen(const struct machine *m, uint32_t seen, size_t i)
{
    return seen_words(m, seen)[SEEN_BITS + i / 32] >> i % 32 & 1;
}

/* One more member: a name of the shape's own, or (at n_names) another, whose text is put on the list. */
static uint32_t seen_add(struct machine *m, const struct object_shape *o, uint32_t seen, size_t i, uint32_t text, unsigned needs)
{
    const size_t n = SEEN_BITS + (o->n_names + 31) / 32;
    uint32_t extras = seen_words(m, seen)[SEEN_EXTRAS], *words, number;

    if (i == o->n_names)
        extras = list_add(m, extras, text);
    words = work_scratch(m, n);
    if (!words || m->failed)
        return 0;
    memcpy(words, seen_words(m, seen), n * sizeof *words);
    words[SEEN_N]++;
    words[SEEN_EXTRAS] = extras;
    words[SEEN_NEEDS] |= needs;
    if (i < o->n_names) {
        words[SEEN_BITS + i / 32] |= (uint32_t)1 << i % 32;
        words[SEEN_LAST] = m->style.ordered ? o->names[i].order + 1 : 0;
        words[SEEN_REQUIRED] -= o->names[i].required;
    } else if (m->style.ordered) {
        words[SEEN_LAST] = (uint32_t)o->n_names;
    }
    if (o->min <= (int64_t)words[SEEN_N] && o->max < 0)
        words[SEEN_N] = (uint32_t)o->min; /* how many more there are makes no difference */
    number = intern_add(&m->seen, words, n);
    m->failed |= number == INTERN_NONE;
    return m->failed ? 0 : number;
}

static bool has_slot(const struct machine *m, const struct object_shape *o, uint32_t seen, bool required)
{
    const uint32_t *words = seen_words(m, seen);

    return o->max < 0 || (int64_t)words[SEEN_N] + words[SEEN_REQUIRED] + !required <= o->max;
}

/* Of the names behind `order`, does a required one come before `until`?  In ordered objects none may be passed over. */
static bool passes_required(const struct machine *m, const struct object_shape *o, uint32_t seen, uint32_t until)
{
    for (uint32_t i = seen_words(m, seen)[SEEN_LAST]; i < until; i++)
        if (o->names[o->by_order[i]].required && !is_seen(m, seen, o->by_order[i]))
            return true;
    return false;
}

/* Where the name is there, others must come that no longer can. */
static bool misses_dependency(const struct machine *m, const struct object_shape *o, uint32_t seen, size_t name)
{
    for (size_t i = 0; i < o->n_dependencies; i++) {
        const struct shape_dependency *d = &o->dependencies[i];

        if (d->name != name)
            continue;
        for (size_t j = 0; j < d->n_required; j++) {
            const struct shape_name *n = &o->names[d->required[j]];

            if (!is_seen(m, seen, d->required[j]) &&
                (n->value == CONJ_NOTHING || (m->style.ordered && n->order < o->names[name].order)))
                return true;
        }
    }
    return false;
}

static bool class_is_open(struct machine *m, const struct object_shape *o, uint32_t seen, uint32_t depth, size_t i)
{
    const bool is_free = m->style.free && depth > 1 && o->n_names == 0, enough = o->min <= (int64_t)seen_words(m, seen)[SEEN_N];

    if (m->style.closed && !is_free && enough && o->classes[i].value == CONJ_ANYTHING)
        return false;
    if (m->style.ordered && seen_words(m, seen)[SEEN_REQUIRED] > 0)
        return false;
    if (!has_slot(m, o, seen, false))
        return false;
    return !o->classes[i].few ||
           regex_alive(m->regexes, list_without(m, o->classes[i].names, seen_words(m, seen)[SEEN_EXTRAS], false, false), NULL);
}

/* If this name comes next, are there names enough left to reach the least number of members? */
static bool leaves_enough(const struct machine *m, const struct object_shape *o, uint32_t seen, size_t name)
{
    int64_t left = 0;

    if (o->min <= (int64_t)seen_words(m, seen)[SEEN_N] + 1)
        return true;
    if (o->n_classes)
        return true;
    for (size_t i = 0; i < o->n_names; i++)
        left += o->names[i].value != CONJ_NOTHING && !is_seen(m, seen, i) &&
                (!m->style.ordered || o->names[i].order >= o->names[name].order);
    return (int64_t)seen_words(m, seen)[SEEN_N] + left >= o->min;
}

bool object_name_is_open(const struct machine *m, const struct object_shape *o, uint32_t seen, size_t i)
{
    const struct shape_name *n = &o->names[i];

    if (n->value == CONJ_NOTHING || is_seen(m, seen, i) || !has_slot(m, o, seen, n->required))
        return false;
    if (m->style.ordered && (n->order < seen_words(m, seen)[SEEN_LAST] || passes_required(m, o, seen, n->order)))
        return false;
    return !misses_dependency(m, o, seen, i) && leaves_enough(m, o, seen, i);
}

bool object_has_more(struct machine *m, const struct object_shape *o, uint32_t seen, uint32_t depth)
{
    for (size_t i = 0; i < o->n_classes; i++)
        if (class_is_open(m, o, seen, depth, i))
            return true;
    for (size_t i = 0; i < o->n_names; i++)
        if (object_name_is_open(m, o, seen, i))
            return true;
    return false;
}

bool object_may_close(const struct machine *m, const struct object_shape *o, uint32_t seen)
{
    const uint32_t *words = seen_words(m, seen);

    if (words[SEEN_REQUIRED] > 0 || (int64_t)words[SEEN_N] < o->min || words[SEEN_NEEDS] != (1u << o->n_needs) - 1)
        return false;
    for (size_t i = 0; i < o->n_dependencies; i++) {
        const struct shape_dependency *d = &o->dependencies[i];

        if (is_seen(m, seen, d->name))
            for (size_t j = 0; j < d->n_required; j++)
                if (!is_seen(m, seen, d->required[j]))
                    return false;
    }
    return true;
}

/* The quote that begins a name: of the shape's own, and of each class of others. */
static void start_names(struct machine *m, const struct frame *f)
{
    const struct object_shape *o = frame_shape(f);
    struct frame name = *f;

    name.kind = FRAME_NAME;
    name.phase = name.a = name.b = name.blanks = 0;
    for (size_t i = 0; i < o->n_names; i++)
        if (object_name_is_open(m, o, f->seen, i)) {
            work_add(m, &name);
            break;
        }
    name.kind = FRAME_KEY;
    for (size_t i = 0; i < o->n_classes; i++) {
        if (!class_is_open(m, o, f->seen, f->depth, i))
            continue;
        name.a = (uint32_t)i;
        name.b = (uint32_t)m->tape.len;
        m->tape_used = true;
        name.regex = o->classes[i].names;
        if (o->classes[i].few)
            name.regex = list_without(m, name.regex, seen_words(m, f->seen)[SEEN_EXTRAS], false, false);
        if (regex_alive(m->regexes, name.regex, NULL))
            work_add(m, &name);
    }
}

/* A member's name has ended: its value counts for some of the needs that are open, or for none. */
static void end_name(struct machine *m, const struct frame *f, size_t i, conj value, unsigned needs, uint32_t text)
{
    const struct object_shape *o = frame_shape(f);
    const unsigned open = needs & ~seen_words(m, f->seen)[SEEN_NEEDS];

    for (unsigned set = 0; set < 1u << o->n_needs; set++) {
        struct frame object = *f;
        conj c = value;

        if (set & ~open)
            continue;
        for (size_t j = 0; j < o->n_needs; j++)
            if (set >> j & 1)
                c = shapes_both(m->shapes, c, o->needs[j].value);
        if (set && !shapes_satisfiable(m->shapes, c))
            continue;
        object.kind = FRAME_OBJECT;
        object.phase = COLON;
        object.a = c;
        object.b = object.regex = object.escape = object.code = object.blanks = 0;
        object.seen = seen_add(m, o, f->seen, i, text, set);
        work_add(m, &object);
    }
}

void object_step_name(struct machine *m, const struct frame *f, unsigned char byte)
{
    const struct object_shape *o = frame_shape(f);
    struct reader r = { .m = m, .names = true, .f = f, .lo = f->a, .len = f->b };
    struct frame next = *f;
    uint32_t found;

    if (byte == '"' && f->escape == PLAIN) {
        if (reader_name(&r, -1, &found))
            end_name(m, f, found, o->names[found].value, o->names[found].needs, 0);
        return;
    }
    if (!reader_step(&r, &next, byte))
        return;
    next.a = r.lo;
    next.b = r.len;
    work_add(m, &next);
}

bool object_name_so_far(const struct machine *m, const struct frame *f, bool ended, struct buf *out)
{
    struct buf literal;
    bool good = false;

    if (m->gap || f->b > m->tape.len)
        return false;
    buf_init(&literal, MAX_DECODED + 2);
    buf_addc(&literal, '"');
    buf_add(&literal, m->tape.data + f->b, m->tape.len - f->b); /* with the quote, if that has been read */
    if (!ended)
        buf_addc(&literal, '"');
    if (!literal.failed)
        good = json_unquote(literal.data, literal.len, out);
    buf_finish(&literal);
    return good;
}

static int compare_text(const struct shape_name *n, const char *text, size_t len)
{
    int order = memcmp(n->text, text, n->len < len ? n->len : len);

    return order != 0 ? order : n->len < len ? -1 : n->len > len;
}

static bool is_own_name(const struct object_shape *o, const char *text, size_t len)
{
    size_t low = 0, high = o->n_names;

    while (low < high) {
        const size_t mid = (low + high) / 2;
        const int order = compare_text(&o->names[mid], text, len);

        if (order == 0)
            return true;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

/* A name that is none of the object's own has ended: unless it is one, or was there before.  What the tape lacks is left to whoever asks. */
static void end_key(struct machine *m, const struct frame *f)
{
    const struct object_shape *o = frame_shape(f);
    const struct shape_names *class = &o->classes[f->a];
    const uint32_t extras = seen_words(m, f->seen)[SEEN_EXTRAS];
    uint32_t text = UNKNOWN_TEXT;
    struct buf name;
    bool taken = false;

    m->tape_used = true;
    if (list_has(m, extras, UNKNOWN_TEXT)) {
        m->gap_hit = true;
        return;
    }
    buf_init(&name, MAX_DECODED);
    if (object_name_so_far(m, f, true, &name)) {
        const char *bytes = name.data ? name.data : "";

        text = list_text(m, bytes, name.len);
        taken = !class->few && (is_own_name(o, bytes, name.len) || list_has(m, extras, text));
    }
    buf_finish(&name);
    if (!taken && !m->failed)
        end_name(m, f, o->n_names, class->value, class->needs, text);
}

/* A name that begins like this one is taken: what is left of it may not come. */
static regex minus_rest(struct machine *m, regex left, const struct buf *begun, const char *text, size_t len)
{
    if (len < begun->len || memcmp(text, begun->data ? begun->data : "", begun->len) != 0)
        return left;
    return regex_minus(m->regexes, left, regex_literal(m->regexes, text + begun->len, len - begun->len));
}

/*
 * Where few names are left that a name of no end of them can become, do all of those that are taken leave one?  The tape is looked at
 * only then.
 */
static bool key_leads_on(struct machine *m, const struct frame *f)
{
    const struct object_shape *o = frame_shape(f);
    struct buf name;
    regex left = f->regex;
    size_t n;

    if (o->classes[f->a].few || f->escape != PLAIN || m->gap || regex_count(m->regexes, left, 8) < 0)
        return true;
    m->tape_used = true;
    buf_init(&name, MAX_DECODED);
    if (object_name_so_far(m, f, false, &name)) {
        for (size_t i = 0; i < o->n_names; i++)
            left = minus_rest(m, left, &name, o->names[i].text, o->names[i].len);
        (void)intern_get(&m->lists, seen_words(m, f->seen)[SEEN_EXTRAS], &n);
        for (size_t i = 0; i < n; i++) {
            size_t len;
            const char *text = list_item(m, seen_words(m, f->seen)[SEEN_EXTRAS], i, &len);

            if (text)
                left = minus_rest(m, left, &name, text, len);
        }
    }
    buf_finish(&name);
    return regex_alive(m->regexes, left, NULL);
}

void object_step_key(struct machine *m, const struct frame *f, unsigned char byte)
{
    struct reader r = { .m = m, .regex = f->regex };
    struct frame next = *f;

    if (byte == '"' && f->escape == PLAIN) {
        if (regex_accepts(m->regexes, f->regex))
            end_key(m, f);
        return;
    }
    if (!reader_step(&r, &next, byte))
        return;
    next.regex = r.regex;
    if (r.regex == REGEX_ANY || key_leads_on(m, &next))
        work_add(m, &next);
}

bool value_takes_blanks(const struct frame *f)
{
    return f->kind == FRAME_OBJECT || f->kind == FRAME_ARRAY || (f->kind == FRAME_VALUE && f->depth > 0);
}

bool object_names_end(const struct frame *f)
{
    const struct object_shape *o = frame_shape(f);

    return o->classes[f->a].few;
}

uint32_t object_extras(const struct machine *m, const struct frame *f)
{
    return seen_words(m, f->seen)[SEEN_EXTRAS];
}

void object_step(struct machine *m, const struct frame *f, unsigned char byte)
{
    const struct object_shape *o = frame_shape(f);
    const bool wants_blank = m->style.spaced && f->phase == COMMA && f->blanks == 0;
    struct frame next = *f;

    if (wants_blank) {
        next.blanks = 1;
        if (byte == ' ')
            work_add(m, &next);
        return;
    }
    if (json_is_blank(byte)) {
        (void)frame_take_blank(m, f);
        return;
    }
    next.blanks = 0;
    switch (f->phase) {
    case OPEN:
    case COMMA:
        if (byte == '"')
            start_names(m, f);
        else if (byte == '}' && f->phase == OPEN && object_may_close(m, o, f->seen))
            work_resume(m, f->parents);
        break;
    case COLON:
        if (byte == ':') {
            next.phase = AFTER;
            next.a = 0;
            work_push(m, &(struct push){ .kind = SYMBOL_JSON, .value = f->a, .depth = f->depth, .spaced = m->style.spaced,
                                         .parent = machine_intern(m, &next) });
        }
        break;
    default:
        next.phase = COMMA;
        if (byte == ',' && object_has_more(m, o, f->seen, f->depth))
            work_add(m, &next);
        else if (byte == '}' && object_may_close(m, o, f->seen))
            work_resume(m, f->parents);
        break;
    }
}

