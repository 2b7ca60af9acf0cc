/*
 * The phi3 family: Phi-3 and Phi-4-mini.  LLaMA's graph rotating halves, with q, k and v in one matrix, gate above up in another,
 * a window of tokens in some, and LongRoPE: one set of factors up to the original context, another beyond it.
 *
 * Source: Abdin et al., Phi-3, arXiv:2404.14219; Ding et al., LongRoPE, arXiv:2402.13753; GGUF files with general.architecture phi3.
 */
#include "infer/decoder.h"

DECODER_FAMILY(family_phi3, "phi3",
    .pairs = ROPE_HALVES,
    .gated = true,
    .activation = OPS_SILU);
