#!/bin/sh
# The official MCP conformance suite against coraxd, for both revisions.  Needs node, npx and a registry of npm packages, or CONFORMANCE, a
# command that starts the suite.  Prints what the suite prints, and last a line for each revision.
#
#     make conformance                       all scenarios that the revisions require
#     make conformance SCENARIO=tools-list   one, with all its checks
set -eu
build=${CORAX_BUILDDIR:?run by make conformance}
here=${CORAX_SRCDIR:?}/tests/conformance
version=0.2.0-alpha.12
for program in python3 curl; do
    command -v $program > /dev/null || { echo "conformance: $program is missing" >&2; exit 77; }
done
if [ -z "${CONFORMANCE-}" ]; then
    command -v npx > /dev/null || { echo "conformance: npx is missing (Debian: npm), which gets the suite; or set CONFORMANCE to a command" >&2; exit 77; }
    # The suite needs a newer node than some systems have.
    CONFORMANCE="npx -y -p node@22 -p @modelcontextprotocol/conformance@$version conformance"
fi

dir=$(mktemp -d /tmp/corax-conformance.XXXXXX)
daemon='' proxy=''
# shellcheck disable=SC2317 # by the trap
finish() {
    [ -z "$proxy" ] || kill "$proxy" 2> /dev/null || :
    [ -z "$daemon" ] || kill "$daemon" 2> /dev/null || :
    [ -z "$daemon" ] || wait "$daemon" 2> /dev/null || :
    rm -rf "$dir"
}
trap finish EXIT
chmod 711 "$dir"
cp -r "$here/prompts" "$here/resources" "$dir"
cp "$build/tests/conformance/.libs/fixture.so" "$dir/fixture.so"
cat > "$dir/policy.json" << 'POLICY'
{ "policy": 1, "id": "conformance", "rules": [{ "id": "fixture", "allow": "conformance.*", "why": "they only show what the protocol has" }] }
POLICY
cat > "$dir/corax.conf" << CONF
{ "socket": "$dir/s.sock", "state": "$dir/state", "model": null, "plugins": ["$dir/fixture.so"], "policies": ["$dir/policy.json"],
  "listen": "127.0.0.1:0", "mcp": { "prompts": "$dir/prompts", "resources": "$dir/resources" },
  "infer": { "path": "$build/corax-infer" }, "host": { "path": "$build/corax-host" }, "box": { "path": "$build/corax-box" },
  "stop": { "seconds": 1 } }
CONF
"$build/coraxd" -d -c "$dir/corax.conf" 2> "$dir/log" &
daemon=$!
for _ in $(seq 200); do
    ! grep -q 'ready after' "$dir/log" || break
    kill -0 "$daemon" 2> /dev/null || { cat "$dir/log" >&2; exit 1; }
    sleep 0.05
done
port=$(sed -n 's/.*listening on TCP port \([0-9]*\).*/\1/p' "$dir/log")
python3 "$here/proxy.py" "$port" "$dir/state/token" "$dir/prompts" "$daemon" > "$dir/port" &
proxy=$!
for _ in $(seq 200); do
    [ ! -s "$dir/port" ] || break
    sleep 0.05
done
url=http://127.0.0.1:$(cat "$dir/port")/mcp

status=0
for revision in ${REVISIONS:-2026-07-28 2025-11-25}; do
    if [ -n "${SCENARIO-}" ]; then
        $CONFORMANCE server --url "$url" --scenario "$SCENARIO" --spec-version "$revision" --force || status=1
    else
        $CONFORMANCE server --url "$url" --requirements "$revision" > "$dir/$revision" 2>&1 || status=1
        cat "$dir/$revision"
    fi
done
[ -z "${KEEP_LOG-}" ] || cp "$dir/log" "$KEEP_LOG"
exit $status
