/*
 * Checkpoints of GPT-2's shape: gpt2, and gpt_bigcode (StarCoder, SantaCoder).
 *
 * GPT-2 and what descends from it store matrices with inputs as rows; gpt_bigcode does not.
 *
 * Source: transformers 5.24, models gpt2 and gpt_bigcode; GGUF files with general.architecture gpt2 and starcoder.
 */
#include "infer/conversion.h"

#include "infer/family.h"

#define PREFIXES " transformer. "

#define NAMES(ORDER)                                                 \
    { "wte", "token_embd" },                                         \
    { "wpe", "position_embd" },                                      \
    { "h.%.ln_1", "blk.%.attn_norm" },                               \
    { "h.%.attn.c_attn", "blk.%.attn_qkv", .order = (ORDER) },       \
    { "h.%.attn.c_proj", "blk.%.attn_output", .order = (ORDER) },    \
    { "h.%.ln_2", "blk.%.ffn_norm" },                                \
    { "h.%.mlp.c_fc", "blk.%.ffn_up", .order = (ORDER) },            \
    { "h.%.mlp.c_proj", "blk.%.ffn_down", .order = (ORDER) },        \
    { "h.%.attn", NULL },              /* .bias: the causal mask */  \
    { "h.%.attn.masked_bias", NULL },                                \
    { "ln_f", "output_norm" },                                       \
    { "lm_head", "output" }

static const struct conversion_name transposed[] = { NAMES(ORDER_TRANSPOSED) };
static const struct conversion_name straight[] = { NAMES(ORDER_SAME) };
#define N_NAMES (sizeof straight / sizeof straight[0])

static int gpt2_keys(struct conversion *c, struct err *err)
{
    size_t n_embd;

    if (conversion_get_bool(c, "scale_attn_by_inverse_layer_idx", false))
        return fail(err, CORAX_E_ARGS, "scale_attn_by_inverse_layer_idx is not supported");
    if (!conversion_get_bool(c, "scale_attn_weights", true))
        return fail(err, CORAX_E_ARGS, "scale_attn_weights false is not supported");
    if (conversion_need_size(c, "hidden_size n_embd", 1, FAMILY_MAX_WIDTH, &n_embd, err) < 0 ||
        conversion_sizes(c, 4 * n_embd, err) < 0)
        return -1;
    conversion_eps(c, true, "layer_norm_epsilon", 1e-5);
    return conversion_activation(c, "gelu_pytorch_tanh", err);
}

static int starcoder_keys(struct conversion *c, struct err *err)
{
    if (!conversion_get_bool(c, "multi_query", true))
        return fail(err, CORAX_E_ARGS, "multi_query false, a key head for each head, is not supported");
    return gpt2_keys(c, err);
}

const struct conversion_family conversion_gpt2 = {
    .model_types = " gpt2 ",
    .arch = "gpt2",
    .prefixes = PREFIXES,
    .names = transposed,
    .n_names = N_NAMES,
    .keys = gpt2_keys,
};

const struct conversion_family conversion_starcoder = {
    .model_types = " gpt_bigcode ",
    .defaults = "{\"num_key_value_heads\":1}",
    .arch = "starcoder",
    .prefixes = PREFIXES,
    .names = straight,
    .n_names = N_NAMES,
    .keys = starcoder_keys,
};
