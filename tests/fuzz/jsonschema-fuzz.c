/*
 * The first line is a schema, the rest a value.  Beyond not crashing or taking long: the verdict does not depend on whether
 * a message is wanted, a message is there when it is, and every value that the root lists as allowed is.
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *text = (const char *)data, *newline = memchr(data, '\n', len);
    size_t schema_len = newline ? (size_t)(newline - text) : len;
    struct err err = { 0 };
    struct jsonschema *js = jsonschema_compile(text, schema_len, &err);
    const struct schema *root;
    struct json *value;
    int rc;

    require(js || (err.status != 0 && err.msg[0]));
    if (!js)
        return 0;
    value = newline ? json_parse(newline + 1, len - schema_len - 1, NULL) : NULL;
    if (value) {
        err = (struct err){ 0 };
        rc = jsonschema_validate(js, value, &err);
        require(rc == 0 || (err.status == CORAX_E_ARGS && err.msg[0]));
        /* A pattern's budget is time, so only its verdicts may differ from one run to the next. */
        require(strstr(err.msg, "too long") || jsonschema_validate(js, value, NULL) == rc);
        json_free(value);
    }
    root = jsonschema_root(js);
    for (size_t i = 0; i < root->n_enum; i++) {
        value = json_parse(root->enum_json[i], strlen(root->enum_json[i]), NULL);
        require(value && jsonschema_validate(js, value, NULL) == 0);
        json_free(value);
    }
    jsonschema_destroy(js);
    return 0;
}
