/*
 * daemon: what the process of a model of embeddings writes, as daemon/vectors.c reads it.  A line of the input is a line that the process writes,
 * and a line that is one of these letters is something that happens meanwhile:
 *
 *     q  somebody searches     t  three texts in the background     x  the oldest ask is cancelled     d  the process ends     u  it is there again
 *
 * Whatever comes, each ask that is not cancelled ends exactly once; the vectors that it gets are as many as its texts, of one length, finite.
 */
#include "daemon/vectors.h"

#include <math.h>

#include "tests/fuzz/fake_link.h"
#include "util/log.h"

#define MAX_ASKS 24 /* in one input */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct asked {
    struct vector_ask *ask;
    size_t n;
    bool live;
};

static struct event_base *base;
static struct vectors *vectors;
static struct asked asked[MAX_ASKS];
static size_t n_asked;

static void on_done(void *arg, const struct vector_answer *answer, const struct err *err)
{
    struct asked *a = arg;

    require(a->live);
    a->live = false;
    if (!answer) {
        require(err && err->status != 0 && err->msg[0]);
        return;
    }
    require(answer->n == a->n && answer->dim >= 1 && answer->dim <= VECTORS_MAX_DIM && strlen(answer->key) == VECTORS_KEY_SIZE - 1);
    for (size_t i = 0; i < answer->n; i++) {
        double square = 0;

        for (size_t k = 0; k < answer->dim; k++)
            square += (double)answer->at[i * answer->dim + k] * (double)answer->at[i * answer->dim + k];
        require(fabs(square - 1) < 1e-3);
    }
}

static void ask(size_t n)
{
    static const char *const texts[] = { "one", "two", "three" };
    struct asked *a = &asked[n_asked];

    if (n_asked == MAX_ASKS)
        return;
    n_asked++;
    *a = (struct asked){ .n = n, .live = true };
    a->ask = n == 1 ? vectors_ask_query(vectors, "what", 4, on_done, a) : vectors_ask_texts(vectors, texts, n, on_done, a);
    require(a->ask != NULL);
}

static void cancel_one(void)
{
    for (size_t i = 0; i < n_asked; i++)
        if (asked[i].live) {
            asked[i].live = false;
            vectors_cancel(asked[i].ask);
            return;
        }
}

static void step(const char *line, size_t len)
{
    struct link *process = fake_links[0];

    if (len != 1) {
        fake_line(process, line, len);
        return;
    }
    if (*line == 'q')
        ask(1);
    else if (*line == 't')
        ask(3);
    else if (*line == 'x')
        cancel_one();
    else if (*line == 'd')
        fake_down(process, false, "ended");
    else if (*line == 'u')
        fake_up(process);
    else
        fake_line(process, line, len);
    event_base_loop(base, EVLOOP_NONBLOCK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct config config;
    struct buf health;
    struct jsonw w;

    if (!base) {
        log_open("vectors-fuzz", LOG_LEVEL_ERROR + 1);
        base = event_base_new();
        require(base && config_init(&config, NULL) == 0 && config_set_text(&config.embedding.model, "m", NULL) == 0);
    }
    n_asked = 0;
    vectors = vectors_create(base, &config, NULL);
    require(vectors != NULL);
    fake_play(data, len, step);
    buf_init(&health, 1 << 16);
    w = jsonw_start(&health);
    jsonw_object(&w, NULL);
    vectors_write_health(vectors, &w);
    jsonw_end(&w);
    require(json_check(health.data, health.len, NULL) == 0);
    buf_finish(&health);
    vectors_stop(vectors);
    for (size_t i = 0; i < n_asked; i++)
        require(!asked[i].live);
    vectors_destroy(vectors);
    return 0;
}
