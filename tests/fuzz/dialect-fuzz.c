/*
 * infer: the bytes are the messages of a chat, as JSON, rendered for the model.  What they say must not look like what frames
 * them: there are as many special tokens of each kind as the roles and calls make, whatever the texts hold, and what is
 * refused is refused with a sentence.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "infer/dialect.h"
#include "tests/fuzz/tiny_tokenizer.h"
#include "util/jsonschema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct counts {
    size_t system, user, call, obs, answer, end, other;
};

static void count_roles(const struct json *messages, struct counts *n)
{
    size_t at = 0;

    for (const struct json *m = json_first(messages); m; m = json_next(m), at++) {
        const char *role = json_get_text(m, "role", "");
        size_t n_calls = json_count(json_get(m, "calls"));

        n->system += at == 0 && strcmp(role, "system") == 0;
        n->user += strcmp(role, "user") == 0;
        if (strcmp(role, "assistant") == 0) {
            n->call += n_calls;
            n->answer += n_calls == 0;
            n->end += n_calls == 0;
        }
    }
}

struct special {
    int32_t begin, system, tools, user, call, obs, answer, end;
};

static struct special special_of(const struct tokenizer *t)
{
    return (struct special){ tokenizer_special(t, "<|begin|>"), tokenizer_special(t, "<|system|>"), tokenizer_special(t, "<|tools|>"),
                             tokenizer_special(t, "<|user|>"),  tokenizer_special(t, "<|call|>"),   tokenizer_special(t, "<|obs|>"),
                             tokenizer_special(t, "<|answer|>"), tokenizer_special(t, "<|end|>") };
}

static struct dialect *open_corax(const struct tokenizer *t)
{
    struct buf b;
    struct gguf *g;
    struct dialect *d;

    buf_init(&b, TINY_LIMIT);
    tiny_header(&b, 3, 0, 1);
    tiny_kv_string(&b, "corax.dialect", "corax-1");
    g = gguf_parse(b.data, b.len, NULL);
    d = dialect_open(g, t, NULL, NULL);
    gguf_close(g);
    buf_finish(&b);
    require(d != NULL);
    return d;
}

static void count_tokens(const struct tokenizer *t, const struct special *d, const struct tokens *list,
                         struct counts *n)
{
    size_t n_begin = 0, n_tools = 0;

    for (size_t i = 0; i < list->n; i++) {
        int32_t id = list->ids[i];

        n->system += id == d->system;
        n->user += id == d->user;
        n->call += id == d->call;
        n->obs += id == d->obs;
        n->answer += id == d->answer;
        n->end += id == d->end;
        n_begin += id == d->begin;
        n_tools += id == d->tools;
        n->other += tokenizer_type(t, id) != TOKEN_NORMAL;
    }
    require(n_begin == 1 && n_tools == 1 && list->ids[0] == d->begin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char schema[] = "{\"type\":\"object\",\"properties\":{\"n\":{},\"x\":{}},\"required\":[\"n\"]}";
    static struct tokenizer *tokenizer;
    static struct special special;
    static struct dialect *dialect;
    static struct jsonschema *js;
    struct json *messages = json_parse((const char *)data, len, NULL);
    struct counts want = { 0 }, got = { 0 };
    struct tokens list = { 0 };
    struct err err = { 0 };
    struct tool tools[2];
    struct dialect_request q = { .tools = tools, .n_tools = 2 };
    struct script script;

    if (!messages)
        return 0;
    if (!tokenizer) {
        tokenizer = tiny_tokenizer_create("corax");
        js = jsonschema_compile(schema, sizeof(schema) - 1, NULL, NULL);
        require(js != NULL);
        special = special_of(tokenizer);
        dialect = open_corax(tokenizer);
    }
    tools[0] = (struct tool){ "now", NULL };
    tools[1] = (struct tool){ "calc", jsonschema_root(js) };
    q.messages = messages;
    if (dialect_prompt(dialect, &q, &list, &script, &err) == 0) {
        count_roles(messages, &want);
        count_tokens(tokenizer, &special, &list, &got);
        require(want.system == got.system && want.user == got.user && want.call == got.call);
        require(want.answer == got.answer && want.end == got.end);
        require(got.obs == got.call || got.obs + 1 == got.call); /* the last call may be open */
    } else {
        require(err.status != 0 && err.msg[0]);
    }
    tokens_finish(&list);
    json_free(messages);
    return 0;
}
