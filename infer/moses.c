/*
 * The reference is a list of regular expressions that are applied one after the other; each is a pass here, from one
 * array of characters to another.  Where a pattern takes the character before or behind into its match, so does the
 * pass: what one match has taken, the next cannot.
 */
#include "infer/moses.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "infer/moses_table.h"
#include "infer/vocab.h"
#include "util/utf8.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* --- characters --------------------------------------------------------------------------------------------------- */

static int compare(const void *key, const void *entry)
{
    const uint32_t c = *(const uint32_t *)key;
    const struct moses_range *r = entry;

    return c < r->first ? -1 : c > r->last;
}

#define IS_IN(C, TABLE) (bsearch(&(C), TABLE, COUNT(TABLE), sizeof *(TABLE), compare) != NULL)

static bool is_letter(uint32_t c) /* to the detokenizer */
{
    return IS_IN(c, moses_alpha);
}

static bool is_alpha(uint32_t c)
{
    return is_letter(c) || IS_IN(c, moses_mark);
}

static bool is_alnum(uint32_t c)
{
    return is_alpha(c) || IS_IN(c, moses_digit);
}

static bool is_number(uint32_t c)
{
    return IS_IN(c, moses_number);
}

static bool is_white(uint32_t c)
{
    return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

static bool is_cjk(uint32_t c)
{
    static const struct moses_range blocks[] = {
        { 0x1100, 0x11ff }, { 0x2e80, 0xa4cf },   { 0xa840, 0xa87f },   { 0xac00, 0xd7af },   { 0xf900, 0xfaff },
        { 0xfe30, 0xfe4f }, { 0xff65, 0xffdc },   { 0x17000, 0x18aff }, { 0x1b000, 0x1b12f }, { 0x1b170, 0x1b2ff },
        { 0x20000, 0x2ffff },
    };

    return IS_IN(c, blocks);
}

/* The first character of s, and its length; a byte that is no UTF-8 is U+FFFD. */
static uint32_t decode(const char *s, size_t len, size_t *used)
{
    uint32_t c;

    *used = utf8_char_len(s, len);
    if (*used == 0) {
        *used = 1;
        return 0xfffd;
    }
    c = (unsigned char)s[0] & (*used == 1 ? 0x7fu : 0xffu >> (*used + 1));
    for (size_t i = 1; i < *used; i++)
        c = c << 6 | ((unsigned char)s[i] & 0x3fu);
    return c;
}

/* --- text to words ------------------------------------------------------------------------------------------------ */

struct wide {
    uint32_t *c;
    size_t n, cap;
    bool failed;
};

static void add(struct wide *w, uint32_t c)
{
    if (w->n == w->cap && !w->failed) {
        size_t cap = w->cap ? 2 * w->cap : 256;
        uint32_t *grown = realloc(w->c, cap * sizeof *grown);

        w->failed = !grown;
        if (grown) {
            w->c = grown;
            w->cap = cap;
        }
    }
    if (!w->failed)
        w->c[w->n++] = c;
}

static void add_text(struct wide *w, const char *s)
{
    while (*s)
        add(w, (unsigned char)*s++);
}

/* White space becomes one space, other control characters go, and the ends are bare. */
static void clean(const char *text, size_t len, struct wide *out)
{
    bool white = true;
    size_t used;

    for (size_t i = 0; i < len; i += used) {
        uint32_t c = decode(text + i, len - i, &used);

        if (!is_white(c) && c < 32)
            continue;
        if (!is_white(c))
            add(out, c);
        else if (!white)
            add(out, ' ');
        white = is_white(c);
    }
    if (out->n && out->c[out->n - 1] == ' ')
        out->n--;
}

static void pad_symbols(const struct wide *in, struct wide *out)
{
    for (size_t i = 0; i < in->n; i++) {
        uint32_t c = in->c[i];
        bool symbol = !is_white(c) && !(c < 0x80 && c && strchr(".'`,-", (int)c)) && !is_alnum(c);

        if (symbol)
            add(out, ' ');
        add(out, c);
        if (symbol)
            add(out, ' ');
    }
}

static void split_hyphens(const struct wide *in, struct wide *out)
{
    for (size_t i = 0; i < in->n; i++)
        if (in->c[i] == '-' && i > 0 && i + 1 < in->n && is_alnum(in->c[i - 1]) && is_alnum(in->c[i + 1]))
            add_text(out, " @-@ ");
        else
            add(out, in->c[i]);
}

/* Several full stops in a row hide behind a word, which restore_dots() takes back, in the user's text as well. */
static void hide_dots(const struct wide *in, struct wide *out)
{
    for (size_t i = 0, end; i < in->n; i = end) {
        for (end = i; end < in->n && in->c[end] == '.'; end++)
            ;
        if (end - i < 2) {
            add(out, in->c[i]);
            end = i + 1;
            continue;
        }
        add(out, ' ');
        for (size_t j = i; j < end; j++)
            add_text(out, "DOT");
        add_text(out, end < in->n ? "MULTI " : "MULTI");
    }
}

static bool is_at(const struct wide *w, size_t at, const char *word)
{
    for (; *word; word++, at++)
        if (at >= w->n || w->c[at] != (unsigned char)*word)
            return false;
    return true;
}

static void restore_dots(const struct wide *in, struct wide *out)
{
    for (size_t i = 0; i < in->n;) {
        size_t n = 0;

        while (is_at(in, i + 3 * n, "DOT"))
            n++;
        if (n && is_at(in, i + 3 * n, "MULTI")) {
            for (size_t j = 0; j < n; j++)
                add(out, '.');
            i += 3 * n + 5;
            continue;
        }
        for (size_t j = 0; j < (n ? 3 * n : 1); j++)
            add(out, in->c[i + j]);
        i += n ? 3 * n : 1;
    }
}

/* A comma is split off unless it stands between digits.  The first pass looks at what is before it. */
static void split_commas_behind(const struct wide *in, struct wide *out)
{
    for (size_t i = 0; i < in->n; i++) {
        add(out, in->c[i]);
        if (i + 1 < in->n && in->c[i + 1] == ',' && !is_number(in->c[i])) {
            add_text(out, " , ");
            i++;
        }
    }
}

static void split_commas_before(const struct wide *in, struct wide *out)
{
    for (size_t i = 0; i < in->n; i++) {
        if (in->c[i] == ',' && i + 1 < in->n && !is_number(in->c[i + 1])) {
            add_text(out, " , ");
            add(out, in->c[++i]);
        } else if (in->c[i] == ',' && i + 1 == in->n && i > 0 && is_number(in->c[i - 1])) {
            add_text(out, " , ");
        } else {
            add(out, in->c[i]);
        }
    }
}

enum apostrophe { BETWEEN_OTHERS, AFTER_OTHER, AFTER_LETTER, BETWEEN_LETTERS, AFTER_NUMBER, N_APOSTROPHES };

static bool is_apostrophe(enum apostrophe rule, uint32_t before, uint32_t behind)
{
    switch (rule) {
    case BETWEEN_OTHERS:
        return !is_alpha(before) && !is_alpha(behind);
    case AFTER_OTHER:
        return !is_alpha(before) && !is_number(before) && is_alpha(behind);
    case AFTER_LETTER:
        return is_alpha(before) && !is_alpha(behind);
    case BETWEEN_LETTERS:
        return is_alpha(before) && is_alpha(behind);
    default:
        return is_number(before) && behind == 's';
    }
}

static void split_apostrophes(const struct wide *in, struct wide *out, enum apostrophe rule)
{
    for (size_t i = 0; i < in->n; i++) {
        add(out, in->c[i]);
        if (i + 2 >= in->n || in->c[i + 1] != '\'' || !is_apostrophe(rule, in->c[i], in->c[i + 2]))
            continue;
        add_text(out, rule < BETWEEN_LETTERS ? " ' " : " '");
        add(out, in->c[i + 2]);
        i += 2;
    }
}

/* Words that a full stop belongs to, and those that it belongs to before a number. */
static const char abbreviations[] =
    " A B C D E F G H I J K L M N O P Q R S T U V W X Y Z Adj Adm Adv Asst Bart Bldg Brig Bros Capt Cmdr Col"
    " Comdr Con Corp Cpl DR Dr Drs Ens Gen Gov Hon Hr Hosp Insp Lt MM MR MRS MS Maj Messrs Mlle Mme Mr Mrs Ms"
    " Msgr Op Ord Pfc Ph Prof Pvt Rep Reps Res Rev Rt Sen Sens Sfc Sgt Sr St Supt Surg v vs i.e rev e.g Rs Nos Nr"
    " Jan Feb Mar Apr Jun Jul Aug Sep Oct Nov Dec ";
static const char numeric[] = " No Art pp ";

static bool is_listed(const char *list, const uint32_t *word, size_t len)
{
    char padded[16];

    if (len + 3 > sizeof padded)
        return false;
    padded[0] = ' ';
    for (size_t i = 0; i < len; i++) {
        if (word[i] < 33 || word[i] > 126)
            return false;
        padded[i + 1] = (char)word[i];
    }
    padded[len + 1] = ' ';
    padded[len + 2] = 0;
    return strstr(list, padded) != NULL;
}

/* Does the full stop at the end of word belong to it?  next: the word behind, of length 0 for the last one. */
static bool keeps_stop(const uint32_t *word, size_t len, const uint32_t *next, size_t next_len)
{
    bool dot = false, letter = false;

    for (size_t i = 0; i + 1 < len; i++) {
        dot = dot || word[i] == '.';
        letter = letter || is_alpha(word[i]);
    }
    if ((dot && letter) || is_listed(abbreviations, word, len - 1) || (next_len && IS_IN(*next, moses_lower)))
        return true;
    return is_listed(numeric, word, len - 1) && next_len && *next >= '0' && *next <= '9';
}

static size_t next_word(const struct wide *in, size_t at, size_t *end)
{
    while (at < in->n && is_white(in->c[at]))
        at++;
    for (*end = at; *end < in->n && !is_white(in->c[*end]); ++*end)
        ;
    return at;
}

/* Words with one space between, and full stops split off. */
static void split_stops(const struct wide *in, struct wide *out)
{
    size_t end, at = next_word(in, 0, &end);

    while (at < end) {
        size_t next_end, next = next_word(in, end, &next_end);
        bool stop = end - at > 1 && in->c[end - 1] == '.' &&
                    !keeps_stop(&in->c[at], end - at, &in->c[next], next_end - next);

        for (size_t i = at; i < end - stop; i++)
            add(out, in->c[i]);
        if (stop)
            add_text(out, " .");
        if (next < next_end)
            add(out, ' ');
        at = next;
        end = next_end;
    }
}

static void split_last_quote(struct wide *w)
{
    if (w->n < 2 || w->c[w->n - 1] != '\'' || w->c[w->n - 2] != '.')
        return;
    w->n -= 2;
    add_text(w, " . '");
}

static void write_words(const struct wide *in, struct buf *out)
{
    static const struct {
        char c;
        const char *entity;
    } entities[] = {
        { '&', "&amp;" },   { '|', "&#124;" },  { '<', "&lt;" },  { '>', "&gt;" },
        { '\'', "&apos;" }, { '"', "&quot;" }, { '[', "&#91;" }, { ']', "&#93;" },
    };
    bool white = true;

    for (size_t i = 0; i < in->n; i++) {
        uint32_t c = in->c[i];
        const char *entity = NULL;
        char bytes[4];

        for (size_t j = 0; j < COUNT(entities); j++)
            if (c == (unsigned char)entities[j].c)
                entity = entities[j].entity;
        if (entity)
            buf_adds(out, entity);
        else if (c != ' ' || (!white && i + 1 < in->n))
            buf_add(out, bytes, utf8_encode(c, bytes));
        white = c == ' ';
    }
}

typedef void pass_fn(const struct wide *in, struct wide *out);

/* What pass makes of w, in its place; spare is for its next one. */
static void apply(pass_fn *pass, struct wide *w, struct wide *spare)
{
    struct wide from = *w;

    spare->n = 0;
    pass(&from, spare);
    *w = *spare;
    *spare = from;
}

bool moses_tokenize(const char *text, size_t len, struct buf *out)
{
    static pass_fn *const passes[] = { pad_symbols, split_hyphens, hide_dots, split_commas_behind,
                                       split_commas_before };
    struct wide w = { 0 }, spare = { 0 };
    bool good;

    clean(text, len, &w);
    for (size_t i = 0; i < COUNT(passes); i++)
        apply(passes[i], &w, &spare);
    for (int rule = 0; rule < N_APOSTROPHES; rule++) {
        struct wide from = w;

        spare.n = 0;
        split_apostrophes(&from, &spare, (enum apostrophe)rule);
        w = spare;
        spare = from;
    }
    apply(split_stops, &w, &spare);
    split_last_quote(&w);
    apply(restore_dots, &w, &spare);
    good = !w.failed && !spare.failed;
    if (good)
        write_words(&w, out);
    free(w.c);
    free(spare.c);
    return good && !out->failed;
}

/* --- and back ----------------------------------------------------------------------------------------------------- */

struct word {
    const char *s;
    size_t len;
};

/* Text in which words are joined at @-@ and entities are characters again. */
static void unescape(const char *words, size_t len, struct buf *out)
{
    static const struct {
        const char *entity;
        char c;
    } entities[] = {
        { "&bar;", '|' },  { "&#124;", '|' }, { "&lt;", '<' },   { "&gt;", '>' },  { "&bra;", '[' }, { "&ket;", ']' },
        { "&quot;", '"' }, { "&apos;", '\'' }, { "&#91;", '[' }, { "&#93;", ']' }, { "&amp;", '&' },
    };
    bool space = true; /* the text has one in front and behind, so that @-@ joins there, too */

    for (size_t i = 0; i < len;) {
        size_t entity = COUNT(entities);

        if (space && len - i >= 3 && memcmp(words + i, "@-@", 3) == 0 && (i + 3 == len || words[i + 3] == ' ')) {
            if (i > 0)
                out->data[--out->len] = 0;
            buf_addc(out, '-');
            i += 3 + (i + 3 < len);
            space = false;
            continue;
        }
        for (size_t j = 0; words[i] == '&' && j < COUNT(entities); j++) {
            size_t n = strlen(entities[j].entity);

            if (len - i >= n && memcmp(words + i, entities[j].entity, n) == 0)
                entity = j;
        }
        space = words[i] == ' ';
        buf_addc(out, entity < COUNT(entities) ? entities[entity].c : words[i]);
        i += entity < COUNT(entities) ? strlen(entities[entity].entity) : 1;
    }
}

/* All characters of the word are in the class. */
static bool is_all(struct word w, bool (*is)(uint32_t))
{
    size_t used;

    for (size_t i = 0; i < w.len; i += used)
        if (!is(decode(w.s + i, w.len - i, &used)))
            return false;
    return true;
}

static bool is_opening(uint32_t c)
{
    return c == '(' || c == '[' || c == '{' || c == 0xbf || c == 0xa1 || IS_IN(c, moses_currency);
}

static bool is_closing(uint32_t c)
{
    return c < 0x80 && c && strchr(",.?!:;\\%}])", (int)c);
}

static bool is_quote(uint32_t c)
{
    return c == '\'' || c == '"' || c == '`' || c == 0x201e || c == 0x201c;
}

static bool is_double_quote(uint32_t c)
{
    return c == 0x201e || c == 0x201c;
}

static uint32_t first_of(struct word w)
{
    size_t used;

    return decode(w.s, w.len, &used);
}

static uint32_t last_of(struct word w)
{
    size_t start = w.len - 1, used;

    while (start > 0 && w.len - start < 4 && ((unsigned char)w.s[start] & 0xc0) == 0x80)
        start--;
    return decode(w.s + start, w.len - start, &used);
}

/* Which kinds of quotation marks are open: each mark, or marks in a row, is its own kind. */
struct quotes {
    struct word *kinds; /* open addressing, len 0: empty */
    bool *open;
    size_t mask;
};

static bool *find_quote(struct quotes *q, struct word w)
{
    size_t i;

    if (is_all(w, is_double_quote))
        w = (struct word){ "\"", 1 };
    for (i = vocab_hash(w.s, w.len) & q->mask; q->kinds[i].len; i = (i + 1) & q->mask)
        if (q->kinds[i].len == w.len && memcmp(q->kinds[i].s, w.s, w.len) == 0)
            return &q->open[i];
    q->kinds[i] = w;
    return &q->open[i];
}

static bool is_contraction(struct word w)
{
    return w.len > 1 && w.s[0] == '\'' && is_letter(first_of((struct word){ w.s + 1, w.len - 1 }));
}

static void join(const struct word *words, size_t n, struct quotes *quotes, struct buf *out)
{
    bool space = false; /* the text begins without one */

    for (size_t i = 0; i < n; i++) {
        struct word w = words[i];
        bool left = false, right = true; /* no space in front; one behind */

        if (is_cjk(first_of(w))) {
            left = i > 0 && is_cjk(last_of(words[i - 1]));
        } else if (is_all(w, is_opening)) {
            right = false;
        } else if (is_all(w, is_closing) || (i > 0 && is_contraction(w))) {
            left = true;
        } else if (is_all(w, is_quote)) {
            bool *open = find_quote(quotes, w);

            if (!*open && w.len == 1 && *w.s == '\'' && i > 0 && words[i - 1].s[words[i - 1].len - 1] == 's') {
                left = true; /* the Jones' house */
            } else {
                left = *open;
                right = *open;
                *open = !*open;
            }
        }
        if (!left && space)
            buf_addc(out, ' ');
        buf_add(out, w.s, w.len);
        space = right;
    }
}

static size_t split_words(const char *text, size_t len, struct word *words)
{
    size_t n = 0, used;
    bool white = true;

    for (size_t i = 0; i < len; i += used) {
        bool now = is_white(decode(text + i, len - i, &used));

        if (!now && white)
            words[n++] = (struct word){ text + i, 0 };
        if (!now)
            words[n - 1].len += used;
        white = now;
    }
    return n;
}

bool moses_detokenize(const char *text, size_t len, struct buf *out)
{
    struct word *words;
    struct quotes quotes = { .mask = 15 };
    struct buf plain;
    size_t n;
    bool good;

    buf_init(&plain, len + 1);
    unescape(text, len, &plain);
    words = malloc((plain.len / 2 + 1) * sizeof *words);
    n = words && !plain.failed ? split_words(plain.data, plain.len, words) : 0;
    while (quotes.mask < 2 * n)
        quotes.mask = 2 * quotes.mask + 1;
    quotes.kinds = calloc(quotes.mask + 1, sizeof *quotes.kinds);
    quotes.open = calloc(quotes.mask + 1, sizeof *quotes.open);
    good = words && !plain.failed && quotes.kinds && quotes.open;
    if (good)
        join(words, n, &quotes, out);
    free(quotes.kinds);
    free(quotes.open);
    free(words);
    buf_finish(&plain);
    return good && !out->failed;
}
