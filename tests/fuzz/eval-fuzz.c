/*
 * cli: the bytes are a suite of questions, and from the first NUL on a trace that its questions are held against.  A suite that is refused
 * says why; marks are one of three, and what passed has nothing wrong.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/eval_score.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool good)
{
    if (!good)
        abort();
}

static void score_all(const struct eval_suite *s, const struct json *trace)
{
    for (size_t i = 0; i < s->n; i++) {
        struct eval_score score;
        struct err err = { 0 };

        if (eval_score(&s->questions[i], trace, &score, &err) != 0) {
            require(err.msg[0] != '\0');
            continue;
        }
        require(score.passed == (score.why[0] == '\0'));
        require(!score.passed || (score.calls != WRONG && score.arguments != WRONG && score.answer != WRONG));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *text = (const char *)data, *nul = memchr(data, 0, len);
    const size_t text_len = nul ? (size_t)(nul - text) : len;
    struct json *trace = nul ? json_parse(nul + 1, len - text_len - 1, NULL) : NULL;
    struct eval_suite suite;
    struct err err = { 0 };

    if (eval_suite_parse(&suite, text, text_len, &err) == 0)
        score_all(&suite, trace);
    else
        require(err.msg[0] != '\0');
    eval_suite_finish(&suite);
    json_free(trace);
    return 0;
}
