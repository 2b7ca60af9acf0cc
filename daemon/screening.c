#include "daemon/screening.h"

#include <stdio.h>
#include <string.h>

#define MAX_NAMES 32

/* --- which arguments have the role ------------------------------------------------------------------------------- */

/* The names of members that have it, at whatever depth; all: something has it whose name cannot be told. */
struct names {
    const char *role;
    size_t n;
    const char *at[MAX_NAMES];
    bool all;
};

static void add_name(struct names *names, const char *name)
{
    if (name == NULL || names->n == MAX_NAMES)
        names->all = true;
    else
        names->at[names->n++] = name;
}

/* Whatever the schema says of a member, also in anyOf and items, is said of its name. */
static void find_names(struct names *names, const struct json *schema, const char *name)
{
    const char *role = json_get_text(schema, REGISTRY_ROLE, NULL);

    if (role && strcmp(role, names->role) == 0)
        add_name(names, name);
    for (const struct json *j = json_first(schema); j; j = json_next(j)) {
        const char *key = json_key(j);
        const bool is_named = key && strcmp(key, "properties") == 0;

        if (!is_named && key &&
            (strcmp(key, "patternProperties") == 0 || strcmp(key, "additionalProperties") == 0 ||
             strcmp(key, "$defs") == 0))
            find_names(names, j, NULL);
        else if (!is_named)
            find_names(names, j, name);
        else
            for (const struct json *p = json_first(j); p; p = json_next(p))
                find_names(names, p, json_key(p));
    }
}

static bool has_name(const struct names *names, const char *key)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->at[i], key) == 0)
            return true;
    return names->all;
}

/* --- their values ------------------------------------------------------------------------------------------------ */

struct value {
    const char *text;
    size_t len;
};

struct values {
    const struct names *names;
    size_t n;
    struct value at[SCREENING_MAX_VALUES];
};

static int add_value(struct values *v, const char *text, size_t len, struct err *err)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->at[i].len == len && memcmp(v->at[i].text, text, len) == 0)
            return 0;
    if (len == 0)
        return 0;
    if (v->n == SCREENING_MAX_VALUES)
        return fail(err, CORAX_E_LIMIT, "it has more than %d values to screen", SCREENING_MAX_VALUES);
    v->at[v->n++] = (struct value){ text, len };
    return 0;
}

/* Of "A.B>C>D" A.B, C and D. */
static int add_text(struct values *v, const char *text, struct err *err)
{
    const char *from = text;

    for (const char *p = text; *p; p++) {
        if (*p != '>' || (p > text && p[-1] == '-'))
            continue;
        if (add_value(v, from, (size_t)(p - from), err) < 0)
            return -1;
        from = p + 1;
    }
    return add_value(v, from, strlen(from), err);
}

static int add_all(struct values *v, const struct json *j, struct err *err)
{
    switch (json_kind(j)) {
    case JSON_STRING:
        return add_text(v, json_text(j), err);
    case JSON_ARRAY:
    case JSON_OBJECT:
        for (const struct json *m = json_first(j); m; m = json_next(m))
            if (add_all(v, m, err) < 0)
                return -1;
        return 0;
    case JSON_NULL:
        return 0;
    case JSON_NONE:
    case JSON_BOOL:
    case JSON_NUMBER:
        break;
    }
    return fail(err, CORAX_E_ARGS, "a value to screen is no text");
}

static int find_values(struct values *v, const struct json *args, struct err *err)
{
    for (const struct json *j = json_first(args); j; j = json_next(j)) {
        const bool has = json_key(j) && has_name(v->names, json_key(j));

        if (has ? add_all(v, j, err) < 0 : find_values(v, j, err) < 0)
            return -1;
    }
    return 0;
}

int screening_write(const struct tool *tool, const struct screen *s, const struct json *args, struct buf *out,
                    size_t *n_values, struct err *err)
{
    struct json *schema = json_parse(tool->args_schema, tool->args_schema_len, err);
    struct names names = { .role = s->role };
    struct values values = { .names = &names };
    struct jsonw w = jsonw_start(out);

    if (schema == NULL)
        return -1;
    find_names(&names, schema, NULL);
    if (names.n == 0 && !names.all) {
        json_free(schema);
        return fail(err, CORAX_E_ARGS, "no argument of %.128s has the role %.32s in its schema", tool->name, s->role);
    }
    if (find_values(&values, args, err) < 0) {
        json_free(schema);
        return -1;
    }
    json_free(schema);
    jsonw_object(&w, NULL);
    jsonw_array(&w, s->argument);
    for (size_t i = 0; i < values.n; i++)
        jsonw_string(&w, NULL, values.at[i].text, values.at[i].len);
    jsonw_end(&w);
    jsonw_end(&w);
    *n_values = values.n;
    return out->failed ? fail(err, CORAX_E_LIMIT, "its values to screen are longer than %d bytes", SCREENING_MAX_BYTES)
                       : 0;
}

/* --- the result -------------------------------------------------------------------------------------------------- */

static int add_finding(struct screening_findings *f, const char *word, struct err *err)
{
    if (!screen_is_finding(word))
        return fail(err, CORAX_E_INTERNAL, "a finding is not 1 to %d of a-z 0-9 - _", SCREEN_MAX_WORD);
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->words[i], word) == 0)
            return 0;
    if (f->n == SCREEN_MAX_FINDINGS)
        return fail(err, CORAX_E_LIMIT, "it found more than %d things", SCREEN_MAX_FINDINGS);
    snprintf(f->words[f->n++], sizeof(f->words[0]), "%s", word);
    return 0;
}

static int read_one(const struct json *j, struct screening_findings *f, struct err *err)
{
    const char *status = json_get_text(j, "status", "missing"), *message = json_get_text(j, "message", NULL);
    const struct json *list = json_get(j, "findings");

    if (strcmp(status, "ok") != 0)
        return fail(err, CORAX_E_INTERNAL, "its status is %.32s%s%.200s", status, message ? ": " : "",
                    message ? message : "");
    if (json_kind(list) != JSON_ARRAY)
        return fail(err, CORAX_E_INTERNAL, "it has no list of findings");
    for (const struct json *w = json_first(list); w; w = json_next(w))
        if (add_finding(f, json_text(w), err) < 0)
            return -1;
    return 0;
}

static int read_all(const struct json *root, size_t n_values, struct screening_findings *f, struct err *err)
{
    const struct json *results = json_get(root, "results");

    if (results == NULL && n_values == 1)
        return read_one(root, f, err);
    if (json_kind(results) != JSON_ARRAY || json_count(results) != n_values)
        return fail(err, CORAX_E_INTERNAL, "its results are %zu, for %zu values", json_count(results), n_values);
    for (const struct json *j = json_first(results); j; j = json_next(j))
        if (read_one(j, f, err) < 0)
            return -1;
    return 0;
}

int screening_read(const struct tool_result *r, size_t n_values, struct screening_findings *f, struct err *err)
{
    struct json *root;
    int rc;

    f->n = 0;
    if (r->error)
        return fail(err, CORAX_E_INTERNAL, "it failed: %.300s",
                    r->n_parts > 0 && r->parts[0].kind == MCP_TEXT ? r->parts[0].data : "no reason given");
    if (r->structured == NULL)
        return fail(err, CORAX_E_INTERNAL, "its result has nothing for programs");
    root = json_parse(r->structured, r->structured_len, err);
    rc = root ? read_all(root, n_values, f, err) : -1;
    json_free(root);
    return rc;
}
