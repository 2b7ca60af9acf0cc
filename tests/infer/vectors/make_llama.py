#!/usr/bin/env python3
"""Golden logits of small random LLaMA models, made with transformers on the CPU in F32.

    pip install torch==2.13.0 transformers==5.24.0 gguf==0.19.0 numpy==2.4.6
    python3 make_llama.py
"""

import torch
import transformers

import golden

# hidden, inner, layers, heads, key heads, vocabulary, own output, biases of attention and of the feed-forward
MODELS = {
    "llama-grouped": dict(hidden_size=32, intermediate_size=56, num_hidden_layers=2, num_attention_heads=4,
                          num_key_value_heads=2, vocab_size=61, tie_word_embeddings=True),
    "llama-own-output": dict(hidden_size=36, intermediate_size=44, num_hidden_layers=2, num_attention_heads=6,
                             num_key_value_heads=1, vocab_size=53, tie_word_embeddings=False),
    "llama-biases": dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=2,
                         num_key_value_heads=2, vocab_size=47, tie_word_embeddings=False, attention_bias=True,
                         mlp_bias=True, rms_norm_eps=1e-6, rope_parameters=dict(rope_type="default", rope_theta=5e5)),
}
N_TOKENS = 80


def neighbours(rows, n_head):
    """transformers rotates row i of a head with row i + half; in files with architecture llama the two are neighbours."""
    heads = rows.reshape(n_head, 2, rows.shape[0] // n_head // 2, *rows.shape[1:])
    return heads.swapaxes(1, 2).reshape(rows.shape)


def tensors_of(model, config):
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    names = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
             "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
             "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
    out = {"token_embd.weight": state["model.embed_tokens.weight"], "output_norm.weight": state["model.norm.weight"]}
    if not config.tie_word_embeddings:
        out["output.weight"] = state["lm_head.weight"]
    for layer in range(config.num_hidden_layers):
        for theirs, ours in names.items():
            for suffix in "weight", "bias":
                value = state.get(f"model.layers.{layer}.{theirs}.{suffix}")
                if value is None:
                    continue
                if ours == "attn_q":
                    value = neighbours(value, config.num_attention_heads)
                if ours == "attn_k":
                    value = neighbours(value, config.num_key_value_heads)
                out[f"blk.{layer}.{ours}.{suffix}"] = value
    return out


def make(name, seed, options):
    config = transformers.LlamaConfig(max_position_embeddings=128, **options)
    torch.manual_seed(seed)
    model = transformers.LlamaForCausalLM(config).eval()
    for parameter in model.parameters():  # norms and biases that say something; logits of a size that matters
        with torch.no_grad():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.2)
            else:
                parameter.normal_(0, parameter.shape[1] ** -0.5)
    ids = golden.tokens(N_TOKENS, config.vocab_size, seed)
    with torch.no_grad():
        logits = model(torch.from_numpy(ids)[None]).logits[0].numpy()
    keys = {"context_length": config.max_position_embeddings, "embedding_length": config.hidden_size,
            "block_count": config.num_hidden_layers, "feed_forward_length": config.intermediate_size,
            "attention.head_count": config.num_attention_heads, "attention.head_count_kv": config.num_key_value_heads,
            "attention.layer_norm_rms_epsilon": config.rms_norm_eps,
            "rope.freq_base": float(config.rope_parameters["rope_theta"])}
    golden.write(name, "llama", keys, tensors_of(model, config), ids, logits,
                 f"transformers {transformers.__version__}, torch {torch.__version__}: LlamaForCausalLM, seed {seed}",
                 model=model)


for number, (model_name, model_options) in enumerate(MODELS.items(), start=1):
    make(model_name, number, model_options)
