#!/usr/bin/env bats
# What policies do to calls: labels and what is built in, layers, limits, duties, time to approve, and what can be asked about them.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

# The model calls what the task says, "read; append", each with the text "x" or what is behind a colon, and answers "done".
calls() { # TASK NAME[:TEXT]...
    local task=$1 name replies=
    shift
    for name; do
        replies+=$(printf '{"calls":[{"name":"%s","arguments":"{\\"text\\":\\"%s\\"}"}]},' "${name%%:*}" "$(text_of "$name")")
    done
    printf '"%s":[%s{"text":"done"}]' "$task" "$replies"
}

text_of() {
    case $1 in *:*) printf %s "${1#*:}" ;; *) printf x ;; esac
}

# Of the task $id: tool=decision by rule, for each decision.
decisions() {
    api GET "/v1/tasks/$id/trace"
    printf %s "$body" | python3 -c '
import json, sys
for e in json.load(sys.stdin)["events"]:
    if e["kind"] == "policy_decided": print("%s=%s/%s" % (e["tool"], e["decision"], e["rule"].split("/")[-1]), end=" ")'
}

# A plugin whose tools read, fetch, write, and do nothing.
tools() {
    printf '{"name":"ledger","ledger":"%s","tools":[%s,%s,%s,%s,%s,%s]}\n' "$ledger" "$(tool echo '' '"idempotent"')" \
        "$(tool append '"write"' '')" "$(tool look '"read"' '"idempotent"')" "$(tool fetch '"net"' '"idempotent"')" \
        "$(tool secret '"read"' '"idempotent"')" "$(tool boxed '"exec"' '"idempotent"')" > "$dir/ledger.so"
    cat > "$dir/policy.json" << 'POLICY'
{ "policy": 1, "id": "test", "about": "for tests", "rules": [ { "id": "all", "allow": "*.*", "why": "let it" } ],
  "labels": [ { "id": "secrets", "of": "ledger.secret", "confidentiality": "secret", "why": "nobody may know" } ],
  "contained": [ { "id": "boxed", "of": "ledger.boxed", "why": "it acts on nothing" } ] }
POLICY
}

run_task() { # NAME: unattended, to its end
    api POST /v1/tasks "{\"input\":\"$1\",\"attended\":false${2:+,$2}}"
    same "$code" 201
    id=$(field /id)
    await
}

@test "what the task has seen decides: fetch, then write; look, then fetch; a secret" {
    tools
    script <<< "{$(calls clean append),$(calls tainted fetch append),$(calls inside look fetch),$(calls leak secret fetch),
                 $(calls both look boxed append fetch),$(calls house secret append),$(calls boxed fetch boxed)}"
    start
    run_task clean
    same "$(decisions)" "append=allow/all "
    run_task tainted
    same "$(decisions)" "fetch=allow/all append=ask/trusted-context "
    same "$(wc -l < "$ledger")" 1
    run_task inside
    same "$(decisions)" "look=allow/all fetch=ask/flow "
    run_task leak
    same "$(decisions)" "secret=allow/all fetch=deny/flow "
    run_task both
    same "$(decisions)" "look=allow/all boxed=allow/all append=allow/all fetch=ask/flow "
    run_task house
    same "$(decisions)" "secret=allow/all append=deny/flow "
    run_task boxed
    same "$(decisions)" "fetch=allow/all boxed=allow/all "
    api GET "/v1/tasks/$id/trace"
    last=$(($(printf '%s' "$body" | "$helpers/json-get" --count /events) - 1))
    same "$(field "/events/$last/kind") $(field "/events/$last/label/integrity")" "task_finished untrusted"
}

@test "the label of a submission holds from the start" {
    tools
    script <<< "{$(calls write append)}"
    start
    run_task write '"label":{"integrity":"untrusted"}'
    same "$(decisions)" "append=ask/trusted-context "
    api POST /v1/tasks '{"input":"write","label":{"integrity":"good"}}'
    same "$code $(field /error/param)" "400 label"
}

@test "a restart forgets no label and no call that was made" {
    tools
    printf '%s' '{ "policy": 1, "id": "few", "limits": [ { "id": "two", "of": "ledger.append", "calls": 2, "why": "twice will do" } ] }' \
        > "$dir/admin.json"
    extra='"admin_policies": ["'$dir'/admin.json"]'
    script <<< "{$(calls far fetch append),\"many\":[{\"calls\":[{\"name\":\"append\",\"arguments\":\"{\\\"text\\\":\\\"1\\\"}\"}]},
        {\"calls\":[{\"name\":\"append\",\"arguments\":\"{\\\"text\\\":\\\"2\\\"}\"}]},
        {\"calls\":[{\"name\":\"ask_user\",\"arguments\":\"{\\\"question\\\":\\\"more?\\\"}\"}]},
        {\"calls\":[{\"name\":\"append\",\"arguments\":\"{\\\"text\\\":\\\"3\\\"}\"}]},{\"text\":\"done\"}]}"
    start
    submit far
    waiting
    first=$id
    same "$(field /waiting_for/rule)" "built-in/trusted-context"
    submit many
    waiting
    second=$id
    stop KILL
    start
    id=$first
    waiting
    same "$(field /waiting_for/rule) $(field /context/integrity)" "built-in/trusted-context untrusted"
    id=$second
    waiting
    api POST "/v1/tasks/$id/input" '{"answer":"yes"}'
    await
    same "$(decisions)" "append=allow/all append=allow/all append=deny/two "
    same "$(wc -l < "$ledger")" 2
}

@test "layers narrow: the administrator's, the user's, the agent's, the task's" {
    tools
    mkdir "$dir/agents" "$dir/users"
    deny() { printf '{"policy":1,"id":"%s","rules":[{"id":"no","deny":"ledger.%s","why":"not %s"}]}' "$1" "$2" "$1"; }
    deny admin append > "$dir/admin.json"
    deny user fetch > "$dir/users/$(id -u).json"
    deny other look > "$dir/users/4294967000.json"
    printf '{"agent":1,"policy":%s}' "$(deny agent boxed)" > "$dir/agents/careful.json"
    extra='"admin_policies":["'$dir'/admin.json"],"user_policies":"'$dir'/users","agents":"'$dir'/agents"'
    script <<< "{$(calls all append fetch look boxed echo)}"
    start
    run_task all
    same "$(decisions)" "append=deny/no fetch=deny/no look=allow/all boxed=allow/all echo=allow/all "
    run_task all "\"agent\":\"careful\",\"policy\":$(deny task echo)"
    same "$(decisions)" "append=deny/no fetch=deny/no look=allow/all boxed=deny/no echo=deny/no "
    api POST /v1/tasks "{\"input\":\"all\",\"policy\":{\"policy\":1,\"id\":\"more\",\"rules\":[{\"id\":\"a\",\"allow\":\"*.*\",\"why\":\"w\"}]}}"
    same "$code $(field /error/param)" "400 policy"
    [[ $(field /error/message) == *"only narrows"* ]]
    api POST /v1/tasks "{\"input\":\"all\",\"agent\":\"careful\",\"policy\":$(deny agent echo)}"
    same "$code $(field /error/param)" "400 policy"
}

@test "duties: what a rule obliges to is done before anybody sees the result" {
    tools
    cat > "$dir/policy.json" << 'POLICY'
{ "policy": 1, "id": "test", "rules": [
  { "id": "all", "allow": "*.*", "why": "let it" },
  { "id": "hide", "allow": "ledger.look", "why": "keys stay here", "must": { "redact": ["sk-[a-z0-9]+"] } },
  { "id": "short", "allow": "ledger.echo", "why": "no long talk", "must": { "result_bytes": 5 } },
  { "id": "quick", "allow": "ledger.hang", "why": "no waiting", "must": { "timeout_s": 0.3 } } ] }
POLICY
    printf '{"name":"ledger","ledger":"%s","tools":[%s,%s,%s]}\n' "$ledger" "$(tool echo '' '"idempotent"')" \
        "$(tool look '"read"' '')" "$(tool hang '' '')" > "$dir/ledger.so"
    script <<< "{$(calls key 'look:the key is sk-abc123.'),$(calls long 'echo:0123456789'),$(calls wait hang)}"
    start
    run_task key
    same "$(events tool_result parts/0/text)" "the key is [redacted]."
    api GET "/v1/tasks/$id/trace"
    stored=$(python3 -c '
import json, sys
print([e for e in json.load(sys.stdin)["events"] if e["kind"] == "tool_result"])' <<< "$body")
    [[ $stored != *sk-abc123* ]]
    run_task long
    same "$(events tool_result parts/0/text)" "01234[5 of 10 bytes left out: the policy lets no more of a result on]"
    run_task wait
    [[ $(events tool_result parts/0/text) == *"longer than 300 ms"* ]]
}

@test "a host that was given worse serves nobody who has seen better" {
    tools
    script <<< "{$(calls low echo),$(calls high fetch echo)}"
    start
    run_task low
    one=$(host_pid)
    run_task low
    same "$(host_pid)" "$one"
    run_task high
    same "$(host_labels)" "untrusted/public "
    run_task low
    same "$(events tool_result parts/0/text)" x
    same "$(host_labels)" "untrusted/public trusted/public "
    same "$(host_pid)" "$one"
    run_task high
    run_task low
    same "$(host_labels)" "untrusted/public trusted/public "
}

@test "where there may be one host only, it is started anew" {
    tools
    processes=1
    script <<< "{$(calls low echo),$(calls high fetch echo)}"
    start
    run_task low
    one=$(host_pid)
    run_task high
    same "$(host_pid)" "$one"
    run_task low
    [ "$(host_pid)" != "$one" ]
    same "$(host_labels)" "trusted/public "
    same "$(events tool_result parts/0/text)" x
}

host_pid() {
    api GET /healthz
    field /hosts/0/pid
}

host_labels() { # of the first plugin's hosts: the worst each was given
    api GET /healthz
    python3 -c '
import json, sys
for p in json.load(sys.stdin)["hosts"][0]["processes"]: print("%s/%s" % (p["integrity"], p["confidentiality"]), end=" ")' <<< "$body"
}

@test "nobody approves in time: denied, also over a restart" {
    extra='"approval_seconds": 1'
    script <<< "{$(calls write append)}"
    start
    submit write
    waiting
    [ "$(field /waiting_for/until_ms)" -gt 0 ]
    stop KILL
    sleep 1
    start
    await
    same "$(events tool_result parts/0/text)" "nobody approved this call in time"
    same "$(cat "$ledger")" ""
}

@test "a path is judged by where it leads" {
    schema='"inputSchema":{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}'
    tools
    mkdir -p "$dir/notes/open" "$dir/notes/shut" "$dir/outside"
    ln -s ../shut "$dir/notes/open/in"
    ln -s ../../outside "$dir/notes/open/out"
    ln -s nothing "$dir/notes/open/later"
    cat > "$dir/policy.json" << 'POLICY'
{ "policy": 1, "id": "test", "rules": [ { "id": "open", "allow": "ledger.look",
  "when": { "args": { "text": { "path": { "beneath": ["notes/open"], "hidden": false } } } }, "why": "it is open" } ] }
POLICY
    extra='"roots":{"notes":"'$dir'/notes"}'
    script <<< "{$(calls paths look:notes/open/new look:notes/open/in/x look:notes/open/out/x look:notes/open/../shut look:notes/open/.x \
        look:/etc/passwd "look:$dir/notes/open/new" look:notes/open/later look:notes/open/a/b look:notes//open/./new)}"
    start
    run_task paths '"budget":{"steps":12}'
    same "$(decisions)" "look=allow/open look=deny/none look=deny/none look=deny/none look=deny/none look=deny/none look=allow/open look=deny/none look=deny/none look=allow/open "
}

@test "an absolute path is below the innermost root, which may be /" {
    schema='"inputSchema":{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}'
    tools
    mkdir -p "$dir/notes/open"
    cat > "$dir/policy.json" << POLICY
{ "policy": 1, "id": "test", "rules": [
  { "id": "open", "allow": "ledger.look", "when": { "args": { "text": { "path": { "beneath": ["notes/open"] } } } }, "why": "it is open" },
  { "id": "all", "ask": "ledger.look", "when": { "args": { "text": { "path": { "beneath": ["all/usr", "all$dir/notes"] } } } }, "why": "look" } ] }
POLICY
    extra='"roots":{"all":"/","notes":"'$dir'/notes"}'
    script <<< "{$(calls paths "look:$dir/notes/open/new" "look:$dir/notes" look:/usr look:/usr/bin look:/etc look:/)}"
    start
    run_task paths
    same "$(decisions)" "look=allow/open look=deny/none look=ask/all look=ask/all look=deny/none look=deny/none "
}

@test "corax policy: ls, show, explain, test" {
    tools
    sed -i 's/"rules": \[/&{"id":"careful","allow":"ledger.look","must":{"in_doubt":"fail","fresh_host":true},"why":"w"},/' "$dir/policy.json"
    script <<< '{}'
    start
    run "$build/corax" -s "$sock" policy ls
    same "$status" 0
    [[ $output == *"base"*"test"*"for tests"* ]]
    run "$build/corax" -s "$sock" policy show test
    [[ $output == *'"id":"test"'* ]]
    run "$build/corax" -s "$sock" policy show other
    same "$status" 1
    run "$build/corax" -s "$sock" policy explain append '{"text":"x"}' --context untrusted,internal
    same "$status" 0
    [[ $output == *"ask  ledger.append by built-in/rule-of-two"*"built-in/trusted-context"*"test/all"* ]]
    run "$build/corax" -s "$sock" policy explain ledger.append --unattended --context untrusted
    [[ $output == deny*"nobody attends"* ]]
    run "$build/corax" -s "$sock" policy explain look
    has "$output" "must     in_doubt fail"
    has "$output" "must     in_doubt_rule test/careful"
    has "$output" "must     fresh_host"
    run "$build/corax" -s "$sock" policy explain mail.send
    same "$status" 1
    [[ $output == *"say its effects"* ]]
    run "$build/corax" -s "$sock" policy explain mail.send --effects net --context secret
    [[ $output == deny*"built-in/flow"*"untrusted, public"* ]]
    run "$build/corax" -s "$sock" policy explain append --context goood
    same "$status" 2
    run "$build/corax" -s "$sock" policy test "$dir/policy.json"
    same "$status" 0
    [[ $output == *"test: 2 rules, 0 tests"* ]]
    run "$build/corax" -s "$sock" policy test --narrows "$dir/policy.json"
    same "$status" 1
    [[ $output == *"only narrows"* ]]
    printf '{"policy":1,"id":"a","rules":[],"tests":[{"want":"allow","call":{"tool":"a.b"}}]}' > "$dir/bad.json"
    run "$build/corax" -s "$sock" policy test "$dir/bad.json"
    same "$status" 1
    [[ $output == *"bad.json: test 1"* ]]
    run "$build/corax" -s "$sock" run --unattended --policy "$dir/none.json" x
    same "$status" 1
    [[ $output == *"none.json"* ]]
    run "$build/corax" -s "$sock" run --unattended --label good x
    same "$status" 1
    [[ $output == *"--label: one of trusted"* ]]
}
