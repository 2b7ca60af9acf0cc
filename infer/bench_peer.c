#include "infer/bench_peer.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "util/buf.h"

#define MAX_OUTPUT ((size_t)1 << 20)

struct json *bench_peer_run(const char *command, struct err *err)
{
    FILE *f = popen(command, "r");
    struct json *result = NULL;
    char chunk[4096];
    struct buf out;
    size_t n;
    int status;

    if (!f) {
        fail_sys(err, CORAX_E_UNAVAIL, "run %s", command);
        return NULL;
    }
    buf_init(&out, MAX_OUTPUT);
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_add(&out, chunk, n);
    status = pclose(f);
    if (status != 0)
        fail(err, CORAX_E_UNAVAIL, "%s: ended with status %d", command, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    else if (out.failed || !(result = json_parse(out.data, out.len, err)))
        fail(err, CORAX_E_ARGS, "%s: printed something else than JSON (llama-bench wants -o json)", command);
    buf_finish(&out);
    return result;
}

static size_t size_of(const struct json *row, const char *name)
{
    return (size_t)json_number(json_get(row, name), 0);
}

/* llama-bench has one test an element; a decode behind a prompt has that as n_prompt, or as n_depth in newer versions. */
static double llama_speed(const struct json *row, size_t n_prompt, size_t n, size_t depth)
{
    const size_t read = size_of(row, "n_prompt"), written = size_of(row, "n_gen"), behind = size_of(row, "n_depth");

    if (n_prompt ? read == n && written == 0 && behind == depth
                 : written == n && ((read == 0 && behind == depth) || (read == depth && behind == 0)))
        return json_number(json_get(row, "avg_ts"), 0);
    return 0;
}

static double own_speed(const struct json *row, size_t n_prompt, size_t n, size_t n_sequences, size_t depth)
{
    if ((strcmp(json_get_text(row, "kind", ""), "prompt") == 0) == (n_prompt > 0) && size_of(row, "tokens") == n &&
        size_of(row, "depth") == depth && size_of(row, "sequences") == n_sequences)
        return json_number(json_get(row, "tokens_per_s"), 0);
    return 0;
}

double bench_peer_speed(const struct json *output, size_t n_prompt, size_t n, size_t n_sequences, size_t depth)
{
    const struct json *own = json_get(output, "rows");

    for (const struct json *row = json_first(own ? own : output); row; row = json_next(row)) {
        const double speed = own                ? own_speed(row, n_prompt, n, n_sequences, depth)
                             : n_sequences == 1 ? llama_speed(row, n_prompt, n, depth)
                                                : 0;

        if (speed > 0)
            return speed;
    }
    return 0;
}
