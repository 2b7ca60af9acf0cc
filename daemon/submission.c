#include "daemon/submission.h"

#include <string.h>

#include "agent/transcript.h"
#include "daemon/agents.h"
#include "daemon/policies.h"
#include "policies/match.h"
#include "util/arena.h"
#include "util/when.h"

/* A text becomes a list of one text part; a list must be one that the transcript takes. */
static int read_input(struct submission *s, const struct json *v, const char *body, size_t len, struct err *err)
{
    struct arena *arena;
    struct part *parts;
    const char *raw;
    size_t n, raw_len;
    struct jsonw w;
    int result = -1;

    if (json_kind(v) == JSON_STRING) {
        if (json_text(v)[0] == '\0')
            return fail(err, CORAX_E_ARGS, "input is empty");
        w = jsonw_start(&s->input);
        jsonw_array(&w, NULL);
        jsonw_object(&w, NULL);
        jsonw_text(&w, "type", "text");
        jsonw_text(&w, "text", json_text(v));
        jsonw_end(&w);
        jsonw_end(&w);
        return s->input.failed ? fail(err, CORAX_E_INTERNAL, "no memory") : 0;
    }
    if (json_kind(v) != JSON_ARRAY)
        return fail(err, CORAX_E_ARGS, "input must be a text or a list of parts");
    if ((arena = arena_create(TRANSCRIPT_MAX_BYTES)) == NULL)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    if (parts_read(arena, v, &parts, &n, err) == 0) {
        if (n == 0)
            fail(err, CORAX_E_ARGS, "input has no parts");
        else if (!json_find(body, len, "/input", &raw, &raw_len))
            fail(err, CORAX_E_ARGS, "input cannot be read");
        else
            result = 0;
    }
    if (result == 0)
        buf_add(&s->input, raw, raw_len);
    arena_destroy(arena);
    return result;
}

/* An agent says how a task is worked on; what the task says itself may only narrow that. */
static int read_agent(struct submission *s, const struct json *v, const struct config *config, struct err *err)
{
    const char *name = json_text(v);

    if (v == NULL)
        return 0;
    if (name == NULL || (s->agent = agents_find(config->agents, name)) == NULL)
        return fail(err, CORAX_E_ARGS, "there is no agent \"%.64s\": GET /v1/agents lists them", name ? name : "");
    s->model = s->agent->model;
    s->planner = s->agent->planner;
    s->budget = s->agent->budget;
    s->sampling = s->agent->sampling;
    s->tools = s->agent->tools;
    s->pinned = s->agent->pinned;
    if (s->agent->has_memory)
        s->memory = s->agent->memory;
    return 0;
}

static bool has_name(const struct json *list, const char *name)
{
    for (const struct json *e = json_first(list); e; e = json_next(e))
        if (strcmp(json_text(e), name) == 0)
            return true;
    return false;
}

/* Of an agent's tools a task may name some. */
static int narrow_tools(struct submission *s, const struct json *v, struct err *err)
{
    if (v == NULL)
        return 0;
    for (const struct json *e = json_first(v); s->tools && e; e = json_next(e))
        if (!has_name(s->tools, json_text(e)))
            return fail(err, CORAX_E_ARGS, "the agent %s has no tool \"%.64s\"", s->agent->name, json_text(e));
    s->tools = v;
    return 0;
}

static int read_model(struct submission *s, const struct json *v, const struct config *config, struct err *err)
{
    const struct model_file *file;

    if (v == NULL)
        return 0;
    s->model = json_text(v) ? json_text(v) : "";
    return config_find_model(config, s->model, &file, err);
}

/* Where the agent says what it remembers, a task may only leave that out. */
static int read_memory(struct submission *s, const struct json *v, struct err *err)
{
    const char *space = s->memory;

    if (config_read_space(v, &space, err) < 0)
        return -1;
    if (s->agent && s->agent->has_memory && space && (s->memory == NULL || strcmp(space, s->memory) != 0))
        return fail(err, CORAX_E_ARGS, "the agent %s has %s%s: leave memory out, or say null", s->agent->name,
                    s->memory ? "the memory " : "no memory", s->memory ? s->memory : "");
    s->memory = space;
    return 0;
}

static int read_priority(const struct json *v, enum priority *p, struct err *err)
{
    if (v && !priority_find(json_text(v) ? json_text(v) : "", p))
        return fail(err, CORAX_E_ARGS, "priority must be high, normal or low");
    return 0;
}

/* A moment, as a text or in Unix milliseconds; a time that has passed is good, for a submission may be repeated. */
static int read_moment(const struct json *v, const char *key, int64_t *ms, struct err *err)
{
    int64_t n;

    if (v == NULL)
        return 0;
    if (json_text(v))
        return when_parse(json_text(v), ms, err) < 0 ? err_context(err, "%s", key) : 0;
    if (json_int(v, key, &n, err) < 0)
        return -1;
    if (n < WHEN_MIN_MS || n > WHEN_MAX_MS)
        return fail(err, CORAX_E_ARGS, "%s is %lld, which is no time in Unix milliseconds between the years 2001 and 9999", key, (long long)n);
    *ms = n;
    return 0;
}

static int read_deadline(struct submission *s, struct err *err)
{
    if (read_moment(json_get(s->root, "deadline"), "deadline", &s->deadline_ms, err) < 0)
        return -1;
    if (s->deadline_ms && s->deadline_ms <= s->due_ms)
        return fail(err, CORAX_E_ARGS, "the deadline must be later than the time at which the task is to begin (at)");
    return 0;
}

static int read_every(struct submission *s, struct err *err)
{
    const struct json *v = json_get(s->root, "every");

    if (v == NULL)
        return 0;
    s->every = json_text(v);
    if (s->every == NULL)
        return fail(err, CORAX_E_ARGS, "every must be a text: \"10m\", or \"30 8 * * mon-fri\"");
    if (s->deadline_ms)
        return fail(err, CORAX_E_ARGS, "with every there is no deadline, which would be one moment for all tasks: budget.wall_ms limits each");
    return rule_parse(&s->rule, s->every, err);
}

static int read_budget(const struct json *v, struct budget *b, struct err *err)
{
    const struct budget most = *b;

    if (config_read_budget(v, b, err) < 0)
        return -1;
    budget_narrow(b, &most);
    return 0;
}

int submission_parse(struct submission *s, const char *body, size_t len, const struct config *config, const char **code,
                     const char **param, struct err *err)
{
    static const char *const known[] = { "input", "tools", "budget", "sampling", "attended", "planner", "agent", "priority", "at", "deadline", "every",
                                         "policy", "label", "model", "memory", NULL };
    const struct json *attended;

    memset(s, 0, sizeof(*s));
    buf_init(&s->input, TRANSCRIPT_MAX_BYTES);
    s->planner = config->planner;
    s->memory = config->memory.space;
    s->budget = config->budget;
    s->sampling = config->sampling;
    s->priority = PRIORITY_NORMAL;
    hash_bytes(body, len, s->hash);
    *code = "bad_json";
    *param = NULL;
    if ((s->root = json_parse(body, len, err)) == NULL)
        return -1;
    *code = "unknown_member";
    if (json_check_members(s->root, "the body", known, err) < 0)
        return -1;
    *code = "missing";
    *param = "input";
    if (json_get(s->root, "input") == NULL)
        return fail(err, CORAX_E_ARGS, "input is missing: give the task as a text");
    *code = "bad_value";
    if (read_input(s, json_get(s->root, "input"), body, len, err) < 0)
        return -1;
    *param = "agent";
    if (read_agent(s, json_get(s->root, "agent"), config, err) < 0)
        return -1;
    *param = "tools";
    if (config_check_tools(json_get(s->root, "tools"), err) < 0 || narrow_tools(s, json_get(s->root, "tools"), err) < 0)
        return -1;
    *param = "model";
    if (read_model(s, json_get(s->root, "model"), config, err) < 0)
        return -1;
    *param = "memory";
    if (read_memory(s, json_get(s->root, "memory"), err) < 0)
        return -1;
    *param = "planner";
    if (config_read_planner(json_get(s->root, "planner"), &s->planner, err) < 0)
        return -1;
    *param = "budget";
    if (read_budget(json_get(s->root, "budget"), &s->budget, err) < 0)
        return -1;
    *param = "sampling";
    if (config_read_sampling(json_get(s->root, "sampling"), &s->sampling, err) < 0)
        return -1;
    *param = "priority";
    if (read_priority(json_get(s->root, "priority"), &s->priority, err) < 0)
        return -1;
    *param = "at";
    if (read_moment(json_get(s->root, "at"), "at", &s->due_ms, err) < 0)
        return -1;
    *param = "deadline";
    if (read_deadline(s, err) < 0)
        return -1;
    *param = "policy";
    s->policy = json_get(s->root, "policy");
    /* Together with the agent's, which may have its name, and which alone is good: daemon/agents.c. */
    if (s->policy && policies_check_narrowing(s->agent ? s->agent->policy : NULL, s->policy, err) < 0)
        return -1;
    *param = "label";
    if (json_get(s->root, "label") && match_read_label(json_get(s->root, "label"), "label", &s->label, err) < 0)
        return -1;
    *param = "every";
    if (read_every(s, err) < 0)
        return -1;
    *param = "attended";
    attended = json_get(s->root, "attended");
    if (attended && json_kind(attended) != JSON_BOOL)
        return fail(err, CORAX_E_ARGS, "attended must be true or false");
    s->attended = json_bool(attended, true);
    return 0;
}

void submission_finish(struct submission *s)
{
    json_free(s->root);
    buf_finish(&s->input);
    memset(s, 0, sizeof(*s));
}
