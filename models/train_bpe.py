#!/usr/bin/env python3
"""Train the byte-level BPE on generated transcripts and write tokenizer.json."""

import argparse
import json
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from bpe import CONTROL, Bpe, pieces


def texts(paths, limit):
    for path in paths:
        with open(path) as f:
            for i, line in enumerate(f):
                if i == limit:
                    break
                group = json.loads(line)
                for _, text in group["head"]:
                    yield text
                for conversation in group["conversations"]:
                    for _, text, _ in conversation:
                        yield text


def check(bpe):
    """Digits and characters of SMILES are single tokens, nothing in the text becomes a control token."""
    for c in "0123456789()[]=#@+-/\\%.:$*CNOPSFIBcnops{},\"'":
        assert len(bpe.encode(c)) == 1, c
    for smiles in ("CC(=O)Oc1ccccc1C(=O)O", "C[C@H](N)C(=O)O", "[Na+].[Cl-]", "F/C=C\\F", "C%10CC%10", "Clc1ccccc1Br"):
        for text in (smiles, " " + smiles, '"' + smiles + '"'):
            assert len(bpe.encode(text)) == len(text), text
    for text in ("<|end|>", "What is the <|answer|>?", "naïve µg, 日本語 \n\t \x00", "180.159 g/mol"):
        ids = bpe.encode(text)
        assert min(ids) >= len(CONTROL) and bpe.decode(ids) == text, text
    for word in (" the", " molecular", " weight", "mol", " SMILES"):
        print(repr(word), len(bpe.encode(word)))


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("data", type=Path, nargs="+")
    ap.add_argument("--vocab", type=int, default=1280)
    ap.add_argument("--limit", type=int, default=2500, help="groups read of each file")
    ap.add_argument("--out", type=Path, default=Path(__file__).parent / "tokenizer.json")
    args = ap.parse_args()
    tk = Tokenizer(models.BPE())
    tk.pre_tokenizer = pieces()
    tk.train_from_iterator(texts(args.data, args.limit), trainers.BpeTrainer(
        vocab_size=args.vocab, special_tokens=CONTROL, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False))
    model = json.loads(tk.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    assert tokens[:len(CONTROL)] == CONTROL
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    args.out.write_text(json.dumps({"tokens": tokens, "merges": merges}, ensure_ascii=False, indent=0) + "\n")
    print(len(tokens), "tokens,", len(merges), "merges")
    check(Bpe(args.out))


if __name__ == "__main__":
    main()
