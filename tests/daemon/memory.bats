#!/usr/bin/env bats
# Memories over HTTP and by corax: added, listed, searched, shown, exported, forgotten; who sees what; what is refused.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

corax() {
    run "$build/corax" --socket "$sock" "$@"
}

add() { # JSON: $id
    api POST /v1/memory "$1"
    same "$code" 201
    id=$(field /id)
}

found() { # QUERY: the texts, in their order
    api GET "/v1/memory?$1"
    same "$code" 200
    local n
    for n in $(seq 0 $(($(printf '%s' "$body" | "$helpers/json-get" --count /memories) - 1))); do
        field "/memories/$n/text"
    done
}

@test "a memory is added, found, shown and forgotten" {
    start
    add '{"kind":"fact","text":"aspirin melts at 135 degrees","tags":["lab","melting"]}'
    same "$(field /kind) $(field /space) $(field /integrity) $(field /confidentiality) $(field /task)" "fact default trusted internal null"
    has "$(cat "$dir/headers")" "Location: /v1/memory/$id"
    first=$id
    add '{"kind":"fact","text":"caffeine melts at 235 degrees","space":"lab"}'
    add '{"kind":"note","label":"plan","text":"first this","space":"lab"}'
    same "$(field /max_chars)" 2000
    same "$(found '')" "first this
caffeine melts at 235 degrees
aspirin melts at 135 degrees"
    same "$(found 'q=where%20does%20aspirin%20melt')" "aspirin melts at 135 degrees
caffeine melts at 235 degrees"
    same "$(found 'kind=note')" "first this"
    same "$(found 'space=lab&kind=fact')" "caffeine melts at 235 degrees"
    same "$(found 'tag=melting')" "aspirin melts at 135 degrees"
    same "$(found 'tag=melt')" ""
    found "before=$id&limit=1" > "$dir/out"
    same "$(cat "$dir/out")" "caffeine melts at 235 degrees"
    same "$(field /more)" true
    api GET "/v1/memory/$first"
    same "$code $(field /text) $(field /tags)" '200 aspirin melts at 135 degrees ["lab","melting"]'
    stop KILL
    start
    api DELETE "/v1/memory/$first"
    same "$code" 204
    api GET "/v1/memory/$first"
    same "$code $(field /error/code)" "404 memory_not_found"
    api DELETE "/v1/memory/$first"
    same "$code" 404
    same "$(found 'q=aspirin')" ""
    same "$(found '')" "first this
caffeine melts at 235 degrees"
}

@test "what is searched for is words, whatever they are" {
    start
    add '{"kind":"fact","text":"aspirin melts"}'
    for q in '%22' 'NOT' 'aspirin%20NOT%20melts' 'text:aspirin' 'NEAR(' '%2A' '(((' '%7Bspace%7D%20:%201' "'%20OR%201=1"; do
        api GET "/v1/memory?q=$q"
        same "$code" 200
    done
    same "$(found 'q=text:aspirin')" "aspirin melts"
    api GET "/v1/memory?q=$(printf 'x%.0s' $(seq 5000))"
    same "$code $(field /error/param)" "400 q"
}

@test "what is wrong is said" {
    start
    for bad in '{"text":"x"}:kind' '{"kind":"fact"}:text' '{"kind":"note","text":"x"}:label' '{"kind":"fact","text":"x","space":"No"}:space' \
        '{"kind":"fact","text":"x","tags":["a b"]}:tags' '{"kind":"episode","text":"x"}:kind' '{"kind":"fact","text":"x","integrity":"good"}:integrity'; do
        api POST /v1/memory "${bad%:*}"
        same "$code $(field /error/param)" "400 ${bad##*:}"
    done
    api POST /v1/memory '{"kind":"fact","text":"x","id":"1"}'
    same "$code $(field /error/code)" "400 unknown_member"
    api POST /v1/memory 'x'
    same "$code $(field /error/code)" "400 bad_json"
    add '{"kind":"note","label":"plan","text":"x"}'
    api POST /v1/memory '{"kind":"note","label":"plan","text":"y"}'
    same "$code $(field /error/code)" "409 memory_exists"
    api GET /v1/memory?kind=thought
    same "$code $(field /error/param)" "400 kind"
    api GET '/v1/memory?limit=0'
    same "$code" 400
    api GET /v1/memory/x
    same "$code" 404
    api PUT /v1/memory '{}'
    same "$code" 405
    api POST "/v1/memory/$id" '{}'
    same "$code" 405
    has "$(cat "$dir/headers")" "Allow: GET, HEAD, DELETE"
    extra='"memory": { "max_items": 1 },'
    stop TERM
    start
    add '{"kind":"fact","text":"x"}'
    api POST /v1/memory '{"kind":"fact","text":"y"}'
    same "$code $(field /error/code)" "429 memory_full"
    extra='"memory": { "space": "No" },'
    config
    run "$build/coraxd" -n -c "$dir/corax.conf"
    [ "$status" -ne 0 ]
    has "$output" "memory.space"
}

@test "another user sees nothing of it" {
    [ "$(id -u)" = 0 ] || skip "needs root"
    command -v setpriv > /dev/null || skip "needs setpriv"
    start
    chmod 777 "$sock"
    curl_as() {
        setpriv --reuid 65534 --clear-groups curl -sS --unix-socket "$sock" "$@"
    }
    mine=$(curl_as --data '{"kind":"fact","text":"nobody likes aspirin"}' http://x/v1/memory | "$helpers/json-get" /id)
    add '{"kind":"fact","text":"root likes aspirin"}'
    same "$(curl_as 'http://x/v1/memory?q=aspirin' | "$helpers/json-get" --count /memories)" 1
    same "$(curl_as 'http://x/v1/memory?q=aspirin' | "$helpers/json-get" /memories/0/text)" "nobody likes aspirin"
    same "$(curl_as 'http://x/v1/memory' | "$helpers/json-get" --count /memories)" 1
    same "$(curl_as -o /dev/null -w '%{http_code}' "http://x/v1/memory/$id")" 404
    same "$(curl_as -o /dev/null -w '%{http_code}' -X DELETE "http://x/v1/memory/$id")" 404
    same "$(found 'q=aspirin' | wc -l)" 2 # root sees all
    api GET "/v1/memory/$mine"
    same "$code $(field /uid)" "200 65534"
}

@test "corax memory" {
    start
    corax memory add --tag lab aspirin melts at 135 degrees
    [ "$status" -eq 0 ]
    id=$output
    corax memory add --space home --note plan --max-chars 10 'first this'
    [ "$status" -eq 0 ]
    run bash -c 'printf "two\nlines\n" | "$1" --socket "$2" memory add --confidentiality secret -' - "$build/corax" "$sock"
    [ "$status" -eq 0 ]
    corax memory ls
    [ "$status" -eq 0 ]
    has "$output" "aspirin melts"
    has "$output" "plan: first this"
    has "$output" "two lines"
    corax memory search where does aspirin melt
    has "${lines[1]}" "$id"
    [ "${#lines[@]}" -eq 2 ]
    corax memory show "${id: -8}"
    [ "$status" -eq 0 ]
    has "$output" "a person"
    has "$output" "tags             lab"
    corax memory export
    [ "${#lines[@]}" -eq 3 ]
    printf '%s\n' "$output" > "$dir/export"
    corax memory --json ls --kind note
    body=$output
    same "$(field /memories/0/label)" plan
    corax memory rm "${id: -8}"
    [ "$status" -eq 0 ]
    same "$output" "forgotten $id"
    corax memory show "$id"
    [ "$status" -eq 1 ]
    corax memory import --space copy "$dir/export"
    [ "$status" -eq 0 ]
    has "$output" "3 added"
    same "$(found 'space=copy' | sort)" "aspirin melts at 135 degrees
first this
lines
two"
    same "$(found 'space=copy&q=two' > /dev/null; field /memories/0/confidentiality)" secret
    corax memory
    [ "$status" -eq 2 ]
    corax memory add
    [ "$status" -eq 2 ]
    corax memory rm zz
    [ "$status" -eq 1 ]
    corax memory add --note Plan x
    [ "$status" -eq 1 ]
    has "$output" "label"
}
