/*
 * infer/engine.c and session.c on a small random model: any way of cutting a transcript into pieces gives the bits of
 * one evaluation; cancelling and overflowing leave the session usable.  Whether the numbers are right is llama-t's.
 */
#include "infer/infer.h"

#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"
#include "util/file.h"

#define N 90

static struct engine *open_tiny(const struct tiny_spec *spec, unsigned n_threads)
{
    struct engine_options options = { .n_threads = n_threads };
    struct engine *e = NULL;
    struct err err = { 0 };
    char path[256];
    struct buf b;

    buf_init(&b, TINY_LIMIT);
    tiny_llama(&b, spec);
    if (tiny_write(&b, path))
        e = engine_open(path, &options, &err);
    if (!e)
        diag("%s", err.msg);
    unlink(path);
    buf_finish(&b);
    return e;
}

static void fill(int32_t *tokens, uint64_t seed)
{
    for (int i = 0; i < N; i++)
        tokens[i] = (int32_t)(tiny_random(&seed) % TINY_N_VOCAB);
}

static void test_splits(enum quant_type type)
{
    struct tiny_spec spec = TINY_SPEC;
    struct engine *e, *threads;
    struct session *whole, *pieces, *other;
    int32_t tokens[N];
    size_t kept, wrong = 0, bytes = TINY_N_VOCAB * sizeof(float);
    uint64_t random = 5;

    spec.type = type;
    fill(tokens, 9);
    e = open_tiny(&spec, 1);
    threads = open_tiny(&spec, 3);
    whole = session_create(e, NULL);
    pieces = session_create(e, NULL);
    other = session_create(threads, NULL);
    session_sync(whole, tokens, N, NULL, NULL, NULL, NULL);
    for (int round = 0; round < 12; round++) {
        for (size_t n = 0; n < N;) {
            n += 1 + tiny_random(&random) % (round < 2 ? 1 : 40);
            n = n > N ? N : n;
            session_sync(pieces, tokens, n, NULL, NULL, &kept, NULL);
        }
        wrong += memcmp(session_logits(pieces), session_logits(whole), bytes) != 0;
        tokens[round] ^= 1; /* another transcript in between */
        session_sync(pieces, tokens, 1 + (size_t)round * 7, NULL, NULL, &kept, NULL);
        tokens[round] ^= 1;
    }
    is_int((long long)wrong, 0, "12 ways to cut a transcript give the same bits");
    session_sync(other, tokens, N, NULL, NULL, NULL, NULL);
    ok(memcmp(session_logits(other), session_logits(whole), bytes) == 0, "so do three threads");
    session_destroy(whole);
    session_destroy(pieces);
    session_destroy(other);
    engine_close(e);
    engine_close(threads);
}

static bool always(void *arg)
{
    ++*(int *)arg;
    return true;
}

static void test_edges(void)
{
    struct tiny_spec spec = TINY_SPEC;
    struct engine *e = open_tiny(&spec, 1);
    struct session *s = session_create(e, NULL);
    int32_t tokens[N], long_one[129] = { 0 };
    int asked = 0;
    size_t kept = 99;
    struct err err;

    fill(tokens, 3);
    ok(!session_logits(s), "no logits before the first sync");
    ok(session_sync(s, tokens, 0, NULL, NULL, NULL, &err) < 0 && err.status == CORAX_E_ARGS,
       "an empty transcript is refused");
    ok(session_sync(s, long_one, 129, NULL, NULL, NULL, &err) < 0 && err.status == CORAX_E_LIMIT &&
           strstr(err.msg, "129") && strstr(err.msg, "128"),
       "one that does not fit is refused with both numbers");
    ok(session_sync(s, long_one, 128, NULL, NULL, NULL, &err) == 0, "one that just fits is not");
    tokens[7] = TINY_N_VOCAB;
    ok(session_sync(s, tokens, N, NULL, NULL, NULL, &err) < 0, "a token past the vocabulary is refused");
    tokens[7] = -1;
    ok(session_sync(s, tokens, N, NULL, NULL, NULL, &err) < 0, "so is a negative one");
    fill(tokens, 3);
    ok(session_sync(s, tokens, N, always, &asked, NULL, &err) < 0 && err.status == CORAX_E_CANCELED && asked == 1,
       "stopped before the first batch");
    ok(session_sync(s, tokens, N, NULL, NULL, &kept, &err) == 0 && kept == 0, "and evaluated afterwards");
    ok(session_sync(s, tokens, N, always, &asked, &kept, &err) == 0 && kept == N && asked == 1,
       "the same again: nothing to do, nobody asked");
    ok(session_sync(s, tokens, 40, NULL, NULL, &kept, &err) == 0 && kept == 39 && session_n_tokens(s) == 40,
       "a shorter one: only its last token again");
    session_destroy(s);
    engine_close(e);
}

struct seen {
    int32_t ids[64];
    size_t n;
};

static void keep(void *arg, int32_t token)
{
    struct seen *seen = arg;

    seen->ids[seen->n++ % 64] = token;
}

static void test_decode(void)
{
    struct tiny_spec spec = TINY_SPEC;
    struct engine *e = open_tiny(&spec, 1);
    struct session *s = session_create(e, NULL);
    struct seen first = { .n = 0 }, second = { .n = 0 };
    struct decode d = { .sampling = { .temperature = 1, .top_p = 1, .seed = 11 }, .max_tokens = 40, .on_token = keep };
    enum decode_finish finish;
    int32_t tokens[N];
    size_t n;
    struct err err;

    fill(tokens, 4);
    d.arg = &first;
    ok(session_decode(s, &d, &n, &finish, &err) < 0, "no decoding before a transcript");
    session_sync(s, tokens, 20, NULL, NULL, NULL, NULL);
    session_decode(s, &d, &n, &finish, &err);
    ok(n == first.n && session_n_tokens(s) >= 20 + n - 1, "decoding reports each token");
    session_sync(s, tokens, 20, NULL, NULL, NULL, NULL);
    d.arg = &second;
    session_decode(s, &d, &n, &finish, &err);
    ok(first.n == second.n && memcmp(first.ids, second.ids, sizeof first.ids) == 0,
       "the same seed gives the same tokens");
    session_sync(s, tokens, N, NULL, NULL, NULL, NULL);
    d.max_tokens = 1000;
    d.sampling = SAMPLING_GREEDY;
    ok(session_decode(s, &d, &n, &finish, &err) == 0 && n <= 128 - N + 1, "the end of the context ends it (%zu tokens)",
       n);
    d.sampling.top_p = 0;
    ok(session_decode(s, &d, &n, &finish, &err) < 0 && strstr(err.msg, "top_p"),
       "a sampling value out of range is named");
    session_destroy(s);
    engine_close(e);
}

/* Writes the first len bytes of a file again, with one of them changed if at < len. */
static void write_changed(const char *path, const char *bytes, size_t len, size_t at, char by)
{
    FILE *f = fopen(path, "wb");

    for (size_t i = 0; i < len; i++)
        fputc(i == at ? bytes[i] ^ by : bytes[i], f);
    fclose(f);
}

static void test_file(void)
{
    struct tiny_spec spec = TINY_SPEC, other_spec = TINY_SPEC;
    struct engine *e, *other;
    struct session *s, *t, *foreign;
    int32_t tokens[N];
    size_t kept = 0, accepted = 0, header = 152, bytes = TINY_N_VOCAB * sizeof(float);
    char path[] = "/tmp/corax-session.XXXXXX";
    const float none = NAN;
    struct buf file;
    struct err err = { 0 };
    int fd = mkstemp(path);

    close(fd);
    other_spec.seed = 2;
    e = open_tiny(&spec, 1);
    other = open_tiny(&other_spec, 1);
    s = session_create(e, NULL);
    t = session_create(e, NULL);
    foreign = session_create(other, NULL);
    fill(tokens, 8);
    session_sync(s, tokens, 50, NULL, NULL, NULL, NULL);
    ok(session_save(s, path, &err) == 0 && session_load(t, path, &err) == 0 && session_n_tokens(t) == 50,
       "a session is saved and loaded");
    ok(memcmp(session_logits(s), session_logits(t), bytes) == 0, "with its logits");
    session_sync(s, tokens, N, NULL, NULL, NULL, NULL);
    session_sync(t, tokens, N, NULL, NULL, &kept, NULL);
    ok(kept == 50 && memcmp(session_logits(s), session_logits(t), bytes) == 0, "and goes on with the same bits");
    ok(session_load(foreign, path, &err) < 0 && strstr(err.msg, "another model"), "another model's session is refused");
    ok(session_load(t, "/tmp/corax-no-such-file", &err) < 0 && err.status == CORAX_E_NOTFOUND, "so is no file");

    buf_init(&file, TINY_LIMIT);
    ok(file_read(path, &file, &err) == 0 && file.len > header, "the file is longer than its header");
    for (size_t i = 0; i < header; i++) {
        write_changed(path, file.data, file.len, i, 1);
        accepted += session_load(t, path, &err) == 0;
    }
    is_int((long long)accepted, 0, "each byte of its header counts");
    for (size_t len = 0; len < file.len; len += 1 + len / 3) {
        write_changed(path, file.data, len, len, 0);
        accepted += session_load(t, path, &err) == 0;
    }
    is_int((long long)accepted, 0, "a shorter file is refused");
    write_changed(path, file.data, file.len, header + 3, (char)0x80);
    ok(session_load(t, path, &err) < 0 && strstr(err.msg, "token -"), "so is a token that the model does not have");
    memcpy(file.data + file.len - sizeof none, &none, sizeof none);
    write_changed(path, file.data, file.len, 0, 0);
    ok(session_load(t, path, &err) < 0 && strstr(err.msg, "infinite or no number"), "so is a value that is none");
    ok(session_n_tokens(t) == 0 && session_sync(t, tokens, N, NULL, NULL, NULL, NULL) == 0 &&
           memcmp(session_logits(s), session_logits(t), bytes) == 0,
       "and the session is empty and usable");
    ok(session_save(s, "/no-such-folder/x", &err) < 0 && err.status == CORAX_E_IO, "a file that cannot be made is an error");
    buf_finish(&file);
    unlink(path);
    session_destroy(s);
    session_destroy(t);
    session_destroy(foreign);
    engine_close(e);
    engine_close(other);
}

int main(void)
{
    plan_later();
    test_splits(QUANT_F32);
    test_splits(QUANT_Q8_0);
    test_splits(QUANT_Q5_0); /* without a kernel of its own */
    test_edges();
    test_decode();
    test_file();
    done();
    return tap_status();
}
