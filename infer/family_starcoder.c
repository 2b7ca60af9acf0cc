/*
 * The starcoder family: StarCoder and SantaCoder.  GPT-2's graph, with one key head that all query heads share.
 *
 * Source: Li et al., StarCoder, arXiv:2305.06161; Shazeer, arXiv:1911.02150; GGUF files with general.architecture starcoder.
 */
#include "infer/decoder.h"

DECODER_FAMILY(family_starcoder, "starcoder",
    .layer_norm = true,
    .learned_positions = true,
    .biases = true,
    .activation = OPS_GELU_TANH);
