#!/bin/sh
# The kernels for aarch64 on any machine: their unit tests are built by a cross compiler and run by an emulator, as processors that
# have dot products of bytes, or of matrices of them, and as ones that have not.  Each must find its own tables, and no others.  Speed is nothing that an
# emulator could tell.
#
# NEON_ALL=1: the tests of operations and the golden vectors of all families, too, which take minutes.
set -u
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
trap 'exit 99' HUP INT TERM
build=${CORAX_BUILDDIR:-$PWD/build}
cd "${CORAX_SRCDIR:-.}" || exit 99

cc=aarch64-linux-gnu-gcc
qemu=
for name in qemu-aarch64-static qemu-aarch64; do
    [ -n "$qemu" ] || ! command -v $name >/dev/null || qemu=$name
done
if ! command -v $cc >/dev/null || ! echo 'int main(void) { return 0; }' | $cc -static -x c - -o "$dir/empty" 2>/dev/null; then
    echo "1..0 # SKIP $cc with a C library is not installed"
    exit 0
elif [ -z "$qemu" ]; then
    echo "1..0 # SKIP qemu-aarch64 is not installed"
    exit 0
fi

# Those that need no library but the C one; tokenizer_pattern.c wants PCRE2.
if [ -n "${NEON_ALL-}" ]; then
    sources=$(sed -n '/^bin_PROGRAMS/q; s,.*%D%/\([a-z0-9_]*\.c\).*,infer/\1,p' infer/sources.am | grep -v tokenizer_pattern)
    sources="$sources $(echo util/*.c)"
    tests='kernels functions pack ops_wkv ops_scan ops golden'
else
    sources="infer/ops_wkv.c infer/pack.c $(echo infer/functions_*.c infer/kernels*.c infer/quant*.c infer/recurrences_*.c)"
    tests='kernels functions pack ops_wkv'
fi

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
    $cc -O2 -std=gnu11 -Wall -Wextra -Wshadow -Wno-unused-parameter -Wno-missing-field-initializers -Werror -include "$build/config.h" \
        -I "$build" -I . -I include "$@" >>"$dir/compiler" 2>&1
}

failed=0
for source in $sources; do
    compile -c "$source" -o "$dir/$(echo "$source" | tr / _).o" || failed=1
done
"${cc%gcc}ar" rcs "$dir/all.a" "$dir"/*.o
for test in $tests; do
    compile -static "tests/infer/$test-t.c" "$dir/all.a" -lm -lpthread -o "$dir/$test-t" || failed=1
done
report $failed "sources and tests compile" "$dir/compiler"
if [ $failed -ne 0 ]; then
    echo "1..$n"
    exit 1
fi

# run CPU TEST
run() {
    CORAX_SRCDIR=$PWD $qemu -cpu "$1" "$dir/$2-t" >"$dir/out" 2>&1
    report $? "$1: $2-t, $(grep -c '^ok' "$dir/out") checks" "$dir/out"
}

# has CPU TABLE...: what kernels-t has just tested.
has() {
    cpu=$1
    shift
    [ "$(sed -n 's/^ok [0-9]* - \([a-z0-9_]*\): zeros$/\1/p' "$dir/out" | tr '\n' ' ')" = "$* " ]
    report $? "$cpu: tables $*" "$dir/out"
}

run cortex-a53 kernels
has cortex-a53 plain neon
run cortex-a53 pack
for test in $tests; do
    run neoverse-n1 "$test"
    [ "$test" != kernels ] || has neoverse-n1 plain neon neon_dotprod
done
run max kernels
has max plain neon neon_dotprod neon_i8mm
run max pack
echo "1..$n"
