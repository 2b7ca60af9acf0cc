/*
 * The shipped model against log-probabilities that PyTorch computed from the same weights (vectors/raven-logits.json:
 * weights as stored, arithmetic in F32).  Here activations are rounded to 8 bits too, which moves likely tokens by a few
 * hundredths and tokens that never come (below e^-5) by a little more.
 */
#include "infer/infer.h"
#include "infer/ops.h"

#include <math.h>

#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"
#include "util/file.h"
#include "util/json.h"

#define LIKELY           (-5.0)
#define TOLERANCE        0.15 /* of likely tokens: a last bit that is other turns roundings over, which moved them by up to 0.12 */
#define TOLERANCE_OTHERS 0.4  /* by up to 0.39 */

static const char *source_file(const char *name)
{
    static char path[1024];
    const char *dir = getenv("CORAX_SRCDIR");

    snprintf(path, sizeof path, "%s/%s", dir ? dir : ".", name);
    return path;
}

static void check(struct session *s, size_t n_vocab, const struct json *vector, int number, const char *kernels)
{
    const struct json *ids = json_get(vector, "ids"), *top = json_get(vector, "top");
    float *got = malloc(n_vocab * sizeof *got);
    double worst_likely = 0, worst = 0;
    struct tokens tokens = { 0 };
    struct err err = { 0 };
    size_t best = 0;

    for (const struct json *id = json_first(ids); id; id = json_next(id))
        (void)tokens_add(&tokens, (int32_t)json_number(id, -1), NULL);
    if (session_sync(s, tokens.ids, tokens.n, NULL, NULL, NULL, &err) < 0)
        diag("%s", err.msg);
    memcpy(got, session_logits(s), n_vocab * sizeof *got);
    ops_log_softmax(got, n_vocab);
    for (size_t i = 1; i < n_vocab; i++)
        best = got[i] > got[best] ? i : best;
    for (const struct json *pair = json_first(top); pair; pair = json_next(pair)) {
        size_t id = (size_t)json_number(json_first(pair), 0);
        double want = json_number(json_next(json_first(pair)), 0), off = fabs(want - (double)got[id % n_vocab]);

        worst = fmax(worst, off);
        worst_likely = want > LIKELY ? fmax(worst_likely, off) : worst_likely;
    }
    ok(best == (size_t)json_number(json_first(json_first(top)), -1) && worst_likely < TOLERANCE &&
           worst < TOLERANCE_OTHERS,
       "%s, vector %d: likely tokens off by %.4f, all by %.4f", kernels, number, worst_likely, worst);
    tokens_finish(&tokens);
    free(got);
}

static void check_all(const struct json *root, const char *kernels)
{
    struct engine_options options = { .n_threads = 2, .kernels = kernels };
    struct err err = { 0 };
    struct engine *e = engine_open(source_file("models/corax-raven-1-q8_0.gguf"), &options, &err);
    struct session *s = e ? session_create(e, &err) : NULL;
    int n = 0;

    if (!ok(s != NULL, "the shipped model opens with %s kernels", kernels))
        diag("%s", err.msg);
    for (const struct json *v = json_first(json_get(root, "vectors")); s && v; v = json_next(v))
        check(s, engine_info(e)->n_vocab, v, n++, kernels);
    ok(n > 0, "there are vectors");
    session_destroy(s);
    engine_close(e);
}

int main(void)
{
    struct json *root = NULL;
    struct err err;
    struct buf text;

    if (access(source_file("models/corax-raven-1-q8_0.gguf"), R_OK) != 0)
        skip_all("the shipped model is not in this tree");
    plan_later();
    buf_init(&text, TINY_LIMIT);
    if (file_read(source_file("tests/infer/vectors/raven-logits.json"), &text, &err) == 0)
        root = json_parse(text.data, text.len, &err);
    for (size_t i = 0; kernels_at(i); i++)
        check_all(root, kernels_at(i)->name);
    json_free(root);
    buf_finish(&text);
    done();
    return tap_status();
}
