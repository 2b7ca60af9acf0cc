/*
 * The gpt2 family.
 *
 *     x = embedding of the token + embedding of the position
 *     for each layer:
 *         h = layer_norm(x);  q, k, v = Wqkv h + bqkv
 *         x += Wo softmax(q k / sqrt(head_dim)) v + bo
 *         h = layer_norm(x)
 *         x += Wdown gelu(Wup h + bup) + bdown
 *     logits = Woutput layer_norm(x)
 *
 * Source: Radford et al., Language Models are Unsupervised Multitask Learners, 2019; GGUF files with general.architecture gpt2.
 */
#include "infer/decoder.h"

DECODER_FAMILY(family_gpt2, "gpt2",
    .layer_norm = true,
    .learned_positions = true,
    .biases = true,
    .activation = OPS_GELU_TANH);
