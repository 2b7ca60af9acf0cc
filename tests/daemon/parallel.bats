#!/usr/bin/env bats
# Calls of one reply side by side: which go ahead, that nobody can tell from the order, and that nothing is left over.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

# Three plugins, each with a slow reader of its own (2 s a call), and one that writes.
setup_plugins() {
    local name
    for name in one two three; do
        printf '{"name":"%s","ledger":"%s","tools":[%s,%s,%s]}\n' "$name" "$ledger" "$(tool "slow_$name" '"read"' '"idempotent"')" \
            "$(tool "append_$name" '"write"' '')" "$(tool "hang_$name" '"read"' '"idempotent"')" > "$dir/$name.so"
    done
    plugin="$dir/one.so\",\"$dir/two.so\",\"$dir/three.so"
    printf '{ "policy": 1, "id": "test", "rules": [ { "id": "all", "allow": "*.*", "why": "let it" },
        { "id": "no", "deny": "three.append_three", "why": "not this" }, { "id": "look", "ask": "two.append_two", "why": "look" } ],
        "limits": [ { "id": "two", "of": "*.slow*", "calls": 2, "why": "twice will do" } ] }' > "$dir/policy.json"
}

one_call() { printf '{"name":"%s","arguments":"{\\"text\\":\\"%s\\"}"}' "${1%%:*}" "${1#*:}"; }

reply() { # TOOL:TEXT...: one reply with all these calls
    local list= c
    for c; do list+=",$(one_call "$c")"; done
    printf '{"calls":[%s]}' "${list:1}"
}

# Of each result of the task: the call, its text, and whether it took longer than it was waited for.
results() {
    api GET "/v1/tasks/$id/trace"
    printf %s "$body" | python3 -c '
import json, sys
at = {}
for e in json.load(sys.stdin)["events"]:
    if e["kind"] == "tool_intent": at[e["call_id"]] = e["at_ms"]
    if e["kind"] == "tool_result":
        waited = e["at_ms"] - at.get(e["call_id"], 0)
        print(e["call_id"], e["parts"][0]["text"], "ahead" if e["duration_us"] / 1000 > waited + 500 else "in turn")'
}

@test "what changes nothing goes ahead, and stands in order" {
    setup_plugins
    script <<< "{\"go\":[$(reply slow_one:a slow_two:b),{\"echo\":true}]}"
    start
    submit go
    await
    same "$(results)" $'c1 a in turn\nc2 b ahead'
    same "$(kinds)" "task_submitted model_replied policy_decided tool_intent tool_result policy_decided tool_intent tool_result model_replied task_finished "
}

@test "nothing goes ahead behind an effect, a question or beside one" {
    setup_plugins
    script <<< "{\"write\":[$(reply append_one:a slow_two:b),{\"echo\":true}],\"behind\":[$(reply slow_one:a append_one:x slow_two:b),{\"echo\":true}],
        \"ask\":[$(reply slow_one:a append_two:x slow_three:b),{\"echo\":true}]}"
    start
    submit write
    await
    same "$(results)" $'c1 a in turn\nc2 b in turn'
    submit behind
    await
    same "$(results)" $'c1 a in turn\nc2 x in turn\nc3 b in turn'
    submit ask
    waiting
    api POST "/v1/tasks/$id/input" "{\"approve\":\"$hash\"}"
    await
    same "$(results)" $'c1 a in turn\nc2 x in turn\nc3 b in turn'
}

@test "what is denied is passed over, and limits count what has gone ahead" {
    setup_plugins
    script <<< "{\"go\":[$(reply slow_one:a append_three:x slow_two:b slow_three:c),{\"echo\":true}]}"
    start
    submit go
    await
    has "$(results)" "c1 a in turn"
    has "$(results)" "c2 denied by policy (test/no): not this"
    has "$(results)" "c3 b ahead"
    has "$(results)" "c4 denied by policy (test/two): twice will do"
}

@test "a task that is cancelled leaves nothing running" {
    setup_plugins
    script <<< "{\"go\":[$(reply hang_one:a hang_two:b hang_three:c),{\"echo\":true}]}"
    start
    submit go
    eventually busy 3
    "$build/corax" -s "$sock" cancel "$id"
    await
    same "$(field /outcome)" cancelled
    eventually busy 0
}

busy() { # so many hosts are
    api GET /healthz
    same "$(grep -o '"state":"busy"' <<< "$body" | wc -l)" "$1" > "$dir/busy"
}

@test "kill -9 while calls are ahead: all is done again" {
    setup_plugins
    script <<< "{\"go\":[$(reply slow_one:a slow_two:b),{\"echo\":true}]}"
    start
    submit go
    eventually busy 2
    stop KILL
    start
    await
    same "$(field /answer)" b
    same "$(results | cut -d' ' -f1-2)" $'c1 a\nc2 b'
}

@test "tasks given to other agents work side by side" {
    setup_plugins
    mkdir "$dir/agents"
    printf '{"agent":1}' > "$dir/agents/clerk.json"
    extra='"agents":"'$dir'/agents","max_running":2'
    give() { printf '{"name":"delegate","arguments":"{\\"agent\\":\\"clerk\\",\\"task\\":\\"%s\\"}"}' "$1"; }
    script <<< "{\"go\":[{\"calls\":[$(give first),$(give second)]},{\"echo\":true}],
        \"first\":[$(reply slow_one:a),{\"echo\":true}],\"second\":[$(reply slow_two:b),{\"echo\":true}]}"
    start
    submit go
    eventually busy 2
    await
    same "$(field /answer)" b
    same "$(results)" $'c1 a in turn\nc2 b ahead'
    stop KILL
    start
    submit go
    eventually busy 2
    stop KILL
    start
    await
    same "$(field /answer)" b
    api GET "/v1/tasks?limit=100"
    same "$(grep -o '"id"' <<< "$body" | wc -l)" 6
}

@test "a pause, and the end of the daemon, between calls of which some went ahead" {
    setup_plugins
    sed -i 's/"calls": 2/"calls": 9/' "$dir/policy.json"
    stopping='"seconds": 60'
    script <<< "{\"go\":[$(reply slow_one:a slow_two:b slow_three:c),{\"echo\":true}]}"
    start
    submit go
    eventually in_call
    api POST "/v1/tasks/$id/pause"
    same "$code" 200
    eventually in_state paused
    same "$(results)" "c1 a in turn"
    api POST "/v1/tasks/$id/resume"
    await
    same "$(field /answer)" c
    same "$(results | cut -d' ' -f1,2)" $'c1 a\nc2 b\nc3 c'
    submit go
    eventually in_call
    stop TERM
    start
    await
    same "$(field /answer)" c
    same "$(results | cut -d' ' -f1,2)" $'c1 a\nc2 b\nc3 c'
    has "$(kinds)" "task_submitted model_replied policy_decided tool_intent tool_result task_resumed policy_decided tool_intent tool_result policy_decided"
    api GET "/v1/tasks/$id/replay"
    same "$(field /same)" true
}

in_call() { # its first one was sent: intents of such calls are stored with their results
    sleep 1
    in_state running
}
