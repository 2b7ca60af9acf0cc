/*
 * corax schedules: tasks that come again and again, which `corax run --every` makes.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/term.h"
#include "util/clock.h"

#define MIN_WORD      4
#define STATE_COLUMNS 8
#define EVERY_COLUMNS 18
#define NEXT_COLUMNS  13
#define RUNS_COLUMNS  6

static void print_time(const char *name, const struct json *schedule, const char *key)
{
    const struct json *ms = json_get(schedule, key);
    time_t seconds = (time_t)(json_number(ms, 0) / 1000);
    char text[64] = "-";
    struct tm tm;

    if (json_kind(ms) == JSON_NUMBER && localtime_r(&seconds, &tm))
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %Z", &tm);
    printf("%-9s %s\n", name, text);
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

/* A whole id, or a piece of one that fits no other. */
static int find(struct cli *cli, const char *word, char id[ID_LEN + 1], struct err *err)
{
    struct reply reply;
    struct json *root = NULL;
    int n = 0, rc;

    if (id_is_valid(word, strlen(word))) {
        memcpy(id, word, ID_LEN + 1);
        return 0;
    }
    if (strlen(word) < MIN_WORD)
        return fail(err, CORAX_E_ARGS, "\"%s\" is no id of a schedule: give at least %d characters of one", word,
                    MIN_WORD);
    rc = cli_get(cli, "/v1/schedules", 0, &reply, &root, err);
    for (const struct json *s = json_first(json_get(root, "schedules")); s; s = json_next(s)) {
        if (cli_id_fits(json_get_text(s, "id", ""), word) && n++ == 0)
            snprintf(id, ID_LEN + 1, "%s", json_get_text(s, "id", ""));
    }
    json_free(root);
    reply_finish(&reply);
    if (rc == 0 && n != 1)
        rc = fail(err, CORAX_E_NOTFOUND,
                  n > 1 ? "\"%s\" fits more than one schedule: give more of the id"
                        : "no schedule has an id that begins or ends with \"%s\"",
                  word);
    return rc;
}

static int act(struct cli *cli, const char *verb, const char *word, struct err *err)
{
    const bool shows = strcmp(verb, "show") == 0, removes = strcmp(verb, "rm") == 0;
    char id[ID_LEN + 1], path[128];
    struct reply reply;
    struct json *root;
    int rc;

    if (find(cli, word, id, err) != 0)
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
    int status = CLI_OK;
    bool known = false;
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
    for (int i = optind + 1; i < argc && status != CLI_UNREACHABLE; i++) {
        err = (struct err){ 0 };
        if (act(cli, verb, argv[i], &err) != 0)
            status = cli_report(&err);
    }
    return status;
}

const struct command cmd_schedules = {
    .name = "schedules",
    .args = "[ls | show ID... | pause ID... | resume ID... | rm ID...]",
    .summary = "List or change what comes again and again (run --every)",
    .options = "",
    .run = run_schedules,
};
