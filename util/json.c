/*
 * One scanner does it all: it checks, it builds the tree while it checks, and json_find walks the text with it.
 *
 * A document is one arena, which its root holds: nodes, keys and texts are taken from it one after the other, and one
 * call frees them all.  Each message is read once and thrown away, and an allocation a node would cost more than the
 * scan does.
 */
#include "util/json.h"

#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/arena.h"
#include "util/json_plain.h"
#include "util/utf8.h"

#define FEW_KEYS 8 /* of one object: up to here comparing each with each is cheaper than sorting */
#define MAX_SAFE_INTEGER 9007199254740991.0 /* 2^53 - 1: beyond it, neighbours fall on the same double */

struct json {
    enum json_kind kind;
    bool is_true;
    double number;
    const char *key;  /* in an object */
    const char *text; /* a string's, or a number's digits as they were written */
    const char *raw;  /* where it stands in the document's text, which is the caller's */
    size_t raw_len;
    struct json *first, *last, *next;
};

/* A root. */
struct document {
    struct json root;
    struct arena *arena;
};

/*
 * strtod obeys the locale's decimal point, and a library may have called setlocale().  glibc has the all-C locale built
 * in: asking for it neither allocates nor fails.
 */
static double read_double(const char *text)
{
    const char *p = text + (*text == '-');
    int64_t whole = 0;
    int n;

    /* Most are small integers, and up to 15 digits a double is exact. */
    for (n = 0; n < 15 && p[n] >= '0' && p[n] <= '9'; n++)
        whole = whole * 10 + (p[n] - '0');
    if (p[n] == '\0')
        return *text == '-' ? -(double)whole : (double)whole;
    return strtod_l(text, NULL, newlocale(LC_ALL_MASK, "C", (locale_t)0));
}

/* ---- the scanner ------------------------------------------------------------------------------------------------ */

struct key {
    const char *text; /* between the quotes, still escaped */
    size_t len;
    size_t decoded; /* where in scan.decoded, if `escaped` */
    uint64_t hash;  /* of the decoded bytes */
    bool escaped;
};

struct scan {
    const char *start, *p, *end;
    struct err *err;
    bool config; /* comments and a comma after the last member */
    struct arena *arena; /* of the tree; NULL: none is built */
    bool trust;          /* keys were checked before */
    int depth;
    size_t n_values, max_values;

    /* The keys of all objects that are open, innermost last; compared when their object closes. */
    struct key *keys;
    size_t n_keys, keys_cap;
    struct buf decoded;
};

static struct scan scan_start(const char *text, size_t len, struct err *err)
{
    struct scan s = { .start = text, .p = text, .end = text + len, .err = err, .max_values = JSON_MAX_VALUES };

    buf_init(&s.decoded, len);
    return s;
}

static void scan_finish(struct scan *s)
{
    free(s->keys);
    buf_finish(&s->decoded);
}

static int fail_at(struct scan *s, const char *where, int status, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Lines and columns are counted only here, so the scan itself need not. */
static int fail_at(struct scan *s, const char *where, int status, const char *fmt, ...)
{
    size_t line = 1, column = 1;
    char why[160];
    va_list ap;

    if (!s->err)
        return -1;
    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    for (const char *p = s->start; p < where; p++)
        if (*p == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)*p & 0xc0) != 0x80) {
            column++;
        }
    return fail(s->err, status, "line %zu, column %zu: %s", line, column, why);
}

static int fail_memory(struct scan *s)
{
    return fail(s->err, CORAX_E_LIMIT, "out of memory");
}

/* "found ..." for the byte at p. */
static int fail_expected(struct scan *s, const char *wanted)
{
    unsigned char c;

    if (s->p >= s->end)
        return fail_at(s, s->p, CORAX_E_ARGS, "the text ends where %s should be", wanted);
    c = (unsigned char)*s->p;
    if (c > 0x20 && c < 0x7f)
        return fail_at(s, s->p, CORAX_E_ARGS, "'%c' where %s should be", c, wanted);
    return fail_at(s, s->p, CORAX_E_ARGS, "byte 0x%02x where %s should be", c, wanted);
}

static bool starts_with(const struct scan *s, const char *word)
{
    size_t len = strlen(word);

    return (size_t)(s->end - s->p) >= len && memcmp(s->p, word, len) == 0;
}

static int skip_comment(struct scan *s)
{
    const char *open = s->p;

    if (s->p[1] == '/') {
        while (s->p < s->end && *s->p != '\n')
            s->p++;
        return 0;
    }
    for (s->p += 2; s->p < s->end; s->p++)
        if (starts_with(s, "*/")) {
            s->p += 2;
            return 0;
        }
    return fail_at(s, open, CORAX_E_ARGS, "this comment has no end");
}

static int skip_more_space(struct scan *s)
{
    for (;;) {
        while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r'))
            s->p++;
        if (!s->config || (!starts_with(s, "//") && !starts_with(s, "/*")))
            return 0;
        if (skip_comment(s) != 0)
            return -1;
    }
}

/* Mostly there is none. */
static inline int skip_space(struct scan *s)
{
    return s->p < s->end && *s->p > ' ' && *s->p != '/' ? 0 : skip_more_space(s);
}

/* The four digits of \uXXXX at p, or -1. */
static int hex4(const char *p, const char *end)
{
    int value = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int c = (unsigned char)p[i], digit;

        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if (c >= 'a' && c <= 'f')
            digit = c - 'a' + 10;
        else if (c >= 'A' && c <= 'F')
            digit = c - 'A' + 10;
        else
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* At a backslash. */
static int scan_escape(struct scan *s)
{
    const char *at = s->p++;
    int unit, low;

    if (s->p >= s->end)
        return fail_expected(s, "the rest of an escape");
    if (*s->p != 'u') {
        if (!strchr("\"\\/bfnrt", *s->p) || *s->p == '\0')
            return fail_at(s, at, CORAX_E_ARGS, "an escape that JSON does not have");
        s->p++;
        return 0;
    }
    unit = hex4(s->p + 1, s->end);
    if (unit < 0)
        return fail_at(s, at, CORAX_E_ARGS, "\\u without four hexadecimal digits");
    if (unit == 0)
        return fail_at(s, at, CORAX_E_ARGS, "\\u0000 is not accepted");
    s->p += 5;
    if (unit < 0xd800 || unit > 0xdfff)
        return 0;
    low = unit < 0xdc00 && starts_with(s, "\\u") ? hex4(s->p + 2, s->end) : -1;
    if (low < 0xdc00 || low > 0xdfff)
        return fail_at(s, at, CORAX_E_ARGS, "half of a surrogate pair");
    s->p += 6;
    return 0;
}

/* At a quote.  *text is between the quotes. */
static int scan_string(struct scan *s, const char **text, size_t *len, bool *escaped)
{
    const char *open = s->p++;

    *escaped = false;
    for (;;) {
        unsigned char c;
        size_t n;

        while (s->end - s->p >= 8 && eight_plain(load8(s->p)))
            s->p += 8;
        while (s->p < s->end && is_plain(*s->p))
            s->p++;
        if (s->p >= s->end || *s->p == '"')
            break;
        c = (unsigned char)*s->p;
        if (c == '\\') {
            *escaped = true;
            if (scan_escape(s) != 0)
                return -1;
        } else if (c < 0x20) {
            return fail_at(s, s->p, CORAX_E_ARGS, "control character 0x%02x in a string: write it as an escape", c);
        } else {
            n = utf8_char_len(s->p, (size_t)(s->end - s->p));
            if (n == 0)
                return fail_at(s, s->p, CORAX_E_ARGS, "not UTF-8");
            s->p += n;
        }
    }
    if (s->p >= s->end)
        return fail_at(s, open, CORAX_E_ARGS, "this string has no end");
    *text = open + 1;
    *len = (size_t)(s->p - open) - 1;
    s->p++;
    return 0;
}

/* One character of a string that scan_string accepted: its bytes into out, p moved behind it. */
static size_t decode_char(const char **p, char out[4])
{
    const char *from = *p;
    const char *plain = "\"\\/bfnrt", *meant = "\"\\/\b\f\n\r\t";
    unsigned cp;
    size_t n = 1;

    if (*from != '\\') {
        unsigned char c = (unsigned char)*from;

        if (c >= 0x80)
            n = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        memcpy(out, from, n);
        *p = from + n;
        return n;
    }
    if (from[1] != 'u') {
        out[0] = meant[strchr(plain, from[1]) - plain];
        *p = from + 2;
        return 1;
    }
    cp = (unsigned)hex4(from + 2, from + 6);
    *p = from + 6;
    if (cp >= 0xd800 && cp <= 0xdfff) {
        cp = 0x10000 + ((cp - 0xd800) << 10) + ((unsigned)hex4(from + 8, from + 12) - 0xdc00);
        *p = from + 12;
    }
    return utf8_encode(cp, out);
}

/* Into out, which has room for len bytes and a NUL: decoding never makes a string longer. */
static void decode(const char *text, size_t len, char *out)
{
    const char *end = text + len;

    while (text < end) {
        const char *escape = memchr(text, '\\', (size_t)(end - text));
        size_t plain = (size_t)((escape ? escape : end) - text);

        memcpy(out, text, plain);
        out += plain;
        text += plain;
        if (text < end) {
            char c[4];
            size_t n = decode_char(&text, c);

            memcpy(out, c, n);
            out += n;
        }
    }
    *out = '\0';
}

static const char *decode_string(struct scan *s, const char *text, size_t len, bool escaped)
{
    char *out;

    if (!escaped)
        return arena_strndup(s->arena, text, len);
    out = arena_alloc(s->arena, len + 1);
    if (out)
        decode(text, len, out);
    return out;
}

static bool scan_digits(struct scan *s)
{
    const char *first = s->p;

    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return s->p > first;
}

static int scan_number(struct scan *s)
{
    if (*s->p == '-')
        s->p++;
    if (s->p < s->end && *s->p == '0') {
        s->p++;
        if (s->p < s->end && *s->p >= '0' && *s->p <= '9')
            return fail_at(s, s->p, CORAX_E_ARGS, "a number must not begin with 0");
    } else if (!scan_digits(s)) {
        return fail_expected(s, "a digit");
    }
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (!scan_digits(s))
            return fail_expected(s, "a digit");
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        if (!scan_digits(s))
            return fail_expected(s, "a digit");
    }
    return 0;
}

/* ---- keys of one object must differ ----------------------------------------------------------------------------- */

static uint64_t hash_text(const char *p, size_t len)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)p[i]) * 1099511628211u;
    return h;
}

static int remember_key(struct scan *s, const char *text, size_t len, bool escaped)
{
    struct key key = { .text = text, .len = len, .escaped = escaped, .decoded = s->decoded.len };

    if (s->n_keys == s->keys_cap) {
        size_t cap = s->keys_cap == 0 ? 32 : 2 * s->keys_cap;
        struct key *keys = realloc(s->keys, cap * sizeof(*keys));

        if (!keys)
            return fail_memory(s);
        s->keys = keys;
        s->keys_cap = cap;
    }
    if (escaped) {
        for (const char *p = text; p < text + len;) {
            char c[4];
            size_t n = decode_char(&p, c);

            buf_add(&s->decoded, c, n);
        }
        if (s->decoded.failed)
            return fail_memory(s);
        key.len = s->decoded.len - key.decoded;
        key.hash = hash_text(s->decoded.data + key.decoded, key.len);
    } else {
        key.hash = hash_text(text, len);
    }
    s->keys[s->n_keys++] = key;
    return 0;
}

static int compare_keys(const void *pa, const void *pb, void *decoded)
{
    const struct key *a = pa, *b = pb;
    int order;

    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    if (a->len != b->len)
        return a->len < b->len ? -1 : 1;
    order = memcmp(a->escaped ? (char *)decoded + a->decoded : a->text,
                   b->escaped ? (char *)decoded + b->decoded : b->text, a->len);
    if (order != 0)
        return order;
    return (a->text > b->text) - (a->text < b->text);
}

static bool same_key(const struct scan *s, const struct key *a, const struct key *b)
{
    return a->hash == b->hash && a->len == b->len &&
           memcmp(a->escaped ? s->decoded.data + a->decoded : a->text,
                  b->escaped ? s->decoded.data + b->decoded : b->text, a->len) == 0;
}

/* The first key that was there before, of few keys. */
static const struct key *find_twice(const struct scan *s, const struct key *keys, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (same_key(s, &keys[k], &keys[i]))
                return &keys[i];
    return NULL;
}

/*
 * The object that closes has the keys from `first` on.  Sorting rather than a hash table: an attacker who finds keys of
 * equal hash gains a factor of log n and not of n.
 */
static int check_keys(struct scan *s, size_t first)
{
    const struct key *twice = NULL;
    size_t n = s->n_keys - first;

    if (n < 2) { /* there may be no list of keys yet */
        twice = NULL;
    } else if (n <= FEW_KEYS) {
        twice = find_twice(s, s->keys + first, n);
    } else {
        struct key *keys = s->keys + first;

        qsort_r(keys, n, sizeof(*keys), compare_keys, s->decoded.data);
        for (size_t i = 1; i < n; i++)
            if (same_key(s, &keys[i - 1], &keys[i]) && (!twice || keys[i].text < twice->text))
                twice = &keys[i];
    }
    s->n_keys = first;
    if (twice)
        return fail_at(s, twice->text - 1, CORAX_E_ARGS, "duplicate key \"%.*s\"",
                       twice->len > 60 ? 60 : (int)twice->len,
                       twice->escaped ? s->decoded.data + twice->decoded : twice->text);
    return 0;
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static int scan_value(struct scan *s, struct json *out);

static int add_child(struct scan *s, struct json *parent, struct json **child)
{
    *child = NULL;
    if (parent == NULL)
        return 0;
    *child = arena_alloc(s->arena, sizeof(**child));
    if (*child == NULL)
        return fail_memory(s);
    if (parent->last)
        parent->last->next = *child;
    else
        parent->first = *child;
    parent->last = *child;
    return 0;
}

static int scan_member(struct scan *s, struct json *object)
{
    struct json *value;
    const char *key;
    size_t len;
    bool escaped;

    if (s->p >= s->end || *s->p != '"')
        return fail_expected(s, "a key in quotes");
    if (scan_string(s, &key, &len, &escaped) != 0)
        return -1;
    if (!s->trust && remember_key(s, key, len, escaped) != 0)
        return -1;
    if (skip_space(s) != 0)
        return -1;
    if (s->p >= s->end || *s->p != ':')
        return fail_expected(s, "':'");
    s->p++;
    if (add_child(s, object, &value) != 0)
        return -1;
    if (value && (value->key = decode_string(s, key, len, escaped)) == NULL)
        return fail_memory(s);
    return skip_space(s) != 0 ? -1 : scan_value(s, value);
}

static int scan_element(struct scan *s, struct json *array)
{
    struct json *value;

    return add_child(s, array, &value) != 0 ? -1 : scan_value(s, value);
}

static int scan_container(struct scan *s, bool object, struct json *node)
{
    const char close = object ? '}' : ']';
    const char *const wanted = object ? "',' or '}'" : "',' or ']'";
    size_t first_key = s->n_keys;
    bool more;

    if (++s->depth > JSON_MAX_DEPTH)
        return fail_at(s, s->p, CORAX_E_LIMIT, "more than %d levels deep", JSON_MAX_DEPTH);
    s->p++;
    if (skip_space(s) != 0)
        return -1;
    more = s->p >= s->end || *s->p != close;
    while (more) {
        if ((object ? scan_member(s, node) : scan_element(s, node)) != 0 || skip_space(s) != 0)
            return -1;
        more = s->p < s->end && *s->p == ',';
        if (!more)
            break;
        s->p++;
        if (skip_space(s) != 0)
            return -1;
        if (s->config && s->p < s->end && *s->p == close)
            more = false;
    }
    if (s->p >= s->end || *s->p != close)
        return fail_expected(s, wanted);
    s->p++;
    s->depth--;
    return object && !s->trust ? check_keys(s, first_key) : 0;
}

static int scan_word(struct scan *s, size_t len, enum json_kind kind, bool is_true, struct json *out)
{
    s->p += len;
    if (out) {
        out->kind = kind;
        out->is_true = is_true;
    }
    return 0;
}

static int scan_scalar(struct scan *s, struct json *out)
{
    const char *text = s->p;
    size_t len;
    bool escaped;

    if (*s->p == '"') {
        if (scan_string(s, &text, &len, &escaped) != 0)
            return -1;
        if (out) {
            out->kind = JSON_STRING;
            out->text = decode_string(s, text, len, escaped);
        }
        return out && out->text == NULL ? fail_memory(s) : 0;
    }
    if (*s->p == '-' || (*s->p >= '0' && *s->p <= '9')) {
        if (scan_number(s) != 0)
            return -1;
        if (out) {
            out->kind = JSON_NUMBER;
            out->text = arena_strndup(s->arena, text, (size_t)(s->p - text));
            if (out->text == NULL)
                return fail_memory(s);
            out->number = read_double(out->text);
        }
        return 0;
    }
    if (starts_with(s, "true"))
        return scan_word(s, 4, JSON_BOOL, true, out);
    if (starts_with(s, "false"))
        return scan_word(s, 5, JSON_BOOL, false, out);
    if (starts_with(s, "null"))
        return scan_word(s, 4, JSON_NULL, false, out);
    return fail_expected(s, "a value");
}

/* At the first byte of a value.  out is NULL when no tree is built. */
static int scan_value(struct scan *s, struct json *out)
{
    int rc;

    if (s->p >= s->end)
        return fail_expected(s, "a value");
    if (++s->n_values > s->max_values)
        return fail_at(s, s->p, CORAX_E_LIMIT, "more than %zu values", s->max_values);
    if (out)
        out->raw = s->p;
    if (*s->p != '{' && *s->p != '[') {
        rc = scan_scalar(s, out);
    } else {
        if (out)
            out->kind = *s->p == '{' ? JSON_OBJECT : JSON_ARRAY;
        rc = scan_container(s, *s->p == '{', out);
    }
    if (out)
        out->raw_len = (size_t)(s->p - out->raw);
    return rc;
}

static int scan_document(struct scan *s, struct json *root)
{
    if (starts_with(s, "\xef\xbb\xbf"))
        return fail_at(s, s->p, CORAX_E_ARGS, "a byte order mark, which JSON must not have");
    if (skip_space(s) != 0 || scan_value(s, root) != 0 || skip_space(s) != 0)
        return -1;
    return s->p < s->end ? fail_expected(s, "the end of the text") : 0;
}

int json_check(const char *text, size_t len, struct err *err)
{
    struct scan s = scan_start(text, len, err);
    int rc = scan_document(&s, NULL);

    scan_finish(&s);
    return rc;
}

static struct json *parse(const char *text, size_t len, bool config, size_t max_values, struct err *err)
{
    struct scan s = scan_start(text, len, err);
    struct document *doc = NULL;
    int rc;

    /* The text and max_values bound it. */
    s.arena = arena_create(SIZE_MAX);
    s.config = config;
    s.max_values = max_values;
    if (s.arena)
        doc = arena_alloc(s.arena, sizeof(*doc));
    rc = doc ? scan_document(&s, &doc->root) : fail_memory(&s);
    scan_finish(&s);
    if (rc != 0) {
        arena_destroy(s.arena);
        return NULL;
    }
    doc->arena = s.arena;
    return &doc->root;
}

struct json *json_parse(const char *text, size_t len, struct err *err)
{
    return parse(text, len, false, JSON_MAX_VALUES, err);
}

struct json *json_parse_large(const char *text, size_t len, size_t max_values, struct err *err)
{
    return parse(text, len, false, max_values, err);
}

struct json *json_parse_config(const char *text, size_t len, struct err *err)
{
    return parse(text, len, true, JSON_MAX_VALUES, err);
}

void json_free(struct json *json)
{
    if (json)
        arena_destroy(((struct document *)json)->arena);
}

/* ---- reading the tree ------------------------------------------------------------------------------------------- */

enum json_kind json_kind(const struct json *json)
{
    return json ? json->kind : JSON_NONE;
}

const struct json *json_get(const struct json *object, const char *key)
{
    const struct json *v;

    if (json_kind(object) != JSON_OBJECT)
        return NULL;
    for (v = object->first; v && strcmp(v->key, key) != 0; v = v->next)
        ;
    return v;
}

const struct json *json_first(const struct json *container)
{
    return container ? container->first : NULL;
}

const struct json *json_next(const struct json *json)
{
    return json ? json->next : NULL;
}

const char *json_key(const struct json *member)
{
    return member ? member->key : NULL;
}

size_t json_count(const struct json *container)
{
    size_t n = 0;

    for (const struct json *v = json_first(container); v; v = json_next(v))
        n++;
    return n;
}

bool json_has_text(const struct json *list, const char *text)
{
    for (const struct json *v = json_first(list); v; v = json_next(v))
        if (json_text(v) && strcmp(json_text(v), text) == 0)
            return true;
    return false;
}

const char *json_text(const struct json *json)
{
    return json_kind(json) == JSON_STRING ? json->text : NULL;
}

const char *json_digits(const struct json *json)
{
    return json_kind(json) == JSON_NUMBER ? json->text : NULL;
}

bool json_bool(const struct json *json, bool otherwise)
{
    return json_kind(json) == JSON_BOOL ? json->is_true : otherwise;
}

const char *json_raw(const struct json *json, size_t *len)
{
    if (json)
        *len = json->raw_len;
    return json ? json->raw : NULL;
}

double json_number(const struct json *json, double otherwise)
{
    if (json_kind(json) != JSON_NUMBER || !isfinite(json->number))
        return otherwise;
    return json->number;
}

int json_int(const struct json *json, const char *what, int64_t *out, struct err *err)
{
    if (json_kind(json) != JSON_NUMBER)
        return fail(err, CORAX_E_ARGS, json ? "%s: is not a number" : "%s: is missing", what);
    if (!json_is_integer(json))
        return fail(err, CORAX_E_ARGS, "%s: %.40s is not an integer", what, json_digits(json));
    if (fabs(json->number) > MAX_SAFE_INTEGER)
        return fail(err, CORAX_E_ARGS, "%s: %.40s is too large: integers go up to 9007199254740991", what,
                    json_digits(json));
    *out = (int64_t)json->number;
    return 0;
}

int json_check_members(const struct json *object, const char *what, const char *const known[], struct err *err)
{
    size_t i;

    if (json_kind(object) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "%s%smust be an object", what, *what ? " " : "");
    for (const struct json *m = json_first(object); m; m = json_next(m)) {
        for (i = 0; known[i] && strcmp(known[i], json_key(m)) != 0; i++)
            ;
        if (known[i] == NULL)
            return fail(err, CORAX_E_ARGS, "%s%sunknown key \"%.60s\"", what, *what ? ": " : "", json_key(m));
    }
    return 0;
}

const char *json_get_text(const struct json *object, const char *key, const char *otherwise)
{
    const char *text = json_text(json_get(object, key));

    return text ? text : otherwise;
}

/* ---- finding in the text ---------------------------------------------------------------------------------------- */

/* The next byte of a pointer's token: "~0" is '~', "~1" is '/'.  -1 for any other use of '~'. */
static int token_byte(const char **p, const char *end)
{
    const char *at = (*p)++;

    if (*at != '~')
        return (unsigned char)*at;
    if (at + 1 >= end || (at[1] != '0' && at[1] != '1'))
        return -1;
    (*p)++;
    return at[1] == '0' ? '~' : '/';
}

static bool token_is_key(const char *token, const char *token_end, const char *key, size_t key_len)
{
    const char *key_end = key + key_len;

    while (key < key_end) {
        char c[4];
        size_t n = decode_char(&key, c);

        for (size_t i = 0; i < n; i++)
            if (token >= token_end || token_byte(&token, token_end) != (unsigned char)c[i])
                return false;
    }
    return token == token_end;
}

/* An array index: digits without a leading zero. */
static bool token_is_index(const char *token, const char *token_end, size_t *index)
{
    size_t len = (size_t)(token_end - token), value = 0;

    if (len == 0 || len > 9 || (len > 1 && *token == '0'))
        return false;
    for (; token < token_end; token++) {
        if (*token < '0' || *token > '9')
            return false;
        value = value * 10 + (size_t)(*token - '0');
    }
    *index = value;
    return true;
}

/* At a container: moves to the value of the member or element that the token names. */
static bool step_into(struct scan *s, const char *token, const char *token_end)
{
    bool object = *s->p == '{';
    size_t want = 0, index = 0, key_len;
    const char *key;
    bool escaped;

    if (!object && !token_is_index(token, token_end, &want))
        return false;
    s->p++;
    for (;; index++) {
        bool here = !object && index == want;

        skip_space(s);
        if (object) {
            if (s->p >= s->end || *s->p != '"' || scan_string(s, &key, &key_len, &escaped) != 0)
                return false;
            here = token_is_key(token, token_end, key, key_len);
            skip_space(s);
            if (s->p >= s->end || *s->p != ':')
                return false;
            s->p++;
            skip_space(s);
        }
        if (here)
            return s->p < s->end && *s->p != ']';
        if (scan_value(s, NULL) != 0)
            return false;
        skip_space(s);
        if (s->p >= s->end || *s->p != ',')
            return false;
        s->p++;
    }
}

bool json_find(const char *text, size_t len, const char *pointer, const char **value, size_t *value_len)
{
    struct scan s = scan_start(text, len, NULL);
    const char *first;
    bool found = false;

    s.trust = true;
    skip_space(&s);
    while (*pointer) {
        const char *token = pointer + 1, *token_end = token + strcspn(token, "/");

        if (*pointer != '/' || s.p >= s.end || (*s.p != '{' && *s.p != '[') || !step_into(&s, token, token_end))
            goto out;
        pointer = token_end;
    }
    first = s.p;
    if (scan_value(&s, NULL) != 0)
        goto out;
    *value = first;
    *value_len = (size_t)(s.p - first);
    found = true;
out:
    scan_finish(&s);
    return found;
}

bool json_unquote(const char *literal, size_t len, struct buf *out)
{
    struct scan s = scan_start(literal, len, NULL);
    const char *text = "", *end; /* clang's analyzer does not see that a failed scan ends here */
    size_t text_len = 0;
    bool escaped = false;

    if (len < 2 || *literal != '"' || scan_string(&s, &text, &text_len, &escaped) != 0 || s.p != s.end)
        return false;
    for (end = text + text_len; escaped && text < end;) {
        char c[4];
        size_t n = decode_char(&text, c);

        buf_add(out, c, n);
    }
    buf_add(out, text, (size_t)(end - text));
    return !out->failed;
}
