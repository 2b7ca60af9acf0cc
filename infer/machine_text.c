/*
 * Strings and names: what their language says of characters, and how JSON writes those.  A character may be escaped where the style
 * allows it; whether one that can still be completed leads on is looked at digit by digit.
 */
#include <string.h>

#include "infer/machine_json.h"

static unsigned utf8_write(uint32_t code, unsigned char out[4])
{
    if (code < 0x80) {
        out[0] = (unsigned char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (unsigned char)(0xc0 | code >> 6);
        out[1] = (unsigned char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (unsigned char)(0xe0 | code >> 12);
        out[1] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (unsigned char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (unsigned char)(0xf0 | code >> 18);
    out[1] = (unsigned char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (unsigned char)(0x80 | (code & 0x3f));
    return 4;
}

/* The first name that may still come, goes on with this byte and begins like names[lo] does in its first len bytes. */
bool reader_name(const struct reader *r, int byte, uint32_t *found)
{
    const struct object_shape *o = frame_shape(r->f);

    for (size_t i = r->lo; i < o->n_names; i++) {
        const struct shape_name *n = &o->names[i];

        if (n->len < r->len || memcmp(n->text, o->names[r->lo].text, r->len) != 0)
            return false;
        if (byte < 0 ? n->len != r->len : n->len == r->len || (unsigned char)n->text[r->len] != byte)
            continue;
        if (object_name_is_open(r->m, o, r->f->seen, i)) {
            *found = (uint32_t)i;
            return true;
        }
    }
    return false;
}

static bool read_byte(struct reader *r, unsigned char byte)
{
    uint32_t found;

    if (!r->names) {
        r->regex = regex_next(r->m->regexes, r->regex, byte);
        return r->regex != REGEX_NONE;
    }
    if (!reader_name(r, byte, &found))
        return false;
    r->lo = found;
    r->len++;
    return true;
}

static bool read_code(struct reader *r, uint32_t code)
{
    unsigned char bytes[4];
    unsigned n = utf8_write(code, bytes);

    for (unsigned i = 0; i < n; i++)
        if (!read_byte(r, bytes[i]))
            return false;
    return true;
}

static bool may_read(const struct reader *r, uint32_t code)
{
    struct reader copy = *r;

    return code != 0 && read_code(&copy, code);
}

/* The first bytes of a name are a whole character: which one? */
static uint32_t code_at(const char *text, size_t len)
{
    const unsigned char *b = (const unsigned char *)text;

    if (len == 0 || (b[0] & 0xc0) == 0x80)
        return 0;
    if (b[0] < 0x80 || len < 2)
        return b[0];
    if (b[0] < 0xe0 || len < 3)
        return (uint32_t)(b[0] & 0x1f) << 6 | (b[1] & 0x3f);
    if (b[0] < 0xf0 || len < 4)
        return (uint32_t)(b[0] & 0xf) << 12 | (uint32_t)(b[1] & 0x3f) << 6 | (b[2] & 0x3f);
    return (uint32_t)(b[0] & 7) << 18 | (uint32_t)(b[1] & 0x3f) << 12 | (uint32_t)(b[2] & 0x3f) << 6 | (b[3] & 0x3f);
}

/* Does a name that may still come go on with one of these characters? */
static bool name_goes_on(const struct reader *r, uint32_t from, uint32_t to)
{
    const struct object_shape *o = frame_shape(r->f);

    for (size_t i = r->lo; i < o->n_names; i++) {
        const struct shape_name *n = &o->names[i];
        uint32_t code;

        if (n->len < r->len || memcmp(n->text, o->names[r->lo].text, r->len) != 0)
            return false;
        code = code_at(n->text + r->len, n->len - r->len);
        if (code != 0 && code >= from && code <= to && object_name_is_open(r->m, o, r->f->seen, i))
            return true;
    }
    return false;
}

/*
 * Is there, behind state q, a character of the range whose code begins with base and has n more bytes of 6 bits?  A state that is
 * there at all leads to the end of some character, so whole stretches need no look at their parts.
 */
static bool reads_between(struct machine *m, regex q, uint32_t base, unsigned n, uint32_t from, uint32_t to)
{
    const uint32_t span = (uint32_t)1 << 6 * n;

    if (q == REGEX_NONE || base > to || base + span - 1 < from)
        return false;
    if (base >= from && base + span - 1 <= to)
        return true;
    for (uint32_t c = 0; c < 64; c++)
        if (reads_between(m, regex_next(m->regexes, q, (unsigned char)(0x80 | c)), base + (c << 6 * (n - 1)), n - 1, from, to))
            return true;
    return false;
}

/* May one of these characters come? */
static bool may_read_any(const struct reader *r, uint32_t from, uint32_t to)
{
    static const struct { unsigned lead, last, n; } lengths[] = { { 0, 0x7f, 0 }, { 0xc0, 0xdf, 1 }, { 0xe0, 0xef, 2 }, { 0xf0, 0xf7, 3 } };

    if (r->names)
        return name_goes_on(r, from, to);
    if (r->regex == REGEX_ANY)
        return to > 0;
    from = from ? from : 1; /* never U+0000 */
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        for (unsigned lead = lengths[i].lead; lead <= lengths[i].last; lead++) {
            const uint32_t base = (lead - lengths[i].lead) << 6 * lengths[i].n;

            if (base <= to && base + ((uint32_t)1 << 6 * lengths[i].n) > from &&
                reads_between(r->m, regex_next(r->m->regexes, r->regex, (unsigned char)lead), base, lengths[i].n, from, to))
                return true;
        }
    return false;
}

static uint32_t short_escape(unsigned char byte)
{
    switch (byte) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case '"':
    case '\\':
        return byte;
    default:
        return 0;
    }
}

/* Any escape says any character; those that are needed say quotes, backslashes and control characters. */
static bool may_escape(const struct reader *r)
{
    uint64_t first[4];

    if (!r->m->style.escapes)
        return may_read(r, '"') || may_read(r, '\\') || may_read_any(r, 1, 0x1f);
    if (r->names)
        return name_goes_on(r, 1, 0x10ffff);
    work_first(r->m, r->regex, first);
    return (first[0] & ~(uint64_t)1) || first[1] || first[3]; /* what begins a character */
}

static int hex_value(unsigned char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Control characters that have no short escape: where only needed escapes are written, \u is for these. */
static bool may_read_control(const struct reader *r, uint32_t from, uint32_t to)
{
    for (uint32_t code = from ? from : 1; code <= to && code <= 0x1f; code++)
        if (!strchr("\b\f\n\r\t", (int)code) && may_read(r, code))
            return true;
    return false;
}

/* Is there a character whose \u begins with these digits? */
static bool may_read_hex(const struct reader *r, uint32_t code, unsigned n_digits)
{
    const unsigned shift = 4 * (4 - n_digits);
    uint32_t from = code << shift, to = from + ((uint32_t)1 << shift) - 1;

    if (!r->m->style.escapes)
        return may_read_control(r, from, to);
    if (from < 0xd800 && may_read_any(r, from, to < 0xd7ff ? to : 0xd7ff))
        return true;
    if (to >= 0xe000 && may_read_any(r, from > 0xe000 ? from : 0xe000, to))
        return true;
    if (to < 0xd800 || from > 0xdbff)
        return false;
    from = from > 0xd800 ? from : 0xd800;
    to = to < 0xdbff ? to : 0xdbff;
    return may_read_any(r, 0x10000 + ((from - 0xd800) << 10), 0x10000 + ((to - 0xd800) << 10) + 0x3ff);
}

/* The second half of a pair: code holds the first in its upper half. */
static bool may_read_low(const struct reader *r, uint32_t code, unsigned n_digits)
{
    const unsigned shift = 4 * (4 - n_digits);
    const uint32_t high = code >> 16;
    uint32_t from = (code & 0xffff) << shift, to = from + ((uint32_t)1 << shift) - 1;

    from = from > 0xdc00 ? from : 0xdc00;
    to = to < 0xdfff ? to : 0xdfff;
    return from <= to && may_read_any(r, 0x10000 + ((high - 0xd800) << 10) + (from - 0xdc00),
                                      0x10000 + ((high - 0xd800) << 10) + (to - 0xdc00));
}

static bool step_hex(struct reader *r, struct frame *f, unsigned char byte)
{
    const int digit = hex_value(byte);
    const bool low = f->escape >= LOW0;
    const unsigned n_digits = f->escape - (low ? LOW0 : HEX0) + 1;
    uint32_t code;

    if (digit < 0)
        return false;
    code = low ? (f->code & 0xffff0000) | (f->code << 4 & 0xffff) | (uint32_t)digit : f->code << 4 | (uint32_t)digit;
    if (n_digits < 4) {
        f->code = code;
        f->escape++;
        return low ? may_read_low(r, code, n_digits) : may_read_hex(r, code, n_digits);
    }
    if (!low && code >= 0xd800 && code <= 0xdbff) {
        f->code = code << 16;
        f->escape = LOW_BACKSLASH;
        return may_read_hex(r, code, 4);
    }
    if (low ? !may_read_low(r, code, 4) : !may_read_hex(r, code, 4))
        return false;
    f->escape = PLAIN;
    f->code = 0;
    return read_code(r, low ? 0x10000 + (((code >> 16) - 0xd800) << 10) + ((code & 0xffff) - 0xdc00) : code);
}

static bool step_escape(struct reader *r, struct frame *f, unsigned char byte)
{
    const uint32_t code = short_escape(byte);

    switch (f->escape) {
    case ESCAPE:
        if (byte == 'u') {
            f->escape = HEX0;
            return r->m->style.escapes || may_read_control(r, 1, 0x1f);
        }
        f->escape = PLAIN;
        if (byte == '/' && r->m->style.escapes)
            return read_code(r, '/');
        return code && read_code(r, code);
    case LOW_BACKSLASH:
        f->escape = LOW_U;
        return byte == '\\';
    case LOW_U:
        f->escape = LOW0;
        return byte == 'u';
    default:
        return step_hex(r, f, byte);
    }
}

/* One byte inside of a string, not the quote that closes it.  f keeps the escape. */
bool reader_step(struct reader *r, struct frame *f, unsigned char byte)
{
    if (f->escape != PLAIN)
        return step_escape(r, f, byte);
    if (byte == '\\') {
        f->escape = ESCAPE;
        return may_escape(r);
    }
    return byte >= 0x20 && read_byte(r, byte);
}

bool value_text_step(struct machine *m, struct frame *f, unsigned char byte)
{
    struct reader r = { .m = m, .regex = f->regex };

    if (!reader_step(&r, f, byte))
        return false;
    f->regex = r.regex;
    return true;
}

