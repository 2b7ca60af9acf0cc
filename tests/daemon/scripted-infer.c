/*
 * scripted-infer - stands in for corax-infer: speaks its protocol, and says what a script says.
 *
 *     scripted-infer serve SCRIPT
 *
 * SCRIPT is JSON: { "the user's text": [REPLY, ...], ... }.  A chat whose first user message is that text gets the
 * reply whose place is the number of assistant messages in the transcript, so the script needs no memory and a task
 * that is resumed by another process goes on at the right place.  A REPLY has the members of a chat's result, all
 * optional, and
 *
 *     "sleep_ms": 500          before it answers (a cancel ends the sleep)
 *     "do": "crash" | "garbage" | "hang" | "error" | "empty"     (the last: no text and no calls)
 *     "once": "/path"          "do" only if this file is not there; it is made first
 *     "echo": true             the text is the last tool message's text
 *     "turns": [REPLY, ...]    these in its place, each time the next of them, the last one again and again
 *
 * Where the planner tells the model something there are more user messages: "the user's text|2" is for what follows behind the second of
 * these, if it is there, and its places are counted from there.
 *
 * Where the first user's message has a summary (agent/compaction.c), "the user's text|summary" is the script, if it is there, and its last reply
 * is that of all later places.  With "count_tokens": N a prompt has a token for each N bytes of its messages, and one of more than 1024 is refused.
 *
 * Of attempts (agent/planner_reflexion.c) "the user's text|check" and "the user's text|lesson" have the checks and the lessons, by the number of
 * lessons before, and "the user's text|again1" is the script of the attempt that has been told one lesson.
 *
 * The script of "*" is for every text that has none of its own; in all calls' arguments @ stands for the user's text.
 * With "record": "/path" each line that comes is appended to that file, as it came.
 *
 * With "embed": { "dimensions": 256, "same": { "automobile": "car" }, "on": "a part of a text", "do": ..., "once": ..., "sleep_ms": ... } it makes
 * vectors: of how often each word is in a text, by the words' hashes, where those that are the same count as one.  What it does besides
 * ("crash", "garbage", "hang", "error", "nan", "short": another number of dimensions, "few": not one for each text, "long": a line beyond all limits)
 * it does where a text has that part.
 */
#include <ctype.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/base64.h"
#include "util/file.h"
#include "util/rpc.h"

#define CONTEXT 1024
#define MAX_DIM 4096

static struct rpc_reader reader;
static int64_t cancelled = -1;
static const char *user; /* the first text of the chat under way; NULL: none */

static void send_line(struct buf *line)
{
    if (write(1, line->data, line->len) != (ssize_t)line->len)
        _exit(1);
    buf_finish(line);
}

static int64_t dimensions(const struct json *script)
{
    int64_t n = 256;

    if (json_get(json_get(script, "embed"), "dimensions"))
        json_int(json_get(json_get(script, "embed"), "dimensions"), "dimensions", &n, NULL);
    return n;
}

static void info(const struct json *script, int64_t id)
{
    struct buf line;
    struct jsonw w;
    char text[16];

    buf_init(&line, RPC_MAX_LINE);
    snprintf(text, sizeof(text), "%lld", (long long)id);
    w = rpc_result_start(&line, text, strlen(text));
    jsonw_object(&w, "model");
    jsonw_text(&w, "name", "scripted");
    jsonw_text(&w, "sha256", json_get_text(json_get(script, "embed"), "sha256", "none"));
    jsonw_int(&w, "context_length", CONTEXT);
    jsonw_end(&w);
    if (json_get(script, "embed")) {
        jsonw_object(&w, "embedding");
        jsonw_int(&w, "dimensions", dimensions(script));
        jsonw_text(&w, "pooling", "words");
        jsonw_end(&w);
    }
    jsonw_text(&w, "kernels", "none");
    rpc_end(&w);
    send_line(&line);
}

static const char *message_text(const struct json *m)
{
    return json_get_text(json_first(json_get(m, "parts")), "text", "");
}

static bool has_summary(const struct json *messages)
{
    for (const struct json *m = json_first(messages); m; m = json_next(m))
        for (const struct json *p = json_first(json_get(m, "parts")); p && strcmp(json_get_text(m, "role", ""), "user") == 0; p = json_next(p))
            if (strncmp(json_get_text(p, "text", ""), "\nSummary of the steps", 21) == 0)
                return true;
    return false;
}

/* Lines that begin with a number. */
static int count_lessons(const char *text)
{
    int n = 0;

    for (const char *line = strchr(text, '\n'); line; line = strchr(line + 1, '\n'))
        n += line[1] >= '0' && line[1] <= '9';
    return n;
}

/* The place in the script of an attempt, n_since: assistant messages behind the last user's; NULL: it is none of those. */
static const struct json *find_attempt(const struct json *script, const struct json *messages, int n_since)
{
    const char *last = "";
    int n_lessons = 0;
    char name[200];
    const struct json *reply;

    for (const struct json *m = json_first(messages); m; m = json_next(m)) {
        if (strcmp(json_get_text(m, "role", ""), "user") != 0)
            continue;
        last = message_text(m);
        if (strncmp(last, "Earlier attempts", 16) == 0)
            n_lessons = count_lessons(last);
    }
    if (strncmp(last, "Is this answer", 14) == 0)
        snprintf(name, sizeof(name), "%s|check", user);
    else if (strncmp(last, "This attempt", 12) == 0)
        snprintf(name, sizeof(name), "%s|lesson", user);
    else if (n_lessons > 0)
        snprintf(name, sizeof(name), "%s|again%d", user, n_lessons);
    else
        return NULL;
    reply = json_first(json_get(script, name));
    for (int n = strncmp(last, "Earlier", 7) == 0 ? n_since : n_lessons; reply && n > 0; n--)
        reply = json_next(reply);
    return reply;
}

static const struct json *find_reply(const struct json *script, const struct json *messages, const char **last_tool)
{
    const struct json *m, *reply;
    const char *role;
    char later[200];
    int n = 0, n_since = 0, n_told = 0;

    user = NULL;
    *last_tool = "";
    for (m = json_first(messages); m; m = json_next(m)) {
        role = json_get_text(m, "role", "");
        if (strcmp(role, "user") == 0) {
            n_told += user != NULL;
            n_since = 0;
            user = user ? user : message_text(m);
        }
        n += strcmp(role, "assistant") == 0;
        n_since += strcmp(role, "assistant") == 0;
        if (strcmp(role, "tool") == 0)
            *last_tool = message_text(m);
    }
    if (n_told > 0 && (reply = find_attempt(script, messages, n_since)))
        return reply;
    reply = json_get(script, user ? user : "");
    snprintf(later, sizeof(later), "%s|summary", user ? user : "");
    if (has_summary(messages) && n_told == 0 && json_get(script, later)) {
        reply = json_first(json_get(script, later));
        while (n-- > 0 && json_next(reply))
            reply = json_next(reply);
        return reply;
    }
    snprintf(later, sizeof(later), "%s|%d", user ? user : "", n_told);
    if (n_told > 0 && json_get(script, later)) {
        reply = json_get(script, later);
        n = n_since;
    }
    for (reply = json_first(reply ? reply : json_get(script, "*")); reply && n > 0; n--)
        reply = json_next(reply);
    return reply;
}

/* The only memory there is: how often each reply with turns has been given. */
static const struct json *take_turn(const struct json *reply)
{
    static struct {
        const struct json *reply;
        int n;
    } given[16];
    const struct json *turn = json_first(json_get(reply, "turns"));
    size_t i = 0;

    if (turn == NULL)
        return reply;
    while (i < 15 && given[i].reply && given[i].reply != reply)
        i++;
    given[i].reply = reply;
    for (int n = given[i].n++; n > 0 && json_next(turn); n--)
        turn = json_next(turn);
    return turn;
}

static bool is_due(const struct json *reply)
{
    const char *once = json_get_text(reply, "once", NULL);
    int fd;

    if (once == NULL)
        return true;
    fd = open(once, O_CREAT | O_EXCL | O_WRONLY, 0600);
    if (fd < 0)
        return false;
    close(fd);
    return true;
}

static bool feed(int timeout_ms)
{
    struct pollfd p = { .fd = 0, .events = POLLIN };
    char data[65536];
    ssize_t n;

    if (poll(&p, 1, timeout_ms) <= 0)
        return false;
    n = read(0, data, sizeof(data));
    if (n <= 0)
        _exit(0);
    if (rpc_reader_feed(&reader, data, (size_t)n, NULL) < 0)
        _exit(1);
    return true;
}

static void misbehave(const char *how, const char *id, size_t id_len)
{
    struct buf line;

    if (strcmp(how, "crash") == 0) {
        abort();
    } else if (strcmp(how, "garbage") == 0) {
        if (write(1, "this is no JSON\n", 16) != 16)
            _exit(1);
    } else if (strcmp(how, "hang") == 0) {
        for (;;)
            feed(-1); /* until the other side is gone */
    } else {
        buf_init(&line, RPC_MAX_LINE);
        rpc_write_error(&line, id, id_len, RPC_INVALID_PARAMS, "the script wants it so");
        send_line(&line);
    }
}

/* Sleeps until the time is up or the request is cancelled.  Only a cancel may come meanwhile, for this test program. */
static void sleep_or_cancel(int64_t ms)
{
    struct rpc_msg msg;
    const char *line;
    size_t len;

    while (ms > 0 && cancelled < 0) {
        if (feed(20)) {
            while (cancelled < 0 && rpc_reader_next(&reader, &line, &len)) {
                if (rpc_parse(line, len, &msg, NULL) < 0)
                    _exit(1);
                if (msg.method && strcmp(msg.method, "cancel") == 0)
                    json_int(json_get(msg.params, "id"), "id", &cancelled, NULL);
                rpc_msg_finish(&msg);
            }
        }
        ms -= 20;
    }
}

static void write_calls(struct jsonw *w, const struct json *calls)
{
    const struct json *c;
    struct buf args;

    jsonw_array(w, "calls");
    for (c = json_first(calls); c; c = json_next(c)) {
        buf_init(&args, RPC_MAX_LINE);
        for (const char *at = json_get_text(c, "arguments", ""); *at; at++) {
            if (*at == '@')
                buf_adds(&args, user ? user : "");
            else
                buf_addc(&args, *at);
        }
        jsonw_object(w, NULL);
        jsonw_text(w, "name", json_get_text(c, "name", ""));
        jsonw_string(w, "arguments", args.data ? args.data : "", args.len);
        jsonw_end(w);
        buf_finish(&args);
    }
    jsonw_end(w);
}

/* One chat/delta; index < 0 is no call, name NULL goes on with it. */
static void write_delta(struct buf *line, int64_t id, const char *kind, int index, const char *name, const char *text)
{
    struct jsonw w = rpc_notification_start(line, "chat/delta");

    jsonw_int(&w, "id", id);
    jsonw_text(&w, "kind", kind);
    if (index >= 0)
        jsonw_int(&w, "index", index);
    if (name)
        jsonw_text(&w, "name", name);
    jsonw_text(&w, "text", text);
    rpc_end(&w);
}

static void write_deltas(struct buf *line, int64_t id, const struct json *reply, const char *text)
{
    const char *reasoning = json_get_text(reply, "reasoning", "");
    int index = 0;

    if (*reasoning)
        write_delta(line, id, "reasoning", -1, NULL, reasoning);
    if (*text)
        write_delta(line, id, "text", -1, NULL, text);
    for (const struct json *c = json_first(json_get(reply, "calls")); c; c = json_next(c), index++) {
        write_delta(line, id, "call", index, json_get_text(c, "name", ""), "");
        write_delta(line, id, "call", index, NULL, json_get_text(c, "arguments", ""));
    }
}

static size_t prompt_tokens = 10;

/* false: it does not fit. */
static bool count_tokens(const struct json *script, const struct rpc_msg *msg)
{
    char text[100];
    struct buf line;
    size_t len = 0;
    int64_t n = 0;

    if (json_int(json_get(script, "count_tokens"), "count_tokens", &n, NULL) < 0 || n < 1)
        return true;
    json_raw(json_get(msg->params, "messages"), &len);
    prompt_tokens = len / (size_t)n;
    if (prompt_tokens <= CONTEXT)
        return true;
    snprintf(text, sizeof(text), "a transcript of %zu tokens, the context holds %d", prompt_tokens, CONTEXT);
    buf_init(&line, RPC_MAX_LINE);
    rpc_write_error(&line, msg->id, msg->id_len, RPC_INVALID_PARAMS, text);
    send_line(&line);
    return false;
}

static void answer(const struct rpc_msg *msg, const struct json *reply, const char *last_tool)
{
    bool calls = json_count(json_get(reply, "calls")) > 0;
    const char *text = json_bool(json_get(reply, "echo"), false) ? last_tool : json_get_text(reply, "text", "");
    struct buf line;
    struct jsonw w;

    buf_init(&line, RPC_MAX_LINE);
    write_deltas(&line, msg->id_int, reply, text);
    w = rpc_result_start(&line, msg->id, msg->id_len);
    jsonw_text(&w, "reasoning", json_get_text(reply, "reasoning", ""));
    jsonw_text(&w, "text", text);
    if (calls)
        write_calls(&w, json_get(reply, "calls"));
    jsonw_text(&w, "finish", cancelled >= 0 ? "cancelled" : calls ? "call" : "answer");
    jsonw_object(&w, "usage");
    jsonw_int(&w, "prompt_tokens", (int64_t)prompt_tokens);
    jsonw_int(&w, "completion_tokens", 5);
    jsonw_end(&w);
    rpc_end(&w);
    send_line(&line);
}

static void chat(const struct json *script, const struct rpc_msg *msg)
{
    struct rpc_msg own = *msg; /* its id outlives the line */
    const char *last_tool, *how;
    char id[64];
    const struct json *reply = find_reply(script, json_get(msg->params, "messages"), &last_tool);
    int64_t ms = 0;

    if (!count_tokens(script, msg))
        return;
    reply = take_turn(reply);
    cancelled = -1;
    own.id = id;
    own.id_len = (size_t)snprintf(id, sizeof(id), "%.*s", (int)msg->id_len, msg->id);
    how = json_get_text(reply, "do", NULL);
    if (how && is_due(reply)) {
        if (strcmp(how, "empty") == 0)
            answer(msg, NULL, "");
        else
            misbehave(how, msg->id, msg->id_len);
        return;
    }
    if (json_get(reply, "sleep_ms") && json_int(json_get(reply, "sleep_ms"), "sleep_ms", &ms, NULL) == 0)
        sleep_or_cancel(ms);
    answer(&own, reply, last_tool);
}

/* --- vectors ------------------------------------------------------------------------------------------------------ */

static void count_word(const struct json *script, char *word, float *vector)
{
    const char *same = json_get_text(json_get(json_get(script, "embed"), "same"), word, word);
    unsigned hash = 2166136261u;

    for (; *same; same++)
        hash = (hash ^ (unsigned char)*same) * 16777619u;
    vector[hash % (unsigned)dimensions(script)] += 1;
}

/* Of length 1, as all models of embeddings give them. */
static void make_vector(const struct json *script, const char *text, float *vector)
{
    char word[64];
    size_t n = 0;
    float square = 0;

    for (;; text++) {
        if (isalnum((unsigned char)*text) && n < sizeof(word) - 1) {
            word[n++] = (char)tolower((unsigned char)*text);
            continue;
        }
        word[n] = '\0';
        if (n > 0)
            count_word(script, word, vector);
        n = 0;
        if (*text == '\0')
            break;
    }
    for (int64_t i = 0; i < dimensions(script); i++)
        square += vector[i] * vector[i];
    if (square == 0)
        vector[0] = square = 1;
    for (int64_t i = 0; i < dimensions(script); i++)
        vector[i] /= sqrtf(square);
}

static void embed(const struct json *script, const struct rpc_msg *msg)
{
    const struct json *how = json_get(script, "embed"), *texts = json_get(msg->params, "texts");
    const char *part = json_get_text(how, "on", "\n\n"), *act = json_get_text(how, "do", "");
    size_t n = (size_t)dimensions(script);
    struct buf line;
    struct jsonw w;
    char id[64];
    int64_t ms = 0;
    bool due = false;

    snprintf(id, sizeof(id), "%.*s", (int)msg->id_len, msg->id);
    for (const struct json *t = json_first(texts); t; t = json_next(t))
        due = due || strstr(json_text(t), part);
    due = due && is_due(how);
    cancelled = -1;
    if (due && json_get(how, "sleep_ms") && json_int(json_get(how, "sleep_ms"), "sleep_ms", &ms, NULL) == 0)
        sleep_or_cancel(ms);
    buf_init(&line, 4 * RPC_MAX_LINE);
    if (cancelled >= 0) {
        rpc_write_error(&line, id, strlen(id), RPC_INTERNAL, "cancelled");
        send_line(&line);
        return;
    }
    if (due && strcmp(act, "long") == 0) {
        for (int i = 0; i < RPC_MAX_LINE; i++)
            buf_adds(&line, "xx");
        send_line(&line);
        return;
    }
    if (due && (strcmp(act, "crash") == 0 || strcmp(act, "garbage") == 0 || strcmp(act, "hang") == 0 || strcmp(act, "error") == 0)) {
        misbehave(act, id, strlen(id));
        return;
    }
    w = rpc_result_start(&line, id, strlen(id));
    jsonw_int(&w, "dimensions", (int64_t)n);
    jsonw_array(&w, "vectors");
    for (const struct json *t = json_first(texts); t; t = json_next(t)) {
        float vector[MAX_DIM] = { 0 };

        make_vector(script, json_text(t), vector);
        if (due && strcmp(act, "nan") == 0)
            vector[1] = NAN;
        base64_write(&w, NULL, vector, (due && strcmp(act, "short") == 0 ? n - 1 : n) * sizeof(float));
        if (due && strcmp(act, "few") == 0)
            base64_write(&w, NULL, vector, n * sizeof(float));
    }
    rpc_end(&w);
    send_line(&line);
}

static void record_line(const char *path, const char *line, size_t len)
{
    FILE *f = path ? fopen(path, "a") : NULL;

    if (f) {
        fwrite(line, 1, len, f);
        fputc('\n', f);
        fclose(f);
    }
}

int main(int argc, char **argv)
{
    struct rpc_msg msg;
    struct json *script;
    struct buf text;
    struct err err = { 0 };
    const char *line;
    size_t len;

    buf_init(&text, 1u << 20);
    if (argc < 3 || file_read(argv[argc - 1], &text, &err) < 0 ||
        (script = json_parse_config(text.data, text.len, &err)) == NULL) {
        fprintf(stderr, "scripted-infer: %s\n", err.msg);
        _exit(1);
    }
    rpc_reader_init(&reader);
    for (;;) {
        while (rpc_reader_next(&reader, &line, &len)) {
            record_line(json_get_text(script, "record", NULL), line, len);
            if (rpc_parse(line, len, &msg, NULL) < 0)
                _exit(1);
            if (msg.method && strcmp(msg.method, "info") == 0)
                info(script, msg.id_int);
            else if (msg.method && strcmp(msg.method, "embed") == 0)
                embed(script, &msg);
            else if (msg.method && strcmp(msg.method, "chat") == 0)
                chat(script, &msg);
            rpc_msg_finish(&msg);
        }
        feed(-1);
    }
}
