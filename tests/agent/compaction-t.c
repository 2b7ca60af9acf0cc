/*
 * The older steps of a transcript give way to a summary: which ones, what the model is asked, what is sent then (byte for byte what a transcript
 * of these messages would be), a second time, without a summary, when there is nothing to sum up, and where a planner goes back behind it.
 *
 * Not covered: when the daemon wants it (compact.bats), events in any order (planner-fuzz).
 */
#include "agent/planner.h"
#include "tests/tap.h"

static struct err err;

static struct planner *start(const char *kind)
{
    struct transcript *t = transcript_create();
    struct budget b = budget_default();

    b.max_steps = 40;
    b.max_tool_calls = 100;
    b.max_identical = 1;
    transcript_add_text(t, ROLE_SYSTEM, "be brief", 8, &err);
    transcript_add_text(t, ROLE_USER, "go", 2, &err);
    return planner_create(planner_kind_find(kind), t, &b);
}

static int apply(struct planner *p, enum plan_event_kind kind, const char *said, int64_t n_tokens)
{
    return planner_apply(p, &(struct plan_event){ .kind = kind, .said = said, .n_tokens = n_tokens }, &err);
}

/* The model calls a tool, whose result has so many bytes. */
static void step(struct planner *p, const char *args, size_t bytes)
{
    struct call c = { .name = "t", .args = args, .args_len = strlen(args) };
    char *text = malloc(bytes + 1);
    struct part part = { "text/plain", text, bytes };
    struct plan_command open;

    memset(text, 'x', bytes);
    text[bytes] = '\0';
    planner_apply(p, &(struct plan_event){ .kind = PLAN_EV_MODEL_REPLIED, .n_calls = 1, .calls = &c, .n_tokens = 1 }, &err);
    open = planner_next(p);
    if (open.kind == PLAN_CALL_TOOL)
        planner_apply(p, &(struct plan_event){ .kind = PLAN_EV_TOOL_DONE, .call_id = open.call->id, .n_parts = 1, .parts = &part }, &err);
    planner_next(p);
    free(text);
}

static void write_json(const struct transcript *t, struct buf *out)
{
    struct jsonw w;

    buf_init(out, 1u << 20);
    w = jsonw_start(out);
    transcript_write(t, &w, NULL);
}

/* What is sent is what a transcript of the same messages would be. */
static void is_whole(const struct planner *p)
{
    const struct transcript *t = planner_transcript(p);
    struct transcript *same = transcript_create();
    struct buf a, b;

    for (size_t i = 0; i < transcript_count(t); i++)
        transcript_add(same, transcript_at(t, i), &err);
    write_json(t, &a);
    write_json(same, &b);
    is_str(a.data, b.data, "what is sent is the messages");
    buf_finish(&a);
    buf_finish(&b);
    transcript_destroy(same);
}

static const char *text_of(const struct planner *p, size_t message, size_t part)
{
    const struct message *m = transcript_at(planner_transcript(p), message);

    return part < m->n_parts ? m->parts[part].data : NULL;
}

static void test_steps(void)
{
    struct planner *p = start("react");
    struct transcript *asked;
    struct plan_compacted range;
    struct plan_command c;

    is_int(apply(p, PLAN_EV_COMPACT, NULL, 0), -1, "before there is a step there is nothing to sum up");
    planner_next(p);
    apply(p, PLAN_EV_NOTE, "a note", 0);
    planner_next(p);
    step(p, "{\"n\":1}", 100);
    is_int(apply(p, PLAN_EV_COMPACT, NULL, 0), -1, "nor where there is one alone");
    step(p, "{\"n\":2}", 100);
    step(p, "{\"n\":3}", 400);
    step(p, "{\"n\":4}", 20);
    step(p, "{\"n\":5}", 20);
    is_int((long long)planner_compactable(p), 621, "so many bytes could go");
    is_int(apply(p, PLAN_EV_SUMMARIZED, "too early", 0), -1, "no summary is taken that was not asked for");
    is_int(apply(p, PLAN_EV_COMPACT, NULL, 33), 0, "with more it can be");
    c = planner_next(p);
    ok(c.kind == PLAN_SUMMARIZE && c.from == 2 && c.to == 8 && c.max_tokens == 33,
       "the newest steps stay that take a quarter: %zu to %zu in %d tokens", c.from, c.to, c.max_tokens);
    asked = planner_summary_ask(p, &err);
    ok(transcript_count(asked) == 9 && transcript_at(asked, 8)->role == ROLE_USER && strstr(transcript_at(asked, 8)->parts[0].data, "Sum up"),
       "the model is asked behind what will go");
    transcript_destroy(asked);
    is_int(apply(p, PLAN_EV_SUMMARIZED, "three steps", 7), 0, "the summary is taken");
    ok(planner_compacted(p, &range) && range.from == 2 && range.to == 8, "and told of");
    is_int((long long)transcript_count(planner_transcript(p)), 6, "it stands for six messages");
    is_str(text_of(p, 1, 0), "go", "behind the task");
    is_str(text_of(p, 1, 1), "\na note", "and what was noted");
    is_str(text_of(p, 1, 2), "\nSummary of the steps so far, which are left out here to save room:\nthree steps", "as a part of its own");
    is_str(transcript_at(planner_transcript(p), 2)->calls[0].args, "{\"n\":4}", "before the newest steps");
    is_whole(p);
    is_int(planner_spent(p).n_tokens, 12, "its tokens are spent");
    c = planner_next(p);
    is_int(c.kind, PLAN_ASK_MODEL, "the ask is handed out again");
    is_int(apply(p, PLAN_EV_COMPACT, NULL, 0), -1, "and not before a reply is there more to sum up");
    step(p, "{\"n\":1}", 300);
    ok(!planner_compacted(p, &range), "later events did not sum up");
    ok(strncmp(text_of(p, transcript_count(planner_transcript(p)) - 1, 0), "xxx", 3) == 0, "a call whose result is gone may be made again");
    step(p, "{\"n\":5}", 10);
    has_str(text_of(p, transcript_count(planner_transcript(p)) - 1, 0), "was made 1 time before", "one whose result is there may not");
    is_int(apply(p, PLAN_EV_COMPACT, NULL, 0), 0, "then it can be done again");
    asked = planner_summary_ask(p, &err);
    has_str(transcript_at(asked, 1)->parts[2].data, "three steps", "with the first summary to go by");
    transcript_destroy(asked);
    planner_next(p);
    apply(p, PLAN_EV_SUMMARIZED, "more steps", 1);
    has_str(text_of(p, 1, 2), "more steps", "whose place the second takes");
    ok(text_of(p, 1, 3) == NULL, "alone");
    is_whole(p);
    planner_destroy(p);
}

static void test_no_summary(void)
{
    struct planner *p = start("react");

    for (int i = 0; i < 30; i++) {
        char args[20];

        snprintf(args, sizeof(args), "{\"n\":%d}", i);
        step(p, args, 200);
    }
    is_int(apply(p, PLAN_EV_COMPACT, NULL, 0), 0, "steps are to be summed up");
    planner_next(p);
    is_int(apply(p, PLAN_EV_SUMMARIZED, " \n", 3), 0, "a summary of nothing");
    has_str(text_of(p, 1, 1), "t was called with {\"n\":0}\nt gave: xxx", "is a list of the calls");
    ok(strlen(text_of(p, 1, 1)) < 2600, "of a limited size: %zu bytes", strlen(text_of(p, 1, 1)));
    is_whole(p);
    planner_destroy(p);
}

static void test_ends(void)
{
    struct planner *p = start("react");
    struct plan_command c;

    step(p, "{\"n\":1}", 100);
    step(p, "{\"n\":2}", 100);
    apply(p, PLAN_EV_COMPACT, NULL, 0);
    planner_next(p);
    is_int(apply(p, PLAN_EV_MODEL_REPLIED, NULL, 0), -1, "a reply is no summary");
    is_int(apply(p, PLAN_EV_CANCELED, NULL, 0), 0, "a task may be cancelled meanwhile");
    c = planner_next(p);
    ok(c.kind == PLAN_FINISH && c.outcome == PLAN_CANCELLED, "and is");
    planner_destroy(p);
}

static void give_up(struct planner *p)
{
    struct call c = { .name = "give_up", .args = "{\"reason\":\"no\"}", .args_len = 15 };

    planner_apply(p, &(struct plan_event){ .kind = PLAN_EV_MODEL_REPLIED, .n_calls = 1, .calls = &c, .n_tokens = 1 }, &err);
    planner_next(p);
}

static void summed_up(struct planner *p, const char *text)
{
    is_int(apply(p, PLAN_EV_COMPACT, NULL, 0), 0, "older steps are to be summed up");
    planner_next(p);
    apply(p, PLAN_EV_SUMMARIZED, text, 1);
    planner_next(p);
}

/* What it would be without the summary: the same steps on another planner. */
static void is_as_before(const struct planner *p, const struct planner *plain, size_t n)
{
    bool same = true;

    for (size_t i = 0; i < n && same; i++) {
        const struct message *a = transcript_at(planner_transcript(p), i), *b = transcript_at(planner_transcript(plain), i);

        same = a->role == b->role && a->n_parts == b->n_parts && a->n_calls == b->n_calls;
        for (size_t k = 0; k < a->n_parts && same; k++)
            same = strcmp(a->parts[k].data, b->parts[k].data) == 0;
    }
    ok(same, "the first %zu messages are what they were", n);
}

/* The way is given up: to which depth, of how many messages the transcript is then, and the summary in it. */
static void goes_back(struct planner *p, int depth, size_t n, size_t same, const char *summary)
{
    struct plan_back back = { 0 };
    const char *text;

    give_up(p);
    planner_went_back(p, &back);
    is_int(back.depth, depth, "back to a depth");
    is_int((long long)transcript_count(planner_transcript(p)), (long long)n, "where there are so many messages");
    is_int((long long)back.n_messages, (long long)same, "of which so many are what they were");
    has_str(text_of(p, n - 1, 0), "not the first way", "the last tells what was tried");
    text = text_of(p, 1, 1);
    ok(summary ? text && strstr(text, summary) : !text, "the summary is the one of then: %s", text ? text : "none");
    is_whole(p);
}

/* Seven steps, summed up after the fifth and after the seventh; then ways are given up, one after the other, up to where there was no summary. */
static void test_search(void)
{
    struct planner *p = start("dfsdt"), *plain = start("dfsdt");
    char args[20];

    for (int i = 1; i <= 7; i++) {
        snprintf(args, sizeof(args), "{\"n\":%d}", i);
        step(p, args, i < 4 ? 300 : 40);
        step(plain, args, i < 4 ? 300 : 40);
        if (i == 5)
            summed_up(p, "first");
    }
    is_int((long long)transcript_count(planner_transcript(p)), 10, "the first summary stands for three steps");
    summed_up(p, "second");
    is_int((long long)transcript_count(planner_transcript(p)), 4, "the second for all but the last");
    goes_back(p, 6, 3, 2, "second"); /* behind both: they stay */
    goes_back(p, 5, 7, 1, "first");  /* a step that the second stands for began there */
    goes_back(p, 4, 5, 4, "first");
    goes_back(p, 3, 3, 2, "first");
    goes_back(p, 2, 7, 1, NULL);
    is_as_before(p, plain, 6);
    step(p, "{\"n\":8}", 500);
    step(p, "{\"n\":9}", 40);
    summed_up(p, "third");
    has_str(text_of(p, 1, 1), "third", "what is there then is summed up anew");
    is_whole(p);
    planner_destroy(p);
    planner_destroy(plain);
}

static void test_attempts(void)
{
    struct planner *p = start("reflexion"), *plain = start("reflexion");
    struct plan_back back = { 0 };

    step(p, "{\"n\":1}", 300);
    step(p, "{\"n\":2}", 40);
    summed_up(p, "one step");
    has_str(text_of(p, 1, 1), "one step", "an attempt is summed up");
    apply(p, PLAN_EV_MODEL_REPLIED, NULL, 1); /* of no use */
    planner_next(p);
    planner_apply(p, &(struct plan_event){ .kind = PLAN_EV_MODEL_REPLIED, .text = "42", .n_tokens = 1 }, &err);
    has_str(text_of(p, transcript_count(planner_transcript(p)) - 1, 0), "Is this answer right", "its answer is checked");
    planner_next(p);
    planner_apply(p, &(struct plan_event){ .kind = PLAN_EV_MODEL_REPLIED, .text = "No.", .n_tokens = 1 }, &err);
    planner_next(p);
    planner_apply(p, &(struct plan_event){ .kind = PLAN_EV_MODEL_REPLIED, .text = "Look twice.", .n_tokens = 1 }, &err);
    planner_next(p);
    ok(planner_went_back(p, &back) && back.n_messages == 1, "another attempt is begun");
    is_as_before(p, plain, 2);
    is_int((long long)transcript_count(planner_transcript(p)), 3, "from the task on");
    has_str(text_of(p, 2, 0), "1. Look twice.", "with the lesson");
    step(p, "{\"n\":1}", 300);
    step(p, "{\"n\":3}", 40);
    summed_up(p, "a step of the second");
    is_str(text_of(p, 1, 0), "go", "which is summed up, too");
    has_str(text_of(p, 2, 1), "a step of the second", "behind the lesson");
    is_whole(p);
    planner_apply(p, &(struct plan_event){ .kind = PLAN_EV_MODEL_REPLIED, .text = "43", .n_tokens = 1 }, &err);
    planner_next(p);
    planner_apply(p, &(struct plan_event){ .kind = PLAN_EV_MODEL_REPLIED, .text = "Yes.", .n_tokens = 1 }, &err);
    is_str(planner_next(p).text, "43", "and answers");
    is_whole(p);
    planner_destroy(p);
    planner_destroy(plain);
}

static void test_plan(void)
{
    struct planner *p = start("plan");

    planner_next(p);
    planner_apply(p, &(struct plan_event){ .kind = PLAN_EV_MODEL_REPLIED, .text = "Plan: 1. call", .n_tokens = 1 }, &err);
    planner_next(p);
    step(p, "{\"n\":1}", 100);
    step(p, "{\"n\":2}", 100);
    is_int(apply(p, PLAN_EV_COMPACT, NULL, 0), 0, "a planner that plans first");
    is_int((long long)planner_next(p).from, 4, "keeps its plan");
    apply(p, PLAN_EV_SUMMARIZED, "one step", 1);
    is_str(text_of(p, 2, 0), "Plan: 1. call", "where it was");
    has_str(text_of(p, 3, 1), "one step", "and the summary behind it");
    is_whole(p);
    planner_destroy(p);
}

int main(void)
{
    plan_later();
    test_steps();
    test_no_summary();
    test_ends();
    test_plan();
    test_search();
    test_attempts();
    done();
    return tap_status();
}
