/*
 * corax tools: what the daemon's plugins offer to the model.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/term.h"

#define MAX_NAME 40 /* columns; a longer name pushes its line out */

/* A foreign server's tool has its provider in its name already. */
static bool is_foreign(const struct json *tool)
{
    const char *provider = json_get_text(tool, "provider", ""), *name = json_get_text(tool, "name", "");
    const size_t n = strlen(provider);

    return strncmp(name, provider, n) == 0 && name[n] == '.';
}

static int name_length(const struct json *tool)
{
    const int provider = is_foreign(tool) ? 0 : (int)strlen(json_get_text(tool, "provider", "")) + 1;

    return provider + (int)strlen(json_get_text(tool, "name", ""));
}

static void print_tool(const struct json *tool, int name_columns)
{
    const char *provider = json_get_text(tool, "provider", ""), *name = json_get_text(tool, "name", "");
    const char *disabled = json_get_text(tool, "disabled", NULL), *text = json_get_text(tool, "description", "");
    const struct json *effects = json_get(tool, "effects");
    int used = 0;

    if (!is_foreign(tool)) {
        term_line(stdout, provider, strlen(provider), MAX_NAME);
        fputc('.', stdout);
    }
    term_line(stdout, name, strlen(name), 2 * MAX_NAME);
    printf("%*s  ", name_columns > name_length(tool) ? name_columns - name_length(tool) : 0, "");
    for (const struct json *e = json_first(effects); e; e = json_next(e))
        used += printf("%s%s", e == json_first(effects) ? "" : ",", json_text(e) ? json_text(e) : "?");
    if (used == 0)
        used = printf("-");
    printf("%*s  ", used < 10 ? 10 - used : 0, "");
    if (disabled) {
        term_puts(stdout, TERM_RED, "disabled: ");
        text = disabled;
    }
    term_text(stdout, text, strlen(text), 4);
    fputc('\n', stdout);
}

static int run_tools(struct cli *cli, int argc, char **argv)
{
    struct err err = { 0 };
    struct reply reply;
    struct json *root;
    int status = CLI_OK, columns = 0;

    if (cli_plain_options(cli, argc, argv, 0, 0, &status))
        return status;
    if (cli_get(cli, "/v1/tools", 0, &reply, &root, &err) != 0) {
        status = cli_report(&err);
    } else if (cli->json) {
        cli_print_reply(&reply);
    } else {
        const struct json *tools = json_get(root, "tools");

        for (const struct json *tool = json_first(tools); tool; tool = json_next(tool))
            columns = name_length(tool) > columns && name_length(tool) <= MAX_NAME ? name_length(tool) : columns;
        printf("%-*s  %-10s  %s\n", columns, "TOOL", "EFFECTS", "WHAT IT DOES");
        for (const struct json *tool = json_first(tools); tool; tool = json_next(tool))
            print_tool(tool, columns);
    }
    json_free(root);
    reply_finish(&reply);
    return status;
}

const struct command cmd_tools = {
    .name = "tools",
    .args = "",
    .summary = "List the tools, what they may do, and which are disabled and why",
    .options = "",
    .run = run_tools,
};
