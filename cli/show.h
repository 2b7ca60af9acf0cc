/*
 * cli/show.h - a task's events as people read them: live (`corax run`, `corax watch`) and afterwards (`corax trace`).
 */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "util/buf.h"
#include "util/json.h"

/*
 * Live: what the model thinks, what it calls, what comes back.  On a terminal a thought appears word by word.  The
 * answer is not shown here: it goes to standard output, by show_answer().
 */
struct show {
    FILE *out;
    bool quiet;         /* nothing but what asks for a person */
    bool streams;       /* out is a terminal: show deltas */
    bool in_thought;    /* a streamed thought stands unfinished on the line */
    struct buf thought; /* what of it was streamed */
};

void show_init(struct show *, FILE *out, bool quiet);
void show_finish(struct show *);
void show_delta(struct show *, const struct json *delta);
void show_event(struct show *, const struct json *event);
/* Ends a half-written line, if there is one, so that something else may be printed. */
void show_break(struct show *);

/* The answer, ended by a newline: as it is where `out` is a file or a pipe, made harmless where it is a terminal. */
void show_answer(FILE *out, const char *text);
/*
 * What a task waits for: call, effects, rule, and, with commands, how to answer it from elsewhere.  waiting_for is the API's member of that
 * name, or the event that began the waiting (approval_asked, question_asked, effect_unverified).
 */
void show_waiting(FILE *out, const struct json *waiting_for, const char *task_id, bool commands);

/* "2026-11-28 14:30:00 CET", in the local time zone. */
void show_when(FILE *out, double unix_ms);

/* Afterwards, with every event: time since the task was submitted, what happened, all of its text. */
void show_trace_task(FILE *out, const struct json *task);
void show_trace_event(FILE *out, const struct json *event, int64_t begin_ms);

/* "answered", "failed (budget_steps)", "running": state and outcome in one word. */
const char *show_state(const struct json *task);

#endif
