#!/usr/bin/env bats
# The hosts of one plugin: how many there are, which calls they take, and what their end costs.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

# A reader that takes 2 s a call, others that hang or crash, and N tasks that call one of them.
setup_plugin() {
    printf '{"name":"ledger","ledger":"%s","tools":[%s,%s,%s,%s]}\n' "$ledger" "$(tool slow '"read"' '"idempotent"')" \
        "$(tool hang '"read"' '"idempotent"')" "$(tool crash '' '')" "$(tool echo '' '"idempotent"')" > "$dir/ledger.so"
    script <<< '{"slow":[{"calls":[{"name":"slow","arguments":"{\"text\":\"a\"}"}]},{"echo":true}],
                 "hang":[{"calls":[{"name":"hang","arguments":"{\"text\":\"a\"}"}]},{"echo":true}],
                 "crash":[{"calls":[{"name":"crash","arguments":"{\"text\":\"a\"}"}]},{"echo":true}],
                 "echo":[{"calls":[{"name":"echo","arguments":"{\"text\":\"a\"}"}]},{"echo":true}]}'
    extra='"max_running": 8'
}

submit_all() { # NAME N: their ids in $ids
    local i
    ids=
    for ((i = 0; i < $2; i++)); do
        submit "$1"
        ids+="$id "
    done
}

processes() { # so many hosts has the plugin, so many of them busy
    api GET /healthz
    same "$(python3 -c '
import json, sys
at = json.load(sys.stdin)["hosts"][0]["processes"]
print(len(at), sum(p["busy"] for p in at))' <<< "$body")" "$1"
}

@test "calls that wait for a busy host get another one, up to the limit" {
    setup_plugin
    processes=3
    start
    submit_all slow 5
    eventually processes "3 3"
    for id in $ids; do
        await
        same "$(field /answer)" a
    done
    processes "3 0"
}

@test "short calls have one host, however many there are" {
    setup_plugin
    start
    for _ in 1 2 3 4 5 6; do
        submit echo
        await
        same "$(field /answer)" a
    done
    processes "1 0"
}

@test "a call that is cancelled or crashes costs no other one" {
    setup_plugin
    deadline=20000
    start
    submit_all slow 2
    slow=$ids
    submit hang
    hang=$id
    eventually processes "3 3"
    "$build/corax" -s "$sock" cancel "$hang"
    submit crash
    await
    has "$(events tool_result parts/0/text)" "broke down during the call"
    for id in $slow; do
        await
        same "$(field /answer)" a
    done
}
