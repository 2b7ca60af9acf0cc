/*
 * The state is a stack of frames, one for each value that is open.  A frame of kind VALUE stands where a value must
 * begin and turns into the frame of its kind at the first byte.  Numbers have no closing byte: they end when a byte
 * comes that does not continue them and their parent takes it.
 *
 * Numbers in bounds are counted on a grid: integers in units of 1, others in units of 1e-9.  The digits so far
 * stand for an interval of grid points that further digits can reach, and the interval must hold an allowed one.
 */
#include "infer/grammar.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "util/rpc.h"

#define WHOLE_DIGITS    15 /* below 2^53, so that a double holds the integer */
#define GRID_DIGITS     9  /* fraction digits of a number with bounds */
#define FRACTION_DIGITS 15 /* of one without */
#define EXPONENT_DIGITS 2
#define KEY_LIMIT       1024

typedef __int128 grid;

struct key {
    const char *text; /* "name": with its quotes and colon */
    size_t len;
    const struct grammar *value;
    bool required;
};

struct grammar {
    unsigned types;
    size_t n_keys;
    struct key *keys;
    const struct grammar *items;
    long long min_items, max_items, min_length, max_length; /* max -1: no bound */
    size_t n_values;
    const char **values; /* of enum; n_values 0: any */
    bool on_grid;        /* a number that is held to [low, high] in steps of step */
    unsigned fraction_digits;
    grid low, high, step;
};

enum kind { VALUE, OBJECT, ARRAY, STRING, NUMBER, LITERAL, ENUM };
enum { OPEN, KEY, AFTER, COMMA };                                                     /* phases of objects and arrays */
enum { TEXT, ESCAPE, ESCAPE_U, ESCAPE_U0, ESCAPE_U00, ESCAPE_U000, ESCAPE_U001 };     /* of strings */
enum { SIGN, ZERO, WHOLE, POINT, FRACTION, EXPONENT, EXPONENT_SIGN, EXPONENT_VALUE }; /* of numbers */

/* What `{}` or a missing `items` allows: anything, but of an object only the empty one, since no member has a name. */
static const struct grammar anything = { .types = SCHEMA_ANY, .items = &anything, .max_items = -1, .max_length = -1 };
static const struct grammar no_members = { .types = SCHEMA_OBJECT, .max_items = -1, .max_length = -1 };

/* --- compiling ---------------------------------------------------------------------------------------------------- */

struct compiler {
    struct arena *arena;
    struct err *err;
    int depth;
};

static const struct grammar *compile(struct compiler *, const struct schema *);

static int out_of_memory(struct compiler *c)
{
    return fail(c->err, CORAX_E_LIMIT, "out of memory for the schema");
}

static grid power_of_ten(unsigned n)
{
    grid p = 1;

    while (n--)
        p *= 10;
    return p;
}

/* The value of a grid point as whoever reads the JSON text will see it. */
static double grid_value(grid point, unsigned digits)
{
    grid unit = power_of_ten(digits), magnitude = point < 0 ? -point : point;
    char text[64];

    snprintf(text, sizeof text, "%s%lld.%0*lld", point < 0 ? "-" : "", (long long)(magnitude / unit), (int)digits,
             (long long)(magnitude % unit));
    return strtod(text, NULL);
}

/* The grid point nearest to x, at most `most` from zero. */
static grid grid_near(double x, unsigned digits, grid most)
{
    long double scaled = (long double)x * (long double)power_of_ten(digits);

    if (scaled >= (long double)most)
        return most;
    if (scaled <= -(long double)most)
        return -most;
    return (grid)roundl(scaled);
}

static bool within(const struct schema *s, double value)
{
    if (s->has_min && (s->exclusive_min ? value <= s->min : value < s->min))
        return false;
    return !s->has_max || (s->exclusive_max ? value < s->max : value <= s->max);
}

static grid floor_to(grid x, grid step)
{
    grid rest = x % step;

    return rest < 0 ? x - rest - step : x - rest;
}

/* Is there an allowed point in [from, to]? */
static bool has_point(const struct grammar *g, grid from, grid to)
{
    from = from > g->low ? from : g->low;
    to = to < g->high ? to : g->high;
    return from <= to && floor_to(to, g->step) >= from;
}

/* Turns bounds into grid points.  The step of two rounds each way mends what rounding to the grid moved. */
static int compile_number(struct compiler *c, struct grammar *g, const struct schema *s)
{
    bool integer = !(s->types & SCHEMA_NUMBER) || s->multiple_of > 0;
    grid most;

    if (!integer && !s->has_min && !s->has_max)
        return 0;
    if (s->multiple_of > 0 && (s->multiple_of != floor(s->multiple_of) || s->multiple_of > 1e15))
        return fail(c->err, CORAX_E_ARGS, "multipleOf %g cannot be held while decoding, only whole numbers can",
                    s->multiple_of);
    g->on_grid = true;
    g->fraction_digits = integer ? 0 : GRID_DIGITS;
    g->step = s->multiple_of > 0 ? (grid)s->multiple_of : 1;
    most = power_of_ten(WHOLE_DIGITS + g->fraction_digits) - 1;
    g->low = s->has_min ? grid_near(s->min, g->fraction_digits, most) - 2 : -most;
    g->high = s->has_max ? grid_near(s->max, g->fraction_digits, most) + 2 : most;
    g->low = g->low < -most ? -most : g->low;
    g->high = g->high > most ? most : g->high;
    for (int i = 0; i < 5 && g->low <= g->high && s->has_min && !within(s, grid_value(g->low, g->fraction_digits)) &&
                    grid_value(g->low, g->fraction_digits) <= s->min;
         i++)
        g->low++;
    for (int i = 0; i < 5 && g->low <= g->high && s->has_max && !within(s, grid_value(g->high, g->fraction_digits)) &&
                    grid_value(g->high, g->fraction_digits) >= s->max;
         i++)
        g->high--;
    if (!has_point(g, -most, most))
        g->types &= ~(unsigned)(SCHEMA_INTEGER | SCHEMA_NUMBER);
    else if (!within(s, grid_value(g->low, g->fraction_digits)) || !within(s, grid_value(g->high, g->fraction_digits)))
        return fail(c->err, CORAX_E_ARGS, "the bounds are too far out or too close together to hold while decoding");
    return 0;
}

static int compile_keys(struct compiler *c, struct grammar *g, const struct schema *s)
{
    struct buf text;
    int result = 0;

    g->keys = arena_alloc(c->arena, s->n_properties * sizeof *g->keys + 1);
    if (!g->keys)
        return out_of_memory(c);
    buf_init(&text, KEY_LIMIT);
    for (size_t i = 0; i < s->n_properties && result == 0; i++) {
        const struct schema_property *p = &s->properties[i];
        struct jsonw w = jsonw_start(&text);
        struct key *key = &g->keys[i];

        buf_reset(&text);
        jsonw_text(&w, NULL, p->name);
        buf_addc(&text, ':');
        key->text = text.failed ? NULL : arena_strndup(c->arena, text.data, text.len);
        key->len = text.len;
        key->required = p->required;
        key->value = compile(c, p->schema);
        if (!key->value)
            result = err_context(c->err, "/properties/%.60s", p->name);
        else if (!key->text)
            result = fail(c->err, CORAX_E_LIMIT, "/properties: a name has more than %d bytes", KEY_LIMIT);
    }
    g->n_keys = s->n_properties;
    buf_finish(&text);
    return result;
}

/* Is an enum value, as JSON text, allowed by the other keywords beside it? */
static bool value_fits(const struct schema *s, const char *text)
{
    struct buf plain;
    long long n = 0;
    double number;

    switch (text[0]) {
    case '{':
        return s->types & SCHEMA_OBJECT;
    case '[':
        return s->types & SCHEMA_ARRAY;
    case 'n':
        return s->types & SCHEMA_NULL;
    case 't':
    case 'f':
        return s->types & SCHEMA_BOOL;
    case '"':
        buf_init(&plain, RPC_MAX_LINE);
        if (json_unquote(text, strlen(text), &plain))
            for (size_t i = 0; i < plain.len; i++)
                n += ((unsigned char)plain.data[i] & 0xc0) != 0x80;
        buf_finish(&plain);
        return (s->types & SCHEMA_STRING) && n >= s->min_length && (s->max_length < 0 || n <= s->max_length);
    default:
        number = strtod(text, NULL);
        return (s->types & SCHEMA_NUMBER || (s->types & SCHEMA_INTEGER && number == floor(number))) &&
               within(s, number) && (s->multiple_of <= 0 || fmod(number, s->multiple_of) == 0);
    }
}

static int compile_enum(struct compiler *c, struct grammar *g, const struct schema *s)
{
    g->values = arena_alloc(c->arena, s->n_enum * sizeof *g->values);
    if (!g->values)
        return out_of_memory(c);
    for (size_t i = 0; i < s->n_enum; i++)
        if (value_fits(s, s->enum_json[i])) {
            g->values[g->n_values] = arena_strndup(c->arena, s->enum_json[i], strlen(s->enum_json[i]));
            if (!g->values[g->n_values++])
                return out_of_memory(c);
        }
    return g->n_values ? 0 : fail(c->err, CORAX_E_ARGS, "none of the values of enum is allowed by the other keywords");
}

static int compile_kinds(struct compiler *c, struct grammar *g, const struct schema *s)
{
    if (s->pattern && (s->types & SCHEMA_STRING))
        return fail(c->err, CORAX_E_ARGS, "pattern cannot be held while decoding");
    if (s->n_enum)
        return compile_enum(c, g, s);
    if ((s->types & (SCHEMA_NUMBER | SCHEMA_INTEGER)) && compile_number(c, g, s) < 0)
        return -1;
    if ((s->types & SCHEMA_OBJECT) && compile_keys(c, g, s) < 0)
        return -1;
    g->items = &anything;
    if ((s->types & SCHEMA_ARRAY) && s->items && !(g->items = compile(c, s->items)))
        return err_context(c->err, "/items");
    if (g->max_length >= 0 && g->max_length < g->min_length)
        g->types &= ~(unsigned)SCHEMA_STRING;
    if (g->max_items >= 0 && g->max_items < g->min_items)
        g->types &= ~(unsigned)SCHEMA_ARRAY;
    return g->types ? 0 : fail(c->err, CORAX_E_ARGS, "no value can match this schema");
}

static const struct grammar *compile(struct compiler *c, const struct schema *s)
{
    struct grammar *g = arena_alloc(c->arena, sizeof *g);
    int result;

    if (!g) {
        out_of_memory(c);
        return NULL;
    }
    if (c->depth >= GRAMMAR_MAX_NESTING) {
        fail(c->err, CORAX_E_ARGS, "schemas nest at most %d deep", GRAMMAR_MAX_NESTING);
        return NULL;
    }
    g->types = s->types;
    g->min_items = s->min_items;
    g->max_items = s->max_items;
    g->min_length = s->min_length;
    g->max_length = s->max_length;
    c->depth++;
    result = compile_kinds(c, g, s);
    c->depth--;
    return result < 0 ? NULL : g;
}

const struct grammar *grammar_compile(const struct schema *schema, struct arena *arena, struct err *err)
{
    struct compiler c = { arena, err, 0 };

    return schema ? compile(&c, schema) : &no_members;
}

/* --- walking ------------------------------------------------------------------------------------------------------ */

void grammar_start(struct grammar_state *s, const struct grammar *g)
{
    s->depth = 1;
    s->frames[0] = (struct grammar_frame){ .node = g, .kind = VALUE };
}

void grammar_copy(struct grammar_state *to, const struct grammar_state *from)
{
    to->depth = from->depth;
    memcpy(to->frames, from->frames, from->depth * sizeof from->frames[0]);
}

static bool push_value(struct grammar_state *s, const struct grammar *node)
{
    if (s->depth == GRAMMAR_MAX_DEPTH)
        return false;
    s->frames[s->depth++] = (struct grammar_frame){ .node = node, .kind = VALUE };
    return true;
}

static const char *literal_of(unsigned char first)
{
    return first == 't' ? "true" : first == 'f' ? "false" : "null";
}

/* The first byte of a value decides its kind. */
static bool start_value(struct grammar_state *s, struct grammar_frame *f, unsigned char byte)
{
    const unsigned types = f->node->types;

    if (f->node->n_values) {
        f->kind = ENUM;
        return true; /* the byte is looked at again */
    }
    switch (byte) {
    case '{':
    case '[':
        /* A container needs room for what stands in it; the empty one would do, but models do not know why. */
        if (!(types & (byte == '{' ? SCHEMA_OBJECT : SCHEMA_ARRAY)) || s->depth == GRAMMAR_MAX_DEPTH)
            return false;
        f->kind = byte == '{' ? OBJECT : ARRAY;
        return true;
    case '"':
        f->kind = STRING;
        return types & SCHEMA_STRING;
    case 't':
    case 'f':
    case 'n':
        f->kind = LITERAL;
        f->at = byte;
        f->count = 1;
        return types & (byte == 'n' ? SCHEMA_NULL : SCHEMA_BOOL);
    default:
        f->kind = NUMBER;
        return types & (SCHEMA_NUMBER | SCHEMA_INTEGER);
    }
}

/* --- objects ------------------------------------------------------------------------------------------------------ */

/* The members that may come next: from `next` to the first required one. */
static size_t last_candidate(const struct grammar *g, size_t next)
{
    while (next < g->n_keys && !g->keys[next].required)
        next++;
    return next < g->n_keys ? next : g->n_keys - 1;
}

static bool may_close(const struct grammar *g, size_t next)
{
    return next >= g->n_keys || (last_candidate(g, next) == g->n_keys - 1 && !g->keys[g->n_keys - 1].required);
}

static bool next_in_key(struct grammar_state *s, struct grammar_frame *f, unsigned char byte)
{
    const struct key *keys = f->node->keys;
    const size_t pos = (size_t)f->count, last = last_candidate(f->node, f->next);

    for (size_t i = f->next; i <= last; i++) {
        if (keys[i].len <= pos || (unsigned char)keys[i].text[pos] != byte ||
            memcmp(keys[i].text, keys[f->at].text, pos) != 0)
            continue;
        f->at = (uint32_t)i;
        f->count++;
        if (pos + 1 < keys[i].len)
            return true;
        f->next = (uint32_t)i + 1;
        f->phase = AFTER;
        return push_value(s, keys[i].value);
    }
    return false;
}

static bool next_in_object(struct grammar_state *s, struct grammar_frame *f, unsigned char byte)
{
    switch (f->phase) {
    case KEY:
        return next_in_key(s, f, byte);
    case AFTER:
        if (byte == ',' && f->next < f->node->n_keys) {
            f->phase = COMMA;
            return true;
        }
        break;
    default:
        if (byte == '"' && f->next < f->node->n_keys) {
            f->phase = KEY;
            f->at = f->next;
            f->count = 1;
            return true;
        }
        break;
    }
    if (byte != '}' || f->phase == COMMA || !may_close(f->node, f->next))
        return false;
    s->depth--;
    return true;
}

/* --- arrays ------------------------------------------------------------------------------------------------------- */

/* 1: taken; 0: refused; 2: a value begins with this byte. */
static int next_in_array(struct grammar_state *s, struct grammar_frame *f, unsigned char byte)
{
    const struct grammar *g = f->node;
    bool more = g->max_items < 0 || f->count < g->max_items;

    if (byte == ']' && f->phase != COMMA && f->count >= g->min_items) {
        s->depth--;
        return 1;
    }
    if (f->phase == AFTER) {
        f->phase = COMMA;
        return byte == ',' && more;
    }
    if (!more)
        return 0;
    f->phase = AFTER;
    f->count++;
    return push_value(s, g->items) ? 2 : 0;
}

/* --- strings ------------------------------------------------------------------------------------------------------ */

static bool add_character(struct grammar_frame *f)
{
    if (f->node->max_length >= 0 && f->count >= f->node->max_length)
        return false;
    f->count++;
    return true;
}

/* \u is for control characters that have no short escape; NUL is never written. */
static bool next_in_escape(struct grammar_frame *f, unsigned char byte)
{
    const char *allowed = f->phase == ESCAPE        ? "\"\\bfnrtu"
                          : f->phase == ESCAPE_U00  ? "01"
                          : f->phase == ESCAPE_U000 ? "1234567bef"
                          : f->phase == ESCAPE_U001 ? "0123456789abcdef"
                                                    : "0";

    if (!byte || !strchr(allowed, byte))
        return false;
    if (f->phase == ESCAPE)
        f->phase = byte == 'u' ? ESCAPE_U : TEXT;
    else if (f->phase == ESCAPE_U00)
        f->phase = byte == '0' ? ESCAPE_U000 : ESCAPE_U001;
    else
        f->phase = f->phase == ESCAPE_U ? ESCAPE_U0 : f->phase == ESCAPE_U0 ? ESCAPE_U00 : TEXT;
    return true;
}

static bool next_in_string(struct grammar_state *s, struct grammar_frame *f, unsigned char byte)
{
    if (f->phase != TEXT)
        return next_in_escape(f, byte);
    if (f->utf8.n_left)
        return utf8_next(&f->utf8, byte);
    if (byte == '"') {
        s->depth--;
        return f->count >= f->node->min_length;
    }
    if (byte < 0x20 || !add_character(f))
        return false;
    if (byte == '\\') {
        f->phase = ESCAPE;
        return true;
    }
    return utf8_next(&f->utf8, byte);
}

/* --- numbers ------------------------------------------------------------------------------------------------------ */

static bool reaches(const struct grammar_frame *f, grid from, grid to)
{
    if (!f->negative)
        return has_point(f->node, from, to);
    return has_point(f->node, -to, from > 0 ? -from : -1); /* -0 is not written */
}

/* Can the digits so far become an allowed number? */
static bool can_complete(const struct grammar_frame *f)
{
    const grid unit = power_of_ten(f->node->fraction_digits);
    grid digits = (grid)f->digits;

    switch (f->phase) {
    case SIGN:
        return reaches(f, 0, power_of_ten(WHOLE_DIGITS) * unit - 1);
    case ZERO:
        return reaches(f, 0, unit - 1);
    case WHOLE:
        for (unsigned n = f->n_whole; n <= WHOLE_DIGITS; n++) {
            grid more = power_of_ten(n - f->n_whole);

            if (reaches(f, digits * more * unit, (digits + 1) * more * unit - 1))
                return true;
        }
        return false;
    default: {
        grid rest = power_of_ten(f->node->fraction_digits - f->n_fraction);

        return reaches(f, digits * rest, (digits + 1) * rest - 1);
    }
    }
}

static bool number_may_end(const struct grammar_frame *f)
{
    grid value;

    if (f->phase == SIGN || f->phase == POINT || f->phase == EXPONENT || f->phase == EXPONENT_SIGN)
        return false;
    if (!f->node->on_grid)
        return true;
    value = (grid)f->digits * power_of_ten(f->node->fraction_digits - f->n_fraction);
    return reaches(f, value, value);
}

static bool digit_in_number(struct grammar_frame *f, unsigned digit)
{
    const unsigned most = f->node->on_grid ? f->node->fraction_digits : FRACTION_DIGITS;

    switch (f->phase) {
    case SIGN:
        f->phase = digit ? WHOLE : ZERO;
        f->n_whole = 1;
        break;
    case WHOLE:
        if (f->n_whole++ == WHOLE_DIGITS)
            return false;
        break;
    case POINT:
    case FRACTION:
        f->phase = FRACTION;
        if (f->n_fraction++ == most)
            return false;
        break;
    case EXPONENT:
    case EXPONENT_SIGN:
    case EXPONENT_VALUE:
        if (f->phase != EXPONENT_VALUE)
            f->count = 0;
        f->phase = EXPONENT_VALUE;
        return f->count++ < EXPONENT_DIGITS;
    default:
        return false; /* nothing follows a leading zero */
    }
    f->digits = f->digits * 10 + digit;
    return true;
}

/* Without bounds there is nothing to count, and an exponent may come: 6.022e23. */
static bool next_in_number(struct grammar_frame *f, unsigned char byte)
{
    const bool has_digits = f->phase == ZERO || f->phase == WHOLE;
    bool good = false;

    if (byte >= '0' && byte <= '9') {
        good = digit_in_number(f, byte - '0');
    } else if (byte == '-' && f->phase == SIGN && !f->negative) {
        f->negative = 1;
        good = true;
    } else if (byte == '.' && has_digits) {
        f->phase = POINT;
        good = !f->node->on_grid || f->node->fraction_digits > 0;
    } else if ((byte == 'e' || byte == 'E') && (has_digits || f->phase == FRACTION)) {
        f->phase = EXPONENT;
        good = !f->node->on_grid;
    } else if ((byte == '+' || byte == '-') && f->phase == EXPONENT) {
        f->phase = EXPONENT_SIGN;
        good = true;
    }
    return good && (!f->node->on_grid || can_complete(f));
}

/* --- values of enum ----------------------------------------------------------------------------------------------- */

static bool next_in_enum(struct grammar_state *s, struct grammar_frame *f, unsigned char byte)
{
    const struct grammar *g = f->node;
    const size_t pos = (size_t)f->count;

    for (size_t i = 0; i < g->n_values; i++) {
        if (strncmp(g->values[i], g->values[f->at], pos) != 0 || (unsigned char)g->values[i][pos] != byte || !byte)
            continue;
        f->at = (uint32_t)i;
        f->count++;
        /* Numbers go on until something else comes; the others are complete with their last byte. */
        if (!g->values[i][pos + 1] && !strchr("-0123456789", g->values[i][0]))
            s->depth--;
        return true;
    }
    return false;
}

static bool enum_may_end(const struct grammar_frame *f)
{
    for (size_t i = 0; i < f->node->n_values; i++)
        if (strncmp(f->node->values[i], f->node->values[f->at], (size_t)f->count) == 0 && !f->node->values[i][f->count])
            return true;
    return false;
}

bool grammar_next(struct grammar_state *s, unsigned char byte)
{
    struct grammar_frame copy;

    while (s->depth) {
        struct grammar_frame *f = &s->frames[s->depth - 1];
        int taken;

        switch ((enum kind)f->kind) {
        case VALUE:
            if (!start_value(s, f, byte))
                return false;
            if (f->kind != ENUM && f->kind != NUMBER)
                return true;
            break; /* these look at the byte themselves */
        case OBJECT:
            return next_in_object(s, f, byte);
        case ARRAY:
            taken = next_in_array(s, f, byte);
            if (taken < 2)
                return taken;
            break;
        case STRING:
            return next_in_string(s, f, byte);
        case LITERAL:
            if ((unsigned char)literal_of((unsigned char)f->at)[f->count] != byte)
                return false;
            if (!literal_of((unsigned char)f->at)[++f->count])
                s->depth--;
            return true;
        case NUMBER:
            copy = *f;
            if (next_in_number(f, byte))
                return true;
            if (!number_may_end(&copy))
                return false;
            s->depth--;
            break;
        case ENUM:
            if (next_in_enum(s, f, byte))
                return true;
            if (!f->count || !enum_may_end(f))
                return false;
            s->depth--;
            break;
        }
    }
    return false; /* nothing may follow a complete value */
}
