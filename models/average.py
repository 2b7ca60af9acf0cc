"""Average checkpoints: the mean of weights along one descent lies lower than its ends (Izmailov et al., arXiv:1803.05407).

usage: average.py OUT WEIGHT:CHECKPOINT...      weights are made to sum to one
"""

import sys

import torch


def main():
    out, *parts = sys.argv[1:]
    weights = [float(p.split(":", 1)[0]) for p in parts]
    checkpoints = [torch.load(p.split(":", 1)[1], map_location="cpu", weights_only=False) for p in parts]
    mean = {name: sum(w / sum(weights) * c["model"][name] for w, c in zip(weights, checkpoints)) for name in checkpoints[0]["model"]}
    torch.save({**checkpoints[-1], "model": mean}, out)


if __name__ == "__main__":
    main()
