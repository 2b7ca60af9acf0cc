/*
 * Sessions as files: struct header, tokens, for each layer and key head the keys and then the values of these tokens, the
 * recurrent values, and the logits after the last token.
 */
#include "infer/infer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "infer/engine.h"

struct header {
    char     magic[16];
    char     model[64]; /* SHA-256 of its file, in hex */
    uint64_t n_layer, n_kv_head, head_dim, n_recurrent, n_vocab, n_tokens, has_logits;
};
static const char magic[16] = "corax session 1";

static struct header header_of(const struct session *s)
{
    struct header h = { .n_layer = s->state.n_layer,
                        .n_kv_head = s->state.n_kv_head,
                        .head_dim = s->state.head_dim,
                        .n_recurrent = s->state.n_recurrent,
                        .n_vocab = s->engine->shape.n_vocab,
                        .n_tokens = s->n,
                        .has_logits = s->has_logits };

    memcpy(h.magic, magic, sizeof h.magic);
    memcpy(h.model, engine_sha256(s->engine), sizeof h.model);
    return h;
}

/* Writes n values of 4 bytes to the file, or reads them; false: it failed. */
typedef bool move_fn(FILE *f, void *values, size_t n);

/* Each piece of the session behind the header, in the order of the file. */
static bool each_piece(const struct session *s, const struct header *h, move_fn *move_tokens, move_fn *move, FILE *f)
{
    const struct state *state = &s->state;
    const size_t n = (size_t)h->n_tokens, head = state->n_ctx * state->head_dim, used = n * state->head_dim;

    if (!move_tokens(f, s->tokens, n))
        return false;
    for (size_t i = 0; i < state->n_layer; i++)
        for (size_t j = 0; j < state->n_kv_head; j++)
            if (!move(f, state->kv[i].k + j * head, used) || !move(f, state->kv[i].v + j * head, used))
                return false;
    return move(f, state->recurrent, state_n_recurrent(state)) && (!h->has_logits || move(f, s->logits, (size_t)h->n_vocab));
}

static bool put(FILE *f, void *values, size_t n)
{
    return fwrite(values, 4, n, f) == n;
}

static bool get(FILE *f, void *values, size_t n)
{
    return fread(values, 4, n, f) == n;
}

static bool get_finite(FILE *f, void *values, size_t n)
{
    const float *x = values;
    bool good = get(f, values, n);

    for (size_t i = 0; i < n; i++)
        good &= isfinite(x[i]) != 0;
    return good;
}

int session_save(const struct session *s, const char *path, struct err *err)
{
    const struct header h = header_of(s);
    char *temporary = NULL;
    FILE *f = NULL;
    bool good;
    int fd;

    if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    fd = mkstemp(temporary);
    if (fd >= 0)
        f = fdopen(fd, "wb");
    if (!f) {
        fail_sys(err, CORAX_E_IO, "create %s", temporary);
        if (fd >= 0) {
            close(fd);
            unlink(temporary);
        }
        free(temporary);
        return -1;
    }
    good = fwrite(&h, sizeof h, 1, f) == 1 && each_piece(s, &h, put, put, f) && fflush(f) == 0 && fsync(fd) == 0;
    good = fclose(f) == 0 && good;
    good = good && rename(temporary, path) == 0;
    if (!good) {
        fail_sys(err, CORAX_E_IO, "write %s", path);
        unlink(temporary);
    }
    free(temporary);
    return good ? 0 : -1;
}

static int check(const struct session *s, const struct header *h, uint64_t file_bytes, struct err *err)
{
    struct header want = header_of(s);
    uint64_t bytes;

    if (memcmp(h->magic, magic, sizeof h->magic) != 0)
        return fail(err, CORAX_E_ARGS, "not a session file");
    want.n_tokens = h->n_tokens;
    want.has_logits = h->has_logits;
    if (memcmp(h, &want, sizeof want) != 0)
        return fail(err, CORAX_E_ARGS, "a session of another model, %.16s", h->model);
    if (h->n_tokens > s->state.n_ctx)
        return fail(err, CORAX_E_LIMIT, "a session of %" PRIu64 " tokens, the context holds %zu", h->n_tokens,
                    s->state.n_ctx);
    if (h->has_logits > 1)
        return fail(err, CORAX_E_ARGS, "has_logits is %" PRIu64 ", allowed are 0 and 1", h->has_logits);
    bytes = sizeof *h + h->n_tokens * (sizeof *s->tokens + h->n_layer * h->n_kv_head * h->head_dim * 2 * sizeof(float)) +
            state_n_recurrent(&s->state) * sizeof(float) + h->has_logits * h->n_vocab * sizeof(float);
    if (bytes != file_bytes)
        return fail(err, CORAX_E_ARGS, "the file has %" PRIu64 " bytes, a session of %" PRIu64 " tokens %" PRIu64,
                    file_bytes, h->n_tokens, bytes);
    return 0;
}

static int load(struct session *s, FILE *f, struct err *err)
{
    struct stat st;
    struct header h;

    if (fstat(fileno(f), &st) < 0)
        return fail_sys(err, CORAX_E_IO, "stat");
    if (fread(&h, sizeof h, 1, f) != 1)
        return fail(err, CORAX_E_ARGS, "not a session file");
    if (check(s, &h, (uint64_t)st.st_size, err) < 0)
        return -1;
    if (!each_piece(s, &h, get, get_finite, f))
        return ferror(f) ? fail_sys(err, CORAX_E_IO, "read")
               : feof(f) ? fail(err, CORAX_E_IO, "the file ended early")
                         : fail(err, CORAX_E_ARGS, "a value is infinite or no number: the file is damaged");
    for (size_t i = 0; i < h.n_tokens; i++)
        if (s->tokens[i] < 0 || (uint64_t)s->tokens[i] >= h.n_vocab)
            return fail(err, CORAX_E_ARGS, "token %" PRId32 " at %zu, the model has %" PRIu64, s->tokens[i], i, h.n_vocab);
    s->n = (size_t)h.n_tokens;
    s->has_logits = h.has_logits != 0;
    return 0;
}

int session_load(struct session *s, const char *path, struct err *err)
{
    FILE *f = fopen(path, "rb");
    int rc;

    session_clear(s);
    if (!f)
        return fail_sys(err, errno == ENOENT ? CORAX_E_NOTFOUND : CORAX_E_IO, "open %s", path);
    rc = load(s, f, err);
    fclose(f);
    if (rc < 0) {
        session_clear(s);
        err_context(err, "%s", path);
    }
    return rc;
}
