#!/usr/bin/env bats
# Tasks that tasks give to other agents: their answers, budgets, labels and policies; ends, cancels and crashes on the way.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

call() { # TOOL KEY=VALUE...: one reply with one call
    local tool=$1 args= pair
    shift
    for pair; do args+=",\\\"${pair%%=*}\\\":\\\"${pair#*=}\\\""; done
    printf '{"calls":[{"name":"%s","arguments":"{%s}"}]}' "$tool" "${args:1}"
}

give() { # AGENT TASK
    call delegate "agent=$1" "task=$2"
}

setup_agents() {
    printf '{"name":"ledger","ledger":"%s","tools":[%s,%s,%s,%s]}\n' "$ledger" "$(tool echo '' '"idempotent"')" \
        "$(tool append '"write"' '')" "$(tool fetch '"net"' '"idempotent"')" "$(tool append_slow '"write"' '')" > "$dir/ledger.so"
    cat > "$dir/policy.json" << 'POLICY'
{ "policy": 1, "id": "test", "rules": [ { "id": "all", "allow": "*.*", "why": "let it" } ],
  "limits": [ { "id": "few", "of": "ledger.append", "calls": 2, "why": "twice will do" } ] }
POLICY
    mkdir -p "$dir/agents"
    printf '{"agent":1,"description":"adds things up"}' > "$dir/agents/clerk.json"
    printf '{"agent":1,"policy":{"policy":1,"id":"mild","rules":[{"id":"no","deny":"ledger.append","why":"not here"}]}}' \
        > "$dir/agents/mild.json"
    extra='"agents":"'$dir'/agents"'
}

run_task() { # NAME [MORE]: to its end, unattended
    api POST /v1/tasks "{\"input\":\"$1\",\"attended\":false${2:+,$2}}"
    same "$code" 201
    id=$(field /id)
    await
    same "$(field /state)" finished
}

children() { # of the task $id
    local parent=$id
    api GET "/v1/tasks?limit=100"
    printf %s "$body" | python3 -c '
import json, sys, subprocess
for t in json.load(sys.stdin)["tasks"]: print(t["id"])' | while read -r id; do
        api GET "/v1/tasks/$id"
        case $(field /parent/task) in "$parent") echo "$id" ;; esac
    done
}

@test "the answer is the result; the child is a task of its own" {
    setup_agents
    script <<< "{\"top\":[$(give clerk sum),{\"echo\":true}],\"sum\":[$(call echo text=5),{\"echo\":true}]}"
    start
    run_task top
    same "$(field /outcome) $(field /answer)" "answered 5"
    child=$(children)
    same "$(wc -w <<< "$child")" 1
    api GET "/v1/tasks/$child"
    same "$(field /agent) $(field /parent/call_id) $(field /parent/depth) $(field /outcome)" "clerk c1 1 answered"
    has "$(events tool_result parts)" "$child"
    run "$build/corax" -s "$sock" tools
    has "$output" "clerk: adds things up"
}

@test "no such agent, no agents, a child that fails" {
    setup_agents
    script <<< "{\"who\":[$(give nobody x),{\"echo\":true}],\"bad\":[$(give clerk lost),{\"echo\":true}],
        \"lost\":[{\"do\":\"empty\"},{\"do\":\"empty\"},{\"do\":\"empty\"}]}"
    start
    run_task who
    same "$(field /answer)" 'there is no agent "nobody": use one of clerk, mild'
    run_task bad
    has "$(field /answer)" "ended without an answer: the model gave no usable reply"
    stop TERM
    extra=
    start
    run_task who
    has "$(field /answer)" 'there is no tool "delegate"'
}

@test "one slot is enough, and children stop at the third below each other" {
    setup_agents
    extra+=',"max_running":1'
    script <<< "{\"a\":[$(give clerk b),{\"echo\":true}],\"b\":[$(give clerk c),{\"echo\":true}],
        \"c\":[$(give clerk d),{\"echo\":true}],\"d\":[$(give clerk e),{\"echo\":true}],\"e\":[{\"text\":\"too deep\"}]}"
    start
    run_task a
    has "$(field /answer)" 'there is no tool "delegate"'
}

@test "labels and calls go down and come back; what narrows the parent narrows the child" {
    setup_agents
    script <<< "{\"up\":[$(give clerk fetches),$(call append text=x),{\"text\":\"done\"}],\"fetches\":[$(call fetch text=page),{\"echo\":true}],
        \"down\":[$(call fetch text=page),$(give clerk writes),{\"text\":\"done\"}],\"writes\":[$(call append text=y),{\"text\":\"done\"}],
        \"many\":[$(call append text=1),$(give clerk writes),$(call append text=2),{\"text\":\"done\"}],
        \"strict\":[$(give clerk writes),{\"text\":\"done\"}],\"milder\":[$(give mild writes),{\"text\":\"done\"}]}"
    start
    run_task up
    same "$(events policy_decided tool rule)" $'delegate test/all\nappend built-in/trusted-context'
    run_task down
    id=$(children)
    same "$(events policy_decided tool rule)" "append built-in/trusted-context"
    same "$(cat "$ledger")" ""
    run_task many
    same "$(events policy_decided tool rule)" $'append test/all\ndelegate test/all\nappend test/few'
    same "$(cat "$ledger")" $'1\ny'
    run_task strict '"policy":{"policy":1,"id":"mine","rules":[{"id":"no","deny":"ledger.*","why":"not at all"}]}'
    id=$(children)
    same "$(events policy_decided tool rule)" "append mine/no"
    run_task milder
    id=$(children)
    same "$(events policy_decided tool rule)" "append mild/no"
}

@test "tokens and time that a child spends are its parent's" {
    setup_agents
    script <<< "{\"top\":[$(give clerk long),{\"text\":\"done\"}],\"long\":[{\"text\":\"x\",\"sleep_ms\":300}]}"
    start
    run_task top '"budget":{"tokens":9}' # each reply has 5
    same "$(field /error/code)" budget_tokens
    run_task top '"budget":{"wall_ms":200}'
    same "$(field /outcome)" failed
    run_task top
    same "$(field /usage/completion_tokens)" 15
    [ "$(field /usage/active_ms)" -ge 300 ]
}

@test "cancelling the parent cancels the child" {
    setup_agents
    script <<< "{\"top\":[$(give clerk slow),{\"echo\":true}],\"slow\":[{\"text\":\"late\",\"sleep_ms\":60000}]}"
    start
    submit top
    eventually has_child
    "$build/corax" -s "$sock" cancel "$id"
    await
    same "$(field /outcome)" cancelled
    api GET "/v1/tasks/$child?wait=10"
    same "$(field /outcome)" cancelled
}

has_child() {
    child=$(children)
    [ -n "$child" ]
}

@test "kill -9 while the child works, and after its end: one child, one effect" {
    setup_agents
    script <<< "{\"top\":[$(give clerk slow),{\"echo\":true}],
        \"slow\":[$(call append text=once),{\"text\":\"late\",\"sleep_ms\":1500}]}"
    start
    submit top
    eventually has_child
    eventually grep -q once "$ledger"
    stop KILL
    start
    await
    same "$(field /answer)" late
    same "$(children | wc -l)" 1
    same "$(cat "$ledger")" once
}

@test "kill -9 between the child's end and the parent's result" {
    setup_agents
    script <<< "{\"top\":[$(give clerk quick),{\"echo\":true}],\"quick\":[$(call fetch text=page),{\"text\":\"there\"}]}"
    start
    submit top
    await
    same "$(field /answer)" there
    child=$(children)
    stop TERM
    # The journal as it was before the parent had the result.
    python3 - "$dir/state/corax.db" "$id" << 'PYTHON'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA foreign_keys=ON")
db.execute("DELETE FROM events WHERE task=(SELECT n FROM tasks WHERE id=?) AND seq>4", (sys.argv[2],))
db.execute("UPDATE tasks SET state=1, outcome=0, last_seq=4 WHERE id=?", (sys.argv[2],))
db.commit()
PYTHON
    start
    await
    same "$(field /answer)" there
    same "$(children)" "$child"
    has "$(events task_finished label)" untrusted
}

@test "a child asks a person, and the parent waits without a slot" {
    setup_agents
    extra+=',"max_running":1'
    printf '{ "policy": 1, "id": "test", "rules": [ { "id": "all", "allow": "*.*", "why": "let it" },
        { "id": "look", "ask": "ledger.append", "why": "look" } ] }' > "$dir/policy.json"
    script <<< "{\"top\":[$(give clerk writes),{\"echo\":true}],\"writes\":[$(call append text=y),{\"text\":\"written\"}],\"other\":[{\"text\":\"hi\"}]}"
    start
    submit top
    parent=$id
    eventually has_child
    id=$child
    waiting
    submit other
    await
    same "$(field /answer)" hi
    api POST "/v1/tasks/$child/input" "{\"approve\":\"$hash\"}"
    id=$parent
    await
    same "$(field /answer)" written
}

@test "pausing the parent lets the child end; the end of the daemon lets its call end; a deadline ends both" {
    setup_agents
    stopping='"seconds": 60'
    script << SCRIPT
{ "top": [ $(give clerk below), { "echo": true } ],
  "below": [ $(call append_slow text=once), { "text": "it is written" } ],
  "late": [ $(give clerk forever), { "echo": true } ],
  "forever": [ { "do": "hang" } ] }
SCRIPT
    start
    submit top
    eventually grep -q once "$ledger"
    child=$(children)
    api POST "/v1/tasks/$id/pause"
    same "$code $(field /state) $(field /paused)" "200 running true"
    eventually in_state paused
    same "$(events tool_result tool)" delegate
    api GET "/v1/tasks/$child"
    same "$(field /state) $(field /answer)" "finished it is written"
    api POST "/v1/tasks/$id/resume"
    await
    same "$(field /answer)" "it is written"
    : > "$ledger"
    submit top
    eventually grep -q once "$ledger"
    stop TERM
    start
    await
    same "$(field /answer) $(cat "$ledger")" "it is written once"
    same "$(children | wc -l)" 1
    submit late "\"deadline\":$(now_ms 2500)"
    eventually has_child
    await
    same "$(field /error/code)" deadline
    await "$child"
    same "$(field /outcome)" cancelled
}
