/*
 * Every allocation failing while a GGUF file is read, and while a whole model is loaded from one: file, tensors,
 * tokenizer, threads, scratch memory; while Mamba and RWKV make what they need; and while each kind of tokenizer is
 * loaded, encodes and decodes.
 * Not covered: the token loop, which allocates nothing.
 */
#include <fcntl.h>
#include <unistd.h>

#include "infer/conversion.h"
#include "infer/engine.h"
#include "infer/gguf.h"
#include "infer/quantization.h"
#include "tests/infer/golden.h"
#include "tests/infer/tiny_gguf.h"
#include "tests/oom.h"

static struct buf file;
static char path[] = "/tmp/corax-oom.XXXXXX";

static int read_gguf(struct err *err)
{
    struct gguf *g = gguf_parse(file.data, file.len, err);

    gguf_close(g);
    return g ? 0 : -1;
}

static int map_gguf(struct err *err)
{
    struct gguf *g = gguf_open(path, err);

    gguf_close(g);
    return g ? 0 : -1;
}

static int load_model(struct err *err)
{
    struct engine_options options = { .n_threads = 1 };
    struct engine *e = engine_open(path, &options, err);

    engine_close(e);
    return e ? 0 : -1;
}

/* Families that make tables of their own from the file's tensors. */
static int load_family(struct err *err)
{
    struct gguf *g = gguf_parse(file.data, file.len, err);
    const struct family *family = g ? family_find(g, err) : NULL;
    struct shape shape;
    void *model = family ? family->load(g, &shape, err) : NULL;

    if (model)
        family->unload(model);
    gguf_close(g);
    return model ? 0 : -1;
}

/* --- tokenizers --------------------------------------------------------------------------------------------------- */

static const struct gguf *vocabulary;

static int tokenize(struct err *err)
{
    static const char text[] = "the e\xcc\x81\xcc\xa3 'hth' <u> 1,000 t... &c."
                               " a word that is too long for what is kept on the stack: thththththththththththththththth";
    struct tokenizer *t = tokenizer_create(vocabulary, err);
    struct tokens list = { 0 };
    struct buf out;
    int result = -1;

    buf_init(&out, TINY_LIMIT);
    if (t && tokenizer_encode(t, text, sizeof text - 1, &list, err) == 0)
        result = tokenizer_decode(t, list.ids, list.n, &out, err);
    buf_finish(&out);
    tokens_finish(&list);
    tokenizer_destroy(t);
    return result;
}

static void test_tokenizer(const char *model, const struct tiny_piece *list, size_t n)
{
    struct gguf *g;
    struct buf b;
    char what[80];

    buf_init(&b, TINY_LIMIT);
    tiny_header(&b, 3, 0, list ? TINY_N_PIECES_KV : TINY_N_TOKENIZER_KV);
    if (list)
        tiny_pieces(&b, model, list, n);
    else
        tiny_tokenizer(&b, model);
    g = gguf_parse(b.data, b.len, NULL);
    vocabulary = g;
    snprintf(what, sizeof what, "the tokenizer %s", model);
    oom_each(what, tokenize);
    gguf_close(g);
    buf_finish(&b);
}

/* A folder of vectors/ becomes a file. */
static const char *folder;

static int convert(struct err *err)
{
    const struct conversion_options options = { .type = -1 };
    struct conversion_result result;
    const char *source = getenv("CORAX_SRCDIR");
    char from[1024], to[64];
    int rc;

    snprintf(from, sizeof from, "%s/tests/infer/vectors/%s", source ? source : ".", folder);
    snprintf(to, sizeof to, "%s.gguf", path);
    rc = conversion_run(from, to, &options, &result, err);
    unlink(to);
    return rc;
}

static void test_conversion(const char *name)
{
    char what[80];

    folder = name;
    snprintf(what, sizeof what, "%s is converted", name);
    oom_each(what, convert);
}

static int quantize(struct err *err)
{
    const struct quantization_options options = { .n_threads = 1 };
    struct quantization_result result;
    const char *source = getenv("CORAX_SRCDIR");
    char from[1024], to[64];
    int rc;

    snprintf(from, sizeof from, "%s/tests/infer/vectors/golden/gemma-3.gguf", source ? source : ".");
    snprintf(to, sizeof to, "%s.gguf", path);
    rc = quantization_run(from, to, quantization_find("Q4_K_M", NULL), &options, &result, err);
    unlink(to);
    return rc;
}

int main(void)
{
    struct tiny_spec spec = TINY_SPEC;
    int fd;

    plan_later();
    buf_init(&file, TINY_LIMIT);
    tiny_llama(&file, &spec);
    fd = mkstemp(path);
    if (fd < 0 || write(fd, file.data, file.len) != (ssize_t)file.len) {
        printf("Bail out! %s cannot be written\n", path);
        return 1;
    }
    close(fd);
    oom_each("a file in memory is read", read_gguf);
    oom_each("a file is mapped and read", map_gguf);
    oom_each("a model is loaded", load_model);
    unlink(path);
    buf_finish(&file);
    golden_read(&file, "mamba-odd.gguf");
    oom_each("a Mamba is loaded", load_family);
    buf_finish(&file);
    golden_read(&file, "mamba2-odd.gguf");
    oom_each("a Mamba-2 is loaded", load_family);
    buf_finish(&file);
    golden_read(&file, "rwkv4-odd.gguf");
    oom_each("an RWKV-4 is loaded", load_family);
    buf_finish(&file);
    golden_read(&file, "rwkv5-0.gguf");
    oom_each("an RWKV-5 is loaded", load_family);
    buf_finish(&file);
    golden_read(&file, "rwkv6-odd.gguf");
    oom_each("an RWKV-6 is loaded", load_family);
    buf_finish(&file);
    golden_read(&file, "rwkv7-odd.gguf");
    oom_each("an RWKV-7 is loaded", load_family);
    buf_finish(&file);
    test_tokenizer("gpt-neox", NULL, 0);
    test_tokenizer("llama", tiny_marked, sizeof tiny_marked / sizeof *tiny_marked);
    test_tokenizer("t5", tiny_marked, sizeof tiny_marked / sizeof *tiny_marked);
    test_tokenizer("rwkv", tiny_escaped, sizeof tiny_escaped / sizeof *tiny_escaped);
    test_tokenizer("biogpt", tiny_words, sizeof tiny_words / sizeof *tiny_words);
    test_conversion("checkpoints/bitnet-online");
    test_conversion("vocabularies/spm-user");
    test_conversion("vocabularies/llama3");
    test_conversion("vocabularies/world");
    test_conversion("checkpoints/rwkv7-tied");
    oom_each("a model is quantized", quantize);
    done();
    return tap_status();
}
