/*
 * What a template is like, found by rendering small conversations: whether it fails, and which of the words in them come
 * out.  A form that fails is passed over; nothing here is an error but to run into a limit, which no template does that is
 * of any use.
 */
#include <string.h>

#include "infer/template_form.h"

#define MAX_STEPS ((size_t)1 << 20) /* of one rendering; published templates need some thousand */
#define MAX_BYTES ((size_t)16 << 20)

/* Words that no template has. */
#define SYSTEM  "vxsystem"
#define USER    "vxuser"
#define TEXT    "vxcontent"
#define RESULT  "vxresult"
#define RESULT2 "vxsecond"
#define TOOL    "vxtool"
#define OPTION  "vxparameter"
#define CALL    "vxcall"
#define CALL2   "vxother"
#define KEY     "vxkey"
#define KEY2    "vxword"

#define PARTS(TEXT)       "\"parts\":[{\"type\":\"text\",\"text\":\"" TEXT "\"}]"
#define MESSAGE(ROLE, TEXT) "{\"role\":\"" ROLE "\"," PARTS(TEXT) "}"
/* A value with a quote in it: vx"value */
#define CALLED(ID, NAME, KEY) \
    "{\"id\":\"" ID "\",\"name\":\"" NAME "\",\"arguments\":\"{\\\"" KEY "\\\": \\\"vx\\\\\\\"value\\\"}\"}"
#define RESULT_OF(ID, NAME, TEXT) "{\"role\":\"tool\",\"call_id\":\"" ID "\",\"name\":\"" NAME "\"," PARTS(TEXT) "}"
#define ONE_CALL "{\"role\":\"assistant\",\"calls\":[" CALLED("a", CALL, KEY) "]}"
#define TWO_CALLS "{\"role\":\"assistant\",\"calls\":[" CALLED("a", CALL, KEY) "," CALLED("b", CALL2, KEY2) "]}"
#define CALL_WITH_TEXT \
    "{\"role\":\"assistant\",\"reasoning\":\"vxthought\"," PARTS(TEXT) ",\"calls\":[" CALLED("a", CALL, KEY) "]}"

static const char tools_json[] =
    "[{\"name\":\"" TOOL "\",\"description\":\"vxdescription\",\"parameters\":{\"type\":\"object\",\"properties\":"
    "{\"" OPTION "\":{\"type\":\"string\",\"description\":\"vxmeaning\"}},\"required\":[\"" OPTION "\"]}}]";

struct probe {
    struct template *template;
    struct json *tools; /* tools_json */
    bool offered;       /* they are given with the conversations */
    bool limited;       /* by a limit or by memory */
    struct err *err;
    struct jinja_text text; /* of the last conversation that went well */
};

/* Whether the conversation can be rendered in that form; then p->text is it. */
static bool renders(struct probe *p, const struct template_form *form, const char *conversation)
{
    struct err err = { 0 };
    struct json *messages = p->limited ? NULL : json_parse(conversation, strlen(conversation), &err);
    struct jinja_text text = { 0 };
    bool good = messages && template_text(p->template, form, messages, p->offered ? p->tools : NULL, THINKING_AS_EVER, MAX_STEPS,
                                          MAX_BYTES, &text, &err) == 0;
    size_t own = 0;

    json_free(messages);
    if (!good) {
        if (err.status == CORAX_E_LIMIT) {
            p->limited = true;
            *p->err = err;
        }
        return false;
    }
    for (size_t i = 0; i <= text.n_data; i++) { /* special tokens that its text puts together */
        const size_t end = i < text.n_data ? text.data[i].from : text.len;

        template_names_see(&p->template->names, text.s + own, end - own);
        own = i < text.n_data ? text.data[i].to : text.len;
    }
    jinja_text_finish(&p->text);
    p->text = text;
    return true;
}

static bool has(const struct probe *p, const char *word)
{
    return strstr(p->text.s, word) != NULL;
}

/* A user's question alone. */
static void probe_nothing(struct probe *p)
{
    static const enum template_none all[] = { TEMPLATE_UNDEFINED, TEMPLATE_NULL, TEMPLATE_EMPTY };
    struct template_form *form = &p->template->form;
    const int last = p->template->functions ? 1 : 0;

    for (int functions = 0; functions <= last; functions++)
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
            struct template_form f = *form;

            f.none = all[i];
            f.functions = functions > 0;
            if (renders(p, &f, "[" MESSAGE("user", USER) "]") && has(p, USER)) {
                *form = f;
                return;
            }
        }
}

static void probe_system(struct probe *p)
{
    struct template_form f = p->template->form;

    f.system = true;
    if (renders(p, &f, "[" MESSAGE("system", SYSTEM) "," MESSAGE("user", USER) "]") && has(p, SYSTEM) && has(p, USER))
        p->template->form.system = p->template->traits.system = true;
}

static void probe_tools(struct probe *p)
{
    static const char conversation[] = "[" MESSAGE("user", USER) "]";
    const int last = p->template->functions ? 1 : 0;

    p->offered = true;
    for (int functions = 0; functions <= last && !p->template->traits.tools; functions++) {
        struct template_form f = p->template->form;

        f.tools = true;
        f.functions = f.functions || functions;
        if (!renders(p, &f, conversation))
            continue;
        p->template->traits.tools = has(p, TOOL) && has(p, OPTION);
        if (p->template->traits.tools || !functions)
            p->template->form = f;
    }
    p->offered = p->template->form.tools;
}

/* How a call came out: 0 not at all, 1 as Python would show its arguments, 2 well. */
static int call_quality(const struct probe *p)
{
    if (!has(p, CALL) || !has(p, KEY) || !(has(p, "vx\"value") || has(p, "vx\\\"value")))
        return 0;
    return has(p, "'" KEY "': ") ? 1 : 2;
}

static void probe_calls(struct probe *p)
{
    static const char *const conversations[] = {
        "[" MESSAGE("user", USER) "," ONE_CALL "," RESULT_OF("a", CALL, RESULT) "]",
        "[" MESSAGE("user", USER) "," ONE_CALL "]",
    };
    struct template_form *form = &p->template->form;
    int best = 0;

    for (size_t i = 0; i < 8 && best < 2; i++) {
        struct template_form f = *form;
        int quality;

        f.arguments_text = i & 2;
        f.null_content = i & 1;
        if (!renders(p, &f, conversations[i / 4]))
            continue;
        quality = call_quality(p);
        if (quality > best) {
            best = quality;
            *form = f;
        }
    }
    p->template->traits.calls = best > 0;
    p->template->traits.results = renders(p, form, conversations[0]) && has(p, RESULT);
}

static void probe_parallel(struct probe *p)
{
    struct template_traits *traits = &p->template->traits;
    const char *conversation =
        traits->results ? "[" MESSAGE("user", USER) "," TWO_CALLS "," RESULT_OF("a", CALL, RESULT) "," RESULT_OF(
                              "b", CALL2, RESULT2) "]"
                        : "[" MESSAGE("user", USER) "," TWO_CALLS "]";

    if (!traits->calls)
        return;
    traits->parallel = renders(p, &p->template->form, conversation) && call_quality(p) && has(p, CALL2) && has(p, KEY2) &&
                       (!traits->results || (has(p, RESULT) && has(p, RESULT2)));
    p->template->form.split_calls = !traits->parallel;
}

static void probe_content(struct probe *p)
{
    const char *conversation = p->template->traits.results
                                   ? "[" MESSAGE("user", USER) "," CALL_WITH_TEXT "," RESULT_OF("a", CALL, RESULT) "]"
                                   : "[" MESSAGE("user", USER) "," CALL_WITH_TEXT "]";
    struct template_form f = p->template->form;

    if (!p->template->traits.calls || (renders(p, &f, conversation) && call_quality(p) && has(p, TEXT)))
        return;
    f.content_to_thought = true;
    if (renders(p, &f, conversation) && call_quality(p))
        p->template->form = f;
}

/* All at once, for the tokens that the template writes. */
static void probe_names(struct probe *p)
{
    const struct template_form *form = &p->template->form;

    renders(p, form, "[" MESSAGE("system", SYSTEM) "," MESSAGE("user", USER) "," CALL_WITH_TEXT "," RESULT_OF(
                         "a", CALL, RESULT) "," MESSAGE("assistant", TEXT) "," MESSAGE("user", USER) "]");
    renders(p, form, "[" MESSAGE("system", SYSTEM) "," MESSAGE("user", USER) "," MESSAGE("assistant", TEXT) "," MESSAGE(
                         "user", USER) "]");
}

int template_probe(struct template *t, struct err *err)
{
    struct probe p = { .template = t, .err = err };
    struct err none;

    if (!err)
        p.err = &none;
    p.tools = json_parse(tools_json, sizeof tools_json - 1, p.err);
    p.limited = !p.tools;
    if (!p.limited) {
        probe_nothing(&p);
        probe_system(&p);
        probe_tools(&p);
        probe_calls(&p);
        probe_parallel(&p);
        probe_content(&p);
        probe_names(&p);
    }
    jinja_text_finish(&p.text);
    json_free(p.tools);
    return p.limited ? err_context(err, "a small conversation") : 0;
}
