/*
 * Numbers in prose.  See eval_key.h.
 *
 * Models write the same number in many ways, and a key should not fail one that is right for its spelling.  What is
 * doubtful is read as separate numbers: 1,2,3 are three, 2026-11-28 are three.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/eval_key.h"

#define MAX_DIGITS   380   /* of a number; more are no number */
#define MAX_EXPONENT 99999 /* larger ones are not told apart */

struct number {
    char digits[MAX_DIGITS + 2]; /* with a point, perhaps */
    size_t len;
    bool too_long;
    long exponent;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void add(struct number *n, char c)
{
    if (n->len < MAX_DIGITS)
        n->digits[n->len++] = c;
    else
        n->too_long = true;
}

static const char *add_digits(struct number *n, const char *p)
{
    while (is_digit(*p))
        add(n, *p++);
    return p;
}

/* Groups of three behind commas, if what is there is nothing else. */
static const char *add_groups(struct number *n, const char *p)
{
    const char *end = p;

    if (n->len > 3)
        return p;
    while (end - p < MAX_DIGITS && end[0] == ',' && is_digit(end[1]) && is_digit(end[2]) && is_digit(end[3]))
        end += 4;
    if (is_digit(*end) || (end[0] == ',' && is_digit(end[1])))
        return p;
    for (; p < end; p++)
        if (*p != ',')
            add(n, *p);
    return end;
}

/* One of the texts that p begins with, its length; 0: none. */
static size_t starts(const char *p, const char *const texts[], size_t n, size_t *which)
{
    for (size_t i = 0; i < n; i++) {
        if (strncmp(p, texts[i], strlen(texts[i])) == 0) {
            *which = i;
            return strlen(texts[i]);
        }
    }
    return 0;
}

static const char *skip_spaces(const char *p)
{
    while (*p == ' ')
        p++;
    return p;
}

/* A sign's length at p; negative is set for a minus. */
static size_t read_sign(const char *p, bool *negative)
{
    static const char *const signs[] = { "+", "-", "\u2212", "\u207b" }; /* ASCII, minus, superscript minus */
    size_t which = 0, len = starts(p, signs, 4, &which);

    *negative = len > 0 && which > 0;
    return len;
}

/* Digits at p, plain or superscript, with a sign.  NULL: none. */
static const char *read_exponent(const char *p, long *out)
{
    static const char *const raised[] = { "\u2070", "\u00b9", "\u00b2", "\u00b3", "\u2074",
                                          "\u2075", "\u2076", "\u2077", "\u2078", "\u2079" };
    bool negative, any = false;
    long value = 0;

    p += read_sign(p, &negative);
    for (;;) {
        size_t digit = 0, len = is_digit(*p) ? 1 : starts(p, raised, 10, &digit);

        if (len == 0)
            break;
        if (is_digit(*p))
            digit = (size_t)(*p - '0');
        value = value > MAX_EXPONENT ? value : value * 10 + (long)digit;
        any = true;
        p += len;
    }
    *out = negative ? -value : value;
    return any ? p : NULL;
}

/* e-3, or × 10^-3.  p itself where there is neither. */
static const char *read_scale(const char *p, long *exponent)
{
    static const char *const times[] = { "\u00d7", "\u00b7", "\\times", "x", "*" };
    static const char *const powers[] = { "^{", "^", "**", "" };
    const char *end;
    size_t which = 0;

    *exponent = 0;
    if (*p == 'e' || *p == 'E') {
        bool negative;
        const char *digits = p + 1 + (read_sign(p + 1, &negative) == 1);

        end = is_digit(*digits) ? read_exponent(p + 1, exponent) : NULL;
        if (end && !isalnum((unsigned char)*end))
            return end;
        *exponent = 0;
        return p;
    }
    end = skip_spaces(p);
    end += starts(end, times, 5, &which);
    if (end == skip_spaces(p))
        return p;
    end = skip_spaces(end);
    if (strncmp(end, "10", 2) != 0)
        return p;
    end += 2;
    end += starts(end, powers, 4, &which);
    if (which == 3 && is_digit(*end)) /* 2 x 105 */
        return p;
    end = read_exponent(end, exponent);
    if (end == NULL) {
        *exponent = 0;
        return p;
    }
    return end + (which == 0 && *end == '}');
}

/* Is the hyphen or minus before a number its sign?  Not behind a letter, a digit or a bracket: a difference, a range. */
static bool is_sign(const char *begin, const char *sign)
{
    return sign == begin || !(isalnum((unsigned char)sign[-1]) || strchr(")]_.", sign[-1]));
}

static bool is_negative(const char *begin, const char *digits)
{
    if (digits > begin && digits[-1] == '-')
        return is_sign(begin, digits - 1);
    return digits - begin >= 3 && memcmp(digits - 3, "\u2212", 3) == 0 && is_sign(begin, digits - 3);
}

static bool in_word(const char *begin, const char *p)
{
    return p > begin && (isalpha((unsigned char)p[-1]) || p[-1] == '_');
}

/* As JSON writes it: no zeros in front but one, a digit before the point. */
static void print(const struct number *n, bool negative, char out[EVAL_NUMBER_SIZE])
{
    const char *digits = n->digits;

    while (digits[0] == '0' && is_digit(digits[1]))
        digits++;
    snprintf(out, EVAL_NUMBER_SIZE, "%s%s%se%ld", negative ? "-" : "", is_digit(*digits) ? "" : "0", digits,
             n->exponent);
}

bool eval_number_next(const char *text, size_t *at, char out[EVAL_NUMBER_SIZE])
{
    const char *p = text + *at;

    for (;;) {
        struct number n = { .len = 0 };
        const char *start;
        bool word;

        while (*p && !is_digit(*p) && !(p[0] == '.' && is_digit(p[1])))
            p++;
        if (*p == '\0')
            return false;
        start = p;
        word = in_word(text, p);
        p = add_groups(&n, add_digits(&n, p));
        if (p[0] == '.' && is_digit(p[1])) {
            add(&n, '.');
            p = add_digits(&n, p + 1);
        }
        n.digits[n.len] = '\0';
        if (word) /* with all digits that follow in it, C9H8O4 is gone through letter by letter */
            continue;
        p = read_scale(p, &n.exponent);
        *at = (size_t)(p - text);
        if (n.too_long)
            continue;
        print(&n, is_negative(text, start), out);
        return true;
    }
}
