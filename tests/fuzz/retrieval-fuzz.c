/*
 * retrieval-fuzz - lines of any bytes as tools and queries: a line that begins with ? is a query, one with - removes a provider, any
 * other is a tool, name, provider, summary and schema being cut at tabs.  What is found must be there, in order; what is found
 * besides what a task has must be none of that.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/retrieval.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every other name is one that the task has. */
static bool has(void *arg, const char *name)
{
    return strlen(name) % 2 == 0;
}

static void look(struct retrieval *r, const char *text, size_t len)
{
    struct retrieval_hit hits[20], more[20];
    const struct retrieval_query q = { .text = text, .len = len, .k = 20 };
    const int n = retrieval_search(r, &q, hits, NULL);
    int n_more;

    if (n < 0 || n > 20 || (size_t)n > retrieval_count(r))
        abort();
    for (int i = 0; i < n; i++)
        if (!(hits[i].score > 0) || (i > 0 && hits[i].score > hits[i - 1].score) || hits[i].name == NULL)
            abort();
    n_more = retrieval_search_more(r, &q, has, more, NULL);
    if (n_more < 0 || n_more > 20)
        abort();
    for (int i = 0; i < n_more; i++)
        if (has(NULL, more[i].name) || !(more[i].part >= RETRIEVAL_PART) || more[i].part > 1 || (i > 0 && more[i].score > more[i - 1].score))
            abort();
}

static void add(struct retrieval *r, char *line, uint64_t id)
{
    char *field[4] = { line, (char *)"", (char *)"", (char *)"" };
    struct tool t = { .id = id };

    for (int i = 1; i < 4 && (line = strchr(line, '\t')) != NULL; i++) {
        *line++ = '\0';
        field[i] = line;
    }
    t.name = field[0];
    t.provider = field[1];
    t.summary = field[2];
    t.args_schema = field[3];
    t.args_schema_len = strlen(field[3]);
    if (retrieval_add(r, &t, NULL) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct retrieval *r = retrieval_create();
    char *text = malloc(size + 1), *line = text;
    uint64_t id = 0;

    if (r == NULL || text == NULL)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    while (line) {
        char *end = memchr(line, '\n', size - (size_t)(line - text));
        const size_t len = end ? (size_t)(end - line) : size - (size_t)(line - text);

        line[len] = '\0';
        if (line[0] == '?')
            look(r, line + 1, len - 1);
        else if (line[0] == '-')
            retrieval_remove_provider(r, line + 1);
        else
            add(r, line, ++id);
        line = end ? end + 1 : NULL;
    }
    retrieval_destroy(r);
    free(text);
    return 0;
}
