/*
 * Templates against what Python's jinja2 makes of them (jinja_golden.py wrote it down): small ones for every part of the
 * language, which are in the tree; and published ones with conversations of all kinds, where they are at hand
 * (CORAX_TEST_DATA, or ../shared/data beside the source).  Where each byte came from.  Limits.  Where errors are.
 * Not covered: the wording of errors other than raise_exception's; failing allocations (jinja_oom-t.c).
 */
#include <dirent.h>
#include <inttypes.h>
#include <time.h>

#include "infer/jinja.h"
#include "tests/infer/jinja_time.h"
#include "tests/tap.h"
#include "util/file.h"

#define MAX_FILE ((size_t)1 << 24)

static struct json *read_vectors(const char *name)
{
    const char *source = getenv("CORAX_SRCDIR");
    struct err err = { 0 };
    char path[1024];
    struct buf b;
    struct json *j = NULL;

    snprintf(path, sizeof path, "%s/tests/infer/vectors/%s", source ? source : ".", name);
    buf_init(&b, MAX_FILE);
    if (file_read(path, &b, &err) == 0)
        j = json_parse(b.data, b.len, &err);
    if (!j)
        printf("Bail out! %s: %s\n", name, err.msg);
    buf_finish(&b);
    return j;
}

/* Errors have spaces for control characters, and are cut. */
static bool is_message(const char *got, const char *want)
{
    for (size_t i = 0; i < ERR_MSG - 20 && want[i]; i++)
        if (got[i] != want[i] && !(got[i] == ' ' && (unsigned char)want[i] < 0x20))
            return false;
    return true;
}

/* --- snippets ------------------------------------------------------------------------------------------------------- */

/* The template's result is what is expected; says what it is where it is not. */
static bool snippet_is_good(const struct json *snippet, const struct json *globals)
{
    static const struct jinja_options options = { .now = &jinja_time };
    const char *text = json_get_text(snippet, "template", ""), *want = json_get_text(snippet, "out", NULL);
    const char *raised = json_get_text(snippet, "raised", NULL);
    struct err err = { 0 };
    struct jinja *template = jinja_compile(text, strlen(text), &err);
    struct jinja_text out = { 0 };
    bool rendered = template && jinja_render(template, globals, &options, &out, &err) == 0, good;

    if (rendered)
        good = want && out.len == strlen(want) && memcmp(out.s, want, out.len) == 0;
    else
        good = !want && out.raised == (raised != NULL) && (!raised || is_message(err.msg, raised)) &&
               err.status == CORAX_E_ARGS;
    if (!good)
        diag("%s: got %s, want %s", text, rendered ? out.s : err.msg, want ? want : raised ? raised : "an error");
    jinja_text_finish(&out);
    jinja_destroy(template);
    return good;
}

static void test_snippets(void)
{
    struct json *j = read_vectors("jinja-snippets.json");
    size_t n = 0, n_good = 0;

    for (const struct json *s = json_first(json_get(j, "snippets")); s; s = json_next(s), n++)
        n_good += snippet_is_good(s, json_get(j, "globals"));
    ok(n >= 300 && n_good == n, "%zu small templates come out as in jinja2", n);
    json_free(j);
}

/* --- published templates -------------------------------------------------------------------------------------------- */

static uint64_t fnv(const char *s, size_t len)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)s[i]) * 0x100000001b3u;
    return h;
}

/* The members of both objects as one text. */
static struct json *merge(const struct json *a, const struct json *b)
{
    const struct json *of[2] = { a, b };
    struct jsonw w;
    struct json *j;
    struct buf text;

    buf_init(&text, MAX_FILE);
    w = jsonw_start(&text);
    jsonw_object(&w, NULL);
    for (int i = 0; i < 2; i++)
        for (const struct json *m = json_first(of[i]); m; m = json_next(m))
            jsonw_value(&w, json_key(m), m);
    jsonw_end(&w);
    j = json_parse(text.data, text.len, NULL);
    buf_finish(&text);
    return j;
}

static bool published_is_good(const struct jinja *template, const struct json *globals, const struct json *want)
{
    static const struct jinja_options options = { .now = &jinja_time };
    struct jinja_text out = { 0 };
    struct err err = { 0 };
    char sum[64];
    bool good;

    if (jinja_render(template, globals, &options, &out, &err) < 0) {
        good = json_kind(want) == JSON_STRING ? out.raised && is_message(err.msg, json_text(want)) : !out.raised;
    } else {
        snprintf(sum, sizeof sum, "%016" PRIx64 " %zu", fnv(out.s, out.len), out.len);
        good = json_kind(want) == JSON_STRING && strcmp(sum, json_text(want)) == 0;
    }
    if (!good)
        diag("got %s, want %s", out.s ? sum : err.msg, json_text(want) ? json_text(want) : "an error");
    jinja_text_finish(&out);
    return good;
}

static void test_published_one(const char *path, const char *name, const struct json *vectors)
{
    struct err err = { 0 };
    struct jinja *template = NULL;
    size_t n = 0, n_good = 0;
    struct buf b;

    buf_init(&b, MAX_FILE);
    if (file_read(path, &b, &err) == 0)
        template = jinja_compile(b.data, b.len, &err);
    buf_finish(&b);
    for (const struct json *c = json_first(json_get(vectors, "conversations")); c && template; c = json_next(c), n++) {
        struct json *globals = merge(json_get(vectors, "globals"), json_get(c, "globals"));

        if (published_is_good(template, globals, json_get(json_get(c, "expect"), name)))
            n_good++;
        else
            diag("%s, %s", name, json_get_text(c, "name", ""));
        json_free(globals);
    }
    if (!ok(n >= 20 && n_good == n, "%s: %zu conversations come out as in jinja2", name, n) && !template)
        diag("%s", err.msg);
    jinja_destroy(template);
}

static void test_published(void)
{
    const char *data = getenv("CORAX_TEST_DATA"), *source = getenv("CORAX_SRCDIR");
    struct json *vectors = read_vectors("jinja-conversations.json");
    const struct json *names = json_get(json_first(json_get(vectors, "conversations")), "expect");
    char path[1024];
    size_t n = 0;

    for (const struct json *name = json_first(names); name; name = json_next(name)) {
        FILE *f;

        if (data)
            snprintf(path, sizeof path, "%s/chat-templates/%s", data, json_key(name));
        else
            snprintf(path, sizeof path, "%s/../shared/data/chat-templates/%s", source ? source : ".", json_key(name));
        f = fopen(path, "re");
        if (!f)
            continue;
        fclose(f);
        n++;
        test_published_one(path, json_key(name), vectors);
    }
    if (n == 0)
        ok(true, "published templates # SKIP they are not here: set CORAX_TEST_DATA to the folder of test data");
    json_free(vectors);
}

/* --- provenance ----------------------------------------------------------------------------------------------------- */

static const char conversation[] =
    "{\"bos_token\":\"<s>\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi <|x|> \\\"q\\\"\\nb\"}],\"n\":42,"
    "\"asked\":[{\"role\":\"user\",\"x\":1},{\"x\":{\"role\":\"u\"}}],"
    "\"tools\":[{\"name\":\"f\",\"on\":true}],\"l\":[\"a\",\"b\"]}";

/* The result with what is data in brackets. */
static void is_marked(const char *text, const char *want, const char *what)
{
    static const char *const trusted[] = { "eos_token", "bos_token", "asked[].role", "bos_token[].x", "l[].x" };
    static const struct jinja_options options = { .trusted = trusted, .n_trusted = 5 };
    struct err err = { 0 };
    struct json *globals = json_parse(conversation, strlen(conversation), &err);
    struct jinja *template = jinja_compile(text, strlen(text), &err);
    struct jinja_text out = { 0 };
    struct buf marked;

    buf_init(&marked, 1 << 16);
    if (template && jinja_render(template, globals, &options, &out, &err) == 0) {
        for (size_t i = 0, span = 0; i <= out.len; i++) {
            if (span < out.n_data && out.data[span].to == i) {
                buf_addc(&marked, ']');
                span++;
            }
            if (span < out.n_data && out.data[span].from == i)
                buf_addc(&marked, '[');
            if (i < out.len)
                buf_addc(&marked, out.s[i]);
        }
    } else {
        buf_adds(&marked, err.msg);
    }
    is_str(marked.data, want, what);
    buf_finish(&marked);
    jinja_text_finish(&out);
    jinja_destroy(template);
    json_free(globals);
}

static void test_provenance(void)
{
    is_marked("<|x|>{{ messages[0].role }}<|y|>", "<|x|>[user]<|y|>", "what comes from a message is data, what the template writes is not");
    is_marked("{{ bos_token }}{{ n }}{{ 1 }}", "<s>[42]1", "a trusted global is not, a number of the data is");
    is_marked("{{ '<|' ~ asked[0].role ~ '|>' }}{{ asked[0]['x'] }}{{ asked[1].x.role }}{{ asked[0].items()|first|first }}",
              "<|user|>[1urole]", "a trusted member of a list's objects is not data, the others are");
    is_marked("{{ asked }}", "[[{'role': ]'user'[, 'x': 1}, {'x': {'role': 'u'}}]]", "nor where the list is printed");
    is_marked("{{ '<' ~ messages[0].role ~ '>' }}{{ 'a' + l[0] + 'b' }}", "<[user]>a[a]b", "concatenation keeps both");
    is_marked("{% set x = '12' ~ l[0] ~ '34' %}{{ x[1:4] }}{{ x[::-1] }}{{ x[2] }}", "2[a]343[a]21[a]", "slices do");
    is_marked("{{ ('-' ~ messages[0].role)|upper }}.{{ (l[0] ~ 'bc')|title }}", "-[USER].[A]bc", "upper and title do");
    is_marked("{{ 'x<u>y'.replace('u', l[0]) }}{{ messages[0].role.replace('s', '<s>') }}", "x<[a]>y[u]<s>[er]", "replace puts each where it belongs");
    is_marked("{{ '<' ~ ('  ' ~ l[0] ~ ' ')|trim ~ '>' }}{{ l|join('+') }}{{ ','.join(l) }}", "<[a]>[a]+[ba],[b]", "trim and join do");
    is_marked("{% for p in (l[0] ~ '|' ~ l[1] ~ 'c').split('|') %}{{ p }};{% endfor %}", "[a];[b]c;", "split does");
    is_marked("{{ messages[0].content[-5:]|tojson }}", "[\"\\\"q\\\"\\nb\"]", "what tojson makes of data is data, escapes and quotes too");
    is_marked("{{ {'k': l[0], 'z': 1}|tojson }}", "{\"k\": [\"a\"], \"z\": 1}", "in an object of the template only the value is");
    is_marked("{{ tools|tojson }}|{{ tools }}", "[[{\"name\": \"f\", \"on\": true}]]|[[{'name': 'f', 'on': True}]]", "a list of the data is data as a whole");
    is_marked("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(l[0]) }}{{ m('t') }}", "<[a]><t>", "macros keep it");
    is_marked("{% set ns = namespace(s='') %}{% for x in l %}{% set ns.s = ns.s ~ x ~ ';' %}{% endfor %}{{ ns.s }}", "[a];[b];", "namespaces keep it");
    is_marked("{% set b %}<{{ l[0] }}>{% endset %}{{ b }}{% filter upper %}x{{ l[1] }}{% endfilter %}", "<[a]>X[B]", "blocks keep it");
    is_marked("{{ '%s=%d%%'|format(l[0], n) }}{{ '{}:{:>3}'.format(l[0], l[1]) }}", "[a]=[42]%[a]:  [b]", "formats keep it");
    is_marked("{{ ('<' ~ l[0])|e }}{{ l[0].center(3) }}{{ 'a\nb'|indent(2) }}{{ (l[0] ~ '\n' ~ l[1])|indent(1) }}", "&lt;[a] [a] a\n  b[a]\n [b]", "escape, center and indent do");
    is_marked("{{ {l[0]: 1} }}{{ (l[0] ~ 'b c d e f g')|truncate(6, true, '~', 0) }}{{ l|first * 2 }}", "{['a']: 1}[a]b c ~[aa]", "repr, truncate and repetition do");
    is_marked("{% for m in messages %}{% for k, v in m.items() %}{{ k }}={{ v[:2] }} {% endfor %}{% endfor %}", "[role]=[us] [content]=[Hi] ", "keys are data as well");
}

static void test_generation(void)
{
    static const char text[] = "a{% for m in [1, 2] %}{% generation %}<{{ m }}>{% endgeneration %}-{% endfor %}";
    struct err err = { 0 };
    struct json *globals = json_parse("{}", 2, &err);
    struct jinja *template = jinja_compile(text, strlen(text), &err), *plain = jinja_compile("x", 1, &err);
    struct jinja_text out = { 0 };

    ok(template && plain && jinja_has_generation(template) && !jinja_has_generation(plain), "generation blocks are seen");
    ok(template && jinja_render(template, globals, NULL, &out, &err) == 0 && out.n_generated == 2, "each time they are rendered");
    ok(out.n_generated == 2 && out.generated[0].from == 1 && out.generated[0].to == 4 && out.generated[1].from == 5 &&
           out.generated[1].to == 8,
       "and where");
    jinja_text_finish(&out);
    jinja_destroy(template);
    jinja_destroy(plain);
    json_free(globals);
}

/* --- errors and limits ---------------------------------------------------------------------------------------------- */

static int render_with(const char *text, const struct jinja_options *options, struct err *err)
{
    struct json *globals = json_parse("{\"a\":[1,2,3]}", 13, err);
    struct jinja *template = jinja_compile(text, strlen(text), err);
    struct jinja_text out = { 0 };
    int rc = template ? jinja_render(template, globals, options, &out, err) : -1;

    jinja_text_finish(&out);
    jinja_destroy(template);
    json_free(globals);
    return rc;
}

static void fails(const char *text, const char *message)
{
    struct err err = { 0 };

    ok(render_with(text, NULL, &err) < 0 && err.status == CORAX_E_ARGS, "refused: %s", message);
    has_str(err.msg, message, message);
}

static void limited(const char *text, const struct jinja_options *options, const char *message)
{
    struct err err = { 0 };

    ok(render_with(text, options, &err) < 0 && err.status == CORAX_E_LIMIT, "limited: %s", message);
    has_str(err.msg, message, message);
}

static void test_errors(void)
{
    fails("a\nb\n{{ x.y }}", "template: line 3: 'x' is undefined");
    fails("\n{% for %}", "template: line 2: an expression is missing");
    fails("{% if a %}\n\n{% endfor %}", "template: line 3: ");
    fails("\n\n{{ a|nope }}", "template: line 3: there is no filter named nope");
    fails("{% set x = 1 %}\n{{ 1 +\n 'a' }}", "template: line 2: unsupported operand type(s)");
    fails("{{ 9223372036854775807 + 1 }}", "64 bits");
    fails("{{ 9223372036854775808 }}", "64 bits");
    fails("{{ -9223372036854775807 - 2 }}", "64 bits");
    fails("{{ 3 ** 60 }}", "64 bits");
    fails("\xff", "UTF-8");
    fails("{{ a.append(4) }}", "'list object' has no attribute 'append'");
    fails("{% include 'x' %}", "unknown tag");
    fails("{{ strftime_now('%Y') }}", "there is no time");
}

static void test_limits(void)
{
    const struct jinja_options steps = { .max_steps = 1000 }, output = { .max_output = 100 }, bytes = { .max_bytes = 100000 },
                               depth = { .max_depth = 60 };
    char deep[4000];
    struct err err = { 0 };
    struct jinja *j;
    char *large = calloc(1, JINJA_MAX_TEXT + 1);

    limited("{% for x in range(100000) %}{% endfor %}", &steps, "1000 steps");
    limited("{% for x in range(90) %}xy{% endfor %}", &output, "100 bytes of text");
    limited("{% set x = 'ab' * 1000000 %}", &bytes, "100000 bytes of values");
    limited("{{ 'a' * 9223372036854775807 }}", NULL, "bytes of values");
    limited("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", &depth, "60 calls");
    limited("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", NULL, "calls");
    limited("{% set ns = namespace(s='x') %}{% for x in range(99999) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}", NULL, "bytes of values");
    limited("{% set ns = namespace(s=[]) %}{% for x in range(9999) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s }}", NULL, "calls");
    limited("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", NULL, "steps");
    memset(deep, '(', sizeof deep);
    memcpy(deep, "{{ ", 3);
    deep[150] = '\0';
    limited(deep, NULL, "nested");
    for (size_t i = 3; i + 1 < sizeof deep; i++)
        deep[i] = i % 2 ? '1' : '+';
    memcpy(deep + sizeof deep - 4, " }}", 4);
    limited(deep, NULL, "in a row");
    j = large ? jinja_compile(large, JINJA_MAX_TEXT + 1, &err) : NULL;
    ok(!j && err.status == CORAX_E_LIMIT, "a template that is too long is not read");
    free(large);
}

/* A long conversation with many tools: slow where something is quadratic. */
static void test_speed(void)
{
    static const char text[] =
        "{% for t in tools %}{{ t | tojson }}\n{% endfor %}{% set ns = namespace(n=0) %}{% for m in messages %}"
        "{% if m.role == 'user' and not m.content.startswith('<x>') %}{% set ns.n = ns.n + 1 %}{% endif %}"
        "<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}";
    struct err err = { 0 };
    struct jinja_text out = { 0 };
    struct jinja *template = jinja_compile(text, strlen(text), &err);
    struct json *globals;
    struct timespec from, to;
    struct buf b;

    buf_init(&b, MAX_FILE);
    buf_adds(&b, "{\"messages\":[");
    for (int i = 0; i < 50; i++)
        buf_addf(&b, "%s{\"role\":\"%s\",\"content\":\"Message %d with some words in it.\"}", i ? "," : "", i % 2 ? "assistant" : "user", i);
    buf_adds(&b, "],\"tools\":[");
    for (int i = 0; i < 100; i++)
        buf_addf(&b, "%s{\"type\":\"function\",\"function\":{\"name\":\"f%d\",\"description\":\"does %d\",\"parameters\":"
                     "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"integer\"}},\"required\":[\"a\"]}}}",
                 i ? "," : "", i, i);
    buf_adds(&b, "]}");
    globals = json_parse(b.data, b.len, &err);
    clock_gettime(CLOCK_MONOTONIC, &from);
    ok(template && globals && jinja_render(template, globals, NULL, &out, &err) == 0, "50 messages and 100 tools are rendered");
    clock_gettime(CLOCK_MONOTONIC, &to);
    diag("%zu bytes in %.2f ms", out.len, (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6);
    jinja_text_finish(&out);
    jinja_destroy(template);
    json_free(globals);
    buf_finish(&b);
}

int main(void)
{
    plan_later();
    test_snippets();
    test_published();
    test_provenance();
    test_generation();
    test_errors();
    test_limits();
    test_speed();
    done();
    return tap_status();
}
