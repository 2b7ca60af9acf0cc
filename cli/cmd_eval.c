/*
 * corax eval: a suite of questions, and how well they are answered (docs/eval.md).
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/eval_report.h"
#include "util/file.h"

#define MAX_SEEDS 1000
#define MAX_JOBS  64
#define MAX_VOTES 99

enum {
    OPT_AGENT = 256,
    OPT_PLANNER,
    OPT_MODEL,
    OPT_SEEDS,
    OPT_JOBS,
    OPT_TEMPERATURE,
    OPT_JUDGE,
    OPT_VOTES,
    OPT_AGAINST,
    OPT_KEEP,
    OPT_ONLY
};

struct eval_command {
    struct eval_options options;
    const char *against; /* a file; NULL: none */
};

/* --- the command line --------------------------------------------------------------------------------------------- */

static bool read_count(const char *text, int max, int *out)
{
    long long n;

    if (!cli_number(text, 1, max, &n))
        return false;
    *out = (int)n;
    return true;
}

static bool take_option(struct cli *cli, int c, struct eval_command *e, int *status)
{
    struct eval_options *o = &e->options;
    bool good = true;
    char *end;

    switch (c) {
    case OPT_AGENT:
        o->agent = optarg;
        break;
    case OPT_PLANNER:
        o->planner = optarg;
        break;
    case OPT_MODEL:
        o->model = optarg;
        break;
    case OPT_SEEDS:
        good = read_count(optarg, MAX_SEEDS, &o->n_seeds);
        break;
    case OPT_JOBS:
        good = read_count(optarg, MAX_JOBS, &o->n_jobs);
        break;
    case OPT_TEMPERATURE:
        o->temperature = strtod(optarg, &end);
        good = end != optarg && *end == '\0' && o->temperature >= 0 && o->temperature <= 10;
        break;
    case OPT_JUDGE:
        o->judge = optarg;
        break;
    case OPT_VOTES:
        good = read_count(optarg, MAX_VOTES, &o->n_votes) && o->n_votes % 2 == 1;
        break;
    case OPT_AGAINST:
        e->against = optarg;
        break;
    case OPT_KEEP:
        o->keeps = true;
        break;
    case OPT_ONLY:
        o->only = optarg;
        break;
    default:
        return cli_option(cli, c, status);
    }
    if (!good)
        *status = cli_usage(cli, "\"%s\" is no value for this option", optarg);
    return !good;
}

/* --- suites ------------------------------------------------------------------------------------------------------- */

/* A path has a slash or ends with .json; a name is one of those that were installed. */
static void find_suite(const char *word, char *path, size_t size)
{
    const char *folder = getenv("CORAX_EVALS");
    const size_t n = strlen(word);

    if (strchr(word, '/') || (n > 5 && strcmp(word + n - 5, ".json") == 0))
        snprintf(path, size, "%s", word);
    else
        snprintf(path, size, "%s/%s.json", folder ? folder : CORAX_DATADIR "/evals", word);
}

static int list_suites(void)
{
    const char *folder = getenv("CORAX_EVALS");
    struct dirent **names = NULL;
    const int n = scandir(folder ? folder : CORAX_DATADIR "/evals", &names, NULL, alphasort);

    for (int i = 0; i < n; i++) {
        const size_t len = strlen(names[i]->d_name);

        if (len > 5 && strcmp(names[i]->d_name + len - 5, ".json") == 0)
            printf("%.*s\n", (int)len - 5, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return CLI_OK;
}

static int read_suite(const char *word, struct eval_suite *s, struct err *err)
{
    char path[4096];
    struct buf text;
    int rc;

    memset(s, 0, sizeof(*s));
    find_suite(word, path, sizeof(path));
    buf_init(&text, EVAL_MAX_FILE);
    rc = file_read(path, &text, err);
    if (rc == 0 && (rc = eval_suite_parse(s, text.data, text.len, err)) != 0)
        err_context(err, "%s", path);
    buf_finish(&text);
    return rc;
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static int compare(struct cli *cli, const struct eval_command *e, const struct eval_runs *runs, struct eval_wins *wins,
                   struct err *err)
{
    struct json *earlier = NULL;
    struct buf text;
    int rc;

    if (e->against == NULL)
        return 0;
    buf_init(&text, 64u << 20);
    rc = file_read(e->against, &text, err);
    if (rc == 0)
        rc = (earlier = json_parse(text.data, text.len, err)) ? eval_compare(cli, &e->options, runs, earlier, wins, err)
                                                              : -1;
    json_free(earlier);
    buf_finish(&text);
    return rc == 0 ? 0 : err_context(err, "%s", e->against);
}

static int report(const struct cli *cli, const struct eval_suite *s, const struct eval_command *e,
                  const struct eval_runs *runs, const struct eval_wins *wins)
{
    bool all = !runs->interrupted;
    struct buf json;

    for (size_t i = 0; i < runs->n; i++)
        all = all && runs->at[i].passed;
    if (cli->json) {
        buf_init(&json, 256u << 20);
        eval_write(&json, s, &e->options, runs, wins);
        printf("%s\n", json.data);
        buf_finish(&json);
    } else {
        eval_print(stdout, s, &e->options, runs, wins);
    }
    return all ? CLI_OK : CLI_FAILED;
}

static int run_suite(struct cli *cli, const char *word, const struct eval_command *e)
{
    struct eval_suite suite;
    struct eval_runs runs = { 0 };
    struct eval_wins wins = { 0 };
    struct err err = { 0 };
    int status;

    if (read_suite(word, &suite, &err) != 0 || eval_run_all(cli, &suite, &e->options, &runs, &err) != 0 ||
        compare(cli, e, &runs, &wins, &err) != 0)
        status = cli_report(&err);
    else
        status = report(cli, &suite, e, &runs, &wins);
    eval_runs_finish(&runs);
    eval_suite_finish(&suite);
    return status;
}

static int run_eval(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = { { "agent", required_argument, NULL, OPT_AGENT },
                                             { "planner", required_argument, NULL, OPT_PLANNER },
                                             { "model", required_argument, NULL, OPT_MODEL },
                                             { "seeds", required_argument, NULL, OPT_SEEDS },
                                             { "jobs", required_argument, NULL, OPT_JOBS },
                                             { "temperature", required_argument, NULL, OPT_TEMPERATURE },
                                             { "judge", required_argument, NULL, OPT_JUDGE },
                                             { "votes", required_argument, NULL, OPT_VOTES },
                                             { "against", required_argument, NULL, OPT_AGAINST },
                                             { "keep", no_argument, NULL, OPT_KEEP },
                                             { "only", required_argument, NULL, OPT_ONLY },
                                             CLI_LONG_OPTIONS };
    struct eval_command e = { .options = {
                                  .n_seeds = 1, .n_jobs = 2, .temperature = -1, .n_votes = 3, .keeps = false } };
    int c, status;

    while ((c = getopt_long(argc, argv, CLI_SHORT_OPTIONS, options, NULL)) != -1)
        if (take_option(cli, c, &e, &status))
            return status;
    if (argc - optind > 1)
        return cli_usage(cli, "there are too many arguments");
    return optind == argc ? list_suites() : run_suite(cli, argv[optind], &e);
}

const struct command cmd_eval = {
    .name = "eval",
    .args = "[OPTION...] [SUITE | FILE]",
    .summary = "Run a suite of questions and say how many come out right",
    .options = "                        without a suite: lists those that were installed\n"
               "      --agent NAME      answers; before what the suite says, as --planner and --model\n"
               "      --planner NAME\n"
               "      --model NAME\n"
               "      --seeds N         each question so often\n"
               "      --temperature T   or all seeds say the same\n"
               "      --jobs N          tasks at the same time (2)\n"
               "      --judge AGENT     says whether answers are right, instead of the keys\n"
               "      --votes N         of the judge, odd (3)\n"
               "      --against FILE    an earlier --json: which of the two is better\n"
               "      --only ID         one question\n"
               "      --keep            leave tasks that passed in the journal, too\n",
    .run = run_eval,
};
