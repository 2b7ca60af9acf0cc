/*
 * daemon/config.h - corax.conf and the command line, checked.
 *
 * docs/config.md lists the keys.  Values are set in this order: built-in defaults, the file, the command line.  A
 * config owns its texts; every error names the key.
 */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/planner.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/json.h"
#include "util/log.h"

struct sampling {
    double temperature, top_p, min_p;
    int top_k;
    int64_t seed;
};

/* What is remembered from task to task (docs/memory.md). */
struct memory_config {
    char *space;      /* of tasks that name none; NULL: they remember nothing */
    int max_items;    /* facts in a space */
    int note_chars;   /* of a note that a model makes */
    int recall_items; /* that a task is told of at its beginning; 0: none */
    int recall_bytes; /* of all that it is told */
};

/* The model that makes vectors of texts, so that memories and tools are found by what they mean, too (docs/config.md). */
struct embedding_config {
    char *model;                       /* its path; NULL: none, words alone are searched */
    char *query_prefix, *text_prefix; /* what it was trained to find before them; NULL: nothing */
    int timeout_ms;                    /* how long a search waits for its vector */
    double min_cosine;                 /* of a memory that has none of the words, and of a tool in a step; less is not found */
};

#define CONFIG_MAX_TOOLS 1000 /* that a task or an agent may name */
#define CONFIG_MAX_PINNED 64 /* of these that are always given: their definitions are in every prompt */
#define CONFIG_MAX_MODELS 64
#define CONFIG_MAX_LIST 256 /* plugins or policies in the list */
#define CONFIG_MAX_HOSTS 64 /* processes of one plugin */

struct config_list {
    size_t n;
    char *at[CONFIG_MAX_LIST];
};

#define RETRIEVAL_MAX_STEP 20

/* Which tools a task is given at its beginning, and later (docs/tools.md). */
struct retrieval_config {
    int max_tools; /* a task that could call more is given those that fit it, and find_tools */
    int top_k;     /* so many */
    int step_k;    /* so many more before each ask, at most; to RETRIEVAL_MAX_STEP; 0: none */
    int step_max;  /* so many more in all that a task is given so */
    struct config_list pinned; /* names of tools that each such task is given, if it may call them */
};

/* What corax-infer loads. */
struct model_file {
    char *name; /* what tasks and agents call it; NULL: it is the default */
    char *path;
    char *dialect, *template; /* NULL: as the model says */
};

struct agents;
struct foreign_config;

/* What MCP clients are offered besides tools (docs/mcp.md). */
struct mcp_config {
    char *prompts, *resources; /* folders; NULL: none */
    bool approve;              /* a client that submitted a call may be asked to approve it */
};

struct config {
    char *socket, *state;
    char *listen; /* a loopback address with a port; NULL: the socket alone */
    struct mcp_config mcp;
    char *agents_dir;       /* NULL: there are none */
    struct agents *agents;  /* by config_load_agents() */
    struct model_file model; /* the default; path NULL: none */
    size_t n_models;
    struct model_file models[CONFIG_MAX_MODELS];
    int max_models; /* of these, loaded at the same time */
    char *system;      /* NULL: none */
    int compact_percent; /* of the model's window: a transcript beyond is summed up; 0: never */
    bool date_note;    /* the model is told the date behind a task's input */
    char *admin_group; /* NULL: none */
    struct config_list plugins, policies, admin_policies;
    char *user_policies;    /* a folder; NULL: none */
    int approval_seconds;   /* how long a person has to approve a call; 0: as long as the task */
    int max_running, max_queued, max_scheduled;
    bool stop_finishes; /* on SIGTERM running tasks go on to their end, not to that of their step */
    int stop_seconds;   /* how long a step may take then */
    bool sync_normal;                     /* of the journal: a loss of power may take what was stored last */
    int keep_days, keep_tasks, keep_mb;   /* finished tasks beyond are deleted; 0: no limit */
    const struct planner_kind *planner; /* of tasks that name none */
    struct budget budget;
    struct sampling sampling;
    char *infer_path;
    int infer_threads; /* 0: all */
    int infer_cache_mb; /* 0: an eighth of the memory */
    bool infer_prefixes; /* kept in files below the state's folder */
    char *host_path;
    char *box_path;
    char *egress_path;
    struct foreign_config *foreign; /* foreign MCP servers; NULL: there are none */
    bool strict;              /* isolation: a machine that lacks a part of a box will not do */
    struct config_list roots; /* NAME=PATH */
    int host_deadline_ms;
    int host_processes; /* of a plugin at most, at the same time */
    struct memory_config memory;
    struct retrieval_config retrieval;
    struct embedding_config embedding;
    enum log_level log_level;
};

int config_init(struct config *, struct err *); /* the defaults */
void config_finish(struct config *);
/* Lays the file's keys over what is there.  -1 with CORAX_E_ARGS naming file, key and what is wrong. */
int config_parse(struct config *, const char *text, size_t len, struct err *);
int config_read(struct config *, const char *path, struct err *);
int config_set_text(char **slot, const char *value, struct err *);
int config_list_add(struct config_list *, const char *value, struct err *);
void config_list_clear(struct config_list *);
/* Adds a root; -1 when the text is not NAME=PATH, or the name is there already. */
int config_add_root(struct config_list *, const char *text, struct err *);
int config_set_isolation(struct config *, const char *mode, struct err *);

/* The members `budget` and `sampling` look the same in a task: what is absent stays as it is. */
int config_read_budget(const struct json *, struct budget *, struct err *);
int config_read_sampling(const struct json *, struct sampling *, struct err *);
/* The member "budget". */
void config_write_budget(const struct budget *, struct jsonw *);
/* Once everything else is set, for it is what agents leave out. */
int config_load_agents(struct config *, struct err *);
/*
 * Takes over from a fresh config, all set, what a running daemon can change: agents, system, date_note, max_running, max_queued,
 * max_scheduled, stop, planner, budget, sampling, memory, tool_retrieval, mcp, of embedding how long is waited and what counts, compact_percent, log_level and approval_seconds; what it had is the fresh one's then.  Policies are loaded by the caller.  Into restart go the names of the
 * keys that differ besides, with commas between; they stay as they are.
 */
void config_adopt(struct config *, struct config *fresh, struct buf *restart);
/* A member "memory" of a task or an agent: the name of a space, or null for none. */
int config_read_space(const struct json *, const char **, struct err *);
/* The name of one of `models`; NULL is the default.  -1 with CORAX_E_ARGS: there is none of that name. */
int config_find_model(const struct config *, const char *name, const struct model_file **, struct err *);
int config_read_planner(const struct json *, const struct planner_kind **, struct err *);
/* A list of at most CONFIG_MAX_TOOLS names of tools; NULL is none. */
int config_check_tools(const struct json *, struct err *);
int config_check_pinned(const struct json *, struct err *);

#endif
