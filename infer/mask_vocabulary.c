/* What is the same for all grammars: the vocabulary, and the languages and masks that they share. */
#include <stdlib.h>

#include "infer/mask_entry.h"

#define MASK_MAX_BYTES ((size_t)512 << 20) /* of languages in a cache */

void mask_cache_forget(struct mask_cache *x)
{
    for (size_t i = 0; i < x->entries_cap; i++) {
        entry_destroy(x->entries[i]);
        x->entries[i] = NULL;
    }
    x->n_entries = 0;
}

void mask_cache_release(struct mask_cache *c)
{
    if (!c || --c->n_users > 0)
        return;
    if (c->entries)
        mask_cache_forget(c);
    free(c->entries);
    loops_destroy(c->loops);
    regexes_destroy(c->regexes);
    free(c);
}

static struct mask_cache *cache_create(struct mask_vocabulary *v, struct err *err)
{
    struct mask_cache *c = calloc(1, sizeof *c);

    if (!c) {
        fail(err, CORAX_E_LIMIT, "out of memory for a constraint");
        return NULL;
    }
    c->n_users = 1;
    c->vocabulary = v;
    c->entries_cap = 4 * MASK_MAX_ENTRIES;
    c->entries = calloc(c->entries_cap, sizeof *c->entries);
    c->regexes = regexes_create(MASK_MAX_BYTES, err);
    c->loops = c->regexes ? loops_create(c->regexes) : NULL;
    if (c->entries && c->loops)
        return c;
    if (!c->entries || c->regexes)
        fail(err, CORAX_E_LIMIT, "out of memory for a constraint");
    mask_cache_release(c);
    return NULL;
}

struct mask_cache *mask_cache_acquire(struct mask_vocabulary *v, struct err *err)
{
    if (v->cache && (regex_failed(v->cache->regexes) || regex_n_states(v->cache->regexes) > MASK_MAX_STATES)) {
        mask_cache_release(v->cache);
        v->cache = NULL;
    }
    if (!v->cache)
        v->cache = cache_create(v, err);
    if (v->cache)
        v->cache->n_users++;
    return v->cache;
}

static int make_any(struct mask_vocabulary *v, struct err *err)
{
    const struct program program = { 0 };
    const struct frame any = { .kind = FRAME_STRING, .regex = REGEX_ANY };
    struct regexes *regexes = regexes_create((size_t)1 << 20, err);
    struct loops *loops = regexes ? loops_create(regexes) : NULL;
    int result = !regexes ? -1 : loops ? 0 : fail(err, CORAX_E_LIMIT, "out of memory for a vocabulary of %zu tokens", v->n_tokens);

    for (int escapes = 0; escapes < 2 && result == 0; escapes++) {
        const struct json_style style = { .escapes = escapes };
        struct machine m;

        result = machine_init(&m, &program, regexes, NULL, &style, err);
        if (result == 0 && !(v->any[escapes] = entry_create(&m, v, loops, NULL, &any, COUNT_UNITS)))
            result = fail(err, CORAX_E_LIMIT, "out of memory for a vocabulary of %zu tokens", v->n_tokens);
        machine_finish(&m);
    }
    loops_destroy(loops);
    regexes_destroy(regexes);
    return result;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static int make_blanks(struct mask_vocabulary *v, struct err *err)
{
    struct leavings l = { 0 };
    int result;

    v->blanks = calloc(1, sizeof *v->blanks);
    for (size_t i = 0; i < v->n_tokens && v->blanks; i++) {
        size_t len, n = 0;
        const char *bytes = mask_vocabulary_bytes(v, (int32_t)i, &len);

        while (n < len && is_blank(bytes[n]))
            n++;
        if (n > 0)
            leavings_add(&l, bytes + n, len - n, (int32_t)i, 0);
    }
    result = v->blanks && exits_build(v->blanks, &l) == 0
                 ? 0 : fail(err, CORAX_E_LIMIT, "out of memory for a vocabulary of %zu tokens", v->n_tokens);
    free(l.list);
    free(l.bytes);
    return result;
}

static void unprepare(struct mask_vocabulary *v)
{
    token_trie_destroy(v->trie);
    entry_destroy(v->any[0]);
    entry_destroy(v->any[1]);
    if (v->blanks)
        exits_finish(v->blanks);
    free(v->blanks);
    v->trie = NULL;
    v->any[0] = v->any[1] = NULL;
    v->blanks = NULL;
}

int mask_vocabulary_prepare(struct mask_vocabulary *v, struct err *err)
{
    if (v->trie)
        return 0;
    v->trie = token_trie_create(v->tokenizer, err);
    if (v->trie && make_any(v, err) == 0 && make_blanks(v, err) == 0)
        return 0;
    unprepare(v);
    return -1;
}

struct mask_vocabulary *mask_vocabulary_create(const struct tokenizer *tokenizer, struct err *err)
{
    struct mask_vocabulary *v = calloc(1, sizeof *v);

    if (!v) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    v->tokenizer = tokenizer;
    v->n_tokens = tokenizer_n_tokens(tokenizer);
    v->n_words = (v->n_tokens + 31) / 32;
    return v;
}

const char *mask_vocabulary_bytes(const struct mask_vocabulary *v, int32_t token, size_t *len)
{
    *len = 0;
    return token >= 0 && (size_t)token < v->n_tokens ? tokenizer_bytes(v->tokenizer, token, len) : NULL;
}

void mask_vocabulary_destroy(struct mask_vocabulary *v)
{
    if (!v)
        return;
    mask_cache_release(v->cache);
    unprepare(v);
    free(v);
}
