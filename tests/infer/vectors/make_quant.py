"""Writes quant/NAME.blocks: blocks of each format and the values that the gguf package reads in them; quant/errors.txt: how far
off the gguf package's quantizers are.

    pip install gguf==0.19.0 numpy==2.4.6

NAME.blocks is text up to the first empty line, then bytes, little-endian, with nothing behind them:

    type 12                     the format's id
    blocks 9                    how many
    source gguf 0.19.0, numpy 2.4.6

    u8 [blocks][bytes of a block]
    f32 [blocks][values of a block]

The first blocks have every byte there is, then come random ones with scales from the least to the largest, and such as are no
numbers.  I2_S is not a format of the gguf package; its few lines are written out here.
"""

from importlib.metadata import version
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf.quants import dequantize, quantize

FOLDER = Path(__file__).parent / "quant"
SOURCE = f"gguf {version('gguf')}, numpy {np.__version__}"
HALVES = [0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x2E66, 0xAE66, 0x7BFF, 0xFBFF, 0x7C00, 0xFE00]
EXPONENTS = [0, 1, 2, 3, 126, 127, 128, 254, 255]

# where a block has a half: a scale, then a minimum
FORMATS = {
    Type.F16: [], Type.BF16: [], Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0],
    Type.Q2_K: [80, 82], Type.Q3_K: [108], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208],
    Type.IQ4_NL: [0], Type.IQ4_XS: [0], Type.MXFP4: [], Type.TQ1_0: [52], Type.TQ2_0: [64],
}


def blocks_of(size, n_full, halves, rng):
    full = (np.arange(n_full * size) * 167 % 256).astype(np.uint8).reshape(n_full, size)
    for at in halves:
        full[:, at:at + 2] = [0x9A, 0x31]
    more = rng.integers(0, 256, (len(HALVES), size), dtype=np.uint8)
    for i, half in enumerate(HALVES):
        for j, at in enumerate(halves):
            more[i, at:at + 2] = list((half if j == 0 else HALVES[-1 - i]).to_bytes(2, "little"))
    return np.concatenate([full, more])


def save(name, type_id, blocks, values):
    head = f"type {type_id}\nblocks {len(blocks)}\nsource {SOURCE}\n\n"
    (FOLDER / f"{name}.blocks").write_bytes(head.encode() + blocks.tobytes() + np.asarray(values, "<f4").tobytes())


def i2_s(blocks):
    """Of 128 values, value j is in byte j % 32, in bits 6 and 7 the first 32, in bits 0 and 1 the last."""
    shift = np.array([6, 4, 2, 0], dtype=np.uint8).reshape(1, 4, 1)
    return ((blocks.reshape(-1, 1, 32) >> shift) & 3).astype(np.float32) - 1


def numbers(n, seed):
    """As tiny_normal() of tests/infer/tiny_gguf.h."""
    mask, out = (1 << 64) - 1, np.empty(n, np.float32)
    for i in range(n):
        total = 0.0
        for _ in range(12):
            seed = (seed + 0x9E3779B97F4A7C15) & mask
            z = (seed ^ seed >> 30) * 0xBF58476D1CE4E5B9 & mask
            z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
            total += ((z ^ z >> 31) >> 11) * 2.0**-53
        out[i] = total - 6
    return out


def main():
    FOLDER.mkdir(exist_ok=True)
    rng = np.random.default_rng(1)
    for kind, halves in FORMATS.items():
        n_values, size = gguf.GGML_QUANT_SIZES[kind]
        if size == 2:  # every byte in either place, and what is special in either format
            special = np.array(HALVES + [0x7F80, 0xFF80, 0x7FC0, 0x007F, 0x8001, 0x3F80], dtype="<u2").view(np.uint8)
            blocks = np.concatenate([blocks_of(2, 512, halves, rng), special.reshape(-1, 2)])
        else:
            blocks = blocks_of(size, 8 if n_values == 32 else 2, halves, rng)
        if kind == Type.MXFP4:
            blocks[-len(EXPONENTS):, 0] = EXPONENTS
        with np.errstate(all="ignore"):
            save(kind.name, kind.value, blocks, dequantize(blocks, kind))
    blocks = blocks_of(32, 8, [], rng)
    save("I2_S", 36, blocks, i2_s(blocks))

    x, lines = numbers(4096, 5), []
    for kind in FORMATS:
        try:
            values = dequantize(quantize(x, kind), kind)
        except NotImplementedError:
            continue
        lines.append(f"{kind.value} {np.sqrt(np.mean((values.astype(np.float64) - x) ** 2)):.6g}\n")
    text = f"# id and root mean square error of 4096 values, tiny_normal() from seed 5; {SOURCE}\n"
    (FOLDER / "errors.txt").write_text(text + "".join(lines))


if __name__ == "__main__":
    main()
