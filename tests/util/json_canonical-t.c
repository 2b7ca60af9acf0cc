/*
 * Covers: values that are equal have one canonical text, values that are not have two, and that text is canonical itself.
 */
#include "util/json.h"

#include "tests/tap.h"

static char *canonical(const char *text)
{
    struct json *json = json_parse(text, strlen(text), NULL);
    struct buf out;

    buf_init(&out, 1000);
    json_canonical(json, &out);
    json_free(json);
    return buf_take(&out, NULL);
}

int main(void)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "0", "0" },
        { "-0.00e7", "0" },
        { "1", "1" },
        { "1.0", "1" },
        { "10e-1", "1" },
        { "100", "1e2" },
        { "1E+2", "1e2" },
        { "0.010e4", "1e2" },
        { "-12.50", "-125e-1" },
        { "1002003", "1002003" },
        { "10.0203", "100203e-4" },
        { "9007199254740993", "9007199254740993" },
        { "9007199254740992.0", "9007199254740992" },
        { "0.1", "1e-1" },
        { "0.10000000000000000000001", "10000000000000000000001e-23" },
        { "[1.0, \"\\u0061\", null,true ]", "[1,\"a\",null,true]" },
        { "[]", "[]" },
        { "{ }", "{}" },
        { "{\"b\":{\"d\":1,\"c\":20},\"a\":[{}],\"\":0}", "{\"\":0,\"a\":[{}],\"b\":{\"c\":2e1,\"d\":1}}" },
        { "{\"\\u0001\\\"\":false}", "{\"\\u0001\\\"\":false}" },
    };

    plan_later();
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *once = canonical(cases[i].text), *twice = canonical(once);

        is_str(once, cases[i].want, cases[i].text);
        is_str(twice, once, "again");
        free(once);
        free(twice);
    }
    done();
    return tap_status();
}
