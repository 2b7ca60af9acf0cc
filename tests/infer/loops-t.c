/*
 * infer/loops.c: whatever it says that a state of a language goes on with is read, as texts of chance show; and where most characters
 * lead around, it says so.
 */
#include "infer/loops.h"

#include <string.h>

#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"

static uint64_t random_state = 5;

static struct byte_set set_of(const char *bytes)
{
    struct byte_set s = { { 0 } };

    for (; *bytes; bytes++)
        byte_set_add(&s, (uint8_t)*bytes);
    return s;
}

static const char *const patterns[] = {
    "^.*$", "^[a-z]+$", "^[a-z]+( [a-z]+)*$", "^(?:\\S+\\s+){0,9}\\S+$", "[a-c]{30}", "^(?!.*hat).*$", "^[^\xc3\xa9\xe6\xbc\xa2]*$",
    "^[\xc2\x80-\xdf\xbf\xf0\x9f\x98\x80]*$", "^(ab|c)*$", "^([^x]|xy)*$", "^$|^a+b?$",
};
#define N_PATTERNS (sizeof patterns / sizeof *patterns)

/* Characters of chance whose first bytes are in the set, the bytes of which are counted. */
static size_t character(char *out, const struct byte_set *set)
{
    static const char *const list[] = { "a", "b", "c", "h", "t", "x", "y", " ", "\n", "\"", "\\", "1", "~", "\x7f", "\xc3\xa9", "\xc3\xbf", "\xc3\xa0", "\xc2\xa0",
                                        "\xe6\xbc\xa2", "\xe6\xbc\xa3", "\xe2\x80\xa8", "\xe3\x80\x80", "\xed\x9f\xbf", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x81", "\xf4\x8f\xbf\xbf" };

    for (int i = 0; i < 1000; i++) {
        const char *c = list[tiny_random(&random_state) % (sizeof list / sizeof *list)];

        if (byte_set_has(set, (uint8_t)c[0])) {
            strcpy(out, c);
            return strlen(c);
        }
    }
    return 0;
}

static regex read_all(struct regexes *s, regex r, const char *text, size_t len)
{
    for (size_t i = 0; i < len && r != REGEX_NONE; i++)
        r = regex_next(s, r, (unsigned char)text[i]);
    return r;
}

/* Sets of chance: what is said to be read is, in this order and in others. */
static bool holds(struct regexes *s, struct loops *l, regex r, enum loops_kind kind, int *n_said)
{
    static const char *const sets[] = { "abc", "a", "c", " ", "ab ", "xy", "hat", "\xc3", "\xc2\xc3\xe6\xf0", "abchtxy ~1", "\n", "\"\\", "\xe2\xe3", "\xed\xf4" };
    bool good = true;

    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        for (int back = 0; back < 2; back++) {
            const struct byte_set set = set_of(sets[i]);

            if (!loops_cover(l, r, kind, back, &set))
                continue;
            ++*n_said;
            for (int text = 0; text < 20; text++) {
                regex at = r;
                char c[8];

                for (int n = 0; n < 12; n++) {
                    at = read_all(s, at, c, character(c, &set));
                    good &= at != REGEX_NONE && (!back || at == r) && (kind == LOOPS_JSON || regex_accepts(s, at) == regex_accepts(s, r));
                }
            }
        }
    return good;
}

static void test_patterns(void)
{
    const struct byte_set ascii = { { ~(uint64_t)0, ~(uint64_t)0 } };
    struct err err;

    for (size_t i = 0; i < N_PATTERNS; i++) {
        struct regexes *s = regexes_create((size_t)64 << 20, &err);
        struct loops *l = loops_create(s);
        bool good = true;
        int n_said = 0;
        regex r = REGEX_NONE;

        good &= regex_pattern(s, patterns[i], strlen(patterns[i]), &r, &err) == 0;
        for (int walk = 0; walk < 40; walk++) {
            regex at = r;
            char c[8];

            for (int n = 0; n < 12 && at != REGEX_NONE; n++) {
                good &= holds(s, l, at, LOOPS_BYTES, &n_said) && holds(s, l, at, LOOPS_JSON, &n_said);
                at = read_all(s, at, c, character(c, &ascii));
            }
        }
        ok(good && n_said > 0, "%s: %d sets are read", patterns[i], n_said);
        loops_destroy(l);
        regexes_destroy(s);
    }
}

static void said(const char *pattern, const char *begin, const char *set, enum loops_kind kind, bool back, bool want)
{
    const struct byte_set bytes = set_of(set);
    struct err err;
    struct regexes *s = regexes_create((size_t)64 << 20, &err);
    struct loops *l = loops_create(s);
    regex r;

    if (!ok(regex_pattern(s, pattern, strlen(pattern), &r, &err) == 0, "%s", pattern))
        return;
    r = read_all(s, r, begin, strlen(begin));
    ok(loops_cover(l, r, kind, back, &bytes) == want, "%s behind \"%s\": %s%s%s", pattern, begin, want ? "" : "not ", set, back ? " lead back" : "");
    loops_destroy(l);
    regexes_destroy(s);
}

int main(void)
{
    plan_later();
    test_patterns();
    said("^.*$", "", "abc \xc3\xe6\xf0", LOOPS_JSON, true, true);
    said("^.*$", "", "a\n", LOOPS_BYTES, false, false);
    said("^.*$", "", "\xe2", LOOPS_BYTES, false, false); /* line ends begin with it */
    said("^.*$", "", "\"", LOOPS_BYTES, true, true);
    said("^.*$", "", "\"", LOOPS_JSON, false, false);
    said("^([^x]|xy)*$", "", "y", LOOPS_BYTES, true, true);
    said("^[^x]*(x[^xz]+)*$", "a", "xa", LOOPS_JSON, false, false); /* xx */
    said("^(?!.*hat).*$", "a", "hae", LOOPS_JSON, true, false);
    said("^(?!.*hat).*$", "a", "hae", LOOPS_JSON, false, true);
    said("^(?!.*hat).*$", "a", "hat", LOOPS_JSON, false, false);
    said("[a-c]{200}", "a", "abcx", LOOPS_JSON, false, true); /* that many states are as good as each other */
    said("^[a-c]{200}$", "a", "a", LOOPS_JSON, false, false);
    said("^[a-z]+-?$", "a", "a-", LOOPS_BYTES, false, false);
    done();
    return tap_status();
}
