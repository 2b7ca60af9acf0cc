/*
 * One call that a client has chosen, and its result as the answer: no model is asked.
 *
 * The task's input is the call, as one JSON part: {"name":"now","arguments":{...}}.  It goes the way of any call of a
 * model: it is checked, judged, perhaps approved, made in a host, and stored before and after.  So the trace says of it
 * what it says of others.
 */
#include <string.h>

#include "agent/planner_kind.h"
#include "util/json.h"

static const char bad_input[] = "the input is no call: give one JSON part {\"name\":\"TOOL\",\"arguments\":{...}}";

/* The part that has the call; NULL: there is none. */
static const struct part *input(const struct planner *p)
{
    const struct message *m = transcript_at(p->transcript, transcript_count(p->transcript) - 1);

    return m && m->role == ROLE_USER && m->n_parts == 1 && strcmp(m->parts[0].mime, "application/json") == 0
               ? &m->parts[0]
               : NULL;
}

static int call_begin(struct planner *p, struct err *err)
{
    const struct part *part = input(p);
    struct json *root = part ? json_parse(part->data, part->len, NULL) : NULL;
    const struct json *arguments = json_get(root, "arguments");
    struct call call = { .name = json_get_text(root, "name", NULL), .args = "{}", .args_len = 2 };
    int rc;

    if (arguments)
        call.args = json_raw(arguments, &call.args_len);
    if (call.name == NULL || call.name[0] == '\0' || (arguments && json_kind(arguments) != JSON_OBJECT))
        rc = planner_fail(p, "call", bad_input, err);
    else
        rc = planner_make_call(p, &call, err);
    json_free(root);
    return rc;
}

static int call_observed(struct planner *p, struct err *err)
{
    const struct message *m = transcript_at(p->transcript, transcript_count(p->transcript) - 1);

    return p->failed ? planner_fail(p, "call", m->parts[0].data, err) : planner_answer(p, err);
}

const struct planner_kind planner_call = {
    .name = "call",
    .begin = call_begin,
    .said = planner_answer,
    .observed = call_observed,
};
