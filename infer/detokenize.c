/* corax-infer detokenize: token ids to text, the inverse of tokenize.  Works with vocabulary-only files too. */
#include <stdio.h>
#include <string.h>

#include "infer/command.h"
#include "infer/gguf.h"
#include "util/json.h"

#define MAX_OUTPUT ((size_t)64 << 20)

/* The bytes as they are, or with --json a string, in which bytes that are no UTF-8 are U+FFFD. */
static int print_text(const struct args *a, const struct buf *bytes)
{
    struct detokenizer held = { 0 };
    struct buf text, line;
    struct jsonw w;

    if (!a->json) {
        fwrite(bytes->data, 1, bytes->len, stdout);
        return 0;
    }
    buf_init(&text, 3 * MAX_OUTPUT);
    buf_init(&line, 7 * MAX_OUTPUT);
    w = jsonw_start(&line);
    detokenizer_add(&held, bytes->data, bytes->len, &text);
    detokenizer_end(&held, &text);
    jsonw_object(&w, NULL);
    jsonw_string(&w, "text", text.data, text.len);
    jsonw_end(&w);
    puts(line.data);
    buf_finish(&line);
    buf_finish(&text);
    return 0;
}

static int read_tokens(const struct args *a, struct tokens *out, struct err *err)
{
    struct buf text;
    int rc;

    if (a->text)
        return tokens_parse(out, a->text, err);
    buf_init(&text, TOKENIZER_MAX_TEXT);
    rc = command_read(a->file, &text, err);
    if (rc == 0 && text.len > 0)
        rc = memchr(text.data, 0, text.len) ? fail(err, CORAX_E_ARGS, "%s: has a byte 0, and wants numbers", a->file)
                                            : tokens_parse(out, text.data, err);
    buf_finish(&text);
    return rc;
}

static int run(const struct args *a, struct err *err)
{
    struct gguf *g = gguf_open(a->model, err);
    struct tokenizer *t = g ? tokenizer_create(g, err) : NULL;
    struct tokens tokens = { 0 };
    struct buf bytes;
    int rc = -1;

    buf_init(&bytes, MAX_OUTPUT);
    if (t && read_tokens(a, &tokens, err) == 0 && tokenizer_decode(t, tokens.ids, tokens.n, &bytes, err) == 0)
        rc = print_text(a, &bytes);
    buf_finish(&bytes);
    tokens_finish(&tokens);
    tokenizer_destroy(t);
    gguf_close(g);
    return rc;
}

static const char *check(const struct args *a)
{
    return !a->text == !a->file ? "needs either token ids or --file" : NULL;
}

const struct command command_detokenize = {
    .name = "detokenize",
    .arguments = "MODEL 1,2,3 | --file FILE [--json]",
    .what = "Prints the text of token ids, as it is: without a line's end behind it.",
    .options = " json file ",
    .takes_text = true,
    .check = check,
    .run = run,
};
