/*
 * tests/infer/notation_texts.h - the notations that models have, and members of TAGS text taken apart.
 */
#ifndef TESTS_INFER_NOTATION_TEXTS_H
#define TESTS_INFER_NOTATION_TEXTS_H

#include <string.h>

#include "infer/notation.h"
#include "util/json.h"

#define MARK(text_) { .text = (text_), .len = sizeof(text_) - 1 }
#define DSML "\xef\xbd\x9c" "DSML" "\xef\xbd\x9c"

enum { QWEN, GLM, DEEPSEEK, GEMMA, FUNCTION_GEMMA, N_NOTATIONS };

static const struct notation notations[N_NOTATIONS] = {
    [QWEN] = { .kind = NOTATION_TAGS, .key_open = MARK("<parameter="), .key_close = MARK(">\n"), .value_close = MARK("\n</parameter>\n") },
    [GLM] = { .kind = NOTATION_TAGS, .key_open = MARK("<arg_key>"), .key_close = MARK("</arg_key>\n<arg_value>"),
              .value_close = MARK("</arg_value>\n") },
    [DEEPSEEK] = { .kind = NOTATION_TAGS, .key_open = MARK("<" DSML "parameter name=\""), .key_close = MARK("\" string=\"false\">"),
                   .text_close = MARK("\" string=\"true\">"), .value_close = MARK("</" DSML "parameter>\n") },
    [GEMMA] = { .kind = NOTATION_MARKED, .quote = MARK("<|\"|>") },
    [FUNCTION_GEMMA] = { .kind = NOTATION_MARKED, .quote = MARK("<escape>") },
};

/* Where the mark stands first; NULL: nowhere. */
static inline const char *find_mark(const char *text, const char *end, const struct notation_mark *mark)
{
    return mark->text ? memmem(text, (size_t)(end - text), mark->text, mark->len) : NULL;
}

static inline bool skip_mark(const char **text, const char *end, const struct notation_mark *mark)
{
    if ((size_t)(end - *text) < mark->len || memcmp(*text, mark->text, mark->len) != 0)
        return false;
    *text += mark->len;
    return true;
}

/* One member from *text on; 0, or -1. */
static inline int read_tag(const struct notation *n, const struct schema *parameters, const char **text, const char *end, struct buf *json,
                           struct err *err)
{
    const char *name, *close, *told, *value;
    char key[256];
    int string = n->text_close.text ? 0 : -1;
    struct jsonw w = jsonw_start(json);

    if (!skip_mark(text, end, &n->key_open))
        return fail(err, CORAX_E_ARGS, "a member is expected");
    name = *text;
    close = find_mark(name, end, &n->key_close);
    told = find_mark(name, end, &n->text_close);
    if (told && (!close || told < close)) {
        close = told;
        string = 1;
    }
    if (!close || (size_t)(close - name) >= sizeof key)
        return fail(err, CORAX_E_ARGS, "a name is expected");
    memcpy(key, name, (size_t)(close - name));
    key[close - name] = '\0';
    value = close + (string == 1 ? n->text_close.len : n->key_close.len);
    close = find_mark(value, end, &n->value_close);
    if (!close)
        return fail(err, CORAX_E_ARGS, "a value has no end");
    *text = close + n->value_close.len;
    jsonw_text(&w, NULL, key);
    buf_addc(json, ':');
    return notation_read_value(parameters, key, value, (size_t)(close - value), string, json, err);
}

/* Arguments of any of them to one JSON object. */
static inline int read_arguments(const struct notation *n, const struct schema *parameters, const char *text, size_t len, struct buf *json,
                                 struct err *err)
{
    const char *end = text + len;

    if (n->kind == NOTATION_MARKED)
        return notation_read_marked(n, text, len, json, err);
    buf_addc(json, '{');
    while (text < end) {
        if (json->data[json->len - 1] != '{')
            buf_addc(json, ',');
        if (read_tag(n, parameters, &text, end, json, err) < 0)
            return -1;
    }
    buf_addc(json, '}');
    return 0;
}

#endif
