#!/usr/bin/env bats
# Children that crash, hang and talk nonsense: the daemon stays, other tasks do not notice, and the model or the client
# gets a sentence.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

call() { # TOOL: a script in which the model calls it once and then answers with what it read
    script <<< "{\"go\":[{\"calls\":[{\"name\":\"$1\",\"arguments\":\"{\\\"text\\\":\\\"x\\\"}\"}]},{\"echo\":true}],
        \"hello\":[{\"text\":\"hi\"}],
        \"echo\":[{\"calls\":[{\"name\":\"echo\",\"arguments\":\"{\\\"text\\\":\\\"abc\\\"}\"}]},{\"echo\":true}]}"
    start
    submit go
    await
}

still_works() {
    submit echo
    await
    same "$(field /answer)" abc
}

@test "a plugin that crashes" {
    call crash
    has "$(field /answer)" "broke down during the call: it killed by signal 6"
    api GET "/v1/tasks/$id/trace"
    same "$(field /events/4/status)" internal
    still_works
}

@test "a plugin that hangs is ended at the deadline" {
    deadline=1500
    call hang
    has "$(field /answer)" "took longer than 1500 ms"
    api GET "/v1/tasks/$id/trace"
    same "$(field /events/4/status)" timeout
    still_works
}

@test "a plugin that writes a malformed line" {
    call garbage
    has "$(field /answer)" "makes no sense"
    still_works
}

@test "a plugin that writes 100 MB in one line" {
    call flood
    has "$(field /answer)" "broke down during the call: it was ended: JSON-RPC: a line of more than"
    api GET /healthz
    rss=$(awk '/VmHWM/ { print $2 }' "/proc/$pid/status")
    grep -q 'fsanitize=address' "$build/config.log" || [ "$rss" -lt 65536 ] # kB
    still_works
}

@test "a tool that fails says so to the model" {
    call fail
    same "$(field /answer)" x
    api GET "/v1/tasks/$id/trace"
    same "$(field /events/4/error)" true
}

@test "a plugin that cannot be loaded leaves the others" {
    printf 'no json' > "$dir/broken.so"
    script <<< '{"echo":[{"calls":[{"name":"echo","arguments":"{\"text\":\"abc\"}"}]},{"echo":true}]}'
    extra="\"plugins\": [\"$dir/broken.so\", \"$dir/ledger.so\"]"
    config
    # the last of two equal keys would be an error, so take the first out
    sed -i "s|\"plugins\": \\[\"$dir/ledger.so\"\\],||" "$dir/corax.conf"
    config() { :; }
    start
    still_works
    api GET /healthz
    same "$(field /status)" degraded
    has "$(field /hosts/0/error)" "exited with status 1"
}

@test "a model that crashes once is asked again" {
    script <<< "{\"go\":[{\"do\":\"crash\",\"once\":\"$dir/once\",\"text\":\"recovered\"}]}"
    start
    submit go
    await
    same "$(field /answer)" recovered
    api GET /healthz
    same "$(field /model/restarts)" 1
}

@test "a model that writes a malformed line once is asked again" {
    script <<< "{\"go\":[{\"do\":\"garbage\",\"once\":\"$dir/once\",\"text\":\"recovered\"}]}"
    start
    submit go
    await; echo "$body"; cat "$dir/log"
    same "$(field /answer)" recovered
}

@test "a model that always crashes fails the task with the reason" {
    script <<< '{"go":[{"do":"crash"}],"hello":[{"text":"hi"}]}'
    start
    submit go
    await
    same "$(field /outcome) $(field /error/code)" "failed model"
    has "$(field /error/message)" "killed by signal 6"
    same "$(kinds)" "task_submitted model_failed task_finished "
    submit hello
    await
    same "$(field /answer)" hi
}

@test "a model that refuses the request fails the task" {
    script <<< '{"go":[{"do":"error"}]}'
    start
    submit go
    await
    same "$(field /outcome)" failed
    has "$(field /error/message)" "the script wants it so"
}

@test "a model that hangs ends with the task's time, and the next task gets a new one" {
    script <<< '{"go":[{"do":"hang"}],"hello":[{"text":"hi"}]}'
    start
    submit go '"budget":{"wall_ms":500}'
    await
    same "$(field /error/code)" budget_time
    submit hello
    await
    same "$(field /answer)" hi
}

@test "no model: a sentence that says what to do" {
    script <<< '{}'
    config
    sed -i 's|"model": "[^"]*",|"model": null,|' "$dir/corax.conf"
    config() { :; }
    start
    submit hello
    await
    has "$(field /error/message)" "no model is configured"
}

@test "cancelling a call ends its host, and the next call gets a new one" {
    script <<< '{"go":[{"calls":[{"name":"append_slow","arguments":"{\"text\":\"x\"}"}]},{"echo":true}],
        "echo":[{"calls":[{"name":"echo","arguments":"{\"text\":\"abc\"}"}]},{"echo":true}]}'
    start
    submit go
    eventually grep -q x "$ledger"
    host=$(host_pid)
    api DELETE "/v1/tasks/$id"
    same "$code" 202
    eventually gone "$host"
    has "$(kinds)" "tool_intent tool_result task_finished"
    still_works
}

host_pid() {
    api GET /healthz
    field /hosts/0/pid
}

gone() {
    ! kill -0 "$1" 2> /dev/null
}

@test "SIGTERM leaves no children behind" {
    script <<< '{"go":[{"sleep_ms":20000,"text":"late"}]}'
    start
    submit go
    host=$(host_pid)
    api GET /healthz
    model=$(field /model/pid)
    stop TERM
    eventually gone "$host"
    eventually gone "$model"
    [ ! -e "$dir/state/corax.db-wal" ]
}
