/*
 * Every allocation failing while a template is compiled and while it is rendered.
 * Not covered: what each allocation within the arena is for; the arena takes few large blocks, so that its own limit is
 * tried at many sizes as well.
 */
#include <string.h>

#include "infer/jinja.h"
#include "tests/oom.h"

static const char text[] =
    "{% macro m(a, b=2) %}{{ a }}{{ b }}{{ varargs }}{{ kwargs }}{% endmacro %}"
    "{% set ns = namespace(s='') %}{% for m in messages if m.role %}{% generation %}{{ m.role|upper }}{% endgeneration %}"
    "{% set ns.s = ns.s ~ m.content ~ loop.index ~ loop.cycle('a', 'b') %}{{ m|tojson(indent=2) }}{% endfor %}"
    "{{ m(1, 2, 3, x=messages|map(attribute='role')|list) }}{% call(x) m(1) %}{{ x }}{% endcall %}"
    "{% set x %}{{ 'a,b'.split(',')|join('-') }}{% endset %}{{ x }}{{ messages|sort(attribute='role') }}"
    "{{ '%s %d'|format('a', 3) }}{{ '{:>9}'.format(ns.s[:3]) }}{{ missing }}{{ {'a': [1, (2, 3)]} }}{{ range(4)|list }}"
    "{{ 'x'|center(500) }}{{ messages|groupby('role') }}{{ 'a b c d'|wordwrap(3) }}{{ 'abc'|replace('b', 'x')|title }}";

static struct json *globals;

static int compile(struct err *err)
{
    struct jinja *j = jinja_compile(text, strlen(text), err);

    jinja_destroy(j);
    return j ? 0 : -1;
}

static int render(struct err *err)
{
    struct jinja *j = jinja_compile(text, strlen(text), err);
    struct jinja_text out = { 0 };
    int rc = j ? jinja_render(j, globals, NULL, &out, err) : -1;

    jinja_text_finish(&out);
    jinja_destroy(j);
    return rc;
}

/* With every amount of memory up to one that is enough. */
static void test_limit(void)
{
    struct err err = { 0 };
    struct jinja *j = jinja_compile(text, strlen(text), &err);
    struct jinja_options options = { .max_bytes = 64 };
    size_t n_wrong = 0, n = 0;
    int rc = -1;

    for (; j && rc < 0 && options.max_bytes < 1 << 22; options.max_bytes += 96, n++) {
        struct jinja_text out = { 0 };

        err = (struct err){ 0 };
        rc = jinja_render(j, globals, &options, &out, &err);
        n_wrong += rc < 0 && err.status != CORAX_E_LIMIT;
        jinja_text_finish(&out);
    }
    ok(rc == 0 && n > 50 && n_wrong == 0, "with too little memory, %zu times, that is what is told", n);
    jinja_destroy(j);
}

int main(void)
{
    static const char conversation[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"b\",\"content\":\"c\"}]}";

    plan_later();
    globals = json_parse(conversation, strlen(conversation), NULL);
    oom_each("a template is compiled", compile);
    oom_each("a template is rendered", render);
    test_limit();
    json_free(globals);
    done();
    return tap_status();
}
