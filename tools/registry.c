/*
 * registry.c - see registry.h.
 *
 * Tools stand in an array in the order they came, and a second array holds them sorted by name for finding.  Which of
 * several tools of one name is offered is decided anew after each change, so that it never depends on the history.
 */
#include "config.h"

#include "tools/registry.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <corax/plugin.h>

#include "tools/mcp.h"
#include "tools/mcp_header.h"
#include "util/effects.h"
#include "util/id.h"
#include "util/utf8.h"

struct entry {
    struct tool tool; /* first: a const struct tool * is its entry */
    struct jsonschema *compiled;
    char fault[240];     /* what is wrong with itself; "" nothing */
    char duplicate[240]; /* who has its name; "" nobody */
    unsigned n_holds;
    bool stale;   /* of a list that is being replaced */
    bool fresh;   /* no list of its provider has ended since it came */
    bool retired; /* out of the registry; its last holder frees it */
};

struct registry {
    uint64_t last_id, generation;
    size_t n, cap;
    struct entry **entries;
    struct entry **by_name; /* of the same n and cap */
};

struct registry *registry_create(void)
{
    return calloc(1, sizeof(struct registry));
}

static void entry_destroy(struct entry *e)
{
    if (e == NULL)
        return;
    if (e->n_holds > 0) {
        e->retired = true;
        return;
    }
    free((char *)e->tool.provider);
    free((char *)e->tool.name);
    free((char *)e->tool.summary);
    free((char *)e->tool.args_schema);
    free((char *)e->tool.chat_schema);
    free((char *)e->tool.result_schema);
    jsonschema_destroy(e->compiled);
    free(e);
}

void registry_destroy(struct registry *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->n; i++)
        entry_destroy(r->entries[i]);
    free(r->entries);
    free(r->by_name);
    free(r);
}

/* --- one tool out of a list ------------------------------------------------------------------------------------------ */

__attribute__((format(printf, 2, 3))) static void set_fault(struct entry *e, const char *fmt, ...)
{
    va_list ap;

    if (e->fault[0] != '\0')
        return; /* the first reason is the one to mend first */
    va_start(ap, fmt);
    vsnprintf(e->fault, sizeof e->fault, fmt, ap);
    va_end(ap);
}

/* The first `limit` bytes, not cutting a character.  NULL when out of memory. */
static char *copy_text(const char *text, size_t limit)
{
    return strndup(text, utf8_within(text, strlen(text), limit));
}

/* A model reads it, so one that is cut says so. */
static char *copy_summary(const char *text)
{
    static const char mark[] = "\xe2\x80\xa6";
    size_t len = strlen(text);
    char *made = len > REGISTRY_MAX_SUMMARY ? malloc(REGISTRY_MAX_SUMMARY + 1) : strdup(text);

    if (made == NULL || len <= REGISTRY_MAX_SUMMARY)
        return made;
    len = utf8_within(text, strlen(text), REGISTRY_MAX_SUMMARY - strlen(mark));
    memcpy(made, text, len);
    memcpy(made + len, mark, sizeof mark);
    return made;
}

static bool is_name(const char *s)
{
    size_t len = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");

    return len > 0 && s[len] == '\0' && len <= REGISTRY_MAX_NAME;
}

static void read_declarations(struct entry *e, const struct json *meta)
{
    const struct json *effects = json_get(meta, MCP_META_EFFECTS), *traits = json_get(meta, MCP_META_TRAITS);
    unsigned fx = 0, tr = 0;

    if (effects == NULL)
        return;
    /* What a name that is not known means cannot be enforced. */
    if (effects_read(effects, "effects", &fx, NULL) < 0 || (traits && traits_read(traits, "traits", &tr, NULL) < 0)) {
        set_fault(e, "declares an effect or trait that this corax does not know: use a newer one");
        return;
    }
    e->tool.effects = fx;
    e->tool.traits = tr;
    e->tool.declared = true;
}

/* The schema's text, or NULL with a fault. */
static char *print_schema(struct entry *e, const struct json *schema, const char *what)
{
    struct buf out;
    struct jsonw w;
    char *text = NULL;
    size_t len;

    buf_init(&out, REGISTRY_MAX_SCHEMA);
    w = jsonw_start(&out);
    jsonw_value(&w, NULL, schema);
    if (out.failed)
        set_fault(e, "%s is longer than %d bytes", what, REGISTRY_MAX_SCHEMA);
    else
        text = buf_take(&out, &len);
    buf_finish(&out);
    return text;
}

static void write_without_roles(struct jsonw *w, const struct json *j)
{
    const enum json_kind kind = json_kind(j);

    if (kind != JSON_OBJECT && kind != JSON_ARRAY) {
        jsonw_value(w, json_key(j), j);
        return;
    }
    if (kind == JSON_OBJECT)
        jsonw_object(w, json_key(j));
    else
        jsonw_array(w, json_key(j));
    for (const struct json *m = json_first(j); m; m = json_next(m))
        if (!json_key(m) || strcmp(json_key(m), REGISTRY_ROLE) != 0 || !json_text(m))
            write_without_roles(w, m);
    jsonw_end(w);
}

/* The argument that is called so keeps its schema, which is no text. */
static char *print_for_chat(const char *schema, size_t len)
{
    struct json *root = strstr(schema, "\"" REGISTRY_ROLE "\"") ? json_parse(schema, len, NULL) : NULL;
    struct buf out;
    struct jsonw w;
    char *text;

    if (root == NULL)
        return NULL;
    buf_init(&out, REGISTRY_MAX_SCHEMA);
    w = jsonw_start(&out);
    write_without_roles(&w, root);
    json_free(root);
    text = buf_take(&out, &len);
    buf_finish(&out);
    return text;
}

static void read_schemas(struct entry *e, const struct json *in)
{
    static const struct jsonschema_options strict = { .strict = true };
    const struct json *args = json_get(in, "inputSchema"), *result = json_get(in, "outputSchema");
    struct err err;

    if (result)
        e->tool.result_schema = print_schema(e, result, "outputSchema");
    if (args == NULL) {
        set_fault(e, "has no inputSchema");
        return;
    }
    e->tool.args_schema = print_schema(e, args, "inputSchema");
    if (e->tool.args_schema == NULL)
        return;
    e->tool.args_schema_len = strlen(e->tool.args_schema);
    e->tool.chat_schema = print_for_chat(e->tool.args_schema, e->tool.args_schema_len);
    e->compiled = jsonschema_compile(e->tool.args_schema, e->tool.args_schema_len, &strict, &err);
    if (e->compiled == NULL)
        set_fault(e, "inputSchema: %s", err.msg);
    else if (jsonschema_root(e->compiled)->types != SCHEMA_OBJECT)
        set_fault(e, "inputSchema must have \"type\":\"object\"");
    e->tool.schema = e->compiled;
}

/* A server's hints about itself, as MCP has them: what is not said is the worst. */
static void read_annotations(struct entry *e, const struct json *hints)
{
    const bool reads = json_bool(json_get(hints, "readOnlyHint"), false), open = json_bool(json_get(hints, "openWorldHint"), true);

    if (hints == NULL)
        return;
    e->tool.effects = CORAX_FX_READ | (reads ? 0 : REGISTRY_ALL_EFFECTS & ~(unsigned)CORAX_FX_NET) | (open ? (unsigned)CORAX_FX_NET : 0);
    e->tool.traits = (reads || json_bool(json_get(hints, "idempotentHint"), false) ? (unsigned)CORAX_TRAIT_IDEMPOTENT : 0) |
                     (!reads && json_bool(json_get(hints, "destructiveHint"), true) ? (unsigned)CORAX_TRAIT_DESTRUCTIVE : 0);
    e->tool.declared = true;
}

static void read_terms(struct entry *e, const struct registry_terms *terms, const struct json *in)
{
    const struct registry_override *o = NULL;
    const char *name = json_get_text(in, "name", "");
    bool listed = !terms->listed;
    char why[160];

    for (size_t i = 0; i < terms->n_tools && !listed; i++)
        listed = strcmp(terms->tools[i], name) == 0;
    if (!listed)
        set_fault(e, "corax.conf does not name it in mcp_servers.%s.tools", e->tool.provider);
    for (size_t i = 0; i < terms->n_overrides; i++)
        if (strcmp(terms->overrides[i].tool, name) == 0 || (o == NULL && strcmp(terms->overrides[i].tool, "*") == 0))
            o = &terms->overrides[i];
    if (terms->http && !mcp_headers_are_good(json_get(in, "inputSchema"), why, sizeof why))
        set_fault(e, "inputSchema: %s", why);
    if (o) {
        e->tool.effects = o->effects;
        e->tool.traits = o->traits;
        e->tool.declared = true;
    } else if (terms->annotations) {
        read_annotations(e, json_get(in, "annotations"));
    }
}

/* Of everything that is said, also what is not understood here: a model may have been shown it by other ways. */
static bool hash_definition(struct entry *e, const struct json *in)
{
    struct buf text;
    bool good;

    buf_init(&text, 8u << 20);
    json_canonical(in, &text);
    buf_addf(&text, "%c%u %u", 0, (unsigned)e->tool.effects, (unsigned)e->tool.traits);
    good = !text.failed;
    hash_bytes(text.data, text.len, e->tool.definition);
    buf_finish(&text);
    return good;
}

/* NULL only when out of memory: whatever is wrong with the tool itself is its fault.  terms: it is a foreign server's. */
static struct entry *read_tool(const char *provider, bool own, const struct registry_terms *terms, const struct json *in)
{
    struct entry *e = calloc(1, sizeof *e);
    const char *name = json_get_text(in, "name", "");
    char full[REGISTRY_MAX_PROVIDER + 1 + REGISTRY_MAX_NAME + 2];
    size_t prefix = 0;

    if (e == NULL)
        return NULL;
    if (terms) {
        prefix = strlen(provider) + 1;
        snprintf(full, sizeof full, "%s.%.*s", provider, REGISTRY_MAX_NAME + 1, name);
    }
    e->tool.effects = REGISTRY_ALL_EFFECTS;
    e->tool.provider = copy_text(provider, REGISTRY_MAX_PROVIDER);
    e->tool.name = copy_text(terms ? full : name, REGISTRY_MAX_NAME);
    e->tool.summary = copy_summary(json_get_text(in, "description", ""));
    if (e->tool.provider == NULL || e->tool.name == NULL || e->tool.summary == NULL) {
        entry_destroy(e);
        return NULL;
    }
    e->tool.own_name = tool_own_name(e->tool.provider, e->tool.name);
    if (!is_name(name) || (terms && !is_name(full)))
        set_fault(e, "its name must be 1 to %d letters, digits, _ . or -", REGISTRY_MAX_NAME - (int)prefix);
    read_schemas(e, in);
    if (own)
        read_declarations(e, json_get(in, "_meta"));
    if (terms)
        read_terms(e, terms, in);
    if (!hash_definition(e, in))
        set_fault(e, "what is said of it is too long");
    return e;
}

/* --- the whole ---------------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
    int c = strcmp(x->tool.name, y->tool.name);

    return c != 0 ? c : (x->tool.id > y->tool.id) - (x->tool.id < y->tool.id);
}

/* Of several tools of one name, the first that has no fault is offered. */
static void settle(struct registry *r)
{
    const struct entry *winner = NULL;

    r->generation++;
    if (r->n == 0)
        return;
    memcpy(r->by_name, r->entries, r->n * sizeof(struct entry *));
    qsort(r->by_name, r->n, sizeof(struct entry *), compare);
    for (size_t i = 0; i < r->n; i++) {
        struct entry *e = r->by_name[i];

        if (winner && strcmp(winner->tool.name, e->tool.name) != 0)
            winner = NULL;
        e->duplicate[0] = '\0';
        if (e->fault[0] == '\0' && winner)
            snprintf(e->duplicate, sizeof e->duplicate, "provider %s already has a tool of this name",
                     winner->tool.provider);
        else if (e->fault[0] == '\0')
            winner = e;
        e->tool.disabled = e->fault[0] ? e->fault : e->duplicate[0] ? e->duplicate : NULL;
    }
}

static bool reserve(struct registry *r, size_t n)
{
    size_t cap = r->cap ? r->cap : 16;
    struct entry **grown;

    while (cap < n)
        cap *= 2;
    if (cap == r->cap)
        return true;
    grown = realloc(r->entries, cap * sizeof *grown);
    if (grown == NULL)
        return false;
    r->entries = grown;
    grown = realloc(r->by_name, cap * sizeof *grown);
    if (grown == NULL)
        return false;
    r->by_name = grown;
    r->cap = cap;
    return true;
}

/* Of the first n by name, the first that has this one or a later. */
static size_t place(const struct registry *r, size_t n, const char *name)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (strcmp(r->by_name[mid]->tool.name, name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The same tool in the list that is being replaced, of the n that stand in by_name. */
static struct entry *find_stale(const struct registry *r, size_t n, const struct entry *e)
{
    for (size_t i = place(r, n, e->tool.name); i < n && strcmp(r->by_name[i]->tool.name, e->tool.name) == 0; i++) {
        struct entry *old = r->by_name[i];

        if (old->stale && strcmp(old->tool.provider, e->tool.provider) == 0 &&
            memcmp(old->tool.definition, e->tool.definition, REGISTRY_HASH) == 0 && strcmp(old->fault, e->fault) == 0)
            return old;
    }
    return NULL;
}

static int add_list(struct registry *r, const char *provider, bool own, const struct registry_terms *terms, const struct json *result,
                    struct err *err)
{
    const struct json *list = json_get(result, "tools");
    size_t n = json_count(list), before = r->n;

    if (json_kind(list) != JSON_ARRAY)
        return fail(err, CORAX_E_ARGS, "%.64s: the answer to tools/list has no array of tools", provider);
    if (n > REGISTRY_MAX_TOOLS - r->n)
        return fail(err, CORAX_E_LIMIT, "%.64s: too many tools: at most %d in all", provider, REGISTRY_MAX_TOOLS);
    if (!reserve(r, r->n + n))
        return fail(err, CORAX_E_LIMIT, "out of memory");
    for (const struct json *t = json_first(list); t; t = json_next(t)) {
        struct entry *e = read_tool(provider, own, terms, t), *old = e && terms ? find_stale(r, before, e) : NULL;

        if (e == NULL) {
            while (r->n > before)
                entry_destroy(r->entries[--r->n]);
            settle(r);
            return fail(err, CORAX_E_LIMIT, "out of memory");
        }
        if (old) {
            old->stale = false;
            entry_destroy(e);
            continue;
        }
        e->tool.id = ++r->last_id;
        e->fresh = true;
        r->entries[r->n++] = e;
    }
    settle(r);
    return (int)n;
}

int registry_add_list(struct registry *r, const char *provider, bool own, const struct json *result, struct err *err)
{
    return add_list(r, provider, own, NULL, result, err);
}

int registry_add_foreign(struct registry *r, const char *provider, const struct registry_terms *terms, const struct json *result,
                         struct err *err)
{
    return add_list(r, provider, false, terms, result, err);
}

/* Those of the provider go; stale: only what was not listed again. */
static bool remove_those(struct registry *r, const char *provider, bool stale)
{
    const size_t before = r->n;
    size_t kept = 0;

    for (size_t i = 0; i < r->n; i++)
        if (strncmp(r->entries[i]->tool.provider, provider, REGISTRY_MAX_PROVIDER) == 0 && (!stale || r->entries[i]->stale))
            entry_destroy(r->entries[i]);
        else
            r->entries[kept++] = r->entries[i];
    r->n = kept;
    settle(r);
    return kept < before;
}

void registry_remove_provider(struct registry *r, const char *provider)
{
    remove_those(r, provider, false);
}

void registry_list_begin(struct registry *r, const char *provider)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->entries[i]->tool.provider, provider) == 0)
            r->entries[i]->stale = true;
}

bool registry_list_end(struct registry *r, const char *provider)
{
    bool changed = remove_those(r, provider, true);

    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->entries[i]->tool.provider, provider) == 0) {
            changed = changed || r->entries[i]->fresh;
            r->entries[i]->fresh = false;
        }
    return changed;
}

const char *tool_own_name(const char *provider, const char *name)
{
    const size_t n = strlen(provider);

    return strncmp(name, provider, n) == 0 && name[n] == '.' && name[n + 1] != '\0' ? name + n + 1 : name;
}

const struct tool *tool_hold(const struct tool *t)
{
    if (t)
        ((struct entry *)t)->n_holds++;
    return t;
}

void tool_release(const struct tool *t)
{
    struct entry *e = (struct entry *)t;

    if (e && --e->n_holds == 0 && e->retired)
        entry_destroy(e);
}

bool tool_is_current(const struct tool *t)
{
    return !((const struct entry *)t)->retired;
}

uint64_t registry_generation(const struct registry *r)
{
    return r->generation;
}

size_t registry_count(const struct registry *r)
{
    return r->n;
}

const struct tool *registry_by_name(const struct registry *r, size_t i)
{
    return i < r->n ? &r->by_name[i]->tool : NULL;
}

const struct tool *registry_at(const struct registry *r, size_t i)
{
    return i < r->n ? &r->entries[i]->tool : NULL;
}

const struct tool *registry_find(const struct registry *r, const char *name)
{
    for (size_t i = place(r, r->n, name); i < r->n && strcmp(r->by_name[i]->tool.name, name) == 0; i++)
        if (r->by_name[i]->tool.disabled == NULL)
            return &r->by_name[i]->tool;
    return NULL;
}

struct json *registry_validate(const struct tool *t, const char *args, size_t args_len, struct err *err)
{
    struct json *value;

    if (t->disabled) {
        fail(err, CORAX_E_UNAVAIL, "the tool %.128s is disabled: %s", t->name, t->disabled);
        return NULL;
    }
    value = json_parse(args, args_len, err);
    if (value == NULL) {
        err_context(err, "the arguments are not JSON");
        return NULL;
    }
    if (jsonschema_validate(t->schema, value, err) != 0) {
        json_free(value);
        return NULL;
    }
    return value;
}

/* --- writing ------------------------------------------------------------------------------------------------------------ */

static void put_schema(struct jsonw *w, const char *key, const char *schema)
{
    if (schema)
        jsonw_raw(w, key, schema, strlen(schema));
    else
        jsonw_null(w, key);
}

void registry_write_json(const struct registry *r, struct jsonw *w, const char *key)
{
    jsonw_array(w, key);
    for (size_t i = 0; i < r->n; i++) {
        const struct tool *t = &r->entries[i]->tool;

        jsonw_object(w, NULL);
        jsonw_text(w, "name", t->name);
        jsonw_text(w, "provider", t->provider);
        jsonw_text(w, "description", t->summary);
        put_schema(w, "parameters", t->args_schema);
        effects_write(w, "effects", t->effects);
        traits_write(w, "traits", t->traits);
        jsonw_text(w, "disabled", t->disabled);
        jsonw_end(w);
    }
    jsonw_end(w);
}

void tool_write_chat(const struct tool *t, bool later, struct jsonw *w)
{
    jsonw_object(w, NULL);
    jsonw_text(w, "name", t->name);
    jsonw_text(w, "description", t->summary);
    put_schema(w, "parameters", t->chat_schema ? t->chat_schema : t->args_schema);
    if (later)
        jsonw_bool(w, "later", true);
    jsonw_end(w);
}

void registry_write_chat(const struct registry *r, struct jsonw *w, const char *key)
{
    jsonw_array(w, key);
    for (size_t i = 0; i < r->n; i++)
        if (r->entries[i]->tool.disabled == NULL)
            tool_write_chat(&r->entries[i]->tool, false, w);
    jsonw_end(w);
}
