#!/usr/bin/env bats
# Pausing and resuming a task, in each of its states and over kill -9.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

replies='{"go":[{"text":"well"}], "slow":[{"sleep_ms":600000}],
          "think":[{"sleep_ms":2500,"calls":[{"name":"echo","arguments":"{\"text\":\"a\"}"}]},{"echo":true}],
          "slow write":[{"calls":[{"name":"append_slow","arguments":"{\"text\":\"once\"}"}]},{"echo":true}],
          "write":[{"calls":[{"name":"append","arguments":"{\"text\":\"one\"}"}]},{"echo":true}]}'

pause() {
    api POST "/v1/tasks/$id/pause"
    same "$code" 200
}

resume() {
    api POST "/v1/tasks/$id/resume"
    same "$code" 200
}

@test "one that runs ends its step, gives its slot back, and goes on where it was" {
    script <<< "$replies"
    extra='"max_running": 1'
    start
    submit think
    first=$id
    eventually in_state running
    pause
    same "$(field /state) $(field /paused)" "running true"
    submit go # there is no other slot
    await
    same "$(field /answer)" well
    id=$first
    eventually in_state paused
    same "$(kinds)" "task_submitted pause_asked model_replied task_paused "
    api GET "/v1/tasks/$id"
    active=$(field /usage/active_ms)
    sleep 1
    api GET "/v1/tasks/$id?wait=60" # it is settled
    same "$(field /state) $(field /usage/active_ms)" "paused $active"
    api GET '/v1/tasks?state=paused'
    same "$(field /tasks/0/id)" "$id"
    pause # once more: nothing new
    resume
    same "$(field /paused)" false
    await
    same "$(field /answer)" a
    same "$(kinds)" "task_submitted pause_asked model_replied task_paused task_resumed_by policy_decided tool_intent tool_result model_replied task_finished "
    api GET "/v1/tasks/$id/trace"
    same "$(field /events/1/uid) $(field /events/4/uid)" "$(id -u) $(id -u)"
    api GET "/v1/tasks/$id/replay"
    same "$(field /same)" true
}

@test "a call with an effect ends before the pause, and its effect happens once" {
    script <<< "$replies"
    start
    submit "slow write"
    eventually grep -q once "$ledger"
    pause
    eventually in_state paused
    same "$(kinds)" "task_submitted model_replied policy_decided tool_intent pause_asked tool_result task_paused "
    resume
    await
    same "$(field /answer) $(cat "$ledger")" "once once"
}

@test "it survives kill -9, whether it had begun or not, and does not burn its budget" {
    script <<< "$replies"
    start
    submit think '"budget":{"wall_ms":8000}'
    eventually in_state running
    pause
    eventually in_state paused
    stop KILL
    sleep 6
    start
    eventually in_state paused
    stop KILL
    start
    eventually in_state paused
    same "$(field /paused)" true
    resume
    await
    same "$(field /answer)" a
    has "$(kinds)" "task_paused task_resumed_by task_resumed policy_decided"
}

@test "one that was only asked to is paused after kill -9" {
    script <<< "$replies"
    start
    submit slow
    eventually in_state running
    pause
    stop KILL
    start
    eventually in_state paused
    has "$(kinds)" "pause_asked task_paused"
    api POST "/v1/tasks/$id/cancel"
    await
    same "$(field /outcome)" cancelled
}

@test "one that is queued, one that is not due, and one that changes its mind" {
    script <<< "$replies"
    extra='"max_running": 1'
    start
    submit slow
    slow=$id
    eventually in_state running
    submit go
    pause
    same "$(field /state)" paused
    queued=$id
    early_due=$(now_ms 4000)
    submit go "\"at\":$early_due"
    early=$id
    pause
    same "$(field /state)" paused
    submit go "\"at\":$(now_ms 3600000)"
    pause
    resume
    same "$(field /state)" scheduled
    id=$slow
    pause
    resume # before its step is over: as if nothing had been
    same "$(kinds)" "task_submitted pause_asked task_resumed_by "
    api POST "/v1/tasks/$slow/cancel"
    while [ "$(now_ms)" -le "$early_due" ]; do sleep 0.2; done
    for id in "$queued" "$early"; do
        api GET "/v1/tasks/$id"
        same "$(field /state)" paused
        resume
        await
        same "$(field /answer)" well
    done
    same "$(kinds "$early")" "task_submitted task_paused task_due task_resumed_by model_replied task_finished "
}

@test "one that waits for a person goes on waiting, and is held when they have spoken" {
    script <<< "$replies"
    start
    submit write
    waiting
    pause
    same "$(field /state) $(field /paused)" "waiting true"
    stop KILL
    start
    eventually in_state waiting
    api POST "/v1/tasks/$id/input" "{\"approve\":\"$hash\"}"
    same "$code" 200
    eventually in_state paused
    same "$(cat "$ledger")" ""
    stop KILL
    start
    eventually in_state paused
    resume
    await
    same "$(field /answer) $(cat "$ledger")" "one one"
}

@test "paused tasks count as queued ones" {
    script <<< "$replies"
    extra='"max_running": 1, "max_queued": 2'
    start
    submit slow
    eventually in_state running
    for _ in 1 2; do
        submit go
        pause
    done
    api POST /v1/tasks '{"input":"go"}'
    same "$code $(field /error/code)" "429 queue_full"
    has "$(field /error/message)" "waiting or paused"
    api POST "/v1/tasks/$id/cancel"
    submit go
}

@test "what cannot be" {
    script <<< "$replies"
    start
    submit go
    await
    api POST "/v1/tasks/$id/pause"
    same "$code $(field /error/code)" "409 task_finished"
    api POST "/v1/tasks/$id/resume"
    same "$code $(field /error/code)" "409 task_finished"
    submit slow
    api POST "/v1/tasks/$id/resume"
    same "$code $(field /error/code)" "409 not_paused"
    api GET "/v1/tasks/$id/pause"
    same "$code" 405
    api POST /v1/tasks/01aaaaaa-0000-7000-8000-000000000000/pause
    same "$code $(field /error/code)" "404 task_not_found"
    [ "$(id -u)" = 0 ] || skip "needs root"
    same "$(setpriv --reuid 65534 --regid 0 --clear-groups -- curl -sS -o /dev/null -w '%{http_code}' -X POST \
        --unix-socket "$sock" "http://x/v1/tasks/$id/pause")" 404
}

@test "a change waits for a task that is still being recovered" {
    script <<< "$replies"
    start
    submit write
    waiting
    stop KILL
    printf '#!/bin/sh\nsleep 1\nexec %s "$@"\n' "$helpers/scripted-host" > "$dir/host"
    chmod 755 "$dir/host"
    host=$dir/host
    start
    api GET "/v1/tasks/$id"
    same "$code $(field /state)" "200 waiting"
    api POST "/v1/tasks/$id/pause"
    same "$code $(field /paused)" "200 true"
    stop KILL
    start
    api POST "/v1/tasks/$id/input" "{\"approve\":\"$hash\"}"
    same "$code" 200
    stop KILL
    start
    api POST "/v1/tasks/$id/cancel"
    same "$code $(field /outcome)" "202 cancelled"
}
