/*
 * tests/bench/masks_replay.h - replays instances of schemas through something that computes masks of tokens, and takes the time.
 *
 * One loop for our masks (masks.c) and for another engine's (masks_peer.c), so that what is compared was measured alike: one thread,
 * the same tokens in the same order, and the clock around one call at a time.
 */
#ifndef TESTS_BENCH_MASKS_REPLAY_H
#define TESTS_BENCH_MASKS_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"
#include "util/json.h"

/* What computes masks.  `arg` is its own. */
struct mask_engine {
    void *arg;
    /* A schema, as JSON text (NUL-terminated).  NULL: refused, err says why. */
    void *(*compile)(void *arg, const char *schema, size_t len, struct err *err);
    /* A text that begins.  It keeps nothing of what earlier texts of the schema taught.  NULL: err says why. */
    void *(*begin)(void *arg, void *compiled, struct err *err);
    /* Bit i % 32 of word i / 32 says that token i may come next; valid until the next call.  NULL: it gave up. */
    const uint32_t *(*mask)(void *state);
    /* Moves past a token of the mask; false: it was none, or the engine gave up. */
    bool (*accept)(void *state, int32_t token);
    /* May the text end here? */
    bool (*ends)(void *state);
    void (*leave)(void *state);
    void (*destroy)(void *compiled);
};

/*
 * in      a JSON object a line: {"name", "schema": its text, "tests": [{"valid", "ids": [tokens of the instance]}]}
 * out     a JSON object a line: {"name", "error": why the schema is refused, or null, "compile_ns",
 *         "first_ns": of the first mask, "tests": [{"valid", "taken": tokens, "n": of so many, "ends", "failed"}],
 *         "mask_ns": [of each mask], "accept_ns": [of each accepted token]}; times of a refused schema are left out
 *
 * A text is left at its first token that is not in the mask.  A schema without tests still has its first mask computed.
 * -1 with CORAX_E_IO, CORAX_E_ARGS (a broken line) or CORAX_E_LIMIT.
 */
int masks_replay(const struct mask_engine *, const char *in, const char *out, struct err *);

/* Calls `each` with every line of such a file until one returns -1, and returns that. */
int masks_lines(const char *path, int (*each)(void *arg, const struct json *line, struct err *err), void *arg,
                struct err *err);

#endif
