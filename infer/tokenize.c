/* corax-infer tokenize: text to token ids.  Works with vocabulary-only files too. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infer/command.h"
#include "infer/gguf.h"
#include "util/file.h"

static int print_tokens(const struct tokenizer *t, const char *text, size_t len, bool json, struct err *err)
{
    struct tokens tokens = { 0 };
    int result = tokenizer_encode(t, text, len, &tokens, err);

    if (result == 0) {
        fputs(json ? "{\"tokens\":[" : "", stdout);
        for (size_t i = 0; i < tokens.n; i++)
            printf("%s%" PRId32, i == 0 ? "" : json ? "," : " ", tokens.ids[i]);
        puts(json ? "]}" : "");
    }
    tokens_finish(&tokens);
    return result;
}

static const char *check(const struct args *a)
{
    return !a->text == !a->file ? "needs either TEXT or --file" : NULL;
}

static int run(const struct args *a, struct err *err)
{
    struct gguf *g;
    struct tokenizer *t = NULL;
    struct buf text;
    int result = -1;

    g = gguf_open(a->model, err);
    if (!g)
        return -1;
    buf_init(&text, TOKENIZER_MAX_TEXT);
    t = tokenizer_create(g, err);
    if (t && a->file)
        result = file_read(a->file, &text, err);
    else if (t) {
        buf_adds(&text, a->text);
        result = 0;
    }
    if (result == 0)
        result = print_tokens(t, text.data, text.len, a->json, err);
    buf_finish(&text);
    tokenizer_destroy(t);
    gguf_close(g);
    return result;
}

const struct command command_tokenize = {
    .name = "tokenize",
    .arguments = "MODEL TEXT | --file FILE [--json]",
    .what = "Prints the token ids of a text.",
    .options = " json file ",
    .takes_text = true,
    .check = check,
    .run = run,
};
