/*
 * tests/infer/chance.h - schemas and JSON values of chance.
 *
 * random_state decides; the same one gives the same texts.  CHANCE_NAMES may be defined before: names of members, as JSON has them.
 */
#ifndef TESTS_INFER_CHANCE_H
#define TESTS_INFER_CHANCE_H

#include "tests/infer/tiny_gguf.h"
#include "util/buf.h"
#include "util/json.h"

#ifndef CHANCE_NAMES
#define CHANCE_NAMES "a", "b", "c", "ab", "x1", "x2", "\xc3\xa4", "q\\\""
#endif

static uint64_t random_state;

static unsigned below(unsigned n)
{
    return (unsigned)(tiny_random(&random_state) >> 33) % n;
}

static const char *one_of(const char *const *list, unsigned n)
{
    return list[below(n)];
}
#define ONE_OF(list) one_of(list, sizeof(list) / sizeof *(list))

/* --- values ------------------------------------------------------------------------------------------------------- */

static const char *const names[] = { CHANCE_NAMES };
static const char *const strings[] = { "", "a", "b", "ab", "aab", "abc", "x", "x1", "12", "\xc3\xa4\xc3\xb6", "\\n", "a b", "zzzzzz", "2024-02-29" };
static const char *const numbers[] = { "0", "1", "2", "3", "-1", "-2", "5", "10", "7.5", "0.5", "2.25", "100", "-0.1" };

static void value(struct buf *out, unsigned depth)
{
    const unsigned kind = below(depth ? 8 : 5);
    unsigned n;

    switch (kind) {
    case 0:
        buf_adds(out, below(3) == 0 ? "null" : below(2) ? "true" : "false");
        break;
    case 1:
    case 2:
        buf_adds(out, ONE_OF(numbers));
        break;
    case 3:
    case 4:
        buf_addf(out, "\"%s\"", ONE_OF(strings));
        break;
    case 5:
        buf_addc(out, '[');
        n = below(4);
        for (unsigned i = 0; i < n; i++) {
            if (i)
                buf_addc(out, ',');
            value(out, depth - 1);
        }
        buf_addc(out, ']');
        break;
    default:
        buf_addc(out, '{');
        n = below(4);
        for (unsigned i = 0, first = below(sizeof names / sizeof *names); i < n; i++) { /* names that differ */
            buf_addf(out, "%s\"%s\":", i ? "," : "", names[(first + i) % (sizeof names / sizeof *names)]);
            value(out, depth - 1);
        }
        buf_addc(out, '}');
    }
}

/* A copy of a value in which the part number `at` (counted in writing order) is another. */
static inline void mutate(const struct json *v, struct buf *out, unsigned *at)
{
    const bool here = (*at)-- == 0;
    const char *separator = "";

    if (here && below(3) > 0) {
        value(out, 1);
        return;
    }
    switch (json_kind(v)) {
    case JSON_ARRAY:
        buf_addc(out, '[');
        for (const struct json *e = json_first(v); e; e = json_next(e), separator = ",") {
            if (here && below(2))
                continue;
            buf_adds(out, separator);
            mutate(e, out, at);
        }
        if (here && below(2)) {
            buf_adds(out, *separator || out->data[out->len - 1] != '[' ? "," : "");
            value(out, 1);
        }
        buf_addc(out, ']');
        break;
    case JSON_OBJECT:
        buf_addc(out, '{');
        for (const struct json *e = json_first(v); e; e = json_next(e)) {
            struct jsonw w;

            if (here && below(2))
                continue;
            buf_adds(out, separator);
            w = jsonw_start(out);
            jsonw_text(&w, NULL, json_key(e));
            buf_addc(out, ':');
            mutate(e, out, at);
            separator = ",";
        }
        if (here && below(2))
            buf_addf(out, "%s\"%s\":1", separator, ONE_OF(names));
        buf_addc(out, '}');
        break;
    default: {
        struct jsonw w = jsonw_start(out);

        jsonw_value(&w, NULL, v);
    }
    }
}

/* --- schemas ------------------------------------------------------------------------------------------------------ */

static const char *const patterns[] = { "^a", "b$", "^[a-z]+$", "[0-9]", "^(ab|x1)?$", "^x", "^.{2,4}$", "^(?!a)", "\\\\d{2}" };

static void schema(struct buf *out, unsigned depth);

static void keyword(struct buf *out, bool *any, const char *name)
{
    buf_addf(out, "%s\"%s\":", *any ? "," : "", name);
    *any = true;
}

static void schemas(struct buf *out, unsigned depth, unsigned n)
{
    buf_addc(out, '[');
    for (unsigned i = 0; i < n; i++) {
        if (i)
            buf_addc(out, ',');
        schema(out, depth);
    }
    buf_addc(out, ']');
}

static void number_rules(struct buf *out, bool *any)
{
    static const char *const bounds[] = { "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf" };

    for (size_t i = 0; i < 5; i++)
        if (below(4) == 0) {
            keyword(out, any, bounds[i]);
            buf_adds(out, i == 4 ? (below(2) ? "2" : "0.5") : ONE_OF(numbers));
        }
}

static void string_rules(struct buf *out, bool *any)
{
    if (below(3) == 0) {
        keyword(out, any, "minLength");
        buf_addf(out, "%u", below(3));
    }
    if (below(3) == 0) {
        keyword(out, any, "maxLength");
        buf_addf(out, "%u", 1 + below(5));
    }
    if (below(3) == 0) {
        keyword(out, any, "pattern");
        buf_addf(out, "\"%s\"", ONE_OF(patterns));
    }
}

static void object_rules(struct buf *out, bool *any, unsigned depth)
{
    if (below(4) > 0) {
        const unsigned n = 1 + below(3), first = below(sizeof names / sizeof *names);

        keyword(out, any, "properties");
        buf_addc(out, '{');
        for (unsigned i = 0; i < n; i++) {
            buf_addf(out, "%s\"%s\":", i ? "," : "", names[(first + i) % (sizeof names / sizeof *names)]);
            schema(out, depth - 1);
        }
        buf_addc(out, '}');
    }
    if (below(3) == 0) {
        keyword(out, any, "required");
        buf_addf(out, "[\"%s\"]", ONE_OF(names));
    }
    if (below(3) == 0) {
        keyword(out, any, "additionalProperties");
        if (below(2))
            buf_adds(out, "false");
        else
            schema(out, depth - 1);
    }
    if (below(4) == 0) {
        keyword(out, any, "patternProperties");
        buf_addf(out, "{\"%s\":", ONE_OF(patterns));
        schema(out, depth - 1);
        buf_addc(out, '}');
    }
    if (below(6) == 0) {
        keyword(out, any, "minProperties");
        buf_addf(out, "%u", below(3));
    }
    if (below(6) == 0) {
        keyword(out, any, "maxProperties");
        buf_addf(out, "%u", 1 + below(3));
    }
    if (below(8) == 0) {
        keyword(out, any, "propertyNames");
        buf_addf(out, "{\"maxLength\":%u}", 2 + below(2));
    }
    if (below(8) == 0) {
        keyword(out, any, "dependentRequired");
        buf_addf(out, "{\"%s\":[\"%s\"]}", ONE_OF(names), ONE_OF(names));
    }
    if (below(10) == 0) {
        keyword(out, any, "dependentSchemas");
        buf_addf(out, "{\"%s\":", ONE_OF(names));
        schema(out, depth - 1);
        buf_addc(out, '}');
    }
}

static void array_rules(struct buf *out, bool *any, unsigned depth)
{
    if (below(3) == 0) {
        keyword(out, any, "prefixItems");
        schemas(out, depth - 1, 1 + below(2));
    }
    if (below(2)) {
        keyword(out, any, "items");
        schema(out, depth - 1);
    }
    if (below(4) == 0) {
        keyword(out, any, "minItems");
        buf_addf(out, "%u", below(3));
    }
    if (below(4) == 0) {
        keyword(out, any, "maxItems");
        buf_addf(out, "%u", 1 + below(3));
    }
    if (below(5) == 0) {
        keyword(out, any, "contains");
        schema(out, depth - 1);
        if (below(3) == 0) {
            keyword(out, any, "maxContains");
            buf_addf(out, "%u", 1 + below(2));
        }
    }
}

static void alternatives(struct buf *out, bool *any, unsigned depth)
{
    switch (below(6)) {
    case 0:
        keyword(out, any, "anyOf");
        schemas(out, depth - 1, 2);
        break;
    case 1:
        keyword(out, any, "oneOf");
        schemas(out, depth - 1, 2);
        break;
    case 2:
        keyword(out, any, "allOf");
        schemas(out, depth - 1, 2);
        break;
    case 3:
        keyword(out, any, "not");
        schema(out, depth - 1);
        break;
    case 4:
        keyword(out, any, "if");
        schema(out, depth - 1);
        keyword(out, any, "then");
        schema(out, depth - 1);
        if (below(2)) {
            keyword(out, any, "else");
            schema(out, depth - 1);
        }
        break;
    default:
        keyword(out, any, "$ref");
        buf_adds(out, below(2) ? "\"#\"" : "\"#/$defs/d\"");
    }
}

static void schema(struct buf *out, unsigned depth)
{
    static const char *const types[] = { "integer", "number", "string", "object", "array", "boolean", "null" };
    bool any = false;

    if (depth == 0 && below(4) == 0) {
        buf_adds(out, below(4) ? "true" : "false");
        return;
    }
    buf_addc(out, '{');
    if (below(3) > 0) {
        keyword(out, &any, "type");
        if (below(4) == 0)
            buf_addf(out, "[\"%s\",\"null\"]", types[below(6)]);
        else
            buf_addf(out, "\"%s\"", ONE_OF(types));
    }
    if (below(7) == 0) {
        keyword(out, &any, "enum");
        buf_addc(out, '[');
        value(out, 1);
        for (unsigned i = below(3); i; i--) {
            buf_addc(out, ',');
            value(out, 1);
        }
        buf_addc(out, ']');
    } else if (below(10) == 0) {
        keyword(out, &any, "const");
        value(out, 1);
    }
    if (below(3) == 0)
        number_rules(out, &any);
    if (below(3) == 0)
        string_rules(out, &any);
    if (depth && below(2))
        object_rules(out, &any, depth);
    if (depth && below(3) == 0)
        array_rules(out, &any, depth);
    if (depth && below(3) == 0)
        alternatives(out, &any, depth);
    buf_addc(out, '}');
}

#endif
