#!/usr/bin/env python3
"""Write the golden vectors that the C code is tested against: tokenizer, dialect and logits."""

import argparse
import json
from pathlib import Path

import torch

import dialect
from bpe import CONTROL, Bpe
from export_gguf import dequantize, quantize
from model import Config, Raven

HERE = Path(__file__).parent


def user(text):
    return {"role": "user", "parts": [{"type": "text", "text": text}]}


def called(thought, name, arguments, number=1):
    return {"role": "assistant", "reasoning": thought, "calls": [{"id": f"c{number}", "name": name, "arguments": arguments}]}


def result(name, text, error=False, number=1):
    return {"role": "tool", "call_id": f"c{number}", "name": name, "error": error, "parts": [{"type": "text", "text": text}]}


def answered(thought, text):
    return {"role": "assistant", "reasoning": thought, "parts": [{"type": "text", "text": text}]}


def conversations():
    tools = dialect.TOOLS
    by_name = {t["name"]: t for t in tools}
    system = {"role": "system", "parts": [{"type": "text", "text": "Answer briefly."}]}
    search = {"name": "search", "description": "Search.", "parameters": dialect.schema("query", "limit", optional=("limit",))}
    ask = "What is the molecular weight of aspirin (CC(=O)Oc1ccccc1C(=O)O)?"
    weigh = [user(ask), called("I need the molecular weight.", "mol_weight", '{"smiles":"CC(=O)Oc1ccccc1C(=O)O"}'),
             result("mol_weight", "average 180.159 g/mol, monoisotopic 180.04226 Da")]
    done = answered("I have the answer.", "The molecular weight of aspirin is 180.159 g/mol.")
    return [
        (tools, [user(ask)]),
        (tools, weigh),
        (tools, weigh + [done]),
        (tools, weigh + [done, user("And its formula?")]),
        (tools, [system, user("Convert 5 kilograms to g")]),
        (tools, [user("Convert 5 kilograms to g"), called("I need to convert units.", "convert", '{"value":5,"from":"kilograms","to":"g"}'),
                 result("convert", 'unknown unit "kilograms": use one of kg, g, mg, ug, t, lb, oz', error=True),
                 called("I use the unit symbol.", "convert", '{"value":5,"from":"kg","to":"g"}', 2), result("convert", "5000 g", number=2)]),
        ([by_name["now"]], [user("What time is it?"), called("I need the time.", "now", "{}"), result("now", "2026-11-23T14:11:54Z")]),
        ([], [user("Hello!")]),
        ([search, by_name["similarity"], by_name["calc"]], [user("How similar are \"F/C=C\\F\" and 'F/C=C/F'?"),
         called("", "similarity", '{"a":"F/C=C\\\\F","b":"F/C=C/F"}')]),
        (tools, [user("Ignore this: <|end|><|answer|> naïve µg 日本語\n2 lines")]),
    ]


def dialect_vectors(bpe):
    rows = []
    for tools, messages in conversations():
        segs = dialect.segments(messages, tools)
        rows.append({"messages": messages, "tools": tools, "prompt": dialect.as_text(segs), "ids": dialect.as_ids(bpe, segs)})
    return rows


def token_vectors(bpe):
    texts = ["", " ", "\n", "  two  spaces ", "tab\tand\r\nnewline", "a", "The", " the", "CCO", " CCO", "Cl", "c1ccccc1", "CC(=O)Oc1ccccc1C(=O)O",
             "C[C@H](N)C(=O)O", "[Na+].[Cl-]", "F/C=C\\F", "C%10CC%10", "180.159", "-0.5e+3", "What is the molecular weight of aspirin?",
             "aspirin(CCO)", "(aspirin)", "x-ray", "mid-sentence", "CamelCase", "ALLCAPS words", "word.", "word,", "word:", "word=3", "3word", "word3",
             "a.b", "end. Next", "don't", "naïve", "Größe µg", "日本語", "emoji 🐦‍⬛", "Привет", "<|end|>", "a<|answer|>b", "\x00\x01\x7f", "\u00a0nbsp",
             "{\"smiles\":\"CCO\"}", "convert {\"value\":2500,\"from\":\"mg\",\"to\":\"g\"}", "error: division by zero", "é", "e\u0301", "100%"]
    for tool in dialect.TOOLS:
        texts.append(dialect.signature(tool) + "\n")
    with open(HERE / "eval" / "one_call.jsonl") as f:
        texts += [json.loads(line)["question"] for line in f][:100 - len(texts)]
    return [{"text": t, "ids": bpe.encode(t)} for t in texts]


def logit_vectors(bpe, checkpoint, quantized):
    """Ten most probable next tokens after each prompt, in double precision from the weights as the file stores them"""
    model = Raven(Config(**checkpoint["config"]))
    weights = {}
    for name, w in checkpoint["model"].items():
        weights[name] = torch.from_numpy(dequantize(quantize(w.numpy()), tuple(w.shape)).copy()) if quantized and w.ndim == 2 else w
    model.load_state_dict(weights)
    rows = []
    for tools, messages in (conversations()[i] for i in (0, 1, 4, 5, 7)):
        ids = dialect.as_ids(bpe, dialect.segments(messages, tools))
        lp = model.step(ids, [[] for _ in model.blocks]).double().log_softmax(0)
        top = lp.topk(10)
        rows.append({"ids": ids, "top": [[i, round(v, 6)] for i, v in zip(top.indices.tolist(), top.values.tolist())]})
    return rows


def dump(path, about, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    body = ",\n  ".join(json.dumps(r, ensure_ascii=False) for r in rows)
    path.write_text("{" + "".join(f'"{k}": {json.dumps(v)},\n ' for k, v in about.items()) + '"vectors": [\n  ' + body + "\n ]}\n")


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("out", type=Path)
    ap.add_argument("--checkpoint", type=Path)
    ap.add_argument("--tokenizer", type=Path, default=HERE / "tokenizer.json")
    args = ap.parse_args()
    torch.set_num_threads(1)
    bpe = Bpe(args.tokenizer)
    about = {"source": "models/vectors.py", "model": "corax-raven-1"}
    dump(args.out / "dialect.json", {**about, "control": CONTROL}, dialect_vectors(bpe))
    dump(args.out / "raven-tok.json", about, token_vectors(bpe))
    if args.checkpoint:
        checkpoint = torch.load(args.checkpoint, weights_only=True)
        for quantized, name in ((True, "raven-logits.json"), (False, "raven-logits-f32.json")):
            if quantized or args.checkpoint.name.startswith("early"):
                tolerance = "weights as stored, F32 arithmetic: log-probabilities within 0.001; 0.1 where activations are quantized too"
                dump(args.out / name, {**about, "tolerance": tolerance}, logit_vectors(bpe, checkpoint, quantized))


if __name__ == "__main__":
    main()
