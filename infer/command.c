#include "infer/command.h"

#include <stdio.h>
#include <string.h>

#include "infer/jinja.h"
#include "util/file.h"

int command_read(const char *path, struct buf *out, struct err *err)
{
    char chunk[16384];
    size_t n;

    if (strcmp(path, "-") != 0)
        return file_read(path, out, err);
    while ((n = fread(chunk, 1, sizeof chunk, stdin)) > 0 && !out->failed)
        buf_add(out, chunk, n);
    if (ferror(stdin))
        return fail_sys(err, CORAX_E_IO, "read standard input");
    return out->failed ? fail(err, CORAX_E_LIMIT, "standard input: has more than %zu bytes, or memory ran out", out->limit) : 0;
}

struct dialect *command_dialect(const struct args *a, const struct gguf *g, const struct tokenizer *t, struct err *err)
{
    struct dialect_options options = { .name = a->dialect };
    struct dialect *d = NULL;
    struct buf text;

    buf_init(&text, JINJA_MAX_TEXT);
    if (!a->chat_template || command_read(a->chat_template, &text, err) == 0) {
        options.template_text = a->chat_template && !text.data ? "" : text.data;
        options.template_len = text.len;
        d = dialect_open(g, t, &options, err);
    }
    buf_finish(&text);
    return d;
}
