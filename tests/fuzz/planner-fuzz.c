/*
 * agent: the bytes are a planner and small budgets, then events in any order.  One planner is asked for its command after each event, a
 * second only gets the events that the first took, as after a restart.  Both must end with the same command and as many
 * messages; a refused event changes nothing; whenever the model is asked, every call has exactly one result.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/planner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct input {
    const uint8_t *data;
    size_t len;
};

static unsigned next_byte(struct input *in)
{
    if (in->len == 0)
        return 0;
    in->len--;
    return *in->data++;
}

static void require(bool good)
{
    if (!good)
        abort();
}

static struct planner *start(const char *kind, const struct budget *b)
{
    struct transcript *t = transcript_create();

    require(t && transcript_add_text(t, ROLE_USER, "go", 2, NULL) == 0);
    return planner_create(planner_kind_find(kind), t, b);
}

static void check_results(const struct planner *p)
{
    const struct transcript *t = planner_transcript(p);
    size_t n_calls = 0, n_results = 0;

    for (size_t i = 0; i < transcript_count(t); i++) {
        const struct message *m = transcript_at(t, i);

        if (m->role == ROLE_TOOL)
            require(n_results++ < n_calls); /* in order: each number once */
        n_calls += m->n_calls;
    }
    require(n_calls == n_results);
}

static const char *const kinds[] = { "react", "plan", "dfsdt", "reflexion" };
static const char *const texts[] = { NULL, "no", " \n", "done", "\xe2\x82\xac\xf0\x9f\x90\xa6 and more than that", "Plan: that" };
static const char *const mimes[] = { "text/plain", "application/json", "image/png" };

static void read_event(struct input *in, const char *open_id, struct call calls[4], struct part parts[2],
                       struct plan_event *ev)
{
    static const char *const names[] = { "calc", "ask_user", "now", "give_up" };
    static const char *const args[] = { "{}", "{ }", "{\"question\":\"Which?\"}", "{\"question\":7}", "[[[", "" };
    unsigned flags = next_byte(in);

    *ev = (struct plan_event){ .kind = (enum plan_event_kind)(next_byte(in) % 9), .calls = calls, .parts = parts };
    ev->active_ms = next_byte(in);
    ev->n_tokens = next_byte(in);
    ev->cut_off = flags & 1;
    ev->error = flags & 2;
    ev->binding = flags & 16;
    ev->reasoning = flags & 4 ? "why" : NULL;
    ev->call_id = flags & 8 ? "c3" : open_id;
    ev->text = ev->said = texts[next_byte(in) % 6];
    ev->n_calls = next_byte(in) % 5;
    for (size_t i = 0; i < ev->n_calls; i++) {
        unsigned which = next_byte(in);

        calls[i].name = names[which & 3];
        calls[i].args = args[(which >> 2) % 6];
        calls[i].args_len = strlen(calls[i].args);
    }
    ev->n_parts = next_byte(in) % 3;
    for (size_t i = 0; i < ev->n_parts; i++) {
        unsigned which = next_byte(in);

        parts[i].mime = mimes[which % 3];
        parts[i].data = texts[1 + which / 3 % 4];
        parts[i].len = strlen(parts[i].data);
    }
}

static bool same_command(const struct plan_command *a, const struct plan_command *b)
{
    return a->kind == b->kind && a->max_tokens == b->max_tokens && a->must_answer == b->must_answer &&
           a->attempt == b->attempt && a->outcome == b->outcome && !a->call == !b->call && !a->text == !b->text &&
           (!a->call || strcmp(a->call->id, b->call->id) == 0) && (!a->text || strcmp(a->text, b->text) == 0) &&
           (!a->code || strcmp(a->code, b->code) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct input in = { data, len };
    struct budget b = budget_default();
    struct plan_command open, next;
    struct planner *p, *silent;
    unsigned first;

    first = next_byte(&in);
    b.max_steps = (int)first % 16 * (first / 16 % 4 == 3 ? 3 : 1);
    b.max_attempts = 1 + (int)(first >> 6);
    b.max_tool_calls = (int)next_byte(&in) % 16;
    b.max_tokens = 16 * next_byte(&in);
    b.max_wall_ms = next_byte(&in);
    b.max_identical = (int)next_byte(&in) % 12;
    b.max_reply_tokens = 1 + (int)next_byte(&in);
    b.max_observation_bytes = (int)next_byte(&in) % 32;
    b.max_depth = 1 + (int)(first >> 6);
    b.max_width = 1 + (int)first % 3;
    p = start(kinds[first / 16 % 4], &b);
    silent = start(kinds[first / 16 % 4], &b);
    require(p && silent);
    open = planner_next(p);
    while (in.len > 0) {
        size_t n = transcript_count(planner_transcript(p));
        struct call calls[4];
        struct part parts[2];
        struct plan_event ev;

        require(open.kind != PLAN_WAIT && planner_next(p).kind == PLAN_WAIT);
        if (open.kind == PLAN_ASK_MODEL)
            check_results(p);
        read_event(&in, open.call ? open.call->id : NULL, calls, parts, &ev);
        if (planner_apply(p, &ev, NULL) < 0) {
            require(planner_next(p).kind == PLAN_WAIT && transcript_count(planner_transcript(p)) == n);
            continue;
        }
        require(open.kind != PLAN_FINISH && planner_apply(silent, &ev, NULL) == 0);
        next = planner_next(p);
        if (next.kind != PLAN_WAIT)
            open = next;
        else
            require(ev.kind == PLAN_EV_CLOCK);
    }
    next = planner_next(silent);
    require(same_command(&open, &next));
    require(transcript_count(planner_transcript(p)) == transcript_count(planner_transcript(silent)));
    require(planner_spent(p).n_steps <= b.max_steps && planner_spent(p).n_tool_calls <= b.max_tool_calls);
    planner_destroy(p);
    planner_destroy(silent);
    return 0;
}
