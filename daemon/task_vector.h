/*
 * daemon/task_vector.h - the vector of a text that a task searches with: memories by its input, tools by whatever tells what it needs.
 *
 * It takes a round trip to the model of embeddings, so it is made before the search, and the task waits for it (PHASE_VECTOR), at most
 * embedding.timeout_ms.  What was chosen with it is in the trace; the vector is not, and neither recovery nor replay makes it again.
 */
#ifndef DAEMON_TASK_VECTOR_H
#define DAEMON_TASK_VECTOR_H

#include "daemon/task.h"

struct text_vector {
    const float *at; /* [dim]; NULL: none, whether nobody asked for it or there is none to be had */
    size_t dim;
    const char *key; /* as vectors_key() */
};

/*
 * Before a planner's command is carried out that searches with this text: true: its vector is being made, and task_advance() is called
 * with the same command when that is over; false: go on, it is there or will not be.  One text at a time: another takes its place.
 */
bool task_vector_waits(struct task *, const char *text, size_t len);
/* Of that text; until another is asked for. */
struct text_vector task_vector_of(const struct task *, const char *text, size_t len);
void task_vector_stop(struct task *); /* lets go of what is under way */
void task_vector_destroy(struct task *);

/* The texts of the task's input, with a newline between. */
void task_input_text(const struct task *, struct buf *out);

#endif
