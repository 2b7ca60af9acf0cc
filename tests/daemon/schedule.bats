#!/usr/bin/env bats
# Tasks with a time of their own: at, deadline.  That the clock is set meanwhile: alarm-t.c, clock.bats.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

replies='{"go":[{"text":"well"}], "slow":[{"sleep_ms":600000}],
          "slow write":[{"calls":[{"name":"append_slow","arguments":"{\"text\":\"once\"}"}]},{"echo":true}],
          "write":[{"calls":[{"name":"append","arguments":"{\"text\":\"one\"}"}]},{"echo":true}]}'

@test "at: acknowledged at once, runs when it is due, and says so" {
    script <<< "$replies"
    start
    due=$(now_ms 4000)
    submit go "\"at\":$due"
    same "$(field /state) $(field /due_ms)" "scheduled $due"
    api GET "/v1/tasks/$id"
    same "$(field /state) $(field /due_ms) $(field /usage/active_ms)" "scheduled $due 0"
    api GET '/v1/tasks?state=scheduled'
    same "$(field /tasks/0/id) $(field /tasks/0/due_ms)" "$id $due"
    api GET /healthz
    same "$(field /tasks/scheduled) $(field /tasks/queued) $(field /tasks/waiting)" "1 0 0"
    await
    same "$(field /answer)" well
    [ "$(now_ms)" -ge "$due" ]
    same "$(kinds)" "task_submitted task_due model_replied task_finished "
    api GET "/v1/tasks/$id/trace"
    same "$(field /events/1/due_ms)" "$due"
    [ "$(field /events/1/at_ms)" -ge "$due" ]
    [ "$(field /events/1/late_ms)" -lt 1000 ]
    api GET "/v1/tasks/$id/replay"
    same "$(field /same)" true
}

@test "at as RFC 3339, with the earlier one first; a time that has passed is now" {
    script <<< "$replies"
    start
    submit go "\"at\":$(now_ms 8000)"
    second=$id
    submit go "\"at\":\"$(date -u -d '+1 sec' +%Y-%m-%dT%H:%M:%S.%3NZ)\""
    first=$id
    submit go '"at":"2020-02-29T00:00:00Z"'
    await
    same "$(field /answer)" well
    api GET "/v1/tasks/$id/trace"
    [ "$(field /events/1/late_ms)" -gt 1000000000 ]
    await "$first"
    same "$(field /answer)" well
    api GET "/v1/tasks/$second"
    same "$(field /state)" scheduled
    await "$second"
    same "$(field /answer)" well
}

@test "at over kill -9: one that is not due waits on, one that came due meanwhile runs at once and says how late" {
    script <<< "$replies"
    start
    submit go "\"at\":$(now_ms 2000)"
    soon=$id
    submit go "\"at\":$(now_ms 3600000)"
    later=$id
    stop KILL
    sleep 3.5
    start
    await "$soon"
    same "$(field /answer)" well
    api GET "/v1/tasks/$soon/trace"
    same "$(field /events/1/kind)" task_due
    [ "$(field /events/1/late_ms)" -ge 700 ]
    api GET "/v1/tasks/$later"
    same "$(field /state)" scheduled
    same "$(kinds "$later")" "task_submitted "
    stop KILL
    start
    eventually in_state scheduled "$later"
    api POST "/v1/tasks/$later/cancel"
    same "$code" 202
    await "$later"
    same "$(field /outcome)" cancelled
    api GET /healthz
    same "$(field /tasks/scheduled)" 0
}

@test "at has a limit of its own, and what is due enters a full queue" {
    script <<< "$replies"
    extra='"max_running": 1, "max_queued": 0, "max_scheduled": 2'
    start
    submit go "\"at\":$(now_ms 4000)"
    early=$id
    submit go "\"at\":$(now_ms 3600000)"
    later=$id
    api POST /v1/tasks "{\"input\":\"go\",\"at\":$(now_ms 3600000)}"
    same "$code $(field /error/type) $(field /error/code)" "429 overloaded schedule_full"
    has "$(field /error/message)" "max_scheduled is 2"
    submit slow
    slow=$id
    api POST /v1/tasks '{"input":"go"}'
    same "$code $(field /error/code)" "429 queue_full"
    eventually in_state queued "$early"
    api POST /v1/tasks "{\"input\":\"go\",\"at\":$(now_ms 3600000)}" # there is room again
    same "$code" 201
    api POST "/v1/tasks/$slow/cancel"
    await "$early"
    same "$(field /answer)" well
}

@test "a submission that is repeated after its time finds its task" {
    script <<< "$replies"
    start
    sent="{\"input\":\"go\",\"at\":$(now_ms 300)}"
    api POST /v1/tasks "$sent" -H 'Idempotency-Key: k'
    same "$code" 201
    id=$(field /id)
    await
    api POST /v1/tasks "$sent" -H 'Idempotency-Key: k'
    same "$code $(field /id) $(field /state)" "200 $id finished"
}

@test "a deadline ends what runs, what waits for a person, what is queued and what is paused" {
    script <<< "$replies"
    extra='"max_running": 1'
    start
    deadline=$(now_ms 6000)
    submit write "\"deadline\":$deadline"
    waits=$id
    eventually in_state waiting
    submit slow "\"deadline\":$deadline"
    runs=$id
    eventually in_state running
    submit go "\"deadline\":$deadline"
    queued=$id
    submit go "\"deadline\":$deadline"
    paused=$id
    api POST "/v1/tasks/$paused/pause"
    same "$code $(field /state)" "200 paused"
    for id in "$waits" "$runs" "$queued" "$paused"; do
        eventually in_state finished
        same "$(field /outcome) $(field /error/code) $(field /deadline_ms)" "failed deadline $deadline"
        has "$(field /error/message)" "has passed"
        [ "$(field /updated_ms)" -ge "$deadline" ]
        api GET "/v1/tasks/$id/replay"
        same "$(field /same)" true
    done
    submit go # the slot is free
    await
    same "$(field /answer)" well
}

@test "a deadline passes while the daemon is down, and before it is due" {
    script <<< "$replies"
    start
    submit write "\"deadline\":$(now_ms 4000)"
    eventually in_state waiting
    stop KILL
    sleep 4
    start
    eventually in_state finished
    same "$(field /error/code)" deadline
    submit go '"deadline":"2020-02-29T00:00:00Z"'
    await
    same "$(field /error/code)" deadline
    submit go "\"at\":$(now_ms 600),\"deadline\":$(now_ms 601)"
    stop KILL
    sleep 1
    start
    await
    same "$(field /outcome) $(field /error/code)" "failed deadline"
    submit go "\"deadline\":$(now_ms 60000)"
    await
    same "$(field /answer)" well
}

@test "a deadline with a call under way: it is ended, and nobody knows of its effect" {
    script <<< "$replies"
    start
    submit "slow write" "\"deadline\":$(now_ms 3000)"
    await
    same "$(field /error/code)" deadline
    has "$(kinds)" "tool_intent tool_result task_finished"
    has "$(api GET "/v1/tasks/$id/trace"; echo "$body")" "whether it had an effect is not known"
}
