/* corax-infer embed: a text as one vector of length 1, the model's last hidden states, pooled as its file says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/command.h"
#include "util/json.h"

#define MAX_OUTPUT ((size_t)64 << 20)

static void print(const float *vector, size_t n, bool json)
{
    struct buf out;
    struct jsonw w;

    buf_init(&out, MAX_OUTPUT);
    if (json) {
        w = jsonw_start(&out);
        jsonw_object(&w, NULL);
        jsonw_array(&w, "embedding");
        for (size_t i = 0; i < n; i++)
            jsonw_number(&w, NULL, (double)vector[i]);
        jsonw_end(&w);
        jsonw_end(&w);
    } else {
        for (size_t i = 0; i < n; i++)
            buf_addf(&out, "%s%.8g", i ? " " : "", (double)vector[i]);
    }
    buf_addc(&out, '\n');
    fwrite(out.data, 1, out.len, stdout);
    buf_finish(&out);
}

static int embed(const struct args *a, struct engine *e, const struct buf *text, struct err *err)
{
    const struct tokenizer *t = engine_tokenizer(e);
    struct session *s = session_create(e, err);
    struct tokens tokens = { 0 };
    float *vector = NULL;
    size_t n = 0;
    int rc = s ? 0 : -1;

    if (rc == 0)
        rc = tokenizer_encode_with(t, TOKENIZER_BEGIN | TOKENIZER_END, text->data, text->len, &tokens, err);
    if (rc == 0)
        rc = session_embed(s, tokens.ids, tokens.n, &vector, &n, err);
    if (rc == 0)
        print(vector, n, a->json);
    free(vector);
    tokens_finish(&tokens);
    session_destroy(s);
    return rc;
}

static int run(const struct args *a, struct err *err)
{
    struct engine *e;
    struct buf text;
    int rc = 0;

    buf_init(&text, TOKENIZER_MAX_TEXT);
    if (a->file)
        rc = command_read(a->file, &text, err);
    else
        buf_adds(&text, a->text);
    if (rc == 0) {
        e = engine_open(a->model, &a->engine, err);
        rc = e ? embed(a, e, &text, err) : -1;
        engine_close(e);
    }
    buf_finish(&text);
    return rc;
}

static const char *check(const struct args *a)
{
    return !a->text == !a->file ? "needs either TEXT or --file" : NULL;
}

const struct command command_embed = {
    .name = "embed",
    .arguments = "MODEL TEXT | --file FILE [--json]",
    .what = "Prints a text as one vector of length 1: the model's last hidden states, pooled as its file says.",
    .options = " json file ",
    .takes_text = true,
    .check = check,
    .runs_model = true,
    .run = run,
};
