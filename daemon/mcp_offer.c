/*
 * In a prompt's messages and a template's text, {{name}} stands for the value of an argument, of a field that the
 * client's person filled in, or of a variable of the template.  Names are checked when the file is read, so that
 * nothing is left standing.
 */
#include "daemon/mcp_offer.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "util/base64.h"
#include "util/file.h"

#define MAX_NAME      64
#define MAX_ARGUMENTS 64
#define MAX_DEPTH     8 /* of a value in which names are replaced */
#define VALUE_LIMIT   (1u << 20)

struct file {
    char *name; /* in its folder */
    char *text;
    size_t len;
    struct json *root;
    struct timespec changed; /* of the file that is the resource */
};

struct folder {
    char *path;
    size_t n;
    struct file at[OFFER_MAX_FILES];
};

/* They are files; the type keeps them apart for callers. */
struct mcp_prompt {
    struct file file;
};

struct mcp_offer {
    struct folder prompts, resources;
};

/* --- reading the folders ---------------------------------------------------------------------------------------- */

static bool is_name(const char *name)
{
    const size_t n = name ? strlen(name) : 0;

    return n > 0 && n <= MCP_MAX_NAME &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == n;
}

static int bad(const struct folder *d, const struct file *f, struct err *err, const char *why)
{
    return fail(err, CORAX_E_ARGS, "%s/%s: %s", d->path, f->name, why);
}

/* An array of {"name","description","values"}: what a prompt takes, what a template's variables are. */
static int check_arguments(const struct folder *d, const struct file *f, const struct json *list, struct err *err)
{
    static const char *const known[] = { "name", "title", "description", "required", "values", NULL };

    if (list && (json_kind(list) != JSON_ARRAY || json_count(list) > MAX_ARGUMENTS))
        return bad(d, f, err, "arguments must be a list, of 64 at most");
    for (const struct json *a = json_first(list); a; a = json_next(a)) {
        const struct json *values = json_get(a, "values"), *required = json_get(a, "required");

        if (json_check_members(a, "arguments", known, err) < 0)
            return err_context(err, "%s/%s", d->path, f->name);
        if (!is_name(json_get_text(a, "name", NULL)) || (required && json_kind(required) != JSON_BOOL))
            return bad(d, f, err,
                       "an argument needs a name of A-Z, a-z, 0-9, _ . and -, and required is true or false");
        if (values && json_kind(values) != JSON_ARRAY)
            return bad(d, f, err, "the values of an argument must be a list of texts");
        for (const struct json *v = json_first(values); v; v = json_next(v))
            if (json_text(v) == NULL)
                return bad(d, f, err, "the values of an argument must be a list of texts");
    }
    return 0;
}

static bool is_argument(const struct json *list, const char *name, size_t len)
{
    for (const struct json *a = json_first(list); a; a = json_next(a))
        if (strncmp(json_get_text(a, "name", ""), name, len) == 0 && json_get_text(a, "name", "")[len] == '\0')
            return true;
    return false;
}

/* A field of one of the forms that a prompt shows. */
static bool is_field(const struct json *asks, const char *name, size_t len)
{
    char key[MAX_NAME + 1];

    if (len > MAX_NAME)
        return false;
    snprintf(key, sizeof(key), "%.*s", (int)len, name);
    for (const struct json *q = json_first(asks); q; q = json_next(q))
        if (json_get(json_get(json_get(json_get(q, "params"), "requestedSchema"), "properties"), key))
            return true;
    return false;
}

/* Every {{name}} in it is known. */
static int check_names(const struct folder *d, const struct file *f, const struct json *v, const struct json *arguments,
                       const struct json *asks, int depth, struct err *err)
{
    const char *text = json_text(v), *end;

    if (depth > MAX_DEPTH)
        return bad(d, f, err, "a message is nested too deeply");
    for (; text && (text = strstr(text, "{{")) != NULL; text = end + 2) {
        text += 2;
        if ((end = strstr(text, "}}")) == NULL)
            return bad(d, f, err, "{{ has no }}");
        if (!is_argument(arguments, text, (size_t)(end - text)) && !is_field(asks, text, (size_t)(end - text)))
            return fail(err, CORAX_E_ARGS, "%s/%s: {{%.*s}} is no argument of it", d->path, f->name, (int)(end - text),
                        text);
    }
    for (const struct json *m = json_first(v); m; m = json_next(m))
        if (check_names(d, f, m, arguments, asks, depth + 1, err) < 0)
            return -1;
    return 0;
}

static int check_asks(const struct folder *d, const struct file *f, const struct json *asks, struct err *err)
{
    if (asks && (json_kind(asks) != JSON_OBJECT || json_count(asks) == 0))
        return bad(d, f, err, "ask must be an object of requests");
    for (const struct json *q = json_first(asks); q; q = json_next(q))
        if (strcmp(json_get_text(q, "method", ""), "elicitation/create") != 0 ||
            !json_get_text(json_get(q, "params"), "message", NULL) ||
            json_kind(json_get(json_get(json_get(q, "params"), "requestedSchema"), "properties")) != JSON_OBJECT)
            return bad(
                d, f, err,
                "a request of ask is {\"method\":\"elicitation/create\",\"params\":{\"message\",\"requestedSchema\"}}");
    return 0;
}

static int check_prompt(const struct folder *d, const struct file *f, struct err *err)
{
    static const char *const known[] = { "name", "title", "description", "arguments", "ask", "messages", NULL };
    const struct json *root = f->root, *messages = json_get(root, "messages"), *arguments = json_get(root, "arguments");

    if (json_check_members(root, "", known, err) < 0)
        return err_context(err, "%s/%s", d->path, f->name);
    if (!is_name(json_get_text(root, "name", NULL)) || json_get_text(root, "description", NULL) == NULL)
        return bad(d, f, err, "a prompt needs a name of A-Z, a-z, 0-9, _ . and -, and a description");
    if (check_arguments(d, f, arguments, err) < 0 || check_asks(d, f, json_get(root, "ask"), err) < 0)
        return -1;
    if (json_kind(messages) != JSON_ARRAY || json_count(messages) == 0)
        return bad(d, f, err, "a prompt needs messages");
    for (const struct json *m = json_first(messages); m; m = json_next(m)) {
        const char *role = json_get_text(m, "role", "");

        if ((strcmp(role, "user") != 0 && strcmp(role, "assistant") != 0) ||
            !json_get_text(json_get(m, "content"), "type", NULL))
            return bad(d, f, err, "a message has the role user or assistant, and a content with a type");
    }
    return check_names(d, f, messages, arguments, json_get(root, "ask"), 0, err);
}

static int check_resource(const struct folder *d, const struct file *f, struct err *err)
{
    static const char *const known[] = { "uri",  "uriTemplate", "name", "title",     "description", "mimeType",
                                         "text", "base64",      "file", "arguments", NULL };
    const struct json *root = f->root;
    const char *uri = json_get_text(root, "uri", NULL), *template = json_get_text(root, "uriTemplate", NULL);
    const char *file = json_get_text(root, "file", NULL), *text = json_get_text(root, "text", NULL),
               *base64 = json_get_text(root, "base64", NULL);

    if (json_check_members(root, "", known, err) < 0)
        return err_context(err, "%s/%s", d->path, f->name);
    if ((uri != NULL) == (template != NULL) || strstr(uri ? uri : template, ":") == NULL ||
        json_get_text(root, "name", NULL) == NULL || json_get_text(root, "mimeType", NULL) == NULL)
        return bad(d, f, err, "a resource needs a uri or a uriTemplate, a name and a mimeType");
    if ((file != NULL) + (text != NULL) + (base64 != NULL) != 1 || (template && !text))
        return bad(d, f, err, "a resource is a text, base64 or a file, and what has a uriTemplate is a text");
    if (file && (strchr(file, '/') || file[0] == '.' || file[0] == '\0'))
        return bad(d, f, err, "file is the name of one in the same folder");
    if (check_arguments(d, f, json_get(root, "arguments"), err) < 0)
        return -1;
    return check_names(d, f, json_get(root, "text"), json_get(root, "arguments"), NULL, 0, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

static int read_one(struct folder *d, const char *name, struct err *err)
{
    struct file *f = &d->at[d->n];
    char path[4500];
    struct stat st;
    struct buf text;

    if (d->n == OFFER_MAX_FILES)
        return fail(err, CORAX_E_LIMIT, "%s: more than %d files", d->path, OFFER_MAX_FILES);
    memset(f, 0, sizeof(*f));
    snprintf(path, sizeof(path), "%.4000s/%.255s", d->path, name);
    buf_init(&text, OFFER_MAX_FILE);
    if (file_read(path, &text, err) < 0) {
        buf_finish(&text);
        return -1;
    }
    d->n++;
    f->name = strdup(name);
    f->text = buf_take(&text, &f->len);
    if (f->name == NULL || f->text == NULL)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    f->root = json_parse_config(f->text, f->len, err);
    if (f->root == NULL)
        return err_context(err, "%s", path);
    snprintf(path, sizeof(path), "%.4000s/%.255s", d->path, json_get_text(f->root, "file", ""));
    if (json_get(f->root, "file") && stat(path, &st) == 0)
        f->changed = st.st_mtim;
    return 0;
}

static int read_folder(struct folder *d, const char *path,
                       int (*check)(const struct folder *, const struct file *, struct err *), struct err *err)
{
    struct dirent *e;
    DIR *dir;
    int rc = 0;

    if (path == NULL)
        return 0;
    if ((d->path = strdup(path)) == NULL)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    if ((dir = opendir(path)) == NULL)
        return fail_sys(err, CORAX_E_NOTFOUND, "mcp: folder %s", path);
    while (rc == 0 && (e = readdir(dir)) != NULL) {
        const size_t n = strlen(e->d_name);

        if (e->d_name[0] != '.' && n > 5 && strcmp(e->d_name + n - 5, ".json") == 0)
            rc = read_one(d, e->d_name, err);
    }
    closedir(dir);
    qsort(d->at, d->n, sizeof(*d->at), by_name);
    for (size_t i = 0; rc == 0 && i < d->n; i++)
        rc = check(d, &d->at[i], err);
    return rc;
}

static int check_twice(const struct folder *d, const char *key, struct err *err)
{
    for (size_t i = 0; i < d->n; i++)
        for (size_t k = 0; k < i; k++) {
            const char *a = json_get_text(d->at[i].root, key, NULL), *b = json_get_text(d->at[k].root, key, NULL);

            if (a && b && strcmp(a, b) == 0)
                return fail(err, CORAX_E_ARGS, "%s: %s and %s have the same %s", d->path, d->at[k].name, d->at[i].name,
                            key);
        }
    return 0;
}

static void finish_folder(struct folder *d)
{
    for (size_t i = 0; i < d->n; i++) {
        free(d->at[i].name);
        free(d->at[i].text);
        json_free(d->at[i].root);
    }
    free(d->path);
}

struct mcp_offer *mcp_offer_load(const struct mcp_config *c, struct err *err)
{
    struct mcp_offer *o = calloc(1, sizeof(*o));

    if (o == NULL) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    if (read_folder(&o->prompts, c->prompts, check_prompt, err) < 0 || check_twice(&o->prompts, "name", err) < 0 ||
        read_folder(&o->resources, c->resources, check_resource, err) < 0 ||
        check_twice(&o->resources, "uri", err) < 0) {
        mcp_offer_destroy(o);
        return NULL;
    }
    return o;
}

void mcp_offer_destroy(struct mcp_offer *o)
{
    if (o == NULL)
        return;
    finish_folder(&o->prompts);
    finish_folder(&o->resources);
    free(o);
}

static bool same(const struct folder *a, const struct folder *b)
{
    bool equal = a->n == b->n;

    for (size_t i = 0; equal && i < a->n; i++)
        equal = a->at[i].len == b->at[i].len && memcmp(a->at[i].text, b->at[i].text, a->at[i].len) == 0 &&
                a->at[i].changed.tv_sec == b->at[i].changed.tv_sec &&
                a->at[i].changed.tv_nsec == b->at[i].changed.tv_nsec;
    return equal;
}

bool mcp_offer_same_prompts(const struct mcp_offer *a, const struct mcp_offer *b)
{
    return same(&a->prompts, &b->prompts);
}

bool mcp_offer_same_resources(const struct mcp_offer *a, const struct mcp_offer *b)
{
    return same(&a->resources, &b->resources);
}

/* --- lists ------------------------------------------------------------------------------------------------------ */

static void write_texts(struct jsonw *w, const struct json *root, const char *const keys[])
{
    for (size_t i = 0; keys[i]; i++)
        if (json_get_text(root, keys[i], NULL))
            jsonw_text(w, keys[i], json_get_text(root, keys[i], NULL));
}

static void write_prompt(struct jsonw *w, const struct json *root)
{
    static const char *const texts[] = { "name", "title", "description", NULL };

    jsonw_object(w, NULL);
    write_texts(w, root, texts);
    jsonw_array(w, "arguments");
    for (const struct json *a = json_first(json_get(root, "arguments")); a; a = json_next(a)) {
        jsonw_object(w, NULL);
        write_texts(w, a, texts);
        jsonw_bool(w, "required", json_bool(json_get(a, "required"), false));
        jsonw_end(w);
    }
    jsonw_end(w);
    jsonw_end(w);
}

void mcp_offer_write_prompts(const struct mcp_offer *o, bool legacy, struct jsonw *w, size_t *at, size_t max)
{
    size_t n = 0;

    jsonw_array(w, "prompts");
    for (; *at < o->prompts.n && n < max; ++*at) {
        if (legacy && json_get(o->prompts.at[*at].root, "ask"))
            continue;
        write_prompt(w, o->prompts.at[*at].root);
        n++;
    }
    jsonw_end(w);
    if (*at == o->prompts.n)
        *at = 0;
}

void mcp_offer_write_resources(const struct mcp_offer *o, struct jsonw *w, size_t *at, size_t max)
{
    static const char *const texts[] = { "uri", "name", "title", "description", "mimeType", NULL };
    size_t n = 0;

    jsonw_array(w, "resources");
    for (; *at < o->resources.n && n < max; ++*at) {
        if (json_get(o->resources.at[*at].root, "uri") == NULL)
            continue;
        jsonw_object(w, NULL);
        write_texts(w, o->resources.at[*at].root, texts);
        jsonw_end(w);
        n++;
    }
    jsonw_end(w);
    if (*at == o->resources.n)
        *at = 0;
}

void mcp_offer_write_templates(const struct mcp_offer *o, struct jsonw *w)
{
    static const char *const texts[] = { "uriTemplate", "name", "title", "description", "mimeType", NULL };

    for (size_t i = 0; i < o->resources.n; i++) {
        if (json_get(o->resources.at[i].root, "uriTemplate") == NULL)
            continue;
        jsonw_object(w, NULL);
        write_texts(w, o->resources.at[i].root, texts);
        jsonw_end(w);
    }
}

/* --- names for values ------------------------------------------------------------------------------------------- */

/* Where the values are: a client's arguments, its person's answers, or the variables of a template. */
struct values {
    const struct json *arguments, *responses;
    const char *const *variables; /* name, value, ..., NULL */
};

/* Appends the value; nothing where there is none. */
static void add_value(struct buf *out, const struct values *v, const char *name)
{
    const struct json *found = json_get(v->arguments, name);

    for (size_t i = 0; v->variables && v->variables[i]; i += 2)
        if (strcmp(v->variables[i], name) == 0)
            buf_adds(out, v->variables[i + 1]);
    for (const struct json *r = json_first(v->responses); r && found == NULL; r = json_next(r))
        found = json_get(json_get(r, "content"), name);
    if (json_text(found))
        buf_adds(out, json_text(found));
    else if (json_kind(found) == JSON_BOOL)
        buf_adds(out, json_bool(found, false) ? "true" : "false");
    else if (json_digits(found))
        buf_adds(out, json_digits(found));
}

static void write_replaced(struct jsonw *w, const char *key, const char *text, const struct values *v)
{
    char name[MAX_NAME + 1];
    const char *end;
    struct buf out;

    buf_init(&out, VALUE_LIMIT);
    for (;;) {
        const char *at = strstr(text, "{{");

        if (at == NULL || (end = strstr(at, "}}")) == NULL)
            break;
        buf_add(&out, text, (size_t)(at - text));
        snprintf(name, sizeof(name), "%.*s", (int)(end - at - 2), at + 2);
        add_value(&out, v, name);
        text = end + 2;
    }
    buf_adds(&out, text);
    if (out.failed)
        w->out->failed = true;
    else
        jsonw_string(w, key, out.data, out.len);
    buf_finish(&out);
}

/* The file was checked: it is not deep. */
static void write_value(struct jsonw *w, const char *key, const struct json *in, const struct values *v)
{
    switch (json_kind(in)) {
    case JSON_STRING:
        write_replaced(w, key, json_text(in), v);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        if (json_kind(in) == JSON_ARRAY)
            jsonw_array(w, key);
        else
            jsonw_object(w, key);
        for (const struct json *m = json_first(in); m; m = json_next(m))
            write_value(w, json_key(m), m, v);
        jsonw_end(w);
        break;
    default:
        jsonw_value(w, key, in);
    }
}

/* --- prompts ---------------------------------------------------------------------------------------------------- */

const struct mcp_prompt *mcp_offer_prompt(const struct mcp_offer *o, const char *name)
{
    for (size_t i = 0; name && i < o->prompts.n; i++)
        if (strcmp(json_get_text(o->prompts.at[i].root, "name", ""), name) == 0)
            return (const struct mcp_prompt *)&o->prompts.at[i];
    return NULL;
}

const struct json *mcp_prompt_asks(const struct mcp_prompt *p)
{
    return json_get(p->file.root, "ask");
}

int mcp_prompt_write(const struct mcp_prompt *p, const struct json *arguments, const struct json *responses,
                     struct jsonw *w, struct err *err)
{
    const struct values values = { .arguments = arguments, .responses = responses };
    const struct json *declared = json_get(p->file.root, "arguments");

    if (arguments && json_kind(arguments) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "arguments must be an object of texts");
    for (const struct json *a = json_first(arguments); a; a = json_next(a))
        if (json_text(a) == NULL || !is_argument(declared, json_key(a), strlen(json_key(a))))
            return fail(err, CORAX_E_ARGS, "\"%.64s\" is no argument of this prompt, or no text", json_key(a));
    for (const struct json *a = json_first(declared); a; a = json_next(a))
        if (json_bool(json_get(a, "required"), false) && json_get(arguments, json_get_text(a, "name", "")) == NULL)
            return fail(err, CORAX_E_ARGS, "the argument \"%.64s\" is missing", json_get_text(a, "name", ""));
    jsonw_text(w, "description", json_get_text(p->file.root, "description", ""));
    write_value(w, "messages", json_get(p->file.root, "messages"), &values);
    return 0;
}

/* --- resources -------------------------------------------------------------------------------------------------- */

/* Whether a uri is one of the template's; its variables go into out as name, value, ..., which point into room. */
static bool matches(const char *template, const char *uri, char *room, size_t size,
                    const char *out[2 * MAX_ARGUMENTS + 1])
{
    size_t n = 0, used = 0;

    while (*template) {
        const char *close;
        size_t len;

        if (*template != '{') {
            if (*template ++ != *uri++)
                return false;
            continue;
        }
        if ((close = strchr(template, '}')) == NULL || n == MAX_ARGUMENTS)
            return false;
        len = strcspn(uri, "/?#");
        if (len == 0 || used + (size_t)(close - template) + len + 2 > size)
            return false;
        out[2 * n] = room + used;
        used += (size_t)snprintf(room + used, size - used, "%.*s", (int)(close - template - 1), template + 1) + 1;
        out[2 * n + 1] = room + used;
        used += (size_t)snprintf(room + used, size - used, "%.*s", (int)len, uri) + 1;
        n++;
        template = close + 1;
        uri += len;
    }
    out[2 * n] = NULL;
    return *uri == '\0';
}

static int write_file(const struct folder *d, const struct json *root, struct jsonw *w, struct err *err)
{
    const char *mime = json_get_text(root, "mimeType", "");
    char path[4500];
    struct buf data;
    int rc;

    snprintf(path, sizeof(path), "%.4000s/%.255s", d->path, json_get_text(root, "file", ""));
    buf_init(&data, OFFER_MAX_DATA);
    rc = file_read(path, &data, err);
    if (rc == 0 && mcp_is_text(mime, data.data, data.len))
        jsonw_string(w, "text", data.data, data.len);
    else if (rc == 0)
        base64_write(w, "blob", data.data, data.len);
    buf_finish(&data);
    return rc;
}

static int write_contents(const struct folder *d, const struct json *root, const char *uri, const struct values *v,
                          struct jsonw *w, struct err *err)
{
    int rc = 0;

    jsonw_array(w, "contents");
    jsonw_object(w, NULL);
    jsonw_text(w, "uri", uri);
    jsonw_text(w, "mimeType", json_get_text(root, "mimeType", ""));
    if (json_get(root, "file"))
        rc = write_file(d, root, w, err);
    else if (json_get(root, "base64"))
        jsonw_text(w, "blob", json_get_text(root, "base64", ""));
    else
        write_value(w, "text", json_get(root, "text"), v);
    jsonw_end(w);
    jsonw_end(w);
    return rc;
}

#define ROOM 4096

static const struct json *find(const struct mcp_offer *o, const char *uri, char room[ROOM],
                               const char *variables[2 * MAX_ARGUMENTS + 1])
{
    variables[0] = NULL;
    for (size_t i = 0; i < o->resources.n; i++)
        if (strcmp(json_get_text(o->resources.at[i].root, "uri", ""), uri) == 0)
            return o->resources.at[i].root;
    for (size_t i = 0; i < o->resources.n; i++) {
        const char *template = json_get_text(o->resources.at[i].root, "uriTemplate", NULL);

        if (template && matches(template, uri, room, ROOM, variables))
            return o->resources.at[i].root;
    }
    return NULL;
}

int mcp_offer_read(const struct mcp_offer *o, const char *uri, struct jsonw *w, struct err *err)
{
    const char *variables[2 * MAX_ARGUMENTS + 1];
    char room[ROOM];
    const struct json *root = find(o, uri, room, variables);
    const struct values values = { .variables = variables };

    return root ? write_contents(&o->resources, root, uri, &values, w, err) : 1;
}

bool mcp_offer_has(const struct mcp_offer *o, const char *uri)
{
    const char *variables[2 * MAX_ARGUMENTS + 1];
    char room[ROOM];

    return find(o, uri, room, variables) != NULL;
}

/* --- completion ------------------------------------------------------------------------------------------------- */

static const struct json *completed(const struct mcp_offer *o, const struct json *ref)
{
    const char *type = json_get_text(ref, "type", ""), *uri = json_get_text(ref, "uri", "");
    const struct mcp_prompt *p;

    if (strcmp(type, "ref/prompt") == 0)
        return (p = mcp_offer_prompt(o, json_get_text(ref, "name", NULL))) != NULL ? p->file.root : NULL;
    for (size_t i = 0; strcmp(type, "ref/resource") == 0 && i < o->resources.n; i++)
        if (strcmp(json_get_text(o->resources.at[i].root, "uriTemplate", ""), uri) == 0)
            return o->resources.at[i].root;
    return NULL;
}

int mcp_offer_complete(const struct mcp_offer *o, const struct json *ref, const char *argument, const char *value,
                       struct jsonw *w, struct err *err)
{
    const struct json *root = completed(o, ref), *a;
    int n = 0;

    if (root == NULL)
        return fail(err, CORAX_E_ARGS, "ref names no prompt and no resource template of this server");
    for (a = json_first(json_get(root, "arguments")); a; a = json_next(a))
        if (strcmp(json_get_text(a, "name", ""), argument) == 0)
            break;
    if (a == NULL)
        return fail(err, CORAX_E_ARGS, "\"%.64s\" is no argument of it", argument);
    jsonw_array(w, "values");
    for (const struct json *v = json_first(json_get(a, "values")); v; v = json_next(v))
        if (strncmp(json_text(v), value, strlen(value)) == 0 && n++ < OFFER_MAX_VALUES)
            jsonw_text(w, NULL, json_text(v));
    jsonw_end(w);
    return n;
}
