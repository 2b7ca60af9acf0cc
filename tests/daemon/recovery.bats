#!/usr/bin/env bats
# kill -9, and what the next daemon makes of it: nothing acknowledged is lost, what is safe is done again, and an effect
# in doubt is put to a person instead of repeated.  The ledger counts effects from outside.  Random moments: crash-t.c.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

replies='{"slow write":[{"calls":[{"name":"append_slow","arguments":"{\"text\":\"once\"}"}]},{"echo":true}],
          "slow again":[{"calls":[{"name":"append_again_slow","arguments":"{\"text\":\"again\"}"}]},{"echo":true}],
          "write":[{"calls":[{"name":"append","arguments":"{\"text\":\"one\"}"}]},{"echo":true}],
          "ask":[{"calls":[{"name":"ask_user","arguments":"{\"question\":\"which?\"}"}]},{"echo":true}]}'

in_ledger() {
    [ "$(grep -c "$1" "$ledger")" -ge 1 ]
}

kill_after() { # TEXT LINE: kill -9 once the effect has happened
    script <<< "$replies"
    start
    submit "$1"
    eventually in_ledger "$2"
    stop KILL
}

interrupt() { # TEXT LINE: the same, and start again
    kill_after "$@"
    start
    eventually recovered
}

recovered() {
    api GET "/v1/tasks/$id?wait=10"
    [ "$(field /state)" = waiting ] || [ "$(field /state)" = finished ]
}

@test "a task that plans goes on behind its plan" {
    script <<< '{"slow write":[{"text":"Plan: 1. append"},{"calls":[{"name":"append_again_slow","arguments":"{\"text\":\"again\"}"}]},{"echo":true}]}'
    start
    submit "slow write" '"planner":"plan"'
    eventually in_ledger again
    stop KILL
    start
    eventually recovered
    same "$(field /outcome) $(field /usage/steps) $(field /planner)" "answered 3 plan"
}

@test "a search goes on where it had gone back to, and never behind an effect" {
    script <<< '{"slow write":[{"calls":[{"name":"echo","arguments":"{\"text\":\"a\"}"}]},
        {"calls":[{"name":"give_up","arguments":"{\"reason\":\"no\"}"}]}],
        "slow write|1":[{"calls":[{"name":"append_slow","arguments":"{\"text\":\"once\"}"}]},
        {"calls":[{"name":"append_again_slow","arguments":"{\"text\":\"again\"}"}]},
        {"calls":[{"name":"give_up","arguments":"{\"reason\":\"no\"}"}]}],
        "slow write|2":[{"calls":[{"name":"give_up","arguments":"{\"reason\":\"no\"}"}]}],
        "slow write|3":[{"text":"done"}]}'
    start
    submit "slow write" '"planner":"dfsdt"'
    eventually in_ledger again
    stop KILL
    start
    eventually recovered
    same "$(field /outcome) $(field /answer)" "answered done"
    api GET "/v1/tasks/$id/trace"
    same "$(printf '%s' "$body" | grep -o '"depth":[0-9]*,"why":"given up"' | tr '\n' ' ')" \
        '"depth":0,"why":"given up" "depth":1,"why":"given up" "depth":1,"why":"given up" '
    same "$(cat "$ledger" | sort -u | tr '\n' ' ')" "again once "
    same "$(grep -c once "$ledger")" 1
}

@test "an effect in doubt is not repeated: a person is asked" {
    interrupt "slow write" once
    same "$(field /waiting_for/kind) $(field /waiting_for/tool)" "unverified append_slow"
    hash=$(field /waiting_for/request_hash)
    same "$(cat "$ledger")" once
    # and so it stays over another restart
    stop KILL
    start
    eventually recovered
    same "$(field /waiting_for/request_hash)" "$hash"
    api POST "/v1/tasks/$id/input" '{"answer":"I looked: it is written"}'
    same "$code" 200
    await
    same "$(field /answer)" "I looked: it is written"
    same "$(cat "$ledger")" once
    has "$(kinds)" "tool_intent task_resumed effect_unverified human_said tool_result model_replied task_finished"
}

@test "an effect in doubt is repeated when the person says so" {
    interrupt "slow write" once
    hash=$(field /waiting_for/request_hash)
    api POST "/v1/tasks/$id/input" "{\"approve\":\"$hash\"}"
    same "$code" 200
    await
    same "$(field /outcome) $(field /answer)" "answered once"
    same "$(wc -l < "$ledger")" 2
    has "$(kinds)" "effect_unverified approval_given tool_intent tool_result"
}

@test "an effect in doubt that is denied is a failed call" {
    interrupt "slow write" once
    hash=$(field /waiting_for/request_hash)
    api POST "/v1/tasks/$id/input" "{\"deny\":\"$hash\"}"
    same "$code" 200
    await
    has "$(field /answer)" "it is not known whether this call had its effect"
    same "$(cat "$ledger")" once
}

doubt() { # ask|fail: what the policy says of calls in doubt
    cat > "$dir/policy.json" <<POLICY
{ "policy": 1, "id": "test", "rules": [
  { "id": "free", "allow": "ledger.*", "must": { "in_doubt": "ask" }, "why": "the ledger is there for it" },
  { "id": "slow", "allow": "ledger.append_*", "must": { "in_doubt": "$1" }, "why": "it takes its time" } ] }
POLICY
}

has_failed_in_doubt() { # RULE
    same "$(field /state)" finished
    has "$(field /answer)" "it is not known whether this call had its effect"
    same "$(cat "$ledger")" once
    has "$(kinds)" "task_resumed effect_unverified tool_result"
    api GET "/v1/tasks/$id/trace"
    same "$(printf '%s' "$body" | grep -o '"in_doubt":"fail","rule":"[^"]*"')" "\"in_doubt\":\"fail\",\"rule\":\"$1\""
}

@test "an effect in doubt fails where the policy says so, whoever is there" {
    doubt fail
    interrupt "slow write" once
    has_failed_in_doubt test/slow
    has "$body" '"in_doubt":"fail","in_doubt_rule":"test/slow"'
    run "$build/corax" -s "$sock" trace "$id"
    has "$output" "c1 fails by test/slow: the daemon was interrupted"
}

@test "an effect in doubt fails as was decided, though the policy asks now" {
    doubt fail
    kill_after "slow write" once
    doubt ask
    start
    eventually recovered
    has_failed_in_doubt test/slow
}

@test "an effect in doubt fails where only the policy of today says so" {
    doubt ask
    interrupt "slow write" once
    same "$(field /waiting_for/kind)" unverified
    api GET "/v1/tasks/$id/trace"
    has "$body" '"in_doubt":"ask","rule":"test/free"'
    # over the next start, too
    stop KILL
    doubt fail
    start
    eventually finished
    has_failed_in_doubt test/slow
}

finished() {
    api GET "/v1/tasks/$id?wait=10"
    [ "$(field /state)" = finished ]
}

@test "an idempotent call is made again" {
    interrupt "slow again" again
    same "$(field /state) $(field /answer)" "finished again"
    has "$(kinds)" "task_resumed"
}

@test "a result that is stored is not asked for again" {
    script <<< "{\"go\":[{\"calls\":[{\"name\":\"echo\",\"arguments\":\"{\\\"text\\\":\\\"abc\\\"}\"}]},
        {\"do\":\"hang\",\"once\":\"$dir/once\",\"echo\":true}]}"
    start
    submit go
    eventually has_result
    stop KILL
    start
    eventually recovered
    same "$(field /answer)" abc
    same "$(kinds)" "task_submitted model_replied policy_decided tool_intent tool_result task_resumed model_replied task_finished "
}

has_result() {
    kinds | grep -q tool_result
}

@test "waiting for approval survives, and the approval still fits" {
    script <<< "$replies"
    start
    submit write
    await
    hash=$(field /waiting_for/request_hash)
    stop KILL
    start
    eventually recovered
    same "$(field /state) $(field /waiting_for/request_hash)" "waiting $hash"
    api POST "/v1/tasks/$id/input" "{\"approve\":\"$hash\"}"
    same "$code" 200
    await
    same "$(field /answer)" one
    same "$(cat "$ledger")" one
}

@test "another policy after the restart: the old approval request is void" {
    script <<< "$replies"
    start
    submit write
    await
    hash=$(field /waiting_for/request_hash)
    stop TERM
    sed -i 's/somebody should look/look twice/' "$dir/policy.json"
    start
    eventually recovered
    [ "$(field /waiting_for/request_hash)" != "$hash" ]
    api POST "/v1/tasks/$id/input" "{\"approve\":\"$hash\"}"
    same "$code $(field /error/code)" "409 wrong_request_hash"
}

@test "a question survives" {
    script <<< "$replies"
    start
    submit ask
    await
    stop KILL
    start
    eventually recovered
    same "$(field /waiting_for/question)" "which?"
    api POST "/v1/tasks/$id/input" '{"answer":"this"}'
    await
    same "$(field /answer)" this
}

@test "a task submitted while the daemon starts runs once" {
    script <<< '{"go":[{"calls":[{"name":"append_again_slow","arguments":"{\"text\":\"x\"}"}]},{"text":"done"}]}'
    config
    "$build/coraxd" -d -c "$dir/corax.conf" 2>> "$dir/log" 3>&- &
    pid=$!
    until curl -fsS -o "$dir/body" --unix-socket "$sock" -d '{"input":"go"}' http://x/v1/tasks 2> "$dir/curl"; do :; done
    body=$(cat "$dir/body")
    id=$(field /id)
    await
    same "$(field /answer)" "done"
    same "$(cat "$ledger")" x
    has "$(cat "$dir/log")" "ready after"
    ! grep -q "1 unfinished" "$dir/log"
}
