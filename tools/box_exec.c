/* box_exec.c - see box_exec.h. */
#include "config.h"

#include "tools/box_exec.h"

#include <string.h>

#include "tools/mcp.h"
#include "util/base64.h"

#define ARENA_BYTES (4u << 20) /* a line of 1 MiB has at most 1 MiB of text in it */
#define MAX_NAME    255

static int check_members(const struct json *object, const char *what, const char *const known[], struct err *err)
{
    if (json_kind(object) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "%s must be an object", what);
    for (const struct json *m = json_first(object); m; m = json_next(m)) {
        int i = 0;

        while (known[i] && strcmp(known[i], json_key(m)) != 0)
            i++;
        if (known[i] == NULL)
            return fail(err, CORAX_E_ARGS, "%s: unknown member \"%.60s\"", what, json_key(m));
    }
    return 0;
}

static int read_argv(struct box_request *r, const struct json *v, struct err *err)
{
    size_t n = 0;

    if (json_kind(v) != JSON_ARRAY || json_count(v) == 0)
        return fail(err, CORAX_E_ARGS, "argv must be a list with the program's name and its arguments");
    if (json_count(v) > BOX_MAX_WORDS)
        return fail(err, CORAX_E_ARGS, "argv has %zu words, at most %d are allowed", json_count(v), BOX_MAX_WORDS);
    for (const struct json *e = json_first(v); e; e = json_next(e)) {
        if (json_text(e) == NULL)
            return fail(err, CORAX_E_ARGS, "argv[%zu] must be a string", n);
        r->argv[n++] = (char *)json_text(e);
    }
    r->argv[n] = NULL;
    if (r->argv[0][0] == '\0' || strchr(r->argv[0], '/') || strlen(r->argv[0]) > MAX_NAME)
        return fail(err, CORAX_E_ARGS, "argv[0] must be a program's name without a slash, such as python3");
    return 0;
}

static bool is_file_name(const char *s)
{
    size_t n = strlen(s);

    if (n == 0 || n > MAX_NAME || strcmp(s, ".") == 0 || strcmp(s, "..") == 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if (s[i] == '/' || (unsigned char)s[i] < ' ' || s[i] == 0x7f)
            return false;
    return true;
}

static int read_file(struct box_request *r, const struct json *v, struct err *err)
{
    static const char *const known[] = { "name", "text", "base64", NULL };
    struct box_file *f = &r->files[r->n_files];
    const struct json *text = json_get(v, "text"), *base64 = json_get(v, "base64");
    const char *name = json_get_text(v, "name", NULL);

    if (check_members(v, "a file", known, err) < 0)
        return -1;
    if (name == NULL || !is_file_name(name))
        return fail(err, CORAX_E_ARGS, "a file's name must have 1 to %d bytes, no slash and no control characters",
                    MAX_NAME);
    for (size_t i = 0; i < r->n_files; i++)
        if (strcmp(r->files[i].name, name) == 0)
            return fail(err, CORAX_E_ARGS, "there are two files named \"%.60s\"", name);
    f->name = name;
    if (json_kind(text) == JSON_STRING && base64 == NULL) {
        f->data = json_text(text);
        f->len = strlen(f->data);
    } else if (json_kind(base64) == JSON_STRING && text == NULL) {
        f->data = base64_read(r->arena, json_text(base64), &f->len);
        if (f->data == NULL)
            return fail(err, CORAX_E_ARGS, "the file \"%.60s\" is no base64", name);
    } else {
        return fail(err, CORAX_E_ARGS, "the file \"%.60s\" needs either \"text\" or \"base64\", a string", name);
    }
    r->n_files++;
    return 0;
}

static int read_files(struct box_request *r, const struct json *v, struct err *err)
{
    if (v == NULL)
        return 0;
    if (json_kind(v) != JSON_ARRAY)
        return fail(err, CORAX_E_ARGS, "files must be a list");
    if (json_count(v) > BOX_MAX_FILES)
        return fail(err, CORAX_E_ARGS, "there are %zu files, at most %d are allowed", json_count(v), BOX_MAX_FILES);
    for (const struct json *e = json_first(v); e; e = json_next(e))
        if (read_file(r, e, err) < 0)
            return -1;
    return 0;
}

static int read_limits(struct box_limits *l, const struct json *v, struct err *err)
{
    static const char *const known[] = { "wall_ms",     "cpu_ms", "memory_bytes", "processes", "output_bytes",
                                         "files_bytes", NULL };
    const struct {
        int64_t *at, otherwise, min, max;
    } limits[] = {
        { &l->wall_ms, 10000, 1, 3600000 },
        { &l->cpu_ms, 10000, 1, 3600000 },
        /* Python alone needs some 10 MiB. */
        { &l->memory_bytes, 512LL << 20, 16LL << 20, 1LL << 40 },
        { &l->processes, 32, 1, 4096 },
        /* Twice as much output with each byte an escape of six fits into a line, with room for names. */
        { &l->output_bytes, 65536, 1, 65536 },
        { &l->files_bytes, 262144, 0, 524288 },
    };

    if (v && check_members(v, "limits", known, err) < 0)
        return -1;
    for (size_t i = 0; known[i]; i++) {
        const struct json *m = json_get(v, known[i]);

        *limits[i].at = limits[i].otherwise;
        if (m && json_int(m, known[i], limits[i].at, err) < 0)
            return -1;
        if (*limits[i].at < limits[i].min || *limits[i].at > limits[i].max)
            return fail(err, CORAX_E_ARGS, "%s is %lld, it must lie between %lld and %lld", known[i],
                        (long long)*limits[i].at, (long long)limits[i].min, (long long)limits[i].max);
    }
    return 0;
}

static int read_params(struct box_request *r, struct err *err)
{
    static const char *const known[] = { "argv", "files", "stdin", "limits", NULL };
    const struct json *p = r->msg.params, *input = json_get(p, "stdin");

    if (check_members(p, "params", known, err) < 0 || read_argv(r, json_get(p, "argv"), err) < 0 ||
        read_files(r, json_get(p, "files"), err) < 0 || read_limits(&r->limits, json_get(p, "limits"), err) < 0)
        return -1;
    if (input && json_kind(input) != JSON_STRING)
        return fail(err, CORAX_E_ARGS, "stdin must be a string");
    r->input = json_text(input);
    return 0;
}

int box_request_parse(struct box_request *r, const char *line, size_t len, int *code, struct err *err)
{
    memset(r, 0, sizeof *r);
    r->arena = arena_create(ARENA_BYTES);
    *code = RPC_INTERNAL;
    if (r->arena == NULL)
        return fail(err, CORAX_E_INTERNAL, "out of memory");
    *code = RPC_PARSE_ERROR;
    if (rpc_parse(line, len, &r->msg, err) < 0)
        return -1;
    *code = RPC_INVALID_REQUEST;
    if (r->msg.kind != RPC_REQUEST)
        return fail(err, CORAX_E_ARGS, "this is no request; send one with the method \"exec\" and an id");
    *code = RPC_METHOD_NOT_FOUND;
    if (strcmp(r->msg.method, "exec") != 0)
        return fail(err, CORAX_E_ARGS, "there is no method \"%.60s\", only exec", r->msg.method);
    *code = RPC_INVALID_PARAMS;
    return read_params(r, err);
}

void box_request_finish(struct box_request *r)
{
    rpc_msg_finish(&r->msg);
    arena_destroy(r->arena);
    r->arena = NULL;
}
