#!/usr/bin/env bats
# Several models: which one a task asks, which are loaded, and what happens when one is gone.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

setup_models() { # each answers with its name
    local name
    for name in a b c; do
        printf '{"*":[{"text":"%s"}],"slow":[{"text":"%s","sleep_ms":1500}]}' "$name" "$name" > "$dir/$name.json"
    done
    script <<< '{"*":[{"text":"default"}]}'
    mkdir -p "$dir/agents"
    printf '{"agent":1,"model":"b"}' > "$dir/agents/bee.json"
    extra='"models":{"a":"'$dir'/a.json","b":{"path":"'$dir'/b.json"},"c":"'$dir'/c.json"},"max_models":1,"agents":"'$dir'/agents"'
}

loaded() { # names of those that are
    api GET /healthz
    printf %s "$body" | python3 -c '
import json, sys
print(*[m["model"] for m in json.load(sys.stdin)["models"] if m["state"] != "unloaded"])'
}

@test "a task's model, an agent's, and the default" {
    setup_models
    start
    same "$(loaded)" ""
    submit x
    await
    same "$(field /answer)" default
    submit x '"model":"a"'
    await
    same "$(field /answer)" a
    same "$(loaded)" a
    submit x '"agent":"bee"'
    await
    same "$(field /answer)" b
    same "$(loaded)" b # one at a time
    submit x '"agent":"bee","model":"c"'
    await
    same "$(field /answer)" c
    api POST /v1/tasks '{"input":"x","model":"d"}'
    same "$code $(field /error/param)" "400 model"
    run "$build/corax" -s "$sock" run -q --model a x
    same "$output" a
}

@test "one that works is not unloaded; others wait for room" {
    setup_models
    start
    submit slow '"model":"a"'
    first=$id
    eventually one_runs
    submit x '"model":"b"'
    second=$id
    submit x
    await
    same "$(field /answer)" default
    same "$(loaded)" a
    await "$second"
    same "$(field /answer)" b
    await "$first"
    same "$(field /answer)" a
}

@test "a task whose model corax.conf does not name any more fails, and says so" {
    setup_models
    start
    submit slow '"model":"a"'
    eventually one_runs
    stop KILL
    extra=
    start
    await
    same "$(field /error/code)" model
    has "$(field /error/message)" 'names no model "a" any more'
}

@test "what is wrong with models is said at the start" {
    setup_models
    extra='"models":{"A":"/x"}'
    config
    run "$build/coraxd" -n -c "$dir/corax.conf"
    has "$output" 'models: "A" needs another name'
    extra='"models":{"a":{"path":"/none"}}'
    config
    run "$build/coraxd" -n -c "$dir/corax.conf"
    has "$output" "models.a: /none"
    extra='"models":{"a":{"dialect":"react"}}'
    config
    run "$build/coraxd" -n -c "$dir/corax.conf"
    has "$output" "models.a.path is missing"
}
