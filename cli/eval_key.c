/*
 * Keys.  See eval_key.h.
 */
#include "cli/eval_key.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/decimal.h"
#include "util/jsonschema.h"

#define ROUNDING   1e-12 /* of a tolerance that is met to the digit, as 0.3 by 0.1 + 0.2 */
#define MAX_SHOWN  60    /* bytes of a key in a sentence */
#define MAX_NUMBER 300   /* digits of a number in a key */

enum key_kind { KEY_EXACT, KEY_CONTAINS, KEY_REGEX, KEY_NUMBER, KEY_RESULT_OF, KEY_ANY_OF, KEY_ALL_OF };

struct eval_key {
    enum key_kind kind;
    const char *text;          /* of EXACT, REGEX, RESULT_OF; the digits of NUMBER */
    const struct json *list;   /* of CONTAINS: the text, or a list of them */
    struct jsonschema *schema; /* of REGEX */
    double tolerance, relative;
    int64_t from, to; /* to -1: the end */
    size_t n_of;      /* of ANY_OF and ALL_OF */
    struct eval_key *of[];
};

void eval_key_destroy(struct eval_key *key)
{
    if (key == NULL)
        return;
    for (size_t i = 0; i < key->n_of; i++)
        eval_key_destroy(key->of[i]);
    jsonschema_destroy(key->schema);
    free(key);
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

/* A text of a key, which is not empty: everything has the empty text. */
static int read_text(const struct json *v, const char *what, const char **out, struct err *err)
{
    *out = json_text(v);
    if (*out == NULL || **out == '\0')
        return fail(err, CORAX_E_ARGS, "%s must be a text that is not empty", what);
    return 0;
}

static int read_contains(struct eval_key *key, const struct json *v, struct err *err)
{
    const char *text;

    key->list = v;
    if (json_kind(v) != JSON_ARRAY)
        return read_text(v, "contains", &text, err);
    if (json_count(v) == 0 || json_count(v) > EVAL_MAX_ALTERNATIVES)
        return fail(err, CORAX_E_ARGS, "contains: 1 to %d texts are possible", EVAL_MAX_ALTERNATIVES);
    for (const struct json *e = json_first(v); e; e = json_next(e))
        if (read_text(e, "contains", &text, err) != 0)
            return -1;
    return 0;
}

/* A pattern is held against a text by way of a schema: one reading of patterns, with its limits, for all of corax. */
static int read_regex(struct eval_key *key, const struct json *v, struct err *err)
{
    const struct jsonschema_options options = { .strict = true };
    struct buf schema;
    struct jsonw w;

    if (read_text(v, "regex", &key->text, err) != 0)
        return -1;
    buf_init(&schema, SCHEMA_MAX_BYTES);
    w = jsonw_start(&schema);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "pattern", key->text);
    jsonw_end(&w);
    key->schema = jsonschema_compile(schema.data, schema.len, &options, err);
    buf_finish(&schema);
    return key->schema ? 0 : err_context(err, "regex");
}

static int read_distance(const struct json *key, const char *name, double *out, struct err *err)
{
    const struct json *v = json_get(key, name);

    *out = v ? json_number(v, -1) : 0;
    if (v && (json_kind(v) != JSON_NUMBER || *out < 0))
        return fail(err, CORAX_E_ARGS, "%s must be a number of 0 or more", name);
    return 0;
}

static int read_number(struct eval_key *key, const struct json *object, struct err *err)
{
    key->text = json_digits(json_get(object, "number"));
    if (key->text == NULL || strlen(key->text) > MAX_NUMBER || !isfinite(json_number(json_get(object, "number"), NAN)))
        return fail(err, CORAX_E_ARGS, "number must be a number that a double holds");
    return read_distance(object, "tolerance", &key->tolerance, err) != 0 ||
                   read_distance(object, "relative", &key->relative, err) != 0
               ? -1
               : 0;
}

static int read_result_of(struct eval_key *key, const struct json *object, struct err *err)
{
    key->to = -1;
    if (read_text(json_get(object, "result_of"), "result_of", &key->text, err) != 0 ||
        (json_get(object, "from") && json_int(json_get(object, "from"), "from", &key->from, err) != 0) ||
        (json_get(object, "to") && json_int(json_get(object, "to"), "to", &key->to, err) != 0))
        return -1;
    if (key->from < 0 || (json_get(object, "to") && key->to <= key->from))
        return fail(err, CORAX_E_ARGS, "result_of: from must be 0 or more, and to more than that");
    return 0;
}

static int read_list(struct eval_key *key, const struct json *list, struct err *err)
{
    for (const struct json *e = json_first(list); e; e = json_next(e)) {
        if ((key->of[key->n_of] = eval_key_read(e, err)) == NULL)
            return -1;
        key->n_of++;
    }
    return 0;
}

static int read_key(struct eval_key *key, const struct json *object, struct err *err)
{
    switch (key->kind) {
    case KEY_EXACT:
        key->text = json_text(json_get(object, "exact"));
        return key->text ? 0 : fail(err, CORAX_E_ARGS, "exact must be a text");
    case KEY_CONTAINS:
        return read_contains(key, json_get(object, "contains"), err);
    case KEY_REGEX:
        return read_regex(key, json_get(object, "regex"), err);
    case KEY_NUMBER:
        return read_number(key, object, err);
    case KEY_RESULT_OF:
        return read_result_of(key, object, err);
    case KEY_ANY_OF:
        return read_list(key, json_get(object, "any_of"), err);
    case KEY_ALL_OF:
        return read_list(key, json_get(object, "all_of"), err);
    }
    return -1;
}

struct eval_key *eval_key_read(const struct json *object, struct err *err)
{
    static const struct {
        const char *name;
        const char *members[4];
    } kinds[] = {
        [KEY_EXACT] = { "exact", { "exact" } },
        [KEY_CONTAINS] = { "contains", { "contains" } },
        [KEY_REGEX] = { "regex", { "regex" } },
        [KEY_NUMBER] = { "number", { "number", "tolerance", "relative" } },
        [KEY_RESULT_OF] = { "result_of", { "result_of", "from", "to" } },
        [KEY_ANY_OF] = { "any_of", { "any_of" } },
        [KEY_ALL_OF] = { "all_of", { "all_of" } },
    };
    const size_t n_kinds = sizeof(kinds) / sizeof(*kinds);
    struct eval_key *key;
    const struct json *of;
    size_t kind = 0, n_of = 0;

    while (kind < n_kinds && json_get(object, kinds[kind].name) == NULL)
        kind++;
    if (kind == n_kinds) {
        fail(err, CORAX_E_ARGS,
             "a key is an object with one of exact, contains, regex, number, result_of, any_of, all_of");
        return NULL;
    }
    if (json_check_members(object, kinds[kind].name, kinds[kind].members, err) != 0)
        return NULL;
    if (kind == KEY_ANY_OF || kind == KEY_ALL_OF) {
        of = json_get(object, kinds[kind].name);
        n_of = json_count(of);
        if (json_kind(of) != JSON_ARRAY || n_of == 0 || n_of > EVAL_MAX_ALTERNATIVES) {
            fail(err, CORAX_E_ARGS, "%s must be a list of 1 to %d keys", kinds[kind].name, EVAL_MAX_ALTERNATIVES);
            return NULL;
        }
    }
    key = calloc(1, sizeof(*key) + n_of * sizeof(key->of[0]));
    if (key == NULL) {
        fail(err, CORAX_E_INTERNAL, "out of memory");
        return NULL;
    }
    key->kind = (enum key_kind)kind;
    if (read_key(key, object, err) != 0) {
        eval_key_destroy(key);
        return NULL;
    }
    return key;
}

/* --- checking ------------------------------------------------------------------------------------------------------- */

static const char *trim(const char *text, size_t *len)
{
    *len = strlen(text);
    while (*len > 0 && isspace((unsigned char)*text))
        text++, --*len;
    while (*len > 0 && isspace((unsigned char)text[*len - 1]))
        --*len;
    return text;
}

static int check_exact(const struct eval_key *key, const char *text, struct err *why)
{
    size_t len, want_len;
    const char *got = trim(text, &len), *want = trim(key->text, &want_len);

    if (len == want_len && memcmp(got, want, len) == 0)
        return 0;
    return fail(why, CORAX_E_NOTFOUND, "it is not \"%.*s\"", MAX_SHOWN, key->text);
}

static int check_contains(const struct eval_key *key, const char *text, struct err *why)
{
    const struct json *e = json_kind(key->list) == JSON_ARRAY ? json_first(key->list) : key->list;

    for (; e; e = json_kind(key->list) == JSON_ARRAY ? json_next(e) : NULL)
        if (strstr(text, json_text(e)) == NULL)
            return fail(why, CORAX_E_NOTFOUND, "it has no \"%.*s\"", MAX_SHOWN, json_text(e));
    return 0;
}

static int check_regex(const struct eval_key *key, const char *text, struct err *why)
{
    struct err no = { 0 };
    struct json *value;
    struct buf quoted;
    struct jsonw w;
    int rc = -1;

    buf_init(&quoted, 6 * strlen(text) + 16);
    w = jsonw_start(&quoted);
    jsonw_text(&w, NULL, text);
    value = json_parse(quoted.data, quoted.len, &no);
    if (value)
        rc = jsonschema_validate(key->schema, value, &no);
    json_free(value);
    buf_finish(&quoted);
    if (rc == 0)
        return 0;
    if (strlen(text) > SCHEMA_MAX_MATCHED)
        return fail(why, CORAX_E_LIMIT, "it is too long for a pattern: %s", no.msg);
    return fail(why, CORAX_E_NOTFOUND, "it does not match /%.*s/", MAX_SHOWN, key->text);
}

static bool is_near(const struct eval_key *key, const char *digits)
{
    const double want = strtod(key->text, NULL), got = strtod(digits, NULL),
                 most = fmax(key->tolerance, key->relative * fabs(want));

    if (most > 0)
        return fabs(got - want) <= most + ROUNDING * fabs(want);
    return decimal_compare(decimal_read(digits), decimal_read(key->text)) == 0;
}

static int check_number(const struct eval_key *key, const char *text, struct err *why)
{
    char digits[EVAL_NUMBER_SIZE], first[EVAL_NUMBER_SIZE] = "";
    size_t n = 0, at = 0;

    while (eval_number_next(text, &at, digits)) {
        if (is_near(key, digits))
            return 0;
        if (n++ == 0)
            memcpy(first, digits, sizeof(first));
    }
    if (n == 0)
        return fail(why, CORAX_E_NOTFOUND, "it has no number, and %.*s is wanted", MAX_SHOWN, key->text);
    return fail(why, CORAX_E_NOTFOUND, "of its %zu numbers (the first: %.12g) none is %.*s", n, strtod(first, NULL),
                MAX_SHOWN, key->text);
}

static int check_result_of(const struct eval_key *key, const char *text, const struct eval_results *results,
                           struct err *why)
{
    const char *result = results ? results->last(results->of, key->text) : NULL;
    size_t len = result ? strlen(result) : 0, from = (size_t)key->from, to = key->to < 0 ? len : (size_t)key->to;

    if (result == NULL)
        return fail(why, CORAX_E_NOTFOUND, "%.*s has no result that it could be held against", MAX_SHOWN, key->text);
    if (from >= to || to > len)
        return fail(why, CORAX_E_NOTFOUND, "the result of %.*s is too short to be held against", MAX_SHOWN, key->text);
    if (memmem(text, strlen(text), result + from, to - from))
        return 0;
    return fail(why, CORAX_E_NOTFOUND, "it does not say what %.*s did: \"%.*s\"", MAX_SHOWN, key->text,
                (int)(to - from > MAX_SHOWN ? MAX_SHOWN : to - from), result + from);
}

int eval_key_check(const struct eval_key *key, const char *text, const struct eval_results *results, struct err *why)
{
    int rc = key->kind == KEY_ANY_OF ? -1 : 0;

    switch (key->kind) {
    case KEY_EXACT:
        return check_exact(key, text, why);
    case KEY_CONTAINS:
        return check_contains(key, text, why);
    case KEY_REGEX:
        return check_regex(key, text, why);
    case KEY_NUMBER:
        return check_number(key, text, why);
    case KEY_RESULT_OF:
        return check_result_of(key, text, results, why);
    case KEY_ANY_OF: /* the last alternative's sentence is told */
        for (size_t i = 0; i < key->n_of && rc != 0; i++)
            rc = eval_key_check(key->of[i], text, results, why);
        return rc;
    case KEY_ALL_OF:
        for (size_t i = 0; i < key->n_of && rc == 0; i++)
            rc = eval_key_check(key->of[i], text, results, why);
        return rc;
    }
    return -1;
}
