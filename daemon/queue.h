/*
 * daemon/queue.h - what waits for a slot, and whose turn it is.
 *
 * Users take turns: the one whose last turn, or whose coming, is longest ago is next, however much the others sent.
 * Of what a user sent the highest priority goes first, and of that the oldest.  So a priority orders what is one's own,
 * and nobody gets ahead of others by claiming one.
 */
#ifndef DAEMON_QUEUE_H
#define DAEMON_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

enum priority { PRIORITY_HIGH, PRIORITY_NORMAL, PRIORITY_LOW, N_PRIORITIES };

const char *priority_name(enum priority);              /* "high", "normal", "low" */
bool priority_find(const char *name, enum priority *); /* false: none has this name */

/* Part of what waits. */
struct queue_item {
    uint32_t uid;
    enum priority priority;
    struct queue_user *user; /* the queue's; NULL: it does not wait */
    TAILQ_ENTRY(queue_item) link;
};

TAILQ_HEAD(queue_items, queue_item);
TAILQ_HEAD(queue_users, queue_user);
struct queue {
    struct queue_users turns; /* those of whom something waits, the next one first */
    int n;
};

void queue_init(struct queue *);
void queue_finish(struct queue *); /* items are their owners' */
int queue_count(const struct queue *, uint32_t uid); /* what waits of this user */
/* At the end of what this user sent with this priority.  Without memory the daemon ends (daemon/task.c). */
void queue_put(struct queue *, struct queue_item *);
/* The next one, taken off; NULL: nothing waits. */
struct queue_item *queue_take(struct queue *);
/* Takes off one that waits; the user's turn is not over by that. */
void queue_remove(struct queue *, struct queue_item *);

#endif
