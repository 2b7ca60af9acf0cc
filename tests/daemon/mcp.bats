#!/usr/bin/env bats
# coraxd as an MCP server, with curl: both revisions, what goes wrong, approvals, tasks, TCP and its token.  The protocol's own suite is
# `make conformance`.
# shellcheck disable=SC2030,SC2031

load daemon

version=io.modelcontextprotocol/protocolVersion
client=io.modelcontextprotocol/clientCapabilities

# mcp METHOD NAME MEMBERS CAPABILITIES [curl options...]: a modern request; $code, $body
mcp() {
    local method=$1 name=$2 members=$3 capabilities=${4:-{\}}
    shift 3
    [ $# -gt 0 ] && shift
    api POST /mcp "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"$method\",\"params\":{$members${members:+,}\"_meta\":{\"$version\":\"2026-07-28\",\"$client\":$capabilities,\"progressToken\":\"p\"}}}" \
        -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -H 'MCP-Protocol-Version: 2026-07-28' \
        -H "Mcp-Method: $method" ${name:+-H "Mcp-Name: $name"} "$@"
}

call() { # TOOL ARGUMENTS [CAPABILITIES] [MORE MEMBERS]
    mcp tools/call "$1" "\"name\":\"$1\",\"arguments\":$2${4:+,}${4-}" "${3:-{\}}"
}

# legacy METHOD MEMBERS [curl options...]: in the session $session
legacy() {
    local method=$1 members=$2
    shift 2
    api POST /mcp "{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"$method\",\"params\":{$members}}" -H 'Content-Type: application/json' \
        -H 'Accept: application/json, text/event-stream' -H 'MCP-Protocol-Version: 2025-11-25' ${session:+-H "Mcp-Session-Id: $session"} "$@"
}

initialize() {
    session=
    legacy initialize "\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\"clientInfo\":{\"name\":\"t\",\"version\":\"1\"}"
    session=$(sed -n 's/^Mcp-Session-Id: \([0-9a-f]*\).*/\1/p' "$dir/headers")
    [ "${#session}" = 32 ]
}

newest() { # the id of the newest task
    api GET '/v1/tasks?limit=1'
    id=$(field /tasks/0/id)
}

elicits='{"elicitation":{}}'
tasks='{"elicitation":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}'

@test "a modern client finds out what there is, and calls a tool" {
    start
    mcp server/discover '' ''
    [ "$code" = 200 ]
    [ "$(field /result/supportedVersions/0)" = 2026-07-28 ]
    [ "$(field /result/supportedVersions/1)" = 2025-11-25 ]
    mcp tools/list '' ''
    [ "$(field /result/tools/0/name)" = run_task ]
    [ "$(field /result/tools/1/name)" = append ]
    [ "$(field /result/tools/1/annotations/readOnlyHint)" = false ]
    [ "$(field /result/tools/1/_meta/corax~1provider)" = ledger ]
    call echo '{"text":"hello"}'
    [ "$code" = 200 ]
    [ "$(field /id)" = 7 ]
    [ "$(field /result/resultType)" = complete ]
    [ "$(field /result/content/0/text)" = hello ]
    [ "$(field /result/isError)" = false ]
}

@test "a call is a task: judged, stored, explained and replayed" {
    start
    call echo '{"text":"hello"}'
    newest
    run kinds
    [ "$output" = "task_submitted policy_decided tool_intent tool_result task_finished " ]
    api GET "/v1/tasks/$id"
    [ "$(field /planner)" = call ]
    [ "$(field /answer)" = hello ]
    [ "$(field /usage/steps)" = 0 ]
    api GET "/v1/tasks/$id/replay"
    [ "$(field /same)" = true ]
}

@test "what fails is a result for the model, what is no request is an error" {
    start
    call fail '{"text":"x"}'
    [ "$(field /result/isError)" = true ]
    call wipe '{"text":"x"}'
    [ "$(field /result/isError)" = true ]
    [[ $(field /result/content/0/text) == *"nobody wipes"* ]]
    call echo '{}'
    [ "$(field /result/isError)" = true ]
    [[ $(field /result/content/0/text) == *text* ]]
    call crash '{"text":"x"}'
    [ "$(field /result/isError)" = true ]
    call nothing '{}'
    [ "$(field /error/code)" = -32602 ]
    call find_tools '{}'
    [ "$(field /error/code)" = -32602 ]
    mcp no/such '' ''
    [ "$code" = 404 ]
    [ "$(field /error/code)" = -32601 ]
    mcp ping '' ''
    [ "$code" = 404 ]
    call echo '{"text":"x"}' '' '"inputResponses":null'
    [ "$(field /error/code)" = -32602 ]
    call echo '{"text":"x"}' '' '"requestState":"forged"'
    [ "$(field /error/code)" = -32602 ]
}

@test "headers say what the body says" {
    start
    api POST /mcp "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{\"$version\":\"2026-07-28\",\"$client\":{}}}}" \
        -H 'Content-Type: application/json' -H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: tools/call'
    [ "$code" = 400 ]
    [ "$(field /error/code)" = -32020 ]
    mcp tools/call wrong '"name":"echo","arguments":{"text":"x"}'
    [ "$code" = 400 ]
    [ "$(field /error/code)" = -32020 ]
    mcp tools/call '=?base64?ZWNobw==?=' '"name":"echo","arguments":{"text":"x"}'
    [ "$code" = 200 ]
    api POST /mcp '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}' -H 'Content-Type: application/json' -H 'MCP-Protocol-Version: 2026-07-28'
    [ "$code" = 400 ]
    [ "$(field /error/code)" = -32602 ]
    api POST /mcp "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{\"$version\":\"1999-01-01\",\"$client\":{}}}}" \
        -H 'Content-Type: application/json' -H 'MCP-Protocol-Version: 1999-01-01'
    [ "$code" = 400 ]
    [ "$(field /error/code)" = -32022 ]
    [ "$(field /error/data/requested)" = 1999-01-01 ]
    api POST /mcp '{' -H 'Content-Type: application/json'
    [ "$code" = 400 ]
    [ "$(field /error/code)" = -32700 ]
    api POST /mcp '[]' -H 'Content-Type: application/json'
    [ "$(field /error/code)" = -32600 ]
    api POST /mcp '{}' -H 'Content-Type: text/plain'
    [ "$code" = 415 ]
    api GET /mcp
    [ "$code" = 405 ]
    api DELETE /mcp
    [ "$code" = 405 ]
}

@test "a legacy client has a session" {
    start
    session=
    legacy tools/list ''
    [ "$code" = 400 ]
    initialize
    [ "$(field /result/protocolVersion)" = 2025-11-25 ]
    api POST /mcp '{"jsonrpc":"2.0","method":"notifications/initialized"}' -H 'Content-Type: application/json' -H "Mcp-Session-Id: $session"
    [ "$code" = 202 ]
    legacy ping ''
    [ "$body" = '{"jsonrpc":"2.0","id":8,"result":{}}' ]
    legacy tools/call '"name":"echo","arguments":{"text":"old"}'
    [ "$(field /result/content/0/text)" = old ]
    run field /result/resultType
    [ "$status" -ne 0 ]
    legacy server/discover ''
    [ "$(field /error/code)" = -32601 ]
    legacy logging/setLevel '"level":"loud"'
    [ "$(field /error/code)" = -32602 ]
    api DELETE /mcp '' -H "Mcp-Session-Id: $session"
    [ "$code" = 200 ]
    legacy ping ''
    [ "$code" = 404 ]
}

@test "sessions are bounded: the quietest goes" {
    start
    initialize
    first=$session
    for _ in $(seq 64); do initialize; done
    legacy ping ''
    [ "$code" = 200 ]
    session=$first
    legacy ping ''
    [ "$code" = 404 ]
}

@test "a call that the policy asks about is asked back, and made once when the person says yes" {
    start
    call append '{"text":"one"}' "$elicits"
    [ "$(field /result/resultType)" = input_required ]
    state=$(field /result/requestState)
    key=$(printf '%s' "$body" | sed 's/.*"inputRequests":{"\([^"]*\)".*/\1/')
    [[ $key == approve-* ]]
    [[ $(field "/result/inputRequests/$key/params/message") == *append*one*"somebody should look"* ]]
    [ ! -s "$ledger" ]
    # Not with other arguments, nor with a state that was changed.
    call append '{"text":"two"}' "$elicits" "\"inputResponses\":{\"$key\":{\"action\":\"accept\",\"content\":{\"approve\":true}}},\"requestState\":\"$state\""
    [ "$(field /error/code)" = -32602 ]
    call append '{"text":"one"}' "$elicits" "\"inputResponses\":{\"$key\":{\"action\":\"accept\",\"content\":{\"approve\":true}}},\"requestState\":\"${state}x\""
    [ "$(field /error/code)" = -32602 ]
    call append '{"text":"one"}' "$elicits" "\"inputResponses\":{\"$key\":{\"action\":\"accept\",\"content\":{\"approve\":true}}},\"requestState\":\"$state\""
    [ "$(field /result/resultType)" = complete ]
    [ "$(field /result/isError)" = false ]
    [ "$(cat "$ledger")" = one ]
    newest
    [[ $(events approval_given approved uid) == "true $(id -u)" ]]
    # It was used.
    call append '{"text":"one"}' "$elicits" "\"inputResponses\":{\"$key\":{\"action\":\"accept\",\"content\":{\"approve\":true}}},\"requestState\":\"$state\""
    [ "$(field /error/code)" = -32602 ]
    [ "$(cat "$ledger")" = one ]
}

@test "an approval cannot be given in advance, and no is no" {
    start
    call append '{"text":"one"}' "$elicits" '"inputResponses":{"approve":{"action":"accept","content":{"approve":true}}}'
    [ "$(field /result/resultType)" = input_required ]
    state=$(field /result/requestState)
    key=$(printf '%s' "$body" | sed 's/.*"inputRequests":{"\([^"]*\)".*/\1/')
    call append '{"text":"one"}' "$elicits" "\"inputResponses\":{\"$key\":{\"action\":\"decline\"}},\"requestState\":\"$state\""
    [ "$(field /result/resultType)" = complete ]
    [ "$(field /result/isError)" = true ]
    [ ! -s "$ledger" ]
}

@test "each question wants an answer of its own, also after one that makes no sense" {
    script <<< '{"*":[{"calls":[{"name":"ask_user","arguments":"{\"question\":\"Which?\"}"}]},
                     {"calls":[{"name":"ask_user","arguments":"{\"question\":\"How many?\"}"}]},{"text":"done"}]}'
    start
    say() { # ACTION-AND-CONTENT: repeats the request with it; the answer is the last message of a stream
        call run_task '{"task":"ask"}' "$elicits" "${1:+\"inputResponses\":{\"answer\":$1\},\"requestState\":\"$state\"}"
        [[ $body != event:* ]] || body=$(sed -n 's/^data: //p' <<< "$body" | tail -n 1)
    }
    question=/result/inputRequests/answer/params/message
    say ''
    [ "$(field "$question")" = 'Which?' ]
    state=$(field /result/requestState)
    say '{"action":"perhaps"}'
    [ "$(field /error/code)" = -32602 ]
    say '{"action":"accept","content":{"answer":"this"}}'
    [ "$(field "$question")" = 'How many?' ]
    say '{"action":"accept","content":{"answer":"this"}}' # to the question before
    [ "$(field "$question")" = 'How many?' ]
    state=$(field /result/requestState)
    say '{"action":"accept","content":{"answer":"two"}}'
    [ "$(field /result/structuredContent/answer)" = 'done' ]
    newest
    [ "$(events human_said text)" = $'this\ntwo' ]
}

@test "an approval that is waited for outlives the daemon" {
    start
    call append '{"text":"one"}' "$elicits"
    state=$(field /result/requestState)
    key=$(printf '%s' "$body" | sed 's/.*"inputRequests":{"\([^"]*\)".*/\1/')
    stop KILL
    start
    newest
    for _ in $(seq 100); do
        api GET "/v1/tasks/$id"
        [ "$(field /state)" = waiting ] && break
        sleep 0.05
    done
    call append '{"text":"one"}' "$elicits" "\"inputResponses\":{\"$key\":{\"action\":\"accept\",\"content\":{\"approve\":true}}},\"requestState\":\"$state\""
    [ "$(field /result/isError)" = false ]
    [ "$(cat "$ledger")" = one ]
}

@test "a client that cannot ask is told how a person can approve" {
    start
    call append '{"text":"one"}'
    [ "$(field /result/isError)" = true ]
    told=$(field /result/content/0/text)
    newest
    [[ $told == *"corax approve $id"* ]]
    api GET "/v1/tasks/$id"
    hash=$(field /waiting_for/request_hash)
    api POST "/v1/tasks/$id/input" "{\"approve\":\"$hash\"}"
    await
    [ "$(field /outcome)" = answered ]
    [ "$(cat "$ledger")" = one ]
}

@test "mcp.approve: false leaves approvals to corax approve" {
    extra='"mcp": { "approve": false }'
    start
    call append '{"text":"one"}' "$elicits"
    [ "$(field /result/isError)" = true ]
    [[ $(field /result/content/0/text) == *"corax approve"* ]]
}

@test "a client that leaves takes its call with it" {
    start
    run mcp tools/call hang '"name":"hang","arguments":{"text":"x"}' '{}' --max-time 1
    newest
    await
    [ "$(field /outcome)" = cancelled ]
}

@test "a legacy client cancels with a notification" {
    start
    initialize
    (dir=$dir/b; mkdir "$dir"; legacy tools/call '"name":"hang","arguments":{"text":"x"}') 3>&- &
    caller=$!
    for _ in $(seq 100); do
        newest || true
        [ "$(field /tasks/0/state || true)" = running ] && break
        sleep 0.05
    done
    api POST /mcp '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":8}}' -H 'Content-Type: application/json' -H "Mcp-Session-Id: $session"
    [ "$code" = 202 ]
    await
    [ "$(field /outcome)" = cancelled ]
    wait "$caller"
}

@test "run_task is a whole task, with its steps as progress" {
    script <<< '{"What?":[{"text":"That."}],"*":[{"text":"That."}]}'
    start
    call run_task '{"task":"What?"}'
    [ "$code" = 200 ]
    [[ $body == *notifications/progress* ]]
    [[ $body == *'"outcome":"answered"'* ]]
    call run_task '{"task":"What?","agent":"nobody"}'
    [[ $body == *'"isError":true'* ]]
    call run_task '{}'
    [[ $body == *'task is missing'* ]]
}

@test "for a client that takes tasks, run_task is an MCP task" {
    script <<< '{"*":[{"text":"That."}]}'
    start
    call run_task '{"task":"What?"}' "$tasks"
    [ "$(field /result/resultType)" = task ]
    task=$(field /result/taskId)
    for _ in $(seq 100); do
        mcp tasks/get "$task" "\"taskId\":\"$task\"" "$tasks"
        [ "$(field /result/status)" = completed ] && break
        sleep 0.05
    done
    [ "$(field /result/status)" = completed ]
    [ "$(field /result/result/structuredContent/task)" = "$task" ]
    mcp tasks/cancel "$task" "\"taskId\":\"$task\"" "$tasks"
    [ "$(field /result/resultType)" = complete ]
    mcp tasks/get "$task" "\"taskId\":\"$task\""
    [ "$(field /error/code)" = -32021 ]
    mcp tasks/get nope '"taskId":"nope"' "$tasks"
    [ "$(field /error/code)" = -32602 ]
    mcp resources/read "corax://tasks/$task" "\"uri\":\"corax://tasks/$task\""
    [[ $(field /result/contents/0/text) == *task_finished* ]]
}

@test "for a client that takes tasks, a slow call is one, too" {
    start
    call append_slow '{"text":"s"}' "$tasks"
    [ "$(field /result/resultType)" = task ]
    [ "$(field /result/status)" = working ]
    task=$(field /result/taskId)
    await "$task"
    mcp tasks/get "$task" "\"taskId\":\"$task\"" "$tasks"
    [ "$(field /result/status)" = completed ]
    [ "$(field /result/result/content/0/text)" = s ]
    [ "$(cat "$ledger")" = s ]
    # A task that waits for its person says for what, and is answered.

    call append '{"text":"one"}' "$tasks"
    [ "$(field /result/resultType)" = input_required ]
    newest
    task=$id
    mcp tasks/get "$task" "\"taskId\":\"$task\"" "$tasks"
    [ "$(field /result/status)" = input_required ]
    key=$(printf '%s' "$body" | sed 's/.*"inputRequests":{"\([^"]*\)".*/\1/')
    mcp tasks/update "$task" "\"taskId\":\"$task\",\"inputResponses\":{\"$key\":{\"action\":\"accept\",\"content\":{\"approve\":true}}}" "$tasks"
    [ "$(field /result/resultType)" = complete ]
    for _ in $(seq 100); do
        await "$task"
        [ "$(field /state)" = finished ] && break
    done
    [ "$(field /outcome)" = answered ]
    [ "$(tail -n 1 "$ledger")" = one ]
}

@test "prompts and resources are the operator's files, and clients hear of changes" {
    mkdir "$dir/prompts" "$dir/resources"
    cp "$CORAX_SRCDIR"/tests/conformance/prompts/*.json "$dir/prompts"
    cp "$CORAX_SRCDIR"/tests/conformance/resources/* "$dir/resources"
    extra="\"mcp\": { \"prompts\": \"$dir/prompts\", \"resources\": \"$dir/resources\" }"
    start
    mcp prompts/get test_prompt_with_arguments '"name":"test_prompt_with_arguments","arguments":{"arg1":"a\"b","arg2":"{{arg1}}"}'
    [ "$(field /result/messages/0/content/text)" = "Prompt with arguments: arg1='a\"b', arg2='{{arg1}}'" ]
    mcp prompts/get test_prompt_with_arguments '"name":"test_prompt_with_arguments","arguments":{"arg1":"a"}'
    [ "$(field /error/code)" = -32602 ]
    mcp completion/complete '' '"ref":{"type":"ref/prompt","name":"test_prompt_with_arguments"},"argument":{"name":"arg1","value":"park"}'
    [ "$(field /result/completion/values/0)" = park ]
    [ "$(field /result/completion/total)" = 1 ]
    mcp resources/read test://watched-resource '"uri":"test://watched-resource"'
    [ "$(field /result/contents/0/text)" = 'It is watched.' ]
    mcp resources/read file:///etc/passwd '"uri":"file:///etc/passwd"'
    [ "$(field /error/code)" = -32602 ]
    [ "$(field /error/data/uri)" = file:///etc/passwd ]
    mcp prompts/get test_input_required_result_prompt '"name":"test_input_required_result_prompt"'
    [ "$code" = 400 ]
    [ "$(field /error/code)" = -32021 ]
    (dir=$dir/b; mkdir "$dir"; mcp subscriptions/listen '' '"notifications":{"promptsListChanged":true}' '{}' --max-time 3) 3>&- 2> "$dir/listen" &
    listener=$!
    sleep 0.7
    rm "$dir/prompts/simple.json"
    kill -HUP "$pid"
    wait "$listener" || true
    grep -q notifications/subscriptions/acknowledged "$dir/b/body"
    grep -q '"method":"notifications/prompts/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":7}}' "$dir/b/body"
    echo '{"name":"x"}' > "$dir/prompts/bad.json"
    kill -HUP "$pid"
    sleep 0.3
    grep -q 'reload: .*bad.json: a prompt needs' "$dir/log"
    mcp prompts/list '' ''
    [ "$code" = 200 ]
}

@test "on TCP a request needs the token and must come from no foreign page" {
    extra='"listen": "127.0.0.1:0"'
    start
    port=$(sed -n 's/.*listening on TCP port \([0-9]*\).*/\1/p' "$dir/log")
    [ "$(stat -c %a "$dir/state/token")" = 600 ]
    token=$(cat "$dir/state/token")
    tcp() { # curl options...
        code=$(curl -sS -o "$dir/body" -w '%{http_code}' --max-time 20 "$@" "http://127.0.0.1:$port/v1/tools")
    }
    tcp
    [ "$code" = 401 ]
    other=${token%?}0
    [ "$other" != "$token" ] || other=${token%?}1
    tcp -H "Authorization: Bearer $other"
    [ "$code" = 401 ]
    tcp -H "Authorization: Bearer $token$token"
    [ "$code" = 401 ]
    tcp -H "Authorization: Bearer $token"
    [ "$code" = 200 ]
    tcp -H "Authorization: Bearer $token" -H 'Host: evil.example.com'
    [ "$code" = 403 ]
    tcp -H "Authorization: Bearer $token" -H 'Host: 127.0.0.1.evil.example.com'
    [ "$code" = 403 ]
    tcp -H "Authorization: Bearer $token" -H 'Origin: http://evil.example.com'
    [ "$code" = 403 ]
    tcp -H "Authorization: Bearer $token" -H 'Origin: null'
    [ "$code" = 403 ]
    tcp -H "Authorization: Bearer $token" -H 'Host: localhost:1' -H 'Origin: http://localhost:3000'
    [ "$code" = 200 ]
    stop TERM
    chmod 644 "$dir/state/token"
    run "$build/coraxd" -c "$dir/corax.conf"
    [ "$status" = 1 ]
    [[ $output == *"others than this user may read"* ]]
}

@test "the daemon listens on this machine alone" {
    extra='"listen": "0.0.0.0:8723"'
    config
    run "$build/coraxd" -n -c "$dir/corax.conf"
    [ "$status" = 1 ]
    [[ $output == *"can be reached from other machines"* ]]
}

@test "the client of PyPI's mcp lists and calls" {
    python=${CORAX_MCP_PYTHON:-python3}
    "$python" -c 'import mcp.client.streamable_http' 2> "$dir/import" || skip "needs Python's mcp (CORAX_MCP_PYTHON names a python that has it)"
    extra='"listen": "127.0.0.1:0"'
    start
    port=$(sed -n 's/.*listening on TCP port \([0-9]*\).*/\1/p' "$dir/log")
    run "$python" "$CORAX_SRCDIR/tests/daemon/mcp-client.py" "http://127.0.0.1:$port/mcp" "$(cat "$dir/state/token")"
    echo "$output"
    [ "$status" = 0 ]
    [[ $output == *"tool echo"* ]]
    [[ $output == *"result hello"* ]]
}
