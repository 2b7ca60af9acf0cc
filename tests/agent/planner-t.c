/*
 * Covers what a script in tests/agent/scenarios cannot say: parts of other types, texts that are cut in the middle of a
 * character, numbers at the ends of their range, a full transcript, pointers that stay, events for another call, notes,
 * what was cut.
 * Does not cover: the ways of a task (scenario-t), running out of memory (oom-t).
 */
#include "agent/planner.h"
#include "tests/tap.h"

static struct err err;

static struct planner *start(const struct budget *b)
{
    struct transcript *t = transcript_create();

    transcript_add_text(t, ROLE_USER, "go", 2, &err);
    return planner_create(planner_kind_find("react"), t, b);
}

/* The model makes one call; the open command is then that call. */
static struct plan_command call(struct planner *p, const char *name, const char *args)
{
    struct call c = { .name = name, .args = args, .args_len = strlen(args) };
    struct plan_event ev = { .kind = PLAN_EV_MODEL_REPLIED, .n_calls = 1, .calls = &c, .n_tokens = 1 };

    planner_next(p);
    planner_apply(p, &ev, &err);
    return planner_next(p);
}

static int result(struct planner *p, const char *id, size_t n, const struct part *parts, bool error)
{
    return planner_apply(
        p,
        &(struct plan_event){ .kind = PLAN_EV_TOOL_DONE, .call_id = id, .n_parts = n, .parts = parts, .error = error },
        &err);
}

static const char *last_text(const struct planner *p)
{
    const struct transcript *t = planner_transcript(p);
    const struct message *m = transcript_at(t, transcript_count(t) - 1);

    return m->n_parts ? m->parts[0].data : NULL;
}

static void test_result_parts(void)
{
    struct budget b = budget_default();
    struct planner *p;
    struct part text = { "text/plain", "a", 1 }, more = { "text/plain", "b", 1 },
                json = { "application/json", "{}", 2 };
    struct part image = { "image/svg+xml", "PHN2Zz4=", 8 };
    struct part all[] = { text, json, image, more }, data[] = { json, image };
    char name[16];

    b.max_steps = b.max_tool_calls = 20;
    p = start(&b);
    for (int i = 1; i <= 5; i++) {
        static const char *const want[] = { "a\nb\n[image/svg+xml, for the person to see]",
                                            "{}\n[image/svg+xml, for the person to see]",
                                            "[image/svg+xml, for the person to see]", "done, with no output",
                                            "the call failed and gave no reason" };
        const struct part *parts[] = { all, data, &image, NULL, NULL };
        const size_t n[] = { 4, 2, 1, 0, 0 };

        snprintf(name, sizeof(name), "t%d", i);
        call(p, name, "{}");
        snprintf(name, sizeof(name), "c%d", i);
        is_int(result(p, name, n[i - 1], parts[i - 1], i == 5), 0, "a result is taken");
        is_str(last_text(p), want[i - 1], "what the model sees of it");
    }
    planner_destroy(p);
}

static void test_cutting(void)
{
    /* 1, 2, 3 and 4 bytes a character */
    static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa6";
    static const size_t kept[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10 };
    struct part part = { "text/plain", text, 10 };

    for (int max = 0; max <= 10; max++) {
        struct budget b = budget_default();
        struct plan_cut cut = { 0 };
        struct planner *p;
        char want[64];

        b.max_observation_bytes = max;
        p = start(&b);
        call(p, "t", "{}");
        result(p, "c1", 1, &part, false);
        snprintf(want, sizeof(want), "%.*s\n[%zu more bytes were left out]", (int)kept[max], text, 10 - kept[max]);
        is_str(last_text(p), max == 10 ? text : want, "cut at a character's border");
        ok(planner_cut(p, &cut) == (max < 10), "it says whether something was cut");
        ok(max == 10 || (strcmp(cut.call_id, "c1") == 0 && cut.bytes == 10 && cut.kept == kept[max]), "and what");
        planner_apply(p, &(struct plan_event){ .kind = PLAN_EV_CLOCK }, &err);
        ok(!planner_cut(p, &cut), "once");
        planner_destroy(p);
    }
}

/* The transcript's JSON, which the caller frees. */
static char *write_messages(const struct planner *p)
{
    struct buf out;
    struct jsonw w;
    size_t len;

    buf_init(&out, 64u << 20);
    w = jsonw_start(&out);
    jsonw_object(&w, NULL);
    transcript_write(planner_transcript(p), &w, "messages");
    jsonw_end(&w);
    return buf_take(&out, &len);
}

static int note(struct planner *p, const char *said)
{
    return planner_apply(p, &(struct plan_event){ .kind = PLAN_EV_NOTE, .said = said }, &err);
}

static void test_notes(void)
{
    struct budget b = budget_default();
    struct planner *p = start(&b);
    struct part part = { "text/plain", "noon", 4 };
    struct plan_command c;
    char *before, *after;

    is_int(planner_next(p).kind, PLAN_ASK_MODEL, "the model is to be asked");
    is_int(note(p, " \n"), -1, "a note that says nothing is refused");
    is_int(note(p, "Today is Friday."), 0, "a note is taken");
    is_int(planner_next(p).kind, PLAN_ASK_MODEL, "and the ask is handed out again");
    is_str(last_text(p), "go", "what was there stays");
    is_str(transcript_at(planner_transcript(p), 0)->parts[1].data, "\nToday is Friday.", "the note is behind it");
    before = write_messages(p);
    call(p, "now", "{}");
    is_int(note(p, "while a tool is called"), -1, "no note while a call is open");
    is_int(err.status, CORAX_E_ARGS, "with ARGS");
    result(p, "c1", 1, &part, false);
    is_int(note(p, "There is a tool calc."), 0, "a note behind a result");
    is_int(note(p, "You know this person."), 0, "and another");
    is_int((long long)transcript_at(planner_transcript(p), 2)->n_parts, 3, "both are there");
    after = write_messages(p);
    ok(strncmp(before, after, strlen(before) - strlen("]}")) == 0, "what was sent before stays as it is");
    planner_next(p);
    planner_apply(p, &(struct plan_event){ .kind = PLAN_EV_MODEL_REPLIED }, &err);
    is_int(note(p, "late"), -1, "no note once the transcript was sent: the reply was empty");
    c = planner_next(p);
    ok(c.kind == PLAN_ASK_MODEL && c.attempt == 1, "the second attempt is due");
    free(before);
    before = write_messages(p);
    is_str(before, after, "with the same messages");
    free(before);
    free(after);
    planner_destroy(p);
}

static void test_long_note(void)
{
    static char mega[(1 << 20) + 1];
    struct budget b = budget_default();
    struct planner *p = start(&b);
    struct plan_command c;

    memset(mega, 'a', sizeof(mega) - 1);
    for (int i = 0; i < 7; i++)
        is_int(note(p, mega), 0, "a note of 1 MiB");
    is_int(planner_next(p).kind, PLAN_ASK_MODEL, "fits");
    note(p, mega);
    c = planner_next(p);
    ok(c.kind == PLAN_FINISH && strcmp(c.code, "transcript") == 0, "one that does not ends the task: %s", c.text);
    planner_destroy(p);
}

static void test_long_reason(void)
{
    struct budget b = budget_default();

    for (int shift = 0; shift < 3; shift++) {
        struct planner *p = start(&b);
        char said[1024] = "";
        struct plan_command c;
        size_t n;

        memset(said, 'x', (size_t)shift);
        for (int i = 0; i < 300; i++)
            strcat(said, "\xe2\x82\xac");
        planner_next(p);
        planner_apply(p, &(struct plan_event){ .kind = PLAN_EV_MODEL_FAILED, .said = said }, &err);
        c = planner_next(p);
        n = strlen(c.text);
        ok(n > 100 && memcmp(c.text + n - 3, "\xe2\x82\xac", 3) == 0, "a long reason ends with a whole character");
        planner_destroy(p);
    }
}

static void test_numbers(void)
{
    struct budget b = budget_default();
    struct plan_event much = { .kind = PLAN_EV_MODEL_REPLIED, .n_tokens = INT64_MAX, .active_ms = 7 };
    struct planner *p;
    struct plan_command c;

    b.max_tokens = INT64_MAX;
    p = start(&b);
    is_int(planner_next(p).max_tokens, 512, "a reply is bounded though the task is not");
    much.n_tokens = -5;
    planner_apply(p, &much, &err);
    is_int(planner_spent(p).n_tokens, 0, "a negative count counts nothing");
    much.n_tokens = INT64_MAX;
    planner_apply(p, &much, &err);
    is_int(planner_spent(p).n_tokens, INT64_MAX, "a huge count is kept");
    c = planner_next(p);
    is_str(c.code, "budget_tokens", "and ends the task");
    is_int(planner_spent(p).active_ms, 7, "time is kept");
    planner_destroy(p);

    b = budget_default();
    b.max_steps = 0;
    p = start(&b);
    c = planner_next(p);
    ok(c.kind == PLAN_FINISH && strcmp(c.code, "budget_steps") == 0, "no steps at all: finished at once");
    planner_destroy(p);

    b = budget_default();
    b.max_wall_ms = 0;
    p = start(&b);
    ok(strcmp(planner_next(p).code, "budget_time") == 0, "no time at all: finished at once");
    planner_destroy(p);

    b = budget_default();
    b.max_identical = 0;
    b.max_tokens = 1;
    p = start(&b);
    is_int(planner_next(p).max_tokens, 1, "one token is asked for");
    planner_destroy(p);
}

static void test_full_transcript(void)
{
    static char mega[1 << 20];
    struct budget b = budget_default();
    struct part part = { "text/plain", mega, sizeof(mega) };
    struct planner *p;
    struct plan_command c = { .kind = PLAN_WAIT };
    char id[16];

    memset(mega, 'a', sizeof(mega));
    b.max_steps = b.max_tool_calls = 100;
    b.max_observation_bytes = INT32_MAX;
    p = start(&b);
    for (int i = 1; i < 20 && c.kind != PLAN_FINISH; i++) {
        snprintf(id, sizeof(id), "%d", i);
        c = call(p, "t", id);
        if (c.kind == PLAN_CALL_TOOL && result(p, c.call->id, 1, &part, false) == 0 &&
            transcript_count(planner_transcript(p)) % 2 == 0)
            c = planner_next(p);
    }
    is_int(c.kind, PLAN_FINISH, "a transcript of 8 MiB ends the task");
    is_str(c.code, "transcript", "with its code");
    has_str(c.text, "at most 8388608 bytes", "and the limit");
    planner_destroy(p);
}

static void test_pointers(void)
{
    struct budget b = budget_default();
    struct planner *p;
    struct plan_command first, c;
    char name[] = "tool", args[] = "{\"a\":1}";

    b.max_steps = b.max_tool_calls = b.max_identical = 300;
    p = start(&b);
    first = call(p, name, args);
    memset(name, '?', 4);
    memset(args, '?', 7);
    is_int(result(p, "c2", 0, NULL, false), -1, "a result of another call is refused");
    is_int(err.status, CORAX_E_ARGS, "with ARGS");
    has_str(err.msg, "event tool_done c2: the task waits for a tool on c1", "the message says what it waits for");
    is_int(result(p, NULL, 0, NULL, false), -1, "so is one of none");
    for (int i = 1; i < 200; i++) {
        char id[16];
        struct part part = { "text/plain", id, 0 };

        snprintf(id, sizeof(id), "c%d", i);
        part.len = strlen(id);
        result(p, id, 1, &part, false);
        c = call(p, "other", "{}");
    }
    ok(c.kind == PLAN_CALL_TOOL && strcmp(c.call->id, "c200") == 0, "calls are numbered through");
    ok(strcmp(first.call->name, "tool") == 0 && strcmp(first.call->args, "{\"a\":1}") == 0, "a command's call stays");
    is_int(planner_spent(p).n_tool_calls, 200, "calls are counted");
    is_int(planner_spent(p).n_steps, 200, "replies are counted");
    planner_destroy(p);
}

static void test_person(void)
{
    struct budget b = budget_default();
    struct planner *p = start(&b);
    struct plan_command c = call(p, "ask_user", "{\"question\":\"Which \\u00e9?\"}");
    struct plan_event said = { .kind = PLAN_EV_HUMAN_SAID, .call_id = "c9", .said = "this" };

    is_int(c.kind, PLAN_ASK_HUMAN, "a question to the person");
    is_str(c.question, "Which \xc3\xa9?", "is decoded");
    is_int(planner_apply(p, &said, &err), -1, "an answer to another question is refused");
    said.call_id = "c1";
    said.said = NULL;
    is_int(planner_apply(p, &said, &err), 0, "an answer without words is taken");
    is_str(last_text(p), "(the person gave no answer)", "and said to be none");
    planner_destroy(p);
    planner_destroy(NULL);
}

/* Questions that would exceed a limit of the JSON reader are refused before they get there. */
static void test_odd_questions(void)
{
    static char deep[256], large[32768];
    struct budget b = budget_default();
    struct planner *p = start(&b);

    memset(deep, '[', 128);
    memset(large, ' ', sizeof(large) - 1);
    is_int(call(p, "ask_user", deep).kind, PLAN_ASK_MODEL, "a deep question is none");
    has_str(last_text(p), "ask_user needs", "the model is told");
    memcpy(large, "{\"question\":\"x\"}", 16);
    is_int(call(p, "ask_user", large).kind, PLAN_ASK_MODEL, "a large one neither");
    has_str(last_text(p), "ask_user needs", "the model is told");
    planner_destroy(p);
}

static void test_ask_user_tool(void)
{
    struct json *tool = json_parse(planner_ask_user_tool, strlen(planner_ask_user_tool), &err);

    ok(tool != NULL, "the tool is JSON");
    is_str(json_get_text(tool, "name", NULL), "ask_user", "with a name");
    ok(json_get_text(tool, "description", NULL) != NULL, "a description");
    is_int(json_kind(json_get(tool, "parameters")), JSON_OBJECT, "and a schema");
    json_free(tool);
}

/* The planner "call": the input is a call, no model is asked. */
static struct planner *start_call(const char *input)
{
    struct budget b = budget_default();
    struct transcript *t = transcript_create();
    struct part part = { "application/json", input, strlen(input) };

    transcript_add(t, &(struct message){ .role = ROLE_USER, .n_parts = 1, .parts = &part }, &err);
    return planner_create(planner_kind_find("call"), t, &b);
}

static void test_one_call(void)
{
    static const char *const bad[] = { "{}", "{\"name\":1}", "{\"name\":\"\",\"arguments\":{}}", "{\"name\":\"now\",\"arguments\":[]}", "[]" };
    struct planner *p = start_call("{\"name\":\"now\",\"arguments\":{\"x\": 9007199254740993}}");
    struct plan_command c = planner_next(p);
    struct part text = { "text/plain", "12:00", 5 };

    ok(c.kind == PLAN_CALL_TOOL && strcmp(c.call->name, "now") == 0, "the call is begun at once");
    is_str(c.call->args, "{\"x\": 9007199254740993}", "with its arguments as they came");
    is_int(result(p, "c1", 1, &text, false), 0, "its result");
    c = planner_next(p);
    ok(c.kind == PLAN_FINISH && c.outcome == PLAN_ANSWERED && strcmp(c.text, "12:00") == 0, "is the answer");
    is_int(planner_spent(p).n_steps, 0, "and no step was made");
    planner_destroy(p);
    p = start_call("{\"name\":\"now\"}");
    text = (struct part){ "text/plain", "no clock", 8 };
    is_int(result(p, "c1", 1, &text, true), 0, "a failure");
    c = planner_next(p);
    ok(c.kind == PLAN_FINISH && c.outcome == PLAN_FAILED && strcmp(c.code, "call") == 0 && strstr(c.text, "no clock"), "ends the task with it");
    planner_destroy(p);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        p = start_call(bad[i]);
        c = planner_next(p);
        ok(c.kind == PLAN_FINISH && c.outcome == PLAN_FAILED && strcmp(c.code, "call") == 0, "no call: %s", bad[i]);
        planner_destroy(p);
    }
}

int main(void)
{
    plan_later();
    test_result_parts();
    test_cutting();
    test_notes();
    test_long_note();
    test_long_reason();
    test_numbers();
    test_full_transcript();
    test_pointers();
    test_person();
    test_odd_questions();
    test_ask_user_tool();
    test_one_call();
    done();
    return tap_status();
}
