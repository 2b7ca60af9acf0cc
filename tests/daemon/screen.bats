#!/usr/bin/env bats
# Screens: a tool is asked about a call's arguments before the policy decides on it.  Covers what is asked, each way in which there is no
# answer, what stands in the trace, and that approval, recovery, replay, parallel calls and MCP go by the same answer.  What the shipped
# policies screen is gate.bats.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

# A tool with the arguments text, of the role, note, not of it, and more, a list of either.
maker() { # NAME EFFECTS TRAITS
    printf '{"name":"%s","description":"%s","inputSchema":{"type":"object","properties":{%s,%s,%s},"additionalProperties":false},%s' "$1" "$1" \
        '"text":{"type":"string","x-corax":"molecule"}' '"note":{"type":"string"}' \
        '"more":{"anyOf":[{"type":"array","items":{"type":"string","x-corax":"molecule"}},{"type":"number"}]}' \
        "\"_meta\":{\"corax/effects\":[$2],\"corax/traits\":[$3]}}"
}

screener() { # NAME EFFECTS TRAITS
    printf '{"name":"%s","description":"%s","inputSchema":{"type":"object","properties":{"values":{"type":"array","maxItems":40,"items":{"type":"string"}}}},%s' \
        "$1" "$1" "\"_meta\":{\"corax/effects\":[$2],\"corax/traits\":[$3]}}"
}

# Makes things (ledger.so), and screens them (checker.so) by $by.
tools() {
    printf '{"name":"ledger","ledger":"%s","tools":[%s,%s,%s,%s,%s]}\n' "$ledger" "$(maker make_append '"write"' '')" "$(maker plan '' '"idempotent"')" \
        "$(maker slow_plan '' '"idempotent"')" "$(tool echo '' '"idempotent"')" "$(tool plain_append '"write"' '')" > "$dir/ledger.so"
    printf '{"name":"checker","ledger":"%s","tools":[%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s]}\n' "$dir/asked_of" "$(screener screen '"read"' '"idempotent"')" \
        "$(screener hang_screen '' '"idempotent"')" "$(screener crash_screen '' '"idempotent"')" "$(screener garbage_screen '' '"idempotent"')" \
        "$(screener fail_screen '' '"idempotent"')" "$(screener short_screen '' '"idempotent"')" "$(screener loud_screen '' '"idempotent"')" \
        "$(screener mute_screen '' '"idempotent"')" "$(screener bare_screen '' '"idempotent"')" "$(screener net_screen '"net"' '"idempotent"')" \
        "$(screener twice_screen '' '')" > "$dir/checker.so"
    : > "$dir/asked_of"
    plugin="$dir/ledger.so\",\"$dir/checker.so"
    policy
}

# by: the screening tool; of: what is screened; rules: more of them; words: what denies
policy() {
    cat > "$dir/policy.json" << POLICY
{ "policy": 1, "id": "test", "rules": [ { "id": "all", "allow": "*.*", "why": "let it" }, ${rules:+$rules,}
  { "id": "bad", "${bad:-deny}": "*.*", "when": { "screened": { "check": { "any": ["bad"] } } }, "why": "it is bad" } ],
  "screens": [ { "id": "check", "of": ${of:-[\"ledger.make_append\", \"ledger.*plan\", \"ledger.plain_append\"]},
                 "by": "${by:-checker.screen}", "argument": "${argument:-values}", "role": "molecule", "why": "it is looked at" } ] }
POLICY
}

# The model makes these calls one after the other, NAME=ARGUMENTS each, and answers "done".
calls() { # TASK NAME=JSON...
    local task=$1 c replies=
    shift
    for c; do replies+="{\"calls\":[$(one_call "$c")]},"; done
    printf '"%s":[%s{"text":"done"}]' "$task" "$replies"
}

one_call() {
    python3 -c 'import json, sys; print(json.dumps({"name": sys.argv[1], "arguments": sys.argv[2]}))' "${1%%=*}" "${1#*=}"
}

run_task() { # NAME [MORE]: unattended, to its end
    submit "$1" "\"attended\":false${2:+,$2}"
    await
}

# decision and rule of each call of $id
decisions() {
    events policy_decided tool decision rule | tr '\n' ';'
}

made() { # how many lines the ledger has
    grep -c . "$ledger" || true
}

@test "what is found denies, what is not found goes through; texts, lists and reactions are looked at, other arguments are not" {
    tools
    script <<< "{$(calls go 'make_append={"text":"good"}' 'make_append={"text":"bad"}' 'make_append={"note":"bad"}' \
        'plan={"more":["good","fine","bad"]}' 'plan={"text":"a>b>bad.c"}' 'plan={"text":"a>>good","more":["good","->x"]}' 'echo={"text":"bad"}')}"
    start
    run_task go
    same "$(decisions)" "make_append allow test/all;make_append deny test/bad;make_append allow test/all;plan deny test/bad;plan deny test/bad;plan allow test/all;echo allow test/all;"
    same "$(cat "$dir/asked_of")" $'screen: good\nscreen: bad\nscreen: good fine bad\nscreen: a b bad.c\nscreen: a good ->x'
    same "$(wc -l < "$ledger")" 2
    screened=$(events policy_decided screened/0/by screened/0/argument screened/0/role screened/0/findings/0 | sed 's/ *$//;2p;3p;7p;d')
    same "$screened" $'checker.screen values molecule bad\nchecker.screen values molecule'
    has "$(events tool_result parts/0/text)" "denied by policy (test/bad): it is bad"
}

@test "an answer is remembered for the same call; others are asked about" {
    tools
    script <<< "{$(calls go 'plan={"text":"good"}' 'plan={"text":"good","note":"x"}' 'slow_plan={"text":"good"}' 'plan={"text":"good"}' 'plan={"text":"bad"}')}"
    start
    run_task go
    same "$(decisions)" "plan allow test/all;plan allow test/all;slow_plan allow test/all;plan allow test/all;plan deny test/bad;"
    same "$(cat "$dir/asked_of")" $'screen: good\nscreen: good\nscreen: good\nscreen: bad'
}

# Nothing is made, and the model is told why.
gives_no_answer() { # BY WHY
    by=$1
    policy
    : > "$ledger"
    start
    run_task go
    same "$(decisions)" "make_append deny test/bad;"
    has "$(events policy_decided screened/0/unknown)" "$2"
    has "$(events tool_result parts/0/text)" "denied by policy (test/bad): it is bad; $1 gave no answer: "
    same "$(field /error/message 2> /dev/null || true)$(made)" 0
    stop TERM
}

@test "no answer counts against the call: crashed, garbled, failed, short, loud, without findings" {
    tools
    script <<< "{$(calls go 'make_append={"text":"good","more":["fine"]}')}"
    gives_no_answer checker.crash_screen ""
    gives_no_answer checker.garbage_screen ""
    gives_no_answer checker.fail_screen "it failed"
    gives_no_answer checker.short_screen "its results are 1, for 2 values"
    gives_no_answer checker.loud_screen "more than 32 things"
    gives_no_answer checker.mute_screen "nothing for programs"
    gives_no_answer checker.bare_screen "no list of findings"
}

@test "no answer counts against the call: no such tool, another plugin's, the daemon's, one with effects or none that is idempotent, other arguments" {
    tools
    script <<< "{$(calls go 'make_append={"text":"good"}')}"
    gives_no_answer checker.missing "no such tool"
    gives_no_answer ledger.screen "no such tool"
    gives_no_answer corax.find_tools "no plugin's"
    gives_no_answer checker.net_screen "effects other than read and clock"
    gives_no_answer checker.twice_screen "not idempotent"
    argument=text
    gives_no_answer ledger.echo "text"
    argument=values
}

@test "no answer counts against the call: in time, and others go on meanwhile" {
    tools
    script <<< "{$(calls go 'make_append={"text":"good"}'),$(calls other 'echo={"text":"x"}')}"
    by=checker.hang_screen
    policy
    start
    submit go '"attended":false'
    first=$id
    run_task other
    same "$(field /state)" finished
    in_state running "$first"
    id=$first
    await
    same "$(decisions)" "make_append deny test/bad;"
    has "$(events policy_decided screened/0/unknown)" "5000 ms"
    same "$(made)" 0
}

@test "no answer counts against the call: an item that is not known or an error, values that are no text, too many, a tool without the role" {
    tools
    many=$(printf '"m%d",' $(seq 41))
    script <<< "{$(calls go 'plan={"text":"odd"}' 'plan={"more":["good","wrong"]}' 'plan={"more":7}' "plan={\"more\":[${many%,}]}" 'plain_append={"text":"good"}' 'plan={"text":"good"}')}"
    start
    run_task go
    same "$(decisions)" "plan deny test/bad;plan deny test/bad;plan deny test/bad;plan deny test/bad;plain_append deny test/bad;plan allow test/all;"
    unknown=$(events policy_decided screened/0/unknown)
    has "$unknown" "its status is unknown"
    has "$unknown" "its status is error"
    has "$unknown" "a value to screen is no text"
    has "$unknown" "no argument of plain_append has the role molecule"
    same "$(grep -c m41 "$dir/asked_of" || true)" 0
}

@test "a rule that allows what was screened: with an answer, and nothing else found" {
    tools
    cat > "$dir/policy.json" << 'POLICY'
{ "policy": 1, "id": "test", "rules": [
  { "id": "clean", "allow": "ledger.*", "when": { "screened": { "check": { "within": ["good"] } } }, "why": "nothing is wrong with it" } ],
  "screens": [ { "id": "check", "of": "ledger.plan", "by": "checker.screen", "argument": "values", "role": "molecule", "why": "look" } ] }
POLICY
    script <<< "{$(calls go 'plan={"text":"good"}' 'plan={"text":"fine"}' 'plan={"text":"worse"}' 'plan={"text":"odd"}' 'echo={"text":"x"}')}"
    start
    run_task go
    same "$(decisions)" "plan allow test/clean;plan allow test/clean;plan deny none;plan deny none;echo deny none;"
}

@test "what is approved is what was screened, also after a restart; the request's hash covers it" {
    tools
    bad=ask policy
    script <<< "{$(calls go 'make_append={"text":"bad"}'),$(calls good 'make_append={"text":"good"}')}"
    start
    submit go
    waiting
    same "$(field /waiting_for/rule)" "test/bad"
    first=$hash
    stop KILL
    start
    waiting
    same "$hash" "$first"
    same "$(grep -c . "$dir/asked_of")" 1 # it stands in the trace
    api POST "/v1/tasks/$id/input" "{\"approve\":\"$hash\"}"
    await
    same "$(field /state) $(cat "$ledger")" "finished bad"
    # The screening tool changes its mind: what was asked is not asked any more, and the call is judged anew.
    submit go
    waiting
    by=checker.bare_screen bad=ask policy
    kill -HUP "$pid"
    asked_again() { await && same "$(events policy_decided rule | wc -l)" 2; }
    eventually asked_again
    [ "$hash" != "$(api GET "/v1/tasks/$id" && field /waiting_for/request_hash)" ]
    has "$(events policy_decided screened/0/unknown)" "no list of findings"
    api POST "/v1/tasks/$id/input" "{\"approve\":\"$hash\"}"
    same "$code" 409
    same "$(made)" 1
}

@test "a restart in the middle of a screen begins it again" {
    tools
    script <<< "{$(calls go 'make_append={"text":"good"}')}"
    by=checker.hang_screen
    policy
    start
    submit go '"attended":false'
    eventually in_state running
    sleep 0.3 # the model has replied
    stop KILL
    by=checker.screen
    policy
    start
    await
    same "$(decisions)" "make_append allow test/all;"
    same "$(cat "$ledger")" good
}

@test "a task that is cancelled while it is screened ends" {
    tools
    script <<< "{$(calls go 'make_append={"text":"good"}')}"
    by=checker.hang_screen
    policy
    start
    submit go '"attended":false'
    eventually in_state running
    sleep 0.3
    api POST "/v1/tasks/$id/cancel"
    await
    same "$(field /outcome) $(made)" "cancelled 0"
    same "$(decisions)" ""
}

@test "calls of one reply are screened together, and go ahead" {
    tools
    script <<< "{\"go\":[{\"calls\":[$(one_call 'slow_plan={"text":"good"}'),$(one_call 'plan={"text":"bad"}'),$(one_call 'slow_plan={"text":"fine"}')]},{\"text\":\"done\"}]}"
    start
    run_task go
    same "$(decisions)" "slow_plan allow test/all;plan deny test/bad;slow_plan allow test/all;"
    same "$(sort "$dir/asked_of")" $'screen: bad\nscreen: fine\nscreen: good'
    # The second slow one, of 4 s, was under way beside the first.
    mapfile -t at < <(events policy_decided at_ms && events task_finished at_ms)
    [ $((at[3] - at[0])) -lt 7000 ]
}

@test "explain takes what was found, and says what would be asked" {
    tools
    start
    explain() { api POST /v1/policies/explain "{\"tool\":\"make_append\"${1:+,\"screened\":$1}}"; }
    explain
    same "$code $(field /decision) $(field /rule) $(field /screens/0/name) $(field /screens/0/by)" "200 deny test/bad test/check checker.screen"
    explain '{"check":[]}'
    same "$(field /decision) $(field /rule)" "allow test/all"
    explain '{"test/check":["worse","bad"]}'
    same "$(field /decision) $(field /rule) $(field /screens/0/findings/1)" "deny test/bad bad"
    explain '{"check":null}'
    same "$(field /decision)" deny
    explain '{"other":[]}'
    same "$code" 400
    has "$(field /error/message)" "there is no screen"
    explain '{"check":["Not a word"]}'
    same "$code" 400
    run "$build/corax" -s "$sock" policy explain make_append --screened '{"check":["worse"]}'
    same "$status" 0
    has "$output" "allow  ledger.make_append by test/all"
    has "$output" "screen   test/check by checker.screen: worse"
    run "$build/corax" -s "$sock" policy explain make_append
    has "$output" "not known here"
}

@test "judged again by other policies: by what was found, and where that was not asked it ends" {
    tools
    of='["ledger.make_append"]' policy
    script <<< "{$(calls go 'make_append={"text":"worse"}' 'plan={"text":"good"}')}"
    start
    run_task go
    same "$(decisions)" "make_append allow test/all;plan allow test/all;"
    words='"worse"'
    rejudge() { # WORDS OF
        printf '{"policy":1,"id":"other","rules":[{"id":"all","allow":"*.*","why":"w"},{"id":"no","deny":"*.*","when":{"screened":{"look":{"any":[%s]}}},"why":"no"}],"screens":[{"id":"look","of":"%s","by":"checker.screen","argument":"values","role":"molecule","why":"w"}]}' \
            "$1" "$2" > "$dir/other.json"
        run "$build/corax" -s "$sock" -j replay --policy "$dir/other.json" "$id"
        body=$output
    }
    rejudge '"bad"' ledger.make_append
    same "$(field /same)" true
    rejudge '"worse"' ledger.make_append
    same "$(field /decisions/0/replayed/decision) $(field /decisions/0/replayed/rule)" "deny other/no"
    rejudge '"bad"' 'ledger.*'
    has "$(field /ended/why)" "what is found is not recorded"
}

@test "an MCP client's call is screened like any other" {
    tools
    start
    api POST /mcp '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"make_append","arguments":{"text":"bad"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}' \
        -H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: tools/call' -H 'Mcp-Name: make_append' -H 'Accept: application/json, text/event-stream' -H 'Content-Type: application/json'
    has "$body" "denied by policy (test/bad)"
    same "$(made)" 0
}
