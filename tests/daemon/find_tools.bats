#!/usr/bin/env bats
# A task that could call many tools: which it is given, what find_tools finds and that it can be called then, that the beginning of what the
# model is sent stays as it is, also after kill -9 with other tools; replay; and corax-infer with a tool that is told of later.
# How good what is found is, is not seen here.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

script() { # with what is asked in $dir/asked
    { printf '{"record":"%s",' "$dir/asked"; cat; printf '}'; } > "$dir/script.json"
}

names() { # N: of the tools of the Nth ask, in one line
    local i
    for i in $(seq 0 $(($(grep '"method":"chat"' "$dir/asked" | sed -n "$1p" | "$helpers/json-get" --count /params/tools) - 1))); do
        asked "$1" "/tools/$i/name"
    done | tr '\n' ' '
}

described() { # NAME DESCRIPTION
    printf ',{"name":"%s","description":"%s",%s,"_meta":{"corax/effects":[],"corax/traits":["idempotent"]}}' "$1" "$2" "$schema"
}

plugin() { # MORE TOOLS: 30 that nothing here is about, the weather's and the mail's
    {
        printf '{"name":"ledger","ledger":"%s","tools":[%s' "$ledger" "$(tool echo '' '"idempotent"')"
        for i in $(seq 30); do described "filler_$i" "Rotates the picture number $i"; done
        described get_weather "Tells the weather of a city: rain, wind, temperature"
        described get_forecast "Weather of the coming days"
        described send_mail "Sends an e-mail to somebody"
        described list_mails "Lists the newest e-mails"
        printf '%s]}\n' "$1"
    } > "$dir/ledger.so"
}

allow_finding() {
    cat > "$dir/policy.json" <<'POLICY'
{ "policy": 1, "id": "test", "rules": [
  { "id": "free", "allow": "ledger.*", "why": "the ledger is there for it" },
  { "id": "find", "allow": "corax.find_tools", "why": "it only looks" } ] }
POLICY
}

few='"tool_retrieval": { "max_tools": 10, "top_k": 2, "step_k": 0 }' # for step_k see step_tools.bats
finds='"How is the weather?":[
    {"calls":[{"name":"find_tools","arguments":"{\"query\":\"write somebody an email\",\"limit\":1}"}]},
    {"calls":[{"name":"send_mail","arguments":"{\"text\":\"hello\"}"}]},{"text":"done"}]'

@test "of many tools a task is given those that fit, and find_tools" {
    plugin
    script <<< '"How is the weather?":[{"text":"done"}]'
    extra=$few
    start
    submit "How is the weather?"
    await
    same "$(names 1)" "ask_user find_tools get_forecast get_weather "
    has "$(kinds)" "task_submitted tools_offered model_replied"
    api GET "/v1/tasks/$id/trace"
    same "$(field /events/1/how) $(field /events/1/tools)" "task $(asked 1 /tools)"
    has "$("$build/corax" --socket "$sock" trace "$id")" "task: get_weather, get_forecast"
}

@test "who could call few tools is given all of them, without find_tools" {
    script <<< '"go":[{"text":"done"}]'
    start
    submit go
    await
    has "$(names 1)" "append append_again_slow append_slow ask_user crash echo"
    if [[ $(names 1) = *find_tools* ]]; then false; fi
    if [[ $(kinds) = *tools_offered* ]]; then false; fi
}

@test "a task's own list of tools is kept to" {
    plugin
    allow_finding
    script <<< '"How is the weather?":[{"calls":[{"name":"find_tools","arguments":"{\"query\":\"weather mails\",\"limit\":20}"}]},{"echo":true}]'
    extra='"tool_retrieval": { "max_tools": 1, "top_k": 1, "step_k": 0 }'
    start
    submit "How is the weather?" '"tools":["get_weather","list_mails","echo"]'
    await
    same "$(names 1)" "find_tools get_weather "
    same "$(names 2)" "find_tools get_weather list_mails "
}

@test "what is found can be called, and the beginning stays the same bytes" {
    plugin
    allow_finding
    script <<< "$finds"
    extra=$few
    start
    submit "How is the weather?"
    await
    same "$(field /answer) $(asks)" "done 3"
    whole=$(asked 1 /tools)
    begins "$(asked 2 /tools)" "${whole%]},"
    same "$(asked 2 /tools/4/name) $(asked 2 /tools/4/later)" "send_mail true"
    same "$(asked 3 /tools)" "$(asked 2 /tools)"
    for n in 2 3; do
        earlier=$(asked $((n - 1)) /messages)
        begins "$(asked $n /messages)" "${earlier%]}"
    done
    has "$(asked 2 /messages/2/parts/0/text)" '{"name":"send_mail","description":"Sends an e-mail to somebody","parameters":{'
    same "$(asked 3 /messages/4/parts/0/text)" hello
    has "$(kinds)" "policy_decided tool_intent tools_offered tool_result model_replied policy_decided tool_intent tool_result"
    api GET "/v1/tasks/$id/replay"
    same "$(field /same)" true
}

@test "what was not found cannot be called" {
    plugin
    allow_finding
    script <<< '"How is the weather?":[{"calls":[{"name":"send_mail","arguments":"{\"text\":\"hello\"}"}]},{"echo":true}]'
    extra=$few
    start
    submit "How is the weather?"
    await
    same "$(asked 2 /messages/2/parts/0/text)" 'there is no tool "send_mail": use one of get_weather, get_forecast, or find_tools to get others'
    same "$(asked 2 /tools)" "$(asked 1 /tools)"
}

@test "nothing found is said, and a policy decides on looking" {
    plugin
    script <<< '"How is the weather?":[{"calls":[{"name":"find_tools","arguments":"{\"query\":\"zygote\"}"}]},{"echo":true}]'
    extra=$few
    start
    submit "How is the weather?"
    await
    has "$(asked 2 /messages/2/parts/0/text)" "denied by policy"
    stop TERM
    allow_finding
    start
    submit "How is the weather?"
    await
    has "$(asked 4 /messages/2/parts/0/text)" 'no other tool fits "zygote"'
}

@test "after kill -9 a task has the tools it had, whatever would be found now" {
    plugin
    allow_finding
    script <<< '"How is the weather?":[
        {"calls":[{"name":"find_tools","arguments":"{\"query\":\"write somebody an email\",\"limit\":1}"}]},
        {"do":"hang","once":"'"$dir/hung"'","calls":[{"name":"send_mail","arguments":"{\"text\":\"hello\"}"}]},{"text":"done"}]'
    extra=$few
    start
    submit "How is the weather?"
    eventually has_asked 2
    sleep 0.3 # until what came before is stored
    stop KILL
    plugin "$(described weather_weather "Weather, weather and weather")$(described aaa_mail "Write somebody an email")"
    start
    await
    same "$(field /answer) $(asks)" "done 4"
    same "$(asked 3 /tools)" "$(asked 2 /tools)"
    same "$(asked 3 /messages)" "$(asked 2 /messages)"
    submit "How is the weather?"
    await
    has "$(names 5)" "weather_weather"
}

@test "corax-infer does not show a later tool, admits calls of it, and what was read stays read" {
    model=$CORAX_SRCDIR/models/corax-raven-1-q8_0.gguf
    one='{"name":"mol_weight","description":"Weight of a molecule.","parameters":{"type":"object","properties":{"smiles":{"type":"string","maxLength":20}},"required":["smiles"]}}'
    two='{"name":"formula","description":"Its formula.","parameters":{"type":"object","properties":{"smiles":{"type":"string","maxLength":20}},"required":["smiles"]}'
    talk='{"role":"user","parts":[{"type":"text","text":"What is the mass of CCO?"}]}'
    chat() { # ID TOOLS CHOICE
        printf '{"jsonrpc":"2.0","id":%s,"method":"chat","params":{"messages":[%s],"tools":[%s],"max_tokens":400,"tool_choice":"%s"}}\n' "$1" "$talk" "$2" "$3"
    }
    answer() { # ID POINTER
        grep "\"id\":$1,\"result\"" "$dir/answers" | "$helpers/json-get" "/result$2"
    }
    { chat 1 "$one" auto; sleep 2; chat 2 "$one,$two,\"later\":true}" auto; sleep 2; chat 3 "$one,$two}" auto; chat 4 "$two,\"later\":true}" required
      chat 5 "$two,\"later\":1}" auto; } | "$build/corax-infer" serve "$model" > "$dir/answers" 2> "$dir/log"
    same "$(answer 2 /usage/prompt_tokens)" "$(answer 1 /usage/prompt_tokens)"
    # all but the last token, of which the next follows
    [ "$(answer 2 /usage/cached_tokens)" -ge $(($(answer 1 /usage/prompt_tokens) - 1)) ]
    [ "$(answer 3 /usage/prompt_tokens)" -gt "$(answer 1 /usage/prompt_tokens)" ]
    same "$(answer 4 /calls/0/name)" formula
    has "$(grep '"id":5' "$dir/answers")" "tools[0].later: not true or false"
}
