/*
 * Covers: labels, sinks, what is contained and what is built in; limits; how duties are joined; what policy_explain names; what layers may
 * not hold, and that nothing is allowed without a base; the keys of inline tests; redaction, also by patterns that run for ever.
 * Does not cover: whether this holds for every set: reference-t.c, monotone-t.c.
 */
#include <corax/plugin.h>

#include "policies/policy.h"
#include "policies/redact.h"
#include "tests/policies/files.h"
#include "tests/tap.h"
#include "util/clock.h"

#define FX_R CORAX_FX_READ
#define FX_W CORAX_FX_WRITE
#define FX_X CORAX_FX_EXEC
#define FX_N CORAX_FX_NET

static struct policy *load(enum policy_layer layer, const char *sections, struct err *err)
{
    struct buf text;
    struct policy *p;

    buf_init(&text, 1u << 16);
    buf_addf(&text, "{\"policy\":1,\"id\":\"%s\"%s%s}", layer == POLICY_BASE ? "base" : "narrow", *sections ? "," : "", sections);
    p = load_buf(&text, layer, err);
    buf_finish(&text);
    return p;
}

#define ALL "\"rules\":[{\"id\":\"all\",\"allow\":\"*.*\",\"why\":\"w\"}]"

/* A base and a layer that narrows; either may be NULL. */
struct two {
    struct policy *at[2];
};

static const struct policy *const *layers_of(const struct two *t)
{
    return (const struct policy *const *)t->at;
}

static struct two load_two(const char *base, const char *narrow)
{
    struct err err = { 0 };
    struct two t = { { NULL, NULL } };

    if (base && !(t.at[0] = load(POLICY_BASE, base, &err)))
        ok(false, "%s", err.msg);
    if (narrow && !(t.at[1] = load(POLICY_NARROWS, narrow, &err)))
        ok(false, "%s", err.msg);
    return t;
}

static void free_two(struct two *t)
{
    policy_destroy(t->at[0]);
    policy_destroy(t->at[1]);
}

static void is_verdict(const struct two *t, const struct policy_request *r, enum policy_decision d, const char *rule, const char *what)
{
    const struct policy_verdict v = policy_decide_layers(layers_of(t), 2, r);

    if (!ok(v.decision == d && strcmp(v.rule, rule) == 0, "%s: %s by %s", what, policy_decision_name(d), rule))
        diag("%s by %s", policy_decision_name(v.decision), v.rule);
}

/* --- what is built in ------------------------------------------------------------------------------------------- */

static void test_built_in(void)
{
    static const struct {
        unsigned effects, traits;
        struct label seen;
        enum policy_decision decision;
        const char *rule;
    } cases[] = {
        { FX_N, 0, { TRUSTED, PUBLIC }, POLICY_ALLOW, "base/all" },
        { FX_N, 0, { TRUSTED, INTERNAL }, POLICY_ASK, "built-in/flow" },
        { FX_N, 0, { TRUSTED, SECRET }, POLICY_DENY, "built-in/flow" },
        { FX_N, 0, { UNTRUSTED, PUBLIC }, POLICY_ALLOW, "base/all" },
        { FX_N, 0, { UNTRUSTED, INTERNAL }, POLICY_ASK, "built-in/flow" },
        { FX_W, 0, { TRUSTED, INTERNAL }, POLICY_ALLOW, "base/all" },
        { FX_W, 0, { TRUSTED, SECRET }, POLICY_DENY, "built-in/flow" },
        { FX_W, 0, { UNTRUSTED, PUBLIC }, POLICY_ASK, "built-in/trusted-context" },
        { FX_W, 0, { UNTRUSTED, INTERNAL }, POLICY_ASK, "built-in/rule-of-two" },
        { FX_X, 0, { TRUSTED, SECRET }, POLICY_DENY, "built-in/flow" },
        { FX_X, 0, { UNTRUSTED, PUBLIC }, POLICY_ASK, "built-in/trusted-context" },
        { FX_W | FX_N, 0, { TRUSTED, INTERNAL }, POLICY_ASK, "built-in/flow" },
        { FX_R, 0, { UNTRUSTED, SECRET }, POLICY_ALLOW, "base/all" },
        { CORAX_FX_CLOCK, 0, { UNTRUSTED, SECRET }, POLICY_ALLOW, "base/all" },
        { 0, 0, { UNTRUSTED, SECRET }, POLICY_ALLOW, "base/all" },
        { 0, CORAX_TRAIT_DESTRUCTIVE, { UNTRUSTED, PUBLIC }, POLICY_ASK, "built-in/trusted-context" },
        { FX_R, CORAX_TRAIT_DESTRUCTIVE, { UNTRUSTED, SECRET }, POLICY_ASK, "built-in/rule-of-two" },
    };
    struct two t = load_two(ALL, NULL), open = load_two(ALL ",\"sinks\":[{\"id\":\"s\",\"of\":\"a.*\",\"confidentiality\":\"secret\",\"why\":\"w\"}]",
                                                        "\"sinks\":[{\"id\":\"s\",\"of\":\"a.mail\",\"confidentiality\":\"internal\",\"why\":\"w\"}]");
    struct two box = load_two(ALL ",\"contained\":[{\"id\":\"c\",\"of\":\"a.b\",\"when\":{\"args\":{\"u\":{\"url\":{}}}},\"why\":\"w\"}]", NULL);
    struct policy_request r = { .provider = "a", .tool = "b" };
    struct json *good, *bad;

    for (size_t i = 0; i < COUNT(cases); i++) {
        r.effects = cases[i].effects;
        r.traits = cases[i].traits;
        r.context = cases[i].seen;
        is_verdict(&t, &r, cases[i].decision, cases[i].rule, "built in");
    }
    r = (struct policy_request){ .provider = "a", .tool = "b", .effects = FX_N, .context = { TRUSTED, SECRET } };
    is_verdict(&open, &r, POLICY_ALLOW, "base/all", "a sink of the base stands in the place of what the effects say");
    r.tool = "mail";
    is_verdict(&open, &r, POLICY_DENY, "built-in/flow", "a layer that narrows opens it to more");
    r.context = (struct label){ TRUSTED, INTERNAL };
    is_verdict(&open, &r, POLICY_ALLOW, "base/all", "as far as it says");
    good = json_parse("{\"u\":\"https://a.org\"}", 21, NULL);
    bad = json_parse("{\"u\":\"https://a.org@b\"}", 23, NULL);
    r = (struct policy_request){ .provider = "a", .tool = "b", .effects = FX_X | FX_N, .context = { UNTRUSTED, SECRET }, .args = good };
    is_verdict(&box, &r, POLICY_ALLOW, "base/all", "what is contained tells nobody");
    r.args = bad;
    is_verdict(&box, &r, POLICY_DENY, "built-in/flow", "what may be contained does");
    json_free(good);
    json_free(bad);
    free_two(&t);
    free_two(&open);
    free_two(&box);
}

/* --- labels ----------------------------------------------------------------------------------------------------- */

static void is_label(const struct two *t, const char *tool, unsigned effects, enum integrity i, enum confidentiality c, const char *what)
{
    const struct policy_request r = { .provider = "a", .tool = tool, .effects = effects };
    const struct label l = policy_decide_layers(layers_of(t), 2, &r).result;

    ok(l.integrity == i && l.confidentiality == c, "%s: %s, %s", what, integrity_name(i), confidentiality_name(c));
}

static void test_labels(void)
{
#define LABEL(id, of, parts) "{\"id\":\"" id "\",\"of\":\"" of "\"," parts ",\"why\":\"w\"}"
    struct two t = load_two(ALL ",\"labels\":[" LABEL("l1", "a.mail", "\"integrity\":\"untrusted\",\"confidentiality\":\"secret\"") "," LABEL(
                                "l2", "a.good*", "\"integrity\":\"trusted\"") "," LABEL("l3", "a.good2", "\"confidentiality\":\"public\"") ","
                                LABEL("l4", "a.*3", "\"integrity\":\"untrusted\"") "]",
                            "\"labels\":[" LABEL("n1", "a.good2", "\"confidentiality\":\"internal\"") "," LABEL(
                                "n2", "a.mail", "\"integrity\":\"trusted\",\"confidentiality\":\"public\"") "]");
#undef LABEL

    is_label(&t, "x", 0, TRUSTED, PUBLIC, "without effects");
    is_label(&t, "x", CORAX_FX_CLOCK | FX_X | FX_W, TRUSTED, PUBLIC, "nor do these say anything");
    is_label(&t, "x", FX_N, UNTRUSTED, PUBLIC, "from the network");
    is_label(&t, "x", FX_R, TRUSTED, INTERNAL, "of what is read");
    is_label(&t, "x", FX_R | FX_N, UNTRUSTED, INTERNAL, "of both");
    is_label(&t, "mail", 0, UNTRUSTED, SECRET, "as labels say, and no better for a layer that narrows");
    is_label(&t, "good", FX_R | FX_N, TRUSTED, INTERNAL, "one part is said, the other goes by the effects");
    is_label(&t, "good2", FX_R | FX_N, TRUSTED, INTERNAL, "the base says both, a layer worsens one");
    is_label(&t, "good3", FX_N, UNTRUSTED, PUBLIC, "where two labels differ the worse one holds");
    free_two(&t);
}

/* --- limits ----------------------------------------------------------------------------------------------------- */

static void test_limits(void)
{
    struct policy_past past[5] = { { "a", "x", FX_N, 0, 10 }, { "a", "x", 0, 0, 10 }, { "b", "x", FX_N, 0, 10 },
                                   { "a", "y", FX_N, 0, SIZE_MAX }, { "a", "y", FX_N, 0, SIZE_MAX } };
    struct policy_request r = { .provider = "a", .tool = "x", .effects = FX_N, .past = past };
    struct two t = load_two(ALL ",\"limits\":[{\"id\":\"l\",\"of\":\"a.*\",\"when\":{\"effects\":{\"any\":[\"net\"]}},\"calls\":2,\"bytes\":30,\"why\":\"w\"}]",
                            "\"limits\":[{\"id\":\"none\",\"of\":\"c.*\",\"calls\":0,\"why\":\"w\"}]");

    is_verdict(&t, &r, POLICY_ALLOW, "base/all", "nothing is used up");
    r.n_past = 3;
    is_verdict(&t, &r, POLICY_ALLOW, "base/all", "other tools and effects do not count");
    r.bytes = 20;
    is_verdict(&t, &r, POLICY_ALLOW, "base/all", "the bytes that are left");
    r.bytes = 21;
    is_verdict(&t, &r, POLICY_DENY, "base/l", "one byte more");
    r.effects = 0;
    is_verdict(&t, &r, POLICY_ALLOW, "base/all", "of a call that the limit is not about, too");
    r.effects = FX_N;
    r.bytes = 0;
    past[1].effects = FX_N;
    is_verdict(&t, &r, POLICY_DENY, "base/l", "a third call");
    r.n_past = 5;
    past[1].effects = past[0].effects = 0;
    r.bytes = SIZE_MAX;
    is_verdict(&t, &r, POLICY_DENY, "base/l", "sums do not wrap around");
    r = (struct policy_request){ .provider = "c", .tool = "x" };
    is_verdict(&t, &r, POLICY_DENY, "narrow/none", "a limit of 0 calls");
    free_two(&t);
}

/* --- duties and explanations ------------------------------------------------------------------------------------ */

#define RULE(id, decision, more) "{\"id\":\"" id "\",\"" decision "\":\"a.*\"" more ",\"why\":\"w\"}"

static void test_duties(void)
{
    struct two t = load_two("\"rules\":[" RULE("r1", "allow", ",\"must\":{\"timeout_s\":9,\"result_bytes\":100,\"redact\":[\"sk-[a-z]+\"]}") "," RULE(
                                "r2", "allow", ",\"must\":{\"timeout_s\":5.5,\"approve_s\":60,\"in_doubt\":\"ask\"}") "," RULE("r0", "allow", ",\"must\":{\"in_doubt\":\"fail\"}") "]",
                            "\"rules\":[" RULE("n1", "ask", ",\"must\":{\"timeout_s\":7,\"fresh_host\":true,\"redact\":[\"secret\"],\"in_doubt\":\"fail\"}") "]");
    const struct policy_request r = { .provider = "a", .tool = "x" }, other = { .provider = "b", .tool = "x" };
    struct policy_verdict v = policy_decide_layers(layers_of(&t), 2, &r);
    static const char text[] = "the secret is sk-abc, and sk-secret";
    struct buf out;

    is_int(v.must.timeout_ms, 5500, "the shortest timeout of all rules that match, in whatever layer");
    is_int(v.must.approve_ms, 60000, "of a duty that one rule has, that one's");
    is_int(v.must.result_bytes, 100, "bytes of the result");
    ok(v.must.fresh_host, "a host of its own");
    is_str(policy_doubt_name(v.must.in_doubt), "fail", "in doubt it fails");
    is_str(v.must.in_doubt_rule, "base/r0", "by the first of those that say so");
    ok(policy_redacts(&v.must), "something is taken out");
    buf_init(&out, 1000);
    policy_redact(layers_of(&t), 2, &v.must, text, sizeof(text) - 1, &out);
    buf_addc(&out, '\0');
    is_str(out.data, "the [redacted] is [redacted], and [redacted]", "by the patterns of all layers, which see the text as it came");
    v = policy_decide_layers(layers_of(&t), 2, &other);
    ok(v.must.timeout_ms == 0 && v.must.approve_ms == 0 && v.must.result_bytes == 0 && !v.must.fresh_host && !policy_redacts(&v.must) &&
           v.must.in_doubt == POLICY_DOUBT_UNSAID && v.must.in_doubt_rule == NULL,
       "where no rule matches there are no duties");
    buf_finish(&out);
    free_two(&t);
}

static void test_explain(void)
{
    struct two t = load_two("\"rules\":[{\"id\":\"r1\",\"allow\":\"a.*\",\"why\":\"w\"},{\"id\":\"r2\",\"ask\":\"a.x\",\"why\":\"w\"}],"
                            "\"labels\":[{\"id\":\"l\",\"of\":\"a.x\",\"integrity\":\"untrusted\",\"why\":\"w\"}],"
                            "\"sinks\":[{\"id\":\"s\",\"of\":\"a.x\",\"confidentiality\":\"internal\",\"why\":\"w\"}],"
                            "\"contained\":[{\"id\":\"c\",\"of\":\"b.x\",\"why\":\"w\"}],"
                            "\"limits\":[{\"id\":\"m\",\"of\":\"*.*\",\"bytes\":9,\"why\":\"w\"}]",
                            "\"rules\":[" RULE("r0", "ask", "") "]");
    static const char *const names[] = { "base/m", "built-in/flow", "base/r2", "built-in/rule-of-two", "built-in/trusted-context", "narrow/r0",
                                         "base/r1", "base/l", "base/s" };
    struct policy_request r = { .provider = "a", .tool = "x", .effects = FX_W, .bytes = 10, .context = { UNTRUSTED, SECRET } };
    struct policy_reason reasons[16];
    const size_t n = policy_explain(layers_of(&t), 2, &r, reasons, 16);
    size_t i = 0;

    while (i < n && i < COUNT(names) && strcmp(reasons[i].name, names[i]) == 0)
        i++;
    if (!ok(n == COUNT(names) && i == n, "all that had a say is named, the strictest first"))
        for (i = 0; i < n; i++)
            diag("%s %s %s", policy_part_name(reasons[i].part), policy_decision_name(reasons[i].decision), reasons[i].name);
    is_int((long long)policy_explain(layers_of(&t), 2, &r, reasons, 1), (long long)n, "with room for one, all are counted");
    is_str(reasons[0].name, "base/m", "and the strictest is given");
    is_int((long long)policy_explain(layers_of(&t), 2, &r, NULL, 0), (long long)n, "with room for none, too");
    r = (struct policy_request){ .provider = "b", .tool = "x", .bytes = 10 };
    policy_explain(layers_of(&t), 2, &r, reasons, 16);
    is_str(reasons[0].name, "base/m", "of two denials the named one comes before none");
    is_str(reasons[1].name, "none", "which comes behind it");
    is_str(policy_decide_layers(layers_of(&t), 2, &r).rule, "base/m", "as the verdict has it");
    free_two(&t);
}

/* --- layers ----------------------------------------------------------------------------------------------------- */

static void is_refused(enum policy_layer layer, const char *sections, const char *says)
{
    struct err err = { 0 };
    struct policy *p = load(layer, sections, &err);

    if (!ok(!p && err.status == CORAX_E_ARGS && strstr(err.msg, says), "refused: %s", says))
        diag("%s", p ? "accepted" : err.msg);
    policy_destroy(p);
}

static void test_layers(void)
{
    struct two none = load_two(NULL, "\"rules\":[" RULE("n", "ask", "") "]"), t = load_two(ALL, "");
    struct two worse = load_two("\"rules\":[{\"id\":\"r\",\"ask\":\"*.*\",\"when\":{\"context\":{\"at_least\":{\"integrity\":\"untrusted\"}}},\"why\":\"w\"}]",
                                NULL);
    struct policy_request r = { .provider = "a", .tool = "x" };

    is_verdict(&none, &r, POLICY_DENY, "none", "without a base nothing is allowed");
    ok(policy_decide_layers(NULL, 0, &r).decision == POLICY_DENY && policy_decide(NULL, &r).decision == POLICY_DENY, "nor without any layer");
    is_verdict(&t, &r, POLICY_ALLOW, "base/all", "an empty layer narrows nothing");
    is_verdict(&t, &(struct policy_request){ 0 }, POLICY_DENY, "none", "* allows every name, not none at all");
    is_verdict(&t, &(struct policy_request){ .provider = "a", .tool = "" }, POLICY_DENY, "none", "nor half a name");
    is_verdict(&worse, &r, POLICY_DENY, "none", "no rule matches");
    r.context.integrity = UNTRUSTED;
    is_verdict(&worse, &r, POLICY_DENY, "none", "a rule that asks of a worse context allows no more there");
    is_refused(POLICY_NARROWS, "\"rules\":[" RULE("r", "allow", "") "]", "rule r: this layer only narrows");
    is_refused(POLICY_NARROWS, "\"contained\":[{\"id\":\"c\",\"of\":\"a.b\",\"why\":\"w\"}]", "contained c: this layer only narrows");
    is_refused(POLICY_BASE, "\"rules\":[" RULE("r", "allow", ",\"when\":{\"context\":{\"at_least\":{\"integrity\":\"untrusted\"}}}") "]", "at_most");
    is_refused(POLICY_BASE, "\"rules\":[" RULE("r", "deny", ",\"when\":{\"context\":{\"at_most\":{\"integrity\":\"trusted\"}}}") "]", "at_least");
    is_refused(POLICY_BASE, "\"rules\":[" RULE("r", "deny", ",\"when\":{\"context\":{\"at_least\":{\"integrity\":\"trusted\"}}}") "]", "leave it out");
    is_refused(POLICY_BASE, ALL ",\"limits\":[{\"id\":\"l\",\"of\":\"a.b\",\"why\":\"w\"}]", "calls or bytes is missing");
    is_refused(POLICY_BASE, ALL ",\"limits\":[{\"id\":\"l\",\"of\":\"a.b\",\"calls\":-1,\"why\":\"w\"}]", "not a number from 0 on");
    is_refused(POLICY_BASE, ALL ",\"limits\":[{\"id\":\"l\",\"of\":\"a.b\",\"calls\":1,\"when\":{\"args\":{\"x\":{\"min\":1}}},\"why\":\"w\"}]",
               "key \"args\" is unknown");
    is_refused(POLICY_BASE, ALL ",\"labels\":[{\"id\":\"l\",\"of\":\"a.b\",\"why\":\"w\"}]", "integrity or confidentiality is missing");
    is_refused(POLICY_BASE, ALL ",\"labels\":[{\"id\":\"l\",\"of\":\"a.b\",\"integrity\":\"good\",\"why\":\"w\"}]", "neither trusted nor untrusted");
    is_refused(POLICY_BASE, ALL ",\"sinks\":[{\"id\":\"s\",\"of\":\"a.b\",\"why\":\"w\"}]", "confidentiality is missing");
    is_refused(POLICY_BASE, ALL ",\"sinks\":[{\"id\":\"all\",\"of\":\"a.b\",\"confidentiality\":\"public\",\"why\":\"w\"}]", "all: this id is there twice");
    is_refused(POLICY_BASE, "\"rules\":[" RULE("r", "allow", ",\"must\":{}") "]", "must is not an object of duties");
    is_refused(POLICY_BASE, "\"rules\":[" RULE("r", "allow", ",\"must\":{\"timeout_s\":0}") "]", "timeout_s is not a number of seconds");
    is_refused(POLICY_BASE, "\"rules\":[" RULE("r", "allow", ",\"must\":{\"timeout_s\":1e9}") "]", "timeout_s is not a number of seconds");
    is_refused(POLICY_BASE, "\"rules\":[" RULE("r", "allow", ",\"must\":{\"result_bytes\":0}") "]", "result_bytes is not a number");
    is_refused(POLICY_BASE, "\"rules\":[" RULE("r", "allow", ",\"must\":{\"fresh_host\":false}") "]", "fresh_host is true or left out");
    is_refused(POLICY_BASE, "\"rules\":[" RULE("r", "allow", ",\"must\":{\"redact\":[]}") "]", "redact is not a list of patterns");
    is_refused(POLICY_BASE, "\"rules\":[" RULE("r", "allow", ",\"must\":{\"in_doubt\":\"deny\"}") "]", "in_doubt is neither \"ask\" nor \"fail\"");
    is_refused(POLICY_BASE, "\"rules\":[" RULE("r", "allow", ",\"must\":{\"in_doubt\":true}") "]", "in_doubt is neither \"ask\" nor \"fail\"");
    is_refused(POLICY_BASE, "\"rules\":[" RULE("r", "allow", ",\"must\":{\"redact\":[\"(\"]}") "]", "redact: \"(\" at character 2");
    is_refused(POLICY_BASE, "\"rules\":[" RULE("r", "allow", ",\"must\":{\"nap_s\":1}") "]", "key \"nap_s\" is unknown");
    free_two(&none);
    free_two(&t);
    free_two(&worse);
}

/* --- inline tests ----------------------------------------------------------------------------------------------- */

#define TEST(t) "\"rules\":[" RULE("r", "allow", ",\"must\":{\"timeout_s\":2}") "],\"limits\":[{\"id\":\"l\",\"of\":\"a.*\",\"calls\":3,\"why\":\"w\"}],\"tests\":[" t "]"

static void test_inline(void)
{
    static const char *const good[] = {
        "{\"want\":\"allow\",\"call\":{\"tool\":\"a.b\",\"past\":[{\"tool\":\"a.c\",\"times\":2}]}}",
        "{\"want\":\"deny\",\"rule\":\"l\",\"call\":{\"tool\":\"a.b\",\"past\":[{\"tool\":\"a.c\",\"times\":2},{\"tool\":\"a.d\"}]}}",
        "{\"want\":\"deny\",\"rule\":\"base/l\",\"call\":{\"tool\":\"a.b\",\"past\":[{\"tool\":\"a.c\",\"times\":1000}]}}",
        "{\"want\":\"allow\",\"must\":{\"timeout_s\":2},\"call\":{\"tool\":\"a.b\"}}",
        "{\"want\":\"allow\",\"must\":{\"timeout_s\":2,\"redact\":false,\"fresh_host\":false},\"call\":{\"tool\":\"a.b\"}}",
        "{\"want\":\"allow\",\"result\":{\"confidentiality\":\"internal\"},\"call\":{\"tool\":\"a.b\",\"effects\":[\"read\"]}}",
        "{\"want\":\"ask\",\"rule\":\"built-in/flow\",\"call\":{\"tool\":\"a.b\",\"effects\":[\"net\"],\"context\":{\"confidentiality\":\"internal\"}}}",
    };
    static const char *const bad[][2] = {
        { "{\"want\":\"allow\",\"must\":{\"timeout_s\":3},\"call\":{\"tool\":\"a.b\"}}", "timeout_s is 2, not 3" },
        { "{\"want\":\"allow\",\"must\":{},\"call\":{\"tool\":\"a.b\"}}", "timeout_s is 2, not 0" },
        { "{\"want\":\"allow\",\"must\":{\"timeout_s\":2,\"in_doubt\":\"ask\"},\"call\":{\"tool\":\"a.b\"}}", "in_doubt is not said, not ask" },
        { "{\"want\":\"allow\",\"must\":{\"timeout_s\":2,\"in_doubt\":2},\"call\":{\"tool\":\"a.b\"}}", "in_doubt is neither" },
        { "{\"want\":\"allow\",\"must\":{\"timeout_s\":2,\"redact\":true},\"call\":{\"tool\":\"a.b\"}}", "redact is 0, not 1" },
        { "{\"want\":\"allow\",\"must\":{\"timeout_s\":\"2\"},\"call\":{\"tool\":\"a.b\"}}", "timeout_s is not a number" },
        { "{\"want\":\"allow\",\"must\":{\"timeout_s\":2,\"nap_s\":1},\"call\":{\"tool\":\"a.b\"}}", "must has a key that is unknown" },
        { "{\"want\":\"allow\",\"must\":7,\"call\":{\"tool\":\"a.b\"}}", "must is not an object" },
        { "{\"want\":\"allow\",\"result\":{\"integrity\":\"untrusted\"},\"call\":{\"tool\":\"a.b\"}}", "the result is trusted and public" },
        { "{\"want\":\"allow\",\"call\":{\"tool\":\"a.b\",\"past\":[{\"tool\":\"a.c\",\"times\":0}]}}", "times is not a number from 1" },
        { "{\"want\":\"allow\",\"call\":{\"tool\":\"a.b\",\"past\":[{\"tool\":\"a.c\",\"times\":1001}]}}", "times is not a number from 1" },
        { "{\"want\":\"allow\",\"call\":{\"tool\":\"a.b\",\"past\":[{\"tool\":\"a.c\",\"times\":600},{\"tool\":\"a.c\",\"times\":600}]}}", "more than 1000 calls" },
        { "{\"want\":\"allow\",\"call\":{\"tool\":\"a.b\",\"past\":[{\"effects\":[]}]}}", "past: tool is missing" },
        { "{\"want\":\"allow\",\"call\":{\"tool\":\"a.b\",\"past\":[7]}}", "past: tool is missing" },
        { "{\"want\":\"allow\",\"call\":{\"tool\":\"a.b\",\"past\":[[7]]}}", "something else than calls" },
        { "{\"want\":\"allow\",\"call\":{\"tool\":\"a.b\",\"past\":{}}}", "past is not a list" },
        { "{\"want\":\"allow\",\"call\":{\"tool\":\"a.b\",\"bytes\":-1}}", "bytes is not a number" },
        { "{\"want\":\"allow\",\"call\":{\"tool\":\"a.b\",\"context\":{}}}", "neither integrity nor confidentiality" },
    };
    char text[700];

    for (size_t i = 0; i < COUNT(good); i++) {
        struct err err = { 0 };
        struct policy *p;

        snprintf(text, sizeof(text), TEST("%s"), good[i]);
        p = load(POLICY_BASE, text, &err);
        if (!ok(p, "passes: %s", good[i]))
            diag("%s", err.msg);
        policy_destroy(p);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        snprintf(text, sizeof(text), TEST("%s"), bad[i][0]);
        is_refused(POLICY_BASE, text, bad[i][1]);
    }
}

/* --- redaction -------------------------------------------------------------------------------------------------- */

static void is_redacted(const char *patterns, const char *text, size_t len, const char *want)
{
    struct buf rule, out;
    struct err err = { 0 };
    const struct policy_request r = { .provider = "a", .tool = "x" };
    const struct policy *p;
    struct policy_verdict v;

    buf_init(&rule, 4096);
    buf_addf(&rule, "\"rules\":[{\"id\":\"r\",\"allow\":\"a.x\",\"must\":{\"redact\":[%s]},\"why\":\"w\"}]", patterns);
    buf_addc(&rule, '\0');
    p = load(POLICY_BASE, rule.data, &err);
    buf_finish(&rule);
    buf_init(&out, 1u << 21);
    if (p) {
        v = policy_decide(p, &r);
        policy_redact(&p, 1, &v.must, text, len, &out);
    }
    buf_addc(&out, '\0');
    if (!ok(p && strcmp(out.data, want) == 0, "%s: %.60s", patterns, want))
        diag("%.200s", p ? out.data : err.msg);
    buf_finish(&out);
    policy_destroy((struct policy *)p);
}

static void test_redaction(void)
{
    static const char withheld[] = "[withheld: a policy has parts of this text taken out, and that could not be done]";
    static const char *const runaway[] = { "\"(a+)+[bd]\"", "\"a*[bd]\"", "\"(?:a|aa)+[bd]\"", "\"(?=a*[bd])\"", "\"(\\\\w+\\\\s?)+[:;]$\"" };
    const size_t len = 1000000;
    char *many = malloc(len);

#define IS(patterns, text, want) is_redacted(patterns, text, sizeof(text) - 1, want)
    IS("\"[0-9]{4}\"", "pin 1234, not 12", "pin [redacted], not 12");
    IS("\"a\"", "banana", "b[redacted]n[redacted]n[redacted]");
    IS("\"a\"", "baa", "b[redacted]");
    IS("\"x\"", "", "");
    IS("\"x\"", "nothing", "nothing");
    IS("\"key=\",\"key=[a-z]+\"", "key=abc.", "[redacted].");
    IS("\"key=[a-z]+\",\"key=\"", "key=abc.", "[redacted].");
    IS("\"bc\",\"ab\"", "abcd", "[redacted]d");
    IS("\"redacted\"", "x redacted", "x [redacted]");
    IS("\"x*\"", "axb", "a[redacted]b");
    IS("\"^\",\"$\"", "ab", "ab");
    IS("\"(?=a)\"", "aa", "aa");
    IS("\"\xc3\xa9\"", "caf\xc3\xa9s", "caf[redacted]s");
    IS("\".\"", "\xc3\xa9\xe2\x82\xac", "[redacted]");
    IS("\"x\"", "a\0x", "a");
    IS("\"x\"", "\xff x", withheld);
    IS("\"x\"", "x \xc3", withheld);
#undef IS
    memset(many, 'a', len);
    for (size_t i = 0; i < COUNT(runaway); i++) {
        const int64_t start = clock_mono_ns();

        is_redacted(runaway[i], many, len, withheld);
        diag("%.0f ms", (double)(clock_mono_ns() - start) / 1e6);
    }
    free(many);
}

int main(void)
{
    plan_later();
    test_built_in();
    test_labels();
    test_limits();
    test_duties();
    test_explain();
    test_layers();
    test_inline();
    test_redaction();
    done();
    return tap_status();
}
