# What the bats files of the daemon share: a coraxd of their own in a folder of their own, with a scripted model
# (scripted-infer.c) and a scripted plugin (scripted-host.c) that writes what it did into a ledger outside.
#
# shellcheck shell=bash disable=SC2034

build=${CORAX_BUILDDIR:?run by make check}
helpers=$build/tests/daemon

schema='"inputSchema":{"type":"object","properties":{"text":{"type":"string"}},"required":["text"],"additionalProperties":false}'

tool() { # NAME EFFECTS TRAITS
    printf '{"name":"%s","description":"%s",%s,"_meta":{"corax/effects":[%s],"corax/traits":[%s]}}' "$1" "$1" "$schema" "$2" "$3"
}

setup() {
    dir=$(mktemp -d /tmp/corax-test.XXXXXX)
    chmod 711 "$dir"
    sock=$dir/s.sock
    ledger=$dir/ledger
    : > "$ledger"
    pid=
    keeper=
    also= # what else a test has started, to be ended with it
    printf '{"name":"ledger","ledger":"%s","tools":[%s,%s,%s,%s,%s,%s,%s,%s,%s,%s]}\n' "$ledger" \
        "$(tool echo '' '"idempotent"')" "$(tool append '"write"' '')" "$(tool append_slow '"write"' '')" \
        "$(tool append_again_slow '"write"' '"idempotent"')" "$(tool crash '' '')" "$(tool hang '' '')" \
        "$(tool garbage '' '')" "$(tool fail '' '')" "$(tool flood '' '')" "$(tool wipe '"write"' '"destructive"')" > "$dir/ledger.so"
    cat > "$dir/policy.json" <<'POLICY'
{ "policy": 1, "id": "test", "rules": [
  { "id": "free", "allow": "ledger.*", "why": "the ledger is there for it" },
  { "id": "append", "ask": "ledger.append", "why": "somebody should look" },
  { "id": "wipe", "deny": "ledger.wipe", "why": "nobody wipes" } ] }
POLICY
    printf '{}' > "$dir/script.json"
    extra=
    stopping='"seconds": 1' # tests leave tasks at work behind
    preload=
}

# In a sanitizer build the end of the daemon is where leaks are told.
teardown() {
    local found=0
    stop TERM
    if grep -E 'Sanitizer|runtime error|Assertion' -A 30 "$dir/log" 2> /dev/null; then found=1; fi
    for keeper in $keeper $also; do kill "$keeper"; done
    rm -rf "$dir"
    return "$found"
}

# Replies of the model by the user's text.
script() {
    cat > "$dir/script.json"
}

config() {
    cat > "$dir/corax.conf" <<CONF
{ "socket": "$sock", "state": "$dir/state", "model": "${model:-$dir/script.json}",
  "plugins": ["${plugin:-$dir/ledger.so}"], "policies": ["$dir/policy.json"],
  "infer": { "path": "${infer:-$helpers/scripted-infer}" },
  "host": { "path": "${host:-$helpers/scripted-host}", "deadline_ms": ${deadline:-10000}, "processes": ${processes:-4} },
  "box": { "path": "${box_path:-$helpers/scripted-box}" }, "stop": { $stopping }, $extra }
CONF
}

# Mounts something on $dir/state in a mount namespace of its own, in which start() then starts the daemon.  A process keeps
# it until the test ends.
in_a_namespace() { # MOUNT COMMAND...
    mkdir "$dir/state"
    unshare -m sh -c '"$@" && : > "$0" && exec sleep 600' "$dir/mounted" "$@" 2> "$dir/unshare" 3>&- &
    keeper=$!
    until [ -e "$dir/mounted" ]; do
        if ! kill -0 "$keeper" 2> "$dir/kill"; then
            keeper=
            skip "needs mount namespaces: $(cat "$dir/unshare")"
        fi
        sleep 0.02
    done
}

inside() { # COMMAND...: in that namespace, where there is one
    if [ -n "$keeper" ]; then
        exec nsenter -t "$keeper" -m -- "$@"
    else
        exec "$@"
    fi
}

start() {
    config
    # shellcheck disable=SC2086 # words
    inside env $preload "$build/coraxd" -d -c "$dir/corax.conf" "$@" 2>> "$dir/log" 3>&- &
    pid=$!
    for _ in $(seq 600); do
        curl -fsS --unix-socket "$sock" http://x/_ping > "$dir/pong" 2> "$dir/curl" && return 0
        kill -0 "$pid" 2> /dev/null || break
        sleep 0.05
    done
    cat "$dir/log"
    return 1
}

stop() { # SIGNAL
    if [ -n "$pid" ]; then
        kill "-${1:-TERM}" "$pid" 2> /dev/null || true
        wait "$pid" 2> /dev/null || ended=$?
        pid=
    fi
}

# api METHOD PATH [BODY [curl options...]]: $code, $body, headers in $dir/headers
api() {
    local method=$1 path=$2 data=${3-}
    shift 2
    [ $# -gt 0 ] && shift
    code=$(curl -sS -X "$method" ${data:+--data-binary "$data"} -D "$dir/headers" -o "$dir/body" -w '%{http_code}' \
        --max-time 90 --unix-socket "$sock" "$@" "http://x$path")
    body=$(cat "$dir/body")
}

field() { # POINTER: of $body
    printf '%s' "$body" | "$helpers/json-get" "$1"
}

submit() { # TEXT [MORE MEMBERS]: $id
    api POST /v1/tasks "{\"input\":\"$1\"${2:+,$2}}"
    [ "$code" = 201 ] || { echo "$code $body"; return 1; }
    id=$(field /id)
}

await() { # waits until the task is finished or waits for somebody
    api GET "/v1/tasks/${1:-$id}?wait=60"
}

kinds() { # of the trace's events, in one line
    api GET "/v1/tasks/${1:-$id}/trace"
    local n i
    n=$(printf '%s' "$body" | "$helpers/json-get" --count /events)
    for i in $(seq 0 $((n - 1))); do
        field "/events/$i/kind"
    done | tr '\n' ' '
}

events() { # KIND MEMBER...: of the task $id, a line for each event of that kind; a member of a member as label/integrity
    api GET "/v1/tasks/$id/trace"
    local n i member line
    n=$(printf '%s' "$body" | "$helpers/json-get" --count /events)
    for i in $(seq 0 $((n - 1))); do
        [ "$(field "/events/$i/kind")" = "$1" ] || continue
        line=
        for member in "${@:2}"; do
            line+=${line:+ }$(field "/events/$i/$member" || true)
        done
        printf '%s\n' "$line"
    done
}

# What the model was asked, where the script says that it is recorded in $dir/asked.
asks() { # how often
    grep -c '"method":"chat"' "$dir/asked" || true
}

has_asked() { # TIMES
    [ "$(asks)" = "$1" ]
}

asked() { # N POINTER: of the params of the Nth ask, from 1, as they came
    grep '"method":"chat"' "$dir/asked" | sed -n "$1p" | "$helpers/json-get" "/params$2"
}

# Waits until a command succeeds.
eventually() {
    for _ in $(seq 600); do
        "$@" && return 0
        sleep 0.05
    done
    echo "never: $*"
    return 1
}

same() { # GOT WANT
    [ "$1" = "$2" ] || { printf 'got  %s\nwant %s\n' "$1" "$2"; return 1; }
}

has() { # TEXT NEEDLE
    case $1 in *"$2"*) return 0 ;; esac
    printf '%s\ndoes not contain %s\n' "$1" "$2"
    return 1
}

begins() { # WHOLE BEGINNING
    case $1 in "$2"*) return 0 ;; esac
    printf '%s\ndoes not begin with %s\n' "$1" "$2"
    return 1
}

in_state() { # STATE [ID]
    api GET "/v1/tasks/${2:-$id}"
    [ "$(field /state)" = "$1" ]
}

now_ms() { # [MORE MILLISECONDS]
    echo $(($(date +%s%3N) + ${1:-0}))
}

one_runs() {
    api GET /healthz
    [ "$(field /tasks/running)" = 1 ]
}

waiting() { # for a person: $hash is what is to be approved
    await
    same "$(field /state)" waiting
    hash=$(field /waiting_for/request_hash)
}

schedule() { # TEXT RULE [MORE MEMBERS]: $schedule
    eventually all_known
    api POST /v1/schedules "{\"input\":\"$1\",\"every\":\"$2\"${3:+,$3}}"
    [ "$code" = 201 ] || { echo "$code $body"; return 1; }
    schedule=$(field /id)
}

all_known() { # schedules, after a start
    api GET /v1/schedules
    [ "$code" = 200 ]
}

known() { # $schedule
    api GET "/v1/schedules/$schedule"
    [ "$code" = 200 ]
}

has_run() { # TIMES
    known && [ "$(field /runs)" -ge "$1" ]
}
