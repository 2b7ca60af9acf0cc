#!/usr/bin/env bats
# Agents: files that say how a task is worked on, what a task that names one may still say, and files that are none.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

agents() {
    mkdir "$dir/agents"
    cat > "$dir/agents/careful.json" <<'AGENT'
{
    "agent": 1, // comments are allowed
    "description": "plans, and only echoes",
    "planner": "plan",
    "tools": ["echo", "fail"],
    "system": "Be careful.",
    "budget": { "steps": 4, "tokens": 999999 },
    "sampling": { "seed": 7 },
}
AGENT
    echo '{"agent":1}' > "$dir/agents/plain.json"
    echo 'no agent' > "$dir/agents/README"
    echo 'no agent' > "$dir/agents/Upper.json"
    extra='"agents": "'$dir'/agents", "system": "Be yourself.", "budget": { "steps": 8, "tokens": 5000 },'
}

@test "agents are listed by name" {
    script <<< '{}'
    agents
    start
    api GET /v1/agents
    same "$code" 200
    same "$(printf '%s' "$body" | "$helpers/json-get" --count /agents)" 2
    same "$(field /agents/0/name) $(field /agents/0/planner) $(field /agents/0/budget/steps)" "careful plan 4"
    same "$(field /agents/0/budget/tokens)" 5000
    same "$(field /agents/1/name) $(field /agents/1/planner) $(field /agents/1/tools) $(field /agents/1/budget/steps)" "plain react null 8"
    run "$build/corax" --socket "$sock" agents
    [ "$status" -eq 0 ]
    has "$output" "careful               plan          2  plans, and only echoes"
    has "$output" "plain                 react       all"
}

@test "a task that names an agent is worked on as that says" {
    script <<< '{"go":[{"text":"Plan: echo"},{"calls":[{"name":"echo","arguments":"{\"text\":\"a\"}"}]},{"calls":[{"name":"append","arguments":"{\"text\":\"x\"}"}]},{"text":"end"}],
        "record":"'"$dir"'/record"}'
    agents
    start
    submit go '"agent":"careful"'
    await
    same "$(field /outcome) $(field /agent) $(field /planner)" "answered careful plan"
    has "$(cat "$dir/record")" "Be careful."
    api GET "/v1/tasks/$id/trace"
    same "$(field /events/0/agent) $(field /events/0/budget/steps) $(field /events/0/sampling/seed)" "careful 4 7"
    same "$(field /events/0/tools)" '["echo","fail"]'
    has "$body" 'there is no tool' # append is none of its own
    same "$(cat "$ledger")" ""
    stop KILL
    start
    api GET "/v1/tasks/$id/replay"
    same "$(field /same)" true
    submit go '"agent":"plain"'
    await
    has "$(tail -n 1 "$dir/record")" "Be yourself."
    run "$build/corax" --socket "$sock" run --agent careful go
    [ "$status" -eq 0 ]
    has "$output" end
}

@test "a task may narrow what its agent may" {
    script <<< '{"go":[{"text":"well"}]}'
    agents
    start
    submit go '"agent":"careful","planner":"react","tools":["echo"],"budget":{"steps":100,"tokens":10}'
    await
    same "$(field /planner) $(field /tools)" 'react ["echo"]'
    api GET "/v1/tasks/$id/trace"
    same "$(field /events/0/budget/steps) $(field /events/0/budget/tokens)" "4 10"
    api POST /v1/tasks '{"input":"go","agent":"careful","tools":["echo","append"]}'
    same "$code $(field /error/param)" "400 tools"
    has "$body" 'the agent careful has no tool \"append\"'
    api POST /v1/tasks '{"input":"go","agent":"nobody"}'
    same "$code $(field /error/param)" "400 agent"
    has "$body" 'there is no agent \"nobody\"'
    api POST /v1/tasks '{"input":"go","agent":1}'
    same "$code" 400
}

refuses() { # TEXT SENTENCE
    printf '%s' "$1" > "$dir/agents/bad.json"
    run "$build/coraxd" -n -c "$dir/corax.conf"
    [ "$status" -eq 1 ]
    has "$output" "agents/bad.json"
    has "$output" "$2"
}

@test "a file that is no agent is named, by coraxd -n too" {
    script <<< '{}'
    agents
    config
    run "$build/coraxd" -n -c "$dir/corax.conf"
    [ "$status" -eq 0 ]
    refuses '{' "line 1"
    refuses '{}' '"agent" must be 1'
    refuses '{"agent":2}' '"agent" must be 1'
    refuses '{"agent":1,"tool":[]}' 'unknown key "tool"'
    refuses '{"agent":1,"tools":"echo"}' "tools must be a list of names"
    refuses '{"agent":1,"planner":"chess"}' "planner must be"
    refuses '{"agent":1,"budget":{"steps":0}}' "budget.steps is 0"
    refuses '{"agent":1,"description":5}' "description must be a text"
    rm "$dir/agents/bad.json"
    rm -r "$dir/agents"
    run "$build/coraxd" -n -c "$dir/corax.conf"
    [ "$status" -eq 1 ]
    has "$output" "agents: $dir/agents: No such file"
}
