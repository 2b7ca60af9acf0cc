#!/bin/sh
# Who may include whom (docs/architecture.md): dependencies run one way, and JSON is util/json.h's.
# A line that breaks a rule is printed with the rule.
# Covers quoted includes of our own folders.  Not covered: symbols declared by hand instead of included.
set -u
cd "${CORAX_SRCDIR:-.}" || exit 99

sources=$(find include util infer policies tools agent plugins daemon cli -name '*.c' -o -name '*.h' -o -name '*.cc' -o -name '*.hh' | sort)
echo 1..10
n=0

# allow FOLDER OTHER-FOLDER-IT-MAY-INCLUDE...
allow() {
    folder=$1 what="$1 includes nothing of ours but: $*"
    n=$((n + 1))
    # shellcheck disable=SC2016,SC2086 # awk expands; a list of files without spaces in their names
    bad=$(printf '%s\n' $sources | grep "^$folder/" | xargs awk -v allowed=" $* " '
        /^[ \t]*#[ \t]*include[ \t]*"/ {
            split($0, quoted, "\"")
            slash = index(quoted[2], "/")
            if (slash && index(allowed, " " substr(quoted[2], 1, slash - 1) " ") == 0)
                print FILENAME ":" FNR ": " $0
        }' /dev/null)
    if [ -z "$bad" ]; then
        echo "ok $n - $what"
    else
        echo "not ok $n - $what"
        printf '%s\n' "$bad" | sed 's/^/# /'
    fi
}

allow util
allow infer util
allow policies util
allow tools util
allow agent policies tools infer util
allow daemon agent policies tools infer util
allow cli util
allow plugins

# A plugin sees the system, its libraries, its own folder and <corax/plugin.h>.
n=$((n + 1))
# shellcheck disable=SC2086
bad=$(printf '%s\n' $sources | grep '^plugins/' | xargs grep -nE '#[ \t]*include[ \t]*[<"](corax/|\.\.|config\.h|plugins/)' /dev/null |
    grep -v '<corax/plugin\.h>')
if [ -z "$bad" ]; then
    echo "ok $n - plugins know one header of corax"
else
    echo "not ok $n - plugins know one header of corax"
    printf '%s\n' "$bad" | sed 's/^/# /'
fi

n=$((n + 1))
# shellcheck disable=SC2086
bad=$(grep -nE '#[ \t]*include.*cJSON' $sources | grep -v '^[^:]*plugins/chemistry/')
if [ -z "$bad" ]; then
    echo "ok $n - nothing reads JSON with cJSON, which takes more for JSON than there is; a plugin writes with it"
else
    echo "not ok $n - nothing reads JSON with cJSON, which takes more for JSON than there is; a plugin writes with it"
    printf '%s\n' "$bad" | sed 's/^/# /'
fi
