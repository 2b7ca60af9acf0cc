/*
 * corax replay: a recorded task once more, offline; corax diff: where two tasks part.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/term.h"

#define MODEL_WAIT_S 3600 /* the model may have to be loaded, and to wait for tasks */
#define MAX_POLICIES 64   /* as the daemon takes */

enum { OPT_PLANNER = 256, OPT_POLICY, OPT_MODEL };

static void put(const char *text)
{
    term_text(stdout, text, strlen(text), 12);
    fputc('\n', stdout);
}

/* --- replay --------------------------------------------------------------------------------------------------------- */

static int print_replay(const struct json *root)
{
    const struct json *first = json_get(root, "first");

    if (json_bool(json_get(root, "same"), false)) {
        printf("the same: %.0f events with %s, %s\n", json_number(json_get(root, "events"), 0),
               json_get_text(root, "planner", "?"),
               json_bool(json_get(root, "finished"), false) ? "to the end" : "as far as the task has come");
        return CLI_OK;
    }
    printf("differs at event %.0f, %s\n", json_number(json_get(first, "seq"), 0), json_get_text(first, "kind", "?"));
    fputs("  recorded  ", stdout);
    put(json_get_text(first, "recorded", ""));
    fputs("  replayed  ", stdout);
    put(json_get_text(first, "replayed", ""));
    return CLI_FAILED;
}

/* "recorded  ask by test/append" */
static void put_decision(const char *label, const struct json *d)
{
    printf("    %s  ", label);
    if (json_get(d, "in_doubt"))
        fputs("in doubt ", stdout);
    term_puts(stdout, TERM_PLAIN, json_get_text(d, "decision", json_get_text(d, "in_doubt", "?")));
    fputs(" by ", stdout);
    put(json_get_text(d, "rule", "whether somebody attends"));
}

static void print_ended(const struct json *ended)
{
    if (json_kind(ended) != JSON_OBJECT)
        return;
    printf("the replay ends at event %.0f: ", json_number(json_get(ended, "seq"), 0));
    put(json_get_text(ended, "why", "?"));
}

static int print_judged(const struct json *root)
{
    const struct json *differs = json_get(root, "differs_from");
    const struct json *first = json_first(json_get(root, "decisions"));

    printf("%.0f calls judged, %zu otherwise than recorded\n", json_number(json_get(root, "judged"), 0),
           json_count(json_get(root, "decisions")));
    for (const struct json *d = first; d; d = json_next(d)) {
        printf("  event %.0f, %s: ", json_number(json_get(d, "seq"), 0), json_get_text(d, "call_id", "?"));
        put(json_get_text(d, "tool", "?"));
        put_decision("recorded", json_get(d, "recorded"));
        put_decision("replayed", json_get(d, "replayed"));
    }
    if (json_kind(differs) == JSON_NUMBER)
        printf("from event %.0f on it would be another run\n", json_number(differs, 0));
    print_ended(json_get(root, "ended"));
    return json_bool(json_get(root, "same"), false) ? CLI_OK : CLI_FAILED;
}

static int print_asked(const struct json *root)
{
    const struct json *first = json_get(root, "first");
    const bool same = json_bool(json_get(root, "same"), false);

    printf("%.0f replies%s by ", json_number(json_get(root, "asked"), 0), same ? ", the same," : "");
    put(json_get_text(root, "model", "?"));
    if (json_kind(first) == JSON_OBJECT) {
        printf("differs at event %.0f, in its %s\n  recorded  ", json_number(json_get(first, "seq"), 0),
               json_get_text(first, "what", "?"));
        put(json_get_text(first, "recorded", ""));
        fputs("  replayed  ", stdout);
        put(json_get_text(first, "replayed", ""));
    }
    print_ended(json_get(root, "ended"));
    return same ? CLI_OK : CLI_FAILED;
}

struct swaps {
    const char *planner; /* "": none */
    const char *policies[MAX_POLICIES];
    int n_policies;
    const char *model; /* NULL: it is not asked; "": the default is */
};

static int write_body(const struct swaps *swap, struct buf *body, struct err *err)
{
    struct jsonw w = jsonw_start(body);
    int rc = 0;

    jsonw_object(&w, NULL);
    if (swap->model) {
        jsonw_text(&w, "model", *swap->model ? swap->model : NULL);
        jsonw_end(&w);
        return 0;
    }
    jsonw_array(&w, "files");
    for (int i = 0; i < swap->n_policies && rc == 0; i++)
        rc = cli_write_policy(&w, swap->policies[i], err);
    jsonw_end(&w);
    jsonw_end(&w);
    return rc;
}

static int request(struct cli *cli, const char *id, const struct swaps *swap, struct reply *reply, struct json **root,
                   struct err *err)
{
    char path[160];
    struct buf body;
    int rc;

    snprintf(path, sizeof(path), "/v1/tasks/%s/replay%s%s", id, *swap->planner ? "?planner=" : "", swap->planner);
    if (swap->n_policies == 0 && !swap->model)
        return cli_get(cli, path, 0, reply, root, err);
    buf_init(&body, (size_t)MAX_POLICIES * CLI_MAX_POLICY);
    rc = write_body(swap, &body, err);
    if (rc == 0)
        rc = cli_send(cli, "POST", path, &body, swap->model ? MODEL_WAIT_S : 0, reply, root, err);
    buf_finish(&body);
    return rc;
}

static int read_swaps(struct cli *cli, int argc, char **argv, struct swaps *swap, int *status)
{
    static const struct option options[] = { { "planner", required_argument, NULL, OPT_PLANNER },
                                             { "model", optional_argument, NULL, OPT_MODEL },
                                             { "policy", required_argument, NULL, OPT_POLICY },
                                             CLI_LONG_OPTIONS };
    int c;

    while ((c = getopt_long(argc, argv, CLI_SHORT_OPTIONS, options, NULL)) != -1) {
        if (c == OPT_PLANNER)
            swap->planner = optarg;
        else if (c == OPT_MODEL)
            swap->model = optarg ? optarg : "";
        else if (c == OPT_POLICY && swap->n_policies++ < MAX_POLICIES)
            swap->policies[swap->n_policies - 1] = optarg;
        else if (cli_option(cli, c, status))
            return -1;
    }
    if (argc - optind != 1)
        *status = cli_usage(cli, argc == optind ? "an argument is missing" : "there are too many arguments");
    else if (strlen(swap->planner) > 30 || strspn(swap->planner, "abcdefghijklmnopqrstuvwxyz") != strlen(swap->planner))
        *status = cli_usage(cli, "--planner wants a planner's name: small letters");
    else if (swap->n_policies > MAX_POLICIES)
        *status = cli_usage(cli, "--policy is for at most %d files", MAX_POLICIES);
    else if ((*swap->planner != '\0') + (swap->n_policies > 0) + (swap->model != NULL) > 1)
        *status = cli_usage(cli, "one of --planner, --policy and --model at a time");
    else
        return 0;
    return -1;
}

static int run_replay(struct cli *cli, int argc, char **argv)
{
    struct swaps swap = { .planner = "" };
    struct reply reply = { 0 };
    struct json *root = NULL;
    struct err err = { 0 };
    char id[ID_LEN + 1];
    int status = CLI_OK;

    if (read_swaps(cli, argc, argv, &swap, &status) < 0)
        return status;
    if (cli_task_id(cli, argv[optind], id, &err) != 0)
        return cli_report(&err);
    if (request(cli, id, &swap, &reply, &root, &err) != 0) {
        status = cli_report(&err);
    } else if (cli->json) {
        cli_print_reply(&reply);
        status = json_bool(json_get(root, "same"), false) ? CLI_OK : CLI_FAILED;
    } else {
        status = swap.n_policies > 0 ? print_judged(root) : swap.model ? print_asked(root) : print_replay(root);
    }
    json_free(root);
    reply_finish(&reply);
    return status;
}

const struct command cmd_replay = {
    .name = "replay",
    .args = "[--planner NAME | --policy FILE ... | --model[=NAME]] TASK",
    .summary = "Run a recorded task again, offline, and say whether it decides the same",
    .options =
        "      --planner NAME    as another planner would have: where does it part?\n"
        "      --policy FILE     judged by this policy file, and further ones: which calls meet with another "
        "decision?\n"
        "      --model[=NAME]    with the default model, or that one, really asked again: which reply differs?\n",
    .run = run_replay,
};

/* --- diff ----------------------------------------------------------------------------------------------------------- */

/* What differs from run to run, whatever a task decides. */
static bool is_incidental(const char *key)
{
    static const char *const keys[] = { "seq",   "at_ms",        "active_ms", "duration_us", "usage",
                                        "spent", "request_hash", "uid",       "call_seq" };

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

static const struct json *next_member(const struct json *m)
{
    while (m && is_incidental(json_key(m)))
        m = json_next(m);
    return m;
}

/* The first member in which two events of a kind differ; NULL: none. */
static const char *differing_member(const struct json *a, const struct json *b)
{
    const char *key = NULL;

    for (const struct json *m = next_member(json_first(a)); m && !key; m = next_member(json_next(m))) {
        struct buf one, other;

        buf_init(&one, CLIENT_MAX_REPLY);
        buf_init(&other, CLIENT_MAX_REPLY);
        json_canonical(m, &one);
        if (json_get(b, json_key(m)))
            json_canonical(json_get(b, json_key(m)), &other);
        if (one.len != other.len || memcmp(one.data, other.data ? other.data : "", one.len) != 0)
            key = json_key(m);
        buf_finish(&one);
        buf_finish(&other);
    }
    for (const struct json *m = next_member(json_first(b)); m && !key; m = next_member(json_next(m)))
        if (!json_get(a, json_key(m)))
            key = json_key(m);
    return key;
}

static void put_member(const char *label, const struct json *event, const char *key)
{
    struct buf text;

    printf("  %-10s", label);
    buf_init(&text, CLIENT_MAX_REPLY);
    if (event == NULL)
        buf_adds(&text, "(it has ended)");
    else if (json_get(event, key) == NULL)
        buf_addf(&text, "(no %s)", key);
    else if (json_text(json_get(event, key)))
        buf_adds(&text, json_text(json_get(event, key)));
    else
        json_canonical(json_get(event, key), &text);
    put(text.data ? text.data : "");
    buf_finish(&text);
}

/* 1 when they differ: the exit status. */
static int compare(const struct json *a, const struct json *b, const char *const names[2])
{
    const struct json *x = json_first(json_get(a, "events")), *y = json_first(json_get(b, "events"));
    const char *key;
    int n = 0;

    for (; x || y; x = x ? json_next(x) : NULL, y = y ? json_next(y) : NULL) {
        n++;
        key = !x || !y || strcmp(json_get_text(x, "kind", ""), json_get_text(y, "kind", "")) != 0
                  ? "kind"
                  : differing_member(x, y);
        if (key == NULL)
            continue;
        printf("differ at event %d, in %s%s%s\n", n, key, strcmp(key, "kind") ? " of " : "",
               strcmp(key, "kind") ? json_get_text(x, "kind", "?") : "");
        put_member(names[0], x, key);
        put_member(names[1], y, key);
        return CLI_FAILED;
    }
    printf("the same: %d events\n", n);
    return CLI_OK;
}

static int run_diff(struct cli *cli, int argc, char **argv)
{
    struct reply replies[2] = { 0 };
    struct json *roots[2] = { NULL };
    const char *names[2];
    struct err err = { 0 };
    char id[ID_LEN + 1], path[128];
    int status = CLI_OK, n = 0;

    if (cli_plain_options(cli, argc, argv, 2, 2, &status))
        return status;
    for (; n < 2 && status == CLI_OK; n++) {
        names[n] = argv[optind + n];
        if (cli_task_id(cli, names[n], id, &err) != 0) {
            status = cli_report(&err);
            break;
        }
        snprintf(path, sizeof(path), "/v1/tasks/%s/trace", id);
        if (cli_get(cli, path, 0, &replies[n], &roots[n], &err) != 0)
            status = cli_report(&err);
    }
    if (status == CLI_OK)
        status = compare(roots[0], roots[1], names);
    while (n-- > 0) {
        json_free(roots[n]);
        reply_finish(&replies[n]);
    }
    return status;
}

const struct command cmd_diff = {
    .name = "diff",
    .args = "TASK TASK",
    .summary = "Say where two tasks part, times and tokens apart",
    .options = "",
    .run = run_diff,
};
