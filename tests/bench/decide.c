#include "tests/bench/decide.h"

#include <corax/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "policies/policy.h"
#include "tests/bench/report.h"
#include "util/clock.h"
#include "util/json.h"

#define N_RULES     POLICY_MAX_RULES
#define N_DECISIONS 20000 /* a run */
#define REACH_US    20

/* Each writes rule i, all that is behind its id. */
static void literal(struct buf *b, int i)
{
    buf_addf(b, "\"%s\":\"plugin%d.tool%d\"", i % 3 ? "allow" : "ask", i / 20, i);
}

static void wildcard(struct buf *b, int i)
{
    if (i % 2)
        buf_addf(b, "\"%s\":\"*.*ool%d\"", i % 3 ? "allow" : "ask", i);
    else
        buf_addf(b, "\"%s\":\"plugin%d*.*_%dx\"", i % 3 ? "allow" : "deny", i / 20, i);
}

/* Twenty rules about each of fifty tools: its path, its URL, its command line, its number. */
static void with_args(struct buf *b, int i)
{
    buf_addf(b, "\"ask\":\"plugin.tool%d\",\"when\":{\"args\":{", i / 20 * 20);
    if (i % 4 == 0)
        buf_addf(b, "\"url\":{\"url\":{\"host\":[\"h%d.a.org\"],\"scheme\":[\"https\"]}}", i);
    else if (i % 4 == 1)
        buf_addf(b, "\"path\":{\"path\":{\"beneath\":[\"docs/d%d\"]}}", i);
    else if (i % 4 == 2)
        buf_addf(b, "\"argv\":{\"argv\":{\"program\":[\"p%d\"]}}", i);
    else
        buf_addf(b, "\"n\":{\"enum\":[%d]}", 1000 + i);
    buf_adds(b, "}}");
}

/* All about every tool, half of them about its effects; none matches in the end. */
static void half_by_effects(struct buf *b, int i)
{
    buf_addf(b, "\"ask\":\"*.*\",\"when\":{\"effects\":{\"any\":[\"%s\"]},\"args\":{\"n\":{\"enum\":[%d]}}}", i % 2 ? "net" : "write", 1000 + i);
}

/* All about one tool's URL. */
static void one_url(struct buf *b, int i)
{
    buf_addf(b, "\"ask\":\"plugin.tool0\",\"when\":{\"args\":{\"url\":{\"url\":{\"host\":[\"h%d.a.org\"]}}}}", i);
}

/* All about one tool's URL, on few hosts, nested folders below each, and each with a duty: a tenth of them match. */
static void nested(struct buf *b, int i)
{
    static const char *const hosts[] = { "*.a.org", "a.org", "*.org", "b.org", "www.a.org" };

    buf_addf(b, "\"allow\":\"plugin.tool0\",\"must\":{\"timeout_s\":%d},\"when\":{\"args\":{\"url\":{\"url\":{\"host\":[\"%s\"],\"beneath\":[\"/x",
             1 + i * 7919 % N_RULES, hosts[i % 5]);
    for (int k = 0; k < i / 5 % 10; k++)
        buf_addf(b, "/%d", k);
    if (i >= 50)
        buf_addf(b, "/n%d", i);
    buf_adds(b, "\"]}}}}");
}

/* All about one tool's number, a range each. */
static void ranges(struct buf *b, int i)
{
    buf_addf(b, "\"ask\":\"plugin.tool0\",\"when\":{\"args\":{\"n\":{\"min\":%d,\"max\":%d}}}", 10 + i, 10 + i);
}

/* All about what a screen of one tool found, by other words. */
static void screened(struct buf *b, int i)
{
    buf_addf(b, "\"ask\":\"plugin.tool0\",\"when\":{\"screened\":{\"s\":{\"any\":[\"w%d\"]}}}", 10 + i);
}

static const struct shape {
    const char *key, *what;
    void (*rule)(struct buf *, int);
    bool one_tool;
} shapes[] = {
    { "decide_literal", "names without a *", literal, false },
    { "decide_wildcard", "names with a *", wildcard, false },
    { "decide_args", "20 rules about each tool's arguments", with_args, false },
    { "decide_effects", "all about every tool, half match its effects", half_by_effects, false },
    { "decide_one_url", "all about one URL", one_url, true },
    { "decide_nested", "all about one URL, nested, with duties", nested, true },
    { "decide_ranges", "all about one number", ranges, true },
    { "decide_screened", "all about what one screen found", screened, true },
};
#define N_SHAPES (sizeof(shapes) / sizeof(*shapes))

static struct policy *load(const struct shape *s)
{
    struct policy_file file = { .name = s->key };
    struct err err = { 0 };
    struct policy *p;
    struct buf b;

    buf_init(&b, POLICY_MAX_FILE_BYTES);
    buf_adds(&b, "{\"policy\":1,\"id\":\"bench\",\"rules\":[");
    for (int i = 0; i < N_RULES; i++) {
        buf_addf(&b, "%s{\"id\":\"r%d\",", i ? "," : "", i);
        s->rule(&b, i);
        buf_adds(&b, ",\"why\":\"w\"}");
    }
    buf_adds(&b, "]");
    if (s->rule == screened)
        buf_adds(&b, ",\"screens\":[{\"id\":\"s\",\"of\":\"plugin.tool0\",\"by\":\"q.check\",\"argument\":\"v\",\"role\":\"molecule\",\"why\":\"w\"}]");
    buf_adds(&b, "}");
    file.text = b.data;
    file.len = b.len;
    if (b.failed || !(p = policy_load(&file, 1, POLICY_BASE, &err))) {
        fprintf(stderr, "bench: %s: %s\n", s->key, err.msg);
        exit(1);
    }
    buf_finish(&b);
    return p;
}

/* The time that this process had a processor: what else the machine does is not in it. */
static int64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void run(const struct policy *p, const struct shape *s, const struct json *args, struct series *p99, struct series *cpu_p99)
{
    static double us[N_DECISIONS], cpu_us[N_DECISIONS];

    for (int i = 0; i < N_DECISIONS; i++) {
        char provider[32], tool[32];
        static const char *const found[] = { "w1", "w2" };
        static const struct screen_answer answer = { "q.check", "v", "molecule", true, 2, found };
        struct policy_request r = { .provider = provider, .tool = tool, .effects = CORAX_FX_NET, .args = args, .n_screened = 1, .screened = &answer };
        const int rule = i * 7919 % N_RULES;
        int64_t start, cpu;

        /* Now the plugin of the literal names, now the only one of the others. */
        snprintf(provider, sizeof(provider), i % 2 ? "plugin%d" : "plugin", rule / 20);
        snprintf(tool, sizeof(tool), "tool%d", i % 4 < 2 ? rule : rule / 20 * 20);
        if (s->one_tool)
            r.provider = "plugin", r.tool = "tool0";
        cpu = cpu_ns();
        start = clock_mono_ns();
        policy_decide(p, &r);
        us[i] = (double)(clock_mono_ns() - start) / 1000;
        cpu_us[i] = (double)(cpu_ns() - cpu) / 1000;
    }
    series_add(p99, percentile(us, N_DECISIONS, 0.99));
    series_add(cpu_p99, percentile(cpu_us, N_DECISIONS, 0.99));
}

void measure_decisions(int n_runs)
{
    static const char text[] = "{\"url\":\"https://www.a.org/x/0/1/2/3/4/5/6/7/8/9\",\"path\":\"docs/a/b\",\"argv\":[\"ls\",\"-l\"],\"n\":5}";
    static struct series p99[N_SHAPES], cpu_p99[N_SHAPES];
    static char keys[N_SHAPES][48], what[N_SHAPES][2][96];
    struct json *args = json_parse(text, sizeof(text) - 1, NULL);

    report_section("A decision among 1,000 rules, by what the rules are about");
    for (size_t i = 0; i < N_SHAPES; i++) {
        struct policy *p = load(&shapes[i]);

        for (int k = 0; k < n_runs; k++)
            run(p, &shapes[i], args, &p99[i], &cpu_p99[i]);
        snprintf(what[i][0], sizeof(what[i][0]), "%s, p99", shapes[i].what);
        snprintf(what[i][1], sizeof(what[i][1]), "%s, p99 of the processor's time", shapes[i].what);
        snprintf(keys[i], sizeof(keys[i]), "%s_cpu", shapes[i].key);
        report_figure(shapes[i].key, what[i][0], "us", &p99[i], TARGET_AT_MOST, REACH_US, NULL);
        report_figure(keys[i], what[i][1], "us", &cpu_p99[i], TARGET_AT_MOST, REACH_US, NULL);
        policy_destroy(p);
    }
    json_free(args);
}
