/*
 * The biogpt family: GPT-2's graph with gelu by the error function, embeddings times the square root of their width, and q, k and
 * v of their own.
 *
 *     x = sqrt(n_embd) * embedding of the token + embedding of the position
 *
 * The output is the embedding, unscaled.  The model's table of positions begins with two rows that it never uses; files leave
 * them out.  docs/gguf.md has the keys: no other program has files of it.
 *
 * Source: Luo et al., BioGPT, arXiv:2210.10341.
 */
#include "infer/decoder.h"

#include <math.h>

static void defaults(struct decoder_config *c)
{
    c->embedding_scale = sqrt((double)c->n_embd);
}

DECODER_FAMILY(family_biogpt, "biogpt",
    .layer_norm = true,
    .learned_positions = true,
    .biases = true,
    .activation = OPS_GELU_ERF,
    .defaults = defaults);
