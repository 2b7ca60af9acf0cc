/*
 * corax cancel and corax rm: end a task that lives, forget one that has ended.
 *
 * The API has one request for both, DELETE, and the state of the task decides.  Each command looks at the state first, so
 * that cancelling a task that is already over does not delete its trace.  Between looking and asking a task may still end;
 * `corax cancel` then deletes it, and says so.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static int delete_task(struct cli *cli, const char *word, bool wants_live, struct err *err)
{
    char id[ID_LEN + 1], path[128];
    struct reply reply;
    struct json *root = NULL;
    bool live;
    int rc;

    if (cli_task_id(cli, word, id, err) != 0)
        return -1;
    snprintf(path, sizeof(path), "/v1/tasks/%s", id);
    rc = cli_get(cli, path, 0, &reply, &root, err);
    live = strcmp(json_get_text(root, "state", ""), "finished") != 0;
    json_free(root);
    reply_finish(&reply);
    if (rc != 0)
        return -1;
    if (live != wants_live)
        return fail(err, CORAX_E_ARGS,
                    live ? "task %s has not ended: corax cancel ends it" : "task %s has ended already", id);
    rc = cli_send(cli, "DELETE", path, NULL, &reply, &root, err);
    if (rc == 0 && cli->json && reply.body.len > 0)
        cli_print_reply(&reply);
    else if (rc == 0 && !cli->json)
        printf("%s %s\n", reply.status == 204 ? "deleted" : "cancelled", id);
    json_free(root);
    reply_finish(&reply);
    return rc;
}

static int delete_all(struct cli *cli, int argc, char **argv, bool wants_live)
{
    int status = CLI_OK;

    if (cli_plain_options(cli, argc, argv, 1, 1000, &status))
        return status;
    for (int i = optind; i < argc; i++) {
        struct err err = { 0 };

        if (delete_task(cli, argv[i], wants_live, &err) != 0)
            status = cli_report(&err);
        if (status == CLI_UNREACHABLE)
            break;
    }
    return status;
}

static int run_cancel(struct cli *cli, int argc, char **argv)
{
    return delete_all(cli, argc, argv, true);
}

static int run_rm(struct cli *cli, int argc, char **argv)
{
    return delete_all(cli, argc, argv, false);
}

const struct command cmd_cancel = {
    .name = "cancel",
    .args = "TASK...",
    .summary = "End tasks that are running, queued or waiting",
    .options = "",
    .run = run_cancel,
};

const struct command cmd_rm = {
    .name = "rm",
    .args = "TASK...",
    .summary = "Delete tasks that have ended, with their traces",
    .options = "",
    .run = run_rm,
};
