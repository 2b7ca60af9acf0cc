/* infer/aligned.h - memory that begins at a cache line. */
#ifndef INFER_ALIGNED_H
#define INFER_ALIGNED_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_LINE 64

/* n times size bytes, all 0, to be given to free().  NULL: out of memory. */
static inline void *aligned_zeros(size_t n, size_t size)
{
    size_t bytes;
    void *memory;

    if (size > 0 && n > (SIZE_MAX - CACHE_LINE) / size)
        return NULL;
    bytes = (n * size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    memory = aligned_alloc(CACHE_LINE, bytes);
    return memory ? memset(memory, 0, bytes) : NULL;
}

#endif
