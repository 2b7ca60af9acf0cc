/*
 * The way of a task: creation, the loop over the planner's commands, entries into the journal, and its end.  Whether a
 * call may be made is in task_judge.c, the call itself in task_call.c, tools in task_tools.c, what people say in
 * task_human.c, what holds a task back in task_hold.c, recovery in task_fold.c.
 *
 * Memory.  A task is small, and nothing good can be done with half an entry: where memory runs out here the daemon
 * ends, and the next one goes on from the journal (as after any other kill).
 */
#include "daemon/task.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/builtins.h"
#include "daemon/hosts.h"
#include "daemon/mcp.h"
#include "daemon/models.h"
#include "daemon/scheduler.h"
#include "daemon/task_ahead.h"
#include "daemon/task_compact.h"
#include "daemon/task_memory.h"
#include "daemon/task_screen.h"
#include "daemon/task_tools.h"
#include "daemon/task_vector.h"
#include "daemon/vectors.h"
#include "util/arena.h"
#include "util/clock.h"
#include "util/log.h"

#define RETRY_MS         1000 /* the journal could not be written: the task's end is tried again */
#define SAMPLE_AFTER_BAD 0.7  /* temperature after an empty or cut-off reply: greedy would only repeat it */
#define MAX_TASK_POLICIES 8 /* its own, and an agent's for it and each task above it */

static void out_of_memory(void)
{
    log_error("no memory: ending; the tasks go on after a restart");
    abort();
}

static void set_timer(struct event *ev, int64_t ms)
{
    struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

    event_add(ev, &tv);
}

/* --- the clock -------------------------------------------------------------------------------------------------- */

int64_t task_active_ms(const struct task *t)
{
    return t->active_before_ms + (t->running_since_ms ? clock_mono_ms() - t->running_since_ms : 0);
}

static void clock_start(struct task *t)
{
    int64_t left = t->budget.max_wall_ms - t->active_before_ms;

    t->running_since_ms = clock_mono_ms();
    set_timer(t->wall, left > 0 ? left : 0);
}

static void clock_stop(struct task *t)
{
    t->active_before_ms = task_active_ms(t);
    t->running_since_ms = 0;
    event_del(t->wall);
}

static void on_wall(evutil_socket_t fd, short what, void *arg)
{
    struct task *t = arg;
    struct plan_event ev = { .kind = PLAN_EV_CLOCK };

    task_apply(t, &ev);
    if (t->phase != PHASE_FINISHED) {
        task_advance(t);
        if (t->phase != PHASE_FINISHED)
            set_timer(t->wall, 10); /* the planner's milliseconds are not quite over */
    }
}

/* --- listeners -------------------------------------------------------------------------------------------------- */

void task_listen(struct task *t, struct task_listener *l)
{
    TAILQ_INSERT_TAIL(&t->listeners, l, link);
}

void task_unlisten(struct task *t, struct task_listener *l)
{
    TAILQ_REMOVE(&t->listeners, l, link);
}

/* A listener may take itself off the list while it is told. */
#define EACH_LISTENER(t, l, next) \
    for ((l) = TAILQ_FIRST(&(t)->listeners); (l) && ((next) = TAILQ_NEXT((l), link), true); (l) = (next))

static void tell_changed(struct task *t)
{
    struct task_listener *l, *next;

    EACH_LISTENER(t, l, next)
    l->changed(l);
}

static void tell_entry(struct task *t, const struct entry *e)
{
    struct task_listener *l, *next;

    EACH_LISTENER(t, l, next)
    l->entry(l, e);
}

/* --- entries ---------------------------------------------------------------------------------------------------- */

struct entry *task_record(struct task *t, enum entry_kind kind)
{
    struct entry *e = entry_create(kind, ++t->row.last_seq, clock_wall_ms(), task_active_ms(t));

    if (e == NULL)
        out_of_memory();
    return e;
}

void task_recorded(struct task *t, struct entry *e)
{
    if (!entry_end(e))
        out_of_memory();
    if (t->offline) {
        entry_destroy(e);
        return;
    }
    t->row.updated_ms = e->at_ms;
    *t->pending_tail = e;
    t->pending_tail = &e->next;
    if (!t->saving && !event_pending(t->lazy, EV_TIMEOUT, NULL))
        set_timer(t->lazy, TASK_LAZY_MS);
}

static void on_lazy(evutil_socket_t fd, short what, void *arg)
{
    task_flush(arg);
}

static void update_row(struct task *t)
{
    struct spent spent = planner_spent(t->planner);

    t->row.active_ms = task_active_ms(t);
    t->row.n_steps = spent.n_steps;
    t->row.n_tool_calls = spent.n_tool_calls;
    t->row.completion_tokens = spent.n_tokens;
}

/*
 * The journal did not take the task's entries.  The task fails in memory, which clients see at once, and its entries
 * are kept and tried again, so that the journal says the same as soon as it can be written.
 */
static void fail_unsaved(struct task *t, const char *why)
{
    struct entry **at = &t->pending, *e;
    char text[320];

    snprintf(text, sizeof(text), "the task's events cannot be stored: %s", why);
    if (t->end_code == NULL || strcmp(t->end_code, "journal") != 0) {
        task_stop_work(t);
        clock_stop(t);
        /* An end that nobody has seen is replaced by this one. */
        while (*at) {
            e = *at;
            if (e->kind == ENTRY_TASK_FINISHED) {
                *at = e->next;
                t->row.last_seq--;
                entry_destroy(e);
            } else {
                at = &e->next;
            }
        }
        t->pending_tail = at;
        task_finish(t, OUTCOME_FAILED, text, "journal");
    }
    t->shown = TASK_FINISHED;
    scheduler_leave(t->d->scheduler, t);
    event_del(t->lazy);
    set_timer(t->lazy, RETRY_MS);
    tell_changed(t);
}

static void on_saved(struct journal_op *op)
{
    struct journal_append *a = (struct journal_append *)op;
    struct task *t = (struct task *)((char *)a - offsetof(struct task, append));
    struct entry *e, *next, *last;
    enum task_state before = t->shown;

    t->saving = false;
    if (op->result < 0) {
        for (last = a->entries; last->next; last = last->next)
            ;
        last->next = t->pending;
        if (t->pending == NULL)
            t->pending_tail = &last->next;
        t->pending = a->entries;
        fail_unsaved(t, op->err.msg);
        return;
    }
    /* Whoever is told of an event may look at the task because of it. */
    if (a->row.state == TASK_FINISHED || (t->shown != TASK_FINISHED && a->row.state == t->row.state))
        t->shown = a->row.state;
    for (e = a->entries; e; e = next) {
        next = e->next;
        t->saved_seq = e->seq;
        tell_entry(t, e);
        entry_destroy(e);
    }
    mcp_task_changed(t->d->mcp, t->row.id, t->row.uid);
    if (t->shown != before)
        tell_changed(t);
    if (t->row.state == TASK_FINISHED && t->pending == NULL) {
        scheduler_forget(t->d->scheduler, t);
        return;
    }
    if (scheduler_is_stopping(t->d->scheduler))
        return;
    if (t->phase == PHASE_INTENT && t->saved_seq >= t->call.intent_seq)
        task_send_call(t);
    else if (t->pending)
        set_timer(t->lazy, TASK_LAZY_MS);
    if (t->row.state != TASK_RUNNING || t->phase == PHASE_INTENT)
        task_flush(t);
}

void task_flush(struct task *t)
{
    struct journal_append *a = &t->append;

    if (t->saving || t->pending == NULL)
        return;
    event_del(t->lazy);
    update_row(t);
    journal_append_init(a, on_saved);
    a->row = t->row;
    a->entries = t->pending;
    a->episode = t->row.state == TASK_FINISHED ? task_memory_episode(t) : NULL;
    a->op.is_memory = a->episode != NULL;
    /* What is not in this append has not been numbered for it. */
    for (struct entry *e = t->pending; e; e = e->next)
        a->row.last_seq = e->seq;
    t->pending = NULL;
    t->pending_tail = &t->pending;
    t->saving = true;
    journal_post(t->d->journal, &a->op);
}

/* --- creation --------------------------------------------------------------------------------------------------- */

/* 0: none. */
static int64_t read_time(const struct task *t, const char *key)
{
    int64_t ms = 0;

    return json_int(json_get(t->root, key), key, &ms, NULL) == 0 ? ms : 0;
}

/* What narrows the policy for this task. */
static int read_policies(struct task *t, struct err *err)
{
    const struct json *list = json_get(t->root, "policies");
    struct policy_file files[MAX_TASK_POLICIES];
    size_t n = 0;

    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        if (n == MAX_TASK_POLICIES)
            return fail(err, CORAX_E_LIMIT, "more than %d policies", MAX_TASK_POLICIES);
        files[n].name = json_get_text(j, "id", "policy");
        files[n].text = json_raw(j, &files[n].len);
        n++;
    }
    if (n == 0)
        return 0;
    t->policy = policy_load(files, n, POLICY_NARROWS, err);
    return t->policy ? 0 : err_context(err, "policy");
}

static void read_parent(struct task *t)
{
    int64_t depth = 0;

    if (json_get(t->root, "parent"))
        json_int(json_get(json_get(t->root, "parent"), "depth"), "depth", &depth, NULL);
    t->depth = (int)depth;
    past_add_list(&t->past, json_get(t->root, "made"));
    t->n_inherited = t->past.n;
}

static int read_submitted(struct task *t, struct transcript *transcript, struct arena *arena, struct err *err)
{
    const char *system = json_get_text(t->root, "system", NULL);
    struct message m = { .role = ROLE_USER };
    const struct json *allowed = json_get(t->root, "tools");
    int64_t uid;
    size_t i;

    t->model = &t->d->config.model;
    t->kind = planner_kind_find("react"); /* those of older journals name none */
    t->budget = t->d->config.budget;
    t->sampling = t->d->config.sampling;
    t->attended = json_bool(json_get(t->root, "attended"), true);
    t->waits.priority = PRIORITY_NORMAL;
    priority_find(json_get_text(t->root, "priority", ""), &t->waits.priority); /* older journals have none */
    t->due_ms = read_time(t, "due_ms");
    t->deadline_ms = read_time(t, "deadline_ms");
    t->scheduled = t->due_ms > 0;
    t->row.state = t->shown = t->scheduled ? TASK_SCHEDULED : TASK_QUEUED;
    if (json_get_text(t->root, "memory", NULL) && (t->memory = task_memory_create(json_get_text(t->root, "memory", NULL))) == NULL)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    t->allowed = json_kind(allowed) == JSON_ARRAY ? allowed : NULL;
    if (config_find_model(&t->d->config, json_get_text(t->root, "model", NULL), &t->model, NULL) < 0)
        t->model = NULL;
    if (config_read_planner(json_get(t->root, "planner"), &t->kind, err) < 0 ||
        config_read_budget(json_get(t->root, "budget"), &t->budget, err) < 0 ||
        config_read_sampling(json_get(t->root, "sampling"), &t->sampling, err) < 0 ||
        json_int(json_get(t->root, "uid"), "uid", &uid, err) < 0 ||
        json_int(json_get(t->root, "at_ms"), "at_ms", &t->row.created_ms, err) < 0)
        return -1;
    if (read_policies(t, err) < 0)
        return -1;
    t->seen = task_read_label(json_get(t->root, "label"));
    read_parent(t);
    t->row.uid = t->waits.uid = (uint32_t)uid;
    t->row.updated_ms = t->row.created_ms;
    if (system && transcript_add_text(transcript, ROLE_SYSTEM, system, strlen(system), err) < 0)
        return -1;
    if (parts_read(arena, json_get(t->root, "input"), &m.parts, &m.n_parts, err) < 0)
        return err_context(err, "input");
    for (i = 0; i < m.n_parts; i++) {
        if (strcmp(m.parts[i].mime, "text/plain") == 0) {
            row_text(t->row.input_text, m.parts[i].data, m.parts[i].len);
            break;
        }
    }
    return transcript_add(transcript, &m, err);
}

struct task *task_create(struct coraxd *d, const char *submitted, size_t len, struct err *err)
{
    return task_create_as(d, NULL, submitted, len, err);
}

struct task *task_create_as(struct coraxd *d, const struct planner_kind *kind, const char *submitted, size_t len, struct err *err)
{
    struct task *t = calloc(1, sizeof(*t));
    struct transcript *transcript = transcript_create();
    struct arena *arena = arena_create(TRANSCRIPT_MAX_BYTES);

    if (t == NULL || transcript == NULL || arena == NULL) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        free(t);
        goto out;
    }
    t->d = d;
    t->pending_tail = &t->pending;
    TAILQ_INIT(&t->listeners);
    buf_init(&t->submitted, ENTRY_LIMIT);
    buf_add(&t->submitted, submitted, len);
    t->wall = evtimer_new(d->base, on_wall, t);
    t->lazy = evtimer_new(d->base, on_lazy, t);
    t->tools = task_tools_create();
    if (t->submitted.failed || t->tools == NULL || t->wall == NULL || t->lazy == NULL)
        fail(err, CORAX_E_INTERNAL, "no memory");
    else if ((t->root = json_parse(submitted, len, err)) != NULL && read_submitted(t, transcript, arena, err) == 0 &&
             (t->planner = planner_create(kind ? (t->kind = kind) : t->kind, transcript, &t->budget)) != NULL) {
        transcript = NULL;
        arena_destroy(arena);
        return t;
    }
    task_destroy(t);
out:
    transcript_destroy(transcript);
    arena_destroy(arena);
    return NULL;
}

static void destroy_entries(struct entry *e)
{
    struct entry *next;

    for (; e; e = next) {
        next = e->next;
        entry_destroy(e);
    }
}

void task_destroy(struct task *t)
{
    struct task_listener *l;

    if (t == NULL)
        return;
    while ((l = TAILQ_FIRST(&t->listeners)) != NULL) {
        task_unlisten(t, l);
        l->gone(l);
    }
    task_stop_work(t);
    task_clear_alarms(t);
    if (t->wall)
        event_free(t->wall);
    if (t->lazy)
        event_free(t->lazy);
    task_clear_call(t);
    past_finish(&t->past);
    policy_destroy(t->policy);
    destroy_entries(t->pending);
    if (t->saving)
        destroy_entries(t->append.entries);
    planner_destroy(t->planner);
    task_vector_destroy(t);
    task_screen_destroy(t);
    task_memory_destroy(t->memory);
    free(t->fold);
    json_free(t->root);
    buf_finish(&t->submitted);
    task_tools_destroy(t->tools);
    free(t->end_text);
    free(t->end_code);
    free(t);
}

/* --- the loop --------------------------------------------------------------------------------------------------- */

bool task_apply(struct task *t, struct plan_event *ev)
{
    struct err err = { 0 };
    struct plan_back back;
    struct plan_cut cut;
    struct entry *e;

    ev->active_ms = task_active_ms(t);
    if (planner_apply(t->planner, ev, &err) < 0) {
        if (err.status == CORAX_E_INTERNAL)
            out_of_memory();
        log_error("task %s: %s", t->row.id, err.msg);
        return false;
    }
    if (planner_went_back(t->planner, &back)) {
        task_tools_went_back(t, back.n_messages);
        t->window_tokens = 0;
    }
    if (planner_cut(t->planner, &cut)) {
        e = task_record(t, ENTRY_OBSERVATION_CUT);
        entry_text(e, "call_id", cut.call_id);
        entry_int(e, "bytes", (int64_t)cut.bytes);
        entry_int(e, "kept", (int64_t)cut.kept);
        task_recorded(t, e);
    }
    return true;
}

void task_record_back(struct task *t)
{
    struct plan_lesson lesson;
    struct plan_back back;
    struct entry *e;

    if (planner_lesson(t->planner, &lesson)) {
        e = task_record(t, ENTRY_LESSON_WRITTEN);
        entry_int(e, "attempt", lesson.attempt);
        entry_text(e, "why", lesson.why);
        entry_text(e, "text", lesson.text);
        task_recorded(t, e);
        task_memory_lesson(t, lesson.attempt, lesson.text);
    }
    if (!planner_went_back(t->planner, &back))
        return;
    e = task_record(t, ENTRY_WENT_BACK);
    entry_int(e, "depth", back.depth);
    entry_text(e, "why", back.why);
    task_recorded(t, e);
}

void task_stop_work(struct task *t)
{
    if (t->chat)
        model_cancel(t->chat);
    if (t->host_call)
        host_cancel(t->host_call);
    if (t->builtin_call)
        builtin_cancel(t->builtin_call);
    t->chat = NULL;
    t->host_call = NULL;
    t->builtin_call = NULL;
    ahead_drop(t);
    task_vector_stop(t);
    task_screen_stop(t);
    task_memory_stop(t);
}

void task_finish(struct task *t, enum task_outcome outcome, const char *text, const char *code)
{
    struct entry *e = task_record(t, ENTRY_TASK_FINISHED);
    struct spent spent = planner_spent(t->planner);
    size_t at;

    entry_text(e, "outcome", task_outcome_name(outcome));
    entry_text(e, "text", text);
    entry_text(e, "code", code);
    task_record_label(e, "label", t->seen);
    at = entry_mark(e);
    jsonw_object(&e->w, "spent");
    jsonw_int(&e->w, "steps", spent.n_steps);
    jsonw_int(&e->w, "tool_calls", spent.n_tool_calls);
    jsonw_int(&e->w, "completion_tokens", spent.n_tokens);
    jsonw_int(&e->w, "prompt_tokens", t->row.prompt_tokens);
    jsonw_int(&e->w, "active_ms", task_active_ms(t));
    jsonw_end(&e->w);
    entry_seal(e, "spent", at);
    task_clear_alarms(t);
    t->phase = PHASE_FINISHED;
    t->row.state = TASK_FINISHED;
    t->row.outcome = outcome;
    t->row.has_answer = outcome == OUTCOME_ANSWERED;
    if (t->row.has_answer)
        row_text(t->row.answer, text, strlen(text));
    else
        t->row.answer[0] = '\0';
    free(t->end_text);
    free(t->end_code);
    t->end_text = text ? strdup(text) : NULL;
    t->end_code = code ? strdup(code) : NULL;
    task_memory_end(t);
    task_recorded(t, e);
}

void task_end(struct task *t, const struct plan_command *c)
{
    static const enum task_outcome outcomes[] = { OUTCOME_ANSWERED, OUTCOME_FAILED, OUTCOME_CANCELLED };

    if (t->host_call || t->builtin_call) {
        task_stop_work(t);
        task_record_result(t, true, CORAX_E_CANCELED,
                           "the call was under way when the task ended; whether it had an effect is not known", 0);
    }
    if (t->phase == PHASE_INTENT)
        task_record_result(t, true, CORAX_E_CANCELED, "the call was not made: the task ended", 0);
    task_stop_work(t);
    clock_stop(t);
    task_finish(t, outcomes[c->outcome], c->text, c->code);
    task_flush(t);
    scheduler_leave(t->d->scheduler, t);
}

static void on_delta(void *arg, const struct model_delta *d)
{
    struct task *t = arg;
    struct task_listener *l, *next;

    EACH_LISTENER(t, l, next)
    l->delta(l, d);
}

/* It is neither calls nor the answer: the planner has told the model something, or asks once more. */
static bool goes_on(const struct task *t, const struct model_reply *r)
{
    const struct transcript *tr = planner_transcript(t->planner);
    const struct message *last = transcript_at(tr, transcript_count(tr) - 1);

    return r->n_calls == 0 && last != planner_reply(t->planner);
}

static void record_reply(struct task *t, const struct model_reply *r)
{
    struct entry *e = task_record(t, ENTRY_MODEL_REPLIED);
    const struct message *m = planner_reply(t->planner); /* its calls are numbered */
    size_t i, at;

    entry_int(e, "step", planner_spent(t->planner).n_steps);
    entry_text(e, "reasoning", r->reasoning);
    entry_text(e, "text", r->text);
    at = entry_mark(e);
    jsonw_array(&e->w, "calls");
    for (i = 0; i < r->n_calls; i++) {
        jsonw_object(&e->w, NULL);
        jsonw_text(&e->w, "id", m && i < m->n_calls ? m->calls[i].id : NULL);
        jsonw_text(&e->w, "name", r->calls[i].name);
        jsonw_string(&e->w, "arguments", r->calls[i].args, r->calls[i].args_len);
        jsonw_end(&e->w);
    }
    jsonw_end(&e->w);
    entry_seal(e, "calls", at);
    if (r->disabled) {
        at = entry_mark(e);
        jsonw_value(&e->w, "disabled_tools", r->disabled);
        entry_seal(e, "disabled_tools", at);
    }
    if (goes_on(t, r))
        entry_bool(e, "goes_on", true);
    entry_text(e, "finish", r->finish);
    at = entry_mark(e);
    jsonw_object(&e->w, "usage");
    jsonw_int(&e->w, "prompt_tokens", r->prompt_tokens);
    jsonw_int(&e->w, "cached_tokens", r->cached_tokens);
    jsonw_int(&e->w, "completion_tokens", r->completion_tokens);
    jsonw_int(&e->w, "prompt_us", r->prompt_us);
    jsonw_int(&e->w, "decode_us", r->decode_us);
    jsonw_end(&e->w);
    entry_seal(e, "usage", at);
    entry_text(e, "model", models_name(t->d->models, t->model));
    entry_int(e, "duration_us", r->duration_us);
    task_recorded(t, e);
}

static void on_reply(void *arg, const struct model_reply *r, const struct err *why)
{
    struct task *t = arg;
    struct plan_event ev = { .kind = PLAN_EV_MODEL_FAILED };
    struct entry *e;

    t->chat = NULL;
    t->phase = PHASE_READY;
    ahead_drop(t); /* calls of the last reply that the planner refused */
    if (r == NULL && task_compacts_after(t, why)) {
        ; /* the planner wants a summary first */
    } else if (r == NULL) {
        ev.said = why->msg;
        task_apply(t, &ev);
        e = task_record(t, ENTRY_MODEL_FAILED);
        entry_text(e, "message", why->msg);
        task_recorded(t, e);
    } else {
        ev = (struct plan_event){ .kind = PLAN_EV_MODEL_REPLIED,
                                  .reasoning = r->reasoning,
                                  .text = r->text,
                                  .n_calls = r->n_calls,
                                  .calls = r->calls,
                                  .n_tokens = r->completion_tokens,
                                  .cut_off = strcmp(r->finish, "length") == 0 };
        t->row.prompt_tokens += r->prompt_tokens;
        snprintf(t->row.model, sizeof(t->row.model), "%s", models_name(t->d->models, t->model));
        task_apply(t, &ev);
        task_used_window(t, r->prompt_tokens, r->completion_tokens);
        record_reply(t, r);
        task_record_back(t);
    }
    task_advance(t);
}

bool task_note(struct task *t, const char *about, const char *text, struct label label)
{
    struct plan_event ev = { .kind = PLAN_EV_NOTE, .said = text };
    struct entry *e;

    if (!task_apply(t, &ev))
        return false;
    e = task_record(t, ENTRY_NOTE_ADDED);
    entry_text(e, "about", about);
    entry_text(e, "text", text);
    task_record_label(e, "label", label);
    task_saw(t, label);
    task_recorded(t, e);
    return true;
}

/* The day on which the task was submitted, or came due, where coraxd runs: so it is the same one after a restart. */
static bool note_date(struct task *t)
{
    static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" };
    time_t seconds = (time_t)((t->came_due_ms ? t->came_due_ms : t->row.created_ms) / 1000);
    struct tm tm;
    char text[64];

    t->dated = true;
    if (!localtime_r(&seconds, &tm))
        return false;
    snprintf(text, sizeof(text), "Today is %s, %04d-%02d-%02d.", days[tm.tm_wday], tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday);
    return task_note(t, NOTE_DATE, text, (struct label){ TRUSTED, PUBLIC });
}

/*
 * What the model is to know besides, before it is asked.  What was sent stays as it is, so the date goes behind the user's
 * words or nowhere, and what goes behind a later message waits for that.  true: the planner's next command is due.
 */
static bool add_notes(struct task *t, const struct plan_command *c)
{
    if (c->attempt > 0 || t->dated || !t->d->config.date_note || planner_spent(t->planner).n_steps > 0)
        return false;
    return note_date(t);
}

/* What its first ask is to bring along, memories and tools, is looked for with its input. */
static bool waits_for_vector(struct task *t, const struct plan_command *c)
{
    struct buf text;
    bool waits;

    if (!vectors_are_on(t->d->vectors) || (!task_memory_is_due(t, c) && !task_tools_are_due(t)))
        return false;
    buf_init(&text, TRANSCRIPT_MAX_BYTES);
    task_input_text(t, &text);
    waits = text.len > 0 && !text.failed && task_vector_waits(t, text.data, text.len);
    buf_finish(&text);
    return waits;
}

struct model_ask task_model_ask(struct task *t, const struct plan_command *c, struct sampling *sampling)
{
    struct model_ask ask = {
        .transcript = planner_transcript(t->planner), .max_tokens = c->max_tokens, .must_answer = c->must_answer, .sampling = sampling
    };

    task_tools_list(t, &ask.tools, &ask.tools_len);
    *sampling = t->sampling;
    if (c->attempt > 0) {
        sampling->seed = t->sampling.seed + c->attempt;
        if (sampling->temperature < SAMPLE_AFTER_BAD)
            sampling->temperature = SAMPLE_AFTER_BAD;
    }
    return ask;
}

static void ask_model(struct task *t, const struct plan_command *c)
{
    static const struct model_chat_ops ops = { on_delta, on_reply };
    struct sampling sampling;
    struct model_ask ask;
    struct err err = { 0 };

    if (t->model == NULL) {
        fail(&err, CORAX_E_UNAVAIL, "corax.conf names no model \"%.64s\" any more (models)",
             json_get_text(t->root, "model", ""));
        on_reply(t, NULL, &err);
        return;
    }
    ask = task_model_ask(t, c, &sampling);
    t->phase = PHASE_MODEL;
    t->chat = models_chat(t->d->models, t->model, &ask, &ops, t);
    if (t->chat == NULL)
        out_of_memory();
}

void task_advance(struct task *t)
{
    while (t->phase != PHASE_FINISHED) {
        struct plan_command c = t->command_due ? t->command : planner_next(t->planner);

        t->command_due = false;
        if (c.kind != PLAN_WAIT)
            t->command = c;
        if (task_holds(t, &c))
            return;
        switch (c.kind) {
        case PLAN_WAIT:
            return;
        case PLAN_ASK_MODEL:
            if (add_notes(t, &c))
                break;
            if (waits_for_vector(t, &c) || task_memory_recalls(t, &c))
                return;
            if (task_compacts(t, &c))
                break;
            if (task_tools_wait(t, &c))
                return;
            if (task_tools_add(t, &c))
                break;
            ask_model(t, &c);
            return;
        case PLAN_SUMMARIZE:
            task_summarize(t, &c);
            return;
        case PLAN_CALL_TOOL:
            task_begin_call(t, c.call);
            break;
        case PLAN_ASK_HUMAN:
            task_ask_question(t, &c);
            break;
        case PLAN_FINISH:
            task_end(t, &c);
            return;
        }
    }
}

/* Tools and policy may be others than when the call was asked about.  Of one that was tried before the person knew that
 * question, and it need only not be denied. */
static void make_approved_call(struct task *t)
{
    struct policy_verdict verdict;

    if (task_is_as_asked(t, &verdict) || (t->call.attempt > 0 && verdict.decision != POLICY_DENY)) {
        task_make_intent(t);
    } else {
        t->call.approved = false;
        task_begin_call(t, t->call.call);
    }
}

void task_judge_again(struct task *t)
{
    struct policy_verdict verdict;

    if (t->phase == PHASE_APPROVAL && !task_is_as_asked(t, &verdict)) {
        t->command_due = true; /* it is still the call */
        task_make_ready(t);
    }
}

/* What a task that got its slot does first: after a wait or a recovery, its call may be half done. */
void task_run(struct task *t)
{
    struct entry *e;

    t->row.state = TASK_RUNNING;
    t->shown = TASK_RUNNING;
    clock_start(t);
    if (t->resumed) {
        t->resumed = false;
        e = task_record(t, ENTRY_TASK_RESUMED);
        entry_text(e, "why", "the daemon was started again");
        task_recorded(t, e);
    }
    tell_changed(t);
    if (t->ask_unverified)
        task_ask_unverified(t);
    else if (t->call.approved)
        make_approved_call(t);
    t->ask_unverified = false;
    task_advance(t);
}

void task_stand_still(struct task *t, enum task_phase phase, enum task_state state)
{
    t->phase = phase;
    t->row.state = state;
    clock_stop(t);
    task_flush(t);
    scheduler_leave(t->d->scheduler, t);
}

bool task_is_unsaved(const struct task *t)
{
    return t->shown == TASK_FINISHED && (t->pending || t->saving);
}

void task_cancel(struct task *t)
{
    struct plan_event ev = { .kind = PLAN_EV_CANCELED };

    if (t->phase == PHASE_FINISHED)
        return;
    t->command_due = false;
    task_apply(t, &ev);
    task_advance(t);
}
