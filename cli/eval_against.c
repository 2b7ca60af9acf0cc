/*
 * Win rates.  See eval_against.h.
 */
#include "cli/eval_against.h"

#include <stdlib.h>
#include <string.h>

#include "cli/eval_judge.h"

static const struct json *find_run(const struct eval_result *x, const struct eval_run *own)
{
    for (const struct json *r = json_first(x->runs); r; r = json_next(r))
        if (json_number(json_get(r, "seed"), 0) == own->seed &&
            strcmp(json_get_text(r, "question", ""), own->question->id) == 0)
            return r;
    return NULL;
}

static bool is_solved(const struct json *run)
{
    return json_bool(json_get(run, "tooleval"), false);
}

/* For the judge, if there is one. */
static bool is_alike(const struct eval_pair *p)
{
    return p->own->score.tooleval == is_solved(p->other);
}

/* 1 won, -1 lost, 0 tied; the judge's pairs have their score already. */
static int outcome(const struct eval_pair *p, bool judged)
{
    const double steps = p->own->costs[EVAL_STEPS], its_steps = json_number(json_get(p->other, "steps"), 0);

    if (!is_alike(p))
        return p->own->score.tooleval ? 1 : -1;
    if (judged)
        return (p->score > 0) - (p->score < 0);
    return p->own->score.tooleval ? (steps < its_steps) - (steps > its_steps) : 0;
}

static int judge_alike(struct cli *cli, struct eval *e, struct eval_pair *pairs, size_t n, struct err *err)
{
    size_t n_alike = 0;

    /* Those for the judge to the front, the others behind, in their order otherwise. */
    for (size_t i = 0; i < n; i++) {
        if (is_alike(&pairs[i])) {
            struct eval_pair p = pairs[i];

            memmove(&pairs[n_alike + 1], &pairs[n_alike], (i - n_alike) * sizeof(*pairs));
            pairs[n_alike++] = p;
        }
    }
    return n_alike > 0 ? eval_judge_pairs(cli, e, pairs, n_alike, err) : 0;
}

/* A pair's question counts once, by the mean over its pairs. */
static void count_question(const struct eval *e, const struct eval_question *q, const struct eval_pair *pairs, size_t n,
                           struct eval_wins *wins)
{
    size_t n_pairs = 0;
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        const struct eval_pair *p = &pairs[i];
        const bool judged = e->options->judge && is_alike(p);
        int won;

        if (p->own->question != q || (judged && p->n_votes < e->options->n_votes))
            continue;
        won = outcome(p, judged);
        wins->won += won > 0;
        wins->lost += won < 0;
        wins->tied += won == 0;
        sum += (won + 1) / 2.0;
        n_pairs++;
    }
    if (n_pairs > 0) {
        wins->n_questions++;
        wins->sum += sum / (double)n_pairs;
    }
}

int eval_compare(struct cli *cli, struct eval *e, const struct eval_result *x, struct eval_wins *wins, struct err *err)
{
    struct eval_pair *pairs;
    size_t n = 0;
    int rc = 0;

    memset(wins, 0, sizeof(*wins));
    if (strcmp(x->suite, e->suite->id) != 0)
        return fail(err, CORAX_E_ARGS, "the earlier evaluation is of the suite %s, this one of %s", x->suite,
                    e->suite->id);
    if ((pairs = calloc(e->n + 1, sizeof(*pairs))) == NULL)
        return fail(err, CORAX_E_INTERNAL, "out of memory");
    wins->other_suite = strcmp(x->hash, e->suite->hash) != 0;
    for (size_t i = 0; i < e->n; i++) {
        const struct json *other = e->runs[i].done ? find_run(x, &e->runs[i]) : NULL;

        if (other)
            pairs[n++] = (struct eval_pair){ .own = &e->runs[i], .other = other };
    }
    if (n == 0 && !e->partial)
        rc = fail(err, CORAX_E_ARGS, "the earlier evaluation has none of these questions with the same seed");
    if (rc == 0 && e->options->judge)
        rc = judge_alike(cli, e, pairs, n, err);
    for (size_t i = 0; i < e->suite->n && rc >= 0; i++)
        count_question(e, &e->suite->questions[i], pairs, n, wins);
    free(pairs);
    return rc;
}
