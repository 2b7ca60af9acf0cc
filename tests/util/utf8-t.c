/*
 * Covers: every code point there and back, the edges of RFC 3629, characters cut short.
 */
#include "util/utf8.h"

#include "tests/tap.h"

int main(void)
{
    static const char *const bad[] = {
        "\x80",         "\xbf",         "\xc0\xaf",         "\xc1\xbf",         "\xe0\x80\xaf",     "\xe0\x9f\xbf",
        "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\xaf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xff",         "\xc3(",        "\xe2\x82(",        "\xf0\x9f\x98(",
    };
    bool round_trip = true, cut = true, floors = true, trims = true;
    char c[4], text[8];

    plan_later();
    for (unsigned cp = 1; cp <= 0x10ffff; cp++) {
        size_t n;

        if (cp >= 0xd800 && cp <= 0xdfff)
            continue;
        n = utf8_encode(cp, c);
        round_trip &= utf8_char_len(c, n) == n && utf8_count(c, n) == 1;
        for (size_t less = 1; less < n; less++)
            cut &= utf8_char_len(c, less) == 0;
        for (size_t kept = 1; kept <= n; kept++) {
            snprintf(text, sizeof(text), "a%.*s", (int)n, c);
            floors &= utf8_floor(text, kept) == 1 && utf8_floor(text, n + 1) == n + 1;
            floors &= utf8_within(text, n + 1, kept) == 1 && utf8_within(text, n + 1, n + 1) == n + 1 && utf8_within(text, 1, 9) == 1;
            text[1 + kept] = '\0';
            utf8_trim(text);
            trims &= strlen(text) == (kept == n ? n + 1 : 1);
        }
    }
    ok(round_trip, "every code point is one character");
    ok(cut, "and none when it is cut");
    ok(floors, "a place in it is in it");
    ok(trims, "half of it at the end goes");
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ok(utf8_char_len(bad[i], strlen(bad[i])) == 0, "bad sequence %zu", i);
    is_int((long long)utf8_count("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10), 4, "four characters in ten bytes");
    done();
    return tap_status();
}
