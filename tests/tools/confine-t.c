/*
 * confine-t - what a plugin cannot do behind corax-host's sandbox, each with its control: the same attempt without the
 * sandbox works, or fails for another reason.
 *
 * Not covered: reading, which is allowed, and what a launcher around the host adds.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tests/tap.h"
#include "tests/tools/drive.h"

static const struct {
    const char *what, *inside, *outside;
} tries[] = {
    { "socket_inet", "EPERM", "done" }, { "socket_unix", "EPERM", "done" },
    { "socketpair", "EPERM", "done" },  { "fork", "EPERM", "done" },
    { "clone", "EPERM", "done" },       { "exec", "EPERM", "ENOENT" },
    { "create", "EPERM", "done" },      { "overwrite", "EPERM", "done" },
    { "truncate", "EPERM", "done" },    { "nameless", "EPERM", NULL }, /* not every file system has nameless files */
    { "mkdir", "EPERM", "done" },       { "unlink", "EPERM", "ENOENT" },
    { "ptrace", "EPERM", NULL }, /* refused by the kernel of some containers */
    { "kill", "EPERM", "done" },        { "dumpable", "EPERM", "done" },
    { "memfd", "EPERM", "done" },       { "unshare", "EPERM", "done" },
    { "read", "done", "done" },         { "thread", "done", "done" },
};

/* One host for each attempt: one that succeeds may change what the next one finds. */
static void attempt(const char *option, const char *what, const char *want)
{
    static struct drive d;
    char args[64], name[96];

    snprintf(args, sizeof args, "{\"what\":\"%s\"}", what);
    snprintf(name, sizeof name, "%s, %s", what, option ? "without a sandbox" : "confined");
    if (!drive_start(&d, option, drive_zoo("escape")))
        return;
    is_str(drive_call(&d, "escape", args, 0), want, name);
    drive_end(&d);
}

int main(void)
{
#ifdef CORAX_SANITIZE
    skip_all("a build with sanitizers does not confine itself");
#endif
    plan_later();
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        attempt(NULL, tries[i].what, tries[i].inside);
        if (tries[i].outside)
            attempt("--no-sandbox", tries[i].what, tries[i].outside);
    }
    done();
    return tap_status();
}
