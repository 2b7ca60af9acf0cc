/*
 * What all planners have in common: commands and events, budgets, calls and their results, the transcript.
 *
 * Exactly one command is open at any time, from the first ask to the finish:
 *
 *     ASK_MODEL --reply with calls--> CALL_TOOL | ASK_HUMAN --result--> the next call, or ASK_MODEL
 *     ASK_MODEL --answer--> FINISH           (cancelled, a budget used up: FINISH from anywhere)
 *
 * An event closes the open command and opens the next one at once, whether or not anybody has fetched it.  So folding a
 * journal needs no call of planner_next, and afterwards the open command is the one without an event.
 *
 * Everything that is refused here (the same call again, no calls left, a malformed question) becomes an observation
 * before the next command is chosen, so the model never has a call without a result in its transcript.
 */
#include "agent/planner_kind.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/arena.h"
#include "util/buf.h"
#include "util/utf8.h"

#define MAX_ATTEMPTS 3 /* of one ask: the second and third are sampled; what fails then will not get better */
/* Room for questions and the last text, each from an event that fits into a line of 1 MiB, and for long tasks. */
#define TEXT_LIMIT         ((size_t)TRANSCRIPT_MAX_BYTES + (4u << 20))
#define ASK_USER           "ask_user"

const char planner_ask_user_tool[] =
    "{\"name\":\"" ASK_USER "\",\"description\":\"Ask the person a question when only they can know the answer.\","
    "\"parameters\":{\"type\":\"object\",\"properties\":{\"question\":{\"type\":\"string\"}},"
    "\"required\":[\"question\"],\"additionalProperties\":false}}";

struct budget budget_default(void)
{
    return (struct budget){
        .max_steps = 12,
        .max_tool_calls = 24,
        .max_tokens = 16384,
        .max_wall_ms = (int64_t)10 * 60 * 1000,
        .max_identical = 2,
        .max_reply_tokens = 512,
        .max_observation_bytes = 8192,
        .max_depth = 12,
        .max_width = 2,
        .max_attempts = 3,
    };
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void budget_narrow(struct budget *b, const struct budget *most)
{
    b->max_steps = (int)least(b->max_steps, most->max_steps);
    b->max_tool_calls = (int)least(b->max_tool_calls, most->max_tool_calls);
    b->max_tokens = least(b->max_tokens, most->max_tokens);
    b->max_wall_ms = least(b->max_wall_ms, most->max_wall_ms);
    b->max_identical = (int)least(b->max_identical, most->max_identical);
    b->max_reply_tokens = (int)least(b->max_reply_tokens, most->max_reply_tokens);
    b->max_observation_bytes = (int)least(b->max_observation_bytes, most->max_observation_bytes);
    b->max_depth = (int)least(b->max_depth, most->max_depth);
    b->max_width = (int)least(b->max_width, most->max_width);
    b->max_attempts = (int)least(b->max_attempts, most->max_attempts);
}

/* --- commands --------------------------------------------------------------------------------------------------- */

static int no_memory(struct err *err)
{
    return fail(err, CORAX_E_INTERNAL, "planner: no memory");
}

static void open_command(struct planner *p, struct plan_command command)
{
    p->command = command;
    p->handed_out = false;
}

static int finish(struct planner *p, enum plan_outcome outcome, const char *code, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* The sentence has at most a few hundred bytes: an answer goes through finish_answered. */
static int finish(struct planner *p, enum plan_outcome outcome, const char *code, struct err *err, const char *fmt, ...)
{
    char text[512];
    const char *kept;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    utf8_trim(text);
    kept = arena_strndup(p->arena, text, strlen(text));
    if (!kept)
        return no_memory(err);
    open_command(p, (struct plan_command){ .kind = PLAN_FINISH, .outcome = outcome, .code = code, .text = kept });
    return 0;
}

static bool time_is_up(const struct planner *p)
{
    return p->spent.active_ms >= p->budget.max_wall_ms;
}

static int finish_out_of_time(struct planner *p, struct err *err)
{
    return finish(p, PLAN_FAILED, "budget_time", err,
                  "no answer after %" PRId64 ".%" PRId64 " s: the time for this task is up", p->spent.active_ms / 1000,
                  p->spent.active_ms % 1000 / 100);
}

int planner_ask_model(struct planner *p, struct err *err)
{
    const struct budget *b = &p->budget;
    int64_t tokens_left = b->max_tokens - p->spent.n_tokens;
    int64_t last_reply = b->max_tokens / 4 < b->max_reply_tokens ? b->max_tokens / 4 : b->max_reply_tokens;
    bool must_answer;

    if (time_is_up(p))
        return finish_out_of_time(p, err);
    if (p->spent.n_steps >= b->max_steps)
        return finish(p, PLAN_FAILED, "budget_steps", err, "no answer after %d steps, the most for this task",
                      p->spent.n_steps);
    if (tokens_left <= 0)
        return finish(p, PLAN_FAILED, "budget_tokens", err,
                      "no answer after %" PRId64 " tokens, the most for this task are %" PRId64, p->spent.n_tokens,
                      b->max_tokens);
    /* A call is of no use when its result could not be answered any more, or when it would be refused. */
    must_answer =
        p->spent.n_steps + 1 >= b->max_steps || p->spent.n_tool_calls >= b->max_tool_calls || tokens_left <= last_reply;
    if (p->n_useless > 0) /* the same ask once more */
        must_answer |= p->command.must_answer;
    open_command(p, (struct plan_command){
                        .kind = PLAN_ASK_MODEL,
                        .max_tokens = (int)(tokens_left < b->max_reply_tokens ? tokens_left : b->max_reply_tokens),
                        .must_answer = must_answer,
                        .attempt = p->n_useless,
                    });
    return 0;
}

int planner_ask_text(struct planner *p, struct err *err)
{
    if (planner_ask_model(p, err) < 0)
        return -1;
    if (p->command.kind == PLAN_ASK_MODEL)
        p->command.must_answer = true;
    return 0;
}

/* --- what the model sees ---------------------------------------------------------------------------------------- */

int planner_not_added(struct planner *p, const struct err *why, struct err *err)
{
    if (why->status == CORAX_E_LIMIT)
        return finish(p, PLAN_FAILED, "transcript", err, "no answer: %s", why->msg);
    if (err)
        *err = *why;
    return -1;
}

/* 1: the task goes on, else as planner_not_added. */
static int add_message(struct planner *p, const struct message *m, struct err *err)
{
    struct err why;

    return transcript_add(p->transcript, m, &why) == 0 ? 1 : planner_not_added(p, &why, err);
}

static int observe(struct planner *p, const struct call *call, bool error, const char *text, size_t len, struct err *err)
{
    struct part part = { .mime = "text/plain", .data = text, .len = len };
    struct message m = {
        .role = ROLE_TOOL, .call_id = call->id, .name = call->name, .error = error, .n_parts = 1, .parts = &part
    };

    p->failed |= error;
    return add_message(p, &m, err);
}

/* Adds the parts of one type, a line break between them.  How many there were. */
static size_t add_parts(struct buf *out, const struct plan_event *ev, const char *mime)
{
    size_t n = 0;

    for (size_t i = 0; i < ev->n_parts; i++) {
        if (strcmp(ev->parts[i].mime, mime) != 0)
            continue;
        if (n++ > 0)
            buf_addc(out, '\n');
        buf_add(out, ev->parts[i].data, ev->parts[i].len);
    }
    return n;
}

static bool is_named_only(const struct part *part)
{
    return strcmp(part->mime, "text/plain") != 0 && strcmp(part->mime, "application/json") != 0;
}

static void name_the_rest(struct buf *out, const struct plan_event *ev)
{
    for (size_t i = 0; i < ev->n_parts; i++)
        if (is_named_only(&ev->parts[i]))
            buf_addf(out, "%s[%.80s, for the person to see]", out->len > 0 ? "\n" : "", ev->parts[i].mime);
}

/* Cuts text to at most max bytes, at a character's border, and says so, to whom it may concern.  The note comes on top of max. */
static void cut(struct planner *p, struct buf *text, size_t max)
{
    size_t keep, left_out;

    if (text->len <= max)
        return;
    keep = utf8_floor(text->data, max);
    left_out = text->len - keep;
    p->cut = (struct plan_cut){ .call_id = p->command.call->id, .bytes = text->len, .kept = keep };
    text->len = keep;
    text->data[keep] = '\0';
    buf_addf(text, "\n[%zu more bytes were left out]", left_out);
}

static int observe_result(struct planner *p, const struct plan_event *ev, struct err *err)
{
    struct buf text;
    int result;

    buf_init(&text, 2 * (size_t)TRANSCRIPT_MAX_BYTES);
    if (add_parts(&text, ev, "text/plain") == 0)
        add_parts(&text, ev, "application/json");
    cut(p, &text, p->budget.max_observation_bytes > 0 ? (size_t)p->budget.max_observation_bytes : 0);
    name_the_rest(&text, ev);
    if (text.len == 0 && !text.failed)
        buf_adds(&text, ev->error ? "the call failed and gave no reason" : "done, with no output");
    if (!text.failed)
        progress_observed(p, &p->done[p->open_done], ev->error, text.data, text.len);
    result = text.failed ? no_memory(err) : observe(p, p->command.call, ev->error, text.data, text.len, err);
    buf_finish(&text);
    return result;
}

/* --- calls ------------------------------------------------------------------------------------------------------ */

/* Where it stands in done; n_done: it was not made. */
static size_t find_done(const struct planner *p, const char *key, size_t len)
{
    size_t i = 0;

    while (i < p->n_done && !(p->done[i].key_len == len && memcmp(p->done[i].key, key, len) == 0))
        i++;
    return i;
}

static void forget_done(struct planner *p)
{
    while (p->n_done > 0)
        free(p->done[--p->n_done].key);
}

/* Takes the key. */
static int note_done(struct planner *p, char *key, size_t len, struct err *err)
{
    const size_t at = find_done(p, key, len);

    p->open_done = at;
    if (at < p->n_done) {
        p->done[at].times++;
        free(key);
        return 0;
    }
    if (p->n_done == p->done_cap) {
        size_t cap = p->done_cap ? 2 * p->done_cap : 8;
        struct done_call *grown = realloc(p->done, cap * sizeof(*grown));

        if (!grown) {
            free(key);
            return no_memory(err);
        }
        p->done = grown;
        p->done_cap = cap;
    }
    p->done[p->n_done++] = (struct done_call){ .key = key, .key_len = len, .times = 1 };
    return 0;
}

static int refuse(struct planner *p, const struct call *call, bool repeated, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* As add_message: 1 means that the next call may be looked at. */
static int refuse(struct planner *p, const struct call *call, bool repeated, struct err *err, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    progress_refused(p, repeated, text, strlen(text));
    return observe(p, call, true, text, strlen(text), err);
}

static bool is_blank(const char *s)
{
    return !s || s[strspn(s, " \t\r\n")] == '\0';
}

/* The question of a call of ask_user, kept in the planner; NULL when it has none.  -1: no memory. */
static int read_question(struct planner *p, const struct call *call, const char **question, struct err *err)
{
    struct json *args;
    const char *asked;
    int result = 0;

    *question = NULL;
    if (planner_parse_args(call, &args, err) < 0)
        return -1;
    asked = json_get_text(args, "question", NULL);
    if (!is_blank(asked) && !(*question = arena_strndup(p->arena, asked, strlen(asked))))
        result = no_memory(err);
    json_free(args);
    return result;
}

/* The call is not refused for its like.  Takes the key; as begin_call. */
static int begin_other_call(struct planner *p, const struct call *call, char *key, size_t len, struct err *err)
{
    const char *question = NULL;
    bool is_question = strcmp(call->name, ASK_USER) == 0;

    if (is_question && read_question(p, call, &question, err) < 0) {
        free(key);
        return -1;
    }
    if (is_question && !question) {
        free(key);
        return refuse(p, call, false, err, ASK_USER " needs the arguments {\"question\":\"...\"}, a question in plain words");
    }
    if (note_done(p, key, len, err) < 0)
        return -1;
    p->spent.n_tool_calls++;
    open_command(p, (struct plan_command){
                        .kind = is_question ? PLAN_ASK_HUMAN : PLAN_CALL_TOOL, .call = call, .question = question });
    return 0;
}

/* Opens the call, or refuses it: 1 when it was refused and the next is due, 0 when a command is open, -1 on no memory. */
static int begin_call(struct planner *p, const struct call *call, struct err *err)
{
    size_t len, same;
    char *key = progress_key(call, &len, err);
    int times;

    if (!key)
        return -1;
    same = find_done(p, key, len);
    times = same < p->n_done ? p->done[same].times : 0;
    if (times > 0 && times >= p->budget.max_identical) {
        free(key);
        return refuse(p, call, true, err, "this exact call was made %d %s before: use the result above, change the arguments, or answer",
                      times, times == 1 ? "time" : "times");
    }
    if (p->spent.n_tool_calls >= p->budget.max_tool_calls) {
        free(key);
        return refuse(p, call, false, err, "not called: all %d calls of this task are used up: answer with what you have",
                      p->budget.max_tool_calls);
    }
    return begin_other_call(p, call, key, len, err);
}

/* After a reply, and after each result: the next call of the reply, or the next ask. */
static int go_on(struct planner *p, struct err *err)
{
    int again = 1;

    if (time_is_up(p))
        return finish_out_of_time(p, err);
    while (again == 1 && p->reply && p->next_call < p->reply->n_calls)
        again = begin_call(p, &p->reply->calls[p->next_call++], err);
    if (again == 1)
        again = progress_check(p, err);
    return again == 1 ? p->kind->observed(p, err) : again;
}

/* --- events ----------------------------------------------------------------------------------------------------- */

/* An empty or cut-off reply is not part of the transcript: nobody could make use of it. */
static int useless_reply(struct planner *p, const struct plan_event *ev, struct err *err)
{
    const int other = p->kind->useless ? p->kind->useless(p, ev->text, err) : 1;

    if (other != 1)
        return other;
    p->n_useless++;
    if (p->n_useless < MAX_ATTEMPTS)
        return planner_ask_model(p, err);
    if (ev->cut_off)
        return finish(p, PLAN_FAILED, "model", err,
                      "the model gave no usable reply in %d attempts: the last was cut off after %" PRId64 " tokens",
                      MAX_ATTEMPTS, ev->n_tokens);
    return finish(p, PLAN_FAILED, "model", err,
                  "the model gave no usable reply in %d attempts: the last was neither an answer nor a call",
                  MAX_ATTEMPTS);
}

int planner_answer(struct planner *p, struct err *err)
{
    const struct message *m = transcript_at(p->transcript, transcript_count(p->transcript) - 1);

    open_command(p, (struct plan_command){ .kind = PLAN_FINISH, .outcome = PLAN_ANSWERED, .text = m->parts[0].data });
    return 0;
}

/* Adds the reply to the transcript with its calls numbered.  1, 0 or -1 as add_message. */
static int add_reply(struct planner *p, const struct plan_event *ev, struct err *err)
{
    struct part text = { .mime = "text/plain", .data = ev->text, .len = ev->text ? strlen(ev->text) : 0 };
    struct message m = { .role = ROLE_ASSISTANT, .reasoning = ev->reasoning, .parts = &text, .n_calls = ev->n_calls };
    struct call *calls = NULL;
    int result = -1;

    m.n_parts = is_blank(ev->text) ? 0 : 1;
    if (ev->n_calls > 0 && !(calls = calloc(ev->n_calls, sizeof(*calls))))
        return no_memory(err);
    for (size_t i = 0; i < ev->n_calls; i++) {
        calls[i] = ev->calls[i];
        calls[i].id = arena_printf(p->arena, "c%d", p->n_calls + 1);
        if (!calls[i].id) {
            no_memory(err);
            goto out;
        }
        p->n_calls++;
    }
    m.calls = calls;
    result = add_message(p, &m, err);
out:
    free(calls);
    return result;
}

static void spend_tokens(struct planner *p, int64_t n)
{
    if (n > 0 && __builtin_add_overflow(p->spent.n_tokens, n, &p->spent.n_tokens))
        p->spent.n_tokens = INT64_MAX;
}

static int model_replied(struct planner *p, const struct plan_event *ev, struct err *err)
{
    int added;

    p->spent.n_steps++;
    spend_tokens(p, ev->n_tokens);
    p->reply = NULL;
    p->next_call = 0;
    p->last = NULL;
    p->failed = p->bound = false;
    if (ev->n_calls == 0 && (ev->cut_off || is_blank(ev->text)))
        return useless_reply(p, ev, err);
    p->n_useless = 0;
    added = add_reply(p, ev, err);
    if (added != 1)
        return added;
    p->last = transcript_at(p->transcript, transcript_count(p->transcript) - 1);
    if (ev->n_calls == 0) {
        if (p->kind->said(p, err) < 0)
            return -1;
        return p->command.kind == PLAN_ASK_MODEL ? progress_said(p, err) : 0;
    }
    if (p->spent.n_steps >= p->budget.max_steps)
        return planner_ask_model(p, err); /* which ends the task: nobody could use what these calls would do */
    if (p->kind->called && (added = p->kind->called(p, err)) != 1)
        return added;
    p->reply = p->last;
    progress_begin(p);
    return go_on(p, err);
}

int planner_make_call(struct planner *p, const struct call *call, struct err *err)
{
    const struct plan_event ev = { .n_calls = 1, .calls = call };
    int added = add_reply(p, &ev, err);

    if (added != 1)
        return added;
    p->reply = p->last = transcript_at(p->transcript, transcript_count(p->transcript) - 1);
    progress_begin(p);
    return go_on(p, err);
}

static int model_failed(struct planner *p, const struct plan_event *ev, struct err *err)
{
    return finish(p, PLAN_FAILED, "model", err, "the model gave no reply: %.400s",
                  is_blank(ev->said) ? "no reason is known" : ev->said);
}

static int tool_done(struct planner *p, const struct plan_event *ev, struct err *err)
{
    int added;

    spend_tokens(p, ev->n_tokens);
    added = observe_result(p, ev, err);
    p->bound |= ev->binding;
    return added == 1 ? go_on(p, err) : added;
}

int planner_fail(struct planner *p, const char *code, const char *why, struct err *err)
{
    return finish(p, PLAN_FAILED, code, err, "no answer: %.400s", why);
}

int planner_give_up(struct planner *p, const char *why, struct err *err)
{
    return planner_fail(p, "gave_up", why, err);
}

struct mark planner_mark(const struct planner *p, size_t n)
{
    return (struct mark){ n, transcript_compactions(p->transcript) };
}

int planner_cut_back(struct planner *p, const struct mark *to, struct err *err)
{
    size_t same = to->n; /* messages that are what they were */

    while (transcript_compactions(p->transcript) > to->n_compactions) {
        same = same < p->compaction.front - 1 ? same : p->compaction.front - 1;
        if (transcript_undo_compaction(p->transcript, err) < 0)
            return -1;
    }
    transcript_truncate(p->transcript, to->n);
    planner_settle_front(p);
    p->back.n_messages = same;
    forget_done(p);
    progress_forget(p);
    for (size_t i = 0; i < to->n; i++) {
        const struct message *m = transcript_at(p->transcript, i);

        for (size_t k = 0; k < m->n_calls; k++) {
            size_t len;
            char *key = progress_key(&m->calls[k], &len, err);

            if (!key || note_done(p, key, len, err) < 0)
                return -1;
        }
    }
    return 0;
}

const struct call *planner_gave_up(const struct planner *p)
{
    for (size_t i = 0; i < p->last->n_calls; i++)
        if (strcmp(p->last->calls[i].name, GIVE_UP) == 0)
            return &p->last->calls[i];
    return NULL;
}

int planner_stay(struct planner *p, struct err *err)
{
    struct mark before;
    int added;

    before = planner_mark(p, transcript_count(p->transcript) - 1);
    if (planner_cut_back(p, &before, err) < 0)
        return -1;
    added = planner_tell(p, "What has been done cannot be undone: go on from here, or answer with what you know.", err);
    return added == 1 ? planner_ask_model(p, err) : added;
}

static int human_said(struct planner *p, const struct plan_event *ev, struct err *err)
{
    const char *said = is_blank(ev->said) ? "(the person gave no answer)" : ev->said;
    struct part part = { .mime = "text/plain", .data = said, .len = strlen(said) };
    struct plan_event answer = { .n_parts = 1, .parts = &part };

    return tool_done(p, &answer, err);
}

int planner_add_note(struct planner *p, const char *said, struct err *err)
{
    struct part part = { .mime = "text/plain" };
    struct err why = { 0 };
    struct buf text;
    int added;

    buf_init(&text, 2 * (size_t)TRANSCRIPT_MAX_BYTES);
    buf_addf(&text, "\n%s", said); /* parts of a message may come to stand side by side in a prompt */
    part.data = text.data;
    part.len = text.len;
    added = text.failed ? no_memory(&why) : transcript_add_part(p->transcript, &part, &why);
    buf_finish(&text);
    return added == 0 ? 1 : planner_not_added(p, &why, err);
}

int planner_tell(struct planner *p, const char *text, struct err *err)
{
    struct err why;

    return transcript_add_text(p->transcript, ROLE_USER, text, strlen(text), &why) == 0 ? 1 : planner_not_added(p, &why, err);
}

void planner_shorten(char *out, size_t size, const char *text)
{
    size_t n = 0;

    text = text ? text + strspn(text, " \t\r\n") : "";
    for (; text[n] && n + 1 < size; n++)
        out[n] = (unsigned char)text[n] < ' ' ? ' ' : text[n];
    out[utf8_floor(text, n)] = '\0';
}

static int summarized(struct planner *p, const struct plan_event *ev, struct err *err)
{
    spend_tokens(p, ev->n_tokens);
    return planner_end_compaction(p, ev->said, err);
}

/* The open ask is handed out again: what it asks for stays as it is. */
static int add_note(struct planner *p, const struct plan_event *ev, struct err *err)
{
    const int added = planner_add_note(p, ev->said, err);

    if (added != 1)
        return added;
    p->handed_out = false;
    return time_is_up(p) ? finish_out_of_time(p, err) : 0;
}

/* What the open ask sends has not been sent before, and ends with a message that takes a part. */
static bool takes_note(const struct planner *p, const struct plan_event *ev)
{
    const struct message *last = transcript_at(p->transcript, transcript_count(p->transcript) - 1);

    return p->command.kind == PLAN_ASK_MODEL && p->command.attempt == 0 && !is_blank(ev->said) && last &&
           (last->role == ROLE_USER || last->role == ROLE_TOOL);
}

/* Whether the open command is the one that this event answers. */
static bool answers(const struct planner *p, const struct plan_event *ev)
{
    const struct plan_command *open = &p->command;
    bool same_call = open->call && ev->call_id && strcmp(open->call->id, ev->call_id) == 0;

    switch (ev->kind) {
    case PLAN_EV_MODEL_REPLIED:
    case PLAN_EV_MODEL_FAILED:
        return open->kind == PLAN_ASK_MODEL;
    case PLAN_EV_TOOL_DONE:
        return same_call;
    case PLAN_EV_HUMAN_SAID:
        return open->kind == PLAN_ASK_HUMAN && (same_call || !ev->call_id);
    case PLAN_EV_CANCELED:
    case PLAN_EV_CLOCK:
        return true;
    case PLAN_EV_NOTE:
        return takes_note(p, ev);
    case PLAN_EV_COMPACT:
        return planner_can_compact(p);
    case PLAN_EV_SUMMARIZED:
        return open->kind == PLAN_SUMMARIZE;
    }
    return false;
}

static const char *event_name(enum plan_event_kind kind)
{
    static const char *const names[] = { "model_replied", "model_failed", "tool_done", "human_said",
                                         "cancelled",     "clock",        "note",      "compact",
                                         "summarized" };

    assert((unsigned)kind < sizeof(names) / sizeof(*names));
    return names[kind];
}

static int refuse_event(const struct planner *p, const struct plan_event *ev, struct err *err)
{
    static const char *const waits_for[] = { "nothing", "the model", "a tool", "the person", "nothing", "a summary" };
    const struct plan_command *open = &p->command;

    if (open->kind == PLAN_FINISH)
        return fail(err, CORAX_E_ARGS, "event %s: the task is finished", event_name(ev->kind));
    return fail(err, CORAX_E_ARGS, "event %s%s%.20s: the task waits for %s%s%s", event_name(ev->kind),
                ev->call_id ? " " : "", ev->call_id ? ev->call_id : "", waits_for[open->kind], open->call ? " on " : "",
                open->call ? open->call->id : "");
}

int planner_apply(struct planner *p, const struct plan_event *ev, struct err *err)
{
    if (p->command.kind == PLAN_FINISH || !answers(p, ev))
        return refuse_event(p, ev, err);
    if (ev->active_ms > p->spent.active_ms)
        p->spent.active_ms = ev->active_ms;
    p->cut.call_id = p->back.why = p->lesson.text = NULL;
    p->compaction.did = false;
    switch (ev->kind) {
    case PLAN_EV_MODEL_REPLIED:
        return model_replied(p, ev, err);
    case PLAN_EV_MODEL_FAILED:
        return model_failed(p, ev, err);
    case PLAN_EV_TOOL_DONE:
        return tool_done(p, ev, err);
    case PLAN_EV_HUMAN_SAID:
        return human_said(p, ev, err);
    case PLAN_EV_CANCELED:
        return finish(p, PLAN_CANCELLED, NULL, err, "the task was cancelled");
    case PLAN_EV_CLOCK:
        return time_is_up(p) ? finish_out_of_time(p, err) : 0;
    case PLAN_EV_NOTE:
        return add_note(p, ev, err);
    case PLAN_EV_COMPACT:
        return planner_begin_compaction(p, ev->n_tokens);
    case PLAN_EV_SUMMARIZED:
        return summarized(p, ev, err);
    }
    return fail(err, CORAX_E_ARGS, "event of unknown kind %d", (int)ev->kind);
}

bool planner_cut(const struct planner *p, struct plan_cut *out)
{
    if (p->cut.call_id)
        *out = p->cut;
    return p->cut.call_id != NULL;
}

bool planner_went_back(const struct planner *p, struct plan_back *out)
{
    if (p->back.why)
        *out = p->back;
    return p->back.why != NULL;
}

bool planner_lesson(const struct planner *p, struct plan_lesson *out)
{
    if (p->lesson.text)
        *out = p->lesson;
    return p->lesson.text != NULL;
}

const struct message *planner_reply(const struct planner *p)
{
    return p->last;
}

struct plan_command planner_next(struct planner *p)
{
    if (p->handed_out)
        return (struct plan_command){ .kind = PLAN_WAIT };
    p->handed_out = true;
    return p->command;
}

/* --- life ------------------------------------------------------------------------------------------------------- */

static const struct planner_kind *const kinds[] = { &planner_react, &planner_plan, &planner_dfsdt, &planner_reflexion, &planner_call };
#define N_KINDS (sizeof(kinds) / sizeof(*kinds))

const struct planner_kind *planner_kind_find(const char *name)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    return NULL;
}

const char *planner_kind_tool(const struct planner_kind *kind, const char **name)
{
    *name = kind->tool_name;
    return kind->tool;
}

const char *planner_kind_names(void)
{
    static char names[128]; /* the same whoever writes it, and when */
    size_t n = 0;

    for (size_t i = 0; i < N_KINDS && n < sizeof(names); i++)
        n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", i == 0 ? "" : i + 1 < N_KINDS ? ", " : " or ", kinds[i]->name);
    return names;
}

const char *planner_kind_name(const struct planner_kind *kind)
{
    return kind->name;
}

struct planner *planner_create(const struct planner_kind *kind, struct transcript *transcript, const struct budget *budget)
{
    struct planner *p = calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    p->kind = kind;
    p->budget = *budget;
    p->transcript = transcript;
    p->arena = arena_create(TEXT_LIMIT);
    if (!p->arena || kind->begin(p, NULL) < 0) {
        arena_destroy(p->arena);
        free(p);
        return NULL;
    }
    return p;
}

void planner_destroy(struct planner *p)
{
    if (!p)
        return;
    transcript_destroy(p->transcript);
    arena_destroy(p->arena);
    forget_done(p);
    free(p->done);
    free(p);
}

const struct transcript *planner_transcript(const struct planner *p)
{
    return p->transcript;
}

struct spent planner_spent(const struct planner *p)
{
    return p->spent;
}
