/*
 * infer/template.h - a model's chat template: messages and tools in our neutral form (docs/protocol.md) become tokens.
 *
 * Templates are programs (infer/jinja.h) that expect messages as OpenAI's interface has them, each with habits of its own: what they want
 * is found out when one is opened, by showing them small conversations.
 *
 * Only what the template itself wrote is looked through for names of special tokens.  A person, a tool or a model may spell them: that stays
 * text.
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
#define TEMPLATE_MAX_CALLS    64 /* in one message */

struct template;

struct template_spec {
    const char *text;
    size_t      len;
    const struct tokenizer *tokenizer; /* borrowed */
    const struct tm *now;              /* for templates that tell the date; NULL: when it is rendered */
    size_t      max_steps;             /* of one rendering; 0: JINJA_MAX_STEPS */
};

struct template_traits {
    bool system;   /* takes a system message; otherwise that goes before the first user's text */
    bool tools;    /* shows the tools it is given */
    bool calls;    /* writes an assistant's calls */
    bool results;  /* writes a tool's messages */
    bool parallel; /* several calls in one message; otherwise they become several messages, each with its result */
};

/* NULL with CORAX_E_ARGS (an error in it, or it cannot even show a question), CORAX_E_LIMIT. */
struct template *template_create(const struct template_spec *, struct err *) __attribute__((warn_unused_result));
void template_destroy(struct template *);
const struct template_traits *template_traits(const struct template *);

/* AS_EVER: as the template has it where nobody asks for anything. */
enum template_thinking { THINKING_AS_EVER, THINKING_ON, THINKING_OFF };

struct template_prompt {
    struct tokens tokens;
    struct buf    text; /* what they say, for people */
    size_t        tail; /* from here on it is the template's own: what it wrote behind the last byte of the conversation */
};

/*
 * messages: an array, tools: an array or NULL.  Up to where the model goes on.  -1 with CORAX_E_ARGS and the place ("messages[3]: ..."; "chat template: ..." where that refuses), CORAX_E_LIMIT; then there
 * is nothing to finish.
 */
int template_render(const struct template *, const struct json *messages, const struct json *tools, enum template_thinking,
                    struct template_prompt *out, struct err *);
void template_prompt_finish(struct template_prompt *);

/* --- template_builtin.c: for families whose files have none ------------------------------------------------------- */

const char *template_builtin(const char *name); /* NULL: there is none of that name */
/* The name of one for a model, by its architecture and the special tokens that it has; NULL: none that is known. */
const char *template_guess(const char *arch, const struct tokenizer *);

#endif
