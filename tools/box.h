/*
 * tools/box.h - a box: one process tree that sees a system of its own, with nothing in it worth taking.
 *
 * Three processes make one.  corax-box itself stays outside and waits.  The box's init (process 1 inside) builds the box around
 * itself: namespaces, a root of its own, an unprivileged user, no capabilities, a system-call filter, Landlock.  The program is init's child, so
 * that signals and abort() behave for it as they do anywhere.  When corax-box dies, for whatever reason, the kernel kills
 * init, and with it everything inside; nothing can leave by setsid() or a second fork.
 *
 * Root builds with root's power, since a user in a namespace of its own may not look into root's folders, then becomes
 * `uid` and only then enters a user namespace, so that what is mounted belongs to nobody inside.  An ordinary user
 * needs the user namespace first.  Inside both are user BOX_INNER_ID.
 *
 * What the kernel refuses is left out, and box_state says which part that is and why; the caller decides whether that will do.
 */
#ifndef TOOLS_BOX_H
#define TOOLS_BOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/err.h"
#include "util/json.h"

#define BOX_INNER_ID   1000
#define BOX_UID        65534 /* what root becomes, unless told otherwise */
#define BOX_MAX_BINDS  256
#define BOX_MAX_ENV    64
#define BOX_FOLDER     "/box" /* the working directory of exec */
#define BOX_TREE_BYTES (64ULL << 20) /* of each writable folder; it is memory */

enum box_part {
    BOX_USER,
    BOX_PID,
    BOX_MOUNT,
    BOX_NET,
    BOX_IPC,
    BOX_UTS,
    BOX_CGROUP_NS,
    BOX_ROOT,
    BOX_PROC,
    BOX_NO_NEW_PRIVS,
    BOX_CAPABILITIES,
    BOX_LANDLOCK,
    BOX_SECCOMP,
    BOX_LIMITS,
    BOX_CGROUP,
    BOX_N_PARTS
};

struct box_part_state {
    bool in_force;
    char why[220]; /* a sentence, when it is not */
};

/* Written by the box's init, read by corax-box: memory that both share. */
struct box_state {
    struct box_part_state parts[BOX_N_PARTS];
    int landlock_abi; /* 0: none */
    bool ended;       /* the program did; status is valid */
    int status;       /* as waitpid gives it */
};

struct box_bind {
    char *source; /* without symbolic links; NULL: taken out */
    char *dest;   /* absolute */
};

struct box_spec {
    bool code;   /* exec: a writable BOX_FOLDER; else only a small /tmp */
    bool filter; /* false in front of a program with sanitizers, which ptrace themselves */
    bool cgroup;
    bool network; /* the host's: no namespace of its own, and sockets of the internet; only for what must talk to others */
    bool scratch; /* /tmp may hold BOX_TREE_BYTES, though it is not `code` */
    uid_t uid; /* what root becomes */
    size_t n_env;
    const char *env[BOX_MAX_ENV]; /* "NAME=value", before what every program is given */
    size_t n_binds;
    struct box_bind binds[BOX_MAX_BINDS]; /* read-only */
};

struct box_cgroup {
    int version; /* 0: none, 1 or 2 */
    char dirs[2][512];
    int procs[2];                                     /* -1: none */
    int memory_limit, swap_limit, pids_limit;         /* to be written; -1: none */
    int memory_events, memory_peak;                   /* to be read */
};

struct box {
    const struct box_spec *spec;
    struct box_state *state;
    struct box_cgroup cgroup;
    bool privileged; /* root that may mount */
    pid_t pid;       /* of init, seen from outside */
};

/* What the program may use.  0: not limited here. */
struct box_limits {
    int64_t wall_ms, cpu_ms;
    int64_t memory_bytes; /* of each process, where there is no cgroup */
    int64_t processes;
    int64_t output_bytes, files_bytes;
};

/*
 * Binds source read-only at dest, or where it is when dest is NULL; what is under /usr is there anyway.  With owned, it must
 * be a file that belongs to root or to the caller and that nobody else may write to.  -1 with CORAX_E_NOTFOUND, CORAX_E_DENIED, …
 */
int box_spec_bind(struct box_spec *, const char *source, const char *dest, bool owned, struct err *);
void box_spec_finish(struct box_spec *);

/*
 * Gives the calling process, which must have one thread, a child that is the init of a new box.  Returns twice: 0 inside, with
 * the box built as far as it goes, and 1 outside.  -1 with CORAX_E_UNAVAIL: there is no child.
 */
int box_fork(struct box *, const struct box_spec *, struct err *);
/* Outside, when init has ended. */
void box_finish(struct box *);

/* Inside: turns the calling child of init into the program.  Returns only when that fails, with errno. */
void box_become(const struct box *, const char *path, char *const argv[], const struct box_limits *);
/* Inside: kills whatever runs and reaps it. */
void box_kill_all(void);

const char *box_part_name(enum box_part);
/* The parts without which nothing foreign is run. */
bool box_is_essential(enum box_part);
bool box_is_wanted(const struct box *, enum box_part); /* the spec asks for it */
/* The first wanted part that is missing, of the essential ones or of all; BOX_N_PARTS: none. */
enum box_part box_missing(const struct box *, bool essential);
/* "mode", "parts", "complete" as members of the object that is open. */
void box_write_report(const struct box *, struct jsonw *);

#endif
