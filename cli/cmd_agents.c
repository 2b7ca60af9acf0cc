/*
 * corax agents: who there is to work on a task, for corax run --agent.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/term.h"

static int run_agents(struct cli *cli, int argc, char **argv)
{
    struct err err = { 0 };
    struct reply reply;
    struct json *root;
    int status = CLI_OK;

    if (cli_plain_options(cli, argc, argv, 0, 0, &status))
        return status;
    if (cli_get(cli, "/v1/agents", 0, &reply, &root, &err) != 0) {
        status = cli_report(&err);
    } else if (cli->json) {
        cli_print_reply(&reply);
    } else {
        printf("%-20s  %-8s  %5s  %s\n", "AGENT", "PLANNER", "TOOLS", "WHAT IT IS FOR");
        for (const struct json *a = json_first(json_get(root, "agents")); a; a = json_next(a)) {
            const char *text = json_get_text(a, "description", "");

            printf("%-20s  %-8s  ", json_get_text(a, "name", "?"), json_get_text(a, "planner", "?"));
            if (json_kind(json_get(a, "tools")) == JSON_ARRAY)
                printf("%5zu  ", json_count(json_get(a, "tools")));
            else
                printf("%5s  ", "all");
            term_text(stdout, text, strlen(text), 4);
            fputc('\n', stdout);
        }
    }
    json_free(root);
    reply_finish(&reply);
    return status;
}

const struct command cmd_agents = {
    .name = "agents",
    .args = "",
    .summary = "List the agents that may work on a task",
    .options = "",
    .run = run_agents,
};
