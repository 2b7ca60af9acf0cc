/*
 * Patterns of ECMA-262 by PCRE2: $ is the very end, \d is 0-9, \u0041 is A, \p{Letter} is \p{L}, . and \s are the
 * standard's sets.  PCRE2 counts its steps, but not the characters that a step like [^b]* runs over, so the length of the text and the
 * time are limited too.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "util/jsonschema_node.h"

#define MAX_PATTERN  1000       /* bytes */
#define MAX_GROWTH   32         /* times a pattern's length: a dot and \S become classes */
#define MAX_NESTING  50         /* of parentheses */
#define MATCH_LIMIT  200000     /* steps of one match */
#define BUDGET_NS    500000000L /* CPU time of all matches of one validation */
#define BEYOND_ASCII "\\u00a0\\ufeff\\u2028\\u2029\\p{Zs}" /* of white space */
#define MAX_PROPERTY 60         /* bytes between the braces of \p{} */

/* General categories have long names in ECMA-262 that PCRE2 does not know. */
static const char *short_category(const char *name, size_t len)
{
    static const char *const names[][2] = {
        { "Other", "C" }, { "Control", "Cc" }, { "Format", "Cf" }, { "Unassigned", "Cn" }, { "Private_Use", "Co" },
        { "Surrogate", "Cs" }, { "Letter", "L" }, { "Cased_Letter", "L&" }, { "Lowercase_Letter", "Ll" },
        { "Modifier_Letter", "Lm" }, { "Other_Letter", "Lo" }, { "Titlecase_Letter", "Lt" }, { "Uppercase_Letter", "Lu" },
        { "Mark", "M" }, { "Combining_Mark", "M" }, { "Spacing_Mark", "Mc" }, { "Enclosing_Mark", "Me" },
        { "Nonspacing_Mark", "Mn" }, { "Number", "N" }, { "Decimal_Number", "Nd" }, { "digit", "Nd" },
        { "Letter_Number", "Nl" }, { "Other_Number", "No" }, { "Punctuation", "P" }, { "punct", "P" },
        { "Connector_Punctuation", "Pc" }, { "Dash_Punctuation", "Pd" }, { "Close_Punctuation", "Pe" },
        { "Final_Punctuation", "Pf" }, { "Initial_Punctuation", "Pi" }, { "Other_Punctuation", "Po" },
        { "Open_Punctuation", "Ps" }, { "Symbol", "S" }, { "Currency_Symbol", "Sc" }, { "Modifier_Symbol", "Sk" },
        { "Math_Symbol", "Sm" }, { "Other_Symbol", "So" }, { "Separator", "Z" }, { "Line_Separator", "Zl" },
        { "Paragraph_Separator", "Zp" }, { "Space_Separator", "Zs" }, { "LC", "L&" },
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strlen(names[i][0]) == len && strncmp(names[i][0], name, len) == 0)
            return names[i][1];
    return NULL;
}

/* p is at \p{ or \P{.  Returns what is behind the brace that closes, or NULL when that is too far to be a name. */
static const char *add_property(struct buf *out, const char *p)
{
    static const char *const prefixes[] = { "General_Category=", "gc=", "Script=", "sc=", "Script_Extensions=", "scx=" };
    const char *name = p + 3, *end = memchr(name, '}', strnlen(name, MAX_PROPERTY)), *category;

    if (!end)
        return NULL;
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) {
            name += strlen(prefixes[i]);
            break;
        }
    category = short_category(name, (size_t)(end - name));
    buf_add(out, p, 3);
    if (category)
        buf_adds(out, category);
    else
        buf_add(out, name, (size_t)(end - name));
    buf_addc(out, '}');
    return end + 1;
}

/* \uXXXX at p, or -1. */
static long read_unit(const char *p)
{
    unsigned unit;

    if (p[0] != '\\' || p[1] != 'u' || strspn(p + 2, "0123456789abcdefABCDEF") < 4 || sscanf(p + 2, "%4x", &unit) != 1)
        return -1;
    return (long)unit;
}

/* Two escapes that are one character, as UTF-16 has it, become that character. */
static const char *add_pair(struct buf *out, const char *p)
{
    long high = read_unit(p), low = high >= 0xd800 && high < 0xdc00 ? read_unit(p + 6) : -1, code;

    if (low < 0xdc00 || low > 0xdfff)
        return NULL;
    code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    buf_addf(out, "%c%c%c%c", (char)(0xf0 | code >> 18), (char)(0x80 | (code >> 12 & 63)), (char)(0x80 | (code >> 6 & 63)),
             (char)(0x80 | (code & 63)));
    return p + 12;
}

/* \S in a class has no such form: there it stays PCRE2's. */
static const char *add_space(struct buf *out, const char *p, bool in_class)
{
    if (in_class && p[1] == 'S')
        return NULL;
    buf_adds(out, in_class ? "\\s" BEYOND_ASCII : p[1] == 's' ? "[\\s" BEYOND_ASCII "]" : "[^\\s" BEYOND_ASCII "]");
    return p + 2;
}

/* Every character but the four that end a line. */
static const char *add_dot(struct buf *out, const char *p)
{
    buf_adds(out, "[^\\n\\r\\u2028\\u2029]");
    return p + 1;
}

static void translate(const char *pattern, struct buf *out)
{
    bool in_class = false;

    for (const char *p = pattern, *behind; *p; p = behind) {
        behind = NULL;
        if (p[0] == '\\' && (p[1] == 'p' || p[1] == 'P') && p[2] == '{')
            behind = add_property(out, p);
        else if (p[0] == '\\' && (p[1] == 's' || p[1] == 'S'))
            behind = add_space(out, p, in_class);
        else if (p[0] == '[' || p[0] == ']')
            in_class = p[0] == '[';
        else if (p[0] == '.' && !in_class)
            behind = add_dot(out, p);
        else if (p[0] == '\\' && p[1] == 'u')
            behind = add_pair(out, p);
        if (!behind) {
            behind = p + (p[0] == '\\' && p[1] ? 2 : 1);
            buf_add(out, p, (size_t)(behind - p));
        }
    }
}

static void *compile_translated(const struct buf *pattern, char *why, size_t why_size)
{
    const uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX | PCRE2_MATCH_UNSET_BACKREF |
                             PCRE2_ALLOW_EMPTY_CLASS | PCRE2_NEVER_BACKSLASH_C;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    PCRE2_UCHAR text[100];
    PCRE2_SIZE offset;
    void *code;
    int error;

    if (!context)
        return NULL;
    pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALT_BSUX);
    pcre2_set_parens_nest_limit(context, MAX_NESTING);
    code = pcre2_compile((PCRE2_SPTR)pattern->data, pattern->len, options, &error, &offset, context);
    pcre2_compile_context_free(context);
    if (code || error == PCRE2_ERROR_HEAP_FAILED)
        return code;
    if (pcre2_get_error_message(error, text, sizeof(text)) < 0)
        strcpy((char *)text, "it cannot be compiled");
    snprintf(why, why_size, "at byte %zu: %s", (size_t)offset, (char *)text);
    return NULL;
}

void *pattern_compile(const char *pattern, size_t len, char *why, size_t why_size)
{
    struct buf text;
    void *code = NULL;

    why[0] = '\0';
    if (len > MAX_PATTERN) {
        snprintf(why, why_size, "it has more than %d bytes", MAX_PATTERN);
        return NULL;
    }
    buf_init(&text, (size_t)MAX_GROWTH * MAX_PATTERN);
    translate(pattern, &text);
    if (!text.failed)
        code = compile_translated(&text, why, why_size);
    buf_finish(&text);
    return code;
}

void pattern_free(void *code)
{
    pcre2_code_free(code);
}

static long cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (long)ts.tv_sec * 1000000000L + ts.tv_nsec;
}

static bool prepare(struct pattern_budget *budget)
{
    if (!budget->match)
        budget->match = pcre2_match_data_create(1, NULL);
    if (!budget->context) {
        budget->context = pcre2_match_context_create(NULL);
        if (budget->context)
            pcre2_set_match_limit(budget->context, MATCH_LIMIT);
    }
    return budget->match && budget->context;
}

enum pattern_result pattern_match(struct pattern_budget *budget, void *code, const char *text, size_t len)
{
    long start;
    int rc;

    if (len > SCHEMA_MAX_MATCHED)
        return PATTERN_TOO_LONG;
    if (!prepare(budget))
        return PATTERN_NO_MEMORY;
    if (budget->spent_ns > BUDGET_NS)
        return PATTERN_SPENT;
    start = cpu_ns();
    rc = pcre2_match(code, (PCRE2_SPTR)text, len, 0, PCRE2_NO_UTF_CHECK, budget->match, budget->context);
    budget->spent_ns += cpu_ns() - start;
    if (rc == PCRE2_ERROR_HEAPLIMIT || rc == PCRE2_ERROR_NOMEMORY)
        return PATTERN_NO_MEMORY;
    return rc >= 0 ? PATTERN_MATCHES : rc == PCRE2_ERROR_NOMATCH ? PATTERN_FAILS : PATTERN_SLOW;
}

void pattern_budget_finish(struct pattern_budget *budget)
{
    pcre2_match_data_free(budget->match);
    pcre2_match_context_free(budget->context);
}
