/*
 * Any bytes as JSON.  Beyond not crashing: checking and parsing agree; what parses also parses as configuration; what is
 * written from the tree parses to an equal value; each value is found in the text at its pointer.
 */
#include "util/json.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FOUND 200 /* values looked up in one text: each lookup reads the text from its start */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool good)
{
    if (!good)
        abort();
}

static char *canonical(const struct json *json)
{
    struct buf out;
    char *text;

    buf_init(&out, 1 << 24);
    json_canonical(json, &out);
    text = buf_take(&out, NULL);
    require(text != NULL);
    return text;
}

static void require_equal(const struct json *a, const char *text, size_t len)
{
    struct json *b = json_parse(text, len, NULL);
    char *text_a = canonical(a), *text_b = canonical(b);

    require(b && strcmp(text_a, text_b) == 0);
    json_free(b);
    free(text_a);
    free(text_b);
}

static void add_token(struct buf *pointer, const char *key, size_t index)
{
    buf_addc(pointer, '/');
    if (!key)
        buf_addf(pointer, "%zu", index);
    for (; key && *key; key++)
        if (*key == '~' || *key == '/')
            buf_adds(pointer, *key == '~' ? "~0" : "~1");
        else
            buf_addc(pointer, *key);
}

static void find_all(const struct json *json, const char *text, size_t len, struct buf *pointer, int *n_found)
{
    size_t pointer_len = pointer->len, index = 0, value_len;
    const char *value;

    if (++*n_found > MAX_FOUND)
        return;
    require(json_find(text, len, pointer->data, &value, &value_len));
    require(value >= text && value + value_len <= text + len);
    require_equal(json, value, value_len);
    if (json_kind(json) == JSON_STRING) {
        struct buf out;

        buf_init(&out, len);
        require(json_unquote(value, value_len, &out) && strcmp(out.data, json_text(json)) == 0);
        buf_finish(&out);
    }
    for (const struct json *v = json_first(json); v; v = json_next(v), index++) {
        add_token(pointer, json_key(v), index);
        find_all(v, text, len, pointer, n_found);
        pointer->len = pointer_len;
        pointer->data[pointer_len] = '\0';
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *text = (const char *)data, *value;
    struct err err = { 0 };
    struct json *json = json_parse(text, len, &err), *config = json_parse_config(text, len, NULL);
    struct buf out;
    struct jsonw w;
    size_t value_len;
    int n_found = 0;

    require((json_check(text, len, NULL) == 0) == (json != NULL));
    require(json || (err.status != 0 && err.msg[0]));
    require(config || !json);
    json_free(config);
    if (!json) {
        json_find(text, len, "/a/0", &value, &value_len); /* must be harmless */
        return 0;
    }
    buf_init(&out, 1 << 24);
    w = jsonw_start(&out);
    jsonw_value(&w, NULL, json);
    require(!out.failed);
    require_equal(json, out.data, out.len);
    buf_reset(&out);
    find_all(json, text, len, &out, &n_found);
    buf_finish(&out);
    json_free(json);
    return 0;
}
