#!/usr/bin/env bats
# What the model is sent, as it comes out of coraxd: the tools and all that was sent before are the same bytes in every
# ask of a task, over failed replies, the last ask and kill -9; what is new comes behind; what is left out is an event.
# And replies with several calls.  The transcript's own form is in tests/agent/transcript-t.c.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

script() { # as in daemon.bash, with what is asked in $dir/asked
    { printf '{"record":"%s",' "$dir/asked"; cat; printf '}'; } > "$dir/script.json"
}

names() { # of the tools of the first ask
    local i
    for i in $(seq 0 $(($(grep '"method":"chat"' "$dir/asked" | head -n 1 | "$helpers/json-get" --count /params/tools) - 1))); do
        asked 1 "/tools/$i/name"
    done
}

calls='"two":[{"do":"empty","once":"DIR/empty","reasoning":"Two.","calls":[{"name":"echo","arguments":"{\"text\":\"one\"}"},
                                                                          {"name":"append_slow","arguments":"{\"text\":\"two\"}"}]},
              {"calls":[{"name":"echo","arguments":"{\"text\":\"three\"}"}]},{"text":"done"}]'

@test "each ask begins with the bytes of the one before" {
    script <<< "${calls//DIR/$dir}"
    extra='"date_note": true, "system": "Be brief."'
    start
    submit two '"budget":{"steps":4}'
    await
    same "$(field /answer) $(asks)" "done 4"
    # the second ask is another attempt, the last must be an answer
    same "$(asked 1 /sampling/temperature) $(asked 2 /sampling/temperature)" "0 0.7"
    same "$(asked 3 /tool_choice) $(asked 4 /tool_choice)" "auto none"
    same "$(asked 1 /messages/0/role)" system
    same "$(asked 2 /messages)" "$(asked 1 /messages)"
    for n in 2 3 4; do
        same "$(asked $n /tools)" "$(asked 1 /tools)"
        earlier=$(asked $((n - 1)) /messages)
        begins "$(asked $n /messages)" "${earlier%]}"
        whole=$(asked $((n - 1)) "")
        begins "$(asked $n "")" "${whole%%],\"max_tokens\":*}"
    done
}

@test "tools are sorted by name, ask_user among them" {
    script <<< "${calls//DIR/$dir}"
    start
    submit two
    await
    same "$(names)" "$(names | LC_ALL=C sort)"
    same "$(names | grep -c '^ask_user$')" 1
    has "$(names | tr '\n' ' ')" "append_slow ask_user crash echo"
}

@test "the date goes behind the task's input, once" {
    script <<< "${calls//DIR/$dir}"
    extra='"date_note": true'
    export TZ=UTC
    start
    submit two
    today=$(LC_ALL=C date -u -d "@$(($(field /created_ms) / 1000))" "+Today is %A, %F.")
    await
    same "$(asked 4 /messages/0/parts)" "[{\"type\":\"text\",\"text\":\"two\"},{\"type\":\"text\",\"text\":\"\\n$today\"}]"
    begins "$(kinds)" "task_submitted note_added model_replied model_replied "
    api GET "/v1/tasks/$id/trace"
    same "$(field /events/1/about) $(field /events/1/text)" "date $today"
    has "$("$build/corax" --socket "$sock" trace "$id")" "note       date: $today"
}

@test "without date_note the input is sent as it is" {
    script <<< "${calls//DIR/$dir}"
    start
    submit two
    await
    same "$(asked 4 /messages/0)" '{"role":"user","parts":[{"type":"text","text":"two"}]}'
}

is_stored() {
    has "$(kinds)" "$1"
}

@test "after kill -9 the model is sent the same bytes" {
    script <<< '"go":[{"do":"hang","once":"'"$dir/first"'","calls":[{"name":"echo","arguments":"{\"text\":\"0123456789\"}"}]},
                      {"do":"hang","once":"'"$dir/second"'","text":"done"}]'
    extra='"date_note": true'
    start
    submit go '"budget":{"observation_bytes":64}'
    eventually has_asked 1
    stop KILL
    start
    eventually has_asked 3
    eventually is_stored "tool_result"
    stop KILL
    start
    await
    same "$(field /answer) $(asks)" "done 4"
    same "$(asked 2 "")" "$(asked 1 "")"
    same "$(asked 4 "")" "$(asked 3 "")"
    has "$(asked 4 /messages/0/parts/1/text)" "Today is "
    same "$(kinds | tr ' ' '\n' | grep -c note_added)" 1
}

long=$(head -c 300 /dev/zero | tr '\0' x)
cut_script='"cut":[{"calls":[{"name":"echo","arguments":"{\"text\":\"LONG\"}"}]},{"do":"hang","once":"DIR/hung","echo":true}],
    "ask":[{"calls":[{"name":"ask_user","arguments":"{\"question\":\"which?\"}"}]},{"echo":true}]'
cut_script=${cut_script//LONG/$long}

@test "what is cut off a result is an event" {
    : > "$BATS_TEST_TMPDIR/hung"
    script <<< "${cut_script//DIR/$BATS_TEST_TMPDIR}"
    start
    submit cut '"budget":{"observation_bytes":100}'
    await
    has "$(field /answer)" "x
[200 more bytes were left out]"
    has "$(kinds)" "tool_intent tool_result observation_cut model_replied task_finished"
    api GET "/v1/tasks/$id/trace"
    same "$(field /events/5/call_id) $(field /events/5/bytes) $(field /events/5/kept)" "c1 300 100"
    same "$(field /events/4/parts/0/text)" "$long"
    has "$("$build/corax" --socket "$sock" trace "$id")" "cut        c1 the model sees 100 bytes of 300"
    has "$("$build/corax" --socket "$sock" watch "$id" 2>&1)" "cut      the model sees 100 bytes of 300"
    submit cut '"budget":{"observation_bytes":300}'
    await
    has "$(kinds)" "tool_intent tool_result model_replied task_finished"
}

@test "so is what is cut off an answer of a person" {
    script <<< "$cut_script"
    start
    submit ask '"budget":{"observation_bytes":64}'
    await
    api POST "/v1/tasks/$id/input" "{\"answer\":\"$long\"}"
    same "$code" 200
    await
    has "$(kinds)" "question_asked human_said observation_cut model_replied task_finished"
    api GET "/v1/tasks/$id/trace"
    same "$(field /events/4/call_id) $(field /events/4/bytes) $(field /events/4/kept)" "c1 300 64"
}

@test "a journal of before, without that event, goes on with the same bytes" {
    command -v python3 > "$dir/which" || skip "needs python3"
    script <<< "${cut_script//DIR/$dir}"
    start
    submit cut '"budget":{"observation_bytes":100}'
    eventually is_stored "observation_cut"
    eventually has_asked 2
    stop KILL
    python3 - "$dir/state/corax.db" << 'PYTHON'
import sqlite3, sys

db = sqlite3.connect(sys.argv[1])
assert db.execute("DELETE FROM events WHERE kind = 'observation_cut'").rowcount == 1
assert db.execute("UPDATE tasks SET last_seq = last_seq - 1").rowcount == 1
db.commit()
PYTHON
    start
    await
    has "$(field /answer)" "[200 more bytes were left out]"
    same "$(asked 3 "")" "$(asked 2 "")"
    has "$(kinds)" "tool_intent tool_result task_resumed model_replied task_finished"
}

@test "a person's reason comes whole" {
    reason=$(head -c 1900 /dev/zero | tr '\0' r)
    script <<< '"write":[{"calls":[{"name":"append","arguments":"{\"text\":\"one\"}"}]},{"echo":true}]'
    start
    submit write
    await
    api POST "/v1/tasks/$id/input" "{\"deny\":\"$(field /waiting_for/request_hash)\",\"reason\":\"${reason}.\"}"
    same "$code" 200
    await
    same "$(field /answer)" "the person did not allow this call: ${reason}."
}

@test "several calls in a reply are carried out in order" {
    script <<< "${calls//DIR/$dir}"
    start
    submit two
    await
    same "$(cat "$ledger")" two
    same "$(kinds)" "task_submitted model_replied model_replied $(for _ in 1 2; do printf '%s' 'policy_decided tool_intent tool_result '; done)model_replied policy_decided tool_intent tool_result model_replied task_finished "
    api GET "/v1/tasks/$id/trace"
    same "$(field /events/2/calls/0/id) $(field /events/2/calls/1/id) $(field /events/9/calls/0/id)" "c1 c2 c3"
    same "$(asked 4 /messages/1/reasoning) $(asked 4 /messages/1/calls)" \
        'Two. [{"id":"c1","name":"echo","arguments":"{\"text\":\"one\"}"},{"id":"c2","name":"append_slow","arguments":"{\"text\":\"two\"}"}]'
    same "$(asked 4 /messages/2/call_id) $(asked 4 /messages/2/parts/0/text)" "c1 one"
    same "$(asked 4 /messages/3/call_id) $(asked 4 /messages/3/parts/0/text)" "c2 two"
    same "$(asked 4 /messages/4/calls/0/id) $(asked 4 /messages/5/call_id)" "c3 c3"
}

@test "deltas say which call they are of" {
    script <<< '"live":[{"sleep_ms":1500,"reasoning":"Two.","calls":[{"name":"echo","arguments":"{\"text\":\"a\"}"},
                                                               {"name":"fail","arguments":"{\"text\":\"b\"}"}]},{"text":"done"}]'
    start
    submit live
    curl -sSN --max-time 20 --unix-socket "$sock" "http://x/v1/tasks/$id/events" > "$dir/live"
    same "$(grep -A1 '^event: delta' "$dir/live" | grep ^data:)" 'data: {"kind":"reasoning","text":"Two."}
data: {"kind":"call","index":0,"name":"echo","text":""}
data: {"kind":"call","index":0,"text":"{\"text\":\"a\"}"}
data: {"kind":"call","index":1,"name":"fail","text":""}
data: {"kind":"call","index":1,"text":"{\"text\":\"b\"}"}
data: {"kind":"text","text":"done"}'
}
