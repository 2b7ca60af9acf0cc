/*
 * Checkpoints of RWKV versions 4 to 7, under the names of hubs and under those of their author (emb, blocks.N.att).
 *
 * Mixes of versions 4 and 5 are stored as the share of the current token, and become that of the token before.
 * Matrices of low rank are stored by input where they are parameters of their own, and as usual where they are
 * layers.  What versions 6 and 7 mix with the token before becomes one tensor.  Where activations are halved every so
 * many layers, what is added to them is stored divided (docs/gguf.md), as the models do when they are loaded.  Sizes
 * that config.json does not say are those of the tensors.
 *
 * Source: transformers 5.24, model rwkv (4); modeling_rwkv5.py and modeling_rwkv6.py of
 * BBuf/RWKV-World-HF-Tokenizer, which come with such models (5, 6); flash-linear-attention 0.6, models/rwkv7 and
 * layers/rwkv7 (7).  What the author's tensors are there: the scripts that made those checkpoints,
 * tests/infer/vectors/rwkv_names.py.  docs/gguf.md has the keys of 4 and 5, GGUF files with general.architecture
 * rwkv6 and rwkv7 theirs.
 */
#include "infer/conversion.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "infer/family.h"

#define NO_CONTEXT (1 << 20) /* a recurrence has no end; files say this */
#define HEAD_EPS   64e-5     /* of the norm of heads, where a file says nothing (infer/rwkv.c) */

/* --- names -------------------------------------------------------------------------------------------------------- */

/* The hub's name and the author's. */
#define TIME_2(HUB, AUTHOR, OURS, ...)                                  \
    { "blocks.%.attention." HUB, "blk.%.time_mix_" OURS, __VA_ARGS__ }, \
    { "blocks.%.att." AUTHOR, "blk.%.time_mix_" OURS, __VA_ARGS__ }
#define CHANNEL_2(HUB, AUTHOR, OURS, ...)                                     \
    { "blocks.%.feed_forward." HUB, "blk.%.channel_mix_" OURS, __VA_ARGS__ }, \
    { "blocks.%.ffn." AUTHOR, "blk.%.channel_mix_" OURS, __VA_ARGS__ }
#define TIME(THEIRS, OURS, ...)        TIME_2(THEIRS, THEIRS, OURS, __VA_ARGS__)
#define CHANNEL(THEIRS, OURS, ...)     CHANNEL_2(THEIRS, THEIRS, OURS, __VA_ARGS__)
#define TIME_MATRIX(WHAT)              TIME(WHAT, WHAT, .order = ORDER_SAME)
#define CHANNEL_MATRIX(WHAT)           CHANNEL(WHAT, WHAT, .order = ORDER_SAME)
#define TIME_SHARE(WORD, LETTER)                                           \
    TIME_2("time_mix_" WORD, "time_mix_" LETTER, "lerp_" LETTER ".weight", \
           .change = CHANGE_ONE_MINUS, .vector = true)
#define CHANNEL_SHARE(WORD, LETTER)                                           \
    CHANNEL_2("time_mix_" WORD, "time_mix_" LETTER, "lerp_" LETTER ".weight", \
              .change = CHANGE_ONE_MINUS, .vector = true)
/* One of those that are put together behind the first of them. */
#define TIME_PART(THEIRS) { "blocks.%.attention." THEIRS, NULL }, { "blocks.%.att." THEIRS, NULL }

#define ENDS_AND_NORMS                           \
    { "embeddings", "token_embd" },              \
    { "emb", "token_embd" },                     \
    { "blocks.0.pre_ln", "token_embd_norm" },    \
    { "blocks.0.ln0", "token_embd_norm" },       \
    { "blocks.%.ln1", "blk.%.attn_norm" },       \
    { "blocks.%.ln2", "blk.%.attn_norm_2" },     \
    { "ln_out", "output_norm" },                 \
    { "head", "output" }

static const struct conversion_name names_4[] = {
    ENDS_AND_NORMS,
    TIME_SHARE("key", "k"),
    TIME_SHARE("value", "v"),
    TIME_SHARE("receptance", "r"),
    TIME("time_first", "first.weight", .vector = true),
    TIME("time_decay", "decay.weight", .vector = true),
    TIME_MATRIX("key"),
    TIME_MATRIX("value"),
    TIME_MATRIX("receptance"),
    TIME_MATRIX("output"),
    CHANNEL_SHARE("key", "k"),
    CHANNEL_SHARE("receptance", "r"),
    CHANNEL_MATRIX("key"),
    CHANNEL_MATRIX("value"),
    CHANNEL_MATRIX("receptance"),
};

static const struct conversion_name names_5[] = {
    ENDS_AND_NORMS,
    TIME_SHARE("key", "k"),
    TIME_SHARE("value", "v"),
    TIME_SHARE("receptance", "r"),
    TIME_SHARE("gate", "g"),
    TIME("time_faaaa", "first.weight", .f32 = true),
    TIME("time_first", "first.weight", .change = CHANGE_EXP, .vector = true), /* of 5.0 and 5.1, by head */
    TIME("time_decay", "decay.weight", .vector = true),
    TIME_MATRIX("key"),
    TIME_MATRIX("value"),
    TIME_MATRIX("receptance"),
    TIME_MATRIX("gate"),
    TIME("ln_x", "ln", .f32 = true),
    TIME_MATRIX("output"),
    CHANNEL_SHARE("key", "k"),
    CHANNEL_SHARE("receptance", "r"),
    CHANNEL_MATRIX("key"),
    CHANNEL_MATRIX("value"),
    CHANNEL_MATRIX("receptance"),
};

/* Matrices of low rank are F32 whatever is asked for, as other programs want them. */
static const struct conversion_name names_6[] = {
    ENDS_AND_NORMS,
    TIME("time_maa_x", "lerp_x.weight", .vector = true),
    TIME("time_maa_w", "lerp_fused.weight", .f32 = true),
    TIME_PART("time_maa_k"),
    TIME_PART("time_maa_v"),
    TIME_PART("time_maa_r"),
    TIME_PART("time_maa_g"),
    TIME("time_maa_w1", "w1.weight", .order = ORDER_TRANSPOSED, .f32 = true),
    TIME("time_maa_w2", "w2.weight", .order = ORDER_TRANSPOSED, .f32 = true),
    TIME("time_faaaa", "first.weight", .f32 = true),
    TIME("time_decay", "decay.weight", .vector = true),
    TIME("time_decay_w1", "decay_w1.weight", .order = ORDER_TRANSPOSED, .f32 = true),
    TIME("time_decay_w2", "decay_w2.weight", .order = ORDER_TRANSPOSED, .f32 = true),
    TIME_MATRIX("key"),
    TIME_MATRIX("value"),
    TIME_MATRIX("receptance"),
    TIME_MATRIX("gate"),
    TIME("ln_x", "ln", .f32 = true),
    TIME_MATRIX("output"),
    CHANNEL("time_maa_k", "lerp_k.weight", .vector = true),
    CHANNEL("time_maa_r", "lerp_r.weight", .vector = true),
    CHANNEL_MATRIX("key"),
    CHANNEL_MATRIX("value"),
    CHANNEL_MATRIX("receptance"),
};

/* Of version 7, layers on hubs and parameters of their author's. */
#define LOW(LETTER)                                                                                              \
    { "layers.%.attn." LETTER "_lora.lora.2.bias", "blk.%.time_mix_" LETTER "0.weight", .vector = true },        \
    { "layers.%.attn." LETTER "_lora.lora.0.weight", "blk.%.time_mix_" LETTER "1.weight", .f32 = true },         \
    { "layers.%.attn." LETTER "_lora.lora.2.weight", "blk.%.time_mix_" LETTER "2.weight", .f32 = true },         \
    { "blocks.%.att." LETTER "0", "blk.%.time_mix_" LETTER "0.weight", .vector = true },                         \
    { "blocks.%.att." LETTER "1", "blk.%.time_mix_" LETTER "1.weight", .order = ORDER_TRANSPOSED, .f32 = true }, \
    { "blocks.%.att." LETTER "2", "blk.%.time_mix_" LETTER "2.weight", .order = ORDER_TRANSPOSED, .f32 = true }
#define TIME_7(HUB, AUTHOR, OURS, ...)                              \
    { "layers.%.attn." HUB, "blk.%.time_mix_" OURS, __VA_ARGS__ },  \
    { "blocks.%.att." AUTHOR, "blk.%.time_mix_" OURS, __VA_ARGS__ }
#define CHANNEL_7(THEIRS, OURS, ...)                                   \
    { "layers.%.ffn." THEIRS, "blk.%.channel_mix_" OURS, __VA_ARGS__ }, \
    { "blocks.%.ffn." THEIRS, "blk.%.channel_mix_" OURS, __VA_ARGS__ }
#define PART_7(THEIRS) { "layers.%.attn." THEIRS, NULL }, { "blocks.%.att." THEIRS, NULL }

static const struct conversion_name names_7[] = {
    ENDS_AND_NORMS,
    { "lm_head", "output" },
    { "norm", "output_norm" },
    { "layers.0.pre_norm", "token_embd_norm" },
    { "layers.%.attn_norm", "blk.%.attn_norm" },
    { "layers.%.ffn_norm", "blk.%.attn_norm_2" },
    { "layers.%.attn.x_x", "blk.%.time_mix_lerp_fused.weight", .f32 = true }, /* already one, of early checkpoints */
    TIME_7("x_r", "x_r", "lerp_fused.weight", .f32 = true),
    PART_7("x_w"),
    PART_7("x_k"),
    PART_7("x_v"),
    PART_7("x_a"),
    PART_7("x_g"),
    LOW("w"),
    LOW("a"),
    LOW("v"),
    LOW("g"),
    TIME_7("k_k", "k_k", "k_k.weight", .vector = true),
    TIME_7("k_a", "k_a", "k_a.weight", .vector = true),
    TIME_7("r_k", "r_k", "r_k.weight", .vector = true),
    TIME_7("k_proj", "key", "key", .order = ORDER_SAME),
    TIME_7("v_proj", "value", "value", .order = ORDER_SAME),
    TIME_7("r_proj", "receptance", "receptance", .order = ORDER_SAME),
    TIME_7("g_norm", "ln_x", "ln", .f32 = true),
    TIME_7("o_proj", "output", "output", .order = ORDER_SAME),
    CHANNEL_7("x_k", "lerp_k.weight", .vector = true),
    CHANNEL_7("key", "key", .order = ORDER_SAME),
    CHANNEL_7("value", "value", .order = ORDER_SAME),
};

/* --- keys --------------------------------------------------------------------------------------------------------- */

/* What config.json says or, where it says nothing, what is seen. */
static int read_size(const struct conversion *c, const char *names, size_t max, uint64_t seen, size_t *out,
                     struct err *err)
{
    const int found = conversion_get_size(c, names, 1, max, out, err);

    if (found != 1)
        return found;
    if (seen == 0)
        return fail(err, CORAX_E_ARGS, "%.*s is missing, and no tensor shows it", (int)strcspn(names, " "), names);
    if (seen > max)
        return fail(err, CORAX_E_ARGS, "%.*s is %" PRIu64 " by the tensors, allowed are 1 to %zu",
                    (int)strcspn(names, " "), names, seen, max);
    *out = (size_t)seen;
    return 0;
}

static uint64_t seen_width(const struct conversion *c)
{
    const struct safetensor *t = conversion_find(c, "token_embd", 0);

    return t && t->n_dims == 2 ? t->shape[1] : 0;
}

static uint64_t seen_layers(const struct conversion *c)
{
    unsigned long n = 0;

    if (conversion_get(c, "num_hidden_layers"))
        return 0; /* nobody asks */
    while (n < FAMILY_MAX_LAYERS && conversion_find(c, "blk.%.attn_norm", n))
        n++;
    return n;
}

/* How often the tensor has as many values as an embedding. */
static uint64_t seen_rank(const struct conversion *c, const char *ours, unsigned long layer)
{
    const struct safetensor *t = conversion_find(c, ours, layer);

    return t ? t->n / c->n_embd : 0;
}

/* From a tensor of one value for each channel, by head, or of one for each head. */
static uint64_t seen_head_size(const struct conversion *c, const char *ours)
{
    const struct safetensor *t = conversion_find(c, ours, 0);

    if (!t || t->n == 0)
        return 0;
    return t->n_dims > 1 ? t->shape[1] : t->n < c->n_embd ? c->n_embd / t->n : 0;
}

static bool is_authors(const struct conversion *c)
{
    return safetensors_find(c->source, "emb.weight") || safetensors_find(c->source, "model.emb.weight");
}

/* The author's programs halve nothing that they do not have to. */
static size_t rescale_every(const struct conversion *c)
{
    const double every = conversion_get_number(c, "rescale_every", is_authors(c) ? 0 : 6);

    return every >= 1 && every <= FAMILY_MAX_LAYERS && c->family != &conversion_rwkv7 ? (size_t)every : 0;
}

static int sizes(struct conversion *c, struct err *err)
{
    size_t n_ff, n_attention;

    if (read_size(c, "hidden_size", FAMILY_MAX_WIDTH, seen_width(c), &c->n_embd, err) < 0 ||
        read_size(c, "num_hidden_layers", FAMILY_MAX_LAYERS, seen_layers(c), &c->n_layer, err) < 0 ||
        read_size(c, "intermediate_size", FAMILY_MAX_WIDTH, seen_rank(c, "blk.%.channel_mix_key", 0), &n_ff, err) < 0)
        return -1;
    n_attention = c->n_embd;
    if (conversion_get_size(c, "attention_hidden_size", c->n_embd, c->n_embd, &n_attention, err) < 0)
        return -1;
    c->tied = conversion_get_bool(c, "tie_word_embeddings", false);
    conversion_add_size(c, "embedding_length", c->n_embd);
    conversion_add_size(c, "block_count", c->n_layer);
    conversion_add_size(c, "feed_forward_length", n_ff);
    if (rescale_every(c))
        conversion_add_size(c, "rescale_every_n_layers", rescale_every(c));
    conversion_eps(c, true, "layer_norm_epsilon norm_eps", 1e-5);
    return 0;
}

static int context(struct conversion *c, struct err *err)
{
    c->n_ctx = NO_CONTEXT;
    if (conversion_get_size(c, "context_length max_position_embeddings", 1, FAMILY_MAX_CONTEXT, &c->n_ctx, err) < 0)
        return -1;
    conversion_add_size(c, "context_length", c->n_ctx);
    return 0;
}

static int head_size(struct conversion *c, const char *tensor, struct err *err)
{
    if (read_size(c, "head_size head_dim", c->n_embd, seen_head_size(c, tensor), &c->head_dim, err) < 0)
        return -1;
    conversion_add_size(c, "wkv.head_size", c->head_dim);
    return 0;
}

/* Of the norm of heads: `usual` where config.json does not say it. */
static void head_eps(struct conversion *c, double usual)
{
    const double eps = conversion_get_number(c, "group_norm_epsilon", usual);

    if (fabs(eps - HEAD_EPS) > 1e-6 * HEAD_EPS)
        conversion_add_float(c, "attention.group_norm_epsilon", eps);
}

/* The norm is one with 1e-5 of values that were divided before, or with that. */
static double divided_eps(const struct conversion *c)
{
    const double divisor = conversion_get_number(c, "head_size_divisor", 8);

    return 1e-5 * divisor * divisor;
}

/* On hubs 1e-5 grows with the head, so that it is the same for heads of 64. */
static double eps_7(const struct conversion *c)
{
    return is_authors(c) ? HEAD_EPS : (double)c->head_dim * conversion_get_number(c, "norm_eps", 1e-5);
}

static int keys_4(struct conversion *c, struct err *err)
{
    conversion_add_size(c, "architecture_version", 4);
    return context(c, err) < 0 ? -1 : sizes(c, err);
}

static int keys_5(struct conversion *c, struct err *err)
{
    conversion_add_size(c, "architecture_version", 5);
    head_eps(c, divided_eps(c));
    if (context(c, err) < 0 || sizes(c, err) < 0)
        return -1;
    return head_size(c, "blk.%.time_mix_first.weight", err);
}

/* What other programs read of versions 6 and 7 whatever it is. */
static void fixed_keys(struct conversion *c)
{
    conversion_add_size(c, "context_length", NO_CONTEXT);
    conversion_add_size(c, "attention.head_count", 0);
}

static int low_rank(struct conversion *c, const char *names, uint64_t seen, const char *key, struct err *err)
{
    size_t rank;

    if (read_size(c, names, FAMILY_MAX_WIDTH, seen, &rank, err) < 0)
        return -1;
    conversion_add_size(c, key, rank);
    return 0;
}

static int keys_6(struct conversion *c, struct err *err)
{
    uint64_t mix, decay;

    fixed_keys(c);
    head_eps(c, divided_eps(c));
    if (sizes(c, err) < 0 || head_size(c, "blk.%.time_mix_first.weight", err) < 0)
        return -1;
    mix = seen_rank(c, "blk.%.time_mix_w1.weight", 0) / 5;
    decay = seen_rank(c, "blk.%.time_mix_decay_w1.weight", 0);
    return low_rank(c, "time_mix_extra_dim", mix, "time_mix_extra_dim", err) < 0
               ? -1
               : low_rank(c, "time_decay_extra_dim", decay, "time_decay_extra_dim", err);
}

static int keys_7(struct conversion *c, struct err *err)
{
    const char *activation = conversion_get_text(c, "hidden_act", "sqrelu");
    uint64_t w, a, v, g;

    if (strcmp(activation, "sqrelu") != 0)
        return fail(err, CORAX_E_ARGS, "activation \"%.32s\" is not RWKV's sqrelu", activation);
    fixed_keys(c);
    if (sizes(c, err) < 0 || head_size(c, "blk.%.time_mix_r_k.weight", err) < 0)
        return -1;
    head_eps(c, eps_7(c));
    w = seen_rank(c, "blk.%.time_mix_w1.weight", 0);
    a = seen_rank(c, "blk.%.time_mix_a1.weight", 0);
    v = c->n_layer > 1 ? seen_rank(c, "blk.%.time_mix_v1.weight", 1) : a; /* the first layer has none: any will do */
    g = seen_rank(c, "blk.%.time_mix_g1.weight", 0);
    if (low_rank(c, "decay_low_rank_dim", w, "attention.decay_lora_rank", err) < 0 ||
        low_rank(c, "a_low_rank_dim", a, "attention.iclr_lora_rank", err) < 0 ||
        low_rank(c, "v_low_rank_dim", v, "attention.value_residual_mix_lora_rank", err) < 0)
        return -1;
    return low_rank(c, "gate_low_rank_dim", g, "attention.gate_lora_rank", err);
}

/* --- tensors ------------------------------------------------------------------------------------------------------ */

/* The same values once more; t may have moved then. */
static int add_copy(struct conversion *c, const struct conversion_tensor *t, const char *name, int64_t place,
                    struct err *err)
{
    const struct conversion_tensor copy = *t;
    struct conversion_tensor *added = conversion_add(c, err);

    if (!added)
        return -1;
    *added = copy;
    snprintf(added->name, sizeof added->name, "%s", name);
    added->place[0] = place;
    return 0;
}

/* Vectors of a layer whose names differ in the last letter, one behind the other; t is the first. */
static int put_together(struct conversion *c, struct conversion_tensor *t, const char *letters, struct err *err)
{
    const size_t n = strlen(letters), stem = strlen(t->from->name) - 1;
    float *values = arena_alloc(c->arena, n * c->n_embd * sizeof *values);

    if (!values)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    for (size_t i = 0; i < n; i++) {
        char name[SAFETENSORS_MAX_NAME + 1];
        const struct safetensor *part;

        snprintf(name, sizeof name, "%.*s%c", (int)stem, t->from->name, letters[i]);
        part = safetensors_find(c->source, name);
        if (!part)
            return fail(err, CORAX_E_ARGS, "tensor %.100s is missing", name);
        if (part->n != c->n_embd)
            return fail(err, CORAX_E_ARGS, "tensor %.100s has %" PRIu64 " values, an embedding %zu", name, part->n,
                        c->n_embd);
        if (part->type > SAFETENSOR_BF16)
            return fail(err, CORAX_E_ARGS, "tensor %.100s is of type %s, weights must be F32, F16 or BF16", name,
                        part->type_name);
        safetensor_read(part, 0, c->n_embd, values + i * c->n_embd);
    }
    t->from = NULL;
    t->values = values;
    t->n_dims = 4;
    t->ne[0] = c->n_embd;
    t->ne[1] = t->ne[2] = 1;
    t->ne[3] = n;
    return 0;
}

static int fuse(struct conversion *c, struct conversion_tensor *t, struct err *err)
{
    static const char in_6[] = "wkvrg", in_7[] = "rwkvag";

    if (t->from->name[strlen(t->from->name) - 1] != 'x')
        return put_together(c, t, c->family == &conversion_rwkv7 ? in_7 : in_6, err);
    t->n_dims = 4;
    t->ne[0] = c->n_embd;
    t->ne[1] = t->ne[2] = 1;
    t->ne[3] = sizeof in_7 - 1;
    return 0;
}

/* The first layer has no mix of values, and other programs want tensors for one: those of a. */
static int fill(struct conversion *c, const struct conversion_tensor *t, struct err *err)
{
    static const char stem[] = "blk.0.time_mix_";
    char name[sizeof t->name];

    if (strncmp(t->name, stem, sizeof stem - 1) != 0 || t->name[sizeof stem] < '0' || t->name[sizeof stem] > '2')
        return 0;
    if (t->name[sizeof stem - 1] == 'v')
        return 1;
    if (t->name[sizeof stem - 1] != 'a')
        return 0;
    snprintf(name, sizeof name, "%s", t->name);
    name[sizeof stem - 1] = 'v';
    return add_copy(c, t, name, 0, err);
}

/* What is added to activations that may be halved. */
static bool is_output(const char *ours)
{
    return strcmp(ours, "blk.%.time_mix_output") == 0 || strcmp(ours, "blk.%.channel_mix_value") == 0;
}

static int adjust(struct conversion *c, const struct conversion_name *line, struct conversion_tensor *t,
                  struct err *err)
{
    const size_t every = rescale_every(c);

    if (strcmp(line->ours, "token_embd") == 0 && c->tied)
        return add_copy(c, t, "output.weight", FAMILY_MAX_LAYERS, err);
    if (strcmp(line->ours, "blk.%.time_mix_lerp_fused.weight") == 0)
        return fuse(c, t, err);
    if (every && is_output(line->ours))
        t->scale = ldexp(1, -(int)((size_t)t->place[0] / every));
    return c->family == &conversion_rwkv7 ? fill(c, t, err) : 0;
}

const struct conversion_family conversion_rwkv = {
    .model_types = " rwkv ",
    .arch = "rwkv",
    .prefixes = " rwkv. ",
    .names = names_4,
    .n_names = sizeof names_4 / sizeof names_4[0],
    .keys = keys_4,
    .adjust = adjust,
};

const struct conversion_family conversion_rwkv5 = {
    .model_types = " rwkv5 ",
    .arch = "rwkv",
    .prefixes = " rwkv. ",
    .names = names_5,
    .n_names = sizeof names_5 / sizeof names_5[0],
    .keys = keys_5,
    .adjust = adjust,
};

const struct conversion_family conversion_rwkv6 = {
    .model_types = " rwkv6 ",
    .arch = "rwkv6",
    .prefixes = " rwkv. ",
    .names = names_6,
    .n_names = sizeof names_6 / sizeof names_6[0],
    .keys = keys_6,
    .adjust = adjust,
};

const struct conversion_family conversion_rwkv7 = {
    .model_types = " rwkv7 ",
    .arch = "rwkv7",
    .prefixes = " model. ",
    .names = names_7,
    .n_names = sizeof names_7 / sizeof names_7[0],
    .keys = keys_7,
    .adjust = adjust,
};
