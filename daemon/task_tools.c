#include "daemon/task_tools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/registry.h"
#include "tools/retrieval.h"
#include "util/log.h"

#define ASK_USER      "ask_user"
#define FIND_TOOLS    "find_tools"
#define MAX_OFFERED   256         /* to one task; by then its context is long full */
#define MAX_FOUND     20          /* by one call */
#define FOUND         5           /* where the model says no number */
#define MAX_LISTED    (256 << 10) /* bytes of definitions of one call, whatever an observation may have */
#define RESULT_MARGIN 400         /* bytes of a result around the definitions */

struct task_tools {
    struct buf head;  /* the list of the first ask; empty: not made yet */
    struct buf later; /* elements behind that, with commas between them */
    struct buf all;   /* both */
    bool chosen;
    size_t n;
    char *names[MAX_OFFERED]; /* of those that were chosen or found */
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
        buf_init(&o->later, ENTRY_LIMIT);
        buf_init(&o->all, ENTRY_LIMIT);
    }
    return o;
}

void task_tools_destroy(struct task_tools *o)
{
    if (o == NULL)
        return;
    buf_finish(&o->head);
    buf_finish(&o->later);
    buf_finish(&o->all);
    for (size_t i = 0; i < o->n; i++)
        free(o->names[i]);
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
        if (strcmp(t->tools->names[i], name) == 0)
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

/* The best k of those that the task may call and does not have.  -1: err. */
static int look(struct task *t, const char *text, size_t len, size_t k, struct retrieval_hit *hits, struct err *err)
{
    const struct retrieval_query q = { .text = text, .len = len, .k = k, .admits = admits, .arg = t };
    struct err full = { 0 };

    if (retrieval_sync(t->d->retrieval, t->d->registry, &full) < 0)
        log_warn("tools: not all can be found: %s", full.msg);
    return retrieval_search(t->d->retrieval, &q, hits, err);
}

static void offer(struct task *t, const char *name)
{
    struct task_tools *o = t->tools;

    if (o->n == MAX_OFFERED || is_offered(t, name))
        return;
    if ((o->names[o->n] = strdup(name)) == NULL)
        out_of_memory();
    o->n++;
}

/* The texts of the task's input. */
static void input_text(const struct task *t, struct buf *out)
{
    for (const struct json *p = json_first(json_get(t->root, "input")); p; p = json_next(p))
        if (json_get_text(p, "text", NULL) && out->len < RETRIEVAL_MAX_QUERY)
            buf_addf(out, "%s\n", json_get_text(p, "text", ""));
}

/* Too many to be given all: the best for its input. */
static void choose(struct task *t)
{
    struct retrieval_hit hits[RETRIEVAL_MAX_HITS];
    struct err err = { 0 };
    struct buf text;
    int n;

    buf_init(&text, ENTRY_LIMIT);
    input_text(t, &text);
    t->tools->chosen = true;
    n = look(t, text.data, text.len, (size_t)t->d->config.retrieval.top_k, hits, &err);
    if (n < 0)
        log_warn("task %s: no tools are chosen: %s", t->row.id, err.msg);
    for (int i = 0; i < n; i++)
        offer(t, hits[i].name);
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
    at = entry_mark(e);
    jsonw_array(&e->w, "names");
    for (size_t i = from; i < t->tools->n; i++)
        jsonw_text(&e->w, NULL, t->tools->names[i]);
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
        /* One that has begun with all of them keeps them. */
        if (planner_spent(t->planner).n_steps == 0 && count_usable(t) > (size_t)t->d->config.retrieval.max_tools)
            choose(t);
        write_head(t, &o->head);
        if (o->chosen)
            record(t, "task", 0, o->head.data, o->head.len);
    }
    buf_reset(&o->all);
    buf_add(&o->all, o->head.data, o->head.len - 1);
    if (o->later.len > 0)
        buf_addf(&o->all, "%s%s", o->head.len > 2 ? "," : "", o->later.data);
    buf_addc(&o->all, ']');
    if (o->head.failed || o->later.failed || o->all.failed)
        out_of_memory();
    *json = o->all.data;
    *len = o->all.len;
}

/* The elements of a list, behind those that are there. */
static void add_later(struct task_tools *o, const char *list, size_t len)
{
    if (len <= 2)
        return;
    if (o->later.len > 0)
        buf_addc(&o->later, ',');
    buf_add(&o->later, list + 1, len - 2);
}

void task_tools_show(struct task *t)
{
    struct task_tools *o = t->tools;
    struct buf list;
    struct json *root;
    struct jsonw w;

    if (o->later.len == 0)
        return;
    buf_init(&list, ENTRY_LIMIT);
    buf_addf(&list, "[%s]", o->later.data);
    root = list.failed ? NULL : json_parse_large(list.data, list.len, 2000000, NULL);
    if (root == NULL)
        out_of_memory();
    o->head.len--; /* the bracket comes again */
    for (const struct json *e = json_first(root); e; e = json_next(e)) {
        size_t len;
        const char *parameters = json_raw(json_get(e, "parameters"), &len);

        buf_adds(&o->head, o->head.len > 1 ? "," : "");
        w = jsonw_start(&o->head);
        jsonw_object(&w, NULL);
        jsonw_text(&w, "name", json_get_text(e, "name", ""));
        jsonw_text(&w, "description", json_get_text(e, "description", ""));
        jsonw_raw(&w, "parameters", parameters ? parameters : "{}", parameters ? len : 2);
        jsonw_end(&w);
    }
    buf_addc(&o->head, ']');
    json_free(root);
    buf_finish(&list);
    buf_reset(&o->later);
}

int task_tools_were_offered(struct task *t, const struct json *e, struct err *err)
{
    struct task_tools *o = t->tools;
    const struct json *tools = json_get(e, "tools");
    const char *text;
    size_t len;

    if (json_kind(tools) != JSON_ARRAY || (text = json_raw(tools, &len)) == NULL)
        return fail(err, CORAX_E_INTERNAL, "tools_offered without tools");
    for (const struct json *n = json_first(json_get(e, "names")); n; n = json_next(n))
        if (json_text(n))
            offer(t, json_text(n));
    o->chosen = true;
    if (strcmp(json_get_text(e, "how", ""), "task") == 0) {
        buf_reset(&o->head);
        buf_add(&o->head, text, len);
    } else {
        add_later(o, text, len);
    }
    return 0;
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
    const size_t size = strlen(tool->name) + strlen(tool->summary) + tool->args_schema_len + 100;
    struct jsonw w = jsonw_start(&c->text);

    if (size > f->room || c->task->tools->n == MAX_OFFERED) {
        f->n_left_out++;
        return;
    }
    f->room -= size;
    f->n++;
    offer(c->task, tool->name);
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
    add_later(t->tools, f->list.data, f->list.len);
    record(t, FIND_TOOLS, before, f->list.data, f->list.len);
    return 1;
}

static int find_tools(struct builtin_call *c, const struct json *args, struct err *err)
{
    struct task *t = c->task;
    const char *query = json_get_text(args, "query", "");
    const size_t before = t->tools->n, room = (size_t)t->budget.max_observation_bytes;
    struct retrieval_hit hits[MAX_FOUND];
    struct found f = { 0 };
    int64_t limit = FOUND;
    int n, rc;

    if (json_get(args, "limit") && json_int(json_get(args, "limit"), "limit", &limit, err) < 0)
        return -1;
    n = look(t, query, strlen(query), (size_t)limit, hits, err);
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

const struct builtin builtin_find_tools = {
    .name = FIND_TOOLS,
    .tool = "{\"name\":\"find_tools\",\"description\":\"Finds more tools by what they do. There are many besides those listed; what is found can be "
            "called afterwards.\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"query\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":1000,"
            "\"description\":\"what the tool should do\"},\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":20}},\"required\":[\"query\"],"
            "\"additionalProperties\":false},\"_meta\":{\"corax/effects\":[\"read\"],\"corax/traits\":[\"idempotent\"]}}",
    .is_offered = task_tools_are_chosen,
    .call = find_tools,
};
