#!/usr/bin/env python3
"""Holds corax-infer's files and perplexities against another engine that reads GGUF: llama.cpp, or one that has its programs.

    pip install torch==2.13.0 transformers==5.24.0 sentencepiece tokenizers numpy
    python3 compare-engines.py BUILD/corax-infer PEER/bin TEXT [--train STEPS] [--keep FOLDER]

For each family a small model with random weights is saved as transformers does, and a tokenizer is trained on TEXT.  `convert` makes a
file of it, `quantize` smaller ones of the llama, and both engines print the perplexity of the end of TEXT; at the F32 files it is
compared with transformers in double, too.  Random weights make a perplexity more sensitive than any trained model's.  --train
teaches the llama some of TEXT first (400 steps take minutes), so that rounding meets weights that mean something.

A line is the family, the type, both perplexities, how far apart they are and, at F32, how far ours is from transformers.  The exit
status is 1 where ours is not transformers' within 0.001 %, or a trained llama's not the other engine's within 0.1 %.
"""

import argparse
import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import sentencepiece
import tokenizers
import torch
import transformers

VOCAB, PIECE = 4096, 512
TYPES = "F16 BF16 Q8_0 Q6_K Q5_K_M Q4_K_M Q4_0 IQ4_XS TQ2_0 TQ1_0".split()
COMMON = dict(vocab_size=VOCAB, hidden_size=256, intermediate_size=768, num_hidden_layers=3, num_attention_heads=8,
              max_position_embeddings=2048, bos_token_id=1, eos_token_id=2)
GPT = dict(vocab_size=VOCAB, n_positions=1024, n_embd=256, n_layer=3, n_head=8, bos_token_id=0, eos_token_id=0)
GEMMA = dict(head_dim=32, query_pre_attn_scalar=32, sliding_window=256)
# name: (class, its configuration, tokenizer)
MODELS = {
    "llama": ("Llama", dict(COMMON, num_hidden_layers=4, num_key_value_heads=2), "spm"),
    "phi3": ("Phi3", dict(COMMON, num_key_value_heads=8, pad_token_id=0), "spm"),
    "gemma": ("Gemma", dict(COMMON, num_key_value_heads=1, head_dim=32), "spm"),
    "gemma2": ("Gemma2", dict(COMMON, num_key_value_heads=4, **GEMMA), "spm"),
    "gemma3": ("Gemma3Text", dict(COMMON, num_hidden_layers=7, num_key_value_heads=4, **GEMMA), "spm"),
    "bitnet": ("BitNet", dict(COMMON, num_key_value_heads=2), "spm"),
    "qwen2": ("Qwen2", dict(COMMON, num_key_value_heads=2), "bpe"),
    "qwen3": ("Qwen3", dict(COMMON, num_key_value_heads=2, head_dim=64), "bpe"),
    "gpt2": ("GPT2", GPT, "bpe"),
    "starcoder": ("GPTBigCode", GPT, "bpe"),
    "starcoder2": ("Starcoder2", dict(COMMON, num_key_value_heads=2), "bpe"),
    "mamba": ("Mamba", dict(vocab_size=VOCAB, hidden_size=256, num_hidden_layers=3), "bpe"),
    "mamba2": ("Mamba2", dict(vocab_size=VOCAB, hidden_size=256, num_hidden_layers=3, state_size=64, num_heads=16, head_dim=32,
                              n_groups=2), "bpe"),
}


def train_spm(text, folder):
    (folder / "train.txt").write_text(text)
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "train.txt"), model_prefix=str(folder / "tokenizer"), vocab_size=VOCAB, model_type="bpe", byte_fallback=True,
        split_digits=True, normalization_rule_name="identity", remove_extra_whitespaces=False, max_sentence_length=100000,
        unk_id=0, bos_id=1, eos_id=2, pad_id=-1, minloglevel=2)
    return ["tokenizer.model"]


def train_bpe(text, folder):
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE())
    bpe.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = tokenizers.decoders.ByteLevel()
    bpe.train_from_iterator([text], tokenizers.trainers.BpeTrainer(
        vocab_size=VOCAB - 1, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
        special_tokens=["<|endoftext|>"]))
    bpe.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "GPT2TokenizerFast", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}))
    return ["tokenizer.json", "tokenizer_config.json"]


def make(name):
    kind, config, _ = MODELS[name]
    torch.manual_seed(1)
    config = getattr(transformers, kind + "Config")(**config)
    model = getattr(transformers, kind.replace("Text", "") + ("LMHeadModel" if kind == "GPT2" else "ForCausalLM"))(config)
    with torch.no_grad():
        for weight, p in model.named_parameters():
            if p.dim() >= 2:
                p.normal_(0, 0.09)
            elif "norm" in weight or "ln_" in weight:
                p.normal_(0 if weight.endswith("bias") or "gemma" in name else 1, 0.1)
            elif weight.endswith("bias"):
                p.normal_(0, 0.1)
    return model


def train(ids, steps):
    torch.manual_seed(1)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**MODELS["llama"][1]))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.5e-3, betas=(0.9, 0.95))
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 1.5e-3 * min(1, (step + 1) / 40) * (1 - 0.9 * step / steps)
        batch = torch.stack([ids[i:i + 257] for i in torch.randint(0, len(ids) - 257, (8,))])
        logits = model(batch[:, :-1]).logits
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()
    return model


def run(*command):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)


def ours(infer, model, text):
    done = run(infer, "perplexity", model, text, "--json", "--ctx", PIECE)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)["perplexity"]


def theirs(programs, model, text):
    """None: it does not run this model.  Its log is written by a thread, and its last lines are lost at times."""
    for _ in range(5):
        done = run(programs / "llama-perplexity", "-m", model, "-f", text, "-c", PIECE, "-b", PIECE, "-ub", PIECE, "--no-escape", "-fa", 0)
        found = re.search(r"Final estimate: PPL[^=\n]*(?:= *[0-9]+)?[^=\n]*= *([0-9.]+)", done.stdout + done.stderr)
        if found or done.returncode:
            break
    return float(found[1]) if found else None


def in_double(folder, ids, bos):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
    loss = n = 0
    for at in range(0, len(ids) - PIECE + 1, PIECE):
        piece = ids[at:at + PIECE]
        if bos is not None:
            piece[0] = bos
        with torch.no_grad():
            log_p = torch.log_softmax(model(torch.tensor([piece])).logits[0].double(), -1)
        for i in range(PIECE // 2, PIECE - 1):
            loss -= log_p[i, piece[i + 1]].item()
            n += 1
    return math.exp(loss / n)


def apart(a, b):
    return math.nan if a is None or b is None else 100 * (a / b - 1)


def check(args, name, folder, text, files, trained):
    file = folder.with_suffix(".f32.gguf")
    done = run(args.infer, "convert", folder, file, "--type", "f32")
    if done.returncode:
        sys.exit(done.stderr)
    ids = [int(i) for i in run(args.infer, "tokenize", file, "--file", text, "--ends").stdout.split()]
    a, b = ours(args.infer, file, text), theirs(args.programs, file, text)
    reference = in_double(folder, ids, 1 if "tokenizer.model" in files else None)
    print(f"{name:10} F32      {a:13.4f} {b or math.nan:13.4f} {apart(a, b):9.4f} % {apart(a, reference):9.6f} %", flush=True)
    good = abs(apart(a, reference)) <= 0.001 and not (trained and abs(apart(a, b)) > 0.1)
    for kind in TYPES if name == "llama" else []:
        smaller = folder.with_suffix(f".{kind}.gguf")
        done = run(args.infer, "quantize", file, smaller, kind)
        if done.returncode:
            sys.exit(done.stderr)
        a, b = ours(args.infer, smaller, text), theirs(args.programs, smaller, text)
        print(f"{name:10} {kind:8} {a:13.4f} {b or math.nan:13.4f} {apart(a, b):9.4f} %", flush=True)
        good &= not (trained and abs(apart(a, b)) > 0.1)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("infer", type=Path)
    parser.add_argument("programs", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("--train", type=int, default=0, metavar="STEPS")
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    args = parser.parse_args()
    work = args.keep or Path(tempfile.mkdtemp())
    work.mkdir(exist_ok=True)
    text = args.text.read_text(errors="ignore")
    end = work / "end.txt"
    end.write_text(text[-12000:])
    train_files = {}
    for kind, trainer in (("spm", train_spm), ("bpe", train_bpe)):
        (work / kind).mkdir(exist_ok=True)
        train_files[kind] = trainer(text[:-12000], work / kind)
    print("family     type              ours         theirs   apart     from transformers")
    good = True
    for name in MODELS:
        kind = MODELS[name][2]
        trained = name == "llama" and args.train > 0
        if trained:
            encoder = sentencepiece.SentencePieceProcessor(model_file=str(work / kind / "tokenizer.model"))
            model = train(torch.tensor(encoder.encode(text[:-12000])), args.train)
        else:
            model = make(name)
        folder = work / f"model-{list(MODELS).index(name)}"  # some engines read meaning into the name phi3
        model.save_pretrained(folder)
        for file in train_files[kind]:
            shutil.copy(work / kind / file, folder)
        good &= check(args, name, folder, end, train_files[kind], trained)
    if not args.keep:
        shutil.rmtree(work)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
