#include "infer/intern.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 64

void intern_init(struct intern *t, size_t limit)
{
    *t = (struct intern){ .limit = limit };
}

void intern_finish(struct intern *t)
{
    free(t->words);
    free(t->starts);
    free(t->slots);
    *t = (struct intern){ 0 };
}

void intern_clear(struct intern *t)
{
    if (t->slots)
        memset(t->slots, 0, t->n_slots * sizeof *t->slots);
    t->n = t->n_words = 0;
    t->failed = false;
}

/* Multiply and rotate, word by word; what matters is that low bits depend on all words. */
static uint64_t hash_words(const uint32_t *words, size_t n)
{
    uint64_t h = 0x9e3779b97f4a7c15u ^ n;

    for (size_t i = 0; i < n; i++) {
        h = (h ^ words[i]) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    return h;
}

static bool grow(void *list, size_t *cap, size_t need, size_t size)
{
    void **at = list, *p;
    size_t n = *cap ? *cap : FIRST_SLOTS;

    if (need <= *cap)
        return true;
    while (n < need)
        n *= 2;
    p = realloc(*at, n * size);
    if (!p)
        return false;
    *at = p;
    *cap = n;
    return true;
}

static bool grow_slots(struct intern *t)
{
    size_t n = t->n_slots ? 2 * t->n_slots : FIRST_SLOTS;
    uint32_t *slots = calloc(n, sizeof *slots);

    if (!slots)
        return false;
    for (size_t i = 0; i < t->n; i++) {
        size_t at = hash_words(t->words + t->starts[i], t->starts[i + 1] - t->starts[i]) & (n - 1);

        while (slots[at])
            at = (at + 1) & (n - 1);
        slots[at] = (uint32_t)i + 1;
    }
    free(t->slots);
    t->slots = slots;
    t->n_slots = n;
    return true;
}

static bool has_room(struct intern *t, size_t n)
{
    return n <= t->limit && t->n_words <= t->limit - n && t->n < INTERN_NONE - 1 &&
           grow(&t->words, &t->words_cap, t->n_words + n, sizeof *t->words) &&
           grow(&t->starts, &t->starts_cap, t->n + 2, sizeof *t->starts);
}

uint32_t intern_add(struct intern *t, const uint32_t *words, size_t n)
{
    size_t at;

    if (2 * (t->n + 1) > t->n_slots && !grow_slots(t)) {
        t->failed = true;
        return INTERN_NONE;
    }
    at = hash_words(words, n) & (t->n_slots - 1);
    for (; t->slots[at]; at = (at + 1) & (t->n_slots - 1)) {
        size_t i = t->slots[at] - 1;

        if (t->starts[i + 1] - t->starts[i] == n && (n == 0 || memcmp(t->words + t->starts[i], words, n * sizeof *words) == 0))
            return (uint32_t)i;
    }
    if (!has_room(t, n)) {
        t->failed = true;
        return INTERN_NONE;
    }
    if (n)
        memcpy(t->words + t->n_words, words, n * sizeof *words);
    t->starts[t->n] = t->n_words;
    t->n_words += n;
    t->starts[++t->n] = t->n_words;
    t->slots[at] = (uint32_t)t->n;
    return (uint32_t)t->n - 1;
}

const uint32_t *intern_get(const struct intern *t, uint32_t number, size_t *n)
{
    *n = t->starts[number + 1] - t->starts[number];
    return *n ? t->words + t->starts[number] : NULL;
}
