/* corax-infer tokenize: text to token ids, and ids to text.  Works with vocabulary-only files too. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infer/command.h"
#include "infer/gguf.h"
#include "util/file.h"
#include "util/json.h"

#define MAX_OUTPUT ((size_t)64 << 20)

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

/* The bytes as they are, or with --json a string, in which bytes that are no UTF-8 are U+FFFD. */
static int print_text(const struct args *a, const struct tokenizer *t, struct err *err)
{
    struct detokenizer held = { 0 };
    struct tokens tokens = { 0 };
    struct buf bytes, text, line;
    int result = -1;

    buf_init(&bytes, MAX_OUTPUT);
    buf_init(&text, 3 * MAX_OUTPUT);
    buf_init(&line, 7 * MAX_OUTPUT);
    if (tokens_parse(&tokens, a->tokens, err) == 0)
        result = tokenizer_decode(t, tokens.ids, tokens.n, &bytes, err);
    if (result == 0 && a->json) {
        struct jsonw w = jsonw_start(&line);

        detokenizer_add(&held, bytes.data, bytes.len, &text);
        detokenizer_end(&held, &text);
        jsonw_object(&w, NULL);
        jsonw_string(&w, "text", text.data, text.len);
        jsonw_end(&w);
        puts(line.data);
    } else if (result == 0) {
        fwrite(bytes.data, 1, bytes.len, stdout);
        putchar('\n');
    }
    buf_finish(&line);
    buf_finish(&text);
    buf_finish(&bytes);
    tokens_finish(&tokens);
    return result;
}

static const char *check(const struct args *a)
{
    return !!a->text + !!a->file + !!a->tokens != 1 ? "needs one of TEXT, --file and --tokens" : NULL;
}

static int show(const struct args *a, const struct tokenizer *t, struct err *err)
{
    struct buf text;
    int result;

    if (a->tokens)
        return print_text(a, t, err);
    if (a->text)
        return print_tokens(a, t, a->text, strlen(a->text), err);
    buf_init(&text, TOKENIZER_MAX_TEXT);
    result = file_read(a->file, &text, err);
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
    .arguments = "MODEL TEXT | --file FILE | --tokens 1,2,3 [--special] [--ends] [--json]",
    .what = "Prints the token ids of a text, or the text of token ids.",
    .options = " json file tokens special ends ",
    .takes_text = true,
    .check = check,
    .run = run,
};
