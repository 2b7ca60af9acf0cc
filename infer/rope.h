/*
 * infer/rope.h - rotary positions: the angle of each pair of a head's numbers, as a file's keys say.
 *
 * Source: Su et al., RoFormer, arXiv:2104.09864, section 3.4; YaRN: Peng et al., arXiv:2309.00071, section 3.
 */
#ifndef INFER_ROPE_H
#define INFER_ROPE_H

#include <stddef.h>

#include "infer/gguf.h"
#include "util/err.h"

/* Which numbers of a head form a pair.  The wrong order still gives fluent text, only worse. */
enum rope_pairs {
    ROPE_NEIGHBOURS, /* (x[2i], x[2i + 1]): files of llama, whose conversion reorders the rows of q and k for it */
    ROPE_HALVES,     /* (x[i], x[i + n_rot / 2]): files of most others */
};

struct rope {
    enum rope_pairs pairs;
    size_t          n_rot;         /* columns of a head that turn, even */
    double         *frequency;     /* [n_rot / 2], radians a token */
    double         *far_frequency; /* the same for contexts longer than original_ctx; NULL: no other */
    size_t          original_ctx;
    double          magnitude;     /* of what is rotated; 1 but with YaRN and LongRoPE */
};

/*
 * Reads ARCH.rope.* and the tensors rope_freqs, rope_factors_long and rope_factors_short of it, if there are any.
 * `base` is what applies where the file says nothing; scaling none, linear, yarn and longrope.  CORAX_E_ARGS, CORAX_E_LIMIT.
 */
int rope_init(struct rope *, const struct gguf *, const char *arch, enum rope_pairs, size_t n_rot, double base,
              size_t n_ctx, struct err *);
/* Without any scaling: what some layers of Gemma 3 use. */
int rope_init_plain(struct rope *, enum rope_pairs, size_t n_rot, double base, struct err *);
void rope_finish(struct rope *); /* does nothing to one that is all zero */

/* For a session of n_ctx tokens: with LongRoPE the frequencies depend on its length. */
void rope_choose(struct rope *, size_t n_ctx);

/*
 * table [n_rot / 2][2] = cos, sin of pos * frequency[i], times the magnitude.  Computed in double: at position 4096 an angle
 * in float would be off by 2e-4.
 */
void rope_table(const struct rope *, size_t pos, float *table);
/* Turns the heads of one token, x [n_head][head_dim], in place; columns [0, n_rot) of each head change. */
void rope_apply(const struct rope *, const float *table, float *x, size_t n_head, size_t head_dim);

#endif
