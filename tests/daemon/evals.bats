#!/usr/bin/env bats
# corax eval: what is right and what is wrong, each in its own column; judges, win rates, Ctrl-C; and the shipped suites, whose solutions
# are carried out by the real plugins and must be right.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

suites=${CORAX_SRCDIR:?}/evals

evaluate() { # ARGUMENT...
    run "$build/corax" -s "$sock" eval "$@"
}

column() { # of the row "all": NAME
    "$build/corax" -s "$sock" --json eval "$dir/suite.json" "${@:2}" > "$dir/eval.json" || true
    python3 -c '
import json, sys
print(json.load(open(sys.argv[1]))["table"][-1][sys.argv[2]]["value"])' "$dir/eval.json" "$1"
}

suite() { # QUESTIONS
    printf '{"eval":1,"id":"own","questions":[%s]}' "$1" > "$dir/suite.json"
}

echo_call='{"calls":[{"name":"echo","arguments":"{\"text\":\"42\"}"}]}'

@test "right and wrong: tools, arguments, answer, steps, each in its column" {
    script <<< "{\"q\":[$echo_call,{\"text\":\"It is 42.0 in all.\"}]}"
    start
    suite '{"id":"a","input":"q","expect":{"calls":["echo"],"only":true,"arguments":{"echo":{"text":"42"}},"answer":{"number":42},"max_steps":2}}'
    evaluate "$dir/suite.json"
    same "$status" 0
    has "$output" "100.0"
    suite '{"id":"a","input":"q","expect":{"calls":["append"],"answer":{"number":42}}}'
    same "$(column tools) $(column answer) $(column passed)" "0 1 0"
    evaluate "$dir/suite.json"
    same "$status" 1
    has "$output" "append was not called"
    suite '{"id":"a","input":"q","expect":{"calls":["echo"],"arguments":{"echo":{"text":{"contains":"43"}}},"answer":{"number":42}}}'
    same "$(column tools) $(column arguments) $(column answer)" "1 0 1"
    suite '{"id":"a","input":"q","expect":{"calls":["echo"],"answer":{"any_of":[{"number":43},{"exact":"x"}]}}}'
    same "$(column tools) $(column answer)" "1 0"
    suite '{"id":"a","input":"q","expect":{"calls":[],"answer":{"contains":"42"}}}'
    same "$(column tools) $(column answer)" "0 1"
    suite '{"id":"a","input":"q","expect":{"answer":{"contains":"42"},"max_steps":1}}'
    same "$(column answer) $(column passed)" "1 0"
}

@test "what passed is deleted, what did not stays for a look; seeds and tags" {
    script <<< "{\"q\":[$echo_call,{\"text\":\"42\"}],\"r\":[{\"text\":\"no\"}]}"
    start
    suite '{"id":"a","tags":["x","y"],"input":"q","expect":{"answer":{"number":42}}},
           {"id":"b","tags":["x"],"input":"r","expect":{"answer":{"number":42}}}'
    same "$(column passed --seeds 3)" 0.5
    python3 -c '
import json, sys
e = json.load(open(sys.argv[1]))
assert [(r["tag"], r["questions"], r["passed"]["value"]) for r in e["table"]] == [("x", 2, 0.5), ("y", 1, 1), (None, 2, 0.5)], e["table"]
assert len(e["runs"]) == 6' "$dir/eval.json"
    api GET "/v1/tasks?limit=100"
    same "$(grep -o '"id"' <<< "$body" | wc -l)" 3
    same "$(column passed --only a)" 1
    evaluate "$dir/suite.json" --only c
    same "$status" 1
}

@test "a judge votes, and says which of two is better" {
    mkdir "$dir/agents"
    printf '{"agent":1}' > "$dir/agents/judge.json"
    extra='"agents":"'$dir'/agents"'
    script <<< '{"q":[{"text":"good enough"}],"*":[{"text":"Solved."}]}'
    start
    suite '{"id":"a","input":"q","expect":{"answer":{"number":42}}}'
    same "$(column passed --judge judge)" 1
    cp "$dir/eval.json" "$dir/earlier.json"
    same "$(column passed)" 0
    evaluate "$dir/suite.json" --against "$dir/earlier.json"
    has "$output" "0 won, 0 tied, 1 lost"
    evaluate "$dir/suite.json" --judge judge --against "$dir/earlier.json"
    has "$output" "0 won, 1 tied, 0 lost" # what it says is neither A nor B
    stop TERM
    script <<< '{"q":[{"text":"good enough"}],"*":[{"text":"Well, I think it is Solved"}]}'
    start
    same "$(column passed --judge judge)" 0 # that is no vote
    has "$(cat "$dir/eval.json")" '"status":"unsure"'
}

@test "Ctrl-C cancels what is under way and shows what there is" {
    script <<< '{"q":[{"text":"42"}],"slow":[{"text":"42","sleep_ms":60000}]}'
    start
    suite '{"id":"a","input":"q","expect":{"answer":{"number":42}}},{"id":"b","input":"slow","expect":{"answer":{"number":42}}}'
    "$build/corax" -s "$sock" eval "$dir/suite.json" > "$dir/out" 3>&- &
    child=$!
    eventually one_runs
    sleep 1.2
    kill -INT "$child"
    status=0
    wait "$child" || status=$?
    same "$status" 1
    has "$(cat "$dir/out")" "interrupted, what there is of it: 1 questions"
    eventually none_runs
}

none_runs() {
    api GET /healthz
    same "$(field /tasks/running)" 0 > "$dir/none"
}

@test "a suite that is wrong is refused with question and key" {
    script <<< '{}'
    start
    for bad in '{"id":"a","input":"q","expect":{"anser":{"number":1}}}' '{"id":"a","input":"q","expect":{}}' \
        '{"id":"a","input":"q","expect":{"answer":{"number":"x"}}}' '{"id":"A","input":"q","expect":{"calls":[]}}' \
        '{"id":"a","expect":{"calls":[]}}'; do
        suite "$bad"
        evaluate "$dir/suite.json"
        same "$status" 1
        has "$output" "suite.json: question"
    done
    evaluate "$dir/none.json"
    same "$status" 1
    evaluate nonsense
    same "$status" 1
    CORAX_EVALS=$suites evaluate
    has "$output" chemistry
}

# A model that solves a suite as its solutions say; or, with "no", one that only says no.
solver() { # SUITE...
    python3 - "$@" << 'PYTHON'
import json, sys
script = {}
for path in sys.argv[2:]:
    for q in json.load(open(path))["questions"]:
        calls = [{"calls": [{"name": c["tool"], "arguments": json.dumps(c["arguments"])}]} for c in q["solution"]]
        answer = {"echo": True} if calls else {"text": "Hello!"}
        script[q["input"]] = calls + [answer] if sys.argv[1] == "solve" else [{"text": "no"}]
print(json.dumps(script))
PYTHON
}

real_plugins() {
    local p list=
    for p in math time code chemistry; do
        [ -e "$build/.libs/$p.so" ] || continue
        chmod 755 "$build/.libs/$p.so"
        list+="$build/.libs/$p.so\",\""
    done
    plugin=${list%\",\"}
    host=$build/corax-host
    box_path=$build/corax-box
    cp "${1:-$CORAX_SRCDIR/policies/default.json}" "$dir/policy.json"
}

@test "the shipped suites: each solution is right, and saying no is not" {
    real_plugins
    for s in math time chemistry code; do
        [ "$s" != chemistry ] || [ -e "$build/.libs/chemistry.so" ] || continue
        solver solve "$suites/$s.json" > "$dir/script.json"
        start
        if [ "$s" = code ]; then
            api GET /healthz
            [ "$(field /isolation/runs_code)" = true ] || { stop TERM; continue; }
        fi
        CORAX_EVALS=$suites evaluate "$s"
        [ "$status" = 0 ] || { echo "$output"; return 1; }
        stop TERM
        solver no "$suites/$s.json" > "$dir/script.json"
        start
        cp "$suites/$s.json" "$dir/suite.json"
        same "$(column passed)" 0
        stop TERM
    done
}

@test "the suite readonly, under the policy of that name" {
    real_plugins "$CORAX_SRCDIR/policies/readonly.json"
    solver solve "$suites/readonly.json" > "$dir/script.json"
    start
    CORAX_EVALS=$suites evaluate readonly
    [ "$status" = 0 ] || { echo "$output"; return 1; }
}
