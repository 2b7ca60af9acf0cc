/*
 * Any bytes as the files of a folder that `convert` reads.  What is converted has been loaded as a model by conversion_run()
 * itself; what is refused leaves no file.
 *
 * The input is parts, each a byte 0x1e, a letter that says which file it is, and the file's bytes up to the next 0x1e; of
 * weights, all that is left.  Without a part of its own, config.json and model.safetensors are those of a small llama whose
 * weights are 0.
 */
#include "infer/conversion.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/buf.h"

#define LIMIT ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { CONFIG, WEIGHTS };
static const struct {
    char letter;
    const char *name;
} files[] = {
    [CONFIG] = { 'c', "config.json" },   [WEIGHTS] = { 'M', "model.safetensors" },
    { 'i', "model.safetensors.index.json" }, { 't', "tokenizer.json" },       { 'k', "tokenizer_config.json" },
    { 'v', "vocab.json" },                   { 'm', "merges.txt" },           { 's', "tokenizer.model" },
    { 'a', "added_tokens.json" },            { 'j', "chat_template.jinja" },  { 'w', "rwkv_vocab_v20230424.txt" },
    { 'x', "vocab.txt" },                    { 'p', "special_tokens_map.json" },
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

static void add_tensor(struct buf *head, size_t *at, const char *name, size_t rows, size_t k)
{
    const size_t bytes = (rows ? rows : 1) * k * sizeof(float);

    buf_addf(head, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[", *at ? "," : "", name);
    if (rows)
        buf_addf(head, "%zu,", rows);
    buf_addf(head, "%zu],\"data_offsets\":[%zu,%zu]}", k, *at, *at + bytes);
    *at += bytes;
}

static void make_weights(struct buf *out)
{
    static const char *const square[] = { "self_attn.q_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj" };
    struct buf head;
    char name[80];
    size_t at = 0;
    uint64_t n;

    buf_init(&head, LIMIT);
    buf_addc(&head, '{');
    add_tensor(&head, &at, "model.embed_tokens.weight", 450, 8);
    add_tensor(&head, &at, "model.norm.weight", 0, 8);
    add_tensor(&head, &at, "model.layers.0.input_layernorm.weight", 0, 8);
    add_tensor(&head, &at, "model.layers.0.post_attention_layernorm.weight", 0, 8);
    add_tensor(&head, &at, "model.layers.0.self_attn.k_proj.weight", 4, 8);
    add_tensor(&head, &at, "model.layers.0.self_attn.v_proj.weight", 4, 8);
    for (size_t i = 0; i < sizeof square / sizeof square[0]; i++) {
        snprintf(name, sizeof name, "model.layers.0.%s.weight", square[i]);
        add_tensor(&head, &at, name, 8, 8);
    }
    buf_addc(&head, '}');
    n = head.len;
    buf_add(out, &n, sizeof n);
    buf_add(out, head.data, head.len);
    for (size_t i = 0; i < at; i++)
        buf_addc(out, 0);
    buf_finish(&head);
}

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
    snprintf(folder, sizeof folder, "%s/corax-convert-%d", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid());
    snprintf(result, sizeof result, "%s.gguf", folder);
    require(mkdir(folder, 0700) == 0);
    atexit(remove_folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct buf weights;
    const struct conversion_options options = { .type = -1 };
    struct conversion_result done = { 0 };
    bool given[N_FILES] = { false };
    struct err err = { 0 };
    struct stat st;

    if (!folder[0]) {
        start();
        buf_init(&weights, LIMIT);
        make_weights(&weights);
    }
    for (size_t at = 0; at + 1 < len;) {
        const uint8_t *end = data[at + 1] == 'M' ? NULL : memchr(data + at + 2, 0x1e, len - at - 2);
        const size_t n = end ? (size_t)(end - data) : len;

        for (size_t i = 0; i < N_FILES && data[at] == 0x1e; i++)
            if (files[i].letter == (char)data[at + 1]) {
                write_file(i, data + at + 2, n - at - 2);
                given[i] = true;
            }
        at = n;
    }
    if (!given[CONFIG])
        write_file(CONFIG, default_config, sizeof default_config - 1);
    if (!given[WEIGHTS])
        write_file(WEIGHTS, weights.data, weights.len);
    if (conversion_run(folder, result, &options, &done, &err) == 0)
        require(unlink(result) == 0);
    else
        require(err.msg[0] && lstat(result, &st) < 0);
    remove_files();
    return 0;
}
