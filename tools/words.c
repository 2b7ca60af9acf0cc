#include "tools/words.h"

#include <stdlib.h>
#include <string.h>

#ifdef HAVE_LIBSTEMMER
#include <libstemmer.h>
#endif

#include "util/utf8.h"

#define MAX_PARTS 32 /* of a joined name; the rest of it stays in one */

struct words {
#ifdef HAVE_LIBSTEMMER
    struct sb_stemmer *stemmer;
#else
    char unused;
#endif
};

/*
 * English words of a sentence about a tool that do not tell one tool from another: articles, pronouns, prepositions,
 * auxiliaries, and how people ask.  Sorted, for bsearch.  What a tool may be about stays: up, down, off, not, all.
 */
static const char *const stop_words[] = {
    "about", "am",    "an",    "and",   "any",    "are",   "as",    "at",    "be",    "been",   "being", "but",   "by",    "can",
    "could", "did",   "do",    "does",  "doing",  "each",  "for",   "from",  "had",   "has",    "have",  "having", "he",   "her",
    "here",  "him",   "his",   "how",   "if",     "in",    "into",  "is",    "it",    "its",    "just",  "let",   "me",    "might",
    "must",  "my",    "need",  "of",    "on",     "or",    "our",   "ours",  "please", "shall", "she",   "should", "so",   "some",
    "such",  "than",  "that",  "the",   "their",  "them",  "then",  "there", "these", "they",   "this",  "those", "to",    "us",
    "using", "very",  "want",  "was",   "we",     "were",  "what",  "when",  "where", "which",  "who",   "whose", "why",   "will",
    "with",  "would", "you",   "your",
};

struct words *words_create(void)
{
    struct words *w = calloc(1, sizeof *w);

#ifdef HAVE_LIBSTEMMER
    if (w && (w->stemmer = sb_stemmer_new("english", "UTF_8")) == NULL) {
        free(w);
        return NULL;
    }
#endif
    return w;
}

void words_destroy(struct words *w)
{
    if (w == NULL)
        return;
#ifdef HAVE_LIBSTEMMER
    sb_stemmer_delete(w->stemmer);
#endif
    free(w);
}

bool words_are_stemmed(void)
{
#ifdef HAVE_LIBSTEMMER
    return true;
#else
    return false;
#endif
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int compare_word(const void *key, const void *element)
{
    return strcmp(key, *(const char *const *)element);
}

static bool is_stop_word(const char *word)
{
    return bsearch(word, stop_words, sizeof stop_words / sizeof *stop_words, sizeof *stop_words, compare_word) != NULL;
}

/* One word as it was written. */
static int take_word(struct words *w, const char *word, size_t len, int (*take)(void *, const char *, size_t), void *arg)
{
    char small[WORDS_MAX_LEN + 1];

    if (len < 2 || len > WORDS_MAX_LEN)
        return 0;
    for (size_t i = 0; i < len; i++)
        small[i] = is_upper(word[i]) ? (char)(word[i] - 'A' + 'a') : word[i];
    small[len] = '\0';
    if (is_stop_word(small))
        return 0;
#ifdef HAVE_LIBSTEMMER
    const sb_symbol *stem = sb_stemmer_stem(w->stemmer, (const sb_symbol *)small, (int)len);

    return stem ? take(arg, (const char *)stem, (size_t)sb_stemmer_length(w->stemmer)) : -1;
#else
    return take(arg, small, len);
#endif
}

/* Does a word begin at s[i], inside a run?  In getUser at U, in HTTPServer at S, in EC2Instances at I. */
static bool joins(const char *s, size_t i, size_t len)
{
    return is_upper(s[i]) && (is_lower(s[i - 1]) || ((is_upper(s[i - 1]) || is_digit(s[i - 1])) && i + 1 < len && is_lower(s[i + 1])));
}

static int take_run(struct words *w, const char *run, size_t len, int (*take)(void *, const char *, size_t), void *arg)
{
    size_t from = 0;
    int n_parts = 0, rc = 0;

    for (size_t i = 1; i < len && rc == 0 && n_parts < MAX_PARTS; i++) {
        if (!joins(run, i, len))
            continue;
        rc = take_word(w, run + from, i - from, take, arg);
        from = i;
        n_parts++;
    }
    if (rc == 0)
        rc = take_word(w, run + from, len - from, take, arg);
    if (rc == 0 && n_parts > 0)
        rc = take_word(w, run, len, take, arg);
    return rc;
}

/*
 * The bytes of the letter or digit at s, or 0.  Of what is not ASCII all is a letter but U+0080 to U+00BF, U+2000 to U+2FFF and
 * U+3000 to U+303F, where the quotation marks, dashes, arrows and stops of the world stand.
 */
static size_t letter_len(const char *s, size_t len)
{
    const unsigned char c = (unsigned char)s[0];

    if (c < 0x80)
        return is_lower(s[0]) || is_upper(s[0]) || is_digit(s[0]);
    if (c == 0xc2 || c == 0xe2 || (c == 0xe3 && len > 1 && (unsigned char)s[1] == 0x80))
        return 0;
    return utf8_char_len(s, len);
}

int words_split(struct words *w, const char *text, size_t len, int (*take)(void *arg, const char *term, size_t len), void *arg)
{
    size_t from = 0, at = 0;
    int rc = 0;

    while (at < len && rc == 0) {
        const size_t n = letter_len(text + at, len - at);

        if (n > 0) {
            at += n;
            continue;
        }
        if (at > from)
            rc = take_run(w, text + from, at - from, take, arg);
        from = ++at;
    }
    return rc == 0 && at > from ? take_run(w, text + from, at - from, take, arg) : rc;
}
