#!/usr/bin/env python3
"""Holds `corax-infer convert` against the golden models of vectors/golden/, made again as checkpoints of transformers.

    pip install torch==2.13.0 transformers==5.24.0 gguf==0.19.0 numpy==2.4.6
    python3 compare-conversions.py BUILD/corax-infer [NAME...]

The make_*.py save the models that they make from the same seeds, convert turns each into a file, and that file must have every
key of the golden one with its value, and the same tensors to the last bit, in the type of the golden ones.  Rotation factors and
-exp(A) and the mean of a matrix, which the references compute in F32, may differ by 1e-6; CrystalCoder's feed-forward is padded with zeros.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np

VECTORS = Path(__file__).resolve().parent / "vectors"


def read(path):
    reader = gguf.GGUFReader(path)
    keys = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    return keys, {t.name: t for t in reader.tensors}


def same_key(ours, golden):
    return ours == golden or (isinstance(golden, float) and abs(ours - golden) <= 1e-6 * abs(golden))


def padded(ours, golden):
    """The golden one with zeros to the size of ours."""
    return ours, np.pad(golden, [(0, max(0, a - b)) for a, b in zip(ours.shape, golden.shape)])


def differences(ours, golden):
    keys, tensors = read(ours)
    golden_keys, golden_tensors = read(golden)
    for name, value in golden_keys.items():
        if name == "crystalcoder.feed_forward_length":
            value = (value + 255) // 256 * 256
        if name not in keys or not same_key(keys[name], value):
            yield f"key {name} is {keys.get(name)}, golden {value}"
    for name in set(tensors) ^ set(golden_tensors):
        yield f"tensor {name} is in one file only"
    for name in set(tensors) & set(golden_tensors):
        a, b = tensors[name], golden_tensors[name]
        if golden_keys["general.architecture"] == "crystalcoder":
            a_data, b_data = padded(a.data, b.data)
        else:
            a_data, b_data = a.data, b.data
        if a_data.shape != b_data.shape:
            yield f"tensor {name} is {a.shape}, golden {b.shape}"
        elif name == "rope_freqs.weight" or name.endswith((".ssm_a", ".scale")):
            if not np.allclose(a_data, b_data, rtol=1e-6):
                yield f"tensor {name} differs by {np.abs(a_data - b_data).max()}"
        elif not np.array_equal(a_data.astype(np.float32), b_data.astype(np.float32)):
            yield f"tensor {name} differs"
        elif a.tensor_type != b.tensor_type and not (a.tensor_type == 0 and "f16" in golden.name):
            yield f"tensor {name} is of type {a.tensor_type}, golden {b.tensor_type}"


def rope_apart(config):
    """rope_theta and rope_scaling, as they were before rope_parameters."""
    rope = config.pop("rope_parameters")
    full = rope.get("full_attention", rope)
    config["rope_theta"] = full.pop("rope_theta")
    config["rope_scaling"] = full
    if "rope_type" in full and config["model_type"] != "llama":
        full["type"] = full.pop("rope_type")
    if "sliding_attention" in rope:
        config["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
        config["sliding_window_pattern"] = 6
    if config["model_type"] == "phi3" and "original_max_position_embeddings" in full:
        config["original_max_position_embeddings"] = full.pop("original_max_position_embeddings")
        for key in ("factor", "attention_factor"):
            full.pop(key, None)
    return config


def older(folder):
    """Checkpoints again with config.json as older versions of transformers wrote it, and without what is null."""
    for checkpoint in [c for c in sorted(folder.iterdir()) if "rope_parameters" in (c / "config.json").read_text()]:
        copy = folder / f"{checkpoint.name}@older"
        shutil.copytree(checkpoint, copy)
        config = rope_apart({key: value for key, value in json.loads((copy / "config.json").read_text()).items() if value is not None})
        if config["model_type"] != "gemma2":
            config.pop("layer_types", None)
        (copy / "config.json").write_text(json.dumps(config))


def main():
    infer, wanted, n_wrong, n = sys.argv[1], sys.argv[2:], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        given = Path(os.environ.get("CHECKPOINTS", folder))
        for script in sorted(VECTORS.glob("make_*.py")) if given == Path(folder) else []:
            subprocess.run([sys.executable, script], env=os.environ | {"CHECKPOINTS": folder}, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if given == Path(folder):
            older(given)
        for checkpoint in sorted(given.iterdir()):
            if wanted and checkpoint.name not in wanted:
                continue
            out = Path(folder) / f"{checkpoint.name}.gguf"
            more = ["--type", "f16"] if checkpoint.name.endswith("f16") else []
            got = subprocess.run([infer, "convert", checkpoint, out, *more], capture_output=True, text=True)
            found = list(differences(out, VECTORS / "golden" / f"{checkpoint.name.split('@')[0]}.gguf")) if got.returncode == 0 else [got.stderr.strip()]
            print(f"{checkpoint.name}: {'the same' if not found else '; '.join(found[:5])}")
            n_wrong += bool(found)
            n += 1
    print(f"{n} checkpoints, {n_wrong} converted wrongly")
    sys.exit(n_wrong > 0 or n == 0)


main()
