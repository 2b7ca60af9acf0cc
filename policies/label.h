/*
 * policies/label.h - what is known of where data came from, and who may see it.
 *
 * A label has two parts (Denning 1976; of language model agents: FIDES, arXiv 2505.23643).  Integrity says whether somebody who is
 * not trusted may have written the data, and with it instructions to the model.  Confidentiality says who may see it.  What is made
 * of several pieces of data has the worse of their labels, part by part: labels only ever get worse, they are never promoted.
 */
#ifndef POLICIES_LABEL_H
#define POLICIES_LABEL_H

#include <stdbool.h>

enum integrity { TRUSTED, UNTRUSTED };                /* ordered: the worse one is greater */
enum confidentiality { PUBLIC, INTERNAL, SECRET };    /* ordered: the closer one is greater */

struct label {
    enum integrity integrity;
    enum confidentiality confidentiality;
}; /* all zero: trusted and public, the best */

struct label label_join(struct label, struct label);
bool label_is_within(struct label, struct label most); /* no part is worse than most's */

const char *integrity_name(enum integrity);             /* "trusted" "untrusted" */
const char *confidentiality_name(enum confidentiality); /* "public" "internal" "secret" */
bool integrity_find(const char *name, enum integrity *);
bool confidentiality_find(const char *name, enum confidentiality *);

#endif
