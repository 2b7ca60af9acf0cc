/*
 * infer/regex_format: texts that are of a format and texts that are not, by hand, and the files optional/format of the
 * JSON Schema Test Suite, draft 2020-12, where it lies beside the sources (CORAX_TEST_DATA, else ../shared/data).  How many
 * verdicts differ is known for each: infer/regex_format.c says which kinds are not held.
 */
#include "infer/regex.h"

#include "util/buf.h"
#include "util/file.h"
#include "util/json.h"

#include "tests/tap.h"

#define LIMIT ((size_t)16 << 20)

static const struct {
    const char *name, *in, *out; /* texts between spaces */
    int differ;                  /* verdicts of the suite */
} formats[] = {
    { "date-time", "2024-02-29T23:59:59.5Z 1963-06-19t08:30:06z 1990-12-31T23:59:60Z 2020-01-01T00:00:00-08:30",
      "2023-02-29T00:00:00Z 2024-01-01T24:00:00Z 2024-01-01T00:00:00 2024-01-01T22:59:60Z 2024-01-01 "
      "2024-04-31T00:00:00Z",
      1 },
    { "date", "2000-02-29 1963-12-31", "1900-02-29 2024-13-01 2024-00-10 24-01-01", 0 },
    { "time", "00:00:00Z 23:59:60+00:00 12:30:00.123+23:59", "12:30:00 24:00:00Z 12:60:00Z 12:00:61Z 12:00:00+24:00",
      4 },
    { "duration", "P1Y2M3DT4H5M6S PT1S P3W P1Y", "P P1 PT P1YT P1W2D 1D P1Y1D", 0 },
    { "email", "joe@example.com a.b+c@x.org \"q\\\"q\"@x.y a@[127.0.0.1] a@[IPv6:::1]",
      "joe .a@b.c a..b@c.d a@-b.c a@b@c", 0 },
    { "idn-email", "\xc3\xa9@\xc3\xa9.com a@b", "a b@", 0 },
    { "hostname", "a a-b.c xn--9n2bp8q.com 1.2", "-a a- a..b a_b ab--c .a a.", 23 },
    { "idn-hostname", "\xc3\xa9t\xc3\xa9.fr a", "-a a- a\xe3\x80\xae", 17 },
    { "ipv4", "0.0.0.0 255.255.255.255 1.20.100.249", "1.2.3 256.1.1.1 01.1.1.1 1.1.1.1.1", 0 },
    { "ipv6", "::1 :: 1:2:3:4:5:6:7:8 1::8 ::ffff:1.2.3.4 1:2:3:4:5:6:1.2.3.4",
      "1:2:3:4:5:6:7 1::2::3 12345:: :1 1:2:3:4:5:6:7:8:9 ::1.2.3", 0 },
    { "uri", "http://a/b?c#d urn:x:y http://u:p@[::1]:80/ mailto:a@b", "/a a http://a\\b http://a/% :x //a", 0 },
    { "uri-reference", "/a ../b #c //h/p http://a", "\\a a{b} #a#b", 0 },
    { "iri", "http://\xc3\xa9/\xc3\xa9?\xee\x80\x80", "\xc3\xa9 http://a/\xee\x80\x80", 0 },
    { "iri-reference", "\xc3\xa9 /\xc3\xa9#\xc3\xa9", "\\\xc3\xa9 \xee\x80\x80", 0 },
    { "uri-template", "http://a/{b} {+x,y*} {?q:3} a", "{ a{b {} }", 0 },
    { "uuid", "2EB8AA08-aa98-11ea-b4aa-73b441d16380",
      "2eb8aa08aa9811eab4aa73b441d16380 2eb8aa08-aa98-11ea-b4aa-73b441d1638", 0 },
    { "json-pointer", "/a/b /~0~1 /", "a /~ /~2 #", 0 },
    { "relative-json-pointer", "0 1/a 10#", "/a 01 1#a -1", 0 },
    { "regex", "^[a-f]+(b|c)*?$ a{2,}\\d (?:x(?=y)) [^\\]]", "( [ *a a{3,2} \\ (a]", 0 },
};

static bool matches(struct regexes *s, regex r, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        r = regex_next(s, r, (unsigned char)text[i]);
    return regex_accepts(s, r);
}

static int told(struct regexes *s, regex r, const char *list, bool in)
{
    int wrong = 0;
    while (*list) {
        size_t len = strcspn(list, " ");
        if (matches(s, r, list, len) != in) {
            diag("%.*s should %sbe in", (int)len, list, in ? "" : "not ");
            wrong++;
        }
        list += len + (list[len] == ' ');
    }
    return wrong;
}

/* The suite's verdicts that differ, or -1 where it is not at hand. */
static int differing(struct regexes *s, regex r, const char *name)
{
    const char *data = getenv("CORAX_TEST_DATA"), *source = getenv("CORAX_SRCDIR");
    char path[900];
    struct buf text;
    struct err err;
    int n = 0;
    snprintf(path, sizeof path, "%s%s/json-schema/tests/draft2020-12/optional/format/%s.json",
             data     ? data
             : source ? source
                      : ".",
             data ? "" : "/../shared/data", name);
    buf_init(&text, 1 << 20);
    if (file_read(path, &text, &err) < 0) {
        buf_finish(&text);
        return -1;
    }
    struct json *file = json_parse(text.data, text.len, &err);
    for (const struct json *group = json_first(file); group; group = json_next(group)) {
        for (const struct json *test = json_first(json_get(group, "tests")); test; test = json_next(test)) {
            const char *value = json_text(json_get(test, "data"));
            n += value != NULL && matches(s, r, value, strlen(value)) != json_bool(json_get(test, "valid"), false);
        }
    }
    json_free(file);
    buf_finish(&text);
    return n;
}

int main(void)
{
    bool suite = false;
    plan_later();
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct regexes *s = regexes_create(LIMIT, NULL);
        regex r = REGEX_NONE;
        ok(regex_format(s, formats[i].name, &r) && !regex_failed(s), "%s is known", formats[i].name);
        is_int(told(s, r, formats[i].in, true) + told(s, r, formats[i].out, false), 0,
               "its texts are told from others");
        int n = differing(s, r, formats[i].name);
        suite |= n >= 0;
        if (n >= 0)
            is_int(n, formats[i].differ, "as many verdicts differ from the suite's as are known to");
        regexes_destroy(s);
    }
    if (!suite)
        diag("the JSON Schema Test Suite is not here (CORAX_TEST_DATA names its folder's parent)");
    struct regexes *s = regexes_create(LIMIT, NULL);
    regex r = REGEX_ANY;
    ok(!regex_format(s, "html-selector", &r) && r == REGEX_ANY, "another format asserts nothing");
    regexes_destroy(s);
    s = regexes_create(12000, NULL);
    ok(regex_format(s, "iri", &r) && regex_failed(s) && r == REGEX_NONE,
       "where there is no room, the store has failed");
    regexes_destroy(s);
    done();
    return tap_status();
}
