/*
 * Whose turn it is: users one after the other, a user's own tasks by priority and age.
 */
#include "daemon/queue.h"

#include <stdlib.h>

#include "tests/tap.h"

#define N_ITEMS 600
#define N_USERS 5

static struct queue queue;

struct waiter {
    struct queue_item item; /* first: a waiter is where its item is */
    const char *name;
};

static struct waiter *put(struct waiter *w, uint32_t uid, enum priority p, const char *name)
{
    *w = (struct waiter){ .item = { .uid = uid, .priority = p }, .name = name };
    queue_put(&queue, &w->item);
    return w;
}

static const char *take(void)
{
    struct waiter *w = (struct waiter *)queue_take(&queue);

    return w ? w->name : "none";
}

static void test_names(void)
{
    enum priority p = PRIORITY_NORMAL;

    for (int i = 0; i < N_PRIORITIES; i++)
        ok(priority_find(priority_name((enum priority)i), &p) && (int)p == i, "%s", priority_name((enum priority)i));
    ok(!priority_find("urgent", &p) && !priority_find("", &p) && p == PRIORITY_LOW, "others are none");
}

static void test_turns(void)
{
    struct waiter w[8];

    is_str(take(), "none", "nothing waits");
    put(&w[0], 1, PRIORITY_NORMAL, "a");
    put(&w[1], 1, PRIORITY_NORMAL, "b");
    put(&w[2], 1, PRIORITY_NORMAL, "c");
    put(&w[3], 2, PRIORITY_LOW, "of another");
    is_int(queue.n, 4, "they are counted");
    ok(queue_count(&queue, 1) == 3 && queue_count(&queue, 2) == 1 && queue_count(&queue, 3) == 0, "by users, too");
    is_str(take(), "a", "the oldest");
    is_str(take(), "of another", "then another user's, though low");
    is_str(take(), "b", "then the first one's again");
    put(&w[4], 1, PRIORITY_LOW, "low");
    put(&w[5], 1, PRIORITY_HIGH, "high");
    put(&w[6], 2, PRIORITY_NORMAL, "of another");
    is_str(take(), "high", "high before what came earlier");
    is_str(take(), "of another", "turns go on");
    ok(w[4].item.user && !w[5].item.user, "what waits is known");
    queue_remove(&queue, &w[2].item);
    is_str(take(), "low", "one that left does not come");
    is_str(take(), "none", "that was all");
    put(&w[0], 1, PRIORITY_NORMAL, "a");
    put(&w[1], 2, PRIORITY_NORMAL, "b");
    queue_remove(&queue, &w[0].item);
    put(&w[0], 1, PRIORITY_NORMAL, "a");
    is_str(take(), "b", "who left and came again is behind");
    queue_finish(&queue);
    ok(w[0].item.user == NULL && queue.n == 0, "finished: nothing waits");
}

/* Of what waits by chance: what comes is its user's first by priority and age, and nobody waits for more than a turn
 * of each other user. */
static void test_chance(void)
{
    static struct waiter w[N_ITEMS];
    int n = 0, since[N_USERS] = { 0 }, n_wrong = 0, n_unfair = 0, n_taken = 0;

    srand(7);
    for (int round = 0; round < 4 * N_ITEMS; round++) {
        struct waiter *got;

        if (n < N_ITEMS && rand() % 2) {
            put(&w[n], rand() % 4 ? 0 : (uint32_t)(rand() % N_USERS), (enum priority)(rand() % N_PRIORITIES), "");
            n++;
            continue;
        }
        got = (struct waiter *)queue_take(&queue);
        if (got == NULL)
            continue;
        n_taken++;
        for (int i = 0; i < n; i++)
            if (w[i].item.user && w[i].item.uid == got->item.uid &&
                (w[i].item.priority < got->item.priority || (w[i].item.priority == got->item.priority && &w[i] < got)))
                n_wrong++;
        for (int u = 0; u < N_USERS; u++) {
            bool waits = false;

            for (int i = 0; i < n; i++)
                waits = waits || (w[i].item.user && w[i].item.uid == (uint32_t)u);
            since[u] = waits && got->item.uid != (uint32_t)u ? since[u] + 1 : 0;
            n_unfair += since[u] >= N_USERS;
        }
    }
    ok(n_taken > N_ITEMS / 2, "%d were taken", n_taken);
    is_int(n_wrong, 0, "none before one of its user's that is higher or older");
    is_int(n_unfair, 0, "nobody waits for more than the others' turns");
    queue_finish(&queue);
}

int main(void)
{
    plan_later();
    queue_init(&queue);
    test_names();
    test_turns();
    test_chance();
    done();
    return tap_status();
}
