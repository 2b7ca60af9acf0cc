/*
 * What POST /v1/tasks accepts, and the code and member named for each mistake.
 */
#include "daemon/submission.h"

#include "tests/tap.h"

static struct config config;

static void bad(const char *body, const char *want_code, const char *want_param, const char *needle)
{
    struct submission s;
    struct err err = { 0 };
    const char *code, *param;

    ok(submission_parse(&s, body, strlen(body), &config, &code, &param, &err) == -1, "refused: %.60s", body);
    is_str(code, want_code, "code");
    if (want_param)
        is_str(param, want_param, "param");
    has_str(err.msg, needle, "message");
    submission_finish(&s);
}

int main(void)
{
    static const char full[] = "{\"input\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"json\",\"text\":\"{}\"}],"
                               "\"tools\":[\"calc\"],\"budget\":{\"steps\":3,\"tokens\":99999999},"
                               "\"sampling\":{\"seed\":4},\"attended\":false,\"priority\":\"low\"}";
    static const char timed[] = "{\"input\":\"x\",\"at\":\"2026-11-28T14:30:00.25Z\",\"deadline\":1795876300000}";
    static const char again[] = "{\"input\":\"x\",\"every\":\"90m\"}";
    struct submission s;
    struct err err = { 0 };
    const char *code, *param;
    unsigned char hash[HASH_LEN];

    plan_later();
    config_init(&config, NULL);
    is_int(submission_parse(&s, "{\"input\":\"hi \\\"x\\\"\"}", 20, &config, &code, &param, &err), 0, "a text");
    is_str(s.input.data, "[{\"type\":\"text\",\"text\":\"hi \\\"x\\\"\"}]", "becomes one part");
    ok(s.attended && s.tools == NULL && s.priority == PRIORITY_NORMAL, "defaults");
    memcpy(hash, s.hash, HASH_LEN);
    submission_finish(&s);
    is_int(submission_parse(&s, full, strlen(full), &config, &code, &param, &err), 0, "all members");
    ok(memcmp(hash, s.hash, HASH_LEN) != 0, "another body has another hash");
    is_int(s.budget.max_steps, 3, "a smaller budget is taken");
    is_int(s.budget.max_tokens, config.budget.max_tokens, "a larger one is cut");
    is_int(s.sampling.seed, 4, "seed");
    ok(!s.attended, "attended");
    is_int(s.priority, PRIORITY_LOW, "priority");
    submission_finish(&s);

    is_int(submission_parse(&s, timed, strlen(timed), &config, &code, &param, &err), 0, "times");
    is_int(s.due_ms, 1795876200250, "at as a text");
    is_int(s.deadline_ms, 1795876300000, "deadline as a number");
    ok(s.every == NULL, "and no rule");
    submission_finish(&s);
    is_int(submission_parse(&s, again, strlen(again), &config, &code, &param, &err), 0, "a rule");
    is_str(s.every, "90m", "every");
    is_int(s.rule.interval_ms, 5400000, "is read");
    submission_finish(&s);

    bad("nonsense", "bad_json", NULL, "line 1");
    bad("[]", "unknown_member", NULL, "must be an object");
    bad("{\"inptu\":\"x\"}", "unknown_member", NULL, "inptu");
    bad("{}", "missing", "input", "input is missing");
    bad("{\"input\":\"\"}", "bad_value", "input", "empty");
    bad("{\"input\":[]}", "bad_value", "input", "no parts");
    bad("{\"input\":5}", "bad_value", "input", "must be a text");
    bad("{\"input\":[{\"type\":\"image\"}]}", "bad_value", "input", "");
    bad("{\"input\":\"x\",\"tools\":\"calc\"}", "bad_value", "tools", "list");
    bad("{\"input\":\"x\",\"tools\":[1]}", "bad_value", "tools", "names");
    bad("{\"input\":\"x\",\"budget\":{\"stps\":1}}", "bad_value", "budget", "stps");
    bad("{\"input\":\"x\",\"budget\":{\"steps\":-1}}", "bad_value", "budget", "steps");
    bad("{\"input\":\"x\",\"sampling\":{\"top_p\":3}}", "bad_value", "sampling", "top_p");
    bad("{\"input\":\"x\",\"attended\":1}", "bad_value", "attended", "true or false");
    bad("{\"input\":\"x\",\"priority\":\"urgent\"}", "bad_value", "priority", "high, normal or low");
    bad("{\"input\":\"x\",\"priority\":1}", "bad_value", "priority", "high, normal or low");
    bad("{\"input\":\"x\",\"at\":1795876200}", "bad_value", "at", "milliseconds");
    bad("{\"input\":\"x\",\"at\":\"tomorrow\"}", "bad_value", "at", "2026-11-28T14:30:00+01:00");
    bad("{\"input\":\"x\",\"at\":true}", "bad_value", "at", "at");
    bad("{\"input\":\"x\",\"at\":1795876200000.5}", "bad_value", "at", "at");
    bad("{\"input\":\"x\",\"deadline\":-1}", "bad_value", "deadline", "milliseconds");
    bad("{\"input\":\"x\",\"at\":1795876300000,\"deadline\":1795876300000}", "bad_value", "deadline", "later");
    bad("{\"input\":\"x\",\"every\":5}", "bad_value", "every", "30 8 * * mon-fri");
    bad("{\"input\":\"x\",\"every\":\"61 * * * *\"}", "bad_value", "every", "the minute");
    bad("{\"input\":\"x\",\"every\":\"1d\",\"deadline\":1795876300000}", "bad_value", "every", "wall_ms");
    bad("{\"input\":\"x\",\"input\":\"y\"}", "bad_json", NULL, "duplicate");
    config_finish(&config);
    done();
    return tap_status();
}
