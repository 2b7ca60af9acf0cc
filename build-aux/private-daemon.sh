# A coraxd of one's own from a build folder, for ./try, tests and benchmarks.  Sourced.
#
#     daemon_build=/path/of/build daemon_source=/path/of/source daemon_run=/path/of/an/empty/folder
#     daemon_write_conf MODEL      # $daemon_run/corax.conf
#     daemon_start || ...          # waits until it answers; $daemon_pid, $daemon_run/coraxd.log
#     daemon_stop                  # that process and no other; daemon_kill does it the hard way
# shellcheck shell=sh
# shellcheck disable=SC2154 # set by those who source this

daemon_pid=

# The plugins built there, one path a line: modules that are to be installed know where to.
daemon_plugins() {
    for la in "$daemon_build"/*.la; do
        grep -q "^libdir='..*'" "$la" && printf '%s\n' "$daemon_build/.libs/$(basename "$la" .la).so"
    done
}

daemon_json_string() {
    printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"
}

# daemon_write_conf MODEL [INFER HOST PLUGIN]: what stands in for corax-infer, corax-host and the plugins.
# A host that stands in writes outside, so it has a box that stands in, too.  Pinned are the tools that the shipped model was trained
# on: of the others, which a task is given as they fit it, it knows the names alone.
daemon_write_conf() {
    # A copy: a clone may be writable by the group, and coraxd takes no policy that others may write.
    cp "$daemon_source/policies/default.json" "$daemon_run/policy.json"
    chmod 644 "$daemon_run/policy.json"
    cat >"$daemon_run/corax.conf" <<CONF
{
    "socket": $(daemon_json_string "$daemon_run/coraxd.sock"),
    "state": $(daemon_json_string "$daemon_run/state"),
    "model": $(daemon_json_string "$1"),
    "plugins": [$(if [ -n "${4:-}" ]; then echo "$4"; else daemon_plugins; fi |
        while read -r so; do daemon_json_string "$so" && printf ', '; done)],
    "policies": [$(daemon_json_string "$daemon_run/policy.json")],
    "infer": { "path": $(daemon_json_string "${2:-$daemon_build/corax-infer}") },
    "tool_retrieval": { "pinned": ["calc", "canonical_smiles", "convert", "descriptors", "formula", "mol_weight", "now",
        "run_python", "search", "similarity"] },
    "roots": { "docs": $(daemon_json_string "$daemon_source/docs") },
    "host": { "path": $(daemon_json_string "${3:-$daemon_build/corax-host}") },
    "box": { "path": $(daemon_json_string "$(if [ -n "${3:-}" ]; then echo "$daemon_build/tests/daemon/scripted-box"; else echo "$daemon_build/corax-box"; fi)") },
}
CONF
}

# False when it ends or does not answer within ten seconds; its log says why.
daemon_start() {
    "$daemon_build/coraxd" -c "$daemon_run/corax.conf" 2>>"$daemon_run/coraxd.log" </dev/null 3>&- &
    daemon_pid=$!
    daemon_tries=0
    until "$daemon_build/corax" --socket "$daemon_run/coraxd.sock" ping >/dev/null 2>&1; do
        daemon_tries=$((daemon_tries + 1))
        kill -0 "$daemon_pid" 2>/dev/null && [ "$daemon_tries" -le 200 ] || return 1
        sleep 0.05
    done
}

daemon_end() {
    [ -n "$daemon_pid" ] || return 0
    kill "-$1" "$daemon_pid" 2>/dev/null || true
    wait "$daemon_pid" 2>/dev/null || true
    daemon_pid=
}

daemon_stop() {
    daemon_end TERM
}

daemon_kill() {
    daemon_end KILL
}
