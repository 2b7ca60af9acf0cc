/*
 * Covers: intervals against published values, keys against texts that models write, numbers in prose.  Suites and scores are in
 * tests/daemon/evals.bats, with traces of a daemon.
 */
#include <math.h>

#include "cli/eval_key.h"
#include "cli/eval_stats.h"
#include "tests/tap.h"

static bool near(double a, double b, double by)
{
    return fabs(a - b) <= by;
}

static void test_rates(void)
{
    /* Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29. */
    static const struct {
        double n_right, n, low, high;
    } known[] = { { 81, 263, 0.2553, 0.3662 }, { 15, 148, 0.0624, 0.1605 }, { 0, 20, 0, 0.1611 }, { 1, 29, 0.0061, 0.1718 } };

    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        const struct interval v = eval_rate(known[i].n_right, (size_t)known[i].n);

        ok(near(v.low, known[i].low, 6e-5) && near(v.high, known[i].high, 6e-5), "Wilson's interval of %g in %g: %.4f to %.4f",
           known[i].n_right, known[i].n, v.low, v.high);
    }
    ok(isnan(eval_rate(0, 0).value), "of no question there is no rate");
}

static void test_means(void)
{
    double x[200];
    struct interval v, w;

    for (int i = 0; i < 200; i++)
        x[i] = i % 10;
    v = eval_mean(x, 200, 1);
    w = eval_mean(x, 200, 1);
    /* The standard error is 2.872 / sqrt(200) = 0.203. */
    ok(near(v.value, 4.5, 1e-12) && near(v.low, 4.5 - 0.40, 0.04) && near(v.high, 4.5 + 0.40, 0.04), "a bootstrap interval: %.3f to %.3f",
       v.low, v.high);
    ok(v.low == w.low && v.high == w.high, "the same seed, the same interval");
    v = eval_mean(x, 1, 1);
    ok(v.value == 0 && isnan(v.low), "of one question there is no interval");
}

static void test_keys(void)
{
    static const struct {
        const char *key, *text;
        bool fits;
    } cases[] = {
        { "{\"exact\":\"a\"}", " a\n", true },
        { "{\"exact\":\"a\"}", "A", false },
        { "{\"contains\":[\"a\",\"b\"]}", "xbxa", true },
        { "{\"contains\":[\"a\",\"b\"]}", "xb", false },
        { "{\"number\":1234.5}", "It is 1,234.50 in all.", true },
        { "{\"number\":1234.5}", "It is 1,234.51.", false },
        { "{\"number\":0.0015}", "1.5 \xc3\x97 10\xe2\x81\xbb\xc2\xb3 mol", true },
        { "{\"number\":-3}", "x = \xe2\x88\x92""3", true },
        { "{\"number\":9}", "C9H8O4", false },
        { "{\"number\":180.16,\"tolerance\":0.01}", "180.159 g/mol", true },
        { "{\"number\":180.16,\"tolerance\":0.001}", "180.158 g/mol", false },
        { "{\"number\":18446744073709551616}", "18446744073709551616", true },
        { "{\"number\":18446744073709551616}", "18446744073709551615", false },
        { "{\"regex\":\"^[Hh]ello\"}", "hello there", true },
        { "{\"any_of\":[{\"exact\":\"a\"},{\"number\":2}]}", "2", true },
        { "{\"all_of\":[{\"contains\":\"a\"},{\"number\":2}]}", "2", false },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err err = { 0 };
        struct json *j = json_parse(cases[i].key, strlen(cases[i].key), &err);
        struct eval_key *key = eval_key_read(j, &err);

        ok(key && (eval_key_check(key, cases[i].text, NULL, &err) == 0) == cases[i].fits, "%s %s \"%s\"", cases[i].key,
           cases[i].fits ? "fits" : "does not fit", cases[i].text);
        eval_key_destroy(key);
        json_free(j);
    }
}

int main(void)
{
    plan_later();
    test_rates();
    test_means();
    test_keys();
    done();
    return tap_status();
}
