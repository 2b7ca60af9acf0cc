#include "daemon/scheduler.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/agents.h"
#include "daemon/journal_schedules.h"
#include "util/clock.h"
#include "util/log.h"

#define TRIM_PEAK 64   /* after so many tasks at once, give memory back when the last is done */
#define N_BUCKETS 1024 /* live tasks are a few hundred */
#define MAX_LIVE  4096 /* queued, running and waiting for people: each keeps its transcript in memory */

struct scheduler {
    struct coraxd *d;
    struct task *buckets[N_BUCKETS];
    struct queue queue;
    TAILQ_HEAD(folded_tasks, task) folded; /* read from the journal before the tools were known */
    int peak; /* of n_live since the last trim */
    int n_live, n_running, n_submitting;
    bool started, listed, stopping;
    bool ending, resting; /* nothing begins any more; no further step either */
    void (*ended)(void *arg);
    int n_recovering, n_recovered;
    void (*recovered)(void *arg);
    void *arg; /* of recovered, and then of ended */
    struct event *kick;
};

/* One that is on its way to the disk. */
struct submit_op {
    struct journal_append append;
    struct scheduler *s;
    struct task *task;
    char *idem_key;
    struct schedule_state schedule;
    submit_done *done;
    void *arg;
};

static size_t bucket_of(const char *id)
{
    size_t h = 5381;

    while (*id)
        h = h * 33 + (unsigned char)*id++;
    return h % N_BUCKETS;
}

struct task *scheduler_find(const struct scheduler *s, const char *id)
{
    struct task *t;

    for (t = s->buckets[bucket_of(id)]; t; t = t->hash_next)
        if (strcmp(t->row.id, id) == 0)
            return t;
    return NULL;
}

static void add_live(struct scheduler *s, struct task *t)
{
    size_t b = bucket_of(t->row.id);

    t->hash_next = s->buckets[b];
    s->buckets[b] = t;
    if (++s->n_live > s->peak)
        s->peak = s->n_live;
}

static void kick(struct scheduler *s)
{
    if (s->ending ? s->n_running == 0 : s->started && s->queue.n > 0 && s->n_running < s->d->config.max_running)
        event_active(s->kick, EV_TIMEOUT, 0);
}

static void on_kick(evutil_socket_t fd, short what, void *arg)
{
    struct scheduler *s = arg;
    struct queue_item *next;

    if (s->ending && s->n_running == 0)
        s->ended(s->arg);
    while (!s->ending && s->n_running < s->d->config.max_running && (next = queue_take(&s->queue)) != NULL) {
        struct task *t = (struct task *)((char *)next - offsetof(struct task, waits));

        t->has_slot = true;
        s->n_running++;
        task_run(t);
    }
}

void scheduler_enqueue(struct scheduler *s, struct task *t)
{
    queue_put(&s->queue, &t->waits);
    kick(s);
}

void scheduler_leave(struct scheduler *s, struct task *t)
{
    if (t->waits.user)
        queue_remove(&s->queue, &t->waits);
    if (t->has_slot) {
        t->has_slot = false;
        s->n_running--;
        kick(s);
    }
}

void scheduler_forget(struct scheduler *s, struct task *t)
{
    struct task **at;

    scheduler_leave(s, t);
    for (at = &s->buckets[bucket_of(t->row.id)]; *at && *at != t; at = &(*at)->hash_next)
        ;
    if (*at) {
        *at = t->hash_next;
        s->n_live--;
    }
    task_destroy(t);
    if (s->n_live == 0 && s->peak > TRIM_PEAK) {
        malloc_trim(0);
        s->peak = 0;
    }
}

struct scheduler *scheduler_create(struct coraxd *d, struct err *err)
{
    struct scheduler *s = calloc(1, sizeof(*s));

    if (s == NULL || (s->kick = event_new(d->base, -1, 0, on_kick, s)) == NULL) {
        free(s);
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    s->d = d;
    queue_init(&s->queue);
    TAILQ_INIT(&s->folded);
    return s;
}

void scheduler_destroy(struct scheduler *s)
{
    struct task *t;
    size_t i;

    if (s == NULL)
        return;
    queue_finish(&s->queue);
    for (i = 0; i < N_BUCKETS; i++) {
        while ((t = s->buckets[i]) != NULL) {
            s->buckets[i] = t->hash_next;
            task_destroy(t);
        }
    }
    while ((t = TAILQ_FIRST(&s->folded)) != NULL) {
        TAILQ_REMOVE(&s->folded, t, in_folded);
        task_destroy(t);
    }
    event_free(s->kick);
    free(s);
}

struct scheduler_counts scheduler_counts(const struct scheduler *s)
{
    struct scheduler_counts n = { .n_running = s->n_running, .n_queued = s->queue.n };

    for (size_t i = 0; i < N_BUCKETS; i++) {
        for (const struct task *t = s->buckets[i]; t; t = t->hash_next) {
            n.n_waiting += t->row.state == TASK_WAITING;
            n.n_scheduled += t->row.state == TASK_SCHEDULED;
            n.n_paused += t->row.state == TASK_PAUSED;
        }
    }
    return n;
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

void scheduler_end(struct scheduler *s, bool finish, void (*ended)(void *arg), void *arg)
{
    s->ending = true;
    s->resting = !finish;
    s->ended = ended;
    s->arg = arg;
    if (s->n_running == 0)
        event_active(s->kick, EV_TIMEOUT, 0);
}

bool scheduler_is_resting(const struct scheduler *s)
{
    return s->resting;
}

void scheduler_stop(struct scheduler *s)
{
    struct task *t;
    size_t i;

    s->stopping = true;
    s->started = false;
    for (i = 0; i < N_BUCKETS; i++) {
        for (t = s->buckets[i]; t; t = t->hash_next) {
            task_stop_work(t);
            task_flush(t);
        }
    }
}

void scheduler_reloaded(struct scheduler *s)
{
    struct task *t;

    for (size_t i = 0; i < N_BUCKETS; i++)
        for (t = s->buckets[i]; t; t = t->hash_next)
            task_judge_again(t);
    kick(s);
}

bool scheduler_is_stopping(const struct scheduler *s)
{
    return s->stopping;
}

bool scheduler_is_ready(const struct scheduler *s)
{
    return s->started && s->listed && s->n_recovering == 0;
}

/* --- submitting ------------------------------------------------------------------------------------------------- */

static void submit_destroy(struct submit_op *op)
{
    if (op->append.entries)
        entry_destroy(op->append.entries);
    free(op->idem_key);
    free(op);
}

static void on_submitted(struct journal_op *base)
{
    struct submit_op *op = (struct submit_op *)base;
    struct scheduler *s = op->s;
    struct task *t = op->task;
    struct submitted result = { .id = t->row.id, .created_ms = t->row.created_ms };

    s->n_submitting--;
    if (base->result < 0) {
        result.err = &base->err;
    } else if (op->append.exists) {
        result.exists = true;
        result.same = op->append.same;
        result.id = op->append.existing.id;
        result.created_ms = op->append.existing.created_ms;
        t = scheduler_find(s, result.id);
        result.state = t ? t->shown : op->append.existing.state;
        result.due_ms = t ? t->due_ms : 0;
    } else {
        result.state = t->shown;
        result.due_ms = t->due_ms;
        t->row.n = op->append.row.n;
        t->saved_seq = t->row.last_seq;
        add_live(s, t);
        task_set_alarms(t);
        task_make_ready(t);
    }
    op->done(op->arg, &result);
    if (base->result < 0 || op->append.exists)
        task_destroy(op->task);
    submit_destroy(op);
}

static const struct json *with_id(const struct json *list, const char *id)
{
    for (const struct json *j = json_first(list); j; j = json_next(j))
        if (strcmp(json_get_text(j, "id", ""), id) == 0)
            return j;
    return NULL;
}

/* The parent's, the agent's and its own: what narrows the parent narrows what it gives away. */
static void write_policies(struct entry *e, const struct submission *sub)
{
    const size_t at = entry_mark(e);
    const struct json *agent = sub->agent ? sub->agent->policy : NULL,
                      *above = sub->parent ? json_get(sub->parent->root, "policies") : NULL;

    /* An agent below itself is narrowed by its policy already; one of the same name that is another is refused by task_create. */
    if (agent && above && with_id(above, json_get_text(agent, "id", "")) &&
        json_same(with_id(above, json_get_text(agent, "id", "")), agent))
        agent = NULL;
    if (agent == NULL && sub->policy == NULL && above == NULL)
        return;
    jsonw_array(&e->w, "policies");
    for (const struct json *j = json_first(above); j; j = json_next(j))
        jsonw_value(&e->w, NULL, j);
    if (agent)
        jsonw_value(&e->w, NULL, agent);
    if (sub->policy)
        jsonw_value(&e->w, NULL, sub->policy);
    jsonw_end(&e->w);
    entry_seal(e, "policies", at);
}

static void write_parent(struct entry *e, const struct task *parent, const char *call_id)
{
    size_t at = entry_mark(e);

    jsonw_object(&e->w, "parent");
    jsonw_text(&e->w, "task", parent->row.id);
    jsonw_text(&e->w, "call_id", call_id);
    jsonw_int(&e->w, "depth", parent->depth + 1);
    jsonw_end(&e->w);
    entry_seal(e, "parent", at);
    at = entry_mark(e);
    past_write(&e->w, "made", parent->past.calls, parent->past.n);
    entry_seal(e, "made", at);
}

static void write_submission(struct entry *e, const struct submission *sub, const struct config *config)
{
    size_t at;

    entry_raw(e, "input", sub->input.data, sub->input.len);
    at = entry_mark(e);
    if (sub->tools)
        jsonw_value(&e->w, "tools", sub->tools);
    else
        jsonw_null(&e->w, "tools");
    entry_seal(e, "tools", at);
    if (sub->pinned) {
        at = entry_mark(e);
        jsonw_value(&e->w, "pinned", sub->pinned);
        entry_seal(e, "pinned", at);
    }
    at = entry_mark(e);
    config_write_budget(&sub->budget, &e->w);
    entry_seal(e, "budget", at);
    at = entry_mark(e);
    jsonw_object(&e->w, "sampling");
    jsonw_number(&e->w, "temperature", sub->sampling.temperature);
    jsonw_int(&e->w, "top_k", sub->sampling.top_k);
    jsonw_number(&e->w, "top_p", sub->sampling.top_p);
    jsonw_number(&e->w, "min_p", sub->sampling.min_p);
    jsonw_int(&e->w, "seed", sub->sampling.seed);
    jsonw_end(&e->w);
    entry_seal(e, "sampling", at);
    entry_bool(e, "attended", sub->attended);
    entry_text(e, "priority", priority_name(sub->priority));
    if (sub->schedule)
        entry_text(e, "schedule", sub->schedule->id);
    if (sub->due_ms)
        entry_int(e, "due_ms", sub->due_ms);
    if (sub->deadline_ms)
        entry_int(e, "deadline_ms", sub->deadline_ms);
    if (sub->model)
        entry_text(e, "model", sub->model);
    entry_text(e, "planner", planner_kind_name(sub->planner));
    entry_text(e, "agent", sub->agent ? sub->agent->name : NULL);
    entry_text(e, "memory", sub->memory);
    entry_text(e, "system", sub->agent && sub->agent->system ? sub->agent->system : config->system);
    write_policies(e, sub);
    if (sub->parent)
        write_parent(e, sub->parent, sub->parent_call);
    task_record_label(e, "label", sub->label);
    entry_int(e, "uid", sub->uid);
}

/* A user's. */
static int count_in(const struct scheduler *s, enum task_state state, uint32_t uid)
{
    int n = 0;

    for (size_t i = 0; i < N_BUCKETS; i++)
        for (const struct task *t = s->buckets[i]; t; t = t->hash_next)
            n += t->row.state == state && t->row.uid == uid;
    return n;
}

/* What is not due yet has a limit of its own, and enters a queue that is full when it is.  What is paused waits, too: else it would
 * make room for any number. */
static int check_room(const struct scheduler *s, const struct submission *sub, const char **code, struct err *err)
{
    const struct config *c = &s->d->config;
    bool waits = sub->due_ms > clock_wall_ms();
    int n;

    *code = "shutting_down";
    if (s->ending && !sub->parent) /* whose call is under way */
        return fail(err, CORAX_E_UNAVAIL, "coraxd is ending: submit again when it is back");
    *code = "schedule_full";
    if (waits && (n = count_in(s, TASK_SCHEDULED, sub->uid) + s->n_submitting) >= c->max_scheduled)
        return fail(err, CORAX_E_LIMIT, "%d tasks of yours wait for their time already, and max_scheduled is %d: cancel some", n, c->max_scheduled);
    *code = "queue_full";
    if (!waits && !sub->parent && (n = queue_count(&s->queue, sub->uid) + count_in(s, TASK_PAUSED, sub->uid) + s->n_submitting) >=
                                    c->max_queued + c->max_running - s->n_running)
        return fail(err, CORAX_E_LIMIT, "%d tasks of yours are waiting or paused already: try again later, or cancel some", n);
    if (s->n_live >= MAX_LIVE)
        return fail(err, CORAX_E_LIMIT, "%d tasks are not finished: answer or cancel some", s->n_live);
    return 0;
}

int scheduler_submit(struct scheduler *s, const struct submission *sub, submit_done *done, void *arg, const char **code, struct err *err)
{
    struct submit_op *op;
    struct entry *e;

    if (check_room(s, sub, code, err) < 0)
        return -1;
    op = calloc(1, sizeof(*op));
    e = entry_create(ENTRY_TASK_SUBMITTED, 1, clock_wall_ms(), 0);
    if (op == NULL || e == NULL)
        goto no_memory;
    journal_append_init(&op->append, on_submitted);
    op->append.create = true;
    op->append.entries = e;
    op->s = s;
    op->done = done;
    op->arg = arg;
    write_submission(e, sub, &s->d->config);
    if (sub->idem_key && (op->idem_key = strdup(sub->idem_key)) == NULL)
        goto no_memory;
    if (!entry_end(e))
        goto no_memory;
    op->task = task_create(s->d, e->json.data, e->json.len, err);
    if (op->task == NULL) {
        submit_destroy(op);
        /* Too long, it is so at the next try, too: that is not the queue's matter. */
        if (err->status == CORAX_E_LIMIT)
            err->status = CORAX_E_ARGS;
        *code = err->status == CORAX_E_ARGS ? "bad_value" : "memory";
        return -1;
    }
    id_create(op->task->row.id);
    op->task->row.last_seq = 1;
    op->append.row = op->task->row;
    op->append.idem_key = op->idem_key;
    memcpy(op->append.idem_hash, sub->hash, HASH_LEN);
    if (sub->schedule) {
        memcpy(sub->schedule->last_task, op->task->row.id, sizeof(sub->schedule->last_task));
        op->schedule = *sub->schedule;
        op->append.schedule = &op->schedule;
    }
    s->n_submitting++;
    journal_post(s->d->journal, &op->append.op);
    return 0;
no_memory:
    if (op && op->append.entries == NULL)
        entry_destroy(e);
    if (op)
        submit_destroy(op);
    else
        entry_destroy(e);
    *code = "memory";
    return fail(err, CORAX_E_INTERNAL, "no memory");
}

/* --- recovery --------------------------------------------------------------------------------------------------- */

/*
 * Unfinished tasks are read and folded while the hosts start, and wait in `folded` until the tools are known
 * (scheduler_start); what is read later goes on at once.
 */

static struct task *recover(struct scheduler *s, const struct journal_read *r, struct err *err)
{
    struct task *t;

    if (r->n_events == 0 || r->events[0].kind != ENTRY_TASK_SUBMITTED) {
        fail(err, CORAX_E_INTERNAL, "its first event is missing");
        return NULL;
    }
    t = task_create(s->d, r->events[0].json, r->events[0].len, err);
    if (t && task_fold(t, &r->row, r->events, r->n_events, err) < 0) {
        task_destroy(t);
        t = NULL;
    }
    return t;
}

static void go_on(struct scheduler *s)
{
    struct task *t;

    if (!s->started)
        return;
    while ((t = TAILQ_FIRST(&s->folded)) != NULL) {
        TAILQ_REMOVE(&s->folded, t, in_folded);
        task_fold_end(t);
        add_live(s, t);
        s->n_recovered++;
        task_set_alarms(t);
        if (t->phase == PHASE_READY)
            task_make_ready(t);
    }
    if (scheduler_is_ready(s)) {
        log_info("scheduler: %d unfinished tasks go on", s->n_recovered);
        s->recovered(s->arg);
    }
}

static void on_task_read(struct journal_op *op)
{
    struct journal_read *r = (struct journal_read *)op;
    struct scheduler *s = r->op.arg;
    struct task *t = NULL;

    s->n_recovering--;
    /* One that was submitted to this daemon while the list was made is unfinished too. */
    if (scheduler_find(s, r->id) == NULL) {
        if (op->result == 0)
            t = recover(s, r, &op->err);
        if (t)
            TAILQ_INSERT_TAIL(&s->folded, t, in_folded);
        else
            log_error("task %s cannot go on: %s", r->id, op->err.msg);
    }
    journal_read_finish(r);
    free(r);
    go_on(s);
}

static void on_live_listed(struct journal_op *op)
{
    struct journal_list *l = (struct journal_list *)op;
    struct scheduler *s = l->op.arg;
    size_t i;

    s->listed = true;
    if (op->result < 0)
        log_error("scheduler: unfinished tasks cannot be read: %s", op->err.msg);
    /* The oldest first, as they were queued. */
    for (i = l->n_rows; i-- > 0;) {
        struct journal_read *r = malloc(sizeof(*r));

        if (r == NULL)
            abort();
        journal_read_init(r, l->rows[i].id, on_task_read);
        r->op.arg = s;
        r->max_bytes = SIZE_MAX;
        s->n_recovering++;
        journal_post(s->d->journal, &r->op);
    }
    journal_list_finish(l);
    free(l);
    go_on(s);
}

void scheduler_recover(struct scheduler *s, void (*recovered)(void *arg), void *arg)
{
    struct journal_list *l = malloc(sizeof(*l));

    if (l == NULL)
        abort();
    s->recovered = recovered;
    s->arg = arg;
    journal_list_init(l, on_live_listed);
    l->state = LIST_LIVE;
    l->op.arg = s;
    journal_post(s->d->journal, &l->op);
}

void scheduler_start(struct scheduler *s)
{
    s->started = true;
    go_on(s);
    kick(s);
}
