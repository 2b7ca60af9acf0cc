/*
 * Chat templates: what published ones are found to be like against a table made by reading them, and what they make of
 * conversations against jinja2 (template_golden.py wrote it down), where they are at hand (CORAX_TEST_DATA, or
 * ../shared/data beside the source).  The templates that come with the program.
 * Not covered: tokens and errors (template_tokens-t.c); failing allocations (template_oom-t.c).
 */
#include <inttypes.h>

#include "infer/template.h"
#include "tests/infer/jinja_time.h"
#include "tests/infer/tiny_specials.h"
#include "tests/tap.h"
#include "util/file.h"

#define MAX_FILE ((size_t)1 << 24)

static const struct tiny_special specials[] = { { "<s>", TOKEN_CONTROL }, { "</s>", TOKEN_CONTROL } };
static struct tokenizer *tokenizer;

static struct json *read_vectors(void)
{
    const char *source = getenv("CORAX_SRCDIR");
    struct err err = { 0 };
    char path[1024];
    struct buf b;
    struct json *j = NULL;

    snprintf(path, sizeof path, "%s/tests/infer/vectors/template-conversations.json", source ? source : ".");
    buf_init(&b, MAX_FILE);
    if (file_read(path, &b, &err) == 0)
        j = json_parse(b.data, b.len, &err);
    if (!j)
        printf("Bail out! %s: %s\n", path, err.msg);
    buf_finish(&b);
    return j;
}

static struct template *open_text(const char *text, size_t len, struct err *err)
{
    return template_create(&(struct template_spec){ text, len, tokenizer, &jinja_time }, err);
}

/* NULL: it is not here. */
static struct template *open_published(const char *name, struct err *err)
{
    const char *data = getenv("CORAX_TEST_DATA"), *source = getenv("CORAX_SRCDIR");
    struct template *t = NULL;
    char path[1024];
    struct buf b;

    if (data)
        snprintf(path, sizeof path, "%s/chat-templates/%s", data, name);
    else
        snprintf(path, sizeof path, "%s/../shared/data/chat-templates/%s", source ? source : ".", name);
    buf_init(&b, MAX_FILE);
    if (file_read(path, &b, err) == 0)
        t = open_text(b.data, b.len, err);
    buf_finish(&b);
    return t;
}

/* --- published templates -------------------------------------------------------------------------------------------- */

static void traits_are(const char *name, const struct template_traits *t, const struct json *want)
{
    const struct {
        const char *name;
        bool got;
    } all[] = { { "system", t->system }, { "tools", t->tools }, { "calls", t->calls }, { "results", t->results },
                { "parallel", t->parallel } };
    size_t n_wrong = 0;

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const struct json *j = json_get(want, all[i].name);

        if (json_kind(j) == JSON_BOOL && json_bool(j, false) == all[i].got)
            continue;
        n_wrong++;
        diag("%s: %s", all[i].name, all[i].got ? "yes" : "no");
    }
    ok(n_wrong == 0, "%s: it is found out what it is like", name);
}

static uint64_t fnv(const char *s, size_t len)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)s[i]) * 0x100000001b3u;
    return h;
}

static bool conversation_is_good(const struct template *t, const struct json *c, const struct json *want)
{
    struct template_prompt p;
    struct err err = { 0 };
    char sum[64];
    bool good;

    if (template_render(t, json_get(c, "messages"), json_get(c, "tools"), json_bool(json_get(c, "thinking"), true) ? THINKING_ON : THINKING_OFF, &p,
                        &err) < 0) {
        good = json_text(want) ? strstr(err.msg, json_text(want)) != NULL : json_kind(want) == JSON_BOOL;
        if (!good)
            diag("got %s, want %s", err.msg, json_text(want));
        return good;
    }
    snprintf(sum, sizeof sum, "%016" PRIx64 " %zu", fnv(p.text.data, p.text.len), p.text.len);
    good = json_text(want) && strcmp(sum, json_text(want)) == 0;
    if (!good)
        diag("got %s, want %s: %.400s", sum, json_text(want) ? json_text(want) : "an error", p.text.data);
    if (!good && getenv("CORAX_TEMPLATE_SHOW"))
        printf("%s\n", p.text.data);
    template_prompt_finish(&p);
    return good;
}

static void test_published(void)
{
    struct json *vectors = read_vectors();
    size_t n_templates = 0;

    for (const struct json *e = json_first(json_get(vectors, "templates")); e; e = json_next(e)) {
        struct err err = { 0 };
        struct template *t = open_published(json_key(e), &err);
        size_t n = 0, n_good = 0;

        if (!t && err.status == CORAX_E_NOTFOUND)
            continue;
        n_templates++;
        if (!ok(t != NULL, "%s is read", json_key(e))) {
            diag("%s", err.msg);
            continue;
        }
        traits_are(json_key(e), template_traits(t), json_get(e, "traits"));
        for (const struct json *c = json_first(json_get(vectors, "conversations")); c; c = json_next(c), n++) {
            if (conversation_is_good(t, c, json_get(json_get(c, "expect"), json_key(e))))
                n_good++;
            else
                diag("%s, %s", json_key(e), json_get_text(c, "name", ""));
        }
        ok(n >= 25 && n_good == n, "%s: %zu conversations come out as in jinja2", json_key(e), n);
        template_destroy(t);
    }
    if (n_templates == 0)
        ok(true, "published templates # SKIP they are not here: set CORAX_TEST_DATA to the folder of test data");
    json_free(vectors);
}

/* --- ours ----------------------------------------------------------------------------------------------------------- */

static const char tools_text[] =
    "[{\"name\":\"weigh\",\"description\":\"Weighs.\",\"parameters\":"
    "{\"type\":\"object\",\"properties\":{\"what\":{\"type\":\"string\"}}}},"
    "{\"name\":\"add\"}]";
static const char talk_text[] =
    "[{\"role\":\"system\",\"parts\":[{\"type\":\"text\",\"text\":\"Be brief.\"}]},"
    "{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"text\":\"Hi\"}]},"
    "{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"text\":\"Ho\"}]},"
    "{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"text\":\"a\\r\\n\\n\\nb\"}]}]";
static const char calls_text[] =
    "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"text\":\"Hi\"}]},"
    "{\"role\":\"assistant\",\"calls\":[{\"id\":\"1\",\"name\":\"weigh\",\"arguments\":\"{\\\"what\\\":\\\"gold\\\"}\"},"
    "{\"id\":\"2\",\"name\":\"add\",\"arguments\":\"{}\"}]},"
    "{\"role\":\"tool\",\"call_id\":\"1\",\"name\":\"weigh\",\"parts\":[{\"type\":\"text\",\"text\":\"19\"}]},"
    "{\"role\":\"tool\",\"call_id\":\"2\",\"name\":\"add\",\"error\":true,\"parts\":[{\"type\":\"text\",\"text\":\"what?\"}]}]";

static void builtin_is(const char *name, const char *messages_text, const char *tools, const char *want)
{
    struct err err = { 0 };
    const char *text = template_builtin(name);
    struct template *t = text ? open_text(text, strlen(text), &err) : NULL;
    struct json *messages = json_parse(messages_text, strlen(messages_text), NULL);
    struct json *offered = tools ? json_parse(tools, strlen(tools), NULL) : NULL;
    struct template_prompt p;

    if (!t || template_render(t, messages, offered, THINKING_ON, &p, &err) < 0) {
        is_str(err.msg, want, name);
    } else {
        is_str(p.text.data, want, name);
        template_prompt_finish(&p);
    }
    json_free(offered);
    json_free(messages);
    template_destroy(t);
}

static void test_builtin(void)
{
    builtin_is("chatml", talk_text, NULL,
               "<s><|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHo<|im_end|>\n"
               "<|im_start|>user\na\r\n\n\nb<|im_end|>\n<|im_start|>assistant\n");
    builtin_is("chatml", calls_text, tools_text,
               "<s><|im_start|>system\n# Tools\n\nThe functions that can be called, as JSON, are:\n<tools>\n"
               "{\"type\": \"function\", \"function\": {\"name\": \"add\", \"description\": \"\", \"parameters\": "
               "{\"type\": \"object\", \"properties\": {}}}}\n"
               "{\"type\": \"function\", \"function\": {\"name\": \"weigh\", \"description\": \"Weighs.\", \"parameters\": "
               "{\"type\": \"object\", \"properties\": {\"what\": {\"type\": \"string\"}}}}}\n</tools>\n\n"
               "Each call is one JSON object with the function's name and its arguments:\n<tool_call>\n"
               "{\"name\": <name>, \"arguments\": <object>}\n</tool_call><|im_end|>\n"
               "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
               "<tool_call>\n{\"name\": \"weigh\", \"arguments\": {\"what\": \"gold\"}}\n</tool_call>\n"
               "<tool_call>\n{\"name\": \"add\", \"arguments\": {}}\n</tool_call><|im_end|>\n"
               "<|im_start|>user\n<tool_response>\n19\n</tool_response>\n<tool_response>\nerror: what?\n</tool_response><|im_end|>\n"
               "<|im_start|>assistant\n");
    builtin_is("llama-3", talk_text, NULL,
               "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
               "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
               "<|start_header_id|>assistant<|end_header_id|>\n\nHo<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n"
               "a\r\n\n\nb<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n");
    builtin_is("llama-3", calls_text, NULL,
               "<s><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
               "{\"name\": \"weigh\", \"parameters\": {\"what\": \"gold\"}}<|eot_id|>"
               "<|start_header_id|>ipython<|end_header_id|>\n\n\"19\"<|eot_id|>"
               "<|start_header_id|>assistant<|end_header_id|>\n\n{\"name\": \"add\", \"parameters\": {}}<|eot_id|>"
               "<|start_header_id|>ipython<|end_header_id|>\n\n\"error: what?\"<|eot_id|>"
               "<|start_header_id|>assistant<|end_header_id|>\n\n");
    builtin_is("gemma", talk_text, NULL,
               "<s><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\nHo<end_of_turn>\n"
               "<start_of_turn>user\na\r\n\n\nb<end_of_turn>\n<start_of_turn>model\n");
    builtin_is("mistral", talk_text, NULL, "<s>[INST]Be brief.\n\nHi[/INST]Ho</s>[INST]a\r\n\n\nb[/INST]");
    builtin_is("mistral-v1", talk_text, NULL, "<s>[INST] Be brief.\n\nHi [/INST] Ho</s>[INST] a\r\n\n\nb [/INST]");
    builtin_is("phi-3", talk_text, NULL,
               "<s><|system|>\nBe brief.<|end|>\n<|user|>\nHi<|end|>\n<|assistant|>\nHo<|end|>\n"
               "<|user|>\na\r\n\n\nb<|end|>\n<|assistant|>\n");
    builtin_is("rwkv-world", talk_text, NULL, "<s>System: Be brief.\n\nUser: Hi\n\nAssistant: Ho\n\nUser: a\nb\n\nAssistant:");
    builtin_is("vicuna", talk_text, NULL, "<s>Be brief. USER: Hi ASSISTANT: Ho</s>USER: a\r\n\n\nb ASSISTANT:");
    builtin_is("amberchat", talk_text, NULL,
               "<s>Be brief.\n### Human: Hi\n### Assistant: Ho\n### Human: a\r\n\n\nb\n### Assistant:");
    builtin_is("crystalchat", talk_text, NULL,
               "<s> <|sys_start|> Be brief. <|sys_end|> <|im_start|> Hi <|im_end|> Ho</s> <|im_start|> a\r\n\n\nb <|im_end|>");
    builtin_is("zephyr", talk_text, NULL,
               "<s><|system|>\nBe brief.</s>\n<|user|>\nHi</s>\n<|assistant|>\nHo</s>\n<|user|>\na\r\n\n\nb</s>\n<|assistant|>\n");
    builtin_is("alpaca", talk_text, NULL,
               "<s>Be brief.\n\n### Instruction:\nHi\n\n### Response:\nHo</s>\n\n### Instruction:\na\r\n\n\nb\n\n### Response:\n");
    ok(!template_builtin("corax-1") && !template_builtin(""), "there is none of another name");
}

static void test_builtin_traits(void)
{
    static const struct {
        const char *name;
        struct template_traits traits; /* system, tools, calls, results, parallel */
    } all[] = {
        { "alpaca", { true, false, false, false, false } },      { "amberchat", { true, false, false, false, false } },
        { "chatml", { true, true, true, true, true } },          { "crystalchat", { true, false, false, false, false } },
        { "gemma", { false, false, false, false, false } },      { "llama-3", { true, true, true, true, false } },
        { "mistral", { false, false, false, false, false } },    { "mistral-v1", { false, false, false, false, false } },
        { "phi-3", { true, false, false, false, false } },       { "rwkv-world", { true, false, false, false, false } },
        { "vicuna", { true, false, false, false, false } },      { "zephyr", { true, false, false, false, false } },
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const char *text = template_builtin(all[i].name);
        struct template *t = open_text(text, strlen(text), NULL);
        const struct template_traits *a = t ? template_traits(t) : NULL, *b = &all[i].traits;

        ok(a && a->system == b->system && a->tools == b->tools && a->calls == b->calls && a->results == b->results &&
               a->parallel == b->parallel,
           "%s is what it is meant to be", all[i].name);
        template_destroy(t);
    }
}

/* What ours write of a talk is what the family's published template writes, where it has none of its own texts in it. */
static void test_as_published(void)
{
    static const char plain[] = "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"text\":\"Hi\"}]},{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"text\":\"Ho\"}]},"
                                "{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"text\":\"a b\"}]}]";
    static const char told[] = "[{\"role\":\"system\",\"parts\":[{\"type\":\"text\",\"text\":\"Be brief.\"}]},{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"text\":\"Hi\"}]},"
                               "{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"text\":\"Ho\"}]},{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"text\":\"a b\"}]}]";
    static const struct {
        const char *ours, *published, *talk, *from; /* from: behind a text of its own */
    } all[] = {
        { "chatml", "Qwen-Qwen2.5-7B-Instruct.jinja", told, "<|im_start|>system" },
        { "chatml", "Qwen-Qwen3-0.6B.jinja", told, "<|im_start|>system" },
        { "chatml", "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use.jinja", plain, "<|im_start|>user" },
        { "llama-3", "meta-llama-Llama-3.1-8B-Instruct.jinja", plain, "<|start_header_id|>user" },
        { "llama-3", "fireworks-ai-llama-3-firefunction-v2.jinja", plain, "<|start_header_id|>user" },
        { "llama-3", "meetkai-functionary-medium-v3.1.jinja", told, "\n\nBe brief." },
        { "gemma", "google-gemma-2-2b-it.jinja", plain, "<s>" },
        { "mistral", "mistralai-Mistral-Nemo-Instruct-2407.jinja", plain, "<s>" },
        { "phi-3", "microsoft-Phi-3.5-mini-instruct.jinja", told, "<|system|>" }, /* the begin token is left to who reads it */
        { "rwkv-world", "llama-cpp-rwkv-world.jinja", told, "System: " },
        { "kimi", "Kimi-K2-Instruct.jinja", told, "<|im_system|>" },
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct err err = { 0 };
        const char *text = template_builtin(all[i].ours);
        struct template *published = open_published(all[i].published, &err), *ours = open_text(text, strlen(text), NULL);
        struct json *messages = json_parse(all[i].talk, strlen(all[i].talk), NULL);
        struct template_prompt want = { 0 }, got = { 0 };

        if (published && template_render(published, messages, NULL, THINKING_AS_EVER, &want, &err) == 0 &&
            template_render(ours, messages, NULL, THINKING_AS_EVER, &got, &err) == 0) {
            const char *a = strstr(got.text.data, all[i].from), *b = strstr(want.text.data, all[i].from);

            is_str(a ? a : got.text.data, b ? b : "", all[i].published);
        } else if (published) {
            ok(false, "%s: %s", all[i].published, err.msg);
        }
        template_prompt_finish(&want);
        template_prompt_finish(&got);
        json_free(messages);
        template_destroy(published);
        template_destroy(ours);
    }
}

int main(void)
{
    plan_later();
    tokenizer = tiny_specials_create(specials, sizeof specials / sizeof specials[0], 0, 1, true);
    ok(tokenizer != NULL, "a tokenizer");
    test_published();
    test_builtin();
    test_builtin_traits();
    test_as_published();
    tokenizer_destroy(tokenizer);
    done();
    return tap_status();
}
