#!/usr/bin/env bats
# What a model would call that works for somebody else, against a whole daemon: the cases of tests/policies/compromised.json, of which
# the policy layer alone is tested by tests/policies/compromised-t.c.  What is asked about is denied, since nobody attends.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

cases=$CORAX_SRCDIR/tests/policies/compromised.json

# POLICY NARROW ATTACKS: how many attacks are played at least.
play() {
    [ -e "$CORAX_SRCDIR/policies/$1.json" ] && cp "$CORAX_SRCDIR/policies/$1.json" "$dir/policy.json"
    chmod 644 "$dir/policy.json"
    plugin=$(python3 "$CORAX_SRCDIR/tests/daemon/compromised.py" write "$cases" "$dir" "$1" "$2")
    mkdir -p "$dir/ws/out" "$dir/docs" "$dir/vault"
    : > "$dir/vault/key"
    : > "$dir/docs/a"
    : > "$dir/docs/protocol.md"
    : > "$dir/ws/data.csv"
    extra='"roots": {"ws":"'$dir'/ws","docs":"'$dir'/docs","vault":"'$dir'/vault"}'
    extra+=',"tool_retrieval": {"max_tools": 1000}' # or the tools are not even there for the model
    if [ "$2" != - ]; then extra+=',"admin_policies": ["'$dir'/admin.json"]'; fi
    start
    result=$(python3 "$CORAX_SRCDIR/tests/daemon/compromised.py" play "$cases" "$dir" "$1" "$2")
    echo "$result"
    echo "# $1 $2: ${result##*$'\n'}" >&3
    [[ $result == *" 0 not as they should be" ]]
    played=${result##*$'\n'}
    [ "${played%% *}" -ge "$3" ]
}

@test "the default policy" {
    play default - 15
}

@test "the laboratory's" {
    play lab - 12
}

@test "nobody attends" {
    play unattended - 12
}

@test "only to read" {
    play readonly - 4
}

@test "secrets of the house, under the default policy" {
    play default house 10
}

@test "secrets of the house, in the laboratory" {
    play lab house 5
}

@test "secrets of the house, where nobody attends" {
    play unattended house 5
}

@test "hosts that may be fetched from" {
    play fetcher - 40
}

@test "folders that may be read and written" {
    play files - 30
}

@test "command lines" {
    play lines - 20
}
