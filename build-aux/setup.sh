# What ./try and ./check share: from a fresh clone to a build.  Sourced by both, with the top of the tree as directory.
# shellcheck shell=sh

umask 022 # corax-host refuses a plugin that others may write to

say() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
    say "$*"
    exit 1
}

# step LOG WHAT COMMAND...: runs it with its output in LOG; at a terminal counts the compiled files meanwhile.
step() {
    step_log=$1 step_what=$2
    shift 2
    step_began=$(date +%s)
    "$@" >"$step_log" 2>&1 </dev/null &
    step_pid=$!
    # A shell script's background command does not see Ctrl-C.
    trap 'kill "$step_pid" 2>/dev/null; exit 130' INT TERM
    if [ -t 2 ]; then
        while kill -0 "$step_pid" 2>/dev/null; do
            step_n=$(grep -cE '^  (CC|CXX|CCLD|CXXLD) ' "$step_log" || true)
            printf '\r%s: %s (%d s%s) ' "${0##*/}" "$step_what" "$(($(date +%s) - step_began))" \
                "$([ "$step_n" -eq 0 ] || echo ", $step_n files")" >&2
            sleep 0.5
        done
        printf '\r\033[K' >&2
    fi
    if ! wait "$step_pid"; then
        tail -n 25 "$step_log" >&2
        die "$step_what failed; the whole log is $step_log"
    fi
    trap - INT TERM
    step_took=$(($(date +%s) - step_began))
    [ "$step_took" -lt 2 ] || say "$step_what: done in $step_took s"
}

# install_packages GROUP: quiet when nothing is missing.
install_packages() {
    missing=$(build-aux/install-packages --dry-run "$@" 2>&1)
    [ -n "$missing" ] || return 0
    say "$missing"
    step install.log "installing packages" build-aux/install-packages "$@"
    rm -f install.log
}

# configure_in DIR CONFIGURE-OPTION...: bootstraps and configures, where that was not done.
configure_in() {
    dir=$1
    shift
    mkdir -p "$dir"
    if [ ! -f configure ]; then # make itself sees to a newer configure.ac
        step "$dir/bootstrap.log" "bootstrapping (autoreconf)" autoreconf -fi
    fi
    if [ ! -f "$dir/Makefile" ]; then
        # shellcheck disable=SC2016 # expanded by the inner shell
        step "$dir/configure.log" "configuring in $dir/" sh -c 'cd "$1" && shift && exec ../configure "$@"' sh "$dir" "$@"
    fi
}

# build_in DIR CONFIGURE-OPTION...: bootstraps, configures and builds what is not up to date.
build_in() {
    configure_in "$@"
    # Nothing in the source is newer than the last build: even asking make would take longer than a question does.
    if [ -f "$dir/.built" ] && [ -z "$(find . -mindepth 1 \( -path ./build -o -path './build-[!a]*' -o -path ./.git \) -prune -o \
        -newer "$dir/.built" -print | head -n 1)" ]; then
        return
    fi
    touch "$dir/.begun" # what is edited while make runs is newer than this
    step "$dir/build.log" "building in $dir/ (a few minutes the first time)" \
        make -C "$dir" -j"$(nproc 2>/dev/null || echo 1)" all
    mv "$dir/.begun" "$dir/.built"
}
