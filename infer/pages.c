#include "infer/pages.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "infer/aligned.h"

#define HALF_EXPONENT 0x7c00
#define BF16_EXPONENT 0x7f80

struct pages {
    struct kv_layout layout;
    size_t max_bytes, n_all, n_used;
    struct page *free;
};

int kv_layout_init(struct kv_layout *l, enum quant_type type, size_t n_layer, size_t n_kv_head, size_t head_dim, struct err *err)
{
    const size_t width = (head_dim + STATE_STEP - 1) / STATE_STEP * STATE_STEP;
    size_t side, all;

    assert(type == QUANT_F32 || type == QUANT_F16 || type == QUANT_BF16 || type == QUANT_Q8_0);
    side = type == QUANT_F32    ? STATE_BLOCK * width * sizeof(float)
           : type == QUANT_Q8_0 ? STATE_BLOCK * (width + width / STATE_STEP * sizeof(uint16_t))
                                : STATE_BLOCK * width * sizeof(uint16_t);
    if (__builtin_mul_overflow(2 * side, n_kv_head, &all) || __builtin_mul_overflow(all, n_layer, &all))
        return fail(err, CORAX_E_LIMIT, "the keys and values of %d tokens are more than memory", STATE_BLOCK);
    *l = (struct kv_layout){ type, n_layer, n_kv_head, head_dim, width, side, all };
    return 0;
}

static size_t value_bytes(const struct kv_layout *l)
{
    return l->type == QUANT_F32 ? sizeof(float) : l->type == QUANT_Q8_0 ? 1 : sizeof(uint16_t);
}

/* [n / STATE_PANEL][m][STATE_PANEL] */
static void clear_panels(unsigned char *panels, size_t size, size_t m, size_t first)
{
    for (size_t p = first; p < STATE_BLOCK; p++)
        for (size_t i = 0; i < m; i++)
            memset(panels + ((p / STATE_PANEL * m + i) * STATE_PANEL + p % STATE_PANEL) * size, 0, size);
}

static void clear_rows(unsigned char *rows, size_t row_bytes, size_t first)
{
    memset(rows + first * row_bytes, 0, (STATE_BLOCK - first) * row_bytes);
}

/* Keys are panels of pairs; of values the second of a pair may be all that goes. */
static void clear_pairs(const struct kv_layout *l, unsigned char *keys, size_t first)
{
    uint16_t *values = (uint16_t *)(keys + l->side_bytes);

    clear_panels(keys, 2 * sizeof(uint16_t), l->width / 2, first);
    for (size_t p = first; p < STATE_BLOCK; p++)
        for (size_t i = 0; i < l->width; i++)
            values[(p / 2 * l->width + i) * 2 + p % 2] = 0;
}

void kv_clear(const struct kv_layout *l, unsigned char *page, size_t first)
{
    const size_t size = value_bytes(l), all = STATE_BLOCK * l->width * size, steps = l->width / STATE_STEP;

    for (size_t i = 0; i < l->n_layer * l->n_kv_head; i++, page += 2 * l->side_bytes) {
        if (l->type == QUANT_BF16) {
            clear_pairs(l, page, first);
            continue;
        }
        clear_panels(page, size, l->width, first);
        clear_rows(page + l->side_bytes, l->width * size, first);
        if (l->type != QUANT_Q8_0)
            continue;
        clear_panels(page + all, sizeof(uint16_t), steps, first);
        clear_rows(page + l->side_bytes + all, steps * sizeof(uint16_t), first);
    }
}

/* exponent: the bits that are all set in what is infinite or no number. */
static bool are_finite(const unsigned char *bytes, size_t n_bytes, unsigned exponent)
{
    const uint16_t *x = (const uint16_t *)bytes;
    bool bad = false;

    for (size_t i = 0; i < n_bytes / sizeof *x; i++)
        bad |= (x[i] & exponent) == exponent;
    return !bad;
}

bool kv_is_finite(const struct kv_layout *l, const unsigned char *page)
{
    const size_t scales = STATE_BLOCK * l->width;
    bool good = true;

    if (l->type == QUANT_F16)
        return are_finite(page, l->page_bytes, HALF_EXPONENT);
    if (l->type == QUANT_BF16)
        return are_finite(page, l->page_bytes, BF16_EXPONENT);
    if (l->type == QUANT_F32) {
        for (size_t i = 0; i < l->page_bytes / sizeof(float); i++)
            good &= isfinite(((const float *)page)[i]) != 0;
        return good;
    }
    for (size_t i = 0; i < 2 * l->n_layer * l->n_kv_head; i++, page += l->side_bytes)
        good &= are_finite(page + scales, l->side_bytes - scales, HALF_EXPONENT);
    return good;
}

struct pages *pages_create(const struct kv_layout *layout, size_t max_bytes, struct err *err)
{
    struct pages *p = calloc(1, sizeof *p);

    if (!p) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    p->layout = *layout;
    pages_limit(p, max_bytes);
    return p;
}

void pages_limit(struct pages *p, size_t max_bytes)
{
    p->max_bytes = max_bytes ? max_bytes : SIZE_MAX;
}

void pages_destroy(struct pages *p)
{
    if (!p)
        return;
    assert(p->n_used == 0);
    while (p->free) {
        struct page *page = p->free;

        p->free = page->next;
        free(page->data);
        free(page);
    }
    free(p);
}

const struct kv_layout *pages_layout(const struct pages *p)
{
    return &p->layout;
}

size_t pages_n_used(const struct pages *p)
{
    return p->n_used;
}

static struct page *new_page(struct pages *p)
{
    const size_t bytes = (p->layout.page_bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    struct page *page;

    if (p->max_bytes / bytes <= p->n_all)
        return NULL;
    page = calloc(1, sizeof *page);
    if (page && !(page->data = aligned_zeros(1, bytes))) {
        free(page);
        return NULL;
    }
    if (page)
        p->n_all++;
    return page;
}

struct page *pages_take(struct pages *p)
{
    struct page *page = p->free;

    if (page)
        p->free = page->next;
    else
        page = new_page(p);
    if (!page)
        return NULL;
    page->next = NULL;
    page->n_users = 1;
    p->n_used++;
    return page;
}

void pages_hold(struct page *page)
{
    page->n_users++;
}

void pages_drop(struct pages *p, struct page *page)
{
    if (!page || --page->n_users > 0)
        return;
    page->next = p->free;
    p->free = page;
    p->n_used--;
}
