#!/bin/sh
# The kernels for AVX-512 on processors that have only AVX2: their unit tests are built with functions in place of the instructions
# (tests/infer/avx512_emulated.h, which takes most of them from SIMDe), and must find the tables of AVX-512.  Where a processor has AVX-512,
# the tests themselves have run them.  Speed is nothing that this could tell.
set -u
# shellcheck source=tests/infer/foreign.sh
. "${CORAX_SRCDIR:-.}/tests/infer/foreign.sh"
cc=gcc

# has_flags FLAG...: whether the processor has them all.
has_flags() {
    for flag; do
        grep -q "^flags.* $flag\( \|\$\)" /proc/cpuinfo 2>/dev/null || return 1
    done
}

[ "$(uname -m)" = x86_64 ] || skip 'this is not x86-64'
! has_flags avx512vnni avx512_bf16 || skip 'this processor has AVX-512: the tests themselves have run these kernels'
has_flags avx2 fma f16c || skip 'this processor lacks AVX2, FMA or F16C, by which AVX-512 is emulated'
command -v $cc >/dev/null || skip "$cc is not installed"
echo '#include <simde/x86/avx512.h>' | $cc -fsyntax-only -x c - 2>/dev/null || skip 'SIMDe is not installed (libsimde-dev)'

# Products and sums stay apart where they are two instructions.  What gcc would pass otherwise with AVX-512 (-Wpsabi) never leaves a file.
emulate() {
    compile -O1 -mavx2 -mfma -mf16c -ffp-contract=off -Wno-psabi -include tests/infer/avx512_emulated.h "$@"
}

failed=0
for source in $sources; do
    if [ "$source" = infer/kernels.c ] || grep -q 'target("avx512' "$source"; then
        emulate -c "$source" -o "$(object_of "$source")" || failed=1
    else
        compile -O2 -c "$source" -o "$(object_of "$source")" || failed=1
    fi
done
ar rcs "$dir/all.a" "$dir"/*.o
for test in $tests; do
    compile -O2 "tests/infer/$test-t.c" "$dir/all.a" -lm -lpthread -o "$dir/$test-t" || failed=1
done
compiled $failed

for test in $tests; do
    CORAX_SRCDIR=$PWD "$dir/$test-t" >"$dir/out" 2>&1
    report $? "$test-t, $(grep -c '^ok' "$dir/out") checks" "$dir/out"
    [ "$test" != kernels ] || has '' plain avx2 avx512 avx512bf16
done
echo "1..$n"
