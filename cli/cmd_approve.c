/*
 * corax approve, deny and answer: what a person says to a task that waits.
 *
 * An approval is for one call with its very arguments.  Its request hash stands for both, so `corax approve TASK HASH`
 * cannot approve anything else than what was read beside the hash; without one the call is shown and asked about.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/show.h"

#define MIN_HASH 8 /* characters of a request hash that are enough here */

/* A request hash, whole, and the kind of waiting. */
struct waiting {
    char hash[2 * HASH_LEN + 1];
    bool question;
};

static int get_waiting(struct cli *cli, const char *id, bool show, struct waiting *out, struct err *err)
{
    const struct json *waiting_for;
    struct reply reply;
    struct json *root;
    char path[128];
    int rc;

    snprintf(path, sizeof(path), "/v1/tasks/%s", id);
    rc = cli_get(cli, path, 0, &reply, &root, err);
    if (rc == 0) {
        waiting_for = json_get(root, "waiting_for");
        if (json_kind(waiting_for) != JSON_OBJECT)
            rc = fail(err, CORAX_E_ARGS, "task %s waits for nobody: it is %s", id, show_state(root));
        snprintf(out->hash, sizeof(out->hash), "%s", json_get_text(waiting_for, "request_hash", ""));
        out->question = strcmp(json_get_text(waiting_for, "kind", ""), "question") == 0;
        if (rc == 0 && show)
            show_waiting(stderr, waiting_for, id, false);
    }
    json_free(root);
    reply_finish(&reply);
    return rc;
}

/* POSTs {"KEY":value} or {"KEY":value,"reason":reason}. */
static int send_input(struct cli *cli, const char *id, const char *key, const char *value, const char *reason,
                      struct err *err)
{
    struct buf body;
    struct jsonw w;
    struct reply reply;
    struct json *root;
    char path[128];
    int rc;

    buf_init(&body, CLI_MAX_BODY);
    w = jsonw_start(&body);
    jsonw_object(&w, NULL);
    jsonw_text(&w, key, value);
    if (reason)
        jsonw_text(&w, "reason", reason);
    jsonw_end(&w);
    if (body.failed) {
        buf_finish(&body);
        return fail(err, CORAX_E_LIMIT, "the text is longer than %u bytes", CLI_MAX_BODY);
    }
    snprintf(path, sizeof(path), "/v1/tasks/%s/input", id);
    rc = cli_send(cli, "POST", path, &body, 0, &reply, &root, err);
    if (rc == 0 && cli->json)
        cli_print_reply(&reply);
    json_free(root);
    reply_finish(&reply);
    buf_finish(&body);
    return rc;
}

static bool says_yes(void)
{
    char line[16];

    fputs("approve this call? [y/n] ", stderr);
    fflush(stderr);
    return fgets(line, sizeof(line), stdin) && (strcmp(line, "y\n") == 0 || strcmp(line, "yes\n") == 0);
}

static int run_approve(struct cli *cli, int argc, char **argv)
{
    struct err err = { 0 };
    struct waiting waiting;
    char id[ID_LEN + 1];
    const char *hash;
    int status;

    if (cli_plain_options(cli, argc, argv, 1, 2, &status))
        return status;
    hash = optind + 1 < argc ? argv[optind + 1] : NULL;
    if (hash && strlen(hash) < MIN_HASH)
        return cli_usage(cli, "at least %d characters of the request hash are needed", MIN_HASH);
    if (cli_task_id(cli, argv[optind], id, &err) != 0 || get_waiting(cli, id, !hash, &waiting, &err) != 0)
        return cli_report(&err);
    if (waiting.question) {
        fprintf(stderr, "corax: task %s asks a question: corax answer %s TEXT\n", id, id);
        return CLI_FAILED;
    }
    if (hash && strncmp(waiting.hash, hash, strlen(hash)) != 0) {
        fprintf(stderr, "corax: task %s does not wait for the request %s; `corax trace %s` shows what it waits for\n",
                id, hash, id);
        return CLI_FAILED;
    }
    if (!hash && isatty(STDIN_FILENO) != 1)
        return cli_usage(cli, "without a terminal the request hash is needed (it is shown above)");
    if (!hash && !says_yes()) {
        fputs("corax: not approved; the task still waits (`corax deny` refuses)\n", stderr);
        return CLI_FAILED;
    }
    return send_input(cli, id, "approve", waiting.hash, NULL, &err) == 0 ? CLI_OK : cli_report(&err);
}

static int run_deny(struct cli *cli, int argc, char **argv)
{
    struct err err = { 0 };
    struct waiting waiting;
    struct buf reason;
    char id[ID_LEN + 1];
    int status;

    if (cli_plain_options(cli, argc, argv, 1, argc, &status))
        return status;
    if (cli_task_id(cli, argv[optind], id, &err) != 0 || get_waiting(cli, id, false, &waiting, &err) != 0)
        return cli_report(&err);
    if (waiting.question) {
        fprintf(stderr, "corax: task %s asks a question: corax answer %s TEXT\n", id, id);
        return CLI_FAILED;
    }
    buf_init(&reason, CLI_MAX_BODY);
    cli_join_words(argc - optind - 1, argv + optind + 1, &reason);
    status = send_input(cli, id, "deny", waiting.hash, reason.len > 0 ? reason.data : NULL, &err) == 0
                 ? CLI_OK
                 : cli_report(&err);
    buf_finish(&reason);
    return status;
}

static int run_answer(struct cli *cli, int argc, char **argv)
{
    struct err err = { 0 };
    struct buf text;
    char id[ID_LEN + 1];
    int status;

    if (cli_plain_options(cli, argc, argv, 2, argc, &status))
        return status;
    if (cli_task_id(cli, argv[optind], id, &err) != 0)
        return cli_report(&err);
    buf_init(&text, CLI_MAX_BODY);
    cli_join_words(argc - optind - 1, argv + optind + 1, &text);
    status = send_input(cli, id, "answer", text.data, NULL, &err) == 0 ? CLI_OK : cli_report(&err);
    buf_finish(&text);
    return status;
}

const struct command cmd_approve = {
    .name = "approve",
    .args = "TASK [HASH]",
    .summary = "Let a task make the call it waits with",
    .options = "",
    .run = run_approve,
};

const struct command cmd_deny = {
    .name = "deny",
    .args = "TASK [REASON...]",
    .summary = "Refuse the call a task waits with; the model reads the reason",
    .options = "",
    .run = run_deny,
};

const struct command cmd_answer = {
    .name = "answer",
    .args = "TASK TEXT...",
    .summary = "Answer the question a task asked",
    .options = "",
    .run = run_answer,
};
