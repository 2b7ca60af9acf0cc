/*
 * corax ping and corax health: is the daemon there, and is all of it well?
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/term.h"
#include "util/clock.h"

static int run_ping(struct cli *cli, int argc, char **argv)
{
    struct err err = { 0 };
    struct reply reply;
    int64_t begin;
    char took[24];
    int status;

    if (cli_plain_options(cli, argc, argv, 0, 0, &status))
        return status;
    if (!cli_client(cli, &err))
        return cli_report(&err);
    begin = clock_mono_ns();
    status = client_request(cli->client, "GET", "/_ping", NULL, NULL, 0, &reply, &err) == 0 ? CLI_OK : cli_report(&err);
    term_duration((double)(clock_mono_ns() - begin) / 1e6, took, sizeof(took));
    if (status == CLI_OK && cli->json)
        printf("{\"socket_reached\":true,\"duration_us\":%lld}\n", (long long)(clock_mono_ns() - begin) / 1000);
    else if (status == CLI_OK)
        printf("coraxd at %s answers (%s)\n", cli->socket, took);
    reply_finish(&reply);
    return status;
}

const struct command cmd_ping = {
    .name = "ping",
    .args = "",
    .summary = "Check that the daemon answers",
    .options = "",
    .run = run_ping,
};

static const char *member(const struct json *object, const char *key)
{
    return json_get_text(object, key, "?");
}

static void print_error(const struct json *object)
{
    const char *error = json_get_text(object, "error", NULL);

    if (error) {
        fputs(": ", stdout);
        term_text(stdout, error, strlen(error), 4);
    }
    fputc('\n', stdout);
}

/* One of `models` has the name that corax.conf gave it. */
static void print_model(const struct json *model)
{
    const char *file = member(model, "file");

    printf("model    %s, %s", member(model, "state"), member(model, json_get(model, "model") ? "model" : "name"));
    if (strcmp(file, "replaced") == 0 || strcmp(file, "missing") == 0)
        printf(", its file is %s since it was loaded", file);
    print_error(model);
}

/* Who has tools; name is the member that says what one is called. */
static void print_providers(const struct json *list, const char *what, const char *name)
{
    for (const struct json *p = json_first(list); p; p = json_next(p)) {
        printf("%-8s %s, %s, %.0f tools, %.0f restarts", what, member(p, "state"), member(p, name),
               json_number(json_get(p, "tools"), 0), json_number(json_get(p, "restarts"), 0));
        print_error(p);
    }
}

static void print_health(const struct json *root)
{
    const struct json *model = json_get(root, "model"), *journal = json_get(root, "journal");
    const struct json *tasks = json_get(root, "tasks");
    const char *status = member(root, "status");
    char uptime[24];

    term_duration(json_number(json_get(root, "uptime_ms"), -1), uptime, sizeof(uptime));
    term_puts(stdout, strcmp(status, "ok") == 0 ? TERM_GREEN : TERM_RED, strcmp(status, "ok") == 0 ? "ok" : "degraded");
    printf(": coraxd %s, up %s\n", member(root, "version"), uptime);
    print_model(model);
    for (const struct json *m = json_first(json_get(root, "models")); m; m = json_next(m))
        print_model(m);
    print_providers(json_get(root, "hosts"), "host", "plugin");
    print_providers(json_get(root, "mcp_servers"), "mcp", "name");
    printf("journal  %s, %s", member(journal, "state"), member(journal, "path"));
    print_error(journal);
    printf("tasks    %.0f running, %.0f queued, %.0f waiting, %.0f scheduled, %.0f paused\n",
           json_number(json_get(tasks, "running"), 0), json_number(json_get(tasks, "queued"), 0),
           json_number(json_get(tasks, "waiting"), 0), json_number(json_get(tasks, "scheduled"), 0),
           json_number(json_get(tasks, "paused"), 0));
}

static int run_health(struct cli *cli, int argc, char **argv)
{
    struct err err = { 0 };
    struct reply reply;
    struct json *root;
    int status = CLI_OK;

    if (cli_plain_options(cli, argc, argv, 0, 0, &status))
        return status;
    if (cli_get(cli, "/healthz", 0, &reply, &root, &err) != 0)
        status = cli_report(&err);
    else if (cli->json)
        cli_print_reply(&reply);
    else
        print_health(root);
    if (status == CLI_OK && strcmp(member(root, "status"), "ok") != 0)
        status = CLI_FAILED;
    json_free(root);
    reply_finish(&reply);
    return status;
}

const struct command cmd_health = {
    .name = "health",
    .args = "",
    .summary = "Show the state of the model, the plugins and the journal",
    .options = "",
    .run = run_health,
};
