/*
 * The gemma3 family: Gemma 2's graph without caps, with a norm over each head of q and k, and five layers with a window for each
 * one without.  Layers with a window rotate by the base 10,000 without scaling, the others as the file says.
 *
 * The 27 B model, of 62 layers, scales attention by its width over its heads, and its files do not say so.
 *
 * Source: Gemma Team, arXiv:2503.19786, section 2; GGUF files with general.architecture gemma3.
 */
#include "infer/decoder.h"

#include <math.h>

static void defaults(struct decoder_config *c)
{
    c->eps = 1e-6;
    c->embedding_scale = sqrt((double)c->n_embd);
    c->rope_base = 1e6;
    c->window_rope_base = 10000;
    c->window_period = 6;
    if (c->n_layer == 62)
        c->attention_scale = 1 / sqrt((double)c->n_embd / (double)c->n_head);
}

DECODER_FAMILY(family_gemma3, "gemma3",
    .pairs = ROPE_HALVES,
    .qk_norm = true,
    .post_norms = true,
    .gated = true,
    .activation = OPS_GELU_TANH,
    .defaults = defaults);
