/*
 * cli/cli.h - what every command of corax has in common: its table entry, its exit status, its way to the daemon.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/client.h"
#include "util/err.h"
#include "util/id.h"
#include "util/json.h"

/* Scripts depend on these numbers: corax(1) lists them. */
enum cli_exit {
    CLI_OK = 0,          /* done; of a task: it was answered */
    CLI_FAILED = 1,      /* the task failed, or the command did */
    CLI_USAGE = 2,       /* of the command line */
    CLI_DENIED = 3,      /* the task failed, and its last call had been refused by policy or by a person */
    CLI_UNREACHABLE = 4, /* no daemon at the socket */
    CLI_CANCELLED = 5    /* the task was cancelled */
};

struct cli {
    const struct command *command; /* the one that runs */
    const char *socket;
    bool json; /* print for programs: what the API sent, one JSON text a line */
    struct client *client;
};

struct command {
    const char *name;
    const char *args;                                /* of the usage line, after the name */
    const char *summary;                             /* one line in `corax help` */
    const char *options;                             /* its own options, one a line, for `corax help NAME`; may be "" */
    int (*run)(struct cli *, int argc, char **argv); /* argv[0] is the name; returns an enum cli_exit */
};

extern const struct command cmd_doctor, cmd_db, cmd_replay, cmd_diff, cmd_export, cmd_agents, cmd_memory, cmd_policy,
    cmd_pause, cmd_resume, cmd_schedules, cmd_eval;
extern const struct command cmd_run, cmd_watch, cmd_ls, cmd_trace, cmd_cancel, cmd_rm, cmd_approve, cmd_deny,
    cmd_answer, cmd_login, cmd_tools, cmd_ping, cmd_health, cmd_help;

/* The options that every command takes; a command's own `struct option` table ends with these. */
#define CLI_LONG_OPTIONS                                                            \
    { "socket", required_argument, NULL, 's' }, { "json", no_argument, NULL, 'j' }, \
        { "help", no_argument, NULL, 'h' },                                         \
    {                                                                               \
        NULL, 0, NULL, 0                                                            \
    }
#define CLI_SHORT_OPTIONS "s:jh"
/*
 * Handles one of them, or what getopt_long could not read.  true when the command is to return *status at once (help
 * was printed, or the usage is wrong).
 */
bool cli_option(struct cli *, int option, int *status);
/* For commands without options of their own: parses argv and holds the number of words to min..max. */
bool cli_plain_options(struct cli *, int argc, char **argv, int min, int max, int *status);
/* "corax run: --max-steps wants a number from 1 to 1000" and how to get help; returns CLI_USAGE. */
int cli_usage(const struct cli *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "corax: sentence" on standard error; the exit status that goes with the error. */
int cli_report(const struct err *);
void cli_help(const struct command *);

/* The client, made on first use.  NULL with err set. */
struct client *cli_client(struct cli *, struct err *);
/* One request whose answer is JSON.  *root owns the parsed answer (NULL for none); raw bytes in reply. */
int cli_get(struct cli *, const char *path, int wait_s, struct reply *, struct json **root, struct err *);
int cli_send(struct cli *, const char *method, const char *path, const struct buf *body, int wait_s, struct reply *,
             struct json **root, struct err *);

/*
 * Sends a task to path (/v1/tasks, say) under an idempotency key.  When the connection breaks after the request was sent, the
 * same key is tried once more: the daemon then answers with the task it has, and none runs twice.
 */
int cli_submit(struct cli *, const char *path, const struct buf *body, struct reply *, char id[ID_LEN + 1],
               struct err *);

/* The answer as it came, ended by a newline: for --json. */
void cli_print_reply(const struct reply *);

/*
 * A task by what a person types: a whole id, at least 4 characters of its beginning or end that fit one task only, or
 * "last" for the newest.  Ids begin with the time, so the last characters tell tasks of one day apart best.
 */
int cli_task_id(struct cli *, const char *word, char id[ID_LEN + 1], struct err *);
/* The same, without "last", of whatever a list of the API has: its path, its member, what one is called. */
struct cli_list {
    const char *path, *member, *one; /* "/v1/memory", "memories", "memory" */
    const char *also;                /* what else may be given, "\"last\", or "; "": nothing */
};
int cli_find_id(struct cli *, const struct cli_list *, const char *word, char id[ID_LEN + 1], struct err *);

/* Does one thing to each word in turn and reports what fails, until no daemon is reached.  Returns an enum cli_exit. */
typedef int cli_one(struct cli *, const char *verb, const char *word, struct err *);
int cli_each(struct cli *, const char *verb, int n, char **words, cli_one *);

/* The words with a space between. */
void cli_join_words(int n, char **words, struct buf *);
/*
 * The same, or standard input for "-", newlines at its end left out.  -1 with CORAX_E_IO, or with
 * CORAX_E_LIMIT and a sentence that begins with what, "the task", where the buffer's limit is too small.
 */
int cli_read_text(int n, char **words, const char *what, struct buf *, struct err *);

#define CLI_MAX_BODY (1u << 20) /* bytes: the API's limit of a request body */

/* The label that words say, "untrusted,secret", as a member.  -1: one of them is none. */
int cli_write_label(struct jsonw *, const char *key, const char *words);
#define CLI_LABEL_WORDS "one of trusted, untrusted, and one of public, internal, secret, with a comma between"
/* The words of "a,b" as a list of texts. */
void cli_write_words(struct jsonw *, const char *key, const char *words);
/* A policy file of at most CLI_MAX_POLICY bytes as {"name","text"}, an element of a list. */
#define CLI_MAX_POLICY (1u << 20)
int cli_write_policy(struct jsonw *, const char *path, struct err *);

/* A whole number from a command line.  false if it is none or outside. */
bool cli_number(const char *text, long long min, long long max, long long *out);
/* A temperature, 0 to 10, as the daemon takes it. */
bool cli_temperature(const char *text, double *out);

#endif
