/*
 * tests/oom.h - has each allocation of a piece of work fail: the n-th alone, and the n-th with all that follow, for every
 * n until the work no longer gets that far.
 *
 * A program that includes this is linked with -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc, so that what its own objects
 * allocate comes here; what libraries allocate for themselves does not.  Leaks and uses after free are found by a build
 * with sanitizers.
 */
#ifndef TESTS_OOM_H
#define TESTS_OOM_H

#include "tests/tap.h"
#include "util/err.h"

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);

static long oom_at = -1, oom_n; /* -1: none fails */
static bool oom_for_ever, oom_happened;

static bool oom_now(void)
{
    long n = oom_n++;
    bool fails = oom_at >= 0 && (n == oom_at || (oom_for_ever && n > oom_at));

    oom_happened |= fails;
    return fails;
}

void *__wrap_malloc(size_t size)
{
    return oom_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return oom_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return oom_now() ? NULL : __real_realloc(old, size);
}

/* work: 0, or -1 with err.  Any failure must be told as LIMIT or INTERNAL; without one the work must succeed. */
static inline void oom_each(const char *what, int (*work)(struct err *))
{
    for (int for_ever = 0; for_ever < 2; for_ever++) {
        long n = -1, n_wrong = 0;

        do {
            struct err err = { 0 };
            int rc;

            oom_at = ++n;
            oom_for_ever = for_ever;
            oom_n = 0;
            oom_happened = false;
            rc = work(&err);
            oom_at = -1;
            if (oom_happened ? rc == 0 || (err.status != CORAX_E_LIMIT && err.status != CORAX_E_INTERNAL) : rc != 0) {
                n_wrong++;
                diag("allocation %ld: %d, status %d, %s", n, rc, err.status, err.msg);
            }
        } while (oom_happened && n < 1000000);
        ok(n > 0 && n_wrong == 0, "%s: each of %ld allocations fails%s, and is told", what, n,
           for_ever ? " with all that follow" : " alone");
    }
}

#endif
