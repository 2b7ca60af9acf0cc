/*
 * Renders templates as they come, for jinja_golden.py: each line of standard input is a JSON object with a template and
 * globals, each line of standard output one with "out", or with "error" (and "raised" where the template itself did it).
 */
#include "infer/jinja.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/infer/jinja_time.h"

#define MAX_LINE ((size_t)1 << 24)

static void answer(const char *line, size_t len)
{
    const struct jinja_options options = { .now = &jinja_time };
    struct err err = { 0 };
    struct json *j = json_parse(line, len, &err);
    const struct json *text = json_get(j, "template");
    struct jinja *template = text ? jinja_compile(json_text(text), strlen(json_text(text)), &err) : NULL;
    struct jinja_text out = { 0 };
    struct buf b;
    struct jsonw w;
    int rc = template ? jinja_render(template, json_get(j, "globals"), &options, &out, &err) : -1;

    buf_init(&b, MAX_LINE * 8);
    w = jsonw_start(&b);
    jsonw_object(&w, NULL);
    if (rc == 0)
        jsonw_string(&w, "out", out.s, out.len);
    else
        jsonw_text(&w, "error", err.msg);
    if (out.raised)
        jsonw_bool(&w, "raised", true);
    jsonw_end(&w);
    puts(b.data);
    buf_finish(&b);
    jinja_text_finish(&out);
    jinja_destroy(template);
    json_free(j);
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    setvbuf(stdout, NULL, _IOLBF, 0);
    while ((len = getline(&line, &cap, stdin)) > 0)
        answer(line, (size_t)len);
    free(line);
    return 0;
}
