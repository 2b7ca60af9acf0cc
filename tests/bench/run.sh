#!/bin/sh
# What `make bench` runs: the benchmark, in a folder that goes when it ends well.  Arguments are passed on: see bench.c.
# BENCH_JSON=FILE writes the figures there as JSON.
set -eu

build=${CORAX_BUILDDIR:?} run=$(mktemp -d "${TMPDIR:-/tmp}/corax-bench.XXXXXX")
"$build/tests/bench/bench" "$@" "$run/run" || {
    echo "bench: what it left is in $run" >&2
    exit 1
}
rm -rf "$run"
