/* text.c - see text.h. */
#include "text.h"

#include <string.h>

#define LEAD 40 /* characters kept before the found word, where there are as many behind it */
#define SNAP 20 /* how far a cut may move to fall between two words */

size_t text_char(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n;

    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (len < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

bool text_is_valid(const char *text, size_t len)
{
    for (size_t at = 0, n; at < len; at += n) {
        n = text_char(text + at, len - at);
        if (n == 0)
            return false;
    }
    return true;
}

size_t text_repair(const char *text, size_t len, char *out)
{
    size_t written = 0;

    for (size_t at = 0; at < len;) {
        size_t n = text_char(text + at, len - at);

        memcpy(out + written, n ? text + at : TEXT_REPLACEMENT, n ? n : 3);
        written += n ? n : 3;
        at += n ? n : 1;
    }
    return written;
}

size_t text_count(const char *text, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

bool text_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

void text_trim(const char **text, size_t *len)
{
    while (*len > 0 && text_is_space((*text)[*len - 1]))
        --*len;
    while (*len > 0 && text_is_space(**text)) {
        ++*text;
        --*len;
    }
}

/* The byte at which character number n begins; len where there are fewer. */
static size_t byte_of(const char *text, size_t len, size_t n)
{
    size_t i = 0;

    for (; i < len; i++)
        if (((unsigned char)text[i] & 0xc0) != 0x80 && n-- == 0)
            break;
    return i;
}

/* Where a part that begins at character `start` does best begin: behind white space, if that is near and not past `limit`. */
static size_t snap_start(const char *text, size_t len, size_t start, size_t limit)
{
    size_t at = byte_of(text, len, start);

    for (size_t i = 0; i < SNAP && start + i < limit && at < len; i++) {
        if (at > 0 && text_is_space(text[at - 1]))
            return start + i;
        at += text_char(text + at, len - at);
    }
    return start;
}

static size_t snap_end(const char *text, size_t len, size_t end, size_t limit)
{
    for (size_t i = 0; i < SNAP && end > limit + i; i++) {
        size_t at = byte_of(text, len, end - i);

        if (at >= len || text_is_space(text[at]))
            return end - i;
    }
    return end;
}

size_t snippet_make(const struct snippet_line *line, char out[SNIPPET_SIZE])
{
    const char *text = line->text;
    size_t len = line->len, found = line->found, n, start = 0, end, from, to, at = 0;
    bool left = line->more_before, right = line->more_after;

    text_trim(&text, &len);
    found = found > (size_t)(text - line->text) ? found - (size_t)(text - line->text) : 0;
    found = text_count(text, found < len ? found : len);
    n = end = text_count(text, len);
    if (n + left + right > SNIPPET_CHARS) {
        start = found > LEAD ? found - LEAD : 0;
        if (n - start + 1 + right <= SNIPPET_CHARS) /* the end is near: show more before it */
            start = n - (SNIPPET_CHARS - 1 - right);
        left = left || start > 0;
        if (start > 0)
            start = snap_start(text, len, start, found);
        if (n - start + left + right > SNIPPET_CHARS) {
            right = true;
            end = snap_end(text, len, start + SNIPPET_CHARS - left - 1, found + SNAP);
        }
    }
    from = byte_of(text, len, start);
    to = byte_of(text, len, end);
    text += from;
    len = to - from;
    text_trim(&text, &len);
    if (left) {
        memcpy(out, TEXT_ELLIPSIS, 3);
        at = 3;
    }
    memcpy(out + at, text, len);
    at += len;
    if (right) {
        memcpy(out + at, TEXT_ELLIPSIS, 3);
        at += 3;
    }
    out[at] = '\0';
    return at;
}
