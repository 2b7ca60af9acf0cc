/*
 * retrieval_eval-t - how good what the index finds is: recall@1, 5 and 10, and NDCG@5 and 10, over the labelled queries of
 * tests/tools/retrieval/ (README there).  `make retrieval-eval` prints the figures; docs/tools.md has them.
 *
 * Constants were chosen with the queries of the split "dev" alone.  Those of "test" are what is reported; they must not fall
 * below what was measured.  Not here: a model that writes its own queries.
 *
 * With RETRIEVAL_MODEL=FILE.gguf the tools and queries get vectors by that model, through corax-infer serve, and the figures with them are
 * printed, too; RETRIEVAL_QUERY_PREFIX and RETRIEVAL_TEXT_PREFIX are what it was trained to find before them.
 *
 * recall@k: the part of a query's tools that is among the first k.  NDCG@k: a tool that is right counts 1 / log2(1 + rank), and
 * the sum is divided by the largest there could be.  Both are means over the queries.
 *
 * And how well retrieval_search_more serves tasks of several steps: below, at episodes and wishes.
 */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <poll.h>
#include <unistd.h>

#include "tests/tap.h"
#include "tools/retrieval.h"
#include "tools/words.h"
#include "util/arena.h"
#include "util/base64.h"
#include "util/buf.h"
#include "util/child.h"
#include "util/file.h"
#include "util/rpc.h"

#define K               10
#define FLOOR_RECALL_5  0.50 /* a little below what was measured */
#define FLOOR_RECALL_10 0.58
#define FLOOR_WISH      0.90
#define MOST_ADDED      0.45
#define FLOOR_WISHED    0.38

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

/* --- vectors ------------------------------------------------------------------------------------------------------ */

static struct child child;
static struct rpc_reader reader;
static bool has_vectors;

static bool start_model(const char *model)
{
    const char *dir = getenv("CORAX_BUILDDIR");
    char path[600];
    char *argv[] = { (char *)"corax-infer", (char *)"serve", (char *)model, NULL };
    struct err err = { 0 };

    snprintf(path, sizeof path, "%.500s/corax-infer", dir ? dir : ".");
    rpc_reader_init(&reader);
    if (child_spawn(&child, &(struct child_spec){ path, argv, NULL, -1 }, &err) == 0)
        return true;
    diag("%s", err.msg);
    return false;
}

/* The vector of a text, to be freed; NULL: there is none. */
static float *embed(const char *prefix_name, const char *text, size_t *dim)
{
    const char *prefix = getenv(prefix_name), *line;
    struct arena *arena = arena_create(1 << 20);
    float *vector = NULL;
    struct rpc_msg msg;
    struct buf out;
    struct jsonw w;
    size_t len, n;

    buf_init(&out, RPC_MAX_LINE);
    buf_addf(&out, "%s%s", prefix ? prefix : "", text);
    text = arena_strndup(arena, out.data, out.len);
    buf_reset(&out);
    w = rpc_request_start(&out, 1, "embed");
    jsonw_array(&w, "texts");
    jsonw_text(&w, NULL, text);
    rpc_end(&w);
    if (write(child.fd, out.data, out.len) != (ssize_t)out.len)
        diag("the model does not read");
    while (!rpc_reader_next(&reader, &line, &len)) {
        struct pollfd p = { child.fd, POLLIN, 0 };
        char chunk[65536];
        ssize_t got = poll(&p, 1, 60000) > 0 ? read(child.fd, chunk, sizeof chunk) : 0;

        if (got <= 0 || rpc_reader_feed(&reader, chunk, (size_t)got, NULL) < 0)
            goto done;
    }
    if (rpc_parse(line, len, &msg, NULL) == 0) {
        const char *given = json_text(json_first(json_get(msg.result, "vectors"))), *bytes = given ? base64_read(arena, given, &n) : NULL;

        if (bytes && (vector = malloc(n))) {
            memcpy(vector, bytes, n);
            *dim = n / sizeof *vector;
        } else {
            diag("no vector: %s", msg.error_message ? msg.error_message : "");
        }
        rpc_msg_finish(&msg);
    }
done:
    buf_finish(&out);
    arena_destroy(arena);
    return vector;
}

/* As coraxd does it (daemon/tool_vectors.c). */
static bool give_vectors(void)
{
    for (size_t i = 0; i < registry_count(registry); i++) {
        const struct tool *tool = registry_at(registry, i);
        float *vector;
        struct buf text;
        size_t dim;
        bool good;

        buf_init(&text, 1 << 20);
        buf_addf(&text, "%s: %s", tool->name, tool->summary);
        vector = embed("RETRIEVAL_TEXT_PREFIX", text.data, &dim);
        good = vector && retrieval_set_vector(r, tool->id, vector, dim, NULL) == 0;
        free(vector);
        buf_finish(&text);
        if (!good)
            return false;
    }
    return has_vectors = true;
}

/* --- queries ------------------------------------------------------------------------------------------------------ */

static bool take_query(const struct json *j)
{
    struct figures *f = strcmp(json_get_text(j, "split", ""), "test") == 0 ? &test : &dev;
    const struct json *tools = json_get(j, "tools");
    const char *text = json_get_text(j, "query", "");
    size_t dim = 0;
    float *vector = has_vectors ? embed("RETRIEVAL_QUERY_PREFIX", text, &dim) : NULL;
    const struct retrieval_query q = { .text = getenv("RETRIEVAL_NO_WORDS") && vector ? "" : text,
                                       .len = getenv("RETRIEVAL_NO_WORDS") && vector ? 0 : strlen(text),
                                       .vector = vector,
                                       .dim = dim,
                                       .k = K };
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
    free(vector);
    return wanted > 0 && n >= 0;
}

static void tell(const char *split, const struct figures *f)
{
    const double n = (double)f->n;

    diag("%-4s %3zu queries: recall@1 %.3f, @5 %.3f, @10 %.3f; NDCG@5 %.3f, @10 %.3f", split, f->n, f->recall_1 / n, f->recall_5 / n,
         f->recall_10 / n, f->ndcg_5 / n, f->ndcg_10 / n);
}

/* --- steps -------------------------------------------------------------------------------------------------------- */

/*
 * episodes.jsonl: a task's input, and for each step what the model thinks when it calls one of `tools`, and what that gives.  The task is
 * given FIRST tools by its input; before each ask more are looked for, as coraxd does (daemon/task_tools.c):
 *
 *     after a result   the text is the last thought and its result: is the next step's tool there already?
 *     after a wish     it is not, so the model says what it wants in vain: the text is the next step's thought
 *
 * The model then has the tool in any case (it looks for it with find_tools), as it must have had it to go on as written.
 */
#define FIRST      8
#define STEP_K     3
#define MIN_COSINE 0.3 /* coraxd's default */

static bool steps_have_vectors;

struct steps {
    size_t n, by_input, by_result, by_wish; /* steps behind the first; of these the tool was there */
    size_t n_results, n_wishes;             /* asks */
    size_t added, added_by_wish;            /* tools */
};

struct had {
    size_t n;
    const char *names[200];
};

static bool has(void *arg, const char *name)
{
    const struct had *h = arg;

    for (size_t i = 0; i < h->n; i++)
        if (strcmp(h->names[i], name) == 0)
            return true;
    return false;
}

static bool has_any(struct had *h, const struct json *tools, size_t first)
{
    const struct had part = { first < h->n ? first : h->n, { 0 } };
    bool found = false;

    for (const struct json *t = json_first(tools); t; t = json_next(t))
        for (size_t i = 0; i < part.n; i++)
            found |= strcmp(h->names[i], json_text(t)) == 0;
    return found;
}

/* The names are the index's, and stay. */
static size_t look_for_more(struct had *h, const char *a, const char *b, size_t k, bool all)
{
    struct retrieval_hit hits[FIRST];
    struct retrieval_query q = { .k = k, .arg = h, .min_cosine = MIN_COSINE };
    float *vector = NULL;
    struct buf text;
    int n;

    buf_init(&text, 1 << 16);
    buf_addf(&text, "%s\n%s", a, b);
    q.text = text.data;
    q.len = text.len;
    if (all ? has_vectors : steps_have_vectors)
        q.vector = vector = embed("RETRIEVAL_QUERY_PREFIX", text.data, &q.dim);
    n = all ? retrieval_search(r, &q, hits, NULL) : retrieval_search_more(r, &q, has, hits, NULL);
    for (int i = 0; i < n; i++)
        h->names[h->n++] = hits[i].name;
    free(vector);
    buf_finish(&text);
    return n > 0 ? (size_t)n : 0;
}

static struct steps dev_steps, test_steps;

static bool take_episode(const struct json *j)
{
    struct steps *f = strcmp(json_get_text(j, "split", ""), "test") == 0 ? &test_steps : &dev_steps;
    struct had h = { 0 };
    size_t first;

    look_for_more(&h, json_get_text(j, "input", ""), "", FIRST, true);
    first = h.n;
    for (const struct json *s = json_first(json_get(j, "steps")); s; s = json_next(s)) {
        const struct json *tools = json_get(s, "tools");
        const char *thought = json_get_text(s, "thought", "");

        for (const struct json *t = json_first(tools); t; t = json_next(t))
            if (!registry_find(registry, json_text(t)))
                return false;
        if (s != json_first(json_get(j, "steps"))) {
            f->n++;
            f->by_input += has_any(&h, tools, first);
            f->by_result += has_any(&h, tools, h.n);
            if (!has_any(&h, tools, h.n)) {
                f->n_wishes++;
                f->added_by_wish += look_for_more(&h, thought, "", STEP_K, false);
            }
            f->by_wish += has_any(&h, tools, h.n);
        }
        if (!has_any(&h, tools, h.n))
            h.names[h.n++] = registry_find(registry, json_text(json_first(tools)))->name;
        f->n_results++;
        f->added += look_for_more(&h, thought, json_get_text(s, "result", ""), STEP_K, false);
    }
    return f->n_results > 0;
}

static void tell_steps(const char *split, const struct steps *f)
{
    const double n = (double)f->n;

    diag("%-4s %3zu steps: the tool is there by the input %.3f, after a result %.3f, after a wish %.3f; tools added an ask %.2f, %.2f", split, f->n,
         (double)f->by_input / n, (double)f->by_result / n, (double)f->by_wish / n, (double)f->added / (double)f->n_results,
         (double)f->added_by_wish / (double)f->n_wishes);
}

/* --- wishes in other words ---------------------------------------------------------------------------------------- */

/*
 * Thoughts of episodes are in the tools' words.  queries.jsonl is not, so each of it is a wish, too: said by a task that was given its
 * FIRST tools for another query, the next one of the split that leaves it without what it wants.  And none is one where the task
 * has been given what fits: what is added then is too much.
 */
#define MAX_WISHES 400

struct wish {
    bool is_test;
    struct json *j;
};

static struct wish wishes[MAX_WISHES];
static size_t n_wishes;

static bool take_wish(const struct json *j)
{
    struct wish *w = &wishes[n_wishes];
    size_t len;
    const char *text = json_raw(j, &len);

    if (n_wishes == MAX_WISHES || text == NULL || (w->j = json_parse(text, len, NULL)) == NULL)
        return false;
    w->is_test = strcmp(json_get_text(j, "split", ""), "test") == 0;
    n_wishes++;
    return true;
}

static const char *wish_text(size_t i)
{
    return json_get_text(wishes[i].j, "query", "");
}

static void give_for(struct had *h, size_t i)
{
    h->n = 0;
    look_for_more(h, wish_text(i), "", FIRST, true);
}

struct wished {
    size_t n, found, added, too_many;
};

static struct wished measure_wishes(bool is_test)
{
    struct wished f = { 0 };

    for (size_t i = 0; i < n_wishes; i++) {
        const struct json *tools = json_get(wishes[i].j, "tools");
        struct had h = { 0 };

        if (wishes[i].is_test != is_test)
            continue;
        give_for(&h, i);
        if (!has_any(&h, tools, h.n))
            h.names[h.n++] = registry_find(registry, json_text(json_first(tools)))->name;
        f.too_many += look_for_more(&h, wish_text(i), "", STEP_K, false);
        for (size_t next = (i + 1) % n_wishes; next != i; next = (next + 1) % n_wishes) {
            if (wishes[next].is_test != is_test)
                continue;
            give_for(&h, next);
            if (!has_any(&h, tools, h.n))
                break;
        }
        f.n++;
        f.added += look_for_more(&h, wish_text(i), "", STEP_K, false);
        f.found += has_any(&h, tools, h.n);
    }
    return f;
}

static struct wished tell_wishes(bool is_test)
{
    const struct wished f = measure_wishes(is_test);
    const double n = (double)f.n;

    diag("%-4s %3zu wishes in other words: the tool is added %.3f; tools added %.2f, where it is there already %.2f", is_test ? "test" : "dev", f.n,
         (double)f.found / n, (double)f.added / n, (double)f.too_many / n);
    return f;
}

static bool measure_steps(void)
{
    memset(&dev_steps, 0, sizeof dev_steps);
    memset(&test_steps, 0, sizeof test_steps);
    if (!read_lines("episodes.jsonl", take_episode))
        return false;
    tell_steps("dev", &dev_steps);
    tell_steps("test", &test_steps);
    return true;
}

static void measure_with_vectors(void)
{
    memset(&dev, 0, sizeof dev);
    memset(&test, 0, sizeof test);
    if (ok(start_model(getenv("RETRIEVAL_MODEL")) && give_vectors() && read_lines("queries.jsonl", take_query), "with vectors")) {
        diag("with vectors by %s:", getenv("RETRIEVAL_MODEL"));
        tell("dev", &dev);
        tell("test", &test);
        for (int with = 0; with < 2; with++) {
            steps_have_vectors = with;
            diag(with ? "in a step as well:" : "for the input, in a step by words:");
            ok(measure_steps(), "the episodes, %s", with ? "with vectors" : "by words in a step");
            tell_wishes(false);
            tell_wishes(true);
        }
    }
    close(child.fd);
    rpc_reader_finish(&reader);
}

int main(void)
{
    struct wished wished;

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
    ok(measure_steps(), "the episodes are read, and each tool that they want is there");
    ok((double)test_steps.by_wish / (double)test_steps.n >= FLOOR_WISH, "what a step wants is there after it was said, in %.2f of the test episodes", FLOOR_WISH);
    ok((double)test_steps.added / (double)test_steps.n_results <= MOST_ADDED, "after a result at most %.2f tools are added", MOST_ADDED);
    ok(read_lines("queries.jsonl", take_wish), "the queries are wishes");
    tell_wishes(false);
    wished = tell_wishes(true);
    ok((double)wished.found / (double)wished.n >= FLOOR_WISHED, "of those for the test %.2f bring their tool", FLOOR_WISHED);
    if (getenv("RETRIEVAL_MODEL"))
        measure_with_vectors();
    for (size_t i = 0; i < n_wishes; i++)
        json_free(wishes[i].j);
    retrieval_destroy(r);
    registry_destroy(registry);
    done();
    return tap_status();
}
