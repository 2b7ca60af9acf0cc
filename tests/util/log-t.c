/*
 * Covers: the shape of a line, levels, escapes, cutting, whole lines from several threads, errno, repeated trouble.  Not:
 * the growth of the interval beyond its first step, which would take seconds.
 */
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "tests/tap.h"

static char text[1 << 20];
static int file = -1;

/* What was logged since the last call. */
static const char *logged(void)
{
    static off_t from;
    ssize_t n = pread(file, text, sizeof(text) - 1, from);

    if (n < 0)
        n = 0;
    from += n;
    text[n] = '\0';
    return text;
}

static void *log_many(void *arg)
{
    for (int i = 0; i < 1000; i++)
        log_info("%s: abcdefghijklmnopqrstuvwxyz", (const char *)arg);
    return NULL;
}

static void test_lines(void)
{
    char filler[3000];

    log_info("task %d: done", 7);
    logged();
    ok(strlen(text) > 26 && text[4] == '-' && text[10] == 'T' && text[23] == 'Z', "a line begins with the time");
    is_str(text + 24, " log-t: info: task 7: done\n", "program, level, text");
    log_debug("hidden");
    is_str(logged(), "", "below the lowest level");
    log_open("log-t", LOG_LEVEL_DEBUG);
    log_debug("seen");
    has_str(logged(), "debug: seen\n", "debug when asked for");
    log_open("log-t", LOG_LEVEL_ERROR);
    log_warn("hidden");
    log_error("seen");
    ok(!strstr(logged(), "hidden") && strstr(text, "error: seen\n"), "errors alone when asked for");
    log_open("log-t", LOG_LEVEL_INFO);

    log_info("a\nforged: line\r\x1b[31m\x7f\xc2\x9b tab\t");
    has_str(logged(), "a\\x0aforged: line\\x0d\\x1b[31m\\x7f", "control characters are escaped");
    has_str(text, "\\x9b tab\\x09\n", "those of eight bits too");
    memset(filler, '\n', sizeof(filler) - 1);
    filler[sizeof(filler) - 1] = '\0';
    log_info("%s", filler);
    logged();
    ok(strlen(text) < 4300 && text[strlen(text) - 1] == '\n' && strchr(text, '\n') == text + strlen(text) - 1,
       "a long text is cut and stays one line");
    errno = ENOMEM;
    log_info("x");
    is_int(errno, ENOMEM, "errno survives");
    logged();
}

static void test_threads(void)
{
    pthread_t threads[4];
    static char names[4][8] = { "one", "two", "three", "four" };
    size_t n = 0;
    bool whole = true;

    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, log_many, names[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    logged();
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), n++)
        whole &= strlen(line) > 30 && strcmp(line + strlen(line) - 28, ": abcdefghijklmnopqrstuvwxyz") == 0;
    is_int((long long)n, 4000, "lines of four threads");
    ok(whole, "all whole");
}

static void test_repeat(void)
{
    struct log_repeat repeat = { 0 };

    for (int i = 0; i < 5; i++)
        log_warn_repeat(&repeat, "disk: full");
    logged();
    ok(strstr(text, "disk: full\n") && !strstr(strstr(text, "disk: full\n") + 1, "disk"), "trouble is said once");
    is_int(repeat.n_hidden, 4, "and counted");
    repeat.next_ms = 0;
    log_warn_repeat(&repeat, "disk: full");
    has_str(logged(), "disk: full (4 more since the last such line)\n", "then with the count");
    is_int(repeat.wait_s, 2, "and a longer wait");
    for (int i = 0; i < 20; i++) {
        repeat.next_ms = 0;
        log_warn_repeat(&repeat, "disk: full");
    }
    is_int(repeat.wait_s, 3600, "up to an hour");
    logged();
    log_works_again(&repeat, "disk");
    has_str(logged(), "info: disk: works again\n", "works again");
    log_works_again(&repeat, "disk");
    is_str(logged(), "", "is said once");
}

int main(void)
{
    char path[] = "/tmp/corax-log-t.XXXXXX";

    file = mkstemp(path);
    if (file < 0)
        skip_all("no temporary file");
    unlink(path);
    plan_later();
    fcntl(file, F_SETFL, O_APPEND);
    dup2(file, STDERR_FILENO);
    log_open("log-t", LOG_LEVEL_INFO);
    test_lines();
    test_threads();
    test_repeat();
    done();
    return tap_status();
}
