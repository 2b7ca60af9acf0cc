/*
 * The formats of JSON Schema (draft 2020-12, validation, section 7.3), each as a pattern that the whole text matches.
 *
 * Where a format is not regular, or only at a price, what is here holds less than the format:
 *   - a leap second stands at 23:59:60 of offset zero only, elsewhere none is allowed
 *   - "regex" has groups within groups three deep, ranges within digits and the letters to g, and no names
 * and here more:
 *   - "idn-hostname" and the domain of "idn-email" have labels of letters, marks and digits of any script: neither
 *     most rules of IDNA 2008 on neighbours and scripts nor the lengths in Punycode are asked for
 *   - what follows "xn--" in a host name need not be Punycode; a local part may be longer than 64 bytes
 */
#include <string.h>

#include "infer/regex_store.h"

#define HEX "[0-9A-Fa-f]"

/* RFC 3339, with the lengths of months. */
#define LEAP_YEAR "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
#define DATE                                                                                        \
    "(?:\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|" \
    "02-(?:0[1-9]|1\\d|2[0-8]))|" LEAP_YEAR "-02-29)"
#define HOUR "(?:[01]\\d|2[0-3])"
#define TIME \
    "(?:" HOUR ":[0-5]\\d:[0-5]\\d(?:\\.\\d+)?(?:[Zz]|[+-]" HOUR ":[0-5]\\d)|23:59:60(?:\\.\\d+)?(?:[Zz]|[+-]00:00))"

/* RFC 3339, appendix A. */
#define DURATION_TIME "T(?:\\d+H(?:\\d+M(?:\\d+S)?)?|\\d+M(?:\\d+S)?|\\d+S)"
#define DURATION \
    "P(?:\\d+W|" DURATION_TIME "|(?:\\d+Y(?:\\d+M(?:\\d+D)?)?|\\d+M(?:\\d+D)?|\\d+D)(?:" DURATION_TIME ")?)"

/* RFC 3986, section 3.2.2, has both. */
#define BYTE "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
#define IPV4 BYTE "(?:\\." BYTE "){3}"
#define H16  HEX "{1,4}"
#define LS32 "(?:" H16 ":" H16 "|" IPV4 ")"
#define IPV6                                                                                                        \
    "(?:(?:" H16 ":){6}" LS32 "|::(?:" H16 ":){5}" LS32 "|(?:" H16 ")?::(?:" H16 ":){4}" LS32 "|(?:" H16 "(?::" H16 \
    "){0,1})?::(?:" H16 ":){3}" LS32 "|(?:" H16 "(?::" H16 "){0,2})?::(?:" H16 ":){2}" LS32 "|(?:" H16 "(?::" H16   \
    "){0,3})?::" H16 ":" LS32 "|(?:" H16 "(?::" H16 "){0,4})?::" LS32 "|(?:" H16 "(?::" H16 "){0,5})?::" H16        \
    "|(?:" H16 "(?::" H16 "){0,6})?::)"

/* RFC 1123, section 2.1, and RFC 5890, section 2.3.1: a third and fourth hyphen are for xn-- alone. */
#define ALNUM "[0-9A-Za-z]"
#define INNER "[0-9A-Za-z-]"
#define LABEL                                                                                                        \
    "(?:" ALNUM "(?:" ALNUM "|" INNER "(?:" ALNUM "(?:" INNER "{0,59}" ALNUM ")?|-" ALNUM "(?:" INNER "{0,58}" ALNUM \
    ")?))?|[Xx][Nn]--" INNER "{0,58}" ALNUM ")"
#define HOSTNAME     "(?=[^]{1,253}$)" LABEL "(?:\\." LABEL "){0,126}"
#define DOMAIN_LABEL ALNUM "(?:" INNER "{0,61}" ALNUM ")?"
#define DOMAIN       DOMAIN_LABEL "(?:\\." DOMAIN_LABEL ")*"

/* RFC 5892, much simplified: letters, marks, digits, the exceptions of 2.6, and of appendix A what one neighbour tells. */
#define IDN_CHAR   "\\p{L}\\p{M}\\p{Nd}\\u00b7\\u0375\\u05f3\\u05f4\\u06fd\\u06fe\\u0f0b\\u200c\\u200d\\u3007\\u30fb"
#define IDN_LABEL  "[" IDN_CHAR "](?:[" IDN_CHAR "-]{0,61}[" IDN_CHAR "])?"
#define IDN_DOMAIN IDN_LABEL "(?:[.\\u3002\\uff0e\\uff61]" IDN_LABEL ")*"
#define IDN_NEIGHBOURS                                                                                   \
    "(?!.*[\\u0640\\u07fa\\u302e\\u302f\\u3031-\\u3035\\u303b])(?!(?:.*[^l])?\\u00b7)(?!.*\\u00b7(?!l))" \
    "(?!.*\\u0375(?!\\p{Script=Greek}))(?!(?:.*[^\\p{Script=Hebrew}])?[\\u05f3\\u05f4])(?!(?:.*\\.)?\\p{M})"

/* RFC 5321, section 4.1.2, and RFC 6531. */
#define ATEXT "!#$%&'*+/=?^_`{|}~0-9A-Za-z"
#define LOCAL_PART(more)                                                           \
    "(?:[" ATEXT more "-]+(?:\\.[" ATEXT more "-]+)*|\"(?:[ !#-\\[\\]-~" more "]|" \
    "\\\\[ -~])*\")"
#define ADDRESS             "\\[(?:" IPV4 "|IPv6:" IPV6 ")\\]"
#define EMAIL(more, domain) LOCAL_PART(more) "@(?:" domain "|" ADDRESS ")"

/* RFC 3986, and RFC 3987 with more characters, some of them in queries only. */
#define PERCENT            "%" HEX HEX
#define CHAR(more)         "(?:[0-9A-Za-z._~!$&'()*+,;=" more "-]|" PERCENT ")"
#define SEGMENT(more)      CHAR(":@" more) "*"
#define PATHS(more)        "(?:/" SEGMENT(more) ")*"
#define HOST(more)         "(?:\\[(?:" IPV6 "|[vV]" HEX "+\\.[0-9A-Za-z._~!$&'()*+,;=:-]+)\\]|" CHAR(more) "*)"
#define AUTHORITY(more)    "//(?:" CHAR(":" more) "*@)?" HOST(more) "(?::\\d*)?" PATHS(more)
#define ABSOLUTE(more)     "/(?:" CHAR(":@" more) "+" PATHS(more) ")?"
#define AFTER(more, query) "(?:\\?" CHAR(":@/?" more query) "*)?(?:#" CHAR(":@/?" more) "*)?"
#define REST(more, query) \
    "(?:" AUTHORITY(more) "|" ABSOLUTE(more) "|" CHAR(":@" more) "+" PATHS(more) "|)" AFTER(more, query)
#define URI(more, query) "[A-Za-z][0-9A-Za-z+.-]*:" REST(more, query)
#define RELATIVE(more, query) \
    "(?:" AUTHORITY(more) "|" ABSOLUTE(more) "|" CHAR("@" more) "+" PATHS(more) "|)" AFTER(more, query)
#define UCS                                                                                                     \
    "\\u{a0}-\\u{d7ff}\\u{f900}-\\u{fdcf}\\u{fdf0}-\\u{ffef}\\u{10000}-\\u{1fffd}\\u{20000}-\\u{2fffd}"         \
    "\\u{30000}-\\u{3fffd}\\u{40000}-\\u{4fffd}\\u{50000}-\\u{5fffd}\\u{60000}-\\u{6fffd}\\u{70000}-\\u{7fffd}" \
    "\\u{80000}-\\u{8fffd}\\u{90000}-\\u{9fffd}\\u{a0000}-\\u{afffd}\\u{b0000}-\\u{bfffd}\\u{c0000}-\\u{cfffd}" \
    "\\u{d0000}-\\u{dfffd}\\u{e1000}-\\u{efffd}"
#define PRIVATE "\\u{e000}-\\u{f8ff}\\u{f0000}-\\u{ffffd}\\u{100000}-\\u{10fffd}"

/* RFC 6570, sections 2.1 to 2.4. */
#define VARIABLE "(?:[0-9A-Za-z_]|" PERCENT ")(?:\\.?(?:[0-9A-Za-z_]|" PERCENT "))*(?::[1-9]\\d{0,3}|\\*)?"
#define LITERAL  "[!#$&-;=?-\\[\\]_a-z~" UCS PRIVATE "]|" PERCENT
#define TEMPLATE "(?:" LITERAL "|\\{[+#./;?&=,!@|]?" VARIABLE "(?:," VARIABLE ")*\\})*"

/* RFC 6901, section 3. */
#define POINTER "(?:/(?:[^/~]|~[01])*)*"

/* ECMA-262, section 22.2.1, in part. */
#define ESCAPE "\\\\(?:[dDwWsStnrfv^$.*+?()\\[\\]{}|/\\\\-]|c[A-Za-z]|x" HEX HEX "|u" HEX "{4})"
#define RANGES                                                                                                \
    "0-[0-9]|1-[1-9]|2-[2-9]|3-[3-9]|4-[4-9]|5-[5-9]|6-[6-9]|7-[7-9]|8-[89]|a-[a-z]|b-[b-z]|c-[c-z]|d-[d-z]|" \
    "e-[e-z]|f-[f-z]|g-[g-z]|A-[A-Z]|B-[B-Z]|C-[C-Z]|D-[D-Z]|E-[E-Z]|F-[F-Z]|G-[G-Z]"
#define CLASS "\\[\\^?-?(?:[^\\]\\\\^-]|" RANGES "|" ESCAPE ")*-?\\]"
#define COUNT                                         \
    "(?:(?:[*+?]|\\{(?:\\d+,?|[01],[1-9]\\d*)\\})\\?" \
    "?)?"
#define GROUPS(inner)                                                                            \
    "(?:(?:(?:[^\\\\^$.*+?()\\[\\]{}|]|\\.|" ESCAPE "|" CLASS "|\\((?:\\?:)?" inner "\\))" COUNT \
    "|\\^|\\$|\\\\b|\\(\\?<?[=!]" inner "\\))|\\|)*"
#define REGEX GROUPS(GROUPS(GROUPS("[^\\\\^$.*+?()\\[\\]{}]*")))

static const struct format {
    const char *name, *pattern;
} formats[] = {
    { "date-time", DATE "[Tt]" TIME },
    { "date", DATE },
    { "time", TIME },
    { "duration", DURATION },
    { "email", EMAIL("", DOMAIN) },
    { "idn-email", EMAIL("\\u{80}-\\u{10ffff}", IDN_DOMAIN) },
    { "hostname", HOSTNAME },
    { "idn-hostname", IDN_NEIGHBOURS IDN_DOMAIN },
    { "ipv4", IPV4 },
    { "ipv6", IPV6 },
    { "uri", URI("", "") },
    { "uri-reference", URI("", "") "|" RELATIVE("", "") },
    { "iri", URI(UCS, PRIVATE) },
    { "iri-reference", URI(UCS, PRIVATE) "|" RELATIVE(UCS, PRIVATE) },
    { "uri-template", TEMPLATE },
    { "uuid", HEX "{8}(?:-" HEX "{4}){3}-" HEX "{12}" },
    { "json-pointer", POINTER },
    { "relative-json-pointer", "(?:0|[1-9]\\d*)(?:#|" POINTER ")" },
    { "regex", REGEX },
};

bool regex_format(struct regexes *s, const char *name, regex *out)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        const char *pattern = formats[i].pattern;
        if (strcmp(formats[i].name, name) != 0)
            continue;
        if (regex_pattern_whole(s, pattern, strlen(pattern), out, NULL) < 0) {
            s->failed = true; /* the patterns are good: there was no room */
            *out = REGEX_NONE;
        }
        return true;
    }
    return false;
}
