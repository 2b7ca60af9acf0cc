#include "policies/match.h"

#include <math.h>
#include <string.h>

#define EXACT_BELOW 9007199254740992.0 /* 2^53: from here on, neighbouring integers share a double */

struct bit_name {
    const char *name;
    unsigned bit;
};

static const struct bit_name effect_names[] = {
    { "read", CORAX_FX_READ }, { "write", CORAX_FX_WRITE }, { "exec", CORAX_FX_EXEC },
    { "net", CORAX_FX_NET },   { "clock", CORAX_FX_CLOCK }, { NULL, 0 },
};

static const struct bit_name trait_names[] = {
    { "idempotent", CORAX_TRAIT_IDEMPOTENT },
    { "destructive", CORAX_TRAIT_DESTRUCTIVE },
    { NULL, 0 },
};

/* --- reading ---------------------------------------------------------------------------------------------------- */

static int read_bits(const struct json *list, const char *what, const struct bit_name *names, unsigned *bits,
                     struct err *err)
{
    unsigned sum = 0;

    if (json_kind(list) != JSON_ARRAY)
        return fail(err, CORAX_E_ARGS, "%s is not a list of names", what);
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        const char *name = json_text(j);
        const struct bit_name *known = names;

        while (known->name && (!name || strcmp(name, known->name) != 0))
            known++;
        if (!known->name)
            return fail(err, CORAX_E_ARGS, "%s: \"%.40s\" is unknown", what, name ? name : "(not a string)");
        sum |= known->bit;
    }
    *bits = sum;
    return 0;
}

int match_read_effects(const struct json *list, const char *what, unsigned *bits, struct err *err)
{
    return read_bits(list, what, effect_names, bits, err);
}

int match_read_traits(const struct json *list, const char *what, unsigned *bits, struct err *err)
{
    return read_bits(list, what, trait_names, bits, err);
}

static int read_bits_condition(const struct json *j, const struct bit_name *names, struct bits_condition *c,
                               struct err *err)
{
    const char *what = json_key(j);

    if (json_kind(j) != JSON_OBJECT || json_count(j) == 0)
        return fail(err, CORAX_E_ARGS, "%s needs \"any\" or \"within\"", what);
    for (const struct json *m = json_first(j); m; m = json_next(m)) {
        if (strcmp(json_key(m), "any") == 0) {
            if (read_bits(m, what, names, &c->any, err) < 0)
                return -1;
            if (c->any == 0)
                return fail(err, CORAX_E_ARGS, "%s: an empty \"any\" can never match", what);
        } else if (strcmp(json_key(m), "within") == 0) {
            if (read_bits(m, what, names, &c->within, err) < 0)
                return -1;
        } else {
            return fail(err, CORAX_E_ARGS, "%s: key \"%.60s\" is unknown: any and within are known", what, json_key(m));
        }
    }
    if (c->any != 0 && (c->any & c->within) == 0)
        return fail(err, CORAX_E_ARGS, "%s can never match: nothing of \"any\" is \"within\"", what);
    return 0;
}

static bool is_inexact(const struct json *value)
{
    return json_kind(value) == JSON_NUMBER && !(fabs(json_number(value, 0)) < EXACT_BELOW);
}

static size_t count_characters(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static bool in_range(const struct arg_condition *c, const struct json *value)
{
    double x = json_number(value, 0);

    return json_kind(value) == JSON_NUMBER && x >= c->min && x <= c->max;
}

static bool in_length(const struct arg_condition *c, const struct json *value)
{
    const char *s = json_text(value);
    int64_t n = s ? (int64_t)count_characters(s) : -1;

    return s && n >= c->min_length && n <= c->max_length;
}

static bool same_value(const struct json *a, const struct json *b)
{
    if (json_kind(a) != json_kind(b))
        return false;
    switch (json_kind(a)) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return json_bool(a, false) == json_bool(b, false);
    case JSON_NUMBER:
        return json_number(a, 0) == json_number(b, 0);
    case JSON_STRING:
        return strcmp(json_text(a), json_text(b)) == 0;
    case JSON_NONE:
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return false;
}

static bool is_among(const struct json *values, const struct json *value)
{
    for (const struct json *v = json_first(values); v; v = json_next(v))
        if (same_value(v, value))
            return true;
    return false;
}

/* Of a value whose numbers are exact. */
static bool arg_holds(const struct arg_condition *c, const struct json *value)
{
    return (!c->values || is_among(c->values, value)) && (!c->has_range || in_range(c, value)) &&
           (!c->has_length || in_length(c, value));
}

static int read_values(const struct json *list, struct arg_condition *c, struct err *err)
{
    if (json_kind(list) != JSON_ARRAY || json_count(list) == 0)
        return fail(err, CORAX_E_ARGS, "args.%.60s: enum is not a list of values", c->name);
    for (const struct json *v = json_first(list); v; v = json_next(v)) {
        if (json_kind(v) == JSON_ARRAY || json_kind(v) == JSON_OBJECT)
            return fail(err, CORAX_E_ARGS, "args.%.60s: enum holds a list or an object", c->name);
        if (is_inexact(v))
            return fail(err, CORAX_E_ARGS, "args.%.60s: a number of 2^53 or more is not exact", c->name);
        c->has_number |= json_kind(v) == JSON_NUMBER;
    }
    c->values = list;
    return 0;
}

static int read_number(const struct json *j, struct arg_condition *c, double *out, struct err *err)
{
    if (json_kind(j) != JSON_NUMBER)
        return fail(err, CORAX_E_ARGS, "args.%.60s: %s is not a number", c->name, json_key(j));
    if (is_inexact(j))
        return fail(err, CORAX_E_ARGS, "args.%.60s: %s: a number of 2^53 or more is not exact", c->name, json_key(j));
    *out = json_number(j, 0);
    c->has_range = c->has_number = true;
    return 0;
}

static int read_length(const struct json *j, struct arg_condition *c, int64_t *out, struct err *err)
{
    int64_t n;

    if (json_int(j, json_key(j), &n, err) < 0)
        return err_context(err, "args.%.60s", c->name);
    if (n < 0)
        return fail(err, CORAX_E_ARGS, "args.%.60s: %s is negative", c->name, json_key(j));
    *out = n;
    c->has_length = true;
    return 0;
}

/* Can any value satisfy it? */
static bool arg_can_hold(const struct arg_condition *c)
{
    if ((c->has_range && c->has_length) || c->min > c->max || c->min_length > c->max_length)
        return false;
    for (const struct json *v = c->values ? json_first(c->values) : NULL; v; v = json_next(v))
        if (arg_holds(c, v))
            return true;
    return !c->values;
}

static int read_arg(const struct json *j, struct arg_condition *c, struct err *err)
{
    *c = (struct arg_condition){ .name = json_key(j), .min = -INFINITY, .max = INFINITY, .max_length = INT64_MAX };
    if (json_kind(j) != JSON_OBJECT || json_count(j) == 0)
        return fail(err, CORAX_E_ARGS, "args.%.60s has no condition", c->name);
    for (const struct json *m = json_first(j); m; m = json_next(m)) {
        const char *key = json_key(m);
        int bad;

        if (strcmp(key, "enum") == 0)
            bad = read_values(m, c, err);
        else if (strcmp(key, "min") == 0)
            bad = read_number(m, c, &c->min, err);
        else if (strcmp(key, "max") == 0)
            bad = read_number(m, c, &c->max, err);
        else if (strcmp(key, "min_length") == 0)
            bad = read_length(m, c, &c->min_length, err);
        else if (strcmp(key, "max_length") == 0)
            bad = read_length(m, c, &c->max_length, err);
        else
            bad = fail(err, CORAX_E_ARGS,
                       "args.%.60s: key \"%.60s\" is unknown: enum, min, max, min_length, max_length are known",
                       c->name, key);
        if (bad)
            return -1;
    }
    if (!arg_can_hold(c))
        return fail(err, CORAX_E_ARGS, "args.%.60s can never match: its conditions exclude each other", c->name);
    return 0;
}

static int read_args(struct match *m, struct arena *arena, const struct json *j, struct err *err)
{
    if (json_kind(j) != JSON_OBJECT || json_count(j) == 0)
        return fail(err, CORAX_E_ARGS, "args is not an object of conditions by argument");
    m->args = arena_alloc(arena, json_count(j) * sizeof(*m->args));
    if (!m->args)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    for (const struct json *a = json_first(j); a; a = json_next(a))
        if (read_arg(a, &m->args[m->n_args++], err) < 0)
            return -1;
    return 0;
}

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

/* `*` is any run of characters.  After a mismatch only the last `*` needs to take one character more. */
static bool glob(const char *pattern, const char *s)
{
    const char *star = NULL, *resume = NULL;

    while (*s) {
        if (*pattern == '*') {
            star = pattern++;
            resume = s;
        } else if (*pattern == *s) {
            pattern++;
            s++;
        } else if (star) {
            pattern = star + 1;
            s = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

/* A pattern covers another, or a name, exactly if it matches its text: `*` stands for a character of no name. */
static bool pattern_covers(const struct tool_pattern *a, const struct tool_pattern *b)
{
    return glob(a->provider, b->provider) && glob(a->tool, b->tool);
}

/* Neither half is empty.  The names of foreign servers' tools also hold dots, colons and slashes. */
static int read_pattern(struct tool_pattern *p, struct arena *arena, const char *pattern, struct err *err)
{
    size_t n = strspn(pattern, NAME_CHARS "*");
    const char *tool = pattern + n + 1;

    if (n == 0 || pattern[n] != '.' || *tool == '\0' || tool[strspn(tool, NAME_CHARS "*.:/")] != '\0')
        return fail(err, CORAX_E_ARGS, "pattern \"%.80s\" is not \"plugin.tool\" (* matches within either)", pattern);
    p->provider = arena_strndup(arena, pattern, n);
    p->tool = tool;
    return p->provider ? 0 : fail(err, CORAX_E_INTERNAL, "no memory");
}

static int read_except(struct match *m, struct arena *arena, const struct json *list, struct err *err)
{
    if (json_kind(list) != JSON_ARRAY || json_count(list) == 0)
        return fail(err, CORAX_E_ARGS, "except is not a list of patterns on \"plugin.tool\"");
    m->except = arena_alloc(arena, json_count(list) * sizeof(*m->except));
    if (!m->except)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        struct tool_pattern *p = &m->except[m->n_except++];

        if (read_pattern(p, arena, json_text(j) ? json_text(j) : "", err) < 0)
            return err_context(err, "except");
        if (pattern_covers(p, &m->pattern))
            return fail(err, CORAX_E_ARGS, "the rule can never match: except \"%.80s\" is all that it is about",
                        json_text(j));
    }
    return 0;
}

int match_read(struct match *m, struct arena *arena, const char *pattern, const struct json *when, struct err *err)
{
    struct bits_condition unbound = { .any = 0, .within = ~0u };

    *m = (struct match){ .effects = unbound, .traits = unbound };
    if (read_pattern(&m->pattern, arena, pattern, err) < 0)
        return -1;
    if (!when)
        return 0;
    if (json_kind(when) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "when is not an object");
    for (const struct json *j = json_first(when); j; j = json_next(j)) {
        const char *key = json_key(j);
        int bad;

        if (strcmp(key, "effects") == 0)
            bad = read_bits_condition(j, effect_names, &m->effects, err);
        else if (strcmp(key, "traits") == 0)
            bad = read_bits_condition(j, trait_names, &m->traits, err);
        else if (strcmp(key, "args") == 0)
            bad = read_args(m, arena, j, err);
        else if (strcmp(key, "except") == 0)
            bad = read_except(m, arena, j, err);
        else
            bad = fail(err, CORAX_E_ARGS, "key \"%.60s\" is unknown: effects, traits, args, except are known", key);
        if (bad)
            return err_context(err, "when");
    }
    return 0;
}

/* --- matching --------------------------------------------------------------------------------------------------- */

static bool bits_hold(const struct bits_condition *c, unsigned bits)
{
    return (bits & ~c->within) == 0 && (c->any == 0 || (bits & c->any) != 0);
}

bool match_holds(const struct match *m, const struct policy_request *r, bool against)
{
    struct tool_pattern tool = { r->provider ? r->provider : "", r->tool ? r->tool : "" };

    if (!bits_hold(&m->effects, r->effects) || !bits_hold(&m->traits, r->traits))
        return false;
    if (!pattern_covers(&m->pattern, &tool))
        return false;
    for (size_t i = 0; i < m->n_except; i++)
        if (pattern_covers(&m->except[i], &tool))
            return false;
    for (size_t i = 0; i < m->n_args; i++) {
        const struct arg_condition *c = &m->args[i];
        const struct json *value = json_get(r->args, c->name);

        if (!value)
            return false;
        if (c->has_number && is_inexact(value) ? !against : !arg_holds(c, value))
            return false;
    }
    return true;
}

/* --- covering --------------------------------------------------------------------------------------------------- */

static bool bits_cover(const struct bits_condition *a, const struct bits_condition *b)
{
    unsigned b_any = b->any & b->within; /* not empty when any is not: match_read refuses that */

    if ((b->within & ~a->within) != 0)
        return false;
    return a->any == 0 || (b->any != 0 && (b_any & ~a->any) == 0);
}

static bool arg_covers(const struct arg_condition *a, const struct arg_condition *b)
{
    if (b->values) {
        /* A number too big to compare matches b when b names numbers: then a must name them too. */
        if (b->has_number && !a->has_number)
            return false;
        for (const struct json *v = json_first(b->values); v; v = json_next(v))
            if (arg_holds(b, v) && !arg_holds(a, v))
                return false;
        return true;
    }
    if (a->values || a->has_range != b->has_range || a->has_length != b->has_length)
        return false;
    return a->min <= b->min && a->max >= b->max && a->min_length <= b->min_length && a->max_length >= b->max_length;
}

static const struct arg_condition *find_arg(const struct match *m, const char *name)
{
    for (size_t i = 0; i < m->n_args; i++)
        if (strcmp(m->args[i].name, name) == 0)
            return &m->args[i];
    return NULL;
}

/* Is there no call that b matches and this exception of a takes out? */
static bool is_clear_of(const struct tool_pattern *e, const struct match *b)
{
    for (size_t i = 0; i < b->n_except; i++)
        if (pattern_covers(&b->except[i], e))
            return true;
    return !strchr(e->provider, '*') && !strchr(e->tool, '*') && !pattern_covers(&b->pattern, e);
}

bool match_covers(const struct match *a, const struct match *b)
{
    if (!pattern_covers(&a->pattern, &b->pattern))
        return false;
    for (size_t i = 0; i < a->n_except; i++)
        if (!is_clear_of(&a->except[i], b))
            return false;
    if (!bits_cover(&a->effects, &b->effects) || !bits_cover(&a->traits, &b->traits))
        return false;
    for (size_t i = 0; i < a->n_args; i++) {
        const struct arg_condition *c = find_arg(b, a->args[i].name);

        if (!c || !arg_covers(&a->args[i], c))
            return false;
    }
    return true;
}
