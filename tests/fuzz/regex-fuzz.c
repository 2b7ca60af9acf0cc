/*
 * Two patterns and a text, NULs between.  Whatever they are, the store stays within its limit; what is matched is UTF-8;
 * where nothing has failed, both, one and not the other, and either match what the two by themselves say.  A state that
 * is not REGEX_NONE has a text, unless the search for one gave up.
 */
#include "infer/regex.h"

#include <stdlib.h>
#include <string.h>

#include "util/utf8.h"

#define LIMIT    ((size_t)4 << 20)
#define MAX_WALK 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
    if (!good)
        abort();
}

static bool is_utf8(const uint8_t *text, size_t len)
{
    while (len > 0) {
        size_t n = utf8_char_len((const char *)text, len);
        if (n == 0)
            return false;
        text += n;
        len -= n;
    }
    return true;
}

static bool walk(struct regexes *s, regex r, const uint8_t *text, size_t len)
{
    for (size_t i = 0; i < len && r != REGEX_NONE; i++) {
        if (regex_accepts(s, r))
            require(is_utf8(text, i));
        r = regex_next(s, r, text[i]);
        require(r == REGEX_NONE || regex_alive(s, r, NULL));
    }
    bool in = regex_accepts(s, r);
    require(!in || is_utf8(text, len) || regex_failed(s));
    return in;
}

static void compare(struct regexes *s, regex x, regex y, const uint8_t *text, size_t len)
{
    bool in_x = walk(s, x, text, len), in_y = walk(s, y, text, len);
    bool both = walk(s, regex_and(s, x, y), text, len), rest = walk(s, regex_minus(s, x, y), text, len);
    bool either = walk(s, regex_or(s, x, y), text, len), not = walk(s, regex_minus(s, REGEX_ANY, x), text, len);
    if (!regex_failed(s))
        require(both == (in_x && in_y) && rest == (in_x && !in_y) && either == (in_x || in_y) &&
                not == (!in_x && is_utf8(text, len)));
}

static size_t part(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\0', size) : NULL;
    return end != NULL ? (size_t)(end - data) : size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err;
    struct regexes *s = regexes_create(LIMIT, &err);
    regex x, y;
    size_t n = part(data, size), at = n < size ? n + 1 : n, m = part(data + at, size - at);
    size_t text = at + m < size ? at + m + 1 : size, len = size - text < MAX_WALK ? size - text : MAX_WALK;
    require(s != NULL);
    if (regex_pattern(s, (const char *)data, n, &x, &err) == 0) {
        walk(s, x, data + text, len);
        regex_count(s, x, 100);
        if (regex_pattern_whole(s, (const char *)data + at, m, &y, &err) == 0)
            compare(s, x, y, data + text, len);
    }
    regexes_destroy(s);
    return 0;
}
