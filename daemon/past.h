/*
 * daemon/past.h - the calls that a task has made, as policies count them.
 */
#ifndef DAEMON_PAST_H
#define DAEMON_PAST_H

#include <stddef.h>

#include "policies/policy.h"
#include "util/json.h"

struct past { /* zeroed: none */
    struct policy_past *calls;
    size_t n, cap;
};

/* A copy of the call is the last one: the tool may be gone when its call is still counted. */
void past_add(struct past *, const struct policy_past *);
/* From a tool_intent event; one of a further attempt is there already. */
void past_add_intent(struct past *, const struct json *intent);
/* From what past_write made. */
void past_add_list(struct past *, const struct json *list);
void past_write(struct jsonw *, const char *key, const struct policy_past *, size_t n);
/* Drops all of them. */
void past_finish(struct past *);
/* What an event or a list says of a call; names that are not known, or none, count as the worst. */
void past_read_effects(const struct json *, unsigned *effects, unsigned *traits);

#endif
