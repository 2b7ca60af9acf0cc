/*
 * tests/fuzz/fake_calls.h - tasks that call tools: whatever comes, each call that is not cancelled ends exactly once, with a result that can be
 * read or with a sentence.
 */
#ifndef TESTS_FUZZ_FAKE_CALLS_H
#define TESTS_FUZZ_FAKE_CALLS_H

#include "daemon/hosts.h"
#include "tests/fuzz/fake_link.h"

#define FAKE_MAX_CALLS   32 /* in one input */
#define FAKE_DEADLINE_MS 3600000

struct fake_call {
    struct host_call *call;
    bool live;
};

static struct fake_call fake_calls[FAKE_MAX_CALLS];
static size_t fake_n_calls;

/* For a host_done. */
static void fake_call_ended(struct fake_call *c, const struct tool_result *result, int64_t duration_us, const struct err *err)
{
    require(c->live && duration_us >= 0);
    c->live = false;
    if (!result) {
        require(err && err->status != 0 && err->msg[0]);
        return;
    }
    for (size_t i = 0; i < result->n_parts; i++)
        require(result->parts[i].mime && result->parts[i].data[result->parts[i].len] == '\0');
    require(!result->structured || json_check(result->structured, result->structured_len, NULL) == 0);
}

/* What the call was given back with. */
static void fake_call_begun(struct fake_call *c, struct host_call *call, const struct err *err)
{
    require(call || (err->status != 0 && err->msg[0]));
    c->call = call;
    c->live = call != NULL;
}

/* The oldest. */
static void fake_call_cancel(void)
{
    for (size_t i = 0; i < fake_n_calls; i++)
        if (fake_calls[i].live) {
            fake_calls[i].live = false;
            host_cancel(fake_calls[i].call);
            return;
        }
}

static void fake_calls_are_over(void)
{
    for (size_t i = 0; i < fake_n_calls; i++)
        require(!fake_calls[i].live);
}

#endif
