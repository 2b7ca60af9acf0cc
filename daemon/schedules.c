#include "daemon/schedules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "daemon/alarm.h"
#include "daemon/journal_schedules.h"
#include "daemon/scheduler.h"
#include "util/clock.h"
#include "util/log.h"

#define MAX_SCHEDULES 4096
#define RETRY_MS      10000              /* the journal did not take the task */
#define CORRECTED_MS  (3 * 3600 * 1000) /* a clock that is set back by less was corrected: no time comes twice */

struct schedule {
    TAILQ_ENTRY(schedule) link;
    struct schedules *all;
    struct alarm alarm;
    struct schedule_row row;
    struct rule rule;
    struct schedule_state brought; /* what is on its way to the disk with a task */
    bool firing;                   /* something is */
    bool removed, gone;            /* asked for; and the journal has forgotten it */
    int n_out; /* operations under way */
};

TAILQ_HEAD(schedule_list, schedule);
struct schedules {
    struct coraxd *d;
    struct schedule_list list;
    int n;
    bool known;
};

/* A change on its way to the disk. */
struct put_op {
    struct journal_put_schedule put;
    struct schedule *s;
    char *idem_key;
    schedule_done *done; /* NULL: nobody waits */
    void *arg;
};

struct delete_op {
    struct journal_delete_schedule del;
    struct schedule *s;
    schedule_done *done;
    void *arg;
};

static void *need(void *p)
{
    if (p == NULL)
        abort(); /* daemon/task.c says why */
    return p;
}

static void destroy(struct schedule *s)
{
    alarm_clear(s->all->d->alarms, &s->alarm);
    free(s->row.body);
    free(s);
}

static void forget(struct schedule *s)
{
    TAILQ_REMOVE(&s->all->list, s, link);
    s->all->n--;
    destroy(s);
}

/* An operation is over. */
static void let_go(struct schedule *s)
{
    if (--s->n_out == 0 && s->gone)
        forget(s);
}

static void wait_for_next(struct schedule *s)
{
    if (!s->removed && !s->firing && !s->row.state.paused && s->row.state.next_ms != INT64_MAX)
        alarm_set(s->all->d->alarms, &s->alarm, s->row.state.next_ms);
}

static void begin(struct schedule *s)
{
    TAILQ_INSERT_TAIL(&s->all->list, s, link);
    s->all->n++;
    wait_for_next(s);
}

/* --- what changes becomes durable --------------------------------------------------------------------------------- */

static void on_put(struct journal_op *op)
{
    struct put_op *p = (struct put_op *)op;
    struct schedule *s = p->s;
    struct schedule_told told = { .schedule = s, .err = op->result < 0 ? &op->err : NULL };
    bool created = p->put.create && op->result == 0 && !p->put.exists;

    if (op->result < 0)
        log_warn("schedule %s cannot be stored: %s", s->row.state.id, op->err.msg);
    if (p->put.exists) {
        told.exists = true;
        told.same = p->put.same;
        told.schedule = schedules_find(s->all, p->put.existing);
    }
    if (p->done)
        p->done(p->arg, &told);
    if (p->put.create && !created) {
        destroy(s);
    } else {
        if (created)
            begin(s);
        let_go(s);
    }
    free(p->idem_key);
    free(p);
}

static struct put_op *put_create(struct schedule *s, schedule_done *done, void *arg)
{
    struct put_op *p = need(calloc(1, sizeof(*p)));

    journal_put_schedule_init(&p->put, on_put);
    p->put.state = s->firing ? s->brought : s->row.state;
    p->s = s;
    p->done = done;
    p->arg = arg;
    s->n_out++;
    return p;
}

static void store(struct schedule *s, schedule_done *done, void *arg)
{
    journal_post(s->all->d->journal, &put_create(s, done, arg)->put.op);
}

/* --- a time has come ---------------------------------------------------------------------------------------------- */

static int64_t next_behind(const struct schedule *s, int64_t due_ms)
{
    int64_t now_ms = clock_wall_ms();

    return rule_next(&s->rule, s->row.state.begin_ms, due_ms > now_ms ? due_ms : now_ms);
}

static void skip(struct schedule *s, const char *why)
{
    struct schedule_state *state = &s->row.state;

    snprintf(state->trouble, sizeof(state->trouble), "%s", why);
    log_info("schedule %s: no task this time: %s", state->id, state->trouble);
    state->n_skipped++;
    state->next_ms = next_behind(s, state->next_ms);
    store(s, NULL, NULL);
    wait_for_next(s);
}

static void on_brought(void *arg, const struct submitted *told)
{
    struct schedule *s = arg;
    struct schedule_state *state = &s->row.state;
    s->firing = false;
    if (told->err == NULL) {
        *state = s->brought;
        wait_for_next(s);
    } else {
        snprintf(state->trouble, sizeof(state->trouble), "%s", told->err->msg);
        if (!s->removed && !state->paused)
            alarm_set(s->all->d->alarms, &s->alarm, clock_wall_ms() + RETRY_MS);
    }
    let_go(s);
}

static bool last_is_live(const struct schedule *s)
{
    const struct task *t = s->row.state.last_task[0] ? scheduler_find(s->all->d->scheduler, s->row.state.last_task) : NULL;

    return t && t->shown != TASK_FINISHED;
}

/* Brings the task of the time that has come.  -1: err says why there is none. */
static int bring(struct schedule *s, struct err *err)
{
    const struct schedule_state *state = &s->row.state;
    struct coraxd *d = s->all->d;
    const char *code, *param;
    struct submission sub;
    int rc = submission_parse(&sub, s->row.body, s->row.body_len, &d->config, &code, &param, err);

    if (rc == 0) {
        s->brought = *state;
        s->brought.last_ms = state->next_ms;
        s->brought.next_ms = next_behind(s, state->next_ms);
        s->brought.n_runs++;
        s->brought.trouble[0] = '\0';
        sub.uid = s->row.uid;
        sub.due_ms = state->next_ms;
        sub.schedule = &s->brought;
        rc = scheduler_submit(d->scheduler, &sub, on_brought, s, &code, err);
    }
    submission_finish(&sub);
    return rc;
}

static void on_time(struct alarm *alarm)
{
    struct schedule *s = (struct schedule *)((char *)alarm - offsetof(struct schedule, alarm));
    struct err err = { 0 };
    char why[120];

    if (last_is_live(s)) {
        snprintf(why, sizeof(why), "the task before, %s, has not ended", s->row.state.last_task);
        skip(s, why);
    } else if (bring(s, &err) == 0) {
        s->firing = true;
        s->n_out++;
    } else if (err.status != CORAX_E_UNAVAIL) { /* else the daemon is ending, and the next one will bring it */
        skip(s, err.msg);
    }
}

/* --- making and reading them -------------------------------------------------------------------------------------- */

static int count_of(const struct schedules *all, uint32_t uid)
{
    const struct schedule *s;
    int n = 0;

    TAILQ_FOREACH(s, &all->list, link)
        n += s->row.uid == uid;
    return n;
}

static int has_room(const struct schedules *all, uint32_t uid, const char **code, struct err *err)
{
    int n = count_of(all, uid), most = all->d->config.max_scheduled;

    *code = "shutting_down";
    if (all->d->ending)
        return fail(err, CORAX_E_UNAVAIL, "coraxd is ending: submit again when it is back");
    *code = "schedule_full";
    if (n >= most || all->n >= MAX_SCHEDULES)
        return fail(err, CORAX_E_LIMIT, "you have %d schedules already, and max_scheduled is %d: remove some", n, most);
    return 0;
}

static struct schedule *create(struct schedules *all)
{
    struct schedule *s = need(calloc(1, sizeof(*s)));

    s->all = all;
    s->alarm.ring = on_time;
    return s;
}

/* The beginning of a text is what lists show. */
static void read_input_text(char out[ROW_TEXT_SIZE], const struct submission *sub)
{
    struct json *list = json_parse(sub->input.data, sub->input.len, NULL);

    for (const struct json *part = json_first(list); part; part = json_next(part)) {
        const char *text = json_get_text(part, "text", "");

        if (strcmp(json_get_text(part, "type", ""), "text") == 0) {
            row_text(out, text, strlen(text));
            break;
        }
    }
    json_free(list);
}

int schedules_add(struct schedules *all, const struct submission *sub, const char *body, size_t len, schedule_done *done, void *arg,
                  const char **code, struct err *err)
{
    const int64_t now_ms = clock_wall_ms();
    struct schedule *s;
    struct put_op *p;

    if (has_room(all, sub->uid, code, err) < 0)
        return -1;
    if (len > SCHEDULES_MAX_BODY)
        return fail(err, CORAX_E_ARGS, "the submission of a schedule has at most %d bytes", SCHEDULES_MAX_BODY);
    s = create(all);
    s->rule = sub->rule;
    id_create(s->row.state.id);
    s->row.uid = sub->uid;
    s->row.created_ms = now_ms;
    s->row.state.begin_ms = sub->due_ms ? sub->due_ms : now_ms + sub->rule.interval_ms;
    s->row.state.next_ms = rule_next(&s->rule, s->row.state.begin_ms, now_ms);
    snprintf(s->row.every, sizeof(s->row.every), "%s", sub->every);
    s->row.body = need(malloc(len + 1));
    memcpy(s->row.body, body, len);
    s->row.body[len] = '\0';
    s->row.body_len = len;
    read_input_text(s->row.input_text, sub);
    p = put_create(s, done, arg);
    p->put.create = true;
    p->put.row = &s->row;
    if (sub->idem_key)
        p->put.idem_key = p->idem_key = need(strdup(sub->idem_key));
    memcpy(p->put.idem_hash, sub->hash, HASH_LEN);
    journal_post(all->d->journal, &p->put.op);
    return 0;
}

/* By what it has done last: a time that the clock will show in hours once more. */
static void follow_clock(struct schedule *s, int64_t now_ms)
{
    struct schedule_state *state = &s->row.state;
    int64_t latest_ms = state->last_ms ? state->last_ms : s->row.created_ms;

    if (latest_ms - now_ms < CORRECTED_MS || s->firing || s->removed)
        return;
    log_info("schedule %s: the clock was set back by hours: its times go by what the clock shows now", state->id);
    state->begin_ms = now_ms + s->rule.interval_ms;
    state->next_ms = rule_next(&s->rule, state->begin_ms, now_ms);
    state->last_ms = now_ms;
    store(s, NULL, NULL);
}

static void take_row(struct schedules *all, struct schedule_row *row, int64_t now_ms)
{
    struct schedule *s = create(all);
    struct err err = { 0 };

    s->row = *row;
    row->body = NULL;
    if (rule_parse(&s->rule, s->row.every, &err) < 0) {
        log_error("schedule %s: %s", s->row.state.id, err.msg); /* not from us */
        s->row.state.next_ms = INT64_MAX;
    }
    follow_clock(s, now_ms);
    begin(s);
}

static void on_read(struct journal_op *op)
{
    struct journal_read_schedules *r = (struct journal_read_schedules *)op;
    struct schedules *all = op->arg;
    int64_t now_ms = clock_wall_ms();

    if (op->result < 0)
        log_error("schedules cannot be read: %s", op->err.msg);
    else
        all->known = true;
    for (size_t i = 0; i < r->n_rows; i++) {
        if (op->result == 0)
            take_row(all, &r->rows[i], now_ms);
        free(r->rows[i].body);
    }
    free(r->rows);
    free(r);
}

void schedules_start(struct schedules *all)
{
    struct journal_read_schedules *r = need(malloc(sizeof(*r)));

    journal_read_schedules_init(r, on_read);
    r->op.arg = all;
    journal_post(all->d->journal, &r->op);
}

bool schedules_are_known(const struct schedules *all)
{
    return all->known;
}

void schedules_clock_was_set(struct schedules *all)
{
    struct schedule *s;

    TAILQ_FOREACH(s, &all->list, link) {
        follow_clock(s, clock_wall_ms());
        wait_for_next(s);
    }
}

struct schedules *schedules_create(struct coraxd *d, struct err *err)
{
    struct schedules *all = calloc(1, sizeof(*all));

    if (all == NULL) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    all->d = d;
    TAILQ_INIT(&all->list);
    return all;
}

void schedules_destroy(struct schedules *all)
{
    if (all == NULL)
        return;
    while (!TAILQ_EMPTY(&all->list))
        forget(TAILQ_FIRST(&all->list));
    free(all);
}

/* --- by routes ---------------------------------------------------------------------------------------------------- */

struct schedule *schedules_next(const struct schedules *all, const struct schedule *after)
{
    struct schedule *s = after ? TAILQ_NEXT(after, link) : TAILQ_FIRST(&all->list);

    while (s && s->removed)
        s = TAILQ_NEXT(s, link);
    return s;
}

struct schedule *schedules_find(const struct schedules *all, const char *id)
{
    struct schedule *s = schedules_next(all, NULL);

    while (s && strcmp(s->row.state.id, id) != 0)
        s = schedules_next(all, s);
    return s;
}

uint32_t schedule_uid(const struct schedule *s)
{
    return s->row.uid;
}

const char *schedule_id(const struct schedule *s)
{
    return s->row.state.id;
}

void schedule_set_paused(struct schedule *s, bool paused, schedule_done *done, void *arg)
{
    /* A task on its way has it stand at the next time already. */
    struct schedule_state *state = s->firing ? &s->brought : &s->row.state;

    if (paused)
        alarm_clear(s->all->d->alarms, &s->alarm);
    if (state->paused && !paused)
        state->next_ms = rule_next(&s->rule, state->begin_ms, clock_wall_ms());
    state->paused = s->row.state.paused = paused;
    store(s, done, arg);
    wait_for_next(s);
}

static void on_deleted(struct journal_op *op)
{
    struct delete_op *del = (struct delete_op *)op;
    struct schedule *s = del->s;
    struct schedule_told told = { .err = op->result < 0 ? &op->err : NULL };

    s->gone = op->result == 0;
    s->removed = s->gone;
    wait_for_next(s);
    del->done(del->arg, &told);
    free(del);
    let_go(s);
}

void schedule_remove(struct schedule *s, schedule_done *done, void *arg)
{
    struct delete_op *del = need(calloc(1, sizeof(*del)));

    journal_delete_schedule_init(&del->del, s->row.state.id, on_deleted);
    del->s = s;
    del->done = done;
    del->arg = arg;
    s->removed = true;
    s->n_out++;
    alarm_clear(s->all->d->alarms, &s->alarm);
    journal_post(s->all->d->journal, &del->del.op);
}

static void write_time(struct jsonw *w, const char *key, int64_t ms)
{
    if (ms == 0 || ms == INT64_MAX)
        jsonw_null(w, key);
    else
        jsonw_int(w, key, ms);
}

void schedule_write(const struct schedule *s, struct jsonw *w, bool whole)
{
    const struct schedule_state *state = &s->row.state;

    jsonw_text(w, "id", state->id);
    jsonw_text(w, "state", state->paused ? "paused" : "active");
    jsonw_text(w, "every", s->row.every);
    write_time(w, "next_ms", state->paused ? 0 : state->next_ms);
    write_time(w, "last_ms", state->last_ms);
    jsonw_text(w, "last_task", state->last_task[0] ? state->last_task : NULL);
    jsonw_int(w, "runs", state->n_runs);
    jsonw_int(w, "skipped", state->n_skipped);
    jsonw_text(w, "trouble", state->trouble[0] ? state->trouble : NULL);
    jsonw_text(w, "input_text", s->row.input_text);
    jsonw_int(w, "uid", s->row.uid);
    jsonw_int(w, "created_ms", s->row.created_ms);
    if (whole)
        jsonw_raw(w, "submission", s->row.body, s->row.body_len);
}
