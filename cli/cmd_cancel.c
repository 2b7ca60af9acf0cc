/*
 * corax cancel, pause, resume and rm: end a task that lives, hold it back for a while, forget one that has ended.
 *
 * Each asks for one thing only, so that a task that ends in the same moment keeps its trace: cancelling one that has ended
 * is refused by the daemon.  rm looks first, since DELETE would cancel one that lives.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static void print_done(const struct cli *cli, const struct reply *reply, const char *what, const char *id)
{
    if (cli->json && reply->body.len > 0)
        cli_print_reply(reply);
    else if (!cli->json)
        printf("%s %s\n", what, id);
}

/* How the task stands now is what counts. */
static int print_posted(const struct cli *cli, const struct reply *reply, const struct json *task, const char *verb,
                        const char *id, struct err *err)
{
    const bool paused = strcmp(json_get_text(task, "state", ""), "paused") == 0;

    if (strcmp(verb, "pause") == 0) {
        print_done(cli, reply, paused ? "paused" : "will pause (its step ends first)", id);
    } else if (strcmp(verb, "resume") == 0) {
        print_done(cli, reply, "resumed", id);
    } else {
        if (strcmp(json_get_text(task, "outcome", ""), "cancelled") != 0) /* its end was on its way to the disk */
            return fail(err, CORAX_E_ARGS, "task %s has ended already", id);
        print_done(cli, reply, "cancelled", id);
    }
    return 0;
}

/* "cancel", "pause" or "resume". */
static int post_verb(struct cli *cli, const char *verb, const char *word, struct err *err)
{
    char id[ID_LEN + 1], path[128];
    struct reply reply;
    struct json *root;
    int rc;

    if (cli_task_id(cli, word, id, err) != 0)
        return -1;
    snprintf(path, sizeof(path), "/v1/tasks/%s/%s", id, verb);
    rc = cli_send(cli, "POST", path, NULL, 0, &reply, &root, err);
    if (rc == 0)
        rc = print_posted(cli, &reply, root, verb, id, err);
    json_free(root);
    reply_finish(&reply);
    return rc;
}

static int delete_task(struct cli *cli, const char *verb, const char *word, struct err *err)
{
    char id[ID_LEN + 1], path[128];
    struct reply reply;
    struct json *root;
    bool live;
    int rc;

    (void)verb;
    if (cli_task_id(cli, word, id, err) != 0)
        return -1;
    snprintf(path, sizeof(path), "/v1/tasks/%s", id);
    rc = cli_get(cli, path, 0, &reply, &root, err);
    live = strcmp(json_get_text(root, "state", ""), "finished") != 0;
    json_free(root);
    reply_finish(&reply);
    if (rc != 0)
        return -1;
    if (live)
        return fail(err, CORAX_E_ARGS, "task %s has not ended: corax cancel ends it", id);
    rc = cli_send(cli, "DELETE", path, NULL, 0, &reply, &root, err);
    if (rc == 0)
        print_done(cli, &reply, "deleted", id);
    json_free(root);
    reply_finish(&reply);
    return rc;
}

/* The command's name is the verb. */
static int each_task(struct cli *cli, int argc, char **argv, cli_one *one)
{
    int status;

    if (cli_plain_options(cli, argc, argv, 1, 1000, &status))
        return status;
    return cli_each(cli, cli->command->name, argc - optind, argv + optind, one);
}

static int run_post(struct cli *cli, int argc, char **argv)
{
    return each_task(cli, argc, argv, post_verb);
}

static int run_rm(struct cli *cli, int argc, char **argv)
{
    return each_task(cli, argc, argv, delete_task);
}

const struct command cmd_cancel = {
    .name = "cancel",
    .args = "TASK...",
    .summary = "End tasks that have not ended",
    .options = "",
    .run = run_post,
};

const struct command cmd_pause = {
    .name = "pause",
    .args = "TASK...",
    .summary = "Hold tasks back when their step is over, until they are resumed",
    .options = "",
    .run = run_post,
};

const struct command cmd_resume = {
    .name = "resume",
    .args = "TASK...",
    .summary = "Let paused tasks go on",
    .options = "",
    .run = run_post,
};

const struct command cmd_rm = {
    .name = "rm",
    .args = "TASK...",
    .summary = "Delete tasks that have ended, with their traces",
    .options = "",
    .run = run_rm,
};
