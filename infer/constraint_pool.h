/*
 * infer/constraint_pool.h - constraints of the same tools that nobody uses just now.
 *
 * Step after step an agent asks with the same tools, and making a constraint of hundreds of them takes as long as some tokens.  Whoever has
 * written a reply leaves its constraint here; who wants one for the same script takes it, with what it has worked out so far.
 */
#ifndef INFER_CONSTRAINT_POOL_H
#define INFER_CONSTRAINT_POOL_H

#include <stddef.h>

#include "infer/constraint.h"
#include "infer/script.h"

#define CONSTRAINT_POOL_MAX 3

struct constraint_pool {
    struct {
        struct script      script;
        struct constraint *constraint;
    } *list; /* [n], the one that was left last is the last */
    size_t n;
};

void constraint_pool_finish(struct constraint_pool *);
/* One that was made for an equal script, as new; NULL: there is none. */
struct constraint *constraint_pool_take(struct constraint_pool *, const struct script *);
/* Takes it over: keeps it, or destroys it where it is too worn or there is no room. */
void constraint_pool_leave(struct constraint_pool *, const struct script *, struct constraint *);

#endif
