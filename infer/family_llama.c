/*
 * The llama family: LLaMA 1 to 3, Amber, Mistral-shaped models, and the model shipped here.
 *
 *     x = embedding of the token
 *     for each layer:
 *         h = rms_norm(x);  q, k, v = Wq h, Wk h, Wv h;  q, k rotated by position
 *         x += Wo softmax(q k / sqrt(head_dim)) v          several query heads share one key head
 *         h = rms_norm(x)
 *         x += Wdown (silu(Wgate h) * Wup h)
 *     logits = Woutput rms_norm(x)
 *
 * Its files have the rows of Wq and Wk in the order that rotates neighbouring numbers.  LLaMA 3.1 stretches its rotation by one
 * factor for each pair (rope_freqs.weight); others say linear or yarn.
 *
 * Source: Touvron et al., LLaMA, arXiv:2302.13971; tensor names and keys of GGUF files with general.architecture llama.
 */
#include "infer/decoder.h"

DECODER_FAMILY(family_llama, "llama",
    .pairs = ROPE_NEIGHBOURS,
    .biases = true,
    .gated = true,
    .activation = OPS_SILU);
