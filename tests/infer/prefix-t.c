/*
 * What goes wrong around the prefix cache and its files changes no reply: no memory, at each allocation of the scheduler, the cache and
 * the store; a full disk; a folder that cannot be made or written, or becomes so; a file that is damaged; another model under the same
 * name.  Each time the tokens are those of the plain path, or the reply ends with CORAX_E_LIMIT, and what is not kept is told in the log.
 *
 * Covers a model with attention and a recurrent one.  Not covered here: which files are found and how much they save (scheduler-t), any
 * bytes as files (tests/fuzz/prefix-fuzz.c).  Disks are file systems in memory in a name space of this process; where it may have none,
 * those tests are skipped.
 */
#include "infer/scheduler.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "tests/infer/engines.h"
#include "tests/oom.h"
#include "util/log.h"

#define N_JOBS    3
#define PROMPT    300
#define REPLY     12
#define MAX_STEPS 5000 /* of a run that needs some hundred: more is a run without an end */

void *__real_aligned_alloc(size_t, size_t);
void *__wrap_aligned_alloc(size_t, size_t);

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return oom_now() ? NULL : __real_aligned_alloc(alignment, size);
}

struct job {
    int32_t prompt[PROMPT], want[REPLY], got[REPLY];
    size_t n_want, n_got, n_cached;
    bool over;
    enum corax_status status; /* of an error; 0: none */
};

static struct job jobs[N_JOBS];
static char folder[64], prefixes[80], log_path[80];

/* --- replies ------------------------------------------------------------------------------------------------------ */

static void want_token(void *arg, int32_t token)
{
    struct job *j = arg;

    j->want[j->n_want++] = token;
}

static void get_token(void *arg, int32_t token)
{
    struct job *j = arg;

    j->got[j->n_got++] = token;
}

static void get_end(void *arg, const struct generation_end *end)
{
    struct job *j = arg;

    j->over = true;
    j->status = end->err ? end->err->status : 0;
    j->n_cached = end->n_cached;
}

static struct sampling sampling_of(size_t i)
{
    return i % 2 ? (struct sampling){ 1.1f, 40, 0.95f, 0.01f, i } : SAMPLING_GREEDY;
}

/* Prompts that part at different places, and what each has on the plain path. */
static void write_alone(struct engine *e)
{
    memset(jobs, 0, sizeof jobs);
    for (size_t i = 0; i < N_JOBS; i++) {
        struct job *j = &jobs[i];
        struct decode d = { .sampling = sampling_of(i), .max_tokens = REPLY, .on_token = want_token, .arg = j };
        struct session *s = session_create(e, NULL);
        uint64_t random = 5;
        enum decode_finish finish;
        size_t n;

        for (size_t t = 0; t < PROMPT; t++)
            j->prompt[t] = (int32_t)((tiny_random(&random) + (t >= 140 * ((i + 1) % N_JOBS) ? i : 0)) % e->shape.n_vocab);
        if (!s || session_sync(s, j->prompt, PROMPT, NULL, NULL, NULL, NULL) < 0 || session_decode(s, &d, &n, &finish, NULL) < 0)
            abort();
        session_destroy(s);
    }
}

/* One behind the other, or all together; true: each has the tokens of the plain path, or was refused for want of memory. */
static bool write_all(struct scheduler *s, bool together)
{
    size_t n_steps = 0;
    bool good = true;

    for (size_t i = 0; i < N_JOBS; i++) {
        struct job *j = &jobs[i];
        const struct generation_spec spec = { .prompt = j->prompt, .n_prompt = PROMPT, .sampling = sampling_of(i), .max_tokens = REPLY,
                                              .on_token = get_token, .on_end = get_end, .arg = j };
        struct err err = { 0 };

        j->n_got = j->n_cached = 0;
        j->status = 0;
        j->over = !scheduler_add(s, &spec, &err);
        if (j->over)
            j->status = err.status;
        while (!together && scheduler_step(s) && ++n_steps < MAX_STEPS)
            ;
    }
    while (scheduler_step(s) && ++n_steps < MAX_STEPS)
        ;
    for (size_t i = 0; i < N_JOBS; i++) {
        const struct job *j = &jobs[i];

        good &= j->over && (j->status ? j->status == CORAX_E_LIMIT : j->n_got == j->n_want) && j->n_got <= j->n_want &&
                memcmp(j->got, j->want, j->n_got * sizeof *j->got) == 0;
    }
    return good && n_steps < MAX_STEPS;
}

static size_t n_refused(void)
{
    size_t n = 0;

    for (size_t i = 0; i < N_JOBS; i++)
        n += jobs[i].status != 0;
    return n;
}

/* A scheduler's whole life; n_saved may be NULL. */
static bool run(struct engine *e, const char *dir, size_t *n_saved)
{
    struct scheduler *s = scheduler_create(e, &(struct scheduler_options){ .cache_bytes = (size_t)64 << 20, .prefixes = dir }, NULL);
    bool good = s && write_all(s, false) && n_refused() == 0;
    size_t n = 0;

    while (s && scheduler_save(s))
        n++;
    scheduler_destroy(s);
    if (n_saved)
        *n_saved = n;
    return good && pages_n_used(e->pages) == 0;
}

/* --- the log ------------------------------------------------------------------------------------------------------ */

static int old_stderr = -1;

static void watch_log(void)
{
    const int fd = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);

    fflush(stderr);
    old_stderr = dup(STDERR_FILENO);
    dup2(fd, STDERR_FILENO);
    close(fd);
}

/* How often that was said since. */
static size_t log_says(const char *what)
{
    struct buf text;
    size_t n = 0;

    fflush(stderr);
    dup2(old_stderr, STDERR_FILENO);
    close(old_stderr);
    buf_init(&text, TINY_LIMIT);
    if (file_read(log_path, &text, NULL) == 0)
        for (const char *at = text.data; at && (at = strstr(at, what)); at++)
            n++;
    if (n == 0)
        diag("%s", text.data ? text.data : "");
    buf_finish(&text);
    unlink(log_path);
    return n;
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

/* With pages that nobody has asked for yet. */
static void renew_pages(struct engine *e)
{
    const struct kv_layout layout = *pages_layout(e->pages);

    pages_destroy(e->pages);
    e->pages = pages_create(&layout, 0, NULL);
}

static void live(struct engine *e, bool *good, bool together)
{
    struct err err = { 0 };
    struct scheduler *s = scheduler_create(e, &(struct scheduler_options){ .cache_bytes = (size_t)64 << 20, .prefixes = prefixes }, &err);

    *good &= s ? write_all(s, together) : err.status == CORAX_E_LIMIT;
    for (int i = 0; s && i < 3; i++) /* some stays unwritten, so that files and memory both have a part */
        (void)scheduler_save(s);
    scheduler_destroy(s);
    *good &= pages_n_used(e->pages) == 0;
}

static void test_memory(struct engine *e, bool for_ever, bool together)
{
    size_t n_wrong = 0, refused = 0;
    long n = -1;

    log_open("prefix-t", LOG_LEVEL_ERROR);
    do {
        bool good = true;

        renew_pages(e);
        oom_at = ++n;
        oom_for_ever = for_ever;
        oom_n = 0;
        oom_happened = false;
        live(e, &good, together);
        oom_at = -1;
        refused += n_refused();
        if (!good) {
            diag("allocation %ld", n);
            n_wrong++;
        }
    } while (oom_happened && n < 1000000);
    log_open("prefix-t", LOG_LEVEL_INFO);
    ok(n > 20 && n_wrong == 0, "each of %ld allocations fails%s, replies %s: each is right, or refused (%zu)", n,
       for_ever ? " with all that follow" : " alone", together ? "side by side" : "one by one", refused);
}

/* --- disks -------------------------------------------------------------------------------------------------------- */

static bool may_mount; /* in a name space of our own */

static bool mount_at(const char *dir, size_t bytes, unsigned long flags)
{
    char size[40];

    snprintf(size, sizeof size, "size=%zu", bytes);
    mkdir(dir, 0700);
    return mount("none", dir, "tmpfs", flags, size) == 0;
}

static void test_full_disk(struct engine *e)
{
    const size_t one = e->shape.n_recurrent ? e->shape.n_layer * e->shape.n_recurrent * sizeof(float) : pages_layout(e->pages)->page_bytes;
    size_t n_saved = 0;
    bool good;

    if (!may_mount || !mount_at(prefixes, one * 2, 0)) {
        ok(true, "a full disk # SKIP no file system may be mounted here");
        return;
    }
    watch_log();
    good = run(e, prefixes, &n_saved);
    ok(good, "a full disk: the same replies, %zu files", n_saved);
    is_int((long long)log_says("not kept on disk"), 1, "and one line");
    ok(run(e, prefixes, NULL), "so has who finds what was written");
    umount(prefixes);
    rmdir(prefixes);
}

static void test_read_only(struct engine *e)
{
    struct scheduler *s;

    if (!may_mount || !mount_at(prefixes, 1 << 20, MS_RDONLY)) {
        ok(true, "a folder that cannot be written # SKIP no file system may be mounted here");
        return;
    }
    watch_log();
    ok(run(e, prefixes, NULL), "nothing can be made in the folder: the same replies");
    is_int((long long)log_says("is not kept: "), 1, "and one line");
    umount(prefixes);
    mount_at(prefixes, 64 << 20, 0);
    watch_log();
    s = scheduler_create(e, &(struct scheduler_options){ .prefixes = prefixes }, NULL);
    mount("none", prefixes, NULL, MS_REMOUNT | MS_RDONLY, NULL);
    ok(write_all(s, true) && n_refused() == 0 && !scheduler_save(s) && !scheduler_save(s), "it becomes so: the same replies");
    scheduler_destroy(s);
    is_int((long long)log_says("not kept on disk"), 1, "and one line");
    umount(prefixes);
    rmdir(prefixes);
}

/* A file stands where the folder should be. */
static void test_no_folder(struct engine *e)
{
    close(open(prefixes, O_WRONLY | O_CREAT, 0600));
    watch_log();
    ok(run(e, prefixes, NULL), "no folder can be made: the same replies");
    is_int((long long)log_says("is not kept: "), 1, "and one line");
    unlink(prefixes);
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static void remove_prefixes(void)
{
    char command[120];

    snprintf(command, sizeof command, "rm -rf %s", prefixes);
    if (system(command) != 0)
        diag("%s is still there", prefixes);
}

static void test_damage(struct engine *e)
{
    static const char *const how[] = { "printf x | dd of=$f bs=1 seek=2000 conv=notrunc", "truncate -s 60 $f", "truncate -s 0 $f", "truncate -s +1 $f",
                                       "cp /bin/sh $f" };
    size_t n_saved, n_cached = 0;
    char command[300];

    for (size_t i = 0; i < sizeof how / sizeof how[0]; i++) {
        if (!run(e, prefixes, &n_saved) || n_saved == 0)
            ok(false, "files are written");
        snprintf(command, sizeof command, "for f in %s/*/*; do %s 2>/dev/null; done", prefixes, how[i]);
        watch_log();
        ok(system(command) == 0 && run(e, prefixes, NULL), "%s: the same replies", how[i]);
        ok(log_says("is damaged, of another format or gone") > 0, "and the log says so");
        remove_prefixes();
    }
    (void)run(e, prefixes, NULL);
    (void)run(e, prefixes, NULL);
    for (size_t i = 0; i < N_JOBS; i++)
        n_cached += jobs[i].n_cached;
    is_int((long long)n_cached, N_JOBS * (PROMPT - 1), "whole ones are used");
}

/* --- models ------------------------------------------------------------------------------------------------------- */

static void write_model(const char *path, uint64_t seed)
{
    struct tiny_spec spec = TINY_SPEC;
    struct buf b;
    FILE *f;

    spec.n_ctx = 640;
    spec.seed = seed;
    buf_init(&b, TINY_LIMIT);
    tiny_llama(&b, &spec);
    f = fopen(path, "wb");
    if (!f || fwrite(b.data, 1, b.len, f) != b.len || fclose(f) != 0)
        abort();
    buf_finish(&b);
}

static struct engine *open_model(const char *path)
{
    struct err err = { 0 };
    struct engine *e = engine_open(path, &(struct engine_options){ .n_threads = 2 }, &err);

    if (!e)
        diag("%s", err.msg);
    return e;
}

static void test_engine(struct engine *e)
{
    write_alone(e);
    for (int how = 0; how < 4; how++)
        test_memory(e, how & 1, how & 2);
    remove_prefixes();
    renew_pages(e);
    test_no_folder(e);
    test_full_disk(e);
    test_read_only(e);
    test_damage(e);
}

int main(void)
{
    struct golden_engine g;
    char path[100];
    struct engine *e;

    plan_later();
    log_open("prefix-t", LOG_LEVEL_INFO);
    may_mount = unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    snprintf(folder, sizeof folder, "/tmp/corax-prefix-t.XXXXXX");
    if (!mkdtemp(folder))
        abort();
    snprintf(prefixes, sizeof prefixes, "%s/prefixes", folder);
    snprintf(log_path, sizeof log_path, "%s/log", folder);
    snprintf(path, sizeof path, "%s/model.gguf", folder);

    write_model(path, 1);
    e = open_model(path);
    test_engine(e);
    engine_close(e);
    write_model(path, 2); /* of the same size, and perhaps of the same time */
    e = open_model(path);
    write_alone(e);
    ok(run(e, prefixes, NULL) && jobs[0].n_cached == 0, "another model under the same name finds nothing, and has its own replies");
    engine_close(e);
    unlink(path);
    remove_prefixes();

    if (ok(golden_engine_open(&g, "mamba-tied.gguf"), "a recurrent model"))
        test_engine(g.e);
    golden_engine_close(&g);
    remove_prefixes();
    ok(rmdir(folder) == 0, "nothing is left");
    done();
    return tap_status();
}
