/*
 * The paths of memories.  One that another uid owns answers as if it were not there.
 */
#include "daemon/routes_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/journal_memory.h"
#include "daemon/memory_search.h"
#include "daemon/routes_task.h"

#define MAX_LIST 500

static void reply_missing(struct evhttp_request *req, const char *id)
{
    http_reply_error(req, 404, "not_found", "memory_not_found", "id", "there is no memory %.64s", id);
}

/* --- GET /v1/memory ----------------------------------------------------------------------------------------------- */

/* A query parameter of less than size bytes; "" when absent.  false: it is too long, and the request is answered. */
static bool query_text(struct evhttp_request *req, const char *name, char *out, size_t size)
{
    char *text = routes_need(malloc(HTTP_MAX_HEADERS));
    bool fits;

    http_query(req, name, text, HTTP_MAX_HEADERS);
    fits = strlen(text) < size;
    snprintf(out, size, "%s", fits ? text : "");
    free(text);
    if (!fits)
        http_reply_error(req, 400, "invalid_request", "bad_value", name, "%s has at most %zu bytes", name, size - 1);
    return fits;
}

static bool read_kinds(struct evhttp_request *req, unsigned *kinds)
{
    enum memory_kind kind;
    char name[16];

    if (!query_text(req, "kind", name, sizeof(name)))
        return false;
    if (name[0] && !memory_kind_find(name, &kind)) {
        routes_bad(req, "bad_value", "kind", "kind must be note, fact or episode");
        return false;
    }
    *kinds = name[0] ? 1u << kind : MEMORY_ALL_KINDS;
    return true;
}

static bool read_query(struct evhttp_request *req, struct memory_query *q)
{
    int64_t limit = 50;

    if (!read_kinds(req, &q->kinds) || !query_text(req, "q", q->words, sizeof(q->words)) ||
        !query_text(req, "tag", q->tag, sizeof(q->tag)) || !query_text(req, "space", q->space, sizeof(q->space)) ||
        !query_text(req, "before", q->before, sizeof(q->before)) || !routes_query_int(req, "limit", 1, MAX_LIST, &limit))
        return false;
    q->limit = (int)limit;
    if (q->before[0] && !id_is_valid(q->before, strlen(q->before))) {
        routes_bad(req, "bad_value", "before", "before must be the id of a memory");
        return false;
    }
    if (q->before[0] && q->words[0]) {
        routes_bad(req, "bad_value", "before", "before does not go with q: a search gives the best ones, limit says how many");
        return false;
    }
    return true;
}

static void on_listed(struct journal_op *op)
{
    struct journal_memories *l = (struct journal_memories *)op;
    struct evhttp_request *req = op->arg;
    struct buf json;
    struct jsonw w;

    if (op->result < 0) {
        routes_journal_trouble(req, &op->err);
    } else {
        buf_init(&json, ROUTES_ANSWER_LIMIT);
        w = jsonw_start(&json);
        jsonw_object(&w, NULL);
        jsonw_array(&w, "memories");
        for (size_t i = 0; i < l->n; i++) {
            jsonw_object(&w, NULL);
            memory_write(&l->rows[i], l->query.words[0] != '\0', &w);
            jsonw_end(&w);
        }
        jsonw_end(&w);
        jsonw_bool(&w, "more", l->more);
        if (l->query.words[0])
            jsonw_bool(&w, "vectors", l->query.vector != NULL);
        if (l->why[0])
            jsonw_text(&w, "trouble", l->why);
        jsonw_end(&w);
        http_reply_json(req, 200, &json);
    }
    journal_memories_finish(l);
    free(l);
}

void routes_get_memories(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer)
{
    struct journal_memories *l = routes_need(malloc(sizeof(*l)));

    journal_memories_init(l, on_listed);
    if (!read_query(req, &l->query)) {
        free(l);
        return;
    }
    l->query.uid = peer->admin ? -1 : (int64_t)peer->uid;
    l->op.arg = req;
    memory_search(d, l);
}

/* --- GET /v1/memory/{id} ------------------------------------------------------------------------------------------ */

static void reply_memory(struct evhttp_request *req, int status, const struct memory *m)
{
    struct buf json;
    struct jsonw w;

    buf_init(&json, ROUTES_ANSWER_LIMIT);
    w = jsonw_start(&json);
    jsonw_object(&w, NULL);
    memory_write(m, false, &w);
    jsonw_end(&w);
    http_reply_json(req, status, &json);
}

static void on_found(struct journal_op *op)
{
    struct journal_memories *l = (struct journal_memories *)op;
    struct evhttp_request *req = op->arg;

    if (op->result < 0)
        routes_journal_trouble(req, &op->err);
    else if (l->n == 0)
        reply_missing(req, l->query.id);
    else
        reply_memory(req, 200, &l->rows[0]);
    journal_memories_finish(l);
    free(l);
}

void routes_get_memory(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *id)
{
    struct journal_memories *l;

    if (!id_is_valid(id, strlen(id))) {
        reply_missing(req, id);
        return;
    }
    l = routes_need(malloc(sizeof(*l)));
    journal_memories_init(l, on_found);
    l->query.uid = peer->admin ? -1 : (int64_t)peer->uid;
    l->query.limit = 1;
    snprintf(l->query.id, sizeof(l->query.id), "%s", id);
    l->op.arg = req;
    journal_post(d->journal, &l->op);
}

/* --- POST and DELETE ---------------------------------------------------------------------------------------------- */

static void on_written(struct journal_op *op)
{
    struct journal_memory_write *w = (struct journal_memory_write *)op;
    struct evhttp_request *req = op->arg;
    char location[64 + ID_LEN];

    if (op->result < 0) {
        routes_journal_trouble(req, &op->err);
    } else if (w->change == MEMORY_FORGET && w->refused.status != CORAX_OK) {
        reply_missing(req, w->id_end);
    } else if (w->refused.status == CORAX_E_LIMIT) {
        http_reply_error(req, 429, "overloaded", "memory_full", NULL, "%s", w->refused.msg);
    } else if (w->refused.status != CORAX_OK) {
        http_reply_error(req, 409, "conflict", "memory_exists", "label", "%s", w->refused.msg);
    } else if (w->change == MEMORY_FORGET) {
        evhttp_send_reply(req, 204, "No Content", NULL);
    } else {
        snprintf(location, sizeof(location), "/v1/memory/%s", w->m.id);
        http_set_header(req, "Location", location);
        reply_memory(req, 201, &w->m);
    }
    journal_memory_write_finish(w);
    free(w);
}

static int read_new(const struct json *root, struct memory *m, const char **param, struct err *err)
{
    static const char *const known[] = { "kind", "space", "label", "text", "tags", "integrity", "confidentiality", "max_chars", NULL };

    *param = NULL;
    if (json_check_members(root, "the body", known, err) < 0 || memory_read(m, root, param, err) < 0)
        return -1;
    *param = "kind";
    return m->kind == MEMORY_EPISODE ? fail(err, CORAX_E_ARGS, "episodes are written by coraxd alone: add a fact or a note") : 0;
}

void routes_post_memory(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer)
{
    struct journal_memory_write *w;
    const char *body, *param = NULL;
    struct memory m = { 0 };
    struct err err = { 0 };
    struct json *root;
    size_t len;
    int rc;

    body = http_body(req, &len);
    if ((root = json_parse(body, len, &err)) == NULL) {
        routes_bad(req, "bad_json", NULL, err.msg);
        return;
    }
    rc = read_new(root, &m, &param, &err);
    json_free(root);
    if (rc < 0) {
        routes_bad(req, param ? "bad_value" : "unknown_member", param, err.msg);
        memory_finish(&m);
        return;
    }
    w = routes_need(malloc(sizeof(*w)));
    journal_memory_write_init(w, MEMORY_ADD, on_written);
    m.created_ms = w->in.created_ms;
    m.updated_ms = w->in.updated_ms;
    m.uid = peer->uid;
    w->in = m;
    w->max_items = d->config.memory.max_items;
    w->op.arg = req;
    journal_post(d->journal, &w->op);
}

void routes_delete_memory(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *id)
{
    struct journal_memory_write *w;

    if (!id_is_valid(id, strlen(id))) {
        reply_missing(req, id);
        return;
    }
    w = routes_need(malloc(sizeof(*w)));
    journal_memory_write_init(w, MEMORY_FORGET, on_written);
    w->in.uid = peer->uid;
    w->any_uid = peer->admin;
    snprintf(w->id_end, sizeof(w->id_end), "%s", id);
    w->op.arg = req;
    journal_post(d->journal, &w->op);
}
