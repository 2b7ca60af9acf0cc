#!/usr/bin/env bats
# SIGHUP: what a running daemon takes over, what it does not, and what becomes of tasks that wait.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

replies='{"write":[{"calls":[{"name":"append","arguments":"{\"text\":\"one\"}"}]},{"echo":true}],
          "slow":[{"sleep_ms":600000}],"go":[{"text":"well"}],
          "hang":[{"calls":[{"name":"hang","arguments":"{\"text\":\"\"}"}]}]}'

reload() { # WORD: until the log has one more line with it
    local before
    before=$(grep -c "reload: .*$1" "$dir/log" || true)
    kill -HUP "$pid"
    eventually logged "$1" "$before"
}

logged() {
    [ "$(grep -c "reload: .*$1" "$dir/log" || true)" -gt "$2" ]
}

@test "a policy that asks otherwise: the question is asked anew, the old approval is void" {
    script <<< "$replies"
    start
    submit write
    waiting
    old=$hash
    reload "the policy is" # the same policy: the question stays
    api GET "/v1/tasks/$id"
    same "$(field /state) $(field /waiting_for/request_hash)" "waiting $old"
    sed -i 's/somebody should look/look twice/' "$dir/policy.json"
    reload "the policy is"
    eventually asked_twice
    waiting
    [ "$hash" != "$old" ]
    same "$(field /waiting_for/why)" "look twice"
    api POST "/v1/tasks/$id/input" "{\"approve\":\"$old\"}"
    same "$code $(field /error/code)" "409 wrong_request_hash"
    api POST "/v1/tasks/$id/input" "{\"approve\":\"$hash\"}"
    await
    same "$(field /answer) $(cat "$ledger")" "one one"
    same "$(kinds)" "task_submitted model_replied policy_decided approval_asked policy_decided approval_asked approval_given tool_intent tool_result model_replied task_finished "
    api GET "/v1/tasks/$id/replay"
    same "$(field /same)" true
}

asked_twice() {
    [[ $(kinds) == *approval_asked*approval_asked* ]]
}

@test "a policy that denies or allows: what waited is not asked any more" {
    script <<< "$replies"
    start
    submit write
    waiting
    sed -i 's/"ask": "ledger.append"/"deny": "ledger.append"/' "$dir/policy.json"
    reload "the policy is"
    await
    same "$(field /outcome)" answered
    has "$(field /answer)" "denied by policy (test/append)"
    same "$(cat "$ledger")" ""
    sed -i '/"deny": "ledger.append"/d' "$dir/policy.json"
    reload "the policy is"
    submit write
    await
    same "$(field /answer) $(cat "$ledger")" "one one"
}

@test "an approval does not outlive the policy that asked for it" {
    extra='"max_running": 1'
    script <<< "$replies"
    start
    submit write
    waiting
    first=$id
    submit slow
    slow=$id
    eventually one_runs
    api POST "/v1/tasks/$first/input" "{\"approve\":\"$hash\"}" # it queues behind the slow one
    same "$code" 200
    sed -i 's/"ask": "ledger.append"/"deny": "ledger.append"/' "$dir/policy.json"
    reload "the policy is"
    api POST "/v1/tasks/$slow/cancel"
    id=$first
    await
    has "$(field /answer)" "denied by policy (test/append)"
    same "$(cat "$ledger")" ""
}

@test "limits, instructions and agents are taken over, and what cannot be is named" {
    extra='"max_running": 1'
    script <<< "$replies"
    start
    submit hang
    submit go
    api GET "/v1/tasks/$id"
    same "$(field /state)" queued
    mkdir "$dir/agents"
    echo '{"agent":1,"budget":{"steps":3}}' > "$dir/agents/short.json"
    extra='"max_running": 2, "max_queued": 9, "max_scheduled": 7, "system": "Be brief.", "agents": "'$dir'/agents", "budget": { "steps": 5 }, "admin_group": "nobody"'
    config
    reload "what has changed of admin_group holds after a restart"
    await # there is a second slot now
    same "$(field /answer)" well
    api GET /healthz
    same "$(field /tasks/max_running) $(field /tasks/max_queued) $(field /tasks/max_scheduled)" "2 9 7"
    submit go '"agent":"short"'
    await
    api GET "/v1/tasks/$id/trace"
    same "$(field /events/0/system) $(field /events/0/budget/steps)" "Be brief. 3"
    submit go
    await
    api GET "/v1/tasks/$id/trace"
    same "$(field /events/0/budget/steps)" 5
}

@test "a bad file changes nothing" {
    script <<< "$replies"
    start
    api GET /healthz
    before=$(field /policy/hash)
    echo '{ "policy": 1, "rules": 5 }' > "$dir/policy.json"
    reload "policy.json.*all stays as it was"
    echo '{ "max_runing": 5 }' > "$dir/corax.conf"
    reload "max_runing.*all stays as it was"
    rm "$dir/corax.conf"
    reload "corax.conf.*all stays as it was"
    api GET /healthz
    same "$(field /policy/hash)" "$before"
    submit go
    await
    same "$(field /answer)" well
}
