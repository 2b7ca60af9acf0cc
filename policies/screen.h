/*
 * policies/screen.h - what a tool is asked about a call's arguments before the policy decides on the call.
 *
 * A screen is a question: a tool (`by`), its argument that takes a list, and the role of the arguments whose values it is given.
 * The answer is a list of words, its findings, or that there is none: not known.  Screens that ask the same have the same
 * answer, whichever file they are of.  What is not known counts against the call: a rule that asks or denies holds, one that allows
 * does not.
 *
 * Whoever asks for a decision brings the answers (struct policy_request); the engine asks nobody.
 */
#ifndef POLICIES_SCREEN_H
#define POLICIES_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"
#include "util/json.h"

#define SCREEN_MAX_QUESTIONS 16         /* that a call may raise; what is asked beyond is not known */
#define SCREEN_MAX_FINDINGS  32         /* of an answer */
#define SCREEN_MAX_WORD      64         /* bytes of a finding */
#define SCREEN_MOLECULE      "molecule" /* the only role there is: SMILES, lists of them, reactions */

struct screen {
    const char *name; /* "default/controlled" */
    const char *by;   /* "chemistry.controlled_check" */
    const char *argument, *role;
};

struct screen_answer {
    const char *by, *argument, *role;
    bool known;
    size_t n;
    const char *const *findings;
};

/* Answers that are read from JSON, whose texts they point to. */
struct screen_answers {
    size_t n;
    struct screen_answer at[SCREEN_MAX_QUESTIONS];
    const char *words[SCREEN_MAX_QUESTIONS][SCREEN_MAX_FINDINGS];
};

bool screen_is_finding(const char *word); /* 1 to SCREEN_MAX_WORD of a-z 0-9 - _ */
/* Does it answer the question?  Of several answers to one the first counts. */
bool screen_asks(const struct screen *, const struct screen_answer *);
/*
 * What is found out without asking: { "controlled": ["cwc-1"], "default/explosive": null }, by the ids or names of the screens.  null: not
 * known, as where a screen is left out.  -1 with CORAX_E_ARGS, also for a name that no screen has.
 */
int screen_read_answers(const struct screen *, size_t n, const struct json *, struct screen_answers *, struct err *);

#endif
