#include "infer/chat.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/chat_tools.h"
#include "util/clock.h"

struct chat {
    struct engine *engine;
    struct scheduler *scheduler;
    const struct dialect *dialect;
    struct chat_tools_shelf tools;
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
    struct chat_tools *tools;
    size_t max_tokens;
    enum tool_choice choice;
    bool one_call;
    enum template_thinking thinking;
    struct sampling sampling;
    struct turn turn;
    struct usage usage;
    bool full; /* no further call is read: the reply is as if it had ended there */
    size_t told_reasoning, told_text; /* bytes */
    size_t told_calls, told_arguments; /* calls whose name was told; bytes of the last one's arguments */
    const char *finish; /* the word for the result */
};

struct chat *chat_create(struct engine *e, const struct dialect *dialect, const struct scheduler_options *options, struct err *err)
{
    struct chat *c = calloc(1, sizeof *c);

    if (!c) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    c->engine = e;
    c->dialect = dialect;
    c->scheduler = scheduler_create(e, options, err);
    if (!c->scheduler) {
        chat_destroy(c);
        return NULL;
    }
    return c;
}

/* --- the request -------------------------------------------------------------------------------------------------- */

static int read_tools(struct chat_request *r, const struct rpc_msg *msg, bool lenient, struct err *err)
{
    const char *text = NULL;
    size_t len = 0;

    if (!json_find(msg->line, msg->line_len, "/params/tools", &text, &len))
        text = NULL;
    r->tools = chat_tools_get(&r->chat->tools, text, len, lenient, err);
    return r->tools ? 0 : -1;
}

static int read_bool(const struct json *object, const char *name, bool otherwise, bool *out, struct err *err)
{
    const struct json *value = json_get(object, name);

    if (value && json_kind(value) != JSON_BOOL)
        return fail(err, CORAX_E_ARGS, "%s: not true or false", name);
    *out = json_bool(value, otherwise);
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
    bool parallel = true, thinking = true, lenient = false;

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
    if (read_bool(r->params, "lenient", false, &lenient, err) < 0 || read_bool(r->params, "parallel_tool_calls", true, &parallel, err) < 0 ||
        read_bool(r->params, "thinking", true, &thinking, err) < 0)
        return -1;
    r->one_call = !parallel;
    if (json_get(r->params, "thinking"))
        r->thinking = thinking ? THINKING_ON : THINKING_OFF;
    return read_sampling(r, err) < 0 ? -1 : read_tools(r, msg, lenient, err);
}

static void free_request(struct chat_request *r)
{
    turn_finish(&r->turn);
    chat_tools_put(&r->chat->tools, r->tools);
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
    chat_tools_shelf_finish(&c->tools);
    free(c);
}

/* --- the reply ---------------------------------------------------------------------------------------------------- */

static void tell(const struct chat_request *r, const struct chat_delta *d)
{
    if (r->hooks.delta && (d->name || d->len))
        r->hooks.delta(r->hooks.arg, d);
}

static void tell_part(const struct chat_request *r, const char *kind, const struct buf *part, size_t *told)
{
    if (part->len > *told)
        tell(r, &(struct chat_delta){ .kind = kind, .text = part->data + *told, .len = part->len - *told });
    *told = part->len;
}

/* A name is told when it is whole: with the first of its arguments, or when they are complete. */
static void tell_calls(struct chat_request *r)
{
    const struct reply *reply = &r->turn.reply;

    for (size_t i = r->told_calls ? r->told_calls - 1 : 0; i < reply->n_calls; i++) {
        const struct reply_call *c = &reply->calls[i];
        const bool begins = i == r->told_calls;

        if (begins && !c->complete && c->arguments.len == 0)
            return;
        if (begins) {
            tell(r, &(struct chat_delta){ .kind = "call", .index = i, .name = c->name.data ? c->name.data : "", .text = "" });
            r->told_calls++;
            r->told_arguments = 0;
        }
        tell(r, &(struct chat_delta){ .kind = "call", .index = i, .text = c->arguments.data + r->told_arguments,
                                      .len = c->arguments.len - r->told_arguments });
        r->told_arguments = c->arguments.len;
    }
}

static void tell_all(struct chat_request *r)
{
    tell_part(r, "reasoning", &r->turn.reply.reasoning, &r->told_reasoning);
    tell_part(r, "text", &r->turn.reply.text, &r->told_text);
    tell_calls(r);
}

static void on_token(void *arg, int32_t token)
{
    struct chat_request *r = arg;

    reply_add(&r->turn.reply, token);
    tell_all(r);
    if (reply_n_complete(&r->turn.reply) == REPLY_MAX_CALLS && !constraint_is_done(r->turn.constraint)) {
        r->full = true;
        generation_cancel(r->generation);
    }
}

static void on_prompt(void *arg)
{
    struct chat_request *r = arg;

    r->usage.prompt_ns = clock_mono_ns();
}

static const char *finish_name(enum decode_finish finish, const struct reply *r)
{
    switch (finish) {
    case DECODE_DONE:
        return reply_n_complete(r) ? "call" : "answer";
    case DECODE_LENGTH:
        return "length";
    case DECODE_STOPPED:
        break;
    }
    return "cancelled";
}

static void write_call(struct jsonw *w, const struct reply_call *c)
{
    jsonw_object(w, NULL);
    jsonw_string(w, "name", c->name.data ? c->name.data : "", c->name.len);
    jsonw_string(w, "arguments", c->arguments.data ? c->arguments.data : "", c->arguments.len);
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
    r->finish = r->full ? "call" : finish_name(end->finish, &r->turn.reply);
    reply_end(&r->turn.reply);
    tell_all(r);
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    r->hooks.done(r->hooks.arg, r, end->err);
    free_request(r);
}

/* Members of an array of JSON. */
static void write_notes(struct jsonw *w, const char *key, const struct buf *notes)
{
    if (notes->len == 0)
        return;
    jsonw_array(w, key);
    jsonw_raw(w, NULL, notes->data, notes->len);
    jsonw_end(w);
}

void chat_write_result(const struct chat_request *request, struct jsonw *w)
{
    const struct reply *r = &request->turn.reply;
    const struct usage *u = &request->usage;

    jsonw_string(w, "reasoning", r->reasoning.data, r->reasoning.len);
    jsonw_string(w, "text", r->text.data, r->text.len);
    jsonw_array(w, "calls");
    for (size_t i = 0; i < reply_n_complete(r); i++)
        write_call(w, &r->calls[i]);
    jsonw_end(w);
    write_notes(w, "disabled_tools", &request->tools->disabled);
    write_notes(w, "warnings", &request->tools->warnings);
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

/* Renders the transcript and hands it over. */
static int schedule(struct chat_request *r, struct err *err)
{
    const struct json *messages = json_get(r->params, "messages");
    const struct dialect_request q = { .messages = messages, .choice = r->choice, .one_call = r->one_call, .thinking = r->thinking };
    struct generation_spec spec = {
        .sampling = r->sampling,
        .max_tokens = r->max_tokens,
        .on_prompt = on_prompt,
        .on_token = on_token,
        .on_end = on_end,
        .arg = r,
    };

    if (!asks_for_reply(messages))
        return fail(err, CORAX_E_ARGS,
                    "messages: the last one must be of a user or a tool, there is nothing to reply to");
    if (chat_tools_turn(r->tools, r->chat->dialect, engine_vocabulary(r->chat->engine), &q, RPC_MAX_LINE, &r->turn, err) < 0)
        return -1;
    spec.constraint = r->turn.constraint;
    spec.prompt = r->turn.prompt.ids;
    spec.n_prompt = r->usage.n_prompt = r->turn.prompt.n;
    r->generation = scheduler_add(r->chat->scheduler, &spec, err);
    if (r->generation)
        return 0;
    if (r->turn.prompt.n > engine_info(r->chat->engine)->n_ctx)
        err->status = CORAX_E_ARGS;
    return err->status == CORAX_E_ARGS ? err_context(err, "messages") : -1;
}

struct chat_request *chat_start(struct chat *c, const struct rpc_msg *msg, const struct chat_hooks *hooks, struct err *err)
{
    struct chat_request *r;

    r = calloc(1, sizeof *r);
    if (!r) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    r->chat = c;
    r->hooks = *hooks;
    r->usage.start_ns = clock_mono_ns();
    if (read_request(r, msg, err) < 0 || schedule(r, err) < 0) {
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

bool chat_make_room(struct chat *c)
{
    return scheduler_make_room(c->scheduler);
}
