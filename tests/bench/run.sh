#!/bin/sh
# What `make bench` runs: the benchmark, in a folder that goes when it ends well, retrieval, and prefix.py, cancel.py, masks.py, chemistry.py and dialects where
# what they need is there.
# Arguments are passed on: see bench.c.  BENCH_JSON=FILE writes the figures there as JSON, those of cancel and masks beside it.
set -eu

build=${CORAX_BUILDDIR:?} run=$(mktemp -d "${TMPDIR:-/tmp}/corax-bench.XXXXXX")
"$build/tests/bench/bench" "$@" "$run/run" || {
    echo "bench: what it left is in $run" >&2
    exit 1
}
rm -rf "$run"
"$build/tests/bench/retrieval"

command -v python3 >/dev/null || {
    echo "prefix, cancel, masks, chemistry: skipped: python3 is not here"
    exit 0
}
python3 "${CORAX_SRCDIR:?}/tests/bench/prefix.py" "$build/corax-infer" "$CORAX_SRCDIR/models/corax-raven-1-q8_0.gguf"
python3 "${CORAX_SRCDIR:?}/tests/bench/cancel.py" "$build" ${BENCH_JSON:+--json "$BENCH_JSON.cancel"}
python3 "${CORAX_SRCDIR:?}/tests/bench/masks.py" "$build" ${BENCH_JSON:+--json "$BENCH_JSON.masks"}
python3 "${CORAX_SRCDIR:?}/tests/bench/chemistry.py" "$build"
vocabulary=$build/tests/bench/vocabulary/vocabulary.gguf
if [ -f "$vocabulary" ]; then
    tools=$(mktemp "${TMPDIR:-/tmp}/corax-tools.XXXXXX")
    python3 "$CORAX_SRCDIR/tests/bench/tools.py" 263 500000 >"$tools"
    "$build/tests/bench/dialects" "$vocabulary" "$tools"
    rm -f "$tools"
fi
