#include "daemon/agents.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/policies.h"
#include "util/file.h"

struct agents {
    struct agent list[AGENTS_MAX];
    size_t n;
};

static void finish_agent(struct agent *a)
{
    free(a->name);
    json_free(a->root);
}

void agents_destroy(struct agents *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; i < a->n; i++)
        finish_agent(&a->list[i]);
    free(a);
}

const struct agent *agents_find(const struct agents *a, const char *name)
{
    for (size_t i = 0; a && i < a->n; i++)
        if (strcmp(a->list[i].name, name) == 0)
            return &a->list[i];
    return NULL;
}

const struct agent *agents_at(const struct agents *a, size_t i)
{
    return a && i < a->n ? &a->list[i] : NULL;
}

/* --- one file ----------------------------------------------------------------------------------------------------- */

static int read_text(const struct json *root, const char *key, const char **out, struct err *err)
{
    if (json_get(root, key) && (*out = json_text(json_get(root, key))) == NULL)
        return fail(err, CORAX_E_ARGS, "%s must be a text", key);
    return 0;
}

static int read_agent(struct agent *a, const struct config *c, struct err *err)
{
    static const char *const known[] = { "agent", "description", "planner", "tools", "pinned", "system", "budget", "sampling",
                                         "policy", "model", "memory", NULL };
    const struct model_file *file;
    int64_t version = 0;

    a->description = "";
    a->planner = c->planner;
    a->budget = c->budget;
    a->sampling = c->sampling;
    a->tools = json_get(a->root, "tools");
    a->pinned = json_get(a->root, "pinned");
    a->policy = json_get(a->root, "policy");
    if (json_check_members(a->root, "an agent", known, err) < 0)
        return -1;
    if (json_int(json_get(a->root, "agent"), "agent", &version, NULL) < 0 || version != 1)
        return fail(err, CORAX_E_ARGS, "\"agent\" must be 1, the version of this format");
    if (read_text(a->root, "description", &a->description, err) < 0 || read_text(a->root, "system", &a->system, err) < 0 ||
        read_text(a->root, "model", &a->model, err) < 0 || config_find_model(c, a->model, &file, err) < 0 ||
        config_check_tools(a->tools, err) < 0 || config_check_pinned(a->pinned, err) < 0 || policies_check_narrowing(a->policy, NULL, err) < 0 || config_read_planner(json_get(a->root, "planner"), &a->planner, err) < 0 ||
        config_read_budget(json_get(a->root, "budget"), &a->budget, err) < 0 ||
        config_read_sampling(json_get(a->root, "sampling"), &a->sampling, err) < 0 ||
        config_read_space(json_get(a->root, "memory"), &a->memory, err) < 0)
        return -1;
    a->has_memory = json_get(a->root, "memory") != NULL;
    budget_narrow(&a->budget, &c->budget);
    return 0;
}

/* NAME.json; its length without the end, 0: it is no agent's. */
static size_t name_length(const char *file)
{
    const size_t len = strlen(file), n = strspn(file, "abcdefghijklmnopqrstuvwxyz0123456789_-");

    return n > 0 && n <= AGENT_MAX_NAME && len == n + 5 && strcmp(file + n, ".json") == 0 ? n : 0;
}

static int add_file(struct agents *all, const char *dir, const char *file, const struct config *c, struct err *err)
{
    struct agent *a = &all->list[all->n];
    struct buf text;
    char path[600];
    int rc;

    if (all->n == AGENTS_MAX)
        return fail(err, CORAX_E_LIMIT, "agents: more than %d in %s", AGENTS_MAX, dir);
    memset(a, 0, sizeof(*a));
    snprintf(path, sizeof(path), "%.400s/%s", dir, file);
    buf_init(&text, AGENT_MAX_BYTES);
    a->name = strndup(file, name_length(file));
    rc = a->name ? file_read(path, &text, err) : fail(err, CORAX_E_INTERNAL, "no memory");
    if (rc == 0 && (a->root = json_parse_config(text.data ? text.data : "", text.len, err)) == NULL)
        rc = -1;
    if (rc == 0)
        rc = read_agent(a, c, err);
    buf_finish(&text);
    if (rc < 0) {
        finish_agent(a);
        return err_context(err, "%s", path);
    }
    all->n++;
    return 0;
}

/* --- all ---------------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const struct agent *x = a, *y = b;

    return strcmp(x->name, y->name);
}

struct agents *agents_load(const char *dir, const struct config *c, struct err *err)
{
    struct agents *all = calloc(1, sizeof(*all));
    DIR *d = dir ? opendir(dir) : NULL;
    const struct dirent *e;
    int rc = 0;

    if (all == NULL)
        rc = fail(err, CORAX_E_INTERNAL, "no memory");
    else if (dir && d == NULL)
        rc = fail_sys(err, CORAX_E_NOTFOUND, "agents: %s", dir);
    while (rc == 0 && d && (e = readdir(d)) != NULL)
        if (name_length(e->d_name) > 0)
            rc = add_file(all, dir, e->d_name, c, err);
    if (d)
        closedir(d);
    if (rc < 0) {
        agents_destroy(all);
        return NULL;
    }
    qsort(all->list, all->n, sizeof(*all->list), compare);
    return all;
}

void agents_write(const struct agents *all, struct jsonw *w)
{
    jsonw_array(w, "agents");
    for (size_t i = 0; i < all->n; i++) {
        const struct agent *a = &all->list[i];

        jsonw_object(w, NULL);
        jsonw_text(w, "name", a->name);
        jsonw_text(w, "description", a->description);
        jsonw_text(w, "model", a->model);
        jsonw_text(w, "planner", planner_kind_name(a->planner));
        if (a->tools)
            jsonw_value(w, "tools", a->tools);
        else
            jsonw_null(w, "tools");
        if (a->pinned)
            jsonw_value(w, "pinned", a->pinned);
        jsonw_text(w, "system", a->system);
        if (a->policy)
            jsonw_value(w, "policy", a->policy);
        else
            jsonw_null(w, "policy");
        jsonw_text(w, "memory", a->memory);
        config_write_budget(&a->budget, w);
        jsonw_end(w);
    }
    jsonw_end(w);
}
