#include "daemon/tool_vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/backfill.h"
#include "daemon/journal_vectors.h"
#include "daemon/vectors.h"
#include "tools/registry.h"
#include "tools/retrieval.h"
#include "util/log.h"

#define MAX_TEXT (256u << 10)

struct tool_vectors {
    struct coraxd *d;
    struct backfill backfill;
    bool busy;
    char key[VECTORS_KEY_SIZE];
    uint64_t generation; /* of the registry, as it was looked at */
    size_t at, reached;  /* in the registry: all before have been looked at; and once what is under way is done */
    /* What is under way. */
    size_t n, n_asked, dim;
    uint64_t ids[BACKFILL_MOST];
    struct buf texts[BACKFILL_MOST];
    unsigned char hashes[BACKFILL_MOST][HASH_LEN];
    bool has[BACKFILL_MOST];
    float *vectors; /* [n][dim] */
    struct journal_text_vectors op;
    struct log_repeat trouble;
};

static void run(void *arg);

static void clear(struct tool_vectors *m)
{
    for (size_t i = 0; i < m->n; i++)
        buf_finish(&m->texts[i]);
    free(m->vectors);
    m->vectors = NULL;
    m->n = 0;
    m->busy = false;
}

static void go_on(struct tool_vectors *m)
{
    m->at = m->reached;
    clear(m);
    run(m);
}

static void failed(struct tool_vectors *m, const struct err *err)
{
    log_warn_repeat(&m->trouble, "tools get no vectors: %s", err->msg);
    if (backfill_failed(&m->backfill, m->n_asked))
        go_on(m);
    else
        clear(m);
}

/* One that has gone meanwhile needs none. */
static void set(struct tool_vectors *m, size_t i)
{
    struct err err = { 0 };

    if (retrieval_set_vector(m->d->retrieval, m->ids[i], m->vectors + i * m->dim, m->dim, &err) < 0 && err.status != CORAX_E_NOTFOUND)
        log_warn_repeat(&m->trouble, "%s", err.msg);
}

static void on_written(struct journal_op *op)
{
    struct tool_vectors *m = op->arg;

    if (op->result < 0)
        log_warn_repeat(&m->trouble, "vectors of tools are not kept: %s", op->err.msg);
    else
        log_works_again(&m->trouble, "vectors of tools");
    go_on(m);
}

static void on_made(void *arg, const struct vector_answer *answer, const struct err *err)
{
    struct tool_vectors *m = arg;
    size_t n = 0;

    if (!vectors_are_on(m->d->vectors) || (answer && (strcmp(answer->key, m->key) != 0 || answer->dim != m->dim))) {
        clear(m); /* the model's file is another one now: begin again */
        run(m);
        return;
    }
    if (answer == NULL) {
        failed(m, err);
        return;
    }
    backfill_worked(&m->backfill);
    for (size_t i = 0; i < m->n; i++) {
        if (!m->has[i]) {
            memcpy(m->vectors + i * m->dim, answer->at + n++ * m->dim, m->dim * sizeof(float));
            set(m, i);
        }
        m->has[i] = !m->has[i]; /* those that are to be written */
    }
    journal_text_vectors_write(&m->op, on_written);
    m->op.op.arg = m;
    journal_post(m->d->journal, &m->op.op);
}

static void on_read(struct journal_op *op)
{
    struct tool_vectors *m = op->arg;
    const char *texts[BACKFILL_MOST];

    if (!vectors_are_on(m->d->vectors)) {
        clear(m);
        return;
    }
    if (op->result < 0)
        memset(m->has, 0, sizeof(m->has));
    m->n_asked = 0;
    for (size_t i = 0; i < m->n; i++) {
        if (m->has[i])
            set(m, i);
        else
            texts[m->n_asked++] = m->texts[i].data;
    }
    if (m->n_asked == 0)
        go_on(m);
    else if (vectors_ask_texts(m->d->vectors, texts, m->n_asked, on_made, m) == NULL)
        clear(m); /* no memory */
}

/* What a tool is found by.  Its parameters say how it is called, and would drown that. */
static void take(struct tool_vectors *m, const struct tool *tool)
{
    struct buf *text = &m->texts[m->n];

    buf_init(text, MAX_TEXT);
    buf_addf(text, "%s: %s", tool->name, tool->summary);
    if (text->failed)
        abort(); /* no memory; both have limits far below */
    hash_bytes(text->data, text->len, m->hashes[m->n]);
    m->ids[m->n++] = tool->id;
}

static void collect(struct tool_vectors *m)
{
    const struct registry *g = m->d->registry;

    for (m->reached = m->at; m->reached < registry_count(g) && m->n < m->backfill.limit; m->reached++) {
        const struct tool *tool = registry_at(g, m->reached);

        if (tool->disabled == NULL && retrieval_needs_vector(m->d->retrieval, tool->id))
            take(m, tool);
    }
}

static void begin(struct tool_vectors *m, const char *key)
{
    struct err full = { 0 };

    if (strcmp(m->key, key) != 0) {
        snprintf(m->key, sizeof(m->key), "%s", key);
        retrieval_drop_vectors(m->d->retrieval);
        m->at = 0;
    }
    if (m->generation != registry_generation(m->d->registry)) {
        m->generation = registry_generation(m->d->registry);
        m->at = 0;
    }
    if (retrieval_sync(m->d->retrieval, m->d->registry, &full) < 0)
        log_warn_repeat(&m->trouble, "tools: not all can be found: %s", full.msg);
}

static void run(void *arg)
{
    struct tool_vectors *m = arg;
    const char *key = vectors_key(m->d->vectors);

    if (m->busy || key[0] == '\0' || !vectors_are_on(m->d->vectors) ||
        registry_count(m->d->registry) <= (size_t)m->d->config.retrieval.max_tools)
        return;
    begin(m, key);
    collect(m);
    if (m->n == 0) {
        m->at = m->reached;
        return;
    }
    m->busy = true;
    m->dim = vectors_dim(m->d->vectors);
    if ((m->vectors = calloc(m->n, m->dim * sizeof(float))) == NULL)
        abort();
    m->op = (struct journal_text_vectors){
        .model = m->key, .n = m->n, .hashes = (const unsigned char(*)[HASH_LEN])m->hashes, .dim = (int)m->dim, .at = m->vectors, .has = m->has
    };
    journal_text_vectors_read(&m->op, on_read);
    m->op.op.arg = m;
    journal_post(m->d->journal, &m->op.op);
}

void tool_vectors_run(struct tool_vectors *m)
{
    if (m)
        backfill_run(&m->backfill);
}

struct tool_vectors *tool_vectors_create(struct coraxd *d, struct err *err)
{
    struct tool_vectors *m = calloc(1, sizeof(*m));

    if (m == NULL) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    m->d = d;
    if (backfill_init(&m->backfill, d->base, run, m, err) == 0)
        return m;
    free(m);
    return NULL;
}

void tool_vectors_destroy(struct tool_vectors *m)
{
    if (m == NULL)
        return;
    clear(m);
    backfill_finish(&m->backfill);
    free(m);
}

const char *tool_vectors_key(const struct tool_vectors *m)
{
    return m ? m->key : "";
}
