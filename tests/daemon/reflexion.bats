#!/usr/bin/env bats
# Tasks that are begun anew with what was learned: what is asked and in which order, what the trace and the memory have of it, kill -9 in between, replay;
# and tasks that go in circles.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

script() { # as in daemon.bash, with what is asked in $dir/asked
    { printf '{"record":"%s",' "$dir/asked"; cat; printf '}'; } > "$dir/script.json"
}

echoes() { # TEXT [SLEEP_MS]: a reply that has it echoed
    printf '{"sleep_ms":%d,"calls":[{"name":"echo","arguments":"{\\"text\\":\\"%s\\"}"}]}' "${2:-0}" "$1"
}

attempts='"where":['"$(echoes attic)"',{"text":"In the attic."}],"where|check":[{"text":"No, that is one of two."},{"text":"Yes."}],
    "where|lesson":[{"text":"There are two: look in the cellar, too."}],
    "where|again1":['"$(echoes cellar)"',{"text":"In the attic and the cellar."}]'

same_again() {
    api GET "/v1/tasks/$id/replay"
    same "$code $(field /same) $(field /first)" "200 true null"
}

@test "a wrong answer is followed by a lesson and another attempt" {
    script <<< "$attempts"
    start
    submit where '"planner":"reflexion","budget":{"steps":12}'
    await
    same "$(field /answer) $(field /planner) $(field /usage/steps)" "In the attic and the cellar. reflexion 7"
    has "$(kinds)" "tool_result model_replied model_replied model_replied lesson_written went_back model_replied"
    api GET "/v1/tasks/$id/trace"
    has "$body" '"kind":"lesson_written","attempt":1,"why":"answer wrong","text":"There are two: look in the cellar, too."'
    has "$body" '"kind":"went_back","depth":0,"why":"answer wrong"'
    # nothing may be called while it checks and learns
    same "$(asked 3 /tool_choice) $(asked 4 /tool_choice)" "none none"
    has "$(asked 3 /messages/4/parts/0/text)" "Is this answer right"
    # the next attempt begins behind the task as it was sent, with the same tools
    same "$(asked 5 /messages/0)" "$(asked 1 /messages/0)"
    same "$(asked 5 /tools)" "$(asked 1 /tools)"
    same "$(asked 5 /messages/1/parts/0/text)" "Earlier attempts at this failed. What you wrote down of them:
1. There are two: look in the cellar, too.
Begin anew, and do it otherwise."
    [ -z "$(asked 5 /messages/2 || true)" ]
    same_again
    run "$build/corax" --socket "$sock" trace "$id"
    has "$output" "lesson"
    has "$output" "There are two: look in the cellar, too."
}

@test "a lesson is remembered, once, and told to later tasks" {
    script <<< "$attempts"
    start
    submit where '"planner":"reflexion","memory":"work"'
    await
    api GET "/v1/memory?kind=fact&tag=lesson"
    same "$(printf '%s' "$body" | "$helpers/json-get" --count /memories) $(field /memories/0/space) $(field /memories/0/task)" "1 work $id"
    has "$(field /memories/0/text)" "Lesson: There are two: look in the cellar, too."
    submit "what is in the cellar" '"memory":"work"'
    await
    api GET "/v1/tasks/$id/trace"
    has "$body" '"about":"memory"'
    has "$body" "Lesson: There are two"
}

@test "kill -9 between attempts" {
    script <<< "${attempts//\{\"text\"/\{\"sleep_ms\":120,\"text\"}"
    start
    for wait in 0.05 0.15 0.25 0.35 0.45; do
        submit where '"planner":"reflexion","memory":"work"'
        sleep "$wait"
        stop KILL
        start
        await
        same "$(field /answer)" "In the attic and the cellar."
        api GET "/v1/tasks/$id/trace"
        same "$(printf '%s' "$body" | grep -o '"kind":"lesson_written"' | wc -l)" 1
        same "$(printf '%s' "$body" | grep -o '"kind":"went_back"' | wc -l)" 1
        same_again
        api GET "/v1/memory?kind=fact&tag=lesson"
        same "$(printf '%s' "$body" | grep -o "\"task\":\"$id\"" | wc -l)" 1
    done
}

@test "nothing is begun anew behind an effect" {
    script <<< '"write":[{"calls":[{"name":"append_slow","arguments":"{\"text\":\"once\"}"}]},{"calls":[{"name":"give_up","arguments":"{\"reason\":\"no\"}"}]}],
        "write|1":[{"text":"written"}]'
    start
    submit write '"planner":"reflexion"'
    await
    same "$(field /answer)" written
    same "$(cat "$ledger")" once
    case "$(kinds)" in *lesson_written*) return 1 ;; esac
    same_again
}

@test "attempts are a budget of a number" {
    script <<< "$attempts"
    start
    submit where '"planner":"reflexion","budget":{"attempts":1}'
    await
    same "$(field /answer)" "In the attic." # neither checked nor begun anew
    api POST /v1/tasks '{"input":"where","budget":{"attempts":0}}'
    same "$code" 400
    has "$body" "budget.attempts"
}

@test "a task in circles is told so, and ends with what was repeated" {
    script <<< '"go":['"$(printf '%s,' "$(echoes a)" "$(echoes b)" "$(echoes a)" "$(echoes b)" "$(echoes a)" "$(echoes b)" "$(echoes a)" "$(echoes b)")"'{"text":"never"}]'
    start
    submit go '"budget":{"identical":9}'
    await
    same "$(field /outcome) $(field /error/code)" "failed loop"
    has "$(field /error/message)" 'the last one echo: {"text":"b"}'
    has "$(asked 6 /messages/10/parts/1/text)" "The last 3 replies only repeated calls"
    same_again
}
