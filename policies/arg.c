#include "policies/arg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define EXACT_BELOW 9007199254740992.0 /* 2^53: from here on, neighbouring integers share a double */

/* --- plain values ----------------------------------------------------------------------------------------------- */

bool arg_is_inexact(const struct json *value)
{
    return json_kind(value) == JSON_NUMBER && !(fabs(json_number(value, 0)) < EXACT_BELOW);
}

size_t arg_length(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static struct arg_value value_of(const struct json *j)
{
    struct arg_value v = { .kind = json_kind(j) };

    if (v.kind == JSON_NUMBER)
        v.number = json_number(j, 0);
    else if (v.kind == JSON_BOOL)
        v.number = json_bool(j, false);
    else
        v.text = json_text(j);
    return v;
}

static bool in_range(const struct arg_condition *c, const struct arg_value *v)
{
    return v->kind == JSON_NUMBER && v->number >= c->min && v->number <= c->max;
}

static bool in_length(const struct arg_condition *c, const struct arg_value *v)
{
    int64_t n = v->text ? (int64_t)arg_length(v->text) : -1;

    return v->text && n >= c->min_length && n <= c->max_length;
}

static bool same_value(const struct arg_value *a, const struct arg_value *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
    case JSON_NUMBER:
        return a->number == b->number;
    case JSON_STRING:
        return strcmp(a->text, b->text) == 0;
    case JSON_NONE:
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return false;
}

static bool is_among(const struct arg_condition *c, const struct arg_value *v)
{
    for (size_t i = 0; i < c->n_values; i++)
        if (same_value(&c->values[i], v))
            return true;
    return false;
}

/* Of a value whose numbers are exact. */
static bool value_holds(const struct arg_condition *c, const struct arg_value *v)
{
    return (c->n_values == 0 || is_among(c, v)) && (!c->has_range || in_range(c, v)) && (!c->has_length || in_length(c, v));
}

static int read_values(const struct json *list, struct arg_condition *c, struct arena *arena, struct err *err)
{
    struct arg_value *values;

    if (json_kind(list) != JSON_ARRAY || json_count(list) == 0)
        return fail(err, CORAX_E_ARGS, "args.%.60s: enum is not a list of values", c->name);
    if (!(values = arena_alloc(arena, json_count(list) * sizeof(*values))))
        return fail(err, CORAX_E_INTERNAL, "no memory");
    for (const struct json *v = json_first(list); v; v = json_next(v)) {
        if (json_kind(v) == JSON_ARRAY || json_kind(v) == JSON_OBJECT)
            return fail(err, CORAX_E_ARGS, "args.%.60s: enum holds a list or an object", c->name);
        if (arg_is_inexact(v))
            return fail(err, CORAX_E_ARGS, "args.%.60s: a number of 2^53 or more is not exact", c->name);
        c->has_number |= json_kind(v) == JSON_NUMBER;
        values[c->n_values++] = value_of(v);
    }
    c->values = values;
    return 0;
}

static int read_number(const struct json *j, struct arg_condition *c, double *out, struct err *err)
{
    if (json_kind(j) != JSON_NUMBER)
        return fail(err, CORAX_E_ARGS, "args.%.60s: %s is not a number", c->name, json_key(j));
    if (arg_is_inexact(j))
        return fail(err, CORAX_E_ARGS, "args.%.60s: %s: a number of 2^53 or more is not exact", c->name, json_key(j));
    *out = json_number(j, 0);
    c->has_range = c->has_number = true;
    return 0;
}

static int read_length(const struct json *j, struct arg_condition *c, int64_t *out, struct err *err)
{
    int64_t n;

    if (json_int(j, json_key(j), &n, err) < 0)
        return err_context(err, "args.%.60s", c->name);
    if (n < 0)
        return fail(err, CORAX_E_ARGS, "args.%.60s: %s is negative", c->name, json_key(j));
    *out = n;
    c->has_length = true;
    return 0;
}

/* Can any value satisfy it? */
static bool value_can_hold(const struct arg_condition *c)
{
    if ((c->has_range && c->has_length) || c->min > c->max || c->min_length > c->max_length)
        return false;
    for (size_t i = 0; i < c->n_values; i++)
        if (value_holds(c, &c->values[i]))
            return true;
    return c->n_values == 0;
}

static bool value_covers(const struct arg_condition *a, const struct arg_condition *b)
{
    if (b->n_values > 0) {
        /* A number too big to compare matches b when b names numbers: then a must name them too. */
        if (b->has_number && !a->has_number)
            return false;
        for (size_t i = 0; i < b->n_values; i++)
            if (value_holds(b, &b->values[i]) && !value_holds(a, &b->values[i]))
                return false;
        return true;
    }
    if (a->n_values > 0 || a->has_range != b->has_range || a->has_length != b->has_length)
        return false;
    return a->min <= b->min && a->max >= b->max && a->min_length <= b->min_length && a->max_length >= b->max_length;
}

static int unknown_key(const struct arg_condition *c, const char *key, const char *known, struct err *err)
{
    return fail(err, CORAX_E_ARGS, "args.%.60s: key \"%.60s\" is unknown: %s are known", c->name, key, known);
}

static int read_value(const struct json *j, struct arg_condition *c, struct arena *arena, struct err *err)
{
    for (const struct json *m = json_first(j); m; m = json_next(m)) {
        const char *key = json_key(m);
        int bad;

        if (strcmp(key, "enum") == 0)
            bad = read_values(m, c, arena, err);
        else if (strcmp(key, "min") == 0)
            bad = read_number(m, c, &c->min, err);
        else if (strcmp(key, "max") == 0)
            bad = read_number(m, c, &c->max, err);
        else if (strcmp(key, "min_length") == 0)
            bad = read_length(m, c, &c->min_length, err);
        else if (strcmp(key, "max_length") == 0)
            bad = read_length(m, c, &c->max_length, err);
        else
            bad = unknown_key(c, key, "enum, min, max, min_length, max_length, or path, url, argv alone,", err);
        if (bad)
            return -1;
    }
    if (!value_can_hold(c))
        return fail(err, CORAX_E_ARGS, "args.%.60s can never match: its conditions exclude each other", c->name);
    return 0;
}

/* --- lists of words --------------------------------------------------------------------------------------------- */

static int read_texts(const struct json *list, const struct arg_condition *c, struct texts *out, struct arena *arena,
                      struct err *err)
{
    if (json_kind(list) != JSON_ARRAY || json_count(list) == 0)
        return fail(err, CORAX_E_ARGS, "args.%.60s: %s is not a list of texts", c->name, json_key(list));
    out->at = arena_alloc(arena, json_count(list) * sizeof(*out->at));
    if (!out->at)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        if (!json_text(j) || json_text(j)[0] == '\0')
            return fail(err, CORAX_E_ARGS, "args.%.60s: %s is not a list of texts", c->name, json_key(list));
        out->at[out->n++] = json_text(j);
    }
    return 0;
}

static bool has_text(const struct texts *list, const char *text)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->at[i], text) == 0)
            return true;
    return false;
}

static int read_flag(const struct json *j, struct arg_condition *c, struct err *err)
{
    if (json_kind(j) != JSON_BOOL)
        return fail(err, CORAX_E_ARGS, "args.%.60s: %s is neither true nor false", c->name, json_key(j));
    c->flag = json_bool(j, false);
    return 0;
}

/* --- paths ------------------------------------------------------------------------------------------------------ */

static int read_folders(const struct json *list, struct arg_condition *c, struct arena *arena, struct err *err)
{
    struct path path;

    if (read_texts(list, c, &c->beneath, arena, err) < 0)
        return -1;
    for (size_t i = 0; i < c->beneath.n; i++) {
        if (!path_parse(c->beneath.at[i], &path))
            return fail(err, CORAX_E_ARGS, "args.%.60s: beneath: \"%.80s\" is not a root's name and a way below it",
                        c->name, c->beneath.at[i]);
        if (!(c->beneath.at[i] = arena_strndup(arena, path.text, strlen(path.text))))
            return fail(err, CORAX_E_INTERNAL, "no memory");
    }
    return 0;
}

static int read_path(const struct json *j, struct arg_condition *c, struct arena *arena, struct err *err)
{
    for (const struct json *m = json_first(j); m; m = json_next(m)) {
        const char *key = json_key(m);
        const int bad = strcmp(key, "beneath") == 0  ? read_folders(m, c, arena, err)
                        : strcmp(key, "hidden") == 0 ? read_flag(m, c, err)
                                                     : unknown_key(c, key, "beneath and hidden", err);

        if (bad)
            return -1;
    }
    return 0;
}

void arg_memo_init(struct arg_memo *memo)
{
    memo->url_text = memo->path_text = NULL;
}

const struct path *arg_read_path(const char *text, const struct arg_context *x)
{
    struct arg_memo *memo = x->memo;

    if (memo->path_text != text) {
        memo->path_clear = x->resolve ? x->resolve(x->resolve_arg, text, &memo->path) : path_parse(text, &memo->path);
        memo->path_text = text;
    }
    return memo->path_clear ? &memo->path : NULL;
}

/* Whether it holds, and *clear: whether that can be told. */
static bool path_holds(const struct arg_condition *c, const char *text, const struct arg_context *x, bool *clear)
{
    const struct path *path = arg_read_path(text, x);
    bool beneath = c->beneath.n == 0;

    *clear = path != NULL;
    for (size_t i = 0; path && !beneath && i < c->beneath.n; i++)
        beneath = path_is_beneath(path, c->beneath.at[i]);
    return path && beneath && (c->flag < 0 || (int)path_is_hidden(path) == c->flag);
}

/* --- URLs ------------------------------------------------------------------------------------------------------- */

static int check_host(const struct arg_condition *c, const char *host, struct err *err)
{
    struct url url;
    const char *why = NULL, *name = strncmp(host, "*.", 2) == 0 ? host + 2 : host;
    char text[URL_MAX_HOST + 16];
    size_t len = (size_t)snprintf(text, sizeof(text), strchr(name, ':') ? "http://[%s]" : "http://%s", name);

    if (len >= sizeof(text) || !url_parse(text, len, &url, &why) || strcmp(url.host, name) != 0 || url.path_len > 0 ||
        url.port != 80 || (name != host && url.is_address))
        return fail(err, CORAX_E_ARGS, "args.%.60s: host: \"%.80s\" is not a host in lower case, or *. and one: %s", c->name,
                    host, why ? why : "it is written otherwise");
    return 0;
}

static int read_hosts(const struct json *list, struct arg_condition *c, struct arena *arena, struct err *err)
{
    if (read_texts(list, c, &c->hosts, arena, err) < 0)
        return -1;
    for (size_t i = 0; i < c->hosts.n; i++)
        if (check_host(c, c->hosts.at[i], err) < 0)
            return -1;
    return 0;
}

static int read_schemes(const struct json *list, struct arg_condition *c, struct arena *arena, struct err *err)
{
    if (read_texts(list, c, &c->schemes, arena, err) < 0)
        return -1;
    for (size_t i = 0; i < c->schemes.n; i++)
        if (strcmp(c->schemes.at[i], "http") != 0 && strcmp(c->schemes.at[i], "https") != 0)
            return fail(err, CORAX_E_ARGS, "args.%.60s: scheme: \"%.40s\" is neither http nor https", c->name,
                        c->schemes.at[i]);
    return 0;
}

static int read_ports(const struct json *list, struct arg_condition *c, struct err *err)
{
    int64_t port;

    if (json_kind(list) != JSON_ARRAY || json_count(list) == 0)
        return fail(err, CORAX_E_ARGS, "args.%.60s: port is not a list of numbers", c->name);
    for (const struct json *j = json_first(list); j; j = json_next(j))
        if (json_int(j, "port", &port, err) < 0 || port < 1 || port > 65535)
            return fail(err, CORAX_E_ARGS, "args.%.60s: a port is a number from 1 to 65535", c->name);
    c->ports = list;
    return 0;
}

static int check_prefix(const struct arg_condition *c, const char *prefix, struct err *err)
{
    struct url url;
    const char *why = NULL;
    char text[1024];
    const size_t len = (size_t)snprintf(text, sizeof(text), "http://a.org%s", prefix);

    if (prefix[0] != '/')
        return fail(err, CORAX_E_ARGS, "args.%.60s: beneath: \"%.80s\" does not begin with a slash", c->name, prefix);
    if (len >= sizeof(text) || !url_parse(text, len, &url, &why) || url.path_len != strlen(prefix) || !url.is_plain)
        return fail(err, CORAX_E_ARGS, "args.%.60s: beneath: \"%.80s\" is not a path in its plain spelling: %s", c->name, prefix,
                    why ? why : "no ?, no #, no //, %XX in capitals and only where it must be");
    return 0;
}

static int read_prefixes(const struct json *list, struct arg_condition *c, struct arena *arena, struct err *err)
{
    if (read_texts(list, c, &c->beneath, arena, err) < 0)
        return -1;
    for (size_t i = 0; i < c->beneath.n; i++)
        if (check_prefix(c, c->beneath.at[i], err) < 0)
            return -1;
    return 0;
}

static int read_count(const struct json *j, const struct arg_condition *c, int64_t *out, struct err *err)
{
    if (json_int(j, json_key(j), out, err) < 0 || *out < 0)
        return fail(err, CORAX_E_ARGS, "args.%.60s: %s is not a number from 0 on", c->name, json_key(j));
    return 0;
}

static int read_url(const struct json *j, struct arg_condition *c, struct arena *arena, struct err *err)
{
    for (const struct json *m = json_first(j); m; m = json_next(m)) {
        const char *key = json_key(m);
        int bad;

        if (strcmp(key, "scheme") == 0)
            bad = read_schemes(m, c, arena, err);
        else if (strcmp(key, "host") == 0)
            bad = read_hosts(m, c, arena, err);
        else if (strcmp(key, "port") == 0)
            bad = read_ports(m, c, err);
        else if (strcmp(key, "beneath") == 0)
            bad = read_prefixes(m, c, arena, err);
        else if (strcmp(key, "max_query") == 0)
            bad = read_count(m, c, &c->max_query, err);
        else if (strcmp(key, "private") == 0)
            bad = read_flag(m, c, err);
        else
            bad = unknown_key(c, key, "scheme, host, port, beneath, max_query, private", err);
        if (bad)
            return -1;
    }
    return 0;
}

static bool host_is_among(const struct texts *hosts, const struct url *u)
{
    const size_t n = strlen(u->host);

    for (size_t i = 0; i < hosts->n; i++) {
        const char *host = hosts->at[i];
        const size_t m = strlen(host + (*host == '*'));

        if (*host == '*' ? n > m && strcmp(u->host + n - m, host + 1) == 0 : strcmp(u->host, host) == 0)
            return true;
    }
    return hosts->n == 0;
}

static bool port_is_among(const struct json *ports, int port)
{
    for (const struct json *j = json_first(ports); j; j = json_next(j))
        if ((int)json_number(j, 0) == port)
            return true;
    return !ports;
}

static bool path_is_under(const struct texts *prefixes, const struct url *u)
{
    /* No path is the path "/". */
    const char *path = u->path_len > 0 ? u->path : "/";
    const size_t len = u->path_len > 0 ? u->path_len : 1;

    for (size_t i = 0; i < prefixes->n; i++) {
        const char *prefix = prefixes->at[i];
        const size_t n = strlen(prefix);

        if (len >= n && memcmp(path, prefix, n) == 0 && (prefix[n - 1] == '/' || len == n || path[n] == '/'))
            return true;
    }
    return prefixes->n == 0;
}

const struct url *arg_read_url(const char *text, const struct arg_context *x)
{
    struct arg_memo *memo = x->memo;
    const char *why;

    if (memo->url_text != text) {
        memo->url_clear = url_parse(text, strlen(text), &memo->url, &why);
        memo->url_text = text;
    }
    return memo->url_clear ? &memo->url : NULL;
}

static bool url_holds(const struct arg_condition *c, const char *text, const struct arg_context *x, bool *clear)
{
    const struct url *u = arg_read_url(text, x);

    *clear = u && (c->beneath.n == 0 || u->is_plain);
    return *clear && (c->schemes.n == 0 || has_text(&c->schemes, u->https ? "https" : "http")) &&
           host_is_among(&c->hosts, u) && port_is_among(c->ports, u->port) && path_is_under(&c->beneath, u) &&
           (int64_t)u->query_len <= c->max_query && (c->flag < 0 || (int)u->is_private == c->flag);
}

/* --- command lines ---------------------------------------------------------------------------------------------- */

static int read_argv(const struct json *j, struct arg_condition *c, struct arena *arena, struct err *err)
{
    for (const struct json *m = json_first(j); m; m = json_next(m)) {
        const char *key = json_key(m);
        int bad;

        if (strcmp(key, "program") == 0)
            bad = read_texts(m, c, &c->programs, arena, err);
        else if (strcmp(key, "options") == 0)
            bad = read_texts(m, c, &c->options, arena, err);
        else if (strcmp(key, "max") == 0)
            bad = read_count(m, c, &c->max_words, err);
        else
            bad = unknown_key(c, key, "program, options, max", err);
        if (bad)
            return -1;
    }
    return 0;
}

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Against: of /usr/bin/rm, rm is meant too. */
static bool is_program(const struct arg_condition *c, const char *word, bool against)
{
    if (c->programs.n == 0 || has_text(&c->programs, word))
        return true;
    return against && has_text(&c->programs, last_name(word));
}

/* Of a word that begins with -: the option that it names.  "--all=yes" is the option "--all". */
static bool is_option(const char *option, const char *word)
{
    const size_t n = strncmp(word, "--", 2) == 0 ? strcspn(word, "=") : strlen(word);

    return strlen(option) == n && strncmp(option, word, n) == 0;
}

/* Programs also take "--al" for "--all", "-la" for "-l -a", and "-ofile" for "-o file". */
static bool may_be_option(const char *option, const char *word)
{
    if (strncmp(word, "--", 2) == 0)
        return word[2] != '\0' && strncmp(option, word, strcspn(word, "=")) == 0;
    return is_option(option, word) ||
           (option[0] == '-' && option[1] != '\0' && option[1] != '-' && option[2] == '\0' && strchr(word + 1, option[1]));
}

static bool is_among_options(const struct texts *options, const char *word, bool against)
{
    for (size_t i = 0; i < options->n; i++)
        if (against ? may_be_option(options->at[i], word) : is_option(options->at[i], word))
            return true;
    return false;
}

/* For allow every option must be among those named, against it is enough that one is. */
static bool argv_holds(const struct arg_condition *c, const struct json *list, bool against)
{
    const struct json *first = json_first(list);
    bool any = false, all = true;

    if (json_kind(list) != JSON_ARRAY || !first)
        return false;
    for (const struct json *j = first; j; j = json_next(j)) {
        if (!json_text(j))
            return against;
        if (j != first && json_text(j)[0] == '-') {
            const bool named = is_among_options(&c->options, json_text(j), against);

            any |= named;
            all &= named;
        }
    }
    return is_program(c, json_text(first), against) && (int64_t)json_count(list) <= c->max_words &&
           (c->options.n == 0 || (against ? any : all));
}

/* --- all kinds -------------------------------------------------------------------------------------------------- */

int arg_read(const struct json *j, struct arg_condition *c, struct arena *arena, struct err *err)
{
    static const char *const kinds[] = { "", "path", "url", "argv" };
    const struct json *only = json_count(j) == 1 ? json_first(j) : NULL;

    *c = (struct arg_condition){ .name = json_key(j),
                                 .source = j,
                                 .slot = -1,
                                 .min = -INFINITY,
                                 .max = INFINITY,
                                 .max_length = INT64_MAX,
                                 .max_query = INT64_MAX,
                                 .max_words = INT64_MAX,
                                 .flag = -1 };
    if (json_kind(j) != JSON_OBJECT || json_count(j) == 0)
        return fail(err, CORAX_E_ARGS, "args.%.60s has no condition", c->name);
    for (int kind = ARG_PATH; only && kind <= ARG_ARGV; kind++)
        if (strcmp(json_key(only), kinds[kind]) == 0)
            c->kind = (enum arg_kind)kind;
    if (c->kind != ARG_VALUE && json_kind(only) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "args.%.60s: %s is not an object", c->name, json_key(only));
    switch (c->kind) {
    case ARG_PATH:
        return read_path(only, c, arena, err);
    case ARG_URL:
        return read_url(only, c, arena, err);
    case ARG_ARGV:
        return read_argv(only, c, arena, err);
    case ARG_VALUE:
        break;
    }
    return read_value(j, c, arena, err);
}

/* Of one text; what cannot be told counts against the call. */
static bool text_matches(const struct arg_condition *c, const char *text, const struct arg_context *x)
{
    bool clear = true;
    const bool holds = c->kind == ARG_PATH ? path_holds(c, text, x, &clear) : url_holds(c, text, x, &clear);

    return clear ? holds : x->against;
}

static bool texts_match(const struct arg_condition *c, const struct json *value, const struct arg_context *x)
{
    bool any = false, all = json_count(value) > 0;

    if (json_text(value))
        return text_matches(c, json_text(value), x);
    if (json_kind(value) != JSON_ARRAY)
        return false;
    for (const struct json *j = json_first(value); j; j = json_next(j)) {
        const bool matches = json_text(j) ? text_matches(c, json_text(j), x) : x->against;

        any |= matches;
        all &= matches;
    }
    return x->against ? any : all;
}

bool arg_matches(const struct arg_condition *c, const struct json *value, const struct arg_context *x)
{
    struct arg_value v;

    if (!value)
        return false;
    switch (c->kind) {
    case ARG_PATH:
    case ARG_URL:
        return texts_match(c, value, x);
    case ARG_ARGV:
        return argv_holds(c, value, x->against);
    case ARG_VALUE:
        break;
    }
    if (c->has_number && arg_is_inexact(value))
        return x->against;
    v = value_of(value);
    return value_holds(c, &v);
}

/* Of the others only what is written alike is found out. */
bool arg_covers(const struct arg_condition *a, const struct arg_condition *b, bool alike)
{
    if (a->kind != b->kind)
        return false;
    /* A line without options is fine for allow, and has none of those that deny is about. */
    if (a->kind == ARG_ARGV && a->options.n > 0 && !alike)
        return false;
    return a->kind == ARG_VALUE ? value_covers(a, b) : json_same(a->source, b->source);
}
