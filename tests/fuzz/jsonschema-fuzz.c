/*
 * The first line is a schema, the rest a value.  Beyond not crashing or taking long: the verdict does not depend on whether
 * a message is wanted, nor on how the value is written; a message is there when it is wanted; what a strict reader accepts a
 * lenient one does, and they agree on the value; and every schema of the graph has a place.
 */
#include "util/jsonschema.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool good)
{
    if (!good)
        abort();
}

static void walk(const struct schema *s, int depth)
{
    if (!s || depth == 6)
        return;
    require(s->pointer && (s->types & ~(unsigned)SCHEMA_ANY) == 0);
    for (size_t i = 0; i < s->n_properties; i++) {
        require(strlen(s->properties[i].name) == s->properties[i].len);
        require(s->properties[i].schema || s->properties[i].required);
        walk(s->properties[i].schema, depth + 1);
    }
    for (size_t i = 0; i < s->n_any_of; i++)
        walk(s->any_of[i], depth + 1);
    walk(s->items, depth + 1);
    walk(s->ref, depth + 1);
}

/* The value in its canonical form, which is the same value. */
static struct json *rewrite(const struct json *value)
{
    struct json *again = NULL;
    struct buf text;

    buf_init(&text, 1 << 22);
    json_canonical(value, &text);
    if (!text.failed)
        again = json_parse(text.data, text.len, NULL);
    buf_finish(&text);
    return again;
}

/* Time and steps are budgets, which a message may use up before the verdict does. */
static bool is_budget(const struct err *err)
{
    return err->status == CORAX_E_LIMIT || strstr(err->msg, "too long") || strstr(err->msg, "may have");
}

/* by_digits: draft 4 looks at how a number is written. */
static void validate(const struct jsonschema *js, const struct jsonschema *other, const struct json *value, bool by_digits)
{
    struct err err = { 0 }, why = { 0 };
    int rc = jsonschema_validate(js, value, &err);
    struct json *again;

    require(rc == 0 || ((err.status == CORAX_E_ARGS || err.status == CORAX_E_LIMIT) && err.msg[0]));
    if (is_budget(&err))
        return;
    require(jsonschema_validate(js, value, NULL) == rc);
    if (other)
        require(jsonschema_validate(other, value, &why) == rc || is_budget(&why));
    again = rewrite(value);
    if (again && !by_digits)
        require(jsonschema_validate(js, again, &why) == rc || is_budget(&why));
    json_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct jsonschema_options strict = { .strict = true };
    const char *text = (const char *)data, *newline = memchr(data, '\n', len);
    size_t schema_len = newline ? (size_t)(newline - text) : len;
    struct err err = { 0 };
    struct jsonschema *js = jsonschema_compile(text, schema_len, NULL, &err), *same;
    struct json *value;

    require(js || (err.status != 0 && err.msg[0]));
    same = jsonschema_compile(text, schema_len, &strict, &err);
    require(js || !same);
    if (!js)
        return 0;
    walk(jsonschema_root(js), 0);
    value = newline ? json_parse(newline + 1, len - schema_len - 1, NULL) : NULL;
    if (value)
        validate(js, same, value, memmem(text, schema_len, "-04", 3) != NULL);
    json_free(value);
    jsonschema_destroy(same);
    jsonschema_destroy(js);
    return 0;
}
