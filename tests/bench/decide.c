#include "tests/bench/decide.h"

#include <corax/plugin.h>
#include <stdio.h>
#include <stdlib.h>

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

/* All about one tool's URL: the worst there is. */
static void one_url(struct buf *b, int i)
{
    buf_addf(b, "\"ask\":\"plugin.tool0\",\"when\":{\"args\":{\"url\":{\"url\":{\"host\":[\"h%d.a.org\"]}}}}", i);
}

static const struct shape {
    const char *key, *what;
    void (*rule)(struct buf *, int);
    double reach;
} shapes[] = {
    { "decide_literal", "names without a *", literal, REACH_US },
    { "decide_wildcard", "names with a *", wildcard, REACH_US },
    { "decide_args", "20 rules about each tool's arguments", with_args, REACH_US },
    { "decide_effects", "all about every tool, half match its effects", half_by_effects, REACH_US },
    { "decide_one_url", "all about one URL (no aim)", one_url, 0 },
};

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
    buf_adds(&b, "]}");
    file.text = b.data;
    file.len = b.len;
    if (b.failed || !(p = policy_load(&file, 1, POLICY_BASE, &err))) {
        fprintf(stderr, "bench: %s: %s\n", s->key, err.msg);
        exit(1);
    }
    buf_finish(&b);
    return p;
}

static void run(const struct policy *p, const struct shape *s, const struct json *args, struct series *p99)
{
    static double us[N_DECISIONS];

    for (int i = 0; i < N_DECISIONS; i++) {
        char provider[32], tool[32];
        struct policy_request r = { .provider = provider, .tool = tool, .effects = CORAX_FX_NET, .args = args };
        const int rule = i * 7919 % N_RULES;
        int64_t start;

        /* Now the plugin of the literal names, now the only one of the others. */
        snprintf(provider, sizeof(provider), i % 2 ? "plugin%d" : "plugin", rule / 20);
        snprintf(tool, sizeof(tool), "tool%d", i % 4 < 2 ? rule : rule / 20 * 20);
        if (s->rule == one_url)
            r.provider = "plugin", r.tool = "tool0";
        start = clock_mono_ns();
        policy_decide(p, &r);
        us[i] = (double)(clock_mono_ns() - start) / 1000;
    }
    series_add(p99, percentile(us, N_DECISIONS, 0.99));
}

void measure_decisions(int n_runs)
{
    static const char text[] = "{\"url\":\"https://www.a.org/x\",\"path\":\"docs/a/b\",\"argv\":[\"ls\",\"-l\"],\"n\":5}";
    static struct series p99[sizeof(shapes) / sizeof(*shapes)];
    struct json *args = json_parse(text, sizeof(text) - 1, NULL);
    static char what[sizeof(shapes) / sizeof(*shapes)][96];

    report_section("A decision among 1,000 rules, by what the rules are about");
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        struct policy *p = load(&shapes[i]);

        for (int k = 0; k < n_runs; k++)
            run(p, &shapes[i], args, &p99[i]);
        snprintf(what[i], sizeof(what[i]), "%s, p99", shapes[i].what);
        report_figure(shapes[i].key, what[i], "us", &p99[i], shapes[i].reach > 0 ? TARGET_AT_MOST : TARGET_NONE, shapes[i].reach, NULL);
        policy_destroy(p);
    }
    json_free(args);
}
