#!/bin/sh
# What `make bench` prints: the daemon's start and size, tasks one after the other with the shipped model, what a step costs on
# disk, and the model alone.  Figures are of this machine and this moment; a busy machine shows in the spread.
# Not measured here: several tasks at once, and the agent loop with a scripted model.
set -eu

daemon_build=${CORAX_BUILDDIR:?} daemon_source=${CORAX_SRCDIR:?}
# shellcheck source=build-aux/private-daemon.sh
. "$daemon_source/build-aux/private-daemon.sh"
model=$daemon_source/models/corax-raven-1-q8_0.gguf
n_starts=9 n_tasks=21

[ -r "$model" ] || {
    echo "models/corax-raven-1-q8_0.gguf is not here" >&2
    exit 1
}
daemon_run=$(mktemp -d "${TMPDIR:-/tmp}/corax-bench.XXXXXX")
trap 'daemon_stop; rm -rf "$daemon_run"' EXIT
export CORAX_SOCKET="$daemon_run/coraxd.sock"
corax=$daemon_build/corax

now_us() {
    echo $(($(date +%s%N) / 1000))
}
# Reads numbers, one a line: "median (lowest to highest)".
spread() {
    sort -n | awk '{ v[NR] = $1 } END { printf "%.1f (%.1f to %.1f)", v[int((NR + 1) / 2)], v[1], v[NR] }'
}
# since BEGAN: milliseconds.
since() {
    echo $(($(now_us) - $1)) | awk '{ print $1 / 1000 }'
}

daemon_write_conf "$model"
for i in $(seq $n_starts); do
    began=$(now_us)
    "$daemon_build/coraxd" -c "$daemon_run/corax.conf" 2>/dev/null </dev/null &
    daemon_pid=$!
    until "$corax" ping >/dev/null 2>&1; do :; done
    since "$began" >>"$daemon_run/starts"
    [ "$i" -eq $n_starts ] || daemon_stop
done
echo "coraxd from exec to the first answered corax ping, ms:  $(spread <"$daemon_run/starts")"
awk '/^VmRSS/ { printf "coraxd resident memory when idle, MB:                   %.1f\n", $2 / 1024 }' "/proc/$daemon_pid/status"

"$corax" run --quiet "What is the molecular weight of aspirin, CC(=O)Oc1ccccc1C(=O)O?" >/dev/null # the first task starts with a cold cache
for i in $(seq $n_tasks); do
    began=$(now_us)
    "$corax" run --quiet "What is the molecular weight of aspirin, CC(=O)Oc1ccccc1C(=O)O?" >/dev/null
    since "$began" >>"$daemon_run/tasks"
done
echo "a question with one call, corax run to its exit, ms:    $(spread <"$daemon_run/tasks")"
daemon_stop
bytes=$(wc -c <"$daemon_run/state/corax.db")
echo "journal, bytes a task of two steps, all included:       $((bytes / (n_tasks + 1)))"
echo
"$daemon_build/corax-infer" bench "$model"
