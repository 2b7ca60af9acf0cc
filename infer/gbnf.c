/*
 * The text becomes a tree for each rule.  A subtree that calls only rules which are themselves regular is made a regular
 * language; what is left becomes rules of the program, with rules of their own for groups and repetitions.
 */
#include "infer/gbnf.h"

#include <stdlib.h>
#include <string.h>

#define MAX_NAME  64
#define MAX_COUNT 10000 /* of a repetition */
#define NO_RULE   PROGRAM_NO_RULE

enum node_kind { NODE_REGEX, NODE_RULE, NODE_SEQUENCE, NODE_CHOICE, NODE_REPEAT };

struct node {
    enum node_kind kind;
    regex          regex;
    uint32_t       rule;
    int64_t        min, max;      /* REPEAT of the first child */
    struct node   *first, *next;  /* children; the next one of the parent's */
};

enum rule_state { NEW, VISITING, REGULAR, RECURSIVE };

struct named {
    char         name[MAX_NAME];
    struct node *body;
    unsigned     line;       /* where it was first mentioned */
    uint8_t      state;
    regex        regex;      /* of a REGULAR one */
    uint32_t     rule;       /* of the program; NO_RULE: none yet */
};

struct compiler {
    struct regexes *regexes;
    struct arena   *arena;
    struct err     *err;
    const char     *at, *end;
    unsigned        line, depth;
    struct named   *rules;
    size_t          n_rules, rules_cap;
    struct program_builder *program;
    bool            failed;
};

static int oops(struct compiler *c, const char *what)
{
    if (!c->failed)
        fail(c->err, CORAX_E_ARGS, "grammar: line %u: %s", c->line, what);
    c->failed = true;
    return -1;
}

static void *room(struct compiler *c, size_t size)
{
    void *p = arena_alloc(c->arena, size);

    if (!p) {
        if (!c->failed)
            fail(c->err, CORAX_E_LIMIT, "grammar: out of memory");
        c->failed = true;
        return NULL;
    }
    memset(p, 0, size);
    return p;
}

/* A list in the arena that doubles; the old one is left behind. */
static bool grow(struct compiler *c, void *list, size_t *cap, size_t n, size_t size)
{
    void **at = list, *more;

    if (n < *cap)
        return true;
    if (n >= GBNF_MAX_SYMBOLS) {
        oops(c, "too large: repetitions of rules are written out");
        return false;
    }
    more = room(c, 2 * (*cap + 16) * size);
    if (!more)
        return false;
    if (n)
        memcpy(more, *at, n * size);
    *at = more;
    *cap = 2 * (*cap + 16);
    return true;
}

static struct node *node(struct compiler *c, enum node_kind kind)
{
    struct node *n = room(c, sizeof *n);

    if (n)
        n->kind = kind;
    return n;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static int peek(const struct compiler *c)
{
    return c->at < c->end ? (unsigned char)*c->at : -1;
}

static bool is_word(int byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
}

static void skip_space(struct compiler *c, bool lines)
{
    for (; c->at < c->end; c->at++) {
        if (*c->at == '#') {
            while (c->at + 1 < c->end && c->at[1] != '\n')
                c->at++;
        } else if (*c->at == '\n') {
            if (!lines)
                return;
            c->line++;
        } else if (*c->at != ' ' && *c->at != '\t' && *c->at != '\r') {
            return;
        }
    }
}

/* A | at the beginning of the next line that has anything goes on with the rule. */
static bool goes_on(struct compiler *c)
{
    struct compiler ahead = *c;

    skip_space(&ahead, true);
    if (peek(&ahead) != '|')
        return false;
    c->at = ahead.at;
    c->line = ahead.line;
    return true;
}

static int hex(struct compiler *c, unsigned n, uint32_t *code)
{
    *code = 0;
    for (; n; n--, c->at++) {
        int byte = peek(c), digit = byte >= '0' && byte <= '9' ? byte - '0' : (byte | 32) >= 'a' && (byte | 32) <= 'f' ? (byte | 32) - 'a' + 10 : -1;

        if (byte < 0 || digit < 0)
            return oops(c, "\\x needs 2 hexadecimal digits, \\u 4 and \\U 8");
        *code = *code << 4 | (uint32_t)digit;
    }
    return 0;
}

/* One character of a literal or a class, which may be escaped. */
static int character(struct compiler *c, uint32_t *code)
{
    int byte = peek(c);
    unsigned more = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : byte >= 0xc0 ? 1 : 0;

    if (byte < 0 || byte == '\n')
        return oops(c, "a literal or class without an end");
    c->at++;
    if (byte == '\\') {
        byte = peek(c);
        c->at += byte >= 0;
        switch (byte) {
        case 'x':
            return hex(c, 2, code);
        case 'u':
            return hex(c, 4, code);
        case 'U':
            return hex(c, 8, code);
        case 'n':
            *code = '\n';
            return 0;
        case 'r':
            *code = '\r';
            return 0;
        case 't':
            *code = '\t';
            return 0;
        case '\\':
        case '"':
        case '[':
        case ']':
        case '-':
        case '^':
        case '/':
            *code = (uint32_t)byte;
            return 0;
        default:
            return oops(c, "an escape that is not known; there are \\n \\r \\t \\\\ \\\" \\[ \\] \\- \\^ \\/ \\x \\u and \\U");
        }
    }
    *code = more == 3 ? byte & 7 : more == 2 ? byte & 15 : more == 1 ? byte & 31 : (uint32_t)byte;
    for (; more; more--, c->at++) {
        if (peek(c) < 0x80 || peek(c) > 0xbf)
            return oops(c, "a character that is not UTF-8");
        *code = *code << 6 | (uint32_t)(peek(c) & 63);
    }
    if ((byte >= 0x80 && byte < 0xc2) || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000))
        return oops(c, "a character that is not UTF-8");
    return 0;
}

static regex one(struct compiler *c, uint32_t code)
{
    const struct regex_range range = { code, code };

    return regex_chars(c->regexes, &range, 1, false);
}

static struct node *regular(struct compiler *c, regex r)
{
    struct node *n = node(c, NODE_REGEX);

    if (n)
        n->regex = r;
    return n;
}

static struct node *literal(struct compiler *c)
{
    regex r = REGEX_EMPTY;
    uint32_t code;

    for (c->at++; peek(c) != '"';) {
        if (character(c, &code) < 0)
            return NULL;
        r = regex_concat(c->regexes, r, one(c, code));
    }
    c->at++;
    return regular(c, r);
}

static struct node *class(struct compiler *c)
{
    struct regex_range ranges[256];
    size_t n = 0;
    bool others;

    c->at++;
    others = peek(c) == '^';
    c->at += others;
    while (peek(c) != ']') {
        if (n == sizeof ranges / sizeof ranges[0]) {
            oops(c, "a class of more than 256 parts");
            return NULL;
        }
        if (character(c, &ranges[n].from) < 0)
            return NULL;
        ranges[n].to = ranges[n].from;
        if (peek(c) == '-' && c->at + 1 < c->end && c->at[1] != ']') {
            c->at++;
            if (character(c, &ranges[n].to) < 0)
                return NULL;
        }
        if (ranges[n].from > ranges[n].to) {
            oops(c, "a range of characters that goes backwards");
            return NULL;
        }
        n++;
    }
    c->at++;
    return regular(c, regex_chars(c->regexes, ranges, n, others));
}

static uint32_t find_rule(struct compiler *c, const char *name, size_t len)
{
    if (len >= MAX_NAME) {
        oops(c, "the name of a rule has at most 63 bytes");
        return NO_RULE;
    }
    for (size_t i = 0; i < c->n_rules; i++)
        if (strlen(c->rules[i].name) == len && memcmp(c->rules[i].name, name, len) == 0)
            return (uint32_t)i;
    if (!grow(c, &c->rules, &c->rules_cap, c->n_rules, sizeof *c->rules))
        return NO_RULE;
    c->rules[c->n_rules] = (struct named){ .line = c->line, .rule = NO_RULE };
    memcpy(c->rules[c->n_rules].name, name, len);
    return (uint32_t)c->n_rules++;
}

static struct node *call(struct compiler *c)
{
    const char *name = c->at;
    struct node *n = node(c, NODE_RULE);

    while (is_word(peek(c)))
        c->at++;
    if (n)
        n->rule = find_rule(c, name, (size_t)(c->at - name));
    return n && n->rule != NO_RULE ? n : NULL;
}

static struct node *choice(struct compiler *c, bool nested);

static struct node *group(struct compiler *c)
{
    struct node *n;

    if (c->depth == GBNF_MAX_DEPTH) {
        oops(c, "parentheses nest more than 200 deep");
        return NULL;
    }
    c->depth++;
    c->at++;
    skip_space(c, true);
    n = choice(c, true);
    c->depth--;
    if (n && peek(c) != ')') {
        oops(c, "a ( without its )");
        return NULL;
    }
    c->at++;
    return n;
}

static int number(struct compiler *c, int64_t *out)
{
    if (peek(c) < '0' || peek(c) > '9')
        return oops(c, "a repetition is {2}, {2,} or {2,5}");
    for (*out = 0; peek(c) >= '0' && peek(c) <= '9'; c->at++)
        if ((*out = *out * 10 + (peek(c) - '0')) > MAX_COUNT)
            return oops(c, "a repetition counts to 10000 at most");
    skip_space(c, false);
    return 0;
}

static int count(struct compiler *c, int64_t *min, int64_t *max)
{
    c->at++;
    skip_space(c, false);
    if (peek(c) == ',')
        *min = 0;
    else if (number(c, min) < 0)
        return -1;
    *max = *min;
    if (peek(c) == ',') {
        c->at++;
        skip_space(c, false);
        *max = REGEX_MANY;
        if (peek(c) != '}' && number(c, max) < 0)
            return -1;
    }
    if (peek(c) != '}' || (*max >= 0 && *max < *min))
        return oops(c, "a repetition is {2}, {2,} or {2,5}");
    c->at++;
    return 0;
}

static struct node *repeat(struct compiler *c, struct node *of)
{
    for (;;) {
        struct node *n;
        int64_t min = 0, max = REGEX_MANY;

        switch (peek(c)) {
        case '*':
            c->at++;
            break;
        case '+':
            min = 1;
            c->at++;
            break;
        case '?':
            max = 1;
            c->at++;
            break;
        case '{':
            if (count(c, &min, &max) < 0)
                return NULL;
            break;
        default:
            return of;
        }
        n = node(c, NODE_REPEAT);
        if (!n)
            return NULL;
        n->first = of;
        n->min = min;
        n->max = max;
        of = n;
    }
}

static struct node *item(struct compiler *c)
{
    struct node *n;
    int byte = peek(c);

    if (byte == '"')
        n = literal(c);
    else if (byte == '[')
        n = class(c);
    else if (byte == '(')
        n = group(c);
    else if (byte == '.') {
        c->at++;
        n = regular(c, regex_chars(c->regexes, NULL, 0, true));
    } else
        n = call(c);
    return n && !c->failed ? repeat(c, n) : NULL;
}

static struct node *sequence(struct compiler *c, bool nested)
{
    struct node *n = node(c, NODE_SEQUENCE), **last = n ? &n->first : NULL;

    while (n && (peek(c) == '"' || peek(c) == '[' || peek(c) == '(' || peek(c) == '.' || is_word(peek(c)))) {
        *last = item(c);
        if (!*last)
            return NULL;
        last = &(*last)->next;
        skip_space(c, nested);
    }
    return n;
}

static struct node *choice(struct compiler *c, bool nested)
{
    struct node *n = node(c, NODE_CHOICE), **last = n ? &n->first : NULL;

    while (n) {
        *last = sequence(c, nested);
        if (!*last)
            return NULL;
        last = &(*last)->next;
        if (peek(c) != '|' && (nested || !goes_on(c)))
            return n;
        c->at++;
        skip_space(c, true);
    }
    return NULL;
}

static int read_rules(struct compiler *c)
{
    for (skip_space(c, true); c->at < c->end; skip_space(c, true)) {
        const char *name = c->at;
        uint32_t rule;

        while (is_word(peek(c)))
            c->at++;
        if (c->at == name)
            return oops(c, "the name of a rule is expected");
        rule = find_rule(c, name, (size_t)(c->at - name));
        skip_space(c, false);
        if (rule == NO_RULE || c->end - c->at < 3 || memcmp(c->at, "::=", 3) != 0)
            return oops(c, "::= is expected behind the name of a rule");
        if (c->rules[rule].body)
            return oops(c, "this rule was there before");
        c->at += 3;
        skip_space(c, true);
        c->rules[rule].body = choice(c, false);
        if (!c->rules[rule].body || c->failed)
            return oops(c, "a rule is expected");
        if (c->at < c->end && *c->at != '\n')
            return oops(c, "a character that begins nothing");
    }
    for (size_t i = 0; i < c->n_rules; i++)
        if (!c->rules[i].body) {
            c->failed = true;
            return fail(c->err, CORAX_E_ARGS, "grammar: line %u: rule %s is not defined", c->rules[i].line, c->rules[i].name);
        }
    return 0;
}

/* --- what is regular ---------------------------------------------------------------------------------------------- */

static bool is_regular(struct compiler *, const struct node *);

static bool rule_is_regular(struct compiler *c, uint32_t rule)
{
    struct named *r = &c->rules[rule];

    if (r->state == NEW) {
        bool good;

        if (c->depth == GBNF_MAX_DEPTH) /* deep chains of rules are left as they are */
            return false;
        r->state = VISITING;
        c->depth++;
        good = is_regular(c, r->body);
        c->depth--;
        r = &c->rules[rule];
        r->state = good ? REGULAR : RECURSIVE;
    }
    if (r->state == VISITING)
        r->state = RECURSIVE;
    return r->state == REGULAR;
}

static bool is_regular(struct compiler *c, const struct node *n)
{
    if (n->kind == NODE_RULE)
        return rule_is_regular(c, n->rule);
    for (const struct node *child = n->first; child; child = child->next)
        if (!is_regular(c, child))
            return false;
    return true;
}

static regex language(struct compiler *, const struct node *);

static regex rule_language(struct compiler *c, uint32_t rule)
{
    if (!c->rules[rule].regex)
        c->rules[rule].regex = language(c, c->rules[rule].body);
    return c->rules[rule].regex;
}

static regex language(struct compiler *c, const struct node *n)
{
    regex r = n->kind == NODE_CHOICE ? REGEX_NONE : REGEX_EMPTY;

    switch (n->kind) {
    case NODE_REGEX:
        return n->regex;
    case NODE_RULE:
        return rule_language(c, n->rule);
    case NODE_REPEAT:
        return regex_repeat(c->regexes, language(c, n->first), n->min, n->max);
    default:
        for (const struct node *child = n->first; child; child = child->next)
            r = n->kind == NODE_CHOICE ? regex_or(c->regexes, r, language(c, child)) : regex_concat(c->regexes, r, language(c, child));
        return r;
    }
}

/* --- making rules ------------------------------------------------------------------------------------------------- */

/* The symbols of one alternative, before they are put with the others. */
struct run {
    struct symbol *list;
    size_t n, cap;
};

static void add(struct compiler *c, struct run *run, enum symbol_kind kind, uint32_t value)
{
    if (kind == SYMBOL_REGEX && value == REGEX_EMPTY)
        return;
    if (kind == SYMBOL_REGEX && run->n && run->list[run->n - 1].kind == SYMBOL_REGEX) {
        run->list[run->n - 1].value = regex_concat(c->regexes, run->list[run->n - 1].value, value);
        return;
    }
    if (grow(c, &run->list, &run->cap, run->n, sizeof *run->list))
        run->list[run->n++] = (struct symbol){ kind, value };
}

static void add_node(struct compiler *, struct run *, const struct node *);

static uint32_t make_choice(struct compiler *c, const struct node *n, uint32_t rule)
{
    uint32_t i = 0;

    for (const struct node *child = n->first; child; child = child->next)
        i++;
    if (rule == NO_RULE)
        rule = program_rule(c->program, i);
    i = 0;
    for (const struct node *child = n->first; child && rule != NO_RULE && !c->failed; child = child->next, i++) {
        struct run run = { 0 };

        add_node(c, &run, child);
        if (!c->failed)
            program_put(c->program, rule, i, run.list, run.n);
    }
    return rule;
}

/* X* is a rule "X and itself, or nothing"; a bounded one is a chain of rules, each "X and the next, or nothing". */
static void add_repeat(struct compiler *c, struct run *run, const struct node *n)
{
    uint32_t next = NO_RULE;

    for (int64_t i = 0; i < n->min && !c->failed; i++)
        add_node(c, run, n->first);
    for (int64_t i = n->min; (n->max == REGEX_MANY ? i == n->min : i < n->max) && !c->failed; i++) {
        const uint32_t rule = program_rule(c->program, 2);
        struct run one_more = { 0 };

        if (rule == NO_RULE)
            return;
        add_node(c, &one_more, n->first);
        if (n->max == REGEX_MANY)
            add(c, &one_more, SYMBOL_RULE, rule);
        else if (next != NO_RULE)
            add(c, &one_more, SYMBOL_RULE, next);
        if (c->failed)
            return;
        program_put(c->program, rule, 0, one_more.list, one_more.n);
        program_put(c->program, rule, 1, NULL, 0);
        next = rule;
    }
    if (next != NO_RULE)
        add(c, run, SYMBOL_RULE, next);
}

static uint32_t make_rule(struct compiler *c, uint32_t number)
{
    uint32_t n = 0;

    if (c->rules[number].rule != NO_RULE)
        return c->rules[number].rule;
    for (const struct node *child = c->rules[number].body->first; child; child = child->next)
        n++;
    c->rules[number].rule = program_rule(c->program, n);
    if (c->rules[number].rule == NO_RULE)
        return NO_RULE;
    if (c->depth == 4 * GBNF_MAX_DEPTH) {
        oops(c, "rules call each other more than 800 deep");
        return NO_RULE;
    }
    c->depth++;
    make_choice(c, c->rules[number].body, c->rules[number].rule);
    c->depth--;
    return c->rules[number].rule;
}

static void add_node(struct compiler *c, struct run *run, const struct node *n)
{
    uint32_t rule;

    if (is_regular(c, n)) {
        add(c, run, SYMBOL_REGEX, language(c, n));
        return;
    }
    switch (n->kind) {
    case NODE_REGEX:
        break;
    case NODE_RULE:
        rule = make_rule(c, n->rule);
        if (rule != NO_RULE)
            add(c, run, SYMBOL_RULE, rule);
        break;
    case NODE_SEQUENCE:
        for (const struct node *child = n->first; child && !c->failed; child = child->next)
            add_node(c, run, child);
        break;
    case NODE_CHOICE:
        if (n->first && !n->first->next) {
            add_node(c, run, n->first);
            break;
        }
        rule = make_choice(c, n, NO_RULE);
        if (rule != NO_RULE)
            add(c, run, SYMBOL_RULE, rule);
        break;
    case NODE_REPEAT:
        add_repeat(c, run, n);
        break;
    }
}

int gbnf_add(struct program_builder *program, const char *text, size_t len, uint32_t *rule, struct err *err)
{
    struct compiler c = { .regexes = program->regexes, .arena = program->arena, .program = program, .err = err, .at = text, .end = text + len, .line = 1 };
    uint32_t root, loop = NO_RULE;

    if (len > GBNF_MAX_TEXT)
        return fail(err, CORAX_E_LIMIT, "grammar: %zu bytes, at most %u", len, GBNF_MAX_TEXT);
    if (read_rules(&c) < 0)
        return -1;
    c.line = 1;
    for (root = 0; root < c.n_rules && strcmp(c.rules[root].name, "root") != 0; root++)
        ;
    if (root == c.n_rules)
        return oops(&c, "there is no rule root");
    c.depth = 0;
    *rule = make_rule(&c, root);
    if (c.failed)
        return -1;
    if (program_rank(program, &loop, err) == 0)
        return 0;
    for (size_t i = 0; i < c.n_rules; i++) /* a rule that has a name is better than a number */
        if (loop != NO_RULE && c.rules[i].rule == loop)
            fail(err, CORAX_E_ARGS, "grammar: rule %s calls itself before it has read anything", c.rules[i].name);
    return -1;
}
