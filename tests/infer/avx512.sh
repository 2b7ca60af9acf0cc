#!/bin/sh
# The kernels for AVX-512 on processors that have only AVX2: their unit tests are built with functions in place of the instructions
# (tests/infer/avx512_emulated.h, which takes most of them from SIMDe), and must find the tables of AVX-512.  Where a processor has AVX-512,
# the tests themselves have run them.  Speed is nothing that this could tell.
set -u
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
trap 'exit 99' HUP INT TERM
build=${CORAX_BUILDDIR:-$PWD/build}
cd "${CORAX_SRCDIR:-.}" || exit 99

cc=gcc

# has_flags FLAG...: whether the processor has them all.
has_flags() {
    for flag; do
        grep -q "^flags.* $flag\( \|\$\)" /proc/cpuinfo 2>/dev/null || return 1
    done
}

skip() {
    echo "1..0 # SKIP $1"
    exit 0
}

[ "$(uname -m)" = x86_64 ] || skip 'this is not x86-64'
! has_flags avx512vnni avx512_bf16 || skip 'this processor has AVX-512: the tests themselves have run these kernels'
has_flags avx2 fma f16c || skip 'this processor lacks AVX2, FMA or F16C, by which AVX-512 is emulated'
command -v $cc >/dev/null || skip "$cc is not installed"
echo '#include <simde/x86/avx512.h>' | $cc -fsyntax-only -x c - 2>/dev/null || skip 'SIMDe is not installed (libsimde-dev)'

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

compile() {
    $cc -std=gnu11 -Wall -Wextra -Wshadow -Wno-unused-parameter -Wno-missing-field-initializers -Werror -include "$build/config.h" \
        -I "$build" -I . -I include "$@" >>"$dir/compiler" 2>&1
}

# Products and sums stay apart where they are two instructions.  What gcc would pass otherwise with AVX-512 (-Wpsabi) never leaves a file.
emulate() {
    compile -O1 -mavx2 -mfma -mf16c -ffp-contract=off -Wno-psabi -include tests/infer/avx512_emulated.h "$@"
}

failed=0
for source in $sources; do
    object=$dir/$(echo "$source" | tr / _).o
    if [ "$source" = infer/kernels.c ] || grep -q 'target("avx512' "$source"; then
        emulate -c "$source" -o "$object" || failed=1
    else
        compile -O2 -c "$source" -o "$object" || failed=1
    fi
done
ar rcs "$dir/all.a" "$dir"/*.o
for test in $tests; do
    compile -O2 "tests/infer/$test-t.c" "$dir/all.a" -lm -lpthread -o "$dir/$test-t" || failed=1
done
report $failed "sources and tests compile" "$dir/compiler"
if [ $failed -ne 0 ]; then
    echo "1..$n"
    exit 1
fi

for test in $tests; do
    CORAX_SRCDIR=$PWD "$dir/$test-t" >"$dir/out" 2>&1
    report $? "$test-t, $(grep -c '^ok' "$dir/out") checks" "$dir/out"
    if [ "$test" = kernels ]; then
        tables=$(sed -n 's/^ok [0-9]* - \([a-z0-9_]*\): zeros$/\1/p' "$dir/out" | tr '\n' ' ')
        [ "$tables" = 'plain avx2 avx512 avx512bf16 ' ]
        report $? "tables plain avx2 avx512 avx512bf16" "$dir/out"
    fi
done
echo "1..$n"
