#include "policies/arg_keys.h"

#include <math.h>
#include <string.h>

#define MAX_OPTION 64   /* bytes of an option that keys are made of: one for each way to shorten it */
#define HASHED_END 32   /* of a long text the key is made of its length, and of so many bytes at either end */
#define MAX_PREFIX 1024 /* bytes of a URL's path in a condition: policies/arg.c allows no more */

/* --- hashes ----------------------------------------------------------------------------------------------------- */

enum tag {
    OF_NUMBER,
    OF_BOOL,
    OF_NULL,
    OF_TEXT,
    OF_PREFIX,
    OF_HIDDEN,
    OF_HOST,
    OF_PORT,
    OF_SCHEME,
    OF_PRIVATE,
    OF_PROGRAM,
    OF_OPTION,
    OF_LETTER
};

/* FNV-1a over 64 bits, which can be taken byte by byte. */
#define FNV_START UINT64_C(14695981039346656037)
#define FNV_PRIME UINT64_C(1099511628211)

static uint64_t add_byte(uint64_t h, unsigned char c)
{
    return (h ^ c) * FNV_PRIME;
}

static uint64_t begin(enum tag tag)
{
    return add_byte(FNV_START, (unsigned char)tag);
}

static uint64_t add_bytes(uint64_t h, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        h = add_byte(h, (unsigned char)s[i]);
    return h;
}

static uint64_t key_of_bytes(enum tag tag, const char *s, size_t len)
{
    return add_bytes(begin(tag), s, len);
}

static uint64_t key_of_number(enum tag tag, uint64_t n)
{
    uint64_t h = begin(tag);

    for (int i = 0; i < 8; i++)
        h = add_byte(h, (unsigned char)(n >> 8 * i));
    return h;
}

static uint64_t key_of_text(enum tag tag, const char *s)
{
    const size_t len = strlen(s);

    if (len <= 2 * (size_t)HASHED_END)
        return key_of_bytes(tag, s, len);
    return add_bytes(key_of_bytes(tag, s, HASHED_END) ^ len, s + len - HASHED_END, HASHED_END);
}

/* From its end, as the names above it are. */
static uint64_t key_of_host(const char *host)
{
    uint64_t h = begin(OF_HOST);

    for (size_t i = strlen(host); i > 0; i--)
        h = add_byte(h, (unsigned char)host[i - 1]);
    return h;
}

static uint64_t key_of_value(enum json_kind kind, double number, const char *text)
{
    uint64_t bits;

    switch (kind) {
    case JSON_NUMBER:
        number = number == 0 ? 0 : number; /* and -0 */
        memcpy(&bits, &number, sizeof(bits));
        return key_of_number(OF_NUMBER, bits);
    case JSON_BOOL:
        return key_of_number(OF_BOOL, number != 0);
    case JSON_STRING:
        return key_of_text(OF_TEXT, text);
    case JSON_NULL:
    case JSON_NONE:
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return begin(OF_NULL);
}

/* --- what a condition wants -------------------------------------------------------------------------------------- */

static bool want_texts(const struct texts *list, enum tag tag, arg_key_fn *take, void *arg)
{
    for (size_t i = 0; i < list->n; i++)
        take(arg, key_of_text(tag, list->at[i]));
    return list->n > 0;
}

static bool want_prefixes(const struct texts *list, arg_key_fn *take, void *arg)
{
    for (size_t i = 0; i < list->n; i++)
        take(arg, key_of_bytes(OF_PREFIX, list->at[i], strlen(list->at[i])));
    return list->n > 0;
}

static bool want_hosts(const struct texts *hosts, arg_key_fn *take, void *arg)
{
    for (size_t i = 0; i < hosts->n; i++)
        take(arg, key_of_host(hosts->at[i] + (hosts->at[i][0] == '*')));
    return hosts->n > 0;
}

static bool want_ports(const struct json *ports, arg_key_fn *take, void *arg)
{
    for (const struct json *j = json_first(ports); j; j = json_next(j))
        take(arg, key_of_number(OF_PORT, (uint64_t)json_number(j, 0)));
    return ports != NULL;
}

static bool want_values(const struct arg_condition *c, arg_key_fn *take, void *arg)
{
    for (size_t i = 0; i < c->n_values; i++)
        take(arg, key_of_value(c->values[i].kind, c->values[i].number, c->values[i].text));
    return c->n_values > 0;
}

static bool want_flag(const struct arg_condition *c, enum tag tag, arg_key_fn *take, void *arg)
{
    if (c->flag >= 0)
        take(arg, key_of_number(tag, (uint64_t)c->flag));
    return c->flag >= 0;
}

/* An option is there when it is written out, when a word shortens it, and when a word holds its letter. */
static void want_option(const char *option, arg_key_fn *take, void *arg)
{
    const size_t len = strlen(option);

    if (strncmp(option, "--", 2) == 0)
        for (size_t n = 2; n < len; n++)
            take(arg, key_of_bytes(OF_OPTION, option, n));
    if (len == 2 && option[0] == '-' && option[1] != '-')
        take(arg, key_of_number(OF_LETTER, (unsigned char)option[1]));
    take(arg, key_of_bytes(OF_OPTION, option, len));
}

/* Of allow, options are all that there may be: that none is there is no reason against it. */
static bool want_options(const struct arg_condition *c, bool against, arg_key_fn *take, void *arg)
{
    if (!against || c->options.n == 0)
        return false;
    for (size_t i = 0; i < c->options.n; i++)
        if (strlen(c->options.at[i]) > MAX_OPTION)
            return false;
    for (size_t i = 0; i < c->options.n; i++)
        want_option(c->options.at[i], take, arg);
    return true;
}

bool arg_want_keys(const struct arg_condition *c, bool against, enum arg_way way, arg_key_fn *take, void *arg)
{
    switch (way) {
    case ARG_BY_VALUE:
        return c->kind == ARG_VALUE && want_values(c, take, arg);
    case ARG_BY_BENEATH:
        return want_prefixes(&c->beneath, take, arg);
    case ARG_BY_HIDDEN:
        return c->kind == ARG_PATH && want_flag(c, OF_HIDDEN, take, arg);
    case ARG_BY_HOST:
        return want_hosts(&c->hosts, take, arg);
    case ARG_BY_PORT:
        return want_ports(c->ports, take, arg);
    case ARG_BY_SCHEME:
        return want_texts(&c->schemes, OF_SCHEME, take, arg);
    case ARG_BY_PRIVATE:
        return c->kind == ARG_URL && want_flag(c, OF_PRIVATE, take, arg);
    case ARG_BY_PROGRAM:
        return want_texts(&c->programs, OF_PROGRAM, take, arg);
    case ARG_BY_OPTION:
        return want_options(c, against, take, arg);
    case N_ARG_WAYS:
        break;
    }
    return false;
}

bool arg_bounds(const struct arg_condition *c, enum arg_measure *measure, double *low, double *high)
{
    *low = -INFINITY;
    if (c->has_range) {
        *measure = ARG_NUMBER;
        *low = c->min;
        *high = c->max;
    } else if (c->has_length) {
        *measure = ARG_LENGTH;
        *low = (double)c->min_length;
        *high = (double)c->max_length;
    } else if (c->max_query < INT64_MAX) {
        *measure = ARG_QUERY;
        *high = (double)c->max_query;
    } else if (c->max_words < INT64_MAX) {
        *measure = ARG_WORDS;
        *high = (double)c->max_words;
    } else {
        return false;
    }
    return true;
}

bool arg_holds_in_doubt(const struct arg_condition *c, bool against)
{
    return against && (c->kind != ARG_VALUE || c->has_number);
}

bool arg_holds_respelled(const struct arg_condition *c, bool against)
{
    return against && c->kind == ARG_URL && c->beneath.n > 0;
}

/* --- what a value shows ------------------------------------------------------------------------------------------ */

struct showing {
    const struct arg_context *x;
    unsigned measures;
    arg_key_fn *take;
    void *arg;
    struct arg_shown *out;
};

static void show(const struct showing *s, uint64_t key)
{
    if (s->take)
        s->take(s->arg, key);
}

static void show_measure(const struct showing *s, enum arg_measure m, double v)
{
    s->out->low[m] = v < s->out->low[m] ? v : s->out->low[m];
    s->out->high[m] = v > s->out->high[m] ? v : s->out->high[m];
}

static void show_value(const struct showing *s, const struct json *value)
{
    const enum json_kind kind = json_kind(value);

    if (arg_is_inexact(value)) {
        s->out->in_doubt = true;
    } else if (kind != JSON_ARRAY && kind != JSON_OBJECT) {
        const double number = kind == JSON_BOOL ? json_bool(value, false) : json_number(value, 0);

        show(s, key_of_value(kind, number, json_text(value)));
        if (kind == JSON_NUMBER)
            show_measure(s, ARG_NUMBER, number);
        if (kind == JSON_STRING && (s->measures & 1u << ARG_LENGTH))
            show_measure(s, ARG_LENGTH, (double)arg_length(json_text(value)));
    }
}

/* All that text is beneath: what ends at a slash, or with it. */
static void show_prefixes(const struct showing *s, const char *text, size_t len)
{
    uint64_t h = begin(OF_PREFIX);

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '/' && i > 0)
            show(s, h);
        h = add_byte(h, (unsigned char)text[i]);
        if (text[i] == '/' && i + 1 < len)
            show(s, h);
    }
    show(s, h);
}

static void show_path(const struct showing *s, const struct path *path)
{
    show_prefixes(s, path->text, strlen(path->text));
    show(s, key_of_number(OF_HIDDEN, path_is_hidden(path)));
}

/* The host, and the ends of it that begin with a dot. */
static void show_host(const struct showing *s, const char *host)
{
    uint64_t h = begin(OF_HOST);

    for (size_t i = strlen(host); i > 0; i--) {
        h = add_byte(h, (unsigned char)host[i - 1]);
        if (host[i - 1] == '.' && i > 1)
            show(s, h);
    }
    show(s, h);
}

static void show_url(const struct showing *s, const struct url *u)
{
    s->out->respelled |= !u->is_plain;
    show_host(s, u->host);
    show_prefixes(s, u->path_len > 0 ? u->path : "/",
                  u->path_len == 0           ? 1
                  : u->path_len < MAX_PREFIX ? u->path_len
                                             : MAX_PREFIX);
    show(s, key_of_number(OF_PORT, (uint64_t)u->port));
    show(s, key_of_text(OF_SCHEME, u->https ? "https" : "http"));
    show(s, key_of_number(OF_PRIVATE, u->is_private));
    show_measure(s, ARG_QUERY, (double)u->query_len);
}

static void show_option(const struct showing *s, const char *word)
{
    uint64_t seen[4] = { 0 };

    if (strncmp(word, "--", 2) == 0) {
        show(s, key_of_bytes(OF_OPTION, word, strcspn(word, "=")));
        return;
    }
    show(s, key_of_bytes(OF_OPTION, word, strlen(word)));
    for (const unsigned char *c = (const unsigned char *)word + 1; *c; c++) {
        if (!(seen[*c / 64] >> *c % 64 & 1))
            show(s, key_of_number(OF_LETTER, *c));
        seen[*c / 64] |= UINT64_C(1) << *c % 64;
    }
}

static void show_words(const struct showing *s, const struct json *list)
{
    const struct json *first = json_first(list);
    const char *program = json_text(first), *slash;
    size_t n = 0;

    for (const struct json *j = first; j; j = json_next(j), n++) {
        if (!json_text(j))
            s->out->in_doubt = true;
        else if (j != first && json_text(j)[0] == '-')
            show_option(s, json_text(j));
    }
    if (program) {
        slash = strrchr(program, '/');
        show(s, key_of_text(OF_PROGRAM, program));
        show(s, key_of_text(OF_PROGRAM, slash ? slash + 1 : program));
    }
    show_measure(s, ARG_WORDS, (double)n);
}

/* false: what it leads to cannot be told. */
static bool show_text(const struct showing *s, enum arg_kind kind, const char *text)
{
    const struct path *path = kind == ARG_PATH ? arg_read_path(text, s->x) : NULL;
    const struct url *url = kind == ARG_URL ? arg_read_url(text, s->x) : NULL;

    if (path)
        show_path(s, path);
    if (url)
        show_url(s, url);
    return path || url;
}

/* One text, or each of a list. */
static void show_texts(const struct showing *s, enum arg_kind kind, const struct json *value)
{
    const bool is_list = json_kind(value) == JSON_ARRAY;

    if (!is_list && !json_text(value))
        return;
    for (const struct json *j = is_list ? json_first(value) : value; j; j = is_list ? json_next(j) : NULL) {
        if (!json_text(j) || !show_text(s, kind, json_text(j)))
            s->out->in_doubt = true;
    }
}

void arg_show_keys(enum arg_kind kind, const struct json *value, const struct arg_context *x, unsigned measures,
                   arg_key_fn *take, void *arg, struct arg_shown *out)
{
    const struct showing s = { x, measures, take, arg, out };

    *out = (struct arg_shown){ 0 };
    for (int m = 0; m < N_ARG_MEASURES; m++) {
        out->low[m] = INFINITY;
        out->high[m] = -INFINITY;
    }
    if (!value)
        return;
    if (kind == ARG_VALUE)
        show_value(&s, value);
    else if (kind != ARG_ARGV)
        show_texts(&s, kind, value);
    else if (json_kind(value) == JSON_ARRAY)
        show_words(&s, value);
}
