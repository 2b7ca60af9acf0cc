/*
 * What a policy is told of a task: the label of all that it has seen, and the calls it has made.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/task.h"
#include "policies/match.h"
#include "util/effects.h"

void task_saw(struct task *t, struct label label)
{
    t->seen = label_join(t->seen, label);
}

void task_made(struct task *t, const char *provider, const char *tool, unsigned effects, unsigned traits, size_t bytes)
{
    struct policy_past *grown;

    if (t->n_past == t->past_cap) {
        t->past_cap = t->past_cap ? 2 * t->past_cap : 8;
        if ((grown = realloc(t->past, t->past_cap * sizeof(*grown))) == NULL)
            abort();
        t->past = grown;
    }
    /* The tool may be gone when the call is still counted. */
    t->past[t->n_past++] = (struct policy_past){
        .provider = strdup(provider), .tool = strdup(tool), .effects = effects, .traits = traits, .bytes = bytes
    };
    if (t->past[t->n_past - 1].provider == NULL || t->past[t->n_past - 1].tool == NULL)
        abort();
}

void task_forget_past(struct task *t)
{
    for (size_t i = 0; i < t->n_past; i++) {
        free((char *)t->past[i].provider);
        free((char *)t->past[i].tool);
    }
    free(t->past);
    t->past = NULL;
    t->n_past = t->past_cap = 0;
}

void task_read_effects(const struct json *j, unsigned *effects, unsigned *traits)
{
    *effects = *traits = ~0u;
    effects_read(json_get(j, "effects"), "effects", effects, NULL);
    traits_read(json_get(j, "traits"), "traits", traits, NULL);
}

void task_fold_made(struct task *t, const struct json *intent)
{
    unsigned effects, traits;
    int64_t attempt = 1;

    if (json_int(json_get(intent, "attempt"), "attempt", &attempt, NULL) == 0 && attempt > 1)
        return; /* it is there already */
    task_read_effects(intent, &effects, &traits);
    task_made(t, json_get_text(intent, "provider", ""), json_get_text(intent, "tool", ""), effects, traits,
              strlen(json_get_text(intent, "arguments", "")));
}

void task_write_past(struct jsonw *w, const char *key, const struct policy_past *past, size_t n)
{
    jsonw_array(w, key);
    for (size_t i = 0; i < n; i++) {
        jsonw_object(w, NULL);
        jsonw_text(w, "provider", past[i].provider);
        jsonw_text(w, "tool", past[i].tool);
        effects_write(w, "effects", past[i].effects);
        traits_write(w, "traits", past[i].traits);
        jsonw_int(w, "bytes", (int64_t)past[i].bytes);
        jsonw_end(w);
    }
    jsonw_end(w);
}

void task_read_past(struct task *t, const struct json *list)
{
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        unsigned effects, traits;
        int64_t bytes = 0;

        task_read_effects(j, &effects, &traits);
        json_int(json_get(j, "bytes"), "bytes", &bytes, NULL);
        task_made(t, json_get_text(j, "provider", ""), json_get_text(j, "tool", ""), effects, traits, (size_t)bytes);
    }
}

void task_write_label(struct jsonw *w, const char *key, struct label label)
{
    jsonw_object(w, key);
    jsonw_text(w, "integrity", integrity_name(label.integrity));
    jsonw_text(w, "confidentiality", confidentiality_name(label.confidentiality));
    jsonw_end(w);
}

void task_record_label(struct entry *e, const char *key, struct label label)
{
    size_t at;

    if (label_is_within(label, (struct label){ TRUSTED, PUBLIC }))
        return;
    at = entry_mark(e);
    task_write_label(&e->w, key, label);
    entry_seal(e, key, at);
}

struct label task_read_label(const struct json *j)
{
    struct label label = { TRUSTED, PUBLIC };

    if (j && match_read_label(j, "label", &label, NULL) < 0)
        label = (struct label){ UNTRUSTED, SECRET };
    return label;
}
