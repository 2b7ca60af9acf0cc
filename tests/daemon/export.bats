#!/usr/bin/env bats
# Recorded tasks of every shape, exported as scenarios, which the runner of the planners' scenarios takes (tests/agent/scenario-t.c); and where
# something in them was changed, it does not.
# Does not cover: a call that was in doubt after a restart and made again under another policy.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

runner=$build/tests/agent/scenario-t

calls() { # NAME ARGUMENTS...: a reply with these calls
    printf '{"calls":['
    while [ $# -gt 0 ]; do
        printf '{"name":"%s","arguments":"%s"}' "$1" "$(sed 's/\\/\\\\/g; s/"/\\"/g' <<< "$2")"
        shift 2
        [ $# -eq 0 ] || printf ,
    done
    printf ']}'
}

exported() { # the task $id: $dir/task.scn
    "$build/corax" -s "$sock" export "$id" > "$dir/task.scn"
}

passes() {
    exported
    run "$runner" "$dir/task.scn"
    [ "$status" = 0 ] || { cat "$dir/task.scn"; echo "$output"; return 1; }
    has "$output" "ok 2 - task.scn: resumed"
}

# A text in the line that begins so becomes another: then the file must not pass any more.
fails_with() { # LINE SED
    exported
    sed "/^ *$1/ $2" "$dir/task.scn" > "$dir/changed.scn"
    ! cmp -s "$dir/task.scn" "$dir/changed.scn" || { cat "$dir/task.scn"; echo "nothing changed: $1 $2"; return 1; }
    run "$runner" "$dir/changed.scn"
    [ "$status" != 0 ] || { cat "$dir/changed.scn"; echo "passes with: $1 $2"; return 1; }
    has "$output" "not ok 1"
}

finished() { # TEXT [MORE MEMBERS]
    submit "$@"
    await
    same "$(field /state)" finished
}

@test "answers, calls, refusals and what is told of them" {
    script <<< '{"hello":[{"text":"hi","reasoning":"greet"}],
        "two":['"$(calls echo '{"text":"a"}' echo '{"text":"b"}')"',{"text":"both"}],
        "same":['"$(calls echo '{"text":"a"}')"','"$(calls echo '{"text":"a"}')"','"$(calls echo '{"text":"a"}')"',{"text":"well"}],
        "bad":['"$(calls nothing '{}')"','"$(calls echo '{}')"','"$(calls echo 'no JSON')"','"$(calls fail '{"text":"x"}')"',{"text":"well"}],
        "denied":['"$(calls wipe '{"text":"x"}')"',{"text":"no"}],
        "long":['"$(calls echo '{"text":"'"$(printf '\303\244%.0s' $(seq 300))"'"}')"',{"text":"cut"}],
        "crash":[{"do":"error"}], "useless":[{"do":"empty"},{"do":"empty"},{"do":"empty"}]}'
    extra='"date_note": true,'
    start
    for text in hello two same bad denied crash useless; do
        finished "$text"
        passes
    done
    finished long '"budget":{"observation_bytes":101}'
    passes
    fails_with 'TOOL c1 ok' 's/ä/ö/'
    fails_with 'TOOL c1 ok' 's/$/x/'
    grep -q '^NOTE ' "$dir/task.scn"
    finished hello
    fails_with answer 's/hi/ho/'
    fails_with thought 's/greet/grit/'
    finished two
    fails_with 'call-text' 's/"a"/"c"/'
    fails_with 'TOOL c2' 's/ b$/ c/'
    fails_with 'MODEL' '{ N; N; s/\n  call-text echo {"text":"b"}//; }'
    finished bad
    fails_with 'TOOL c4' 's/error .*/error another/'
    finished denied
    fails_with 'TOOL c1' 's/denied .*/ok done/'
    fails_with 'c1 deny' 's/deny/allow/'
    finished useless
    fails_with MODEL 's/$/\n  answer yes/'
}

@test "people: approved, refused, asked, nobody there" {
    script <<< '{"append":['"$(calls append '{"text":"x"}')"',{"text":"done"}],
        "ask":['"$(calls ask_user '{"question":"Which?"}')"',{"echo":true}]}'
    start
    submit append
    waiting
    passes # as far as it has come
    same "$(tail -1 "$dir/task.scn")" END
    api POST "/v1/tasks/$id/input" "{\"approve\":\"$hash\"}"
    await
    same "$(field /answer)" "done"
    passes
    fails_with 'HUMAN yes' 's/yes/no/'
    fails_with 'c1 ask' 's/ask/allow/'
    submit append
    waiting
    api POST "/v1/tasks/$id/input" "{\"deny\":\"$hash\",\"reason\":\"not now\"}"
    await
    passes
    fails_with 'HUMAN no' 's/no/yes/'
    fails_with 'TOOL c1' 's/not now/ever/'
    finished append '"attended":false'
    passes
    submit ask
    await
    passes
    api POST "/v1/tasks/$id/input" '{"answer":"the\nother"}'
    await
    passes
    fails_with 'HUMAN says' 's/other/first/'
    finished ask '"attended":false'
    passes
}

has_begun() {
    has "$(kinds)" tool_intent
}

@test "other planners, ends and cancelled tasks" {
    script <<< '{"plan":[{"text":"Plan: echo"},'"$(calls fail '{"text":"x"}')"',{"text":"Plan: give in"},{"text":"done"}],
        "search":['"$(calls echo '{"text":"a"}')"','"$(calls give_up '{"reason":"no"}')"'],
        "search|1":['"$(calls echo '{"text":"x"}')"','"$(calls give_up '{"reason":"no"}')"'],
        "search|2":[{"text":"found"}],
        "loop":['"$(calls echo '{"text":"a"}')"','"$(calls echo '{"text":"b"}')"','"$(calls echo '{"text":"c"}')"','"$(calls echo '{"text":"d"}')"'],
        "circle":['"$(calls echo '{"text":"a"}' echo '{"text":"b"}')"','"$(calls echo '{ "text":"a"}' echo '{"text":"b"}')"','"$(calls echo '{"text":"a"}' echo '{"text":"b" }')"','"$(calls echo '{"text":"b"}')"','"$(calls echo '{"text":"a"}')"','"$(calls echo '{"text":"a"}')"'],
        "slow":[{"sleep_ms":20000,"text":"late"}], "hang":['"$(calls hang '{"text":"x"}')"']}'
    extra='"budget":{"identical":5},'
    start
    finished plan '"planner":"plan"'
    same "$(field /answer)" "done"
    passes
    fails_with answer 's/give in/go on/'
    fails_with 'TOOL c1' 's/error .*/ok fine/'
    finished search '"planner":"dfsdt"'
    passes
    grep -q '^EXPECT back' "$dir/task.scn"
    fails_with 'call-text give_up' 's/"no"/"so"/'
    fails_with 'TOOL c1' 's/ok a/ok b/'
    finished loop '"budget":{"steps":3}'
    same "$(field /error/code)" budget_steps
    passes
    finished loop '"budget":{"tokens":12}'
    same "$(field /error/code)" budget_tokens
    passes
    fails_with MODEL 's/tokens=5/tokens=4/'
    finished circle
    passes
    fails_with 'EXPECT result' 's/result/observation/' # behind some there are notes
    fails_with 'call-text' 's/"b"/"c"/'
    finished slow '"budget":{"wall_ms":700}'
    same "$(field /error/code)" budget_time
    passes
    finished hang '"budget":{"wall_ms":700}'
    passes
    submit slow
    api POST "/v1/tasks/$id/cancel"
    await
    same "$(field /outcome)" cancelled
    passes
    submit hang
    eventually has_begun
    api POST "/v1/tasks/$id/cancel"
    await
    same "$(field /outcome)" cancelled
    passes
}

@test "a task given to an agent" {
    mkdir -p "$dir/agents"
    printf '{"agent":1,"description":"adds things up"}' > "$dir/agents/clerk.json"
    extra='"agents":"'$dir'/agents",'
    script <<< '{"top":['"$(calls delegate '{"agent":"clerk","task":"sum"}')"',{"echo":true}],"sum":['"$(calls echo '{"text":"5"}')"',{"echo":true}]}'
    sed -i 's/"ledger\.\*"/"*.*"/' "$dir/policy.json"
    start
    finished top '"attended":false'
    same "$(field /answer)" 5
    passes
    grep -q '^TOOL c1 tokens=10 ' "$dir/task.scn"
    fails_with 'TOOL c1' '{ n; s/5/6/; }'
}

@test "lines, backslashes, controls and dots come through as they are" {
    odd='one\ntwo\\n \\x41 \t\u001b[31m\u009b \\\\ #three... '
    script <<< '{"odd":[{"reasoning":"'"$odd"'","calls":[{"name":"a b\n","arguments":"{}"},{"name":"echo","arguments":"{\"text\":\"a\\\\nb\\u001b...\"}"}]},{"text":"'"$odd..."'"}],
        "  # GOAL\n#x\n  MODEL\\":[{"text":"'"$odd"'"}]}'
    start
    finished odd
    passes
    run grep "$(printf '\033')" "$dir/task.scn"
    same "$status" 1
    fails_with 'TOOL c2' 's/x1b/x1a/'
    fails_with thought 's/two/tow/'
    finished '  # GOAL\n#x\n  MODEL\\'
    passes
    mkdir -p "$dir/agents"
    printf '{"agent":1,"description":"brief","system":"be\\nbrief..."}' > "$dir/agents/brief.json"
    extra='"agents":"'$dir'/agents",'
    stop TERM
    start
    api POST /v1/tasks '{"input":[{"type":"text","text":"odd"},{"type":"json","text":"{\"a\":[1,2]}"}],"agent":"brief"}'
    same "$code" 201
    id=$(field /id)
    await
    passes
    fails_with 'call-text a' 's/{}/{ }/'
}

@test "attempts and circles" {
    script <<< '{"where":['"$(calls echo '{"text":"attic"}')"',{"text":"In the attic."}],"where|check":[{"text":"No."},{"text":"Yes."}],
        "where|lesson":[{"text":"Look in the\\ncellar, too."}],"where|again1":['"$(calls echo '{"text":"cellar"}')"',{"text":"In both."}],
        "go":['"$(for i in 1 2 3 4; do printf '%s,%s,' "$(calls echo '{"text":"a"}')" "$(calls echo '{ "text":"b"}')"; done)"'{"text":"never"}]}'
    start
    finished where '"planner":"reflexion","budget":{"attempts":2}'
    same "$(field /answer)" "In both."
    passes
    fails_with 'EXPECT lesson' 's/cellar/attic/'
    fails_with 'EXPECT back' 's/wrong/right/'
    finished go '"budget":{"identical":9}'
    same "$(field /error/code)" loop
    passes
    fails_with 'EXPECT finish' 's/loop/gave_up/'
}

@test "steps that were summed up" {
    word() { calls echo "{\"text\":\"$1 $(printf 'x%.0s' $(seq 500))\"}"; }
    script <<< '{"count_tokens":4,"go":['"$(word one)"','"$(word two)"','"$(word three)"',{"text":"never"}],
        "go|1":[{"text":"One and two were echoed."}],"go|summary":[{"text":"no"},{"text":"done"}]}'
    start
    finished go
    has "$(kinds)" compacted
    passes
    fails_with SUMMARY 's/tokens=/tokens=99999/'
}

@test "a task that is not there" {
    start
    run "$build/corax" -s "$sock" export 0199c3a2-0000-7000-8000-000000000000
    same "$status" 1
    has "$output" "no task"
    run "$build/corax" export
    same "$status" 2
}
