/*
 * infer/gguf.c against files that lie: every count, length, type and offset wrong in turn, every truncation, every byte
 * changed.  Files are parsed from memory of exactly their size, so a sanitizer sees any read past the end.
 * Not covered: files that change while they are mapped.
 */
#include "infer/gguf.h"

#include <stdbool.h>

#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"

static struct gguf *parse_exact(const char *data, size_t len, struct err *err)
{
    char *copy = malloc(len ? len : 1);
    struct gguf *g;

    memcpy(copy, data, len);
    g = gguf_parse(copy, len, err);
    gguf_close(g);
    free(copy);
    return g; /* only whether it is NULL */
}

static void refused(struct buf *b, const char *message, const char *what)
{
    struct err err = { 0 };
    bool good = !parse_exact(b->data, b->len, &err) && strstr(err.msg, message);

    if (!ok(good, "refused: %s", what))
        diag("got \"%s\", want it to contain \"%s\"", err.msg, message);
    buf_reset(b);
}

/* One file with one tensor, each field of which may be made wrong. */
struct wrong {
    const char *magic;
    uint32_t version;
    uint64_t n_tensors, n_kv;
    const char *name;
    uint32_t n_dims;
    uint64_t ne[4];
    uint32_t type;
    uint64_t offset;
    size_t n_data;
};
static const struct wrong right = { "GGUF", 3, 1, 1, "t", 2, { 8, 2, 1, 1 }, 0, 0, 64 };

static void build(struct buf *b, const struct wrong *w)
{
    buf_add(b, w->magic, 4);
    tiny_u32(b, w->version);
    tiny_u64(b, w->n_tensors);
    tiny_u64(b, w->n_kv);
    tiny_kv_u32(b, "k", 7);
    tiny_tensor(b, w->name, w->n_dims, w->ne, w->type, w->offset);
    tiny_pad(b, 32);
    for (size_t i = 0; i < w->n_data; i++)
        buf_addc(b, 0);
}

#define WRONG(message, what, ...)   \
    do {                            \
        struct wrong w = right;     \
        __VA_ARGS__;                \
        build(&b, &w);              \
        refused(&b, message, what); \
    } while (0)

static void test_fields(void)
{
    static char long_name[65];
    struct err err;
    struct buf b;

    memset(long_name, 'n', 64);
    buf_init(&b, TINY_LIMIT);
    build(&b, &right);
    ok(parse_exact(b.data, b.len, &err) != NULL, "the file without a fault is read");
    buf_reset(&b);
    build(&b, &(struct wrong){ "GGUF", 2, 1, 1, "t", 2, { 8, 2, 1, 1 }, 0, 0, 64 });
    ok(parse_exact(b.data, b.len, &err) != NULL, "version 2 too");
    buf_reset(&b);
    WRONG("not a GGUF file", "wrong magic", w.magic = "GGML");
    WRONG("version 0", "version 0", w.version = 0);
    WRONG("version 1", "version 1", w.version = 1);
    WRONG("version 4", "a future version", w.version = 4);
    WRONG("tensors announced", "-1 tensors", w.n_tensors = UINT64_MAX);
    WRONG("tensors announced", "more tensors than bytes", w.n_tensors = 1000);
    WRONG("keys announced", "-1 keys", w.n_kv = UINT64_MAX);
    WRONG("", "one key too many", w.n_kv = 2);
    WRONG("", "one tensor too many", w.n_tensors = 2, w.n_data = 0);
    WRONG("tensor name of 0 bytes", "a tensor without a name", w.name = "");
    WRONG("tensor name of 64 bytes", "a tensor name of 64 bytes", w.name = long_name);
    WRONG("printable", "a tensor name with a newline", w.name = "a\nb");
    WRONG("0 dimensions", "no dimensions", w.n_dims = 0);
    WRONG("5 dimensions", "five dimensions", w.n_dims = 5);
    WRONG("dimension 0 is 0", "a dimension of 0", w.ne[0] = 0);
    WRONG("dimension 1 is -1", "a negative dimension", w.ne[1] = UINT64_MAX);
    WRONG("more than memory", "dimensions that overflow", w.ne[0] = (uint64_t)1 << 40, w.ne[1] = (uint64_t)1 << 40);
    WRONG("more than memory", "bytes that overflow", w.ne[0] = INT64_MAX, w.ne[1] = 2);
    WRONG("begin at", "a tensor past the end", w.ne[1] = 3);
    WRONG("unknown tensor type 4", "a type that was removed", w.type = 4);
    WRONG("unknown tensor type 4294967295", "type -1", w.type = UINT32_MAX);
    WRONG("do not fill blocks", "rows that are no whole blocks", w.type = 8);
    WRONG("its data begins at 32", "an offset that leaves a gap", w.offset = 32);
    WRONG("its data begins at", "an offset beyond all", w.offset = UINT64_MAX - 31);
    WRONG("begin at", "no data", w.n_data = 0);
    buf_finish(&b);
}

static void test_two_tensors(void)
{
    const uint64_t huge[] = { 0x7fffffffffffffc0u }, small[] = { 8 };
    struct buf b;

    buf_init(&b, TINY_LIMIT);
    tiny_header(&b, 3, 2, 0);
    tiny_tensor(&b, "a", 1, huge, 24, 0);
    tiny_tensor(&b, "b", 1, huge, 24, huge[0]);
    tiny_pad(&b, 32);
    refused(&b, "", "two tensors whose sizes overflow together");
    tiny_header(&b, 3, 2, 0);
    tiny_tensor(&b, "a", 1, small, 0, 0);
    tiny_tensor(&b, "a", 1, small, 0, 32);
    tiny_pad(&b, 32);
    buf_adds(&b, "................................................................");
    refused(&b, "occurs twice", "two tensors of one name");
    tiny_header(&b, 3, 2, 0);
    tiny_tensor(&b, "a", 1, small, 0, 0);
    tiny_tensor(&b, "b", 1, small, 0, 0);
    tiny_pad(&b, 32);
    buf_adds(&b, "................................................................");
    refused(&b, "tensor b: its data begins at 0", "two tensors in one place");
    buf_finish(&b);
}

static void test_metadata(void)
{
    static char long_key[300];
    struct buf b;

    buf_init(&b, TINY_LIMIT);
    memset(long_key, 'k', sizeof long_key - 1);
#define ONE(message, what, ...)     \
    do {                            \
        tiny_header(&b, 3, 0, 1);   \
        __VA_ARGS__;                \
        refused(&b, message, what); \
    } while (0)
    ONE("a key of 0 bytes", "a key without a name", tiny_kv_u32(&b, "", 1));
    ONE("a key of 299 bytes", "a key of 299 bytes", tiny_kv_u32(&b, long_key, 1));
    ONE("printable", "a key that is not ASCII", tiny_kv_u32(&b, "k\xc3\xa4y", 1));
    ONE("a string of", "a key longer than the file", tiny_u64(&b, UINT64_MAX), tiny_u64(&b, 0));
    ONE("unknown value type 13", "an unknown type", tiny_string(&b, "k"), tiny_u32(&b, 13), tiny_u64(&b, 0));
    ONE("unknown value type 4294967295", "type -1", tiny_string(&b, "k"), tiny_u32(&b, UINT32_MAX), tiny_u64(&b, 0));
    ONE("a bool of value 2", "a bool of 2", tiny_string(&b, "k"), tiny_u32(&b, GGUF_BOOL), buf_addc(&b, 2));
    ONE("a string of", "a string past the end", tiny_string(&b, "k"), tiny_u32(&b, GGUF_STRING), tiny_u64(&b, 1 << 20));
    ONE("array of arrays", "nested arrays", tiny_kv_array(&b, "k", GGUF_ARRAY, 1), tiny_u64(&b, 0));
    ONE("unknown type 99", "an array of an unknown type", tiny_kv_array(&b, "k", (enum gguf_type)99, 1),
        tiny_u64(&b, 0));
    ONE("values of type u64", "an array whose size overflows", tiny_kv_array(&b, "k", GGUF_U64, UINT64_MAX / 8 + 1));
    ONE("values of type u8", "an array past the end", tiny_kv_array(&b, "k", GGUF_U8, 100));
    ONE("strings", "more strings than bytes", tiny_kv_array(&b, "k", GGUF_STRING, 1 << 20));
    ONE("must be a power of two", "alignment 13", tiny_kv_u32(&b, "general.alignment", 13));
    ONE("must be a power of two", "alignment 0", tiny_kv_u32(&b, "general.alignment", 0));
    ONE("must be a power of two", "alignment 2^31", tiny_kv_u32(&b, "general.alignment", 0x80000000u));
    ONE("it must be u32", "alignment as a string", tiny_kv_string(&b, "general.alignment", "32"));
    tiny_header(&b, 3, 0, 2);
    tiny_kv_u32(&b, "k", 1);
    tiny_kv_u32(&b, "k", 1);
    refused(&b, "metadata key k occurs twice", "one key twice");
    buf_adds(&b, "GGUF");
    refused(&b, "the file ends", "a header cut short");
    refused(&b, "the file ends", "an empty file");
    buf_finish(&b);
}

static void test_values(void)
{
    struct gguf_string s;
    const struct gguf_kv *kv;
    struct gguf *g;
    struct buf b;
    struct err err;
    uint64_t u = 99;
    double d;
    bool flag;

    buf_init(&b, TINY_LIMIT);
    tiny_header(&b, 3, 0, 6);
    tiny_kv_u32(&b, "general.alignment", 64);
    tiny_kv_string(&b, "text", "abc");
    tiny_kv_f32(&b, "pi", 3.5f);
    tiny_kv_f32(&b, "nan", NAN);
    tiny_string(&b, "minus");
    tiny_u32(&b, GGUF_I8);
    buf_addc(&b, (char)-3);
    tiny_kv_array(&b, "list", GGUF_I32, 2);
    tiny_u32(&b, 5);
    tiny_u32(&b, (uint32_t)-6);
    g = gguf_parse(b.data, b.len, &err);
    ok(g != NULL, "a file with metadata only, alignment 64");
    ok(gguf_get_uint(g, "general.alignment", &u, &err) == 0 && u == 64, "an integer");
    ok(gguf_get_uint(g, "none", &u, &err) == 1 && u == 64, "an absent key leaves the default");
    ok(gguf_get_uint(g, "text", &u, &err) == -1, "a string is no integer");
    has_str(err.msg, "text is of type string", "... and says so");
    ok(gguf_get_uint(g, "minus", &u, &err) == -1 && strstr(err.msg, "-3"),
       "a negative count is refused with its value");
    ok(gguf_get_float(g, "pi", &d, &err) == 0 && d == 3.5, "a float");
    ok(gguf_get_float(g, "nan", &d, &err) == -1, "NaN is refused");
    ok(gguf_get_bool(g, "pi", &flag, &err) == -1, "a float is no bool");
    ok(gguf_get_string(g, "text", &s, &err) == 0 && s.len == 3 && memcmp(s.s, "abc", 3) == 0, "a string");
    ok(gguf_get_array(g, "list", GGUF_I32, &kv, &err) == 0 && kv->n == 2 && gguf_int_at(kv, 1) == -6, "an array");
    ok(gguf_get_array(g, "list", GGUF_STRING, &kv, &err) == -1, "an array of another type is refused");
    gguf_close(g);
    buf_finish(&b);
}

static void test_every_byte(void)
{
    struct tiny_spec spec = TINY_SPEC;
    struct buf b;
    struct err err;
    size_t header, read = 0, n = 0;
    const char *values = "\x00\x01\x7f\x80\xff";

    buf_init(&b, TINY_LIMIT);
    build(&b, &right);
    for (size_t i = 0; i < b.len; i++)
        read += parse_exact(b.data, i, &err) != NULL;
    is_int((long long)read, 0, "cut short at any byte, the small file is refused");
    header = b.len - 64;
    for (size_t i = 0; i < header; i++)
        for (int j = 0; j < 5; j++, n++) {
            char was = b.data[i];

            b.data[i] = values[j];
            (void)parse_exact(b.data, b.len, &err);
            b.data[i] = was;
        }
    ok(true, "%zu changes of one byte of its header: none is read past the end", n);
    buf_reset(&b);
    spec.n_embd = 32;
    spec.n_ff = 32;
    spec.n_layer = 1;
    tiny_llama(&b, &spec);
    ok(parse_exact(b.data, b.len, &err) != NULL, "a whole model is read");
    read = 0;
    for (size_t i = 0; i < b.len; i += 61)
        read += parse_exact(b.data, i, &err) != NULL;
    is_int((long long)read, 0, "cut short, it is refused");
    buf_finish(&b);
}

int main(void)
{
    struct err err;

    plan_later();
    test_fields();
    test_two_tensors();
    test_metadata();
    test_values();
    test_every_byte();
    ok(!gguf_open("/nonexistent/model.gguf", &err) && err.status == CORAX_E_NOTFOUND, "a file that is not there");
    ok(!gguf_open("/", &err) && err.status == CORAX_E_ARGS, "a folder");
    done();
    return tap_status();
}
