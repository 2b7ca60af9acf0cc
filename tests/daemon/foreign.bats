#!/usr/bin/env bats
# Foreign MCP servers over standard input and output: both revisions, what they may do, and what hostile ones cannot.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

server() { # ERA [MEMBERS]: one server, "far"
    command -v python3 > /dev/null || skip "needs python3"
    extra="\"mcp_servers\": {\"far\": {\"command\": [\"python3\", \"$BATS_TEST_DIRNAME/foreign-server.py\", \"$1\", \"$ledger\"]${2:+, $2}}}, \"tool_retrieval\": {\"max_tools\": 100}"
    cat > "$dir/policy.json" <<'POLICY'
{ "policy": 1, "id": "test", "rules": [
  { "id": "free", "allow": "far.*", "why": "all but one" },
  { "id": "act", "ask": "far.act", "why": "somebody should look" } ] }
POLICY
}

# A script in which the model calls a tool and answers with what it read.
calls() { # TOOL [TEXT]
    script <<< "{\"go\":[{\"calls\":[{\"name\":\"$1\",\"arguments\":\"{\\\"text\\\":\\\"${2-x}\\\"}\"}]},{\"echo\":true}],
        \"again\":[{\"calls\":[{\"name\":\"far.echo\",\"arguments\":\"{\\\"text\\\":\\\"abc\\\"}\"}]},{\"echo\":true}]}"
}

is_up() {
    api GET /healthz
    [ "$(field /mcp_servers/0/state)" = ready ]
}

go() {
    start
    eventually is_up
    submit "${1:-go}"
    await
}

still_works() {
    eventually is_up
    submit again
    await
    same "$(field /answer)" abc
}

@test "a modern server: pages of tools, a call, its label and what is shown of it" {
    server modern
    calls far.echo hello
    go
    same "$(field /answer)" hello
    same "$(events tool_intent tool provider effects/0 effects/4)" "far.echo far read clock"
    same "$(events tool_result label/integrity)" untrusted
    api GET /healthz
    same "$(field /mcp_servers/0/version) $(field /mcp_servers/0/tools) $(field /mcp_servers/0/server)" "2026-07-28 16 test"
    api GET /v1/tools
    has "$body" '"name":"far.echo","provider":"far"'
    has "$body" 'example.org'
    same "$(grep -c '^list ' "$ledger")" 4
    eventually grep -qx listen "$ledger"
    run "$build/corax" tools --socket "$sock"
    has "$output" "far.echo  "
    has "$output" "far.broken"
    run "$build/corax" health --socket "$sock"
    has "$output" "mcp      ready, far, 16 tools, 0 restarts"
    run "$build/corax" doctor --socket "$sock"
    has "$output" "mcp       far: ready"
}

@test "a legacy server, and one that ends when it is asked what it does not know" {
    for era in legacy old; do
        server "$era"
        calls far.echo hello
        go
        same "$(field /answer)" hello
        api GET /healthz
        has "$(field /mcp_servers/0/version)" 202
        stop TERM
        rm -rf "$dir/state"
    done
}

@test "results with parts, and one that says it failed" {
    server modern
    calls far.parts
    go
    has "$(field /answer)" one
    api GET "/v1/tasks/$id/trace"
    has "$body" '"mime":"image/png"'
    has "$body" '{\"n\": 1}'
    calls far.fail
    stop TERM
    go
    has "$(field /answer)" "it did not work"
    same "$(events tool_result error | head -1)" true
}

@test "its environment is what corax.conf gives it" {
    server modern '"env": {"KEY": "secret value"}'
    calls far.env
    go
    has "$(field /answer)" '"KEY": "secret value"'
    api GET /healthz
    same "$(tr '\0' ' ' < "/proc/$(field /mcp_servers/0/pid)/cmdline" | grep -c secret || true)" 0
}

@test "its own hints count only where corax.conf says so, and corax.conf's word over them" {
    server modern
    calls far.look
    go
    same "$(events tool_intent effects/4)" clock
    stop TERM
    server modern '"trust_annotations": true'
    go
    same "$(events tool_intent effects/0 effects/1 traits/0)" "read  idempotent"
    stop TERM
    server modern '"effects": {"look": {"effects": ["clock"], "traits": ["idempotent"]}}'
    go
    same "$(events tool_intent effects/0 effects/1 traits/0)" "clock  idempotent"
}

@test "a list of tools in corax.conf leaves the others out" {
    server modern '"tools": ["echo"]'
    calls far.look
    go
    has "$(field /answer)" 'there is no tool "far.look"'
    api GET /v1/tools
    has "$body" "corax.conf does not name it"
    still_works
}

@test "a server that dies in the middle of a call" {
    server modern
    calls far.die
    go
    has "$(field /answer)" "the MCP server far broke down during the call: it exited with status 3"
    has "$(field /answer)" "whether it had its effect is not known"
    still_works
}

@test "a server that writes nonsense, or without end" {
    for kind in garbage flood; do
        server modern
        calls "far.$kind"
        go
        has "$(field /answer)" "broke down during the call"
        still_works
        rss=$(awk '/VmHWM/ { print $2 }' "/proc/$pid/status")
        grep -q 'fsanitize=address' "$build/config.log" || [ "$rss" -lt 65536 ] # kB
        stop TERM
    done
}

@test "a call that takes too long is cancelled, and a server that hangs is ended" {
    server modern '"call_ms": 300'
    calls far.slow
    go
    has "$(field /answer)" "took longer than 300 ms"
    eventually grep -qx cancelled "$ledger"
    api GET /healthz
    same "$(field /mcp_servers/0/restarts)" 0
    stop TERM
    calls far.hang
    go
    has "$(field /answer)" "took longer than 300 ms"
    restarted() { api GET /healthz; [ "$(field /mcp_servers/0/restarts)" = 1 ]; }
    eventually restarted
    still_works
}

@test "cancelling a task cancels its call" {
    server modern
    calls far.slow
    start
    eventually is_up
    submit go
    eventually grep -q 'call slow' "$ledger"
    api DELETE "/v1/tasks/$id"
    eventually grep -qx cancelled "$ledger"
    still_works
}

@test "thousands of tools are not taken unless corax.conf says so" {
    server modern '"env": {"MANY": "5000"}'
    calls far.echo
    start
    refused() { api GET /healthz; has "$(field /mcp_servers/0/error || true)" "more than 1000 tools" > "$dir/said"; }
    eventually refused
    same "$(field /status)" degraded
    stop TERM
    server modern '"env": {"MANY": "5000"}, "max_tools": 6000'
    start
    eventually is_up
    same "$(field /mcp_servers/0/tools)" 5016
}

@test "a definition that changes: what was approved for the old one is asked anew" {
    server modern
    script <<< '{"act":[{"calls":[{"name":"far.act","arguments":"{\"text\":\"now\"}"}]},{"echo":true}],
        "pull":[{"calls":[{"name":"far.pull","arguments":"{}"}]},{"echo":true}]}'
    start
    eventually is_up
    submit act
    act=$id
    waiting
    old=$hash
    submit pull
    await
    same "$(field /answer)" pulled
    asked_anew() { api GET "/v1/tasks/$act"; [ "$(field /state)" = waiting ] && [ "$(field /waiting_for/request_hash)" != "$old" ]; }
    eventually asked_anew
    api POST "/v1/tasks/$act/input" "{\"approve\":\"$old\"}"
    same "$code" 409
    same "$(grep -c 'call act' "$ledger" || true)" 0
    id=$act
    waiting
    api POST "/v1/tasks/$act/input" "{\"approve\":\"$hash\"}"
    await
    same "$(field /answer)" "act: now"
    # What did not change is still the same tool.
    api GET /healthz
    same "$(field /mcp_servers/0/restarts)" 0
}

@test "forms: declined, or filled in with their defaults where corax.conf says so" {
    for era in modern legacy; do
        server "$era" '"elicitation": "defaults"'
        calls far.form
        go
        has "$(field /answer)" '"action": "accept", "content": {"who": "Ada"}'
        [ "$era" = legacy ] || has "$(field /answer)" 's\u00e4 {1}'
        stop TERM
        server "$era"
        go
        [ "$era" = legacy ] || has "$(field /answer)" '"action": "decline"'
        [ "$era" = modern ] || has "$(field /answer)" "refused: -32601"
        stop TERM
    done
}

@test "in a real box: no network but where corax.conf says so" {
    box_path=$build/corax-box
    "$box_path" run -- /bin/true 2> "$dir/why" || skip "$(cat "$dir/why")"
    python3 -c 'import http.server as h; s = h.HTTPServer(("127.0.0.1", 0), h.SimpleHTTPRequestHandler); print(s.server_port, flush=True); s.serve_forever()' \
        > "$dir/port" 2> "$dir/served" 3>&- &
    also=$!
    eventually [ -s "$dir/port" ]
    for network in false true; do
        ledger=/dev/null
        server modern "\"files\": [\"$BATS_TEST_DIRNAME/foreign-server.py\"], \"network\": $network, \"memory_mb\": 200, \"env\": {\"A\": \"b\"}"
        calls far.network "$(cat "$dir/port")"
        go
        same "$network $(field /answer)" "$network $([ "$network" = true ] && echo connected || echo PermissionError)"
        stop TERM
    done
}

@test "another task with other labels gets a server that knows nothing" {
    server modern
    script <<< '{"one":[{"calls":[{"name":"far.count","arguments":"{}"}]},{"echo":true}],
        "two":[{"calls":[{"name":"far.count","arguments":"{}"}]},{"calls":[{"name":"far.count","arguments":"{}"}]},{"echo":true}]}'
    start
    eventually is_up
    submit one '"label":{"confidentiality":"secret"}'
    await
    first=$(field /answer)
    submit one
    await
    [ "$(field /answer)" != "$first" ]
}

@test "kill -9 in the middle of a call with effects: a person is asked" {
    server modern
    calls far.hang
    start
    eventually is_up
    submit go
    eventually grep -q 'call hang' "$ledger"
    stop KILL
    start
    await
    same "$(field /waiting_for/kind)" unverified
    same "$(grep -c 'call hang' "$ledger")" 1
}

@test "in a real box: none is left when coraxd is killed" {
    box_path=$build/corax-box
    "$box_path" run -- /bin/true 2> "$dir/why" || skip "$(cat "$dir/why")"
    ledger=/dev/null
    server modern "\"files\": [\"$BATS_TEST_DIRNAME/foreign-server.py\"]"
    start
    eventually is_up
    box=$(field /mcp_servers/0/pid)
    inner=$(pgrep -P "$box")
    stop KILL
    gone() { ! kill -0 "$box" 2> "$dir/kill" && ! kill -0 "$inner" 2> "$dir/kill"; }
    eventually gone
}

@test "a name, a transport and members that make no sense are refused" {
    for bad in '"Far": {"command": ["x"]}' '"corax": {"command": ["x"]}' '"far": {}' '"far": {"command": ["x"], "url": "https://x"}' \
        '"far": {"command": []}' '"far": {"url": "ftp://x"}' '"far": {"command": ["x"], "headers": {}}' '"far": {"command": ["x"], "more": 1}' \
        '"far": {"command": ["x"], "effects": {"a": ["fly"]}}' '"far": {"url": "http://x", "headers": {"A": "b\nc"}}'; do
        extra="\"mcp_servers\": {$bad}"
        config
        run "$build/coraxd" -n -c "$dir/corax.conf"
        [ "$status" -ne 0 ]
        has "$output" mcp_servers
    done
}
