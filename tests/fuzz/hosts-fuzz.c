/*
 * daemon: what corax-host and corax-box write, as daemon/hosts.c and daemon/exec.c read it.  A line of the input is a line that the
 * host writes, one behind a `b` is of the box that runs or waits, and a line that is one of these letters is something that
 * happens meanwhile:
 *
 *     c  a task calls a tool, if there is one     x  the oldest call is cancelled
 *     d  the host ends     u  it is there again   e  the oldest box ends     n  from now on nothing can be started, or again can
 *
 * Whatever comes, each call that is not cancelled ends exactly once, with a result or a sentence, and no box is left when no
 * host is.
 */
#include "tests/fuzz/fake_calls.h"
#include "util/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct event_base *base;
static struct registry *registry;
static struct hosts *hosts;
static int n_settled;

static void on_settled(void *arg)
{
    n_settled++;
}

static void call_one(void);

static void on_done(void *arg, const struct tool_result *result, int64_t duration_us, const struct err *err)
{
    fake_call_ended(arg, result, duration_us, err);
    if (result && result->error)
        call_one(); /* a task calls again from within */
}

static void on_noted(void *arg, const struct rpc_msg *msg)
{
    require(((struct fake_call *)arg)->live && msg->kind == RPC_NOTIFICATION);
}

/* The client cannot be asked, answers at once, or never does. */
static int on_asked(void *arg, const struct json *params, struct err *err)
{
    static unsigned turn;
    struct fake_call *c = arg;
    struct buf answer;

    require(c->live);
    if (turn++ % 3 == 0)
        return fail(err, CORAX_E_UNAVAIL, "nobody is there");
    if (turn % 3 == 0)
        return 0;
    buf_init(&answer, 100);
    buf_adds(&answer, "{\"responses\":{}}");
    host_call_answer(c->call, &answer, NULL);
    host_call_answer(c->call, NULL, &(struct err){ .status = CORAX_E_TIMEOUT });
    buf_finish(&answer);
    return 0;
}

static void call_one(void)
{
    static const struct host_talk talk = { on_noted, on_asked };
    const struct host_terms terms = { .deadline_ms = FAKE_DEADLINE_MS, .context = { TRUSTED, PUBLIC }, .talk = &talk };
    struct fake_call *c = &fake_calls[fake_n_calls];
    const struct tool *tool = registry_at(registry, 0);
    struct err err = { 0 };

    if (fake_n_calls == FAKE_MAX_CALLS || !tool)
        return;
    fake_n_calls++;
    fake_call_begun(c, hosts_call(hosts, tool->provider, tool->name, "{}", 2, &terms, on_done, c, &err), &err);
}

/* The one with the oldest request, or else the one in store. */
static struct link *find_box(void)
{
    for (size_t i = 0; i < FAKE_MAX_LINKS; i++)
        if (fake_links[i] && fake_links[i]->up && strcmp(fake_links[i]->name, "box") == 0)
            return fake_links[i];
    return NULL;
}

static void step(const char *line, size_t len)
{
    struct link *host = fake_links[0], *box = find_box();

    if (len > 1 && *line == 'b') {
        if (box)
            fake_line(box, line + 1, len - 1);
    } else if (len != 1) {
        fake_line(host, line, len);
    } else if (*line == 'c') {
        call_one();
    } else if (*line == 'x') {
        fake_call_cancel();
    } else if (*line == 'd') {
        fake_down(host, false, "ended");
    } else if (*line == 'u') {
        fake_up(host);
    } else if (*line == 'e' && box) {
        fake_down(box, false, "ended");
    } else if (*line == 'n') {
        fake_cannot_start = !fake_cannot_start;
    }
    event_base_loop(base, EVLOOP_NONBLOCK);
}

static void check_health(void)
{
    struct buf health;
    struct jsonw w;

    buf_init(&health, 1 << 16);
    w = jsonw_start(&health);
    jsonw_object(&w, NULL);
    hosts_write_health(hosts, &w);
    jsonw_end(&w);
    require(json_check(health.data, health.len, NULL) == 0);
    buf_finish(&health);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct config config;

    if (!base) {
        log_open("hosts-fuzz", LOG_LEVEL_ERROR + 1);
        base = event_base_new();
        require(base && config_init(&config, NULL) == 0);
        config.host_processes = 1; /* fake_links[0] is all that is driven */
        config_list_clear(&config.plugins);
        require(config_list_add(&config.plugins, "/dev/null", NULL) == 0);
    }
    fake_n_calls = 0;
    n_settled = 0;
    fake_cannot_start = false;
    registry = registry_create();
    require(registry != NULL);
    hosts = hosts_create(base, &config, registry, on_settled, NULL, NULL);
    require(hosts && fake_links[0]);
    fake_play(data, len, step);
    check_health();
    fake_cannot_start = false;
    for (int i = 0; i < 4; i++) { /* one that always ends fails every call */
        fake_up(fake_links[0]);
        fake_down(fake_links[0], false, "ended");
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
    fake_calls_are_over();
    require(n_settled == 1);
    hosts_destroy(hosts);
    registry_destroy(registry);
    for (size_t i = 0; i < FAKE_MAX_LINKS; i++)
        require(!fake_links[i]);
    return 0;
}
