/*
 * corax-infer serve: JSON-RPC on standard input and output, as in docs/protocol.md.
 *
 * Chats run side by side, a batch at a time; between two batches what has come in is read, so that a cancel takes effect
 * between two tokens.  Vectors of texts are made beside them, in batches of their own that are small while somebody waits for a token.  What
 * else is asked is answered at once.  A message that is wrong gets an error and nothing more; only a line
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
#include "infer/embedder.h"
#include "infer/engine.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/rpc.h"

#define SAVE_AFTER_MS 2000 /* without a chat: then what was read is written to files */
#define SAVE_LAST_MS  2000 /* at the end, at most */
#define MAX_WAITING   64 /* chats and embeds; a daemon keeps its own queue, so this is only a bound */
#define EMBED_SECONDS 0.5  /* that a batch of texts may take: a cancel waits for its end */
#define ASIDE_SECONDS 0.05 /* the same beside chats */

struct server;

/* A chat or an embed that is not answered yet. */
struct job {
    struct server *server;
    struct rpc_msg msg; /* points into line */
    char *line;
    struct chat_request *request;
    struct embed_request *embed; /* one of both is NULL */
    struct job *next;
};

struct server {
    struct engine *engine;
    struct dialect *dialect; /* NULL: the model cannot chat, and why */
    struct err no_dialect;
    struct chat *chat;       /* NULL: as the dialect */
    struct embedder *embedder; /* NULL: the model gives no vectors, and why */
    struct err no_embedder;
    struct rpc_reader reader;
    struct job *first;
    size_t n_jobs, n_chats;
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

static void refuse(struct server *s, const struct rpc_msg *msg, int code, const char *message)
{
    rpc_write_error(&s->out, msg ? msg->id : "null", msg ? msg->id_len : 4, code, message);
    flush(s, &s->out);
}

/* Ends a message that was started in s->out; one that is too long for a line becomes an error. */
static void finish_result(struct server *s, const struct rpc_msg *msg, struct jsonw *w)
{
    rpc_end(w);
    if (s->out.failed) {
        buf_reset(&s->out);
        refuse(s, msg, RPC_INTERNAL, "the result is longer than a line may be");
    } else {
        flush(s, &s->out);
    }
}

/* --- chats -------------------------------------------------------------------------------------------------------- */

static void free_job(struct job *j)
{
    rpc_msg_finish(&j->msg);
    free(j->line);
    free(j);
}

static void remove_job(struct job *j)
{
    struct job **at = &j->server->first;

    while (*at != j)
        at = &(*at)->next;
    *at = j->next;
    j->server->n_jobs--;
    j->server->n_chats -= j->request != NULL;
    free_job(j);
}

static void tell_delta(void *arg, const struct chat_delta *d)
{
    const struct job *j = arg;
    struct server *s = j->server;
    struct jsonw w = rpc_notification_start(&s->delta, "chat/delta");

    jsonw_raw(&w, "id", j->msg.id, j->msg.id_len);
    jsonw_text(&w, "kind", d->kind);
    if (strcmp(d->kind, "call") == 0)
        jsonw_int(&w, "index", (int64_t)d->index);
    if (d->name)
        jsonw_text(&w, "name", d->name);
    jsonw_string(&w, "text", d->text, d->len);
    rpc_end(&w);
    flush(s, &s->delta);
}

static void refuse_job(struct job *j, const struct err *err)
{
    refuse(j->server, &j->msg, err->status == CORAX_E_ARGS ? RPC_INVALID_PARAMS : RPC_INTERNAL, err->msg);
}

static void chat_done(void *arg, const struct chat_request *request, const struct err *err)
{
    struct job *j = arg;

    if (err) {
        refuse_job(j, err);
    } else {
        struct jsonw w = rpc_result_start(&j->server->out, j->msg.id, j->msg.id_len);

        chat_write_result(request, &w);
        finish_result(j->server, &j->msg, &w);
    }
    remove_job(j);
}

static void start_chat(struct job *j)
{
    const struct chat_hooks hooks = { tell_delta, chat_done, j };
    struct err err;

    err = j->server->no_dialect;
    j->request = j->server->chat ? chat_start(j->server->chat, &j->msg, &hooks, &err) : NULL;
    if (j->request) {
        j->server->n_chats++;
        return;
    }
    refuse_job(j, &err);
    remove_job(j);
}

/* --- vectors ------------------------------------------------------------------------------------------------------ */

static bool make_room(void *arg)
{
    struct server *s = arg;

    return s->chat && chat_make_room(s->chat);
}

static void embed_done(void *arg, const struct embed_request *request, const struct err *err)
{
    struct job *j = arg;

    if (err) {
        refuse_job(j, err);
    } else {
        struct jsonw w = rpc_result_start(&j->server->out, j->msg.id, j->msg.id_len);

        embed_write_result(request, &w);
        finish_result(j->server, &j->msg, &w);
    }
    remove_job(j);
}

static void start_embed(struct job *j)
{
    struct server *s = j->server;
    struct err err;

    err = s->no_embedder;
    j->embed = s->embedder ? embedder_add(s->embedder, j->msg.params, embed_done, j, &err) : NULL;
    if (j->embed)
        return;
    refuse_job(j, &err);
    remove_job(j);
}

static void cancel(struct server *s, const struct rpc_msg *msg)
{
    const char *id;
    size_t len;

    if (!json_find(msg->line, msg->line_len, "/params/id", &id, &len))
        return;
    for (struct job *j = s->first; j; j = j->next)
        if (j->msg.id_len == len && memcmp(j->msg.id, id, len) == 0) {
            if (j->embed)
                embed_cancel(j->embed);
            else
                chat_cancel(j->request);
        }
}

/* --- other methods -------------------------------------------------------------------------------------------------- */

static void do_info(struct server *s, const struct rpc_msg *msg)
{
    const struct engine_info *i = engine_info(s->engine);
    struct jsonw w = rpc_result_start(&s->out, msg->id, msg->id_len);

    jsonw_object(&w, "model");
    jsonw_text(&w, "name", i->name);
    jsonw_text(&w, "arch", i->arch);
    jsonw_text(&w, "type", i->type);
    jsonw_int(&w, "n_params", (int64_t)i->n_params);
    jsonw_int(&w, "file_bytes", (int64_t)i->file_bytes);
    jsonw_int(&w, "context_length", (int64_t)i->n_ctx);
    jsonw_text(&w, "dialect", s->dialect ? dialect_name(s->dialect) : "");
    jsonw_text(&w, "sha256", engine_sha256(s->engine));
    jsonw_end(&w);
    if (s->embedder) {
        jsonw_object(&w, "embedding");
        jsonw_int(&w, "dimensions", (int64_t)embedder_dimensions(s->embedder));
        jsonw_text(&w, "pooling", embedder_pooling(s->embedder));
        jsonw_int(&w, "max_texts", (int64_t)embedder_max_texts(s->embedder));
        jsonw_end(&w);
    } else {
        jsonw_null(&w, "embedding");
    }
    jsonw_text(&w, "version", PACKAGE_VERSION);
    jsonw_text(&w, "kernels", i->kernels);
    jsonw_int(&w, "threads", i->n_threads);
    finish_result(s, msg, &w);
}

static void do_tokenize(struct server *s, const struct rpc_msg *msg)
{
    const char *text = json_get_text(msg->params, "text", NULL);
    struct tokens tokens = { 0 };
    struct err err;

    if (!text) {
        refuse(s, msg, RPC_INVALID_PARAMS, "text: not a string");
        return;
    }
    if (tokenizer_encode(engine_tokenizer(s->engine), text, strlen(text), &tokens, &err) < 0) {
        refuse(s, msg, RPC_INVALID_PARAMS, err.msg);
    } else {
        struct jsonw w = rpc_result_start(&s->out, msg->id, msg->id_len);

        jsonw_array(&w, "tokens");
        for (size_t i = 0; i < tokens.n; i++)
            jsonw_int(&w, NULL, tokens.ids[i]);
        jsonw_end(&w);
        finish_result(s, msg, &w);
    }
    tokens_finish(&tokens);
}

static void answer(struct server *s, const struct rpc_msg *msg)
{
    static const struct {
        const char *name;
        void (*run)(struct server *, const struct rpc_msg *);
    } methods[] = { { "info", do_info }, { "tokenize", do_tokenize } };

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(msg->method, methods[i].name) == 0) {
            methods[i].run(s, msg);
            return;
        }
    refuse(s, msg, RPC_METHOD_NOT_FOUND, "no such method: there are info, chat, embed and tokenize");
}

/* --- input -------------------------------------------------------------------------------------------------------- */

static void take_message(struct server *s, struct job *j)
{
    const struct rpc_msg *msg = &j->msg;
    const bool chat = msg->kind == RPC_REQUEST && strcmp(msg->method, "chat") == 0;
    const bool embed = msg->kind == RPC_REQUEST && strcmp(msg->method, "embed") == 0;

    if ((chat || embed) && s->n_jobs < MAX_WAITING) {
        j->next = s->first;
        s->first = j;
        s->n_jobs++;
        if (chat)
            start_chat(j);
        else
            start_embed(j);
        return;
    }
    if (chat || embed)
        refuse(s, msg, RPC_INTERNAL, "too many requests are waiting");
    else if (msg->kind == RPC_REQUEST)
        answer(s, msg);
    else if (msg->kind == RPC_NOTIFICATION && strcmp(msg->method, "cancel") == 0)
        cancel(s, msg);
    free_job(j);
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
    j->server = s;
    memcpy(j->line, line, len);
    j->line[len] = 0;
    if (rpc_parse(j->line, len, &j->msg, &err) < 0) {
        free(j->line);
        free(j);
        refuse(s, NULL, json_check(line, len, NULL) < 0 ? RPC_PARSE_ERROR : RPC_INVALID_REQUEST, err.msg);
        return;
    }
    take_message(s, j);
}

/* Reads once; wait_ms as for poll().  false: nothing came. */
static bool read_some(struct server *s, int wait_ms)
{
    struct pollfd p = { STDIN_FILENO, POLLIN, 0 };
    char chunk[65536];
    const char *line;
    struct err err;
    size_t len;
    ssize_t n;

    if (poll(&p, 1, wait_ms) <= 0)
        return false;
    n = read(STDIN_FILENO, chunk, sizeof chunk);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return false;
    if (n <= 0) {
        s->ended = true;
        return true;
    }
    if (rpc_reader_feed(&s->reader, chunk, (size_t)n, &err) < 0) {
        refuse(s, NULL, RPC_PARSE_ERROR, err.msg);
        s->broken = true;
    }
    while (rpc_reader_next(&s->reader, &line, &len))
        take_line(s, line, len);
    return true;
}

/* The end of input alone is no reason to stop: `printf ... | corax-infer serve` wants its answers. */
static bool is_heard(void)
{
    struct pollfd p = { STDOUT_FILENO, 0, 0 };

    return poll(&p, 1, 0) <= 0;
}

/* Nothing is asked: what was read is written to files, if there are any, until something is. */
static void be_idle(struct server *s)
{
    if (read_some(s, SAVE_AFTER_MS))
        return;
    while (s->chat && chat_save(s->chat))
        if (read_some(s, 0))
            return;
    (void)read_some(s, -1);
}

static void save_last(struct server *s)
{
    const int64_t end = clock_mono_ns() + (int64_t)SAVE_LAST_MS * 1000000;

    while (s->chat && chat_save(s->chat) && clock_mono_ns() < end)
        ;
}

/* A batch of chats, then one of texts. */
static void step(struct server *s)
{
    if (s->chat)
        (void)chat_step(s->chat);
    if (s->embedder)
        (void)embedder_step(s->embedder, s->n_chats > 0 ? ASIDE_SECONDS : EMBED_SECONDS, s->n_chats > 0);
}

static void serve(struct server *s)
{
    while (!s->broken && (s->first || !s->ended)) {
        if (!s->ended && !s->first)
            be_idle(s);
        else if (!s->ended)
            (void)read_some(s, 0);
        else
            s->broken = !is_heard();
        if (s->first && !s->broken)
            step(s);
    }
    save_last(s);
}

/* What is not answered will not be. */
static void finish(struct server *s)
{
    embedder_destroy(s->embedder);
    chat_destroy(s->chat);
    dialect_close(s->dialect);
    while (s->first)
        remove_job(s->first);
    buf_finish(&s->out);
    buf_finish(&s->delta);
    rpc_reader_finish(&s->reader);
    engine_close(s->engine);
}

static int run(const struct args *a, struct err *err)
{
    struct server s = { 0 };
    int result = -1;

    s.engine = engine_open(a->model, &a->engine, err);
    if (!s.engine)
        return -1;
    rpc_reader_init(&s.reader);
    buf_init(&s.out, RPC_MAX_LINE);
    buf_init(&s.delta, RPC_MAX_LINE);
    if (family_check_writes(s.engine->family, &s.no_dialect) == 0)
        s.dialect = command_dialect(a, s.engine->gguf, s.engine->tokenizer, &s.no_dialect);
    s.chat = s.dialect ? chat_create(s.engine, s.dialect, &a->scheduler, err) : NULL;
    s.embedder = embedder_create(s.engine, &(struct embedder_hooks){ make_room, &s }, &s.no_embedder);
    if (s.chat || !s.dialect) {
        serve(&s);
        result = s.broken ? fail(err, CORAX_E_IO, "the other side broke the conversation") : 0;
    }
    finish(&s);
    return result;
}

const struct command command_serve = {
    .name = "serve",
    .arguments = "MODEL [--dialect NAME] [--template FILE] [--cache-memory MB] [--prefixes FOLDER]\n           [--no-draft]",
    .what = "Answers JSON-RPC requests on standard input: info, chat, embed, tokenize, cancel.",
    .options = " dialect template cache-memory prefixes no-draft ",
    .runs_model = true,
    .run = run,
};
