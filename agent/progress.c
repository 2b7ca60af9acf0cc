/*
 * Whether a task gets anywhere: what is done again and again, and what the model is told of it before the task ends for that.
 *
 * A reply brings nothing new where each of its calls was made before, with arguments of the same value however they are written, and has the
 * result that it had the last time, or is refused for it.  That holds for one call as for several by turns, and a result that is another than the
 * last time is progress.  Likewise replies whose calls all fail with the same words, and plans that are written again though nothing came
 * between them.  Going back and summing up forget what there was: it is not in the transcript any more.
 *
 * Results are compared by checksum and length: a result that is made to look like another can only tell the model that nothing changes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/planner_kind.h"
#include "util/checksum.h"
#include "util/json.h"

#define ARGS_MAX_BYTES  (16u << 10) /* of arguments that are compared by value, not by their bytes */
#define CANONICAL_LIMIT (8 * ARGS_MAX_BYTES)
#define SHOWN_BYTES     160 /* of what is repeated, as it is named */

/* --- equal calls ------------------------------------------------------------------------------------------------- */

/*
 * Whether json_parse is sure to find no limit exceeded in the arguments.  For then LIMIT means out of memory, which must
 * not pass for malformed arguments: a replay with more memory would go another way than the journal.
 */
static bool is_simple(const struct call *call)
{
    size_t n_brackets = 0;

    if (call->args_len > ARGS_MAX_BYTES)
        return false;
    for (size_t i = 0; i < call->args_len; i++)
        n_brackets += call->args[i] == '{' || call->args[i] == '[';
    return n_brackets < JSON_MAX_DEPTH;
}

int planner_parse_args(const struct call *call, struct json **args, struct err *err)
{
    struct err why = { 0 };

    *args = is_simple(call) ? json_parse(call->args, call->args_len, &why) : NULL;
    if (!*args && why.status != CORAX_OK && why.status != CORAX_E_ARGS)
        return fail(err, CORAX_E_INTERNAL, "planner: no memory");
    return 0;
}

char *progress_key(const struct call *call, size_t *len, struct err *err)
{
    struct json *args;
    struct buf key;
    char *made = NULL;

    if (planner_parse_args(call, &args, err) < 0)
        return NULL;
    buf_init(&key, strlen(call->name) + call->args_len + CANONICAL_LIMIT);
    buf_addf(&key, "%s ", call->name);
    if (args)
        json_canonical(args, &key);
    else
        buf_add(&key, call->args, call->args_len);
    json_free(args);
    if (!key.failed)
        made = buf_take(&key, len);
    buf_finish(&key);
    if (!made)
        fail(err, CORAX_E_INTERNAL, "planner: no memory");
    return made;
}

/* --- what a reply brought ---------------------------------------------------------------------------------------- */

static struct seen_text sum(const char *text, size_t len)
{
    return (struct seen_text){ .sum = checksum(text, len), .len = len };
}

static bool is_same(struct seen_text a, struct seen_text b)
{
    return a.sum == b.sum && a.len == b.len;
}

void progress_forget(struct planner *p)
{
    p->progress = (struct progress){ 0 };
}

void progress_begin(struct planner *p)
{
    p->progress.is_new = p->progress.any_good = false;
}

void progress_refused(struct planner *p, bool repeated, const char *text, size_t len)
{
    progress_observed(p, NULL, true, text, len);
    p->progress.is_new |= !repeated;
}

void progress_observed(struct planner *p, struct done_call *of, bool error, const char *text, size_t len)
{
    struct progress *g = &p->progress;
    const struct seen_text now = sum(text, len);

    if (of) {
        g->is_new |= !of->has_result || of->failed != error || !is_same(of->result, now);
        of->has_result = true;
        of->failed = error;
        of->result = now;
    }
    g->any_good |= !error;
    if (error && !is_same(g->error, now)) {
        g->error = now;
        g->n_errors = 0;
    }
}

/* --- what follows ------------------------------------------------------------------------------------------------ */

static int end(struct planner *p, const char *what, const char *repeated, struct err *err)
{
    char shown[SHOWN_BYTES + 1], why[400];
    int goes_on;

    planner_shorten(shown, sizeof(shown), repeated);
    snprintf(why, sizeof(why), "%s: %s", what, shown);
    progress_forget(p);
    goes_on = p->kind->stuck ? p->kind->stuck(p, err) : 1;
    return goes_on == 1 ? planner_fail(p, "loop", why, err) : goes_on;
}

static int end_stale(struct planner *p, struct err *err)
{
    const struct call *last = &p->last->calls[p->last->n_calls - 1];
    char what[160];

    snprintf(what, sizeof(what), "%d replies in a row only repeated calls, with the same results, the last one %.60s", p->progress.n_stale, last->name);
    return end(p, what, last->args, err);
}

static int end_failing(struct planner *p, struct err *err)
{
    const struct message *m = transcript_at(p->transcript, transcript_count(p->transcript) - 1);
    char what[120];

    snprintf(what, sizeof(what), "the calls of %d replies in a row failed with the same words", p->progress.n_errors);
    return end(p, what, m->n_parts > 0 ? m->parts[0].data : "", err);
}

int progress_check(struct planner *p, struct err *err)
{
    struct progress *g = &p->progress;
    char text[320];

    g->n_stale = g->is_new ? 0 : g->n_stale + 1;
    g->n_errors = g->any_good ? 0 : g->n_errors + 1;
    if (g->any_good)
        g->error = (struct seen_text){ 0 };
    if (g->is_new)
        g->n_said = 0;
    if (g->n_stale >= PROGRESS_STALE_ENDS)
        return end_stale(p, err);
    if (g->n_errors >= PROGRESS_ERRORS_END)
        return end_failing(p, err);
    if (g->n_stale == PROGRESS_STALE_TOLD) {
        snprintf(text, sizeof(text),
                 "The last %d replies only repeated calls that were made before, and nothing changed. Call something else, change the arguments, or "
                 "answer with what you know.", g->n_stale);
        return planner_add_note(p, text, err);
    }
    if (g->n_errors == PROGRESS_ERRORS_TOLD) {
        snprintf(text, sizeof(text),
                 "The calls of the last %d replies all failed with the same words. More of the same will fail, too: do it in another way, or answer "
                 "with what you know.", g->n_errors);
        return planner_add_note(p, text, err);
    }
    return 1;
}

int progress_said(struct planner *p, struct err *err)
{
    struct progress *g = &p->progress;
    const struct part *part = &p->last->parts[0];
    const struct seen_text now = sum(part->data, part->len);
    char what[80];
    int added;

    g->n_said = g->n_said > 0 && is_same(g->said, now) ? g->n_said + 1 : 1;
    g->said = now;
    if (g->n_said >= PROGRESS_SAID_ENDS) {
        snprintf(what, sizeof(what), "the same was written %d times in a row", g->n_said);
        added = end(p, what, part->data, err);
    } else if (g->n_said == PROGRESS_SAID_TOLD) {
        added = planner_add_note(p, "You wrote exactly the same before. Do what it says, or answer with what you know.", err);
    } else {
        added = 1;
    }
    return added < 0 ? -1 : 0;
}
