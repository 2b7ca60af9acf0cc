/*
 * daemon: what foreign MCP servers write, as daemon/foreign_server.c reads it.  A line of the input is a line of the server over standard
 * input and output, one behind an `h` is of the corax-egress of the one over HTTP, and a line that is one of these letters is something
 * that happens meanwhile:
 *
 *     c  a task calls each tool that there is, once     x  the oldest call is cancelled     l  somebody logs in
 *     d  the first ends     u  it is there again     e, v  the same of the second
 *
 * Whatever comes, each call that is not cancelled ends exactly once, with a result or a sentence, tools are held no longer than calls, and
 * each login ends.
 */
#include "daemon/foreign.h"
#include "daemon/foreign_config.h"
#include "tests/fuzz/fake_calls.h"
#include "util/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct event_base *base;
static struct registry *registry;
static struct foreign *foreign;
static int n_settled, n_logins;

static void on_settled(void *arg)
{
    n_settled++;
}

static void on_changed(void *arg)
{
}

static void on_done(void *arg, const struct tool_result *result, int64_t duration_us, const struct err *err)
{
    fake_call_ended(arg, result, duration_us, err);
}

static void call_all(void)
{
    for (size_t i = 0; i < registry_count(registry) && fake_n_calls < FAKE_MAX_CALLS; i++) {
        struct fake_call *c = &fake_calls[fake_n_calls];
        const struct tool *tool = registry_at(registry, i);
        const struct host_terms terms = { .deadline_ms = FAKE_DEADLINE_MS, .context = { fake_n_calls % 3 == 0 ? UNTRUSTED : TRUSTED, PUBLIC } };
        struct err err = { 0 };

        if (tool->disabled)
            continue;
        fake_n_calls++;
        fake_call_begun(c, foreign_call(foreign, tool, "{}", 2, &terms, on_done, c, &err), &err);
    }
}

static void on_login(void *arg, const struct json *result, const struct err *err)
{
    require(result || err->status != 0);
    require(--n_logins >= 0);
}

static void login(void)
{
    static const char text[] = "{\"redirect_uri\":\"http://127.0.0.1:1/callback\"}";
    struct json *params = json_parse(text, sizeof(text) - 1, NULL);

    if (foreign_login(foreign, "http", params, on_login, NULL, NULL) == 0)
        n_logins++;
    json_free(params);
}

static void step(const char *line, size_t len)
{
    if (len > 1 && *line == 'h') {
        fake_line(fake_links[1], line + 1, len - 1);
    } else if (len != 1) {
        fake_line(fake_links[0], line, len);
    } else if (*line == 'c') {
        call_all();
    } else if (*line == 'x') {
        fake_call_cancel();
    } else if (*line == 'l') {
        login();
    } else if (*line == 'd' || *line == 'e') {
        fake_down(fake_links[*line == 'e'], false, "ended");
    } else if (*line == 'u' || *line == 'v') {
        fake_up(fake_links[*line == 'v']);
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
    foreign_write_health(foreign, &w);
    jsonw_end(&w);
    require(json_check(health.data, health.len, NULL) == 0);
    buf_finish(&health);
}

static void setup(struct config *config)
{
    static const char text[] = "{\"stdio\":{\"command\":[\"x\"],\"elicitation\":\"defaults\",\"max_tools\":20,\"max_calls\":2},"
                               "\"http\":{\"url\":\"https://a.example/mcp\",\"trust_annotations\":true,\"max_calls\":2}}";
    struct json *j = json_parse(text, sizeof(text) - 1, NULL);

    log_open("foreign-fuzz", LOG_LEVEL_ERROR + 1);
    base = event_base_new();
    require(base && config_init(config, NULL) == 0 && config_set_text(&config->state, "/nonexistent", NULL) == 0);
    require(foreign_config_read(j, &config->foreign, NULL) == 0);
    json_free(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct foreign_ops ops = { on_settled, on_changed };
    static struct config config;

    if (!base)
        setup(&config);
    fake_n_calls = 0;
    n_settled = n_logins = 0;
    fake_cannot_start = false;
    registry = registry_create();
    require(registry != NULL);
    foreign = foreign_create(base, &config, registry, &ops, NULL, NULL);
    require(foreign && fake_links[0] && fake_links[1]);
    fake_play(data, len, step);
    check_health();
    for (int i = 0; i < 4; i++) /* one that always ends fails every call */
        for (int k = 0; k < 2; k++) {
            fake_up(fake_links[k]);
            fake_down(fake_links[k], false, "ended");
            event_base_loop(base, EVLOOP_NONBLOCK);
        }
    fake_calls_are_over();
    require(n_settled == 1 && n_logins == 0);
    foreign_destroy(foreign);
    registry_destroy(registry);
    for (size_t i = 0; i < FAKE_MAX_LINKS; i++)
        require(!fake_links[i]);
    return 0;
}
