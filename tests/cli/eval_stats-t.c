/*
 * Intervals against values that are known: Wilson's of textbook examples, the mean's against Student's and by coverage.
 *
 * Covers eval_rate and eval_mean.  Not covered: their place in a report (tests/daemon/eval.bats).
 */
#include "cli/eval_stats.h"

#include <math.h>

#include "tests/tap.h"

static bool near(double got, double want, double most)
{
    if (fabs(got - want) <= most)
        return true;
    diag("got %.6f, want %.6f", got, want);
    return false;
}

/*
 * 0/10, 10/10 and 1/10: by hand from (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n), for which 0 of n is [0, z²/(n + z²)].
 * 81/263: Newcombe, Statistics in Medicine 17 (1998), table I, method 3, which also has 15/148, 0/20 and 1/29.
 */
static void test_rates(void)
{
    static const struct {
        double sum;
        size_t n;
        double low, high;
    } cases[] = { { 81, 263, 0.2553, 0.3662 }, { 15, 148, 0.0624, 0.1605 }, { 0, 20, 0, 0.1611 },
                  { 1, 29, 0.0061, 0.1718 },   { 0, 10, 0, 0.2775 },        { 10, 10, 0.7225, 1 },
                  { 1, 10, 0.0179, 0.4042 },   { 5, 10, 0.2366, 0.7634 } };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct interval x = eval_rate(cases[i].sum, cases[i].n);

        ok(x.value == cases[i].sum / (double)cases[i].n && near(x.low, cases[i].low, 5e-5) &&
               near(x.high, cases[i].high, 5e-5),
           "%g of %zu", cases[i].sum, cases[i].n);
    }
    ok(isnan(eval_rate(0, 0).value) && isnan(eval_rate(0, 0).low), "of none there is no rate");
    ok(eval_rate(2.5, 4).value == 0.625, "questions that are right in some of their runs count as much");
    ok(eval_rate(2.5, 4).high - eval_rate(2.5, 4).low > eval_rate(250, 400).high - eval_rate(250, 400).low,
       "more questions, a narrower interval");
}

static void test_means(void)
{
    double many[200];
    const double one[] = { 3 }, same[] = { 7, 7, 7, 7 }, some[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
    const struct interval a = eval_mean(some, 10, 1), again = eval_mean(some, 10, 1), other = eval_mean(some, 10, 2);

    ok(isnan(eval_mean(NULL, 0, 1).value), "of none there is no mean");
    ok(eval_mean(one, 1, 1).value == 3 && isnan(eval_mean(one, 1, 1).low), "one has a mean and no interval");
    ok(eval_mean(same, 4, 1).low == 7 && eval_mean(same, 4, 1).high == 7, "values that are all the same");
    ok(a.value == 5.5 && a.low == again.low && a.high == again.high, "the same seed, the same interval");
    ok(a.low != other.low && near(a.low, other.low, 0.2), "another seed, nearly the same");
    /* Student: 5.5 ± 2.2622 × 3.0277 / sqrt(10) = [3.334, 7.666]; for such even values the bootstrap comes near to it. */
    ok(near(a.low, 3.334, 0.2) && near(a.high, 7.666, 0.2), "ten even values: as Student's");
    for (int i = 0; i < 200; i++)
        many[i] = i % 10;
    /* The standard error is 2.872 / sqrt(200) = 0.203. */
    ok(near(eval_mean(many, 200, 1).low, 4.1, 0.04) && near(eval_mean(many, 200, 1).high, 4.9, 0.04), "two hundred: as the normal's");
}

/* A generator of its own: uniform in [0, 1). */
static double uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) / 9007199254740992.0;
}

/* How often the interval of n exponential values (mean 1, as skewed as durations are) has the mean in it. */
static void test_coverage(size_t n, double least)
{
    double x[50];
    uint64_t state = n;
    int n_right = 0;

    for (int t = 0; t < 500; t++) {
        struct interval m;

        for (size_t i = 0; i < n; i++)
            x[i] = -log(1 - uniform(&state));
        m = eval_mean(x, n, (uint64_t)t);
        n_right += m.low <= 1 && 1 <= m.high;
    }
    ok(n_right >= least * 500, "%zu skewed values: the mean is in %.1f %% of the intervals", n, n_right / 5.0);
    ok(n_right < 500, "and not in all");
}

int main(void)
{
    plan_later();
    test_rates();
    test_means();
    test_coverage(10, 0.85); /* Student's own has 0.90 here */
    test_coverage(50, 0.90);
    done();
    return tap_status();
}
