/*
 * Formatting: the % operator and str.format.  What stands in the format keeps its origin, and so does what is put in;
 * padding is the format's.
 */
#include "infer/jinja_text.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/jinja_unicode.h"

#define MAX_PRECISION 250 /* digits: printf's output fits MAX_NUMBER */
#define MAX_NUMBER    700
#define MAX_WIDTH     ((int64_t)1 << 24) /* characters of padding */

struct spec {
    uint32_t fill; /* 0: none given */
    char align;    /* < > ^ = or 0 */
    char sign;     /* + - space or 0 */
    char comma;    /* , or _ or 0 */
    bool alternate, zero;
    int64_t width, precision; /* precision: -1 for none */
    char type;                /* 0: none given */
};

/* --- numbers as text ------------------------------------------------------------------------------------------------ */

static void digits_in_base(uint64_t n, unsigned base, bool upper, char *out)
{
    char reversed[65];
    size_t len = 0;

    do
        reversed[len++] = (upper ? "0123456789ABCDEF" : "0123456789abcdef")[n % base];
    while (n /= base);
    for (size_t i = 0; i < len; i++)
        out[i] = reversed[len - 1 - i];
    out[len] = '\0';
}

static void print_float(char out[MAX_NUMBER], char type, bool alternate, int precision, double f)
{
    const size_t cap = MAX_NUMBER - 8; /* what is appended has room */

    switch (type) {
    case 'e':
        snprintf(out, cap, alternate ? "%#.*e" : "%.*e", precision, f);
        break;
    case 'E':
        snprintf(out, cap, alternate ? "%#.*E" : "%.*E", precision, f);
        break;
    case 'f':
        snprintf(out, cap, alternate ? "%#.*f" : "%.*f", precision, f);
        break;
    case 'G':
        snprintf(out, cap, alternate ? "%#.*G" : "%.*G", precision ? precision : 1, f);
        break;
    default:
        snprintf(out, cap, alternate ? "%#.*g" : "%.*g", precision ? precision : 1, f);
        break;
    }
}

/* A float without its sign. */
static int float_digits(struct render *r, double f, const struct spec *s, char out[MAX_NUMBER])
{
    int precision = s->precision < 0 ? 6 : (int)s->precision;
    char type = s->type == 'F' || s->type == '%' ? 'f' : s->type == 'n' ? 'g' : s->type;

    if (precision > MAX_PRECISION)
        return render_fail(r, "a precision of more than %d digits", MAX_PRECISION);
    f = fabs(f);
    if (s->type == '%')
        f *= 100;
    if (isnan(f) || isinf(f)) {
        strcpy(out, isnan(f) ? "nan" : "inf");
        if (s->type == 'F' || s->type == 'E' || s->type == 'G')
            for (char *p = out; *p; p++)
                *p = (char)toupper((unsigned char)*p);
    } else if (!type && s->precision < 0) {
        float_repr(f, out);
    } else {
        print_float(out, type, s->alternate, precision, f);
        if (!type && !strpbrk(out, ".e")) /* like str(), it shows that it is a float */
            strcat(out, ".0");
    }
    if (s->type == '%')
        strcat(out, "%");
    return 0;
}

/* Commas between groups of the digits before a point. */
static void group(char *digits, char comma, size_t every)
{
    char copy[MAX_NUMBER * 2];
    size_t n = strspn(digits, "0123456789abcdefABCDEF"), out = 0;

    if (n > strspn(digits, "0123456789") && every == 3)
        n = strspn(digits, "0123456789");
    for (size_t i = 0; i < n; i++) {
        if (i && (n - i) % every == 0)
            copy[out++] = comma;
        copy[out++] = digits[i];
    }
    if (out + strlen(digits + n) >= MAX_NUMBER) /* cannot be: 309 digits before the point at most, MAX_PRECISION behind */
        return;
    strcpy(copy + out, digits + n);
    strcpy(digits, copy);
}

/* --- padding -------------------------------------------------------------------------------------------------------- */

static int pad(struct builder *b, const struct spec *s, int64_t n, bool data)
{
    if (n > MAX_WIDTH)
        return render_limit(b->r, "a width of more than %" PRId64 " characters", MAX_WIDTH);
    for (; n > 0 && !b->failed; n--)
        builder_char(b, s->fill ? s->fill : ' ', data);
    return 0;
}

/* sign, and digits: a number; '=' puts the padding between them. */
static int put(struct builder *b, const struct spec *s, const char *sign, const struct text *body, char align)
{
    int64_t room = s->width - (int64_t)strlen(sign) - (int64_t)body->n_chars;
    int64_t left = align == '>' ? room : align == '^' ? room / 2 : 0;
    bool data = text_is_data(body, 0) && body->len;

    if (room < 0)
        room = left = 0;
    if (pad(b, s, align == '=' ? 0 : left, false) < 0)
        return -1;
    builder_literal(b, sign, data);
    if (align == '=' && pad(b, s, room, false) < 0)
        return -1;
    builder_text(b, body);
    return align == '=' ? 0 : pad(b, s, room - left, false);
}

static int put_digits(struct builder *b, struct spec *s, const char *sign, const char *digits, bool data)
{
    struct text body = { .s = digits, .len = strlen(digits), .n_chars = strlen(digits),
                         .origin = data ? ORIGIN_DATA : ORIGIN_TEMPLATE };

    if (s->zero && !s->fill && !s->align) {
        s->fill = '0';
        s->align = '=';
    }
    return put(b, s, sign, &body, s->align ? s->align : '>');
}

static const char *sign_of(bool negative, const struct spec *s)
{
    return negative ? "-" : s->sign == '+' ? "+" : s->sign == ' ' ? " " : "";
}

static int put_float(struct builder *b, const struct value *v, struct spec *s)
{
    char digits[MAX_NUMBER];
    double f = value_double(v);

    if (float_digits(b->r, f, s, digits) < 0)
        return -1;
    if (s->comma)
        group(digits, s->comma, 3);
    return put_digits(b, s, sign_of(signbit(f) && !isnan(f), s), digits, v->data);
}

static int put_whole(struct builder *b, const struct value *v, struct spec *s)
{
    char digits[MAX_NUMBER], sign[8];
    int64_t n = value_whole(v);
    unsigned base = s->type == 'x' || s->type == 'X' ? 16 : s->type == 'o' ? 8 : s->type == 'b' ? 2 : 10;

    digits_in_base(n < 0 ? 0 - (uint64_t)n : (uint64_t)n, base, s->type == 'X', digits);
    if (s->comma)
        group(digits, s->comma, base == 10 ? 3 : 4);
    snprintf(sign, sizeof sign, "%s", sign_of(n < 0, s));
    if (s->alternate && base != 10) {
        size_t len = strlen(sign);

        snprintf(sign + len, sizeof sign - len, "0%c", s->type);
    }
    return put_digits(b, s, sign, digits, v->data);
}

static int put_text(struct builder *b, const struct text *t, const struct spec *s)
{
    const struct text *cut = t;

    if (s->precision >= 0 && (uint64_t)s->precision < t->n_chars &&
        text_slice(b->r, t, 0, text_offset(t, (size_t)s->precision), &cut) < 0)
        return -1;
    return put(b, s, "", cut, s->align ? s->align : '<');
}

static int put_char(struct builder *b, const struct value *v, const struct spec *s)
{
    struct builder one;
    const struct text *t;

    if (v->kind == V_STRING && v->text->n_chars == 1)
        return put_text(b, v->text, s);
    if (!value_is_whole(v) || value_whole(v) < 0 || value_whole(v) > 0x10ffff ||
        (value_whole(v) >= 0xd800 && value_whole(v) <= 0xdfff))
        return render_fail(b->r, "%%c requires int or char");
    builder_init(&one, b->r);
    builder_char(&one, (uint32_t)value_whole(v), v->data);
    return builder_finish(&one, &t) < 0 ? -1 : put_text(b, t, s);
}

/* --- the % operator ------------------------------------------------------------------------------------------------- */

struct percent {
    struct render *r;
    struct builder b;
    const struct text *format;
    size_t at;
    const struct value *args;
    size_t next;
    bool named; /* a %(name) was there */
};

static int next_argument(struct percent *p, struct value *out)
{
    if (p->args->kind == V_TUPLE) {
        if (p->next >= p->args->list->n)
            return render_fail(p->r, "not enough arguments for format string");
        *out = p->args->list->items[p->next++];
        return 0;
    }
    if (p->next++ > 0)
        return render_fail(p->r, "not enough arguments for format string");
    *out = *p->args;
    return 0;
}

static char percent_char(struct percent *p)
{
    return p->at < p->format->len ? p->format->s[p->at] : '\0';
}

static int named_argument(struct percent *p, struct value *out)
{
    size_t from = ++p->at, depth = 1;
    struct value key;

    if (p->args->kind != V_DICT)
        return render_fail(p->r, "format requires a mapping");
    for (; depth && p->at < p->format->len; p->at++)
        depth += percent_char(p) == '(' ? 1 : percent_char(p) == ')' ? (size_t)-1 : 0;
    if (depth)
        return render_fail(p->r, "incomplete format key");
    if (text_slice_value(p->r, p->format, from, p->at - 1, &key) < 0)
        return -1;
    p->named = true;
    switch (dict_get(p->r, p->args->dict, &key, out)) {
    case 1:
        return 0;
    case 0:
        return render_fail(p->r, "the format's key is missing");
    default:
        return -1;
    }
}

/* Digits, or * for an argument. */
static int percent_number(struct percent *p, int64_t *out)
{
    struct value v = { 0 };

    if (percent_char(p) == '*') {
        p->at++;
        if (next_argument(p, &v) < 0)
            return -1;
        if (!value_is_whole(&v))
            return render_fail(p->r, "* wants int");
        *out = value_whole(&v);
        return 0;
    }
    for (*out = 0; isdigit((unsigned char)percent_char(p)); p->at++)
        if (*out < MAX_WIDTH * 2)
            *out = *out * 10 + percent_char(p) - '0';
    return 0;
}

static int percent_spec(struct percent *p, struct spec *s)
{
    for (; strchr("-+ #0", percent_char(p)) && percent_char(p); p->at++) {
        char c = percent_char(p);

        if (c == '-')
            s->align = '<';
        else if (c == '#')
            s->alternate = true;
        else if (c == '0')
            s->zero = true;
        else if (s->sign != '+')
            s->sign = c;
    }
    if (percent_number(p, &s->width) < 0)
        return -1;
    if (s->width < 0) {
        s->align = '<';
        s->width = s->width < -MAX_WIDTH ? MAX_WIDTH + 1 : -s->width;
    }
    if (percent_char(p) == '.') {
        p->at++;
        if (percent_number(p, &s->precision) < 0)
            return -1;
        if (s->precision < 0)
            s->precision = 0;
    }
    while (percent_char(p) && strchr("hlL", percent_char(p)))
        p->at++;
    return 0;
}

static int percent_whole(struct percent *p, struct value *v, struct spec *s)
{
    char digits[MAX_NUMBER], padded[MAX_NUMBER];
    size_t len = 0;
    int64_t n;

    if (v->kind == V_FLOAT && strchr("diu", s->type) && fabs(v->f) < 9e18)
        *v = (struct value){ .kind = V_INT, .data = v->data, .i = (int64_t)v->f };
    if (!value_is_whole(v))
        return render_fail(p->r, "%%%c format: a number is required, not %s", s->type, value_type(v));
    s->type = s->type == 'i' || s->type == 'u' ? 'd' : s->type;
    if (s->precision <= 0)
        return put_whole(&p->b, v, s);
    if (s->precision > MAX_PRECISION)
        return render_fail(p->r, "a precision of more than %d digits", MAX_PRECISION);
    n = value_whole(v);
    digits_in_base(n < 0 ? 0 - (uint64_t)n : (uint64_t)n, s->type == 'o' ? 8 : s->type == 'd' ? 10 : 16, s->type == 'X', digits);
    if (s->alternate && s->type != 'd')
        len = (size_t)snprintf(padded, sizeof padded, "0%c", s->type);
    for (size_t i = strlen(digits); i < (size_t)s->precision; i++)
        padded[len++] = '0';
    strcpy(padded + len, digits);
    return put_digits(&p->b, s, sign_of(n < 0, s), padded, v->data);
}

static int percent_repr(struct percent *p, const struct value *v, const struct spec *s)
{
    struct builder b;
    const struct text *t;

    builder_init(&b, p->r);
    if (value_repr(p->r, &b, v) < 0 || builder_finish(&b, &t) < 0)
        return -1;
    return put_text(&p->b, t, s);
}

static int percent_text(struct percent *p, const struct value *v, struct spec *s)
{
    const struct text *t;

    if (s->type == 'c')
        return put_char(&p->b, v, s);
    if (s->type != 's')
        return percent_repr(p, v, s);
    if (p->format->safe && v->kind == V_STRING ? text_escape(p->r, v->text, &t) < 0 : value_text(p->r, v, &t) < 0)
        return -1;
    return put_text(&p->b, t, s);
}

static int percent_item(struct percent *p)
{
    struct spec s = { .precision = -1 };
    struct value v = { 0 };
    bool have = false;

    if (percent_char(p) == '(') {
        if (named_argument(p, &v) < 0)
            return -1;
        have = true;
    }
    if (percent_spec(p, &s) < 0)
        return -1;
    s.type = percent_char(p);
    p->at++;
    if (s.type == '%') {
        builder_slice(&p->b, p->format, p->at - 1, p->at);
        return 0;
    }
    if (!s.type || !strchr("sracdiuxXoeEfFgG", s.type))
        return render_fail(p->r, s.type ? "unsupported format character" : "incomplete format");
    if (!have && next_argument(p, &v) < 0)
        return -1;
    if (strchr("srac", s.type)) {
        s.align = s.align ? s.align : '>';
        return percent_text(p, &v, &s);
    }
    if (strchr("diuxXo", s.type))
        return percent_whole(p, &v, &s);
    if (!value_is_number(&v))
        return render_fail(p->r, "must be real number, not %s", value_type(&v));
    return put_float(&p->b, &v, &s);
}

int format_percent(struct render *r, const struct text *format, const struct value *args, struct value *out)
{
    struct percent p = { .r = r, .format = format, .args = args };

    builder_init(&p.b, r);
    while (p.at < format->len) {
        const char *percent = memchr(format->s + p.at, '%', format->len - p.at);
        size_t end = percent ? (size_t)(percent - format->s) : format->len;

        builder_slice(&p.b, format, p.at, end);
        p.at = end + (percent != NULL);
        if (percent && percent_item(&p) < 0)
            return -1;
    }
    if (args->kind == V_TUPLE ? p.next < args->list->n
                              : p.next == 0 && args->kind != V_DICT && args->kind != V_LIST && args->kind != V_RANGE &&
                                    args->kind != V_UNDEFINED)
        return render_fail(r, "not all arguments converted during string formatting");
    return builder_value(&p.b, format->safe, out);
}

/* --- str.format ----------------------------------------------------------------------------------------------------- */

struct braces {
    struct render *r;
    const struct arguments *args;
    int64_t next; /* the next argument without a number; -1: numbers are given */
    unsigned depth;
};

static int format_into(struct braces *, struct builder *, const struct text *, bool safe);

static int find_argument(struct braces *f, const struct text *name, struct value *out)
{
    int64_t i;

    if (name->len == 0) {
        if (f->next < 0)
            return render_fail(f->r, "format: numbered fields and ones without a number");
        i = f->next++;
    } else if (int_parse(name, 10, &i) == 1) {
        if (f->next > 0)
            return render_fail(f->r, "format: numbered fields and ones without a number");
        f->next = -1;
    } else {
        for (size_t k = 0; k < f->args->n_named; k++)
            if (text_equal(f->args->names[k], name)) {
                *out = f->args->named[k];
                return 0;
            }
        return render_fail(f->r, "format: there is no argument %.*s", (int)(name->len > 60 ? 60 : name->len), name->s);
    }
    if (i < 0 || (uint64_t)i >= f->args->n)
        return render_fail(f->r, "format: there is no argument %" PRId64, i);
    *out = f->args->items[i];
    return 0;
}

/* name, then .attribute and [element] */
static int find_field(struct braces *f, const struct text *field, struct value *out)
{
    size_t at = 0, end;
    const struct text *part;

    while (at < field->len && field->s[at] != '.' && field->s[at] != '[')
        at++;
    if (text_slice(f->r, field, 0, at, &part) < 0 || find_argument(f, part, out) < 0)
        return -1;
    while (at < field->len) {
        bool brackets = field->s[at] == '[';
        struct value key;
        int rc;

        for (end = ++at; end < field->len && (brackets ? field->s[end] != ']' : field->s[end] != '.' && field->s[end] != '[');)
            end++;
        if (end == at || (brackets && end == field->len))
            return render_fail(f->r, "format: a field's name is not complete");
        if (text_slice_value(f->r, field, at, end, &key) < 0)
            return -1;
        if (brackets && int_parse(key.text, 10, &key.i) == 1)
            key.kind = V_INT;
        rc = brackets ? value_element(f->r, out, &key, out) : value_attribute(f->r, out, key.text, out);
        if (rc < 0)
            return -1;
        if (out->kind == V_UNDEFINED)
            return render_fail(f->r, "%s", out->undefined ? out->undefined->why : "a value is undefined");
        at = end + brackets;
    }
    return 0;
}

static bool is_align(char c)
{
    return c == '<' || c == '>' || c == '^' || c == '=';
}

static int parse_spec(struct braces *f, const struct text *t, struct spec *s)
{
    const char *p = t->s, *end = t->s + t->len;
    size_t first = t->len ? char_len(p) : 0;

    *s = (struct spec){ .precision = -1 };
    if (first && p + first < end && is_align(p[first])) {
        s->fill = char_at(p);
        s->align = p[first];
        p += first + 1;
    } else if (p < end && is_align(*p)) {
        s->align = *p++;
    }
    if (p < end && strchr("+- ", *p))
        s->sign = *p++;
    if (p < end && *p == '#')
        s->alternate = (bool)p++;
    if (p < end && *p == '0') {
        s->zero = true;
        p++;
    }
    for (; p < end && isdigit((unsigned char)*p); p++)
        if (s->width < MAX_WIDTH * 2)
            s->width = s->width * 10 + *p - '0';
    if (p < end && (*p == ',' || *p == '_'))
        s->comma = *p++;
    if (p + 1 < end && *p == '.' && isdigit((unsigned char)p[1]))
        for (s->precision = 0, p++; p < end && isdigit((unsigned char)*p); p++)
            if (s->precision < MAX_WIDTH)
                s->precision = s->precision * 10 + *p - '0';
    if (p < end)
        s->type = *p++;
    if (p < end)
        return render_fail(f->r, "format: invalid format specifier");
    return 0;
}

static int put_spec(struct braces *f, struct builder *b, const struct value *v, struct spec *s)
{
    const struct text *t;

    if (v->kind == V_STRING) {
        if ((s->type && s->type != 's') || s->align == '=' || s->sign || s->comma || s->alternate)
            return render_fail(f->r, "format: invalid format specifier for '%s'", value_type(v));
        if (s->zero && !s->fill)
            s->fill = '0';
        return value_text(f->r, v, &t) < 0 ? -1 : put_text(b, t, s);
    }
    if (value_is_whole(v) && (!s->type || strchr("dxXobcn", s->type))) {
        if (s->precision >= 0)
            return render_fail(f->r, "format: precision not allowed in integer format specifier");
        return s->type == 'c' ? put_char(b, v, s) : put_whole(b, v, s);
    }
    if (value_is_number(v) && (!s->type || strchr("eEfFgGn%", s->type)))
        return put_float(b, v, s);
    return render_fail(f->r, "format: invalid format specifier for '%s'", value_type(v));
}

static int put_field(struct braces *f, struct builder *b, const struct value *v, const struct text *spec, bool safe)
{
    struct spec s;

    if (spec->len == 0) {
        if (v->kind == V_STRING && safe)
            builder_escaped(b, v->text);
        else
            return value_print(f->r, b, v);
        return 0;
    }
    if (!value_is_number(v) && v->kind != V_STRING)
        return render_fail(f->r, "unsupported format string passed to %s.__format__", value_type(v));
    if (parse_spec(f, spec, &s) < 0)
        return -1;
    return put_spec(f, b, v, &s);
}

static int convert_field(struct braces *f, char conversion, struct value *v)
{
    struct builder b;
    const struct text *t;

    if (conversion == 's') {
        if (value_text(f->r, v, &t) < 0)
            return -1;
        *v = value_string(t);
        return 0;
    }
    if (conversion != 'r')
        return render_fail(f->r, "format: unknown conversion");
    builder_init(&b, f->r);
    return value_repr(f->r, &b, v) < 0 ? -1 : builder_value(&b, false, v);
}

/* The field between from and to: name, !conversion, :spec. */
static int format_field(struct braces *f, struct builder *b, const struct text *format, size_t from, size_t to, bool safe)
{
    size_t end = from;
    const struct text *name, *spec;
    struct builder inner;
    struct value v = { 0 };
    char conversion = '\0';
    int brackets = 0;

    for (; end < to && (brackets || (format->s[end] != '!' && format->s[end] != ':')); end++)
        brackets += format->s[end] == '[' ? 1 : format->s[end] == ']' ? -1 : 0;
    if (text_slice(f->r, format, from, end, &name) < 0 || find_field(f, name, &v) < 0)
        return -1;
    if (end + 1 < to && format->s[end] == '!') {
        conversion = format->s[end + 1];
        end += 2;
        if (end < to && format->s[end] != ':')
            return render_fail(f->r, "format: expected ':' after conversion specifier");
    } else if (end < to && format->s[end] == '!') {
        return render_fail(f->r, "format: the conversion is missing");
    }
    if (conversion && convert_field(f, conversion, &v) < 0)
        return -1;
    if (text_slice(f->r, format, end < to ? end + 1 : to, to, &spec) < 0)
        return -1;
    builder_init(&inner, f->r);
    f->depth++;
    if (format_into(f, &inner, spec, false) < 0 || builder_finish(&inner, &spec) < 0)
        return -1;
    f->depth--;
    return put_field(f, b, &v, spec, safe);
}

static int format_into(struct braces *f, struct builder *b, const struct text *format, bool safe)
{
    size_t at = 0;

    if (f->depth > 2)
        return render_fail(f->r, "format: fields are nested too deep");
    while (at < format->len) {
        size_t from = at, depth = 1;

        while (at < format->len && format->s[at] != '{' && format->s[at] != '}')
            at++;
        builder_slice(b, format, from, at);
        if (at == format->len)
            break;
        if (f->depth == 0 && at + 1 < format->len && format->s[at + 1] == format->s[at]) {
            builder_slice(b, format, at, at + 1);
            at += 2;
            continue;
        }
        if (format->s[at] == '}')
            return render_fail(f->r, "format: a single '}'");
        for (from = ++at; depth && at < format->len; at++)
            depth += format->s[at] == '{' ? 1 : format->s[at] == '}' ? (size_t)-1 : 0;
        if (depth)
            return render_fail(f->r, "format: a '{' is not closed");
        if (format_field(f, b, format, from, at - 1, safe) < 0)
            return -1;
    }
    return 0;
}

int format_braces(struct render *r, const struct text *format, const struct arguments *args, struct value *out)
{
    struct braces f = { .r = r, .args = args };
    struct builder b;

    builder_init(&b, r);
    return format_into(&f, &b, format, format->safe) < 0 ? -1 : builder_value(&b, format->safe, out);
}
