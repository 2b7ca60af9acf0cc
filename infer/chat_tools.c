#include "infer/chat_tools.h"

#include <stdlib.h>
#include <string.h>

#define NOTES_LIMIT ((size_t)256 << 10) /* bytes of what is disabled, and of warnings */
#define MAX_VALUES  2000000             /* of a list's JSON */

static void destroy(struct chat_tools *t)
{
    constraint_pool_finish(&t->pool);
    for (size_t i = 0; i < t->n_schemas; i++)
        jsonschema_destroy(t->schemas[i]);
    free(t->schemas);
    free(t->tools);
    json_free(t->list);
    free(t->text);
    buf_finish(&t->disabled);
    buf_finish(&t->warnings);
    free(t);
}

void chat_tools_shelf_finish(struct chat_tools_shelf *s)
{
    while (s->first) {
        struct chat_tools *t = s->first;

        s->first = t->next;
        destroy(t);
    }
}

/* --- notes -------------------------------------------------------------------------------------------------------- */

/* What does not fit any more is left out whole, so that the rest stays JSON. */
static void add_note(struct buf *notes, const char *name, const char *text)
{
    const size_t before = notes->len;
    struct jsonw w;

    if (notes->failed)
        return;
    if (notes->len)
        buf_addc(notes, ',');
    w = jsonw_start(notes);
    if (name) {
        jsonw_object(&w, NULL);
        jsonw_text(&w, "name", name);
        jsonw_text(&w, "why", text);
        jsonw_end(&w);
    } else {
        jsonw_text(&w, NULL, text);
    }
    if (notes->failed)
        notes->len = before;
}

static void disable(struct chat_tools *t, const char *name, const struct err *why)
{
    add_note(&t->disabled, name, why->msg);
}

static void warn(void *tools, const char *message)
{
    struct chat_tools *t = tools;

    add_note(&t->warnings, NULL, message);
}

int chat_tools_turn(struct chat_tools *t, const struct dialect *d, struct mask_vocabulary *v, const struct dialect_request *request, size_t limit,
                    struct turn *turn, struct err *err)
{
    const struct shape_options lenient = { .lenient = true, .warn = warn, .arg = t };
    struct dialect_request q = *request;

    q.tools = t->tools;
    q.lenient = t->lenient ? &lenient : NULL;
    q.pool = &t->pool;
    for (;;) {
        size_t bad;
        int result;

        q.n_tools = t->n;
        result = dialect_turn(d, v, &q, limit, turn, err);
        bad = turn->bad_tool;
        if (result == 0 || bad >= t->n || err->status != CORAX_E_ARGS)
            return result;
        disable(t, t->tools[bad].name, err);
        memmove(&t->tools[bad], &t->tools[bad + 1], (--t->n - bad) * sizeof *t->tools);
    }
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* As in messages from the schema: "schema: /properties/x: ..." becomes "tool NAME: /properties/x: ...". */
static int read_tool(struct chat_tools *t, const struct json *tool, size_t i, struct err *err)
{
    static const struct jsonschema_options strict = { .strict = true };
    const char *name = json_get_text(tool, "name", NULL), *text;
    const struct json *later = json_get(tool, "later");
    struct jsonschema *schema = NULL;
    struct err why;
    size_t len;

    if (!name)
        return fail(err, CORAX_E_ARGS, "tools[%zu].name: not a string", i);
    text = json_raw(json_get(tool, "parameters"), &len);
    if (text) {
        if (len > CHAT_MAX_SCHEMA)
            return fail(err, CORAX_E_ARGS, "tool %s: a schema of %zu bytes, at most %d", name, len, CHAT_MAX_SCHEMA);
        schema = jsonschema_compile(text, len, &strict, &why);
        if (!schema && why.status != CORAX_E_ARGS)
            return fail(err, why.status, "tool %s: %s", name, why.msg);
        if (!schema) {
            err_context(&why, "tool %s", name);
            disable(t, name, &why);
            return 0;
        }
        t->schemas[t->n_schemas++] = schema;
    }
    if (later && json_kind(later) != JSON_BOOL)
        return fail(err, CORAX_E_ARGS, "tools[%zu].later: not true or false", i);
    t->tools[t->n++] = (struct tool){ name, schema ? jsonschema_root(schema) : NULL, tool, json_bool(later, false) };
    return 0;
}

static int read_list(struct chat_tools *t, struct err *err)
{
    size_t n, i = 0;

    t->list = json_parse_large(t->text, t->len, MAX_VALUES, err);
    if (!t->list)
        return -1;
    n = json_count(t->list);
    if (json_kind(t->list) != JSON_ARRAY && json_kind(t->list) != JSON_NULL)
        return fail(err, CORAX_E_ARGS, "tools: not an array");
    if (n > TOOLS_MAX)
        return fail(err, CORAX_E_ARGS, "tools: %zu, at most %d", n, TOOLS_MAX);
    t->tools = calloc(n + 1, sizeof *t->tools);
    t->schemas = calloc(n + 1, sizeof *t->schemas);
    if (!t->tools || !t->schemas)
        return fail(err, CORAX_E_LIMIT, "out of memory for %zu tools", n);
    for (const struct json *tool = json_first(t->list); tool; tool = json_next(tool))
        if (read_tool(t, tool, i++, err) < 0)
            return -1;
    return 0;
}

static struct chat_tools *create(const char *text, size_t len, bool lenient, struct err *err)
{
    struct chat_tools *t = calloc(1, sizeof *t);

    if (t)
        t->text = malloc(len + 1);
    if (!t || !t->text) {
        free(t);
        fail(err, CORAX_E_LIMIT, "out of memory for tools");
        return NULL;
    }
    memcpy(t->text, text, len);
    t->text[len] = '\0';
    t->len = len;
    t->lenient = lenient;
    buf_init(&t->disabled, NOTES_LIMIT);
    buf_init(&t->warnings, NOTES_LIMIT);
    if (read_list(t, err) == 0)
        return t;
    destroy(t);
    return NULL;
}

struct chat_tools *chat_tools_get(struct chat_tools_shelf *s, const char *text, size_t len, bool lenient, struct err *err)
{
    struct chat_tools **at = &s->first, *t;

    if (!text) {
        text = "[]";
        len = 2;
    }
    while (*at && ((*at)->len != len || (*at)->lenient != lenient || memcmp((*at)->text, text, len) != 0))
        at = &(*at)->next;
    t = *at;
    if (t)
        *at = t->next;
    else if (!(t = create(text, len, lenient, err)))
        return NULL;
    t->next = s->first;
    s->first = t;
    t->n_users++;
    return t;
}

void chat_tools_put(struct chat_tools_shelf *s, struct chat_tools *t)
{
    size_t n_idle = 0;

    if (!t)
        return;
    t->n_users--;
    for (struct chat_tools **at = &s->first; *at;) {
        struct chat_tools *one = *at;

        if (one->n_users > 0 || ++n_idle <= CHAT_TOOLS_KEPT) {
            at = &one->next;
        } else {
            *at = one->next;
            destroy(one);
        }
    }
}
