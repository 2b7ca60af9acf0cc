#include "util/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, const void *data, size_t len)
{
    const unsigned char *p = data;

    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        unsigned v = (unsigned)p[i] << 16 | (n > 1 ? (unsigned)p[i + 1] << 8 : 0) | (n > 2 ? p[i + 2] : 0);
        char four[4] = { digits[v >> 18], digits[v >> 12 & 63], n > 1 ? digits[v >> 6 & 63] : '=', n > 2 ? digits[v & 63] : '=' };

        buf_add(out, four, sizeof four);
    }
}

void base64_write(struct jsonw *w, const char *key, const void *data, size_t len)
{
    struct buf text;

    buf_init(&text, (len + 2) / 3 * 4 + 3);
    buf_addc(&text, '"');
    base64_encode(&text, data, len);
    buf_addc(&text, '"');
    if (text.failed)
        w->out->failed = true;
    else
        jsonw_raw(w, key, text.data, text.len);
    buf_finish(&text);
}

static int digit_value(char c)
{
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

char *base64_read(struct arena *a, const char *text, size_t *out_len)
{
    size_t len = strlen(text), n = 0;
    char *out = arena_alloc(a, len / 4 * 3 + 4);
    unsigned v = 0, bits = 0;

    while (len > 0 && text[len - 1] == '=')
        len--;
    for (size_t i = 0; out && i < len; i++) {
        int d = digit_value(text[i]);

        if (d < 0)
            return NULL;
        v = v << 6 | (unsigned)d;
        bits += 6;
        if (bits >= 8)
            out[n++] = (char)(v >> (bits -= 8) & 255);
    }
    if (out)
        out[n] = '\0';
    *out_len = n;
    return out;
}
