/*
 * json-get POINTER          prints the value at an RFC 6901 pointer of the JSON on standard input; a string without quotes
 * json-get --count POINTER  how many elements or members it has
 *
 * Exits 1 when there is no such value.
 */
#include <stdio.h>
#include <string.h>

#include "util/json.h"

static int print(const struct buf *text, const char *pointer, bool count)
{
    struct err err = { 0 };
    struct json *v;
    const char *value;
    struct buf out;
    size_t n;

    if (json_check(text->data, text->len, &err) < 0) {
        fprintf(stderr, "json-get: %s\n", err.msg);
        return 1;
    }
    if (!json_find(text->data, text->len, pointer, &value, &n))
        return 1;
    buf_init(&out, 64u << 20);
    if (count) {
        v = json_parse(value, n, &err);
        printf("%zu\n", json_count(v));
        json_free(v);
    } else if (json_unquote(value, n, &out)) {
        printf("%s\n", out.data);
    } else {
        printf("%.*s\n", (int)n, value);
    }
    buf_finish(&out);
    return 0;
}

int main(int argc, char **argv)
{
    bool count = argc == 3 && strcmp(argv[1], "--count") == 0;
    struct buf text;
    char data[65536];
    size_t n;
    int status;

    if (argc < 2)
        return 2;
    buf_init(&text, 64u << 20);
    while ((n = fread(data, 1, sizeof(data), stdin)) > 0)
        buf_add(&text, data, n);
    status = print(&text, argv[argc - 1], count);
    buf_finish(&text);
    return status;
}
