/*
 * Sessions as files: struct header, tokens, the pages of keys and values, the recurrent values, and the logits after the last
 * token.
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
    uint64_t n_layer, n_kv_head, head_dim, type, page_bytes, n_recurrent, n_vocab, n_tokens, has_logits;
};
static const char magic[16] = "corax session 2";

static struct header header_of(const struct session *s)
{
    const struct kv_layout *l = pages_layout(s->state.pages);
    struct header h = { .n_layer = s->state.n_layer,
                        .n_kv_head = l->n_kv_head,
                        .head_dim = l->head_dim,
                        .type = l->type,
                        .page_bytes = l->page_bytes,
                        .n_recurrent = s->state.n_recurrent,
                        .n_vocab = s->engine->shape.n_vocab,
                        .n_tokens = s->n,
                        .has_logits = s->has_logits };

    memcpy(h.magic, magic, sizeof h.magic);
    memcpy(h.model, engine_sha256(s->engine), sizeof h.model);
    return h;
}

static size_t pages_of(const struct header *h)
{
    return h->page_bytes ? (size_t)(h->n_tokens + STATE_BLOCK - 1) / STATE_BLOCK : 0;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static bool put(FILE *f, const void *bytes, size_t n)
{
    return fwrite(bytes, 1, n, f) == n;
}

/* What the last page has behind the session's tokens may be of another one: it does not go out. */
static bool put_pages(FILE *f, const struct session *s, const struct header *h)
{
    const struct kv_layout *l = pages_layout(s->state.pages);
    const size_t n = pages_of(h), rest = (size_t)h->n_tokens % STATE_BLOCK;
    unsigned char *last = rest && n ? malloc(l->page_bytes) : NULL;
    bool good = !rest || n == 0 || last;

    for (size_t i = 0; good && i < n; i++) {
        const unsigned char *page = s->state.table[i]->data;

        if (last && i + 1 == n) {
            memcpy(last, page, l->page_bytes);
            kv_clear(l, last, rest);
            page = last;
        }
        good = put(f, page, l->page_bytes);
    }
    free(last);
    return good;
}

static bool put_all(FILE *f, const struct session *s)
{
    const struct header h = header_of(s);

    return put(f, &h, sizeof h) && put(f, s->tokens, s->n * sizeof *s->tokens) && put_pages(f, s, &h) &&
           put(f, s->state.recurrent, state_n_recurrent(&s->state) * sizeof(float)) &&
           (!s->has_logits || put(f, s->logits, (size_t)h.n_vocab * sizeof *s->logits));
}

int session_save(const struct session *s, const char *path, struct err *err)
{
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
    good = put_all(f, s) && fflush(f) == 0 && fsync(fd) == 0;
    good = fclose(f) == 0 && good;
    good = good && rename(temporary, path) == 0;
    if (!good) {
        fail_sys(err, CORAX_E_IO, "write %s", path);
        unlink(temporary);
    }
    free(temporary);
    return good ? 0 : -1;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

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
    bytes = sizeof *h + h->n_tokens * sizeof *s->tokens + pages_of(h) * h->page_bytes +
            state_n_recurrent(&s->state) * sizeof(float) + h->has_logits * h->n_vocab * sizeof(float);
    if (bytes != file_bytes)
        return fail(err, CORAX_E_ARGS, "the file has %" PRIu64 " bytes, a session of %" PRIu64 " tokens %" PRIu64,
                    file_bytes, h->n_tokens, bytes);
    return 0;
}

static int get(FILE *f, void *bytes, size_t n, struct err *err)
{
    if (fread(bytes, 1, n, f) == n)
        return 0;
    return ferror(f) ? fail_sys(err, CORAX_E_IO, "read") : fail(err, CORAX_E_IO, "the file ended early");
}

static int get_finite(FILE *f, float *x, size_t n, struct err *err)
{
    if (get(f, x, n * sizeof *x, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return fail(err, CORAX_E_ARGS, "a value is infinite or no number: the file is damaged");
    return 0;
}

static int get_pages(FILE *f, struct session *s, const struct header *h, struct err *err)
{
    const struct kv_layout *l = pages_layout(s->state.pages);

    if (state_reserve(&s->state, 0, (size_t)h->n_tokens, err) < 0)
        return -1;
    for (size_t i = 0; i < pages_of(h); i++) {
        unsigned char *page = s->state.table[i]->data;

        if (get(f, page, l->page_bytes, err) < 0)
            return -1;
        if (!kv_is_finite(l, page)) {
            memset(page, 0, l->page_bytes);
            return fail(err, CORAX_E_ARGS, "a value is infinite or no number: the file is damaged");
        }
    }
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
    if (get(f, s->tokens, (size_t)h.n_tokens * sizeof *s->tokens, err) < 0 || get_pages(f, s, &h, err) < 0 ||
        get_finite(f, s->state.recurrent, state_n_recurrent(&s->state), err) < 0 ||
        (h.has_logits && get_finite(f, s->logits, (size_t)h.n_vocab, err) < 0))
        return -1;
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
