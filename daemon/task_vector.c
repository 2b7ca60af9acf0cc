#include "daemon/task_vector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/vectors.h"
#include "util/id.h"
#include "util/log.h"

struct task_vector {
    struct vector_ask *ask;
    unsigned char hash[HASH_LEN]; /* of the text */
    float *at;
    size_t dim;
    char key[VECTORS_KEY_SIZE];
};

static bool is_of(const struct task_vector *v, const char *text, size_t len)
{
    unsigned char hash[HASH_LEN];

    hash_bytes(text, len, hash);
    return v && memcmp(v->hash, hash, HASH_LEN) == 0;
}

static void on_vector(void *arg, const struct vector_answer *answer, const struct err *err)
{
    struct task *t = arg;
    struct task_vector *v = t->vector;

    v->ask = NULL;
    if (answer && (v->at = malloc(answer->dim * sizeof(*v->at))) != NULL) {
        memcpy(v->at, answer->at, answer->dim * sizeof(*v->at));
        v->dim = answer->dim;
        snprintf(v->key, sizeof(v->key), "%s", answer->key);
    } else if (err) {
        log_info("task %s: searches by words alone: %s", t->row.id, err->msg);
    }
    t->phase = PHASE_READY;
    t->command_due = true;
    task_advance(t);
}

bool task_vector_waits(struct task *t, const char *text, size_t len)
{
    if (t->offline || len == 0 || !vectors_are_on(t->d->vectors) || is_of(t->vector, text, len))
        return false;
    task_vector_stop(t);
    if (t->vector == NULL && (t->vector = calloc(1, sizeof(*t->vector))) == NULL)
        return false;
    free(t->vector->at);
    t->vector->at = NULL;
    hash_bytes(text, len, t->vector->hash);
    t->vector->ask = vectors_ask_query(t->d->vectors, text, len, on_vector, t);
    if (t->vector->ask == NULL)
        return false;
    t->phase = PHASE_VECTOR;
    return true;
}

struct text_vector task_vector_of(const struct task *t, const char *text, size_t len)
{
    const struct task_vector *v = t->vector;

    return v && v->at && is_of(v, text, len) ? (struct text_vector){ v->at, v->dim, v->key } : (struct text_vector){ 0 };
}

void task_vector_stop(struct task *t)
{
    if (t->vector == NULL || t->vector->ask == NULL)
        return;
    vectors_cancel(t->vector->ask);
    t->vector->ask = NULL;
}

void task_vector_destroy(struct task *t)
{
    task_vector_stop(t);
    if (t->vector)
        free(t->vector->at);
    free(t->vector);
    t->vector = NULL;
}

void task_input_text(const struct task *t, struct buf *out)
{
    for (const struct json *p = json_first(json_get(t->root, "input")); p; p = json_next(p))
        if (strcmp(json_get_text(p, "type", ""), "text") == 0)
            buf_addf(out, "%s%s", out->len ? "\n" : "", json_get_text(p, "text", ""));
}
