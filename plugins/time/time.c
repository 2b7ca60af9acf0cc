/* time.c - tells the time.  The smallest complete plugin; copy it to start one. */
#include <time.h>

#include <corax/plugin.h>

static int now_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    char buf[32];
    time_t t = time(NULL);
    struct tm tm;

    (void)args;
    (void)len;
    if (gmtime_r(&t, &tm) == NULL) {
        h->fail(c, CORAX_E_INTERNAL, "the clock is out of range", 25);
        return CORAX_E_INTERNAL;
    }
    return h->result(c, "text/plain", buf, strftime(buf, sizeof buf, "%FT%TZ", &tm));
}

static const struct corax_tool now_tool = {
    .size = sizeof now_tool,
    .effects = CORAX_FX_CLOCK,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "now",
    .summary = "Return the current UTC time in ISO 8601.",
    .args_schema = "{\"type\":\"object\",\"additionalProperties\":false}",
    .call = now_call,
};

static const struct corax_tool *const tools[] = { &now_tool, NULL };

static const struct corax_plugin plugin = {
    CORAX_PLUGIN_HEADER, .name = "time", .version = "1", .license = "Apache-2.0", .tools = tools,
};

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
