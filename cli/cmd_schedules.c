/*
 * corax schedules: tasks that come again and again, which `corax run --every` makes.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/show.h"
#include "cli/term.h"
#include "util/clock.h"

#define STATE_COLUMNS 8
#define EVERY_COLUMNS 18
#define NEXT_COLUMNS  13
#define RUNS_COLUMNS  6

static void print_time(const char *name, const struct json *schedule, const char *key)
{
    const struct json *ms = json_get(schedule, key);

    printf("%-9s ", name);
    if (json_kind(ms) == JSON_NUMBER)
        show_when(stdout, json_number(ms, 0));
    else
        fputc('-', stdout);
    fputc('\n', stdout);
}

static void print_text(const char *name, const struct json *schedule, const char *key)
{
    const char *text = json_get_text(schedule, key, "-");

    printf("%-9s ", name);
    term_text(stdout, text, strlen(text), 10);
    fputc('\n', stdout);
}

static void print_one(const struct json *schedule)
{
    print_text("schedule", schedule, "id");
    print_text("input", schedule, "input_text");
    print_text("every", schedule, "every");
    print_text("state", schedule, "state");
    print_time("made", schedule, "created_ms");
    print_time("next", schedule, "next_ms");
    print_time("last", schedule, "last_ms");
    print_text("last task", schedule, "last_task");
    printf("%-9s %.0f, and %.0f times none\n", "tasks", json_number(json_get(schedule, "runs"), 0),
           json_number(json_get(schedule, "skipped"), 0));
    if (json_text(json_get(schedule, "trouble")))
        print_text("trouble", schedule, "trouble");
}

static void print_line(const struct json *schedule, int64_t now_ms, int input_columns)
{
    const char *id = json_get_text(schedule, "id", "?"), *state = json_get_text(schedule, "state", "?");
    const char *every = json_get_text(schedule, "every", "?"), *input = json_get_text(schedule, "input_text", "");
    double next_ms = json_number(json_get(schedule, "next_ms"), 0);
    char next[30] = "in ";

    if (next_ms > 0)
        term_duration(next_ms > (double)now_ms ? next_ms - (double)now_ms : 0, next + 3, sizeof(next) - 3);
    else
        snprintf(next, sizeof(next), "-");
    term_line(stdout, id, strlen(id), ID_LEN);
    printf("  %-*s", STATE_COLUMNS, state);
    term_line(stdout, every, strlen(every), EVERY_COLUMNS);
    printf("%*s%*s%*.0f  ", (int)(strlen(every) < EVERY_COLUMNS ? EVERY_COLUMNS - strlen(every) : 0), "", NEXT_COLUMNS,
           next, RUNS_COLUMNS, json_number(json_get(schedule, "runs"), 0));
    if (json_text(json_get(schedule, "trouble")))
        term_puts(stdout, TERM_YELLOW, "(skipped) ");
    term_line(stdout, input, strlen(input), input_columns);
    fputc('\n', stdout);
}

static void print_all(const struct json *root)
{
    int columns = term_width(stdout) - ID_LEN - 2 - STATE_COLUMNS - EVERY_COLUMNS - NEXT_COLUMNS - RUNS_COLUMNS - 2;

    printf("%-*s  %-*s%-*s%*s%*s  %s\n", ID_LEN, "SCHEDULE", STATE_COLUMNS, "STATE", EVERY_COLUMNS, "EVERY",
           NEXT_COLUMNS, "NEXT", RUNS_COLUMNS, "TASKS", "INPUT");
    for (const struct json *s = json_first(json_get(root, "schedules")); s; s = json_next(s))
        print_line(s, clock_wall_ms(), columns < 20 ? 20 : columns);
}

static int list(struct cli *cli, struct err *err)
{
    struct reply reply;
    struct json *root;
    int rc = cli_get(cli, "/v1/schedules", 0, &reply, &root, err);

    if (rc == 0 && cli->json)
        cli_print_reply(&reply);
    else if (rc == 0)
        print_all(root);
    json_free(root);
    reply_finish(&reply);
    return rc;
}

static int act(struct cli *cli, const char *verb, const char *word, struct err *err)
{
    static const struct cli_list schedules = { "/v1/schedules", "schedules", "schedule", "" };
    const bool shows = strcmp(verb, "show") == 0, removes = strcmp(verb, "rm") == 0;
    char id[ID_LEN + 1], path[128];
    struct reply reply;
    struct json *root;
    int rc;

    if (cli_find_id(cli, &schedules, word, id, err) != 0)
        return -1;
    snprintf(path, sizeof(path), "/v1/schedules/%s%s%s", id, shows || removes ? "" : "/", shows || removes ? "" : verb);
    rc = cli_send(cli, shows ? "GET" : removes ? "DELETE" : "POST", path, NULL, 0, &reply, &root, err);
    if (rc == 0 && cli->json && reply.body.len > 0)
        cli_print_reply(&reply);
    else if (rc == 0 && shows)
        print_one(root);
    else if (rc == 0 && !cli->json)
        printf("%s %s\n", removes ? "removed" : strcmp(verb, "pause") == 0 ? "paused" : "resumed", id);
    json_free(root);
    reply_finish(&reply);
    return rc;
}

static int run_schedules(struct cli *cli, int argc, char **argv)
{
    static const char *const verbs[] = { "show", "pause", "resume", "rm" };
    struct err err = { 0 };
    bool known = false;
    int status;
    const char *verb;

    if (cli_plain_options(cli, argc, argv, 0, 1000, &status))
        return status;
    verb = optind < argc ? argv[optind] : "ls";
    for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
        known = known || strcmp(verb, verbs[i]) == 0;
    if (strcmp(verb, "ls") == 0 && argc - optind <= 1)
        return list(cli, &err) == 0 ? CLI_OK : cli_report(&err);
    if (!known || argc - optind < 2)
        return cli_usage(cli,
                         known ? "say which schedule: its id, or a piece of it" : "say ls, show, pause, resume or rm");
    return cli_each(cli, verb, argc - optind - 1, argv + optind + 1, act);
}

const struct command cmd_schedules = {
    .name = "schedules",
    .args = "[ls | show ID... | pause ID... | resume ID... | rm ID...]",
    .summary = "List or change what comes again and again (run --every)",
    .options = "",
    .run = run_schedules,
};
