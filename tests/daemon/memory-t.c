/*
 * Memories in the journal: facts and notes written, found, changed and forgotten; what a uid may see; limits; words that look like FTS5's
 * operators; the order of a search, which other people's memories do not change; a task's write that comes twice; episodes that come and
 * go with their task; vectors beside words, who has none yet, and those of other texts; and a database from before there were memories.
 *
 * Not covered: HTTP and tasks (memory.bats).
 */
#include "daemon/journal_vectors.h"

#include <poll.h>
#include <sqlite3.h>
#include <unistd.h>

#include "daemon/journal_check.h"
#include "daemon/journal_schema.h"
#include "tests/tap.h"

static char dir[64];
static struct journal *j;
static bool is_done;

static void on_done(struct journal_op *op)
{
    is_done = true;
}

static void post(struct journal_op *op)
{
    struct pollfd p = { .fd = journal_fd(j), .events = POLLIN };

    is_done = false;
    journal_post(j, op);
    while (!is_done && poll(&p, 1, 120000) > 0)
        journal_dispatch(j);
    if (op->result < 0)
        diag("%s", op->err.msg);
}

static void open_journal(void)
{
    struct err err = { 0 };

    if (dir[0] == '\0') {
        snprintf(dir, sizeof(dir), "/tmp/corax-memory.XXXXXX");
        if (mkdtemp(dir) == NULL)
            exit(1);
    }
    if ((j = journal_open(dir, NULL, &err)) == NULL) {
        printf("Bail out! %s\n", err.msg);
        exit(1);
    }
}

/* The check knows of memories, and of the words in the index. */
static void drop_dir(void)
{
    struct err err = { 0 };
    char cmd[100], path[100];
    bool is_good = false;
    struct buf out;

    journal_close(j);
    buf_init(&out, 1 << 20);
    snprintf(path, sizeof(path), "%s/corax.db", dir);
    if (!ok(journal_check(path, &out, &is_good, &err) == 0 && is_good, "the journal is good"))
        diag("%s%s", err.msg, out.data);
    buf_finish(&out);
    snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
    if (system(cmd) != 0)
        diag("%s", cmd);
    dir[0] = '\0';
}

/* A number from the closed database, which is opened again. */
static long long ask(const char *sql)
{
    char path[128];
    sqlite3_stmt *s;
    long long n = -1;
    sqlite3 *db;

    journal_close(j);
    snprintf(path, sizeof(path), "%s/corax.db", dir);
    sqlite3_open(path, &db);
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        n = sqlite3_column_int64(s, 0);
    else
        diag("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_finalize(s);
    sqlite3_close(db);
    open_journal();
    return n;
}

/* What a change says: "" when it is made, else why not.  Of a task's calls: "TASK/CALL". */
static const char *change(enum memory_change what, uint32_t uid, const char *space, const char *label, const char *text, struct label data,
                          const char *by, struct memory *out)
{
    static char why[ERR_MSG];
    struct journal_memory_write w;

    journal_memory_write_init(&w, what, on_done);
    w.in.uid = uid;
    w.in.kind = *label && what != MEMORY_FORGET ? MEMORY_NOTE : MEMORY_FACT;
    w.in.max_chars = 40;
    w.in.data = data;
    w.max_items = 5;
    snprintf(w.in.space, sizeof(w.in.space), "%s", space);
    snprintf(what == MEMORY_FORGET ? w.id_end : w.in.label, ID_LEN + 1, "%s", label);
    if (strchr(text, '|')) {
        w.old = strndup(text, strcspn(text, "|"));
        text = strchr(text, '|') + 1;
    }
    w.in.text = strdup(text);
    if (*by) {
        snprintf(w.in.task, sizeof(w.in.task), "%.*s", (int)strcspn(by, "/"), by);
        snprintf(w.call, sizeof(w.call), "%s", strchr(by, '/') + 1);
    }
    post(&w.op);
    snprintf(why, sizeof(why), "%s", w.op.result < 0 ? w.op.err.msg : w.refused.status != CORAX_OK ? w.refused.msg : "");
    if (out) {
        *out = w.m;
        out->text = NULL;
    }
    journal_memory_write_finish(&w);
    return why;
}

static const struct label good = { TRUSTED, INTERNAL };

static void remember(uint32_t uid, const char *space, const char *text, struct memory *out)
{
    const char *why = change(MEMORY_ADD, uid, space, "", text, good, "", out);

    if (*why)
        diag("%s: %s", text, why);
}

static struct journal_memories find(int64_t uid, const char *space, const char *words)
{
    struct journal_memories l;

    journal_memories_init(&l, on_done);
    l.query.uid = uid;
    snprintf(l.query.space, sizeof(l.query.space), "%s", space);
    snprintf(l.query.words, sizeof(l.query.words), "%s", words);
    post(&l.op);
    return l;
}

/* The texts that are found, with commas between. */
static const char *texts(int64_t uid, const char *space, const char *words)
{
    static char out[2000];
    struct journal_memories l = find(uid, space, words);

    out[0] = '\0';
    for (size_t i = 0; i < l.n; i++)
        snprintf(out + strlen(out), sizeof(out) - strlen(out), "%s%s", i ? "," : "", l.rows[i].text);
    journal_memories_finish(&l);
    return out;
}

static void test_facts(void)
{
    struct memory m, other;

    open_journal();
    remember(5, "lab", "aspirin melts at 135 degrees", &m);
    remember(5, "lab", "caffeine melts at 235 degrees", NULL);
    remember(5, "home", "the cat is called Aspirin", &other);
    remember(6, "lab", "another one's aspirin", NULL);
    is_str(texts(5, "", ""), "the cat is called Aspirin,caffeine melts at 235 degrees,aspirin melts at 135 degrees", "a list is newest first");
    is_str(texts(5, "lab", "Where does ASPIRIN melt?"), "aspirin melts at 135 degrees,caffeine melts at 235 degrees",
           "a search finds stems, whatever their case, the best first");
    is_str(texts(5, "", "aspirin"), "the cat is called Aspirin,aspirin melts at 135 degrees", "without a space it looks in all of one's own");
    is_str(texts(6, "", "aspirin melts"), "another one's aspirin", "another uid sees its own alone");
    is_str(texts(6, "home", "aspirin"), "", "and nothing of a space that it does not have");
    is_str(texts(-1, "home", "aspirin"), "the cat is called Aspirin", "an admin sees all");
    has_str(change(MEMORY_FORGET, 6, "", m.id, "", good, "", NULL), "there is no memory", "another uid cannot forget it");
    is_str(change(MEMORY_FORGET, 5, "", m.id, "", good, "", &other), "", "its own can");
    is_str(other.id, m.id, "and is told what it was");
    is_str(texts(5, "lab", "aspirin"), "", "then it is not found any more");
    is_int(ask("SELECT count(*) FROM memories_fts WHERE memories_fts MATCH 'aspirin'"), 2, "nor in the index");
    is_int(ask("SELECT count(*) FROM memories"), 3, "nor anywhere");
    drop_dir();
}

/* Words are words, whatever they look like. */
static void test_words(void)
{
    static const char *const odd[] = { "\"",       "\"\"\"", "a\"b",     "NOT",      "AND OR NOT",    "NEAR(aspirin)", "text:aspirin", "space : \"1\"",
                                       "asp*",     "^aspirin", "-aspirin", "(aspirin", "aspirin)",      "+ +",           "{text}",       "''; DROP TABLE memories",
                                       "\xff\xfe", "é",      "\xe2\x80\x94", "a,b;c",  "aspirin + melts", "1 OR 1" };
    char many[MEMORY_MAX_QUERY];
    int bad = 0;

    open_journal();
    remember(5, "lab", "aspirin melts and does not near the NOT of near", NULL);
    remember(5, "lab", "Zürich is a city", NULL);
    for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
        struct journal_memories l = find(5, "", odd[i]);

        bad += l.op.result < 0;
        journal_memories_finish(&l);
    }
    is_int(bad, 0, "odd searches are no errors");
    is_str(texts(5, "", "zurich"), "Zürich is a city", "accents do not count");
    is_str(texts(5, "", "aspirin AND city"), "Zürich is a city,aspirin melts and does not near the NOT of near", "AND is no operator");
    is_str(texts(5, "", "aspirin NOT melts"), "aspirin melts and does not near the NOT of near", "nor is NOT");
    is_str(texts(5, "", "asp*"), "", "nor is *");
    is_str(texts(5, "", "space:1"), "", "nor is the name of a column");
    is_str(texts(5, "", "1"), "", "the number of a space is no word of its memories");
    is_str(texts(5, "", "the of"), "aspirin melts and does not near the NOT of near", "words that say nothing count where there are no others");
    for (size_t i = 0; i + 5 < sizeof(many); i += 5)
        snprintf(many + i, 6, "w%03zu ", i / 5 % 1000);
    is_str(texts(5, "", many), "", "very many words are no error");
    ok(ask("SELECT count(*) FROM memories") == 2, "and all is still there");
    drop_dir();
}

/* Of two equally long facts with a word each the one with the rarer word comes first: whose words are counted? */
static void test_order(void)
{
    open_journal();
    remember(5, "s", "copper here", NULL);
    remember(5, "s", "silver here", NULL);
    is_str(texts(5, "", "copper silver"), "silver here,copper here", "of equals the newest comes first");
    for (int i = 0; i < 5; i++) {
        remember(6, "s", "silver silver", NULL);
        remember(6, "t", "silver", NULL);
    }
    is_str(texts(5, "", "copper silver"), "silver here,copper here", "what others remember changes no order");
    remember(5, "s", "copper copper", NULL);
    is_str(texts(5, "", "copper silver"), "silver here,copper copper,copper here", "one's own memories do");
    drop_dir();
}

static void test_relevant(void)
{
    struct journal_memories l;

    open_journal();
    remember(5, "s", "the person's editor is vim", NULL);
    remember(5, "s", "water boils at 100 degrees", NULL);
    for (int i = 0; i < 3; i++) {
        static const char *const asked[] = { "Which editor do I like?", "What is it?",
                                             "Write a poem about seven hungry sailors, stormy weather, salty oceans and boiling soup" };

        journal_memories_init(&l, on_done);
        l.query.uid = 5;
        l.query.relevant = true;
        snprintf(l.query.words, sizeof(l.query.words), "%s", asked[i]);
        post(&l.op);
        is_int((long long)l.n, i == 0, asked[i]);
        journal_memories_finish(&l);
    }
    drop_dir();
}

static void test_notes(void)
{
    struct label bad = { UNTRUSTED, SECRET };
    struct journal_memories l;
    struct memory m;

    open_journal();
    is_str(change(MEMORY_INSERT, 5, "s", "plan", "one", good, "T/c1", &m), "", "a note is made");
    is_str(change(MEMORY_INSERT, 5, "s", "plan", "two", good, "T/c2", NULL), "", "and gets a line");
    is_str(texts(5, "s", ""), "one\ntwo", "at its end");
    is_str(change(MEMORY_REPLACE, 5, "s", "plan", "one|1", bad, "T/c3", &m), "", "a place of it is replaced");
    is_str(texts(5, "s", ""), "1\ntwo", "by another text");
    ok(m.data.integrity == UNTRUSTED && m.data.confidentiality == SECRET, "by a task that has read what is worse");
    is_str(change(MEMORY_RETHINK, 5, "s", "plan", "two two", good, "U/c1", &m), "", "it is written anew by one that has not");
    ok(m.data.integrity == UNTRUSTED && m.data.confidentiality == SECRET, "which makes it no better");
    has_str(change(MEMORY_REPLACE, 5, "s", "plan", "two|2", good, "U/c2", NULL), "more than once", "a place must be the only one");
    has_str(change(MEMORY_REPLACE, 5, "s", "plan", "three|3", good, "U/c3", NULL), "does not stand in", "and be there");
    has_str(change(MEMORY_REPLACE, 5, "s", "plans", "two|2", good, "U/c4", NULL), "there is no note plans", "and so must the note");
    has_str(change(MEMORY_INSERT, 5, "s", "plan", "äääääääääääääääääääääääääääääääääää", good, "U/c5", NULL),
            "would have 43 characters, it may have 40", "a note has a limit, in characters");
    has_str(change(MEMORY_INSERT, 5, "s", "other", "0123456789012345678901234567890123456789x", good, "U/c6", NULL),
            "would have 41 characters, it may have 40", "a new one, too");
    is_str(texts(5, "s", ""), "two two", "what is refused changes nothing");
    has_str(change(MEMORY_ADD, 5, "s", "plan", "x", good, "", NULL), "there is a note plan in s already", "a person makes no second one");
    is_str(change(MEMORY_RETHINK, 5, "s", "plan", " ", good, "U/c7", &m), "", "an empty text");
    is_str(texts(5, "s", ""), "", "is the end of it");
    for (int i = 0; i < MEMORY_MAX_NOTES; i++) {
        char name[16];

        snprintf(name, sizeof(name), "n%d", i);
        change(MEMORY_ADD, 5, "s", name, "x", good, "", NULL);
    }
    has_str(change(MEMORY_ADD, 5, "s", "more", "x", good, "", NULL), "there are 16 notes", "a space has so many notes");
    l = find(5, "s", "");
    is_int((long long)l.n, MEMORY_MAX_NOTES, "and no more");
    journal_memories_finish(&l);
    drop_dir();
}

static void test_limits(void)
{
    char name[16];

    open_journal();
    for (int i = 0; i < 5; i++)
        remember(5, "s", "fact", NULL);
    has_str(change(MEMORY_ADD, 5, "s", "", "fact", good, "", NULL), "there are 5 facts in s already", "a space has so many facts");
    for (int i = 1; i < MEMORY_MAX_SPACES; i++) {
        snprintf(name, sizeof(name), "s%d", i);
        remember(5, name, "fact", NULL);
    }
    has_str(change(MEMORY_ADD, 5, "more", "", "fact", good, "", NULL), "there are 64 spaces already", "and a user so many spaces");
    remember(6, "more", "fact", NULL);
    is_str(texts(6, "", ""), "fact", "another one has its own");
    is_str(texts(5, "", "fact"), "fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,"
                                 "fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,fact,"
                                 "fact,fact,fact,fact,fact,fact,fact,fact",
           "a search goes through all of them, and gives as many as were asked for");
    drop_dir();
}

/* A call that is made again after a crash writes nothing twice, and says what it said. */
static void test_once(void)
{
    struct label bad = { UNTRUSTED, INTERNAL };
    struct memory m, again;

    open_journal();
    is_str(change(MEMORY_ADD, 5, "s", "", "once", good, "T/c1", &m), "", "a task adds a fact");
    is_str(change(MEMORY_ADD, 5, "s", "", "once", good, "T/c1", &again), "", "and once more");
    is_str(again.id, m.id, "it is the same");
    is_str(texts(5, "", ""), "once", "and there is one");
    is_str(change(MEMORY_ADD, 5, "s", "", "once", good, "T/c2", NULL), "", "another call");
    is_str(texts(5, "", ""), "once,once", "is another fact");
    is_str(change(MEMORY_FORGET, 5, "s", m.id + 28, "", good, "T/c3", &again), "", "the end of an id will do to forget it");
    is_str(change(MEMORY_FORGET, 5, "s", m.id + 28, "", good, "T/c3", &again), "", "again");
    is_str(again.id, m.id, "it is the same");
    is_str(change(MEMORY_INSERT, 5, "s", "n", "line", good, "T/c4", NULL), "", "a line");
    is_str(change(MEMORY_INSERT, 5, "s", "n", "line", good, "T/c4", NULL), "", "again");
    is_str(texts(5, "s", "line"), "line", "stands there once");
    remember(5, "s", "a person's", &m);
    has_str(change(MEMORY_FORGET, 5, "s", m.id, "", bad, "T/c5", NULL), "cannot forget", "a task that may be led astray forgets nothing that is trusted");
    has_str(change(MEMORY_FORGET, 5, "s", "ffffffffffff", "", good, "T/c6", NULL), "there is no fact", "nor does any what is not there");
    has_str(change(MEMORY_FORGET, 5, "other", m.id, "", good, "T/c7", NULL), "there is no fact", "or lies in another space");
    drop_dir();
}

static void append(const char *id, int64_t seq, const struct memory *episode)
{
    struct journal_append a;

    journal_append_init(&a, on_done);
    a.create = seq == 1;
    a.row = (struct task_row){ .uid = 5, .state = episode ? TASK_FINISHED : TASK_RUNNING, .last_seq = seq };
    snprintf(a.row.id, sizeof(a.row.id), "%s", id);
    a.entries = entry_create(seq == 1 ? ENTRY_TASK_SUBMITTED : ENTRY_TASK_FINISHED, seq, 1, 1);
    a.episode = episode;
    entry_end(a.entries);
    post(&a.op);
    entry_destroy(a.entries);
}

static void test_episodes(void)
{
    char text[] = "Task: melt aspirin";
    struct memory e = { .uid = 5, .kind = MEMORY_EPISODE, .space = "s", .label = "answered", .text = text, .data = { UNTRUSTED, SECRET } };
    struct journal_memories l;
    struct journal_delete d;

    open_journal();
    id_create(e.task);
    id_create(e.id);
    append(e.task, 1, NULL);
    is_str(change(MEMORY_ADD, 5, "s", "", "aspirin is white", good, "", NULL), "", "a fact");
    change(MEMORY_ADD, 5, "s", "", "by the task", good, "T/c1", NULL);
    append(e.task, 2, &e);
    l = find(5, "", "melting");
    ok(l.n == 1 && l.rows[0].kind == MEMORY_EPISODE && strcmp(l.rows[0].task, e.task) == 0 && strcmp(l.rows[0].label, "answered") == 0 &&
           l.rows[0].data.integrity == UNTRUSTED && l.rows[0].data.confidentiality == SECRET,
       "a task that ends is an episode, with its label");
    journal_memories_finish(&l);
    journal_delete_init(&d, e.task, on_done);
    post(&d.op);
    is_int(d.op.result, 0, "the task is deleted");
    is_str(texts(5, "", "aspirin"), "aspirin is white", "its episode goes with it, the fact stays");
    is_int(ask("SELECT count(*) FROM memories_fts WHERE memories_fts MATCH 'melt'"), 0, "with its words");
    drop_dir();
}

static void test_vectors(void)
{
    static const float vectors[3][3] = { { 1, 0, 0 }, { 0, 1, 0 }, { 0.9F, 0.1F, 0 } };
    struct memory m[3];
    struct journal_memories l;

    open_journal();
    remember(5, "s", "a car", &m[0]);
    remember(5, "s", "a tree", &m[1]);
    remember(5, "s", "a vehicle", &m[2]);
    for (int i = 0; i < 3; i++) {
        struct journal_memory_vector v;

        journal_memory_vector_init(&v, on_done);
        memcpy(v.id, m[i].id, sizeof(v.id));
        v.model = "tiny";
        v.text = "another text";
        v.vector = vectors[i];
        v.n = 3;
        post(&v.op);
        ok(!v.found, "of a text that it has no more a memory gets no vector");
        journal_memory_vector_init(&v, on_done);
        memcpy(v.id, m[i].id, sizeof(v.id));
        v.model = "tiny";
        v.text = i == 0 ? "a car" : i == 1 ? "a tree" : "a vehicle";
        v.vector = vectors[i];
        v.n = 3;
        post(&v.op);
        ok(v.found, "a vector is kept");
    }
    for (int i = 0; i < 3; i++) {
        journal_memories_init(&l, on_done);
        l.query.uid = i < 2 ? 5 : 6;
        snprintf(l.query.words, sizeof(l.query.words), "vehicle");
        l.query.vector = vectors[0];
        l.query.n_vector = 3;
        l.query.model = i == 1 ? "another" : "tiny";
        post(&l.op);
        if (i == 0)
            ok(l.n == 3 && strcmp(l.rows[0].text, "a vehicle") == 0 && strcmp(l.rows[1].text, "a car") == 0,
               "what both orders have is first, then what is near");
        else if (i == 1)
            ok(l.n == 1 && strcmp(l.rows[0].text, "a vehicle") == 0, "another model's vectors are not compared");
        else
            is_int((long long)l.n, 0, "nor another uid's");
        journal_memories_finish(&l);
    }
    change(MEMORY_FORGET, 5, "", m[0].id, "", good, "", NULL);
    is_int(ask("SELECT count(*) FROM memory_vectors"), 2, "a vector goes with its memory");
    drop_dir();
}

/* The texts without a vector of a model behind a number, and whether there are more. */
static const char *without(const char *model, int limit, bool notes_only, int64_t *after)
{
    static char texts[400];
    struct journal_memories_without w;
    size_t len = 0;

    journal_memories_without_init(&w, model, on_done);
    w.found.query.limit = limit;
    w.notes_only = notes_only;
    w.after = *after;
    post(&w.found.op);
    texts[0] = '\0';
    for (size_t i = 0; i < w.found.n; i++)
        len += (size_t)snprintf(texts + len, sizeof(texts) - len, "%s%s", i ? "," : "", w.found.rows[i].text);
    snprintf(texts + len, sizeof(texts) - len, "%s", w.more ? "+" : "");
    *after = w.reached;
    journal_memories_finish(&w.found);
    return texts;
}

static void give_vector(const struct memory *m, const char *text, const char *model)
{
    struct journal_memory_vector v;
    const float vector[2] = { 1, 0 };

    journal_memory_vector_init(&v, on_done);
    memcpy(v.id, m->id, sizeof(v.id));
    v.model = model;
    v.text = text;
    v.vector = vector;
    v.n = 2;
    post(&v.op);
    ok(v.found, "%s has a vector of %s", text, model);
}

static void test_without(void)
{
    struct memory m[3];
    int64_t after = 0;

    open_journal();
    remember(5, "s", "one", &m[0]);
    remember(6, "s", "two", &m[1]);
    remember(5, "s", "three", &m[2]);
    is_str(without("a", 2, false, &after), "one,two+", "all are without one at first, some at a time");
    is_str(without("a", 2, false, &after), "three", "and the rest");
    is_str(without("a", 2, false, &after), "", "then there is none");
    give_vector(&m[1], "two", "a");
    after = 0;
    is_str(without("a", 9, false, &after), "one,three", "one that has it is left out");
    after = 0;
    is_str(without("b", 9, false, &after), "one,two,three", "but not for another model");
    change(MEMORY_INSERT, 5, "s", "plan", "first", good, "", &m[0]);
    give_vector(&m[0], "first", "a");
    after = 0;
    is_str(without("a", 9, true, &after), "", "a note that has one");
    change(MEMORY_RETHINK, 5, "s", "plan", "second", good, "", NULL);
    after = 0;
    is_str(without("a", 9, true, &after), "second", "loses it when it is changed");
    drop_dir();
}

static void test_text_vectors(void)
{
    static const unsigned char hashes[3][HASH_LEN] = { { 1 }, { 2 }, { 3 } };
    float at[3][2] = { { 1, 0 }, { 0, 1 }, { 0.5F, -0.5F } }, back[3][2] = { { 0 } };
    bool has[3] = { true, false, true };
    struct journal_text_vectors v = { .model = "a", .n = 3, .hashes = hashes, .dim = 2, .at = at[0], .has = has };

    open_journal();
    journal_text_vectors_write(&v, on_done);
    post(&v.op);
    v.at = back[0];
    journal_text_vectors_read(&v, on_done);
    post(&v.op);
    ok(has[0] && !has[1] && has[2] && memcmp(back[0], at[0], sizeof(at[0])) == 0 && memcmp(back[2], at[2], sizeof(at[2])) == 0,
       "texts have the vectors that they were given");
    v.dim = 1;
    journal_text_vectors_read(&v, on_done);
    post(&v.op);
    ok(!has[0] && !has[1] && !has[2], "none of another dimension");
    v.dim = 2;
    v.model = "b";
    journal_text_vectors_read(&v, on_done);
    post(&v.op);
    ok(!has[0] && !has[1] && !has[2], "nor of another model");
    drop_dir();
}

/* A database of version 3 gets the tables; one of ours is left alone. */
static void test_older(void)
{
    open_journal();
    ask("SELECT 1");
    journal_close(j);
    j = NULL;
    {
        char path[128];
        sqlite3 *db;

        snprintf(path, sizeof(path), "%s/corax.db", dir);
        sqlite3_open(path, &db);
        sqlite3_exec(db,
                     "DROP TABLE memory_vectors; DROP TABLE memory_writes; DROP TABLE memories; DROP TABLE memory_spaces;"
                     " DROP TABLE memories_fts; DROP TABLE text_vectors; PRAGMA user_version=3",
                     NULL, NULL, NULL);
        sqlite3_close(db);
    }
    open_journal();
    remember(5, "s", "a fact", NULL);
    is_str(texts(5, "", "fact"), "a fact", "a database of version 3 learns to remember");
    is_int(ask("PRAGMA user_version"), JOURNAL_SCHEMA, "and has our version then");
    drop_dir();
}

static void test_damaged(void)
{
    struct err err = { 0 };
    bool is_good = true;
    struct buf out;
    char path[100];

    open_journal();
    remember(5, "s", "a fact", NULL);
    ask("UPDATE memories SET text = 'other words'");
    journal_close(j);
    buf_init(&out, 1 << 20);
    snprintf(path, sizeof(path), "%s/corax.db", dir);
    ok(journal_check(path, &out, &is_good, &err) == 0 && !is_good && strstr(out.data, "memories_fts"),
       "an index with other words is found: %s", out.data);
    buf_finish(&out);
    open_journal();
    journal_close(j);
    snprintf(path, sizeof(path), "rm -rf %s", dir);
    ok(system(path) == 0, "the folder goes");
    dir[0] = '\0';
}

/* What is read is what was written. */
static void test_json(void)
{
    static const char *const bad[] = {
        "{\"kind\":\"thought\",\"text\":\"x\"}", "{\"kind\":\"fact\"}", "{\"kind\":\"fact\",\"text\":\" \"}", "{\"kind\":\"fact\",\"text\":\"x\",\"space\":\"A b\"}",
        "{\"kind\":\"note\",\"text\":\"x\"}", "{\"kind\":\"fact\",\"label\":\"l\",\"text\":\"x\"}", "{\"kind\":\"fact\",\"text\":\"x\",\"tags\":[\"a b\"]}",
        "{\"kind\":\"fact\",\"text\":\"x\",\"tags\":[1]}", "{\"kind\":\"fact\",\"text\":\"x\",\"tags\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]}",
        "{\"kind\":\"note\",\"label\":\"l\",\"text\":\"xxxx\",\"max_chars\":3}", "{\"kind\":\"fact\",\"text\":\"x\",\"integrity\":\"good\"}",
        "{\"kind\":\"fact\",\"text\":\"x\",\"confidentiality\":1}", "[]", "{\"kind\":\"fact\",\"text\":\"x\",\"max_chars\":3}"
    };
    const char *text = "{\"kind\":\"note\",\"label\":\"plan\",\"text\":\"x\",\"tags\":[\"a\",\"b\",\"a\"],\"integrity\":\"untrusted\",\"confidentiality\":\"secret\"}";
    struct err err = { 0 };
    struct json *root = json_parse(text, strlen(text), &err);
    struct memory m, again;
    const char *param;
    struct buf out;
    struct jsonw w;

    is_int(memory_read(&m, root, &param, &err), 0, "a note is read");
    is_str(m.tags, "a b", "its tags once each");
    is_str(m.space, "default", "into the default space");
    json_free(root);
    buf_init(&out, 4096);
    w = jsonw_start(&out);
    jsonw_object(&w, NULL);
    memory_write(&m, false, &w);
    jsonw_end(&w);
    root = json_parse(out.data, out.len, &err);
    is_int(memory_read(&again, root, &param, &err), 0, "and again, when it was written");
    ok(again.kind == MEMORY_NOTE && strcmp(again.label, "plan") == 0 && strcmp(again.text, "x") == 0 && strcmp(again.tags, "a b") == 0 &&
           again.data.integrity == UNTRUSTED && again.data.confidentiality == SECRET && again.max_chars == MEMORY_NOTE_CHARS,
       "the same");
    json_free(root);
    buf_finish(&out);
    memory_finish(&m);
    memory_finish(&again);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        root = json_parse(bad[i], strlen(bad[i]), &err);
        memset(&err, 0, sizeof(err));
        ok(root && memory_read(&m, root, &param, &err) < 0 && err.msg[0], "%s: %s", bad[i], err.msg);
        memory_finish(&m);
        json_free(root);
    }
}

int main(void)
{
    plan_later();
    test_json();
    test_facts();
    test_words();
    test_order();
    test_relevant();
    test_notes();
    test_limits();
    test_once();
    test_episodes();
    test_vectors();
    test_without();
    test_text_vectors();
    test_older();
    test_damaged();
    done();
    return tap_status();
}
