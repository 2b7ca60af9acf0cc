#include "infer/matcher.h"

#include <stdlib.h>
#include <string.h>

#include "infer/gbnf.h"
#include "util/arena.h"

#define ARENA_LIMIT ((size_t)64 << 20)

struct matcher {
    const struct mask_vocabulary *vocabulary;
    struct mask_cache *cache; /* NULL: no tokens, then the languages are its own */
    struct regexes *regexes;
    struct shapes *shapes;
    struct program program;
    struct arena *arena;     /* of the program */
    struct symbol symbols[2]; /* of a program of one symbol, and its rule */
    struct rule rule;
    uint32_t start;
    struct machine machine;
    struct masks masks;
    uint32_t state;
};

/* A program of one symbol. */
static void make_one(struct matcher *m, enum symbol_kind kind, uint32_t value)
{
    m->symbols[0] = (struct symbol){ kind, value };
    m->rule = (struct rule){ .n = 1, .starts = &m->start };
    m->program = (struct program){ .symbols = m->symbols, .rules = &m->rule };
}

static int make_json(struct matcher *m, const struct schema *schema, const struct shape_options *options, struct err *err)
{
    conj root;

    m->shapes = shapes_create(m->regexes, options, err);
    if (!m->shapes)
        return -1;
    root = shapes_schema(m->shapes, schema);
    make_one(m, SYMBOL_JSON, root);
    return shapes_expand_all(m->shapes, root, err);
}

static struct matcher *create(struct mask_vocabulary *v, struct err *err)
{
    struct matcher *m = calloc(1, sizeof *m);

    if (!m) {
        fail(err, CORAX_E_LIMIT, "out of memory for a constraint");
        return NULL;
    }
    m->vocabulary = v;
    if (v) {
        m->cache = mask_cache_acquire(v, err);
        m->regexes = m->cache ? m->cache->regexes : NULL;
    } else {
        m->regexes = regexes_create(MATCHER_MAX_BYTES, err);
    }
    if (m->regexes)
        return m;
    matcher_destroy(m);
    return NULL;
}

/* result: of making the program. */
static struct matcher *finish(struct matcher *m, int result, const struct json_style *style, struct err *err)
{
    if (result == 0 && machine_init(&m->machine, &m->program, m->regexes, m->shapes, style, err) == 0) {
        if (m->cache)
            masks_init(&m->masks, m->cache, &m->machine);
        matcher_restart(m);
        return m;
    }
    matcher_destroy(m);
    return NULL;
}

struct matcher *matcher_create(struct mask_vocabulary *v, matcher_build_fn *build, void *arg, const struct json_style *style,
                               const struct shape_options *options, struct err *err)
{
    struct matcher *m = create(v, err);
    struct program_builder b;
    uint32_t start;
    int result = -1;

    if (!m)
        return NULL;
    m->arena = arena_create(ARENA_LIMIT);
    m->shapes = shapes_create(m->regexes, options, err);
    if (!m->arena)
        fail(err, CORAX_E_LIMIT, "out of memory for a grammar");
    if (m->arena && m->shapes) {
        program_init(&b, m->regexes, m->arena);
        result = build(arg, &b, m->shapes, &start, err);
        if (result == 0)
            result = program_finish(&b, start, &m->program, err);
    }
    return finish(m, result, style, err);
}

struct matcher *matcher_create_json(struct mask_vocabulary *v, const struct schema *schema, const struct json_style *style,
                                    const struct shape_options *options, struct err *err)
{
    struct matcher *m = create(v, err);

    return m ? finish(m, make_json(m, schema, options, err), style, err) : NULL;
}

struct grammar_text {
    const char *text;
    size_t len;
};

static int build_gbnf(void *arg, struct program_builder *b, struct shapes *shapes, uint32_t *start, struct err *err)
{
    const struct grammar_text *g = arg;

    (void)shapes;
    return gbnf_add(b, g->text, g->len, start, err);
}

struct matcher *matcher_create_gbnf(struct mask_vocabulary *v, const char *text, size_t len, struct err *err)
{
    struct grammar_text g = { text, len };

    return matcher_create(v, build_gbnf, &g, &(struct json_style){ 0 }, NULL, err);
}

struct matcher *matcher_create_pattern(struct mask_vocabulary *v, const char *pattern, size_t len, struct err *err)
{
    struct matcher *m = create(v, err);
    regex r = REGEX_NONE;
    int result;

    if (!m)
        return NULL;
    result = regex_pattern_whole(m->regexes, pattern, len, &r, err);
    if (result == 0 && !regex_alive(m->regexes, r, NULL))
        result = fail(err, CORAX_E_ARGS, "no text matches the pattern");
    make_one(m, SYMBOL_REGEX, r);
    return finish(m, result, &(struct json_style){ 0 }, err);
}

void matcher_destroy(struct matcher *m)
{
    if (!m)
        return;
    masks_finish(&m->masks);
    machine_finish(&m->machine);
    shapes_destroy(m->shapes);
    arena_destroy(m->arena);
    if (m->cache)
        mask_cache_release(m->cache);
    else
        regexes_destroy(m->regexes);
    free(m);
}

void matcher_restart(struct matcher *m)
{
    buf_reset(&m->machine.tape);
    m->state = machine_start(&m->machine);
}

bool matcher_read_byte(struct matcher *m, unsigned char byte)
{
    uint32_t next;

    buf_addc(&m->machine.tape, (char)byte);
    next = machine_step(&m->machine, m->state, byte);
    if (next == MACHINE_DEAD) {
        m->machine.tape.len--;
        return false;
    }
    m->state = next;
    return true;
}

bool matcher_read(struct matcher *m, const char *text, size_t len)
{
    const uint32_t state = m->state;
    const size_t tape = m->machine.tape.len;

    for (size_t i = 0; i < len; i++)
        if (!matcher_read_byte(m, (unsigned char)text[i])) {
            m->state = state;
            m->machine.tape.len = tape;
            return false;
        }
    return true;
}

bool matcher_is_done(const struct matcher *m)
{
    return machine_is_done(&m->machine, m->state);
}

bool matcher_is_stuck(const struct matcher *m)
{
    return m->machine.failed || regex_failed(m->regexes) || (m->shapes && shapes_error(m->shapes)->status != 0);
}

bool matcher_is_worn(const struct matcher *m)
{
    const struct machine *x = &m->machine;

    return matcher_is_stuck(m) || x->frames.n_words + x->sets.n_words + x->texts.n_words + x->lists.n_words + x->seen.n_words > MACHINE_MAX_WORDS / 4;
}

bool matcher_goes_on(struct matcher *m)
{
    size_t n;
    const uint32_t *frames;

    if (m->state == MACHINE_DEAD)
        return false;
    frames = machine_set(&m->machine, m->state, &n);
    for (size_t i = 0; i < n; i++)
        if (machine_frame(&m->machine, frames[i])->kind != FRAME_DONE)
            return true;
    return false;
}

void matcher_end_text(struct matcher *m)
{
    uint32_t kept[64];
    size_t n, n_kept = 0;
    const uint32_t *frames;

    if (m->state == MACHINE_DEAD)
        return;
    frames = machine_set(&m->machine, m->state, &n);
    for (size_t i = 0; i < n && n_kept < sizeof kept / sizeof kept[0]; i++)
        if (machine_frame(&m->machine, frames[i])->kind == FRAME_PLACE)
            kept[n_kept++] = frames[i];
    if (n_kept)
        m->state = machine_add_set(&m->machine, kept, n_kept);
}

bool matcher_mask(struct matcher *m, uint32_t *bits)
{
    return masks_compute(&m->masks, m->state, bits);
}

bool matcher_allows(struct matcher *m, int32_t token)
{
    const uint32_t state = m->state;
    const size_t tape = m->machine.tape.len;
    const bool good = matcher_read_token(m, token);

    m->state = state;
    m->machine.tape.len = tape;
    return good;
}

bool matcher_read_token(struct matcher *m, int32_t token)
{
    uint32_t next = machine_step(&m->machine, m->state, MACHINE_TOKEN + (uint32_t)token);
    const char *bytes;
    size_t len;

    if (next != MACHINE_DEAD) {
        m->state = next;
        return true;
    }
    bytes = mask_vocabulary_bytes(m->vocabulary, token, &len);
    return len > 0 && matcher_read(m, bytes, len);
}

size_t matcher_forced(struct matcher *m, char *out, size_t max)
{
    const uint32_t state = m->state;
    const size_t tape = m->machine.tape.len;
    size_t n = 0;

    for (; n < max && !matcher_is_done(m); n++) {
        uint64_t first[4];
        int only = -1;
        uint32_t before = m->state;

        machine_first(&m->machine, m->state, first);
        for (int byte = 0; byte < 256 && only != -2; byte++) {
            if (!(first[byte / 64] >> byte % 64 & 1) || !matcher_read_byte(m, (unsigned char)byte))
                continue;
            only = only == -1 ? byte : -2;
            m->machine.tape.len--;
            m->state = before;
        }
        if (only < 0 || !matcher_read_byte(m, (unsigned char)only))
            break;
        out[n] = (char)only;
    }
    m->state = state;
    m->machine.tape.len = tape;
    return n;
}
