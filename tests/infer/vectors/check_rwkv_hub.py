#!/usr/bin/env python3
"""Holds the checkpoints of RWKV 5, 6 and 7 that make_rwkv.py writes against the models that hubs publish for such folders:
each loads its folder with no name left over, and must give the golden logits.

    pip install torch==2.13.0 transformers==5.24.0 gguf==0.19.0 numpy==2.4.6
    pip install --no-deps flash-linear-attention==0.6.0 fla-core==0.6.0 einops triton==3.9.0
    git clone https://github.com/BBuf/RWKV-World-HF-Tokenizer        (at 699270b345f2, its rwkv5_model and rwkv6_model)
    CHECKPOINTS=FOLDER python3 make_rwkv.py
    python3 check_rwkv_hub.py RWKV-World-HF-Tokenizer FOLDER

Version 7's kernels are Triton's, whose interpreter runs them where there is no GPU.
"""

import importlib
import json
import os
import sys
import types
from pathlib import Path

os.environ |= {"TRITON_INTERPRET": "1", "TORCHDYNAMO_DISABLE": "1"}

import numpy as np
import torch
from safetensors.torch import load_file

from check_rwkv import FOLDER, read_logits

TOLERANCE = 1e-8  # NMSE of a position, F32 against double; halved activations meet the norms' epsilon otherwise


def pretend(name, **content):
    """A module that the code imports and does not use on a CPU."""
    module = types.ModuleType(name)
    module.__dict__.update(content)
    sys.modules[name] = module


def published(version):
    pretend("flash_rwkv", rwkv5_cuda_linear_attention=None)
    pretend("fla.ops.rwkv6.recurrent_fuse", fused_recurrent_rwkv6=None)
    pretend("pkg_resources", parse_version=lambda version: version, DistributionNotFound=OSError,
            get_distribution=lambda name: types.SimpleNamespace(parsed_version="0.2.1"))
    sys.path.insert(0, sys.argv[1])
    package = f"rwkv{version}_model"
    return (getattr(importlib.import_module(f"{package}.configuration_rwkv{version}"), f"Rwkv{version}Config"),
            getattr(importlib.import_module(f"{package}.modeling_rwkv{version}"), f"Rwkv{version}ForCausalLM"))


def model_7():
    import triton

    triton.runtime.autotuner.Autotuner._bench = lambda *arguments, **more: [0.0] * 3  # no kernel is faster here
    from fla.models.rwkv7 import RWKV7Config, RWKV7ForCausalLM

    return RWKV7Config, RWKV7ForCausalLM


def fit_6(model, state):
    """Version 6 knows the ranks of the published sizes alone, which its equations do not need."""
    for name, parameter in list(model.named_parameters()):
        if "time_maa_w" in name or "time_decay" in name:
            owner = model.get_submodule(name.rsplit(".", 1)[0])
            setattr(owner, name.rsplit(".", 1)[1], torch.nn.Parameter(torch.empty_like(state[name])))


def check(checkpoint):
    raw = json.loads((checkpoint / "config.json").read_text())
    version = raw["model_type"][-1]
    config_class, model_class = model_7() if version == "7" else published(version)
    model = model_class(config_class(**raw)).float().eval()
    state = load_file(checkpoint / "model.safetensors")
    if raw["tie_word_embeddings"]:
        state["lm_head.weight"] = state["model.embeddings.weight"]
    if version == "6":
        fit_6(model, state)
    model.load_state_dict(state)
    tokens, want = read_logits(FOLDER / f"{checkpoint.name.split('@')[0]}.logits")
    tokens, want = tokens[:60], want[:60]  # of more, version 7 runs a kernel that the interpreter does not
    with torch.no_grad():
        got = model(torch.from_numpy(tokens.astype(np.int64))[None], use_cache=False).logits[0].double().numpy()
    nmse = (((got - want) ** 2).sum(1) / (want.astype(np.float64) ** 2).sum(1)).max()
    print(f"{checkpoint.name}: {model_class.__module__}, {len(state)} tensors, NMSE {nmse:.1e}")
    return nmse <= TOLERANCE


def main():
    folders = [folder for folder in sorted(Path(sys.argv[2]).iterdir())
               if folder.name[:5] in ("rwkv5", "rwkv6", "rwkv7") and not folder.name.endswith(("@author", "@older"))]
    good = [check(folder) for folder in folders]
    sys.exit(0 if good and all(good) else 1)


main()
