/*
 * The starcoder2 family: GPT-2's graph with rotated halves for learned positions and fewer key heads; q, k and v are matrices of
 * their own, all with biases.
 *
 * Source: Lozhkov et al., StarCoder 2, arXiv:2402.19173; GGUF files with general.architecture starcoder2.
 */
#include "infer/decoder.h"

DECODER_FAMILY(family_starcoder2, "starcoder2",
    .layer_norm = true,
    .pairs = ROPE_HALVES,
    .biases = true,
    .activation = OPS_GELU_TANH);
