/*
 * Reading results.  See eval_result.h.
 */
#include "cli/eval_result.h"

#include <string.h>

#include "cli/eval_suite.h"
#include "util/file.h"

#define MAX_VALUES 4000000u /* of a file: runs have some dozens each */

static int check_run(const struct json *r, struct err *err)
{
    int64_t seed;

    if (!eval_is_name(json_get_text(r, "question", NULL)) || json_kind(json_get(r, "tooleval")) != JSON_BOOL ||
        json_int(json_get(r, "seed"), "seed", &seed, NULL) != 0 || json_kind(json_get(r, "steps")) != JSON_NUMBER)
        return fail(err, CORAX_E_ARGS, "a run has no question, seed, steps or tooleval");
    return 0;
}

static int read_result(struct eval_result *x, struct err *err)
{
    int64_t version = 0;

    if (json_int(json_get(x->root, "eval_result"), "eval_result", &version, NULL) != 0 || version != 1)
        return fail(err, CORAX_E_ARGS,
                    "it is not what `corax --json eval` or its --save writes: \"eval_result\" must be 1");
    x->suite = json_get_text(json_get(x->root, "suite"), "id", NULL);
    x->hash = json_get_text(json_get(x->root, "suite"), "hash", NULL);
    x->runs = json_get(x->root, "runs");
    if (!eval_is_name(x->suite) || x->hash == NULL || json_kind(x->runs) != JSON_ARRAY)
        return fail(err, CORAX_E_ARGS, "it has no suite or no runs");
    for (const struct json *r = json_first(x->runs); r; r = json_next(r))
        if (check_run(r, err) != 0)
            return -1;
    return 0;
}

int eval_result_read(struct eval_result *x, const char *text, size_t len, struct err *err)
{
    memset(x, 0, sizeof(*x));
    x->root = json_parse_large(text, len, MAX_VALUES, err);
    return x->root ? read_result(x, err) : -1;
}

int eval_result_load(struct eval_result *x, const char *path, struct err *err)
{
    struct buf text;
    int rc;

    memset(x, 0, sizeof(*x));
    buf_init(&text, EVAL_MAX_RESULT);
    rc = file_read(path, &text, err);
    if (rc == 0 && (rc = eval_result_read(x, text.data, text.len, err)) != 0)
        err_context(err, "%s", path);
    buf_finish(&text);
    return rc;
}

void eval_result_finish(struct eval_result *x)
{
    json_free(x->root);
    memset(x, 0, sizeof(*x));
}
