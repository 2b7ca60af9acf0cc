/* echo.c - the plugin of the benchmark: tools whose own time is next to nothing. */
#include <stdlib.h>
#include <string.h>

#include <corax/plugin.h>

#define MAX_PAD 65536

/* The argument `text`, repeated until there are `pad` bytes. */
static int echo_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    static char bytes[MAX_PAD];
    const char *text, *number;
    size_t text_len, number_len, pad = 0, n = 0;

    (void)args;
    (void)len;
    if (h->arg(c, "/text", &text, &text_len) != CORAX_OK || text_len == 0 || text_len > MAX_PAD)
        return CORAX_E_ARGS;
    if (h->arg(c, "/pad", &number, &number_len) == CORAX_OK)
        pad = strtoul(number, NULL, 10);
    if (pad <= text_len)
        return h->result(c, "text/plain", text, text_len);
    for (pad = pad < MAX_PAD ? pad : MAX_PAD; n < pad; n += text_len)
        memcpy(bytes + n, text, text_len < pad - n ? text_len : pad - n);
    return h->result(c, "text/plain", bytes, pad);
}

#define SCHEMA                                                                                                         \
    "{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\"},\"pad\":{\"type\":\"integer\",\"minimum\":0}" \
    "},"                                                                                                               \
    "\"required\":[\"text\"],\"additionalProperties\":false}"

static const struct corax_tool echo_tool = {
    .size = sizeof echo_tool,
    .effects = CORAX_FX_READ,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "echo",
    .summary = "Return the text.",
    .args_schema = SCHEMA,
    .call = echo_call,
};

/* The same under the name of a tool with effects: its intent has to be durable first. */
static const struct corax_tool note_tool = {
    .size = sizeof note_tool,
    .effects = CORAX_FX_WRITE,
    .name = "note",
    .summary = "Return the text, as if it had been written down.",
    .args_schema = SCHEMA,
    .call = echo_call,
};

static const struct corax_tool *const tools[] = { &echo_tool, &note_tool, NULL };

static const struct corax_plugin plugin = {
    CORAX_PLUGIN_HEADER, .name = "bench", .version = "1", .license = "Apache-2.0", .tools = tools,
};

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
