#!/bin/sh
# What `make lint` runs, from the build folder: our own style tests, cppcheck, clang-tidy.  Exits 1 when anything is found.
# CPPFLAGS has where the libraries' headers are; CORAX_SRCDIR is the top of the source.
# usage: build-aux/lint.sh [FILE.c...]
set -u
: "${CORAX_SRCDIR:?}" "${CPPFLAGS:?}"
rc=0

if [ $# -eq 0 ]; then
    for test in includes files; do
        sh "$CORAX_SRCDIR/tests/style/$test.sh" | grep -E '^(not ok|#)|# SKIP' && rc=1
    done
    # shellcheck disable=SC2046 # names without spaces
    set -- $(find "$CORAX_SRCDIR"/util "$CORAX_SRCDIR"/infer "$CORAX_SRCDIR"/policies "$CORAX_SRCDIR"/tools "$CORAX_SRCDIR"/agent \
        "$CORAX_SRCDIR"/daemon "$CORAX_SRCDIR"/cli "$CORAX_SRCDIR"/plugins -name '*.c' | sort)
fi
if command -v cppcheck >/dev/null; then
    echo "cppcheck: $# files"
    # Not knowing sys/queue.h, it takes TAILQ_HEAD for an error.  The two suppressed checks follow pointers from file to file and lose
    # the way: sizeof(err->msg) is no dereference, an error to be filled need not be initialised.
    queue=$(find /usr/include -path '*/sys/queue.h' | head -n 1)
    cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 --suppress=missingInclude \
        --suppress=ctunullpointer --suppress=ctuuninitvar ${queue:+"--include=$queue"} -I"$CORAX_SRCDIR" \
        -I"$CORAX_SRCDIR/include" "$@" || rc=1
else
    echo "cppcheck: skipped, it is not installed"
fi
if command -v clang-tidy >/dev/null; then
    echo "clang-tidy: $# files"
    # shellcheck disable=SC2086 # flags; where things are installed does not matter here
    for file; do
        clang-tidy --quiet --warnings-as-errors='*' "$file" -- -std=gnu11 -include config.h -I. -I"$CORAX_SRCDIR" \
            -I"$CORAX_SRCDIR/include" $CPPFLAGS -DCORAX_BINDIR='"/"' -DCORAX_PLUGINDIR='"/"' -DCORAX_DATADIR='"/"' \
            -DCORAX_SYSCONFDIR='"/"' -DCORAX_STATEDIR='"/"' -DCORAX_RUNDIR='"/"' 2>/dev/null || rc=1
    done
else
    echo "clang-tidy: skipped, it is not installed"
fi
exit $rc
