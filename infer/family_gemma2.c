/*
 * The gemma2 family: Gemma's graph with a norm behind attention and behind feed-forward too, a window in every other layer, and
 * attention scores and logits capped.
 *
 *     x += rms_norm(Wo softmax(50 tanh(attention_scale * q k / 50)) v)
 *     x += rms_norm(Wdown (gelu(Wgate h) * Wup h))
 *     logits = 30 tanh(Woutput rms_norm(x) / 30)
 *
 * The 27 B model, of 46 layers, scales attention by its width over its heads, and its files do not say so.
 *
 * Source: Gemma Team, arXiv:2408.00118, section 2; GGUF files with general.architecture gemma2.
 */
#include "infer/decoder.h"

#include <math.h>

static void defaults(struct decoder_config *c)
{
    c->eps = 1e-6;
    c->embedding_scale = sqrt((double)c->n_embd);
    c->attention_softcap = 50;
    c->final_softcap = 30;
    c->window = 4096;
    c->window_period = 2;
    if (c->n_layer == 46)
        c->attention_scale = 1 / sqrt((double)c->n_embd / (double)c->n_head);
}

DECODER_FAMILY(family_gemma2, "gemma2",
    .pairs = ROPE_HALVES,
    .post_norms = true,
    .gated = true,
    .activation = OPS_GELU_TANH,
    .defaults = defaults);
