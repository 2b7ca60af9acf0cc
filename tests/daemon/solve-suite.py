"""solve-suite.py WHAT SUITE: a script for scripted-infer that answers the suite's questions

    solve    each as its solution says: its calls, then its answer, or what the last call gave
    rotate   each with the solution of the next question
    no       each with the word no

Tasks that go before a question are answered with a word.
"""

import json
import sys

what, path = sys.argv[1:]
with open(path, encoding="utf-8") as f:
    questions = json.load(f)["questions"]
script = {}
for i, q in enumerate(questions):
    for text in q.get("before", {}).get("tasks", []):
        script[text] = [{"text": "Noted."}]
    solution = questions[(i + 1) % len(questions)]["solution"] if what == "rotate" else q["solution"]
    calls = [{"calls": [{"name": c["tool"], "arguments": json.dumps(c["arguments"], ensure_ascii=False)}]} for c in solution["calls"]]
    answer = {"text": solution["answer"]} if "answer" in solution else {"echo": True}
    script[q["input"]] = [{"text": "no"}] if what == "no" else [*calls, answer]
json.dump(script, sys.stdout, ensure_ascii=False)
