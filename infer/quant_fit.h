/*
 * infer/quant_fit.h - scales and minima with which a block of some format is nearest to given values.
 *
 * Near means that the sum of w (x - value)^2 is small, w being how much each value counts.  For given codes the best scale is
 * a quotient of sums (least squares), for a given scale the best codes are the nearest ones; so a number of scales around the
 * one that just reaches the largest value are tried, each is made the best one of its codes, and the best of all stays.
 *
 * Values that are not finite give any scale.  Nothing here allocates or fails.
 */
#ifndef INFER_QUANT_FIT_H
#define INFER_QUANT_FIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a code can stand for, before the scale. */
struct quant_levels {
    int           lo, hi;
    const int8_t *table; /* [16], rising from lo to hi; NULL: every integer from lo to hi */
};

/* The integer nearest to v within lo and hi; hi for what is no number. */
static inline int quant_nearest(float v, int lo, int hi)
{
    v = v < (float)hi ? v : (float)hi;
    v = v > (float)lo ? v : (float)lo;
    return (int)(v - (float)lo + 0.5f) + lo;
}

/* Which of the 16 is nearest to v. */
int quant_nearest_in(const int8_t table[16], float v);

/* The scale d for values d * level. */
float quant_fit_scale(const float *x, const float *w, size_t n, const struct quant_levels *);

/* Scale and offset for values d * code + offset with codes 0 to hi; at_most_0: the offset must be. */
void quant_fit_offset(const float *x, const float *w, size_t n, int hi, bool at_most_0, float *d, float *offset);

/*
 * The same for n_groups groups of n values: values d * scales[g] * level with scales lo to hi.  Returns d, which half
 * precision has.
 */
float quant_fit_groups(const float *x, const float *w, size_t n_groups, size_t n, const struct quant_levels *, int lo,
                       int hi, int8_t *scales);

/* Values d * scales[g] * code - m * mins[g], all four of them at least 0, with codes 0 to hi, scales and mins 0 to 63. */
void quant_fit_offset_groups(const float *x, const float *w, size_t n_groups, size_t n, int hi, float *d, float *m,
                             uint8_t *scales, uint8_t *mins);

/* The scale d for values -d, 0, d; the best there is. */
float quant_fit_ternary(const float *x, const float *w, size_t n);

/* The nearest value that half precision has; the largest one for larger ones, 0 for what is no number. */
float quant_round_to_half(float);

#endif
