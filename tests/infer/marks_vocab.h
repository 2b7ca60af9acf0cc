/*
 * tests/infer/marks_vocab.h - a small vocabulary that has the marks of the published dialects as control tokens, and one that has none
 * of them, where they are bytes.
 */
#ifndef TESTS_INFER_MARKS_VOCAB_H
#define TESTS_INFER_MARKS_VOCAB_H

#include "infer/tokenizer.h"
#include "tests/infer/tiny_gguf.h"

static const char *const marks_special[] = {
    "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>", "<|python_tag|>",
    "[INST]", "[/INST]", "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]",
    "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]", "<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>", "<｜tool▁calls▁begin｜>",
    "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>", "<｜tool▁outputs▁begin｜>", "<｜tool▁output▁begin｜>",
    "<｜tool▁output▁end｜>", "<｜tool▁outputs▁end｜>", "｜DSML｜", "<|tool_calls_section_begin|>", "<|tool_call_begin|>", "<|tool_call_argument_begin|>",
    "<|tool_call_end|>", "<|tool_calls_section_end|>", "<|im_system|>", "<|im_user|>", "<|im_assistant|>", "<|im_middle|>", "<|start|>", "<|end|>",
    "<|message|>", "<|channel|>", "<|constrain|>", "<|return|>", "<|call|>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>", "<tool_call>",
    "</tool_call>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>", "<think>", "</think>", "<start_of_turn>", "<end_of_turn>", "<|turn>", "<turn|>",
    "<|tool_call>", "<tool_call|>", "<|tool>", "<tool|>", "<|tool_response>", "<tool_response|>", "<|channel>", "<channel|>", "<|\"|>",
    "<start_function_call>", "<end_function_call>", "<escape>", "<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>", "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>",
    "<|SYSTEM_TOKEN|>", "<|START_THINKING|>", "<|END_THINKING|>", "<|START_ACTION|>", "<|END_ACTION|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>",
    "<|START_TOOL_RESULT|>", "<|END_TOOL_RESULT|>", "<|tool|>", "<|/tool|>", "<|tool_call|>", "<|/tool_call|>", "[THINK]", "[/THINK]",
};
#define MARKS_N_SPECIAL (sizeof marks_special / sizeof *marks_special)
#define MARKS_PLAIN     2 /* of them, where marks are bytes: the begin and the end token */

static inline struct gguf *marks_gguf(bool plain, struct buf *b)
{
    buf_init(b, TINY_LIMIT);
    tiny_header(b, 3, 0, TINY_N_TOKENIZER_KV);
    tiny_tokenizer_of(b, "gpt-2", marks_special, plain ? MARKS_PLAIN : MARKS_N_SPECIAL, 1);
    return gguf_parse(b->data, b->len, NULL);
}

#endif
