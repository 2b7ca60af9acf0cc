/*
 * cli/eval_stats.h - what many questions say together: rates and means, with 95 % intervals over questions.
 *
 * The unit is the question, not the run: several seeds of one question are no new evidence about other questions, so each
 * question is one value (the mean over its runs), and the intervals say how much another set of such questions would
 * differ.  Intervals over runs would be too narrow.
 */
#ifndef CLI_EVAL_STATS_H
#define CLI_EVAL_STATS_H

#include <stddef.h>
#include <stdint.h>

/* NAN where it cannot be said: all three of no question, low and high of a mean of one. */
struct interval {
    double value, low, high;
};

/*
 * The Wilson score interval (Wilson, JASA 22, 1927) of a rate: sum is that of n values from 0 to 1, one a question.  With
 * one run a question these are 0 or 1, and it is the textbook's; with more their variance is at most p(1 - p), so that
 * the interval is rather too wide.
 */
struct interval eval_rate(double sum, size_t n);

/*
 * The mean of x[n] with a bootstrap interval: percentiles of resampled means, expanded for small n as by Hesterberg (The
 * American Statistician 69, 2015, arXiv:1411.5279, section 4.3).  The same seed gives the same interval.  Where memory is
 * short there is no interval.
 */
struct interval eval_mean(const double *x, size_t n, uint64_t seed);

#endif
