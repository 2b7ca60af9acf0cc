#!/usr/bin/env python3
"""Turn a GGUF file that export_gguf.py wrote back into a checkpoint, to train on from it.

Q8_0 values come back as the file rounds them.  Only files of this exporter are read: version 3, F32 and Q8_0, its names.
"""

import argparse
import struct
from pathlib import Path

import numpy as np
import torch

from export_gguf import ALIGNMENT, ARRAY, BOOL, F32, I32, NAMES, STRING, TYPE_F32, TYPE_Q8_0, U32, dequantize

PARTS = {short: part for part, short in NAMES.items()}
FIELDS = {"vocab": "llama.vocab_size", "dim": "llama.embedding_length", "layers": "llama.block_count", "heads": "llama.attention.head_count",
          "kv_heads": "llama.attention.head_count_kv", "head_dim": "llama.rope.dimension_count", "ffn": "llama.feed_forward_length",
          "context": "llama.context_length", "rope_base": "llama.rope.freq_base", "eps": "llama.attention.layer_norm_rms_epsilon"}


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def unpack(self, form):
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values[0] if len(values) == 1 else values

    def string(self):
        n = self.unpack("Q")
        self.at += n
        return self.data[self.at - n:self.at].decode()

    def value(self, kind):
        if kind == ARRAY:
            item, n = self.unpack("IQ")
            return [self.value(item) for _ in range(n)]
        if kind == STRING:
            return self.string()
        return self.unpack({U32: "I", I32: "i", F32: "f", BOOL: "?"}[kind])


def our_name(name):
    if name == "token_embd.weight":
        return "embed.weight"
    if name == "output_norm.weight":
        return "norm.weight"
    _, layer, part, _ = name.split(".")
    return f"blocks.{layer}.{PARTS[part]}.weight"


def read(path):
    """A checkpoint as train.py saves it, and the metadata"""
    r = Reader(path.read_bytes())
    magic, version, n_tensors, n_meta = r.unpack("4sIQQ")
    if magic != b"GGUF" or version != 3:
        raise SystemExit(f"{path} is no GGUF file of version 3")
    meta = {}
    for _ in range(n_meta):
        key = r.string()
        meta[key] = r.value(r.unpack("I"))
    infos = []
    for _ in range(n_tensors):
        name, n_dims = r.string(), r.unpack("I")
        shape = tuple(np.atleast_1d(r.unpack(f"{n_dims}Q"))[::-1].tolist())
        infos.append((name, shape, *r.unpack("IQ")))
    start = r.at + -r.at % ALIGNMENT
    model = {}
    for name, shape, kind, offset in infos:
        count = int(np.prod(shape))
        size = {TYPE_F32: 4 * count, TYPE_Q8_0: count // 32 * 34}[kind]
        data = r.data[start + offset:start + offset + size]
        array = np.frombuffer(data, "<f4").reshape(shape) if kind == TYPE_F32 else dequantize(data, shape)
        model[our_name(name)] = torch.from_numpy(array.astype(np.float32))
    config = {field: meta[key] for field, key in FIELDS.items()}
    return {"config": config, "model": model, "step": 0}, meta


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("gguf", type=Path)
    ap.add_argument("out", type=Path)
    args = ap.parse_args()
    checkpoint, meta = read(args.gguf)
    torch.save(checkpoint, args.out)
    print(args.out, sum(t.numel() for t in checkpoint["model"].values()), "parameters of", meta["general.name"])


if __name__ == "__main__":
    main()
