/*
 * The formats, from what their models were published with: chat templates, model cards, and the parsers that the makers ship beside
 * them.
 */
#include "infer/tool_format.h"

#include <string.h>

#include "infer/tool_script.h"

#define TAGS(OPEN, CLOSE, TEXT, END) \
    { .kind = NOTATION_TAGS, .key_open = { .text = OPEN }, .key_close = { .text = CLOSE }, .text_close = { .text = TEXT }, .value_close = { .text = END } }
#define MARKED(QUOTE) { .kind = NOTATION_MARKED, .quote = { .text = QUOTE } }

#define DS_OPEN "<｜tool▁call▁begin｜>"
#define DS_SEP  "<｜tool▁sep｜>"

/* Those with the most particular signs first. */
static const struct tool_format formats[] = {
    { /* OpenAI gpt-oss: each message in a channel, calls in one addressed to functions.NAME */
        .name = "harmony",
        .signs = { "<|channel|>", "<|message|>", "functions" },
        .make = tool_script_harmony,
    },
    { /* DeepSeek V3.2 */
        .name = "deepseek-v3.2",
        .signs = { "｜DSML｜", "function_calls" },
        .trigger = { "<｜DSML｜function_calls>" },
        .open = "\n<｜DSML｜invoke name=\"",
        .middle = { "\">\n" },
        .close = { "</｜DSML｜invoke>\n" },
        .again = "<｜DSML｜invoke name=\"",
        .end = "</｜DSML｜function_calls>",
        .notation = TAGS("<｜DSML｜parameter name=\"", "\" string=\"false\">", "\" string=\"true\">", "</｜DSML｜parameter>\n"),
    },
    { /* DeepSeek R1 and its distillations */
        .name = "deepseek-r1",
        .signs = { DS_OPEN, DS_SEP, "```json" },
        .trigger = { "<｜tool▁calls▁begin｜>" },
        .open = DS_OPEN "function" DS_SEP,
        .middle = { "\n```json\n" },
        .close = { "\n```<｜tool▁call▁end｜>" },
        .again = "\n" DS_OPEN "function" DS_SEP,
        .end = "<｜tool▁calls▁end｜>",
    },
    { /* DeepSeek V3.1 */
        .name = "deepseek-v3.1",
        .signs = { DS_OPEN, DS_SEP },
        .trigger = { "<｜tool▁calls▁begin｜>" },
        .open = DS_OPEN,
        .middle = { DS_SEP },
        .close = { "<｜tool▁call▁end｜>" },
        .again = DS_OPEN,
        .end = "<｜tool▁calls▁end｜>",
    },
    { /* Moonshot's Kimi K2: calls are numbered through the conversation */
        .name = "kimi",
        .signs = { "<|tool_calls_section_begin|>", "<|tool_call_argument_begin|>" },
        .trigger = { "<|tool_calls_section_begin|>" },
        .open = "<|tool_call_begin|>functions.",
        .middle = { ":\1<|tool_call_argument_begin|>" },
        .close = { "<|tool_call_end|>" },
        .again = "<|tool_call_begin|>functions.",
        .end = "<|tool_calls_section_end|>",
    },
    { /* Qwen3-Coder */
        .name = "qwen-coder",
        .signs = { "<function=", "<parameter=", "<tool_call>" },
        .trigger = { "<tool_call>" },
        .open = "\n<function=",
        .middle = { ">\n" },
        .close = { "</function>\n</tool_call>" },
        .again = "\n<tool_call>\n<function=",
        .notation = TAGS("<parameter=", ">\n", NULL, "\n</parameter>\n"),
    },
    { /* Functionary 3.1 for Llama 3.1 */
        .name = "functionary",
        .signs = { "<function=", "</function>" },
        .trigger = { "<function=" },
        .open = "",
        .middle = { ">" },
        .close = { "</function>" },
        .again = "<function=",
    },
    { /* GLM 4.5 and 4.6 */
        .name = "glm",
        .signs = { "<arg_key>", "<arg_value>" },
        .trigger = { "<tool_call>" },
        .open = "",
        .middle = { "\n" },
        .close = { "</tool_call>" },
        .again = "\n<tool_call>",
        .notation = TAGS("<arg_key>", "</arg_key>\n<arg_value>", NULL, "</arg_value>\n"),
    },
    { /* Gemma 4 */
        .name = "gemma-4",
        .signs = { "<|tool_call>call:", "<|\"|>" },
        .trigger = { "<|tool_call>" },
        .open = "call:",
        .middle = { "" },
        .close = { "<tool_call|>" },
        .again = "<|tool_call>call:",
        .notation = MARKED("<|\"|>"),
        .think_open = "<|channel>thought\n",
        .think_close = "<channel|>",
    },
    { /* FunctionGemma */
        .name = "functiongemma",
        .signs = { "<start_function_call>", "<escape>" },
        .trigger = { "<start_function_call>" },
        .open = "call:",
        .middle = { "" },
        .close = { "<end_function_call>" },
        .again = "<start_function_call>call:",
        .notation = MARKED("<escape>"),
    },
    { /* Mistral's tokenizers from version 11 on */
        .name = "mistral-args",
        .signs = { "[TOOL_CALLS]", "[ARGS]" },
        .trigger = { "[TOOL_CALLS]" },
        .open = "",
        .middle = { "[ARGS]", "[CALL_ID]\2[ARGS]" },
        .close = { "" },
        .again = "[TOOL_CALLS]",
        .think_open = "[THINK]",
        .think_close = "[/THINK]",
    },
    { /* Mistral's tokenizers up to version 7 */
        .name = "mistral",
        .signs = { "[TOOL_CALLS]" },
        .trigger = { "[TOOL_CALLS]" },
        .open = "[{\"name\": \"",
        .middle = { "\", \"arguments\": " },
        .close = { "}", ", \"id\": \"\2\"}" },
        .again = ", {\"name\": \"",
        .end = "]",
    },
    { /* Cohere's Command R7B */
        .name = "command-r",
        .signs = { "<|START_ACTION|>", "<|START_RESPONSE|>" },
        .trigger = { "<|START_ACTION|>" },
        .open = "[\n    {\"tool_call_id\": \"\1\", \"tool_name\": \"",
        .middle = { "\", \"parameters\": " },
        .close = { "}" },
        .again = ",\n    {\"tool_call_id\": \"\1\", \"tool_name\": \"",
        .end = "\n]<|END_ACTION|>",
        .think_open = "<|START_THINKING|>",
        .think_close = "<|END_THINKING|>",
        .make = tool_script_command,
    },
    { /* Fireworks' firefunction 2 */
        .name = "firefunction",
        .signs = { "functools[" },
        .trigger = { "functools[" },
        .open = "{\"name\": \"",
        .middle = { "\", \"arguments\": " },
        .close = { "}" },
        .again = ", {\"name\": \"",
        .end = "]",
    },
    { /* ServiceNow's Apriel: what it thinks comes first, without a mark of its own */
        .name = "apriel",
        .signs = { "<tool_calls>", "[BEGIN FINAL RESPONSE]" },
        .trigger = { "<tool_calls>" },
        .open = "[{\"name\": \"",
        .middle = { "\", \"arguments\": " },
        .close = { "}" },
        .again = ", {\"name\": \"",
        .end = "]</tool_calls>",
        .think_open = "Here are my reasoning steps:\n",
        .think_close = "[BEGIN FINAL RESPONSE]",
    },
    { /* Microsoft's Phi-4-mini */
        .name = "phi",
        .signs = { "<|tool|>", "<|/tool|>" },
        .trigger = { "<|tool_call|>" },
        .open = "[{\"name\": \"",
        .middle = { "\", \"arguments\": " },
        .close = { "}" },
        .again = ", {\"name\": \"",
        .end = "]<|/tool_call|>",
    },
    { /* Nous' Hermes 2 Pro, Qwen 2.5 and 3, and many others */
        .name = "hermes",
        .signs = { "<tool_call>" },
        .trigger = { "<tool_call>" },
        .open = "\n{\"name\": \"",
        .middle = { "\", \"arguments\": " },
        .close = { "}\n</tool_call>" },
        .again = "\n<tool_call>\n{\"name\": \"",
    },
    { /* Meta's Llama 3.1 to 3.3: a reply that begins like this is a call */
        .name = "llama",
        .signs = { "<|start_header_id|>", "\"parameters\": ", "ipython" },
        .trigger = { "{\"name\": \"", "<|python_tag|>{\"name\": \"" },
        .open = "",
        .middle = { "\", \"parameters\": " },
        .close = { "}" },
        .at_start = true,
    },
    { /* Yao et al., arXiv:2210.03629: for models that were trained on no calls */
        .name = "react",
        .make = tool_script_react,
    },
};
#define N_FORMATS (sizeof formats / sizeof formats[0])

const struct tool_format *tool_format_find(const char *name)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

const char *tool_format_name(size_t i)
{
    return i < N_FORMATS ? formats[i].name : NULL;
}

static bool has(const char *text, size_t len, const char *sign)
{
    return len > 0 && memmem(text, len, sign, strlen(sign)) != NULL;
}

const struct tool_format *tool_format_detect(const char *text, size_t len)
{
    for (size_t i = 0; i < N_FORMATS; i++) {
        size_t n = 0;

        while (n < TOOL_FORMAT_SIGNS && formats[i].signs[n] && has(text, len, formats[i].signs[n]))
            n++;
        if (n > 0 && (n == TOOL_FORMAT_SIGNS || !formats[i].signs[n]))
            return &formats[i];
    }
    return NULL;
}

bool tool_format_thinking(const struct tool_format *f, const char *text, size_t len, struct thinking_marks *out)
{
    *out = (struct thinking_marks){ f->think_open ? f->think_open : "<think>", f->think_close ? f->think_close : "</think>" };
    return f->think_close ? true : has(text, len, "</think>");
}
