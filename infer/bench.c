/*
 * corax-infer bench: how fast a model reads a prompt and writes tokens, beside what the machine can do and beside other engines.
 *
 * Everything is measured in turn, run by run: the machine's peaks, ours, each other engine's.  Figures are medians, ratios medians
 * of the ratios of each run, since a machine is never idle.  Opening the file, and a first run that touches memory for the first
 * time, are not in them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/bench_peer.h"
#include "infer/bench_prefix.h"
#include "infer/bench_replay.h"
#include "infer/command.h"
#include "infer/engine.h"
#include "infer/roofline.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/json.h"

#define N_PROMPT   256 /* tokens, where nothing else is said; less in a short context */
#define N_DECODE   64
#define MAX_RUNS   100
#define MAX_ROWS   64
#define MAX_OUTPUT ((size_t)1 << 20)

/* One thing that is measured. */
struct row {
    bool is_prompt;
    size_t n, n_sequences, depth;
    double speed[MAX_RUNS];                   /* tokens a second, of all sequences together */
    double peer[COMMAND_MAX_PEERS][MAX_RUNS]; /* 0: not known */
};

struct bench {
    const struct args *a;
    struct engine *e;
    struct roofline_buffer *buffer;
    struct bench_prefix prefixes[COMMAND_MAX_LIST];
    struct bench_replay replay;
    double alone[MAX_RUNS], guessed[MAX_RUNS]; /* of replay */
    struct row rows[MAX_ROWS];
    size_t n_rows;
    double read_bytes[MAX_RUNS], f32[MAX_RUNS], bf16[MAX_RUNS], int8[MAX_RUNS];
    struct state base, states[COMMAND_MAX_SEQUENCES]; /* base: after the tokens that are there before */
    size_t base_n;
    float *logits;
};

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static double median(const double *values, size_t n)
{
    double sorted[MAX_RUNS];

    memcpy(sorted, values, n * sizeof *values);
    qsort(sorted, n, sizeof *sorted, compare);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* --- running ------------------------------------------------------------------------------------------------------ */

static int32_t any_token(const struct bench *b, size_t i)
{
    return (int32_t)(i * 2654435761u % b->e->shape.n_vocab);
}

/* n tokens behind the first pos, in whole batches; logits after the last. */
static int read_prompt(struct bench *b, struct state *state, size_t pos, size_t n, struct err *err)
{
    struct engine *e = b->e;
    int32_t tokens[OPS_BATCH];

    if (state_reserve(state, pos, pos + n, err) < 0)
        return -1;
    for (size_t done = 0, batch; done < n; done += batch) {
        struct span span;

        batch = n - done < OPS_BATCH ? n - done : OPS_BATCH;
        span = (struct span){ state, pos + done, batch, done + batch == n };
        for (size_t i = 0; i < batch; i++)
            tokens[i] = any_token(b, pos + done + i);
        e->family->eval(e->model, &e->ops, &(struct batch){ tokens, batch, &span, 1, b->logits, span.n_logits });
    }
    return 0;
}

/* Each sequence writes n tokens, its most likely ones. */
static void write_tokens(struct bench *b, const struct row *r)
{
    struct engine *e = b->e;
    struct span spans[COMMAND_MAX_SEQUENCES];
    int32_t tokens[COMMAND_MAX_SEQUENCES];

    for (size_t s = 0; s < r->n_sequences; s++)
        tokens[s] = any_token(b, s + 7);
    for (size_t i = 0; i < r->n; i++) {
        for (size_t s = 0; s < r->n_sequences; s++)
            spans[s] = (struct span){ &b->states[s], r->depth + i, 1, 1 };
        e->family->eval(e->model, &e->ops, &(struct batch){ tokens, r->n_sequences, spans, r->n_sequences, b->logits, r->n_sequences });
        for (size_t s = 0; s < r->n_sequences; s++) {
            const int32_t best = sampler_pick(&e->sampler, b->logits + s * e->shape.n_vocab, NULL);

            tokens[s] = best < 0 ? 0 : best;
        }
    }
}

/* Base holds the tokens before: the same for all rows of a depth. */
static int fill_base(struct bench *b, size_t depth, struct err *err)
{
    if (b->base_n == depth)
        return 0;
    state_trim(&b->base, 0);
    state_reset(&b->base);
    b->base_n = depth;
    return read_prompt(b, &b->base, 0, depth, err);
}

/* A copy that shares no page, as sequences of different texts would be. */
static int prepare(struct bench *b, struct state *state, size_t depth, size_t n, struct err *err)
{
    state_copy(state, &b->base, depth);
    return state_reserve(state, 0, depth + n, err);
}

static int run_row(struct bench *b, struct row *r, double *speed, struct err *err)
{
    int64_t start;

    if (fill_base(b, r->depth, err) < 0)
        return -1;
    for (size_t s = 0; s < r->n_sequences; s++)
        if (prepare(b, &b->states[s], r->depth, r->n, err) < 0)
            return -1;
    start = clock_mono_ns();
    if (!r->is_prompt)
        write_tokens(b, r);
    else if (read_prompt(b, &b->states[0], r->depth, r->n, err) < 0)
        return -1;
    *speed = (double)(r->n * r->n_sequences) / ((double)(clock_mono_ns() - start) / 1e9);
    for (size_t s = 0; s < r->n_sequences; s++)
        state_trim(&b->states[s], 0);
    return 0;
}

static int run_peers(struct bench *b, size_t run, struct err *err)
{
    for (size_t p = 0; p < b->a->n_peers; p++) {
        struct json *output = bench_peer_run(b->a->peers[p], err);

        if (!output)
            return -1;
        for (size_t i = 0; i < b->n_rows; i++) {
            struct row *r = &b->rows[i];

            r->peer[p][run] = bench_peer_speed(output, r->is_prompt ? r->n : 0, r->n, r->n_sequences, r->depth);
        }
        json_free(output);
    }
    return 0;
}

static int run_all(struct bench *b, struct err *err)
{
    const struct args *a = b->a;
    double ignored;

    if (b->n_rows && run_row(b, &b->rows[b->n_rows - 1], &ignored, err) < 0)
        return -1;
    for (size_t run = 0; run < a->n_runs; run++) {
        const struct roofline roof = roofline_measure(b->buffer, b->e->pool);

        b->read_bytes[run] = roof.read_bytes;
        b->f32[run] = roof.f32;
        b->bf16[run] = roof.bf16;
        b->int8[run] = roof.int8;
        for (size_t i = 0; i < b->n_rows; i++)
            if (run_row(b, &b->rows[i], &b->rows[i].speed[run], err) < 0)
                return -1;
        if (run_peers(b, run, err) < 0)
            return -1;
    }
    state_trim(&b->base, 0);
    for (size_t i = 0; i < a->prefixes.n; i++)
        if (bench_prefix(b->e, a->prefixes.values[i], &b->prefixes[i], err) < 0)
            return -1;
    b->replay = (struct bench_replay){ .alone = b->alone, .guessed = b->guessed };
    return a->replay ? bench_replay(b->e, a->replay, a->n_runs, &b->replay, err) : 0;
}

/* --- what it is a part of ----------------------------------------------------------------------------------------- */

/* Of the matrices that a token meets: their bytes, and multiplications and additions; those of the last one apart. */
struct work {
    double bytes, ops, output_ops;
};

static struct work work_of(const struct engine *e)
{
    const bool tied = !gguf_find_tensor(e->gguf, "output.weight");
    struct work w = { 0 };

    for (size_t i = 0; i < gguf_n_tensors(e->gguf); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(e->gguf, i);
        const bool embedding = strcmp(t->name, "token_embd.weight") == 0, output = strcmp(t->name, tied ? "token_embd.weight" : "output.weight") == 0;
        const double ops = 2.0 * (double)(t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3]);

        if (t->ne[1] == 1 || (embedding && !tied) || strcmp(t->name, "position_embd.weight") == 0)
            continue;
        w.bytes += (double)t->bytes;
        if (output)
            w.output_ops += ops;
        else
            w.ops += ops;
    }
    return w;
}

/* The kind of numbers that a prompt's products are of, and the machine's peak of it. */
static double peak_of(const struct bench *b, const char **name)
{
    const char *type = b->e->info.type;
    const double int8 = median(b->int8, b->a->n_runs), bf16 = median(b->bf16, b->a->n_runs), f32 = median(b->f32, b->a->n_runs);

    if (strcmp(type, "F32") != 0 && strcmp(type, "F16") != 0 && strcmp(type, "BF16") != 0 && int8 > 0) {
        *name = "int8";
        return int8;
    }
    if (strcmp(type, "BF16") == 0 && bf16 > f32) { /* not everywhere */
        *name = "bf16";
        return bf16;
    }
    *name = "f32";
    return f32;
}

/* Tokens a second if nothing but the peak, or reading from memory, took time; of is the name of what it is. */
static double roof_of(const struct bench *b, const struct row *r, const char **of)
{
    const struct engine *e = b->e;
    const struct kv_layout *l = pages_layout(e->pages);
    const struct work w = work_of(e);
    const double read = median(b->read_bytes, b->a->n_runs), seen = (double)r->depth + (double)r->n / 2;

    if (r->is_prompt) {
        const double attention = 4 * seen * (double)(e->shape.n_layer * e->shape.n_head * e->shape.head_dim);
        const double peak = peak_of(b, of);

        return peak > 0 ? peak / (w.ops + w.output_ops / (double)r->n + attention) : 0;
    }
    *of = "read";
    return (double)r->n_sequences * read /
           (w.bytes + (double)r->n_sequences * (seen * (double)l->page_bytes / STATE_BLOCK + (double)(e->shape.n_layer * e->shape.n_recurrent) * 8));
}

/* Ours to the peer's, run by run; 0: it did not say. */
static double ratio_to(const struct bench *b, const struct row *r, size_t peer)
{
    double ratios[MAX_RUNS] = { 0 };

    for (size_t i = 0; i < b->a->n_runs; i++) {
        if (!(r->peer[peer][i] > 0))
            return 0;
        ratios[i] = r->speed[i] / r->peer[peer][i];
    }
    return median(ratios, b->a->n_runs);
}

static double replay_ratio(const struct bench *b)
{
    double ratios[MAX_RUNS] = { 0 };

    for (size_t i = 0; i < b->a->n_runs; i++)
        ratios[i] = b->alone[i] / b->guessed[i];
    return median(ratios, b->a->n_runs);
}

/* --- output ------------------------------------------------------------------------------------------------------- */

static void write_machine(const struct bench *b, struct jsonw *w)
{
    const struct engine_info *i = &b->e->info;
    const size_t n = b->a->n_runs;

    jsonw_text(w, "model", i->name);
    jsonw_text(w, "arch", i->arch);
    jsonw_text(w, "type", i->type);
    jsonw_int(w, "n_params", (int64_t)i->n_params);
    jsonw_int(w, "file_bytes", (int64_t)i->file_bytes);
    jsonw_text(w, "cache", quant_find((uint32_t)pages_layout(b->e->pages)->type)->name);
    jsonw_text(w, "kernels", i->kernels);
    jsonw_int(w, "threads", i->n_threads);
    jsonw_int(w, "runs", (int64_t)n);
    jsonw_object(w, "machine");
    jsonw_number(w, "read_bytes_per_s", median(b->read_bytes, n));
    jsonw_number(w, "f32_ops_per_s", median(b->f32, n));
    jsonw_number(w, "bf16_ops_per_s", median(b->bf16, n));
    jsonw_number(w, "int8_ops_per_s", median(b->int8, n));
    jsonw_end(w);
}

static void write_row(const struct bench *b, const struct row *r, struct jsonw *w)
{
    const size_t n = b->a->n_runs;
    const char *of;
    const double speed = median(r->speed, n), roof = roof_of(b, r, &of);

    jsonw_object(w, NULL);
    jsonw_text(w, "kind", r->is_prompt ? "prompt" : "decode");
    jsonw_int(w, "tokens", (int64_t)r->n);
    jsonw_int(w, "sequences", (int64_t)r->n_sequences);
    jsonw_int(w, "depth", (int64_t)r->depth);
    jsonw_number(w, "tokens_per_s", speed);
    jsonw_array(w, "runs");
    for (size_t i = 0; i < n; i++)
        jsonw_number(w, NULL, r->speed[i]);
    jsonw_end(w);
    jsonw_text(w, "roof_of", of);
    jsonw_number(w, "roof_tokens_per_s", roof);
    jsonw_number(w, "of_roof", roof > 0 ? speed / roof : 0);
    jsonw_array(w, "peers");
    for (size_t p = 0; p < b->a->n_peers; p++) {
        jsonw_object(w, NULL);
        jsonw_text(w, "command", b->a->peers[p]);
        jsonw_number(w, "tokens_per_s", median(r->peer[p], n));
        jsonw_number(w, "ratio", ratio_to(b, r, p));
        jsonw_end(w);
    }
    jsonw_end(w);
    jsonw_end(w);
}

static void write_replay(const struct bench *b, struct jsonw *w)
{
    jsonw_object(w, "replay");
    jsonw_int(w, "written", (int64_t)b->replay.n_written);
    jsonw_int(w, "guessed", (int64_t)b->replay.n_guessed);
    jsonw_int(w, "right", (int64_t)b->replay.n_right);
    jsonw_number(w, "alone_s", median(b->alone, b->a->n_runs));
    jsonw_number(w, "guessed_s", median(b->guessed, b->a->n_runs));
    jsonw_number(w, "ratio", replay_ratio(b));
    jsonw_end(w);
}

static void print_json(const struct bench *b)
{
    struct buf out;
    struct jsonw w;

    buf_init(&out, MAX_OUTPUT);
    w = jsonw_start(&out);
    jsonw_object(&w, NULL);
    write_machine(b, &w);
    jsonw_array(&w, "rows");
    for (size_t i = 0; i < b->n_rows; i++)
        write_row(b, &b->rows[i], &w);
    jsonw_end(&w);
    jsonw_array(&w, "prefixes");
    for (size_t i = 0; i < b->a->prefixes.n; i++) {
        jsonw_object(&w, NULL);
        jsonw_int(&w, "tokens", (int64_t)b->a->prefixes.values[i]);
        jsonw_number(&w, "cold_s", b->prefixes[i].cold);
        jsonw_number(&w, "warm_s", b->prefixes[i].warm);
        jsonw_number(&w, "restarted_s", b->prefixes[i].restarted);
        jsonw_end(&w);
    }
    jsonw_end(&w);
    if (b->a->replay)
        write_replay(b, &w);
    jsonw_end(&w);
    printf("%.*s\n", (int)out.len, out.data);
    buf_finish(&out);
}

static void print_row(const struct bench *b, const struct row *r)
{
    const char *of;
    const double speed = median(r->speed, b->a->n_runs), roof = roof_of(b, r, &of);
    char what[64];

    if (r->n_sequences > 1)
        snprintf(what, sizeof what, "%zu x %zu", r->n_sequences, r->n);
    else
        snprintf(what, sizeof what, "%zu", r->n);
    printf("%-7s %9s behind %6zu  %9.1f tokens/s", r->is_prompt ? "prompt" : "decode", what, r->depth, speed);
    if (roof > 0)
        printf("  %3.0f %% of %s", 100 * speed / roof, of);
    for (size_t p = 0; p < b->a->n_peers; p++) {
        if (ratio_to(b, r, p) > 0)
            printf("  %.2f x %.1f", ratio_to(b, r, p), median(r->peer[p], b->a->n_runs));
        else
            printf("  -");
    }
    putchar('\n');
}

static void print_text(const struct bench *b)
{
    const struct engine_info *i = &b->e->info;
    const size_t n = b->a->n_runs;

    printf("%s %s, %" PRIu64 " parameters, %s kernels, %u threads, median of %zu runs\n", i->name, i->type, i->n_params, i->kernels,
           i->n_threads, n);
    printf("the machine: reads %.1f GB/s, f32 %.0f, bf16 %.0f, int8 %.0f Gop/s\n", median(b->read_bytes, n) / 1e9, median(b->f32, n) / 1e9,
           median(b->bf16, n) / 1e9, median(b->int8, n) / 1e9);
    for (size_t p = 0; p < b->a->n_peers; p++)
        printf("beside %zu: %s\n", p + 1, b->a->peers[p]);
    for (size_t r = 0; r < b->n_rows; r++)
        print_row(b, &b->rows[r]);
    for (size_t p = 0; p < b->a->prefixes.n; p++)
        printf("first token behind %zu: %.0f ms, known %.1f ms, after a restart %.1f ms\n", b->a->prefixes.values[p],
               b->prefixes[p].cold * 1e3, b->prefixes[p].warm * 1e3, b->prefixes[p].restarted * 1e3);
    if (b->a->replay)
        printf("replay of %zu tokens: %.1f tokens/s one by one, %.1f with %zu guessed, %zu of them right: %.2f x\n", b->replay.n_written,
               (double)b->replay.n_written / median(b->alone, n), (double)b->replay.n_written / median(b->guessed, n), b->replay.n_guessed,
               b->replay.n_right, replay_ratio(b));
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static int add_row(struct bench *b, bool is_prompt, size_t n, size_t n_sequences, size_t depth, struct err *err)
{
    if (n == 0)
        return 0;
    if (depth + n > b->e->n_ctx)
        return fail(err, CORAX_E_ARGS, "%zu tokens behind %zu, the context holds %zu (--ctx)", n, depth, b->e->n_ctx);
    if (b->n_rows == MAX_ROWS)
        return fail(err, CORAX_E_ARGS, "more than %d lines to measure", MAX_ROWS);
    b->rows[b->n_rows++] = (struct row){ .is_prompt = is_prompt, .n = n, .n_sequences = n_sequences, .depth = depth };
    return 0;
}

static int add_rows(struct bench *b, struct err *err)
{
    const struct args *a = b->a;
    const size_t n_ctx = b->e->n_ctx, n = a->n_tokens != SIZE_MAX ? a->n_tokens : n_ctx / 4 < N_DECODE ? n_ctx / 4 : N_DECODE;
    const struct sizes usual = { 1, { n_ctx / 2 < N_PROMPT ? n_ctx / 2 : N_PROMPT } };
    const struct sizes *prompts = a->prompts.n ? &a->prompts : &usual;

    for (size_t d = 0; d < a->depths.n; d++) {
        for (size_t p = 0; p < prompts->n; p++)
            if (add_row(b, true, prompts->values[p], 1, a->depths.values[d], err) < 0)
                return -1;
        for (size_t s = 0; s < a->sequences.n; s++)
            if (add_row(b, false, n, a->sequences.values[s], a->depths.values[d], err) < 0)
                return -1;
    }
    return b->n_rows || a->prefixes.n || a->replay ? 0 : fail(err, CORAX_E_ARGS, "there is nothing to measure");
}

static int open_states(struct bench *b, struct err *err)
{
    struct engine *e = b->e;

    b->logits = calloc(COMMAND_MAX_SEQUENCES, e->shape.n_vocab * sizeof *b->logits);
    if (!b->logits)
        return fail(err, CORAX_E_LIMIT, "out of memory for logits");
    if (state_init(&b->base, &e->shape, e->pages, e->n_ctx, err) < 0)
        return -1;
    for (size_t s = 0; s < COMMAND_MAX_SEQUENCES; s++)
        if (state_init(&b->states[s], &e->shape, e->pages, e->n_ctx, err) < 0)
            return -1;
    b->buffer = roofline_create(err);
    return b->buffer ? 0 : -1;
}

static int measure(struct bench *b, struct err *err)
{
    if (add_rows(b, err) < 0 || open_states(b, err) < 0 || sampler_set(&b->e->sampler, &SAMPLING_GREEDY, err) < 0 || run_all(b, err) < 0)
        return -1;
    if (b->a->json)
        print_json(b);
    else
        print_text(b);
    return 0;
}

static int run(const struct args *a, struct err *err)
{
    struct bench *b = calloc(1, sizeof *b);
    int result;

    if (!b)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    b->a = a;
    b->e = engine_open(a->model, &a->engine, err);
    result = b->e && family_check_writes(b->e->family, err) == 0 ? measure(b, err) : -1;
    if (b->e) {
        state_finish(&b->base);
        for (size_t s = 0; s < COMMAND_MAX_SEQUENCES; s++)
            state_finish(&b->states[s]);
    }
    roofline_destroy(b->buffer);
    free(b->logits);
    engine_close(b->e);
    free(b);
    return result;
}

const struct command command_bench = {
    .name = "bench",
    .arguments = "MODEL [-p N,...] [-n N] [-s N,...] [-d N,...] [-w N,...] [-r N] [--replay FILE] [--vs COMMAND]... [--json]",
    .what = "Measures how fast the model reads prompts and writes tokens, beside the machine's peaks and other engines.",
    .options = " p n s d w r replay vs json ",
    .runs_model = true,
    .run = run,
};
