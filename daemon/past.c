/*
 * The calls that a task has made: counted, and in the journal's events.
 */
#include "daemon/past.h"

#include <stdlib.h>
#include <string.h>

#include "tools/registry.h"
#include "util/effects.h"

void past_add(struct past *p, const struct policy_past *call)
{
    struct policy_past *grown, *added;

    if (p->n == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 8;
        if ((grown = realloc(p->calls, p->cap * sizeof(*grown))) == NULL)
            abort();
        p->calls = grown;
    }
    added = &p->calls[p->n++];
    *added = *call;
    added->provider = strdup(call->provider);
    added->tool = strdup(call->tool);
    if (added->provider == NULL || added->tool == NULL)
        abort();
}

void past_finish(struct past *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free((char *)p->calls[i].provider);
        free((char *)p->calls[i].tool);
    }
    free(p->calls);
    *p = (struct past){ 0 };
}

void past_read_effects(const struct json *j, unsigned *effects, unsigned *traits)
{
    *effects = *traits = ~0u;
    effects_read(json_get(j, "effects"), "effects", effects, NULL);
    traits_read(json_get(j, "traits"), "traits", traits, NULL);
}

static void add(struct past *p, const struct json *j, size_t bytes)
{
    struct policy_past call = { .provider = json_get_text(j, "provider", ""), .bytes = bytes };

    call.tool = tool_own_name(call.provider, json_get_text(j, "tool", ""));
    past_read_effects(j, &call.effects, &call.traits);
    past_add(p, &call);
}

void past_add_intent(struct past *p, const struct json *intent)
{
    int64_t attempt = 1;

    if (json_int(json_get(intent, "attempt"), "attempt", &attempt, NULL) == 0 && attempt > 1)
        return;
    add(p, intent, strlen(json_get_text(intent, "arguments", "")));
}

void past_add_list(struct past *p, const struct json *list)
{
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        int64_t bytes = 0;

        json_int(json_get(j, "bytes"), "bytes", &bytes, NULL);
        add(p, j, (size_t)bytes);
    }
}

void past_write(struct jsonw *w, const char *key, const struct policy_past *calls, size_t n)
{
    jsonw_array(w, key);
    for (size_t i = 0; i < n; i++) {
        jsonw_object(w, NULL);
        jsonw_text(w, "provider", calls[i].provider);
        jsonw_text(w, "tool", calls[i].tool);
        effects_write(w, "effects", calls[i].effects);
        traits_write(w, "traits", calls[i].traits);
        jsonw_int(w, "bytes", (int64_t)calls[i].bytes);
        jsonw_end(w);
    }
    jsonw_end(w);
}
