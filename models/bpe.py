"""The tokenizer of the dialect corax-1: pieces, byte-level BPE, and control tokens that text can never produce."""

import json

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

CONTROL = ["<|begin|>", "<|system|>", "<|tools|>", "<|user|>", "<|think|>", "<|call|>", "<|obs|>", "<|answer|>", "<|end|>", "<|pad|>"]
# docs/dialect-corax.md; its "." with DOTALL is [\s\S] here, which means the same in every regex dialect.
PIECE = r" ?(?<![A-Za-z0-9()\[\]=#@+\-/\\%.])[A-Za-z]?[a-z]+(?![A-Za-z0-9()\[\]=#@+\-/\\%])|[\s\S]"


def pieces():
    split = pre_tokenizers.Split(Regex(PIECE), "isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


class Bpe:
    """Loaded from tokenizer.json of ours: {"tokens": [...], "merges": ["a b", ...]}; the control tokens come first."""

    def __init__(self, path):
        with open(path) as f:
            data = json.load(f)
        self.tokens, self.merges = data["tokens"], data["merges"]
        vocab = {t: i for i, t in enumerate(self.tokens)}
        self.tk = Tokenizer(models.BPE(vocab=vocab, merges=[tuple(m.split(" ")) for m in self.merges]))
        self.tk.pre_tokenizer = pieces()
        self.tk.decoder = decoders.ByteLevel()
        self.control = {t[2:-2]: vocab[t] for t in CONTROL}

    def encode(self, text):
        return self.tk.encode(text, add_special_tokens=False).ids

    def encode_batch(self, texts):
        return [e.ids for e in self.tk.encode_batch(texts, add_special_tokens=False)]

    def decode(self, ids):
        return self.tk.decode([i for i in ids if i >= len(CONTROL)])
