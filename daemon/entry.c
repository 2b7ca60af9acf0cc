#include "daemon/entry.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[ENTRY_N_KINDS] = {
    [ENTRY_TASK_SUBMITTED] = "task_submitted",
    [ENTRY_MODEL_REPLIED] = "model_replied",
    [ENTRY_MODEL_FAILED] = "model_failed",
    [ENTRY_POLICY_DECIDED] = "policy_decided",
    [ENTRY_APPROVAL_ASKED] = "approval_asked",
    [ENTRY_APPROVAL_GIVEN] = "approval_given",
    [ENTRY_TOOL_INTENT] = "tool_intent",
    [ENTRY_TOOL_RESULT] = "tool_result",
    [ENTRY_QUESTION_ASKED] = "question_asked",
    [ENTRY_HUMAN_SAID] = "human_said",
    [ENTRY_EFFECT_UNVERIFIED] = "effect_unverified",
    [ENTRY_TASK_RESUMED] = "task_resumed",
    [ENTRY_TASK_FINISHED] = "task_finished",
    [ENTRY_NOTE_ADDED] = "note_added",
    [ENTRY_OBSERVATION_CUT] = "observation_cut",
    [ENTRY_WENT_BACK] = "went_back",
    [ENTRY_TASK_DUE] = "task_due",
    [ENTRY_PAUSE_ASKED] = "pause_asked",
    [ENTRY_TASK_PAUSED] = "task_paused",
    [ENTRY_TASK_RESUMED_BY] = "task_resumed_by",
    [ENTRY_MEMORY_WRITTEN] = "memory_written",
    [ENTRY_COMPACTED] = "compacted",
    [ENTRY_TOOLS_OFFERED] = "tools_offered",
    [ENTRY_LESSON_WRITTEN] = "lesson_written",
    [ENTRY_CLIENT_ASKED] = "client_asked",
    [ENTRY_CLIENT_ANSWERED] = "client_answered",
};

const char *entry_kind_name(enum entry_kind kind)
{
    return names[kind];
}

enum entry_kind entry_kind_find(const char *name)
{
    int i;

    for (i = 0; i < ENTRY_N_KINDS; i++)
        if (strcmp(names[i], name) == 0)
            break;
    return (enum entry_kind)i;
}

struct entry *entry_create(enum entry_kind kind, int64_t seq, int64_t at_ms, int64_t active_ms)
{
    struct entry *e = calloc(1, sizeof(*e));

    if (e == NULL)
        return NULL;
    e->kind = kind;
    e->seq = seq;
    e->at_ms = at_ms;
    e->active_ms = active_ms;
    buf_init(&e->json, ENTRY_LIMIT);
    e->w = jsonw_start(&e->json);
    jsonw_object(&e->w, NULL);
    jsonw_int(&e->w, "seq", seq);
    jsonw_int(&e->w, "at_ms", at_ms);
    jsonw_int(&e->w, "active_ms", active_ms);
    jsonw_text(&e->w, "kind", names[kind]);
    e->body_at = e->json.len;
    return e;
}

void entry_destroy(struct entry *e)
{
    if (e == NULL)
        return;
    buf_finish(&e->json);
    free(e);
}

size_t entry_mark(const struct entry *e)
{
    return e->json.len;
}

void entry_seal(struct entry *e, const char *key, size_t at)
{
    size_t value_at = at + strlen(key) + 4; /* ,"key": */
    struct entry_member *m;

    if (e->json.failed || e->json.len - value_at <= ENTRY_INLINE)
        return;
    assert(e->n_large < ENTRY_MAX_LARGE && strlen(key) < sizeof(e->large[0].key));
    m = &e->large[e->n_large++];
    snprintf(m->key, sizeof(m->key), "%s", key);
    m->at = at;
    m->value_at = value_at;
    m->end = e->json.len;
}

void entry_string(struct entry *e, const char *key, const char *s, size_t len)
{
    size_t at = entry_mark(e);

    if (s == NULL)
        jsonw_null(&e->w, key);
    else
        jsonw_string(&e->w, key, s, len);
    entry_seal(e, key, at);
}

void entry_text(struct entry *e, const char *key, const char *s)
{
    entry_string(e, key, s, s ? strlen(s) : 0);
}

void entry_int(struct entry *e, const char *key, int64_t value)
{
    jsonw_int(&e->w, key, value);
}

void entry_bool(struct entry *e, const char *key, bool value)
{
    jsonw_bool(&e->w, key, value);
}

void entry_raw(struct entry *e, const char *key, const char *json, size_t len)
{
    size_t at = entry_mark(e);

    jsonw_raw(&e->w, key, json, len);
    entry_seal(e, key, at);
}

bool entry_end(struct entry *e)
{
    jsonw_end(&e->w);
    return !e->json.failed;
}

void entry_body(const struct entry *e, struct buf *out)
{
    size_t at = e->body_at, end = e->json.len - 1, start = out->len, i;

    for (i = 0; i < e->n_large; i++) {
        buf_add(out, e->json.data + at, e->large[i].at - at);
        at = e->large[i].end;
    }
    buf_add(out, e->json.data + at, end - at);
    /* What was added begins with the comma after "kind", or is empty. */
    if (out->failed)
        return;
    if (out->len > start)
        out->data[start] = '{';
    else
        buf_addc(out, '{');
    buf_addc(out, '}');
}

void entry_head(struct buf *out, int64_t seq, int64_t at_ms, int64_t active_ms, const char *kind)
{
    buf_addf(out, "{\"seq\":%lld,\"at_ms\":%lld,\"active_ms\":%lld,\"kind\":\"%s\"", (long long)seq, (long long)at_ms,
             (long long)active_ms, kind);
}
