/*
 * corax eval: runs a suite of questions against an agent and says how many come out right, and what they cost (docs/eval.md).
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/eval_jobs.h"
#include "cli/eval_judge.h"
#include "cli/eval_report.h"
#include "cli/term.h"

#define MAX_SIDE_BY_SIDE 64
#define MAX_VOTES        100
#define MAX_PATH         1024
#define MAX_OUT          (256u << 20) /* a result as JSON */

enum {
    OPT_AGENT = 256,
    OPT_PLANNER,
    OPT_MODEL,
    OPT_TEMPERATURE,
    OPT_SEEDS,
    OPT_JOBS,
    OPT_JUDGE,
    OPT_VOTES,
    OPT_AGAINST,
    OPT_SAVE,
    OPT_KEEP,
    OPT_ONLY,
    OPT_CHECK
};

struct eval_command {
    struct eval_options options;
    const char *against, *save; /* files; NULL: none */
    bool checks;                /* nothing is run */
};

/* --- the command line ------------------------------------------------------------------------------------------------- */

static bool read_count(long long max, int *out)
{
    long long n;

    if (!cli_number(optarg, 1, max, &n))
        return false;
    *out = (int)n;
    return true;
}

/* The options with a value; false: it is none of that option's. */
static bool take_value(int c, struct eval_command *e)
{
    switch (c) {
    case OPT_AGENT:
        e->options.agent = optarg;
        return true;
    case OPT_PLANNER:
        e->options.planner = optarg;
        return true;
    case OPT_MODEL:
        e->options.model = optarg;
        return true;
    case OPT_TEMPERATURE:
        return cli_temperature(optarg, &e->options.temperature);
    case OPT_SEEDS:
        return read_count(EVAL_MAX_SEEDS, &e->options.seeds);
    case OPT_JOBS:
        return read_count(MAX_SIDE_BY_SIDE, &e->options.n_side_by_side);
    case OPT_JUDGE:
        e->options.judge = strcmp(optarg, "none") == 0 ? NULL : optarg;
        return true;
    case OPT_VOTES:
        return read_count(MAX_VOTES, &e->options.n_votes);
    case OPT_AGAINST:
        e->against = optarg;
        return true;
    case OPT_SAVE:
        e->save = optarg;
        return true;
    default:
        e->options.only = optarg;
        return true;
    }
}

/* true: the command is over, with *status. */
static bool take_option(struct cli *cli, int c, struct eval_command *e, int *status)
{
    if (c == OPT_KEEP) {
        e->options.keeps = true;
    } else if (c == OPT_CHECK) {
        e->checks = true;
    } else if (c < OPT_AGENT || c > OPT_CHECK) {
        return cli_option(cli, c, status);
    } else if (!take_value(c, e)) {
        *status = cli_usage(cli, "\"%s\" is no value for this option", optarg);
        return true;
    }
    return false;
}

static bool parse_options(struct cli *cli, int argc, char **argv, struct eval_command *e, int *status)
{
    static const struct option options[] = { { "agent", required_argument, NULL, OPT_AGENT },
                                             { "planner", required_argument, NULL, OPT_PLANNER },
                                             { "model", required_argument, NULL, OPT_MODEL },
                                             { "temperature", required_argument, NULL, OPT_TEMPERATURE },
                                             { "seeds", required_argument, NULL, OPT_SEEDS },
                                             { "jobs", required_argument, NULL, OPT_JOBS },
                                             { "judge", required_argument, NULL, OPT_JUDGE },
                                             { "votes", required_argument, NULL, OPT_VOTES },
                                             { "against", required_argument, NULL, OPT_AGAINST },
                                             { "save", required_argument, NULL, OPT_SAVE },
                                             { "keep", no_argument, NULL, OPT_KEEP },
                                             { "only", required_argument, NULL, OPT_ONLY },
                                             { "check", no_argument, NULL, OPT_CHECK },
                                             CLI_LONG_OPTIONS };
    int c;

    while ((c = getopt_long(argc, argv, CLI_SHORT_OPTIONS, options, NULL)) != -1)
        if (take_option(cli, c, e, status))
            return false;
    if (argc - optind > 1)
        *status = cli_usage(cli, "there are too many arguments");
    else if (e->against && e->options.judge && e->options.n_votes % 2 != 0)
        *status =
            cli_usage(cli, "--votes must be even with --against: each of the two answers comes first in half of them");
    else
        return true;
    return false;
}

/* --- suites ----------------------------------------------------------------------------------------------------------- */

static const char *suites_folder(void)
{
    const char *folder = getenv("CORAX_EVALS");

    return folder && *folder ? folder : CORAX_DATADIR "/evals";
}

/* A word with a slash or the end .json is a path; others name a suite of the folder. */
static struct eval_suite *load_suite(const char *word, struct err *err)
{
    const size_t len = strlen(word);
    char path[MAX_PATH];
    bool is_path = strchr(word, '/') || (len > 5 && strcmp(word + len - 5, ".json") == 0);
    struct eval_suite *suite;

    if (is_path)
        return eval_suite_load(word, err);
    if (!eval_is_name(word)) {
        fail(err, CORAX_E_ARGS, "\"%.100s\" is no suite: give the name of one (`corax eval` lists them), or a path",
             word);
        return NULL;
    }
    snprintf(path, sizeof(path), "%.900s/%s.json", suites_folder(), word);
    suite = eval_suite_load(path, err);
    if (suite == NULL && err->status == CORAX_E_NOTFOUND)
        fail(err, CORAX_E_NOTFOUND, "there is no suite %s in %.300s: `corax eval` lists those there are", word,
             suites_folder());
    return suite;
}

/* 0, or -1 when the file could not be read; its sentence is printed. */
static int list_suite(const char *file)
{
    char path[MAX_PATH + 256];
    struct err err = { 0 };
    struct eval_suite *suite;

    snprintf(path, sizeof(path), "%.900s/%s", suites_folder(), file);
    suite = eval_suite_load(path, &err);
    if (suite == NULL) {
        cli_report(&err);
        return -1;
    }
    printf("%-16.*s %9zu  ", (int)strlen(file) - 5, file, suite->n);
    term_line(stdout, suite->description, strlen(suite->description), 200);
    fputc('\n', stdout);
    eval_suite_destroy(suite);
    return 0;
}

static int list_suites(void)
{
    struct err err = { 0 };
    struct dirent **found;
    const int n = scandir(suites_folder(), &found, NULL, alphasort);
    int status = CLI_OK;

    if (n < 0) {
        fail_sys(&err, CORAX_E_NOTFOUND, "%s", suites_folder());
        cli_report(&err);
        return CLI_USAGE;
    }
    printf("%-16s %9s  %s\n", "SUITE", "QUESTIONS", "ABOUT");
    for (int i = 0; i < n; i++) {
        const size_t len = strlen(found[i]->d_name);

        if (len > 5 && strcmp(found[i]->d_name + len - 5, ".json") == 0 && list_suite(found[i]->d_name) != 0)
            status = CLI_USAGE;
        free(found[i]);
    }
    free(found);
    return status;
}

/* --- the evaluation --------------------------------------------------------------------------------------------------- */

/* Writes the result where it was asked for: the table or JSON on standard output, JSON into a file. */
static int report(const struct cli *cli, const struct eval_command *c, const struct eval *e,
                  const struct eval_wins *wins, struct err *err)
{
    struct eval_table *table = eval_table_create(e, err);
    struct buf json;
    FILE *f = NULL;
    int rc = 0;

    if (table == NULL)
        return -1;
    buf_init(&json, MAX_OUT);
    if (c->save || cli->json)
        rc = eval_write(&json, e, table, wins, err);
    if (rc == 0 && cli->json)
        printf("%s\n", json.data);
    else if (rc == 0)
        eval_print(stdout, e, table, wins);
    eval_table_destroy(table);
    if (rc == 0 && c->save) {
        f = fopen(c->save, "we");
        if (f == NULL || fwrite(json.data, 1, json.len, f) != json.len || fputc('\n', f) == EOF)
            rc = fail_sys(err, CORAX_E_IO, "%s", c->save);
        if (f && fclose(f) != 0 && rc == 0)
            rc = fail_sys(err, CORAX_E_IO, "%s", c->save);
    }
    buf_finish(&json);
    return rc;
}

/* Everything that asks the daemon.  What was interrupted is as far as it has come. */
static int evaluate(struct cli *cli, struct eval *e, const struct eval_result *earlier, struct eval_wins *wins,
                    struct err *err)
{
    if (eval_check_daemon(cli, e->suite, e->options, err) != 0)
        return -1;
    eval_watch_signals();
    if (eval_run_all(cli, e, err) < 0)
        return -1;
    if (e->options->judge && !eval_interrupted() && eval_judge_all(cli, e, err) < 0)
        return -1;
    if (earlier && eval_compare(cli, e, earlier, wins, err) < 0)
        return -1;
    eval_tidy(cli, e);
    return 0;
}

static int exit_status(const struct eval *e)
{
    if (e->partial)
        return CLI_CANCELLED;
    for (size_t i = 0; i < e->n; i++)
        if (!e->runs[i].score.passed)
            return CLI_FAILED;
    return CLI_OK;
}

/* 1 means that some did not pass, so what went wrong otherwise is told apart. */
static int report_error(const struct err *err)
{
    return cli_report(err) == CLI_UNREACHABLE ? CLI_UNREACHABLE : CLI_USAGE;
}

static int run_suite(struct cli *cli, const struct eval_command *c, const struct eval_suite *suite)
{
    struct eval_result earlier = { 0 };
    struct eval_wins wins = { 0 };
    struct err err = { 0 };
    struct eval e = { 0 };
    int status = CLI_OK;
    bool wins_known;

    if ((c->against && eval_result_load(&earlier, c->against, &err) != 0) ||
        eval_create(&e, suite, &c->options, &err) != 0) {
        status = report_error(&err);
    } else if (evaluate(cli, &e, c->against ? &earlier : NULL, &wins, &err) != 0) {
        status = report_error(&err);
        e.partial = true; /* what there is may have taken hours: it is shown all the same */
    }
    wins_known = status == CLI_OK && c->against;
    if (status == CLI_OK || e.n_done > 0) {
        if (report(cli, c, &e, wins_known ? &wins : NULL, &err) != 0)
            status = report_error(&err);
        else if (status == CLI_OK)
            status = exit_status(&e);
    }
    eval_finish(&e);
    eval_result_finish(&earlier);
    return status;
}

static int run_eval(struct cli *cli, int argc, char **argv)
{
    struct eval_command c = { .options = { .temperature = -1,
                                           .n_side_by_side = 1,
                                           .n_votes = 4,
                                           .progress = !cli->json && term_is_tty(stderr) } };
    struct err err = { 0 };
    struct eval_suite *suite;
    int status;

    if (!parse_options(cli, argc, argv, &c, &status))
        return status;
    if (optind == argc)
        return list_suites();
    suite = load_suite(argv[optind], &err);
    if (suite == NULL)
        return report_error(&err);
    if (c.checks) {
        printf("%s: %zu questions\n", suite->id, suite->n);
        status = CLI_OK;
    } else {
        status = run_suite(cli, &c, suite);
    }
    eval_suite_destroy(suite);
    return status;
}

const struct command cmd_eval = {
    .name = "eval",
    .args = "[[OPTION...] SUITE]",
    .summary = "Run a suite of questions and say how many come out right",
    .options = "                        without a suite: lists those that are installed\n"
               "      --agent NAME      who answers; before what the suite says, as the next two\n"
               "      --planner NAME    react, plan, dfsdt or reflexion\n"
               "      --model NAME      one of `models` in corax.conf\n"
               "      --temperature T   with 0, all seeds say the same\n"
               "      --seeds N         each question with the seeds 1 to N\n"
               "      --jobs N          tasks side by side (1)\n"
               "      --judge AGENT     has answers judged solved, unsolved or unsure; none (default): by the keys\n"
               "      --votes N         of the judge, for each answer (4)\n"
               "      --against FILE    an earlier result: how often is this one better?\n"
               "      --save FILE       writes the result there, too, as JSON\n"
               "      --keep            leaves the tasks that passed in the journal, and the judge's\n"
               "      --only ID,ID      these questions alone\n"
               "      --check           reads the suite and runs nothing\n",
    .run = run_eval,
};
