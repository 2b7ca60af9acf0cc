/* corax-infer logits: the most likely next tokens with their log-probabilities. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/command.h"
#include "infer/ops.h"
#include "util/json.h"

#define MAX_OUTPUT ((size_t)256 << 20)

struct entry {
    int32_t id;
    float logprob;
};

static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->logprob != y->logprob)
        return x->logprob > y->logprob ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static void write_entries(const struct args *a, const struct tokenizer *t, const struct entry *list, size_t n)
{
    struct buf out;
    struct jsonw w;

    buf_init(&out, MAX_OUTPUT);
    if (a->json) {
        w = jsonw_start(&out);
        jsonw_object(&w, NULL);
        jsonw_array(&w, "logits");
        for (size_t i = 0; i < n; i++) {
            jsonw_object(&w, NULL);
            jsonw_int(&w, "id", list[i].id);
            jsonw_number(&w, "logprob", (double)list[i].logprob);
            jsonw_end(&w);
        }
        jsonw_end(&w);
        jsonw_end(&w);
        buf_addc(&out, '\n');
    } else {
        for (size_t i = 0; i < n; i++) {
            size_t len = 0;
            const char *name = "";

            if ((size_t)list[i].id < tokenizer_n_tokens(t))
                name = tokenizer_name(t, list[i].id, &len);
            buf_addf(&out, "%8" PRId32 " %10.5f  ", list[i].id, (double)list[i].logprob);
            w = jsonw_start(&out);
            jsonw_string(&w, NULL, name, len);
            buf_addc(&out, '\n');
        }
    }
    fwrite(out.data, 1, out.len, stdout);
    buf_finish(&out);
}

static int show(const struct args *a, struct engine *e, struct session *s, struct err *err)
{
    size_t n = engine_info(e)->n_vocab;
    struct entry *list = calloc(n, sizeof *list);
    float *logprobs = malloc(n * sizeof *logprobs);

    if (!list || !logprobs) {
        free(list);
        free(logprobs);
        return fail(err, CORAX_E_LIMIT, "out of memory");
    }
    memcpy(logprobs, session_logits(s), n * sizeof *logprobs);
    ops_log_softmax(logprobs, n);
    for (size_t i = 0; i < n; i++)
        list[i] = (struct entry){ (int32_t)i, logprobs[i] };
    qsort(list, n, sizeof *list, compare);
    write_entries(a, engine_tokenizer(e), list, a->top && a->top < n ? a->top : n);
    free(list);
    free(logprobs);
    return 0;
}

static int collect(const struct args *a, const struct tokenizer *t, struct tokens *out, struct err *err)
{
    if (a->tokens)
        return tokens_parse(out, a->tokens, err);
    return tokenizer_encode_with(t, TOKENIZER_BEGIN, a->prompt, strlen(a->prompt), out, err);
}

static const char *check(const struct args *a)
{
    return !a->tokens == !a->prompt ? "needs either --tokens or --prompt" : NULL;
}

static int run(const struct args *a, struct err *err)
{
    struct tokens tokens = { 0 };
    struct engine *e;
    struct session *s = NULL;
    int result = -1;

    e = engine_open(a->model, &a->engine, err);
    if (!e)
        return -1;
    if (collect(a, engine_tokenizer(e), &tokens, err) == 0 && (s = session_create(e, err)) &&
        session_sync(s, tokens.ids, tokens.n, NULL, NULL, NULL, err) == 0)
        result = show(a, e, s, err);
    tokens_finish(&tokens);
    session_destroy(s);
    engine_close(e);
    return result;
}

const struct command command_logits = {
    .name = "logits",
    .arguments = "MODEL --tokens 1,2,3 | --prompt TEXT [--top N] [--json]",
    .what = "Prints the most likely next tokens (--top 0: all); the begin token goes before a text where the model has it.",
    .options = " tokens prompt top json ",
    .check = check,
    .runs_model = true,
    .run = run,
};
