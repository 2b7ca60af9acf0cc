#!/usr/bin/env python3
"""Write a checkpoint as GGUF v3: matrices in Q8_0 (or F32), norms in F32.

The file is written from scratch, so that reader and writer are held against each other by their tests.  Q8_0 is blocks of
32 values, one f16 scale and 32 int8; every row length is a multiple of 32.
"""

import argparse
import struct
from pathlib import Path

import numpy as np
import torch

from bpe import CONTROL, Bpe

ALIGNMENT = 32
U32, F32, BOOL, STRING, ARRAY, I32 = 4, 6, 7, 8, 9, 5
TYPE_F32, TYPE_Q8_0 = 0, 8


def string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def scalar(kind, value):
    if kind == STRING:
        return string(value)
    return struct.pack({U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}[kind], value)


def entry(key, kind, value, item=None):
    if kind == ARRAY:
        body = struct.pack("<IQ", item, len(value)) + b"".join(scalar(item, v) for v in value)
    else:
        body = scalar(kind, value)
    return string(key) + struct.pack("<I", kind) + body


def quantize(matrix):
    """[rows, n] f32 to Q8_0 bytes; the scale is the largest magnitude / 127, halves round away from zero"""
    blocks = matrix.reshape(-1, 32)
    scale = np.abs(blocks).max(1, keepdims=True) / np.float32(127)
    inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale > 0)
    x = blocks * inverse
    q = (np.sign(x) * np.floor(np.abs(x) + np.float32(0.5))).astype(np.int8)
    return np.concatenate((scale.astype(np.float16).view(np.uint8), q.view(np.uint8)), 1).tobytes()


def dequantize(data, shape):
    raw = np.frombuffer(data, np.uint8).reshape(-1, 34)
    return (raw[:, :2].copy().view(np.float16).astype(np.float32) * raw[:, 2:].view(np.int8)).reshape(shape)


NAMES = {"attn_norm": "attn_norm", "q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output",
         "ffn_norm": "ffn_norm", "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down"}


def gguf_name(name):
    if name == "embed.weight":
        return "token_embd.weight"
    if name == "norm.weight":
        return "output_norm.weight"
    _, layer, part, _ = name.split(".")
    return f"blk.{layer}.{NAMES[part]}.weight"


def metadata(cfg, bpe, quantized):
    special = {name: i for i, name in enumerate(CONTROL)}
    return [
        entry("general.architecture", STRING, "llama"),
        entry("general.name", STRING, "corax-raven-1"),
        entry("general.license", STRING, "Apache-2.0"),
        entry("general.alignment", U32, ALIGNMENT),
        entry("general.quantization_version", U32, 2),
        entry("general.file_type", U32, 7 if quantized else 0),
        entry("llama.vocab_size", U32, cfg["vocab"]),
        entry("llama.context_length", U32, cfg["context"]),
        entry("llama.embedding_length", U32, cfg["dim"]),
        entry("llama.block_count", U32, cfg["layers"]),
        entry("llama.feed_forward_length", U32, cfg["ffn"]),
        entry("llama.attention.head_count", U32, cfg["heads"]),
        entry("llama.attention.head_count_kv", U32, cfg["kv_heads"]),
        entry("llama.attention.layer_norm_rms_epsilon", F32, cfg["eps"]),
        entry("llama.rope.dimension_count", U32, cfg["head_dim"]),
        entry("llama.rope.freq_base", F32, cfg["rope_base"]),
        entry("tokenizer.ggml.model", STRING, "gpt2"),
        entry("tokenizer.ggml.pre", STRING, "corax"),
        entry("tokenizer.ggml.tokens", ARRAY, bpe.tokens, STRING),
        entry("tokenizer.ggml.token_type", ARRAY, [3 if i < len(CONTROL) else 1 for i in range(len(bpe.tokens))], I32),
        entry("tokenizer.ggml.merges", ARRAY, bpe.merges, STRING),
        entry("tokenizer.ggml.bos_token_id", U32, special["<|begin|>"]),
        entry("tokenizer.ggml.eos_token_id", U32, special["<|end|>"]),
        entry("tokenizer.ggml.padding_token_id", U32, special["<|pad|>"]),
        entry("tokenizer.ggml.add_bos_token", BOOL, False),
        entry("corax.dialect", STRING, "corax-1"),
    ]


def write(path, checkpoint, bpe, quantized):
    meta = metadata(checkpoint["config"], bpe, quantized)
    infos, blobs, offset = [], [], 0
    for name, tensor in checkpoint["model"].items():
        array = tensor.float().numpy()
        q8 = quantized and array.ndim == 2
        data = quantize(array) if q8 else array.astype("<f4").tobytes()
        shape = array.shape[::-1]
        infos.append(string(gguf_name(name)) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, TYPE_Q8_0 if q8 else TYPE_F32, offset))
        data += bytes(-len(data) % ALIGNMENT)
        blobs.append(data)
        offset += len(data)
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(infos), len(meta)) + b"".join(meta) + b"".join(infos)
    path.write_bytes(head + bytes(-len(head) % ALIGNMENT) + b"".join(blobs))
    return path.stat().st_size


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("checkpoint", type=Path)
    ap.add_argument("out", type=Path)
    ap.add_argument("--tokenizer", type=Path, default=Path(__file__).parent / "tokenizer.json")
    ap.add_argument("--type", choices=["q8_0", "f32"], default="q8_0")
    args = ap.parse_args()
    size = write(args.out, torch.load(args.checkpoint, weights_only=True), Bpe(args.tokenizer), args.type == "q8_0")
    print(args.out, size, "bytes")


if __name__ == "__main__":
    main()
