/*
 * retrieval-t - the index of tools against the formula in tools/retrieval.h, computed plainly over all tools: every score of random
 * corpora, after random adding and removing; order, ties, filters, vectors, what words are, and what the index may grow to.
 *
 * Not here: how good what it finds is (retrieval_eval), memory that runs out (retrieval_oom-t).
 */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tap.h"
#include "tools/retrieval.h"
#include "tools/words.h"
#include "util/buf.h"

#define N_FIELDS 4
#define MAX_ALL  120
#define MAX_TEXT 400
#define DIM      12

static uint32_t chance_state = 1;

static uint32_t chance(uint32_t n)
{
    chance_state = chance_state * 1664525U + 1013904223U;
    return (chance_state >> 8) % n;
}

/* --- words -------------------------------------------------------------------------------------------------------------- */

static struct words *words;

static int join(void *arg, const char *term, size_t len)
{
    buf_add(arg, term, len);
    buf_addc(arg, ' ');
    return 0;
}

static void splits(const char *text, size_t len, const char *want)
{
    struct buf out;

    buf_init(&out, 1 << 16);
    words_split(words, text, len, join, &out);
    is_str(out.data, want, want);
    buf_finish(&out);
}

#define SPLITS(text, want) splits(text, strlen(text), want)

static int refuse(void *arg, const char *term, size_t len)
{
    return ++*(int *)arg == 2 ? 7 : 0;
}

static void test_words(void)
{
    int n = 0;

    SPLITS("get_user-by.id", "get user id ");
    SPLITS("HTTPServer", "http server httpserver ");
    SPLITS("EC2Instances S3Bucket v2", words_are_stemmed() ? "ec2 instanc ec2inst s3 bucket s3bucket v2 " : "ec2 instances ec2instances s3 bucket s3bucket v2 ");
    SPLITS("The user's x", "user ");
    SPLITS("GitHub", "git hub github ");
    SPLITS("M\xc3\xbcnchen \xe2\x80\x9cRom\xe2\x80\x9d", "m\xc3\xbcnchen rom ");
    splits("aa\0bb\xff" "cc", 8, "aa bb cc ");
    SPLITS("", "");
    SPLITS("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee ok", "ok ");
    is_int(words_split(words, "one two three", 13, refuse, &n), 7, "the taker ends it");
    is_int(n, 2, "at once");
    if (words_are_stemmed())
        SPLITS("playing plays played", "play play play ");
    else
        SPLITS("playing", "playing ");
}

/* --- the plain way -------------------------------------------------------------------------------------------------------- */

struct plain {
    struct tool tool;
    bool there;
    char name[MAX_TEXT + 30], summary[MAX_TEXT], provider[24], params[MAX_TEXT + 30], schema[2 * MAX_TEXT];
    float vector[DIM];
    bool has_vector;
};

static struct plain all[MAX_ALL];
static size_t n_all;

static const char *const vocabulary[] = { "weather", "city", "invoice", "mail", "send", "delete", "list", "issue", "repo", "track",
                                          "song", "user", "team", "file", "folder", "share", "payment", "card", "ticket", "flight",
                                          "hotel", "map", "route", "price", "stock", "news", "image", "video", "text", "code" };
#define N_VOCABULARY (sizeof vocabulary / sizeof *vocabulary)

static const double weight[N_FIELDS] = { 2.5, 1.0, 0.5, 1.5 }, b[N_FIELDS] = { 0.5, 0.6, 0.75, 0.0 };

struct counting {
    const char *term;
    size_t term_len, n, len;
};

static int count(void *arg, const char *term, size_t len)
{
    struct counting *c = arg;

    c->len++;
    c->n += len == c->term_len && memcmp(term, c->term, len) == 0;
    return 0;
}

static const char *field_text(const struct plain *p, int field)
{
    return field == 0 ? p->name : field == 1 ? p->summary : field == 2 ? p->params : p->provider;
}

static struct counting count_in(const char *text, const char *term, size_t len)
{
    struct counting c = { term, len, 0, 0 };

    words_split(words, text, strlen(text), count, &c);
    return c;
}

struct terms {
    char text[64][40];
    size_t n;
};

static int gather(void *arg, const char *term, size_t len)
{
    struct terms *t = arg;

    for (size_t i = 0; i < t->n; i++)
        if (strlen(t->text[i]) == len && memcmp(t->text[i], term, len) == 0)
            return 0;
    if (t->n < 64 && len < 40) {
        memcpy(t->text[t->n], term, len);
        t->text[t->n++][len] = '\0';
    }
    return 0;
}

static double plain_score(const struct plain *p, const char *query)
{
    static struct terms terms;
    double score = 0, n_there = 0;

    terms.n = 0;
    words_split(words, query, strlen(query), gather, &terms);
    for (size_t j = 0; j < n_all; j++)
        n_there += all[j].there;
    for (size_t i = 0; i < terms.n; i++) {
        const char *term = terms.text[i];
        const size_t len = strlen(term);
        const double q = (double)count_in(query, term, len).n;
        double having = 0, f = 0;

        for (size_t j = 0; j < n_all; j++) {
            size_t n = 0;

            for (int c = 0; c < N_FIELDS; c++)
                n += count_in(field_text(&all[j], c), term, len).n;
            having += all[j].there && n > 0;
        }
        for (int c = 0; c < N_FIELDS; c++) {
            const struct counting here = count_in(field_text(p, c), term, len);
            double mean = 0;

            for (size_t j = 0; j < n_all; j++)
                mean += all[j].there ? (double)count_in(field_text(&all[j], c), "", 0).len / n_there : 0;
            if (mean > 0)
                f += weight[c] * (double)here.n / (1 - b[c] + b[c] * (double)here.len / mean);
        }
        score += log(1 + (n_there - having + 0.5) / (having + 0.5)) * q * 3.0 / (2.0 + q) * f / (1.2 + f);
    }
    return score;
}

/* --- random corpora ------------------------------------------------------------------------------------------------------- */

static void random_text(char *out, size_t size, size_t n)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%s", i ? " " : "", vocabulary[chance((uint32_t)(1 + chance(N_VOCABULARY)))]);
}

static void make(size_t i)
{
    struct plain *p = &all[i];
    char word[MAX_TEXT];

    memset(p, 0, sizeof *p);
    random_text(word, sizeof word, 1);
    snprintf(p->name, sizeof p->name, "%s_t%zu", word, i);
    random_text(p->summary, sizeof p->summary, chance(14));
    snprintf(p->provider, sizeof p->provider, "prov%u", chance(5));
    random_text(word, sizeof word, chance(6));
    snprintf(p->params, sizeof p->params, "city %s route price", word);
    snprintf(p->schema, sizeof p->schema,
             "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\",\"description\":\"%s\",\"enum\":[\"route\",7]},"
             "\"price\":{\"type\":\"number\"}}}",
             word);
    p->tool = (struct tool){ .id = i + 1, .provider = p->provider, .name = p->name, .summary = p->summary, .args_schema = p->schema,
                             .args_schema_len = strlen(p->schema) };
}

static long compare_all(struct retrieval *r, const char *query)
{
    struct retrieval_hit hits[MAX_ALL];
    const struct retrieval_query q = { .text = query, .len = strlen(query), .k = MAX_ALL };
    const int n = retrieval_search(r, &q, hits, NULL);
    size_t found = 0;
    long wrong = n < 0;

    for (size_t i = 0; i < n_all; i++)
        found += all[i].there && plain_score(&all[i], query) > 0;
    wrong += (size_t)n != found;
    for (int i = 0; i < n; i++) {
        const struct plain *p = &all[hits[i].id - 1];

        wrong += !p->there || strcmp(hits[i].name, p->name) != 0 || fabs(hits[i].score - plain_score(p, query)) > 1e-9;
        if (i > 0)
            wrong += hits[i].score > hits[i - 1].score ||
                     (hits[i].score == hits[i - 1].score && strcmp(hits[i].name, hits[i - 1].name) < 0);
    }
    return wrong;
}

static void add(struct retrieval *r, size_t i)
{
    if (!all[i].there && retrieval_add(r, &all[i].tool, NULL) == 0)
        all[i].there = true;
}

static void remove_provider(struct retrieval *r, const char *provider)
{
    retrieval_remove_provider(r, provider);
    for (size_t i = 0; i < n_all; i++)
        if (strcmp(all[i].provider, provider) == 0)
            all[i].there = false;
}

static void test_scores(void)
{
    long wrong = 0, n_queries = 0, n_wrong_counts = 0;

    for (int corpus = 0; corpus < 12; corpus++) {
        struct retrieval *r = retrieval_create();
        char provider[16];

        n_all = 1 + chance(60);
        for (size_t i = 0; i < n_all; i++)
            make(i);
        for (int round = 0; round < 4; round++) {
            size_t there = 0;

            for (size_t i = 0; i < n_all; i++)
                if (chance(3))
                    add(r, i);
            if (round == 1) {
                snprintf(provider, sizeof provider, "prov%u", chance(5));
                remove_provider(r, provider);
            }
            if (round == 2) {
                size_t gone = chance((uint32_t)n_all);

                retrieval_remove(r, gone + 1);
                all[gone].there = false;
            }
            for (size_t i = 0; i < n_all; i++)
                there += all[i].there;
            n_wrong_counts += retrieval_count(r) != there;
            for (int i = 0; i < 4; i++, n_queries++) {
                char query[MAX_TEXT];

                random_text(query, sizeof query, 1 + chance(10));
                wrong += compare_all(r, query);
            }
        }
        retrieval_destroy(r);
    }
    ok(wrong == 0, "%ld queries of random corpora: each score is the formula's within 1e-9, in order", n_queries);
    is_int(n_wrong_counts, 0, "and the tools are counted");
}

/* --- what else holds ------------------------------------------------------------------------------------------------------ */

static bool admits_odd(void *arg, const char *name)
{
    ++*(int *)arg;
    return (name[strlen(name) - 1] - '0') % 2 == 1;
}

static void test_order(void)
{
    struct retrieval *forward = retrieval_create(), *backward = retrieval_create();
    struct retrieval_hit x[MAX_ALL], y[MAX_ALL];
    struct retrieval_query q = { .text = "send the mail of a team", .len = 23, .k = 10 };
    int n, m, asked = 0, wrong = 0;

    n_all = 100;
    for (size_t i = 0; i < n_all; i++)
        make(i);
    for (size_t i = 0; i < n_all; i++)
        add(forward, i);
    for (size_t i = n_all; i-- > 0;)
        retrieval_add(backward, &all[i].tool, NULL);
    n = retrieval_search(forward, &q, x, NULL);
    m = retrieval_search(backward, &q, y, NULL);
    is_int(n, 10, "as many as were asked for");
    ok(n == m && memcmp(&x[0].score, &y[0].score, sizeof(double)) == 0, "the history does not show in the score's bits");
    for (int i = 0; i < n && i < m; i++)
        wrong += strcmp(x[i].name, y[i].name) != 0;
    is_int(wrong, 0, "nor in the order");
    q.k = MAX_ALL;
    m = retrieval_search(forward, &q, y, NULL);
    for (int i = 0; i < n; i++)
        wrong += x[i].id != y[i].id;
    is_int(wrong, 0, "ten are the first ten of all");
    q.admits = admits_odd;
    q.arg = &asked;
    n = retrieval_search(forward, &q, x, NULL);
    for (int i = 0; i < n; i++)
        wrong += !admits_odd(&asked, x[i].name);
    ok(wrong == 0 && n > 0 && n < m, "only what is admitted");
    q.k = 0;
    is_int(retrieval_search(forward, &q, x, NULL), 0, "none is none");
    q = (struct retrieval_query){ .text = "", .k = 5 };
    is_int(retrieval_search(forward, &q, x, NULL), 0, "no words find nothing");
    retrieval_destroy(forward);
    retrieval_destroy(backward);
}

static void test_ties(void)
{
    static const char *const names[] = { "delta", "alpha", "echo", "bravo", "charlie" };
    struct retrieval *r = retrieval_create();
    struct retrieval_hit hits[5];
    const struct retrieval_query q = { .text = "sing", .len = 4, .k = 3 };
    int n;

    for (size_t i = 0; i < 5; i++)
        retrieval_add(r, &(struct tool){ .id = i + 1, .name = names[i], .provider = "p", .summary = "sing" }, NULL);
    n = retrieval_search(r, &q, hits, NULL);
    ok(n == 3 && strcmp(hits[0].name, "alpha") == 0 && strcmp(hits[1].name, "bravo") == 0 && strcmp(hits[2].name, "charlie") == 0,
       "equal scores go by name");
    retrieval_destroy(r);
}

static void test_vectors(void)
{
    struct retrieval *r = retrieval_create();
    struct retrieval_hit hits[MAX_ALL], by_words[MAX_ALL];
    float query[DIM];
    struct retrieval_query q = { .text = "delete the invoice", .len = 18, .k = MAX_ALL };
    struct err err;
    int n, n_words, wrong = 0;

    n_all = 80;
    for (size_t i = 0; i < n_all; i++) {
        make(i);
        add(r, i);
        all[i].has_vector = i % 4 != 0;
        for (size_t j = 0; j < DIM; j++)
            all[i].vector[j] = (float)chance(2001) / 1000.0F - 1.0F;
        if (all[i].has_vector && retrieval_set_vector(r, i + 1, all[i].vector, DIM, &err) < 0)
            wrong++;
    }
    for (size_t j = 0; j < DIM; j++)
        query[j] = (float)chance(2001) / 1000.0F - 1.0F;
    n_words = retrieval_search(r, &q, by_words, NULL);
    q.vector = query;
    q.dim = DIM;
    n = retrieval_search(r, &q, hits, NULL);
    for (int i = 0; i < n; i++) {
        const struct plain *p = &all[hits[i].id - 1];
        double want = 0, mine = 0, norm = 0;
        int rank = 1;

        for (int j = 0; j < n_words && j < RETRIEVAL_FUSED; j++)
            if (by_words[j].id == hits[i].id)
                want += 1.0 / (60 + j + 1);
        for (size_t j = 0; j < DIM; j++) {
            mine += (double)p->vector[j] * (double)query[j];
            norm += (double)p->vector[j] * (double)p->vector[j];
        }
        for (size_t k = 0; k < n_all; k++) {
            double other = 0, other_norm = 0;

            for (size_t j = 0; j < DIM; j++) {
                other += (double)all[k].vector[j] * (double)query[j];
                other_norm += (double)all[k].vector[j] * (double)all[k].vector[j];
            }
            rank += all[k].has_vector && other / sqrt(other_norm) > mine / sqrt(norm);
        }
        if (p->has_vector)
            want += 2.0 / (60 + rank);
        wrong += fabs(want - hits[i].score) > 1e-9 || (i > 0 && hits[i].score > hits[i - 1].score);
    }
    ok(wrong == 0 && n > n_words, "words and cosines fused by reciprocal rank, %d tools", n);
    is_int(retrieval_set_vector(r, 9999, query, DIM, &err), -1, "a vector of no tool");
    is_int(err.status, CORAX_E_NOTFOUND, "says so");
    is_int(retrieval_set_vector(r, 1, query, DIM - 1, &err), -1, "one of another length");
    is_int(retrieval_set_vector(r, 1, (float[DIM]){ 0 }, DIM, &err), -1, "one without a direction");
    q.dim = DIM - 1;
    is_int(retrieval_search(r, &q, hits, &err), -1, "a query of another length");
    retrieval_destroy(r);
}

static int list(struct registry *g, const char *provider, int n, const char *word)
{
    struct buf text;
    struct json *j;
    int rc;

    buf_init(&text, 1 << 20);
    buf_adds(&text, "{\"tools\":[");
    for (int i = 0; i < n; i++)
        buf_addf(&text, "%s{\"name\":\"%s_%d\",\"description\":\"about %s\",\"inputSchema\":{\"type\":\"object\"}}", i ? "," : "", word, i, word);
    buf_adds(&text, "]}");
    j = json_parse(text.data, text.len, NULL);
    rc = registry_add_list(g, provider, true, j, NULL);
    json_free(j);
    buf_finish(&text);
    return rc;
}

static bool has_first(void *arg, const char *name)
{
    return strcmp(name, arg) == 0;
}

static int more(struct retrieval *r, const char *text, size_t k, struct retrieval_hit *hits)
{
    const struct retrieval_query q = { .text = text, .len = strlen(text), .k = k, .arg = (void *)"get_weather" };

    return retrieval_search_more(r, &q, has_first, hits, NULL);
}

/* Of four tools the task has one: which others are found, and none where the one that it has fits as well. */
static void test_more(void)
{
    static const struct tool tools[] = {
        { .id = 1, .name = "get_weather", .provider = "p", .summary = "Tells the weather of a city" },
        { .id = 2, .name = "send_mail", .provider = "p", .summary = "Sends an e-mail to somebody" },
        { .id = 3, .name = "list_mails", .provider = "p", .summary = "Lists e-mails of a city" },
        { .id = 4, .name = "rotate", .provider = "p", .summary = "Turns a picture of the weather in the city around" },
    };
    struct retrieval *r = retrieval_create();
    struct retrieval_hit hits[4];

    for (size_t i = 0; i < 4; i++)
        retrieval_add(r, &tools[i], NULL);
    is_int(more(r, "the weather of the city", 2, hits), 0, "a text about what is there brings nothing, though others share its words");
    is_int(more(r, "fine, now I send somebody an e-mail", 1, hits), 1, "one that wants something else brings it");
    is_str(hits[0].name, "send_mail", "by name");
    ok(hits[0].part > RETRIEVAL_PART && hits[0].part < 1, "its part of the text is %.2f", hits[0].part);
    is_int(more(r, "e-mail", 1, hits), 1, "no more than asked for");
    is_int(more(r, "e-mail", 4, hits), 2, "where what is there does not fit at all, all that do");
    is_int(more(r, "zygote", 4, hits), 0, "words that no tool has bring nothing");
    retrieval_destroy(r);
}

static const float of_mail[2] = { 0, 1 }, of_both[2] = { 0.5f, 0.866f }, of_none[2] = { -0.7f, -0.7f };

static int more_like(struct retrieval *r, const char *text, const float *vector, struct retrieval_hit *hits)
{
    const struct retrieval_query q = {
        .text = text, .len = strlen(text), .vector = vector, .dim = 2, .min_cosine = 0.3, .k = 4, .arg = (void *)"get_weather"
    };

    return retrieval_search_more(r, &q, has_first, hits, NULL);
}

/* The same where there are vectors: two directions, the weather and the mail. */
static void test_more_by_vector(void)
{
    static const struct tool tools[] = {
        { .id = 1, .name = "get_weather", .provider = "p", .summary = "Tells the weather of a city" },
        { .id = 2, .name = "send_mail", .provider = "p", .summary = "Sends an e-mail to somebody" },
        { .id = 3, .name = "rotate", .provider = "p", .summary = "Turns a picture around" },
    };
    static const float vectors[][2] = { { 1, 0 }, { 0, 3 }, { 0.2f, -1 } };
    struct retrieval *r = retrieval_create();
    struct retrieval_hit hits[4];

    for (size_t i = 0; i < 3; i++) {
        retrieval_add(r, &tools[i], NULL);
        retrieval_set_vector(r, tools[i].id, vectors[i], 2, NULL);
    }
    is_int(more_like(r, "the post", of_mail, hits), 1, "what is meant comes without a word in common, and nothing else");
    is_str(hits[0].name, "send_mail", "it is the nearest");
    ok(fabs(hits[0].cosine - 1) < 1e-6 && hits[0].part == 0, "its cosine is %.3f, and it has no part of the text", hits[0].cosine);
    is_int(more_like(r, "the post", (const float[2]){ 0, 0.01f }, hits), 1, "how long the query's vector is does not matter");
    is_int(more_like(r, "is it raining", vectors[0], hits), 0, "a text about what is there brings nothing");
    is_int(more_like(r, "zygote", of_none, hits), 1, "what is first is told of only where its cosine is high enough");
    is_str(hits[0].name, "rotate", "as this one's is");
    is_int(more_like(r, "zygote", (const float[2]){ -1, 0 }, hits), 0, "else nothing is");
    is_int(more_like(r, "a picture of the post", (const float[2]){ -1, 0.1f }, hits), 1, "words count as well");
    is_str(hits[0].name, "rotate", "as they did");
    is_int(more_like(r, "zygote", (const float[2]){ 1, 0.9f }, hits), 1, "one next behind what is there comes as well");
    is_str(hits[0].name, "send_mail", "if it is near enough");
    is_int(more_like(r, "zygote", (const float[2]){ 1, 0.1f }, hits), 0, "and only then");
    is_int(more_like(r, "weather by post", of_both, hits), 0, "a tool behind what is there by both is none");
    retrieval_destroy(r);
}

static void test_sync(void)
{
    struct retrieval *r = retrieval_create();
    struct registry *g = registry_create();
    struct retrieval_hit hits[10];
    struct retrieval_query q = { .text = "weather", .len = 7, .k = 10 };

    list(g, "a", 3, "weather");
    list(g, "b", 4, "weather"); /* three of the same names, which are disabled */
    is_int(retrieval_sync(r, g, NULL), 0, "a registry is indexed");
    is_int((long long)retrieval_count(r), 4, "the enabled ones alone");
    is_int(retrieval_search(r, &q, hits, NULL), 4, "they are found");
    registry_remove_provider(g, "a");
    retrieval_sync(r, g, NULL);
    is_int((long long)retrieval_count(r), 4, "without the first the second's are enabled");
    registry_remove_provider(g, "b");
    list(g, "c", 2, "song");
    retrieval_sync(r, g, NULL);
    is_int(retrieval_search(r, &q, hits, NULL), 0, "what is gone is not found");
    is_int((long long)retrieval_count(r), 2, "what is new is there");
    registry_destroy(g);
    retrieval_destroy(r);
}

static void test_growth(void)
{
    struct retrieval *r = retrieval_create();
    char name[64], summary[256];
    size_t most = 0, early = 0;

    for (int round = 0; round < 400; round++) {
        for (int i = 0; i < 50; i++) {
            snprintf(name, sizeof name, "n%dx%d", round, i);
            snprintf(summary, sizeof summary, "w%da%d w%db%d w%dc%d", round, i, round, i, round, i);
            retrieval_add(r, &(struct tool){ .id = (uint64_t)round * 100 + (uint64_t)i + 1, .name = name, .provider = "p", .summary = summary }, NULL);
        }
        retrieval_remove_provider(r, "p");
        most = retrieval_bytes(r) > most ? retrieval_bytes(r) : most;
        early = round == 60 ? most : early;
    }
    is_int((long long)retrieval_count(r), 0, "20,000 tools came and went");
    ok(most <= early, "words that nobody has any more do not stay: at most %zu bytes, after 60 lists as after 400", most);
    retrieval_destroy(r);
}

int main(void)
{
    plan_later();
    words = words_create();
    test_words();
    test_scores();
    test_order();
    test_ties();
    test_vectors();
    test_more();
    test_more_by_vector();
    test_sync();
    test_growth();
    words_destroy(words);
    done();
    return tap_status();
}
