/*
 * infer/regex: expressions against the languages that their operators say, on all short texts; every state that a walk
 * reaches must lead to the end of some text; patterns against PCRE2, and where ECMA-262 is not PCRE2, by hand.
 * How long things take is not held here.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "infer/regex.h"

#include <pcre2.h>

#include "tests/tap.h"

#define LIMIT ((size_t)16 << 20)

static uint64_t seed = 88172645463325252u;

static unsigned pick(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 33) % n;
}

static struct regexes *store(void)
{
    struct err err;
    struct regexes *s = regexes_create(LIMIT, &err);
    if (s == NULL) {
        diag("%s", err.msg);
        exit(1);
    }
    return s;
}

static bool matches(struct regexes *s, regex r, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        r = regex_next(s, r, (unsigned char)text[i]);
    return regex_accepts(s, r);
}

static bool is_in(struct regexes *s, regex r, const char *text)
{
    return matches(s, r, text, strlen(text));
}

static regex after(struct regexes *s, regex r, const char *text)
{
    for (; *text; text++)
        r = regex_next(s, r, (unsigned char)*text);
    return r;
}

static regex chars(struct regexes *s, uint32_t from, uint32_t to)
{
    return regex_chars(s, &(struct regex_range){ from, to }, 1, false);
}

/* --- operators, on all texts of a and b of up to 5 letters -------------------------------------------------------- */

#define LONGEST 5
#define N_TEXTS 63 /* numbered as binary trees are: the empty text is 1, text t with a letter more is 2 t and 2 t + 1 */

static int text_len(unsigned t)
{
    return 31 - __builtin_clz(t);
}

static uint64_t concat_sets(uint64_t x, uint64_t y)
{
    uint64_t made = 0;
    for (unsigned i = 1; i <= N_TEXTS; i++) {
        for (unsigned k = 1; (x >> i & 1) && k <= N_TEXTS; k++) {
            int len = text_len(k);
            if ((y >> k & 1) && text_len(i) + len <= LONGEST)
                made |= (uint64_t)1 << (i << len | (k & ((1u << len) - 1)));
        }
    }
    return made;
}

static uint64_t repeat_set(uint64_t x, int min, int max)
{
    uint64_t power = 2, made = 0; /* 2: the empty text alone */
    for (int i = 0; i <= (max < 0 ? min + LONGEST : max); i++) {
        made |= i >= min ? power : 0;
        power = concat_sets(power, x);
    }
    return made;
}

struct both {
    regex r;
    uint64_t set;
};

static struct both random_both(struct regexes *s, int depth)
{
    const uint64_t all = ~(uint64_t)1;
    struct both x, y;
    if (depth == 0 || pick(8) == 0) {
        unsigned which = pick(5);
        uint64_t bytes[4] = { 0, which < 2 ? (uint64_t)1 << ('a' - 64 + which) : (uint64_t)3 << ('a' - 64), 0, 0 };
        if (which > 2)
            return which == 3 ? (struct both){ REGEX_EMPTY, 2 } : (struct both){ REGEX_ANY, all };
        return (struct both){ regex_bytes(s, bytes), which == 0 ? 4 : which == 1 ? 8 : 12 };
    }
    x = random_both(s, depth - 1);
    y = random_both(s, depth - 1);
    int min = (int)pick(3), max = pick(2) ? -1 : min + (int)pick(3);
    int more = (int)pick(5), most = pick(2) ? -1 : more + (int)pick(3);
    switch (pick(8)) {
    case 6:
        return (struct both){ regex_or(s, regex_repeat(s, x.r, min, max), regex_repeat(s, x.r, more, most)),
                              repeat_set(x.set, min, max) | repeat_set(x.set, more, most) };
    case 7:
        return (struct both){ regex_or(s, regex_concat(s, regex_repeat(s, x.r, more, most), y.r), y.r),
                              concat_sets(repeat_set(x.set, more, most), y.set) | y.set };
    case 0:
        return (struct both){ regex_and(s, x.r, y.r), x.set & y.set };
    case 1:
        return (struct both){ regex_minus(s, x.r, y.r), x.set & ~y.set };
    case 2:
        return (struct both){ regex_or(s, x.r, y.r), x.set | y.set };
    case 3:
        return (struct both){ regex_repeat(s, x.r, min, max), repeat_set(x.set, min, max) };
    case 4:
        return (struct both){ regex_not(s, x.r), ~x.set & all };
    default:
        return (struct both){ regex_concat(s, x.r, y.r), concat_sets(x.set, y.set) };
    }
}

static int wrong_texts(struct regexes *s, struct both x)
{
    int wrong = 0;
    for (unsigned t = 1; t <= N_TEXTS; t++) {
        char text[LONGEST];
        for (int i = 0, len = text_len(t); i < len; i++)
            text[i] = (t >> (len - 1 - i) & 1) ? 'b' : 'a';
        wrong += matches(s, x.r, text, (size_t)text_len(t)) != (x.set >> t & 1);
    }
    return wrong;
}

/* Walks all states; how many of them do not lead to an accepting one, or -1 when there are too many. */
static int dead_ends(struct regexes *s, regex from)
{
    enum { MAX = 3000 };
    static regex list[MAX];
    static bool good[MAX];
    int n = 1, dead = 0;
    list[0] = from;
    for (int i = 0; i < n; i++) {
        good[i] = regex_accepts(s, list[i]);
        for (unsigned b = 0; b < 256; b++) {
            regex next = regex_next(s, list[i], (unsigned char)b);
            int k = 0;
            while (next != REGEX_NONE && k < n && list[k] != next)
                k++;
            if (next != REGEX_NONE && k == n) {
                if (n == MAX)
                    return -1;
                list[n++] = next;
            }
        }
    }
    for (bool more = true; more;) {
        more = false;
        for (int i = n - 1; i >= 0; i--) {
            for (unsigned b = 0; b < 256 && !good[i]; b++) {
                regex next = regex_next(s, list[i], (unsigned char)b);
                for (int k = 0; next != REGEX_NONE && k < n && !good[i]; k++)
                    more |= good[i] = list[k] == next && good[k];
            }
        }
    }
    for (int i = 0; i < n; i++)
        dead += !good[i];
    return dead;
}

/* Is the shortest text of a and b, at most of the longest length, as long as is said?  n: and are there any others up to there? */
static bool ends_well(struct regexes *s, struct both x, int *n_longer)
{
    const regex ab = chars(s, 'a', 'b'), texts = regex_and(s, x.r, regex_repeat(s, ab, 0, REGEX_MANY));
    int lens[LONGEST + 1] = { 0 }, shortest = 0;
    bool longer, good;
    int32_t n;

    for (unsigned t = 1; t <= N_TEXTS; t++)
        lens[text_len(t)] += x.set >> t & 1;
    while (shortest <= LONGEST && lens[shortest] == 0)
        shortest++;
    if (shortest > LONGEST)
        return true;
    n = regex_to_end(s, texts, &longer);
    good = n == shortest;
    for (int len = shortest; longer && len <= LONGEST; len++)
        good &= lens[len] > 0;
    *n_longer += longer;
    return good && regex_to_end(s, regex_and(s, texts, regex_repeat(s, ab, 0, LONGEST)), &longer) == shortest && !longer;
}

/* Is what is taken apart by its number of characters the same again? */
static bool counts_well(struct regexes *s, struct both x, int *n_counted)
{
    const int most = (int)pick(LONGEST + 1), least = (int)pick((unsigned)most + 1);
    const regex r = regex_and(s, x.r, regex_repeat(s, pick(2) ? chars(s, 'a', 'b') : regex_chars(s, NULL, 0, true), least, most));
    int64_t min, max;
    regex all;
    bool units, good = true;

    if (!regex_counted(s, r, &all, &min, &max, &units))
        return true;
    ++*n_counted;
    for (unsigned t = 1; t <= N_TEXTS; t++) {
        const struct both one = { all, (uint64_t)1 << t };
        const bool in = x.set >> t & 1 && text_len(t) >= least && text_len(t) <= most;
        char text[LONGEST];

        for (int i = 0, len = text_len(t); i < len; i++)
            text[i] = (t >> (len - 1 - i) & 1) ? 'b' : 'a';
        good &= in == (matches(s, one.r, text, (size_t)text_len(t)) && text_len(t) >= min && (max < 0 || text_len(t) <= max));
    }
    return good;
}

static void check_operators(void)
{
    int wrong = 0, dead = 0, empty = 0, n_empty = 0, failed = 0, count = 0, ends = 0, n_longer = 0, counted = 0, n_counted = 0;
    struct regexes *s = store();
    for (int i = 0; i < 4000; i++) {
        if (i % 200 == 0) {
            regexes_destroy(s);
            s = store();
        }
        struct both x = random_both(s, 1 + (int)pick(4));
        bool sure, alive = regex_alive(s, x.r, &sure);
        wrong += wrong_texts(s, x);
        empty += !alive && (x.set & ~(uint64_t)1) != 0;
        n_empty += !alive;
        if (alive && sure && i % 4 == 0)
            dead += dead_ends(s, x.r) > 0;
        failed += regex_failed(s);
        regex few = regex_and(s, x.r, regex_repeat(s, chars(s, 'a', 'b'), 0, LONGEST));
        count += regex_count(s, few, N_TEXTS) != __builtin_popcountll(x.set);
        ends += !ends_well(s, x, &n_longer);
        counted += !counts_well(s, x, &n_counted);
    }
    is_int(wrong, 0, "4000 random expressions hold the short texts that their operators say");
    is_int(empty, 0, "none that holds a text is called empty");
    ok(n_empty > 20, "some are empty: %d", n_empty);
    is_int(dead, 0, "every state leads to the end of some text");
    is_int(count, 0, "the texts of what is finite are counted");
    is_int(ends, 0, "the shortest text is as long as is said");
    ok(n_longer > 100, "of some there are texts of all greater lengths: %d", n_longer);
    is_int(counted, 0, "what is taken apart by its number of characters is the same again");
    ok(n_counted > 100, "that was %d times", n_counted);
    is_int(failed, 0, "no store has failed");
    regexes_destroy(s);
}

/* --- normal forms ------------------------------------------------------------------------------------------------- */

static void check_forms(void)
{
    static const char *const words[] = { "foo", "foobar", "bar", "baz", "", "qux", "foo" };
    static const size_t lens[] = { 3, 6, 3, 3, 0, 3, 3 };
    struct regexes *s = store();
    regex chr = regex_chars(s, NULL, 0, true), literals = regex_literals(s, words, lens, 7);
    regex foo = regex_literal(s, "foo", 3), others = regex_minus(s, REGEX_ANY, literals);
    regex has = regex_concat(s, REGEX_ANY, regex_concat(s, foo, REGEX_ANY));

    is_int(regex_repeat(s, chr, 0, REGEX_MANY), REGEX_ANY, "any number of characters is anything");
    is_int(regex_count(s, literals, 100), 6, "literals are counted once each");
    is_int(regex_count(s, literals, 5), -1, "and not beyond the bound");
    ok(is_in(s, literals, "foobar") && is_in(s, literals, "") && !is_in(s, literals, "fooba"), "literals are matched");
    ok(is_in(s, others, "fooba") && !is_in(s, others, "foobar") && !is_in(s, others, ""),
       "all but literals are matched");
    is_int(after(s, others, "fop"), REGEX_ANY, "all but literals is anything once it has left them");
    is_int(after(s, others, "quxq"), REGEX_ANY, "also behind one");
    is_int(after(s, others, "\xf0\x9f"), after(s, REGEX_ANY, "\xf0\x9f"), "also inside of a character");
    is_int(after(s, others, "\xf0\x9f\x98\x80"), REGEX_ANY, "and behind it");
    is_int(after(s, has, "xxfofoo"), REGEX_ANY, "what has been found is anything from there on");
    is_int(after(s, regex_minus(s, REGEX_ANY, has), "foo"), REGEX_NONE, "and what must not be found ends there");
    ok(!regex_alive(s, regex_and(s, has, regex_minus(s, REGEX_ANY, has)), NULL), "both at once is empty");
    is_int(regex_or(s, REGEX_ANY, has), REGEX_ANY, "anything holds all");
    is_int(regex_and(s, has, REGEX_ANY), has, "and takes nothing away");
    is_int(regex_or(s, chars(s, 0, 0x7ff), chars(s, 0x800, 0x10ffff)), chr, "all characters from two parts");
    ok(after(s, REGEX_ANY, "\xed\xa0") == REGEX_NONE && after(s, REGEX_ANY, "\xc0") == REGEX_NONE &&
           after(s, REGEX_ANY, "\xf4\x90") == REGEX_NONE && after(s, REGEX_ANY, "\xe0\x9f") == REGEX_NONE,
       "surrogates, overlong forms and what is too large are no characters");
    regexes_destroy(s);
}

static void check_counts(void)
{
    struct regexes *s = store();
    regex chr = regex_chars(s, NULL, 0, true), az = chars(s, 'a', 'z'), r;
    bool sure;
    size_t before = regex_n_states(s);

    r = regex_repeat(s, chr, 0, 100000);
    ok(regex_n_states(s) - before < 10, "a large count is one expression");
    is_int(regex_and(s, r, REGEX_ANY), r, "and within anything");
    r = regex_and(s, regex_repeat(s, az, 1, REGEX_MANY), regex_repeat(s, chr, 1000, 2000));
    ok(regex_alive(s, r, &sure) && sure, "a long least length is found to be possible");
    for (int i = 0; i < 2000 && r != REGEX_NONE; i++) {
        if (i == 999)
            ok(!regex_accepts(s, r), "999 are too few");
        r = regex_next(s, r, 'x');
    }
    ok(regex_accepts(s, r) && regex_next(s, r, 'x') == REGEX_NONE, "2000 are all that fit");
    r = regex_and(s, regex_repeat(s, az, 3, 5), regex_repeat(s, chr, 6, 9));
    ok(!regex_alive(s, r, &sure) && sure, "lengths that do not meet are empty");
    is_int(regex_repeat(s, az, 3, 2), REGEX_NONE, "a count out of order is empty");
    ok(!regex_failed(s), "nothing has failed");
    regexes_destroy(s);
}

static void check_limit(void)
{
    struct err err = { 0 };
    struct regexes *s = regexes_create(1000, &err);
    ok(s == NULL && err.status == CORAX_E_LIMIT, "too small a limit: %s", err.msg);
    s = regexes_create(60000, NULL);
    regex r = REGEX_EMPTY;
    for (unsigned i = 0; i < 5000; i++)
        r = regex_concat(s, regex_literal(s, i % 2 ? "ab" : "c", i % 2 ? 2 : 1), r);
    ok(regex_failed(s) && r == REGEX_NONE, "an outgrown store says so, and makes nothing more");
    ok(regex_next(s, REGEX_ANY, 'a') == REGEX_NONE && regex_row(s, REGEX_ANY) == NULL, "nor does it walk");
    regexes_destroy(s);
    regexes_destroy(NULL);
}

/* Room runs out everywhere once: what is made and walked is right, or the store says that it has failed. */
static void check_little_room(void)
{
    static const char pattern[] = "^(?=.*[A-Z])(?!.*(foo|ba[rz]){2,5})[\\w\\s-]{3,40}\\b|\\p{Lu}(x|y+z)*$",
                      text[] = "a Bar-foo";
    int wrong = 0, held = 0, n = 0;
    for (size_t limit = 4096; limit < 80000; limit += 256) {
        struct err err = { 0 };
        struct regexes *s = regexes_create(limit, &err);
        regex r = REGEX_NONE;
        n++;
        if (s == NULL) {
            wrong += err.status != CORAX_E_LIMIT;
        } else if (regex_pattern(s, pattern, sizeof pattern - 1, &r, &err) < 0) {
            wrong += err.status != CORAX_E_LIMIT || !regex_failed(s);
        } else {
            bool in = is_in(s, r, text);
            wrong += !in && !regex_failed(s);
            held += in && !regex_failed(s);
        }
        regexes_destroy(s);
    }
    is_int(wrong, 0, "however much room there is, nothing is told wrongly");
    ok(held > 10 && held < n - 10, "it is enough %d of %d times", held, n);
}

/* --- patterns, against PCRE2 -------------------------------------------------------------------------------------- */

static void append(char *text, size_t cap, const char *more)
{
    if (strlen(text) + strlen(more) + 1 < cap)
        strcat(text, more);
}

static void random_pattern(char *text, size_t cap, int depth)
{
    static const char *const atoms[] = { "a",     "b",    "c",   ".",        "\\d",         "\\w",  "\\s",
                                         "[ab]",  "[^a]", "1",   "-",        "ab",          "[b-]", "[^\\d]",
                                         "\\x61", "\\.",  "\\-", "\xc3\xa9", "[a\xc3\xa9]", "\\W" };
    static const char *const counts[] = { "*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}", "*?", "+?" };
    for (int n = 1 + (int)pick(3); n > 0; n--) {
        unsigned which = pick(20);
        if (depth > 0 && which < 6) {
            static const char *const opens[] = { "(", "(?:", "(", "(?:", "(?=", "(?!" };
            append(text, cap, opens[which]);
            random_pattern(text, cap, depth - 1);
            append(text, cap, ")");
            if (which > 3)
                continue;
        } else if (which == 6 && depth > 1) {
            append(text, cap, pick(2) ? "^" : "$");
            continue;
        } else if (which == 7) {
            append(text, cap, pick(2) ? "\\b" : "\\B");
            continue;
        } else {
            append(text, cap, atoms[pick(sizeof atoms / sizeof atoms[0])]);
        }
        if (pick(3) == 0)
            append(text, cap, counts[pick(sizeof counts / sizeof counts[0])]);
    }
    if (pick(4) == 0) {
        append(text, cap, "|");
        random_pattern(text, cap, depth - 1 > 0 ? depth - 1 : 0);
    }
}

static size_t random_text(char *text)
{
    static const char *const parts[] = { "a", "b", "c", "1", "-", " ", "\xc3\xa9", "ab", "\n", "_", "." };
    text[0] = '\0';
    for (unsigned n = pick(8); n > 0; n--)
        append(text, 64, parts[pick(sizeof parts / sizeof parts[0])]);
    return strlen(text);
}

static pcre2_code *reference(const char *pattern)
{
    int error;
    PCRE2_SIZE at;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                     PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX | PCRE2_ALLOW_EMPTY_CLASS,
                                     &error, &at, context);
    pcre2_compile_context_free(context);
    return code;
}

/* How many of 60 texts are told differently. */
static int disagreements(struct regexes *s, regex r, const char *pattern, const pcre2_code *code)
{
    pcre2_match_data *data = pcre2_match_data_create(20, NULL);
    int wrong = 0;
    for (int i = 0; i < 60; i++) {
        char text[80];
        size_t len = random_text(text);
        bool theirs = pcre2_match(code, (PCRE2_SPTR)text, len, 0, 0, data, NULL) >= 0;
        if (matches(s, r, text, len) == theirs)
            continue;
        if (wrong++ == 0)
            diag("%s on \"%s\": %s", pattern, text, theirs ? "should match" : "should not match");
    }
    pcre2_match_data_free(data);
    return wrong;
}

static void check_patterns(void)
{
    int wrong = 0, compared = 0, refused = 0, dead = 0;
    for (int i = 0; i < 6000; i++) {
        char pattern[200] = "";
        struct err err;
        regex r;
        random_pattern(pattern, sizeof pattern, 3);
        pcre2_code *code = reference(pattern);
        struct regexes *s = store();
        if (code == NULL) {
            refused += 0;
        } else if (regex_pattern(s, pattern, strlen(pattern), &r, &err) < 0) {
            refused++;
        } else {
            compared++;
            wrong += disagreements(s, r, pattern, code) > 0;
            if (i % 10 == 0 && regex_alive(s, r, NULL) && dead_ends(s, r) > 0) {
                diag("%s has dead ends", pattern);
                dead++;
            }
        }
        pcre2_code_free(code);
        regexes_destroy(s);
    }
    diag("%d patterns compared, %d cannot be held", compared, refused);
    is_int(wrong, 0, "random patterns match what PCRE2 matches");
    ok(compared > 4000 && refused < compared / 5, "and few cannot be held");
    is_int(dead, 0, "no state of theirs is a dead end");
}

/* --- patterns, where ECMA-262 is not PCRE2, and what people write --------------------------------------------------- */

static const struct {
    const char *pattern, *in, *out; /* texts between spaces; _ is none */
} by_hand[] = {
    { "^[\\w-]+$", "a a-b _-", "a.b" },
    { "\\-\\/\\.\\_", "x-/._", "-/" },
    { "^\\S(.*\\S)?$", "a ab a\tb", "\ta" },
    { "(^a)|(b$)", "ax xb a", "xax bx" },
    { "^a|b$", "ax xb", "xa bx" },
    { "a{,2}", "a{,2}", "a aa" },
    { "^x{a}$", "x{a}", "xa" },
    { "^]}$", "]}", "]" },
    { "^[^]$", "a \xc3\xa9", "ab" },
    { "^[]$", "", "a" },
    { "[]", "", "a" },
    { "^\\u00e9$", "\xc3\xa9", "e" },
    { "^\\uD83D\\uDE00$", "\xf0\x9f\x98\x80", "a" },
    { "^[\\uD83D\\uDE00-\\uD83D\\uDE4F]$", "\xf0\x9f\x98\x81", "a" },
    { "^\\u{1F600}$", "\xf0\x9f\x98\x80", "u" },
    { "^\\x4a\\cA?$", "J J\x01", "x4a" },
    { "^\\0?a$", "a", "0a" },
    { "^\\p{L}+$", "abc \xc3\xa9\xd0\xb6\xe4\xb8\xad", "a1" },
    { "^\\p{Lu}\\P{Lu}$", "Aa \xc3\x89_", "AA aa" },
    { "^\\p{Script=Greek}+$", "\xce\xb1\xce\xb2", "a" },
    { "^[\\p{Nd}_]+$", "12 \xd9\xa3_", "a" },
    { "^\\p{Letter}$", "a", "1" },
    { "^\\s$", "\t \xe2\x80\xa8 \xef\xbb\xbf \xc2\xa0", "a" },
    { "^.$", "a", "\n \r \xe2\x80\xa8 ab" },
    { "^[a-]$", "a -", "b" },
    { "^[\\d-x]+$", "1-x", "5a" },
    { "^[\\b]$", "\b", "b" },
    { "^((?!foo).)*$", "bar fobar f", "foo xfoox" },
    { "^(?!.*foo).*$", "bar", "foo xfoox" },
    { "^(?=.*\\d)(?=.*[a-z]).{2,4}$", "a1 1a2b", "aa 11 a1b2c" },
    { "^(?!a$|b$)", "c ab", "a b" },
    { "(?<=a)b", "ab xab", "b cb" },
    { "(?<!a)b", "b cb bab", "ab" },
    { "(?i)^abc[x-z]$", "abcx ABCX aBcZ", "abcd" },
    { "^(?i:a)b$", "ab Ab", "aB" },
    { "^(?<year>\\d{4})$", "2024", "24" },
    { "\\bfoo\\b", "foo a.foo foo-b", "foob afoo" },
    { "^(a|b)*?c$", "c abc", "ab" },
    { "^a++b$", "", "" },
    { "^(?:a|)+$", "a aa", "b" },
    { "^(?:(?:a{2}){3}){1,2}$", "aaaaaa aaaaaaaaaaaa", "aaaaaaaa" },
    { "^(\\d+|$)+$", "12", "a" },
    { "", "a", "" },
};

/* How many texts of the list are told to be in it. */
static int told(struct regexes *s, regex r, const char *list, int *n)
{
    int in = 0;
    for (*n = 0; *list; ++*n) {
        size_t len = strcspn(list, " ");
        in += matches(s, r, list, len);
        list += len + (list[len] == ' ');
    }
    return in;
}

static void check_by_hand(void)
{
    for (size_t i = 0; i < sizeof by_hand / sizeof by_hand[0]; i++) {
        struct regexes *s = store();
        struct err err;
        regex r = REGEX_NONE;
        int n_in, n_out, status = regex_pattern(s, by_hand[i].pattern, strlen(by_hand[i].pattern), &r, &err);
        if (by_hand[i].in[0] == '\0' && by_hand[i].out[0] == '\0') {
            ok(status < 0, "%s: %s", by_hand[i].pattern, err.msg);
        } else {
            int in = told(s, r, by_hand[i].in, &n_in), out = told(s, r, by_hand[i].out, &n_out);
            ok(status == 0 && in == n_in && out == 0, "%s matches what it should: %d of %d, and %d", by_hand[i].pattern,
               in, n_in, out);
        }
        regexes_destroy(s);
    }
}

static void check_refusals(void)
{
    static const struct {
        const char *pattern, *says;
    } bad[] = {
        { "(a)\\1", "pattern \"(a)\\1\": a back reference at offset 3 cannot be held" },
        { "ab(c", "pattern \"ab(c\": the group at offset 2 has no end" },
        { "a)", "pattern \"a)\": the parenthesis at offset 1 closes nothing" },
        { "[b-a]", "pattern \"[b-a]\": a range of characters at offset 1 is out of order" },
        { "x[a", "pattern \"x[a\": the class at offset 1 has no end" },
        { "*", "pattern \"*\": the quantifier at offset 0 has nothing to repeat" },
        { "a{2,1}", "pattern \"a{2,1}\": the count at offset 1 is out of order" },
        { "\\p{Nix}", "pattern \"\\p{Nix}\": the property of characters at offset 0 is not known" },
        { "a(?<=b)c", "pattern \"a(?<=b)c\": a look-behind that is not at the beginning at offset 1 cannot be held" },
        { "a\\", "pattern \"a\\\": the backslash at offset 1 has nothing to escape" },
        { "(?>a)", "pattern \"(?>a)\": the group at offset 0 is of no known kind" },
    };
    struct regexes *s = store();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err err = { 0 };
        regex r = REGEX_ANY;
        ok(regex_pattern(s, bad[i].pattern, strlen(bad[i].pattern), &r, &err) < 0 && r == REGEX_ANY, "%s is refused",
           bad[i].pattern);
        is_str(err.msg, bad[i].says, "with the reason");
    }
    struct err err = { 0 };
    static char deep[500];
    regex r;
    memset(deep, '(', 200);
    memset(deep + 200, ')', 200);
    ok(regex_pattern(s, deep, 400, &r, &err) < 0 && err.status == CORAX_E_LIMIT, "deep groups: %s", err.msg);
    ok(regex_pattern_whole(s, "a|b", 3, &r, &err) == 0 && is_in(s, r, "b") && !is_in(s, r, "ab"), "the whole text");
    regexes_destroy(s);
}

int main(void)
{
    plan_later();
    check_operators();
    check_forms();
    check_counts();
    check_limit();
    check_little_room();
    check_patterns();
    check_by_hand();
    check_refusals();
    done();
    return tap_status();
}
