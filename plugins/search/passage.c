/*
 * passage.c - see passage.h.
 *
 * This is no parser of Markdown, reStructuredText or Org: it looks at one line at a time and knows what begins a heading, a list
 * item, a table row or a block of code.  Where it is wrong a passage begins a line early or late, and nothing is lost.
 */
#include "passage.h"

#include <ctype.h>
#include <string.h>

#include "text.h"

#define MAX_HEADINGS 8  /* levels remembered; Markdown has 6 */
#define CUT_NEAR     64 /* bytes before a cut in a long line in which a space is looked for */

struct heading {
    const char *title, *line_text;
    size_t title_len, line_len;
    int64_t line;
    int level;
};

struct splitter {
    enum passage_format format;
    bool (*take)(void *arg, const struct passage *);
    void *arg;
    struct heading headings[MAX_HEADINGS];
    size_t n_headings;
    bool bare;                     /* nothing stands under the last heading yet */
    char underlines[MAX_HEADINGS]; /* in the order of their first use, which is their level */
    size_t n_underlines;
    char fence;      /* '`' or '~' inside a block of code, else NUL */
    const char *row; /* a table's first row, while in the table */
    size_t row_len;
    int64_t row_line; /* not yet given: it may be the table's head, which is no answer; 0: it has been */
    const char *text; /* the open passage; NULL: none */
    size_t len, n_lines;
    int64_t first_line;
    bool item;
    char above[PASSAGE_MAX_HEADING];
};

bool passage_format_of(const char *name, enum passage_format *out)
{
    static const struct {
        const char *end;
        enum passage_format format;
    } known[] = {
        { ".txt", PASSAGE_TEXT }, { ".md", PASSAGE_MARKDOWN }, { ".markdown", PASSAGE_MARKDOWN },
        { ".rst", PASSAGE_RST },  { ".org", PASSAGE_ORG },
    };
    size_t len = strlen(name);

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t n = strlen(known[i].end);

        if (len > n && strcmp(name + len - n, known[i].end) == 0) {
            *out = known[i].format;
            return true;
        }
    }
    return false;
}

/* --- handing out ------------------------------------------------------------------------------------------------- */

static void append_above(struct splitter *s, size_t *at, const char *text, size_t len)
{
    if (*at + len + 1 > sizeof s->above)
        return;
    memcpy(s->above + *at, text, len);
    s->above[*at + len] = '\n';
    *at += len + 1;
}

static bool has_words(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (isalnum((unsigned char)text[i]) || (unsigned char)text[i] >= 0x80)
            return true;
    return false;
}

static bool give(struct splitter *s, struct passage *p, size_t n_headings)
{
    size_t at = 0;

    if (!has_words(p->text, p->len))
        return true;
    for (size_t i = 0; i < n_headings; i++)
        append_above(s, &at, s->headings[i].title, s->headings[i].title_len);
    if (s->row && s->row != p->text)
        append_above(s, &at, s->row, s->row_len);
    p->heading = s->above;
    p->heading_len = at;
    s->bare = false;
    return s->take(s->arg, p);
}

static bool close_passage(struct splitter *s)
{
    struct passage p = { .text = s->text, .len = s->len, .line = s->first_line };

    s->text = NULL;
    s->n_lines = 0;
    s->item = false;
    return p.text == NULL || give(s, &p, s->n_headings);
}

/* A heading is no longer the last one: by itself it is given only when nothing, not even a lower heading, is under it. */
static bool leave_heading(struct splitter *s, int next_level)
{
    const struct heading *h;
    struct passage p;

    if (s->n_headings == 0 || !s->bare)
        return true;
    h = &s->headings[s->n_headings - 1];
    if (next_level > h->level)
        return true;
    p = (struct passage){ .text = h->line_text, .len = h->line_len, .line = h->line };
    return give(s, &p, s->n_headings - 1);
}

static bool open_heading(struct splitter *s, struct heading h)
{
    if (!leave_heading(s, h.level))
        return false;
    while (s->n_headings > 0 && (s->headings[s->n_headings - 1].level >= h.level || s->n_headings == MAX_HEADINGS))
        s->n_headings--;
    if (h.line_len > PASSAGE_MAX_BYTES || h.title_len > PASSAGE_MAX_HEADING / 4)
        return true; /* a line that long is no heading; what follows it stands where it would without */
    s->headings[s->n_headings++] = h;
    s->bare = true;
    return true;
}

/* --- what a line is ------------------------------------------------------------------------------------------------ */

struct line {
    const char *text; /* as it is in the file, without its end */
    size_t len;
    const char *inner; /* without outer white space */
    size_t inner_len;
    int64_t number;
};

static bool is_fence(struct splitter *s, const struct line *l)
{
    char c = l->inner_len >= 3 ? l->inner[0] : '\0';

    if (s->format != PASSAGE_MARKDOWN || (c != '`' && c != '~') || l->inner[1] != c || l->inner[2] != c)
        return false;
    if (s->fence != '\0' && s->fence != c)
        return false;
    s->fence = s->fence ? '\0' : c;
    return true;
}

/* "## Title ##" and "** Title". */
static bool is_marked_heading(const struct splitter *s, const struct line *l, struct heading *out)
{
    char mark = s->format == PASSAGE_ORG ? '*' : '#';
    size_t indent = (size_t)(l->inner - l->text), n = 0;
    const char *title;
    size_t title_len;

    if ((s->format != PASSAGE_MARKDOWN && s->format != PASSAGE_ORG) || indent > (mark == '#' ? 3 : 0))
        return false;
    while (n < l->inner_len && l->inner[n] == mark)
        n++;
    if (n == 0 || n > 6 || n >= l->inner_len || !text_is_space(l->inner[n]))
        return false;
    title = l->inner + n;
    title_len = l->inner_len - n;
    while (mark == '#' && title_len > 0 && title[title_len - 1] == '#')
        title_len--;
    text_trim(&title, &title_len);
    *out = (struct heading){ title, l->inner, title_len, l->inner_len, l->number, (int)n };
    return true;
}

/* A line of one punctuation mark, three times or more: it underlines a heading, or divides. */
static bool is_ruler(const struct line *l)
{
    char c = l->inner_len >= 3 ? l->inner[0] : '\0';

    if (c == '\0' || strchr("=-~^\"'`#*+.:_<>", c) == NULL)
        return false;
    for (size_t i = 1; i < l->inner_len; i++)
        if (l->inner[i] != c)
            return false;
    return true;
}

static int underline_level(struct splitter *s, char c)
{
    size_t i = 0;

    if (s->format == PASSAGE_MARKDOWN)
        return c == '=' ? 1 : c == '-' ? 2 : 0;
    if (s->format == PASSAGE_ORG)
        return 0;
    while (i < s->n_underlines && s->underlines[i] != c)
        i++;
    if (i == MAX_HEADINGS)
        return MAX_HEADINGS;
    if (i == s->n_underlines)
        s->underlines[s->n_underlines++] = c;
    return (int)i + 1;
}

/* "- ", "* ", "+ ", "12. ", "12) " */
static bool is_item(const struct line *l)
{
    size_t n = 0;

    if (l->inner_len >= 2 && strchr("-*+", l->inner[0]) && text_is_space(l->inner[1]))
        return true;
    while (n < l->inner_len && n < 9 && l->inner[n] >= '0' && l->inner[n] <= '9')
        n++;
    return n > 0 && n + 1 < l->inner_len && (l->inner[n] == '.' || l->inner[n] == ')') &&
           text_is_space(l->inner[n + 1]);
}

/* --- line by line -------------------------------------------------------------------------------------------------- */

static bool take_ruler(struct splitter *s, const struct line *l)
{
    struct line title = { s->text, s->len, s->text, s->len, s->first_line };
    int level;

    if (s->text == NULL || s->n_lines != 1 || s->item)
        return close_passage(s);
    level = underline_level(s, l->inner[0]);
    if (level == 0)
        return close_passage(s);
    s->text = NULL;
    s->n_lines = 0;
    text_trim(&title.inner, &title.inner_len);
    return open_heading(
        s, (struct heading){ title.inner, title.inner, title.inner_len, title.inner_len, title.number, level });
}

/* Where a line that is too long is cut: behind a space if one is near, else between two characters. */
static size_t cut_at(const char *text)
{
    size_t n = PASSAGE_MAX_BYTES;

    for (size_t i = 0; i < CUT_NEAR; i++)
        if (text_is_space(text[n - i - 1]))
            return n - i;
    while (((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static bool take_long_line(struct splitter *s, const struct line *l)
{
    size_t at = 0;

    if (!close_passage(s))
        return false;
    while (at < l->inner_len) {
        size_t left = l->inner_len - at, n = left > PASSAGE_MAX_BYTES ? cut_at(l->inner + at) : left;
        struct passage p = { .text = l->inner + at,
                             .len = n,
                             .line = l->number,
                             .more_before = at > 0,
                             .more_after = at + n < l->inner_len };

        if (!give(s, &p, s->n_headings))
            return false;
        at += n;
    }
    return true;
}

static bool take_text(struct splitter *s, const struct line *l)
{
    size_t end = s->text ? (size_t)(l->text + l->len - s->text) : 0;

    if (l->inner_len > PASSAGE_MAX_BYTES)
        return take_long_line(s, l);
    if (s->text && (s->n_lines >= PASSAGE_MAX_LINES || end > PASSAGE_MAX_BYTES) && !close_passage(s))
        return false;
    if (s->text == NULL) {
        s->text = l->inner;
        s->first_line = l->number;
    }
    s->len = (size_t)(l->inner + l->inner_len - s->text);
    s->n_lines++;
    return true;
}

/* The first row waits for the second: above a line of dashes it is the head of the table. */
static bool give_first_row(struct splitter *s)
{
    struct passage p = { .text = s->row, .len = s->row_len, .line = s->row_line };

    if (s->row == NULL || s->row_line == 0)
        return true;
    s->row_line = 0;
    return give(s, &p, s->n_headings);
}

static bool take_row(struct splitter *s, const struct line *l)
{
    if (!close_passage(s))
        return false;
    if (s->row == NULL && l->inner_len <= PASSAGE_MAX_BYTES) {
        s->row = l->inner;
        s->row_len = l->inner_len;
        s->row_line = l->number;
        return true;
    }
    if (!has_words(l->inner, l->inner_len))
        s->row_line = 0;
    return give_first_row(s) && take_text(s, l) && close_passage(s);
}

static bool leave_table(struct splitter *s)
{
    bool go_on = give_first_row(s);

    s->row = NULL;
    return go_on;
}

static bool take_line(struct splitter *s, const struct line *l)
{
    struct heading h;

    if (s->row && (l->inner_len == 0 || l->inner[0] != '|') && !leave_table(s))
        return false;
    if (is_fence(s, l) || l->inner_len == 0)
        return close_passage(s);
    if (s->fence)
        return take_text(s, l);
    if (is_marked_heading(s, l, &h))
        return close_passage(s) && open_heading(s, h);
    if (is_ruler(l))
        return take_ruler(s, l);
    if (l->inner[0] == '|')
        return take_row(s, l);
    if (is_item(l)) {
        if (!close_passage(s))
            return false;
        s->item = true;
    }
    return take_text(s, l);
}

bool passage_split(const char *text, size_t len, enum passage_format format,
                   bool (*take)(void *arg, const struct passage *), void *arg)
{
    struct splitter s = { .format = format, .take = take, .arg = arg };
    struct line l = { .number = 1 };
    size_t at = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* a byte order mark */

    for (; at < len; at += l.len + 1, l.number++) {
        const char *end = memchr(text + at, '\n', len - at);

        l.text = l.inner = text + at;
        l.len = l.inner_len = end ? (size_t)(end - l.text) : len - at;
        text_trim(&l.inner, &l.inner_len);
        if (!take_line(&s, &l))
            return false;
    }
    return leave_table(&s) && close_passage(&s) && leave_heading(&s, 0);
}
