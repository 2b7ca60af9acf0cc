/*
 * infer/gguf_write.c: what it writes, infer/gguf.c reads back, value by value and byte by byte; and what it must not do: leave
 * half a file, or write beside another writer.
 *
 * Not covered: a full disk.
 */
#include "infer/gguf_write.h"

#include <fcntl.h>
#include <sys/file.h>

#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"

static char path[300], part[320];

static bool exists(const char *name)
{
    return access(name, F_OK) == 0;
}

static void test_values(void)
{
    const struct gguf_string names[] = { { "one", 3 }, { "", 0 }, { "three", 5 } };
    const int32_t numbers[] = { 5, -6, 7 };
    const double wide = 1.5;
    const uint64_t big = UINT64_MAX;
    struct err err = { 0 };
    struct gguf_writer *w = gguf_writer_create(&err);
    const struct gguf_kv *kv;
    struct gguf_string s;
    const unsigned char *at;
    struct gguf *g, *copy;
    uint64_t u = 0;
    double d = 0;
    bool flag = false, same = true;

    gguf_add_u32(w, "a.u32", 7);
    gguf_add_f32(w, "a.f32", 0.25f);
    gguf_add_bool(w, "a.bool", true);
    gguf_add_text(w, "a.text", "text");
    gguf_add_string(w, "a.string", "a\0b", 3);
    gguf_add_value(w, "a.f64", GGUF_F64, &wide);
    gguf_add_value(w, "a.u64", GGUF_U64, &big);
    gguf_add_array(w, "a.numbers", GGUF_I32, 3, numbers);
    gguf_add_strings(w, "a.names", 3, names);
    ok(gguf_writer_begin(w, path, &err) == 0 && gguf_writer_finish(w, &err) == 0, "a file with metadata alone");
    gguf_writer_destroy(w);
    g = gguf_open(path, &err);
    ok(g && gguf_version(g) == 3 && gguf_n_kv(g) == 9 && gguf_n_tensors(g) == 0, "it is read");
    ok(gguf_get_uint(g, "a.u32", &u, &err) == 0 && u == 7, "u32");
    ok(gguf_get_float(g, "a.f32", &d, &err) == 0 && d == 0.25, "f32");
    ok(gguf_get_float(g, "a.f64", &d, &err) == 0 && d == 1.5, "f64");
    ok(gguf_get_bool(g, "a.bool", &flag, &err) == 0 && flag, "bool");
    ok(gguf_get_string(g, "a.string", &s, &err) == 0 && s.len == 3 && memcmp(s.s, "a\0b", 3) == 0, "a string with NUL");
    ok(gguf_get_array(g, "a.numbers", GGUF_I32, &kv, &err) == 0 && kv->n == 3 && gguf_int_at(kv, 1) == -6, "numbers");
    ok(gguf_get_array(g, "a.names", GGUF_STRING, &kv, &err) == 0 && kv->n == 3, "strings");
    at = kv->data;
    (void)gguf_next_string(&at);
    (void)gguf_next_string(&at);
    s = gguf_next_string(&at);
    ok(s.len == 5 && memcmp(s.s, "three", 5) == 0, "the third one");

    w = gguf_writer_create(&err);
    for (size_t i = 0; i < gguf_n_kv(g); i++)
        gguf_add_kv(w, gguf_kv_at(g, i));
    strcat(path, "2");
    ok(gguf_writer_begin(w, path, &err) == 0 && gguf_writer_finish(w, &err) == 0, "all of it copied");
    gguf_writer_destroy(w);
    copy = gguf_open(path, &err);
    if (copy) {
        size_t len, copy_len;
        const void *bytes = gguf_bytes(g, 0, &len), *copied = gguf_bytes(copy, 0, &copy_len);

        same = len == copy_len && memcmp(bytes, copied, len) == 0;
    }
    ok(copy && same, "the same bytes");
    gguf_close(copy);
    gguf_close(g);
    unlink(path);
    path[strlen(path) - 1] = 0;
    unlink(path);
}

/* Three tensors of sizes that no alignment divides, in pieces of all sizes. */
static void test_tensors(void)
{
    const struct {
        const char *name;
        uint32_t type, n_dims;
        uint64_t ne[4];
        size_t bytes;
    } list[] = { { "first", 0, 1, { 5, 1, 1, 1 }, 20 },
                 { "second", 8, 2, { 64, 3, 1, 1 }, 204 },
                 { "third", 1, 4, { 3, 1, 2, 5 }, 60 } };
    struct err err = { 0 };
    struct gguf *g;

    for (size_t piece = 1; piece <= 300; piece += 23) {
        struct gguf_writer *w = gguf_writer_create(&err);
        unsigned char bytes[284];
        size_t wrong = 0, at = 0;
        bool good;

        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (unsigned char)(i * 7 + 1);
        gguf_add_u32(w, "k", (uint32_t)piece);
        for (size_t i = 0; i < 3; i++)
            gguf_add_tensor(w, list[i].name, quant_find(list[i].type), list[i].n_dims, list[i].ne);
        good = gguf_writer_bytes(w) == sizeof bytes && gguf_writer_begin(w, path, &err) == 0;
        for (size_t i = 0; i < sizeof bytes && good; i += piece)
            good = gguf_writer_data(w, bytes + i, piece < sizeof bytes - i ? piece : sizeof bytes - i, &err) == 0;
        good = good && gguf_writer_finish(w, &err) == 0;
        gguf_writer_destroy(w);
        g = good ? gguf_open(path, &err) : NULL;
        for (size_t i = 0; i < 3 && g; at += list[i++].bytes) {
            const struct gguf_tensor *t = gguf_find_tensor(g, list[i].name);

            wrong += !t || t->n_dims != list[i].n_dims || memcmp(t->ne, list[i].ne, sizeof t->ne) != 0 ||
                     t->format->id != list[i].type || (uintptr_t)t->data % GGUF_WRITER_ALIGNMENT != 0 ||
                     t->bytes != list[i].bytes || memcmp(t->data, bytes + at, t->bytes) != 0;
        }
        ok(g && wrong == 0 && !exists(part), "three tensors in pieces of %zu bytes", piece);
        gguf_close(g);
    }
    unlink(path);
}

/* Bytes behind the last row, which I2_S has, count once a tensor. */
static void test_tail(void)
{
    const uint64_t ne[4] = { 256, 3, 2, 1 };
    unsigned char bytes[256 * 3 * 2 / 4 + 32 + 4] = { 0 };
    struct err err = { 0 };
    struct gguf_writer *w = gguf_writer_create(&err);
    const struct gguf_tensor *t = NULL;
    struct gguf *g;

    bytes[sizeof bytes - 1] = 7;
    gguf_add_tensor(w, "t", quant_find(QUANT_I2_S), 3, ne);
    gguf_add_tensor(w, "after", quant_find(QUANT_F32), 1, (const uint64_t[]){ 1, 1, 1, 1 });
    g = gguf_writer_bytes(w) == sizeof bytes && gguf_writer_begin(w, path, &err) == 0 &&
                gguf_writer_data(w, bytes, sizeof bytes, &err) == 0 && gguf_writer_finish(w, &err) == 0
            ? gguf_open(path, &err)
            : NULL;
    t = g ? gguf_find_tensor(g, "t") : NULL;
    if (!ok(t && t->row_bytes == 64 && t->bytes == 6 * 64 + 32, "a tensor in I2_S has 32 bytes behind its rows"))
        diag("%s", err.msg);
    t = g ? gguf_find_tensor(g, "after") : NULL;
    ok(t && memcmp(t->data, bytes + sizeof bytes - 4, 4) == 0, "and the next one begins behind them");
    gguf_close(g);
    gguf_writer_destroy(w);
    unlink(path);
}

static void test_unfinished(void)
{
    const uint64_t ne[4] = { 8, 2, 1, 1 };
    const float data[16] = { 0 };
    struct err err = { 0 };
    struct gguf_writer *w = gguf_writer_create(&err), *other;
    FILE *f = fopen(path, "w");

    fputs("what was there", f);
    fclose(f);
    gguf_add_tensor(w, "t", quant_find(0), 2, ne);
    ok(gguf_writer_begin(w, path, &err) == 0 && exists(part), "there is PATH.part");
    ok(gguf_writer_data(w, data, 60, &err) == 0 && gguf_writer_finish(w, &err) < 0, "without all data it is not finished");
    other = gguf_writer_create(&err);
    ok(gguf_writer_begin(other, path, &err) < 0 && err.status == CORAX_E_UNAVAIL, "two writers of one file: the second is refused");
    gguf_writer_destroy(other);
    ok(exists(part), "and takes nothing away");
    ok(gguf_writer_data(w, data, 5, &err) < 0, "more data than tensors have is refused");
    gguf_writer_destroy(w);
    ok(!exists(part), "what was not finished is removed");
    f = fopen(path, "r");
    ok(f && fgetc(f) == 'w', "and the file that was there still is");
    fclose(f);
    unlink(path);

    f = fopen(part, "w"); /* of one that was killed */
    fputs("much more than what will be written there, so that a rest would be seen.....................................", f);
    fclose(f);
    w = gguf_writer_create(&err);
    gguf_add_u32(w, "k", 1);
    ok(gguf_writer_begin(w, path, &err) == 0 && gguf_writer_finish(w, &err) == 0, "a part that nobody writes is taken over");
    gguf_writer_destroy(w);
    f = fopen(path, "r");
    fseek(f, 0, SEEK_END);
    is_int(ftell(f), 64, "and cut to what is written");
    fclose(f);
    unlink(path);
}

static void refuse(const char *name, uint32_t type, uint64_t ne0, uint64_t ne1, const char *want)
{
    const uint64_t ne[4] = { ne0, ne1, 1, 1 };
    struct err err = { 0 };
    struct gguf_writer *w = gguf_writer_create(&err);

    gguf_add_tensor(w, name, quant_find(type), 2, ne);
    gguf_add_tensor(w, "after", quant_find(0), 1, (const uint64_t[]){ 4, 1, 1, 1 });
    if (!ok(gguf_writer_begin(w, path, &err) < 0 && strstr(err.msg, want) && !exists(part), "refused: %s", want))
        diag("got \"%s\"", err.msg);
    gguf_writer_destroy(w);
}

static void test_refused(void)
{
    char name[80];
    struct err err = { 0 };
    struct gguf_writer *w = gguf_writer_create(&err);

    memset(name, 'n', sizeof name);
    name[64] = 0;
    refuse(name, 0, 4, 4, "has 64 bytes");
    refuse("", 0, 4, 4, "has 0 bytes");
    refuse("t", 8, 33, 4, "do not fill blocks of 32");
    refuse("t", 0, (uint64_t)1 << 40, (uint64_t)1 << 40, "more than a file has");
    refuse("t", 0, 4, 0, "are none");
    gguf_add_u32(w, "", 4);
    ok(gguf_writer_begin(w, path, &err) < 0, "a key without a name is refused");
    gguf_writer_destroy(w);
}

int main(void)
{
    const char *dir = getenv("TMPDIR");

    snprintf(path, sizeof path, "%s/corax-writer-%d.gguf", dir ? dir : "/tmp", (int)getpid());
    snprintf(part, sizeof part, "%s.part", path);
    plan_later();
    test_values();
    test_tensors();
    test_tail();
    test_unfinished();
    test_refused();
    done();
    return tap_status();
}
