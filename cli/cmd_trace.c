/*
 * corax trace: everything a task did, step by step, with times, tokens, policy rules, calls and results.
 */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/show.h"

static int run_trace(struct cli *cli, int argc, char **argv)
{
    struct err err = { 0 };
    char id[ID_LEN + 1], path[128];
    struct reply reply;
    struct json *root;
    int status = CLI_OK;

    if (cli_plain_options(cli, argc, argv, 1, 1, &status))
        return status;
    if (cli_task_id(cli, argv[optind], id, &err) != 0)
        return cli_report(&err);
    snprintf(path, sizeof(path), "/v1/tasks/%s/trace", id);
    if (cli_get(cli, path, 0, &reply, &root, &err) != 0) {
        status = cli_report(&err);
    } else if (cli->json) {
        cli_print_reply(&reply);
    } else {
        const struct json *task = json_get(root, "task");

        show_trace_task(stdout, task);
        fputc('\n', stdout);
        for (const struct json *event = json_first(json_get(root, "events")); event; event = json_next(event))
            show_trace_event(stdout, event, (int64_t)json_number(json_get(task, "created_ms"), 0));
        if (json_kind(json_get(task, "waiting_for")) == JSON_OBJECT) {
            fputc('\n', stdout);
            show_waiting(stdout, json_get(task, "waiting_for"), id, true);
        }
    }
    json_free(root);
    reply_finish(&reply);
    return status;
}

const struct command cmd_trace = {
    .name = "trace",
    .args = "TASK",
    .summary = "Show what a task did, step by step",
    .options = "",
    .run = run_trace,
};
