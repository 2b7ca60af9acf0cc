/*
 * Covers: path_parse and what is beneath and hidden; conditions on paths, URLs and command lines, each for allow and for deny, on single
 * values and lists, with and without a resolver; what such conditions are refused for; which rule covers which.
 * Does not cover: plain values (policy-t.c); spellings of URLs (url-t.c).
 */
#include "policies/path.h"
#include "policies/policy.h"
#include "tests/policies/files.h"
#include "tests/tap.h"

/* --- paths ------------------------------------------------------------------------------------------------------ */

static void test_paths(void)
{
    static const struct {
        const char *text, *path; /* NULL: refused */
        bool hidden;
    } paths[] = {
        { "docs", "docs", false }, { "docs/a.txt", "docs/a.txt", false }, { "docs//a///b", "docs/a/b", false }, { "./docs/./a/.", "docs/a", false },
        { "docs/", "docs", false }, { "docs/.git/config", "docs/.git/config", true }, { ".x", ".x", true }, { "docs/...", "docs/...", true },
        { "docs/a..b", "docs/a..b", false }, { "docs/%2e%2e/x", "docs/%2e%2e/x", false }, { "~/x", "~/x", false }, { "docs/a b", "docs/a b", false },
        { "docs/\xc3\xa9", "docs/\xc3\xa9", false }, { "file:///x", "file:/x", false }, { "C:/x", "C:/x", false },
        { "", NULL, 0 }, { "/", NULL, 0 }, { "/docs", NULL, 0 }, { "//docs", NULL, 0 }, { ".", NULL, 0 }, { "./", NULL, 0 }, { "..", NULL, 0 },
        { "docs/..", NULL, 0 }, { "docs/../x", NULL, 0 }, { "../docs", NULL, 0 }, { "docs/./../x", NULL, 0 }, { "docs\\x", NULL, 0 },
        { "docs/..\\x", NULL, 0 }, { "docs/\n", NULL, 0 }, { "docs/\x01", NULL, 0 }, { "docs/\x7f", NULL, 0 }, { "docs\t", NULL, 0 },
    };
    char longest[PATH_MAX_BYTES + 2];
    struct path path;

    for (size_t i = 0; i < COUNT(paths); i++) {
        const bool good = path_parse(paths[i].text, &path);

        ok(paths[i].path ? good && strcmp(path.text, paths[i].path) == 0 && path_is_hidden(&path) == paths[i].hidden : !good,
           "path %zu: %s", i, paths[i].path ? paths[i].path : "refused");
    }
    memset(longest, 'a', sizeof(longest));
    longest[PATH_MAX_BYTES + 1] = '\0';
    ok(!path_parse(longest, &path), "one of more than %d bytes is refused", PATH_MAX_BYTES);
    longest[PATH_MAX_BYTES] = '\0';
    ok(path_parse(longest, &path), "one of so many is not");
    path_parse("docs/ab/c", &path);
    ok(path_is_beneath(&path, "docs") && path_is_beneath(&path, "docs/ab") && path_is_beneath(&path, "docs/ab/c"),
       "a path is beneath each folder on its way, and itself");
    ok(!path_is_beneath(&path, "doc") && !path_is_beneath(&path, "docs/a") && !path_is_beneath(&path, "docs/ab/c/d"),
       "and not beneath what only begins alike");
}

/* --- conditions ------------------------------------------------------------------------------------------------- */

/* Which calls a condition on the argument x is about, when its rule allows and when it denies. */
enum about { NEITHER, DENY_ONLY, ALLOW_ONLY, BOTH };

static const struct {
    const char *condition, *value;
    enum about about;
} conditions[] = {
    /* paths */
    { "{\"path\":{\"beneath\":[\"docs\"]}}", "\"docs/a\"", BOTH },
    { "{\"path\":{\"beneath\":[\"docs\"]}}", "\"docs\"", BOTH },
    { "{\"path\":{\"beneath\":[\"docs\"]}}", "\"./docs//a\"", BOTH },
    { "{\"path\":{\"beneath\":[\"./docs/\"]}}", "\"docs/a\"", BOTH },
    { "{\"path\":{\"beneath\":[\"docs\"]}}", "\"docsx/a\"", NEITHER },
    { "{\"path\":{\"beneath\":[\"docs\"]}}", "\"Docs/a\"", NEITHER },
    { "{\"path\":{\"beneath\":[\"docs\"]}}", "\"docs/../etc\"", DENY_ONLY },
    { "{\"path\":{\"beneath\":[\"docs\"]}}", "\"/etc/passwd\"", DENY_ONLY },
    { "{\"path\":{\"beneath\":[\"docs\"]}}", "\"\"", DENY_ONLY },
    { "{\"path\":{\"beneath\":[\"docs\"]}}", "7", NEITHER },
    { "{\"path\":{\"beneath\":[\"docs\"]}}", "{\"path\":\"docs/a\"}", NEITHER },
    { "{\"path\":{\"beneath\":[\"docs\"]}}", "[\"docs/a\",\"docs/b\"]", BOTH },
    { "{\"path\":{\"beneath\":[\"docs\"]}}", "[\"docs/a\",\"work/b\"]", DENY_ONLY },
    { "{\"path\":{\"beneath\":[\"docs\"]}}", "[\"work/a\",\"work/b\"]", NEITHER },
    { "{\"path\":{\"beneath\":[\"docs\"]}}", "[\"docs/a\",7]", DENY_ONLY },
    { "{\"path\":{\"beneath\":[\"docs\"]}}", "[\"work/a\",\"../docs\"]", DENY_ONLY },
    { "{\"path\":{\"beneath\":[\"docs\"]}}", "[]", NEITHER },
    { "{\"path\":{\"beneath\":[\"docs\",\"work/out\"]}}", "\"work/out/b\"", BOTH },
    { "{\"path\":{\"beneath\":[\"docs\",\"work/out\"]}}", "\"work/outer\"", NEITHER },
    { "{\"path\":{\"hidden\":true}}", "\"docs/.git/hooks/x\"", BOTH },
    { "{\"path\":{\"hidden\":true}}", "\"docs/a\"", NEITHER },
    { "{\"path\":{\"hidden\":true}}", "\"docs/x/../.git\"", DENY_ONLY },
    { "{\"path\":{\"hidden\":false}}", "\"docs/.x\"", NEITHER },
    { "{\"path\":{\"beneath\":[\"docs\"],\"hidden\":false}}", "\"docs/x\"", BOTH },
    { "{\"path\":{}}", "\"any/x\"", BOTH },
    { "{\"path\":{}}", "\"/x\"", DENY_ONLY },
    /* URLs */
    { "{\"url\":{\"scheme\":[\"https\"]}}", "\"HTTPS://a.org/\"", BOTH },
    { "{\"url\":{\"scheme\":[\"https\"]}}", "\"http://a.org/\"", NEITHER },
    { "{\"url\":{\"scheme\":[\"https\"]}}", "\"file:///x\"", DENY_ONLY },
    { "{\"url\":{\"host\":[\"a.org\"]}}", "\"https://A.org./\"", BOTH },
    { "{\"url\":{\"host\":[\"a.org\"]}}", "\"https://x.a.org/\"", NEITHER },
    { "{\"url\":{\"host\":[\"a.org\"]}}", "\"https://a.org.b.org/\"", NEITHER },
    { "{\"url\":{\"host\":[\"a.org\"]}}", "\"https://b.org/?a.org\"", NEITHER },
    { "{\"url\":{\"host\":[\"a.org\"]}}", "\"https://a.org@b.org/\"", DENY_ONLY },
    { "{\"url\":{\"host\":[\"*.a.org\"]}}", "\"https://x.y.a.org/\"", BOTH },
    { "{\"url\":{\"host\":[\"*.a.org\"]}}", "\"https://a.org/\"", NEITHER },
    { "{\"url\":{\"host\":[\"*.a.org\"]}}", "\"https://xa.org/\"", NEITHER },
    { "{\"url\":{\"host\":[\"::1\"]}}", "\"http://[0:0::1]/\"", BOTH },
    { "{\"url\":{\"host\":[\"127.0.0.1\"]}}", "\"http://127.0.0.1:8080/\"", BOTH },
    { "{\"url\":{\"host\":[\"127.0.0.1\"]}}", "\"http://127.1/\"", DENY_ONLY },
    { "{\"url\":{\"port\":[443]}}", "\"https://a.org/\"", BOTH },
    { "{\"url\":{\"port\":[443]}}", "\"http://a.org:443/\"", BOTH },
    { "{\"url\":{\"port\":[443]}}", "\"http://a.org/\"", NEITHER },
    { "{\"url\":{\"port\":[80,8080]}}", "\"http://a.org:8080/\"", BOTH },
    { "{\"url\":{\"beneath\":[\"/api\"]}}", "\"https://a.org/api\"", BOTH },
    { "{\"url\":{\"beneath\":[\"/api\"]}}", "\"https://a.org/api/x?y\"", BOTH },
    { "{\"url\":{\"beneath\":[\"/api\"]}}", "\"https://a.org/apix\"", NEITHER },
    { "{\"url\":{\"beneath\":[\"/api/\"]}}", "\"https://a.org/api\"", NEITHER },
    { "{\"url\":{\"beneath\":[\"/api\"]}}", "\"https://a.org/%61pi\"", DENY_ONLY },
    { "{\"url\":{\"beneath\":[\"/api\"]}}", "\"https://a.org//api\"", DENY_ONLY },
    { "{\"url\":{\"beneath\":[\"/api\"]}}", "\"https://a.org/x/../api\"", DENY_ONLY },
    { "{\"url\":{\"beneath\":[\"/api\"]}}", "\"https://a.org/x;/..;/api\"", DENY_ONLY },
    { "{\"url\":{\"beneath\":[\"/\"]}}", "\"https://a.org\"", BOTH },
    { "{\"url\":{\"beneath\":[\"/\"]}}", "\"https://a.org?x\"", BOTH },
    { "{\"url\":{\"max_query\":3}}", "\"https://a.org/?abc\"", BOTH },
    { "{\"url\":{\"max_query\":3}}", "\"https://a.org/?abcd\"", NEITHER },
    { "{\"url\":{\"max_query\":3}}", "\"https://a.org/#abcd\"", NEITHER },
    { "{\"url\":{\"max_query\":0}}", "\"https://a.org/\"", BOTH },
    { "{\"url\":{\"private\":true}}", "\"http://192.168.0.1/\"", BOTH },
    { "{\"url\":{\"private\":true}}", "\"http://a.org/\"", NEITHER },
    { "{\"url\":{\"private\":true}}", "\"http://0300.0250.0.1/\"", DENY_ONLY },
    { "{\"url\":{\"private\":false}}", "\"http://localhost/\"", NEITHER },
    { "{\"url\":{\"private\":false}}", "[\"https://a.org/\",\"http://localhost/\"]", DENY_ONLY },
    { "{\"url\":{}}", "\"https://a.org/\"", BOTH },
    { "{\"url\":{}}", "\"a.org\"", DENY_ONLY },
    { "{\"url\":{}}", "true", NEITHER },
    /* command lines */
    { "{\"argv\":{\"program\":[\"rm\"]}}", "[\"rm\",\"x\"]", BOTH },
    { "{\"argv\":{\"program\":[\"rm\"]}}", "[\"/bin/rm\",\"x\"]", DENY_ONLY },
    { "{\"argv\":{\"program\":[\"rm\"]}}", "[\"./rm\",\"x\"]", DENY_ONLY },
    { "{\"argv\":{\"program\":[\"rm\"]}}", "[\"RM\",\"x\"]", NEITHER },
    { "{\"argv\":{\"program\":[\"rm\"]}}", "[\"env\",\"rm\"]", NEITHER },
    { "{\"argv\":{\"program\":[\"rm\"]}}", "[\"rm -rf\"]", NEITHER },
    { "{\"argv\":{\"program\":[\"rm\"]}}", "[7,\"rm\"]", DENY_ONLY },
    { "{\"argv\":{\"program\":[\"rm\"]}}", "[]", NEITHER },
    { "{\"argv\":{\"program\":[\"rm\"]}}", "\"rm\"", NEITHER },
    { "{\"argv\":{\"program\":[\"/bin/rm\"]}}", "[\"/bin/rm\"]", BOTH },
    { "{\"argv\":{\"options\":[\"-l\",\"--all\"]}}", "[\"ls\",\"-l\",\"a\"]", BOTH },
    { "{\"argv\":{\"options\":[\"-l\",\"--all\"]}}", "[\"ls\",\"--all=yes\"]", BOTH },
    { "{\"argv\":{\"options\":[\"-l\",\"--all\"]}}", "[\"ls\",\"-l\",\"-x\"]", DENY_ONLY },
    { "{\"argv\":{\"options\":[\"-l\",\"--all\"]}}", "[\"ls\",\"-x\"]", NEITHER },
    { "{\"argv\":{\"options\":[\"-l\",\"--all\"]}}", "[\"ls\",\"-xl\"]", DENY_ONLY },
    { "{\"argv\":{\"options\":[\"-l\",\"--all\"]}}", "[\"ls\",\"-lfile\"]", DENY_ONLY },
    { "{\"argv\":{\"options\":[\"-l\",\"--all\"]}}", "[\"ls\",\"--al\"]", DENY_ONLY },
    { "{\"argv\":{\"options\":[\"-l\",\"--all\"]}}", "[\"ls\",\"--a=no\"]", DENY_ONLY },
    { "{\"argv\":{\"options\":[\"-l\",\"--all\"]}}", "[\"ls\",\"--allx\"]", NEITHER },
    { "{\"argv\":{\"options\":[\"-l\",\"--all\"]}}", "[\"ls\",\"--\"]", NEITHER },
    { "{\"argv\":{\"options\":[\"-l\",\"--all\"]}}", "[\"ls\",\"a\"]", ALLOW_ONLY },
    { "{\"argv\":{\"options\":[\"-delete\"]}}", "[\"find\",\"-delete\"]", BOTH },
    { "{\"argv\":{\"options\":[\"-delete\"]}}", "[\"find\",\"-d\"]", NEITHER },
    { "{\"argv\":{\"max\":2}}", "[\"ls\",\"a\"]", BOTH },
    { "{\"argv\":{\"max\":2}}", "[\"ls\",\"a\",\"b\"]", NEITHER },
    { "{\"argv\":{}}", "[\"ls\"]", BOTH },
};

static struct policy *load(const char *rules, struct err *err)
{
    struct buf text;
    struct policy *p;

    buf_init(&text, 1u << 16);
    buf_addf(&text, "{\"policy\":1,\"id\":\"t\",\"rules\":[%s]}", rules);
    p = load_buf(&text, POLICY_BASE, err);
    buf_finish(&text);
    return p;
}

static bool matches(const char *decision, const char *condition, const char *value, path_resolver *resolve)
{
    char rule[600], args[300];
    struct err err = { 0 };
    struct policy_request r = { .provider = "a", .tool = "b", .resolve = resolve };
    struct json *parsed;
    struct policy *p;
    bool matched = false;

    snprintf(rule, sizeof(rule), "{\"id\":\"r\",\"%s\":\"a.b\",\"when\":{\"args\":{\"x\":%s}},\"why\":\"w\"}", decision, condition);
    snprintf(args, sizeof(args), "{\"x\":%s}", value);
    parsed = json_parse(args, strlen(args), &err);
    r.args = parsed;
    if ((p = load(rule, &err)))
        matched = strcmp(policy_decide(p, &r).rule, "t/r") == 0;
    else
        diag("%s", err.msg);
    policy_destroy(p);
    json_free(parsed);
    return matched;
}

static void test_conditions(void)
{
    static const char *const names[] = { "neither", "deny only", "allow only", "both" };

    for (size_t i = 0; i < COUNT(conditions); i++) {
        const bool allow = matches("allow", conditions[i].condition, conditions[i].value, NULL);
        const bool deny = matches("deny", conditions[i].condition, conditions[i].value, NULL);
        const bool ask = matches("ask", conditions[i].condition, conditions[i].value, NULL);

        ok((allow ? ALLOW_ONLY : 0) + (deny ? DENY_ONLY : 0) == (int)conditions[i].about && ask == deny, "%s %s: %s",
           conditions[i].condition, conditions[i].value, names[conditions[i].about]);
    }
}

/* docs/link leads to work/secret, docs/out out of all roots. */
static bool resolve(void *arg, const char *text, struct path *out)
{
    (void)arg;
    if (strcmp(text, "docs/out") == 0)
        return false;
    if (strcmp(text, "docs/link") == 0)
        text = "work/secret";
    return path_parse(text, out);
}

static void test_resolver(void)
{
    static const char docs[] = "{\"path\":{\"beneath\":[\"docs\"]}}", work[] = "{\"path\":{\"beneath\":[\"work\"]}}";

    ok(matches("allow", docs, "\"docs/link\"", NULL), "without a resolver the text counts");
    ok(!matches("allow", docs, "\"docs/link\"", resolve), "a link out of the folder is not beneath it");
    ok(matches("deny", work, "\"docs/link\"", resolve), "but beneath where it leads");
    ok(matches("deny", work, "\"docs/out\"", resolve) && !matches("allow", docs, "\"docs/out\"", resolve),
       "a link that leads nowhere counts against the call");
    ok(matches("allow", docs, "\"docs/a\"", resolve), "the rest is as it was");
}

/* --- what is refused -------------------------------------------------------------------------------------------- */

static void test_refused(void)
{
    static const char *const bad[][2] = {
        { "{\"path\":7}", "path is not an object" },
        { "{\"path\":{\"under\":[\"a\"]}}", "key \"under\" is unknown" },
        { "{\"path\":{\"beneath\":[]}}", "beneath is not a list" },
        { "{\"path\":{\"beneath\":[7]}}", "beneath is not a list" },
        { "{\"path\":{\"beneath\":[\"/etc\"]}}", "is not a root's name" },
        { "{\"path\":{\"beneath\":[\"a/../b\"]}}", "is not a root's name" },
        { "{\"path\":{\"hidden\":1}}", "hidden is neither true nor false" },
        { "{\"path\":{},\"min\":1}", "alone" },
        { "{\"url\":[]}", "url is not an object" },
        { "{\"url\":{\"hosts\":[\"a.org\"]}}", "key \"hosts\" is unknown" },
        { "{\"url\":{\"scheme\":[\"ftp\"]}}", "neither http nor https" },
        { "{\"url\":{\"scheme\":[\"HTTP\"]}}", "neither http nor https" },
        { "{\"url\":{\"host\":[\"A.org\"]}}", "not a host in lower case" },
        { "{\"url\":{\"host\":[\"a.org.\"]}}", "not a host in lower case" },
        { "{\"url\":{\"host\":[\"a.org:80\"]}}", "not a host in lower case" },
        { "{\"url\":{\"host\":[\"a.org/x\"]}}", "not a host in lower case" },
        { "{\"url\":{\"host\":[\"*a.org\"]}}", "not a host in lower case" },
        { "{\"url\":{\"host\":[\"*\"]}}", "not a host in lower case" },
        { "{\"url\":{\"host\":[\"*.8.8.8.8\"]}}", "not a host in lower case" },
        { "{\"url\":{\"host\":[\"127.1\"]}}", "not a host in lower case" },
        { "{\"url\":{\"host\":[\"0::1\"]}}", "not a host in lower case" },
        { "{\"url\":{\"host\":[\"[::1]\"]}}", "not a host in lower case" },
        { "{\"url\":{\"port\":[0]}}", "from 1 to 65535" },
        { "{\"url\":{\"port\":[65536]}}", "from 1 to 65535" },
        { "{\"url\":{\"port\":[\"80\"]}}", "from 1 to 65535" },
        { "{\"url\":{\"port\":443}}", "port is not a list" },
        { "{\"url\":{\"beneath\":[\"api\"]}}", "does not begin with a slash" },
        { "{\"url\":{\"beneath\":[\"/a?b\"]}}", "plain spelling" },
        { "{\"url\":{\"beneath\":[\"/a#b\"]}}", "plain spelling" },
        { "{\"url\":{\"beneath\":[\"/a//b\"]}}", "plain spelling" },
        { "{\"url\":{\"beneath\":[\"/%61\"]}}", "plain spelling" },
        { "{\"url\":{\"beneath\":[\"/a/../b\"]}}", "plain spelling" },
        { "{\"url\":{\"max_query\":-1}}", "not a number from 0 on" },
        { "{\"url\":{\"max_query\":1.5}}", "not a number from 0 on" },
        { "{\"url\":{\"private\":\"no\"}}", "neither true nor false" },
        { "{\"argv\":\"ls\"}", "argv is not an object" },
        { "{\"argv\":{\"program\":\"ls\"}}", "program is not a list" },
        { "{\"argv\":{\"program\":[\"\"]}}", "program is not a list" },
        { "{\"argv\":{\"options\":[]}}", "options is not a list" },
        { "{\"argv\":{\"max\":\"2\"}}", "not a number from 0 on" },
        { "{\"argv\":{\"min\":2}}", "key \"min\" is unknown" },
    };

    for (size_t i = 0; i < COUNT(bad); i++) {
        char rule[300];
        struct err err = { 0 };
        struct policy *p;

        snprintf(rule, sizeof(rule), "{\"id\":\"r\",\"deny\":\"a.b\",\"when\":{\"args\":{\"x\":%s}},\"why\":\"w\"}", bad[i][0]);
        p = load(rule, &err);
        if (!ok(!p && err.status == CORAX_E_ARGS && strstr(err.msg, bad[i][1]), "refused: %s", bad[i][0]))
            diag("%s", p ? "accepted" : err.msg);
        policy_destroy(p);
    }
}

/* --- covering --------------------------------------------------------------------------------------------------- */

static bool loads_pair(const char *stricter, const char *other, const char *condition)
{
    char rules[800];
    struct err err = { 0 };
    struct policy *p;

    snprintf(rules, sizeof(rules),
             "{\"id\":\"r\",\"%s\":\"a.b\",\"when\":{\"args\":{\"x\":%s}},\"why\":\"w\"},"
             "{\"id\":\"s\",\"%s\":\"a.b\",\"when\":{\"args\":{\"x\":%s}},\"why\":\"w\"}",
             stricter, condition, other, condition);
    p = load(rules, &err);
    policy_destroy(p);
    return p != NULL;
}

static void test_covering(void)
{
    static const char *const covered[] = { "{\"path\":{\"beneath\":[\"docs\"]}}", "{\"url\":{\"host\":[\"a.org\"]}}", "{\"argv\":{\"program\":[\"ls\"]}}" };
    static const char options[] = "{\"argv\":{\"options\":[\"-l\"]}}";

    for (size_t i = 0; i < COUNT(covered); i++)
        ok(!loads_pair("deny", "allow", covered[i]) && !loads_pair("ask", "ask", covered[i]), "%s covers itself", covered[i]);
    ok(loads_pair("deny", "allow", options), "to deny options leaves lines without any to allow");
    ok(!loads_pair("deny", "ask", options) && !loads_pair("allow", "allow", options), "otherwise they cover themselves");
}

int main(void)
{
    plan_later();
    test_paths();
    test_conditions();
    test_resolver();
    test_refused();
    test_covering();
    done();
    return tap_status();
}
