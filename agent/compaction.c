/*
 * When the transcript nears the model's window its older middle is replaced by a summary, which the model writes itself.
 *
 *     system, task | step 1 .. step k | step k+1 .. n        ASK_MODEL --compact--> SUMMARIZE --summarized--> ASK_MODEL
 *     system, task + summary          | step k+1 .. n
 *
 * What stays is the front, as it was sent from the first ask on, and the newest steps: at least the last one, and as many as
 * take a quarter of the whole.  The summary is a part at the end of the front's last message, which is a user's: so roles take
 * turns as before, for chat templates that insist on it, and what the model has read of the front it need not read again.  A
 * later summary takes the place of the one before, which was given to the model to go by.
 *
 * The model is asked for the summary with the front, the steps that will go, and what is wanted of it: all but the last was
 * sent before, so it fits.  If it writes none, the calls and the beginnings of their results are listed in its place.
 *
 * A planner that goes back (dfsdt, reflexion) may go behind a summary: then that is undone, and the messages before the place
 * to which it goes are there again as they were sent.  They fitted then.  What is summed up is the way on which the planner is,
 * or its attempt; ways that were left are not in the transcript.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/planner_kind.h"
#include "util/utf8.h"

#define KEPT_PART     4    /* the newest steps that take at most so much of the whole stay */
#define SUMMARY_BYTES 8000 /* of what the model writes */
#define LIST_BYTES    2000 /* of what stands in its place */
#define RESULT_BYTES  120  /* of a result in that list */
#define ARGS_BYTES    120

static const char head[] = "Summary of the steps so far, which are left out here to save room:\n";
static const char order[] = "Sum up the steps above in at most 150 words: what was found out and done, with all numbers, names and ids that are still needed, and "
                            "what is still to be done. The summary will stand in their place. Call nothing.";

static size_t message_size(const struct message *m)
{
    size_t size = m->reasoning ? strlen(m->reasoning) : 0;

    for (size_t i = 0; i < m->n_parts; i++)
        size += m->parts[i].len;
    for (size_t i = 0; i < m->n_calls; i++)
        size += m->calls[i].args_len;
    return size;
}

static bool begins_step(const struct message *m)
{
    return m->role == ROLE_ASSISTANT && m->n_calls > 0;
}

/* Messages [*from, *to) may go. */
static bool find_range(const struct planner *p, size_t *from, size_t *to)
{
    const struct transcript *t = p->transcript;
    const size_t n = transcript_count(t);
    size_t whole = 0, kept = 0, steps = 0;

    *from = p->compaction.front;
    while (p->compaction.front == 0 && *from < n && !begins_step(transcript_at(t, *from)))
        ++*from;
    if (*from == 0 || *from >= n || transcript_at(t, *from - 1)->role != ROLE_USER)
        return false;
    for (size_t i = 0; i < n; i++)
        whole += message_size(transcript_at(t, i));
    *to = n;
    for (size_t i = n; i-- > *from;) {
        kept += message_size(transcript_at(t, i));
        if (!begins_step(transcript_at(t, i)))
            continue;
        if (steps++ > 0 && kept * KEPT_PART > whole)
            break;
        *to = i;
    }
    return steps > 0 && *to > *from;
}

static bool may_compact(const struct planner *p, size_t *from, size_t *to)
{
    return p->command.kind == PLAN_ASK_MODEL && p->compaction.at_step != p->spent.n_steps && find_range(p, from, to);
}

bool planner_can_compact(const struct planner *p)
{
    return may_compact(p, &(size_t){ 0 }, &(size_t){ 0 });
}

size_t planner_compactable(const struct planner *p)
{
    size_t from, to, size = 0;

    if (!may_compact(p, &from, &to))
        return 0;
    for (; from < to; from++)
        size += message_size(transcript_at(p->transcript, from));
    return size;
}

int planner_begin_compaction(struct planner *p, int64_t max_tokens)
{
    struct compaction *c = &p->compaction;
    const int64_t left = p->budget.max_tokens - p->spent.n_tokens;
    int most = p->budget.max_reply_tokens;

    find_range(p, &c->from, &c->to);
    c->must_answer = p->command.must_answer;
    c->at_step = p->spent.n_steps;
    if (max_tokens > 0 && max_tokens < most)
        most = (int)max_tokens;
    p->command = (struct plan_command){ .kind = PLAN_SUMMARIZE, .max_tokens = left < most ? (int)left : most, .from = c->from, .to = c->to };
    p->handed_out = false;
    return 0;
}

struct transcript *planner_summary_ask(const struct planner *p, struct err *err)
{
    struct transcript *t = transcript_create();
    int rc = t ? 0 : fail(err, CORAX_E_INTERNAL, "planner: no memory");

    for (size_t i = 0; rc == 0 && i < p->compaction.to; i++)
        rc = transcript_add(t, transcript_at(p->transcript, i), err);
    if (rc == 0)
        rc = transcript_add_text(t, ROLE_USER, order, strlen(order), err);
    if (rc < 0) {
        transcript_destroy(t);
        return NULL;
    }
    return t;
}

static void add_cut(struct buf *out, const char *text, size_t len, size_t max)
{
    const size_t keep = utf8_within(text, len, max);

    buf_addf(out, "%.*s%s", (int)keep, text, keep < len ? " ..." : "");
}

/* What was called with what, and how its result began. */
static void list_steps(const struct planner *p, struct buf *out)
{
    for (size_t i = p->compaction.from; i < p->compaction.to; i++) {
        const struct message *m = transcript_at(p->transcript, i);

        if (out->len > LIST_BYTES) {
            buf_adds(out, "...\n");
            return;
        }
        for (size_t c = 0; c < m->n_calls; c++) {
            buf_addf(out, "%s was called with ", m->calls[c].name);
            add_cut(out, m->calls[c].args, m->calls[c].args_len, ARGS_BYTES);
            buf_addc(out, '\n');
        }
        if (m->role == ROLE_TOOL && m->n_parts > 0) {
            buf_addf(out, "%s %s: ", m->name, m->error ? "failed" : "gave");
            add_cut(out, m->parts[0].data, m->parts[0].len, RESULT_BYTES);
            buf_addc(out, '\n');
        }
    }
}

int planner_end_compaction(struct planner *p, const char *summary, struct err *err)
{
    struct compaction *c = &p->compaction;
    const struct message *front = transcript_at(p->transcript, c->from - 1);
    struct part part = { .mime = "text/plain" };
    struct err why = { 0 };
    struct mark whole;
    struct buf text;
    int rc;

    if (c->front == 0) {
        c->front = c->from;
        c->front_parts = front->n_parts;
    }
    buf_init(&text, 2 * (size_t)TRANSCRIPT_MAX_BYTES);
    buf_addf(&text, "\n%s", head);
    if (summary && summary[strspn(summary, " \t\r\n")])
        add_cut(&text, summary, strlen(summary), SUMMARY_BYTES);
    else
        list_steps(p, &text);
    part.data = text.data;
    part.len = text.len;
    rc = text.failed ? fail(&why, CORAX_E_INTERNAL, "planner: no memory") : transcript_compact(p->transcript, c->from, c->to, c->front_parts, &part, &why);
    buf_finish(&text);
    if (rc < 0)
        return planner_not_added(p, &why, err);
    c->did = true;
    if (p->kind->compacted)
        p->kind->compacted(p);
    /* A call whose result is gone may be made again. */
    whole = planner_mark(p, transcript_count(p->transcript));
    if (planner_cut_back(p, &whole, err) < 0)
        return -1;
    if (planner_ask_model(p, err) < 0)
        return -1;
    if (p->command.kind == PLAN_ASK_MODEL)
        p->command.must_answer |= c->must_answer;
    return 0;
}

void planner_settle_front(struct planner *p)
{
    struct compaction *c = &p->compaction;

    /* With a summary it stands at the front's end; so nothing was cut off of that. */
    if (transcript_compactions(p->transcript) == 0 && transcript_count(p->transcript) <= c->front)
        c->front = 0;
}

void planner_move_mark(const struct planner *p, struct mark *m)
{
    const struct compaction *c = &p->compaction;
    const size_t now = transcript_compactions(p->transcript);

    if (m->n_compactions + 1 == now && m->n >= c->to)
        *m = (struct mark){ m->n - (c->to - c->from), now };
}

bool planner_compacted(const struct planner *p, struct plan_compacted *out)
{
    if (p->compaction.did)
        *out = (struct plan_compacted){ .from = p->compaction.from, .to = p->compaction.to };
    return p->compaction.did;
}
