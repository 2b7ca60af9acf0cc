/*
 * The crystalcoder family: LLM360's CrystalCoder.
 *
 *     x = 14.6 * embedding of the token
 *     for each layer:
 *         h = layer_norm(x);  q, k, v = Wqkv h + bqkv;  a quarter of each head of q and k rotated, neighbouring numbers
 *         x += Wo softmax(q k / head_dim) v + bo
 *         h = layer_norm(x)
 *         x += Wdown (silu(Wgate h + bgate) * (Wup h + bup)) + bdown
 *     logits = 0.13875 * Woutput layer_norm(x)
 *
 * These are the scales of maximal update parametrisation (Yang et al., arXiv:2203.03466): attention by 1 / head_dim, not its root.
 * Files say embedding_scale, logit_scale and attention.scale; docs/gguf.md has the keys.  Feed-forward is 10,922 wide, which no
 * quantised format divides: files pad it with zeros.
 *
 * Source: Liu et al., LLM360, arXiv:2312.06550, and the published configuration of CrystalCoder.
 */
#include "infer/decoder.h"

static void defaults(struct decoder_config *c)
{
    c->embedding_scale = 14.6;
    c->logit_scale = 2.22 * 0.0625;
    c->attention_scale = 1 / (double)c->head_dim;
}

DECODER_FAMILY(family_crystalcoder, "crystalcoder",
    .layer_norm = true,
    .pairs = ROPE_NEIGHBOURS,
    .biases = true,
    .gated = true,
    .activation = OPS_SILU,
    .defaults = defaults);
