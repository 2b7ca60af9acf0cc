# bash completion for corax-infer                                               -*- shell-script -*-
# shellcheck shell=bash

_corax_infer() {
    local commands="serve inspect tokenize detokenize logits generate perplexity embed bench convert quantize schema-check prompt"
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
    local options="--help" model="--threads --ctx --kernels --packing --cache-type --exact"
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$word")
        return
    fi
    case $previous in
    --kernels)
        mapfile -t COMPREPLY < <(compgen -W "avx512bf16 avx512 avx2 neon_i8mm neon_dotprod neon plain" -- "$word")
        return
        ;;
    --packing)
        mapfile -t COMPREPLY < <(compgen -W "file memory off" -- "$word")
        return
        ;;
    --cache-type)
        mapfile -t COMPREPLY < <(compgen -W "auto f16 bf16 f32 q8_0" -- "$word")
        return
        ;;
    --type)
        mapfile -t COMPREPLY < <(compgen -W "f32 f16 bf16" -- "$word")
        return
        ;;
    esac
    case $command in
    serve) options+=" $model --dialect --template --cache-memory --prefixes --no-draft" ;;
    inspect) options+=" --json" ;;
    tokenize) options+=" --file --special --ends --json" ;;
    detokenize) options+=" --file --json" ;;
    logits) options+=" $model --tokens --prompt --top --json" ;;
    generate) options+=" $model -n --temp --top-k --top-p --min-p --seed --raw --dialect --template --schema --grammar --pattern --tags --lenient" ;;
    perplexity) options+=" $model --json" ;;
    bench) options+=" $model -p -n -s -d -w -r --replay --vs --json" ;;
    prompt) options+=" --file --dialect --template --json" ;;
    schema-check) options+=" --lenient" ;;
    embed) options+=" $model --file --json" ;;
    convert) options+=" --type" ;;
    quantize) options+=" --threads" ;;
    esac
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
    elif [[ $command == quantize ]] && ((COMP_CWORD == 4)); then
        mapfile -t COMPREPLY < <(compgen -W "Q8_0 Q6_K Q5_K_M Q4_K_M Q4_0 IQ4_XS TQ2_0 TQ1_0 BF16 F16" -- "$word")
    else
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}
complete -F _corax_infer corax-infer
