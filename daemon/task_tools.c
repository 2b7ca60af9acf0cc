#include "daemon/task_tools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/task_vector.h"
#include "daemon/tool_vectors.h"
#include "daemon/vectors.h"
#include "tools/registry.h"
#include "tools/retrieval.h"
#include "util/log.h"
#include "util/utf8.h"

#define ASK_USER      "ask_user"
#define FIND_TOOLS    "find_tools"
#define MAX_OFFERED   256         /* to one task; by then its context is long full */
#define MAX_FOUND     20          /* by one call */
#define FOUND         5           /* where the model says no number */
#define MAX_LISTED    (256 << 10) /* bytes of definitions of one call, whatever an observation may have */
#define RESULT_MARGIN 400         /* bytes of a result around the definitions */
#define STEP          "step"
#define STEP_ROOM     2000        /* bytes of definitions that one ask tells of by itself; at most a quarter of an observation's */
#define STEP_TEXT     4000        /* bytes of the newest messages that are looked at */
#define STEP_PART     1000        /* of one text of theirs: every tool would fit something of a long page */

/* One that the task has been told of. */
struct offered {
    char *name;
    char *later;    /* its definition as it is sent, behind the head; NULL: it is in the head */
    size_t told_at; /* the message that tells of it, counted from 0; of no meaning in the head */
};

struct task_tools {
    struct buf head; /* the list of the first ask; empty: not made yet */
    struct buf all;  /* that, and those that came later */
    bool chosen, by_vector; /* by_vector: those that were looked for last */
    int at_step;   /* replies when tools were last looked for by the newest text */
    int n_by_step; /* that came so */
    size_t n;
    struct offered list[MAX_OFFERED]; /* those that were chosen, found or came later */
};

static void out_of_memory(void) __attribute__((noreturn));

static void out_of_memory(void)
{
    log_error("no memory: ending; the tasks go on after a restart");
    abort();
}

struct task_tools *task_tools_create(void)
{
    struct task_tools *o = calloc(1, sizeof(*o));

    if (o) {
        buf_init(&o->head, ENTRY_LIMIT);
        buf_init(&o->all, ENTRY_LIMIT);
    }
    return o;
}

void task_tools_destroy(struct task_tools *o)
{
    if (o == NULL)
        return;
    buf_finish(&o->head);
    buf_finish(&o->all);
    for (size_t i = 0; i < o->n; i++) {
        free(o->list[i].name);
        free(o->list[i].later);
    }
    free(o);
}

bool task_tools_are_chosen(const struct task *t)
{
    return t->tools->chosen;
}

/* --- what a task may call ----------------------------------------------------------------------------------------- */

static bool is_allowed(const struct task *t, const char *name)
{
    const struct json *e;

    if (t->allowed == NULL)
        return true;
    for (e = json_first(t->allowed); e; e = json_next(e))
        if (json_text(e) && strcmp(json_text(e), name) == 0)
            return true;
    return false;
}

/* Of the daemon's own tools, those that have nothing to do for this task. */
static bool is_idle(const struct task *t, const struct tool *tool)
{
    const struct builtin *b = builtin_of(tool);

    return b && b->is_offered && !b->is_offered(t);
}

static bool is_offered(const struct task *t, const char *name)
{
    for (size_t i = 0; i < t->tools->n; i++)
        if (strcmp(t->tools->list[i].name, name) == 0)
            return true;
    return false;
}

/* find_tools looks among what a task may call, so a list of tools need not name it. */
static const struct tool *find_usable(const struct task *t, const char *name)
{
    const bool named = is_allowed(t, name) || (t->tools->chosen && strcmp(name, FIND_TOOLS) == 0);
    const struct tool *tool = named ? registry_find(t->d->registry, name) : NULL;

    return tool && !is_idle(t, tool) ? tool : NULL;
}

const struct tool *task_find_tool(const struct task *t, const char *name)
{
    const struct tool *tool = find_usable(t, name);

    if (tool && t->tools->chosen && !builtin_of(tool) && !is_offered(t, name))
        return NULL;
    return tool;
}

/* A plugin's tool of the name of one of ours could not be called. */
static bool is_ours(const struct task *t, const char *name)
{
    const char *own_name, *own = planner_kind_tool(t->kind, &own_name);

    return strcmp(name, ASK_USER) == 0 || (own && strcmp(name, own_name) == 0);
}

static bool admits(void *arg, const char *name)
{
    const struct task *t = arg;
    const struct tool *tool = find_usable(t, name);

    return tool && !builtin_of(tool) && !is_ours(t, name) && !is_offered(t, name);
}

/* --- looking ------------------------------------------------------------------------------------------------------ */

/* What is looked for is compared by the text's vector, too, if there is one and the tools have such. */
static void use_vector(struct task *t, struct retrieval_query *q, const struct text_vector *vector)
{
    if (!vector->at || strcmp(vector->key, tool_vectors_key(t->d->tool_vectors)) != 0)
        return;
    q->vector = vector->at;
    q->dim = vector->dim;
    q->min_cosine = t->d->config.embedding.min_cosine;
}

/*
 * All that is looked for, at the beginning, in a step and by find_tools, is looked for here.  has NULL: the best; else what
 * the task gains by, of which it says what it has.  How many; -1: err.
 */
static int look(struct task *t, const struct retrieval_query *q, bool (*has)(void *, const char *), struct retrieval_hit *hits,
                struct err *err)
{
    struct err full = { 0 };

    t->tools->by_vector = q->vector != NULL;
    if (retrieval_sync(t->d->retrieval, t->d->registry, &full) < 0)
        log_warn("tools: not all can be found: %s", full.msg);
    tool_vectors_run(t->d->tool_vectors);
    return has ? retrieval_search_more(t->d->retrieval, q, has, hits, err) : retrieval_search(t->d->retrieval, q, hits, err);
}

/* later NULL: in the head; else its definition, told of by the message of that number. */
static void offer(struct task *t, const char *name, const char *later, size_t len, size_t told_at)
{
    struct task_tools *o = t->tools;
    struct offered *f = &o->list[o->n];

    if (o->n == MAX_OFFERED || is_offered(t, name))
        return;
    *f = (struct offered){ strdup(name), later ? strndup(later, len) : NULL, told_at };
    if (f->name == NULL || (later && f->later == NULL))
        out_of_memory();
    o->n++;
}

/* Of its definition, about. */
static size_t tool_size(const struct tool *tool)
{
    return strlen(tool->name) + strlen(tool->summary) + tool->args_schema_len + 100;
}

static void offer_tool(struct task *t, const struct tool *tool, size_t told_at)
{
    struct buf text;
    struct jsonw w;

    buf_init(&text, ENTRY_LIMIT);
    w = jsonw_start(&text);
    tool_write_chat(tool, true, &w);
    if (text.failed)
        out_of_memory();
    offer(t, tool->name, text.data, text.len, told_at);
    buf_finish(&text);
}

/* The same for a list of definitions. */
static void offer_later(struct task *t, const struct json *tools, size_t told_at)
{
    for (const struct json *e = json_first(tools); e; e = json_next(e)) {
        size_t len;
        const char *text = json_raw(e, &len);

        if (text && json_get_text(e, "name", NULL))
            offer(t, json_get_text(e, "name", NULL), text, len, told_at);
    }
}

static void offer_if_admitted(struct task *t, const char *name)
{
    if (admits(t, name))
        offer(t, name, NULL, 0, 0);
}

/* What corax.conf and the agent name as given always, as far as the task may call it. */
static void offer_pinned(struct task *t)
{
    const struct config_list *list = &t->d->config.retrieval.pinned;

    for (size_t i = 0; i < list->n; i++)
        offer_if_admitted(t, list->at[i]);
    for (const struct json *e = json_first(json_get(t->root, "pinned")); e; e = json_next(e))
        if (json_text(e))
            offer_if_admitted(t, json_text(e));
}

/* Too many to be given all: the best for its input. */
static void choose(struct task *t)
{
    struct retrieval_query q = { .k = (size_t)t->d->config.retrieval.top_k, .admits = admits, .arg = t };
    struct retrieval_hit hits[RETRIEVAL_MAX_HITS];
    struct err err = { 0 };
    struct text_vector vector;
    struct buf text;
    int n;

    buf_init(&text, ENTRY_LIMIT);
    task_input_text(t, &text);
    vector = task_vector_of(t, text.data, text.len);
    t->tools->chosen = true;
    offer_pinned(t);
    q.text = text.data ? text.data : "";
    q.len = text.len;
    use_vector(t, &q, &vector);
    n = look(t, &q, NULL, hits, &err);
    if (n < 0)
        log_warn("task %s: no tools are chosen: %s", t->row.id, err.msg);
    for (int i = 0; i < n; i++)
        offer(t, hits[i].name, NULL, 0, 0);
    buf_finish(&text);
}

static size_t count_usable(const struct task *t)
{
    size_t n = 0;

    for (size_t i = 0; i < registry_count(t->d->registry); i++) {
        const struct tool *tool = registry_at(t->d->registry, i);

        n += tool->disabled == NULL && is_allowed(t, tool->name) && !is_idle(t, tool) && !is_ours(t, tool->name);
    }
    return n;
}

bool task_tools_are_due(const struct task *t)
{
    /* One that has begun with all of them keeps them. */
    return t->tools->head.len == 0 && planner_spent(t->planner).n_steps == 0 && count_usable(t) > (size_t)t->d->config.retrieval.max_tools;
}

/* --- what is sent ------------------------------------------------------------------------------------------------- */

/*
 * By name, so that the list is the same whichever host started first: a model that has read it need not read it again,
 * nor for another task.  ask_user is offered where somebody would answer, and like any other tool left out by a list that
 * does not name it.
 */
static void write_head(const struct task *t, struct buf *out)
{
    const char *own_name, *own = planner_kind_tool(t->kind, &own_name);
    const struct {
        const char *name, *json;
        bool offered;
    } ours[] = { { ASK_USER, planner_ask_user_tool, t->attended && is_allowed(t, ASK_USER) }, { own_name, own, own != NULL } };
    const size_t n_ours = sizeof(ours) / sizeof(*ours), n = registry_count(t->d->registry);
    struct jsonw w = jsonw_start(out);
    size_t next = 0; /* of ours, which are in order */

    jsonw_array(&w, NULL);
    for (size_t i = 0; i <= n; i++) {
        const struct tool *tool = i < n ? registry_by_name(t->d->registry, i) : NULL;

        for (; next < n_ours && (!ours[next].offered || tool == NULL || strcmp(tool->name, ours[next].name) > 0); next++)
            if (ours[next].offered)
                jsonw_raw(&w, NULL, ours[next].json, strlen(ours[next].json));
        if (tool && tool->disabled == NULL && task_find_tool(t, tool->name) == tool && !is_ours(t, tool->name))
            tool_write_chat(tool, false, &w);
    }
    jsonw_end(&w);
}

/* tools_offered, with the names from the given one on, and their definitions. */
static void record(struct task *t, const char *how, size_t from, const char *tools, size_t len)
{
    struct entry *e = task_record(t, ENTRY_TOOLS_OFFERED);
    size_t at;

    entry_text(e, "how", how);
    if (vectors_are_on(t->d->vectors))
        entry_bool(e, "vectors", t->tools->by_vector);
    at = entry_mark(e);
    jsonw_array(&e->w, "names");
    for (size_t i = from; i < t->tools->n; i++)
        jsonw_text(&e->w, NULL, t->tools->list[i].name);
    jsonw_end(&e->w);
    entry_seal(e, "names", at);
    at = entry_mark(e);
    jsonw_raw(&e->w, "tools", tools, len);
    entry_seal(e, "tools", at);
    task_recorded(t, e);
}

void task_tools_list(struct task *t, const char **json, size_t *len)
{
    struct task_tools *o = t->tools;

    if (o->head.len == 0) {
        if (task_tools_are_due(t))
            choose(t);
        write_head(t, &o->head);
        if (o->chosen)
            record(t, "task", 0, o->head.data, o->head.len);
    }
    buf_reset(&o->all);
    buf_add(&o->all, o->head.data, o->head.len - 1);
    for (size_t i = 0; i < o->n; i++)
        if (o->list[i].later)
            buf_addf(&o->all, "%s%s", o->all.len > 1 ? "," : "", o->list[i].later);
    buf_addc(&o->all, ']');
    if (o->head.failed || o->all.failed)
        out_of_memory();
    *json = o->all.data;
    *len = o->all.len;
}

/* A definition that was sent as later, at the end of the head. */
static void move_to_head(struct task_tools *o, struct offered *f)
{
    struct json *e = json_parse(f->later, strlen(f->later), NULL);
    const char *parameters;
    struct jsonw w;
    size_t len;

    if (e == NULL)
        out_of_memory();
    parameters = json_raw(json_get(e, "parameters"), &len);
    o->head.len--; /* the bracket comes again */
    buf_adds(&o->head, o->head.len > 1 ? "," : "");
    w = jsonw_start(&o->head);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "name", f->name);
    jsonw_text(&w, "description", json_get_text(e, "description", ""));
    jsonw_raw(&w, "parameters", parameters ? parameters : "{}", parameters ? len : 2);
    jsonw_end(&w);
    buf_addc(&o->head, ']');
    json_free(e);
    free(f->later);
    f->later = NULL;
}

void task_tools_show(struct task *t)
{
    for (size_t i = 0; i < t->tools->n; i++)
        if (t->tools->list[i].later)
            move_to_head(t->tools, &t->tools->list[i]);
}

void task_tools_went_back(struct task *t, size_t n_messages)
{
    struct task_tools *o = t->tools;
    size_t kept = 0;

    for (size_t i = 0; i < o->n; i++) {
        if (o->list[i].later && o->list[i].told_at >= n_messages) {
            free(o->list[i].name);
            free(o->list[i].later);
        } else {
            o->list[kept++] = o->list[i];
        }
    }
    o->n = kept;
}

int task_tools_were_offered(struct task *t, const struct json *e, struct err *err)
{
    struct task_tools *o = t->tools;
    const struct json *tools = json_get(e, "tools");
    const char *text;
    size_t len;

    if (json_kind(tools) != JSON_ARRAY || (text = json_raw(tools, &len)) == NULL)
        return fail(err, CORAX_E_INTERNAL, "tools_offered without tools");
    o->chosen = true;
    if (strcmp(json_get_text(e, "how", ""), "task") == 0) {
        buf_reset(&o->head);
        buf_add(&o->head, text, len);
        for (const struct json *n = json_first(json_get(e, "names")); n; n = json_next(n))
            if (json_text(n))
                offer(t, json_text(n), NULL, 0, 0);
        return 0;
    }
    if (o->head.len == 0)
        return fail(err, CORAX_E_INTERNAL, "tools_offered later, but none at the beginning");
    if (strcmp(json_get_text(e, "how", ""), STEP) == 0) { /* the note is there already */
        o->at_step = planner_spent(t->planner).n_steps;
        o->n_by_step += (int)json_count(tools);
        offer_later(t, tools, transcript_count(planner_transcript(t->planner)) - 1);
        return 0;
    }
    offer_later(t, tools, transcript_count(planner_transcript(t->planner)));
    return 0;
}

/* --- at each step --------------------------------------------------------------------------------------------------- */

static void add_text(struct buf *out, const char *text)
{
    const size_t len = text ? strlen(text) : 0, room = out->len < STEP_TEXT ? STEP_TEXT - out->len : 0;
    const size_t most = room < STEP_PART ? room : STEP_PART;

    if (len > 0 && most > 0)
        buf_addf(out, "%.*s\n", (int)(len > most ? utf8_floor(text, most) : len), text);
}

/*
 * What was thought and said last, and what came of it.  Not what the planner tells, for that are its own words: neither
 * messages of its own, unless there are only these (a task that is begun anew with lessons), nor notes behind a result.  The
 * error of a call of a tool that the task does not have names those it has: of that only what was wanted counts.
 */
static void newest_text(const struct task *t, struct buf *out)
{
    const struct transcript *tr = planner_transcript(t->planner);
    const size_t n = transcript_count(tr);
    size_t from = n;

    while (from > 0 && transcript_at(tr, from - 1)->role != ROLE_ASSISTANT)
        from--;
    for (size_t i = from > 0 ? from - 1 : 0; i < n; i++) {
        const struct message *m = transcript_at(tr, i);

        if (m->role == ROLE_SYSTEM || (m->role == ROLE_USER && from > 0))
            continue;
        add_text(out, m->reasoning);
        if (m->role == ROLE_TOOL && m->error && task_find_tool(t, m->name) == NULL)
            add_text(out, m->name);
        else if (m->n_parts > 0)
            add_text(out, m->parts[0].data);
    }
}

/* Any that the task may call but find_tools, which fits whatever is said of tools. */
static bool may_call(void *arg, const char *name)
{
    const struct task *t = arg;

    return strcmp(name, FIND_TOOLS) != 0 && find_usable(t, name) && !is_ours(t, name);
}

static bool has_tool(void *arg, const char *name)
{
    const struct task *t = arg;
    const struct tool *tool = registry_find(t->d->registry, name);

    return is_offered(t, name) || (tool && builtin_of(tool));
}

/* What the newest text is about and the task does not have: how many, or -1. */
static int look_for_step(struct task *t, size_t k, struct retrieval_hit *hits)
{
    struct retrieval_query q = { .k = k, .admits = may_call, .arg = t };
    struct text_vector vector;
    struct err err = { 0 };
    struct buf text;
    int n;

    buf_init(&text, 2 * (size_t)STEP_TEXT);
    newest_text(t, &text);
    vector = task_vector_of(t, text.data, text.len);
    q.text = text.data ? text.data : "";
    q.len = text.len;
    use_vector(t, &q, &vector);
    n = look(t, &q, has_tool, hits, &err);
    buf_finish(&text);
    if (n < 0)
        log_warn("task %s: no tools are looked for: %s", t->row.id, err.msg);
    return n;
}

static bool looks_now(const struct task *t, const struct plan_command *c)
{
    const struct retrieval_config *r = &t->d->config.retrieval;
    const struct task_tools *o = t->tools;
    const int n_steps = planner_spent(t->planner).n_steps;

    return o->chosen && c->attempt == 0 && !c->must_answer && n_steps > 0 && o->at_step != n_steps && r->step_k > 0 &&
           o->n_by_step < r->step_max;
}

bool task_tools_wait(struct task *t, const struct plan_command *c)
{
    struct buf text;
    bool waits;

    if (!looks_now(t, c) || tool_vectors_key(t->d->tool_vectors)[0] == '\0')
        return false;
    buf_init(&text, 2 * (size_t)STEP_TEXT);
    newest_text(t, &text);
    waits = !text.failed && task_vector_waits(t, text.data, text.len);
    buf_finish(&text);
    return waits;
}

/* What one ask tells of by itself. */
struct added {
    struct buf note, list; /* for the model; as tools_offered has it */
    size_t n;
    const struct tool *tools[RETRIEVAL_MAX_STEP];
};

static void add_fitting(struct task *t, struct added *a, const struct retrieval_hit *hits, int n)
{
    size_t room = (size_t)t->budget.max_observation_bytes / 4;
    struct jsonw all = jsonw_start(&a->list), w;

    room = room < STEP_ROOM ? room : STEP_ROOM;
    jsonw_array(&all, NULL);
    buf_adds(&a->note, "These tools may fit, too. You can call them from now on:");
    for (int i = 0; i < n; i++) {
        const struct tool *tool = registry_find(t->d->registry, hits[i].name);

        if (tool_size(tool) > room || t->tools->n + a->n == MAX_OFFERED)
            continue;
        room -= tool_size(tool);
        a->tools[a->n++] = tool;
        buf_addc(&a->note, '\n');
        w = jsonw_start(&a->note);
        tool_write_chat(tool, false, &w);
        tool_write_chat(tool, true, &all);
    }
    jsonw_end(&all);
    if (a->note.failed || a->list.failed)
        out_of_memory();
}

bool task_tools_add(struct task *t, const struct plan_command *c)
{
    struct task_tools *o = t->tools;
    const struct retrieval_config *r = &t->d->config.retrieval;
    const size_t before = o->n, told_at = transcript_count(planner_transcript(t->planner)) - 1;
    const int left = r->step_max - o->n_by_step;
    struct retrieval_hit hits[RETRIEVAL_MAX_STEP];
    struct added a = { .n = 0 };
    bool told = false;

    if (!looks_now(t, c))
        return false;
    o->at_step = planner_spent(t->planner).n_steps;
    buf_init(&a.note, ENTRY_LIMIT);
    buf_init(&a.list, ENTRY_LIMIT);
    add_fitting(t, &a, hits, look_for_step(t, (size_t)(left < r->step_k ? left : r->step_k), hits));
    if (a.n > 0 && task_note(t, NOTE_TOOLS, a.note.data, (struct label){ TRUSTED, PUBLIC })) {
        for (size_t i = 0; i < a.n; i++)
            offer_tool(t, a.tools[i], told_at);
        o->n_by_step += (int)a.n;
        record(t, STEP, before, a.list.data, a.list.len);
        told = true;
    }
    buf_finish(&a.note);
    buf_finish(&a.list);
    return told;
}

/* --- find_tools --------------------------------------------------------------------------------------------------- */

/* What one call finds. */
struct found {
    struct buf list; /* a JSON array, for the next asks */
    struct jsonw w;
    size_t n, n_left_out, room;
};

static void add_found(struct builtin_call *c, struct found *f, const struct tool *tool)
{
    const size_t size = tool_size(tool);
    struct jsonw w = jsonw_start(&c->text);

    if (size > f->room || c->task->tools->n == MAX_OFFERED) {
        f->n_left_out++;
        return;
    }
    f->room -= size;
    f->n++;
    offer_tool(c->task, tool, transcript_count(planner_transcript(c->task->planner)));
    tool_write_chat(tool, true, &f->w);
    tool_write_chat(tool, false, &w);
    buf_addc(&c->text, '\n');
}

static int say_found(struct builtin_call *c, struct found *f, size_t before, const char *query, struct err *err)
{
    struct task *t = c->task;

    if (f->n == 0 && f->n_left_out > 0)
        return fail(err, CORAX_E_LIMIT, "what fits \"%.100s\" is too long to be shown: use more exact words, or finish with the tools you have", query);
    if (f->n == 0)
        return fail(err, CORAX_E_NOTFOUND, "no other tool fits \"%.100s\": use other words, or the tools you have", query);
    buf_addf(&c->text, "You can call %s from now on.", f->n == 1 ? "it" : "them");
    if (f->n_left_out > 0)
        buf_addf(&c->text, " %zu more did not fit here: ask for fewer, or with more exact words.", f->n_left_out);
    record(t, FIND_TOOLS, before, f->list.data, f->list.len);
    return 1;
}

static int find_now(struct builtin_call *c, const char *query, const struct text_vector *vector, size_t limit, struct err *err)
{
    struct task *t = c->task;
    const size_t before = t->tools->n, room = (size_t)t->budget.max_observation_bytes;
    struct retrieval_query q = { .text = query, .len = strlen(query), .admits = admits, .arg = t };
    struct retrieval_hit hits[MAX_FOUND];
    struct found f = { 0 };
    int n, rc;

    q.k = limit;
    use_vector(t, &q, vector);
    n = look(t, &q, NULL, hits, err);
    if (n < 0)
        return -1;
    f.room = room > RESULT_MARGIN ? room - RESULT_MARGIN : 0;
    f.room = f.room < MAX_LISTED ? f.room : MAX_LISTED;
    buf_init(&f.list, ENTRY_LIMIT);
    f.w = jsonw_start(&f.list);
    jsonw_array(&f.w, NULL);
    for (int i = 0; i < n; i++)
        add_found(c, &f, registry_find(t->d->registry, hits[i].name));
    jsonw_end(&f.w);
    if (f.list.failed)
        out_of_memory();
    c->label = (struct label){ TRUSTED, PUBLIC };
    rc = say_found(c, &f, before, query, err);
    buf_finish(&f.list);
    return rc;
}

/* A call that waits for its query's vector. */
struct finding {
    struct vector_ask *ask;
    size_t limit;
    char query[];
};

static void stop_finding(struct builtin_call *c)
{
    struct finding *f = c->own;

    vectors_cancel(f->ask);
    free(f);
}

static void on_vector(void *arg, const struct vector_answer *answer, const struct err *none)
{
    struct builtin_call *c = arg;
    struct finding *f = c->own;
    const struct text_vector vector = { answer ? answer->at : NULL, answer ? answer->dim : 0, answer ? answer->key : "" };
    struct err err = { 0 };
    int rc;

    c->cancel = NULL;
    if (none)
        log_info("task %s: tools are looked for by words alone: %s", c->task->row.id, none->msg);
    rc = find_now(c, f->query, &vector, f->limit, &err);
    free(f);
    builtin_finish(c, rc < 0 ? &err : NULL);
}

static int find_tools(struct builtin_call *c, const struct json *args, struct err *err)
{
    const char *query = json_get_text(args, "query", "");
    const struct text_vector none = { 0 };
    struct finding *f;
    int64_t limit = FOUND;

    if (json_get(args, "limit") && json_int(json_get(args, "limit"), "limit", &limit, err) < 0)
        return -1;
    if (!vectors_are_on(c->task->d->vectors))
        return find_now(c, query, &none, (size_t)limit, err);
    if ((f = malloc(sizeof(*f) + strlen(query) + 1)) == NULL)
        out_of_memory();
    strcpy(f->query, query);
    f->limit = (size_t)limit;
    f->ask = vectors_ask_query(c->task->d->vectors, query, strlen(query), on_vector, c);
    if (f->ask == NULL)
        out_of_memory();
    c->own = f;
    c->cancel = stop_finding;
    return 0;
}

const struct builtin builtin_find_tools = {
    .name = FIND_TOOLS,
    .tool = "{\"name\":\"find_tools\",\"description\":\"Finds more tools by what they do. There are many besides those listed; what is found can be "
            "called afterwards.\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"query\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":1000,"
            "\"description\":\"what the tool should do\"},\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":20}},\"required\":[\"query\"],"
            "\"additionalProperties\":false},\"_meta\":{\"corax/effects\":[\"read\"],\"corax/traits\":[\"idempotent\"]}}",
    .is_offered = task_tools_are_chosen,
    .call = find_tools,
};
