#include "tool.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int tool_refuse(const struct tool *t, int status, const char *fmt, ...)
{
    char text[CORAX_FAIL_MAX];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    t->host->fail(t->call, status, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
    return status;
}

int tool_refuse_err(const struct tool *t, const char *which, const struct rdkit_err *err)
{
    return tool_refuse(t, err->status, "%s%s%s", which ? which : "", which ? ": " : "", err->msg);
}

bool tool_arg(const struct tool *t, const char *name, const char **text, size_t *len)
{
    char pointer[CORAX_NAME_MAX + 2];

    snprintf(pointer, sizeof pointer, "/%s", name);
    return t->host->arg(t->call, pointer, text, len) == CORAX_OK;
}

struct rdkit_mol *tool_molecule(const struct tool *t, const char *name, int *status)
{
    const char *smiles;
    struct rdkit_err err;
    struct rdkit_mol *mol;
    size_t len;

    if (!tool_arg(t, name, &smiles, &len)) {
        *status = tool_refuse(t, CORAX_E_ARGS, "%s is missing: give a string", name);
        return NULL;
    }
    mol = rdkit_read(smiles, len, &err);
    *status = mol ? CORAX_OK : tool_refuse_err(t, strcmp(name, "smiles") == 0 ? NULL : name, &err);
    return mol;
}

static int send_answer(const struct tool *t, struct answer *a)
{
    char *json = a->failed ? NULL : cJSON_PrintUnformatted(a->json);
    int rc;

    if (json == NULL)
        return tool_refuse(t, CORAX_E_LIMIT, "out of memory");
    rc = t->host->result(t->call, "text/plain", a->text ? a->text : "", a->len);
    if (rc == CORAX_OK)
        rc = t->host->result(t->call, "application/json", json, strlen(json));
    cJSON_free(json);
    if (rc == CORAX_OK && a->svg) {
        rc = t->host->result(t->call, "image/svg+xml", a->svg, strlen(a->svg));
        if (rc == CORAX_E_LIMIT)
            return tool_refuse(t, rc, "the picture is too large: draw fewer atoms");
    }
    return rc == CORAX_E_LIMIT ? tool_refuse(t, rc, "the answer is too long: ask for fewer molecules at a time") : rc;
}

int tool_run(const struct corax_host *h, struct corax_call *c, tool_work *work)
{
    const struct tool t = { .host = h, .call = c };
    struct answer a;
    int rc;

    answer_init(&a, "ok");
    rc = work(&t, &a);
    if (rc == CORAX_OK)
        rc = send_answer(&t, &a);
    answer_finish(&a);
    return rc;
}

/* --- many molecules --------------------------------------------------------------------------------------------- */

struct item {
    const char *smiles;
    struct answer answer;
    int status; /* enum corax_status */
    struct rdkit_err err;
};

struct batch {
    const struct tool *tool;
    tool_each_work *work;
    struct item *items;
    int n;
    atomic_int next;
    atomic_bool out_of_time;
};

/* with_reason: nobody else works (rdkit_read). */
static void work_on(const struct batch *b, struct item *item, bool with_reason)
{
    struct rdkit_mol *mol = rdkit_read(item->smiles, strlen(item->smiles), with_reason ? &item->err : NULL);

    item->status = mol ? b->work(mol, &item->answer, &item->err) : with_reason ? item->err.status : CORAX_E_ARGS;
    rdkit_free(mol);
}

static void take_items(struct batch *b)
{
    int i;

    while ((i = atomic_fetch_add(&b->next, 1)) < b->n && !atomic_load(&b->out_of_time))
        work_on(b, &b->items[i], false);
}

static void *second_thread(void *arg)
{
    take_items(arg);
    return NULL;
}

/* The first thread alone may ask the host for the time. */
static void first_thread(struct batch *b)
{
    int i;

    while ((i = atomic_fetch_add(&b->next, 1)) < b->n && !atomic_load(&b->out_of_time)) {
        work_on(b, &b->items[i], false);
        if (b->tool->host->remaining_ms(b->tool->call) <= 0)
            atomic_store(&b->out_of_time, true);
    }
}

/* Up to the first that succeeds: its definitions are those of all, and the others need not write them again. */
static void define(struct batch *b)
{
    int i = 0;

    do
        work_on(b, &b->items[i], false);
    while (b->items[i++].status != CORAX_OK && i < b->n && b->tool->host->remaining_ms(b->tool->call) > 0);
    atomic_store(&b->next, i);
    for (; i < b->n; i++)
        b->items[i].answer.defined = true;
}

static int work_in_two_threads(struct batch *b)
{
    pthread_t second;
    bool two;

    define(b);
    two = b->n > 2 && pthread_create(&second, NULL, second_thread, b) == 0;
    first_thread(b);
    if (two)
        pthread_join(second, NULL);
    return atomic_load(&b->out_of_time)
               ? tool_refuse(b->tool, CORAX_E_TIMEOUT, "there was no time for all %d molecules", b->n)
               : CORAX_OK;
}

/* One line and one object; the definitions, which are the same for all, go to the whole. */
static void join_item(struct answer *all, cJSON *results, struct item *item)
{
    struct answer *a = &item->answer;
    cJSON *definitions = cJSON_DetachItemFromObjectCaseSensitive(a->json, "definitions");

    if (definitions)
        answer_item(all, "definitions", definitions);

    answer_addf(all, "%s%s: ", all->len ? "\n" : "", item->smiles);
    if (item->status == CORAX_OK) {
        answer_add(all, a->text ? a->text : "");
    } else {
        answer_addf(all, "error: %s", item->err.msg);
        answer_string(a, "status", "error");
        answer_string(a, "message", item->err.msg);
    }
    answer_string(a, "smiles", item->smiles);
    if (a->failed || !cJSON_AddItemToArray(results, a->json))
        all->failed = true;
    else
        a->json = NULL;
}

static int each_of_list(const struct tool *t, struct answer *all, tool_each_work *work, const cJSON *list)
{
    struct batch b = { .tool = t, .work = work, .n = cJSON_GetArraySize(list) };
    cJSON *results = cJSON_CreateArray();
    const cJSON *smiles;
    int i = 0, rc;

    answer_item(all, "results", results);
    b.items = calloc((size_t)b.n + 1, sizeof(*b.items));
    if (b.items == NULL || results == NULL) {
        free(b.items);
        return tool_refuse(t, CORAX_E_LIMIT, "out of memory");
    }
    cJSON_ArrayForEach(smiles, list)
    {
        answer_init(&b.items[i].answer, "ok");
        b.items[i++].smiles = smiles->valuestring;
    }
    rc = work_in_two_threads(&b);
    for (i = 0; i < b.n; i++) {
        if (rc == CORAX_OK && b.items[i].status == CORAX_E_ARGS && b.items[i].err.msg[0] == '\0')
            work_on(&b, &b.items[i], true);
        if (rc == CORAX_OK)
            join_item(all, results, &b.items[i]);
        answer_finish(&b.items[i].answer);
    }
    free(b.items);
    return rc;
}

static int each_of_one(const struct tool *t, struct answer *a, tool_each_work *work)
{
    struct rdkit_err err;
    struct rdkit_mol *mol;
    int rc;

    mol = tool_molecule(t, "smiles", &rc);
    if (mol == NULL)
        return rc;
    rc = work(mol, a, &err);
    rdkit_free(mol);
    return rc == CORAX_OK ? rc : tool_refuse_err(t, NULL, &err);
}

int tool_each(const struct corax_host *h, struct corax_call *c, tool_each_work *work)
{
    const struct tool t = { .host = h, .call = c };
    const char *text;
    cJSON *list = NULL;
    struct answer a;
    size_t len;
    int rc;

    /* A list of strings without NUL, as the host has checked. */
    if (h->arg(c, "/smiles/0", &text, &len) == CORAX_OK && tool_arg(&t, "smiles", &text, &len) &&
        (list = cJSON_ParseWithLength(text, len)) == NULL)
        return tool_refuse(&t, CORAX_E_LIMIT, "out of memory");
    answer_init(&a, "ok");
    rc = list ? each_of_list(&t, &a, work, list) : each_of_one(&t, &a, work);
    if (rc == CORAX_OK)
        rc = send_answer(&t, &a);
    answer_finish(&a);
    cJSON_Delete(list);
    return rc;
}
