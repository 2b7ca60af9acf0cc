/*
 * What screens read: up to the first NUL the bytes are a tool's schema, up to the second a call's arguments, then the result of a
 * screening tool.  Arguments that are written must be an object with a list of as many texts, each once and none empty, of which none
 * has a '>' but in a bond; findings that are read must be words, each once.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/screening.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(bool good)
{
    if (!good)
        abort();
}

static void check_value(const struct json *list, const struct json *value)
{
    const char *text = json_text(value);

    expect(text && *text);
    for (const char *p = strchr(text, '>'); p; p = strchr(p + 1, '>'))
        expect(p > text && p[-1] == '-');
    for (const struct json *j = json_first(list); j != value; j = json_next(j))
        expect(strcmp(json_text(j), text) != 0);
}

static size_t write_arguments(const char *schema, size_t schema_len, const char *text, size_t len)
{
    static const struct screen screen = { "f/s", "a.b", "values", "molecule" };
    const struct tool tool = { .name = "x", .args_schema = schema, .args_schema_len = schema_len };
    struct json *args = json_parse(text, len, NULL), *made;
    const struct json *list;
    size_t n = 0;
    struct buf out;

    buf_init(&out, SCREENING_MAX_BYTES);
    if (args && screening_write(&tool, &screen, args, &out, &n, NULL) == 0) {
        made = json_parse(out.data, out.len, NULL);
        list = json_get(made, "values");
        expect(json_kind(list) == JSON_ARRAY && json_count(list) == n && n <= SCREENING_MAX_VALUES);
        for (const struct json *j = json_first(list); j; j = json_next(j))
            check_value(list, j);
        json_free(made);
    }
    json_free(args);
    buf_finish(&out);
    return n;
}

static void read_result(const char *text, size_t len, size_t n)
{
    const struct tool_result result = { .structured = text, .structured_len = len };
    struct screening_findings found;

    if (screening_read(&result, n, &found, NULL) < 0)
        return;
    expect(found.n <= SCREEN_MAX_FINDINGS);
    for (size_t i = 0; i < found.n; i++) {
        expect(screen_is_finding(found.words[i]));
        for (size_t k = 0; k < i; k++)
            expect(strcmp(found.words[i], found.words[k]) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *text = (const char *)data, *end = text + len;
    const char *first = memchr(text, 0, len), *second = first ? memchr(first + 1, 0, (size_t)(end - first - 1)) : NULL;
    size_t n;

    if (!second)
        return 0;
    n = write_arguments(text, (size_t)(first - text), first + 1, (size_t)(second - first - 1));
    read_result(second + 1, (size_t)(end - second - 1), n);
    read_result(second + 1, (size_t)(end - second - 1), 1);
    return 0;
}
