#!/usr/bin/env python3
"""A small random BERT with its vocabulary, and what transformers makes of texts with it on the CPU in F32: ids, and vectors pooled by mean and cls.

    pip install torch==2.13.0 transformers==5.24.0 safetensors
    python3 make_bert.py
"""

import json
import pathlib
import random
import string

import torch
import transformers

OUT = pathlib.Path(__file__).parent / "encoders" / "bert"
PIECES = ["the", "##ing", "weather", "un", "##aff", "##able", "caf", "naive", "walk", "##ed", "ss", "##ss", "北", "京", "##京", "ß", "stra", "##ße", "é",
          "ко", "##т", "10", "##̇"]
TEXTS = ["", "The weather", "unaffable walking", "Naïve CAFÉ", "北京the京", "a.b,c!?", "##ing ##", "zero\u200bwidth\u00a0and\u3000wide",
         "tab\tnew\nline\rend", "x" * 100, "x" * 101, "Straße STRASSE", "кот КОТ", "İstanbul I", "e\u0301\u0301x", "…—“quoted”", "1000 $5 €7 ~^`|", "\u0001\u0007the",
         "ÅÅngström ﬁ", "한국", "🙂 the", "\ufffdthe\ufeff", "▁the", "\u0903\u0915\u093e", "a\u0300b\u0327"]


def vocabulary():
    marks = [c for c in string.punctuation]
    letters = list(string.ascii_lowercase + string.digits)
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + marks + letters + ["##" + c for c in letters] + PIECES


def long_text(rng, n_words):
    return " ".join("".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randint(1, 4))) for _ in range(n_words))


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "1_Pooling").mkdir(exist_ok=True)
    (OUT / "vocab.txt").write_text("\n".join(vocabulary()) + "\n", encoding="utf-8")
    config = transformers.BertConfig(vocab_size=len(vocabulary()), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48,
                                     max_position_embeddings=300, hidden_dropout_prob=0, attention_probs_dropout_prob=0)
    torch.manual_seed(5)
    model = transformers.BertModel(config, add_pooling_layer=False).eval()
    for parameter in model.parameters():  # norms and biases that say something; attention that is not flat
        with torch.no_grad():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.2)
            else:
                parameter.mul_(12)
    model.save_pretrained(OUT)
    pooling = {"word_embedding_dimension": 32, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
    (OUT / "1_Pooling" / "config.json").write_text(json.dumps(pooling) + "\n")
    tokenizer = transformers.BertTokenizer(str(OUT / "vocab.txt"), do_lower_case=True)
    rng = random.Random(3)
    texts = TEXTS + [long_text(rng, n) for n in (20, 52, 60, 100, 118)]
    out = []
    for text in texts:
        ids = tokenizer(text)["input_ids"]
        entry = {"text": text, "ids": ids}
        if len(ids) <= config.max_position_embeddings:
            with torch.no_grad():
                hidden = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
            for name, vector in (("mean", hidden.mean(0)), ("cls", hidden[0])):
                entry[name] = [round(float(x), 7) for x in vector / vector.norm()]
        out.append(entry)
    result = {"source": f"tests/infer/vectors/make_bert.py; transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}", "texts": out}
    (OUT / "expected.json").write_text(json.dumps(result, ensure_ascii=True, separators=(",", ":")) + "\n")
    print(max(len(t["ids"]) for t in out), sorted(len(t["ids"]) for t in out)[-6:])


if __name__ == "__main__":
    main()
