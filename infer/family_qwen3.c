/*
 * The qwen3 family: LLaMA's graph with a norm over each head of q and k, rotating halves, heads of a width of their own.
 *
 *     q, k = rms_norm(Wq h), rms_norm(Wk h)  head by head, then rotated
 *
 * Source: Yang et al., Qwen3, arXiv:2505.09388, section 2; GGUF files with general.architecture qwen3.
 */
#include "infer/decoder.h"

DECODER_FAMILY(family_qwen3, "qwen3",
    .pairs = ROPE_HALVES,
    .qk_norm = true,
    .gated = true,
    .activation = OPS_SILU);
