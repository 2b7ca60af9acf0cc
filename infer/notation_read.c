/*
 * Arguments back to JSON.  Text of a model is foreign: what nests, how many members an object has and how long the whole is are bounded.
 */
#include "infer/notation.h"

#include <stdlib.h>
#include <string.h>

#include "infer/matcher.h"
#include "infer/notation_rules.h"
#include "infer/utf8.h"
#include "util/json.h"

/* Characters of UTF-8 and no NUL, as JSON wants them, and not too many. */
static int check_text(const char *text, size_t len, struct err *err)
{
    struct utf8 state = { 0 };

    if (len > NOTATION_MAX_TEXT)
        return fail(err, CORAX_E_LIMIT, "%zu bytes, at most %u", len, NOTATION_MAX_TEXT);
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\0' || !utf8_next(&state, (unsigned char)text[i]))
            return fail(err, CORAX_E_ARGS, "byte %zu: %s", i, text[i] ? "no UTF-8" : "U+0000 cannot be in JSON");
    return state.n_left ? fail(err, CORAX_E_ARGS, "byte %zu: the last character is not whole", len) : 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void add_string(struct buf *out, const char *text, size_t len)
{
    struct jsonw w = jsonw_start(out);

    jsonw_string(&w, NULL, text, len);
}

/* --- MARKED ------------------------------------------------------------------------------------------------------- */

struct member {
    const char *name;
    size_t      len, start, end; /* start, end: where it is in what was written, the comma before it left out */
    bool        dead;            /* its name came again */
};

struct reader {
    const struct notation *notation;
    const char    *text;
    size_t         len, at;
    struct buf    *out;
    struct err    *err;
    struct member *members; /* of all objects that are open */
    size_t         n_members, members_cap, n_values;
    unsigned       depth;
};

static int expected(struct reader *r, const char *what)
{
    return fail(r->err, CORAX_E_ARGS, "byte %zu: %s", r->at, what);
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->len && is_blank(r->text[r->at]))
        r->at++;
}

static bool take(struct reader *r, char c)
{
    skip_blanks(r);
    if (r->at == r->len || r->text[r->at] != c)
        return false;
    r->at++;
    return true;
}

static int read_string(struct reader *r)
{
    const struct notation_mark *quote = &r->notation->quote;
    const char *start = r->text + r->at + quote->len;
    const char *end = memmem(start, r->len - r->at - quote->len, quote->text, quote->len);

    if (!end)
        return expected(r, "a string has no end");
    add_string(r->out, start, (size_t)(end - start));
    r->at = (size_t)(end - r->text) + quote->len;
    return 0;
}

static int read_scalar(struct reader *r)
{
    const char *start = r->text + r->at;
    size_t n = 0;

    while (n < r->len - r->at && !is_blank(start[n]) && !strchr(",:{}[]\"", start[n]))
        n++;
    if (n == 0 || json_check(start, n, NULL) < 0)
        return expected(r, "a value is expected: a string between marks, a number, true, false, null, { or [");
    buf_add(r->out, start, n);
    r->at += n;
    return 0;
}

static struct member *add_member(struct reader *r, size_t base)
{
    if (r->n_members - base >= NOTATION_MAX_MEMBERS) {
        fail(r->err, CORAX_E_ARGS, "byte %zu: an object has more than %d members", r->at, NOTATION_MAX_MEMBERS);
        return NULL;
    }
    if (r->n_members == r->members_cap) {
        const size_t cap = 2 * r->members_cap + 64;
        struct member *more = realloc(r->members, cap * sizeof *more);

        if (!more) {
            fail(r->err, CORAX_E_LIMIT, "out of memory for arguments");
            return NULL;
        }
        r->members = more;
        r->members_cap = cap;
    }
    r->members[r->n_members] = (struct member){ 0 };
    return &r->members[r->n_members++];
}

/* A name up to its colon; an earlier one of the same name is dead. */
static int read_name(struct reader *r, size_t base, size_t *number)
{
    struct member *m;
    size_t n = 0;

    skip_blanks(r);
    while (n < r->len - r->at && !is_blank(r->text[r->at + n]) && !strchr("{}[]:,\"<>", r->text[r->at + n]))
        n++;
    if (n == 0)
        return expected(r, "the name of a member is expected, without quotes");
    m = add_member(r, base);
    if (!m)
        return -1;
    m->name = r->text + r->at;
    m->len = n;
    *number = (size_t)(m - r->members);
    for (size_t i = base; i < *number; i++)
        if (!r->members[i].dead && r->members[i].len == n && memcmp(r->members[i].name, m->name, n) == 0)
            r->members[i].dead = true;
    r->at += n;
    return take(r, ':') ? 0 : expected(r, "a colon is expected");
}

/* Moves the members that count together, where some do not. */
static void drop_dead(struct reader *r, size_t base)
{
    struct buf *out = r->out;
    size_t end = base < r->n_members ? r->members[base].start : out->len;
    bool first = true;

    if (out->failed)
        return;
    for (size_t i = base; i < r->n_members; i++) {
        const struct member *m = &r->members[i];

        if (m->dead)
            continue;
        if (!first)
            out->data[end++] = ','; /* where one was, or something dead */
        memmove(out->data + end, out->data + m->start, m->end - m->start);
        end += m->end - m->start;
        first = false;
    }
    out->len = end;
    out->data[end] = '\0';
}

static int read_value(struct reader *);

static int read_object(struct reader *r)
{
    const size_t base = r->n_members;
    size_t number = 0;

    r->at++;
    buf_addc(r->out, '{');
    if (!take(r, '}'))
        do {
            if (r->n_members > base)
                buf_addc(r->out, ',');
            if (read_name(r, base, &number) < 0)
                return -1;
            r->members[number].start = r->out->len;
            add_string(r->out, r->members[number].name, r->members[number].len);
            buf_addc(r->out, ':');
            if (read_value(r) < 0)
                return -1;
            r->members[number].end = r->out->len;
            if (take(r, '}'))
                break;
            if (!take(r, ','))
                return expected(r, "a comma or } is expected");
        } while (true);
    drop_dead(r, base);
    buf_addc(r->out, '}');
    r->n_members = base;
    return 0;
}

static int read_array(struct reader *r)
{
    r->at++;
    buf_addc(r->out, '[');
    if (!take(r, ']'))
        do {
            if (read_value(r) < 0)
                return -1;
            if (take(r, ']'))
                break;
            if (!take(r, ','))
                return expected(r, "a comma or ] is expected");
            buf_addc(r->out, ',');
        } while (true);
    buf_addc(r->out, ']');
    return 0;
}

static int read_value(struct reader *r)
{
    const struct notation_mark *quote = &r->notation->quote;
    int result;

    skip_blanks(r);
    if (++r->n_values > JSON_MAX_VALUES)
        return expected(r, "there are too many values");
    if (r->len - r->at >= quote->len && memcmp(r->text + r->at, quote->text, quote->len) == 0)
        return read_string(r);
    if (r->at == r->len || !(r->text[r->at] == '{' || r->text[r->at] == '['))
        return read_scalar(r);
    if (r->depth == JSON_MAX_DEPTH)
        return expected(r, "values nest too deep");
    r->depth++;
    result = r->text[r->at] == '{' ? read_object(r) : read_array(r);
    r->depth--;
    return result;
}

static int read_marked(struct reader *r)
{
    skip_blanks(r);
    if (r->at == r->len || r->text[r->at] != '{')
        return expected(r, "{ is expected");
    if (read_value(r) < 0)
        return -1;
    skip_blanks(r);
    return r->at == r->len ? 0 : expected(r, "there is more behind the last }");
}

/* What was added to a buffer with `before` bytes; result: of adding it. */
static int conclude(struct buf *json, size_t before, int result, struct err *err)
{
    if (result == 0 && json->failed)
        result = fail(err, CORAX_E_LIMIT, "arguments: more than %zu bytes as JSON", json->limit);
    if (result == 0)
        return 0;
    if (json->failed)
        return -1;
    json->len = before;
    json->data[before] = '\0';
    return -1;
}

int notation_read_marked(const struct notation *n, const char *text, size_t len, struct buf *json, struct err *err)
{
    struct reader r = { .notation = n, .text = text, .len = len, .out = json, .err = err };
    const size_t before = json->len;
    int result = check_text(text, len, err);

    if (result == 0)
        result = read_marked(&r);
    if (result < 0)
        (void)err_context(err, "arguments");
    free(r.members);
    return conclude(json, before, result, err);
}

/* --- TAGS --------------------------------------------------------------------------------------------------------- */

static const struct schema *find_member(const struct schema *s, const char *name)
{
    for (size_t i = 0; i < s->n_properties; i++)
        if (strcmp(s->properties[i].name, name) == 0 && s->properties[i].schema)
            return s->properties[i].schema;
    return s->additional;
}

/* Is one schema all that is said of each member? */
static bool is_plain(const struct schema *s)
{
    for (size_t i = 0; i < s->n_depends; i++)
        if (s->depends[i].schema)
            return false;
    return !(s->has_enum || s->constant || s->n_all_of || s->n_any_of || s->n_one_of || s->not_ || s->if_ || s->ref || s->n_patterns ||
             s->unevaluated_properties || s->never);
}

static unsigned kind_of(const struct json *v)
{
    switch (json_kind(v)) {
    case JSON_NULL:
        return SCHEMA_NULL;
    case JSON_BOOL:
        return SCHEMA_BOOL;
    case JSON_NUMBER:
        return SCHEMA_NUMBER;
    case JSON_ARRAY:
        return SCHEMA_ARRAY;
    case JSON_OBJECT:
        return SCHEMA_OBJECT;
    default:
        return SCHEMA_STRING;
    }
}

/* What a member may be, worked out as the rules do that it was written by. */
static unsigned kinds_of_member(const struct schema *parameters, const char *name)
{
    struct regexes *rs = regexes_create(MATCHER_MAX_BYTES, NULL);
    struct shapes *shapes = rs ? shapes_create(rs, NULL, NULL) : NULL;
    const struct value_shape *v = NULL;
    unsigned kinds = 0;

    if (shapes)
        v = shapes_expand(shapes, shapes_both(shapes, shapes_object(shapes, true), shapes_schema(shapes, parameters)));
    if (v)
        kinds = notation_member_kinds(shapes, rs, v, name, strlen(name));
    shapes_destroy(shapes);
    regexes_destroy(rs);
    return kinds ? kinds : SCHEMA_ANY;
}

static bool allows_string(const struct schema *s, const char *text, size_t len)
{
    struct buf literal;
    struct json *v;
    bool allowed;

    buf_init(&literal, 6 * (size_t)NOTATION_MAX_TEXT + 16);
    add_string(&literal, text, len);
    v = literal.failed ? NULL : json_parse(literal.data, literal.len, NULL);
    allowed = v && jsonschema_validate_schema(s, v, NULL) == 0;
    json_free(v);
    buf_finish(&literal);
    return allowed;
}

/* The text is JSON and no string: is that what is meant? */
static bool is_meant(const struct schema *parameters, const char *name, const struct json *v, const char *text, size_t len)
{
    const struct schema *member;
    unsigned kinds;

    if (!parameters)
        return true;
    if (is_plain(parameters)) {
        member = find_member(parameters, name);
        return !member || jsonschema_validate_schema(member, v, NULL) == 0 || !allows_string(member, text, len);
    }
    kinds = kinds_of_member(parameters, name);
    return kinds & kind_of(v) || !(kinds & SCHEMA_STRING);
}

int notation_read_value(const struct schema *parameters, const char *name, const char *text, size_t len, int string, struct buf *json,
                        struct err *err)
{
    const size_t before = json->len;
    struct json *v = NULL;
    struct err why = { 0 };
    size_t from = 0, to = len;
    bool raw = string == 1;

    if (check_text(text, len, err) < 0)
        return err_context(err, "arguments: %s", name);
    if (!raw)
        v = json_parse(text, len, &why);
    if (!v && string == 0)
        return fail(err, CORAX_E_ARGS, "arguments: %s: it is no JSON, as which it was written: %s", name, why.msg);
    if (string < 0)
        raw = !v || json_kind(v) == JSON_STRING || !is_meant(parameters, name, v, text, len);
    json_free(v);
    while (!raw && from < to && is_blank(text[from]))
        from++;
    while (!raw && to > from && is_blank(text[to - 1]))
        to--;
    if (raw)
        add_string(json, text, len);
    else
        buf_add(json, text + from, to - from);
    return conclude(json, before, 0, err);
}
