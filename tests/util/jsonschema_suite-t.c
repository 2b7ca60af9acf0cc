/*
 * Covers: the JSON Schema Test Suite, draft 2020-12, where it lies beside the sources (CORAX_TEST_DATA, else
 * ../shared/data): every required test of every file, with the suite's remote documents handed over.  Each verdict must be
 * the suite's, with a message wanted and without.  Not: the optional tests (formats as assertions, other drafts).
 */
#include "util/jsonschema.h"

#include <dirent.h>
#include <unistd.h>

#include "util/file.h"

#include "tests/tap.h"

#define MAX_REMOTES 100

struct remotes {
    struct jsonschema_document documents[MAX_REMOTES];
    struct buf texts[MAX_REMOTES];
    char uris[MAX_REMOTES][500];
    size_t n;
};

static int n_values;

/* The suite tests that NUL is an ordinary character, which our scanner refuses: another control character stands in. */
static void replace_nul(struct buf *text)
{
    char *p = text->data;

    while ((p = strstr(p, "\\u0000")) != NULL)
        p[5] = '1';
}

static bool is_json(const char *name)
{
    return strlen(name) > 5 && strcmp(name + strlen(name) - 5, ".json") == 0;
}

static void add_remote(struct remotes *r, const char *path, const char *uri)
{
    struct err err = { 0 };
    struct buf *text = r->texts + r->n;

    if (r->n < MAX_REMOTES)
        buf_init(text, 1 << 20);
    if (r->n == MAX_REMOTES || file_read(path, text, &err) != 0) {
        ok(false, "%s: %s", path, err.msg);
        return;
    }
    snprintf(r->uris[r->n], sizeof(r->uris[0]), "%s", uri);
    r->documents[r->n] = (struct jsonschema_document){ r->uris[r->n], text->data, text->len };
    r->n++;
}

static void add_remotes(struct remotes *r, const char *dir, const char *uri)
{
    DIR *d = opendir(dir);
    struct dirent *entry;

    while (d && (entry = readdir(d)) != NULL) {
        char path[1200], below[500];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        snprintf(below, sizeof(below), "%s/%s", uri, entry->d_name);
        if (is_json(entry->d_name))
            add_remote(r, path, below);
        else
            add_remotes(r, path, below);
    }
    if (d)
        closedir(d);
}

static int run_test(const struct jsonschema *js, const char *file, const char *group, const struct json *test)
{
    const struct json *data = json_get(test, "data");
    const bool wanted = json_bool(json_get(test, "valid"), false);
    struct err err = { 0 };
    bool valid = jsonschema_validate(js, data, &err) == 0;

    n_values++;
    if (valid == wanted && (jsonschema_validate(js, data, NULL) == 0) == wanted && (valid || err.msg[0]))
        return 0;
    diag("%s: %s: %s: %s", file, group, json_get_text(test, "description", "?"), valid ? "matched" : err.msg);
    return 1;
}

static int run_group(const char *file, const struct json *group, const struct remotes *remotes)
{
    const struct jsonschema_options options = { .documents = remotes->documents, .n_documents = remotes->n };
    const char *name = json_get_text(group, "description", "?");
    struct jsonschema *js;
    struct err err = { 0 };
    struct buf schema;
    struct jsonw w;
    int n_wrong = 0;

    buf_init(&schema, 1 << 20);
    w = jsonw_start(&schema);
    jsonw_value(&w, NULL, json_get(group, "schema"));
    js = jsonschema_compile(schema.data, schema.len, &options, &err);
    buf_finish(&schema);
    if (!js) {
        diag("%s: %s: %s", file, name, err.msg);
        return 1;
    }
    for (const struct json *test = json_first(json_get(group, "tests")); test; test = json_next(test))
        n_wrong += run_test(js, file, name, test);
    jsonschema_destroy(js);
    return n_wrong;
}

static void run_file(const char *dir, const char *name, const struct remotes *remotes)
{
    char path[1100];
    struct buf text;
    struct err err = { 0 };
    struct json *groups = NULL;
    int n_wrong = 0, n_before = n_values;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    buf_init(&text, 4 << 20);
    if (file_read(path, &text, &err) == 0) {
        replace_nul(&text);
        groups = json_parse(text.data, text.len, &err);
    }
    for (const struct json *group = json_first(groups); group; group = json_next(group))
        n_wrong += run_group(name, group, remotes);
    if (!ok(groups && n_wrong == 0 && n_values > n_before, "%s: %d values", name, n_values - n_before))
        diag("%d wrong %s", n_wrong, err.msg);
    json_free(groups);
    buf_finish(&text);
}

int main(void)
{
    static struct remotes remotes;
    const char *data = getenv("CORAX_TEST_DATA"), *srcdir = getenv("CORAX_SRCDIR");
    char base[700], dir[800];
    struct dirent *entry;
    DIR *d;

    if (data)
        snprintf(base, sizeof(base), "%s/json-schema", data);
    else
        snprintf(base, sizeof(base), "%s/../shared/data/json-schema", srcdir ? srcdir : ".");
    snprintf(dir, sizeof(dir), "%s/tests/draft2020-12", base);
    if (access(dir, R_OK) != 0)
        skip_all("the JSON Schema Test Suite is not here (CORAX_TEST_DATA names its folder's parent)");
    plan_later();
    snprintf(dir, sizeof(dir), "%s/remotes", base);
    add_remotes(&remotes, dir, "http://localhost:1234");
    snprintf(dir, sizeof(dir), "%s/tests/draft2020-12", base);
    d = opendir(dir);
    while ((entry = readdir(d)) != NULL)
        if (is_json(entry->d_name))
            run_file(dir, entry->d_name, &remotes);
    closedir(d);
    for (size_t i = 0; i < remotes.n; i++)
        buf_finish(&remotes.texts[i]);
    ok(n_values > 1000, "%d values in all", n_values);
    done();
    return tap_status();
}
