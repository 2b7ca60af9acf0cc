/*
 * What holds a task back: a time before which it does not begin, a person who pauses it, a daemon that is ending; and the deadline
 * by which it must have ended.
 *
 * Whatever is under way (a reply of the model, a call) ends first, so nothing that was paid for is thrown away and no effect is
 * left in doubt: a task is held where its planner's next command would begin.  A time of day is the wall clock's
 * (daemon/alarm.h); the budget wall_ms counts neither the time before a task is due nor that of a pause, a deadline both.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/scheduler.h"
#include "daemon/task.h"
#include "util/clock.h"

static void on_due(struct alarm *alarm)
{
    struct task *t = (struct task *)((char *)alarm - offsetof(struct task, due));
    struct entry *e = task_record(t, ENTRY_TASK_DUE);
    int64_t late_ms = clock_wall_ms() - t->due_ms;

    entry_int(e, "due_ms", t->due_ms);
    entry_int(e, "late_ms", late_ms > 0 ? late_ms : 0);
    t->came_due_ms = e->at_ms;
    task_recorded(t, e);
    t->scheduled = false;
    if (t->phase == PHASE_READY)
        task_make_ready(t);
    else
        task_flush(t); /* it is paused */
}

static void on_deadline(struct alarm *alarm)
{
    struct task *t = (struct task *)((char *)alarm - offsetof(struct task, deadline));
    char when[32], text[80];
    const struct plan_command end = { .kind = PLAN_FINISH, .outcome = PLAN_FAILED, .text = text, .code = "deadline" };

    clock_format(t->deadline_ms, when, sizeof(when));
    snprintf(text, sizeof(text), "the task's deadline, %s, has passed", when);
    t->command_due = false;
    task_end(t, &end);
}

void task_set_alarms(struct task *t)
{
    t->due.ring = on_due;
    t->deadline.ring = on_deadline;
    if (t->scheduled)
        alarm_set(t->d->alarms, &t->due, t->due_ms);
    if (t->deadline_ms && t->phase != PHASE_FINISHED)
        alarm_set(t->d->alarms, &t->deadline, t->deadline_ms);
}

void task_clear_alarms(struct task *t)
{
    alarm_clear(t->d->alarms, &t->due);
    alarm_clear(t->d->alarms, &t->deadline);
}

static int64_t record_uid(struct task *t, enum entry_kind kind, uint32_t uid)
{
    struct entry *e = task_record(t, kind);

    entry_int(e, "uid", uid);
    task_recorded(t, e);
    return e->seq;
}

static void hold(struct task *t)
{
    if (t->pause_stored)
        t->shown = TASK_PAUSED; /* it is after a restart */
    else
        record_uid(t, ENTRY_TASK_PAUSED, t->pause_uid);
    t->pause_stored = true;
    task_stand_still(t, PHASE_PAUSED, TASK_PAUSED);
}

void task_make_ready(struct task *t)
{
    if (t->pausing) {
        hold(t);
        return;
    }
    t->phase = PHASE_READY;
    t->row.state = t->shown = t->scheduled ? TASK_SCHEDULED : TASK_QUEUED;
    task_flush(t);
    if (!t->scheduled)
        scheduler_enqueue(t->d->scheduler, t);
}

bool task_holds(struct task *t, const struct plan_command *c)
{
    if (c->kind == PLAN_WAIT || c->kind == PLAN_FINISH || (!t->pausing && !scheduler_is_resting(t->d->scheduler)))
        return false;
    t->command_due = true;
    if (t->pausing) {
        hold(t);
    } else {
        t->shown = TASK_QUEUED;
        task_stand_still(t, PHASE_READY, TASK_QUEUED);
    }
    return true;
}

int task_pause(struct task *t, uint32_t uid, int64_t *seq, const char **code)
{
    *code = "task_finished";
    if (t->phase == PHASE_FINISHED)
        return -1;
    *seq = t->row.last_seq;
    if (t->pausing)
        return 0;
    t->pausing = true;
    t->pause_uid = uid;
    t->pause_stored = false;
    if (t->phase == PHASE_READY)
        hold(t);
    else
        record_uid(t, ENTRY_PAUSE_ASKED, uid);
    *seq = t->row.last_seq;
    task_flush(t);
    return 0;
}

int task_resume(struct task *t, uint32_t uid, int64_t *seq, const char **code)
{
    *code = t->phase == PHASE_FINISHED ? "task_finished" : "not_paused";
    if (t->phase == PHASE_FINISHED || !t->pausing)
        return -1;
    t->pausing = t->pause_stored = false;
    *seq = record_uid(t, ENTRY_TASK_RESUMED_BY, uid);
    if (t->phase == PHASE_PAUSED)
        task_make_ready(t);
    else
        task_flush(t);
    return 0;
}
