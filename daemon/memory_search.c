#include "daemon/memory_search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/vectors.h"

struct search {
    struct coraxd *d;
    struct journal_memories *l;
};

static void on_vector(void *arg, const struct vector_answer *answer, const struct err *err)
{
    struct search s = *(struct search *)arg;
    struct err full = { 0 };

    free(arg);
    if (answer && journal_memories_set_vector(s.l, answer->at, answer->dim, answer->key, &full) < 0)
        err = &full;
    if (err)
        snprintf(s.l->why, sizeof(s.l->why), "%.190s", err->msg);
    journal_post(s.d->journal, &s.l->op);
}

void memory_search(struct coraxd *d, struct journal_memories *l)
{
    struct search *s;

    l->query.min_cosine = d->config.embedding.min_cosine;
    if (l->query.words[0] && l->query.vector == NULL && vectors_are_on(d->vectors) && (s = malloc(sizeof(*s))) != NULL) {
        *s = (struct search){ d, l };
        if (vectors_ask_query(d->vectors, l->query.words, strlen(l->query.words), on_vector, s))
            return;
        free(s);
    }
    journal_post(d->journal, &l->op);
}
