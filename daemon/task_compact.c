#include "daemon/task_compact.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/model.h"
#include "daemon/models.h"
#include "daemon/task_tools.h"
#include "util/log.h"

#define TOKEN_BYTES  3 /* of JSON: a token has at least about so many */
#define SUMMARY_PART 8 /* the summary takes at most this part of the window */
#define GAIN_PART    6 /* and what goes for it at least this one, or it would come to that again with the next step */
#define REFUSED      "refused"
#define NEAR         "near"

static int64_t window(const struct task *t)
{
    return t->model && t->d->config.compact_percent > 0 ? models_context(t->d->models, t->model) : 0;
}

void task_used_window(struct task *t, int64_t prompt_tokens, int64_t completion_tokens)
{
    struct plan_back back;

    /* One that went back sends less than it did: how much is known with the next reply. */
    t->window_tokens = planner_went_back(t->planner, &back) ? 0 : prompt_tokens + completion_tokens;
    t->window_bytes = transcript_bytes(planner_transcript(t->planner));
}

/* false: the planner has nothing to sum up. */
static bool begin(struct task *t, const char *why)
{
    struct plan_event ev = { .kind = PLAN_EV_COMPACT, .n_tokens = window(t) / SUMMARY_PART, .active_ms = task_active_ms(t) };

    if (planner_apply(t->planner, &ev, NULL) < 0)
        return false;
    t->compacts_why = why;
    return true;
}

/* What was in the window with the last reply is known; what has come behind it is guessed at. */
bool task_compacts(struct task *t, const struct plan_command *c)
{
    const size_t bytes = transcript_bytes(planner_transcript(t->planner));
    const int64_t most = window(t) / 100 * t->d->config.compact_percent;

    if (most == 0 || t->window_tokens == 0 || c->attempt > 0)
        return false;
    if (t->window_tokens + (int64_t)(bytes > t->window_bytes ? bytes - t->window_bytes : 0) / TOKEN_BYTES <= most)
        return false;
    return (int64_t)planner_compactable(t->planner) / TOKEN_BYTES >= window(t) / GAIN_PART && begin(t, NEAR);
}

bool task_compacts_after(struct task *t, const struct err *why)
{
    return why->status == CORAX_E_ARGS && window(t) > 0 && begin(t, REFUSED);
}

/* --- the summary -------------------------------------------------------------------------------------------------- */

static void record(struct task *t, const struct plan_compacted *range, const char *summary, const struct model_reply *r, const struct err *why)
{
    struct entry *e = task_record(t, ENTRY_COMPACTED);
    size_t at;

    entry_int(e, "from", (int64_t)range->from);
    entry_int(e, "to", (int64_t)range->to);
    entry_text(e, "why", t->compacts_why);
    entry_text(e, "summary", summary);
    if (why)
        entry_text(e, "message", why->msg);
    at = entry_mark(e);
    jsonw_object(&e->w, "usage");
    jsonw_int(&e->w, "prompt_tokens", r ? r->prompt_tokens : 0);
    jsonw_int(&e->w, "cached_tokens", r ? r->cached_tokens : 0);
    jsonw_int(&e->w, "completion_tokens", r ? r->completion_tokens : 0);
    jsonw_end(&e->w);
    entry_seal(e, "usage", at);
    entry_int(e, "duration_us", r ? r->duration_us : 0);
    task_recorded(t, e);
}

static void on_summary(void *arg, const struct model_reply *r, const struct err *why)
{
    struct task *t = arg;
    struct plan_event ev = { .kind = PLAN_EV_SUMMARIZED };
    struct plan_compacted range;

    t->chat = NULL;
    t->phase = PHASE_READY;
    if (r) {
        ev.said = r->text;
        ev.n_tokens = r->completion_tokens;
        t->row.prompt_tokens += r->prompt_tokens;
    } else {
        log_warn("task %s: no summary: %s", t->row.id, why->msg);
    }
    task_apply(t, &ev);
    t->window_tokens = 0; /* known again with the next reply */
    if (planner_compacted(t->planner, &range)) {
        record(t, &range, ev.said, r, r ? NULL : why);
        task_tools_show(t);
    }
    task_advance(t);
}

/* Nobody is shown a summary that is being written: what listeners are sent belongs to replies. */
static void on_delta(void *arg, const struct model_delta *d)
{
}

void task_summarize(struct task *t, const struct plan_command *c)
{
    static const struct model_chat_ops ops = { on_delta, on_summary };
    struct transcript *transcript = planner_summary_ask(t->planner, NULL);
    struct model_ask ask = { .transcript = transcript,
                             .max_tokens = c->max_tokens,
                             .must_answer = true,
                             .sampling = &t->sampling };

    if (transcript == NULL)
        abort();
    task_tools_list(t, &ask.tools, &ask.tools_len);
    t->phase = PHASE_MODEL;
    t->chat = models_chat(t->d->models, t->model, &ask, &ops, t);
    if (t->chat == NULL)
        abort();
    transcript_destroy(transcript);
}

int task_fold_compacted(struct task *t, const struct json *e, struct err *err)
{
    struct plan_event ev = { .kind = PLAN_EV_COMPACT, .active_ms = t->active_before_ms };
    const struct json *usage = json_get(e, "usage");
    int64_t prompt_tokens = 0;

    if (planner_apply(t->planner, &ev, err) < 0)
        return -1;
    ev.kind = PLAN_EV_SUMMARIZED;
    ev.said = json_get_text(e, "summary", NULL);
    if (json_int(json_get(usage, "completion_tokens"), "completion_tokens", &ev.n_tokens, err) < 0 ||
        json_int(json_get(usage, "prompt_tokens"), "prompt_tokens", &prompt_tokens, err) < 0)
        return -1;
    t->row.prompt_tokens += prompt_tokens;
    t->window_tokens = 0;
    task_tools_show(t);
    return planner_apply(t->planner, &ev, err);
}
