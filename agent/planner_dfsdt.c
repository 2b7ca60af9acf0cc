/*
 * A depth-first search for an answer: the model works as in ReAct until it answers, or gives a way up, or the way is too long; then the
 * planner goes back to where another can be tried, tells the model which were, and asks again.
 *
 *     Qin et al., ToolLLM: Facilitating Large Language Models to Master 16000+ Real-world APIs, arXiv:2307.16789 (DFSDT)
 *
 * As published: in pre-order, without ranking; from each place at most `width` ways; a way that is given up takes the step before it along,
 * so the next is tried one place further up, while from one that is too long only the last step is taken back.  A way ends with the tool give_up
 * (ToolLLM's Finish with give_up_and_restart) or an answer (give_answer).
 *
 * Otherwise than published: what a call has done is done, so nothing goes back behind a result that is binding; giving up at the very first
 * place tries another way from there instead of ending the search; and what the model is told about ways that were tried stays in the transcript of
 * the next one, so that what it has read need not be read again.
 */
#include <string.h>

#include "agent/planner_kind.h"

#define MAX_DEPTH    64
#define ACTION_BYTES 160 /* of one way, as it is told of */

/* Where the model was asked: a way begins with each of its replies. */
struct place {
    struct mark begins; /* the transcript then */
    int n_tried;
    bool bound;        /* the way that is being tried from here has had an effect in its first step */
    const char *tried; /* lines */
};

struct search {
    struct place places[MAX_DEPTH + 1];
    int depth; /* of the place where the model is asked */
};

static const char give_up_tool[] = GIVE_UP_TOOL("Give up this way of solving the task when it leads nowhere, so that another is tried.");

static struct search *search_of(struct planner *p)
{
    return p->own;
}

static void arrive(struct planner *p)
{
    struct search *s = search_of(p);

    s->places[s->depth] = (struct place){ .begins = planner_mark(p, transcript_count(p->transcript)), .tried = "" };
}

static int begin(struct planner *p, struct err *err)
{
    p->own = arena_alloc(p->arena, sizeof(struct search));
    if (!p->own)
        return fail(err, CORAX_E_INTERNAL, "planner: no memory");
    search_of(p)->depth = 0;
    arrive(p);
    return planner_ask_model(p, err);
}

/* Remembers what the last reply does, at the place where it was written. */
static int note_way(struct planner *p, struct place *at, struct err *err)
{
    char text[ACTION_BYTES];

    at->n_tried++;
    at->bound = false;
    for (size_t i = 0; i < p->last->n_calls; i++) {
        const struct call *c = &p->last->calls[i];
        const bool reason = strcmp(c->name, GIVE_UP) == 0;

        planner_shorten(text, sizeof(text), c->args);
        at->tried = arena_printf(p->arena, "%s%s%s %s", at->tried, i > 0 ? ", " : "\n- ", reason ? "gave up:" : c->name, text);
        if (!at->tried)
            return fail(err, CORAX_E_INTERNAL, "planner: no memory");
    }
    return 0;
}

static int tell_ways(struct planner *p, const struct place *at, struct err *err)
{
    const char *text = arena_printf(p->arena, "This is not the first way that is tried. From here these led nowhere:%s\nDo something else now.", at->tried);

    return text ? planner_tell(p, text, err) : fail(err, CORAX_E_INTERNAL, "planner: no memory");
}

/* Nothing behind which another way may be tried: the first place below the last binding step. */
static int lowest(const struct search *s)
{
    int i = s->depth;

    while (i >= 0 && !s->places[i].bound)
        i--;
    return i + 1;
}

/* The deepest place from which another way may be tried, but no deeper than the one that is given; -1: none. */
static int find_place(const struct planner *p, int from)
{
    const struct search *s = p->own;
    const int low = lowest(s);

    while (from >= low && s->places[from].n_tried >= p->budget.max_width)
        from--;
    return from >= low ? from : -1;
}

static int go_back(struct planner *p, int to, const char *why, struct err *err)
{
    struct search *s = search_of(p);
    int added;

    s->depth = to;
    p->back = (struct plan_back){ .depth = to, .why = why };
    if (planner_cut_back(p, &s->places[to].begins, err) < 0)
        return -1;
    added = tell_ways(p, &s->places[to], err);
    return added == 1 ? planner_ask_model(p, err) : added;
}

static int gives_up(struct planner *p, struct err *err)
{
    struct search *s = search_of(p);
    const int to = find_place(p, s->depth > 0 ? s->depth - 1 : 0);

    if (to >= 0)
        return go_back(p, to, "given up", err);
    if (lowest(s) == 0)
        return planner_give_up(p, "all ways that were tried led nowhere", err);
    p->back = (struct plan_back){ .depth = s->depth, .why = "given up" };
    return planner_stay(p, err);
}

static int called(struct planner *p, struct err *err)
{
    struct search *s = search_of(p);

    if (note_way(p, &s->places[s->depth], err) < 0)
        return -1;
    return planner_gave_up(p) ? gives_up(p, err) : 1;
}

static int observed(struct planner *p, struct err *err)
{
    struct search *s = search_of(p);
    const int most = p->budget.max_depth < MAX_DEPTH ? p->budget.max_depth : MAX_DEPTH;

    s->places[s->depth].bound = p->bound;
    if (s->depth + 1 >= most) {
        const int to = find_place(p, s->depth);

        if (to >= 0)
            return go_back(p, to, "too long", err);
        if (lowest(s) == 0)
            return planner_give_up(p, "all ways that were tried led nowhere", err);
    }
    if (s->depth + 1 < MAX_DEPTH) /* a way that cannot go back may become longer than others */
        s->depth++;
    arrive(p);
    return planner_ask_model(p, err);
}

/* A way that goes in circles is as one that is too long. */
static int stuck(struct planner *p, struct err *err)
{
    struct search *s = search_of(p);
    int to;

    s->places[s->depth].bound = p->bound;
    to = find_place(p, s->depth);
    return to >= 0 ? go_back(p, to, "in circles", err) : 1;
}

static void compacted(struct planner *p)
{
    struct search *s = search_of(p);

    for (int i = 0; i <= s->depth; i++)
        planner_move_mark(p, &s->places[i].begins);
}

const struct planner_kind planner_dfsdt = {
    .name = "dfsdt",
    .begin = begin,
    .said = planner_answer,
    .observed = observed,
    .called = called,
    .stuck = stuck,
    .compacted = compacted,
    .tool_name = GIVE_UP,
    .tool = give_up_tool,
};
