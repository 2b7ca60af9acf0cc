#!/bin/sh
# Builds in coverage/ of the build folder, runs `make check` there, and tells how many lines of each folder were run.  Exits 1 when a
# folder that must reach LEAST percent does not.
#
# clang's counters are mapped from a file (the %c of its name): they survive SIGKILL, and a process that has confined itself goes on
# counting, though it could open no file any more.  gcov writes at exit, which a host or a box never reaches.  Plugins are left out:
# they are loaded behind the confinement, where their counters find no file.
# usage: build-aux/coverage.sh SRCDIR [CONFIGURE-OPTION...]
set -eu

least=${LEAST:-85}
srcdir=$(cd "$1" && pwd)
shift
mkdir -p coverage/profiles
cd coverage
flags="-Og -g -fcoverage-mapping -fprofile-instr-generate=$PWD/profiles/%m%c.profraw"
if [ ! -f Makefile ]; then
    "$srcdir/configure" CC=clang CXX=clang++ CPPFLAGS="-mllvm -runtime-counter-relocation=true" CFLAGS="$flags" CXXFLAGS="$flags" \
        LDFLAGS="$flags" "$@" >configure.log
fi
jobs=$(nproc 2>/dev/null || echo 1)
make -j"$jobs" all >build.log 2>&1 || { tail -n 20 build.log; exit 1; }
rm -f profiles/*
# A test that fails here is told; what it reached counts.
make -j"$jobs" check >check.log 2>&1 || grep -E '^(FAIL|ERROR)' check.log || tail -n 20 check.log
llvm-profdata merge -o all.profdata profiles/*.profraw

objects=
for object in corax corax-host corax-infer corax-box corax-egress; do
    objects="$objects -object $object"
done
# shellcheck disable=SC2086 # a list of files without spaces
llvm-cov report coraxd $objects -instr-profile=all.profdata >report.txt 2>report.err
# Of each file: its name, lines at the eighth place, lines that were not run at the ninth.
awk -v top="$srcdir/" -v least="$least" '
    $1 ~ /\.(c|cc|h)$/ {
        name = $1
        sub(/^.*\/\.\.\//, "", name)
        if (index(name, top) == 1)
            name = substr(name, length(top) + 1)
        folder = name
        sub(/\/.*/, "", folder)
        if (index(name, "/") == 0 || $8 == 0)
            next
        lines[folder] += $8
        missed[folder] += $9
        if (100 * $9 > (100 - least) * $8)
            low[++n_low] = sprintf("%5.1f %%  %s", 100 - 100 * $9 / $8, name)
    }
    END {
        split("util agent policies tools daemon", must)
        for (i in must)
            is_must[must[i]] = 1
        for (i = 1; i <= n_low; i++)
            print low[i]
        for (folder in lines) {
            percent = 100 - 100 * missed[folder] / lines[folder]
            good = percent >= least || !(folder in is_must)
            rc = rc || !good
            printf "%s: %.1f %% of %d lines%s\n", folder, percent, lines[folder], good ? "" : ", must be " least " %"
        }
        exit rc
    }' report.txt
