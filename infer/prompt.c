/* corax-infer prompt: what a model is given for a chat, as text or as tokens.  Works with vocabulary-only files too. */
#include <stdio.h>
#include <string.h>

#include "infer/chat_tools.h"
#include "infer/command.h"
#include "infer/gguf.h"
#include "util/json.h"

#define MAX_INPUT  ((size_t)16 << 20)
#define MAX_OUTPUT ((size_t)256 << 20)
#define MAX_VALUES 2000000

static void add_text(const struct tokenizer *t, const struct tokens *list, struct buf *out)
{
    for (size_t i = 0; i < list->n; i++) {
        size_t len;
        const char *text = tokenizer_bytes(t, list->ids[i], &len);

        if (len == 0)
            text = tokenizer_name(t, list->ids[i], &len);
        buf_add(out, text, len);
    }
}

static int print(const struct args *a, const struct dialect *d, const struct tokenizer *t, const struct tokens *list, struct err *err)
{
    struct buf text, line;
    struct jsonw w;
    int result = 0;

    buf_init(&text, MAX_OUTPUT);
    buf_init(&line, MAX_OUTPUT);
    add_text(t, list, &text);
    if (a->json) {
        w = jsonw_start(&line);
        jsonw_object(&w, NULL);
        jsonw_text(&w, "dialect", dialect_name(d));
        jsonw_string(&w, "text", text.data ? text.data : "", text.len);
        jsonw_array(&w, "tokens");
        for (size_t i = 0; i < list->n; i++)
            jsonw_int(&w, NULL, list->ids[i]);
        jsonw_end(&w);
        jsonw_end(&w);
        buf_addc(&line, '\n');
    } else {
        buf_add(&line, text.data ? text.data : "", text.len);
    }
    if (text.failed || line.failed)
        result = fail(err, CORAX_E_LIMIT, "more than %zu bytes to show", MAX_OUTPUT);
    else
        fwrite(line.data, 1, line.len, stdout);
    buf_finish(&text);
    buf_finish(&line);
    return result;
}

static int show_turn(const struct args *a, const struct dialect *d, const struct tokenizer *t, struct mask_vocabulary *v, const struct json *chat,
                     struct chat_tools *tools, struct err *err)
{
    struct dialect_request q = { .messages = json_get(chat, "messages") };
    struct turn turn;
    int result;

    if (json_get(chat, "thinking"))
        q.thinking = json_bool(json_get(chat, "thinking"), true) ? THINKING_ON : THINKING_OFF;
    result = chat_tools_turn(tools, d, v, &q, MAX_OUTPUT, &turn, err);
    if (tools->disabled.len > 0)
        fprintf(stderr, "left out: [%.*s]\n", (int)tools->disabled.len, tools->disabled.data);
    if (result < 0)
        return -1;
    result = print(a, d, t, &turn.prompt, err);
    turn_finish(&turn);
    return result;
}

static int show(const struct args *a, const struct dialect *d, const struct tokenizer *t, const struct json *chat, struct err *err)
{
    struct chat_tools_shelf shelf = { 0 };
    struct mask_vocabulary *v = mask_vocabulary_create(t, err);
    size_t len = 0;
    const char *list = json_raw(json_get(chat, "tools"), &len);
    struct chat_tools *tools = v ? chat_tools_get(&shelf, list, len, json_bool(json_get(chat, "lenient"), false), err) : NULL;
    const int result = tools ? show_turn(a, d, t, v, chat, tools, err) : -1;

    chat_tools_put(&shelf, tools);
    chat_tools_shelf_finish(&shelf);
    mask_vocabulary_destroy(v);
    return result;
}

static int run(const struct args *a, struct err *err)
{
    struct gguf *g = gguf_open(a->model, err);
    struct tokenizer *t = g ? tokenizer_create(g, err) : NULL;
    struct dialect *d = t ? command_dialect(a, g, t, err) : NULL;
    struct json *chat = NULL;
    struct buf text;
    int result = -1;

    buf_init(&text, MAX_INPUT);
    if (d && command_read(a->file ? a->file : "-", &text, err) == 0)
        chat = json_parse_large(text.data ? text.data : "", text.len, MAX_VALUES, err);
    if (chat)
        result = show(a, d, t, chat, err);
    json_free(chat);
    buf_finish(&text);
    dialect_close(d);
    tokenizer_destroy(t);
    gguf_close(g);
    return result;
}

const struct command command_prompt = {
    .name = "prompt",
    .arguments = "MODEL [--file CHAT] [--dialect NAME] [--template FILE] [--json]",
    .what = "Shows what a model is given for a chat: the parameters of a chat request, in a file or on standard input.",
    .options = " file dialect template json ",
    .run = run,
};
