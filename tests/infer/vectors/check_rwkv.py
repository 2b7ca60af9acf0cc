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

from rwkv_names import author

FOLDER = Path(__file__).parent / "golden"
TOLERANCE = 1e-10  # NMSE of a position

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
    if reader.get_field(f"{arch}.attention.group_norm_epsilon"):
        print(f"{name}: not checked, the package has one number for all norms of heads")
        return
    size = int(reader.get_field(f"{arch}.wkv.head_size").contents())
    model = author(arch, {t.name: np.array(t.data).reshape(t.shape[::-1]) for t in reader.tensors}, size)
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


if __name__ == "__main__":
    main()
