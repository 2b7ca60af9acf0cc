/*
 * corax export: a recorded task as a scenario, the script that tests/agent/scenario-t.c runs.
 *
 * What happened to the task (replies, results, what people said and what was decided of its calls) is written down as it was; what the planner did
 * with it (calls, questions, what the model saw of results, ways back, the end) is what the script expects.  So the file passes where planners do
 * what they did then, and a run with a bug in it becomes a test.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "util/utf8.h"

struct export
{
    struct buf out;
    const struct json *events; /* the first */
    bool timed;                /* its time ran out */
    int64_t wall_ms, at_ms;    /* of the budget, 0: unknown; of the last event that the planner was given */
    size_t observation_bytes;  /* of the budget, 0: unknown */
    const struct json *reply;  /* the last one */
    /* The call or question that has no result yet; "": none. */
    const char *id, *decision;
    bool approved, refused; /* by a person */
    bool is_question;
};

static bool is_kind(const struct json *e, const char *kind)
{
    return strcmp(json_get_text(e, "kind", ""), kind) == 0;
}

static int64_t number(const struct json *e, const char *key)
{
    int64_t n = 0;

    json_int(json_get(e, key), key, &n, NULL);
    return n;
}

/* --- texts -------------------------------------------------------------------------------------------------------- */

/* A byte that a terminal or a reader of lines would take for more than text; C1 controls are two bytes in UTF-8. */
static bool is_control(const char *s, size_t i)
{
    const unsigned char c = (unsigned char)s[i], next = (unsigned char)s[i + 1];

    return c < 0x20 || c == 0x7f || (c == 0xc2 && next >= 0x80 && next < 0xa0) ||
           (c >= 0x80 && c < 0xa0 && i > 0 && (unsigned char)s[i - 1] == 0xc2);
}

static void put_bytes(struct export *x, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] == '\n')
            buf_adds(&x->out, "\\n");
        else if (s[i] == '\\')
            buf_adds(&x->out, "\\\\");
        else if (is_control(s, i))
            buf_addf(&x->out, "\\x%02x", (unsigned char)s[i]);
        else
            buf_addc(&x->out, s[i]);
}

/* One line.  Three dots at an end would make it the beginning of a text. */
static void put(struct export *x, const char *s)
{
    const size_t len = strlen(s);
    const bool dots = len >= 3 && strcmp(s + len - 3, "...") == 0;

    put_bytes(x, s, len - dots);
    if (dots)
        buf_adds(&x->out, "\\.");
}

static void put_line(struct export *x, const char *what, const char *s)
{
    buf_addf(&x->out, "%s ", what);
    put(x, s);
    buf_addc(&x->out, '\n');
}

/* The name of a call stands before its arguments: a space in it must not end it. */
static void put_name(struct export *x, const char *name)
{
    for (; *name; name++)
        if (*name == ' ')
            buf_adds(&x->out, "\\s");
        else
            put_bytes(x, name, 1);
}

/* --- parts -------------------------------------------------------------------------------------------------------- */

static const char *part_type(const struct json *part)
{
    return json_get_text(part, "type", "text");
}

static bool is_plain(const struct json *part)
{
    return strcmp(part_type(part), "text") == 0;
}

/* Behind what the line says already: one text goes on in the line, other parts stand below. */
static void put_parts(struct export *x, const struct json *parts)
{
    const struct json *only = json_first(parts);

    if (only == NULL || (is_plain(only) && json_next(only) == NULL)) {
        buf_addc(&x->out, ' ');
        put(x, json_get_text(only, "text", ""));
        buf_addc(&x->out, '\n');
        return;
    }
    buf_addc(&x->out, '\n');
    for (const struct json *p = only; p; p = json_next(p)) {
        const bool data = strcmp(part_type(p), "data") == 0;

        buf_addf(&x->out, "  %s ", part_type(p));
        put(x, json_get_text(p, data ? "mime" : "text", ""));
        buf_addc(&x->out, '\n');
    }
}

static size_t join(struct buf *out, const struct json *parts, const char *type)
{
    size_t n = 0;

    for (const struct json *p = json_first(parts); p; p = json_next(p))
        if (strcmp(part_type(p), type) == 0)
            buf_addf(out, "%s%s", n++ ? "\n" : "", json_get_text(p, "text", ""));
    return n;
}

/* What the model sees of a result or an answer: agent/planner.c, observe_result.  seen has what there is of text. */
static void expect_result(struct export *x, const char *id, bool error, struct buf *seen, const struct json *parts)
{
    size_t left_out = 0;

    if (x->observation_bytes && seen->len > x->observation_bytes) {
        left_out = seen->len - utf8_floor(seen->data, x->observation_bytes);
        seen->len -= left_out;
        buf_addf(seen, "\n[%zu more bytes were left out]", left_out);
    }
    for (const struct json *p = json_first(parts); p; p = json_next(p))
        if (strcmp(part_type(p), "data") == 0)
            buf_addf(seen, "%s[%.80s, for the person to see]", seen->len ? "\n" : "", json_get_text(p, "mime", ""));
    if (seen->len == 0)
        buf_adds(seen, error ? "the call failed and gave no reason" : "done, with no output");
    buf_addf(&x->out, "EXPECT result %s %s", id, error ? "error " : "");
    put(x, seen->data);
    buf_addc(&x->out, '\n');
}

/* --- what the task was given -------------------------------------------------------------------------------------- */

static void put_budget(struct export *x, const struct json *budget)
{
    buf_adds(&x->out, "BUDGET");
    for (const struct json *m = json_first(budget); m; m = json_next(m))
        buf_addf(&x->out, " max_%s=%.0f", json_key(m), json_number(m, 0));
    buf_addc(&x->out, '\n');
    x->wall_ms = number(budget, "wall_ms");
    x->observation_bytes = (size_t)number(budget, "observation_bytes");
}

static void put_names(struct export *x, const char *key, const struct json *list)
{
    if (json_count(list) == 0)
        return;
    buf_addf(&x->out, " %s=", key);
    for (const struct json *j = json_first(list); j; j = json_next(j))
        buf_addf(&x->out, "%s%s", j == json_first(list) ? "" : ",", json_text(j) ? json_text(j) : "?");
}

/* The intent knows all of a tool, the question for approval its effects, a decision only its name. */
static int knows_tool(const struct json *e)
{
    return is_kind(e, "tool_intent") ? 3 : is_kind(e, "approval_asked") ? 2 : is_kind(e, "policy_decided") ? 1 : 0;
}

/* The first event that knows most of the tool that e is about. */
static const struct json *find_tool(const struct export *x, const struct json *e)
{
    const char *name = json_get_text(e, "tool", "");
    const struct json *best = NULL;

    for (const struct json *other = x->events; other; other = json_next(other))
        if (json_get_text(other, "provider", NULL) && strcmp(json_get_text(other, "tool", ""), name) == 0 &&
            knows_tool(other) > knows_tool(best))
            best = other;
    return best;
}

static void put_tools(struct export *x)
{
    for (const struct json *e = x->events; e; e = json_next(e)) {
        if (knows_tool(e) == 0 || find_tool(x, e) != e)
            continue;
        buf_addf(&x->out, "PROVIDES %s.%s", json_get_text(e, "provider", ""), json_get_text(e, "tool", ""));
        put_names(x, "effects", json_get(e, "effects"));
        put_names(x, "traits", json_get(e, "traits"));
        buf_addc(&x->out, '\n');
    }
}

/* A call that was begun again after a restart was judged again: the last time counts. */
static void put_decisions(struct export *x)
{
    buf_adds(&x->out, "POLICY as decided\n");
    for (const struct json *e = x->events; e; e = json_next(e)) {
        const char *id = json_get_text(e, "call_id", "");
        const struct json *later = json_next(e);

        if (!is_kind(e, "policy_decided"))
            continue;
        while (later && !(is_kind(later, "policy_decided") && strcmp(json_get_text(later, "call_id", ""), id) == 0))
            later = json_next(later);
        if (later)
            continue;
        buf_addf(&x->out, "  %s %s ", id, json_get_text(e, "decision", "deny"));
        put_name(x, json_get_text(e, "rule", "none"));
        buf_addc(&x->out, ' ');
        put(x, json_get_text(e, "why", ""));
        buf_addc(&x->out, '\n');
    }
}

static void put_submission(struct export *x, const struct json *task, const struct json *e)
{
    const char *planner = json_get_text(e, "planner", "react"), *system = json_get_text(e, "system", NULL);

    buf_addf(&x->out, "SCENARIO task %s\nPLANNER %s\n", json_get_text(task, "id", "?"), planner);
    put_budget(x, json_get(e, "budget"));
    put_tools(x);
    put_decisions(x);
    if (system)
        put_line(x, "SYSTEM", system);
    buf_adds(&x->out, "GOAL");
    put_parts(x, json_get(e, "input"));
    buf_addc(&x->out, '\n');
}

/* --- what happened ------------------------------------------------------------------------------------------------ */

/* The planner is given this event; only where its time ran out does it matter when that was. */
static void put_time(struct export *x, const struct json *e)
{
    x->at_ms = number(e, "active_ms");
    if (x->timed)
        buf_addf(&x->out, "AT %lld\n", (long long)x->at_ms);
}

static bool is_blank(const char *s)
{
    return !s || s[strspn(s, " \t\r\n")] == '\0';
}

/* A call that the planner did not carry out (refused, say) has no events. */
static bool has_event(const struct json *reply, const struct json *call)
{
    const char *id = json_get_text(call, "id", NULL);

    for (const struct json *e = json_next(reply); id && e; e = json_next(e))
        if (strcmp(json_get_text(e, "call_id", ""), id) == 0)
            return true;
    return false;
}

static void put_call(struct export *x, const struct json *c)
{
    const char *name = json_get_text(c, "name", "");

    buf_addf(&x->out, "%s ", json_get_text(c, "id", "?"));
    put_bytes(x, name, strlen(name));
    buf_addc(&x->out, ' ');
    put(x, json_get_text(c, "arguments", ""));
    buf_addc(&x->out, '\n');
}

static void expect_written(struct export *x, const struct json *c)
{
    if (json_get_text(c, "id", NULL) == NULL)
        return;
    buf_adds(&x->out, "EXPECT wrote ");
    put_call(x, c);
}

static void put_reply(struct export *x, const struct json *e)
{
    const char *thought = json_get_text(e, "reasoning", NULL), *text = json_get_text(e, "text", NULL);
    const bool cut = strcmp(json_get_text(e, "finish", ""), "length") == 0,
               calls = json_count(json_get(e, "calls")) > 0;

    x->reply = e;
    buf_adds(&x->out, "EXPECT ask-model...\n");
    put_time(x, e);
    buf_addf(&x->out, "MODEL tokens=%lld%s\n", (long long)number(json_get(e, "usage"), "completion_tokens"),
             cut ? " cut-off" : "");
    if (thought)
        put_line(x, "  thought", thought);
    if (text)
        put_line(x, "  answer", text);
    for (const struct json *c = json_first(json_get(e, "calls")); c; c = json_next(c)) {
        buf_adds(&x->out, "  call-text ");
        put_name(x, json_get_text(c, "name", ""));
        buf_addc(&x->out, ' ');
        put(x, json_get_text(c, "arguments", ""));
        buf_addc(&x->out, '\n');
    }
    if (!calls && (cut || is_blank(text)))
        return; /* nobody keeps such a reply */
    if (thought)
        put_line(x, "EXPECT thought", thought);
    if (!is_blank(text))
        put_line(x, "EXPECT said", text);
    for (const struct json *c = json_first(json_get(e, "calls")); c; c = json_next(c))
        if (!has_event(e, c))
            expect_written(x, c);
}

/* An event of a call: it is the open one, and not yet answered. */
static void open_call(struct export *x, const struct json *e)
{
    const char *id = json_get_text(e, "call_id", "");

    if (x->id && strcmp(x->id, id) == 0)
        return;
    x->id = id;
    x->decision = NULL;
    x->approved = x->refused = x->is_question = false;
}

/* What the planner wants; a person's word belongs to it. */
static void expect_call(struct export *x)
{
    const struct json *c = json_first(json_get(x->reply, "calls"));

    while (c && x->id && strcmp(json_get_text(c, "id", ""), x->id) != 0)
        c = json_next(c);
    if (x->id == NULL || c == NULL || x->is_question || strcmp(json_get_text(c, "name", ""), "ask_user") == 0)
        return;
    buf_addf(&x->out, "EXPECT %s ", x->decision && strcmp(x->decision, "ask") == 0 ? "approval" : "call");
    put_call(x, c);
    if (x->decision && strcmp(x->decision, "ask") == 0 && (x->approved || x->refused))
        buf_addf(&x->out, "HUMAN %s\n", x->approved ? "yes" : "no");
}

/* The way back follows the event that led to it: then what came of the call is not seen any more. */
static bool goes_back(const struct json *e)
{
    const struct json *next = json_next(e);

    while (next && is_kind(next, "memory_written"))
        next = json_next(next);
    return next && is_kind(next, "went_back");
}

static void put_result(struct export *x, const struct json *e)
{
    const bool error = json_bool(json_get(e, "error"), true);
    const struct json *parts = json_get(e, "parts");
    struct buf seen;
    bool denied;

    open_call(x, e);
    expect_call(x);
    denied = x->decision && (strcmp(x->decision, "deny") == 0 || (strcmp(x->decision, "ask") == 0 && !x->approved));
    put_time(x, e);
    buf_addf(&x->out, "TOOL %s ", x->id);
    if (number(e, "tokens") > 0)
        buf_addf(&x->out, "tokens=%lld ", (long long)number(e, "tokens"));
    buf_adds(&x->out, denied ? "denied" : error ? "error" : "ok");
    put_parts(x, parts);
    buf_init(&seen, CLIENT_MAX_REPLY);
    if (join(&seen, parts, "text") == 0)
        join(&seen, parts, "json");
    if (!goes_back(e))
        expect_result(x, x->id, error, &seen, parts);
    buf_finish(&seen);
    x->id = NULL;
}

static void put_answer(struct export *x, const struct json *e)
{
    const char *text = json_get_text(e, "text", "");
    struct buf seen;

    if (!x->is_question)
        return; /* about a call in doubt: its result follows */
    put_time(x, e);
    put_line(x, "HUMAN says", text);
    buf_init(&seen, CLIENT_MAX_REPLY);
    buf_adds(&seen, is_blank(text) ? "(the person gave no answer)" : text);
    expect_result(x, x->id, false, &seen, NULL);
    buf_finish(&seen);
    x->id = NULL;
    x->is_question = false;
}

static void put_summary(struct export *x, const struct json *e)
{
    put_time(x, e);
    buf_addf(&x->out, "SUMMARY tokens=%lld", (long long)number(json_get(e, "usage"), "completion_tokens"));
    if (json_get_text(e, "summary", NULL)) {
        buf_addc(&x->out, ' ');
        put(x, json_get_text(e, "summary", ""));
    }
    buf_addf(&x->out, "\nEXPECT summarized %lld-%lld\n", (long long)number(e, "from"), (long long)number(e, "to"));
}

static void put_end(struct export *x, const struct json *e)
{
    const char *code = json_get_text(e, "code", NULL), *outcome = json_get_text(e, "outcome", "failed");

    expect_call(x);
    if (code && (strcmp(code, "journal") == 0 || strcmp(code, "deadline") == 0)) {
        buf_addf(&x->out, "# The daemon ended it: %s.\nEND\n", code);
        return;
    }
    if (strcmp(outcome, "cancelled") == 0)
        buf_adds(&x->out, "CANCEL\n");
    else if (x->timed && x->at_ms < x->wall_ms)
        buf_addf(&x->out, "CLOCK %lld\n", (long long)number(json_get(e, "spent"), "active_ms"));
    buf_addf(&x->out, "EXPECT finish %s%s%s ", outcome, code ? " " : "", code ? code : "");
    put(x, json_get_text(e, "text", ""));
    buf_addc(&x->out, '\n');
}

static void put_question(struct export *x, const struct json *e)
{
    const bool again = x->id && strcmp(x->id, json_get_text(e, "call_id", "")) == 0;

    open_call(x, e);
    x->is_question = true;
    if (again)
        return; /* after a restart */
    buf_addf(&x->out, "EXPECT ask-human %s ", x->id);
    put(x, json_get_text(e, "question", ""));
    buf_addc(&x->out, '\n');
}

static void put_event(struct export *x, const struct json *e)
{
    if (is_kind(e, "model_replied")) {
        put_reply(x, e);
    } else if (is_kind(e, "model_failed")) {
        put_time(x, e);
        put_line(x, "FAILED", json_get_text(e, "message", ""));
    } else if (is_kind(e, "policy_decided")) {
        open_call(x, e);
        x->decision = json_get_text(e, "decision", "deny");
        x->approved = x->refused = false;
    } else if (is_kind(e, "approval_given")) {
        open_call(x, e);
        x->approved = json_bool(json_get(e, "approved"), false);
        x->refused = !x->approved;
    } else if (is_kind(e, "tool_result")) {
        put_result(x, e);
    } else if (is_kind(e, "question_asked")) {
        put_question(x, e);
    } else if (is_kind(e, "human_said")) {
        put_answer(x, e);
    } else if (is_kind(e, "note_added")) {
        put_time(x, e);
        put_line(x, "NOTE", json_get_text(e, "text", ""));
    } else if (is_kind(e, "compacted")) {
        put_summary(x, e);
    } else if (is_kind(e, "lesson_written")) {
        buf_addf(&x->out, "EXPECT lesson %lld ", (long long)number(e, "attempt"));
        put(x, json_get_text(e, "text", ""));
        buf_addc(&x->out, '\n');
    } else if (is_kind(e, "went_back")) {
        buf_addf(&x->out, "EXPECT back %lld ", (long long)number(e, "depth"));
        put(x, json_get_text(e, "why", ""));
        buf_addc(&x->out, '\n');
    } else if (is_kind(e, "task_finished")) {
        put_end(x, e);
    }
}

static int export(const struct json *root, struct buf *out, struct err *err)
{
    struct export x = { .events = json_first(json_get(root, "events")) };
    const struct json *last = x.events;

    if (last == NULL || !is_kind(last, "task_submitted"))
        return fail(err, CORAX_E_INTERNAL, "the trace does not begin with the task's submission");
    while (json_next(last))
        last = json_next(last);
    x.timed = is_kind(last, "task_finished") && strcmp(json_get_text(last, "code", ""), "budget_time") == 0;
    buf_init(&x.out, CLIENT_MAX_REPLY);
    put_submission(&x, json_get(root, "task"), x.events);
    for (const struct json *e = json_next(x.events); e; e = json_next(e))
        put_event(&x, e);
    if (!is_kind(last, "task_finished")) {
        expect_call(&x);
        buf_adds(&x.out, "END\n");
    }
    *out = x.out;
    return out->failed ? fail(err, CORAX_E_LIMIT, "the scenario is too long") : 0;
}

static int run_export(struct cli *cli, int argc, char **argv)
{
    struct err err = { 0 };
    char id[ID_LEN + 1], path[128];
    struct reply reply;
    struct json *root;
    struct buf out;
    int status = CLI_OK;

    if (cli_plain_options(cli, argc, argv, 1, 1, &status))
        return status;
    if (cli_task_id(cli, argv[optind], id, &err) != 0)
        return cli_report(&err);
    snprintf(path, sizeof(path), "/v1/tasks/%s/trace", id);
    buf_init(&out, CLIENT_MAX_REPLY);
    if (cli_get(cli, path, 0, &reply, &root, &err) != 0 || export(root, &out, &err) < 0)
        status = cli_report(&err);
    else if (fwrite(out.data, 1, out.len, stdout) != out.len)
        status = CLI_FAILED;
    buf_finish(&out);
    json_free(root);
    reply_finish(&reply);
    return status;
}

const struct command cmd_export = {
    .name = "export",
    .args = "TASK",
    .summary = "Write a recorded task as a scenario, a test script of what it decided",
    .options = "",
    .run = run_export,
};
