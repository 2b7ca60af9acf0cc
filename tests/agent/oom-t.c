/*
 * Covers: every allocation of the policy engine, the transcript and the planner failing, each one alone and then all from
 * there on: the error is INTERNAL (or LIMIT, for an arena), nothing leaks or is used after it was freed (under
 * --enable-sanitize), and the same steps succeed afterwards.
 */
#include "agent/planner.h"
#include "policies/policy.h"
#include "tests/oom.h"

static const char policy_text[] =
    "{\"policy\":1,\"id\":\"t\",\"rules\":["
    "{\"id\":\"r\",\"allow\":\"a.b\",\"why\":\"w\",\"when\":{\"args\":{\"n\":{\"max\":5}}}},"
    "{\"id\":\"s\",\"ask\":\"a.*\",\"why\":\"w\",\"when\":{\"effects\":{\"any\":[\"net\"]}}}],"
    "\"tests\":[{\"want\":\"allow\",\"rule\":\"r\",\"call\":{\"tool\":\"a.b\",\"args\":{\"n\":5}}}]}";

static int load_policy(struct err *err)
{
    struct policy_file file = { "t.json", policy_text, sizeof(policy_text) - 1 };
    struct policy *p = policy_load(&file, 1, POLICY_BASE, err);

    policy_destroy(p);
    return p ? 0 : -1;
}

/* A task of these events, which answer it. */
static int run_events(const char *kind, const struct budget *b, const struct plan_event *events, size_t n, struct err *err)
{
    struct transcript *t = transcript_create(), *asked;
    struct planner *p = NULL;
    int rc = 0;

    if (t && transcript_add_text(t, ROLE_USER, "go", 2, err) == 0)
        p = planner_create(planner_kind_find(kind), t, b);
    if (p == NULL) {
        transcript_destroy(t);
        return fail(err, CORAX_E_INTERNAL, "out of memory");
    }
    for (size_t i = 0; i < n && rc == 0; i++) {
        if (events[i].kind == PLAN_EV_SUMMARIZED) {
            asked = planner_summary_ask(p, err);
            rc = asked ? 0 : -1;
            transcript_destroy(asked);
        }
        if (rc == 0)
            rc = planner_apply(p, &events[i], err);
    }
    if (rc == 0 && planner_next(p).outcome != PLAN_ANSWERED)
        rc = -1;
    planner_destroy(p);
    return rc;
}

/* A task with calls, a question, a refusal and an answer. */
static int run_task_with(const char *kind, struct err *err)
{
    static const char args[] = "{\"n\":1}", question[] = "{\"question\":\"Which?\"}";
    struct call calls[] = { { .name = "a", .args = args, .args_len = sizeof(args) - 1 },
                            { .name = "ask_user", .args = question, .args_len = sizeof(question) - 1 },
                            { .name = "a", .args = args, .args_len = sizeof(args) - 1 } };
    struct call give_up = { .name = "give_up", .args = args, .args_len = sizeof(args) - 1 };
    struct part part = { "text/plain", "a result that is cut", 20 };
    const struct plan_event events[] = {
        { .kind = PLAN_EV_NOTE, .said = "Today is Friday, 2026-11-27." },
        { .kind = PLAN_EV_MODEL_REPLIED, .text = "Plan: call a" }, /* not where there is none */
        { .kind = PLAN_EV_MODEL_REPLIED, .n_calls = 1, .calls = &give_up },
        { .kind = PLAN_EV_MODEL_REPLIED, .reasoning = "why", .n_calls = 3, .calls = calls },
        { .kind = PLAN_EV_TOOL_DONE, .call_id = strcmp(kind, "dfsdt") == 0 ? "c2" : "c1", .n_parts = 1, .parts = &part },
        { .kind = PLAN_EV_HUMAN_SAID, .said = "that" },
        { .kind = PLAN_EV_MODEL_REPLIED },
        { .kind = PLAN_EV_MODEL_REPLIED, .text = "done" },
    };
    struct plan_event taken[sizeof(events) / sizeof(*events)];
    struct budget b = budget_default();
    size_t n = 0;

    b.max_identical = 1;
    b.max_observation_bytes = 10;
    for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
        if ((i != 1 || strcmp(kind, "plan") == 0) && (i != 2 || strcmp(kind, "dfsdt") == 0))
            taken[n++] = events[i];
    return run_events(kind, &b, taken, n, err);
}

static int run_task(struct err *err)
{
    return run_task_with("react", err);
}

static int run_planned(struct err *err)
{
    return run_task_with("plan", err);
}

static int run_search(struct err *err)
{
    return run_task_with("dfsdt", err);
}

/* A task that is begun anew. */
static int run_attempts(struct err *err)
{
    static const char args[] = "{\"n\":1}", spaced[] = "{ \"n\" : 1 }";
    struct call calls[] = { { .name = "a", .args = args, .args_len = sizeof(args) - 1 }, { .name = "a", .args = spaced, .args_len = sizeof(spaced) - 1 } };
    struct part part = { "text/plain", "a result", 8 };
    const struct plan_event events[] = {
        { .kind = PLAN_EV_MODEL_REPLIED, .n_calls = 2, .calls = calls },
        { .kind = PLAN_EV_TOOL_DONE, .call_id = "c1", .n_parts = 1, .parts = &part },
        { .kind = PLAN_EV_MODEL_REPLIED, .text = "done" },
        { .kind = PLAN_EV_MODEL_REPLIED, .text = "No." },
        { .kind = PLAN_EV_MODEL_REPLIED, .text = "Look better." },
        { .kind = PLAN_EV_MODEL_REPLIED, .text = "done" },
        { .kind = PLAN_EV_MODEL_REPLIED, .text = "Yes." },
    };
    struct budget b = budget_default();

    b.max_identical = 1;
    b.max_steps = 30;
    return run_events("reflexion", &b, events, sizeof(events) / sizeof(*events), err);
}

/* A task whose first step is summed up. */
static int run_compacted(struct err *err)
{
    static const char args[] = "{}";
    struct call call = { .name = "a", .args = args, .args_len = 2 };
    struct part part = { "text/plain", "a result", 8 };
    const struct plan_event events[] = {
        { .kind = PLAN_EV_MODEL_REPLIED, .n_calls = 1, .calls = &call },
        { .kind = PLAN_EV_TOOL_DONE, .call_id = "c1", .n_parts = 1, .parts = &part },
        { .kind = PLAN_EV_MODEL_REPLIED, .n_calls = 1, .calls = &call },
        { .kind = PLAN_EV_TOOL_DONE, .call_id = "c2", .n_parts = 1, .parts = &part },
        { .kind = PLAN_EV_COMPACT },
        { .kind = PLAN_EV_SUMMARIZED, .said = "a summary" },
        { .kind = PLAN_EV_MODEL_REPLIED, .text = "done" },
    };
    const struct budget b = budget_default();

    return run_events("react", &b, events, sizeof(events) / sizeof(*events), err);
}

int main(void)
{
    plan_later();
    oom_each("a policy is loaded", load_policy);
    oom_each("a task runs", run_task);
    oom_each("a task with a plan runs", run_planned);
    oom_each("a task that goes back runs", run_search);
    oom_each("a task that is begun anew runs", run_attempts);
    oom_each("a task is summed up", run_compacted);
    done();
    return tap_status();
}
