#!/usr/bin/env bats
# A model's question to the folders that corax.conf names: through coraxd, corax-box, corax-host and the plugin search.
# How it ranks and what it says are tests/plugins/search-t.c's.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

config() {
    chmod 755 "$build/.libs/search.so"
    cat > "$dir/policy.json" <<'POLICY'
{ "policy": 1, "id": "test", "rules": [ { "id": "search", "allow": "search.*", "why": "that is what is tested" } ] }
POLICY
    cat > "$dir/corax.conf" <<CONF
{ "socket": "$sock", "state": "$dir/state", "model": "$dir/script.json", "plugins": ["$build/.libs/search.so"],
  "policies": ["$dir/policy.json"], "infer": { "path": "$helpers/scripted-infer" },
  "box": { "path": "$build/corax-box" }, "host": { "path": "$build/corax-host" }, "roots": { $roots } }
CONF
}

searches() { # WORDS
    script <<< "{\"go\":[{\"calls\":[{\"name\":\"search\",\"arguments\":\"{\\\"query\\\":\\\"$1\\\"}\"}]},{\"echo\":true}]}"
}

ask() { # $answer
    submit go
    await
    answer=$(field /answer)
}

@test "a root is searched under its name, and changes are seen" {
    mkdir "$dir/my notes"
    echo 'The kettle is in room 7.' > "$dir/my notes/lab.md"
    roots="\"notes\": \"$dir/my notes\""
    searches kettle
    start
    ask
    same "$answer" "notes/lab.md:1: The kettle is in room 7."
    printf '\nThe kettle is in room 9.\n' > "$dir/my notes/lab.md"
    sleep 1.2
    ask
    same "$answer" "notes/lab.md:2: The kettle is in room 9."
}

@test "without roots the model is told so" {
    roots=
    searches kettle
    start
    ask
    has "$answer" "there is nothing to search: corax.conf names no roots"
}
