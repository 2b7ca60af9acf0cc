/*
 * corax policy: which policies there are, what they say of a call, and whether files are good ones.  The daemon's engine answers.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/term.h"

enum { OPT_CONTEXT = 1000, OPT_EFFECTS, OPT_AGENT, OPT_UNATTENDED, OPT_NARROWS, OPT_SCREENED };

struct options {
    const char *context, *effects, *agent, *screened;
    bool unattended, narrows;
};

static void print_text(const char *text)
{
    term_text(stdout, text, strlen(text), 4);
}

/* --- ls, show ----------------------------------------------------------------------------------------------------- */

static void print_files(const struct json *root)
{
    printf("%-6s  %-20s  %5s  %5s  %s\n", "LAYER", "FILE", "RULES", "TESTS", "WHAT IT IS FOR");
    for (const struct json *l = json_first(json_get(root, "layers")); l; l = json_next(l))
        for (const struct json *f = json_first(json_get(l, "files")); f; f = json_next(f)) {
            printf("%-6s  %-20s  %5.0f  %5.0f  ", json_get_text(l, "layer", "?"), json_get_text(f, "id", "?"),
                   json_number(json_get(f, "rules"), 0), json_number(json_get(f, "tests"), 0));
            print_text(json_get_text(f, "about", ""));
            fputc('\n', stdout);
        }
}

static int show_file(const struct json *root, const char *id)
{
    struct buf text;
    struct jsonw w;

    for (const struct json *l = json_first(json_get(root, "layers")); l; l = json_next(l))
        for (const struct json *f = json_first(json_get(l, "files")); f; f = json_next(f)) {
            if (strcmp(json_get_text(f, "id", ""), id) != 0)
                continue;
            buf_init(&text, 4 * CLI_MAX_POLICY);
            w = jsonw_start(&text);
            jsonw_value(&w, NULL, json_get(f, "file"));
            printf("%s\n", text.data);
            buf_finish(&text);
            return CLI_OK;
        }
    fprintf(stderr, "corax: there is no policy file \"%s\": corax policy ls lists them\n", id);
    return CLI_FAILED;
}

static int list(struct cli *cli, const char *id)
{
    struct err err = { 0 };
    struct reply reply;
    struct json *root = NULL;
    int status = CLI_OK;

    if (cli_get(cli, "/v1/policies", 0, &reply, &root, &err) != 0)
        status = cli_report(&err);
    else if (id)
        status = show_file(root, id);
    else if (cli->json)
        cli_print_reply(&reply);
    else
        print_files(root);
    json_free(root);
    reply_finish(&reply);
    return status;
}

/* --- explain ------------------------------------------------------------------------------------------------------ */

static enum term_style color_of(const char *decision)
{
    return strcmp(decision, "deny") == 0 ? TERM_RED : strcmp(decision, "ask") == 0 ? TERM_YELLOW : TERM_GREEN;
}

static void print_reason(const struct json *r)
{
    const char *decision = json_get_text(r, "decision", NULL);

    printf("    ");
    if (decision)
        term_puts(stdout, color_of(decision), decision);
    else
        printf("%s", json_get_text(r, "part", "?"));
    printf("  %s (%s)  ", json_get_text(r, "name", "?"), json_get_text(r, "layer", "?"));
    print_text(json_get_text(r, "why", ""));
    fputc('\n', stdout);
}

static void print_label(const char *what, const struct json *label)
{
    printf("%s  %s, %s\n", what, json_get_text(label, "integrity", "?"), json_get_text(label, "confidentiality", "?"));
}

static void print_duty(const struct json *duty)
{
    printf("must     %s", json_key(duty));
    if (json_kind(duty) == JSON_NUMBER)
        printf(" %.0f", json_number(duty, 0));
    if (json_text(duty)) {
        fputc(' ', stdout);
        print_text(json_text(duty));
    }
    fputc('\n', stdout);
}

static void print_screen(const struct json *s)
{
    const struct json *findings = json_get(s, "findings");

    printf("screen   %s by %s: ", json_get_text(s, "name", "?"), json_get_text(s, "by", "?"));
    if (json_kind(findings) != JSON_ARRAY)
        printf("not known here");
    else if (json_count(findings) == 0)
        printf("nothing found");
    for (const struct json *f = json_first(findings); f; f = json_next(f)) {
        print_text(json_text(f) ? json_text(f) : "?");
        fputs(json_next(f) ? ", " : "", stdout);
    }
    fputc('\n', stdout);
}

static void print_answer(const struct json *root)
{
    const char *decision = json_get_text(root, "outcome", "?");

    term_puts(stdout, color_of(decision), decision);
    printf("  %s.%s by %s: ", json_get_text(root, "provider", "?"), json_get_text(root, "tool", "?"),
           json_get_text(root, "rule", "?"));
    print_text(json_get_text(root, "why", ""));
    fputc('\n', stdout);
    if (strcmp(decision, json_get_text(root, "decision", "?")) != 0)
        printf("    it would be asked about, and nobody attends\n");
    for (const struct json *r = json_first(json_get(root, "reasons")); r; r = json_next(r))
        print_reason(r);
    print_label("context", json_get(root, "context"));
    print_label("result ", json_get(root, "result"));
    for (const struct json *s = json_first(json_get(root, "screens")); s; s = json_next(s))
        print_screen(s);
    for (const struct json *m = json_first(json_get(root, "must")); m; m = json_next(m))
        print_duty(m);
}

static int explain(struct cli *cli, const struct options *o, const char *tool, const char *args)
{
    struct err err = { 0 };
    struct reply reply = { 0 };
    struct json *root = NULL;
    struct buf body;
    struct jsonw w;
    int status = CLI_OK;

    if (args && json_check(args, strlen(args), &err) < 0)
        return cli_usage(cli, "the arguments are not JSON: %s", err.msg);
    if (o->screened && json_check(o->screened, strlen(o->screened), &err) < 0)
        return cli_usage(cli, "--screened is not JSON: %s", err.msg);
    buf_init(&body, 4 * CLI_MAX_POLICY);
    w = jsonw_start(&body);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "tool", tool);
    if (args)
        jsonw_raw(&w, "arguments", args, strlen(args));
    if (o->screened)
        jsonw_raw(&w, "screened", o->screened, strlen(o->screened));
    if (o->effects)
        cli_write_words(&w, "effects", o->effects);
    if (o->agent)
        jsonw_text(&w, "agent", o->agent);
    jsonw_bool(&w, "attended", !o->unattended);
    if (o->context && cli_write_label(&w, "context", o->context) < 0)
        status = cli_usage(cli, "--context is " CLI_LABEL_WORDS);
    jsonw_end(&w);
    if (status == CLI_OK) {
        if (cli_send(cli, "POST", "/v1/policies/explain", &body, 0, &reply, &root, &err) != 0)
            status = cli_report(&err);
        else if (cli->json)
            cli_print_reply(&reply);
        else
            print_answer(root);
        reply_finish(&reply);
    }
    json_free(root);
    buf_finish(&body);
    return status;
}

/* --- test --------------------------------------------------------------------------------------------------------- */

static int print_test(const struct json *root)
{
    const char *message = json_get_text(root, "message", "?");

    if (!json_bool(json_get(root, "ok"), false)) {
        term_puts(stdout, TERM_RED, "amiss  ");
        print_text(message);
        fputc('\n', stdout);
        return CLI_FAILED;
    }
    for (const struct json *f = json_first(json_get(root, "files")); f; f = json_next(f))
        printf("good   %s: %.0f rules, %.0f tests\n", json_get_text(f, "id", "?"), json_number(json_get(f, "rules"), 0),
               json_number(json_get(f, "tests"), 0));
    return CLI_OK;
}

static int test(struct cli *cli, const struct options *o, int n, char **paths)
{
    struct err err = { 0 };
    struct reply reply = { 0 };
    struct json *root = NULL;
    struct buf body;
    struct jsonw w;
    int status = CLI_OK;

    buf_init(&body, 64u << 20);
    w = jsonw_start(&body);
    jsonw_object(&w, NULL);
    jsonw_bool(&w, "narrows", o->narrows);
    jsonw_array(&w, "files");
    for (int i = 0; i < n && status == CLI_OK; i++)
        if (cli_write_policy(&w, paths[i], &err) < 0)
            status = cli_report(&err);
    jsonw_end(&w);
    jsonw_end(&w);
    if (status == CLI_OK) {
        if (cli_send(cli, "POST", "/v1/policies/test", &body, 0, &reply, &root, &err) != 0) {
            status = cli_report(&err);
        } else if (cli->json) {
            cli_print_reply(&reply);
            status = json_bool(json_get(root, "ok"), false) ? CLI_OK : CLI_FAILED;
        } else {
            status = print_test(root);
        }
        reply_finish(&reply);
    }
    json_free(root);
    buf_finish(&body);
    return status;
}

/* --- which -------------------------------------------------------------------------------------------------------- */

static bool take_option(struct cli *cli, struct options *o, int option, int *status)
{
    switch (option) {
    case OPT_CONTEXT:
        o->context = optarg;
        return false;
    case OPT_EFFECTS:
        o->effects = optarg;
        return false;
    case OPT_AGENT:
        o->agent = optarg;
        return false;
    case OPT_SCREENED:
        o->screened = optarg;
        return false;
    case OPT_UNATTENDED:
        o->unattended = true;
        return false;
    case OPT_NARROWS:
        o->narrows = true;
        return false;
    default:
        return cli_option(cli, option, status);
    }
}

static int run_policy(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = { { "context", required_argument, NULL, OPT_CONTEXT },
                                             { "effects", required_argument, NULL, OPT_EFFECTS },
                                             { "agent", required_argument, NULL, OPT_AGENT },
                                             { "unattended", no_argument, NULL, OPT_UNATTENDED },
                                             { "screened", required_argument, NULL, OPT_SCREENED },
                                             { "narrows", no_argument, NULL, OPT_NARROWS },
                                             CLI_LONG_OPTIONS };
    struct options o = { 0 };
    const char *what;
    int option, status, n;

    while ((option = getopt_long(argc, argv, CLI_SHORT_OPTIONS, options, NULL)) != -1)
        if (take_option(cli, &o, option, &status))
            return status;
    what = optind < argc ? argv[optind] : "";
    n = argc - optind - 1;
    if (strcmp(what, "ls") == 0 && n == 0)
        return list(cli, NULL);
    if (strcmp(what, "show") == 0 && n == 1)
        return list(cli, argv[optind + 1]);
    if (strcmp(what, "explain") == 0 && (n == 1 || n == 2))
        return explain(cli, &o, argv[optind + 1], n == 2 ? argv[optind + 2] : NULL);
    if (strcmp(what, "test") == 0 && n >= 1)
        return test(cli, &o, n, argv + optind + 1);
    return cli_usage(cli, "say ls, show FILE-ID, explain TOOL [ARGUMENTS] or test FILE...");
}

const struct command cmd_policy = {
    .name = "policy",
    .args = "ls | show ID | explain TOOL [JSON] | test FILE...",
    .summary = "What policies say, and whether files are good ones",
    .options = "  ls                    the policy files that your tasks are judged by\n"
               "  show ID               one of them\n"
               "  explain TOOL [JSON]   would this call be allowed?  By which rules, and what else holds\n"
               "      --context WORDS   what the task has seen: trusted or untrusted, public, internal or secret\n"
               "      --effects WORDS   of a tool that is not there: read,write,exec,net,clock\n"
               "      --screened JSON   what its screens found, {\"SCREEN\": [\"WORD\"]}; else it is not known\n"
               "      --agent NAME      for a task of that agent\n"
               "      --unattended      nobody would approve\n"
               "  test FILE...          are these good policy files?  Runs their tests.  Exit status 1: they are not\n"
               "      --narrows         for a layer that narrows: admin, user, agent or task\n",
    .run = run_policy,
};
