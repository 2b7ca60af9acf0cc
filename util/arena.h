/*
 * util/arena.h - memory that is freed all at once.
 *
 * One arena per task step: whatever a step needs is taken from it, and resetting it when the step's result is in the
 * journal frees all of that.  Blocks double up to 256 KiB; a limit bounds the whole.  NULL means out of memory or over
 * the limit.  Memory is zeroed and aligned for any type.
 */
#ifndef UTIL_ARENA_H
#define UTIL_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_create(size_t limit);
void arena_destroy(struct arena *);
void arena_reset(struct arena *);                     /* keeps the first block */
void *arena_alloc(struct arena *, size_t size) __attribute__((alloc_size(2)));
char *arena_strndup(struct arena *, const char *s, size_t len);
char *arena_printf(struct arena *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
size_t arena_used(const struct arena *);              /* bytes handed out since the last reset */

#endif
