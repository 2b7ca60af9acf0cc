#include "infer/constraint_pool.h"

#include <stdlib.h>
#include <string.h>

void constraint_pool_finish(struct constraint_pool *p)
{
    for (size_t i = 0; i < p->n; i++)
        constraint_destroy(p->list[i].constraint);
    free(p->list);
    memset(p, 0, sizeof *p);
}

static struct constraint *take(struct constraint_pool *p, size_t i)
{
    struct constraint *c = p->list[i].constraint;

    memmove(&p->list[i], &p->list[i + 1], (--p->n - i) * sizeof *p->list);
    return c;
}

struct constraint *constraint_pool_take(struct constraint_pool *p, const struct script *script)
{
    for (size_t i = p->n; i-- > 0;)
        if (script_equal(&p->list[i].script, script)) {
            struct constraint *c = take(p, i);

            constraint_restart(c);
            return c;
        }
    return NULL;
}

void constraint_pool_leave(struct constraint_pool *p, const struct script *script, struct constraint *c)
{
    if (!c || constraint_is_worn(c) || (!p->list && !(p->list = calloc(CONSTRAINT_POOL_MAX, sizeof *p->list)))) {
        constraint_destroy(c);
        return;
    }
    if (p->n == CONSTRAINT_POOL_MAX)
        constraint_destroy(take(p, 0));
    memcpy(&p->list[p->n].script, script, sizeof *script);
    p->list[p->n++].constraint = c;
}
