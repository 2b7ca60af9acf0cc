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
#include "util/file.h"

/* In the order in which `corax help` shows them. */
static const struct command *const commands[] = {
    &cmd_run,    &cmd_watch,     &cmd_ls,     &cmd_trace,  &cmd_replay, &cmd_diff,  &cmd_eval,
    &cmd_export, &cmd_approve,   &cmd_deny,   &cmd_answer, &cmd_cancel, &cmd_pause, &cmd_resume,
    &cmd_rm,     &cmd_schedules, &cmd_agents, &cmd_memory, &cmd_tools,  &cmd_login, &cmd_policy,
    &cmd_health, &cmd_doctor,    &cmd_db,     &cmd_ping,   &cmd_help,
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* Pages of 500 that a shortened id is looked for in: the newest 10,000. */
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

void cli_write_words(struct jsonw *w, const char *key, const char *words)
{
    jsonw_array(w, key);
    while (*words) {
        const size_t n = strcspn(words, ",");

        if (n > 0)
            jsonw_string(w, NULL, words, n);
        words += n + (words[n] == ',');
    }
    jsonw_end(w);
}

int cli_write_policy(struct jsonw *w, const char *path, struct err *err)
{
    struct buf text;
    int rc;

    buf_init(&text, CLI_MAX_POLICY);
    rc = file_read(path, &text, err);
    if (rc == 0) {
        jsonw_object(w, NULL);
        jsonw_text(w, "name", path);
        jsonw_string(w, "text", text.data, text.len);
        jsonw_end(w);
    }
    buf_finish(&text);
    return rc;
}

bool cli_temperature(const char *text, double *out)
{
    char *end;

    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= 0 && *out <= 10;
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

/* It begins or ends with the word. */
static bool id_fits(const char *id, const char *word)
{
    size_t id_len = strlen(id), len = strlen(word);

    return len <= id_len && (strncmp(id, word, len) == 0 || strcmp(id + id_len - len, word) == 0);
}

/* Looks through one page, the one behind *oldest, which becomes the page's last id.  1: there are more pages. */
static int find_on_page(struct cli *cli, const struct cli_list *list, const char *word, char oldest[ID_LEN + 1],
                        char id[ID_LEN + 1], int *n, struct err *err)
{
    struct reply reply;
    struct json *root;
    char path[128];
    int rc;

    snprintf(path, sizeof(path), "%s?limit=%d%s%s", list->path, ID_PAGE, *oldest ? "&before=" : "", oldest);
    rc = cli_get(cli, path, 0, &reply, &root, err);
    for (const struct json *e = json_first(json_get(root, list->member)); e; e = json_next(e)) {
        snprintf(oldest, ID_LEN + 1, "%s", json_get_text(e, "id", ""));
        if (id_fits(oldest, word) && (*n)++ == 0)
            memcpy(id, oldest, ID_LEN + 1);
    }
    if (rc == 0)
        rc = json_bool(json_get(root, "more"), false);
    json_free(root);
    reply_finish(&reply);
    return rc;
}

int cli_find_id(struct cli *cli, const struct cli_list *list, const char *word, char id[ID_LEN + 1], struct err *err)
{
    char oldest[ID_LEN + 1] = "", found[ID_LEN + 1] = "";
    int n = 0, rc = 1;

    if (id_is_valid(word, strlen(word))) {
        memcpy(id, word, ID_LEN + 1);
        return 0;
    }
    if (strlen(word) < MIN_ID_WORD || strspn(word, "0123456789abcdef-") != strlen(word))
        return fail(err, CORAX_E_ARGS, "\"%.60s\" is no %s id: give %sat least %d characters of one", word, list->one,
                    list->also, MIN_ID_WORD);
    for (int page = 0; page < MAX_ID_PAGES && rc == 1 && n < 2; page++)
        rc = find_on_page(cli, list, word, oldest, found, &n, err);
    if (rc < 0)
        return -1;
    if (n == 0)
        return fail(err, CORAX_E_NOTFOUND, "no %s has an id that begins or ends with \"%s\"", list->one, word);
    if (n > 1)
        return fail(err, CORAX_E_ARGS, "\"%s\" fits more than one %s: give more of the id (its end differs most)", word,
                    list->one);
    memcpy(id, found, sizeof(found));
    return 0;
}

static int newest_task(struct cli *cli, char id[ID_LEN + 1], struct err *err)
{
    struct reply reply;
    struct json *root;
    const struct json *task;
    int rc = cli_get(cli, "/v1/tasks?limit=1", 0, &reply, &root, err);

    task = json_first(json_get(root, "tasks"));
    if (rc == 0 && task == NULL)
        rc = fail(err, CORAX_E_NOTFOUND, "there is no task yet");
    if (rc == 0)
        snprintf(id, ID_LEN + 1, "%s", json_get_text(task, "id", ""));
    json_free(root);
    reply_finish(&reply);
    return rc;
}

int cli_task_id(struct cli *cli, const char *word, char id[ID_LEN + 1], struct err *err)
{
    static const struct cli_list tasks = { "/v1/tasks", "tasks", "task", "\"last\", or " };

    return strcmp(word, "last") == 0 ? newest_task(cli, id, err) : cli_find_id(cli, &tasks, word, id, err);
}

int cli_each(struct cli *cli, const char *verb, int n, char **words, cli_one *one)
{
    int status = CLI_OK;

    for (int i = 0; i < n && status != CLI_UNREACHABLE; i++) {
        struct err err = { 0 };

        if (one(cli, verb, words[i], &err) != 0)
            status = cli_report(&err);
    }
    return status;
}

void cli_join_words(int n, char **words, struct buf *out)
{
    for (int i = 0; i < n; i++) {
        buf_adds(out, i > 0 ? " " : "");
        buf_adds(out, words[i]);
    }
}

int cli_read_text(int n, char **words, const char *what, struct buf *text, struct err *err)
{
    char chunk[16384];
    size_t got;

    if (n == 1 && strcmp(words[0], "-") == 0) {
        while ((got = fread(chunk, 1, sizeof(chunk), stdin)) > 0)
            buf_add(text, chunk, got);
        if (ferror(stdin))
            return fail_sys(err, CORAX_E_IO, "standard input");
        while (text->len > 0 && text->data[text->len - 1] == '\n')
            text->data[--text->len] = '\0';
    } else {
        cli_join_words(n, words, text);
    }
    return text->failed ? fail(err, CORAX_E_LIMIT, "%s is longer than %zu bytes", what, text->limit) : 0;
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
