/*
 * Suites, keys and scores without a daemon: what a file may say, which texts a key takes, how a trace is scored.
 *
 * Covers eval_suite, eval_key, eval_number, eval_trace, eval_score.
 * Not covered: tasks, judges and win rates (tests/daemon/eval.bats), the shipped suites (tests/daemon/eval_suites.bats).
 */
#include "cli/eval_suite.h"

#include "cli/eval_score.h"
#include "tests/tap.h"

/* --- files ------------------------------------------------------------------------------------------------------------ */

#define SUITE(questions) "{\"eval\":1,\"id\":\"s\",\"description\":\"d\",\"questions\":[" questions "]}"
#define QUESTION(more)   SUITE("{\"id\":\"q\",\"input\":\"i\"," more "}")
#define EXPECT(expect)   QUESTION("\"expect\":{" expect "}")

static void takes(const char *text, const char *what)
{
    struct err err = { 0 };
    struct eval_suite *s = eval_suite_read(text, strlen(text), &err);

    if (!ok(s != NULL, "%s", what))
        diag("%s", err.msg);
    eval_suite_destroy(s);
}

static void refuses(const char *text, const char *sentence)
{
    struct err err = { 0 };
    struct eval_suite *s = eval_suite_read(text, strlen(text), &err);

    if (!ok(s == NULL && strstr(err.msg, sentence), "refused: %s", sentence))
        diag("got %s", s ? "a suite" : err.msg);
    eval_suite_destroy(s);
}

static void test_files(void)
{
    takes(SUITE("{\"id\":\"a\",\"input\":\"q\",\"before\":{\"facts\":[\"f\"],\"tasks\":[\"t\",\"u\"]},\"expect\":{}}"),
          "what goes before a question");
    takes(EXPECT(""), "a question of which nothing is asked is for a judge");
    takes(EXPECT("\"tools\":{\"must\":[\"a\"],\"may\":\"any\",\"ordered\":true},\"arguments\":[{\"tool\":\"b\",\"members\":{\"x\":1}}],"
                 "\"answer\":{\"any_of\":[{\"exact\":\"\"},{\"number\":1}]},\"refused\":[\"c\"],\"max_steps\":1,\"max_calls\":0,"
                 "\"solvable\":false"),
          "everything");
    takes("{\"eval\":1,\"id\":\"s\",\"description\":\"d\",\"requires\":[\"a\"],\"seeds\":3,\"task\":{\"agent\":\"a\",\"planner\":\"plan\","
          "\"model\":\"m\",\"tools\":[],\"budget\":{},\"policy\":{},\"label\":{},\"sampling\":{\"temperature\":1},\"memory\":\"w\"},\"questions\":"
          "[{\"id\":\"q\",\"input\":\"i\",\"tags\":[\"t\"],\"expect\":{},\"solution\":{\"calls\":[{\"tool\":\"a\",\"arguments\":{}}]}}]}",
          "all of a suite");
    refuses("{", "line 1");
    refuses("[]", "must be an object");
    refuses(SUITE(""), "questions must be a list of 1 to");
    refuses("{\"eval\":2,\"id\":\"s\"}", "\"eval\" must be 1");
    refuses("{\"eval\":1}", "a suite needs an id");
    refuses("{\"eval\":1,\"id\":\"s\"}", "description is missing");
    refuses("{\"eval\":1,\"id\":\"s\",\"seed\":1}", "a suite: unknown key \"seed\"");
    refuses("{\"eval\":1,\"id\":\"s\",\"description\":\"d\",\"seeds\":0}", "seeds must be from 1 to 100");
    refuses("{\"eval\":1,\"id\":\"s\",\"description\":\"d\",\"task\":{\"input\":\"x\"}}", "task: unknown key \"input\"");
    refuses("{\"eval\":1,\"id\":\"s\",\"description\":\"d\",\"task\":{\"sampling\":{\"seed\":1}}}", "give the number of seeds");
    refuses(SUITE("{\"id\":\"a b\"}"), "question 1 needs an id");
    refuses(SUITE("{\"id\":\"a\",\"input\":\"q\",\"before\":{},\"expect\":{}}"), "question \"a\": before: give facts or tasks");
    refuses(SUITE("{\"id\":\"a\",\"input\":\"q\",\"before\":{\"facts\":[]},\"expect\":{}}"), "facts must be a list of 1 to 32 texts");
    refuses(SUITE("{\"id\":\"a\",\"input\":\"q\",\"before\":{\"facts\":[\"f\"],\"notes\":[\"n\"]},\"expect\":{}}"),
            "unknown key \"notes\"");
    refuses(SUITE("{\"id\":\"a\",\"input\":\"q\",\"task\":{\"memory\":\"w\"},\"before\":{\"tasks\":[\"t\"]},\"expect\":{}}"),
            "leave memory out of task");
    refuses(SUITE("{\"id\":\"a\",\"input\":\"i\",\"expect\":{}},{\"id\":\"a\"}"), "two questions have the id \"a\"");
    refuses(SUITE("{\"id\":\"a\",\"expect\":{}}"), "question \"a\": input is missing");
    refuses(SUITE("{\"id\":\"a\",\"input\":\"i\"}"), "expect: is missing");
    refuses(QUESTION("\"expected\":{}"), "question \"q\": unknown key \"expected\"");
    refuses(QUESTION("\"expect\":{},\"tags\":[\"a,b\"]"), "a tag has 1 to");
    refuses(QUESTION("\"expect\":{},\"solution\":{\"calls\":[]}"), "solution: give calls");
    refuses(QUESTION("\"expect\":{},\"solution\":{\"calls\":[{\"tool\":\"a\"}]}"), "solution: arguments must be an object");
}

static void test_expectations(void)
{
    refuses(EXPECT("\"tool\":\"none\""), "expect: unknown key \"tool\"");
    refuses(EXPECT("\"tools\":\"some\""), "tools must be \"none\" or an object");
    refuses(EXPECT("\"tools\":{}"), "tools must name a tool");
    refuses(EXPECT("\"tools\":{\"may\":\"any\"}"), "tools must name a tool");
    refuses(EXPECT("\"tools\":{\"must\":[]}"), "must must be a list of 1 to");
    refuses(EXPECT("\"tools\":{\"may\":\"some\"}"), "may must be \"any\"");
    refuses(EXPECT("\"tools\":{\"may\":[\"a\"],\"ordered\":true}"), "ordered says nothing");
    refuses(EXPECT("\"tools\":\"none\",\"arguments\":[{\"tool\":\"a\",\"members\":{\"x\":1}}]"), "which tools does not allow");
    refuses(EXPECT("\"arguments\":[{\"tool\":\"a\"}]"), "arguments, call 1: give members");
    refuses(EXPECT("\"arguments\":[{\"tool\":\"a\",\"members\":{}}]"), "members must be an object with an argument");
    refuses(EXPECT("\"arguments\":[{\"tool\":\"a\",\"like\":{\"x\":1}}]"), "like.x: a key is an object");
    refuses(EXPECT("\"arguments\":[{\"tool\":\"a\",\"schema\":{\"type\":\"strin\"}}]"), "schema");
    refuses(EXPECT("\"arguments\":[{\"tool\":\"a\",\"result\":{}}]"), "result: a key is an object");
    refuses(EXPECT("\"answer\":\"x\""), "answer: a key is an object");
    refuses(EXPECT("\"answer\":{\"contains\":[]}"), "contains: 1 to");
    refuses(EXPECT("\"answer\":{\"contains\":\"\"}"), "contains must be a text");
    refuses(EXPECT("\"answer\":{\"exact\":1}"), "exact must be a text");
    refuses(EXPECT("\"answer\":{\"exact\":\"a\",\"number\":1}"), "exact: unknown key \"number\"");
    refuses(EXPECT("\"answer\":{\"regex\":\"(\"}"), "regex: ");
    refuses(EXPECT("\"answer\":{\"number\":1e999}"), "number must be a number");
    refuses(EXPECT("\"answer\":{\"number\":1,\"tolerance\":-1}"), "tolerance must be a number of 0 or more");
    refuses(EXPECT("\"answer\":{\"result_of\":\"a\",\"from\":2,\"to\":2}"), "from must be 0 or more");
    refuses(EXPECT("\"answer\":{\"any_of\":[{\"exact\":\"a\"},{}]}"), "a key is an object");
    refuses(EXPECT("\"answer\":{\"all_of\":[]}"), "all_of must be a list");
    refuses(EXPECT("\"max_steps\":0"), "max_steps must be from 1");
    refuses(EXPECT("\"max_calls\":1.5"), "max_calls");
    refuses(EXPECT("\"refused\":\"a\""), "refused must be a list");
    refuses(EXPECT("\"solvable\":0"), "solvable must be true or false");
}

/* --- keys ------------------------------------------------------------------------------------------------------------- */

static const char *last_result(const void *of, const char *tool)
{
    return strcmp(tool, "now") == 0 ? of : NULL;
}

static void checks(const char *json, const char *text, bool right)
{
    const struct eval_results results = { last_result, "2026-11-28T07:30:00Z" };
    struct err err = { 0 }, why = { 0 };
    struct json *root = json_parse(json, strlen(json), &err);
    struct eval_key *key = root ? eval_key_read(root, &err) : NULL;

    ok(key && (eval_key_check(key, text, &results, &why) == 0) == right && (right || why.msg[0]), "%s %s \"%.*s\"", json,
       right ? "takes" : "does not take", (int)strcspn(text, "\n"), text);
    if (key == NULL)
        diag("%s", err.msg);
    eval_key_destroy(key);
    json_free(root);
}

static void test_keys(void)
{
    checks("{\"exact\":\"56.25\"}", " 56.25\n", true);
    checks("{\"exact\":\"56.25\"}", "56.250", false);
    checks("{\"contains\":\"25\"}", "56.25", true);
    checks("{\"contains\":[\"56\",\"x\"]}", "56.25", false);
    checks("{\"regex\":\"^It is \\\\d+$\"}", "It is 7", true);
    checks("{\"regex\":\"^It is \\\\d+$\"}", "It is 7\n", false);
    checks("{\"regex\":\"\\u00e4$\"}", "na \u00e4", true);
    checks("{\"number\":56.25}", "The result is 56.25.", true);
    checks("{\"number\":56.25}", "The result is 56.250, or so", true);
    checks("{\"number\":56.25}", "The result is 56.26", false);
    checks("{\"number\":56.25}", "none", false);
    checks("{\"number\":9007199254740993}", "9007199254740992", false);
    checks("{\"number\":9007199254740993}", "9,007,199,254,740,993", true);
    checks("{\"number\":180.16,\"tolerance\":0.01}", "180.15 g", true);
    checks("{\"number\":180.16,\"tolerance\":0.01}", "180.1 g", false);
    checks("{\"number\":-40}", "It is \u221240 F", true);
    checks("{\"number\":1.6e-19,\"relative\":0.02}", "1.602 \u00d7 10\u207b\u00b9\u2079 J", true);
    checks("{\"number\":0}", "-0.0", true);
    checks("{\"number\":9}", "C9H8O4", false);
    checks("{\"result_of\":\"now\",\"from\":0,\"to\":10}", "on 2026-11-28", true);
    checks("{\"result_of\":\"now\",\"from\":0,\"to\":4}", "in 2025", false);
    checks("{\"result_of\":\"now\"}", "2026-11-28T07:30:00Z", true);
    checks("{\"result_of\":\"now\",\"from\":0,\"to\":40}", "2026-11-28T07:30:00Z", false);
    checks("{\"result_of\":\"calc\"}", "2026", false);
    checks("{\"any_of\":[{\"exact\":\"a\"},{\"exact\":\"b\"}]}", "b", true);
    checks("{\"any_of\":[{\"exact\":\"a\"},{\"exact\":\"b\"}]}", "c", false);
    checks("{\"all_of\":[{\"contains\":\"a\"},{\"number\":2}]}", "a 2", true);
    checks("{\"all_of\":[{\"contains\":\"a\"},{\"number\":2}]}", "a 3", false);
}

/* All numbers of a text, with a space between. */
static void reads(const char *text, const char *want)
{
    char all[600] = "", number[EVAL_NUMBER_SIZE];
    size_t at = 0;

    while (eval_number_next(text, &at, number) && strlen(all) + strlen(number) + 2 < sizeof(all)) {
        strcat(all, *all ? " " : "");
        strcat(all, number);
    }
    is_str(all, want, text);
}

static void test_numbers(void)
{
    static char long_one[1000];

    reads("no number", "");
    reads("1 and 2.50", "1e0 2.50e0");
    reads("007 .5 5.", "7e0 0.5e0 5e0");
    reads("1,234,567.5 but 1,2,3 and 12,34 and 1,2345", "1234567.5e0 1e0 2e0 3e0 12e0 34e0 1e0 2345e0");
    reads("-3 (-4) 5-6 x-7 a -8", "-3e0 -4e0 5e0 6e0 7e0 -8e0");
    reads("2026-11-28", "2026e0 11e0 28e0");
    reads("1e3 1E-3 2e+05 3em 4e", "1e3 1e-3 2e5 3e0 4e0");
    reads("1.5 x 10^-3, 2\u00b710**4, 3 \u00d7 10^{5}, 4*10\u2075", "1.5e-3 2e4 3e5 4e5");
    reads("2 x 105 and 3 x 4 and 5 x 10", "2e0 105e0 3e0 4e0 5e0 10e0");
    reads("C9H8O4, H2O and v1", "");
    reads("$5, 20%, 37\u00b0C, 2.5g", "5e0 20e0 37e0 2.5e0");
    reads("1e99999999999", "1e999999");
    memset(long_one, '7', sizeof(long_one) - 1);
    reads(long_one, ""); /* too long to be one, and no part of it is taken for another */
}

/* --- scores ----------------------------------------------------------------------------------------------------------- */

#define CALL(id, name, args) "{\"id\":\"" id "\",\"name\":\"" name "\",\"arguments\":\"" args "\"}"
#define REPLY(calls)         "{\"kind\":\"model_replied\",\"calls\":[" calls "],\"model\":\"m\"},"
#define RESULT(id, text)                                                                              \
    "{\"kind\":\"tool_intent\",\"call_id\":\"" id "\"},{\"kind\":\"tool_result\",\"call_id\":\"" id   \
    "\",\"status\":\"ok\",\"parts\":[{\"type\":\"json\",\"text\":\"{}\"},{\"type\":\"text\",\"text\":\"" text "\"}]},"
#define TRACE(events, outcome, text)                                                                  \
    "{\"events\":[{\"kind\":\"task_submitted\",\"at_ms\":1000}," events                               \
    "{\"kind\":\"task_finished\",\"at_ms\":3500,\"outcome\":\"" outcome "\",\"text\":\"" text         \
    "\",\"code\":null,\"spent\":{\"steps\":2,\"prompt_tokens\":20,\"completion_tokens\":10,\"active_ms\":70}}]}"

/* tools, arguments, answer, limits: + right, - wrong, . not asked; then P where it passed. */
static void scores(const char *suite_text, const char *trace_text, const char *want, const char *what)
{
    struct err err = { 0 };
    struct eval_suite *s = eval_suite_read(suite_text, strlen(suite_text), &err);
    struct eval_trace t;
    struct eval_score score;
    char got[8] = "";

    if (s == NULL || eval_trace_read(&t, trace_text, strlen(trace_text), &err) != 0) {
        ok(false, "%s", what);
        diag("%s", err.msg);
        eval_suite_destroy(s);
        return;
    }
    eval_score(&s->questions[0], &t, &score);
    for (int c = 0; c < EVAL_N_COLUMNS; c++)
        got[c] = ".+-"[score.marks[c]];
    got[EVAL_N_COLUMNS] = score.passed ? 'P' : '\0';
    is_str(got, want, what);
    eval_trace_finish(&t);
    eval_suite_destroy(s);
}

static void test_scores(void)
{
    static const char two[] = TRACE(REPLY(CALL("c1", "a", "{\\\"x\\\":1.0}") "," CALL("c2", "b", "{\\\"x\\\":2}"))
                                        RESULT("c1", "one") RESULT("c2", "two"),
                                    "answered", "It is two.");

    scores(EXPECT("\"tools\":{\"must\":[\"b\",\"a\"]}"), two, "+...P", "as a set");
    scores(EXPECT("\"tools\":{\"must\":[\"b\",\"a\"],\"ordered\":true}"), two, "-...", "in order");
    scores(EXPECT("\"tools\":{\"must\":[\"a\",\"a\"],\"may\":\"any\"}"), two, "-...", "a name that stands twice is called twice");
    scores(EXPECT("\"tools\":{\"must\":[\"a\"]}"), two, "-...", "another one than must and may");
    scores(EXPECT("\"tools\":{\"must\":[\"a\"],\"may\":[\"b\"]}"), two, "+...P", "may");
    scores(EXPECT("\"tools\":\"none\""), two, "-...", "none");
    scores(EXPECT("\"arguments\":[{\"tool\":\"a\",\"members\":{\"x\":1}}]"), two, ".+..P", "equal as JSON is");
    scores(EXPECT("\"arguments\":[{\"tool\":\"a\",\"members\":{\"x\":\"1\"}}]"), two, ".-..", "a text is no number");
    scores(EXPECT("\"arguments\":[{\"tool\":\"b\",\"result\":{\"exact\":\"two\"}}]"), two, ".+..P", "its result");
    scores(EXPECT("\"answer\":{\"result_of\":\"b\"}"), two, "..+.P", "what a tool gave");
    scores(EXPECT("\"max_calls\":1"), two, "...-", "too many calls");
    scores(EXPECT("\"max_steps\":2,\"max_calls\":2"), two, "...+P", "as many as there may be");
    scores(EXPECT("\"refused\":[\"a\"]"), two, "...-", "not refused");
    scores(EXPECT(""), TRACE("", "failed", "no"), "....", "a task that failed does not pass");
    scores(EXPECT("\"answer\":{\"exact\":\"no\"}"), TRACE("", "failed", "no"), "..-.", "and has no answer");
}

/* The first wish takes any call, the second only the first one: a matching finds both a place. */
static void test_matching(void)
{
    static const char two[] = TRACE(REPLY(CALL("c1", "a", "{\\\"x\\\":1,\\\"y\\\":1}") "," CALL("c2", "a", "{\\\"x\\\":1}")), "answered", "");

    scores(EXPECT("\"arguments\":[{\"tool\":\"a\",\"members\":{\"x\":1}},{\"tool\":\"a\",\"members\":{\"y\":1}}]"), two, ".+..P",
           "calls are given to wishes so that all have one");
    scores(EXPECT("\"arguments\":[{\"tool\":\"a\",\"members\":{\"y\":1}},{\"tool\":\"a\",\"members\":{\"y\":1}}]"), two, ".-..",
           "no call counts twice");
    scores(EXPECT("\"arguments\":[{\"tool\":\"a\",\"members\":{\"x\":1}}]"),
           TRACE(REPLY(CALL("c1", "a", "no JSON")), "answered", ""), ".-..", "arguments that are no JSON");
}

static void test_traces(void)
{
    static const char *const none[] = { "", "{}", "[]", "{\"events\":[]}", "{\"events\":[{\"kind\":\"task_submitted\"}]}",
                                        "{\"events\":[{\"kind\":\"task_finished\"}]}" };
    struct err err = { 0 };
    struct eval_trace t;
    const char *text = TRACE("", "answered", "x");

    for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
        ok(eval_trace_read(&t, none[i], strlen(none[i]), &err) != 0, "no trace: %s", none[i]);
        eval_trace_finish(&t);
    }
    ok(eval_trace_read(&t, text, strlen(text), &err) == 0 && t.wall_ms == 2500 && t.active_ms == 70 && t.steps == 2,
       "what it cost");
    eval_trace_finish(&t);
}

int main(void)
{
    plan_later();
    test_files();
    test_expectations();
    test_keys();
    test_numbers();
    test_scores();
    test_matching();
    test_traces();
    done();
    return tap_status();
}
