/*
 * The whole state of a job that threads race for is one 64-bit word: its number, how many chunks it has, and which is
 * next.  Taking a chunk is one compare-and-swap on that word, so a thread that wakes up late can neither take a chunk
 * twice nor touch a job that is over; and once it has a chunk the job cannot end before it says so, which makes fn
 * and arg safe to read without a lock.
 */
#include "config.h"
#include "infer/pool.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "infer/aligned.h"

#define SPIN_ROUNDS 4000 /* pauses before sleeping: 40 to 150 us, longer than the gap between two matrices */

struct helper {
    struct pool *pool;
    pthread_t thread;
    unsigned index;
};

/* What threads write while others look at it has cache lines of its own. */
struct pool {
    alignas(CACHE_LINE) _Atomic uint64_t ticket; /* job number << 32 | n_chunks << 16 | next chunk */
    pool_fn *fn;
    void *arg;
    alignas(CACHE_LINE) _Atomic uint32_t n_done;
    alignas(CACHE_LINE) atomic_bool stop;
    unsigned n_threads, n_started;
    atomic_uint n_asleep;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct helper helpers[];
};

static inline void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static inline bool has_chunk(uint64_t ticket)
{
    return (ticket & 0xffff) < (ticket >> 16 & 0xffff);
}

/* Takes chunks until there are none. */
static void work(struct pool *p, unsigned thread)
{
    uint64_t ticket = atomic_load_explicit(&p->ticket, memory_order_acquire);

    while (has_chunk(ticket)) {
        if (!atomic_compare_exchange_weak_explicit(&p->ticket, &ticket, ticket + 1, memory_order_acq_rel,
                                                   memory_order_acquire))
            continue;
        p->fn(p->arg, (unsigned)(ticket & 0xffff), thread);
        atomic_fetch_add_explicit(&p->n_done, 1, memory_order_release);
        ticket = atomic_load_explicit(&p->ticket, memory_order_acquire);
    }
}

static bool idle(struct pool *p)
{
    return !has_chunk(atomic_load(&p->ticket)) && !atomic_load(&p->stop);
}

static void *helper_main(void *arg)
{
    struct helper *h = arg;
    struct pool *p = h->pool;

    while (!atomic_load(&p->stop)) {
        for (int i = 0; i < SPIN_ROUNDS && idle(p); i++)
            relax();
        if (idle(p)) {
            pthread_mutex_lock(&p->lock);
            atomic_fetch_add(&p->n_asleep, 1);
            while (idle(p)) /* looked at again after n_asleep is up: pool_run() looks in the opposite order */
                pthread_cond_wait(&p->wake, &p->lock);
            atomic_fetch_sub(&p->n_asleep, 1);
            pthread_mutex_unlock(&p->lock);
        }
        work(p, h->index);
    }
    return NULL;
}

static void wake_all(struct pool *p)
{
    if (atomic_load(&p->n_asleep) == 0)
        return;
    pthread_mutex_lock(&p->lock);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

struct pool *pool_create(unsigned n_threads, struct err *err)
{
    struct pool *p;

    if (n_threads < 1 || n_threads > POOL_MAX_THREADS) {
        fail(err, CORAX_E_ARGS, "%u threads, allowed are 1 to %d", n_threads, POOL_MAX_THREADS);
        return NULL;
    }
    p = aligned_zeros(1, sizeof *p + n_threads * sizeof p->helpers[0]);
    if (!p) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    p->n_threads = n_threads;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    for (unsigned i = 1; i < n_threads; i++) {
        struct helper *h = &p->helpers[p->n_started];

        h->pool = p;
        h->index = i;
        if (pthread_create(&h->thread, NULL, helper_main, h) != 0) {
            fail(err, CORAX_E_LIMIT, "cannot start thread %u of %u", i + 1, n_threads);
            pool_destroy(p);
            return NULL;
        }
        p->n_started++;
    }
    return p;
}

void pool_destroy(struct pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->stop, true);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->n_started; i++)
        pthread_join(p->helpers[i].thread, NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

unsigned pool_n_threads(const struct pool *p)
{
    return p->n_threads;
}

void pool_run(struct pool *p, pool_fn *fn, void *arg, unsigned n_chunks)
{
    uint64_t job;
    unsigned rounds = 0;

    assert(n_chunks <= POOL_MAX_CHUNKS);
    if (p->n_threads == 1 || n_chunks == 1) {
        for (unsigned i = 0; i < n_chunks; i++)
            fn(arg, i, 0);
        return;
    }
    p->fn = fn;
    p->arg = arg;
    atomic_store_explicit(&p->n_done, 0, memory_order_relaxed);
    job = (atomic_load_explicit(&p->ticket, memory_order_relaxed) >> 32) + 1;
    atomic_store(&p->ticket, job << 32 | (uint64_t)n_chunks << 16);
    wake_all(p);
    work(p, 0);
    while (atomic_load_explicit(&p->n_done, memory_order_acquire) < n_chunks) {
        relax();
        if (++rounds % 256 == 0)
            sched_yield(); /* a helper lost its CPU in the middle of a chunk: do not hold the one it waits for */
    }
}

unsigned pool_default_threads(void)
{
    cpu_set_t set;
    int n = 1;

    if (sched_getaffinity(0, sizeof set, &set) == 0)
        n = CPU_COUNT(&set);
    return n < 1 ? 1 : n > POOL_MAX_THREADS ? POOL_MAX_THREADS : (unsigned)n;
}
