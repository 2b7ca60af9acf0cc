/*
 * The gemma family: LLaMA's graph rotating halves, with embeddings times the square root of their width, heads wider than
 * n_embd / n_head, gelu for silu, and the embedding as output.
 *
 * The norms' weights are stored with the 1 that the model adds to them.
 *
 * Source: Gemma Team, arXiv:2403.08295, section 2; GGUF files with general.architecture gemma.
 */
#include "infer/decoder.h"

#include <math.h>

static void defaults(struct decoder_config *c)
{
    c->eps = 1e-6;
    c->embedding_scale = sqrt((double)c->n_embd);
}

DECODER_FAMILY(family_gemma, "gemma",
    .pairs = ROPE_HALVES,
    .gated = true,
    .activation = OPS_GELU_TANH,
    .defaults = defaults);
