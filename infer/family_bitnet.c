/*
 * The bitnet family: BitNet b1.58, whose matrices hold -1, 0 and 1 times one scale.
 *
 *     for each layer:
 *         h = rms_norm(x);  q, k, v = Wq h, Wk h, Wv h;  q, k rotated by position, in halves
 *         x += Wo rms_norm(softmax(q k / sqrt(head_dim)) v)
 *         h = rms_norm(x)
 *         x += Wdown rms_norm(relu(Wgate h)^2 * Wup h)
 *     logits = Woutput rms_norm(x)
 *
 * In training the input of each of these matrices is rounded to 255 steps, token by token; the exact mode does so too.  The scale
 * of a matrix is in the format (TQ1_0, TQ2_0, I2_S) or a tensor beside it.  Files of the first models (architecture bitnet)
 * are for silu unless they say hidden_activation.
 *
 * Source: Ma et al., BitNet b1.58, arXiv:2402.17764; BitNet b1.58 2B4T, arXiv:2504.12285; GGUF files with general.architecture
 * bitnet, bitnet-25 and bitnet-b1.58.
 */
#include "infer/decoder.h"

#define BITNET(ACTIVATION) \
    .pairs = ROPE_HALVES, .sub_norms = true, .gated = true, .activation = (ACTIVATION), .ternary = true

DECODER_FAMILY(family_bitnet, "bitnet", BITNET(OPS_SILU));
DECODER_FAMILY(family_bitnet_25, "bitnet-25", BITNET(OPS_RELU_SQUARED));
DECODER_FAMILY(family_bitnet_b158, "bitnet-b1.58", BITNET(OPS_RELU_SQUARED));
