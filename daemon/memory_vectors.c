#include "daemon/memory_vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/backfill.h"
#include "daemon/journal_vectors.h"
#include "daemon/vectors.h"
#include "util/log.h"

struct memory_vectors {
    struct coraxd *d;
    struct backfill backfill;
    bool busy, dirty; /* dirty: something has changed since the read that is under way, or the last one */
    bool notes;       /* the read under way is of notes alone */
    char key[VECTORS_KEY_SIZE];
    int64_t after;      /* all memories up to this number have been looked at */
    int64_t notes_from; /* notes up to this one are passed over */
    struct journal_memories_without without;
    float *made; /* [n][dim] */
    size_t n_left;
    struct err put_failed; /* status 0: none has */
    struct journal_memory_vector puts[BACKFILL_MOST];
    struct log_repeat trouble;
};

static void run(void *arg);

static void clear(struct memory_vectors *m)
{
    journal_memories_finish(&m->without.found);
    free(m->made);
    m->made = NULL;
    m->busy = false;
}

static void go_on(struct memory_vectors *m)
{
    clear(m);
    run(m);
}

/* The rows that were read are done with, one way or the other. */
static void pass(struct memory_vectors *m)
{
    if (m->notes)
        m->notes_from = m->without.reached;
    else
        m->after = m->without.reached;
    m->dirty |= m->without.more;
    go_on(m);
}

static void failed(struct memory_vectors *m, const struct err *err)
{
    log_warn_repeat(&m->trouble, "memories get no vectors: %s", err->msg);
    m->dirty = true;
    if (backfill_failed(&m->backfill, m->without.found.n))
        pass(m);
    else
        clear(m);
}

static void on_put(struct journal_op *op)
{
    struct memory_vectors *m = op->arg;

    if (op->result < 0)
        m->put_failed = op->err;
    if (--m->n_left > 0)
        return;
    if (m->put_failed.status != 0) {
        failed(m, &m->put_failed);
        return;
    }
    backfill_worked(&m->backfill);
    log_works_again(&m->trouble, "vectors of memories");
    pass(m);
}

static void on_made(void *arg, const struct vector_answer *answer, const struct err *err)
{
    struct memory_vectors *m = arg;
    const struct journal_memories *l = &m->without.found;

    if (!vectors_are_on(m->d->vectors) || (answer && strcmp(answer->key, m->key) != 0)) {
        m->dirty = true; /* the model's file is another one now: begin again */
        go_on(m);
        return;
    }
    if (answer == NULL) {
        failed(m, err);
        return;
    }
    if ((m->made = malloc(answer->n * answer->dim * sizeof(float))) == NULL)
        abort();
    memcpy(m->made, answer->at, answer->n * answer->dim * sizeof(float));
    m->n_left = l->n;
    m->put_failed.status = 0;
    for (size_t i = 0; i < l->n; i++) {
        struct journal_memory_vector *v = &m->puts[i];

        journal_memory_vector_init(v, on_put);
        v->op.arg = m;
        memcpy(v->id, l->rows[i].id, sizeof(v->id));
        v->model = m->key;
        v->text = l->rows[i].text;
        v->vector = m->made + i * answer->dim;
        v->n = (int)answer->dim;
        journal_post(m->d->journal, &v->op);
    }
}

/* What a memory is found by: its text, its tags, and what a note is called. */
static void write_text(const struct memory *m, struct buf *out)
{
    if (m->kind == MEMORY_NOTE)
        buf_addf(out, "%s\n", m->label);
    buf_adds(out, m->text);
    if (m->tags[0])
        buf_addf(out, "\n%s", m->tags);
}

static void on_read(struct journal_op *op)
{
    struct memory_vectors *m = op->arg;
    const struct journal_memories *l = &m->without.found;
    const char *texts[BACKFILL_MOST];
    struct buf written[BACKFILL_MOST];
    bool good = true;
    size_t n;

    if (op->result < 0)
        log_warn_repeat(&m->trouble, "memories get no vectors: %s", op->err.msg);
    if (op->result < 0 || !vectors_are_on(m->d->vectors)) {
        clear(m);
        return;
    }
    if (l->n == 0) {
        pass(m);
        return;
    }
    n = l->n;
    for (size_t i = 0; i < n; i++) {
        buf_init(&written[i], 64u << 10);
        write_text(&l->rows[i], &written[i]);
        texts[i] = written[i].data;
        good = good && !written[i].failed;
    }
    if (!good)
        abort(); /* no memory */
    if (vectors_ask_texts(m->d->vectors, texts, n, on_made, m) == NULL)
        clear(m); /* no memory */
    for (size_t i = 0; i < n; i++)
        buf_finish(&written[i]);
}

static void read_next(struct memory_vectors *m)
{
    m->busy = true;
    journal_memories_without_init(&m->without, m->key, on_read);
    m->without.found.op.arg = m;
    m->without.found.query.limit = (int)m->backfill.limit;
    m->without.notes_only = m->notes;
    m->without.after = m->notes ? m->notes_from : m->after;
    journal_post(m->d->journal, &m->without.found.op);
}

/* New ones first, by their numbers; then notes, which may have changed. */
static void run(void *arg)
{
    struct memory_vectors *m = arg;
    const char *key = vectors_key(m->d->vectors);

    if (m->busy || key[0] == '\0' || !vectors_are_on(m->d->vectors))
        return;
    if (strcmp(m->key, key) != 0) {
        snprintf(m->key, sizeof(m->key), "%s", key);
        m->after = m->notes_from = 0;
        m->dirty = true;
    }
    if (m->dirty) {
        m->dirty = false;
        m->notes = false;
        read_next(m);
    } else if (!m->notes) {
        m->notes = true;
        read_next(m);
    }
}

void memory_vectors_run(struct memory_vectors *m)
{
    m->dirty = true;
    m->notes_from = 0;
    backfill_run(&m->backfill);
}

struct memory_vectors *memory_vectors_create(struct coraxd *d, struct err *err)
{
    struct memory_vectors *m = calloc(1, sizeof(*m));

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

void memory_vectors_destroy(struct memory_vectors *m)
{
    if (m == NULL)
        return;
    clear(m);
    backfill_finish(&m->backfill);
    free(m);
}
