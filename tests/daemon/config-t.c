/*
 * corax.conf: defaults, values, and for each kind of mistake the sentence that names it.
 */
#include "daemon/config.h"

#include "tests/tap.h"

static void bad(const char *text, const char *needle)
{
    struct config c;
    struct err err = { 0 };

    config_init(&c, NULL);
    ok(config_parse(&c, text, strlen(text), &err) == -1, "refused: %s", text);
    has_str(err.msg, needle, "and named");
    config_finish(&c);
}

static void good(void)
{
    static const char text[] =
        "{ // a comment\n"
        "  \"socket\": \"/tmp/s\", \"state\": \"/tmp/st\", \"model\": \"m.gguf\",\n"
        "  \"plugins\": [\"/a\", \"/b.so\"], \"policies\": [\"/p.json\"],\n"
        "  \"max_running\": 2, \"max_queued\": 0, \"system\": \"be brief\", \"date_note\": true,\n"
        "  \"budget\": {\"steps\": 3, \"wall_ms\": 1000},\n"
        "  \"sampling\": {\"temperature\": 0.5, \"seed\": 9},\n"
        "  \"infer\": {\"path\": \"/i\", \"threads\": 2, \"prefixes\": true, \"cache_memory_mb\": 300, \"dialect\": \"react\", \"template\": \"/t\"}, \"host\": {\"path\": \"/h\", \"deadline_ms\": 50},\n"
        "  \"isolation\": \"strict\", \"roots\": {\"notes\": \"/n\", \"b-2\": \"/b\"}, \"box\": {\"path\": \"/bx\"},\n"
        "  \"log_level\": \"warn\", /* the end */\n}";
    struct config c;
    struct err err = { 0 };

    is_int(config_init(&c, &err), 0, "the defaults");
    is_int(c.max_running, 4, "four tasks run");
    ok(!c.date_note, "no date");
    is_int(c.budget.max_steps, 12, "twelve steps");
    has_str(c.model.path, "/models/corax-raven-1-q8_0.gguf", "the shipped model");
    is_int((long long)c.plugins.n, 1, "one plugin folder");
    is_int(config_parse(&c, text, strlen(text), &err), 0, "a whole file");
    is_str(c.socket, "/tmp/s", "socket");
    is_str(c.model.path, "m.gguf", "model");
    is_int(config_parse(&c, "{\"model\": null}", 15, &err), 0, "model null");
    ok(c.model.path == NULL, "no model");
    is_int((long long)c.plugins.n, 2, "plugins replace the default");
    is_str(c.plugins.at[1], "/b.so", "in order");
    is_int(c.max_queued, 0, "max_queued");
    is_int(c.budget.max_steps, 3, "budget.steps");
    is_int(c.budget.max_tool_calls, 24, "what is absent stays");
    ok(c.sampling.temperature == 0.5 && c.sampling.seed == 9 && c.sampling.top_p == 1, "sampling");
    is_int(c.infer_threads, 2, "infer.threads");
    ok(c.infer_prefixes && c.infer_cache_mb == 300, "infer.prefixes and infer.cache_memory_mb");
    ok(strcmp(c.model.dialect, "react") == 0 && strcmp(c.model.template, "/t") == 0, "infer.dialect and infer.template");
    is_int(c.host_deadline_ms, 50, "host.deadline_ms");
    is_int(c.log_level, LOG_LEVEL_WARN, "log_level");
    is_str(c.system, "be brief", "system");
    ok(c.date_note, "date_note");
    ok(c.strict, "isolation");
    is_str(c.box_path, "/bx", "box.path");
    is_int((long long)c.roots.n, 2, "roots");
    is_str(c.roots.at[1], "b-2=/b", "with their names");
    config_finish(&c);
}

/* Each key is either taken over or named. */
static void adopted(const char *text, const char *want)
{
    struct config c, fresh;
    struct err err = { 0 };
    struct buf restart;

    buf_init(&restart, 4096);
    config_init(&c, NULL);
    config_init(&fresh, NULL);
    ok(config_parse(&fresh, text, strlen(text), &err) == 0, "%s", text);
    config_adopt(&c, &fresh, &restart);
    is_str(restart.len > 0 ? restart.data : "", want, "what holds after a restart");
    if (*want == '\0')
        ok(c.max_running == fresh.max_running && c.max_scheduled == fresh.max_scheduled && c.stop_finishes == fresh.stop_finishes &&
               c.stop_seconds == fresh.stop_seconds && c.log_level == fresh.log_level && c.budget.max_steps == fresh.budget.max_steps,
           "the others are taken over");
    config_finish(&fresh);
    config_finish(&c);
    buf_finish(&restart);
}

static void adoption(void)
{
    static const char *const keys[] = { "socket", "admin_group", "state", "model" };
    static const char *const rest[][2] = {
        { "{\"plugins\":[\"/a\"]}", "plugins" },
        { "{\"plugins\":[]}", "plugins" },
        { "{\"journal\":{\"synchronous\":\"normal\"}}", "journal" },
        { "{\"journal\":{\"keep_days\":3}}", "journal" },
        { "{\"infer\":{\"path\":\"/i\"}}", "infer" },
        { "{\"infer\":{\"threads\":3}}", "infer" },
        { "{\"infer\":{\"prefixes\":true}}", "infer" },
        { "{\"infer\":{\"dialect\":\"react\"}}", "infer" },
        { "{\"host\":{\"deadline_ms\":5000}}", "host" },
        { "{\"box\":{\"path\":\"/b\"}}", "box" },
        { "{\"isolation\":\"strict\"}", "isolation" },
        { "{\"roots\":{\"a\":\"/tmp\"}}", "roots" },
        { "{\"model\":null,\"host\":{\"path\":\"/h\"}}", "model, host" },
        { "{\"max_scheduled\":9,\"stop\":{\"mode\":\"finish\",\"seconds\":3}}", "" },
        { "{\"max_running\":9,\"log_level\":\"debug\",\"budget\":{\"steps\":3},\"system\":\"x\",\"policies\":[\"/p\"],\"agents\":\"/a\"}", "" },
        { "{}", "" },
    };
    char text[64];

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        snprintf(text, sizeof(text), "{\"%s\":\"/x\"}", keys[i]);
        adopted(text, keys[i]);
    }
    for (size_t i = 0; i < sizeof(rest) / sizeof(*rest); i++)
        adopted(rest[i][0], rest[i][1]);
}

int main(void)
{
    plan_later();
    good();
    adoption();
    bad("{\"sokcet\":\"/x\"}", "unknown key \"sokcet\"");
    bad("{\"budget\":{\"stpes\":1}}", "unknown key \"stpes\"");
    bad("{\"budget\":{\"steps\":0}}", "budget.steps is 0");
    bad("{\"budget\":{\"steps\":1.5}}", "budget.steps");
    bad("{\"budget\":[]}", "budget must be an object");
    bad("{\"sampling\":{\"temperature\":\"hot\"}}", "sampling.temperature");
    bad("{\"sampling\":{\"top_p\":2}}", "sampling.top_p must be a number between 0 and 1");
    bad("{\"max_scheduled\": -1}", "max_scheduled");
    bad("{\"stop\": \"finish\"}", "stop must be an object");
    bad("{\"stop\": {\"mode\": \"now\"}}", "stop.mode");
    bad("{\"stop\": {\"mode\": 1}}", "stop.mode");
    bad("{\"stop\": {\"seconds\": -1}}", "stop.seconds");
    bad("{\"stop\": {\"secs\": 1}}", "secs");
    bad("{\"max_running\":0}", "max_running is 0");
    bad("{\"tool_retrieval\":{\"step_k\":21}}", "tool_retrieval.step_k is 21");
    bad("{\"tool_retrieval\":{\"pinned\":[1]}}", "tool_retrieval: pinned must be a list of names, at most 64");
    bad("{\"plugins\":\"/a\"}", "plugins must be a list");
    bad("{\"plugins\":[1]}", "plugins must be a list");
    bad("{\"socket\":\"\"}", "socket must be a text");
    bad("{\"model\":5}", "model must be a text");
    bad("{\"infer\":{\"path\":1}}", "infer.path must be a text");
    bad("{\"host\":{\"deadline_ms\":1}}", "host.deadline_ms is 1");
    bad("{\"journal\":{\"synchronous\":\"off\"}}", "journal.synchronous must be \"full\" or \"normal\"");
    bad("{\"journal\":{\"synchronous\":1}}", "journal.synchronous must be");
    bad("{\"journal\":{\"keep_days\":-1}}", "journal.keep_days is -1");
    bad("{\"journal\":{\"keep\":1}}", "unknown key \"keep\"");
    bad("{\"planner\":\"chess\"}", "planner must be react, plan, dfsdt, reflexion or call");
    bad("{\"planner\":1}", "planner must be");
    bad("{\"log_level\":\"loud\"}", "log_level must be");
    bad("{\"isolation\":\"none\"}", "isolation must be strict or available");
    bad("{\"isolation\":1}", "isolation must be strict or available");
    bad("{\"roots\":[]}", "roots must be an object");
    bad("{\"roots\":{\"a\":1}}", "roots.a must be the path of a folder");
    bad("{\"roots\":{\"A\":\"/a\"}}", "the root \"A\" needs another name");
    bad("{\"roots\":{\"a=b\":\"/a\"}}", "roots.a=b must be");
    bad("{\"roots\":{\"a\":\"notes\"}}", "the root a needs an absolute path");
    bad("{\"box\":{\"uid\":1}}", "unknown key \"uid\"");
    bad("{\"socket\":\"/a\",\"socket\":\"/b\"}", "duplicate");
    bad("[]", "must be an object");
    bad("{", "line 1");
    bad("", "");
    done();
    return tap_status();
}
