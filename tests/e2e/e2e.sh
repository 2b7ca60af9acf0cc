#!/bin/sh
# The whole way with the shipped model: a question through `corax run`, its trace, a search in docs/, a program in its box, the
# same trace after kill -9 and a restart, and every tenth held-out question of models/eval/one_call.jsonl.
# Needs a build; not covered: what the model does with questions of other kinds (models/evaluate.py measures that).
set -u

daemon_build=${CORAX_BUILDDIR:?} daemon_source=${CORAX_SRCDIR:?}
# shellcheck source=build-aux/private-daemon.sh
. "$daemon_source/build-aux/private-daemon.sh"
model=$daemon_source/models/corax-raven-1-q8_0.gguf
# 16 right of these 20 is what the shipped weights reach (models/EVAL.md has all 200); a fault in the core, the
# dialect or the tools costs more than the three that a retrained model may lose.
n_questions=20 wanted=13

if [ ! -r "$model" ]; then
    echo "1..0 # SKIP models/corax-raven-1-q8_0.gguf is not here"
    exit 0
fi
daemon_run=$(mktemp -d "${TMPDIR:-/tmp}/corax-e2e.XXXXXX")
trap 'daemon_stop; rm -rf "$daemon_run"' EXIT
export CORAX_SOCKET="$daemon_run/coraxd.sock"
corax() {
    "$daemon_build/corax" "$@" </dev/null
}

n=0
# check WHAT COMMAND...
check() {
    what=$1
    shift
    n=$((n + 1))
    if "$@"; then
        echo "ok $n - $what"
    else
        echo "not ok $n - $what"
    fi
}
# has TEXT PIECE
has() {
    case $1 in *"$2"*) return 0 ;; esac
    printf '%s\n' "$1" | sed 's/^/# /'
    echo "# has no \"$2\""
    return 1
}

echo 1..15
daemon_write_conf "$model"
daemon_start
check "coraxd starts and answers" [ $? -eq 0 ]

answer=$(corax run "What is the molecular weight of caffeine, Cn1cnc2c1c(=O)n(C)c(=O)n2C?" 2>"$daemon_run/progress")
check "corax run exits 0" [ $? -eq 0 ]
check "the answer has the molecular weight" has "$answer" 194.194
check "the progress has the call" has "$(cat "$daemon_run/progress")" mol_weight
id=$(sed -n 's/^trace *//p' "$daemon_run/progress")
before=$(corax trace "$id")
check "the trace has the SMILES of the call" has "$before" 'mol_weight {"smiles":"Cn1cnc2c1c(=O)n(C)c(=O)n2C"}'
check "the trace has the policy rule" has "$before" "allow by default/computes-or-reads"
check "the trace has the tool's result" has "$before" "average 194.194 g/mol"

answer=$(corax run "Search the docs for budget_time." 2>/dev/null)
check "the answer of a search names the file and line" has "$answer" "docs/failures.md line "
check "it quotes the line" has "$answer" "the task fails when its time is used up"

answer=$(corax run "Run this Python: print(sum(range(10)))" 2>"$daemon_run/progress")
check "the program is copied to the letter" has "$(cat "$daemon_run/progress")" 'run_python {"code":"print(sum(range(10)))"}'
case $answer in
*unavailable:*) n=$((n + 1)) && echo "ok $n - # SKIP $answer" ;;
*) check "the answer has what the program printed" has "$answer" "The program printed 45." ;;
esac

daemon_kill
daemon_start
check "coraxd starts again after kill -9" [ $? -eq 0 ]
check "the trace is the same" [ "$(corax trace "$id")" = "$before" ]
check "no task was lost" has "$(corax ls)" "$id"

# Greedy decoding, so the count does not change from run to run.
right=0
tab=$(printf '\t')
"$daemon_build/tests/e2e/questions" "$daemon_source/models/eval/one_call.jsonl" 10 $n_questions >"$daemon_run/questions"
while IFS= read -r line; do
    question=${line%%"$tab"*}
    pieces=${line#*"$tab"}
    answer=$(corax run --quiet -- "$question" 2>/dev/null)
    good=1
    while [ -n "$pieces" ]; do
        piece=${pieces%%"$tab"*}
        pieces=${pieces#*"$tab"}
        case $answer in *"$piece"*) ;; *) good=0 ;; esac
    done
    right=$((right + good))
    [ $good -eq 1 ] || echo "# wrong: $question -> $answer"
done <"$daemon_run/questions"
check "$right of $n_questions held-out questions are answered right, $wanted are wanted" [ $right -ge $wanted ]
