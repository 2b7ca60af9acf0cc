"""What checkpoints of RWKV call the tensors of the golden files.

author() has the names and shapes of the author's own files, which check_rwkv.py runs with his package.  hub() is from there
by the rules of the programs that made what is on hubs: convert_rwkv5_checkpoint_to_hf.py and
convert_rwkv6_checkpoint_to_hf.py of BBuf/RWKV-World-HF-Tokenizer, utils/convert_from_rwkv7.py of
fla-org/flash-linear-attention.  Version 4 is renamed as 5 is.
"""

import re

import numpy as np

# Names in a checkpoint, for the same values.
SAME = {"attn_norm": "ln1", "attn_norm_2": "ln2", "time_mix_ln": "att.ln_x", "time_mix_key": "att.key",
        "time_mix_value": "att.value", "time_mix_receptance": "att.receptance", "time_mix_gate": "att.gate",
        "time_mix_output": "att.output", "channel_mix_key": "ffn.key", "channel_mix_value": "ffn.value",
        "channel_mix_receptance": "ffn.receptance"}

ENDS = {"token_embd": "emb", "output": "head", "token_embd_norm": "blocks.0.ln0", "output_norm": "ln_out"}
MIX = {"rwkv": "time_mix_", "rwkv6": "time_maa_", "rwkv7": "x_"}


def author(arch, tensors, head_size, rescale=0):
    """Tensors of a file as a checkpoint has them; those of rwkv6 and rwkv7 that multiply from the right transposed."""
    embd = tensors["token_embd.weight"].shape[1]
    out = {}

    def one(layer, name, suffix, x):
        block = f"blocks.{layer}."
        if name in SAME:
            halved = rescale and name in ("time_mix_output", "channel_mix_value")
            out[f"{block}{SAME[name]}.{suffix}"] = x * 2 ** (layer // rescale) if halved else x
            return
        part, what = ("att", name.removeprefix("time_mix_")) if name.startswith("time_mix") else (
            "ffn", name.removeprefix("channel_mix_"))
        if what == "lerp_fused":
            letters = "wkvrg" if arch == "rwkv6" else "rwkvag"
            for letter, row in zip(letters, x.reshape(len(letters), embd)):
                one(layer, f"time_mix_lerp_{letter}", suffix, row)
        elif what.startswith("lerp_"):
            letter = what.removeprefix("lerp_")
            value = 1 - x if arch == "rwkv" else x
            out[f"{block}{part}.{MIX[arch]}{letter}"] = value.reshape(1, 1, embd)
        elif what == "decay":
            by_head = x.shape[0] != embd
            heads = tensors[f"blk.{layer}.time_mix_first.weight"].shape[0]
            out[f"{block}att.time_decay"] = (x if by_head else x.reshape(heads, -1) if arch == "rwkv"
                                             else x.reshape(1, 1, embd))
        elif what == "first":
            out[f"{block}att.time_{'first' if x.ndim == 1 else 'faaaa'}"] = (
                np.log(x.astype(np.float64)).astype(np.float32) if x.ndim == 1 else x)
        elif arch == "rwkv6":
            name = what.replace("decay_", "time_decay_") if what.startswith("decay") else f"time_maa_{what}"
            out[f"{block}att.{name}"] = x.swapaxes(-1, -2)
        elif what == "r_k":
            out[f"{block}att.r_k"] = x.reshape(-1, head_size)
        else:
            out[f"{block}att.{what}"] = x.T if what[1] in "12" else x.reshape(1, 1, embd)

    for name, x in tensors.items():
        stem, suffix = name.rsplit(".", 1)
        if name.startswith("blk."):
            _, layer, what = stem.split(".")
            one(int(layer), what, suffix, x)
        else:
            out[f"{ENDS[stem]}.{suffix}"] = x
    return out


HUB = [(r"^emb\.", "embeddings."), (r"^blocks\.0\.ln0", "blocks.0.pre_ln"), (r"^(blocks\.\d+)\.att", r"\1.attention"),
       (r"^(blocks\.\d+)\.ffn", r"\1.feed_forward"), (r"\.time_mix_k$", ".time_mix_key"),
       (r"\.time_mix_v$", ".time_mix_value"), (r"\.time_mix_r$", ".time_mix_receptance"),
       (r"\.time_mix_g$", ".time_mix_gate"), (r"^(?!head)", "rwkv.")]

HUB_7 = [(r"^emb\.", "model.embeddings."), (r"^ln_out\.", "model.norm."), (r"^head\.", "lm_head."),
         (r"^blocks\.", "model.layers."), (r"\.ln0\.", ".pre_norm."), (r"\.ln1\.", ".attn_norm."),
         (r"\.ln2\.", ".ffn_norm."), (r"\.att\.ln_x\.", ".attn.g_norm."), (r"\.att\.receptance\.", ".attn.r_proj."),
         (r"\.att\.key\.", ".attn.k_proj."), (r"\.att\.value\.", ".attn.v_proj."),
         (r"\.att\.output\.", ".attn.o_proj."), (r"\.att\.([wavg])0$", r".attn.\1_lora.lora.2.bias"),
         (r"\.att\.([wavg])1$", r".attn.\1_lora.lora.0.weight"), (r"\.att\.([wavg])2$", r".attn.\1_lora.lora.2.weight"),
         (r"\.att\.", ".attn.")]


def renamed(name, rules):
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def author_4(tensors):
    """Those of transformers under the author's names."""
    ours = {}
    for name, x in tensors.items():
        old = name.removeprefix("rwkv.").replace("embeddings.", "emb.").replace("blocks.0.pre_ln", "blocks.0.ln0")
        old = re.sub(r"\.time_mix_(k|v|r)[a-z]*$", r".time_mix_\1", old)
        old = old.replace(".attention.", ".att.").replace(".feed_forward.", ".ffn.")
        assert renamed(old, HUB) == name
        ours[old] = x
    return ours


def hub_7(name, x):
    new = renamed(name, HUB_7)
    if "_lora.lora" in new and new.endswith(".weight"):
        x = x.T
    elif x.shape[:2] == (1, 1) and ".attn.x_" not in new:
        x = x.reshape(-1)
    return new, x


def hub(arch, tensors):
    """Those of author() under the names of hubs, without the mix of values of version 7's first layer: it means nothing."""
    if arch == "rwkv7":
        return dict(hub_7(name, x) for name, x in tensors.items() if not re.match(r"blocks\.0\.att\.v[012]$", name))
    return {renamed(name, HUB): x for name, x in tensors.items()}
