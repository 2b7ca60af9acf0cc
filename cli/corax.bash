# bash completion for corax                                                     -*- shell-script -*-
# shellcheck shell=bash

_corax() {
    local commands="run watch ls trace replay diff eval export approve deny answer cancel pause resume rm schedules agents memory tools login policy health doctor db ping help"
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command="" i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -s | --socket) ((i++)) ;;
        -*) ;;
        *)
            command=${COMP_WORDS[i]}
            break
            ;;
        esac
    done
    case $previous in
    -s | --socket)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --against | --save)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --agent | --judge)
        mapfile -t COMPREPLY < <(compgen -W "$(corax agents 2>/dev/null | awk 'NR > 1 { print $1 }')" -- "$word")
        return
        ;;
    --context)
        mapfile -t COMPREPLY < <(compgen -W "trusted untrusted public internal secret untrusted,secret" -- "$word")
        return
        ;;
    --policy)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --planner)
        mapfile -t COMPREPLY < <(compgen -W "react plan dfsdt reflexion call" -- "$word")
        return
        ;;
    --priority)
        mapfile -t COMPREPLY < <(compgen -W "high normal low" -- "$word")
        return
        ;;
    --kind)
        mapfile -t COMPREPLY < <(compgen -W "note fact episode" -- "$word")
        return
        ;;
    --confidentiality)
        mapfile -t COMPREPLY < <(compgen -W "public internal secret" -- "$word")
        return
        ;;
    --state)
        mapfile -t COMPREPLY < <(compgen -W "scheduled queued running waiting paused finished" -- "$word")
        return
        ;;
    esac
    if [[ -z $command ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$commands --socket --json --help --version" -- "$word")
        return
    fi
    if [[ $word == -* ]]; then
        local options="--socket --json --help"
        case $command in
        run) options+=" --detach --quiet --agent --memory --no-memory --tools --planner --priority --at --deadline --every --max-steps --max-tokens --timeout --temperature --seed --unattended --attended --policy --label --model" ;;
        watch) options+=" --quiet" ;;
        trace) options+=" --save" ;;
        replay) options+=" --planner --policy --model" ;;
        eval) options+=" --agent --planner --model --temperature --seeds --jobs --judge --votes --against --save --keep --only --check" ;;
        ls) options+=" --limit --state" ;;
        memory) options+=" --space --kind --tag --limit --note --max-chars --confidentiality" ;;
        policy) options+=" --context --effects --screened --agent --unattended --narrows" ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
        return
    fi
    case $command in
    help) mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word") ;;
    memory) mapfile -t COMPREPLY < <(compgen -W "ls search show add rm export import" -- "$word") ;;
    policy) mapfile -t COMPREPLY < <(compgen -f -W "ls show explain test" -- "$word") ;;
    schedules)
        mapfile -t COMPREPLY < <(compgen -W "ls show pause resume rm $(corax schedules 2>/dev/null | awk 'NR > 1 { print $1 }')" -- "$word")
        ;;
    eval) mapfile -t COMPREPLY < <(compgen -f -W "$(corax eval 2>/dev/null | awk 'NR > 1 { print $1 }')" -- "$word") ;;
    db) mapfile -t COMPREPLY < <(compgen -W "backup check" -- "$word") ;;
    watch | trace | replay | diff | export | approve | deny | answer | cancel | pause | resume | rm)
        # Ids of the newest tasks, from the daemon; nothing when it does not answer.
        mapfile -t COMPREPLY < <(compgen -W "last $(corax ls -n 50 2>/dev/null | awk 'NR > 1 { print $1 }')" -- "$word")
        ;;
    esac
}
complete -F _corax corax
