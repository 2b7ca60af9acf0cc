#!/usr/bin/env python3
"""Compare corax's tokenizers with those they are meant to equal, on random and hostile texts.

For developers; `make check` runs what --write stored instead.  Needs tests/infer/tokenize-many (make
tests/infer/tokenize-many) and, by pip, tokenizers, sentencepiece, sacremoses, transformers and gguf.

    compare-tokenizers.py --program build/tests/infer/tokenize-many --data ../shared/data [--kind bpe] [--texts 100000]
    compare-tokenizers.py ... --write tests/infer/vectors      small golden vectors, tokenizer-KIND.json

References: bpe, Hugging Face tokenizers with the pre-tokenizer of each model's own tokenizer.json; spm and unigram,
sentencepiece; rwkv, greedy longest match in a dictionary of bytes; biogpt, transformers' BioGptTokenizer with sacremoses.
The same seed gives the same texts and the same small vocabularies.
"""

import argparse
import ast
import collections
import io
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

SEED = 7
ROOT = Path(__file__).resolve().parents[2]
MARK = "\u2581"

# --- texts ------------------------------------------------------------------------------------------------------------

WHITE = [chr(c) for c in (*range(9, 14), 28, 29, 30, 31, 32, 0x85, 0xa0, 0x1680, 0x180e, *range(0x2000, 0x200c), 0x2028,
                          0x2029, 0x202f, 0x205f, 0x2060, 0x3000, 0xfeff)]
QUOTES = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'LL", "'\u017f", "''", "'", '"', "``", "`", "\u201c", "\u201d",
          "\u201e", "can't", "I'm", "y'all", "dogs'", "'tis", "rock'n'roll", "O'Neil", "1990's"]
BITS = ["<|endoftext|>", "<s>", "</s>", "<unk>", "<0x41>", "<pad>", MARK, MARK * 3, "DOTMULTI", "DOTDOTMULTI", "@-@", "&amp;",
        "&#91;", "&lt;b&gt;", "...", ". .", "..", ",", ",,", ",,,", "1,000", "3,5,", "x,y", "a-b-c", "--", "e.g.", "i.e.",
        "Mr. Smith", "No. 5", "pp. x", "Fig. 3.", "U.S.", "etc.", "\r\n", "\n\n", "\n \n", "\t\t", "http://a.b/c?d=e&f",
        "user@example.org", "#include <stdio.h>", "x += y**2;", "{\"a\": [1, 2.5e-3]}", "C\u1eeda Vi\u1ec7t",
        "\U0001f636\u200d\U0001f32b\ufe0f", "\u304c\u304b\u3099", "e\u0301\u0323", "\u1100\u1161\u11a8", "\ufb01", "\u00bd\u2460\u00b2\u0664\u0967",
        "\u0130\u0131\u00df\u1e9e", "\u0e01\u0e33", "\ufffd", "\u0000", "\u007f", "\u200b", "\u00ad", "\u202e"]


def words():
    text = "".join((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/architecture.md"))
    return text.split(" ")


def any_character(r):
    while True:
        plane = r.random()
        c = r.randrange(0x80) if plane < 0.2 else r.randrange(0x800) if plane < 0.4 else r.randrange(0x10000) \
            if plane < 0.8 else r.randrange(0x110000)
        if not 0xd800 <= c <= 0xdfff:
            return chr(c)


BLOCKS = [(0x21, 0x7e), (0x30, 0x39), (0xc0, 0x24f), (0x370, 0x3ff), (0x400, 0x52f), (0x590, 0x6ff), (0x900, 0x97f),
          (0xe00, 0xe7f), (0x1780, 0x17ff), (0x1e00, 0x1eff), (0x2000, 0x206f), (0x20a0, 0x20cf), (0x2150, 0x218f),
          (0x2460, 0x24ff), (0x3000, 0x30ff), (0x4e00, 0x9fff), (0xac00, 0xd7a3), (0xf900, 0xfaff), (0xff00, 0xffef),
          (0x1d400, 0x1d7ff), (0x1f300, 0x1faff), (0x10400, 0x104ff)]


def part(r, vocabulary):
    kind = r.randrange(12)
    if kind < 3:
        return r.choice(vocabulary) + r.choice(["", " ", " ", "  "])
    if kind == 3:
        return "".join(r.choice(WHITE) for _ in range(r.choice([1, 2, 3, 8])))
    if kind == 4:
        return r.choice([" ", "\n", "\t", "\r\n", "\u3000", "\u00a0"]) * r.choice([1, 2, 3, 4, 7, 16, 33])
    if kind == 5:
        return r.choice(QUOTES)
    if kind == 6:
        return r.choice(BITS)
    if kind == 7:
        return "".join(any_character(r) for _ in range(r.choice([1, 2, 5, 12])))
    if kind == 8:
        low, high = r.choice(BLOCKS)
        return "".join(chr(r.randint(low, high)) for _ in range(r.choice([1, 3, 9])))
    if kind == 9:
        return "".join(r.choice("0123456789") for _ in range(r.choice([1, 2, 3, 4, 7, 20])))
    if kind == 10:
        return "".join(r.choice("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") for _ in range(r.choice([1, 2, 4, 9])))
    return r.choice(["a", "ab", "the", "\u00e9", "\u65e5", "x1", "Aa"]) * r.choice([1, 3, 20, 300 if r.random() < 0.05 else 5])


def make_texts(n, seed, short=False):
    r = random.Random(seed)
    vocabulary = words()
    texts = ["", " ", "  ", "\n", "a", " a", "a ", "\u180e", " \u180e ", "\u0085x", "\x1c \x1d"]
    while len(texts) < n:
        text = "".join(part(r, vocabulary) for _ in range(r.choice([1, 2, 3, 5, 9, 17])))
        if not short or len(text) < 80:
            texts.append(text)
    return texts[:n]


def make_bytes(texts, seed):
    """The same texts, some of them damaged."""
    r = random.Random(seed)
    for text in texts:
        data = bytearray(text.encode())
        if r.random() < 0.3:
            for _ in range(r.choice([1, 1, 3, 10])):
                at = r.randrange(len(data) + 1)
                data[at:at + r.choice([0, 0, 1])] = r.choice([b"\xff", b"\xc3", b"\xe2\x96", b"\xed\xa0\x80", b"\xf0\x9f\xa6", b"\x80",
                                                             b"\xc0\xaf", b"\xf4\x90\x80\x80", bytes([r.randrange(256)])])
        yield bytes(data)


# --- the program ------------------------------------------------------------------------------------------------------


class Ours:
    def __init__(self, program, path):
        self.p = subprocess.Popen([program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, what, n, payload):
        self.p.stdin.write(struct.pack("<II", what, n) + payload)
        self.p.stdin.flush()
        status, n = struct.unpack("<II", self.p.stdout.read(8))
        if status:
            return self.p.stdout.read(n).decode()
        return self.p.stdout.read(n if what == 2 else 4 * n)

    def encode(self, data, special=False):
        got = self.ask(1 if special else 0, len(data), data)
        return got if isinstance(got, str) else list(struct.unpack(f"<{len(got) // 4}i", got))

    def decode(self, ids):
        return self.ask(2, len(ids), struct.pack(f"<{len(ids)}i", *ids))

    def close(self):
        self.p.stdin.close()
        self.p.wait()


def write_gguf(path, vocab):
    import gguf

    w = gguf.GGUFWriter(path, vocab.get("architecture", "llama"))
    w.add_tokenizer_model(vocab["model"])
    if "pre" in vocab:
        w.add_tokenizer_pre(vocab["pre"])
    w.add_token_list(vocab["tokens"])
    w.add_token_types(vocab["types"])
    if "scores" in vocab:
        w.add_token_scores(vocab["scores"])
    if "merges" in vocab:
        w.add_token_merges(vocab["merges"])
    if vocab.get("charsmap"):
        w.add_precompiled_charsmap(bytes.fromhex(vocab["charsmap"]))
    for key in ("add_space_prefix", "remove_extra_whitespaces"):
        if key in vocab:
            w.add_bool(f"tokenizer.ggml.{key}", vocab[key])
    for key in ("bos", "eos", "unknown"):
        if key in vocab:
            w.add_uint32(f"tokenizer.ggml.{key}_token_id", vocab[key])
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.close()


def read_gguf(path):
    import gguf

    fields = gguf.GGUFReader(path).fields
    get = lambda key: fields["tokenizer.ggml." + key].contents() if "tokenizer.ggml." + key in fields else None
    return {"model": get("model"), "pre": get("pre"), "tokens": get("tokens"), "types": get("token_type"),
            "merges": get("merges"), "scores": get("scores"), "unknown": get("unknown_token_id")}


def reduce(data, differs):
    """A part of data that still differs, and would not without any one of its characters, or bytes."""
    steps = [len(data) >> i for i in range(1, len(data).bit_length())]
    for step in steps + [4, 3, 2, 1] * 2:
        at = 0
        while at < len(data):
            less = data[:at] + data[at + step:]
            if less and differs(less):
                data = less
            else:
                at += 1 if step <= 4 else step
    return data


def show(value, limit=300):
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "..."


def compare(name, ours, texts, encode, decode=None):
    """encode: bytes to ids, or None where the reference cannot say.  The ids of all texts."""
    wrong = skipped = 0
    shown = []
    result = []

    def differs(data):
        want = encode(data)
        return want is not None and ours.encode(data) != want

    for data in texts:
        want = encode(data)
        result.append(want)
        if want is None:
            skipped += 1
            continue
        got = ours.encode(data)
        text = decode(want) if decode and got == want else None
        if got != want or (text is not None and ours.decode(want) != text):
            wrong += 1
            if len(shown) < 8 and got != want:
                data = reduce(data, differs)
                shown.append((data, ours.encode(data), encode(data), None))
            elif len(shown) < 8:
                shown.append((data, got, want, None if text is None else (ours.decode(want), text)))
    print(f"{name}: {len(texts) - skipped} texts, {wrong} differ" + (f", {skipped} not for the reference" if skipped else ""), flush=True)
    for data, got, want, text in sorted(shown, key=lambda x: len(x[0])):
        print("   ", show(data), "\n      got ", show(got), "\n      want", show(want), *([show(text)] if text else []))
    return result, wrong


# --- byte-level BPE ---------------------------------------------------------------------------------------------------

GPT2_SPLIT = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
BYTES_ONLY = {**GPT2_SPLIT, "use_regex": False}


def split(regex):
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}


def sequence(*parts):
    return {"type": "Sequence", "pretokenizers": list(parts)}


def digits(individual):
    return {"type": "Digits", "individual_digits": individual}


def llama3(number):
    return sequence(split(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|" + number +
                          r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"), BYTES_ONLY)


DEEPSEEK_LETTERS = (
    "A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376"
    "\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f"
    "\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77"
    "\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d"
    "\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4"
    "\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139"
    "\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d"
    "\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a"
    "\uff41-\uff5a\U00010400-\U0001044F\U000104B0-\U000104D3\U000104D8-\U000104FB\U00010C80-\U00010CB2"
    "\U00010CC0-\U00010CF2\U000118A0-\U000118DF\U0001E900-\U0001E943")
CJK = split("[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+")
NFC = {"type": "NFC"}
# tokenizer.ggml.pre: pre-tokenizer and normalizer of the model's tokenizer.json, and whether it ignores merges
PRE = {
    "gpt-2": (GPT2_SPLIT, None, False),
    "gpt-neox": (GPT2_SPLIT, NFC, False),
    "llama-bpe": (llama3(r"\p{N}{1,3}"), None, True),
    "qwen2": (llama3(r"\p{N}"), NFC, False),
    "starcoder": (sequence(digits(True), GPT2_SPLIT), None, False),
    "falcon": (sequence({"type": "Punctuation", "behavior": "Contiguous"}, GPT2_SPLIT, digits(False), split("[0-9][0-9][0-9]")),
               None, False),
    "deepseek-llm": (sequence(split("[\r\n]"), split(r"\s?[" + DEEPSEEK_LETTERS + "]+"), split("\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+"),
                              split(r"\s+$"), CJK, digits(True), BYTES_ONLY), None, False),
    "deepseek-coder": (sequence(split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), CJK, digits(True), BYTES_ONLY), None, False),
    "command-r": (sequence(digits(True), GPT2_SPLIT), NFC, False),
    "dbrx": (llama3(r"\p{N}{1,3}"), None, False),
    "stablelm2": (llama3(r"\p{N}"), None, False),
}
GOLDEN = list(PRE)[:8]


def bpe_reference(vocab, pre, normalized=False):
    import tokenizers

    pre_tokenizer, normalizer, ignore_merges = PRE[pre]
    normal = {t: i for i, t in reversed(list(enumerate(vocab["tokens"]))) if vocab["types"][i] in (1, 3)}
    added = [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": normalized, "special": False}
             for i, t in enumerate(vocab["tokens"]) if vocab["types"][i] == 4]
    t = tokenizers.Tokenizer.from_str(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer, "post_processor": None, "decoder": {**GPT2_SPLIT},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": ignore_merges,
                  "vocab": {**normal, **{a["content"]: a["id"] for a in added}}, "merges": [m.split(" ", 1) for m in vocab["merges"]]}}))

    def encode(data):
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return None
        return t.encode(text, add_special_tokens=False).ids

    return encode


def small_bpe():
    """About 700 tokens learnt from the project's own documents and the odd bits, so that merges cross every kind of border."""
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, trainers

    texts = make_texts(4000, SEED + 1)
    t = tokenizers.Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(tokenizers.Regex(r".{1,12}|\n+"), "isolated"),
                                               pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=700, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                                     show_progress=False))
    model = json.loads(t.to_str())["model"]
    tokens = [None] * len(model["vocab"])
    for token, i in model["vocab"].items():
        tokens[i] = token
    tokens += ["<|endoftext|>", "    ", "\n\n\n", "user@"]
    return {"model": "gpt2", "tokens": tokens, "types": [1] * (len(tokens) - 4) + [3, 4, 4, 4],
            "merges": [" ".join(m) for m in model["merges"]], "architecture": "gpt2"}


def pairs_bpe():
    """Every two bytes are a token, so that a text's tokens show where it was cut."""
    letters = [chr(c) for c in [*range(33, 127), *range(161, 173), *range(174, 256)]]
    letters += [chr(256 + i) for i in range(256 - len(letters))]
    merges = [f"{a} {b}" for a in letters for b in letters]
    random.Random(SEED).shuffle(merges)
    tokens = letters + [m.replace(" ", "") for m in merges]
    return {"model": "gpt2", "tokens": tokens, "types": [1] * len(tokens), "merges": merges, "architecture": "gpt2"}


def every_character():
    """Each character beside letters, digits, spaces, marks and itself, some in each text."""
    characters = [chr(c) for c in range(0x110000) if not 0xd800 <= c <= 0xdfff]
    for i in range(0, len(characters), 24):
        yield "".join(f"a{c}a1{c} {c}{c}.{c}.\n{c}'{c}  {c}b" for c in characters[i:i + 24]).encode()


def run_bpe_characters(args):
    pairs, wrong = pairs_bpe(), 0
    texts = list(every_character())
    for pre in args.pre or PRE:
        path = os.path.join(args.folder, f"pairs-{pre}.gguf")
        write_gguf(path, {**pairs, "pre": pre})
        ours = Ours(args.program, path)
        wrong += compare(f"bpe {pre}, every character", ours, texts, bpe_reference(pairs, pre))[1]
        ours.close()
    return wrong


def run_bpe(args):
    small = small_bpe()
    texts = make_texts(args.texts, args.seed, args.write)
    golden = {"vocab": rename(small), "runs": []}
    wrong = 0
    for pre in args.pre or (GOLDEN if args.write else PRE):
        path = os.path.join(args.folder, f"bpe-{pre}.gguf")
        write_gguf(path, {**small, "pre": pre})
        ours = Ours(args.program, path)
        got, bad = compare(f"bpe {pre}, small vocabulary", ours, [t.encode() for t in texts], bpe_reference(small, pre))
        wrong += bad
        golden["runs"].append({"name": pre, "kv": {"pre": pre}, "ids": got})
        ours.close()
    store(args, "bpe", golden, [t.encode() for t in texts])
    for name in ("gpt-2", "falcon", "starcoder", "gpt-neox"):
        path = args.data / "tokenizers" / f"ggml-vocab-{name}.gguf"
        if not path.exists() or args.write or name not in (args.pre or PRE):
            continue
        ours = Ours(args.program, path)
        wrong += compare(f"bpe {name}, its own vocabulary", ours, [t.encode() for t in texts], bpe_reference(read_gguf(path), name, True))[1]
        ours.close()
    return wrong


# --- SentencePiece: BPE and unigram -----------------------------------------------------------------------------------

USER = ["<start_of_turn>", "\n\n", MARK * 2, "user@", "x += y"]


def train_sentencepiece(model_type, **options):
    import sentencepiece

    data = io.BytesIO()
    known = words()
    sentences = [" ".join(known[i:i + 12]) for i in range(0, len(known), 12)] * 2 + [b for b in BITS + QUOTES if "\0" not in b] * 20
    sentences += ["\u4e16\u754c \u043d\u0435\u0449\u043e \u00fcber  \u00e9t\u00e9 123 1,000   x", "a   b    c        d", "\u00e9\u00e8 \u00e9\u00e8 \u2460\u00bd"] * 20
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_writer=data, model_type=model_type, character_coverage=options.pop("coverage", 0.98),
        num_threads=1, minloglevel=2, **options)
    return data.getvalue()


def sentencepiece_vocab(model, kind, unused=()):
    """The metadata of a trained model, with some pieces made unused: the model that has them so, too."""
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model)
    for i, piece in enumerate(proto.pieces):
        if i in unused:
            piece.type = 5
    spec = proto.normalizer_spec
    vocab = {"model": kind, "architecture": "llama", "tokens": [p.piece for p in proto.pieces], "types": [p.type for p in proto.pieces],
             "scores": [p.score for p in proto.pieces], "unknown": 0, "add_space_prefix": spec.add_dummy_prefix,
             "remove_extra_whitespaces": spec.remove_extra_whitespaces}
    if spec.precompiled_charsmap:
        vocab["charsmap"] = spec.precompiled_charsmap.hex()
    return vocab, proto.SerializeToString()


def sentencepiece_reference(model):
    import sentencepiece

    p = sentencepiece.SentencePieceProcessor(model_proto=model)

    def decode(ids):
        return None if p.unk_id() in ids else p.decode(ids).encode()

    return p.encode, decode


def public_spm(path):
    """The public vocabulary of LLaMA as a SentencePiece model."""
    from sentencepiece import sentencepiece_model_pb2

    vocab = read_gguf(path)
    proto = sentencepiece_model_pb2.ModelProto()
    for token, score, kind in zip(vocab["tokens"], vocab["scores"], vocab["types"]):
        proto.pieces.add(piece=token, score=score, type=kind)
    proto.trainer_spec.model_type = 2
    proto.trainer_spec.byte_fallback = True
    proto.normalizer_spec.name = "identity"
    proto.normalizer_spec.add_dummy_prefix = True
    proto.normalizer_spec.remove_extra_whitespaces = False
    proto.normalizer_spec.escape_whitespaces = True
    return proto.SerializeToString()


def run_sentencepiece(args, kind, runs):
    wrong = 0
    golden = {"runs": []}
    texts = list(make_bytes(make_texts(args.texts, args.seed, args.write), args.seed))
    for name, vocab, model in runs:
        path = os.path.join(args.folder, f"{name}.gguf")
        write_gguf(path, vocab)
        ours = Ours(args.program, path)
        encode, decode = sentencepiece_reference(model)
        got, bad = compare(f"{kind} {name}", ours, texts, encode, decode)
        wrong += bad
        back = [None if decode(ids) is None else decode(ids).hex() for ids in got]
        golden["runs"].append({"name": name, "vocab": rename(vocab), "ids": got, "decoded": back})
        ours.close()
    store(args, kind, golden, texts)
    return wrong


def run_spm(args):
    small = 420 if args.write else 1500
    plain = {"normalization_rule_name": "identity", "remove_extra_whitespaces": False}
    llama = train_sentencepiece("bpe", vocab_size=small, byte_fallback=True, **plain)
    gemma = train_sentencepiece("bpe", vocab_size=small, byte_fallback=True, add_dummy_prefix=False, user_defined_symbols=USER, **plain)
    other = train_sentencepiece("bpe", vocab_size=small, coverage=0.99, user_defined_symbols=USER)
    runs = [("llama", *sentencepiece_vocab(llama, "llama")), ("gemma", *sentencepiece_vocab(gemma, "llama"))]
    if not args.write: # the map of nmt_nfkc has 300 KB
        runs.append(("nmt_nfkc, no bytes, unused", *sentencepiece_vocab(other, "llama", range(20, small, 7))))
    else:
        runs.append(("unused", *sentencepiece_vocab(gemma, "llama", range(270, small, 7))))
    wrong = run_sentencepiece(args, "spm", runs)
    path = args.data / "tokenizers" / "ggml-vocab-llama-spm.gguf"
    if path.exists() and not args.write:
        ours = Ours(args.program, path)
        texts = list(make_bytes(make_texts(args.texts, args.seed), args.seed))
        wrong += compare("spm llama, its own vocabulary", ours, texts, *sentencepiece_reference(public_spm(path)))[1]
        ours.close()
    return wrong


def run_unigram(args):
    small = 420 if args.write else 1500
    plain = {"normalization_rule_name": "identity", "hard_vocab_limit": False}
    runs = [("t5, bytes", *sentencepiece_vocab(train_sentencepiece("unigram", vocab_size=small, byte_fallback=True, **plain), "t5"))]
    runs.append(("user-defined and unused", *sentencepiece_vocab(train_sentencepiece(
        "unigram", vocab_size=small - 200 if args.write else small, user_defined_symbols=USER, remove_extra_whitespaces=False,
        **plain), "t5", range(20, 1000, 7))))
    if not args.write: # the maps have 300 KB
        for rule in ("nmt_nfkc", "nmt_nfkc_cf"):
            model = train_sentencepiece("unigram", vocab_size=small, hard_vocab_limit=False, normalization_rule_name=rule, coverage=0.99)
            runs.append((rule, *sentencepiece_vocab(model, "t5")))
    else:
        runs.append(("a map", *sentencepiece_vocab(train_sentencepiece("unigram", vocab_size=small - 200, normalization_rule_tsv=small_map(args)),
                                                   "t5")))
    return run_sentencepiece(args, "unigram", runs)


def small_map(args):
    path = os.path.join(args.folder, "map.tsv")
    rules = ["\u3000 \u0020", "\t \u0020", "\n \u0020", "\u00a0 \u0020", "\u00bd 1 2f 2", "\ufb01 f i", "\u00e9 e", "\u0065\u0301 \u00e9", "\u0000 ",
             "\u200b ", "\u2460 1"]
    lines = ["{}\t{}".format(" ".join(f"{ord(c):X}" for c in rule.split(" ")[0]),
                             " ".join(f"{ord(c):X}" for part in rule.split(" ")[1:] for c in part)) for rule in rules if rule[0] != "\0"]
    Path(path).write_text("".join(line + "\t# \n" for line in lines))
    return path


# --- RWKV -------------------------------------------------------------------------------------------------------------


def greedy(tokens):
    """The longest token at each place, by looking up every length from the longest down."""
    by_bytes = {}
    for i, token in enumerate(tokens):
        by_bytes.setdefault(token, i)
    longest = max(map(len, by_bytes))

    def encode(data):
        ids, at = [], 0
        while at < len(data):
            n = next(n for n in range(min(longest, len(data) - at), 0, -1) if data[at:at + n] in by_bytes)
            ids.append(by_bytes[data[at:at + n]])
            at += n
        return ids

    return encode, lambda ids: b"".join(tokens[i] for i in ids)


def rwkv_vocab(tokens):
    """As the converters write it: the token of id 0 is control, the others as Python's repr() of bytes."""
    return {"model": "rwkv", "architecture": "rwkv6", "tokens": ["<s>"] + [repr(t)[2:-1] for t in tokens[1:]],
            "types": [3] + [1] * (len(tokens) - 1)}


def run_rwkv(args):
    r = random.Random(SEED)
    texts = list(make_bytes(make_texts(args.texts, args.seed, args.write), args.seed))
    made = {bytes([i]) for i in range(256)}
    for text in make_bytes(make_texts(400, SEED + 3), SEED):
        for _ in range(2 if args.write else 10):
            at = r.randrange(len(text) + 1)
            made.add(text[at:at + r.choice([2, 2, 3, 4, 8, 16])])
    sets = [("made up", [b"<s>"] + sorted(made - {b""}))]
    world = args.data / "rwkv" / "rwkv_vocab_v20230424.txt"
    if world.exists() and not args.write:
        tokens = [b"<s>"]
        for line in world.read_text(encoding="utf-8").splitlines():
            text = ast.literal_eval(line[line.index(" ") + 1:line.rindex(" ")])
            tokens.append(text if isinstance(text, bytes) else text.encode())
        sets.append(("world", tokens))
    golden, wrong = {"runs": []}, 0
    for name, tokens in sets:
        path = os.path.join(args.folder, f"rwkv-{name}.gguf")
        vocab = rwkv_vocab(tokens)
        write_gguf(path, vocab)
        ours = Ours(args.program, path)
        encode, decode = greedy([b"\0<s>\0"] + tokens[1:])
        got, bad = compare(f"rwkv {name}", ours, texts, encode, decode)
        wrong += bad
        golden["runs"].append({"name": name, "vocab": rename(vocab), "ids": got, "decoded": [decode(ids).hex() for ids in got]})
        ours.close()
    store(args, "rwkv", golden, texts)
    return wrong


# --- BioGPT -----------------------------------------------------------------------------------------------------------


def biogpt_vocab(size):
    import sacremoses
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    moses = sacremoses.MosesTokenizer(lang="en")
    texts = [" ".join(moses.tokenize(text, aggressive_dash_splits=True)) for text in make_texts(1500, SEED + 4)] + [" ".join(
        moses.tokenize(" ".join(words()), aggressive_dash_splits=True))] * 3
    t = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    t.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    t.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=size, end_of_word_suffix="</w>", limit_alphabet=size // 4,
                                                     show_progress=False))
    model = json.loads(t.to_str())["model"]
    tokens = ["<s>", "<pad>", "</s>", "<unk>"] + [token for token, _ in sorted(model["vocab"].items(), key=lambda x: x[1])]
    tokens += [token + "</w>" for token in list(tokens[4:]) if len(token) == 1 and token + "</w>" not in tokens]
    merges = [" ".join(m) for m in model["merges"]]
    return {"model": "biogpt", "architecture": "biogpt", "tokens": tokens, "types": [3, 3, 3, 2] + [1] * (len(tokens) - 4),
            "merges": merges, "bos": 2, "eos": 2, "unknown": 3}


def biogpt_reference(vocab, folder):
    from transformers import BioGptTokenizer

    files = [os.path.join(folder, name) for name in ("vocab.json", "merges.txt")]
    Path(files[0]).write_text(json.dumps({token: i for i, token in enumerate(vocab["tokens"])}), encoding="utf-8")
    Path(files[1]).write_text("".join(m + "\n" for m in vocab["merges"]), encoding="utf-8")
    t = BioGptTokenizer(*files)

    def encode(data):
        t.cache.clear()
        text = data.decode(errors="surrogateescape")
        # Each byte that is no UTF-8 is one U+FFFD.
        text = "".join("\ufffd" if 0xdc80 <= ord(c) <= 0xdcff else c for c in text)
        return [t._convert_token_to_id(token) for token in t._tokenize(text)]

    def decode(ids):
        return None if 3 in ids else t.convert_tokens_to_string([vocab["tokens"][i] for i in ids]).encode()

    return encode, decode


def run_biogpt(args):
    vocab = biogpt_vocab(500 if args.write else 3000)
    texts = list(make_bytes(make_texts(args.texts, args.seed, args.write), args.seed))
    path = os.path.join(args.folder, "biogpt.gguf")
    write_gguf(path, vocab)
    ours = Ours(args.program, path)
    encode, decode = biogpt_reference(vocab, args.folder)
    got, wrong = compare("biogpt", ours, texts, encode, decode)
    # Decoding any ids, as a model may write them.
    r = random.Random(SEED)
    some = [[r.randrange(4, len(vocab["tokens"])) for _ in range(r.choice([1, 3, 10, 40]))] for _ in range(args.texts)]
    bad = [ids for ids in some if ours.decode(ids) != decode(ids)]
    print(f"biogpt, decoding random ids: {len(some)}, {len(bad)} differ")
    for ids in bad[:5]:
        print("   ", show([vocab["tokens"][i] for i in ids]), "\n      got ", show(ours.decode(ids)), "\n      want", show(decode(ids)))
    ours.close()
    back = [decode(ids) for ids in got]
    store(args, "biogpt", {"runs": [{"name": "made up", "vocab": rename(vocab), "ids": got,
                                     "decoded": [None if b is None else b.hex() for b in back]}]}, texts)
    return wrong + len(bad)


# --- golden vectors ---------------------------------------------------------------------------------------------------


def rename(vocab):
    """The names of the metadata keys behind tokenizer.ggml."""
    names = {"types": "token_type", "charsmap": "precompiled_charsmap", "bos": "bos_token_id", "eos": "eos_token_id",
             "unknown": "unknown_token_id"}
    return {names.get(key, key): value for key, value in vocab.items()}


def store(args, kind, golden, texts):
    """texts as hexadecimal digits, ids as text, one run for each set of metadata keys."""
    if not args.write:
        return
    golden["texts"] = [t.hex() for t in texts]
    for run in golden["runs"]:
        run["ids"] = [None if ids is None else " ".join(map(str, ids)) for ids in run["ids"]]
    golden["source"] = f"tests/infer/compare-tokenizers.py --kind {kind} --texts {args.texts} --write, seed {SEED}; " + ", ".join(
        f"{name} {__import__(name).__version__}" for name in ("tokenizers", "sentencepiece", "transformers"))
    path = args.write / f"tokenizer-{kind}.json"
    path.write_text(json.dumps(golden, ensure_ascii=True, separators=(",", ":")) + "\n")
    print(path, path.stat().st_size, "bytes")


KINDS = {"bpe": run_bpe, "bpe-characters": run_bpe_characters, "spm": run_spm, "unigram": run_unigram, "rwkv": run_rwkv, "biogpt": run_biogpt}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--program", required=True)
    p.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    p.add_argument("--kind", choices=KINDS, action="append")
    p.add_argument("--pre", choices=PRE, action="append", help="of bpe, only these (all)")
    p.add_argument("--texts", type=int)
    p.add_argument("--seed", type=int, default=SEED, help="of the texts; the vocabularies stay")
    p.add_argument("--write", type=Path)
    args = p.parse_args()
    if args.texts is None:
        args.texts = 100 if args.write else 100000
    wrong = 0
    with tempfile.TemporaryDirectory() as args.folder:
        for kind in args.kind or (list(KINDS) if not args.write else [kind for kind in KINDS if kind != "bpe-characters"]):
            wrong += KINDS[kind](args)
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
