/*
 * infer/intern.h - numbers for lists of words: equal lists have equal numbers.
 *
 * What is compared and put into sets often (states of a parser above all) is written as a list of 32-bit words and known
 * by its number from then on.  Numbers count up from 0.
 */
#ifndef INFER_INTERN_H
#define INFER_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INTERN_NONE UINT32_MAX

struct intern {
    uint32_t *words;   /* the lists, one behind the other */
    size_t   *starts;  /* [n + 1] */
    uint32_t *slots;   /* [n_slots], a power of two: number + 1, 0 is free */
    size_t    n, n_words, words_cap, starts_cap, n_slots, limit;
    bool      failed;  /* past its limit or out of memory; every new list is INTERN_NONE then */
};

void intern_init(struct intern *, size_t limit); /* words in all; allocates nothing */
void intern_finish(struct intern *);
void intern_clear(struct intern *);              /* forgets the lists, keeps the memory */
/* The number of the list, new or known; INTERN_NONE when there is no room. */
uint32_t intern_add(struct intern *, const uint32_t *words, size_t n);
/* NULL for an empty list; valid until the next intern_add(). */
const uint32_t *intern_get(const struct intern *, uint32_t number, size_t *n);

#endif
