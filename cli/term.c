/*
 * Printing for people.  See term.h.
 *
 * An agent prints what web pages, files and models say.  A terminal obeys escape sequences (it can retitle the window,
 * move the cursor over an approval prompt, on some terminals write to the clipboard), so no byte of foreign text gets
 * there before code_point() has looked at it.
 */
#include "cli/term.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util/utf8.h"

bool term_is_tty(FILE *f)
{
    return isatty(fileno(f)) == 1;
}

static bool has_colour(FILE *f)
{
    const char *no = getenv("NO_COLOR"), *kind = getenv("TERM");

    if (no && *no)
        return false;
    return kind && *kind && strcmp(kind, "dumb") != 0 && term_is_tty(f);
}

void term_puts(FILE *f, enum term_style style, const char *text)
{
    static const char *const codes[] = {
        [TERM_PLAIN] = "",   [TERM_BOLD] = "1",    [TERM_DIM] = "2",   [TERM_RED] = "31",
        [TERM_GREEN] = "32", [TERM_YELLOW] = "33", [TERM_BLUE] = "34", [TERM_CYAN] = "36"
    };

    if (style == TERM_PLAIN || !has_colour(f))
        fputs(text, f);
    else
        fprintf(f, "\033[%sm%s\033[0m", codes[style], text);
}

/* The character at s, its length in *n; -1 and 1 for a byte that is not UTF-8. */
static int32_t code_point(const char *s, size_t len, size_t *n)
{
    static const unsigned char first_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    size_t size = utf8_char_len(s, len);
    int32_t cp;

    *n = size > 0 ? size : 1;
    if (size == 0)
        return -1;
    cp = (unsigned char)s[0] & first_bits[size];
    for (size_t i = 1; i < size; i++)
        cp = cp << 6 | ((unsigned char)s[i] & 0x3f);
    return cp;
}

/* True for what a terminal would obey, or a reader could not see. */
static bool is_hidden(int32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0xad || cp == 0x61c || (cp >= 0x200b && cp <= 0x200f) ||
           (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff ||
           (cp >= 0xfff9 && cp <= 0xfffb) || (cp >= 0xe0000 && cp <= 0xe007f);
}

/* One character, made visible.  Returns the bytes read from s. */
static size_t put_visible(FILE *f, const char *s, size_t len)
{
    size_t n;
    int32_t cp = code_point(s, len, &n);

    if (cp < 0 || (cp < 0x80 && is_hidden(cp)))
        fprintf(f, "\\x%02x", (unsigned char)s[0]);
    else if (is_hidden(cp))
        fprintf(f, "\\u{%04x}", (unsigned)cp);
    else
        fwrite(s, 1, n, f);
    return n;
}

void term_text(FILE *f, const char *text, size_t len, int indent)
{
    size_t i = 0;

    while (i < len) {
        if (text[i] == '\n' && i + 1 < len) {
            fprintf(f, "\n%*s", indent, "");
            i++;
        } else if (text[i] == '\n') {
            i++; /* the caller ends the last line */
        } else if (text[i] == '\t') {
            fputc('\t', f);
            i++;
        } else {
            i += put_visible(f, text + i, len - i);
        }
    }
}

void term_line(FILE *f, const char *text, size_t len, int columns)
{
    size_t i = 0, n_left = 0, n;
    int used = 0;

    /* How many characters are there in all?  Then the last column can hold the ellipsis or the last character. */
    for (i = 0; i < len; i += n, n_left++)
        code_point(text + i, len - i, &n);
    for (i = 0; i < len; n_left--) {
        if (used + (n_left > 1) >= columns && n_left > 0) {
            fputs("…", f);
            return;
        }
        used++;
        if (text[i] == '\n' || text[i] == '\t' || text[i] == '\r') {
            fputc(' ', f);
            i++;
        } else {
            i += put_visible(f, text + i, len - i);
        }
    }
}

int term_width(FILE *f)
{
    struct winsize size;

    if (ioctl(fileno(f), TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
        return size.ws_col;
    return 100;
}

void term_duration(double ms, char *out, size_t out_size)
{
    long long s = (long long)(ms / 1000);

    if (ms < 0)
        snprintf(out, out_size, "-");
    else if (ms < 10)
        snprintf(out, out_size, "%.1f ms", ms);
    else if (ms < 1000)
        snprintf(out, out_size, "%.0f ms", ms);
    else if (ms < 60e3)
        snprintf(out, out_size, "%.1f s", ms / 1000);
    else if (s < 3600)
        snprintf(out, out_size, "%lld min %lld s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(out, out_size, "%lld h %lld min", s / 3600, s / 60 % 60);
    else
        snprintf(out, out_size, "%lld d", s / 86400);
}
