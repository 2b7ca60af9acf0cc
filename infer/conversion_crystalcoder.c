/*
 * Checkpoints of LLM360's CrystalCoder: GPT-2's names, a second matrix of feed-forward (the gate), and the scales of maximal
 * update parametrisation in config.json.
 *
 * Feed-forward is 10,922 wide, which no quantized format divides: the file gets zeros up to the next multiple of 256, which
 * change nothing, since silu(0) * 0 is 0.
 *
 * Source: config.json and the model's own code of LLM360/CrystalCoder; docs/gguf.md.
 */
#include "infer/conversion.h"

#include <math.h>
#include <string.h>

#include "infer/family.h"

static const struct conversion_name names[] = {
    { "wte", "token_embd" },
    { "h.%.ln_1", "blk.%.attn_norm" },
    { "h.%.attn.c_attn", "blk.%.attn_qkv", .order = ORDER_TRANSPOSED },
    { "h.%.attn.c_proj", "blk.%.attn_output", .order = ORDER_TRANSPOSED },
    { "h.%.ln_2", "blk.%.ffn_norm" },
    { "h.%.mlp.c_fc2", "blk.%.ffn_gate", .order = ORDER_TRANSPOSED },
    { "h.%.mlp.c_fc", "blk.%.ffn_up", .order = ORDER_TRANSPOSED },
    { "h.%.mlp.c_proj", "blk.%.ffn_down", .order = ORDER_TRANSPOSED },
    { "h.%.attn", NULL }, /* .bias: the causal mask */
    { "h.%.attn.masked_bias", NULL },
    { "ln_f", "output_norm" },
    { "lm_head", "output" },
};

static int keys(struct conversion *c, struct err *err)
{
    const char *activation = conversion_get_text(c, "activation_function", "swiglu"),
               *positions = conversion_get_text(c, "position_embedding_type", "rotary");
    size_t n_rot;

    if (strcmp(activation, "swiglu") != 0 || strcmp(positions, "rotary") != 0)
        return fail(err, CORAX_E_ARGS, "activation_function %.32s and position_embedding_type %.32s, CrystalCoder's are swiglu and rotary",
                    activation, positions);
    if (conversion_get_bool(c, "scale_attn_by_inverse_layer_idx", false))
        return fail(err, CORAX_E_ARGS, "scale_attn_by_inverse_layer_idx is not supported");
    if (conversion_sizes(c, 0, err) < 0)
        return -1;
    n_rot = c->head_dim;
    if (conversion_get_size(c, "rotary_dim", 2, c->head_dim, &n_rot, err) < 0)
        return -1;
    c->tied = conversion_get_bool(c, "tie_word_embeddings", true);
    conversion_eps(c, true, "layer_norm_epsilon", 1e-5);
    conversion_add_size(c, "rope.dimension_count", n_rot);
    conversion_add_float(c, "rope.freq_base", conversion_get_number(c, "rope_theta", 10000));
    conversion_add_float(c, "embedding_scale", conversion_get_number(c, "mup_embeddings_scale", 1));
    conversion_add_float(c, "logit_scale", conversion_get_number(c, "mup_output_alpha", 1) *
                                               conversion_get_number(c, "mup_width_scale", 1));
    conversion_add_float(c, "attention.scale", conversion_get_bool(c, "mup_scale_qk_dot_by_d", false)
                                                   ? 1 / (double)c->head_dim
                                                   : 1 / sqrt((double)c->head_dim));
    return 0;
}

static int adjust(struct conversion *c, const struct conversion_name *line, struct conversion_tensor *t, struct err *err)
{
    (void)err;
    if (strcmp(line->ours, "blk.%.ffn_down") == 0 && t->n_dims == 2) {
        t->padded = true;
        t->ne[0] = c->n_ff;
    } else if (strcmp(line->ours, "blk.%.ffn_up") == 0 || strcmp(line->ours, "blk.%.ffn_gate") == 0) {
        t->padded = true;
        t->ne[t->n_dims == 2] = c->n_ff;
    }
    return 0;
}

const struct conversion_family conversion_crystalcoder = {
    .model_types = " crystalcoder ",
    .arch = "crystalcoder",
    .prefixes = " transformer. ",
    .names = names,
    .n_names = sizeof names / sizeof names[0],
    .ff_multiple = 256,
    .keys = keys,
    .adjust = adjust,
};
