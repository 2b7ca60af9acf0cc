#include "infer/chat.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/jsonschema.h"

struct chat {
    struct engine *engine;
    struct scheduler *scheduler;
    struct chat_request *first; /* those that are not done */
};

struct usage {
    size_t n_prompt, n_cached, n_reply, n_guessed, n_right;
    int64_t start_ns, prompt_ns, end_ns;
};

struct chat_request {
    struct chat *chat;
    struct chat_request *next;
    struct chat_hooks hooks;
    struct generation *generation;
    const struct json *params;
    struct tool *tools;
    struct jsonschema **schemas; /* those of tools */
    size_t n_tools, max_tokens;
    enum tool_choice choice;
    struct sampling sampling;
    struct constraint *constraint;
    struct reply reply;
    struct usage usage;
    const char *finish; /* the word for the result */
};

struct chat *chat_create(struct engine *e, const struct scheduler_options *options, struct err *err)
{
    struct chat *c = calloc(1, sizeof *c);

    if (!c) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    c->engine = e;
    c->scheduler = scheduler_create(e, options, err);
    if (!c->scheduler) {
        chat_destroy(c);
        return NULL;
    }
    return c;
}

/* --- the request -------------------------------------------------------------------------------------------------- */

/* As in messages from the schema: "schema: /properties/x: ..." becomes "tool NAME: /properties/x: ...". */
static int read_tool(struct chat_request *r, const struct rpc_msg *msg, const struct json *tool, struct err *err)
{
    static const struct jsonschema_options strict = { .strict = true };
    const size_t i = r->n_tools++;
    const char *name = json_get_text(tool, "name", NULL), *text;
    char pointer[64];
    size_t len;

    if (!name)
        return fail(err, CORAX_E_ARGS, "tools[%zu].name: not a string", i);
    r->tools[i].name = name;
    snprintf(pointer, sizeof pointer, "/params/tools/%zu/parameters", i);
    if (!json_find(msg->line, msg->line_len, pointer, &text, &len))
        return 0;
    if (len > CHAT_MAX_SCHEMA)
        return fail(err, CORAX_E_ARGS, "tool %s: a schema of %zu bytes, at most %d", name, len, CHAT_MAX_SCHEMA);
    r->schemas[i] = jsonschema_compile(text, len, &strict, err);
    if (!r->schemas[i])
        return err_context(err, "tool %s", name);
    r->tools[i].parameters = jsonschema_root(r->schemas[i]);
    return 0;
}

static int read_tools(struct chat_request *r, const struct rpc_msg *msg, struct err *err)
{
    const struct json *tools = json_get(r->params, "tools");
    size_t n = json_count(tools);

    if (tools && json_kind(tools) != JSON_ARRAY && json_kind(tools) != JSON_NULL)
        return fail(err, CORAX_E_ARGS, "tools: not an array");
    if (n > CONSTRAINT_MAX_TOOLS)
        return fail(err, CORAX_E_ARGS, "tools: %zu, at most %d", n, CONSTRAINT_MAX_TOOLS);
    r->tools = calloc(n + 1, sizeof *r->tools);
    r->schemas = calloc(n + 1, sizeof *r->schemas);
    if (!r->tools || !r->schemas)
        return fail(err, CORAX_E_LIMIT, "out of memory for %zu tools", n);
    for (const struct json *tool = json_first(tools); tool; tool = json_next(tool))
        if (read_tool(r, msg, tool, err) < 0)
            return -1;
    return 0;
}

static int read_float(const struct json *object, const char *name, float *out, struct err *err)
{
    const struct json *value = json_get(object, name);

    if (!value)
        return 0;
    if (json_kind(value) != JSON_NUMBER)
        return fail(err, CORAX_E_ARGS, "sampling.%s: not a number", name);
    *out = (float)json_number(value, 0);
    return 0;
}

static int read_whole(const struct json *object, const char *name, const char *what, int64_t min, int64_t max,
                      int64_t *out, struct err *err)
{
    const struct json *value = json_get(object, name);

    if (!value)
        return 0;
    if (json_int(value, what, out, err) < 0)
        return -1;
    if (*out < min || *out > max)
        return fail(err, CORAX_E_ARGS, "%s: %" PRId64 ", allowed are %" PRId64 " to %" PRId64, what, *out, min, max);
    return 0;
}

static int read_sampling(struct chat_request *r, struct err *err)
{
    const struct json *sampling = json_get(r->params, "sampling");
    int64_t top_k = 0, seed = 1;

    r->sampling = SAMPLING_GREEDY;
    if (sampling && json_kind(sampling) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "sampling: not an object");
    if (read_float(sampling, "temperature", &r->sampling.temperature, err) < 0 ||
        read_float(sampling, "top_p", &r->sampling.top_p, err) < 0 ||
        read_float(sampling, "min_p", &r->sampling.min_p, err) < 0 ||
        read_whole(sampling, "top_k", "sampling.top_k", 0, INT32_MAX, &top_k, err) < 0 ||
        read_whole(sampling, "seed", "sampling.seed", -((int64_t)1 << 53), (int64_t)1 << 53, &seed, err) < 0)
        return -1;
    r->sampling.top_k = (uint32_t)top_k;
    r->sampling.seed = (uint64_t)seed;
    return 0;
}

static int read_request(struct chat_request *r, const struct rpc_msg *msg, struct err *err)
{
    const char *choice;
    int64_t max_tokens = CHAT_MAX_TOKENS;

    r->params = msg->params;
    if (json_kind(r->params) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "params: not an object");
    choice = json_get_text(r->params, "tool_choice", json_get(r->params, "tool_choice") ? "?" : "auto");
    if (strcmp(choice, "auto") == 0)
        r->choice = CHOICE_AUTO;
    else if (strcmp(choice, "none") == 0)
        r->choice = CHOICE_NONE;
    else if (strcmp(choice, "required") == 0)
        r->choice = CHOICE_REQUIRED;
    else
        return fail(err, CORAX_E_ARGS, "tool_choice: allowed are auto, none and required");
    if (read_whole(r->params, "max_tokens", "max_tokens", 1, 1 << 24, &max_tokens, err) < 0)
        return -1;
    r->max_tokens = (size_t)max_tokens;
    return read_sampling(r, err) < 0 ? -1 : read_tools(r, msg, err);
}

static void free_request(struct chat_request *r)
{
    constraint_destroy(r->constraint);
    for (size_t i = 0; i < r->n_tools; i++)
        jsonschema_destroy(r->schemas[i]);
    free(r->schemas);
    free(r->tools);
    reply_finish(&r->reply);
    free(r);
}

void chat_destroy(struct chat *c)
{
    if (!c)
        return;
    scheduler_destroy(c->scheduler);
    while (c->first) {
        struct chat_request *r = c->first;

        c->first = r->next;
        free_request(r);
    }
    free(c);
}

/* --- the reply ---------------------------------------------------------------------------------------------------- */

static void tell(const struct chat_request *r, const struct buf *part, size_t from)
{
    const char *kind = part == &r->reply.reasoning ? "reasoning" : part == &r->reply.text ? "text" : "call";

    if (r->hooks.delta && part->len > from)
        r->hooks.delta(r->hooks.arg, kind, part->data + from, part->len - from);
}

static void on_token(void *arg, int32_t token, enum constraint_phase phase)
{
    struct chat_request *r = arg;
    const struct buf *parts[] = { &r->reply.reasoning, &r->reply.text, &r->reply.call };
    size_t before[] = { parts[0]->len, parts[1]->len, parts[2]->len };

    (void)reply_add(&r->reply, engine_tokenizer(r->chat->engine), token, phase);
    for (size_t i = 0; i < 3; i++)
        tell(r, parts[i], before[i]);
}

static void on_prompt(void *arg)
{
    struct chat_request *r = arg;

    r->usage.prompt_ns = clock_mono_ns();
}

static const char *finish_name(enum decode_finish finish, enum constraint_phase last)
{
    switch (finish) {
    case DECODE_DONE:
        return last == PHASE_ARGUMENTS ? "call" : "answer";
    case DECODE_LENGTH:
        return "length";
    case DECODE_STOPPED:
        break;
    }
    return "cancelled";
}

static void write_call(struct jsonw *w, const struct buf *call)
{
    const char *space = memchr(call->data, ' ', call->len);
    size_t name = space ? (size_t)(space - call->data) : call->len;

    jsonw_object(w, NULL);
    jsonw_string(w, "name", call->data, name);
    jsonw_string(w, "arguments", space ? space + 1 : "", space ? call->len - name - 1 : 0);
    jsonw_end(w);
}

static void on_end(void *arg, const struct generation_end *end)
{
    struct chat_request *r = arg, **at = &r->chat->first;

    r->usage.n_cached = end->n_cached;
    r->usage.n_reply = end->n_tokens;
    r->usage.n_guessed = end->n_guessed;
    r->usage.n_right = end->n_right;
    r->usage.end_ns = clock_mono_ns();
    if (r->usage.prompt_ns == 0)
        r->usage.prompt_ns = r->usage.end_ns;
    r->finish = finish_name(end->finish, r->reply.call.len ? PHASE_ARGUMENTS : PHASE_ANSWER);
    reply_end(&r->reply);
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    r->hooks.done(r->hooks.arg, r, end->err);
    free_request(r);
}

void chat_write_result(const struct chat_request *request, struct jsonw *w)
{
    const struct reply *r = &request->reply;
    const struct usage *u = &request->usage;

    jsonw_string(w, "reasoning", r->reasoning.data, r->reasoning.len);
    jsonw_string(w, "text", r->text.data, r->text.len);
    jsonw_array(w, "calls");
    if (strcmp(request->finish, "call") == 0)
        write_call(w, &r->call);
    jsonw_end(w);
    jsonw_text(w, "finish", request->finish);
    jsonw_object(w, "usage");
    jsonw_int(w, "prompt_tokens", (int64_t)u->n_prompt);
    jsonw_int(w, "cached_tokens", (int64_t)u->n_cached);
    jsonw_int(w, "completion_tokens", (int64_t)u->n_reply);
    jsonw_int(w, "guessed_tokens", (int64_t)u->n_guessed);
    jsonw_int(w, "right_tokens", (int64_t)u->n_right);
    jsonw_int(w, "prompt_us", (u->prompt_ns - u->start_ns) / 1000);
    jsonw_int(w, "decode_us", (u->end_ns - u->prompt_ns) / 1000);
    jsonw_end(w);
}

static bool asks_for_reply(const struct json *messages)
{
    const char *role = "user"; /* no messages at all is what rendering complains about */

    for (const struct json *m = json_first(messages); m; m = json_next(m))
        role = json_get_text(m, "role", "");
    return strcmp(role, "user") == 0 || strcmp(role, "tool") == 0;
}

static int make_constraint(struct chat_request *r, const struct dialect_tokens *special, struct err *err)
{
    const struct constraint_spec spec = {
        .tools = r->tools,
        .n_tools = r->n_tools,
        .choice = r->choice,
        .max_thought = CONSTRAINT_MAX_THOUGHT,
        .call = special->call,
        .answer = special->answer,
        .end = special->end,
    };

    r->constraint = constraint_create(engine_vocabulary(r->chat->engine), &spec, err);
    return r->constraint ? 0 : -1;
}

/* Renders the transcript and hands it over. */
static int schedule(struct chat_request *r, const struct dialect *dialect, const struct dialect_tokens *special, struct err *err)
{
    const struct json *messages = json_get(r->params, "messages");
    struct generation_spec spec = {
        .sampling = r->sampling,
        .constraint = r->constraint,
        .max_tokens = r->max_tokens,
        .on_prompt = on_prompt,
        .on_token = on_token,
        .on_end = on_end,
        .arg = r,
    };
    struct tokens prompt = { 0 };
    int result;

    if (!asks_for_reply(messages))
        return fail(err, CORAX_E_ARGS,
                    "messages: the last one must be of a user or a tool, there is nothing to reply to");
    result = dialect->render(special, engine_tokenizer(r->chat->engine), messages, r->tools, r->n_tools, &prompt, err);
    if (result == 0) {
        spec.prompt = prompt.ids;
        spec.n_prompt = r->usage.n_prompt = prompt.n;
        r->generation = scheduler_add(r->chat->scheduler, &spec, err);
        if (!r->generation) {
            if (prompt.n > engine_info(r->chat->engine)->n_ctx)
                err->status = CORAX_E_ARGS;
            result = err->status == CORAX_E_ARGS ? err_context(err, "messages") : -1;
        }
    }
    tokens_finish(&prompt);
    return result;
}

struct chat_request *chat_start(struct chat *c, const struct rpc_msg *msg, const struct chat_hooks *hooks, struct err *err)
{
    const struct dialect *dialect = dialect_find(engine_info(c->engine)->dialect, err);
    struct dialect_tokens special;
    struct chat_request *r;

    if (!dialect || dialect->open(engine_tokenizer(c->engine), &special, err) < 0)
        return NULL;
    r = calloc(1, sizeof *r);
    if (!r) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    r->chat = c;
    r->hooks = *hooks;
    r->usage.start_ns = clock_mono_ns();
    reply_init(&r->reply, RPC_MAX_LINE);
    if (read_request(r, msg, err) < 0 || make_constraint(r, &special, err) < 0 || schedule(r, dialect, &special, err) < 0) {
        free_request(r);
        return NULL;
    }
    r->next = c->first;
    c->first = r;
    return r;
}

void chat_cancel(struct chat_request *r)
{
    generation_cancel(r->generation);
}

bool chat_step(struct chat *c)
{
    return scheduler_step(c->scheduler);
}

bool chat_save(struct chat *c)
{
    return scheduler_save(c->scheduler);
}
