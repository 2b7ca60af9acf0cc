/*
 * Loss of power, at any write of the journal.
 *
 * A VFS in memory stands below SQLite.  Of each file it keeps what is certainly on the disk and, in order, what was
 * written since the last sync.  After a chosen number of operations the power fails: every operation fails from then on,
 * and of the unsynced ones a random subset reaches the disk, in random order, each write as a random subset of its
 * sectors.  The journal is then opened on what is left.  Checked at each point, with the journal as the daemon opens it
 * (synchronous=FULL): every event and deletion that was acknowledged is there, with its payload; every row stands at its
 * last event; the database is intact; and it takes another event.  One cut in four is followed by another one while the
 * journal recovers.
 *
 * NORMAL and OFF are controls: with them acknowledged events must be lost, or this test does not see what it should.
 * POWER_POINTS is the number of cuts (`make crash` does 1,000), POWER_SEED repeats a run.
 * Not covered: disks that lie about their sync, and bits that rot.
 */
#include <poll.h>
#include <sqlite3.h>
#include <unistd.h>

#include "daemon/journal.h"
#include "tests/tap.h"
#include "util/clock.h"
#include "util/log.h"

#define N_POINTS    150
#define N_CONTROLS  60
#define N_FILES     8
#define MAX_REGIONS 16
#define SECTOR      512
#define N_TASKS     6
#define N_EVENTS    8 /* of a task */
#define PAYLOAD     700

static uint64_t random_state;
static unsigned seed;

/* splitmix64, so that a seed means the same everywhere. */
static unsigned chance(unsigned below)
{
    uint64_t z = (random_state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (unsigned)((z ^ (z >> 31)) % below);
}

static void *need(void *p)
{
    if (p == NULL) {
        printf("Bail out! no memory\n");
        exit(1);
    }
    return p;
}

/* --- the disk ----------------------------------------------------------------------------------------------------- */

struct image {
    unsigned char *data;
    size_t len;
    bool exists;
};

struct change {
    enum { WRITE, TRUNCATE, DELETE } kind;
    size_t at, len;
    unsigned char *data;
};

struct file {
    char name[512];
    struct image now, disk;
    struct change *changes; /* since the last sync */
    size_t n_changes;
    void *regions[MAX_REGIONS]; /* of the shared memory of a WAL; gone with the power */
};

static struct file files[N_FILES];
static long n_ops, cut_at; /* cut_at 0: the power stays */

/* Counts what reaches for the disk.  true: there is no power. */
static bool no_power(void)
{
    return cut_at > 0 && ++n_ops >= cut_at;
}

static void image_resize(struct image *i, size_t len)
{
    if (len > i->len) {
        i->data = need(realloc(i->data, len));
        memset(i->data + i->len, 0, len - i->len);
    }
    i->len = len;
}

static void image_copy(struct image *to, const struct image *from)
{
    image_resize(to, from->len);
    if (from->len > 0)
        memcpy(to->data, from->data, from->len);
    to->exists = from->exists;
}

static void image_free(struct image *i)
{
    free(i->data);
    *i = (struct image){ 0 };
}

static void forget_changes(struct file *f)
{
    for (size_t i = 0; i < f->n_changes; i++)
        free(f->changes[i].data);
    free(f->changes);
    f->changes = NULL;
    f->n_changes = 0;
}

static void add_change(struct file *f, struct change c, const void *data)
{
    if (c.len > 0)
        c.data = memcpy(need(malloc(c.len)), data, c.len);
    f->changes = need(realloc(f->changes, (f->n_changes + 1) * sizeof *f->changes));
    f->changes[f->n_changes++] = c;
}

/* One unsynced change reaches the disk, or of a write some of its sectors. */
static void apply_torn(struct image *disk, const struct change *c)
{
    bool whole = chance(2) == 0;

    if (c->kind == DELETE) {
        image_free(disk);
        return;
    }
    disk->exists = true;
    if (c->kind == TRUNCATE) {
        image_resize(disk, c->at);
        return;
    }
    for (size_t at = 0, n; at < c->len; at += n) {
        n = SECTOR - (c->at + at) % SECTOR;
        if (n > c->len - at)
            n = c->len - at;
        if (!whole && chance(2) == 0)
            continue;
        if (disk->len < c->at + at + n)
            image_resize(disk, c->at + at + n);
        memcpy(disk->data + c->at + at, c->data + at, n);
    }
}

static void cut_power(void)
{
    for (struct file *f = files; f < files + N_FILES; f++) {
        while (f->n_changes > 0) {
            size_t i = chance((unsigned)f->n_changes);

            if (chance(2) == 0)
                apply_torn(&f->disk, &f->changes[i]);
            free(f->changes[i].data);
            f->changes[i] = f->changes[--f->n_changes];
        }
        forget_changes(f);
        image_copy(&f->now, &f->disk);
    }
    cut_at = 0;
}

static void new_disk(void)
{
    for (struct file *f = files; f < files + N_FILES; f++) {
        forget_changes(f);
        image_free(&f->now);
        image_free(&f->disk);
        f->name[0] = '\0';
    }
    n_ops = cut_at = 0;
}

static struct file *find_file(const char *name)
{
    struct file *free_one = NULL;

    for (struct file *f = files; f < files + N_FILES; f++) {
        if (strcmp(f->name, name) == 0)
            return f;
        if (f->name[0] == '\0' && free_one == NULL)
            free_one = f;
    }
    if (free_one == NULL) {
        printf("Bail out! more files than were thought of\n");
        exit(1);
    }
    snprintf(free_one->name, sizeof free_one->name, "%s", name);
    return free_one;
}

/* --- SQLite's side of it -------------------------------------------------------------------------------------------- */

struct handle {
    sqlite3_file base;
    struct file *file;
};

static struct file *of(sqlite3_file *h)
{
    return ((struct handle *)h)->file;
}

static int do_close(sqlite3_file *h)
{
    return SQLITE_OK;
}

static int do_read(sqlite3_file *h, void *out, int len, sqlite3_int64 at)
{
    const struct image *i = &of(h)->now;
    size_t n = (size_t)at < i->len ? i->len - (size_t)at : 0;

    if (cut_at > 0 && n_ops >= cut_at)
        return SQLITE_IOERR_READ;
    if (n > (size_t)len)
        n = (size_t)len;
    if (n > 0)
        memcpy(out, i->data + at, n);
    memset((char *)out + n, 0, (size_t)len - n);
    return n == (size_t)len ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int do_write(sqlite3_file *h, const void *data, int len, sqlite3_int64 at)
{
    struct file *f = of(h);

    if (no_power())
        return SQLITE_IOERR_WRITE;
    if (f->now.len < (size_t)at + (size_t)len)
        image_resize(&f->now, (size_t)at + (size_t)len);
    memcpy(f->now.data + at, data, (size_t)len);
    add_change(f, (struct change){ WRITE, (size_t)at, (size_t)len, NULL }, data);
    return SQLITE_OK;
}

static int do_truncate(sqlite3_file *h, sqlite3_int64 len)
{
    struct file *f = of(h);

    if (no_power())
        return SQLITE_IOERR_TRUNCATE;
    image_resize(&f->now, (size_t)len);
    add_change(f, (struct change){ TRUNCATE, (size_t)len, 0, NULL }, NULL);
    return SQLITE_OK;
}

static int do_sync(sqlite3_file *h, int flags)
{
    struct file *f = of(h);

    if (no_power())
        return SQLITE_IOERR_FSYNC;
    forget_changes(f);
    image_copy(&f->disk, &f->now);
    return SQLITE_OK;
}

static int do_size(sqlite3_file *h, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)of(h)->now.len;
    return SQLITE_OK;
}

static int do_lock(sqlite3_file *h, int kind)
{
    return SQLITE_OK;
}

static int do_is_locked(sqlite3_file *h, int *out)
{
    *out = 0;
    return SQLITE_OK;
}

static int do_control(sqlite3_file *h, int op, void *arg)
{
    return SQLITE_NOTFOUND;
}

static int sector_size(sqlite3_file *h)
{
    return 4096; /* as SQLite's own VFS says on Linux, and so is the next one */
}

static int characteristics(sqlite3_file *h)
{
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int shm_map(sqlite3_file *h, int i, int size, int extend, void volatile **out)
{
    struct file *f = of(h);

    if (i >= MAX_REGIONS)
        return SQLITE_IOERR_SHMMAP;
    if (f->regions[i] == NULL && extend)
        f->regions[i] = need(calloc(1, (size_t)size));
    *out = f->regions[i];
    return SQLITE_OK;
}

static int shm_lock(sqlite3_file *h, int offset, int n, int flags)
{
    return SQLITE_OK; /* there is one connection */
}

static void shm_barrier(sqlite3_file *h)
{
}

static int shm_unmap(sqlite3_file *h, int and_delete)
{
    for (int i = 0; i < MAX_REGIONS; i++) {
        free(of(h)->regions[i]);
        of(h)->regions[i] = NULL;
    }
    return SQLITE_OK;
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *h, int flags, int *out_flags)
{
    static const sqlite3_io_methods methods = {
        2,        do_close,    do_read,      do_write,   do_truncate, do_sync,         do_size,
        do_lock,  do_lock,     do_is_locked, do_control, sector_size, characteristics, shm_map,
        shm_lock, shm_barrier, shm_unmap,    NULL,       NULL
    };
    struct handle *handle = (struct handle *)h;

    handle->base.pMethods = NULL;
    if (name == NULL || (cut_at > 0 && n_ops >= cut_at))
        return SQLITE_CANTOPEN;
    handle->file = find_file(name);
    if (!handle->file->now.exists && (flags & SQLITE_OPEN_CREATE) == 0)
        return SQLITE_CANTOPEN;
    handle->file->now.exists = true; /* on the disk with its first sync, as its folder is synced then */
    handle->base.pMethods = &methods;
    if (out_flags)
        *out_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    struct file *f = find_file(name);

    if (no_power())
        return SQLITE_IOERR_DELETE;
    if (!f->now.exists)
        return SQLITE_IOERR_DELETE_NOENT;
    image_free(&f->now);
    add_change(f, (struct change){ DELETE, 0, 0, NULL }, NULL);
    if (sync_folder) {
        forget_changes(f);
        image_free(&f->disk);
    }
    return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    *out = find_file(name)->now.exists;
    return SQLITE_OK;
}

static int vfs_full_name(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    snprintf(out, (size_t)size, "%s", name);
    return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *vfs, int len, char *out)
{
    for (int i = 0; i < len; i++)
        out[i] = (char)chance(256);
    return len;
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    return us;
}

static int vfs_time(sqlite3_vfs *vfs, double *out)
{
    *out = 2460000.5;
    return SQLITE_OK;
}

static sqlite3_vfs shim = { .iVersion = 1,
                            .szOsFile = sizeof(struct handle),
                            .mxPathname = 511,
                            .zName = "powercut",
                            .xOpen = vfs_open,
                            .xDelete = vfs_delete,
                            .xAccess = vfs_access,
                            .xFullPathname = vfs_full_name,
                            .xRandomness = vfs_randomness,
                            .xSleep = vfs_sleep,
                            .xCurrentTime = vfs_time };

/* The journal's connection, caught as it is made, so that a control can be given another `synchronous`. */
static sqlite3 *connection;

static int on_connection(sqlite3 *db, char **message, const struct sqlite3_api_routines *api)
{
    connection = db;
    return SQLITE_OK;
}

/* --- the journal's side ------------------------------------------------------------------------------------------- */

struct known {
    char id[ID_LEN + 1];
    int64_t stored; /* events that were acknowledged */
    bool deleted;   /* acknowledged */
    bool in_doubt;  /* asked for, no answer */
};

static char dir[64];
static struct known known[N_TASKS];
static int n_done;

static void count(struct journal_op *op)
{
    n_done++;
}

static void wait_done(struct journal *j, int n)
{
    struct pollfd p = { .fd = journal_fd(j), .events = POLLIN };

    while (n_done < n && poll(&p, 1, 120000) > 0)
        journal_dispatch(j);
    n_done = 0;
}

/* Says which event it is; every third has a payload that is a blob. */
static void event_text(char out[PAYLOAD], const char *id, int64_t seq)
{
    int n = snprintf(out, PAYLOAD, "%s.%lld.", id, (long long)seq);

    if (seq % 3 == 0) {
        memset(out + n, 'a' + (int)(seq % 26), (size_t)(PAYLOAD - 1 - n));
        out[PAYLOAD - 1] = '\0';
    }
}

static void fill_append(struct journal_append *a, const char *id, int64_t seq)
{
    char text[PAYLOAD];

    event_text(text, id, seq);
    journal_append_init(a, count);
    a->create = seq == 1;
    a->row = (struct task_row){ .uid = 5, .state = TASK_RUNNING, .created_ms = 1, .updated_ms = seq, .last_seq = seq };
    snprintf(a->row.id, sizeof a->row.id, "%s", id);
    a->entries = need(entry_create(seq == 1 ? ENTRY_TASK_SUBMITTED : ENTRY_TOOL_RESULT, seq, 1000 + seq, seq));
    entry_text(a->entries, "text", text);
    entry_end(a->entries);
}

/* The N_TASKS tasks grow side by side, an event each in one round; then every other one is deleted.  Ends early when the
 * power fails. */
static void work(struct journal *j)
{
    struct journal_append a[N_TASKS];
    struct journal_delete d;
    bool good = true;

    for (int64_t seq = 1; seq <= N_EVENTS && good; seq++) {
        for (int i = 0; i < N_TASKS; i++) {
            fill_append(&a[i], known[i].id, seq);
            journal_post(j, &a[i].op);
        }
        wait_done(j, N_TASKS);
        for (int i = 0; i < N_TASKS; i++) {
            if (a[i].op.result == 0)
                known[i].stored = seq;
            else
                good = false;
            entry_destroy(a[i].entries);
        }
    }
    for (int i = 0; i < N_TASKS && good; i += 2) {
        journal_delete_init(&d, known[i].id, count);
        known[i].in_doubt = true;
        journal_post(j, &d.op);
        wait_done(j, 1);
        good = d.op.result == 0;
        known[i].deleted = good;
    }
}

static struct journal *open_with(const char *synchronous)
{
    struct err err = { 0 };
    struct journal *j = journal_open(dir, NULL, &err);
    char sql[120];

    if (j == NULL)
        return NULL;
    /* The journal's thread has nothing to do yet, so the connection may be used.  A short log is copied back often. */
    snprintf(sql, sizeof sql, "PRAGMA wal_autocheckpoint=12; PRAGMA synchronous=%s", synchronous);
    if (sqlite3_exec(connection, sql, NULL, NULL, NULL) != SQLITE_OK && cut_at == 0) {
        printf("Bail out! %s\n", sqlite3_errmsg(connection));
        exit(1);
    }
    return j;
}

/* What is wrong with a task after the cut; NULL: nothing. */
static const char *verify(struct journal *j, const struct known *k)
{
    struct journal_read r;
    const char *wrong = NULL;
    char text[PAYLOAD];

    journal_read_init(&r, k->id, count);
    r.max_bytes = SIZE_MAX;
    journal_post(j, &r.op);
    wait_done(j, 1);
    if (r.op.result < 0)
        wrong = "it cannot be read";
    else if (!r.found && k->stored > 0 && !k->in_doubt)
        wrong = "it is gone";
    else if (r.found && k->deleted)
        wrong = "its deletion is undone";
    else if (r.found && r.row.last_seq < k->stored)
        wrong = "events are lost";
    else if (r.found && (int64_t)r.n_events != r.row.last_seq)
        wrong = "its row does not stand at its last event";
    for (size_t i = 0; r.found && i < r.n_events && wrong == NULL; i++) {
        event_text(text, k->id, (int64_t)i + 1);
        if (strstr(r.events[i].json, text) == NULL)
            wrong = "an event has another payload";
    }
    journal_read_finish(&r);
    return wrong;
}

static bool goes_on(struct journal *j)
{
    struct journal_append a;
    char id[ID_LEN + 1];

    id_create(id);
    fill_append(&a, id, 1);
    journal_post(j, &a.op);
    wait_done(j, 1);
    entry_destroy(a.entries);
    return a.op.result == 0;
}

static bool is_intact(void)
{
    sqlite3_stmt *s;
    bool good = sqlite3_prepare_v2(connection, "PRAGMA integrity_check", -1, &s, NULL) == SQLITE_OK &&
                sqlite3_step(s) == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(s, 0), "ok") == 0;

    sqlite3_finalize(s);
    return good;
}

static void new_known(void)
{
    new_disk();
    memset(known, 0, sizeof known);
    for (int i = 0; i < N_TASKS; i++)
        id_create(known[i].id);
}

/* One life of a disk: work until the cut after `cut` operations, then look.  NULL: nothing is wrong. */
static const char *one_cut(const char *synchronous, long cut)
{
    struct journal *j;
    const char *wrong = NULL;

    new_known();
    cut_at = cut;
    j = open_with(synchronous);
    if (j)
        work(j);
    journal_close(j);
    cut_power();
    if (chance(4) == 0) {
        n_ops = 0;
        cut_at = 1 + chance(12);
        j = open_with(synchronous);
        journal_close(j);
        cut_power();
    }
    n_ops = 0;
    j = open_with(synchronous);
    if (j == NULL)
        return "the journal does not open";
    for (int i = 0; i < N_TASKS && wrong == NULL; i++)
        wrong = verify(j, &known[i]);
    if (wrong == NULL && !goes_on(j))
        wrong = "it takes no further event";
    if (wrong == NULL && !is_intact())
        wrong = "integrity_check finds faults";
    journal_close(j);
    return wrong;
}

/* How many operations the work takes: the cuts are spread over these. */
static long count_ops(const char *synchronous)
{
    struct journal *j;

    new_known();
    cut_at = INT32_MAX; /* counts, and never comes */
    j = open_with(synchronous);
    if (j)
        work(j);
    journal_close(j);
    return n_ops;
}

static int cut_often(const char *synchronous, int n_points, bool tell)
{
    long total = count_ops(synchronous);
    int n_wrong = 0;
    int64_t start = clock_mono_ms();

    for (int i = 0; i < n_points; i++) {
        const char *wrong;
        long cut = 1 + chance((unsigned)total);

        wrong = one_cut(synchronous, cut);
        if (wrong && ++n_wrong <= 5 && tell)
            diag("seed %u, cut %d after %ld operations: %s", seed, i, cut, wrong);
    }
    diag("%s: %d cuts within %ld operations, %d with a loss, %lld ms", synchronous, n_points, total, n_wrong,
         (long long)(clock_mono_ms() - start));
    return n_wrong;
}

int main(void)
{
    const char *points = getenv("POWER_POINTS"), *wanted = getenv("POWER_SEED");
    int n_points = points ? atoi(points) : N_POINTS, n_controls = points ? n_points : N_CONTROLS;
    char command[128];

    plan_later();
    log_open("powercut-t", LOG_LEVEL_ERROR); /* the failures are meant */
    seed = wanted ? (unsigned)strtoul(wanted, NULL, 10) : (unsigned)clock_wall_ms();
    random_state = seed;
    diag("POWER_POINTS=%d POWER_SEED=%u", n_points, seed);
    snprintf(dir, sizeof dir, "/tmp/corax-power.XXXXXX");
    if (mkdtemp(dir) == NULL || sqlite3_vfs_register(&shim, 1) != SQLITE_OK ||
        sqlite3_auto_extension((void (*)(void))on_connection) != SQLITE_OK) {
        printf("Bail out! no folder in /tmp, or SQLite does not take the VFS\n");
        return 1;
    }
    is_int(cut_often("FULL", n_points, true), 0, "FULL: nothing that was acknowledged is lost");
    ok(cut_often("NORMAL", n_controls, false) > n_controls / 20, "NORMAL, a control, loses");
    ok(cut_often("OFF", n_controls, false) > n_controls / 20, "OFF, a control, loses");
    new_disk();
    snprintf(command, sizeof command, "rm -rf %s", dir);
    if (system(command) != 0)
        diag("%s", command);
    done();
    return tap_status();
}
