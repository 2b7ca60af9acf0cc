/*
 * daemon/agents.h - agents: files that say how a task is worked on, by name.
 *
 * NAME.json in the folder `agents` of corax.conf:
 *
 *     { "agent": 1, "description": "…", "model": "small", "planner": "plan", "tools": ["calc"], "pinned": ["calc"], "system": "…", "budget": {…}, "sampling": {…},
 *       "policy": {…} }
 *
 * All but "agent" may be left out; then it is as in corax.conf.  A task that names an agent may narrow it: fewer tools, smaller budgets.
 */
#ifndef DAEMON_AGENTS_H
#define DAEMON_AGENTS_H

#include "daemon/config.h"

#define AGENTS_MAX      256
#define AGENT_MAX_NAME  64
#define AGENT_MAX_BYTES (256u << 10) /* of a file */

struct agent {
    char *name;
    struct json *root;          /* owns the texts */
    const char *description;    /* "": none */
    const char *system;         /* NULL: as corax.conf has it */
    const struct json *tools;   /* NULL: all */
    const struct json *pinned;  /* of these, given to each task (docs/tools.md); NULL: none */
    const struct json *policy;  /* narrows what corax.conf allows; NULL: nothing */
    const char *model;          /* NULL: the default */
    const struct planner_kind *planner;
    const char *memory;         /* a space; NULL: as corax.conf has it, or none where it is said so */
    bool has_memory;            /* it is said */
    struct budget budget;
    struct sampling sampling;
};

struct agents;

/* dir NULL: there are none.  The config is what is left out.  NULL: err names file and key. */
struct agents *agents_load(const char *dir, const struct config *, struct err *);
void agents_destroy(struct agents *);
const struct agent *agents_find(const struct agents *, const char *name);
const struct agent *agents_at(const struct agents *, size_t i); /* by name; NULL past the last, or where there are none */
/* The member "agents", sorted by name. */
void agents_write(const struct agents *, struct jsonw *);

#endif
