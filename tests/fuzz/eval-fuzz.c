/*
 * cli: up to the first NUL the bytes are a suite, behind it a trace, and an earlier evaluation's result.
 *
 * A suite that is refused has a sentence.  One that is read scores whatever trace is read; a score that passes has nothing
 * wrong, and its keys take no longer than a text's length asks for.  Numbers are looked for in the bytes as they are.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/eval_result.h"
#include "cli/eval_score.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void score_all(const struct eval_suite *s, const struct eval_trace *t)
{
    for (size_t i = 0; i < s->n; i++) {
        struct eval_score score;

        if (s->questions[i].remembers != (s->questions[i].facts || s->questions[i].earlier) || json_count(s->questions[i].earlier) > EVAL_MAX_LIST)
            abort();
        eval_score(&s->questions[i], t, &score);
        for (int c = 0; c < EVAL_N_COLUMNS; c++)
            if (score.marks[c] == EVAL_WRONG && (score.passed || score.why[c][0] == '\0'))
                abort();
        if (!score.finished && (score.passed || score.tooleval || score.why_not[0] == '\0'))
            abort();
        if (score.tooleval && score.status == EVAL_UNSURE)
            abort();
        eval_score_judged(&s->questions[i], EVAL_SOLVED, &score);
        if (score.tooleval && !s->questions[i].expect.solvable)
            abort();
    }
}

/* Each number that is found is one that JSON takes, and lies further on. */
static void find_numbers(const char *text)
{
    char number[EVAL_NUMBER_SIZE];
    size_t at = 0, before = 0;

    while (eval_number_next(text, &at, number)) {
        if (at <= before || json_check(number, strlen(number), NULL) != 0)
            abort();
        before = at;
    }
}

static void read_result(const char *text, size_t len)
{
    struct eval_result earlier;
    struct err err = { 0 };

    if (eval_result_read(&earlier, text, len, &err) != 0 && (err.status == 0 || err.msg[0] == '\0'))
        abort();
    eval_result_finish(&earlier);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *text = (const char *)data, *nul = memchr(data, 0, len);
    const size_t text_len = nul ? (size_t)(nul - text) : len, rest_len = nul ? len - text_len - 1 : 0;
    struct err err = { 0 };
    struct eval_suite *s = eval_suite_read(text, text_len, &err);
    char *rest = malloc(rest_len + 1);
    struct eval_trace t;

    if (rest == NULL || (s == NULL && (err.status == 0 || err.msg[0] == '\0')))
        abort();
    memcpy(rest, nul ? nul + 1 : "", rest_len);
    rest[rest_len] = '\0';
    if (eval_trace_read(&t, rest, rest_len, NULL) == 0 && s)
        score_all(s, &t);
    eval_trace_finish(&t);
    find_numbers(rest);
    read_result(rest, rest_len);
    eval_suite_destroy(s);
    free(rest);
    return 0;
}
