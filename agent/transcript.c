/*
 * A list of pointers to messages, each message with all it refers to in one arena.  So a message, its calls and its texts
 * stay where they are while the list grows, and commands of the planner may point into them.  Beside it grows the JSON of
 * the messages: the model is sent all of it in every step, and a transcript only grows.
 *
 * The size is checked before anything is copied: adding either happens as a whole or not at all, and "too long" is told
 * from "no memory".
 */
#include "agent/transcript.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALLOC_SLACK 32 /* rounding of one arena allocation, at most */
/* No transcript's JSON is longer: an escape makes six bytes of one, and a message, part or call of no text at all counts
 * more bytes in the arena than its braces and keys have.  So what fails is memory. */
#define JSON_LIMIT (6 * (size_t)TRANSCRIPT_MAX_BYTES)

/* What a compaction took, and the message before that, which it changed. */
struct taken {
    size_t from, n; /* n messages, of which the first stood at from - 1 */
    struct message **messages;
};

struct transcript {
    struct arena *arena;
    struct message **messages;
    size_t *ends; /* of their JSON, in json */
    size_t n, cap;
    struct taken *taken;
    size_t n_taken;
    struct buf json; /* the messages as they are sent, commas between them: written once, not in every step */
};

struct transcript *transcript_create(void)
{
    struct transcript *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    /* The limit is kept by transcript_add; the arena's is only far enough away to leave room for its own rounding. */
    t->arena = arena_create(2 * (size_t)TRANSCRIPT_MAX_BYTES);
    if (!t->arena) {
        free(t);
        return NULL;
    }
    buf_init(&t->json, JSON_LIMIT);
    return t;
}

void transcript_destroy(struct transcript *t)
{
    if (!t)
        return;
    arena_destroy(t->arena);
    buf_finish(&t->json);
    free(t->messages);
    free(t->ends);
    for (size_t i = 0; i < t->n_taken; i++)
        free(t->taken[i].messages);
    free(t->taken);
    free(t);
}

size_t transcript_count(const struct transcript *t)
{
    return t->n;
}

const struct message *transcript_at(const struct transcript *t, size_t i)
{
    return i < t->n ? t->messages[i] : NULL;
}

/* --- adding ----------------------------------------------------------------------------------------------------- */

/* Sums sizes, and stays at SIZE_MAX once they no longer fit. */
static void grow(size_t *sum, size_t n)
{
    if (__builtin_add_overflow(*sum, n, sum) || __builtin_add_overflow(*sum, ALLOC_SLACK, sum))
        *sum = SIZE_MAX;
}

static void grow_text(size_t *sum, const char *s)
{
    if (s)
        grow(sum, strlen(s));
}

static size_t part_bytes(const struct part *p)
{
    size_t sum = 0;

    grow(&sum, sizeof(*p));
    grow_text(&sum, p->mime);
    grow(&sum, p->len);
    return sum;
}

static size_t message_bytes(const struct message *m)
{
    size_t sum = 0;

    grow(&sum, sizeof(*m));
    grow_text(&sum, m->reasoning);
    grow_text(&sum, m->call_id);
    grow_text(&sum, m->name);
    for (size_t i = 0; i < m->n_parts; i++)
        grow(&sum, part_bytes(&m->parts[i]));
    for (size_t i = 0; i < m->n_calls; i++) {
        grow(&sum, sizeof(*m->calls));
        grow_text(&sum, m->calls[i].id);
        grow_text(&sum, m->calls[i].name);
        grow(&sum, m->calls[i].args_len);
    }
    return sum;
}

/* Copies a text; *failed remembers that there was no memory for one of many. */
static const char *copy(struct arena *arena, const char *s, size_t len, bool *failed)
{
    const char *made = arena_strndup(arena, s, len);

    *failed |= !made;
    return made;
}

static const char *copy_text(struct arena *arena, const char *s, bool *failed)
{
    return s ? copy(arena, s, strlen(s), failed) : NULL;
}

static void part_copy(struct arena *arena, struct part *made, const struct part *p, bool *failed)
{
    made->mime = copy_text(arena, p->mime, failed);
    made->data = copy(arena, p->data, p->len, failed);
    made->len = p->len;
}

static struct message *message_copy(struct arena *arena, const struct message *m)
{
    struct message *made = arena_alloc(arena, sizeof(*made));
    bool failed = false;

    if (!made)
        return NULL;
    *made = (struct message){ .role = m->role, .n_parts = m->n_parts, .n_calls = m->n_calls, .error = m->error };
    made->reasoning = copy_text(arena, m->reasoning, &failed);
    made->call_id = copy_text(arena, m->call_id, &failed);
    made->name = copy_text(arena, m->name, &failed);
    if (m->n_parts > 0 && !(made->parts = arena_alloc(arena, m->n_parts * sizeof(*made->parts))))
        return NULL;
    for (size_t i = 0; i < m->n_parts; i++)
        part_copy(arena, &made->parts[i], &m->parts[i], &failed);
    if (m->n_calls > 0 && !(made->calls = arena_alloc(arena, m->n_calls * sizeof(*made->calls))))
        return NULL;
    for (size_t i = 0; i < m->n_calls; i++) {
        made->calls[i].id = copy_text(arena, m->calls[i].id, &failed);
        made->calls[i].name = copy_text(arena, m->calls[i].name, &failed);
        made->calls[i].args = copy(arena, m->calls[i].args, m->calls[i].args_len, &failed);
        made->calls[i].args_len = m->calls[i].args_len;
    }
    return failed ? NULL : made;
}

static const char *role_name(enum role role)
{
    static const char *const names[] = { "system", "user", "assistant", "tool" };

    return names[role];
}

static void message_write(const struct message *m, struct jsonw *w)
{
    jsonw_object(w, NULL);
    jsonw_text(w, "role", role_name(m->role));
    if (m->reasoning)
        jsonw_text(w, "reasoning", m->reasoning);
    if (m->role == ROLE_TOOL) {
        jsonw_text(w, "call_id", m->call_id);
        jsonw_text(w, "name", m->name);
        jsonw_bool(w, "error", m->error);
    }
    jsonw_array(w, "parts");
    for (size_t i = 0; i < m->n_parts; i++)
        part_write(&m->parts[i], w);
    jsonw_end(w);
    if (m->n_calls > 0) {
        jsonw_array(w, "calls");
        for (size_t i = 0; i < m->n_calls; i++) {
            jsonw_object(w, NULL);
            jsonw_text(w, "id", m->calls[i].id);
            jsonw_text(w, "name", m->calls[i].name);
            jsonw_string(w, "arguments", m->calls[i].args, m->calls[i].args_len);
            jsonw_end(w);
        }
        jsonw_end(w);
    }
    jsonw_end(w);
}

/* Without memory the JSON is cut back to what it was.  false: it was. */
static bool keep_json(struct transcript *t, size_t len)
{
    if (!t->json.failed)
        return true;
    t->json.failed = false;
    t->json.len = len;
    if (t->json.cap > 0)
        t->json.data[len] = '\0';
    return false;
}

/* Appends the message to the JSON; as before when there is no memory. */
static bool write_json(struct transcript *t, const struct message *m)
{
    size_t len = t->json.len;
    struct jsonw w;

    if (len > 0)
        buf_addc(&t->json, ',');
    w = jsonw_start(&t->json);
    message_write(m, &w);
    return keep_json(t, len);
}

/* The same for a part of the last message, whose JSON ends with its parts: before the brackets that close it. */
static bool write_json_part(struct transcript *t, const struct message *m, const struct part *part)
{
    static const char closing[] = "]}";
    size_t len = t->json.len - (sizeof(closing) - 1);
    struct jsonw w;

    assert(strcmp(t->json.data + len, closing) == 0);
    t->json.len = len;
    if (m->n_parts > 0)
        buf_addc(&t->json, ',');
    w = jsonw_start(&t->json);
    part_write(part, &w);
    buf_adds(&t->json, closing);
    if (keep_json(t, len))
        return true;
    memcpy(t->json.data + len, closing, sizeof(closing));
    t->json.len += sizeof(closing) - 1;
    return false;
}

static bool make_room(struct transcript *t)
{
    size_t cap = t->cap ? 2 * t->cap : 16;
    struct message **grown;
    size_t *ends;

    if (t->n < t->cap)
        return true;
    grown = realloc(t->messages, cap * sizeof(struct message *));
    if (!grown)
        return false;
    t->messages = grown;
    ends = realloc(t->ends, cap * sizeof(*ends));
    if (!ends)
        return false;
    t->ends = ends;
    t->cap = cap;
    return true;
}

static bool is_text(const struct part *p)
{
    return strcmp(p->mime, "text/plain") == 0 || strcmp(p->mime, "application/json") == 0;
}

static int check_part(const struct part *p, size_t number, struct err *err)
{
    if (is_text(p))
        return 0;
    return fail(err, CORAX_E_ARGS, "part %zu: %.100s cannot be given to a model, only text and json can", number,
                p->mime);
}

static int check_size(const struct transcript *t, size_t need, struct err *err)
{
    if (need > TRANSCRIPT_MAX_BYTES || arena_used(t->arena) > TRANSCRIPT_MAX_BYTES - need)
        return fail(err, CORAX_E_LIMIT, "the transcript is full: at most %u bytes are kept", TRANSCRIPT_MAX_BYTES);
    return 0;
}

int transcript_add(struct transcript *t, const struct message *m, struct err *err)
{
    struct message *made;

    assert(m->role == ROLE_TOOL ? m->call_id && m->name : !m->call_id);
    for (size_t i = 0; i < m->n_parts; i++)
        if (check_part(&m->parts[i], i + 1, err) < 0)
            return -1;
    if (check_size(t, message_bytes(m), err) < 0)
        return -1;
    if (!make_room(t) || !(made = message_copy(t->arena, m)) || !write_json(t, m))
        return fail(err, CORAX_E_INTERNAL, "transcript: no memory");
    t->ends[t->n] = t->json.len;
    t->messages[t->n++] = made;
    return 0;
}

void transcript_truncate(struct transcript *t, size_t n)
{
    if (n >= t->n)
        return;
    t->n = n;
    t->json.len = n > 0 ? t->ends[n - 1] : 0;
    if (t->json.cap > 0)
        t->json.data[t->json.len] = '\0';
}

size_t transcript_bytes(const struct transcript *t)
{
    return t->json.len;
}

/* The JSON with the changed message in the place of message from - 1 up to before `to`; NULL: no memory. */
static bool splice_json(struct transcript *t, const struct message *changed, size_t from, size_t to, size_t *changed_end)
{
    const size_t before = from > 1 ? t->ends[from - 2] : 0, after = t->ends[to - 1];
    struct buf json;
    struct jsonw w;

    buf_init(&json, JSON_LIMIT);
    buf_add(&json, t->json.data, before);
    if (before > 0)
        buf_addc(&json, ',');
    w = jsonw_start(&json);
    message_write(changed, &w);
    *changed_end = json.len;
    buf_add(&json, t->json.data + after, t->json.len - after);
    if (json.failed) {
        buf_finish(&json);
        return false;
    }
    buf_finish(&t->json);
    t->json = json;
    return true;
}

/* Keeps messages [from - 1, to), for it to be undone: counted by the caller, once all else has gone well. */
static bool keep_taken(struct transcript *t, size_t from, size_t to)
{
    struct taken *grown = realloc(t->taken, (t->n_taken + 1) * sizeof(*grown));
    struct taken *k;

    if (grown == NULL)
        return false;
    t->taken = grown;
    k = &grown[t->n_taken];
    *k = (struct taken){ .from = from, .n = to - from + 1 };
    if ((k->messages = malloc(k->n * sizeof(*k->messages))) == NULL)
        return false;
    memcpy(k->messages, &t->messages[from - 1], k->n * sizeof(*k->messages));
    return true;
}

size_t transcript_compactions(const struct transcript *t)
{
    return t->n_taken;
}

int transcript_undo_compaction(struct transcript *t, struct err *err)
{
    struct taken *k = &t->taken[t->n_taken - 1];

    assert(t->n_taken > 0 && t->n >= k->from);
    transcript_truncate(t, k->from - 1);
    for (size_t i = 0; i < k->n; i++) { /* there is room: the transcript was longer then */
        if (!write_json(t, k->messages[i]))
            return fail(err, CORAX_E_INTERNAL, "transcript: no memory");
        t->ends[t->n] = t->json.len;
        t->messages[t->n++] = k->messages[i];
    }
    free(k->messages);
    t->n_taken--;
    return 0;
}

int transcript_compact(struct transcript *t, size_t from, size_t to, size_t n_parts, const struct part *part, struct err *err)
{
    const struct message *old;
    struct message *changed;
    size_t need, end, after;
    bool failed = false;

    assert(from > 0 && from <= to && to <= t->n);
    old = t->messages[from - 1];
    assert(n_parts <= old->n_parts);
    need = part_bytes(part);
    grow(&need, sizeof(*changed) + (n_parts + 1) * sizeof(*part));
    if (check_part(part, n_parts + 1, err) < 0 || check_size(t, need, err) < 0)
        return -1;
    changed = arena_alloc(t->arena, sizeof(*changed));
    if (changed) {
        *changed = *old;
        changed->parts = arena_alloc(t->arena, (n_parts + 1) * sizeof(*changed->parts));
    }
    if (!changed || !changed->parts)
        return fail(err, CORAX_E_INTERNAL, "transcript: no memory");
    if (n_parts > 0)
        memcpy(changed->parts, old->parts, n_parts * sizeof(*changed->parts));
    part_copy(t->arena, &changed->parts[n_parts], part, &failed);
    changed->n_parts = n_parts + 1;
    after = t->ends[to - 1];
    if (failed || !keep_taken(t, from, to))
        return fail(err, CORAX_E_INTERNAL, "transcript: no memory");
    if (!splice_json(t, changed, from, to, &end)) {
        free(t->taken[t->n_taken].messages);
        return fail(err, CORAX_E_INTERNAL, "transcript: no memory");
    }
    t->n_taken++;
    t->messages[from - 1] = changed;
    t->ends[from - 1] = end;
    for (size_t i = to; i < t->n; i++) {
        t->messages[from + i - to] = t->messages[i];
        t->ends[from + i - to] = t->ends[i] - after + end;
    }
    t->n -= to - from;
    return 0;
}

int transcript_add_part(struct transcript *t, const struct part *part, struct err *err)
{
    struct message *last = t->n > 0 ? t->messages[t->n - 1] : NULL;
    struct part *parts;
    size_t need;
    bool failed = false;

    if (!last || (last->role != ROLE_USER && last->role != ROLE_TOOL))
        return fail(err, CORAX_E_ARGS, "the newest message is not a user's or a tool's: it takes no more parts");
    /* A list that is one longer stands beside the old one, whose parts stay where they are. */
    need = part_bytes(part);
    grow(&need, (last->n_parts + 1) * sizeof(*parts));
    if (check_part(part, last->n_parts + 1, err) < 0 || check_size(t, need, err) < 0)
        return -1;
    parts = arena_alloc(t->arena, (last->n_parts + 1) * sizeof(*parts));
    if (parts)
        part_copy(t->arena, &parts[last->n_parts], part, &failed);
    if (!parts || failed || !write_json_part(t, last, part))
        return fail(err, CORAX_E_INTERNAL, "transcript: no memory");
    if (last->n_parts > 0)
        memcpy(parts, last->parts, last->n_parts * sizeof(*parts));
    last->parts = parts;
    last->n_parts++;
    t->ends[t->n - 1] = t->json.len;
    return 0;
}

int transcript_add_text(struct transcript *t, enum role role, const char *text, size_t len, struct err *err)
{
    struct part part = { .mime = "text/plain", .data = text, .len = len };

    return transcript_add(t, &(struct message){ .role = role, .n_parts = 1, .parts = &part }, err);
}

/* --- JSON ------------------------------------------------------------------------------------------------------- */

void part_write(const struct part *p, struct jsonw *w)
{
    jsonw_object(w, NULL);
    if (is_text(p)) {
        jsonw_text(w, "type", strcmp(p->mime, "text/plain") == 0 ? "text" : "json");
        jsonw_string(w, "text", p->data, p->len);
    } else {
        jsonw_text(w, "type", strncmp(p->mime, "audio/", 6) == 0 ? "audio" : "image");
        jsonw_text(w, "mimeType", p->mime);
        jsonw_string(w, "data", p->data, p->len);
    }
    jsonw_end(w);
}

void transcript_write(const struct transcript *t, struct jsonw *w, const char *key)
{
    jsonw_array(w, key);
    if (t->n > 0)
        jsonw_raw(w, NULL, t->json.data, t->json.len);
    jsonw_end(w);
}

static int part_read(struct arena *arena, const struct json *j, size_t number, struct part *part, struct err *err)
{
    const char *type = json_get_text(j, "type", NULL);
    const char *mime, *key;
    const struct json *value;

    if (json_kind(j) != JSON_OBJECT || !type)
        return fail(err, CORAX_E_ARGS, "part %zu: not an object with a \"type\"", number);
    if (strcmp(type, "text") == 0 || strcmp(type, "json") == 0) {
        mime = type[0] == 't' ? "text/plain" : "application/json";
        key = "text";
    } else if (strcmp(type, "image") == 0 || strcmp(type, "audio") == 0) {
        mime = json_get_text(j, "mimeType", NULL);
        key = "data";
        if (!mime || strncmp(mime, type, 5) != 0 || mime[5] != '/')
            return fail(err, CORAX_E_ARGS, "part %zu: \"mimeType\" of type \"%s\" must begin with %s/", number, type,
                        type);
    } else {
        return fail(err, CORAX_E_ARGS, "part %zu: type \"%.60s\" is not one of text, json, image, audio", number, type);
    }
    value = json_get(j, key);
    if (json_kind(value) != JSON_STRING)
        return fail(err, CORAX_E_ARGS, "part %zu: \"%s\" is missing or not a string", number, key);
    if (strcmp(type, "json") == 0 && json_check(json_text(value), strlen(json_text(value)), err) < 0)
        return err_context(err, "part %zu: \"text\" of type \"json\"", number);
    part->len = strlen(json_text(value));
    part->data = arena_strndup(arena, json_text(value), part->len);
    part->mime = arena_strndup(arena, mime, strlen(mime));
    if (!part->data || !part->mime)
        return fail(err, CORAX_E_LIMIT, "part %zu: too long or no memory", number);
    return 0;
}

int parts_read(struct arena *arena, const struct json *list, struct part **parts, size_t *n, struct err *err)
{
    size_t count = json_count(list), i = 0;
    struct part *made = NULL;

    if (json_kind(list) != JSON_ARRAY)
        return fail(err, CORAX_E_ARGS, "the parts are not a list");
    if (count > 0 && !(made = arena_alloc(arena, count * sizeof(*made))))
        return fail(err, CORAX_E_LIMIT, "%zu parts: too many or no memory", count);
    for (const struct json *j = json_first(list); j; j = json_next(j), i++)
        if (part_read(arena, j, i + 1, &made[i], err) < 0)
            return -1;
    *parts = made;
    *n = count;
    return 0;
}
