#!/usr/bin/env bats
# Faults of what coraxd stands on: the disk below the journal, the model's file, plugins that are real shared objects.
# In each the task fails with the reason, the daemon stays, and what was there before can still be read.  Children that
# are scripted are in children.bats, bytes on the socket in http-t.c, kill -9 in crash-t.c, loss of power in powercut-t.c.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

long=$(head -c 200000 /dev/zero | tr '\0' z)
disk_script="{\"big\":[{\"calls\":[{\"name\":\"echo\",\"arguments\":\"{\\\"text\\\":\\\"x\\\"}\"}]},{\"do\":\"hang\",\"once\":\"DIR/once\",\"text\":\"$long\"}],
    \"hello\":[{\"text\":\"hi\"}]}"

is_failing() {
    api GET /healthz
    [ "$(field /journal/state) $(field /status)" = "failing degraded" ]
}

waits_for_model() {
    kinds | grep -q tool_result && [ -e "$dir/once" ]
}

# The first task has ended, the second one is at work when the disk fails: `hang` and a killed model make it go on then.
two_tasks() {
    script <<< "${disk_script//DIR/$dir}"
    start
    submit hello
    await
    earlier=$id
    submit big
    eventually waits_for_model
}

go_on() {
    api GET /healthz
    kill -9 "$(field /model/pid)"
}

reads_earlier() {
    api GET "/v1/tasks/$earlier"
    same "$code $(field /answer)" "200 hi"
    same "$(kinds "$earlier")" "task_submitted model_replied task_finished "
    api GET "/v1/tasks?state=finished"
    has "$body" "$earlier"
}

fails_for() { # REASON: the task $id, for its client in each way to ask, and a new one
    curl -sSN --max-time 60 --unix-socket "$sock" "http://x/v1/tasks/$id/events" > "$dir/events" &
    local reader=$!
    await
    same "$(field /state) $(field /outcome) $(field /error/code)" "finished failed journal"
    has "$(field /error/message)" "cannot be stored: "
    has "$(field /error/message)" "$1"
    wait "$reader"
    run "$build/corax" --socket "$sock" watch "$id"
    same "$status" 1
    has "$output" "the task failed: the task's events cannot be stored: "
    has "$(tail -n 3 "$dir/events")" "event: task_unsaved"
    eventually is_failing
    has "$(field /journal/error)" "$1"
    printf '{"input":"%s"}' "$long" > "$dir/long.json"
    api POST /v1/tasks "@$dir/long.json"
    same "$code $(field /error/code)" "503 journal"
    has "$(field /error/message)" "$1"
    reads_earlier
}

works_again() {
    api POST /v1/tasks '{"input":"hello"}'
    [ "$code" = 201 ] || return 1
    id=$(field /id)
    await
    same "$(field /answer)" hi
}

is_stored() {
    kinds "$1" | grep -q "tool_result .*task_finished"
}

@test "a full disk" {
    in_a_namespace mount -t tmpfs -o size=700k corax-test "$dir/state"
    two_tasks
    # all that is left, down to the last byte
    (inside sh -c "cat /dev/zero > '$dir/state/filler'" 2> "$dir/cat") || true
    go_on
    failed=$id
    fails_for "full"
    (inside rm "$dir/state/filler")
    eventually works_again
    reads_earlier
    eventually is_stored "$failed"
}

@test "a disk that turns read-only" {
    preload="ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0 CORAX_TEST_DISK=$dir/state CORAX_TEST_READONLY=$dir/readonly LD_PRELOAD=$helpers/.libs/readonly_disk.so"
    two_tasks
    : > "$dir/readonly"
    go_on
    failed=$id
    fails_for "Read-only file system"
    rm "$dir/readonly"
    eventually works_again
    reads_earlier
    eventually is_stored "$failed"
}

@test "a state folder on a read-only disk: coraxd does not start, and says why" {
    in_a_namespace mount -t tmpfs -o ro corax-test "$dir/state"
    config
    run inside "$build/coraxd" -c "$dir/corax.conf"
    same "$status" 1
    has "$output" "$dir/state/corax.lock: Read-only file system"
}

@test "a database of a newer coraxd is left as it is" {
    script <<< '{"hello":[{"text":"hi"}]}'
    start
    submit hello
    await
    stop TERM
    sqlite3 "$dir/state/corax.db" 'PRAGMA user_version=7'
    sum=$(cksum < "$dir/state/corax.db")
    run "$build/coraxd" -c "$dir/corax.conf"
    same "$status" 1
    has "$output" "has version 7 and this daemon knows up to"
    has "$output" "run the newer coraxd"
    same "$(cksum < "$dir/state/corax.db")" "$sum"
}

shipped=$CORAX_SRCDIR/models/corax-raven-1-q8_0.gguf

real_model() {
    infer=$build/corax-infer
    model=$dir/model.gguf
}

fails_with() { # SENTENCE...
    submit hello
    await
    same "$(field /outcome) $(field /error/code)" "failed model"
    for word; do has "$(field /error/message)" "$word"; done
    api GET /healthz
    same "$(field /status) $(field /model/state)" "degraded down"
}

@test "a model file that is cut short" {
    real_model
    head -c 1000000 "$shipped" > "$dir/model.gguf"
    start
    fails_with "exited with status 1: corax-infer: $dir/model.gguf" "bytes"
}

@test "a model file that is none" {
    real_model
    printf 'GGUF\003\000\000\000\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377' > "$dir/model.gguf"
    start
    fails_with "exited with status 1: corax-infer: $dir/model.gguf" "announced"
}

is_answered() {
    submit "${1:-hello}"
    await
    [ "$(field /outcome)" = answered ]
}

@test "a model file that is cut short while it is in use, and put back" {
    real_model
    cp "$shipped" "$dir/model.gguf"
    start
    is_answered "What is 17 * 23?"
    truncate -s 4096 "$dir/model.gguf"
    api GET /healthz
    same "$(field /model/file)" replaced
    fails_with "corax-infer: $dir/model.gguf"
    has "$(cat "$dir/log")" "the model file cannot be read any more: it was cut short"
    cp "$shipped" "$dir/new.gguf"
    mv "$dir/new.gguf" "$dir/model.gguf"
    eventually is_answered "What is 17 * 23?"
}

@test "a model file that is replaced: the loaded one goes on, and /healthz says so" {
    script <<< '{"hello":[{"text":"the old one"}]}'
    start
    is_answered
    api GET /healthz
    same "$(field /model/file) $(field /status)" "loaded ok"
    printf '{"hello":[{"text":"the new one"}]}' > "$dir/new.json"
    mv "$dir/new.json" "$dir/script.json"
    api GET /healthz
    same "$(field /model/file)" replaced
    sleep 0.2 # requests look at the file ten times a second
    is_answered
    same "$(field /answer)" "the old one"
    has "$(cat "$dir/log")" "is no longer the file that was loaded"
    rm "$dir/script.json"
    api GET /healthz
    same "$(field /model/file)" missing
    printf '{"hello":[{"text":"the new one"}]}' > "$dir/script.json"
    stop TERM
    start
    is_answered
    same "$(field /answer)" "the new one"
}

# --- real shared objects in real hosts

# actor TOOL NUMBER...: a task that calls them one after the other and answers with the last one's text
actor() {
    cp "$build/tests/tools/zoo/.libs/actor.so" "$dir/actor.so"
    chmod 755 "$dir/actor.so"
    host=$build/corax-host
    box_path=$build/corax-box
    plugin=$dir/actor.so
    extra='"tool_retrieval": {"max_tools": 100}' # it has many
    printf '{"policy":1,"id":"t","rules":[{"id":"all","allow":"actor.*","why":"it is a test"}]}' > "$dir/policy.json"
    {
        printf '{"go":['
        while [ $# -gt 1 ]; do
            printf '{"calls":[{"name":"%s","arguments":"{\\"n\\":%s}"}]},' "$1" "$2"
            shift 2
        done
        printf '{"echo":true}],"again":[{"calls":[{"name":"echo","arguments":"{\\"value\\":\\"well\\"}"}]},{"echo":true}]}'
    } > "$dir/script.json"
    start
}

is_well() {
    submit again
    await
    same "$(field /answer)" well
}

@test "a plugin that prints to standard output" {
    actor print 1
    submit go
    await
    same "$(field /answer)" "read nothing"
    has "$(cat "$dir/log")" forged
    is_well
}

@test "a plugin whose result is garbage" {
    actor garbage 1
    submit go
    await
    same "$(field /outcome)" answered
    is_well
}

@test "a plugin whose result is 100 MB" {
    actor flood 1
    submit go
    await
    same "$(field /outcome)" answered
    api GET "/v1/tasks/$id/trace"
    same "$(field /events/4/error) $(field /events/4/status)" "true limit"
    [ ${#body} -lt 20000 ]
    is_well
}

@test "a plugin that crashes" {
    actor crash 1
    submit go
    await
    has "$(field /answer)" "broke down during the call"
    is_well
}

@test "a plugin that leaks ends at its memory limit, and the next call has a new host" {
    if grep -q 'fsanitize=address' "$build/config.log"; then skip "a build with sanitizers has no limit"; fi
    actor leak 1 leak 2 leak 3 leak 4 leak 5 leak 6 leak 7 leak 8 leak 9
    submit go '"budget":{"steps":12,"tool_calls":12}'
    await
    same "$(field /outcome)" answered
    api GET "/v1/tasks/$id/trace"
    has "$body" "256 MiB more"
    has "$body" "broke down during the call"
    is_well
}

runs_here() {
    pgrep -f "$1" > "$dir/pids"
}

hangs() {
    api GET /healthz
    [ "$(field /hosts/0/state)" = busy ]
}

no_longer() {
    ! runs_here "$1"
}

@test "a plugin that hangs does not outlive a daemon that is killed" {
    actor hang 1
    submit go
    eventually hangs
    runs_here "$dir/actor.so"
    stop KILL
    eventually no_longer "$dir/actor.so"
}
