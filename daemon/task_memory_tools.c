/*
 * The tools of memory.
 *
 * A call that writes has its intent on the disk before it is carried out (task_call.c), and the journal makes each call's change once: so after a
 * crash it is made again, and nothing is doubled or lost.  What is wrong with a change (a limit, a name) the model is told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/memory_search.h"
#include "daemon/task_memory.h"
#include "daemon/task_memory_text.h"
#include "util/utf8.h"

#define RESULT_BYTES 2000 /* of one memory that was searched for */
#define FOUND        5    /* where the model says no number */
#define FOUND_MOST   20

/* An operation of the journal for a call. */
struct memory_call {
    struct builtin_call *c; /* NULL: the task has ended */
    struct task *t;
    union {
        struct journal_op op; /* both begin with it */
        struct journal_memories found;
        struct journal_memory_write write;
    };
};

static void let_go(struct builtin_call *c)
{
    struct memory_call *call = c->own;

    call->c = NULL;
}

static struct memory_call *begin(struct builtin_call *c)
{
    struct memory_call *call = calloc(1, sizeof(*call));

    if (call == NULL)
        abort();
    call->c = c;
    call->t = c->task;
    c->own = call;
    c->cancel = let_go;
    return call;
}

static void post(struct memory_call *call)
{
    call->op.arg = call;
    journal_post(call->t->d->journal, &call->op);
}

static void post_search(struct memory_call *call)
{
    call->op.arg = call;
    memory_search(call->t->d, &call->found);
}

static bool has_space(const struct task *t)
{
    return task_memory_space(t) != NULL;
}

/* --- searching ---------------------------------------------------------------------------------------------------- */

static void on_found(struct journal_op *op)
{
    struct memory_call *call = op->arg;
    struct builtin_call *c = call->c;
    struct journal_memories *l = &call->found;

    if (c && op->result < 0) {
        builtin_finish(c, &op->err);
    } else if (c) {
        for (size_t i = 0; i < l->n; i++) {
            task_memory_add_item(&c->text, &l->rows[i], RESULT_BYTES);
            c->label = label_join(c->label, l->rows[i].data);
        }
        if (l->n == 0)
            buf_adds(&c->text, "nothing is remembered about that");
        else
            c->text.data[--c->text.len] = '\0'; /* the last line's end */
        if (l->why[0])
            buf_adds(&c->text, "\n(found by these words alone: what says it in others was not looked for)");
        builtin_finish(c, NULL);
    }
    journal_memories_finish(l);
    free(call);
}

static int call_search(struct builtin_call *c, const struct json *args, struct err *err)
{
    const char *words = json_get_text(args, "query", ""), *kind_name = json_get_text(args, "kind", NULL), *tag = json_get_text(args, "tag", "");
    enum memory_kind kind = MEMORY_FACT;
    struct memory_call *call;
    int64_t limit = FOUND;

    if (words[strspn(words, " \t\r\n")] == '\0' && tag[0] == '\0')
        return fail(err, CORAX_E_ARGS, "say what to look for: query is empty");
    if (strlen(words) >= MEMORY_MAX_QUERY)
        return fail(err, CORAX_E_ARGS, "query has %zu bytes, give a few words", strlen(words));
    if (kind_name && !memory_kind_find(kind_name, &kind))
        return fail(err, CORAX_E_ARGS, "kind must be note, fact or episode");
    json_int(json_get(args, "limit"), "limit", &limit, NULL);
    call = begin(c);
    journal_memories_init(&call->found, on_found);
    call->found.query.uid = c->task->row.uid;
    call->found.query.kinds = kind_name ? 1u << kind : MEMORY_ALL_KINDS;
    call->found.query.limit = limit < 1 ? 1 : limit > FOUND_MOST ? FOUND_MOST : (int)limit;
    snprintf(call->found.query.space, sizeof(call->found.query.space), "%s", task_memory_space(c->task));
    snprintf(call->found.query.words, sizeof(call->found.query.words), "%s", words);
    snprintf(call->found.query.tag, sizeof(call->found.query.tag), "%s", tag);
    post_search(call);
    return 0;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

/* The event: what is now remembered, or is no more. */
static void record(struct task *t, const char *call_id, const struct journal_memory_write *w)
{
    struct entry *e = task_record(t, ENTRY_MEMORY_WRITTEN);
    size_t at;

    entry_text(e, "call_id", call_id);
    entry_text(e, "change", w->removed ? "removed" : w->change == MEMORY_ADD ? "added" : "changed");
    at = entry_mark(e);
    jsonw_object(&e->w, "memory");
    memory_write(&w->m, false, &e->w);
    jsonw_end(&e->w);
    entry_seal(e, "memory", at);
    task_recorded(t, e);
}

static void tell(struct buf *out, const struct journal_memory_write *w)
{
    const struct memory *m = &w->m;

    if (m->kind == MEMORY_FACT)
        buf_addf(out, "%s: fact %s", w->removed ? "forgotten" : "remembered", m->id + ID_LEN - MEMORY_SHORT_ID);
    else if (w->removed)
        buf_addf(out, "the note %s is empty and gone", m->label);
    else
        buf_addf(out, "the note %s is now (%zu of %d characters):\n%s", m->label, utf8_count(m->text, strlen(m->text)), m->max_chars, m->text);
}

static void on_written(struct journal_op *op)
{
    struct memory_call *call = op->arg;
    struct builtin_call *c = call->c;
    struct journal_memory_write *w = &call->write;

    if (c && op->result < 0) {
        builtin_finish(c, &op->err);
    } else if (c && w->refused.status != CORAX_OK) {
        builtin_finish(c, &w->refused);
    } else if (c) {
        record(call->t, c->id, w);
        tell(&c->text, w);
        c->label = w->m.data;
        builtin_finish(c, NULL);
    }
    journal_memory_write_finish(w);
    free(call);
}

static struct journal_memory_write *begin_write(struct builtin_call *c, enum memory_change change, enum memory_kind kind)
{
    struct memory_call *call = begin(c);
    struct journal_memory_write *w = &call->write;
    const struct task *t = c->task;

    journal_memory_write_init(w, change, on_written);
    w->in.uid = t->row.uid;
    w->in.kind = kind;
    w->in.data = task_memory_label(t);
    w->in.max_chars = kind == MEMORY_NOTE ? t->d->config.memory.note_chars : 0;
    w->max_items = t->d->config.memory.max_items;
    snprintf(w->in.space, sizeof(w->in.space), "%s", task_memory_space(t));
    snprintf(w->in.task, sizeof(w->in.task), "%s", t->row.id);
    snprintf(w->call, sizeof(w->call), "%s", c->id);
    return w;
}

static void end_write(struct builtin_call *c, char *text, char *old)
{
    struct memory_call *call = c->own;

    call->write.in.text = text;
    call->write.old = old;
    post(call);
}

static char *copy(const char *text)
{
    char *made = strdup(text);

    if (made == NULL)
        abort();
    return made;
}

static int call_add(struct builtin_call *c, const struct json *args, struct err *err)
{
    const char *text = json_get_text(args, "text", "");
    char tags[MEMORY_TAGS_SIZE];
    struct journal_memory_write *w;

    if (text[strspn(text, " \t\r\n")] == '\0')
        return fail(err, CORAX_E_ARGS, "text is empty: say what is to be remembered");
    if (strlen(text) > MEMORY_MAX_TEXT)
        return fail(err, CORAX_E_LIMIT, "text has %zu bytes, a fact may have %d: make it shorter, or several facts", strlen(text), MEMORY_MAX_TEXT);
    if (memory_read_tags(json_get(args, "tags"), tags, err) < 0)
        return -1;
    w = begin_write(c, MEMORY_ADD, MEMORY_FACT);
    memcpy(w->in.tags, tags, sizeof(tags));
    end_write(c, copy(text), NULL);
    return 0;
}

static int call_forget(struct builtin_call *c, const struct json *args, struct err *err)
{
    const char *id = json_get_text(args, "id", "");
    struct journal_memory_write *w;

    if (strlen(id) < 6 || strlen(id) > ID_LEN || strspn(id, "0123456789abcdef-") != strlen(id))
        return fail(err, CORAX_E_ARGS, "\"%.40s\" is no fact's id: memory_search shows them", id);
    w = begin_write(c, MEMORY_FORGET, MEMORY_FACT);
    snprintf(w->id_end, sizeof(w->id_end), "%s", id);
    end_write(c, NULL, NULL);
    return 0;
}

static int change_note(struct builtin_call *c, const struct json *args, enum memory_change change, struct err *err)
{
    const char *note = json_get_text(args, "note", ""), *text = json_get_text(args, change == MEMORY_REPLACE ? "new" : "text", "");
    const char *old = json_get_text(args, "old", NULL);
    struct journal_memory_write *w;
    int64_t line = -1;

    if (!memory_is_name(note, MEMORY_MAX_NAME))
        return fail(err, CORAX_E_ARGS, "\"%.64s\" is no name of a note: use a-z, 0-9, _ and -, at most %d characters", note, MEMORY_MAX_NAME);
    if (json_get(args, "line") && (json_int(json_get(args, "line"), "line", &line, err) < 0 || line < -1 || line > 100000))
        return fail(err, CORAX_E_ARGS, "line must be a number from 0, or -1 for the end");
    w = begin_write(c, change, MEMORY_NOTE);
    snprintf(w->in.label, sizeof(w->in.label), "%s", note);
    w->line = (int)line;
    end_write(c, copy(text), old ? copy(old) : NULL);
    return 0;
}

static int call_insert(struct builtin_call *c, const struct json *args, struct err *err)
{
    return change_note(c, args, MEMORY_INSERT, err);
}

static int call_replace(struct builtin_call *c, const struct json *args, struct err *err)
{
    return change_note(c, args, MEMORY_REPLACE, err);
}

static int call_rethink(struct builtin_call *c, const struct json *args, struct err *err)
{
    return change_note(c, args, MEMORY_RETHINK, err);
}

/* --- the tools ---------------------------------------------------------------------------------------------------- */

#define READS  "\"_meta\":{\"corax/effects\":[\"read\"],\"corax/traits\":[\"idempotent\"]}"
#define WRITES "\"_meta\":{\"corax/effects\":[\"write\"],\"corax/traits\":[\"idempotent\"]}"
#define ARGS(required, properties) \
    "\"inputSchema\":{\"type\":\"object\",\"properties\":{" properties "},\"required\":[" required "],\"additionalProperties\":false}"
#define TEXT(name, what) "\"" name "\":{\"type\":\"string\",\"description\":\"" what "\"}"
#define NOTE             TEXT("note", "name of the note")

const struct builtin builtin_memory_search = {
    .name = "memory_search",
    .tool = "{\"name\":\"memory_search\",\"description\":\"Look for what is remembered from earlier tasks: facts, notes and what became of tasks.\"," ARGS(
        "\"query\"", TEXT("query", "a few words") ",\"kind\":{\"type\":\"string\",\"enum\":[\"fact\",\"episode\",\"note\"]}," TEXT(
                         "tag", "only with this tag") ",\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":20}") "," READS "}",
    .is_offered = has_space,
    .call = call_search,
};

const struct builtin builtin_memory_add = {
    .name = "memory_add",
    .tool = "{\"name\":\"memory_add\",\"description\":\"Remember a fact for later tasks.\"," ARGS(
        "\"text\"", TEXT("text", "the fact, in a sentence") ",\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"maxItems\":8}") "," WRITES "}",
    .is_offered = has_space,
    .is_durable = true,
    .call = call_add,
};

const struct builtin builtin_memory_forget = {
    .name = "memory_forget",
    .tool = "{\"name\":\"memory_forget\",\"description\":\"Forget a fact that is wrong or out of date.\"," ARGS(
        "\"id\"", TEXT("id", "of the fact, as memory_search shows it")) "," WRITES "}",
    .is_offered = has_space,
    .is_durable = true,
    .call = call_forget,
};

const struct builtin builtin_notes_insert = {
    .name = "notes_insert",
    .tool = "{\"name\":\"notes_insert\",\"description\":\"Add lines to a working note, or begin one. Notes are told to you in each task.\"," ARGS(
        "\"note\",\"text\"", NOTE "," TEXT("text", "the lines") ",\"line\":{\"type\":\"integer\",\"description\":\"before which line, from 0; -1: at the end\"}") "," WRITES "}",
    .is_offered = has_space,
    .is_durable = true,
    .call = call_insert,
};

const struct builtin builtin_notes_replace = {
    .name = "notes_replace",
    .tool = "{\"name\":\"notes_replace\",\"description\":\"Replace a part of a working note.\"," ARGS(
        "\"note\",\"old\",\"new\"", NOTE "," TEXT("old", "what stands there now, exactly; it must stand there once") "," TEXT("new", "what is to stand there")) "," WRITES "}",
    .is_offered = has_space,
    .is_durable = true,
    .call = call_replace,
};

const struct builtin builtin_notes_rethink = {
    .name = "notes_rethink",
    .tool = "{\"name\":\"notes_rethink\",\"description\":\"Write a working note anew.\"," ARGS(
        "\"note\",\"text\"", NOTE "," TEXT("text", "all of the note; empty: it goes")) "," WRITES "}",
    .is_offered = has_space,
    .is_durable = true,
    .call = call_rethink,
};
