#!/usr/bin/env python3
"""Compares what masks of tokens cost, ours and llguidance's, over MaskBench's schemas with a vocabulary of 128,000 tokens.

    pip install llguidance tokenizers gguf numpy
    make tests/bench/masks tests/bench/masks_peer.la
    tests/bench/masks.py BUILD [--json FILE] [--keep FOLDER] [--sides peer,python,ours] [--slices json|general|none] [--parts 4]

The schemas and their instances are maskbench-quarter.jsonl.xz of the test data (CORAX_TEST_DATA, or ../shared/data beside the source).
They are cut into parts, and each part is measured on one side and then on the other, so that both meet the same machine.  A side is
one process with one thread for a part; `peer` and `ours` go through the loop of masks_replay.c.  `python` is the peer as MaskBench calls
it, through Python, which costs 1.3 us a call; there it has a tokenizer at hand, and where only one text can follow, its mask is the first
token of that text alone rather than all tokens that begin it.  `cold` is ours without what earlier schemas left.  The vocabulary (vocabulary.py) is trained where
BUILD/tests/bench/vocabulary has none, which takes minutes.

As MaskBench counts: an instance is written by Python's json.dumps, tokenized, and followed token by token until one is not in the
mask.  A schema is `passing` if all its valid instances came through and no invalid one did, otherwise its last instance that was
taken wrongly makes it a validation error (a valid one stopped, or the engine gave up) or an invalidation error (an invalid one came
through).  `at the end` adds what MaskBench leaves out: whether the text may end where it does.

--keep leaves what each schema came to: SIDE.jsonl with name, status and message, and the raw times.
"""
import argparse
import ctypes
import json
import lzma
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("CORAX_TEST_DATA") or HERE.parents[2] / "shared" / "data") / "json-schema" / "maskbench-quarter.jsonl.xz"
SHARES = (25, 50, 75, 90, 95, 99, 99.9, 100)
SIDES = ("peer", "python", "cold", "ours")


def skip(why):
    print(f"masks: skipped: {why}")
    sys.exit(0)


def prepare(folder, n_parts, tokenizer_json):
    """Part i of the schemas in folder/part-i.jsonl, with the tokens of their instances."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_json))
    parts = [open(folder / f"part-{i}.jsonl", "w") for i in range(n_parts)]
    with lzma.open(DATA, "rt") as lines:
        for i, line in enumerate(lines):
            entry = json.loads(line)
            texts = [json.dumps(t["data"], ensure_ascii=False) for t in entry["tests"]]
            tests = [{"valid": t["valid"], "text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids}
                     for t, text in zip(entry["tests"], texts)]
            json.dump({"name": entry["name"], "schema": json.dumps(entry["schema"]), "tests": tests}, parts[i % n_parts])
            parts[i % n_parts].write("\n")
    for part in parts:
        part.close()


def end_token(tokenizer_json):
    return next(t["id"] for t in json.loads(Path(tokenizer_json).read_text())["added_tokens"] if t["content"] == "<|end_of_text|>")


def peer_slices(name):
    import llguidance

    return {"json": llguidance.LLTokenizer.json_slices(), "general": llguidance.LLTokenizer.general_slices(), "none": []}[name]


def peer_part(module, tokenizer_json, slices, source, target):
    """In a process of its own: the library is looked up in the package, and its Python is only what it needs to be loaded."""
    import llguidance

    library = next(str(p) for p in Path(llguidance.__path__[0]).glob("_lib*.so"))
    names = peer_slices(slices)
    slices_c = (ctypes.c_char_p * (len(names) + 1))(*[n.encode() for n in names], None)
    eos = end_token(tokenizer_json)
    message = ctypes.create_string_buffer(512)
    if ctypes.CDLL(module).masks_peer(library.encode(), tokenizer_json.encode(), ctypes.c_uint32(eos), slices_c, source.encode(),
                                      target.encode(), message) != 0:
        sys.exit(f"masks: peer: {message.value.decode()}")


def python_test(matcher, test, line, mask):
    """One instance: as run_test in masks_replay.c."""
    address, n_bytes, clock = mask.ctypes.data, mask.nbytes, time.perf_counter_ns
    taken, failed = 0, False
    for token in test["ids"]:
        start = clock()
        matcher.unsafe_compute_mask_ptr(address, n_bytes)
        line["mask_ns"].append(clock() - start)
        if not int(mask[token // 32]) >> token % 32 & 1:
            failed = matcher.is_error()
            break
        start = clock()
        matcher.consume_token(token)
        line["accept_ns"].append(clock() - start)
        taken += 1
    return {"valid": test["valid"], "taken": taken, "n": len(test["ids"]), "ends": matcher.is_accepting(), "failed": failed}


def python_schema(tokenizer, entry, mask):
    import llguidance

    line = {"name": entry["name"], "error": None, "tests": [], "mask_ns": [], "accept_ns": [], "first_ns": 0}
    grammar = json.dumps({"grammars": [{"json_schema": json.loads(entry["schema"])}]})
    start = time.perf_counter_ns()
    matcher = llguidance.LLMatcher(tokenizer, grammar, log_level=0)
    line["compile_ns"] = time.perf_counter_ns() - start
    if matcher.is_error():
        return {"name": entry["name"], "error": matcher.get_error()}
    line["tests"] = [python_test(matcher.deep_copy(), test, line, mask) for test in entry["tests"]]
    if line["mask_ns"]:
        line["first_ns"] = line["mask_ns"][0]
    else:
        start = time.perf_counter_ns()
        matcher.unsafe_compute_mask_ptr(mask.ctypes.data, mask.nbytes)
        line["first_ns"] = time.perf_counter_ns() - start
    return line


def python_part(tokenizer_json, slices, source, target):
    import llguidance
    import numpy

    tokenizer = llguidance.LLTokenizer(Path(tokenizer_json).read_text(), eos_token=end_token(tokenizer_json), slices=peer_slices(slices))
    mask = numpy.zeros((tokenizer.vocab_size + 31) // 32, dtype=numpy.uint32)
    with open(source) as lines, open(target, "w") as out:
        for line in lines:
            print(json.dumps(python_schema(tokenizer, json.loads(line), mask)), file=out)


def processor_time():
    """Seconds that children had so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(side, args, vocabulary, source, target):
    if side in ("ours", "cold"):
        command = [args.build / "tests/bench/masks", vocabulary / "vocabulary.gguf", source, target] + ["cold"] * (side == "cold")
    else:
        module = [args.build / "tests/bench/.libs/masks_peer.so"] if side == "peer" else []
        command = [sys.executable, __file__, args.build, f"--{side}-part", *module, vocabulary / "tokenizer.json", args.slices, source,
                   target]
    wall, cpu = time.monotonic(), processor_time()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout or b"{}"), time.monotonic() - wall, processor_time() - cpu


def judge(line):
    """(status, message) of a schema, as MaskBench has it."""
    if line["error"] is not None:
        return "compile error", line["error"]
    status, message = "passing", ""
    for i, test in enumerate(line["tests"]):
        through = test["taken"] == test["n"]
        if test["failed"]:
            status, message = "validation error", f"test {i}: gave up at token {test['taken']}"
        elif through and not test["valid"]:
            status, message = "invalidation error", f"test {i}: came through"
        elif not through and test["valid"]:
            status, message = "validation error", f"test {i}: token {test['taken']} of {test['n']} is not in the mask"
    return status, message


def at_share(values, share):
    return values[min(len(values) - 1, int(len(values) * share / 100))] if values else 0


def spread(name, ns):
    """Microseconds."""
    ns = sorted(ns)
    figures = {f"{name} avg": sum(ns) / len(ns) / 1e3 if ns else 0}
    figures.update({f"{name} p{s}": at_share(ns, s) / 1e3 for s in SHARES})
    return figures


def masks_and_tokens(line):
    """Nanoseconds of each mask and, where the token was in it, of moving past that."""
    masks, accepts = iter(line["mask_ns"]), iter(line["accept_ns"])
    for test in line["tests"]:
        for i in range(test["taken"] + (test["taken"] < test["n"])):
            yield next(masks) + (next(accepts) if i < test["taken"] else 0)


def figures_of(lines):
    status = [judge(line)[0] for line in lines]
    compiled = [line for line in lines if line["error"] is None]
    tests = [t for line in compiled for t in line["tests"]]
    masks = [ns for line in compiled for ns in line["mask_ns"]]
    out = spread("mask", masks)
    out.update(spread("mask and token", [ns for line in compiled for ns in masks_and_tokens(line)]))
    out.update(spread("TTFM", [line["compile_ns"] + line["first_ns"] for line in compiled]))
    out.update(spread("compile", [line["compile_ns"] for line in compiled]))
    out["tokens"] = len(masks)
    out["schemas"] = len(lines)
    out.update({s: status.count(s) for s in ("passing", "compile error", "validation error", "invalidation error")})
    out["at the end: valid stopped"] = sum(t["valid"] and not (t["taken"] == t["n"] and t["ends"]) for t in tests)
    out["at the end: invalid came through"] = sum(not t["valid"] and t["taken"] == t["n"] and t["ends"] for t in tests)
    return out


def print_table(figures):
    sides = [s for s in SIDES if s in figures]
    both = "peer" in figures and "ours" in figures
    print(f"{'microseconds':34}" + "".join(f"{s:>14}" for s in sides) + (f"{'peer / ours':>14}" if both else ""))
    for key in [k for k in figures[sides[0]] if all(k in figures[s] for s in sides)]:
        row = [figures[s][key] for s in sides]
        text = "".join(f"{v:14,.1f}" if isinstance(v, float) else f"{v:14,}" for v in row)
        ratio = both and isinstance(row[0], float) and figures["ours"][key] and f"{figures['peer'][key] / figures['ours'][key]:14.2f}"
        print(f"{key:34}{text}{ratio or ''}")


def run(args, vocabulary, folder):
    sides = [s for s in args.sides.split(",") if s not in ("ours", "cold") or (args.build / "tests/bench/masks").exists()]
    lines, extra, shares = {s: [] for s in sides}, {}, {s: [] for s in sides}
    prepare(folder, args.parts, vocabulary / "tokenizer.json")
    for i in range(args.parts):
        for side in sides:
            target = folder / f"{side}-{i}.jsonl"
            said, wall, cpu = measure(side, args, vocabulary, folder / f"part-{i}.jsonl", target)
            extra[side] = said
            shares[side].append(cpu / wall)
            lines[side] += [json.loads(line) for line in target.open()]
    figures = {s: {**figures_of(lines[s]), "processor had, % of the time": 100 * min(shares[s]), **extra[s]} for s in sides}
    print_table(figures)
    for side in sides:
        if min(shares[side]) < 0.97:
            print(f"masks: something else used the processors while {side} was measured: its slowest masks are slower than alone")
    if args.json:
        Path(args.json).write_text(json.dumps(figures, indent=1) + "\n")
    if args.keep:
        for side in sides:
            with open(folder / f"{side}.jsonl", "w") as out:
                for line in lines[side]:
                    status, message = judge(line)
                    print(json.dumps({"name": line["name"], "status": status, "message": message}), file=out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--keep", metavar="FOLDER", type=Path)
    parser.add_argument("--sides", default="peer,ours")
    parser.add_argument("--slices", choices=("json", "general", "none"), default="json")
    parser.add_argument("--parts", type=int, default=4)
    parser.add_argument("--peer-part", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--python-part", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer_part:
        return peer_part(*args.peer_part)
    if args.python_part:
        return python_part(*args.python_part)
    try:
        import gguf, llguidance, numpy, tokenizers # noqa: E401, F401
    except ImportError as e:
        skip(f"{e.name} is not here (pip install llguidance tokenizers gguf numpy)")
    if not DATA.exists():
        skip("MaskBench's schemas are not here (CORAX_TEST_DATA names the folder of json-schema)")
    if "peer" in args.sides and not (args.build / "tests/bench/.libs/masks_peer.so").exists():
        skip("make tests/bench/masks_peer.la first")
    import vocabulary

    folder = vocabulary.ensure(args.build / "tests/bench/vocabulary")
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
        run(args, folder, args.keep)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            run(args, folder, Path(temporary))


if __name__ == "__main__":
    main()
