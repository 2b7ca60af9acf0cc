#!/usr/bin/env bats
# What people decide: approvals bound to their request, denials, questions, and policy.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

replies='{"write":[{"calls":[{"name":"append","arguments":"{\"text\":\"one\"}"}]},{"echo":true}],
          "twice":[{"calls":[{"name":"append","arguments":"{\"text\":\"one\"}"}]},
                   {"calls":[{"name":"append","arguments":"{\"text\":\"two\"}"}]},{"text":"done"}],
          "wipe":[{"calls":[{"name":"wipe","arguments":"{\"text\":\"all\"}"}]},{"echo":true}],
          "bad":[{"calls":[{"name":"append","arguments":"{\"txet\":1}"}]},{"echo":true}],
          "ask":[{"calls":[{"name":"ask_user","arguments":"{\"question\":\"which one?\"}"}]},{"echo":true}]}'

@test "approve: the call is made, once" {
    script <<< "$replies"
    start
    submit write
    waiting
    same "$(field /waiting_for/kind) $(field /waiting_for/tool) $(field /waiting_for/rule)" "approval append test/append"
    same "$(field /waiting_for/arguments)" '{"text":"one"}'
    same "$(cat "$ledger")" ""
    api POST "/v1/tasks/$id/input" '{"approve":"0000000000000000000000000000000000000000000000000000000000000000"}'
    same "$code $(field /error/code)" "409 wrong_request_hash"
    api POST "/v1/tasks/$id/input" "{\"approve\":\"$hash\",\"deny\":\"$hash\"}"
    same "$code" 400
    api POST "/v1/tasks/$id/input" '{"answer":"yes"}'
    same "$code $(field /error/code)" "409 not_waiting"
    api POST "/v1/tasks/$id/input" "{\"approve\":\"$hash\"}"
    same "$code" 200
    await
    same "$(field /answer)" one
    same "$(cat "$ledger")" one
    api POST "/v1/tasks/$id/input" "{\"approve\":\"$hash\"}"
    same "$code $(field /error/code)" "409 not_waiting"
    same "$(kinds)" "task_submitted model_replied policy_decided approval_asked approval_given tool_intent tool_result model_replied task_finished "
}

@test "an approval is good for its own request only" {
    script <<< "$replies"
    start
    submit twice
    waiting
    first=$hash
    api POST "/v1/tasks/$id/input" "{\"approve\":\"$first\"}"
    eventually second_call
    api POST "/v1/tasks/$id/input" "{\"approve\":\"$first\"}"
    same "$code $(field /error/code)" "409 wrong_request_hash"
    same "$(cat "$ledger")" one
}

second_call() {
    api GET "/v1/tasks/$id?wait=5"
    [ "$(field /waiting_for/call_id)" = c2 ]
}

@test "deny: the model reads why" {
    script <<< "$replies"
    start
    submit write
    waiting
    api POST "/v1/tasks/$id/input" "{\"deny\":\"$hash\",\"reason\":\"not today\"}"
    same "$code" 200
    await
    has "$(field /answer)" "the person did not allow this call: not today"
    same "$(cat "$ledger")" ""
}

@test "unattended: what would be asked is denied" {
    script <<< "$replies"
    start
    submit write '"attended":false'
    await
    has "$(field /answer)" "nobody is there to approve it"
    same "$(cat "$ledger")" ""
    submit ask '"attended":false'
    await
    has "$(field /answer)" "nobody is there to answer"
}

@test "denied by policy" {
    script <<< "$replies"
    start
    submit wipe
    await
    same "$(field /answer)" "denied by policy (test/wipe): nobody wipes"
}

@test "arguments that do not match the schema never reach policy or plugin" {
    script <<< "$replies"
    start
    submit bad
    await
    has "$(field /answer)" text
    same "$(kinds)" "task_submitted model_replied tool_result model_replied task_finished "
    api GET "/v1/tasks/$id/trace"
    same "$(field /events/2/status)" args
}

@test "a question to the person" {
    script <<< "$replies"
    start
    submit ask
    waiting
    same "$(field /waiting_for/kind) $(field /waiting_for/question)" "question which one?"
    api POST "/v1/tasks/$id/input" '{"answer":"the blue one"}'
    same "$code" 200
    await
    same "$(field /answer)" "the blue one"
    same "$(kinds)" "task_submitted model_replied question_asked human_said model_replied task_finished "
}

@test "another uid may not approve" {
    [ "$(id -u)" = 0 ] || skip "needs root"
    script <<< "$replies"
    start
    submit write
    waiting
    code=$(setpriv --reuid 65534 --regid 0 --clear-groups -- curl -sS -o /dev/null -w '%{http_code}' \
        -d "{\"approve\":\"$hash\"}" --unix-socket "$sock" "http://x/v1/tasks/$id/input")
    same "$code" 404
    await
    same "$(field /state)" waiting
}

@test "cancel while it waits" {
    script <<< "$replies"
    start
    submit write
    waiting
    api DELETE "/v1/tasks/$id"
    same "$code $(field /outcome)" "202 cancelled"
    same "$(cat "$ledger")" ""
}
