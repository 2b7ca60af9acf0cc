/*
 * A step takes each frame of a state, sees where the byte leads, and collects two things: frames that are complete, and
 * pushes, each a symbol that is to be read next together with the frame to return to.  Pushes of the same symbol are
 * brought together before they become a frame, so that a text which two alternatives share is read once.
 */
#include "infer/machine.h"

#include <stdlib.h>
#include <string.h>

#include "infer/machine_work.h"

#define MAX_TAPE ((size_t)64 << 20)
#define MAX_WORK 65536 /* frames, pushes and places in one step: a grammar that needs more is not for decoding */
#define FRAME_WORDS (sizeof(struct frame) / sizeof(uint32_t))

/* --- frames and sets ---------------------------------------------------------------------------------------------- */

int machine_init(struct machine *m, const struct program *program, struct regexes *regexes, struct shapes *shapes,
                 const struct json_style *style, struct err *err)
{
    *m = (struct machine){ .program = program, .regexes = regexes, .shapes = shapes, .style = *style };
    intern_init(&m->frames, MACHINE_MAX_WORDS);
    intern_init(&m->sets, MACHINE_MAX_WORDS);
    intern_init(&m->texts, MACHINE_MAX_WORDS);
    intern_init(&m->lists, MACHINE_MAX_WORDS);
    intern_init(&m->seen, MACHINE_MAX_WORDS);
    buf_init(&m->tape, MAX_TAPE);
    m->work = calloc(1, sizeof *m->work);
    if (!m->work || intern_add(&m->sets, NULL, 0) != 0 || intern_add(&m->lists, NULL, 0) != 0)
        return fail(err, CORAX_E_LIMIT, "out of memory for a constraint");
    return 0;
}

void machine_finish(struct machine *m)
{
    if (m->work) {
        free(m->work->frames);
        free(m->work->pushes);
        free(m->work->visited);
        free(m->work->scratch);
    }
    free(m->work);
    intern_finish(&m->frames);
    intern_finish(&m->sets);
    intern_finish(&m->texts);
    intern_finish(&m->lists);
    intern_finish(&m->seen);
    buf_finish(&m->tape);
    *m = (struct machine){ 0 };
}

const struct frame *machine_frame(const struct machine *m, uint32_t frame)
{
    size_t n;

    return (const struct frame *)intern_get(&m->frames, frame, &n);
}

uint32_t machine_intern(struct machine *m, const struct frame *f)
{
    uint32_t words[FRAME_WORDS], number;

    memcpy(words, f, sizeof words);
    number = intern_add(&m->frames, words, FRAME_WORDS);
    m->failed |= number == INTERN_NONE;
    return number;
}

const uint32_t *machine_set(const struct machine *m, uint32_t state, size_t *n)
{
    return intern_get(&m->sets, state, n);
}

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

uint32_t machine_add_set(struct machine *m, uint32_t *frames, size_t n)
{
    size_t kept = 0;
    uint32_t number;

    if (n > 1)
        qsort(frames, n, sizeof *frames, compare_numbers);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || frames[kept - 1] != frames[i])
            frames[kept++] = frames[i];
    number = intern_add(&m->sets, frames, kept);
    m->failed |= number == INTERN_NONE;
    return m->failed ? 0 : number;
}

uint32_t machine_one(struct machine *m, const struct frame *f)
{
    uint32_t number = machine_intern(m, f);

    return machine_add_set(m, &number, 1);
}

void *work_room(struct machine *m, void *list, size_t *cap, size_t n, size_t size)
{
    size_t more = *cap ? 2 * *cap : 64;
    void *p;

    if (n < *cap)
        return list;
    p = more <= MAX_WORK ? realloc(list, more * size) : NULL;
    if (!p) {
        m->failed = true;
        return NULL;
    }
    *cap = more;
    return p;
}

uint32_t *work_scratch(struct machine *m, size_t n)
{
    struct machine_work *w = m->work;

    while (w->scratch_cap < n) {
        uint32_t *list = work_room(m, w->scratch, &w->scratch_cap, w->scratch_cap, sizeof *list);

        if (!list)
            return NULL;
        w->scratch = list;
    }
    return w->scratch;
}

void work_push(struct machine *m, const struct push *push)
{
    struct machine_work *w = m->work;
    struct push *list = work_room(m, w->pushes, &w->pushes_cap, w->n_pushes, sizeof *list);

    if (!list)
        return;
    w->pushes = list;
    w->pushes[w->n_pushes++] = *push;
}

void work_add(struct machine *m, const struct frame *f)
{
    struct machine_work *w = m->work;
    uint32_t *list = work_room(m, w->frames, &w->frames_cap, w->n_frames, sizeof *list);

    if (!list)
        return;
    w->frames = list;
    w->frames[w->n_frames++] = machine_intern(m, f);
}

/* --- going on ----------------------------------------------------------------------------------------------------- */

static bool is_visited(struct machine *m, uint32_t place, uint32_t parents)
{
    struct machine_work *w = m->work;
    uint32_t(*list)[2];

    for (size_t i = 0; i < w->n_visited; i++)
        if (w->visited[i][0] == place && w->visited[i][1] == parents)
            return true;
    list = work_room(m, w->visited, &w->visited_cap, w->n_visited, sizeof *list);
    if (!list)
        return true;
    w->visited = list;
    w->visited[w->n_visited][0] = place;
    w->visited[w->n_visited++][1] = parents;
    return false;
}

/* The machine comes to a place in a rule. */
static void reach(struct machine *m, uint32_t place, uint32_t parents)
{
    const struct symbol *symbol = &m->program->symbols[place];
    struct frame back = { .kind = FRAME_PLACE, .a = place + 1, .parents = parents };
    struct push push = { .kind = symbol->kind, .value = symbol->value };

    if (is_visited(m, place, parents))
        return;
    if (symbol->kind == SYMBOL_END) {
        work_resume(m, parents);
    } else if (symbol->kind == SYMBOL_TOKEN) {
        back.a = place;
        work_add(m, &back);
    } else if (symbol[1].kind == SYMBOL_END) { /* the last one of its rule: nothing to come back for */
        size_t n;

        machine_set(m, parents, &n);
        for (size_t i = 0; i < n; i++) {
            push.parent = machine_set(m, parents, &n)[i];
            work_push(m, &push);
        }
    } else {
        push.parent = machine_intern(m, &back);
        work_push(m, &push);
    }
}

static void resume_frame(struct machine *m, uint32_t number)
{
    struct frame f = *machine_frame(m, number);

    if (f.kind == FRAME_PLACE)
        reach(m, f.a, f.parents);
    else if (f.kind != FRAME_ARRAY || value_element_ends(m, &f))
        work_add(m, &f);
}

void work_resume(struct machine *m, uint32_t parents)
{
    size_t n;

    machine_set(m, parents, &n);
    for (size_t i = 0; i < n && !m->failed; i++)
        resume_frame(m, machine_set(m, parents, &n)[i]);
}

static bool goes_on(struct machine *m, regex r)
{
    uint64_t first[4];

    work_first(m, r, first);
    return first[0] || first[1] || first[2] || first[3];
}

void work_regex(struct machine *m, regex r, uint32_t parents)
{
    if (r == REGEX_NONE)
        return;
    if (r != REGEX_EMPTY && (!regex_accepts(m->regexes, r) || goes_on(m, r)))
        work_add(m, &(struct frame){ .kind = FRAME_REGEX, .regex = r, .parents = parents });
    if (regex_accepts(m->regexes, r))
        work_resume(m, parents);
}

/* A text of which so many characters must still begin, and so many may. */
static void work_limited(struct machine *m, const struct text_limit *l, uint32_t parents)
{
    const bool whole = regex_accepts(m->regexes, l->text); /* it stands between characters */

    if (l->text == REGEX_NONE)
        return;
    if (!whole || l->max > 0)
        work_add(m, &(struct frame){ .kind = FRAME_LIMITED, .regex = l->text, .a = l->min, .b = l->max, .parents = parents });
    if (whole && l->min == 0)
        work_resume(m, parents);
}

static void step_limited(struct machine *m, const struct frame *f, unsigned char byte)
{
    struct text_limit next = { .min = f->a, .max = f->b };

    if ((byte & 0xc0) != 0x80) {
        if (f->b == 0)
            return;
        next.min -= next.min > 0;
        next.max -= next.max != UINT32_MAX;
    }
    next.text = regex_next(m->regexes, f->regex, byte);
    work_limited(m, &next, f->parents);
}

static bool same_push(const struct push *a, const struct push *b)
{
    return a->kind == b->kind && a->value == b->value && a->list == b->list && a->depth == b->depth && a->spaced == b->spaced;
}

/* Of what is pushed, rules of the highest rank go first: whoever calls the same rule has done so by then. */
static size_t choose_push(const struct machine *m)
{
    const struct machine_work *w = m->work;
    size_t best = 0;
    uint64_t rank, best_rank = 0;

    for (size_t i = 0; i < w->n_pushes; i++) {
        rank = w->pushes[i].kind == SYMBOL_RULE ? m->program->rules[w->pushes[i].value].rank + (uint64_t)1 : 0;
        if (rank > best_rank) {
            best = i;
            best_rank = rank;
        }
    }
    return best;
}

/* Takes all pushes of one symbol off the list; their parents become one set. */
static struct push take_push(struct machine *m, uint32_t *parents)
{
    struct machine_work *w = m->work;
    const struct push chosen = w->pushes[choose_push(m)];
    size_t n = 0, kept = 0;
    uint32_t *list = work_scratch(m, w->n_pushes);

    *parents = 0;
    if (!list)
        return chosen;
    for (size_t i = 0; i < w->n_pushes; i++)
        if (same_push(&w->pushes[i], &chosen))
            list[n++] = w->pushes[i].parent;
        else
            w->pushes[kept++] = w->pushes[i];
    w->n_pushes = kept;
    *parents = machine_add_set(m, list, n);
    return chosen;
}

static void begin(struct machine *m)
{
    m->work->n_frames = m->work->n_pushes = m->work->n_visited = 0;
}

/* Expands what was pushed until only frames are left, and makes them a set. */
static uint32_t conclude(struct machine *m)
{
    struct machine_work *w = m->work;

    while (w->n_pushes && !m->failed) {
        uint32_t parents;
        const struct push p = take_push(m, &parents);

        if (m->failed)
            break;
        switch ((enum symbol_kind)p.kind) {
        case SYMBOL_RULE:
            for (uint32_t i = 0; i < m->program->rules[p.value].n; i++)
                reach(m, m->program->rules[p.value].starts[i], parents);
            break;
        case SYMBOL_REGEX:
            work_regex(m, p.value, parents);
            break;
        case SYMBOL_LIMITED:
            work_limited(m, &m->program->limits[p.value], parents);
            break;
        case SYMBOL_JSON:
            value_begin(m, &p, parents);
            break;
        case SYMBOL_TOKEN:
        case SYMBOL_END:
            break;
        }
    }
    if (m->failed || w->n_frames == 0)
        return MACHINE_DEAD;
    return machine_add_set(m, w->frames, w->n_frames);
}

uint32_t machine_start(struct machine *m)
{
    const struct frame done = { .kind = FRAME_DONE };
    const struct push push = { .kind = SYMBOL_RULE, .value = m->program->start, .parent = machine_intern(m, &done) };

    begin(m);
    work_push(m, &push);
    return conclude(m);
}

static void step_frame(struct machine *m, const struct frame *f, uint32_t symbol)
{
    switch ((enum frame_kind)f->kind) {
    case FRAME_DONE:
        break;
    case FRAME_PLACE: /* waits for a token */
        if (symbol >= MACHINE_TOKEN && m->program->symbols[f->a].value == symbol - MACHINE_TOKEN)
            reach(m, f->a + 1, f->parents);
        break;
    case FRAME_REGEX:
        if (symbol < 256)
            work_regex(m, regex_next(m->regexes, f->regex, (unsigned char)symbol), f->parents);
        break;
    case FRAME_LIMITED:
        if (symbol < 256)
            step_limited(m, f, (unsigned char)symbol);
        break;
    default:
        if (symbol < 256)
            value_step(m, f, (unsigned char)symbol);
        break;
    }
}

uint32_t machine_step(struct machine *m, uint32_t state, uint32_t symbol)
{
    struct step *step;
    size_t n;
    uint32_t next;

    if (state == MACHINE_DEAD || m->failed)
        return MACHINE_DEAD;
    step = &m->work->steps[(state * 2654435761u ^ symbol * 40503u) % (sizeof m->work->steps / sizeof *step)];
    if (step->state == state && step->symbol == symbol + 1)
        return step->next;
    begin(m);
    m->tape_used = false;
    machine_set(m, state, &n);
    for (size_t i = 0; i < n && !m->failed; i++) {
        const struct frame f = *machine_frame(m, machine_set(m, state, &n)[i]);

        step_frame(m, &f, symbol);
    }
    next = conclude(m);
    if (!m->tape_used && !m->failed)
        *step = (struct step){ state, symbol + 1, next };
    return next;
}

uint32_t machine_behind(struct machine *m, uint32_t parents)
{
    begin(m);
    work_resume(m, parents);
    return conclude(m);
}

bool machine_is_done(const struct machine *m, uint32_t state)
{
    size_t n;
    const uint32_t *frames;

    if (state == MACHINE_DEAD)
        return false;
    frames = machine_set(m, state, &n);
    for (size_t i = 0; i < n; i++)
        if (machine_frame(m, frames[i])->kind == FRAME_DONE)
            return true;
    return false;
}

void work_first(struct machine *m, regex r, uint64_t bytes[4])
{
    struct first *first = &m->work->firsts[r % 256];

    if (first->of != r) {
        regex_first(m->regexes, r, first->bytes);
        first->of = r;
    }
    memcpy(bytes, first->bytes, sizeof first->bytes);
}

void machine_first(struct machine *m, uint32_t state, uint64_t bytes[4])
{
    struct first *first = &m->work->states[state % 256];
    size_t n = 0;

    memset(bytes, 0, 4 * sizeof *bytes);
    if (state == MACHINE_DEAD)
        return;
    if (first->of == state + 1) {
        memcpy(bytes, first->bytes, sizeof first->bytes);
        return;
    }
    machine_set(m, state, &n);
    for (size_t i = 0; i < n; i++) {
        const struct frame f = *machine_frame(m, machine_set(m, state, &n)[i]);
        uint64_t some[4] = { 0 };

        if (f.kind == FRAME_REGEX || f.kind == FRAME_LIMITED)
            work_first(m, f.regex, some);
        else if (f.kind != FRAME_DONE && f.kind != FRAME_PLACE)
            value_first(m, &f, some);
        for (int j = 0; j < 4; j++)
            bytes[j] |= some[j];
    }
    first->of = state + 1;
    memcpy(first->bytes, bytes, sizeof first->bytes);
}
