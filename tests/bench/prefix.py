#!/usr/bin/env python3
"""Says how much of a prompt is read anew when tools come to a task on its way.

    tests/bench/prefix.py build/corax-infer MODEL [STEPS [OPTION...]]

OPTIONs are for corax-infer serve: a model of tests/bench/make-model needs --template.

One conversation of STEPS steps (4), a tool more in each.  `note`: as coraxd sends it, the definition in a note behind the newest result and the
tool `later` in the list (docs/protocol.md).  `head`: the same conversation with the definition in the list at the head, as other tools are.
`none`: no tool comes.  Each in a corax-infer of its own; calls and results are given, not what the model says, so all of them are the same.
"""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FIRST = 4


def tools():
    """Some of those that retrieval is tried with, the schemas as models are sent them."""
    with open(os.path.join(HERE, "../tools/retrieval/tools.jsonl"), encoding="utf-8") as file:
        listed = [json.loads(line) for line in file]
    for tool in listed:
        members = {name: {"type": "string", "maxLength": 40} for name in list(tool["inputSchema"].get("properties", {}))[:2]}
        yield {"name": tool["name"], "description": tool["description"],
               "parameters": {"type": "object", "properties": members, "additionalProperties": False}}


def text(what):
    return [{"type": "text", "text": what}]


class Infer:
    def __init__(self, path, model, options):
        self.process = subprocess.Popen([path, "serve", *options, model], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.number = 0

    def chat(self, messages, listed):
        self.number += 1
        params = {"messages": messages, "tools": listed, "max_tokens": 1}
        ask = {"jsonrpc": "2.0", "id": self.number, "method": "chat", "params": params}
        self.process.stdin.write(json.dumps(ask).encode() + b"\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            answer = json.loads(line)
            if answer.get("id") == self.number:
                if "error" in answer:
                    sys.exit(f"corax-infer: {answer['error']['message']}")
                return answer["result"]["usage"]
        sys.exit("corax-infer ended")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def converse(infer, how, n_steps):
    """The usage of each ask."""
    known = list(tools())[::17]
    head, later = known[:FIRST], []
    messages = [{"role": "user", "parts": text("Find out what is new and tell the others.")}]
    yield infer.chat(messages, head)
    for step in range(n_steps):
        call = {"id": f"c{step + 1}", "name": head[step % FIRST]["name"], "arguments": "{}"}
        result = {"role": "tool", "call_id": call["id"], "name": call["name"], "error": False, "parts": text(f"done, number {step + 1}")}
        messages += [{"role": "assistant", "reasoning": "One after the other.", "parts": [], "calls": [call]}, result]
        more = known[FIRST + step]
        if how == "note":
            told = json.dumps(more, separators=(",", ":"))
            result["parts"] += text(f"\nThese tools may fit, too. You can call them from now on:\n{told}")
            later.append({**more, "later": True})
        elif how == "head":
            head = [*head, more]
        yield infer.chat(messages, head + later)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    n_steps = int(sys.argv[3]) if len(sys.argv) > 3 else 4
    for how in ("none", "note", "head"):
        infer = Infer(*sys.argv[1:3], sys.argv[4:])
        asks = list(converse(infer, how, n_steps))
        infer.close()
        again = sum(max(0, before["prompt_tokens"] - ask["cached_tokens"]) for before, ask in zip(asks, asks[1:]))
        sent = sum(before["prompt_tokens"] for before in asks[:-1])
        took = sum(ask["prompt_us"] for ask in asks[1:]) / n_steps / 1000
        print(f"{how}: of {sent} tokens that were sent before {again} are read again ({100 * again / sent:.1f} %); "
              f"{sum(ask['prompt_tokens'] - ask['cached_tokens'] for ask in asks[1:]) / n_steps:.0f} are read an ask, in {took:.1f} ms")


if __name__ == "__main__":
    main()
