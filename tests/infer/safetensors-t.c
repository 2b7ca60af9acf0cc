/*
 * infer/safetensors.c against files that lie: lengths, types, shapes and offsets wrong in turn, every truncation, every byte of a
 * header changed; and folders whose index lies.  Files are parsed from memory of exactly their size, so a sanitizer sees any read
 * past the end.
 *
 * Not covered: files that change while they are mapped.  conversion-t reads what transformers writes.
 */
#include "infer/safetensors.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tests/tap.h"
#include "util/buf.h"

#define LIMIT ((size_t)1 << 20)

/* A file of that header, with n_data bytes 0, 1, 2 ... behind it. */
static void build(struct buf *b, const char *header, size_t n_data)
{
    const uint64_t len = strlen(header);

    buf_add(b, &len, sizeof len);
    buf_adds(b, header);
    for (size_t i = 0; i < n_data; i++)
        buf_addc(b, (char)i);
}

static bool parses(const char *data, size_t len, struct err *err)
{
    char *copy = malloc(len ? len : 1);
    struct safetensors *s;
    volatile float sum = 0;

    memcpy(copy, data, len);
    s = safetensors_parse(copy, len, err);
    for (size_t i = 0; s && i < safetensors_count(s); i++) {
        const struct safetensor *t = safetensors_at(s, i);
        float last;

        if (t->type != SAFETENSOR_OTHER && t->n > 0) {
            safetensor_read(t, t->n - 1, 1, &last);
            sum = sum + last;
        }
    }
    safetensors_close(s);
    free(copy);
    return s != NULL;
}

static void refused(const char *header, size_t n_data, const char *want)
{
    struct err err = { 0 };
    struct buf b;

    buf_init(&b, LIMIT);
    build(&b, header, n_data);
    if (!ok(!parses(b.data, b.len, &err) && strstr(err.msg, want), "refused: %s", want))
        diag("got \"%s\" of %s", err.msg, header);
    buf_finish(&b);
}

#define ONE "{\"t\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}"

static void test_right(void)
{
    static const char header[] = "{\"__metadata__\":{\"format\":\"pt\"},"
                                 "\"b\":{\"dtype\":\"BF16\",\"shape\":[2,2],\"data_offsets\":[4,12]},"
                                 "\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
                                 "\"s\":{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[12,14]},"
                                 "\"e\":{\"dtype\":\"I64\",\"shape\":[0,7],\"data_offsets\":[14,14]}}   ";
    struct err err = { 0 };
    struct safetensors *s;
    const struct safetensor *t;
    uint16_t halves[5] = { 0x3f80, 0xbf80, 0x4000, 0x7f80, 0x3800 };
    float x[4];
    struct buf b;

    buf_init(&b, LIMIT);
    build(&b, header, 4);
    buf_add(&b, halves, sizeof halves);
    s = safetensors_parse(b.data, b.len, &err);
    ok(s && safetensors_count(s) == 4 && strcmp(safetensors_at(s, 0)->name, "a") == 0, "four tensors, sorted by name");
    t = safetensors_find(s, "b");
    safetensor_read(t, 0, 4, x);
    ok(t->n == 4 && t->n_dims == 2 && x[0] == 1 && x[1] == -1 && x[2] == 2 && x[3] > 1e38f, "BF16 values");
    safetensor_read_every(t, 1, 2, 2, x);
    ok(x[0] == -1 && x[1] > 1e38f, "a column");
    t = safetensors_find(s, "s");
    safetensor_read(t, 0, 1, x);
    ok(t->n == 1 && t->n_dims == 0 && x[0] == 0.5f, "a scalar in F16");
    t = safetensors_find(s, "e");
    ok(t->n == 0 && t->type == SAFETENSOR_OTHER && strcmp(t->type_name, "I64") == 0, "no values, of a type that is no weight");
    ok(!safetensors_find(s, "none"), "one that is not there");
    safetensors_close(s);
    buf_finish(&b);
}

static void test_wrong(void)
{
    const uint64_t huge = UINT64_MAX, large = (uint64_t)100 << 20;
    struct err err = { 0 };

    ok(!parses("", 0, &err) && strstr(err.msg, "0 bytes are less"), "refused: nothing");
    ok(!parses((const char *)&huge, 8, &err), "refused: a header of 2^64 - 1 bytes");
    ok(!parses((const char *)&large, 8, &err), "refused: a header that is not there");
    refused("[]", 0, "no JSON object");
    refused("{\"t\":", 0, "header");
    refused("{\"t\":1}", 0, "dtype");
    refused("{\"t\":{\"dtype\":\"F33\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, "dtype \"F33\"");
    refused("{\"t\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "shape");
    refused("{\"t\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "at most 8");
    refused("{\"t\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "dimension 0 is -1");
    refused("{\"t\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, "not an integer");
    refused("{\"t\":{\"dtype\":\"F32\",\"shape\":[4503599627370496,4503599627370496],\"data_offsets\":[0,4]}}", 4,
            "more values than memory");
    refused("{\"t\":{\"dtype\":\"F64\",\"shape\":[4503599627370496,1024],\"data_offsets\":[0,8]}}", 8, "do not take");
    refused("{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "no two numbers");
    refused("{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "bytes 4 to 0");
    refused("{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, "bytes -4 to 0");
    refused("{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, "bytes 0 to 8 of 4");
    refused("{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "do not take the 4 bytes");
    refused(ONE, 25, "end at 24 of 25");
    refused("{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]}}", 5, "begin at 1");
    refused("{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
            "\"u\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "begin at 0");
    refused("{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
            "\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "duplicate key");
    refused("{\"\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "name of 0 bytes");
}

static void test_every_byte(void)
{
    static const char values[] = { 0, 1, '0', '9', '"', '[', '-', 127, (char)0xff };
    struct err err = { 0 };
    size_t read = 0, n = 0;
    struct buf b;

    buf_init(&b, LIMIT);
    build(&b, ONE, 24);
    ok(parses(b.data, b.len, &err), "the file without a fault is read");
    for (size_t i = 0; i < b.len; i++)
        read += parses(b.data, i, &err);
    is_int((long long)read, 0, "cut short at any byte it is not");
    for (size_t i = 0; i < b.len - 24; i++)
        for (size_t j = 0; j < sizeof values; j++, n++) {
            const char was = b.data[i];

            b.data[i] = values[j];
            (void)parses(b.data, b.len, &err);
            b.data[i] = was;
        }
    ok(true, "%zu changes of one byte of its header: none is read past the end", n);
    buf_finish(&b);
}

/* --- folders ------------------------------------------------------------------------------------------------------ */

static char folder[256];

static void put(const char *name, const struct buf *b)
{
    char path[400];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "wb");
    fwrite(b->data, 1, b->len, f);
    fclose(f);
}

static void index_refused(const char *index, const char *want)
{
    struct err err = { 0 };
    struct buf b;

    buf_init(&b, LIMIT);
    buf_adds(&b, index);
    put("model.safetensors.index.json", &b);
    buf_finish(&b);
    if (!ok(!safetensors_open(folder, &err) && strstr(err.msg, want), "refused: %s", want))
        diag("got \"%s\"", err.msg);
}

static void test_folders(void)
{
    static const char *const files[] = { "1.safetensors", "2.safetensors", "model.safetensors.index.json",
                                         "model.safetensors" };
    const char *dir = getenv("TMPDIR");
    struct safetensors *s;
    struct err err = { 0 };
    struct buf b;

    snprintf(folder, sizeof folder, "%s/corax-safetensors-%d", dir ? dir : "/tmp", (int)getpid());
    mkdir(folder, 0700);
    ok(!safetensors_open(folder, &err) && err.status == CORAX_E_NOTFOUND, "an empty folder");
    buf_init(&b, LIMIT);
    build(&b, "{\"one\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4);
    put("1.safetensors", &b);
    buf_reset(&b);
    build(&b, "{\"two\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8);
    put("2.safetensors", &b);
    buf_reset(&b);
    buf_adds(&b, "{\"metadata\":{},\"weight_map\":{\"two\":\"2.safetensors\",\"one\":\"1.safetensors\"}}");
    put("model.safetensors.index.json", &b);
    buf_reset(&b);
    s = safetensors_open(folder, &err);
    ok(s && safetensors_count(s) == 2 && safetensors_find(s, "two")->n == 2, "two files by their index");
    safetensors_close(s);
    index_refused("{}", "no weight_map");
    index_refused("{\"weight_map\":{\"one\":\"../1.safetensors\"}}", "no name of a file in the folder");
    index_refused("{\"weight_map\":{\"one\":1}}", "no name of a file in the folder");
    index_refused("{\"weight_map\":{\"one\":\"3.safetensors\"}}", "3.safetensors: No such file");
    index_refused("{\"weight_map\":{\"one\":\"2.safetensors\"}}", "one is not in 2.safetensors");
    buf_reset(&b);
    build(&b, "{\"one\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8);
    put("2.safetensors", &b);
    index_refused("{\"weight_map\":{\"one\":\"2.safetensors\",\"two\":\"1.safetensors\"}}", "one occurs in two files");
    put("model.safetensors", &b);
    s = safetensors_open(folder, &err);
    ok(s && safetensors_count(s) == 1, "a file for itself counts before an index");
    safetensors_close(s);
    buf_finish(&b);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[400];

        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    rmdir(folder);
}

int main(void)
{
    plan_later();
    test_right();
    test_wrong();
    test_every_byte();
    test_folders();
    done();
    return tap_status();
}
