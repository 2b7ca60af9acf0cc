#!/usr/bin/env bats
# The journal as a whole, over HTTP: copies, checks, what is deleted by itself, who may ask, and how it is synced.
# What they do to the database is journal_upkeep-t's.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

hello='{"hello":[{"text":"Hello."}]}'

@test "a copy of the journal is made while it is in use" {
    script <<< "$hello"
    start
    submit hello
    await
    api POST /v1/journal/backups '{"name":"monday.db"}'
    same "$code" 201
    same "$(field /path)" "$dir/state/backups/monday.db"
    same "$(field /bytes)" "$(stat -c %s "$dir/state/backups/monday.db")"
    same "$(stat -c %a "$dir/state/backups/monday.db")" 600
    run "$build/coraxd" --check-journal "$dir/state/backups/monday.db"
    [ "$status" -eq 0 ]
    has "$output" '"tasks":1'
    has "$output" '"ok":true'
    api POST /v1/journal/backups '{"name":"monday.db"}'
    same "$code" 400
    has "$body" "is there already: give another name"
    api POST /v1/journal/backups # the time is its name
    same "$code" 201
    same "$(find "$dir/state/backups" -type f | wc -l)" 2
    stop TERM
    rm -rf "$dir/state/corax.db"
    cp "$dir/state/backups/monday.db" "$dir/state/corax.db"
    start # with the copy as its journal
    api GET "/v1/tasks/$id"
    same "$code" 200
    same "$(field /answer)" "Hello."
}

@test "names of copies stay in their folder" {
    script <<< "$hello"
    start
    for name in ../x a/b .x '' "$(printf 'x%.0s' $(seq 200))"; do
        api POST /v1/journal/backups "{\"name\":\"$name\"}"
        same "$code" 400
        has "$body" "the name of a copy has letters"
    done
    api POST /v1/journal/backups '{"nmae":"x"}'
    same "$code" 400
    has "$body" 'unknown key'
    api POST /v1/journal/backups '{"name":5}'
    same "$code" 400
    api GET /v1/journal/backups
    same "$code" 405
}

@test "the journal is checked while it is in use" {
    script <<< "$hello"
    start
    submit hello
    await
    api POST /v1/journal/check
    same "$code" 200
    same "$(field /ok)" true
    same "$(field /tasks)" 1
    same "$(ls "$dir/state" | grep -c check || true)" 0
}

@test "what is wrong is told" {
    script <<< "$hello"
    start
    submit hello
    await
    stop TERM
    command -v sqlite3 > /dev/null || skip "needs sqlite3"
    sqlite3 "$dir/state/corax.db" 'UPDATE tasks SET last_seq = last_seq + 1'
    start
    api POST /v1/journal/check
    same "$code" 200
    same "$(field /ok)" false
    has "$(field /problems/0)" "task $id stands at event"
    run "$build/corax" --socket "$sock" db check
    [ "$status" -eq 1 ]
    has "$output" "amiss  task $id stands at event"
    stop TERM
    run "$build/coraxd" --check-journal "$dir/state/corax.db"
    [ "$status" -eq 1 ]
    has "$output" '"ok":false'
    run "$build/coraxd" --check-journal "$dir/nothing"
    [ "$status" -eq 1 ]
    has "$output" "No such file"
}

@test "a check that fails says why" {
    script <<< "$hello"
    cp "$build/coraxd" "$dir/coraxd"
    build=$dir start
    # the check is another coraxd, found where this one is: now it is something that fails
    rm "$dir/coraxd"
    printf '#!/bin/sh\necho "coraxd: the disk is on fire" >&2\nexit 3\n' > "$dir/coraxd (deleted)"
    chmod +x "$dir/coraxd (deleted)"
    api POST /v1/journal/check
    same "$code $(field /error/message)" "503 the check of the journal exited with status 3: the disk is on fire"
    run "$build/corax" --socket "$sock" db check
    [ "$status" -eq 1 ]
    has "$output" "the disk is on fire"
    has "$(cat "$dir/log")" "check of the journal: the disk is on fire"
}

@test "what cannot be counted is a problem, not a number" {
    script <<< "$hello"
    start
    submit hello
    await
    stop TERM
    /usr/bin/python3 - "$dir/state/corax.db" << 'PYTHON'
import sqlite3
import sys
db = sqlite3.connect(sys.argv[1])
size, = db.execute("PRAGMA page_size").fetchone()
roots = [page for page, in db.execute("SELECT rootpage FROM sqlite_schema WHERE tbl_name = 'blobs' AND rootpage > 0")]
db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
db.close()
with open(sys.argv[1], "r+b") as f:
    for page in roots:
        f.seek((page - 1) * size)
        f.write(b"\xff" * size)
PYTHON
    run "$build/coraxd" --check-journal "$dir/state/corax.db"
    same "$status" 1
    has "$output" '"blobs":null'
    has "$output" 'malformed: SELECT count(*) FROM blobs'
    has "$output" '"ok":false'
}

@test "a journal that may not be written is not said to be damaged" {
    [ "$(id -u)" = 0 ] || skip "needs root"
    command -v setpriv > "$dir/which" || skip "needs setpriv"
    script <<< "$hello"
    start
    submit hello
    await
    stop TERM
    chmod 444 "$dir/state/corax.db"
    chmod 777 "$dir/state"
    run setpriv --reuid 65534 --clear-groups "$build/coraxd" --check-journal "$dir/state/corax.db"
    same "$status $output" "1 coraxd: $dir/state/corax.db: it may not be written, which the check needs: check a copy of it"
}

@test "only who runs the daemon may ask for them" {
    [ "$(id -u)" = 0 ] || skip "needs root"
    script <<< "$hello"
    start
    nobody="setpriv --reuid 65534 --regid 0 --clear-groups --"
    for path in backups check; do
        code=$($nobody curl -sS -X POST -o /dev/null -w '%{http_code}' --unix-socket "$sock" "http://x/v1/journal/$path")
        same "$code" 403
    done
    same "$(find "$dir/state" -name '*.db' | wc -l)" 1
}

@test "old tasks go by themselves" {
    extra='"journal": { "keep_tasks": 2 },'
    script <<< "$hello"
    start
    first=
    for _ in 1 2 3 4 5; do
        submit hello
        await
        first=${first:-$id}
    done
    eventually gone "$first"
    api GET /v1/tasks
    same "$(printf '%s' "$body" | "$helpers/json-get" --count /tasks)" 2
    api GET "/v1/tasks/$id"
    same "$code" 200
}

gone() {
    api GET "/v1/tasks/$1"
    [ "$code" = 404 ]
}

threads() { # of the daemon, and not its children: in those a sanitizer cannot look for leaks while they are traced
    local task
    for task in "/proc/$pid"/task/*; do
        printf -- '-p %s ' "${task##*/}"
    done
}

traced() {
    local status
    for status in "/proc/$pid"/task/*/status; do
        grep -q '^TracerPid:[[:space:]]*[1-9]' "$status" || return 1
    done
}

@test "synchronous normal waits for no disk, full does" {
    command -v strace > /dev/null || skip "needs strace"
    for mode in full normal; do
        extra="\"journal\": { \"synchronous\": \"$mode\" },"
        script <<< "$hello"
        start
        # shellcheck disable=SC2046 # words
        strace -qq -e trace=fdatasync,fsync -o "$dir/$mode" $(threads) &
        tracer=$!
        eventually traced
        for _ in 1 2 3 4 5 6 7 8; do # where it is idle in between, it copies its log back, and then waits in either mode
            submit hello
            await
        done
        kill -INT "$tracer" # before the end: a sanitizer looks for leaks then, and cannot while it is traced
        wait "$tracer" || true
        stop TERM
    done
    full=$(grep -c sync "$dir/full" || true)
    normal=$(grep -c sync "$dir/normal" || true)
    echo "full $full normal $normal"
    [ "$full" -gt "$normal" ]
}
