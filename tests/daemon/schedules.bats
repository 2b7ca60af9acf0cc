#!/usr/bin/env bats
# Tasks that come again and again: the rule, catching up after kill -9, overlapping, pausing.  Rules and their times: cron-t.c; a clock
# that is set: clock.bats.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

replies='{"go":[{"text":"well"}], "slow":[{"sleep_ms":600000}],
          "write":[{"calls":[{"name":"append","arguments":"{\"text\":\"one\"}"}]},{"echo":true}]}'

skipped() { # TIMES
    known && [ "$(field /skipped)" -ge "$1" ]
}

# The due times of all tasks, the newest first.
due_times() {
    local ids
    api GET '/v1/tasks?limit=500'
    ids=$(printf '%s' "$body" | grep -o '"id":"[^"]*"' | cut -d'"' -f4)
    for id in $ids; do
        api GET "/v1/tasks/$id"
        field /due_ms
    done
}

@test "an interval: each time brings a task that names its schedule" {
    script <<< "$replies"
    start
    before=$(now_ms)
    schedule go 1s
    same "$(field /state) $(field /every) $(field /runs) $(field /skipped) $(field /input_text)" "active 1s 0 0 go"
    same "$(field /submission/input)" go
    has "$(cat "$dir/headers")" "Location: /v1/schedules/$schedule"
    first=$(field /next_ms)
    [ "$first" -ge $((before + 1000)) ]
    eventually has_run 3
    id=$(field /last_task)
    await
    same "$(field /answer) $(field /schedule)" "well $schedule"
    times=$(due_times)
    has "$times" "$first"
    for time in $times; do
        same $(((time - first) % 1000)) 0
    done
    same "$(printf '%s\n' "$times" | sort -u | wc -l)" "$(printf '%s\n' "$times" | wc -l)"
    api GET /v1/schedules
    same "$(field /schedules/0/id)" "$schedule"
    api GET "/v1/tasks/$id/replay"
    same "$(field /same)" true
}

@test "kill -9 again and again: no time brings two tasks" {
    script <<< "$replies"
    start
    schedule go 1s
    for pause in 0.9 1.0 1.1 1.3 2.5; do
        sleep "$pause"
        stop KILL
        start
    done
    eventually known
    runs=$(field /runs)
    eventually has_run $((runs + 2))
    times=$(due_times)
    same "$(printf '%s\n' "$times" | sort -u | wc -l)" "$(printf '%s\n' "$times" | wc -l)"
    eventually known
    [ "$(printf '%s\n' "$times" | wc -l)" -le "$(field /runs)" ]
}

@test "what was missed while no daemon ran comes once, and says how late" {
    script <<< "$replies"
    start
    schedule go 5s
    first=$(field /next_ms)
    stop KILL
    while [ "$(now_ms)" -lt $((first + 5300)) ]; do sleep 0.1; done # soon behind the second time
    up=$(now_ms)
    start
    eventually has_run 1
    id=$(field /last_task)
    same "$(field /last_ms)" "$first"
    [ "$(field /next_ms)" -gt "$(now_ms)" ]
    same $((($(field /next_ms) - first) % 5000)) 0
    await
    same "$(field /answer) $(field /due_ms)" "well $first"
    api GET "/v1/tasks/$id/trace"
    same "$(field /events/1/kind)" task_due
    [ "$(field /events/1/late_ms)" -ge 4000 ]
    same "$(due_times | awk -v up="$up" '$1 <= up' | wc -l)" 1 # later ones may have come since
}

@test "a time at which the last task has not ended brings none, and the schedule says so" {
    script <<< "$replies"
    start
    schedule slow 1s
    eventually skipped 2
    same "$(field /runs)" 1
    task=$(field /last_task)
    has "$(field /trouble)" "the task before, $task, has not ended"
    stop KILL
    start
    eventually skipped 3
    same "$(field /runs)" 1
    api POST "/v1/tasks/$task/cancel"
    eventually has_run 2
    [ "$(field /last_task)" != "$task" ]
    same "$(field /trouble)" null
}

@test "pause and resume, over a restart, and removing" {
    script <<< "$replies"
    start
    schedule go 1s
    api POST "/v1/schedules/$schedule/pause"
    same "$code $(field /state) $(field /next_ms)" "200 paused null"
    runs=$(field /runs)
    stop KILL
    start
    eventually known
    same "$(field /state)" paused
    sleep 1.5
    known
    same "$(field /runs)" "$runs"
    api POST "/v1/schedules/$schedule/resume"
    same "$code $(field /state)" "200 active"
    [ "$(field /next_ms)" -gt "$(now_ms -500)" ]
    eventually has_run $((runs + 1))
    task=$(field /last_task)
    api DELETE "/v1/schedules/$schedule"
    same "$code" 204
    api GET "/v1/schedules/$schedule"
    same "$code $(field /error/code)" "404 schedule_not_found"
    stop KILL
    start
    eventually all_known
    same "$(field /schedules)" '[]'
    api GET "/v1/tasks/$task"
    same "$(field /schedule)" "$schedule"
}

@test "a rule of cron, in the time zone of the daemon, and a first time" {
    script <<< "$replies"
    preload=TZ=XYZ-2
    start
    schedule go "30 8 1 1 *"
    same "$(field /next_ms)" "$(date -u -d "$(($(date -u -d '+2 hours' +%Y) + 1))-01-01 06:30" +%s)000"
    begin=$(date -u -d '+400 days 00:00' +%s)
    schedule go "0 12 * * *" "\"at\":${begin}000"
    same "$(field /next_ms)" "$((begin + 10 * 3600))000"
    schedule go 1d "\"at\":${begin}000"
    same "$(field /next_ms)" "${begin}000"
}

@test "what is refused" {
    script <<< "$replies"
    extra='"max_scheduled": 2'
    start
    eventually all_known
    for rule in 10 0s 1x "61 * * * *" "0 0 30 2 *" ""; do
        api POST /v1/schedules "{\"input\":\"go\",\"every\":\"$rule\"}"
        same "$code $(field /error/code) $(field /error/param)" "400 bad_value every"
    done
    api POST /v1/schedules '{"input":"go"}'
    same "$code $(field /error/code) $(field /error/param)" "400 missing every"
    api POST /v1/schedules "{\"input\":\"go\",\"every\":\"1d\",\"deadline\":$(now_ms 1000)}"
    same "$code $(field /error/param)" "400 every"
    api POST /v1/schedules '{"input":"go","every":"1d","tools":["nonsense"]}'
    same "$code $(field /error/param)" "400 tools"
    api POST /v1/tasks '{"input":"go","every":"1d"}'
    same "$code $(field /error/param)" "400 every"
    api POST /v1/schedules '{"input":"go","every":"1d"}' -H 'Idempotency-Key: k'
    same "$code" 201
    schedule=$(field /id)
    api POST /v1/schedules '{"input":"go","every":"1d"}' -H 'Idempotency-Key: k'
    same "$code $(field /id)" "200 $schedule"
    api POST /v1/schedules '{"input":"go","every":"2d"}' -H 'Idempotency-Key: k'
    same "$code $(field /error/code)" "409 idempotency_mismatch"
    schedule go 1d
    api POST /v1/schedules '{"input":"go","every":"1d"}'
    same "$code $(field /error/code)" "429 schedule_full"
    head -c 70000 /dev/zero | tr '\0' x > "$dir/long"
    api DELETE "/v1/schedules/$schedule"
    printf '{"input":"%s","every":"1d"}' "$(cat "$dir/long")" > "$dir/long.json"
    api POST /v1/schedules "@$dir/long.json"
    same "$code $(field /error/code)" "400 bad_value"
    has "$(field /error/message)" "at most 65536 bytes"
    for path in x 01aaaaaa-0000-7000-8000-000000000000 "$schedule/pause"; do
        api GET "/v1/schedules/$path"
        same "$code $(field /error/code)" "404 schedule_not_found"
    done
    api GET /v1/schedules
    schedule=$(field /schedules/0/id)
    api GET "/v1/schedules/$schedule/pause"
    same "$code" 405
    api POST "/v1/schedules/$schedule/stop"
    same "$code $(field /error/code)" "404 no_such_path"
    [ "$(id -u)" = 0 ] || skip "needs root"
    same "$(setpriv --reuid 65534 --regid 0 --clear-groups -- curl -sS -o /dev/null -w '%{http_code}' \
        --unix-socket "$sock" "http://x/v1/schedules/$schedule")" 404
}

@test "what can not be submitted any more is skipped with the reason, and comes again when it can" {
    script <<< "$replies"
    mkdir "$dir/agents"
    echo '{"agent":1}' > "$dir/agents/one.json"
    extra="\"agents\": \"$dir/agents\""
    start
    schedule go 1s '"agent":"one"'
    eventually has_run 1
    mv "$dir/agents/one.json" "$dir/two.json"
    kill -HUP "$pid"
    eventually skipped 1
    has "$(field /trouble)" 'there is no agent "one"'
    mv "$dir/two.json" "$dir/agents/one.json"
    kill -HUP "$pid"
    runs=$(field /runs)
    eventually has_run $((runs + 1))
    same "$(field /trouble)" null
}

@test "a daemon that is ending brings none: the next one does" {
    script <<< "$replies"
    stopping='"seconds": 3'
    start
    submit slow
    eventually one_runs
    schedule go 1s
    kill -TERM "$pid"
    api POST /v1/schedules '{"input":"go","every":"1d"}'
    same "$code $(field /error/code)" "503 shutting_down"
    sleep 1.5
    known
    runs=$(field /runs)
    skipped=$(field /skipped)
    wait "$pid"
    start
    eventually has_run $((runs + 1))
    same "$(field /skipped)" "$skipped"
}
