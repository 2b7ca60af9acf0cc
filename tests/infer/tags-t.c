/* infer/tags.c: what structural tags let through and what they do not, as bytes and with marks that are tokens; and files that make no sense. */
#include "infer/tags.h"

#include "infer/constraint.h"
#include "tests/infer/marks_vocab.h"
#include "tests/tap.h"

static struct tokenizer *tokenizer;
static struct mask_vocabulary *vocabulary;

static int build(void *arg, struct program_builder *b, struct shapes *shapes, uint32_t *start, struct err *err)
{
    struct symbol symbol;

    if (tags_add(arg, b, shapes, &symbol, err) < 0)
        return -1;
    *start = program_rule(b, 1);
    program_put(b, *start, 0, &symbol, 1);
    return 0;
}

static struct matcher *make(struct tags *t, struct err *err)
{
    static const struct json_style style = { .blanks = 1, .ordered = true, .escapes = true };

    return t ? matcher_create(vocabulary, build, t, &style, NULL, err) : NULL;
}

/* Control tokens in the text are those tokens. */
static bool reads(struct matcher *m, const char *text)
{
    struct tokens list = { 0 };
    bool good = true;

    matcher_restart(m);
    tokenizer_encode_with(tokenizer, TOKENIZER_SPECIAL, text, strlen(text), &list, NULL);
    for (size_t i = 0; i < list.n && good; i++)
        good = matcher_read_token(m, list.ids[i]);
    tokens_finish(&list);
    return good && matcher_is_done(m);
}

#define ON  "{\"triggers\":[\"<f=\",\"[TOOL_CALLS]\"],\"structures\":["
#define SUM "{\"begin\":\"<f=sum>\",\"pattern\":\"[0-9]+\",\"end\":\"</f>\"}"
#define OBJ "{\"begin\":\"<f=obj>\",\"schema\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\"]},\"end\":\"</f>\"}"
#define GBN "{\"begin\":\"[TOOL_CALLS]x\",\"grammar\":\"root ::= [a-c] root | \\\"!\\\"\",\"end\":\"[/INST]\"}"

static void check(const char *file, const char *const *good, const char *const *bad)
{
    struct err err = { 0 };
    struct tags *t = tags_parse(file, strlen(file), tokenizer, &err);
    struct matcher *m = make(t, &err);

    if (!ok(m != NULL, "builds: %.70s", file))
        diag("%s", err.msg);
    for (; m && *good; good++)
        ok(reads(m, *good), "may be written: %s", *good);
    for (; m && *bad; bad++)
        ok(!reads(m, *bad), "may not: %s", *bad);
    matcher_destroy(m);
    tags_destroy(t);
}

static void refuse(const char *file, const char *message)
{
    struct err err = { 0 };
    struct tags *t = tags_parse(file, strlen(file), tokenizer, &err);
    struct matcher *m = make(t, &err);

    if (!ok(!m && strstr(err.msg, message), "refused: %s", message))
        diag("got \"%s\" for %s", err.msg, file);
    matcher_destroy(m);
    tags_destroy(t);
}

int main(void)
{
    struct buf b;
    struct gguf *g = marks_gguf(false, &b);

    plan_later();
    tokenizer = tokenizer_create(g, NULL);
    vocabulary = mask_vocabulary_create(tokenizer, NULL);
    gguf_close(g);
    buf_finish(&b);
    check(ON SUM "," OBJ "," GBN "]}",
          (const char *const[]){ "", "any text < f=", "a <f=sum>12</f> b", "<f=sum>1</f><f=obj>{\"a\": 5}</f>", "x[TOOL_CALLS]xabc![/INST]y", "<f", NULL },
          (const char *const[]){ "a <f=", "a <f=sum>", "<f=sum>x</f>", "<f=obj>{}</f>", "<f=other>1</f>", "<f=sum>1", "[TOOL_CALLS]y", "[TOOL_CALLS]xab[/INST]",
                                 "a [/INST]", NULL });
    check(ON SUM "," GBN "],\"at_least_one\":true,\"stop_after_first\":true}", (const char *const[]){ "a<f=sum>1</f>", "[TOOL_CALLS]x![/INST]", NULL },
          (const char *const[]){ "", "a", "<f=sum>1</f> ", "<f=sum>1</f><f=sum>1</f>", NULL });
    refuse("{", "line 1");
    refuse("{}", "triggers: not an array");
    refuse("{\"triggers\":[\"\"],\"structures\":[" SUM "]}", "triggers[0]: an empty text");
    refuse("{\"triggers\":[1],\"structures\":[" SUM "]}", "triggers[0]: not a string");
    refuse("{\"triggers\":[\"<f=\"],\"structures\":[]}", "structures: not an array");
    refuse(ON "1]}", "structures[0]: not an object");
    refuse(ON "{\"begin\":\"<g=sum>\",\"pattern\":\"a\",\"end\":\"\"}]}", "structures[0]: begin: does not begin with one of the triggers");
    refuse(ON "{\"begin\":\"<f=sum>\",\"end\":\"\"}]}", "structures[0]: needs one of schema, grammar and pattern");
    refuse(ON SUM ",{\"begin\":\"<f=sum>\",\"pattern\":\"(a\",\"end\":\"\"}]}", "structures[1]: pattern");
    refuse(ON "{\"begin\":\"<f=sum>\",\"schema\":{\"type\":\"string\",\"pattern\":\"(a)\\\\1\"},\"end\":\"\"}]}", "structures[0]: /: pattern");
    refuse(ON "{\"begin\":\"<f=sum>\",\"grammar\":\"root ::= x\",\"end\":\"\"}]}", "structures[0]:");
    mask_vocabulary_destroy(vocabulary);
    tokenizer_destroy(tokenizer);
    done();
    return tap_status();
}
