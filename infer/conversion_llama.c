/*
 * Checkpoints of LLaMA's shape: llama, mistral, qwen2, qwen3, phi3, starcoder2 and bitnet.  They share the names of
 * transformers' LlamaForCausalLM; Gemma's are in conversion_gemma.c.
 *
 * Source: transformers 5.24, models of these names; GGUF files of these architectures.
 */
#include "infer/conversion.h"

#include <stdio.h>
#include <string.h>

#define PREFIXES " model.language_model. language_model.model. model. language_model. "

/* Q and K: what is done with the rows of q and k. */
#define NAMES(Q, K)                                                    \
    { "embed_tokens", "token_embd" },                                  \
    { "layers.%.input_layernorm", "blk.%.attn_norm" },                 \
    { "layers.%.self_attn.q_proj", "blk.%.attn_q", .order = (Q) },     \
    { "layers.%.self_attn.k_proj", "blk.%.attn_k", .order = (K) },     \
    { "layers.%.self_attn.v_proj", "blk.%.attn_v" },                   \
    { "layers.%.self_attn.qkv_proj", "blk.%.attn_qkv" },               \
    { "layers.%.self_attn.q_norm", "blk.%.attn_q_norm" },              \
    { "layers.%.self_attn.k_norm", "blk.%.attn_k_norm" },              \
    { "layers.%.self_attn.attn_sub_norm", "blk.%.attn_sub_norm" },     \
    { "layers.%.self_attn.o_proj", "blk.%.attn_output" },              \
    { "layers.%.post_attention_layernorm", "blk.%.ffn_norm" },         \
    { "layers.%.mlp.gate_proj", "blk.%.ffn_gate" },                    \
    { "layers.%.mlp.up_proj", "blk.%.ffn_up" },                        \
    { "layers.%.mlp.gate_up_proj", "blk.%.ffn_up" },                   \
    { "layers.%.mlp.c_fc", "blk.%.ffn_up" },                           \
    { "layers.%.mlp.ffn_sub_norm", "blk.%.ffn_sub_norm" },             \
    { "layers.%.mlp.down_proj", "blk.%.ffn_down" },                    \
    { "layers.%.mlp.c_proj", "blk.%.ffn_down" },                       \
    { "layers.%.self_attn.rotary_emb.inv_freq", NULL },                \
    { "norm", "output_norm" },                                         \
    { "lm_head", "output" }

static const struct conversion_name halves[] = { NAMES(ORDER_SAME, ORDER_SAME) };
static const struct conversion_name neighbours[] = { NAMES(ORDER_NEIGHBOURS_Q, ORDER_NEIGHBOURS_K) };
#define N_NAMES (sizeof halves / sizeof halves[0])

static int common_keys(struct conversion *c, const char *activation, struct err *err)
{
    if (conversion_sizes(c, 0, err) < 0 || conversion_rope(c, err) < 0)
        return -1;
    return conversion_activation(c, activation, err);
}

static int llama_keys(struct conversion *c, struct err *err)
{
    if (common_keys(c, "silu", err) < 0)
        return -1;
    conversion_eps(c, false, "rms_norm_eps", 1e-6);
    return conversion_window(c, err);
}

/* The window that is in the configuration applies only where use_sliding_window says so. */
static int qwen_keys(struct conversion *c, struct err *err)
{
    size_t first = c->n_layer;

    if (common_keys(c, "silu", err) < 0)
        return -1;
    conversion_eps(c, false, "rms_norm_eps", 1e-6);
    if (!conversion_get_bool(c, "use_sliding_window", false))
        return 0;
    if (conversion_get(c, "layer_types"))
        return conversion_window(c, err);
    if (conversion_get_size(c, "max_window_layers", 0, SIZE_MAX, &first, err) < 0)
        return -1;
    if (first >= c->n_layer)
        return 0;
    return first == 0 ? conversion_window(c, err)
                      : fail(err, CORAX_E_ARGS, "a window from layer %zu on, without layer_types, is not supported", first);
}

static int starcoder2_keys(struct conversion *c, struct err *err)
{
    if (common_keys(c, "gelu_pytorch_tanh", err) < 0)
        return -1;
    conversion_eps(c, true, "norm_epsilon", 1e-5);
    return conversion_window(c, err);
}

const struct conversion_family conversion_llama = {
    .model_types = " llama mistral ",
    .arch = "llama",
    .prefixes = PREFIXES,
    .names = neighbours,
    .n_names = N_NAMES,
    .keys = llama_keys,
};

const struct conversion_family conversion_qwen2 = {
    .model_types = " qwen2 ",
    .arch = "qwen2",
    .prefixes = PREFIXES,
    .names = halves,
    .n_names = N_NAMES,
    .keys = qwen_keys,
};

const struct conversion_family conversion_qwen3 = {
    .model_types = " qwen3 ",
    .defaults = "{\"head_dim\":128}",
    .arch = "qwen3",
    .prefixes = PREFIXES,
    .names = halves,
    .n_names = N_NAMES,
    .keys = qwen_keys,
};

const struct conversion_family conversion_phi3 = {
    .model_types = " phi3 ",
    .arch = "phi3",
    .prefixes = PREFIXES,
    .names = halves,
    .n_names = N_NAMES,
    .keys = llama_keys,
};

const struct conversion_family conversion_starcoder2 = {
    .model_types = " starcoder2 ",
    .arch = "starcoder2",
    .prefixes = PREFIXES,
    .names = halves,
    .n_names = N_NAMES,
    .keys = starcoder2_keys,
};
