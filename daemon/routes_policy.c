/*
 * What a policy would say, without making a call: to those who write policies, and to those who wonder about one.
 */
#include "daemon/routes_policy.h"

#include <string.h>

#include "daemon/agents.h"
#include "daemon/paths.h"
#include "daemon/policies.h"
#include "daemon/routes_task.h"
#include "daemon/task.h"
#include "policies/match.h"
#include "tools/registry.h"
#include "util/effects.h"

#define MAX_REASONS 64

/* --- GET /v1/policies -------------------------------------------------------------------------------------------- */

static void write_file(struct jsonw *w, const struct policy_summary *f)
{
    jsonw_object(w, NULL);
    jsonw_text(w, "id", f->id);
    jsonw_text(w, "about", json_get_text(f->root, "about", NULL));
    jsonw_int(w, "rules", (int64_t)f->n_rules);
    jsonw_int(w, "tests", (int64_t)f->n_tests);
    jsonw_value(w, "file", f->root);
    jsonw_end(w);
}

static void write_files(struct jsonw *w, const struct policy *p)
{
    jsonw_array(w, "files");
    for (size_t i = 0; i < policy_count(p); i++) {
        const struct policy_summary f = policy_summary(p, i);

        write_file(w, &f);
    }
    jsonw_end(w);
}

void routes_get_policies(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer)
{
    const struct policy *layers[POLICY_MAX_LAYERS];
    const size_t n = policies_layers(d->policies, peer->uid, NULL, layers);
    char hash[65];
    struct buf json;
    struct jsonw w;

    policies_hash(d->policies, peer->uid, NULL, hash);
    buf_init(&json, ROUTES_ANSWER_LIMIT);
    w = jsonw_start(&json);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "hash", hash);
    jsonw_array(&w, "layers");
    for (size_t i = 0; i < n; i++) {
        if (layers[i] == NULL)
            continue;
        jsonw_object(&w, NULL);
        jsonw_text(&w, "layer", policies_layer_name(i));
        jsonw_text(&w, "hash", policy_hash(layers[i]));
        write_files(&w, layers[i]);
        jsonw_end(&w);
    }
    jsonw_end(&w);
    jsonw_end(&w);
    http_reply_json(req, 200, &json);
}

/* --- POST /v1/policies/explain ------------------------------------------------------------------------------------ */

/* A call that nobody makes. */
struct question {
    struct json *root;
    char provider[REGISTRY_MAX_PROVIDER + 1];
    struct policy_request request;
    struct screen_answers screened;
    struct policy *own;
    bool attended;
};

/* Of a name, or of "plugin.tool".  NULL: there is none. */
static const struct tool *find_tool(const struct coraxd *d, const char *name)
{
    const struct tool *tool = registry_find(d->registry, name);
    const char *dot = strchr(name, '.');

    if (tool || !dot || !(tool = registry_find(d->registry, dot + 1)))
        return tool;
    return strlen(tool->provider) == (size_t)(dot - name) && strncmp(tool->provider, name, (size_t)(dot - name)) == 0 ? tool : NULL;
}

/* "plugin.tool", or the name of a tool that there is; what is said of effects and traits goes before what is known. */
static int read_tool(const struct coraxd *d, struct question *q, struct err *err)
{
    const char *name = json_get_text(q->root, "tool", "");
    const struct tool *tool = find_tool(d, name);
    const char *dot = strchr(name, '.');
    struct policy_request *r = &q->request;

    if (tool) {
        r->provider = tool->provider;
        r->tool = tool->own_name;
        r->effects = tool->effects;
        r->traits = tool->traits;
        return 0;
    }
    if (!dot || dot == name || dot[1] == '\0' || (size_t)(dot - name) > REGISTRY_MAX_PROVIDER)
        return fail(err, CORAX_E_ARGS, "there is no tool \"%.64s\": name one of GET /v1/tools, or \"plugin.tool\" with its effects",
                    name);
    if (!json_get(q->root, "effects"))
        return fail(err, CORAX_E_ARGS, "there is no tool \"%.64s\": say its effects, and it is judged as if there were", name);
    memcpy(q->provider, name, (size_t)(dot - name));
    r->provider = q->provider;
    r->tool = dot + 1;
    return 0;
}

static int read_context(struct question *q, struct err *err)
{
    const struct json *context = json_get(q->root, "context"), *effects = json_get(q->root, "effects"),
                      *traits = json_get(q->root, "traits"), *attended = json_get(q->root, "attended");

    if ((effects && effects_read(effects, "effects", &q->request.effects, err) < 0) ||
        (traits && traits_read(traits, "traits", &q->request.traits, err) < 0) ||
        (context && match_read_label(context, "context", &q->request.context, err) < 0))
        return -1;
    if (attended && json_kind(attended) != JSON_BOOL)
        return fail(err, CORAX_E_ARGS, "attended must be true or false");
    q->attended = json_bool(attended, true);
    return 0;
}

#define MAX_SCREENS (POLICY_MAX_LAYERS * POLICY_MAX_SCREENS)

/* By the screens that are about the call. */
static int read_screened(struct question *q, const struct policy *const *layers, size_t n, struct err *err)
{
    const struct json *screened = json_get(q->root, "screened");
    struct screen screens[MAX_SCREENS];
    const size_t found = screened ? policy_screens(layers, n, &q->request, screens, MAX_SCREENS) : 0;

    if (!screened)
        return 0;
    if (screen_read_answers(screens, found, screened, &q->screened, err) < 0)
        return -1;
    q->request.n_screened = q->screened.n;
    q->request.screened = q->screened.at;
    return 0;
}

static int read_question(struct coraxd *d, struct question *q, const char *body, size_t len, struct err *err)
{
    static const char *const known[] = { "tool", "arguments", "effects", "traits", "context", "screened", "attended", "policy", "agent", NULL };
    const struct json *args;
    const struct agent *agent = NULL;
    size_t args_len = 0;

    if ((q->root = json_parse(body, len, err)) == NULL || json_check_members(q->root, "the body", known, err) < 0 ||
        read_tool(d, q, err) < 0 || read_context(q, err) < 0)
        return -1;
    args = json_get(q->root, "arguments");
    if (args && json_kind(args) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "arguments must be an object");
    q->request.args = args;
    if (args)
        json_raw(args, &args_len);
    q->request.bytes = args_len;
    if (json_get(q->root, "agent") &&
        (agent = agents_find(d->config.agents, json_get_text(q->root, "agent", ""))) == NULL)
        return fail(err, CORAX_E_ARGS, "there is no agent \"%.64s\"", json_get_text(q->root, "agent", ""));
    q->own = policies_narrowing(agent ? agent->policy : NULL, json_get(q->root, "policy"), err);
    return q->own ? 0 : -1;
}

static void write_duties(struct jsonw *w, const struct policy_duties *must)
{
    jsonw_object(w, "must");
    if (must->timeout_ms)
        jsonw_int(w, "timeout_ms", must->timeout_ms);
    if (must->approve_ms)
        jsonw_int(w, "approve_ms", must->approve_ms);
    if (must->result_bytes)
        jsonw_int(w, "result_bytes", must->result_bytes);
    if (must->fresh_host)
        jsonw_bool(w, "fresh_host", true);
    if (must->in_doubt) {
        jsonw_text(w, "in_doubt", policy_doubt_name(must->in_doubt));
        jsonw_text(w, "in_doubt_rule", must->in_doubt_rule);
    }
    if (policy_redacts(must))
        jsonw_bool(w, "redact", true);
    jsonw_end(w);
}

static void write_reasons(struct jsonw *w, const struct policy *const *layers, size_t n, const struct policy_request *request)
{
    struct policy_reason reasons[MAX_REASONS];
    const size_t found = policy_explain(layers, n, request, reasons, MAX_REASONS);

    jsonw_array(w, "reasons");
    for (size_t i = 0; i < found && i < MAX_REASONS; i++) {
        const struct policy_reason *r = &reasons[i];

        jsonw_object(w, NULL);
        jsonw_text(w, "part", policy_part_name(r->part));
        jsonw_text(w, "layer", policies_layer_name(r->layer));
        jsonw_text(w, "decision", r->part <= POLICY_LIMIT ? policy_decision_name(r->decision) : NULL);
        jsonw_text(w, "name", r->name);
        jsonw_text(w, "why", r->why);
        jsonw_end(w);
    }
    jsonw_end(w);
    jsonw_int(w, "reasons_found", (int64_t)found);
}

/* What the call would be asked about, and what was said of it. */
static void write_screens(struct jsonw *w, const struct policy *const *layers, size_t n, const struct policy_request *request)
{
    struct screen screens[MAX_SCREENS];
    const size_t found = policy_screens(layers, n, request, screens, MAX_SCREENS);

    jsonw_array(w, "screens");
    for (size_t i = 0; i < found; i++) {
        const struct screen_answer *a = NULL;

        for (size_t k = 0; k < request->n_screened && !a; k++)
            a = screen_asks(&screens[i], &request->screened[k]) ? &request->screened[k] : NULL;
        jsonw_object(w, NULL);
        jsonw_text(w, "name", screens[i].name);
        jsonw_text(w, "by", screens[i].by);
        jsonw_text(w, "argument", screens[i].argument);
        jsonw_text(w, "role", screens[i].role);
        if (a && a->known) {
            jsonw_array(w, "findings");
            for (size_t k = 0; k < a->n; k++)
                jsonw_text(w, NULL, a->findings[k]);
            jsonw_end(w);
        } else {
            jsonw_null(w, "findings");
        }
        jsonw_end(w);
    }
    jsonw_end(w);
}

static void answer(struct evhttp_request *req, const struct policy *const *layers, size_t n, const struct question *q)
{
    const struct policy_verdict v = policy_decide_layers(layers, n, &q->request);
    struct buf json;
    struct jsonw w;

    buf_init(&json, ROUTES_ANSWER_LIMIT);
    w = jsonw_start(&json);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "provider", q->request.provider);
    jsonw_text(&w, "tool", q->request.tool);
    jsonw_text(&w, "decision", policy_decision_name(v.decision));
    jsonw_text(&w, "outcome",
               v.decision == POLICY_ASK && !q->attended ? "deny" : policy_decision_name(v.decision)); /* where nobody attends */
    jsonw_text(&w, "rule", v.rule);
    jsonw_text(&w, "why", v.why);
    task_write_label(&w, "context", q->request.context);
    task_write_label(&w, "result", v.result);
    write_duties(&w, &v.must);
    write_screens(&w, layers, n, &q->request);
    write_reasons(&w, layers, n, &q->request);
    jsonw_end(&w);
    http_reply_json(req, 200, &json);
}

void routes_post_explain(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer)
{
    struct question q = { .request = { .resolve = paths_resolve, .resolve_arg = &d->config } };
    const struct policy *layers[POLICY_MAX_LAYERS];
    struct err err = { 0 };
    size_t len, n = 0;
    const char *body = http_body(req, &len);
    int rc = read_question(d, &q, body, len, &err);

    if (rc == 0) {
        n = policies_layers(d->policies, peer->uid, q.own, layers);
        rc = read_screened(&q, layers, n, &err);
    }
    if (rc < 0)
        routes_bad(req, "bad_value", NULL, err.msg);
    else
        answer(req, layers, n, &q);
    policy_destroy(q.own);
    json_free(q.root);
}

/* --- POST /v1/policies/test --------------------------------------------------------------------------------------- */

int routes_read_policy_files(const struct json *list, struct policy_file files[POLICY_MAX_FILES], size_t *n, struct err *err)
{
    if (json_kind(list) != JSON_ARRAY || json_count(list) == 0 || json_count(list) > POLICY_MAX_FILES)
        return fail(err, CORAX_E_ARGS, "files must be a list of 1 to %d objects {name, text}", POLICY_MAX_FILES);
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        const char *text = json_get_text(j, "text", NULL);

        if (text == NULL)
            return fail(err, CORAX_E_ARGS, "files: each has a text");
        files[*n] = (struct policy_file){ .name = json_get_text(j, "name", "policy"), .text = text, .len = strlen(text) };
        ++*n;
    }
    return 0;
}

void routes_post_policy_test(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer)
{
    static const char *const known[] = { "files", "narrows", NULL };
    struct policy_file files[POLICY_MAX_FILES];
    struct err err = { 0 };
    struct policy *p;
    struct json *root;
    struct buf json;
    struct jsonw w;
    size_t len, n = 0;
    const char *body = http_body(req, &len);

    root = json_parse(body, len, &err);
    if (root == NULL || json_check_members(root, "the body", known, &err) < 0 ||
        routes_read_policy_files(json_get(root, "files"), files, &n, &err) < 0) {
        routes_bad(req, "bad_value", NULL, err.msg);
        json_free(root);
        return;
    }
    p = policy_load(files, n, json_bool(json_get(root, "narrows"), false) ? POLICY_NARROWS : POLICY_BASE, &err);
    buf_init(&json, ROUTES_ANSWER_LIMIT);
    w = jsonw_start(&json);
    jsonw_object(&w, NULL);
    jsonw_bool(&w, "ok", p != NULL);
    jsonw_text(&w, "message", p ? NULL : err.msg);
    if (p)
        write_files(&w, p);
    jsonw_end(&w);
    http_reply_json(req, 200, &json);
    policy_destroy(p);
    json_free(root);
}
