#!/usr/bin/env python3
"""Folders vocabularies/KIND with a tiny random model and a small tokenizer as its library saves it, and expected.json: texts and the
ids that the library gives for them.

    pip install torch==2.13.0 transformers==5.24.0 tokenizers==0.23.3 sentencepiece==0.2.3 sacremoses==0.2.0 numpy==2.4.6
    python3 make_vocabularies.py
    python3 make_vocabularies.py --compare BUILD     convert each kind, some with public vocabularies, and compare 3,000 texts

The texts and the references are those of ../compare-tokenizers.py, which holds the tokenizers themselves against them.
"""

import argparse
import importlib.util
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import torch
import transformers as tf

HERE = Path(__file__).resolve().parent
spec = importlib.util.spec_from_file_location("compare_tokenizers", HERE.parent / "compare-tokenizers.py")
ct = importlib.util.module_from_spec(spec)
spec.loader.exec_module(ct)

DATA = HERE.parents[3] / "shared" / "data"
KINDS = {}


def kind(f):
    KINDS[f.__name__] = f
    return f


def save_model(folder, n_vocab, cls=tf.LlamaForCausalLM, config=tf.LlamaConfig, **more):
    torch.manual_seed(1)
    shape = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, max_position_embeddings=32,
                 tie_word_embeddings=True, bos_token_id=None, eos_token_id=None, pad_token_id=None)
    cls(config(vocab_size=n_vocab, **(shape | more))).half().save_pretrained(folder)


def save_json(folder, name, content):
    (folder / name).write_text(json.dumps(content, ensure_ascii=False, indent=0))


def byte_level(folder, pre, n_vocab, pairs, **more):
    """tokenizer.json as a published model of that name has it; returns the reference's encode."""
    import tokenizers

    small = ct.small_bpe()
    n_merges = n_vocab - 256
    tokens, merges = small["tokens"][:n_vocab], small["merges"][:n_merges]
    pre_tokenizer, normalizer, ignore_merges = ct.PRE[pre]
    added = [{"id": n_vocab + i, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
              "special": special} for i, (text, special) in enumerate([("<|begin|>", True), ("<|end|>", True), ("user@", False)])]
    content = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer, "decoder": ct.GPT2_SPLIT, "post_processor": more.get("post"),
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": ignore_merges,
                  "vocab": {t: i for i, t in enumerate(tokens)}, "merges": [m.split(" ", 1) if pairs else m for m in merges]}}
    save_json(folder, "tokenizer.json", content)
    save_json(folder, "tokenizer_config.json", {"eos_token": "<|end|>", "bos_token": {"content": "<|begin|>"},
                                                "chat_template": [{"name": "other", "template": "no"},
                                                                  {"name": "default", "template": "{{ bos_token }}\u00e4"}]})
    save_model(folder, n_vocab + 5)
    t = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    return lambda text: t.encode(text, add_special_tokens=False).ids


TEMPLATE = {"type": "Sequence", "processors": [
    {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
    {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|begin|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
     "pair": [], "special_tokens": {"<|begin|>": {"id": "<|begin|>", "ids": [0], "tokens": ["<|begin|>"]}}}]}


@kind
def llama3(folder, n):
    return byte_level(folder, "llama-bpe", n, True, post=TEMPLATE)


def plain(pre):
    def make(folder, n):
        return byte_level(folder, pre, n, False)
    make.__name__ = pre.replace("-", "_")
    return make


for name in ("gpt-2", "gpt-neox", "qwen2", "starcoder", "falcon", "deepseek-llm", "deepseek-coder"):
    kind(plain(name))


@kind
def gpt2_files(folder, n):
    import tokenizers

    small = ct.small_bpe()
    tokens = small["tokens"][:n] + ["<|endoftext|>"]
    save_json(folder, "vocab.json", {t: i for i, t in enumerate(tokens)})
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(m + "\n" for m in small["merges"][:n - 256]))
    save_model(folder, n + 1, tf.GPT2LMHeadModel, tf.GPT2Config, n_embd=8, n_inner=8, n_layer=1, n_head=1, n_positions=32,
               eos_token_id=n)
    t = tokenizers.ByteLevelBPETokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    return lambda text: t.encode(text).ids


def sentencepiece(folder, kind_name, n, **options):
    model = ct.train_sentencepiece(kind_name, vocab_size=max(n, 420), normalization_rule_name="identity", **options)
    (folder / "tokenizer.model").write_bytes(model)
    import sentencepiece as sp

    p = sp.SentencePieceProcessor(model_proto=model)
    save_json(folder, "tokenizer_config.json", {"add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "eos_token": "</s>",
                                                "added_tokens_decoder": {"1": {"content": "<s>", "special": True},
                                                                         str(p.get_piece_size()): {"content": "<|user|>", "special": True}}})
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    save_model(folder, p.get_piece_size() + 1)
    return lambda text: p.encode(text)


@kind
def spm(folder, n):
    return sentencepiece(folder, "bpe", n, byte_fallback=True, remove_extra_whitespaces=False)


@kind
def spm_user(folder, n):
    return sentencepiece(folder, "bpe", n, byte_fallback=True, remove_extra_whitespaces=False, add_dummy_prefix=False,
                         user_defined_symbols=ct.USER)


@kind
def unigram(folder, n):
    return sentencepiece(folder, "unigram", n, byte_fallback=True, hard_vocab_limit=False)


@kind
def marked(folder, n):
    """SentencePiece's BPE as tokenizer.json has it: its merges are all pairs of pieces that make one."""
    import sentencepiece as sp
    import tokenizers

    model = ct.train_sentencepiece("bpe", vocab_size=max(n, 420), byte_fallback=True, normalization_rule_name="identity",
                                   remove_extra_whitespaces=False)
    (folder / "x.model").write_bytes(model)
    p = sp.SentencePieceProcessor(model_proto=model)
    vocab = {p.id_to_piece(i): i for i in range(p.get_piece_size())}
    # merges as the library's extractor lists them: each pair of pieces that makes a piece, by the place of what it makes
    merges = []
    for piece, i in vocab.items():
        local = [(piece[:k], piece[k:]) for k in range(1, len(piece)) if piece[:k] in vocab and piece[k:] in vocab]
        merges += [(i, vocab[a], vocab[b], a, b) for a, b in local]
    merges = [[a, b] for *_, a, b in sorted(merges)]
    content = {"version": "1.0", "truncation": None, "padding": None,
               "added_tokens": [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                                 "special": True} for i, t in enumerate(["<unk>", "<s>", "</s>"])],
               "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": ct.MARK},
                                                                  {"type": "Replace", "pattern": {"String": " "}, "content": ct.MARK}]},
               "pre_tokenizer": None, "post_processor": None,
               "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
               "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                         "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False, "vocab": vocab,
                         "merges": merges}}
    (folder / "x.model").unlink()
    save_json(folder, "tokenizer.json", content)
    save_model(folder, len(vocab))
    t = tokenizers.Tokenizer.from_str(json.dumps(content | {"added_tokens": []}))  # names of control tokens are text here
    return lambda text: t.encode(text, add_special_tokens=False).ids


@kind
def biogpt(folder, n):
    import tokenizers
    from tokenizers import models, trainers, pre_tokenizers

    t = tokenizers.Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    t.pre_tokenizer = pre_tokenizers.Whitespace()
    t.train_from_iterator(ct.make_texts(3000, ct.SEED + 2),
                          trainers.BpeTrainer(vocab_size=n, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], limit_alphabet=100,
                                              end_of_word_suffix="</w>", show_progress=False))
    model = json.loads(t.to_str())["model"]
    save_json(folder, "vocab.json", model["vocab"])
    (folder / "merges.txt").write_text("".join(" ".join(m) + " 7\n" for m in model["merges"]))
    save_model(folder, len(model["vocab"]) + 1, tf.BioGptForCausalLM, tf.BioGptConfig)
    slow = tf.BioGptTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))

    def encode(text):
        return slow.convert_tokens_to_ids(slow._tokenize(text))

    return encode


def world_lines(n):
    """Lines of an id, a literal and its length; the tokens that they are, without that of id 0."""
    lines = (DATA / "rwkv" / "rwkv_vocab_v20230424.txt").read_text(encoding="utf-8").split("\n")
    lines = [line for line in lines if line]
    # the bytes, and some of each sort of literal
    some = lines if n > 1000 else lines[:256] + [l for l in lines[256:] if "\\" in l or '"' in l][:40] + lines[300:1300:10]
    lines = [f"{i} {line.split(' ', 1)[1]}" for i, line in enumerate(some, start=1)]
    values = [eval(line[line.index(" "):line.rindex(" ")].strip()) for line in lines]
    return lines, [value.encode() if isinstance(value, str) else value for value in values]


@kind
def world(folder, n):
    lines, tokens = world_lines(n)
    (folder / "rwkv_vocab_v20230424.txt").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    save_model(folder, len(tokens) + 3)
    encode = ct.greedy([b"", *tokens])[0]
    return lambda text: encode(text.encode())


@kind
def world_literals(folder, n):
    """vocab.txt as Rwkv5Tokenizer and Rwkv6Tokenizer save it (tokenization_rwkv5.py, tokenization_rwkv6.py), with the special
    tokens of configurations that come from other programs' defaults."""
    tokens = world_lines(n)[1]
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in [b"<s>", *tokens]))
    save_json(folder, "tokenizer_config.json", {"bos_token": "<|endoftext|>", "eos_token": "a", "add_bos_token": True})
    save_model(folder, len(tokens) + 3, tf.RwkvForCausalLM, tf.RwkvConfig, num_hidden_layers=2, tie_word_embeddings=False,
               context_length=32, bos_token_id=1, eos_token_id=2)
    encode = ct.greedy([b"", *tokens])[0]
    return lambda text: encode(text.encode())


FIXTURES = ("llama3", "gpt2_files", "spm_user", "marked", "biogpt", "world", "world_literals")


def write():
    texts = [t for t in ct.make_texts(400, ct.SEED + 5, short=True) if len(t) < 40][:80]
    for name in FIXTURES:
        folder = HERE / "vocabularies" / name.replace("_", "-")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        encode = KINDS[name](folder, 320)
        save_json(folder, "expected.json", {"texts": [t for t in texts if "\0" not in t], "ids": [encode(t) for t in texts if "\0" not in t]})
        (folder / "generation_config.json").unlink(missing_ok=True)
        print(name, sum(f.stat().st_size for f in folder.iterdir()))


def compare(build):
    texts = ct.make_texts(3000, ct.SEED + 6)
    n_wrong = 0
    for name, make in KINDS.items():
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "model"
            folder.mkdir()
            encode = make(folder, 66000 if name.startswith("world") else 700)
            out = Path(scratch) / "out.gguf"
            got = subprocess.run([build / "corax-infer", "convert", folder, out], capture_output=True, text=True)
            if got.returncode:
                print(f"{name}: {got.stderr.strip()}")
                n_wrong += 1
                continue
            ours = ct.Ours(build / "tests/infer/tokenize-many", out)
            n_wrong += ct.compare(name, ours, [t.encode() for t in texts], lambda data: encode(data.decode()))[1]
            ours.close()
    return n_wrong


parser = argparse.ArgumentParser()
parser.add_argument("--compare", type=Path)
args = parser.parse_args()
if args.compare:
    raise SystemExit(compare(args.compare) > 0)
write()
