/*
 * infer/script.h - how a kind of reply is written: its parts one after the other, and the marks that divide them.
 *
 * A script is a small automaton.  In a state a part of the reply is being written (reasoning, text, the name or the arguments
 * of a call) until one of the state's marks comes, or it is nothing but marks.  The grammar that holds a model to it (script_build())
 * and the reader that takes its reply apart (infer/reply.h) are made of the same script, so that what the one lets pass the
 * other understands.
 *
 *     script_init(&s, tokenizer);
 *     text = script_state(&s, SCRIPT_TEXT);  name = script_state(&s, SCRIPT_NAME); ...
 *     script_exit(&s, text, "<tool_call>", name);
 *
 * Where the vocabulary has a mark, or a part of one, as a control token it is that token; otherwise it is its bytes.
 */
#ifndef INFER_SCRIPT_H
#define INFER_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infer/notation.h"
#include "infer/program.h"
#include "infer/tokenizer.h"
#include "infer/tool.h"
#include "util/err.h"

#define SCRIPT_MAX_STATES 32
#define SCRIPT_MAX_EXITS  6
#define SCRIPT_MAX_UNITS  4096 /* of all marks */
#define SCRIPT_MAX_MARK   200  /* units of one */
#define SCRIPT_MAX_ENDS   8
#define SCRIPT_MAX_BANS   6

enum script_part { SCRIPT_NOTHING, SCRIPT_REASONING, SCRIPT_TEXT, SCRIPT_NAME, SCRIPT_ARGUMENTS, SCRIPT_DIGITS, SCRIPT_NINE };

/* Units from `first` on: bytes, or MACHINE_TOKEN + a control token. */
struct script_mark {
    uint16_t first, n;
};

struct script_exit {
    struct script_mark mark; /* n 0: only behind arguments, whose end shows by itself */
    uint8_t            next;
    bool               stays; /* what follows begins with the mark */
};

struct script_state {
    enum script_part   part;
    unsigned           n_exits;
    struct script_exit exits[SCRIPT_MAX_EXITS];
    int                otherwise; /* NOTHING: the state in which none of the marks stands here; -1: one of them must */
    bool               blanks;    /* NOTHING: white space may stand before a mark */
    bool               ends;      /* the reply may end here, with one of the end tokens */
    bool               done;      /* it is over */
};

struct script {
    const struct tokenizer *tokenizer;
    struct script_state     states[SCRIPT_MAX_STATES];
    uint32_t                units[SCRIPT_MAX_UNITS];
    size_t                  n_states, n_units, n_ends, n_bans;
    int32_t                 ends[SCRIPT_MAX_ENDS];   /* tokens */
    struct script_mark      bans[SCRIPT_MAX_BANS];   /* what reasoning and text never contain, besides the marks that end them */
    int                     start;
    struct notation         notation;                /* of arguments; its marks without symbols */
    bool                    trims;                   /* white space around reasoning and text is none of theirs */
    bool                    failed;                  /* it is larger than the limits above */
    /* A thought of so many tokens ends: with one of these tokens.  0: no bound. */
    size_t                  max_thought;
    int32_t                 after_thought[2];
};

void script_init(struct script *, const struct tokenizer *);
int  script_state(struct script *, enum script_part);
/* In a mark the byte 1 stands for a number of one to four digits, and 2 for nine letters and digits. */
void script_exit(struct script *, int from, const char *mark, int to);
/* The same where the mark is what the next state begins with. */
void script_exit_before(struct script *, int from, const char *mark, int to);
void script_ban(struct script *, const char *text);
void script_end_token(struct script *, int32_t token); /* -1 and those that are there already do nothing */

/* Do they let the same replies pass, and read them alike? */
bool script_equal(const struct script *, const struct script *);
/* The units of a text, at most max of them.  Returns their number. */
size_t script_units(const struct script *, const char *text, size_t len, uint32_t *units, size_t max);

/*
 * What script_build() wants to know.  The schemas of the tools are borrowed by the program.  answer: what the text must be, as one
 * symbol, NULL: any text.
 */
struct script_grammar {
    const struct script *script;
    const struct tool   *tools;
    size_t               n_tools;
    const struct symbol *answer;
    size_t               bad_tool; /* set where its schema cannot be held */
};
/*
 * Puts the rules into the builder, as matchers want it (matcher_build_fn): grammar is a struct script_grammar.  0, or -1 with the
 * errors of tool_arguments() and notation_add(), CORAX_E_LIMIT.
 */
int script_build(void *grammar, struct program_builder *, struct shapes *, uint32_t *start, struct err *);

#endif
