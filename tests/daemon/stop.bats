#!/usr/bin/env bats
# SIGTERM: what is under way may end, nothing new begins, and the next daemon goes on.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

replies='{"go":[{"text":"well"}], "slow":[{"sleep_ms":600000}],
          "think":[{"sleep_ms":3000,"calls":[{"name":"echo","arguments":"{\"text\":\"a\"}"}]},{"sleep_ms":300,"echo":true}],
          "slow write":[{"calls":[{"name":"append_slow","arguments":"{\"text\":\"once\"}"}]},{"echo":true}],
          "write":[{"calls":[{"name":"append","arguments":"{\"text\":\"one\"}"}]},{"echo":true}]}'

ending() { # tells it, and goes on
    kill -TERM "$pid"
    eventually grep -q "ending: Terminated" "$dir/log"
}

ended() { # within seconds of the first word; $ended is its exit status
    local i
    for i in $(seq $((20 * $1))); do
        if ! kill -0 "$pid" 2> /dev/null; then
            ended=0
            wait "$pid" || ended=$?
            pid=
            return 0
        fi
        sleep 0.05
    done
    echo "it still runs"
    return 1
}

@test "nothing is under way: it ends at once, with 0" {
    script <<< "$replies"
    stopping='"seconds": 60'
    start
    submit write
    waiting
    ending
    ended 5
    same "$ended" 0
    start
    eventually in_state waiting
}

@test "a reply that comes in time is kept, the task goes on behind it after the next start" {
    script <<< "$replies"
    stopping='"seconds": 60'
    start
    submit think
    eventually in_state running
    ending
    api POST /v1/tasks '{"input":"go"}'
    same "$code $(field /error/type) $(field /error/code)" "503 unavailable shutting_down"
    has "$(cat "$dir/headers")" "Retry-After: 10"
    api GET /healthz
    same "$(field /status)" ending
    ended 20
    same "$ended" 0
    start
    await
    same "$(field /answer)" a
    same "$(kinds)" "task_submitted model_replied task_resumed policy_decided tool_intent tool_result model_replied task_finished "
}

@test "a call with an effect that ends in time has its result, and is not in doubt" {
    script <<< "$replies"
    stopping='"seconds": 60'
    start
    submit "slow write"
    eventually grep -q once "$ledger"
    ending
    ended 20
    same "$ended" 0
    start
    await
    same "$(field /outcome) $(field /answer) $(cat "$ledger")" "answered once once"
    same "$(kinds)" "task_submitted model_replied policy_decided tool_intent tool_result task_resumed model_replied task_finished "
}

@test "what does not end in time is cut off, and begun again" {
    script <<< "$replies"
    stopping='"seconds": 1'
    start
    submit slow
    eventually in_state running
    ending
    ended 10
    same "$ended" 0
    has "$(cat "$dir/log")" "1 tasks are still at a step"
    script <<< '{"slow":[{"text":"quick"}]}'
    start
    await
    same "$(field /answer)" quick
    same "$(kinds)" "task_submitted task_resumed model_replied task_finished "
}

@test "who waits for a task that does not end is told that the daemon does" {
    script <<< "$replies"
    stopping='"seconds": 0'
    start
    submit slow
    eventually in_state running
    curl -sS -o "$dir/waited" -D "$dir/headers" --unix-socket "$sock" "http://x/v1/tasks/$id?wait=60" 3>&- &
    waiter=$!
    sleep 0.5
    ending
    ended 10
    wait "$waiter"
    body=$(cat "$dir/waited")
    same "$(field /error/type) $(field /error/code)" "unavailable shutting_down"
    has "$(cat "$dir/headers")" "503 "
    has "$(cat "$dir/headers")" "Retry-After: 10"
}

@test "a second signal ends it at once" {
    script <<< "$replies"
    stopping='"seconds": 600'
    start
    submit slow
    eventually in_state running
    ending
    sleep 0.3
    kill -INT "$pid"
    ended 5
    same "$ended" 0
    has "$(cat "$dir/log")" "ending at once"
}

@test "finish: what runs goes on to its end, what is queued does not begin" {
    script <<< "$replies"
    stopping='"mode": "finish", "seconds": 1'
    extra='"max_running": 1'
    start
    submit think
    first=$id
    eventually in_state running
    submit go
    ending
    ended 20
    same "$ended" 0
    start
    await "$first"
    same "$(field /answer)" a
    same "$(kinds "$first")" "task_submitted model_replied policy_decided tool_intent tool_result model_replied task_finished "
    await
    same "$(field /answer)" well
}

@test "told to end at any moment: every effect happens once, and none is in doubt" {
    script <<< '{"*":[{"calls":[{"name":"append","arguments":"{\"text\":\"@.1\"}"},{"name":"append","arguments":"{\"text\":\"@.2\"}"}]},
        {"calls":[{"name":"append","arguments":"{\"text\":\"@.3\"}"}]},
        {"calls":[{"name":"append","arguments":"{\"text\":\"@.4\"}"},{"name":"append","arguments":"{\"text\":\"@.5\"}"}]},{"text":"done"}]}'
    sed -i '/"ask": "ledger.append"/d' "$dir/policy.json"
    stopping='"seconds": 60'
    extra='"max_running": 1'
    resumed=0
    for round in 1 2 3 4 5 6; do
        start
        sends=()
        for n in 1 2 3 4; do # by one curl, so that the first has not ended when the last comes
            sends+=(--next -sS -f -o "$dir/body" --unix-socket "$sock" -d "{\"input\":\"r$round-$n\"}" http://x/v1/tasks)
        done
        curl "${sends[@]:1}"
        sleep "0.0$((RANDOM % 5))"
        kill -TERM "$pid"
        ended 30
        same "$ended" 0
    done
    start
    api GET '/v1/tasks?limit=500'
    ids=$(printf '%s' "$body" | grep -o '"id":"[^"]*"' | cut -d'"' -f4)
    same "$(wc -w <<< "$ids")" 24
    for id in $ids; do
        await
        same "$(field /outcome)" answered
        [[ $(kinds) != *effect_unverified* ]]
        [[ $(kinds) != *task_resumed*tool_intent* ]] || resumed=$((resumed + 1))
    done
    [ "$resumed" -gt 0 ] # it was told while something ran
    same "$(wc -l < "$ledger")" 120
    same "$(sort -u "$ledger" | wc -l)" 120
}

@test "people may still approve, pause and cancel while it ends" {
    script <<< "$replies"
    stopping='"seconds": 60'
    start
    submit write
    waiting
    write=$id
    submit slow
    slow=$id
    eventually in_state running
    ending
    api POST "/v1/tasks/$write/input" "{\"approve\":\"$hash\"}"
    same "$code $(field /state)" "200 queued"
    id=$slow
    api POST "/v1/tasks/$id/pause"
    same "$code" 200
    api POST "/v1/tasks/$id/cancel"
    same "$code" 202
    ended 10
    same "$(cat "$ledger")" ""
    start
    id=$write
    await
    same "$(field /answer) $(cat "$ledger")" "one one"
    api GET "/v1/tasks/$slow"
    same "$(field /outcome)" cancelled
}
