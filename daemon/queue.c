#include "daemon/queue.h"

#include <stdlib.h>
#include <string.h>

struct queue_user {
    uint32_t uid;
    int n;
    struct queue_items items[N_PRIORITIES];
    TAILQ_ENTRY(queue_user) link;
};

static const char *const names[N_PRIORITIES] = { "high", "normal", "low" };

const char *priority_name(enum priority p)
{
    return names[p];
}

bool priority_find(const char *name, enum priority *out)
{
    for (int i = 0; i < N_PRIORITIES; i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (enum priority)i;
            return true;
        }
    }
    return false;
}

void queue_init(struct queue *q)
{
    q->n = 0;
    TAILQ_INIT(&q->turns);
}

void queue_finish(struct queue *q)
{
    while (queue_take(q))
        ;
}

/* Few users have tasks at the same time. */
static struct queue_user *find_user(const struct queue *q, uint32_t uid)
{
    struct queue_user *u = TAILQ_FIRST(&q->turns);

    while (u && u->uid != uid)
        u = TAILQ_NEXT(u, link);
    return u;
}

int queue_count(const struct queue *q, uint32_t uid)
{
    const struct queue_user *u = find_user(q, uid);

    return u ? u->n : 0;
}

static struct queue_user *add_user(struct queue *q, uint32_t uid)
{
    struct queue_user *u = calloc(1, sizeof(*u));

    if (u == NULL)
        abort();
    u->uid = uid;
    for (int i = 0; i < N_PRIORITIES; i++)
        TAILQ_INIT(&u->items[i]);
    TAILQ_INSERT_TAIL(&q->turns, u, link);
    return u;
}

void queue_put(struct queue *q, struct queue_item *item)
{
    struct queue_user *u = find_user(q, item->uid);

    if (u == NULL)
        u = add_user(q, item->uid);
    TAILQ_INSERT_TAIL(&u->items[item->priority], item, link);
    item->user = u;
    u->n++;
    q->n++;
}

void queue_remove(struct queue *q, struct queue_item *item)
{
    struct queue_user *u = item->user;

    TAILQ_REMOVE(&u->items[item->priority], item, link);
    item->user = NULL;
    q->n--;
    if (--u->n == 0) {
        TAILQ_REMOVE(&q->turns, u, link);
        free(u);
    }
}

struct queue_item *queue_take(struct queue *q)
{
    struct queue_user *u = TAILQ_FIRST(&q->turns);
    struct queue_item *item = NULL;

    if (u == NULL)
        return NULL;
    for (int i = 0; item == NULL && i < N_PRIORITIES; i++)
        item = TAILQ_FIRST(&u->items[i]);
    TAILQ_REMOVE(&q->turns, u, link);
    TAILQ_INSERT_TAIL(&q->turns, u, link);
    queue_remove(q, item);
    return item;
}
