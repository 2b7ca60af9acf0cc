/* corax-infer schema-check: schemas and values on standard input, one JSON object a line; what the constraint says of each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/command.h"
#include "infer/matcher.h"
#include "util/json.h"

#define MAX_VALUES (4u << 20)
#define MAX_OUTPUT ((size_t)64 << 20)

/* The value of an element's member "data", as it is written. */
static bool accepts(struct matcher *m, const struct json *test)
{
    size_t len;
    const char *text = json_raw(json_get(test, "data"), &len);

    matcher_restart(m);
    return text && matcher_read(m, text, len) && matcher_is_done(m);
}

/* Into an array of JSON. */
static void warn(void *arg, const char *message)
{
    struct buf *warnings = arg;
    struct jsonw w;

    if (warnings->len)
        buf_addc(warnings, ',');
    w = jsonw_start(warnings);
    jsonw_text(&w, NULL, message);
}

/* warnings: NULL: what cannot be held is an error. */
static struct matcher *compile(const struct json *schema, struct jsonschema **js, struct buf *warnings, struct err *err)
{
    const struct json_style style = { .blanks = UINT32_MAX, .escapes = true };
    const struct shape_options lenient = { .lenient = true, .warn = warn, .arg = warnings };
    size_t len;
    const char *text = json_raw(schema, &len);

    if (!text) {
        fail(err, CORAX_E_ARGS, "no member \"schema\"");
        return NULL;
    }
    *js = jsonschema_compile(text, len, NULL, err);
    return *js ? matcher_create_json(NULL, jsonschema_root(*js), &style, warnings ? &lenient : NULL, err) : NULL;
}

static void check(const char *text, size_t len, bool lenient, struct buf *out)
{
    struct err err = { 0 };
    struct jsonschema *js = NULL;
    struct json *line = json_parse_large(text, len, MAX_VALUES, &err);
    struct matcher *m;
    struct jsonw w = jsonw_start(out);
    struct buf warnings;

    buf_init(&warnings, MAX_OUTPUT);
    m = line ? compile(json_get(line, "schema"), &js, lenient ? &warnings : NULL, &err) : NULL;
    jsonw_object(&w, NULL);
    jsonw_text(&w, "compile_error", m ? NULL : err.msg);
    jsonw_array(&w, "results");
    for (const struct json *t = json_first(json_get(line, "tests")); m && t; t = json_next(t))
        jsonw_bool(&w, NULL, accepts(m, t));
    jsonw_end(&w);
    if (lenient) {
        jsonw_array(&w, "warnings");
        if (warnings.len)
            jsonw_raw(&w, NULL, warnings.data, warnings.len);
        jsonw_end(&w);
    }
    jsonw_end(&w);
    buf_finish(&warnings);
    matcher_destroy(m);
    jsonschema_destroy(js);
    json_free(line);
}

static int run(const struct args *a, struct err *err)
{
    struct buf out;
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    int result = 0;

    buf_init(&out, MAX_OUTPUT);
    while (result == 0 && (len = getline(&line, &cap, stdin)) > 0) {
        buf_reset(&out);
        check(line, (size_t)len, a->lenient, &out);
        if (out.failed)
            result = fail(err, CORAX_E_LIMIT, "more than %zu bytes to say of a line", MAX_OUTPUT);
        else
            printf("%.*s\n", (int)out.len, out.data);
    }
    free(line);
    buf_finish(&out);
    return result;
}

const struct command command_schema_check = {
    .name = "schema-check",
    .arguments = "[--lenient]",
    .what = "Reads schemas with values, a JSON object a line, and says which values the constraint accepts.",
    .options = " lenient ",
    .no_model = true,
    .run = run,
};
