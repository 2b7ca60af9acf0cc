#!/usr/bin/env bats
# Memories and tools found by what they mean: with a scripted model of embeddings, for which "automobile" and "car" are the same word.  Vectors
# are made after the write, after a restart, for another model and for a note that has changed; what the model does wrong (it crashes, hangs, is
# slow, gives numbers that are none, too few of them, or too long a line) leaves the search by words; vectors of tools are kept, and serve in each step; replay makes none.
# How good a real model's vectors are is not seen here.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

script() { # as in daemon.bash, with what is asked in $dir/asked
    { printf '{"record":"%s",' "$dir/asked"; cat; printf '}'; } > "$dir/script.json"
}

embed() { # [MORE MEMBERS]: the model of embeddings, with what it is asked in $dir/embedded
    printf '{"record":"%s","embed":{"same":{"automobile":"car","automobiles":"car","cars":"car","rain":"weather","post":"mail"}%s}}' "$dir/embedded" "${1:+,$1}" > "$dir/embed.json"
}

with() { # [MORE MEMBERS]: configures it
    extra='"embedding": { "model": "'$dir'/embed.json", "min_cosine": 0.2'${1:+, $1}' }'${more:+, $more}
}

add() { # TEXT [MORE MEMBERS]: $id
    api POST /v1/memory "{\"kind\":\"fact\",\"text\":\"$1\"${2:+,$2}}"
    same "$code" 201
    id=$(field /id)
}

finds() { # QUERY TEXTS: in their order, with commas between; $body is the answer
    local n texts=
    api GET "/v1/memory?$1"
    [ "$code" = 200 ] || return 1
    for n in $(seq 0 $(($(printf '%s' "$body" | "$helpers/json-get" --count /memories) - 1))); do
        texts+=${texts:+,}$(field "/memories/$n/text")
    done
    [ "$texts" = "$2" ] || { echo "found $texts, not $2"; return 1; }
}

embedded() { # TEXT: how often it was asked for
    grep '"method":"embed"' "$dir/embedded" | grep -c "$1" || true
}

was_embedded() { # TEXT TIMES
    [ "$(embedded "$1")" = "$2" ]
}

is_state() { # of the model of embeddings
    api GET /healthz
    [ "$(field /embedding/state)" = "$1" ]
}

stored() { # SQL
    sqlite3 "$dir/state/corax.db" "$1"
}

@test "a memory is found by what it means, and words still count" {
    embed
    with
    start
    add "the red car is mine"
    add "aspirin melts at 135 degrees"
    eventually finds 'q=automobile' "the red car is mine"
    same "$(field /vectors) $(field /trouble || true)" "true "
    has "$(field /memories/0/cosine)" "0."
    finds 'q=aspirin%20automobile%20melts' "aspirin melts at 135 degrees,the red car is mine"
    finds 'q=unicorn' "" # nothing is near enough
    is_state ready
    has "$("$build/corax" --socket "$sock" doctor)" "embedding"
    same "$(field /embedding/dimensions)" 256
    run "$build/corax" --socket "$sock" memory search automobile
    has "$output" "the red car is mine"
}

@test "without a model of embeddings words alone are searched" {
    start
    add "the red car is mine"
    finds 'q=automobile' ""
    same "$(field /vectors)" false
    is_state none
}

@test "after a restart, and with another model, those without a vector get one" {
    start
    for n in $(seq 40); do add "filler number $n"; done
    add "the red car"
    stop TERM
    embed
    with
    start
    eventually finds 'q=automobile' "the red car"
    same "$(embedded 'filler number 40')" 1
    stop KILL
    start
    eventually finds 'q=automobile' "the red car"
    same "$(embedded 'filler number 40')" 1 # it has its vector already
    stop TERM
    same "$(stored 'SELECT count(*) FROM memory_vectors')" 41
    same "$(stored 'SELECT count(DISTINCT model) FROM memory_vectors')" 1
    embed '"sha256":"another"'
    start
    eventually finds 'q=automobile' "the red car"
    eventually was_embedded 'filler number 40' 2
    stop TERM
    embed '"sha256":"another","dimensions":128'
    start
    eventually finds 'q=automobile' "the red car"
}

@test "a note that has changed is found as it is now" {
    embed
    with
    start
    api POST /v1/memory '{"kind":"note","label":"plan","text":"wash the car"}'
    eventually finds 'q=automobile' "wash the car"
    script <<< '"go":[{"calls":[{"name":"notes_rethink","arguments":"{\"note\":\"plan\",\"text\":\"feed the raven\"}"}]},{"text":"done"}]'
    cat > "$dir/policy.json" <<'POLICY'
{ "policy": 1, "id": "test", "rules": [ { "id": "all", "allow": "*.*", "why": "it is a test" } ] }
POLICY
    stop TERM
    start
    submit go '"memory":"default"'
    await
    same "$(field /answer)" done
    eventually was_embedded 'feed the raven' 1
    eventually finds 'q=automobile' ""
}

@test "a task is told of what its input means, and so is its search; replay makes no vector" {
    embed
    script <<< '"Which automobile can I use?":[{"calls":[{"name":"memory_search","arguments":"{\"query\":\"automobile\"}"}]},{"echo":true}]'
    cat > "$dir/policy.json" <<'POLICY'
{ "policy": 1, "id": "test", "rules": [ { "id": "all", "allow": "*.*", "why": "it is a test" } ] }
POLICY
    more='"memory": { "space": "work" }'
    with '"query_prefix": "query: ", "text_prefix": "passage: "'
    start
    add "red car" '"space":"work"'
    eventually finds 'q=automobile' "red car"
    same "$(embedded 'passage: red car')" 1
    submit "Which automobile can I use?"
    await
    has "$(asked 1 /messages/0/parts/1/text)" ": red car"
    has "$(field /answer)" ": red car"
    same "$(embedded 'query: Which automobile')" 1
    has "$(kinds)" "task_submitted note_added model_replied"
    eventually was_embedded 'Task: Which automobile' 1 # the episode
    cp "$dir/embedded" "$dir/before"
    api GET "/v1/tasks/$id/replay"
    same "$(field /same)" true
    cmp "$dir/before" "$dir/embedded"
}

@test "whatever the model does wrong, searching goes on by words, and says so" {
    for what in crash garbage error nan short few long; do
        embed '"do":"'$what'","on":"garage"'
        with
        start
        add "the red car"
        eventually finds 'q=automobile' "the red car"
        finds 'q=car%20garage' "the red car"
        same "$(field /vectors) $code" "false 200"
        has "$(field /trouble)" "embeddings"
        eventually finds 'q=automobile' "the red car" # it is there again
        run "$build/corax" --socket "$sock" memory search car garage
        has "$output" "the red car"
        has "$output" "found by words alone"
        stop TERM
        rm -rf "$dir/state"
    done
}

@test "a model that crashes once is asked again" {
    embed '"do":"crash","on":"garage","once":"'$dir/once'"'
    with
    start
    add "the red car"
    eventually finds 'q=automobile' "the red car"
    finds 'q=automobile%20garage' "the red car"
    same "$(field /vectors)" true
    api GET /healthz
    same "$(field /embedding/restarts)" 1
}

@test "a text that ends the model does not keep others from their vectors" {
    embed '"do":"crash","on":"poison"'
    with
    start
    add "a poison"
    add "the red car"
    eventually finds 'q=automobile' "the red car"
}

@test "a model that hangs or is slow is not waited for longer than was said" {
    embed '"do":"hang","on":"garage"'
    with '"timeout_ms": 300'
    start
    add "the red car"
    eventually finds 'q=automobile' "the red car"
    begin=$(now_ms)
    finds 'q=car%20garage' "the red car"
    [ $(($(now_ms) - begin)) -lt 3000 ]
    has "$(field /trouble)" "did not answer within 300 ms"
    finds 'q=car' "the red car" # and now nobody waits at all
    has "$(field /trouble)" "too slow"
    stop TERM
    embed '"sleep_ms":5000,"on":"garage"'
    start
    curl -sS --max-time 0.05 --unix-socket "$sock" 'http://x/v1/memory?q=garage' > /dev/null 2>&1 || true # a client that goes meanwhile
    eventually finds 'q=automobile' "the red car"
    finds 'q=car%20garage' "the red car"
    has "$(field /trouble)" "did not answer within 300 ms"
}

@test "a write does not wait for its vector" {
    embed '"do":"hang","on":"the"'
    with
    start
    begin=$(now_ms)
    for n in $(seq 5); do add "the thing $n"; done
    [ $(($(now_ms) - begin)) -lt 2000 ]
    finds q=thing "the thing 5,the thing 4,the thing 3,the thing 2,the thing 1"
}

@test "a model that gives none is told so once" {
    printf '{}' > "$dir/embed.json"
    with
    start
    add "the red car"
    eventually is_state unfit
    finds 'q=car' "the red car"
    has "$(field /trouble)" "is made for something else"
    run "$build/corax" --socket "$sock" doctor
    [ "$status" -ne 0 ]
    has "$output" "embedding"
    has "$output" "found by words alone"
}

described() { # NAME DESCRIPTION
    printf ',{"name":"%s","description":"%s",%s,"_meta":{"corax/effects":[],"corax/traits":["idempotent"]}}' "$1" "$2" "$schema"
}

plugin() { # 30 tools that nothing here is about, the weather's and the mail's
    {
        printf '{"name":"ledger","ledger":"%s","tools":[%s' "$ledger" "$(tool echo '' '"idempotent"')"
        for i in $(seq 30); do described "filler_$i" "Rotates the picture number $i"; done
        described get_weather "weather"
        described send_mail "mail"
        printf ']}\n'
    } > "$dir/ledger.so"
    cat > "$dir/policy.json" <<'POLICY'
{ "policy": 1, "id": "test", "rules": [ { "id": "all", "allow": "*.*", "why": "it is a test" } ] }
POLICY
}

names() { # N: of the tools of the Nth ask, in one line
    local i
    for i in $(seq 0 $(($(grep '"method":"chat"' "$dir/asked" | sed -n "$1p" | "$helpers/json-get" --count /params/tools) - 1))); do
        asked "$1" "/tools/$i/name"
    done | tr '\n' ' '
}

offered() { # TOOL
    submit "rain"
    await
    case " $(names "$(asks)")" in *" $1 "*) return 0 ;; esac
    return 1
}

@test "tools are chosen and found by what they mean; their vectors are kept, and replay makes none" {
    embed
    plugin
    more='"tool_retrieval": { "max_tools": 10, "top_k": 1 }'
    with
    script <<< '"rain":[{"calls":[{"name":"find_tools","arguments":"{\"query\":\"post\",\"limit\":1}"}]},{"echo":true}]'
    start
    eventually was_embedded 'send_mail' 1
    eventually offered get_weather
    has "$(field /answer)" '"name":"send_mail"'
    same "$(events tools_offered how names vectors)" 'task ["get_weather"] true
find_tools ["send_mail"] true'
    cp "$dir/embedded" "$dir/before"
    api GET "/v1/tasks/$id/replay"
    same "$(field /same)" true
    cmp "$dir/before" "$dir/embedded"
    stop KILL
    start
    eventually offered get_weather
    same "$(embedded filler_30)" 1
    same "$(embedded filler_1:)" 1
}

@test "without the model tools are chosen by words" {
    embed '"do":"crash","on":"rain"'
    plugin
    more='"tool_retrieval": { "max_tools": 10, "top_k": 1 }'
    with
    script <<< '"rain or weather":[{"calls":[{"name":"find_tools","arguments":"{\"query\":\"rain mail\",\"limit\":1}"}]},{"echo":true}]'
    start
    submit "rain or weather"
    await
    has "$(names 1)" "get_weather"
    has "$(field /answer)" '"name":"send_mail"'
    same "$(events tools_offered vectors)" 'false
false'
    stop KILL
    start
    api GET "/v1/tasks/$id/replay"
    same "$(field /same)" true
}

@test "killed while it waits for a vector, a task goes on" {
    embed '"sleep_ms":1500,"on":"rain"'
    plugin
    more='"tool_retrieval": { "max_tools": 10, "top_k": 1 }'
    with '"timeout_ms": 20000'
    script <<< '"rain":[{"text":"done"}]'
    start
    submit rain
    sleep 0.3
    stop KILL
    start
    await
    same "$(field /answer)" done
    submit rain
    sleep 0.3
    api DELETE "/v1/tasks/$id"
    stop TERM
}

wants_post() { # MORE: a model that after its first call wants what only vectors know as mail
    script <<< '"rain":[{"text":"done"}],"rain again":[{"reasoning":"Post.","calls":[{"name":"get_weather","arguments":"{\"text\":\"post'"${1-}"'\"}"}]},{"text":"done"}]'
}

@test "a step finds a tool by what the newest text means, and waits for its vector once; replay makes none" {
    embed
    plugin
    more='"tool_retrieval": { "max_tools": 10, "top_k": 1 }'
    with
    wants_post
    start
    eventually was_embedded 'send_mail' 1
    eventually offered get_weather
    submit "rain again"
    await
    same "$(field /answer)" done
    same "$(events tools_offered how names vectors)" 'task ["get_weather"] true
step ["send_mail"] true'
    has "$(names "$(asks)")" "send_mail"
    same "$(embedded 'Post\..npost')" 1
    cp "$dir/embedded" "$dir/before"
    api GET "/v1/tasks/$id/replay"
    same "$(field /same)" true
    cmp "$dir/before" "$dir/embedded"
}

@test "a model that hangs or crashes in a step costs no more than its time, and the step says that it was done without" {
    for what in hang crash; do
        embed '"do":"'$what'","on":"Post."'
        plugin
        more='"tool_retrieval": { "max_tools": 10, "top_k": 1 }'
        with '"timeout_ms": 400'
        wants_post ' mail'
        start
        eventually was_embedded 'send_mail' 1
        eventually offered get_weather
        begin=$(now_ms)
        submit "rain again"
        await
        [ $(($(now_ms) - begin)) -lt 3000 ]
        same "$(field /answer)" done
        same "$(events tools_offered how names vectors)" 'task ["get_weather"] true
step ["send_mail"] false'
        grep -q "task $id: searches by words alone" "$dir/log"
        stop KILL
        start
        api GET "/v1/tasks/$id/replay"
        same "$(field /same)" true
        stop TERM
        rm -rf "$dir/state" "$dir/embedded" "$dir/asked"
    done
}

@test "killed while a step waits for its vector, a task goes on" {
    embed '"sleep_ms":1500,"on":"Post."'
    plugin
    more='"tool_retrieval": { "max_tools": 10, "top_k": 1 }'
    with '"timeout_ms": 20000'
    wants_post
    start
    eventually was_embedded 'send_mail' 1
    eventually offered get_weather
    submit "rain again"
    eventually was_embedded 'Post\..npost' 1
    sleep 0.3 # until what came before is stored
    stop KILL
    start
    await
    same "$(field /answer)" done
    same "$(events tools_offered how names vectors)" 'task ["get_weather"] true
step ["send_mail"] true'
    api GET "/v1/tasks/$id/replay"
    same "$(field /same)" true
    submit "rain again"
    eventually was_embedded 'Post\..npost' 3
    api DELETE "/v1/tasks/$id"
    stop TERM
}

@test "the configuration is checked" {
    for bad in '"embedding": {}:embedding.model' '"embedding": { "model": "none" }:there is no model' '"embedding": { "model": "/nowhere/m.gguf" }:/nowhere/m.gguf' \
        '"embedding": { "model": "/m", "query_prefix": 1 }:embedding.query_prefix' '"embedding": { "model": "/m", "prefix": "" }:unknown key' \
        '"embedding": { "model": "/m", "timeout_ms": 0 }:embedding.timeout_ms' '"embedding": { "model": "/m", "min_cosine": 2 }:embedding.min_cosine'; do
        extra=${bad%:*}
        config
        run "$build/coraxd" -n -c "$dir/corax.conf"
        [ "$status" -ne 0 ]
        has "$output" "${bad##*:}"
    done
    embed
    extra='"models": { "words": "'$dir'/embed.json" }, "embedding": { "model": "words", "min_cosine": 0.2 }'
    start
    add "the red car"
    eventually finds 'q=automobile' "the red car"
    extra='"models": { "words": "'$dir'/embed.json" }, "embedding": { "model": "words", "text_prefix": "x" }'
    config
    kill -HUP "$pid"
    eventually grep -q 'what has changed of embedding holds after a restart' "$dir/log"
}
