/*
 * plugins/code: the bytes are what a box told of the program that it ran.  Whatever that is, as long as it is a JSON object, the
 * call ends with parts that a host takes, or with a sentence.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <corax/plugin.h>

#include "util/arena.h"
#include "util/buf.h"
#include "util/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct corax_call {
    const char *reply;
    size_t reply_len;
    struct arena *arena;
    size_t n_results, n_bytes;
    int status;
};

static void require(bool good)
{
    if (!good)
        abort();
}

static int on_result(struct corax_call *c, const char *mime, const void *data, size_t len)
{
    if (c->n_bytes + len > CORAX_RESULT_MAX)
        return CORAX_E_LIMIT;
    require(strcmp(mime, "application/json") != 0 || json_check(data, len, NULL) == 0);
    c->n_bytes += len;
    c->n_results++;
    return CORAX_OK;
}

static void on_fail(struct corax_call *c, int status, const char *text, size_t len)
{
    require(status != CORAX_OK && len > 0);
    c->status = status;
}

static void on_progress(struct corax_call *c, double done, const char *text, size_t len)
{
}

static int64_t on_remaining_ms(struct corax_call *c)
{
    return 30000;
}

static int on_request(struct corax_call *c, const char *service, const char *request, size_t len, const char **reply,
                      size_t *reply_len)
{
    require(json_check(request, len, NULL) == 0);
    *reply = c->reply;
    *reply_len = c->reply_len;
    return CORAX_OK;
}

static int find(struct corax_call *c, const char *json, size_t json_len, const char *pointer, const char **text,
                size_t *len)
{
    struct buf out;

    if (!json_find(json, json_len, pointer, text, len))
        return CORAX_E_NOTFOUND;
    if (**text != '"')
        return CORAX_OK;
    buf_init(&out, *len);
    require(json_unquote(*text, *len, &out));
    *len = out.len;
    *text = arena_strndup(c->arena, out.data ? out.data : "", out.len);
    buf_finish(&out);
    return *text ? CORAX_OK : CORAX_E_LIMIT;
}

static int on_arg(struct corax_call *c, const char *pointer, const char **text, size_t *len)
{
    static const char args[] = "{\"code\":\"print(6*7)\",\"stdin\":\"x\"}";

    return find(c, args, sizeof(args) - 1, pointer, text, len);
}

static int on_json_get(struct corax_call *c, const char *json, size_t json_len, const char *pointer, const char **text,
                       size_t *len)
{
    return find(c, json, json_len, pointer, text, len);
}

static const struct corax_host host = {
    .size = sizeof(host),
    .abi_major = CORAX_ABI_MAJOR,
    .abi_minor = CORAX_ABI_MINOR,
    .result = on_result,
    .fail = on_fail,
    .progress = on_progress,
    .remaining_ms = on_remaining_ms,
    .request = on_request,
    .arg = on_arg,
    .json_get = on_json_get,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct corax_plugin *plugin;
    static struct arena *arena;
    struct corax_call call = { .reply = (const char *)data, .reply_len = len };
    struct json *reply = json_parse((const char *)data, len, NULL);
    int rc;

    if (json_kind(reply) == JSON_OBJECT) {
        if (!plugin) {
            plugin = corax_plugin_entry();
            arena = arena_create(4u << 20);
            require(arena && (!plugin->init || plugin->init(&host) == CORAX_OK));
        }
        arena_reset(arena);
        call.arena = arena;
        rc = plugin->tools[0]->call(&host, &call, "{\"code\":\"print(6*7)\"}", 22);
        require(rc == CORAX_OK ? call.n_results > 0 : call.status != CORAX_OK || call.n_bytes > 0);
    }
    json_free(reply);
    return 0;
}
