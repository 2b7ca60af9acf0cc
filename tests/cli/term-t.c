/*
 * Foreign text on its way to a terminal, and durations.
 *
 * Covers term_text, term_line and term_duration into a file.  Not covered: colours, which need a terminal
 * (tests/cli/corax.bats sees that none appear without one).
 */
#include "cli/term.h"

#include "tests/tap.h"

/* What term_text (columns 0) or term_line (columns > 0) makes of text. */
static const char *shown(const char *text, size_t len, int columns, int indent)
{
    static char out[512];
    FILE *f = fmemopen(out, sizeof(out), "w");

    out[0] = '\0'; /* an empty stream writes not even that */
    if (columns > 0)
        term_line(f, text, len, columns);
    else
        term_text(f, text, len, indent);
    fclose(f);
    return out;
}

#define TEXT(s)          shown(s, sizeof(s) - 1, 0, 4)
#define LINE(s, columns) shown(s, sizeof(s) - 1, columns, 0)

static void test_harmless(void)
{
    is_str(TEXT("average 180.159 g/mol"), "average 180.159 g/mol", "plain text is itself");
    is_str(TEXT("Größe: 5 µm, 水, 🐦"), "Größe: 5 µm, 水, 🐦", "letters of other scripts are themselves");
    is_str(TEXT("one\ntwo\n"), "one\n    two", "later lines are indented, the last newline is the caller's");
    is_str(TEXT(""), "", "nothing is nothing");
}

static void test_controls(void)
{
    is_str(TEXT("\033[2J\033]0;owned\007"), "\\x1b[2J\\x1b]0;owned\\x07", "escape sequences are shown");
    is_str(TEXT("ok\rnot ok"), "ok\\x0dnot ok", "a carriage return cannot overwrite a line");
    is_str(TEXT("a\bb\x7f"), "a\\x08b\\x7f", "backspace and delete are shown");
    is_str(shown("a\0b", 3, 0, 0), "a\\x00b", "so is NUL");
    is_str(TEXT("\xc2\x9b"
                "31m"),
           "\\u{009b}31m", "a C1 control sequence introducer is shown");
    is_str(TEXT("\xe2\x80\xae"
                "txt.exe"),
           "\\u{202e}txt.exe", "a right-to-left override is shown");
    is_str(TEXT("a\xe2\x80\x8b"
                "b\xef\xbb\xbf"),
           "a\\u{200b}b\\u{feff}", "zero-width characters are shown");
    is_str(TEXT("\xf3\xa0\x81\x81"), "\\u{e0041}", "tag characters are shown");
}

static void test_bad_utf8(void)
{
    is_str(TEXT("\xff\xfe"), "\\xff\\xfe", "bytes that are no UTF-8");
    is_str(TEXT("\xc0\xaf"), "\\xc0\\xaf", "an overlong form");
    is_str(TEXT("\xed\xa0\x80"), "\\xed\\xa0\\x80", "a surrogate");
    is_str(TEXT("\xe2\x82"), "\\xe2\\x82", "half a character at the end");
}

static void test_lines(void)
{
    is_str(LINE("one\ntwo\tthree", 40), "one two three", "one line stays one line");
    is_str(LINE("abcdef", 6), "abcdef", "what fits is whole");
    is_str(LINE("abcdefg", 6), "abcde…", "what does not has an ellipsis in the last column");
    is_str(LINE("äöüäöü", 4), "äöü…", "characters count, not bytes");
    is_str(LINE("", 4), "", "an empty line is empty");
}

static void test_durations(void)
{
    static const struct {
        double ms;
        const char *want;
    } cases[] = { { 0.84, "0.8 ms" },         { 12.3, "12 ms" },        { 3400, "3.4 s" }, { 125000, "2 min 5 s" },
                  { 11520000, "3 h 12 min" }, { 4.0 * 86400e3, "4 d" }, { -1, "-" } };
    char out[24];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        term_duration(cases[i].ms, out, sizeof(out));
        is_str(out, cases[i].want, "a duration");
    }
}

int main(void)
{
    plan_later();
    test_harmless();
    test_controls();
    test_bad_utf8();
    test_lines();
    test_durations();
    done();
    return tap_status();
}
