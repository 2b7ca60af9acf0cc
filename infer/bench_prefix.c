#include "infer/bench_prefix.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "infer/scheduler.h"
#include "util/clock.h"

#define OWN_TOKENS 4 /* of a prompt that no other has */

struct first {
    int64_t start;
    double seconds;
};

static void on_token(void *arg, int32_t token)
{
    struct first *f = arg;

    (void)token;
    f->seconds = (double)(clock_mono_ns() - f->start) / 1e9;
}

static void on_end(void *arg, const struct generation_end *end)
{
    (void)arg, (void)end;
}

static int ask(struct scheduler *s, int32_t *prompt, size_t n, int32_t own, double *seconds, struct err *err)
{
    struct first first = { clock_mono_ns(), 0 };
    const struct generation_spec spec = { .prompt = prompt, .n_prompt = n, .sampling = SAMPLING_GREEDY, .max_tokens = 1,
                                          .on_token = on_token, .on_end = on_end, .arg = &first };

    for (size_t i = n - OWN_TOKENS; i < n; i++)
        prompt[i] = own;
    if (!scheduler_add(s, &spec, err))
        return -1;
    while (scheduler_step(s))
        ;
    *seconds = first.seconds;
    return 0;
}

/* A folder and the one in it, as a scheduler leaves them. */
static void remove_folder(const char *path, int depth)
{
    DIR *dir = opendir(path);
    const struct dirent *d;
    char inner[600];

    while (dir && (d = readdir(dir))) {
        if (d->d_name[0] == '.')
            continue;
        snprintf(inner, sizeof inner, "%s/%s", path, d->d_name);
        if (depth > 0)
            remove_folder(inner, depth - 1);
        else
            unlink(inner);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

static int measure(struct engine *e, const char *dir, int32_t *prompt, size_t n, struct bench_prefix *b, struct err *err)
{
    const struct scheduler_options options = { .prefixes = dir, .draft = SCHEDULER_DRAFT_OFF };
    struct scheduler *s = scheduler_create(e, &options, err);
    int64_t start;
    double seconds;
    int rc = -1;

    if (!s)
        return -1;
    if (ask(s, prompt, n, 1, &b->cold, err) == 0 && ask(s, prompt, n, 2, &b->warm, err) == 0)
        rc = 0;
    while (scheduler_save(s))
        ;
    scheduler_destroy(s);
    if (rc < 0)
        return -1;
    start = clock_mono_ns(); /* looking through the folder is part of it */
    s = scheduler_create(e, &options, err);
    if (!s)
        return -1;
    seconds = (double)(clock_mono_ns() - start) / 1e9;
    rc = ask(s, prompt, n, 3, &b->restarted, err);
    b->restarted += seconds;
    scheduler_destroy(s);
    return rc;
}

int bench_prefix(struct engine *e, size_t n, struct bench_prefix *b, struct err *err)
{
    char dir[] = "/var/tmp/corax-bench.XXXXXX";
    int32_t *prompt;
    int rc;

    if (n <= OWN_TOKENS || n > e->n_ctx)
        return fail(err, CORAX_E_ARGS, "a prompt of %zu tokens, allowed are %d to %zu (--ctx)", n, OWN_TOKENS + 1, e->n_ctx);
    prompt = calloc(n, sizeof *prompt);
    if (!prompt)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    if (!mkdtemp(dir)) {
        free(prompt);
        return fail_sys(err, CORAX_E_IO, "create %s", dir);
    }
    for (size_t i = 0; i < n; i++)
        prompt[i] = (int32_t)(i * 2654435761u % e->shape.n_vocab);
    rc = measure(e, dir, prompt, n, b, err);
    remove_folder(dir, 1);
    free(prompt);
    return rc;
}
