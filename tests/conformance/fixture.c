/*
 * fixture.c - the tools that the official MCP conformance suite calls by name.  A plugin like any other: what it shows
 * is that a plugin can do all that the protocol has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <corax/plugin.h>

#define PAUSE_MS 60
#define NOTHING  "{\"type\":\"object\",\"additionalProperties\":false}"

/* A red pixel, and a WAV file of no samples. */
static const unsigned char png[] = { 0x89, 'P',  'N',  'G',  0x0d, 0x0a, 0x1a, 0x0a, 0,    0,    0,    0x0d, 'I',  'H',
                                     'D',  'R',  0,    0,    0,    1,    0,    0,    0,    1,    8,    2,    0,    0,
                                     0,    0x90, 0x77, 0x53, 0xde, 0,    0,    0,    0x0c, 'I',  'D',  'A',  'T',  0x08,
                                     0xd7, 0x63, 0xf8, 0xcf, 0xc0, 0,    0,    3,    1,    1,    0,    0x18, 0xdd, 0x8d,
                                     0xb0, 0,    0,    0,    0,    'I',  'E',  'N',  'D',  0xae, 0x42, 0x60, 0x82 };
static const unsigned char wav[] = { 'R', 'I', 'F', 'F', 36, 0, 0,   0,   'W', 'A',  'V',  'E', 'f', 'm',  't',
                                     ' ', 16,  0,   0,   0,  1, 0,   1,   0,   0x40, 0x1f, 0,   0,   0x40, 0x1f,
                                     0,   0,   1,   0,   8,  0, 'd', 'a', 't', 'a',  0,    0,   0,   0 };

#define CALL(name) static int name(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)

static int text(const struct corax_host *h, struct corax_call *c, const char *s)
{
    return h->result(c, "text/plain", s, strlen(s));
}

static void pause_a_little(void)
{
    const struct timespec t = { .tv_nsec = PAUSE_MS * 1000000L };

    nanosleep(&t, NULL);
}

/* --- content ---------------------------------------------------------------------------------------------------- */

CALL(simple_text)
{
    return text(h, c, "This is a simple text response for testing.");
}

CALL(image)
{
    return h->result(c, "image/png", png, sizeof png);
}

CALL(audio)
{
    return h->result(c, "audio/wav", wav, sizeof wav);
}

CALL(embedded)
{
    static const char body[] = "This is an embedded resource content.";

    return h->resource(c, "test://embedded-resource", "text/plain", body, sizeof body - 1);
}

CALL(mixed)
{
    static const char body[] = "{\"test\":\"data\",\"value\":123}";
    int rc = text(h, c, "Multiple content types test:");

    if (rc == CORAX_OK)
        rc = h->result(c, "image/png", png, sizeof png);
    return rc == CORAX_OK ? h->resource(c, "test://mixed-content-resource", "application/json", body, sizeof body - 1)
                          : rc;
}

CALL(error)
{
    static const char why[] = "This tool intentionally returns an error for testing";

    h->fail(c, CORAX_E_IO, why, sizeof why - 1);
    return CORAX_E_IO;
}

/* --- notes ------------------------------------------------------------------------------------------------------ */

static void log_line(const struct corax_host *h, struct corax_call *c, const char *line)
{
    h->log(c, CORAX_LOG_INFO, line, strlen(line));
}

CALL(logging)
{
    log_line(h, c, "Tool execution started");
    pause_a_little();
    log_line(h, c, "Tool processing data");
    pause_a_little();
    log_line(h, c, "Tool execution completed");
    return text(h, c, "Three lines were logged.");
}

CALL(progress)
{
    h->progress(c, 0, NULL, 0);
    pause_a_little();
    h->progress(c, 0.5, NULL, 0);
    pause_a_little();
    h->progress(c, 1, NULL, 0);
    return text(h, c, "Progress was told three times.");
}

/* --- asking the client ------------------------------------------------------------------------------------------ */

static int ask(const struct corax_host *h, struct corax_call *c, const char *requests, const char **reply, size_t *len)
{
    char request[4096];
    const int n = snprintf(request, sizeof request, "{\"requests\":{%s}}", requests);

    return h->request(c, "client", request, (size_t)n, reply, len);
}

/* Asks, and gives the value at a pointer into the reply as the text of the result. */
static int ask_for(const struct corax_host *h, struct corax_call *c, const char *requests, const char *before,
                   const char *pointer)
{
    const char *reply, *value = "";
    size_t len, n = 0;
    char out[4096];
    int rc = ask(h, c, requests, &reply, &len);

    if (rc != CORAX_OK)
        return rc;
    h->json_get(c, reply, len, pointer, &value, &n);
    return h->result(c, "text/plain", out, (size_t)snprintf(out, sizeof out, "%s%.*s", before, (int)n, value));
}

#define FORM(key, message, properties, required)                                        \
    "\"" key "\":{\"method\":\"elicitation/create\",\"params\":{\"message\":\"" message \
    "\",\"requestedSchema\":{\"type\":\"object\","                                      \
    "\"properties\":{" properties "},\"required\":[" required "]}}}"
#define SAMPLE(key, prompt, most)                                                                  \
    "\"" key "\":{\"method\":\"sampling/"                                                          \
    "createMessage\",\"params\":{\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\"," \
    "\"text\":\"" prompt "\"}}],\"maxTokens\":" most "}}"
#define ROOTS(key) "\"" key "\":{\"method\":\"roots/list\",\"params\":{}}"
#define NAME       FORM("user_name", "What is your name?", "\"name\":{\"type\":\"string\"}", "\"name\"")
#define CONFIRM    FORM("confirm", "Please confirm", "\"ok\":{\"type\":\"boolean\"}", "\"ok\"")

/* An argument, as JSON text with its quotes. */
static int quoted(const struct corax_host *h, struct corax_call *c, const char *pointer, char *out, size_t size)
{
    const char *value;
    size_t n;

    if (h->arg(c, pointer, &value, &n) != CORAX_OK || n + 1 > size || memchr(value, '"', n) || memchr(value, '\\', n))
        return CORAX_E_ARGS; /* the suite sends none of these */
    memcpy(out, value, n);
    out[n] = '\0';
    return CORAX_OK;
}

CALL(sampling)
{
    char prompt[512], requests[1024];
    int rc = quoted(h, c, "/prompt", prompt, sizeof prompt);

    if (rc != CORAX_OK)
        return rc;
    snprintf(requests, sizeof requests, SAMPLE("sample", "%s", "100"), prompt);
    return ask_for(h, c, requests, "LLM response: ", "/responses/sample/content/text");
}

CALL(elicitation)
{
    char message[512], requests[1024];
    int rc = quoted(h, c, "/message", message, sizeof message);

    if (rc != CORAX_OK)
        return rc;
    snprintf(requests, sizeof requests,
             FORM("user", "%s",
                  "\"username\":{\"type\":\"string\",\"description\":\"User's response\"},"
                  "\"email\":{\"type\":\"string\",\"description\":\"User's email address\"}",
                  "\"username\",\"email\""),
             message);
    return ask_for(h, c, requests, "User response: ", "/responses/user");
}

CALL(defaults)
{
    return ask_for(
        h, c,
        FORM("user", "Please check these values",
             "\"name\":{\"type\":\"string\",\"default\":\"John Doe\"},\"age\":{\"type\":\"integer\",\"default\":30},"
             "\"score\":{\"type\":\"number\",\"default\":95.5},"
             "\"status\":{\"type\":\"string\",\"enum\":[\"active\",\"inactive\",\"pending\"],\"default\":\"active\"},"
             "\"verified\":{\"type\":\"boolean\",\"default\":true}",
             ""),
        "Elicitation completed: ", "/responses/user");
}

#define ITEMS(word) \
    "{\"const\":\"value1\",\"title\":\"First " word "\"},{\"const\":\"value2\",\"title\":\"Second " word "\"}"

CALL(enums)
{
    return ask_for(
        h, c,
        FORM("user", "Please choose",
             "\"untitledSingle\":{\"type\":\"string\",\"enum\":[\"option1\",\"option2\",\"option3\"]},"
             "\"titledSingle\":{\"type\":\"string\",\"oneOf\":[" ITEMS(
                 "Option") "]},"
                           "\"legacyEnum\":{\"type\":\"string\",\"enum\":[\"opt1\",\"opt2\",\"opt3\"],"
                           "\"enumNames\":[\"Option One\",\"Option Two\",\"Option Three\"]},"
                           "\"untitledMulti\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"enum\":[\"option1\","
                           "\"option2\",\"option3\"]}},"
                           "\"titledMulti\":{\"type\":\"array\",\"items\":{\"anyOf\":[" ITEMS("Choice") "]}}",
             ""),
        "Elicitation completed: ", "/responses/user");
}

CALL(missing_capability)
{
    return ask_for(h, c, SAMPLE("sample", "Anything", "10"), "", "/responses/sample/content/text");
}

CALL(streaming_elicitation)
{
    h->progress(c, 0, NULL, 0);
    return ask_for(h, c, NAME, "Hello, ", "/responses/user_name/content/name");
}

CALL(ask_name)
{
    return ask_for(h, c, NAME, "Hello, ", "/responses/user_name/content/name");
}

CALL(ask_capital)
{
    return ask_for(h, c, SAMPLE("capital_question", "What is the capital of France?", "100"), "",
                   "/responses/capital_question/content/text");
}

CALL(ask_roots)
{
    return ask_for(h, c, ROOTS("client_roots"), "The roots are ", "/responses/client_roots/roots");
}

CALL(ask_state)
{
    return ask_for(h, c, CONFIRM, "state-ok: ", "/responses/confirm/action");
}

CALL(ask_three)
{
    return ask_for(h, c, NAME "," SAMPLE("greeting", "Generate a greeting", "50") "," ROOTS("client_roots"),
                   "All were answered: ", "/responses");
}

CALL(ask_twice)
{
    const char *reply;
    size_t n;
    int rc = ask(h, c, FORM("step1", "Step 1: What is your name?", "\"name\":{\"type\":\"string\"}", "\"name\""),
                 &reply, &n);

    return rc != CORAX_OK ? rc
                          : ask_for(h, c,
                                    FORM("step2", "Step 2: What is your favorite color?",
                                         "\"color\":{\"type\":\"string\"}", "\"color\""),
                                    "The color is ", "/responses/step2/content/color");
}

/* Asks only for what the client can do. */
CALL(ask_possible)
{
    const char *reply, *value;
    size_t n, value_len;
    int rc = ask(h, c, "", &reply, &n);

    if (rc != CORAX_OK)
        return rc;
    if (h->json_get(c, reply, n, "/capabilities/elicitation", &value, &value_len) == CORAX_OK)
        return ask_for(h, c, NAME, "Hello, ", "/responses/user_name/content/name");
    if (h->json_get(c, reply, n, "/capabilities/sampling", &value, &value_len) == CORAX_OK)
        return ask_for(h, c, SAMPLE("greeting", "Generate a greeting", "50"), "", "/responses/greeting/content/text");
    return text(h, c, "The client can be asked nothing.");
}

/* Sleeps as many seconds as its argument says. */
CALL(slow)
{
    const char *seconds = "0";
    size_t n = 1;

    (void)args;
    (void)len;
    h->arg(c, "/seconds", &seconds, &n);
    for (int left_ms = (n == 1 ? seconds[0] - '0' : 9) * 1000; left_ms > 0; left_ms -= PAUSE_MS) {
        if (h->remaining_ms(c) <= 0)
            return CORAX_E_CANCELED;
        pause_a_little();
    }
    return text(h, c, "computed");
}

CALL(greet)
{
    const char *name = "";
    char out[200];
    size_t n = 0;

    (void)args;
    (void)len;
    h->arg(c, "/name", &name, &n);
    return h->result(c, "text/plain", out,
                     (size_t)snprintf(out, sizeof out, "Hello, %.*s!", n < 100 ? (int)n : 100, name));
}

/* Longer than a call is waited for, then as error does. */
CALL(failing)
{
    for (int i = 0; i < 1500 / PAUSE_MS; i++)
        pause_a_little();
    return error(h, c, args, len);
}

CALL(breaking)
{
    (void)h;
    (void)c;
    (void)args;
    (void)len;
    for (int i = 0; i < 1500 / PAUSE_MS; i++)
        pause_a_little();
    abort();
}

/* Asks, and then takes longer than a call is waited for. */
CALL(ask_and_work)
{
    const char *reply, *name = "";
    size_t n, name_len = 0;
    char out[200];
    int rc = ask(h, c, NAME, &reply, &n);

    if (rc != CORAX_OK)
        return rc;
    h->json_get(c, reply, n, "/responses/user_name/content/name", &name, &name_len);
    n = (size_t)snprintf(out, sizeof out, "Done, %.*s.", name_len < 100 ? (int)name_len : 100, name);
    for (int i = 0; i < 1500 / PAUSE_MS; i++)
        pause_a_little();
    return h->result(c, "text/plain", out, n);
}

/* What the test around changes when it sees this call. */
CALL(trigger)
{
    return text(h, c, "The list changes.");
}

/* --- the plugin ------------------------------------------------------------------------------------------------- */

#define TOOL(function, tool_name, about, schema)                                          \
    static const struct corax_tool tool_##function = { .size = sizeof(struct corax_tool), \
                                                       .name = tool_name,                 \
                                                       .summary = about,                  \
                                                       .args_schema = schema,             \
                                                       .call = function }
#define ONE(name)                                                                                    \
    "{\"type\":\"object\",\"properties\":{\"" name "\":{\"type\":\"string\"}},\"required\":[\"" name \
    "\"],\"additionalProperties\":false}"

TOOL(simple_text, "test_simple_text", "Returns a text.", NOTHING);
TOOL(image, "test_image_content", "Returns an image.", NOTHING);
TOOL(audio, "test_audio_content", "Returns a sound.", NOTHING);
TOOL(embedded, "test_embedded_resource", "Returns a resource.", NOTHING);
TOOL(mixed, "test_multiple_content_types", "Returns a text, an image and a resource.", NOTHING);
TOOL(error, "test_error_handling", "Fails.", NOTHING);
TOOL(logging, "test_tool_with_logging", "Logs three lines.", NOTHING);
TOOL(progress, "test_tool_with_progress", "Tells of its progress.", NOTHING);
TOOL(sampling, "test_sampling", "Has the client's model answer.", ONE("prompt"));
TOOL(elicitation, "test_elicitation", "Asks the client's user.", ONE("message"));
TOOL(defaults, "test_elicitation_sep1034_defaults", "Asks with defaults.", NOTHING);
TOOL(enums, "test_elicitation_sep1330_enums", "Asks with choices.", NOTHING);
TOOL(missing_capability, "test_missing_capability", "Needs sampling.", NOTHING);
TOOL(streaming_elicitation, "test_streaming_elicitation", "Tells of its progress and asks.", NOTHING);
TOOL(ask_name, "test_input_required_result_elicitation", "Asks for a name.", NOTHING);
TOOL(ask_capital, "test_input_required_result_sampling", "Asks for a capital.", NOTHING);
TOOL(ask_roots, "test_input_required_result_list_roots", "Asks for the roots.", NOTHING);
TOOL(ask_state, "test_input_required_result_request_state", "Asks for a confirmation.", NOTHING);
TOOL(ask_three, "test_input_required_result_multiple_inputs", "Asks three things at once.", NOTHING);
TOOL(ask_twice, "test_input_required_result_multi_round", "Asks twice.", NOTHING);
TOOL(ask_possible, "test_input_required_result_capabilities", "Asks what the client can be asked.", NOTHING);
TOOL(greet, "greet", "Greets.", ONE("name"));
TOOL(slow, "slow_compute", "Takes its time.",
     "{\"type\":\"object\",\"properties\":{\"seconds\":{\"type\":\"integer\",\"minimum\":0}},\"required\":[\"seconds\"]"
     "}");
TOOL(failing, "failing_job", "Fails after a while.", "{\"type\":\"object\"}");
TOOL(breaking, "protocol_error_job", "Breaks down after a while.", "{\"type\":\"object\"}");
TOOL(ask_and_work, "test_tool_with_task", "Asks for a name and takes its time.", NOTHING);
TOOL(trigger, "test_trigger_prompt_change", "Has the list of prompts changed.", NOTHING);

static const struct corax_tool tool_tampered = { .size = sizeof(struct corax_tool),
                                                 .name = "test_input_required_result_tampered_state",
                                                 .summary = "Asks for a confirmation.",
                                                 .args_schema = NOTHING,
                                                 .call = ask_state };
static const struct corax_tool tool_log = { .size = sizeof(struct corax_tool),
                                            .name = "test_logging_tool",
                                            .summary = "Logs three lines.",
                                            .args_schema = NOTHING,
                                            .call = logging };
static const struct corax_tool tool_schema = {
    .size = sizeof(struct corax_tool),
    .name = "json_schema_2020_12_tool",
    .summary = "Tool with JSON Schema 2020-12 features",
    .args_schema =
        "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\","
        "\"$defs\":{\"address\":{\"$anchor\":\"addressDef\",\"type\":\"object\",\"properties\":{\"street\":{\"type\":"
        "\"string\"},"
        "\"city\":{\"type\":\"string\"}}}},"
        "\"properties\":{\"name\":{\"type\":\"string\"},\"address\":{\"$ref\":\"#/$defs/address\"},"
        "\"contactMethod\":{\"type\":\"string\",\"enum\":[\"phone\",\"email\"]},\"phone\":{\"type\":\"string\"},"
        "\"email\":{\"type\":\"string\"}},"
        "\"allOf\":[{\"anyOf\":[{\"required\":[\"phone\"]},{\"required\":[\"email\"]}]}],"
        "\"if\":{\"properties\":{\"contactMethod\":{\"const\":\"phone\"}},\"required\":[\"contactMethod\"]},"
        "\"then\":{\"required\":[\"phone\"]},\"else\":{\"required\":[\"email\"]},\"additionalProperties\":false}",
    .call = simple_text,
};

static const struct corax_tool tool_header = {
    .size = sizeof(struct corax_tool),
    .name = "test_x_mcp_header",
    .summary = "Has an argument that a header repeats.",
    .args_schema = "{\"type\":\"object\",\"properties\":{\"region\":{\"type\":\"string\",\"x-mcp-header\":\"Region\"}},"
                   "\"required\":[\"region\"]}",
    .call = simple_text,
};

static const struct corax_tool *const tools[] = {
    &tool_simple_text,
    &tool_image,
    &tool_audio,
    &tool_embedded,
    &tool_mixed,
    &tool_error,
    &tool_logging,
    &tool_progress,
    &tool_sampling,
    &tool_elicitation,
    &tool_defaults,
    &tool_enums,
    &tool_missing_capability,
    &tool_streaming_elicitation,
    &tool_ask_name,
    &tool_ask_capital,
    &tool_ask_roots,
    &tool_ask_state,
    &tool_ask_three,
    &tool_ask_twice,
    &tool_ask_possible,
    &tool_trigger,
    &tool_tampered,
    &tool_log,
    &tool_schema,
    &tool_header,
    &tool_greet,
    &tool_ask_and_work,
    &tool_slow,
    &tool_failing,
    &tool_breaking,
    NULL,
};

static const struct corax_plugin plugin = {
    CORAX_PLUGIN_HEADER, .name = "conformance", .version = "1", .license = "Apache-2.0", .tools = tools,
};

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
