/* query.c - see query.h. */
#include "query.h"

#include <string.h>

#include "text.h"

#define PREFIX_MIN 3 /* characters of a word's beginning: fewer begin too many words */
#define WEIGHT_MAX 8 /* a long word says more than "of"; past this length it says no more */

/* Words of English questions that say nothing about what is asked; they count only where there is no other word. */
static const char *const empty_words[] = {
    "a",    "an",   "and",  "are",   "as",    "at",   "be",    "by",   "can",  "do",  "does",
    "for",  "from", "has",  "have",  "how",   "i",    "in",    "is",   "it",   "me",  "my",
    "of",   "on",   "or",   "our",   "the",   "that", "there", "this", "to",   "was", "we",
    "were", "what", "when", "where", "which", "who",  "why",   "will", "with", "you", "your",
};

struct reader {
    struct query *query;
    const char *text;
    size_t last_end; /* where the word before ended */
    bool skip_empty;
    sqlite3_str *forms[QUERY_FORMS];
};

static void add_phrase(struct reader *r, int form, const char *joint, const char *word, size_t len, const char *suffix)
{
    struct query_form *f = &r->query->form[form];
    size_t chars = text_count(word, len);

    sqlite3_str_appendf(r->forms[form], "%s\"%.*s\"%s", f->n_phrases > 0 ? joint : "", (int)len, word, suffix);
    f->weight[f->n_phrases++] = (unsigned)(chars < WEIGHT_MAX ? chars : WEIGHT_MAX);
}

/* Is there no white space between this word and the one before? */
static bool is_joined(const struct reader *r, size_t start)
{
    if (r->query->n_words == 0)
        return false;
    for (size_t i = r->last_end; i < start; i++)
        if (text_is_space(r->text[i]))
            return false;
    return true;
}

static bool is_empty(const char *word, size_t len)
{
    for (size_t i = 0; i < sizeof empty_words / sizeof *empty_words; i++)
        if (strlen(empty_words[i]) == len && memcmp(empty_words[i], word, len) == 0)
            return true;
    return false;
}

/* Called by the tokenizer.  The word is folded: letters and digits only, so no quote can be in it. */
static int take_word(void *arg, int flags, const char *word, int len, int start, int end)
{
    struct reader *r = arg;
    bool joined = is_joined(r, (size_t)start);

    if (flags & FTS5_TOKEN_COLOCATED)
        return SQLITE_OK;
    r->last_end = (size_t)end;
    if (r->query->n_words++ >= STORE_MAX_WORDS || (!joined && r->skip_empty && is_empty(word, (size_t)len)))
        return SQLITE_OK;
    if (joined && r->query->form[QUERY_ALL].n_phrases > 0) { /* FTS5 reads "a" + "b" as one phrase */
        sqlite3_str_appendf(r->forms[QUERY_ALL], " + \"%.*s\"", len, word);
        r->query->form[QUERY_ALL].weight[r->query->form[QUERY_ALL].n_phrases - 1] = WEIGHT_MAX;
    } else {
        add_phrase(r, QUERY_ALL, " AND ", word, (size_t)len, "");
    }
    add_phrase(r, QUERY_ANY, " OR ", word, (size_t)len, "");
    if (text_count(word, (size_t)len) >= PREFIX_MIN)
        add_phrase(r, QUERY_PREFIX, " OR ", word, (size_t)len, " *");
    return SQLITE_OK;
}

static int read_words(struct query *q, bool skip_empty, const fts5_tokenizer *tokenizer, Fts5Tokenizer *instance,
                      const char *text, size_t len)
{
    struct reader r = { .query = q, .text = text, .skip_empty = skip_empty };
    int rc;

    memset(q, 0, sizeof *q);
    for (int i = 0; i < QUERY_FORMS; i++)
        r.forms[i] = sqlite3_str_new(NULL);
    rc = tokenizer->xTokenize(instance, &r, FTS5_TOKENIZE_QUERY, text, (int)len, take_word);
    for (int i = 0; i < QUERY_FORMS; i++) {
        if (rc == SQLITE_OK)
            rc = sqlite3_str_errcode(r.forms[i]);
        q->form[i].expression = sqlite3_str_finish(r.forms[i]);
    }
    return rc;
}

int query_read(struct query *q, const fts5_tokenizer *tokenizer, Fts5Tokenizer *instance, const char *text, size_t len)
{
    int rc = read_words(q, true, tokenizer, instance, text, len);

    if (rc != SQLITE_OK || q->n_words == 0 || q->form[QUERY_ANY].n_phrases > 0)
        return rc;
    query_finish(q);
    return read_words(q, false, tokenizer, instance, text, len);
}

void query_finish(struct query *q)
{
    for (int i = 0; i < QUERY_FORMS; i++) {
        sqlite3_free(q->form[i].expression);
        q->form[i].expression = NULL;
    }
}
