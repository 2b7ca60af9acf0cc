#!/bin/sh
# What `make lint` runs, from the build folder: our own style tests (with codespell, shellcheck, mandoc, clang-format), cppcheck,
# clang-tidy.  Exits 1 when anything is found; a tool that is not installed is named and left out.
# CPPFLAGS has where the libraries' headers are; CORAX_SRCDIR is the top of the source.
# usage: build-aux/lint.sh [FILE.c...]
set -u
: "${CORAX_SRCDIR:?}" "${CPPFLAGS:?}"
export CORAX_SRCDIR CPPFLAGS
jobs=$(nproc 2>/dev/null || echo 1)
rc=0

if [ $# -eq 0 ]; then
    for test in includes files; do
        lines=$(sh "$CORAX_SRCDIR/tests/style/$test.sh" | grep -E '^(not ok|#)|# SKIP')
        [ -z "$lines" ] || printf '%s\n' "$lines"
        case $lines in *"not ok"*) rc=1 ;; esac
    done
    # shellcheck disable=SC2046 # names without spaces
    set -- $(find "$CORAX_SRCDIR"/util "$CORAX_SRCDIR"/infer "$CORAX_SRCDIR"/policies "$CORAX_SRCDIR"/tools "$CORAX_SRCDIR"/agent \
        "$CORAX_SRCDIR"/daemon "$CORAX_SRCDIR"/cli "$CORAX_SRCDIR"/plugins -name '*.c' | sort)
fi
if command -v cppcheck >/dev/null; then
    echo "cppcheck: $# files"
    # Not knowing sys/queue.h, it takes TAILQ_HEAD for an error.  The two suppressed checks follow pointers from file to file and lose
    # the way: sizeof(err->msg) is no dereference, an error to be filled need not be initialised.  Memory that is several arrays is
    # cast to their types, each of which is read as what was written.
    queue=$(find /usr/include -path '*/sys/queue.h' | head -n 1)
    cppcheck --quiet -j "$jobs" --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 --suppress=missingInclude \
        --suppress=ctunullpointer --suppress=ctuuninitvar --suppress=invalidPointerCast ${queue:+"--include=$queue"} -I"$CORAX_SRCDIR" \
        -I"$CORAX_SRCDIR/include" "$@" || rc=1
else
    echo "cppcheck: skipped, it is not installed"
fi
if command -v clang-tidy >/dev/null; then
    echo "clang-tidy: $# files"
    # Each file on its own, several at once; where things are installed does not matter here.  What clang-tidy says about its own
    # work is on standard error, so a failure without a finding shows that.
    # shellcheck disable=SC2016 # expanded by the inner shell
    printf '%s\n' "$@" | xargs -P "$jobs" -n 1 sh -c 'errors=$(mktemp) || exit 1
        # shellcheck disable=SC2086 # flags
        out=$(clang-tidy --quiet --warnings-as-errors="*" "$0" -- -std=gnu11 -include config.h -I. -I"$CORAX_SRCDIR" \
            -I"$CORAX_SRCDIR/include" $CPPFLAGS -DCORAX_BINDIR="\"/\"" -DCORAX_PLUGINDIR="\"/\"" -DCORAX_DATADIR="\"/\"" \
            -DCORAX_SYSCONFDIR="\"/\"" -DCORAX_STATEDIR="\"/\"" -DCORAX_RUNDIR="\"/\"" 2>"$errors") && found=0 || found=1
        [ "$found" -eq 0 ] || { [ -n "$out" ] || out=$(tail -n 5 "$errors"); printf "%s\n" "$0:" "$out"; }
        rm -f "$errors"
        exit "$found"' || rc=1
else
    echo "clang-tidy: skipped, it is not installed"
fi
exit $rc
