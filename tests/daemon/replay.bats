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
    same "$(field /answer)" done
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

@test "a task that was killed and resumed decides the same again" {
    script <<< '{"write":[{"calls":[{"name":"append_slow","arguments":"{\"text\":\"once\"}"}]},{"echo":true}]}'
    start
    submit write
    eventually test -s "$ledger"
    stop KILL
    start
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
    api POST "/v1/tasks/$id/replay"
    same "$code" 405
    nobody="setpriv --reuid 65534 --regid 0 --clear-groups --"
    if [ "$(id -u)" = 0 ]; then
        code=$($nobody curl -sS -o /dev/null -w '%{http_code}' --unix-socket "$sock" "http://x/v1/tasks/$id/replay")
        same "$code" 404
    fi
}
