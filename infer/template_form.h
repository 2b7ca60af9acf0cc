/*
 * infer/template_form.h - the inside of a template: the form in which it takes conversations, and the steps to a prompt.
 *
 * template.c goes through them: messages are checked (template_check.c), written as globals in the template's form
 * (template_globals.c), rendered, and cut into tokens (template_tokens.c).  The form is found by template_probe.c.
 */
#ifndef INFER_TEMPLATE_FORM_H
#define INFER_TEMPLATE_FORM_H

#include "infer/jinja.h"
#include "infer/template.h"
#include "infer/trie.h"

#define TEMPLATE_MAX_TEXT    ((size_t)TOKENIZER_MAX_TEXT) /* bytes of a prompt */
#define TEMPLATE_MAX_GLOBALS (4 * TEMPLATE_MAX_TEXT)      /* of the JSON that it is rendered from */
#define TEMPLATE_MAX_VALUES  400000                       /* in it; each takes about 100 bytes */
#define TEMPLATE_MAX_DEPTH   (JSON_MAX_DEPTH - 8)         /* of arguments and schemas, which stand deep in the globals */

/* What stands for tools where there are none. */
enum template_none { TEMPLATE_UNDEFINED, TEMPLATE_NULL, TEMPLATE_EMPTY };

struct template_form {
    bool system;             /* system messages are taken */
    bool tools;              /* does not fail when it is given tools */
    bool functions;          /* wants the tools as a text of JSON, too: functions */
    bool arguments_text;     /* wants arguments as a text of JSON */
    bool null_content;       /* wants null beside calls where there is no text */
    bool content_to_thought; /* drops or refuses text beside calls */
    bool split_calls;        /* one call at a time */
    enum template_none none;
};

struct template {
    struct jinja *jinja;
    struct jinja *functions; /* what writes form.functions; NULL: its text does not mention them */
    const struct tokenizer *tokenizer;
    struct tm now;
    bool has_now;
    bool has_thinking, has_reasoning; /* reads these members of messages */
    struct template_form form;
    struct template_traits traits;
    struct template_names {
        struct trie user;  /* user-defined tokens that look like frames, while it is found out which are */
        bool *seen;        /* of each token id: the template writes it */
        struct trie frame; /* those that it writes */
        struct trie named; /* and with them all control tokens */
    } names;
};

/* What is rendered, for messages and tools that template_check took: freed by json_free.  NULL with CORAX_E_LIMIT or ARGS. */
struct json *template_globals(const struct template *, const struct template_form *, const struct json *messages,
                              const struct json *tools, enum template_thinking thinking, struct err *) __attribute__((warn_unused_result));

/* The local day, at its midnight. */
void template_today(struct tm *);

/* max_steps and max_bytes: of rendering, 0: the usual ones. */
int template_text(const struct template *, const struct template_form *, const struct json *messages,
                  const struct json *tools, enum template_thinking thinking, size_t max_steps, size_t max_bytes, struct jinja_text *out,
                  struct err *) __attribute__((warn_unused_result));

/* Fills form and traits.  CORAX_E_LIMIT when memory is short. */
int template_probe(struct template *, struct err *);

/* Between these two, template_names_see() says what the template writes. */
int template_names_init(struct template_names *, const struct tokenizer *, struct err *);
int template_names_close(struct template_names *, const struct tokenizer *, struct err *);
void template_names_see(struct template_names *, const char *text, size_t len);
void template_names_finish(struct template_names *);

/* Appends the tokens of a text that the template rendered. */
int template_tokens(const struct template *, const struct jinja_text *, struct tokens *out, struct err *);

#endif
