/*
 * The tests that a policy file carries with it.
 */
#include <string.h>

#include "policies/policy_parts.h"
#include "util/effects.h"

#define MAX_PAST       64   /* entries of "past" */
#define MAX_PAST_CALLS 1000 /* with their "times" */

/* What a request points to. */
struct names {
    char provider[256];
    char past[MAX_PAST][256];
    struct policy_past calls[MAX_PAST_CALLS];
    struct screen_answers screened;
};

/* Splits "plugin.tool" at the first dot; the plugin's name is put into provider. */
static int read_tool(const struct json *j, char *provider, size_t size, const char **tool, struct err *err)
{
    const char *text = json_text(j);
    const char *dot = text ? strchr(text, '.') : NULL;

    if (!dot || dot == text || dot[1] == '\0' || (size_t)(dot - text) >= size)
        return fail(err, CORAX_E_ARGS, "call: tool is not \"plugin.tool\"");
    memcpy(provider, text, (size_t)(dot - text));
    provider[dot - text] = '\0';
    *tool = dot + 1;
    return 0;
}

static int read_bytes(const struct json *j, size_t *out, struct err *err)
{
    int64_t n;

    if (json_int(j, "call: bytes", &n, err) < 0 || n < 0)
        return fail(err, CORAX_E_ARGS, "call: bytes is not a number from 0 on");
    *out = (size_t)n;
    return 0;
}

static int read_times(const struct json *j, int64_t *out, struct err *err)
{
    if (json_int(j, "times", out, err) < 0 || *out < 1 || *out > MAX_PAST_CALLS)
        return fail(err, CORAX_E_ARGS, "call: past: times is not a number from 1 to %d", MAX_PAST_CALLS);
    return 0;
}

static int read_past_call(const struct json *j, char *provider, size_t size, struct policy_past *past, int64_t *times,
                          struct err *err)
{
    *past = (struct policy_past){ .provider = provider };
    *times = 1;
    for (const struct json *m = json_first(j); m; m = json_next(m)) {
        const char *key = json_key(m);
        const int bad = !key                          ? fail(err, CORAX_E_ARGS, "call: past holds something else than calls")
                        : strcmp(key, "tool") == 0    ? read_tool(m, provider, size, &past->tool, err)
                        : strcmp(key, "effects") == 0 ? effects_read(m, "call: past: effects", &past->effects, err)
                        : strcmp(key, "traits") == 0  ? traits_read(m, "call: past: traits", &past->traits, err)
                        : strcmp(key, "bytes") == 0   ? read_bytes(m, &past->bytes, err)
                        : strcmp(key, "times") == 0   ? read_times(m, times, err)
                                                      : fail(err, CORAX_E_ARGS, "call: past: key \"%.60s\" is unknown", key);

        if (bad)
            return -1;
    }
    return past->tool ? 0 : fail(err, CORAX_E_ARGS, "call: past: tool is missing");
}

static int read_past(const struct json *list, struct names *names, struct policy_request *request, struct err *err)
{
    size_t entry = 0;

    if (json_kind(list) != JSON_ARRAY || json_count(list) > MAX_PAST)
        return fail(err, CORAX_E_ARGS, "call: past is not a list of at most %d calls", MAX_PAST);
    for (const struct json *j = json_first(list); j; j = json_next(j), entry++) {
        struct policy_past past;
        int64_t times;

        if (read_past_call(j, names->past[entry], sizeof(names->past[0]), &past, &times, err) < 0)
            return -1;
        if (request->n_past + (size_t)times > MAX_PAST_CALLS)
            return fail(err, CORAX_E_ARGS, "call: past comes to more than %d calls", MAX_PAST_CALLS);
        for (; times > 0; times--)
            names->calls[request->n_past++] = past;
    }
    request->past = names->calls;
    return 0;
}

static int read_screened(const struct policy *p, const struct json *j, struct names *names, struct policy_request *request, struct err *err)
{
    struct screen screens[POLICY_MAX_SCREENS];

    for (size_t i = 0; i < p->n_screens; i++)
        screens[i] = p->screens[i].asks;
    if (screen_read_answers(screens, p->n_screens, j, &names->screened, err) < 0)
        return err_context(err, "call");
    request->n_screened = names->screened.n;
    request->screened = names->screened.at;
    return 0;
}

static int read_call(const struct policy *p, const struct json *call, struct names *names, struct policy_request *request, struct err *err)
{
    *request = (struct policy_request){ .provider = names->provider };
    for (const struct json *m = json_first(call); m; m = json_next(m)) {
        const char *key = json_key(m);
        int bad = 0;

        if (!key)
            break;
        if (strcmp(key, "tool") == 0)
            bad = read_tool(m, names->provider, sizeof(names->provider), &request->tool, err);
        else if (strcmp(key, "effects") == 0)
            bad = effects_read(m, "call: effects", &request->effects, err);
        else if (strcmp(key, "traits") == 0)
            bad = traits_read(m, "call: traits", &request->traits, err);
        else if (strcmp(key, "context") == 0)
            bad = match_read_label(m, "call: context", &request->context, err);
        else if (strcmp(key, "past") == 0)
            bad = read_past(m, names, request, err);
        else if (strcmp(key, "screened") == 0)
            bad = read_screened(p, m, names, request, err);
        else if (strcmp(key, "bytes") == 0)
            bad = read_bytes(m, &request->bytes, err);
        else if (strcmp(key, "args") == 0 && json_kind(m) == JSON_OBJECT)
            request->args = m;
        else if (strcmp(key, "args") == 0)
            bad = fail(err, CORAX_E_ARGS, "call: args is not an object");
        else
            bad = fail(err, CORAX_E_ARGS,
                       "call: key \"%.60s\" is unknown: tool, effects, traits, args, context, past, bytes, screened are known", key);
        if (bad)
            return -1;
    }
    return request->tool ? 0 : fail(err, CORAX_E_ARGS, "call is missing or has no tool");
}

/* Whether the verdict is by the rule that the test names: by its id, or by its whole name. */
static bool is_by(const struct json *rule, const struct policy_verdict *v)
{
    const char *slash = strchr(v->rule, '/');

    if (json_kind(rule) == JSON_NULL)
        return !slash;
    return slash && (strcmp(slash + 1, json_text(rule)) == 0 || strcmp(v->rule, json_text(rule)) == 0);
}

static int check_keys(const struct json *test, struct err *err)
{
    static const char *const known[] = { "want", "rule", "call", "result", "must", "screens" };
    const size_t n_known = sizeof(known) / sizeof(*known);
    const struct json *rule = json_get(test, "rule");
    const char *want = json_get_text(test, "want", NULL);

    if (json_kind(test) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "not an object");
    for (const struct json *m = json_first(test); m; m = json_next(m)) {
        size_t i = 0;

        while (i < n_known && strcmp(json_key(m), known[i]) != 0)
            i++;
        if (i == n_known)
            return fail(err, CORAX_E_ARGS, "key \"%.60s\" is unknown: want, rule, call, result, must, screens are known", json_key(m));
    }
    if (!want || policy_find_decision(want) < 0)
        return fail(err, CORAX_E_ARGS, "want is not allow, ask or deny");
    if (rule && json_kind(rule) != JSON_STRING && json_kind(rule) != JSON_NULL)
        return fail(err, CORAX_E_ARGS, "rule is neither a rule's id nor null");
    return 0;
}

static int check_result(const struct json *want, const struct policy_verdict *v, struct err *err)
{
    struct label label = v->result;

    if (!want)
        return 0;
    if (match_read_label(want, "result", &label, err) < 0)
        return -1;
    if (label.integrity != v->result.integrity || label.confidentiality != v->result.confidentiality)
        return fail(err, CORAX_E_ARGS, "the result is %s and %s, not what the test wants", integrity_name(v->result.integrity),
                    confidentiality_name(v->result.confidentiality));
    return 0;
}

/* "must" of a test: all duties that there are, and no others; of redact whether anything is taken out. */
static int check_must(const struct json *want, const struct policy_duties *must, struct err *err)
{
    const struct {
        const char *key;
        bool is_flag;
        double is;
    } duties[] = {
        { "timeout_s", false, (double)must->timeout_ms / 1000 },  { "approve_s", false, (double)must->approve_ms / 1000 },
        { "result_bytes", false, (double)must->result_bytes },    { "fresh_host", true, must->fresh_host },
        { "redact", true, policy_redacts(must) },
    };
    const struct json *doubt = json_get(want, "in_doubt");
    size_t known = doubt != NULL;

    if (!want)
        return 0;
    if (json_kind(want) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "must is not an object of duties");
    if (doubt && policy_doubt_find(json_text(doubt)) == POLICY_DOUBT_UNSAID)
        return fail(err, CORAX_E_ARGS, "must: in_doubt is neither \"ask\" nor \"fail\"");
    if (policy_doubt_find(json_text(doubt)) != must->in_doubt)
        return fail(err, CORAX_E_ARGS, "must: in_doubt is %s, not %s", must->in_doubt ? policy_doubt_name(must->in_doubt) : "not said",
                    doubt ? json_text(doubt) : "left out");
    for (size_t i = 0; i < sizeof(duties) / sizeof(*duties); i++) {
        const struct json *j = json_get(want, duties[i].key);
        const double wants = duties[i].is_flag ? json_bool(j, false) : json_number(j, 0);

        known += j != NULL;
        if (j && json_kind(j) != (duties[i].is_flag ? JSON_BOOL : JSON_NUMBER))
            return fail(err, CORAX_E_ARGS, "must: %s is not %s", duties[i].key, duties[i].is_flag ? "true or false" : "a number");
        if (wants < duties[i].is || wants > duties[i].is)
            return fail(err, CORAX_E_ARGS, "must: %s is %.15g, not %.15g", duties[i].key, duties[i].is, wants);
    }
    if (known != json_count(want))
        return fail(err, CORAX_E_ARGS, "must has a key that is unknown: timeout_s, approve_s, redact, result_bytes, fresh_host, in_doubt are known");
    return 0;
}

static bool is_screen(const struct json *want, const struct screen *s)
{
    return strcmp(json_get_text(want, "id", ""), strchr(s->name, '/') + 1) == 0 && strcmp(json_get_text(want, "by", ""), s->by) == 0 &&
           strcmp(json_get_text(want, "argument", ""), s->argument) == 0 && strcmp(json_get_text(want, "role", ""), s->role) == 0;
}

/* "screens" of a test: all that the call goes through, by their ids. */
static int check_screens(const struct policy *p, const struct json *want, const struct policy_request *request, struct err *err)
{
    struct screen screens[POLICY_MAX_SCREENS];
    const size_t n = policy_screens(&p, 1, request, screens, POLICY_MAX_SCREENS);
    const struct json *j = json_first(want);

    if (!want)
        return 0;
    if (json_kind(want) != JSON_ARRAY || json_count(want) != n)
        return fail(err, CORAX_E_ARGS, "screens is not a list of the %zu that the call goes through", n);
    for (size_t i = 0; i < n; i++, j = json_next(j))
        if (json_kind(j) != JSON_OBJECT || json_count(j) != 4 || !is_screen(j, &screens[i]))
            return fail(err, CORAX_E_ARGS, "screens: it is not id, by, argument and role of %.130s, which is number %zu", screens[i].name, i + 1);
    return 0;
}

static int run_test(const struct policy *p, const struct json *test, struct err *err)
{
    /* Where the file narrows, what it does to a call that nothing else is against: a first layer that narrows nothing. */
    static const struct policy nothing = { .layer = POLICY_NARROWS };
    const struct policy *layers[] = { p->layer == POLICY_BASE ? p : &nothing, p->layer == POLICY_BASE ? NULL : p };
    struct policy_request request;
    struct policy_verdict verdict;
    struct names names;

    if (check_keys(test, err) < 0 || read_call(p, json_get(test, "call"), &names, &request, err) < 0)
        return -1;
    verdict = policy_decide_layers(layers, 2, &request);
    if (policy_find_decision(json_get_text(test, "want", "")) != (int)verdict.decision ||
        (json_get(test, "rule") && !is_by(json_get(test, "rule"), &verdict)))
        return fail(err, CORAX_E_ARGS, "%.60s.%.60s gives %s by %.70s, not what the test wants", request.provider,
                    request.tool, policy_decision_name(verdict.decision), verdict.rule);
    if (check_result(json_get(test, "result"), &verdict, err) < 0 || check_screens(p, json_get(test, "screens"), &request, err) < 0)
        return -1;
    return check_must(json_get(test, "must"), &verdict.must, err);
}

int policy_run_tests(const struct policy *p, const struct json *tests, struct err *err)
{
    size_t number = 0;

    if (tests && json_kind(tests) != JSON_ARRAY)
        return fail(err, CORAX_E_ARGS, "tests is not a list");
    for (const struct json *test = json_first(tests); test; test = json_next(test)) {
        number++;
        if (run_test(p, test, err) < 0)
            return err_context(err, "test %zu", number);
    }
    return 0;
}
