#!/usr/bin/env bats
# A recorded task once more, offline: every way a task may go is decided the same again, and what was changed in the journal, or another
# planner, is named as the first difference.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

same_again() { # [ID]
    api GET "/v1/tasks/${1:-$id}/replay"
    same "$code $(field /same) $(field /first)" "200 true null"
}

@test "whatever a task does, it decides the same again" {
    long=$(printf 'x%.0s' $(seq 300))
    script <<< '{"hello":[{"text":"hi"}],
        "two":[{"calls":[{"name":"echo","arguments":"{\"text\":\"a\"}"},{"name":"echo","arguments":"{\"text\":\"b\"}"}]},{"text":"both"}],
        "long":[{"calls":[{"name":"echo","arguments":"{\"text\":\"'"$long"'\"}"}]},{"text":"cut"}],
        "bad":[{"calls":[{"name":"nothing","arguments":"{}"}]},{"calls":[{"name":"echo","arguments":"{}"}]},{"calls":[{"name":"fail","arguments":"{\"text\":\"x\"}"}]},{"text":"well"}],
        "denied":[{"calls":[{"name":"wipe","arguments":"{\"text\":\"x\"}"}]},{"text":"no"}],
        "ask":[{"calls":[{"name":"ask_user","arguments":"{\"question\":\"Which?\"}"}]},{"text":"that"}],
        "empty":[{"do":"empty"}],
        "loop":[{"calls":[{"name":"echo","arguments":"{\"text\":\"a\"}"}]},{"calls":[{"name":"echo","arguments":"{\"text\":\"a\"}"}]},{"calls":[{"name":"echo","arguments":"{\"text\":\"a\"}"}]},{"calls":[{"name":"echo","arguments":"{\"text\":\"a\"}"}]}],
        "plan":[{"text":"Plan: echo"},{"calls":[{"name":"fail","arguments":"{\"text\":\"x\"}"}]},{"text":"Plan: give in"},{"text":"done"}],
        "search":[{"calls":[{"name":"echo","arguments":"{\"text\":\"a\"}"}]},{"calls":[{"name":"give_up","arguments":"{\"reason\":\"no\"}"}]}],
        "search|1":[{"calls":[{"name":"append_free","arguments":"{\"text\":\"x\"}"}]},{"calls":[{"name":"give_up","arguments":"{\"reason\":\"no\"}"}]}],
        "search|2":[{"text":"found"}],
        "slow":[{"sleep_ms":20000,"text":"late"}],
        "crash":[{"do":"error"}]}'
    extra='"date_note": true,'
    start
    for text in hello two bad denied empty crash; do
        submit "$text"
        await
        same "$(field /state)" finished
        same_again
    done
    submit long '"budget":{"observation_bytes":100}'
    await
    has "$(kinds)" observation_cut
    same_again
    submit loop '"budget":{"steps":3}'
    await
    same "$(field /error/code)" budget_steps
    same_again
    submit plan '"planner":"plan"'
    await
    same "$(field /answer)" "done"
    same_again
    same "$(field /planner)" plan
    submit search '"planner":"dfsdt"'
    await
    same "$(field /state)" finished
    has "$(kinds)" went_back
    same_again
    submit ask
    await
    same_again # as far as it has come
    same "$(field /finished)" false
    api POST "/v1/tasks/$id/input" '{"answer":"the other"}'
    await
    same "$(field /answer)" that
    same_again
    same "$(field /finished)" true
    submit slow
    api POST "/v1/tasks/$id/cancel"
    await
    same "$(field /outcome)" cancelled
    same_again
    submit slow '"budget":{"wall_ms":1000}'
    await
    same "$(field /error/code)" budget_time
    same_again
}

# A daemon that is killed while a call is under way which writes, and started again.
kill_while_writing() {
    script <<< '{"write":[{"calls":[{"name":"append_slow","arguments":"{\"text\":\"once\"}"}]},{"echo":true}]}'
    start
    submit write
    eventually test -s "$ledger"
    stop KILL
    start
}

@test "a task that was killed and resumed decides the same again" {
    kill_while_writing
    eventually in_doubt
    same_again
    api POST "/v1/tasks/$id/input" '{"answer":"it was done"}'
    await
    same "$(field /state)" finished
    has "$(kinds)" "effect_unverified"
    same_again
}

in_doubt() {
    api GET "/v1/tasks/$id"
    [ "$(field /waiting_for/kind)" = unverified ]
}

change() { # SQL
    /usr/bin/python3 - "$dir/state/corax.db" "$1" <<'PYTHON'
import sqlite3
import sys
db = sqlite3.connect(sys.argv[1])
assert db.execute(sys.argv[2]).rowcount > 0
db.commit()
PYTHON
}

differs() { # SQL KIND RECORDED REPLAYED
    stop TERM
    cp "$dir/whole.db" "$dir/state/corax.db"
    change "$1"
    start
    api GET "/v1/tasks/$id/replay"
    same "$code $(field /same) $(field /first/kind)" "200 false $2"
    has "$(field /first/recorded)" "$3"
    has "$(field /first/replayed)" "$4"
}

@test "what was changed in the journal is the first difference" {
    command -v /usr/bin/python3 > /dev/null || skip "needs python3"
    script <<< '{"two":[{"calls":[{"name":"echo","arguments":"{\"text\":\"a\"}"}]},{"text":"It is a."}]}'
    start
    submit two
    await
    same_again
    stop TERM
    cp "$dir/state/corax.db" "$dir/whole.db"
    differs "UPDATE events SET body = replace(body, '{\\\"text\\\":\\\"a\\\"}', '{\\\"text\\\":\\\"b\\\"}') WHERE kind = 'tool_intent'" \
        tool_intent 'c1: echo {"text":"b"}' 'c1: echo {"text":"a"}'
    differs "UPDATE events SET body = replace(body, 'c1', 'c7') WHERE kind = 'tool_result'" tool_result c7 "c1: echo"
    differs "UPDATE events SET body = replace(body, 'It is a.', 'It is b.') WHERE kind = 'task_finished'" \
        task_finished "answered: It is b." "answered: It is a."
    differs "UPDATE events SET body = replace(body, '\"c1\"', '\"c2\"') WHERE kind = 'model_replied'" model_replied "call 1 is c2" "it is c1"
    differs "UPDATE events SET body = replace(body, '\"steps\":2', '\"steps\":3') WHERE kind = 'task_finished'" task_finished "3 steps" "2 steps"
}

@test "another planner is told by where it parts" {
    script <<< '{"hello":[{"text":"hi"}]}'
    start
    submit hello
    await
    api GET "/v1/tasks/$id/replay?planner=plan"
    same "$(field /same) $(field /planner) $(field /first/kind)" "false plan task_finished"
    same "$(field /first/recorded)" "answered: hi"
    same "$(field /first/replayed)" "the model is asked"
    api GET "/v1/tasks/$id/replay?planner=chess"
    same "$code" 400
    api GET "/v1/tasks/0199c3a2-0000-7000-8000-000000000000/replay"
    same "$code" 404
    api DELETE "/v1/tasks/$id/replay"
    same "$code" 405
    nobody="setpriv --reuid 65534 --regid 0 --clear-groups --"
    if [ "$(id -u)" = 0 ]; then
        code=$($nobody curl -sS -o /dev/null -w '%{http_code}' --unix-socket "$sock" "http://x/v1/tasks/$id/replay")
        same "$code" 404
    fi
}

rejudge() { # RULES: $body is what they would have said to the task $id
    printf '{"policy":1,"id":"other","rules":[%s]}' "$1" > "$dir/other.json"
    run "$build/corax" -s "$sock" -j replay --policy "$dir/other.json" "$id"
    body=$output
}

differences() { # call, recorded and new decision and rule of each
    local n i
    n=$(printf '%s' "$body" | "$helpers/json-get" --count /decisions)
    for ((i = 0; i < n; i++)); do
        echo "$(field "/decisions/$i/call_id") $(field "/decisions/$i/recorded/decision") $(field "/decisions/$i/recorded/rule")" \
            "$(field "/decisions/$i/replayed/decision") $(field "/decisions/$i/replayed/rule")"
    done
}

free='{"id":"free","allow":"ledger.*","why":"free"}'
append='{"id":"append","ask":"ledger.append","why":"look"}'
wipe='{"id":"wipe","deny":"ledger.wipe","why":"never"}'

@test "other policies: the decisions that would differ" {
    script <<< '{"work":[{"calls":[{"name":"echo","arguments":"{\"text\":\"a\"}"},{"name":"append","arguments":"{\"text\":\"b\"}"},{"name":"wipe","arguments":"{\"text\":\"c\"}"}]},
            {"calls":[{"name":"nothing","arguments":"{}"},{"name":"echo","arguments":"{\"text\":\"d\"}"}]},{"text":"done"}]}'
    start
    submit work
    waiting
    rejudge "$free,$append,$wipe"
    same "$status $(field /same) $(field /finished) $(field /judged)" "0 true false 2"
    api POST "/v1/tasks/$id/input" "{\"approve\":\"$hash\"}"
    await
    same "$(field /answer)" "done"
    rejudge "$free,$append,$wipe"
    same "$status $(field /same) $(field /finished) $(field /judged) $(differences)" "0 true true 4 "
    same "$(field /differs_from) $(field /ended)" "null null"

    # a call that a person approved would be denied: the rest goes on behind the denial
    rejudge "$free,{\"id\":\"no\",\"deny\":\"ledger.append\",\"why\":\"not here\"},$wipe"
    same "$status $(field /same) $(field /judged)" "1 false 4"
    same "$(differences)" "c2 ask test/append deny other/no"
    same "$(field /decisions/0/replayed/why)" "not here"
    same "$(field /differs_from)" "$(field /decisions/0/seq)"
    same "$(field /ended)" null
    api GET "/v1/tasks/$id/trace"
    seq=$(field /events/5/seq)
    same "$(field /events/5/kind) $(field /events/5/call_id)" "policy_decided c2"
    run "$build/corax" -s "$sock" replay --policy "$dir/other.json" "$id"
    has "$output" "4 calls judged, 1 otherwise than recorded"
    has "$output" "recorded  ask by test/append"
    has "$output" "replayed  deny by other/no"
    has "$output" "from event $seq on it would be another run"

    # what was denied would be made: nothing is recorded of that
    rejudge "$free,$append"
    same "$status $(differences)" "1 c3 deny test/wipe allow other/free"
    same "$(field /ended/seq)" "$(field /decisions/0/seq)"
    has "$(field /ended/why)" "nothing is recorded"
    rejudge "$free,$append,{\"id\":\"wipe\",\"ask\":\"ledger.wipe\",\"why\":\"look\"}"
    same "$(differences)" "c3 deny test/wipe ask other/wipe"
    has "$(field /ended/why)" "a person would be asked"

    # nobody would be asked, or somebody would: the calls are made all the same
    rejudge "$free,$wipe"
    same "$(differences) $(field /differs_from) $(field /ended)" "c2 ask test/append allow other/free null null"
    rejudge "{\"id\":\"all\",\"ask\":\"ledger.*\",\"why\":\"look\"},$wipe"
    same "$(differences)" "c1 allow test/free ask other/all
c5 allow test/free ask other/all"
    same "$(field /differs_from) $(field /ended)" "null null"

    # the first one denied: what was made is not counted by limits
    rejudge "$free,$append,$wipe],\"limits\":[{\"id\":\"one\",\"of\":\"ledger.echo\",\"calls\":1,\"why\":\"once\"}"
    same "$(differences)" "c5 allow test/free deny other/one"
    rejudge "$free,$append,$wipe,{\"id\":\"a\",\"deny\":\"ledger.echo\",\"when\":{\"args\":{\"text\":{\"enum\":[\"a\"]}}},\"why\":\"not a\"}],\"limits\":[{\"id\":\"one\",\"of\":\"ledger.echo\",\"calls\":1,\"why\":\"once\"}"
    same "$(differences)" "c1 allow test/free deny other/a"
    same "$(cat "$ledger")" b # made once
}

@test "other policies: labels, and nobody there" {
    script <<< '{"work":[{"calls":[{"name":"echo","arguments":"{\"text\":\"a\"}"}]},{"calls":[{"name":"append_slow","arguments":"{\"text\":\"b\"}"}]},{"text":"done"}]}'
    start
    submit work '"attended":false'
    await
    same "$(field /answer)" "done"
    rejudge "$free],\"labels\":[{\"id\":\"echoes\",\"of\":\"ledger.echo\",\"integrity\":\"untrusted\",\"why\":\"whose words?\"}"
    same "$(differences)" "c2 allow test/free ask built-in/trusted-context"
    same "$(field /differs_from)" "$(field /decisions/0/seq)" # who would say yes?
    same "$(field /ended)" null
}

@test "other policies: a call in doubt that would fail, or be asked about" {
    kill_while_writing
    eventually in_doubt
    api POST "/v1/tasks/$id/input" '{"answer":"it was done"}'
    await
    fails=${free/,\"why\"/,\"must\":\{\"in_doubt\":\"fail\"\},\"why\"}
    rejudge "$free"
    same "$status $(field /same)" "0 true"
    rejudge "$fails"
    same "$status $(field /same) $(field /ended)" "1 false null"
    same "$(field /decisions/0/call_id) $(field /decisions/0/recorded/in_doubt) $(field /decisions/0/recorded/rule)" "c1 ask null"
    same "$(field /decisions/0/replayed/in_doubt) $(field /decisions/0/replayed/rule)" "fail other/free"
    same "$(field /differs_from)" "$(field /decisions/0/seq)"
    run "$build/corax" -s "$sock" replay --policy "$dir/other.json" "$id"
    has "$output" "recorded  in doubt ask by whether somebody attends"
    has "$output" "replayed  in doubt fail by other/free"
    # the other way round
    stop TERM
    : > "$ledger"
    sed -i 's/"allow": "ledger.\*",/& "must": { "in_doubt": "fail" },/' "$dir/policy.json"
    kill_while_writing
    await
    same "$(field /state)" finished
    same_again
    rejudge "$fails"
    same "$status $(field /same)" "0 true"
    rejudge "$free"
    same "$status $(field /decisions/0/recorded/in_doubt) $(field /decisions/0/replayed/in_doubt)" "1 fail ask"
    has "$(field /ended/why)" "a person would be asked whether the call had its effect"
}

@test "other policies: what is wrong with the question" {
    script <<< '{"hello":[{"text":"hi"}]}'
    start
    submit hello
    await
    rejudge '{"id":"x","perhaps":"*.*"}'
    same "$status" 1
    has "$output" "other.json"
    api POST "/v1/tasks/$id/replay" '{}'
    same "$code" 400
    api POST "/v1/tasks/$id/replay" '{"files":[{"name":"x","text":"{}"}],"planner":"react"}'
    same "$code" 400
    api POST "/v1/tasks/0199c3a2-0000-7000-8000-000000000000/replay" '{"files":[{"text":"{\"policy\":1,\"id\":\"a\",\"rules\":[]}"}]}'
    same "$code" 404
    run "$build/corax" -s "$sock" replay --planner plan --policy "$dir/other.json" "$id"
    same "$status" 2
    run "$build/corax" -s "$sock" replay --policy "$dir/none.json" "$id"
    same "$status" 1
}

two_models() { # SCRIPT: what the model b says; the default says what was recorded
    script <<< '{"work":[{"calls":[{"name":"append_slow","arguments":"{\"text\":\"a\"}"}],"reasoning":"so"},{"text":"done"}],"hello":[{"text":"hi"}]}'
    printf '%s' "$1" > "$dir/b.json"
    extra='"models":{"b":"'$dir'/b.json"}'
    start
    submit work
    await
    same "$(field /answer)" "done"
}

ask_b() { # SCRIPT: as of now
    printf '%s' "$1" > "$dir/b.json"
    stop TERM
    start
    run "$build/corax" -s "$sock" -j replay --model=b "$id"
    body=$output
}

@test "the model asked again: the same, and what differs" {
    two_models '{}'
    run "$build/corax" -s "$sock" replay --model "$id"
    same "$status $output" "0 2 replies, the same, by scripted"
    ask_b '{"work":[{"calls":[{"name":"append_slow","arguments":"{ \"text\" : \"\\u0061\" }"}],"reasoning":"other"},{"text":"done"}]}'
    same "$status $(field /same) $(field /asked) $(field /finished) $(field /first)" "0 true 2 true null" # arguments are values
    ask_b '{"work":[{"calls":[{"name":"append_slow","arguments":"{\"text\":\"b\"}"}]},{"text":"done"}]}'
    same "$status $(field /same) $(field /asked) $(field /first/what)" "1 false 1 arguments"
    same "$(field /first/recorded) / $(field /first/replayed)" 'append_slow {"text":"a"} / append_slow {"text":"b"}'
    has "$(field /ended/why)" "no result is recorded"
    same "$(field /ended/seq)" "$(field /first/seq)"
    ask_b '{"work":[{"calls":[{"name":"echo","arguments":"{\"text\":\"a\"}"}]},{"text":"done"}]}'
    same "$(field /first/what)" calls
    ask_b '{"work":[{"text":"I would rather not"}]}'
    same "$(field /first/what) $(field /first/replayed)" "calls no call"
    has "$(field /ended/why)" "makes no call"
    ask_b '{"work":[{"calls":[{"name":"append_slow","arguments":"{\"text\":\"a\"}"}]},{"text":"well done"}]}'
    same "$(field /asked) $(field /first/what) $(field /ended)" "2 text null"
    same "$(field /first/recorded) / $(field /first/replayed)" "done / well done"
    run "$build/corax" -s "$sock" replay --model=b "$id"
    has "$output" "in its text"
    has "$output" "  replayed  well done"
    ask_b '{"work":[{"do":"error"}]}'
    same "$(field /same) $(field /asked)" "false 0"
    has "$(field /ended/why)" "the script wants it so"
    same "$(cat "$ledger")" a # nothing was called
    api GET "/v1/tasks/$id"
    same "$(field /last_seq)" "$(api GET "/v1/tasks/$id/trace"; printf '%s' "$body" | "$helpers/json-get" --count /events)" # and nothing stored
}

asked_b() {
    grep -q '"method":"chat"' "$dir/asked"
}

@test "the model asked again: clients that go, too many, and the end of the daemon" {
    two_models '{"record":"'"$dir/asked"'","work":[{"sleep_ms":60000,"text":"late"}],"hello":[{"text":"at once"}]}'
    curl -s -o "$dir/late" --unix-socket "$sock" -X POST --data-binary '{"model":"b"}' "http://x/v1/tasks/$id/replay" 3>&- &
    client=$!
    eventually asked_b
    kill "$client"
    work=$id
    submit hello '"model":"b"'
    api GET "/v1/tasks/$id?wait=20"
    same "$(field /answer)" "at once" # the model does not go on with what nobody waits for
    for n in 1 2 3 4 5; do
        curl -s -o "$dir/late.$n" -w '%{http_code}' --unix-socket "$sock" -X POST --data-binary '{"model":"b"}' "http://x/v1/tasks/$work/replay" \
            > "$dir/code.$n" 3>&- &
    done
    eventually is_busy
    submit hello
    await
    same "$(field /answer)" hi # tasks go on
    stop TERM
    for n in 1 2 3 4 5; do
        eventually test -s "$dir/code.$n"
        same "$(cat "$dir/code.$n")" 503
    done
}

# Four wait for the model: one of five was refused, at once.
is_busy() {
    grep -q '"busy"' "$dir"/late.*
}

@test "the model asked again: what is wrong with the question" {
    two_models '{}'
    api POST "/v1/tasks/$id/replay" '{"model":"c"}'
    same "$code" 400
    api POST "/v1/tasks/$id/replay" '{"model":3}'
    same "$code" 400
    api POST "/v1/tasks/$id/replay" '{"model":null,"files":[]}'
    same "$code" 400
    api POST "/v1/tasks/0199c3a2-0000-7000-8000-000000000000/replay" '{"model":null}'
    same "$code" 404
    run "$build/corax" -s "$sock" replay --model --planner react "$id"
    same "$status" 2
}
