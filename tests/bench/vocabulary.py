#!/usr/bin/env python3
"""Trains a large vocabulary on the text that a Debian system has: byte-level BPE, 128,000 tokens and 256 special ones.

    pip install tokenizers gguf
    tests/bench/vocabulary.py FOLDER [--infer BUILD/corax-infer]

writes FOLDER/tokenizer.json, FOLDER/vocabulary.gguf (a vocabulary alone, which corax-infer reads) and FOLDER/vocabulary.json, which
says what went in.  It takes a few minutes, once: nothing happens when all three are there.  The same files on the system give the
same vocabulary.  --infer checks that corax-infer gives the ids of `tokenizers` for samples of every kind of text.

Masks are measured with it (masks.py): what a mask costs depends on how many tokens there are and how they share their
beginnings, so they have to be what published vocabularies of that size have: words of several languages, names in programs,
spaces before a line of code, and the signs of JSON.  The pieces are cut and the special tokens counted as Llama 3 does.

With the manual pages and documents of an ordinary system there is enough text; these packages bring more of it:
    wamerican-huge manpages-dev manpages-de manpages-fr manpages-es perl-doc python3-doc debian-handbook
"""
import argparse
import gzip
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

N_TOKENS, N_SPECIAL = 128_000, 256
PIECES = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>"] + [f"<|reserved_special_token_{i}|>" for i in range(N_SPECIAL - 2)]
MAX_FILE = 1 << 20   # bytes of one file: a list of a million lines would teach its own words only
MIN_TEXT = 100 << 20 # bytes: with less, the last merges are of pairs that hardly occur
# kind: (bytes of it at most, folders, the ends of names)
KINDS = {
    "prose": (70 << 20, ["/usr/share/doc", "/usr/share/perl", "/usr/share/vim"],
              ["", ".txt", ".md", ".rst", ".pod", ".html", ".gz", ".markdown", "README", "NEWS", "copyright"]),
    "manual": (60 << 20, ["/usr/share/man"], [".gz", ".1", ".3"]),
    "translations": (50 << 20, ["/usr/share/locale", "/usr/share/vim"], [".mo", ".po"]),
    "words": (20 << 20, ["/usr/share/dict"], ["american-english-huge", "american-english", "ngerman", "french", "spanish"]),
    "python": (30 << 20, ["/usr/lib/python3", "/usr/lib/python3.11", "/usr/lib/python3.12", "/usr/lib/python3.13"],
               [".py", ".pyi"]),
    "programs": (30 << 20, ["/usr/share/perl", "/usr/share/perl5", "/usr/lib/x86_64-linux-gnu/perl", "/usr/share/nodejs",
                            "/usr/lib/node_modules", "/usr/share/javascript", "/usr/share/go-1.19", "/usr/share/bash-completion",
                            "/usr/share/vim"],
                 [".pl", ".pm", ".js", ".mjs", ".ts", ".go", ".sh", ".vim", ".css"]),
    "headers": (25 << 20, ["/usr/include"], [".h", ".hpp"]),
    "data": (40 << 20, ["/usr/share", "/usr/lib/node_modules", "/usr/lib/python3", "/etc"],
             [".json", ".yaml", ".yml", ".xml", ".toml", ".ini", ".conf", ".service", ".desktop"]),
    "markup": (10 << 20, ["/usr/share/doc", "/usr/lib/python3"], [".html", ".svg"]),
}
SAMPLES = [
    '{"name": "Ada", "tags": ["a", "b"], "n": -1.5e10, "ok": true, "none": null, "nested": {"x": {"y": []}}}',
    '{\n  "type": "object",\n  "properties": {\n    "id": {"type": "integer"}\n  }\n}',
    "def main(argv):\n    for i in range(10):\n        print(f\"{i:>4}\")\n\n\nif __name__ == '__main__':\n    main()\n",
    "It's what we'll see; THEY'RE 12345 and 2024-01-31T00:00:00Z.   Trailing   spaces  \n\n\n",
    "Größe, français, señor, Привет мир, 日本語のテキスト, 한국어, العربية, emoji 😀🎉 and \u00a0 no-break.",
    "static int open_file(const char *path, struct err *err)\n{\n\treturn path ? 0 : -1;\n}\r\n",
]


def roff_text(text):
    """A manual page without its requests: the words after .B, .SH and the like stay."""
    text = re.sub(r'^[.\'\\]["#].*\n', "", text, flags=re.M)
    text = re.sub(r"^[.'][ \t]*[A-Za-z]{1,3}\b[ \t]*", "", text, flags=re.M)
    text = re.sub(r"\\f(?:\[[^]]*\]|\(..|.)|\\[&|^/,]|\\s[-+]?\d", "", text)
    text = re.sub(r"\\\((?:aq|cq|oq)|\\\[(?:aq|cq|oq)\]", "'", text)
    text = re.sub(r"\\\((?:lq|rq|dq)|\\\[(?:lq|rq|dq)\]", '"', text)
    return re.sub(r"\\([-. ~'`e])", lambda m: {"~": " ", "e": "\\"}.get(m[1], m[1]), text)


def catalogue_text(data):
    """The translations of a compiled catalogue (.mo): its header, then two tables of lengths and offsets."""
    if data[:4] not in (b"\xde\x12\x04\x95", b"\x95\x04\x12\xde") or len(data) < 20:
        return ""
    order = "<" if data[0] == 0xde else ">"
    n, _, at = struct.unpack(order + "3I", data[8:20])
    entries = [struct.unpack(order + "2I", data[at + 8 * i:at + 8 * i + 8]) for i in range(1, n) if at + 8 * i + 8 <= len(data)]
    return b"\n".join(data[o:o + size].replace(b"\0", b"\n") for size, o in entries).decode("utf-8", "ignore")


def json_forms(text):
    """The same as programs write it to each other: on one line, without spaces and with them.  Files on disk are mostly indented."""
    try:
        value = json.loads(text)
        return "".join("\n" + json.dumps(value, ensure_ascii=False, separators=s) for s in ((",", ":"), (", ", ": ")))
    except (ValueError, RecursionError):
        return ""


def read_text(path, kind):
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    if path.suffix == ".mo":
        return catalogue_text(data)[:MAX_FILE]
    if b"\0" in data:
        return ""
    if kind != "words":
        data = data[:MAX_FILE]
    text = data.decode("utf-8", "ignore")
    if kind == "manual":
        return roff_text(text)
    if path.suffix == ".html" and kind == "prose":
        return re.sub(r"<[^>]*>", "", text)
    if path.suffix == ".json":
        return text + json_forms(text)
    return text


def files_of(folders, ends):
    """In an order that depends on their names alone, and no folder comes first: what is left out is of all sorts."""
    found = set()
    for folder in folders:
        for at, _, names in os.walk(folder):
            for name in names:
                path = Path(at, name)
                if (path.suffix in ends or name in ends) and path.is_file() and not path.is_symlink():
                    found.add(str(path))
    return [Path(p) for p in sorted(found, key=lambda p: hashlib.sha256(p.encode("utf-8", "surrogateescape")).digest())]


def texts(report):
    """Yields texts, none twice; report gets what was taken of each kind."""
    seen, digest = set(), hashlib.sha256()
    for kind, (most, folders, ends) in KINDS.items():
        n_files = n_bytes = 0
        for path in files_of(folders, ends):
            try:
                text = read_text(path, kind)
            except (OSError, EOFError, gzip.zlib.error, struct.error):
                continue
            data = text.encode()
            key = hashlib.sha256(data).digest()
            if not data or key in seen:
                continue
            seen.add(key)
            digest.update(key)
            n_files, n_bytes = n_files + 1, n_bytes + len(data)
            yield from (text[i:i + 65536] for i in range(0, len(text), 65536))
            if n_bytes >= most:
                break
        report[kind] = {"files": n_files, "bytes": n_bytes}
    report["sha256"] = digest.hexdigest()


def train(folder, report):
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(PIECES), "isolated"),
                                                       pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=N_TOKENS, min_frequency=2, show_progress=False, max_token_length=128,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(texts(report), trainer)
    if tokenizer.get_vocab_size() != N_TOKENS:
        sys.exit(f"vocabulary: the text here gives {tokenizer.get_vocab_size()} tokens, not {N_TOKENS}: see --help for packages")
    tokenizer.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIAL])
    tokenizer.save(str(folder / "tokenizer.json"))


def write_gguf(folder):
    import gguf

    model = json.loads((folder / "tokenizer.json").read_text())
    ids = dict(model["model"]["vocab"], **{t["content"]: t["id"] for t in model["added_tokens"]})
    tokens = sorted(ids, key=ids.get)
    if [ids[t] for t in tokens] != list(range(N_TOKENS + N_SPECIAL)):
        sys.exit("vocabulary: the ids have gaps")
    w = gguf.GGUFWriter(str(folder / "vocabulary.gguf"), "llama")
    w.add_name("128k tokens of Debian's text")
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("llama-bpe")
    w.add_token_list(tokens)
    w.add_token_types([gguf.TokenType.NORMAL] * N_TOKENS + [gguf.TokenType.CONTROL] * N_SPECIAL)
    w.add_token_merges([" ".join(m) if isinstance(m, list) else m for m in model["model"]["merges"]])
    w.add_bos_token_id(ids[SPECIAL[0]])
    w.add_eos_token_id(ids[SPECIAL[1]])
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.close()


def check(folder, infer):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    samples = list(SAMPLES)
    for kind, (_, folders, ends) in KINDS.items(): # one file of each kind that is not among the first
        samples += [t[:20000] for t in (read_text(p, kind) for p in files_of(folders, ends)[-3:]) if t]
    for sample in samples:
        with tempfile.NamedTemporaryFile() as f:
            f.write(sample.encode())
            f.flush()
            out = subprocess.run([infer, "tokenize", folder / "vocabulary.gguf", "--file", f.name], stdout=subprocess.PIPE, check=True)
        ids = tokenizer.encode(sample, add_special_tokens=False).ids
        if [int(i) for i in out.stdout.split()] != ids:
            sys.exit(f"vocabulary: corax-infer cuts this in another way: {sample[:60]!r}")
    return len(samples)


def ensure(folder):
    """The folder with all three files in it."""
    folder = Path(folder)
    if all((folder / name).exists() for name in ("tokenizer.json", "vocabulary.gguf", "vocabulary.json")):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    report = {}
    train(folder, report)
    if sum(k["bytes"] for k in report.values() if isinstance(k, dict)) < MIN_TEXT:
        sys.exit("vocabulary: there is too little text here: see --help for packages")
    write_gguf(folder)
    (folder / "vocabulary.json").write_text(json.dumps(report, indent=1) + "\n")
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--infer", metavar="PROGRAM")
    args = parser.parse_args()
    folder = ensure(args.folder)
    print((folder / "vocabulary.json").read_text(), end="")
    if args.infer:
        print(f"corax-infer gives the same ids for {check(folder, args.infer)} samples")


if __name__ == "__main__":
    main()
