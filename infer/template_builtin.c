/*
 * Templates for models whose file has none.  The formats are those of the models' cards; where a family's models were
 * trained with a system text of its own, it is left to the user to give it.  The ones for models with tokens for it show
 * tools and write calls and results.
 */
#include <stdlib.h>
#include <string.h>

#include "infer/template.h"

/* ChatML (OpenAI's chat markup), and tools as Nous Research's Hermes 2 Pro and Qwen2.5 were trained with them. */
static const char chatml[] =
    "{{- begin_token }}\n"
    "{%- if messages[0].role == 'system' or tools %}\n"
    "    {{- '<|im_start|>system\\n' }}\n"
    "    {%- if messages[0].role == 'system' %}{{- messages[0].content }}{% endif %}\n"
    "    {%- if tools %}\n"
    "        {{- '\\n\\n' if messages[0].role == 'system' and messages[0].content }}\n"
    "        {{- '# Tools\\n\\nThe functions that can be called, as JSON, are:\\n<tools>' }}\n"
    "        {%- for tool in tools %}{{- '\\n' ~ tool | tojson }}{% endfor %}\n"
    "        {{- '\\n</tools>\\n\\nEach call is one JSON object with the function\\'s name and its arguments:\\n<tool_call>\\n' }}\n"
    "        {{- '{\"name\": <name>, \"arguments\": <object>}\\n</tool_call>' }}\n"
    "    {%- endif %}\n"
    "    {{- '<|im_end|>\\n' }}\n"
    "{%- endif %}\n"
    "{%- for message in messages if message.role != 'system' %}\n"
    "    {%- if message.role == 'tool' %}\n"
    "        {{- '<|im_start|>user' if loop.previtem is not defined or loop.previtem.role != 'tool' }}\n"
    "        {{- '\\n<tool_response>\\n' ~ message.content ~ '\\n</tool_response>' }}\n"
    "        {{- '<|im_end|>\\n' if loop.last or loop.nextitem.role != 'tool' }}\n"
    "    {%- else %}\n"
    "        {{- '<|im_start|>' ~ message.role ~ '\\n' ~ message.content }}\n"
    "        {%- for call in message.tool_calls %}\n"
    "            {{- '\\n' if message.content or not loop.first }}\n"
    "            {{- '<tool_call>\\n{\"name\": ' ~ call.function.name | tojson }}\n"
    "            {{- ', \"arguments\": ' ~ call.function.arguments | tojson ~ '}\\n</tool_call>' }}\n"
    "        {%- endfor %}\n"
    "        {{- '<|im_end|>\\n' }}\n"
    "    {%- endif %}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{% endif %}\n";

/* Llama 3 (its model card's headers), and calls as Llama 3.1 has them: one at a time, results of the role ipython. */
static const char llama_3[] =
    "{{- begin_token }}\n"
    "{%- macro head(role) %}{{- '<|start_header_id|>' ~ role ~ '<|end_header_id|>\\n\\n' }}{% endmacro %}\n"
    "{%- if messages[0].role == 'system' or tools %}\n"
    "    {{- head('system') }}\n"
    "    {%- if messages[0].role == 'system' %}{{- messages[0].content | trim }}{% endif %}\n"
    "    {%- if tools %}\n"
    "        {{- '\\n\\n' if messages[0].role == 'system' and messages[0].content }}\n"
    "        {{- 'These functions can be called. A call is one JSON object and nothing else, ' }}\n"
    "        {{- '{\"name\": the function, \"parameters\": an object with its arguments}:' }}\n"
    "        {%- for tool in tools %}{{- '\\n\\n' ~ tool | tojson(indent=4) }}{% endfor %}\n"
    "    {%- endif %}\n"
    "    {{- '<|eot_id|>' }}\n"
    "{%- endif %}\n"
    "{%- for message in messages if message.role != 'system' %}\n"
    "    {%- if message.tool_calls %}\n"
    "        {%- if message.tool_calls | length != 1 %}{{- raise_exception('one call at a time') }}{% endif %}\n"
    "        {%- set call = message.tool_calls[0].function %}\n"
    "        {{- head('assistant') ~ '{\"name\": ' ~ call.name | tojson }}\n"
    "        {{- ', \"parameters\": ' ~ call.arguments | tojson ~ '}' }}\n"
    "    {%- elif message.role == 'tool' %}\n"
    "        {{- head('ipython') ~ message.content | tojson }}\n"
    "    {%- else %}\n"
    "        {{- head(message.role) ~ message.content | trim }}\n"
    "    {%- endif %}\n"
    "    {{- '<|eot_id|>' }}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}{{- head('assistant') }}{% endif %}\n";

/* Gemma's card: turns of user and model; no system message. */
static const char gemma[] =
    "{{- begin_token }}\n"
    "{%- for message in messages %}\n"
    "    {%- if message.role not in ['user', 'assistant'] %}{{- raise_exception('only user and assistant') }}{% endif %}\n"
    "    {{- '<start_of_turn>' ~ ('model' if message.role == 'assistant' else 'user') ~ '\\n' }}\n"
    "    {{- message.content | trim ~ '<end_of_turn>\\n' }}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}{{- '<start_of_turn>model\\n' }}{% endif %}\n";

/* Mistral's tokenizers from version 2 on, where [INST] is a token and a vocabulary that wants spaces adds them itself. */
static const char mistral[] =
    "{{- begin_token }}\n"
    "{%- for message in messages %}\n"
    "    {%- if message.role == 'user' %}{{- '[INST]' ~ message.content ~ '[/INST]' }}\n"
    "    {%- elif message.role == 'assistant' %}{{- message.content ~ eos_token }}\n"
    "    {%- else %}{{- raise_exception('only user and assistant') }}{% endif %}\n"
    "{%- endfor %}\n";

/* The card of Mistral 7B Instruct 0.1, where it is text. */
static const char mistral_v1[] =
    "{{- begin_token }}\n"
    "{%- for message in messages %}\n"
    "    {%- if message.role == 'user' %}{{- '[INST] ' ~ message.content ~ ' [/INST]' }}\n"
    "    {%- elif message.role == 'assistant' %}{{- ' ' ~ message.content ~ eos_token }}\n"
    "    {%- else %}{{- raise_exception('only user and assistant') }}{% endif %}\n"
    "{%- endfor %}\n";

/* The card of Phi-3-mini-instruct. */
static const char phi_3[] =
    "{{- begin_token }}\n"
    "{%- for message in messages if message.role != 'tool' %}\n"
    "    {{- '<|' ~ message.role ~ '|>\\n' ~ message.content ~ '<|end|>\\n' }}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}{{- '<|assistant|>\\n' }}{% endif %}\n";

/* The card of RWKV's world models: an empty line ends a turn, so there is none within one. */
static const char rwkv_world[] =
    "{{- begin_token }}\n"
    "{%- set names = {'system': 'System', 'user': 'User', 'assistant': 'Assistant'} %}\n"
    "{%- for message in messages if message.role in names %}\n"
    "    {{- names[message.role] ~ ': ' ~ message.content.split('\\n') | map('trim', '\\r') | select | join('\\n') | trim }}\n"
    "    {{- '\\n\\n' }}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}{{- 'Assistant:' }}{% endif %}\n";

/* Vicuna 1.1 (FastChat). */
static const char vicuna[] =
    "{{- begin_token }}\n"
    "{%- for message in messages if message.role != 'tool' %}\n"
    "    {%- if message.role == 'system' %}{{- message.content | trim ~ ' ' }}\n"
    "    {%- elif message.role == 'user' %}{{- 'USER: ' ~ message.content | trim ~ ' ' }}\n"
    "    {%- else %}{{- 'ASSISTANT: ' ~ message.content | trim ~ eos_token }}{% endif %}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}{{- 'ASSISTANT:' }}{% endif %}\n";

/* The card of LLM360's AmberChat. */
static const char amberchat[] =
    "{{- begin_token }}\n"
    "{%- for message in messages if message.role != 'tool' %}\n"
    "    {%- if message.role == 'system' %}{{- message.content | trim ~ '\\n' }}\n"
    "    {%- elif message.role == 'user' %}{{- '### Human: ' ~ message.content | trim ~ '\\n' }}\n"
    "    {%- else %}{{- '### Assistant: ' ~ message.content | trim ~ '\\n' }}{% endif %}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}{{- '### Assistant:' }}{% endif %}\n";

/* The card of LLM360's CrystalChat: tokens around what the model is told, and the end token behind what it says. */
static const char crystalchat[] =
    "{{- begin_token }}\n"
    "{%- for message in messages if message.role != 'tool' %}\n"
    "    {%- if message.role == 'system' %}{{- ' <|sys_start|> ' ~ message.content | trim ~ ' <|sys_end|>' }}\n"
    "    {%- elif message.role == 'user' %}{{- ' <|im_start|> ' ~ message.content | trim ~ ' <|im_end|>' }}\n"
    "    {%- else %}{{- ' ' ~ message.content | trim ~ eos_token }}{% endif %}\n"
    "{%- endfor %}\n";

/* The card of Zephyr 7B beta. */
static const char zephyr[] =
    "{{- begin_token }}\n"
    "{%- for message in messages if message.role != 'tool' %}\n"
    "    {{- '<|' ~ message.role ~ '|>\\n' ~ message.content ~ eos_token ~ '\\n' }}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}{{- '<|assistant|>\\n' }}{% endif %}\n";

/* Stanford Alpaca's repository. */
static const char alpaca[] =
    "{{- begin_token }}\n"
    "{%- for message in messages if message.role != 'tool' %}\n"
    "    {%- if message.role == 'system' %}{{- message.content | trim ~ '\\n\\n' }}\n"
    "    {%- elif message.role == 'user' %}{{- '### Instruction:\\n' ~ message.content | trim ~ '\\n\\n' }}\n"
    "    {%- else %}{{- '### Response:\\n' ~ message.content | trim ~ eos_token ~ '\\n\\n' }}{% endif %}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}{{- '### Response:\\n' }}{% endif %}\n";

/* Moonshot's Kimi K2, whose own template changes a list, which templates may not do here.  Calls are numbered through the conversation. */
static const char kimi[] =
    "{%- if tools %}{{- '<|im_system|>tool_declare<|im_middle|>' + (tools | tojson) + '<|im_end|>' }}{%- endif %}"
    "{%- if messages[0].role != 'system' %}"
    "{{- '<|im_system|>system<|im_middle|>You are Kimi, an AI assistant created by Moonshot AI.<|im_end|>' }}{%- endif %}"
    "{%- set n = namespace(calls=0, results=0) %}"
    "{%- for m in messages %}"
    "{%- if m.role == 'user' %}{{- '<|im_user|>user<|im_middle|>' + m.content + '<|im_end|>' }}"
    "{%- elif m.role == 'system' %}{{- '<|im_system|>system<|im_middle|>' + m.content + '<|im_end|>' }}"
    "{%- elif m.role == 'assistant' %}"
    "{{- '<|im_assistant|>assistant<|im_middle|>' + m.content }}"
    "{%- if m.tool_calls %}{%- set n.results = n.calls %}{{- '<|tool_calls_section_begin|>' }}"
    "{%- for call in m.tool_calls %}"
    "{{- '<|tool_call_begin|>functions.' + call.function.name + ':' + (n.calls | string) + '<|tool_call_argument_begin|>' + "
    "(call.function.arguments | tojson) + '<|tool_call_end|>' }}{%- set n.calls = n.calls + 1 %}"
    "{%- endfor %}{{- '<|tool_calls_section_end|>' }}{%- endif %}{{- '<|im_end|>' }}"
    "{%- elif m.role == 'tool' %}"
    "{{- '<|im_system|>tool<|im_middle|>## Return of functions.' + m.name + ':' + (n.results | string) + '\n' + m.content + '<|im_end|>' }}"
    "{%- set n.results = n.results + 1 %}"
    "{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_assistant|>assistant<|im_middle|>' }}{%- endif %}";

const char *template_builtin(const char *name)
{
    static const struct {
        const char *name, *text;
    } all[] = {
        { "alpaca", alpaca },   { "amberchat", amberchat }, { "chatml", chatml },         { "crystalchat", crystalchat },
        { "gemma", gemma },     { "kimi", kimi },     { "llama-3", llama_3 },     { "mistral", mistral },       { "mistral-v1", mistral_v1 },
        { "phi-3", phi_3 },     { "rwkv-world", rwkv_world }, { "vicuna", vicuna },       { "zephyr", zephyr },
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(all[i].name, name) == 0)
            return all[i].text;
    return NULL;
}

/* --- which of them -------------------------------------------------------------------------------------------------- */

#define MAX_MARKS 4

/* Special tokens that a vocabulary must have, or not, for a template; the first that fits is taken. */
static const struct mark {
    const char *template, *has[MAX_MARKS], *not;
} marks[] = {
    { "crystalchat", { "<|sys_start|>", "<|sys_end|>", "<|im_start|>", "<|im_end|>" }, NULL },
    { "kimi", { "<|im_system|>", "<|im_middle|>", "<|im_end|>" }, NULL },
    { "chatml", { "<|im_start|>", "<|im_end|>" }, NULL },
    { "llama-3", { "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>" }, NULL },
    { "gemma", { "<start_of_turn>", "<end_of_turn>" }, NULL },
    { "mistral", { "[INST]", "[/INST]" }, NULL },
    { "phi-3", { "<|user|>", "<|assistant|>", "<|end|>" }, "[gMASK]" },
    { "zephyr", { "<|system|>", "<|user|>", "<|assistant|>" }, "[gMASK]" },
};

static bool has_special(const struct tokenizer *t, const char *name)
{
    const size_t len = strlen(name), n = tokenizer_n_tokens(t);

    for (size_t i = 0; i < n; i++) {
        const enum token_type type = tokenizer_type(t, (int32_t)i);
        size_t token_len;
        const char *token;

        if (type != TOKEN_CONTROL && type != TOKEN_USER)
            continue;
        token = tokenizer_name(t, (int32_t)i, &token_len);
        if (token_len == len && memcmp(token, name, len) == 0)
            return true;
    }
    return false;
}

static bool fits(const struct mark *m, const struct tokenizer *t)
{
    for (size_t i = 0; i < MAX_MARKS && m->has[i]; i++)
        if (!has_special(t, m->has[i]))
            return false;
    return !m->not || !has_special(t, m->not);
}

const char *template_guess(const char *arch, const struct tokenizer *t)
{
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (fits(&marks[i], t))
            return marks[i].template;
    return arch && strncmp(arch, "rwkv", 4) == 0 ? "rwkv-world" : NULL;
}
