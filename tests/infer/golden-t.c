/*
 * Model families against the logits that their models' own implementations give, position by position: each NAME.gguf
 * with its NAME.logits in vectors/golden (README.md there has the format).  And the promise of any family: however the
 * tokens are cut into batches, and on however many threads, the bits of the logits are the same.
 *
 * Families are called directly: no tokenizer is needed, and sessions are session-t's.
 */
#include "infer/family.h"

#include <dirent.h>
#include <math.h>

#include "tests/infer/golden.h"
#include "tests/infer/sequence.h"
#include "tests/tap.h"

#define N_SPLITS 5
#define TIES_TOLERANCE 2e-3

struct golden {
    size_t n_tokens, n_logits, n_vocab, n_ctx;
    int exact;
    double tolerance; /* NMSE of a position's logits */
    char source[200];
    int32_t *tokens; /* [n_tokens] */
    float *logits;   /* [n_logits][n_vocab], after each of the last n_logits tokens */
};

struct model {
    struct gguf *gguf;
    const struct family *family;
    void *loaded;
    struct shape shape;
    struct pool *pool;
    struct ops ops;
    struct sequence sequence;
};

/* --- NAME.logits -------------------------------------------------------------------------------------------------- */

/* Lines of a word and a value until an empty one. */
static bool read_header(FILE *f, struct golden *g)
{
    char line[256], *value;
    bool good = true;

    while (good && fgets(line, sizeof line, f) && line[0] != '\n') {
        line[strcspn(line, "\n")] = 0;
        value = strchr(line, ' ');
        if (!value)
            return false;
        *value++ = 0;
        if (strcmp(line, "tokens") == 0)
            g->n_tokens = strtoul(value, NULL, 10);
        else if (strcmp(line, "logits") == 0)
            g->n_logits = strtoul(value, NULL, 10);
        else if (strcmp(line, "vocab") == 0)
            g->n_vocab = strtoul(value, NULL, 10);
        else if (strcmp(line, "context") == 0)
            g->n_ctx = strtoul(value, NULL, 10);
        else if (strcmp(line, "exact") == 0)
            g->exact = atoi(value);
        else if (strcmp(line, "nmse") == 0)
            g->tolerance = strtod(value, NULL);
        else if (strcmp(line, "source") == 0)
            snprintf(g->source, sizeof g->source, "%s", value);
        else
            good = false;
    }
    return good && g->n_tokens > 0 && g->n_logits > 0 && g->n_logits <= g->n_tokens && g->n_vocab > 0 && g->source[0];
}

static bool read_golden(const char *name, struct golden *g)
{
    FILE *f = fopen(golden_path(name), "rb");
    size_t n;
    bool good;

    if (!f)
        return false;
    *g = (struct golden){ .tolerance = 1e-6 };
    good = read_header(f, g);
    if (good) {
        n = g->n_logits * g->n_vocab;
        g->n_ctx = g->n_ctx ? g->n_ctx : g->n_tokens;
        g->tokens = calloc(g->n_tokens, sizeof *g->tokens);
        g->logits = calloc(n, sizeof *g->logits);
        good = fread(g->tokens, sizeof *g->tokens, g->n_tokens, f) == g->n_tokens &&
               fread(g->logits, sizeof *g->logits, n, f) == n && fgetc(f) == EOF;
    }
    fclose(f);
    return good;
}

/* --- NAME.gguf ---------------------------------------------------------------------------------------------------- */

static void close_model(struct model *m)
{
    sequence_finish(&m->sequence);
    ops_finish(&m->ops);
    pool_destroy(m->pool);
    if (m->loaded)
        m->family->unload(m->loaded);
    gguf_close(m->gguf);
}

static bool open_model(struct model *m, const char *name, const struct golden *g, const struct kernels *kernels,
                       unsigned n_threads, struct err *err)
{
    const struct family_options options = { g->n_ctx, g->exact };

    memset(m, 0, sizeof *m);
    m->gguf = gguf_open(golden_path(name), err);
    m->family = m->gguf ? family_find(m->gguf, err) : NULL;
    m->loaded = m->family ? m->family->load(m->gguf, &m->shape, err) : NULL;
    m->pool = pool_create(n_threads, err);
    if (!m->loaded || !m->pool)
        return false;
    if (m->shape.n_vocab != g->n_vocab || m->shape.n_ctx < g->n_ctx) {
        fail(err, CORAX_E_ARGS, "%zu tokens and a context of %zu, the logits are of %zu and want %zu", m->shape.n_vocab,
             m->shape.n_ctx, g->n_vocab, g->n_ctx);
        return false;
    }
    if (m->family->prepare)
        m->family->prepare(m->loaded, &options);
    return sequence_init(&m->sequence, &m->shape, QUANT_F32, g->n_ctx, err) == 0 &&
           ops_init(&m->ops, kernels, m->pool, &m->shape, g->n_ctx, err) == 0;
}

/* All tokens from the start, in batches of `largest`, or at random up to that; logits [n_tokens][n_vocab]. */
static void evaluate(struct model *m, const struct golden *g, size_t largest, uint64_t *random, float *logits)
{
    state_reset(&m->sequence.state);
    for (size_t pos = 0, n; pos < g->n_tokens; pos += n) {
        n = random ? 1 + tiny_random(random) % largest : largest;
        n = n < g->n_tokens - pos ? n : g->n_tokens - pos;
        (void)sequence_eval(&m->sequence, m->family, m->loaded, &m->ops, g->tokens + pos, n, pos, logits + pos * g->n_vocab, n);
    }
}

/* The largest of the positions'. */
static double worst_nmse(const struct golden *g, const float *logits)
{
    const float *got = logits + (g->n_tokens - g->n_logits) * g->n_vocab, *want = g->logits;
    double worst = 0;

    for (size_t i = 0; i < g->n_logits; i++, got += g->n_vocab, want += g->n_vocab) {
        double error = 0, size = 0;

        for (size_t j = 0; j < g->n_vocab; j++) {
            error += pow((double)got[j] - (double)want[j], 2);
            size += pow((double)want[j], 2);
        }
        if (!isnan(worst) && !(error / size <= worst)) /* one that is no number stays */
            worst = error / size;
    }
    return worst;
}

/* --- the tests ---------------------------------------------------------------------------------------------------- */

static void test_cuts(struct model *m, const struct golden *g, const float *whole, const char *name)
{
    const size_t n = g->n_tokens * g->n_vocab, bytes = n * sizeof(float);
    float *pieces = calloc(n, sizeof *pieces);
    size_t wrong = 0;
    uint64_t random = 3;

    evaluate(m, g, 1, NULL, pieces);
    ok(memcmp(pieces, whole, bytes) == 0, "%s: token by token, the same bits", name);
    for (int i = 0; i < N_SPLITS; i++) {
        evaluate(m, g, OPS_BATCH, &random, pieces);
        wrong += memcmp(pieces, whole, bytes) != 0;
    }
    is_int((long long)wrong, 0, "in random batches, too");
    /* Of a prompt nobody asks for the logits but at its end. */
    memset(pieces, 0, bytes);
    state_reset(&m->sequence.state);
    for (size_t pos = 0; pos < g->n_tokens; pos++)
        (void)sequence_eval(&m->sequence, m->family, m->loaded, &m->ops, g->tokens + pos, 1, pos,
                            pos + 1 < g->n_tokens ? NULL : pieces, pos + 1 == g->n_tokens);
    ok(memcmp(pieces, whole + n - g->n_vocab, g->n_vocab * sizeof *whole) == 0, "and when only the last are wanted");
    free(pieces);
}

static void test_threads(const char *name, const struct golden *g, const struct kernels *kernels, const float *whole)
{
    const size_t n = g->n_tokens * g->n_vocab;
    float *logits = calloc(n, sizeof *logits);
    struct model m;
    struct err err = { 0 };

    if (open_model(&m, name, g, kernels, 3, &err))
        evaluate(&m, g, OPS_BATCH, NULL, logits);
    ok(memcmp(logits, whole, n * sizeof *logits) == 0, "and on three threads");
    close_model(&m);
    free(logits);
}

static void test_model(const char *name, const struct golden *g, const struct kernels *kernels)
{
    /*
     * What is rounded to int8 as in training may lie in the middle between two steps; summed in another order it goes the
     * other way, and a model as small as these shows it.
     */
    const double allowed = g->exact && kernels != &kernels_plain ? TIES_TOLERANCE : g->tolerance;
    float *whole = calloc(g->n_tokens * g->n_vocab, sizeof *whole);
    struct model m;
    struct err err = { 0 };

    if (ok(open_model(&m, name, g, kernels, 1, &err), "%s loads for kernels %s", name, kernels->name)) {
        double nmse;

        evaluate(&m, g, OPS_BATCH, NULL, whole);
        nmse = worst_nmse(g, whole);
        if (!ok(nmse <= allowed, "%s: NMSE %.1e", name, nmse))
            diag("want at most %.1e, of %s", allowed, g->source);
        test_cuts(&m, g, whole, name);
        test_threads(name, g, kernels, whole);
    } else {
        diag("%s", err.msg);
    }
    close_model(&m);
    free(whole);
}

static int is_model(const struct dirent *d)
{
    const char *dot = strrchr(d->d_name, '.');

    return dot && strcmp(dot, ".gguf") == 0;
}

int main(void)
{
    struct dirent **files;
    int n = scandir(golden_path(""), &files, is_model, alphasort);

    plan_later();
    ok(n > 0, "there are models in %s", golden_path(""));
    for (int i = 0; i < n; i++) {
        const char *name = files[i]->d_name;
        struct golden g = { 0 };
        char logits[300];

        snprintf(logits, sizeof logits, "%.*s.logits", (int)(strlen(name) - strlen(".gguf")), name);
        if (ok(read_golden(logits, &g), "%s", logits)) {
            for (size_t k = 0; kernels_at(k); k++)
                test_model(name, &g, kernels_at(k));
        }
        free(g.tokens);
        free(g.logits);
        free(files[i]);
    }
    if (n >= 0)
        free(files);
    done();
    return tap_status();
}
