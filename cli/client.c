/*
 * HTTP to coraxd.  See client.h.
 */
#include "cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "util/sse.h"
#include "util/json.h"

/* The host part of a URL means nothing on a Unix socket, but HTTP wants one. */
#define BASE_URL           "http://localhost"
#define MAX_PATH           1024
#define MAX_FDS            4
#define MAX_REFUSAL        (1u << 20) /* an error body instead of a stream: the daemon's are far shorter */
#define CONNECT_TIMEOUT_MS 5000L

struct client {
    char socket[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
    CURL *curl; /* kept: requests after the first reuse the connection */
};

struct client *client_create(const char *socket_path, struct err *err)
{
    struct client *client;

    if (strlen(socket_path) >= sizeof(client->socket)) {
        fail(err, CORAX_E_ARGS, "the socket path %s is too long: at most %zu bytes are possible", socket_path,
             sizeof(client->socket) - 1);
        return NULL;
    }
    client = calloc(1, sizeof(*client));
    if (!client) {
        fail(err, CORAX_E_INTERNAL, "out of memory");
        return NULL;
    }
    memcpy(client->socket, socket_path, strlen(socket_path) + 1);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(client->curl = curl_easy_init())) {
        fail(err, CORAX_E_INTERNAL, "libcurl does not start");
        free(client);
        return NULL;
    }
    return client;
}

void client_destroy(struct client *client)
{
    if (!client)
        return;
    curl_easy_cleanup(client->curl);
    curl_global_cleanup();
    free(client);
}

static int unreachable(const struct client *client, int sys, struct err *err)
{
    const char *why = sys == ENOENT         ? "there is no such socket"
                      : sys == ECONNREFUSED ? "nobody listens there"
                      : sys == EACCES       ? "permission denied; ask for membership in the group that owns the socket"
                      : sys                 ? strerror(sys)
                                            : "it does not answer";
    if (sys == EACCES)
        return fail(err, CORAX_E_UNAVAIL, "cannot reach coraxd at %s: %s", client->socket, why);
    return fail(err, CORAX_E_UNAVAIL, "cannot reach coraxd at %s: %s. Is it running? Start it with: coraxd --socket %s",
                client->socket, why, client->socket);
}

/* What libcurl says, as our own error. */
static int transfer_error(const struct client *client, CURL *curl, CURLcode code, struct err *err)
{
    long sys = 0;

    switch (code) {
    case CURLE_COULDNT_CONNECT:
        curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &sys);
        return unreachable(client, (int)sys, err);
    case CURLE_OPERATION_TIMEDOUT:
        return fail(err, CORAX_E_UNAVAIL, "coraxd at %s does not answer", client->socket);
    case CURLE_WRITE_ERROR:
        return fail(err, CORAX_E_LIMIT, "coraxd's answer is longer than %u bytes", CLIENT_MAX_REPLY);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        return fail(err, CORAX_E_IO, "what listens at %s does not speak HTTP: is it coraxd?", client->socket);
    default:
        return fail(err, CORAX_E_IO, "the connection to coraxd at %s broke: %s", client->socket,
                    curl_easy_strerror(code));
    }
}

/* An answer of 400 or more, in the daemon's words. */
static int refusal(int status, const struct buf *body, struct err *err)
{
    int kind = status == 404   ? CORAX_E_NOTFOUND
               : status == 429 ? CORAX_E_LIMIT
               : status == 403 ? CORAX_E_DENIED
               : status < 500  ? CORAX_E_ARGS
                               : CORAX_E_INTERNAL;
    struct json *root = json_parse(body->data, body->len, NULL);
    const char *message = json_get_text(json_get(root, "error"), "message", NULL);

    if (message)
        fail(err, kind, "%s", message);
    else
        fail(err, kind, "coraxd answered with HTTP status %d and no reason", status);
    json_free(root);
    return -1;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct buf *body = arg;

    buf_add(body, data, size * n);
    return body->failed ? 0 : size * n;
}

static void set_common(CURL *curl, const struct client *client, const char *path)
{
    char url[sizeof(BASE_URL) + MAX_PATH];

    snprintf(url, sizeof(url), "%s%s", BASE_URL, path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, client->socket);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* http_proxy of the environment does not apply to a socket */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION);
}

static struct curl_slist *add_header(struct curl_slist *list, bool *failed, const char *header)
{
    struct curl_slist *longer = curl_slist_append(list, header);

    if (!longer)
        *failed = true;
    return longer ? longer : list;
}

int client_request(struct client *client, const char *method, const char *path, const struct buf *body,
                   const char *idempotency_key, int wait_s, struct reply *reply, struct err *err)
{
    struct curl_slist *headers = NULL;
    bool failed = false;
    char line[256];
    CURLcode code;
    long status = 0;
    int rc = -1;

    buf_init(&reply->body, CLIENT_MAX_REPLY);
    reply->status = 0;
    curl_easy_reset(client->curl);
    set_common(client->curl, client, path);
    curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(client->curl, CURLOPT_TIMEOUT, (long)CLIENT_PATIENCE_S + wait_s);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, &reply->body);
    if (body) {
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body->data);
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
        headers = add_header(headers, &failed, "Content-Type: application/json");
        headers = add_header(headers, &failed, "Expect:"); /* no 100-continue: it costs a round trip */
    }
    if (idempotency_key) {
        snprintf(line, sizeof(line), "Idempotency-Key: %s", idempotency_key);
        headers = add_header(headers, &failed, line);
    }
    if (failed) {
        fail(err, CORAX_E_INTERNAL, "out of memory");
        goto out;
    }
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
    code = curl_easy_perform(client->curl);
    if (code != CURLE_OK) {
        transfer_error(client, client->curl, code, err);
        goto out;
    }
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    reply->status = (int)status;
    rc = status >= 400 ? refusal((int)status, &reply->body, err) : 0;
out:
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    return rc;
}

void reply_finish(struct reply *reply)
{
    buf_finish(&reply->body);
}

struct stream {
    struct client *client;
    CURLM *multi;
    CURL *easy;
    struct sse sse;
    struct buf refusal; /* the body, when the answer is an error and no stream */
    struct err feed_err;
    bool done;
    CURLcode code; /* once done */
};

static size_t on_stream(char *data, size_t size, size_t n, void *arg)
{
    struct stream *stream = arg;
    long status = 0;

    curl_easy_getinfo(stream->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 400) {
        buf_add(&stream->refusal, data, size * n);
        return size * n;
    }
    return sse_feed(&stream->sse, data, size * n, &stream->feed_err) == 0 ? size * n : 0;
}

struct stream *stream_create(struct client *client, const char *task_id, int64_t starting_after, struct err *err)
{
    struct stream *stream = calloc(1, sizeof(*stream));
    char path[MAX_PATH];

    if (!stream) {
        fail(err, CORAX_E_INTERNAL, "out of memory");
        return NULL;
    }
    stream->client = client;
    sse_init(&stream->sse);
    buf_init(&stream->refusal, MAX_REFUSAL);
    stream->multi = curl_multi_init();
    stream->easy = curl_easy_init();
    if (!stream->multi || !stream->easy) {
        fail(err, CORAX_E_INTERNAL, "out of memory");
        stream_destroy(stream);
        return NULL;
    }
    snprintf(path, sizeof(path), "/v1/tasks/%s/events?starting_after=%lld", task_id, (long long)starting_after);
    set_common(stream->easy, client, path);
    curl_easy_setopt(stream->easy, CURLOPT_WRITEFUNCTION, on_stream);
    curl_easy_setopt(stream->easy, CURLOPT_WRITEDATA, stream);
    curl_multi_add_handle(stream->multi, stream->easy);
    return stream;
}

void stream_destroy(struct stream *stream)
{
    if (!stream)
        return;
    if (stream->multi && stream->easy)
        curl_multi_remove_handle(stream->multi, stream->easy);
    curl_easy_cleanup(stream->easy);
    curl_multi_cleanup(stream->multi);
    sse_finish(&stream->sse);
    buf_finish(&stream->refusal);
    free(stream);
}

/* Moves bytes; notes the end of the transfer. */
static void pump(struct stream *stream)
{
    int n_running, n_left;
    const CURLMsg *msg;

    curl_multi_perform(stream->multi, &n_running);
    while ((msg = curl_multi_info_read(stream->multi, &n_left))) {
        if (msg->msg == CURLMSG_DONE) {
            stream->done = true;
            stream->code = msg->data.result;
        }
    }
}

static enum stream_state ended(struct stream *stream, struct err *err)
{
    long status = 0;

    if (stream->feed_err.status != CORAX_OK) {
        *err = stream->feed_err;
        return STREAM_FAILED;
    }
    if (stream->code != CURLE_OK) {
        transfer_error(stream->client, stream->easy, stream->code, err);
        return STREAM_FAILED;
    }
    curl_easy_getinfo(stream->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 400) {
        refusal((int)status, &stream->refusal, err);
        return STREAM_FAILED;
    }
    return STREAM_END;
}

enum stream_state stream_next(struct stream *stream, const int *fds, size_t n_fds, int timeout_ms,
                              struct stream_item *item, struct err *err)
{
    struct curl_waitfd wait[MAX_FDS];
    unsigned n_wait = 0;
    bool waited = false;

    for (size_t i = 0; i < n_fds && n_wait < MAX_FDS; i++) {
        if (fds[i] >= 0)
            wait[n_wait++] = (struct curl_waitfd){ .fd = fds[i], .events = CURL_WAIT_POLLIN };
    }
    for (;;) {
        if (sse_next(&stream->sse)) {
            item->type = stream->sse.type.data;
            item->data = stream->sse.data.data;
            item->data_len = stream->sse.data.len;
            return STREAM_EVENT;
        }
        if (stream->done)
            return ended(stream, err);
        pump(stream);
        if (stream->done || stream->sse.in.len > stream->sse.taken) {
            if (sse_next(&stream->sse)) {
                item->type = stream->sse.type.data;
                item->data = stream->sse.data.data;
                item->data_len = stream->sse.data.len;
                return STREAM_EVENT;
            }
            if (stream->done)
                return ended(stream, err);
        }
        if (waited)
            return STREAM_IDLE;
        curl_multi_poll(stream->multi, wait, n_wait, timeout_ms, NULL);
        for (unsigned i = 0; i < n_wait; i++) {
            if (wait[i].revents)
                return STREAM_FD;
        }
        waited = true;
    }
}
