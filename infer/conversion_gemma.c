/*
 * Checkpoints of Gemma 1, 2 and 3; of models with images, the text model.
 *
 * The norms' weights get the 1 that the model adds to them.
 *
 * Source: transformers 5.24, models gemma, gemma2 and gemma3_text; GGUF files of the architectures gemma, gemma2, gemma3.
 */
#include "infer/conversion.h"

#include <math.h>
#include <string.h>

#include "infer/family.h"

#define PREFIXES " model.language_model. language_model.model. model. language_model. "

/* AFTER: what the norm that stands behind attention in the first Gemma, and before feed-forward, is in this one. */
#define NAMES(AFTER)                                                                            \
    { "embed_tokens", "token_embd" },                                                           \
    { "layers.%.input_layernorm", "blk.%.attn_norm", .change = CHANGE_ADD_ONE },                \
    { "layers.%.self_attn.q_proj", "blk.%.attn_q" },                                            \
    { "layers.%.self_attn.k_proj", "blk.%.attn_k" },                                            \
    { "layers.%.self_attn.v_proj", "blk.%.attn_v" },                                            \
    { "layers.%.self_attn.q_norm", "blk.%.attn_q_norm", .change = CHANGE_ADD_ONE },             \
    { "layers.%.self_attn.k_norm", "blk.%.attn_k_norm", .change = CHANGE_ADD_ONE },             \
    { "layers.%.self_attn.o_proj", "blk.%.attn_output" },                                       \
    { "layers.%.post_attention_layernorm", AFTER, .change = CHANGE_ADD_ONE },                   \
    { "layers.%.pre_feedforward_layernorm", "blk.%.ffn_norm", .change = CHANGE_ADD_ONE },       \
    { "layers.%.mlp.gate_proj", "blk.%.ffn_gate" },                                             \
    { "layers.%.mlp.up_proj", "blk.%.ffn_up" },                                                 \
    { "layers.%.mlp.down_proj", "blk.%.ffn_down" },                                             \
    { "layers.%.post_feedforward_layernorm", "blk.%.post_ffw_norm", .change = CHANGE_ADD_ONE }, \
    { "norm", "output_norm", .change = CHANGE_ADD_ONE },                                        \
    { "lm_head", "output" }

static const struct conversion_name first[] = { NAMES("blk.%.ffn_norm") };
static const struct conversion_name later[] = { NAMES("blk.%.post_attention_norm") };
#define N_NAMES (sizeof first / sizeof first[0])

static int gemma_keys(struct conversion *c, struct err *err)
{
    const char *activation = conversion_get_text(c, "hidden_activation", "gelu_pytorch_tanh");

    if (conversion_sizes(c, 0, err) < 0 || conversion_rope(c, err) < 0)
        return -1;
    /* hidden_act of the first configurations says gelu, and never was what the model does */
    if (strcmp(activation, "gelu_pytorch_tanh") != 0)
        return fail(err, CORAX_E_ARGS, "activation \"%.32s\" is not Gemma's gelu_pytorch_tanh", activation);
    conversion_eps(c, false, "rms_norm_eps", 1e-6);
    if (!conversion_get(c, "tie_word_embeddings"))
        c->tied = true;
    return 0;
}

static void add_scale(struct conversion *c)
{
    const double scalar = conversion_get_number(c, "query_pre_attn_scalar", 0);

    if (scalar > 0)
        conversion_add_float(c, "attention.scale", 1 / sqrt(scalar));
}

static int gemma2_keys(struct conversion *c, struct err *err)
{
    size_t window = 4096;

    if (gemma_keys(c, err) < 0)
        return -1;
    add_scale(c);
    if (conversion_get_size(c, "sliding_window", 1, FAMILY_MAX_CONTEXT, &window, err) < 0)
        return -1;
    conversion_add_size(c, "attention.sliding_window", window);
    conversion_add_float(c, "attn_logit_softcapping", conversion_get_number(c, "attn_logit_softcapping", 0));
    conversion_add_float(c, "final_logit_softcapping", conversion_get_number(c, "final_logit_softcapping", 0));
    return 0;
}

/* Whether each sixth layer is one of full attention, as readers of the file take it where it does not say. */
static bool is_usual(const struct json *types)
{
    size_t i = 0;

    for (const struct json *type = json_first(types); type; type = json_next(type)) {
        const char *text = json_text(type);

        if ((text && strcmp(text, "full_attention") == 0) != (++i % 6 == 0))
            return false;
    }
    return true;
}

static int add_windows(struct conversion *c, struct err *err)
{
    const struct json *types = conversion_get(c, "layer_types");
    size_t window, period = 6;

    if (types && !is_usual(types))
        return conversion_window(c, err);
    if (conversion_need_size(c, "sliding_window", 1, FAMILY_MAX_CONTEXT, &window, err) < 0 ||
        conversion_get_size(c, "sliding_window_pattern", 1, FAMILY_MAX_LAYERS, &period, err) < 0)
        return -1;
    conversion_add_size(c, "attention.sliding_window", window);
    if (!types && period != 6)
        conversion_add_size(c, "attention.sliding_window_pattern", period);
    return 0;
}

static int gemma3_keys(struct conversion *c, struct err *err)
{
    const struct json *local = json_get(conversion_get(c, "rope_parameters"), "sliding_attention");
    const double base = json_number(json_get(local, "rope_theta"), conversion_get_number(c, "rope_local_base_freq", 10000)),
                 cap = conversion_get_number(c, "final_logit_softcapping", 0);

    if (conversion_get_bool(c, "use_bidirectional_attention", false))
        return fail(err, CORAX_E_ARGS, "use_bidirectional_attention is not supported");
    if (gemma_keys(c, err) < 0)
        return -1;
    add_scale(c);
    if (base != 10000)
        conversion_add_float(c, "rope.freq_base_swa", base);
    if (cap > 0)
        conversion_add_float(c, "final_logit_softcapping", cap);
    return add_windows(c, err);
}

const struct conversion_family conversion_gemma = {
    .model_types = " gemma ",
    .defaults = "{\"head_dim\":256}",
    .arch = "gemma",
    .prefixes = PREFIXES,
    .names = first,
    .n_names = N_NAMES,
    .keys = gemma_keys,
};

const struct conversion_family conversion_gemma2 = {
    .model_types = " gemma2 ",
    .defaults = "{\"head_dim\":256,\"query_pre_attn_scalar\":256,\"sliding_window\":4096,\"attn_logit_softcapping\":50,"
                "\"final_logit_softcapping\":30}",
    .arch = "gemma2",
    .prefixes = PREFIXES,
    .names = later,
    .n_names = N_NAMES,
    .keys = gemma2_keys,
};

const struct conversion_family conversion_gemma3 = {
    .model_types = " gemma3_text ",
    .defaults = "{\"vocab_size\":262208,\"hidden_size\":2304,\"intermediate_size\":9216,\"num_hidden_layers\":26,"
                "\"num_attention_heads\":8,\"num_key_value_heads\":4,\"head_dim\":256,\"max_position_embeddings\":131072,"
                "\"query_pre_attn_scalar\":256,\"sliding_window\":4096,\"rope_theta\":1000000}",
    .arch = "gemma3",
    .prefixes = PREFIXES,
    .others = " vision_tower. multi_modal_projector. model.vision_tower. model.multi_modal_projector. ",
    .names = later,
    .n_names = N_NAMES,
    .keys = gemma3_keys,
};
