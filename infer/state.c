#include "infer/state.h"

#include <stdlib.h>
#include <string.h>

static size_t pages_for(size_t n)
{
    return (n + STATE_BLOCK - 1) / STATE_BLOCK;
}

int state_init(struct state *s, const struct shape *shape, struct pages *pages, size_t n_ctx, struct err *err)
{
    memset(s, 0, sizeof *s);
    s->pages = pages;
    s->n_layer = shape->n_layer;
    s->n_recurrent = shape->n_recurrent;
    s->n_ctx = n_ctx;
    s->table = calloc(pages_for(n_ctx) + 1, sizeof(struct page *));
    s->recurrent = calloc(shape->n_layer * shape->n_recurrent + 1, sizeof *s->recurrent);
    if (!s->table || !s->recurrent) {
        state_finish(s);
        return fail(err, CORAX_E_LIMIT, "out of memory for a session of %zu tokens", n_ctx);
    }
    return 0;
}

void state_finish(struct state *s)
{
    state_trim(s, 0);
    free(s->table);
    free(s->recurrent);
    memset(s, 0, sizeof *s);
}

int state_reserve(struct state *s, size_t first, size_t end, struct err *err)
{
    const size_t bytes = pages_layout(s->pages)->page_bytes;

    if (bytes == 0)
        return 0;
    for (size_t i = first / STATE_BLOCK; i < pages_for(end); i++) {
        struct page *page = s->table[i], *own;

        if (page && page->n_users == 1)
            continue;
        own = pages_take(s->pages);
        if (!own)
            return fail(err, CORAX_E_LIMIT, "no memory is left for the keys and values of token %zu", i * STATE_BLOCK);
        if (page)
            memcpy(own->data, page->data, bytes);
        pages_drop(s->pages, page);
        s->table[i] = own;
        if (i >= s->n_pages)
            s->n_pages = i + 1;
    }
    return 0;
}

void state_trim(struct state *s, size_t n)
{
    for (size_t keep = pages_for(n); s->n_pages > keep; s->table[--s->n_pages] = NULL)
        pages_drop(s->pages, s->table[s->n_pages - 1]);
}

size_t state_n_recurrent(const struct state *s)
{
    return s->n_layer * s->n_recurrent;
}

void state_reset(struct state *s)
{
    memset(s->recurrent, 0, state_n_recurrent(s) * sizeof *s->recurrent);
}

void state_copy(struct state *to, const struct state *from, size_t n)
{
    const size_t n_pages = pages_for(n) < from->n_pages ? pages_for(n) : from->n_pages;

    for (size_t i = 0; i < n_pages; i++) {
        pages_hold(from->table[i]);
        if (i < to->n_pages)
            pages_drop(to->pages, to->table[i]);
        to->table[i] = from->table[i];
    }
    if (to->n_pages > n_pages)
        state_trim(to, n_pages * STATE_BLOCK);
    to->n_pages = n_pages;
    memcpy(to->recurrent, from->recurrent, state_n_recurrent(to) * sizeof *to->recurrent);
}
