#include "infer/regex_syntax.h"

#include <stdlib.h>
#include <string.h>

#include "util/utf8.h"

/* A pattern is written by hand; 64 KiB are a list of words that somebody generated. */
#define MAX_PATTERN 65536
#define MAX_NESTING 100
#define MAX_RANGES  100000
/* Where a count is larger than any text, it is no bound. */
#define MAX_COUNT 1000000000

struct parser {
    struct syntax *out;
    const char *at, *end;
    struct err *err;
    int depth;
    int n_groups; /* that capture */
    bool named;   /* there is a group with a name: \k refers to it */
    bool fold;    /* letters of ASCII in both cases */
};

int syntax_fail(const struct syntax *s, size_t offset, const char *what, const char *why, struct err *err)
{
    const size_t shown = utf8_within(s->pattern, s->len, 100);

    return fail(err, CORAX_E_ARGS, "pattern \"%.*s%s\": %s at offset %zu %s", (int)shown, s->pattern,
                shown < s->len ? "..." : "", what, offset, why);
}

static int refuse(struct parser *p, const char *at, const char *what, const char *why)
{
    return syntax_fail(p->out, (size_t)(at - p->out->pattern), what, why, p->err);
}

static int too_large(struct parser *p)
{
    return fail(p->err, CORAX_E_LIMIT, "pattern of %zu bytes: too large", p->out->len);
}

static bool room(void *array, size_t *cap, size_t n, size_t item_bytes)
{
    if (n < *cap)
        return true;
    size_t wanted = *cap ? 2 * *cap : 64;
    void *old, *grown;
    memcpy(&old, array, sizeof old);
    if ((grown = realloc(old, wanted * item_bytes)) == NULL)
        return false;
    memcpy(array, &grown, sizeof grown);
    *cap = wanted;
    return true;
}

/* --- nodes -------------------------------------------------------------------------------------------------------- */

static int new_node(struct parser *p, struct syntax_node node, const char *at, uint32_t *out)
{
    struct syntax *s = p->out;
    if (!room(&s->nodes, &s->nodes_cap, s->n_nodes, sizeof *s->nodes))
        return too_large(p);
    node.next = NO_NODE;
    node.offset = (size_t)(at - s->pattern);
    s->nodes[s->n_nodes] = node;
    *out = (uint32_t)s->n_nodes++;
    return 0;
}

/* An operand goes in front of those that the parent has. */
static void chain(struct syntax *s, uint32_t parent, uint32_t child)
{
    struct syntax_node *n = &s->nodes[parent], *x = &s->nodes[child];
    x->next = n->first;
    n->first = child;
    n->n++;
    n->plain &= x->plain;
    n->width |= x->width;
}

static int new_list(struct parser *p, enum syntax_kind kind, uint32_t *out)
{
    return new_node(p, (struct syntax_node){ .kind = (uint8_t)kind, .plain = true, .first = NO_NODE }, p->at, out);
}

static int new_assertion(struct parser *p, enum syntax_kind kind, const char *at, uint32_t body, uint32_t *out)
{
    return new_node(p, (struct syntax_node){ .kind = (uint8_t)kind, .first = body }, at, out);
}

/* --- sets of characters ------------------------------------------------------------------------------------------- */

static bool add_range(void *arg, uint32_t from, uint32_t to)
{
    struct syntax *s = arg;
    if (s->n_ranges >= MAX_RANGES || !room(&s->ranges, &s->ranges_cap, s->n_ranges, sizeof *s->ranges))
        return false;
    s->ranges[s->n_ranges++] = (struct regex_range){ from, to };
    return true;
}

static int compare_ranges(const void *x, const void *y)
{
    const struct regex_range *a = x, *b = y;
    return a->from < b->from ? -1 : a->from > b->from;
}

/* The other case of the ASCII letters in it. */
static bool fold(struct syntax *s, size_t first)
{
    for (size_t i = first, n = s->n_ranges; i < n; i++) {
        for (uint32_t shift = 0; shift <= 32; shift += 32) {
            struct regex_range r = s->ranges[i];
            uint32_t low = 'A' + shift, high = 'Z' + shift;
            uint32_t from = r.from > low ? r.from : low, to = r.to < high ? r.to : high;
            if (from <= to && !add_range(s, from ^ 32, to ^ 32))
                return false;
        }
    }
    return true;
}

/* What was read becomes all others. */
static bool invert(struct syntax *s, size_t first)
{
    size_t n = s->n_ranges;
    uint32_t next = 0;
    if (n > first)
        qsort(s->ranges + first, n - first, sizeof *s->ranges, compare_ranges);
    for (size_t i = first; i < n; i++) {
        struct regex_range r = s->ranges[i];
        if (r.from > next && !add_range(s, next, r.from - 1))
            return false;
        next = r.to >= next ? r.to + 1 : next;
    }
    if (next <= 0x10ffff && !add_range(s, next, 0x10ffff))
        return false;
    if (s->n_ranges > n)
        memmove(s->ranges + first, s->ranges + n, (s->n_ranges - n) * sizeof *s->ranges);
    s->n_ranges -= n - first;
    return true;
}

static const struct shorthand {
    char letter; /* the capital is all others */
    uint8_t n;
    struct regex_range ranges[11];
} shorthands[] = {
    { 'd', 1, { { '0', '9' } } },
    { 'w', 4, { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } } },
    { 's',
      10,
      { { 9, 13 },
        { ' ', ' ' },
        { 0xa0, 0xa0 },
        { 0x1680, 0x1680 },
        { 0x2000, 0x200a },
        { 0x2028, 0x2029 },
        { 0x202f, 0x202f },
        { 0x205f, 0x205f },
        { 0x3000, 0x3000 },
        { 0xfeff, 0xfeff } } },
};

/* 1 when the letter is a shorthand, which then has been added. */
static int add_shorthand(struct parser *p, char letter)
{
    struct syntax *s = p->out;
    for (size_t i = 0; i < sizeof shorthands / sizeof shorthands[0]; i++) {
        if ((letter | 32) != shorthands[i].letter)
            continue;
        size_t first = s->n_ranges;
        for (uint8_t k = 0; k < shorthands[i].n; k++) {
            if (!add_range(s, shorthands[i].ranges[k].from, shorthands[i].ranges[k].to))
                return too_large(p);
        }
        if (letter != shorthands[i].letter && !invert(s, first))
            return too_large(p);
        return 1;
    }
    return 0;
}

/* After "\p" or "\P": 1 when a class was added, 0 when it is no class but a letter. */
static int add_property(struct parser *p, char letter)
{
    struct syntax *s = p->out;
    const char *at = p->at;
    if (at == p->end || *at != '{')
        return 0;
    const char *close = memchr(at, '}', (size_t)(p->end - at));
    if (close == NULL)
        return 0;
    size_t first = s->n_ranges;
    if (!unicode_class(at + 1, (size_t)(close - at - 1), add_range, s))
        return s->n_ranges > first ? too_large(p) : refuse(p, at - 2, "the property of characters", "is not known");
    if (letter == 'P' && !invert(s, first))
        return too_large(p);
    p->at = close + 1;
    return 1;
}

/* --- characters --------------------------------------------------------------------------------------------------- */

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* Exactly n digits at *at, which is moved behind them; -1 when they are not there. */
static int64_t hex_digits(const char **at, const char *end, int n)
{
    int64_t value = 0;
    if (end - *at < n)
        return -1;
    for (int i = 0; i < n; i++) {
        int digit = hex((*at)[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    *at += n;
    return value;
}

/* After "\u": the code point, or 'u' when it is no escape. */
static uint32_t unicode_escape(struct parser *p)
{
    const char *at = p->at;
    if (at < p->end && *at == '{') {
        uint32_t value = 0;
        const char *digits = ++at;
        while (at < p->end && hex(*at) >= 0 && value <= 0x10ffff)
            value = value * 16 + (uint32_t)hex(*at++);
        if (at == p->end || *at != '}' || at == digits || value > 0x10ffff)
            return 'u';
        p->at = at + 1;
        return value;
    }
    int64_t high = hex_digits(&at, p->end, 4);
    if (high < 0)
        return 'u';
    p->at = at;
    if (high >= 0xd800 && high < 0xdc00 && p->end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
        at += 2;
        int64_t low = hex_digits(&at, p->end, 4);
        if (low >= 0xdc00 && low < 0xe000) {
            p->at = at;
            return 0x10000 + (uint32_t)((high - 0xd800) << 10 | (low - 0xdc00));
        }
    }
    return (uint32_t)high;
}

/* Up to three octal digits, no more than a byte. */
static uint32_t octal(struct parser *p)
{
    uint32_t value = 0;
    for (int i = 0;
         i < 3 && p->at < p->end && *p->at >= '0' && *p->at <= '7' && value * 8 + (uint32_t)(*p->at - '0') < 256; i++)
        value = value * 8 + (uint32_t)(*p->at++ - '0');
    return value;
}

static int next_char(struct parser *p, uint32_t *c)
{
    unsigned char b = (unsigned char)*p->at;
    size_t len = utf8_char_len(p->at, (size_t)(p->end - p->at));
    if (len == 0)
        return refuse(p, p->at, "the byte", "is not UTF-8");
    *c = len == 1 ? b : b & (0x7fu >> len);
    for (size_t i = 1; i < len; i++)
        *c = *c << 6 | ((unsigned char)p->at[i] & 0x3f);
    p->at += len;
    return 0;
}

/* After a backslash: what stands for one character, in a class or outside of one. */
static int escaped_char(struct parser *p, bool in_class, uint32_t *c)
{
    static const char from[] = "tnrfv", to[] = "\t\n\r\f\v";
    char letter = *p->at;
    const char *known = letter != '\0' ? strchr(from, letter) : NULL;
    if (known != NULL) {
        p->at++;
        *c = (unsigned char)to[known - from];
    } else if (letter >= '0' && letter <= '7') {
        *c = octal(p);
    } else if (letter == 'u') {
        p->at++;
        *c = unicode_escape(p);
    } else if (letter == 'x') {
        p->at++;
        int64_t value = hex_digits(&p->at, p->end, 2);
        *c = value < 0 ? 'x' : (uint32_t)value;
    } else if (letter == 'b' && in_class) {
        p->at++;
        *c = '\b';
    } else if (letter == 'c') {
        char control = p->end - p->at > 1 ? p->at[1] : '\0';
        bool fits = ((control | 32) >= 'a' && (control | 32) <= 'z') ||
                    (in_class && ((control >= '0' && control <= '9') || control == '_'));
        *c = fits ? (unsigned char)control & 31 : '\\';
        p->at += fits ? 2 : 0; /* else the backslash stands for itself */
    } else {
        return next_char(p, c);
    }
    return 0;
}

/* --- classes ------------------------------------------------------------------------------------------------------ */

/* After a backslash: 1 when it is a set, which then has been added. */
static int escaped_set(struct parser *p)
{
    char letter = *p->at++;
    int status = letter == 'p' || letter == 'P' ? add_property(p, letter) : add_shorthand(p, letter);
    p->at -= status == 0 ? 1 : 0;
    return status;
}

/* One member: 1 when it is a single character, 0 when it is a set, which then has been added. */
static int class_atom(struct parser *p, uint32_t *c)
{
    if (*p->at != '\\' || p->end - p->at < 2)
        return next_char(p, c) < 0 ? -1 : 1;
    p->at++;
    int status = escaped_set(p);
    if (status != 0)
        return status < 0 ? -1 : 0;
    return escaped_char(p, true, c) < 0 ? -1 : 1;
}

static int add_single(struct parser *p, uint32_t c)
{
    return add_range(p->out, c, c) ? 0 : too_large(p);
}

/* A member, or two with a hyphen between. */
static int class_member(struct parser *p)
{
    const char *start = p->at;
    uint32_t from = 0, to = 0;
    int first = class_atom(p, &from);
    if (first < 0)
        return -1;
    if (p->end - p->at < 2 || p->at[0] != '-' || p->at[1] == ']')
        return first == 1 ? add_single(p, from) : 0;
    p->at++;
    int second = class_atom(p, &to);
    if (second < 0)
        return -1;
    if (first == 1 && second == 1) {
        if (from > to)
            return refuse(p, start, "a range of characters", "is out of order");
        return add_range(p->out, from, to) ? 0 : too_large(p);
    }
    if ((first == 1 && add_single(p, from) < 0) || (second == 1 && add_single(p, to) < 0))
        return -1;
    return add_single(p, '-');
}

static int end_set(struct parser *p, size_t first, bool others, const char *at, uint32_t *out)
{
    struct syntax *s = p->out;
    if ((p->fold && !fold(s, first)) || (others && !invert(s, first)))
        return too_large(p);
    struct syntax_node node = { .kind = SYNTAX_SET, .plain = true, .width = true, .first = (uint32_t)first };
    node.n = (uint32_t)(s->n_ranges - first);
    return new_node(p, node, at, out);
}

static int class(struct parser *p, uint32_t *out)
{
    const char *start = p->at++;
    size_t first = p->out->n_ranges;
    bool others = p->at < p->end && *p->at == '^';
    p->at += others;
    while (p->at < p->end && *p->at != ']') {
        if (class_member(p) < 0)
            return -1;
    }
    if (p->at == p->end)
        return refuse(p, start, "the class", "has no end");
    p->at++;
    return end_set(p, first, others, start, out);
}

static int single(struct parser *p, uint32_t c, const char *at, uint32_t *out)
{
    size_t first = p->out->n_ranges;
    if (p->fold && c >= 0x80)
        return refuse(p, at, "a letter beyond ASCII without regard to case", "cannot be held");
    return add_single(p, c) < 0 ? -1 : end_set(p, first, false, at, out);
}

static int any_char(struct parser *p, uint32_t *out)
{
    const char *start = p->at++;
    size_t first = p->out->n_ranges;
    if (add_single(p, '\n') < 0 || add_single(p, '\r') < 0 || !add_range(p->out, 0x2028, 0x2029))
        return -1;
    return end_set(p, first, true, start, out);
}

/* --- atoms -------------------------------------------------------------------------------------------------------- */

/* Is it \1 to \99 of a group that there is?  ECMA-262 takes others for octal. */
static bool is_reference(const struct parser *p)
{
    int number = 0;
    for (const char *at = p->at; at < p->end && *at >= '0' && *at <= '9' && number < 1000; at++)
        number = number * 10 + (*at - '0');
    return *p->at != '0' && number > 0 && number <= p->n_groups;
}

static int escape(struct parser *p, uint32_t *out)
{
    const char *start = p->at++;
    size_t first = p->out->n_ranges;
    if (p->at == p->end)
        return refuse(p, start, "the backslash", "has nothing to escape");
    char letter = *p->at;
    if (letter == 'b' || letter == 'B') {
        p->at++;
        return new_assertion(p, letter == 'b' ? SYNTAX_WORD_EDGE : SYNTAX_NO_WORD_EDGE, start, NO_NODE, out);
    }
    if (is_reference(p) || (letter == 'k' && p->named))
        return refuse(p, start, "a back reference", "cannot be held");
    int status = escaped_set(p);
    if (status != 0)
        return status < 0 ? -1 : end_set(p, first, false, start, out);
    uint32_t c;
    return escaped_char(p, false, &c) < 0 ? -1 : single(p, c, start, out);
}

static int disjunction(struct parser *p, uint32_t *out);

static bool take(struct parser *p, const char *text)
{
    size_t len = strlen(text);
    if ((size_t)(p->end - p->at) < len || memcmp(p->at, text, len) != 0)
        return false;
    p->at += len;
    return true;
}

static int group_body(struct parser *p, const char *start, uint32_t *out)
{
    if (++p->depth > MAX_NESTING)
        return fail(p->err, CORAX_E_LIMIT, "pattern of %zu bytes: groups nest deeper than %d", p->out->len,
                    MAX_NESTING);
    if (disjunction(p, out) < 0)
        return -1;
    p->depth--;
    if (!take(p, ")"))
        return refuse(p, start, "the group", "has no end");
    return 0;
}

/* After "(?": letters that are switched on or off, and ':' or, for all that follows, ')'. */
static int modifiers(struct parser *p, const char *start, uint32_t *out)
{
    bool on = true, was = p->fold;
    for (; p->at < p->end && *p->at != ':' && *p->at != ')'; p->at++) {
        if (*p->at == '-')
            on = false;
        else if (*p->at == 'i')
            p->fold = on;
        else if (*p->at != 'u' && *p->at != 's' && *p->at != 'm')
            return refuse(p, start, "the group", "is of no known kind");
        else if (on && *p->at != 'u')
            return refuse(p, start, "a modifier other than i", "cannot be held");
    }
    if (take(p, ")"))
        return new_list(p, SYNTAX_CAT, out);
    if (!take(p, ":"))
        return refuse(p, start, "the group", "has no end");
    int status = group_body(p, start, out);
    p->fold = was;
    return status;
}

static int group(struct parser *p, uint32_t *out)
{
    static const struct {
        const char *text;
        enum syntax_kind kind;
    } looks[] = {
        { "?=", SYNTAX_AHEAD }, { "?!", SYNTAX_NOT_AHEAD }, { "?<=", SYNTAX_BEHIND }, { "?<!", SYNTAX_NOT_BEHIND }
    };
    const char *start = p->at++;
    bool was = p->fold;
    int status;
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        uint32_t body = NO_NODE;
        if (take(p, looks[i].text))
            return group_body(p, start, &body) < 0 ? -1 : new_assertion(p, looks[i].kind, start, body, out);
    }
    if (take(p, "?<") || take(p, "?P<")) {
        const char *close = memchr(p->at, '>', (size_t)(p->end - p->at));
        if (close == NULL)
            return refuse(p, start, "the name of the group", "has no end");
        p->at = close + 1;
    } else if (!take(p, "?:") && take(p, "?")) {
        return modifiers(p, start, out);
    }
    status = group_body(p, start, out);
    p->fold = was;
    return status;
}

static int64_t number(struct parser *p)
{
    int64_t value = -1;
    for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++) {
        value = (value < 0 ? 0 : value) * 10 + (*p->at - '0');
        value = value > MAX_COUNT ? MAX_COUNT : value;
    }
    return value;
}

/* 1 when a quantifier was read. */
static int quantifier(struct parser *p, int64_t *min, int64_t *max)
{
    const char *start = p->at;
    *min = 0;
    *max = REGEX_MANY;
    if (p->at == p->end)
        return 0;
    if (take(p, "+")) {
        *min = 1;
    } else if (take(p, "?")) {
        *max = 1;
    } else if (take(p, "{")) {
        *max = *min = number(p);
        if (*min >= 0 && take(p, ","))
            *max = number(p);
        if (*min < 0 || !take(p, "}")) {
            p->at = start; /* a brace that stands for itself */
            return 0;
        }
        if (*max >= 0 && *max < *min)
            return refuse(p, start, "the count", "is out of order");
        *max = *max >= MAX_COUNT ? REGEX_MANY : *max;
    } else if (!take(p, "*")) {
        return 0;
    }
    take(p, "?"); /* the least or the most: the same texts */
    return 1;
}

static int atom(struct parser *p, uint32_t *out)
{
    const char *start = p->at;
    uint32_t c;
    int64_t min, max;
    switch (*p->at) {
    case '^':
        p->at++;
        return new_assertion(p, SYNTAX_BEGIN, start, NO_NODE, out);
    case '$':
        p->at++;
        return new_assertion(p, SYNTAX_END, start, NO_NODE, out);
    case '(':
        return group(p, out);
    case '.':
        return any_char(p, out);
    case '[':
        return class(p, out);
    case '\\':
        return escape(p, out);
    default:
        break;
    }
    int status = quantifier(p, &min, &max);
    if (status != 0)
        return status < 0 ? -1 : refuse(p, start, "the quantifier", "has nothing to repeat");
    return next_char(p, &c) < 0 ? -1 : single(p, c, start, out);
}

static int term(struct parser *p, uint32_t *out)
{
    const char *start = p->at;
    int64_t min, max;
    if (atom(p, out) < 0)
        return -1;
    int status = quantifier(p, &min, &max);
    if (status <= 0)
        return status;
    struct syntax_node x = p->out->nodes[*out], node = { .kind = SYNTAX_REPEAT, .first = *out, .min = min, .max = max };
    if (x.kind == SYNTAX_BEGIN || x.kind == SYNTAX_WORD_EDGE || x.kind == SYNTAX_NO_WORD_EDGE ||
        x.kind == SYNTAX_BEHIND || x.kind == SYNTAX_NOT_BEHIND)
        return refuse(p, start, "an assertion", "is repeated");
    node.plain = x.plain;
    node.width = x.width;
    return new_node(p, node, start, out);
}

static int alternative(struct parser *p, uint32_t *out)
{
    if (new_list(p, SYNTAX_CAT, out) < 0)
        return -1;
    while (p->at < p->end && *p->at != '|' && *p->at != ')') {
        uint32_t x = NO_NODE;
        if (term(p, &x) < 0)
            return -1;
        chain(p->out, *out, x);
    }
    return 0;
}

static int disjunction(struct parser *p, uint32_t *out)
{
    uint32_t x = NO_NODE;
    if (alternative(p, &x) < 0)
        return -1;
    *out = x;
    if (p->at == p->end || *p->at != '|')
        return 0;
    if (new_list(p, SYNTAX_ALT, out) < 0)
        return -1;
    chain(p->out, *out, x);
    while (take(p, "|")) {
        if (alternative(p, &x) < 0)
            return -1;
        chain(p->out, *out, x);
    }
    return 0;
}

/* How many groups capture decides whether \1 is a back reference. */
static void count_groups(struct parser *p)
{
    bool in_class = false;
    for (const char *at = p->at; at < p->end; at++) {
        if (*at == '\\') {
            at++;
        } else if (*at == '[') {
            in_class = true;
        } else if (*at == ']') {
            in_class = false;
        } else if (*at == '(' && !in_class) {
            size_t left = (size_t)(p->end - at);
            bool named = left > 3 && at[1] == '?' && at[2] == '<' && at[3] != '=' && at[3] != '!';
            p->named |= named;
            p->n_groups += named || left < 2 || at[1] != '?';
        }
    }
}

int syntax_parse(struct syntax *s, const char *pattern, size_t len, struct err *err)
{
    *s = (struct syntax){ .pattern = pattern, .len = len };
    struct parser p = { .out = s, .at = pattern, .end = pattern + len, .err = err };
    if (len > MAX_PATTERN)
        return too_large(&p);
    count_groups(&p);
    if (disjunction(&p, &s->root) < 0)
        return -1;
    if (p.at < p.end)
        return refuse(&p, p.at, "the parenthesis", "closes nothing");
    return 0;
}

void syntax_finish(struct syntax *s)
{
    free(s->nodes);
    free(s->ranges);
}
