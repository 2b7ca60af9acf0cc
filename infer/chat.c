#include "infer/chat.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/jsonschema.h"

#define FOREIGN_TOKENS 32 /* a session with more behind the common prefix belongs to another conversation */

struct chat {
    struct engine *engine;
    struct session *sessions[CHAT_SESSIONS];
    uint64_t used[CHAT_SESSIONS], clock; /* for least recently used */
    struct tokens prompt;
    struct reply reply;
};

struct request {
    const struct json *params;
    struct tool *tools;
    struct jsonschema **schemas; /* those of tools */
    size_t n_tools, max_tokens;
    enum tool_choice choice;
    struct sampling sampling;
};

/* What a reply has done so far. */
struct progress {
    struct chat *chat;
    const struct chat_hooks *hooks;
};

struct chat *chat_create(struct engine *e, struct err *err)
{
    struct chat *c = calloc(1, sizeof *c);

    if (!c) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    c->engine = e;
    reply_init(&c->reply, RPC_MAX_LINE);
    c->sessions[0] = session_create(e, err);
    if (!c->sessions[0]) {
        chat_destroy(c);
        return NULL;
    }
    return c;
}

void chat_destroy(struct chat *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < CHAT_SESSIONS; i++)
        session_destroy(c->sessions[i]);
    tokens_finish(&c->prompt);
    reply_finish(&c->reply);
    free(c);
}

/* --- the request -------------------------------------------------------------------------------------------------- */

/* As in messages from the schema: "schema: /properties/x: ..." becomes "tool NAME: /properties/x: ...". */
static int read_tool(struct request *r, const struct rpc_msg *msg, const struct json *tool, struct err *err)
{
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
    r->schemas[i] = jsonschema_compile(text, len, err);
    if (!r->schemas[i])
        return err_context(err, "tool %s", name);
    r->tools[i].parameters = jsonschema_root(r->schemas[i]);
    return 0;
}

static int read_tools(struct request *r, const struct rpc_msg *msg, struct err *err)
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

static int read_sampling(struct request *r, struct err *err)
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

static int read_request(struct request *r, const struct rpc_msg *msg, struct err *err)
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

static void finish_request(struct request *r)
{
    for (size_t i = 0; i < r->n_tools; i++)
        jsonschema_destroy(r->schemas[i]);
    free(r->schemas);
    free(r->tools);
}

/* --- sessions ----------------------------------------------------------------------------------------------------- */

static size_t least_recent(const struct chat *c)
{
    size_t slot = 0;

    for (size_t i = 1; i < CHAT_SESSIONS; i++)
        if (c->used[i] < c->used[slot])
            slot = i;
    return slot;
}

static struct session *choose_session(struct chat *c, struct err *err)
{
    size_t best = 0, common = 0, slot;

    for (size_t i = 0; i < CHAT_SESSIONS; i++) {
        size_t n = c->sessions[i] ? session_common(c->sessions[i], c->prompt.ids, c->prompt.n) : 0;

        if (n > common) {
            best = i;
            common = n;
        }
    }
    slot = best;
    if (session_n_tokens(c->sessions[best]) > common + FOREIGN_TOKENS) {
        slot = least_recent(c);
        if (!c->sessions[slot] && !(c->sessions[slot] = session_create(c->engine, err)))
            return NULL;
        if (slot != best)
            session_copy(c->sessions[slot], c->sessions[best], common);
    }
    c->used[slot] = ++c->clock;
    return c->sessions[slot];
}

/* --- the reply ---------------------------------------------------------------------------------------------------- */

static void tell(const struct progress *p, const struct buf *part, size_t from)
{
    const struct reply *r = &p->chat->reply;
    const char *kind = part == &r->reasoning ? "reasoning" : part == &r->text ? "text" : "call";

    if (p->hooks->delta && part->len > from)
        p->hooks->delta(p->hooks->arg, kind, part->data + from, part->len - from);
}

static void on_token(void *arg, int32_t token, enum constraint_phase phase)
{
    struct progress *p = arg;
    struct reply *r = &p->chat->reply;
    const struct buf *parts[] = { &r->reasoning, &r->text, &r->call };
    size_t before[] = { r->reasoning.len, r->text.len, r->call.len };

    (void)reply_add(r, engine_tokenizer(p->chat->engine), token, phase);
    for (size_t i = 0; i < 3; i++)
        tell(p, parts[i], before[i]);
}

static bool should_stop(void *arg)
{
    const struct progress *p = arg;

    return p->hooks->stop && p->hooks->stop(p->hooks->arg);
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

struct usage {
    size_t n_prompt, n_cached, n_reply;
    int64_t start_ns, prompt_ns, end_ns;
};

static void write_result(const struct chat *c, const char *finish, const struct usage *u, struct jsonw *w)
{
    const struct reply *r = &c->reply;

    jsonw_string(w, "reasoning", r->reasoning.data, r->reasoning.len);
    jsonw_string(w, "text", r->text.data, r->text.len);
    jsonw_array(w, "calls");
    if (strcmp(finish, "call") == 0)
        write_call(w, &r->call);
    jsonw_end(w);
    jsonw_text(w, "finish", finish);
    jsonw_object(w, "usage");
    jsonw_int(w, "prompt_tokens", (int64_t)u->n_prompt);
    jsonw_int(w, "cached_tokens", (int64_t)u->n_cached);
    jsonw_int(w, "completion_tokens", (int64_t)u->n_reply);
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

/* Renders, evaluates, decodes.  *finish is the word for the result. */
static int reply_to(struct chat *c, const struct request *r, const struct dialect *dialect,
                    const struct dialect_tokens *special, struct constraint *constraint, const struct chat_hooks *hooks,
                    struct usage *u, const char **finish, struct err *err)
{
    struct progress progress = { .chat = c, .hooks = hooks };
    struct decode decode = { r->sampling, constraint, r->max_tokens, on_token, should_stop, &progress };
    enum decode_finish how;
    struct session *s;
    struct err why;

    c->prompt.n = 0;
    if (!asks_for_reply(json_get(r->params, "messages")))
        return fail(err, CORAX_E_ARGS,
                    "messages: the last one must be of a user or a tool, there is nothing to reply to");
    if (dialect->render(special, engine_tokenizer(c->engine), json_get(r->params, "messages"), r->tools, r->n_tools,
                        &c->prompt, err) < 0)
        return -1;
    u->n_prompt = c->prompt.n;
    s = choose_session(c, err);
    if (!s)
        return -1;
    if (session_sync(s, c->prompt.ids, c->prompt.n, should_stop, &progress, &u->n_cached, &why) < 0) {
        u->prompt_ns = clock_mono_ns();
        *finish = "cancelled";
        return why.status == CORAX_E_CANCELED ? 0 : fail(err, CORAX_E_ARGS, "messages: %s", why.msg);
    }
    u->prompt_ns = clock_mono_ns();
    if (session_decode(s, &decode, &u->n_reply, &how, err) < 0)
        return -1;
    *finish = finish_name(how, c->reply.call.len ? PHASE_ARGUMENTS : PHASE_ANSWER);
    return 0;
}

int chat_run(struct chat *c, const struct rpc_msg *msg, const struct chat_hooks *hooks, struct jsonw *w,
             struct err *err)
{
    const struct dialect *dialect = dialect_find(engine_info(c->engine)->dialect, err);
    struct usage usage = { .start_ns = clock_mono_ns() };
    struct request request = { 0 };
    struct dialect_tokens special;
    struct constraint *constraint = NULL;
    const char *finish = "";
    int result = -1;

    if (!dialect || dialect->open(engine_tokenizer(c->engine), &special, err) < 0)
        return -1;
    buf_reset(&c->reply.reasoning);
    buf_reset(&c->reply.text);
    buf_reset(&c->reply.call);
    c->reply.last = NULL;
    c->reply.held.n_held = 0;
    if (read_request(&request, msg, err) == 0) {
        const struct constraint_spec spec = {
            .tools = request.tools,
            .n_tools = request.n_tools,
            .choice = request.choice,
            .max_thought = CONSTRAINT_MAX_THOUGHT,
            .call = special.call,
            .answer = special.answer,
            .end = special.end,
        };

        constraint = constraint_create(engine_tokenizer(c->engine), &spec, err);
        if (constraint)
            result = reply_to(c, &request, dialect, &special, constraint, hooks, &usage, &finish, err);
    }
    if (result == 0) {
        usage.end_ns = clock_mono_ns();
        reply_end(&c->reply);
        write_result(c, finish, &usage, w);
    }
    constraint_destroy(constraint);
    finish_request(&request);
    return result;
}
