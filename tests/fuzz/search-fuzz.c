/*
 * search-fuzz - any bytes as a file and as a query: what is found is a line of the file, or a part of one.
 *
 * The input is a format (one byte), the query up to the first NUL, and the file.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/search/store.h"
#include "plugins/search/text.h"

#define MAX_FILE 16384 /* bytes: more of the same finds nothing new */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool go_on(void *arg)
{
    (void)arg;
    return true;
}

static void check(bool good)
{
    if (!good)
        abort();
}

/* Line number `line` of text. */
static void find_line(const char *text, size_t len, int64_t line, const char **out, size_t *out_len)
{
    const char *end;

    while (--line > 0) {
        end = memchr(text, '\n', len);
        check(end != NULL);
        len -= (size_t)(end + 1 - text);
        text = end + 1;
    }
    end = memchr(text, '\n', len);
    *out = text;
    *out_len = end ? (size_t)(end - text) : len;
}

static void check_hit(const struct store_hit *h, const char *text, size_t len)
{
    const char *line, *shown = h->text;
    size_t line_len, n = strlen(shown), cut = strlen(TEXT_ELLIPSIS);

    check(strcmp(h->path, "root/name.md") == 0 && h->line >= 1);
    check(text_is_valid(shown, n) && text_count(shown, n) <= SNIPPET_CHARS && !memchr(shown, '\n', n));
    find_line(text, len, h->line, &line, &line_len);
    if (memmem(line, line_len, shown, n))
        return;
    if (n >= cut && memcmp(shown, TEXT_ELLIPSIS, cut) == 0) {
        shown += cut;
        n -= cut;
    }
    if (n >= cut && !memmem(line, line_len, shown, n) && memcmp(shown + n - cut, TEXT_ELLIPSIS, cut) == 0)
        n -= cut;
    check(memmem(line, line_len, shown, n) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[3 * MAX_FILE], query[3 * MAX_FILE];
    static struct store *s; /* making one takes twenty times as long as the rest */
    struct store_hits hits;
    const uint8_t *nul = size > 1 ? memchr(data + 1, '\0', size - 1) : NULL;
    size_t query_len, len, n;

    if (nul == NULL || size > MAX_FILE)
        return 0;
    query_len = text_repair((const char *)data + 1, (size_t)(nul - data) - 1, query);
    len = text_repair((const char *)nul + 1, size - (size_t)(nul - data) - 1, text);
    if (s == NULL)
        s = store_create(go_on, NULL);
    check(s != NULL);
    check(store_begin(s) == STORE_OK);
    check(store_put(s, "root/name.md", "1", text, len, (enum passage_format)(data[0] % 4)) == STORE_OK);
    check(store_end(s, true) == STORE_OK);
    check(store_count_words(s, query, query_len, &n) == STORE_OK);
    check(store_find(s, query, query_len, STORE_MAX_HITS, &hits) == STORE_OK);
    check(n > 0 || hits.n == 0);
    for (size_t i = 0; i < hits.n; i++)
        check_hit(&hits.hit[i], text, len);
    store_hits_finish(&hits);
    check(store_begin(s) == STORE_OK && store_end(s, true) == STORE_OK && store_n_files(s) == 0);
    return 0;
}
