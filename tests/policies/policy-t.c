/*
 * Covers: what each condition matches; every reason for which a set is refused; the files' owner and mode; and, on random
 * rule sets and 100,000 random requests: that the engine agrees with a naive evaluator that reads the JSON anew for each
 * request, that the order of rules and files changes nothing, that one more ask or deny rule never makes a decision more
 * lenient, and that a rule refused as "can never win" would indeed have changed none.
 * Does not cover: running out of memory; who may edit the directory a file lies in.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policies/policy.h"
#include "tests/tap.h"
#include "util/clock.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static struct policy *load_text(const char *text, struct err *err)
{
    struct policy_file file = { .name = "t.json", .text = text, .len = strlen(text) };

    return policy_load(&file, 1, POLICY_BASE, err);
}

/* --- conditions ------------------------------------------------------------------------------------------------- */

#define BIG "9007199254740993"

static const struct {
    const char *rule; /* without id and why */
    const char *tool;
    unsigned effects, traits;
    const char *args;
    bool matches;
} conditions[] = {
    { "\"allow\":\"math.calc\"", "math.calc", 0, 0, "{}", true },
    { "\"allow\":\"math.calc\"", "math.calc2", 0, 0, "{}", false },
    { "\"allow\":\"math.calc\"", "math.cal", 0, 0, "{}", false },
    { "\"allow\":\"math.*\"", "math.calc", 0, 0, "{}", true },
    { "\"allow\":\"math.*\"", "maths.calc", 0, 0, "{}", false },
    { "\"allow\":\"*.*\"", "a.b", 0, 0, "{}", true },
    { "\"allow\":\"*.now\"", "time.now", 0, 0, "{}", true },
    { "\"allow\":\"*.*a*b\"", "x.aab", 0, 0, "{}", true },
    { "\"allow\":\"*.*a*b\"", "x.abc", 0, 0, "{}", false },
    { "\"allow\":\"m*.c*c\"", "math.calc", 0, 0, "{}", true },
    { "\"allow\":\"*.get\"", "web.page.get", 0, 0, "{}", false },
    { "\"allow\":\"web.*.get\"", "web.page.get", 0, 0, "{}", true },
    { "\"allow\":\"web.page\"", "WEB.page", 0, 0, "{}", false },
    { "\"allow\":\"a.b\",\"when\":{\"effects\":{\"within\":[]}}", "a.b", 0, 0, "{}", true },
    { "\"allow\":\"a.b\",\"when\":{\"effects\":{\"within\":[]}}", "a.b", CORAX_FX_CLOCK, 0, "{}", false },
    { "\"allow\":\"a.b\",\"when\":{\"effects\":{\"within\":[\"read\",\"net\"]}}", "a.b", CORAX_FX_NET, 0, "{}", true },
    { "\"allow\":\"a.b\",\"when\":{\"effects\":{\"within\":[\"read\"]}}", "a.b", 1u << 9, 0, "{}", false },
    { "\"allow\":\"a.b\",\"when\":{\"effects\":{\"any\":[\"write\",\"exec\"]}}", "a.b", CORAX_FX_EXEC, 0, "{}", true },
    { "\"allow\":\"a.b\",\"when\":{\"effects\":{\"any\":[\"write\"]}}", "a.b", CORAX_FX_EXEC, 0, "{}", false },
    { "\"allow\":\"a.b\",\"when\":{\"traits\":{\"any\":[\"destructive\"]}}", "a.b", 0, CORAX_TRAIT_DESTRUCTIVE, "{}",
      true },
    { "\"allow\":\"a.b\",\"when\":{\"traits\":{\"within\":[\"idempotent\"]}}", "a.b", 0,
      CORAX_TRAIT_DESTRUCTIVE | CORAX_TRAIT_IDEMPOTENT, "{}", false },
    { "\"allow\":\"a.b\",\"when\":{\"args\":{\"n\":{\"min\":1,\"max\":10}}}", "a.b", 0, 0, "{\"n\":10}", true },
    { "\"allow\":\"a.b\",\"when\":{\"args\":{\"n\":{\"min\":1,\"max\":10}}}", "a.b", 0, 0, "{\"n\":10.5}", false },
    { "\"allow\":\"a.b\",\"when\":{\"args\":{\"n\":{\"min\":1,\"max\":10}}}", "a.b", 0, 0, "{\"n\":\"5\"}", false },
    { "\"allow\":\"a.b\",\"when\":{\"args\":{\"n\":{\"max\":10}}}", "a.b", 0, 0, "{}", false },
    { "\"allow\":\"a.b\",\"when\":{\"args\":{\"n\":{\"max\":10}}}", "a.b", 0, 0, "{\"n\":-1e300}", false },
    { "\"allow\":\"a.b\",\"when\":{\"args\":{\"n\":{\"min\":1}}}", "a.b", 0, 0, "{\"n\":" BIG "}", false },
    { "\"ask\":\"a.b\",\"when\":{\"args\":{\"n\":{\"max\":1}}}", "a.b", 0, 0, "{\"n\":" BIG "}", true },
    { "\"ask\":\"a.b\",\"when\":{\"args\":{\"n\":{\"enum\":[1,\"x\"]}}}", "a.b", 0, 0, "{\"n\":" BIG "}", true },
    { "\"ask\":\"a.b\",\"when\":{\"args\":{\"n\":{\"enum\":[\"x\"]}}}", "a.b", 0, 0, "{\"n\":" BIG "}", false },
    { "\"allow\":\"a.b\",\"when\":{\"args\":{\"m\":{\"enum\":[\"x\",3,true,null]}}}", "a.b", 0, 0, "{\"m\":3.0}",
      true },
    { "\"allow\":\"a.b\",\"when\":{\"args\":{\"m\":{\"enum\":[\"x\",3,true,null]}}}", "a.b", 0, 0, "{\"m\":null}",
      true },
    { "\"allow\":\"a.b\",\"when\":{\"args\":{\"m\":{\"enum\":[\"x\",3,true,null]}}}", "a.b", 0, 0, "{\"m\":false}",
      false },
    { "\"allow\":\"a.b\",\"when\":{\"args\":{\"m\":{\"enum\":[\"3\"]}}}", "a.b", 0, 0, "{\"m\":3}", false },
    { "\"allow\":\"a.b\",\"when\":{\"args\":{\"m\":{\"enum\":[\"x\"]}}}", "a.b", 0, 0, "{\"m\":[\"x\"]}", false },
    { "\"allow\":\"a.b\",\"when\":{\"args\":{\"s\":{\"max_length\":2}}}", "a.b", 0, 0,
      "{\"s\":\"\xc3\xa9\xe2\x82\xac\"}", true },
    { "\"allow\":\"a.b\",\"when\":{\"args\":{\"s\":{\"max_length\":2}}}", "a.b", 0, 0, "{\"s\":\"abc\"}", false },
    { "\"allow\":\"a.b\",\"when\":{\"args\":{\"s\":{\"min_length\":1}}}", "a.b", 0, 0, "{\"s\":\"\"}", false },
    { "\"allow\":\"a.b\",\"when\":{\"args\":{\"s\":{\"min_length\":0}}}", "a.b", 0, 0, "{\"s\":7}", false },
    { "\"allow\":\"a.b\",\"when\":{\"args\":{\"s\":{\"min_length\":1},\"n\":{\"max\":1}}}", "a.b", 0, 0,
      "{\"s\":\"x\",\"n\":2}", false },
    { "\"ask\":\"*.*\",\"when\":{\"except\":[\"a.b\"]}", "a.b", 0, 0, "{}", false },
    { "\"ask\":\"*.*\",\"when\":{\"except\":[\"a.b\"]}", "a.bc", 0, 0, "{}", true },
    { "\"ask\":\"*.*\",\"when\":{\"except\":[\"a.b\",\"c*.*\"]}", "cd.e", 0, 0, "{}", false },
    { "\"ask\":\"a.*\",\"when\":{\"except\":[\"a.b\"]}", "b.c", 0, 0, "{}", false },
    { "\"ask\":\"*.*\",\"when\":{\"except\":[\"a.b\"],\"effects\":{\"any\":[\"exec\"]}}", "a.c", 0, 0, "{}", false },
    { "\"allow\":\"a.b\",\"when\":{\"args\":{\"S\":{\"min_length\":1}}}", "a.b", 0, 0, "{\"s\":\"x\"}", false },
};

static struct policy_request request_of(const char *tool, char provider[32], const struct json *args)
{
    size_t n = strcspn(tool, ".");

    memcpy(provider, tool, n);
    provider[n] = '\0';
    return (struct policy_request){ .provider = provider, .tool = tool + n + 1, .args = args };
}

static void test_conditions(void)
{
    for (size_t i = 0; i < COUNT(conditions); i++) {
        char text[512], provider[32];
        struct err err = { 0 };
        struct json *args = json_parse(conditions[i].args, strlen(conditions[i].args), &err);
        struct policy_request request = request_of(conditions[i].tool, provider, args);
        struct policy_verdict v = { 0 };
        struct policy *p;

        snprintf(text, sizeof(text), "{\"policy\":1,\"id\":\"t\",\"rules\":[{\"id\":\"r\",%s,\"why\":\"w\"}]}",
                 conditions[i].rule);
        request.effects = conditions[i].effects;
        request.traits = conditions[i].traits;
        p = load_text(text, &err);
        if (p)
            v = policy_decide(p, &request);
        if (!ok(p && (strcmp(v.rule, "t/r") == 0) == conditions[i].matches, "%s %s %s %s", conditions[i].rule,
                conditions[i].matches ? "matches" : "does not match", conditions[i].tool, conditions[i].args))
            diag("%s", p ? v.rule : err.msg);
        policy_destroy(p);
        json_free(args);
    }
}

/* --- what is refused -------------------------------------------------------------------------------------------- */

#define HEAD       "{\"policy\":1,\"id\":\"t\",\"rules\":["
#define RULE       "{\"id\":\"r\",\"allow\":\"a.b\",\"why\":\"w\""
#define WHEN       RULE ",\"when\":"
#define TESTS      HEAD RULE "}],\"tests\":["
#define OTHER      ",\"why\":\"w\"}"
#define PAIR(a, b) HEAD "{\"id\":\"r\"," a OTHER ",{\"id\":\"s\"," b OTHER "]}"

#define AGAINST "{\"id\":\"r\",\"deny\":\"a.b\",\"why\":\"w\",\"when\":{\"screened\":"
#define SCREENS "{\"policy\":1,\"id\":\"t\",\"rules\":[],\"screens\":["
#define SCREEN(of, by) \
    "{\"id\":\"e\",\"of\":" of ",\"by\":\"" by "\",\"argument\":\"n\",\"role\":\"molecule\",\"why\":\"w\""
#define SCREENED(found)                                                                                                \
    SCREENS SCREEN("\"a.b\"", "q.c") "}],\"tests\":[{\"want\":\"deny\",\"call\":{\"tool\":\"a.b\",\"screened\":" found \
                                     "}"
#define SCREENED_BY(how, words) "\"when\":{\"screened\":{\"e\":{\"" how "\":[" words "]}}}"
#define PAIR_SCREENED(a, b)                                                                                    \
    "{\"policy\":1,\"id\":\"t\",\"screens\":[" SCREEN("\"a.*\"", "q.c") "}],\"rules\":[{\"id\":\"r\"," a OTHER \
                                                                        ",{\"id\":\"s\"," b OTHER "]}"

static const struct {
    const char *text, *says;
} refused[] = {
    { "", "t.json: " },
    { "[]", "not an object" },
    { "{\"policy\":1,\"id\":\"t\",\"rules\":[],}", "t.json: " },
    { "{\"policy\":2,\"id\":\"t\",\"rules\":[]}", "policy is not 1" },
    { "{\"id\":\"t\",\"rules\":[]}", "policy is not 1" },
    { "{\"policy\":\"1\",\"id\":\"t\",\"rules\":[]}", "policy is not 1" },
    { "{\"policy\":1,\"rules\":[]}", "id is not" },
    { "{\"policy\":1,\"id\":\"T\",\"rules\":[]}", "id is not" },
    { "{\"policy\":1,\"id\":\"a/b\",\"rules\":[]}", "id is not" },
    { "{\"policy\":1,\"id\":\"t\"}", "rules is missing" },
    { "{\"policy\":1,\"id\":\"t\",\"rules\":{}}", "rules is missing or not a list" },
    { "{\"policy\":1,\"id\":\"t\",\"rules\":[],\"layer\":\"admin\"}", "key \"layer\" is unknown" },
    { "{\"policy\":1,\"id\":\"t\",\"id\":\"t\",\"rules\":[]}", "t.json: " },
    { HEAD "7]}", "rule 1: id is not" },
    { HEAD "{\"allow\":\"a.b\",\"why\":\"w\"}]}", "rule 1: id is not" },
    { HEAD "{\"id\":\"r\",\"why\":\"w\"}]}", "rule r: allow, ask or deny is missing" },
    { HEAD "{\"id\":\"r\",\"allow\":\"a.b\"}]}", "rule r: why is missing" },
    { HEAD "{\"id\":\"r\",\"allow\":\"a.b\",\"why\":\"\"}]}", "rule r: why is missing" },
    { HEAD "{\"id\":\"r\",\"allow\":\"a.b\",\"deny\":\"a.c\",\"why\":\"w\"}]}", "rule r: a rule has one of" },
    { HEAD RULE ",\"unless\":1}]}", "rule r: key \"unless\" is unknown" },
    { HEAD "{\"id\":\"r\",\"allow\":\"calc\",\"why\":\"w\"}]}", "pattern \"calc\" is not" },
    { HEAD "{\"id\":\"r\",\"allow\":\".calc\",\"why\":\"w\"}]}", "pattern \".calc\" is not" },
    { HEAD "{\"id\":\"r\",\"allow\":\"math.\",\"why\":\"w\"}]}", "pattern \"math.\" is not" },
    { HEAD "{\"id\":\"r\",\"allow\":\"math.[a-z]\",\"why\":\"w\"}]}", "is not \"plugin.tool\"" },
    { HEAD "{\"id\":\"r\",\"allow\":\"math.calc \",\"why\":\"w\"}]}", "is not \"plugin.tool\"" },
    { HEAD "{\"id\":\"r\",\"allow\":[\"a.b\"],\"why\":\"w\"}]}", "rule r: allow is not a pattern" },
    { HEAD WHEN "[]}]}", "when is not an object" },
    { HEAD WHEN "{\"effect\":{}}}]}", "rule r: when: key \"effect\" is unknown" },
    { HEAD WHEN "{\"effects\":[\"net\"]}}]}", "effects needs \"any\" or \"within\"" },
    { HEAD WHEN "{\"effects\":{}}}]}", "effects needs \"any\" or \"within\"" },
    { HEAD WHEN "{\"effects\":{\"all\":[]}}}]}", "effects: key \"all\" is unknown" },
    { HEAD WHEN "{\"effects\":{\"any\":[\"network\"]}}}]}", "\"network\" is unknown" },
    { HEAD WHEN "{\"effects\":{\"any\":[2]}}}]}", "\"(not a string)\" is unknown" },
    { HEAD WHEN "{\"effects\":{\"any\":[]}}}]}", "can never match" },
    { HEAD WHEN "{\"effects\":{\"any\":[\"net\"],\"within\":[\"read\"]}}}]}", "can never match" },
    { HEAD WHEN "{\"traits\":{\"any\":[\"net\"]}}}]}", "traits: \"net\" is unknown" },
    { HEAD WHEN "{\"args\":{}}}]}", "args is not an object of conditions" },
    { HEAD WHEN "{\"args\":{\"n\":{}}}}]}", "args.n has no condition" },
    { HEAD WHEN "{\"args\":{\"n\":{\"regex\":\".*\"}}}}]}", "args.n: key \"regex\" is unknown" },
    { HEAD WHEN "{\"args\":{\"n\":{\"max\":\"9\"}}}}]}", "args.n: max is not a number" },
    { HEAD WHEN "{\"args\":{\"n\":{\"max\":9007199254740992}}}}]}", "is not exact" },
    { HEAD WHEN "{\"args\":{\"n\":{\"min\":2,\"max\":1}}}}]}", "args.n can never match" },
    { HEAD WHEN "{\"args\":{\"n\":{\"min\":2,\"max_length\":1}}}}]}", "args.n can never match" },
    { HEAD WHEN "{\"args\":{\"n\":{\"min_length\":2,\"max_length\":1}}}}]}", "args.n can never match" },
    { HEAD WHEN "{\"args\":{\"n\":{\"max_length\":-1}}}}]}", "max_length is negative" },
    { HEAD WHEN "{\"args\":{\"n\":{\"max_length\":1.5}}}}]}", "args.n: " },
    { HEAD WHEN "{\"args\":{\"n\":{\"enum\":[]}}}}]}", "enum is not a list of values" },
    { HEAD WHEN "{\"args\":{\"n\":{\"enum\":[[1]]}}}}]}", "enum holds a list" },
    { HEAD WHEN "{\"args\":{\"n\":{\"enum\":[1,2],\"min\":3}}}}]}", "args.n can never match" },
    { HEAD WHEN "{\"args\":{\"n\":{\"enum\":[\"a\"],\"max\":3}}}}]}", "args.n can never match" },
    { HEAD WHEN "{\"except\":\"a.b\"}}]}", "except is not a list of patterns" },
    { HEAD WHEN "{\"except\":[]}}]}", "except is not a list of patterns" },
    { HEAD WHEN "{\"except\":[7]}}]}", "except: pattern \"\" is not \"plugin.tool\"" },
    { HEAD WHEN "{\"except\":[\"b\"]}}]}", "except: pattern \"b\" is not \"plugin.tool\"" },
    { HEAD WHEN "{\"except\":[\"x.y\",\"a.*\"]}}]}", "can never match: except \"a.*\" is all that it is about" },
    { HEAD WHEN "{\"screened\":{}}}]}", "screened is not an object of findings" },
    { HEAD WHEN "{\"screened\":{\"e\":[\"bad\"]}}}]}", "screened.e of allow is an object with \"within\"" },
    { HEAD WHEN "{\"screened\":{\"e\":{\"any\":[\"bad\"]}}}}]}", "screened.e of allow is an object with \"within\"" },
    { HEAD AGAINST "{\"e\":{\"within\":[\"bad\"]}}"
                   "}}]}",
      "screened.e of ask and deny is an object with \"any\"" },
    { HEAD AGAINST "{\"e\":{\"any\":[\"a\"],\"within\":[]}}"
                   "}}]}",
      "screened.e of ask and deny is an object with \"any\"" },
    { HEAD AGAINST "{\"e\":{\"any\":[]}}"
                   "}}]}",
      "an empty \"any\" can never match" },
    { HEAD AGAINST "{\"e\":{\"any\":\"bad\"}}"
                   "}}]}",
      "any is not a list of findings" },
    { HEAD AGAINST "{\"e\":{\"any\":[\"Bad\"]}}"
                   "}}]}",
      "a finding is 1 to 64" },
    { HEAD AGAINST "{\"e\":{\"any\":[\"bad\"]}}"
                   "}}]}",
      "rule r: screened: the file has no screen e" },
    { SCREENS "7]}", "screen 1: id is not" },
    { SCREENS SCREEN("\"a.b\"", "q.c") "},{\"id\":\"r\"}]}", "screen r: by is not" },
    { SCREENS SCREEN("\"a.b\"", "q.c") ",\"then\":1}]}", "screen e: key \"then\" is unknown" },
    { SCREENS SCREEN("\"a.b\"", "q.*") "}]}", "screen e: by is not the \"plugin.tool\"" },
    { SCREENS SCREEN("\"a.b\"", "q") "}]}", "screen e: by is not the \"plugin.tool\"" },
    { SCREENS SCREEN("[]", "q.c") "}]}", "screen e: of is missing" },
    { SCREENS SCREEN("7", "q.c") "}]}", "screen e: of is not a pattern" },
    { SCREENS SCREEN("[\"a.b\",\"b\"]", "q.c") "}]}", "pattern \"b\" is not" },
    { SCREENS SCREEN("\"a.b\"", "q.c") ",\"when\":{\"args\":{\"n\":{\"max\":1}}}}]}", "when: key \"args\" is unknown" },
    { SCREENS "{\"id\":\"e\",\"of\":\"a.b\",\"by\":\"q.c\",\"role\":\"molecule\",\"why\":\"w\"}]}",
      "argument is missing" },
    { SCREENS "{\"id\":\"e\",\"of\":\"a.b\",\"by\":\"q.c\",\"argument\":\"n\",\"role\":\"path\",\"why\":\"w\"}]}",
      "role is not \"molecule\"" },
    { SCREENS "{\"id\":\"e\",\"of\":\"a.b\",\"by\":\"q.c\",\"argument\":\"n\",\"role\":\"molecule\"}]}",
      "why is missing" },
    { SCREENS SCREEN("\"a.b\"", "q.c") "}," SCREEN("\"a.c\"", "q.c") "}]}", "e: this id is there twice" },
    { SCREENED("{\"f\":[]}") "}]}", "call: screened: there is no screen \"f\"" },
    { SCREENED("{\"e\":\"bad\"}") "}]}", "screened: e is neither a list of findings nor null" },
    { SCREENED("{\"e\":[\"B\"]}") "}]}", "screened: e: a finding is 1 to 64" },
    { SCREENED("[]") "}]}", "screened is not an object" },
    { SCREENED("{\"e\":[]}") ",\"screens\":[]}]}", "screens is not a list of the 1 that" },
    { SCREENED("{\"e\":[]}") ",\"screens\":[{\"id\":\"e\"}]}]}",
      "it is not id, by, argument and role of t/e, which is number 1" },
    { PAIR_SCREENED("\"deny\":\"a.*\"," SCREENED_BY("any", "\"x\",\"y\""),
                    "\"deny\":\"a.b\"," SCREENED_BY("any", "\"y\"")),
      "rule s can never win" },
    { PAIR_SCREENED("\"allow\":\"a.*\"," SCREENED_BY("within", "\"x\""),
                    "\"allow\":\"a.b\"," SCREENED_BY("within", "")),
      "rule s can never win" },
    { PAIR_SCREENED("\"deny\":\"a.*\"", "\"ask\":\"a.b\"," SCREENED_BY("any", "\"y\"")), "rule s can never win" },
    { HEAD RULE "}," RULE "}]}", "t.json: r: this id is there twice" },
    { PAIR("\"ask\":\"a.*\",\"when\":{\"except\":[\"a.c\"]}", "\"allow\":\"a.b\""), "rule s can never win" },
    { PAIR("\"ask\":\"a.*\"", "\"allow\":\"a.*\",\"when\":{\"except\":[\"a.c\"]}"), "rule s can never win" },
    { PAIR("\"ask\":\"*.*\",\"when\":{\"except\":[\"a.c*\"]}", "\"ask\":\"a.*\",\"when\":{\"except\":[\"*.c*\"]}"),
      "rule s can never win" },
    { PAIR("\"allow\":\"a.b\"", "\"allow\":\"a.b\""), "can never win" },
    { PAIR("\"ask\":\"a.*\"", "\"allow\":\"a.b\""), "rule s can never win: rule r (ask) matches whatever it matches" },
    { PAIR("\"allow\":\"a.b*c\"", "\"deny\":\"*.*c\""), "rule r can never win: rule s (deny)" },
    { PAIR("\"allow\":\"a.*b\"", "\"allow\":\"a.**b\""), "can never win" },
    { PAIR("\"ask\":\"a.b\",\"when\":{\"effects\":{\"any\":[\"net\",\"exec\"]}}",
           "\"ask\":\"a.b\",\"when\":{\"effects\":{\"any\":[\"net\"]}}"),
      "rule s can never win" },
    { PAIR("\"ask\":\"a.b\",\"when\":{\"effects\":{\"any\":[\"net\"]}}",
           "\"ask\":\"a.b\",\"when\":{\"effects\":{\"any\":[\"net\",\"exec\"],\"within\":[\"net\",\"read\"]}}"),
      "rule s can never win" },
    { PAIR("\"deny\":\"a.b\",\"when\":{\"args\":{\"n\":{\"max\":5}}}",
           "\"allow\":\"a.b\",\"when\":{\"args\":{\"n\":{\"min\":1,\"max\":5}}}"),
      "rule s can never win" },
    { PAIR("\"deny\":\"a.b\",\"when\":{\"args\":{\"n\":{\"max\":5}}}",
           "\"deny\":\"a.b\",\"when\":{\"args\":{\"n\":{\"enum\":[1,5]}}}"),
      "rule s can never win" },
    { TESTS "7]}", "test 1: not an object" },
    { TESTS "{\"want\":\"maybe\",\"call\":{\"tool\":\"a.b\"}}]}", "test 1: want is not" },
    { TESTS "{\"want\":\"allow\"}]}", "test 1: call is missing" },
    { TESTS "{\"want\":\"allow\",\"call\":{\"tool\":\"b\"}}]}", "test 1: call: tool is not" },
    { TESTS "{\"want\":\"allow\",\"call\":{\"tool\":\"a.b\",\"n\":1}}]}", "test 1: call: key \"n\" is unknown" },
    { TESTS "{\"want\":\"allow\",\"call\":{\"tool\":\"a.b\",\"args\":[]}}]}", "test 1: call: args is not" },
    { TESTS "{\"want\":\"allow\",\"call\":{\"tool\":\"a.b\"},\"name\":\"x\"}]}", "test 1: key \"name\" is unknown" },
    { TESTS "{\"want\":\"allow\",\"rule\":1,\"call\":{\"tool\":\"a.b\"}}]}", "test 1: rule is neither" },
    { TESTS "{\"want\":\"allow\",\"call\":{\"tool\":\"a.b\"}},{\"want\":\"deny\",\"call\":{\"tool\":\"a.b\"}}]}",
      "test 2: a.b gives allow by t/r" },
    { TESTS "{\"want\":\"allow\",\"rule\":\"s\",\"call\":{\"tool\":\"a.b\"}}]}", "test 1: a.b gives allow by t/r" },
    { TESTS "{\"want\":\"deny\",\"rule\":\"r\",\"call\":{\"tool\":\"a.c\"}}]}", "test 1: a.c gives deny by none" },
    { TESTS "{\"want\":\"allow\",\"rule\":null,\"call\":{\"tool\":\"a.b\"}}]}", "test 1: a.b gives allow by t/r" },
};

/* Pairs that look covered and are not. */
static const char *const accepted[] = {
    "{\"policy\":1,\"id\":\"t\",\"rules\":[]}",
    TESTS "{\"want\":\"deny\",\"rule\":null,\"call\":{\"tool\":\"a.c\"}}]}",
    PAIR("\"deny\":\"a.b\"", "\"allow\":\"a.*\""),
    PAIR("\"ask\":\"a.*\",\"when\":{\"except\":[\"a.b\"]}", "\"allow\":\"a.b\""),
    PAIR("\"ask\":\"a.*\",\"when\":{\"except\":[\"a.b\"]}", "\"allow\":\"*.*\",\"when\":{\"except\":[\"a.c\"]}"),
    PAIR("\"ask\":\"*.*\",\"when\":{\"except\":[\"a.c*\"]}", "\"ask\":\"a.*d\""),
    PAIR("\"allow\":\"*.*\"", "\"ask\":\"a.b\""),
    PAIR("\"ask\":\"a.b*\"", "\"ask\":\"a.*b\""),
    PAIR_SCREENED("\"deny\":\"a.*\"," SCREENED_BY("any", "\"x\""),
                  "\"deny\":\"a.b\"," SCREENED_BY("any", "\"x\",\"y\"")),
    PAIR_SCREENED("\"deny\":\"a.*\"," SCREENED_BY("any", "\"x\""), "\"allow\":\"a.b\"," SCREENED_BY("within", "\"x\"")),
    PAIR_SCREENED("\"allow\":\"a.*\"," SCREENED_BY("within", ""), "\"allow\":\"a.b\"," SCREENED_BY("within", "\"x\"")),
    PAIR_SCREENED("\"deny\":\"a.*\"," SCREENED_BY("any", "\"x\""), "\"allow\":\"a.b\""),
    SCREENED("{\"e\":null}") ",\"screens\":[{\"id\":\"e\",\"by\":\"q.c\",\"argument\":\"n\",\"role\":\"molecule\"}]}]}",
    PAIR("\"ask\":\"a.b\",\"when\":{\"effects\":{\"any\":[\"net\"]}}",
         "\"ask\":\"a.b\",\"when\":{\"effects\":{\"within\":[\"net\"]}}"),
    PAIR("\"deny\":\"a.b\",\"when\":{\"args\":{\"n\":{\"max\":5}}}",
         "\"allow\":\"a.b\",\"when\":{\"args\":{\"m\":{\"max\":5}}}"),
    PAIR("\"deny\":\"a.b\",\"when\":{\"args\":{\"n\":{\"max\":5}}}", "\"allow\":\"a.b\""),
    PAIR("\"deny\":\"a.b\",\"when\":{\"args\":{\"n\":{\"max\":5}}}",
         "\"allow\":\"a.b\",\"when\":{\"args\":{\"n\":{\"max_length\":5}}}"),
    PAIR("\"deny\":\"a.b\",\"when\":{\"args\":{\"n\":{\"enum\":[\"x\"]}}}",
         "\"ask\":\"a.b\",\"when\":{\"args\":{\"n\":{\"enum\":[\"x\",1],\"min_length\":1}}}"),
};

static void test_loading(void)
{
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct err err = { 0 };
        struct policy *p = load_text(refused[i].text, &err);

        if (!ok(!p && err.status == CORAX_E_ARGS && strstr(err.msg, refused[i].says) && strstr(err.msg, "t.json: "),
                "refused: %s", refused[i].says))
            diag("%s: %s", refused[i].text, p ? "accepted" : err.msg);
        policy_destroy(p);
    }
    for (size_t i = 0; i < COUNT(accepted); i++) {
        struct err err = { 0 };
        struct policy *p = load_text(accepted[i], &err);

        if (!ok(p, "accepted: %s", accepted[i]))
            diag("%s", err.msg);
        policy_destroy(p);
    }
}

static void test_sets(void)
{
    static const char a[] = HEAD "{\"id\":\"z\",\"ask\":\"a.b\",\"why\":\"w\"},{\"id\":\"r\",\"ask\":\"a.*\",\"why\":"
                                 "\"w\",\"when\":{\"effects\":{\"within\":[]}}}]}";
    static const char b[] = "{\"policy\":1,\"id\":\"b\",\"rules\":[{\"id\":\"r\",\"deny\":\"*.*\",\"why\":\"no\"}]}";
    struct policy_file both[] = { { "a.json", a, sizeof(a) - 1 }, { "b.json", b, sizeof(b) - 1 } };
    struct policy_file turned[] = { both[1], both[0] }, same[] = { both[0], both[0] };
    struct policy_request request = { .provider = "a", .tool = "b" };
    struct err err = { 0 };
    struct policy *p = policy_load(both, 2, POLICY_BASE, &err), *q = policy_load(turned, 2, POLICY_BASE, &err), *one = policy_load(both, 1, POLICY_BASE, &err);
    struct policy_file bare = { "bare.json", HEAD "]}", sizeof(HEAD "]}") - 1 };
    struct policy *none = policy_load(NULL, 0, POLICY_BASE, &err), *empty = policy_load(&bare, 1, POLICY_BASE, &err);

    ok(p && q && one && none && empty, "sets of two, two, one and no files are loaded, and a file without rules");
    if (!p || !q || !one || !none || !empty)
        return;
    is_int(policy_decide(empty, &request).decision, POLICY_DENY, "a file without rules allows nothing");
    is_str(policy_decide(one, &request).rule, "t/r", "of equally strict rules the first by name is named");
    is_int(policy_decide(one, &request).decision, POLICY_ASK, "and the decision is theirs");
    is_str(policy_decide(p, &request).rule, "b/r", "a stricter file wins, though it leaves no other rule a chance");
    is_str(policy_decide(p, &request).why, "no", "its reason is given");
    is_str(policy_decide(none, &request).rule, "none", "no files: no rule");
    is_int(policy_decide(none, &request).decision, POLICY_DENY, "and so everything is denied");
    is_int(policy_decide(one, &(struct policy_request){ 0 }).decision, POLICY_DENY,
           "a request without names is denied");
    is_str(policy_hash(p), policy_hash(q), "the hash does not depend on the order of files");
    is_int((long long)strlen(policy_hash(p)), 64, "it has 64 digits");
    ok(strcmp(policy_hash(p), policy_hash(one)) != 0, "it depends on which files there are");
    ok(!policy_load(same, 2, POLICY_BASE, &err), "one file twice is refused");
    has_str(err.msg, "another file has the id t too", "the message says so");
    is_str(policy_decision_name(POLICY_ASK), "ask", "decisions have names");
    policy_destroy(p);
    policy_destroy(q);
    policy_destroy(one);
    policy_destroy(none);
    policy_destroy(empty);
    policy_destroy(NULL);
}

/* --- files ------------------------------------------------------------------------------------------------------ */

static bool write_file(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "w");

    if (!f)
        return false;
    fputs(text, f);
    return fclose(f) == 0 && chmod(path, mode) == 0;
}

static void load_path(const char *path, mode_t mode, const char *says)
{
    struct err err = { 0 };
    struct policy *p;

    if (mode)
        write_file(path, HEAD RULE "}]}", mode);
    p = policy_load_paths(&path, 1, POLICY_BASE, &err);
    if (!ok(says ? !p && strstr(err.msg, says) && strstr(err.msg, path) : p != NULL, "mode %03o: %s", (unsigned)mode,
            says ? says : "accepted"))
        diag("%s", p ? "accepted" : err.msg);
    policy_destroy(p);
}

static void test_files(void)
{
    char dir[] = "/tmp/policy-t-XXXXXX", path[64], fifo[64];
    const char *const two[] = { path, "/nonexistent/policy.json" };
    struct err err = { 0 };

    if (!ok(mkdtemp(dir) != NULL, "a directory for files"))
        return;
    snprintf(path, sizeof(path), "%s/t.json", dir);
    snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
    load_path(path, 0644, NULL);
    load_path(path, 0400, NULL);
    load_path(path, 0664, "group or others may write it (mode 664)");
    load_path(path, 0646, "group or others may write it (mode 646)");
    chmod(path, 0644);
    if (geteuid() == 0) {
        ok(chown(path, 4711, (gid_t)-1) == 0, "given to somebody else");
        load_path(path, 0, "owned by uid 4711");
        ok(chown(path, 0, (gid_t)-1) == 0, "taken back");
    }
    load_path(dir, 0, "not a regular file");
    ok(mkfifo(fifo, 0600) == 0, "a fifo");
    load_path(fifo, 0, "not a regular file");
    ok(!policy_load_paths(two, 2, POLICY_BASE, &err), "a missing file refuses the whole set");
    is_int(err.status, CORAX_E_NOTFOUND, "with NOTFOUND");
    is_int(err.sys, ENOENT, "and errno");
    ok(!policy_load_paths(two, POLICY_MAX_FILES + 1, POLICY_BASE, &err), "too many files");
    is_int(err.status, CORAX_E_LIMIT, "with LIMIT");
    unlink(path);
    unlink(fifo);
    rmdir(dir);
}

/* From their path, as coraxd loads them; shipped-t.c says whether their tests hold them. */
static void test_shipped(void)
{
    static const char *const names[] = { "default", "lab", "readonly", "unattended" };
    const char *srcdir = getenv("CORAX_SRCDIR");

    for (size_t i = 0; i < COUNT(names); i++) {
        char path[4096];
        const char *const paths[] = { path };
        struct err err = { 0 };
        struct policy *p;

        snprintf(path, sizeof(path), "%s/policies/%s.json", srcdir ? srcdir : ".", names[i]);
        chmod(path, 0644);
        p = policy_load_paths(paths, 1, POLICY_BASE, &err);
        if (!ok(p, "%s.json loads", names[i]))
            diag("%s", err.msg);
        policy_destroy(p);
    }
}

/* --- random sets ------------------------------------------------------------------------------------------------ */

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static unsigned below(unsigned n) /* xorshift64*: the same sequence in each run */
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (unsigned)((random_state * 0x2545f4914f6cdd1du) >> 33) % n;
}

#define PICK(list) (list)[below(COUNT(list))]

static const char *const effect_words[] = { "read", "write", "exec", "net", "clock" };
static const char *const trait_words[] = { "idempotent", "destructive" };

static size_t put_list(char *out, size_t size, const char *const *words, size_t n)
{
    size_t len = 0, count = 0;

    len += (size_t)snprintf(out + len, size - len, "[");
    for (size_t i = 0; i < n; i++)
        if (below(2))
            len += (size_t)snprintf(out + len, size - len, "%s\"%s\"", count++ ? "," : "", words[i]);
    return len + (size_t)snprintf(out + len, size - len, "]");
}

static size_t put_bits(char *out, size_t size, const char *key, const char *const *words, size_t n)
{
    size_t len = (size_t)snprintf(out, size, "\"%s\":{", key);
    unsigned which = below(3);

    if (which != 1) {
        len += (size_t)snprintf(out + len, size - len, "\"any\":");
        len += put_list(out + len, size - len, words, n);
    }
    if (which != 0) {
        len += (size_t)snprintf(out + len, size - len, "%s\"within\":", which == 2 ? "," : "");
        len += put_list(out + len, size - len, words, n);
    }
    return len + (size_t)snprintf(out + len, size - len, "}");
}

/* A rule; many cannot be loaded, which the caller finds out. */
static void random_rule(char *out, size_t size, unsigned number, const char *decision)
{
    static const char *const providers[] = { "*", "a", "a*", "*b", "ab" };
    static const char *const tools[] = { "*", "x", "x*", "*y", "x*y", "y.z", "*z*" };
    static const char *const args[] = {
        "\"n\":{\"min\":0}",
        "\"n\":{\"max\":5}",
        "\"n\":{\"min\":1,\"max\":5}",
        "\"n\":{\"enum\":[0,5]}",
        "\"n\":{\"enum\":[5,\"five\",null],\"min\":1}",
        "\"n\":{\"enum\":[\"five\",true]}",
        "\"s\":{\"max_length\":2}",
        "\"s\":{\"min_length\":1}",
        "\"s\":{\"enum\":[\"\",\"abc\"]}",
        "\"s\":{\"min_length\":1,\"max_length\":3},\"n\":{\"max\":1}",
        "\"s\":{\"enum\":[\"abc\",1],\"min_length\":2}",
    };
    size_t len = (size_t)snprintf(out, size, "{\"id\":\"r%u\",\"%s\":\"%s.%s\",\"why\":\"w\"", number, decision,
                                  PICK(providers), PICK(tools));
    const char *comma = "";

    if (below(5) > 0) {
        len += (size_t)snprintf(out + len, size - len, ",\"when\":{");
        if (below(2)) {
            len += put_bits(out + len, size - len, "effects", effect_words, COUNT(effect_words));
            comma = ",";
        }
        if (below(4) == 0) {
            len += (size_t)snprintf(out + len, size - len, "%s", comma);
            len += put_bits(out + len, size - len, "traits", trait_words, COUNT(trait_words));
            comma = ",";
        }
        if (below(2)) {
            len += (size_t)snprintf(out + len, size - len, "%s\"args\":{%s}", comma, PICK(args));
            comma = ",";
        }
        if (below(3) == 0)
            len += (size_t)snprintf(out + len, size - len, "%s\"except\":[\"%s.%s\",\"%s.%s\"]", comma, PICK(providers),
                                    PICK(tools), PICK(providers), PICK(tools));
        len += (size_t)snprintf(out + len, size - len, "}");
    }
    snprintf(out + len, size - len, "}");
}

struct random_request {
    char tool[16], provider[8];
    struct json *args;
    struct policy_request request;
};

static void random_request(struct random_request *r)
{
    static const char *const providers[] = { "a", "ab", "b", "c" };
    static const char *const tools[] = { "x", "xy", "xzy", "y.z", "q" };
    static const char *const numbers[] = { "-1",    "0",        "1",    "5",    "5.5", "1e15", "9007199254740993",
                                           "-1e20", "\"five\"", "true", "null", "[5]" };
    static const char *const strings[] = { "\"\"", "\"\xc3\xa9\"", "\"ab\"", "\"abc\"", "\"abcd\"", "1", "{}" };
    char text[128];
    size_t len = (size_t)snprintf(text, sizeof(text), "{\"other\":0");

    if (below(8))
        len += (size_t)snprintf(text + len, sizeof(text) - len, ",\"n\":%s", PICK(numbers));
    if (below(8))
        len += (size_t)snprintf(text + len, sizeof(text) - len, ",\"s\":%s", PICK(strings));
    len += (size_t)snprintf(text + len, sizeof(text) - len, "}");
    snprintf(r->provider, sizeof(r->provider), "%s", PICK(providers));
    snprintf(r->tool, sizeof(r->tool), "%s", PICK(tools));
    r->args = json_parse(text, len, NULL);
    r->request = (struct policy_request){ .provider = r->provider,
                                          .tool = r->tool,
                                          .effects = below(4) ? below(32) : 0,
                                          .traits = below(4),
                                          .args = r->args };
}

/* --- the naive evaluator: reads the rule's JSON for each request, and knows nothing of the engine's structures --- */

static bool naive_glob(const char *p, const char *s)
{
    if (*p == '*')
        return naive_glob(p + 1, s) || (*s && naive_glob(p, s + 1));
    return *p == *s && (*p == '\0' || naive_glob(p + 1, s + 1));
}

static bool naive_bits(const struct json *condition, const char *const *words, size_t n_words, unsigned bits)
{
    const struct json *any = json_get(condition, "any"), *within = json_get(condition, "within");
    bool found = !any, inside = true;

    for (size_t i = 0; i < n_words; i++) {
        bool listed = false;

        if (!(bits & 1u << i))
            continue;
        for (const struct json *j = any ? json_first(any) : NULL; j; j = json_next(j))
            found |= strcmp(json_text(j), words[i]) == 0;
        for (const struct json *j = within ? json_first(within) : NULL; j; j = json_next(j))
            listed |= strcmp(json_text(j), words[i]) == 0;
        inside &= !within || listed;
    }
    return found && inside;
}

static bool naive_equal(const struct json *a, const struct json *b)
{
    if (json_kind(a) != json_kind(b))
        return false;
    if (json_kind(a) == JSON_STRING)
        return strcmp(json_text(a), json_text(b)) == 0;
    if (json_kind(a) == JSON_NUMBER)
        return json_number(a, 0) == json_number(b, 0);
    return json_kind(a) == JSON_NULL || (json_kind(a) == JSON_BOOL && json_bool(a, 0) == json_bool(b, 0));
}

static bool naive_arg(const struct json *condition, const struct json *value, bool against)
{
    bool huge = json_kind(value) == JSON_NUMBER &&
                (json_number(value, 0) >= 9007199254740992.0 || json_number(value, 0) <= -9007199254740992.0);
    bool names_numbers = json_get(condition, "min") || json_get(condition, "max");
    bool holds = value != NULL;

    for (const struct json *j = json_first(condition); j && value; j = json_next(j)) {
        const char *key = json_key(j);
        int characters = 0;

        if (strcmp(key, "enum") == 0) {
            bool found = false;

            for (const struct json *e = json_first(j); e; e = json_next(e)) {
                found |= naive_equal(e, value);
                names_numbers |= json_kind(e) == JSON_NUMBER;
            }
            holds &= found;
        } else if (strcmp(key, "min") == 0) {
            holds &= json_kind(value) == JSON_NUMBER && json_number(value, 0) >= json_number(j, 0);
        } else if (strcmp(key, "max") == 0) {
            holds &= json_kind(value) == JSON_NUMBER && json_number(value, 0) <= json_number(j, 0);
        } else {
            for (const char *s = json_text(value) ? json_text(value) : ""; *s; s++)
                characters += (*s & 0x80) == 0 || (*s & 0x40) != 0;
            holds &= json_kind(value) == JSON_STRING;
            holds &= strcmp(key, "min_length") == 0 ? characters >= json_number(j, 0) : characters <= json_number(j, 0);
        }
    }
    return huge && names_numbers ? against : holds;
}

static bool naive_matches(const struct json *rule, const struct policy_request *r, const char *pattern, bool against)
{
    const struct json *when = json_get(rule, "when");
    const struct json *effects = json_get(when, "effects"), *traits = json_get(when, "traits");
    const struct json *args = json_get(when, "args"), *except = json_get(when, "except");
    char provider[64];
    bool matches;

    snprintf(provider, sizeof(provider), "%.*s", (int)strcspn(pattern, "."), pattern);
    matches = naive_glob(provider, r->provider) && naive_glob(strchr(pattern, '.') + 1, r->tool);
    for (const struct json *e = except ? json_first(except) : NULL; e; e = json_next(e)) {
        snprintf(provider, sizeof(provider), "%.*s", (int)strcspn(json_text(e), "."), json_text(e));
        matches &= !naive_glob(provider, r->provider) || !naive_glob(strchr(json_text(e), '.') + 1, r->tool);
    }
    if (effects)
        matches &= naive_bits(effects, effect_words, COUNT(effect_words), r->effects);
    if (traits)
        matches &= naive_bits(traits, trait_words, COUNT(trait_words), r->traits);
    for (const struct json *a = args ? json_first(args) : NULL; a; a = json_next(a))
        matches &= naive_arg(a, json_get(r->args, json_key(a)), against);
    return matches;
}

/* The strictest decision of all rules; the smallest name among those that made it. */
static int naive_decide(struct json *const *roots, size_t n, const struct policy_request *r, char name[64])
{
    int strictest = -1;

    snprintf(name, 64, "none");
    for (size_t i = 0; i < n; i++)
        for (const struct json *rule = json_first(json_get(roots[i], "rules")); rule; rule = json_next(rule))
            for (int d = POLICY_ALLOW; d <= POLICY_DENY; d++) {
                const char *pattern = json_get_text(rule, policy_decision_name((enum policy_decision)d), NULL);
                char this_name[64];

                if (!pattern || !naive_matches(rule, r, pattern, d != POLICY_ALLOW) || d < strictest)
                    continue;
                snprintf(this_name, sizeof(this_name), "%s/%s", json_get_text(roots[i], "id", "?"),
                         json_get_text(rule, "id", "?"));
                if (d > strictest || strcmp(this_name, name) < 0)
                    snprintf(name, 64, "%s", this_name);
                strictest = d;
            }
    return strictest < 0 ? POLICY_DENY : strictest;
}

/* --- sets of three files ---------------------------------------------------------------------------------------- */

#define N_FILES   3
#define N_RULES   6 /* in each file, at most */
#define N_SETS    50
#define N_PER_SET 2000

struct set {
    char rules[N_FILES][N_RULES][512];
    unsigned n_rules[N_FILES];
    char texts[N_FILES][N_RULES * 512 + 64];
};

/* Writes the files, rules in their order or shuffled. */
static void write_set(struct set *s, bool shuffled)
{
    for (unsigned f = 0; f < N_FILES; f++) {
        unsigned order[N_RULES] = { 0 };
        char *out = s->texts[f];
        size_t size = sizeof(s->texts[f]);
        size_t len = (size_t)snprintf(out, size, "{\"policy\":1,\"id\":\"f%u\",\"rules\":[", f);

        for (unsigned i = 0; i < s->n_rules[f]; i++)
            order[i] = i;
        for (unsigned i = s->n_rules[f]; shuffled && i > 1; i--) {
            unsigned k = below(i), kept = order[i - 1];

            order[i - 1] = order[k];
            order[k] = kept;
        }
        for (unsigned i = 0; i < s->n_rules[f]; i++)
            len += (size_t)snprintf(out + len, size - len, "%s%s", i ? "," : "", s->rules[f][order[i]]);
        snprintf(out + len, size - len, "]}");
    }
}

static struct policy *load_set(struct set *s, bool shuffled, struct err *err)
{
    struct policy_file files[N_FILES];
    unsigned first = shuffled ? below(N_FILES) : 0;

    write_set(s, shuffled);
    for (unsigned i = 0; i < N_FILES; i++) {
        unsigned f = (first + i) % N_FILES;

        files[i] = (struct policy_file){ .name = "set", .text = s->texts[f], .len = strlen(s->texts[f]) };
    }
    return policy_load(files, N_FILES, POLICY_BASE, err);
}

struct tally {
    unsigned requests, by_rule, differs, order, monotone, covered, wrongly_covered;
};

static bool same_verdict(struct policy_verdict a, struct policy_verdict b)
{
    return a.decision == b.decision && strcmp(a.rule, b.rule) == 0;
}

/* Adds rules one by one, keeps those that load; a rule refused as never winning must indeed change nothing. */
static void fill_set(struct set *s, struct tally *tally)
{
    for (unsigned f = 0; f < N_FILES; f++)
        for (unsigned tries = 0; tries < 12 && s->n_rules[f] < N_RULES; tries++) {
            static const char *const decisions[] = { "allow", "allow", "ask", "deny" };
            struct err err = { 0 };
            struct policy *p, *without;

            random_rule(s->rules[f][s->n_rules[f]++], 512, tries, PICK(decisions));
            p = load_set(s, false, &err);
            if (p) {
                policy_destroy(p);
                continue;
            }
            s->n_rules[f]--;
            /* The other way round (the new rule covers an old one) is refused as well, and shown by the next draw. */
            if (!strstr(err.msg, "can never win") || !strstr(strstr(err.msg, "rule r"), "can never win"))
                continue;
            if ((unsigned)atoi(strstr(err.msg, "rule r") + 6) != tries)
                continue;
            /* In a file of its own nothing covers it, and the decision must not change. */
            without = load_set(s, false, &err);
            {
                char text[640];
                struct policy_file files[N_FILES + 1];

                snprintf(text, sizeof(text), "{\"policy\":1,\"id\":\"zz\",\"rules\":[%s]}", s->rules[f][s->n_rules[f]]);
                for (unsigned i = 0; i < N_FILES; i++)
                    files[i] = (struct policy_file){ "set", s->texts[i], strlen(s->texts[i]) };
                files[N_FILES] = (struct policy_file){ "extra", text, strlen(text) };
                p = policy_load(files, N_FILES + 1, POLICY_BASE, &err);
            }
            tally->covered++;
            for (unsigned i = 0; i < 200 && p && without; i++) {
                struct random_request r;

                random_request(&r);
                if (policy_decide(p, &r.request).decision != policy_decide(without, &r.request).decision)
                    tally->wrongly_covered++;
                json_free(r.args);
            }
            policy_destroy(p);
            policy_destroy(without);
        }
}

/* The set with one more file of one rule. */
static struct policy *load_stricter(struct set *s, const char *decision)
{
    struct policy_file files[N_FILES + 1];
    struct policy *p = NULL;

    write_set(s, false);
    for (unsigned tries = 0; tries < 50 && !p; tries++) {
        char rule[512], text[640];

        random_rule(rule, sizeof(rule), 0, decision);
        snprintf(text, sizeof(text), "{\"policy\":1,\"id\":\"more\",\"rules\":[%s]}", rule);
        for (unsigned i = 0; i < N_FILES; i++)
            files[i] = (struct policy_file){ "set", s->texts[i], strlen(s->texts[i]) };
        files[N_FILES] = (struct policy_file){ "more", text, strlen(text) };
        p = policy_load(files, N_FILES + 1, POLICY_BASE, NULL);
    }
    return p;
}

static void compare_set(struct set *s, struct tally *tally)
{
    struct policy *p = load_set(s, false, NULL), *shuffled;
    struct policy *asks = load_stricter(s, "ask"), *denies = load_stricter(s, "deny");
    struct json *roots[N_FILES];

    for (unsigned f = 0; f < N_FILES; f++)
        roots[f] = json_parse(s->texts[f], strlen(s->texts[f]), NULL);
    shuffled = load_set(s, true, NULL);
    for (unsigned i = 0; i < N_PER_SET && p && asks && denies && shuffled; i++) {
        struct random_request r;
        struct policy_verdict v;
        char name[64];

        random_request(&r);
        v = policy_decide(p, &r.request);
        tally->requests++;
        tally->by_rule += strcmp(v.rule, "none") != 0;
        tally->differs +=
            naive_decide(roots, N_FILES, &r.request, name) != (int)v.decision || strcmp(name, v.rule) != 0;
        tally->order += !same_verdict(v, policy_decide(shuffled, &r.request));
        /* Only where no rule matched may an ask rule turn a denial into a question. */
        tally->monotone += strcmp(v.rule, "none") != 0 && policy_decide(asks, &r.request).decision < v.decision;
        tally->monotone += policy_decide(denies, &r.request).decision < v.decision;
        json_free(r.args);
    }
    for (unsigned f = 0; f < N_FILES; f++)
        json_free(roots[f]);
    policy_destroy(p);
    policy_destroy(asks);
    policy_destroy(denies);
    policy_destroy(shuffled);
}

static void test_random(void)
{
    struct tally tally = { 0 };
    unsigned n_rules = 0;

    for (unsigned i = 0; i < N_SETS; i++) {
        static struct set s;

        s = (struct set){ 0 };
        fill_set(&s, &tally);
        n_rules += s.n_rules[0] + s.n_rules[1] + s.n_rules[2];
        compare_set(&s, &tally);
    }
    diag("%u sets, %u rules, %u of %u requests decided by a rule, %u rules refused as covered", (unsigned)N_SETS,
         n_rules, tally.by_rule, tally.requests, tally.covered);
    is_int(tally.requests, N_SETS * N_PER_SET, "every set was loaded and asked");
    ok(tally.by_rule > tally.requests / 4, "a good part of the requests meets a rule");
    ok(tally.covered > 50, "covered rules were drawn");
    is_int(tally.differs, 0, "the naive evaluator agrees on decision and rule");
    is_int(tally.order, 0, "shuffled rules and files decide alike");
    is_int(tally.monotone, 0, "one more ask or deny rule makes nothing more lenient");
    is_int(tally.wrongly_covered, 0, "a rule refused as never winning would have changed nothing");
}

/* No bound is checked: the time depends on the machine. */
static void measure(void)
{
    static char text[POLICY_MAX_RULES * 160];
    struct policy_request request = { .provider = "plugin", .tool = "tool", .effects = CORAX_FX_READ };
    size_t len = (size_t)snprintf(text, sizeof(text), HEAD);
    struct err err = { 0 };
    struct policy *p;
    int64_t start, loaded;
    const int n = 20000;

    for (int i = 0; i < POLICY_MAX_RULES; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "%s{\"id\":\"r%d\",\"ask\":\"plugin.tool%d*\",\"why\":\"w\",\"when\":{\"effects\":{"
                                "\"within\":[\"read\"]}}}",
                                i ? "," : "", i, 1000 + i);
    snprintf(text + len, sizeof(text) - len, "]}");
    start = clock_mono_ns();
    p = load_text(text, &err);
    loaded = clock_mono_ns() - start;
    if (!ok(p, "%d rules load", POLICY_MAX_RULES)) {
        diag("%s", err.msg);
        return;
    }
    start = clock_mono_ns();
    for (int i = 0; i < n; i++)
        policy_decide(p, &request);
    diag("loading %d rules: %.1f ms; deciding among them, none matching: %.2f us", POLICY_MAX_RULES, loaded / 1e6,
         (double)(clock_mono_ns() - start) / 1e3 / n);
    policy_destroy(p);
}

int main(void)
{
    plan_later();
    test_conditions();
    test_loading();
    test_sets();
    test_files();
    test_shipped();
    test_random();
    measure();
    done();
    return tap_status();
}
