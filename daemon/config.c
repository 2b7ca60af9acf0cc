#include "daemon/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/agents.h"
#include "daemon/config_read.h"
#include "daemon/foreign_config.h"
#include "daemon/listen.h"
#include "daemon/memory.h"
#include "util/file.h"

#define CONFIG_MAX_BYTES (1u << 20)
#define MAX_ROOTS        64
#define ROOT_NAME        64
#define MODEL_NAME       64
#define MAX_PREFIX       4096 /* bytes before a text that is embedded */

int config_set_text(char **slot, const char *value, struct err *err)
{
    char *copy = strdup(value);

    if (copy == NULL)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    free(*slot);
    *slot = copy;
    return 0;
}

int config_list_add(struct config_list *list, const char *value, struct err *err)
{
    if (list->n == CONFIG_MAX_LIST)
        return fail(err, CORAX_E_LIMIT, "more than %d entries", CONFIG_MAX_LIST);
    list->at[list->n] = NULL;
    if (config_set_text(&list->at[list->n], value, err) < 0)
        return -1;
    list->n++;
    return 0;
}

void config_list_clear(struct config_list *list)
{
    while (list->n > 0)
        free(list->at[--list->n]);
}

/* The rule for names is corax-host's (tools/host_roots.h). */
int config_add_root(struct config_list *list, const char *text, struct err *err)
{
    const char *eq = strchr(text, '=');
    size_t n = eq ? (size_t)(eq - text) : 0;

    if (eq == NULL || n == 0 || eq[1] == '\0')
        return fail(err, CORAX_E_ARGS, "the root \"%.60s\": write NAME=PATH", text);
    if (text[0] < 'a' || text[0] > 'z' || n > ROOT_NAME || strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") < n)
        return fail(
            err, CORAX_E_ARGS,
            "the root \"%.*s\" needs another name: use a-z, 0-9, _ and -, a letter first, at most %d characters",
            n < 60 ? (int)n : 60, text, ROOT_NAME);
    if (eq[1] != '/')
        return fail(err, CORAX_E_ARGS, "the root %.*s needs an absolute path, not \"%.60s\"", (int)n, text, eq + 1);
    if (list->n >= MAX_ROOTS)
        return fail(err, CORAX_E_LIMIT, "more than %d roots", MAX_ROOTS);
    for (size_t i = 0; i < list->n; i++)
        if (strncmp(list->at[i], text, n + 1) == 0)
            return fail(err, CORAX_E_ARGS, "two roots are named %.*s; rename one", (int)n, text);
    return config_list_add(list, text, err);
}

int config_set_isolation(struct config *c, const char *mode, struct err *err)
{
    if (strcmp(mode, "strict") != 0 && strcmp(mode, "available") != 0)
        return fail(err, CORAX_E_ARGS, "isolation must be strict or available, not \"%.30s\"", mode);
    c->strict = mode[0] == 's';
    return 0;
}

int config_init(struct config *c, struct err *err)
{
    memset(c, 0, sizeof(*c));
    c->max_running = 4;
    c->max_queued = 256;
    c->max_models = 2;
    c->max_scheduled = 256;
    c->stop_seconds = 10;
    c->approval_seconds = 24 * 3600;
    c->planner = planner_kind_find("react");
    c->budget = budget_default();
    c->sampling = (struct sampling){ .top_p = 1, .seed = 1 };
    c->host_deadline_ms = 30000;
    c->host_processes = 4;
    c->compact_percent = 75;
    c->memory = (struct memory_config){ .max_items = 10000, .note_chars = MEMORY_NOTE_CHARS, .recall_items = 5, .recall_bytes = 2048 };
    c->retrieval = (struct retrieval_config){ .max_tools = 24, .top_k = 8, .step_k = 3, .step_max = 24 };
    c->embedding = (struct embedding_config){ .timeout_ms = 2000, .min_cosine = 0.3 };
    c->mcp.approve = true;
    c->log_level = LOG_LEVEL_INFO;
    if (config_set_text(&c->socket, CORAX_RUNDIR "/coraxd.sock", err) < 0 ||
        config_set_text(&c->state, CORAX_STATEDIR, err) < 0 ||
        config_set_text(&c->model.path, CORAX_DATADIR "/models/corax-raven-1-q8_0.gguf", err) < 0 ||
        config_set_text(&c->infer_path, CORAX_BINDIR "/corax-infer", err) < 0 ||
        config_set_text(&c->host_path, CORAX_BINDIR "/corax-host", err) < 0 ||
        config_set_text(&c->box_path, CORAX_BINDIR "/corax-box", err) < 0 ||
        config_set_text(&c->egress_path, CORAX_BINDIR "/corax-egress", err) < 0 ||
        config_list_add(&c->plugins, CORAX_PLUGINDIR, err) < 0 ||
        config_list_add(&c->policies, CORAX_DATADIR "/policies/default.json", err) < 0) {
        config_finish(c);
        return -1;
    }
    return 0;
}

static void finish_model(struct model_file *m)
{
    free(m->name);
    free(m->path);
    free(m->dialect);
    free(m->template);
}

void config_finish(struct config *c)
{
    agents_destroy(c->agents);
    free(c->agents_dir);
    free(c->user_policies);
    free(c->socket);
    free(c->listen);
    free(c->mcp.prompts);
    free(c->mcp.resources);
    free(c->state);
    finish_model(&c->model);
    for (size_t i = 0; i < c->n_models; i++)
        finish_model(&c->models[i]);
    free(c->system);
    free(c->admin_group);
    free(c->infer_path);
    free(c->host_path);
    free(c->box_path);
    free(c->memory.space);
    free(c->egress_path);
    foreign_config_finish(c->foreign);
    free(c->embedding.model);
    free(c->embedding.query_prefix);
    free(c->embedding.text_prefix);
    config_list_clear(&c->roots);
    config_list_clear(&c->plugins);
    config_list_clear(&c->policies);
    config_list_clear(&c->admin_policies);
    config_list_clear(&c->retrieval.pinned);
    memset(c, 0, sizeof(*c));
}

int config_read_text(const struct json *object, const char *where, const char *key, char **slot, struct err *err)
{
    const struct json *v = json_get(object, key);

    if (v == NULL)
        return 0;
    if (json_text(v) == NULL || json_text(v)[0] == '\0')
        return fail(err, CORAX_E_ARGS, "%s%s must be a text that is not empty", where, key);
    return config_set_text(slot, json_text(v), err);
}

/* null: none, so that tasks fail with a sentence rather than be answered by the shipped model. */
static int read_model(const struct json *root, char **slot, struct err *err)
{
    if (json_kind(json_get(root, "model")) != JSON_NULL)
        return config_read_text(root, "", "model", slot, err);
    free(*slot);
    *slot = NULL;
    return 0;
}

/* "small": "/models/small.gguf", or an object with the path and what is said for the model. */
static int read_model_file(const struct json *j, struct model_file *m, struct err *err)
{
    static const char *const known[] = { "path", "dialect", "template", NULL };
    char where[100];

    snprintf(where, sizeof(where), "models.%.64s", json_key(j));
    if (json_text(j) && json_text(j)[0])
        return config_set_text(&m->path, json_text(j), err);
    if (json_kind(j) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "%s must be a path, or an object with one", where);
    snprintf(where, sizeof(where), "models.%.64s.", json_key(j));
    if (json_check_members(j, where, known, err) < 0 || config_read_text(j, where, "path", &m->path, err) < 0 ||
        config_read_text(j, where, "dialect", &m->dialect, err) < 0 || config_read_text(j, where, "template", &m->template, err) < 0)
        return -1;
    return m->path ? 0 : fail(err, CORAX_E_ARGS, "%spath is missing", where);
}

static int read_models(struct config *c, const struct json *v, struct err *err)
{
    if (v && json_kind(v) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "models must be an object: {\"small\": \"/models/small.gguf\"}");
    if (json_count(v) > CONFIG_MAX_MODELS)
        return fail(err, CORAX_E_LIMIT, "models: more than %d", CONFIG_MAX_MODELS);
    for (const struct json *j = json_first(v); j; j = json_next(j)) {
        struct model_file *m = &c->models[c->n_models];
        const size_t n = strspn(json_key(j), "abcdefghijklmnopqrstuvwxyz0123456789_.-");

        if (n == 0 || n > MODEL_NAME || json_key(j)[n])
            return fail(err, CORAX_E_ARGS, "models: \"%.64s\" needs another name: use a-z, 0-9, _ . and -, at most %d", json_key(j),
                        MODEL_NAME);
        memset(m, 0, sizeof(*m));
        c->n_models++;
        if (config_set_text(&m->name, json_key(j), err) < 0 || read_model_file(j, m, err) < 0)
            return -1;
    }
    return 0;
}

int config_find_model(const struct config *c, const char *name, const struct model_file **out, struct err *err)
{
    *out = &c->model;
    for (size_t i = 0; name && i < c->n_models; i++)
        if (strcmp(c->models[i].name, name) == 0) {
            *out = &c->models[i];
            return 0;
        }
    return name ? fail(err, CORAX_E_ARGS, "there is no model \"%.64s\": corax.conf names those there are (models)", name) : 0;
}

/* An absent member leaves *out alone. */
static int read_int(const struct json *object, const char *where, const char *key, int64_t min, int64_t max,
                    int64_t *out, struct err *err)
{
    const struct json *v = json_get(object, key);
    char what[64];
    int64_t n;

    if (v == NULL)
        return 0;
    snprintf(what, sizeof(what), "%s%s", where, key);
    if (json_int(v, what, &n, err) < 0)
        return -1;
    if (n < min || n > max)
        return fail(err, CORAX_E_ARGS, "%s is %lld, it must lie between %lld and %lld", what, (long long)n,
                    (long long)min, (long long)max);
    *out = n;
    return 0;
}

int config_read_small(const struct json *object, const char *where, const char *key, int min, int max, int *out,
                      struct err *err)
{
    int64_t n = *out;

    if (read_int(object, where, key, min, max, &n, err) < 0)
        return -1;
    *out = (int)n;
    return 0;
}

static int read_number(const struct json *object, const char *where, const char *key, double min, double max, double *out, struct err *err)
{
    const struct json *v = json_get(object, key);
    double n = json_number(v, -1);

    if (v == NULL)
        return 0;
    if (json_kind(v) != JSON_NUMBER || !(n >= min && n <= max))
        return fail(err, CORAX_E_ARGS, "%s%s must be a number between %g and %g", where, key, min, max);
    *out = n;
    return 0;
}

int config_read_budget(const struct json *v, struct budget *b, struct err *err)
{
    static const char *const known[] = { "steps",        "tool_calls",        "tokens", "wall_ms", "identical",
                                         "reply_tokens", "observation_bytes", "depth",  "width", "attempts", NULL };
    const char *where = "budget.";

    if (v == NULL)
        return 0;
    if (json_check_members(v, "budget", known, err) < 0 ||
        config_read_small(v, where, "steps", 1, 10000, &b->max_steps, err) < 0 ||
        config_read_small(v, where, "tool_calls", 0, 10000, &b->max_tool_calls, err) < 0 ||
        read_int(v, where, "tokens", 1, 1000000000, &b->max_tokens, err) < 0 ||
        read_int(v, where, "wall_ms", 1, 30LL * 24 * 3600 * 1000, &b->max_wall_ms, err) < 0 ||
        config_read_small(v, where, "identical", 1, 10000, &b->max_identical, err) < 0 ||
        config_read_small(v, where, "reply_tokens", 1, 1000000, &b->max_reply_tokens, err) < 0 ||
        config_read_small(v, where, "observation_bytes", 64, 1 << 20, &b->max_observation_bytes, err) < 0 ||
        config_read_small(v, where, "depth", 1, 64, &b->max_depth, err) < 0 || config_read_small(v, where, "width", 1, 16, &b->max_width, err) < 0 ||
        config_read_small(v, where, "attempts", 1, 16, &b->max_attempts, err) < 0)
        return -1;
    return 0;
}

int config_read_sampling(const struct json *v, struct sampling *s, struct err *err)
{
    static const char *const known[] = { "temperature", "top_k", "top_p", "min_p", "seed", NULL };

    if (v == NULL)
        return 0;
    if (json_check_members(v, "sampling", known, err) < 0 ||
        read_number(v, "sampling.", "temperature", 0, 10, &s->temperature, err) < 0 ||
        read_number(v, "sampling.", "top_p", 0, 1, &s->top_p, err) < 0 || read_number(v, "sampling.", "min_p", 0, 1, &s->min_p, err) < 0 ||
        config_read_small(v, "sampling.", "top_k", 0, 1000000, &s->top_k, err) < 0 ||
        read_int(v, "sampling.", "seed", 0, INT64_C(9007199254740991), &s->seed, err) < 0)
        return -1;
    return 0;
}

static int read_list(const struct json *object, const char *key, struct config_list *list, struct err *err)
{
    const struct json *v = json_get(object, key), *e;

    if (v == NULL)
        return 0;
    if (json_kind(v) != JSON_ARRAY)
        return fail(err, CORAX_E_ARGS, "%s must be a list of paths", key);
    config_list_clear(list);
    for (e = json_first(v); e; e = json_next(e)) {
        if (json_text(e) == NULL || json_text(e)[0] == '\0')
            return fail(err, CORAX_E_ARGS, "%s must be a list of paths", key);
        if (config_list_add(list, json_text(e), err) < 0)
            return err_context(err, "%s", key);
    }
    return 0;
}

static int read_log_level(const struct json *v, enum log_level *out, struct err *err)
{
    static const char *const names[] = { "debug", "info", "warn", "error" };
    int i;

    if (v == NULL)
        return 0;
    for (i = 0; i < 4; i++) {
        if (json_text(v) && strcmp(json_text(v), names[i]) == 0) {
            *out = (enum log_level)i;
            return 0;
        }
    }
    return fail(err, CORAX_E_ARGS, "log_level must be debug, info, warn or error");
}

int config_read_flag(const struct json *object, const char *prefix, const char *key, bool *out, struct err *err)
{
    const struct json *value = json_get(object, key);

    if (value == NULL)
        return 0;
    if (json_kind(value) != JSON_BOOL)
        return fail(err, CORAX_E_ARGS, "%s%s: true or false is needed", prefix, key);
    *out = json_bool(value, false);
    return 0;
}

static int read_children(struct config *c, const struct json *root, struct err *err)
{
    static const char *const infer_known[] = { "path", "threads", "prefixes", "cache_memory_mb", "dialect", "template", NULL };
    static const char *const host_known[] = { "path", "deadline_ms", "processes", NULL };
    static const char *const box_known[] = { "path", NULL };
    const struct json *infer = json_get(root, "infer"), *host = json_get(root, "host"), *box = json_get(root, "box"),
                      *egress = json_get(root, "egress");

    if (infer && (json_check_members(infer, "infer", infer_known, err) < 0 ||
                  config_read_text(infer, "infer.", "path", &c->infer_path, err) < 0 ||
                  config_read_small(infer, "infer.", "threads", 0, 1024, &c->infer_threads, err) < 0 ||
                  config_read_small(infer, "infer.", "cache_memory_mb", 0, 1 << 24, &c->infer_cache_mb, err) < 0 ||
                  config_read_text(infer, "infer.", "dialect", &c->model.dialect, err) < 0 ||
                  config_read_text(infer, "infer.", "template", &c->model.template, err) < 0 ||
                  config_read_flag(infer, "infer.", "prefixes", &c->infer_prefixes, err) < 0))
        return -1;
    if (host && (json_check_members(host, "host", host_known, err) < 0 ||
                 config_read_text(host, "host.", "path", &c->host_path, err) < 0 ||
                 config_read_small(host, "host.", "deadline_ms", 10, 24 * 3600 * 1000, &c->host_deadline_ms, err) < 0 ||
                 config_read_small(host, "host.", "processes", 1, CONFIG_MAX_HOSTS, &c->host_processes, err) < 0))
        return -1;
    if (egress && (json_check_members(egress, "egress", box_known, err) < 0 ||
                   config_read_text(egress, "egress.", "path", &c->egress_path, err) < 0))
        return -1;
    if (box &&
        (json_check_members(box, "box", box_known, err) < 0 || config_read_text(box, "box.", "path", &c->box_path, err) < 0))
        return -1;
    return 0;
}

static int read_roots(struct config_list *list, const struct json *v, struct err *err)
{
    char text[4200];

    if (v == NULL)
        return 0;
    if (json_kind(v) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "roots must be an object: {\"notes\": \"/home/me/notes\"}");
    config_list_clear(list);
    for (const struct json *m = json_first(v); m; m = json_next(m)) {
        if (json_text(m) == NULL || strlen(json_text(m)) > 4095 || strchr(json_key(m), '='))
            return fail(err, CORAX_E_ARGS, "roots.%.60s must be the path of a folder", json_key(m));
        snprintf(text, sizeof(text), "%.70s=%s", json_key(m), json_text(m));
        if (config_add_root(list, text, err) < 0)
            return -1;
    }
    return 0;
}

static int read_isolation(struct config *c, const struct json *v, struct err *err)
{
    if (v == NULL)
        return 0;
    return config_set_isolation(c, json_text(v) ? json_text(v) : "", err);
}

static int read_journal(struct config *c, const struct json *v, struct err *err)
{
    static const char *const known[] = { "synchronous", "keep_days", "keep_tasks", "keep_mb", NULL };
    const char *synchronous = json_get_text(v, "synchronous", NULL);

    if (v == NULL)
        return 0;
    if (json_check_members(v, "journal", known, err) < 0 || config_read_small(v, "journal.", "keep_days", 0, 36500, &c->keep_days, err) < 0 ||
        config_read_small(v, "journal.", "keep_tasks", 0, 1000000000, &c->keep_tasks, err) < 0 ||
        config_read_small(v, "journal.", "keep_mb", 0, 1000000000, &c->keep_mb, err) < 0)
        return -1;
    if (json_get(v, "synchronous") && (!synchronous || (strcmp(synchronous, "full") != 0 && strcmp(synchronous, "normal") != 0)))
        return fail(err, CORAX_E_ARGS, "journal.synchronous must be \"full\" or \"normal\"");
    if (synchronous)
        c->sync_normal = *synchronous == 'n';
    return 0;
}

static int read_stop(struct config *c, const struct json *v, struct err *err)
{
    static const char *const known[] = { "mode", "seconds", NULL };
    const char *mode = json_get_text(v, "mode", NULL);

    if (v == NULL)
        return 0;
    if (json_check_members(v, "stop", known, err) < 0 || config_read_small(v, "stop.", "seconds", 0, 86400, &c->stop_seconds, err) < 0)
        return -1;
    if (json_get(v, "mode") && (!mode || (strcmp(mode, "checkpoint") != 0 && strcmp(mode, "finish") != 0)))
        return fail(err, CORAX_E_ARGS, "stop.mode must be \"checkpoint\" or \"finish\"");
    if (mode)
        c->stop_finishes = *mode == 'f';
    return 0;
}

static int read_listen(struct config *c, const struct json *root, struct err *err)
{
    struct sockaddr_storage addr;
    socklen_t len;

    if (config_read_text(root, "", "listen", &c->listen, err) < 0)
        return -1;
    return c->listen ? listen_parse(c->listen, &addr, &len, err) : 0;
}

static int read_mcp(struct mcp_config *m, const struct json *v, struct err *err)
{
    static const char *const known[] = { "prompts", "resources", "approve", NULL };

    if (v == NULL)
        return 0;
    if (json_check_members(v, "mcp", known, err) < 0 || config_read_text(v, "mcp.", "prompts", &m->prompts, err) < 0 ||
        config_read_text(v, "mcp.", "resources", &m->resources, err) < 0 || config_read_flag(v, "mcp.", "approve", &m->approve, err) < 0)
        return -1;
    return 0;
}

int config_read_space(const struct json *v, const char **space, struct err *err)
{
    if (v == NULL)
        return 0;
    if (json_kind(v) != JSON_NULL && (json_text(v) == NULL || !memory_is_name(json_text(v), MEMORY_MAX_NAME)))
        return fail(err, CORAX_E_ARGS, "memory must be null or the name of a space: a-z, 0-9, _ and -, at most %d characters", MEMORY_MAX_NAME);
    *space = json_text(v);
    return 0;
}

static int read_memory(struct memory_config *m, const struct json *v, struct err *err)
{
    static const char *const known[] = { "space", "max_items", "note_chars", "recall_items", "recall_bytes", NULL };
    const char *space = m->space;

    if (v == NULL)
        return 0;
    if (json_check_members(v, "memory", known, err) < 0 || config_read_small(v, "memory.", "max_items", 1, 10000, &m->max_items, err) < 0 ||
        config_read_small(v, "memory.", "note_chars", 1, MEMORY_MAX_TEXT, &m->note_chars, err) < 0 ||
        config_read_small(v, "memory.", "recall_items", 0, 100, &m->recall_items, err) < 0 ||
        config_read_small(v, "memory.", "recall_bytes", 0, 1 << 17, &m->recall_bytes, err) < 0)
        return -1;
    if (config_read_space(json_get(v, "space"), &space, err) < 0)
        return err_context(err, "memory.space");
    if (space == m->space)
        return 0;
    if (space)
        return config_set_text(&m->space, space, err);
    free(m->space);
    m->space = NULL;
    return 0;
}

void config_write_budget(const struct budget *b, struct jsonw *w)
{
    jsonw_object(w, "budget");
    jsonw_int(w, "steps", b->max_steps);
    jsonw_int(w, "tool_calls", b->max_tool_calls);
    jsonw_int(w, "tokens", b->max_tokens);
    jsonw_int(w, "wall_ms", b->max_wall_ms);
    jsonw_int(w, "identical", b->max_identical);
    jsonw_int(w, "reply_tokens", b->max_reply_tokens);
    jsonw_int(w, "observation_bytes", b->max_observation_bytes);
    jsonw_int(w, "depth", b->max_depth);
    jsonw_int(w, "width", b->max_width);
    jsonw_int(w, "attempts", b->max_attempts);
    jsonw_end(w);
}

int config_load_agents(struct config *c, struct err *err)
{
    c->agents = agents_load(c->agents_dir, c, err);
    return c->agents ? 0 : -1;
}

static int check_names(const struct json *v, const char *key, size_t max, struct err *err)
{
    bool good = v == NULL || (json_kind(v) == JSON_ARRAY && json_count(v) <= max);

    for (const struct json *e = good && v ? json_first(v) : NULL; e && good; e = json_next(e))
        good = json_text(e) != NULL;
    return good ? 0 : fail(err, CORAX_E_ARGS, "%s must be a list of names, at most %zu", key, max);
}

int config_check_tools(const struct json *v, struct err *err)
{
    return check_names(v, "tools", CONFIG_MAX_TOOLS, err);
}

int config_check_pinned(const struct json *v, struct err *err)
{
    return check_names(v, "pinned", CONFIG_MAX_PINNED, err);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_list(const struct config_list *a, const struct config_list *b)
{
    bool same = a->n == b->n;

    for (size_t i = 0; same && i < a->n; i++)
        same = strcmp(a->at[i], b->at[i]) == 0;
    return same;
}

static void note_key(struct buf *restart, const char *key, bool same)
{
    if (!same)
        buf_addf(restart, "%s%s", restart->len > 0 ? ", " : "", key);
}

static bool same_models(const struct config *a, const struct config *b)
{
    bool same = a->n_models == b->n_models && a->max_models == b->max_models;

    for (size_t i = 0; same && i < a->n_models; i++)
        same = same_text(a->models[i].name, b->models[i].name) && same_text(a->models[i].path, b->models[i].path) &&
               same_text(a->models[i].dialect, b->models[i].dialect) && same_text(a->models[i].template, b->models[i].template);
    return same;
}

static void note_restart(const struct config *a, const struct config *b, struct buf *restart)
{
    note_key(restart, "socket", same_text(a->socket, b->socket));
    note_key(restart, "listen", same_text(a->listen, b->listen));
    note_key(restart, "admin_group", same_text(a->admin_group, b->admin_group));
    note_key(restart, "state", same_text(a->state, b->state));
    note_key(restart, "model", same_text(a->model.path, b->model.path));
    note_key(restart, "models", same_models(a, b));
    note_key(restart, "plugins", same_list(&a->plugins, &b->plugins));
    note_key(restart, "journal", a->sync_normal == b->sync_normal && a->keep_days == b->keep_days && a->keep_tasks == b->keep_tasks &&
                                     a->keep_mb == b->keep_mb);
    note_key(restart, "infer", same_text(a->infer_path, b->infer_path) && same_text(a->model.dialect, b->model.dialect) &&
                                   same_text(a->model.template, b->model.template) && a->infer_threads == b->infer_threads &&
                                   a->infer_cache_mb == b->infer_cache_mb && a->infer_prefixes == b->infer_prefixes);
    note_key(restart, "embedding",
             same_text(a->embedding.model, b->embedding.model) && same_text(a->embedding.query_prefix, b->embedding.query_prefix) &&
                 same_text(a->embedding.text_prefix, b->embedding.text_prefix));
    note_key(restart, "host", same_text(a->host_path, b->host_path) && a->host_deadline_ms == b->host_deadline_ms &&
                              a->host_processes == b->host_processes);
    note_key(restart, "box", same_text(a->box_path, b->box_path));
    note_key(restart, "egress", same_text(a->egress_path, b->egress_path));
    note_key(restart, "mcp_servers", foreign_config_same(a->foreign, b->foreign));
    note_key(restart, "isolation", a->strict == b->strict);
    note_key(restart, "roots", same_list(&a->roots, &b->roots));
}

#define SWAP(type, a, b)  \
    do {                  \
        type swap_ = (a); \
        (a) = (b);        \
        (b) = swap_;      \
    } while (0)

void config_adopt(struct config *c, struct config *fresh, struct buf *restart)
{
    note_restart(c, fresh, restart);
    SWAP(struct config_list, c->policies, fresh->policies);
    SWAP(struct config_list, c->admin_policies, fresh->admin_policies);
    SWAP(char *, c->user_policies, fresh->user_policies);
    c->approval_seconds = fresh->approval_seconds;
    SWAP(struct agents *, c->agents, fresh->agents);
    SWAP(char *, c->agents_dir, fresh->agents_dir);
    SWAP(char *, c->system, fresh->system);
    c->date_note = fresh->date_note;
    c->max_running = fresh->max_running;
    c->max_queued = fresh->max_queued;
    c->max_scheduled = fresh->max_scheduled;
    c->stop_finishes = fresh->stop_finishes;
    c->stop_seconds = fresh->stop_seconds;
    c->planner = fresh->planner;
    c->budget = fresh->budget;
    c->sampling = fresh->sampling;
    c->compact_percent = fresh->compact_percent;
    SWAP(struct memory_config, c->memory, fresh->memory);
    SWAP(struct retrieval_config, c->retrieval, fresh->retrieval);
    c->embedding.timeout_ms = fresh->embedding.timeout_ms;
    c->embedding.min_cosine = fresh->embedding.min_cosine;
    SWAP(struct mcp_config, c->mcp, fresh->mcp);
    c->log_level = fresh->log_level;
}

int config_read_planner(const struct json *v, const struct planner_kind **planner, struct err *err)
{
    const char *name = json_text(v) ? json_text(v) : "";

    if (v == NULL)
        return 0;
    if (planner_kind_find(name) == NULL)
        return fail(err, CORAX_E_ARGS, "planner must be %s, not \"%.30s\"", planner_kind_names(), name);
    *planner = planner_kind_find(name);
    return 0;
}

static int read_retrieval(struct retrieval_config *r, const struct json *v, struct err *err)
{
    static const char *const known[] = { "max_tools", "top_k", "step_k", "step_max", "pinned", NULL };

    if (v == NULL)
        return 0;
    if (json_check_members(v, "tool_retrieval", known, err) < 0 ||
        config_read_small(v, "tool_retrieval.", "max_tools", 0, 4000, &r->max_tools, err) < 0 ||
        config_read_small(v, "tool_retrieval.", "top_k", 0, 100, &r->top_k, err) < 0 ||
        config_read_small(v, "tool_retrieval.", "step_k", 0, RETRIEVAL_MAX_STEP, &r->step_k, err) < 0 ||
        config_read_small(v, "tool_retrieval.", "step_max", 0, 100, &r->step_max, err) < 0)
        return -1;
    if (config_check_pinned(json_get(v, "pinned"), err) < 0)
        return err_context(err, "tool_retrieval");
    for (const struct json *e = json_first(json_get(v, "pinned")); e; e = json_next(e))
        if (config_list_add(&r->pinned, json_text(e), err) < 0)
            return err_context(err, "tool_retrieval.pinned");
    return 0;
}

/* A prefix may be empty, and its spaces count. */
static int read_prefix(const struct json *object, const char *key, char **slot, struct err *err)
{
    const struct json *v = json_get(object, key);

    if (v == NULL)
        return 0;
    if (json_text(v) == NULL || strlen(json_text(v)) > MAX_PREFIX)
        return fail(err, CORAX_E_ARGS, "embedding.%s must be a text of at most %d bytes", key, MAX_PREFIX);
    return config_set_text(slot, json_text(v), err);
}

/* The model is a path, or the name of one of `models`, which are read already. */
static int read_embedding(struct config *c, const struct json *v, struct err *err)
{
    static const char *const known[] = { "model", "query_prefix", "text_prefix", "timeout_ms", "min_cosine", NULL };
    const char *model = json_get_text(v, "model", "");
    const struct model_file *file;

    if (v == NULL || json_kind(v) == JSON_NULL)
        return 0;
    if (json_check_members(v, "embedding", known, err) < 0 || read_prefix(v, "query_prefix", &c->embedding.query_prefix, err) < 0 ||
        read_prefix(v, "text_prefix", &c->embedding.text_prefix, err) < 0 ||
        config_read_small(v, "embedding.", "timeout_ms", 1, 600000, &c->embedding.timeout_ms, err) < 0 ||
        read_number(v, "embedding.", "min_cosine", -1, 1, &c->embedding.min_cosine, err) < 0)
        return -1;
    if (model[0] == '\0')
        return fail(err, CORAX_E_ARGS, "embedding.model is missing: the path of a GGUF file, or the name of one of `models`");
    if (strchr(model, '/'))
        return config_set_text(&c->embedding.model, model, err);
    if (config_find_model(c, model, &file, err) < 0)
        return err_context(err, "embedding.model is no path");
    return config_set_text(&c->embedding.model, file->path, err);
}

static int read_root(struct config *c, const struct json *root, struct err *err)
{
    static const char *const known[] = { "socket",    "admin_group", "state",      "model",  "plugins",
                                         "policies",  "max_running", "max_queued", "system", "date_note",
                                         "budget",    "sampling",    "infer",      "host",   "box",
                                         "isolation", "roots",       "log_level",  "journal",
                                         "planner",   "agents",      "max_scheduled", "stop", "memory", "compact_percent",
                                         "admin_policies", "user_policies", "approval_seconds", "models", "max_models", "tool_retrieval", "embedding",
                                         "egress", "mcp_servers", "listen", "mcp", NULL };

    if (json_check_members(root, "the file", known, err) < 0 || config_read_text(root, "", "socket", &c->socket, err) < 0 ||
        config_read_text(root, "", "admin_group", &c->admin_group, err) < 0 ||
        read_listen(c, root, err) < 0 || read_mcp(&c->mcp, json_get(root, "mcp"), err) < 0 ||
        config_read_text(root, "", "agents", &c->agents_dir, err) < 0 || config_read_text(root, "", "state", &c->state, err) < 0 || read_model(root, &c->model.path, err) < 0 ||
        read_models(c, json_get(root, "models"), err) < 0 || config_read_small(root, "", "max_models", 1, CONFIG_MAX_MODELS, &c->max_models, err) < 0 ||
        config_read_text(root, "", "system", &c->system, err) < 0 ||
        config_read_flag(root, "", "date_note", &c->date_note, err) < 0 || read_list(root, "plugins", &c->plugins, err) < 0 ||
        read_list(root, "policies", &c->policies, err) < 0 ||
        read_list(root, "admin_policies", &c->admin_policies, err) < 0 ||
        config_read_text(root, "", "user_policies", &c->user_policies, err) < 0 ||
        config_read_small(root, "", "approval_seconds", 0, 365 * 24 * 3600, &c->approval_seconds, err) < 0 ||
        config_read_small(root, "", "max_running", 1, 1024, &c->max_running, err) < 0 ||
        config_read_small(root, "", "max_queued", 0, 100000, &c->max_queued, err) < 0 ||
        config_read_small(root, "", "max_scheduled", 0, 100000, &c->max_scheduled, err) < 0 || read_stop(c, json_get(root, "stop"), err) < 0 ||
        config_read_budget(json_get(root, "budget"), &c->budget, err) < 0 ||
        config_read_sampling(json_get(root, "sampling"), &c->sampling, err) < 0 || read_children(c, root, err) < 0 ||
        read_isolation(c, json_get(root, "isolation"), err) < 0 ||
        read_roots(&c->roots, json_get(root, "roots"), err) < 0 ||
        read_journal(c, json_get(root, "journal"), err) < 0 || read_memory(&c->memory, json_get(root, "memory"), err) < 0 ||
        config_read_small(root, "", "compact_percent", 0, 95, &c->compact_percent, err) < 0 ||
        read_retrieval(&c->retrieval, json_get(root, "tool_retrieval"), err) < 0 ||
        read_embedding(c, json_get(root, "embedding"), err) < 0 ||
        config_read_planner(json_get(root, "planner"), &c->planner, err) < 0 ||
        foreign_config_read(json_get(root, "mcp_servers"), &c->foreign, err) < 0 ||
        read_log_level(json_get(root, "log_level"), &c->log_level, err) < 0)
        return -1;
    return 0;
}

int config_parse(struct config *c, const char *text, size_t len, struct err *err)
{
    struct json *root = json_parse_config(text, len, err);
    int result;

    if (root == NULL)
        return -1;
    result = read_root(c, root, err);
    json_free(root);
    return result;
}

int config_read(struct config *c, const char *path, struct err *err)
{
    struct buf text;
    int result;

    buf_init(&text, CONFIG_MAX_BYTES);
    result = file_read(path, &text, err);
    if (result == 0 && (result = config_parse(c, text.data, text.len, err)) < 0)
        err_context(err, "%s", path);
    buf_finish(&text);
    return result;
}
