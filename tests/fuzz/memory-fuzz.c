/*
 * daemon: the bytes are the body of POST /v1/memory, or, where they are no memory, what is searched for.  A body that is taken is stored, read
 * back the same, found by its own words and forgotten; no search is an error, whatever is in it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/journal_memory.h"
#include "daemon/journal_schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct journal_db *database(void)
{
    static struct journal_db j;
    struct err err = { 0 };

    if (j.db == NULL && (sqlite3_open(":memory:", &j.db) != SQLITE_OK || journal_schema_apply(j.db, ":memory:", false, &err) < 0))
        abort();
    return &j;
}

static size_t search(struct journal_db *j, const char *words)
{
    struct journal_memories l;
    struct err err = { 0 };
    size_t n;

    journal_memories_init(&l, NULL);
    l.query.uid = 5;
    snprintf(l.query.words, sizeof(l.query.words), "%s", words);
    if (l.op.work(j, &l.op, &err) < 0)
        abort();
    n = l.n;
    journal_memories_finish(&l);
    return n;
}

static void keep(struct journal_db *j, struct memory *m)
{
    struct journal_memory_write add, forget;
    struct err err = { 0 };

    journal_memory_write_init(&add, MEMORY_ADD, NULL);
    add.in = *m;
    add.in.uid = 5;
    add.in.task[0] = '\0'; /* a person's: a task's second call of the same name would change nothing */
    add.max_items = 10;
    if (add.op.work(j, &add.op, &err) < 0)
        abort();
    if (add.refused.status == CORAX_OK) {
        if (strcmp(add.m.text, add.in.text) != 0)
            abort();
        search(j, add.m.text);
        journal_memory_write_init(&forget, MEMORY_FORGET, NULL);
        forget.in.uid = 5;
        snprintf(forget.id_end, sizeof(forget.id_end), "%s", add.m.id);
        if (forget.op.work(j, &forget.op, &err) < 0 || forget.refused.status != CORAX_OK)
            abort();
        journal_memory_write_finish(&forget);
    } else if (add.refused.msg[0] == '\0') {
        abort();
    }
    journal_memory_write_finish(&add);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct journal_db *j = database();
    struct json *root = json_parse((const char *)data, len, NULL);
    const char *param = NULL;
    struct memory m = { 0 };
    struct err err = { 0 };
    char *words;

    if (root && memory_read(&m, root, &param, &err) == 0) {
        keep(j, &m); /* takes m's text */
    } else {
        if (root && (param == NULL || err.msg[0] == '\0'))
            abort();
        memory_finish(&m);
        words = malloc(len + 1);
        if (words == NULL)
            abort();
        memcpy(words, data, len);
        words[len] = '\0';
        search(j, words);
        free(words);
    }
    json_free(root);
    return 0;
}
