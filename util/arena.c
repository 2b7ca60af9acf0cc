#include "util/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK ((size_t)4096)
#define LARGE_BLOCK ((size_t)256 * 1024) /* as large as doubling gets: a bigger request has a block of its own */

struct block {
    struct block *older;
    size_t size, used; /* of data, in bytes */
    _Alignas(max_align_t) unsigned char data[];
};

struct arena {
    struct block *newest;
    size_t limit, blocks_bytes, used_before; /* used_before: in all blocks but the newest */
};

/*
 * Arenas come and go with each message, and malloc searches for blocks of this size.  A few first blocks are kept for the next
 * arenas of the same thread; not where a sanitizer is to see what is used after its end.
 */
#ifdef CORAX_SANITIZE
#define MAX_SPARE 0
#else
#define MAX_SPARE 8
#endif

static _Thread_local struct block *spare;
static _Thread_local int n_spare;

static struct block *take_block(size_t size)
{
    struct block *block = spare;

    if (size != FIRST_BLOCK || block == NULL)
        return malloc(sizeof(*block) + size);
    spare = block->older;
    n_spare--;
    return block;
}

static void give_block(struct block *block)
{
    if (block == NULL || block->size != FIRST_BLOCK || n_spare >= MAX_SPARE) {
        free(block);
        return;
    }
    block->older = spare;
    spare = block;
    n_spare++;
}

struct arena *arena_create(size_t limit)
{
    struct arena *arena = calloc(1, sizeof(*arena));

    if (arena)
        arena->limit = limit;
    return arena;
}

void arena_destroy(struct arena *arena)
{
    if (!arena)
        return;
    arena_reset(arena);
    give_block(arena->newest);
    free(arena);
}

void arena_reset(struct arena *arena)
{
    struct block *block = arena->newest;

    if (!block)
        return;
    while (block->older) {
        struct block *older = block->older;

        free(block);
        block = older;
    }
    block->used = 0;
    arena->newest = block;
    arena->blocks_bytes = block->size;
    arena->used_before = 0;
}

static bool add_block(struct arena *arena, size_t need)
{
    size_t size = FIRST_BLOCK, left = arena->limit - arena->blocks_bytes;
    struct block *block;

    if (arena->newest)
        size = arena->newest->size >= LARGE_BLOCK / 2 ? LARGE_BLOCK : 2 * arena->newest->size;
    if (size > left)
        size = left;
    if (size < need)
        size = need;
    if (size > left || size > SIZE_MAX - sizeof(*block))
        return false;
    block = take_block(size);
    if (!block)
        return false;
    block->older = arena->newest;
    block->size = size;
    block->used = 0;
    if (arena->newest)
        arena->used_before += arena->newest->used;
    arena->newest = block;
    arena->blocks_bytes += size;
    return true;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    void *p;

    if (size > SIZE_MAX - align)
        return NULL;
    size = size == 0 ? align : (size + align - 1) / align * align;
    if ((!arena->newest || arena->newest->size - arena->newest->used < size) && !add_block(arena, size))
        return NULL;
    p = arena->newest->data + arena->newest->used;
    arena->newest->used += size;
    return memset(p, 0, size);
}

char *arena_strndup(struct arena *arena, const char *s, size_t len)
{
    char *copy = len < SIZE_MAX ? arena_alloc(arena, len + 1) : NULL;

    if (copy && len > 0)
        memcpy(copy, s, len);
    return copy;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list ap, again;
    char *text = NULL;
    int len;

    va_start(ap, fmt);
    va_copy(again, ap);
    len = vsnprintf(NULL, 0, fmt, ap);
    if (len >= 0)
        text = arena_alloc(arena, (size_t)len + 1);
    if (text)
        vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return text;
}

size_t arena_used(const struct arena *arena)
{
    return arena->used_before + (arena->newest ? arena->newest->used : 0);
}
