#!/usr/bin/env python3
"""Run the held-out questions: in PyTorch with simulated tools (--checkpoint), or through coraxd: a running one (--socket) or
one started for this from a build folder (--build).

The questions of the kind search are about the folders in eval/corpus/; a running coraxd must have them as its roots:
    coraxd ... $(for d in models/eval/corpus/*; do echo --root $(basename $d)=$(realpath $d); done)

A question counts as correct when its answer contains every expected piece, digit for digit.  "calls" counts runs whose
calls were exactly the expected ones.  The PyTorch loop decodes greedily and masks only control tokens that the model may
not write; it does not constrain a call to the schema as the daemon does, so a malformed call is a wrong answer here.
"""

import argparse
import copy
import http.client
import json
import shlex
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
KINDS = ["one_call", "two_call", "no_call", "repair", "search", "python"]
MAX_STEPS = 6
MAX_TOKENS = 300


def questions(kind, limit):
    with open(HERE / "eval" / f"{kind}.jsonl") as f:
        return [json.loads(line) for line in f][:limit]


class Oracle:
    """oracle.py in the Python that has RDKit"""

    def __init__(self, python):
        self.child = subprocess.Popen([python, HERE / "oracle.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def call(self, name, arguments):
        self.child.stdin.write(json.dumps({"name": name, "arguments": arguments}) + "\n")
        self.child.stdin.flush()
        out = json.loads(self.child.stdout.readline())
        return ("error: " if out["error"] else "") + out["text"]


class Torch:
    def __init__(self, checkpoint, tokenizer, python, quantized):
        import torch

        import dialect
        from bpe import Bpe
        from export_gguf import dequantize, quantize
        from model import Config, Raven
        torch.set_num_threads(1)
        saved = torch.load(checkpoint, weights_only=True)
        self.bpe, self.oracle = Bpe(tokenizer), Oracle(python)
        self.model = Raven(Config(**saved["config"]))
        weights = saved["model"]
        if quantized:
            weights = {k: torch.from_numpy(dequantize(quantize(w.numpy()), tuple(w.shape)).copy()) if w.ndim == 2 else w for k, w in weights.items()}
        self.model.load_state_dict(weights)
        self.head = [[] for _ in self.model.blocks]
        self.model.step(dialect.as_ids(self.bpe, dialect.segments([], dialect.TOOLS)), self.head)

    def write(self, ids, caches, stops, done=lambda text: False):
        """Feed ids, then decode until a control token of stops or done(text); (text, that control token or None)"""
        control, text = self.bpe.control, []
        banned = [i for name, i in control.items() if name not in stops]
        for _ in range(MAX_TOKENS):
            logits = self.model.step(ids, caches)
            logits[banned] = float("-inf")
            token = int(logits.argmax())
            name = next((n for n in stops if control[n] == token), None)
            if name:
                return self.bpe.decode(text), name
            text.append(token)
            ids = [token]
            if done(self.bpe.decode(text)):
                self.model.step(ids, caches)
                return self.bpe.decode(text), None
        return self.bpe.decode(text), None

    def ask(self, row):
        """(answer, calls made)"""
        caches, control, calls = copy.deepcopy(self.head), self.bpe.control, []
        feed = [control["user"]] + self.bpe.encode(row["question"]) + [control["think"]]
        for _ in range(MAX_STEPS):
            _, what = self.write(feed, caches, ("call", "answer"))
            if what == "answer":
                return self.write([control["answer"]], caches, ("end",))[0], calls
            if what is None:
                return "", calls
            text, _ = self.write([control["call"]], caches, (), done=closed)
            name, _, arguments = text.partition(" ")
            calls.append({"name": name, "arguments": arguments})
            try:
                observed = self.oracle.call(name, json.loads(arguments, parse_float=str))
            except ValueError:
                return "", calls
            feed = [control["obs"]] + self.bpe.encode(observed) + [control["think"]]
        return "", calls


def closed(call):
    if not call.endswith("}"):
        return False
    try:
        json.loads(call.partition(" ")[2])
    except ValueError:
        return False
    return True


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Daemon:
    def __init__(self, path):
        self.path = path

    def request(self, method, url, body=None):
        connection = UnixConnection(self.path)
        connection.request(method, url, json.dumps(body) if body else None, {"Content-Type": "application/json"})
        reply = json.loads(connection.getresponse().read())
        connection.close()
        if "error" in reply and "id" not in reply:
            raise RuntimeError(reply["error"]["message"])
        return reply

    def ask(self, row):
        task = self.request("POST", "/v1/tasks", {"input": row["question"], "attended": False})
        state = {}
        while state.get("state") != "finished":
            state = self.request("GET", f"/v1/tasks/{task['id']}?wait=30")
        trace = self.request("GET", f"/v1/tasks/{task['id']}/trace")
        calls = [{"name": e["tool"], "arguments": e["arguments"]} for e in trace["events"] if e["kind"] == "tool_intent"]
        return state["answer"] or "", calls


@contextmanager
def private_daemon(build, model):
    """The socket of a coraxd that lives as long as the block"""
    with tempfile.TemporaryDirectory(prefix="corax-eval.") as folder:
        variables = {"daemon_build": build.resolve(), "daemon_source": HERE.parent, "daemon_run": folder}
        script = "".join(f"{k}={shlex.quote(str(v))}\n" for k, v in variables.items())
        script += f'. "$daemon_source/build-aux/private-daemon.sh"\ndaemon_write_conf {shlex.quote(str(model.resolve()))}\n'
        subprocess.run(["sh", "-euc", script], check=True)
        roots = [f"--root={d.name}={d.resolve()}" for d in sorted((HERE / "eval" / "corpus").iterdir())]
        with open(f"{folder}/log", "w") as log:
            child = subprocess.Popen([build / "coraxd", "-c", f"{folder}/corax.conf", *roots], stdin=subprocess.DEVNULL, stderr=log)
        try:
            for _ in range(100):
                if child.poll() is not None:
                    raise SystemExit("coraxd did not start: " + Path(f"{folder}/log").read_text())
                try:
                    Daemon(f"{folder}/coraxd.sock").request("GET", "/healthz")
                    break
                except OSError:
                    time.sleep(0.1)
            yield f"{folder}/coraxd.sock"
        finally:
            child.terminate()
            child.wait()


def run(engine, kinds, limit, wrong):
    """[(kind, n, correct, calls as expected), ...]; what went wrong is written to the file wrong"""
    table = []
    for kind in kinds:
        rows, right, same = questions(kind, limit), 0, 0
        for row in rows:
            answer, calls = engine.ask(row)
            ok = all(piece in answer for piece in row["answer_has"])
            right += ok
            same += calls == row["calls"]
            if not ok and wrong:
                wrong.write(json.dumps({**row, "got": answer, "got_calls": calls}, ensure_ascii=False) + "\n")
        table.append((kind, len(rows), right, same))
        print(f"{kind}: {right} of {len(rows)} correct, calls as expected in {same}", flush=True)
    return table


def report(path, table, how, checkpoints):
    lines = ["# How well the model answers", "", "Made by `models/evaluate.py --report`. The questions (`models/eval/`) use phrasings, molecules, names, files and",
             "programs that training never saw. Correct: the answer contains every expected piece, digit for digit.", "", how, "",
             "| kind | questions | correct | | calls exactly as expected |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {kind} | {n} | {right} | {100 * right / n:.1f} % | {same} |" for kind, n, right, same in table]
    if checkpoints:
        lines += ["", "## While training", "", "Held-out rows (40; 60 in the last run; those of different data do not compare), teacher-forced: loss, and the share of",
                  "calls and answers whose every token is the most probable one (greedy decoding would write them exactly).", "", "| step | minutes | loss | calls exact | answers exact |", "| --- | --- | --- | --- | --- |"]
        for line in checkpoints.read_text().splitlines()[1:]:
            _, step, seconds, loss, calls, answers = line.split(",")
            lines.append(f"| {step} | {float(seconds) / 60:.1f} | {float(loss):.4f} | {100 * float(calls):.1f} % | {100 * float(answers):.1f} % |")
    path.write_text("\n".join(lines) + "\n")


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    where = ap.add_mutually_exclusive_group(required=True)
    where.add_argument("--checkpoint", type=Path)
    where.add_argument("--socket")
    where.add_argument("--build", type=Path, help="build folder with coraxd, corax-infer, corax-host and the plugins")
    ap.add_argument("--model", type=Path, default=HERE / "corax-raven-1-q8_0.gguf", help="for --build")
    ap.add_argument("--tokenizer", type=Path, default=HERE / "tokenizer.json")
    ap.add_argument("--python", default="/usr/bin/python3", help="the Python that has RDKit")
    ap.add_argument("--f32", action="store_true", help="weights as trained instead of as Q8_0 stores them")
    ap.add_argument("--kind", choices=KINDS, action="append")
    ap.add_argument("--limit", type=int)
    ap.add_argument("--wrong", type=Path, help="write wrong answers as JSON lines")
    ap.add_argument("--report", type=Path, help="write the table as Markdown")
    ap.add_argument("--checkpoints", type=Path, default=HERE / "log" / "checkpoints.csv")
    args = ap.parse_args()
    end_to_end = "Run end to end: coraxd, its tools and its inference core, over the Unix socket."
    wrong = open(args.wrong, "w") if args.wrong else None
    if args.build:
        how = end_to_end
        with private_daemon(args.build, args.model) as path:
            table = run(Daemon(path), args.kind or KINDS, args.limit, wrong)
    elif args.socket:
        how = end_to_end
        table = run(Daemon(args.socket), args.kind or KINDS, args.limit, wrong)
    else:
        how = f"Run in PyTorch, greedy, weights {'F32' if args.f32 else 'as Q8_0 stores them'}, tools simulated by `models/oracle.py`."
        table = run(Torch(args.checkpoint, args.tokenizer, args.python, not args.f32), args.kind or KINDS, args.limit, wrong)
    if args.report:
        report(args.report, table, how, args.checkpoints if args.checkpoints.exists() else None)


if __name__ == "__main__":
    main()
