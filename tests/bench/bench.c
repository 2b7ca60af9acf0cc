/*
 * bench - what coraxd itself costs, beside what the bare things cost on the same machine in the same run.
 *
 *     bench [--json FILE] [--runs N] [--only SECTION]... DIR
 *
 * DIR is made and left for a look; sections: floor step throughput recovery tool start memory trace policy model.  Every
 * figure is the median of several runs that alternate with those of its floor, so that a neighbour's load falls on both.
 * docs/bench.md says what each figure means.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/decide.h"
#include "tests/bench/floor.h"
#include "tests/bench/report.h"
#include "tests/bench/rig.h"
#include "util/file.h"

#define N_STEPS 10 /* of a task: nine calls and an answer */

static const char *dir;
static int n_runs = 5;
static struct series commit_full, commit_normal, bare[2], tool[2], tool_p99[2];

static const char *path_in_dir(const char *name)
{
    static char path[4][700];
    static int turn;
    char *p = path[turn++ % 4];

    snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
    return p;
}

/* --- what the tasks left ------------------------------------------------------------------------------------------- */

/* That the tasks did what they were for: a figure of tasks that failed would be a good one. */
static void check_tasks(const struct rig *r, int64_t n, int64_t n_steps)
{
    int64_t answered = rig_ask_journal(r, "SELECT count(*) FROM tasks WHERE outcome=1 AND model LIKE 'scripted%'", NULL, 0);
    int64_t steps = rig_ask_journal(r, "SELECT sum(n_steps) FROM tasks WHERE outcome=1", NULL, 0);

    if (answered != n || steps != n_steps)
        die("%lld tasks were answered in %lld steps, not %lld in %lld", (long long)answered, (long long)steps,
            (long long)n, (long long)n_steps);
}

static int64_t db_bytes(const struct rig *r)
{
    return rig_ask_journal(r, "SELECT (SELECT page_count FROM pragma_page_count()) * (SELECT page_size FROM pragma_page_size())", NULL, 0);
}

/* --- floors, and the tool's round trip beside them ------------------------------------------------------------------ */

static void measure_floors(void)
{
    for (int i = 0; i < n_runs; i++) {
        series_add(&commit_full, floor_commit_us(dir, true, 200));
        series_add(&commit_normal, floor_commit_us(dir, false, 400));
        for (int where = ON_ONE_CORE; where <= ON_TWO_CORES; where++) {
            struct trips t;

            series_add(&bare[where], bare_round_trips((enum where)where, 1000).p50_us);
            t = tool_round_trips((enum where)where, 1000);
            series_add(&tool[where], t.p50_us);
            series_add(&tool_p99[where], t.p99_us);
        }
    }
    report_section("Floors of this run");
    report_figure("commit_full", "one SQLite commit, WAL, synchronous=FULL (the journal's)", "us", &commit_full,
                  TARGET_NONE, 0, NULL);
    report_figure("commit_normal", "one SQLite commit, WAL, synchronous=NORMAL", "us", &commit_normal, TARGET_NONE, 0,
                  NULL);
    report_figure("bare_one_core", "one bare round trip: socketpair, two processes, cJSON; one core", "us", &bare[0],
                  TARGET_NONE, 0, NULL);
    report_figure("bare_two_cores", "the same across two cores", "us", &bare[1], TARGET_NONE, 0, NULL);
    report_section("A tool call: the same bytes through a warm, confined corax-host");
    report_figure("tool_one_core", "round trip p50, one core (reach: 2 x bare)", "us", &tool[0], TARGET_AT_MOST,
                  2 * series_median(&bare[0]), &bare[0]);
    report_figure("tool_one_core_p99", "round trip p99, one core", "us", &tool_p99[0], TARGET_NONE, 0, &bare[0]);
    report_figure("tool_two_cores", "round trip p50, two cores (reach: 2 x bare)", "us", &tool[1], TARGET_AT_MOST,
                  2 * series_median(&bare[1]), &bare[1]);
    report_figure("tool_two_cores_p99", "round trip p99, two cores", "us", &tool_p99[1], TARGET_NONE, 0, &bare[1]);
}

/* --- a step ---------------------------------------------------------------------------------------------------------- */

#define N_STEP_TASKS 60

struct step_figures {
    struct series p50, p99, loop, journal, model, host, commits;
};

static void measure_steps_once(struct rig *r, const char *words, struct step_figures *f)
{
    static double gaps[SCRIPTED_MAX_TIMES];
    struct rig_use before, after;
    double n_steps = N_STEP_TASKS * N_STEPS;
    size_t n = 0;

    before = rig_use(r);
    r->times->n = 0;
    for (int i = 0; i < N_STEP_TASKS; i++)
        rig_run(r, i, words);
    after = rig_use(r);
    for (int64_t i = 1; i < r->times->n; i++)
        if (r->times->at[i].step == r->times->at[i - 1].step + 1)
            gaps[n++] = (double)(r->times->at[i].read_ns - r->times->at[i - 1].reply_ns) / 1e3;
    if (n != N_STEP_TASKS * (N_STEPS - 1))
        die("%zu steps left their times, not %d", n, N_STEP_TASKS * (N_STEPS - 1));
    series_add(&f->p50, percentile(gaps, n, 0.5));
    series_add(&f->p99, percentile(gaps, n, 0.99));
    series_add(&f->loop, (after.loop_us - before.loop_us) / n_steps);
    series_add(&f->journal, (after.journal_us - before.journal_us) / n_steps);
    series_add(&f->model, (after.model_us - before.model_us) / n_steps);
    series_add(&f->host, (after.host_us - before.host_us) / n_steps);
    series_add(&f->commits, (double)(after.n_commits - before.n_commits) / n_steps);
}

/* Run by run: what is left of a when b is taken off. */
static struct series minus(const struct series *a, const struct series *b)
{
    struct series out = { 0 };
    double off = series_median(b);

    for (size_t i = 0; i < a->n; i++)
        series_add(&out, a->at[i] - off);
    return out;
}

static void measure_steps(void)
{
    static struct step_figures read_one, read_two, write_one;
    struct series left, left_write;
    struct rig r;

    for (int where = ON_ONE_CORE; where <= ON_TWO_CORES; where++) {
        rig_init(&r, path_in_dir(where ? "step-2" : "step-1"), 4, 0);
        rig_start(&r, (enum where)where);
        for (int i = 0; i < n_runs; i++) {
            measure_steps_once(&r, "tool=echo steps=10", where ? &read_two : &read_one);
            if (where == ON_ONE_CORE)
                measure_steps_once(&r, "tool=note steps=10", &write_one);
        }
        rig_finish(&r);
        check_tasks(&r, N_STEP_TASKS * n_runs * (where ? 1 : 2), N_STEP_TASKS * n_runs * (where ? 1 : 2) * N_STEPS);
    }
    left = minus(&read_one.p50, &tool[0]);
    left_write = minus(&write_one.p50, &tool[0]);
    for (int i = 0; i < 2; i++) /* the last result's, which the intent waits behind, and the intent's */
        left_write = minus(&left_write, &commit_full);
    report_section("A step, one task at a time, scripted model; coraxd and its children on one core");
    report_figure("step_overhead", "from the model's reply to its next request, less the tool's round trip, p50", "us",
                  &left, TARGET_AT_MOST, 60, &bare[0]);
    report_figure("step_gap", "  all of it, p50", "us", &read_one.p50, TARGET_NONE, 0, &bare[0]);
    report_figure("step_gap_p99", "  all of it, p99", "us", &read_one.p99, TARGET_NONE, 0, &bare[0]);
    report_figure("step_loop_cpu", "  processor time of coraxd's loop a step", "us", &read_one.loop, TARGET_NONE, 0,
                  NULL);
    report_figure("step_journal_cpu", "  of its journal thread (runs beside the next step)", "us", &read_one.journal,
                  TARGET_NONE, 0, NULL);
    report_figure("step_host_cpu", "  of corax-host", "us", &read_one.host, TARGET_NONE, 0, NULL);
    report_figure("step_model_cpu", "  of the scripted model", "us", &read_one.model, TARGET_NONE, 0, NULL);
    report_figure("step_commits", "  commits a step, read-only", "", &read_one.commits, TARGET_AT_MOST, 1.2, NULL);
    report_figure("effect_overhead", "with effects: the same less its two commits, p50", "us", &left_write, TARGET_AT_MOST,
                  60, &bare[0]);
    report_figure("effect_gap", "  all of it, p50", "us", &write_one.p50, TARGET_NONE, 0, &commit_full);
    report_figure("effect_commits", "  commits a step", "", &write_one.commits, TARGET_AT_MOST, 2.2, NULL);
    report_figure("step_gap_two_cores", "on two cores: from reply to request, p50", "us", &read_two.p50, TARGET_NONE, 0,
                  &bare[1]);
    report_note("A task also has one commit for its submission and one for its end: 0.2 a step of the commits above.");
}

/* --- many tasks ------------------------------------------------------------------------------------------------------ */

#define N_TASKS  1000
#define N_STORED 10000 /* tasks, when the start is measured */

static void measure_throughput(void)
{
    struct series rate = { 0 }, loop = { 0 }, journal = { 0 }, model = { 0 }, host = { 0 }, per_commit = { 0 };
    struct series start = { 0 }, growth = { 0 };
    struct rig_use before, after;
    struct memory first = { 0 }, last = { 0 };
    struct rig r;
    const int runs = 5, n_short = N_STORED - runs * N_TASKS;

    rig_init(&r, path_in_dir("throughput"), 32, 0);
    rig_start(&r, ON_ONE_CORE);
    for (int i = 0; i < runs; i++) {
        double n_steps = N_TASKS * N_STEPS;
        int64_t began;

        before = rig_use(&r);
        began = now_ns();
        rig_submit(&r, i * N_TASKS, N_TASKS, "tool=echo steps=10");
        rig_wait_idle(&r);
        series_add(&rate, N_TASKS / ((double)(now_ns() - began) / 1e9));
        after = rig_use(&r);
        series_add(&loop, (after.loop_us - before.loop_us) / n_steps);
        series_add(&journal, (after.journal_us - before.journal_us) / n_steps);
        series_add(&model, (after.model_us - before.model_us) / n_steps);
        series_add(&host, (after.host_us - before.host_us) / n_steps);
        series_add(&per_commit, (double)(after.n_commits - before.n_commits) / n_steps);
        sleep_us(200000); /* the last events are stored by then, and their memory given back */
        last = rig_memory(&r);
        if (i == 0)
            first = last;
    }
    series_add(&growth, last.rss_mb - first.rss_mb);
    for (int i = 0; i < n_short; i += N_TASKS) {
        rig_submit(&r, runs * N_TASKS + i, N_TASKS, "steps=1");
        rig_wait_idle(&r);
    }
    rig_stop(&r);
    check_tasks(&r, N_STORED, runs * N_TASKS * N_STEPS + n_short);
    for (int i = 0; i < 11; i++) {
        series_add(&start, (double)rig_start(&r, ON_TWO_CORES) / 1e6);
        rig_stop(&r);
    }
    rig_finish(&r);
    report_section("Many tasks of ten steps at once; coraxd and its children on one core, the client on another");
    report_figure("tasks_per_s", "tasks a second", "/s", &rate, TARGET_AT_LEAST, 1500, NULL);
    report_figure("load_loop_cpu", "  processor time a step: coraxd's loop", "us", &loop, TARGET_NONE, 0, NULL);
    report_figure("load_journal_cpu", "  coraxd's journal thread", "us", &journal, TARGET_NONE, 0, NULL);
    report_figure("load_host_cpu", "  corax-host", "us", &host, TARGET_NONE, 0, NULL);
    report_figure("load_model_cpu", "  the scripted model", "us", &model, TARGET_NONE, 0, NULL);
    report_figure("load_commits", "  commits a step", "", &per_commit, TARGET_NONE, 0, NULL);
    report_figure("load_rss_growth", "resident memory after 50,000 steps less that after 10,000", "MB", &growth,
                  TARGET_AT_MOST, 1, NULL);
    report_section("Start");
    report_figure("start_10k", "coraxd from fork to the first answered /_ping, 10,000 tasks stored", "ms", &start,
                  TARGET_AT_MOST, 10, NULL);
}

/* --- recovery -------------------------------------------------------------------------------------------------------- */

static void measure_recovery(void)
{
    struct series ms = { 0 }, rss = { 0 }, private_mb = { 0 };
    struct rig r;

    rig_init(&r, path_in_dir("recovery"), 100, 0);
    rig_start(&r, ON_TWO_CORES);
    rig_submit(&r, 0, 100, "tool=echo steps=10 hold=6");
    rig_wait_running(&r, 100);
    for (int i = 0; i < 2 * n_runs; i++) {
        int64_t began;
        struct memory m;

        while (r.times->n < 500)
            usleep(1000); /* each has made five steps */
        usleep(300000);
        m = rig_memory(&r);
        series_add(&rss, m.rss_mb);
        series_add(&private_mb, m.private_mb);
        rig_kill(&r);
        began = now_ns();
        rig_start(&r, ON_TWO_CORES);
        rig_wait_running(&r, 100);
        series_add(&ms, (double)(now_ns() - began) / 1e6);
    }
    rig_finish(&r);
    report_section("kill -9 with 100 live tasks, each after five of ten steps");
    report_figure("recovery_100", "from fork until all 100 run again", "ms", &ms, TARGET_AT_MOST, 50, NULL);
    report_figure("rss_100_tasks", "resident memory of coraxd with them", "MB", &rss, TARGET_NONE, 0, NULL);
    report_figure("private_100_tasks", "  private", "MB", &private_mb, TARGET_NONE, 0, NULL);
}

/* --- memory ---------------------------------------------------------------------------------------------------------- */

static void measure_memory(void)
{
    struct series rss = { 0 }, private_mb = { 0 };
    struct rig r;

    rig_init(&r, path_in_dir("memory"), 4, 0);
    for (int i = 0; i < n_runs; i++) {
        struct memory m;

        rig_start(&r, ON_TWO_CORES);
        usleep(500000);
        m = rig_memory(&r);
        series_add(&rss, m.rss_mb);
        series_add(&private_mb, m.private_mb);
        rig_stop(&r);
    }
    rig_finish(&r);
    report_section("Memory of coraxd when idle");
    report_figure("rss_idle", "resident", "MB", &rss, TARGET_AT_MOST, 10, NULL);
    report_figure("private_idle", "private", "MB", &private_mb, TARGET_AT_MOST, 4, NULL);
}

/* --- bytes of a trace ------------------------------------------------------------------------------------------------ */

static double bytes_a_step(const char *name, const char *words, int n_tasks, int n_steps)
{
    int64_t empty, full;
    struct rig r;

    rig_init(&r, path_in_dir(name), 4, 0);
    rig_start(&r, ON_TWO_CORES);
    rig_stop(&r);
    empty = db_bytes(&r);
    rig_start(&r, ON_TWO_CORES);
    rig_submit(&r, 0, n_tasks, words);
    rig_wait_idle(&r);
    rig_finish(&r);
    check_tasks(&r, n_tasks, n_tasks * n_steps);
    full = db_bytes(&r);
    return (double)(full - empty) / n_tasks / n_steps;
}

static void measure_trace(void)
{
    struct series small = { 0 }, large = { 0 }, hundred = { 0 };

    series_add(&small, bytes_a_step("trace-10", "tool=echo steps=10", 300, 10));
    series_add(&large, bytes_a_step("trace-4k", "tool=echo steps=10 pad=4096", 100, 10));
    series_add(&hundred, bytes_a_step("trace-100", "tool=echo steps=100", 30, 100));
    large.at[0] -= 0.9 * 4096;
    report_section("Bytes of the database a step, everything included, after the log was written back");
    report_figure("trace_bytes", "tasks of ten steps, texts of about 150 bytes a step", "B", &small, TARGET_AT_MOST,
                  1536, NULL);
    report_figure("trace_bytes_4k", "the same with results of 4,096 bytes, these not counted", "B", &large,
                  TARGET_AT_MOST, 1536, &small);
    report_figure("trace_bytes_100", "tasks of 100 steps", "B", &hundred, TARGET_AT_MOST, 1536, &small);
}

/* --- the shipped model ----------------------------------------------------------------------------------------------- */

static pid_t start_infer(const char *const argv[], int *out)
{
    int fd[2];
    pid_t pid;

    if (pipe(fd) < 0 || (pid = fork()) < 0)
        die("fork: %s", strerror(errno));
    if (pid == 0) {
        pin_as(ON_TWO_CORES);
        dup2(fd[1], 1);
        close(fd[0]);
        close(fd[1]);
        execv(argv[0], (char *const *)argv);
        _exit(127);
    }
    close(fd[1]);
    *out = fd[0];
    return pid;
}

static void end_infer(pid_t pid, int fd)
{
    int status;

    close(fd);
    if (waitpid(pid, &status, 0) != pid || (WIFEXITED(status) && WEXITSTATUS(status) != 0))
        die("corax-infer failed");
}

/* Of the row of that kind in what corax-infer bench --json prints. */
static double speed_of(const struct json *result, const char *kind)
{
    for (const struct json *row = json_first(json_get(result, "rows")); row; row = json_next(row))
        if (strcmp(json_get_text(row, "kind", ""), kind) == 0)
            return json_number(json_get(row, "tokens_per_s"), 0);
    return 0;
}

static void measure_model(void)
{
    char program[700], model[700], text[4096], byte;
    const char *generate[] = { program, "generate", model, "What is 17 * 23?", "-n", "1", NULL };
    const char *bench[] = { program, "bench", model, "--json", NULL };
    struct series first = { 0 }, prompt = { 0 }, decode = { 0 };
    struct json *result;
    size_t len;
    ssize_t n;
    pid_t pid;
    int fd;

    snprintf(program, sizeof(program), "%s/corax-infer", build_dir());
    snprintf(model, sizeof(model), "%s/models/corax-raven-1-q8_0.gguf", getenv("CORAX_SRCDIR"));
    if (access(model, R_OK) < 0) {
        report_note("models/corax-raven-1-q8_0.gguf is not here: the shipped model was not measured");
        return;
    }
    for (int i = 0; i < 2 * n_runs + 1; i++) {
        int64_t began = now_ns();

        pid = start_infer(generate, &fd);
        if (read(fd, &byte, 1) != 1)
            die("corax-infer generate wrote nothing");
        if (i > 0) /* the first one reads the file from the disk */
            series_add(&first, (double)(now_ns() - began) / 1e6);
        while (read(fd, text, sizeof(text)) > 0)
            ;
        end_infer(pid, fd);
    }
    for (int i = 0; i < 3; i++) {
        pid = start_infer(bench, &fd);
        for (len = 0; (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0; len += (size_t)n)
            ;
        end_infer(pid, fd);
        result = json_parse(text, len, NULL);
        series_add(&prompt, speed_of(result, "prompt"));
        series_add(&decode, speed_of(result, "decode"));
        json_free(result);
    }
    report_section("The shipped model, all cores (corax-infer bench, corax-infer generate)");
    report_figure("model_prompt", "prompt", "tok/s", &prompt, TARGET_NONE, 0, NULL);
    report_figure("model_decode", "decode", "tok/s", &decode, TARGET_NONE, 0, NULL);
    report_figure("model_first_token", "from fork to the first token of a short question", "ms", &first, TARGET_AT_MOST,
                  10, NULL);
}

/* --- policies -------------------------------------------------------------------------------------------------------- */

static void measure_policy(void)
{
    measure_decisions(n_runs);
}

/* --- all of it ------------------------------------------------------------------------------------------------------- */

static const struct section {
    const char *name;
    void (*measure)(void);
} sections[] = {
    { "floor", measure_floors },      { "step", measure_steps },    { "throughput", measure_throughput },
    { "recovery", measure_recovery }, { "memory", measure_memory }, { "trace", measure_trace },
    { "policy", measure_policy },     { "model", measure_model },
};
#define N_SECTIONS (sizeof(sections) / sizeof(sections[0]))

static unsigned find_section(const char *name)
{
    for (unsigned i = 0; i < N_SECTIONS; i++)
        if (strcmp(sections[i].name, name) == 0)
            return 1u << i;
    die("there is no section %s", name);
}

int main(int argc, char **argv)
{
    static const struct option known[] = { { "json", required_argument, NULL, 'j' },
                                           { "runs", required_argument, NULL, 'r' },
                                           { "only", required_argument, NULL, 'o' },
                                           { NULL, 0, NULL, 0 } };
    const char *json_path = getenv("BENCH_JSON");
    unsigned wanted = 0;
    int c;

    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (c == 'j')
            json_path = optarg;
        else if (c == 'r' && atoi(optarg) >= 1 && atoi(optarg) <= 20)
            n_runs = atoi(optarg);
        else if (c == 'o')
            wanted |= find_section(optarg);
        else
            die("usage: bench [--json FILE] [--runs 1-20] [--only SECTION]... DIR");
    }
    if (optind + 1 != argc)
        die("usage: bench [--json FILE] [--runs 1-20] [--only SECTION]... DIR");
    dir = argv[optind];
    if (mkdir(dir, 0700) < 0)
        die("%s: %s", dir, strerror(errno));
    signal(SIGPIPE, SIG_IGN);
    cores_find();
    if (cores[0] == cores[1])
        report_note("There is one processor only: the client runs on it too, and \"two cores\" are one.");
    for (size_t i = 0; i < N_SECTIONS; i++) {
        if (wanted && !(wanted & 1u << i))
            continue;
        fprintf(stderr, "bench: %s ...\n", sections[i].name);
        sections[i].measure();
    }
    return report_print(json_path && json_path[0] ? json_path : NULL) < 0;
}
