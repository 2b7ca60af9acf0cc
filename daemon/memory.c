#include "daemon/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/utf8.h"

static const char *const kind_names[MEMORY_N_KINDS] = { "note", "fact", "episode" };

const char *memory_kind_name(enum memory_kind kind)
{
    return kind_names[kind];
}

bool memory_kind_find(const char *name, enum memory_kind *kind)
{
    for (int i = 0; i < MEMORY_N_KINDS; i++) {
        if (strcmp(kind_names[i], name) == 0) {
            *kind = (enum memory_kind)i;
            return true;
        }
    }
    return false;
}

bool memory_is_name(const char *name, size_t max)
{
    const size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");

    return n > 0 && n <= max && name[n] == '\0';
}

bool memory_has_tag(const char *tags, const char *tag)
{
    const size_t n = strlen(tag);

    for (const char *at = tags; *at; at += strcspn(at, " "), at += strspn(at, " "))
        if (strcspn(at, " ") == n && memcmp(at, tag, n) == 0)
            return true;
    return false;
}

int memory_read_tags(const struct json *list, char out[MEMORY_TAGS_SIZE], struct err *err)
{
    size_t len = 0;

    out[0] = '\0';
    if (list == NULL)
        return 0;
    if (json_kind(list) != JSON_ARRAY || json_count(list) > MEMORY_MAX_TAGS)
        return fail(err, CORAX_E_ARGS, "tags must be a list of at most %d", MEMORY_MAX_TAGS);
    for (const struct json *e = json_first(list); e; e = json_next(e)) {
        const char *tag = json_text(e);

        if (tag == NULL || !memory_is_name(tag, MEMORY_MAX_TAG))
            return fail(err, CORAX_E_ARGS, "the tag \"%.40s\": use a-z, 0-9, _ and -, at most %d characters", tag ? tag : "",
                        MEMORY_MAX_TAG);
        if (!memory_has_tag(out, tag))
            len += (size_t)snprintf(out + len, MEMORY_TAGS_SIZE - len, "%s%s", len ? " " : "", tag);
    }
    return 0;
}

void memory_finish(struct memory *m)
{
    free(m->text);
    m->text = NULL;
}

static void write_tags(const char *tags, struct jsonw *w)
{
    jsonw_array(w, "tags");
    for (const char *at = tags; *at; at += strspn(at, " ")) {
        const size_t n = strcspn(at, " ");

        jsonw_string(w, NULL, at, n);
        at += n;
    }
    jsonw_end(w);
}

void memory_write(const struct memory *m, bool scored, struct jsonw *w)
{
    jsonw_text(w, "id", m->id);
    jsonw_text(w, "kind", kind_names[m->kind]);
    jsonw_text(w, "space", m->space);
    jsonw_text(w, "label", m->label[0] ? m->label : NULL);
    jsonw_text(w, "text", m->text);
    write_tags(m->tags, w);
    jsonw_text(w, "integrity", integrity_name(m->data.integrity));
    jsonw_text(w, "confidentiality", confidentiality_name(m->data.confidentiality));
    jsonw_text(w, "task", m->task[0] ? m->task : NULL);
    if (m->kind == MEMORY_NOTE)
        jsonw_int(w, "max_chars", m->max_chars);
    else
        jsonw_null(w, "max_chars");
    jsonw_int(w, "uid", m->uid);
    jsonw_int(w, "created_ms", m->created_ms);
    jsonw_int(w, "updated_ms", m->updated_ms);
    if (scored)
        jsonw_number(w, "score", m->score);
    if (scored && m->cosine != 0)
        jsonw_number(w, "cosine", m->cosine);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* Absent and null are the same. */
static const struct json *given(const struct json *root, const char *key)
{
    const struct json *v = json_get(root, key);

    return json_kind(v) == JSON_NULL ? NULL : v;
}

static int read_name(const struct json *root, const char *key, const char *otherwise, char out[MEMORY_MAX_NAME + 1], struct err *err)
{
    const struct json *v = given(root, key);
    const char *name = v ? json_text(v) : otherwise;

    if (name == NULL || (*name != '\0' && !memory_is_name(name, MEMORY_MAX_NAME)) || (v && *name == '\0'))
        return fail(err, CORAX_E_ARGS, "%s \"%.64s\": use a-z, 0-9, _ and -, at most %d characters", key, name ? name : "", MEMORY_MAX_NAME);
    snprintf(out, MEMORY_MAX_NAME + 1, "%s", name);
    return 0;
}

static int read_text(struct memory *m, const struct json *root, struct err *err)
{
    const char *text = json_get_text(root, "text", NULL);

    if (text == NULL || text[strspn(text, " \t\r\n")] == '\0')
        return fail(err, CORAX_E_ARGS, "text is missing or empty");
    if (strlen(text) > MEMORY_MAX_TEXT)
        return fail(err, CORAX_E_ARGS, "text has %zu bytes, at most %d are kept", strlen(text), MEMORY_MAX_TEXT);
    if (m->kind == MEMORY_NOTE && utf8_count(text, strlen(text)) > (size_t)m->max_chars)
        return fail(err, CORAX_E_ARGS, "text has %zu characters, the note may have %d (max_chars)", utf8_count(text, strlen(text)),
                    m->max_chars);
    m->text = strdup(text);
    return m->text ? 0 : fail(err, CORAX_E_INTERNAL, "no memory");
}

static int read_max_chars(struct memory *m, const struct json *root, struct err *err)
{
    const struct json *v = given(root, "max_chars");
    int64_t n = MEMORY_NOTE_CHARS;

    m->max_chars = 0;
    if (m->kind != MEMORY_NOTE)
        return v ? fail(err, CORAX_E_ARGS, "max_chars is for notes alone") : 0;
    if (v && (json_int(v, "max_chars", &n, err) < 0 || n < 1 || n > MEMORY_MAX_TEXT))
        return fail(err, CORAX_E_ARGS, "max_chars must be a number between 1 and %d", MEMORY_MAX_TEXT);
    m->max_chars = (int)n;
    return 0;
}

static int read_label(const struct json *root, struct label *out, const char **param, struct err *err)
{
    const struct json *i = given(root, "integrity"), *c = given(root, "confidentiality");

    *out = (struct label){ .confidentiality = INTERNAL };
    *param = "integrity";
    if (i && !integrity_find(json_text(i), &out->integrity))
        return fail(err, CORAX_E_ARGS, "integrity must be trusted or untrusted");
    *param = "confidentiality";
    if (c && !confidentiality_find(json_text(c), &out->confidentiality))
        return fail(err, CORAX_E_ARGS, "confidentiality must be public, internal or secret");
    return 0;
}

/* What the daemon writes itself. */
static void read_rest(struct memory *m, const struct json *root)
{
    const char *id = json_get_text(root, "id", ""), *task = json_get_text(root, "task", "");
    int64_t uid = 0;

    if (id_is_valid(id, strlen(id)))
        memcpy(m->id, id, sizeof(m->id));
    if (id_is_valid(task, strlen(task)))
        memcpy(m->task, task, sizeof(m->task));
    if (json_int(json_get(root, "uid"), "uid", &uid, NULL) == 0)
        m->uid = (uint32_t)uid;
    json_int(json_get(root, "created_ms"), "created_ms", &m->created_ms, NULL);
    json_int(json_get(root, "updated_ms"), "updated_ms", &m->updated_ms, NULL);
}

int memory_read(struct memory *m, const struct json *root, const char **param, struct err *err)
{
    memset(m, 0, sizeof(*m));
    *param = "kind";
    if (!memory_kind_find(json_get_text(root, "kind", ""), &m->kind))
        return fail(err, CORAX_E_ARGS, "kind must be note, fact or episode");
    *param = "space";
    if (read_name(root, "space", "default", m->space, err) < 0)
        return -1;
    *param = "label";
    if (read_name(root, "label", "", m->label, err) < 0)
        return -1;
    if (m->kind == MEMORY_NOTE && m->label[0] == '\0')
        return fail(err, CORAX_E_ARGS, "a note needs a label, which is its name");
    if (m->kind == MEMORY_FACT && m->label[0])
        return fail(err, CORAX_E_ARGS, "a fact has no label: give it tags");
    *param = "max_chars";
    if (read_max_chars(m, root, err) < 0)
        return -1;
    *param = "tags";
    if (memory_read_tags(given(root, "tags"), m->tags, err) < 0)
        return -1;
    if (read_label(root, &m->data, param, err) < 0)
        return -1;
    *param = "text";
    if (read_text(m, root, err) < 0)
        return -1;
    read_rest(m, root);
    *param = NULL;
    return 0;
}
