/*
 * infer/packed.c: a large model's packed file is made, found again, and made anew when it is damaged or the model has changed; where
 * there is no room for it, the model is packed in memory.  And sessions over packed weights: the same bits however a transcript
 * is cut, near the logits of the weights as they are, in each format.
 */
#include "infer/packed.h"

#include <dirent.h>
#include <math.h>
#include <sys/stat.h>

#include "infer/engine.h"
#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"
#include "util/file.h"

#define N 40

static char folder[200], model[256], packed[300];

static struct engine *open_engine(enum engine_packing packing, unsigned n_threads)
{
    const struct engine_options options = { .n_threads = n_threads, .n_ctx = 64, .packing = packing };
    struct err err = { 0 };
    struct engine *e = engine_open(model, &options, &err);

    if (!e)
        diag("%s", err.msg);
    return e;
}

static void write_model(const struct tiny_spec *spec)
{
    struct buf b;
    FILE *f;

    buf_init(&b, (size_t)256 << 20);
    tiny_llama(&b, spec);
    f = fopen(model, "wb");
    fwrite(b.data, 1, b.len, f);
    fclose(f);
    buf_finish(&b);
}

static void fill(int32_t *tokens)
{
    uint64_t random = 5;

    for (int i = 0; i < N; i++)
        tokens[i] = (int32_t)(tiny_random(&random) % TINY_N_VOCAB);
}

/* Logits after N tokens, evaluated in pieces of at most `piece`. */
static void logits_of(struct engine *e, size_t piece, float *out)
{
    struct session *s = session_create(e, NULL);
    int32_t tokens[N];

    fill(tokens);
    for (size_t n = piece; n < N; n += piece)
        session_sync(s, tokens, n, NULL, NULL, NULL, NULL);
    session_sync(s, tokens, N, NULL, NULL, NULL, NULL);
    memcpy(out, session_logits(s), TINY_N_VOCAB * sizeof *out);
    session_destroy(s);
}

/*
 * The most likely token behind each of N, to choices.  How much less likely those that are there already are at most: how far their logits
 * are below the largest, in root mean squares of all.
 */
static double choose(struct engine *e, size_t choices[N])
{
    struct session *s = session_create(e, NULL);
    int32_t tokens[N];
    double worst = 0;

    fill(tokens);
    for (size_t n = 1; n <= N; n++) {
        const float *logits;
        double size = 0;
        size_t best = 0;

        session_sync(s, tokens, n, NULL, NULL, NULL, NULL);
        logits = session_logits(s);
        for (size_t i = 0; i < TINY_N_VOCAB; i++) {
            best = logits[i] > logits[best] ? i : best;
            size += pow((double)logits[i], 2) / TINY_N_VOCAB;
        }
        worst = fmax(worst, (double)(logits[best] - logits[choices[n - 1]]) / sqrt(size));
        choices[n - 1] = best;
    }
    session_destroy(s);
    return worst;
}

static double nmse(const float *got, const float *want)
{
    double error = 0, size = 0;

    for (size_t i = 0; i < TINY_N_VOCAB; i++) {
        error += pow((double)got[i] - (double)want[i], 2);
        size += pow((double)want[i], 2);
    }
    return error / size;
}

/* --- formats ------------------------------------------------------------------------------------------------------ */

static void test_format(const struct quant_format *f)
{
    const struct tiny_spec spec = { 256, 2, 4, 2, 512, 64, (enum quant_type)f->id, 3, true, 0, false, NULL };
    float whole[TINY_N_VOCAB], pieces[TINY_N_VOCAB], plain[TINY_N_VOCAB];
    size_t wrong = 0, same = 0, choices[N] = { 0 }, plain_choices[N];
    struct engine *e;
    double apart, less;

    write_model(&spec);
    e = open_engine(ENGINE_PACK_FILE, 1);
    ok(e && e->packed, "%s: packed in memory, as a small model is", f->name);
    logits_of(e, N, whole);
    for (size_t piece = 1; piece < 20; piece += 6) {
        logits_of(e, piece, pieces);
        wrong += memcmp(pieces, whole, sizeof whole) != 0;
    }
    engine_close(e);
    e = open_engine(ENGINE_PACK_MEMORY, 3);
    (void)choose(e, choices);
    logits_of(e, N, pieces);
    wrong += memcmp(pieces, whole, sizeof whole) != 0;
    engine_close(e);
    ok(wrong == 0, "%s: the same bits however the tokens are cut, and on three threads", f->name);
    e = open_engine(ENGINE_PACK_OFF, 1);
    ok(e && !e->packed, "%s: not packed when that is off", f->name);
    logits_of(e, N, plain);
    memcpy(plain_choices, choices, sizeof choices);
    less = choose(e, plain_choices);
    engine_close(e);
    for (size_t i = 0; i < N; i++)
        same += choices[i] == plain_choices[i];
    apart = nmse(whole, plain);
    ok(apart < 1e-3, "%s: NMSE %.1e against the weights as they are", f->name, apart);
    /* Logits of a random model are near each other: one that is off by three deviations of what NMSE says may be chosen. */
    ok(same >= N - 8 && less < 0.1, "%s: the same token in %zu of %d places, otherwise one whose logit is %.3f less at most", f->name, same, N, less);
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

static off_t size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? st.st_size : -1;
}

static ino_t inode_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? st.st_ino : 0;
}

static size_t n_files(void)
{
    DIR *d = opendir(folder);
    size_t n = 0;

    for (const struct dirent *f; d && (f = readdir(d));)
        n += f->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

static bool same_as(const float *want)
{
    struct engine *e = open_engine(ENGINE_PACK_FILE, 2);
    float got[TINY_N_VOCAB];

    if (!e)
        return false;
    logits_of(e, N, got);
    engine_close(e);
    return memcmp(got, want, sizeof got) == 0;
}

static void change_byte(const char *path, off_t at)
{
    FILE *f = fopen(path, "r+b");
    int c;

    fseeko(f, at, SEEK_SET);
    c = fgetc(f);
    fseeko(f, at, SEEK_SET);
    fputc(c ^ 1, f);
    fclose(f);
}

static void test_file(void)
{
    struct tiny_spec spec = { 1024, 5, 8, 2, 4096, 64, QUANT_Q8_0, 3, true, 0, false, NULL };
    float first[TINY_N_VOCAB], memory[TINY_N_VOCAB];
    struct engine *e;
    ino_t made;
    off_t bytes;

    write_model(&spec);
    e = open_engine(ENGINE_PACK_MEMORY, 2);
    logits_of(e, N, memory);
    engine_close(e);
    ok(n_files() == 1, "a model of %lld MB packed in memory makes no file", (long long)size_of(model) / 1000000);
    e = open_engine(ENGINE_PACK_FILE, 2);
    logits_of(e, N, first);
    engine_close(e);
    bytes = size_of(packed);
    made = inode_of(packed);
    ok(bytes > 0 && n_files() == 2, "otherwise one, of %lld MB", (long long)bytes / 1000000);
    ok(memcmp(first, memory, sizeof first) == 0, "which gives the same bits");
    ok(same_as(first) && inode_of(packed) == made, "and is found again");

    change_byte(packed, 3);
    ok(same_as(first) && inode_of(packed) != made, "a damaged head: it is made anew");
    made = inode_of(packed);
    change_byte(packed, bytes - 100);
    ok(same_as(first) && inode_of(packed) != made, "a damaged weight, too");
    made = inode_of(packed);
    ok(truncate(packed, bytes / 2) == 0 && same_as(first) && size_of(packed) == bytes, "and one that was cut short");
    unlink(packed);
    ok(symlink("/etc/passwd", packed) == 0 && same_as(first), "a link in its place is not followed");
    unlink(packed);

    ok(same_as(first), "made once more");
    spec.seed = 4;
    write_model(&spec);
    ok(!same_as(first) && size_of(packed) == bytes, "another model of the same name and size is packed anew");
    e = open_engine(ENGINE_PACK_MEMORY, 2);
    logits_of(e, N, first);
    engine_close(e);
    ok(same_as(first), "and gives its own logits");
}

/* A folder in which nothing can be made: neither beside the model nor in the cache. */
static void test_no_room(void)
{
    float first[TINY_N_VOCAB];
    struct engine *e = open_engine(ENGINE_PACK_MEMORY, 1);
    char part[320];

    logits_of(e, N, first);
    engine_close(e);
    unlink(packed);
    snprintf(part, sizeof part, "%s.part", packed);
    ok(mkdir(part, 0700) == 0 && same_as(first) && size_of(packed) < 0, "where the file cannot be made, the model is packed in memory");
    rmdir(part);
}

int main(void)
{
    const char *dir = getenv("TMPDIR");

    plan_later();
    snprintf(folder, sizeof folder, "%s/corax-packed-XXXXXX", dir ? dir : "/tmp");
    ok(mkdtemp(folder) != NULL, "a folder");
    snprintf(model, sizeof model, "%s/model.gguf", folder);
    snprintf(packed, sizeof packed, "%s.packed", model);
    setenv("XDG_CACHE_HOME", "/proc/none", 1);
    if (!kernels_find(NULL)->packs) {
        ok(true, "packed weights # SKIP this processor has no instructions for them");
    } else {
        for (uint32_t id = 0; id < QUANT_MAX_ID; id++)
            if (kernels_find(NULL)->packs >> id & 1)
                test_format(quant_find(id));
        test_file();
        test_no_room();
    }
    unlink(packed);
    unlink(model);
    rmdir(folder);
    done();
    return tap_status();
}
