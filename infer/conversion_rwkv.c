/*
 * Checkpoints of RWKV version 4, as transformers has them.
 *
 * Mixes are stored as the share of the current token, and become that of the token before.  Where activations are halved every so
 * many layers, what is added to them is stored divided (docs/gguf.md), as the model does when it is loaded.
 *
 * Source: transformers 5.24, model rwkv; docs/gguf.md.
 */
#include "infer/conversion.h"

#include <math.h>
#include <string.h>

#include "infer/family.h"

#define LERP(THEIRS, OURS) { "blocks.%." THEIRS, "blk.%." OURS ".weight", .change = CHANGE_ONE_MINUS, .f32 = true }

static const struct conversion_name names[] = {
    { "embeddings", "token_embd" },
    { "blocks.0.pre_ln", "token_embd_norm" },
    { "blocks.%.ln1", "blk.%.attn_norm" },
    LERP("attention.time_mix_key", "time_mix_lerp_k"),
    LERP("attention.time_mix_value", "time_mix_lerp_v"),
    LERP("attention.time_mix_receptance", "time_mix_lerp_r"),
    { "blocks.%.attention.time_first", "blk.%.time_mix_first.weight" },
    { "blocks.%.attention.time_decay", "blk.%.time_mix_decay.weight" },
    { "blocks.%.attention.key", "blk.%.time_mix_key" },
    { "blocks.%.attention.value", "blk.%.time_mix_value" },
    { "blocks.%.attention.receptance", "blk.%.time_mix_receptance" },
    { "blocks.%.attention.output", "blk.%.time_mix_output" },
    { "blocks.%.ln2", "blk.%.attn_norm_2" },
    LERP("feed_forward.time_mix_key", "channel_mix_lerp_k"),
    LERP("feed_forward.time_mix_receptance", "channel_mix_lerp_r"),
    { "blocks.%.feed_forward.key", "blk.%.channel_mix_key" },
    { "blocks.%.feed_forward.value", "blk.%.channel_mix_value" },
    { "blocks.%.feed_forward.receptance", "blk.%.channel_mix_receptance" },
    { "ln_out", "output_norm" },
    { "head", "output" },
};

static size_t rescale_every(const struct conversion *c)
{
    const double every = conversion_get_number(c, "rescale_every", 6);

    return every >= 1 && every <= FAMILY_MAX_LAYERS ? (size_t)every : 0;
}

static int keys(struct conversion *c, struct err *err)
{
    size_t n_ff, n_attention;

    if (conversion_need_size(c, "context_length max_position_embeddings", 1, FAMILY_MAX_CONTEXT, &c->n_ctx, err) < 0 ||
        conversion_need_size(c, "hidden_size", 1, FAMILY_MAX_WIDTH, &c->n_embd, err) < 0 ||
        conversion_need_size(c, "num_hidden_layers", 1, FAMILY_MAX_LAYERS, &c->n_layer, err) < 0)
        return -1;
    n_ff = 4 * c->n_embd;
    n_attention = c->n_embd;
    if (conversion_get_size(c, "intermediate_size", 1, FAMILY_MAX_WIDTH, &n_ff, err) < 0 ||
        conversion_get_size(c, "attention_hidden_size", c->n_embd, c->n_embd, &n_attention, err) < 0)
        return -1;
    c->tied = conversion_get_bool(c, "tie_word_embeddings", false);
    conversion_add_size(c, "architecture_version", 4);
    conversion_add_size(c, "context_length", c->n_ctx);
    conversion_add_size(c, "embedding_length", c->n_embd);
    conversion_add_size(c, "block_count", c->n_layer);
    conversion_add_size(c, "feed_forward_length", n_ff);
    if (rescale_every(c))
        conversion_add_size(c, "rescale_every_n_layers", rescale_every(c));
    conversion_eps(c, true, "layer_norm_epsilon", 1e-5);
    return 0;
}

static int adjust(struct conversion *c, const struct conversion_name *line, struct conversion_tensor *t, struct err *err)
{
    const size_t every = rescale_every(c);

    (void)err;
    if (strstr(line->ours, "_lerp_")) { /* [1][1][n_embd] */
        t->n_dims = 1;
        t->ne[0] = t->from->n;
        t->ne[1] = t->ne[2] = 1;
    }
    if (every && (strcmp(line->ours, "blk.%.time_mix_output") == 0 || strcmp(line->ours, "blk.%.channel_mix_value") == 0))
        t->scale = ldexp(1, -(int)((size_t)t->place[0] / every));
    return 0;
}

const struct conversion_family conversion_rwkv = {
    .model_types = " rwkv ",
    .arch = "rwkv",
    .prefixes = " rwkv. ",
    .names = names,
    .n_names = sizeof names / sizeof names[0],
    .keys = keys,
    .adjust = adjust,
};
