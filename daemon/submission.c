#include "daemon/submission.h"

#include <string.h>

#include "agent/transcript.h"
#include "util/arena.h"

#define MAX_TOOLS 1000 /* that a task may name */

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

static int read_tools(const struct json *v, struct err *err)
{
    const struct json *e;

    if (v == NULL)
        return 0;
    if (json_kind(v) != JSON_ARRAY || json_count(v) > MAX_TOOLS)
        return fail(err, CORAX_E_ARGS, "tools must be a list of at most %d names", MAX_TOOLS);
    for (e = json_first(v); e; e = json_next(e))
        if (json_text(e) == NULL)
            return fail(err, CORAX_E_ARGS, "tools must be a list of names");
    return 0;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int read_budget(const struct json *v, const struct budget *most, struct budget *b, struct err *err)
{
    if (config_read_budget(v, b, err) < 0)
        return -1;
    b->max_steps = (int)least(b->max_steps, most->max_steps);
    b->max_tool_calls = (int)least(b->max_tool_calls, most->max_tool_calls);
    b->max_tokens = least(b->max_tokens, most->max_tokens);
    b->max_wall_ms = least(b->max_wall_ms, most->max_wall_ms);
    b->max_identical = (int)least(b->max_identical, most->max_identical);
    b->max_reply_tokens = (int)least(b->max_reply_tokens, most->max_reply_tokens);
    b->max_observation_bytes = (int)least(b->max_observation_bytes, most->max_observation_bytes);
    b->max_depth = (int)least(b->max_depth, most->max_depth);
    b->max_width = (int)least(b->max_width, most->max_width);
    return 0;
}

int submission_parse(struct submission *s, const char *body, size_t len, const struct config *config, const char **code,
                     const char **param, struct err *err)
{
    static const char *const known[] = { "input", "tools", "budget", "sampling", "attended", "planner", NULL };
    const struct json *attended;

    memset(s, 0, sizeof(*s));
    buf_init(&s->input, TRANSCRIPT_MAX_BYTES);
    s->planner = config->planner;
    s->budget = config->budget;
    s->sampling = config->sampling;
    hash_bytes(body, len, s->hash);
    *code = "bad_json";
    *param = NULL;
    if ((s->root = json_parse(body, len, err)) == NULL)
        return -1;
    *code = "unknown_member";
    if (config_check_members(s->root, "the body", known, err) < 0)
        return -1;
    *code = "missing";
    *param = "input";
    if (json_get(s->root, "input") == NULL)
        return fail(err, CORAX_E_ARGS, "input is missing: give the task as a text");
    *code = "bad_value";
    if (read_input(s, json_get(s->root, "input"), body, len, err) < 0)
        return -1;
    *param = "tools";
    s->tools = json_get(s->root, "tools");
    if (read_tools(s->tools, err) < 0)
        return -1;
    *param = "planner";
    if (config_read_planner(json_get(s->root, "planner"), &s->planner, err) < 0)
        return -1;
    *param = "budget";
    if (read_budget(json_get(s->root, "budget"), &config->budget, &s->budget, err) < 0)
        return -1;
    *param = "sampling";
    if (config_read_sampling(json_get(s->root, "sampling"), &s->sampling, err) < 0)
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
