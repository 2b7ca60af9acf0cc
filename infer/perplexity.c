/*
 * corax-infer perplexity: how well a model predicts a text, exp of the mean of -log p(token).
 *
 * The tokens of the text, behind the begin token where the model has one, are cut into pieces of --ctx tokens.  Each piece is
 * evaluated by itself, with the begin token in place of its first, and its second half counts: so every counted token had at
 * least half a piece before it.  This is what others measure too, so that figures compare.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "infer/command.h"
#include "infer/progress.h"
#include "util/json.h"

#define DEFAULT_PIECE 512

struct score {
    const int32_t *tokens; /* of the piece */
    size_t n, n_vocab, n_counted;
    double sum, squares; /* of -log p */
    struct progress_bar bar;
    size_t n_done;
};

static double minus_log_p(const float *logits, size_t n, int32_t token)
{
    size_t best = 0;
    double rest = 0; /* of the sum of exp(logit - best logit), whose largest term is 1 */

    for (size_t i = 1; i < n; i++)
        best = logits[i] > logits[best] ? i : best;
    for (size_t i = 0; i < n; i++)
        rest += i == best ? 0 : exp((double)logits[i] - (double)logits[best]);
    return log1p(rest) + (double)logits[best] - (double)logits[token];
}

static void count(void *arg, size_t i, const float *logits)
{
    struct score *s = arg;
    double loss;

    progress_show(&s->bar, s->n_done + i);
    if (i < s->n / 2 || i + 1 >= s->n)
        return;
    loss = minus_log_p(logits, s->n_vocab, s->tokens[i + 1]);
    s->sum += loss;
    s->squares += loss * loss;
    s->n_counted++;
}

static int measure(struct session *session, struct tokens *text, size_t piece, int32_t bos, struct score *s,
                   struct err *err)
{
    const size_t n_pieces = text->n / piece;

    if (n_pieces == 0)
        return fail(err, CORAX_E_ARGS, "the text has %zu tokens, a piece %zu: give a longer text or a smaller --ctx", text->n,
                    piece);
    progress_start(&s->bar, "perplexity", n_pieces * piece);
    for (size_t i = 0; i < n_pieces; i++) {
        int32_t *tokens = text->ids + i * piece;

        if (bos >= 0)
            tokens[0] = bos;
        s->tokens = tokens;
        s->n = piece;
        session_clear(session);
        if (session_append(session, tokens, piece, count, s, err) < 0)
            return -1;
        s->n_done += piece;
    }
    progress_end(&s->bar);
    return 0;
}

static void print(const struct args *a, const struct score *s, size_t piece)
{
    const double n = (double)s->n_counted, mean = s->sum / n, variance = s->squares / n - mean * mean;
    const double error = n > 1 ? sqrt(fmax(0, variance) / (n - 1)) : 0; /* of the mean */

    if (a->json)
        printf("{\"perplexity\":%.6f,\"error\":%.6f,\"mean_nll\":%.8f,\"tokens_counted\":%zu,\"piece\":%zu}\n", exp(mean),
               exp(mean) * error, mean, s->n_counted, piece);
    else
        printf("perplexity %.4f +- %.4f over %zu tokens, in pieces of %zu\n", exp(mean), exp(mean) * error, s->n_counted,
               piece);
}

static int read_tokens(const char *path, const struct tokenizer *t, struct tokens *out, struct err *err)
{
    struct buf text;
    int rc;

    buf_init(&text, TOKENIZER_MAX_TEXT);
    rc = command_read(path, &text, err);
    if (rc == 0)
        rc = tokenizer_encode_with(t, TOKENIZER_BEGIN, text.data, text.len, out, err);
    buf_finish(&text);
    return rc;
}

static int run(const struct args *a, struct err *err)
{
    struct engine_options options = a->engine;
    struct score score = { 0 };
    struct tokens text = { 0 };
    struct session *s = NULL;
    struct engine *e;
    size_t piece;
    int rc = -1;

    e = engine_open(a->model, &options, err);
    if (!e)
        return -1;
    piece = engine_info(e)->n_ctx;
    if (!a->engine.n_ctx && piece > DEFAULT_PIECE)
        piece = DEFAULT_PIECE;
    score.n_vocab = engine_info(e)->n_vocab;
    if (read_tokens(a->text, engine_tokenizer(e), &text, err) == 0 && (s = session_create(e, err)))
        rc = measure(s, &text, piece, tokenizer_begin(engine_tokenizer(e)), &score, err);
    if (rc == 0)
        print(a, &score, piece);
    tokens_finish(&text);
    session_destroy(s);
    engine_close(e);
    return rc;
}

static const char *check(const struct args *a)
{
    return a->text ? NULL : "needs a text file";
}

const struct command command_perplexity = {
    .name = "perplexity",
    .arguments = "MODEL FILE [--json]",
    .what = "Measures how well the model predicts a text, in pieces of --ctx tokens (512).",
    .options = " json ",
    .takes_text = true,
    .check = check,
    .runs_model = true,
    .run = run,
};
