#!/bin/sh
# What holds for every source file and document: size, first comment, spelling, shell, manual pages, formatting.
# A tool that is not installed skips its line and says so.
set -u
cd "${CORAX_SRCDIR:-.}" || exit 99

folders='include util infer policies tools agent plugins daemon cli tests'
# shellcheck disable=SC2086
code=$(find $folders \( -name '*.c' -o -name '*.h' -o -name '*.cc' \) | sort)
headers=$(printf '%s\n' "$code" | grep '\.h$')
scripts="try check .ci/run cli/corax.bash infer/corax-infer.bash models/make-model build-aux/coverage.sh build-aux/install-packages build-aux/lint.sh
    build-aux/private-daemon.sh build-aux/setup.sh $(find tests -name '*.sh')"
echo 1..8
n=0

# report WHAT OFFENDERS
report() {
    n=$((n + 1))
    if [ -z "$2" ]; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        printf '%s\n' "$2" | head -n 40 | sed 's/^/# /'
    fi
}

# has PROGRAM WHAT: false, and a skipped line, when it is missing.
has() {
    command -v "$1" >/dev/null && return 0
    n=$((n + 1))
    echo "ok $n - $2 # SKIP $1 is not installed"
    return 1
}

# shellcheck disable=SC2086 # lists of files without spaces in their names
{
    report "no source file is longer than 1,000 lines" \
        "$(wc -l $code | awk '$2 != "total" && $1 > 1000 { print $2 ": " $1 " lines" }')"
    report "every header begins with what it is for" \
        "$(for h in $headers; do head -n 3 "$h" | grep -qE '^ ?(/\*|\*|//) *.*[a-z0-9_]+\.h - ' || echo "$h"; done)"
    report "no line ends in white space, and no tab indents C" \
        "$(grep -nE '[ 	]+$|^	' $code)"
    if has codespell "spelling"; then
        report "spelling" "$(codespell -q 3 -I tests/style/words $code README.md NEWS docs man try check build-aux/setup.sh \
            build-aux/install-packages 2>&1)"
    fi
    if has shellcheck "shell scripts"; then
        report "shell scripts" "$(shellcheck -x -f gcc $scripts 2>&1)"
    fi
    if has mandoc "manual pages"; then
        report "manual pages" "$(mandoc -T lint -W warning man/*.[1-9] 2>&1)"
    fi
    report "every program has a manual page" \
        "$(for page in corax.1 coraxd.8 corax-infer.1 corax-host.1 corax-box.1 corax-egress.1 corax.conf.5; do [ -f "man/$page" ] || echo "man/$page"; done)"
    if has clang-format-14 "formatting of cli/"; then
        report "formatting of cli/" "$(clang-format-14 --dry-run cli/*.c cli/*.h 2>&1 | grep 'warning:')"
    fi
}
