/*
 * infer/session.c over the recurrent models of vectors/golden/, whose state is that after the last token and no other:
 * any way to a transcript gives the bits of the straight one; what is left of a session when it goes back is what its
 * mark, one token before the end of the last sync, allows.  Whether the numbers are right is golden-t's.
 *
 * The engines are put together here, since the models have no tokenizer.
 */
#include "infer/engine.h"

#include <dirent.h>
#include <unistd.h>

#include "tests/infer/golden.h"
#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"

#define N 90

static size_t n_bytes; /* of logits */

static bool open_engine(struct engine *e, const char *name, struct err *err)
{
    memset(e, 0, sizeof *e);
    e->gguf = gguf_open(golden_path(name), err);
    e->family = e->gguf ? family_find(e->gguf, err) : NULL;
    e->model = e->family ? e->family->load(e->gguf, &e->shape, err) : NULL;
    e->pool = pool_create(2, err);
    if (!e->model || !e->pool)
        return false;
    e->n_ctx = e->shape.n_ctx < 128 ? e->shape.n_ctx : 128;
    if (e->family->prepare)
        e->family->prepare(e->model, &(struct family_options){ .n_ctx = e->n_ctx });
    n_bytes = e->shape.n_vocab * sizeof(float);
    e->pages = pages_create(&(struct kv_layout){ .n_layer = e->shape.n_layer }, 0, err);
    return e->pages && ops_init(&e->ops, kernels_find(NULL), e->pool, &e->shape, e->n_ctx, err) == 0;
}

static void close_engine(struct engine *e)
{
    if (e->model)
        e->family->unload(e->model);
    ops_finish(&e->ops);
    pages_destroy(e->pages);
    pool_destroy(e->pool);
    gguf_close(e->gguf);
}

/* The logits of a session that did nothing else. */
static float *straight(struct engine *e, const int32_t *tokens, size_t n)
{
    struct session *s = session_create(e, NULL);
    float *logits = malloc(n_bytes);

    session_sync(s, tokens, n, NULL, NULL, NULL, NULL);
    memcpy(logits, session_logits(s), n_bytes);
    session_destroy(s);
    return logits;
}

/* Brings s to n tokens: with the logits of a straight session, and of what was there n_kept tokens kept. */
static bool goes_to(struct engine *e, struct session *s, const int32_t *tokens, size_t n, size_t n_kept)
{
    float *want = straight(e, tokens, n);
    size_t kept = 999;
    struct err err = { 0 };
    bool good = session_sync(s, tokens, n, NULL, NULL, &kept, &err) == 0 && kept == n_kept &&
                memcmp(session_logits(s), want, n_bytes) == 0;

    if (!good)
        diag("to %zu tokens: %zu kept, %zu expected; %s", n, kept, n_kept, err.msg);
    free(want);
    return good;
}

static void test_pieces(struct engine *e, const int32_t *tokens)
{
    struct session *s = session_create(e, NULL);
    float *want = straight(e, tokens, N);
    uint64_t random = 5;
    size_t wrong = 0;

    for (int round = 0; round < 6; round++) {
        session_clear(s);
        for (size_t n = 0; n < N;) {
            n += 1 + tiny_random(&random) % (round < 1 ? 1 : 40);
            n = n > N ? N : n;
            session_sync(s, tokens, n, NULL, NULL, NULL, NULL);
        }
        wrong += memcmp(session_logits(s), want, n_bytes) != 0;
    }
    for (size_t cut = 1; cut < N; cut++) {
        session_clear(s);
        session_sync(s, tokens, cut, NULL, NULL, NULL, NULL);
        session_sync(s, tokens, N, NULL, NULL, NULL, NULL);
        wrong += memcmp(session_logits(s), want, n_bytes) != 0;
    }
    is_int((long long)wrong, 0, "a transcript cut anywhere, and in six ways into many pieces, gives the same bits");
    session_destroy(s);
    free(want);
}

static void test_rewind(struct engine *e, const int32_t *tokens)
{
    struct session *s = session_create(e, NULL);
    int32_t other[N];

    memcpy(other, tokens, sizeof other);
    other[49] ^= 1;
    ok(goes_to(e, s, tokens, 50, 0) && goes_to(e, s, tokens, 80, 50), "longer: it goes on");
    ok(goes_to(e, s, tokens, 80, 80), "the same: nothing to do");
    ok(goes_to(e, s, tokens, 50, 0) && goes_to(e, s, other, 50, 49), "another last token: back to the mark");
    ok(goes_to(e, s, other, 53, 50) && goes_to(e, s, tokens, 53, 0), "another one before the mark: from the start");
    ok(goes_to(e, s, tokens, 30, 0), "shorter than the mark: from the start");
    ok(goes_to(e, s, tokens, 1, 0) && goes_to(e, s, tokens, 2, 1), "a single token, and two");
    session_destroy(s);
}

static void ignore(void *arg, size_t i, const float *logits)
{
}

/* As a daemon does: a prompt, an answer, the prompt with something else behind it. */
static void test_answer(struct engine *e, const int32_t *tokens)
{
    struct session *s = session_create(e, NULL);
    int32_t other[N];

    memcpy(other, tokens, sizeof other);
    for (size_t i = 40; i < N; i++)
        other[i] = tokens[N - 1 - i];
    session_sync(s, tokens, 40, NULL, NULL, NULL, NULL);
    session_append(s, other + 40, 9, ignore, NULL, NULL);
    ok(goes_to(e, s, tokens, 70, 39), "what was appended is forgotten, the prompt is not");
    session_sync(s, tokens, 40, NULL, NULL, NULL, NULL);
    session_append(s, tokens + 40, 9, ignore, NULL, NULL);
    ok(goes_to(e, s, tokens, 70, 49), "what was appended and stands is kept");
    session_destroy(s);
}

static bool second_time(void *arg)
{
    return ++*(int *)arg == 2;
}

static void test_cancel(struct engine *e, const int32_t *tokens)
{
    struct session *s = session_create(e, NULL);
    int asked = 0;
    struct err err;

    ok(session_sync(s, tokens, N, second_time, &asked, NULL, &err) < 0 && err.status == CORAX_E_CANCELED &&
           goes_to(e, s, tokens, N, OPS_BATCH < N - 1 ? OPS_BATCH : N - 1),
       "stopped after a batch, it goes on from there");
    session_destroy(s);
}

static void test_file(struct engine *e, const int32_t *tokens)
{
    struct session *s = session_create(e, NULL), *loaded = session_create(e, NULL);
    const char *dir = getenv("TMPDIR");
    char path[256];
    struct err err = { 0 };

    snprintf(path, sizeof path, "%s/corax-recurrent-%d", dir ? dir : "/tmp", (int)getpid());
    session_sync(s, tokens, 50, NULL, NULL, NULL, NULL);
    if (!ok(session_save(s, path, &err) == 0 && session_load(loaded, path, &err) == 0 &&
                goes_to(e, loaded, tokens, 60, 50),
            "saved and loaded, it goes on"))
        diag("%s", err.msg);
    unlink(path);
    session_destroy(s);
    session_destroy(loaded);
}

static bool test_model(const char *name)
{
    struct engine e;
    struct err err = { 0 };
    bool recurrent = false;
    int32_t tokens[N];
    uint64_t random = 9;

    if (!open_engine(&e, name, &err))
        ok(false, "%s: %s", name, err.msg);
    else if (e.shape.n_recurrent > 0 && e.n_ctx >= N) {
        recurrent = ok(true, "%s", name);
        for (int i = 0; i < N; i++)
            tokens[i] = (int32_t)(tiny_random(&random) % (e.shape.n_vocab & ~(size_t)1)); /* ^ 1 gives another */
        test_pieces(&e, tokens);
        test_rewind(&e, tokens);
        test_answer(&e, tokens);
        test_cancel(&e, tokens);
        test_file(&e, tokens);
    }
    close_engine(&e);
    return recurrent;
}

static int is_model(const struct dirent *d)
{
    const char *dot = strrchr(d->d_name, '.');

    return dot && strcmp(dot, ".gguf") == 0;
}

int main(void)
{
    struct dirent **files;
    int n = scandir(golden_path(""), &files, is_model, alphasort), n_recurrent = 0;

    plan_later();
    for (int i = 0; i < n; i++) {
        n_recurrent += test_model(files[i]->d_name);
        free(files[i]);
    }
    if (n >= 0)
        free(files);
    ok(n_recurrent > 0, "%d recurrent models", n_recurrent);
    done();
    return tap_status();
}
