/* infer/sampler.c: what each setting leaves to choose from, and that the draws follow the probabilities. */
#include "infer/sampler.h"

#include <math.h>

#include "tests/tap.h"

#define N_VOCAB 8
#define N_DRAWS 20000

static struct sampler s;

static void draw(const float *logits, struct sampling settings, double *share)
{
    struct err err = { 0 };
    unsigned count[N_VOCAB] = { 0 };

    if (sampler_set(&s, &settings, &err) < 0)
        diag("%s", err.msg);
    for (int i = 0; i < N_DRAWS; i++)
        count[sampler_pick(&s, logits, NULL)]++;
    for (int i = 0; i < N_VOCAB; i++)
        share[i] = (double)count[i] / N_DRAWS;
}

int main(void)
{
    float logits[N_VOCAB], nan[N_VOCAB];
    double p[N_VOCAB] = { 0.4, 0.3, 0.15, 0.1, 0.03, 0.01, 0.007, 0.003 }, share[N_VOCAB], worst = 0;
    int32_t first[50], same = 0;
    struct err err;

    plan_later();
    sampler_init(&s, N_VOCAB, NULL);
    for (int i = 0; i < N_VOCAB; i++)
        logits[i] = (float)log(p[(i + 3) % N_VOCAB]); /* token 5 is the most likely */

    sampler_set(&s, &SAMPLING_GREEDY, NULL);
    is_int(sampler_pick(&s, logits, NULL), 5, "greedy takes the most likely");
    draw(logits, (struct sampling){ .temperature = 1, .top_p = 1, .seed = 1 }, share);
    for (int i = 0; i < N_VOCAB; i++)
        worst = fmax(worst, fabs(share[i] - p[(i + 3) % N_VOCAB]));
    /* four standard deviations of the likeliest share in 20,000 draws: 4 * sqrt(0.24 / 20000) */
    ok(worst < 0.014, "at temperature 1 the shares are the probabilities (off by %.4f)", worst);
    draw(logits, (struct sampling){ .temperature = 0.5f, .top_p = 1, .seed = 2 }, share);
    ok(fabs(share[5] / share[6] - 16.0 / 9) < 0.15, "at temperature 0.5 they are squared");
    draw(logits, (struct sampling){ .temperature = 1, .top_k = 2, .top_p = 1, .seed = 3 }, share);
    ok(share[5] > 0 && share[6] > 0 && fabs(share[5] + share[6] - 1) < 1e-9, "top_k 2 leaves two");
    draw(logits, (struct sampling){ .temperature = 1, .top_p = 0.8f, .seed = 4 }, share);
    ok(share[7] > 0 && fabs(share[5] + share[6] + share[7] - 1) < 1e-9, "top_p 0.8 leaves three");
    draw(logits, (struct sampling){ .temperature = 1, .top_p = 1, .min_p = 0.3f, .seed = 5 }, share);
    ok(share[7] > 0 && fabs(share[5] + share[6] + share[7] - 1) < 1e-9, "min_p 0.3 leaves those of 0.12 and more");
    draw(logits, (struct sampling){ .temperature = 1, .top_k = 1, .top_p = 1, .seed = 6 }, share);
    ok(share[5] == 1, "top_k 1 is greedy");

    sampler_set(&s, &(struct sampling){ .temperature = 1, .top_p = 1, .seed = 7 }, NULL);
    for (int i = 0; i < 50; i++)
        first[i] = sampler_pick(&s, logits, NULL);
    sampler_set(&s, &(struct sampling){ .temperature = 1, .top_p = 1, .seed = 7 }, NULL);
    for (int i = 0; i < 50; i++)
        same += sampler_pick(&s, logits, NULL) == first[i];
    is_int(same, 50, "the same seed draws the same");

    for (int i = 0; i < N_VOCAB; i++)
        nan[i] = NAN;
    is_int(sampler_pick(&s, nan, NULL), -1, "no number among the logits: none is picked");
    nan[2] = -5;
    is_int(sampler_pick(&s, nan, NULL), 2, "one number: that one");
    nan[3] = INFINITY;
    is_int(sampler_pick(&s, nan, NULL), 3, "infinity wins");
    ok(sampler_set(&s, &(struct sampling){ .temperature = -1, .top_p = 1 }, &err) < 0 && strstr(err.msg, "temperature"),
       "a negative temperature is refused");
    ok(sampler_set(&s, &(struct sampling){ .temperature = NAN, .top_p = 1 }, &err) < 0, "so is one that is no number");
    ok(sampler_set(&s, &(struct sampling){ .top_p = 1.5f }, &err) < 0 && strstr(err.msg, "top_p"), "so is top_p 1.5");
    ok(sampler_set(&s, &(struct sampling){ .top_p = 1, .min_p = 1 }, &err) < 0 && strstr(err.msg, "min_p"),
       "so is min_p 1");
    sampler_finish(&s);
    done();
    return tap_status();
}
