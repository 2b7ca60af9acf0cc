# The commands of corax-infer for people, with the shipped model: what they print agrees with each other, and what is wrong with
# a command line or a file is said in one sentence.
#
# Covers: perplexity (against the logits command, token by token), embed, convert, schema-check, prompt.  Whether logits are right is golden-t's and
# model-t's, what convert writes conversion-t's.

setup() {
    infer=$CORAX_BUILDDIR/corax-infer
    model=$(cd "$CORAX_SRCDIR" && pwd)/models/corax-raven-1-q8_0.gguf
    vectors=$(cd "$CORAX_SRCDIR" && pwd)/tests/infer/vectors
    case $infer in /*) ;; *) infer=$PWD/$infer ;; esac
    cd "$BATS_TEST_TMPDIR" || return
}

# -log p of each of the tokens behind the ninth of a piece.  The shipped model has no begin token before a text.
losses_of_piece() {
    local before=$1 at=1 id
    shift
    for id; do
        if [ $at -gt 8 ]; then
            "$infer" logits "$model" --tokens "$before" --top 0 | awk -v id="$id" '$1 == id { print -$2 }'
        fi
        before=$before,$id
        at=$((at + 1))
    done
}

@test "perplexity is what logits say of the second half of each piece" {
    printf 'What is the molecular weight of CCO? List the primes below 50, then convert 3 kg to g.' >text
    read -ra ids < <("$infer" tokenize "$model" --file text)
    [ "${#ids[@]}" -ge 32 ] && [ "${#ids[@]}" -lt 48 ]
    want=$({
        losses_of_piece "${ids[@]:0:16}"
        losses_of_piece "${ids[@]:16:16}"
    } | awk '{ sum += $1 } END { if (NR == 14) printf "%.6f", sum / NR }')
    "$infer" perplexity "$model" text --ctx 16 --json >out
    cat out
    [ "$(sed 's/.*"tokens_counted":\([0-9]*\).*/\1/' out)" -eq 14 ]
    awk -v want="$want" -v got="$(sed 's/.*"mean_nll":\([0-9.]*\).*/\1/' out)" \
        'BEGIN { exit !(want > 0 && want - got < 2e-5 && got - want < 2e-5) }'
}

@test "a text shorter than a piece has no perplexity, and the error says what to do" {
    printf 'short' >text
    run "$infer" perplexity "$model" text
    [ "$status" -eq 1 ]
    [[ $output == *"give a longer text or a smaller --ctx"* ]]
}

@test "embed prints one vector of length 1, the same for the same text" {
    "$infer" embed "$model" "the weight of CCO" >a
    printf 'the weight of CCO' >text
    "$infer" embed "$model" --file text >b
    cmp a b
    "$infer" embed "$model" "the primes below 50" >c
    [ "$(cmp -s a c; echo $?)" -eq 1 ]
    awk '{ for (i = 1; i <= NF; i++) sum += $i * $i; exit !(NF == 256 && sum > 0.9999 && sum < 1.0001) }' a
    "$infer" embed "$model" --json "the weight of CCO" | grep -q '^{"embedding":\[-\{0,1\}0\.[0-9]'
}

@test "help: of every command with its options, which completion and man page know" {
    completion=$CORAX_SRCDIR/infer/corax-infer.bash
    cd "$OLDPWD" || return
    names=$("$infer" --help | sed -n 's/^  \([a-z]*\)  *[A-Z].*/\1/p')
    [ "$(wc -w <<<"$names")" -ge 10 ]
    for name in $names; do
        "$infer" "$name" --help >"$BATS_TEST_TMPDIR/help"
        grep -q "commands=.*\b$name\b" "$completion"
        grep -q "Cm $name\b" "$CORAX_SRCDIR/man/corax-infer.1"
        line=$(grep -E "^    ([a-z]+ \| )*$name( \| [a-z]+)*\)" "$completion")
        [[ $line != *'$model'* ]] || line+=" --threads --ctx --kernels --packing --cache-type --exact"
        for option in $(sed -n 's/^  \(--*[a-z-]*\) .*/\1/p' "$BATS_TEST_TMPDIR/help"); do
            [ "$option" = --help ] || [[ $line == *" $option"* ]]
            grep -q -- "Fl ${option#-}" "$CORAX_SRCDIR/man/corax-infer.1" || [ "$option" = --help ]
        done
    done
}

@test "bench: each line with what it is a part of, beside another command" {
    printf '[{"n_prompt":16,"n_gen":0,"avg_ts":1000},{"n_prompt":0,"n_gen":4,"avg_ts":0.5}]' >peer.json
    run "$infer" bench "$model" -p 16,8 -n 4 -s 1,2 -d 0,20 -w 300 -r 2 --vs "cat peer.json" --json
    [ "$status" -eq 0 ]
    python3 -c '
import json, sys
b = json.loads(sys.argv[1])
assert b["runs"] == 2 and b["machine"]["read_bytes_per_s"] > 0 and len(b["rows"]) == 8
assert [(r["kind"], r["tokens"], r["sequences"], r["depth"]) for r in b["rows"][:4]] == [
    ("prompt", 16, 1, 0), ("prompt", 8, 1, 0), ("decode", 4, 1, 0), ("decode", 4, 2, 0)]
for r in b["rows"]:
    assert r["tokens_per_s"] > 0 and len(r["runs"]) == 2 and r["of_roof"] >= 0
    known = r["depth"] == 0 and r["sequences"] == 1 and r["tokens"] in (16, 4)
    assert (r["peers"][0]["ratio"] > 0) == known
p = b["prefixes"][0]
assert p["tokens"] == 300 and min(p["cold_s"], p["warm_s"], p["restarted_s"]) > 0
' "$output"
    echo '[[1,2,3,4,5,6,7,8],[9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8],[30],[1,2,3,4,5]]' >replay.json
    run "$infer" bench "$model" -p 0 -n 0 -r 2 --replay replay.json --json
    [ "$status" -eq 0 ]
    python3 -c '
import json, sys
r = json.loads(sys.argv[1])["replay"]
assert r["written"] == 23 and 0 <= r["right"] <= r["guessed"] and min(r["alone_s"], r["guessed_s"], r["ratio"]) > 0
' "$output"
    echo '[[1,2],[9999999]]' >replay.json
    run "$infer" bench "$model" -p 0 -n 0 -r 1 --replay replay.json
    [[ $status -eq 1 && $output == *"replay.json: token 9999999 in part 2, the model has 0 to "* ]]
    echo '[[1,2]]' >replay.json
    run "$infer" bench "$model" -p 0 -n 0 -r 1 --replay replay.json
    [[ $status -eq 1 && $output == *"replay.json: not an array of two or more arrays of token ids"* ]]
    run "$infer" bench "$model" -p 4000
    [ "$status" -eq 1 ]
    [[ $output == *"4000 tokens behind 0, the context holds 1024 (--ctx)"* ]]
    run "$infer" bench "$model" -p 8 -r 1 --vs "exit 3"
    [[ $status -eq 1 && $output == *"exit 3: ended with status 3"* ]]
    run "$infer" bench "$model" -p 8 -r 1 --vs "echo hello"
    [[ $status -eq 1 && $output == *"something else than JSON"* ]]
    run "$infer" bench "$model" -p 8,x
    [[ $status -eq 2 && $output == *"-p x: a whole number"* ]]
}

@test "an option that a command does not take is refused with both names" {
    run "$infer" inspect "$model" --temp 1
    [ "$status" -eq 2 ]
    [[ $output == *"inspect takes no option --temp"* ]]
    run "$infer" convert folder out.gguf -n 3
    [ "$status" -eq 2 ]
    [[ $output == *"convert takes no option -n"* ]]
}

@test "perplexity and embed want a text" {
    run "$infer" perplexity "$model"
    [ "$status" -eq 2 ]
    run "$infer" embed "$model"
    [ "$status" -eq 2 ]
    run "$infer" perplexity "$model" missing.txt
    [ "$status" -eq 1 ]
    [[ $output == *missing.txt* ]]
}

@test "a folder is converted, and what comes out runs" {
    run "$infer" convert "$vectors/vocabularies/llama3" out.gguf
    [ "$status" -eq 0 ]
    [[ $output == "out.gguf: 11 tensors, "* ]]
    [ ! -e out.gguf.part ]
    "$infer" inspect out.gguf | grep -q '^tokenizer.ggml.pre  *"llama-bpe"'
    "$infer" inspect out.gguf | grep -q '^F16  *8 tensors'
    [ "$("$infer" tokenize out.gguf "user@" --ends)" = "320 322" ]
    [ "$("$infer" logits out.gguf --prompt "the" --top 3 | wc -l)" -eq 3 ]
    "$infer" convert "$vectors/checkpoints/gpt2-tied" weights.gguf --type f32 2>notice
    grep -q "has no tokenizer" notice
    "$infer" inspect weights.gguf --json | grep -q '"bytes_by_type":{"F32":[0-9]*}'
}

@test "quantize wants a model, a file and a type, and what comes out runs" {
    "$infer" convert "$vectors/checkpoints/llama-biases" whole.gguf 2>/dev/null
    run "$infer" quantize whole.gguf small.gguf bf16
    [ "$status" -eq 0 ]
    [[ $output == "small.gguf: "*" tensors quantized, "*" bytes instead of "* ]]
    "$infer" inspect small.gguf | grep -q '^blk.1.attn_q.weight  *BF16'
    run "$infer" quantize whole.gguf other.gguf
    [ "$status" -eq 2 ]
    run "$infer" quantize whole.gguf other.gguf Q9
    [ "$status" -eq 1 ]
    [ ! -e other.gguf ]
}

@test "convert wants a folder, a file and a type that there is" {
    run "$infer" convert folder
    [ "$status" -eq 2 ]
    run "$infer" convert folder file --type q9
    [ "$status" -eq 2 ]
    [[ $output == *"f32, f16 or bf16"* ]]
    run "$infer" convert "$BATS_TEST_TMPDIR" out.gguf
    [ "$status" -eq 1 ]
    [[ $output == *"config.json: No such file or directory" ]]
}

@test "what tokenize makes of any bytes, detokenize makes bytes again" {
    printf 'The weight of\n\x00\xff\xc3 CC(=O)O  \xe2\x82\xac\n' >bytes
    "$infer" tokenize "$model" --file bytes >ids
    "$infer" detokenize "$model" --file ids | cmp - bytes
    "$infer" tokenize "$model" --file - <bytes | cmp - ids
    "$infer" tokenize "$model" --file - <bytes | "$infer" detokenize "$model" --file - | cmp - bytes
    [ "$("$infer" detokenize "$model" "$(tr ' ' ',' <ids)" --json | head -c 24)" = '{"text":"The weight of\n' ]
    for wrong in 1,2,x 1,,2 1,2, -1 99999999999 x; do
        run "$infer" detokenize "$model" -- "$wrong"
        [ "$status" -eq 1 ]
        [ "$(wc -l <<<"$output")" -eq 1 ]
    done
    run "$infer" detokenize "$model" 99999999
    [[ $output == *99999999* ]]
}

@test "BioGPT's words are put together as they are written" {
    "$infer" convert "$vectors/vocabularies/biogpt" words.gguf
    before=$("$infer" tokenize words.gguf "the cells" --ends | tr ' ' ',')
    ids=()
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
        next=$("$infer" logits words.gguf --tokens "$before" --top 1 | awk '{ print $1 }')
        ids+=("$next")
        before=$before,$next
    done
    [ "$("$infer" generate words.gguf "the cells" --raw -n 12)" = "$("$infer" detokenize words.gguf "${ids[*]}")" ]
}

@test "make-model writes a model that runs, in the mixture of its type" {
    run "$CORAX_BUILDDIR/tests/bench/make-model" tiny Q4_K_M made.gguf
    [ "$status" -eq 0 ]
    [[ $output == "made.gguf: tiny Q4_K_M, 3869952 parameters, "* ]]
    "$infer" inspect made.gguf | grep -q '^blk.5.ffn_down.weight  *Q6_K  *512 x 256'
    "$infer" inspect made.gguf | grep -q '^blk.5.ffn_up.weight  *Q4_K  *256 x 512'
    [ "$("$infer" tokenize made.gguf "th!" --json)" = '{"tokens":[257,34]}' ]
    "$infer" logits made.gguf --tokens 1,2,3 --top 0 >logits
    [ "$(grep -cE '^ *[0-9]+ +-[0-9]+\.[0-9]+ ' logits)" -eq 1280 ]
    run "$CORAX_BUILDDIR/tests/bench/make-model" huge Q4_0 other.gguf
    [ "$status" -eq 1 ]
    [[ $output == *"(llama-1b llama-3b bitnet-2b mamba-1b rwkv7-1b5 tiny)"* ]]
    [ ! -e other.gguf ]
}

@test "schema-check says which values a constraint accepts, and needs no model" {
    printf '%s\n' '{"schema":{"type":"integer"},"tests":[{"data":1},{"data":"a"}]}' '{"schema":{"type":5},"tests":[]}' '{}' |
        "$infer" schema-check >out
    [[ $(sed -n 1p out) == '{"compile_error":null,"results":[true,false]}' ]]
    [[ $(sed -n 2p out) == '{"compile_error":"schema: type is neither a name nor a list of names","results":[]}' ]]
    [[ $(sed -n 3p out) == '{"compile_error":"no member \"schema\"","results":[]}' ]]
    run "$infer" schema-check file </dev/null
    [ "$status" -eq 2 ]
}

@test "generate holds an answer to a schema, a grammar or a pattern, greedy and sampled" {
    printf '{"type":"object","properties":{"name":{"type":"string","maxLength":9},"n":{"type":"integer","maximum":99}},"required":["name","n"],"additionalProperties":false}' >schema
    printf 'root ::= item ("," item){1,3}\nitem ::= [a-z]{1,4}\n' >grammar
    for options in "" "--temp 1 --seed 3" "--raw --temp 1"; do
        # shellcheck disable=SC2086 # several options
        "$infer" generate "$model" "How heavy is water?" -n 700 --schema schema $options >out
        cat out
        printf '{"schema":%s,"tests":[{"data":%s}]}\n' "$(cat schema)" "$(tr '\n' ' ' <out)" | "$infer" schema-check >checked
        [[ $(cat checked) == '{"compile_error":null,"results":[true]}' ]]
        # shellcheck disable=SC2086
        "$infer" generate "$model" "How heavy is water?" -n 700 --grammar grammar $options >out
        grep -qxE '[a-z]{1,4}(,[a-z]{1,4}){1,3}' out
        # shellcheck disable=SC2086
        "$infer" generate "$model" "How heavy is water?" -n 700 --pattern '[0-9]{2,3} (g|kg)' $options >out
        grep -qxE '[0-9]{2,3} k?g' out
    done
    run "$infer" generate "$model" "x" --grammar schema
    [ "$status" -eq 1 ]
    [[ $output == *"grammar: line 1: the name of a rule is expected"* ]]
    run "$infer" generate "$model" "x" --grammar grammar --pattern x
    [ "$status" -eq 2 ]
}

@test "prompt shows what a model is given for a chat" {
    echo '{"messages":[{"role":"user","parts":[{"type":"text","text":"what <|call|>"}]}],"tools":[{"name":"calc","parameters":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}}]}' >chat.json
    run "$infer" prompt "$model" --file chat.json
    [ "$status" -eq 0 ]
    [ "$output" = '<|begin|><|tools|>calc(n)
<|user|>what <|call|><|think|>' ]
    run "$infer" prompt "$model" --json <chat.json
    [[ $output == *'"dialect":"corax-1"'* ]]
    sed 's/"integer"/"number of"/' chat.json >wrong.json
    run "$infer" prompt "$model" --file wrong.json
    [ "$status" -eq 0 ]
    [[ $output == *'left out: [{"name":"calc"'* ]]
    [[ $output != *'calc(n)'* ]]
    sed 's/"integer"/"string","pattern":"^(a)\\\\1$"/' chat.json >wrong.json # valid, but nothing to hold a model to
    run "$infer" prompt "$model" --file wrong.json
    [ "$status" -eq 0 ]
    [[ $output == *'left out: [{"name":"calc","why":'*'/properties/n'* ]]
    [[ $output != *'calc(n)'* ]]
    echo '{"messages":[]}' >chat.json
    run "$infer" prompt "$model" --file chat.json
    [ "$status" -eq 1 ]
    [[ $output == *"at least one message"* ]]
}
