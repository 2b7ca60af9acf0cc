/* infer/bench_peer.h - another engine's speeds, from a command that prints them as JSON. */
#ifndef INFER_BENCH_PEER_H
#define INFER_BENCH_PEER_H

#include <stddef.h>

#include "util/err.h"
#include "util/json.h"

/*
 * Runs a shell command and parses what it prints: what llama-bench -o json does, or corax-infer bench --json.  The caller frees
 * it.  NULL with CORAX_E_UNAVAIL (it failed, and how) or CORAX_E_ARGS (it printed something else).
 */
struct json *bench_peer_run(const char *command, struct err *);
/*
 * Tokens a second of a prompt of n tokens (n_prompt), or of n tokens written by each of n_sequences at a time (n_prompt 0), behind
 * `depth` others; 0: it does not say.
 */
double bench_peer_speed(const struct json *, size_t n_prompt, size_t n, size_t n_sequences, size_t depth);

#endif
