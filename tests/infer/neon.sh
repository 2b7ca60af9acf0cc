#!/bin/sh
# The kernels for aarch64 on any machine: their unit tests are built by a cross compiler and run by an emulator, as processors that have dot
# products of bytes, or of matrices of them, and as ones that have not.  Each must find its own tables, and no others.  Speed is nothing
# that an emulator could tell.
#
# NEON_ALL=1: the tests of operations and the golden vectors of all families, too, which take minutes.
set -u
# shellcheck source=tests/infer/foreign.sh
. "${CORAX_SRCDIR:-.}/tests/infer/foreign.sh"
cc=aarch64-linux-gnu-gcc
qemu=
for name in qemu-aarch64-static qemu-aarch64; do
    [ -n "$qemu" ] || ! command -v $name >/dev/null || qemu=$name
done
if ! command -v $cc >/dev/null || ! echo 'int main(void) { return 0; }' | $cc -static -x c - -o "$dir/empty" 2>/dev/null; then
    skip "$cc with a C library is not installed"
fi
[ -n "$qemu" ] || skip 'qemu-aarch64 is not installed'

# tokenizer_pattern.c wants PCRE2.
if [ -n "${NEON_ALL-}" ]; then
    sources=$(sed -n '/^bin_PROGRAMS/q; s,.*%D%/\([a-z0-9_]*\.c\).*,infer/\1,p' infer/sources.am | grep -v tokenizer_pattern)
    sources="$sources $(echo util/*.c)"
    tests='kernels functions pack ops_wkv ops_scan ops golden'
fi

failed=0
for source in $sources; do
    compile -O2 -c "$source" -o "$(object_of "$source")" || failed=1
done
"${cc%gcc}ar" rcs "$dir/all.a" "$dir"/*.o
for test in $tests; do
    compile -O2 -static "tests/infer/$test-t.c" "$dir/all.a" -lm -lpthread -o "$dir/$test-t" || failed=1
done
compiled $failed

# run CPU TEST
run() {
    CORAX_SRCDIR=$PWD $qemu -cpu "$1" "$dir/$2-t" >"$dir/out" 2>&1
    report $? "$1: $2-t, $(grep -c '^ok' "$dir/out") checks" "$dir/out"
}

run cortex-a53 kernels
has 'cortex-a53: ' plain neon
run cortex-a53 pack
for test in $tests; do
    run neoverse-n1 "$test"
    [ "$test" != kernels ] || has 'neoverse-n1: ' plain neon neon_dotprod
done
run max kernels
has 'max: ' plain neon neon_dotprod neon_i8mm
run max pack
echo "1..$n"
