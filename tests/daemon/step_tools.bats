#!/usr/bin/env bats
# Tools that are told of before an ask because the newest text is about them: where that stands, that the beginning of what the model is sent stays the
# same bytes, that they can be called at once, with each planner; what becomes of them where a planner goes back; bounds; kill -9; replay;
# pinned tools; and that corax-infer reads nothing anew.  How well they fit is measured by tests/tools/retrieval_eval-t.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

script() { # with what is asked in $dir/asked
    { printf '{"record":"%s",' "$dir/asked"; cat; printf '}'; } > "$dir/script.json"
}

described() { # NAME DESCRIPTION
    printf ',{"name":"%s","description":"%s",%s,"_meta":{"corax/effects":[],"corax/traits":["idempotent"]}}' "$1" "$2" "$schema"
}

plugin() { # MORE TOOLS
    {
        printf '{"name":"ledger","ledger":"%s","tools":[%s' "$ledger" "$(tool echo '' '"idempotent"')"
        for i in $(seq 30); do described "filler_$i" "Rotates the picture number $i"; done
        described get_weather "Tells the weather of a city: rain, wind, temperature"
        described get_forecast "Weather of the coming days"
        described send_mail "Sends an e-mail to somebody"
        described list_mails "Lists the newest e-mails"
        described book_flight "Books a seat on a flight"
        printf '%s]}\n' "${1-}"
    } > "$dir/ledger.so"
}

retrieval() { # MORE KEYS
    extra="\"tool_retrieval\": { \"max_tools\": 10, \"top_k\": 2${1:+, $1} }"
}

names() { # N: of the tools of the Nth ask, in one line
    local i
    for i in $(seq 0 $(($(grep '"method":"chat"' "$dir/asked" | sed -n "$1p" | "$helpers/json-get" --count /params/tools) - 1))); do
        asked "$1" "/tools/$i/name"
    done | tr '\n' ' '
}

calls() { # TOOL TEXT THOUGHT
    printf '{"reasoning":"%s","calls":[{"name":"%s","arguments":"{\\"text\\":\\"%s\\"}"}]}' "$3" "$1" "$2"
}

grows() { # N: what the Nth ask sends begins with what the one before did, but for the end of its last message
    local earlier tools
    earlier=$(asked $(($1 - 1)) /messages)
    begins "$(asked "$1" /messages)" "${earlier%]}"
    tools=$(asked $(($1 - 1)) /tools)
    begins "$(asked "$1" /tools)" "${tools%]}"
}

same_again() {
    api GET "/v1/tasks/$id/replay"
    same "$code $(field /same) $(field /first)" "200 true null"
}

told='These tools may fit, too. You can call them from now on:'
mail='{"name":"send_mail","description":"Sends an e-mail to somebody","parameters":'

@test "what the last thought is about is told of behind its result, and can be called at once" {
    plugin
    retrieval '"step_k": 1'
    script <<< '"How is the weather?":['"$(calls get_weather Rome 'First the weather of Rome. Then somebody gets an e-mail with it.')"','"$(calls send_mail hello 'Now I send it.')"',{"text":"done"}]'
    start
    submit "How is the weather?"
    await
    same "$(field /answer) $(asks)" "done 3"
    same "$(names 1)" "ask_user find_tools get_forecast get_weather "
    same "$(names 2)" "ask_user find_tools get_forecast get_weather send_mail "
    same "$(asked 2 /tools/4/later)" true
    same "$(asked 2 /messages/2/role)" tool
    begins "$(asked 2 /messages/2/parts/1/text)" "
$told
$mail"
    grows 2
    grows 3
    # the model has it, so the text about it brings nothing more
    same "$(names 3)" "$(names 2)"
    has "$(kinds)" "tool_intent tool_result note_added tools_offered model_replied policy_decided tool_intent tool_result model_replied task_finished"
    same "$(events tools_offered how names)" 'task ["get_weather","get_forecast"]
step ["send_mail"]'
    same "$(events note_added about)" tools
    has "$("$build/corax" --socket "$sock" trace "$id")" "step: send_mail"
    same_again
}

@test "an error, and what a tool gave, are looked at as well" {
    plugin
    retrieval '"step_k": 1'
    script <<< '"How is the weather?":['"$(calls get_weather 'There is no seat on the flight left' 'Rome.')"','"$(calls write_mail x 'Rome.')"',{"text":"done"}]'
    start
    submit "How is the weather?"
    await
    same "$(names 2)" "ask_user find_tools get_forecast get_weather book_flight "
    # there is no tool "write_mail": use one of ...
    has "$(asked 3 /messages/4/parts/0/text)" 'no tool "write_mail"'
    same "$(names 3)" "ask_user find_tools get_forecast get_weather book_flight list_mails "
}

@test "nothing is told where the text is about what the task has, or about nothing" {
    plugin
    retrieval
    script <<< '"How is the weather?":['"$(calls get_weather 'rain and wind' 'I look at the weather of the city.')"','"$(calls get_weather 7 'Zygote.')"',{"text":"done"}]'
    start
    submit "How is the weather?"
    await
    same "$(asks) $(names 3)" "3 $(names 1)"
    if [[ $(kinds) = *note_added* ]]; then false; fi
}

@test "step_k 0, few tools, and the last ask: nothing is told" {
    plugin
    reply=$(calls get_weather Rome 'Somebody gets an e-mail.')
    script <<< '"How is the weather?":['"$reply"',{"text":"done"}]'
    retrieval '"step_k": 0'
    start
    submit "How is the weather?"
    await
    same "$(names 2)" "$(names 1)"
    submit "How is the weather?" '"tools":["get_weather","send_mail"]'
    await
    same "$(names 4)" "get_weather send_mail "
    if [[ $(kinds) = *tools_offered* ]]; then false; fi
    stop TERM
    retrieval
    start
    submit "How is the weather?" '"budget":{"steps":2}'
    await
    same "$(asked 6 /tool_choice)" none
    same "$(names 6)" "$(names 5)"
}

@test "only what a task may call, and only so many in a step and in all" {
    plugin "$(described send_mail_b "Sends an e-mail to somebody")$(described send_mail_c "Sends an e-mail to somebody")$(described send_mail_d "Sends an e-mail to somebody")"
    retrieval '"step_k": 2, "step_max": 3'
    reply=$(calls get_weather Rome 'Somebody gets an e-mail.')
    script <<< '"How is the weather?":['"$reply,$reply,$(calls get_weather Paris 'Somebody gets an e-mail.')"',{"text":"done"}]'
    start
    submit "How is the weather?"
    await
    same "$(asks)" 4
    same "$(events tools_offered how names)" 'task ["get_weather","get_forecast"]
step ["send_mail","send_mail_b"]
step ["send_mail_c"]'
    same_again
    submit "How is the weather?" '"tools":["get_weather","get_forecast","list_mails","filler_1","filler_2","filler_3","filler_4","filler_5","filler_6","filler_7","filler_8"]'
    await
    same "$(names 6)" "find_tools get_forecast get_weather list_mails "
}

@test "a definition that takes too much room is left out" {
    long=$(printf 'x%.0s' $(seq 2100))
    plugin "$(described mail_long "E-mail e-mail e-mail $long")"
    retrieval '"step_k": 1'
    script <<< '"How is the weather?":['"$(calls get_weather Rome 'Somebody gets an e-mail, an e-mail.')"',{"text":"done"}]'
    start
    submit "How is the weather?" '"budget":{"observation_bytes":1000}'
    await
    if [[ $(names 2) = *mail_long* ]]; then false; fi
}

@test "plan: what the plan is about is told of behind it" {
    plugin
    retrieval '"step_k": 1'
    script <<< '"How is the weather?":[{"text":"Plan: 1. write somebody an e-mail"},'"$(calls send_mail hello 'Step 1.')"',{"text":"done"}]'
    start
    submit "How is the weather?" '"planner":"plan"'
    await
    same "$(field /answer) $(asks)" "done 3"
    same "$(asked 2 /messages/2/role)" user
    begins "$(asked 2 /messages/2/parts/1/text)" "
$told
$mail"
    grows 2
    grows 3
    same_again
}

# Two ways from the place behind the first call; the first brings e-mails and is given up.
ways='"How is the weather?":['"$(calls get_weather Rome 'Rome.')"','"$(calls get_weather Oslo 'Somebody gets an e-mail.')"',
        {"calls":[{"name":"give_up","arguments":"{\"reason\":\"no\"}"}]}],
    "How is the weather?|1":['"$(calls send_mail hello 'Try it.')"',{"text":"done"}]'

@test "dfsdt: what was told on a way that was given up is taken back, and may be told again" {
    plugin
    retrieval '"step_k": 1'
    script <<< "$ways"
    start
    submit "How is the weather?" '"planner":"dfsdt"'
    await
    same "$(field /answer) $(asks)" "done 5"
    has "$(names 3)" "send_mail"
    # back behind the first call, where it is told what was tried
    begins "$(asked 4 /messages)" "$(asked 2 /messages | sed 's/]$//')"
    has "$(asked 4 /messages/3/parts/0/text)" "This is not the first way"
    if [[ $(names 4) = *send_mail* ]]; then false; fi
    same "$(asked 4 /tools)" "$(asked 1 /tools)"
    # so it cannot be called; that it was tried for tells of it again
    has "$(asked 5 /messages/5/parts/0/text)" 'no tool "send_mail"'
    has "$(names 5)" "send_mail"
    has "$(asked 5 /messages/5/parts/1/text)" "$mail"
    same "$(events tools_offered how | tr '\n' ' ')" "task step step "
    same_again
}

@test "reflexion: another attempt begins with the tools of the first" {
    plugin
    retrieval '"step_k": 1'
    script <<< '"How is the weather?":['"$(calls get_weather Rome 'Somebody gets an e-mail.')"',{"text":"Rain."}],
        "How is the weather?|check":[{"text":"No."},{"text":"Yes."}],"How is the weather?|lesson":[{"text":"Look at the temperature."}],
        "How is the weather?|again1":[{"text":"Rain, 12 C."}]'
    start
    submit "How is the weather?" '"planner":"reflexion"'
    await
    same "$(field /answer)" "Rain, 12 C."
    has "$(names 2)" "send_mail"
    # the check and the lesson are asked behind all of that
    same "$(names 3)" "$(names 2)"
    same "$(asked 5 /tools)" "$(asked 1 /tools)"
    same "$(asked 5 /messages/0)" "$(asked 1 /messages/0)"
    same_again
}

@test "after kill -9 a task has the tools it was told of, at the same place, and is not told of more" {
    plugin
    retrieval '"step_k": 1'
    script <<< '"How is the weather?":['"$(calls get_weather Rome 'Somebody gets an e-mail.')"',
        {"do":"hang","once":"'"$dir/hung"'","calls":[{"name":"send_mail","arguments":"{\"text\":\"hello\"}"}]},{"text":"done"}]'
    start
    submit "How is the weather?"
    eventually has_asked 2
    sleep 0.3 # until what came before is stored
    stop KILL
    plugin "$(described mail_mail "E-mail, e-mail and e-mail for somebody")"
    start
    await
    same "$(field /answer) $(asks)" "done 4"
    same "$(asked 3 /tools)" "$(asked 2 /tools)"
    same "$(asked 3 /messages)" "$(asked 2 /messages)"
    same "$(events tools_offered how | tr '\n' ' ')" "task step "
    same_again
}

@test "dfsdt after kill -9: what was taken back stays so" {
    plugin
    retrieval '"step_k": 1'
    script <<< "${ways/\{\"reasoning\":\"Try it.\"/\{\"do\":\"hang\",\"once\":\"$dir/hung\",\"reasoning\":\"Try it.\"}"
    start
    submit "How is the weather?" '"planner":"dfsdt"'
    eventually has_asked 4
    sleep 0.3
    stop KILL
    start
    await
    same "$(field /answer) $(asks)" "done 6"
    same "$(asked 5 /tools)" "$(asked 4 /tools)"
    same "$(asked 5 /messages)" "$(asked 4 /messages)"
    same_again
}

@test "pinned tools are given to each task, as far as it may call them" {
    plugin
    mkdir "$dir/agents"
    printf '{ "agent": 1, "pinned": ["book_flight", "no_such_tool"] }' > "$dir/agents/traveller.json"
    retrieval '"pinned": ["list_mails"]'
    extra+=", \"agents\": \"$dir/agents\""
    script <<< '"How is the weather?":[{"text":"done"}]'
    start
    submit "How is the weather?"
    await
    same "$(names 1)" "ask_user delegate find_tools get_forecast get_weather list_mails "
    submit "How is the weather?" '"agent":"traveller"'
    await
    same "$(names 2)" "ask_user book_flight delegate find_tools get_forecast get_weather list_mails "
    same "$(events task_submitted pinned)" '["book_flight","no_such_tool"]'
    same_again
    submit "How is the weather?" '"agent":"traveller","tools":["get_weather","get_forecast","list_mails","filler_1","filler_2","filler_3","filler_4","filler_5","filler_6","filler_7","filler_8"]'
    await
    same "$(names 3)" "find_tools get_forecast get_weather list_mails "
    printf '{ "agent": 1, "pinned": "book_flight" }' > "$dir/agents/traveller.json"
    run "$build/coraxd" -n -c "$dir/corax.conf"
    has "$output" "pinned must be a list of names, at most 64"
}

@test "corax-infer: what was sent before a tool came to be known is not read again" {
    model=$CORAX_SRCDIR/models/corax-raven-1-q8_0.gguf
    define() { # NAME MORE
        printf '{"name":"%s","description":"Of a molecule.","parameters":{"type":"object","properties":{"smiles":{"type":"string","maxLength":20}},"required":["smiles"]}%s}' "$1" "$2"
    }
    part() { # TEXT
        printf '{"type":"text","text":"%s"}' "$1"
    }
    first='{"role":"user","parts":['$(part "What is the mass of CCO, and what the formula?")']}'
    call='{"role":"assistant","reasoning":"First the mass.","parts":[],"calls":[{"id":"c1","name":"mol_weight","arguments":"{\"smiles\":\"CCO\"}"}]}'
    result='{"role":"tool","call_id":"c1","name":"mol_weight","error":false,"parts":['$(part "46.069")
    note=$(part "\\n$told\\n{\\\"name\\\":\\\"formula\\\",\\\"description\\\":\\\"Of a molecule.\\\"}")
    chat() { # ID MESSAGES TOOLS CHOICE
        printf '{"jsonrpc":"2.0","id":%s,"method":"chat","params":{"messages":[%s],"tools":[%s],"max_tokens":200,"tool_choice":"%s"}}\n' "$@"
    }
    answer() { # ID POINTER
        grep "\"id\":$1,\"result\"" "$dir/answers" | "$helpers/json-get" "/result$2"
    }
    one=$(define mol_weight)
    { chat 1 "$first" "$one" auto; sleep 2
      chat 2 "$first,$call,$result,$note]}" "$one,$(define formula ',"later":true')" auto; sleep 2
      chat 3 "$first,$call,$result]}" "$one,$(define formula)" auto; } | "$build/corax-infer" serve "$model" > "$dir/answers" 2> "$dir/log"
    # all of the prompt before but its last token, of which the next follows
    [ "$(answer 2 /usage/cached_tokens)" -ge $(($(answer 1 /usage/prompt_tokens) - 1)) ]
    [ "$(answer 3 /usage/cached_tokens)" -lt "$(($(answer 1 /usage/prompt_tokens) / 2))" ]
}
