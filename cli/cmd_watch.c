/*
 * corax watch: follow a task that is running, or read one that has ended from its first event.
 */
#include <unistd.h>

#include "cli/cli.h"
#include "cli/follow.h"

static int run_watch(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = { { "quiet", no_argument, NULL, 'q' }, CLI_LONG_OPTIONS };
    struct follow_options follow = { .asks = isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 };
    struct err err = { 0 };
    char id[ID_LEN + 1];
    int c, status;

    while ((c = getopt_long(argc, argv, "q" CLI_SHORT_OPTIONS, options, NULL)) != -1) {
        if (c == 'q')
            follow.quiet = true;
        else if (cli_option(cli, c, &status))
            return status;
    }
    if (optind != argc - 1)
        return cli_usage(cli, "which task?");
    if (cli_task_id(cli, argv[optind], id, &err) != 0)
        return cli_report(&err);
    return follow_task(cli, id, &follow);
}

const struct command cmd_watch = {
    .name = "watch",
    .args = "[-q] TASK",
    .summary = "Follow a task until it ends; exits as `corax run` would",
    .options = "  -q, --quiet           print the answer alone\n",
    .run = run_watch,
};
