#!/bin/sh
# Tables that a script wrote are as the script would write them, and what the tarball is to hold is kept.
# A script whose Python or packages are not here, or of other versions than the table names, is skipped; PYTHON says which Python.
set -u
cd "${CORAX_SRCDIR:-.}" || exit 99
python=${PYTHON:-python3}

echo 1..4
n=0
for script in jinja-table unicode-classes unicode-tables; do
    n=$((n + 1))
    out=$(PYTHONDONTWRITEBYTECODE=1 "$python" "build-aux/$script.py" --check 2>&1)
    result=$?
    case $result:$out in
    0:*) echo "ok $n - what build-aux/$script.py writes" ;;
    77:* | 126:* | 127:* | *ModuleNotFoundError* | *"needs a Python"*)
        echo "ok $n # SKIP build-aux/$script.py: $(printf '%s\n' "$out" | tail -n 1)" ;;
    *)
        echo "not ok $n - what build-aux/$script.py writes"
        printf '%s\n' "$out" | sed 's/^/# /'
        ;;
    esac
done

# A file that git does not keep is missing from the next checkout, and then there is no tarball.
n=$((n + 1))
if [ -e .git ] && git ls-files > /dev/null 2>&1; then
    lost=$(sed -n '/^EXTRA_DIST/,/[^\\]$/p' Makefile.am | grep -o 'build-aux/[^ \\]*' | while read -r file; do
        git ls-files --error-unmatch "$file" > /dev/null 2>&1 || printf ' %s' "$file"
    done)
    if [ -z "$lost" ]; then
        echo "ok $n - what EXTRA_DIST names is kept"
    else
        echo "not ok $n - what EXTRA_DIST names is kept"
        echo "# not in git:$lost"
    fi
else
    echo "ok $n # SKIP not a checkout"
fi
