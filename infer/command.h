/*
 * infer/command.h - the commands of corax-infer: one file and one `const struct command` each.
 *
 * A command returns 0, or -1 with the error filled; corax-infer.c prints that and sets the exit status.
 */
#ifndef INFER_COMMAND_H
#define INFER_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "infer/dialect.h"
#include "infer/scheduler.h"
#include "util/buf.h"
#include "util/err.h"

#define COMMAND_MAX_LIST      16
#define COMMAND_MAX_PEERS     4
#define COMMAND_MAX_SEQUENCES 16

/* "128,512" */
struct sizes {
    size_t n, values[COMMAND_MAX_LIST];
};

struct args {
    const char *model, *text; /* text: NULL when the command has no second argument */
    const char *file, *tokens, *prompt, *type;
    const char *schema, *grammar, *pattern, *tags; /* of generate */
    bool        json, raw, special, ends, lenient;
    size_t      n_tokens, top; /* n_tokens SIZE_MAX: not given */
    struct sizes prompts, sequences, depths, prefixes; /* of bench, as the next three; no prompts: not given */
    const char *replay; /* of bench; NULL: not given */
    size_t      n_runs, n_peers;
    const char *peers[COMMAND_MAX_PEERS];
    struct sampling       sampling;
    struct engine_options engine;
    struct scheduler_options scheduler;
    const char *dialect, *chat_template; /* of serve and generate: a name, a file; NULL: as the model says */
};

struct command {
    const char *name, *arguments, *what; /* arguments and what: for --help */
    const char *options;                 /* names of those that it takes, each between spaces */
    bool        runs_model;              /* takes the options of those that do, too */
    bool        no_model;                /* takes no argument at all; else the first is a model */
    bool        takes_text, takes_type;  /* a second argument, and a third */
    const char *(*check)(const struct args *); /* what is wrong with the arguments, or NULL; may itself be NULL */
    int (*run)(const struct args *, struct err *);
};

/* Appends a file of at most out->limit bytes, or for "-" what comes on standard input.  Errors as file_read(). */
int command_read(const char *path, struct buf *out, struct err *);

/* The dialect that the options ask for, with the errors of dialect_open() and command_read(). */
struct dialect *command_dialect(const struct args *, const struct gguf *, const struct tokenizer *, struct err *) __attribute__((warn_unused_result));

extern const struct command command_serve, command_inspect, command_tokenize, command_detokenize, command_logits,
    command_generate, command_prompt, command_perplexity, command_embed, command_bench, command_convert, command_quantize,
    command_schema_check;

#endif
