#include "daemon/models.h"

#include <stdlib.h>

struct models {
    const struct config *config;
    struct model *first; /* the default */
    size_t n;
    struct model **others;
    int64_t *used; /* of each of the others: when it got its last chat, counted in chats */
    int64_t clock;
    struct event *room; /* a chat has gone: others may be loaded */
};

static bool wants_loading(const struct model *m)
{
    return !model_is_loaded(m) && model_chats(m) > 0;
}

static int count_loaded(const struct models *ms)
{
    int n = 0;

    for (size_t i = 0; i < ms->n; i++)
        n += model_is_loaded(ms->others[i]);
    return n;
}

/* The loaded one without chats that was used longest ago. */
static struct model *find_idle(const struct models *ms)
{
    struct model *found = NULL;
    int64_t used = 0;

    for (size_t i = 0; i < ms->n; i++) {
        if (!model_is_loaded(ms->others[i]) || model_chats(ms->others[i]) > 0 || (found && ms->used[i] > used))
            continue;
        found = ms->others[i];
        used = ms->used[i];
    }
    return found;
}

/* Loads what has chats, as far as there is room; who was asked first goes first. */
static void load_wanted(struct models *ms)
{
    for (;;) {
        struct model *next = NULL, *idle;
        int64_t used = 0;

        for (size_t i = 0; i < ms->n; i++)
            if (wants_loading(ms->others[i]) && (!next || ms->used[i] < used)) {
                next = ms->others[i];
                used = ms->used[i];
            }
        if (!next)
            return;
        if (count_loaded(ms) >= ms->config->max_models) {
            if (!(idle = find_idle(ms)))
                return;
            model_unload(idle);
        }
        model_load(next);
        if (!model_is_loaded(next))
            return; /* it cannot be started, and its chats have failed */
    }
}

static void on_room(evutil_socket_t fd, short what, void *arg)
{
    load_wanted(arg);
}

static void on_gone(void *arg)
{
    struct models *ms = arg;

    event_active(ms->room, EV_TIMEOUT, 0);
}

struct models *models_create(struct event_base *base, const struct config *config, struct err *err)
{
    struct models *ms = calloc(1, sizeof(*ms));

    if (!ms || !(ms->others = calloc(config->n_models + 1, sizeof(struct model *))) ||
        !(ms->used = calloc(config->n_models + 1, sizeof(*ms->used))) || !(ms->room = event_new(base, -1, 0, on_room, ms))) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        goto bad;
    }
    ms->config = config;
    if (!(ms->first = model_create(base, config, config->model.path ? &config->model : NULL, err)))
        goto bad;
    for (size_t i = 0; i < config->n_models; i++) {
        if (!(ms->others[i] = model_create(base, config, &config->models[i], err)))
            goto bad;
        ms->n++;
        model_watch(ms->others[i], on_gone, ms);
    }
    model_load(ms->first);
    return ms;
bad:
    models_destroy(ms);
    return NULL;
}

void models_destroy(struct models *ms)
{
    if (!ms)
        return;
    model_destroy(ms->first);
    for (size_t i = 0; i < ms->n; i++)
        model_destroy(ms->others[i]);
    if (ms->room)
        event_free(ms->room);
    free(ms->others);
    free(ms->used);
    free(ms);
}

static struct model *find(const struct models *ms, const struct model_file *of)
{
    return of == &ms->config->model ? ms->first : ms->others[of - ms->config->models];
}

struct model_chat *models_chat(struct models *ms, const struct model_file *of, const struct model_ask *ask,
                               const struct model_chat_ops *ops, void *arg)
{
    struct model *m = find(ms, of);
    struct model_chat *c = model_chat(m, ask, ops, arg);

    if (m != ms->first && c) {
        /* One that waits to be loaded keeps the place of its first chat. */
        if (model_is_loaded(m) || model_chats(m) == 1)
            ms->used[of - ms->config->models] = ++ms->clock;
        load_wanted(ms);
    }
    return c;
}

const char *models_name(const struct models *ms, const struct model_file *of)
{
    return of ? model_name(find(ms, of)) : "";
}

int64_t models_context(const struct models *ms, const struct model_file *of)
{
    return model_context(find(ms, of));
}

bool models_write_health(const struct models *ms, struct jsonw *w)
{
    bool good = model_write_health(ms->first, w, "model", NULL);

    jsonw_array(w, "models");
    for (size_t i = 0; i < ms->n; i++)
        good = model_write_health(ms->others[i], w, NULL, ms->config->models[i].name) && good;
    jsonw_end(w);
    return good;
}
