/*
 * The qwen2 family: Qwen2 and Qwen2.5.  LLaMA's graph with biases on q, k and v, rotating halves.
 *
 *     q, k, v = Wq h + bq, Wk h + bk, Wv h + bv
 *
 * Source: Yang et al., Qwen2, arXiv:2407.10671, section 2.2; GGUF files with general.architecture qwen2.
 */
#include "infer/decoder.h"

DECODER_FAMILY(family_qwen2, "qwen2",
    .pairs = ROPE_HALVES,
    .biases = true,
    .gated = true,
    .activation = OPS_SILU);
