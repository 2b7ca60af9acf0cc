/*
 * corax-infer serve: JSON-RPC on standard input and output, as in docs/protocol.md.
 *
 * Requests wait in a queue and run one at a time.  While one runs, its stop hook reads what has come in meanwhile, so
 * that a cancel takes effect between two tokens.  A message that is wrong gets an error and nothing more; only a line
 * beyond all limits, behind which no next line can be found, ends the program.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "infer/chat.h"
#include "infer/command.h"
#include "util/log.h"
#include "util/rpc.h"

#define MAX_WAITING 64 /* requests; a daemon keeps its own queue, so this is only a bound */

struct job {
    struct rpc_msg msg; /* points into line */
    char *line;
    bool cancelled;
    struct job *next;
};

struct server {
    struct engine *engine;
    struct chat *chat;
    struct rpc_reader reader;
    struct job *first, **last; /* the one that runs stays the first until it is done */
    size_t n_waiting;
    bool ended, broken; /* no more input; input or output is of no more use */
    struct buf out, delta;
};

/* --- output ------------------------------------------------------------------------------------------------------- */

static void flush(struct server *s, struct buf *out)
{
    size_t at = 0;

    while (at < out->len && !s->broken) {
        ssize_t n = write(STDOUT_FILENO, out->data + at, out->len - at);

        if (n > 0) {
            at += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            struct pollfd p = { STDOUT_FILENO, POLLOUT, 0 };

            (void)poll(&p, 1, -1);
        } else if (n < 0 && errno != EINTR) {
            log_warn("standard output: %s", strerror(errno));
            s->broken = true;
        }
    }
    buf_reset(out);
}

static void refuse(struct server *s, const struct job *j, int code, const char *message)
{
    rpc_write_error(&s->out, j ? j->msg.id : "null", j ? j->msg.id_len : 4, code, message);
    flush(s, &s->out);
}

/* Ends a message that was started in s->out; one that is too long for a line becomes an error. */
static void finish_result(struct server *s, const struct job *j, struct jsonw *w)
{
    rpc_end(w);
    if (s->out.failed) {
        buf_reset(&s->out);
        refuse(s, j, RPC_INTERNAL, "the result is longer than a line may be");
    } else {
        flush(s, &s->out);
    }
}

/* --- input -------------------------------------------------------------------------------------------------------- */

static void free_job(struct job *j)
{
    rpc_msg_finish(&j->msg);
    free(j->line);
    free(j);
}

static void cancel(struct server *s, const struct rpc_msg *msg)
{
    const char *id;
    size_t len;

    if (!json_find(msg->line, msg->line_len, "/params/id", &id, &len))
        return;
    for (struct job *j = s->first; j; j = j->next)
        if (j->msg.id_len == len && memcmp(j->msg.id, id, len) == 0)
            j->cancelled = true;
}

static void take_line(struct server *s, const char *line, size_t len)
{
    struct job *j = calloc(1, sizeof *j);
    struct err err;

    if (!j || !(j->line = malloc(len + 1))) {
        free(j);
        refuse(s, NULL, RPC_INTERNAL, "out of memory");
        return;
    }
    memcpy(j->line, line, len);
    j->line[len] = 0;
    if (rpc_parse(j->line, len, &j->msg, &err) < 0) {
        free(j->line);
        free(j);
        refuse(s, NULL, json_check(line, len, NULL) < 0 ? RPC_PARSE_ERROR : RPC_INVALID_REQUEST, err.msg);
        return;
    }
    if (j->msg.kind == RPC_REQUEST && s->n_waiting < MAX_WAITING) {
        *s->last = j;
        s->last = &j->next;
        s->n_waiting++;
        return;
    }
    if (j->msg.kind == RPC_REQUEST)
        refuse(s, j, RPC_INTERNAL, "too many requests are waiting");
    else if (j->msg.kind == RPC_NOTIFICATION && strcmp(j->msg.method, "cancel") == 0)
        cancel(s, &j->msg);
    free_job(j);
}

/* Reads once; wait_ms as for poll(). */
static void read_some(struct server *s, int wait_ms)
{
    struct pollfd p = { STDIN_FILENO, POLLIN, 0 };
    char chunk[65536];
    const char *line;
    struct err err;
    size_t len;
    ssize_t n;

    if (poll(&p, 1, wait_ms) <= 0)
        return;
    n = read(STDIN_FILENO, chunk, sizeof chunk);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0) {
        s->ended = true;
        return;
    }
    if (rpc_reader_feed(&s->reader, chunk, (size_t)n, &err) < 0) {
        refuse(s, NULL, RPC_PARSE_ERROR, err.msg);
        s->broken = true;
    }
    while (rpc_reader_next(&s->reader, &line, &len))
        take_line(s, line, len);
}

/* --- methods ------------------------------------------------------------------------------------------------------ */

static void do_info(struct server *s, const struct job *j)
{
    const struct engine_info *i = engine_info(s->engine);
    struct jsonw w = rpc_result_start(&s->out, j->msg.id, j->msg.id_len);

    jsonw_object(&w, "model");
    jsonw_text(&w, "name", i->name);
    jsonw_text(&w, "arch", i->arch);
    jsonw_text(&w, "type", i->type);
    jsonw_int(&w, "n_params", (int64_t)i->n_params);
    jsonw_int(&w, "file_bytes", (int64_t)i->file_bytes);
    jsonw_int(&w, "context_length", (int64_t)i->n_ctx);
    jsonw_text(&w, "dialect", i->dialect);
    jsonw_text(&w, "sha256", engine_sha256(s->engine));
    jsonw_end(&w);
    jsonw_text(&w, "version", PACKAGE_VERSION);
    jsonw_text(&w, "kernels", i->kernels);
    jsonw_int(&w, "threads", i->n_threads);
    finish_result(s, j, &w);
}

static void do_tokenize(struct server *s, const struct job *j)
{
    const char *text = json_get_text(j->msg.params, "text", NULL);
    struct tokens tokens = { 0 };
    struct err err;

    if (!text) {
        refuse(s, j, RPC_INVALID_PARAMS, "text: not a string");
        return;
    }
    if (tokenizer_encode(engine_tokenizer(s->engine), text, strlen(text), &tokens, &err) < 0) {
        refuse(s, j, RPC_INVALID_PARAMS, err.msg);
    } else {
        struct jsonw w = rpc_result_start(&s->out, j->msg.id, j->msg.id_len);

        jsonw_array(&w, "tokens");
        for (size_t i = 0; i < tokens.n; i++)
            jsonw_int(&w, NULL, tokens.ids[i]);
        jsonw_end(&w);
        finish_result(s, j, &w);
    }
    tokens_finish(&tokens);
}

/* The end of input alone is no reason to stop: `printf ... | corax-infer serve` wants its answers. */
static bool is_heard(void)
{
    struct pollfd p = { STDOUT_FILENO, 0, 0 };

    return poll(&p, 1, 0) <= 0;
}

static bool stop(void *arg)
{
    struct server *s = arg;

    if (!s->ended && !s->broken)
        read_some(s, 0);
    if (s->ended && !s->broken)
        s->broken = !is_heard();
    return s->first->cancelled || s->broken;
}

static void tell_delta(void *arg, const char *kind, const char *text, size_t len)
{
    struct server *s = arg;
    struct jsonw w = rpc_notification_start(&s->delta, "chat/delta");

    jsonw_raw(&w, "id", s->first->msg.id, s->first->msg.id_len);
    jsonw_text(&w, "kind", kind);
    jsonw_string(&w, "text", text, len);
    rpc_end(&w);
    flush(s, &s->delta);
}

static void do_chat(struct server *s, const struct job *j)
{
    const struct chat_hooks hooks = { stop, tell_delta, s };
    struct jsonw w = rpc_result_start(&s->out, j->msg.id, j->msg.id_len);
    struct err err;

    if (chat_run(s->chat, &j->msg, &hooks, &w, &err) == 0) {
        finish_result(s, j, &w);
        return;
    }
    buf_reset(&s->out);
    refuse(s, j, err.status == CORAX_E_ARGS ? RPC_INVALID_PARAMS : RPC_INTERNAL, err.msg);
}

static void run_job(struct server *s, const struct job *j)
{
    static const struct {
        const char *name;
        void (*run)(struct server *, const struct job *);
    } methods[] = { { "chat", do_chat }, { "info", do_info }, { "tokenize", do_tokenize } };

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(j->msg.method, methods[i].name) == 0) {
            methods[i].run(s, j);
            return;
        }
    refuse(s, j, RPC_METHOD_NOT_FOUND, "no such method: there are info, chat and tokenize");
}

static void serve(struct server *s)
{
    while (!s->broken && (s->first || !s->ended)) {
        struct job *j = s->first;

        if (!j) {
            read_some(s, -1);
            continue;
        }
        run_job(s, j);
        s->first = j->next;
        if (!s->first)
            s->last = &s->first;
        s->n_waiting--;
        free_job(j);
    }
    while (s->first) {
        struct job *j = s->first;

        s->first = j->next;
        free_job(j);
    }
}

static int run(const struct args *a, struct err *err)
{
    struct server s = { 0 };
    int result = -1;

    s.engine = engine_open(a->model, &a->engine, err);
    if (!s.engine)
        return -1;
    s.last = &s.first;
    rpc_reader_init(&s.reader);
    buf_init(&s.out, RPC_MAX_LINE);
    buf_init(&s.delta, RPC_MAX_LINE);
    s.chat = chat_create(s.engine, err);
    if (s.chat) {
        serve(&s);
        result = s.broken ? fail(err, CORAX_E_IO, "the other side broke the conversation") : 0;
    }
    chat_destroy(s.chat);
    buf_finish(&s.out);
    buf_finish(&s.delta);
    rpc_reader_finish(&s.reader);
    engine_close(s.engine);
    return result;
}

const struct command command_serve = {
    .name = "serve",
    .arguments = "MODEL",
    .what = "Answers JSON-RPC requests on standard input: info, chat, tokenize, cancel.",
    .options = " ",
    .runs_model = true,
    .run = run,
};
