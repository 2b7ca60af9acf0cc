/*
 * Plan, execute, revise: the model writes a plan before it may call anything, carries it out as ReAct does, and may write another one
 * where a result shows that the first does not work.
 *
 *     PLANNING --plan--> WORKING --calls and results--> WORKING --"Plan: ..."--> WORKING --answer--> finished
 *
 * What it is told stands in the transcript: behind the task, behind the plan, and behind a result that is an error.
 *
 *     Wang et al., Plan-and-Solve Prompting, arXiv:2305.04091
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "agent/planner_kind.h"

enum { PLANNING, WORKING };

static const char write_plan[] = "Before you call anything, write a plan: at most eight numbered steps, each with what is to be found out or done and with "
                                 "which tool. Begin with \"Plan:\".";
static const char carry_out[] = "Carry out this plan, step by step. Where a result shows that it does not work, write another one, which begins with "
                                "\"Plan:\". As soon as you know enough, write the answer.";
static const char think_again[] = "If the plan does not work any more, write another one, which begins with \"Plan:\"; otherwise go on with it.";

static int begin(struct planner *p, struct err *err)
{
    int added;

    if (p->budget.max_steps < 2) { /* it could only plan */
        p->phase = WORKING;
        return planner_ask_model(p, err);
    }
    added = planner_add_note(p, write_plan, err);
    return added == 1 ? planner_ask_text(p, err) : added;
}

/* "Plan:", whatever it is decorated with. */
static bool is_plan(const char *text)
{
    while (*text && !isalpha((unsigned char)*text))
        text++;
    if (strncasecmp(text, "plan", 4) != 0)
        return false;
    for (text += 4; *text && strchr(" *_#", *text); text++)
        ;
    return *text == ':';
}

static int said(struct planner *p, struct err *err)
{
    const struct message *m = transcript_at(p->transcript, transcript_count(p->transcript) - 1);
    const bool may_go_on = p->spent.n_steps < p->budget.max_steps;
    int added;

    /* The last ask of a task asks for an answer; what comes then is one. */
    if (!may_go_on || (p->phase == WORKING && (p->command.must_answer || !is_plan(m->parts[0].data))))
        return planner_answer(p, err);
    p->phase = WORKING;
    added = planner_tell(p, carry_out, err);
    return added == 1 ? planner_ask_model(p, err) : added;
}

static int observed(struct planner *p, struct err *err)
{
    const int added = p->failed ? planner_add_note(p, think_again, err) : 1;

    if (added != 1)
        return added;
    return p->phase == PLANNING ? planner_ask_text(p, err) : planner_ask_model(p, err);
}

const struct planner_kind planner_plan = { .name = "plan", .begin = begin, .said = said, .observed = observed };
