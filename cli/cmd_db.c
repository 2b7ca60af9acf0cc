/*
 * corax db: a copy of the journal, or whether it is what it should be, from the daemon that has it open.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/term.h"

#define WAIT_S (24 * 3600) /* both read the whole journal */

static int print_check(const struct json *root)
{
    const struct json *problems = json_get(root, "problems");
    const bool good = json_bool(json_get(root, "ok"), false);

    for (const struct json *p = json_first(problems); p; p = json_next(p)) {
        term_puts(stdout, TERM_RED, "amiss  ");
        term_text(stdout, json_text(p) ? json_text(p) : "?", strlen(json_text(p) ? json_text(p) : "?"), 7);
        fputc('\n', stdout);
    }
    if (good)
        printf("the journal is good: %.0f tasks, %.0f events, %.0f payloads, %.1f MB\n",
               json_number(json_get(root, "tasks"), 0), json_number(json_get(root, "events"), 0),
               json_number(json_get(root, "blobs"), 0), json_number(json_get(root, "bytes"), 0) / 1e6);
    return good ? CLI_OK : CLI_FAILED;
}

static int ask(struct cli *cli, const char *path, const char *name, bool checks)
{
    struct err err = { 0 };
    struct reply reply;
    struct json *root = NULL;
    struct buf body;
    struct jsonw w;
    int status;

    buf_init(&body, 4096);
    w = jsonw_start(&body);
    jsonw_object(&w, NULL);
    if (name)
        jsonw_text(&w, "name", name);
    jsonw_end(&w);
    if (cli_send(cli, "POST", path, &body, WAIT_S, &reply, &root, &err) != 0) {
        status = cli_report(&err);
    } else if (cli->json) {
        cli_print_reply(&reply);
        status = !checks || json_bool(json_get(root, "ok"), false) ? CLI_OK : CLI_FAILED;
    } else if (checks) {
        status = print_check(root);
    } else {
        printf("%s\n", json_get_text(root, "path", "?"));
        status = CLI_OK;
    }
    json_free(root);
    reply_finish(&reply);
    buf_finish(&body);
    return status;
}

static int run_db(struct cli *cli, int argc, char **argv)
{
    const char *what, *name;
    int status;

    if (cli_plain_options(cli, argc, argv, 1, 2, &status))
        return status;
    what = argv[optind];
    name = argc - optind > 1 ? argv[optind + 1] : NULL;
    if (strcmp(what, "backup") == 0)
        return ask(cli, "/v1/journal/backups", name, false);
    if (strcmp(what, "check") == 0 && !name)
        return ask(cli, "/v1/journal/check", NULL, true);
    return cli_usage(cli, strcmp(what, "check") == 0 ? "there are too many arguments" : "say backup or check");
}

const struct command cmd_db = {
    .name = "db",
    .args = "backup [NAME] | check",
    .summary = "Copy the journal while it is in use, or check it",
    .options = "  backup [NAME]         prints where the copy is: in backups beside the journal\n"
               "  check                 is the journal what it should be?  Exit status 1: it is not\n",
    .run = run_db,
};
