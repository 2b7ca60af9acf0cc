#include "util/rpc.h"

#include <limits.h>
#include <string.h>

/* More than a whole line may wait: callers feed what one read gave and only then take lines. */
#define READER_LIMIT ((size_t)4 * RPC_MAX_LINE)

/* ---- one message ------------------------------------------------------------------------------------------------ */

static int read_id(struct rpc_msg *msg, struct err *err)
{
    const struct json *id = json_get(msg->root, "id");
    enum json_kind kind = json_kind(id);

    msg->id_int = -1;
    if (kind == JSON_NONE)
        return 0;
    if (kind == JSON_NUMBER ? !json_is_integer(id) : kind != JSON_STRING && kind != JSON_NULL)
        return fail(err, CORAX_E_ARGS, "JSON-RPC: id is neither an integer nor a string");
    msg->id = json_raw(id, &msg->id_len);
    if (kind == JSON_NUMBER && (json_int(id, "id", &msg->id_int, NULL) != 0 || msg->id_int < 0))
        msg->id_int = -1;
    return 0;
}

static int read_call(struct rpc_msg *msg, struct err *err)
{
    enum json_kind params = json_kind(json_get(msg->root, "params"));

    msg->method = json_text(json_get(msg->root, "method"));
    if (!msg->method)
        return fail(err, CORAX_E_ARGS, "JSON-RPC: method is not a string");
    if (json_get(msg->root, "result") || json_get(msg->root, "error"))
        return fail(err, CORAX_E_ARGS, "JSON-RPC: a message with a method cannot have a result or an error");
    if (params != JSON_NONE && params != JSON_NULL && params != JSON_OBJECT && params != JSON_ARRAY)
        return fail(err, CORAX_E_ARGS, "JSON-RPC: params is neither an object nor an array");
    if (msg->id && json_kind(json_get(msg->root, "id")) == JSON_NULL)
        return fail(err, CORAX_E_ARGS, "JSON-RPC: the id of a request is null");
    if (params == JSON_OBJECT || params == JSON_ARRAY)
        msg->params = json_get(msg->root, "params");
    msg->kind = msg->id ? RPC_REQUEST : RPC_NOTIFICATION;
    return 0;
}

static int read_answer(struct rpc_msg *msg, struct err *err)
{
    const struct json *error = json_get(msg->root, "error");
    int64_t code;

    msg->result = json_get(msg->root, "result");
    if (!msg->result && !error)
        return fail(err, CORAX_E_ARGS, "JSON-RPC: neither method nor result nor error");
    if (msg->result && error)
        return fail(err, CORAX_E_ARGS, "JSON-RPC: both a result and an error");
    if (!msg->id)
        return fail(err, CORAX_E_ARGS, "JSON-RPC: an answer without an id");
    if (msg->result) {
        if (json_kind(json_get(msg->root, "id")) == JSON_NULL)
            return fail(err, CORAX_E_ARGS, "JSON-RPC: the id of a result is null");
        msg->kind = RPC_RESULT;
        return 0;
    }
    msg->error_message = json_text(json_get(error, "message"));
    msg->error_data = json_get(error, "data");
    if (!msg->error_message || json_int(json_get(error, "code"), "code", &code, NULL) != 0 || code < INT_MIN ||
        code > INT_MAX)
        return fail(err, CORAX_E_ARGS, "JSON-RPC: error is not an object with a code and a message");
    msg->error_code = (int)code;
    msg->kind = RPC_ERROR;
    return 0;
}

int rpc_parse(const char *line, size_t len, struct rpc_msg *out, struct err *err)
{
    struct rpc_msg msg = { .line = line, .line_len = len };
    const char *version;

    msg.root = json_parse(line, len, err);
    if (!msg.root)
        return err_context(err, "JSON-RPC");
    if (json_kind(msg.root) != JSON_OBJECT) {
        fail(err, CORAX_E_ARGS, "JSON-RPC: the message is not an object");
        goto bad;
    }
    version = json_get_text(msg.root, "jsonrpc", "");
    if (strcmp(version, "2.0") != 0) {
        fail(err, CORAX_E_ARGS, "JSON-RPC: jsonrpc is not \"2.0\"");
        goto bad;
    }
    if (read_id(&msg, err) != 0)
        goto bad;
    if ((json_get(msg.root, "method") ? read_call(&msg, err) : read_answer(&msg, err)) != 0)
        goto bad;
    *out = msg;
    return 0;
bad:
    json_free(msg.root);
    return -1;
}

void rpc_msg_finish(struct rpc_msg *msg)
{
    json_free(msg->root);
    *msg = (struct rpc_msg){ .id_int = -1 };
}

/* ---- cutting a stream into lines -------------------------------------------------------------------------------- */

void rpc_reader_init(struct rpc_reader *reader)
{
    *reader = (struct rpc_reader){ .taken = 0 };
    buf_init(&reader->in, READER_LIMIT);
}

void rpc_reader_finish(struct rpc_reader *reader)
{
    buf_finish(&reader->in);
    *reader = (struct rpc_reader){ .in = reader->in };
}

/* Marks whole lines up to the end of the buffer; `from` is the first byte not yet looked at. */
static int find_lines(struct rpc_reader *reader, size_t from, struct err *err)
{
    const char *data = reader->in.data, *newline;

    while ((newline = memchr(data + from, '\n', reader->in.len - from)) != NULL) {
        from = (size_t)(newline - data) + 1;
        if (from - reader->whole > RPC_MAX_LINE)
            goto too_long;
        reader->whole = from;
    }
    if (reader->in.len - reader->whole < RPC_MAX_LINE)
        return 0;
too_long:
    reader->in.failed = true;
    return fail(err, CORAX_E_LIMIT, "JSON-RPC: a line of more than %d bytes", RPC_MAX_LINE);
}

int rpc_reader_feed(struct rpc_reader *reader, const char *data, size_t len, struct err *err)
{
    struct buf *in = &reader->in;
    size_t old_len;

    if (in->failed)
        return fail(err, CORAX_E_LIMIT, "JSON-RPC: the stream has failed before");
    /* Forget lines that were taken, when that moves fewer bytes than it frees: each byte moves about once. */
    if (reader->taken > in->len / 2) {
        buf_drop_front(in, reader->taken);
        reader->whole -= reader->taken;
        reader->taken = 0;
    }
    old_len = in->len;
    buf_add(in, data, len);
    if (in->failed)
        return fail(err, CORAX_E_LIMIT, "JSON-RPC: more than %zu bytes wait, or memory ran out", READER_LIMIT);
    return find_lines(reader, old_len, err);
}

bool rpc_reader_next(struct rpc_reader *reader, const char **line, size_t *len)
{
    while (reader->taken < reader->whole) {
        const char *start = reader->in.data + reader->taken;
        const char *newline = memchr(start, '\n', reader->whole - reader->taken);
        size_t n = (size_t)(newline - start);

        reader->taken += n + 1;
        if (n > 0 && start[n - 1] == '\r')
            n--;
        if (n == 0)
            continue;
        *line = start;
        *len = n;
        return true;
    }
    return false;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static struct jsonw start(struct buf *out)
{
    struct jsonw w = jsonw_start(out);

    jsonw_object(&w, NULL);
    jsonw_text(&w, "jsonrpc", "2.0");
    return w;
}

static void write_id(struct jsonw *w, const char *id, size_t id_len)
{
    if (id)
        jsonw_raw(w, "id", id, id_len);
    else
        jsonw_null(w, "id");
}

struct jsonw rpc_request_start(struct buf *out, int64_t id, const char *method)
{
    struct jsonw w = start(out);

    jsonw_int(&w, "id", id);
    jsonw_text(&w, "method", method);
    jsonw_object(&w, "params");
    return w;
}

struct jsonw rpc_notification_start(struct buf *out, const char *method)
{
    struct jsonw w = start(out);

    jsonw_text(&w, "method", method);
    jsonw_object(&w, "params");
    return w;
}

struct jsonw rpc_result_start(struct buf *out, const char *id, size_t id_len)
{
    struct jsonw w = start(out);

    write_id(&w, id, id_len);
    jsonw_object(&w, "result");
    return w;
}

void rpc_end(struct jsonw *w)
{
    struct buf *out = w->out;

    while (w->depth > 0)
        jsonw_end(w);
    if (!out->failed) {
        char *p = out->data + w->start, *end = out->data + out->len;

        /* In JSON a line break can only be white space, here from raw text; in our framing it would end the message. */
        while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL)
            *p = ' ';
    }
    buf_addc(out, '\n');
    if (out->failed || out->len - w->start > RPC_MAX_LINE) {
        /* Whole messages only: what was queued before stays sendable. */
        out->failed = true;
        out->len = w->start;
        if (out->cap > 0)
            out->data[out->len] = '\0';
    }
}

static struct jsonw error_start(struct buf *out, const char *id, size_t id_len, int code, const char *message)
{
    struct jsonw w = start(out);

    write_id(&w, id, id_len);
    jsonw_object(&w, "error");
    jsonw_int(&w, "code", code);
    jsonw_text(&w, "message", message);
    return w;
}

struct jsonw rpc_failure_start(struct buf *out, const char *id, size_t id_len, int status, const char *message)
{
    struct jsonw w = error_start(out, id, id_len, RPC_TOOL_FAILED, message);

    jsonw_object(&w, "data");
    jsonw_int(&w, "status", status);
    return w;
}

void rpc_write_error(struct buf *out, const char *id, size_t id_len, int code, const char *message)
{
    struct jsonw w = error_start(out, id, id_len, code, message);

    rpc_end(&w);
}

void rpc_write_failure(struct buf *out, const char *id, size_t id_len, const struct err *err)
{
    struct jsonw w = rpc_failure_start(out, id, id_len, err->status, err->msg);

    rpc_end(&w);
}
