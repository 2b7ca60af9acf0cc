#!/usr/bin/env python3
"""Says how long a process takes from its start to the first byte of an answer.

    tests/bench/first-token.py build/corax-infer MODEL [RUNS]
"""
import statistics
import subprocess
import sys
import time


def first_byte(infer, model):
    """Milliseconds."""
    start = time.perf_counter()
    with subprocess.Popen([infer, "generate", model, "What is 17 * 23?", "-n", "20"], stdout=subprocess.PIPE) as process:
        process.stdout.read(1)
        took = (time.perf_counter() - start) * 1e3
        process.stdout.read()
    return took


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    times = [first_byte(*sys.argv[1:3]) for _ in range(int(sys.argv[3]) if len(sys.argv) == 4 else 25)]
    print(f"first byte after {statistics.median(times):.1f} ms (median of {len(times)}; fastest {min(times):.1f})")


if __name__ == "__main__":
    main()
