#!/usr/bin/env bats
# The HTTP API as docs/api.md describes it, seen through curl: tasks, events, errors, who may see what, and the start of
# the daemon.  The model and the plugin are scripted.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

hello='{"hello":[{"reasoning":"easy","text":"hi there"}],"slow":[{"sleep_ms":20000,"text":"late"}],
        "nap":[{"sleep_ms":3000,"text":"rested"}],
        "tool":[{"calls":[{"name":"echo","arguments":"{\"text\":\"abc\"}"}]},{"echo":true}]}'

@test "ping and healthz" {
    script <<< "$hello"
    start
    api GET /_ping
    same "$code $body" "200 OK"
    has "$(cat "$dir/headers")" "API-Version: 1"
    api HEAD /_ping "" -I
    same "$code" 200
    api GET /healthz
    same "$(field /status)" ok
    eventually model_ready
    same "$(field /model/name)" scripted
    same "$(field /hosts/0/plugin)" ledger
    same "$(field /journal/state)" ok
}

probed() {
    api GET /healthz
    [ "$(field /isolation/parts/0/name)" = "$1" ]
}

@test "healthz says what boxes there are, and strict does not start with less" {
    script <<< "$hello"
    cp "$helpers/scripted-box" "$dir/box"
    box_path=$dir/box
    extra='"roots": { "notes": "'$dir'" },'
    start
    eventually probed user
    same "$(field /isolation/mode) $(field /isolation/complete) $(field /isolation/error) $(field /status)" "available true null ok"
    stop TERM
    start --isolation strict
    same "$(probed user && field /isolation/mode)" strict
    stop TERM
    printf '{"parts":[{"name":"net","state":"missing","why":"no"},{"name":"ipc","state":"missing","why":"no"}],"complete":false}\n' > "$dir/box.probe"
    start
    eventually probed net
    same "$(field /isolation/complete) $(field /status)" "false ok"
    has "$(cat "$dir/log")" "lacks: net, ipc"
    stop TERM
    config
    run timeout 60 "$build/coraxd" -c "$dir/corax.conf" --isolation strict
    same "$status" 1
    has "$output" "isolation is strict, and this machine lacks net, ipc"
    echo garbage > "$dir/box.probe"
    run timeout 60 "$build/coraxd" -c "$dir/corax.conf" --isolation strict
    same "$status" 1
    has "$output" "it is not known what this machine offers"
    start
    eventually probe_failed
    stop TERM
    run timeout 60 "$build/coraxd" -c "$dir/corax.conf" --isolation none
    same "$status" 1
    has "$output" "isolation must be strict or available"
}

probe_failed() {
    api GET /healthz
    [ "$(field /isolation/error)" != null ]
}

model_ready() {
    api GET /healthz
    [ "$(field /model/state)" = ready ]
}

@test "a task is answered, its events in order" {
    script <<< "$hello"
    start
    submit tool
    has "$(cat "$dir/headers")" "Location: /v1/tasks/$id"
    await
    same "$(field /state) $(field /outcome) $(field /answer)" "finished answered abc"
    same "$(field /usage/steps) $(field /usage/tool_calls) $(field /usage/prompt_tokens)" "2 1 20"
    same "$(field /model) $(field /error)" "scripted null"
    same "$(kinds)" "task_submitted model_replied policy_decided tool_intent tool_result model_replied task_finished "
    api GET "/v1/tasks/$id/trace"
    same "$(field /events/1/calls/0/id)" c1
    same "$(field /events/4/parts/0/text)" abc
    api GET "/v1/tasks?limit=1"
    same "$(field /tasks/0/id) $(field /tasks/0/answer) $(field /tasks/0/input_text)" "$id abc tool"
}

@test "input may be a list of parts; long payloads come back whole" {
    long=$(head -c 5000 /dev/zero | tr '\0' y)
    script <<< "{\"$long\":[{\"text\":\"$long\"}]}"
    start
    api POST /v1/tasks "{\"input\":[{\"type\":\"text\",\"text\":\"$long\"}]}"
    same "$code" 201
    id=$(field /id)
    await
    same "$(field /answer)" "$long"
    same "$(field /input/0/text)" "$long"
    api GET "/v1/tasks/$id/trace"
    same "$(field /events/0/input/0/text)" "$long"
    api GET /v1/tasks
    same "$(field /tasks/0/answer | wc -c)" 121
}

@test "events: from the beginning, from a place, with Last-Event-ID, live" {
    script <<< "$hello"
    start
    submit nap
    curl -sSN --max-time 20 --unix-socket "$sock" "http://x/v1/tasks/$id/events" > "$dir/live"
    same "$(grep ^id: "$dir/live" | tr -d '\n')" "id: 1id: 2id: 3"
    has "$(cat "$dir/live")" 'event: delta'
    has "$(cat "$dir/live")" '"text":"rested"'
    api GET "/v1/tasks/$id/events?starting_after=2"
    same "$(printf '%s' "$body" | grep ^event:)" "event: task_finished"
    api GET "/v1/tasks/$id/events" "" -H "Last-Event-ID: 1"
    same "$(printf '%s' "$body" | grep -c ^event:)" 2
    api GET "/v1/tasks/$id/events?starting_after=99"
    same "$code-$body" "200-"
}

@test "cancel a running task, a queued one, and delete" {
    extra='"max_running": 1'
    script <<< "$hello"
    start
    submit slow
    running=$id
    submit hello
    queued=$id
    api GET "/v1/tasks/$queued"
    same "$(field /state)" queued
    api DELETE "/v1/tasks/$queued"
    same "$code $(field /state) $(field /outcome)" "202 finished cancelled"
    api DELETE "/v1/tasks/$running"
    same "$code $(field /outcome)" "202 cancelled"
    submit hello
    await
    same "$(field /outcome)" answered
    api DELETE "/v1/tasks/$id"
    same "$code" 204
    api GET "/v1/tasks/$id"
    same "$code $(field /error/code)" "404 task_not_found"
    api DELETE "/v1/tasks/$id"
    same "$code" 404
}

@test "of what waits, the highest priority goes first, after a restart too" {
    extra='"max_running": 1'
    script <<< '{"slow":[{"sleep_ms":600000}],"first":[{"text":"a"}],"second":[{"text":"a"}],"third":[{"text":"a"}],"last":[{"text":"a"}],
        "record":"'"$dir"'/record"}'
    start
    submit slow '"priority":"high"'
    running=$id
    eventually one_runs
    submit last '"priority":"low"'
    last=$id
    submit second
    submit third '"priority":"normal"'
    submit first '"priority":"high"'
    same "$(field /state)" queued
    stop KILL
    start
    eventually one_runs
    api POST "/v1/tasks/$running/cancel"
    id=$last
    await
    same "$(field /outcome) $(field /priority)" "answered low"
    same "$(grep -o '"text":"\(slow\|first\|second\|third\|last\)"' "$dir/record" | cut -d'"' -f4 | tr '\n' ' ')" "slow slow first second third last "
    api GET "/v1/tasks/$running/trace"
    same "$(field /events/0/priority)" high
    api POST /v1/tasks '{"input":"x","priority":"urgent"}'
    same "$code $(field /error/param)" "400 priority"
}

@test "cancelling keeps the trace of what has ended" {
    script <<< "$hello"
    start
    submit slow
    api POST "/v1/tasks/$id/cancel"
    same "$code $(field /state) $(field /outcome)" "202 finished cancelled"
    submit hello
    await
    api POST "/v1/tasks/$id/cancel"
    same "$code $(field /error/code)" "409 task_finished"
    same "$(kinds)" "task_submitted model_replied task_finished "
    api POST /v1/tasks/01a20908-5e78-75be-9ed2-fb2ee354e500/cancel
    same "$code" 404
    api GET "/v1/tasks/$id/cancel"
    same "$code" 405
}

@test "a list by state knows what runs before its first step is stored" {
    extra='"max_running": 1'
    script <<< "$hello"
    start
    submit hello
    await
    submit slow
    running=$id
    submit slow
    queued=$id
    eventually one_runs
    api GET "/v1/tasks?state=running"
    same "$(field /tasks/0/id) $(printf '%s' "$body" | "$helpers/json-get" --count /tasks)" "$running 1"
    api GET "/v1/tasks?state=queued"
    same "$(field /tasks/0/id) $(printf '%s' "$body" | "$helpers/json-get" --count /tasks)" "$queued 1"
    api GET "/v1/tasks?state=finished"
    same "$(printf '%s' "$body" | "$helpers/json-get" --count /tasks)" 1
    submit slow
    api GET "/v1/tasks?state=queued&limit=1"
    same "$(field /tasks/0/id) $(field /more)" "$id true"
    api GET "/v1/tasks?state=queued&before=$id"
    same "$(field /tasks/0/id) $(field /more)" "$queued false"
}

@test "idempotency key" {
    script <<< "$hello"
    start
    api POST /v1/tasks '{"input":"hello"}' -H 'Idempotency-Key: k-1'
    same "$code" 201
    first=$(field /id)
    api POST /v1/tasks '{"input":"hello"}' -H 'Idempotency-Key: k-1'
    same "$code $(field /id)" "200 $first"
    api POST /v1/tasks '{"input":"other"}' -H 'Idempotency-Key: k-1'
    same "$code $(field /error/code)" "409 idempotency_mismatch"
    api POST /v1/tasks '{"input":"hello"}' -H 'Idempotency-Key: with blank'
    same "$code $(field /error/param)" "400 Idempotency-Key"
}

@test "mistakes are named" {
    script <<< "$hello"
    start
    eventually model_ready
    api POST /v1/tasks '{"inptu":"x"}'
    same "$code $(field /error/code)" "400 unknown_member"
    has "$(field /error/message)" inptu
    api POST /v1/tasks '{"input":'
    same "$code $(field /error/code)" "400 bad_json"
    api POST /v1/tasks '{"input":"x","tools":["no_such"]}'
    same "$code $(field /error/param)" "400 tools"
    api POST /v1/tasks ''
    same "$code" 400
    api GET /v1/nothing
    same "$code $(field /error/code)" "404 no_such_path"
    api PUT /v1/tasks '{}'
    same "$code $(field /error/code)" "405 bad_method"
    has "$(cat "$dir/headers")" "Allow: GET, HEAD, POST"
    api GET /v1/tasks/123
    same "$code $(field /error/code)" "404 task_not_found"
    api GET /v1/tasks/01a20908-5e78-75be-9ed2-fb2ee354e500
    same "$code" 404
    api POST /v1/tasks/01a20908-5e78-75be-9ed2-fb2ee354e500/input '{"answer":"x"}'
    same "$code" 404
    api GET '/v1/tasks?limit=0'
    same "$code $(field /error/param)" "400 limit"
    api GET '/v1/tasks?state=odd'
    same "$code $(field /error/param)" "400 state"
}

@test "limits: body, doubled length, header size, a request that drips" {
    script <<< "$hello"
    start
    head -c 1200000 /dev/zero | tr '\0' x > "$dir/big"
    code=$(curl -sS -o "$dir/body" -w '%{http_code}' --data-binary @"$dir/big" --unix-socket "$sock" http://x/v1/tasks)
    body=$(cat "$dir/body")
    same "$code $(field /error/code)" "413 too_large"
    api POST /v1/tasks '{"input":"hello"}' -H 'Content-Length: 17' -H 'content-length: 17'
    same "$code $(field /error/code)" "400 bad_content_length"
    long=$(head -c 70000 /dev/zero | tr '\0' h)
    code=$(printf 'header = "X-Long: %s"' "$long" |
        curl -sS -K - -o "$dir/body" -w '%{http_code}' --unix-socket "$sock" http://x/_ping || true)
    [ "$code" != 200 ]
    api GET /_ping
    same "$code" 200
}

@test "the queue has an end" {
    extra='"max_running": 1, "max_queued": 2'
    script <<< "$hello"
    start
    for _ in 1 2 3; do submit slow; done
    eventually one_runs
    submit slow || true
    api POST /v1/tasks '{"input":"slow"}'
    same "$code $(field /error/code)" "429 queue_full"
}

@test "users take turns, and one cannot fill the queue for others" {
    [ "$(id -u)" -eq 0 ] || skip "needs root"
    extra='"max_running": 1, "max_queued": 3'
    script <<< '{"slow":[{"sleep_ms":600000}],"*":[{"text":"well"}],"record":"'"$dir"'/record"}'
    start
    submit slow
    running=$id
    eventually one_runs
    for text in mine-1 mine-2 mine-3; do submit $text; done
    last=$id
    api POST /v1/tasks '{"input":"mine-4"}'
    same "$code" 429
    has "$body" "3 tasks of yours are waiting"
    setpriv --reuid 65534 --regid 0 --clear-groups -- curl -fsS -o /dev/null --unix-socket "$sock" --data-binary '{"input":"of-another"}' \
        http://x/v1/tasks
    api POST "/v1/tasks/$running/cancel"
    id=$last
    await
    same "$(grep -o '"text":"\(mine-[0-9]\|of-another\)"' "$dir/record" | cut -d'"' -f4 | tr '\n' ' ')" "mine-1 of-another mine-2 mine-3 "
}

@test "many tasks at once" {
    extra='"max_running": 8'
    script <<< "$hello"
    start
    ids=
    for _ in $(seq 30); do
        submit tool
        ids="$ids $id"
    done
    for id in $ids; do
        await "$id"
        same "$(field /answer)" abc
    done
}

@test "another uid sees nothing of it" {
    [ "$(id -u)" = 0 ] || skip "needs root"
    script <<< "$hello"
    start
    submit hello
    await
    nobody="setpriv --reuid 65534 --regid 0 --clear-groups --"
    code=$($nobody curl -sS -o /dev/null -w '%{http_code}' --unix-socket "$sock" "http://x/v1/tasks/$id")
    same "$code" 404
    for path in trace events; do
        code=$($nobody curl -sS -o /dev/null -w '%{http_code}' --unix-socket "$sock" "http://x/v1/tasks/$id/$path")
        same "$code" 404
    done
    code=$($nobody curl -sS -o /dev/null -w '%{http_code}' -X DELETE --unix-socket "$sock" "http://x/v1/tasks/$id")
    same "$code" 404
    same "$($nobody curl -sS --unix-socket "$sock" http://x/v1/tasks)" '{"tasks":[],"more":false}'
    theirs=$($nobody curl -sS -d '{"input":"hello"}' --unix-socket "$sock" http://x/v1/tasks | "$helpers/json-get" /id)
    await "$theirs"
    same "$code $(field /uid)" "200 65534"
}

@test "a task may plan first" {
    script <<< '{"tool":[{"text":"Plan: 1. echo abc"},{"calls":[{"name":"echo","arguments":"{\"text\":\"abc\"}"}]},{"echo":true}]}'
    start
    submit tool '"planner":"plan"'
    await
    same "$(field /answer) $(field /planner)" "abc plan"
    same "$(field /usage/steps)" 3
    same "$(kinds)" "task_submitted model_replied model_replied policy_decided tool_intent tool_result model_replied task_finished "
    api GET "/v1/tasks/$id/trace"
    same "$(field /events/0/planner)" plan
    same "$(field /events/1/text)" "Plan: 1. echo abc"
    submit tool '"planner":"react"'
    await
    same "$(field /answer) $(field /planner)" "Plan: 1. echo abc react"
    api POST /v1/tasks '{"input":"x","planner":"chess"}'
    same "$code $(field /error/param)" "400 planner"
    has "$body" 'planner must be react, plan, dfsdt, reflexion or call, not \"chess\"'
    stop TERM
    extra='"planner": "plan",'
    start
    submit tool
    await
    same "$(field /answer) $(field /planner)" "abc plan"
}

@test "a task may search" {
    script <<< '{"tool":[{"calls":[{"name":"echo","arguments":"{\"text\":\"abc\"}"}]},
        {"calls":[{"name":"give_up","arguments":"{\"reason\":\"no\"}"}]}],
        "tool|1":[{"calls":[{"name":"append_again_slow","arguments":"{\"text\":\"x\"}"}]},{"text":"done"}]}'
    start
    submit tool '"planner":"dfsdt"'
    await
    same "$(field /answer) $(field /planner) $(field /usage/tool_calls)" "done dfsdt 2"
    api GET "/v1/tasks/$id/trace"
    same "$(field /events/5/kind)" model_replied
    same "$(field /events/5/calls/0/id) $(field /events/5/calls/0/name)" "c2 give_up"
    same "$(field /events/6/kind) $(field /events/6/depth) $(field /events/6/why)" "went_back 0 given up"
    has "$(kinds)" "model_replied went_back model_replied policy_decided tool_intent tool_result model_replied task_finished"
}

@test "tools are listed, and a task may be held to some" {
    script <<< '{"tool":[{"calls":[{"name":"echo","arguments":"{\"text\":\"abc\"}"}]},{"echo":true}]}'
    start
    submit tool
    await
    api GET /v1/tools
    has "$body" '{"name":"echo","provider":"ledger",'
    same "$(field /tools/0/provider)" corax # the daemon's own come first
    submit tool '"tools":["fail"]'
    await
    has "$(field /answer)" 'there is no tool "echo": use one of fail'
}

@test "coraxd -n, and a start that cannot be" {
    script <<< "$hello"
    config
    run "$build/coraxd" -n -c "$dir/corax.conf"
    same "$status" 0
    run "$build/coraxd" -n -c "$dir/corax.conf" --model "$dir/missing.gguf"
    same "$status" 1
    has "$output" missing.gguf
    run "$build/coraxd" -n -c "$dir/corax.conf" --policy "$dir/missing.json"
    same "$status" 1
    run "$build/coraxd" -n -c "$dir/corax.conf" --socket "/tmp/$(head -c 120 /dev/zero | tr '\0' s)"
    same "$status" 1
    has "$output" "the kernel allows 107"
    printf '{"sokcet":"x"}' > "$dir/bad.conf"
    run "$build/coraxd" -n -c "$dir/bad.conf"
    same "$status" 1
    has "$output" 'unknown key "sokcet"'
    run "$build/coraxd" -n -c "$dir/nowhere.conf"
    same "$status" 1
}

@test "two daemons: the second is refused; a dead one's socket is replaced" {
    script <<< "$hello"
    start
    run "$build/coraxd" -c "$dir/corax.conf"
    same "$status" 1
    has "$output" "belongs to another coraxd"
    run "$build/coraxd" -c "$dir/corax.conf" --state "$dir/other"
    same "$status" 1
    has "$output" "another daemon listens there"
    api GET /_ping
    same "$code" 200
    stop KILL
    [ -S "$sock" ]
    start
    api GET /_ping
    same "$code" 200
    stop TERM
    [ ! -e "$sock" ]
}

@test "a reader that is too slow is cut off, and may resume" {
    long=$(head -c 40000 /dev/zero | tr '\0' w)
    {
        printf '{"go":['
        printf '{"sleep_ms":3000,"calls":[{"name":"echo","arguments":"{\\"text\\":\\"0\\"}"}]},'
        for i in $(seq 10); do
            printf '{"reasoning":"%s","calls":[{"name":"echo","arguments":"{\\"text\\":\\"%d%s\\"}"}]},' "$long" "$i" "$long"
        done
        printf '{"text":"end"}]}'
    } > "$dir/script.json"
    start
    submit go '"budget":{"observation_bytes":100}'
    curl -sSN --limit-rate 20k --max-time 60 --unix-socket "$sock" "http://x/v1/tasks/$id/events" > "$dir/slow" 2> "$dir/curl" &
    reader=$!
    await
    same "$(field /answer)" end
    last=$(field /last_seq)
    eventually grep -q 'reads too slowly' "$dir/log"
    kill "$reader" 2> /dev/null || true
    api GET "/v1/tasks/$id/events?starting_after=$((last - 1))"
    has "$body" "event: task_finished"
}
