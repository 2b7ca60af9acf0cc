/* Templates of ours, for families whose files come without one.  What they write is what the models were trained on. */
#include "infer/template.h"

#include <string.h>

/* Messages between <|im_start|> and <|im_end|>; calls as Hermes 2 Pro and Qwen write them. */
static const char chatml[] =
    "{%- set system = messages[0].content if messages[0].role == 'system' else '' %}"
    "{%- if tools %}"
    "{{- '<|im_start|>system\\n' + system + ('\\n\\n' if system else '') }}"
    "{{- '# Tools\\n\\nYou may call one or more functions to assist with the user query.\\n\\n"
    "You are provided with function signatures within <tools></tools> XML tags:\\n<tools>' }}"
    "{%- for tool in tools %}{{- '\\n' + (tool | tojson) }}{%- endfor %}"
    "{{- '\\n</tools>\\n\\nFor each function call, return a json object with function name and arguments within "
    "<tool_call></tool_call> XML tags:\\n<tool_call>\\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\\n</tool_call><|im_end|>\\n' }}"
    "{%- elif system %}{{- '<|im_start|>system\\n' + system + '<|im_end|>\\n' }}{%- endif %}"
    "{%- for m in messages %}"
    "{%- if m.role == 'user' %}{{- '<|im_start|>user\\n' + m.content + '<|im_end|>\\n' }}"
    "{%- elif m.role == 'assistant' %}{{- '<|im_start|>assistant' + ('\\n' + m.content if m.content or not m.tool_calls else '') }}"
    "{%- for call in m.tool_calls or [] %}"
    "{{- '\\n<tool_call>\\n{\"name\": \"' + call.function.name + '\", \"arguments\": ' + (call.function.arguments | tojson) + '}\\n</tool_call>' }}"
    "{%- endfor %}{{- '<|im_end|>\\n' }}"
    "{%- elif m.role == 'tool' %}"
    "{%- if loop.index0 == 0 or messages[loop.index0 - 1].role != 'tool' %}{{- '<|im_start|>user' }}{%- endif %}"
    "{{- '\\n<tool_response>\\n' + m.content + '\\n</tool_response>' }}"
    "{%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}{{- '<|im_end|>\\n' }}{%- endif %}"
    "{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}";

/* Llama 3 and 3.1, calls as 3.1 writes them, with the tools in the system message. */
static const char llama_3[] =
    "{%- set system = messages[0].content if messages[0].role == 'system' else '' %}"
    "{{- bos_token }}"
    "{%- if system or tools %}"
    "{{- '<|start_header_id|>system<|end_header_id|>\\n\\n' }}"
    "{%- if tools %}"
    "{{- 'Environment: ipython\\n\\nYou have access to the following functions. To call a function, please respond with JSON for a function call. "
    "Respond in the format {\"name\": function name, \"parameters\": dictionary of argument name and its value}. Do not use variables.\\n\\n' }}"
    "{%- for tool in tools %}{{- (tool | tojson(indent=4)) + '\\n\\n' }}{%- endfor %}"
    "{%- endif %}{{- system + '<|eot_id|>' }}{%- endif %}"
    "{%- for m in messages %}"
    "{%- if m.role == 'user' %}{{- '<|start_header_id|>user<|end_header_id|>\\n\\n' + m.content + '<|eot_id|>' }}"
    "{%- elif m.role == 'assistant' %}"
    "{%- if m.tool_calls and m.tool_calls | length > 1 %}{{- raise_exception('one call at a time') }}{%- endif %}"
    "{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}"
    "{%- if m.tool_calls %}{%- set call = m.tool_calls[0].function %}"
    "{{- '{\"name\": \"' + call.name + '\", \"parameters\": ' + (call.arguments | tojson) + '}' }}"
    "{%- else %}{{- m.content }}{%- endif %}{{- '<|eot_id|>' }}"
    "{%- elif m.role == 'tool' %}{{- '<|start_header_id|>ipython<|end_header_id|>\\n\\n' + m.content + '<|eot_id|>' }}"
    "{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}";

/* Gemma 1 to 3: no system, no tools. */
static const char gemma[] =
    "{{- bos_token }}"
    "{%- for m in messages %}"
    "{%- if m.role not in ['user', 'assistant'] %}{{- raise_exception('a person and the model take turns') }}{%- endif %}"
    "{{- '<start_of_turn>' + ('model' if m.role == 'assistant' else 'user') + '\\n' + m.content | trim + '<end_of_turn>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<start_of_turn>model\\n' }}{%- endif %}";

/* Mistral 7B and Mixtral 8x7B. */
static const char mistral[] =
    "{{- bos_token }}"
    "{%- for m in messages %}"
    "{%- if m.role == 'user' %}{{- '[INST] ' + m.content + ' [/INST]' }}"
    "{%- elif m.role == 'assistant' %}{{- ' ' + m.content + eos_token }}"
    "{%- else %}{{- raise_exception('a person and the model take turns') }}{%- endif %}"
    "{%- endfor %}";

/* Phi-3 and Phi-3.5. */
static const char phi_3[] =
    "{%- for m in messages %}"
    "{%- if m.role not in ['system', 'user', 'assistant'] %}{{- raise_exception('no tools') }}{%- endif %}"
    "{{- '<|' + m.role + '|>\\n' + m.content + '<|end|>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|assistant|>\\n' }}{%- endif %}";

/* RWKV's world models. */
static const char rwkv_world[] =
    "{%- for m in messages %}"
    "{%- if m.role == 'system' %}{{- 'System: ' + m.content | trim + '\\n\\n' }}"
    "{%- elif m.role == 'user' %}{{- 'User: ' + m.content | trim + '\\n\\n' }}"
    "{%- elif m.role == 'assistant' %}{{- 'Assistant: ' + m.content | trim + '\\n\\n' }}"
    "{%- else %}{{- raise_exception('no tools') }}{%- endif %}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- 'Assistant:' }}{%- endif %}";

/* LLM360's CrystalChat. */
static const char crystalchat[] =
    "{{- bos_token }}"
    "{%- for m in messages %}"
    "{%- if m.role == 'system' %}{{- '<|sys_start|> ' + m.content + ' <|sys_end|> ' }}"
    "{%- elif m.role == 'user' %}{{- '<|im_start|> ' + m.content + ' <|im_end|>' }}"
    "{%- elif m.role == 'assistant' %}{{- ' ' + m.content + ' ' + eos_token }}"
    "{%- else %}{{- raise_exception('no tools') }}{%- endif %}"
    "{%- endfor %}";

/* Vicuna 1.1, and models that learned from its conversations. */
static const char vicuna[] =
    "{{- bos_token }}"
    "{%- for m in messages %}"
    "{%- if m.role == 'system' %}{{- m.content + ' ' }}"
    "{%- elif m.role == 'user' %}{{- 'USER: ' + m.content + ' ' }}"
    "{%- elif m.role == 'assistant' %}{{- 'ASSISTANT: ' + m.content + eos_token }}"
    "{%- else %}{{- raise_exception('no tools') }}{%- endif %}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- 'ASSISTANT:' }}{%- endif %}";

/* LLM360's AmberChat and other models of the first Llama with these headings. */
static const char amberchat[] =
    "{{- bos_token }}"
    "{%- for m in messages %}"
    "{%- if m.role == 'system' %}{{- m.content + '\\n' }}"
    "{%- elif m.role == 'user' %}{{- '### Human: ' + m.content + '\\n' }}"
    "{%- elif m.role == 'assistant' %}{{- '### Assistant: ' + m.content + '\\n' }}"
    "{%- else %}{{- raise_exception('no tools') }}{%- endif %}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '### Assistant:' }}{%- endif %}";

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

/* A family is known by a special token (NULL: by none), and perhaps by its architecture. */
static const struct {
    const char *name, *text, *token, *arch;
} builtins[] = {
    { "llama-3", llama_3, "<|start_header_id|>", NULL },
    { "crystalchat", crystalchat, "<|sys_start|>", NULL },
    { "kimi", kimi, "<|im_middle|>", NULL },
    { "chatml", chatml, "<|im_start|>", NULL },
    { "gemma", gemma, "<start_of_turn>", NULL },
    { "phi-3", phi_3, "<|end|>", "phi3" },
    { "rwkv-world", rwkv_world, NULL, "rwkv" },
    { "mistral", mistral, "[INST]", NULL },
    { "vicuna", vicuna, "", NULL },
    { "amberchat", amberchat, "", NULL },
};
#define N_BUILTINS (sizeof builtins / sizeof *builtins)

const char *template_builtin(const char *name)
{
    for (size_t i = 0; i < N_BUILTINS; i++)
        if (strcmp(builtins[i].name, name) == 0)
            return builtins[i].text;
    return NULL;
}

const char *template_guess(const char *arch, const struct tokenizer *t)
{
    for (size_t i = 0; i < N_BUILTINS; i++) {
        const char *token = builtins[i].token, *family = builtins[i].arch;

        if (token && (!*token || tokenizer_special(t, token) < 0))
            continue; /* without a token of their own only those who ask get them */
        if (family && strncmp(arch, family, strlen(family)) != 0)
            continue;
        return builtins[i].name;
    }
    return NULL;
}
