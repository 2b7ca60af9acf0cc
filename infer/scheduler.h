/*
 * infer/scheduler.h - several replies at a time from one engine.
 *
 * A step evaluates one batch: the next token of every reply that is being written, and pieces of the prompts that are still to be
 * read, so that rows of weights are read once for all and nobody waits for another's whole prompt.  What has been read once is
 * found again by its tokens (infer/prefix_cache.h).  A reply is, token by token, what session_decode() would have given.
 *
 * Where it pays the next tokens are guessed (infer/draft.h), from the transcript and from what the constraint leaves, and evaluated
 * in the same batch; those that the sampler then picks itself are kept.
 *
 * One scheduler an engine, and only one thread for both.  Nothing is allocated between the first token and the last but pages.
 */
#ifndef INFER_SCHEDULER_H
#define INFER_SCHEDULER_H

#include "infer/infer.h"

struct scheduler;
struct generation;

#define SCHEDULER_MAX_RUNNING 16

struct generation_end {
    enum decode_finish finish;
    const struct err  *err; /* NULL: it went well */
    size_t             n_cached, n_tokens; /* tokens of the prompt that were known, tokens of the reply */
    size_t             n_guessed, n_right; /* tokens of the reply that were guessed, and of these right */
};

struct generation_spec {
    const int32_t     *prompt; /* [n_prompt], copied */
    size_t             n_prompt;
    struct sampling    sampling;
    struct constraint *constraint; /* as in struct decode; lives until on_end */
    size_t             max_tokens;
    const int32_t     *replay; /* [max_tokens]: what is written whatever the model says, to measure with; NULL: what it says */
    void (*on_prompt)(void *arg); /* the prompt has been read; may be NULL */
    void (*on_token)(void *arg, int32_t token);
    void (*on_end)(void *arg, const struct generation_end *); /* the last call, from scheduler_step() */
    void *arg;
};

struct scheduler_options {
    size_t cache_bytes; /* for what is remembered of all sequences; 0: an eighth of the machine's memory */
    const char *prefixes; /* a folder where what transcripts have in common is kept for the next start; NULL: none */
    enum { SCHEDULER_DRAFT_PAYS, SCHEDULER_DRAFT_OFF, SCHEDULER_DRAFT_ALWAYS } draft; /* when tokens are guessed */
};

/* CORAX_E_LIMIT. */
struct scheduler *scheduler_create(struct engine *, const struct scheduler_options *, struct err *) __attribute__((warn_unused_result));
void scheduler_destroy(struct scheduler *); /* what runs ends without a call */

/* CORAX_E_LIMIT, CORAX_E_ARGS as session_sync() and session_decode().  The generation lives until on_end returns. */
struct generation *scheduler_add(struct scheduler *, const struct generation_spec *, struct err *);
void generation_cancel(struct generation *); /* ends with DECODE_STOPPED in the next step */
/* When there is nothing else to do: writes a piece of what was read.  false: all is written. */
bool scheduler_save(struct scheduler *);
/* Forgets some of what was read, for somebody else who needs its memory.  false: there is nothing left to be forgotten. */
bool scheduler_make_room(struct scheduler *);
/* One batch.  false: there was nothing to do. */
bool scheduler_step(struct scheduler *);

#endif
