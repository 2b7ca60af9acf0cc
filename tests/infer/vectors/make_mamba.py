#!/usr/bin/env python3
"""Golden logits of small random Mamba, FalconMamba and Mamba-2 models, made with transformers on the CPU in F32.

    pip install torch==2.13.0 transformers==5.24.0 gguf==0.19.0 numpy==2.4.6
    python3 make_mamba.py

Without the packages of its CUDA kernels transformers takes its plain implementation: token by token for version 1, chunks of
chunk_size tokens for version 2.
"""

import gguf
import numpy as np
import torch
import transformers

import golden

N_TOKENS = 70
NMSE = 1e-9  # single precision gives 1e-11; another epsilon in FalconMamba's norms would give 5e-6

MODELS = {
    # the shape of the published ones: an own size for the time step, a tied head
    "mamba-tied": ("Mamba", dict(hidden_size=24, state_size=16, num_hidden_layers=2, vocab_size=53)),
    # widths that no vector divides, biases everywhere, three taps, an own output
    "mamba-odd": ("Mamba", dict(hidden_size=21, state_size=8, num_hidden_layers=2, vocab_size=47, conv_kernel=3,
                                time_step_rank=3, use_bias=True, tie_word_embeddings=False)),
    # long states, three times as many channels as the model is wide, no bias of the convolution
    "mamba-long": ("Mamba", dict(hidden_size=16, state_size=64, num_hidden_layers=2, vocab_size=41, expand=3,
                                 use_conv_bias=False, time_step_rank=5)),
    "mamba-falcon": ("FalconMamba", dict(hidden_size=24, state_size=16, num_hidden_layers=2, vocab_size=45,
                                         tie_word_embeddings=False)),
    # all of the file in F16, the convolution and A too: the values are those, the arithmetic is F32
    "mamba-f16": ("Mamba", dict(hidden_size=32, state_size=16, num_hidden_layers=2, vocab_size=43)),
    "mamba2-groups": ("Mamba2", dict(hidden_size=24, state_size=16, num_hidden_layers=2, vocab_size=53, num_heads=6,
                                     head_dim=8, n_groups=2, chunk_size=16)),
    "mamba2-odd": ("Mamba2", dict(hidden_size=21, state_size=8, num_hidden_layers=2, vocab_size=47, num_heads=6,
                                  head_dim=7, n_groups=3, conv_kernel=3, use_bias=True, chunk_size=256)),
    "mamba2-long": ("Mamba2", dict(hidden_size=20, state_size=64, num_hidden_layers=2, vocab_size=41, num_heads=1,
                                   head_dim=40, n_groups=1, use_conv_bias=False, tie_word_embeddings=True,
                                   chunk_size=32)),
}

NAMES = {"norm.weight": "attn_norm.weight", "mixer.in_proj.weight": "ssm_in.weight", "mixer.in_proj.bias": "ssm_in.bias",
         "mixer.conv1d.weight": "ssm_conv1d.weight", "mixer.conv1d.bias": "ssm_conv1d.bias",
         "mixer.x_proj.weight": "ssm_x.weight", "mixer.dt_proj.weight": "ssm_dt.weight",
         "mixer.dt_proj.bias": "ssm_dt.bias", "mixer.dt_bias": "ssm_dt.bias", "mixer.A_log": "ssm_a",
         "mixer.D": "ssm_d", "mixer.norm.weight": "ssm_norm.weight", "mixer.out_proj.weight": "ssm_out.weight",
         "mixer.out_proj.bias": "ssm_out.bias"}


def shake(model, half):
    """Random weights that make every part matter: steps from 0.01 to 3, decays from almost 1 to almost 0."""
    for name, value in model.named_parameters():
        with torch.no_grad():
            if name.endswith("A_log"):
                value.add_(torch.randn_like(value) * 0.7)
            elif name.endswith(("dt_proj.bias", "dt_bias")):
                value.add_(torch.randn_like(value) + 2)
            elif name.endswith("conv1d.weight"):
                value.normal_(0, 0.6)
            elif value.dim() == 1:
                value.add_(torch.randn_like(value) * 0.2)
            else:
                value.normal_(0, value.shape[1] ** -0.5)
            if half:  # of A the file holds -exp(A_log)
                value.copy_((-(-value.exp()).half().float()).abs().log() if name.endswith("A_log")
                            else value.half().float())


def tensors_of(model, config, half):
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    out = {"token_embd.weight": state["backbone.embeddings.weight"], "output_norm.weight": state["backbone.norm_f.weight"]}
    if not config.tie_word_embeddings:
        out["output.weight"] = state["lm_head.weight"]
    for layer in range(config.num_hidden_layers):
        for theirs, ours in NAMES.items():
            value = state.get(f"backbone.layers.{layer}.{theirs}")
            if value is None:
                continue
            if ours == "ssm_conv1d.weight":
                value = value[:, 0]
            if ours == "ssm_a":
                value = -np.exp(value)
            if config.model_type == "mamba2" and ours in ("ssm_a", "ssm_d"):
                value = value[:, None]
            if ours == "ssm_norm.weight":
                value = value.reshape(config.n_groups, -1)
            out[f"blk.{layer}.{ours}"] = value
    if half:
        out = {name: (np.ascontiguousarray(value, dtype=np.float16), gguf.GGMLQuantizationType.F16)
               for name, value in out.items()}
    return out


def make(name, kind, seed, options):
    half = name.endswith("f16")
    config = getattr(transformers, f"{kind}Config")(use_cache=False, **options)
    arch = "mamba2" if kind == "Mamba2" else "mamba"
    torch.manual_seed(seed)
    model = getattr(transformers, f"{kind}ForCausalLM")(config).eval()
    shake(model, half)
    ids = golden.tokens(N_TOKENS, config.vocab_size, seed)
    with torch.no_grad():
        logits = model(torch.from_numpy(ids)[None]).logits[0].numpy()
    keys = {"context_length": 1 << 20, "embedding_length": config.hidden_size, "block_count": config.num_hidden_layers,
            "feed_forward_length": 0, "attention.head_count": 0, "ssm.conv_kernel": config.conv_kernel,
            "ssm.inner_size": int(config.expand * config.hidden_size), "ssm.state_size": config.state_size,
            "attention.layer_norm_rms_epsilon": config.layer_norm_epsilon}
    if arch == "mamba2":
        keys |= {"ssm.time_step_rank": config.num_heads, "ssm.group_count": config.n_groups}
    else:
        keys |= {"ssm.time_step_rank": config.time_step_rank, "ssm.dt_b_c_rms": kind == "FalconMamba"}
    golden.write(name, arch, keys, tensors_of(model, config, half), ids, logits,
                 f"transformers {transformers.__version__}, torch {torch.__version__}: {kind}ForCausalLM, seed {seed}", nmse=NMSE,
                 model=model)


for number, (model_name, (model_kind, model_options)) in enumerate(MODELS.items(), start=1):
    make(model_name, model_kind, number, model_options)
