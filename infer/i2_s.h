/*
 * infer/i2_s.h - which program packed the matrices of type I2_S.
 *
 * Three layouts have the same id and size (docs/gguf.md), and each byte is valid in all of them.  What tells them apart is
 * training: a unit of the feed-forward whose rows of gate and up have many weights that are not 0 has many in its column of
 * down, too.  Read in the wrong layout, columns change places and the two numbers have nothing to do with each other.
 *
 *     struct i2_s_evidence e = { 0 };
 *     i2_s_add(&e, &gate, &up, &down);                 of a layer or two
 *     i2_s_check(&e, &err);
 *
 * Source: the layouts, Microsoft's bitnet.cpp; that they can be told apart so, our own measurement: of a model of 3 layers and 768
 * units, trained for 400 steps, z of two layers together is 25 in the right layout and at most 6 in a wrong one.
 */
#ifndef INFER_I2_S_H
#define INFER_I2_S_H

#include <stddef.h>

#include "infer/ops.h"
#include "util/err.h"

enum i2_s_layout { I2_S_X86, I2_S_ARM, I2_S_FOUR_ROWS, I2_S_N_LAYOUTS };

struct i2_s_evidence {
    double z[I2_S_N_LAYOUTS]; /* sums of r * sqrt(n): about normal, of variance 1 each, if there is no relation */
    size_t n;                 /* how many were added */
};

/* gate and up [n_ff][n_embd], down [n_embd][n_ff], all of type I2_S; n_embd and n_ff fill blocks of 128. */
void i2_s_add(struct i2_s_evidence *, const struct matrix *gate, const struct matrix *up, const struct matrix *down);
/* CORAX_E_ARGS when another layout than that of x86 fits, and that one does not; random weights are let through. */
int i2_s_check(const struct i2_s_evidence *, struct err *);

#endif
