/*
 * Checkpoints of Mamba, FalconMamba and Mamba-2.
 *
 * A is stored as its logarithm, and becomes -exp of it; the convolution loses its dimension of 1.  The convolution, A, D and the
 * norms of version 2 are F32 whatever is asked for, as other programs want them.
 *
 * Source: transformers 5.24, models mamba, falcon_mamba and mamba2; GGUF files with general.architecture mamba and mamba2.
 */
#include "infer/conversion.h"

#include <math.h>
#include <string.h>

#include "infer/family.h"

#define NO_CONTEXT (1 << 20) /* a recurrence has no end; files say this */

static const struct conversion_name names[] = {
    { "embeddings", "token_embd" },
    { "layers.%.norm", "blk.%.attn_norm" },
    { "layers.%.mixer.in_proj", "blk.%.ssm_in" },
    { "layers.%.mixer.conv1d", "blk.%.ssm_conv1d", .f32 = true },
    { "layers.%.mixer.x_proj", "blk.%.ssm_x" },
    { "layers.%.mixer.dt_proj", "blk.%.ssm_dt" },
    { "layers.%.mixer.dt_bias", "blk.%.ssm_dt.bias" },
    { "layers.%.mixer.A_log", "blk.%.ssm_a", .change = CHANGE_MINUS_EXP, .f32 = true },
    { "layers.%.mixer.D", "blk.%.ssm_d", .f32 = true },
    { "layers.%.mixer.norm", "blk.%.ssm_norm", .f32 = true },
    { "layers.%.mixer.out_proj", "blk.%.ssm_out" },
    { "norm_f", "output_norm" },
    { "lm_head", "output" },
};
#define N_NAMES (sizeof names / sizeof names[0])

struct sizes {
    size_t n_inner, n_state, n_taps;
};

static int common_keys(struct conversion *c, struct sizes *s, struct err *err)
{
    double expand = conversion_get_number(c, "expand", 2);

    if (conversion_need_size(c, "hidden_size d_model", 1, FAMILY_MAX_WIDTH, &c->n_embd, err) < 0 ||
        conversion_need_size(c, "num_hidden_layers n_layer", 1, FAMILY_MAX_LAYERS, &c->n_layer, err) < 0 ||
        conversion_need_size(c, "state_size", 1, FAMILY_MAX_WIDTH, &s->n_state, err) < 0 ||
        conversion_need_size(c, "conv_kernel", 1, FAMILY_MAX_WIDTH, &s->n_taps, err) < 0)
        return -1;
    if (!(expand > 0 && expand * (double)c->n_embd <= FAMILY_MAX_WIDTH))
        return fail(err, CORAX_E_ARGS, "expand is %g", expand);
    s->n_inner = (size_t)(expand * (double)c->n_embd);
    if (strcmp(conversion_get_text(c, "hidden_act", "silu"), "silu") != 0)
        return fail(err, CORAX_E_ARGS, "activation \"%.32s\" is not Mamba's silu", conversion_get_text(c, "hidden_act", ""));
    c->tied = conversion_get_bool(c, "tie_word_embeddings", false);
    conversion_add_size(c, "context_length", NO_CONTEXT);
    conversion_add_size(c, "embedding_length", c->n_embd);
    conversion_add_size(c, "block_count", c->n_layer);
    conversion_add_size(c, "feed_forward_length", 0);
    conversion_add_size(c, "attention.head_count", 0);
    conversion_add_size(c, "ssm.conv_kernel", s->n_taps);
    conversion_add_size(c, "ssm.inner_size", s->n_inner);
    conversion_add_size(c, "ssm.state_size", s->n_state);
    conversion_eps(c, false, "layer_norm_epsilon", 1e-5);
    return 0;
}

static int mamba_keys(struct conversion *c, struct err *err)
{
    const bool falcon = strcmp(json_get_text(c->config, "model_type", ""), "falcon_mamba") == 0;
    const struct json *auto_rank = conversion_get(c, "time_step_rank");
    struct sizes s;
    size_t rank;

    if (common_keys(c, &s, err) < 0)
        return -1;
    rank = (c->n_embd + 15) / 16;
    if (json_kind(auto_rank) != JSON_STRING && /* "auto" */
        conversion_get_size(c, "time_step_rank", 1, FAMILY_MAX_WIDTH, &rank, err) < 0)
        return -1;
    if (falcon && conversion_get_number(c, "mixer_rms_eps", 1e-6) != 1e-6)
        return fail(err, CORAX_E_ARGS, "mixer_rms_eps is %g, FalconMamba's is 1e-6", conversion_get_number(c, "mixer_rms_eps", 0));
    conversion_add_size(c, "ssm.time_step_rank", rank);
    gguf_add_bool(c->writer, "mamba.ssm.dt_b_c_rms", falcon);
    return 0;
}

static int mamba2_keys(struct conversion *c, struct err *err)
{
    const struct json *limit = conversion_get(c, "time_step_limit");
    struct sizes s;
    size_t n_head, n_group = 1;

    if (common_keys(c, &s, err) < 0 ||
        conversion_need_size(c, "num_heads", 1, FAMILY_MAX_WIDTH, &n_head, err) < 0 ||
        conversion_get_size(c, "n_groups", 1, FAMILY_MAX_HEADS, &n_group, err) < 0)
        return -1;
    if (json_number(json_first(limit), 0) != 0 || json_kind(json_next(json_first(limit))) == JSON_NUMBER)
        return fail(err, CORAX_E_ARGS, "time_step_limit is not from 0 to infinity, which is what this program has");
    c->n_kv_head = n_group;
    conversion_add_size(c, "ssm.time_step_rank", n_head);
    conversion_add_size(c, "ssm.group_count", n_group);
    return 0;
}

/* [n][1][taps] becomes taps x n. */
static void drop_middle(struct conversion_tensor *t)
{
    if (t->n_dims == 3 && t->ne[1] == 1) {
        t->ne[1] = t->ne[2];
        t->ne[2] = 1;
        t->n_dims = 2;
    }
}

static int adjust(struct conversion *c, const struct conversion_name *line, struct conversion_tensor *t, struct err *err)
{
    const bool second = strcmp(c->family->arch, "mamba2") == 0;

    (void)err;
    if (strcmp(line->ours, "blk.%.ssm_conv1d") == 0)
        drop_middle(t);
    if (second && t->n_dims == 1 && (strcmp(line->ours, "blk.%.ssm_a") == 0 || strcmp(line->ours, "blk.%.ssm_d") == 0)) {
        t->n_dims = 2;
        t->ne[1] = t->ne[0];
        t->ne[0] = 1;
    }
    if (second && strcmp(line->ours, "blk.%.ssm_norm") == 0 && t->n_dims == 1 && t->ne[0] % c->n_kv_head == 0) {
        t->n_dims = 2;
        t->ne[0] /= c->n_kv_head;
        t->ne[1] = c->n_kv_head;
    }
    return 0;
}

const struct conversion_family conversion_mamba = {
    .model_types = " mamba falcon_mamba ",
    .arch = "mamba",
    .prefixes = " backbone. model. ",
    .defaults = "{\"state_size\":16,\"conv_kernel\":4}",
    .names = names,
    .n_names = N_NAMES,
    .keys = mamba_keys,
    .adjust = adjust,
};

const struct conversion_family conversion_mamba2 = {
    .model_types = " mamba2 ",
    .arch = "mamba2",
    .prefixes = " backbone. model. ",
    .defaults = "{\"state_size\":128,\"conv_kernel\":4,\"num_heads\":128,\"n_groups\":8}",
    .names = names,
    .n_names = N_NAMES,
    .keys = mamba2_keys,
    .adjust = adjust,
};
