#!/usr/bin/env python3
"""Train on the CPU.  Loss only on what the model writes: thoughts, the choice of call or answer, calls, answers, end.

A row is one head (system, tools) followed by several conversations.  Each conversation sees the head and itself, not its
neighbours, and counts its positions from the end of the head: the head is evaluated once for all of them.  A quarter of
the conversations start at a larger position, as if the head were longer, so that distances up to the context length
occur in training.

Matrices are updated by Muon (momentum, orthogonalised by Newton-Schulz), embedding and norms by AdamW.
"""

import argparse
import csv
import functools
import json
import math
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from bpe import Bpe
from model import Config, Raven


def flatten(bpe, segments):
    """ids and learn flags of [kind, text, learn] segments; of a call or an answer the control token is learned too"""
    ids, learn = [], []
    for kind, text, wanted in segments:
        body = bpe.encode(text)
        ids += [bpe.control[kind]] + body
        learn += [wanted if kind in ("call", "answer", "end") else 0] + [wanted] * len(body)
    return ids, learn


def rows_of(bpe, path, limit, context, rng):
    """[(ids, learn, position, segment number), ...]; segment 0 is the head"""
    rows = []
    with open(path) as f:
        for line in f:
            group = json.loads(line)
            head, _ = flatten(bpe, [["begin", "", 0]] + [[k, t, 0] for k, t in group["head"]])
            fresh = (list(head), [0] * len(head), list(range(len(head))), [0] * len(head))
            row, n = fresh, 0
            for conversation in group["conversations"]:
                ids, learn = flatten(bpe, conversation)
                if len(ids) > 448:
                    continue
                if n and len(row[0]) + len(ids) > limit:
                    rows.append(row)
                    row, n = fresh, 0
                n += 1
                room = context - len(head) - len(ids)
                at = len(head) + (rng.randrange(room) if rng.random() < 0.25 else 0)
                row = (row[0] + ids, row[1] + learn, row[2] + list(range(at, at + len(ids))), row[3] + [n] * len(ids))
            if n:
                rows.append(row)
    return rows


def copy_row(rng, bpe, vocab, length):
    """Random tokens, then a part of them again.  Copying is learned first where tokens are many and each next one is
    unmistakable, and carries over to SMILES, whose few symbols repeat; alphabets of all sizes lead from one to the other."""
    c = bpe.control
    row, n = ([c["begin"]], [0], [0], [0]), 0
    while len(row[0]) < length - 130:
        alphabet = rng.sample(range(len(c), vocab), int(math.exp(rng.uniform(math.log(5), math.log(vocab - len(c))))))
        before, part, after = ([rng.choice(alphabet) for _ in range(rng.randint(a, b))] for a, b in ((0, 12), (6, 45), (0, 6)))
        ids = [c["user"]] + before + part + after + [c["think"], c["call"]] + part
        # Which part it is shows after two tokens.
        learn = [0] * (len(ids) - len(part) + 2) + [1] * (len(part) - 2)
        n += 1
        row = (row[0] + ids, row[1] + learn, row[2] + list(range(1, 1 + len(ids))), row[3] + [n] * len(ids))
    return row


def batch_of(rows, pad):
    longest = max(len(r[0]) for r in rows)
    column = lambda i, fill: torch.tensor([r[i] + [fill] * (longest - len(r[i])) for r in rows])
    ids, learn, pos, seg = column(0, pad), column(1, 0), column(2, 0), column(3, -1)
    own = (seg[:, :, None] == seg[:, None, :]) | (seg[:, None, :] == 0)
    mask = own & torch.ones(longest, longest, dtype=torch.bool).tril()
    # The first token of a conversation is never learned, so the shift by one does not cross conversations.
    target = learn[:, 1:].bool()
    return ids, pos, mask[:, None], target


def batches(rows, tokens, rng):
    """Rows of like length together, in random order"""
    rows = sorted(rows, key=lambda r: len(r[0]) + rng.random() * 60)
    out, now = [], []
    for row in rows:
        if now and (len(now) + 1) * max(len(row[0]), len(now[-1][0])) > tokens:
            out.append(now)
            now = []
        now.append(row)
    if now:
        out.append(now)
    rng.shuffle(out)
    return out


class Muon:
    """Keller Jordan's Muon: the momentum's nearest semi-orthogonal matrix is the step."""

    def __init__(self, params, momentum=0.95):
        self.params, self.momentum = list(params), momentum
        self.buffers = [torch.zeros_like(p) for p in self.params]

    @staticmethod
    def orthogonal(g):
        x = g.T if g.shape[0] > g.shape[1] else g
        x = (x / (x.norm() + 1e-7)).bfloat16()
        for _ in range(5):
            a = x @ x.T
            x = 3.4445 * x + (-4.7750 * a + 2.0315 * (a @ a)) @ x
        return (x.T if g.shape[0] > g.shape[1] else x).float()

    @torch.no_grad()
    def step(self, lr, decay):
        for p, m in zip(self.params, self.buffers):
            m.mul_(self.momentum).add_(p.grad)
            update = self.orthogonal(p.grad + self.momentum * m)
            p.mul_(1 - lr * decay)
            p.add_(update, alpha=-lr * max(1, p.shape[0] / p.shape[1]) ** 0.5)


@torch.no_grad()
def measure(model, rows, control):
    """Teacher-forced: loss, and the share of calls and answers in which every token is the most probable one.  Under
    greedy decoding such a call or answer would come out exactly."""
    total = count = 0
    names = {i: name for name, i in control.items()}
    whole = {"call": [], "answer": []}
    for i in range(0, len(rows), 8):
        ids, pos, mask, target = batch_of(rows[i:i + 8], control["pad"])
        logits = model.logits(model.hidden(ids, pos, mask))[:, :-1]
        goal = ids[:, 1:]
        total += F.cross_entropy(logits[target], goal[target], reduction="sum").item()
        count += int(target.sum())
        right = (logits.argmax(-1) == goal) | ~target
        for b, (row_ids, learn, _, _) in enumerate(rows[i:i + 8]):
            marks = [t for t, token in enumerate(row_ids) if token in names] + [len(row_ids)]
            for t, end in zip(marks, marks[1:]):
                if learn[t] and names[row_ids[t]] in whole:
                    whole[names[row_ids[t]]].append(bool(right[b, t - 1:end - 1].all()))
    return total / count, *(sum(v) / max(1, len(v)) for v in whole.values())


def schedule(progress, step, warmup):
    """Warm-up, flat until 35 %, cosine to nothing"""
    if step < warmup:
        return (step + 1) / warmup
    return 1.0 if progress < 0.35 else 0.5 + 0.5 * math.cos(math.pi * min(1, (progress - 0.35) / 0.65))


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--data", type=Path, required=True, help="folder of train-*.jsonl and dev.jsonl")
    ap.add_argument("--tokenizer", type=Path, default=Path(__file__).parent / "tokenizer.json")
    ap.add_argument("--out", type=Path, help="folder of checkpoints and logs")
    ap.add_argument("--measure", type=Path, nargs="+", metavar="CHECKPOINT", help="only measure these on the held-out rows")
    ap.add_argument("--minutes", type=float, default=45, help="length of the schedule by the clock")
    ap.add_argument("--steps", type=int, help="length of the schedule in steps, instead of --minutes")
    ap.add_argument("--tokens", type=int, default=5120, help="tokens in a step, padding included")
    ap.add_argument("--row", type=int, default=640, help="longest row")
    ap.add_argument("--lr", type=float, default=0.02)
    ap.add_argument("--adam-lr", type=float, default=0.004)
    ap.add_argument("--every", type=float, default=100, help="seconds between checkpoints")
    ap.add_argument("--warmup", type=int, default=40, help="steps until the learning rate is full")
    ap.add_argument("--dev-rows", type=int, default=40, help="held-out rows measured at each checkpoint")
    ap.add_argument("--copy", type=float, default=0.5, help="share of rows that only train copying, at the start")
    ap.add_argument("--copy-steps", type=int, default=500, help="steps until that share is down to nothing")
    ap.add_argument("--init", type=Path, help="start from this checkpoint")
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--compile", action="store_true", help="fuse each block's small operations (torch.compile; wants a C++ compiler)")
    ap.add_argument("--dim", type=int, default=256)
    ap.add_argument("--layers", type=int, default=6)
    ap.add_argument("--seed", type=int, default=7)
    args = ap.parse_args()
    if not args.out and not args.measure:
        ap.error("--out or --measure is needed")
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    bpe = Bpe(args.tokenizer)
    bpe.encode = functools.lru_cache(100000)(bpe.encode)
    cfg = Config(vocab=len(bpe.tokens), dim=args.dim, layers=args.layers, heads=args.dim // 64)
    model = Raven(cfg)
    if args.init:
        model.load_state_dict(torch.load(args.init, weights_only=True)["model"])
    if args.measure:
        dev = rows_of(bpe, args.data / "dev.jsonl", args.row, cfg.context, random.Random(1))
        for path in args.measure:
            model.load_state_dict(torch.load(path, weights_only=True)["model"])
            loss, calls, answers = measure(model, dev, bpe.control)
            print(f"{path}: {len(dev)} rows, loss {loss:.5f}, calls exact {calls:.4f}, answers exact {answers:.4f}", flush=True)
        return
    if args.compile:
        for block in model.blocks:
            block.compile(dynamic=True)
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and n != "embed.weight"]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or n == "embed.weight"]
    muon = Muon(matrices)
    adam = torch.optim.AdamW(others, lr=args.adam_lr, betas=(0.9, 0.97), weight_decay=0.0)
    args.out.mkdir(parents=True, exist_ok=True)
    pad = bpe.control["pad"]
    dev = rows_of(bpe, args.data / "dev.jsonl", args.row, cfg.context, random.Random(1))[:args.dev_rows]
    print(sum(p.numel() for p in model.parameters()), "parameters,", len(dev), "dev rows", flush=True)

    log = open(args.out / "log.csv", "w", newline="")
    steps_csv = csv.writer(log)
    steps_csv.writerow(["step", "seconds", "loss", "lr", "grad_norm", "tokens", "learned_tokens"])
    points = open(args.out / "checkpoints.csv", "w", newline="")
    points_csv = csv.writer(points)
    points_csv.writerow(["checkpoint", "step", "seconds", "dev_loss", "dev_call_exact", "dev_answer_exact"])

    def checkpoint(number, step):
        torch.save({"config": cfg.as_dict(), "model": model.state_dict(), "step": step}, args.out / f"ckpt-{number:03}.pt")
        loss, calls, answers = measure(model, dev, bpe.control)
        points_csv.writerow([number, step, f"{time.time() - begin:.0f}", f"{loss:.5f}", f"{calls:.4f}", f"{answers:.4f}"])
        points.flush()
        print(f"checkpoint {number} step {step} dev loss {loss:.4f} calls {calls:.3f} answers {answers:.3f}", flush=True)

    begin = time.time()
    step = number = 0
    last = begin
    progress = 0.0
    while progress < 1:
        files = sorted(args.data.glob("train-*.jsonl"))
        for file in files:
            for rows in batches(rows_of(bpe, file, args.row, cfg.context, rng), args.tokens, rng):
                progress = step / args.steps if args.steps else (time.time() - begin) / (60 * args.minutes)
                if progress >= 1:
                    break
                n_copy = int(len(rows) * args.copy * max(0, 1 - step / args.copy_steps))
                longest = max(len(r[0]) for r in rows)
                rows = rows[n_copy:] + [copy_row(rng, bpe, cfg.vocab, longest) for _ in range(n_copy)]
                ids, pos, mask, target = batch_of(rows, pad)
                with torch.autocast("cpu", torch.bfloat16):
                    hidden = model.hidden(ids, pos, mask)
                    logits = model.logits(hidden[:, :-1][target])
                loss = F.cross_entropy(logits.float(), ids[:, 1:][target])
                loss.backward()
                norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                scale = schedule(progress, step, args.warmup)
                muon.step(args.lr * scale, 0.01)
                adam.param_groups[0]["lr"] = args.adam_lr * scale
                adam.step()
                model.zero_grad(set_to_none=True)
                steps_csv.writerow([step, f"{time.time() - begin:.1f}", f"{loss.item():.5f}", f"{args.lr * scale:.6f}", f"{norm.item():.4f}",
                                    ids.numel(), int(target.sum())])
                step += 1
                if step % 20 == 0:
                    log.flush()
                    print(step, f"{time.time() - begin:.0f} s loss {loss.item():.4f}", flush=True)
                if time.time() - last > args.every:
                    checkpoint(number, step)
                    number, last = number + 1, time.time()
    checkpoint(number, step)
    print("done", flush=True)


if __name__ == "__main__":
    main()
