/*
 * corax ls: the newest tasks, a line each.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/show.h"
#include "cli/term.h"
#include "util/clock.h"

#define MAX_LIMIT     500
#define STATE_COLUMNS 10
#define AGE_COLUMNS   13
#define STEPS_COLUMNS 6

static enum term_style style_of(const char *state)
{
    return strcmp(state, "answered") == 0                                  ? TERM_GREEN
           : strcmp(state, "failed") == 0                                  ? TERM_RED
           : strcmp(state, "waiting") == 0 || strcmp(state, "paused") == 0 ? TERM_YELLOW
           : strcmp(state, "running") == 0 || strcmp(state, "queued") == 0 ? TERM_CYAN
                                                                           : TERM_DIM;
}

static void print_task(const struct json *task, int64_t now_ms, int input_columns)
{
    const char *state = show_state(task), *input = json_get_text(task, "input_text", "");
    const double due_ms = json_number(json_get(task, "due_ms"), 0);
    char age[30] = "in ";

    if (due_ms > 0)
        term_duration(due_ms > (double)now_ms ? due_ms - (double)now_ms : 0, age + 3, sizeof(age) - 3);
    else
        term_duration((double)now_ms - json_number(json_get(task, "created_ms"), (double)now_ms), age, sizeof(age));
    term_line(stdout, json_get_text(task, "id", "?"), strlen(json_get_text(task, "id", "?")), ID_LEN);
    fputs("  ", stdout);
    term_puts(stdout, style_of(state), state);
    printf("%*s%*s %*.0f  ", STATE_COLUMNS - (int)strlen(state), "", AGE_COLUMNS, age, STEPS_COLUMNS - 1,
           json_number(json_get(task, "n_steps"), 0));
    term_line(stdout, input, strlen(input), input_columns);
    fputc('\n', stdout);
}

static void print_tasks(const struct json *root)
{
    int64_t now_ms = clock_wall_ms();
    int columns = term_width(stdout) - ID_LEN - 2 - STATE_COLUMNS - AGE_COLUMNS - STEPS_COLUMNS - 2;

    printf("%-*s  %-*s%*s%*s  %s\n", ID_LEN, "TASK", STATE_COLUMNS, "STATE", AGE_COLUMNS, "AGE", STEPS_COLUMNS, "STEPS",
           "INPUT");
    for (const struct json *task = json_first(json_get(root, "tasks")); task; task = json_next(task))
        print_task(task, now_ms, columns < 20 ? 20 : columns);
    if (json_bool(json_get(root, "more"), false))
        fputs("corax: there are older tasks: -n shows more\n", stderr);
}

static int run_ls(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = { { "limit", required_argument, NULL, 'n' },
                                             { "state", required_argument, NULL, 'S' },
                                             CLI_LONG_OPTIONS };
    const char *state = NULL;
    long long limit = 20;
    struct err err = { 0 };
    struct reply reply;
    struct json *root;
    char path[128];
    int c, status = CLI_OK;

    while ((c = getopt_long(argc, argv, "n:S:" CLI_SHORT_OPTIONS, options, NULL)) != -1) {
        if (c == 'n' && !cli_number(optarg, 1, MAX_LIMIT, &limit))
            return cli_usage(cli, "--limit wants a number from 1 to %d", MAX_LIMIT);
        else if (c == 'S' && (strlen(optarg) > 20 || strspn(optarg, "abcdefghijklmnopqrstuvwxyz") != strlen(optarg)))
            return cli_usage(cli, "--state wants scheduled, queued, running, waiting, paused or finished");
        else if (c == 'S')
            state = optarg;
        else if (c != 'n' && cli_option(cli, c, &status))
            return status;
    }
    if (optind != argc)
        return cli_usage(cli, "there are too many arguments");
    snprintf(path, sizeof(path), "/v1/tasks?limit=%lld%s%s", limit, state ? "&state=" : "", state ? state : "");
    if (cli_get(cli, path, 0, &reply, &root, &err) != 0)
        status = cli_report(&err);
    else if (cli->json)
        cli_print_reply(&reply);
    else
        print_tasks(root);
    json_free(root);
    reply_finish(&reply);
    return status;
}

const struct command cmd_ls = {
    .name = "ls",
    .args = "[-n N] [--state STATE]",
    .summary = "List the newest tasks",
    .options = "  -n, --limit N         how many (default 20, at most 500)\n"
               "      --state STATE     scheduled, queued, running, waiting, paused or finished\n",
    .run = run_ls,
};
