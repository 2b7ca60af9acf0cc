/*
 * Checkpoints of BitNet b1.58.
 *
 * Matrices of layers are -1, 0 and 1 times one scale each.  A checkpoint holds them packed in U8, four rows in the bits of one
 * (the first quarter of the rows lowest), with weight_scale beside; or it holds what was trained, from which the model makes
 * them each time: x over the mean magnitude of the matrix, rounded.  Either way the file gets -1, 0 and 1 and a tensor .scale,
 * which loses nothing.  Without quantization_config the matrices are what they are.
 *
 * Layers of class bitlinear divide by weight_scale, those of autobitlinear multiply by it.
 *
 * Source: transformers 5.24, models/bitnet and integrations/bitnet.py; GGUF files with general.architecture bitnet-b1.58.
 */
#include "infer/conversion.h"

#include <stdio.h>
#include <string.h>

#define MATRIX(THEIRS, OURS)                      \
    { "layers.%." THEIRS, "blk.%." OURS },        \
    { "layers.%." THEIRS ".weight_scale", "blk.%." OURS ".scale" }

static const struct conversion_name names[] = {
    { "embed_tokens", "token_embd" },
    { "layers.%.input_layernorm", "blk.%.attn_norm" },
    MATRIX("self_attn.q_proj", "attn_q"),
    MATRIX("self_attn.k_proj", "attn_k"),
    MATRIX("self_attn.v_proj", "attn_v"),
    { "layers.%.self_attn.attn_sub_norm", "blk.%.attn_sub_norm" },
    MATRIX("self_attn.o_proj", "attn_output"),
    { "layers.%.post_attention_layernorm", "blk.%.ffn_norm" },
    MATRIX("mlp.gate_proj", "ffn_gate"),
    MATRIX("mlp.up_proj", "ffn_up"),
    { "layers.%.mlp.ffn_sub_norm", "blk.%.ffn_sub_norm" },
    MATRIX("mlp.down_proj", "ffn_down"),
    { "norm", "output_norm" },
    { "lm_head", "output" },
};

static int keys(struct conversion *c, struct err *err)
{
    const struct json *q = conversion_get(c, "quantization_config");

    if (json_bool(json_get(q, "use_rms_norm"), false))
        return fail(err, CORAX_E_ARGS, "quantization_config: use_rms_norm is not supported");
    if (conversion_sizes(c, 0, err) < 0 || conversion_rope(c, err) < 0 || conversion_activation(c, "relu2", err) < 0)
        return -1;
    conversion_eps(c, false, "rms_norm_eps", 1e-5);
    return 0;
}

/* The scale that goes with a matrix that is made ternary here. */
static int add_scale(struct conversion *c, const struct conversion_tensor *matrix, struct err *err)
{
    const struct conversion_tensor weight = *matrix; /* adding one may move the others */
    struct conversion_tensor *scale = conversion_add(c, err);

    if (!scale)
        return -1;
    snprintf(scale->name, sizeof scale->name, "%.*s.scale", (int)(strlen(weight.name) - strlen(".weight")), weight.name);
    scale->from = weight.from;
    scale->change = CHANGE_MEAN;
    scale->n_dims = 1;
    scale->place[0] = weight.place[0];
    scale->place[1] = weight.place[1];
    return 0;
}

static int adjust(struct conversion *c, const struct conversion_name *line, struct conversion_tensor *t, struct err *err)
{
    const struct json *q = conversion_get(c, "quantization_config");
    const bool multiplies = strcmp(json_get_text(q, "linear_class", "bitlinear"), "autobitlinear") == 0;

    if (strstr(line->ours, ".scale")) {
        t->change = multiplies ? CHANGE_NONE : CHANGE_INVERSE;
        return 0;
    }
    if (t->n_dims != 2 || strncmp(line->ours, "blk.", 4) != 0)
        return 0;
    if (t->from->type == SAFETENSOR_U8) {
        t->order = ORDER_PACKED;
        if (t->ne[1] > UINT64_MAX / 4)
            return fail(err, CORAX_E_ARGS, "tensor %.64s has too many rows", t->from->name);
        t->ne[1] *= 4;
        return 0;
    }
    if (!multiplies || strcmp(json_get_text(q, "quantization_mode", "offline"), "online") != 0)
        return 0;
    t->change = CHANGE_TERNARY;
    return add_scale(c, t, err);
}

const struct conversion_family conversion_bitnet = {
    .model_types = " bitnet ",
    .arch = "bitnet-b1.58",
    .prefixes = " model. ",
    .defaults = "{\"rope_theta\":500000}",
    .names = names,
    .n_names = sizeof names / sizeof names[0],
    .keys = keys,
    .adjust = adjust,
};
