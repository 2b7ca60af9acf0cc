#include "daemon/backfill.h"

#define TRIES   3
#define WAIT_MS 2000 /* before the second try; doubled before the third */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct backfill *b = arg;

    b->run(b->arg);
}

int backfill_init(struct backfill *b, struct event_base *base, void (*run)(void *arg), void *arg, struct err *err)
{
    *b = (struct backfill){ .run = run, .arg = arg, .limit = BACKFILL_MOST };
    b->timer = evtimer_new(base, on_timer, b);
    return b->timer ? 0 : fail(err, CORAX_E_INTERNAL, "no memory");
}

void backfill_finish(struct backfill *b)
{
    if (b->timer)
        event_free(b->timer);
    b->timer = NULL;
}

void backfill_run(struct backfill *b)
{
    if (!event_pending(b->timer, EV_TIMEOUT, NULL))
        b->run(b->arg);
}

void backfill_worked(struct backfill *b)
{
    b->n_failed = 0;
}

bool backfill_failed(struct backfill *b, size_t n_asked)
{
    struct timeval wait = { .tv_usec = 1000 };

    if (++b->n_failed < TRIES) {
        const unsigned ms = WAIT_MS << (b->n_failed - 1);

        wait = (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
    } else {
        b->n_failed = 0;
        if (n_asked <= 1) {
            b->limit = BACKFILL_MOST;
            return true;
        }
        b->limit = 1;
    }
    evtimer_add(b->timer, &wait);
    return false;
}
