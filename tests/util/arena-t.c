/*
 * Covers: alignment, zeroed memory also after a reset, the limit, block growth, requests larger than a block, sizes near
 * SIZE_MAX.  Not: memory that runs out in malloc.
 */
#include "util/arena.h"

#include <stdint.h>
#include <string.h>

#include "tests/tap.h"

static bool is_zero(const unsigned char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (p[i])
            return false;
    return true;
}

static void test_many(void)
{
    struct arena *arena = arena_create(8 << 20);
    bool aligned = true, zero = true, apart = true;
    unsigned char *last = NULL;
    size_t last_len = 0;

    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 5000; i++) {
            size_t len = i * 7919 % 800;
            unsigned char *p = arena_alloc(arena, len);

            aligned &= p && (uintptr_t)p % _Alignof(max_align_t) == 0;
            zero &= is_zero(p, len);
            memset(p, 0xa5, len);
            if (last)
                apart &= last + last_len <= p || p + len <= last;
            last = p;
            last_len = len;
        }
        ok(arena_used(arena) >= 1500000, "round %d: used counts what was handed out", round);
        arena_reset(arena);
        is_int((long long)arena_used(arena), 0, "nothing is used after a reset");
        last = NULL;
    }
    ok(aligned, "all are aligned for any type");
    ok(zero, "all are zero, also where older data was");
    ok(apart, "neighbours do not overlap");
    arena_destroy(arena);
}

static void test_limit(void)
{
    struct arena *arena = arena_create(100000);
    volatile size_t huge = SIZE_MAX; /* the compiler would refuse to build the calls */
    size_t n = 0;

    while (arena_alloc(arena, 1000))
        n++;
    ok(n >= 90 && n <= 100, "a limit of 100,000 bytes gives %zu pieces of 1,000", n);
    ok(!arena_alloc(arena, 60000), "a large request over the limit fails");
    arena_reset(arena);
    ok(arena_alloc(arena, 60000), "and succeeds after a reset");
    ok(!arena_alloc(arena, huge), "SIZE_MAX fails");
    ok(!arena_alloc(arena, huge - 100), "so does a little less");
    ok(!arena_strndup(arena, "", huge), "and a string of that length");
    arena_destroy(arena);

    arena = arena_create(10);
    ok(!arena_alloc(arena, 100), "an arena smaller than the first request");
    arena_destroy(arena);
    arena_destroy(NULL);
}

static void test_text(void)
{
    struct arena *arena = arena_create(1 << 20);
    void *large;

    is_str(arena_strndup(arena, "ravens", 5), "raven", "strndup");
    is_str(arena_strndup(arena, "", 0), "", "strndup of nothing");
    is_str(arena_printf(arena, "%s %05d", "n", 42), "n 00042", "printf");
    large = arena_alloc(arena, 600000);
    ok(large && is_zero(large, 600000), "a request larger than any block");
    arena_destroy(arena);
}

int main(void)
{
    plan_later();
    test_many();
    test_limit();
    test_text();
    done();
    return tap_status();
}
