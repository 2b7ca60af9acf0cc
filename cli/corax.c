/*
 * corax - the command line of coraxd.
 *
 * main() finds the command in one table and runs it.  Each command is one file, cmd_NAME.c, that holds its entry
 * (struct command) and what it does; everything they know about tasks comes over the HTTP API.  See docs/add-a-command.md.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

/* In the order in which `corax help` shows them. */
static const struct command *const commands[] = {
    &cmd_run,    &cmd_watch,     &cmd_ls,     &cmd_trace,  &cmd_replay, &cmd_diff,   &cmd_eval,
    &cmd_export, &cmd_approve,   &cmd_deny,   &cmd_answer, &cmd_cancel, &cmd_pause,  &cmd_resume,
    &cmd_rm,     &cmd_schedules, &cmd_agents, &cmd_memory, &cmd_tools,  &cmd_policy, &cmd_health,
    &cmd_doctor, &cmd_db,        &cmd_ping,   &cmd_help,
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* Pages of 500 tasks that a shortened id is looked for in: the newest 10,000. */
#define MAX_ID_PAGES 20
#define ID_PAGE      500
#define MIN_ID_WORD  4

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

static void print_usage(FILE *f)
{
    fprintf(f, "usage: corax [--socket PATH] [--json] COMMAND [ARGUMENT...]\n\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(f, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(f, "\n`corax help COMMAND` shows the options of one; corax(1) describes them all.\n");
}

void cli_help(const struct command *command)
{
    printf("usage: corax %s%s%s\n\n%s\n\n", command->name, *command->args ? " " : "", command->args, command->summary);
    fputs(command->options, stdout);
    printf("  -s, --socket PATH     of the daemon (else CORAX_SOCKET, else %s/coraxd.sock)\n"
           "  -j, --json            print JSON for programs\n"
           "  -h, --help            print this\n",
           CORAX_RUNDIR);
}

static int run_help(struct cli *cli, int argc, char **argv)
{
    const struct command *command;
    int status;

    if (cli_plain_options(cli, argc, argv, 0, 1, &status))
        return status;
    if (optind == argc) {
        print_usage(stdout);
        return CLI_OK;
    }
    command = find_command(argv[optind]);
    if (!command)
        return cli_usage(cli, "there is no command \"%s\"", argv[optind]);
    cli_help(command);
    return CLI_OK;
}

const struct command cmd_help = {
    .name = "help",
    .args = "[COMMAND]",
    .summary = "Show the commands, or the options of one",
    .options = "",
    .run = run_help,
};

int cli_usage(const struct cli *cli, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "corax %s: ", cli->command->name);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\nusage: corax %s%s%s\n", cli->command->name, *cli->command->args ? " " : "", cli->command->args);
    return CLI_USAGE;
}

bool cli_option(struct cli *cli, int option, int *status)
{
    switch (option) {
    case 's':
        cli->socket = optarg;
        return false;
    case 'j':
        cli->json = true;
        return false;
    case 'h':
        cli_help(cli->command);
        *status = CLI_OK;
        return true;
    default: /* getopt_long has said what is wrong */
        fprintf(stderr, "usage: corax %s%s%s\n", cli->command->name, *cli->command->args ? " " : "",
                cli->command->args);
        *status = CLI_USAGE;
        return true;
    }
}

bool cli_plain_options(struct cli *cli, int argc, char **argv, int min, int max, int *status)
{
    static const struct option options[] = { CLI_LONG_OPTIONS };
    int c;

    while ((c = getopt_long(argc, argv, CLI_SHORT_OPTIONS, options, NULL)) != -1) {
        if (cli_option(cli, c, status))
            return true;
    }
    if (argc - optind < min || argc - optind > max) {
        *status = cli_usage(cli, argc - optind < min ? "an argument is missing" : "there are too many arguments");
        return true;
    }
    return false;
}

int cli_report(const struct err *err)
{
    fprintf(stderr, "corax: %s\n", err->msg);
    return err->status == CORAX_E_UNAVAIL ? CLI_UNREACHABLE : CLI_FAILED;
}

static bool is_word(const char *const *words, const char *text, size_t n)
{
    for (; *words; words++)
        if (strlen(*words) == n && strncmp(*words, text, n) == 0)
            return true;
    return false;
}

int cli_write_label(struct jsonw *w, const char *key, const char *words)
{
    static const char *const integrity[] = { "trusted", "untrusted", NULL }, *const confidentiality[] = {
        "public", "internal", "secret", NULL
    };
    bool known = *words != '\0';

    jsonw_object(w, key);
    while (*words && known) {
        const size_t n = strcspn(words, ",");

        known = true;
        if (is_word(integrity, words, n))
            jsonw_string(w, "integrity", words, n);
        else if (is_word(confidentiality, words, n))
            jsonw_string(w, "confidentiality", words, n);
        else
            known = false;
        words += n + (words[n] == ',');
    }
    jsonw_end(w);
    return known ? 0 : -1;
}

bool cli_number(const char *text, long long min, long long max, long long *out)
{
    char *end;
    long long n;

    if (*text != '-' && (*text < '0' || *text > '9'))
        return false;
    n = strtoll(text, &end, 10);
    if (*end || n < min || n > max)
        return false;
    *out = n;
    return true;
}

struct client *cli_client(struct cli *cli, struct err *err)
{
    if (!cli->client)
        cli->client = client_create(cli->socket, err);
    return cli->client;
}

static int ask(struct cli *cli, const char *method, const char *path, const struct buf *body, int wait_s,
               struct reply *reply, struct json **root, struct err *err)
{
    *root = NULL;
    if (!cli_client(cli, err)) {
        buf_init(&reply->body, 1);
        return -1;
    }
    if (client_request(cli->client, method, path, body, NULL, wait_s, reply, err) != 0)
        return -1;
    if (reply->body.len == 0)
        return 0;
    *root = json_parse(reply->body.data, reply->body.len, err);
    return *root ? 0 : err_context(err, "coraxd's answer to %s %s: ", method, path);
}

int cli_get(struct cli *cli, const char *path, int wait_s, struct reply *reply, struct json **root, struct err *err)
{
    return ask(cli, "GET", path, NULL, wait_s, reply, root, err);
}

int cli_send(struct cli *cli, const char *method, const char *path, const struct buf *body, int wait_s,
             struct reply *reply, struct json **root, struct err *err)
{
    return ask(cli, method, path, body, wait_s, reply, root, err);
}

int cli_submit(struct cli *cli, const char *path, const struct buf *body, struct reply *reply, char id[ID_LEN + 1],
               struct err *err)
{
    struct json *root;
    char key[ID_LEN + 1];
    const char *its;
    int rc;

    if (!cli_client(cli, err)) {
        buf_init(&reply->body, 1);
        return -1;
    }
    id_create(key);
    rc = client_request(cli->client, "POST", path, body, key, 0, reply, err);
    if (rc != 0 && err->status == CORAX_E_IO) {
        reply_finish(reply);
        rc = client_request(cli->client, "POST", path, body, key, 0, reply, err);
    }
    if (rc != 0)
        return -1;
    root = json_parse(reply->body.data, reply->body.len, err);
    its = json_get_text(root, "id", "");
    rc = id_is_valid(its, strlen(its)) ? 0 : fail(err, CORAX_E_IO, "coraxd accepted the task but gave no id");
    if (rc == 0)
        memcpy(id, its, ID_LEN + 1);
    json_free(root);
    return rc;
}

void cli_print_reply(const struct reply *reply)
{
    fwrite(reply->body.data, 1, reply->body.len, stdout);
    if (reply->body.len == 0 || reply->body.data[reply->body.len - 1] != '\n')
        fputc('\n', stdout);
}

bool cli_id_fits(const char *id, const char *word)
{
    size_t id_len = strlen(id), len = strlen(word);

    return len <= id_len && (strncmp(id, word, len) == 0 || strcmp(id + id_len - len, word) == 0);
}

/* Looks through one page; copies what fits to id and the page's last id to oldest.  Returns how many fit. */
static int fits_on_page(const struct json *root, const char *word, char id[ID_LEN + 1], char oldest[ID_LEN + 1])
{
    int n = 0;

    for (const struct json *task = json_first(json_get(root, "tasks")); task; task = json_next(task)) {
        const char *its = json_get_text(task, "id", "");

        snprintf(oldest, ID_LEN + 1, "%s", its);
        if (*word == '\0' || cli_id_fits(its, word)) {
            if (n++ == 0)
                snprintf(id, ID_LEN + 1, "%s", its);
            if (*word == '\0')
                break;
        }
    }
    return n;
}

int cli_task_id(struct cli *cli, const char *word, char id[ID_LEN + 1], struct err *err)
{
    bool newest = strcmp(word, "last") == 0;
    char path[128], oldest[ID_LEN + 1] = "", found[ID_LEN + 1] = "";
    int n = 0;

    if (id_is_valid(word, strlen(word))) {
        memcpy(id, word, ID_LEN + 1);
        return 0;
    }
    if (!newest && (strlen(word) < MIN_ID_WORD || strspn(word, "0123456789abcdef-") != strlen(word)))
        return fail(err, CORAX_E_ARGS, "\"%s\" is no task id: give \"last\", or at least %d characters of an id", word,
                    MIN_ID_WORD);
    for (int page = 0; page < MAX_ID_PAGES; page++) {
        struct reply reply;
        struct json *root;
        bool more;
        char one[ID_LEN + 1];
        int n_here;

        snprintf(path, sizeof(path), "/v1/tasks?limit=%d%s%s", newest ? 1 : ID_PAGE, *oldest ? "&before=" : "", oldest);
        if (cli_get(cli, path, 0, &reply, &root, err) != 0) {
            reply_finish(&reply);
            return -1;
        }
        n_here = fits_on_page(root, newest ? "" : word, one, oldest);
        if (n == 0 && n_here > 0)
            memcpy(found, one, sizeof(found));
        n += n_here;
        more = json_bool(json_get(root, "more"), false);
        json_free(root);
        reply_finish(&reply);
        if (newest || !more || n > 1)
            break;
    }
    if (n == 0 && newest)
        return fail(err, CORAX_E_NOTFOUND, "there is no task yet");
    if (n == 0)
        return fail(err, CORAX_E_NOTFOUND, "no task has an id that begins or ends with \"%s\"", word);
    if (n > 1)
        return fail(err, CORAX_E_ARGS, "\"%s\" fits more than one task: give more of the id (its end differs most)",
                    word);
    memcpy(id, found, sizeof(found));
    return 0;
}

static const char *default_socket(void)
{
    const char *socket = getenv("CORAX_SOCKET");

    return socket && *socket ? socket : CORAX_RUNDIR "/coraxd.sock";
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "version", no_argument, NULL, 'V' }, CLI_LONG_OPTIONS };
    struct cli cli = { .socket = default_socket() };
    int c, status;

    signal(SIGPIPE, SIG_IGN); /* writing to a closed pager is an error of that write, not the end of a cancel request */
    while ((c = getopt_long(argc, argv, "+V" CLI_SHORT_OPTIONS, options, NULL)) != -1) {
        switch (c) {
        case 's':
            cli.socket = optarg;
            break;
        case 'j':
            cli.json = true;
            break;
        case 'V':
            printf("corax %s\n", PACKAGE_VERSION);
            return CLI_OK;
        case 'h':
            print_usage(stdout);
            return CLI_OK;
        default:
            print_usage(stderr);
            return CLI_USAGE;
        }
    }
    if (optind == argc) {
        print_usage(stderr);
        return CLI_USAGE;
    }
    cli.command = find_command(argv[optind]);
    if (!cli.command) {
        fprintf(stderr, "corax: there is no command \"%s\"; `corax help` lists them\n", argv[optind]);
        return CLI_USAGE;
    }
    argc -= optind;
    argv += optind;
    optind = 0; /* glibc: scan the command's own options afresh */
    status = cli.command->run(&cli, argc, argv);
    client_destroy(cli.client);
    if (fflush(stdout) != 0 && status == CLI_OK)
        status = CLI_FAILED;
    return status;
}
