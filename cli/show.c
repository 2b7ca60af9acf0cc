/*
 * Events for people.  See show.h; the members of each kind are in docs/api.md.
 *
 * A member that is missing is left out of the line rather than reported: an older or newer daemon may say less.
 */
#include "cli/show.h"

#include <string.h>
#include <time.h>

#include "cli/term.h"

#define LABEL_WIDTH    9          /* of the live view */
#define TIME_WIDTH     10         /* of the trace */
#define MAX_LIVE_LINES 12         /* of one observation in the live view; the trace has them all */
#define MAX_JSON_PART  (8u << 20) /* an event is no longer than this either */
#define MAX_DURATION   24         /* term_duration */

static const char *text_of(const struct json *object, const char *key)
{
    return json_get_text(object, key, "");
}

/* The string member, made harmless. */
static void put(FILE *out, const struct json *object, const char *key, int indent)
{
    const char *text = text_of(object, key);

    term_text(out, text, strlen(text), indent);
}

static double number_of(const struct json *object, const char *key)
{
    return json_number(json_get(object, key), 0);
}

/* "a, b, c" from a list of strings. */
static void put_list(FILE *out, const struct json *list)
{
    for (const struct json *item = json_first(list); item; item = json_next(item)) {
        const char *text = json_text(item);

        fputs(item == json_first(list) ? "" : ", ", out);
        term_text(out, text ? text : "?", strlen(text ? text : "?"), 0);
    }
}

/* The length of at most max_lines lines of text. */
static size_t cut_lines(const char *text, int max_lines)
{
    const char *at = text;

    while (max_lines-- > 0) {
        const char *end = strchr(at, '\n');

        if (!end)
            return strlen(text);
        at = end + 1;
    }
    return (size_t)(at - text);
}

/* One part of a result.  max_lines < 0: all of it. */
static void put_part(FILE *out, const struct json *part, int indent, int max_lines)
{
    const char *kind = text_of(part, "type"), *text = json_get_text(part, "text", NULL);
    struct buf json;
    struct jsonw w;

    if (text && strcmp(kind, "data") != 0) {
        size_t len = max_lines < 0 ? strlen(text) : cut_lines(text, max_lines);

        term_text(out, text, len, indent);
        if (len < strlen(text))
            fprintf(out, "\n%*s… (the trace has all of it)", indent, "");
    } else if (strcmp(kind, "json") == 0) {
        buf_init(&json, MAX_JSON_PART);
        w = jsonw_start(&json);
        jsonw_value(&w, NULL, json_get(part, "json"));
        term_text(out, json.data, json.len, indent);
        buf_finish(&json);
    } else {
        fprintf(out, "(%s", *kind ? "" : "a part without a type");
        term_text(out, kind, strlen(kind), 0);
        if (json_get(part, "mime")) {
            fputc(' ', out);
            put(out, part, "mime", 0);
        }
        if (json_get(part, "base64"))
            fprintf(out, ", %zu bytes", strlen(text_of(part, "base64")) / 4 * 3);
        else if (text)
            fprintf(out, ", %zu bytes", strlen(text));
        fputc(')', out);
    }
}

static void put_parts(FILE *out, const struct json *parts, int indent, int max_lines)
{
    bool first = true;

    for (const struct json *part = json_first(parts); part; part = json_next(part)) {
        if (!first)
            fprintf(out, "\n%*s", indent, "");
        first = false;
        put_part(out, part, indent, max_lines);
    }
}

static void label(FILE *out, enum term_style style, const char *name)
{
    term_puts(out, style, name);
    fprintf(out, "%*s", LABEL_WIDTH - (int)strlen(name), "");
}

/* label, then foreign text behind it. */
static void labelled(FILE *out, enum term_style style, const char *name, const char *text)
{
    label(out, style, name);
    term_text(out, text, strlen(text), LABEL_WIDTH);
    fputc('\n', out);
}

void show_init(struct show *show, FILE *out, bool quiet)
{
    *show = (struct show){ .out = out, .quiet = quiet, .streams = !quiet && term_is_tty(out) };
    buf_init(&show->thought, 1u << 20);
}

void show_finish(struct show *show)
{
    buf_finish(&show->thought);
}

void show_break(struct show *show)
{
    if (show->in_thought)
        fputc('\n', show->out);
    show->in_thought = false;
    buf_reset(&show->thought);
}

void show_delta(struct show *show, const struct json *delta)
{
    const char *text = text_of(delta, "text");

    /* A newline ends a thought here: what follows it will come with the whole reply. */
    if (!show->streams || strcmp(text_of(delta, "kind"), "reasoning") != 0 || strchr(show->thought.data, '\n'))
        return;
    if (!show->in_thought)
        label(show->out, TERM_DIM, "thought");
    show->in_thought = true;
    buf_adds(&show->thought, text);
    term_text(show->out, text, cut_lines(text, 1), LABEL_WIDTH);
    fflush(show->out);
}

static void show_reply(struct show *show, const struct json *event)
{
    const char *thought = text_of(event, "reasoning");

    if (show->in_thought && strcmp(show->thought.data, thought) == 0) {
        show_break(show);
    } else {
        show_break(show);
        if (*thought)
            labelled(show->out, TERM_DIM, "thought", thought);
    }
    if (json_bool(json_get(event, "goes_on"), false) && *text_of(event, "text"))
        labelled(show->out, TERM_DIM, "wrote", text_of(event, "text"));
    for (const struct json *call = json_first(json_get(event, "calls")); call; call = json_next(call)) {
        const char *name = text_of(call, "name"), *args = text_of(call, "arguments");

        label(show->out, TERM_CYAN, "call");
        term_text(show->out, name, strlen(name), LABEL_WIDTH);
        fputc(' ', show->out);
        term_text(show->out, args, strlen(args), LABEL_WIDTH);
        fputc('\n', show->out);
    }
}

static void show_result(struct show *show, const struct json *event)
{
    bool error = json_bool(json_get(event, "error"), false);
    char took[MAX_DURATION];

    label(show->out, error ? TERM_RED : TERM_GREEN, error ? "error" : "result");
    put_parts(show->out, json_get(event, "parts"), LABEL_WIDTH, MAX_LIVE_LINES);
    if (json_get(event, "duration_us")) {
        term_duration(number_of(event, "duration_us") / 1000, took, sizeof(took));
        fputs("  ", show->out);
        term_puts(show->out, TERM_DIM, took);
    }
    fputc('\n', show->out);
}

/* "the model sees 8192 bytes of 20000" */
static void put_cut(FILE *out, const struct json *event)
{
    fprintf(out, "the model sees %.0f bytes of %.0f\n", number_of(event, "kept"), number_of(event, "bytes"));
}

/* "at its time", "3.5 s after its time" */
static void put_late(FILE *out, const struct json *event)
{
    char late[MAX_DURATION];

    term_duration(number_of(event, "late_ms"), late, sizeof(late));
    if (number_of(event, "late_ms") < 1000)
        fputs("at its time\n", out);
    else
        fprintf(out, "%s after its time\n", late);
}

/* pause_asked, task_paused, task_resumed_by. */
static void put_pause(FILE *out, const struct json *event)
{
    const char *kind = text_of(event, "kind");

    fprintf(out, "%s by uid %.0f\n",
            strcmp(kind, "pause_asked") == 0   ? "when its step is over, as asked"
            : strcmp(kind, "task_paused") == 0 ? "as asked"
                                               : "and goes on, as asked",
            number_of(event, "uid"));
}

void show_event(struct show *show, const struct json *event)
{
    const char *kind = text_of(event, "kind");

    if (show->quiet)
        return;
    if (strcmp(kind, "model_replied") == 0) {
        show_reply(show, event);
        fflush(show->out);
        return;
    }
    show_break(show);
    if (strcmp(kind, "tool_result") == 0) {
        show_result(show, event);
    } else if (strcmp(kind, "observation_cut") == 0) {
        label(show->out, TERM_YELLOW, "cut");
        put_cut(show->out, event);
    } else if (strcmp(kind, "compacted") == 0) {
        labelled(show->out, TERM_YELLOW, "summary", text_of(event, "summary"));
    } else if (strcmp(kind, "went_back") == 0) {
        labelled(show->out, TERM_YELLOW, "back", text_of(event, "why"));
    } else if (strcmp(kind, "lesson_written") == 0) {
        labelled(show->out, TERM_YELLOW, "lesson", text_of(event, "text"));
    } else if (strcmp(kind, "policy_decided") == 0 && strcmp(text_of(event, "decision"), "deny") == 0) {
        label(show->out, TERM_RED, "denied");
        put(show->out, event, "rule", 0);
        fputs(": ", show->out);
        put(show->out, event, "why", LABEL_WIDTH);
        fputc('\n', show->out);
    } else if (strcmp(kind, "approval_given") == 0) {
        bool approved = json_bool(json_get(event, "approved"), false);

        labelled(show->out, approved ? TERM_GREEN : TERM_RED, approved ? "approved" : "refused",
                 text_of(event, "reason"));
    } else if (strcmp(kind, "model_failed") == 0) {
        labelled(show->out, TERM_RED, "model", text_of(event, "message"));
    } else if (strcmp(kind, "human_said") == 0) {
        labelled(show->out, TERM_BOLD, "person", text_of(event, "text"));
    } else if (strcmp(kind, "task_resumed") == 0) {
        labelled(show->out, TERM_YELLOW, "resumed", text_of(event, "why"));
    } else if (strcmp(kind, "task_due") == 0) {
        label(show->out, TERM_DIM, "due");
        put_late(show->out, event);
    } else if (strcmp(kind, "pause_asked") == 0 || strcmp(kind, "task_paused") == 0) {
        label(show->out, TERM_YELLOW, kind[0] == 'p' ? "pauses" : "paused");
        put_pause(show->out, event);
    } else if (strcmp(kind, "task_resumed_by") == 0) {
        label(show->out, TERM_YELLOW, "resumed");
        put_pause(show->out, event);
    }
    fflush(show->out);
}

void show_answer(FILE *out, const char *text)
{
    size_t len = strlen(text);

    if (term_is_tty(out)) {
        term_text(out, text, len, 0);
        fputc('\n', out);
        return;
    }
    fwrite(text, 1, len, out);
    if (len == 0 || text[len - 1] != '\n')
        fputc('\n', out);
}

void show_waiting(FILE *out, const struct json *waiting_for, const char *task_id, bool commands)
{
    const char *kind = text_of(waiting_for, "kind");
    bool unverified = strcmp(kind, "unverified") == 0 || strcmp(kind, "effect_unverified") == 0;

    if (strcmp(kind, "question") == 0 || strcmp(kind, "question_asked") == 0) {
        labelled(out, TERM_YELLOW, "question", text_of(waiting_for, "question"));
        if (commands)
            fprintf(out, "%*scorax answer %s TEXT\n", LABEL_WIDTH, "", task_id);
        return;
    }
    label(out, TERM_YELLOW, unverified ? "in doubt" : "approve?");
    put(out, waiting_for, "provider", 0);
    fputs(*text_of(waiting_for, "provider") ? "." : "", out);
    put(out, waiting_for, "tool", 0);
    fputc(' ', out);
    put(out, waiting_for, "arguments", LABEL_WIDTH);
    fprintf(out, "\n%*s", LABEL_WIDTH, "");
    if (unverified) {
        fputs("it was begun when the daemon stopped, and nothing says whether it was done", out);
    } else {
        put(out, waiting_for, "rule", 0);
        fputs(": ", out);
        put(out, waiting_for, "why", LABEL_WIDTH);
    }
    if (json_count(json_get(waiting_for, "effects")) > 0) {
        fputs("; effects: ", out);
        put_list(out, json_get(waiting_for, "effects"));
    }
    fputc('\n', out);
    if (commands)
        fprintf(out, "%*scorax approve %s %s\n%*scorax deny %s\n", LABEL_WIDTH, "", task_id,
                text_of(waiting_for, "request_hash"), LABEL_WIDTH, "", task_id);
}

const char *show_state(const struct json *task)
{
    const char *state = text_of(task, "state");

    return strcmp(state, "finished") == 0 ? json_get_text(task, "outcome", state) : state;
}

static void trace_row(FILE *out, const char *name, const char *text)
{
    label(out, TERM_BOLD, name);
    fputc(' ', out);
    term_text(out, text, strlen(text), LABEL_WIDTH + 1);
    fputc('\n', out);
}

void show_when(FILE *out, double unix_ms)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm tm;
    char text[64] = "?";

    if (localtime_r(&seconds, &tm))
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %Z", &tm);
    fputs(text, out);
}

/* Where the member is there. */
static void trace_time(FILE *out, const char *name, const struct json *task, const char *key)
{
    if (json_kind(json_get(task, key)) != JSON_NUMBER)
        return;
    label(out, TERM_BOLD, name);
    fputc(' ', out);
    show_when(out, number_of(task, key));
    fputc('\n', out);
}

void show_trace_task(FILE *out, const struct json *task)
{
    const struct json *usage = json_get(task, "usage"), *error = json_get(task, "error");
    char active[MAX_DURATION];

    trace_row(out, "task", text_of(task, "id"));
    trace_row(out, "input", text_of(task, "input_text"));
    label(out, TERM_BOLD, "state");
    fprintf(out, " %s", show_state(task));
    if (json_kind(error) == JSON_OBJECT) {
        fputs(" (", out);
        put(out, error, "code", 0);
        fputc(')', out);
    }
    fputs(", submitted ", out);
    show_when(out, number_of(task, "created_ms"));
    fprintf(out, " by uid %.0f\n", number_of(task, "uid"));
    if (json_text(json_get(task, "schedule")))
        trace_row(out, "schedule", text_of(task, "schedule"));
    trace_time(out, "due", task, "due_ms");
    trace_time(out, "deadline", task, "deadline_ms");
    if (json_text(json_get(task, "model")))
        trace_row(out, "model", text_of(task, "model"));
    term_duration(number_of(usage, "active_ms"), active, sizeof(active));
    label(out, TERM_BOLD, "used");
    fprintf(out, " %.0f steps, %.0f tool calls, %.0f + %.0f tokens, %s\n", number_of(usage, "steps"),
            number_of(usage, "tool_calls"), number_of(usage, "prompt_tokens"), number_of(usage, "completion_tokens"),
            active);
}

static void put_indent(FILE *out)
{
    fprintf(out, "%*s", TIME_WIDTH + 11, "");
}

#define TEXT_COLUMN (TIME_WIDTH + 11)

static void trace_reply(FILE *out, const struct json *event)
{
    const struct json *usage = json_get(event, "usage");
    const char *thought = text_of(event, "reasoning"), *text = text_of(event, "text");
    char took[MAX_DURATION];

    term_duration(number_of(event, "duration_us") / 1000, took, sizeof(took));
    fprintf(out, "step %.0f, %.0f tokens in (%.0f cached), %.0f out, %s\n", number_of(event, "step"),
            number_of(usage, "prompt_tokens"), number_of(usage, "cached_tokens"), number_of(usage, "completion_tokens"),
            took);
    if (*thought) {
        put_indent(out);
        term_puts(out, TERM_DIM, "thought ");
        term_text(out, thought, strlen(thought), TEXT_COLUMN + 8);
        fputc('\n', out);
    }
    for (const struct json *tool = json_first(json_get(event, "disabled_tools")); tool; tool = json_next(tool)) {
        put_indent(out);
        term_puts(out, TERM_YELLOW, "left out ");
        put(out, tool, "why", TEXT_COLUMN + 9);
        fputc('\n', out);
    }
    for (const struct json *call = json_first(json_get(event, "calls")); call; call = json_next(call)) {
        put_indent(out);
        term_puts(out, TERM_CYAN, "call ");
        put(out, call, "id", 0);
        fputc(' ', out);
        put(out, call, "name", 0);
        fputc(' ', out);
        put(out, call, "arguments", TEXT_COLUMN + 5);
        fputc('\n', out);
    }
    if (*text) {
        put_indent(out);
        term_puts(out, TERM_BOLD, "text ");
        term_text(out, text, strlen(text), TEXT_COLUMN + 5);
        fputc('\n', out);
    }
}

static void trace_result(FILE *out, const struct json *event)
{
    bool error = json_bool(json_get(event, "error"), false);
    const char *status = text_of(event, "status");
    char took[MAX_DURATION];

    put(out, event, "call_id", 0);
    fputc(' ', out);
    if (error) {
        term_puts(out, TERM_RED, "failed");
        fputs(" (", out);
        term_text(out, status, strlen(status), 0);
        fputc(')', out);
    } else {
        term_puts(out, TERM_GREEN, "ok");
    }
    if (json_get(event, "duration_us")) {
        term_duration(number_of(event, "duration_us") / 1000, took, sizeof(took));
        fprintf(out, " in %s", took);
    }
    fputc('\n', out);
    put_indent(out);
    put_parts(out, json_get(event, "parts"), TEXT_COLUMN, -1);
    fputc('\n', out);
}

/* "CALL asks|fails [by RULE]: WHY" of a call in doubt. */
static void trace_doubt(FILE *out, const struct json *event)
{
    put(out, event, "call_id", 0);
    fputs(strcmp(text_of(event, "in_doubt"), "fail") == 0 ? " fails" : " asks", out);
    if (*text_of(event, "rule")) {
        fputs(" by ", out);
        put(out, event, "rule", 0);
    }
    fputs(": ", out);
    put(out, event, "why", TEXT_COLUMN);
    fputc('\n', out);
}

/* "CALL WORD [RULE]: WHY" of a decision. */
static void trace_decision(FILE *out, const struct json *event)
{
    const char *decision = text_of(event, "decision");
    enum term_style style = strcmp(decision, "deny") == 0    ? TERM_RED
                            : strcmp(decision, "allow") == 0 ? TERM_GREEN
                                                             : TERM_YELLOW;

    put(out, event, "call_id", 0);
    fputc(' ', out);
    term_puts(out, style, strcmp(decision, "deny") == 0 ? "deny" : strcmp(decision, "allow") == 0 ? "allow" : "ask");
    fputs(" by ", out);
    put(out, event, "rule", 0);
    fputs(": ", out);
    put(out, event, "why", TEXT_COLUMN);
    fputc('\n', out);
}

static void trace_call(FILE *out, const struct json *event)
{
    put(out, event, "call_id", 0);
    fputc(' ', out);
    put(out, event, "provider", 0);
    fputs(*text_of(event, "provider") ? "." : "", out);
    put(out, event, "tool", 0);
    if (number_of(event, "attempt") > 1)
        fprintf(out, ", attempt %.0f", number_of(event, "attempt"));
    if (json_count(json_get(event, "effects")) > 0) {
        fputs(", effects: ", out);
        put_list(out, json_get(event, "effects"));
    }
    fputc('\n', out);
}

static void trace_finished(FILE *out, const struct json *event)
{
    const char *outcome = text_of(event, "outcome"), *text = text_of(event, "text");

    term_puts(out, strcmp(outcome, "answered") == 0 ? TERM_GREEN : TERM_RED,
              strcmp(outcome, "answered") == 0    ? "answered"
              : strcmp(outcome, "cancelled") == 0 ? "cancelled"
                                                  : "failed");
    if (json_text(json_get(event, "code"))) {
        fputs(" (", out);
        put(out, event, "code", 0);
        fputc(')', out);
    }
    fputc('\n', out);
    if (*text) {
        put_indent(out);
        term_text(out, text, strlen(text), TEXT_COLUMN);
        fputc('\n', out);
    }
}

/* Of the kinds that say one thing: which member it is. */
static void trace_simple(FILE *out, const struct json *event, const char *member)
{
    const char *call_id = text_of(event, "call_id"), *text = text_of(event, member);

    term_text(out, call_id, strlen(call_id), 0);
    fputs(*call_id ? " " : "", out);
    term_text(out, text, strlen(text), TEXT_COLUMN);
    fputc('\n', out);
}

static void trace_approval(FILE *out, const struct json *event)
{
    bool approved = json_bool(json_get(event, "approved"), false);
    const char *reason = text_of(event, "reason");

    put(out, event, "call_id", 0);
    fputc(' ', out);
    term_puts(out, approved ? TERM_GREEN : TERM_RED, approved ? "approved" : "refused");
    fprintf(out, " by uid %.0f%s", number_of(event, "uid"), *reason ? ": " : "");
    term_text(out, reason, strlen(reason), TEXT_COLUMN);
    fputc('\n', out);
}

static void trace_cut(FILE *out, const struct json *event)
{
    put(out, event, "call_id", 0);
    fputs(" ", out);
    put_cut(out, event);
}

static void trace_memory(FILE *out, const struct json *event)
{
    const struct json *m = json_get(event, "memory");
    const char *label = text_of(m, "label");

    put(out, event, "call_id", 0);
    fputc(' ', out);
    put(out, event, "change", 0);
    fputc(' ', out);
    put(out, m, "kind", 0);
    fputc(' ', out);
    put(out, m, *label ? "label" : "id", 0);
    fputs(": ", out);
    put(out, m, "text", TEXT_COLUMN);
    fputc('\n', out);
}

static void trace_compacted(FILE *out, const struct json *event)
{
    const char *summary = text_of(event, "summary");

    fprintf(out, "of messages %.0f to %.0f: ", number_of(event, "from"), number_of(event, "to"));
    if (*summary)
        term_text(out, summary, strlen(summary), TEXT_COLUMN);
    else
        fputs("none was written; the calls are listed", out);
    fputc('\n', out);
}

static void trace_note(FILE *out, const struct json *event)
{
    put(out, event, "about", 0);
    fputs(": ", out);
    put(out, event, "text", TEXT_COLUMN);
    fputc('\n', out);
}

static void trace_offer(FILE *out, const struct json *event)
{
    put(out, event, "how", 0);
    fputs(": ", out);
    put_list(out, json_get(event, "names"));
    fputc('\n', out);
}

void show_trace_event(FILE *out, const struct json *event, int64_t begin_ms)
{
    static const struct {
        const char *kind, *name;
        void (*show)(FILE *, const struct json *);
        const char *member; /* for trace_simple */
    } kinds[] = {
        { "model_replied", "model", trace_reply, NULL },
        { "model_failed", "model", NULL, "message" },
        { "policy_decided", "policy", trace_decision, NULL },
        { "approval_asked", "ask", NULL, "why" },
        { "approval_given", "person", trace_approval, NULL },
        { "tool_intent", "tool", trace_call, NULL },
        { "tool_result", "result", trace_result, NULL },
        { "observation_cut", "cut", trace_cut, NULL },
        { "went_back", "back", NULL, "why" },
        { "lesson_written", "lesson", NULL, "text" },
        { "note_added", "note", trace_note, NULL },
        { "tools_offered", "tools", trace_offer, NULL },
        { "memory_written", "memory", trace_memory, NULL },
        { "compacted", "summary", trace_compacted, NULL },
        { "question_asked", "question", NULL, "question" },
        { "human_said", "person", NULL, "text" },
        { "client_asked", "asks", NULL, "keys" },
        { "client_answered", "client", NULL, "keys" },
        { "effect_unverified", "in doubt", trace_doubt, NULL },
        { "task_resumed", "resumed", NULL, "why" },
        { "task_due", "due", put_late, NULL },
        { "pause_asked", "pauses", put_pause, NULL },
        { "task_paused", "paused", put_pause, NULL },
        { "task_resumed_by", "resumed", put_pause, NULL },
        { "task_finished", "finished", trace_finished, NULL },
    };
    const char *kind = text_of(event, "kind");
    double since = number_of(event, "at_ms") - (double)begin_ms;

    fprintf(out, "%*.3f  ", TIME_WIDTH - 2, since / 1000);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kind, kinds[i].kind) != 0)
            continue;
        term_puts(out, TERM_BOLD, kinds[i].name);
        fprintf(out, "%*s", TEXT_COLUMN - TIME_WIDTH - (int)strlen(kinds[i].name), "");
        if (kinds[i].show)
            kinds[i].show(out, event);
        else
            trace_simple(out, event, kinds[i].member);
        return;
    }
    if (strcmp(kind, "task_submitted") == 0) {
        term_puts(out, TERM_BOLD, "submitted");
        fputs("  ", out);
        put_parts(out, json_get(event, "input"), TEXT_COLUMN, -1);
    } else {
        term_text(out, kind, strlen(kind), TEXT_COLUMN); /* of a newer daemon */
    }
    fputc('\n', out);
}
