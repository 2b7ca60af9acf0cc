/*
 * Following a task.  See follow.h.
 *
 * One loop watches three things: the stream of events, the terminal (a person's decision), and Ctrl-C, which arrives on
 * a signalfd so that no moment exists in which it is lost.
 *
 * A question is put only once the stream is quiet: when a finished trace is read from its beginning, the approval that
 * was asked is followed at once by the approval that was given.
 */
#include "cli/follow.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/show.h"
#include "cli/term.h"
#include "util/clock.h"

#define MAX_LINE    4096 /* what a person types at once: the terminal's own limit */
#define QUIET_MS    100  /* without events, before a question is put */
#define RETRY_MS    250
#define IDLE_MS     3600000
#define MAX_REQUEST 65536
#define CANCEL_MS   30000 /* after Ctrl-C, for the end to be told */

struct follow {
    struct cli *cli;
    const char *id;
    const struct follow_options *options;
    struct show show;
    int signal_fd;
    int64_t last_seq;
    struct json *open; /* the event that waits for a person */
    bool prompted;
    bool asks;
    bool last_denied; /* the last call's result was a refusal */
    bool cancelling;
    int64_t cancelled_ms; /* when */
    bool finished;
    int status; /* once finished */
};

/* A call in doubt that fails asks nobody. */
static bool opens(const char *kind, const struct json *event)
{
    return strcmp(kind, "approval_asked") == 0 || strcmp(kind, "question_asked") == 0 ||
           (strcmp(kind, "effect_unverified") == 0 && strcmp(json_get_text(event, "in_doubt", "ask"), "ask") == 0);
}

static bool closes(const char *kind)
{
    return strcmp(kind, "approval_given") == 0 || strcmp(kind, "human_said") == 0 || strcmp(kind, "tool_intent") == 0 ||
           strcmp(kind, "tool_result") == 0 || strcmp(kind, "task_finished") == 0;
}

static void take_finish(struct follow *follow, const struct json *event)
{
    const char *outcome = json_get_text(event, "outcome", ""), *text = json_get_text(event, "text", "");
    FILE *err = stderr;

    follow->finished = true;
    follow->status = strcmp(outcome, "answered") == 0    ? CLI_OK
                     : strcmp(outcome, "cancelled") == 0 ? CLI_CANCELLED
                     : follow->last_denied               ? CLI_DENIED
                                                         : CLI_FAILED;
    if (follow->cli->json)
        return;
    if (follow->status == CLI_OK) {
        if (!follow->options->quiet && term_is_tty(stdout))
            term_puts(stdout, TERM_BOLD, "answer   ");
        show_answer(stdout, text);
        fflush(stdout);
    } else {
        fputs(follow->status == CLI_CANCELLED ? "corax: the task was cancelled" : "corax: the task failed", err);
        if (follow->status != CLI_CANCELLED && *text) {
            fputs(": ", err);
            term_text(err, text, strlen(text), 0);
        }
        fputc('\n', err);
    }
    if (!follow->options->quiet) {
        term_puts(err, TERM_DIM, "trace");
        fprintf(err, "    %s\n", follow->id);
    }
}

static void take_event(struct follow *follow, const struct stream_item *item)
{
    struct json *event = json_parse(item->data, item->data_len, NULL);
    const char *kind = json_get_text(event, "kind", "");
    bool unsaved = strcmp(item->type, "task_unsaved") == 0;
    int64_t seq = 0;

    if (!event) {
        fprintf(stderr, "corax: an event that is no JSON was left out\n");
        return;
    }
    if (strcmp(item->type, "delta") == 0) {
        if (!follow->cli->json)
            show_delta(&follow->show, event);
        json_free(event);
        return;
    }
    if (json_int(json_get(event, "seq"), "seq", &seq, NULL) == 0)
        follow->last_seq = seq;
    if (follow->cli->json) {
        fwrite(item->data, 1, item->data_len, stdout);
        fputc('\n', stdout);
        fflush(stdout);
    } else if (!unsaved) {
        show_event(&follow->show, event);
    }
    if (closes(kind)) {
        if (follow->prompted && follow->asks)
            fputc('\n', stderr); /* somebody else was faster: leave the prompt's line */
        json_free(follow->open);
        follow->open = NULL;
        follow->prompted = false;
    }
    if (strcmp(kind, "tool_result") == 0)
        follow->last_denied = strcmp(json_get_text(event, "status", ""), "denied") == 0;
    if (strcmp(kind, "task_finished") == 0 || unsaved)
        take_finish(follow, event);
    if (opens(kind, event)) {
        json_free(follow->open);
        follow->open = event;
        return;
    }
    json_free(event);
}

static void put_question(struct follow *follow)
{
    const char *kind = json_get_text(follow->open, "kind", "");

    follow->prompted = true;
    show_break(&follow->show);
    show_waiting(stderr, follow->open, follow->id, !follow->asks);
    if (!follow->asks)
        return;
    if (strcmp(kind, "question_asked") == 0)
        fputs("         your answer: ", stderr);
    else if (strcmp(kind, "effect_unverified") == 0)
        fputs("         y = call it again, n = it failed, or type its result: ", stderr);
    else
        fputs("         y = yes, n = no, or say why not: ", stderr);
    fflush(stderr);
}

/* What the person typed, sent on. */
static void send_decision(struct follow *follow, const char *line)
{
    const char *kind = json_get_text(follow->open, "kind", ""), *hash = json_get_text(follow->open, "request_hash", "");
    bool question = strcmp(kind, "question_asked") == 0, yes = strcmp(line, "y") == 0 || strcmp(line, "yes") == 0;
    bool no = strcmp(line, "n") == 0 || strcmp(line, "no") == 0 || *line == '\0';
    struct buf body;
    struct jsonw w;
    char path[128];
    struct reply reply;
    struct json *root;
    struct err err = { 0 };

    buf_init(&body, MAX_REQUEST);
    w = jsonw_start(&body);
    jsonw_object(&w, NULL);
    if (question || (!yes && !no && strcmp(kind, "effect_unverified") == 0)) {
        jsonw_text(&w, "answer", line);
    } else if (yes) {
        jsonw_text(&w, "approve", hash);
    } else {
        jsonw_text(&w, "deny", hash);
        if (!no)
            jsonw_text(&w, "reason", line);
    }
    jsonw_end(&w);
    snprintf(path, sizeof(path), "/v1/tasks/%s/input", follow->id);
    /* 409: somebody else decided meanwhile; the events will show it. */
    if (cli_send(follow->cli, "POST", path, &body, 0, &reply, &root, &err) != 0)
        cli_report(&err);
    json_free(root);
    reply_finish(&reply);
    buf_finish(&body);
    json_free(follow->open);
    follow->open = NULL;
    follow->prompted = false;
}

static void take_terminal(struct follow *follow)
{
    char line[MAX_LINE];
    ssize_t n = read(STDIN_FILENO, line, sizeof(line) - 1);

    if (n <= 0) { /* end of input: the decision is left to `corax approve` */
        follow->asks = false;
        return;
    }
    if (!follow->open || !follow->prompted)
        return; /* typed before there was a question */
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == ' ' || line[n - 1] == '\r'))
        n--;
    line[n] = '\0';
    send_decision(follow, line);
}

static void leave(struct follow *follow)
{
    follow->finished = true;
    follow->status = CLI_CANCELLED;
    fprintf(stderr, "corax: leaving; the task may still run: corax watch %s\n", follow->id);
}

/* After Ctrl-C the end must come in time: a daemon that cannot store it, or hangs, may never tell it. */
static void leave_when_late(struct follow *follow)
{
    if (!follow->finished && follow->cancelling && clock_mono_ms() - follow->cancelled_ms > CANCEL_MS)
        leave(follow);
}

static void cancel(struct follow *follow)
{
    char path[128];
    struct reply reply;
    struct json *root;
    struct err err = { 0 };
    sigset_t set;
    int rc;

    show_break(&follow->show);
    if (follow->prompted && follow->asks)
        fputc('\n', stderr);
    follow->prompted = false;
    if (follow->cancelling) { /* the second time: do not wait for the daemon */
        leave(follow);
        return;
    }
    follow->cancelling = true;
    follow->cancelled_ms = clock_mono_ms();
    if (!follow->options->quiet)
        fputs("corax: cancelling the task (Ctrl-C again leaves at once)\n", stderr);
    snprintf(path, sizeof(path), "/v1/tasks/%s/cancel", follow->id);
    /* A daemon that hangs does not answer for as long as the client is patient: meanwhile the signals end us at once. */
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    rc = cli_send(follow->cli, "POST", path, NULL, 0, &reply, &root, &err);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (rc != 0 && reply.status != 409) /* 409: it has just ended, and the events will show how */
        cli_report(&err);
    json_free(root);
    reply_finish(&reply);
}

static void take_signal(struct follow *follow)
{
    struct signalfd_siginfo info;

    if (read(follow->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        cancel(follow);
}

static bool readable(int fd, int timeout_ms)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return poll(&p, 1, timeout_ms) == 1;
}

/* One connection, until it ends.  0: it is over or broke (try again), -1: give up, err is set. */
static int follow_stream(struct follow *follow, bool *saw_any, struct err *err)
{
    struct stream *stream = stream_create(follow->cli->client, follow->id, follow->last_seq, err);
    enum stream_state state = STREAM_IDLE;

    if (!stream)
        return -1;
    while (!follow->finished && state != STREAM_END && state != STREAM_FAILED) {
        bool wants_prompt = follow->open && !follow->prompted && !follow->cli->json && !follow->cancelling;
        int fds[2] = { follow->signal_fd, follow->asks ? STDIN_FILENO : -1 };
        struct stream_item item;

        state = stream_next(stream, fds, 2,
                            wants_prompt         ? QUIET_MS
                            : follow->cancelling ? RETRY_MS
                                                 : IDLE_MS,
                            &item, err);
        if (state == STREAM_EVENT) {
            *saw_any = true;
            take_event(follow, &item);
        } else if (state == STREAM_IDLE && wants_prompt) {
            put_question(follow);
        } else if (state == STREAM_FD) {
            if (fds[0] >= 0 && readable(fds[0], 0))
                take_signal(follow);
            if (fds[1] >= 0 && readable(fds[1], 0))
                take_terminal(follow);
        }
        leave_when_late(follow);
        if (ferror(stdout)) { /* whoever read our output is gone */
            follow->finished = true;
            follow->status = CLI_FAILED;
        }
    }
    stream_destroy(stream);
    if (follow->finished || state != STREAM_FAILED || err->status == CORAX_E_UNAVAIL || err->status == CORAX_E_IO)
        return 0;
    return -1;
}

/* Connection after connection, for as long as the daemon comes back in time. */
static int follow_to_end(struct follow *follow, struct err *err)
{
    int64_t lost_ms = 0;
    bool ever = false;

    while (!follow->finished) {
        bool saw_any = false;
        int64_t now;

        *err = (struct err){ 0 };
        if (follow_stream(follow, &saw_any, err) != 0)
            return -1;
        if (follow->finished)
            return 0;
        now = clock_mono_ms();
        ever = ever || saw_any;
        if (!ever && err->status != CORAX_OK)
            return -1; /* never reached: say so at once */
        if (saw_any || lost_ms == 0) {
            lost_ms = now;
            show_break(&follow->show);
            fputs("corax: the connection to coraxd ended; waiting for it to come back\n", stderr);
        }
        if (now - lost_ms > FOLLOW_PATIENCE_S * 1000) {
            if (err->status == CORAX_OK)
                fail(err, CORAX_E_UNAVAIL, "coraxd ends the events of task %s before the task has ended", follow->id);
            return -1;
        }
        if (readable(follow->signal_fd, RETRY_MS))
            take_signal(follow);
        leave_when_late(follow);
    }
    return 0;
}

/* A descriptor that tells of Ctrl-C and SIGTERM, -1 when the options leave these alone. */
static int watch_signals(const struct follow_options *options)
{
    sigset_t set;

    if (!options->cancels)
        return -1;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int follow_task(struct cli *cli, const char *id, const struct follow_options *options)
{
    struct err err = { 0 };
    struct follow follow = { .cli = cli, .id = id, .options = options, .asks = options->asks && !cli->json };
    int rc;

    if (!cli_client(cli, &err))
        return cli_report(&err);
    show_init(&follow.show, stderr, options->quiet);
    follow.signal_fd = watch_signals(options);
    rc = follow_to_end(&follow, &err);
    show_finish(&follow.show);
    json_free(follow.open);
    if (follow.signal_fd >= 0)
        close(follow.signal_fd);
    return rc == 0 ? follow.status : cli_report(&err);
}
