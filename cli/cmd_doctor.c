/*
 * corax doctor: what is not as it should be, and what to do about it.
 *
 * `corax health` is for a glance and for monitoring; this says everything, part by part, the parts of a box above all: a box that
 * lacks one still works, so nothing else would tell.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/term.h"

#define PROBE_TRIES 50 /* of 100 ms: a daemon that has just started is still looking at what boxes have */

static void put_text(const char *text)
{
    term_text(stdout, text, strlen(text), 4);
}

/* One line: a mark, the subject, and what there is to say. */
static void line(bool good, const char *subject, const char *name, const char *says)
{
    term_puts(stdout, good ? TERM_GREEN : TERM_RED, good ? "ok     " : "amiss  ");
    printf("%-10s", subject);
    put_text(name);
    if (says && *says) {
        fputs(": ", stdout);
        put_text(says);
    }
    fputc('\n', stdout);
}

static void advice(const char *what)
{
    printf("       %-10s%s\n", "", what);
}

static int show_isolation(const struct json *isolation)
{
    const char *error = json_get_text(isolation, "error", NULL);
    const struct json *parts = json_get(isolation, "parts");
    int n_bad = 0;

    if (json_first(parts) == NULL) {
        line(false, "isolation", json_get_text(isolation, "mode", "?"),
             error ? error : "the probe has not answered yet");
        advice(error ? "see that box.path in corax.conf names the program corax-box, and run `corax-box probe` by hand"
                     : "ask again in a second");
        return 1;
    }
    for (const struct json *p = json_first(parts); p; p = json_next(p)) {
        bool good = strcmp(json_get_text(p, "state", ""), "in_force") == 0;

        line(good, "isolation", json_get_text(p, "name", "?"), good ? NULL : json_get_text(p, "why", "missing"));
        n_bad += !good;
    }
    if (!json_bool(json_get(isolation, "runs_code"), false))
        advice("an essential part is missing, so no code is run: the tools that need it answer \"unavailable\"");
    return n_bad;
}

static int show_model(const struct json *model)
{
    const char *state = json_get_text(model, "state", "?");
    bool good = strcmp(state, "ready") == 0 || strcmp(state, "starting") == 0 || strcmp(state, "unloaded") == 0;
    const char *error = json_get_text(model, "error", NULL);

    line(good, "model",
         json_get_text(model, "model", json_get_text(model, "name", json_get_text(model, "path", "none"))),
         error ? error : state);
    if (strcmp(state, "none") == 0)
        advice("set model in corax.conf, or start coraxd with --model FILE");
    else if (!good)
        advice("see that the file is there and can be read by coraxd's user; its log says more");
    return !good;
}

/* One that is not configured is not missed. */
static int show_embedding(const struct json *model)
{
    const char *state = json_get_text(model, "state", "none"), *error = json_get_text(model, "error", NULL);
    const bool good = strcmp(state, "ready") == 0 || strcmp(state, "starting") == 0;

    if (strcmp(state, "none") == 0)
        return 0;
    line(good, "embedding", json_get_text(model, "name", json_get_text(model, "path", "?")), error ? error : state);
    if (!good)
        advice("memories and tools are found by words alone: see that embedding.model gives vectors and can be read by "
               "coraxd's user");
    return !good;
}

static int show_hosts(const struct json *hosts)
{
    int n_bad = 0;

    if (json_first(hosts) == NULL) {
        line(false, "plugin", "none", "no plugin was found");
        advice("set plugins in corax.conf to the folders that have them");
        return 1;
    }
    for (const struct json *h = json_first(hosts); h; h = json_next(h)) {
        const char *error = json_get_text(h, "error", NULL);
        bool good = error == NULL && strcmp(json_get_text(h, "state", "down"), "down") != 0;

        line(good, "plugin", json_get_text(h, "plugin", json_get_text(h, "path", "?")),
             error ? error : json_get_text(h, "state", "?"));
        if (!good) {
            advice("coraxd's log has the plugin's own words; to see them at once:");
            printf("       %-10scorax-host --check ", "");
            put_text(json_get_text(h, "path", "PLUGIN.so"));
            fputc('\n', stdout);
        }
        n_bad += !good;
    }
    return n_bad;
}

static int show_servers(const struct json *servers)
{
    int n_bad = 0;

    for (const struct json *s = json_first(servers); s; s = json_next(s)) {
        const char *error = json_get_text(s, "error", NULL), *state = json_get_text(s, "state", "?");
        bool good = error == NULL && strcmp(state, "down") != 0;

        line(good, "mcp", json_get_text(s, "name", "?"), error ? error : state);
        if (strcmp(state, "unauthorized") == 0)
            advice("a person who may do that lets the daemon in with `corax login` and the server's name");
        else if (!good)
            advice("see mcp_servers in corax.conf; coraxd's log has what a program wrote on standard error");
        n_bad += !good;
    }
    return n_bad;
}

static int show_journal(const struct json *journal)
{
    const char *error = json_get_text(journal, "error", NULL);
    bool good = strcmp(json_get_text(journal, "state", "?"), "ok") == 0;

    line(good, "journal", json_get_text(journal, "path", "?"), error);
    if (!good)
        advice("see that its disk has room and coraxd's user may write there; it goes on by itself after that");
    return !good;
}

static bool is_probed(const struct json *health)
{
    const struct json *isolation = json_get(health, "isolation");

    return json_first(json_get(isolation, "parts")) || json_get_text(isolation, "error", NULL);
}

static int ask(struct cli *cli, struct reply *reply, struct json **root, struct err *err)
{
    const struct timespec pause = { .tv_nsec = 100000000 };
    int rc = cli_get(cli, "/healthz", 0, reply, root, err);

    for (int i = 0; rc == 0 && !is_probed(*root) && i < PROBE_TRIES; i++) {
        json_free(*root);
        reply_finish(reply);
        nanosleep(&pause, NULL);
        rc = cli_get(cli, "/healthz", 0, reply, root, err);
    }
    return rc;
}

static int run_doctor(struct cli *cli, int argc, char **argv)
{
    struct err err = { 0 };
    struct reply reply;
    struct json *root;
    int status = CLI_OK, n_bad;

    if (cli_plain_options(cli, argc, argv, 0, 0, &status))
        return status;
    if (ask(cli, &reply, &root, &err) != 0) {
        status = cli_report(&err);
    } else if (cli->json) {
        cli_print_reply(&reply);
        status = strcmp(json_get_text(root, "status", ""), "ok") == 0 &&
                         json_bool(json_get(json_get(root, "isolation"), "complete"), false)
                     ? CLI_OK
                     : CLI_FAILED;
    } else {
        n_bad = show_model(json_get(root, "model"));
        for (const struct json *m = json_first(json_get(root, "models")); m; m = json_next(m))
            n_bad += show_model(m);
        n_bad += show_embedding(json_get(root, "embedding"));
        n_bad += show_hosts(json_get(root, "hosts"));
        n_bad += show_servers(json_get(root, "mcp_servers"));
        n_bad += show_journal(json_get(root, "journal"));
        n_bad += show_isolation(json_get(root, "isolation"));
        status = n_bad == 0 ? CLI_OK : CLI_FAILED;
    }
    json_free(root);
    reply_finish(&reply);
    return status;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .args = "",
    .summary = "Say what is amiss and what to do about it",
    .options = "",
    .run = run_doctor,
};
