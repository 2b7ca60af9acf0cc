# shellcheck shell=sh disable=SC2034,SC2154 # what one side sets and the other reads
# What tests of kernels for other processors share; they include this first.  $dir is theirs, $build has config.h.
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
trap 'exit 99' HUP INT TERM
build=${CORAX_BUILDDIR:-$PWD/build}
cd "${CORAX_SRCDIR:-.}" || exit 99

# Those that need no library but the C one.
sources="infer/ops_wkv.c infer/pack.c $(echo infer/functions_*.c infer/kernels*.c infer/quant*.c infer/recurrences_*.c)"
tests='kernels functions pack ops_wkv'

n=0
# report STATUS WHAT FILE: a line, and of what failed the file.
report() {
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        grep -v '^ok' "$3" | head -n 40 | sed 's/^/# /'
    fi
}

skip() {
    echo "1..0 # SKIP $1"
    exit 0
}

# compile ARGUMENT...: by $cc.
compile() {
    $cc -std=gnu11 -Wall -Wextra -Wshadow -Wno-unused-parameter -Wno-missing-field-initializers -Werror -include "$build/config.h" \
        -I "$build" -I . -I include "$@" >>"$dir/compiler" 2>&1
}

# object_of SOURCE: where what it becomes is, for the library of all.
object_of() {
    echo "$dir/$(echo "$1" | tr / _).o"
}

# compiled FAILED: says so, and ends the test where something has.
compiled() {
    report "$1" "sources and tests compile" "$dir/compiler"
    [ "$1" -eq 0 ] && return
    echo "1..$n"
    exit 1
}

# has WHERE TABLE...: what kernels-t has just tested, and nothing else.
has() {
    where=$1
    shift
    [ "$(sed -n 's/^ok [0-9]* - \([a-z0-9_]*\): zeros$/\1/p' "$dir/out" | tr '\n' ' ')" = "$* " ]
    report $? "${where}tables $*" "$dir/out"
}
