#!/usr/bin/env python3
"""Holds the golden logits that make_rwkv.py computed in double against the package of RWKV's author, in F32 on the CPU.

    pip install rwkv==0.8.32 torch==2.13.0 gguf==0.19.0 numpy==2.4.6
    python3 check_rwkv.py
"""

import contextlib
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np
import torch

FOLDER = Path(__file__).parent / "golden"
TOLERANCE = 1e-10  # NMSE of a position

# Names in a checkpoint, for the same values.
SAME = {"attn_norm": "ln1", "attn_norm_2": "ln2", "time_mix_ln": "att.ln_x", "time_mix_key": "att.key",
        "time_mix_value": "att.value", "time_mix_receptance": "att.receptance", "time_mix_gate": "att.gate",
        "time_mix_output": "att.output", "channel_mix_key": "ffn.key", "channel_mix_value": "ffn.value",
        "channel_mix_receptance": "ffn.receptance"}

ENDS = {"token_embd": "emb", "output": "head", "token_embd_norm": "blocks.0.ln0", "output_norm": "ln_out"}
MIX = {"rwkv": "time_mix_", "rwkv6": "time_maa_", "rwkv7": "x_"}


def checkpoint(arch, tensors, head_size):
    """Tensors of a file as a checkpoint has them; those of rwkv6 and rwkv7 that multiply from the right transposed."""
    embd = tensors["token_embd.weight"].shape[1]
    out = {}

    def one(layer, name, suffix, x):
        block = f"blocks.{layer}."
        if name in SAME:
            out[f"{block}{SAME[name]}.{suffix}"] = x
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
            out[f"{block}att.time_{'first' if x.ndim == 1 else 'faaaa'}"] = np.log(x) if x.ndim == 1 else x
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


def read_logits(path):
    head, numbers = path.read_bytes().split(b"\n\n", 1)
    fields = dict(line.split(" ", 1) for line in head.decode().splitlines())
    n, vocab = int(fields["tokens"]), int(fields["vocab"])
    return np.frombuffer(numbers, "<i4", n), np.frombuffer(numbers, "<f4", offset=4 * n).reshape(-1, vocab)


def check(name):
    reader = gguf.GGUFReader(FOLDER / f"{name}.gguf")
    arch = reader.get_field("general.architecture").contents()
    if reader.get_field(f"{arch}.rescale_every_n_layers"):
        print(f"{name}: not checked, the package halves weights itself and in half precision alone")
        return
    size = int(reader.get_field(f"{arch}.wkv.head_size").contents())
    model = checkpoint(arch, {t.name: np.array(t.data).reshape(t.shape[::-1]) for t in reader.tensors}, size)
    if any(1 in x.shape for key, x in model.items() if x.ndim == 1 or key.endswith(("1", "2"))):
        print(f"{name}: not checked, the package takes neither a vector of one value nor a rank of 1")
        return
    tokens, want = read_logits(FOLDER / f"{name}.logits")
    with tempfile.TemporaryDirectory() as folder:
        torch.save({key: torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32)) for key, x in model.items()},
                   f"{folder}/model.pth")
        os.environ |= {"RWKV_JIT_ON": "0", "RWKV_CUDA_ON": "0", "RWKV_V7_ON": "1" if arch == "rwkv7" else "0"}
        with contextlib.redirect_stdout(io.StringIO()):
            from rwkv.model import RWKV
            runner, state, worst = RWKV(model=f"{folder}/model", strategy="cpu fp32"), None, 0
        for token, row in zip(tokens, want):
            got, state = runner.forward([int(token)], state)
            nmse = ((got.numpy() - row) ** 2).sum() / (row ** 2).sum()
            worst = worst if nmse <= worst else nmse  # one that is no number stays
    print(f"{name}: NMSE {worst:.1e}")
    sys.exit(0 if worst <= TOLERANCE else 1)


def main():
    if len(sys.argv) > 1:
        check(sys.argv[1])
        return
    for path in sorted(FOLDER.glob("rwkv[567]*.gguf")):  # a process each: the environment tells the package its version
        subprocess.run([sys.executable, __file__, path.stem], check=True)


main()
