/*
 * Covers: which values of a call a screening tool is given, by the schema of the called tool, and which results of it are answers.
 * Does not cover: who is asked, and when (screen.bats); any bytes (tests/fuzz/screening-fuzz.c).
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/screening.h"
#include "tests/tap.h"

static const struct screen screen = { "f/s", "a.b", "v", "molecule" };

#define M             "{\"type\":\"string\",\"x-corax\":\"molecule\"}"
#define PROPERTIES(p) "{\"type\":\"object\",\"properties\":{" p "}}"
#define ONE           PROPERTIES("\"smiles\":" M ",\"n\":{\"type\":\"number\"}")
#define COUNT(a)      (sizeof(a) / sizeof(*(a)))

/* The schema, the arguments, and what is asked; or the beginning of why not. */
static const struct {
    const char *schema, *args, *asked;
} calls[] = {
    { ONE, "{\"smiles\":\"CCO\",\"n\":1}", "{\"v\":[\"CCO\"]}" },
    { ONE, "{\"n\":1}", "{\"v\":[]}" },
    { ONE, "{\"smiles\":\"\"}", "{\"v\":[]}" },
    { ONE, "{\"smiles\":null}", "{\"v\":[]}" },
    { ONE, "{\"smiles\":[\"C\",[\"N\",\"C\"],{\"x\":\"O\"}]}", "{\"v\":[\"C\",\"N\",\"O\"]}" },
    { ONE, "{\"smiles\":\"C.O>[H+]>CO\"}", "{\"v\":[\"C.O\",\"[H+]\",\"CO\"]}" },
    { ONE, "{\"smiles\":\"C>>C\"}", "{\"v\":[\"C\"]}" },
    { ONE, "{\"smiles\":\">>CO\"}", "{\"v\":[\"CO\"]}" },
    { ONE, "{\"smiles\":\"N->[Pt]>>[Pt]<-N\"}", "{\"v\":[\"N->[Pt]\",\"[Pt]<-N\"]}" },
    { ONE, "{\"smiles\":\"\\u0043\\u0043O\"}", "{\"v\":[\"CCO\"]}" },
    { ONE, "{\"smiles\":7}", "a value to screen is no text" },
    { ONE, "{\"smiles\":[\"C\",true]}", "a value to screen is no text" },
    { PROPERTIES("\"n\":{\"type\":\"string\",\"x-corax\":\"path\"}"), "{\"n\":\"a\"}",
      "no argument of t has the role molecule in its schema" },
    { PROPERTIES("\"n\":{\"const\":{\"x-corax\":7}}"), "{\"n\":\"a\"}", "no argument of t has the role molecule in its schema" },
    { PROPERTIES("\"a\":{\"anyOf\":[" M ",{\"type\":\"array\"}]},\"b\":{\"type\":\"array\",\"items\":" M "}"),
      "{\"a\":[\"C\"],\"b\":[\"N\"],\"c\":\"O\"}", "{\"v\":[\"C\",\"N\"]}" },
    { "{\"anyOf\":[" PROPERTIES("\"a\":" M) ",{}]}", "{\"a\":\"C\"}", "{\"v\":[\"C\"]}" },
    { PROPERTIES("\"steps\":{\"items\":" PROPERTIES("\"smiles\":" M) "}"),
      "{\"steps\":[{\"smiles\":\"C\",\"why\":\"x\"},{\"smiles\":\"N\"}]}", "{\"v\":[\"C\",\"N\"]}" },
    /* Whose role it is cannot be told: all texts count. */
    { "{\"$defs\":{\"m\":" M "},\"properties\":{\"a\":{\"$ref\":\"#/$defs/m\"}}}", "{\"a\":\"C\",\"b\":\"N\"}",
      "{\"v\":[\"C\",\"N\"]}" },
    { "{\"additionalProperties\":" M "}", "{\"any\":\"C\"}", "{\"v\":[\"C\"]}" },
    { "{\"patternProperties\":{\"^s\":" M "}}", "{\"s1\":\"C\"}", "{\"v\":[\"C\"]}" },
};

static void test_values(void)
{
    for (size_t i = 0; i < COUNT(calls); i++) {
        const struct tool tool = { .name = "t",
                                   .args_schema = calls[i].schema,
                                   .args_schema_len = strlen(calls[i].schema) };
        struct json *args = json_parse(calls[i].args, strlen(calls[i].args), NULL);
        struct err err = { 0 };
        struct buf out;
        size_t n = 99;
        int rc;

        buf_init(&out, SCREENING_MAX_BYTES);
        rc = screening_write(&tool, &screen, args, &out, &n, &err);
        is_str(rc == 0 ? out.data : err.msg, calls[i].asked, calls[i].args);
        buf_finish(&out);
        json_free(args);
    }
}

static void test_bounds(void)
{
    const struct tool tool = { .name = "t", .args_schema = ONE, .args_schema_len = sizeof(ONE) - 1 };

    for (int over = 0; over < 3; over++) {
        struct buf text, out;
        struct json *args;
        struct err err = { 0 };
        size_t n = 0;
        int rc;

        buf_init(&text, 1u << 20);
        buf_init(&out, SCREENING_MAX_BYTES);
        buf_adds(&text, "{\"smiles\":[\"C\"");
        for (int i = 1; i < SCREENING_MAX_VALUES + (over == 1); i++)
            buf_addf(&text, ",\"C%d%0*d\"", i, over == 2 ? 300 : 1, 0);
        buf_adds(&text, "]}");
        args = json_parse(text.data, text.len, NULL);
        rc = screening_write(&tool, &screen, args, &out, &n, &err);
        ok(over ? rc < 0 && err.status == CORAX_E_LIMIT : rc == 0 && n == SCREENING_MAX_VALUES, "%s",
           over == 0   ? "as many values as there may be"
           : over == 1 ? "one more"
                       : "too many bytes");
        json_free(args);
        buf_finish(&text);
        buf_finish(&out);
    }
}

/* For so many values the result, and what was found; or the beginning of why it is no answer. */
static const struct {
    size_t n;
    const char *result, *found;
} results[] = {
    { 1, "{\"status\":\"ok\",\"results\":[{\"status\":\"ok\",\"findings\":[\"a\",\"b-1\",\"a\"]}]}", "a b-1" },
    { 1, "{\"status\":\"ok\",\"findings\":[\"a\"]}", "a" },
    { 1, "{\"status\":\"ok\",\"findings\":[]}", "" },
    { 2, "{\"results\":[{\"status\":\"ok\",\"findings\":[\"a\"]},{\"status\":\"ok\",\"findings\":[\"b\",\"a\"]}]}",
      "a b" },
    { 2, "{\"status\":\"ok\",\"findings\":[]}", "its results are 0, for 2 values" },
    { 2, "{\"results\":[{\"status\":\"ok\",\"findings\":[]}]}", "its results are 1, for 2 values" },
    { 1, "{\"results\":[{\"status\":\"ok\",\"findings\":[]},{\"status\":\"ok\",\"findings\":[]}]}",
      "its results are 2, for 1 values" },
    { 1, "{\"results\":[7]}", "its status is missing" },
    { 1, "{\"results\":{\"status\":\"ok\",\"findings\":[]}}", "its results are 2, for 1 values" },
    { 1, "{\"results\":[{\"status\":\"error\",\"message\":\"no\",\"findings\":[]}]}", "its status is error: no" },
    { 1, "{\"status\":\"unknown\",\"findings\":[]}", "its status is unknown" },
    { 1, "{\"findings\":[]}", "its status is missing" },
    { 1, "{\"status\":\"ok\"}", "it has no list of findings" },
    { 1, "{\"status\":\"ok\",\"findings\":\"a\"}", "it has no list of findings" },
    { 1, "{\"status\":\"ok\",\"findings\":[\"A\"]}", "a finding is not" },
    { 1, "{\"status\":\"ok\",\"findings\":[7]}", "a finding is not" },
    { 1, "{\"status\":\"ok\",\"findings\":[\"\"]}", "a finding is not" },
    { 1, "[]", "its status is missing" },
    { 1, "{", "line 1" },
};

static void test_results(void)
{
    for (size_t i = 0; i < COUNT(results); i++) {
        const struct tool_result r = { .structured = results[i].result, .structured_len = strlen(results[i].result) };
        struct screening_findings f;
        struct err err = { 0 };
        struct buf all;
        int rc;

        buf_init(&all, 1000);
        rc = screening_read(&r, results[i].n, &f, &err);
        for (size_t k = 0; rc == 0 && k < f.n; k++)
            buf_addf(&all, "%s%s", k ? " " : "", f.words[k]);
        ok(rc == 0 ? strcmp(all.data, results[i].found) == 0
                   : strncmp(err.msg, results[i].found, strlen(results[i].found)) == 0 && *results[i].found,
           "%s", results[i].result);
        if (rc < 0)
            diag("%s", err.msg);
        buf_finish(&all);
    }
}

static void test_failures(void)
{
    static const struct mcp_part text = { .kind = MCP_TEXT, .mime = "text/plain", .data = "no such thing", .len = 13 };
    static const char ok_json[] = "{\"status\":\"ok\",\"findings\":[]}";
    const struct tool_result failed = {
        .error = true, .n_parts = 1, .parts = &text, .structured = ok_json, .structured_len = sizeof(ok_json) - 1
    };
    const struct tool_result mute = { .n_parts = 1, .parts = &text };
    struct screening_findings f;
    struct err err = { 0 };

    ok(screening_read(&failed, 1, &f, &err) < 0, "one that failed is no answer, whatever it has");
    is_str(err.msg, "it failed: no such thing", "why");
    ok(screening_read(&mute, 1, &f, &err) < 0, "one that has nothing for programs is none");
}

int main(void)
{
    plan_later();
    test_values();
    test_bounds();
    test_results();
    test_failures();
    done();
    return tap_status();
}
