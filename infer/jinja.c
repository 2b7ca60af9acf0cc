#include "infer/jinja.h"

#include <stdlib.h>
#include <string.h>

#include "infer/jinja_render.h"

#define MAX_COMPILED ((size_t)256 << 20) /* bytes of a tree: some 250 for each byte of the longest template */

struct jinja {
    struct arena *arena;
    struct tree tree;
};

static struct jinja_options with_limits(const struct jinja_options *options)
{
    struct jinja_options o = options ? *options : (struct jinja_options){ 0 };

    o.max_steps = o.max_steps ? o.max_steps : JINJA_MAX_STEPS;
    o.max_output = o.max_output ? o.max_output : JINJA_MAX_OUTPUT;
    o.max_bytes = o.max_bytes ? o.max_bytes : JINJA_MAX_BYTES;
    o.max_depth = o.max_depth ? o.max_depth : JINJA_MAX_DEPTH;
    return o;
}

static void render_init(struct render *r, const struct jinja_options *options, struct arena *arena, struct err *err)
{
    *r = (struct render){ .options = options,
                          .err = err,
                          .arena = arena,
                          .max_steps = options->max_steps,
                          .max_output = options->max_output,
                          .max_depth = options->max_depth,
                          .line = 1 };
}

/* --- compiling ------------------------------------------------------------------------------------------------------ */

static int compile(struct jinja *j, const char *text, size_t len, struct err *err)
{
    const struct jinja_options none = { .max_bytes = MAX_COMPILED }, options = with_limits(&none);
    struct tokens_of tokens;
    struct render r;

    render_init(&r, &options, j->arena, err);
    r.max_steps = SIZE_MAX;
    if (jinja_tokenize(&r, text, len, &tokens) < 0 || tree_parse(&r, &tokens, &j->tree) < 0)
        return -1;
    return tree_bind(&r, &j->tree);
}

struct jinja *jinja_compile(const char *text, size_t len, struct err *err)
{
    struct jinja *j;

    if (len > JINJA_MAX_TEXT) {
        fail(err, CORAX_E_LIMIT, "template: it has %zu bytes, %zu at most are read", len, JINJA_MAX_TEXT);
        return NULL;
    }
    j = calloc(1, sizeof *j);
    if (j)
        j->arena = arena_create(MAX_COMPILED);
    if (!j || !j->arena) {
        fail(err, CORAX_E_LIMIT, "template: no memory");
        free(j);
        return NULL;
    }
    if (compile(j, text, len, err) < 0) {
        jinja_destroy(j);
        return NULL;
    }
    return j;
}

void jinja_destroy(struct jinja *j)
{
    if (!j)
        return;
    arena_destroy(j->arena);
    free(j);
}

bool jinja_has_generation(const struct jinja *j)
{
    return j->tree.has_generation;
}

/* --- rendering ------------------------------------------------------------------------------------------------------ */

static bool is_trusted(const struct jinja_options *options, const char *name)
{
    for (size_t i = 0; i < options->n_trusted; i++)
        if (strcmp(options->trusted[i], name) == 0)
            return true;
    return false;
}

/* Of "messages[].role" for the global "messages": role.  Otherwise NULL. */
static const char *trusted_member(const char *trusted, const char *name)
{
    const size_t len = strlen(name);

    return strncmp(trusted, name, len) == 0 && strncmp(trusted + len, "[].", 3) == 0 ? trusted + len + 3 : NULL;
}

/* Member of each object in a list becomes the template's own, where it is a text. */
static int trust_member(struct render *r, const struct value *list, const char *member)
{
    struct value key, value;

    if (list->kind != V_LIST)
        return 0;
    if (value_literal(r, member, &key) < 0)
        return -1;
    for (size_t i = 0; i < list->list->n; i++) {
        const struct value *item = &list->list->items[i], *found;
        const struct text *own;

        found = item->kind == V_DICT ? dict_find(item->dict, member, strlen(member)) : NULL;
        if (!found || found->kind != V_STRING)
            continue;
        if (text_copy(r, found->text->s, found->text->len, false, &own) < 0)
            return -1;
        value = value_string(own);
        if (dict_set(r, item->dict, &key, &value) < 0)
            return -1;
    }
    return 0;
}

static int trust_members(struct render *r, const char *name, const struct value *value)
{
    for (size_t i = 0; i < r->options->n_trusted; i++) {
        const char *member = trusted_member(r->options->trusted[i], name);

        if (member && trust_member(r, value, member) < 0)
            return -1;
    }
    return 0;
}

static int read_globals(struct render *r, const struct json *globals)
{
    r->globals = dict_create(r, json_count(globals));
    if (!r->globals)
        return -1;
    for (const struct json *j = json_first(globals); j; j = json_next(j)) {
        const char *name = json_key(j);
        const struct text *t;
        struct value key, value;

        if (text_copy(r, name, strlen(name), false, &t) < 0 ||
            value_from_json(r, j, !is_trusted(r->options, name), &value) < 0 || trust_members(r, name, &value) < 0)
            return -1;
        key = value_string(t);
        if (dict_set(r, r->globals, &key, &value) < 0)
            return -1;
    }
    return 0;
}

static struct jinja_span *copy_spans(const struct jinja_span *spans, size_t n)
{
    struct jinja_span *copy = malloc((n ? n : 1) * sizeof *copy);

    if (copy && n)
        memcpy(copy, spans, n * sizeof *copy);
    return copy;
}

/* Out of the arena. */
static int take_result(struct render *r, const struct builder *b, struct jinja_text *out)
{
    struct jinja_text t = { .len = b->len, .n_data = b->n_spans, .n_generated = r->n_generated };

    t.s = malloc(b->len + 1);
    t.data = copy_spans(b->spans, b->n_spans);
    t.generated = copy_spans(r->generated, r->n_generated);
    if (!t.s || !t.data || !t.generated) {
        jinja_text_finish(&t);
        return fail(r->err, CORAX_E_LIMIT, "template: no memory for its text");
    }
    if (b->len)
        memcpy(t.s, b->s, b->len);
    t.s[b->len] = '\0';
    *out = t;
    return 0;
}

int jinja_render(const struct jinja *j, const struct json *globals, const struct jinja_options *options,
                 struct jinja_text *out, struct err *err)
{
    const struct jinja_options o = with_limits(options);
    struct arena *arena = arena_create(o.max_bytes);
    struct builder b;
    struct render r;
    struct frame *f;
    int rc = -1;

    *out = (struct jinja_text){ 0 };
    if (!arena)
        return fail(err, CORAX_E_LIMIT, "template: no memory");
    render_init(&r, &o, arena, err);
    builder_init(&b, &r);
    r.out = &b;
    if (json_kind(globals) != JSON_OBJECT)
        fail(err, CORAX_E_ARGS, "template: what it is given is no object");
    else if (read_globals(&r, globals) == 0 && (f = frame_enter(&r, j->tree.scope, NULL)) &&
             run_body(&r, j->tree.body, f, &b) == 0)
        rc = take_result(&r, &b, out);
    out->raised = rc < 0 && r.raised;
    arena_destroy(arena);
    return rc;
}

void jinja_text_finish(struct jinja_text *t)
{
    free(t->s);
    free(t->data);
    free(t->generated);
    *t = (struct jinja_text){ 0 };
}
