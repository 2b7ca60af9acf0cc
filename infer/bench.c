/*
 * corax-infer bench: how fast a model reads a prompt and writes tokens.
 *
 * Each figure is the median of several runs, since a machine is never idle.  The time of opening the file, and of the
 * first run, which touches memory for the first time, is not in them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "infer/command.h"
#include "util/clock.h"
#include "util/json.h"

#define N_RUNS   7
#define N_PROMPT 256
#define N_DECODE 64

static void ignore_token(void *arg, int32_t token, enum constraint_phase phase)
{
}

static int compare(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static double median_ms(int64_t *ns)
{
    qsort(ns, N_RUNS, sizeof *ns, compare);
    return (double)ns[N_RUNS / 2] / 1e6;
}

/* A prompt that shares nothing with that of the run before, so that all of it is evaluated. */
static int run_once(struct session *s, size_t n_vocab, size_t n_prompt, size_t n_decode, int round, int64_t *prompt_ns,
                    int64_t *decode_ns, struct err *err)
{
    struct decode decode = { .sampling = SAMPLING_GREEDY, .max_tokens = 1, .on_token = ignore_token };
    int32_t tokens[N_PROMPT + N_DECODE];
    enum decode_finish finish;
    int64_t start;
    size_t n;

    for (size_t i = 0; i < n_prompt + n_decode; i++)
        tokens[i] = (int32_t)(((size_t)round * 31 + i * 17) % n_vocab);
    start = clock_mono_ns();
    if (session_sync(s, tokens, n_prompt, NULL, NULL, NULL, err) < 0)
        return -1;
    *prompt_ns = clock_mono_ns() - start;
    start = clock_mono_ns();
    for (size_t i = 1; i <= n_decode; i++) /* a greedy choice, then one token: what decoding does */
        if (session_decode(s, &decode, &n, &finish, err) < 0 ||
            session_sync(s, tokens, n_prompt + i, NULL, NULL, NULL, err) < 0)
            return -1;
    *decode_ns = clock_mono_ns() - start;
    return 0;
}

static int measure(const struct args *a, struct engine *e, struct err *err)
{
    const struct engine_info *info = engine_info(e);
    size_t n_prompt = info->n_ctx / 2 < N_PROMPT ? info->n_ctx / 2 : N_PROMPT;
    size_t n_decode = info->n_ctx / 4 < N_DECODE ? info->n_ctx / 4 : N_DECODE;
    int64_t prompt_ns[N_RUNS + 1], decode_ns[N_RUNS + 1];
    struct session *s;
    double prompt_ms, decode_ms;
    int result = 0;

    if (n_prompt == 0 || n_decode == 0)
        return fail(err, CORAX_E_ARGS, "a context of %zu tokens is too short to measure", info->n_ctx);
    s = session_create(e, err);
    if (!s)
        return -1;
    for (int i = 0; i <= N_RUNS && result == 0; i++)
        result = run_once(s, info->n_vocab, n_prompt, n_decode, i, &prompt_ns[i], &decode_ns[i], err);
    session_destroy(s);
    if (result < 0)
        return -1;
    prompt_ms = median_ms(prompt_ns + 1);
    decode_ms = median_ms(decode_ns + 1);
    if (a->json)
        printf("{\"model\":\"%s\",\"type\":\"%s\",\"kernels\":\"%s\",\"threads\":%u,\"n_params\":%" PRIu64
               ",\"prompt_tokens\":%zu,\"prompt_tokens_per_s\":%.1f,\"decode_tokens\":%zu,\"decode_tokens_per_s\":%.1f,"
               "\"runs\":%d}\n",
               info->name, info->type, info->kernels, info->n_threads, info->n_params, n_prompt,
               (double)n_prompt / prompt_ms * 1e3, n_decode, (double)n_decode / decode_ms * 1e3, N_RUNS);
    else
        printf("%s %s, %" PRIu64 " parameters, %s kernels, %u threads, median of %d runs\n"
               "prompt  %4zu tokens  %9.1f tokens/s\n"
               "decode  %4zu tokens  %9.1f tokens/s\n",
               info->name, info->type, info->n_params, info->kernels, info->n_threads, N_RUNS, n_prompt,
               (double)n_prompt / prompt_ms * 1e3, n_decode, (double)n_decode / decode_ms * 1e3);
    return 0;
}

static int run(const struct args *a, struct err *err)
{
    struct engine *e = engine_open(a->model, &a->engine, err);
    int result;

    if (!e)
        return -1;
    result = measure(a, e, err);
    engine_close(e);
    return result;
}

const struct command command_bench = {
    .name = "bench",
    .arguments = "MODEL [--json]",
    .what = "Measures how fast the model reads a prompt and writes tokens.",
    .options = " json ",
    .runs_model = true,
    .run = run,
};
