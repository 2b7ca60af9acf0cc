/* text.c - see text.h. */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_finish(struct text *t)
{
    free(t->data);
    *t = (struct text){ 0 };
}

static bool grow(struct text *t, size_t more)
{
    size_t cap = t->cap ? t->cap : 1024;
    char *data;

    while (cap - t->len < more)
        cap *= 2; /* what is added comes out of one message, so this ends early */
    if (cap == t->cap)
        return true;
    data = realloc(t->data, cap);
    if (data == NULL) {
        t->failed = true;
        return false;
    }
    t->data = data;
    t->cap = cap;
    return true;
}

void text_add(struct text *t, const char *s, size_t len)
{
    if (t->failed || len == 0 || !grow(t, len))
        return;
    memcpy(t->data + t->len, s, len);
    t->len += len;
}

void text_adds(struct text *t, const char *s)
{
    text_add(t, s, strlen(s));
}

void text_addf(struct text *t, const char *fmt, ...)
{
    char piece[512];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(piece, sizeof piece, fmt, ap);
    va_end(ap);
    if (n > 0)
        text_add(t, piece, (size_t)n < sizeof piece ? (size_t)n : sizeof piece - 1);
}

void text_add_json(struct text *t, const char *s, size_t len)
{
    size_t plain = 0; /* from here on nothing needs an escape */

    text_add(t, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        text_add(t, s + plain, i - plain);
        plain = i + 1;
        if (c == '"' || c == '\\')
            text_addf(t, "\\%c", c);
        else if (c == '\n')
            text_add(t, "\\n", 2);
        else
            text_addf(t, "\\u%04x", c);
    }
    text_add(t, s + plain, len - plain);
    text_add(t, "\"", 1);
}

static int base64_value(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

bool text_add_base64(struct text *t, const char *s, size_t len)
{
    unsigned bits = 0, n_bits = 0;

    while (len > 0 && s[len - 1] == '=')
        len--;
    for (size_t i = 0; i < len; i++) {
        int v = base64_value(s[i]);
        char byte;

        if (v < 0)
            return false;
        bits = bits << 6 | (unsigned)v;
        n_bits += 6;
        if (n_bits < 8)
            continue;
        n_bits -= 8;
        byte = (char)(bits >> n_bits & 255);
        text_add(t, &byte, 1);
    }
    return true;
}
