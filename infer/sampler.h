/*
 * infer/sampler.h - picks the next token from logits.
 *
 * Temperature 0 takes the token with the highest logit.  Otherwise the candidates are narrowed in this order: the
 * top_k most likely; then, with probabilities at that temperature, those at least min_p as likely as the first; then
 * the fewest whose probabilities sum to top_p; and one is drawn.  The same seed and logits give the same tokens on
 * every machine.
 *
 * Sources: Holtzman et al., arXiv:1904.09751 (top-p); Nguyen et al., arXiv:2407.01082 (min-p); Vigna, splitmix64.
 */
#ifndef INFER_SAMPLER_H
#define INFER_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

#include "infer/constraint.h"
#include "util/err.h"

struct sampling {
    float    temperature; /* 0: greedy; at most SAMPLER_MAX_TEMPERATURE */
    uint32_t top_k;       /* 0: all */
    float    top_p;       /* (0, 1]; 1: all */
    float    min_p;       /* [0, 1); 0: all */
    uint64_t seed;
};
#define SAMPLER_MAX_TEMPERATURE 10
#define SAMPLING_GREEDY ((struct sampling){ .top_p = 1 })

struct sampler_candidate {
    int32_t id;
    float   logit, p;
};

struct sampler {
    struct sampling           settings;
    uint64_t                  random; /* splitmix64 */
    size_t                    n_vocab;
    struct sampler_candidate *candidates; /* [n_vocab], scratch */
};

int  sampler_init(struct sampler *, size_t n_vocab, struct err *); /* CORAX_E_LIMIT when out of memory */
void sampler_finish(struct sampler *);
/* Before each decode.  CORAX_E_ARGS names the setting that is out of range. */
int  sampler_set(struct sampler *, const struct sampling *, struct err *);
/*
 * logits [n_vocab]; constraint may be NULL.  -1: no token is allowed, or the logits are not numbers. Tokens are tried
 * against the constraint only as far as needed: greedily, one that is less likely than the best so far is never
 * tried.  Allocates nothing.
 */
int32_t sampler_pick(struct sampler *, const float *logits, struct constraint *);

#endif
