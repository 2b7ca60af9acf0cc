/*
 * Any bytes as the files of a folder that `convert` reads.  What is converted with a tokenizer is a model that opens; what
 * is refused leaves no file.
 *
 * The input is parts, each a byte 0x1e, a letter that says which file it is, and the file's bytes up to the next part;
 * of weights, all that is left.  Without parts of their own, config.json and the weights are those of a small llama.
 *
 * Weights may be only named: a line "NAME TYPE SIZE..." for each tensor, whose values are all the same.  With an index
 * such a part is model-00001-of-00002.safetensors, and a second one model-00002-of-00002.safetensors.
 */
#include "infer/conversion.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "infer/infer.h"
#include "tests/fuzz/mutate_json.h"
#include "util/buf.h"

#define LIMIT      ((size_t)1 << 20)
#define MAX_VALUES ((size_t)1 << 18) /* bytes of weights that are only named, in a file */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max_len, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t max_len); /* libFuzzer's own */

enum { CONFIG, WEIGHTS, INDEX, FIRST, SECOND };
static const struct {
    char letter;
    const char *name;
} files[] = {
    [CONFIG] = { 'c', "config.json" },
    [WEIGHTS] = { 'M', "model.safetensors" },
    [INDEX] = { 'i', "model.safetensors.index.json" },
    [FIRST] = { 'l', "model-00001-of-00002.safetensors" },
    [SECOND] = { 'l', "model-00002-of-00002.safetensors" },
    { 't', "tokenizer.json" },
    { 'k', "tokenizer_config.json" },
    { 'v', "vocab.json" },
    { 'm', "merges.txt" },
    { 's', "tokenizer.model" },
    { 'a', "added_tokens.json" },
    { 'j', "chat_template.jinja" },
    { 'w', "rwkv_vocab_v20230424.txt" },
    { 'x', "vocab.txt" },
    { 'p', "special_tokens_map.json" },
};
#define N_FILES (sizeof files / sizeof files[0])

static void require(bool good)
{
    if (!good)
        abort();
}

static const char default_config[] =
    "{\"model_type\":\"llama\",\"vocab_size\":450,\"hidden_size\":8,\"intermediate_size\":8,\"num_hidden_layers\":1,"
    "\"num_attention_heads\":2,\"num_key_value_heads\":1,\"max_position_embeddings\":32,\"rms_norm_eps\":1e-5,"
    "\"tie_word_embeddings\":true}";

static const char default_weights[] = "model.embed_tokens.weight F32 450 8\n"
                                      "model.norm.weight F32 8\n"
                                      "model.layers.0.input_layernorm.weight F32 8\n"
                                      "model.layers.0.post_attention_layernorm.weight F32 8\n"
                                      "model.layers.0.self_attn.q_proj.weight F32 8 8\n"
                                      "model.layers.0.self_attn.k_proj.weight F32 4 8\n"
                                      "model.layers.0.self_attn.v_proj.weight F32 4 8\n"
                                      "model.layers.0.self_attn.o_proj.weight F32 8 8\n"
                                      "model.layers.0.mlp.gate_proj.weight F32 8 8\n"
                                      "model.layers.0.mlp.up_proj.weight F32 8 8\n"
                                      "model.layers.0.mlp.down_proj.weight F32 8 8\n";

/* --- weights that are only named ---------------------------------------------------------------------------------- */

/* One line: its entry in the header, and its values; what makes the file too large is not there. */
static void add_tensor(const char *line, struct buf *head, struct buf *values)
{
    static unsigned char filler[2][MAX_VALUES];
    char name[256], type[16];
    size_t bytes, shape[8], n_dims = 0;
    int at = 0, n;

    if (sscanf(line, "%255s %15s%n", name, type, &at) < 2 || strpbrk(name, "\"\\"))
        return;
    bytes = strcmp(type, "F32") == 0 ? 4 : strcmp(type, "U8") == 0 ? 1 : 2;
    for (line += at; n_dims < 8 && sscanf(line, "%6zu%n", &shape[n_dims], &n) == 1; line += n)
        bytes *= shape[n_dims++];
    if (bytes > MAX_VALUES - values->len)
        return;
    buf_addf(head, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", head->len > 1 ? "," : "", name, type);
    for (size_t d = 0; d < n_dims; d++)
        buf_addf(head, "%s%zu", d ? "," : "", shape[d]);
    buf_addf(head, "],\"data_offsets\":[%zu,%zu]}", values->len, values->len + bytes);
    if (!filler[0][0]) {
        memset(filler[0], 0x15, sizeof filler[0]); /* small numbers in each type */
        memset(filler[1], 0x3c, sizeof filler[1]);
    }
    buf_add(values, filler[type[0] != 'U'], bytes);
}

static void make_weights(const char *lines, size_t len, struct buf *out)
{
    struct buf head, values;
    uint64_t n;

    buf_init(&head, LIMIT);
    buf_init(&values, LIMIT);
    buf_addc(&head, '{');
    for (size_t at = 0; at < len;) {
        const char *end = memchr(lines + at, '\n', len - at);
        const size_t n_line = end ? (size_t)(end - lines) - at : len - at;
        char line[400];

        snprintf(line, sizeof line, "%.*s", (int)(n_line < sizeof line ? n_line : sizeof line - 1), lines + at);
        add_tensor(line, &head, &values);
        at += n_line + 1;
    }
    buf_addc(&head, '}');
    n = head.len;
    buf_add(out, &n, sizeof n);
    buf_add(out, head.data, head.len);
    buf_add(out, values.data, values.len);
    buf_finish(&head);
    buf_finish(&values);
}

/* --- parts of the input ------------------------------------------------------------------------------------------- */

struct part {
    size_t which, begin, end; /* the file, and its bytes */
};

/* The file of a letter that stands behind a byte 0x1e; N_FILES: it begins no part. */
static size_t file_at(const uint8_t *data, size_t len, size_t at)
{
    for (size_t i = 0; i < N_FILES && at + 1 < len && data[at] == 0x1e; i++)
        if (files[i].letter == (char)data[at + 1])
            return i;
    return N_FILES;
}

static size_t part_after(const uint8_t *data, size_t len, size_t at)
{
    const uint8_t *found;

    for (; at < len && (found = memchr(data + at, 0x1e, len - at)); at++) {
        at = (size_t)(found - data);
        if (file_at(data, len, at) < N_FILES)
            return at;
    }
    return len;
}

/* Beginning to look at *at, which moves on; false: there is none any more. */
static bool next_part(const uint8_t *data, size_t len, size_t *at, struct part *p)
{
    *at = part_after(data, len, *at);
    if (*at == len)
        return false;
    p->which = file_at(data, len, *at);
    p->begin = *at + 2;
    p->end = *at = p->which == WEIGHTS ? len : part_after(data, len, p->begin);
    return true;
}

static void change_line(const uint8_t *text, size_t len, struct buf *out, uint64_t *random)
{
    const size_t somewhere = len ? tiny_random(random) % len : 0;
    size_t begin = somewhere, end = somewhere;

    while (begin > 0 && text[begin - 1] != '\n')
        begin--;
    while (end < len && text[end++] != '\n')
        ;
    buf_add(out, text, tiny_random(random) % 2 ? begin : end); /* left out, or twice */
    buf_add(out, text + (out->len == begin ? end : begin), len - (out->len == begin ? end : begin));
}

static void change_part(const uint8_t *text, size_t len, size_t which, struct buf *out, size_t room, uint64_t *random)
{
    const uint64_t how = tiny_random(random) % 8;
    uint8_t *copy;

    if (how < 6 && strchr("citkvap", files[which].letter)) {
        mutate_json((const char *)text, len, out, random);
    } else if (how < 3 && strchr("lmwx", files[which].letter)) {
        change_line(text, len, out, random);
    } else {
        copy = calloc(1, len + room + 1);
        memcpy(copy, text, len);
        buf_add(out, copy, LLVMFuzzerMutate(copy, len, len + room));
        free(copy);
    }
}

/* One of the parts changes, in most cases only one value or line of it. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max_len, unsigned seed)
{
    uint64_t random = seed;
    struct part p;
    size_t at = 0, n = 0;
    struct buf out;

    while (next_part(data, len, &at, &p))
        n++;
    if (n == 0 || len >= max_len || tiny_random(&random) % 16 == 0)
        return LLVMFuzzerMutate(data, len, max_len);
    n = tiny_random(&random) % n;
    for (at = 0; next_part(data, len, &at, &p) && n > 0; n--)
        ;
    buf_init(&out, LIMIT);
    buf_add(&out, data, p.begin);
    change_part(data + p.begin, p.end - p.begin, p.which, &out, max_len - len, &random);
    buf_add(&out, data + p.end, len - p.end);
    if (out.len <= max_len && !out.failed) {
        len = out.len;
        memcpy(data, out.data, len);
    }
    buf_finish(&out);
    return len;
}

/* --- the folder --------------------------------------------------------------------------------------------------- */

static char folder[64], result[80];

static void write_file(size_t which, const void *bytes, size_t len)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, files[which].name);
    f = fopen(path, "wb");
    require(f && fwrite(bytes, 1, len, f) == len && fclose(f) == 0);
}

static void remove_files(void)
{
    char path[128];

    for (size_t i = 0; i < N_FILES; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i].name);
        unlink(path);
    }
}

static void remove_folder(void)
{
    remove_files();
    rmdir(folder);
}

static void start(void)
{
    const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    snprintf(folder, sizeof folder, "%s/corax-convert-%d", memory, (int)getpid());
    snprintf(result, sizeof result, "%s.gguf", folder);
    require(mkdir(folder, 0700) == 0);
    atexit(remove_folder);
}

/* Weights that are only named: the first are those of the model unless there is an index. */
static size_t write_weights(const uint8_t *lines, size_t len, const bool given[N_FILES])
{
    const size_t which = !given[FIRST] ? FIRST : SECOND;
    struct buf b;

    buf_init(&b, LIMIT);
    make_weights((const char *)lines, len, &b);
    write_file(given[INDEX] ? which : WEIGHTS, b.data, b.len);
    buf_finish(&b);
    return which;
}

static void write_files(const uint8_t *data, size_t len)
{
    bool given[N_FILES] = { false };
    struct part p;
    size_t at = 0;

    while (next_part(data, len, &at, &p))
        given[p.which] |= p.which != FIRST;
    if (!given[CONFIG])
        write_file(CONFIG, default_config, sizeof default_config - 1);
    for (at = 0; next_part(data, len, &at, &p);)
        if (p.which == FIRST)
            given[write_weights(data + p.begin, p.end - p.begin, given)] = true;
        else
            write_file(p.which, data + p.begin, p.end - p.begin);
    if (!given[WEIGHTS] && !given[FIRST])
        (void)write_weights((const uint8_t *)default_weights, sizeof default_weights - 1, given);
}

static bool opens(void)
{
    struct engine_options options = { .n_threads = 1 };
    struct err err;
    struct engine *e = engine_open(result, &options, &err);

    engine_close(e);
    return e != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const int types[] = { -1, QUANT_F32, QUANT_F16, QUANT_BF16 };
    const struct conversion_options options = { .type = types[len % 4] };
    struct conversion_result done = { 0 };
    struct err err = { 0 };
    struct stat st;

    if (!folder[0])
        start();
    write_files(data, len);
    if (conversion_run(folder, result, &options, &done, &err) == 0) {
        require(!done.has_tokenizer || opens());
        require(unlink(result) == 0);
    } else {
        require(err.msg[0] && lstat(result, &st) < 0);
    }
    remove_files();
    return 0;
}
