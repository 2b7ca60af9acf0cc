/*
 * Writes a model of a true shape with random weights, to measure speed with:
 *
 *     make-model SHAPE TYPE FILE         make-model llama-1b Q4_K_M /tmp/model.gguf
 *
 * Speed does not depend on what weights are, so a thousand pieces of each format are quantized and stand in the file
 * again and again, in random order: writing takes as long as the disk needs.  Values are normal with a deviation of
 * 0.02, norms 1, which keeps activations finite and far from the numbers that processors are slow with.
 *
 * The vocabulary is the 256 bytes of byte-level BPE, an end token, and tokens that no text becomes.  All keys and
 * tensors are those of published files, so that other programs that know the architecture and the format read them too:
 * llama.cpp and ik_llama.cpp those of llama, llama.cpp mamba and rwkv7, ik_llama.cpp bitnet-b1.58 in any format but
 * TQ1_0 and TQ2_0.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "infer/gguf_write.h"
#include "infer/quant.h"
#include "infer/quantization.h"
#include "tests/infer/tiny_gguf.h"

#define DEVIATION  0.02f
#define PIECE      256  /* values; all blocks divide it */
#define N_PIECES   1024 /* of a format */
#define SLAB       ((size_t)1 << 20) /* bytes between two writes */
#define N_CTX      32768
#define HEAD_SIZE  64   /* of rwkv7 */
#define MAX_LAYER  32   /* tensors of a layer */
#define MAX_REST   8    /* outside layers */

enum fill { MATRIX, SMALL, EXACT, MINUS_ONE, ZERO, HALF, ONE }; /* SMALL: random, F16; EXACT and those behind: F32 */

struct shape {
    const char *name;
    const struct family *family;
    size_t n_vocab, n_embd, n_layer, n_head, n_kv_head, n_ff;
    bool own_output; /* otherwise the embedding is the output, too */
};

struct tensor {
    struct gguf_tensor t;
    char name[GGUF_MAX_NAME + 1];
    enum fill fill;
};

struct model {
    const struct shape *shape;
    const struct quantization *mixture; /* NULL: all in one format */
    const struct quant_format *format;  /* of matrices, if mixture is NULL */
    struct gguf_writer *writer;
    struct tensor *tensors; /* [n], at most MAX_REST + n_layer * MAX_LAYER */
    size_t n, n_params;
    size_t layer;           /* that tensors are added to; n_layer: none */
    unsigned char *pieces[QUANT_MAX_ID], *slab;
    uint64_t random;
};

struct family {
    const char *arch;
    void (*add_keys)(struct model *);
    void (*add_layer)(struct model *);
};

/* --- what is in the file ------------------------------------------------------------------------------------------ */

static void add_dims(struct model *m, const char *name, enum fill fill, uint32_t n_dims,
                     const uint64_t ne[GGUF_MAX_DIMS])
{
    const struct shape *s = m->shape;
    const size_t n_shared = s->n_kv_head ? s->n_head / s->n_kv_head : 1;
    const struct quantization_model depends = { s->n_layer, n_shared, s->own_output };
    struct tensor *t = &m->tensors[m->n++];
    uint64_t n = 1;

    assert(m->n <= MAX_REST + s->n_layer * MAX_LAYER);
    if (m->layer < s->n_layer)
        snprintf(t->name, sizeof t->name, "blk.%zu.%s", m->layer, name);
    else
        snprintf(t->name, sizeof t->name, "%s", name);
    t->fill = fill;
    t->t = (struct gguf_tensor){ .name = t->name, .n_dims = n_dims };
    for (size_t d = 0; d < GGUF_MAX_DIMS; d++)
        n *= t->t.ne[d] = ne[d];
    m->n_params += n;
    t->t.format = quant_find((m->mixture || m->format->id != QUANT_F32) && fill < EXACT ? QUANT_F16 : QUANT_F32);
    if (fill == MATRIX && m->mixture)
        t->t.format = quantization_choose(m->mixture, &depends, &t->t);
    else if (fill == MATRIX && ne[0] % m->format->block == 0)
        t->t.format = m->format;
    t->t.bytes = n / t->t.format->block * t->t.format->bytes; /* and a tail */
    gguf_add_tensor(m->writer, t->name, t->t.format, n_dims, ne);
}

static void add(struct model *m, const char *name, enum fill fill, uint64_t k, uint64_t n_rows)
{
    add_dims(m, name, fill, n_rows > 1 ? 2 : 1, (const uint64_t[GGUF_MAX_DIMS]){ k, n_rows, 1, 1 });
}

static void add_norm(struct model *m, const char *name)
{
    char full[GGUF_MAX_NAME + 1];

    snprintf(full, sizeof full, "%s.weight", name);
    add(m, full, ONE, m->shape->n_embd, 1);
    snprintf(full, sizeof full, "%s.bias", name);
    add(m, full, ZERO, m->shape->n_embd, 1);
}

static void add_key(struct model *m, const char *what, size_t value)
{
    char key[GGUF_MAX_KEY + 1];

    snprintf(key, sizeof key, "%s.%s", m->shape->family->arch, what);
    gguf_add_u32(m->writer, key, (uint32_t)value);
}

static void add_eps(struct model *m, const char *what)
{
    char key[GGUF_MAX_KEY + 1];

    snprintf(key, sizeof key, "%s.attention.%s", m->shape->family->arch, what);
    gguf_add_f32(m->writer, key, 1e-5f);
}

static void decoder_keys(struct model *m)
{
    const struct shape *s = m->shape;

    add_key(m, "feed_forward_length", s->n_ff);
    add_key(m, "attention.head_count", s->n_head);
    add_key(m, "attention.head_count_kv", s->n_kv_head);
    add_key(m, "rope.dimension_count", s->n_embd / s->n_head);
    add_eps(m, "layer_norm_rms_epsilon");
}

static void add_decoder(struct model *m, bool sub_norms)
{
    const struct shape *s = m->shape;
    const size_t n_kv = s->n_embd / s->n_head * s->n_kv_head;

    add(m, "attn_norm.weight", ONE, s->n_embd, 1);
    add(m, "attn_q.weight", MATRIX, s->n_embd, s->n_embd);
    add(m, "attn_k.weight", MATRIX, s->n_embd, n_kv);
    add(m, "attn_v.weight", MATRIX, s->n_embd, n_kv);
    if (sub_norms)
        add(m, "attn_sub_norm.weight", ONE, s->n_embd, 1);
    add(m, "attn_output.weight", MATRIX, s->n_embd, s->n_embd);
    add(m, "ffn_norm.weight", ONE, s->n_embd, 1);
    add(m, "ffn_gate.weight", MATRIX, s->n_embd, s->n_ff);
    add(m, "ffn_up.weight", MATRIX, s->n_embd, s->n_ff);
    if (sub_norms)
        add(m, "ffn_sub_norm.weight", ONE, s->n_ff, 1);
    add(m, "ffn_down.weight", MATRIX, s->n_ff, s->n_embd);
}

static void llama_layer(struct model *m)
{
    add_decoder(m, false);
}

static void bitnet_layer(struct model *m)
{
    add_decoder(m, true);
}

/* As the published models have it: twice as wide inside, steps from a sixteenth of the width. */
#define MAMBA_TAPS  4
#define MAMBA_STATE 16

static void mamba_keys(struct model *m)
{
    const size_t n_embd = m->shape->n_embd;

    add_key(m, "feed_forward_length", 0);
    add_key(m, "attention.head_count", 0);
    add_key(m, "ssm.conv_kernel", MAMBA_TAPS);
    add_key(m, "ssm.inner_size", 2 * n_embd);
    add_key(m, "ssm.state_size", MAMBA_STATE);
    add_key(m, "ssm.time_step_rank", n_embd / 16);
    add_eps(m, "layer_norm_rms_epsilon");
}

static void mamba_layer(struct model *m)
{
    const size_t n_embd = m->shape->n_embd, n_inner = 2 * n_embd, rank = n_embd / 16;

    add(m, "attn_norm.weight", ONE, n_embd, 1);
    add(m, "ssm_in.weight", MATRIX, n_embd, 2 * n_inner);
    add(m, "ssm_conv1d.weight", EXACT, MAMBA_TAPS, n_inner);
    add(m, "ssm_conv1d.bias", ZERO, n_inner, 1);
    add(m, "ssm_x.weight", MATRIX, n_inner, rank + 2 * MAMBA_STATE);
    add(m, "ssm_dt.weight", MATRIX, rank, n_inner);
    add(m, "ssm_dt.bias", ZERO, n_inner, 1);
    add(m, "ssm_a", MINUS_ONE, MAMBA_STATE, n_inner);
    add(m, "ssm_d", ONE, n_inner, 1);
    add(m, "ssm_out.weight", MATRIX, n_inner, n_embd);
}

/* Ranks of the published model of 1.5 B. */
enum { RANK_W = 96, RANK_A = 96, RANK_V = 64, RANK_G = 256 };

static void rwkv7_keys(struct model *m)
{
    add_key(m, "feed_forward_length", m->shape->n_ff);
    add_key(m, "attention.head_count", 0);
    add_key(m, "wkv.head_size", HEAD_SIZE);
    add_key(m, "attention.decay_lora_rank", RANK_W);
    add_key(m, "attention.iclr_lora_rank", RANK_A);
    add_key(m, "attention.value_residual_mix_lora_rank", RANK_V);
    add_key(m, "attention.gate_lora_rank", RANK_G);
    add_eps(m, "layer_norm_epsilon");
}

static void rwkv7_layer(struct model *m)
{
    const size_t n = m->shape->n_embd, n_ff = m->shape->n_ff;
    const size_t rank_v = m->layer > 0 ? RANK_V : RANK_A; /* in the first layer they are a filler */

    add_norm(m, "attn_norm");
    add_norm(m, "attn_norm_2");
    add_dims(m, "time_mix_lerp_fused.weight", HALF, 4, (const uint64_t[GGUF_MAX_DIMS]){ n, 1, 1, 6 });
    add(m, "time_mix_w0.weight", ZERO, n, 1);
    add(m, "time_mix_w1.weight", EXACT, n, RANK_W);
    add(m, "time_mix_w2.weight", EXACT, RANK_W, n);
    add(m, "time_mix_a0.weight", ZERO, n, 1);
    add(m, "time_mix_a1.weight", SMALL, n, RANK_A);
    add(m, "time_mix_a2.weight", SMALL, RANK_A, n);
    add(m, "time_mix_v0.weight", ZERO, n, 1);
    add(m, "time_mix_v1.weight", SMALL, n, rank_v);
    add(m, "time_mix_v2.weight", SMALL, rank_v, n);
    add(m, "time_mix_g1.weight", SMALL, n, RANK_G);
    add(m, "time_mix_g2.weight", SMALL, RANK_G, n);
    add(m, "time_mix_k_k.weight", ONE, n, 1);
    add(m, "time_mix_k_a.weight", ONE, n, 1);
    add(m, "time_mix_r_k.weight", EXACT, n, 1);
    add(m, "time_mix_key.weight", MATRIX, n, n);
    add(m, "time_mix_value.weight", MATRIX, n, n);
    add(m, "time_mix_receptance.weight", MATRIX, n, n);
    add_norm(m, "time_mix_ln");
    add(m, "time_mix_output.weight", MATRIX, n, n);
    add(m, "channel_mix_lerp_k.weight", HALF, n, 1);
    add(m, "channel_mix_key.weight", MATRIX, n, n_ff);
    add(m, "channel_mix_value.weight", MATRIX, n_ff, n);
}

static const struct family llama = { "llama", decoder_keys, llama_layer };
static const struct family bitnet = { "bitnet-b1.58", decoder_keys, bitnet_layer };
static const struct family mamba = { "mamba", mamba_keys, mamba_layer };
static const struct family rwkv7 = { "rwkv7", rwkv7_keys, rwkv7_layer };

/*
 * TinyLlama 1.1B; Llama 3.2 3B, whose true vocabulary of 128,256 would make the files large; BitNet b1.58 2B4T also;
 * Mamba 1.4B; RWKV-7 World 1.5B; the model that is shipped here.
 */
static const struct shape shapes[] = {
    { "llama-1b", &llama, 32000, 2048, 22, 32, 4, 5632, true },
    { "llama-3b", &llama, 32000, 3072, 28, 24, 8, 8192, false },
    { "bitnet-2b", &bitnet, 32000, 2560, 30, 20, 5, 6912, false },
    { "mamba-1b", &mamba, 50280, 2048, 48, 0, 0, 0, false },
    { "rwkv7-1b5", &rwkv7, 65536, 2048, 24, 0, 0, 8192, true },
    { "tiny", &llama, 1280, 256, 6, 4, 2, 512, false },
};
#define N_SHAPES (sizeof shapes / sizeof shapes[0])

/* --- vocabulary --------------------------------------------------------------------------------------------------- */

/* The end token, the bytes, "th" of the only merge, and fillers. */
static size_t name_token(size_t i, char out[16])
{
    if (i > 0 && i <= 256)
        return tiny_byte_name((unsigned)i - 1, out);
    return (size_t)snprintf(out, 16, i == 0 ? "<|end|>" : i == 257 ? "th" : "<%zu>", i);
}

static int add_vocabulary(struct model *m)
{
    const struct gguf_string merge = { "t h", 3 };
    const size_t n = m->shape->n_vocab;
    struct gguf_string *tokens = calloc(n, sizeof *tokens);
    int32_t *types = calloc(n, sizeof *types);
    char (*names)[16] = calloc(n, sizeof *names);

    if (tokens && types && names) {
        for (size_t i = 0; i < n; i++) {
            tokens[i] = (struct gguf_string){ names[i], name_token(i, names[i]) };
            types[i] = i == 0 ? 3 : 1; /* control, normal */
        }
        gguf_add_text(m->writer, "tokenizer.ggml.model", "gpt2");
        gguf_add_text(m->writer, "tokenizer.ggml.pre", "gpt-2");
        gguf_add_strings(m->writer, "tokenizer.ggml.tokens", n, tokens);
        gguf_add_array(m->writer, "tokenizer.ggml.token_type", GGUF_I32, n, types);
        gguf_add_strings(m->writer, "tokenizer.ggml.merges", 1, &merge);
        gguf_add_u32(m->writer, "tokenizer.ggml.bos_token_id", 0);
        gguf_add_u32(m->writer, "tokenizer.ggml.eos_token_id", 0);
    }
    free(tokens);
    free(types);
    free(names);
    return tokens && types && names ? 0 : -1;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static size_t piece_bytes(const struct quant_format *f)
{
    return PIECE / f->block * f->bytes;
}

/* The pieces of a format, made when the first tensor has it.  NULL: out of memory. */
static const unsigned char *find_pieces(struct model *m, const struct quant_format *f)
{
    float values[PIECE];

    if (m->pieces[f->id] || !(m->pieces[f->id] = malloc(N_PIECES * piece_bytes(f))))
        return m->pieces[f->id];
    for (size_t i = 0; i < N_PIECES; i++) {
        unsigned char *piece = m->pieces[f->id] + i * piece_bytes(f);

        for (size_t j = 0; j < PIECE; j++)
            values[j] = tiny_normal(&m->random) * DEVIATION;
        if (f->quantize)
            quant_quantize((enum quant_type)f->id, values, NULL, PIECE, piece);
        else
            tiny_codes((enum quant_type)f->id, DEVIATION, PIECE, &m->random, piece);
    }
    return m->pieces[f->id];
}

static int write_random(struct model *m, const struct gguf_tensor *t, struct err *err)
{
    const unsigned char *pieces = find_pieces(m, t->format);
    const size_t piece = piece_bytes(t->format);
    const float deviation = DEVIATION;

    if (!pieces)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    for (size_t done = 0; done < t->bytes;) {
        size_t n = 0;

        for (; n + piece <= SLAB && done + n < t->bytes; n += piece)
            memcpy(m->slab + n, pieces + tiny_random(&m->random) % N_PIECES * piece, piece);
        if (n > t->bytes - done)
            n = t->bytes - done; /* a part of the last piece */
        if (gguf_writer_data(m->writer, m->slab, n, err) < 0)
            return -1;
        done += n;
    }
    if (t->format->tail > 0) {
        memset(m->slab, 0, t->format->tail);
        memcpy(m->slab, &deviation, sizeof deviation);
        return gguf_writer_data(m->writer, m->slab, t->format->tail, err);
    }
    return 0;
}

static int write_constant(struct model *m, const struct gguf_tensor *t, float value, struct err *err)
{
    float *values = (float *)(void *)m->slab;

    for (size_t i = 0; i < SLAB / sizeof value; i++)
        values[i] = value;
    for (size_t done = 0, n; done < t->bytes; done += n) {
        n = t->bytes - done < SLAB ? t->bytes - done : SLAB;
        if (gguf_writer_data(m->writer, m->slab, n, err) < 0)
            return -1;
    }
    return 0;
}

static void describe(struct model *m)
{
    const struct shape *s = m->shape;

    gguf_add_text(m->writer, "general.architecture", s->family->arch);
    gguf_add_text(m->writer, "general.name", s->name);
    add_key(m, "context_length", N_CTX);
    add_key(m, "embedding_length", s->n_embd);
    add_key(m, "block_count", s->n_layer);
    add_key(m, "vocab_size", s->n_vocab);
    s->family->add_keys(m);

    m->layer = s->n_layer;
    add(m, "token_embd.weight", MATRIX, s->n_embd, s->n_vocab);
    if (s->family == &rwkv7) {
        add_norm(m, "token_embd_norm");
        add_norm(m, "output_norm");
    } else {
        add(m, "output_norm.weight", ONE, s->n_embd, 1);
    }
    if (s->own_output)
        add(m, "output.weight", MATRIX, s->n_embd, s->n_vocab);
    for (m->layer = 0; m->layer < s->n_layer; m->layer++)
        s->family->add_layer(m);
}

static int write_model(struct model *m, const char *path, struct err *err)
{
    static const float constants[] = { [MINUS_ONE] = -1, [ZERO] = 0, [HALF] = 0.5f, [ONE] = 1 };

    m->writer = gguf_writer_create(err);
    if (!m->writer)
        return -1;
    m->tensors = calloc(MAX_REST + m->shape->n_layer * MAX_LAYER, sizeof *m->tensors);
    m->slab = malloc(SLAB);
    if (!m->tensors || !m->slab)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    describe(m);
    if (add_vocabulary(m) < 0)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    if (gguf_writer_begin(m->writer, path, err) < 0)
        return -1;
    for (size_t i = 0; i < m->n; i++) {
        const struct tensor *t = &m->tensors[i];

        if ((t->fill > EXACT ? write_constant(m, &t->t, constants[t->fill], err) : write_random(m, &t->t, err)) < 0)
            return -1;
    }
    return gguf_writer_finish(m->writer, err);
}

static void finish(struct model *m)
{
    for (size_t i = 0; i < QUANT_MAX_ID; i++)
        free(m->pieces[i]);
    free(m->slab);
    free(m->tensors);
    gguf_writer_destroy(m->writer);
}

/* The format or the mixture of that name. */
static bool find_type(struct model *m, const char *name, struct err *err)
{
    m->mixture = quantization_find(name, err);
    for (uint32_t id = 0; id < QUANT_MAX_ID && !m->mixture; id++)
        if (quant_find(id) && quant_find(id)->dequantize && strcasecmp(name, quant_find(id)->name) == 0)
            m->format = quant_find(id);
    return m->mixture || m->format;
}

static const struct shape *find_shape(const char *name, struct err *err)
{
    char known[120] = "";
    size_t len = 0;

    for (size_t i = 0; i < N_SHAPES; i++) {
        if (strcmp(shapes[i].name, name) == 0)
            return &shapes[i];
        len += (size_t)snprintf(known + len, sizeof known - len, "%s%s", len ? " " : "", shapes[i].name);
    }
    fail(err, CORAX_E_ARGS, "shape \"%.32s\" is not one that there is (%s)", name, known);
    return NULL;
}

int main(int argc, char **argv)
{
    struct model m = { .random = 1 };
    struct err err = { 0 };
    int rc = -1;

    if (argc != 4) {
        fprintf(stderr, "usage: make-model SHAPE TYPE FILE\n");
        return 2;
    }
    m.shape = find_shape(argv[1], &err);
    if (m.shape && find_type(&m, argv[2], &err))
        rc = write_model(&m, argv[3], &err);
    if (rc < 0)
        fprintf(stderr, "make-model: %s\n", err.msg);
    else
        printf("%s: %s %s, %zu parameters, %zu bytes of tensors\n", argv[3], argv[1], argv[2], m.n_params,
               gguf_writer_bytes(m.writer));
    finish(&m);
    return rc < 0;
}
