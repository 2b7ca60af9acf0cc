/*
 * Every allocation failing while a template is created and while a conversation is rendered.
 */
#include "infer/template.h"
#include "tests/infer/jinja_time.h"
#include "tests/infer/tiny_specials.h"
#include "tests/oom.h"

static const struct tiny_special specials[] = {
    { "<s>", TOKEN_CONTROL }, { "<|im_start|>", TOKEN_CONTROL }, { "<|im_end|>", TOKEN_CONTROL }, { "<tool_call>", TOKEN_USER },
};
static const char text[] =
    "{{ functions }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{% for c in m.tool_calls %}<tool_call>{{ c | tojson }}"
    "{% endfor %}<|im_end|>{% endfor %}";
static const char talk[] =
    "[{\"role\":\"system\",\"parts\":[{\"type\":\"text\",\"text\":\"<tool_call>\"}]},"
    "{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"text\":\"a\"}]},"
    "{\"role\":\"assistant\",\"reasoning\":\"b\",\"calls\":[{\"id\":\"a\",\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}\"}]},"
    "{\"role\":\"tool\",\"call_id\":\"a\",\"parts\":[{\"type\":\"text\",\"text\":\"c\"}]}]";
static const char offered[] = "[{\"name\":\"f\",\"parameters\":{\"type\":\"object\"}}]";

static struct tokenizer *tokenizer;
static struct template *template;
static struct json *messages, *tools;

static int create(struct err *err)
{
    struct template *t = template_create(&(struct template_spec){ text, sizeof text - 1, tokenizer, &jinja_time }, err);

    template_destroy(t);
    return t ? 0 : -1;
}

static int render(struct err *err)
{
    struct template_prompt p;

    if (template_render(template, messages, tools, THINKING_ON, &p, err) < 0)
        return -1;
    template_prompt_finish(&p);
    return 0;
}

int main(void)
{
    plan_later();
    tokenizer = tiny_specials_create(specials, sizeof specials / sizeof specials[0], 0, -1, false);
    messages = json_parse(talk, sizeof talk - 1, NULL);
    tools = json_parse(offered, sizeof offered - 1, NULL);
    if (ok(tokenizer && messages && tools, "a tokenizer and a conversation")) {
        oom_each("a template is created", create);
        template = template_create(&(struct template_spec){ text, sizeof text - 1, tokenizer, &jinja_time }, NULL);
        oom_each("a conversation is rendered", render);
    }
    template_destroy(template);
    json_free(messages);
    json_free(tools);
    tokenizer_destroy(tokenizer);
    done();
    return tap_status();
}
