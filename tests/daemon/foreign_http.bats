#!/usr/bin/env bats
# Foreign MCP servers over HTTP, through corax-egress: both revisions, what a hostile one cannot do, and where it may not be.
# More of logging in is seen by the official suite (make conformance-client), and its words by tests/daemon/oauth-t.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

server() { # PATH [MEMBERS]: the server at that path, as "far"
    command -v python3 > /dev/null || skip "needs python3"
    if [ -z "${port-}" ]; then
        python3 "$BATS_TEST_DIRNAME/foreign-http.py" "$ledger" > "$dir/port" 2> "$dir/served" 3>&- &
        also=$!
        eventually [ -s "$dir/port" ]
        port=$(cat "$dir/port")
    fi
    extra="\"mcp_servers\": {\"far\": {\"url\": \"${origin-http://127.0.0.1:$port}$1\"${2:+, $2}}}, \"egress\": {\"path\": \"$build/corax-egress\"}"
    cat > "$dir/policy.json" <<'POLICY'
{ "policy": 1, "id": "test", "rules": [ { "id": "free", "allow": "far.*", "why": "it is asked for" } ] }
POLICY
}

calls() { # TOOL [ARGUMENTS]
    local args=${2-{\}}
    script <<< "{\"go\":[{\"calls\":[{\"name\":\"$1\",\"arguments\":\"${args//\"/\\\"}\"}]},{\"echo\":true}],
        \"again\":[{\"calls\":[{\"name\":\"far.echo\",\"arguments\":\"{\\\"text\\\":\\\"abc\\\"}\"}]},{\"echo\":true}]}"
}

in_mcp_state() { # STATE
    api GET /v1/mcp-servers
    [ "$(field /mcp_servers/0/state)" = "$1" ]
}

go() {
    start
    eventually in_mcp_state ready
    submit go
    await
}

says() { # PART: of the server's trouble
    api GET /v1/mcp-servers
    case $(field /mcp_servers/0/error || true) in *"$1"*) return 0 ;; esac
    return 1
}

still_works() {
    submit again
    await
    same "$(field /answer)" "echo: abc"
}

@test "modern, answers in JSON and as events: headers, custom ones and marked arguments" {
    for path in /json /events; do
        server "$path" '"headers": {"X-Custom": "c1"}'
        calls far.marked '{"text":"hi","where":"Köln"}'
        go
        same "$(field /answer)" "marked: hi"
        has "$(grep "POST $path tools/call" "$ledger")" "version=2026-07-28 method=tools/call name=marked where==?base64?S8O2bG4=?= auth=None custom=c1"
        api GET /v1/tools
        has "$body" 'x-mcp-header of where is only for'
        stop TERM
    done
}

@test "legacy: a session, an answer that is taken up again, a changed list, questions back" {
    server /legacy '"elicitation": "defaults"'
    calls far.break
    go
    same "$(field /answer)" "taken up again"
    has "$(cat "$ledger")" "GET /legacy last=e1 session=s1"
    has "$(grep 'tools/call' "$ledger")" "version=2025-11-25"
    stop TERM
    calls far.form
    go
    same "$(field /answer)" asked
    eventually grep -q 'answered {"action": "accept", "content": {"who": "Ada"}}' "$ledger"
    stop TERM
    calls far.change
    go
    same "$(field /answer)" changed
    has_late() { api GET /v1/tools; case $body in *far.late*) return 0 ;; esac; return 1; }
    eventually has_late
}

@test "legacy: a session that the server has ended is begun again" {
    server /legacy
    calls far.forget
    go
    same "$(field /answer)" forgotten
    submit again
    await
    has "$(field /answer)" "the server has ended the session"
    eventually in_mcp_state ready
    still_works
}

@test "a token from a file, and one that is refused" {
    printf 't0k\n' > "$dir/token"
    server /token "\"token_file\": \"$dir/token\""
    calls far.echo '{"text":"in"}'
    go
    same "$(field /answer)" "echo: in"
    stop TERM
    printf 'wrong' > "$dir/token"
    start
    eventually in_mcp_state unauthorized
    says "the token of token_file is refused"
    submit go
    await
    has "$(field /answer)" "there is no tool"
    same "$(grep -c wrong "$dir/log" || true)" 0
    stop TERM
    rm "$dir/token"
    start
    eventually says "$dir/token: No such file"
}

@test "redirects are not followed" {
    server /redirect
    calls far.echo
    start
    eventually says "it redirects (307) to http://127.0.0.1:$port/elsewhere, which is not followed"
    same "$(grep -c elsewhere "$ledger" || true)" 0
}

@test "no MCP, no end and no server" {
    for kind in html:"without a message of MCP" status503:"answered 503" huge:"longer than 1048576 bytes"; do
        server "/${kind%%:*}"
        calls far.echo
        start
        eventually says "${kind#*:}"
        rss=$(awk '/VmHWM/ { print $2 }' "/proc/$pid/status")
        grep -q 'fsanitize=address' "$build/config.log" || [ "$rss" -lt 65536 ] # kB
        stop TERM
    done
    eventually grep -q "huge was cut off" "$ledger"
    origin=http://127.0.0.1:1 server /json
    start
    eventually says "connect"
}

@test "an answer that is too long, one that never comes, and one that is none" {
    server /json '"call_ms": 500'
    for kind in huge:"longer than" slow:"took longer than 500 ms" nothing:"ended the answer without a message"; do
        calls "far.${kind%%:*}"
        go
        has "$(field /answer)" "${kind#*:}"
        still_works
        stop TERM
    done
    eventually grep -q "slow was cut off" "$ledger"
}

@test "cancelling a task ends its request" {
    server /json
    calls far.slow
    start
    eventually in_mcp_state ready
    submit go
    eventually grep -q 'name=slow' "$ledger"
    api DELETE "/v1/tasks/$id"
    eventually grep -q "slow was cut off" "$ledger"
    still_works
}

@test "addresses that are not public need corax.conf's word" {
    # localhost is what the url says; a name that turns out to be there is not.
    command -v unshare > /dev/null || skip "needs unshare"
    server /json
    printf '127.0.0.1 far.example.com\n' > "$dir/hosts"
    origin=http://far.example.com:$port server /json '"private_network": true'
    calls far.echo '{"text":"hi"}'
    in_a_namespace mount --bind "$dir/hosts" /etc/hosts
    go
    same "$(field /answer)" "echo: hi"
    stop TERM
    origin=http://far.example.com:$port server /json
    start
    eventually says "http is not encrypted"
    stop TERM
    origin=https://far.example.com:$port server /json
    start
    eventually says "its address 127.0.0.1 is not public"
}

@test "a certificate that nobody vouches for" {
    command -v openssl > /dev/null || skip "needs openssl"
    openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout "$dir/key" -out "$dir/cert" \
        2> "$dir/openssl"
    python3 - "$dir" > "$dir/tls_port" 2> "$dir/served" 3>&- << 'PYTHON' &
import http.server, ssl, sys
s = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1] + "/cert", sys.argv[1] + "/key")
s.socket = context.wrap_socket(s.socket, server_side=True)
print(s.server_port, flush=True)
s.serve_forever()
PYTHON
    tls=$!
    eventually [ -s "$dir/tls_port" ]
    origin=https://localhost:$(cat "$dir/tls_port") server /json
    also="$also $tls"
    start
    eventually says certificate
}

@test "the same in a real box" {
    box_path=$build/corax-box
    "$box_path" run -- /bin/true 2> "$dir/why" || skip "$(cat "$dir/why")"
    server /events
    calls far.echo '{"text":"boxed"}'
    go
    same "$(field /answer)" "echo: boxed"
}

login() { # as a person does, with a browser that follows
    "$build/corax" login far --socket "$sock" > "$dir/page" 2> "$dir/login" &
    local login=$!
    eventually [ -s "$dir/page" ]
    curl -sS -L -o "$dir/closed" "$(cat "$dir/page")"
    wait "$login"
}

@test "a login: it is kept, renewed, and never shown" {
    server /oauth
    calls far.expire
    start
    eventually in_mcp_state unauthorized
    same "$(field /mcp_servers/0/error)" "a person must log in: corax login far: it wants a login"
    login
    eventually in_mcp_state ready
    has "$(cat "$dir/closed")" "You can close this page"
    same "$(grep -c '^register native' "$ledger")" 1
    has "$(cat "$ledger")" "authorize resource=http://127.0.0.1:$port/oauth scope=['use']"
    same "$(stat -c %a "$dir/state/mcp/far.json")" 600
    submit go
    await
    same "$(field /answer)" expired
    still_works
    same "$(grep -c 'token refresh_token True' "$ledger")" 1
    stop TERM
    calls far.forge
    go
    same "$(field /answer)" forged
    same "$(grep -c '^register' "$ledger")" 1
    same "$(grep -cE '\bt[0-9]+\b|c0de' "$dir/log" || true)" 0
    # An answer that is not the authorization server's.
    run login
    same "$status" 1
    has "$(cat "$dir/login")" "does not come from http://127.0.0.1:$port (iss)"
    still_works
}

@test "logging in to what is not there, or has no login" {
    server /json
    start
    eventually in_mcp_state ready
    run "$build/corax" login nobody --socket "$sock"
    same "$status" 1
    has "$output" 'there is no MCP server "nobody"'
    api POST /v1/mcp-servers/far/login '{}'
    same "$code $(field /error/param)" "400 redirect_uri"
    api GET /v1/mcp-servers/far/login
    same "$code" 405
    api POST /v1/mcp-servers/far/login '{"redirect_uri":"http://127.0.0.1:1/callback","callback":"code=1"}'
    same "$code" 400
    has "$(field /error/message)" "no login was begun"
}
