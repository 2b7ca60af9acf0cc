#!/usr/bin/env bats
# Code that a model runs, from the model's wish to its answer: through coraxd, the real corax-host and the plugin code.  The
# box is a scripted one (scripted-box.c) where a test is about boxes that misbehave, else corax-box with python3; what a program
# can get at from inside corax-box is tests/tools/box_exec-t.c's.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

# The real host, and the plugin code; the box is $dir/box.
config() {
    ln -sf "${box:-$helpers/scripted-box}" "$dir/box"
    chmod 755 "$build/.libs/code.so"
    cat > "$dir/policy.json" <<'POLICY'
{ "policy": 1, "id": "test", "rules": [
  { "id": "code", "allow": "code.*", "why": "that is what is tested" },
  { "id": "free", "allow": "ledger.*", "why": "the ledger is there for it" } ] }
POLICY
    cat > "$dir/corax.conf" <<CONF
{ "socket": "$sock", "state": "$dir/state", "model": "$dir/script.json", "plugins": ["${plugin:-$build/.libs/code.so}"],
  "policies": ["$dir/policy.json"], "infer": { "path": "$helpers/scripted-infer" }, "box": { "path": "$dir/box" },
  "host": { "path": "${host:-$build/corax-host}", "deadline_ms": ${deadline:-30000} } }
CONF
}

# A script in which the model runs each program that is asked for once, and answers with what it read.
programs() {
    local program json=
    for program in "$@"; do
        json+="${json:+,}\"$program\":[{\"calls\":[{\"name\":\"run_python\",\"arguments\":\"{\\\"code\\\":\\\"$program\\\"}\"}]},{\"echo\":true}]"
    done
    script <<< "{$json}"
}

ask() { # PROGRAM: $answer
    submit "$1"
    await
    answer=$(field /answer)
}

starts() {
    grep -c start "$dir/box.ledger" 2> /dev/null || true
}

has_started() { # N
    [ "$(starts)" -ge "$1" ]
}

is_requested() {
    grep -q request "$dir/box.ledger" 2> /dev/null
}

running() { # the pid of the box that got the last request
    sed -n 's/^request //p' "$dir/box.ledger" | tail -n 1
}

gone() {
    ! kill -0 "$1" 2> /dev/null
}

# No box that was ever started is there, but the one in store.
only_store_is_left() {
    local n=0 p
    for p in $(sed -n 's/^start //p' "$dir/box.ledger"); do
        gone "$p" || n=$((n + 1))
    done
    [ "$n" -le 1 ]
}

still_works() {
    ask 'print fine'
    same "$answer" fine
}

@test "what a program prints is what the model reads" {
    programs 'print hello' 'print again' fail
    start
    sleep 0.3
    same "$(starts)" ''
    api GET /healthz
    same "$(field /exec/stored) $(field /exec/runs)" "0 0"
    ask 'print hello'
    same "$answer" hello
    same "$(kinds)" "task_submitted model_replied policy_decided tool_intent tool_result model_replied task_finished "
    eventually has_started 2
    ask 'print again'
    same "$answer" again
    same "$(running)" "$(sed -n 's/^start //p' "$dir/box.ledger" | sed -n 2p)"
    ask fail
    same "$answer" "exit status 1: failed as told"
    eventually has_started 4
    api GET /healthz
    same "$(field /exec/stored) $(field /exec/runs) $(field /exec/running) $(field /exec/error)" "1 3 0 null"
    eventually only_store_is_left
}

@test "boxes that crash, write garbage, flood, or answer something else" {
    programs crash garbage flood lines wrong big none 'print fine'
    start
    ask crash
    has "$answer" "the box broke down: killed by signal 6"
    ask garbage
    has "$answer" "makes no sense"
    ask flood
    has "$answer" "a line of more than 1048576 bytes"
    ask lines
    has "$answer" "not the answer it was asked for"
    ask wrong
    has "$answer" "not the answer it was asked for"
    ask big
    has "$answer" "the result is too large"
    ask none
    same "$answer" "unavailable: no user namespaces here"
    still_works
    eventually only_store_is_left
}

@test "a box that hangs is ended with the call, and the daemon answers meanwhile" {
    deadline=2000
    programs hang wall 'print fine'
    start
    submit hang
    eventually is_requested
    hung=$(running)
    api GET /_ping
    same "$code" 200
    await
    has "$(field /answer)" "did not answer"
    eventually gone "$hung"
    ask wall
    [ "$(field /answer)" -le 1500 ]
    still_works
    eventually only_store_is_left
}

@test "a box that answers and does not end is ended" {
    programs stay 'print fine'
    start
    ask stay
    same "$answer" stayed
    eventually gone "$(running)"
    still_works
}

@test "boxes that do not start" {
    programs 'print fine' 'print more'
    : > "$dir/box.broken"
    start
    ask 'print fine'
    has "$answer" "the box broke down: exited with status 1"
    rm "$dir/box"
    ask 'print more'
    has "$answer" "unavailable: the box does not start"
    rm "$dir/box.broken"
    ln -s "$helpers/scripted-box" "$dir/box"
    ask 'print fine'
    same "$answer" fine
}

@test "cancelling the task ends its box" {
    programs hang 'print fine'
    start
    submit hang
    eventually is_requested
    api DELETE "/v1/tasks/$id"
    eventually gone "$(running)"
    still_works
    eventually only_store_is_left
}

@test "a host that breaks down takes its box with it" {
    programs hang 'print fine'
    start
    submit hang
    eventually is_requested
    api GET /healthz
    kill -KILL "$(field /hosts/0/pid)"
    await
    has "$(field /answer)" "broke down during the call"
    eventually gone "$(running)"
    still_works
    eventually only_store_is_left
}

@test "SIGTERM ends the boxes; after kill -9 the program is run again" {
    programs hang
    start
    submit hang
    eventually is_requested
    hung=$(running)
    stop TERM
    eventually gone "$hung"
    : > "$dir/box.ledger"
    start
    eventually is_requested
    stop KILL
    kill "$(running)"
    : > "$dir/box.ledger"
    start
    eventually is_requested
}

@test "a tool that does not declare it runs no programs" {
    printf '{"name":"ledger","ledger":"%s","tools":[%s,%s]}\n' "$ledger" "$(tool exec_sneak '' '')" \
        "$(tool exec_honest '"exec"' '')" > "$dir/ledger.so"
    script <<< '{"sneak":[{"calls":[{"name":"exec_sneak","arguments":"{\"text\":\"x\"}"}]},{"echo":true}],
        "honest":[{"calls":[{"name":"exec_honest","arguments":"{\"text\":\"x\"}"}]},{"echo":true}]}'
    host=$helpers/scripted-host plugin=$dir/ledger.so deadline=1500
    start
    ask sneak
    same "$answer" "the tool does not declare the effect exec, so it runs no programs"
    same "$(starts)" ''
    ask honest
    is_requested
}

# --- corax-box and python3 ---------------------------------------------------------------------------------------------

real_box() {
    [ -x "$build/corax-box" ] || skip "corax-box is not built"
    command -v python3 > /dev/null || skip "there is no python3"
    has "$("$build/corax-box" probe)" '"runs_code":true' || skip "this kernel or container offers no whole box"
    box=$build/corax-box
}

boxes() { # the pids of the daemon's boxes
    pgrep -P "$pid" -x box || true
}

all_gone() { # PIDS: with all that they started
    local p
    for p in $1; do
        ! pgrep -s "$p" > /dev/null || return 1
    done
}

@test "python: output, errors, files" {
    real_box
    secret=$dir/secret
    echo hidden > "$secret"
    programs 'print(6*7)' 'x=1' "print('before'); 1/0" 'import sys; sys.exit(3)' "open('out.csv','w').write('a,b,c,d,e,fg'); print('done')" \
        "open('$secret').read()" "import socket; socket.create_connection(('127.0.0.1', 1))" "import os; os.kill(os.getpid(), 11)" \
        "import os; print(os.listdir('.'))" "x = b'x' * (1 << 30); print(len(x))"
    start
    ask 'print(6*7)'
    same "$answer" 42
    ask 'x=1'
    same "$answer" '(no output)'
    ask "print('before'); 1/0"
    same "$answer" "exit status 1: ZeroDivisionError: division by zero
before"
    ask 'import sys; sys.exit(3)'
    same "$answer" 'exit status 3'
    ask "open('out.csv','w').write('a,b,c,d,e,fg'); print('done')"
    same "$answer" "done
file out.csv (12 bytes)"
    api GET "/v1/tasks/$id/trace"
    has "$body" 'a,b,c,d,e,fg'
    ask "import os; print(os.listdir('.'))"
    same "$answer" "['main.py']"
    ask "open('$secret').read()"
    has "$answer" "exit status 1: FileNotFoundError"
    ask "import socket; socket.create_connection(('127.0.0.1', 1))"
    has "$answer" "exit status 1: "
    ask "import os; os.kill(os.getpid(), 11)"
    same "$answer" "the program was ended by signal 11 (Segmentation fault)"
    ask "x = b'x' * (1 << 30); print(len(x))"
    case $answer in
        "the program needed more than 512 MiB of memory" | "exit status 1: MemoryError") ;;
        *) same "$answer" memory ;;
    esac
}

@test "python: input" {
    real_box
    script <<< '{"go":[{"calls":[{"name":"run_python","arguments":"{\"code\":\"print(sum(map(int, open(0))))\",\"stdin\":\"1\\n2\\n\"}"}]},{"echo":true}]}'
    start
    ask go
    same "$answer" 3
}

@test "python: limits of time and output" {
    real_box
    deadline=4000
    programs 'while True: pass' 'import time; time.sleep(60)' "print('x'*100000)" 'print(1)'
    start
    ask 'while True: pass'
    has "$answer" "the program ran longer than 3."
    ask 'import time; time.sleep(60)'
    has "$answer" "the program ran longer than 3."
    ask "print('x'*100000)"
    same "$answer" "the program printed more than 64 KiB"
    ask 'print(1)'
    same "$answer" 1
}

@test "python: cancelled, or its daemon killed, nothing is left running" {
    real_box
    programs 'import time; time.sleep(8)' 'print(1)'
    start
    ask 'print(1)'
    submit 'import time; time.sleep(8)'
    eventually runs_one
    before=$(boxes)
    api DELETE "/v1/tasks/$id"
    ask 'print(1)'
    same "$answer" 1
    submit 'import time; time.sleep(8)'
    eventually runs_one
    before="$before $(boxes)"
    stop KILL
    eventually all_gone "$before"
    start
    await
    same "$(field /answer)" '(no output)'
    before=$(boxes)
    stop TERM
    eventually all_gone "$before"
}

runs_one() {
    api GET /healthz
    [ "$(field /exec/running)" = 1 ]
}
