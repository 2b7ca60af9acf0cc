/* mcp_header.c - see mcp_header.h. */

#include "tools/mcp_header.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "util/base64.h"

#define TOKEN "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~"
#define MAX_VALUE 8192 /* bytes of one; no server takes more in a header */

static bool is_name(const char *s)
{
    const size_t n = s ? strspn(s, TOKEN) : 0;

    return n > 0 && n <= MCP_HEADER_MAX_NAME && s[n] == '\0';
}

static bool may_have_one(const char *type)
{
    return strcmp(type, "string") == 0 || strcmp(type, "integer") == 0 || strcmp(type, "boolean") == 0;
}

static bool is_second(const struct json *properties, const struct json *p, const char *name)
{
    for (const struct json *q = json_first(properties); q && q != p; q = json_next(q))
        if (strcasecmp(json_get_text(q, "x-mcp-header", ""), name) == 0)
            return true;
    return false;
}

bool mcp_headers_are_good(const struct json *schema, char *why, size_t size)
{
    const struct json *properties = json_get(schema, "properties");

    for (const struct json *p = json_first(properties); p; p = json_next(p)) {
        const char *name = json_get_text(p, "x-mcp-header", NULL);
        const char *wrong = NULL;

        if (json_get(p, "x-mcp-header") == NULL)
            continue;
        if (!is_name(name))
            wrong = "is no name of a header";
        else if (!may_have_one(json_get_text(p, "type", "")))
            wrong = "is only for a string, an integer or a boolean";
        else if (is_second(properties, p, name))
            wrong = "is there twice";
        if (wrong) {
            snprintf(why, size, "x-mcp-header of %.60s %s", json_key(p), wrong);
            return false;
        }
    }
    return true;
}

void mcp_header_encode(const char *text, struct buf *out)
{
    const size_t n = strlen(text);
    bool plain = n == 0 || (text[0] != ' ' && text[n - 1] != ' ' && strncmp(text, "=?base64?", 9) != 0);

    for (size_t i = 0; i < n && plain; i++)
        plain = text[i] >= ' ' && text[i] <= '~';
    if (plain) {
        buf_add(out, text, n);
        return;
    }
    buf_adds(out, "=?base64?");
    base64_encode(out, text, n);
    buf_adds(out, "?=");
}

const char *mcp_header_value(const struct json *v)
{
    switch (json_kind(v)) {
    case JSON_STRING:
        return json_text(v);
    case JSON_NUMBER:
        return json_digits(v);
    case JSON_BOOL:
        return json_bool(v, false) ? "true" : "false";
    default:
        return NULL;
    }
}

void mcp_headers_each(const struct json *schema, const struct json *args, void (*add)(void *arg, const char *name, const char *value),
                      void *arg)
{
    char full[MCP_HEADER_MAX_NAME + 12];
    struct buf text;

    buf_init(&text, 2 * MAX_VALUE + 16);
    for (const struct json *p = json_first(json_get(schema, "properties")); p; p = json_next(p)) {
        const char *name = json_get_text(p, "x-mcp-header", NULL), *value = mcp_header_value(json_get(args, json_key(p)));

        if (!is_name(name) || value == NULL || strlen(value) > MAX_VALUE)
            continue;
        buf_reset(&text);
        mcp_header_encode(value, &text);
        snprintf(full, sizeof full, "Mcp-Param-%s", name);
        add(arg, full, text.data);
    }
    buf_finish(&text);
}
