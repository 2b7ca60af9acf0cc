/*
 * Covers: every allocation of the policy engine, the transcript and the planner failing, each one alone and then all from
 * there on: the error is INTERNAL (or LIMIT, for an arena), nothing leaks or is used after it was freed (under
 * --enable-sanitize), and the same steps succeed afterwards.
 */
#include "agent/planner.h"
#include "policies/policy.h"
#include "tests/tap.h"

/* The linker sends the allocations of this program here (-Wl,--wrap). */
void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);

static long fail_at = -1, n_allocations; /* -1: none fails */
static bool fail_on;                     /* and all that follow */

static bool fails(void)
{
    long n = n_allocations++;

    return fail_at >= 0 && (n == fail_at || (fail_on && n > fail_at));
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return fails() ? NULL : __real_realloc(p, size);
}

static const char policy_text[] =
    "{\"policy\":1,\"id\":\"t\",\"rules\":["
    "{\"id\":\"r\",\"allow\":\"a.b\",\"why\":\"w\",\"when\":{\"args\":{\"n\":{\"max\":5}}}},"
    "{\"id\":\"s\",\"ask\":\"a.*\",\"why\":\"w\",\"when\":{\"effects\":{\"any\":[\"net\"]}}}],"
    "\"tests\":[{\"want\":\"allow\",\"rule\":\"r\",\"call\":{\"tool\":\"a.b\",\"args\":{\"n\":5}}}]}";

/* 0, or the status of what failed. */
static int load_policy(void)
{
    struct policy_file file = { "t.json", policy_text, sizeof(policy_text) - 1 };
    struct err err = { 0 };
    struct policy *p = policy_load(&file, 1, &err);

    policy_destroy(p);
    return p ? 0 : err.status;
}

/* A task with calls, a question, a refusal and an answer. */
static int run_task(void)
{
    static const char args[] = "{\"n\":1}", question[] = "{\"question\":\"Which?\"}";
    struct call calls[] = { { .name = "a", .args = args, .args_len = sizeof(args) - 1 },
                            { .name = "ask_user", .args = question, .args_len = sizeof(question) - 1 },
                            { .name = "a", .args = args, .args_len = sizeof(args) - 1 } };
    struct part part = { "text/plain", "a result that is cut", 20 };
    const struct plan_event events[] = {
        { .kind = PLAN_EV_MODEL_REPLIED, .reasoning = "why", .n_calls = 3, .calls = calls },
        { .kind = PLAN_EV_TOOL_DONE, .call_id = "c1", .n_parts = 1, .parts = &part },
        { .kind = PLAN_EV_HUMAN_SAID, .said = "that" },
        { .kind = PLAN_EV_MODEL_REPLIED },
        { .kind = PLAN_EV_MODEL_REPLIED, .text = "done" },
    };
    struct budget b = budget_default();
    struct transcript *t = transcript_create();
    struct planner *p = NULL;
    struct err err = { .status = CORAX_E_INTERNAL };
    int status = 0;

    b.max_identical = 1;
    b.max_observation_bytes = 10;
    if (!t || transcript_add_text(t, ROLE_USER, "go", 2, &err) < 0 || !(p = planner_react_create(t, &b))) {
        transcript_destroy(t);
        return err.status;
    }
    for (size_t i = 0; i < sizeof(events) / sizeof(*events) && status == 0; i++)
        if (planner_apply(p, &events[i], &err) < 0)
            status = err.status;
    if (status == 0 && planner_next(p).outcome != PLAN_ANSWERED)
        status = 1;
    planner_destroy(p);
    return status;
}

static void fail_each(const char *what, int (*work)(void))
{
    long n, wrong = 0, survived = 0;

    n_allocations = 0;
    is_int(work(), 0, what);
    n = n_allocations;
    for (int on = 0; on < 2; on++)
        for (long i = 0; i < n; i++) {
            int status;

            fail_at = i;
            fail_on = on;
            n_allocations = 0;
            status = work();
            fail_at = -1;
            survived += status == 0;
            wrong += status != 0 && status != CORAX_E_INTERNAL && status != CORAX_E_LIMIT;
        }
    ok(n > 5, "%s: %ld allocations", what, n);
    is_int(wrong, 0, "each that failed was reported as no memory");
    is_int(survived, 0, "and none was overlooked");
    is_int(work(), 0, "afterwards all is well");
}

int main(void)
{
    plan_later();
    fail_each("a policy is loaded", load_policy);
    fail_each("a task runs", run_task);
    done();
    return tap_status();
}
