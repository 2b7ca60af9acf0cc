/*
 * soak - a million scripted steps through one coraxd: does it grow?
 *
 *     soak [--steps N] [--keep TASKS] DIR
 *
 * Tasks of ten steps (nine calls and an answer), a thousand at a time; every now and then one is cancelled in its middle.  After each
 * thousand tasks the resident memory, the descriptors and the threads of coraxd and its children are looked at.  From the tenth part on
 * nothing may grow: memory by 1 MB at most, descriptors and threads not at all.  At the end the journal is checked, and the tasks are
 * counted.  --keep lets coraxd delete all finished tasks but the newest so many, as upkeep does.  Exit status 1: something grew, or is wrong.
 */
#include <dirent.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/rig.h"

#define N_STEPS  10   /* of a task */
#define N_TASKS  1000 /* of a round */
#define GROWTH   1.0  /* MB */
#define N_CANCEL 7    /* of a round */

struct use {
    double rss_mb;
    int n_fds, n_threads, n_children;
    double children_mb;
};

/* --- looking -------------------------------------------------------------------------------------------------------- */

static int count_entries(const char *path)
{
    DIR *d = opendir(path);
    const struct dirent *e;
    int n = 0;

    while (d && (e = readdir(d)) != NULL)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

/* A number behind a key of /proc/PID/status; 0: it is not there. */
static long status_of(long pid, const char *key)
{
    char path[64], line[256];
    const size_t n = strlen(key);
    long value = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%ld/status", pid);
    if ((f = fopen(path, "r")) == NULL)
        return 0;
    while (fgets(line, sizeof(line), f))
        if (strncmp(line, key, n) == 0 && line[n] == ':')
            value = strtol(line + n + 1, NULL, 10);
    fclose(f);
    return value;
}

/* All below pid, however deep: hosts stand behind launchers. */
static void look_below(long pid, struct use *u)
{
    char path[64];
    long child;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", pid, pid);
    if ((f = fopen(path, "r")) == NULL)
        return;
    while (fscanf(f, "%ld", &child) == 1) {
        u->n_children++;
        u->children_mb += (double)status_of(child, "VmRSS") * 1024 / 1e6;
        look_below(child, u);
    }
    fclose(f);
}

static struct use look(const struct rig *r)
{
    struct use u = { .rss_mb = rig_memory(r).rss_mb };
    char path[64];

    snprintf(path, sizeof(path), "/proc/%ld/fd", (long)r->pid);
    u.n_fds = count_entries(path);
    u.n_threads = (int)status_of(r->pid, "Threads");
    look_below(r->pid, &u);
    if (u.n_children == 0)
        die("no child of coraxd is seen in /proc");
    return u;
}

/* --- work ----------------------------------------------------------------------------------------------------------- */

/* Some are cancelled while the model is at them: it never answers their fifth step. */
static void cancel_some(struct rig *r, int first)
{
    static char answer[HTTP_ANSWER];
    char body[200], path[100], id[64];

    for (int i = 0; i < N_CANCEL; i++) {
        const char *at;

        snprintf(body, sizeof(body), "{\"input\":\"tool=echo steps=10 pad=0 hold=%d n=%d\",\"attended\":false}", 2 + i % 5, first + i);
        rig_ask(r, "POST", "/v1/tasks", body, 201, answer);
        if ((at = strstr(answer, "\"id\":\"")) == NULL || sscanf(at + 6, "%63[0-9a-f-]", id) != 1)
            die("no id in %.200s", answer);
        snprintf(path, sizeof(path), "/v1/tasks/%s/cancel", id);
        rig_ask(r, "POST", path, "", 202, answer);
    }
    rig_wait_idle(r);
}

static void print_use(int64_t steps, const struct use *u)
{
    printf("%9lld  %8.2f  %11d  %7d  %8d  %12.1f\n", (long long)steps, u->rss_mb, u->n_fds, u->n_threads, u->n_children,
           u->children_mb);
    fflush(stdout);
}

static int judge(const struct rig *r, const struct use *first, const struct use *last, int64_t n_tasks, bool keeps_all)
{
    char integrity[200];
    const double growth = last->rss_mb - first->rss_mb;
    int64_t answered, cancelled, others, steps;
    int bad = 0;

    rig_ask_journal(r, "PRAGMA integrity_check", integrity, sizeof(integrity));
    answered = rig_ask_journal(r, "SELECT count(*) FROM tasks WHERE outcome=1 AND model LIKE 'scripted%'", NULL, 0);
    cancelled = rig_ask_journal(r, "SELECT count(*) FROM tasks WHERE outcome=3", NULL, 0);
    others = rig_ask_journal(r, "SELECT count(*) FROM tasks", NULL, 0) - answered - cancelled;
    steps = rig_ask_journal(r, "SELECT sum(n_steps) FROM tasks", NULL, 0);
    printf("memory grew by %.2f MB (at most %.1f), descriptors by %d, threads by %d, children by %d\n", growth, GROWTH,
           last->n_fds - first->n_fds, last->n_threads - first->n_threads, last->n_children - first->n_children);
    printf("the journal: integrity %s, %lld tasks answered, %lld cancelled, %lld neither, %lld steps\n", integrity, (long long)answered,
           (long long)cancelled, (long long)others, (long long)steps);
    bad += growth > GROWTH || last->n_fds != first->n_fds || last->n_threads != first->n_threads ||
           last->n_children > first->n_children;
    bad += strcmp(integrity, "ok") != 0;
    bad += others != 0 || answered == 0 || (keeps_all && answered != n_tasks);
    return bad;
}

static int soak(const char *dir, int64_t n_steps, int keep)
{
    struct rig r;
    struct use first = { 0 }, last = { 0 };
    const int64_t n_rounds = (n_steps + N_STEPS * N_TASKS - 1) / (N_STEPS * N_TASKS);
    int64_t started;
    int bad, most_children = 0;

    rig_init(&r, dir, 4, keep);
    rig_start(&r, ON_TWO_CORES);
    printf("    steps    RSS MB  descriptors  threads  children  children's MB\n");
    started = now_ns();
    for (int64_t round = 0; round < n_rounds; round++) {
        rig_submit(&r, (int)round * N_TASKS, N_TASKS, "tool=echo steps=10 pad=0");
        rig_wait_idle(&r);
        cancel_some(&r, (int)round * N_TASKS);
        last = look(&r);
        /* A host whose call was cancelled may just be starting again, so of the children the most count. */
        if (round <= n_rounds / 10 && last.n_children > most_children)
            most_children = last.n_children;
        if (round == n_rounds / 10)
            first = last;
        if (round <= n_rounds / 10 || round % 10 == 9 || round == n_rounds - 1)
            print_use((round + 1) * N_TASKS * N_STEPS, &last);
    }
    printf("%lld steps in %.0f s\n", (long long)n_rounds * N_TASKS * N_STEPS, (double)(now_ns() - started) / 1e9);
    rig_stop(&r);
    first.n_children = most_children;
    bad = judge(&r, &first, &last, n_rounds * N_TASKS, keep == 0);
    rig_finish(&r);
    return bad;
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "steps", required_argument, NULL, 's' }, { "keep", required_argument, NULL, 'k' },
                                             { NULL, 0, NULL, 0 } };
    int64_t n_steps = 1000000;
    int keep = 0, c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 's')
            n_steps = strtoll(optarg, NULL, 10);
        else if (c == 'k')
            keep = (int)strtol(optarg, NULL, 10);
        else
            return 2;
    }
    if (optind != argc - 1 || n_steps <= N_STEPS * N_TASKS) { /* two rounds: what grows is seen in the second */
        fprintf(stderr, "usage: soak [--steps N] [--keep TASKS] DIR (more than %d steps)\n", N_STEPS * N_TASKS);
        return 2;
    }
    cores_find();
    return soak(argv[optind], n_steps, keep) > 0;
}
