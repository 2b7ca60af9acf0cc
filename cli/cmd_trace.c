/*
 * corax trace: everything a task did, step by step, with times, tokens, policy rules, calls and results.
 *
 * With --save, what results hold for people to look at or to listen to is written to files, one a part, named CALL-NUMBER by the call and
 * a number over all of them: c1-1.svg.  An existing file is left alone and is an error, since a trace is no reason to overwrite one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/show.h"
#include "util/base64.h"

#define MAX_PART (16u << 20) /* bytes of one */

/* "svg" of "image/svg+xml"; "bin" of what is not known. */
static const char *ending(const char *mime)
{
    static const struct {
        const char *mime, *ending;
    } endings[] = {
        { "image/svg+xml", "svg" }, { "image/png", "png" }, { "image/jpeg", "jpg" }, { "image/gif", "gif" },
        { "image/webp", "webp" },   { "audio/wav", "wav" }, { "audio/mpeg", "mp3" },
    };

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
        if (strcmp(mime, endings[i].mime) == 0)
            return endings[i].ending;
    return "bin";
}

static int write_file(const char *path, const char *data, size_t len, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    size_t done = 0;

    if (fd < 0)
        return fail(err, CORAX_E_IO, "%.200s: %s", path, strerror(errno));
    while (done < len) {
        ssize_t n = write(fd, data + done, len - done);

        if (n < 0) {
            fail(err, CORAX_E_IO, "%.200s: %s", path, strerror(errno));
            close(fd);
            return -1;
        }
        done += (size_t)n;
    }
    return close(fd) == 0 ? 0 : fail(err, CORAX_E_IO, "%.200s: %s", path, strerror(errno));
}

/* The id of a call comes from a model: letters and digits of it go into a name. */
static void file_name(char *out, size_t size, const char *folder, const char *call, int number, const char *mime)
{
    char plain[32];
    size_t n = 0;

    for (; *call && n < sizeof(plain) - 1; call++)
        if ((*call >= '0' && *call <= '9') || (*call >= 'a' && *call <= 'z') || (*call >= 'A' && *call <= 'Z') ||
            *call == '_')
            plain[n++] = *call;
    plain[n] = '\0';
    snprintf(out, size, "%s/%s-%d.%s", folder, n ? plain : "part", number, ending(mime));
}

static int save_part(const char *folder, const struct json *event, const struct json *part, int number, struct err *err)
{
    const char *data = json_get_text(part, "text", NULL), *base64 = json_get_text(part, "base64", NULL);
    struct arena *arena = arena_create(MAX_PART);
    size_t len = data ? strlen(data) : 0;
    char path[1024];
    int rc;

    if (!data && base64 && arena)
        data = base64_read(arena, base64, &len);
    file_name(path, sizeof(path), folder, json_get_text(event, "call_id", ""), number, json_get_text(part, "mime", ""));
    rc = data ? write_file(path, data, len, err)
              : fail(err, CORAX_E_INTERNAL, "part %d of the trace cannot be read", number);
    if (rc == 0)
        printf("%s\n", path);
    arena_destroy(arena);
    return rc;
}

/* Prints the name of each file. */
static int save_parts(const char *folder, const struct json *events, struct err *err)
{
    int n = 0;

    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return fail(err, CORAX_E_IO, "%.200s: %s", folder, strerror(errno));
    for (const struct json *event = json_first(events); event; event = json_next(event))
        for (const struct json *part = json_first(json_get(event, "parts")); part; part = json_next(part))
            if (strcmp(json_get_text(part, "type", ""), "data") == 0 && save_part(folder, event, part, ++n, err) != 0)
                return -1;
    if (n == 0)
        return fail(err, CORAX_E_NOTFOUND, "the task has no pictures or sounds");
    return 0;
}

static void print_trace(const struct json *root, const char *id)
{
    const struct json *task = json_get(root, "task");

    show_trace_task(stdout, task);
    fputc('\n', stdout);
    for (const struct json *event = json_first(json_get(root, "events")); event; event = json_next(event))
        show_trace_event(stdout, event, (int64_t)json_number(json_get(task, "created_ms"), 0));
    if (json_kind(json_get(task, "waiting_for")) == JSON_OBJECT) {
        fputc('\n', stdout);
        show_waiting(stdout, json_get(task, "waiting_for"), id, true);
    }
}

static int run_trace(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = { { "save", required_argument, NULL, 'S' }, CLI_LONG_OPTIONS };
    struct err err = { 0 };
    char id[ID_LEN + 1], path[128];
    const char *folder = NULL;
    struct reply reply;
    struct json *root;
    int c, status = CLI_OK;

    while ((c = getopt_long(argc, argv, CLI_SHORT_OPTIONS, options, NULL)) != -1) {
        if (c == 'S')
            folder = optarg;
        else if (cli_option(cli, c, &status))
            return status;
    }
    if (argc - optind != 1)
        return cli_usage(cli, argc - optind < 1 ? "an argument is missing" : "there are too many arguments");
    if (cli_task_id(cli, argv[optind], id, &err) != 0)
        return cli_report(&err);
    snprintf(path, sizeof(path), "/v1/tasks/%s/trace", id);
    if (cli_get(cli, path, 0, &reply, &root, &err) != 0) {
        status = cli_report(&err);
    } else if (folder) {
        if (save_parts(folder, json_get(root, "events"), &err) != 0)
            status = cli_report(&err);
    } else if (cli->json) {
        cli_print_reply(&reply);
    } else {
        print_trace(root, id);
    }
    json_free(root);
    reply_finish(&reply);
    return status;
}

const struct command cmd_trace = {
    .name = "trace",
    .args = "TASK",
    .summary = "Show what a task did, step by step",
    .options = "      --save DIR        write its pictures and sounds to files in DIR instead\n",
    .run = run_trace,
};
