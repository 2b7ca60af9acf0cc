/*
 * corax run: submit a task, and stay with it until it ends.
 */
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/follow.h"
#include "cli/term.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/when.h"

#define NO_NUMBER   (-1)
#define MAX_STEPS   1000000
#define MAX_SECONDS (7 * 86400)

struct run_options {
    bool detach, quiet;
    int attended;                           /* 1 yes, 0 no, -1: as the terminal says */
    const char *tools;                      /* "calc,now"; NULL: all */
    const char *agent;                      /* NULL: none */
    const char *model;                      /* NULL: the agent's, or the default */
    const char *memory;                     /* a space; "": none; NULL: as the agent or the daemon says */
    const char *planner;                    /* NULL: the daemon's default */
    const char *priority;                   /* NULL: normal */
    const char *every;                      /* NULL: once */
    int64_t due_ms, deadline_ms;            /* Unix time; 0: at once, none */
    const char *policy;                     /* a file that narrows; NULL: none */
    const char *label;                      /* of the input, in words; NULL: trusted and public */
    long long steps, seconds, tokens, seed; /* NO_NUMBER: the daemon's default */
    double temperature;                     /* negative: the daemon's default */
};

enum {
    OPT_TOOLS = 256,
    OPT_PLANNER,
    OPT_PRIORITY,
    OPT_MODEL,
    OPT_POLICY,
    OPT_LABEL,
    OPT_AGENT,
    OPT_MEMORY,
    OPT_NO_MEMORY,
    OPT_AT,
    OPT_DEADLINE,
    OPT_EVERY,
    OPT_STEPS,
    OPT_SEED,
    OPT_TEMPERATURE,
    OPT_TIMEOUT,
    OPT_TOKENS,
    OPT_ATTENDED,
    OPT_UNATTENDED
};

/* true: the command is over, with *status. */
static bool take_time(const struct cli *cli, const char *option, int64_t *ms, int *status)
{
    struct err err = { 0 };

    if (when_parse_local(optarg, clock_wall_ms(), ms, &err) == 0)
        return false;
    *status = cli_usage(cli, "%s: %s", option, err.msg);
    return true;
}

/* The same. */
static bool take_option(struct cli *cli, int c, struct run_options *o, int *status)
{
    bool good = true;

    switch (c) {
    case 'd':
        o->detach = true;
        break;
    case 'q':
        o->quiet = true;
        break;
    case OPT_TOOLS:
        o->tools = optarg;
        break;
    case OPT_AGENT:
        o->agent = optarg;
        break;
    case OPT_MEMORY:
        o->memory = optarg;
        break;
    case OPT_NO_MEMORY:
        o->memory = "";
        break;
    case OPT_PLANNER:
        o->planner = optarg;
        break;
    case OPT_PRIORITY:
        o->priority = optarg;
        break;
    case OPT_EVERY:
        o->every = optarg;
        o->detach = true;
        break;
    case OPT_AT:
        o->detach = true;
        return take_time(cli, "--at", &o->due_ms, status);
    case OPT_DEADLINE:
        return take_time(cli, "--deadline", &o->deadline_ms, status);
    case OPT_MODEL:
        o->model = optarg;
        break;
    case OPT_POLICY:
        o->policy = optarg;
        break;
    case OPT_LABEL:
        o->label = optarg;
        break;
    case OPT_ATTENDED:
        o->attended = 1;
        break;
    case OPT_UNATTENDED:
        o->attended = 0;
        break;
    case OPT_STEPS:
        good = cli_number(optarg, 1, MAX_STEPS, &o->steps);
        break;
    case OPT_TOKENS:
        good = cli_number(optarg, 1, 1LL << 40, &o->tokens);
        break;
    case OPT_TIMEOUT:
        good = cli_number(optarg, 1, MAX_SECONDS, &o->seconds);
        break;
    case OPT_SEED:
        good = cli_number(optarg, 0, (1LL << 53) - 1, &o->seed);
        break;
    case OPT_TEMPERATURE:
        good = cli_temperature(optarg, &o->temperature);
        break;
    default:
        return cli_option(cli, c, status);
    }
    if (!good) {
        *status = cli_usage(cli, "\"%s\" is no value for this option", optarg);
        return true;
    }
    return false;
}

static bool parse_options(struct cli *cli, int argc, char **argv, struct run_options *o, int *status)
{
    static const struct option options[] = { { "detach", no_argument, NULL, 'd' },
                                             { "quiet", no_argument, NULL, 'q' },
                                             { "tools", required_argument, NULL, OPT_TOOLS },
                                             { "agent", required_argument, NULL, OPT_AGENT },
                                             { "memory", required_argument, NULL, OPT_MEMORY },
                                             { "no-memory", no_argument, NULL, OPT_NO_MEMORY },
                                             { "planner", required_argument, NULL, OPT_PLANNER },
                                             { "priority", required_argument, NULL, OPT_PRIORITY },
                                             { "at", required_argument, NULL, OPT_AT },
                                             { "deadline", required_argument, NULL, OPT_DEADLINE },
                                             { "model", required_argument, NULL, OPT_MODEL },
                                             { "policy", required_argument, NULL, OPT_POLICY },
                                             { "label", required_argument, NULL, OPT_LABEL },
                                             { "every", required_argument, NULL, OPT_EVERY },
                                             { "max-steps", required_argument, NULL, OPT_STEPS },
                                             { "max-tokens", required_argument, NULL, OPT_TOKENS },
                                             { "timeout", required_argument, NULL, OPT_TIMEOUT },
                                             { "seed", required_argument, NULL, OPT_SEED },
                                             { "temperature", required_argument, NULL, OPT_TEMPERATURE },
                                             { "attended", no_argument, NULL, OPT_ATTENDED },
                                             { "unattended", no_argument, NULL, OPT_UNATTENDED },
                                             CLI_LONG_OPTIONS };
    int c;

    while ((c = getopt_long(argc, argv, "dq" CLI_SHORT_OPTIONS, options, NULL)) != -1) {
        if (take_option(cli, c, o, status))
            return false;
    }
    if (optind == argc) {
        *status = cli_usage(cli, "what is the task?");
        return false;
    }
    return true;
}

static int read_input(int argc, char **argv, struct buf *input, struct err *err)
{
    if (cli_read_text(argc - optind, argv + optind, "the task", input, err) != 0)
        return -1;
    return input->len > 0 ? 0 : fail(err, CORAX_E_ARGS, "the task is empty");
}

/* What the file says, as the task's member. */
static int write_policy(struct jsonw *w, const char *path, struct err *err)
{
    struct json *root = NULL;
    struct buf text;
    int result;

    buf_init(&text, CLI_MAX_BODY);
    result = file_read(path, &text, err);
    if (result == 0 && (root = json_parse(text.data, text.len, err)) == NULL)
        result = err_context(err, "%s", path);
    if (result == 0)
        jsonw_value(w, "policy", root);
    json_free(root);
    buf_finish(&text);
    return result;
}

static int write_body(struct buf *body, const struct run_options *o, const struct buf *input, bool attended,
                      struct err *err)
{
    struct jsonw w = jsonw_start(body);

    jsonw_object(&w, NULL);
    jsonw_string(&w, "input", input->data, input->len);
    if (o->tools)
        cli_write_words(&w, "tools", o->tools);
    if (o->agent)
        jsonw_text(&w, "agent", o->agent);
    if (o->model)
        jsonw_text(&w, "model", o->model);
    if (o->memory)
        jsonw_text(&w, "memory", *o->memory ? o->memory : NULL);
    if (o->planner)
        jsonw_text(&w, "planner", o->planner);
    if (o->priority)
        jsonw_text(&w, "priority", o->priority);
    if (o->every)
        jsonw_text(&w, "every", o->every);
    if (o->due_ms)
        jsonw_int(&w, "at", o->due_ms);
    if (o->deadline_ms)
        jsonw_int(&w, "deadline", o->deadline_ms);
    if (o->label && cli_write_label(&w, "label", o->label) < 0)
        return fail(err, CORAX_E_ARGS, "--label: " CLI_LABEL_WORDS);
    if (o->policy && write_policy(&w, o->policy, err) < 0)
        return -1;
    if (o->steps >= 0 || o->seconds >= 0 || o->tokens >= 0) {
        jsonw_object(&w, "budget");
        if (o->steps >= 0)
            jsonw_int(&w, "steps", o->steps);
        if (o->tokens >= 0)
            jsonw_int(&w, "tokens", o->tokens);
        if (o->seconds >= 0)
            jsonw_int(&w, "wall_ms", o->seconds * 1000);
        jsonw_end(&w);
    }
    if (o->seed >= 0 || o->temperature >= 0) {
        jsonw_object(&w, "sampling");
        if (o->temperature >= 0)
            jsonw_number(&w, "temperature", o->temperature);
        if (o->seed >= 0)
            jsonw_int(&w, "seed", o->seed);
        jsonw_end(&w);
    }
    if (!attended)
        jsonw_bool(&w, "attended", false);
    jsonw_end(&w);
    return 0;
}

static int submit(struct cli *cli, const char *path, const struct buf *body, char id[ID_LEN + 1], struct err *err)
{
    struct reply reply;
    int rc = cli_submit(cli, path, body, &reply, id, err);

    if (rc == 0 && cli->json)
        cli_print_reply(&reply);
    reply_finish(&reply);
    return rc;
}

static int run_run(struct cli *cli, int argc, char **argv)
{
    struct run_options o = { .attended = -1,
                             .steps = NO_NUMBER,
                             .seconds = NO_NUMBER,
                             .tokens = NO_NUMBER,
                             .seed = NO_NUMBER,
                             .temperature = -1 };
    bool terminal = isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
    struct buf input, body;
    struct err err = { 0 };
    char id[ID_LEN + 1];
    int status = CLI_OK;

    if (!parse_options(cli, argc, argv, &o, &status))
        return status;
    buf_init(&input, CLI_MAX_BODY);
    buf_init(&body, CLI_MAX_BODY);
    if (read_input(argc, argv, &input, &err) == 0)
        write_body(&body, &o, &input, o.attended >= 0 ? o.attended : terminal || o.detach, &err);
    if (err.status == CORAX_OK && body.failed)
        fail(&err, CORAX_E_LIMIT, "the task is longer than %u bytes", CLI_MAX_BODY);
    if (err.status != CORAX_OK || submit(cli, o.every ? "/v1/schedules" : "/v1/tasks", &body, id, &err) != 0) {
        status = cli_report(&err);
    } else if (o.detach) {
        if (!cli->json)
            printf("%s\n", id);
    } else {
        struct follow_options follow = { .quiet = o.quiet, .asks = terminal, .cancels = true };

        status = follow_task(cli, id, &follow);
    }
    buf_finish(&input);
    buf_finish(&body);
    return status;
}

const struct command cmd_run = {
    .name = "run",
    .args = "[OPTION...] TASK... | -",
    .summary = "Submit a task and follow it to its answer",
    .options =
        "  -d, --detach          print the task's id and leave it to the daemon\n"
        "  -q, --quiet           print the answer alone\n"
        "      --tools A,B       offer only these tools\n"
        "      --agent NAME      one of `corax agents`\n"
        "      --model NAME      one of those that corax.conf names (models)\n"
        "      --memory SPACE    remember in this space, and what was remembered there; --no-memory: nothing\n"
        "      --planner NAME    react, plan (before the first call), dfsdt (a search)\n"
        "                        or reflexion (attempts with lessons)\n"
        "      --priority P      high, normal or low: which of your own tasks goes first\n"
        "      --at TIME         begin then: 14:30, \"tomorrow 08:00\", +10m, 2026-12-24T18:00:00Z; with --detach\n"
        "      --deadline TIME   to have ended by then\n"
        "      --policy FILE     a policy that narrows what this task may do\n"
        "      --label WORDS     of what the task is about: untrusted, and internal or secret\n"
        "      --every RULE      again and again: 10m, \"30 8 * * mon-fri\"; prints the schedule's id\n"
        "      --max-steps N     replies of the model\n"
        "      --max-tokens N    written by the model in all\n"
        "      --timeout S       seconds\n"
        "      --temperature T   0 is greedy\n"
        "      --seed N\n"
        "      --unattended      nobody will approve: what a policy would ask about is denied\n"
        "      --attended        somebody will, perhaps with `corax approve` elsewhere\n",
    .run = run_run,
};
