/*
 * retrieval - what it costs to index 16,464 tools and to look for some of them: tests/bench/retrieval [SEED]
 *
 * The tools are made up, as many of as many providers as ToolLLM took from RapidAPI (3,451 and 16,464; Qin et al., arXiv:2307.16789), and
 * look like those: a verb and an object in the name, a sentence or two, up to six parameters.  Words are drawn so that a few come often
 * and most seldom.  Queries are 3 to 25 words of the same kind, as of a model's find_tools and of a person's task; texts of a step, at
 * which it is looked for what a task gains by, are 50 to 400.
 *
 * Times are the processor's: nothing here waits, and on a busy machine the others' turns would be all that the last percent shows.
 *
 * Not measured: the registry, which compiles the schemas of the tools when they come, and vectors.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/retrieval.h"

#define N_TOOLS     16464
#define N_PROVIDERS 3451
#define N_QUERIES   4000
#define N_WORDS     6000

static uint32_t state;

static int64_t processor_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint32_t chance(uint32_t n)
{
    state = state * 1664525U + 1013904223U;
    return (state >> 8) % n;
}

/* Common words of interfaces, then ones that are made of syllables. */
static const char *word(void)
{
    static const char *const common[] = { "data", "user", "search", "list", "api", "returns", "information", "id", "name", "city", "country", "date",
                                          "price", "weather", "news", "video", "image", "text", "stock", "game", "team", "player", "music", "movie",
                                          "email", "phone", "address", "product", "order", "currency", "language", "location", "category", "event",
                                          "match", "season", "league", "company", "market", "random", "number", "detail", "status", "report", "file" };
    static const char *const syllables[] = { "ba", "co", "di", "fe", "gu", "ha", "ki", "lo", "ma", "ne", "po", "qui", "ra", "se", "ti", "vo", "xa", "zen" };
    static char made[32];
    const uint32_t n = sizeof common / sizeof *common;
    uint32_t i = chance(N_WORDS);

    if (chance(2))
        return common[chance(1 + chance(n))];
    made[0] = '\0';
    for (i = chance(1 + chance(i + 1)) + 20; i > 0; i /= 18)
        strcat(made, syllables[i % 18]);
    return made;
}

static void sentence(char *out, size_t size, uint32_t n)
{
    size_t len = 0;

    out[0] = '\0';
    for (uint32_t i = 0; i < n && len + 40 < size; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%s", i ? (chance(4) ? " " : " the ") : "", word());
}

struct made {
    char name[80], provider[40], summary[700], schema[2400];
};

static void make(struct made *m, size_t i)
{
    static const char *const verbs[] = { "get", "list", "search", "create", "update", "delete", "find", "fetch", "convert", "check" };
    char first[32], text[300];
    size_t len;

    snprintf(first, sizeof first, "%s", word());
    snprintf(m->name, sizeof m->name, "%s_%s_%s_%zu", verbs[chance(10)], first, word(), i);
    snprintf(m->provider, sizeof m->provider, "provider%zu", i * N_PROVIDERS / N_TOOLS);
    sentence(m->summary, sizeof m->summary, 4 + chance(chance(2) ? 12 : 60));
    len = (size_t)snprintf(m->schema, sizeof m->schema, "{\"type\":\"object\",\"properties\":{");
    for (uint32_t p = 0, n = chance(7); p < n; p++) {
        sentence(text, sizeof text, chance(14));
        len += (size_t)snprintf(m->schema + len, sizeof m->schema - len, "%s\"%s_%u\":{\"type\":\"string\",\"description\":\"%s\"}", p ? "," : "", word(), p,
                                text);
    }
    snprintf(m->schema + len, sizeof m->schema - len, "}}");
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* 24 of all, as of a task; names end with the tool's number. */
static bool has(void *arg, const char *name)
{
    return strtoul(strrchr(name, '_') + 1, NULL, 10) % (N_TOOLS / 24) == 0;
}

static void tell(const char *what, int64_t *took, size_t n_hits)
{
    qsort(took, N_QUERIES, sizeof *took, compare);
    printf("retrieval: %d %s, %.1f tools each: p50 %.0f us, p99 %.0f us, worst %.0f us\n", N_QUERIES, what, (double)n_hits / N_QUERIES,
           (double)took[N_QUERIES / 2] / 1e3, (double)took[N_QUERIES * 99 / 100] / 1e3, (double)took[N_QUERIES - 1] / 1e3);
}

/* Texts of so many words; more: what a task gains by, as before each of its asks.  false: no memory. */
static bool look(struct retrieval *r, const char *what, uint32_t least, uint32_t most, bool more)
{
    static int64_t took[N_QUERIES];
    static char text[4001];
    struct retrieval_hit hits[10];
    size_t n_hits = 0;

    for (size_t i = 0; i < N_QUERIES; i++) {
        struct retrieval_query q = { .text = text, .k = more ? 3 : 10 };
        int64_t began;
        int n;

        sentence(text, sizeof text, least + chance(most - least + 1));
        q.len = strlen(text);
        began = processor_ns();
        n = more ? retrieval_search_more(r, &q, has, hits, NULL) : retrieval_search(r, &q, hits, NULL);
        took[i] = processor_ns() - began;
        if (n < 0)
            return false;
        n_hits += (size_t)n;
    }
    tell(what, took, n_hits);
    return true;
}

int main(int argc, char **argv)
{
    struct made *all = calloc(N_TOOLS, sizeof *all);
    struct retrieval *r = retrieval_create();
    size_t n_bytes = 0;
    int64_t began, indexed;

    state = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1;
    if (all == NULL || r == NULL)
        return 1;
    for (size_t i = 0; i < N_TOOLS; i++) {
        make(&all[i], i);
        n_bytes += strlen(all[i].name) + strlen(all[i].summary) + strlen(all[i].schema);
    }
    began = processor_ns();
    for (size_t i = 0; i < N_TOOLS; i++) {
        const struct tool t = { .id = i + 1, .name = all[i].name, .provider = all[i].provider, .summary = all[i].summary, .args_schema = all[i].schema,
                                .args_schema_len = strlen(all[i].schema) };

        if (retrieval_add(r, &t, NULL) < 0)
            return 1;
    }
    indexed = processor_ns() - began;
    printf("retrieval: %d tools of %d providers (%.1f MB of text) indexed in %.0f ms, %.1f MB of memory\n", N_TOOLS, N_PROVIDERS, (double)n_bytes / 1e6,
           (double)indexed / 1e6, (double)retrieval_bytes(r) / 1e6);
    if (!look(r, "queries", 3, 25, false) || !look(r, "texts of a step", 50, 400, true))
        return 1;
    retrieval_destroy(r);
    free(all);
    return 0;
}
