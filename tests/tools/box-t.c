/*
 * box-t - ways out of a box (box_probes.c), tried without a box, in front of a host (`corax-box run`) and as code (`corax-box exec`), each as
 * root and as an ordinary user; then what `run` promises: the program's end, its signals, its streams, what it is shown, --strict.
 *
 * Without a box at least 20 of them must be allowed, or the probes are broken.  Not covered: holes in the kernel itself.
 */
#include "config.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/tap.h"
#include "tests/tools/box_drive.h"
#include "util/json.h"
#include "util/rpc.h"

/* The same in both profiles but for what the filter refuses, which a build with sanitizers does not put in front of hosts. */
enum want { REFUSED, FILTERED, ALLOWED };

static const struct {
    const char *name;
    enum want want;
} expected[] = {
    { "tcp", FILTERED },
    { "udp", FILTERED },
    { "netlink", FILTERED },
    { "packet", REFUSED },
    { "vsock", FILTERED },
    { "unix_socket", FILTERED },
    { "daemon_socket", REFUSED },
    { "abstract_socket", REFUSED },
    { "secret_file", REFUSED },
    { "shadow", REFUSED },
    { "host_etc", REFUSED },
    { "write_system", REFUSED },
    { "foreign_tmp", REFUSED },
    { "environ", REFUSED },
    { "see_processes", REFUSED },
    { "kernel_files", REFUSED },
    { "sys", REFUSED },
    { "devices", REFUSED },
    { "kill", REFUSED },
    { "ptrace", FILTERED },
    { "read_memory", FILTERED },
    { "mount", REFUSED },
    { "chroot", REFUSED },
    { "umount", REFUSED },
    { "unshare", FILTERED },
    { "clone_user", FILTERED },
    { "setns", REFUSED },
    { "setuid", REFUSED },
    { "bpf", FILTERED },
    { "io_uring", FILTERED },
    { "userfaultfd", FILTERED },
    { "keyctl", FILTERED },
    { "perf", FILTERED },
    { "memfd", FILTERED },
    { "system_v", FILTERED },
    { "32_bit", FILTERED },
    { "type_terminal", FILTERED },
    { "core", REFUSED },
    { "forks", REFUSED },
    { "big_file", REFUSED },
    { "descriptors", REFUSED },
    { "environment", REFUSED },
    { "capability", REFUSED },
    { "child", ALLOWED },
    { "thread", ALLOWED },
    { "scratch", ALLOWED },
    { "random", ALLOWED },
    { "pair", ALLOWED },
};
#define N_EXPECTED (sizeof expected / sizeof *expected)

static char probes[128], sock_path[128], secret[128], abstract_name[64], pid_text[16];
static bool ordinary;

static char *word(const char *text)
{
    return (char *)text;
}

/* --- outside: what is to be reached ------------------------------------------------------------------------------------- */

static int listen_on(const char *name, size_t len)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    memcpy(a.sun_path, name, len);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) != 0 ||
        listen(fd, 64) != 0)
        perror("listen");
    return fd;
}

static pid_t bait;

static void set_out_bait(void)
{
    char from[4096], name[100] = { 0 };
    FILE *f;

    snprintf(from, sizeof from, "%s/tests/tools/box_probes", getenv("CORAX_BUILDDIR"));
    snprintf(probes, sizeof probes, "%s/box_probes", box_dir);
    box_copy(from, probes, 0755);
    snprintf(sock_path, sizeof sock_path, "%s/daemon.sock", box_dir);
    listen_on(sock_path, strlen(sock_path) + 1);
    chmod(sock_path, 0666);
    snprintf(abstract_name, sizeof abstract_name, "corax-box-t-%d", (int)getpid());
    snprintf(name + 1, sizeof name - 1, "%s", abstract_name);
    listen_on(name, strlen(abstract_name) + 1);
    snprintf(secret, sizeof secret, "%s/secret", box_dir);
    f = fopen(secret, "w");
    if (f == NULL || fputs("secret\n", f) < 0 || fclose(f) != 0 || chmod(secret, 0644) != 0)
        perror(secret);
    snprintf(from, sizeof from, "%s/other", box_dir); /* another job's folder */
    if (mkdir(from, 0755) != 0)
        perror(from);
    setenv("CORAX_PROBE_SECRET", "x", 1);
}

/* A process of the same user as the probes outside. */
static void start_bait(void)
{
    char *const argv[] = { word("/bin/sleep"), word("1000"), NULL };
    int in, out, err;

    bait = box_spawn(argv, ordinary, &in, &out, &err);
    close(in);
    close(out);
    close(err);
    snprintf(pid_text, sizeof pid_text, "%d", (int)bait);
    usleep(100000);
}

static void stop_bait(void)
{
    kill(bait, SIGKILL);
    waitpid(bait, NULL, 0);
}

/* --- the three columns ---------------------------------------------------------------------------------------------------- */

static const char *result_of(const char *report, const char *name)
{
    static char line[100];
    char key[64];
    const char *at;

    snprintf(key, sizeof key, "%s ", name);
    for (at = report; at && strncmp(at, key, strlen(key)) != 0;)
        at = (at = strchr(at, '\n')) ? at + 1 : NULL;
    if (at == NULL)
        return "missing";
    snprintf(line, sizeof line, "%s", at + strlen(key));
    line[strcspn(line, "\n")] = '\0';
    return line;
}

static void compare(const char *profile, const char *report, bool filter)
{
    for (size_t i = 0; i < N_EXPECTED; i++) {
        const char *got = result_of(report, expected[i].name);
        const char *want = expected[i].want == ALLOWED ? "allowed" : "refused";

        if (expected[i].want == FILTERED && !filter)
            continue;
        ok(strncmp(got, want, strlen(want)) == 0, "%s, %s: %s is %s (%s)", profile, ordinary ? "user" : "root",
           expected[i].name, want, got);
    }
}

static void without_box(void)
{
    char *const argv[] = { probes, sock_path, abstract_name, secret, pid_text, NULL };
    struct ran r = box_run(argv, ordinary, "", 0);
    int n = 0;

    for (size_t i = 0; i < N_EXPECTED; i++) {
        bool allowed = strcmp(result_of(r.out.data, expected[i].name), "allowed") == 0;

        n += allowed && expected[i].want != ALLOWED;
        if (expected[i].want == ALLOWED)
            ok(allowed, "no box, %s: %s works", ordinary ? "user" : "root", expected[i].name);
    }
    if (!ok(n >= 20, "without a box %d of them are allowed, at least 20 must be", n))
        diag("%s", r.out.data);
    ran_finish(&r);
}

static void in_front_of_a_host(void)
{
    char *const argv[] = { box_program,   word("run"), word("--"), probes, sock_path,
                           abstract_name, secret,      pid_text,   NULL };
    struct ran r = box_run(argv, ordinary, "", 0);

#ifdef CORAX_SANITIZE
    compare("host", r.out.data, false);
#else
    compare("host", r.out.data, true);
#endif
    if (r.status != 0 || r.err.len > 0)
        diag("status %d: %s", r.status, r.err.data);
    ran_finish(&r);
}

/* The program has to come in the request, since code is shown no paths: a loader of Python carries it. */
static void as_code(void)
{
    char *const argv[] = { box_program, word("exec"), NULL };
    char *const encode[] = { word("/usr/bin/base64"), word("-w0"), probes, NULL };
    struct ran binary = box_run(encode, false, "", 0), r;
    struct buf line;
    struct jsonw w;
    struct json *root;

    buf_init(&line, RPC_MAX_LINE);
    w = rpc_request_start(&line, 1, "exec");
    jsonw_array(&w, "argv");
    jsonw_text(&w, NULL, "sh");
    jsonw_text(&w, NULL, "-c");
    jsonw_text(&w, NULL, "chmod +x probes && exec ./probes \"$@\" < /dev/null");
    jsonw_text(&w, NULL, "sh");
    jsonw_text(&w, NULL, sock_path);
    jsonw_text(&w, NULL, abstract_name);
    jsonw_text(&w, NULL, secret);
    jsonw_text(&w, NULL, pid_text);
    jsonw_end(&w);
    jsonw_array(&w, "files");
    jsonw_object(&w, NULL);
    jsonw_text(&w, "name", "probes");
    jsonw_string(&w, "base64", binary.out.data, binary.out.len);
    jsonw_end(&w);
    jsonw_end(&w);
    rpc_end(&w);
    if (line.failed) {
        ok(true, "code # SKIP the probes are too large to be sent");
    } else {
        r = box_run(argv, ordinary, line.data, line.len);
        root = json_parse(r.out.data, r.out.len, NULL);
        compare("code", json_get_text(json_get(root, "result"), "stdout", ""), true);
        if (json_get(root, "result") == NULL || json_get_text(json_get(root, "result"), "stderr", "x")[0] != '\0')
            diag("%.2000s %s", r.out.data, r.err.data);
        json_free(root);
        ran_finish(&r);
    }
    buf_finish(&line);
    ran_finish(&binary);
}

/* --- run ------------------------------------------------------------------------------------------------------------------ */

static struct ran shell(const char *option, const char *value, const char *script)
{
    char *argv[10];
    int n = 0;

    argv[n++] = box_program;
    argv[n++] = word("run");
    if (option)
        argv[n++] = word(option);
    if (value)
        argv[n++] = word(value);
    argv[n++] = word("--");
    argv[n++] = word("sh");
    argv[n++] = word("-c");
    argv[n++] = word(script);
    argv[n] = NULL;
    return box_run(argv, ordinary, "in put\n", 7);
}

static void ends(const char *script, int status, const char *what)
{
    struct ran r = shell(NULL, NULL, script);

    if (!ok(r.status == status, "%s", what))
        diag("status %x: %s", (unsigned)r.status, r.err.data);
    ran_finish(&r);
}

static void shows(const char *option, const char *value, const char *script, const char *out)
{
    struct ran r = shell(option, value, script);

    is_str(r.out.data, out, script);
    if (strcmp(r.out.data, out) != 0)
        diag("status %x: %s", (unsigned)r.status, r.err.data);
    ran_finish(&r);
}

static void refuses(char *const argv[], int status, const char *sentence)
{
    struct ran r = box_run(argv, ordinary, "", 0);

    ok(WIFEXITED(r.status) && WEXITSTATUS(r.status) == status, "refused with status %d", status);
    has_str(r.err.data, sentence, "  and the sentence");
    ran_finish(&r);
}

static void test_signals(void)
{
    char *const argv[] = { box_program, word("run"),
                           word("--"),  word("sh"),
                           word("-c"),  word("trap 'echo term; exit 7' TERM; echo ready; while :; do sleep 0.05; done"),
                           NULL };
    char text[64] = "";
    int in, out, err, status = 0;
    size_t n = 0;
    ssize_t got;
    pid_t pid = box_spawn(argv, ordinary, &in, &out, &err);

    if (read(out, text, 6) != 6)
        diag("%s", text);
    kill(pid, SIGTERM);
    while (n < sizeof text - 1 && (got = read(out, text + n, sizeof text - 1 - n)) > 0)
        n += (size_t)got;
    text[n] = '\0';
    waitpid(pid, &status, 0);
    is_str(text, "term\n", "SIGTERM reaches the program");
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 7, "  which decides what follows");
    close(in);
    close(out);
    close(err);
}

static void test_run(void)
{
    char root[200], owned[200];
    char *const no_root[] = { box_program,  word("run"), word("--root"), word("../x=/tmp"), word("--"),
                              word("true"), NULL };
    char *const no_program[] = { box_program, word("run"), word("--"), word("no-such-program"), NULL };
    char *const bad_owned[] = { box_program, word("run"), word("--owned"), owned, word("--"), word("true"), NULL };
    char *const proc[] = { box_program, word("run"), word("--ro"), word("/proc"), word("--"), word("true"), NULL };
    struct ran r;

    ends("exit 3", 3 << 8, "an exit status is passed on");
    ends("kill -SEGV $$", SIGSEGV, "so is a signal");
    ends("kill -KILL $$", SIGKILL, "even that one");
    ends("kill -ABRT $$", SIGABRT, "and abort");
    ends("(setsid sleep 1000 &) ; exit 0", 0, "what it leaves behind is not waited for");
    shows(NULL, NULL, "cat", "in put\n");
    shows(NULL, NULL,
          "id -u; echo $HOME; ls /home /root /work 2>/dev/null; hostname 2>/dev/null || cat /proc/sys/kernel/hostname "
          "2>/dev/null; :",
          "1000\n/tmp\nbox\n");
    snprintf(root, sizeof root, "notes=%s", box_dir);
    shows("--root", root, "cat /roots/notes/secret; echo x 2>/dev/null > /roots/notes/secret || echo no",
          "secret\nno\n");
    shows("--ro", secret, "cat $0 2>/dev/null; f=/tmp/corax-box-test*/secret; cat $f", "secret\n");
    shows("--root", "gone=/nonexistent", "ls /roots 2>/dev/null; echo on", "on\n");
    refuses(no_root, 2, "must have no slash");
    refuses(no_program, 127, "no such program");
    refuses(proc, 2, "which has its own");
    snprintf(owned, sizeof owned, "%s/secret", box_dir);
    chmod(owned, 0666);
    refuses(bad_owned, 1, "run chmod go-w");
    chmod(owned, 0644);
    test_signals();
    r = shell("--strict", NULL, "echo strict");
#ifdef CORAX_SANITIZE
    ok(r.status != 0 && strstr(r.err.data, "seccomp: left out"), "--strict names the part that is missing");
#else
    if (r.status == 0)
        is_str(r.out.data, "strict\n", "--strict runs in a whole box");
    else
        ok(strstr(r.err.data, "nothing is run, since the box is not whole: ") && r.out.len == 0,
           "--strict runs nothing: %s", r.err.data);
#endif
    ran_finish(&r);
}

static void test_probe(void)
{
    char *const argv[] = { box_program, word("probe"), NULL };
    struct ran r = box_run(argv, ordinary, "", 0);
    struct json *root = json_parse(r.out.data, r.out.len, NULL);
    const struct json *parts = json_get(root, "parts");
    bool complete = true, all = json_count(parts) == 15;

    for (const struct json *p = json_first(parts); p; p = json_next(p)) {
        bool in_force = strcmp(json_get_text(p, "state", ""), "in_force") == 0;

        complete = complete && in_force;
        all = all && (in_force ? json_kind(json_get(p, "why")) == JSON_NULL : strlen(json_get_text(p, "why", "")) > 10);
    }
    ok(all, "probe lists 15 parts, each in force or with a sentence");
    ok(json_bool(json_get(root, "complete"), !complete) == complete, "  and sums them up");
    is_str(json_get_text(root, "mode", NULL), ordinary || geteuid() != 0 ? "user" : "root",
           "  and knows how it was started");
    ok(WIFEXITED(r.status) && WEXITSTATUS(r.status) == (complete ? 0 : 1), "  also by its status");
    json_free(root);
    ran_finish(&r);
}

/*
 * What a kernel without user namespaces does, from a namespace in which no further ones are allowed: the limit holds for those below it
 * alone.  The user there has no capabilities, so nothing else is to be had either.
 */
static struct ran without_namespaces(const char *arguments, const char *input)
{
    char script[600];
    char *const argv[] = { word("/usr/bin/unshare"), word("-U"), word("-r"), word("sh"), word("-c"), script, NULL };

    snprintf(script, sizeof script,
             "echo 0 > /proc/sys/user/max_user_namespaces || exit 99; exec setpriv --bounding-set -all --inh-caps -all "
             "--no-new-privs %s %s",
             box_program, arguments);
    return box_run(argv, ordinary, input, strlen(input));
}

static void test_degraded(void)
{
    struct ran r = without_namespaces("probe", "");

    if (WIFEXITED(r.status) && (WEXITSTATUS(r.status) == 99 || WEXITSTATUS(r.status) > 125)) {
        ok(true, "a kernel without user namespaces # SKIP it cannot be played here: %.200s", r.err.data);
        ran_finish(&r);
        return;
    }
    has_str(r.out.data, "\"runs_code\":false,\"complete\":false", "without user namespaces there is no whole box");
    has_str(r.out.data, "kernel.unprivileged_userns_clone", "  and probe says what to do");
    ran_finish(&r);
    r = without_namespaces(
        "exec",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"exec\",\"params\":{\"argv\":[\"sh\",\"-c\",\"echo ran\"]}}\n");
    has_str(r.out.data,
            "\"code\":-32000,\"message\":\"nothing is run, since the box is not whole: user: ", "exec answers so");
    ran_finish(&r);
    r = without_namespaces("run -- sh -c 'cat /etc/passwd >/dev/null 2>&1 || echo confined; exit 5'", "");
    ok(WIFEXITED(r.status) && WEXITSTATUS(r.status) == 5, "run goes on with what there is");
    if (strstr(r.err.data, "landlock") == NULL)
        is_str(r.out.data, "confined\n", "  Landlock keeps the machine's files");
    has_str(r.err.data, "the box lacks user, pid, mount, net", "  and says what is not");
    ran_finish(&r);
    r = without_namespaces("run --strict -- sh -c 'echo ran'", "");
    ok(r.status != 0 && r.out.len == 0 && strstr(r.err.data, "nothing is run, since the box is not whole: user"),
       "strict does not");
    ran_finish(&r);
}

static void test_all(void)
{
    const char *why = box_unavailable(ordinary);

    if (why) {
        ok(true, "boxes as %s # SKIP %.800s", ordinary ? "an ordinary user" : "this user", why);
        return;
    }
    start_bait();
    without_box();
    in_front_of_a_host();
    as_code();
    stop_bait();
    test_run();
    test_probe();
    test_degraded();
}

int main(void)
{
    plan_later();
    box_setup();
    set_out_bait();
    test_all();
    if (geteuid() == 0) {
        ordinary = true;
        test_all();
    }
    box_teardown();
    done();
    return tap_status();
}
