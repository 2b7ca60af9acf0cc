#!/usr/bin/env bats
# The suites that come with corax: each question's solution is carried out by the real plugins, and its keys must call it right; the
# solution of another question they must not.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

suites=${CORAX_SRCDIR:?}/evals
more_plugins=

# All tools of our plugins are offered, as a script calls what it was not given; with the catalogue there are too many.
config() {
    local p plugins=
    for p in .libs/math .libs/time .libs/code .libs/chemistry .libs/search $more_plugins; do
        chmod 755 "$build/$p.so"
        plugins+="\"$build/$p.so\","
    done
    cp "$CORAX_SRCDIR/policies/default.json" "$dir/policy.json"
    chmod 644 "$dir/policy.json"
    cat > "$dir/corax.conf" <<CONF
{ "socket": "$sock", "state": "$dir/state", "model": "$dir/script.json", "plugins": [$plugins],
  "policies": ["$dir/policy.json"], "infer": { "path": "$helpers/scripted-infer" },
  "box": { "path": "$build/corax-box" }, "host": { "path": "$build/corax-host" }, "roots": { "library": "$suites/library" },
  "tool_retrieval": { "max_tools": 64 } }
CONF
}

evaluate() { # SUITE
    CORAX_EVALS=$suites run "$build/corax" --socket "$sock" --json eval "$1"
    body=$output
}

passed() { # the ids of those that passed
    local n i
    n=$(printf '%s' "$body" | "$helpers/json-get" --count /runs)
    for i in $(seq 0 $((n - 1))); do
        [ "$(field "/runs/$i/passed")" = false ] || field "/runs/$i/question"
    done | tr '\n' ' '
}

with() { # WHAT SUITE: a daemon whose model answers so
    stop TERM
    python3 "$CORAX_SRCDIR/tests/daemon/solve-suite.py" "$1" "$suites/$2.json" > "$dir/script.json"
    start
}

holds() { # SUITE
    with solve "$1"
    evaluate "$1"
    same "$status $(field /partial)" "0 false" || { echo "$body"; return 1; }
    with rotate "$1"
    evaluate "$1"
    same "$(passed)" ""
    with no "$1"
    evaluate "$1"
    same "$(passed)" ""
}

@test "math" {
    holds math
}

@test "time" {
    holds time
}

@test "chemistry" {
    with solve chemistry
    evaluate chemistry
    if [[ $body == *"built without RDKit"* ]]; then skip "there is no RDKit"; fi
    holds chemistry
}

@test "search" {
    holds search
}

runs_code() {
    start
    eventually is_known
    [ "$(field /isolation/runs_code)" = true ] || skip "no box for programs here"
}

is_known() {
    api GET /healthz
    [ "$(printf '%s' "$body" | "$helpers/json-get" --count /isolation/parts)" -gt 0 ]
}

@test "code" {
    runs_code
    holds code
}

@test "refusals" {
    holds refusals
}

@test "memory" {
    holds memory
    # nothing of it stays
    api GET /v1/memory
    same "$(printf '%s' "$body" | "$helpers/json-get" --count /memories)" 0
}

@test "tools" {
    more_plugins=tests/plugins/catalogue/.libs/catalogue
    holds tools
}

@test "every suite that is here is tried here, and all are listed" {
    for s in "$suites"/*.json; do
        grep -q "holds $(basename "$s" .json)\$" "$CORAX_SRCDIR/tests/daemon/eval_suites.bats"
    done
    CORAX_EVALS=$suites run "$build/corax" eval
    same "$status" 0
    same "$(printf '%s\n' "$output" | wc -l)" "$(($(find "$suites" -name '*.json' | wc -l) + 1))"
}
