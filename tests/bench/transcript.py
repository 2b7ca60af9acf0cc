#!/usr/bin/env python3
"""Writes a tool loop as corax-infer bench --replay reads it: arrays of token ids, read and written in turn.

    tests/bench/transcript.py build/corax-infer VOCABULARY models/eval/two_call.jsonl N > transcript.json

A transcript is N questions of the evaluation one after the other: the tools' schemas and the question, a call, its result, the next call
and, after the last result, an answer with what the question's evaluation looks for.  VOCABULARY is any GGUF file with a tokenizer, whose
ids the measured model must have.
"""
import json
import subprocess
import sys

TOOLS = """You may call tools. Each is described by its JSON Schema:
{"name":"formula","description":"The molecular formula of a molecule","parameters":{"type":"object","properties":{"smiles":{"type":"string"}},"required":["smiles"]}}
{"name":"canonical_smiles","description":"The canonical SMILES of a molecule","parameters":{"type":"object","properties":{"smiles":{"type":"string"}},"required":["smiles"]}}
{"name":"convert","description":"Converts a value between units","parameters":{"type":"object","properties":{"value":{"type":"number"},"from":{"type":"string"},"to":{"type":"string"}},"required":["value","from","to"]}}
{"name":"run_python","description":"Runs a Python program","parameters":{"type":"object","properties":{"code":{"type":"string"}},"required":["code"]}}
{"name":"search","description":"Searches the files","parameters":{"type":"object","properties":{"query":{"type":"string"}},"required":["query"]}}
"""


def parts_of(questions):
    """Texts, read and written in turn."""
    parts = [TOOLS]
    for q in questions:
        parts[-1] += f"<|im_start|>user\n{q['question']}<|im_end|>\n<|im_start|>assistant\n"
        for i, call in enumerate(q["calls"]):
            parts.append(f'<tool_call>\n{{"name": "{call["name"]}", "arguments": {call["arguments"]}}}\n</tool_call><|im_end|>\n')
            result = json.dumps({"ok": True, "result": q["answer_has"][min(i, len(q["answer_has"]) - 1)]})
            parts.append(f"<|im_start|>tool\n<tool_response>\n{result}\n</tool_response><|im_end|>\n<|im_start|>assistant\n")
        parts.append("According to the tools: " + " ".join(q["answer_has"]) + "<|im_end|>\n")
        parts.append("")
    return parts[:-1]


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    infer, vocabulary, path, n = sys.argv[1:]
    with open(path) as f:
        questions = [json.loads(line) for line in f][:int(n)]
    tokens = [json.loads(subprocess.run([infer, "tokenize", vocabulary, "--file", "-", "--json"], input=part, text=True, check=True,
                                        capture_output=True).stdout)["tokens"] for part in parts_of(questions)]
    print(json.dumps(tokens))


if __name__ == "__main__":
    main()
