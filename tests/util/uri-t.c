/*
 * Covers: the examples of RFC 3986, section 5.4, bases without a path or a scheme, URNs; percent-encoding.
 */
#include "util/uri.h"

#include "tests/tap.h"

static void test_resolve(void)
{
    static const struct {
        const char *base, *reference, *want;
    } cases[] = {
        { "http://a/b/c/d;p?q", "g:h", "g:h" },
        { "http://a/b/c/d;p?q", "g", "http://a/b/c/g" },
        { "http://a/b/c/d;p?q", "./g", "http://a/b/c/g" },
        { "http://a/b/c/d;p?q", "g/", "http://a/b/c/g/" },
        { "http://a/b/c/d;p?q", "/g", "http://a/g" },
        { "http://a/b/c/d;p?q", "//g", "http://g" },
        { "http://a/b/c/d;p?q", "?y", "http://a/b/c/d;p?y" },
        { "http://a/b/c/d;p?q", "g?y", "http://a/b/c/g?y" },
        { "http://a/b/c/d;p?q", ";x", "http://a/b/c/;x" },
        { "http://a/b/c/d;p?q", "", "http://a/b/c/d;p?q" },
        { "http://a/b/c/d;p?q", ".", "http://a/b/c/" },
        { "http://a/b/c/d;p?q", "./", "http://a/b/c/" },
        { "http://a/b/c/d;p?q", "..", "http://a/b/" },
        { "http://a/b/c/d;p?q", "../g", "http://a/b/g" },
        { "http://a/b/c/d;p?q", "../..", "http://a/" },
        { "http://a/b/c/d;p?q", "../../g", "http://a/g" },
        { "http://a/b/c/d;p?q", "../../../g", "http://a/g" },
        { "http://a/b/c/d;p?q", "/./g", "http://a/g" },
        { "http://a/b/c/d;p?q", "/../g", "http://a/g" },
        { "http://a/b/c/d;p?q", "g.", "http://a/b/c/g." },
        { "http://a/b/c/d;p?q", "..g", "http://a/b/c/..g" },
        { "http://a/b/c/d;p?q", "./../g", "http://a/b/g" },
        { "http://a/b/c/d;p?q", "g/./h", "http://a/b/c/g/h" },
        { "http://a/b/c/d;p?q", "g/../h", "http://a/b/c/h" },
        { "http://a/b/c/d;p?q", "g?y/../x", "http://a/b/c/g?y/../x" },
        { "http://a", "g", "http://a/g" },
        { "", "g", "g" },
        { "", "", "" },
        { "f/g", "h", "f/h" },
        { "urn:uuid:1-2", "", "urn:uuid:1-2" },
        { "http://a/b", "urn:uuid:1-2", "urn:uuid:1-2" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf out;

        buf_init(&out, 1000);
        uri_resolve(cases[i].base, cases[i].reference, strlen(cases[i].reference), &out);
        is_str(out.data, cases[i].want, cases[i].reference);
        buf_finish(&out);
    }
}

static void test_limit(void)
{
    struct buf out;

    buf_init(&out, 12);
    uri_resolve("http://a/b/c", "../../a-long-name/../x", 22, &out);
    ok(out.failed, "what is longer than the buffer may be fails");
    buf_finish(&out);
}

static void test_unescape(void)
{
    char good[] = "a%41%7eb%C3%a9", bad[] = "%4", worse[] = "%zz", nul[] = "a%00";

    ok(uri_unescape(good), "escapes");
    is_str(good, "aA~b\xc3\xa9", "become bytes");
    ok(!uri_unescape(bad) && !uri_unescape(worse) && !uri_unescape(nul), "or are none");
}

int main(void)
{
    plan_later();
    test_resolve();
    test_limit();
    test_unescape();
    done();
    return tap_status();
}
