#!/bin/sh
# The official MCP conformance suite against coraxd as a client: what each revision requires, and nothing else counts.
#
#     make conformance-client
#
# CONFORMANCE names the suite's program where it is installed already ("node /path/to/dist/index.js"); else npx fetches it.
set -u
: "${CORAX_BUILDDIR:?run by make conformance-client}"
here=$(cd "$(dirname "$0")" && pwd)
suite=${CONFORMANCE-npx --yes @modelcontextprotocol/conformance@0.2.0-alpha.12}

need() {
    command -v "$1" > /dev/null || {
        echo "conformance-client: $1 is missing: $2" >&2
        exit 1
    }
}

need python3 "it is what runs a coraxd for each scenario"
need curl "it is how the scenarios' coraxd is asked"
if [ -z "${CONFORMANCE-}" ]; then
    need node "the suite wants version 22 or later"
    need npx "it comes with node, and fetches the suite"
    major=$(node -p 'process.versions.node.split(".")[0]')
    [ "$major" -ge 22 ] || {
        echo "conformance-client: node is version $major, the suite wants 22 or later; or set CONFORMANCE to how it is run" >&2
        exit 1
    }
fi
status=0
for revision in 2025-11-25 2026-07-28; do
    echo "=== $revision"
    log=conformance-client-$revision.log
    # shellcheck disable=SC2086 # words
    $suite client --command "$here/client.py" --requirements $revision -o "conformance-client-$revision" > "$log" 2>&1 || status=1
    sed -n '/=== SUITE SUMMARY ===/,$p' "$log"
    grep -q '=== SUITE SUMMARY ===' "$log" || tail -n 20 "$log"
done
exit $status
