/*
 * infer/roofline.h - what the machine can do, so that a speed can be said as a part of it.
 *
 * Source of the idea: Williams, Waterman, Patterson, Roofline, CACM 52(4), 2009.
 */
#ifndef INFER_ROOFLINE_H
#define INFER_ROOFLINE_H

#include "infer/pool.h"
#include "util/err.h"

/* A second, by all threads of the pool together; 0: the processor lacks the instructions, or this build them. */
struct roofline {
    double read_bytes; /* from memory, by plain loads */
    double f32, bf16, int8; /* operations: a multiplication and an addition are two */
};

struct roofline_buffer; /* of memory that no cache holds */

struct roofline_buffer *roofline_create(struct err *); /* CORAX_E_LIMIT */
void roofline_destroy(struct roofline_buffer *);
/* Takes some 0.2 s. */
struct roofline roofline_measure(const struct roofline_buffer *, struct pool *);

#endif
