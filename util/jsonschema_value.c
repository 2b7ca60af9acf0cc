/*
 * What a value must be by itself: its type, an enum, the bounds of a number, the length and pattern of a text, elements that
 * are unique.  What is made when it is first needed (a pattern's code, the index of an enum) several threads may need at
 * the same time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/decimal.h"
#include "util/jsonschema_check.h"
#include "util/utf8.h"

#define MAX_CANONICAL ((size_t)16 << 20)
#define FEW_VALUES    4 /* of an enum: not worth an index */

/* ---- values ----------------------------------------------------------------------------------------------------- */

/* In draft 4 it is the way of writing that counts: 1.0 is none. */
static bool is_integer(const struct schema *s, const struct json *value)
{
    if (schema_node(s)->resource->draft & DRAFT_4 && strpbrk(json_digits(value), ".eE"))
        return false;
    return json_is_integer(value);
}

bool check_type_fits(const struct schema *s, const struct json *value)
{
    const unsigned types = s->types;

    switch (json_kind(value)) {
    case JSON_NULL:
        return types & SCHEMA_NULL;
    case JSON_BOOL:
        return types & SCHEMA_BOOL;
    case JSON_NUMBER:
        return types & SCHEMA_NUMBER || (types & SCHEMA_INTEGER && is_integer(s, value));
    case JSON_STRING:
        return types & SCHEMA_STRING;
    case JSON_ARRAY:
        return types & SCHEMA_ARRAY;
    case JSON_OBJECT:
        return types & SCHEMA_OBJECT;
    default:
        return false;
    }
}

/* Bytes as it was written, for what work on the whole of it costs. */
size_t check_size_of(const struct json *value)
{
    size_t len = 0;

    (void)json_raw(value, &len);
    return len;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct enum_index *make_index(const struct json *const *values, size_t n)
{
    struct enum_index *index = NULL;
    size_t *offsets = malloc((n + 1) * sizeof(*offsets));
    struct buf text;
    char *kept;

    buf_init(&text, MAX_CANONICAL);
    for (size_t i = 0; offsets && i < n; i++) {
        offsets[i] = text.len;
        json_canonical(values[i], &text);
        buf_addc(&text, '\0');
    }
    if (offsets && !text.failed)
        index = malloc(sizeof(*index) + n * sizeof(*index->texts) + text.len);
    if (index) {
        index->n = n;
        kept = memcpy((char *)(index->texts + n), text.data, text.len);
        for (size_t i = 0; i < n; i++)
            index->texts[i] = kept + offsets[i];
        qsort(index->texts, n, sizeof(*index->texts), compare_texts);
    }
    buf_finish(&text);
    free(offsets);
    return index;
}

/* Made once, by whichever thread comes first. */
static const struct enum_index *find_index(const struct node *node)
{
    struct node *n = (struct node *)node; /* the arena's, so ours to write */
    struct enum_index *index = __atomic_load_n(&n->index, __ATOMIC_ACQUIRE), *made, *none = NULL;

    if (index)
        return index;
    made = make_index(node->schema.values, node->schema.n_values);
    if (!made)
        return NULL;
    if (__atomic_compare_exchange_n(&n->index, &none, made, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return made;
    free(made);
    return none;
}

static enum verdict equals(struct check *c, const struct json *a, const struct json *b)
{
    size_t middle;

    if (json_kind(a) != json_kind(b))
        return FAILS;
    if (json_kind(a) == JSON_STRING)
        return strcmp(json_text(a), json_text(b)) == 0 ? MATCHES : FAILS;
    if (check_charge(c, (check_size_of(a) + check_size_of(b)) / 64) == BROKEN)
        return BROKEN;
    buf_reset(&c->canonical);
    json_canonical(a, &c->canonical);
    buf_addc(&c->canonical, '\0');
    middle = c->canonical.len;
    json_canonical(b, &c->canonical);
    if (c->canonical.failed)
        return check_out_of_memory(c);
    return strcmp(c->canonical.data, c->canonical.data + middle) == 0 ? MATCHES : FAILS;
}

static enum verdict is_listed(struct check *c, const struct node *node, const struct json *value)
{
    const struct schema *s = &node->schema;
    const struct enum_index *index;
    enum verdict v = FAILS;
    const char *text;

    if (s->n_values <= FEW_VALUES) {
        for (size_t i = 0; i < s->n_values && v == FAILS; i++)
            v = equals(c, value, s->values[i]);
        return v;
    }
    if (check_charge(c, check_size_of(value) / 64) == BROKEN)
        return BROKEN;
    index = find_index(node);
    buf_reset(&c->canonical);
    json_canonical(value, &c->canonical);
    if (!index || c->canonical.failed)
        return check_out_of_memory(c);
    text = c->canonical.data;
    return bsearch(&text, index->texts, index->n, sizeof(*index->texts), compare_texts) ? MATCHES : FAILS;
}

enum verdict check_value(struct check *c, const struct node *node, const struct json *value,
                                const struct place *place)
{
    const struct schema *s = &node->schema;
    enum verdict v = MATCHES;

    if (s->never || !check_type_fits(s, value))
        v = FAILS;
    if (v == MATCHES && s->constant)
        v = equals(c, value, s->constant);
    if (v == MATCHES && s->has_enum)
        v = is_listed(c, node, value);
    if (v != FAILS || !c->err)
        return v;
    return check_fail(c, place, "is %s; give %s", show_value(value).text, show_wanted(s).text);
}

enum verdict check_number(struct check *c, const struct schema *s, const struct json *value,
                                 const struct place *place)
{
    const char *digits = json_digits(value);
    const struct decimal number = decimal_read(digits);
    int order;

    if (s->minimum) {
        order = decimal_compare(number, decimal_read(json_digits(s->minimum)));
        if (order < 0 || (order == 0 && s->exclusive_min))
            return check_fail(c, place, "is %.*s; give a number %s %.40s", SCHEMA_SHOWN_VALUE, digits,
                              s->exclusive_min ? "greater than" : "not less than", json_digits(s->minimum));
    }
    if (s->maximum) {
        order = decimal_compare(number, decimal_read(json_digits(s->maximum)));
        if (order > 0 || (order == 0 && s->exclusive_max))
            return check_fail(c, place, "is %.*s; give a number %s %.40s", SCHEMA_SHOWN_VALUE, digits,
                              s->exclusive_max ? "less than" : "not greater than", json_digits(s->maximum));
    }
    if (s->multiple_of && !decimal_is_multiple(number, decimal_read(json_digits(s->multiple_of))))
        return check_fail(c, place, "is %.*s; give a multiple of %.40s", SCHEMA_SHOWN_VALUE, digits,
                          json_digits(s->multiple_of));
    return MATCHES;
}

/* ---- patterns --------------------------------------------------------------------------------------------------- */

/* The code of a pattern, compiled at its first use by whichever thread comes first; NULL with `broken` filled. */
static void *find_code(struct check *c, const struct schema *s, void *const *kept, const char *pattern, size_t len)
{
    void **to = (void **)kept; /* the arena's, so ours to write */
    void *code = __atomic_load_n(to, __ATOMIC_ACQUIRE), *none = NULL;
    char why[120];

    if (code)
        return code;
    code = pattern_compile(pattern, len, why, sizeof(why));
    if (!code) {
        if (why[0])
            check_break_off(c, CORAX_E_ARGS, "schema: %.*s%spattern: %s", SCHEMA_SHOWN_PATH, s->pointer, s->pointer[0] ? ": " : "",
                      why);
        else
            check_out_of_memory(c);
        return NULL;
    }
    if (__atomic_compare_exchange_n(to, &none, code, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return code;
    pattern_free(code);
    return none;
}

static enum verdict fail_match(struct check *c, enum pattern_result result, size_t len,
                                                         const char *pattern, const struct place *place)
{
    char where[SCHEMA_SHOWN_PATH + 3] = "the value";

    if (place) {
        place_write(place, where);
        strcat(where, ":");
    }
    if (result == PATTERN_TOO_LONG)
        return check_break_off(c, CORAX_E_ARGS, "%s has %zu bytes; a text with a pattern may have %d", where, len,
                         SCHEMA_MAX_MATCHED);
    if (result == PATTERN_SPENT)
        return check_break_off(c, CORAX_E_ARGS, "%s cannot be checked: the patterns of this value take too long", where);
    return check_break_off(c, CORAX_E_ARGS, "%s cannot be checked: the pattern %.80s takes too long on it", where, pattern);
}

enum verdict check_match(struct check *c, const struct schema *s, void *const *kept, const char *pattern,
                         size_t pattern_len, const char *text, const struct place *place)
{
    const size_t len = strlen(text);
    void *code = find_code(c, s, kept, pattern, pattern_len);
    enum pattern_result result;

    if (!code)
        return BROKEN;
    result = pattern_match(&c->patterns, code, text, len);
    switch (result) {
    case PATTERN_MATCHES:
        return MATCHES;
    case PATTERN_FAILS:
        return FAILS;
    case PATTERN_NO_MEMORY:
        return check_out_of_memory(c);
    default:
        return fail_match(c, result, len, pattern, place);
    }
}

enum verdict check_string(struct check *c, const struct schema *s, const struct json *value,
                                 const struct place *place)
{
    const char *text = json_text(value);
    enum verdict v;

    if (s->min_length >= 0 || s->max_length >= 0) {
        long long n = (long long)utf8_count(text, strlen(text));

        if (s->min_length >= 0 && n < s->min_length)
            return check_fail(c, place, "has %lld characters; give at least %lld", n, s->min_length);
        if (s->max_length >= 0 && n > s->max_length)
            return check_fail(c, place, "has %lld characters; give at most %lld", n, s->max_length);
    }
    if (!s->pattern)
        return MATCHES;
    v = check_match(c, s, &s->pattern_code, s->pattern, s->pattern_len, text, place);
    if (v != FAILS)
        return v;
    return check_fail(c, place, "is %s; give text that matches %.80s", show_value(value).text, s->pattern);
}

/* ---- arrays ---------------------------------------------------------------------------------------------------- */

enum verdict check_counts(struct check *c, long long n, long long min, long long max, const char *of,
                                 const struct place *place)
{
    if (min >= 0 && n < min)
        return check_fail(c, place, "has %lld %s; give at least %lld", n, of, min);
    if (max >= 0 && n > max)
        return check_fail(c, place, "has %lld %s; give at most %lld", n, of, max);
    return MATCHES;
}

/* All elements as canonical texts, sorted: equal ones meet. */
enum verdict check_unique(struct check *c, const struct json *value, const struct place *place)
{
    const size_t n = json_count(value);
    const struct json **elements;
    struct enum_index *index;
    size_t i = 0, twin = 0;

    if (n < 2)
        return MATCHES;
    if (check_charge(c, n + check_size_of(value) / 64) == BROKEN)
        return BROKEN;
    elements = malloc(n * sizeof(*elements));
    for (const struct json *v = json_first(value); elements && v; v = json_next(v))
        elements[i++] = v;
    index = elements ? make_index(elements, n) : NULL;
    free(elements);
    if (!index)
        return check_out_of_memory(c);
    for (i = 1; i < n && !twin; i++)
        if (strcmp(index->texts[i - 1], index->texts[i]) == 0)
            twin = i;
    if (twin)
        check_fail(c, place, "has %.40s twice; give each element once", index->texts[twin]);
    free(index);
    return twin ? FAILS : MATCHES;
}

