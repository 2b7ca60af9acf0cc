/*
 * Covers: the JSON Schema Test Suite, draft 2020-12, where it lies beside the sources (CORAX_TEST_DATA, else
 * ../shared/data).  A schema with a keyword we refuse is counted and passed over; for every other one each verdict must be
 * the suite's.  Files of the keywords we claim must not be passed over whole.  Not: vocabulary.json, on dialects that
 * switch keywords off; we read every schema as plain 2020-12.
 */
#include "util/jsonschema.h"

#include <dirent.h>
#include <unistd.h>

#include "util/file.h"

#include "tests/tap.h"

static int n_schemas, n_refused, n_values;

/* The suite tests that NUL is an ordinary character, which our scanner refuses: another control character stands in. */
static void replace_nul(struct buf *text)
{
    char *p = text->data;

    while ((p = strstr(p, "\\u0000")) != NULL)
        p[5] = '1';
}

static int run_group(const char *file, const struct json *group)
{
    struct jsonschema *js;
    struct buf schema;
    struct jsonw w;
    struct err err = { 0 };
    int n_wrong = 0;

    buf_init(&schema, 1 << 20);
    w = jsonw_start(&schema);
    jsonw_value(&w, NULL, json_get(group, "schema"));
    js = jsonschema_compile(schema.data, schema.len, &err);
    buf_finish(&schema);
    n_schemas++;
    if (!js) {
        n_refused++;
        return 0;
    }
    for (const struct json *test = json_first(json_get(group, "tests")); test; test = json_next(test)) {
        bool valid = jsonschema_validate(js, json_get(test, "data"), &err) == 0;

        n_values++;
        if (valid != json_bool(json_get(test, "valid"), false)) {
            n_wrong++;
            diag("%s: %s: %s: %s", file, json_get_text(group, "description", "?"),
                 json_get_text(test, "description", "?"), valid ? "matched" : err.msg);
        }
    }
    jsonschema_destroy(js);
    return n_wrong;
}

static void run_file(const char *dir, const char *name, bool ours)
{
    char path[1000];
    struct buf text;
    struct err err = { 0 };
    struct json *groups;
    int n_wrong = 0, n_before = n_values;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    buf_init(&text, 4 << 20);
    if (file_read(path, &text, &err) != 0) {
        ok(false, "%s", err.msg);
        return;
    }
    replace_nul(&text);
    groups = json_parse(text.data, text.len, &err);
    if (groups) {
        for (const struct json *group = json_first(groups); group; group = json_next(group))
            n_wrong += run_group(name, group);
        ok(n_wrong == 0 && (!ours || n_values > n_before), "%s: %d values", name, n_values - n_before);
    } else {
        ok(false, "%s: %s", name, err.msg);
    }
    json_free(groups);
    buf_finish(&text);
}

int main(void)
{
    static const char *const ours[] = {
        "additionalProperties",
        "boolean_schema",
        "const",
        "default",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "items",
        "maxItems",
        "maxLength",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "multipleOf",
        "pattern",
        "properties",
        "required",
        "type",
    };
    const char *data = getenv("CORAX_TEST_DATA"), *srcdir = getenv("CORAX_SRCDIR");
    char dir[800];
    struct dirent *entry;
    DIR *d;

    if (data)
        snprintf(dir, sizeof(dir), "%s/json-schema/tests/draft2020-12", data);
    else
        snprintf(dir, sizeof(dir), "%s/../shared/data/json-schema/tests/draft2020-12", srcdir ? srcdir : ".");
    if (access(dir, R_OK) != 0)
        skip_all("the JSON Schema Test Suite is not here (CORAX_TEST_DATA names its folder's parent)");
    plan_later();
    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
        char name[100];

        snprintf(name, sizeof(name), "%s.json", ours[i]);
        run_file(dir, name, true);
    }
    diag("our keywords: %d of %d schemas refused, %d values", n_refused, n_schemas, n_values);
    d = opendir(dir);
    while ((entry = readdir(d)) != NULL)
        if (strlen(entry->d_name) > 5 && strcmp(entry->d_name + strlen(entry->d_name) - 5, ".json") == 0 &&
            strcmp(entry->d_name, "vocabulary.json") != 0)
            run_file(dir, entry->d_name, false);
    closedir(d);
    diag("all files: %d of %d schemas refused, %d values (our keywords twice)", n_refused, n_schemas, n_values);
    done();
    return tap_status();
}
