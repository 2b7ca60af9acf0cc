/*
 * loader-t - what tools/loader.h says of each animal in the zoo, and of files that are no plugins.
 *
 * Not here: what a loaded plugin does in a call (host-t), and the sandbox (confine-t).  An init() that never returns is
 * ended by the same watch as a call that never returns, which host-t covers.
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/tap.h"
#include "tests/tools/drive.h"
#include "tools/host_call.h"
#include "tools/loader.h"
#include "tools/plugin_file.h"
#include "util/file.h"

static void refuses(const char *path, int status, const char *sentence)
{
    struct loader l = { 0 };
    struct err err = { 0 };

    if (!ok(plugin_file_check(path, &err) == -1 || loader_open(&l, path, &host_table, &err) == -1,
            "%s is refused", strrchr(path, '/') + 1)) {
        loader_close(&l);
        return;
    }
    has_str(err.msg, sentence, "  with the reason");
    is_int(err.status, status, "  and the status");
    ok(l.handle == NULL && l.tools == NULL, "  nothing stays loaded");
}

static void loads(const char *name, const char *tool)
{
    struct loader l;
    struct err err = { 0 };

    if (!ok(loader_open(&l, drive_zoo(name), &host_table, &err) == 0, "%s loads", name)) {
        diag("%s", err.msg);
        return;
    }
    ok(loader_find(&l, tool) != NULL, "  its tool is found");
    ok(loader_find(&l, "nothing") == NULL, "  another is not");
    loader_close(&l);
}

static void write_file(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (fd < 0 || write(fd, data, len) != (ssize_t)len)
        perror(path);
    close(fd);
}

static void copy_module(const char *from, const char *to)
{
    struct buf b;
    struct err err;

    buf_init(&b, 64 << 20);
    if (file_read(from, &b, &err) != 0)
        diag("%s", err.msg);
    write_file(to, b.data, b.len);
    buf_finish(&b);
}

static void test_files(void)
{
    char dir[] = "/tmp/corax-loader-XXXXXX", path[64];

    if (mkdtemp(dir) == NULL)
        perror(dir);
    refuses("/nonexistent/x.so", CORAX_E_NOTFOUND, "cannot be opened");
    refuses(dir, CORAX_E_ARGS, "is not a regular file");
    snprintf(path, sizeof path, "%s/x.so", dir);
    write_file(path, "#!/bin/sh\n", 10);
    refuses(path, CORAX_E_ARGS, "is not a shared object");
    write_file(path, "", 0);
    refuses(path, CORAX_E_ARGS, "is not a shared object");
    write_file(path, "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\1\0\76\0", 20);
    refuses(path, CORAX_E_ARGS, "not a shared object; link it with -shared");
    write_file(path, "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0\76\0", 20);
    refuses(path, CORAX_E_UNAVAIL, "cannot be loaded");
    copy_module(drive_zoo("actor"), path);
    chmod(path, 0720);
    refuses(path, CORAX_E_DENIED, "run chmod go-w");
    chmod(path, 0702);
    refuses(path, CORAX_E_DENIED, "run chmod go-w");
    chmod(path, 0700);
    if (geteuid() == 0 && chown(path, 65534, 65534) == 0)
        refuses(path, CORAX_E_DENIED, "must belong to root");
    else
        ok(true, "another owner # SKIP only root can give a file away");
    unlink(path);
    rmdir(dir);
}

static void test_faulty_tools(void)
{
    struct loader l;
    struct err err = { 0 };

    if (!ok(loader_open(&l, drive_zoo("bad_schema"), &host_table, &err) == 0,
            "bad schemas leave out their tools alone"))
        return;
    is_int((long long)l.n_tools, 3, "all are known");
    is_int((long long)l.n_faulty, 2, "two have a fault");
    ok(loader_find(&l, "good") != NULL, "the good one is offered");
    ok(loader_find(&l, "keyword") == NULL, "the bad one is not");
    has_str(l.tools[1].fault.msg, "keyword \"foo\"", "its fault names the keyword");
    has_str(l.tools[2].fault.msg, "\"type\":\"object\"", "the other's says what would do");
    loader_close(&l);
}

int main(void)
{
    plan_later();
    test_files();
    refuses(drive_zoo("no_entry"), CORAX_E_ARGS, "no corax_plugin_entry()");
    refuses(drive_zoo("null_entry"), CORAX_E_INTERNAL, "returned NULL");
    refuses(drive_zoo("wrong_major"), CORAX_E_ARGS, "built for plugin interface 2.3, this is 1.2");
    refuses(drive_zoo("short_struct"), CORAX_E_ARGS, "too short");
    refuses(drive_zoo("no_size"), CORAX_E_ARGS, "begin it with CORAX_PLUGIN_HEADER");
    refuses(drive_zoo("null_tools"), CORAX_E_ARGS, "offers no tools");
    refuses(drive_zoo("no_license"), CORAX_E_ARGS, "has no license");
    refuses(drive_zoo("duplicate"), CORAX_E_ARGS, "two tools named twin");
    refuses(drive_zoo("bad_name"), CORAX_E_ARGS, "named \"Not A Name\"");
    refuses(drive_zoo("only_bad_schema"), CORAX_E_ARGS, "no tool can be used: broken: args_schema");
    refuses(drive_zoo("unknown_effect"), CORAX_E_ARGS, "declares effects 0x200");
    refuses(drive_zoo("short_tool"), CORAX_E_ARGS, "set .size");
    refuses(drive_zoo("no_call"), CORAX_E_ARGS, "no call function");
    refuses(drive_zoo("init_fails"), CORAX_E_UNAVAIL, "init() failed with status -8");
    refuses(drive_zoo("needs_symbol"), CORAX_E_UNAVAIL, "zoo_that_nobody_has");
    loads("older", "old_tool");
    loads("newer", "new_tool");
    loads("actor", "echo");
    test_faulty_tools();
    done();
    return tap_status();
}
