/*
 * retrieval_eval-t - how good what the index finds is: recall@1, 5 and 10, and NDCG@5 and 10, over the labelled queries of
 * tests/tools/retrieval/ (README there).  `make retrieval-eval` prints the figures; docs/tools.md has them.
 *
 * Constants were chosen with the queries of the split "dev" alone.  Those of "test" are what is reported; they must not fall
 * below what was measured.  Not here: a model that writes its own queries.
 *
 * recall@k: the part of a query's tools that is among the first k.  NDCG@k: a tool that is right counts 1 / log2(1 + rank), and
 * the sum is divided by the largest there could be.  Both are means over the queries.
 */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tap.h"
#include "tools/retrieval.h"
#include "tools/words.h"
#include "util/buf.h"
#include "util/file.h"

#define K               10
#define FLOOR_RECALL_5  0.50 /* a little below what was measured */
#define FLOOR_RECALL_10 0.58

struct figures {
    size_t n;
    double recall_1, recall_5, recall_10, ndcg_5, ndcg_10;
};

static struct retrieval *r;
static struct registry *registry;
static long n_services;

static bool read_lines(const char *name, bool (*take)(const struct json *))
{
    const char *dir = getenv("CORAX_SRCDIR");
    struct buf text;
    char path[600];
    bool good;

    snprintf(path, sizeof path, "%.500s/tests/tools/retrieval/%s", dir ? dir : ".", name);
    buf_init(&text, 4 << 20);
    good = file_read(path, &text, NULL) == 0;
    for (char *line = text.data; good && *line;) {
        const size_t len = strcspn(line, "\n");
        struct json *j = json_parse(line, len, NULL);

        good = j && take(j);
        json_free(j);
        line += len + (line[len] == '\n');
    }
    buf_finish(&text);
    return good;
}

/* Each line is a tools/list of one tool of its provider. */
static bool take_tool(const struct json *j)
{
    static char last[65];
    struct buf text;
    struct jsonw w;
    struct json *list;
    bool good;

    n_services += strcmp(last, json_get_text(j, "provider", "")) != 0;
    snprintf(last, sizeof last, "%s", json_get_text(j, "provider", ""));
    buf_init(&text, 1 << 20);
    w = jsonw_start(&text);
    jsonw_object(&w, NULL);
    jsonw_array(&w, "tools");
    jsonw_value(&w, NULL, j);
    jsonw_end(&w);
    jsonw_end(&w);
    list = json_parse(text.data, text.len, NULL);
    good = list && registry_add_list(registry, last, false, list, NULL) == 1;
    json_free(list);
    buf_finish(&text);
    return good;
}

static struct figures dev, test;

static bool is_wanted(const struct json *tools, const char *name)
{
    for (const struct json *t = json_first(tools); t; t = json_next(t))
        if (strcmp(json_text(t), name) == 0)
            return true;
    return false;
}

static double best_gain(size_t n, size_t k)
{
    double sum = 0;

    for (size_t i = 0; i < n && i < k; i++)
        sum += 1 / log2((double)i + 2);
    return sum;
}

static bool take_query(const struct json *j)
{
    struct figures *f = strcmp(json_get_text(j, "split", ""), "test") == 0 ? &test : &dev;
    const struct json *tools = json_get(j, "tools");
    const char *text = json_get_text(j, "query", "");
    const struct retrieval_query q = { .text = text, .len = strlen(text), .k = K };
    const size_t wanted = json_count(tools);
    struct retrieval_hit hits[K];
    const int n = retrieval_search(r, &q, hits, NULL);
    double gain_5 = 0, gain_10 = 0, in_1 = 0, in_5 = 0, in_10 = 0;

    for (const struct json *t = json_first(tools); t; t = json_next(t))
        if (!registry_find(registry, json_text(t)))
            return false;
    for (int i = 0; i < n; i++) {
        if (!is_wanted(tools, hits[i].name))
            continue;
        in_1 += i < 1;
        in_5 += i < 5;
        in_10++;
        gain_5 += i < 5 ? 1 / log2(i + 2) : 0;
        gain_10 += 1 / log2(i + 2);
    }
    if (getenv("RETRIEVAL_MISSES") && f == &dev && in_5 == 0)
        diag("not among five: %s (%s; first is %s)", text, json_text(json_first(tools)), n > 0 ? hits[0].name : "none");
    f->n++;
    f->recall_1 += in_1 / (double)wanted;
    f->recall_5 += in_5 / (double)wanted;
    f->recall_10 += in_10 / (double)wanted;
    f->ndcg_5 += gain_5 / best_gain(wanted, 5);
    f->ndcg_10 += gain_10 / best_gain(wanted, 10);
    return wanted > 0 && n >= 0;
}

static void tell(const char *split, const struct figures *f)
{
    const double n = (double)f->n;

    diag("%-4s %3zu queries: recall@1 %.3f, @5 %.3f, @10 %.3f; NDCG@5 %.3f, @10 %.3f", split, f->n, f->recall_1 / n, f->recall_5 / n,
         f->recall_10 / n, f->ndcg_5 / n, f->ndcg_10 / n);
}

int main(void)
{
    plan_later();
    if (!words_are_stemmed())
        skip_all("built without libstemmer, and so with other figures");
    registry = registry_create();
    r = retrieval_create();
    ok(read_lines("tools.jsonl", take_tool) && retrieval_sync(r, registry, NULL) == 0, "the tools are read");
    ok(retrieval_count(r) >= 300 && n_services >= 30, "%zu tools of %ld services", retrieval_count(r), n_services);
    ok(read_lines("queries.jsonl", take_query), "the queries are read, and each tool that they want is there");
    ok(dev.n + test.n >= 200, "%zu queries", dev.n + test.n);
    tell("dev", &dev);
    tell("test", &test);
    ok(test.recall_5 / (double)test.n >= FLOOR_RECALL_5, "recall@5 of the test queries is not below %.2f", FLOOR_RECALL_5);
    ok(test.recall_10 / (double)test.n >= FLOOR_RECALL_10, "recall@10 is not below %.2f", FLOOR_RECALL_10);
    retrieval_destroy(r);
    registry_destroy(registry);
    done();
    return tap_status();
}
