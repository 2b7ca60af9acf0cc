/* corax-infer tokenize: text to token ids.  Works with vocabulary-only files too. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infer/command.h"
#include "infer/gguf.h"

static int print_tokens(const struct args *a, const struct tokenizer *t, const char *text, size_t len, struct err *err)
{
    const unsigned flags = (a->special ? TOKENIZER_SPECIAL : 0u) | (a->ends ? TOKENIZER_BEGIN | TOKENIZER_END : 0u);
    struct tokens tokens = { 0 };
    int result = tokenizer_encode_with(t, flags, text, len, &tokens, err);

    if (result == 0) {
        fputs(a->json ? "{\"tokens\":[" : "", stdout);
        for (size_t i = 0; i < tokens.n; i++)
            printf("%s%" PRId32, i == 0 ? "" : a->json ? "," : " ", tokens.ids[i]);
        puts(a->json ? "]}" : "");
    }
    tokens_finish(&tokens);
    return result;
}

static const char *check(const struct args *a)
{
    return !a->text == !a->file ? "needs either TEXT or --file" : NULL;
}

static int show(const struct args *a, const struct tokenizer *t, struct err *err)
{
    struct buf text;
    int result;

    if (a->text)
        return print_tokens(a, t, a->text, strlen(a->text), err);
    buf_init(&text, TOKENIZER_MAX_TEXT);
    result = command_read(a->file, &text, err);
    if (result == 0)
        result = print_tokens(a, t, text.data, text.len, err);
    buf_finish(&text);
    return result;
}

static int run(const struct args *a, struct err *err)
{
    struct gguf *g = gguf_open(a->model, err);
    struct tokenizer *t = g ? tokenizer_create(g, err) : NULL;
    int result = t ? show(a, t, err) : -1;

    tokenizer_destroy(t);
    gguf_close(g);
    return result;
}

const struct command command_tokenize = {
    .name = "tokenize",
    .arguments = "MODEL TEXT | --file FILE [--special] [--ends] [--json]",
    .what = "Prints the token ids of a text.",
    .options = " json file special ends ",
    .takes_text = true,
    .check = check,
    .run = run,
};
