/*
 * Any bytes as the files of a model, opened as the programs do: one file, or parts that are to be put together.  What
 * is accepted reads a text, goes on from it, and gives an embedding; a token that comes out is one that the model has.
 *
 * The first byte says how many files there are, which is opened, and how.  Then come the files, all but the last with
 * their length (32 bits, little-endian) before them; one without a byte is not there.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "infer/infer.h"
#include "tests/fuzz/mutate_gguf.h"

#define MAX_FILES 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max_len, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t max_len); /* libFuzzer's own */

enum { EXACT = 1 << 4, SHORT = 1 << 5, PLAIN = 1 << 6, GREEDY = 1 << 7 };

struct files {
    size_t n, opened;
    struct {
        const uint8_t *bytes;
        size_t len;
    } file[MAX_FILES];
};

static void require(bool good)
{
    if (!good)
        abort();
}

static struct files split(const uint8_t *data, size_t len)
{
    struct files f = { .n = 1 + (data[0] & 3) };
    size_t at = 1;

    f.opened = (data[0] >> 2 & 3) % f.n;
    for (size_t i = 0; i < f.n; i++) {
        uint32_t n = UINT32_MAX;

        if (i + 1 < f.n) {
            if (len - at < sizeof n)
                break;
            memcpy(&n, data + at, sizeof n);
            at += sizeof n;
        }
        f.file[i].bytes = data + at;
        f.file[i].len = n < len - at ? n : len - at;
        at += f.file[i].len;
    }
    return f;
}

/* --- changes ------------------------------------------------------------------------------------------------------ */

static uint8_t changed[1 << 20];

/* One file becomes another one; bytes [n] of it are in `changed`. */
static size_t put_together(const struct files *f, size_t which, size_t n, uint8_t first, uint8_t *out, size_t max_len)
{
    size_t at = 1;

    out[0] = first;
    for (size_t i = 0; i < f->n; i++) {
        const size_t file_len = i == which ? n : f->file[i].len;
        const uint32_t stored = (uint32_t)file_len;

        if (max_len - at < file_len + sizeof stored)
            return 0;
        if (i + 1 < f->n) {
            memcpy(out + at, &stored, sizeof stored);
            at += sizeof stored;
        }
        if (file_len)
            memcpy(out + at, i == which ? changed : f->file[i].bytes, file_len);
        at += file_len;
    }
    return at;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max_len, unsigned seed)
{
    static uint8_t out[1 << 20];
    const size_t most = max_len < sizeof out ? max_len : sizeof out;
    uint64_t random = seed;
    struct files f;
    size_t which, n = 0;
    uint8_t *aligned;

    if (len < 2 || tiny_random(&random) % 8 == 0)
        return LLVMFuzzerMutate(data, len, max_len);
    f = split(data, len);
    which = tiny_random(&random) % f.n;
    if (f.file[which].len == 0 || f.file[which].len > sizeof changed)
        return LLVMFuzzerMutate(data, len, max_len);
    aligned = malloc(f.file[which].len);
    memcpy(aligned, f.file[which].bytes, f.file[which].len);
    if (tiny_random(&random) % 4)
        n = mutate_gguf(aligned, f.file[which].len, NULL, 0, changed, most, tiny_random(&random));
    if (n == 0) {
        memcpy(changed, aligned, f.file[which].len);
        n = LLVMFuzzerMutate(changed, f.file[which].len, most);
    }
    free(aligned);
    n = put_together(&f, which, n, data[0], out, most);
    if (n == 0)
        return LLVMFuzzerMutate(data, len, max_len);
    memcpy(data, out, n);
    return n;
}

/* --- the folder --------------------------------------------------------------------------------------------------- */

static char folder[64];

static const char *path_of(size_t i, size_t n)
{
    static char path[100];

    if (n == 1)
        snprintf(path, sizeof path, "%s/model.gguf", folder);
    else
        snprintf(path, sizeof path, "%s/model-%05zu-of-%05zu.gguf", folder, i + 1, n);
    return path;
}

static void remove_folder(void)
{
    rmdir(folder);
}

static void start(void)
{
    const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    snprintf(folder, sizeof folder, "%s/corax-engine-%d", memory, (int)getpid());
    require(mkdir(folder, 0700) == 0);
    atexit(remove_folder);
}

static void write_files(const struct files *f)
{
    for (size_t i = 0; i < f->n; i++) {
        FILE *file = f->file[i].len ? fopen(path_of(i, f->n), "wb") : NULL;

        require(!f->file[i].len || (file && fwrite(f->file[i].bytes, 1, f->file[i].len, file) == f->file[i].len));
        require(!file || fclose(file) == 0);
    }
}

/* --- the model ---------------------------------------------------------------------------------------------------- */

static size_t n_vocab;

static void check_token(void *arg, int32_t token)
{
    (void)arg;
    require(token >= 0 && (size_t)token < n_vocab);
}

static void go_on(struct engine *e, struct session *s, const struct tokens *text, uint8_t how)
{
    struct decode d = { .sampling = { .temperature = how & GREEDY ? 0 : 1, .top_p = 0.9f, .seed = 3 }, .max_tokens = 3,
                        .on_token = check_token };
    enum decode_finish finish;
    float *embedding = NULL;
    struct err err = { 0 };
    size_t n;

    n_vocab = engine_info(e)->n_vocab;
    if (session_sync(s, text->ids, text->n, NULL, NULL, NULL, &err) == 0)
        (void)session_decode(s, &d, &n, &finish, &err);
    if (session_embed(s, text->ids, text->n, &embedding, &n, &err) == 0)
        require(embedding && n > 0);
    free(embedding);
}

static void use(struct engine *e, uint8_t how)
{
    struct tokens text = { 0 };
    struct session *s;
    struct err err;

    if (tokenizer_encode_with(engine_tokenizer(e), TOKENIZER_BEGIN, "the a", 5, &text, &err) == 0 && text.n > 0) {
        s = session_create(e, &err);
        if (s)
            go_on(e, s, &text, how);
        session_destroy(s);
    }
    tokens_finish(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct engine_options options = { .n_threads = 1 };
    struct err err = { 0 };
    struct engine *e;
    struct files f;

    if (!folder[0])
        start();
    if (len < 2)
        return 0;
    options.exact = data[0] & EXACT;
    options.n_ctx = data[0] & SHORT ? 4 : 0;
    options.kernels = data[0] & PLAIN ? "plain" : NULL;
    f = split(data, len);
    write_files(&f);
    e = engine_open(path_of(f.opened, f.n), &options, &err);
    require(e || err.msg[0]);
    if (e)
        use(e, data[0]);
    engine_close(e);
    for (size_t i = 0; i < f.n; i++)
        unlink(path_of(i, f.n));
    return 0;
}
