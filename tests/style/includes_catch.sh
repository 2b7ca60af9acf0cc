#!/bin/sh
# Does includes.sh find what it is there to find?  A tree with one right line in each folder passes; with one wrong line more, a rule
# fails, and that line is what it prints.
set -u
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
test=${CORAX_SRCDIR:-.}/tests/style/includes.sh
case $test in /*) ;; *) test=$PWD/$test ;; esac

# file PATH LINE
file() {
    mkdir -p "$dir/$(dirname "$1")"
    printf '%s\n' "$2" >"$dir/$1"
}

fresh() {
    rm -rf "${dir:?}"/*
    mkdir -p "$dir/include/corax"
    file util/json.c '#include "util/json.h"'
    file infer/a.c '#include "util/err.h"'
    file policies/a.c '#include "util/json.h"'
    file tools/a.c '#include "util/json.h"'
    file agent/a.c '#include "tools/registry.h"'
    file daemon/a.c '#include "agent/planner.h"'
    file cli/a.c '#include "util/json.h"'
    file plugins/x/x.c '#include <corax/plugin.h>'
}

run() {
    CORAX_SRCDIR=$dir sh "$test"
}

echo 1..13
n=0
fresh
n=$((n + 1))
if run | grep -q '^not ok'; then
    echo "not ok $n - a right tree passes"
    run | sed 's/^/# /'
else
    echo "ok $n - a right tree passes"
fi

# catches PATH LINE: a rule fails and names the place, no other place is named.
catches() {
    fresh
    file "$1" "$2"
    n=$((n + 1))
    out=$(run)
    if printf '%s\n' "$out" | grep -q '^not ok' && printf '%s\n' "$out" | grep -q "^# $1:1:" &&
        [ "$(printf '%s\n' "$out" | grep '^#' | grep -cv "^# $1:1:")" -eq 0 ]; then
        echo "ok $n - $1 may not say $2"
    else
        echo "not ok $n - $1 may not say $2"
        printf '%s\n' "$out" | sed 's/^/# /'
    fi
}

catches util/b.c '#include "infer/gguf.h"'
catches infer/b.h '#include "agent/planner.h"'
catches infer/b.c '# include  "tools/mcp.h"'
catches policies/b.c '#include "agent/planner.h"'
catches tools/b.c '#include "policies/policy.h"'
catches agent/b.c '#include "daemon/journal.h"'
catches daemon/b.c '#include "cli/show.h"'
catches cli/b.c '#include "daemon/journal.h"'
catches plugins/x/b.c '#include "util/json.h"'
catches plugins/x/c.cc '#include "../y/y.h"'
catches plugins/x/d.c '#include <corax/other.h>'
catches daemon/c.c '#include <cjson/cJSON.h>'
