#!/usr/bin/env python3
"""Writes the tables and plots of docs/performance.md from what corax-infer bench --json printed.

    tests/bench/performance.py docs/performance.md DIR [MACHINE]

DIR has NAME.json files; a line of a table is called NAME.  Each plot goes to docs/performance/KIND.svg, each table between the
page's comments <!-- table KIND --> and <!-- end -->, of the kinds prompt, decode and sequences.  Of another MACHINE there are
tables alone, of prompt and decode, between <!-- table MACHINE KIND --> and <!-- end -->.
"""
import json
import pathlib
import sys


def peer_name(command):
    return "ik_llama.cpp" if "/ik" in command else "llama.cpp" if "llama" in command else command


def rows_of(folder, kind):
    """(name, bench, row) of each line; sequences: decode with more than one sequence somewhere in the file."""
    for path in sorted(pathlib.Path(folder).glob("*.json")):
        bench = json.loads(path.read_text())
        many = any(r["sequences"] > 1 for r in bench["rows"])
        for row in bench["rows"]:
            if (kind == "sequences") == many and (kind == "sequences" or row["kind"] == kind):
                yield path.stem, bench, row


def table(folder, kind):
    lines = ["| model | tokens | behind | sequences | tokens/s | of the roof | beside | ratio |", "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for name, bench, row in rows_of(folder, kind):
        peers = [p for p in row["peers"] if p["ratio"] > 0]
        beside = ", ".join(f"{peer_name(p['command'])} {p['tokens_per_s']:.1f}" for p in peers)
        ratio = ", ".join(f"{p['ratio']:.2f}" for p in peers)
        lines.append(f"| {name} | {row['tokens']} | {row['depth']} | {row['sequences']} | {row['tokens_per_s']:.1f} | "
                     f"{100 * row['of_roof']:.0f} % of {row['roof_of']} | {beside or '-'} | {ratio or '-'} |")
    return "\n".join(lines)


def plot(folder, kind):
    bars = []
    for name, _, row in rows_of(folder, kind):
        label = f"{name}, {row['sequences']} x" if kind == "sequences" else name
        bars.append((label, "corax", row["tokens_per_s"]))
        bars += [("", peer_name(p["command"]), p["tokens_per_s"]) for p in row["peers"] if p["ratio"] > 0]
    colours = {"corax": "#1b4965", "ik_llama.cpp": "#e07a5f", "llama.cpp": "#f2cc8f"}
    largest = max((b[2] for b in bars), default=1)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="720" height="{len(bars) * 18 + 20}" font-family="sans-serif" font-size="12">']
    for i, (label, who, speed) in enumerate(bars):
        y = i * 18 + 10
        out.append(f'<text x="150" y="{y + 11}" text-anchor="end">{label}</text>')
        out.append(f'<rect x="160" y="{y}" width="{400 * speed / largest:.1f}" height="14" fill="{colours.get(who, "#888")}"/>')
        out.append(f'<text x="{166 + 400 * speed / largest:.1f}" y="{y + 11}">{speed:.1f} {who}</text>')
    return "\n".join(out + ["</svg>"]) + "\n"


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    page = pathlib.Path(sys.argv[1])
    machine = sys.argv[3] if len(sys.argv) == 4 else None
    text = page.read_text()
    for kind in ("prompt", "decode") if machine else ("prompt", "decode", "sequences"):
        start, end = f"<!-- table {machine + ' ' if machine else ''}{kind} -->", "<!-- end -->"
        if start not in text:
            sys.exit(f"{page}: {start} is missing")
        before, rest = text.split(start, 1)
        after = rest.split(end, 1)[1]
        text = f"{before}{start}\n{table(sys.argv[2], kind)}\n{end}{after}"
        if machine:
            continue
        folder = page.parent / page.stem
        folder.mkdir(exist_ok=True)
        (folder / f"{kind}.svg").write_text(plot(sys.argv[2], kind))
    page.write_text(text)


main()
