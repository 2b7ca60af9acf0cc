/*
 * infer/template.h - a model's chat template: from messages and tools as docs/protocol.md has them to the tokens that the
 * model was trained to go on from.
 *
 * A template is written for the messages of OpenAI's API and as its author liked: one wants arguments as an object,
 * another as a text; one writes a call only where the content is none, another fails there; one refuses system messages,
 * one knows a single call at a time.  What it is like is found out when it is created, by rendering small conversations
 * with words that can be found again; from then on each conversation is given to it in the form that it takes:
 *
 * - ids of calls are c00000001, c00000002, ... in the order of the conversation (some templates want nine letters and
 *   digits); results follow in the order of the calls, the text of a failed one with "error: " in front;
 * - where system messages are refused, the text goes before that of the first user message, an empty line between;
 * - where one call at a time is known, calls made together become messages of their own, each with its result behind it;
 * - text beside calls that would be refused or dropped goes with the reasoning;
 * - tools are sorted by name, so that the same tools are always the same tokens.
 *
 * What a template does not know (struct template_traits) it drops or refuses; that is the caller's care.
 *
 * Special tokens come out only where every byte of their name is the template's own: names of control tokens, and of the
 * user-defined tokens that the template writes.  Data that spells one stays text.  As with transformers no begin token is
 * added to what the template wrote.
 */
#ifndef INFER_TEMPLATE_H
#define INFER_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "infer/tokenizer.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/json.h"

#define TEMPLATE_MAX_MESSAGES 10000
#define TEMPLATE_MAX_CALLS    128  /* in one message */
#define TEMPLATE_MAX_TOOLS    4096 /* as many as a constraint takes */

struct template;

struct template_spec {
    const char *text; /* Jinja, UTF-8; borrowed during the call */
    size_t len;
    const struct tokenizer *tokenizer; /* borrowed as long as the template lives */
    const struct tm *now; /* what templates are told of the time; NULL: the local day, from its midnight on, since the hour
                             would make each prompt a new one.  Copied. */
};

struct template_traits {
    bool system;   /* takes a system message */
    bool tools;    /* shows the tools it is given: names and parameters */
    bool calls;    /* writes an assistant message's calls: names and arguments */
    bool results;  /* writes tool messages */
    bool parallel; /* writes several calls of one message */
};

/*
 * NULL with CORAX_E_ARGS for a text that is no template ("template: line 3: ..."), CORAX_E_LIMIT for one that is too long
 * or when memory is short.  That it fails on conversations is no error here.  A second at most, usually milliseconds.
 */
struct template *template_create(const struct template_spec *, struct err *) __attribute__((warn_unused_result));
void template_destroy(struct template *);
const struct template_traits *template_traits(const struct template *);

/* AS_EVER: as the template has it where nobody asks for anything. */
enum template_thinking { THINKING_AS_EVER, THINKING_ON, THINKING_OFF };

struct template_prompt {
    struct tokens tokens;
    struct buf text; /* what the tokens stand for, names of special tokens as they are */
    size_t tail;     /* text from here on is the template's own: what it wrote behind the last byte of data */
};

/* What template_render() looks at first: CORAX_E_ARGS with the place ("messages[3]: role: ...").  tools may be NULL. */
int template_check(const struct json *messages, const struct json *tools, struct err *);

/*
 * messages: a JSON array of MESSAGE; tools: one of TOOL, or NULL (docs/protocol.md).  Up to where the model goes on.
 * thinking: as far as the template lets that be chosen.  out is written on success only, and then to be
 * freed.  CORAX_E_ARGS with the place ("messages[3]: role: ...") or with what the template says; CORAX_E_LIMIT.  Any
 * thread may do this at any time.
 */
int template_render(const struct template *, const struct json *messages, const struct json *tools, enum template_thinking thinking,
                    struct template_prompt *out, struct err *) __attribute__((warn_unused_result));
void template_prompt_finish(struct template_prompt *);

/*
 * A template of ours, for models whose file has none: "alpaca", "amberchat", "chatml", "crystalchat", "gemma", "kimi", "llama-3",
 * "mistral" (with control tokens), "mistral-v1" (where [INST] is text), "phi-3", "rwkv-world", "vicuna", "zephyr".  NULL:
 * there is none of that name.  Besides what all templates are told they use begin_token: the begin token's name where the
 * model has it before a text, otherwise empty.
 */
const char *template_builtin(const char *name);
/* The name of one of those that fits the architecture or the special tokens of the vocabulary, or NULL. */
const char *template_guess(const char *arch, const struct tokenizer *);

#endif
