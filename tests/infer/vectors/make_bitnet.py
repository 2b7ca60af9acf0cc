#!/usr/bin/env python3
"""Golden logits of small random BitNet models as they are published, made with transformers on the CPU in F32: matrices packed in
U8 with a scale that multiplies, the same with one that divides, and matrices that are made ternary each time; and a file in I2_S,
which is not a format of the gguf package: docs/gguf.md describes it.

    pip install torch==2.13.0 transformers==5.24.0 gguf==0.19.0 numpy==2.4.6
    TORCHDYNAMO_DISABLE=1 python3 make_bitnet.py

Activations are rounded in these layers: one that lies within float's error of the middle between two steps may fall to another side
here and there.  With these seeds none does.
"""

import json
import os
from pathlib import Path

os.environ["TORCHDYNAMO_DISABLE"] = "1"

import gguf
import numpy as np
import torch
import transformers as tf
from safetensors.torch import save_file
from transformers.integrations.bitnet import BitLinear, pack_weights, replace_with_bitnet_linear

import golden

VOCAB, N_TOKENS = 67, 70
SHAPE = dict(vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=96, tie_word_embeddings=True, bos_token_id=0, eos_token_id=1,
             rope_parameters={"rope_type": "default", "rope_theta": 500000.0})
NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
         "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
NORMS = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.attn_sub_norm": "attn_sub_norm",
         "mlp.ffn_sub_norm": "ffn_sub_norm"}


def half(x):
    return np.ascontiguousarray(x.detach().float().numpy(), np.float16), gguf.GGMLQuantizationType.F16


def i2_s(ternary, scale):
    """Type 36, which a GGUF file of the gguf package must first be told of."""
    if 36 not in gguf.GGMLQuantizationType._value2member_map_:
        kind = int.__new__(gguf.GGMLQuantizationType, 36)
        kind._name_, kind._value_ = "I2_S", 36
        gguf.GGMLQuantizationType._value2member_map_[36] = kind
        gguf.GGML_QUANT_SIZES[kind] = (128, 32)
    n_rows, k = ternary.shape
    codes = (ternary.numpy().astype(np.int8) + 1).astype(np.uint8).reshape(-1, 4, 32)
    packed = codes[:, 0] << 6 | codes[:, 1] << 4 | codes[:, 2] << 2 | codes[:, 3]
    tail = np.zeros(8, "<f4")
    tail[0] = scale
    return (np.concatenate([packed.reshape(-1), tail.view(np.uint8)]), gguf.GGMLQuantizationType(36), (n_rows, k // 4))


def set_matrix(part, generator):
    """Ternary values and a scale, or trained ones; returns -1, 0 and 1, by what the model multiplies them, and what is saved."""
    shape = part.out_features, part.in_features
    if getattr(part, "online_quant", False):
        x = (torch.randn(shape, generator=generator) * 0.2).bfloat16().float()
        part.weight.data = x
        mean = x.abs().mean()
        return (x / mean).round().clamp(-1, 1), mean, {"weight": x.bfloat16()}
    ternary = torch.randint(-1, 2, shape, generator=generator).float()
    scale = (0.1 + 0.3 * torch.rand(1, generator=generator)).bfloat16().float()
    packed = pack_weights(ternary.clone())
    if isinstance(part, BitLinear):
        part.weight, part.weight_scale = packed, (1 / scale).bfloat16().float()
        scale = 1 / part.weight_scale
    else:
        part.weight.data, part.weight_scale = ternary.clone(), scale
    return ternary, scale, {"weight": packed, "weight_scale": part.weight_scale.bfloat16()}


def make(name, seed, shape={}, packed=False, **quantization):
    generator = torch.Generator().manual_seed(seed)
    config = tf.BitNetConfig(**(SHAPE | shape))
    model = tf.BitNetForCausalLM(config).float().eval()
    model = replace_with_bitnet_linear(model, ["lm_head"], tf.BitNetQuantConfig(**quantization))
    tensors, saved = {}, {}
    with torch.no_grad():
        for key, x in model.named_parameters():
            if "norm" in key:
                x.copy_((1 + 0.3 * torch.randn(x.shape, generator=generator)).bfloat16())
        embedding = model.model.embed_tokens.weight
        embedding.copy_((torch.randn(embedding.shape, generator=generator) * 0.3).half())
        tensors["token_embd.weight"] = half(embedding)
        tensors["output_norm.weight"] = model.model.norm.weight.detach().numpy()
        saved["model.embed_tokens.weight"], saved["model.norm.weight"] = embedding.half(), model.model.norm.weight.bfloat16()
        for layer, block in enumerate(model.model.layers):
            for theirs, ours in NORMS.items():
                weight = block.get_submodule(theirs).weight
                tensors[f"blk.{layer}.{ours}.weight"] = weight.numpy()
                saved[f"model.layers.{layer}.{theirs}.weight"] = weight.bfloat16()
            for theirs, ours in NAMES.items():
                ternary, scale, files = set_matrix(block.get_submodule(theirs), generator)
                if packed:
                    tensors[f"blk.{layer}.{ours}.weight"] = i2_s(ternary, scale)
                else:
                    tensors[f"blk.{layer}.{ours}.weight"] = half(ternary)
                    tensors[f"blk.{layer}.{ours}.scale"] = scale.reshape(1).numpy()
                for kind, x in files.items():
                    saved[f"model.layers.{layer}.{theirs}.{kind}"] = x
        ids = golden.tokens(N_TOKENS, VOCAB, seed)
        logits = model(torch.tensor(ids)[None]).logits[0].numpy()
    keys = {"context_length": 96, "embedding_length": config.hidden_size, "block_count": config.num_hidden_layers,
            "feed_forward_length": config.intermediate_size,
            "attention.head_count": 4, "attention.head_count_kv": 2, "rope.freq_base": 500000.0,
            "attention.layer_norm_rms_epsilon": config.rms_norm_eps}

    class Checkpoint:
        def half(self):
            return self

        def save_pretrained(self, folder, **_):
            Path(folder).mkdir(parents=True)
            content = config.to_dict() | {"quantization_config": {"quant_method": "bitnet"} | quantization}
            (Path(folder) / "config.json").write_text(json.dumps(content, indent=2))
            save_file({key: x.contiguous() for key, x in saved.items()}, Path(folder) / "model.safetensors")

    golden.write(name, "bitnet-b1.58", keys, tensors, ids, logits,
                 f"transformers {tf.__version__}, torch {torch.__version__}: BitNetForCausalLM, {quantization}, seed {seed}",
                 exact=1, model=Checkpoint())


make("bitnet-packed", 1, linear_class="autobitlinear", quantization_mode="offline")
make("bitnet-divided", 2, linear_class="bitlinear", quantization_mode="offline")
make("bitnet-online", 3, linear_class="autobitlinear", quantization_mode="online")
if "CHECKPOINTS" not in os.environ:
    make("bitnet-i2_s", 5, dict(hidden_size=128, intermediate_size=256, num_hidden_layers=1), True, linear_class="autobitlinear",
         quantization_mode="offline")
