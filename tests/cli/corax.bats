# corax against a real coraxd, with a scripted model (tests/daemon/scripted-infer.c) and scripted tools (scripted-host.c).
#
# Covers every command, the exit statuses, what goes to which stream, approvals, cancelling, a restart in the middle, and
# foreign text.  Not covered here: the real model and plugins (tests/e2e), the daemon's own rules (tests/daemon).

setup_file() {
    export daemon_build=$CORAX_BUILDDIR daemon_source=$CORAX_SRCDIR
    daemon_run=$(mktemp -d "${TMPDIR:-/tmp}/corax-cli.XXXXXX")
    export daemon_run CORAX_SOCKET=$daemon_run/coraxd.sock
    unset NO_COLOR
    write_script
    write_tools
    . "$daemon_source/build-aux/private-daemon.sh"
    daemon_write_conf "$daemon_run/script" "$daemon_build/tests/daemon/scripted-infer" \
        "$daemon_build/tests/daemon/scripted-host" "$daemon_run/ledger.so"
    sed -i '$s/.*/    "stop": { "seconds": 1 },\n}/' "$daemon_run/corax.conf"
    daemon_start || {
        cat "$daemon_run/coraxd.log" >&2
        return 1
    }
    echo "$daemon_pid" >"$daemon_run/pid"
}

teardown_file() {
    stop_daemon
    rm -rf "$daemon_run"
}

# Every test is a process of its own, so the daemon is known by its pid file and is nobody's child.
stop_daemon() {
    kill "-${1:-TERM}" "$(cat "$daemon_run/pid")"
    while kill -0 "$(cat "$daemon_run/pid")" 2>/dev/null; do sleep 0.02; done
}

start_daemon() {
    . "$daemon_source/build-aux/private-daemon.sh"
    daemon_start
    echo "$daemon_pid" >"$daemon_run/pid"
}

write_script() {
    cat >"$daemon_run/script" <<'SCRIPT'
{
    "hello": [ { "reasoning": "A greeting.", "text": "Good day." } ],
    "call": [
        { "reasoning": "I ask the tool.", "calls": [ { "name": "say", "arguments": "{\"text\":\"forty-two\"}" } ] },
        { "reasoning": "That is it.", "text": "It says forty-two." }
    ],
    "draw": [ { "calls": [ { "name": "draw", "arguments": "{\"text\":\"drew it\"}" } ] }, { "text": "There it is." } ],
    "planned": [ { "reasoning": "Hm.", "text": "Plan: 1. say it" }, { "text": "It is said." } ],
    "fail": [ { "do": "error" } ],
    "sleep": [ { "sleep_ms": 60000, "text": "late" } ],
    "nap": [ { "sleep_ms": 5000, "text": "rested" } ],
    "write": [
        { "calls": [ { "name": "append", "arguments": "{\"text\":\"a line\"}" } ] },
        { "echo": true }
    ],
    "write or fail": [
        { "calls": [ { "name": "append", "arguments": "{\"text\":\"never\"}" } ] },
        { "do": "error" }
    ],
    "ask": [
        { "calls": [ { "name": "ask_user", "arguments": "{\"question\":\"Which one?\"}" } ] },
        { "echo": true }
    ],
    "escape": [
        { "reasoning": "red \u001b[31m", "calls": [ { "name": "say", "arguments": "{\"text\":\"title \\u001b]0;x\\u0007 \\u202eflow\"}" } ] },
        { "text": "esc \u001b[2J." }
    ],
}
SCRIPT
}

write_tools() {
    cat >"$daemon_run/ledger.so" <<TOOLS
{"name":"ledger","ledger":"$daemon_run/ledger","tools":[
 {"name":"append","description":"Writes a line.","inputSchema":{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]},
  "_meta":{"corax/effects":["write"],"corax/traits":[]}},
 {"name":"say","description":"Says the text.","inputSchema":{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]},
  "_meta":{"corax/effects":[],"corax/traits":["idempotent"]}},
 {"name":"draw","description":"Draws.","inputSchema":{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]},
  "_meta":{"corax/effects":[],"corax/traits":["idempotent"]}}]}
TOOLS
}

corax() {
    "$daemon_build/corax" "$@"
}

# A task of its own that waits; its id.
waiting_task() {
    id=$(corax run --detach "$1")
    for _ in $(seq 200); do
        if corax --json ls --state waiting | grep -q "$id"; then return; fi
        sleep 0.02
    done
    return 1
}

until_running() {
    for _ in $(seq 50); do
        if corax ls -n 1 | grep -q ' running '; then return; fi
        sleep 0.05
    done
    corax ls
    return 1
}

hash_of() {
    corax trace "$1" | sed -n "s/^ *corax approve $1 //p"
}

# Runs with standard output and standard error in files: $status, $out, $err.
apart() {
    status=0
    "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" </dev/null || status=$?
    out=$(cat "$BATS_TEST_TMPDIR/out") err=$(cat "$BATS_TEST_TMPDIR/err")
}

@test "ping says where the daemon is" {
    run corax ping
    [ "$status" -eq 0 ]
    [[ $output == "coraxd at $CORAX_SOCKET answers"* ]]
}

@test "run: the answer goes to standard output, the rest to standard error" {
    apart corax run call
    [ "$status" -eq 0 ]
    [ "$out" = "It says forty-two." ]
    [[ $err == *"thought  I ask the tool."* ]]
    [[ $err == *'call     say {"text":"forty-two"}'* ]]
    [[ $err == *"result   forty-two"* ]]
    [[ $err == *"trace    "????????-????-7* ]]
}

@test "run: words are joined, - reads standard input" {
    apart corax run --quiet write or fail
    [ "$status" -eq 3 ]
    run bash -c "echo hello | '$daemon_build/corax' run --quiet -"
    [ "$output" = "Good day." ]
}

@test "run --quiet prints the answer alone" {
    apart corax run --quiet hello
    [ "$out" = "Good day." ]
    [ -z "$err" ]
}

@test "run --json prints the submission and every event, a line each" {
    apart corax --json run call
    [ "$status" -eq 0 ]
    [ -z "$err" ]
    [[ ${out%%$'\n'*} == '{"id":"'* ]]
    [[ ${out##*$'\n'} == *'"kind":"task_finished"'*'"outcome":"answered"'* ]]
    [ "$(grep -c '^{.*}$' <<<"$out")" -eq "$(wc -l <<<"$out")" ]
    [ "$(grep -c '"kind":"tool_result"' <<<"$out")" -eq 1 ]
}

@test "run: a failed task exits 1 and says why" {
    apart corax run fail
    [ "$status" -eq 1 ]
    [ -z "$out" ]
    [[ $err == *"corax: the task failed: "*"the script wants it so"* ]]
}

@test "run: a wrong command line exits 2" {
    for words in "" "run" "run --max-steps 0 hello" "run --seed x hello" "run --temperature -1 hello" "run --nonsense hello" \
        "nonsense" "ls more" "trace" "ping pong" "ls -n 0" "ls --state Finished" "answer last"; do
        # shellcheck disable=SC2086 # words
        apart corax $words
        [ "$status" -eq 2 ] || { echo "corax $words: $status" && false; }
        [ -z "$out" ]
        [ -n "$err" ]
    done
}

@test "run: nobody attends, so what a policy asks about is denied; failing after that exits 3" {
    apart corax run "write or fail"
    [ "$status" -eq 3 ]
    [[ $err == *"denied"* ]]
    [ ! -e "$daemon_run/ledger" ]
}

@test "run: answered in spite of a refusal exits 0" {
    apart corax run write
    [ "$status" -eq 0 ]
    [[ $out == *denied* ]]
    [ ! -e "$daemon_run/ledger" ]
}

@test "no daemon: 4, and how to start one" {
    apart corax --socket "$daemon_run/none" run hello
    [ "$status" -eq 4 ]
    [[ $err == "corax: cannot reach coraxd at $daemon_run/none: there is no such socket."*"coraxd --socket $daemon_run/none" ]]
    CORAX_SOCKET=$daemon_run/script apart corax ping
    [ "$status" -eq 4 ]
    apart corax --socket "/$(printf 'x%.0s' {1..200})" ping
    [ "$status" -eq 1 ]
    [[ $err == *"too long"* ]]
}

@test "run: Ctrl-C cancels the task and exits 5" {
    # A background command of a script ignores SIGINT; corax takes it from a signalfd all the same.
    "$daemon_build/corax" run sleep >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" </dev/null 3>&- &
    pid=$!
    until_running
    kill -INT $pid
    status=0
    wait $pid || status=$?
    [ "$status" -eq 5 ]
    grep -q "the task was cancelled" "$BATS_TEST_TMPDIR/err"
    corax ls | grep -q "cancelled .* sleep"
}

@test "cancel ends a live task, and refuses one that has ended" {
    id=$(corax run --detach sleep)
    run corax cancel "$id"
    [ "$output" = "cancelled $id" ]
    apart corax watch "$id"
    [ "$status" -eq 5 ]
    apart corax cancel "$id"
    [ "$status" -eq 1 ]
    [[ $err == *"has ended already"* ]]
    corax trace "$id" >/dev/null
}

@test "run --at leaves the task to its time; --deadline ends it" {
    id=$(corax run --at +1s hello)
    corax ls | grep -q "^$id  scheduled .*in [0-9.]* *[ms]*s .*hello"
    corax trace "$id" | grep -q "^due  *20[0-9-]* "
    corax watch --quiet "$id" 2>/dev/null
    corax trace "$id" | grep -q "due .*at its time"
    id=$(corax run --at "tomorrow 08:00" hello)
    [[ $(corax ls --state scheduled) == *"$id"* ]]
    [[ $(corax health) == *"1 scheduled"* ]]
    corax cancel "$id"
    apart corax run --deadline +1s sleep
    [ "$status" -eq 1 ]
    [[ $err == *"the task failed: the task's deadline, 20"*"has passed"* ]]
    for bad in "--at 25:00" "--at soon" "--deadline +5" "--deadline 8:00"; do
        # shellcheck disable=SC2086 # words
        apart corax run $bad hello
        [ "$status" -eq 2 ]
        [[ $err == *"tomorrow 08:00"* || $err == *"1h30m"* ]]
    done
}

@test "run --every makes a schedule; schedules shows and changes it" {
    id=$(corax run --every 1s hello)
    corax schedules | grep -q "^$id  active  1s .*in .* hello"
    run corax schedules pause "${id: -8}"
    [ "$output" = "paused $id" ]
    corax schedules ls | grep -q "^$id  paused  1s .* - .* hello"
    run corax schedules resume "$id"
    [ "$output" = "resumed $id" ]
    until corax schedules show "$id" | grep -q "^last task 0"; do sleep 0.1; done
    corax trace "$(corax schedules show "$id" | sed -n 's/^last task //p')" | grep -q "^schedule  *$id"
    run corax schedules rm "$id"
    [ "$output" = "removed $id" ]
    [ "$(corax schedules | wc -l)" -eq 1 ]
    [ "$(corax --json schedules)" = '{"schedules":[]}' ]
    apart corax schedules show "$id"
    [ "$status" -eq 1 ]
    [[ $err == *"there is no schedule $id"* ]]
    apart corax schedules show ffff
    [ "$status" -eq 1 ]
    [[ $err == *"no schedule has an id"* ]]
    apart corax run --every "61 * * * *" hello
    [ "$status" -eq 1 ]
    [[ $err == *"the minute"* ]]
    apart corax schedules stop "$id"
    [ "$status" -eq 2 ]
    apart corax schedules rm
    [ "$status" -eq 2 ]
    id=$(corax run --every "0 8 * * *" --at "2030-01-01 00:00" hello)
    corax schedules show "$id" | grep -q "^next  *2030-01-01 08:00:00"
    corax schedules rm "$id"
}

@test "pause holds a task when its step is over, resume lets it go on" {
    id=$(corax run --detach nap)
    until_running
    run corax pause "$id"
    [ "$output" = "will pause (its step ends first) $id" ]
    run corax resume "$id"
    [ "$output" = "resumed $id" ]
    corax watch --quiet "$id"
    corax trace "$id" | grep -q "pauses .*when its step is over, as asked by uid $(id -u)"
    id=$(corax run --at +1h hello)
    run corax pause "$id"
    [ "$output" = "paused $id" ]
    [[ $(corax ls --state paused) == *"$id"* ]]
    run corax resume "$id"
    corax cancel "$id"
    apart corax pause "$id"
    [ "$status" -eq 1 ]
    [[ $err == *"has ended already"* ]]
}

@test "rm deletes an ended task with its trace, and refuses a live one" {
    id=$(corax run --detach hello)
    corax watch --quiet "$id"
    run corax rm "$id"
    [ "$output" = "deleted $id" ]
    apart corax trace "$id"
    [ "$status" -eq 1 ]
    [[ $err == *"there is no task $id"* ]]
    id=$(corax run --detach sleep)
    apart corax rm "$id"
    [ "$status" -eq 1 ]
    [[ $err == *"corax cancel"* ]]
    corax cancel "$id"
}

@test "run --detach prints the id; watch ends as run would" {
    id=$(corax run --detach call)
    [[ $id =~ ^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$ ]]
    apart corax watch "$id"
    [ "$status" -eq 0 ]
    [ "$out" = "It says forty-two." ]
    [[ $err == *'call     say'* ]]
}

@test "trace shows each step" {
    corax run --quiet call
    run corax trace last
    [ "$status" -eq 0 ]
    [[ $output == *"input     call"* ]]
    [[ $output == *"state     answered"* ]]
    [[ $output == *"model     scripted"* ]]
    [[ $output == *"step 1, 10 tokens in (0 cached), 5 out, "* ]]
    [[ $output == *"thought I ask the tool."* ]]
    [[ $output == *'call c1 say {"text":"forty-two"}'* ]]
    [[ $output == *"policy     c1 allow by default/computes-or-reads: "* ]]
    [[ $output == *"result     c1 ok in "* ]]
    [[ $output == *"finished   answered"* ]]
}

@test "trace --save writes the pictures of a task" {
    corax run --quiet draw
    run corax trace last
    [[ $output == *"drew it"*"(data image/svg+xml, 11 bytes)"* ]]
    run corax trace --save "$daemon_run/pictures" last
    [ "$status" -eq 0 ]
    [ "$output" = "$daemon_run/pictures/c1-1.svg" ]
    [ "$(cat "$daemon_run/pictures/c1-1.svg")" = "<svg></svg>" ]
    apart corax trace --save "$daemon_run/pictures" last
    [ "$status" -eq 1 ]
    [[ $err == *"c1-1.svg: File exists"* ]]
    corax run --quiet hello
    apart corax trace --save "$daemon_run/pictures" last
    [ "$status" -eq 1 ]
    [[ $err == *"the task has no pictures or sounds"* ]]
}

@test "trace --json is what the API says" {
    corax run --quiet hello
    run corax --json trace last
    [[ $output == '{"task":{'*'"events":['*']}' ]]
}

@test "a task is named by the beginning or the end of its id" {
    id=$(corax run --detach hello)
    corax watch --quiet "$id"
    other=$(corax run --detach hello)
    corax watch --quiet "$other"
    [[ $(corax trace "${id:24}") == *"task      $id"* ]]
    [[ $(corax trace "${id:0:35}") == *"task      $id"* ]]
    [[ $(corax trace last) == *"task      $other"* ]]
    apart corax trace "${id:0:4}"
    [ "$status" -eq 1 ]
    [[ $err == *"fits more than one task"* ]]
    apart corax trace ffffffffffff
    [[ $err == *"no task has an id"* ]]
    apart corax trace abc
    [[ $err == *"is no task id"* ]]
}

@test "ls: a line each, newest first" {
    corax run --quiet hello
    corax run --quiet call
    apart corax ls -n 2
    mapfile -t lines <<<"$out"
    [ "${#lines[@]}" -eq 3 ]
    [[ ${lines[0]} == "TASK "*"STATE"*"AGE"*"STEPS"*"INPUT" ]]
    [[ ${lines[1]} == *"answered"*" call" ]]
    [[ ${lines[2]} == *"answered"*" hello" ]]
    [[ $(corax ls --state waiting) != *answered* ]]
}

@test "approve: only with the hash of the very request" {
    rm -f "$daemon_run/ledger"
    waiting_task write
    run corax approve "$id" 0000000000000000
    [ "$status" -eq 1 ]
    apart corax approve "$id"
    [ "$status" -eq 2 ]
    [[ $err == *'ledger.append {"text":"a line"}'* ]]
    [[ $err == *"default/acts-outside"* ]]
    [ ! -e "$daemon_run/ledger" ]
    corax approve "$id" "$(hash_of "$id")"
    apart corax watch "$id"
    [ "$status" -eq 0 ]
    [ "$(cat "$daemon_run/ledger")" = "a line" ]
    [[ $(corax trace "$id") == *"c1 approved by uid $(id -u)"* ]]
    apart corax approve "$id" 0000000000000000
    [[ $err == *"waits for nobody"* ]]
    rm "$daemon_run/ledger"
}

@test "deny: the model reads the reason" {
    waiting_task write
    corax deny "$id" not on a Monday
    apart corax watch --quiet "$id"
    [ "$status" -eq 0 ]
    [[ $out == *"not on a Monday"* ]]
    [ ! -e "$daemon_run/ledger" ]
    [[ $(corax trace "$id") == *"c1 refused by uid $(id -u): not on a Monday"* ]]
}

@test "answer: the question is shown, the answer arrives" {
    waiting_task ask
    [[ $(corax trace "$id") == *"question Which one?"* ]]
    apart corax approve "$id" 0000000000000000
    [ "$status" -eq 1 ]
    [[ $err == *"asks a question"* ]]
    corax answer "$id" the red one
    apart corax watch --quiet "$id"
    [ "$out" = "the red one" ]
}

@test "at a terminal: y approves, n denies" {
    command -v script >/dev/null || skip "script (util-linux) is not installed"
    rm -f "$daemon_run/ledger"
    (sleep 2; echo y; sleep 3) | TERM=xterm script -qec "'$daemon_build/corax' run write" /dev/null >"$BATS_TEST_TMPDIR/tty" 3>&-
    grep -q "y = yes, n = no" "$BATS_TEST_TMPDIR/tty"
    [ "$(cat "$daemon_run/ledger")" = "a line" ]
    (sleep 2; echo n; sleep 3) | TERM=xterm script -qec "'$daemon_build/corax' run write" /dev/null >"$BATS_TEST_TMPDIR/tty" 3>&-
    [ "$(wc -l <"$daemon_run/ledger")" -eq 1 ]
    grep -q $'\033\\[1manswer' "$BATS_TEST_TMPDIR/tty"
    NO_COLOR=1 TERM=xterm script -qec "'$daemon_build/corax' run hello" /dev/null </dev/null >"$BATS_TEST_TMPDIR/tty" 3>&-
    [ "$(grep -c $'\033' "$BATS_TEST_TMPDIR/tty")" -eq 0 ]
    rm "$daemon_run/ledger"
}

@test "foreign text: escape sequences are shown, not sent" {
    apart corax run escape
    [[ $err != *$'\033'* ]]
    [[ $err == *'red \x1b[31m'* ]]
    [[ $err == *'title \x1b]0;x\x07 \u{202e}flow'* ]]
    [ "$out" = $'esc \033[2J.' ] # a pipe gets the answer as it is
    [[ $(corax trace last) != *$'\033'* ]]
    if command -v script >/dev/null; then
        script -qec "NO_COLOR=1 '$daemon_build/corax' run --quiet escape" /dev/null </dev/null >"$BATS_TEST_TMPDIR/tty" 3>&-
        grep -qF 'esc \x1b[2J.' "$BATS_TEST_TMPDIR/tty"
    fi
}

@test "run goes on when the daemon is killed and started again" {
    "$daemon_build/corax" run nap >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" </dev/null 3>&- &
    pid=$!
    until_running
    stop_daemon KILL
    sleep 0.5
    start_daemon
    wait $pid
    [ "$(cat "$BATS_TEST_TMPDIR/out")" = rested ]
    grep -q "waiting for it to come back" "$BATS_TEST_TMPDIR/err"
}

@test "tools lists what they may do" {
    run corax tools
    [[ $output =~ ledger\.append\ +write\ +Writes\ a\ line\. ]]
    [[ $output =~ ledger\.say\ +-\ +Says\ the\ text\. ]]
    [[ $(corax --json tools) == '{"tools":['* ]]
}

@test "run --tools offers only these" {
    apart corax run --tools say,nonsense hello
    [ "$status" -eq 1 ]
    [[ $err == *nonsense* ]]
    apart corax run --quiet --tools say hello
    [ "$status" -eq 0 ]
}

@test "health shows the parts" {
    run corax health
    [ "$status" -eq 0 ]
    [[ $output == "ok: coraxd "* ]]
    [[ $output == *"model    ready, scripted"* ]]
    [[ $output == *"host     ready, ledger, 3 tools"* ]]
    [[ $output == *"journal  ok"* ]]
}

@test "run --planner plan: the plan is shown, the answer is the answer" {
    apart corax run --planner plan planned
    [ "$status" -eq 0 ]
    [ "$out" = "It is said." ]
    [[ $err == *"thought  Hm."*"wrote    Plan: 1. say it"* ]]
    apart corax run --planner chess planned
    [ "$status" -eq 1 ]
    [[ $err == *'planner must be react, plan, dfsdt, reflexion or call, not "chess"'* ]]
}

@test "replay decides the same again, diff says where two tasks part" {
    apart corax run call
    run corax replay last
    [ "$status" -eq 0 ]
    [[ $output == "the same: "*" events with react, to the end" ]]
    run corax replay --planner plan last
    [ "$status" -eq 1 ]
    [[ $output == "differs at event "*"recorded"*"replayed"* ]]
    run corax replay --planner Chess last
    [ "$status" -eq 2 ]
    first=$(corax --json ls -n 1 | grep -o '"id":"[^"]*"' | head -n 1 | cut -d '"' -f 4)
    apart corax run call
    run corax diff "$first" last
    [ "$status" -eq 0 ]
    [[ $output == "the same: "*" events" ]]
    apart corax run hello
    run corax diff "$first" last
    [ "$status" -eq 1 ]
    [[ $output == "differ at event 1, in input of task_submitted"* ]]
    run corax diff last
    [ "$status" -eq 2 ]
}

@test "db copies the journal and checks it" {
    run corax db backup here.db
    [ "$status" -eq 0 ]
    [ "$output" = "$daemon_run/state/backups/here.db" ]
    [ -f "$output" ]
    run corax db backup here.db
    [ "$status" -eq 1 ]
    [[ $output == *"is there already: give another name"* ]]
    run corax db check
    [ "$status" -eq 0 ]
    [[ $output == "the journal is good: "*" tasks, "*" events, "*" MB" ]]
    run corax --json db check
    [ "$status" -eq 0 ]
    [[ $output == *'"problems":[]'* ]]
    run corax db
    [ "$status" -eq 2 ]
    run corax db erase
    [ "$status" -eq 2 ]
    [[ $output == *"say backup or check"* ]]
}

@test "doctor says what is well, and what is amiss and why" {
    run corax doctor
    [ "$status" -eq 0 ]
    [[ $output == *"ok     model     scripted"* ]]
    [[ $output == *"ok     plugin    ledger: ready"* ]]
    [[ $output == *"ok     isolation user"* ]]
    stop_daemon TERM
    printf '{"parts":[{"name":"landlock","state":"missing","why":"this kernel has no Landlock: boot with it"}],"runs_code":true,"complete":false}\n' \
        >"$daemon_run/box.probe"
    cp "$daemon_build/tests/daemon/scripted-box" "$daemon_run/box"
    sed -i "s|\"[^\"]*scripted-box\"|\"$daemon_run/box\"|" "$daemon_run/corax.conf"
    start_daemon
    run corax doctor # waits for the probe itself
    [ "$status" -eq 1 ]
    [[ $output == *"amiss  isolation landlock: this kernel has no Landlock: boot with it"* ]]
    [[ $(corax --json doctor || true) == *'"complete":false'* ]]
}

@test "help: of every command, and the completion knows them all" {
    names=$(corax help | sed -n 's/^  \([a-z]*\) .*/\1/p')
    [ "$(wc -w <<<"$names")" -ge 13 ]
    for name in $names; do
        run corax help "$name"
        [ "$status" -eq 0 ]
        [ "$output" = "$(corax "$name" --help)" ]
        grep -q "commands=.*\b$name\b" "$daemon_source/cli/corax.bash"
        grep -q "Cm $name\b" "$daemon_source/man/corax.1"
        for option in $(corax help "$name" | grep -oE -- '--[a-z-]+'); do
            grep -q -- "$option" "$daemon_source/cli/corax.bash"
        done
    done
}
