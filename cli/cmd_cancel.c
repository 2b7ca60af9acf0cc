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

static int cancel_task(struct cli *cli, const char *word, struct err *err)
{
    char id[ID_LEN + 1], path[128];
    struct reply reply;
    struct json *root;
    int rc;

    if (cli_task_id(cli, word, id, err) != 0)
        return -1;
    snprintf(path, sizeof(path), "/v1/tasks/%s/cancel", id);
    rc = cli_send(cli, "POST", path, NULL, 0, &reply, &root, err);
    if (rc == 0 && strcmp(json_get_text(root, "outcome", ""), "cancelled") != 0)
        rc = fail(err, CORAX_E_ARGS, "task %s has ended already", id); /* it was on its way to the disk */
    else if (rc == 0)
        print_done(cli, &reply, "cancelled", id);
    json_free(root);
    reply_finish(&reply);
    return rc;
}

/* "pause" or "resume"; what the task does now is what counts. */
static int post_word(struct cli *cli, const char *word, const char *verb, struct err *err)
{
    char id[ID_LEN + 1], path[128];
    struct reply reply;
    struct json *root;
    int rc;

    if (cli_task_id(cli, word, id, err) != 0)
        return -1;
    snprintf(path, sizeof(path), "/v1/tasks/%s/%s", id, verb);
    rc = cli_send(cli, "POST", path, NULL, 0, &reply, &root, err);
    if (rc == 0 && strcmp(verb, "pause") == 0 && strcmp(json_get_text(root, "state", ""), "paused") != 0)
        print_done(cli, &reply, "will pause (its step ends first)", id);
    else if (rc == 0)
        print_done(cli, &reply, strcmp(verb, "pause") == 0 ? "paused" : "resumed", id);
    json_free(root);
    reply_finish(&reply);
    return rc;
}

static int pause_task(struct cli *cli, const char *word, struct err *err)
{
    return post_word(cli, word, "pause", err);
}

static int resume_task(struct cli *cli, const char *word, struct err *err)
{
    return post_word(cli, word, "resume", err);
}

static int delete_task(struct cli *cli, const char *word, struct err *err)
{
    char id[ID_LEN + 1], path[128];
    struct reply reply;
    struct json *root;
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
    if (live)
        return fail(err, CORAX_E_ARGS, "task %s has not ended: corax cancel ends it", id);
    rc = cli_send(cli, "DELETE", path, NULL, 0, &reply, &root, err);
    if (rc == 0)
        print_done(cli, &reply, "deleted", id);
    json_free(root);
    reply_finish(&reply);
    return rc;
}

typedef int one_task(struct cli *, const char *word, struct err *);

static int each_task(struct cli *cli, int argc, char **argv, one_task *one)
{
    int status = CLI_OK;

    if (cli_plain_options(cli, argc, argv, 1, 1000, &status))
        return status;
    for (int i = optind; i < argc; i++) {
        struct err err = { 0 };

        if (one(cli, argv[i], &err) != 0)
            status = cli_report(&err);
        if (status == CLI_UNREACHABLE)
            break;
    }
    return status;
}

static int run_cancel(struct cli *cli, int argc, char **argv)
{
    return each_task(cli, argc, argv, cancel_task);
}

static int run_pause(struct cli *cli, int argc, char **argv)
{
    return each_task(cli, argc, argv, pause_task);
}

static int run_resume(struct cli *cli, int argc, char **argv)
{
    return each_task(cli, argc, argv, resume_task);
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
    .run = run_cancel,
};

const struct command cmd_pause = {
    .name = "pause",
    .args = "TASK...",
    .summary = "Hold tasks back when their step is over, until they are resumed",
    .options = "",
    .run = run_pause,
};

const struct command cmd_resume = {
    .name = "resume",
    .args = "TASK...",
    .summary = "Let paused tasks go on",
    .options = "",
    .run = run_resume,
};

const struct command cmd_rm = {
    .name = "rm",
    .args = "TASK...",
    .summary = "Delete tasks that have ended, with their traces",
    .options = "",
    .run = run_rm,
};
