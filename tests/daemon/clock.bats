#!/usr/bin/env bats
# The wall clock is set while the daemon runs, or while it does not: what has a time of its own goes by the clock as it is set.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load daemon

replies='{"go":[{"text":"well"}], "slow":[{"sleep_ms":600000}]}'
hour=3600000
day=86400000

clock() { # MILLISECONDS ahead
    printf '%+020d\n' "$1" | dd of="$dir/clock" conv=notrunc status=none
    ahead=$1
}

start_with_clock() {
    script <<< "$replies"
    clock 0
    preload="ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0 TZ=UTC0 CORAX_TEST_CLOCK=$dir/clock LD_PRELOAD=$helpers/.libs/set_clock.so"
    start
}

shown_ms() { # [MORE]: what the daemon's clock shows
    now_ms $((ahead + ${1:-0}))
}

next_is_within() { # MILLISECONDS
    known && [ "$(field /next_ms)" -gt "$(shown_ms)" ] && [ "$(field /next_ms)" -le "$(shown_ms "$1")" ]
}

@test "a task begins when the clock is set beyond its time, and not when it is set back" {
    start_with_clock
    submit go "\"at\":$(now_ms $hour)"
    clock $((-day))
    sleep 0.5
    in_state scheduled
    clock $((hour - 60000))
    sleep 0.5
    in_state scheduled
    clock $((hour + 1000))
    await
    same "$(field /answer)" well
    grep -q "the clock was set" "$dir/log"
}

@test "the model is told the day on which the task came due" {
    extra='"date_note": true'
    start_with_clock
    submit go "\"at\":$(now_ms $day)"
    clock $((3 * day))
    await
    same "$(field /answer)" well
    api GET "/v1/tasks/$id/trace"
    has "$(field /events/2/text)" "$(date -u -d '+3 days' +%Y-%m-%d)."
}

@test "a deadline passes when the clock is set beyond it, a budget does not" {
    start_with_clock
    submit slow '"budget":{"wall_ms":600000}'
    budget=$id
    eventually in_state running
    submit go "\"deadline\":$(now_ms $hour)" # it queues behind: one chat at a time
    clock $((2 * hour))
    await
    same "$(field /error/code)" deadline
    in_state running "$budget"
}

@test "a schedule: forward is one task, back by less than three hours none, back by days begins anew" {
    start_with_clock
    schedule go 1h
    first=$(field /next_ms)
    clock $((5 * hour + 1000))
    eventually has_run 1
    same "$(field /last_ms)" "$first"
    next=$(field /next_ms)
    same "$(((next - first) % hour))" 0
    next_is_within $hour
    clock $((4 * hour))
    sleep 0.5
    known
    same "$(field /next_ms) $(field /runs)" "$next 1"
    clock $((-10 * day))
    eventually next_is_within $hour
    same "$(field /runs)" 1
    clock $((-10 * day + 2 * hour))
    eventually has_run 2
}

@test "a schedule of cron whose clock was set back by days while the daemon did not run" {
    start_with_clock
    clock $((400 * day))
    schedule go "0 * * * *"
    next_is_within $hour
    stop KILL
    clock 0
    start
    eventually next_is_within $hour
    same "$(field /runs)" 0
    clock $hour
    eventually has_run 1
    stop KILL # what it stands at now was stored
    start
    eventually known
    next_is_within $hour
    same "$(field /runs)" 1
}
