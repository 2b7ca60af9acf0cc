/*
 * tests/infer/chance_vocab.h - a vocabulary of chance: long tokens with much in common, bytes that JSON and tags have for themselves, characters
 * that are cut, and bytes that are none.
 */
#ifndef TESTS_INFER_CHANCE_VOCAB_H
#define TESTS_INFER_CHANCE_VOCAB_H

#include "tests/fuzz/tiny_tokenizer.h"

#define CHANCE_MAX_PARTS 6
#define CHANCE_N_LETTERS 9 /* of the parts, from the first */

static inline struct tokenizer *chance_tokenizer_create(size_t n)
{
    static const char *const parts[] = {
        "a", "b", "c", "e", "g", "h", "t", "the", "hat", " ", " ", "-", ".", ":", "/", "1", "20", "\\n", "\"", "\"", "\\\\", "\\\\u", "\\\\u00", "\\\\u00e",
        "\\xc3\\xa9", "\\xe6\\xbc\\xa2", "\\xe6\\xbc", "\\xc3", "\\xa9", "\\xf0\\x9f\\x98\\x80", "{", "}", ",", "<", "</", ">",
    };
    struct tiny_piece *list = calloc(n, sizeof *list);
    char (*pieces)[CHANCE_MAX_PARTS * 16 + 1] = calloc(n, sizeof *pieces);
    struct tokenizer *t;
    uint64_t random = 2024;

    require(n > 0 && list && pieces);
    list[0] = tiny_escaped[0];
    for (size_t i = 1; i < n; i++) {
        const size_t n_parts = tiny_random(&random) % 2 ? CHANCE_N_LETTERS : sizeof parts / sizeof *parts;

        for (size_t k = 1 + tiny_random(&random) % CHANCE_MAX_PARTS; k > 0; k--)
            strcat(pieces[i], parts[tiny_random(&random) % n_parts]);
        list[i] = (struct tiny_piece){ pieces[i], 1, 0 };
    }
    t = tiny_kind_create("rwkv", list, n);
    free(list);
    free(pieces);
    return t;
}

#endif
