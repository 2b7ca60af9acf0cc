/*
 * Checkpoints of BioGPT.  Its table of positions begins with two rows that no position uses.
 *
 * Source: transformers 5.24, model biogpt; docs/gguf.md.
 */
#include "infer/conversion.h"

#include <string.h>

#define UNUSED_POSITIONS 2

static const struct conversion_name names[] = {
    { "embed_tokens", "token_embd" },
    { "embed_positions", "position_embd" },
    { "layers.%.self_attn_layer_norm", "blk.%.attn_norm" },
    { "layers.%.self_attn.q_proj", "blk.%.attn_q" },
    { "layers.%.self_attn.k_proj", "blk.%.attn_k" },
    { "layers.%.self_attn.v_proj", "blk.%.attn_v" },
    { "layers.%.self_attn.out_proj", "blk.%.attn_output" },
    { "layers.%.final_layer_norm", "blk.%.ffn_norm" },
    { "layers.%.fc1", "blk.%.ffn_up" },
    { "layers.%.fc2", "blk.%.ffn_down" },
    { "layer_norm", "output_norm" },
    { "output_projection", "output" },
};

static int keys(struct conversion *c, struct err *err)
{
    if (conversion_sizes(c, 0, err) < 0 || conversion_activation(c, "gelu", err) < 0)
        return -1;
    conversion_eps(c, true, "layer_norm_eps", 1e-12);
    c->tied = conversion_get_bool(c, "tie_word_embeddings", true);
    if (!conversion_get_bool(c, "scale_embedding", true))
        conversion_add_float(c, "embedding_scale", 1);
    return 0;
}

static int adjust(struct conversion *c, const struct conversion_name *line, struct conversion_tensor *t, struct err *err)
{
    (void)c;
    if (strcmp(line->ours, "position_embd") != 0)
        return 0;
    if (t->n_dims != 2 || t->ne[1] <= UNUSED_POSITIONS)
        return fail(err, CORAX_E_ARGS, "tensor %.64s: no rows beyond the %d that are not used", t->from->name,
                    UNUSED_POSITIONS);
    t->skip_rows = UNUSED_POSITIONS;
    t->ne[1] -= UNUSED_POSITIONS;
    return 0;
}

const struct conversion_family conversion_biogpt = {
    .model_types = " biogpt ",
    .arch = "biogpt",
    .prefixes = " biogpt. ",
    .names = names,
    .n_names = sizeof names / sizeof names[0],
    .keys = keys,
    .adjust = adjust,
};
