/*
 * box_exec-t - `corax-box exec`: requests that make no sense, programs that behave, and programs that do not, each as root and as an ordinary
 * user (when root runs the tests; else as whoever does).
 *
 * Not covered: a kernel that lacks parts (box-t has what can be shown of that), and the time a start takes.
 */
#include "config.h"

#include "tests/tap.h"
#include "tests/tools/box_drive.h"
#include "tools/box_exec.h"
#include "util/json.h"

static bool ordinary; /* of the runs that follow */

/* --- asking ---------------------------------------------------------------------------------------------------------- */

struct answer {
    struct ran ran;
    struct json *root;
    const struct json *result;
};

static struct answer ask_line(const char *line, size_t len)
{
    char *const argv[] = { box_program, (char *)"exec", NULL };
    struct answer a = { .ran = box_run(argv, ordinary, line, len) };

    a.root = json_parse(a.ran.out.data, a.ran.out.len, NULL);
    a.result = json_get(a.root, "result");
    return a;
}

static void answer_finish(struct answer *a)
{
    json_free(a->root);
    ran_finish(&a->ran);
}

/* Runs a Python program; limits is JSON or NULL. */
static struct answer python(const char *code, const char *limits)
{
    struct buf line;
    struct jsonw w;
    struct answer a;

    buf_init(&line, RPC_MAX_LINE);
    w = rpc_request_start(&line, 1, "exec");
    jsonw_array(&w, "argv");
    jsonw_text(&w, NULL, "python3");
    jsonw_text(&w, NULL, "-I");
    jsonw_text(&w, NULL, "main.py");
    jsonw_end(&w);
    jsonw_array(&w, "files");
    jsonw_object(&w, NULL);
    jsonw_text(&w, "name", "main.py");
    jsonw_text(&w, "text", code);
    jsonw_end(&w);
    jsonw_end(&w);
    jsonw_text(&w, "stdin", "in put");
    if (limits)
        jsonw_raw(&w, "limits", limits, strlen(limits));
    rpc_end(&w);
    a = ask_line(line.data, line.len);
    buf_finish(&line);
    return a;
}

static const char *text_of(const struct answer *a, const char *key)
{
    return json_get_text(a->result, key, "(none)");
}

static int64_t number_of(const struct answer *a, const char *key)
{
    int64_t n = -1;

    json_int(json_get(a->result, key), key, &n, NULL);
    return n;
}

/* "name=text" or "name!why" of what came back and what did not, joined. */
static const char *files_of(const struct answer *a)
{
    static char text[4096];
    size_t n = 0;

    text[0] = '\0';
    for (const struct json *f = json_first(json_get(a->result, "files")); f; f = json_next(f))
        n += (size_t)snprintf(text + n, sizeof text - n, "%s=%.60s;", json_get_text(f, "name", "?"),
                              json_get_text(f, "text", json_get_text(f, "base64", "?")));
    for (const struct json *f = json_first(json_get(a->result, "left_out")); f && n < sizeof text - 200;
         f = json_next(f))
        n += (size_t)snprintf(text + n, sizeof text - n, "%s!%.60s;", json_get_text(f, "name", "?"),
                              json_get_text(f, "why", "?"));
    return text;
}

static void ends(const struct answer *a, const char *end, int64_t status, const char *what)
{
    ok(strcmp(text_of(a, "end"), end) == 0 && (status < 0 || number_of(a, "status") == status), "%s ends by %s", what,
       end);
    if (strcmp(text_of(a, "end"), end) != 0 || (status >= 0 && number_of(a, "status") != status))
        diag("%.1500s %.500s", a->ran.out.data, a->ran.err.data);
    ok(a->ran.status == 0 && a->ran.out.len <= RPC_MAX_LINE, "  and corax-box answers with one line");
}

/* --- requests without sense ------------------------------------------------------------------------------------------- */

static void refuses(const char *params, const char *sentence)
{
    char line[8192];
    struct box_request r;
    struct err err = { 0 };
    int code = 0, rc;

    snprintf(line, sizeof line, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"exec\",\"params\":%s}", params);
    rc = box_request_parse(&r, line, strlen(line), &code, &err);
    ok(rc == -1 && code == RPC_INVALID_PARAMS && strstr(err.msg, sentence), "refused: %s", sentence);
    if (rc != -1 || strstr(err.msg, sentence) == NULL)
        diag("%d %d %s", rc, code, err.msg);
    box_request_finish(&r);
}

static void test_requests(void)
{
    static const char good[] = "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"exec\",\"params\":{\"argv\":[\"x\","
                               "\"y\"],\"files\":[{\"name\":\"f\","
                               "\"base64\":\"AAEC\"}],\"stdin\":\"s\",\"limits\":{\"wall_ms\":5,\"files_bytes\":0}}}";
    struct box_request r;
    struct err err = { 0 };
    char words[1024];
    size_t n = 0;
    int code;

    refuses("{}", "argv must be a list");
    refuses("{\"argv\":[]}", "argv must be a list");
    refuses("{\"argv\":\"python3\"}", "argv must be a list");
    refuses("{\"argv\":[1]}", "argv[0] must be a string");
    refuses("{\"argv\":[\"/bin/sh\"]}", "without a slash");
    refuses("{\"argv\":[\"\"]}", "without a slash");
    n = (size_t)snprintf(words, sizeof words, "{\"argv\":[\"a\"");
    for (int i = 0; i < BOX_MAX_WORDS; i++)
        n += (size_t)snprintf(words + n, sizeof words - n, ",\"b\"");
    snprintf(words + n, sizeof words - n, "]}");
    refuses(words, "argv has 65 words, at most 64");
    refuses("{\"argv\":[\"a\"],\"cwd\":\"/\"}", "unknown member \"cwd\"");
    refuses("{\"argv\":[\"a\"],\"files\":{}}", "files must be a list");
    refuses("{\"argv\":[\"a\"],\"files\":[{\"name\":\"../x\",\"text\":\"\"}]}", "no slash");
    refuses("{\"argv\":[\"a\"],\"files\":[{\"name\":\"..\",\"text\":\"\"}]}", "no slash");
    refuses("{\"argv\":[\"a\"],\"files\":[{\"name\":\"\",\"text\":\"\"}]}", "1 to 255 bytes");
    refuses("{\"argv\":[\"a\"],\"files\":[{\"name\":\"a\\nb\",\"text\":\"\"}]}", "no control characters");
    refuses("{\"argv\":[\"a\"],\"files\":[{\"name\":\"x\"}]}", "needs either \"text\" or \"base64\"");
    refuses("{\"argv\":[\"a\"],\"files\":[{\"name\":\"x\",\"text\":\"\",\"base64\":\"\"}]}", "needs either");
    refuses("{\"argv\":[\"a\"],\"files\":[{\"name\":\"x\",\"base64\":\"*\"}]}", "is no base64");
    refuses("{\"argv\":[\"a\"],\"files\":[{\"name\":\"x\",\"text\":\"\"},{\"name\":\"x\",\"text\":\"\"}]}",
            "two files named");
    refuses("{\"argv\":[\"a\"],\"files\":[{\"name\":\"x\",\"text\":\"\",\"mode\":1}]}", "unknown member \"mode\"");
    refuses("{\"argv\":[\"a\"],\"stdin\":7}", "stdin must be a string");
    refuses("{\"argv\":[\"a\"],\"limits\":7}", "limits must be an object");
    refuses("{\"argv\":[\"a\"],\"limits\":{\"disk\":7}}", "unknown member \"disk\"");
    refuses("{\"argv\":[\"a\"],\"limits\":{\"wall_ms\":0}}", "must lie between 1 and 3600000");
    refuses("{\"argv\":[\"a\"],\"limits\":{\"wall_ms\":1.5}}", "is not an integer");
    refuses("{\"argv\":[\"a\"],\"limits\":{\"memory_bytes\":1}}", "memory_bytes is 1");
    refuses("{\"argv\":[\"a\"],\"limits\":{\"output_bytes\":1000000}}", "output_bytes is 1000000");

    ok(box_request_parse(&r, good, strlen(good), &code, &err) == 0, "a good request is read");
    ok(strcmp(r.argv[1], "y") == 0 && r.argv[2] == NULL, "  its words");
    ok(r.n_files == 1 && r.files[0].len == 3 && memcmp(r.files[0].data, "\0\1\2", 3) == 0, "  its file");
    ok(strcmp(r.input, "s") == 0 && r.limits.wall_ms == 5 && r.limits.files_bytes == 0, "  its input and limits");
    is_int(r.limits.memory_bytes, 536870912, "  and what it does not name");
    box_request_finish(&r);
}

static void error_of(const char *line, int64_t code, const char *sentence)
{
    struct answer a = ask_line(line, strlen(line));
    const struct json *e = json_get(a.root, "error");
    int64_t got = 0;

    json_int(json_get(e, "code"), "code", &got, NULL);
    ok(got == code && strstr(json_get_text(e, "message", ""), sentence), "error %lld: %s", (long long)code, sentence);
    if (got != code)
        diag("%s%s", a.ran.out.data, a.ran.err.data);
    answer_finish(&a);
}

static void test_lines(void)
{
    struct answer a = ask_line("", 0);

    ok(a.ran.status == 0 && a.ran.out.len == 0, "no request, no answer");
    answer_finish(&a);
    error_of("nonsense\n", RPC_PARSE_ERROR, "");
    error_of("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"fork\"}\n", RPC_METHOD_NOT_FOUND, "only exec");
    error_of("{\"jsonrpc\":\"2.0\",\"method\":\"exec\"}\n", RPC_INVALID_REQUEST, "no request");
    error_of("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"exec\",\"params\":{}}\n", RPC_INVALID_PARAMS, "argv");
    error_of("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"exec\",\"params\":{\"argv\":[\"no-such-program\"]}}\n",
             RPC_TOOL_FAILED, "there is no program \"no-such-program\"");
}

/* --- programs that behave ----------------------------------------------------------------------------------------------- */

static void test_good(void)
{
    struct answer a = python("import sys\nprint('é', sys.stdin.read())\nsys.stderr.write('oops')\n"
                             "open('b.txt','w').write('two')\nopen('a.bin','wb').write(bytes([0,255]))\nsys.exit(3)\n",
                             NULL);

    ends(&a, "exited", 3, "a program");
    is_str(text_of(&a, "stdout"), "é in put\n", "  its output, and it had its input");
    is_str(text_of(&a, "stderr"), "oops", "  its errors");
    is_str(files_of(&a), "a.bin=AP8=;b.txt=two;", "  its files, without the one it was given");
    ok(number_of(&a, "wall_us") > 0 && number_of(&a, "cpu_us") > 0 && number_of(&a, "peak_bytes") > 1 << 20,
       "  what it used");
    answer_finish(&a);

    a = python("open('main.py','a').write('#')\nprint(chr(0)+'x')", NULL);
    ok(strstr(files_of(&a), "main.py=open"), "a changed input comes back");
    is_str(text_of(&a, "stdout"), "\xef\xbf\xbdx\n", "a NUL is repaired");
    answer_finish(&a);

    a = python("import os,signal\nos.kill(os.getpid(), signal.SIGSEGV)", NULL);
    ends(&a, "signal", SIGSEGV, "a crash");
    answer_finish(&a);

    a = python("import threading,subprocess,asyncio,multiprocessing,tempfile,socket\n"
               "t=threading.Thread(target=lambda: print('thread', flush=True)); t.start(); t.join()\n"
               "print(subprocess.run(['echo','child'],capture_output=True,text=True).stdout, end='')\n"
               "print(asyncio.run(asyncio.sleep(0, 'loop')))\n"
               "print(multiprocessing.Lock().acquire())\ntempfile.TemporaryFile().write(b'x')\n",
               NULL);
    is_str(text_of(&a, "stdout"), "thread\nchild\nloop\nTrue\n", "threads, processes, event loops and locks work");
    if (strcmp(text_of(&a, "stderr"), "") != 0)
        diag("%s", text_of(&a, "stderr"));
    answer_finish(&a);
}

/* --- programs that do not -------------------------------------------------------------------------------------------- */

static void test_limits(void)
{
    struct answer a = python("import time\nprint('before', flush=True)\ntime.sleep(1000)", "{\"wall_ms\":700}");

    ends(&a, "timeout", -1, "sleeping for ever");
    is_str(text_of(&a, "stdout"), "before\n", "  and what it printed before is there");
    answer_finish(&a);
    a = python("while True: pass", "{\"cpu_ms\":300,\"wall_ms\":50000}");
    ends(&a, "timeout", -1, "using the processor for ever");
    answer_finish(&a);
    a = python("import os\nfor i in range(3):\n  if os.fork() == 0:\n    while True: pass\nos.wait()",
               "{\"cpu_ms\":600,\"wall_ms\":50000}");
    ends(&a, "timeout", -1, "using it through children");
    answer_finish(&a);
    a = python("import signal,time\nfor s in range(1,32):\n  try: signal.signal(s, signal.SIG_IGN)\n  except OSError: "
               "pass\ntime.sleep(1000)",
               "{\"wall_ms\":700}");
    ends(&a, "timeout", -1, "ignoring every signal");
    answer_finish(&a);
    a = python("x = bytearray(400<<20)\nfor i in range(0,len(x),4096): x[i]=1\nprint(len(x))",
               "{\"memory_bytes\":134217728}");
    ends(&a, "memory", -1, "taking memory");
    answer_finish(&a);
    a = python("import sys\nwhile True: sys.stdout.write('x'*65536)", NULL);
    ends(&a, "output", -1, "printing for ever");
    is_int((long long)strlen(text_of(&a, "stdout")), 65536, "  which gives its first 64 KiB");
    answer_finish(&a);
    a = python("import "
               "sys\nsys.stdout.buffer.write(b'\\x01'*65536)\nsys.stderr.buffer.write(b'\\xff'*65536)\nopen('f','w')."
               "write('\\x01'*200000)",
               NULL);
    ends(&a, "exited", 0, "output that grows sixfold as JSON");
    ok(strstr(files_of(&a), "f!the answer has no room"), "  and the file has no room");
    answer_finish(&a);
    a = python("import os\nfor i in range(4):\n  open('f%d'%i,'w').write('x'*100000)", NULL);
    ok(json_count(json_get(a.result, "files")) == 2 && strstr(files_of(&a), "f2!the files are larger than files_bytes"),
       "files beyond files_bytes stay");
    answer_finish(&a);
    a = python("f=open('big','wb')\ntry:\n  for i in range(2000): f.write(b'x'*1048576)\nexcept OSError as e: "
               "print(e.strerror)",
               NULL);
    ok(strstr(text_of(&a, "stdout"), "No space left") || strstr(text_of(&a, "stdout"), "File too large"),
       "a file of 2 GB is not to be had: %s", text_of(&a, "stdout"));
    answer_finish(&a);
}

static void test_processes(void)
{
    struct answer a;

    a = python(
        "import os\nn=0\ntry:\n  while n<300:\n    if os.fork()==0:\n      import time; time.sleep(1000)\n    n+=1\n"
        "except OSError: pass\nprint(n)",
        "{\"processes\":16}");
    ends(&a, "exited", 0, "forking");
    ok(atoi(text_of(&a, "stdout")) <= 16 && atoi(text_of(&a, "stdout")) >= 10, "  stops at 16 processes: %s",
       text_of(&a, "stdout"));
    ok(a.ran.ms < 30000, "  and its children end with it");
    answer_finish(&a);
    a = python("import os\nwhile True:\n  try: os.fork()\n  except OSError: pass",
               "{\"wall_ms\":1500,\"processes\":32,\"cpu_ms\":100000}");
    ends(&a, "timeout", -1, "a fork bomb");
    answer_finish(&a);
    a = python("import os,time\nif os.fork()==0:\n  os.setsid()\n  if os.fork()==0:\n    time.sleep(1000)\n  "
               "os._exit(0)\nos.wait()\nprint('left')",
               "{\"wall_ms\":20000}");
    ends(&a, "exited", 0, "a daemon left behind");
    ok(number_of(&a, "wall_us") < 19000000, "  is killed rather than waited for");
    answer_finish(&a);
    a = python("import os,time\nos.close(0)\nos.close(1)\nos.close(2)\ntime.sleep(1000)", "{\"wall_ms\":700}");
    ends(&a, "timeout", -1, "closing all descriptors");
    answer_finish(&a);
    a = python(
        "import os\nfor i in range(3,300):\n  try:\n    os.write(i,b'x'); print('fd',i)\n  except OSError: pass\n"
        "try: os.kill(1,9); os.kill(1,15); os.kill(1,11)\nexcept OSError: pass\n"
        "try: open('/proc/1/mem','r+b'); print('mem')\nexcept OSError: pass\n"
        "try: print(os.listdir('/proc/1/fd'))\nexcept OSError: pass\nprint('end')",
        NULL);
    is_str(text_of(&a, "stdout"), "end\n", "init's descriptors, memory and life are its own");
    answer_finish(&a);
}

static void test_files(void)
{
    struct answer a =
        python("import os\nos.symlink('/etc/passwd','passwd')\nos.symlink('main.py','link')\nos.mkfifo('pipe')\n"
               "os.link('main.py','second')\nos.makedirs('d/e/f')\nopen('d/x','w').write('x')\n"
               "os.symlink('/proc/1/fd/0','in')\nopen('good','w').write('good')\n"
               "open(b'\\xff\\xfe','w').write('odd')\n",
               NULL);
    const char *files = files_of(&a);

    ends(&a, "exited", 0, "a trap at every name");
    ok(strncmp(files, "good=good;", 10) == 0, "  what is a file comes back");
    ok(strstr(files, "\xef\xbf\xbd\xef\xbf\xbd=odd"), "  a name that is not UTF-8 is repaired");
    ok(strstr(files, "passwd!is a symbolic link") && strstr(files, "link!is a symbolic link") &&
           strstr(files, "in!is a symbolic"),
       "  links do not");
    ok(strstr(files, "pipe!is a pipe"), "  nor do pipes");
    ok(strstr(files, "second!has more than one name") && strstr(files, "main.py!has more than one name"),
       "  nor second names");
    ok(strstr(files, "d!is a folder") && !strstr(files, "x=x"), "  nor folders");
    answer_finish(&a);
    a = python(
        "n=0\ntry:\n  for i in range(10000):\n    open('f%05d'%i,'w').write('x'); n+=1\nexcept OSError: pass\nprint(n)",
        NULL);
    ends(&a, "exited", 0, "ten thousand files");
    ok(json_count(json_get(a.result, "files")) == 64 && json_count(json_get(a.result, "left_out")) == 64,
       "  of which 64 come back and 64 are named");
    ok(atoi(text_of(&a, "stdout")) < 5000, "  and not all could be made");
    answer_finish(&a);
    a = python("import os\nfor i in range(2000):\n  try:\n    os.mkdir('d'); os.chdir('d')\n  except OSError: "
               "break\nprint('deep')",
               NULL);
    is_str(text_of(&a, "stdout"), "deep\n", "a folder two thousand deep is no trouble");
    answer_finish(&a);
}

/* --- waiting, and being killed ------------------------------------------------------------------------------------------ */

static int count_processes(const char *word)
{
    char command[200];
    FILE *f;
    int n = -1;

    snprintf(command, sizeof command, "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -o '%s' | wc -l",
             word);
    f = popen(command, "r");
    if (f == NULL || fscanf(f, "%d", &n) != 1)
        n = -1;
    if (f)
        pclose(f);
    return n;
}

static bool none_left(const char *word)
{
    for (int i = 0; i < 200; i++) {
        if (count_processes(word) == 0)
            return true;
        usleep(50000);
    }
    return false;
}

static void test_kill(void)
{
    char *const argv[] = { box_program, (char *)"exec", NULL };
    char line[512], word[32], bracket[64], byte;
    int in, out, err, status;
    pid_t pid = box_spawn(argv, ordinary, &in, &out, &err);
    struct pollfd p = { .fd = out, .events = POLLIN };

    snprintf(word, sizeof word, "%d.25", (int)getpid());
    snprintf(bracket, sizeof bracket, "[%c]%s", word[0], word + 1); /* so that grep does not find itself */
    ok(poll(&p, 1, 300) == 0, "a warm box waits for its request");
    snprintf(
        line, sizeof line,
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"exec\",\"params\":{\"argv\":[\"sh\",\"-c\",\"setsid sleep %s & "
        "setsid sleep %s; :\"]}}\n",
        word, word);
    if (write(in, line, strlen(line)) < 0)
        perror("write");
    for (int i = 0; i < 200 && count_processes(bracket) < 2; i++)
        usleep(50000);
    ok(count_processes(bracket) >= 2, "its program runs");
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    ok(none_left(bracket), "killing corax-box kills everything in the box");
    ok(read(out, &byte, 1) == 0, "and nobody answers");
    close(in);
    close(out);
    close(err);

    pid = box_spawn(argv, ordinary, &in, &out, &err);
    if (write(in, line, strlen(line)) < 0)
        perror("write");
    for (int i = 0; i < 200 && count_processes(bracket) < 2; i++)
        usleep(50000);
    close(out);
    waitpid(pid, &status, 0);
    ok(none_left(bracket), "whoever asked and goes away ends it too");
    close(in);
    close(err);
}

static void test_all(void)
{
    const char *why = box_unavailable(ordinary);

    if (why) {
        ok(true, "boxes as %s # SKIP %.800s", ordinary ? "an ordinary user" : "this user", why);
        return;
    }
    diag("as %s", ordinary ? "an ordinary user" : geteuid() == 0 ? "root" : "this user");
    test_lines();
    if (access("/usr/bin/python3", X_OK) != 0) {
        ok(true, "programs # SKIP there is no python3");
        return;
    }
    test_good();
    test_limits();
    test_processes();
    test_files();
    test_kill();
}

int main(void)
{
    plan_later();
    test_requests();
    box_setup();
    test_all();
    if (geteuid() == 0) {
        ordinary = true;
        test_all();
    }
    box_teardown();
    done();
    return tap_status();
}
