#!/usr/bin/env bats
# A task whose transcript nears the model's window goes on with a summary of its older steps, which the model writes; where it writes none, with a
# list of the calls.  The trace has everything; recovery and replay come to the same.  Without it the task ends for want of room, as with a step that
# alone is too large.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

script() { # as in daemon.bash, with what is asked in $dir/asked, and a model that counts tokens
    { printf '{"record":"%s","count_tokens":%d,' "$dir/asked" "${bytes:-4}"; cat; printf '}'; } > "$dir/script.json"
}

echoes() { # WORD N: a reply that has a text of N letters echoed
    printf '{"calls":[{"name":"echo","arguments":"{\\"text\\":\\"%s %s\\"}"}]}' "$1" "$(printf 'x%.0s' $(seq "$2"))"
}

work='"go":['"$(echoes one 500)"','"$(echoes two 500)"','"$(echoes three 500)"',{"text":"never"}]'

@test "the older steps give way to a summary" {
    script <<< "$work"',"go|1":[{"text":"One and two were echoed."}],"go|summary":[{"text":"no"},{"text":"done"}]'
    start
    submit go
    await
    same "$(field /answer)" "done"
    same "$(events compacted from summary why)" "1 One and two were echoed. near"
    to=$(events compacted to)
    n=$(asks)
    # the summary was asked for behind the steps, without calls
    same "$(asked $((n - 1)) /tool_choice)" none
    same "$(asked $((n - 1)) "/messages/$to/role")" user
    has "$(asked $((n - 1)) "/messages/$to/parts/0/text")" "Sum up the steps above"
    has "$(asked 1 /tools)" '"echo"'
    same "$(asked $((n - 1)) /tools)" "$(asked 1 /tools)"
    # then it stands behind the task, and before the newest step
    same "$(asked "$n" /messages/0/parts/0/text)" go
    same "$(asked "$n" /messages/0/parts/1/text)" "
Summary of the steps so far, which are left out here to save room:
One and two were echoed."
    same "$(asked "$n" /messages/1/role) $(asked "$n" /messages/2/role)" "assistant tool"
    [ -z "$(asked "$n" "/messages/$((to + 1))" || true)" ]
    # all is in the trace
    has "$(kinds)" "tool_result compacted model_replied task_finished"
    api GET "/v1/tasks/$id/trace"
    has "$body" '{\"text\":\"one xxx'
    api GET "/v1/tasks/$id/replay"
    same "$(field /same)" true
    run "$build/corax" --socket "$sock" trace "$id"
    has "$output" "One and two were echoed."
}

give_up='{"calls":[{"name":"give_up","arguments":"{\"reason\":\"no\"}"}]}'

@test "a search goes on with a summary, and goes back behind it; after kill -9 as well" {
    script <<< '"go":['"$(echoes one 500),$(echoes two 500),$(echoes three 500)"'],"go|summary":[{"text":"no"},'"$give_up"'],
        "go|1":[{"turns":[{"text":"One and two were echoed."},'"$give_up,$(echoes four 50)"']},{"do":"hang","once":"'"$dir/hung"'","text":"done"}]'
    start
    submit go '"planner":"dfsdt"'
    eventually has_asked 8
    sleep 0.3 # until what came before is stored
    stop KILL
    start
    await
    same "$(field /answer) $(asks)" "done 9"
    same "$(events compacted from to summary)" "1 5 One and two were echoed."
    same "$(events went_back depth | tr '\n' ' ')" "2 1 "
    # from the step that was left, behind the summary, to a place before it: there the model reads what it read there
    same "$(asked 6 /messages/0/parts/1/text)" "
Summary of the steps so far, which are left out here to save room:
One and two were echoed."
    has "$(asked 6 /messages/1/parts/0/text)" "From here these led nowhere:
- echo {\"text\":\"three"
    second=$(asked 2 /messages)
    begins "$(asked 7 /messages)" "${second%]}"
    has "$(asked 7 /messages/3/parts/0/text)" "From here these led nowhere:
- echo {\"text\":\"two"
    same "$(asked 9 /messages)" "$(asked 8 /messages)"
    api GET "/v1/tasks/$id/replay"
    same "$(field /same)" true
}

@test "where the model writes no summary its calls are listed" {
    script <<< "$work"',"go|1":[{"do":"error"}],"go|summary":[{"text":"no"},{"text":"done"}]'
    start
    submit go
    await
    same "$(field /answer)" "done"
    same "$(events compacted summary message)" "null the script wants it so"
    has "$(asked "$(asks)" /messages/0/parts/1/text)" 'echo was called with {"text":"one xxx'
    has "$(asked "$(asks)" /messages/0/parts/1/text)" 'echo gave: one xxx'
    api GET "/v1/tasks/$id/replay"
    same "$(field /same)" true
}

@test "an ask that does not fit is made with a summary" {
    bytes=2 # which is more than is guessed at
    script <<< '"go":['"$(echoes one 300)"','"$(echoes two 560)"',{"text":"never"}],"go|1":[{"text":"One was echoed."}],"go|summary":[{"text":"no"},{"text":"done"}]'
    extra='"compact_percent": 95,'
    start
    submit go
    await
    same "$(field /answer)" "done"
    same "$(events compacted summary why)" "One was echoed. refused"
    api GET "/v1/tasks/$id/replay"
    same "$(field /same)" true
}

@test "what cannot be summed up ends the task, with the numbers" {
    script <<< '"go":['"$(echoes one 3000)"',{"text":"never"}]'
    start
    submit go
    await
    same "$(field /outcome) $(field /error/code)" "failed model"
    has "$(field /error/message)" "the context holds 1024"
    extra='"compact_percent": 0,'
    stop TERM
    script <<< "${work//xxxxx/xxxxxxxxxx}"
    start
    submit go
    await
    same "$(field /outcome) $(field /error/code)" "failed model"
    case "$(kinds)" in *compacted*) return 1 ;; esac
}

@test "kill -9 before, while and after it is written" {
    # so large that it does not fit, for a model that is being loaded has not said how large its window is
    script <<< "${work//xxxxx/xxxxxxxxxx}"',"go|1":[{"sleep_ms":150,"text":"One and two were echoed."}],"go|summary":[{"text":"no"},{"sleep_ms":150,"text":"done"}]'
    start
    for wait in 0.02 0.1 0.15 0.2 0.25 0.3; do
        submit go
        sleep "$wait"
        stop KILL
        start
        await
        same "$(field /answer)" "done"
        same "$(events compacted why | wc -l)" 1
        api GET "/v1/tasks/$id/replay"
        same "$(field /same)" true
    done
}

@test "a task may be summed up again and again" {
    script <<< "$work"',"go|1":[{"text":"The summary."}],"go|summary":[{"text":"no"},'"$(echoes four 600)"','"$(echoes five 600)"','"$(echoes six 600)"']'
    start
    submit go '"budget":{"steps":9,"identical":99}'
    await
    same "$(field /error/code)" budget_steps
    [ "$(events compacted why | wc -l)" -ge 2 ]
    same "$(asked "$(asks)" /messages/0/parts/1/text | grep -c Summary)" 1
    [ -z "$(asked "$(asks)" /messages/0/parts/2/text || true)" ]
    api GET "/v1/tasks/$id/replay"
    same "$(field /same)" true
}

@test "where little would be gained it is left as it is" {
    long=$(printf 'y%.0s' $(seq 3300))
    script <<< '"'"$long"'":['"$(echoes one 20)"','"$(echoes two 20)"','"$(echoes three 20)"',{"text":"done"}]'
    start
    submit "$long"
    await
    same "$(field /answer)" "done"
    case "$(kinds)" in *compacted*) return 1 ;; esac
}
