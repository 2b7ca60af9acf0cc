"""Writes the pairs NAME.gguf, NAME.logits of the folder golden/ (its README.md has the format); for the make_*.py here.

    pip install gguf==0.19.0 numpy==2.4.6
"""

import json
import os
from pathlib import Path

import gguf
import numpy as np

FOLDER = Path(__file__).parent / "golden"


def tokens(n, n_vocab, seed):
    """n tokens in which each value may come, the first and the last one do."""
    ids = np.random.default_rng(seed).integers(0, n_vocab, n)
    ids[0], ids[-1] = 0, n_vocab - 1
    return ids


def save_checkpoint(folder, name, tensors, model):
    """What conversion begins with, in the type of the file's matrices (of A's logarithm, half precision is not enough); several
    files where the number of tensors is odd."""
    half = any(isinstance(values, tuple) for values in tensors.values()) and not name.endswith("f16")
    if hasattr(model, "rwkv"):  # what eval() divided, a checkpoint has whole
        model.train().rwkv._rescale_layers()
    model = model.half() if half else model.float()
    model.save_pretrained(folder / name, max_shard_size="20KB" if len(tensors) % 2 else "1GB")


def save_tensors(folder, config, tensors):
    """A checkpoint of a model that is none of transformers'."""
    from safetensors.numpy import save_file

    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    save_file({name: np.ascontiguousarray(x, dtype=np.float32) for name, x in tensors.items()}, folder / "model.safetensors")


def write(name, arch, keys, tensors, ids, logits, source, nmse=None, context=None, exact=None, model=None, checkpoints=None):
    """keys: without "ARCH."; tensors: name to array, rows first, F32 unless it is (bytes, gguf.GGMLQuantizationType) or (bytes, type, shape in bytes);
    ids [n_tokens]; logits [n_logits][n_vocab], after the last n_logits tokens; source: what made them; model: where
    transformers has it; checkpoints: suffix to configuration and tensors, where it has not.  With CHECKPOINTS in the environment
    models are saved in that folder, under NAME and NAME@SUFFIX, and nothing is written here."""
    if "CHECKPOINTS" in os.environ:
        for suffix, (config, saved) in (checkpoints or {}).items():
            save_tensors(Path(os.environ["CHECKPOINTS"]) / (f"{name}@{suffix}" if suffix else name), config, saved)
        if hasattr(model, "save_pretrained"):
            save_checkpoint(Path(os.environ["CHECKPOINTS"]), name, tensors, model)
        return
    writer = gguf.GGUFWriter(FOLDER / f"{name}.gguf", arch)
    for key, value in keys.items():
        key = f"{arch}.{key}"
        if isinstance(value, bool):
            writer.add_bool(key, value)
        elif isinstance(value, int):
            writer.add_uint32(key, value)
        elif isinstance(value, float):
            writer.add_float32(key, value)
        elif isinstance(value, str):
            writer.add_string(key, value)
        else:
            writer.add_array(key, value)
    for tensor, values in tensors.items():
        if isinstance(values, tuple):
            writer.add_tensor(tensor, values[0], raw_shape=values[2] if len(values) > 2 else None, raw_dtype=values[1])
        else:
            writer.add_tensor(tensor, np.ascontiguousarray(values, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    logits = np.ascontiguousarray(logits, dtype="<f4")
    head = {"tokens": len(ids), "logits": logits.shape[0], "vocab": logits.shape[1], "nmse": nmse, "context": context,
            "exact": exact, "source": source}
    lines = "".join(f"{word} {value}\n" for word, value in head.items() if value is not None)
    (FOLDER / f"{name}.logits").write_bytes(lines.encode() + b"\n" + np.asarray(ids, dtype="<i4").tobytes()
                                            + logits.tobytes())
    print(f"{name}: {(FOLDER / f'{name}.gguf').stat().st_size} + {(FOLDER / f'{name}.logits').stat().st_size} bytes")
