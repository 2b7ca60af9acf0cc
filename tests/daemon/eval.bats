#!/usr/bin/env bats
# corax eval: what is right and what is wrong, each in its own column; limits, refusals, what nothing solves; judges; win rates;
# Ctrl-C; what is sent, kept and written.  The arithmetic is tests/cli/eval_stats-t.c's, keys and files are tests/cli/eval_suite-t.c's.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

evaluate() { # ARGUMENT...: $output, $status, the result in $body
    run "$build/corax" --socket "$sock" eval "$dir/suite.json" --save "$dir/result" "$@"
    body=$(cat "$dir/result" 2> /dev/null || true)
}

suite() { # QUESTION...: more members of the suite in $more
    local IFS=,
    printf '{"eval":1,"id":"own","description":"of this test",%s"questions":[%s]}' "${more:-}" "$*" > "$dir/suite.json"
}

marks() { # of the first run: tools, arguments, answer, limits, passed
    echo "$(field /runs/0/right/tools) $(field /runs/0/right/arguments) $(field /runs/0/right/answer) $(field /runs/0/right/limits)" \
        "$(field /runs/0/passed)"
}

total() { # MEASURE: its value over all questions, in the last row of the table
    local n
    n=$(printf '%s' "$body" | "$helpers/json-get" --count /table)
    field "/table/$((n - 1))/$1/value"
}

tasks() { # how many there are
    api GET "/v1/tasks?limit=500"
    printf '%s' "$body" | "$helpers/json-get" --count /tasks
}

forty_two='{"calls":[{"name":"echo","arguments":"{\"text\":\"forty-two is 42\"}"}]}'

@test "each kind of mistake is in its own column" {
    script <<< "{\"q\":[$forty_two,{\"text\":\"It is 42 in all.\"}]}"
    start
    right='"tools":{"must":["echo"]},"arguments":[{"tool":"echo","members":{"text":"forty-two is 42"}}],"answer":{"number":42},"max_steps":2,"max_calls":1'
    suite '{"id":"a","input":"q","expect":{'"$right"'}}'
    evaluate
    same "$status" 0
    same "$(marks)" "true true true true true"
    same "$(field /runs/0/tooleval) $(field /runs/0/status)" "true solved"
    same "$(field /runs/0/steps) $(field /runs/0/tool_calls) $(field /runs/0/prompt_tokens) $(field /runs/0/completion_tokens)" "2 1 20 10"
    has "$output" "100.0 [21, 100]" # Wilson, of one
    suite '{"id":"a","input":"q","expect":{'"${right/\[\"echo\"\]/[\"append\"],\"may\":[\"echo\"]}"'}}'
    evaluate
    same "$status" 1
    same "$(marks)" "false true true true false"
    has "$output" "append was not called"
    suite '{"id":"a","input":"q","expect":{'"${right/is 42\"/is 43\"}"'}}'
    evaluate
    same "$(marks)" "true false true true false"
    has "$output" "no call of echo is as wanted; c1: text is another"
    suite '{"id":"a","input":"q","expect":{'"${right/number\":42/number\":43}"'}}'
    evaluate
    same "$(marks)" "true true false true false"
    has "$output" "of its 1 numbers (the first: 42) none is 43"
    same "$(field /runs/0/status)" unsolved
    suite '{"id":"a","input":"q","expect":{'"${right/steps\":2/steps\":1}"'}}'
    evaluate
    same "$(marks)" "true true true false false"
    has "$output" "it took 2 steps, 1 are allowed"
    suite '{"id":"a","input":"q","expect":{"tools":"none","answer":{"contains":"42"}}}'
    evaluate
    same "$(marks)" "false null true null false"
    has "$output" "echo was called"
    same "$(total tools) $(total answer) $(total passed)" "0 1 0"
}

@test "what a call is held against: members, texts, a schema, its result" {
    script <<< "{\"q\":[$forty_two,{\"text\":\"done\"}]}"
    start
    for good in '"like":{"text":{"number":42}}' '"schema":{"properties":{"text":{"pattern":"^forty"}}}' '"result":{"exact":"forty-two is 42"}'; do
        suite '{"id":"a","input":"q","expect":{"arguments":[{"tool":"echo",'"$good"'}]}}'
        evaluate
        same "$(marks)" "null true null null true"
    done
    for bad in '"like":{"text":{"number":41}}' '"schema":{"properties":{"text":{"pattern":"^fifty"}}}' '"result":{"exact":"42"}' \
        '"members":{"text":"forty-two is 42","more":1}'; do
        suite '{"id":"a","input":"q","expect":{"arguments":[{"tool":"echo",'"$bad"'}]}}'
        evaluate
        same "$(marks)" "null false null null false"
    done
    # Two are wanted, and one was made: each call counts once.
    suite '{"id":"a","input":"q","expect":{"arguments":[{"tool":"echo","like":{"text":{"number":42}}},{"tool":"echo","like":{"text":{"contains":"forty"}}}]}}'
    evaluate
    same "$(marks)" "null false null null false"
    has "$output" "echo was called as wanted too few times"
}

@test "a call that must be refused, and a question that nothing solves" {
    script <<< '{"wipe":[{"calls":[{"name":"wipe","arguments":"{\"text\":\"x\"}"}]},{"text":"I may not."}],
        "ask":[{"calls":[{"name":"append","arguments":"{\"text\":\"x\"}"}]},{"text":"I may not."}],
        "free":[{"calls":[{"name":"append_slow","arguments":"{\"text\":\"x\"}"}]},{"text":"done"}],
        "no":[{"text":"There is no such thing."}],"lie":[{"text":"It is 7."}],"loop":[{"do":"error"}],
        "search":[{"calls":[{"name":"give_up","arguments":"{\"reason\":\"no\"}"}]}]}'
    start
    for input in wipe ask; do # what a policy asks about is denied: nobody attends
        suite '{"id":"a","input":"'$input'","expect":{"refused":["'"${input/ask/append}"'"]}}'
        evaluate
        same "$(marks)" "null null null true true"
    done
    suite '{"id":"a","input":"free","expect":{"refused":["append_slow"]}}'
    evaluate
    same "$(marks)" "null null null false false"
    has "$output" "append_slow was carried out, which was to be denied"
    suite '{"id":"a","input":"no","expect":{"refused":["wipe"]}}'
    evaluate
    has "$output" "no call of wipe was denied"
    # Unsolved is right where nothing solves it; that it failed otherwise is not.
    suite '{"id":"a","input":"no","expect":{"answer":{"contains":"no such"},"solvable":false}}'
    evaluate
    same "$(field /runs/0/status) $(field /runs/0/tooleval) $(field /runs/0/passed)" "unsolved true true"
    suite '{"id":"a","input":"lie","expect":{"answer":{"contains":"no such"},"solvable":false}}'
    evaluate
    same "$(field /runs/0/status) $(field /runs/0/tooleval) $(field /runs/0/passed)" "unsure false false"
    has "$output" "1 run could not be called solved or unsolved"
    suite '{"id":"a","input":"loop","expect":{"solvable":false}}'
    evaluate
    same "$(field /runs/0/outcome) $(field /runs/0/tooleval) $(field /runs/0/passed)" "failed false false"
    suite '{"id":"a","input":"search","task":{"planner":"dfsdt"},"expect":{"tools":"none","solvable":false}}'
    evaluate
    same "$(field /runs/0/status) $(field /runs/0/tooleval) $(field /runs/0/passed)" "unsolved true true"
}

@test "seeds, tags, and what stays in the journal" {
    script <<< '{"q":[{"text":"42"}],"r":[{"turns":[{"text":"42"},{"text":"no"},{"text":"no"}]}],"record":"'"$dir"'/record"}'
    start
    suite '{"id":"a","tags":["x","y"],"input":"q","expect":{"answer":{"number":42}}}' '{"id":"b","tags":["x"],"input":"r","expect":{"answer":{"number":42}}}'
    evaluate --seeds 3 --temperature 0.5
    same "$status" 1
    same "$(field /table/0/tag) $(field /table/1/tag) $(field /table/2/tag)" "x y null"
    same "$(field /table/0/questions) $(field /table/0/runs) $(field /table/1/questions)" "2 6 1"
    # The unit is the question: one is right in three of three, one in one of three.
    has "$(total passed)" 0.66666
    same "$(field /table/2/passed/questions)" 2
    has "$output" "66.7 [16, 95]" # of two questions, not of six runs
    same "$(field /runs/3/seed) $(field /runs/4/passed) $(field /runs/0/deleted) $(field /runs/4/deleted)" "1 false true false"
    failed=$(field /runs/4/task)
    same "$(tasks)" 2 # those that did not pass
    run "$build/corax" --socket "$sock" trace "$failed"
    same "$status" 0
    has "$output" "no"
    has "$(cat "$dir/record")" '"seed":3'
    has "$(cat "$dir/record")" '"temperature":0.5'
    evaluate --keep --only a
    same "$status" 0
    same "$(tasks)" 3
    evaluate --only c
    same "$status" 2
    has "$output" 'no question "c"'
}

@test "side by side as one after the other" {
    script <<< '{"a":[{"text":"1"}],"b":[{"text":"2"}],"c":[{"text":"3"}],"d":[{"text":"4"}],"e":[{"text":"5"}]}'
    start
    suite '{"id":"a","input":"a","expect":{"answer":{"number":1}}}' '{"id":"b","input":"b","expect":{"answer":{"number":2}}}' \
        '{"id":"c","input":"c","expect":{"answer":{"number":3}}}' '{"id":"d","input":"d","expect":{"answer":{"number":4}}}' \
        '{"id":"e","input":"e","expect":{"answer":{"number":6}}}'
    evaluate --jobs 4 --seeds 3
    same "$status" 1
    has "$(total passed)" 0.8
    for i in 0 3 6 9; do same "$(field "/runs/$i/passed")" true; done
    same "$(field /runs/12/question) $(field /runs/12/passed)" "e false"
}

@test "a question is put as its suite says, the command line before it" {
    mkdir "$dir/agents"
    echo '{"agent":1,"description":"careful","tools":["echo"]}' > "$dir/agents/careful.json"
    extra='"agents": "'$dir'/agents",'
    script <<< '{"q":[{"text":"42"}]}'
    start
    more='"task":{"agent":"careful","budget":{"steps":5,"tokens":99},"sampling":{"top_k":7}},'
    suite '{"id":"a","input":"q","task":{"budget":{"steps":3}},"expect":{}}'
    evaluate --keep --planner plan
    api GET "/v1/tasks/$(field /runs/0/task)/trace"
    same "$(field /events/0/agent) $(field /events/0/planner) $(field /events/0/budget/steps) $(field /events/0/sampling/top_k)" "careful plan 3 7"
    same "$(field /events/0/attended) $(field /events/0/priority) $(field /events/0/memory)" "false low null"
    evaluate --agent nobody
    same "$status" 2
    has "$output" 'there is no agent "nobody"'
    more='"requires":["echo","telescope"],'
    suite '{"id":"a","input":"q","expect":{}}'
    evaluate
    same "$status" 2
    has "$output" "the suite own needs the tool telescope, which this coraxd does not have"
}

judged() { # SCRIPT OF THE JUDGE
    mkdir -p "$dir/agents"
    echo '{"agent":1,"description":"judges"}' > "$dir/agents/judge.json"
    extra='"agents": "'$dir'/agents",'
    script <<< '{"q":[{"text":"a poem"}],"*":['"$1"'],"record":"'"$dir"'/record"}'
    start
}

@test "a judge's votes: most decide, one word each" {
    judged '{"turns":[{"text":"Solved"},{"text":"solved.\n"},{"text":"I think it is Solved"},{"text":"Solved"},
        {"text":"Solved"},{"text":"Solved"},{"text":"Unsolved"},{"text":"UNSOLVED"},
        {"text":"Unsolved"},{"text":"Unsolved"},{"text":"Unsolved"},{"text":""}]}'
    suite '{"id":"a","input":"q","expect":{"tools":"none"}}'
    evaluate --judge judge
    same "$status" 0
    same "$(marks) $(field /runs/0/status) $(field /runs/0/tooleval)" "true null true null true solved true"
    same "$(field /runs/0/votes/solved) $(field /runs/0/votes/unsolved) $(field /runs/0/votes/unsure)" "3 0 1"
    # What is judged is a text in a JSON text, the judge has no tools, and its tasks are gone.
    has "$(cat "$dir/record")" 'They are data'
    has "$(cat "$dir/record")" '{\"question\":\"q\",\"answer\":\"a poem\",\"calls\":[]}'
    same "$(tasks)" 0
    evaluate --judge judge
    same "$status" 1
    same "$(field /runs/0/status) $(field /runs/0/votes/solved) $(field /runs/0/votes/unsolved)" "unsure 2 2"
    has "$output" "the judge calls it unsure"
    evaluate --judge judge --keep
    same "$(field /runs/0/status) $(field /runs/0/votes/unsolved) $(field /runs/0/votes/unsure)" "unsolved 3 1"
    same "$(tasks)" 6 # what was unsure before, this one, and its four votes
    evaluate --judge nobody
    same "$status" 2
    has "$output" 'there is no agent "nobody" to judge'
    evaluate --judge none
    same "$(field /runs/0/status) $(field /runs/0/votes) $(field /runs/0/passed)" "unsure null true"
}

@test "a key's mark stays, whatever a judge says" {
    judged '{"text":"Solved"}'
    suite '{"id":"a","input":"q","expect":{"answer":{"contains":"novel"}}}'
    evaluate --judge judge
    same "$(marks) $(field /runs/0/status) $(field /runs/0/tooleval)" "null null false null false solved true"
}

@test "the win rate: solved before unsolved, then fewer steps, or the judge in both orders" {
    script <<< "{\"q\":[$forty_two,{\"text\":\"42\"}],\"r\":[{\"text\":\"no\"}],\"s\":[{\"text\":\"42\"}]}"
    start
    key='"expect":{"answer":{"number":42}}'
    suite '{"id":"a","input":"q",'"$key"'}' '{"id":"b","input":"r",'"$key"'}' '{"id":"c","input":"s",'"$key"'}' '{"id":"d","input":"r",'"$key"'}'
    evaluate
    cp "$dir/result" "$dir/earlier"
    evaluate --against "$dir/earlier"
    same "$(field /against/won) $(field /against/tied) $(field /against/lost) $(field /against/same_suite)" "0 4 0 true"
    same "$(field /against/win_rate/value)" 0.5
    # a in fewer steps, b solved, c not any more, d neither time.
    suite '{"id":"a","input":"s",'"$key"'}' '{"id":"b","input":"s",'"$key"'}' '{"id":"c","input":"r",'"$key"'}' '{"id":"d","input":"r",'"$key"'}'
    evaluate --against "$dir/earlier"
    same "$(field /against/won) $(field /against/tied) $(field /against/lost) $(field /against/same_suite)" "2 1 1 false"
    same "$(field /against/win_rate/value)" 0.625
    has "$output" "2 won, 1 tied, 1 lost; win rate 62.5 %"
    # Another suite's result, no result, and questions that it has not.
    sed 's/"id":"own"/"id":"other"/' "$dir/earlier" > "$dir/other"
    evaluate --against "$dir/other"
    same "$status" 2
    has "$output" "the earlier evaluation is of the suite other"
    echo '{"eval_result":2}' > "$dir/other"
    evaluate --against "$dir/other"
    same "$status" 2
    has "$output" '"eval_result" must be 1'
    suite '{"id":"z","input":"s",'"$key"'}'
    evaluate --against "$dir/earlier"
    same "$status" 2
    has "$output" "none of these questions"
}

@test "a judge that always takes the first has no say, one that means it has" {
    judged '{"turns":[{"text":"Solved"},{"text":"Solved"},{"text":"Solved"},{"text":"Solved"},
        {"text":"Solved"},{"text":"Solved"},{"text":"Solved"},{"text":"Solved"},{"text":"First"},{"text":"First"},{"text":"First"},{"text":"First"},
        {"text":"Solved"},{"text":"Solved"},{"text":"Solved"},{"text":"Solved"},{"text":"First"},{"text":"Second"},{"text":"First"},{"text":"Equal"}]}'
    suite '{"id":"a","input":"q","expect":{}}'
    evaluate --judge judge
    cp "$dir/result" "$dir/earlier"
    evaluate --judge judge --against "$dir/earlier"
    same "$(field /against/won) $(field /against/tied) $(field /against/lost)" "0 1 0"
    evaluate --judge judge --against "$dir/earlier"
    same "$(field /against/won) $(field /against/tied) $(field /against/lost)" "1 0 0"
    evaluate --judge judge --against "$dir/earlier" --votes 3
    same "$status" 2
    has "$output" "--votes must be even"
}

none_runs() {
    api GET /healthz
    [ "$(field /tasks/running)" = 0 ]
}

@test "Ctrl-C cancels what is under way and shows what there is" {
    script <<< '{"q":[{"text":"42"}],"slow":[{"text":"42","sleep_ms":60000}]}'
    start
    suite '{"id":"a","input":"q","expect":{"answer":{"number":42}}}' '{"id":"b","input":"slow","expect":{"answer":{"number":42}}}'
    "$build/corax" --socket "$sock" eval "$dir/suite.json" --keep --save "$dir/result" > "$dir/out" 2> "$dir/err" 3>&- &
    child=$!
    eventually one_runs
    kill -INT "$child"
    status=0
    wait "$child" || status=$?
    same "$status" 5
    has "$(cat "$dir/out")" "partial: interrupted after 1 of 2 runs"
    body=$(cat "$dir/result")
    same "$(field /partial) $(field /runs/0/passed) $(printf '%s' "$body" | "$helpers/json-get" --count /runs)" "true true 1"
    eventually none_runs
    api GET "/v1/tasks?limit=1"
    same "$(field /tasks/0/outcome)" cancelled
}

@test "an evaluation outlives the daemon's end" {
    script <<< '{"q":[{"text":"42","sleep_ms":1500}]}'
    start
    suite '{"id":"a","input":"q","expect":{"answer":{"number":42}}}'
    "$build/corax" --socket "$sock" eval "$dir/suite.json" > "$dir/out" 2> "$dir/err" 3>&- &
    child=$!
    eventually one_runs
    stop KILL
    start
    status=0
    wait "$child" || status=$?
    cat "$dir/err"
    same "$status" 0
}

two_tasks() { # ID
    printf '{"id":"%s","input":"where is it","before":{"facts":["the %s is blue"],"tasks":["the %s lies in drawer 7","and the lid in drawer 9"]},' "$1" "$1" "$1"
    printf '"expect":{"tools":{"must":["memory_search"]},"answer":{"all_of":[{"contains":"the %s lies in drawer 7"},{"contains":"lid in drawer 9"}]}}}' "$1"
}

@test "what goes before a question: tasks in their order and facts, in a space of its own for each run, of which nothing stays" {
    allow='{ "id": "mem", "allow": "corax.*", "why": "it is its own" }'
    sed -i "s/\"rules\": \[/\"rules\": [ $allow,/" "$dir/policy.json"
    search='{"calls":[{"name":"memory_search","arguments":"{\"query\":\"drawer blue\",\"limit\":20}"}]},{"echo":true}'
    script <<< '{"record":"'"$dir/asked"'","*":[{"text":"noted"}],"where is it":['"$search"']}'
    start
    suite "$(two_tasks bolt)" "$(two_tasks screw)"
    evaluate --seeds 2 --jobs 3 --keep
    same "$status $(field /partial)" "0 false" || { echo "$output"; return 1; }
    # four runs, each of three tasks; each found what went before it and nothing of the others
    same "$(tasks)" 12
    for i in 0 1 2 3; do
        text=$(field "/runs/$i/calls/0/text")
        other=screw
        [ "$(field "/runs/$i/question")" = bolt ] || other=bolt
        if [[ $text = *$other* ]]; then echo "$text"; return 1; fi
        has "$text" "is blue"
        same "$(printf '%s' "$body" | "$helpers/json-get" --count "/runs/$i/earlier") $(field "/runs/$i/steps")" "2 2"
    done
    first=$(field /runs/0/earlier/0) second=$(field /runs/0/earlier/1) own=$(field /runs/0/task)
    api GET "/v1/tasks/$first"
    same "$(field /input_text)" "the bolt lies in drawer 7"
    [[ $first < $second && $second < $own ]]
    api GET /v1/memory
    same "$(printf '%s' "$body" | "$helpers/json-get" --count /memories)" 0
    # and those that passed go with the tasks before them
    rm "$dir/result"
    evaluate --only bolt
    same "$status $(tasks)" "0 12"
}

@test "interrupted, what was remembered for a run goes as well" {
    script <<< '{"*":[{"do":"hang"}]}'
    start
    suite "$(two_tasks bolt)"
    "$build/corax" --socket "$sock" eval "$dir/suite.json" > "$dir/out" 2>&1 3>&- &
    eval_pid=$!
    eventually remembered 1
    kill -INT "$eval_pid"
    wait "$eval_pid" || true
    eventually remembered 0
}

remembered() { # HOW MANY facts
    api GET "/v1/memory?kind=fact"
    [ "$(printf '%s' "$body" | "$helpers/json-get" --count /memories)" = "$1" ]
}

@test "no daemon, no suite, a suite that is wrong" {
    suite '{"id":"a","input":"q","expect":{}}'
    evaluate
    same "$status" 4
    run "$build/corax" eval "$dir/none.json"
    same "$status" 2
    has "$output" "No such file"
    suite '{"id":"a","input":"q","expect":{"anser":{"number":1}}}'
    run "$build/corax" eval "$dir/suite.json"
    same "$status" 2
    has "$output" 'suite.json: question "a": expect: unknown key "anser"'
    run "$build/corax" eval --check "$dir/suite.json"
    same "$status" 2
    mkdir "$dir/evals"
    suite '{"id":"a","input":"q","expect":{}}'
    cp "$dir/suite.json" "$dir/evals/own.json"
    export CORAX_EVALS=$dir/evals
    run "$build/corax" eval --check own
    same "$status $output" "0 own: 1 questions"
    run "$build/corax" eval
    same "$status" 0
    has "$output" "of this test"
    run "$build/corax" eval nonsense
    same "$status" 2
    has "$output" "there is no suite nonsense in $dir/evals"
    run "$build/corax" eval --seeds 0 own
    same "$status" 2
}

@test "the table has a row for every tag, however many there are" {
    script <<< '{"q":[{"text":"It is 42."}]}'
    start
    local half='"expect":{"answer":{"number":42}}'
    suite '{"id":"a","input":"q","tags":['"$(seq -f '"t%g"' -s, 1 30)],$half}" '{"id":"b","input":"q","tags":['"$(seq -f '"t%g"' -s, 30 60)],$half}" \
        '{"id":"c","input":"q","tags":['"$(seq -f '"t%g"' -s, 61 70)],$half}"
    evaluate
    same "$status" 0
    same "$(printf '%s' "$body" | "$helpers/json-get" --count /table) $(field /table/69/tag) $(field /table/70/tag)" "71 t70 null"
    has "$output" t70
}
